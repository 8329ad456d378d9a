"""Encode and decode the Asterisk Manager Interface (AMI) protocol, without I/O.

A message is a series of `Name: value` lines that ends with a blank line. The decoder serves both sides: the dialler
decodes events and responses, and the simulated Asterisk decodes actions.

The dialler needs only a few of Asterisk's events, and only a few of their fields. For speed, the decoder searches the
bytes for the ends and names of messages, and drops unwanted events before it creates objects. A field is searched in
the raw bytes when it is read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from dialer.domain.errors import ProtocolError, UnsafeValue

MAX_LINE_BYTES = 1024  # of an action: main/manager.c drops longer lines
MAX_ACTION_LINES = 128  # main/manager.c, AST_MAX_MANHEADERS

_END_OF_LINE = b"\r\n"
_END_OF_MESSAGE = b"\r\n\r\n"
_EVENT = b"Event: "
_SPACE = 0x20
_BANNER = b"Asterisk Call Manager"
_FIRST_LINE = re.compile(rb"[A-Za-z][A-Za-z0-9_-]*:")
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # CR, LF and NUL end a line; the others are never legitimate

_MAX_DIGITS = 9


@lru_cache(maxsize=512)
def _encode_start_of_field_line(name: str) -> bytes:
    return f"\r\n{name}:".encode()


def _decode_field_value(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("utf-8", "replace")


class AmiMessage:
    """An AMI event, response or action, parsed only when a field is read.

    Field names are case-sensitive, except in an action, which a person may have typed. If a name repeats, `get` returns
    the first value and `get_all_values_of_field` returns every value. Bytes that are not UTF-8 become U+FFFD.
    """

    __slots__ = ("_any_case", "_event", "_raw")

    def __init__(self, body: bytes, any_case: bool = False) -> None:
        """Wrap the bytes of a message.

        Args:
            body: the message without its blank line, lines separated by CRLF.
            any_case: ignore the case of field names.
        """
        self._raw = b"\r\n%b\r\n" % body
        self._any_case = any_case
        self._event: str | None = None

    def get(self, name: str, default: str = "") -> str:
        """Return the value of the first field with this name, or `default` if the message has no such field."""
        raw = self._raw
        needle = _encode_start_of_field_line(name)
        start = self._find_field_position(needle) if self._any_case else raw.find(needle)
        if start < 0:
            return default
        start += len(needle)
        if raw[start] == _SPACE:
            start += 1
        return _decode_field_value(raw[start : raw.find(_END_OF_LINE, start)])

    def _find_field_position(self, needle: bytes) -> int:
        return self._raw.lower().find(needle.lower()) if self._any_case else self._raw.find(needle)

    def get_all_values_of_field(self, name: str) -> list[str]:
        """Return the values of all fields with this name, in order."""
        if self._any_case:
            return [value for key, value in self.list_fields() if key.lower() == name.lower()]
        return [value for key, value in self.list_fields() if key == name]

    def list_fields(self) -> list[tuple[str, str]]:
        """Return all fields of the message as (name, value) pairs, in order, including repeated names.

        Lines without a colon are skipped.
        """
        lines = _decode_field_value(self._raw).split("\r\n")
        pairs = (line.partition(":") for line in lines if ":" in line)
        return [(name, value.removeprefix(" ")) for name, _, value in pairs]

    def __contains__(self, name: object) -> bool:
        """Return whether the message has a field with this name, even if its value is empty."""
        return isinstance(name, str) and self._find_field_position(_encode_start_of_field_line(name)) >= 0

    @property
    def event_name(self) -> str:
        """The name of the AMI event, or "" if the message is a response or an action."""
        if self._event is None:
            self._event = self._read_value_of_first_field(b"\r\nEvent: ")
        return self._event

    @property
    def response_status(self) -> str:
        """The result that a response reports (Success, Error, Goodbye...), or "" if the message is no response."""
        return self._read_value_of_first_field(b"\r\nResponse: ")

    @property
    def is_error_response(self) -> bool:
        """Whether the message is a response that reports an error."""
        return self._raw.startswith(b"\r\nResponse: Error\r\n")

    def _read_value_of_first_field(self, beginning: bytes) -> str:
        raw = self._raw
        if not raw.startswith(beginning):
            return ""
        start = len(beginning)
        return _decode_field_value(raw[start : raw.find(_END_OF_LINE, start)])

    @property
    def action_name(self) -> str:
        """The name of the AMI action, or "" if the message is an event or a response."""
        return self.get("Action")

    @property
    def action_id(self) -> str:
        """The ActionID, or "" if the message has none."""
        return self.get("ActionID")

    def __repr__(self) -> str:
        """Return only the first line of the message, because its fields hold phone numbers and names, which must not be
        logged."""
        first = _decode_field_value(self._raw[2 : self._raw.find(_END_OF_LINE, 2)])
        return f"<AmiMessage {first}>"


class AmiDecoder:
    """A decoder that splits a byte stream into AMI messages. Bytes may arrive in chunks of any size.

    A stream from Asterisk (`expects_banner`) must start with its banner. If the banner ends with CRLF, all lines of the
    session do. Asterisk does not escape every value, so a bare LF must then not start a new field. Lines of actions may
    end with CRLF or LF, as in Asterisk itself.
    """

    def __init__(
        self,
        *,
        expects_banner: bool = True,
        wanted_events: Collection[str] | None = None,
        max_line_bytes: int = 16_384,
        max_message_bytes: int = 1_048_576,
    ) -> None:
        """Create a decoder that returns all responses, and the events named in `wanted_events` (None for all events)."""
        self.banner = ""
        self._awaits_banner = expects_banner
        self._reads_actions = not expects_banner
        self._has_mixed_line_ends = not expects_banner
        self._carriage_return = b""
        self._pending = bytearray()
        self._max_line_bytes = max_line_bytes
        self._max_message_bytes = max_message_bytes
        self._wanted_message_start: re.Pattern[bytes] | None = None
        self.set_wanted_events(wanted_events)

    def set_wanted_events(self, wanted_events: Collection[str] | None) -> None:
        """Set the names of the events that `decode_bytes` returns from now on, or None for all events.

        All events are needed while the answer to a list action (such as CoreShowChannels) arrives.
        """
        if wanted_events is None:
            self._wanted_message_start = None
            return
        names = b"|".join(re.escape(name.encode()) for name in sorted(wanted_events))
        self._wanted_message_start = re.compile(rb"\r\n\r\n(?!Event: (?!(?:%b)\r\n))" % names)

    @property
    def has_incomplete_message(self) -> bool:
        """Whether the decoder holds the beginning of a message whose end has not arrived. If the connection ends now,
        this message is lost.
        """
        return bool(self._pending.strip(_END_OF_LINE))

    def decode_bytes(self, data: bytes) -> list[AmiMessage]:
        """Decode the next bytes and return the messages that they complete, in order.

        Raises:
            ProtocolError: a line or message is too long, or the bytes are not AMI. Do not use the decoder after that.
        """
        if self._awaits_banner:
            data = self._read_banner(data)
        if self._has_mixed_line_ends:
            data = self._normalise_line_ends(data)
        if self._pending or not data.endswith(_END_OF_MESSAGE):
            data = self._split_complete_messages(data)
        wanted = self._wanted_message_start
        bodies = (
            data.split(_END_OF_MESSAGE) if wanted is None else _find_wanted_ami_messages(wanted, _END_OF_MESSAGE + data)
        )
        messages = []
        for body in bodies:
            if body.startswith(_EVENT) and len(body) <= self._max_line_bytes:
                messages.append(AmiMessage(body, self._reads_actions))
            elif checked := self._strip_and_check_ami_message(body):
                messages.append(AmiMessage(checked, self._reads_actions))
        return messages

    def _split_complete_messages(self, data: bytes) -> bytes:
        """Add `data` to the buffer. Return all complete messages, and leave the incomplete rest in the buffer."""
        pending = self._pending
        seam = max(0, len(pending) - 3)
        pending += data
        end = pending.rfind(_END_OF_MESSAGE, seam)
        whole = b"" if end < 0 else bytes(pending[: end + len(_END_OF_MESSAGE)])
        del pending[: len(whole)]
        if len(pending) > self._max_message_bytes:
            raise ProtocolError(
                f"the peer sent an AMI message of more than {self._max_message_bytes} bytes: check that it is Asterisk"
            )
        if len(pending) > self._max_line_bytes:
            self._check_line_length(len(pending) - pending.rfind(_END_OF_LINE) - len(_END_OF_LINE))
        return whole

    def _strip_and_check_ami_message(self, body: bytes) -> bytes:
        """Return an AMI message without leading blank lines, or b"" if it is empty or unwanted.

        Raises:
            ProtocolError: the message does not start with a field name, or a line is too long.
        """
        body = body.lstrip(_END_OF_LINE)
        if not body or not self._is_message_wanted(body):
            return b""
        if not _FIRST_LINE.match(body):
            raise ProtocolError(
                "the peer does not speak AMI: a message starts without a field name. Check `ami.host` and `ami.port`"
            )
        if len(body) > self._max_line_bytes:
            self._check_line_length(max(map(len, body.split(_END_OF_LINE))))
        return body

    def _is_message_wanted(self, body: bytes) -> bool:
        wanted = self._wanted_message_start
        return wanted is None or wanted.match(b"\r\n\r\n%b\r\n" % body) is not None

    def _read_banner(self, data: bytes) -> bytes:
        """Read the banner and return the bytes after it, or b"" while the banner is incomplete."""
        self._pending += data
        line, line_feed, rest = bytes(self._pending).partition(b"\n")
        begins_right = line.startswith(_BANNER) if line_feed else line[: len(_BANNER)] == _BANNER[: len(line)]
        if not begins_right:
            raise ProtocolError(
                "the peer is not an Asterisk manager: it does not start with the manager's banner. Check `ami.host` and `ami.port`"
            )
        if len(line) > self._max_line_bytes:
            raise ProtocolError(
                f"the peer sent an AMI line of more than {self._max_line_bytes} bytes: check that it is Asterisk"
            )
        if not line_feed:
            return b""
        self._pending.clear()
        self._awaits_banner = False
        self._has_mixed_line_ends = not line.endswith(b"\r")
        self.banner = line.rstrip(b"\r").decode("utf-8", "replace")
        return rest

    def _normalise_line_ends(self, data: bytes) -> bytes:
        data = self._carriage_return + data
        self._carriage_return = b"\r" if data.endswith(b"\r") else b""
        if self._carriage_return:  # it may be the first half of a CRLF
            data = data[:-1]
        return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    def _check_line_length(self, line_bytes: int) -> None:
        if line_bytes > self._max_line_bytes:
            raise ProtocolError(
                f"the peer sent an AMI line of more than {self._max_line_bytes} bytes: check that it is Asterisk"
            )


def parse_whole_number(text: str) -> int | None:
    """Return the whole number in a field of an AMI event, or None if the field is not a number of one to nine digits.

    Python's `int` cannot be used alone: it raises ValueError for more than 4,300 digits.
    """
    return int(text) if len(text) <= _MAX_DIGITS and text.isdecimal() else None


def _find_wanted_ami_messages(wanted_message_start: re.Pattern[bytes], block: bytes) -> list[bytes]:
    """Return the wanted messages in `block`, which starts and ends with a message separator.

    A regular expression finds the start of each wanted message, so that unwanted ones are never split off.
    """
    bodies = []
    for found in wanted_message_start.finditer(block):
        begin = found.end()
        end = block.find(_END_OF_MESSAGE, begin)
        if end >= 0:
            bodies.append(block[begin:end])
    return bodies


def encode_action(name: str, fields: Iterable[tuple[str, str]], action_id: str) -> bytes:
    """Return the bytes of one AMI action: `Action`, `ActionID`, then `fields` in their order. Names may repeat.

    Raises:
        UnsafeValue: the action is too long, or a field has an invalid name or value. `Action` and `ActionID` are not
            allowed in `fields`. The error's text does not contain the value.
    """
    lines = [_encode_line("Action", name), _encode_line("ActionID", action_id)]
    for key, value in fields:
        if key.lower() in ("action", "actionid"):
            raise UnsafeValue(f"AMI action {name} has two fields {key}: leave {key} out of `fields`")
        lines.append(_encode_line(key, value))
    if len(lines) > MAX_ACTION_LINES:
        raise UnsafeValue(
            f"AMI action {name} has {len(lines)} lines, Asterisk accepts {MAX_ACTION_LINES}: send fewer lines"
        )
    data = b"".join(lines) + _END_OF_LINE
    if len(data) > MAX_LINE_BYTES:
        for line in lines:
            if len(line) > MAX_LINE_BYTES:
                key = line.partition(b":")[0].decode()
                raise UnsafeValue(f"AMI field {key} is longer than {MAX_LINE_BYTES} bytes: shorten its value")
    return data


def encode_message(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return the bytes of one AMI message with `fields` in their order, as Asterisk writes it.

    Raises:
        UnsafeValue: as in `encode_action`, but without limits on length, as Asterisk writes longer lines than it reads.
    """
    return b"".join([_encode_line(key, value) for key, value in fields]) + _END_OF_LINE


def _encode_line(key: str, value: str) -> bytes:
    beginning = _encode_field_name(key)
    if not value.isprintable() and _CONTROL.search(value):  # the quick test passes nearly all values
        raise UnsafeValue(f"AMI field {key} contains a line break or another control character: remove it")
    try:
        return f"{beginning}{value}\r\n".encode()
    except UnicodeEncodeError:
        raise UnsafeValue(f"AMI field {key} is not valid Unicode (half of a surrogate pair): correct it") from None


@lru_cache(maxsize=512)
def _encode_field_name(key: str) -> str:
    if not _FIELD_NAME.fullmatch(key):
        raise UnsafeValue(
            "an AMI field name is invalid: start with a letter and use up to 64 letters, digits, '-' and '_'"
        )
    return f"{key}: "
