"""Who is on the line at a seat, by ids: for an agent's page to show before the voice is there, and anew when something of it was
said elsewhere.
"""

from __future__ import annotations

import structlog

from dialer.domain.errors import StoreError
from dialer.domain.model import AttemptId
from dialer.domain.view import SeatChange
from dialer.engine.effects import Notify
from dialer.engine.views import seat_view
from dialer.engine.world import Centre
from dialer.store.sqlite import Store

_log = structlog.get_logger(__name__)


class ScreenPops:
    """Reads it once for each call that comes to a seat. `Centre.pops` has it, by seat."""

    def __init__(self, centre: Centre, store: Store) -> None:
        """`store` knows who is on a number."""
        self._centre = centre
        self._store = store
        self._asked: dict[str, AttemptId] = {}  # by seat: the attempt that was read, or is being read

    def look(self, seat_name: str, attempt_id: AttemptId, *, again: bool) -> None:
        """The call comes to the seat, or is there; `again`: something was said elsewhere of a voter or of the number."""
        if again or self._asked.get(seat_name) != attempt_id:
            self._asked[seat_name] = attempt_id
            self._centre.spawn(self._read(seat_name, attempt_id), "screen-pop")

    async def _read(self, seat_name: str, attempt_id: AttemptId) -> None:
        try:
            found = await self._store.screen_pop(attempt_id)
        except StoreError as error:
            _log.warning("screen-pop.not-read", attempt=attempt_id, problem=str(error))
            found = None
        seat = self._centre.seats[seat_name]
        if found is None or seat.attempt_id != attempt_id:
            if self._asked.get(seat_name) == attempt_id:
                del self._asked[seat_name]
            return
        before = self._centre.pops.get(seat_name)
        if before is not None and before.attempt_id == attempt_id:
            found = found.after(before)
        self._centre.pops[seat_name] = found
        self._centre.then(Notify(SeatChange(seat_view(self._centre, seat), self._centre.clock.now())))
