"""AMI without I/O: bytes in, messages out; an action in, bytes out.

A message is a series of `Name: value` lines, ended by a blank one. The decoder serves both sides: the dialler reads what
Asterisk writes, and the simulated Asterisk reads actions.

Most events are not wanted, and of the others only a few fields are. So messages are found and named by byte searches alone,
unwanted events are dropped before they become objects, and a field is looked up in the raw bytes when it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from dialer.domain.errors import ProtocolError, UnsafeValue

MAX_LINE_BYTES = 1024  # of an action: main/manager.c drops what is longer
MAX_ACTION_LINES = 128  # main/manager.c, AST_MAX_MANHEADERS

_END_OF_LINE = b"\r\n"
_END_OF_MESSAGE = b"\r\n\r\n"
_EVENT = b"Event: "
_SPACE = 0x20
_BANNER = b"Asterisk Call Manager"
_FIRST_LINE = re.compile(rb"[A-Za-z][A-Za-z0-9_-]*:")
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # CR, LF and NUL end a line; no other is legitimate


@lru_cache(maxsize=512)
def _needle(name: str) -> bytes:
    return f"\r\n{name}:".encode()


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("utf-8", "replace")


class AmiMessage:
    """One event, response or action. Fields are looked up when asked for; nothing is parsed before.

    Names are case-sensitive, except in an action, which a person may have typed. Where several fields have one name,
    `get` returns the first, and `all` returns all. Bytes that are not UTF-8 become U+FFFD.
    """

    __slots__ = ("_any_case", "_event", "_raw")

    def __init__(self, body: bytes, any_case: bool = False) -> None:
        """`body` is the message without its blank line, with lines separated by CRLF."""
        self._raw = b"\r\n%b\r\n" % body
        self._any_case = any_case
        self._event: str | None = None

    def get(self, name: str, default: str = "") -> str:
        """Return the value of the first field of that name; `default` where there is none. A blank value is ""."""
        raw = self._raw
        needle = _needle(name)
        start = self._find(needle) if self._any_case else raw.find(needle)
        if start < 0:
            return default
        start += len(needle)
        if raw[start] == _SPACE:
            start += 1
        return _text(raw[start : raw.find(_END_OF_LINE, start)])

    def _find(self, needle: bytes) -> int:
        return self._raw.lower().find(needle.lower()) if self._any_case else self._raw.find(needle)

    def all(self, name: str) -> list[str]:
        """Return the values of all fields of that name, in order."""
        if self._any_case:
            return [value for key, value in self.fields() if key.lower() == name.lower()]
        return [value for key, value in self.fields() if key == name]

    def fields(self) -> list[tuple[str, str]]:
        """Return all fields as (name, value), in order, repeated names included. A line without a colon is no field."""
        lines = _text(self._raw).split("\r\n")
        pairs = (line.partition(":") for line in lines if ":" in line)
        return [(name, value.removeprefix(" ")) for name, _, value in pairs]

    def __contains__(self, name: object) -> bool:
        """Return whether there is a field of that name, blank or not."""
        return isinstance(name, str) and self._find(_needle(name)) >= 0

    @property
    def event(self) -> str:
        """The event's name; "" for a response or an action."""
        if self._event is None:
            self._event = self._after(b"\r\nEvent: ")
        return self._event

    @property
    def response(self) -> str:
        """The word of a response (Success, Error, Goodbye...); "" for an event or an action."""
        return self._after(b"\r\nResponse: ")

    @property
    def is_error(self) -> bool:
        """Whether it is a response that says Error."""
        return self._raw.startswith(b"\r\nResponse: Error\r\n")

    def _after(self, beginning: bytes) -> str:
        raw = self._raw
        if not raw.startswith(beginning):
            return ""
        start = len(beginning)
        return _text(raw[start : raw.find(_END_OF_LINE, start)])

    @property
    def action(self) -> str:
        """The action's name; "" for an event or a response."""
        return self.get("Action")

    @property
    def action_id(self) -> str:
        """The ActionID; "" where there is none."""
        return self.get("ActionID")

    def __repr__(self) -> str:
        """Return the first line only: fields have phone numbers and names, which must not be logged."""
        first = _text(self._raw[2 : self._raw.find(_END_OF_LINE, 2)])
        return f"<AmiMessage {first}>"


class AmiDecoder:
    """Splits a stream into messages, however the bytes arrive.

    From Asterisk (`expects_banner`) the first line must be its banner. The ending of that line, CRLF or a lone LF, is
    that of the whole session: Asterisk does not escape every value, and a lone LF inside one must not forge a field. In
    actions each line may end either way, as Asterisk itself accepts them.
    """

    def __init__(
        self,
        *,
        expects_banner: bool = True,
        keep_events: Collection[str] | None = None,
        max_line_bytes: int = 16_384,
        max_message_bytes: int = 1_048_576,
    ) -> None:
        """`keep_events` are the names of the events to return; None: all. Responses are always returned."""
        self.banner = ""
        self._awaits_banner = expects_banner
        self._reads_actions = not expects_banner
        self._mixed_line_ends = not expects_banner
        self._carriage_return = b""
        self._pending = bytearray()
        self._max_line_bytes = max_line_bytes
        self._max_message_bytes = max_message_bytes
        self._begins_wanted: re.Pattern[bytes] | None = None
        self.keep_only(keep_events)

    def keep_only(self, keep_events: Collection[str] | None) -> None:
        """Return only these events from the next `feed` on; None: all.

        While a list of events is awaited, all are needed.
        """
        if keep_events is None:
            self._begins_wanted = None
            return
        names = b"|".join(re.escape(name.encode()) for name in sorted(keep_events))
        self._begins_wanted = re.compile(rb"\r\n\r\n(?!Event: (?!(?:%b)\r\n))" % names)

    @property
    def mid_message(self) -> bool:
        """Whether part of a message has arrived: a connection that ends now was cut off."""
        return bool(self._pending.strip(_END_OF_LINE))

    def feed(self, data: bytes) -> list[AmiMessage]:
        """Process the next bytes and return the messages that they complete, in order.

        Raises ProtocolError where a line or message is too long, or the bytes are not AMI. The decoder cannot be used
        after that.
        """
        if self._awaits_banner:
            data = self._read_banner(data)
        if self._mixed_line_ends:
            data = self._with_crlf(data)
        if self._pending or not data.endswith(_END_OF_MESSAGE):
            data = self._whole_messages(data)
        wanted = self._begins_wanted
        bodies = data.split(_END_OF_MESSAGE) if wanted is None else _wanted_bodies(wanted, _END_OF_MESSAGE + data)
        messages = []
        for body in bodies:
            if body.startswith(_EVENT) and len(body) <= self._max_line_bytes:
                messages.append(AmiMessage(body, self._reads_actions))
            elif checked := self._checked(body):
                messages.append(AmiMessage(checked, self._reads_actions))
        return messages

    def _whole_messages(self, data: bytes) -> bytes:
        """Return the buffered bytes and `data` up to the last end of a message, and buffer the rest."""
        pending = self._pending
        seam = max(0, len(pending) - 3)
        pending += data
        end = pending.rfind(_END_OF_MESSAGE, seam)
        whole = b"" if end < 0 else bytes(pending[: end + len(_END_OF_MESSAGE)])
        del pending[: len(whole)]
        if len(pending) > self._max_message_bytes:
            raise ProtocolError(f"the peer sent an AMI message of more than {self._max_message_bytes} bytes")
        if len(pending) > self._max_line_bytes:
            self._check_line(len(pending) - pending.rfind(_END_OF_LINE) - len(_END_OF_LINE))
        return whole

    def _checked(self, body: bytes) -> bytes:
        """Check a message that is not simply a short event.

        Return it without blank lines before it; b"" where nothing is left.
        """
        body = body.lstrip(_END_OF_LINE)
        if not body or not self._wants(body):
            return b""
        if not _FIRST_LINE.match(body):
            raise ProtocolError("the peer does not speak AMI: a message starts without a field name")
        if len(body) > self._max_line_bytes:
            self._check_line(max(map(len, body.split(_END_OF_LINE))))
        return body

    def _wants(self, body: bytes) -> bool:
        wanted = self._begins_wanted
        return wanted is None or wanted.match(b"\r\n\r\n%b\r\n" % body) is not None

    def _read_banner(self, data: bytes) -> bytes:
        """Read the banner at the start of the stream. Return the rest of `data` once it is complete."""
        self._pending += data
        line, line_feed, rest = bytes(self._pending).partition(b"\n")
        begins_right = line.startswith(_BANNER) if line_feed else line[: len(_BANNER)] == _BANNER[: len(line)]
        if not begins_right:
            raise ProtocolError("the peer is not an Asterisk manager: it does not start with the manager's banner")
        if len(line) > self._max_line_bytes:
            raise ProtocolError(f"the peer sent an AMI line of more than {self._max_line_bytes} bytes")
        if not line_feed:
            return b""
        self._pending.clear()
        self._awaits_banner = False
        self._mixed_line_ends = not line.endswith(b"\r")
        self.banner = line.rstrip(b"\r").decode("utf-8", "replace")
        return rest

    def _with_crlf(self, data: bytes) -> bytes:
        data = self._carriage_return + data
        self._carriage_return = b"\r" if data.endswith(b"\r") else b""
        if self._carriage_return:  # it may be the first half of a CRLF
            data = data[:-1]
        return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    def _check_line(self, line_bytes: int) -> None:
        if line_bytes > self._max_line_bytes:
            raise ProtocolError(f"the peer sent an AMI line of more than {self._max_line_bytes} bytes")


def _wanted_bodies(begins_wanted: re.Pattern[bytes], block: bytes) -> list[bytes]:
    """Return the messages of a block without unwanted events. The block starts and ends with an end of message.

    One search finds the starts of wanted messages, so that most of the stream is never split.
    """
    bodies = []
    for found in begins_wanted.finditer(block):
        begin = found.end()
        end = block.find(_END_OF_MESSAGE, begin)
        if end >= 0:
            bodies.append(block[begin:end])
    return bodies


def encode_action(name: str, fields: Iterable[tuple[str, str]], action_id: str) -> bytes:
    """Return the bytes of exactly one action.

    `fields` follow `Action` and `ActionID` in the given order; names may repeat.

    Raises UnsafeValue, which never repeats the value, where a name is invalid or is `Action` or `ActionID`, a value has
    a control character or is not text, a line would be over 1,024 bytes, or there are over 128 lines.
    """
    lines = [_line("Action", name), _line("ActionID", action_id)]
    for key, value in fields:
        if key.lower() in ("action", "actionid"):
            raise UnsafeValue(f"an action has one {key}; pass it by its own parameter")
        lines.append(_line(key, value))
    if len(lines) > MAX_ACTION_LINES:
        raise UnsafeValue(f"AMI action {name} has {len(lines)} lines; Asterisk takes {MAX_ACTION_LINES}: send fewer")
    data = b"".join(lines) + _END_OF_LINE
    if len(data) > MAX_LINE_BYTES:
        for line in lines:
            if len(line) > MAX_LINE_BYTES:
                key = line.partition(b":")[0].decode()
                raise UnsafeValue(f"AMI field {key} is longer than {MAX_LINE_BYTES} bytes; send less")
    return data


def encode_message(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return the bytes of one message with these fields in this order, as a server writes it.

    Raises UnsafeValue as `encode_action` does, except for lengths: Asterisk writes longer lines than it reads.
    """
    return b"".join([_line(key, value) for key, value in fields]) + _END_OF_LINE


def _line(key: str, value: str) -> bytes:
    beginning = _checked_name(key)
    if not value.isprintable() and _CONTROL.search(value):  # the first test is quick, and true of nearly all
        raise UnsafeValue(f"AMI field {key} has a line break or another control character; remove it")
    try:
        return f"{beginning}{value}\r\n".encode()
    except UnicodeEncodeError:
        raise UnsafeValue(f"AMI field {key} is not valid text (half of a surrogate pair); correct it") from None


@lru_cache(maxsize=512)
def _checked_name(key: str) -> str:
    if not _FIELD_NAME.fullmatch(key):
        raise UnsafeValue("an AMI field's name is up to 64 letters, digits, '-' and '_', and starts with a letter")
    return f"{key}: "
