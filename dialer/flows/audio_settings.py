"""The site's audio settings as the parts of `dialer.audio` need them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dialer.audio.names import Places
from dialer.audio.play_rules import PlayRules
from dialer.audio.playlist import PlaylistReader
from dialer.domain.enums import Purpose
from dialer.settings.audio import Audio
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.settings.site_rules import site_profile

if TYPE_CHECKING:
    from dialer.audio.conversion import Recipe

DEFAULT_CATALOGUE = Path("catalogue")


def catalogue_of(settings: Settings) -> Path:
    """Return the directory of the site's catalogue."""
    return settings.audio.catalogue or DEFAULT_CATALOGUE


def places_of(settings: Settings) -> Places:
    """Return the directories of the site's recordings and sounds."""
    return Places(settings.audio.recordings, settings.audio.sounds)


def recipe_of(audio: Audio) -> Recipe:
    """Return the format and loudness of the site's sounds."""
    from dialer.audio.conversion import Recipe  # noqa: PLC0415 - imports what makes sounds; a dialler only plays them

    return Recipe(audio.formats, audio.loudness_lufs, audio.true_peak_db, audio.max_seconds)


def rules_of(audio: Audio, profile: Profile) -> PlayRules:
    """Return what the site and its profile require of a prompt before it may be played."""
    certified = audio.certified_recordings or Purpose.MATERIAL in profile.certificate.needed_for
    return PlayRules(certified, audio.approved_only, audio.play_drafts)


def playlist_reader(settings: Settings, profile: Profile | None = None) -> PlaylistReader:
    """Return the reader of the site's catalogue and sounds.

    Raises SettingError if no `profile` is given and that of the site is invalid.
    """
    rules = rules_of(settings.audio, profile or site_profile(settings))
    return PlaylistReader(catalogue_of(settings), places_of(settings), rules)


def labels_synthetic(settings: Settings, profile: Profile) -> bool:
    """Return whether the site or its profile requires an announcement before synthetic speech."""
    return settings.audio.label_synthetic or profile.synthetic_voice.must_be_labelled
