"""Malformed AMI, AGI and AGI script input: recorded sessions that are damaged, what is nearly a grammar, endless lines, any bytes.

Each input goes through the very code that reads it at work, to what is made of it. Only the named errors may come.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from dialer.deploy.asterisk.events import EVENTS
from dialer.domain.errors import ProtocolError, SwitchError, UnsafeValue
from dialer.switch.asterisk.agi_codec import AgiDecoder, AgiEnvironment, AgiReply, encode_command, split_command
from dialer.switch.asterisk.ami_codec import AmiDecoder
from dialer.switch.asterisk.scripts.commands import Recordings, encode_value_reply, interpret_command
from dialer.switch.asterisk.tracking.tracker import SwitchTracker
from tests.support.captures import NAMES, said_by

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
HOOKS = (
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b"\n\n",
    b": ",
    b":",
    b"\x00",
    b"\xff\xfe",
    b"Event: ",
    b"Response: ",
    b"ActionID: ",
    b"Uniqueid: ",
)
AGI_HOOKS = (
    b"\n",
    b"\n\n",
    b"agi_",
    b"agi_uniqueid: ",
    b"agi_arg_1: ",
    b"200 result=",
    b"HANGUP\n",
    b"520-",
    b"520 ",
    b"511",
    b"(",
    b")",
    b"\xff",
    b"\x00",
)
SCRIPT_HOOKS = (
    b'"',
    b"\\",
    b" ",
    b"SET VARIABLE ",
    b"MATDAN_MARK ",
    b"STREAM FILE ",
    b"RECORD FILE ",
    b"../",
    b"/",
    b"&",
    b"later ",
    b"\xe0\xa4",
    b"__",
)
SCRIPT_LINES = (
    b'STREAM FILE "matdan/hi/x" "#"',
    b"SET VARIABLE MATDAN_MARK voted",
    b'SET VARIABLE MATDAN_MARK "later 17"',
    b"RECORD FILE said wav # 1000 BEEP s=3",
    b"GET DATA a&b 5000 1",
    b"GET VARIABLE MATDAN_FACT_closes_at",
)  # fmt: skip


def _pieces(who: str, end: bytes) -> list[bytes]:
    sessions = (said_by(name, who) for name in NAMES)
    return sorted({piece + end for session in sessions for piece in session.split(end) if piece})


AMI = _pieces("asterisk-ami", b"\r\n\r\n")
ACTIONS = _pieces("client-ami", b"\r\n\r\n")
AGI = _pieces("asterisk-agi", b"\n")
ENVIRONMENTS = _pieces("asterisk-agi", b"\n\n")


def damaged(chance: random.Random, seeds: list[bytes] | tuple[bytes, ...], hooks: tuple[bytes, ...]) -> bytes:
    """One malformed input."""
    kind = chance.random()
    if kind < 0.05:
        return chance.randbytes(chance.randrange(1, 120))
    if kind < 0.0505:
        return chance.choice(hooks) * chance.randrange(1, 20_000)
    if kind < 0.2:
        return b"".join(chance.choice((*hooks, chance.randbytes(3))) for _ in range(chance.randrange(1, 30)))
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randrange(1, 5)):
        at, width = chance.randrange(len(data) + 1), chance.randrange(1, 9)
        match chance.randrange(5):
            case 0:
                del data[at : at + width]
            case 1:
                data[at:at] = chance.choice(hooks)
            case 2:
                data[at : at + width] = chance.randbytes(width)
            case 3:
                data[at:at] = data[: at // 2]
            case _:
                del data[at:]
    return bytes(data)


def split(chance: random.Random, data: bytes) -> list[bytes]:
    """The same bytes as they may come: whole, in two or three, and now and then each byte alone."""
    kind = chance.random()
    if kind < 0.005:
        return [data[at : at + 1] for at in range(len(data))]
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(0 if kind < 0.5 else chance.randrange(1, 3)))
    return [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def ami_event(chance: random.Random) -> None:
    """To the call tracker, as the adapter does."""
    tracker, decoder = SwitchTracker(), AmiDecoder(wanted_events=None if chance.random() < 0.5 else EVENTS)
    try:
        decoder.feed(BANNER)
        for part in split(chance, damaged(chance, AMI, HOOKS) + chance.choice(AMI)):
            for message in decoder.feed(part):
                tracker.handle(message)
                str(message.action_id) + message.response
                message.list_fields()
    except ProtocolError:
        return


def ami_action(chance: random.Random) -> None:
    """To the simulated Asterisk, whose side of the codec reads actions."""
    decoder = AmiDecoder(expects_banner=False)
    try:
        for part in split(chance, damaged(chance, ACTIONS, HOOKS)):
            for message in decoder.feed(part):
                str(message.action) + message.get("Channel")
                message.get_all("Variable")
    except ProtocolError:
        return


def agi_call(chance: random.Random) -> None:
    """An environment and replies, to what is made of them."""
    decoder = AgiDecoder()
    data = damaged(chance, ENVIRONMENTS, AGI_HOOKS) if chance.random() < 0.5 else chance.choice(ENVIRONMENTS)
    try:
        for part in split(chance, data + damaged(chance, AGI, AGI_HOOKS)):
            for said in decoder.feed(part):
                if isinstance(said, AgiEnvironment):
                    assert isinstance(said.arguments, tuple)
                    str(said.unique_id) + said.channel + said.script
                elif isinstance(said, AgiReply):
                    assert isinstance(said.failed, bool)
    except ProtocolError:
        return


def script_line(chance: random.Random) -> None:
    """A line of a script's, to the command that Asterisk would be sent: one line of the same words."""
    line = damaged(chance, SCRIPT_LINES, SCRIPT_HOOKS).decode("utf-8", "replace").strip()
    judged = interpret_command(line, 1, Recordings("kept", "id-"), {"said"})
    words = getattr(judged, "arguments", None)
    if words is None:
        return
    try:
        command = encode_command(judged.verb, *words)  # type: ignore[union-attr]  # what has arguments has a verb
        encode_value_reply(line if line.isprintable() else "x")
    except (UnsafeValue, SwitchError):
        return
    assert command.count(b"\n") == 1
    assert split_command(command.decode().rstrip("\n"))[-len(words) :] == list(words) or not words


READERS: dict[str, Callable[[random.Random], None]] = {
    "ami-event": ami_event,
    "ami-action": ami_action,
    "agi": agi_call,
    "script": script_line,
}
