"""What voters would hear, held against the profile: asked by `dialer check`, and by `dialer run` before anything is dialled.

Settings are checked when they are read (`dialer.settings.site_rules`), a flow's texts when it is loaded
(`dialer.flows.check`). The checks in this module need the catalogue and the sounds on disk.
"""

from __future__ import annotations

from collections.abc import Iterator

from dialer.audio.catalogue import Voice
from dialer.audio.information_message import MESSAGE_SOUND, message_prompt, missing_sounds
from dialer.audio.names import PromptName
from dialer.audio.numbers import LABEL
from dialer.audio.playlist import Playlist, PlaylistReader
from dialer.audio.words import words_of
from dialer.domain.clock import Clock
from dialer.domain.enums import CampaignKind
from dialer.errors import SettingError
from dialer.flows.audio_settings import labels_synthetic, playlist_reader
from dialer.flows.texts import FALLBACK_LANGUAGE
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.settings.site_time import site_day

_DRAFTS = "run dialer audio drafts -c SETTINGS"


def content_problems(
    settings: Settings, profile: Profile, clock: Clock, reader: PlaylistReader | None = None
) -> list[SettingError]:
    """Voices without their label. Blocks: files are read, by the `reader` where there is one. Raises CatalogueError."""
    if not labels_synthetic(settings, profile):
        return []
    playlist = None
    if settings.audio.catalogue is not None:
        playlist = (reader or playlist_reader(settings, profile)).read()
    return [*_message_problems(settings, playlist), *_label_problems(settings, profile, playlist, clock)]


def _plays_message(settings: Settings) -> bool:
    """Whether Asterisk may have to play the information message by itself."""
    return settings.uses_asterisk and any(campaign.kind is CampaignKind.AGENTS for campaign in settings.campaigns)


def _message_problems(settings: Settings, playlist: Playlist | None) -> Iterator[SettingError]:
    """No computer speaks the information message without saying so."""
    if playlist is None or not _plays_message(settings):
        return
    entries = {name: listed.entry for name, listed in playlist.listed.items()}
    name = message_prompt(entries, (settings.centre.language, FALLBACK_LANGUAGE))
    if name is None or entries[name].voice is Voice.HUMAN:
        return
    words = words_of(name.language)
    if entries[name].voice is not Voice.DRAFT or words is None or not entries[name].text.startswith(words.label):
        problem = f"a computer speaks the information message ({name.path}) and does not say that it is one"
        yield SettingError("settings", "dialer.audio.catalogue", problem, f"record it, or {_DRAFTS}")


def _label_problems(
    settings: Settings, profile: Profile, playlist: Playlist | None, clock: Clock
) -> Iterator[SettingError]:
    """Flows: that it is known which voice is a computer's, and that its label can be played."""
    if not _plays_sounds(settings):
        return
    if playlist is None:
        problem = (
            f"is not set, so nobody knows which voice is a computer's; the profile {profile.name!r} wants it labelled"
        )
        yield SettingError("settings", "dialer.audio.catalogue", problem, "name the directory of the catalogue")
        return
    today = site_day(settings, clock.now())
    for language in sorted({name.language for name in playlist.listed if playlist.synthetic(name)}):
        why = playlist.why_not(PromptName("", language, LABEL), today)
        if why is not None:
            problem = f"prompts in {language} are a computer's voice, and {language}/{LABEL}, which says so, {why}"
            yield SettingError("settings", "dialer.audio.catalogue", problem, _DRAFTS)


def _plays_sounds(settings: Settings) -> bool:
    """Whether a flow plays sounds of ours. A voice of Twilio's own is labelled by the page that it begins with."""
    recorded = any(campaign.kind is CampaignKind.IVR and not campaign.has_script for campaign in settings.campaigns)
    recorded = recorded or any(number.flow is not None for number in settings.inbound.numbers)
    return recorded and (settings.uses_asterisk or settings.twilio.sounds_url is not None)


def refuse_content(settings: Settings, profile: Profile, clock: Clock, reader: PlaylistReader | None = None) -> None:
    """Raise the first of what must be mended before a real line is dialled: the message where it is required, and voices."""
    sounds = settings.audio.sounds
    if profile.information_message.required and _plays_message(settings) and missing_sounds(sounds, [MESSAGE_SOUND]):
        problem = f"{sounds} has no {MESSAGE_SOUND}: an abandoned caller would hear nothing"
        raise SettingError("settings", "audio.sounds", problem, _DRAFTS)
    for each in content_problems(settings, profile, clock, reader):
        raise each
