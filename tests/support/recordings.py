"""Recordings such as media teams send, generated with PyAV without ffmpeg or sound files."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from dialer.audio.filters import Samples

_CODECS = {
    ".mp3": ("mp3", "fltp"),
    ".m4a": ("aac", "fltp"),
    ".ogg": ("libopus", "flt"),
    ".wav": ("pcm_s16le", "s16"),
    ".flac": ("flac", "s16"),
}


def speech(seconds: float, rate: int, *, level: float = 0.25, seed: int = 1) -> Samples:
    """Return speech-like samples: a voiced tone in the rhythm of syllables, with some noise. `level` is the peak (0-1)."""
    times = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal(len(times))
    syllables = np.clip(np.sin(2 * np.pi * 4 * times) + 0.3, 0, 1)
    harmonics = np.arange(1, 20)[:, None]
    voice = (np.sin(2 * np.pi * 140 * harmonics * times + harmonics) / harmonics).sum(axis=0)
    sound = syllables * (voice + 0.1 * noise)
    scaled: Samples = (level * sound / np.abs(sound).max()).astype(np.float32)
    return scaled


def tone(frequency: float, seconds: float, rate: int, level: float = 0.5) -> Samples:
    """Return a sine tone."""
    times = np.arange(round(seconds * rate)) / rate
    sine: Samples = (level * np.sin(2 * np.pi * frequency * times)).astype(np.float32)
    return sine


def write_recording(path: Path, left: Samples, rate: int, right: Samples | None = None) -> Path:
    """Write samples in the format of the file's suffix; stereo if `right` is given."""
    codec, sample_format = _CODECS[path.suffix]
    channels = np.stack([left] if right is None else [left, right])
    if sample_format == "s16":
        channels = np.clip(np.rint(channels * 32767), -32768, 32767).astype(np.int16)
    packed = channels if sample_format.endswith("p") else channels.T.reshape(1, -1)
    layout = "mono" if right is None else "stereo"
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, AudioStream)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(packed), format=sample_format, layout=layout)
        frame.sample_rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return path
