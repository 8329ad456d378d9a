"""Previewed calls that must not be placed, and what the dialler replies when the clock is accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialer.domain.alerts import AlertKind
from dialer.domain.errors import CommandRefused, RefusedBecause
from dialer.domain.model import Claim, NewAttempt
from dialer.domain.switch_events import CallEnded, EndedBy
from dialer.domain.view import TrunkState
from dialer.engine.effects import CallFinished
from dialer.engine.placing.originate import Originator
from tests.support.rules import NOON
from tests.support.turns import A, Turns

CLAIM = Claim("calls", 1, "+919812345601", 1, 1, 1, "hi", 1)


def let_trunk_rest(originator: Originator) -> None:
    health = SimpleNamespace(determine_state_of_trunk=lambda _: TrunkState.RESTING)
    originator._trunks = cast(Any, SimpleNamespace(get_trunk_health=lambda _: health))


def end_polling_day(originator: Originator) -> None:
    originator._find_retry_time_on_polling_day = lambda *_: NOON  # type: ignore[method-assign]


def put_number_on_another_call(originator: Originator) -> None:
    originator._find_retry_time_of_busy_number = lambda *_, **__: NOON  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("prepare", "text", "reason"),
    [
        (
            let_trunk_rest,
            "the call was not placed: trunk carrier is suspended after failures",
            RefusedBecause.NO_CHANNEL,
        ),
        (end_polling_day, "the call was not placed: polling at the voter's booth is over", RefusedBecause.FORBIDDEN),
        (
            put_number_on_another_call,
            "the call was not placed: the number or its voter is on another call",
            RefusedBecause.ON_A_CALL,
        ),
    ],
)
def test_previewed_call_that_may_not_be_dialled_ends_and_the_agent_gets_the_reason(
    prepare: Callable[[Originator], None], text: str, reason: RefusedBecause
) -> None:
    turns = Turns()
    originator = turns.features.call_originator
    call = turns.call(originate_sent=False)
    originator._sent = cast(Any, SimpleNamespace(remove_unsent_attempt=lambda _: None))
    prepare(originator)
    turns.features.core.in_event = True
    attempt = NewAttempt(A, CLAIM, "carrier", "+911140000001", NOON)
    refused = asyncio.run(originator._dial_previewed_call(turns.features.loaded_campaigns["calls"], attempt, call))
    assert isinstance(refused, CommandRefused)
    assert (str(refused), refused.why) == (text, reason)
    ended = CallFinished(CallEnded(A, EndedBy.NOT_PLACED, answered=False))
    assert ended in turns.features.core.pop_requested_side_effects()


async def test_reply_to_the_confirmation_of_the_clock_says_whether_dialling_was_held() -> None:
    turns = Turns()
    guard = turns.features.wall_clock_guard
    guard._watch = cast(Any, SimpleNamespace(accept_wall_clock_as_correct=lambda _: None))
    assert guard.accept_wall_clock_as_correct() == "the clock had not been set, and dialling was not held"
    turns.features.active_alerts.raise_alert(AlertKind.CLOCK, time="12:00", expected="11:00", seconds=3_600)
    assert guard.accept_wall_clock_as_correct() == "clock accepted; dialling resumes"
    assert AlertKind.CLOCK not in turns.features.active_alerts
