"""Campaigns with different skills that share agents: each seat is dialled for once, however the skills
are connected.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import time
from types import SimpleNamespace
from typing import cast

import pytest

from dialer.domain.clock import SystemClock
from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.model import AttemptId, CampaignState
from dialer.domain.switch_events import CallWaiting
from dialer.domain.view import Preview, SeatState
from dialer.engine.campaigns.runs import CampaignRun
from dialer.engine.core import Core
from dialer.engine.features import Features
from dialer.engine.placing.snapshot import Snapshots
from dialer.engine.plan import CampaignSpec, Dependencies, EnginePlan
from dialer.engine.seats.state import Seat
from dialer.engine.trunks.state import TrunkLimits, TrunkPool
from dialer.pacing.factory import ProgressivePacer
from dialer.pacing.port import PacingSnapshot
from dialer.polling_day.priorities import BoothOrder
from dialer.rules.calling_hours import make_daily_hours
from dialer.rules.retries import RetryRules
from tests.support.calls import a_call
from tests.support.rules import CALLER_ID, KOLKATA, NOON
from tests.support.turns import A, Turns

NO_RETRIES = RetryRules(1, 0.0, 0.0, 0.0, 0.0)
ALWAYS = make_daily_hours([(time.min, time.max)])


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
        centre.seats.put_seat(seat, seat)
    for skill in sorted(set("".join(seats))):
        spec = CampaignSpec(
            skill, CampaignKind.AGENTS, ("t",), None, None, 30.0, 2.0, 2.0, ALWAYS, ALWAYS, NO_RETRIES, skill=skill
        )
        pacer, running = ProgressivePacer(), CampaignState.RUNNING
        centre.runs.put_campaign(CampaignRun(spec, Purpose.TURNOUT, pacer, running, BoothOrder([]), deque()))
    return centre


def take_snapshot_of(centre: Features, campaign: str) -> PacingSnapshot:
    trunks = TrunkPool([TrunkLimits("t", "t", 100, 100.0, ())], centre.core.clock.monotonic() - 1.0)
    snapshots = Snapshots(centre.core, centre.servers, trunks, centre.seats, centre.calls, centre.runs)
    return snapshots.take_pacing_snapshot(centre.runs[campaign], {}, {})


def place_calls_of(centre: Features, campaign: str) -> int:
    """Let a campaign's pacer decide, and place the calls. Return how many."""
    calls = centre.runs[campaign].pacer.count_calls_to_place(take_snapshot_of(centre, campaign))
    for _ in range(calls):
        add_ringing_call(centre, campaign)
    return calls


def add_ringing_call(centre: Features, campaign: str) -> None:
    n = len(centre.calls) + 1
    attempt = AttemptId(f"a{n}")
    now = centre.core.clock.monotonic()
    centre.calls.put_call(a_call(attempt_id=attempt, campaign_id=campaign, phone_id=n, voter_id=n, began_seconds=now))


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
def test_campaign_places_no_more_calls_than_agents_have_the_required_skills(
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
def test_campaigns_that_decide_in_turn_place_one_call_per_shared_seat(
    seats: list[str], order: str, calls: list[int]
) -> None:
    centre = make_centre(seats)
    assert [place_calls_of(centre, campaign) for campaign in order] == calls


def test_busy_seats_of_another_campaign_are_not_offered_to_a_small_campaign() -> None:
    centre = make_centre(["ab"] + ["b"] * 50)
    for seat in centre.seats.values():
        centre.seats.put_seat(seat, replace(seat, state=SeatState.TALKING))
    for _ in range(5):
        add_ringing_call(centre, "b")
    assert len(take_snapshot_of(centre, "a").busy_seats) == 1


def test_calls_of_logged_off_agents_count_for_campaigns_that_share_seats() -> None:
    centre = make_centre(["ab", "ab"])
    for each in "aabb":
        add_ringing_call(centre, each)
    snapshot = take_snapshot_of(centre, "a")
    assert (snapshot.free_seats, len(snapshot.ringing)) == (2, 4)


def test_time_spent_on_a_preview_does_not_count_as_talk_time() -> None:
    centre = make_centre(["a", "a"])
    now = centre.core.read_clock()
    hours_ago = now._replace(seconds=now.seconds - 7_200)
    centre.seats.put_seat(centre.seats["01"], centre.seats["01"].reserve(AttemptId("a1"), "a", hours_ago))
    call = a_call(attempt_id=AttemptId("a1"), campaign_id="a", originate_sent=False)
    centre.calls.put_call(replace(call.with_preview(Preview(now.at + 60, auto_dial=False)), reserved_seat="01"))
    seen = take_snapshot_of(centre, "a")
    assert (seen.free_seats, seen.ringing) == (1, ())
    assert [seat.elapsed_seconds for seat in seen.busy_seats] == [0.0]
    assert centre.channels.count_unsent_calls() == {}  # no call start is pending on the trunk


def make_turns_with_calls() -> Turns:
    """Return a centre of five seats at noon (two ready, one talking, two paused), with a waiting and a ringing voter."""
    turns = Turns(5, trunks=[{"name": "carrier", "endpoint": "carrier", "caller_ids": [CALLER_ID], "channels": 20}])
    turns.talking("01")
    for name in ("02", "03"):
        turns.place(replace(turns.features.seats[name], state=SeatState.PAUSED))
    turns.call(AttemptId("b" * 36), phone_id=2, voter_id=2, ringing_at=NOON)
    turns.clock.seconds = 20.0
    return turns


def test_snapshot_of_an_agents_campaign_counts_its_seats_and_free_channels() -> None:
    turns = make_turns_with_calls()
    run = turns.features.runs["calls"]
    snapshot = turns.features.snapshots.take_pacing_snapshot(run, {"carrier": 2}, {})
    assert (snapshot.free_seats, len(snapshot.busy_seats), snapshot.paused_seats) == (2, 1, 2)
    assert (snapshot.free_channels, snapshot.held_back, snapshot.active_calls) == (18, False, 0)
    assert len(snapshot.ringing) == 1
    assert snapshot.seconds_left == pytest.approx(8 * 3_600 - 20)  # calling hours end at 20:00
    run.spec = replace(run.spec, channels=5)
    limited = turns.features.snapshots.take_pacing_snapshot(run, {"carrier": 2}, {})
    assert (limited.free_channels, limited.held_back) == (3, False)  # two of five are used
    run.spec = replace(run.spec, channels=1)
    assert turns.features.snapshots.take_pacing_snapshot(run, {"carrier": 2}, {}).free_channels == 0


def test_snapshot_of_an_ivr_campaign_counts_its_calls() -> None:
    turns = Turns(0, campaign={"kind": "ivr", "flow": "turnout"})
    run = turns.features.runs["calls"]
    assert turns.features.snapshots.take_pacing_snapshot(run, {}, {}).active_calls == 0
    turns.call()
    assert turns.features.snapshots.take_pacing_snapshot(run, {"carrier": 1}, {}).active_calls == 1


def test_snapshot_contains_how_long_voters_have_waited() -> None:
    turns = Turns(0)
    turns.call()
    turns.at(8.0, CallWaiting(A))
    turns.clock.seconds = 9.5
    snapshot = turns.features.snapshots.take_pacing_snapshot(turns.features.runs["calls"], {"carrier": 1}, {})
    assert snapshot.waiting_seconds == (1.5,)
