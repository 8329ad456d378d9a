"""A check of the manager user's permissions before the start, so that a missing one does not show on polling day.

Asterisk lists the actions that a user's `write` classes allow (ListCommands), but nothing about its `read` classes. So
each of those is tried: FullyBooted comes after a login with `system`, and a Local channel into our own dialplan causes
an event of `call` and one of `user`. Nobody is called, and Asterisk logs nothing.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress

from dialer.deploy.asterisk.agi_secret import agi_secret, dialplan_fingerprint
from dialer.domain.errors import OriginateRefused, PermissionMissing, SwitchError
from dialer.switch.asterisk.ami_client import READ_LINE, AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.ami_session import AmiLogin
from dialer.switch.asterisk.listing import check_dialplan
from dialer.switch.asterisk.places import CHECK_CONTEXT, origination

WRITE_LINE = "write = originate,call,reporting"
EVENT_SECONDS = 2.0
_WRITE_CLASSES = {
    "Originate": "originate",
    "Hangup": "call",
    "Redirect": "call",
    "CoreStatus": "reporting",
    "CoreShowChannels": "reporting",
    "Getvar": "reporting",
    "Status": "reporting",
}


async def check_permissions(login: AmiLogin) -> str:
    """Log in, check permissions and dialplan, and log out. Return Asterisk's banner.

    Raises PermissionMissing with the line of manager.conf to change, SwitchError for any other problem.
    """
    answered, reported = asyncio.Event(), asyncio.Event()
    probe = f"check-{uuid.uuid4()}"

    def on_event(message: AmiMessage) -> None:
        if message.action_id == probe:
            answered.set()
        elif message.event == "UserEvent" and message.get("Uniqueid") == probe:
            reported.set()

    async with AmiClient(
        login, on_event=on_event, keep_events=("FullyBooted", "OriginateResponse", "UserEvent")
    ) as client:
        allowed = await client.action("ListCommands")
        write = sorted({name for action, name in _WRITE_CLASSES.items() if not allowed.get(action)})
        if write:
            raise PermissionMissing(_missing(login.username, "write", write, WRITE_LINE))
        await client.booted()
        await run_check_extension(
            client, "sounds", probe
        )  # without sounds; fails at once where our dialplan is missing
        expected = (("call", answered), ("user", reported))
        with suppress(TimeoutError):
            async with asyncio.timeout(EVENT_SECONDS):
                await asyncio.gather(*(event.wait() for _, event in expected))
        read = [name for name, event in expected if not event.is_set()]
        if read:
            raise PermissionMissing(_missing(login.username, "read", read, READ_LINE))
        await check_dialplan(client, dialplan_fingerprint(agi_secret(login.secret)))
        return client.banner


async def run_check_extension(client: AmiClient, extension: str, channel_id: str, sounds: Sequence[str] = ()) -> None:
    """Run an extension of our dialplan's check context, on a channel with this id. Raises SwitchError."""
    fields = origination(
        f"Local/{extension}@{CHECK_CONTEXT}/n",
        f"ear-{channel_id}",  # Asterisk 22.10 confuses an id with one that begins with it
        CHECK_CONTEXT,
        "listen",
        ("OtherChannelId", channel_id),
        *(("Variable", f"SOUND_{number}={sound}") for number, sound in enumerate(sounds, 1)),
    )
    try:
        await client.action("Originate", fields, action_id=channel_id)
    except OriginateRefused as error:
        raise SwitchError(
            f"Asterisk's dialplan has no context {CHECK_CONTEXT}: install the files that `dialer asterisk render` writes"
        ) from error


def _missing(username: str, which: str, missing: list[str], line: str) -> str:
    classes = " and ".join(missing)
    return (
        f"manager user {username} lacks {classes} in its {which} classes: in manager.conf, section [{username}], "
        f"write the line `{line}`, then `manager reload`"
    )
