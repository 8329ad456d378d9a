"""Screen pops: what an agent's page shows about a call. A pop has ids of the number and its voters, and no names.

A screen pop is read before agent and voter are connected, and is kept up to date.
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
    """Reads the screen pops of seats: what an agent's page shows about the number and the voters of a call."""

    def __init__(self, core: Core, seats: Seats, store: Store) -> None:
        self._core = core
        self._seats = seats
        self._store = store
        self._asked: dict[str, AttemptId] = {}  # by seat: the attempt whose screen pop was read, or is being read

    def read_screen_pop(self, seat_name: str, attempt_id: AttemptId, *, again: bool) -> None:
        """Read from the store what an agent's page shows about the call at a seat.

        The data of a call is read only once, unless `again` is True because facts about the household have changed.
        """
        if again or self._asked.get(seat_name) != attempt_id:
            self._asked[seat_name] = attempt_id
            self._core.spawn_background_task(self._read_screen_pop_from_store(seat_name, attempt_id), "screen-pop")

    async def _read_screen_pop_from_store(self, seat_name: str, attempt_id: AttemptId) -> None:
        try:
            found = await self._store.read_screen_pop(attempt_id)
        except StoreError as error:
            _log.warning("screen_pop.read_failed", attempt=attempt_id, problem=str(error))
            found = None
        seat = self._seats[seat_name]
        if found is None or seat.attempt_id != attempt_id:
            if self._asked.get(seat_name) == attempt_id:
                del self._asked[seat_name]
            return
        before = self._seats.screen_pops.get(seat_name)
        if before is not None and before.attempt_id == attempt_id:
            found = found.add_voters_completed_during_call(before)
        self._seats.screen_pops[seat_name] = found
        self._seats.publish_seat_view(seat_name)
