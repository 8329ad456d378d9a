"""What an agent's page shows: who is on the line, by ids, before the voice is there, and anew when something of it was said
elsewhere; and a supervisor's line of text.
"""

from __future__ import annotations

import structlog

from dialer.domain.errors import StoreError
from dialer.domain.model import AttemptId
from dialer.engine.core import Core
from dialer.engine.seats.seats import Seats
from dialer.store.store import Store

_log = structlog.get_logger(__name__)


class ScreenPops:
    """Reads it once for each call that comes to a seat. `Centre.pops` has it, by seat."""

    def __init__(self, core: Core, seats: Seats, store: Store) -> None:
        self._core = core
        self._seats = seats
        self._store = store
        self._asked: dict[str, AttemptId] = {}  # by seat: the attempt that was read, or is being read

    def look(self, seat_name: str, attempt_id: AttemptId, *, again: bool) -> None:
        """The call comes to the seat, or is there; `again`: something was said elsewhere of a voter or of the number."""
        if again or self._asked.get(seat_name) != attempt_id:
            self._asked[seat_name] = attempt_id
            self._core.spawn(self._read(seat_name, attempt_id), "screen-pop")

    async def _read(self, seat_name: str, attempt_id: AttemptId) -> None:
        try:
            found = await self._store.screen_pop(attempt_id)
        except StoreError as error:
            _log.warning("screen-pop.not-read", attempt=attempt_id, problem=str(error))
            found = None
        seat = self._seats[seat_name]
        if found is None or seat.attempt_id != attempt_id:
            if self._asked.get(seat_name) == attempt_id:
                del self._asked[seat_name]
            return
        before = self._seats.screen_pops.get(seat_name)
        if before is not None and before.attempt_id == attempt_id:
            found = found.after(before)
        self._seats.screen_pops[seat_name] = found
        self._seats.notify(seat_name)
