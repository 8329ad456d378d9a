"""Simulated voters. Their behaviour is drawn at random from a profile, or scripted for a test.

Whether and when a voter answers, and how long the voter talks, is drawn before the phone rings (`Behaviour`). Reactions
to prompts are drawn during the call (`Voter`). Each call has its own random generator, so calls do not influence each
other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Protocol

NO_ANSWER = 0
"""The value of `Behaviour.fails_with` for a call that rings out. Other values are SIP statuses of the carrier."""


@dataclass(frozen=True, slots=True)
class VoterProfile:
    """The probabilities and mean times of simulated voters' behaviour. Shares are 0-1; seconds are simulated time."""

    answer_rate: float = 0.3  # share of calls that are answered
    answer_rate_by_hour: tuple[float, ...] = ()  # 24 answer rates by local hour; empty: answer_rate all day
    utc_offset_hours: float = 5.5
    busy_share: float = 0.15  # 486; this and the next four are shares of unanswered calls
    unavailable_share: float = 0.10  # 480
    invalid_share: float = 0.05  # 404; an invalid number stays invalid
    congestion_share: float = 0.03  # 503
    rejected_share: float = 0.05  # 603
    post_dial_seconds: tuple[float, float] = (0.3, 2.0)  # from Originate to ringing: uniform between these
    ring_mean_seconds: float = 11.0  # of answered calls: lognormal
    ring_sigma: float = 0.5
    talk_mean_seconds: float = 90.0  # with an agent: lognormal
    talk_sigma: float = 0.8
    patience_mean_seconds: float = 20.0  # until an answered voter hangs up in silence: exponential
    silent_share: float = 0.15  # of voters in a flow: never press a key
    hang_up_share: float = 0.08  # of prompts: the voter hangs up during it
    invalid_key_share: float = 0.05  # of key presses: an invalid key
    keys: tuple[tuple[str, float], ...] = (("1", 0.45), ("2", 0.40), ("3", 0.12), ("9", 0.03))
    invalid_keys: str = "045678*#"
    key_delay_mean_seconds: float = 1.5  # after the part of the prompt they listen to: exponential
    call_back_share: float = 0.0  # of calls after which the voter calls our number back
    call_back_mean_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The behaviour of a simulated voter on one call. Times are in simulated seconds. Keys and hang-up are timed from
    the answer.
    """

    answer_after: float = 1.0  # seconds of ringing
    keys: tuple[tuple[float, str], ...] = ()
    hang_up_after: float | None = None
    fails_with: int | None = None  # SIP status instead of an answer, after `answer_after`; NO_ANSWER: rings out
    rings: bool = True  # whether the phone rings before the failure
    # Provisional SIP statuses, one second apart; 183: early media without ringing.
    rings_with: tuple[int, ...] = (180,)
    post_dial_seconds: float = 0.005  # from Originate to ringing
    talk_seconds: float | None = None  # with an agent; None: until hang_up_after, or without limit
    patience_seconds: float | None = None  # until an answered voter hangs up in silence
    calls_back_after: float | None = None
    machine: bool = False  # whether an answering machine answers
    amd_seconds: float = 1.1  # how long AMD() takes
    silent: bool = False  # says nothing, which AMD() calls a machine after its initial silence
    reacts: bool = False  # whether the voter reacts to prompts as the profile says


def _pick_random_duration_in_seconds(random: Random, mean: float, sigma: float) -> float:
    return random.lognormvariate(math.log(mean) - sigma * sigma / 2, sigma)


def make_random_generator_for_call(seed: int, number: str, call: int) -> Random:
    """Return the random generator of call number `call` to a phone number. The same arguments give the same generator."""
    return Random(f"{seed}/{number}/{call}")


def pick_random_behaviour_of_voter(
    profile: VoterProfile, seed: int, number: str, now: float, random: Random
) -> Behaviour:
    """Draw how the called voter behaves on a call to `number` at `now` (epoch seconds)."""
    calls_back = (
        random.expovariate(1 / profile.call_back_mean_seconds) if random.random() < profile.call_back_share else None
    )
    post_dial = random.uniform(*profile.post_dial_seconds)
    ring = _pick_random_duration_in_seconds(random, profile.ring_mean_seconds, profile.ring_sigma)
    rate = profile.answer_rate
    if profile.answer_rate_by_hour:
        hour = int((now / 3600 + profile.utc_offset_hours) % 24)
        rate = profile.answer_rate_by_hour[hour]
    invalid = Random(f"{seed}/{number}").random() < profile.invalid_share * (1 - profile.answer_rate)
    if not invalid and random.random() < rate / max(1e-9, 1 - profile.invalid_share * (1 - profile.answer_rate)):
        return Behaviour(
            answer_after=ring,
            post_dial_seconds=post_dial,
            talk_seconds=_pick_random_duration_in_seconds(random, profile.talk_mean_seconds, profile.talk_sigma),
            patience_seconds=random.expovariate(1 / profile.patience_mean_seconds),
            calls_back_after=calls_back,
            reacts=True,
        )
    failure = 404 if invalid else _pick_random_failure_sip_status(profile, random)
    rings = failure in (NO_ANSWER, 603)
    return Behaviour(
        answer_after=ring if rings else 0.0,
        fails_with=failure,
        rings=rings,
        post_dial_seconds=post_dial,
        calls_back_after=calls_back,
    )


def _pick_random_failure_sip_status(profile: VoterProfile, random: Random) -> int:
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


class Phone(Protocol):
    """The operations that a simulated voter performs on a phone."""

    def press_key(self, digit: str) -> None:
        """Press a key of the phone."""
        ...

    def hang_up_call(self) -> None:
        """Hang up the call on the phone."""
        ...

    def schedule_action_unless_call_ends(self, seconds: float, act: Callable[[], None]) -> None:
        """Call `act` after `seconds` of simulated time, unless the call is over by then."""
        ...


class Voter:
    """A simulated voter on an answered call, who reacts to prompts and talks to agents."""

    def __init__(self, behaviour: Behaviour, profile: VoterProfile, random: Random, phone: Phone) -> None:
        """Create the voter on an answered call.

        `random` is the call's own generator, from `make_random_generator_for_call`.
        """
        self._behaviour = behaviour
        self._profile = profile
        self._random = random
        self._phone = phone
        self._silent = random.random() < profile.silent_share
        self._about_to_act = False
        self._heard_something = False

    def start_voter_behaviour(self) -> None:
        """Start the voter's behaviour for this call, at the moment of the answer."""
        for seconds, digit in self._behaviour.keys:
            self._phone.schedule_action_unless_call_ends(seconds, partial(self._phone.press_key, digit))
        if self._behaviour.hang_up_after is not None:
            self._phone.schedule_action_unless_call_ends(self._behaviour.hang_up_after, self._phone.hang_up_call)
        if self._behaviour.patience_seconds is not None:
            self._phone.schedule_action_unless_call_ends(
                self._behaviour.patience_seconds, self._hang_up_after_loss_of_patience
            )

    def start_talk_with_agent(self) -> None:
        """Talk with an agent for `talk_seconds`, then hang up."""
        self._heard_something = True
        if self._behaviour.talk_seconds is not None:
            self._phone.schedule_action_unless_call_ends(self._behaviour.talk_seconds, self._phone.hang_up_call)

    def react_to_prompt(self, seconds: float, takes_keys: bool) -> None:
        """React to a prompt that lasts `seconds`. A prompt of 0 seconds is a silent wait for a key. If `takes_keys`, a
        key may stop the prompt.
        """
        self._heard_something = True
        if not self._behaviour.reacts or self._about_to_act:
            return
        profile, random = self._profile, self._random
        if seconds > 0 and random.random() < profile.hang_up_share:
            self._about_to_act = True
            self._phone.schedule_action_unless_call_ends(random.uniform(0, seconds), self._phone.hang_up_call)
        elif takes_keys and not self._silent:
            self._about_to_act = True
            listens = seconds * random.uniform(0.3, 1.0)
            delay = listens + random.expovariate(1 / profile.key_delay_mean_seconds)
            self._phone.schedule_action_unless_call_ends(delay, self._press_key_for_prompt)

    def _press_key_for_prompt(self) -> None:
        self._about_to_act = False
        profile, random = self._profile, self._random
        if random.random() < profile.invalid_key_share:
            digit = random.choice(profile.invalid_keys)
        else:
            digits, weights = zip(*profile.keys, strict=True)
            digit = random.choices(digits, weights)[0]
        self._phone.press_key(digit)

    def _hang_up_after_loss_of_patience(self) -> None:
        if not self._heard_something:
            self._phone.hang_up_call()
