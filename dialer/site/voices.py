"""Checks of recorded and synthetic voices, by `dialer check` and by `dialer run` before anything is dialled.

They need the catalogue of recordings and the sounds on disk. Settings (`dialer.settings.site_rules`) and texts of flows
(`dialer.flows.check`) are checked when they are loaded.
"""

from __future__ import annotations

from collections.abc import Iterator

from dialer.audio.catalogue import Voice
from dialer.audio.information_message import MESSAGE_SOUND, find_information_message_prompt, find_missing_sounds
from dialer.audio.names import PromptName
from dialer.audio.numbers import LABEL
from dialer.audio.playlist import Playlist, PlaylistReader
from dialer.audio.words import load_spoken_words
from dialer.domain.clock import Clock
from dialer.domain.enums import CampaignKind
from dialer.errors import SettingError
from dialer.flows.audio_settings import make_playlist_reader, requires_notice_before_synthetic_speech
from dialer.flows.texts import FALLBACK_LANGUAGE
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.settings.site_time import get_site_day

_CREATE_DRAFTS = "run `dialer audio drafts -c SETTINGS`"


def find_unannounced_synthetic_voices(
    settings: Settings, profile: Profile, clock: Clock, reader: PlaylistReader | None = None
) -> list[SettingError]:
    """Return an error for each synthetic voice that would be played without saying that a computer speaks.

    Reads files, so it must run in a thread. Raises CatalogueError.
    """
    if not requires_notice_before_synthetic_speech(settings, profile):
        return []
    playlist = None
    if settings.audio.catalogue is not None:
        playlist = (reader or make_playlist_reader(settings, profile)).read_playlist()
    return [
        *_find_information_message_problems(settings, playlist),
        *_find_problems_with_synthetic_voice_notice(settings, profile, playlist, clock),
    ]


def refuse_unannounced_synthetic_voices(
    settings: Settings, profile: Profile, clock: Clock, reader: PlaylistReader | None = None
) -> None:
    """Raise SettingError if a required information message is missing, or a synthetic voice is not announced."""
    sounds = settings.audio.sounds
    if (
        profile.information_message.required
        and _is_information_message_needed(settings)
        and find_missing_sounds(sounds, [MESSAGE_SOUND])
    ):
        problem = f"{sounds} has no {MESSAGE_SOUND}, so an abandoned caller would hear nothing"
        raise SettingError("settings", "audio.sounds", problem, _CREATE_DRAFTS)
    for error in find_unannounced_synthetic_voices(settings, profile, clock, reader):
        raise error


def _is_information_message_needed(settings: Settings) -> bool:
    """Return whether Asterisk may have to play the information message, which the voter of an abandoned call hears."""
    return settings.uses_asterisk and any(campaign.kind is CampaignKind.AGENTS for campaign in settings.campaigns)


def _find_information_message_problems(settings: Settings, playlist: Playlist | None) -> Iterator[SettingError]:
    """Yield an error if the message that the voter of an abandoned call hears is a computer voice but does not say so."""
    if playlist is None or not _is_information_message_needed(settings):
        return
    entries = {name: listed.entry for name, listed in playlist.listed.items()}
    name = find_information_message_prompt(entries, (settings.centre.language, FALLBACK_LANGUAGE))
    if name is None or entries[name].voice is Voice.HUMAN:
        return
    words = load_spoken_words(name.language)
    if entries[name].voice is not Voice.DRAFT or words is None or not entries[name].text.startswith(words.label):
        problem = (
            f"the information message ({name.relative_prompt_path}) is a synthetic voice without an announcement of it"
        )
        yield SettingError("settings", "audio.catalogue", problem, f"record it, or {_CREATE_DRAFTS}")


def _find_problems_with_synthetic_voice_notice(
    settings: Settings, profile: Profile, playlist: Playlist | None, clock: Clock
) -> Iterator[SettingError]:
    """Yield an error if it is unknown which voices are synthetic, or if the notice of a computer voice cannot be
    played.
    """
    if not _does_site_play_own_sounds(settings):
        return
    if playlist is None:
        problem = (
            f"is not set, so it is unknown which voices are synthetic; the profile {profile.name!r} requires labels"
        )
        yield SettingError("settings", "audio.catalogue", problem, "set it to the directory of the catalogue")
        return
    today = get_site_day(settings, clock.now())
    for language in sorted(
        {name.language for name in playlist.listed if playlist.does_prompt_use_synthetic_voice(name)}
    ):
        why = playlist.find_reason_sound_is_blocked(PromptName("", language, LABEL), today)
        if why is not None:
            problem = f"prompts in {language} are a synthetic voice, and their label {language}/{LABEL} {why}"
            yield SettingError("settings", "audio.catalogue", problem, _CREATE_DRAFTS)


def _does_site_play_own_sounds(settings: Settings) -> bool:
    """Return whether an IVR flow plays sound files of the site.

    If not, voters hear only Twilio's computer voice, which Twilio announces in each call.
    """
    recorded = any(
        campaign.kind is CampaignKind.IVR and not campaign.runs_agi_script for campaign in settings.campaigns
    )
    recorded = recorded or any(number.flow is not None for number in settings.inbound.numbers)
    return recorded and (settings.uses_asterisk or settings.twilio.sounds_url is not None)
