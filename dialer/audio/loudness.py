"""Loudness by ITU-R BS.1770 and EBU R 128: measure it, and normalise it with one gain and, if needed, a limiter.

One gain for a whole prompt preserves the emphasis of the speaker, unlike the dynamic mode of loudnorm. FFmpeg measures
and limits (`ebur128`, `alimiter`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from dialer.audio.filters import RESAMPLER, Samples, apply_filters, filtered_frames

SILENT_LUFS: Final = -70.0  # the absolute gate of BS.1770: anything below counts as silence
_SHORTEST_MEASURED: Final = 3.0  # seconds; a block has 0.4 s, and a spoken number may be shorter
_CLOSE_ENOUGH_DB: Final = 0.1
_ROUNDS: Final = 4
_MARGIN_DB: Final = 0.4  # what 8-bit quantisation (G.711, G.722) may add to a peak
_OVERSAMPLING: Final = 4  # by BS.1770, annex 2
_LOWEST_LIMIT: Final = 0.0625  # of alimiter
MOST_LIMITED_DB: Final = 6.0  # above this the prompt sounds dull: the recording has peaks far above its speech


@dataclass(frozen=True, slots=True)
class Loudness:
    """A measurement. `moments` is the momentary loudness (0.4 s) at each tenth of a second (LUFS)."""

    integrated_lufs: float
    true_peak_db: float
    moments: tuple[float, ...] = ()


def measure(samples: Samples, rate: int, *, peaks: bool = True) -> Loudness:
    """Measure integrated loudness (LUFS) and true peak (dBFS; -inf without `peaks`, which is faster).

    A sound shorter than three seconds is measured as if it were repeated.
    """
    if not len(samples):
        return Loudness(SILENT_LUFS, -math.inf)
    repeats = math.ceil(_SHORTEST_MEASURED * rate / len(samples))
    sound = np.tile(samples, repeats) if repeats > 1 else samples
    step = rate // 10  # ebur128 reports at each tenth of a second, and ignores the rest after the last one
    sound = np.append(sound, np.zeros(-len(sound) % step, np.float32))
    found = [dict(frame.metadata) for frame in filtered_frames(sound, rate, (("ebur128", "metadata=1"),))]
    moments = tuple(float(each["lavfi.r128.M"]) for each in found)[: math.ceil(10 * len(samples) / rate)]
    integrated = float(found[-1]["lavfi.r128.I"])
    return Loudness(
        integrated if math.isfinite(integrated) else SILENT_LUFS,
        true_peak_db(samples, rate) if peaks else -math.inf,
        moments,
    )


def true_peak_db(samples: Samples, rate: int) -> float:
    """Return the highest level (dBFS), also between the samples, by oversampling four times as in BS.1770 (annex 2).

    ebur128 can measure it too, at 192 kHz, but takes three times as long.
    """
    between = apply_filters(samples, rate, (("aresample", f"osr={_OVERSAMPLING * rate}:osf=flt"),))
    peak = max(float(np.abs(each).max(initial=0.0)) for each in (samples, between))
    return 20 * math.log10(peak) if peak > 0 else -math.inf


def normalise(
    samples: Samples, rate: int, loudness_lufs: float, highest_peak_db: float, before: Loudness | None = None
) -> tuple[Samples, float]:
    """Return (samples at `loudness_lufs`, reduction of the highest peak in dB).

    If a peak would exceed `highest_peak_db`, a limiter is used and the gain is raised to compensate. The limit of peaks
    always holds, so a sound that consists of peaks ends below the loudness. `before` is the measurement of the samples,
    if it exists already.
    """
    before = before or measure(samples, rate)
    ceiling = highest_peak_db - _MARGIN_DB
    gain = loudness_lufs - before.integrated_lufs
    over = before.true_peak_db + gain - ceiling
    if over <= 0:
        return amplify(samples, gain), 0.0
    limited = samples
    for _ in range(_ROUNDS):
        limited = _limited(amplify(samples, gain), rate, ceiling)
        missing = loudness_lufs - measure(limited, rate, peaks=False).integrated_lufs
        if abs(missing) <= _CLOSE_ENOUGH_DB:
            break
        gain += missing
    peak = true_peak_db(limited, rate)
    if peak > ceiling:
        limited = amplify(limited, ceiling - peak)
    return limited, max(0.0, before.true_peak_db + gain - ceiling)


def amplify(samples: Samples, gain_db: float) -> Samples:
    """Return the samples amplified by `gain_db`."""
    return samples * np.float32(10 ** (gain_db / 20))


def _limited(samples: Samples, rate: int, ceiling_db: float) -> Samples:
    """Limit the samples below the ceiling, at four times the rate so that peaks between samples are limited too."""
    limit = max(_LOWEST_LIMIT, 10 ** (ceiling_db / 20))
    held = apply_filters(
        samples,
        rate,
        (
            ("aresample", f"osr={_OVERSAMPLING * rate}:{RESAMPLER}"),
            ("alimiter", f"limit={limit:.5f}:attack=3:release=60:level=0:latency=1"),
            ("aresample", f"osr={rate}:osf=flt:{RESAMPLER}"),
        ),
    )
    return held[: len(samples)]
