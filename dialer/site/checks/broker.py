"""The broker, as `dialer check` sees it: as the dialler, and as a stranger would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from config.errors import MatdanError
from config.fields import is_loopback
from config.settings import Settings
from config.supervision import OWN_USER
from config.words import SupervisorRole
from dialer.domain.clock import Clock
from dialer.mqtt.client import Visit, visit_blocking
from dialer.mqtt.link import check_broker
from dialer.site.checks.finding import Finding, bad, good, note
from dialer.site.plan import broker_settings

_RENDER = "`dialer mqtt render` writes a Mosquitto's files (docs/mqtt.md)"


async def broker(settings: Settings, clock: Clock) -> AsyncIterator[Finding]:
    """What the broker lets us do, and what it lets others do. Raises MatdanError, OSError."""
    ours = broker_settings(settings)
    # As somebody else than the dialler: the same client id twice would throw a running one off the broker.
    checking = replace(ours, client_id=f"dialler-check-{settings.centre.id}")
    try:
        await check_broker(checking, settings.centre.id, clock.now())
    except MatdanError as error:
        yield note("broker", f"{error}; dialling works without one, supervisors see nothing")
        return
    yield good("broker", f"an MQTT broker answers at {ours.host}:{ours.port}")
    if not settings.broker.tls and not is_loopback(settings.broker.host):
        text = (
            f"nothing is encrypted on the way to {ours.host}: passwords and commands can be read there; set broker.tls"
        )
        yield note("broker", text)
    if settings.broker.username is None and not _all_sign(settings):
        text = f"no command is obeyed but a signed one: the dialler has no user of its own there (broker.username); {_RENDER}"
        yield note("broker", text)
    centre, user = settings.centre.id, next((each.name for each in settings.supervisors), OWN_USER)
    stranger = replace(ours, username=None, password=None)
    yield _of_strangers(settings, await asyncio.to_thread(visit_blocking, stranger, centre, user))
    as_ourselves = await asyncio.to_thread(visit_blocking, ours, centre, user, knocks_only=True)
    if as_ourselves.connected and as_ourselves.most_bytes is None:
        text = (
            f"it takes messages of any length: whoever may publish can fill its memory; set max_packet_size; {_RENDER}"
        )
        yield note("broker", text)


def _of_strangers(settings: Settings, stranger: Visit) -> Finding:
    if stranger.may_command and not _all_sign(settings) and settings.broker.username is not None:
        text = f"it lets strangers publish commands: whoever reaches it can stop the centre, and mark voters; {_RENDER}"
        return bad("broker", text)
    if stranger.may_command:
        text = (
            f"it lets strangers publish commands; none is obeyed without a signature, and a flood costs time; {_RENDER}"
        )
        return note("broker", text)
    if stranger.may_read:
        return note("broker", f"it lets strangers read this centre's state; {_RENDER}")
    if stranger.connected:
        return note("broker", f"it lets strangers connect, though not publish commands; {_RENDER}")
    return good("broker", "it turns strangers away")


def _all_sign(settings: Settings) -> bool:
    """Whether everybody who may give commands must sign them, our own command line among them."""
    if settings.broker.signed_commands:
        return True
    may = [each for each in settings.supervisors if each.role is not SupervisorRole.VIEWER]
    return settings.broker.key_file is not None and all(each.key is not None for each in may)
