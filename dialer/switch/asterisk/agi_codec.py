"""Encode and decode the FastAGI protocol, without I/O.

Asterisk first sends the environment: lines `agi_name: value`, then a blank line. Then it replies to one command at a
time. A reply is one line such as `200 result=...`. The code 510 or 511 is a refusal. A reply with the code 520 has
several lines. When the caller hangs up, the running command gets the reply `result=-1`, and the line `HANGUP` follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from dialer.domain.errors import ProtocolError, SwitchError, UnsafeValue

MAX_COMMAND_BYTES: Final = 2048  # res_agi.c, AGI_BUF_LEN: the command with its line feed
MAX_COMMAND_WORDS: Final = 128  # res_agi.c, MAX_ARGS
MAX_LINE_BYTES: Final = 2048  # received from Asterisk
MAX_LINES, MAX_BYTES = 100, 8192  # received in an environment, or in the usage text of reply 520

ARGUMENT: Final = "agi_arg_"
"""The prefix of the environment's fields that hold the dialplan's arguments."""

_REPLY = re.compile(rb"(\d{3})(?: result=(\S*))?(?: \((.*)\))?(?: endpos=(-?\d+))?")
_ENVIRONMENT_LINE = re.compile(r"^(agi_[^:\n]*): ?(.*)$", re.MULTILINE)
_VERB = re.compile(r"[A-Z]+(?: [A-Z]+){0,3}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NEEDS_QUOTES = re.compile(r'[\s"\\]|^$')
SILENT_VERBS: Final = ("SET VARIABLE", "GET VARIABLE", "GET FULL VARIABLE", "NOOP", "VERBOSE")
"""The commands that Asterisk still executes after a hang-up: variables and log lines, but no sounds."""


class CallHungUp(Exception):
    """Raised when the caller has hung up, the ordinary end of a call. The handler can still read and set channel
    variables after it.
    """


class SoundMissing(SwitchError):
    """Raised when Asterisk could not play a sound, usually because the file is missing in its sounds directory."""


class _Hangup:
    """The line `HANGUP` from Asterisk."""

    def __repr__(self) -> str:
        return "HANGUP"


HANGUP: Final = _Hangup()


@dataclass(frozen=True, slots=True)
class AgiEnvironment:
    """The data about a call that Asterisk sends before the first command."""

    fields: Mapping[str, str] = field(repr=False)  # contains numbers and names of callers, which must not be logged

    def get_field(self, name: str, default: str = "") -> str:
        """Return the value of an environment field such as `agi_uniqueid`, or `default` if Asterisk did not send the
        field.
        """
        return self.fields.get(name, default)

    @property
    def unique_id(self) -> str:
        """The channel's unique id, which is the attempt's id if the dialler placed the call."""
        return self.get_field("agi_uniqueid")

    @property
    def channel_name(self) -> str:
        """The name of the call's channel, such as `PJSIP/seat01-00000012`."""
        return self.get_field("agi_channel")

    @property
    def agi_url_path(self) -> str:
        """The path of the AGI URL without its query: `ivr` of `agi://host/ivr?campaign=3`."""
        return self.get_field("agi_network_script").partition("?")[0]

    @property
    def agi_arguments(self) -> tuple[str, ...]:
        """The arguments that follow the URL in the dialplan's AGI(...), in their order."""
        return tuple(value for name, value in self.fields.items() if name.startswith(ARGUMENT))


@dataclass(frozen=True, slots=True)
class AgiReply:
    """Asterisk's reply to one AGI command."""

    code: int  # 200 executed; 510 unknown command; 511 not possible on a dead channel; 520 wrong arguments
    result: str = ""  # digits, an ASCII code or a flag, depending on the command; "" if no key was pressed
    note: str = ""  # text in parentheses: "timeout", "hangup", "dtmf" or a variable's value
    end_position: int | None = None  # of the sound, in samples

    @property
    def has_failure_result(self) -> bool:
        """Whether the reply has the result -1: the caller has hung up, or a sound is missing."""
        return self.result == "-1"


AgiInput = AgiEnvironment | AgiReply | _Hangup


class AgiDecoder:
    """A decoder of a FastAGI stream: one environment, then replies and hang-ups. Bytes may arrive in chunks of any
    size.
    """

    __slots__ = ("_in_environment", "_pending", "_usage_lines")

    def __init__(self) -> None:
        self._pending = b""
        self._in_environment = True
        self._usage_lines: list[bytes] | None = None  # the lines of a reply 520 so far

    def decode_bytes(self, data: bytes) -> list[AgiInput]:
        """Decode the next bytes and return the environment, replies and hang-ups that they complete, in order.

        Raises:
            ProtocolError: a line, the environment or a reply is too long, or the bytes are not AGI. Do not use the
                decoder after that.
        """
        if self._pending:
            data = self._pending + data
            self._pending = b""
        if self._in_environment:
            return self._read_environment(data)
        if not data.endswith(b"\n"):
            end = data.rfind(b"\n") + 1
            data, self._pending = data[:end], data[end:]
            self._refuse_lines_over_length_limit(self._pending)
        self._refuse_lines_over_length_limit(data)
        inputs: list[AgiInput] = []
        for line in data.split(b"\n")[:-1]:
            found = self._read_input_line(line)
            if found is not None:
                inputs.append(found)
        return inputs

    def _read_environment(self, data: bytes) -> list[AgiInput]:
        end = data.find(b"\n\n")
        environment = data if end < 0 else data[:end]
        self._refuse_input_over_size_limit(environment, environment.count(b"\n") + (end >= 0), "environment")
        if environment[:4] != b"agi_"[: len(environment)]:
            raise ProtocolError(
                "the peer does not speak FastAGI: it does not start with a line 'agi_...'. Check that it is Asterisk"
            )
        if end < 0:
            self._pending = data
            self._refuse_lines_over_length_limit(data)
            return []
        self._in_environment = False
        return [self._decode_environment(environment), *self.decode_bytes(data[end + 2 :])]

    def _decode_environment(self, data: bytes) -> AgiEnvironment:
        self._refuse_lines_over_length_limit(data)
        text = data.decode("utf-8", "replace")
        fields = _ENVIRONMENT_LINE.findall(text)
        if len(fields) != text.count("\n") + 1:
            raise ProtocolError(
                "the peer does not speak FastAGI: a line of its environment is not 'agi_name: value'. Check that it is Asterisk"
            )
        return AgiEnvironment(dict(fields))

    def _read_input_line(self, line: bytes) -> AgiInput | None:
        if self._usage_lines is not None:
            return self._read_usage_reply_line(line, self._usage_lines)
        if line == b"HANGUP":
            return HANGUP
        if line.startswith(b"520-"):
            self._usage_lines = [line]
            return None
        return parse_reply(line)

    def _read_usage_reply_line(self, line: bytes, lines: list[bytes]) -> AgiReply | None:
        lines.append(line)
        self._refuse_input_over_size_limit(b"\n".join(lines), len(lines), "usage text")
        if not line.startswith(b"520 "):
            return None
        self._usage_lines = None
        return AgiReply(520)

    def _refuse_input_over_size_limit(self, data: bytes, lines: int, kind_of_text: str) -> None:
        if lines > MAX_LINES or len(data) > MAX_BYTES:
            raise ProtocolError(
                f"the peer sent an AGI {kind_of_text} of over {MAX_LINES} lines or {MAX_BYTES} bytes: check that it is"
                " Asterisk"
            )

    def _refuse_lines_over_length_limit(self, data: bytes) -> None:
        if len(data) > MAX_LINE_BYTES and max(map(len, data.split(b"\n"))) > MAX_LINE_BYTES:
            raise ProtocolError(
                f"the peer sent an AGI line of more than {MAX_LINE_BYTES} bytes: check that it is Asterisk"
            )


@lru_cache(maxsize=512)  # the calls of a day repeat the same few hundred replies
def parse_reply(line: bytes) -> AgiReply | None:
    """Return the reply on a line without its line feed, or None for a provisional reply (100 Trying).

    Raises ProtocolError.
    """
    found = _REPLY.match(line)
    if found is None:
        raise ProtocolError(
            "the peer does not speak AGI: a reply does not start with a three-digit code. Check that it is Asterisk"
        )
    code, result, note, end_position = found.groups()
    if code.startswith(b"1"):
        return None
    return AgiReply(
        int(code),
        result.decode("utf-8", "replace") if result else "",
        note.decode("utf-8", "replace") if note else "",
        int(end_position) if end_position else None,
    )


@lru_cache(maxsize=512, typed=True)
def encode_command(verb: str, *arguments: str | int) -> bytes:
    """Return the bytes of one command. Each argument reaches Asterisk as one word, even with spaces or quotes.

    Raises:
        UnsafeValue: an argument has a control character or is not valid Unicode, or the command is too long. The
            error's text does not contain the arguments.
    """
    if not _VERB.fullmatch(verb):
        raise UnsafeValue("the name of an AGI command is invalid: use one to four words of capital letters")
    if len(arguments) + len(verb.split(" ")) > MAX_COMMAND_WORDS:
        raise UnsafeValue(f"AGI command {verb} has over {MAX_COMMAND_WORDS} words: send fewer arguments")
    text = " ".join((verb, *(str(word) if isinstance(word, int) else quote_argument(word) for word in arguments)))
    if not text.isprintable() and _CONTROL.search(text):
        raise UnsafeValue(
            f"an argument of AGI command {verb} contains a line break or another control character: remove the character"
        )
    try:
        line = text.encode() + b"\n"
    except UnicodeEncodeError:
        raise UnsafeValue(f"an argument of AGI command {verb} is not valid Unicode: correct it") from None
    if len(line) > MAX_COMMAND_BYTES:
        raise UnsafeValue(f"AGI command {verb} is longer than {MAX_COMMAND_BYTES} bytes: shorten its arguments")
    return line


def quote_argument(argument: str) -> str:
    """Return an argument in AGI notation: quoted and escaped if it is empty or has spaces, quotes or backslashes."""
    if not _NEEDS_QUOTES.search(argument):
        return argument
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def split_agi_command(line: str) -> list[str]:
    """Return the words of a command, split as Asterisk does (res_agi.c, parse_args). Inverse of `encode_command`."""
    words: list[str] = []
    word: list[str] | None = None
    in_quotes = escaped = False
    for character in line:
        if character == '"' and not escaped:
            in_quotes = not in_quotes
            if in_quotes and word is None:
                word = []
        elif character == "\\" and not escaped:
            escaped = True
            continue
        elif character in " \t" and not in_quotes and not escaped:
            if word is not None:
                words.append("".join(word))
                word = None
        else:
            word = word or []
            word.append(character)
        escaped = False
    if word is not None:
        words.append("".join(word))
    return words


def encode_environment(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return the bytes of an AGI environment, as Asterisk sends them. Raises UnsafeValue if a field has a control
    character.
    """
    lines = [f"{name}: {value}" for name, value in fields]
    for line in lines:
        if _CONTROL.search(line):
            variable = line.partition(":")[0]
            raise UnsafeValue(
                f"AGI variable {variable!r} contains a line break or another control character: remove the character"
            )
    return "".join(f"{line}\n" for line in [*lines, ""]).encode()


def encode_reply(reply: AgiReply) -> bytes:
    """Return the bytes of an AGI reply on one line, as Asterisk sends them. Raises UnsafeValue for a control character."""
    text = f"{reply.code} result={reply.result}"
    if reply.note:
        text += f" ({reply.note})"
    if reply.end_position is not None:
        text += f" endpos={reply.end_position}"
    if _CONTROL.search(text):
        raise UnsafeValue(
            f"an AGI reply with code {reply.code} contains a line break or another control character: remove the character"
        )
    return text.encode() + b"\n"
