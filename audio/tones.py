"""The tones that agents hear: `matdan/beep` when a voter comes, `key`, `done` and `wrong` in answer to a key."""

from __future__ import annotations

from typing import Final

import numpy as np

from audio.decoding import Samples
from audio.files import write_atomically
from audio.formats import encode, rate_of
from audio.making import Recipe
from audio.names import ROOT
from audio.prepare import Places

TONES: Final = {
    "beep": ((880, 0.16),),
    "key": ((1000, 0.04),),
    "done": ((800, 0.04), (1200, 0.04)),
    "wrong": ((400, 0.1),),
}
"""(Hz, seconds) one after the other."""

_LEVEL: Final = 0.1  # -20 dB: it must not startle who wears a headset
_FADE_SECONDS: Final = 0.004


def tone(name: str, rate: int) -> Samples:
    """The samples of one tone, faded at the ends of each of its parts."""
    return np.concatenate([_sine(frequency, seconds, rate) for frequency, seconds in TONES[name]])


def write_tones(places: Places, recipe: Recipe) -> int:
    """Put every tone in place that is not there yet; how many. A site's own tone is never overwritten. Raises OSError."""
    written = 0
    for name in TONES:
        for sound_format in recipe.formats:
            path = places.sounds / ROOT / f"{name}.{sound_format.value}"
            if not path.exists():
                write_atomically(path, encode(tone(name, rate_of(sound_format)), sound_format))
                written += 1
    return written


def _sine(frequency: int, seconds: float, rate: int) -> Samples:
    times = np.arange(round(seconds * rate)) / rate
    edges = np.minimum(times, seconds - times) / _FADE_SECONDS
    samples: Samples = (_LEVEL * np.clip(edges, 0, 1) * np.sin(2 * np.pi * frequency * times)).astype(np.float32)
    return samples
