"""Orders of headquarters to centres, such as "stop all calls": creating, sending and listing them, and centres' replies."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from dialer.domain import signing
from dialer.domain.errors import CommandRefused, HeadquartersUnreachable
from dialer.domain.orders import LONGEST_VALID_SECONDS, HqOrder, OrderKind, SignedOrder, parse_order_text
from dialer.errors import MatdanError
from dialer.hq.page_records import OrderReplies
from dialer.nats.messages import CMD, build_order_subject, build_reply_subject
from dialer.settings.headquarters import HqSettings

if TYPE_CHECKING:
    from dialer.nats.session import Session

MAX_ORDER_STREAM_BYTES = 64 << 20
STANDING_SECONDS = 7 * 86_400.0 - 1
"""How long stop-all, and the resume that ends it, are valid: a centre that reconnects within this time receives them."""
VALID_SECONDS = 3_600.0
"""How long other orders are valid."""
READ_TIMEOUT_SECONDS = 3.0


class OrderNotSent(MatdanError):
    """Raised if an order was not sent. The text of the error says what is missing or wrong."""


@dataclass(frozen=True, slots=True)
class OrderReply:
    """A centre's reply to an order."""

    centre: str
    status: str  # done, refused
    text: str
    at: float  # epoch seconds, by the centre's clock


_REPLY = TypeAdapter(OrderReply)


def create_order(
    kind: OrderKind, to: str, now: float, valid_seconds: float | None = None, *, after: float = 0.0, **values: Any
) -> HqOrder:
    """Return a new order, without signatures. `values` are the order's campaign and limits.

    `after` is the time of the newest signed order. The new order gets a later time. Raises OrderNotSent for values that
    this kind of order does not allow.
    """
    is_standing = kind is OrderKind.STOP_ALL or (kind is OrderKind.RESUME and values.get("campaign_id") is None)
    seconds = valid_seconds or (STANDING_SECONDS if is_standing else VALID_SECONDS)
    made_at = round(max(now, after + 0.001), 3)
    try:
        return HqOrder(
            id=f"{kind.value}-{int(made_at)}-{secrets.token_hex(4)}",
            to=to,
            order=kind,
            made_at=made_at,
            expires_at=made_at + seconds,
            **values,
        )
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = "".join(f"{step}: " for step in first["loc"])
        problem = f"{place}{first['msg'].removeprefix('Value error, ')}"
        raise OrderNotSent(f"the order was not created, because its values are invalid: {problem}") from error


def list_public_keys_of_leaders(settings: HqSettings) -> dict[str, bytes]:
    """Return the public key of each leader, by the leader's name."""
    return {each.name: signing.read_public_key(each.key) for each in settings.leaders}


def find_leader_by_key(settings: HqSettings, private_key: bytes) -> str:
    """Return the name of the leader who has this private key. Raises OrderNotSent if no leader has it."""
    public_key = signing.derive_public_key(private_key)
    for name, key in list_public_keys_of_leaders(settings).items():
        if key == public_key:
            return name
    raise OrderNotSent(
        "the signing key does not belong to a leader (a person who may sign orders): use the key of a leader, or "
        f"add {signing.format_public_key(public_key)} to [[leaders]] in headquarters' settings"
    )


def find_centres_addressed_by_order(settings: HqSettings, order: HqOrder) -> list[str]:
    """Return the centres that an order is for. Raises OrderNotSent if there are none."""
    centres = sorted(each.id for each in settings.centres if order.is_addressed_to_centre(each.id, each.zone))
    if not centres:
        raise OrderNotSent(
            f"the order was not sent, because no centre has the address {order.to}: choose a zone or centre of"
            " [[centres]] in headquarters' settings"
        )
    return centres


async def send_order(
    session: Session,
    signed: SignedOrder,
    order: HqOrder,
    centres: Collection[str],
    wait_seconds: float,
    on_reply: Callable[[OrderReply], None] = lambda _: None,
) -> Mapping[str, OrderReply]:
    """Send an order to the centres and wait for their replies. Return the replies by centre.

    The wait ends when all `centres` have replied, or after `wait_seconds`. A disconnected centre receives the order
    when it reconnects, if the order has not expired. Raises HeadquartersUnreachable if the server did not store the
    order.
    """
    replies: dict[str, OrderReply] = {}
    is_complete = asyncio.Event()

    async def record_latest_reply_of_centre(subject: str, data: bytes) -> None:
        try:
            reply = _REPLY.validate_json(data)
        except ValidationError:
            return
        # The server lets each centre reply on its own subject only.
        if subject == build_reply_subject(reply.centre, order.id) and reply.centre in centres:
            replies[reply.centre] = reply
            on_reply(reply)
            if len(replies) == len(centres):
                is_complete.set()

    await session.subscribe_to_subject(build_reply_subject("*", order.id), record_latest_reply_of_centre)
    await session.create_stream_if_missing(
        CMD, ["cmd.>"], max_bytes=MAX_ORDER_STREAM_BYTES, max_age_seconds=LONGEST_VALID_SECONDS
    )
    await session.store_message(build_order_subject(order.to), signed.model_dump_json().encode())
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_seconds):
            await is_complete.wait()
    return replies


async def find_time_of_newest_signed_order(session: Session, settings: HqSettings) -> float:
    """Return the time (`made_at`, epoch seconds) of the newest validly signed order in the stream, or 0 if there is
    none.
    """
    keys, last = list_public_keys_of_leaders(settings), 0.0
    for signed, order in await read_valid_orders(session, 0.0):
        with suppress(CommandRefused):  # a signature is forged
            if len(signed.find_order_signers(keys)) >= order.required_signature_count:
                last = max(last, order.made_at)
    return last


async def read_valid_orders(session: Session, now: float) -> list[tuple[SignedOrder, HqOrder]]:
    """Return the leaders' orders on nats-server that have not expired, the oldest first."""
    orders: list[tuple[SignedOrder, HqOrder]] = []
    with suppress(HeadquartersUnreachable):  # no order was ever sent
        state = await session.read_stream_state(CMD)
        if state.first > state.last:
            return []
    with suppress(TimeoutError):
        async with asyncio.timeout(READ_TIMEOUT_SECONDS):
            async for stored in session.read_stream_messages(CMD, 0):
                parsed = parse_order(stored.data)
                if parsed is not None and parsed[1].expires_at > now:
                    orders.append(parsed)
                if not stored.pending:
                    break
    return orders


def parse_order(data: bytes) -> tuple[SignedOrder, HqOrder] | None:
    """Return the order in a message of the stream, as signed text and as parsed order, or None if the message is
    invalid.
    """
    try:
        signed = SignedOrder.model_validate_json(data)
        return signed, parse_order_text(signed.order)
    except (ValidationError, CommandRefused):
        return None


def find_stopped_centres(
    settings: HqSettings, orders: Collection[tuple[SignedOrder, HqOrder]], now: float
) -> frozenset[str]:
    """Return the centres in which leaders have stopped all calls, and which no later order has allowed to resume.

    Only orders that have not expired, and have enough valid signatures, count.
    """
    keys, in_force = list_public_keys_of_leaders(settings), list[HqOrder]()
    for signed, order in orders:
        concerns_all = order.order is OrderKind.STOP_ALL or (
            order.order is OrderKind.RESUME and order.campaign_id is None
        )
        with suppress(CommandRefused):  # a signature is forged
            if (
                concerns_all
                and order.expires_at > now
                and len(signed.find_order_signers(keys)) >= order.required_signature_count
            ):
                in_force.append(order)
    in_force.sort(key=lambda order: order.made_at)
    last = {
        each.id: order.order
        for order in in_force
        for each in settings.centres
        if order.is_addressed_to_centre(each.id, each.zone)
    }
    return frozenset(name for name, kind in last.items() if kind is OrderKind.STOP_ALL)


MAX_MONITORED_ORDERS = 500
_MAX_REPLY_BYTES = 16_384


class OrderMonitor:
    """The valid orders and centres' replies, collected for headquarters' pages."""

    def __init__(self, zone_of_centre: Mapping[str, str]) -> None:
        self._zone_of_centre = zone_of_centre
        self._orders: dict[str, HqOrder] = {}
        self._replies: dict[str, dict[str, OrderReply]] = {}

    def record_order_from_stream(self, data: bytes, now: float) -> None:
        """Add an order from nats-server's stream of orders. An invalid or expired order is ignored."""
        parsed = parse_order(data)
        if parsed is None:
            return
        order = parsed[1]
        if order.expires_at > now and len(self._orders) < MAX_MONITORED_ORDERS:
            self._orders[order.id] = order

    def record_centre_reply(self, subject: str, data: bytes) -> None:
        """Add a centre's reply, which may arrive before its order. An invalid reply is ignored."""
        if len(data) > _MAX_REPLY_BYTES:
            return
        with suppress(ValidationError):
            reply = _REPLY.validate_json(data)
            _, centre, order_id = subject.split(".", 2)
            if centre == reply.centre and (order_id in self._replies or len(self._replies) < MAX_MONITORED_ORDERS):
                self._replies.setdefault(order_id, {})[centre] = reply

    def list_orders_for_page_state(self, now: float) -> dict[str, OrderReplies]:
        """Return the orders that headquarters' pages show, by the key `order/ZONE/ID`.

        An order has one entry for each zone whose centres it addresses. The entry lists which of these centres executed
        the order, refused it, or did not reply.
        """
        self._orders = {name: order for name, order in self._orders.items() if order.expires_at > now}
        self._replies = {name: of for name, of in self._replies.items() if name in self._orders or not self._orders}
        values: dict[str, OrderReplies] = {}
        for order in self._orders.values():
            replies_of_order = self._replies.get(order.id, {})
            for zone in sorted({*self._zone_of_centre.values()}):
                centres = sorted(
                    name
                    for name, its_zone in self._zone_of_centre.items()
                    if its_zone == zone and order.is_addressed_to_centre(name, its_zone)
                )
                if not centres:
                    continue
                replies = [replies_of_order[name] for name in centres if name in replies_of_order]
                values[f"order/{zone}/{order.id}"] = {
                    "id": order.id,
                    "order": order.order.value,
                    "campaign_id": order.campaign_id,
                    "to": order.to,
                    "made_at": order.made_at,
                    "expires_at": order.expires_at,
                    "done": sum(each.status == "done" for each in replies),
                    "refused": {each.centre: each.text[:300] for each in replies if each.status != "done"},
                    "missing": [name for name in centres if name not in replies_of_order],
                }
        return values
