"""The monitor: the engine's state and results out to the broker, supervisors' commands in. Dialling never waits for it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import aiomqtt
import structlog

from dialer.clock import Clock
from dialer.commands import Command
from dialer.dialler_name import DiallerName
from dialer.errors import StoreError
from dialer.monitor import topics
from dialer.monitor.broker_link import BrokerLink, BrokerSettings, Connection, Received, for_opt_outs
from dialer.monitor.commands import CommandDesk
from dialer.monitor.opt_outs import ForeignOptOut, OptOutDesk
from dialer.monitor.outbox import OutboxRelay
from dialer.monitor.publisher import Publisher
from dialer.monitor.senders import Senders
from dialer.monitor.twin import find_twin, taken_by
from dialer.store.port import Store
from dialer.view import Alert, CentreView, Change

_log = structlog.get_logger(__name__)

FAREWELL_SECONDS = 3.0  # for the last results and the goodbye; what is left stays in the outbox


class EnginePort(Protocol):
    """What the monitor needs of the engine."""

    @property
    def outbox_event(self) -> asyncio.Event:
        """Set whenever announcements were committed; the relay clears it."""
        ...

    def view(self) -> CentreView:
        """The centre at this moment."""
        ...

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call `callback` in the loop at each change, until the returned function is called."""
        ...

    async def execute(self, command: Command) -> str:
        """Do it; one line that says what was done. Raises CommandRefused where it cannot be done now."""
        ...


class Monitor:
    """Everything of a centre that goes over MQTT."""

    def __init__(
        self,
        centre: str,
        settings: BrokerSettings,
        engine: EnginePort,
        store: Store,
        clock: Clock,
        *,
        raise_alert: Callable[[Alert], None],
        senders: Senders,
        chance: random.Random | None = None,
        keep_opt_out: Callable[[ForeignOptOut], Awaitable[None]] | None = None,
        name: DiallerName | None = None,
    ) -> None:
        """`senders` may give commands, and nobody else; `raise_alert` hears that the broker is away ("broker-down",
        "opt-outs-unheard") and that it is back (the same code, cleared), and of commands too many or forged; `keep_opt_out`
        takes what other centres tell, where a secret is shared with them: over a connection of its own. A dialler with a `name`
        leaves the broker to another one that speaks for this centre already.
        """
        chance = chance or random.SystemRandom()
        self._engine = engine
        self._publisher = Publisher(engine.view, clock)
        self._relay = OutboxRelay(centre, store, engine.outbox_event)
        self._centre = centre
        self._desk = CommandDesk(
            *(store, clock, engine.execute, engine.outbox_event),
            centre=centre,
            senders=senders,
            raise_alert=raise_alert,
        )
        self._opt_outs = None if keep_opt_out is None else OptOutDesk(keep_opt_out)

        async def taken() -> str | None:
            twin = None if name is None else await find_twin(settings, centre, name)
            return None if twin is None else taken_by(twin, centre)

        self._link = BrokerLink(settings, centre, clock, raise_alert, chance, taken=taken)
        self._opt_outs_link = BrokerLink(settings, centre, clock, raise_alert, chance, for_opt_outs(), taken)
        # Has been on the connection for it; set too where they are not to be heard.
        self._hears_others = asyncio.Event()
        if keep_opt_out is None:
            self._hears_others.set()
        self._served_to_the_end = False

    @property
    def broker_up(self) -> bool:
        """Whether there is a connection now."""
        return self._link.up

    @property
    def served_to_the_end(self) -> bool:
        """Whether there was a connection when `run` was told to stop: it is gone because we closed it."""
        return self._served_to_the_end

    @property
    def relayed(self) -> int:
        """Announcements that the broker has acknowledged since the start."""
        return self._relay.relayed

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`; then the last results, the goodbye, and the connection is closed. A broker that is away, or goes,
        is met with an alert and another try, never with an exception.
        """
        unsubscribe = self._engine.subscribe(self._publisher.offer)
        try:
            async with asyncio.TaskGroup() as group:
                desks = [group.create_task(self._desk.run(), name="monitor-commands")]
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
                group.create_task(self._publisher.run(connection.publish), name="monitor-publisher"),
                group.create_task(self._relay.run(connection.publish), name="monitor-outbox"),
                group.create_task(self._leave_opt_outs(connection), name="monitor-leaves-opt-outs"),
            ]
            await stop.wait()
            self._served_to_the_end = True
            for task in tasks:
                task.cancel()
        await self._farewell(connection)

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
            self._desk.offer(sender, received.payload, retained=received.retained)
            if received.retained and received.payload:  # else it would be there at every connect to come
                await connection.publish(topics.Message(received.topic, "", 0, True))
        elif self._opt_outs is not None:
            await self._opt_outs.offer(received.topic, received.payload, received.kept)

    async def _farewell(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._relay.drain(connection.publish)
                await self._publisher.farewell(connection.publish)
        except* (aiomqtt.MqttError, StoreError, TimeoutError) as errors:
            _log.warning("monitor.farewell-cut-short", problem=str(errors.exceptions[0]))
