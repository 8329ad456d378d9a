"""The tones that an agent hears on a nailed-up phone, as sounds that Asterisk plays."""

from __future__ import annotations

import array
import math
import sys
import wave
from collections.abc import Sequence
from pathlib import Path

SAMPLES_A_SECOND = 8000
_PEAK = 9000  # of 32767: some 11 dB below full scale, so that nobody starts
_EDGE_SECONDS = 0.005  # the tone fades in and out: an edge would be heard as a click

SILENCE = "matdan/silence"
"""What a conference plays when its agent is gone. Without it the voter's ConfBridge fails: hung up, and no message."""

TONES: dict[str, tuple[tuple[float, float], ...]] = {
    "matdan/beep": ((1000.0, 0.16),),  # a voter is there
    "matdan/key": ((1400.0, 0.04),),  # a key was taken, more is to come
    "matdan/done": ((700.0, 0.04), (1400.0, 0.04)),
    "matdan/wrong": ((350.0, 0.1),),
    SILENCE: ((0.0, 0.02),),
}
"""By sound: its pieces in hertz and seconds. Those that answer a key are short: a key that is let go meanwhile is lost."""


def samples_of(pieces: Sequence[tuple[float, float]]) -> array.array[int]:
    """The tone as 16-bit samples at 8 kHz."""
    samples = array.array("h")
    for hertz, seconds in pieces:
        count = round(seconds * SAMPLES_A_SECOND)
        edge = min(count // 2, round(_EDGE_SECONDS * SAMPLES_A_SECOND)) or 1
        for number in range(count):
            loudness = _PEAK * min(1.0, number / edge, (count - number) / edge)
            samples.append(round(loudness * math.sin(2 * math.pi * hertz * number / SAMPLES_A_SECOND)))
    return samples


def write_tones(directory: Path) -> list[Path]:
    """Write every tone below Asterisk's directory of sounds, which is made, but nothing above it; the files, in order. Raises
    OSError.
    """
    directory.mkdir(exist_ok=True)
    written: list[Path] = []
    for name, pieces in TONES.items():
        path = directory / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = samples_of(pieces)
        if sys.byteorder == "big":
            samples.byteswap()  # WAV is little-endian
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLES_A_SECOND)
            file.writeframes(samples.tobytes())
        written.append(path)
    return written
