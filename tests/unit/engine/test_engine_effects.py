"""Effects are carried out in a fixed order, whoever requested them, and a failed order becomes an event."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialer.domain.alerts import AlertKind
from dialer.domain.errors import StoreError, SwitchError
from dialer.domain.view import CampaignChange, SeatState
from dialer.engine.effects import (
    Notify,
    RunCommand,
    StartTimer,
    TimerExpired,
    TimerKind,
    UpdatePacer,
    make_order_to_switch,
    make_order_to_write_to_store,
)
from dialer.engine.seats.commands import SeatClosing
from dialer.pacing.port import PacingEventKind
from tests.support.turns import A, Turns
from tests.support.virtual import virtual_time


class Said:
    """Stand-in for store, switch, pacer and subscriber that records the calls of their methods."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.refuse = False

    async def connect_call_to_seat(self, attempt_id: str, seat: str, *, record: bool) -> None:
        self.lines.append(f"order connect {seat} {record}")
        if self.refuse:
            raise SwitchError("no link")

    async def save_answer_time_of_call(self, attempt_id: str, at: float) -> None:
        self.lines.append(f"commit {at}")
        if self.refuse:
            self.refuse = False
            raise StoreError("the disk is full")

    def learn_from_pacing_event(self, event: Any) -> None:
        self.lines.append(f"learn {event.kind.value}")

    def heard(self, change: object) -> None:
        self.lines.append(f"tell {type(change).__name__}")


def attach_recorder(turns: Turns, group: asyncio.TaskGroup) -> Said:
    said = Said()
    turns.features.store = turns.features.retrying_store_writer._store = turns.features.switch = cast(Any, said)
    turns.features.loaded_campaigns["calls"].pacer = cast(Any, said)
    turns.engine._subscribers.append(said.heard)
    turns.features.core.start_accepting_background_tasks(group, turns.engine.perform_requested_side_effects)
    return said


@virtual_time()
async def test_engine_handles_pacing_notifications_asterisk_commands_and_commits_in_a_fixed_sequence() -> None:
    turns = Turns()
    async with asyncio.TaskGroup() as group:
        said = attach_recorder(turns, group)
        turns.features.core.request_side_effects(
            TimerExpired(TimerKind.WRAP_UP_EXPIRED, "01"), Notify(CampaignChange("calls"))
        )
        turns.features.core.request_side_effects(
            make_order_to_write_to_store(said.save_answer_time_of_call, A, 8.0),
            make_order_to_switch(said.connect_call_to_seat, A, "01", record=False),
        )
        turns.features.core.request_side_effects(
            StartTimer("x", 1.0, TimerExpired(TimerKind.LOG_IN_UNLOCKED, "01")),
            UpdatePacer("calls", PacingEventKind.ANSWERED),
        )
        await asyncio.sleep(0.5)
        assert said.lines == [
            "learn answered",
            "tell CampaignChange",
            "order connect 01 False",
            "commit 8.0",
        ]  # background tasks run later
        assert list(turns.engine._timers._running) == ["x"]
        turns.engine._timers.stop_all_timers()


@virtual_time()
async def test_failed_command_to_asterisk_is_not_repeated_and_triggers_its_fallback_event() -> None:
    turns = Turns()
    turns.call(seat="01")
    turns.place(turns.features.agent_seats["01"].reserve_seat_for_call(A, "calls", turns.features.core.read_clock()))
    async with asyncio.TaskGroup() as group:
        said = attach_recorder(turns, group)
        said.refuse = True
        connect = make_order_to_switch(said.connect_call_to_seat, A, "01", record=True)
        turns.features.core.request_side_effects(
            connect.copy_order_with_failure_event(TimerExpired(TimerKind.VOTER_NOT_CONNECTED, "01", A))
        )
        await asyncio.sleep(0.5)
    assert said.lines.count("order connect 01 True") == 1
    assert turns.seat() is SeatState.READY


@virtual_time()
async def test_failed_database_commit_is_retried_and_dialling_stops_meanwhile() -> None:
    turns = Turns()
    async with asyncio.TaskGroup() as group:
        said = attach_recorder(turns, group)
        said.refuse = turns.features.retrying_store_writer.closing = True
        turns.features.core.request_side_effects(make_order_to_write_to_store(said.save_answer_time_of_call, A, 8.0))
        await asyncio.sleep(0.5)
        assert (
            turns.features.retrying_store_writer.problem == "the disk is full"
        )  # a dialler that is stopping does not wait for it
        turns.features.retrying_store_writer.closing = False
        turns.features.retrying_store_writer._recovering = True
        said.refuse = True
        turns.features.core.request_side_effects(make_order_to_write_to_store(said.save_answer_time_of_call, A, 9.0))
        await asyncio.sleep(5)
    assert said.lines.count("commit 8.0") == 1
    assert said.lines.count("commit 9.0") == 2


@virtual_time()
async def test_refused_seat_command_plays_the_error_sound() -> None:
    turns = Turns()
    async with asyncio.TaskGroup() as group:
        attach_recorder(turns, group)
        answered: list[str] = []

        async def play_key_feedback_tone(seat: str, sound: Any) -> None:
            answered.append(sound.value)

        cast(Any, turns.features.seat_phone_key_handler)._switch = SimpleNamespace(
            play_key_feedback_tone=play_key_feedback_tone
        )
        turns.features.core.request_side_effects(RunCommand(SeatClosing(seat="01")))
        await asyncio.sleep(0.5)
    assert answered == ["wrong"]


def test_commands_and_commits_start_after_their_event_is_handled() -> None:
    turns = Turns()
    turns.features.core.in_event = True
    turns.features.core.request_side_effects(Notify(CampaignChange("calls")))
    assert turns.features.core.pop_requested_side_effects() == [Notify(CampaignChange("calls"))]
    assert turns.features.core.pop_requested_side_effects() == []


def test_actions_requested_before_an_event_handler_failed_are_still_carried_out() -> None:
    turns = Turns()
    heard: list[object] = []
    turns.engine._subscribers.append(heard.append)
    turns.features.core.in_event = True
    turns.features.active_alerts.raise_alert(AlertKind.TWILIO, problem="no answer")
    with pytest.raises(KeyError):
        turns.engine.on_switch_event(TimerExpired(TimerKind.CALL_PHONE, "no such seat"))
    assert len(heard) == 1


def test_failing_action_of_an_engine_event_does_not_prevent_the_remaining_actions() -> None:
    turns = Turns()
    heard: list[object] = []
    turns.engine._subscribers.append(heard.append)
    turns.features.core.in_event = True
    turns.features.core.request_side_effects(
        UpdatePacer("no such campaign", PacingEventKind.ABANDONED), Notify(CampaignChange("calls"))
    )
    turns.engine.on_switch_event(TimerExpired(TimerKind.FLOW_OVERDUE))
    assert heard == [CampaignChange("calls")]


@virtual_time()
async def test_unexpected_error_in_an_engine_action_or_timer_stops_the_engine() -> None:
    for wrong in (
        UpdatePacer("no such campaign", PacingEventKind.ABANDONED),
        StartTimer("t", 1.0, TimerExpired(TimerKind.CALL_PHONE, "no such seat")),
    ):
        turns = Turns()
        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                attach_recorder(turns, group)
                turns.features.core.request_side_effects(wrong)
                await asyncio.sleep(10.0)
