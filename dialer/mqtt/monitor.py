"""The dialler's communication with the broker: it publishes state and results, and receives commands and other centres' opt-outs.

Dialling never waits for the broker.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import Protocol

import structlog

from dialer.domain.alerts import AlertKind, create_alert
from dialer.domain.errors import BrokerUnreachable, StoreError
from dialer.domain.newest_call import NewestCall
from dialer.domain.other_centres import PeerOptOutRecord
from dialer.domain.view import CampaignView, CentreView, Change
from dialer.mqtt import topics
from dialer.mqtt.client import MqttError, Received
from dialer.mqtt.commands.gateway import CommandEngine, CommandGateway
from dialer.mqtt.commands.senders import Senders
from dialer.mqtt.connection import Connection
from dialer.mqtt.link import BrokerLink, Presence, make_opt_out_connection_purpose
from dialer.mqtt.messages import Message
from dialer.mqtt.newest_call import NewestCallAtBroker
from dialer.mqtt.outbox_relay import OutboxRelay
from dialer.mqtt.peer_opt_outs import PeerOptOuts
from dialer.mqtt.publisher import Publisher
from dialer.mqtt.retained_seal import describe_missing_newest_signature
from dialer.store.store import Store

_log = structlog.get_logger(__name__)

FAREWELL_SECONDS = 3.0  # limit for the last messages; other results stay in the outbox


class EnginePort(CommandEngine, Protocol):
    """The functions of the dialler's engine that the connections to the broker need."""

    def make_centre_view(self) -> CentreView:
        """Return the present state of the centre (campaigns, seats, alerts), as the pages and the messages show it."""
        ...

    def make_campaign_view(self, campaign_id: str) -> CampaignView | None:
        """Return the present figures of a campaign, or None if the campaign no longer exists."""
        ...

    def subscribe_to_changes(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call `callback` in the event loop at each change of the engine's state. Return a function that unsubscribes."""
        ...

    async def check_that_store_has_newest_call(self, place: str, call: NewestCall) -> bool:
        """Return whether the store has the call that was placed last. If it has not, hold dialling.

        `call` is that call, as a record outside the store names it. `place` is where this record is, such as the
        broker. If the store lacks the call, it was restored from an old copy, or replaced.
        """
        ...

    async def import_opt_out_from_other_centre(self, number_hash: str, *, at: float, centre: str) -> None:
        """Store an opt-out of another centre, so that its number is not called any more.

        Raises StoreError if it was not stored.
        """
        ...


class Monitor:
    """The dialler's connections to the broker, and all messages that it sends and receives there."""

    def __init__(
        self,
        presence: Presence,
        engine: EnginePort,
        store: Store,
        senders: Senders,
        *,
        reads_opt_outs: bool = False,
    ) -> None:
        """Create a monitor that accepts commands of `senders` only.

        With `reads_opt_outs`, a second connection reads the opt-outs of other centres. Alerts are raised while the
        broker is unreachable, and for forged or too many commands.
        """
        clock, centre = presence.clock, presence.centre
        self._engine = engine
        self._publisher = Publisher(
            engine.make_centre_view, engine.make_campaign_view, clock, home_assistant=presence.home_assistant
        )
        self._relay = OutboxRelay(
            centre,
            store,
            engine.mqtt_message_stored_event,
            lambda row, problem: engine.raise_or_clear_alert(
                create_alert(AlertKind.OUTBOX_UNSENDABLE, clock.now(), row=row, problem=problem)
            ),
        )
        self._centre = centre
        self._presence = presence
        self._store = store
        self._is_seal_compared = False
        self._newest_call = NewestCallAtBroker(centre, engine.check_that_store_has_newest_call)
        self._gateway = CommandGateway(engine, store, clock, senders, centre)
        self._opt_outs = PeerOptOuts(self._import_opt_out_of_other_centre) if reads_opt_outs else None
        self._link = BrokerLink(presence, engine.raise_or_clear_alert)
        self._opt_outs_link = BrokerLink(presence, engine.raise_or_clear_alert, make_opt_out_connection_purpose())
        # Set once opt-outs are read on their own connection, or are not read at all.
        self._main_may_unsubscribe = asyncio.Event()
        if not reads_opt_outs:
            self._main_may_unsubscribe.set()
        self.closed_cleanly = False
        """Whether the monitor closed an open connection when it was stopped."""

    @property
    def is_connected_to_broker(self) -> bool:
        """Whether the dialler is connected to the broker."""
        return self._link.is_connected

    async def publish_and_receive_until_stopped(self, stop: asyncio.Event) -> None:
        """Publish state and results and receive commands until `stop` is set. Never raises.

        After `stop`, publish the last results and the final state, and disconnect. While the broker is unreachable an
        alert is raised, and the connection is retried.
        """
        with contextlib.ExitStack() as stack:
            for add_change in (self._publisher.add_change_to_publish, self._newest_call.record_placed_call):
                stack.callback(self._engine.subscribe_to_changes(add_change))
            async with asyncio.TaskGroup() as group:
                workers = [group.create_task(self._gateway.execute_commands_until_cancelled(), name="monitor-commands")]
                if self._opt_outs is not None:
                    workers.append(
                        group.create_task(self._opt_outs.store_opt_outs_until_cancelled(), name="monitor-opt-outs")
                    )
                    reading = self._opt_outs_link.keep_connected_until_stopped(
                        lambda connection: self._receive_opt_outs(connection, stop), stop
                    )
                    group.create_task(reading, name="monitor-other-centres")  # ends when `stop` is set
                await self._link.keep_connected_until_stopped(
                    lambda connection: self._publish_and_receive_on_connection(connection, stop), stop
                )
                for worker in workers:
                    worker.cancel()

    async def _publish_and_receive_on_connection(self, connection: Connection, stop: asyncio.Event) -> None:
        # First and alone: amqtt, the embedded broker, may hang if another connection subscribes while this one publishes.
        await self._compare_store_with_retained_signature()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    connection.handle_received_messages(partial(self._handle_broker_message, connection)),
                    name="monitor-reader",
                ),
                group.create_task(
                    self._publisher.publish_changes_until_cancelled(connection.publish_messages_in_order),
                    name="monitor-publisher",
                ),
                group.create_task(
                    self._relay.publish_outbox_until_cancelled(connection.publish_message), name="monitor-outbox"
                ),
                group.create_task(
                    self._newest_call.record_newest_calls_at_broker(connection), name="monitor-newest-call"
                ),
                group.create_task(self._publish_unstored_command_replies(connection), name="monitor-replies"),
                group.create_task(self._unsubscribe_from_opt_outs(connection), name="monitor-unsubscribe"),
            ]
            await stop.wait()
            self.closed_cleanly = True
            for task in tasks:
                task.cancel()
        await self._publish_last_messages(connection)

    async def _publish_unstored_command_replies(self, connection: Connection) -> None:
        while True:
            await connection.publish_message(await self._gateway.unstored_replies.get())

    async def _import_opt_out_of_other_centre(self, opt_out: PeerOptOutRecord) -> None:
        await self._engine.import_opt_out_from_other_centre(opt_out.number_hash, at=opt_out.at, centre=opt_out.centre)

    async def _compare_store_with_retained_signature(self) -> None:
        """Check once that the store has the newest log signature (seal) that the broker retains. If not, raise an
        alert.

        This must be done before the dialler publishes a newer signature, which replaces the retained one.
        """
        if self._is_seal_compared:
            return
        now = self._presence.clock.now()
        problem = await describe_missing_newest_signature(self._presence.settings, self._centre, self._store, now)
        if problem:
            _log.error("store.seal_missing", problem=problem)
            self._engine.raise_or_clear_alert(create_alert(AlertKind.SEAL_MISSING, now, problem=problem))
        self._is_seal_compared = True

    async def _unsubscribe_from_opt_outs(self, connection: Connection) -> None:
        """End a subscription to opt-outs on the main connection, which an earlier version of the dialler may have made.

        Opt-outs now have their own connection. First wait until that connection works: the broker may refuse it until
        its access list is updated.
        """
        await self._main_may_unsubscribe.wait()
        await connection.unsubscribe_from_topic(topics.build_topic_filter_for_opt_outs())

    async def _receive_opt_outs(self, connection: Connection, stop: asyncio.Event) -> None:
        self._main_may_unsubscribe.set()
        async with asyncio.TaskGroup() as group:
            handle = partial(self._handle_broker_message, connection)
            reader = group.create_task(connection.handle_received_messages(handle), name="monitor-opt-outs-reader")
            await stop.wait()
            reader.cancel()

    async def _handle_broker_message(self, connection: Connection, received: Received) -> None:
        sender = topics.get_sender_from_command_topic(self._centre, received.topic)
        if sender is not None:
            self._gateway.queue_command_message(sender, received.payload, retained=received.retained)
            if received.retained and received.payload:  # otherwise the broker would send it again at every connect
                await connection.publish_message(Message(received.topic, "", 0, True))
        elif not self._newest_call.receive_newest_call_message(received) and self._opt_outs is not None:
            await self._opt_outs.queue_opt_out_message(received.topic, received.payload, received.acknowledge)

    async def _publish_last_messages(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._compare_store_with_retained_signature()
                await self._relay.publish_waiting_outbox_rows(connection.publish_message)
                await self._publisher.publish_final_state_message(connection.publish_message)
        except* (BrokerUnreachable, MqttError, StoreError, TimeoutError) as errors:
            _log.warning("monitor.farewell_failed", problem=str(errors.exceptions[0]))
