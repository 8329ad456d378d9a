"""A lasting connection to the MQTT broker. It connects, subscribes, and reconnects after failures with increasing pauses."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace

import structlog

from dialer.domain.alerts import Alert, AlertKind, create_alert
from dialer.domain.backoff import Backoff
from dialer.domain.cancelling import await_coroutine_in_own_task
from dialer.domain.clock import Clock
from dialer.domain.dialler_name import DiallerName
from dialer.domain.errors import BrokerUnreachable, CentreIdTaken, StoreError, find_first_error_in_group
from dialer.mqtt import topics
from dialer.mqtt.client import BrokerSettings, MqttError, make_client_id
from dialer.mqtt.connection import Connection, connect_to_broker, describe_broker_failure
from dialer.mqtt.duplicate_dialler import refuse_duplicate_dialler

_log = structlog.get_logger(__name__)

STABLE_SECONDS = 10.0  # a connection that lasted this long resets the backoff


@dataclass(frozen=True, slots=True)
class LinkPurpose:
    """What one of the dialler's connections to the broker is for: the topic that it reads, and whether it publishes."""

    subscribed_topic: str
    alert: AlertKind  # while the connection is lost; its field is `problem`
    client_suffix: str = ""  # of the client id
    publishes: bool = True  # with a last will; False: it only reads, and acknowledges messages once they are stored


def make_main_connection_purpose(centre: str) -> LinkPurpose:
    """Return the purpose of the dialler's main connection, which publishes all messages and receives the commands."""
    return LinkPurpose(topics.build_topic_filter_for_commands(centre), AlertKind.BROKER_DOWN)


def make_opt_out_connection_purpose() -> LinkPurpose:
    """Return the purpose of the connection that only reads opt-outs of other centres.

    While an opt-out cannot be stored, all later messages on its connection wait. Commands must not wait, so they arrive
    on the main connection.
    """
    return LinkPurpose(
        topics.build_topic_filter_for_opt_outs(),
        AlertKind.OPT_OUTS_DISCONNECTED,
        client_suffix="-opt-outs",
        publishes=False,
    )


Serve = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Presence:
    """What a centre's dialler needs to connect to the broker and to show there that it is online."""

    centre: str
    settings: BrokerSettings
    clock: Clock
    chance: random.Random = field(default_factory=random.SystemRandom)  # so that 300 centres do not reconnect at once
    name: DiallerName | None = None  # of this dialler; None: do not check for a duplicate dialler of the centre
    home_assistant: bool = False  # whether to publish the discovery of Home Assistant


class BrokerLink:
    """A connection to the broker that is opened again whenever it is lost."""

    def __init__(
        self,
        presence: Presence,
        raise_alert: Callable[[Alert], None],
        purpose: LinkPurpose | None = None,
    ) -> None:
        """Create a link. Without a `purpose`, it is the dialler's main connection.

        `raise_alert` is called when the connection is lost, and when it is restored.
        """
        centre, settings = presence.centre, presence.settings
        self._presence = presence
        self._purpose = purpose or make_main_connection_purpose(centre)
        self._settings = replace(settings, client_id=f"{make_client_id(settings, centre)}{self._purpose.client_suffix}")
        self._centre = centre
        self._clock = presence.clock
        self._raise_alert = raise_alert
        self._backoff = Backoff(settings.backoff_first_seconds, settings.backoff_most_seconds)
        self._raised: dict[AlertKind, Alert] = {}
        self._connected_at: float | None = None  # monotonic; None: the present attempt has not connected yet
        self.is_connected = False

    async def keep_connected_until_stopped(self, serve: Serve, stop: asyncio.Event) -> None:
        """Connect to the broker and call `serve`, again after each failure, until `serve` returns or `stop` is set."""
        failures = 0
        while not stop.is_set():
            self._connected_at = None
            try:
                await await_coroutine_in_own_task(self._connect_and_serve_connection(serve, stop))
                return
            except* (MqttError, OSError) as errors:
                if not stop.is_set():
                    self._log_failure_and_raise_alert(
                        self._purpose.alert, describe_broker_failure(self._settings, find_first_error_in_group(errors))
                    )
            except* CentreIdTaken as errors:
                self._log_failure_and_raise_alert(AlertKind.CENTRE_ID_TAKEN, str(find_first_error_in_group(errors)))
            except* BrokerUnreachable as errors:
                if not stop.is_set():
                    self._log_failure_and_raise_alert(self._purpose.alert, str(find_first_error_in_group(errors)))
            except* StoreError as errors:
                self._log_failure_and_raise_alert(AlertKind.OUTBOX_HELD, str(find_first_error_in_group(errors)))
            finally:
                self.is_connected = False
            if stop.is_set():
                return
            lasted = 0.0 if self._connected_at is None else self._clock.monotonic() - self._connected_at
            failures = 1 if lasted >= STABLE_SECONDS else failures + 1
            await _sleep_until_retry_or_stop(
                self._backoff.calculate_seconds_until_next_attempt(failures, self._presence.chance), stop
            )

    async def _connect_and_serve_connection(self, serve: Serve, stop: asyncio.Event) -> None:
        if self._presence.name is not None:
            await refuse_duplicate_dialler(self._presence.settings, self._centre, self._presence.name)
        async with self._open_connection(stop) as connection:
            self._connected_at = self._clock.monotonic()
            self._record_established_connection()
            await serve(connection)

    @contextlib.asynccontextmanager
    async def _open_connection(self, stop: asyncio.Event) -> AsyncIterator[Connection]:
        will_at = self._clock.now() if self._purpose.publishes else None
        acks_when_stored = not self._purpose.publishes
        async with connect_to_broker(
            self._settings, self._centre, stop, will_at=will_at, acks_when_stored=acks_when_stored
        ) as connection:
            async with asyncio.timeout(self._settings.answer_seconds):
                await connection.client.subscribe_to_topic(self._purpose.subscribed_topic)
            yield connection

    def _record_established_connection(self) -> None:
        self.is_connected = True
        _log.info(
            "broker.connected", host=self._settings.host, port=self._settings.port, topic=self._purpose.subscribed_topic
        )
        for _, alert in sorted(self._raised.items()):
            self._raise_alert(replace(alert, at=self._clock.now(), cleared=True))
        self._raised.clear()

    def _log_failure_and_raise_alert(self, kind: AlertKind, problem: str) -> None:
        _log.warning("broker.lost", code=kind.value, problem=problem)
        if kind not in self._raised:
            alert = self._raised[kind] = create_alert(kind, self._clock.now(), problem=problem)
            self._raise_alert(alert)


async def _sleep_until_retry_or_stop(seconds: float, stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
