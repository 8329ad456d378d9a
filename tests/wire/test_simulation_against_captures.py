"""The simulated Asterisk compared with captured sessions of a real one.

Each captured session is replayed: its client's actions are sent at their times to a simulated switch that runs the lab's
dialplan and whose voters act like the lab's phones. The events must be the same. Asterisk keeps their order per channel
only, and some neighbouring events appear in either order in the captures; events are therefore compared by channel, with
such neighbours sorted.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from dialer.deploy.asterisk.render import render_conferences
from dialer.simulation.asterisk.config import (
    LAB_USER,
    LEAST_PRIVILEGE_USER,
    ConferenceUser,
    PhoneMode,
    SeatPhone,
    SimulatedAsteriskConfig,
    SimulatedTrunk,
    make_seat_phones,
    parse_conference_users,
)
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour
from dialer.switch.asterisk.ami_codec import AmiDecoder, AmiMessage
from tests.support.virtual import virtual_time

_LEAST_PRIVILEGE_USER_OF_CAPTURES = replace(
    LEAST_PRIVILEGE_USER,
    events=tuple(name for name in LEAST_PRIVILEGE_USER.events if name != "DialBegin"),  # they are older than its filter
)

CAPTURES = Path(__file__).parent.parent / "captures"

LAB_DIALPLAN = """
[hold]
exten => s,1,Wait(3600)

[ivr]
exten => 5551,1,AGI(agi://${AGI_SERVER}/ivr?num=${EXTEN})

[voter-wait]
exten => 5551,1,UserEvent(VoterUp)
 same => n,Wait(1.5)
 same => n,Set(__ABANDONED=1)
 same => n,UserEvent(Abandoned)
 same => n,Playback(lab/abandoned)
 same => n,Hangup()

[nail-conf]
exten => 1001,1,Answer()
 same => n,Set(CONFBRIDGE(user,template)=agent_user)
 same => n,ConfBridge(ag-${EXTEN},agent_bridge,agent_user)
 same => n,Hangup()

[voter-conf]
exten => 1001,1,GotoIf($[${CONFBRIDGE_INFO(marked,ag-${EXTEN})} != 1]?abandon,s,1)
 same => n,GotoIf($[${CONFBRIDGE_INFO(parties,ag-${EXTEN})} > 1]?abandon,s,1)
 same => n,ConfBridge(ag-${EXTEN},agent_bridge,voter_user)
 same => n,GotoIf($["${CONFBRIDGE_RESULT}" = "ABANDON"]?abandon,s,1)
 same => n,Hangup()
"""

LAB_USERS = {"agent_user": ConferenceUser(marked=True), "voter_user": ConferenceUser(end_marked=True)}
VOTERS = {
    "answered-voter-hangs-up": Behaviour(answer_after=1.0, hang_up_after=2.0),
    "hangup-while-answered": Behaviour(answer_after=1.0),
    "hangup-while-ringing": Behaviour(fails_with=0),
    "busy": Behaviour(answer_after=1.0, fails_with=486),
    "declined-603": Behaviour(answer_after=1.0, fails_with=603),
    "unavailable-480": Behaviour(answer_after=1.0, fails_with=480),
    "invalid-404": Behaviour(fails_with=404, rings=False),
    "congestion-503": Behaviour(fails_with=503, rings=False),
    "no-answer-our-timeout": Behaviour(fails_with=0),
    "dead-trunk": Behaviour(),
    "unknown-endpoint": Behaviour(),
    "no-such-extension": Behaviour(),
    "permission-denied": Behaviour(),
    "login-refused": Behaviour(),
    "abandoned-no-dialler": Behaviour(answer_after=0.5),
    "agent-nailed-up-voter-connected-voter-leaves": Behaviour(answer_after=1.0, talk_seconds=4.0),
    "agent-nailed-up-voter-connected-least-privilege": Behaviour(answer_after=1.0, talk_seconds=4.0),
    "agent-drops-while-talking": Behaviour(answer_after=1.0),
    "ivr-one-digit": Behaviour(answer_after=1.0, keys=((1.0, "1"),)),
    "ivr-one-digit-least-privilege": Behaviour(answer_after=1.0, keys=((1.0, "1"),)),
    "ivr-two-digits": Behaviour(answer_after=1.0, keys=((1.0, "2"),)),
    "ivr-silent-caller": Behaviour(answer_after=1.0),
    "ivr-hangup-in-prompt": Behaviour(answer_after=1.0, hang_up_after=2.0),
    "resync-with-live-calls": Behaviour(answer_after=1.0, hang_up_after=7.0),
    "held-consulted-merged-handed-over": Behaviour(answer_after=1.0),
    "consult-busy-and-voter-back": Behaviour(answer_after=1.0),
    "listened-and-barged-in": Behaviour(answer_after=1.0),
}
OUR_DIALPLAN = frozenset({"held-consulted-merged-handed-over", "consult-busy-and-voter-back", "listened-and-barged-in"})
"""Captured with the rendered dialplan and conferences, with a supervisor's phone beside the agent's."""
RINGS_OUT = {"4000000000021": Behaviour(fails_with=0)}  # the second voter of resync-with-live-calls

UNORDERED = frozenset(
    {
        "ConfbridgeStart",
        "ConfbridgeEnd",
        "ConfbridgeJoin",
        "ConfbridgeLeave",
        "BridgeCreate",
        "BridgeDestroy",
        "BridgeEnter",
        "BridgeLeave",
        "HangupRequest",
        "VarSet:BRIDGEPEER",
        "VarSet:CONFBRIDGE_RESULT",
    }
)
"""Written by two threads of Asterisk, the channel's and the bridge's, so neighbouring events come in any order."""
RINGING = frozenset({"Newstate", "DialState"})


class Entry(NamedTuple):
    """A read or write on a connection of Asterisk, as it was captured."""

    t: float
    who: str
    data: str


def load_capture(name: str) -> list[Entry]:
    lines = (CAPTURES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [Entry(**json.loads(line)) for line in lines]


def parse_messages(text: str) -> list[AmiMessage]:
    decoder = AmiDecoder()
    return decoder.decode_bytes(text.encode())


class Replay:
    """A replay of a capture's AMI client and AGI server against a switch."""

    def __init__(self, name: str) -> None:
        self.entries = load_capture(name)
        self.received: list[str] = []  # one text per AMI connection
        self.agi_lines: list[str] = []
        self._uniqueids = dict(
            re.findall(
                r"\nChannel: (PJSIP/\w+-[0-9a-f]{8})\r\n(?:.+\r\n)*?Uniqueid: (\S+)",
                "".join(entry.data for entry in self.entries),
            )
        )
        self._writers: list[asyncio.StreamWriter] = []
        self._readers: list[asyncio.Task[None]] = []

    async def run(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for entry in self.entries:
            if entry.who == "asterisk-ami" and entry.data.startswith("Asterisk Call Manager"):
                await self._connect(port)
            elif entry.who == "client-ami":
                await asyncio.sleep(max(0.0, began + entry.t - loop.time()))
                if "Action: Logoff" in entry.data:  # whose answer was not recorded
                    self._writers.pop().close()
                else:
                    self._writers[-1].write(self._ours(entry.data).encode())
        await asyncio.gather(*self._readers)
        for writer in self._writers:  # of a session that Asterisk closed
            writer.close()

    def _ours(self, action: str) -> str:
        """Return an action with the captured channel's name replaced by its id, as names are numbered from
        each start.
        """
        return re.sub(
            r"(?m)^Channel: (PJSIP/[\w-]+)\r$", lambda m: f"Channel: {self._uniqueids.get(m[1], m[1])}\r", action
        )

    async def _connect(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        index = len(self.received)
        self.received.append("")
        self._writers.append(writer)

        async def read() -> None:
            while data := await reader.read(65_536):
                self.received[index] += data.decode()

        self._readers.append(asyncio.create_task(read()))

    async def serve_agi(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send the captured commands one by one, each after the reply to the previous one."""
        commands = [entry.data for entry in self.entries if entry.who == "server-agi"]
        while (line := (await reader.readline()).decode()) != "\n":
            self.agi_lines.append(line)
        self.agi_lines.append(line)
        for command in commands:
            writer.write(command.encode())
            while line := (await reader.readline()).decode():
                self.agi_lines.append(line)
                if line != "HANGUP\n":
                    break
        writer.close()


def make_label(event: AmiMessage) -> str:
    if event.event_name == "VarSet":
        return f"VarSet:{event.get('Variable').lstrip('_')}"
    return event.event_name


def sort_neighbours(labels: list[str]) -> list[str]:
    """Return events with neighbours sorted whose order varies."""
    ordered: list[str] = []
    run: list[str] = []
    for label in [*labels, ""]:
        group = UNORDERED if label in UNORDERED else RINGING if label in RINGING else None
        if run and (group is None or run[0] not in group):
            ordered += sorted(run)
            run = []
        if group is None:
            ordered.append(label)
        else:
            run.append(label)
    return ordered[:-1]


def group_labels_by_channel(text: str) -> dict[str, list[str]]:
    """Return the labels of all events in order, by channel. Events of a bridge, or without a channel, have separate keys.

    An OriginateResponse has no fixed position, so it is counted separately. RTP reports are ignored: no audio is sent.
    """
    out: dict[str, list[str]] = {}
    for message in parse_messages(text):
        name = message.event_name
        if not name or name == "RTCPSent":
            continue
        if name in ("OriginateResponse", "SuccessfulAuth"):
            key = name
        else:
            key = message.get("Uniqueid") or message.get("DestUniqueid") or message.get("BridgeName") or "none"
        out.setdefault(key, []).append(make_label(message))
    return {key: sort_neighbours(labels) for key, labels in out.items()}


def list_field_names(text: str) -> dict[str, set[tuple[str, ...]]]:
    """Return the sequences of field names of each kind of event and response."""
    out: dict[str, set[tuple[str, ...]]] = {}
    for message in parse_messages(text):
        if message.event_name != "RTCPSent":
            names = tuple(name for name, _ in message.list_fields())
            out.setdefault(
                make_label(message) if message.event_name else f"response {message.get('Message')}", set()
            ).add(names)
    return out


STABLE = frozenset(
    {
        "Response",
        "Message",
        "Privilege",
        "ChannelState",
        "CallerIDNum",
        "CallerIDName",
        "ConnectedLineNum",
        "ConnectedLineName",
        "Context",
        "Exten",
        "Priority",
        "Application",
        "AppData",
        "ApplicationData",
        "Cause",
        "Cause-txt",
        "TechCause",
        "Reason",
        "DialStatus",
        "UserEvent",
        "Variable",
        "Status",
        "Conference",
        "Parties",
        "Marked",
        "MarkedUser",
        "EndMarked",
        "BridgeTechnology",
        "BridgeCreator",
        "BridgeName",
        "Type",
        "Digit",
        "Direction",
        "DurationMs",
        "ResultCode",
        "Result",
        "Command",
        "Output",
        "ListItems",
        "Items",
        "EventList",
        "Muted",
        "Admin",
    }
)
"""Fields whose values must equal the captured ones. The others are times, counters, addresses and ids."""


def list_stable_fields(text: str) -> dict[tuple[str, str], list[tuple[tuple[str, str], ...]]]:
    """Return the stable fields of each event in order, by channel and kind."""
    out: dict[tuple[str, str], list[tuple[tuple[str, str], ...]]] = {}
    for message in parse_messages(text):
        if message.event_name == "RTCPSent" or message.get("Variable").startswith(("RTPAUDIOQOS", "BRIDGEPEER")):
            continue
        values = tuple(
            (name, re.sub(r"127\.0\.0\.1:\d+", "AGI", value)) for name, value in message.list_fields() if name in STABLE
        )
        channel = message.get("Uniqueid") or message.get("DestUniqueid") or message.action_id
        kind = message.event_name or message.get("Message")
        if message.event_name == "DialState":  # either state, as it came before or after Newstate
            values = tuple(pair for pair in values if pair[0] != "DestChannelState")
        out.setdefault((channel, kind), []).append(values)
    return out


@pytest.mark.parametrize("name", sorted(VOTERS))
def test_simulated_asterisk_sends_the_same_events_as_captured_from_a_real_asterisk(name: str) -> None:
    replay = replay_capture(name)
    recorded: list[str] = []
    for entry in replay.entries:
        if entry.who == "asterisk-ami":
            if entry.data.startswith("Asterisk Call Manager"):
                recorded.append("")
            recorded[find_connection(entry, recorded)] += entry.data
    assert len(replay.received) == len(recorded)
    for ours, theirs in zip(replay.received, recorded, strict=True):
        assert ours.startswith("Asterisk Call Manager/11.0.0\r\n")
        assert group_labels_by_channel(ours) == group_labels_by_channel(theirs)
        assert list_field_names(ours) == list_field_names(theirs)
        assert list_stable_fields(ours) == list_stable_fields(theirs)
    recorded_agi = "".join(entry.data for entry in replay.entries if entry.who == "asterisk-agi")
    assert normalise_agi("".join(replay.agi_lines)) == normalise_agi(recorded_agi)


def find_connection(entry: Entry, recorded: list[str]) -> int:
    """Return the connection of a captured read: the newest for responses and lists, the first for events."""
    if len(recorded) == 1 or entry.data.startswith("Asterisk Call Manager"):
        return len(recorded) - 1
    later = re.search(r"ActionID: a[2-9]", entry.data) and "Channel Hungup" not in entry.data
    return 1 if later or "FullyBooted" in entry.data else 0


def normalise_agi(text: str) -> str:
    """Return AGI data without addresses, thread ids and end positions of sounds, which vary."""
    text = re.sub(r"(agi_request: agi://)[^/]+", r"\1HOST", text)
    text = re.sub(r"(agi_channel: PJSIP/\w+-)[0-9a-f]{8}", r"\g<1>N", text)
    text = re.sub(r"agi_threadid: \d+", "agi_threadid: N", text)
    return re.sub(r"endpos=\d+", "endpos=N", text).rstrip("\n")


def replay_capture(name: str) -> Replay:
    replay = Replay(name)
    numbers = re.findall(r"Channel: PJSIP/(\d+)@", "".join(entry.data for entry in replay.entries))

    boss = PhoneMode.BUSY if "busy" in name else PhoneMode.ANSWERS

    @virtual_time()
    async def play() -> None:
        agi = await asyncio.start_server(replay.serve_agi, "127.0.0.1", 0)
        config = SimulatedAsteriskConfig(
            agi_port=agi.sockets[0].getsockname()[1],
            dialplan=None if name in OUR_DIALPLAN else LAB_DIALPLAN,
            trunks=(SimulatedTrunk("carrier"), SimulatedTrunk("deadcarrier")),
            seats=(*make_seat_phones(10), SeatPhone("boss", "2001", boss, answer_seconds=0.3)),
            conference_users=parse_conference_users(render_conferences()) if name in OUR_DIALPLAN else LAB_USERS,
            scripts=dict.fromkeys(numbers, VOTERS[name]) | RINGS_OUT,
            users=(_LEAST_PRIVILEGE_USER_OF_CAPTURES, LAB_USER),
            prompt_seconds={"lab/welcome": 9.07, "lab/thanks": 2.022, "lab/abandoned": 6.43},
        )
        async with agi, SimulatedAsterisk(config) as switch:
            switch.take_trunk_down("deadcarrier")
            await replay.run(switch.ami_port)

    play()
    return replay
