"""Choose the values of Asterisk's AMD() on the tuning half: a model of its rules tries a grid of values.

AMD() divides a call into packets with and without sound, and compares lengths of words and pauses with its values. The
model finds for each value the packet in which it would decide. The bench checks the choice on Asterisk itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.greeting_clips import FRAME, RATE, Clip

PACKET_MS: Final = 1000 * FRAME // RATE
NEVER_MS: Final = 1_000_000

Packets = NDArray[np.int64]
"""A value for each clip and packet."""


@dataclass(frozen=True, slots=True)
class AmdValues:
    """The arguments of AMD(), in its order: milliseconds, a number of words, and a level (0-32767)."""

    initial_silence: int
    greeting: int
    after_greeting_silence: int
    total_analysis_time: int
    minimum_word_length: int
    between_words_silence: int
    maximum_number_of_words: int
    silence_threshold: int
    maximum_word_length: int

    def __str__(self) -> str:
        return ",".join(str(getattr(self, name)) for name in self.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class ModelledDecisions:
    """What AMD() would decide about each clip: whether it is a machine, and after how many milliseconds."""

    is_machine: NDArray[np.bool_]
    milliseconds: Packets


def parse_amd_values(arguments: str) -> AmdValues:
    """Return the values in the arguments of AMD(), which must be complete."""
    return AmdValues(*map(int, arguments.split(",")))


def tune_amd(clips: Sequence[Clip], limit_ms: int, most_people_taken: float) -> AmdValues:
    """Return the values that find most machines, with at most this share of people taken for machines (0-1).

    Silence is never a machine. Of equal values the quickest win.
    """
    machine = np.array([clip.is_machine for clip in clips])
    best: tuple[float, float, AmdValues] | None = None
    for values, decisions in _try_grid(clips, limit_ms):
        if decisions.is_machine[~machine].mean() > most_people_taken:
            continue
        rank = (float(decisions.is_machine[machine].mean()), -float(np.median(decisions.milliseconds)), values)
        if best is None or rank[:2] > best[:2]:
            best = rank
    assert best is not None, "values that never find a machine are in the grid"
    return best[2]


def model_amd(clips: Sequence[Clip], values: AmdValues) -> ModelledDecisions:
    """Return what AMD() would decide with these values."""
    words = _follow_words(
        _measure_packets(clips, values.total_analysis_time) < values.silence_threshold,
        values.minimum_word_length,
        values.between_words_silence,
    )
    return _decide(words, values)


def _try_grid(clips: Sequence[Clip], limit_ms: int) -> Iterator[tuple[AmdValues, ModelledDecisions]]:
    levels = _measure_packets(clips, limit_ms)
    for threshold, minimum, between in product((128, 256, 512, 1024), (60, 120, 240), (40, 100, 200, 300)):
        words = _follow_words(levels < threshold, minimum, between)
        for greeting, after, most in product(
            (1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000, 6000, NEVER_MS),
            (300, 400, 500, 600, 700, 800, 900, 1000, 1200, NEVER_MS),
            (1, 2, 3, 4, 5, 7, 9, 12, 99),
        ):
            values = AmdValues(NEVER_MS, greeting, after, limit_ms, minimum, between, most, threshold, NEVER_MS)
            yield values, _decide(words, values)


def _measure_packets(clips: Sequence[Clip], limit_ms: int) -> NDArray[np.float64]:
    """Return the mean absolute sample of each packet that AMD() hears."""
    count = limit_ms // PACKET_MS
    heard = np.stack([clip.samples[: count * FRAME] for clip in clips]).reshape(len(clips), count, FRAME)
    levels: NDArray[np.float64] = np.abs(heard.astype(np.float64)).mean(axis=2)
    return levels


@dataclass(frozen=True, slots=True)
class _Words:
    """For each clip and packet: how long it has been silent, how long there was sound, words, and whether one began."""

    silence: Packets
    sound: Packets
    words: Packets
    greeting: NDArray[np.bool_]


def _follow_words(silent: NDArray[np.bool_], minimum_word: int, between_words: int) -> _Words:
    clips, packets = silent.shape
    silence, sound, words, run = (np.zeros(clips, np.int64) for _ in range(4))
    in_word, greeting = np.ones(clips, bool), np.zeros(clips, bool)
    rows: list[tuple[Packets, Packets, Packets, NDArray[np.bool_]]] = []
    for number in range(packets):
        quiet = silent[:, number]
        silence = np.where(quiet, silence + PACKET_MS, 0)
        apart = quiet & (silence >= between_words)
        in_word &= ~apart
        run = np.where(apart, 0, np.where(quiet, run, run + PACKET_MS))
        sound = np.where(quiet, sound, sound + PACKET_MS)
        begins = ~quiet & (run >= minimum_word) & ~in_word
        words = words + begins
        in_word |= begins
        rows.append((silence, sound, words, greeting))
        greeting = greeting | (~quiet & (run >= minimum_word))
    return _Words(*(np.stack(column, axis=1) for column in zip(*rows, strict=True)))


def _decide(words: _Words, values: AmdValues) -> ModelledDecisions:
    many = _find_first(words.words > values.maximum_number_of_words)
    long = _find_first(words.greeting & (words.sound >= values.greeting) & (words.silence == 0))
    silent = _find_first(~words.greeting & (words.silence >= values.initial_silence))
    machine = np.minimum(np.minimum(many, long), silent)
    person = _find_first(words.greeting & (words.silence >= values.after_greeting_silence))
    limit = values.total_analysis_time
    return ModelledDecisions((machine < person) & (machine < limit), np.minimum(np.minimum(machine, person), limit))


def _find_first(reached: NDArray[np.bool_]) -> Packets:
    """Return when a condition first holds in each clip (ms), or NEVER_MS."""
    first = (reached.argmax(axis=1) + 1) * PACKET_MS
    return np.where(reached.any(axis=1), first, NEVER_MS)
