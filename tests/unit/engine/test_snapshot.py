"""Campaigns with different skills that share agents: each seat is dialled for once, however the skills
are connected.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialer.domain.clock import SystemClock
from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.model import AttemptId, CampaignState
from dialer.domain.switch_events import CallWaiting
from dialer.domain.view import CampaignSpeed, Preview, SeatState
from dialer.engine.campaigns.runs import CampaignRun
from dialer.engine.core import Core
from dialer.engine.features import Features
from dialer.engine.placing.snapshot import Snapshots
from dialer.engine.plan import CampaignSpec, Dependencies, EnginePlan
from dialer.engine.seats.state import Seat
from dialer.engine.trunks.state import TrunkLimits, TrunkPool
from dialer.pacing.factory import ProgressivePacer
from dialer.pacing.port import BusySeat, PacingEvent, PacingEventKind, PacingSnapshot, SeatStage
from dialer.polling_day.priorities import BoothOrder
from dialer.rules.calling_hours import create_daily_calling_hours
from dialer.rules.retries import RetryRules
from tests.support.calls import a_call
from tests.support.rules import CALLER_ID, KOLKATA, NOON
from tests.support.turns import A, Turns

NO_RETRIES = RetryRules(1, 0.0, 0.0, 0.0, 0.0)
ALWAYS = create_daily_calling_hours([(time.min, time.max)])


def make_centre(seats: list[str]) -> Features:
    """Return ready seats whose agents have one skill per letter, and one campaign per skill."""
    plan = cast(EnginePlan, SimpleNamespace(seats={}, campaigns={}, polling=None))
    outside = cast(Dependencies, SimpleNamespace(store=None, switch=None))
    centre = Features(Core("centre-1", KOLKATA, SystemClock(), plan), outside)
    for n, skills in enumerate(seats, 1):
        seat = Seat(
            f"0{n}",
            f"agent0{n}",
            frozenset(),
            centre.core.read_clock(),
            SeatState.READY,
            f"10{n}",
            skills=frozenset(skills),
        )
        centre.agent_seats.update_seat_state(seat, seat)
    for skill in sorted(set("".join(seats))):
        spec = CampaignSpec(
            skill, CampaignKind.AGENTS, ("t",), None, None, 30.0, 2.0, 2.0, ALWAYS, ALWAYS, NO_RETRIES, skill=skill
        )
        pacer, running = ProgressivePacer(), CampaignState.RUNNING
        centre.loaded_campaigns.add_or_replace_campaign(
            CampaignRun(spec, Purpose.TURNOUT, pacer, running, BoothOrder([]), deque())
        )
    return centre


def take_snapshot_of(centre: Features, campaign: str) -> PacingSnapshot:
    trunks = TrunkPool([TrunkLimits("t", "t", 100, 100.0, ())], centre.core.clock.monotonic() - 1.0)
    snapshots = Snapshots(
        centre.core,
        centre.asterisk_servers,
        trunks,
        centre.agent_seats,
        centre.live_calls,
        centre.loaded_campaigns,
        centre.shares_of_agent_time,
    )
    return snapshots.collect_pacing_input(centre.loaded_campaigns[campaign], {}, {})


def place_calls_of(centre: Features, campaign: str) -> int:
    """Let a campaign's pacer decide, and place the calls. Return how many."""
    calls = centre.loaded_campaigns[campaign].pacer.count_calls_to_place(take_snapshot_of(centre, campaign))
    for _ in range(calls):
        add_ringing_call(centre, campaign)
    return calls


def add_ringing_call(centre: Features, campaign: str) -> None:
    n = len(centre.live_calls) + 1
    attempt = AttemptId(f"a{n}")
    now = centre.core.clock.monotonic()
    centre.live_calls.add_or_replace_call(
        a_call(attempt_id=attempt, campaign_id=campaign, phone_id=n, voter_id=n, began_seconds=now)
    )


@pytest.mark.parametrize(
    ("seats", "rings", "campaign", "calls"),
    [
        (["ab", "bc"], "", "a", 1),
        (["ab", "bc"], "b", "a", 1),  # b's voter can get the other seat
        (["ab", "bc"], "cb", "a", 0),  # but not if c's voter has it, although a and c share no agent
        (["a", "ab", "bc", "c"], "bcc", "a", 1),
        (["ab", "b", "b"], "a", "a", 0),  # there is room for b's calls, not for a's
        (["ab", "b", "c"], "bb", "a", 0),  # c's free agent does not help either
    ],
)
def test_campaign_places_no_more_calls_than_there_are_agents_with_its_skills(
    seats: list[str], rings: str, campaign: str, calls: int
) -> None:
    centre = make_centre(seats)
    for each in rings:
        add_ringing_call(centre, each)
    assert place_calls_of(centre, campaign) == calls


@pytest.mark.parametrize(
    ("seats", "order", "calls"),
    [
        (["ab", "bc"], "cba", [1, 1, 0]),
        (["ab", "b", "ac", "c"], "bac", [2, 1, 1]),
    ],
)
def test_campaigns_that_share_seats_together_place_one_call_per_seat(
    seats: list[str], order: str, calls: list[int]
) -> None:
    centre = make_centre(seats)
    assert [place_calls_of(centre, campaign) for campaign in order] == calls


def set_seat_states(centre: Features, state: SeatState, *names: str) -> None:
    """Set the state of seats of the centre."""
    for name in names:
        centre.agent_seats.update_seat_state(centre.agent_seats[name], replace(centre.agent_seats[name], state=state))


NINE_SKILLS = ["ab", "bc", "cd", "de", "ef", "fg", "gh", "hi"]
EIGHT_SKILLS = ["ab", "bc", "cd", "de", "ef", "fg", "gh", "h", "h"]


@pytest.mark.parametrize(
    ("seats", "rings", "calls"),
    [
        (["ab", "bc", "cd", "d", "d"], "bcc", 0),  # a, b and c have three seats; d has more
        ([*EIGHT_SKILLS, "d"], "bcc", 0),
        ([*NINE_SKILLS, "d"], "bcc", 1),  # too many skills to find that a, b and c have three seats
        ([*NINE_SKILLS, "b", "b"], "a", 0),
        ([*NINE_SKILLS, "b"], "bbb", 0),
        (NINE_SKILLS, "bcdefghi", 0),
        (NINE_SKILLS, "bcdefgh", 1),
    ],
)
def test_calls_are_limited_by_the_seats_with_each_combination_of_skills(
    seats: list[str], rings: str, calls: int
) -> None:
    centre = make_centre(seats)
    for each in rings:
        add_ringing_call(centre, each)
    assert place_calls_of(centre, "a") == calls


@pytest.mark.parametrize(
    ("seats", "paused"),
    [(["a", "c"], []), (["ab", "c"], []), (["a", "ac", "c"], ["02"])],
)
def test_calls_of_a_campaign_limit_only_campaigns_that_share_its_seats(seats: list[str], paused: list[str]) -> None:
    centre = make_centre(seats)
    set_seat_states(centre, SeatState.PAUSED, *paused)
    for each in "ccc":
        add_ringing_call(centre, each)
    assert place_calls_of(centre, "a") == 1


def test_pacing_input_of_a_campaign_contains_only_seats_with_its_skill() -> None:
    centre = make_centre(["ab", "b", "b"])
    add_ringing_call(centre, "b")
    snapshot = take_snapshot_of(centre, "a")
    assert (snapshot.free_seats, len(snapshot.ringing)) == (1, 0)


def test_pacing_input_counts_waiting_voters_of_campaigns_with_shared_seats() -> None:
    centre = make_centre(["ab", "b"])
    for name in ("a1", "a2"):
        call = a_call(attempt_id=AttemptId(name), campaign_id="b", answered_seconds=0.0, answered_at=NOON)
        centre.live_calls.add_or_replace_call(call.copy_call_with_voter_waiting())
    snapshot = take_snapshot_of(centre, "a")
    assert (snapshot.free_seats, len(snapshot.waiting_seconds)) == (2, 2)


@pytest.mark.parametrize(
    ("ready", "rings", "seen"),
    [
        (["01"], "b", (11, 1)),  # the only free seat is needed for b's call
        ([], "b", (1, 0)),  # a has one call per seat with its next call, both together have two calls for 11 seats
        ([], "b" * 11, (11, 11)),  # both together have 12 calls for 11 seats
    ],
)
def test_pacing_input_covers_the_scarcest_skills_if_no_seat_is_free(
    ready: list[str], rings: str, seen: tuple[int, int]
) -> None:
    centre = make_centre(["ab"] + ["b"] * 10)
    set_seat_states(
        centre, SeatState.TALKING, *(seat.name for seat in [*centre.agent_seats.list_seats()] if seat.name not in ready)
    )
    for each in rings:
        add_ringing_call(centre, each)
    snapshot = take_snapshot_of(centre, "a")
    assert (snapshot.free_seats + len(snapshot.busy_seats), len(snapshot.ringing)) == seen


@pytest.mark.parametrize(("rings", "seen"), [("b", (1, 0)), ("bbb", (3, 3))])
def test_next_call_counts_once_in_the_choice_of_the_scarcest_skills(rings: str, seen: tuple[int, int]) -> None:
    centre = make_centre(["ab", "b", "b"])
    set_seat_states(centre, SeatState.TALKING, "01", "02", "03")
    for each in rings:
        add_ringing_call(centre, each)
    snapshot = take_snapshot_of(centre, "a")
    assert (len(snapshot.busy_seats), len(snapshot.ringing)) == seen


def test_pacing_input_of_a_small_campaign_omits_busy_seats_of_other_campaigns() -> None:
    centre = make_centre(["ab"] + ["b"] * 50)
    for seat in centre.agent_seats.list_seats():
        centre.agent_seats.update_seat_state(seat, replace(seat, state=SeatState.TALKING))
    for _ in range(5):
        add_ringing_call(centre, "b")
    assert len(take_snapshot_of(centre, "a").busy_seats) == 1


def test_pacing_counts_calls_of_logged_off_agents_in_campaigns_that_share_seats() -> None:
    centre = make_centre(["ab", "ab"])
    for each in "aabb":
        add_ringing_call(centre, each)
    snapshot = take_snapshot_of(centre, "a")
    assert (snapshot.free_seats, len(snapshot.ringing)) == (2, 4)


def test_time_in_a_call_preview_does_not_count_as_talk_time() -> None:
    centre = make_centre(["a", "a"])
    now = centre.core.read_clock()
    hours_ago = now._replace(seconds=now.seconds - 7_200)
    centre.agent_seats.update_seat_state(
        centre.agent_seats["01"], centre.agent_seats["01"].reserve_seat_for_call(AttemptId("a1"), "a", hours_ago)
    )
    call = a_call(attempt_id=AttemptId("a1"), campaign_id="a", originate_sent=False)
    centre.live_calls.add_or_replace_call(
        replace(call.copy_call_with_preview(Preview(now.at + 60, auto_dial=False)), reserved_seat="01")
    )
    seen = take_snapshot_of(centre, "a")
    assert (seen.free_seats, seen.ringing) == (1, ())
    assert [seat.elapsed_seconds for seat in seen.busy_seats] == [0.0]
    assert centre.used_channel_counter.count_unsent_calls() == {}  # no call start is pending on the trunk


def make_turns_with_calls() -> Turns:
    """Return a centre of five seats at noon (two ready, one talking, two paused), with a waiting and a ringing voter."""
    turns = Turns(5, trunks=[{"name": "carrier", "endpoint": "carrier", "caller_ids": [CALLER_ID], "channels": 20}])
    turns.talking("01")
    for name in ("02", "03"):
        turns.place(replace(turns.features.agent_seats[name], state=SeatState.PAUSED))
    turns.call(AttemptId("b" * 36), phone_id=2, voter_id=2, ringing_at=NOON)
    turns.clock.seconds = 20.0
    return turns


def test_pacing_input_of_an_agent_campaign_counts_its_seats_and_free_channels() -> None:
    turns = make_turns_with_calls()
    run = turns.features.loaded_campaigns["calls"]
    snapshot = turns.features.pacing_input_collector.collect_pacing_input(run, {"carrier": 2}, {})
    assert (snapshot.free_seats, len(snapshot.busy_seats), snapshot.paused_seats) == (2, 1, 2)
    assert (snapshot.free_channels, snapshot.held_back, snapshot.active_calls) == (18, False, 0)
    assert len(snapshot.ringing) == 1
    assert snapshot.seconds_left == pytest.approx(8 * 3_600 - 20)  # calling hours end at 20:00
    run.hours_set = create_daily_calling_hours([(time(9), time(13))]), "asha"
    narrowed = turns.features.pacing_input_collector.collect_pacing_input(run, {"carrier": 2}, {})
    assert narrowed.seconds_left == pytest.approx(3_600 - 20)
    run.spec = replace(run.spec, channels=5)
    limited = turns.features.pacing_input_collector.collect_pacing_input(run, {"carrier": 2}, {})
    assert (limited.free_channels, limited.held_back) == (3, False)  # two of five are used
    run.spec = replace(run.spec, channels=1)
    assert turns.features.pacing_input_collector.collect_pacing_input(run, {"carrier": 2}, {}).free_channels == 0


def test_pacing_input_of_an_ivr_campaign_counts_its_calls_in_progress() -> None:
    turns = Turns(0, campaign={"kind": "ivr", "flow": "turnout"})
    run = turns.features.loaded_campaigns["calls"]
    assert turns.features.pacing_input_collector.collect_pacing_input(run, {}, {}).active_calls == 0
    turns.call()
    assert turns.features.pacing_input_collector.collect_pacing_input(run, {"carrier": 1}, {}).active_calls == 1


def test_pacing_input_contains_how_long_answered_voters_have_waited() -> None:
    turns = Turns(0)
    turns.call()
    turns.at(8.0, CallWaiting(A))
    turns.clock.seconds = 9.5
    snapshot = turns.features.pacing_input_collector.collect_pacing_input(
        turns.features.loaded_campaigns["calls"], {"carrier": 1}, {}
    )
    assert snapshot.waiting_seconds == (1.5,)


def test_pacing_input_subtracts_unsent_calls_from_the_permitted_call_starts() -> None:
    trunk = {
        "name": "carrier",
        "endpoint": "carrier",
        "caller_ids": [CALLER_ID],
        "channels": 20,
        "calls_per_second": 3.0,
    }
    turns = Turns(1, trunks=[trunk])
    turns.clock.seconds = 20.0
    run = turns.features.loaded_campaigns["calls"]
    take = turns.features.pacing_input_collector.collect_pacing_input
    assert take(run, {}, {}).cps_budget == 1
    assert take(run, {}, {"carrier": 3}).cps_budget == 0  # three calls a second
    assert take(run, {"carrier": 20}, {}).cps_budget == 0


@pytest.mark.parametrize(
    ("max_calls", "calls_per_seat", "free_channels", "held_back"),
    [
        (None, None, 18, False),
        (20, None, 18, False),  # two calls are live
        (19, None, 17, True),
        (1, None, 0, True),
        (None, 2.0, 5, True),  # three agents at work and an unanswered call
        (None, 2.5, 6, True),
        (None, 0.1, 0, True),  # at least one unanswered call is allowed
        (None, 7.0, 18, False),
        (3, 2.0, 1, True),
    ],
)
def test_supervisors_speed_limit_reduces_free_channels_until_it_expires(
    max_calls: int | None, calls_per_seat: float | None, free_channels: int, held_back: bool
) -> None:
    turns = make_turns_with_calls()
    run = turns.features.loaded_campaigns["calls"]
    run.speed = CampaignSpeed(max_calls, calls_per_seat, NOON + 21, "supervisor")
    take = turns.features.pacing_input_collector.collect_pacing_input
    snapshot = take(run, {"carrier": 2}, {})
    assert (snapshot.free_channels, snapshot.held_back) == (free_channels, held_back)
    turns.clock.seconds = 21.0
    snapshot = take(run, {"carrier": 2}, {})
    assert (snapshot.free_channels, snapshot.held_back) == (18, False)


def test_low_speed_limit_still_allows_one_unanswered_call() -> None:
    turns = Turns(1)
    run = turns.features.loaded_campaigns["calls"]
    run.speed = CampaignSpeed(None, 0.1, NOON + 60, "supervisor")
    assert turns.features.pacing_input_collector.collect_pacing_input(run, {}, {}).free_channels == 1


def test_pacing_input_ignores_the_calls_on_an_unreachable_asterisk_server() -> None:
    trunks = [
        {"name": "carrier", "endpoint": "carrier", "caller_ids": [CALLER_ID], "channels": 20},
        {"name": "other", "endpoint": "other", "caller_ids": [CALLER_ID], "channels": 20},
    ]
    turns = Turns(1, trunks=trunks)
    servers = turns.features.asterisk_servers
    servers.names, servers._by_trunk = ("one", "two"), {"carrier": "one", "other": "two"}
    run = turns.features.loaded_campaigns["calls"]
    run.spec = replace(run.spec, channels=5)
    turns.call()
    for number in (2, 3):
        of_number: dict[str, Any] = {"attempt_id": AttemptId(str(number) * 36), "phone_id": number, "voter_id": number}
        turns.features.live_calls.add_or_replace_call(a_call(campaign_id="calls", trunk="other", **of_number))
    seen = []
    for reachable in ({"one", "two"}, {"one"}, {"two"}, set[str]()):
        servers.up.clear()
        servers.up.update(reachable)
        snapshot = turns.features.pacing_input_collector.collect_pacing_input(run, {}, {})
        seen.append((len(snapshot.ringing), snapshot.free_channels))
    assert seen == [(3, 2), (1, 4), (2, 3), (3, 2)]  # without any server, nothing is filtered


def test_pacing_input_contains_ring_time_and_answer_probability_of_each_ringing_call() -> None:
    turns = Turns(1)
    run = turns.features.loaded_campaigns["calls"]
    other = replace(run, spec=replace(run.spec, campaign_id="other"))
    own_call = turns.call(phone_id=1, ringing_seconds=3.0)
    turns.features.live_calls.add_or_replace_call(
        replace(
            own_call, attempt_id=AttemptId("b" * 36), campaign_id="other", leg=replace(own_call.leg, began_seconds=4.0)
        )
    )
    turns.call(AttemptId("c" * 36), phone_id=3)
    turns.features.loaded_campaigns.add_or_replace_campaign(other)
    for _call in range(15):  # as many as the assumed calls, of which 25 % were answered
        turns.features.shares_of_agent_time.learn_from_pacing_event(
            "other", PacingEvent(PacingEventKind.ANSWERED, 0.0, 12.0)
        )
    turns.clock.seconds = 10.0
    ringing = turns.features.pacing_input_collector.collect_pacing_input(run, {}, {}).ringing
    assert {(call.elapsed_seconds, call.ringing_seconds): call.answer_probability for call in ringing} == {
        (10.0, 7.0): None,
        (6.0, 7.0): pytest.approx(0.625),
        (10.0, None): None,
    }


@pytest.mark.parametrize("is_leaving", [False, True])
def test_pacing_input_contains_how_long_each_busy_seat_has_been_in_its_state(is_leaving: bool) -> None:
    turns = Turns(3)
    turns.clock.seconds = 20.0
    now = turns.features.core.read_clock()
    began = now._replace(seconds=5.0)
    then = SeatState.PAUSED if is_leaving else SeatState.READY
    for name, state, closing in (
        ("01", SeatState.TALKING, None),
        ("02", SeatState.TALKING, 18.0),
        ("03", SeatState.RESERVED, None),
    ):
        seat = turns.features.agent_seats[name]
        turns.place(replace(seat, state=state, since=began, closing_since_seconds=closing, then=then))
    run = turns.features.loaded_campaigns["calls"]
    assert turns.features.pacing_input_collector.collect_pacing_input(run, {}, {}).busy_seats == (
        BusySeat(SeatStage.TALKING, 15.0, leaving=is_leaving),
        BusySeat(SeatStage.CLOSING, 2.0, leaving=is_leaving),
        BusySeat(SeatStage.TALKING, 0.0, leaving=is_leaving),
    )


@pytest.mark.parametrize(("answered", "free_channels"), [(1, 3), (3, 3)])
def test_speed_limit_per_seat_does_not_count_answered_calls(answered: int, free_channels: int) -> None:
    turns = Turns(2)
    run = turns.features.loaded_campaigns["calls"]
    turns.call(AttemptId("r" * 36), phone_id=90)
    for number in range(answered):
        turns.call(AttemptId(str(number) * 36), phone_id=number, answered_seconds=1.0, answered_at=NOON)
    run.speed = CampaignSpeed(None, 2.0, NOON + 60, "supervisor")
    assert turns.features.pacing_input_collector.collect_pacing_input(run, {}, {}).free_channels == free_channels
