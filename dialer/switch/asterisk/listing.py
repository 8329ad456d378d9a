"""Queries to Asterisk: its channels, their variables, and the fingerprint of its dialplan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from dialer.deploy.asterisk.agi_secret import FINGERPRINT_VARIABLE
from dialer.domain.errors import SwitchError
from dialer.domain.model import AttemptId
from dialer.domain.newest_call import NewestCall, parse_newest_call
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.places import (
    AGENT_CONTEXT,
    CHECK_CONTEXT,
    KEY_CONTEXT,
    VOTERS_CONTEXTS,
    is_attempt_id,
    is_third_party_channel,
)
from dialer.switch.asterisk.tracking.channels import LiveChannel

ATTEMPT_VARIABLE: Final = "MATDAN_ATTEMPT"  # channel variable of an inbound call: the attempt's id
_SEAT_VARIABLE: Final = "SPYGROUP"  # channel variable of an agent's phone: its seat's conference
_STATE_RINGING: Final = "5"
STATE_UP: Final = "6"


async def check_dialplan_fingerprint(client: AmiClient, fingerprint: str) -> None:
    """Raise SwitchError if Asterisk's dialplan was rendered from other settings or by an earlier version of the dialler,
    so that its fingerprint differs.

    The dialler would reject the FastAGI requests of such a dialplan, or send calls to extensions that it lacks.
    """
    found = (await client.send_action("Getvar", [("Variable", FINGERPRINT_VARIABLE)])).get("Value")
    if found != fingerprint:
        raise SwitchError(
            "Asterisk's dialplan does not match these settings or this version of the dialler, so its calls would fail: "
            "run `dialer asterisk render`, then `asterisk -rx 'core reload'`"
        )


async def read_newest_call_from_asterisk(client: AmiClient) -> NewestCall | None:
    """Return the newest call of this dialler that is recorded in Asterisk's database, or None if there is none.

    The dialler compares its store with this record: a store without the recorded call is an outdated copy or another
    store.

    Raises:
        SwitchError: Asterisk does not answer, or forbids it.
    """
    try:
        found = await client.send_list_action("DBGet", [("Family", "matdan"), ("Key", "newest-call")])
    except SwitchError as error:
        if "entry not found" in str(error):
            return None
        raise
    return parse_newest_call(found[0].get("Val") if found else "")


async def list_channels(client: AmiClient) -> list[LiveChannel]:
    """Return all channels of Asterisk. Raises SwitchError.

    After a key press, Asterisk 22.10 lists an agent's phone in a wrong context until somebody joins or leaves the
    conference. The seat of such a phone is read from a channel variable.
    """
    items = await client.send_list_action("CoreShowChannels")
    after_key = any(item.get("Context") == KEY_CONTEXT for item in items)
    seats = await _read_variable_of_each_channel(client, _SEAT_VARIABLE) if after_key else {}
    return [_parse_channel_in_ami_list(item, seats) for item in items]


def _parse_channel_in_ami_list(item: AmiMessage, seats: Mapping[str, str]) -> LiveChannel:
    unique_id, context, state = item.get("Uniqueid"), item.get("Context"), item.get("ChannelState")
    up, ringing = state == STATE_UP, state == _STATE_RINGING
    conference = item.get("ApplicationData").partition(",")[0] if item.get("Application") == "ConfBridge" else ""
    if context == KEY_CONTEXT:
        context, conference = AGENT_CONTEXT, seats.get(unique_id, "")
    return LiveChannel(unique_id, context, up, ringing, item.get("Exten"), conference, name=item.get("Channel"))


async def _read_variable_of_each_channel(client: AmiClient, name: str) -> dict[str, str]:
    """Return the value of a channel variable for every channel, by unique id. Raises SwitchError.

    If the variable is not set, the value is "" or Asterisk's placeholder.
    """
    return {
        item.get("Uniqueid"): next(
            (v.partition("=")[2] for v in item.get_all_values_of_field("Variable") if v.startswith(f"{name}=")), ""
        )
        for item in await client.send_list_action("Status", [("Variables", name)])
    }


async def list_redirected_channels(client: AmiClient, is_known: Callable[[str], bool]) -> list[str]:
    """Return the unique ids of channels that Asterisk created by itself to follow a SIP redirection (3xx).

    These are channels that the dialler has not created (`is_known` returns False), and that are being dialled, are
    Local channels, or are in a dialplan context for voters. Raises SwitchError.
    """
    return [
        item.get("Uniqueid")
        for item in await client.send_list_action("CoreShowChannels")
        if not is_known(item.get("Uniqueid"))
        and (
            item.get("Application") == "AppDial2"
            or (item.get("Channel").startswith("Local/") and f"@{CHECK_CONTEXT}-" not in item.get("Channel"))
            or item.get("Context") in VOTERS_CONTEXTS
        )
    ]


async def list_inbound_attempts(client: AmiClient, channels: Sequence[LiveChannel]) -> dict[str, AttemptId]:
    """Return the attempt (call record) of each inbound channel, by the channel's unique id.

    The dialler has stored the attempt's id in a channel variable.

    Raises:
        SwitchError: Asterisk does not answer.
    """
    inbound = {
        channel.unique_id
        for channel in channels
        if channel.context in VOTERS_CONTEXTS
        and not is_attempt_id(channel.unique_id)
        and not is_third_party_channel(channel.unique_id)
    }
    if not inbound:
        return {}
    values = await _read_variable_of_each_channel(client, ATTEMPT_VARIABLE)
    return {each: AttemptId(value) for each, value in values.items() if each in inbound and is_attempt_id(value)}
