"""The tones that agents on permanently connected (nailed-up) phones hear, as sounds for Asterisk."""

from __future__ import annotations

import array
import math
import sys
import wave
from collections.abc import Sequence
from pathlib import Path

SAMPLES_A_SECOND = 8000
_PEAK = 9000  # of 32767: about 11 dB below full scale, so that tones do not startle agents
_EDGE_SECONDS = 0.005  # fade at both ends, because a sudden edge sounds like a click

SILENCE = "matdan/silence"
"""The sound that a conference plays after its agent has left. Without it ConfBridge fails and hangs up the voter."""

TONES: dict[str, tuple[tuple[float, float], ...]] = {
    "matdan/beep": ((1000.0, 0.16),),  # a voter is connected
    "matdan/key": ((1400.0, 0.04),),  # a key was accepted, more are expected
    "matdan/done": ((700.0, 0.04), (1400.0, 0.04)),
    "matdan/wrong": ((350.0, 0.1),),
    SILENCE: ((0.0, 0.02),),
}
"""The segments (Hz, seconds) of each sound. Responses to keys are short, because a key released during one is lost."""


def synthesise_tone(pieces: Sequence[tuple[float, float]]) -> array.array[int]:
    """Return a tone as 16-bit samples at 8 kHz. Each segment of the tone is (frequency in Hz, seconds)."""
    samples = array.array("h")
    for hertz, seconds in pieces:
        count = round(seconds * SAMPLES_A_SECOND)
        edge = min(count // 2, round(_EDGE_SECONDS * SAMPLES_A_SECOND)) or 1
        for number in range(count):
            loudness = _PEAK * min(1.0, number / edge, (count - number) / edge)
            samples.append(round(loudness * math.sin(2 * math.pi * hertz * number / SAMPLES_A_SECOND)))
    return samples


def write_agent_tones(directory: Path) -> list[Path]:
    """Write every tone below Asterisk's sounds directory, and return the files.

    A missing directory is created, but not its parent.

    Raises:
        OSError: a file cannot be written.
    """
    directory.mkdir(exist_ok=True)
    written: list[Path] = []
    for name, pieces in TONES.items():
        path = directory / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = synthesise_tone(pieces)
        if sys.byteorder == "big":
            samples.byteswap()  # WAV is little-endian
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLES_A_SECOND)
            file.writeframes(samples.tobytes())
        written.append(path)
    return written
