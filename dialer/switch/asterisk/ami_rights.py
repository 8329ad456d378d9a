"""What the manager user may do and see: asked before the start, so that a missing right does not show on polling day.

Asterisk lists the actions that a user's `write` classes allow (ListCommands). Of the `read` classes it tells nothing, so each is
seen at work: FullyBooted comes after a login with `system`, and a Local channel into our own dialplan is answered by an event of
`call` and one of `user`. It calls nobody, and Asterisk logs nothing of it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress

from dialer.deploy.asterisk.agi_secret import agi_mark, agi_secret
from dialer.domain.errors import OriginateRefused, PermissionMissing, SwitchError
from dialer.switch.asterisk.ami_client import READ_LINE, AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.ami_session import AmiLogin
from dialer.switch.asterisk.listing import check_mark
from dialer.switch.asterisk.places import CHECK_CONTEXT, origination

WRITE_LINE = "write = originate,call,reporting"
SEEN_SECONDS = 2.0
_WRITE_RIGHTS = {
    "Originate": "originate",
    "Hangup": "call",
    "Redirect": "call",
    "CoreStatus": "reporting",
    "CoreShowChannels": "reporting",
    "Getvar": "reporting",
    "Status": "reporting",
}


async def check_rights(login: AmiLogin) -> str:
    """Log in, see that everything we need is allowed and that the dialplan is ours, and out again; returns Asterisk's greeting.

    Raises PermissionMissing with the line of manager.conf to change, SwitchError for whatever else is wrong.
    """
    answered, reported = asyncio.Event(), asyncio.Event()
    probe = f"check-{uuid.uuid4()}"

    def see(message: AmiMessage) -> None:
        if message.action_id == probe:
            answered.set()
        elif message.event == "UserEvent" and message.get("Uniqueid") == probe:
            reported.set()

    async with AmiClient(login, on_event=see, keep_events=("FullyBooted", "OriginateResponse", "UserEvent")) as client:
        allowed = await client.action("ListCommands")
        write = sorted({right for action, right in _WRITE_RIGHTS.items() if not allowed.get(action)})
        if write:
            raise PermissionMissing(_complaint(login.username, "write", write, WRITE_LINE))
        await client.booted()
        await ask_dialplan(client, "sounds", probe)  # for none: refused at once where our dialplan is missing
        seen = (("call", answered), ("user", reported))
        with suppress(TimeoutError):
            async with asyncio.timeout(SEEN_SECONDS):
                await asyncio.gather(*(event.wait() for _, event in seen))
        read = [right for right, event in seen if not event.is_set()]
        if read:
            raise PermissionMissing(_complaint(login.username, "read", read, READ_LINE))
        await check_mark(client, agi_mark(agi_secret(login.secret)))
        return client.banner


async def ask_dialplan(client: AmiClient, extension: str, channel_id: str, sounds: Sequence[str] = ()) -> None:
    """Have Asterisk do what our dialplan has at an extension of its check; the events of it bear this id. Raises SwitchError."""
    fields = origination(
        f"Local/{extension}@{CHECK_CONTEXT}/n",
        f"ear-{channel_id}",  # 22.10 takes the beginning of another channel's id for that id
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


def _complaint(username: str, which: str, missing: list[str], line: str) -> str:
    rights = " and ".join(missing)
    return (
        f"manager user {username} lacks {rights} in its {which} classes: in manager.conf, section [{username}], "
        f"write the line `{line}`, then `manager reload`"
    )
