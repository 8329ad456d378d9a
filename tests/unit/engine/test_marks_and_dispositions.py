"""Results of a call, from its flow or its agent, and their effects."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialer.domain.enums import MachineDetection, MarkKind
from dialer.domain.errors import CommandRefused, StoreError
from dialer.domain.model import (
    DISPOSITION_KEYS,
    AttemptId,
    Claim,
    Disposition,
    DispositionDetails,
    Mark,
    MarkSource,
    list_dispositions_allowed_for_call,
)
from dialer.engine.call_flows.service import FlowSession
from dialer.store.dispositions import DispositionEffect
from dialer.store.marks import MarkEffect
from tests.support.turns import HUNG_UP, A, Turns

B = AttemptId("b" * 36)
FLOW = {"kind": "ivr", "flow": "turnout"}
VOTED = Mark("key", 1, MarkKind.VOTED, MarkSource.VOTER_KEY, 0.0, None, A)


def test_marking_a_voter_as_voted_cancels_ringing_calls_to_the_voter() -> None:
    turns = Turns()
    turns.call()
    turns.call(B, phone_id=2, voter_id=2)
    hopper = turns.features.loaded_campaigns["calls"].hopper
    hopper.extend(Claim("calls", phone, f"+91981234560{phone}", 1, phone, 1, "hi", 1) for phone in (1, 3))
    effect = MarkEffect(True, 1, silenced_phones=(1,), voter_silenced=True, contacted_change=1)
    lines = turns.after(5, lambda: turns.features.voter_mark_recorder.apply_voter_mark(VOTED, effect))
    assert lines == ["order hang_up_call A", "beside put-back"]
    assert [each.phone_id for each in hopper] == [3]
    assert turns.features.turnout_figures_of_centre.contacted_voters_by_source == {MarkSource.VOTER_KEY: 1}


def test_second_report_that_a_voter_has_voted_changes_nothing() -> None:
    turns = Turns()
    turns.call()
    assert (
        turns.after(
            5,
            lambda: turns.features.voter_mark_recorder.apply_voter_mark(
                VOTED, MarkEffect(False, 1, silenced_phones=(1,))
            ),
        )
        == []
    )
    assert not turns.features.turnout_figures_of_centre.marks


def test_opt_out_cancels_ringing_calls_to_the_number_and_counts_once() -> None:
    turns = Turns()
    turns.call()
    marks = turns.features.voter_mark_recorder
    assert turns.after(5, lambda: marks.cancel_calls_to_opted_out_number(1, fresh=True)) == [
        "order hang_up_call A",
        "beside count-without-number",
    ]
    assert turns.after(6, lambda: marks.cancel_calls_to_opted_out_number(1, fresh=False)) == []
    assert turns.features.turnout_figures_of_centre.opt_outs == 1


def make_turns_with_flow() -> Turns:
    turns = Turns(campaign=FLOW)
    turns.features.ivr_flow_service.flows = cast(
        Any, SimpleNamespace(get_current_flow=lambda _: SimpleNamespace(name="turnout", version="1"))
    )
    turns.call()
    return turns


def test_ivr_flow_of_an_answered_call_starts_once_and_stores_the_answers() -> None:
    turns = make_turns_with_flow()
    sessions: list[Any] = []
    begun = turns.after(8, lambda: sessions.append(turns.features.ivr_flow_service.start_flow_of_call(A)))
    assert begun == ["learn answered 8", "commit save_answer_time_of_call A 8s", "call waiting", "call in-flow"]
    assert isinstance(sessions[0], FlowSession)
    assert turns.after(9, lambda: sessions.append(turns.features.ivr_flow_service.start_flow_of_call(A))) == []
    assert sessions[1] is None
    ended = turns.after(
        20,
        lambda: turns.features.ivr_flow_service.end_flow_of_call(
            A, completed=True, left_at=None, answers={"colour": "1"}
        ),
    )
    assert ended == ["commit save_flow_answers A {'colour': '1'} 20s", "call waiting"]
    assert turns.at(21, HUNG_UP)[-1] == "commit end completed"


def test_call_that_ends_during_the_ivr_flow_is_stored_after_the_flow_ends() -> None:
    turns = make_turns_with_flow()
    turns.after(8, lambda: turns.features.ivr_flow_service.start_flow_of_call(A))
    assert turns.at(20, HUNG_UP) == ["timer flow/A 5 flow-overdue"]
    heard: list[object] = []
    turns.engine._subscribers.append(heard.append)
    turns.clock.seconds = 21
    turns.engine.on_flow_ended(A, completed=False, left_at="welcome")
    assert not turns.features.live_calls
    assert turns.beside == ["end_attempts"]


def save_agents_disposition(turns: Turns, disposition: Disposition, error: Exception | None = None) -> list[str]:
    async def record(_: object, marks: list[Mark], **__: object) -> DispositionEffect:
        if error is not None:
            raise error
        return DispositionEffect(tuple(MarkEffect(False, 1) for _ in marks))

    desk = turns.features.call_disposition_recorder
    desk._store = cast(Any, SimpleNamespace(save_disposition_of_call=record))
    return turns.after(
        20, lambda: asyncio.run(desk.save_disposition("01", disposition, None, DispositionDetails(), None))
    )


def test_pacing_counts_an_answering_machine_reported_by_the_agent_once() -> None:
    turns = Turns(campaign={"machine_detection": "after-seat"})
    turns.talking()
    assert save_agents_disposition(turns, Disposition.MACHINE)[:1] == ["learn machine 8"]
    assert not [line for line in save_agents_disposition(turns, Disposition.VOTED) if line.startswith("learn machine")]
    assert turns.at(30, HUNG_UP)[-1] == "commit end connected"


def test_disposition_that_could_not_be_stored_can_be_entered_again() -> None:
    turns = Turns()
    turns.talking()
    with pytest.raises(StoreError):
        save_agents_disposition(turns, Disposition.REFUSED, StoreError("the disk is full"))
    assert turns.features.live_calls[A].talk.disposition is None


def find_dispositions_accepted_by_engine(detection: MachineDetection) -> tuple[Disposition, ...]:
    accepted = []
    for disposition in DISPOSITION_KEYS.values():
        turns = Turns(campaign={"machine_detection": detection.value})
        turns.talking()
        with suppress(CommandRefused):
            save_agents_disposition(turns, disposition)
            accepted.append(disposition)
    return tuple(accepted)


@pytest.mark.parametrize("detection", MachineDetection)
def test_agents_page_offers_exactly_the_dispositions_that_the_engine_accepts(detection: MachineDetection) -> None:
    accepted = find_dispositions_accepted_by_engine(detection)
    assert list_dispositions_allowed_for_call(detection, to_booth_worker=False) == accepted
    assert (Disposition.MACHINE in accepted) is (detection is not MachineDetection.OFF)


def test_machine_disposition_is_refused_without_machine_detection() -> None:
    turns = Turns()
    turns.talking()
    with pytest.raises(CommandRefused, match="machine_detection"):
        save_agents_disposition(turns, Disposition.MACHINE)
