"""Share the agents' time among the campaigns that want to call now, in proportion to their weights.

This is stride scheduling (Waldspurger and Weihl 1995). A campaign's virtual time is the agent time of its
conversations, plus the agent time expected for its calls in progress, divided by its weight. The campaign with the
least virtual time places the next call. A campaign gets no credit for time in which it did not want to call.

If the campaign whose turn it is must wait for seats, the other campaigns leave its seats to it. Otherwise the campaign
that accepts the most abandoned calls would take all seats. If another limit stops the campaign, such as its
abandoned-call cap or its trunks, the others may use its share.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, inf
from typing import NamedTuple

from dialer.pacing.port import Limit, PacingEvent, PacingEventKind
from dialer.pacing.tuning import TUNED

SHARE_SECONDS = 900.0
"""The period over which the shares of agent time are measured and shown."""
SLICES = 15
SLICE_SECONDS = SHARE_SECONDS / SLICES
CREDIT_SECONDS = 180.0
"""How much a campaign that could not use its share may catch up later, in seconds of all shared seats. It is more than a
usual conversation: even after a moment at a limit, the other campaigns keep the seats that they took for so long.
"""
SEATS_PER_CALL_OF_TURN = 10
"""A turn is at least one call for this many seats: with hundreds of seats, single calls would take too many turns."""
MOST_ROUNDS_OF_DIVISION = 100
SEATS_TOLERANCE = 0.01
"""The division of the seats among campaigns ends when no campaign's number of seats changes by more."""
ALL_CALLS = 1_000_000
"""As many calls as pacing allows."""

WAITS_FOR_SEATS = frozenset({Limit.AGENTS, Limit.SEATS, Limit.CAP, Limit.IN_FLIGHT})
"""Limits of pacing that end as soon as the shared seats have fewer calls."""


class SeatUse(NamedTuple):
    """A seat in use by a campaign: reserved for a voter, in talk or in wrap-up."""

    elapsed_seconds: float  # in the talk or the wrap-up; 0 before the talk
    is_wrapping_up: bool = False


class CampaignLoad(NamedTuple):
    """The seats that work for a campaign now, and the campaign's unanswered calls and waiting voters."""

    seats: Sequence[SeatUse] = ()  # those that work for it
    ringing: int = 0  # its calls that are not answered yet
    waiting: int = 0  # its voters that wait for a seat


class Turn(NamedTuple):
    """The result of a campaign's turn to place calls: how many it placed, and what limited the number."""

    placed: int
    limited_by: Limit | None = None  # why its pacing wanted no more calls; None: something else was the limit


@dataclass(frozen=True, slots=True)
class Contender:
    """A campaign with agents that wants to call now and competes with others for agents' time."""

    campaign_id: str
    weight: float  # 0: gets only the agent time that the others leave
    seats: frozenset[str]  # the seats at work that its calls can be connected to
    place_calls: Callable[[int, Collection[str]], Turn]
    """Place up to this many calls now, without the seats given, which are left to other campaigns."""


@dataclass(slots=True)
class _Account:
    """The agent time that one campaign has used, and the figures to estimate its next calls: answer rate and mean
    durations.
    """

    virtual_seconds: float = 0.0  # used agent time / weight
    weight: float = 1.0
    in_use: int = 0  # seats that work for the campaign since the last look
    expected_seconds: float = 0.0  # agent time that its calls in progress will still use
    is_awake: bool = False
    answer_rate: float = TUNED.answer_rate
    talk_seconds: float = TUNED.talk_seconds
    wrap_up_seconds: float = TUNED.wrap_up_seconds
    answers_known: float = TUNED.answer_rate_calls
    talks_known: float = TUNED.prior_endings
    wrap_ups_known: float = TUNED.prior_endings
    slices: deque[float] = field(default_factory=lambda: deque([0.0], SLICES))

    @property
    def mean_talk_and_wrap_up_seconds(self) -> float:
        """Return the mean time that a conversation keeps a seat busy, in talk and wrap-up (seconds)."""
        return self.talk_seconds + self.wrap_up_seconds

    @property
    def expected_agent_seconds_of_call(self) -> float:
        """Return the agent time that a call is expected to use (seconds), divided by the campaign's weight."""
        return max(0.1, self.answer_rate * self.mean_talk_and_wrap_up_seconds) / self.weight

    def set_seats_and_calls_of_campaign(self, load: CampaignLoad) -> None:
        """Set which seats and calls the campaign has now. Estimate from them how much agent time the campaign will
        still use.
        """
        self.in_use = len(load.seats)
        expected = (load.ringing * self.answer_rate + load.waiting) * self.mean_talk_and_wrap_up_seconds
        for seat in load.seats:
            usual = self.wrap_up_seconds if seat.is_wrapping_up else self.talk_seconds
            expected += max(0.0, usual - seat.elapsed_seconds) + (0.0 if seat.is_wrapping_up else self.wrap_up_seconds)
        self.expected_seconds = expected

    @property
    def used_and_expected_agent_seconds(self) -> float:
        """Return the campaign's virtual time: agent time used so far and expected for its calls in progress, divided by
        its weight (seconds).
        """
        return self.virtual_seconds + self.expected_seconds / self.weight


_NO_LOAD = CampaignLoad()


class FairShares:
    """Decides which campaign places the next calls, so that each gets its share of the agents' time."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._looked_at: float | None = None
        self._slice_began = 0.0
        self.intended_shares: Mapping[str, float] = {}
        """The share (0-1) of the agents' time that each campaign which wants to call is to get."""

    # What the campaigns use

    def learn_from_pacing_event(self, campaign_id: str, event: PacingEvent) -> None:
        """Learn the campaign's answer rate and the length of its conversations from an event of one of its calls."""
        account, memory = self._get_agent_time_account_of_campaign(campaign_id), TUNED.answer_memory
        match event.kind:
            case PacingEventKind.ANSWERED | PacingEventKind.FAILED:
                account.answers_known = min(memory, account.answers_known + 1.0)
                answered = event.kind is PacingEventKind.ANSWERED
                account.answer_rate += (answered - account.answer_rate) / account.answers_known
            case PacingEventKind.TALK_ENDED if event.timed:
                account.talks_known = min(memory, account.talks_known + 1.0)
                account.talk_seconds += (event.seconds - account.talk_seconds) / account.talks_known
            case PacingEventKind.WRAP_UP_ENDED if event.timed:
                account.wrap_ups_known = min(memory, account.wrap_ups_known + 1.0)
                account.wrap_up_seconds += (event.seconds - account.wrap_up_seconds) / account.wrap_ups_known

    def get_answer_rate_of_campaign(self, campaign_id: str) -> float:
        """Return the campaign's answer rate (0-1) over its last calls."""
        return self._get_agent_time_account_of_campaign(campaign_id).answer_rate

    def record_agent_time(self, now: float, loads: Mapping[str, CampaignLoad]) -> None:
        """Count the agent time that campaigns have used since the previous call of this method.

        `loads` has the seats and calls of each campaign now. `now` is monotonic seconds.
        """
        passed = 0.0 if self._looked_at is None else max(0.0, now - self._looked_at)
        self._looked_at = now
        new = int((now - self._slice_began) / SLICE_SECONDS)
        self._slice_began += new * SLICE_SECONDS
        for account in self._accounts.values():
            account.slices.extend([0.0] * min(new, SLICES))
        for campaign_id in loads:
            self._get_agent_time_account_of_campaign(campaign_id)
        for campaign_id, account in self._accounts.items():
            used = passed * account.in_use
            account.virtual_seconds += used / account.weight
            account.slices[-1] += used
            account.set_seats_and_calls_of_campaign(loads.get(campaign_id, _NO_LOAD))

    def compute_agent_time_shares(self) -> dict[str, float]:
        """Return each campaign's share (0-1) of the agent time of all campaigns in the last 15 minutes."""
        used = {campaign_id: sum(account.slices) for campaign_id, account in self._accounts.items()}
        total = sum(used.values())
        return {campaign_id: seconds / total for campaign_id, seconds in used.items()} if total > 0.0 else {}

    def _get_agent_time_account_of_campaign(self, campaign_id: str) -> _Account:
        account = self._accounts.get(campaign_id)
        if account is None:
            account = self._accounts[campaign_id] = _Account()
        return account

    def divide_seats_among_campaigns(self, contenders: Sequence[Contender]) -> dict[str, float]:
        """Return how many seats each campaign should get now, by campaign id. The numbers may be fractions.

        The shares are proportional to the weights, but a campaign gets only seats that it can use. The division is
        repeated until it is stable (proportional response, Wu and Zhang 2007).
        """
        sharing: dict[str, list[str]] = defaultdict(list)
        weights = {each.campaign_id: _make_weight_positive(each.weight) for each in contenders}
        for last in (False, True):  # campaigns with weight 0 get only seats that no other campaign uses
            taken = set(sharing)
            for each in contenders:
                if (each.weight <= 0.0) == last:
                    for seat in each.seats - taken:
                        sharing[seat].append(each.campaign_id)
        groups = Counter(map(tuple, sharing.values()))
        offers = {(campaign_id, group): weights[campaign_id] for group in groups for campaign_id in group}
        seats = dict.fromkeys(weights, 0.0)
        for _ in range(MOST_ROUNDS_OF_DIVISION):
            offered = {group: sum(offers[campaign_id, group] for campaign_id in group) for group in groups}
            parts = {key: groups[key[1]] * offer / offered[key[1]] for key, offer in offers.items()}
            before, seats = seats, dict.fromkeys(weights, 0.0)
            for (campaign_id, _group), part in parts.items():
                seats[campaign_id] += part
            if all(abs(seats[each] - before[each]) < SEATS_TOLERANCE for each in seats):
                break
            offers = {key: weights[key[0]] * part / seats[key[0]] for key, part in parts.items()}
        total = max(1, len(sharing))
        self.intended_shares = {campaign_id: number / total for campaign_id, number in seats.items()}
        return seats

    def give_all_agent_time_to_campaign(self, weights: Mapping[str, float]) -> None:
        """Give all agent time to one campaign, because no other campaign wants to call now.

        `weights` has the weight of this campaign. If it is empty, no campaign wants to call, and none gets agent time.
        """
        self.intended_shares = dict.fromkeys(weights, 1.0)
        for campaign_id, weight in weights.items():
            self._get_agent_time_account_of_campaign(campaign_id).weight = _make_weight_positive(weight)
        self._mark_campaigns_as_wanting_to_call(weights)

    # Whose turn it is

    def place_calls_in_turns(self, contenders: Sequence[Contender]) -> None:
        """Let campaigns place calls in turns, until none of them can place a further call now."""
        self._record_campaigns_that_want_to_call(contenders)
        left, kept = list(contenders), frozenset[str]()
        while left:
            each = min(left, key=self._get_sort_key_of_campaign)
            if kept >= each.seats and kept:
                left.remove(each)
                continue
            most = self._count_calls_before_next_campaign(each, left)
            turn = each.place_calls(most, kept & each.seats)
            account = self._accounts[each.campaign_id]
            account.expected_seconds += turn.placed * account.expected_agent_seconds_of_call * account.weight
            if turn.placed < most:
                left.remove(each)
                if turn.limited_by in WAITS_FOR_SEATS:
                    kept |= each.seats
        self._limit_agent_time_owed_to_campaigns(contenders)

    def _get_sort_key_of_campaign(self, contender: Contender) -> tuple[bool, float]:
        return contender.weight <= 0.0, self._accounts[contender.campaign_id].used_and_expected_agent_seconds

    def _count_calls_before_next_campaign(self, contender: Contender, left: Iterable[Contender]) -> int:
        """Return how many calls a campaign may place before it is the turn of another campaign."""
        own = self._accounts[contender.campaign_id].used_and_expected_agent_seconds
        until = min(
            self._list_used_agent_seconds_of_campaigns(_find_campaigns_sharing_seats(contender, left)), default=inf
        )
        if until == inf:
            return ALL_CALLS
        calls = ceil((until - own) / self._accounts[contender.campaign_id].expected_agent_seconds_of_call)
        return max(1, len(contender.seats) // SEATS_PER_CALL_OF_TURN, min(ALL_CALLS, calls))

    def _record_campaigns_that_want_to_call(self, contenders: Sequence[Contender]) -> None:
        """Record which campaigns want to call now. A campaign that starts to want calls gets no credit for the time
        before.
        """
        for each in contenders:
            self._get_agent_time_account_of_campaign(each.campaign_id).weight = _make_weight_positive(each.weight)
        awake = [each for each in contenders if self._accounts[each.campaign_id].is_awake]
        for each in contenders:
            account = self._accounts[each.campaign_id]
            if not account.is_awake:
                used = [
                    self._accounts[other.campaign_id].virtual_seconds
                    for other in _find_campaigns_sharing_seats(each, awake)
                ]
                account.virtual_seconds = max(account.virtual_seconds, min(used, default=0.0))
        self._mark_campaigns_as_wanting_to_call({each.campaign_id for each in contenders})

    def _mark_campaigns_as_wanting_to_call(self, campaign_ids: Collection[str]) -> None:
        for campaign_id, account in self._accounts.items():
            account.is_awake = campaign_id in campaign_ids

    def _limit_agent_time_owed_to_campaigns(self, contenders: Sequence[Contender]) -> None:
        """Limit the credit of campaigns that could not use their share of the agents' time."""
        floors: list[tuple[_Account, float]] = []
        for each in contenders:
            rivals = _find_campaigns_sharing_seats(each, contenders)
            if rivals:
                seats = len(each.seats.union(*(other.seats for other in rivals)))
                weights = sum(self._accounts[other.campaign_id].weight for other in (each, *rivals))
                floor = max(self._list_used_agent_seconds_of_campaigns(rivals)) - CREDIT_SECONDS * seats / weights
                floors.append((self._accounts[each.campaign_id], floor))
        for account, floor in floors:
            account.virtual_seconds += max(0.0, floor - account.used_and_expected_agent_seconds)

    def _list_used_agent_seconds_of_campaigns(self, contenders: Iterable[Contender]) -> list[float]:
        return [self._accounts[each.campaign_id].used_and_expected_agent_seconds for each in contenders]


def _find_campaigns_sharing_seats(contender: Contender, others: Iterable[Contender]) -> list[Contender]:
    """Return the other campaigns that compete with a campaign for seats. A campaign with weight 0 competes only with
    other campaigns of weight 0.
    """
    last, seats = contender.weight <= 0.0, contender.seats
    return [
        other
        for other in others
        if other is not contender and (other.weight <= 0.0) == last and not seats.isdisjoint(other.seats)
    ]


def count_seats_usable_at_cap(seats: float) -> int:
    """Return how many of its `seats` (its share) a campaign may use after it has reached its abandoned-call cap.

    Each of its calls then reserves a free seat before it is dialled, so no call is abandoned and the rate falls. The
    other campaigns may use the rest.
    """
    return ceil(TUNED.sure_share * seats)


def _make_weight_positive(weight: float) -> float:
    return weight if weight > 0.0 else 1.0
