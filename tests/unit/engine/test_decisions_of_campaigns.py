"""Decisions how many calls a campaign places: which campaign is first, when to decide again, and what a hold changes."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from dialer.domain.alerts import AlertKind
from dialer.domain.model import AttemptId, CampaignState
from dialer.domain.view import HoldReason, Preview, SeatState
from dialer.engine.placing.service import LOOK_AGAIN_SECONDS
from dialer.engine.trunks.state import WIRE_SECONDS
from dialer.pacing.port import Explanation, Limit, PacingSnapshot
from dialer.rules.gate import Objection, Reason, Ruling
from tests.support.placing import make_claim, make_turns_that_want_calls, run_pacing_decision
from tests.support.rules import CALLER_ID, NOON
from tests.support.turns import A, Turns

B = AttemptId("b" * 36)
IVR = {"kind": "ivr", "flow": "turnout", "pacing": "broadcast"}


def make_trunk(**values: Any) -> dict[str, Any]:
    return {"name": "carrier", "endpoint": "carrier", "caller_ids": [CALLER_ID], **values}


def decide(turns: Turns, seconds: float = 10.0) -> float:
    """Decide for all campaigns, and return after how many seconds to decide again."""
    waits: list[float] = []
    turns.after(seconds, lambda: waits.append(turns.features.campaign_call_placer.place_calls_of_all_campaigns()))
    return waits[0]


def forbid_calls(turns: Turns, until: float | None = None) -> None:
    ruling = Ruling((Objection(Reason.NO_ZONE, "no time zone is known", until),), until)
    cast(Any, turns.features.calling_rules_checker._gate).check_rules_for_campaign = lambda *_: ruling


def let_trunk_rest(turns: Turns) -> None:
    health = turns.features.trunk_health_monitor.pool.get_trunk_health("carrier")
    assert health is not None
    health._suspend_failing_trunk(10.0, failed=5, judged=5)


def test_campaigns_take_turns_if_the_limit_allows_one_new_call_per_pacing_decision() -> None:
    campaigns = [{"id": name, "kind": "agents", "candidate": "A. Candidate"} for name in ("calls", "more", "third")]
    turns = make_turns_that_want_calls(wanted=1, campaigns=campaigns, trunks=[make_trunk(calls_per_second=1.0)])
    for run in turns.features.loaded_campaigns.list_campaign_runs():
        run.hopper = deque(
            make_claim(ord(run.spec.campaign_id[0]) + number, campaign_id=run.spec.campaign_id) for number in range(9)
        )
    placed: list[str] = []
    for seconds in range(10, 30, 2):
        before = set(turns.features.live_calls._calls)
        decide(turns, seconds)
        [new] = [call for call in turns.features.live_calls.list_live_calls() if call.attempt_id not in before]
        placed.append(new.campaign_id)
        turns.features.live_calls.add_or_replace_call(new.copy_call_with_originate_sent(seconds))
    assert placed == ["calls", "more", "third"] * 3 + ["calls"]


def list_decisions_of_campaign(*others: str, state: CampaignState = CampaignState.RUNNING) -> list[tuple[object, ...]]:
    """Return the decisions of the campaign "calls" in a few seconds: the input of its pacing, the calls that it placed and
    when to decide again. No other campaign has numbers to call.
    """
    campaigns = [{"id": name, "kind": "agents", "candidate": "A. Candidate"} for name in ("calls", *others)]
    turns = make_turns_that_want_calls(seats=5, campaigns=campaigns, trunks=[make_trunk(calls_per_second=5.0)])
    runs, decisions = turns.features.loaded_campaigns, list[tuple[object, ...]]()
    for name in others:
        runs[name].state = state
    runs["calls"].hopper = deque(make_claim(number) for number in range(30))

    def count_calls_to_place(snapshot: PacingSnapshot) -> int:
        decisions.append((snapshot,))
        return max(0, 6 - len(snapshot.ringing))

    cast(Any, runs["calls"].pacer).count_calls_to_place = count_calls_to_place
    for seconds in range(10, 16):
        wait = decide(turns, seconds)
        calls = turns.features.live_calls.list_live_calls()
        decisions.append((wait, [call.phone_id for call in calls]))
        for call in calls:
            turns.features.live_calls.add_or_replace_call(call.copy_call_with_originate_sent(seconds))
    return decisions


@pytest.mark.parametrize("state", [CampaignState.RUNNING, CampaignState.PAUSED])
def test_idle_campaigns_do_not_change_the_calls_that_another_campaign_places(state: CampaignState) -> None:
    alone = list_decisions_of_campaign()
    assert len(alone) == 12  # its pacing decides once each time
    assert list_decisions_of_campaign("more", "third", state=state) == alone


def test_campaign_at_its_abandoned_call_cap_reserves_an_agent_for_each_call() -> None:
    campaigns = [{"id": name, "kind": "agents", "candidate": "A. Candidate"} for name in ("calls", "more")]
    trunks = [make_trunk(channels=50, calls_per_second=50.0)]
    turns = make_turns_that_want_calls(seats=8, wanted=0, campaigns=campaigns, trunks=trunks)
    for number, run in enumerate(turns.features.loaded_campaigns.list_campaign_runs()):
        run.hopper = deque(
            make_claim(30 * number + phone, campaign_id=run.spec.campaign_id) for phone in range(1, 1 + 20)
        )
    at_cap = cast(Any, turns.features.loaded_campaigns["calls"].pacer)
    at_cap.explain_last_pacing_decision = lambda: Explanation(0, Limit.HARD_STOP)
    other = cast(Any, turns.features.loaded_campaigns["more"].pacer)
    other.count_calls_to_place = lambda snapshot: max(0, snapshot.free_seats - len(snapshot.ringing))
    for seconds in range(10, 22):
        decide(turns, seconds)
        for call in turns.features.live_calls.list_live_calls():
            turns.features.live_calls.add_or_replace_call(call.copy_call_with_originate_sent(seconds))
    calls = turns.features.live_calls.list_live_calls()
    reserved = [call.reserved_seat for call in calls if call.campaign_id == "calls"]
    assert len(set(reserved)) == len(reserved) == 2  # half of its share of 4 agents
    assert None not in reserved
    assert [call.reserved_seat for call in calls if call.campaign_id == "more"] == [None] * 6


def test_campaign_is_held_while_all_its_trunks_are_suspended_after_failures() -> None:
    turns = make_turns_that_want_calls(wanted=1)
    run = turns.features.loaded_campaigns["calls"]
    run.hopper.append(make_claim(1))
    let_trunk_rest(turns)
    run_pacing_decision(turns)
    assert run.hold is not None
    assert run.hold.reason is HoldReason.TRUNKS
    assert AlertKind.TRUNKS.make_alert_code("calls") in turns.features.active_alerts
    assert not run.hopper


def test_alert_about_suspended_trunks_clears_when_the_campaign_is_paused() -> None:
    turns = make_turns_that_want_calls()
    let_trunk_rest(turns)
    run_pacing_decision(turns)
    turns.features.loaded_campaigns["calls"].state = CampaignState.PAUSED
    assert "alert trunks-calls over" in run_pacing_decision(turns)


def test_alert_is_active_while_rules_forbid_all_calls_of_a_campaign() -> None:
    turns = make_turns_that_want_calls()
    forbid_calls(turns)
    assert "alert rules-hold-calls" in run_pacing_decision(turns)
    turns.features.loaded_campaigns["calls"].state = CampaignState.PAUSED
    assert "alert rules-hold-calls over" in run_pacing_decision(turns)
    turns.features.loaded_campaigns["calls"].state = CampaignState.RUNNING
    turns.clock.seconds = 12
    forbid_calls(turns, until=NOON + 99)
    assert "alert rules-hold-calls" not in run_pacing_decision(turns, 12)
    hold = turns.features.loaded_campaigns["calls"].hold
    assert hold is not None
    assert (hold.reason, hold.text, hold.until) == (HoldReason.RULES, "no time zone is known", NOON + 99)


def test_each_new_reason_for_holding_a_campaign_is_logged_once() -> None:
    turns = make_turns_that_want_calls()
    run = turns.features.loaded_campaigns["calls"]
    with capture_logs() as logs:
        run_pacing_decision(turns)
        run.state = CampaignState.PAUSED
        run_pacing_decision(turns)
        run_pacing_decision(turns)
        turns.features.core.draining = True
        run_pacing_decision(turns)
        turns.features.core.draining, run.state = False, CampaignState.RUNNING
        run_pacing_decision(turns)
    held = [(line["campaign"], line["reason"]) for line in logs if line["event"] == "campaign.held"]
    assert held == [("calls", "paused"), ("calls", "stopping")]
    assert run.hold is None


def test_ringing_call_with_a_reserved_seat_is_not_cancelled_if_other_agents_leave() -> None:
    turns = make_turns_that_want_calls(seats=2)
    now = turns.features.core.read_clock()
    turns.after(
        9,
        lambda: turns.features.seat_reservations_for_calls.reserve_seat(
            turns.features.agent_seats["01"], turns.features.loaded_campaigns["calls"], A
        ),
    )
    turns.place(replace(turns.features.agent_seats["01"], then=SeatState.PAUSED))
    turns.place(turns.features.agent_seats["02"].log_off_agent(now))
    turns.features.live_calls.add_or_replace_call(replace(turns.call(), reserved_seat="01"))
    turns.call(B)
    orders = [line for line in run_pacing_decision(turns) if line.startswith("order")]
    assert orders == [f"order hang_up_call {B}"]
    hold = turns.features.loaded_campaigns["calls"].hold
    assert hold is not None
    assert hold.reason is HoldReason.NO_AGENT


def test_pausing_a_campaign_ends_its_previews_but_not_its_ringing_calls() -> None:
    turns = make_turns_that_want_calls(seats=2)
    features = turns.features
    turns.after(
        9,
        lambda: features.seat_reservations_for_calls.reserve_seat(
            features.agent_seats["01"], features.loaded_campaigns["calls"], A
        ),
    )
    previewed = replace(turns.call(originate_sent=False), reserved_seat="01")
    features.live_calls.add_or_replace_call(previewed.copy_call_with_preview(Preview(NOON + 60, False)))
    turns.call(B)
    features.loaded_campaigns["calls"].state = CampaignState.PAUSED
    lines = run_pacing_decision(turns)
    assert "commit end refused" in lines
    assert list(features.live_calls._calls) == [B]
    assert not [line for line in lines if line.startswith("order")]


def test_paused_campaign_hangs_up_ringing_calls_that_exceed_its_agents() -> None:
    turns = make_turns_that_want_calls()
    turns.call()
    run = turns.features.loaded_campaigns["calls"]
    run.state = CampaignState.PAUSED
    cast(Any, run.pacer).count_ringing_calls_to_hang_up = lambda _: 1
    assert "order hang_up_call A" in run_pacing_decision(turns, 60.0)


def test_ringing_calls_are_hung_up_if_voters_cannot_hear_a_required_sound() -> None:
    turns = make_turns_that_want_calls()
    turns.call()
    turns.features.loaded_campaigns["calls"].inaudible_sound = "matdan/message"
    assert "order hang_up_call A" in run_pacing_decision(turns)


def test_excess_ringing_calls_are_not_cancelled_while_no_asterisk_server_is_connected() -> None:
    turns = make_turns_that_want_calls()
    turns.call()
    turns.place(turns.features.agent_seats["01"].log_off_agent(turns.features.core.read_clock()))
    turns.features.asterisk_servers.up.clear()
    run_pacing_decision(turns)
    assert not turns.features.live_calls[A].leg.cancelled


def test_removed_campaign_cancels_its_ringing_calls_and_returns_its_reserved_numbers() -> None:
    turns = make_turns_that_want_calls()
    turns.call()
    run = turns.features.loaded_campaigns["calls"]
    run.hopper.append(make_claim(1))
    lines = turns.after(10, lambda: turns.features.campaign_call_placer.cancel_calls_of_campaign(run))
    assert [line for line in lines if line.startswith(("order", "beside"))] == [
        "order hang_up_call A",
        "beside release-claims",
    ]


@pytest.mark.parametrize(
    ("unsent", "per_second", "channels", "wait"),
    [
        (2, 2.0, 9, (1.0 + WIRE_SECONDS) / 2.0),  # the unsent calls use all starts of this second
        (1, 200.0, 1, LOOK_AGAIN_SECONDS),  # no channel is free: the end of a call starts the next decision
        (100, 100.0, 200, (1.0 + WIRE_SECONDS) / 100.0),
        (4, 0.5, 9, LOOK_AGAIN_SECONDS),
    ],
)
def test_ivr_pacing_at_the_cps_limit_waits_for_the_next_permitted_call_start(
    unsent: int, per_second: float, channels: int, wait: float
) -> None:
    trunk = make_trunk(calls_per_second=per_second, channels=channels)
    turns = make_turns_that_want_calls(wanted=1, campaign=IVR, trunks=[trunk])
    for number in range(unsent):
        turns.call(AttemptId(f"{number:036}"), originate_sent=False, phone_id=number + 50, voter_id=number + 50)
    turns.features.loaded_campaigns["calls"].hopper.append(make_claim(1))
    cast(Any, turns.features.loaded_campaigns["calls"].pacer).count_calls_to_place = None  # the pacer is not asked
    assert decide(turns) == pytest.approx(wait)
    assert len(turns.features.live_calls) == unsent


def test_ivr_campaign_places_a_call_when_its_trunk_may_start_a_call() -> None:
    turns = make_turns_that_want_calls(wanted=1, campaign=IVR)
    turns.features.loaded_campaigns["calls"].hopper.append(make_claim(1))
    decide(turns)
    assert len(turns.features.live_calls) == 1


def test_agent_campaign_pacing_at_the_cps_limit_waits_for_a_call_start() -> None:
    turns = make_turns_that_want_calls(wanted=1, trunks=[make_trunk(calls_per_second=2.0)])
    for number in range(2):
        turns.call(AttemptId(f"{number:036}"), originate_sent=False, phone_id=number + 50, voter_id=number + 50)
    assert decide(turns) == pytest.approx((1.0 + WIRE_SECONDS) / 2.0)
    turns.features.loaded_campaigns["calls"].hopper.append(make_claim(1))
    assert decide(turns) == pytest.approx((1.0 + WIRE_SECONDS) / 2.0)


def test_pacing_of_an_agent_campaign_is_repeated_at_the_next_permitted_call_start() -> None:
    turns = make_turns_that_want_calls(wanted=5, trunks=[make_trunk(calls_per_second=4.0)])
    turns.features.loaded_campaigns["calls"].hopper = deque([make_claim(1), make_claim(2)])
    assert decide(turns) == pytest.approx(0.23, abs=0.021)
    assert len(turns.features.live_calls) == 1


def test_pacing_decision_is_repeated_after_a_second_when_no_due_number_is_left() -> None:
    turns = make_turns_that_want_calls(wanted=1, trunks=[make_trunk(calls_per_second=4.0)])
    turns.features.loaded_campaigns["calls"].hopper = deque([make_claim(1)])
    assert decide(turns) == LOOK_AGAIN_SECONDS
    assert len(turns.features.live_calls) == 1


def test_pacing_decision_that_requests_no_call_is_repeated_after_a_second() -> None:
    turns = make_turns_that_want_calls(wanted=0)
    turns.features.loaded_campaigns["calls"].hopper.append(make_claim(1))
    assert decide(turns) == LOOK_AGAIN_SECONDS


def test_campaign_with_agents_places_its_call_before_an_ivr_campaign() -> None:
    campaigns = [{"id": "flow", **IVR}, {"id": "calls", "kind": "agents"}]
    campaigns = [{"candidate": "A. Candidate", **each} for each in campaigns]
    turns = make_turns_that_want_calls(wanted=1, campaigns=campaigns, trunks=[make_trunk(calls_per_second=1.0)])
    turns.features.loaded_campaigns["flow"].hopper.append(make_claim(1, campaign_id="flow"))
    turns.features.loaded_campaigns["calls"].hopper.append(make_claim(2))
    decide(turns)
    assert [call.campaign_id for call in turns.features.live_calls.list_live_calls()] == ["calls"]


def test_pacing_decision_replaces_expiring_reserved_numbers_by_new_ones() -> None:
    turns = make_turns_that_want_calls()
    turns.features.loaded_campaigns["calls"].hopper.append(make_claim(1, leased_until=NOON))
    assert run_pacing_decision(turns) == ["beside release-claims", "beside refill"]
    assert not turns.features.loaded_campaigns["calls"].hopper


def test_campaign_at_its_channel_limit_places_no_call() -> None:
    turns = make_turns_that_want_calls(wanted=5, campaign={"channels": 1})
    turns.call(phone_id=50, voter_id=50)
    turns.features.loaded_campaigns["calls"].hopper.append(make_claim(1))
    run_pacing_decision(turns)
    assert list(turns.features.live_calls._calls) == [A]


@pytest.mark.parametrize(("wanted", "unsent", "is_logged"), [(0, 0, False), (1, 0, True), (1, 2, False)])
def test_pacing_is_logged_only_if_a_call_may_be_placed(wanted: int, unsent: int, is_logged: bool) -> None:
    turns = make_turns_that_want_calls(wanted=wanted)
    for number in range(unsent):
        turns.call(AttemptId(f"{number:036}"), originate_sent=False, phone_id=number + 50, voter_id=number + 50)
    with capture_logs() as logs:
        run_pacing_decision(turns)
    assert any(line["event"] == "campaign.paced" for line in logs) is is_logged


def test_excess_calls_with_a_reserved_seat_are_not_hung_up() -> None:
    turns = make_turns_that_want_calls(seats=2)
    features = turns.features
    turns.after(
        9,
        lambda: features.seat_reservations_for_calls.reserve_seat(
            features.agent_seats["01"], features.loaded_campaigns["calls"], A
        ),
    )
    features.live_calls.add_or_replace_call(replace(turns.call(), reserved_seat="01"))
    turns.call(B, answered_seconds=1.0)
    for number in (1, 2, 3):
        turns.call(AttemptId(f"{number:036}"), began_seconds=float(number))
    features.loaded_campaigns["calls"].pacer = cast(
        Any,
        SimpleNamespace(
            count_calls_to_place=lambda _: 0,
            count_ringing_calls_to_hang_up=lambda snapshot: len(snapshot.ringing) - 1,
            learn_from_pacing_event=lambda _: None,
        ),
    )
    orders = [line for line in run_pacing_decision(turns, 60.0) if line.startswith("order")]
    assert len(orders) == 2
    assert A not in " ".join(orders)
    assert not any(B in line or line.endswith(" A") for line in orders)


@pytest.mark.parametrize("excess", [1, 99])
@pytest.mark.parametrize("began_seconds", [0.0, 20.0])
def test_excess_ringing_call_is_hung_up_and_calls_with_reserved_seats_continue(
    excess: int, began_seconds: float
) -> None:
    turns = make_turns_that_want_calls(seats=2)
    features, times = turns.features, dict[str, Any](began_seconds=began_seconds)
    turns.after(
        9,
        lambda: features.seat_reservations_for_calls.reserve_seat(
            features.agent_seats["01"], features.loaded_campaigns["calls"], A
        ),
    )
    features.asterisk_servers.add_asterisk_servers({"far": "b"}, ())
    names = [AttemptId(letter * 36) for letter in "bcde"]
    features.live_calls.add_or_replace_call(replace(turns.call(**times), reserved_seat="01"))
    turns.call(names[0], answered_seconds=30.0, **times)
    turns.call(names[1], cancelled=True, **times)
    features.live_calls.add_or_replace_call(replace(turns.call(names[2], **times), trunk="far"))
    turns.call(names[3], began_seconds=10.0)
    cast(Any, features.loaded_campaigns["calls"].pacer).count_ringing_calls_to_hang_up = lambda _: excess
    orders = [line for line in run_pacing_decision(turns, 70.0) if line.startswith("order")]
    assert orders == [f"order hang_up_call {names[3]}"]


@pytest.mark.parametrize("sound", [None, "matdan/message"])
def test_held_campaign_cancels_no_ringing_calls_while_asterisk_is_disconnected(
    sound: str | None,
) -> None:
    turns = make_turns_that_want_calls()
    turns.call()
    turns.features.asterisk_servers.up.clear()
    run = turns.features.loaded_campaigns["calls"]
    run.inaudible_sound = sound
    cast(Any, run.pacer).count_ringing_calls_to_hang_up = lambda _: 1
    run_pacing_decision(turns, 60.0)
    assert not turns.features.live_calls[A].leg.cancelled
