"""How voters behave: drawn from a profile by seed, number and call, or scripted for a test.

A `Behaviour` is decided before the phone rings: whether it is picked up and when, or how the call fails, how long its owner
talks, and whether they call back. What happens inside an IVR depends on what they hear, so `Voter` draws that as the
prompts come, from the call's own random numbers: a call unfolds the same way whatever else the switch does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Protocol

NO_ANSWER = 0
"""A Behaviour's failure without an answer. Any other is the carrier's SIP status."""


@dataclass(frozen=True, slots=True)
class VoterProfile:
    """The distributions that voters are drawn from. Shares are 0-1; seconds are on the switch's clock."""

    answer_rate: float = 0.3  # share of calls that are answered
    answer_rate_by_hour: tuple[float, ...] = ()  # 24 shares by local hour; empty: answer_rate all day
    utc_offset_hours: float = 5.5
    busy_share: float = 0.15  # of the calls not answered, as the next four
    unavailable_share: float = 0.10  # 480
    invalid_share: float = 0.05  # 404; an invalid number stays invalid
    congestion_share: float = 0.03  # 503
    rejected_share: float = 0.05  # 603
    post_dial_seconds: tuple[float, float] = (0.3, 2.0)  # from Originate to ringing: uniform between
    ring_mean_seconds: float = 11.0  # of those who answer: lognormal
    ring_sigma: float = 0.5
    talk_mean_seconds: float = 90.0  # with an agent: lognormal
    talk_sigma: float = 0.8
    patience_mean_seconds: float = 20.0  # of an answered voter in silence: exponential, then hangs up
    silent_share: float = 0.15  # of callers in a flow: never press a key
    hang_up_share: float = 0.08  # of prompts: hangs up during it
    invalid_key_share: float = 0.05  # of inputs: presses an invalid key
    keys: tuple[tuple[str, float], ...] = (("1", 0.45), ("2", 0.40), ("3", 0.12), ("9", 0.03))
    invalid_keys: str = "045678*#"
    key_delay_mean_seconds: float = 1.5  # after as much of the prompt as they listen to: exponential
    call_back_share: float = 0.0  # of those who were not reached: call the number they saw
    call_back_mean_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One call as its voter will live it, drawn or scripted for a test.

    Seconds are the switch's; those of keys and of the hang-up count from the answer.
    """

    answer_after: float = 1.0  # seconds of ringing
    keys: tuple[tuple[float, str], ...] = ()
    hang_up_after: float | None = None
    fails_with: int | None = None  # SIP status after `answer_after` seconds, instead of an answer; NO_ANSWER: rings out
    rings: bool = True  # whether a failure comes after ringing
    # Provisional SIP statuses, a second apart; 183: early media without ringing.
    rings_with: tuple[int, ...] = (180,)
    post_dial_seconds: float = 0.005  # from Originate to ringing
    talk_seconds: float | None = None  # after meeting an agent; None: until hang_up_after or for ever
    patience_seconds: float | None = None  # of an answered voter in silence
    calls_back_after: float | None = None
    machine: bool = False  # an answering machine answers
    amd_seconds: float = 1.1  # seconds that AMD() needs
    reacts: bool = False  # whether prompts cause keys and hang-ups, by the profile


def _lognormal(random: Random, mean: float, sigma: float) -> float:
    return random.lognormvariate(math.log(mean) - sigma * sigma / 2, sigma)


def random_of(seed: int, number: str, call: int) -> Random:
    """Return the random numbers of the `call`th call to a number: the same for the same seed, whatever else happens."""
    return Random(f"{seed}/{number}/{call}")


def draw(profile: VoterProfile, seed: int, number: str, now: float, random: Random) -> Behaviour:
    """Draw how a number behaves when it is called at `now` (epoch seconds)."""
    calls_back = (
        random.expovariate(1 / profile.call_back_mean_seconds) if random.random() < profile.call_back_share else None
    )
    post_dial = random.uniform(*profile.post_dial_seconds)
    ring = _lognormal(random, profile.ring_mean_seconds, profile.ring_sigma)
    rate = profile.answer_rate
    if profile.answer_rate_by_hour:
        hour = int((now / 3600 + profile.utc_offset_hours) % 24)
        rate = profile.answer_rate_by_hour[hour]
    invalid = Random(f"{seed}/{number}").random() < profile.invalid_share * (1 - profile.answer_rate)
    if not invalid and random.random() < rate / max(1e-9, 1 - profile.invalid_share * (1 - profile.answer_rate)):
        return Behaviour(
            answer_after=ring,
            post_dial_seconds=post_dial,
            talk_seconds=_lognormal(random, profile.talk_mean_seconds, profile.talk_sigma),
            patience_seconds=random.expovariate(1 / profile.patience_mean_seconds),
            calls_back_after=calls_back,
            reacts=True,
        )
    failure = 404 if invalid else _draw_failure(profile, random)
    rings = failure in (NO_ANSWER, 603)
    return Behaviour(
        answer_after=ring if rings else 0.0,
        fails_with=failure,
        rings=rings,
        post_dial_seconds=post_dial,
        calls_back_after=calls_back,
    )


def _draw_failure(profile: VoterProfile, random: Random) -> int:
    left = 1 - profile.invalid_share
    point = random.random() * left
    for share, status in (
        (profile.busy_share, 486),
        (profile.unavailable_share, 480),
        (profile.congestion_share, 503),
        (profile.rejected_share, 603),
    ):
        point -= share
        if point < 0:
            return status
    return NO_ANSWER


class Line(Protocol):
    """What a voter can do with the phone."""

    def press(self, digit: str) -> None:
        """Press a key."""
        ...

    def put_down(self) -> None:
        """Hang up."""
        ...

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Run `action` later, unless the call is over by then. Seconds are on the switch's clock."""
        ...


class Voter:
    """A voter on an answered call, who reacts to sounds."""

    def __init__(self, behaviour: Behaviour, profile: VoterProfile, random: Random, line: Line) -> None:
        """`random` is the call's own; see `random_of`."""
        self._behaviour = behaviour
        self._profile = profile
        self._random = random
        self._line = line
        self._silent = random.random() < profile.silent_share
        self._about_to_act = False
        self._heard_something = False

    def answered(self) -> None:
        """Start: the voter has answered."""
        for seconds, digit in self._behaviour.keys:
            self._line.after(seconds, partial(self._line.press, digit))
        if self._behaviour.hang_up_after is not None:
            self._line.after(self._behaviour.hang_up_after, self._line.put_down)
        if self._behaviour.patience_seconds is not None:
            self._line.after(self._behaviour.patience_seconds, self._lose_patience)

    def met_agent(self) -> None:
        """Talk with an agent, then hang up."""
        self._heard_something = True
        if self._behaviour.talk_seconds is not None:
            self._line.after(self._behaviour.talk_seconds, self._line.put_down)

    def hears(self, seconds: float, takes_keys: bool) -> None:
        """React to a prompt of so many seconds; 0: silence in which a key is awaited."""
        self._heard_something = True
        if not self._behaviour.reacts or self._about_to_act:
            return
        profile, random = self._profile, self._random
        if seconds > 0 and random.random() < profile.hang_up_share:
            self._about_to_act = True
            self._line.after(random.uniform(0, seconds), self._line.put_down)
        elif takes_keys and not self._silent:
            self._about_to_act = True
            listens = seconds * random.uniform(0.3, 1.0)
            delay = listens + random.expovariate(1 / profile.key_delay_mean_seconds)
            self._line.after(delay, self._press_a_key)

    def _press_a_key(self) -> None:
        self._about_to_act = False
        profile, random = self._profile, self._random
        if random.random() < profile.invalid_key_share:
            digit = random.choice(profile.invalid_keys)
        else:
            digits, weights = zip(*profile.keys, strict=True)
            digit = random.choices(digits, weights)[0]
        self._line.press(digit)

    def _lose_patience(self) -> None:
        if not self._heard_something:
            self._line.put_down()
