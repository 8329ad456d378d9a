"""Store records that do not come from calls: marks (facts about voters), official turnout, complaints and opt-outs.

This service also allows numbers to be dialled again after a call attempt with an unknown result.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from dialer.domain.clock import Clock
from dialer.domain.complaints import Complaint, ComplaintAnswer
from dialer.domain.errors import CommandRefused, KeyTaken, NotInStore
from dialer.domain.model import AttemptId, Mark
from dialer.domain.official_turnout import OfficialFigure
from dialer.domain.other_centres import CALLS_KEPT_SECONDS, PeerUpdateBatch
from dialer.engine.turnout.marks import Marks
from dialer.store.audit import AuditNote
from dialer.store.store import Store

AHEAD_SECONDS = 300.0
"""How far another machine's clock may be ahead of ours. Records with later times are refused."""


@contextmanager
def _refuse_command_if_store_rejects_records() -> Iterator[None]:
    """Raise CommandRefused if the store rejects a record within this `with` block."""
    try:
        yield
    except (NotInStore, KeyTaken) as error:
        raise CommandRefused(str(error)) from error


class ExternalRecords:
    """Stores records that do not come from calls, such as complaints and official turnout.

    The engine uses this service. While no dialler runs, the command line uses it directly.
    """

    def __init__(self, store: Store, clock: Clock, marks: Marks | None = None, centre: str = "") -> None:
        """Create the service for records that do not come from calls.

        `marks` updates live calls after an import; it is None if no dialler runs. `centre` is stored as the origin of
        opt-outs.
        """
        self._store = store
        self._clock = clock
        self._marks = marks
        self._centre = centre

    async def import_voter_marks(self, marks: tuple[Mark, ...], batch: str, who: str) -> str:
        """Store marks (facts about voters) that do not come from calls, all or none. Raises CommandRefused, StoreError."""
        for mark in marks:
            self._refuse_record_with_future_time(mark.at)
        with _refuse_command_if_store_rejects_records():
            effects = await self._store.save_voter_marks(marks, self._create_audit_note_about_import(who, batch=batch))
        if self._marks is not None:
            for mark, effect in zip(marks, effects, strict=True):
                self._marks.apply_voter_mark(mark, effect)
        taken = sum(effect.recorded for effect in effects)
        in_vain = sum(effect.superfluous for effect in effects)
        summary = f"{taken} marks saved, {len(marks) - taken - in_vain} were already known"
        return f"{summary}, {in_vain} corrections had nothing to undo" if in_vain else summary

    async def import_turnout(self, figures: tuple[OfficialFigure, ...], who: str) -> str:
        """Store official turnout figures, all or none. Raises CommandRefused, StoreError."""
        with _refuse_command_if_store_rejects_records():
            new = await self._store.append_official_turnout_figures(figures, self._create_audit_note_about_import(who))
        return f"{new} figures saved, {len(figures) - new} were already known"

    async def store_complaint(self, complaint: Complaint, who: str) -> str:
        """Store a voter's complaint about calls. Raises CommandRefused, StoreError."""
        self._refuse_record_with_future_time(complaint.at)
        with _refuse_command_if_store_rejects_records():
            number = await self._store.save_complaint(complaint, self._create_audit_note_about_import(who))
        return f"complaint {number} is saved"

    async def answer_complaint(self, answer: ComplaintAnswer, who: str) -> str:
        """Store the answer to a voter's complaint about calls. Raises CommandRefused, StoreError."""
        self._refuse_record_with_future_time(answer.at)
        with _refuse_command_if_store_rejects_records():
            await self._store.answer_complaint(answer, self._create_audit_note_about_import(who))
        return f"complaint {answer.complaint_id}: {answer.answer.value}"

    async def import_opt_outs(
        self, hashes: tuple[str, ...], fingerprint: str, source: str, batch: str, who: str
    ) -> str:
        """Suppress phone numbers, given by their hashes, all or none. Raises CommandRefused, StoreError."""
        entry = self._create_audit_note_about_import(who, batch=batch)
        with _refuse_command_if_store_rejects_records():
            taken = await self._store.save_hashed_opt_outs(
                hashes, entry, fingerprint=fingerprint, centre=self._centre, source=source
            )
        if self._marks is not None:
            for phone_id in taken.phones:
                self._marks.cancel_calls_to_opted_out_number(phone_id, fresh=True)
        return f"{taken.new} numbers suppressed, {len(hashes) - taken.new} were already suppressed"

    async def remove_uploaded_results_from_outbox(self, through: int) -> bool:
        """Delete the results that headquarters has committed from the outbox (the queue of messages to headquarters).

        `through` is the outbox id of the last committed result. Return True if this store has never assigned the id,
        which shows that it is an older copy. Raises CommandRefused, StoreError.
        """
        with _refuse_command_if_store_rejects_records():
            return await self._store.record_last_outbox_id_at_headquarters(through, self._clock.now())

    async def send_test_message_to_headquarters(self) -> str:
        """Send a test message, which shows whether results reach headquarters. Raises CommandRefused, StoreError."""
        with _refuse_command_if_store_rejects_records():
            await self._store.add_test_message_to_outbox(self._clock.now())
        return "test message sent: headquarters' page shows when it arrives"

    async def import_updates_of_other_centres(self, news: PeerUpdateBatch) -> str:
        """Store opt-outs, marks (facts about voters) and calls of other centres, all or none.

        The last update's position in headquarters' message stream is stored with them. A call that ends in the future
        (wrong clock) counts as just ended. Raises CommandRefused, StoreError.
        """
        now = self._clock.now()
        calls = [replace(each, at=min(each.at, now)) for each in news.calls]
        news = replace(news, calls=calls, forget_calls_before=now - CALLS_KEPT_SECONDS)
        with _refuse_command_if_store_rejects_records():
            taken = await self._store.save_updates_from_other_centres(news)
        if self._marks is not None:
            for phone_id in taken.phones:
                self._marks.cancel_calls_to_opted_out_number(phone_id, fresh=True)
            for mark, effect in taken.marks:
                self._marks.apply_voter_mark(mark, effect)
            for phone_id, call in taken.calls:
                self._marks.remember_call_made_by_other_centre(phone_id, call)
            if news.marks:
                self._marks.update_alert_about_unknown_voters(taken.unknown)
        summary = f"{len(taken.phones)} numbers suppressed, {len(taken.marks)} marks saved"
        return f"{summary}, {taken.unknown} marks skipped: their voters are on no roll" if taken.unknown else summary

    async def allow_redial_after_unknown_call_result(
        self, attempts: tuple[AttemptId, ...], reason: str, who: str
    ) -> str:
        """Allow the numbers of call attempts whose result is unknown to be called again, all of them or none. Raises
        CommandRefused, StoreError.
        """
        with _refuse_command_if_store_rejects_records():
            opened = await self._store.release_attempts_with_unknown_outcome(
                attempts, reason.strip(), self._create_audit_note_about_import(who)
            )
        if self._marks is not None:
            self._marks.request_number_queue_reloads()
        return f"{len(attempts):,} attempts released; {opened:,} numbers may be dialled again by their campaigns"

    def _create_audit_note_about_import(self, who: str, **what: str) -> AuditNote:
        return AuditNote(who, self._clock.now(), what)

    def _refuse_record_with_future_time(self, at: float) -> None:
        if at > self._clock.now() + AHEAD_SECONDS:
            raise CommandRefused(
                "no record was saved, because the time of one record is in the future. Compare the clocks of sender and"
                " dialler"
            )
