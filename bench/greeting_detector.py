"""A detector of answering machines of our own: when speech starts and stops, judged by a tree ensemble five times a second.

As in "Real-Time Voicemail Detection in Telephony Audio Using Temporal Speech Activity Features" (arXiv 2604.09675), what
counts is time: how long somebody has been speaking, in how many parts, and how long they have been silent since. Speech is
found without a library: packets with a pitch, near the loudest level of the call. The trees are trained on the tuning half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.common import Unrunnable
from bench.greeting_clips import FRAME, RATE, Clip

PACKETS_PER_LOOK: Final = 10
FIRST_LOOK: Final = 2 * PACKETS_PER_LOOK
PACKET_SECONDS: Final = FRAME / RATE
FOLDS: Final = 4

_LOWEST_DB: Final = -52.0
_FAR_DB, _NEAR_DB = 22.0, 9.0  # below the loudest speech: with and without voices in the background
_VOICED: Final = 0.55  # of the autocorrelation at the pitch
_PITCH_LAGS: Final = slice(RATE // 400, RATE // 60)
_LOWEST_TONE_BIN: Final = 400 * FRAME // RATE  # the fundamental of a voice is lower
_LONGEST_GAP, _SHORTEST_PART = 8, 4  # packets: shorter pauses join two parts, shorter parts are clicks
_PAUSE: Final = 15  # packets from which a gap between two parts is a pause

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sound:
    """The packets of a call so far: level (dB of full scale), how periodic they are (0-1), and whether they are tones."""

    level: Floats
    pitch: Floats
    tone: Flags

    def first(self, packets: int) -> Sound:
        """Return the first packets."""
        return Sound(self.level[:packets], self.pitch[:packets], self.tone[:packets])


def measure_sound(samples: NDArray[np.int16]) -> Sound:
    """Return the sound of a call's packets. Each is measured with the one before it."""
    packets = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64) / 32768
    level = 10 * np.log10((packets**2).mean(axis=1) + 1e-9)
    spectrum = (np.abs(np.fft.rfft(packets * np.hanning(FRAME), axis=1)) ** 2)[:, 4:]  # from 200 Hz
    peak = spectrum.argmax(axis=1)
    around = np.clip(peak[:, None] + np.arange(-2, 3), 0, spectrum.shape[1] - 1)
    pure = np.take_along_axis(spectrum, around, axis=1).sum(axis=1) / (spectrum.sum(axis=1) + 1e-12)
    steady = np.abs(np.diff(peak, prepend=peak[:1])) <= 1
    above_voices = peak >= _LOWEST_TONE_BIN - 4
    tone = (pure > 0.93) & steady & above_voices & (level > -45.0)
    return Sound(level, _measure_pitch(packets), tone)


def _measure_pitch(packets: Floats) -> Floats:
    """Return the highest autocorrelation of each packet and the one before it at the lags of a voice."""
    before = np.vstack([np.zeros((1, FRAME)), packets[:-1]])
    pairs = np.hstack([before, packets])
    window = np.hanning(2 * FRAME)
    length = 1024
    pairs = (pairs - pairs.mean(axis=1, keepdims=True)) * window
    correlation = np.fft.irfft(np.abs(np.fft.rfft(pairs, length, axis=1)) ** 2, axis=1)
    of_window = np.fft.irfft(np.abs(np.fft.rfft(window, length)) ** 2)
    relative = correlation / (correlation[:, :1] + 1e-12) / (of_window / of_window[0] + 1e-12)
    highest: Floats = relative[:, _PITCH_LAGS].max(axis=1)
    return highest


def describe_sound(sound: Sound) -> Floats:
    """Return the features of a call so far, for the trees: times are in packets."""
    loudest = float(np.percentile(sound.level, 97))
    voiced = (sound.pitch > _VOICED) & ~sound.tone
    anybody = voiced & (sound.level > max(_LOWEST_DB, loudest - _FAR_DB))
    nearest = voiced & (sound.level > max(_LOWEST_DB, loudest - _NEAR_DB))
    starts, ends = _find_runs(sound.tone)
    count = len(sound.level)
    tones = [
        sound.tone.sum(),
        (ends - starts).max() if len(starts) else 0,
        count - ends[-1] if len(ends) else count,
        (sound.level > loudest - 15).mean(),
        sound.level[anybody].std() if anybody.any() else 0,
        (sound.pitch > 0.7).mean(),
    ]
    return np.array([*_describe_speech(anybody), *_describe_speech(nearest), *tones], np.float64)


def _describe_speech(speech: Flags) -> list[float]:
    """Return times of speech: since its start, before it, all of it, its share, parts, the longest part, the first part,
    since its end, the longest gap, the first gap, and the number of pauses.
    """
    count = len(speech)
    starts, ends = _find_runs(speech)
    if len(starts):
        apart = np.flatnonzero(starts[1:] - ends[:-1] > _LONGEST_GAP)
        starts, ends = starts[np.r_[0, apart + 1]], ends[np.r_[apart, len(ends) - 1]]
        parts = ends - starts >= _SHORTEST_PART
        starts, ends = starts[parts], ends[parts]
    if not len(starts):
        return [0, count, 0, 0, 0, 0, 0, count, 0, 0, 0]
    lengths, gaps = ends - starts, starts[1:] - ends[:-1]
    since = count - starts[0]
    whole = lengths.sum()
    gap = (gaps.max(), gaps[0]) if len(gaps) else (0, 0)
    times = (since, starts[0], whole, whole / since, len(starts), lengths.max(), lengths[0], count - ends[-1])
    return [*times, *gap, (gaps >= _PAUSE).sum()]


def _find_runs(flags: Flags) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where runs of true flags start, and where they end."""
    change = np.diff(np.concatenate([[0], flags.astype(np.int64), [0]]))
    return np.flatnonzero(change == 1), np.flatnonzero(change == -1)


class Trees(Protocol):
    """What judges the features of a call."""

    def predict(self, features: Floats) -> float:
        """Return the probability of a machine (0-1)."""


class TreeTable:
    """The nodes of trained trees as plain arrays: scikit-learn takes milliseconds for a single call."""

    def __init__(self, trained: Any) -> None:
        """Copy the nodes of a HistGradientBoostingClassifier."""
        nodes = [predictors[0].nodes for predictors in trained._predictors]
        size = max(map(len, nodes))
        self._feature, self._left, self._right, self._is_leaf = (
            np.array([np.pad(tree[name].astype(np.int64), (0, size - len(tree))) for tree in nodes])
            for name in ("feature_idx", "left", "right", "is_leaf")
        )
        self._threshold, self._value = (
            np.array([np.pad(tree[name], (0, size - len(tree))) for tree in nodes])
            for name in ("num_threshold", "value")
        )
        self._baseline = float(trained._baseline_prediction.ravel()[0])
        self._every = np.arange(len(nodes))

    def predict(self, features: Floats) -> float:
        """Return the probability of a machine (0-1)."""
        at = np.zeros(len(self._every), np.int64)
        while not (leaf := self._is_leaf[self._every, at] == 1).all():
            goes_left = features[self._feature[self._every, at]] <= self._threshold[self._every, at]
            below = np.where(goes_left, self._left[self._every, at], self._right[self._every, at])
            at = np.where(leaf, at, below)
        return 1 / (1 + math.exp(-self._baseline - float(self._value[self._every, at].sum())))


@dataclass(frozen=True, slots=True)
class Detector:
    """Trees, and the probabilities from which a machine and up to which a person is certain. Undecided is a person."""

    trees: Trees
    machine_from: float
    person_to: float
    limit_seconds: float

    def listen(self) -> GreetingListener:
        """Return a listener for a call."""
        return GreetingListener(self)


class GreetingListener:
    """Hears a call in packets, and decides as soon as the detector is certain."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._samples = np.zeros(0, np.int16)
        self._pending = b""
        self._sound = Sound(np.zeros(0), np.zeros(0), np.zeros(0, bool))

    def hear(self, packet: bytes) -> bool | None:
        """Return whether a machine answered, or None to hear more. The packet has 16-bit samples, little-endian."""
        self._pending += packet
        if len(self._pending) < PACKETS_PER_LOOK * FRAME * 2:
            return None
        return self._look()

    def _look(self) -> bool | None:
        new = np.frombuffer(self._pending, "<i2").astype(np.int16)
        self._pending = b""
        joined = np.concatenate([self._samples[-2 * FRAME :], new])
        old = len(self._samples[-2 * FRAME :]) // FRAME
        self._samples = joined
        now = measure_sound(joined)
        self._sound = Sound(
            np.concatenate([self._sound.level, now.level[old:]]),
            np.concatenate([self._sound.pitch, now.pitch[old:]]),
            np.concatenate([self._sound.tone, now.tone[old:]]),
        )
        heard = len(self._sound.level)
        if heard < FIRST_LOOK:
            return None
        probability = self._detector.trees.predict(describe_sound(self._sound))
        if probability >= self._detector.machine_from:
            return True
        next_look = (heard + PACKETS_PER_LOOK) * PACKET_SECONDS
        if probability <= self._detector.person_to or next_look > self._detector.limit_seconds:
            return False
        return None


@dataclass(frozen=True, slots=True)
class _Looks:
    """The features of clips at each look: clips, looks, features."""

    features: Floats
    is_machine: Flags
    seconds: Floats


def train_detectors(
    clips: Sequence[Clip], limits: Sequence[float], most_people_taken: float, median_seconds: float
) -> list[Detector]:
    """Return a detector for each time limit (seconds) that finds most of the machines in `clips`, with at most this share
    of people taken for machines (0-1) and this median time of a decision. Both are held on clips that the trees have
    not seen. Raises Unrunnable without scikit-learn.
    """
    looks = _look_at_clips(clips, max(limits))
    probabilities = np.zeros(looks.features.shape[:2])
    folds = np.array([sum(map(ord, clip.voice or clip.name)) % FOLDS for clip in clips])
    for fold in range(FOLDS):
        unseen = folds == fold
        trees = _grow_trees(looks.features[~unseen], looks.is_machine[~unseen])
        shape = looks.features[unseen].shape
        guessed = trees.predict_proba(looks.features[unseen].reshape(-1, shape[2]))[:, 1]
        probabilities[unseen] = guessed.reshape(shape[:2])
    trees = _grow_trees(looks.features, looks.is_machine)
    table, some = TreeTable(trees), looks.features[:, -1]
    assert np.allclose([table.predict(each) for each in some], trees.predict_proba(some)[:, 1])
    return [
        Detector(table, *_choose_thresholds(probabilities, looks, limit, most_people_taken, median_seconds), limit)
        for limit in limits
    ]


def _look_at_clips(clips: Sequence[Clip], limit_seconds: float) -> _Looks:
    counts = range(FIRST_LOOK, round(limit_seconds / PACKET_SECONDS) + 1, PACKETS_PER_LOOK)
    sounds = [measure_sound(clip.samples[: counts[-1] * FRAME]) for clip in clips]
    features = np.array([[describe_sound(sound.first(count)) for count in counts] for sound in sounds])
    return _Looks(
        features, np.array([clip.is_machine for clip in clips]), np.array([count * PACKET_SECONDS for count in counts])
    )


def _grow_trees(features: Floats, is_machine: Flags) -> Any:
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError as error:
        raise Unrunnable(f"not installed ({error}); pip install '.[bench]'") from None
    trees = HistGradientBoostingClassifier(
        max_iter=150, max_leaf_nodes=8, learning_rate=0.08, min_samples_leaf=40, l2_regularization=1.0, random_state=1
    )
    return trees.fit(features.reshape(-1, features.shape[2]), np.repeat(is_machine, features.shape[1]))


def _choose_thresholds(
    probabilities: Floats, looks: _Looks, limit: float, most_people_taken: float, median_seconds: float
) -> tuple[float, float]:
    """Return from which probability on a call is a machine's, and up to which it is a person's."""
    best = (-1.0, 0.0, 1.0, 0.0)
    within = looks.seconds <= limit + PACKET_SECONDS / 2
    for machine_from, person_to in product(np.r_[0.5:0.98:0.02, 0.985, 0.99, 0.995, 0.998, 0.999], _PERSON_TO):
        found, seconds = _decide(probabilities[:, within], looks.seconds[within], machine_from, person_to)
        if found[~looks.is_machine].mean() > most_people_taken or np.median(seconds) > median_seconds:
            continue
        best = max(best, (float(found[looks.is_machine].mean()), -float(np.median(seconds)), machine_from, person_to))
    return best[2], best[3]


_PERSON_TO: Final = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3)


def _decide(probabilities: Floats, seconds: Floats, machine_from: float, person_to: float) -> tuple[Flags, Floats]:
    machine = _find_first(probabilities >= machine_from, seconds)
    person = _find_first(probabilities <= person_to, seconds)
    return machine < person, np.minimum(np.minimum(machine, person), seconds[-1])


def _find_first(reached: Flags, seconds: Floats) -> Floats:
    return np.where(reached.any(axis=1), seconds[reached.argmax(axis=1)], np.inf)
