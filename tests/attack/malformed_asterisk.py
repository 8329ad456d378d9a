"""Malformed AMI, AGI and AGI script input: damaged recordings of sessions, random tokens, endless lines and random bytes.

Each reader passes its input through the dialler's decoder and the code behind it. Only the declared errors may be raised.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from dialer.deploy.asterisk.events import EVENTS
from dialer.domain.errors import ProtocolError, SwitchError, UnsafeValue
from dialer.switch.asterisk.agi_codec import AgiDecoder, AgiEnvironment, AgiReply, encode_command, split_agi_command
from dialer.switch.asterisk.ami_codec import AmiDecoder
from dialer.switch.asterisk.scripts.commands import Recordings, encode_value_reply, interpret_script_command
from dialer.switch.asterisk.tracking.tracker import SwitchTracker
from tests.support.captures import NAMES, captured_bytes

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
AMI_TOKENS = (
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
AGI_TOKENS = (
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
SCRIPT_TOKENS = (
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
    b"RECORD FILE message wav # 1000 BEEP s=3",
    b"GET DATA a&b 5000 1",
    b"GET VARIABLE MATDAN_FACT_closes_at",
)  # fmt: skip


def _split_recording(who: str, end: bytes) -> list[bytes]:
    sessions = (captured_bytes(name, who) for name in NAMES)
    return sorted({piece + end for session in sessions for piece in session.split(end) if piece})


AMI = _split_recording("asterisk-ami", b"\r\n\r\n")
ACTIONS = _split_recording("client-ami", b"\r\n\r\n")
AGI = _split_recording("asterisk-agi", b"\n")
ENVIRONMENTS = _split_recording("asterisk-agi", b"\n\n")


def damage(random: Random, seeds: list[bytes] | tuple[bytes, ...], tokens: tuple[bytes, ...]) -> bytes:
    """Return a malformed input: random bytes, random tokens, or one of `seeds` with a few changes."""
    kind = random.random()
    if kind < 0.05:
        return random.randbytes(random.randrange(1, 120))
    if kind < 0.0505:
        return random.choice(tokens) * random.randrange(1, 20_000)
    if kind < 0.2:
        return b"".join(random.choice((*tokens, random.randbytes(3))) for _ in range(random.randrange(1, 30)))
    data = bytearray(random.choice(seeds))
    for _ in range(random.randrange(1, 5)):
        at, width = random.randrange(len(data) + 1), random.randrange(1, 9)
        match random.randrange(5):
            case 0:
                del data[at : at + width]
            case 1:
                data[at:at] = random.choice(tokens)
            case 2:
                data[at : at + width] = random.randbytes(width)
            case 3:
                data[at:at] = data[: at // 2]
            case _:
                del data[at:]
    return bytes(data)


def split_randomly(random: Random, data: bytes) -> list[bytes]:
    """Split the data as a socket may: whole, in two or three parts, rarely into single bytes."""
    kind = random.random()
    if kind < 0.005:
        return [data[at : at + 1] for at in range(len(data))]
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(0 if kind < 0.5 else random.randrange(1, 3)))
    return [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def read_ami_event(random: Random) -> None:
    """Pass AMI events to the call tracker, as the adapter does."""
    tracker, decoder = SwitchTracker(), AmiDecoder(wanted_events=None if random.random() < 0.5 else EVENTS)
    try:
        decoder.decode_bytes(BANNER)
        for part in split_randomly(random, damage(random, AMI, AMI_TOKENS) + random.choice(AMI)):
            for message in decoder.decode_bytes(part):
                tracker.handle_ami_event(message)
                str(message.action_id) + message.response_status
                message.list_fields()
    except ProtocolError:
        return


def read_ami_action(random: Random) -> None:
    """Decode AMI actions, as the simulated Asterisk does."""
    decoder = AmiDecoder(expects_banner=False)
    try:
        for part in split_randomly(random, damage(random, ACTIONS, AMI_TOKENS)):
            for message in decoder.decode_bytes(part):
                str(message.action_name) + message.get("Channel")
                message.get_all_values_of_field("Variable")
    except ProtocolError:
        return


def read_agi_call(random: Random) -> None:
    """Decode an AGI environment and replies."""
    decoder = AgiDecoder()
    data = damage(random, ENVIRONMENTS, AGI_TOKENS) if random.random() < 0.5 else random.choice(ENVIRONMENTS)
    try:
        for part in split_randomly(random, data + damage(random, AGI, AGI_TOKENS)):
            for message in decoder.decode_bytes(part):
                if isinstance(message, AgiEnvironment):
                    assert isinstance(message.agi_arguments, tuple)
                    str(message.unique_id) + message.channel_name + message.agi_url_path
                elif isinstance(message, AgiReply):
                    assert isinstance(message.has_failure_result, bool)
    except ProtocolError:
        return


def read_script_line(random: Random) -> None:
    """Interpret a line of an AGI script. The command for Asterisk must be one line with the same arguments."""
    line = damage(random, SCRIPT_LINES, SCRIPT_TOKENS).decode("utf-8", "replace").strip()
    command = interpret_script_command(line, 1, Recordings("kept", "id-"), {"message"})
    words = getattr(command, "arguments", None)
    if words is None:
        return
    try:
        encoded = encode_command(command.verb, *words)  # type: ignore[union-attr]  # a command with arguments has a verb
        encode_value_reply(line if line.isprintable() else "x")
    except (UnsafeValue, SwitchError):
        return
    assert encoded.count(b"\n") == 1
    assert split_agi_command(encoded.decode().rstrip("\n"))[-len(words) :] == list(words) or not words


READERS: dict[str, Callable[[Random], None]] = {
    "ami-event": read_ami_event,
    "ami-action": read_ami_action,
    "agi": read_agi_call,
    "script": read_script_line,
}
