"""When a number is called next: after each outcome, mark and disposition, and within the polling day."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialer.domain.enums import MachineDetection, MarkKind, Purpose
from dialer.domain.errors import CommandRefused
from dialer.domain.model import (
    DISPOSITION_KEYS,
    Disposition,
    DispositionRecord,
    Outcome,
    list_dispositions_allowed_for_call,
)
from dialer.engine.placing.retry_schedule import MOST_AHEAD_SECONDS, RetrySchedule
from dialer.rules.retries import SOON_SECONDS, RetryRules
from tests.support.calls import ID, a_call
from tests.support.rules import KOLKATA, NOON

RULES = RetryRules(
    max_attempts=3,
    busy_seconds=100,
    no_answer_seconds=200,
    other_seconds=300,
    abandoned_lock_seconds=400,
    own_call_back_wait_seconds=500,
)
ROUND_SECONDS = 3_600.0
MIDNIGHT = NOON + 12 * 3_600
RUN = cast(
    Any, SimpleNamespace(spec=SimpleNamespace(retries=RULES, every_seconds=ROUND_SECONDS), purpose=Purpose.TURNOUT)
)
WORKER = cast(Any, "a booth worker")


def make_schedule(last_call_seconds: float | None = None) -> RetrySchedule:
    """Return a schedule at noon. The last call to every booth is `last_call_seconds` after noon (None = no polling day)."""
    last_call_at = None if last_call_seconds is None else NOON + last_call_seconds

    def find_calling_deadline_of_booth(purpose: Purpose, booth_id: int) -> float | None:
        assert (purpose, booth_id) == (Purpose.TURNOUT, 1)
        return last_call_at

    polls = SimpleNamespace(
        find_calling_deadline_of_booth=find_calling_deadline_of_booth, get_next_midnight=lambda: MIDNIGHT
    )
    core = SimpleNamespace(clock=SimpleNamespace(now=lambda: NOON), zone=KOLKATA)
    return RetrySchedule(cast(Any, core), cast(Any, polls))


def record_disposition(disposition: Disposition, retry_at: float | None = None) -> DispositionRecord:
    return DispositionRecord(ID, disposition, NOON, "101", retry_at)


def find_due_seconds(outcome: Outcome, last_call_seconds: float | None = None, **facts: Any) -> float | None:
    """Return the seconds from noon to the next call after a call with these facts; None = the number is not called again."""
    due = make_schedule(last_call_seconds).find_due_time_after_call(RUN, a_call(**facts), outcome)
    return None if due is None else due - NOON


@pytest.mark.parametrize(
    ("outcome", "facts", "due_seconds"),
    [
        (Outcome.BUSY, {}, 100),
        (Outcome.NO_ANSWER, {}, 200),
        (Outcome.NO_ANSWER, {"attempt_number": 3}, None),
        (Outcome.CANCELLED, {}, SOON_SECONDS),
        (Outcome.CANCELLED, {"ringing_at": NOON}, 200),  # the phone has rung
        (Outcome.BUSY, {"ringing_at": NOON}, 100),
        (Outcome.BUSY, {"inbound": True}, None),
        # a skipped preview uses up no attempt
        (Outcome.CANCELLED, {"skipped": True, "attempt_number": 3}, 300),
    ],
)
def test_number_is_due_again_after_the_waiting_time_for_the_outcome_of_the_call(
    outcome: Outcome, facts: dict[str, Any], due_seconds: float | None
) -> None:
    assert find_due_seconds(outcome, **facts) == due_seconds


def test_disposition_entered_during_a_call_decides_when_the_number_is_due() -> None:
    record = record_disposition(Disposition.CALL_BACK, NOON + 42)
    assert find_due_seconds(Outcome.CONNECTED, disposition=record) == 42
    assert find_due_seconds(Outcome.BUSY, disposition=record) == 100


@pytest.mark.parametrize(
    ("kind", "hour", "due_seconds"),
    [(MarkKind.LATER, 15, 3.75 * 3_600), (MarkKind.LATER, None, 300), (MarkKind.NOT_YET, 15, 300)],
)
def test_answer_of_a_voter_in_a_flow_decides_when_the_number_is_due(
    kind: MarkKind, hour: int | None, due_seconds: float
) -> None:
    facts: dict[str, Any] = {"last_mark": kind, "last_mark_hour": hour}
    assert find_due_seconds(Outcome.COMPLETED, **facts) == due_seconds
    assert find_due_seconds(Outcome.BUSY, **facts) == 100  # an unanswered call has no answer


def test_promised_call_after_the_last_call_time_is_moved_and_a_retry_dropped() -> None:
    later: dict[str, Any] = {"last_mark": MarkKind.LATER, "last_mark_hour": 15}
    assert find_due_seconds(Outcome.COMPLETED, 3_600, **later) == 3_600
    assert find_due_seconds(Outcome.COMPLETED, 299, last_mark=MarkKind.NOT_YET) is None
    assert find_due_seconds(Outcome.COMPLETED, 300, last_mark=MarkKind.NOT_YET) == 300
    assert find_due_seconds(Outcome.BUSY, 99) is None
    assert find_due_seconds(Outcome.CANCELLED, 299, skipped=True) is None


@pytest.mark.parametrize(
    ("outcome", "facts", "due_seconds"),
    [
        (Outcome.COMPLETED, {}, ROUND_SECONDS),
        (Outcome.NO_ANSWER, {}, 200),
        (Outcome.NO_ANSWER, {"last_mark": MarkKind.VOTED}, ROUND_SECONDS),  # the worker has reported
        (Outcome.INVALID_NUMBER, {}, None),
        (Outcome.CANCELLED, {"skipped": True}, 300),
    ],
)
def test_booth_worker_is_called_once_in_each_calling_round(
    outcome: Outcome, facts: dict[str, Any], due_seconds: float | None
) -> None:
    assert find_due_seconds(outcome, 6 * 3_600, worker=WORKER, **facts) == due_seconds


def test_booth_worker_is_called_again_on_the_next_polling_day_after_the_last_call() -> None:
    assert find_due_seconds(Outcome.COMPLETED, 1_800, worker=WORKER) == MIDNIGHT - NOON
    assert find_due_seconds(Outcome.COMPLETED, 3_000, worker=WORKER) == 2_100  # the last round, 15 minutes earlier
    assert find_due_seconds(Outcome.CANCELLED, 100, worker=WORKER, skipped=True) == MIDNIGHT - NOON


@pytest.mark.parametrize(
    ("outcome", "facts", "promised"),
    [
        (Outcome.COMPLETED, {"last_mark": MarkKind.LATER}, True),
        (Outcome.COMPLETED, {"last_mark": MarkKind.NOT_YET}, False),
        (Outcome.COMPLETED, {}, False),
        (Outcome.BUSY, {"last_mark": MarkKind.LATER}, False),
        (Outcome.CONNECTED, {"disposition": record_disposition(Disposition.CALL_BACK)}, True),
        (
            Outcome.CONNECTED,
            {"disposition": record_disposition(Disposition.NOT_YET), "last_mark": MarkKind.LATER},
            False,
        ),
    ],
)
def test_call_time_counts_as_promised_only_if_the_voter_requested_the_time(
    outcome: Outcome, facts: dict[str, Any], promised: bool
) -> None:
    assert make_schedule().is_call_time_requested_by_voter(a_call(**facts), outcome) is promised


def find_due_seconds_of(
    disposition: Disposition, hour: int | None, last_call_seconds: float | None, **facts: Any
) -> float | None:
    """Return the seconds from noon to the next call after an agent's disposition; None = the number is not called again."""
    schedule = make_schedule(last_call_seconds)
    due = schedule.find_due_time_after_disposition(RUN, a_call(**facts), disposition, hour)
    return None if due is None else due - NOON


def test_disposition_entered_by_an_agent_decides_when_the_number_is_due() -> None:
    assert find_due_seconds_of(Disposition.LATER, 15, None) == 3.75 * 3_600
    assert find_due_seconds_of(Disposition.LATER, 15, 3_600) == 3_600  # requested, so moved forward
    assert find_due_seconds_of(Disposition.MACHINE, None, None) == 300
    assert find_due_seconds_of(Disposition.MACHINE, None, 299) is None
    assert find_due_seconds_of(Disposition.MACHINE, None, None, attempt_number=3) is None
    assert find_due_seconds_of(Disposition.REFUSED, None, None) is None


def test_disposition_of_a_call_to_a_booth_worker_keeps_the_calling_round() -> None:
    assert find_due_seconds_of(Disposition.CALL_BACK, None, 6 * 3_600, worker=WORKER) == 300
    assert find_due_seconds_of(Disposition.OPT_OUT, None, 6 * 3_600, worker=WORKER) is None
    assert find_due_seconds_of(Disposition.WRONG_NUMBER, None, 6 * 3_600, worker=WORKER) is None
    with pytest.raises(CommandRefused) as refused:
        find_due_seconds_of(Disposition.LATER, 15, None, worker=WORKER)
    assert str(refused.value) == (
        "a call with a booth worker cannot have the disposition later: send the voters' serial numbers with the "
        "command `seat-serials`, then `ready`"
    )


def test_agents_page_offers_exactly_the_dispositions_of_a_call_to_a_booth_worker() -> None:
    accepted = []
    for disposition in DISPOSITION_KEYS.values():
        with suppress(CommandRefused):
            find_due_seconds_of(disposition, 15, None, worker=WORKER)
            accepted.append(disposition)
    assert list_dispositions_allowed_for_call(MachineDetection.AFTER_SEAT, to_booth_worker=True) == tuple(accepted)
    assert Disposition.VOTED not in accepted


def test_call_back_must_be_within_30_days_and_before_the_last_call_time() -> None:
    schedule = make_schedule(7_200)
    assert schedule.require_allowed_call_back_time(RUN, a_call(), NOON + 7_200) == NOON + 7_200
    with pytest.raises(
        CommandRefused,
        match=r"^`call_back_at` is later than voters of this polling booth may be called: choose an earlier time$",
    ):
        schedule.require_allowed_call_back_time(RUN, a_call(), NOON + 7_201)
    for at in (NOON, NOON - 1, NOON + MOST_AHEAD_SECONDS):
        with pytest.raises(CommandRefused, match="`call_back_at` must be within the next 30 days"):
            make_schedule().require_allowed_call_back_time(RUN, a_call(), at)
    assert make_schedule().require_allowed_call_back_time(RUN, a_call(), NOON + 1) == NOON + 1


def test_call_back_to_anyone_but_a_booth_worker_needs_a_remaining_attempt() -> None:
    with pytest.raises(
        CommandRefused,
        match=r"^no call-back is possible, because this number has already been called as often as this campaign may call it ",
    ):
        make_schedule().require_allowed_call_back_time(RUN, a_call(attempt_number=3), NOON + 60)
    assert make_schedule().require_allowed_call_back_time(RUN, a_call(attempt_number=2), NOON + 60) == NOON + 60
    assert (
        make_schedule().require_allowed_call_back_time(RUN, a_call(attempt_number=3, worker=WORKER), NOON + 60)
        == NOON + 60
    )


def test_promised_call_back_goes_to_any_agent_after_a_limited_wait() -> None:
    assert make_schedule().find_call_back_handover_time(RUN, a_call(), NOON + 60) == NOON + 560
    assert make_schedule(300).find_call_back_handover_time(RUN, a_call(), NOON + 60) == NOON + 300
    assert make_schedule(900).find_call_back_handover_time(RUN, a_call(), NOON + 60) == NOON + 560
