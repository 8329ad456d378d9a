"""What Asterisk tells when it is asked: what lives there at this moment, by its lists, and how calls ended that nobody saw end.

Of these it writes a file, with no number in it (cdr_custom.conf). A line is `unique id, disposition, start, answer, end, last
application, its data`: times in epoch seconds, the disposition as an Asterisk 22 numbers it (0 no answer, 2 failed, 4 busy,
8 answered, 16 congestion). A line is written when its call ends: one that a crash of Asterisk ended has none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from dialer.deploy.asterisk.agi_secret import MARK_VARIABLE
from dialer.domain.errors import SwitchError
from dialer.domain.model import AttemptId
from dialer.domain.switch import History, PastCall
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.places import (
    AGENT_CONTEXT,
    CHECK_CONTEXT,
    KEY_CONTEXT,
    VOTERS_CONTEXTS,
    is_attempt_id,
    is_party,
    seat_of,
)
from dialer.switch.asterisk.tracker import LiveChannel

ATTEMPT_VARIABLE = "MATDAN_ATTEMPT"
_SEAT_VARIABLE = "SPYGROUP"  # of an agent's phone: its seat's conference
_STATE_RINGING = "5"
STATE_UP = "6"
MOST_BYTES = 64 << 20  # of the file's end: some 700,000 calls
_ANSWERED = 8
_DIAL_STATUS = {0: "NOANSWER", 4: "BUSY", 16: "CONGESTION"}


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
    """Every channel that there is. Raises SwitchError.

    A phone whose agent has pressed a key stands at the key's last step in this list, on a real Asterisk 22.10 until somebody
    enters or leaves its conference: all that while it is in its seat, which its variable tells.
    """
    items = await client.action_list("CoreShowChannels")
    keyed = any(item.get("Context") == KEY_CONTEXT for item in items)
    seats = await _variables(client, _SEAT_VARIABLE) if keyed else {}
    return [_live_channel(item, seats) for item in items]


async def _variables(client: AmiClient, name: str) -> dict[str, str]:
    """A variable of every channel, by unique id; "" where it has none, or a word of Asterisk's for it. Raises SwitchError."""
    return {
        item.get("Uniqueid"): next((v.partition("=")[2] for v in item.all("Variable") if v.startswith(f"{name}=")), "")
        for item in await client.action_list("Status", [("Variables", name)])
    }


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
    values = await _variables(client, ATTEMPT_VARIABLE)
    return {each: AttemptId(value) for each, value in values.items() if each in foreign and is_attempt_id(value)}


def _live_channel(item: AmiMessage, seats: Mapping[str, str]) -> LiveChannel:
    unique_id, context, state = item.get("Uniqueid"), item.get("Context"), item.get("ChannelState")
    up, ringing = state == STATE_UP, state == _STATE_RINGING
    conference = item.get("ApplicationData").partition(",")[0] if item.get("Application") == "ConfBridge" else ""
    if context == KEY_CONTEXT:
        context, conference = AGENT_CONTEXT, seats.get(unique_id, "")
    return LiveChannel(unique_id, context, up, ringing, item.get("Exten"), conference, name=item.get("Channel"))


def read_history(file: Path, attempt_ids: Collection[AttemptId], up_seconds: float | None) -> History:
    """What the file, and the one that it was rotated from (`.1`), tell of these attempts. Blocks. A file that is not there tells
    nothing.
    """
    lines: list[str] = []
    for each in (file.with_name(f"{file.name}.1"), file):
        try:
            with each.open("rb") as opened:
                size = opened.seek(0, 2)
                opened.seek(max(0, size - MOST_BYTES))
                kept = opened.read(MOST_BYTES).decode("utf-8", errors="replace").splitlines()
        except OSError:
            continue
        lines += kept if size <= MOST_BYTES else kept[1:]
    return history_of(lines, attempt_ids, up_seconds)


def history_of(lines: Iterable[str], attempt_ids: Collection[AttemptId], up_seconds: float | None) -> History:
    """The same of lines. One that is cut short or damaged is passed over. Pure."""
    wanted = frozenset(attempt_ids)
    ended: dict[AttemptId, PastCall] = {}
    first_at: float | None = None
    for line in lines:
        fields = line.split(",")
        try:
            disposition, start, answer = int(fields[1]), float(fields[2]), float(fields[3])
        except (IndexError, ValueError):
            continue
        first_at = start if first_at is None else min(first_at, start)
        attempt_id = AttemptId(fields[0])
        if attempt_id not in wanted or len(fields) < 7:
            continue
        answered_at = answer if disposition == _ANSWERED else None
        seat = seat_of(fields[6]) if answered_at is not None and fields[5] == "ConfBridge" else None
        before = ended.get(attempt_id)
        if before is None or before.answered_at is None:
            ended[attempt_id] = PastCall(answered_at, _DIAL_STATUS.get(disposition), seat)
    return History(ended, first_at, up_seconds)
