"""Reads reports from the store: in a separate thread, one report at a time, with a time limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from dialer.domain.errors import StoreTimeout
from dialer.settings.site import Settings
from dialer.store.connection import Connection, open_store_snapshot
from dialer.store.keys import read_store_key_of_site
from dialer.web.refusals import RequestRefused
from dialer.web.slow_work import QueueFull, SlowWork, create_low_priority_thread

MAX_READ_SECONDS = 20.0
MAX_WAITING = 20

T = TypeVar("T")


class ReportReader:
    """Runs queries for reports on the store (the centre's database), one at a time, in a separate thread.

    Requests from different addresses take turns, so that a user with many requests does not delay the others.
    """

    def __init__(self, settings: Settings) -> None:
        self._path, self._key = settings.store.path, read_store_key_of_site(settings)
        self._thread = create_low_priority_thread("reports")
        self._slow_work = SlowWork(self._thread, MAX_WAITING)

    def close(self) -> None:
        """Stop the thread that reads reports."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def run_report_query(self, query: Callable[[Connection], T]) -> T:
        """Run `query` on a snapshot of the store (the centre's database), and return its result.

        Raises StoreError. Raises RequestRefused if the query takes too long or too many queries are waiting.
        """

        def run_query_on_snapshot() -> T:
            with open_store_snapshot(self._path, self._key, opened_here=True, max_seconds=MAX_READ_SECONDS) as db:
                return query(db)

        try:
            return await self._slow_work.run_slow_work_in_turn(run_query_on_snapshot)
        except StoreTimeout as error:
            raise RequestRefused(409, "report-too-slow", seconds=round(MAX_READ_SECONDS)) from error
        except QueueFull as error:
            raise RequestRefused(503, "reports-busy") from error
