"""The check and interpretation of the AGI commands that scripts send. No I/O.

A script may play sounds, read keys, record, wait, and set its own variables. It may not run dialplan applications, or
read databases or dialplan functions. Commands that Asterisk cannot interrupt are refused too, such as a recording
without a time limit.

A script may play Asterisk's sounds, and the recordings that it made in this call. So that it cannot play recordings of
other calls, some paths are refused: absolute paths, `..`, the folder of recordings, and names with an attempt's id.

The dialler stores the script's variables itself, because channel variables could change what the dialplan does. `SET
VARIABLE MATDAN_MARK voted` (or `"later 17"`), `MATDAN_OPT_OUT number` and `MATDAN_ANSWER_<name> <value>` store a
result. The reply is `result=1` once it is on disk, and `result=0` if it could not be stored. `GET VARIABLE
MATDAN_FACT_<name>` returns a fact about the voter.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from dialer.domain.enums import MarkKind
from dialer.domain.errors import UnsafeValue
from dialer.flows.turns import CommitKind, FlowCommit
from dialer.flows.wording import is_answer_name_for_candidate_choice
from dialer.switch.asterisk.agi_codec import quote_argument, split_agi_command

ALLOWED = frozenset(
    {
        "ANSWER",
        "CHANNEL STATUS",
        "CONTROL STREAM FILE",
        "GET DATA",
        "GET OPTION",
        "GET VARIABLE",
        "HANGUP",
        "NOOP",
        "RECORD FILE",
        "SAY ALPHA",
        "SAY DATE",
        "SAY DATETIME",
        "SAY DIGITS",
        "SAY NUMBER",
        "SAY PHONETIC",
        "SAY TIME",
        "SET MUSIC",
        "SET VARIABLE",
        "STREAM FILE",
        "TDD MODE",
        "VERBOSE",
        "WAIT FOR DIGIT",
    }
)
_WITH_A_SOUND = frozenset({"STREAM FILE", "CONTROL STREAM FILE", "GET DATA", "GET OPTION", "RECORD FILE"})
_WITHOUT_A_CHANNEL = frozenset({"CHANNEL STATUS", "HANGUP"})  # an argument would name another call's channel
_RESERVED = "MATDAN_"
_FACT = "MATDAN_FACT_"
_ANSWER = "MATDAN_ANSWER_"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
_LIMIT = re.compile(r"[1-9][0-9]{0,5}")  # milliseconds, up to a quarter of an hour
_SOUND = re.compile(r"(?=.{1,200}\Z)(?!.*\.\.)[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
_RECORDING = re.compile(r"[A-Za-z0-9_-]{1,40}")
_FORMAT = re.compile(r"[a-z0-9]{1,8}")
_MUSIC = re.compile(r"[A-Za-z0-9_-]{1,40}")
_DATE_ARGUMENT = re.compile(r"(?!.*\.\.)[A-Za-z0-9 ,:_+*#-][A-Za-z0-9 ,:_+*#/-]{0,79}|")
"""A valid argument of SAY DATETIME: a time, escape digits, a format or a time zone.

It excludes single quotes, because Asterisk plays quoted text in a format as a sound, and `..` and a leading `/`,
because Asterisk opens a time zone as a file.
"""
_ATTEMPT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MOST_VALUE_LETTERS = 1000


@dataclass(frozen=True, slots=True)
class Recordings:
    """The directory on the Asterisk server, and the file names, of the recordings that a script makes in one call."""

    directory: str = ""  # "" if nothing may be recorded
    prefix: str = ""  # of the file names of this call's recordings: the attempt's id

    def make_recording_path(self, name: str) -> str:
        """Return the path of the file to which a script records under this name."""
        return f"{self.directory}/{self.prefix}{name}"


@dataclass(frozen=True, slots=True)
class Forward:
    """An AGI command of a script that the dialler passes on to Asterisk."""

    verb: str
    arguments: tuple[str, ...]
    recorded: str | None = None  # the script's name for the recording, if the command records


@dataclass(frozen=True, slots=True)
class StoreResult:
    """A script's request to store a mark (a fact about the voter), an opt-out or an answer."""

    commit: FlowCommit


@dataclass(frozen=True, slots=True)
class GetFact:
    """A script's request for a fact about the voter, such as the name of the booth."""

    name: str


@dataclass(frozen=True, slots=True)
class SetVariable:
    """A script's command to set one of its own variables, which the dialler stores."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class GetVariable:
    """A script's request to read one of its own variables or, if it has none of this name, a channel variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """The refusal of an AGI command that scripts may not use."""

    reason: str


ScriptCommand = Forward | StoreResult | GetFact | SetVariable | GetVariable | Refuse


def interpret_script_command(
    line: str, sequence: int, recordings: Recordings, recorded: Collection[str] = ()
) -> ScriptCommand:
    """Return what the dialler must do for an AGI command of a script, such as forward it to Asterisk or store a result.

    Return a refusal if scripts may not use the command.

    Args:
        line: the AGI command.
        sequence: the sequence number for a result that this line stores.
        recordings: where the script may record, or None if it may not.
        recorded: the names of the recordings that the script has made in this call.
    """
    words = split_agi_command(line)
    verb, arguments = _split_command_verb(words)
    if verb not in ALLOWED:
        return Refuse("a command that scripts may not use")
    if verb in _WITHOUT_A_CHANNEL and arguments:
        return Refuse("another channel: a script may use only its own call")
    if verb == "RECORD FILE":
        return _interpret_record_command(arguments, recordings)
    if verb in _WITH_A_SOUND:
        return _interpret_sound_command(verb, arguments, recordings, recorded)
    if verb == "SAY DATETIME" and not all(map(_DATE_ARGUMENT.fullmatch, arguments)):
        return Refuse("a date format that names a sound, or an invalid time zone")
    if verb == "SET MUSIC" and not all(_MUSIC.fullmatch(word) for word in arguments):
        return Refuse("an invalid music class: use letters, digits, - and _")
    if verb in {"SET VARIABLE", "GET VARIABLE"}:
        return _interpret_set_variable_command(verb, arguments, sequence)
    return Forward(verb, tuple(arguments))


def _interpret_record_command(arguments: list[str], recordings: Recordings) -> ScriptCommand:
    name, sound_format, _, limit = (*arguments, "", "", "", "")[:4]
    if not recordings.directory:
        return Refuse("recordings are off (flows.recordings)")
    if not _LIMIT.fullmatch(limit):
        return Refuse("a recording without a time limit in milliseconds: it could outlast the script's time")
    if not _RECORDING.fullmatch(name) or not _FORMAT.fullmatch(sound_format):
        return Refuse(
            "an invalid recording: the name is up to 40 letters, digits, - and _, without a path; the format is one word"
        )
    return Forward("RECORD FILE", (recordings.make_recording_path(name), *arguments[1:]), recorded=name)


def _interpret_sound_command(
    verb: str, arguments: list[str], recordings: Recordings, recorded: Collection[str]
) -> ScriptCommand:
    """Interpret a command that plays sounds. Several names of sounds may be joined by `&`."""
    names, paths = arguments[0] if arguments else "", []
    for name in names.split("&"):
        if name in recorded:
            paths.append(recordings.make_recording_path(name))
        elif _SOUND.fullmatch(name) and not _ATTEMPT.search(name) and not name.startswith(f"{recordings.directory}/"):
            paths.append(name)
        else:
            return Refuse("a sound that is not below the sounds directory, and not a recording of this call")
    return Forward(verb, ("&".join(paths), *arguments[1:]))


def _split_command_verb(words: list[str]) -> tuple[str, list[str]]:
    for length in (3, 2, 1):
        verb = " ".join(words[:length]).upper()
        if len(words) >= length and verb in ALLOWED:
            return verb, words[length:]
    return "", []


def _interpret_set_variable_command(verb: str, arguments: list[str], sequence: int) -> ScriptCommand:
    name, value = (*arguments, "", "")[:2]
    if not _VARIABLE.fullmatch(name):
        return Refuse("an invalid variable name: it would run a dialplan function")
    if not name.lstrip("_").startswith(_RESERVED):  # to Asterisk a leading _ means inheritance
        if verb == "GET VARIABLE":
            return GetVariable(name)
        fits = len(value) <= _MOST_VALUE_LETTERS and value.isprintable()
        return (
            SetVariable(name, value)
            if fits
            else Refuse(f"a value over {_MOST_VALUE_LETTERS} letters, or not printable")
        )
    if verb == "GET VARIABLE":
        valid = name.startswith(_FACT) and _NAME.fullmatch(name.removeprefix(_FACT))
        return GetFact(name.removeprefix(_FACT)) if valid else Refuse("an unknown variable")
    if name == "MATDAN_MARK":
        return _interpret_mark_variable(value, sequence)
    if name == "MATDAN_OPT_OUT":
        return StoreResult(FlowCommit(CommitKind.OPT_OUT, "script", sequence))
    answer = name.removeprefix(_ANSWER).lower()
    if is_answer_name_for_candidate_choice(answer):
        return Refuse("an answer that names a party or candidate: how somebody votes is never stored")
    if name.startswith(_ANSWER) and _NAME.fullmatch(answer) and len(value) <= 200:
        return StoreResult(FlowCommit(CommitKind.ANSWERS, "script", sequence, answers={answer: value}))
    return Refuse("a reserved variable")


def _interpret_mark_variable(value: str, sequence: int) -> ScriptCommand:
    kind, _, hour = value.partition(" ")
    if kind not in set(MarkKind):
        return Refuse(f"an unknown mark: use one of {', '.join(MarkKind)}")
    mark = MarkKind(kind)
    if (mark is MarkKind.LATER) is not bool(re.fullmatch(r"1?[0-9]|2[0-3]", hour)):
        return Refuse("an invalid mark: `later` needs an hour from 0 to 23, and no other mark has one")
    return StoreResult(
        FlowCommit(CommitKind.MARK, "script", sequence, mark=mark, hour=int(hour) if mark is MarkKind.LATER else None)
    )


def encode_value_reply(value: str | int | bool | None) -> bytes:
    """Return the AGI reply with the value of a variable or fact, or `result=0` for None.

    Raises UnsafeValue for a value with control characters.
    """
    if value is None:
        return b"200 result=0\n"
    text = str(value)
    if any(ord(letter) < 32 for letter in text):
        raise UnsafeValue("a value was not sent to the AGI script: it contains a control character, remove it")
    return f"200 result=1 ({text})\n".encode()


def encode_refusal_reply(reason: str) -> bytes:
    """Return the AGI reply to a refused command. Asterisk gives the same reply to an unknown command."""
    return f"510 Invalid or unknown command ({quote_argument(reason)})\n".encode()
