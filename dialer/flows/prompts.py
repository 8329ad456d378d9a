"""The sounds that a call may play: those that the catalogue of recordings allows. A campaign's own sound replaces the
sound that all campaigns share.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog

from dialer.audio.errors import CatalogueError
from dialer.audio.names import PromptName, find_prompt_of_sound
from dialer.audio.numbers import LABEL
from dialer.audio.playlist import Playlist, PlaylistReader
from dialer.domain.clock import Clock
from dialer.flows.audio_settings import make_playlist_reader, requires_notice_before_synthetic_speech
from dialer.flows.missing_sounds import MissingSounds
from dialer.flows.sounds import list_sounds_of_prompt
from dialer.flows.texts import Texts
from dialer.flows.turns import PromptRef
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.settings.site_time import get_site_zone

if TYPE_CHECKING:
    pass

REFRESH_SECONDS = 30.0
"""Time between two checks of the catalogue for changes."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class CataloguePrompts:
    """The prompts that one call may play: those that the catalogue of recordings allows today."""

    playlist: Playlist
    campaign: str
    today: date
    texts: Texts
    label_synthetic: bool = False
    _labelled: bool = field(default=False, init=False)

    def find_sound_files(self, ref: PromptRef, language: str) -> Sequence[str]:
        """Return the names of the sound files of a prompt. For each sound, the campaign's own file is used if it may be
        played, otherwise the file that all campaigns share.

        If `label_synthetic` is set, a notice precedes the first prompt with a synthetic voice.
        """
        chosen = [
            self.choose_campaign_or_shared_sound(sound) for sound in list_sounds_of_prompt(ref, language, self.texts)
        ]
        if self.label_synthetic and not self._labelled:
            names = [name for sound in chosen if (name := find_prompt_of_sound(sound)) is not None]
            spoken = next(
                (
                    name
                    for name in names
                    if self._is_sound_playable(name) and self.playlist.does_prompt_use_synthetic_voice(name)
                ),
                None,
            )
            if spoken is not None:
                self._labelled = True
                return [self._get_name_of_synthetic_voice_notice(spoken).sound_name, *chosen]
        return chosen

    def find_reason_sound_is_blocked(self, sound: str) -> str | None:
        """Return why a sound may not be played, or None if it may."""
        name = find_prompt_of_sound(sound)
        if name is None:
            return None
        why = self.playlist.find_reason_sound_is_blocked(name, self.today)
        if why is None and self.label_synthetic and self.playlist.does_prompt_use_synthetic_voice(name):
            notice = self._get_name_of_synthetic_voice_notice(name)
            if not self._is_sound_playable(notice):
                return f"is a synthetic voice, but its announcement {notice.relative_prompt_path} may not be played"
        return why

    def _get_name_of_synthetic_voice_notice(self, name: PromptName) -> PromptName:
        return PromptName("", name.language, LABEL)

    def choose_campaign_or_shared_sound(self, sound: str) -> str:
        """Return the campaign's own version of a shared sound if it may be played, otherwise the shared sound."""
        name = find_prompt_of_sound(sound)
        if name is None:
            return sound
        own = PromptName(self.campaign, name.language, name.name)
        if own in self.playlist.listed and (self._is_sound_playable(own) or not self._is_sound_playable(name)):
            return own.sound_name
        return sound

    def _is_sound_playable(self, name: PromptName) -> bool:
        return self.playlist.find_reason_sound_is_blocked(name, self.today) is None


class SitePrompts:
    """The prompts that a running centre may play, from its catalogue of recordings. The catalogue is reloaded
    regularly.
    """

    def __init__(
        self, reader: PlaylistReader, clock: Clock, zone: ZoneInfo, texts: Callable[[], Texts], *, label: bool = False
    ) -> None:
        """Create the prompts of a site. Call `reload_catalogue` before the first call.

        Args:
            reader: reads the catalogue.
            clock: the clock that determines today's date.
            zone: the time zone of the site.
            texts: returns the current texts of flows.
            label: a notice precedes synthetic voices.
        """
        self._reader = reader
        self._clock = clock
        self._zone = zone
        self._texts = texts
        self._label = label
        self._playlist = Playlist({}, reader.rules)
        self._logged_error = ""
        self._missing = MissingSounds()

    def get_prompts_for_call(self, campaign: str) -> CataloguePrompts:
        """Return the prompts for a call of a campaign that starts now."""
        today = datetime.fromtimestamp(self._clock.now(), self._zone).date()
        return CataloguePrompts(self._playlist, campaign, today, self._texts(), self._label)

    def is_shared_sound_allowed_now(self, sound: str) -> bool:
        """Return whether a sound that all campaigns share may be played now. Each refusal is logged once.

        Carriers such as Twilio fetch the sound files themselves. So each request for a file needs this check.
        """
        why = self.get_prompts_for_call("").find_reason_sound_is_blocked(sound)
        if why is not None:
            self._missing.log_skipped_sound(sound, why)
        return why is None

    def has_prompts_with_synthetic_voice(self, language: str) -> bool:
        """Return whether any shared prompt in a language has a synthetic voice."""
        names = self._playlist.listed
        return any(
            name.language == language and not name.campaign and self._playlist.does_prompt_use_synthetic_voice(name)
            for name in names
        )

    async def reload_catalogue(self) -> None:
        """Reload the catalogue in a thread. If it cannot be read, raise CatalogueError and continue to use the old
        catalogue.
        """
        self._playlist = await asyncio.to_thread(self._reader.read_playlist)

    def _read_and_check_catalogue(self) -> Playlist:
        playlist = self._reader.read_playlist()
        self._reader.hash_all_sounds(playlist)
        return playlist

    async def reload_catalogue_regularly(self) -> None:
        """Hash every sound of the catalogue, then reload the catalogue regularly, in threads, until cancelled.

        So no call has to wait until a file is hashed. An unreadable catalogue is logged once, and the old one stays in
        use.
        """
        await asyncio.to_thread(self._reader.hash_all_sounds, self._playlist)
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                self._playlist = await asyncio.to_thread(self._read_and_check_catalogue)
            except CatalogueError as error:
                if str(error) != self._logged_error:
                    self._logged_error = str(error)
                    _log.error("catalogue.unreadable", error=str(error))
            else:
                self._logged_error = ""


def create_site_prompts_if_catalogue_exists(
    settings: Settings, profile: Profile, clock: Clock, texts: Callable[[], Texts], reader: PlaylistReader | None = None
) -> SitePrompts | None:
    """Return the prompts of a site, or None if the site has no catalogue. Without a catalogue, sounds are played
    unchecked.

    Args:
        reader: a reader that has already read the catalogue, if there is one.
    """
    if settings.audio.catalogue is None:
        return None
    return SitePrompts(
        reader or make_playlist_reader(settings, profile),
        clock,
        get_site_zone(settings),
        texts,
        label=requires_notice_before_synthetic_speech(settings, profile),
    )
