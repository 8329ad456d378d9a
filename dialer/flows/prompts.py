"""The sounds that a call may play: names by convention, the campaign's own before the shared ones, and the catalogue's word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog

from dialer.audio.errors import CatalogueError
from dialer.audio.gate import PlayRules
from dialer.audio.names import Places, PromptName, prompt_of_sound
from dialer.audio.numbers import LABEL
from dialer.audio.playlist import Playlist, PlaylistReader
from dialer.domain.clock import Clock
from dialer.domain.enums import Purpose
from dialer.flows.sounds import sounds_of
from dialer.flows.texts import Texts
from dialer.flows.turns import PromptRef
from dialer.settings.audio import Audio
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.settings.site_rules import site_profile
from dialer.settings.site_time import site_zone

if TYPE_CHECKING:
    from dialer.audio.making import Recipe


class MissingSounds:
    """Says of each sound that callers do not hear it: once, and not on every call."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, sound: str, why: str) -> None:
        """Log a sound that was left out, if nobody has yet."""
        if sound in self._told or len(self._told) >= _MOST_TOLD:
            return
        self._told.add(sound)
        _log.error("flow.sound_missing", sound=sound, error=why)
        if len(self._told) == _MOST_TOLD:
            _log.error(
                "flow.sounds_missing", error="so many are missing that no more are named; run dialer audio check"
            )


_MOST_TOLD = 1000


_log = structlog.get_logger(__name__)

DEFAULT_CATALOGUE = Path("catalogue")
REFRESH_SECONDS = 30.0


def catalogue_of(settings: Settings) -> Path:
    """Where the site's catalogue is."""
    return settings.audio.catalogue or DEFAULT_CATALOGUE


def places_of(settings: Settings) -> Places:
    """Where the site's recordings and sounds are."""
    return Places(settings.audio.recordings, settings.audio.sounds)


def recipe_of(audio: Audio) -> Recipe:
    """What the site's sounds are like."""
    from dialer.audio.making import Recipe  # noqa: PLC0415 - with all that makes sounds: a dialler only plays them

    return Recipe(audio.formats, audio.loudness_lufs, audio.true_peak_db, audio.max_seconds)


def rules_of(audio: Audio, profile: Profile) -> PlayRules:
    """What the site and its profile ask of a prompt before it is played."""
    certified = audio.certified_recordings or Purpose.MATERIAL in profile.certificate.needed_for
    return PlayRules(certified, audio.approved_only, audio.play_drafts)


def playlist_reader(settings: Settings, profile: Profile | None = None) -> PlaylistReader:
    """What reads the site's catalogue and sounds. Raises SettingError where no `profile` is given and the site's is broken."""
    rules = rules_of(settings.audio, profile or site_profile(settings))
    return PlaylistReader(catalogue_of(settings), places_of(settings), rules)


@dataclass(slots=True)
class CataloguePrompts:
    """One call's prompts."""

    playlist: Playlist
    campaign: str
    today: date
    texts: Texts
    label_synthetic: bool = False
    _labelled: bool = field(default=False, init=False)

    def sounds(self, ref: PromptRef, language: str) -> Sequence[str]:
        """The campaign's own sounds where it has them and may play them, else the shared ones.

        Where the site or its profile asks for it, the first prompt in which a computer speaks comes after one that says so.
        """
        chosen = [self.own(sound) for sound in sounds_of(ref, language, self.texts)]
        if self.label_synthetic and not self._labelled:
            names = [name for sound in chosen if (name := prompt_of_sound(sound)) is not None]
            spoken = next((name for name in names if self._plays(name) and self.playlist.synthetic(name)), None)
            if spoken is not None:
                self._labelled = True
                return [self._label(spoken).sound, *chosen]
        return chosen

    def why_not(self, sound: str) -> str | None:
        """Why a sound may not be played: the catalogue does not know it, something is against it, or its label is missing."""
        name = prompt_of_sound(sound)
        if name is None:
            return None
        why = self.playlist.why_not(name, self.today)
        if (
            why is None
            and self.label_synthetic
            and self.playlist.synthetic(name)
            and not self._plays(self._label(name))
        ):
            return f"is a computer's voice, and {self._label(name).path}, which says so, does not play"
        return why

    def _label(self, name: PromptName) -> PromptName:
        return PromptName("", name.language, LABEL)

    def own(self, sound: str) -> str:
        """The campaign's own sound in the place of a shared one, where it has one that may play."""
        name = prompt_of_sound(sound)
        if name is None:
            return sound
        own = PromptName(self.campaign, name.language, name.name)
        if own in self.playlist.listed and (self._plays(own) or not self._plays(name)):
            return own.sound
        return sound

    def _plays(self, name: PromptName) -> bool:
        return self.playlist.why_not(name, self.today) is None


class SitePrompts:
    """Keeps the playlist of a running centre, and gives each call its prompts."""

    def __init__(
        self, reader: PlaylistReader, clock: Clock, zone: ZoneInfo, texts: Callable[[], Texts], *, label: bool = False
    ) -> None:
        """`texts` gives what flows say now; `label`: say that a computer speaks. Call `refresh` before the first call."""
        self._reader = reader
        self._clock = clock
        self._zone = zone
        self._texts = texts
        self._label = label
        self._playlist = Playlist({}, reader.rules)
        self._wrong = ""
        self._missing = MissingSounds()

    def for_call(self, campaign: str) -> CataloguePrompts:
        """The prompts of a call of that campaign, by what may be played now."""
        today = datetime.fromtimestamp(self._clock.now(), self._zone).date()
        return CataloguePrompts(self._playlist, campaign, today, self._texts(), self._label)

    def may_play(self, sound: str) -> bool:
        """Whether a shared sound may be played now, for carriers that fetch the files themselves. A no is logged once a sound."""
        why = self.for_call("").why_not(sound)
        if why is not None:
            self._missing.tell(sound, why)
        return why is None

    def speaks_synthetic(self, language: str) -> bool:
        """Whether a computer speaks in any shared prompt of a language."""
        names = self._playlist.listed
        return any(name.language == language and not name.campaign and self._playlist.synthetic(name) for name in names)

    async def refresh(self) -> None:
        """Read the catalogue anew, in a thread; a sound is checked when asked for. Raises CatalogueError, keeps what it knew."""
        self._playlist = await asyncio.to_thread(self._reader.read)

    def _read_and_check(self) -> Playlist:
        playlist = self._reader.read()
        self._reader.check(playlist)
        return playlist

    async def run(self) -> None:
        """Check every sound, then look for changes for ever, in a thread: only in the first moments does a call wait for a hash. A
        catalogue that cannot be read is told once; until it is mended the last one holds.
        """
        await asyncio.to_thread(self._reader.check, self._playlist)
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                self._playlist = await asyncio.to_thread(self._read_and_check)
            except CatalogueError as error:
                if str(error) != self._wrong:
                    self._wrong = str(error)
                    _log.error("audio.catalogue_unreadable", error=str(error))
            else:
                self._wrong = ""


def labels_synthetic(settings: Settings, profile: Profile) -> bool:
    """Whether a computer's voice must say that it is one: the site's wish, or its profile's rule."""
    return settings.audio.label_synthetic or profile.synthetic_voice.must_be_labelled


def site_prompts(
    settings: Settings, profile: Profile, clock: Clock, texts: Callable[[], Texts], reader: PlaylistReader | None = None
) -> SitePrompts | None:
    """The prompts of a site; None: it has no catalogue, and sounds play unchecked. `reader`: one that has read it already."""
    if settings.audio.catalogue is None:
        return None
    return SitePrompts(
        reader or playlist_reader(settings, profile),
        clock,
        site_zone(settings),
        texts,
        label=labels_synthetic(settings, profile),
    )
