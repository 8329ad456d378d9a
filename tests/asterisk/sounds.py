"""Audio for the lab, in A-law at 8 kHz: tones, silence, and a function to distinguish them."""

from __future__ import annotations

import math

SILENCE = 0xD5
_SEGMENT_ENDS = (0x1F, 0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF)


def encode_a_law(sample: int) -> int:
    """Return a 16-bit sample in A-law (ITU-T G.711)."""
    mask, value = (0xD5, sample >> 3) if sample >= 0 else (0x55, -(sample >> 3) - 1)
    for segment, end in enumerate(_SEGMENT_ENDS):
        if value <= end:
            shift = max(1, segment)
            return (segment << 4 | value >> shift & 0xF) ^ mask
    return 0x7F ^ mask


def make_tone(seconds: float, hertz: float = 440.0, amplitude: int = 8000) -> bytes:
    """Return a sine tone."""
    return bytes(
        encode_a_law(round(amplitude * math.sin(2 * math.pi * hertz * n / 8000))) for n in range(round(seconds * 8000))
    )


def make_key_tone(seconds: float, low_hertz: float = 941.0, high_hertz: float = 1477.0) -> bytes:
    """Return the DTMF tone of a key, by default #."""
    angles = (2 * math.pi * n / 8000 for n in range(round(seconds * 8000)))
    return bytes(encode_a_law(round(6000 * (math.sin(low_hertz * a) + math.sin(high_hertz * a)))) for a in angles)


def make_silence(seconds: float) -> bytes:
    """Return silence of this duration."""
    return bytes([SILENCE]) * round(seconds * 8000)


def is_loud(payload: bytes) -> bool:
    """Return whether most samples of an A-law packet are well above silence."""
    loud = sum(1 for byte in payload if (byte ^ 0x55) & 0x7F > 0x30)
    return loud * 2 > len(payload)
