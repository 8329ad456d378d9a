"""What comes from outside the calls on a polling day: marks of booth workers, official turnout, complaints."""

from __future__ import annotations

from dialer.commands import AnswerComplaint, EnterTurnout, FileComplaint, RecordsCommand, TakeMarks
from dialer.engine.results import Results
from dialer.engine.state import Centre
from dialer.errors import CommandRefused, NotInStore
from dialer.model import Mark
from dialer.store.port import Store
from dialer.store.records_port import Deed

AHEAD_SECONDS = 300.0
"""How far another clock may be ahead of ours before what it tells is refused."""


class RecordsDesk:
    """Keeps such records, and lets the calls follow them."""

    def __init__(self, centre: Centre, store: Store, results: Results) -> None:
        """`results` does what follows from a mark."""
        self._centre = centre
        self._store = store
        self._results = results

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
        except NotInStore as error:
            raise CommandRefused(str(error)) from error

    async def _take(self, marks: tuple[Mark, ...], deed: Deed) -> str:
        for mark in marks:
            self._refuse_ahead(mark.at)
        taken = await self._results.take_marks(marks, deed)
        return f"{taken} marks taken, {len(marks) - taken} were known"

    def _deed(self, who: str, **what: str) -> Deed:
        return Deed(who, self._centre.clock.now(), what)

    def _refuse_ahead(self, at: float) -> None:
        if at > self._centre.clock.now() + AHEAD_SECONDS:
            raise CommandRefused("a time lies ahead: compare the two clocks; nothing was kept")
