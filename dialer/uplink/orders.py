"""Deliver headquarters' orders (such as "stop all calls") to the dialler, and the dialler's replies to headquarters.

The dialler verifies each order with the leaders' public keys. The uplink does not check orders. At each start it reads
the stream of orders from the beginning, so that no stop is missed. The dialler knows which orders it has executed.
"""

from __future__ import annotations

import asyncio
import json
from typing import NoReturn

import structlog
from pydantic import ValidationError

from dialer.domain.cancelling import await_coroutine_in_own_task
from dialer.domain.clock import Clock
from dialer.domain.errors import CommandRefused
from dialer.domain.orders import HqOrder, OrderKind, SignedOrder, parse_order_text
from dialer.mqtt.dialler_client import Reply
from dialer.nats.messages import CMD, build_order_subject, build_reply_subject
from dialer.nats.session import Session, StoredMessage, StreamRecreated
from dialer.uplink.dialler import DiallerCommands, is_command_unanswered

_log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0


class OrderDelivery:
    """The delivery of headquarters' orders to the dialler.

    The orders are for this centre, for its zone (group of centres) or for all centres. Each of these addressees has its
    own NATS subject. Orders on one subject are delivered one after another. Orders on different subjects may contradict
    each other. Then the dialler compares their times.

    An order is resent until the dialler replies or the order expires. A stop never expires.
    """

    def __init__(self, centre: str, zone: str | None, session: Session, dialler: DiallerCommands, clock: Clock) -> None:
        """Prepare the delivery of orders to a centre.

        `zone` is the centre's group of centres, or None if it belongs to none.
        """
        self._centre = centre
        self._session = session
        self._dialler = dialler
        self._clock = clock
        addressees = ["all", f"centre:{centre}", *([] if zone is None else [f"zone:{zone}"])]
        self._subjects = [build_order_subject(each) for each in addressees]

    async def deliver_orders_until_cancelled(self) -> NoReturn:
        """Deliver headquarters' orders to the dialler until cancelled."""
        while True:
            try:
                await await_coroutine_in_own_task(self._deliver_orders_on_all_subjects())
            except* StreamRecreated as errors:
                _log.warning("order.stream_lost", problem=str(errors.exceptions[0]))

    async def _deliver_orders_on_all_subjects(self) -> None:
        async with asyncio.TaskGroup() as group:
            for subject in self._subjects:
                group.create_task(self._deliver_orders_on_subject(subject), name="uplink-read-orders")

    async def _deliver_orders_on_subject(self, subject: str) -> None:
        async for message in self._session.read_stream_messages(CMD, 0, subject):
            await self._deliver_order_in_message(message)

    async def _deliver_order_in_message(self, message: StoredMessage) -> None:
        try:
            signed = SignedOrder.model_validate_json(message.data)
            order = parse_order_text(signed.order)
        except (ValidationError, CommandRefused) as error:
            _log.warning("order.rejected", position=message.position, problem=type(error).__name__)
        else:
            await self._deliver_order_until_answered(signed, order)

    async def _deliver_order_until_answered(self, signed: SignedOrder, order: HqOrder) -> None:
        values = {"order": signed.order, "signatures": [each.model_dump() for each in signed.signatures]}
        while order.order is OrderKind.STOP_ALL or self._clock.now() < order.expires_at:
            reply = await self._dialler.send_command_to_dialler("headquarters-order", values)
            if reply is not None and not is_command_unanswered(reply):
                await self._publish_order_reply(order, reply)
                return
            _log.warning("order.delivery_failed", order=order.id, problem="the dialler or its broker is unreachable")
            await asyncio.sleep(RETRY_SECONDS)

    async def _publish_order_reply(self, order: HqOrder, reply: Reply) -> None:
        _log.info("order.delivered", order=order.id, status=reply.status)
        fields = {"centre": self._centre, "status": reply.status, "text": reply.text, "at": self._clock.now()}
        await self._session.publish_message(build_reply_subject(self._centre, order.id), json.dumps(fields).encode())
