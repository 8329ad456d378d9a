"""Hoppers: when numbers are reserved, when booths get new priorities, and which reserved numbers are returned."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialer.domain.enums import Purpose
from dialer.domain.errors import CommandRefused, RefusedBecause, StoreError
from dialer.domain.model import CampaignState, Claim, VotingBooths
from dialer.domain.view import Hold, HoldReason
from dialer.engine.effects import StoreFailed
from dialer.engine.placing.hoppers import (
    CLAIMED_AT_ONCE,
    HOPPER_SIZE,
    LEASE_SECONDS,
    LEAST_LEASE_SECONDS,
    PRIORITIES_SECONDS,
    RELEASED_AT_ONCE,
    Hoppers,
)
from dialer.store.claims import Unclaimed
from tests.support.placing import make_claim, make_turns_that_want_calls
from tests.support.rules import NOON


class Site:
    """An engine whose hoppers use a store that a test sets."""

    def __init__(self, **store: Any) -> None:
        self.turns = make_turns_that_want_calls()
        self.turns.clock.seconds = 0.0
        self.hoppers: Hoppers = self.turns.features.campaign_call_placer._hoppers
        self.hoppers._store = cast(Any, SimpleNamespace(**store))
        self.run = self.turns.features.loaded_campaigns["calls"]
        self.orders: list[Any] = []
        self.run.order = cast(
            Any,
            SimpleNamespace(set_booth_priorities=self.orders.append, record_numbers_returned_undialled=lambda _: None),
        )


@pytest.mark.parametrize(("left", "is_refilled"), [(0, True), (50, True), (51, False), (60, False)])
def test_numbers_are_reserved_in_whole_batches_up_to_the_maximum(left: int, is_refilled: bool) -> None:
    site = Site()
    assert left <= HOPPER_SIZE
    site.run.hopper = deque(make_claim(number) for number in range(left))
    assert site.turns.after(0, lambda: site.hoppers.refill_hopper_with_numbers_to_dial(site.run)) == (
        ["beside refill"] if is_refilled else []
    )
    assert site.run.refilling is is_refilled
    assert (
        site.turns.after(0, lambda: site.hoppers.refill_hopper_with_numbers_to_dial(site.run)) == []
    )  # only one refill at a time
    assert HOPPER_SIZE - CLAIMED_AT_ONCE == 50


@pytest.mark.parametrize(("due_seconds", "is_refilled"), [(-1.0, True), (0.0, True), (0.1, False)])
def test_further_numbers_are_reserved_when_the_next_number_is_due(due_seconds: float, is_refilled: bool) -> None:
    site = Site()
    site.run.next_due_at = NOON + due_seconds
    lines = site.turns.after(0, lambda: site.hoppers.refill_hopper_with_numbers_to_dial(site.run))
    assert lines == (["beside refill"] if is_refilled else [])


@pytest.mark.parametrize("stop", ["hold", "pause", "drain", None])
def test_campaign_reserves_numbers_only_while_dialling_is_permitted(
    stop: str | None,
) -> None:
    site = Site()
    if stop == "hold":
        site.run.hold = Hold(HoldReason.CALLING_HOURS)
    elif stop == "pause":
        site.run.state = CampaignState.PAUSED
    elif stop == "drain":
        site.turns.features.core.draining = True
    assert site.hoppers._may_campaign_reserve_more_numbers(site.run) is (stop is None)


def test_no_numbers_are_reserved_while_the_disk_is_nearly_full() -> None:
    site = Site()
    site.hoppers._has_room = lambda: False
    site.turns.features.core.in_event = True
    site.hoppers.refill_hopper_with_numbers_to_dial(site.run)
    [failed] = site.turns.features.core.pop_requested_side_effects()
    assert isinstance(failed, StoreFailed)
    assert str(failed.error) == "the disk has less free space than `store.reserve_megabytes`: free some space"
    assert not site.run.refilling


@pytest.mark.parametrize(
    ("released", "left"),
    [([0], False), ([RELEASED_AT_ONCE, 3], False), ([RELEASED_AT_ONCE, RELEASED_AT_ONCE, RELEASED_AT_ONCE - 1], False)],
)
async def test_all_numbers_refused_by_the_rules_return_to_the_queue_in_batches(released: list[int], left: bool) -> None:
    answers, asked = iter(released), list[tuple[str, int]]()

    async def return_refused_numbers_to_queue(campaign: str, most: int) -> int:
        asked.append((campaign, most))
        return next(answers)

    site = Site(return_refused_numbers_to_queue=return_refused_numbers_to_queue)
    site.run.must_check_refused = True
    await site.hoppers._return_refused_numbers_to_queue(site.run)
    assert asked == [("calls", RELEASED_AT_ONCE)] * len(released)
    assert site.run.must_check_refused is left
    await site.hoppers._return_refused_numbers_to_queue(site.run)
    assert len(asked) == len(released)  # nothing has changed since


async def test_second_rule_change_returns_refused_numbers_to_the_queue_once_more() -> None:
    asked: list[int] = []

    async def return_refused_numbers_to_queue(_: str, most: int) -> int:
        asked.append(most)
        site.run.must_check_refused = len(asked) == 1
        return 0

    site = Site(return_refused_numbers_to_queue=return_refused_numbers_to_queue)
    site.run.must_check_refused = True
    await site.hoppers._return_refused_numbers_to_queue(site.run)
    assert len(asked) == 2


async def test_numbers_refused_by_the_rules_are_checked_again_after_a_store_failure() -> None:
    async def return_refused_numbers_to_queue(*_: object) -> int:
        raise StoreError("full")

    site = Site(return_refused_numbers_to_queue=return_refused_numbers_to_queue)
    site.run.must_check_refused = True
    with pytest.raises(StoreError):
        await site.hoppers._return_refused_numbers_to_queue(site.run)
    assert site.run.must_check_refused


class Polling:
    """Polling days whose priorities show what they were computed from."""

    def create_call_priorities_of_polling_booths(self, *asked: object) -> tuple[object, ...]:
        return asked


@pytest.mark.parametrize(
    ("purpose", "has_polling_days", "has_priorities"),
    [(Purpose.TURNOUT, True, True), (Purpose.TURNOUT, False, False), (Purpose.BOOTH_WORKERS, True, False)],
)
def test_booths_have_calling_priorities_only_in_turnout_campaigns(
    purpose: Purpose, has_polling_days: bool, has_priorities: bool
) -> None:
    site = Site()
    today = SimpleNamespace(until=NOON + 99)
    site.hoppers._polls = cast(Any, SimpleNamespace(find_booths_voting_today=lambda: today))
    polling = Polling() if has_polling_days else None
    site.hoppers._core = cast(Any, SimpleNamespace(clock=site.turns.clock, plan=SimpleNamespace(polling=polling)))
    site.run.purpose = purpose
    site.hoppers._set_booth_priorities(site.run)
    assert site.orders == [(today, site.hoppers._turnout.booths, NOON) if has_priorities else {}]
    assert (site.run.priorities_at, site.run.votes_until) == (NOON, NOON + 99)


@pytest.mark.parametrize(("seconds", "times"), [(0.0, 1), (PRIORITIES_SECONDS - 1, 1), (PRIORITIES_SECONDS, 2)])
def test_booth_priorities_are_computed_again_only_after_their_expiry_time(seconds: float, times: int) -> None:
    site = Site()
    site.hoppers._set_booth_priorities(site.run)
    site.turns.clock.seconds = seconds
    site.hoppers._set_booth_priorities(site.run)
    assert len(site.orders) == times


def test_reserved_numbers_are_returned_to_the_queue_shortly_before_the_reservation_ends() -> None:
    site = Site()
    expiring = [make_claim(number, leased_until=NOON + LEAST_LEASE_SECONDS - 1) for number in (1, 2)]
    lasting = [make_claim(number, leased_until=NOON + LEAST_LEASE_SECONDS) for number in (3, 4)]
    returned: list[Any] = []
    site.run.order = cast(Any, SimpleNamespace(record_numbers_returned_undialled=returned.extend))
    site.run.list_done, site.run.next_due_at = True, NOON + 99
    site.run.hopper = deque(lasting)
    assert site.turns.after(0, lambda: site.hoppers.return_expiring_numbers_to_queue(site.run)) == []
    assert (site.run.returns, site.run.list_done, site.run.next_due_at) == (0, True, NOON + 99)
    site.run.hopper = deque([*expiring, *lasting])
    lines = site.turns.after(0, lambda: site.hoppers.return_expiring_numbers_to_queue(site.run))
    assert lines == ["beside release-claims"]
    assert [claim.phone_id for claim in site.run.hopper] == [3, 4]
    assert [claim.phone_id for claim in returned] == [1, 2]
    assert (site.run.returns, site.run.list_done, site.run.next_due_at) == (1, False, 0.0)
    site.run.hopper = deque(expiring)
    site.turns.after(0, lambda: site.hoppers.return_expiring_numbers_to_queue(site.run))
    assert not site.run.hopper


async def test_reserved_number_that_an_agent_chooses_is_dialled_without_a_store_query() -> None:
    site = Site()
    site.run.hopper = deque([make_claim(1), make_claim(2), make_claim(3)])
    assert (await site.hoppers.reserve_number(site.run, 2)).phone_id == 2
    assert [claim.phone_id for claim in site.run.hopper] == [1, 3]


async def test_number_that_an_agent_chooses_is_first_reserved_in_the_store() -> None:
    asked: list[Any] = []

    async def claim_number(*args: object, **named: object) -> object:
        asked.append((args, named))
        return make_claim(5)

    site = Site(claim_number=claim_number)
    assert await site.hoppers.reserve_number(site.run, 5) == make_claim(5)
    [(args, named)] = asked
    assert args == ("calls", 5)
    assert named == {
        "owner": site.turns.features.core.plan.owner,
        "now": NOON,
        "lease_seconds": LEASE_SECONDS,
        "day_start": NOON - 12 * 3_600,
    }


@pytest.mark.parametrize(
    ("refusal", "text", "reason"),
    [
        (Unclaimed.NOT_LISTED, "the number is not on the campaign's list", RefusedBecause.NOT_LISTED),
        (
            Unclaimed.CLOSED,
            "the number is completed: it has opted out, or no voter on it is left to call",
            RefusedBecause.CLOSED,
        ),
        (Unclaimed.REFUSED, "the rules forbid calls to the number", RefusedBecause.FORBIDDEN),
        (Unclaimed.NOT_DUE, "the number is not due yet", RefusedBecause.NOT_DUE),
        (Unclaimed.IN_USE, "the number is on a call or being dialled", RefusedBecause.ON_A_CALL),
    ],
)
async def test_error_about_an_unavailable_number_that_an_agent_chose_gives_the_reason(
    refusal: Unclaimed, text: str, reason: RefusedBecause
) -> None:
    async def claim_number(*_: object, **__: object) -> Unclaimed:
        return refusal

    site = Site(claim_number=claim_number)
    with pytest.raises(CommandRefused) as refused:
        await site.hoppers.reserve_number(site.run, 5)
    assert str(refused.value) == f"campaign calls: the number was not called, because {text}"
    assert refused.value.why is reason


@pytest.mark.parametrize(
    ("due_seconds", "next_due_seconds"), [(-5.0, 1.0), (0.5, 1.0), (7.0, 7.0), (None, float("inf"))]
)
async def test_call_queue_is_read_when_numbers_are_due_at_most_once_a_second(
    due_seconds: float | None, next_due_seconds: float
) -> None:
    async def find_next_due_time(_: str) -> float | None:
        return None if due_seconds is None else NOON + due_seconds

    async def read_campaign_progress(*asked: object) -> object:
        return asked

    site = Site(find_next_due_time=find_next_due_time, read_campaign_progress=read_campaign_progress)
    resets: list[bool] = []
    site.run.order = cast(
        Any,
        SimpleNamespace(
            must_other_polling_days_wait=False,
            return_empty_booths_to_call_order=lambda: resets.append(True),
        ),
    )
    await site.hoppers._record_when_next_number_is_due(site.run)
    assert site.run.next_due_at == NOON + next_due_seconds
    assert site.run.list_done is (due_seconds is None)
    assert bool(resets) is (due_seconds == -5.0)
    if due_seconds is None:
        assert cast(Any, site.run.progress) == ("calls", NOON)


async def test_call_queue_is_not_empty_if_numbers_return_during_the_read() -> None:
    async def find_next_due_time(_: str) -> float | None:
        site.run.returns += 1
        return NOON + 99

    site = Site(find_next_due_time=find_next_due_time)
    await site.hoppers._record_when_next_number_is_due(site.run)
    assert (site.run.next_due_at, site.run.list_done) == (0.0, False)


class ClaimingStore:
    """A store that answers claims from a list, and then has no more numbers."""

    def __init__(self, *batches: list[Claim]) -> None:
        self.batches = list(batches)
        self.asked: list[Any] = []
        self.reads: list[str] = []

    async def return_refused_numbers_to_queue(self, *_: object) -> int:
        return 0

    async def claim_queued_numbers(self, *asked: object, **named: object) -> list[Claim]:
        self.asked.append((asked, named))
        return self.batches.pop(0) if self.batches else []

    async def find_next_due_time(self, campaign: str) -> float | None:
        self.reads.append(campaign)
        return NOON + 500


class ScriptedOrder:
    """An order of booths whose answers a test sets, one per claim."""

    def __init__(self, *, exhausted: list[bool], voting: list[list[int] | None], waiting: bool = False) -> None:
        self.exhausted = exhausted
        self.voting = voting
        self.must_other_polling_days_wait = waiting
        self.recorded: list[tuple[Any, int, bool]] = []

    def set_booth_priorities(self, _: object) -> None:
        pass

    def plan_numbers_to_call_per_booth(self, numbers: int) -> dict[int, int]:
        return {7: numbers}

    def find_booths_to_call_first(self, _: object) -> list[int] | None:
        return self.voting.pop(0)

    def record_reserved_numbers(self, quotas: Any, claims: list[Claim], *, full: bool) -> None:
        self.recorded.append((quotas, len(claims), full))

    @property
    def are_all_booths_without_numbers(self) -> bool:
        return self.exhausted.pop(0)


async def fill_hopper(order: ScriptedOrder, *batches: list[Claim]) -> tuple[Site, ClaimingStore]:
    """Fill a hopper from a queue with these numbers, whose booths have this order."""
    site, store = Site(), ClaimingStore(*batches)
    site.hoppers._store = cast(Any, store)
    site.run.order = cast(Any, order)
    site.run.votes_until, site.run.priorities_at = NOON + 3_600, NOON
    site.turns.features.core.in_event = True
    await site.hoppers._fill_hopper_with_numbers_to_dial(site.run)
    return site, store


async def test_numbers_are_reserved_from_the_planned_booths_of_the_polling_day() -> None:
    order = ScriptedOrder(exhausted=[True], voting=[[7, 8]], waiting=True)
    _, store = await fill_hopper(order, [make_claim(1)])
    [(asked, named)] = store.asked
    assert asked == ("calls", CLAIMED_AT_ONCE)
    assert (named["booths"], named["voting"]) == ({7: CLAIMED_AT_ONCE}, VotingBooths([7, 8], NOON + 3_600))
    assert (named["now"], named["day_start"]) == (NOON, NOON - 12 * 3_600)
    assert order.recorded == [({7: CLAIMED_AT_ONCE}, 1, False)]


async def test_numbers_are_reserved_from_all_booths_if_no_booth_votes_today() -> None:
    _, store = await fill_hopper(ScriptedOrder(exhausted=[True], voting=[None]), [make_claim(1)])
    [(_, named)] = store.asked
    assert named["voting"] is None


async def test_numbers_are_reserved_for_a_campaign_until_no_further_batch_fits() -> None:
    batches = [[make_claim(number) for number in range(CLAIMED_AT_ONCE)] for _ in range(8)]
    order = ScriptedOrder(exhausted=[True] * 8, voting=[None] * 8)
    site, store = await fill_hopper(order, *batches)
    assert len(site.run.hopper) == len(store.asked) * CLAIMED_AT_ONCE == HOPPER_SIZE
    assert [full for *_, full in order.recorded] == [True] * len(store.asked)
    assert (store.reads, site.run.next_due_at) == ([], 0.0)


async def test_numbers_are_reserved_from_each_booth_in_turn_until_all_booths_are_exhausted() -> None:
    site, store = await fill_hopper(
        ScriptedOrder(exhausted=[False, False, True], voting=[None] * 3), [make_claim(1)], [], [make_claim(2)]
    )
    assert [claim.phone_id for claim in site.run.hopper] == [1, 2]
    assert (len(store.asked), store.reads, site.run.next_due_at) == (3, ["calls"], NOON + 500)


async def test_booths_not_voting_today_are_called_after_voting_booths_are_exhausted() -> None:
    order = ScriptedOrder(exhausted=[True, True], voting=[[7], None])
    site, store = await fill_hopper(order, [], [make_claim(2)])
    assert [claim.phone_id for claim in site.run.hopper] == [2]
    assert [named["voting"] for _, named in store.asked] == [VotingBooths([7], NOON + 3_600), None]
    assert store.reads == ["calls"]


async def test_booths_not_voting_today_wait_while_voting_booths_have_numbers() -> None:
    order = ScriptedOrder(exhausted=[True], voting=[[7]], waiting=True)
    _, store = await fill_hopper(order, [make_claim(1)])
    assert (len(store.asked), store.reads) == (1, ["calls"])


async def test_each_return_of_reserved_numbers_to_a_campaigns_queue_is_counted() -> None:
    site = Site()
    for _ in range(3):
        site.turns.after(0, lambda: site.hoppers.return_numbers_to_queue(site.run, [make_claim(1)]))
    assert site.run.returns == 3


@pytest.mark.parametrize(("due_seconds", "is_reset"), [(-0.1, True), (0.0, True), (0.1, False)])
async def test_booths_without_numbers_are_queried_once_more_when_a_number_is_due(
    due_seconds: float, is_reset: bool
) -> None:
    async def find_next_due_time(_: str) -> float:
        return NOON + due_seconds

    site, resets = Site(find_next_due_time=find_next_due_time), list[bool]()
    site.run.order = cast(
        Any,
        SimpleNamespace(
            must_other_polling_days_wait=False,
            return_empty_booths_to_call_order=lambda: resets.append(True),
        ),
    )
    await site.hoppers._record_when_next_number_is_due(site.run)
    assert bool(resets) is is_reset
