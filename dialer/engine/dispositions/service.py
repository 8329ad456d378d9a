"""Dispositions: the call results that agents enter.

Opt-outs and facts about voters (marks) that follow from a disposition are stored together with it. A disposition may be
entered during the call or after it. If it names its call, it is never stored for another call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dialer.domain.enums import Confidence, MarkKind
from dialer.domain.errors import CommandRefused, NotInStore, RefusedBecause, StoreError
from dialer.domain.model import (
    DISPOSITION_MARKS,
    AttemptId,
    Disposition,
    DispositionDetails,
    DispositionRecord,
    Mark,
    MarkSource,
    Outcome,
    Receipt,
    VoterOutcome,
    list_dispositions_allowed_for_call,
)
from dialer.domain.view import SeatState
from dialer.engine.acd.service import Acd
from dialer.engine.call_backs.service import OwnCallBacks
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call
from dialer.engine.campaigns.runs import CampaignRun, CampaignRuns
from dialer.engine.core import Core
from dialer.engine.effects import UpdatePacer
from dialer.engine.placing.retry_schedule import RetrySchedule
from dialer.engine.seats.seats import Seats
from dialer.engine.seats.state import Seat
from dialer.engine.turnout.marks import Marks
from dialer.flows.script_library import ScriptLibrary
from dialer.pacing.port import PacingEventKind
from dialer.store.dispositions import DispositionEffect
from dialer.store.store import Store

UNDO_SECONDS = 8.0  # the page offers it for five seconds, and the command takes some time
OPEN_AGAIN_SECONDS = 900.0  # time for a new disposition after an undo or a restart of the dialler
_SUPPRESSING = frozenset({Disposition.OPT_OUT, Disposition.REFUSED})


@dataclass(frozen=True, slots=True)
class _UndoableDisposition:
    """The last disposition that was saved at a seat, with the data to undo it."""

    call: Call
    record: DispositionRecord
    marks: tuple[Mark, ...]  # made by the disposition
    language_before: str | None
    answers_before: Mapping[str, str | None]  # earlier answers to the questions that it answered
    at_seconds: float  # monotonic


@dataclass(frozen=True, slots=True)
class _OpenCall:
    """A call that has ended and for which the agent may still enter a disposition."""

    call: Call
    agent: str | None
    until_seconds: float  # monotonic


class Dispositions:
    """Stores agents' dispositions (results of calls), and updates calls, campaigns and pacers."""

    def __init__(
        self,
        core: Core,
        calls: LiveCalls,
        seats: Seats,
        runs: CampaignRuns,
        scripts: ScriptLibrary,
        acd: Acd,
        store: Store,
        call_backs: OwnCallBacks,
        marks: Marks,
        retries: RetrySchedule,
    ) -> None:
        self._core = core
        self._calls = calls
        self._seats = seats
        self._runs = runs
        self._scripts = scripts
        self._acd = acd
        self._store = store
        self._call_backs = call_backs
        self._marks = marks
        self._retries = retries
        self._undoable: dict[str, _UndoableDisposition] = {}  # by seat
        self._open_calls: dict[str, _OpenCall] = {}  # by seat

    def reopen_call_for_disposition(self, seat_name: str, call: Call, agent: str | None) -> None:
        """Let an agent enter a disposition for a call that has already ended."""
        self._open_calls[seat_name] = _OpenCall(call, agent, self._core.clock.monotonic() + OPEN_AGAIN_SECONDS)

    async def save_disposition(
        self,
        seat_name: str,
        disposition: Disposition,
        hour: int | None,
        details: DispositionDetails,
        receipt: Receipt | None,
    ) -> str:
        """Store an agent's disposition for the current or latest call of a seat.

        Raises CommandRefused or StoreError; then nothing is stored.
        """
        seat = self._seats.require_known_seat(seat_name)
        call = self._require_call_for_disposition(seat, details.attempt_id)
        run = self._runs[call.campaign_id]
        self._refuse_invalid_disposition(seat, run, call, disposition, hour, details)
        now = self._core.clock.now()
        if details.call_back_at is None:
            retry_at = self._retries.find_due_time_after_disposition(run, call, disposition, hour)
        else:
            retry_at = self._retries.require_allowed_call_back_time(run, call, details.call_back_at)
        own_at: float | None = None
        if details.own and retry_at is not None:
            own_at, retry_at = (
                retry_at,
                self._retries.find_call_back_handover_time(run, call, retry_at),
            )
        record = DispositionRecord(
            call.attempt_id,
            disposition,
            now,
            seat.agent,
            retry_at,
            details.note,
            details.language,
            details.answers,
            own_at,
        )
        marks = _make_voter_marks_of_disposition(record, call, hour, details.voters, receipt)
        effect = await self._store_disposition(run, call, record, marks, receipt)
        self._open_calls.pop(seat.name, None)
        self._undoable.pop(seat.name, None)
        if receipt is not None:
            spoken = call.copy_call_with_machine_report(machine=disposition is Disposition.MACHINE)
            said_at = self._core.clock.monotonic()
            self._undoable[seat.name] = _UndoableDisposition(
                spoken, record, tuple(marks), effect.language_before, effect.answers_before, said_at
            )
        current = self._seats[seat.name]
        if current.state is SeatState.WRAP_UP and current.attempt_id == call.attempt_id:
            self._acd.end_wrap_up(current)
        elif current.state is SeatState.TALKING and current.attempt_id == call.attempt_id:
            self._acd.mark_talk_as_ending_soon(current)  # agents enter a disposition when the talk is about to end
        return f"seat {seat.name}: {disposition.value}"

    async def undo_disposition(self, seat_name: str, attempt_id: AttemptId, receipt: Receipt | None) -> str:
        """Undo the last disposition that was saved at a seat.

        Raises StoreError, or CommandRefused if it is too late or the number was suppressed.
        """
        seat = self._seats.require_known_seat(seat_name)
        kept, now = self._undoable.get(seat.name), self._core.clock.monotonic()
        if kept is None or kept.call.attempt_id != attempt_id or now - kept.at_seconds > UNDO_SECONDS:
            raise CommandRefused(
                f"seat {seat.name}: the disposition was not undone, because it is too old or none was saved for"
                " that call: save the right disposition instead",
                RefusedBecause.TOO_LATE_TO_UNDO,
            )
        if kept.record.disposition in _SUPPRESSING:
            raise CommandRefused(
                f"seat {seat.name}: the disposition cannot be undone, because other centres already know that this"
                " number has opted out",
                RefusedBecause.ALREADY_PUBLISHED,
            )
        call, run = kept.call, self._runs[kept.call.campaign_id]
        retry_at = self._retries.find_due_time_after_disposition(run, call, Disposition.NONE, None)
        at = self._core.clock.now()
        record = DispositionRecord(
            attempt_id, Disposition.NONE, at, seat.agent, retry_at, None, kept.language_before, kept.answers_before
        )
        named = _make_key_prefix_of_voter_marks(attempt_id, receipt)
        undone = [
            Mark(
                f"{named}/{mark.voter_id}",
                mark.voter_id,
                MarkKind.NOT_YET,
                MarkSource.CORRECTION,
                at,
                attempt_id=attempt_id,
                agent=seat.agent,
                undoes=mark.key,
            )
            for mark in kept.marks
        ]
        await self._store_disposition(run, call, record, undone, receipt)
        self._undoable.pop(seat.name, None)
        self.reopen_call_for_disposition(seat.name, call.copy_call_with_machine_report(machine=False), seat.agent)
        return f"seat {seat.name}: the disposition is undone"

    def _require_call_for_disposition(self, seat: Seat, attempt_id: AttemptId | None) -> Call:
        """Return the call to which an agent's disposition belongs. Raises CommandRefused if the seat may no longer
        enter a disposition for this call.
        """
        call = self._acd.find_latest_call_at_seat(seat)
        if attempt_id is not None and (call is None or call.attempt_id != attempt_id):
            left = self._open_calls.get(seat.name)
            mine = left is not None and left.call.attempt_id == attempt_id and left.agent == seat.agent
            if left is None or not mine or self._core.clock.monotonic() > left.until_seconds:
                raise CommandRefused(
                    f"seat {seat.name}: the disposition was not saved, because that call and its wrap-up have ended",
                    RefusedBecause.CALL_OVER,
                )
            call = left.call
        if call is None or call.talk.connected_at is None:
            raise CommandRefused(
                f"seat {seat.name} has no connected call that needs a disposition, so none was saved",
                RefusedBecause.NO_CALL,
            )
        return call

    def _refuse_invalid_disposition(
        self,
        seat: Seat,
        run: CampaignRun,
        call: Call,
        disposition: Disposition,
        hour: int | None,
        details: DispositionDetails,
    ) -> None:
        """Raise CommandRefused for a disposition that the call, the campaign or the script does not allow."""
        if details.own and seat.agent is None:
            raise CommandRefused(f"seat {seat.name} has no agent who could call back: leave `own_call_back` out")
        if hour is not None and not 0 <= hour <= 23:
            raise CommandRefused(
                f"the hour {hour} of the disposition `later` is not valid: enter an hour of the day, 0 to 23"
            )
        allowed = list_dispositions_allowed_for_call(
            run.spec.machine_detection, to_booth_worker=call.worker is not None
        )
        if disposition is Disposition.MACHINE and disposition not in allowed:
            raise CommandRefused(
                f"campaign {call.campaign_id} does not use the disposition `machine`: set "
                "`campaigns.machine_detection` to allow it"
            )
        if details.voters and call.worker is not None:
            raise CommandRefused(
                "a call with a booth worker cannot have `voters`: send the voters' serial numbers instead, with "
                "the command `seat-serials`"
            )
        wrong_answer = self._scripts.find_forbidden_script_answer(call.campaign_id, details.answers)
        if wrong_answer is not None:
            raise CommandRefused(f"the disposition was not saved: {wrong_answer}", RefusedBecause.OTHER_SCRIPT)

    async def _store_disposition(
        self, run: CampaignRun, call: Call, record: DispositionRecord, marks: list[Mark], receipt: Receipt | None
    ) -> DispositionEffect:
        """Store a disposition, update its call, campaign and pacer, and return what has changed in the store."""
        opts_out = record.disposition in _SUPPRESSING
        before = self._set_disposition_on_live_call(
            call.attempt_id, record
        )  # before the commit, because the call may end meanwhile
        try:
            effect = await self._store.save_disposition_of_call(record, marks, opt_out=opts_out, receipt=receipt)
        except StoreError as error:
            self._set_disposition_on_live_call(call.attempt_id, before)
            if isinstance(error, NotInStore):
                raise CommandRefused(str(error)) from error
            raise
        self._call_backs.replace_promised_call_back(call.campaign_id, call.phone_id, record)
        if record.retry_at is not None:
            run.set_due_time_of_next_number(record.retry_at)
        for mark, changed in zip(marks, effect.marks, strict=True):
            self._marks.apply_voter_mark(mark, changed)
        if opts_out:
            self._marks.cancel_calls_to_opted_out_number(call.phone_id, fresh=effect.opted_out)
        self._record_report_about_answering_machine(run, call, machine=record.disposition is Disposition.MACHINE)
        return effect

    def _set_disposition_on_live_call(
        self, attempt_id: AttemptId, said: DispositionRecord | None
    ) -> DispositionRecord | None:
        """Set the disposition (call result) of a live call, or remove it with None. Return the previous disposition."""
        live = self._calls.find_live_call(attempt_id)
        if live is None:
            return None
        self._calls.update_call(live, live.copy_call_with_disposition(said))
        return live.talk.disposition

    def _record_report_about_answering_machine(self, run: CampaignRun, call: Call, *, machine: bool) -> None:
        """Record an agent's report on who answered a call: a machine or, if `machine` is False, a person.

        The call is live or has just ended. The pacer counts an outbound call as answered by a machine even if the agent
        undoes the disposition.
        """
        live = self._calls.find_live_call(call.attempt_id)
        known = live or call
        if known.leg.machine is machine:
            return
        if live is not None:
            self._calls.update_call(live, live.copy_call_with_machine_report(machine=machine))
        else:
            if machine and not known.leg.excluded_from_pacing and not known.inbound:
                self._core.request_side_effects(UpdatePacer(call.campaign_id, PacingEventKind.MACHINE))
            outcomes = run.inbound if call.inbound else run.outcomes
            outcomes[Outcome.MACHINE] += 1 if machine else -1
            outcomes[Outcome.CONNECTED] += -1 if machine else 1


def _make_key_prefix_of_voter_marks(attempt_id: AttemptId, receipt: Receipt | None) -> str:
    """Return the prefix of the keys under which the voter marks (facts about voters) of a disposition are stored.

    The prefix contains the id of the agent's command, so that a repeated command stores nothing twice.
    """
    if receipt is None:
        return f"{attempt_id}/agent"
    return f"{attempt_id}/agent/{hashlib.sha256(receipt.key.encode()).hexdigest()[:16]}"


def _make_voter_marks_of_disposition(
    record: DispositionRecord, call: Call, hour: int | None, voters: tuple[VoterOutcome, ...], receipt: Receipt | None
) -> list[Mark]:
    """Return the marks (facts about voters) that follow from an agent's disposition.

    There is one mark for the called voter, and one for each of `voters`: people with the same number who have their own
    outcomes. If the called voter is among them, that outcome counts.
    """
    said: list[tuple[str, VoterOutcome]] = []
    kind = DISPOSITION_MARKS.get(record.disposition)
    if kind is not None and call.worker is None and call.voter_id not in {each.voter_id for each in voters}:
        own_hour = hour if kind is MarkKind.LATER else None
        key = str(call.voter_id) if receipt else record.disposition.value + ("" if own_hour is None else f"-{own_hour}")
        said.append((key, VoterOutcome(call.voter_id, kind, own_hour, Confidence.SAID)))
    for each in voters:
        sure = each.confidence or (Confidence.SAID if each.voter_id == call.voter_id else Confidence.TOLD)
        said.append((str(each.voter_id), replace(each, confidence=sure)))
    named, source, at, agent = (
        _make_key_prefix_of_voter_marks(record.attempt_id, receipt),
        MarkSource.AGENT,
        record.at,
        record.agent,
    )
    return [
        Mark(f"{named}/{key}", of.voter_id, of.kind, source, at, of.hour, record.attempt_id, agent, of.confidence)
        for key, of in said
    ]
