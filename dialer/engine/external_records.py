"""What comes from outside the calls: marks of booth workers, official turnout, complaints, opt-outs, and a person's word on
attempts of which nobody knows whether they were calls.
"""

from __future__ import annotations

from collections.abc import Callable

from dialer.domain.clock import Clock
from dialer.domain.commands import (
    AnswerComplaint,
    EnterTurnout,
    FileComplaint,
    RecordsCommand,
    ReleaseUnknown,
    TakeMarks,
    TakeOptOuts,
)
from dialer.domain.errors import CommandRefused, KeyTaken, NotInStore
from dialer.domain.model import Mark
from dialer.mqtt.topics import mark_announcement, opt_out_announcement
from dialer.store.records_port import Deed, MarkEffect, PollingDayRecords

AHEAD_SECONDS = 300.0
"""How far another clock may be ahead of ours before what it tells is refused."""


def _nothing_follows(*_: object) -> None:
    """Where no dialler runs."""


class ExternalRecords:
    """Keeps such records: in the engine, and for the command line where no dialler runs."""

    def __init__(
        self,
        store: PollingDayRecords,
        clock: Clock,
        follow: Callable[[Mark, MarkEffect], None] = _nothing_follows,
        opted_out: Callable[[int], None] = _nothing_follows,
        look_again: Callable[[], None] = _nothing_follows,
        centre: str = "",
    ) -> None:
        """`follow` does what a mark means for the calls, `opted_out` what a number's opt-out means, `look_again` what it means that
        numbers wait in the queues again, once it is on disk; `centre` is whose the opt-outs are.
        """
        self._store = store
        self._clock = clock
        self._follow = follow
        self._opted_out = opted_out
        self._centre = centre
        self._look_again = look_again

    async def execute(self, command: RecordsCommand) -> str:
        """Keep it; one line that says what was kept. Raises CommandRefused, StoreError where it was not."""
        try:
            match command:
                case TakeMarks(marks, batch, who):
                    return await self._take(marks, self._deed(who, batch=batch))
                case EnterTurnout(figures, who):
                    new = await self._store.enter_turnout(figures, self._deed(who))
                    return f"{new} figures entered, {len(figures) - new} stood already"
                case FileComplaint(complaint, who):
                    self._refuse_ahead(complaint.at)
                    number = await self._store.record_complaint(complaint, self._deed(who))
                    return f"complaint {number} is kept"
                case AnswerComplaint(answer, who):
                    self._refuse_ahead(answer.at)
                    await self._store.answer_complaint(answer, self._deed(who))
                    return f"complaint {answer.complaint_id}: {answer.answer.value}"
                case TakeOptOuts():
                    return await self._suppress(command)
                case ReleaseUnknown(attempts, reason, who):
                    opened = await self._store.release_unknown(attempts, reason.strip(), self._deed(who))
                    self._look_again()
                    return (
                        f"{len(attempts):,} attempts released; {opened:,} places in the campaigns' lists are open again"
                    )
        except (NotInStore, KeyTaken) as error:
            raise CommandRefused(str(error)) from error

    async def _take(self, marks: tuple[Mark, ...], deed: Deed) -> str:
        for mark in marks:
            self._refuse_ahead(mark.at)
        effects = await self._store.record_marks(marks, [mark_announcement(mark) for mark in marks], deed)
        for mark, effect in zip(marks, effects, strict=True):
            self._follow(mark, effect)
        taken = sum(effect.recorded for effect in effects)
        in_vain = sum(effect.in_vain for effect in effects)
        told = f"{taken} marks taken, {len(marks) - taken - in_vain} were known"
        return f"{told}, {in_vain} had nothing to take back" if in_vain else told

    async def _suppress(self, told: TakeOptOuts) -> str:
        deed = self._deed(told.who, batch=told.batch)
        news = [
            opt_out_announcement(None, at=deed.at, source=told.source, attempt_id=None, number_hash=hashed)
            for hashed in told.hashes
        ]
        taken = await self._store.record_opt_outs(
            told.hashes, news, deed, fingerprint=told.fingerprint, centre=self._centre, source=told.source
        )
        for phone_id in taken.phones:
            self._opted_out(phone_id)
        return f"{taken.fresh} numbers suppressed, {len(told.hashes) - taken.fresh} were already"

    def _deed(self, who: str, **what: str) -> Deed:
        return Deed(who, self._clock.now(), what)

    def _refuse_ahead(self, at: float) -> None:
        if at > self._clock.now() + AHEAD_SECONDS:
            raise CommandRefused("a time lies ahead: compare the two clocks; nothing was kept")
