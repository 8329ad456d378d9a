"""Numbers that an agent dials: why a call is refused, and over which trunk and with which caller ID it is placed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialer.domain.errors import CommandRefused, RefusedBecause
from dialer.domain.model import NO_VOTER, AttemptId, Booth, BoothWorker, Claim, NewAttempt
from dialer.domain.switch import OriginateRequest
from dialer.domain.view import SeatState
from dialer.engine.calls.state import Call
from dialer.engine.placing.originate import ON_A_CALL_SECONDS
from dialer.rules.gate import Objection, Reason, Ruling
from dialer.store.attempts import Refusal
from tests.support.placing import make_claim, make_turns_that_want_calls
from tests.support.rules import CALLER_ID, NOON
from tests.support.turns import A, Turns

LOCAL_CALLER_ID = "+911140000002"
WORKER = BoothWorker(1, "hi", (1,))
ONE_CHANNEL = {"name": "carrier", "endpoint": "carrier", "caller_ids": [CALLER_ID], "channels": 1}


class Site:
    """An engine with a store and a switch that record what they are asked to do."""

    def __init__(self, refusal: Refusal | None = None, **sections: Any) -> None:
        self.turns = make_turns_that_want_calls(**sections)
        self.placed: list[OriginateRequest] = []
        originator = self.turns.features.call_originator

        async def commit_new_attempts(*_: Any, **__: Any) -> list[Refusal | None]:
            return [refusal]

        async def originate_call(request: OriginateRequest) -> None:
            self.placed.append(request)

        nothing = lambda _: None  # noqa: E731
        originator._store = cast(Any, SimpleNamespace(commit_new_attempts=commit_new_attempts))
        originator._switch = cast(Any, SimpleNamespace(originate_call=originate_call))
        originator._sent = cast(
            Any,
            SimpleNamespace(
                record_attempt_before_commit=nothing,
                remove_unsent_attempt=nothing,
                record_attempt_before_sending=nothing,
            ),
        )

    def dial(self, claim: Claim | None = None) -> CommandRefused | None:
        """Dial a number for the agent of seat 01. Return why the call was refused, or None."""
        self.turns.features.core.in_event = True
        run, seat = self.turns.features.loaded_campaigns["calls"], self.turns.features.agent_seats["01"]
        return asyncio.run(self.turns.features.call_originator.dial_reserved_number(run, claim or make_claim(1), seat))


def put_number_on_another_call(turns: Turns) -> None:
    turns.call(phone_id=1, voter_id=9)


def end_polling_day(turns: Turns) -> None:
    turns.features.call_originator._find_retry_time_on_polling_day = lambda *_: NOON  # type: ignore[method-assign]


def forbid_calls(turns: Turns) -> None:
    ruling = Ruling((Objection(Reason.OPTED_OUT, "the number has opted out", None),), None)
    cast(Any, turns.features.calling_rules_checker._gate).check_rules_before_originate = lambda *_: ruling


def use_all_channels(turns: Turns) -> None:
    turns.call(phone_id=9, voter_id=9)


@pytest.mark.parametrize(
    ("prepare", "text", "reason"),
    [
        (put_number_on_another_call, "the number or its voter is on another call", RefusedBecause.ON_A_CALL),
        (
            end_polling_day,
            "the voter's booth does not vote now: its polling day is over or has not come",
            RefusedBecause.FORBIDDEN,
        ),
        (forbid_calls, "the rules forbid this call now: the number has opted out", RefusedBecause.FORBIDDEN),
        (use_all_channels, "no trunk channel is free: try again in a moment", RefusedBecause.NO_CHANNEL),
    ],
)
def test_forbidden_manual_call_is_refused_with_the_reason(
    prepare: Callable[[Turns], None], text: str, reason: RefusedBecause
) -> None:
    site = Site(trunks=[ONE_CHANNEL])
    prepare(site.turns)
    refused = site.dial()
    assert isinstance(refused, CommandRefused)
    assert (str(refused), refused.why) == (text, reason)
    assert not site.placed
    assert site.turns.seat() is SeatState.READY


def test_manual_call_to_a_number_that_the_store_refuses_is_not_placed() -> None:
    site = Site(Refusal.ATTEMPT_CAP)
    refused = site.dial()
    assert isinstance(refused, CommandRefused)
    assert (str(refused), refused.why) == (
        "the number may not be called now: another call to it was just made, or its daily cap is reached",
        RefusedBecause.FORBIDDEN,
    )
    assert not site.placed
    assert not site.turns.features.live_calls


def test_manual_call_counts_as_a_call_with_an_available_agent() -> None:
    site = Site()
    asked = site.turns.record_guaranteed_agents_of_rule_checks()
    assert site.dial() is None
    assert asked == [True, True]


def test_manual_call_shows_the_caller_id_for_the_voters_constituency() -> None:
    area = {"states": ["S24"], "constituencies": [174], "caller_ids": [LOCAL_CALLER_ID]}
    trunk = {**ONE_CHANNEL, "caller_ids": [CALLER_ID, LOCAL_CALLER_ID], "areas": [area], "channels": 9}
    site = Site(trunks=[trunk])
    site.turns.features.polling_days_of_booths.booths = {
        1: Booth(1, 174, 1, "School", "hi", "18:00", state_code="S24"),
        2: Booth(2, 175, 1, "Hall", "hi", "18:00", state_code="S24"),
        3: Booth(3, 174, 1, "Inn", "hi", "18:00", state_code="S10"),
    }
    for number in (1, 2, 3, 4):  # the booth of the last one is unknown
        assert site.dial(make_claim(number, booth_id=number)) is None
        site.turns.place(site.turns.features.agent_seats["01"].end_call_at_seat(site.turns.features.core.read_clock()))
        site.turns.clock.seconds += 10
    assert [request.caller_id for request in site.placed] == [LOCAL_CALLER_ID, CALLER_ID, CALLER_ID, CALLER_ID]
    assert [request.number[-2:] for request in site.placed] == ["01", "02", "03", "04"]


def test_manual_call_uses_a_trunk_of_the_agents_own_asterisk_server() -> None:
    far, near = {**ONE_CHANNEL, "name": "far", "endpoint": "far"}, {**ONE_CHANNEL, "name": "near", "endpoint": "near"}
    site = Site(trunks=[far, near])
    site.turns.features.asterisk_servers.add_asterisk_servers({"far": "b"}, ())
    site.turns.features.asterisk_servers.up.add("b")
    assert site.dial() is None
    assert [request.endpoint for request in site.placed] == ["near"]


@pytest.mark.parametrize(
    ("live", "claim", "is_busy"),
    [
        ({"phone_id": 1, "voter_id": 9}, {"voter_id": 1}, True),
        ({"phone_id": 9, "voter_id": 1}, {"voter_id": 1}, True),
        ({"phone_id": 9, "voter_id": 9}, {"voter_id": 1}, False),
        ({"phone_id": 9, "voter_id": NO_VOTER, "worker": WORKER}, {"voter_id": NO_VOTER, "worker": WORKER}, False),
        ({"phone_id": 9, "voter_id": NO_VOTER}, {"voter_id": NO_VOTER, "worker": WORKER}, False),
        ({"phone_id": 9, "voter_id": NO_VOTER, "worker": WORKER}, {"voter_id": NO_VOTER}, False),
        ({"phone_id": 1, "voter_id": NO_VOTER, "worker": WORKER}, {"voter_id": NO_VOTER, "worker": WORKER}, True),
    ],
)
def test_phone_number_counts_as_busy_while_its_voter_is_on_a_call(
    live: dict[str, Any], claim: dict[str, Any], is_busy: bool
) -> None:
    turns = make_turns_that_want_calls()
    turns.call(**live)
    retry_at = turns.features.call_originator._find_retry_time_of_busy_number(make_claim(1, **claim))
    assert retry_at == (NOON + 10 + ON_A_CALL_SECONDS if is_busy else None)
    assert turns.features.call_originator._find_retry_time_of_busy_number(make_claim(1, **claim), but=A) is None


def create_call(
    turns: Turns, claim: Claim, seat: str | None = None, caller_id: str = CALLER_ID
) -> tuple[NewAttempt, Call]:
    """Create a call to a reserved number, with this seat reserved for it, and discard the effects."""
    turns.features.core.in_event = True
    reserved = None if seat is None else turns.features.agent_seats[seat]
    created = turns.features.call_originator._create_attempt_and_call(
        turns.features.loaded_campaigns["calls"], claim, reserved, "carrier", caller_id
    )
    turns.features.core.pop_requested_side_effects()
    return created


@pytest.mark.parametrize(("detection", "is_classified"), [("off", True), ("after-seat", True), ("before-seat", False)])
def test_new_call_has_the_data_of_its_phone_number_and_waits_for_machine_detection_if_set(
    detection: str, is_classified: bool
) -> None:
    turns = make_turns_that_want_calls(campaign={"machine_detection": detection})
    run = turns.features.loaded_campaigns["calls"]
    claim = make_claim(7, voter_id=3, booth_id=5, attempt_number=2, language="mr", pending_voters=4, worker=WORKER)
    attempt, call = create_call(turns, claim, "01")
    assert call.leg.answer_classified is is_classified
    assert (call.phone_id, call.voter_id, call.booth_id, call.attempt_number) == (7, 3, 5, 2)
    assert (call.language, call.pending_voters, call.worker, call.trunk) == ("mr", 4, WORKER, "carrier")
    assert (call.reserved_seat, call.placed_monotonic_seconds, call.kind) == ("01", 10.0, run.spec.kind)
    assert (attempt.attempt_id, attempt.claim, attempt.trunk) == (call.attempt_id, claim, "carrier")
    assert (attempt.caller_id, attempt.at) == (CALLER_ID, NOON + 10)
    assert turns.seat() is SeatState.RESERVED


def test_call_preview_starts_a_timer_and_shows_the_time_of_expiry() -> None:
    turns = make_turns_that_want_calls(campaign={"pacing": "preview", "preview_seconds": 30})
    originator, run = turns.features.call_originator, turns.features.loaded_campaigns["calls"]
    attempt, call = create_call(turns, make_claim(1), "01")
    lines = turns.after(10, lambda: originator._show_preview_to_agent(run, attempt, call))
    assert f"timer preview/{call.attempt_id} 30 preview-expired" in lines
    shown = turns.features.live_calls[call.attempt_id].leg.preview
    assert shown is not None
    assert (shown.until, shown.auto_dial) == (NOON + 40, True)


def test_call_attempt_cancelled_before_sending_is_refused() -> None:
    turns = make_turns_that_want_calls()
    run = turns.features.loaded_campaigns["calls"]
    attempt, call = create_call(turns, make_claim(1))
    refused = turns.features.call_originator._find_reason_not_to_send_call(
        run, attempt, call.copy_call_with_cancellation()
    )
    assert isinstance(refused, CommandRefused)
    assert (str(refused), refused.why) == ("the call was cancelled before it was sent", RefusedBecause.CALL_OVER)
    assert turns.features.call_originator._find_reason_not_to_send_call(run, attempt, call) is None


def test_call_attempt_with_the_caller_id_of_another_trunk_is_refused() -> None:
    turns = make_turns_that_want_calls()
    run = turns.features.loaded_campaigns["calls"]
    attempt, call = create_call(turns, make_claim(1), caller_id=LOCAL_CALLER_ID)
    refused = turns.features.call_originator._find_reason_not_to_send_call(run, attempt, call)
    assert isinstance(refused, CommandRefused)
    assert str(refused) == "the caller ID is not one of the trunk's (trunks.caller_ids)"
    assert refused.why is RefusedBecause.NO_CHANNEL


def test_call_attempt_of_a_held_campaign_is_refused_with_the_reason() -> None:
    turns = make_turns_that_want_calls()
    run = turns.features.loaded_campaigns["calls"]
    attempt, call = create_call(turns, make_claim(1))
    turns.features.core.draining = True
    refused = turns.features.call_originator._find_reason_not_to_send_call(run, attempt, call)
    assert isinstance(refused, CommandRefused)
    assert (str(refused), refused.why) == ("campaign calls is held: stopping", RefusedBecause.HELD)


def test_call_attempt_that_the_rules_forbid_is_refused_with_the_reason() -> None:
    turns = make_turns_that_want_calls()
    run = turns.features.loaded_campaigns["calls"]
    attempt, call = create_call(turns, make_claim(1))
    forbid_calls(turns)
    refused = turns.features.call_originator._find_reason_not_to_send_call(run, attempt, call)
    assert isinstance(refused, CommandRefused)
    assert str(refused) == "the rules forbid this call now: the number has opted out"
    assert refused.why is RefusedBecause.FORBIDDEN


def test_number_is_busy_if_its_voter_is_on_one_of_several_live_calls() -> None:
    turns = make_turns_that_want_calls()
    turns.call(phone_id=8, voter_id=8)
    turns.call(AttemptId("b" * 36), phone_id=9, voter_id=1)
    assert (
        turns.features.call_originator._find_retry_time_of_busy_number(make_claim(1)) == NOON + 10 + ON_A_CALL_SECONDS
    )
