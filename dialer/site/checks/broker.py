"""The broker, as `dialer check` sees it: as the dialler, and as a stranger would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from config.errors import MatdanError
from config.help import OWN_USER, SupervisorRole
from config.mosquitto.render import is_loopback
from config.settings import Settings
from dialer.domain.clock import Clock
from dialer.mqtt import topics
from dialer.mqtt.link import BrokerSettings, check_broker
from dialer.site.checks.finding import Finding, Verdict
from dialer.site.plan import broker_settings

_ANSWER_SECONDS = 5.0
_FAILURE = 0x80  # and above: reason codes of a refusal
_RENDER = "`dialer mqtt render` writes a Mosquitto's files (docs/mqtt.md)"


async def broker(settings: Settings, clock: Clock) -> AsyncIterator[Finding]:
    """What the broker lets us do, and what it lets others do. Raises MatdanError, OSError."""
    ours = broker_settings(settings)
    # As somebody else than the dialler: the same client id twice would throw a running one off the broker.
    checking = replace(ours, client_id=f"dialler-check-{settings.centre.id}")
    try:
        await check_broker(checking, settings.centre.id, clock.now())
    except MatdanError as error:
        yield Finding("broker", Verdict.NOTE, f"{error}; dialling works without one, supervisors see nothing")
        return
    yield Finding("broker", Verdict.GOOD, f"an MQTT broker answers at {ours.host}:{ours.port}")
    if not settings.broker.tls and not is_loopback(settings.broker.host):
        text = (
            f"nothing is encrypted on the way to {ours.host}: passwords and commands can be read there; set broker.tls"
        )
        yield Finding("broker", Verdict.NOTE, text)
    if settings.broker.username is None and not _all_sign(settings):
        text = f"no command is obeyed but a signed one: the dialler has no user of its own there (broker.username); {_RENDER}"
        yield Finding("broker", Verdict.NOTE, text)
    yield _of_strangers(
        settings, await asyncio.to_thread(_visit, replace(ours, username=None, password=None), settings)
    )
    as_ourselves = await asyncio.to_thread(_visit, ours, settings, knocks_only=True)
    if as_ourselves.connected and as_ourselves.most_bytes is None:
        text = (
            f"it takes messages of any length: whoever may publish can fill its memory; set max_packet_size; {_RENDER}"
        )
        yield Finding("broker", Verdict.NOTE, text)


def _of_strangers(settings: Settings, stranger: _Visit) -> Finding:
    if stranger.may_command and not _all_sign(settings) and settings.broker.username is not None:
        text = f"it lets strangers publish commands: whoever reaches it can stop the centre, and mark voters; {_RENDER}"
        return Finding("broker", Verdict.BAD, text)
    if stranger.may_command:
        text = (
            f"it lets strangers publish commands; none is obeyed without a signature, and a flood costs time; {_RENDER}"
        )
        return Finding("broker", Verdict.NOTE, text)
    if stranger.may_read:
        return Finding("broker", Verdict.NOTE, f"it lets strangers read this centre's state; {_RENDER}")
    if stranger.connected:
        return Finding("broker", Verdict.NOTE, f"it lets strangers connect, though not publish commands; {_RENDER}")
    return Finding("broker", Verdict.GOOD, "it turns strangers away")


def _all_sign(settings: Settings) -> bool:
    """Whether everybody who may give commands must sign them, our own command line among them."""
    if settings.broker.signed_commands:
        return True
    may = [each for each in settings.supervisors if each.role is not SupervisorRole.VIEWER]
    return settings.broker.key_file is not None and all(each.key is not None for each in may)


@dataclass(slots=True)
class _Visit:
    """What a visitor was let do."""

    connected: bool = False
    may_command: bool = False
    may_read: bool = False
    most_bytes: int | None = None  # of a message, as far as the broker says (MQTT 5)
    ended: bool = False


def _visit(broker: BrokerSettings, settings: Settings, *, knocks_only: bool = False) -> _Visit:
    """Connect; then, unless we are to knock only, subscribe to the centre's state and publish an empty message where commands go,
    which is no command. What the broker acknowledges comes after what it had to send before. Blocks, for some seconds at most.
    """
    centre = settings.centre.id
    visit = _Visit()
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5, reconnect_on_failure=False)
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.password)
    if broker.tls is not None:
        client.tls_set_context(broker.tls)

    def connected(_: Client, __: object, ___: object, code: ReasonCode, properties: Properties | None) -> None:
        visit.connected = code.value < _FAILURE
        visit.most_bytes = getattr(properties, "MaximumPacketSize", None)
        visit.ended = knocks_only or not visit.connected
        if not visit.ended:
            client.subscribe(topics.CENTRE_STATE.address(centre), qos=1)

    def subscribed(*_: object) -> None:
        user = next((each.name for each in settings.supervisors), OWN_USER)
        client.publish(topics.commands_topic(centre, user), b"", qos=1)

    def heard(_: Client, __: object, ___: MQTTMessage) -> None:
        visit.may_read = True

    def published(_: Client, __: object, ___: int, code: ReasonCode, ____: object) -> None:
        visit.may_command = code.value < _FAILURE
        visit.ended = True

    client.on_connect, client.on_subscribe = connected, subscribed
    client.on_message, client.on_publish = heard, published
    try:
        client.connect(broker.host, broker.port, clean_start=True)
        until = time.monotonic() + _ANSWER_SECONDS
        while not visit.ended and time.monotonic() < until and client.loop(timeout=0.2) == 0:
            pass
    except OSError:
        return visit
    finally:
        client.disconnect()
        client.loop(timeout=0.1)
    return visit
