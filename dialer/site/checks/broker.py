"""Checks of the MQTT broker before the centre dials: the dialler's own access, and access without an account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from dialer.domain.clock import Clock
from dialer.domain.enums import SupervisorRole
from dialer.domain.finding import Finding, make_error_finding, make_ok_finding, make_warning_finding
from dialer.domain.person_ids import OWN_USER
from dialer.errors import MatdanError
from dialer.mqtt.client import BrokerAccess, check_permissions_of_broker_account
from dialer.mqtt.connection import check_broker_connection
from dialer.settings.fields import is_loopback_host
from dialer.settings.site import Settings
from dialer.site.broker import get_broker_settings

_SUBJECT = "broker"
_RENDER = "use the Mosquitto configuration that `dialer mqtt render` writes (docs/how-to/mqtt.md)"


async def check_broker_access(settings: Settings, clock: Clock) -> AsyncIterator[Finding]:
    """Check the connection to the broker, its encryption, and what clients without a password may do.

    Raises MatdanError, OSError.
    """
    ours = get_broker_settings(settings)
    # A separate client ID, because the dialler's own would disconnect a running dialler from the broker.
    checking = replace(ours, client_id=f"dialler-check-{settings.centre.id}")
    try:
        await check_broker_connection(checking, settings.centre.id, clock.now())
    except MatdanError as problem:
        yield make_warning_finding(
            _SUBJECT, f"{problem}; the centre can dial without a broker, but supervisors get no data"
        )
        return
    yield make_ok_finding(_SUBJECT, f"an MQTT broker answers at {ours.host}:{ours.port}")
    if not settings.broker.tls and not is_loopback_host(settings.broker.host):
        text = f"the connection to {ours.host} is not encrypted: passwords and commands can be read in transit"
        yield make_warning_finding(_SUBJECT, text, "set broker.tls")
    if settings.broker.username is None and not _are_all_commands_signed(settings):
        text = (
            "the dialler has no user of its own at the broker (broker.username), so only signed commands are accepted"
        )
        yield make_warning_finding(_SUBJECT, text, _RENDER)
    centre, user = settings.centre.id, next((each.name for each in settings.supervisors), OWN_USER)
    stranger = replace(ours, username=None, password=None)
    yield _check_broker_access_without_account(
        settings, await asyncio.to_thread(check_permissions_of_broker_account, stranger, centre, user)
    )
    as_ourselves = await asyncio.to_thread(check_permissions_of_broker_account, ours, centre, user, connects_only=True)
    if as_ourselves.connected and as_ourselves.max_message_bytes is None:
        text = "the broker accepts messages of any size: any client that may publish can fill its memory"
        yield make_warning_finding(_SUBJECT, text, f"set max_packet_size; {_RENDER}")


def _check_broker_access_without_account(settings: Settings, stranger: BrokerAccess) -> Finding:
    if stranger.may_command and not _are_all_commands_signed(settings) and settings.broker.username is not None:
        text = "the broker accepts commands without a password: any client that reaches it can stop the centre and mark voters"
        return make_error_finding(_SUBJECT, text, _RENDER)
    if stranger.may_command:
        text = "the broker accepts messages without a password: unsigned commands are rejected, but a flood of them causes load"
        return make_warning_finding(_SUBJECT, text, _RENDER)
    if stranger.may_read:
        return make_warning_finding(_SUBJECT, "anybody can read this centre's state without a password", _RENDER)
    if stranger.connected:
        return make_warning_finding(
            _SUBJECT, "anybody can connect without a password, but not publish commands", _RENDER
        )
    return make_ok_finding(_SUBJECT, "the broker rejects connections without a password")


def _are_all_commands_signed(settings: Settings) -> bool:
    """Return whether all users who may send commands must sign them, including the dialler's command line."""
    if settings.broker.signed_commands:
        return True
    may_command = [each for each in settings.supervisors if each.role is not SupervisorRole.VIEWER]
    return settings.broker.key_file is not None and all(each.key is not None for each in may_command)
