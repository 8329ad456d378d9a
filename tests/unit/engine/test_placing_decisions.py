"""Which calls a decision places, cancels and holds, without a switch."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialer.domain.model import AttemptId, CampaignState, Claim
from dialer.domain.view import HoldReason
from dialer.engine.effects import TimerExpired, TimerKind
from dialer.engine.placing.service import LOOK_AGAIN_SECONDS
from tests.support.placing import make_claim, make_turns_that_want_calls, run_pacing_decision
from tests.support.turns import A


def test_new_call_counts_as_in_progress_before_its_commit() -> None:
    turns = make_turns_that_want_calls(wanted=2)
    turns.features.loaded_campaigns["calls"].hopper.extend(map(make_claim, (1, 2)))
    assert "beside open-attempts" in run_pacing_decision(turns)
    assert [call.call_state.value for call in turns.features.live_calls.list_live_calls()] == ["sending"]
    assert [each.phone_id for each in turns.features.loaded_campaigns["calls"].hopper] == [2]


def test_phone_number_that_is_already_on_a_call_is_postponed() -> None:
    turns = make_turns_that_want_calls(wanted=1)
    turns.call(phone_id=1)
    turns.features.loaded_campaigns["calls"].hopper.append(make_claim(1))
    assert "beside postpone" in run_pacing_decision(turns)
    assert [call.attempt_id for call in turns.features.live_calls.list_live_calls()] == [A]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda turns: setattr(turns.features.core, "draining", True), HoldReason.STOPPING),
        (lambda turns: turns.features.asterisk_servers.up.clear(), HoldReason.NO_SWITCH),
        (lambda turns: setattr(turns.features.retrying_store_writer, "problem", "full"), HoldReason.STORE),
        (
            lambda turns: setattr(turns.features.loaded_campaigns["calls"], "state", CampaignState.PAUSED),
            HoldReason.PAUSED,
        ),
        (
            lambda turns: setattr(turns.features.loaded_campaigns["calls"], "inaudible_sound", "matdan/message"),
            HoldReason.NO_AUDIO,
        ),
        (lambda turns: turns.at(9, TimerExpired(TimerKind.AGENT_ABSENT, "01")), HoldReason.NO_AGENT),
    ],
)
def test_held_campaign_returns_reserved_numbers_and_places_no_call(change: Any, reason: HoldReason) -> None:
    turns = make_turns_that_want_calls(wanted=1)
    turns.features.loaded_campaigns["calls"].hopper.append(make_claim(1))
    change(turns)
    assert "beside release-claims" in run_pacing_decision(turns)
    hold = turns.features.loaded_campaigns["calls"].hold
    assert hold is not None
    assert hold.reason is reason
    assert not turns.features.live_calls


def test_ringing_calls_are_cancelled_when_the_last_agent_leaves() -> None:
    turns = make_turns_that_want_calls()
    turns.call()
    turns.call(AttemptId("b" * 36), answered_seconds=1.0)
    turns.at(9, TimerExpired(TimerKind.AGENT_ABSENT, "01"))
    assert [line for line in run_pacing_decision(turns) if line.startswith("order")] == ["order hang_up_call A"]
    assert not [line for line in run_pacing_decision(turns) if line.startswith("order")]  # only once


def test_call_cancelled_before_sending_is_never_sent_to_the_switch() -> None:
    turns = make_turns_that_want_calls()
    live = turns.call(originate_sent=False)
    assert turns.after(10, lambda: turns.features.live_calls.cancel_call(live)) == []
    assert turns.features.live_calls[A].leg.cancelled


def test_numbers_reserved_while_the_dialler_stops_are_returned_to_the_queue() -> None:
    turns = make_turns_that_want_calls()
    run = turns.features.loaded_campaigns["calls"]

    async def claim_while_stopping(*_: object, **__: object) -> list[Claim]:
        turns.features.core.draining = True
        return [make_claim(1), make_claim(2)]

    async def find_no_due_time(*_: object) -> None:
        return None

    async def release_no_targets(*_: object) -> int:
        return 0

    hoppers = turns.features.campaign_call_placer._hoppers
    hoppers._store = cast(
        Any,
        SimpleNamespace(
            claim_queued_numbers=claim_while_stopping,
            find_next_due_time=find_no_due_time,
            return_refused_numbers_to_queue=release_no_targets,
            read_campaign_progress=find_no_due_time,
        ),
    )
    assert turns.after(10, lambda: asyncio.run(hoppers._fill_hopper_with_numbers_to_dial(run))) == [
        "beside release-claims"
    ]
    assert not run.hopper


def test_pacing_of_a_site_without_campaigns_repeats_at_the_usual_interval() -> None:
    turns = make_turns_that_want_calls()
    turns.features.loaded_campaigns.list_campaign_runs = list  # type: ignore[method-assign]  # no campaigns
    assert turns.features.campaign_call_placer.place_calls_of_all_campaigns() == LOOK_AGAIN_SECONDS


def test_stopping_a_campaign_also_cancels_its_calls_with_a_reserved_seat() -> None:
    turns = make_turns_that_want_calls()
    turns.call(reserved_seat="01")
    placing = turns.features.campaign_call_placer
    cast(Any, placing._reserved).is_seat_reserved = lambda _: True
    turns.after(10.0, lambda: placing.cancel_calls_of_campaign(turns.features.loaded_campaigns["calls"]))
    assert [call.leg.cancelled for call in turns.features.live_calls.list_live_calls()] == [True]


@pytest.mark.parametrize(("campaign", "is_cancelled"), [({}, True), ({"kind": "ivr", "flow": "turnout"}, False)])
def test_excess_calls_are_cancelled_only_in_campaigns_with_agents(campaign: dict[str, Any], is_cancelled: bool) -> None:
    turns = make_turns_that_want_calls(campaign=campaign)
    run = turns.features.loaded_campaigns["calls"]
    cast(Any, run.pacer).count_ringing_calls_to_hang_up = lambda _: 1
    turns.call()
    run_pacing_decision(turns)
    assert [call.leg.cancelled for call in turns.features.live_calls.list_live_calls()] == [is_cancelled]
