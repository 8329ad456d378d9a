"""Watch the trunks' SIP registrations with their carriers, and report the trunks that are not registered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from dialer.domain.errors import SwitchError, SwitchUnreachable
from dialer.domain.switch_events import SwitchEvent, UnregisteredTrunksListed
from dialer.switch.asterisk.ami_client import AmiClient

SETTLE_SECONDS: Final = 2.0  # after a start of Asterisk or an answer of a carrier; other answers may follow
LIST_SECONDS: Final = 60.0  # until the registrations are listed again without an event, which may be lost
REGISTERED: Final = "Registered"
_SECTION_END: Final = "-registration"  # of the section in pjsip.conf; the trunk's endpoint precedes it

_log = structlog.get_logger(__name__)


async def list_trunk_registrations(client: AmiClient) -> Mapping[str, str]:
    """Return the state of each trunk's registration, such as Registered or Rejected, by the trunk's endpoint.

    Raises SwitchError, also if Asterisk has not loaded the module for registrations.
    """
    # The list also contains the accounts' passwords, so only these two fields are used.
    listed = await client.send_list_action("PJSIPShowRegistrationsOutbound")
    return {
        each.get("ObjectName").removesuffix(_SECTION_END): each.get("Status")
        for each in listed
        if each.event_name == "OutboundRegistrationDetail"
    }


async def watch_trunk_registrations(
    client: AmiClient, server: str, changed: asyncio.Event, report: Callable[[list[SwitchEvent]], None]
) -> None:
    """Report which trunks are not registered with their carriers, at the start and after each change, until the AMI
    session ends.

    The caller sets `changed` when Asterisk reports a change. Asterisk's event does not name the trunk, so all
    registrations are listed again.
    """
    while True:
        changed.clear()
        await asyncio.sleep(SETTLE_SECONDS)
        try:
            states = await list_trunk_registrations(client)
        except SwitchUnreachable:
            return
        except SwitchError as error:  # no trunk registers, so Asterisk has not loaded the module
            _log.debug("registrations.not_listed", problem=str(error))
        else:
            unregistered = frozenset(endpoint for endpoint, state in states.items() if state != REGISTERED)
            report([UnregisteredTrunksListed(unregistered, server)])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LIST_SECONDS):
                await changed.wait()
