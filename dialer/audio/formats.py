"""Encode and decode the sound formats that Asterisk plays without transcoding. WAV has a header; the others are raw
samples.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from dialer.audio.filters import Samples
from dialer.settings.audio import SoundFormat


def encode_pcm_samples(samples: Samples) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Return samples (-1 to 1) as 16-bit integers, clipped at full scale."""
    pcm: np.ndarray[tuple[int], np.dtype[np.int16]] = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(
        np.int16
    )
    return pcm


def decode_pcm_samples(data: bytes) -> Samples:
    """Return samples (-1 to 1) from the bytes of 16-bit integers."""
    return np.frombuffer(data, np.int16).astype(np.float32) / 32768.0


@dataclass(frozen=True, slots=True)
class _Kind:
    """The properties of a sound format: its sample rate (Hz), and FFmpeg's names of its codec and container."""

    rate: int
    codec: str
    container: str


_KINDS: Final = {
    SoundFormat.SLIN16: _Kind(16_000, "pcm_s16le", "s16le"),
    SoundFormat.ALAW: _Kind(8_000, "pcm_alaw", "alaw"),
    SoundFormat.ULAW: _Kind(8_000, "pcm_mulaw", "mulaw"),
    SoundFormat.G722: _Kind(16_000, "g722", "g722"),
    SoundFormat.WAV: _Kind(8_000, "pcm_s16le", "wav"),
}


def get_sample_rate(sound_format: SoundFormat) -> int:
    """Return the sample rate of a sound format (Hz)."""
    return _KINDS[sound_format].rate


def encode_sound(samples: Samples, sound_format: SoundFormat) -> bytes:
    """Return the content of a sound file in a format.

    The samples must have the sample rate of the format (`get_sample_rate`).
    """
    kind = _KINDS[sound_format]
    pcm = encode_pcm_samples(samples)
    if sound_format is SoundFormat.SLIN16:
        return pcm.tobytes()
    if sound_format is SoundFormat.G722 and len(pcm) % 2:
        pcm = np.append(pcm, np.int16(0))  # two samples share a byte
    out = io.BytesIO()
    with av.open(out, "w", format=kind.container) as container:
        stream = container.add_stream(kind.codec, rate=kind.rate, layout="mono")
        assert isinstance(stream, AudioStream)  # noqa: S101 - an audio codec makes an audio stream
        frame = AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = kind.rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return out.getvalue()


def decode_sound(content: bytes, sound_format: SoundFormat) -> Samples:
    """Return the samples in the content of a sound file. Their sample rate is `get_sample_rate(sound_format)`."""
    if sound_format is SoundFormat.SLIN16:
        return decode_pcm_samples(content[: len(content) // 2 * 2])
    kind = _KINDS[sound_format]
    options = {} if sound_format in (SoundFormat.G722, SoundFormat.WAV) else {"sample_rate": str(kind.rate)}
    with av.open(io.BytesIO(content), "r", format=kind.container, options=options) as container:
        pieces = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return decode_pcm_samples(np.concatenate(pieces).astype(np.int16).tobytes()) if pieces else np.zeros(0, np.float32)
