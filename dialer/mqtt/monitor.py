"""The monitor: the engine's state and results out to the broker, supervisors' commands in. Dialling never waits for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

import structlog

from dialer.domain.errors import StoreError
from dialer.domain.other_centres import ForeignOptOut
from dialer.domain.person_ids import is_number_hash
from dialer.domain.view import Alert, AlertLevel, CentreView, Change
from dialer.engine.command.fields import MAX_EPOCH_SECONDS
from dialer.mqtt import topics
from dialer.mqtt.client import MqttError, Received
from dialer.mqtt.commands.gateway import CommandEngine, CommandGateway
from dialer.mqtt.commands.senders import Senders
from dialer.mqtt.link import BrokerLink, Connection, Presence, for_opt_outs
from dialer.mqtt.messages import Message, announced_message
from dialer.mqtt.publisher import Publish, Publisher
from dialer.store.outbox import OutboxRow
from dialer.store.store import Store

_log = structlog.get_logger(__name__)

# The relay of results: what the store committed with them goes to the broker, in order, until it has acknowledged it.

REST_SECONDS = 0.2  # between two looks: each costs a query and a commit, whether it finds one result or twenty
BATCH = 20  # as many as paho keeps in flight; the broker acknowledges them while the next ones are written


class OutboxRelay:
    """Store.outbox -> broker (QoS 1) -> Store.outbox_done."""

    def __init__(
        self, centre: str, store: Store, waiting: asyncio.Event, unsendable: Callable[[str], None] = lambda _: None
    ) -> None:
        """`waiting` is set by whoever commits announcements, and cleared here; the store is never polled. `unsendable` is told in
        words of a row that no client can send.
        """
        self._centre = centre
        self._store = store
        self._waiting = waiting
        self._unsendable = unsendable
        self.relayed = 0

    async def run(self, publish: Publish) -> None:
        """Relay until cancelled, or until `publish` or the store raises. What was not acknowledged stays in the outbox."""
        while True:
            self._waiting.clear()
            await self.drain(publish)
            await asyncio.sleep(REST_SECONDS)
            await self._waiting.wait()

    async def drain(self, publish: Publish) -> None:
        """Relay all that waits now."""
        while rows := await self._store.rows_for_broker(BATCH):
            async with asyncio.TaskGroup() as group:
                for row in rows:
                    # Tasks begin in the order of their creation, so the messages are written in the order of the outbox.
                    group.create_task(self._publish_row(row, publish), name=f"outbox-{row.outbox_id}")
            # The store drops up to an id: only after every row of the batch was acknowledged.
            await self._store.mark_published(rows[-1].outbox_id)
            self.relayed += len(rows)
            if len(rows) < BATCH and not self._waiting.is_set():  # nothing was committed since
                return

    async def _publish_row(self, row: OutboxRow, publish: Publish) -> None:
        """What no client can send (a topic too long, say) would stand first for ever, with all results behind it: it is let go, and
        said. What it announces is in the store's own rows.
        """
        try:
            await publish(announced_message(self._centre, row.topic, row.payload))
        except ValueError as error:
            _log.error("outbox.unsendable", outbox_id=row.outbox_id, problem=str(error))
            self._unsendable(f"a message could not be sent and was let go (outbox {row.outbox_id}): {error}")


# Opt-outs that other centres tell of: a number that opts out anywhere is suppressed everywhere. Who can make a hash has the
# shared secret, so a hash that fits a number of ours is its own proof; one that fits none changes nothing. A repeat changes
# nothing either: our own news come back to us on the same topic.

MAX_BYTES = 2048
WAITING_OPT_OUTS = 1_000  # who brings another one waits for room
KEPT_AT_ONCE = 200  # they share a commit; results of calls that come meanwhile wait for them
RETRY_SECONDS = 2.0


def parse_opt_out(topic: str, payload: bytes) -> ForeignOptOut | None:
    """Read a message on some centre's topic of opt-outs. None: it has no hash, or is none at all. Never raises."""
    centre = topic.split("/")[2] if topic.count("/") > 2 else ""
    if not centre or len(payload) > MAX_BYTES:
        return None
    try:
        fields = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    hashed, at = fields.get("number_hash"), fields.get("at")
    if not is_number_hash(hashed) or isinstance(at, bool) or not isinstance(at, int | float):
        return None
    if not 0 <= at <= MAX_EPOCH_SECONDS:
        return None
    return ForeignOptOut(str(hashed), float(at), centre[:64])


class OptOutDesk:
    """Keeps what other centres tell, all that waits at a time, whatever becomes of the connection meanwhile."""

    def __init__(self, keep: Callable[[ForeignOptOut], Awaitable[None]]) -> None:
        """`keep` suppresses the number; it raises StoreError where that was not kept. Many are kept at once, so that they share
        a commit.
        """
        self._keep = keep
        self._waiting: asyncio.Queue[tuple[ForeignOptOut | None, Callable[[], None]]] = asyncio.Queue(WAITING_OPT_OUTS)

    async def offer(self, topic: str, payload: bytes, kept: Callable[[], None] = lambda: None) -> None:
        """Take a message of the topic as soon as there is room for it; one that is none is passed over. `kept` is called once
        it is on disk, in the order of the messages.
        """
        await self._waiting.put((parse_opt_out(topic, payload), kept))

    async def run(self) -> None:
        """Keep them until cancelled; what the store cannot take now is tried again."""
        while True:
            group = [await self._waiting.get()]
            while len(group) < KEPT_AT_ONCE and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
            await self._keep_all([told for told, _ in group if told is not None])
            for _, kept in group:
                kept()

    async def _keep_all(self, told: Sequence[ForeignOptOut]) -> None:
        while told:
            async with asyncio.TaskGroup() as tasks:
                tries = [tasks.create_task(self._try(each), name="keep-opt-out") for each in told]
            troubles = [done.result() for done in tries]
            told = [each for each, trouble in zip(told, troubles, strict=True) if trouble is not None]
            if told:
                problem = next(str(trouble) for trouble in troubles if trouble is not None)
                _log.warning("opt-outs.wait", waiting=len(told), problem=problem)
                await asyncio.sleep(RETRY_SECONDS)

    async def _try(self, told: ForeignOptOut) -> StoreError | None:
        """Why it was not kept and may be later; None: it is kept, or nothing can be made of it."""
        try:
            await self._keep(told)
        except StoreError as error:
            return error
        except Exception:  # noqa: BLE001 - one message must never end the dialler; it is logged whole
            _log.exception("opt-out.failed", centre=told.centre)
        return None


FAREWELL_SECONDS = 3.0  # for the last results and the goodbye; what is left stays in the outbox


class EnginePort(CommandEngine, Protocol):
    """What the monitor needs of the engine."""

    def view(self) -> CentreView:
        """The centre at this moment."""
        ...

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call `callback` in the loop at each change, until the returned function is called."""
        ...

    async def take_opt_out(self, number_hash: str, *, at: float, centre: str) -> None:
        """Suppress a number that opted out in another centre. Raises StoreError where that was not kept."""
        ...


class Monitor:
    """Everything of a centre that goes over MQTT."""

    def __init__(
        self,
        presence: Presence,
        engine: EnginePort,
        store: Store,
        senders: Senders,
        *,
        hears_opt_outs: bool = False,
    ) -> None:
        """`senders` may give commands, and nobody else; the engine hears that the broker is away ("broker-down",
        "opt-outs-unheard") and that it is back (the same code, cleared), and of commands too many or forged; with
        `hears_opt_outs`, where a secret is shared with them, what other centres tell too: over a connection of its own.
        """
        clock, centre = presence.clock, presence.centre
        self._engine = engine
        self._publisher = Publisher(engine.view, clock, home_assistant=presence.home_assistant)
        self._relay = OutboxRelay(
            centre,
            store,
            engine.outbox_event,
            lambda text: engine.take_alert(Alert("outbox-unsendable", AlertLevel.WARNING, text, clock.now())),
        )
        self._centre = centre
        self._gateway = CommandGateway(engine, store, clock, senders, centre)
        self._opt_outs = OptOutDesk(self._keep_opt_out) if hears_opt_outs else None
        self._link = BrokerLink(presence, engine.take_alert)
        self._opt_outs_link = BrokerLink(presence, engine.take_alert, for_opt_outs())
        # Has been on the connection for it; set too where they are not to be heard.
        self._hears_others = asyncio.Event()
        if not hears_opt_outs:
            self._hears_others.set()
        self.served_to_the_end = False
        """Whether there was a connection when `run` was told to stop: it is gone because we closed it."""

    @property
    def broker_up(self) -> bool:
        """Whether there is a connection now."""
        return self._link.up

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`; then the last results, the goodbye, and the connection is closed. A broker that is away, or goes,
        is met with an alert and another try, never with an exception.
        """
        unsubscribe = self._engine.subscribe(self._publisher.offer)
        try:
            async with asyncio.TaskGroup() as group:
                desks = [group.create_task(self._gateway.run(), name="monitor-commands")]
                if self._opt_outs is not None:
                    desks.append(group.create_task(self._opt_outs.run(), name="monitor-opt-outs"))
                    listening = self._opt_outs_link.run(lambda connection: self._listen(connection, stop), stop)
                    group.create_task(listening, name="monitor-other-centres")  # ends of itself
                await self._link.run(lambda connection: self._serve(connection, stop), stop)
                for desk in desks:
                    desk.cancel()
        finally:
            unsubscribe()

    async def _serve(self, connection: Connection, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(connection.read(partial(self._take, connection)), name="monitor-reader"),
                group.create_task(self._publisher.run(connection.publish_all), name="monitor-publisher"),
                group.create_task(self._relay.run(connection.publish), name="monitor-outbox"),
                group.create_task(self._send_answers(connection), name="monitor-answers"),
                group.create_task(self._leave_opt_outs(connection), name="monitor-leaves-opt-outs"),
            ]
            await stop.wait()
            self.served_to_the_end = True
            for task in tasks:
                task.cancel()
        await self._farewell(connection)

    async def _send_answers(self, connection: Connection) -> None:
        while True:
            await connection.publish(await self._gateway.unstored_replies.get())

    async def _keep_opt_out(self, told: ForeignOptOut) -> None:
        await self._engine.take_opt_out(told.number_hash, at=told.at, centre=told.centre)

    async def _leave_opt_outs(self, connection: Connection) -> None:
        """An earlier version heard opt-outs here, and the session outlives it: heard on until the connection of their own is there,
        for a broker that was not told of that one may not let it listen.
        """
        await self._hears_others.wait()
        await connection.unsubscribe(topics.opt_outs_filter())

    async def _listen(self, connection: Connection, stop: asyncio.Event) -> None:
        self._hears_others.set()
        async with asyncio.TaskGroup() as group:
            take = partial(self._take, connection)
            reader = group.create_task(connection.read(take), name="monitor-opt-outs-reader")
            await stop.wait()
            reader.cancel()

    async def _take(self, connection: Connection, received: Received) -> None:
        sender = topics.sender_of(self._centre, received.topic)
        if sender is not None:
            self._gateway.offer(sender, received.payload, retained=received.retained)
            if received.retained and received.payload:  # else it would be there at every connect to come
                await connection.publish(Message(received.topic, "", 0, True))
        elif self._opt_outs is not None:
            await self._opt_outs.offer(received.topic, received.payload, received.kept)

    async def _farewell(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._relay.drain(connection.publish)
                await self._publisher.farewell(connection.publish)
        except* (MqttError, StoreError, TimeoutError) as errors:
            _log.warning("monitor.farewell-cut-short", problem=str(errors.exceptions[0]))
