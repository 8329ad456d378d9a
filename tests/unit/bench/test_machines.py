"""The bench of answering machine detectors: its clips, its model of AMD(), and how our detector hears a call."""

from __future__ import annotations

import shutil
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from bench import greeting_texts
from bench.amd_tuning import AmdValues, model_amd, parse_amd_values, tune_amd
from bench.bench_machines import read_rendered_amd
from bench.greeting_clips import CLIPS_PER_HALF, FRAME, MACHINES, RATE, VOICES, Clip, Half, Kind, make_clips
from bench.greeting_detector import Detector, describe_sound, measure_sound

VALUES = AmdValues(2500, 1500, 300, 5000, 120, 50, 4, 256, 5000)
NEEDS_SPEECH = pytest.mark.skipif(
    shutil.which("espeak-ng") is None or shutil.which("sox") is None, reason="espeak-ng or sox is not installed"
)


def make_clip_of_sounds(*seconds: float, kind: Kind = Kind.HELLO) -> Clip:
    """Return a clip of silence, sound, silence and so on, each of this length, filled up with silence."""
    parts = [np.full(round(each * RATE), 4000 * (number % 2), np.int16) for number, each in enumerate(seconds)]
    samples = np.concatenate([*parts, np.zeros(10 * RATE, np.int16)])
    return Clip("clip", kind, Half.TUNING, "", samples)


@pytest.mark.parametrize(
    ("seconds", "is_machine", "milliseconds"),
    [
        ((), True, 2500),  # initial silence
        ((0.5, 0.6), False, 1400),  # a word, and the silence after it
        ((0.5, 2.0), True, 2000),  # a long greeting
        ((0.2, *([0.2, 0.1] * 5)), True, 1520),  # the fifth word, once it is long enough
        ((0.5, *([0.08, 0.2] * 12)), False, 5000),  # clicks are neither words nor a greeting
    ],
)
def test_simulated_amd_decides_by_words_and_silence(
    seconds: tuple[float, ...], is_machine: bool, milliseconds: int
) -> None:
    decisions = model_amd([make_clip_of_sounds(*seconds)], VALUES)
    assert bool(decisions.is_machine[0]) is is_machine
    assert int(decisions.milliseconds[0]) == pytest.approx(milliseconds, abs=20)


def test_tuned_machine_detection_mistakes_no_more_people_for_machines_than_allowed() -> None:
    people = [make_clip_of_sounds(0.5, length) for length in (0.3, 0.5, 0.7, 3.9)]
    machines = [make_clip_of_sounds(0.5, length, kind=Kind.MAILBOX) for length in (2.8, 3.2, 4.2)]
    strict, loose = (tune_amd([*people, *machines], 5000, allowed) for allowed in (0.0, 0.25))
    assert model_amd(people, strict).is_machine.tolist() == [False] * 4
    assert model_amd(machines, strict).is_machine.tolist() == [False, False, True]
    assert model_amd(machines, loose).is_machine.tolist() == [True] * 3


def test_dialplan_has_the_same_amd_values_for_flows_and_for_agents() -> None:
    arguments = read_rendered_amd()
    assert str(parse_amd_values(arguments)) == arguments


class IgnorantTrees:
    """Trees that keep what they are asked about, and know nothing."""

    def __init__(self) -> None:
        self.seen: list[NDArray[np.float64]] = []

    def predict(self, features: NDArray[np.float64]) -> float:
        self.seen.append(features)
        return 0.5


def test_machine_detector_treats_audio_in_packets_like_audio_in_one_piece() -> None:
    chance = np.random.default_rng(1)
    tone = 8000 * np.sin(2 * np.pi * 180 * np.arange(3 * RATE) / RATE) * (np.arange(3 * RATE) % 4000 > 1500)
    samples = (tone + 200 * chance.standard_normal(3 * RATE)).astype(np.int16)
    trees = IgnorantTrees()
    listener = Detector(trees, machine_from=0.9, person_to=0.1, limit_seconds=2.0).listen()
    packets = [samples[start : start + FRAME].astype("<i2").tobytes() for start in range(0, len(samples), FRAME)]
    verdicts = [listener.hear(packet) for packet in packets[:100]]
    assert verdicts == [None] * 99 + [False]  # undecided at the limit is a person
    sound = measure_sound(samples)
    for number, features in enumerate(trees.seen):
        np.testing.assert_allclose(features, describe_sound(sound.first(20 + 10 * number)))


def test_tuning_and_test_recordings_share_neither_texts_nor_voices() -> None:
    assert not set(VOICES[0]) & set(VOICES[1])
    tables = [table for name, table in vars(greeting_texts).items() if name.isupper()]
    assert tables
    for tuning, held_out in (halves for table in tables for halves in table.values()):
        assert tuning and held_out and not set(tuning) & set(held_out)


def test_tuning_and_test_recordings_contain_enough_people_and_machines() -> None:
    assert 2 * sum(CLIPS_PER_HALF.values()) >= 300
    people = sum(count for kind, count in CLIPS_PER_HALF.items() if kind not in MACHINES)
    assert people >= 200  # one in a hundred is then more than one clip


@NEEDS_SPEECH
def test_same_seed_generates_the_same_audio_clips() -> None:
    counts = {Kind.HELLO: 1, Kind.GREETING_BEEP: 1, Kind.TELEVISION: 1, Kind.FAX: 1}
    first, again, other = (make_clips(seed, clips_per_half=counts) for seed in (1, 1, 2))
    assert [clip.name for clip in first] == [clip.name for clip in other]
    assert all(np.array_equal(one.samples, two.samples) for one, two in zip(first, again, strict=True))
    assert not any(np.array_equal(one.samples, two.samples) for one, two in zip(first, other, strict=True))
    assert all(len(clip.samples) >= 10 * RATE for clip in first)
    assert all(not np.array_equal(one.samples, two.samples) for one, two in pairwise(first))
