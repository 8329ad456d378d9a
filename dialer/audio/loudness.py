"""Measure and normalise loudness by ITU-R BS.1770 and EBU R 128.

Each prompt gets a constant gain, and a limiter if necessary. This preserves the speaker's emphasis, which the dynamic
mode of FFmpeg's loudnorm would level out. FFmpeg measures (`ebur128`) and limits (`alimiter`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from dialer.audio.filters import RESAMPLER, Samples, apply_filters_and_yield_frames, apply_filters_to_samples

SILENT_LUFS: Final = -70.0  # the absolute gate of BS.1770: lower loudness counts as silence
_SHORTEST_MEASURED: Final = 3.0  # seconds; shorter sounds are repeated, as a measured block has 0.4 s
_CLOSE_ENOUGH_DB: Final = 0.1
_ROUNDS: Final = 4
_MARGIN_DB: Final = 0.4  # the largest amount that 8-bit quantisation (G.711, G.722) adds to a peak
_OVERSAMPLING: Final = 4  # by BS.1770, annex 2
_LOWEST_LIMIT: Final = 0.0625  # of alimiter
MOST_LIMITED_DB: Final = 6.0  # stronger limiting makes a prompt sound dull: its peaks are far above its speech


@dataclass(frozen=True, slots=True)
class Loudness:
    """The loudness of a sound by EBU R 128. `moments` is the loudness of 0.4 s windows (LUFS), one every 0.1 s."""

    integrated_lufs: float
    true_peak_db: float
    moments: tuple[float, ...] = ()


def measure_loudness(samples: Samples, rate: int, *, peaks: bool = True) -> Loudness:
    """Return the loudness of samples at `rate` (Hz).

    A sound shorter than three seconds is measured as if it were repeated. Without `peaks`, the true peak is not
    measured (this is faster) and -inf is returned for it.
    """
    if not len(samples):
        return Loudness(SILENT_LUFS, -math.inf)
    repeats = math.ceil(_SHORTEST_MEASURED * rate / len(samples))
    sound = np.tile(samples, repeats) if repeats > 1 else samples
    step = rate // 10  # ebur128 reports at each tenth of a second, and ignores an incomplete last tenth
    sound = np.append(sound, np.zeros(-len(sound) % step, np.float32))
    found = [
        dict(frame.metadata) for frame in apply_filters_and_yield_frames(sound, rate, (("ebur128", "metadata=1"),))
    ]
    moments = tuple(float(each["lavfi.r128.M"]) for each in found)[: math.ceil(10 * len(samples) / rate)]
    integrated = float(found[-1]["lavfi.r128.I"])
    return Loudness(
        integrated if math.isfinite(integrated) else SILENT_LUFS,
        measure_true_peak(samples, rate) if peaks else -math.inf,
        moments,
    )


def measure_true_peak(samples: Samples, rate: int) -> float:
    """Return the true peak (dBFS): the highest level, also between samples.

    The samples are oversampled four times (BS.1770). FFmpeg's `ebur128` can measure it too, but is slower.
    """
    between = apply_filters_to_samples(samples, rate, (("aresample", f"osr={_OVERSAMPLING * rate}:osf=flt"),))
    peak = max(float(np.abs(each).max(initial=0.0)) for each in (samples, between))
    return 20 * math.log10(peak) if peak > 0 else -math.inf


def normalise_loudness(
    samples: Samples, rate: int, loudness_lufs: float, highest_peak_db: float, before: Loudness | None = None
) -> tuple[Samples, float]:
    """Return (samples amplified to `loudness_lufs`, dB by which the highest peak was reduced).

    A limiter keeps peaks below `highest_peak_db`, and the gain is raised to compensate. The peak limit has priority: a
    sound with extreme peaks stays below `loudness_lufs`.

    Args:
        before: the loudness of the samples, if it has been measured already.
    """
    before = before or measure_loudness(samples, rate)
    ceiling = highest_peak_db - _MARGIN_DB
    gain = loudness_lufs - before.integrated_lufs
    over = before.true_peak_db + gain - ceiling
    if over <= 0:
        return amplify_samples(samples, gain), 0.0
    limited = samples
    for _ in range(_ROUNDS):
        limited = _limit_peaks(amplify_samples(samples, gain), rate, ceiling)
        missing = loudness_lufs - measure_loudness(limited, rate, peaks=False).integrated_lufs
        if abs(missing) <= _CLOSE_ENOUGH_DB:
            break
        gain += missing
    peak = measure_true_peak(limited, rate)
    if peak > ceiling:
        limited = amplify_samples(limited, ceiling - peak)
    return limited, max(0.0, before.true_peak_db + gain - ceiling)


def amplify_samples(samples: Samples, gain_db: float) -> Samples:
    """Return the samples amplified by `gain_db`."""
    return samples * np.float32(10 ** (gain_db / 20))


def _limit_peaks(samples: Samples, rate: int, ceiling_db: float) -> Samples:
    """Limit the peaks of samples. The limiter oversamples four times, so that it also finds peaks between samples."""
    limit = max(_LOWEST_LIMIT, 10 ** (ceiling_db / 20))
    held = apply_filters_to_samples(
        samples,
        rate,
        (
            ("aresample", f"osr={_OVERSAMPLING * rate}:{RESAMPLER}"),
            ("alimiter", f"limit={limit:.5f}:attack=3:release=60:level=0:latency=1"),
            ("aresample", f"osr={rate}:osf=flt:{RESAMPLER}"),
        ),
    )
    return held[: len(samples)]
