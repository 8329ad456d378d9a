"""Who is called next: a booth's priority as a product of factors, and an order that gives each booth its share. Pure.

    priority = P(not voted) x booth deficit x time value x the weight of the voters on the number

each factor raised to its weight in the settings; a weight of 0 switches the factor off. The formula is the field's: a centre
reaches some 0.5 % of its electors on the day, so the order matters more than the speed. Supporter score, propensity to vote
and P(answer) are the voter's own and come in by the weight that an import gives (1 each in a non-partisan profile).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, KeysView, Mapping, Sequence
from dataclasses import dataclass

from dialer.domain.model import Claim

NEIGHBOURS = 4
"""Numbers taken of one booth at a time. Four and not one, because their rows lie together, and in a long roll it is reading
rows from all over the file that a claim costs."""

PRIOR_VOTERS = 20.0
"""The expected course of the day counts as much as the word of so many voters of the booth."""

_LEAST_RATE = 1e-6
_PLACES_LEFT_BEHIND = 1000  # in the heap, beside one of each booth, before it is swept

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
    expected_voted: float  # by the day's expected course, at the hour of its poll: 0..1


def share_not_voted(booth: BoothNow) -> float:
    """P(not voted) of a voter nobody asked: a beta mean, the day's expected course its prior, voters reached its data."""
    prior = PRIOR_VOTERS * (1.0 - booth.expected_voted)
    return (prior + booth.reached - booth.voted) / (PRIOR_VOTERS + booth.reached)


def booth_priority(booth: BoothNow, centre_not_voted: float, weights: FactorWeights) -> float:
    """A booth's priority, 0 once it is too late to call. `centre_not_voted`: `share_not_voted` over the whole centre.

    The deficit is how far the booth lies behind the centre: its share that has not voted over the centre's.
    """
    if booth.seconds_to_last_call <= 0:
        return 0.0
    not_voted = share_not_voted(booth)
    deficit = not_voted / centre_not_voted if centre_not_voted > 0 else 1.0
    urgency = 2.0 ** (-booth.seconds_to_last_call / HALVING_SECONDS)
    return float(not_voted**weights.not_voted * deficit**weights.deficit * urgency**weights.time)


class BoothPriorities(Mapping[int, float]):
    """The priority of each booth by its id, worked out when first asked for: of thousands of booths a claim asks for a few."""

    def __init__(
        self,
        booths: KeysView[int],
        look: Callable[[int], BoothNow],
        centre: BoothNow,
        weights: FactorWeights,
    ) -> None:
        """`look` tells what is known of one of `booths`; `centre`: the same of all of them together."""
        self._booths = booths
        self._look = look
        self._overall = share_not_voted(centre)
        self._weights = weights
        self._known: dict[int, float] = {}

    def __getitem__(self, booth_id: int) -> float:
        """The booth's priority. Raises KeyError for one that is not among them."""
        known = self._known.get(booth_id)
        if known is None:
            if booth_id not in self._booths:
                raise KeyError(booth_id)
            known = booth_priority(self._look(booth_id), self._overall, self._weights)
            self._known[booth_id] = known
        return known

    def __iter__(self) -> Iterator[int]:
        """The booths' ids."""
        return iter(self._booths)

    def __len__(self) -> int:
        """How many booths."""
        return len(self._booths)

    def __contains__(self, booth_id: object) -> bool:
        """Whether it is one of the booths."""
        return booth_id in self._booths

    def keys(self) -> KeysView[int]:
        """The booths' ids."""
        return self._booths


_Place = tuple[bool, float, int]
"""Where a booth stands: whether it comes after all that vote, its pass, its id."""


class BoothOrder:
    """Gives every booth a share of the calls that is in proportion to its priority (stride scheduling: Waldspurger and Weihl,
    1995), so that the best ones get most and none is forgotten.

    Priorities are of the booths that vote today, and every other booth comes after all of those: a share, however small, would
    be as many calls to voters who vote another day as there are such booths, and on a polling day there is no time for them.

    Each booth has a pass; the lowest pass is next, and each call moves it on by 1 / priority. The booths stand in a heap, so
    that a claim costs no more among thousands of them: a booth whose pass moved is put in again, and its earlier place is
    dropped when that comes up; one that has nothing to give is put aside then.
    """

    def __init__(
        self,
        booths: Iterable[int],
        voter_weight: float = 1.0,
        *,
        in_hand: Collection[Claim] = (),
    ) -> None:
        """All booths alike at first. `voter_weight`: the exponent of the numbers' own weight; `in_hand`: the claims that wait to
        be dialled, whichever they are when it is asked.
        """
        self._kept = dict.fromkeys(booths, 1.0)
        self._named: Mapping[int, float] = {}
        self._voters = dict.fromkeys(self._kept, 1.0)
        # Each booth's own one in the heap. As long as none is named, all come after none.
        self._places: dict[int, _Place] = {booth_id: (True, 0.0, booth_id) for booth_id in sorted(self._kept)}
        self._heap = list(self._places.values())
        self._aside: set[int] = set()
        self._empty: set[int] = set()
        self._exponent = voter_weight
        self._in_hand = in_hand

    def add(self, booths: Iterable[int]) -> None:
        """Booths that came with a roll begin where the others are; those that are there stay as they are."""
        behind = min((place[1] for place in self._heap), default=0.0)
        for booth_id in sorted(set(booths) - self._kept.keys()):
            self._kept[booth_id] = self._voters[booth_id] = 1.0
            self._move(booth_id, behind)

    @property
    def exhausted(self) -> bool:
        """Whether no booth has anything to give, as far as was seen."""
        return self._next() is None

    @property
    def waits(self) -> bool:
        """Whether unnamed booths wait for numbers in hand of named ones, retries too: the booth of who is called counts."""
        return bool(self._named) and any(
            claim.booth_id in self._named and self._named[claim.booth_id] > 0 for claim in self._in_hand
        )

    def first(self, quotas: Mapping[int, int]) -> Collection[int] | None:
        """The named booths, where a claim along `quotas` is theirs alone: they have a turn, or something in hand; else None."""
        named = self._named.keys()
        return named if named and (not named.isdisjoint(quotas) or self.waits) else None

    def set_priorities(self, priorities: Mapping[int, float]) -> None:
        """New priorities, asked for as they are needed. 0: not called at all. Booths that are not named keep theirs among
        themselves, and have a turn only while none of the named has anything to give, nor anything in hand: what waits too
        long goes back to its queue, and would come after theirs.
        """
        before, self._named = self._named, priorities
        for booth_id in before.keys() - priorities.keys():
            if booth_id in self._kept:
                self._kept[booth_id] = before[booth_id]
        for booth_id in before.keys() ^ priorities.keys():
            if booth_id in self._kept:
                self._move(booth_id, self._pass(booth_id))
        self._bring_back(self._aside - self._empty)

    def plan(self, numbers: int) -> dict[int, int]:
        """From which booths the next `numbers` come, in order, and the most from each; a few booths more, for one may be empty."""
        drawn: list[_Place] = []
        again: list[_Place] = []  # booths that were drawn, at the pass they will have then
        quotas: dict[int, int] = {}
        planned = 0
        while planned < numbers + NEIGHBOURS * NEIGHBOURS:
            first = self._next()
            if first is not None and (not again or first < again[0]):
                drawn.append(heapq.heappop(self._heap))
            elif again:
                first = heapq.heappop(again)
            else:
                break
            after, at, booth_id = first
            quotas[booth_id] = quotas.get(booth_id, 0) + NEIGHBOURS
            planned += NEIGHBOURS
            heapq.heappush(again, (after, at + NEIGHBOURS / self._rate(booth_id), booth_id))
        for place in drawn:
            heapq.heappush(self._heap, place)
        return quotas

    def took(self, quotas: Mapping[int, int], claims: Sequence[Claim], *, full: bool) -> None:
        """What a claim along `quotas` gave. `full`: it stopped because it had enough, so the last booths were not asked."""
        given: Counter[int] = Counter()
        for claim in claims:
            if claim.queue_booth_id in self._kept:
                given[claim.queue_booth_id] += 1
                self._voters[claim.queue_booth_id] = claim.weight
        behind = min((self._pass(booth_id) for booth_id in quotas), default=0.0)
        for booth_id, count in given.items():
            # A booth that comes back after a pause does not catch up on what it missed.
            # A booth whose last call has gone meanwhile has no rate any more; it may still have been claimed from.
            at = max(self._pass(booth_id), behind)
            self._move(booth_id, at + count / max(self._rate(booth_id), _LEAST_RATE))
        asked = list(quotas)
        if full:
            last = max((asked.index(booth_id) for booth_id in given if booth_id in quotas), default=0)
            asked = asked[:last]
        self._empty.update(booth_id for booth_id in asked if given[booth_id] < quotas[booth_id])

    def gave_back(self, claims: Sequence[Claim]) -> None:
        """Claims went back to the queues undialled: they count for nothing in their booths' shares."""
        for booth_id, count in Counter(claim.queue_booth_id for claim in claims).items():
            if booth_id in self._kept:
                self._move(booth_id, self._pass(booth_id) - count / max(self._rate(booth_id), _LEAST_RATE))
        self.look_again()

    def look_again(self) -> None:
        """Numbers may have come back to the queues: no booth counts as empty any more."""
        self._empty.clear()
        self._bring_back(set(self._aside))

    def _next(self) -> _Place | None:
        """The place of the booth whose turn it is; None: nobody's. What stands before it in the heap is dropped."""
        while self._heap:
            first = self._heap[0]
            booth_id = first[2]
            if first is self._places[booth_id]:
                if first[0] and self.waits:
                    return None
                if booth_id not in self._empty and self._rate(booth_id) > 0:
                    return first
                self._aside.add(booth_id)
            heapq.heappop(self._heap)
        return None

    def _pass(self, booth_id: int) -> float:
        return self._places[booth_id][1]

    def _move(self, booth_id: int, at: float) -> None:
        self._places[booth_id] = (booth_id not in self._named, at, booth_id)
        if booth_id not in self._aside:
            heapq.heappush(self._heap, self._places[booth_id])
        if len(self._heap) > 2 * len(self._places) + _PLACES_LEFT_BEHIND:
            self._heap = [place for booth_id, place in self._places.items() if booth_id not in self._aside]
            heapq.heapify(self._heap)

    def _bring_back(self, booths: set[int]) -> None:
        self._aside -= booths
        for booth_id in booths:
            heapq.heappush(self._heap, self._places[booth_id])

    def _rate(self, booth_id: int) -> float:
        priority = self._named[booth_id] if booth_id in self._named else self._kept[booth_id]
        return priority * float(self._voters[booth_id] ** self._exponent)
