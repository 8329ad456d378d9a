"""The dialler's traffic with the broker: state and results out, commands and opt-outs of other centres in.

Dialling never waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

import structlog

from dialer.domain.alerts import AlertKind, create_alert
from dialer.domain.errors import StoreError
from dialer.domain.other_centres import ForeignOptOut
from dialer.domain.view import CentreView, Change
from dialer.mqtt import topics
from dialer.mqtt.client import MqttError, Received
from dialer.mqtt.commands.gateway import CommandEngine, CommandGateway
from dialer.mqtt.commands.senders import Senders
from dialer.mqtt.connection import Connection
from dialer.mqtt.link import BrokerLink, Presence, for_opt_outs
from dialer.mqtt.messages import Message
from dialer.mqtt.outbox_relay import OutboxRelay
from dialer.mqtt.peer_opt_outs import PeerOptOuts
from dialer.mqtt.publisher import Publisher
from dialer.store.store import Store

_log = structlog.get_logger(__name__)

FAREWELL_SECONDS = 3.0  # for the last results and the farewell; what is left stays in the outbox


class EnginePort(CommandEngine, Protocol):
    """What the monitor needs of the engine."""

    def view(self) -> CentreView:
        """Return the centre at this moment."""
        ...

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call `callback` in the loop at each change, until the returned function is called."""
        ...

    async def take_opt_out(self, number_hash: str, *, at: float, centre: str) -> None:
        """Suppress a number that opted out in another centre. Raises StoreError where that was not stored."""
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
        reads_opt_outs: bool = False,
    ) -> None:
        """Accept commands of `senders` only. With `reads_opt_outs`, read the opt-outs of other centres on a second connection.

        Raises alerts in the engine: "broker-down" and "opt-outs-disconnected" while the broker is unreachable, and others when
        commands are forged or too many.
        """
        clock, centre = presence.clock, presence.centre
        self._engine = engine
        self._publisher = Publisher(engine.view, clock, home_assistant=presence.home_assistant)
        self._relay = OutboxRelay(
            centre,
            store,
            engine.outbox_event,
            lambda row, problem: engine.take_alert(
                create_alert(AlertKind.OUTBOX_UNSENDABLE, clock.now(), row=row, problem=problem)
            ),
        )
        self._centre = centre
        self._gateway = CommandGateway(engine, store, clock, senders, centre)
        self._opt_outs = PeerOptOuts(self._suppress) if reads_opt_outs else None
        self._link = BrokerLink(presence, engine.take_alert)
        self._opt_outs_link = BrokerLink(presence, engine.take_alert, for_opt_outs())
        # Set once the connection of opt-outs was open, and where none are read.
        self._reads_others = asyncio.Event()
        if not reads_opt_outs:
            self._reads_others.set()
        self.served_to_the_end = False
        """Whether there was a connection when `run` was told to stop, so that we closed it."""

    @property
    def broker_up(self) -> bool:
        """Whether there is a connection now."""
        return self._link.up

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`; then publish the last results and the farewell, and close the connection. A broker that cannot be
        reached raises an alert and is tried again; it never raises an exception.
        """
        unsubscribe = self._engine.subscribe(self._publisher.offer)
        try:
            async with asyncio.TaskGroup() as group:
                workers = [group.create_task(self._gateway.run(), name="monitor-commands")]
                if self._opt_outs is not None:
                    workers.append(group.create_task(self._opt_outs.run(), name="monitor-opt-outs"))
                    listening = self._opt_outs_link.run(lambda connection: self._listen(connection, stop), stop)
                    group.create_task(listening, name="monitor-other-centres")  # ends by itself
                await self._link.run(lambda connection: self._serve(connection, stop), stop)
                for worker in workers:
                    worker.cancel()
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

    async def _suppress(self, opt_out: ForeignOptOut) -> None:
        await self._engine.take_opt_out(opt_out.number_hash, at=opt_out.at, centre=opt_out.centre)

    async def _leave_opt_outs(self, connection: Connection) -> None:
        """Unsubscribe from opt-outs, which an earlier version read here in a session that outlives it. Only once their own
        connection works: a broker whose access list does not have that one yet may refuse it.
        """
        await self._reads_others.wait()
        await connection.unsubscribe(topics.opt_outs_filter())

    async def _listen(self, connection: Connection, stop: asyncio.Event) -> None:
        self._reads_others.set()
        async with asyncio.TaskGroup() as group:
            take = partial(self._take, connection)
            reader = group.create_task(connection.read(take), name="monitor-opt-outs-reader")
            await stop.wait()
            reader.cancel()

    async def _take(self, connection: Connection, received: Received) -> None:
        sender = topics.sender_of(self._centre, received.topic)
        if sender is not None:
            self._gateway.offer(sender, received.payload, retained=received.retained)
            if received.retained and received.payload:  # else it would come again at every connect
                await connection.publish(Message(received.topic, "", 0, True))
        elif self._opt_outs is not None:
            await self._opt_outs.offer(received.topic, received.payload, received.acknowledge)

    async def _farewell(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._relay.drain(connection.publish)
                await self._publisher.farewell(connection.publish)
        except* (MqttError, StoreError, TimeoutError) as errors:
            _log.warning("monitor.farewell_incomplete", problem=str(errors.exceptions[0]))
