"""Writes to the store that must not be lost: each is retried until it is committed.

While the store fails, nothing is dialled; live calls continue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from dialer.domain.alerts import AlertKind
from dialer.domain.errors import StoreError
from dialer.engine.alerts.state import Alerts
from dialer.engine.core import Core
from dialer.engine.effects import StoreCommit
from dialer.store.store import Store

_log = structlog.get_logger(__name__)

RETRY_SECONDS = 2.0  # between attempts to commit while the store fails
QUIET_SECONDS = 5.0  # time without a failure before dialling resumes
RECENT_SECONDS = 60.0  # if the store fails again within this time, the quiet time is doubled (up to this limit)


class StoreCommits:
    """Writes results to the store until they are committed, and tracks whether the store works."""

    def __init__(self, core: Core, alerts: Alerts, store: Store, has_room: Callable[[], bool]) -> None:
        """Create the service that writes to the store. `has_room` returns whether the disk has room for the results of
        calls.
        """
        self._core = core
        self._alerts = alerts
        self._store = store
        self._has_room = has_room
        self._retrying: set[object] = set()  # commits that are being retried
        self._recovering = False
        self._failed_at = self._recovered_at = float("-inf")  # monotonic
        self._quiet_seconds = QUIET_SECONDS
        self.problem: str | None = None  # why the store does not work; None: it works
        self.closing = False  # the dialler is stopping: failed commits are not retried

    async def repeat_store_write_until_committed(self, commit: StoreCommit) -> None:
        """Write to the store, and repeat the write after each error until it is committed."""
        retry = object()
        try:
            while True:
                try:
                    await commit.call()
                except StoreError as error:
                    self._retrying.add(retry)
                    self.on_store_failure(error)
                    _log.error("store.commit_failed", write=commit.name, problem=str(error))
                    if self.closing:  # the attempt stays open in the store; the next start reconciles it
                        return
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    return
        finally:
            self._retrying.discard(retry)

    def on_store_failure(self, error: StoreError) -> None:
        """Stop dialling after an error of the store until the store works again. A lasting failure raises one alert
        only.
        """
        now = self._failed_at = self._core.clock.monotonic()
        if self.problem is None:
            recent = now - self._recovered_at < RECENT_SECONDS
            self._quiet_seconds = min(2 * self._quiet_seconds, RECENT_SECONDS) if recent else QUIET_SECONDS
            self.problem = str(error)
            self._alerts.raise_alert(AlertKind.STORE, problem=str(error))
        if not self._recovering and not self.closing:
            self._recovering = True
            self._core.spawn_background_task(self._resume_dialling(), "recover-store")

    async def _resume_dialling(self) -> None:
        """Resume dialling when all writes to the store are committed, and disk and store have worked for a while."""
        while not self.closing:
            await asyncio.sleep(RETRY_SECONDS)
            if self._retrying or not self._has_room():
                continue
            try:
                await self._store.release_expired_claims(self._core.clock.now())
            except StoreError as error:
                self.on_store_failure(error)
                continue
            if self._core.clock.monotonic() - self._failed_at >= self._quiet_seconds:
                self._recovered_at = self._core.clock.monotonic()
                self.problem = None
                self._alerts.clear_alert(AlertKind.STORE)
                self._core.wake.set()
                break
        self._recovering = False
