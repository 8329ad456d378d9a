"""Upload of a centre's outbox (results to send): sends batches to headquarters, and notifies the dialler of acknowledged rows."""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import asdict, replace
from typing import NoReturn

import structlog

from dialer.domain.cancelling import await_coroutine_in_own_task
from dialer.domain.clock import Clock
from dialer.domain.errors import HeadquartersUnreachable, StoreError
from dialer.nats.messages import (
    MAX_BATCH_ROWS,
    UNASSIGNED_ID,
    Acknowledgement,
    InvalidMessage,
    SendingStore,
    StoreStatus,
    build_acknowledgement_subject,
    build_batch_subject,
    build_live_status_subject,
    pack_first_part_of_batch,
    pack_store_status,
    unpack_acknowledgement,
)
from dialer.nats.session import Session
from dialer.store.uplink_reader import UplinkReader
from dialer.uplink.batches import BatchSchedule
from dialer.uplink.dialler import DiallerCommands

_log = structlog.get_logger(__name__)

REPORT_SECONDS = 5.0
"""Minimum interval between acknowledgements to the dialler: each is a command and a reply."""
RETRY_SECONDS = 2.0
STATUS_SECONDS = 5.0
REPORT_AGAIN_SECONDS = 60.0
"""How often a problem is reported again to the dialler, which may have been restarted."""
CLOCK_TOLERANCE_SECONDS = 10.0
UNSTORED_SECONDS = 15.0
"""How long headquarters' server stores nothing before that is a problem. A cluster elects a leader within 9 seconds."""


class IdentityChanged(Exception):
    """Raised if the centre's store (database) has a new identity, as after a restore from a backup.

    The upload of its outbox (results to send) then begins again.
    """


class OutboxUpload:
    """The upload of the outbox (results to send) to headquarters, with reports to the dialler of which rows it may
    delete.
    """

    def __init__(
        self, centre: str, session: Session, dialler: DiallerCommands, reading: UplinkReader, clock: Clock
    ) -> None:
        self._centre = centre
        self._session = session
        self._dialler = dialler
        self._reading = reading
        self._clock = clock
        self._schedule: BatchSchedule | None = None
        self._incarnation = self._run = ""  # of the store
        self._problem = ""
        self._unstored_since: float | None = None  # monotonic
        self._server_problem = ""
        self._reported: dict[str, object] = {}
        self._has_reported_problem = True  # the last run may have
        self._report_again_at = 0.0
        self._clock_ahead = 0.0
        self._ack_received = asyncio.Event()
        self._report_due = asyncio.Event()

    async def send_results_until_cancelled(self) -> None:
        """Send the outbox (results to send) to headquarters until cancelled."""
        await self._session.subscribe_to_subject(
            build_acknowledgement_subject(self._centre), self._record_acknowledgement_of_headquarters
        )
        while True:
            await await_coroutine_in_own_task(self._upload_until_store_identity_changes())

    async def _upload_until_store_identity_changes(self) -> None:
        passed = await self._wait_until_outbox_is_used()
        identity = await self._reading.read_store_identity()
        self._incarnation, self._run = identity.incarnation, identity.run
        self._schedule = schedule = BatchSchedule(self._centre, passed, random.SystemRandom())
        self._report_due.set()  # an acknowledgement may not have been reported before the last stop
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send_batches(schedule), name="uplink-send-batches")
                group.create_task(self._report_acknowledgements_to_dialler(schedule), name="uplink-report-acks")
                group.create_task(self._publish_store_status(), name="uplink-store-status")
                group.create_task(self._report_problems_repeatedly(), name="uplink-report-problems")
        except* IdentityChanged:
            _log.warning("uplink.store_identity_changed")

    async def _wait_until_outbox_is_used(self) -> int:
        """Wait until a dialler with headquarters in its settings has run on this store, and so stores results in the
        outbox.

        Return the id of the last outbox row (result to send) that headquarters has acknowledged.
        """
        logged = False
        while (stored := await self._read_last_acknowledged_row_id()) is None:
            if not logged:
                _log.warning(
                    "uplink.outbox_awaited",
                    problem="no dialler with [headquarters] in its settings has used this store yet: start the dialler",
                )
                logged = True
            await asyncio.sleep(RETRY_SECONDS)
        return stored

    async def _read_last_acknowledged_row_id(self) -> int | None:
        return await self._reading.read_last_outbox_id_at_headquarters()

    async def _record_acknowledgement_of_headquarters(self, subject: str, data: bytes) -> None:
        try:
            ack = unpack_acknowledgement(data)
        except InvalidMessage as error:
            _log.warning("uplink.ack_rejected", problem=str(error))
            return
        schedule = self._schedule
        if schedule is None or ack.incarnation != self._incarnation or ack.run not in (None, self._run):
            return  # for another store, for a file, or for the time before the store was set back
        if ack.problem != self._problem:
            self._problem = ack.problem
            _log.warning("uplink.problem_reported", problem=ack.problem or "solved")
        if ack.at:
            self._update_clock_difference(ack, schedule)
        try:
            through = await self._determine_acknowledged_row_id(ack)
        except StoreError as error:
            _log.warning("uplink.ack_failed", problem=str(error))  # the batch is sent again
            return
        if through is None:
            schedule.record_refused_batch()
            return
        schedule.record_acknowledgement(through, self._clock.monotonic())
        self._ack_received.set()
        self._report_due.set()

    def _update_clock_difference(self, ack: Acknowledgement, schedule: BatchSchedule) -> None:
        """Update the estimate of how many seconds this centre's clock is ahead of headquarters' clock.

        An acknowledgement has headquarters' time, but may have been delayed. So it gives only a range for the
        difference. If the estimate is outside this range, it is set to the nearest value in it.
        """
        highest = self._clock.now() - ack.at
        lowest = highest - schedule.compute_max_acknowledgement_age(ack.through, self._clock.monotonic())
        self._clock_ahead = min(max(self._clock_ahead, lowest), highest)

    async def _determine_acknowledged_row_id(self, ack: Acknowledgement) -> int | None:
        """Return the id of the last outbox row (result to send) that headquarters has acknowledged, or None if it
        refused.

        The acknowledgement may show that the store was restored from an older copy. Then return `UNASSIGNED_ID`, an id
        that no row has. The dialler gives the store a new identity because of this id.
        """
        highest = await self._reading.read_highest_outbox_id()
        if ack.is_set_back or (ack.last_id is not None and ack.last_id > highest):
            return UNASSIGNED_ID  # not `last_id`: the store may assign that id before the dialler is notified
        return ack.through

    async def _send_batches(self, schedule: BatchSchedule) -> NoReturn:
        while True:
            self._ack_received.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(
                    schedule.get_next_send_time(self._clock.monotonic()) - self._clock.monotonic()
                ):
                    await self._ack_received.wait()
            try:
                await self._send_batch_if_due(schedule)
            except (StoreError, HeadquartersUnreachable) as error:
                _log.warning("uplink.send_failed", problem=str(error))
                await asyncio.sleep(RETRY_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311 - 300 centres must not retry at once

    async def _send_batch_if_due(self, schedule: BatchSchedule) -> None:
        now = self._clock.monotonic()
        if not self._session.is_connected:
            await asyncio.sleep(RETRY_SECONDS)
            return
        if now < schedule.get_next_send_time(now):
            return
        store = await self._read_store_identity()
        batch = schedule.get_batch_to_resend(now)
        if batch is None and not schedule.is_waiting_for_acknowledgement:
            rows = await self._reading.read_outbox_rows_after(schedule.acknowledged, MAX_BATCH_ROWS)
            batch = schedule.get_next_batch(rows, await self._read_last_acknowledged_row_id() or 0, now)
        if batch is None:
            return
        part, data = await asyncio.to_thread(pack_first_part_of_batch, replace(batch, store=store))
        if part.last < batch.last:
            schedule.shorten_unacknowledged_batch(part, now)
        try:
            await self._session.store_message(build_batch_subject(self._centre), data)
        except HeadquartersUnreachable as error:
            schedule.record_send_failure(self._clock.monotonic())
            self._record_failure_to_store_batch(error)
            raise
        self._unstored_since, self._server_problem = None, ""

    def _record_failure_to_store_batch(self, error: HeadquartersUnreachable) -> None:
        """Record that headquarters' nats-server is connected but did not store a batch of results.

        If this lasts for UNSTORED_SECONDS, the dialler shows an alert.
        """
        if not self._session.is_connected:
            self._unstored_since = None
            return
        now = self._clock.monotonic()
        if self._unstored_since is None:
            self._unstored_since = now
        if now - self._unstored_since >= UNSTORED_SECONDS:
            self._server_problem = f"{self._session.server_address}: {error}"[:400]

    async def _read_store_identity(self) -> SendingStore:
        """Return the identity of the store.

        Raises IdentityChanged if the store has another identity than when the upload began.
        """
        identity = await self._reading.read_store_identity()
        if identity.incarnation != self._incarnation:
            raise IdentityChanged
        self._run = identity.run
        return SendingStore(**asdict(identity))

    async def _publish_store_status(self) -> NoReturn:
        """Report to headquarters every few seconds that this store (database) is in use.

        So headquarters notices if a copy of the store is in use at the same time. Raises StoreError if the store was
        replaced.
        """
        while True:
            self._reading.refuse_replaced_store()
            status = StoreStatus(self._incarnation, self._clock.now(), self._server_problem)
            await self._session.publish_message(
                build_live_status_subject(self._centre, "store"), pack_store_status(status)
            )
            await asyncio.sleep(STATUS_SECONDS)

    async def _report_problems_repeatedly(self) -> NoReturn:
        while True:
            await self._report_problem_to_dialler()
            await asyncio.sleep(STATUS_SECONDS)

    async def _report_problem_to_dialler(self) -> None:
        """Report the upload's problems to the dialler, which shows them as alerts. Repeat an unchanged report each
        minute.

        Problems are a wrong clock, a server of headquarters that stores no results, and an error that headquarters has
        reported about this centre's store.
        """
        values = {
            "problem": self._problem[:400],
            "clock_ahead_seconds": round(self._clock_ahead),
            "server_problem": self._server_problem,
        }
        now = self._clock.monotonic()
        is_good = not (self._problem or self._server_problem) and abs(self._clock_ahead) < CLOCK_TOLERANCE_SECONDS
        if (values == self._reported and now < self._report_again_at) or (is_good and not self._has_reported_problem):
            return
        reply = await self._dialler.send_command_to_dialler("report-uplink", values)
        if reply is not None and reply.status == "done":
            self._reported, self._has_reported_problem = values, not is_good
            self._report_again_at = now + REPORT_AGAIN_SECONDS

    async def _report_acknowledgements_to_dialler(self, schedule: BatchSchedule) -> NoReturn:
        """Report each acknowledgement of headquarters to the dialler, and repeat it until the dialler has stored it."""
        while True:
            await self._report_due.wait()
            self._report_due.clear()
            if (problem := await self._report_acknowledgement_to_dialler(schedule.acknowledged)) is not None:
                _log.warning("uplink.ack_report_failed", problem=problem)
                self._report_due.set()
                await asyncio.sleep(RETRY_SECONDS)
            await asyncio.sleep(REPORT_SECONDS)

    async def _report_acknowledgement_to_dialler(self, through: int) -> str | None:
        """Report to the dialler the id of the last outbox row (result to send) that headquarters has stored.

        Return why the dialler has not recorded this id, or None if it has.
        """
        try:
            if await self._read_last_acknowledged_row_id() == through:
                return None
        except StoreError as error:
            return str(error)
        reply = await self._dialler.send_command_to_dialler("confirm-uplink", {"through": through})
        if reply is None:
            return "the dialler is unreachable"
        return None if reply.status == "done" else reply.text
