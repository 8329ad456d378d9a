"""What a script's line means, and whether it may do it. Pure.

A script may play, ask, record, wait and keep variables of its own; it runs no dialplan application, reads no database and no
function, and asks for nothing that Asterisk lets go of for nobody (waiting for a text, a recording without a limit).

It plays sounds below Asterisk's sounds directory, and what it has recorded of its own call, under the name that it gave it: no
absolute path, no way up, nothing from the folder of recordings and nothing that bears an attempt's id, as every recording does.
Its variables never reach the channel: there the dialplan would read them, and go where a script says.

`SET VARIABLE MATDAN_MARK voted` (or `"later 17"`), `MATDAN_OPT_OUT number` and `MATDAN_ANSWER_<name> <value>` put something on
record: the answer is `result=1` when it is there, else `result=0`. `GET VARIABLE MATDAN_FACT_<name>` tells what is known of the
voter.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from dialer.domain.enums import MarkKind
from dialer.domain.errors import UnsafeValue
from dialer.flows.turns import CommitKind, FlowCommit
from dialer.flows.wording import keeps_choice
from dialer.switch.asterisk.agi_codec import quoted, split_command

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
_WITH_A_FILE = frozenset({"STREAM FILE", "CONTROL STREAM FILE", "GET DATA", "GET OPTION", "RECORD FILE"})
_OF_ITS_OWN_CALL = frozenset({"CHANNEL STATUS", "HANGUP"})  # Asterisk would take another call's channel too
_OURS = "MATDAN_"
_FACT = "MATDAN_FACT_"
_ANSWER = "MATDAN_ANSWER_"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
_LIMIT = re.compile(r"[1-9][0-9]{0,5}")  # a quarter of an hour
_SOUND = re.compile(r"(?=.{1,200}\Z)(?!.*\.\.)[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
_RECORDING = re.compile(r"[A-Za-z0-9_-]{1,40}")
_FORMAT = re.compile(r"[a-z0-9]{1,8}")
_MUSIC = re.compile(r"[A-Za-z0-9_-]{1,40}")
_OF_A_DATE = re.compile(r"(?!.*\.\.)[A-Za-z0-9 ,:_+*#-][A-Za-z0-9 ,:_+*#/-]{0,79}|")
"""A moment, the keys that end it, its format and its zone. In a format, Asterisk plays as a sound what stands between ' and '; a
zone is the name of a file.
"""
_ATTEMPT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MOST_VALUE = 1000


@dataclass(frozen=True, slots=True)
class Recordings:
    """Where a call's recordings are kept, as Asterisk names them."""

    directory: str = ""  # "": nothing is recorded
    prefix: str = ""  # before the name of each of this call's: its attempt's id

    def path(self, name: str) -> str:
        """Where the recording of this name of the script's is."""
        return f"{self.directory}/{self.prefix}{name}"


@dataclass(frozen=True, slots=True)
class Forward:
    """To be done by Asterisk."""

    verb: str
    arguments: tuple[str, ...]
    recorded: str | None = None  # the script's name for what this records


@dataclass(frozen=True, slots=True)
class Keep:
    """To be put on record."""

    commit: FlowCommit


@dataclass(frozen=True, slots=True)
class Answer:
    """A fact is asked for."""

    name: str


@dataclass(frozen=True, slots=True)
class Remember:
    """A variable of the script's own."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Recall:
    """A variable is asked for: the script's own, or Asterisk's."""

    name: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Not for a script."""

    why: str


Judged = Forward | Keep | Answer | Remember | Recall | Refuse


def judge(line: str, sequence: int, recordings: Recordings, recorded: Collection[str] = ()) -> Judged:
    """What a line of a script asks for. `sequence` is the number that a commit would have; `recorded` are the names of what it has
    recorded on this call.
    """
    words = split_command(line)
    verb, arguments = _verb(words)
    if verb not in ALLOWED:
        return Refuse("a command that scripts may not use")
    if verb in _OF_ITS_OWN_CALL and arguments:
        return Refuse("a channel: a script has its own call alone")
    if verb == "RECORD FILE":
        return _record(arguments, recordings)
    if verb in _WITH_A_FILE:
        return _play(verb, arguments, recordings, recorded)
    if verb == "SAY DATETIME" and not all(map(_OF_A_DATE.fullmatch, arguments)):
        return Refuse("a date whose format names a sound, or whose zone is no name of one")
    if verb == "SET MUSIC" and not all(_MUSIC.fullmatch(word) for word in arguments):
        return Refuse("a music class that is no plain name")
    if verb in {"SET VARIABLE", "GET VARIABLE"}:
        return _variable(verb, arguments, sequence)
    return Forward(verb, tuple(arguments))


def _record(arguments: list[str], recordings: Recordings) -> Judged:
    name, sound_format, _, limit = (*arguments, "", "", "", "")[:4]
    if not recordings.directory:
        return Refuse("recordings are off (flows.recordings)")
    if not _LIMIT.fullmatch(limit):
        return Refuse("a recording without a limit in milliseconds: it could not be ended with the script's time")
    if not _RECORDING.fullmatch(name) or not _FORMAT.fullmatch(sound_format):
        return Refuse(
            "a recording's name is up to 40 letters, digits, - and _, without a path; its format a plain word"
        )
    return Forward("RECORD FILE", (recordings.path(name), *arguments[1:]), recorded=name)


def _play(verb: str, arguments: list[str], recordings: Recordings, recorded: Collection[str]) -> Judged:
    """Asterisk takes several sounds joined by `&` where it collects digits: each is looked at."""
    named, places = arguments[0] if arguments else "", []
    for name in named.split("&"):
        if name in recorded:
            places.append(recordings.path(name))
        elif _SOUND.fullmatch(name) and not _ATTEMPT.search(name) and not name.startswith(f"{recordings.directory}/"):
            places.append(name)
        else:
            return Refuse("a sound that is neither below the sounds directory nor a recording of this call")
    return Forward(verb, ("&".join(places), *arguments[1:]))


def _verb(words: list[str]) -> tuple[str, list[str]]:
    for length in (3, 2, 1):
        verb = " ".join(words[:length]).upper()
        if len(words) >= length and verb in ALLOWED:
            return verb, words[length:]
    return "", []


def _variable(verb: str, arguments: list[str], sequence: int) -> Judged:
    name, value = (*arguments, "", "")[:2]
    if not _VARIABLE.fullmatch(name):
        return Refuse("a variable whose name would run a dialplan function")
    if not name.lstrip("_").startswith(_OURS):  # Asterisk takes leading _ for inheritance, and not for the name's
        if verb == "GET VARIABLE":
            return Recall(name)
        fits = len(value) <= _MOST_VALUE and value.isprintable()
        return Remember(name, value) if fits else Refuse(f"a value of more than {_MOST_VALUE} letters, or with others")
    if verb == "GET VARIABLE":
        known = _NAME.fullmatch(name.removeprefix(_FACT))
        return Answer(name.removeprefix(_FACT)) if name.startswith(_FACT) and known else Refuse("no such variable")
    if name == "MATDAN_MARK":
        return _mark(value, sequence)
    if name == "MATDAN_OPT_OUT":
        return Keep(FlowCommit(CommitKind.OPT_OUT, "script", sequence))
    answer = name.removeprefix(_ANSWER).lower()
    if keeps_choice(answer):
        return Refuse("an answer that would be whom somebody votes for: that is never stored")
    if name.startswith(_ANSWER) and _NAME.fullmatch(answer) and len(value) <= 200:
        return Keep(FlowCommit(CommitKind.ANSWERS, "script", sequence, answers={answer: value}))
    return Refuse("a variable of the dialler's own")


def _mark(value: str, sequence: int) -> Judged:
    kind, _, hour = value.partition(" ")
    if kind not in set(MarkKind):
        return Refuse(f"a mark that is none of {', '.join(MarkKind)}")
    mark = MarkKind(kind)
    if (mark is MarkKind.LATER) is not bool(re.fullmatch(r"1?[0-9]|2[0-3]", hour)):
        return Refuse("`later` takes an hour from 0 to 23, and no other mark does")
    return Keep(
        FlowCommit(CommitKind.MARK, "script", sequence, mark=mark, hour=int(hour) if mark is MarkKind.LATER else None)
    )


def answer_of(value: str | int | bool | None) -> bytes:
    """The answer to a question for a fact."""
    if value is None:
        return b"200 result=0\n"
    text = str(value)
    if any(ord(letter) < 32 for letter in text):
        raise UnsafeValue("a fact has a control character; it is not told")
    return f"200 result=1 ({text})\n".encode()


def refusal(why: str) -> bytes:
    """The answer to what a script may not do: Asterisk's own for a command that it does not know."""
    return f"510 Invalid or unknown command ({quoted(why)})\n".encode()
