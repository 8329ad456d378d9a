"""The way down: orders of headquarters to the dialler, and what became of each to headquarters.

The uplink is the carrier alone: the dialler holds every order against the leaders' keys itself. The stream of orders is read from
its beginning whenever the uplink starts, so that a stop that was ordered meanwhile is heard; the dialler knows what it has obeyed.
"""

from __future__ import annotations

import asyncio
import json

import structlog
from pydantic import ValidationError

from dialer.domain.clock import Clock
from dialer.domain.errors import CommandRefused
from dialer.domain.orders import HqOrder, SignedOrder, read_order
from dialer.mqtt.hearing import Reply
from dialer.nats.session import Session
from dialer.nats.wire import CMD, order_subject, reply_subject
from dialer.uplink.upwards import DiallerDoor

_log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0


class WayDown:
    """Carries orders, one after another: each until the dialler has answered, or it is valid no more."""

    def __init__(self, centre: str, zone: str | None, session: Session, door: DiallerDoor, clock: Clock) -> None:
        """`zone`: None: of no zone."""
        self._centre = centre
        self._session = session
        self._door = door
        self._clock = clock
        whom = ["all", f"centre:{centre}", *([] if zone is None else [f"zone:{zone}"])]
        self._subjects = [order_subject(each) for each in whom]

    async def run(self) -> None:
        """Carry until cancelled."""
        async for stored in self._session.consume(CMD, 0, self._subjects):
            try:
                signed = SignedOrder.model_validate_json(stored.data)
                order = read_order(signed.order)
            except (ValidationError, CommandRefused) as error:
                _log.warning("order.not-understood", position=stored.position, problem=type(error).__name__)
                continue
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
