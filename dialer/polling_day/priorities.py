"""Who is called next: a booth's priority as a product of factors, and an order that gives each booth its share. Pure.

    priority = P(not voted) x booth deficit x time value x the weight of the voters on the number

each factor raised to its weight in the settings; a weight of 0 switches the factor off. The formula is the field's: a centre
reaches some 0.5 % of its electors on the day, so the order matters more than the speed. Supporter score, propensity to vote
and P(answer) are the voter's own and come in by the weight that an import gives (1 each in a non-partisan profile).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dialer.model import Claim

NEIGHBOURS = 4
"""Numbers taken of one booth at a time. Four and not one, because their rows lie together, and in a long roll it is reading
rows from all over the file that a claim costs."""

PRIOR_VOTERS = 20.0
"""The expected course of the day counts as much as the word of so many voters of the booth."""

_LEAST_RATE = 1e-6

HALVING_SECONDS = 2 * 3600.0
"""A booth that closes so much sooner than another one is twice as urgent."""


@dataclass(frozen=True, slots=True)
class FactorWeights:
    """The exponent of each factor."""

    not_voted: float = 1.0
    deficit: float = 1.0
    time: float = 1.0
    voter: float = 1.0


@dataclass(frozen=True, slots=True)
class BoothNow:
    """What is known of a booth at a moment. Counts are voters."""

    booth_id: int
    reached: int
    voted: int
    seconds_to_last_call: float  # may be negative


def share_not_voted(booth: BoothNow, expected_voted: float) -> float:
    """P(not voted) of a voter of the booth whom nobody has asked: the mean of a beta distribution whose prior is the day's
    expected course (`expected_voted`, 0..1) and whose data are the voters reached.
    """
    return (PRIOR_VOTERS * (1.0 - expected_voted) + booth.reached - booth.voted) / (PRIOR_VOTERS + booth.reached)


def booth_priority(booth: BoothNow, expected_voted: float, centre_not_voted: float, weights: FactorWeights) -> float:
    """A booth's priority, 0 once it is too late to call. `centre_not_voted`: `share_not_voted` over the whole centre.

    The deficit is how far the booth lies behind the centre: its share that has not voted over the centre's.
    """
    if booth.seconds_to_last_call <= 0:
        return 0.0
    not_voted = share_not_voted(booth, expected_voted)
    deficit = not_voted / centre_not_voted if centre_not_voted > 0 else 1.0
    urgency = 2.0 ** (-booth.seconds_to_last_call / HALVING_SECONDS)
    return float(not_voted**weights.not_voted * deficit**weights.deficit * urgency**weights.time)


def booth_priorities(booths: Sequence[BoothNow], expected_voted: float, weights: FactorWeights) -> dict[int, float]:
    """The priority of each booth by its id."""
    centre = BoothNow(0, sum(booth.reached for booth in booths), sum(booth.voted for booth in booths), 1.0)
    overall = share_not_voted(centre, expected_voted)
    return {booth.booth_id: booth_priority(booth, expected_voted, overall, weights) for booth in booths}


class BoothOrder:
    """Gives every booth a share of the calls that is in proportion to its priority (stride scheduling: Waldspurger and Weihl,
    1995), so that the best ones get most and none is forgotten.

    Each booth has a pass; the lowest pass is next, and each call moves it on by 1 / priority.
    """

    def __init__(self, booths: Iterable[int], voter_weight: float = 1.0) -> None:
        """All booths alike at first. `voter_weight`: the exponent of the numbers' own weight."""
        self._priority = dict.fromkeys(booths, 1.0)
        self._voters = dict.fromkeys(self._priority, 1.0)
        self._pass = dict.fromkeys(self._priority, 0.0)
        self._empty: set[int] = set()
        self._exponent = voter_weight

    @property
    def exhausted(self) -> bool:
        """Whether no booth has anything to give, as far as was seen."""
        return all(self._rate(booth_id) <= 0 for booth_id in self._priority.keys() - self._empty)

    def set_priorities(self, priorities: Mapping[int, float]) -> None:
        """New priorities; booths that are not named keep theirs. 0: not called at all."""
        self._priority |= {booth_id: priorities[booth_id] for booth_id in priorities.keys() & self._priority.keys()}

    def plan(self, numbers: int) -> dict[int, int]:
        """From which booths the next `numbers` come, in which order, and how many from each at most; some booths more than
        needed, because one of them may be empty.
        """
        passes = [
            (self._pass[booth_id], booth_id)
            for booth_id in self._priority
            if booth_id not in self._empty and self._rate(booth_id) > 0
        ]
        heapq.heapify(passes)
        quotas: dict[int, int] = {}
        planned = 0
        while passes and planned < numbers + NEIGHBOURS * NEIGHBOURS:
            at, booth_id = passes[0]
            quotas[booth_id] = quotas.get(booth_id, 0) + NEIGHBOURS
            planned += NEIGHBOURS
            heapq.heapreplace(passes, (at + NEIGHBOURS / self._rate(booth_id), booth_id))
        return quotas

    def took(self, quotas: Mapping[int, int], claims: Sequence[Claim], *, full: bool) -> None:
        """What a claim along `quotas` gave. `full`: it stopped because it had enough, so the last booths were not asked."""
        given: dict[int, int] = {}
        for claim in claims:
            if claim.queue_booth_id in self._priority:
                given[claim.queue_booth_id] = given.get(claim.queue_booth_id, 0) + 1
                self._voters[claim.queue_booth_id] = claim.weight
        behind = min((self._pass[booth_id] for booth_id in quotas), default=0.0)
        for booth_id, count in given.items():
            # A booth that comes back after a pause does not catch up on what it missed.
            # A booth whose last call has gone meanwhile has no rate any more; it may still have been claimed from.
            self._pass[booth_id] = max(self._pass[booth_id], behind) + count / max(self._rate(booth_id), _LEAST_RATE)
        asked = list(quotas)
        if full:
            last = max((asked.index(booth_id) for booth_id in given if booth_id in quotas), default=0)
            asked = asked[:last]
        self._empty.update(booth_id for booth_id in asked if given.get(booth_id, 0) < quotas[booth_id])

    def look_again(self) -> None:
        """Numbers may have come back to the queues: no booth counts as empty any more."""
        self._empty.clear()

    def _rate(self, booth_id: int) -> float:
        return self._priority[booth_id] * float(self._voters[booth_id] ** self._exponent)
