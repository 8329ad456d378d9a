"""pydub, imported in one place: it warns at import where no ffmpeg binary is, and nothing here needs one."""

from __future__ import annotations

import warnings

import numpy as np

from audio.decoding import Samples

with warnings.catch_warnings():
    # No ffmpeg binary; audioop's end in Python 3.13 (audioop-lts stands in); its own regexes.
    warnings.simplefilter("ignore")
    from pydub import AudioSegment
    from pydub.silence import detect_leading_silence

_STEP_MS = 10
_CLICK_MS = 80
_APART_MS = 200
_MOST_CLICKS = 3


def to_segment(samples: Samples, rate: int) -> AudioSegment:
    """Samples between -1 and 1 as a 16-bit segment."""
    return AudioSegment(data=to_pcm(samples).tobytes(), sample_width=2, frame_rate=rate, channels=1)


def to_pcm(samples: Samples) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """16-bit samples; what is beyond full scale is held there."""
    pcm: np.ndarray[tuple[int], np.dtype[np.int16]] = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(
        np.int16
    )
    return pcm


def from_pcm(data: bytes) -> Samples:
    """Samples between -1 and 1 from 16-bit ones."""
    return np.frombuffer(data, np.int16).astype(np.float32) / 32768.0


def silence_around(segment: AudioSegment, threshold_dbfs: float) -> tuple[int, int]:
    """Milliseconds before and after what is said; all of it before where nothing is.

    A click (of a button, of a plug) counts as silence: a sound of under 80 ms that is apart from the rest by 200 ms.
    """
    before = _silence_before(segment, threshold_dbfs)
    if before >= len(segment):
        return len(segment), 0
    return before, _silence_before(segment.reverse(), threshold_dbfs)


def _silence_before(segment: AudioSegment, threshold_dbfs: float) -> int:
    before = int(detect_leading_silence(segment, threshold_dbfs, _STEP_MS))
    for _ in range(_MOST_CLICKS):
        end = before
        while end - before < _CLICK_MS and segment[end : end + _STEP_MS].dBFS > threshold_dbfs:
            end += _STEP_MS
        if end - before >= _CLICK_MS:
            break
        after = int(detect_leading_silence(segment[end:], threshold_dbfs, _STEP_MS))
        if after < _APART_MS or end + after >= len(segment):
            break
        before = end + after
    return before
