"""The sounds that the page /flows plays when a user tries out a flow: exactly those that a real call may play."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dialer.audio.names import AudioDirectories, find_prompt_of_sound
from dialer.audio.playlist import PlaylistReader
from dialer.domain.clock import Clock
from dialer.flows.audio_settings import (
    get_audio_directories,
    make_playlist_reader,
    requires_notice_before_synthetic_speech,
)
from dialer.flows.prompts import CataloguePrompts
from dialer.flows.sounds import list_sounds_of_prompt
from dialer.flows.texts import Texts
from dialer.flows.turns import PromptRef
from dialer.settings.audio import SoundFormat
from dialer.settings.files import read_whole_file
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile
from dialer.settings.site_time import get_site_day

MAX_SOUND_BYTES: Final = 40_000_000  # an hour of G.711 is 29 MB


@dataclass(frozen=True, slots=True)
class _SoundFile:
    path: Path
    sound_format: SoundFormat


class SiteSounds:
    """The sounds of a site's prompts. With a catalogue, only the sounds that it allows today can be played."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Store the settings and the clock. Files are read when the first sound is needed."""
        self._settings = settings
        self._clock = clock
        self._places: AudioDirectories = get_audio_directories(settings)
        self._reader: PlaylistReader | None = None

    def create_playable_sounds_finder(self, language: str, texts: Texts) -> Callable[[PromptRef], tuple[str, ...]]:
        """Return a function that lists the sounds of a prompt that a call in `language` may play, by name.

        Raises CatalogueError, SettingError.
        """
        allowed = self._read_allowed_prompts(texts)

        def find_playable_sounds(ref: PromptRef) -> tuple[str, ...]:
            sounds = (
                list_sounds_of_prompt(ref, language, texts)
                if allowed is None
                else allowed.find_sound_files(ref, language)
            )
            return tuple(each for each in sounds if self._find_playable_file(each, allowed) is not None)

        return find_playable_sounds

    def read_sound_as_wav(self, sound: str, texts: Texts) -> bytes | None:
        """Return a sound as a WAV file, or None if there is no such sound or calls may not play it.

        Raises CatalogueError, SettingError, OSError.
        """
        from dialer.audio.formats import (  # noqa: PLC0415 - loads the codecs, which the desk rarely needs
            decode_sound,
            encode_pcm_samples,
            get_sample_rate,
        )

        found = self._find_playable_file(sound, self._read_allowed_prompts(texts))
        if found is None:
            return None
        samples = decode_sound(read_whole_file(found.path, MAX_SOUND_BYTES), found.sound_format)
        out = io.BytesIO()
        with wave.open(out, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(get_sample_rate(found.sound_format))
            file.writeframes(encode_pcm_samples(samples).tobytes())
        return out.getvalue()

    def _read_allowed_prompts(self, texts: Texts) -> CataloguePrompts | None:
        """Return the prompts that the catalogue allows today, or None if the site has no catalogue."""
        if self._settings.audio.catalogue is None:
            return None
        profile = load_site_profile(self._settings)
        self._reader = self._reader or make_playlist_reader(self._settings, profile)
        label = requires_notice_before_synthetic_speech(self._settings, profile)
        today = get_site_day(self._settings, self._clock.now())
        return CataloguePrompts(self._reader.read_playlist(), "", today, texts, label)

    def _find_playable_file(self, sound: str, allowed: CataloguePrompts | None) -> _SoundFile | None:
        name = find_prompt_of_sound(sound)
        if name is None or (allowed is not None and allowed.find_reason_sound_is_blocked(sound) is not None):
            return None
        files = (_SoundFile(self._places.get_sound_path(name, each), each) for each in SoundFormat)
        return next((each for each in files if each.path.is_file()), None)
