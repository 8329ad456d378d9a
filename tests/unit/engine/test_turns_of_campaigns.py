"""Turns of the campaigns that share agents: whose turn it is, and what a turn costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

import pytest

from dialer.engine.placing.fair_shares import SHARE_SECONDS, CampaignLoad, Contender, FairShares, SeatUse, Turn
from dialer.pacing.port import Limit, PacingEvent, PacingEventKind

SEATS = frozenset({"01", "02", "03", "04"})


@dataclass
class Pool:
    """Seats that take a number of further calls, and the campaigns that place them."""

    room: int = 0  # calls that pacing still allows
    placed: list[str] = field(default_factory=list)
    kept: dict[str, Collection[str]] = field(
        default_factory=dict
    )  # by campaign: the seats left to others at its last turn
    limits: dict[str, Limit] = field(default_factory=dict)  # campaigns that cannot place calls, with the reason

    def make_contender(self, name: str, weight: float = 1.0, seats: Collection[str] = SEATS) -> Contender:
        def place_calls(most: int, kept: Collection[str]) -> Turn:
            self.kept[name] = kept
            if name in self.limits:
                return Turn(0, self.limits[name])
            count = min(most, self.room)
            self.room -= count
            self.placed += [name] * count
            return Turn(count, Limit.SEATS if count < most else None)

        return Contender(name, weight, frozenset(seats), place_calls)


def place_calls(shares: FairShares, pool: Pool, *contenders: Contender, room: int = 8) -> Counter[str]:
    """Let the campaigns place calls. Return how many each has placed."""
    pool.room, pool.placed = room, []
    shares.place_calls_in_turns(contenders)
    return Counter(pool.placed)


def use_seats(shares: FairShares, seconds: float, **seats: int) -> None:
    """Let seats talk for campaigns, then end all talks."""
    now = (shares._looked_at or 0.0) + 1e-6
    shares.record_agent_time(now, {name: CampaignLoad([SeatUse(0.0)] * count) for name, count in seats.items()})
    for passed in range(1, int(seconds) + 1):
        shares.record_agent_time(
            now + passed, {name: CampaignLoad([SeatUse(float(passed))] * count) for name, count in seats.items()}
        )
    shares.record_agent_time(now + int(seconds), {})


@pytest.mark.parametrize(
    ("weights", "calls"), [((1.0, 1.0), (4, 4)), ((3.0, 1.0), (6, 2)), ((0.5, 1.5), (2, 6)), ((1.0, 0.0), (8, 0))]
)
def test_campaigns_place_calls_in_proportion_to_their_weights(
    weights: tuple[float, float], calls: tuple[int, int]
) -> None:
    shares, pool = FairShares(), Pool()
    contenders = [pool.make_contender(name, weight) for name, weight in zip("ab", weights, strict=True)]
    placed = place_calls(shares, pool, *contenders)
    assert (placed["a"], placed["b"]) == calls


def test_campaign_with_longer_conversations_places_fewer_calls() -> None:
    shares, pool = FairShares(), Pool()
    for number in range(400):
        for name, talk in (("short", 45.0), ("long", 195.0)):
            shares.learn_from_pacing_event(name, PacingEvent(PacingEventKind.TALK_ENDED, number, talk))
            shares.learn_from_pacing_event(name, PacingEvent(PacingEventKind.WRAP_UP_ENDED, number, 5.0))
            kind = PacingEventKind.ANSWERED if number % 4 == 0 else PacingEventKind.FAILED
            shares.learn_from_pacing_event(name, PacingEvent(kind, number))
    placed = place_calls(shares, pool, pool.make_contender("short"), pool.make_contender("long"), room=50)
    assert placed["short"] == pytest.approx(40, abs=1)


def test_campaign_over_its_agent_time_waits_for_the_other_campaign() -> None:
    shares, pool = FairShares(), Pool()
    both = pool.make_contender("a"), pool.make_contender("b")
    place_calls(shares, pool, *both, room=0)
    use_seats(shares, 50, a=2)
    placed = place_calls(shares, pool, *both, room=4)
    assert placed == {"b": 4}


def test_idle_campaign_saves_up_no_agent_time_for_later() -> None:
    shares, pool = FairShares(), Pool()
    one, other = pool.make_contender("a"), pool.make_contender("b")
    place_calls(shares, pool, one, other, room=0)
    for _ in range(10):
        place_calls(shares, pool, one)  # the other is paused
        use_seats(shares, 300, a=4)
    placed = place_calls(shares, pool, one, other)
    assert placed["a"] == placed["b"] == 4


def test_campaign_gets_all_agent_time_if_no_other_campaign_wants_to_call() -> None:
    shares, pool = FairShares(), Pool()
    one, other = pool.make_contender("a"), pool.make_contender("b")
    place_calls(shares, pool, one, other, room=0)
    shares.give_all_agent_time_to_campaign({"a": 0.5})
    assert shares.intended_shares == {"a": 1.0}
    use_seats(shares, 300, a=4)
    assert shares._accounts["a"].virtual_seconds == pytest.approx(300 * 4 / 0.5, rel=0.01)
    placed = place_calls(shares, pool, one, other)
    assert placed["a"] == placed["b"] == 4  # no credit for the time in which it did not want to call
    shares.give_all_agent_time_to_campaign({})
    assert shares.intended_shares == {}


def test_campaign_may_later_use_at_most_three_minutes_of_unused_agent_time() -> None:
    shares, pool = FairShares(), Pool()
    both = pool.make_contender("a"), pool.make_contender("b")
    pool.limits["b"] = Limit.CHANNELS
    for _ in range(10):
        place_calls(shares, pool, *both)
        use_seats(shares, 300, a=4)
    del pool.limits["b"]
    place_calls(shares, pool, *both, room=0)
    lead = shares._accounts["a"].used_and_expected_agent_seconds - shares._accounts["b"].used_and_expected_agent_seconds
    assert lead == pytest.approx(180.0 * 4 / 2)


@pytest.mark.parametrize("limit", [Limit.SEATS, Limit.CAP, Limit.AGENTS, Limit.IN_FLIGHT])
def test_campaign_over_its_share_leaves_seats_free_for_a_waiting_campaign(limit: Limit) -> None:
    shares, pool = FairShares(), Pool()
    pool.limits["b"] = limit
    all_seats = pool.make_contender("a")
    some = pool.make_contender("b", seats={"03", "04"})
    use_seats(shares, 100, a=4)
    placed = place_calls(shares, pool, all_seats, some)
    assert placed["a"] == 8
    assert pool.kept["a"] == {"03", "04"}
    assert place_calls(shares, pool, pool.make_contender("a", seats={"03"}), some) == {}


@pytest.mark.parametrize("limit", [Limit.HARD_STOP, Limit.CHANNELS, Limit.CPS, Limit.SPEED, Limit.RESERVE])
def test_other_campaigns_get_agent_time_of_a_campaign_at_its_call_limit(limit: Limit) -> None:
    shares, pool = FairShares(), Pool()
    pool.limits["b"] = limit
    use_seats(shares, 100, a=4)
    assert place_calls(shares, pool, pool.make_contender("a"), pool.make_contender("b")) == {"a": 8}
    assert not pool.kept["a"]


def test_campaign_of_weight_zero_gets_only_unused_agent_time() -> None:
    shares, pool = FairShares(), Pool()
    first, then = pool.make_contender("first", 1.0), pool.make_contender("then", 0.0)
    use_seats(shares, 500, first=4)
    assert place_calls(shares, pool, first, then) == {"first": 8}
    pool.limits["first"] = Limit.SEATS
    assert place_calls(shares, pool, first, then) == {}
    pool.limits["first"] = Limit.CPS
    assert place_calls(shares, pool, first, then) == {"then": 8}
    assert place_calls(shares, pool, then) == {"then": 8}
    del pool.limits["first"]
    assert place_calls(shares, pool, first, then) == {"first": 8}


def test_seats_are_divided_by_weight_among_campaigns_with_matching_skills() -> None:
    shares, pool = FairShares(), Pool()
    contenders = [
        pool.make_contender("a", 3.0),
        pool.make_contender("b", 1.0, seats={"01", "02"}),
        pool.make_contender("c", 0.0),
    ]
    assert shares.divide_seats_among_campaigns(contenders) == pytest.approx({"a": 3.0, "b": 1.0, "c": 0.0}, abs=0.05)
    assert shares.intended_shares == pytest.approx({"a": 0.75, "b": 0.25, "c": 0.0}, abs=0.02)
    assert shares.divide_seats_among_campaigns([]) == {}


@pytest.mark.parametrize(
    ("weights_and_seats", "seats"),
    [
        (
            [(1.0, 12), (1.0, 3)],
            [9.0, 3.0],
        ),  # fewer seats can take the second campaign's calls than its weight asks for
        ([(1.0, 12), (1.0, 8)], [6.0, 6.0]),
        ([(1.0, 12), (5.0, 3), (1.0, 9)], [4.5, 3.0, 4.5]),
        ([(1.0, 3), (0.0, 12)], [3.0, 9.0]),  # a campaign with weight 0 gets the seats that nobody else can use
        ([(1.0, 0), (1.0, 12)], [0.0, 12.0]),
    ],
)
def test_campaign_with_few_suitable_seats_gets_all_of_these_seats(
    weights_and_seats: list[tuple[float, int]], seats: list[float]
) -> None:
    pool, names = Pool(), [f"{number:02d}" for number in range(12)]
    contenders = [
        pool.make_contender(str(number), weight, seats=names[:count])
        for number, (weight, count) in enumerate(weights_and_seats)
    ]
    expected = {str(number): count for number, count in enumerate(seats)}
    assert FairShares().divide_seats_among_campaigns(contenders) == pytest.approx(expected, abs=0.05)


def test_shares_of_agent_time_cover_the_last_quarter_of_an_hour() -> None:
    shares = FairShares()
    assert shares.compute_agent_time_shares() == {}
    use_seats(shares, SHARE_SECONDS, a=4)
    use_seats(shares, SHARE_SECONDS + 60, a=1, b=3)
    assert shares.compute_agent_time_shares()["b"] == pytest.approx(0.75, abs=0.02)
    shares.record_agent_time(1e6, {})
    assert shares.compute_agent_time_shares() == {}
