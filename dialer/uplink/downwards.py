"""The way down: orders of headquarters to the dialler, and material into the centre's folder; what became of each to headquarters.

Of orders the uplink is the carrier alone: the dialler holds every one against the leaders' keys itself. Their stream is read from
its beginning whenever the uplink starts, so that a stop that was ordered meanwhile is heard; the dialler knows what it has obeyed.
"""

from __future__ import annotations

import asyncio
import json
import random
from typing import NoReturn

import structlog
from pydantic import ValidationError

from dialer.domain.clock import Clock
from dialer.domain.errors import CommandRefused, HeadquartersUnreachable
from dialer.domain.orders import HqOrder, SignedOrder, read_order
from dialer.material.centre import CentreMaterial
from dialer.material.manifest import Manifest, MaterialRefused
from dialer.mqtt.hearing import Reply
from dialer.nats.session import MadeAnew, Session, Stored
from dialer.nats.wire import CMD, live_subject, order_subject, reply_subject
from dialer.uplink.upwards import DiallerDoor

_log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
LOOK_SECONDS = 20.0
"""Between looks at what headquarters publishes: a small file over HTTP, from each centre at a moment of its own."""
AT_ONCE = frozenset({"catalogue", "flows", "recordings", "scripts", "sounds", "texts"})
"""Folders of a bundle whose files count from the next call on; the others are read when the dialler starts."""
SETTINGS = frozenset({"campaigns", "profiles"})
"""Folders whose files are settings: the dialler reads those again, and says what it cannot change beside calls."""


class OrdersDown:
    """Carries orders to all, to the zone and to the centre, of each one after another: until the dialler has answered, or it is
    valid no more. Which of two came later the dialler knows by the orders themselves.
    """

    def __init__(self, centre: str, zone: str | None, session: Session, door: DiallerDoor, clock: Clock) -> None:
        """`zone`: None: of no zone."""
        self._centre = centre
        self._session = session
        self._door = door
        self._clock = clock
        whom = ["all", f"centre:{centre}", *([] if zone is None else [f"zone:{zone}"])]
        self._subjects = [order_subject(each) for each in whom]

    async def run(self) -> NoReturn:
        """Carry until cancelled."""
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    for subject in self._subjects:
                        group.create_task(self._read(subject), name="uplink-reads-orders")
            except* MadeAnew as lost:
                _log.warning("order.stream-lost", problem=str(lost.exceptions[0]))

    async def _read(self, subject: str) -> None:
        async for stored in self._session.consume(CMD, 0, subject):
            await self._take(stored)

    async def _take(self, stored: Stored) -> None:
        try:
            signed = SignedOrder.model_validate_json(stored.data)
            order = read_order(signed.order)
        except (ValidationError, CommandRefused) as error:
            _log.warning("order.not-understood", position=stored.position, problem=type(error).__name__)
        else:
            await self._carry(signed, order)

    async def _carry(self, signed: SignedOrder, order: HqOrder) -> None:
        values = {"order": signed.order, "signatures": [each.model_dump() for each in signed.signatures]}
        while self._clock.now() < order.expires_at:
            reply = await self._door.ask("headquarters-order", values)
            if reply is not None and reply.status != "unanswered":
                await self._answer(order, reply)
                return
            _log.warning("order.waits", order=order.id, problem="the dialler or its broker is away")
            await asyncio.sleep(RETRY_SECONDS)

    async def _answer(self, order: HqOrder, reply: Reply) -> None:
        _log.info("order.carried", order=order.id, status=reply.status)
        answer = {"centre": self._centre, "status": reply.status, "text": reply.text, "at": self._clock.now()}
        await self._session.say(reply_subject(self._centre, order.id), json.dumps(answer).encode())


class MaterialDown:
    """Has the centre run what headquarters wants it to, and says what it runs."""

    def __init__(
        self, centre: str, session: Session, door: DiallerDoor, material: CentreMaterial, clock: Clock
    ) -> None:
        """`material` is the centre's folder; what blocks runs in a thread."""
        self._centre = centre
        self._session = session
        self._door = door
        self._material = material
        self._clock = clock
        self._refused: tuple[str, str] | None = None  # a version that the dialler did not take, and why
        self._from_next_start = ""

    async def run(self) -> NoReturn:
        """Look and tell until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.7, 1.3))  # noqa: S311 - so that three hundred do not come at once

    async def look(self) -> None:
        """Take what is wanted and is not there yet; then say what runs."""
        wanted: Manifest | None = None
        trouble = ""
        try:
            wanted = await asyncio.to_thread(self._material.wanted)
            if wanted is not None:
                trouble = await self._take(wanted)
        except MaterialRefused as error:
            trouble = str(error)
        except HeadquartersUnreachable as error:
            _log.warning("material.not-reached", problem=str(error))
        if trouble:
            _log.warning("material.refused", problem=trouble)
        running = None
        try:
            running = await asyncio.to_thread(self._material.running)
        except MaterialRefused as error:
            trouble = trouble or str(error)
        said = {
            "running": None if running is None else running.label,
            "wanted": None if wanted is None else wanted.label,
            "trouble": trouble,
            "from_next_start": self._from_next_start,
            "at": self._clock.now(),
        }
        await self._session.say(live_subject(self._centre, "material"), json.dumps(said).encode())

    async def _take(self, wanted: Manifest) -> str:
        """Why the dialler does not run it; empty: it does. Raises MaterialRefused, HeadquartersUnreachable."""
        running = await asyncio.to_thread(self._material.running)
        if running is None or running.label != wanted.label:
            if self._refused is not None and self._refused[0] == wanted.label:
                return self._refused[1]
            if running is not None and (problem := await asyncio.to_thread(self._material.problem)) is not None:
                raise MaterialRefused(f"{wanted.label} waits until the centre's settings are right: {problem}")
            await asyncio.to_thread(self._material.fetch, wanted)
            await asyncio.to_thread(self._material.switch, wanted.label)
        elif not await asyncio.to_thread(self._material.untold):
            return ""
        if (problem := await asyncio.to_thread(self._material.problem)) is not None:
            return await self._take_back(wanted, problem)
        reply = await self._ask(wanted, "reload-flows")
        if reply is None:
            return ""
        if reply.status == "refused":  # it runs on with what it had
            return await self._take_back(wanted, reply.text)
        changed = _changed(await asyncio.to_thread(self._material.before), wanted)
        waits = sorted(changed - AT_ONCE - SETTINGS)
        if settings := sorted(changed & SETTINGS):
            read = await self._ask(wanted, "reload-settings")
            if read is None:
                return ""
            if read.status != "done":  # right as they are, and nothing to be changed beside calls
                waits.insert(0, f"{', '.join(settings)} ({read.text})")
        await asyncio.to_thread(self._material.told)
        _log.info("material.runs", version=wanted.label, dialler=reply.text)
        self._refused = None
        self._from_next_start = ", ".join(waits)
        await asyncio.to_thread(self._material.tidy)
        return ""

    async def _ask(self, wanted: Manifest, command: str) -> Reply | None:
        """What the dialler says; None: it is asked again."""
        reply = await self._door.ask(command, {})
        if reply is None or reply.status == "unanswered":
            _log.info("material.waits", version=wanted.label, problem="the dialler or its broker is away")
            return None
        return reply

    async def _take_back(self, wanted: Manifest, why: str) -> str:
        await asyncio.to_thread(self._material.take_back)
        self._refused = (wanted.label, f"{wanted.label} was taken back: {why}")
        return self._refused[1]


def _changed(before: Manifest | None, after: Manifest) -> set[str]:
    """The folders of a bundle in which something is another."""
    then = {} if before is None else before.files
    return {
        path.partition("/")[0] for path in then.keys() | after.files.keys() if then.get(path) != after.files.get(path)
    }
