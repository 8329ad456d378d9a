"""The way up: rows of the outbox to headquarters, and to the dialler up to where headquarters has them."""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass
from typing import Any, NoReturn
from uuid import uuid4

import structlog

from dialer.domain.clock import Clock
from dialer.domain.errors import HeadquartersUnreachable, StoreError
from dialer.mqtt.hearing import Hearing, Reply
from dialer.mqtt.senders import Signer
from dialer.nats.session import Session
from dialer.nats.wire import MOST_ROWS, NotOurs, kept_subject, pack, read_kept, up_subject
from dialer.store.headquarters import UplinkReading
from dialer.uplink.batches import Batches

_log = structlog.get_logger(__name__)

TELL_SECONDS = 5.0
"""The dialler is told not more often than this up to where headquarters has its rows: each time is a command, and its answer."""
RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class DiallerDoor:
    """The dialler, as its uplink asks it to do something: by commands, over the centre's broker."""

    hearing: Hearing
    user: str
    signer: Signer | None = None

    async def ask(self, name: str, values: dict[str, Any]) -> Reply | None:
        """What the dialler says of a command; None: the broker is away, and nothing was sent."""
        return await self.hearing.ask(self.user, f"uplink-{uuid4().hex}", name, values, self.signer)


class WayUp:
    """Joins the store's outbox, which is read beside the dialler, with headquarters' stream of batches."""

    def __init__(self, centre: str, session: Session, door: DiallerDoor, reading: UplinkReading, clock: Clock) -> None:
        """`reading` is this one's own, `door` tells the dialler what may go."""
        self._centre = centre
        self._session = session
        self._door = door
        self._reading = reading
        self._clock = clock
        self._looking = asyncio.Lock()  # the reading is used by one at a time
        self._batches: Batches | None = None
        self._answered = asyncio.Event()
        self._known = asyncio.Event()

    async def run(self) -> None:
        """Send, and tell the dialler, until cancelled."""
        self._batches = Batches(self._centre, await self._passed_so_far(), random.SystemRandom())
        self._known.set()  # what was answered before and not told
        await self._session.listen(kept_subject(self._centre), self._take_answer)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send(self._batches), name="uplink-sends")
            group.create_task(self._tell(self._batches), name="uplink-tells")

    async def _passed_so_far(self) -> int:
        """The store's cursor, as soon as a dialler has begun to keep its outbox for headquarters."""
        told = False
        while (passed := await self._passed()) is None:
            if not told:
                _log.warning(
                    "uplink.waits", problem="no dialler has run on this store with [headquarters] in its settings"
                )
                told = True
            await asyncio.sleep(RETRY_SECONDS)
        return passed

    async def _passed(self) -> int | None:
        async with self._looking:
            return await asyncio.to_thread(self._reading.passed)

    async def _take_answer(self, subject: str, data: bytes) -> None:
        if self._batches is None:
            return
        try:
            self._batches.answered(read_kept(data), self._clock.monotonic())
        except NotOurs as error:
            _log.warning("uplink.answer-not-understood", problem=str(error))
            return
        self._answered.set()
        self._known.set()

    async def _send(self, batches: Batches) -> NoReturn:
        while True:
            self._answered.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(batches.looks_at(self._clock.monotonic()) - self._clock.monotonic()):
                    await self._answered.wait()
            try:
                await self._step(batches)
            except (StoreError, HeadquartersUnreachable) as error:
                _log.warning("uplink.not-sent", problem=str(error))
                await asyncio.sleep(RETRY_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311 - so that three hundred do not come at once

    async def _step(self, batches: Batches) -> None:
        now = self._clock.monotonic()
        if not self._session.up or now < batches.looks_at(now):
            if not self._session.up:
                await asyncio.sleep(RETRY_SECONDS)
            return
        batch = batches.again(now)
        if batch is None and not batches.waits:
            async with self._looking:
                rows = await asyncio.to_thread(self._reading.after, batches.known, MOST_ROWS)
            batch = batches.make(rows, await self._passed() or 0, now)
        if batch is None:
            return
        try:
            await self._session.put(up_subject(self._centre), await asyncio.to_thread(pack, batch))
        except HeadquartersUnreachable:
            batches.not_stored(self._clock.monotonic())
            raise

    async def _tell(self, batches: Batches) -> NoReturn:
        """Tell the dialler up to where headquarters has its rows, until its store says so too."""
        while True:
            await self._known.wait()
            self._known.clear()
            if (problem := await self._told(batches.known)) is not None:
                _log.warning("uplink.not-told", problem=problem)
                self._known.set()
                await asyncio.sleep(RETRY_SECONDS)
            await asyncio.sleep(TELL_SECONDS)

    async def _told(self, through: int) -> str | None:
        """Why the dialler does not know it yet; None: it does."""
        try:
            if await self._passed() == through:
                return None
        except StoreError as error:
            return str(error)
        reply = await self._door.ask("uplink-kept", {"through": through})
        if reply is None:
            return "the dialler is away"
        return None if reply.status == "done" else reply.text
