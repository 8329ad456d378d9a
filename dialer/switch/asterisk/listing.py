"""What lives on Asterisk at this moment, read from its lists when a session begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from config.asterisk.agi_secret import MARK_VARIABLE
from dialer.domain.errors import SwitchError
from dialer.domain.model import AttemptId
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.places import CHECK_CONTEXT, VOTERS_CONTEXTS, is_attempt_id, is_party
from dialer.switch.asterisk.tracker import LiveChannel

ATTEMPT_VARIABLE = "MATDAN_ATTEMPT"
_STATE_RINGING = "5"
STATE_UP = "6"


async def check_mark(client: AmiClient, mark: str) -> None:
    """See that Asterisk runs the dialplan that these settings render: whoever serves another one's calls turns each away.

    Raises SwitchError.
    """
    found = (await client.action("Getvar", [("Variable", MARK_VARIABLE)])).get("Value")
    if found != mark:
        raise SwitchError(
            "Asterisk's dialplan is not the one that these settings render, and its calls would be turned away: run "
            "`dialer asterisk render`, then asterisk -rx 'core reload'"
        )


async def live_channels(client: AmiClient) -> list[LiveChannel]:
    """Every channel that there is. Raises SwitchError."""
    return [_live_channel(item) for item in await client.action_list("CoreShowChannels")]


async def redirected_channels(client: AmiClient, is_known: Callable[[str], bool]) -> list[str]:
    """Unique ids of the channels that Asterisk made by itself to call elsewhere: on their way out, Local, or, answered, among the
    voters, and none that `is_known` to be ours. Raises SwitchError.
    """
    return [
        item.get("Uniqueid")
        for item in await client.action_list("CoreShowChannels")
        if not is_known(item.get("Uniqueid"))
        and (
            item.get("Application") == "AppDial2"
            or (item.get("Channel").startswith("Local/") and f"@{CHECK_CONTEXT}-" not in item.get("Channel"))
            or item.get("Context") in VOTERS_CONTEXTS
        )
    ]


async def inbound_attempts(client: AmiClient, channels: Sequence[LiveChannel]) -> dict[str, AttemptId]:
    """The attempts of channels that came in, by unique id: each bears its attempt's id in a variable that we set.

    Raises SwitchError.
    """
    foreign = {
        channel.unique_id
        for channel in channels
        if channel.context in VOTERS_CONTEXTS
        and not is_attempt_id(channel.unique_id)
        and not is_party(channel.unique_id)
    }
    if not foreign:
        return {}
    found: dict[str, AttemptId] = {}
    for item in await client.action_list("Status", [("Variables", ATTEMPT_VARIABLE)]):
        value = next((v.partition("=")[2] for v in item.all("Variable") if v.startswith(f"{ATTEMPT_VARIABLE}=")), "")
        if item.get("Uniqueid") in foreign and is_attempt_id(value):
            found[item.get("Uniqueid")] = AttemptId(value)
    return found


def _live_channel(item: AmiMessage) -> LiveChannel:
    state = item.get("ChannelState")
    up, ringing = state == STATE_UP, state == _STATE_RINGING
    conference = item.get("ApplicationData").partition(",")[0] if item.get("Application") == "ConfBridge" else ""
    return LiveChannel(
        item.get("Uniqueid"), item.get("Context"), up, ringing, item.get("Exten"), conference, name=item.get("Channel")
    )
