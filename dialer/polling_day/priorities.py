"""The order in which polling booths' voters are called. A booth with a higher priority gets more of the calls. No I/O.

A number's priority is P(not voted) x booth deficit x time value x weight of the number's voters.

The booth deficit compares the share of voters who have not voted at this booth and in the whole centre. The time value
grows towards the booth's last call. Each factor has an exponent in the settings; 0 switches it off. The weights of
voters come from an import, for example from a supporter score or the propensity to vote.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, KeysView, Mapping, Sequence
from dataclasses import dataclass

from dialer.domain.model import Claim

NEIGHBOURS = 4
"""Numbers claimed from one booth at a time. Their rows are stored together, and scattered reads make claims slow."""

PRIOR_VOTERS = 20.0
"""The expected turnout curve has the weight of this many contacted voters of the booth."""

_LEAST_RATE = 1e-6
_PLACES_LEFT_BEHIND = 1000  # outdated heap entries before the heap is rebuilt

HALVING_SECONDS = 2 * 3600.0
"""A booth that closes this much earlier than another one is twice as urgent."""


@dataclass(frozen=True, slots=True)
class FactorWeights:
    """The exponents of the factors in a polling booth's priority (0 = the factor does not count).

    A factor is, for example, the time until the booth's last call.
    """

    not_voted: float = 1.0
    deficit: float = 1.0
    time: float = 1.0
    voter: float = 1.0


@dataclass(frozen=True, slots=True)
class BoothNow:
    """The present counts of a polling booth's voters, its expected turnout, and the time left to call its voters."""

    booth_id: int
    reached: int
    voted: int
    seconds_to_last_call: float  # negative after the last call
    expected_voted: float  # share who should have voted by now according to the expected turnout curve (0-1)


def estimate_share_of_voters_not_voted(booth: BoothNow) -> float:
    """Return the estimated share (0-1) of the polling booth's voters who have not voted. It is the mean of a beta
    distribution that starts from the expected turnout.
    """
    prior = PRIOR_VOTERS * (1.0 - booth.expected_voted)
    return (prior + booth.reached - booth.voted) / (PRIOR_VOTERS + booth.reached)


def calculate_booth_priority(booth: BoothNow, centre_not_voted: float, weights: FactorWeights) -> float:
    """Return a polling booth's priority for calls to its voters, or 0 after the last call.

    The priority grows with the booth's share of voters who have not voted. It also grows with the ratio of this
    share to `centre_not_voted`, the share in the whole centre.
    """
    if booth.seconds_to_last_call <= 0:
        return 0.0
    not_voted = estimate_share_of_voters_not_voted(booth)
    deficit = not_voted / centre_not_voted if centre_not_voted > 0 else 1.0
    urgency = 2.0 ** (-booth.seconds_to_last_call / HALVING_SECONDS)
    return float(not_voted**weights.not_voted * deficit**weights.deficit * urgency**weights.time)


class BoothPriorities(Mapping[int, float]):
    """The call priorities of polling booths, by booth id. A priority is computed when it is first requested, because
    only a few of thousands of booths are needed to reserve the next numbers.
    """

    def __init__(
        self,
        booths: KeysView[int],
        look: Callable[[int], BoothNow],
        centre: BoothNow,
        weights: FactorWeights,
    ) -> None:
        """Create the priorities of the polling booths. Each priority is computed when it is first requested.

        `look` returns the counts of a booth, from which its priority is computed. `centre` has the sums of all booths.
        """
        self._booths = booths
        self._look = look
        self._overall = estimate_share_of_voters_not_voted(centre)
        self._weights = weights
        self._known: dict[int, float] = {}

    def __getitem__(self, booth_id: int) -> float:
        """Return the call priority of a polling booth. Raises KeyError if the booth is not in the mapping."""
        known = self._known.get(booth_id)
        if known is None:
            if booth_id not in self._booths:
                raise KeyError(booth_id)
            known = calculate_booth_priority(self._look(booth_id), self._overall, self._weights)
            self._known[booth_id] = known
        return known

    def __iter__(self) -> Iterator[int]:
        """Iterate over the ids of the polling booths."""
        return iter(self._booths)

    def __len__(self) -> int:
        """Return the number of polling booths in the mapping."""
        return len(self._booths)

    def __contains__(self, booth_id: object) -> bool:
        """Return whether a booth id is in the mapping."""
        return booth_id in self._booths

    def list_booth_ids(self) -> KeysView[int]:
        """Return the ids of all polling booths in the mapping."""
        return self._booths


_Place = tuple[bool, float, int]
"""A booth's entry in the heap: whether it does not vote today, its pass, its id."""


class BoothOrder:
    """The order in which polling booths' voters are called. Each booth gets calls in proportion to its priority.

    This is stride scheduling (Waldspurger and Weihl, 1995). Booths with a high priority get most calls, but no booth
    with a priority is forgotten. Only the booths that vote today have priorities. All others come after them.

    The position of a booth in the order is a number, its pass. The booth with the lowest pass is next. Each call raises
    its pass by 1 / priority. The passes are in a heap: a changed pass is added, and an outdated one is dropped at the
    top. Booths without numbers are left out.
    """

    def __init__(
        self,
        booths: Iterable[int],
        voter_weight: float = 1.0,
        *,
        in_hand: Collection[Claim] = (),
    ) -> None:
        """Create the order in which the voters of polling booths are called. All booths start with the same priority.

        `voter_weight` is the exponent applied to a number's weight. `in_hand` has the numbers that are reserved for
        dialling and not dialled yet.
        """
        self._usual_priorities = dict.fromkeys(booths, 1.0)
        self._priorities_today: Mapping[int, float] = {}
        self._voters = dict.fromkeys(self._usual_priorities, 1.0)
        # Each booth's current entry in the heap. Until priorities are set, all booths count as not voting today.
        self._places: dict[int, _Place] = {
            booth_id: (True, 0.0, booth_id) for booth_id in sorted(self._usual_priorities)
        }
        self._heap = list(self._places.values())
        self._set_aside: set[int] = set()
        self._empty: set[int] = set()
        self._exponent = voter_weight
        self._in_hand = in_hand

    def add_imported_booths_to_call_order(self, booths: Iterable[int]) -> None:
        """Add the polling booths of an imported electoral roll. They start at the front of the order."""
        behind = min((place[1] for place in self._heap), default=0.0)
        for booth_id in sorted(set(booths) - self._usual_priorities.keys()):
            self._usual_priorities[booth_id] = self._voters[booth_id] = 1.0
            self._move_booth_in_call_order(booth_id, behind)

    @property
    def are_all_booths_without_numbers(self) -> bool:
        """Return whether every polling booth is known to have no number that may be reserved for dialling now."""
        return self._find_booth_to_call_next() is None

    @property
    def must_other_polling_days_wait(self) -> bool:
        """Return whether voters of booths that vote on another day must wait.

        They wait as long as a number of a booth that votes today is reserved for dialling.
        """
        return bool(self._priorities_today) and any(
            claim.booth_id in self._priorities_today and self._priorities_today[claim.booth_id] > 0
            for claim in self._in_hand
        )

    def find_booths_to_call_first(self, quotas: Mapping[int, int]) -> Collection[int] | None:
        """Return the booths that vote today if the next numbers may come only from these booths. Otherwise return None.

        `quotas` has the planned number of reservations for each booth.
        """
        named = self._priorities_today.keys()
        return named if named and (not named.isdisjoint(quotas) or self.must_other_polling_days_wait) else None

    def set_booth_priorities(self, priorities: Mapping[int, float]) -> None:
        """Set new priorities by polling booth id. Voters of a booth with priority 0 are not called at all.

        Booths without a priority come last, after all numbers of booths with one.
        """
        before, self._priorities_today = self._priorities_today, priorities
        for booth_id in before.keys() - priorities.keys():
            if booth_id in self._usual_priorities:
                self._usual_priorities[booth_id] = before[booth_id]
        for booth_id in before.keys() ^ priorities.keys():
            if booth_id in self._usual_priorities:
                self._move_booth_in_call_order(booth_id, self._get_call_order_position_of_booth(booth_id))
        self._put_booths_back_into_call_order(self._set_aside - self._empty)

    def plan_numbers_to_call_per_booth(self, numbers: int) -> dict[int, int]:
        """Return how many of the next `numbers` numbers to reserve for dialling from each booth, the best booth first.

        A few more booths than needed are planned, in case some have no more numbers.
        """
        drawn: list[_Place] = []
        again: list[_Place] = []  # booths drawn so far, with the pass that they will have afterwards
        quotas: dict[int, int] = {}
        planned = 0
        while planned < numbers + NEIGHBOURS * NEIGHBOURS:
            first = self._find_booth_to_call_next()
            if first is not None and (not again or first < again[0]):
                drawn.append(heapq.heappop(self._heap))
            elif again:
                first = heapq.heappop(again)
            else:
                break
            after, at, booth_id = first
            quotas[booth_id] = quotas.get(booth_id, 0) + NEIGHBOURS
            planned += NEIGHBOURS
            heapq.heappush(again, (after, at + NEIGHBOURS / self._find_priority_of_booth(booth_id), booth_id))
        for place in drawn:
            heapq.heappush(self._heap, place)
        return quotas

    def record_reserved_numbers(self, quotas: Mapping[int, int], claims: Sequence[Claim], *, full: bool) -> None:
        """Record the numbers that were reserved for dialling. Their booths move back in the call order.

        `quotas` says how many numbers of each booth were requested. A booth that gave fewer has no callable numbers
        any more. The exception is the last booth of a search that is `full`: the search stops when it has found as many
        numbers as requested, so this booth may have more.
        """
        given: Counter[int] = Counter()
        for claim in claims:
            if claim.queue_booth_id in self._usual_priorities:
                given[claim.queue_booth_id] += 1
                self._voters[claim.queue_booth_id] = claim.weight
        behind = min((self._get_call_order_position_of_booth(booth_id) for booth_id in quotas), default=0.0)
        for booth_id, count in given.items():
            # A booth that returns after a pause does not catch up on the calls that it missed.
            # A booth after its last call has the rate 0, but its numbers may have been claimed just before.
            at = max(self._get_call_order_position_of_booth(booth_id), behind)
            self._move_booth_in_call_order(
                booth_id, at + count / max(self._find_priority_of_booth(booth_id), _LEAST_RATE)
            )
        asked = list(quotas)
        if full:
            last = max((asked.index(booth_id) for booth_id in given if booth_id in quotas), default=0)
            asked = asked[:last]
        self._empty.update(booth_id for booth_id in asked if given[booth_id] < quotas[booth_id])

    def record_numbers_returned_undialled(self, claims: Sequence[Claim]) -> None:
        """Record that reserved numbers have returned to the queue undialled, so that they do not count as calls to
        their booths.
        """
        for booth_id, count in Counter(claim.queue_booth_id for claim in claims).items():
            if booth_id in self._usual_priorities:
                self._move_booth_in_call_order(
                    booth_id,
                    self._get_call_order_position_of_booth(booth_id)
                    - count / max(self._find_priority_of_booth(booth_id), _LEAST_RATE),
                )
        self.return_empty_booths_to_call_order()

    def return_empty_booths_to_call_order(self) -> None:
        """Put polling booths without numbers back into the call order, because they may have numbers again."""
        self._empty.clear()
        self._put_booths_back_into_call_order(set(self._set_aside))

    def _find_booth_to_call_next(self) -> _Place | None:
        """Return the entry of the polling booth whose voters are called next, or None. Outdated entries before it are
        removed from the heap.
        """
        while self._heap:
            first = self._heap[0]
            booth_id = first[2]
            if first is self._places[booth_id]:
                if first[0] and self.must_other_polling_days_wait:
                    return None
                if booth_id not in self._empty and self._find_priority_of_booth(booth_id) > 0:
                    return first
                self._set_aside.add(booth_id)
            heapq.heappop(self._heap)
        return None

    def _get_call_order_position_of_booth(self, booth_id: int) -> float:
        return self._places[booth_id][1]

    def _move_booth_in_call_order(self, booth_id: int, at: float) -> None:
        self._places[booth_id] = (booth_id not in self._priorities_today, at, booth_id)
        if booth_id not in self._set_aside:
            heapq.heappush(self._heap, self._places[booth_id])
        if len(self._heap) > 2 * len(self._places) + _PLACES_LEFT_BEHIND:
            self._heap = [place for booth_id, place in self._places.items() if booth_id not in self._set_aside]
            heapq.heapify(self._heap)

    def _put_booths_back_into_call_order(self, booths: set[int]) -> None:
        self._set_aside -= booths
        for booth_id in booths:
            heapq.heappush(self._heap, self._places[booth_id])

    def _find_priority_of_booth(self, booth_id: int) -> float:
        priority = (
            self._priorities_today[booth_id] if booth_id in self._priorities_today else self._usual_priorities[booth_id]
        )
        return priority * float(self._voters[booth_id] ** self._exponent)
