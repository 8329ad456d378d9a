"""Upload of a centre's outbox: sends batches of results to headquarters, and notifies the dialler of acknowledged rows."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import NoReturn

import structlog

from dialer.domain.clock import Clock
from dialer.domain.errors import HeadquartersUnreachable, StoreError
from dialer.nats.messages import (
    MAX_BATCH_ROWS,
    InvalidMessage,
    build_ack_subject,
    build_batch_subject,
    pack_batch,
    unpack_ack,
)
from dialer.nats.session import Session
from dialer.store.uplink_reader import UplinkReader
from dialer.uplink.batches import BatchSchedule
from dialer.uplink.dialler import DiallerCommands

_log = structlog.get_logger(__name__)

REPORT_SECONDS = 5.0
"""Minimum interval between acknowledgements to the dialler: each is a command and a reply."""
RETRY_SECONDS = 2.0


class OutboxUpload:
    """Sends the rows of the outbox (stored results) to headquarters, and notifies the dialler which rows it may delete."""

    def __init__(
        self, centre: str, session: Session, dialler: DiallerCommands, reading: UplinkReader, clock: Clock
    ) -> None:
        self._centre = centre
        self._session = session
        self._dialler = dialler
        self._reading = reading
        self._clock = clock
        self._schedule: BatchSchedule | None = None
        self._ack_received = asyncio.Event()
        self._report_due = asyncio.Event()

    async def run(self) -> None:
        """Upload outbox rows until cancelled."""
        self._schedule = BatchSchedule(self._centre, await self._wait_for_cursor(), random.SystemRandom())
        self._report_due.set()  # an acknowledgement may not have been reported before the last stop
        await self._session.subscribe(build_ack_subject(self._centre), self._handle_acknowledgement)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send_batches(self._schedule), name="uplink-send-batches")
            group.create_task(self._report_acknowledgements(self._schedule), name="uplink-report-acks")

    async def _wait_for_cursor(self) -> int:
        """Wait until the dialler stores an outbox for headquarters. Return the last acknowledged row id."""
        logged = False
        while (stored := await self._read_stored_acknowledgement()) is None:
            if not logged:
                _log.warning(
                    "uplink.waiting", problem="no dialler has run on this store with [headquarters] in its settings"
                )
                logged = True
            await asyncio.sleep(RETRY_SECONDS)
        return stored

    async def _read_stored_acknowledgement(self) -> int | None:
        return await self._reading.read_passed_id()

    async def _handle_acknowledgement(self, subject: str, data: bytes) -> None:
        if self._schedule is None:
            return
        try:
            self._schedule.record_acknowledgement(unpack_ack(data), self._clock.monotonic())
        except InvalidMessage as error:
            _log.warning("uplink.invalid_ack", problem=str(error))
            return
        self._ack_received.set()
        self._report_due.set()

    async def _send_batches(self, schedule: BatchSchedule) -> NoReturn:
        while True:
            self._ack_received.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(
                    schedule.compute_next_time(self._clock.monotonic()) - self._clock.monotonic()
                ):
                    await self._ack_received.wait()
            try:
                await self._send_due_batch(schedule)
            except (StoreError, HeadquartersUnreachable) as error:
                _log.warning("uplink.send_failed", problem=str(error))
                await asyncio.sleep(RETRY_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311 - 300 centres must not retry at once

    async def _send_due_batch(self, schedule: BatchSchedule) -> None:
        now = self._clock.monotonic()
        if not self._session.is_connected:
            await asyncio.sleep(RETRY_SECONDS)
            return
        if now < schedule.compute_next_time(now):
            return
        batch = schedule.get_overdue_batch(now)
        if batch is None and not schedule.is_waiting_for_acknowledgement:
            rows = await self._reading.read_rows_after(schedule.acknowledged, MAX_BATCH_ROWS)
            batch = schedule.get_next_batch(rows, await self._read_stored_acknowledgement() or 0, now)
        if batch is None:
            return
        try:
            await self._session.store(build_batch_subject(self._centre), await asyncio.to_thread(pack_batch, batch))
        except HeadquartersUnreachable:
            schedule.note_send_failure(self._clock.monotonic())
            raise

    async def _report_acknowledgements(self, schedule: BatchSchedule) -> NoReturn:
        """Report each acknowledgement of headquarters to the dialler, until the store has it."""
        while True:
            await self._report_due.wait()
            self._report_due.clear()
            if (problem := await self._report_acknowledgement(schedule.acknowledged)) is not None:
                _log.warning("uplink.ack_report_failed", problem=problem)
                self._report_due.set()
                await asyncio.sleep(RETRY_SECONDS)
            await asyncio.sleep(REPORT_SECONDS)

    async def _report_acknowledgement(self, through: int) -> str | None:
        """Report an acknowledgement of headquarters to the dialler.

        Return why the dialler has not stored it, or None if it has.
        """
        try:
            if await self._read_stored_acknowledgement() == through:
                return None
        except StoreError as error:
            return str(error)
        reply = await self._dialler.send_command("confirm-uplink", {"through": through})
        if reply is None:
            return "the dialler is unreachable"
        return None if reply.status == "done" else reply.text
