"""Convert the audio section of a site's settings to the types of `dialer.audio`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dialer.audio.names import AudioDirectories
from dialer.audio.play_rules import PlayRules
from dialer.audio.playlist import PlaylistReader
from dialer.domain.enums import Purpose
from dialer.settings.audio import Audio
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile

if TYPE_CHECKING:
    from dialer.audio.conversion import Recipe

DEFAULT_CATALOGUE = Path("catalogue")


def get_catalogue_directory(settings: Settings) -> Path:
    """Return the directory of the site's catalogue of prompts."""
    return settings.audio.catalogue or DEFAULT_CATALOGUE


def get_audio_directories(settings: Settings) -> AudioDirectories:
    """Return the directories of the site's recordings and sounds."""
    return AudioDirectories(settings.audio.recordings, settings.audio.sounds)


def make_conversion_recipe(audio: Audio) -> Recipe:
    """Return the recipe for converting recordings: formats, loudness and maximum length of the site's sounds."""
    from dialer.audio.conversion import Recipe  # noqa: PLC0415 - loads the encoders, which a running dialler never uses

    return Recipe(audio.formats, audio.loudness_lufs, audio.true_peak_db, audio.max_seconds)


def create_play_rules(audio: Audio, profile: Profile) -> PlayRules:
    """Return the conditions (approvals, certificates) under which the site and its profile allow a prompt to be played."""
    certified = audio.certified_recordings or Purpose.MATERIAL in profile.certificate.needed_for
    return PlayRules(certified, audio.approved_only, audio.play_drafts)


def make_playlist_reader(settings: Settings, profile: Profile | None = None) -> PlaylistReader:
    """Return a reader of the prompts that the site may play now, from its catalogue and sounds.

    Raises:
        SettingError: `profile` is not given, and the site's own profile is invalid.
    """
    rules = create_play_rules(settings.audio, profile or load_site_profile(settings))
    return PlaylistReader(get_catalogue_directory(settings), get_audio_directories(settings), rules)


def requires_notice_before_synthetic_speech(settings: Settings, profile: Profile) -> bool:
    """Return whether the site or its profile requires a notice before synthetic speech."""
    return settings.audio.label_synthetic or profile.synthetic_voice.must_be_labelled
