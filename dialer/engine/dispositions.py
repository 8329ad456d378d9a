"""What agents say of calls: kept with the marks and the opt-out that follow from it, while the call goes on or after it."""

from __future__ import annotations

from dataclasses import replace

from dialer.calls import Call
from dialer.engine.due import DueTimes
from dialer.engine.results import Results
from dialer.engine.state import CampaignRun, Centre
from dialer.errors import CommandRefused, StoreError
from dialer.model import (
    DISPOSITION_MARKS,
    AttemptId,
    Disposition,
    DispositionRecord,
    MachineDetection,
    Mark,
    MarkKind,
    MarkSource,
    Outcome,
)
from dialer.monitor.topics import disposition_announcement, mark_announcement, opt_out_announcement
from dialer.pacing.port import PacingEventKind
from dialer.store.port import Store


class Dispositions:
    """Keeps dispositions, and does in memory what follows from them."""

    def __init__(self, centre: Centre, store: Store, results: Results) -> None:
        """`results` does what marks and opt-outs mean here and now."""
        self._centre = centre
        self._store = store
        self._results = results
        self._due = DueTimes(centre)

    async def dispose(
        self, run: CampaignRun, call: Call, agent: str | None, disposition: Disposition, hour: int | None
    ) -> None:
        """Keep what the agent said of a call, live or ended, with its mark and opt-out in the same commit.

        Raises CommandRefused for an hour that is missing or out of range, StoreError if nothing was kept.
        """
        if hour is not None and not 0 <= hour <= 23:
            raise CommandRefused(f"hour {hour} is not an hour of the day; give 0 to 23")
        if disposition is Disposition.MACHINE and run.spec.machine_detection is MachineDetection.OFF:
            raise CommandRefused(
                f"campaign {call.campaign_id} does not count machines; set machine_detection in its settings"
            )
        now = self._centre.clock.now()
        retry_at = self._due.after_disposition(run, call, disposition, hour)
        record = DispositionRecord(call.attempt_id, disposition, now, agent, retry_at)
        marks = _marks_of(record, call, hour)
        opts_out = disposition in {Disposition.OPT_OUT, Disposition.REFUSED}
        announcements = [disposition_announcement(record), *(mark_announcement(mark) for mark in marks)]
        if opts_out:
            hashed = await self._store.number_hash(call.phone_id)
            announcements.append(
                opt_out_announcement(
                    call.phone_id, at=now, source="agent", attempt_id=call.attempt_id, number_hash=hashed
                )
            )
        before = self._say_of_live(call.attempt_id, record)  # the call may end while this is committed
        try:
            effects = await self._store.record_disposition(record, marks, opt_out=opts_out, announcements=announcements)
        except StoreError:
            self._say_of_live(call.attempt_id, before)
            raise
        if retry_at is not None:
            run.due_again(retry_at)
        for mark, effect in zip(marks, effects, strict=True):
            self._results.follow(mark, effect)
        if opts_out:
            self._results.opted_out(call.phone_id, fresh=True)
        self._judge(run, call, machine=disposition is Disposition.MACHINE)
        self._centre.outbox_event.set()

    def _say_of_live(self, attempt_id: AttemptId, said: DispositionRecord | None) -> DispositionRecord | None:
        """What an agent says of a call that goes on tells, at its end, when the number is due. Returns what was said before."""
        live = self._centre.calls.get(attempt_id)
        if live is None:
            return None
        self._centre.update_call(live, replace(live, disposed=said))
        return live.disposed

    def _judge(self, run: CampaignRun, call: Call, *, machine: bool) -> None:
        """What the agent says of person or machine, of a live call or of one that has just ended.

        The pacer gives up an answer once, and one that it counted: not a caller's. A word that is taken back leaves it given up.
        """
        live = self._centre.calls.get(call.attempt_id)
        known = live or call
        if known.machine is machine:
            return
        if machine and not known.not_counted and not known.inbound:
            self._results.observe(run, PacingEventKind.MACHINE)
        if live is not None:
            self._centre.update_call(live, replace(live, machine=machine, not_counted=live.not_counted or machine))
        else:
            outcomes = run.inbound if call.inbound else run.outcomes
            outcomes[Outcome.MACHINE] += 1 if machine else -1
            outcomes[Outcome.CONNECTED] += -1 if machine else 1


def _marks_of(record: DispositionRecord, call: Call, hour: int | None) -> list[Mark]:
    kind = DISPOSITION_MARKS.get(record.disposition)
    if kind is None or call.worker is not None:
        return []
    named = hour if kind is MarkKind.LATER else None
    key = f"{record.attempt_id}/agent/{record.disposition.value}" + ("" if named is None else f"-{named}")
    return [Mark(key, call.voter_id, kind, MarkSource.AGENT, record.at, named, record.attempt_id, record.agent)]
