"""Check the permissions of the AMI user, so that a missing one is found before polling day.

Asterisk lists the actions that a user's `write` classes allow (ListCommands), but not the user's `read` classes. So an
event tests each `read` class. `FullyBooted` after the log-in tests `system`. Events of a Local channel into our own
dialplan test `call` and `user`. Nobody is called, and Asterisk logs nothing.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Sequence
from contextlib import suppress

from dialer.deploy.asterisk.agi_secret import compute_dialplan_fingerprint, derive_agi_secret
from dialer.domain.errors import OriginateRefused, PermissionMissing, SwitchError
from dialer.switch.asterisk.ami_client import READ_LINE, AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.ami_session import AmiLogin
from dialer.switch.asterisk.listing import check_dialplan_fingerprint
from dialer.switch.asterisk.places import CHECK_CONTEXT, make_originate_fields

WRITE_LINE = "write = originate,call,reporting"
EVENT_SECONDS = 2.0
_WRITE_CLASSES = {
    "Originate": "originate",
    "Hangup": "call",
    "Redirect": "call",
    "CoreStatus": "reporting",
    "CoreShowChannels": "reporting",
    "DBGet": "reporting",
    "Getvar": "reporting",
    "Status": "reporting",
}
LEAST_MANAGER_VERSION = 7  # of Asterisk 18
_MANAGER_VERSION = re.compile(r"/(\d{1,3})\.")


async def check_ami_permissions(login: AmiLogin) -> str:
    """Log in to Asterisk's manager, check the user's permissions and the dialplan, and log out. Return Asterisk's
    banner.

    Raises:
        PermissionMissing: a permission is missing. The text has the line of manager.conf to change.
        SwitchError: any other problem.
    """
    answered, reported = asyncio.Event(), asyncio.Event()
    probe = f"check-{uuid.uuid4()}"

    def record_permission_event(message: AmiMessage) -> None:
        if message.action_id == probe:
            answered.set()
        elif message.event_name == "UserEvent" and message.get("Uniqueid") == probe:
            reported.set()

    async with AmiClient(
        login,
        on_event=record_permission_event,
        wanted_events=("FullyBooted", "OriginateResponse", "UserEvent"),
    ) as client:
        refuse_outdated_asterisk(client.manager_banner)
        allowed = await client.send_action("ListCommands")
        write = sorted({name for action, name in _WRITE_CLASSES.items() if not allowed.get(action)})
        if write:
            raise PermissionMissing(_describe_missing_permissions(login.username, "write", write, WRITE_LINE))
        await client.wait_until_asterisk_booted()
        # Plays no sound. Fails at once if our dialplan is missing.
        await run_dialplan_check(client, "sounds", probe)
        expected = (("call", answered), ("user", reported))
        with suppress(TimeoutError):
            async with asyncio.timeout(EVENT_SECONDS):
                await asyncio.gather(*(event.wait() for _, event in expected))
        read = [name for name, event in expected if not event.is_set()]
        if read:
            raise PermissionMissing(_describe_missing_permissions(login.username, "read", read, READ_LINE))
        await check_dialplan_fingerprint(client, compute_dialplan_fingerprint(derive_agi_secret(login.secret)))
        return client.manager_banner


def refuse_outdated_asterisk(banner: str) -> None:
    """Raise SwitchError if the banner of Asterisk's manager names a version that the dialler does not support."""
    found = _MANAGER_VERSION.search(banner)
    if found is None or int(found[1]) < LEAST_MANAGER_VERSION:
        raise SwitchError(
            f"Asterisk's manager says {banner.strip()!r}: Asterisk 18 or newer is needed (manager version "
            f"{LEAST_MANAGER_VERSION}), update Asterisk"
        )


async def run_dialplan_check(client: AmiClient, extension: str, channel_id: str, sounds: Sequence[str] = ()) -> None:
    """Run a check in Asterisk's dialplan on a Local channel that calls nobody.

    `extension` is the check: an extension of the dialplan's check context. `sounds` are the sound files that the
    extension checks or plays.

    Raises:
        SwitchError: the dialplan has no check context, or Asterisk refused.
    """
    fields = make_originate_fields(
        f"Local/{extension}@{CHECK_CONTEXT}/n",
        f"ear-{channel_id}",  # not `channel_id` with a suffix: Asterisk 22.10 confuses an id with its own prefix
        CHECK_CONTEXT,
        "listen",
        ("OtherChannelId", channel_id),
        *(("Variable", f"SOUND_{number}={sound}") for number, sound in enumerate(sounds, 1)),
    )
    try:
        await client.send_action("Originate", fields, action_id=channel_id)
    except OriginateRefused as error:
        raise SwitchError(
            f"Asterisk's dialplan has no context {CHECK_CONTEXT}: install the files that `dialer asterisk render` writes"
        ) from error


def _describe_missing_permissions(username: str, which: str, missing: list[str], line: str) -> str:
    classes = " and ".join(missing)
    return (
        f"manager user {username} lacks {classes} in its {which} classes: in manager.conf, section [{username}], "
        f"write the line `{line}`, then run `manager reload`"
    )
