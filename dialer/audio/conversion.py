"""Convert a recording to sound files for Asterisk: decode, trim, normalise, encode, and measure the result."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from dialer.audio.decoding import decode_recording
from dialer.audio.errors import RecordingRefused
from dialer.audio.filters import RESAMPLER, Samples, apply_filters_to_samples
from dialer.audio.formats import decode_sound, encode_pcm_samples, encode_sound, get_sample_rate
from dialer.audio.loudness import (
    MOST_LIMITED_DB,
    SILENT_LUFS,
    Loudness,
    amplify_samples,
    measure_loudness,
    normalise_loudness,
)
from dialer.settings.audio import SoundFormat

with warnings.catch_warnings():
    # pydub warns about a missing ffmpeg binary, which is not needed, about the removal of audioop in Python 3.13, which
    # audioop-lts replaces, and about its own regular expressions.
    warnings.simplefilter("ignore")
    from pydub import AudioSegment
    from pydub.silence import detect_leading_silence

VERSION: Final = 1
"""The version of the conversion. After a change every recording is converted again."""

_SILENCE_BELOW_LOUDNESS_DB: Final = 35.0  # the s of "six" is up to 30 dB below the loudness of the word
_LOWEST_SILENCE_DBFS: Final = -60.0
_NOISE_SECONDS: Final = 0.1  # the quietest tenth of a second counts as background noise
_ABOVE_NOISE_DB: Final = 8.0
_HIGHEST_SILENCE_BELOW_DB: Final = 18.0
_KEPT_BEFORE_MS: Final = 40
_KEPT_AFTER_MS: Final = 120
_FADE_MS: Final = 5
_REPORTED_TRIM_SECONDS: Final = 0.5
_REPORTED_GAIN_DB: Final = 20.0
_OFF_TARGET_DB: Final = 0.7
_ROUNDS: Final = 4
_STEP_MS: Final = 10
_CLICK_MS: Final = 80
_APART_MS: Final = 200
_MOST_CLICKS: Final = 3


@dataclass(frozen=True, slots=True)
class Recipe:
    """The recipe for converting recordings to sounds: formats, loudness and maximum length."""

    formats: tuple[SoundFormat, ...]
    loudness_lufs: float = -19.0
    true_peak_db: float = -2.0
    max_seconds: float = 600.0

    @property
    def recipe_identifier(self) -> str:
        """A short text that identifies the conversion settings, such as "1 -19 LUFS -2 dB".

        The catalogue stores it with each sound. A sound made with other settings is converted again.
        """
        return f"{VERSION} {self.loudness_lufs:g} LUFS {self.true_peak_db:g} dB"

    @property
    def highest_sample_rate(self) -> int:
        """The highest sample rate of the recipe's formats (Hz)."""
        return max(get_sample_rate(sound_format) for sound_format in self.formats)


@dataclass(frozen=True, slots=True)
class Sounds:
    """The sound files made from one recording, one for each format.

    `loudness_lufs` is the loudness of the file that differs most from the target. `true_peak_db` is the highest true
    peak of all files.
    """

    contents: Mapping[SoundFormat, bytes]
    seconds: float
    loudness_lufs: float
    true_peak_db: float
    notes: tuple[str, ...]


def convert_recording(source: Path, recipe: Recipe) -> Sounds:
    """Return the sounds made from a recording. Raises RecordingRefused with the reason in one line."""
    decoded = decode_recording(source, recipe.highest_sample_rate, recipe.max_seconds)
    return convert_samples_to_sounds(decoded.samples, recipe, decoded.notes)


def convert_samples_to_sounds(samples: Samples, recipe: Recipe, notes: tuple[str, ...] = ()) -> Sounds:
    """Return sound files in the formats of `recipe`, with silence trimmed and loudness adjusted.

    The sample rate of `samples` must be `recipe.highest_sample_rate`. The messages in `notes` are returned with the
    sounds. Raises RecordingRefused if the samples are silent.
    """
    before = measure_loudness(samples, recipe.highest_sample_rate)
    if before.integrated_lufs <= SILENT_LUFS:
        raise RecordingRefused("the recording is silent from start to end; record the prompt again")
    trimmed, cut_seconds = trim_silence_at_both_ends(samples, recipe.highest_sample_rate, before, recipe.loudness_lufs)
    messages = list(notes)
    if cut_seconds > _REPORTED_TRIM_SECONDS:
        messages.append(f"had {cut_seconds:.1f} s of silence, which were cut off")
    gain = recipe.loudness_lufs - before.integrated_lufs
    if gain > _REPORTED_GAIN_DB:
        messages.append(f"was recorded very quietly; it was amplified by {gain:.0f} dB, together with its noise")
    rates = {recipe.highest_sample_rate: trimmed}
    contents: dict[SoundFormat, bytes] = {}
    found: list[Loudness] = []
    levelled: dict[int, Samples] = {}
    limited_db = 0.0
    for sound_format in recipe.formats:
        rate = get_sample_rate(sound_format)
        if rate not in rates:
            rates[rate] = apply_filters_to_samples(
                trimmed, recipe.highest_sample_rate, (("aresample", f"osr={rate}:osf=flt:{RESAMPLER}"),)
            )
        if rate not in levelled:
            own = before if rate == recipe.highest_sample_rate else None
            levelled[rate], held_db = normalise_loudness(
                rates[rate], rate, recipe.loudness_lufs, recipe.true_peak_db, own
            )
            limited_db = max(limited_db, held_db)
            if held_db > MOST_LIMITED_DB and not any("peaks" in note for note in messages):
                messages.append(f"has peaks far above its speech; they were reduced by {limited_db:.0f} dB")
        contents[sound_format], loudness = _encode_sound(levelled[rate], sound_format, recipe.true_peak_db)
        found.append(loudness)
    worst = max(found, key=lambda each: abs(each.integrated_lufs - recipe.loudness_lufs))
    if abs(worst.integrated_lufs - recipe.loudness_lufs) > _OFF_TARGET_DB:
        messages.append(f"is at {worst.integrated_lufs:.1f} LUFS, because its peaks allow no more")
    return Sounds(
        contents=contents,
        seconds=len(trimmed) / recipe.highest_sample_rate,
        loudness_lufs=round(worst.integrated_lufs, 1),
        true_peak_db=round(max(each.true_peak_db for each in found), 1),
        notes=tuple(messages),
    )


def trim_silence_at_both_ends(
    samples: Samples, rate: int, loudness: Loudness, loudness_lufs: float
) -> tuple[Samples, float]:
    """Remove the silence at both ends of a recording and add short fades. Return (samples, seconds that were cut off)."""
    start, end = find_audible_range(samples, rate, loudness, loudness_lufs)
    kept = np.array(samples[start:end])
    fade = min(_FADE_MS * rate // 1000, len(kept) // 2)
    if fade:
        ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
        kept[:fade] *= ramp
        kept[-fade:] *= ramp[::-1]
    return kept, (len(samples) - len(kept)) / rate


def find_audible_range(samples: Samples, rate: int, loudness: Loudness, loudness_lufs: float) -> tuple[int, int]:
    """Return the range (first, last + 1) of the samples between the silence at both ends.

    Samples below a threshold are silence. The threshold is 35 dB below the recording's loudness. In a noisy recording
    it is 8 dB above the background noise, but at least 18 dB below the speech.
    """
    loud = amplify_samples(samples, loudness_lufs - loudness.integrated_lufs)
    segment = AudioSegment(data=encode_pcm_samples(loud).tobytes(), sample_width=2, frame_rate=rate, channels=1)
    threshold = max(
        loudness_lufs - _SILENCE_BELOW_LOUDNESS_DB,
        _LOWEST_SILENCE_DBFS,
        _measure_background_noise_dbfs(loud, rate) + _ABOVE_NOISE_DB,
    )
    before, after = _measure_silence_around_speech(segment, min(threshold, loudness_lufs - _HIGHEST_SILENCE_BELOW_DB))
    if before >= len(segment):  # only a short click exceeds the threshold
        return 0, len(samples)
    start = max(0, before - _KEPT_BEFORE_MS) * rate // 1000
    return start, len(samples) - max(0, after - _KEPT_AFTER_MS) * rate // 1000


def _measure_silence_around_speech(segment: AudioSegment, threshold_dbfs: float) -> tuple[int, int]:
    """Return the silence before and after the speech (ms). Without speech, return (total duration, 0).

    A click, as of a button or plug, counts as silence. A click is a sound shorter than 80 ms that is at least 200 ms
    away from other sounds.
    """
    before = _measure_leading_silence(segment, threshold_dbfs)
    if before >= len(segment):
        return len(segment), 0
    return before, _measure_leading_silence(segment.reverse(), threshold_dbfs)


def _measure_leading_silence(segment: AudioSegment, threshold_dbfs: float) -> int:
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


def _measure_background_noise_dbfs(samples: Samples, rate: int) -> float:
    window = round(_NOISE_SECONDS * rate)
    count = len(samples) // window
    if count < 2:
        return -math.inf
    power = float(np.min(np.mean(samples[: count * window].reshape(count, window) ** 2, axis=1)))
    return 10 * math.log10(power) if power > 0 else -math.inf


def _encode_sound(samples: Samples, sound_format: SoundFormat, true_peak_db: float) -> tuple[bytes, Loudness]:
    """Return the encoded sound and its loudness. If quantisation raises a peak above the limit, the gain is reduced."""
    for _ in range(_ROUNDS):
        content = encode_sound(samples, sound_format)
        result = measure_loudness(decode_sound(content, sound_format), get_sample_rate(sound_format))
        over = result.true_peak_db - true_peak_db
        if over <= 0 or not math.isfinite(over):
            break
        samples = amplify_samples(samples, -over - 0.05)
    return content, result
