"""Stop dialling with an outdated store, which lacks the newest call that the broker or an Asterisk server has recorded.

Such a store is an old copy, for example from a snapshot of the machine. It lacks the newest calls, opt-outs and reports
of who has voted.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from dialer.domain.alerts import AlertKind
from dialer.domain.errors import StoreError
from dialer.domain.newest_call import UNREADABLE, NewestCall
from dialer.domain.view import Hold, HoldReason
from dialer.engine.alerts.state import Alerts
from dialer.engine.core import Core
from dialer.engine.effects import StoreFailed
from dialer.store.store import Store

_log = structlog.get_logger(__name__)

RETRY_SECONDS = 2.0


class StoreAge:
    """Stops dialling if the store lacks the newest call that the broker or an Asterisk server has recorded."""

    def __init__(self, core: Core, alerts: Alerts, store: Store) -> None:
        self._core = core
        self._alerts = alerts
        self._store = store
        self._comparing: set[str] = set()
        self._is_older = False

    def find_reason_not_to_dial(self) -> Hold | None:
        """Return why nothing may be dialled, or None if calls are allowed.

        Dialling waits until the store has been compared with the newest recorded call. It stays stopped if the store
        does not have that call.
        """
        if self._is_older:
            return Hold(HoldReason.STORE_OLDER)
        return (
            Hold(HoldReason.STARTING, "the store is being compared with the newest call") if self._comparing else None
        )

    def start_check_that_store_is_current(self, place: str, call: NewestCall) -> None:
        """Compare the store in the background with the newest call that `place` (an Asterisk server) has recorded.

        Nothing is dialled until the result is known.
        """
        self._comparing.add(place)
        self._core.spawn_background_task(self.check_that_store_has_newest_call(place, call), "compare-with-newest-call")

    async def check_that_store_has_newest_call(self, place: str, call: NewestCall) -> bool:
        """Return whether the store has the call that `place` (the broker or an Asterisk server) has recorded. If not,
        dialling stops.
        """
        self._comparing.add(place)
        while True:
            try:
                is_call_missing_from_store = await self._store.is_call_missing_from_store(call)
                if is_call_missing_from_store:
                    self._stop_dialling_because_store_is_outdated(place, call)
                    if call is not UNREADABLE:
                        await self._store.append_missing_call_to_audit(place, call, self._core.clock.now())
                break
            except StoreError as error:
                self._core.request_side_effects(StoreFailed(error))
                if self._core.draining:
                    return False
                await asyncio.sleep(RETRY_SECONDS)
        self._comparing.discard(place)
        self._core.wake.set()
        return not is_call_missing_from_store

    def _stop_dialling_because_store_is_outdated(self, place: str, call: NewestCall) -> None:
        self._is_older = True
        if call is UNREADABLE:
            self._alerts.raise_alert(AlertKind.NEWEST_CALL_UNREADABLE, place=place)
            return
        placed_at = datetime.fromtimestamp(call.at, self._core.zone).strftime("%d %b %H:%M:%S")
        self._alerts.raise_alert(AlertKind.STORE_OLDER, place=place, time=placed_at)
