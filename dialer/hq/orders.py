"""Orders as headquarters gives them: written, signed by leaders, sent, and who has answered."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from dialer.domain import signing
from dialer.domain.errors import CommandRefused
from dialer.domain.orders import HqOrder, OrderKind, SignedOrder, read_order
from dialer.errors import MatdanError
from dialer.nats.messages import CMD, order_subject, reply_subject
from dialer.settings.headquarters import HqSettings

if TYPE_CHECKING:
    from dialer.nats.session import Session

MOST_STREAM_BYTES = 64 << 20
STANDS_SECONDS = 7 * 86_400.0 - 1
"""How long a stop and its end are valid: a centre that comes back within it hears them."""
USUAL_SECONDS = 3_600.0
READ_SECONDS = 3.0


class OrderNotGiven(MatdanError):
    """An order was not sent. The text says what it lacks."""


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """What became of an order in a centre."""

    centre: str
    status: str  # done, refused
    text: str
    at: float  # epoch seconds, the centre's


_ANSWER = TypeAdapter(OrderAnswer)


def new_order(kind: OrderKind, to: str, now: float, valid_seconds: float | None = None, **values: Any) -> HqOrder:
    """An order of this moment; `values` are its campaign and limits. Raises OrderNotGiven."""
    stands = kind is OrderKind.STOP_ALL or (kind is OrderKind.RESUME and values.get("campaign") is None)
    seconds = valid_seconds or (STANDS_SECONDS if stands else USUAL_SECONDS)
    made_at = round(now, 3)
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
        place = ".".join(str(step) for step in first["loc"])
        raise OrderNotGiven(f"{place}: {first['msg'].removeprefix('Value error, ')}".removeprefix(": ")) from error


def leaders_of(settings: HqSettings) -> dict[str, bytes]:
    """Everybody's public key, by name."""
    return {each.name: signing.read_public_key(each.key) for each in settings.leaders}


def leader_of(settings: HqSettings, private: bytes) -> str:
    """Whose key it is. Raises OrderNotGiven."""
    public = signing.public_key(private)
    for name, key in leaders_of(settings).items():
        if key == public:
            return name
    raise OrderNotGiven("the key is no leader's: [[leaders]] of headquarters' file names theirs")


def addressed(settings: HqSettings, order: HqOrder) -> list[str]:
    """The centres that an order is for. Raises OrderNotGiven where there are none."""
    found = sorted(each.id for each in settings.centres if order.is_for(each.id, each.zone))
    if not found:
        raise OrderNotGiven(f"{order.to} is no centre: [[centres]] of headquarters' file names them")
    return found


async def give_order(
    session: Session,
    signed: SignedOrder,
    order: HqOrder,
    centres: Collection[str],
    wait_seconds: float,
    told: Callable[[OrderAnswer], None] = lambda _: None,
) -> Mapping[str, OrderAnswer]:
    """Send an order, and the answers by centre, until all have answered or the time is over; who is not there is missing, and hears
    of it when it comes back, while the order is valid. Raises HeadquartersUnreachable where the order was not stored.
    """
    answers: dict[str, OrderAnswer] = {}
    complete = asyncio.Event()

    async def take(subject: str, data: bytes) -> None:
        try:
            answer = _ANSWER.validate_json(data)
        except ValidationError:
            return
        # The server lets each centre answer on its own subject alone.
        if subject == reply_subject(answer.centre, order.id) and answer.centre in centres:
            answers[answer.centre] = answer
            told(answer)
            if len(answers) == len(centres):
                complete.set()

    await session.subscribe(reply_subject("*", order.id), take)
    await session.ensure_stream(CMD, ["cmd.>"], max_bytes=MOST_STREAM_BYTES)
    await session.store(order_subject(order.to), signed.model_dump_json().encode())
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_seconds):
            await complete.wait()
    return answers


async def given_orders(session: Session, now: float) -> list[tuple[SignedOrder, HqOrder]]:
    """The orders that are valid still, the oldest first."""
    found: list[tuple[SignedOrder, HqOrder]] = []
    with suppress(TimeoutError):  # nothing was ever ordered
        async with asyncio.timeout(READ_SECONDS):
            async for stored in session.consume(CMD, 0):
                found += [(signed, order) for signed, order in read_orders(stored.data) if order.expires_at > now]
                if not stored.pending:
                    break
    return found


def read_orders(data: bytes) -> list[tuple[SignedOrder, HqOrder]]:
    """The order in a message of the stream; none where it is none of ours."""
    try:
        signed = SignedOrder.model_validate_json(data)
        return [(signed, read_order(signed.order))]
    except (ValidationError, CommandRefused):
        return []


def stopped_by_leaders(
    settings: HqSettings, orders: Collection[tuple[SignedOrder, HqOrder]], now: float
) -> frozenset[str]:
    """The centres that a leader has stopped, and two have not let go on since."""
    leaders, lawful = leaders_of(settings), list[HqOrder]()
    for signed, order in orders:
        whole = order.order is OrderKind.STOP_ALL or (order.order is OrderKind.RESUME and order.campaign is None)
        with suppress(CommandRefused):  # forged
            if whole and order.expires_at > now and len(signed.signers(leaders)) >= order.signatures_needed:
                lawful.append(order)
    lawful.sort(key=lambda order: order.made_at)
    last = {each.id: order.order for order in lawful for each in settings.centres if order.is_for(each.id, each.zone)}
    return frozenset(name for name, kind in last.items() if kind is OrderKind.STOP_ALL)


MOST_HEARD = 500
_MOST_ANSWER_BYTES = 16_384


class HeardOrders:
    """The orders that are valid, and what centres have answered since somebody listens: for who looks on, and orders nothing."""

    def __init__(self, zones: Mapping[str, str]) -> None:
        """`zones`: of each centre."""
        self._zones = zones
        self._orders: dict[str, HqOrder] = {}
        self._answers: dict[str, dict[str, OrderAnswer]] = {}

    def take_order(self, data: bytes, now: float) -> None:
        """An order of the stream. One that is none of ours, or over, changes nothing."""
        for _, order in read_orders(data):
            if order.expires_at > now and len(self._orders) < MOST_HEARD:
                self._orders[order.id] = order

    def take_answer(self, subject: str, data: bytes) -> None:
        """A centre's answer; to an order that is not known yet too."""
        if len(data) > _MOST_ANSWER_BYTES:
            return
        with suppress(ValidationError):
            answer = _ANSWER.validate_json(data)
            _, centre, order_id = subject.split(".", 2)
            if centre == answer.centre and (order_id in self._answers or len(self._answers) < MOST_HEARD):
                self._answers.setdefault(order_id, {})[centre] = answer

    def shown(self, now: float) -> dict[str, dict[str, Any]]:
        """Each order in each zone that it is for, by `order/ZONE/ID`: who has done it there, who refused, and who is missing."""
        self._orders = {name: order for name, order in self._orders.items() if order.expires_at > now}
        self._answers = {name: of for name, of in self._answers.items() if name in self._orders or not self._orders}
        found: dict[str, dict[str, Any]] = {}
        for order in self._orders.values():
            answers = self._answers.get(order.id, {})
            for zone in sorted({*self._zones.values()}):
                centres = sorted(name for name, its in self._zones.items() if its == zone and order.is_for(name, its))
                if not centres:
                    continue
                told = [answers[name] for name in centres if name in answers]
                found[f"order/{zone}/{order.id}"] = {
                    **order.model_dump(include={"id", "campaign", "to", "made_at", "expires_at"}),
                    "order": order.order.value,
                    "done": sum(each.status == "done" for each in told),
                    "refused": {each.centre: each.text[:300] for each in told if each.status != "done"},
                    "missing": [name for name in centres if name not in answers],
                }
        return found
