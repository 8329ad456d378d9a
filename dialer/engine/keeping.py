"""Results wait for their commit and are never given up. While the store is in trouble dialling stops; live calls go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from dialer.domain.errors import StoreError
from dialer.domain.view import AlertLevel
from dialer.engine.centre import Centre
from dialer.engine.effects import StoreCommit
from dialer.store.sqlite import Store

_log = structlog.get_logger(__name__)

RETRY_SECONDS = 2.0  # between tries to keep a result while the store is in trouble
QUIET_SECONDS = 5.0  # without a failure, before dialling goes on; doubled where the last trouble is no longer ago than:
SOON_SECONDS = 60.0


class Keeping:
    """Keeps commits, and knows whether the store works."""

    def __init__(self, centre: Centre, store: Store, has_room: Callable[[], bool]) -> None:
        """`has_room`: whether the disk can still take results."""
        self._centre = centre
        self._store = store
        self._has_room = has_room
        self._waiting: set[object] = set()  # results that are tried again and again
        self._recovers = False
        self._failed_at = self._recovered_at = float("-inf")  # monotonic
        self._quiet_seconds = QUIET_SECONDS
        self.closing = False  # the dialler is going down: no result may hold it up for ever

    async def keep(self, result: StoreCommit) -> None:
        """Write until it is kept: an error after its commit loses and doubles nothing."""
        waits = object()
        try:
            while True:
                try:
                    await result.call()
                except StoreError as error:
                    self._waiting.add(waits)
                    self.failed(error)
                    _log.error("result.waits", write=result.name, problem=str(error))
                    if self.closing:  # the attempt stays open in the store: the next start reconciles it
                        return
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    break
        finally:
            self._waiting.discard(waits)

    def failed(self, error: StoreError) -> None:
        """Stop dialling; `_recover` goes on. One alert a trouble: of many writers some succeed, and others fail in other words."""
        centre = self._centre
        now = self._failed_at = centre.core.clock.monotonic()
        if centre.store_trouble is None:
            soon = now - self._recovered_at < SOON_SECONDS
            self._quiet_seconds = min(2 * self._quiet_seconds, SOON_SECONDS) if soon else QUIET_SECONDS
            centre.store_trouble = str(error)
            centre.alerts.raise_alert("store", AlertLevel.CRITICAL, f"dialling has stopped: {error}")
        if not self._recovers and not self.closing:
            self._recovers = True
            centre.core.spawn(self._recover(), "store-recovers")

    async def _recover(self) -> None:
        """Dialling goes on once all results are kept, disk and store work and stay quiet a while: longer after recent trouble."""
        centre = self._centre
        while not self.closing:
            await asyncio.sleep(RETRY_SECONDS)
            if self._waiting or not self._has_room():
                continue
            try:
                await self._store.release_expired(centre.core.clock.now())
            except StoreError as error:
                self.failed(error)
                continue
            if centre.core.clock.monotonic() - self._failed_at >= self._quiet_seconds:
                self._recovered_at = centre.core.clock.monotonic()
                centre.store_trouble = None
                centre.alerts.clear("store")
                centre.core.wake.set()
                break
        self._recovers = False
