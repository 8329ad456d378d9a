"""One connection to the MQTT broker after another: connect, subscribe, serve, and back off when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

import structlog

from dialer.domain.backoff import Backoff
from dialer.domain.cancelling import cancellable
from dialer.domain.clock import Clock
from dialer.domain.dialler_name import DiallerName
from dialer.domain.errors import BrokerUnreachable, CentreIdTaken, StoreError
from dialer.domain.view import Alert, AlertLevel
from dialer.mqtt import topics
from dialer.mqtt.client import (
    BrokerSettings,
    Client,
    LogInRefused,
    MqttError,
    Received,
    SubscriptionRefused,
    client_id_of,
    make_client,
)
from dialer.mqtt.messages import Message
from dialer.mqtt.publisher import HEARTBEAT_SECONDS

_log = structlog.get_logger(__name__)

BROKER_DOWN = "broker-down"
CENTRE_ID_TAKEN = "centre-id-taken"
OUTBOX_HELD = "outbox-held"
OPT_OUTS_UNHEARD = "opt-outs-unheard"
STABLE_SECONDS = 10.0  # a connection that lasted this long was a good one: the next loss is met with a short wait again


@dataclass(frozen=True, slots=True)
class LinkPurpose:
    """What one of the dialler's connections is for."""

    listens_on: str  # a topic
    down: str  # code of the alert while it is lost
    meanwhile: str  # what becomes of it then
    client: str = ""  # end of its client id
    speaks: bool = True  # publishes, and leaves a last will; else it listens, and says of each message that it is kept


def for_commands(centre: str) -> LinkPurpose:
    """All that the dialler says, and commands."""
    meanwhile = "dialling goes on, results wait in the outbox"
    return LinkPurpose(topics.commands_filter(centre), BROKER_DOWN, meanwhile)


def for_opt_outs() -> LinkPurpose:
    """Opt-outs of other centres. On a connection of their own: the broker holds back what this centre cannot keep yet, and must
    not hold back commands with it.
    """
    meanwhile = "opt-outs of other centres wait there for an hour; after that exchange files of them"
    return LinkPurpose(topics.opt_outs_filter(), OPT_OUTS_UNHEARD, meanwhile, client="-opt-outs", speaks=False)


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection, subscribed to what it is for."""

    client: Client
    answer_seconds: float

    async def publish(self, message: Message) -> None:
        """Return when it is written (QoS 0) or acknowledged (QoS 1). Raises MqttError when the connection is lost and
        TimeoutError when the broker does not answer.
        """
        async with asyncio.timeout(self.answer_seconds):
            publishing = self.client.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)
            await cancellable(publishing)

    async def publish_all(self, messages: Sequence[Message]) -> None:
        """Publish them in their order, and return as `publish` does for the last. What is of QoS 0 before it is waited for by no
        timer and task of its own: it goes out in the same turn of the loop. Raises as `publish` does.
        """
        for place, message in enumerate(messages, 1):
            if message.qos == 0 and place < len(messages):
                self.client.write_soon(message)
            else:
                await self.publish(message)

    async def unsubscribe(self, topic: str) -> None:
        """Hear no more of a topic; harmless for one that was not heard. Raises as `publish` does."""
        async with asyncio.timeout(self.answer_seconds):
            await cancellable(self.client.unsubscribe(topic))

    async def read(self, take: Callable[[Received], Awaitable[None]]) -> None:
        """Hand every message to `take`, one after another, until cancelled or the connection is lost."""
        while True:
            await take(await self.client.next_message())


Serve = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Presence:
    """How a centre stands before its broker."""

    centre: str
    settings: BrokerSettings
    clock: Clock
    chance: random.Random = field(default_factory=random.SystemRandom)  # spreads the waits of 300 centres apart
    name: DiallerName | None = None  # of the dialler that speaks: it leaves the broker to another one of its centre
    home_assistant: bool = False  # Home Assistant is told what there is to see


class BrokerLink:
    """Keeps a connection open as long as it runs."""

    def __init__(
        self,
        presence: Presence,
        raise_alert: Callable[[Alert], None],
        purpose: LinkPurpose | None = None,
    ) -> None:
        """`raise_alert` hears when the broker goes and comes back; `purpose`: none is `for_commands`."""
        centre, settings = presence.centre, presence.settings
        self._presence = presence
        self._purpose = purpose or for_commands(centre)
        self._settings = replace(settings, client_id=f"{client_id_of(settings, centre)}{self._purpose.client}")
        self._centre = centre
        self._clock = presence.clock
        self._raise_alert = raise_alert
        self._backoff = Backoff(settings.backoff_first_seconds, settings.backoff_most_seconds)
        self._raised: set[str] = set()
        self.up = False

    async def run(self, serve: Serve, stop: asyncio.Event) -> None:
        """Connect and `serve`, again and again, until `serve` returns of itself or `stop` is set."""
        failures = 0
        while not stop.is_set():
            opened_at: float | None = None
            try:
                if self._presence.name is not None:
                    await refuse_twin(self._presence.settings, self._centre, self._presence.name)
                async with self._open(stop) as connection:
                    opened_at = self._clock.monotonic()
                    self._set_up()
                    await serve(connection)
                    return
            except* (MqttError, OSError) as lost:
                if not stop.is_set():
                    problem = describe_failure(self._settings, _first(lost))
                    self._set_down(self._purpose.down, f"{problem}; {self._purpose.meanwhile}")
            except* CentreIdTaken as other:
                self._set_down(CENTRE_ID_TAKEN, f"{_first(other)}; {self._purpose.meanwhile}")
            except* BrokerUnreachable as away:
                if not stop.is_set():
                    self._set_down(self._purpose.down, f"{_first(away)}; {self._purpose.meanwhile}")
            except* StoreError as held:
                self._set_down(OUTBOX_HELD, f"results wait in the outbox: {_first(held)}")
            finally:
                self.up = False
            if stop.is_set():
                return
            lasted = 0.0 if opened_at is None else self._clock.monotonic() - opened_at
            failures = 1 if lasted >= STABLE_SECONDS else failures + 1
            await _sleep_or_stop(self._backoff.seconds(failures, self._presence.chance), stop)

    @contextlib.asynccontextmanager
    async def _open(self, stop: asyncio.Event) -> AsyncIterator[Connection]:
        will_at = self._clock.now() if self._purpose.speaks else None
        keeps_first = not self._purpose.speaks
        async with _connected(
            self._settings, self._centre, stop, will_at=will_at, keeps_first=keeps_first
        ) as connection:
            async with asyncio.timeout(self._settings.answer_seconds):
                await connection.client.listen(self._purpose.listens_on)
            yield connection

    def _set_up(self) -> None:
        self.up = True
        _log.info(
            "broker.connected", host=self._settings.host, port=self._settings.port, topic=self._purpose.listens_on
        )
        for code in sorted(self._raised):
            self._raise_alert(Alert(code, AlertLevel.NOTICE, "the broker is back", self._clock.now(), cleared=True))
        self._raised.clear()

    def _set_down(self, code: str, text: str) -> None:
        _log.warning("broker.lost", code=code, problem=text)
        if code not in self._raised:
            self._raised.add(code)
            self._raise_alert(Alert(code, AlertLevel.WARNING, text, self._clock.now()))


@contextlib.asynccontextmanager
async def _connected(
    settings: BrokerSettings, centre: str, stop: asyncio.Event, *, will_at: float | None, keeps_first: bool = False
) -> AsyncIterator[Connection]:
    """A connection, with limits; a connect that failed, was stopped or cancelled half-way leaves no open socket."""
    seconds = settings.answer_seconds
    # Whether anybody listens: aiomqtt connects in a thread, which no stop can end, and this can be ended at any moment.
    async with _limit(seconds, stop):
        _, writer = await asyncio.open_connection(settings.host, settings.port)
        writer.close()
        await writer.wait_closed()
    client = make_client(settings, centre, will_at=will_at, keeps_first=keeps_first)
    try:
        async with _limit(seconds, stop):
            await client.__aenter__()
    except BaseException:
        client.give_up()
        raise
    try:
        yield Connection(client, seconds)
    except BaseException as error:
        async with asyncio.timeout(seconds):
            await client.__aexit__(type(error), error, error.__traceback__)
        raise
    async with asyncio.timeout(seconds):
        await client.__aexit__(None, None, None)


@contextlib.asynccontextmanager
async def _limit(seconds: float, stop: asyncio.Event) -> AsyncIterator[None]:
    """Raise TimeoutError inside after `seconds`, or as soon as `stop` is set."""

    async def hasten(deadline: asyncio.Timeout) -> None:
        await stop.wait()
        deadline.reschedule(asyncio.get_running_loop().time())

    async with asyncio.timeout(seconds) as deadline:
        watcher = asyncio.create_task(hasten(deadline), name="broker-stop")
        try:
            yield
        finally:
            watcher.cancel()


async def check_broker(settings: BrokerSettings, centre: str, at: float) -> None:
    """Connect once as the dialler does, and leave. Raises BrokerUnreachable with what to mend; for `dialer check`."""
    async with visiting(settings, centre, will_at=at):
        return


@contextlib.asynccontextmanager
async def visiting(settings: BrokerSettings, centre: str, *, will_at: float | None = None) -> AsyncIterator[Connection]:
    """A connection for the command line. `settings.client_id` must be nobody else's: the broker ends the older of two.

    Raises BrokerUnreachable with what to mend.
    """
    try:
        async with _connected(settings, centre, asyncio.Event(), will_at=will_at) as connection:
            yield connection
    except (MqttError, OSError) as error:
        raise BrokerUnreachable(describe_failure(settings, error)) from error


# Two diallers of one centre id would throw each other off the broker, again and again, and their results would be mixed. Whoever
# connects looks first, under a client id of its own, at what the broker holds of the centre's state: a dialler says there who it
# is, at least every ten seconds. One that is dead is silent, or the broker has published its last will.

HELD_SECONDS = 1.0  # a broker sends what it holds right after the subscription
ALIVE_SECONDS = HEARTBEAT_SECONDS + 5.0


async def refuse_twin(settings: BrokerSettings, centre: str, name: DiallerName) -> None:
    """Raise CentreIdTaken where another dialler, on another store than ours, speaks for the centre at this broker now,
    BrokerUnreachable where the broker does not answer. It takes 15 s at most, where one has left a state behind that nobody has
    taken back.
    """
    own = f"{name.store}-{name.process}-{uuid4().hex[:8]}"  # both of a dialler's connections look, at the same moment
    looking = replace(settings, client_id=f"{client_id_of(settings, centre)}-look-{own}")
    try:
        async with visiting(looking, centre) as connection:
            async with asyncio.timeout(settings.answer_seconds):
                await connection.client.subscribe(topics.CENTRE_STATE.address(centre), qos=1)
            held = await _next(connection, HELD_SECONDS)
            if held is None or held.store == name.store:
                return
            twin = await _next(connection, ALIVE_SECONDS)
    except TimeoutError:
        raise BrokerUnreachable(f"MQTT broker {settings.host}:{settings.port} does not answer") from None
    if twin is not None:
        raise CentreIdTaken(
            f"{twin} speaks for centre {centre} at this broker already: stop one of the two, or give this one a centre.id of"
            " its own"
        )


async def refuse_beside_twin(settings: BrokerSettings, centre: str, name: DiallerName) -> None:
    """The same for the start: a broker that is away stops nobody."""
    with contextlib.suppress(BrokerUnreachable):
        await refuse_twin(settings, centre, name)


async def _next(connection: Connection, seconds: float) -> DiallerName | None:
    """Whom the next state names; None: nobody, or none comes."""
    try:
        async with asyncio.timeout(seconds):
            message = await connection.client.next_message()
    except TimeoutError:
        return None
    try:
        state = json.loads(message.payload)
    except ValueError:
        return None
    if not isinstance(state, dict) or state.get("online") is not True:
        return None
    return DiallerName.read(str(state.get("dialler")))


def describe_failure(settings: BrokerSettings, error: BaseException) -> str:
    """One line: which broker, and why not."""
    where = f"MQTT broker {settings.host}:{settings.port}"
    if isinstance(error, LogInRefused):
        return f"{where} refused the log-in ({error}): check broker.username and broker.password, and that it speaks MQTT 5"
    if isinstance(error, SubscriptionRefused):
        return f"{where} {error}: let the dialler's user and client id read it in the broker's access list"
    if isinstance(error, TimeoutError):
        return f"{where} does not answer: check that it runs and that broker.host and broker.port are right"
    # By the number: asyncio's own text repeats the address, and a resolver's numbers are not the system's.
    reason = os.strerror(error.errno) if isinstance(error, ConnectionError) and error.errno else str(error)
    return f"{where} is not reachable ({reason}): check that it runs and that broker.host and broker.port are right"


async def _sleep_or_stop(seconds: float, stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first plain exception of a group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
