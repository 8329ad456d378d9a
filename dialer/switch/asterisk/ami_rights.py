"""What the manager user may do and see: asked before the start, so that a missing right does not show on polling day.

Asterisk lists the actions that a user's `write` classes allow (ListCommands). Of the `read` classes it tells nothing, so each is
seen at work: FullyBooted comes after a login with `system`, and an Originate to an endpoint that there is not is answered by an
event with `call` (and by no call: no channel is ever made). `user` shows with the first voter alone.
"""

from __future__ import annotations

import asyncio
import uuid

from dialer.errors import OriginateRefused, PermissionMissing, SwitchError
from dialer.switch.asterisk.ami_client import AmiClient, AmiLogin
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.tracker import MESSAGE_CONTEXT

READ_LINE = "read = system,call,user"
WRITE_LINE = "write = originate,call,reporting"
SEEN_SECONDS = 2.0
NO_SUCH_ENDPOINT = "matdan-check"
_WRITE_RIGHTS = {
    "Originate": "originate",
    "Hangup": "call",
    "Redirect": "call",
    "CoreStatus": "reporting",
    "CoreShowChannels": "reporting",
    "ConfbridgeList": "reporting",
    "ConfbridgeListRooms": "reporting",
    "Getvar": "reporting",
    "Status": "reporting",
}


async def check_rights(login: AmiLogin) -> str:
    """Log in, see that everything we need is allowed, and out again; returns Asterisk's greeting.

    Raises PermissionMissing with the line of manager.conf to change, SwitchError for whatever else is wrong.
    """
    booted, answered = asyncio.Event(), asyncio.Event()
    probe = str(uuid.uuid4())

    def see(message: AmiMessage) -> None:
        if message.event == "FullyBooted":
            booted.set()
        elif message.action_id == probe:
            answered.set()

    async with AmiClient(login, on_event=see, keep_events=("FullyBooted", "OriginateResponse")) as client:
        allowed = await client.action("ListCommands")
        write = sorted({right for action, right in _WRITE_RIGHTS.items() if not allowed.get(action)})
        if write:
            raise PermissionMissing(_complaint(login.username, "write", write, WRITE_LINE))
        await _probe(client, probe)
        read = [
            right for right, seen in (("system", booted), ("call", answered)) if not await _comes(seen, SEEN_SECONDS)
        ]
        if read:
            raise PermissionMissing(_complaint(login.username, "read", read, READ_LINE))
        return client.banner


async def _probe(client: AmiClient, action_id: str) -> None:
    """Order a call to an endpoint that there is not: refused at once where our dialplan is missing, else answered by an event."""
    fields = [
        ("Channel", f"PJSIP/{NO_SUCH_ENDPOINT}"),
        ("Async", "true"),
        ("Context", MESSAGE_CONTEXT),
        ("Exten", "s"),
        ("Priority", "1"),
    ]
    try:
        await client.action("Originate", fields, action_id=action_id)
    except OriginateRefused as error:
        raise SwitchError(
            f"Asterisk's dialplan has no context {MESSAGE_CONTEXT}: install the files that `dialer asterisk render` writes"
        ) from error


async def _comes(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _complaint(username: str, which: str, missing: list[str], line: str) -> str:
    rights = " and ".join(missing)
    return (
        f"manager user {username} lacks {rights} in its {which} classes: in manager.conf, section [{username}], "
        f"write the line `{line}`, then `manager reload`"
    )
