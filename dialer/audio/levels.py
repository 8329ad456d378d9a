"""Loudness as ITU-R BS.1770 and EBU R 128 define it, and the way to one loudness: one gain, and a limiter where peaks need it.

One gain for a whole prompt keeps the speaker's own emphasis; loudnorm's dynamic mode, which rides the level, does not. All
measuring and limiting is FFmpeg's (`ebur128`, `alimiter`) through PyAV.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from dialer.audio.decoding import RESAMPLER, Samples, filtered, frames_of

SILENT_LUFS: Final = -70.0  # the absolute gate of BS.1770: what is below is no sound
_SHORTEST_MEASURED: Final = 3.0  # seconds; a block is 0.4 s, and a word of a number may be shorter than that
_CLOSE_ENOUGH_DB: Final = 0.1
_ROUNDS: Final = 4
_MARGIN_DB: Final = 0.4  # what 8-bit quantising (G.711, G.722) may add to a peak
_OVERSAMPLING: Final = 4  # of BS.1770, annex 2
_LOWEST_LIMIT: Final = 0.0625  # of alimiter
MOST_LIMITED_DB: Final = 6.0  # more than this is heard as dull: the recording has peaks far above its speech


@dataclass(frozen=True, slots=True)
class Loudness:
    """What was measured. `moments` is the momentary loudness (0.4 s) at each tenth of a second, in LUFS."""

    integrated_lufs: float
    true_peak_db: float
    moments: tuple[float, ...] = ()


def measured(samples: Samples, rate: int, *, peaks: bool = True) -> Loudness:
    """Integrated loudness in LUFS and true peak in dB of full scale (`peaks`: else -inf, and sooner).

    A sound that is shorter than three seconds is measured as if it were said again and again.
    """
    if not len(samples):
        return Loudness(SILENT_LUFS, -math.inf)
    repeats = math.ceil(_SHORTEST_MEASURED * rate / len(samples))
    sound = np.tile(samples, repeats) if repeats > 1 else samples
    step = rate // 10  # ebur128 tells what it found at each tenth of a second, and of nothing that comes after the last
    sound = np.append(sound, np.zeros(-len(sound) % step, np.float32))
    found = [dict(frame.metadata) for frame in frames_of(sound, rate, (("ebur128", "metadata=1"),))]
    moments = tuple(float(each["lavfi.r128.M"]) for each in found)[: math.ceil(10 * len(samples) / rate)]
    integrated = float(found[-1]["lavfi.r128.I"])
    return Loudness(
        integrated if math.isfinite(integrated) else SILENT_LUFS,
        true_peak_db(samples, rate) if peaks else -math.inf,
        moments,
    )


def true_peak_db(samples: Samples, rate: int) -> float:
    """The highest level in dB of full scale, between the samples too: four times the rate, as BS.1770 (annex 2) has it.

    ebur128 measures it as well, at 192 kHz, in three times the time.
    """
    between = filtered(samples, rate, (("aresample", f"osr={_OVERSAMPLING * rate}:osf=flt"),))
    peak = max(float(np.abs(each).max(initial=0.0)) for each in (samples, between))
    return 20 * math.log10(peak) if peak > 0 else -math.inf


def level(
    samples: Samples, rate: int, loudness_lufs: float, highest_peak_db: float, before: Loudness | None = None
) -> tuple[Samples, float]:
    """One gain to `loudness_lufs`; where a peak would pass `highest_peak_db`, a limiter, and the gain made up for what it took;
    and by how many dB the highest peak had to be held down.

    The peak is kept in any case: a sound that is all peaks ends below the loudness. `before` is what was measured of the samples,
    where somebody has done that already.
    """
    before = before or measured(samples, rate)
    ceiling = highest_peak_db - _MARGIN_DB
    gain = loudness_lufs - before.integrated_lufs
    over = before.true_peak_db + gain - ceiling
    if over <= 0:
        return amplified(samples, gain), 0.0
    limited = samples
    for _ in range(_ROUNDS):
        limited = _limited(amplified(samples, gain), rate, ceiling)
        missing = loudness_lufs - measured(limited, rate, peaks=False).integrated_lufs
        if abs(missing) <= _CLOSE_ENOUGH_DB:
            break
        gain += missing
    peak = true_peak_db(limited, rate)
    if peak > ceiling:
        limited = amplified(limited, ceiling - peak)
    return limited, max(0.0, before.true_peak_db + gain - ceiling)


def amplified(samples: Samples, gain_db: float) -> Samples:
    """The samples, so many dB louder."""
    return samples * np.float32(10 ** (gain_db / 20))


def _limited(samples: Samples, rate: int, ceiling_db: float) -> Samples:
    """Held below the ceiling between the samples too: limited at four times the rate, the least at which peaks show."""
    limit = max(_LOWEST_LIMIT, 10 ** (ceiling_db / 20))
    held = filtered(
        samples,
        rate,
        (
            ("aresample", f"osr={_OVERSAMPLING * rate}:{RESAMPLER}"),
            ("alimiter", f"limit={limit:.5f}:attack=3:release=60:level=0:latency=1"),
            ("aresample", f"osr={rate}:osf=flt:{RESAMPLER}"),
        ),
    )
    return held[: len(samples)]
