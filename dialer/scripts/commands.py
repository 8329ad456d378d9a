"""What a script's line means, and whether it may do it. Pure.

A script may play, ask, record, wait and keep variables of its own; it runs no dialplan application, reads no database and no
function, and asks for nothing that Asterisk lets go of for nobody (waiting for a text, a recording without a limit).

`SET VARIABLE MATDAN_MARK voted` (or `"later 17"`), `MATDAN_OPT_OUT number` and `MATDAN_ANSWER_<name> <value>` put something on
record: the answer is `result=1` when it is there, else `result=0`. `GET VARIABLE MATDAN_FACT_<name>` tells what is known of the
voter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dialer.errors import UnsafeValue
from dialer.switch.asterisk.agi_codec import quoted, split_command
from ivr_flows.model import MarkKind
from ivr_flows.turns import CommitKind, FlowCommit
from ivr_flows.wording import keeps_choice

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
_SOUND = re.compile(r"[^\x00-\x1f]{0,200}")


@dataclass(frozen=True, slots=True)
class Forward:
    """To be done by Asterisk."""

    verb: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keep:
    """To be put on record."""

    commit: FlowCommit


@dataclass(frozen=True, slots=True)
class Tell:
    """A fact is asked for."""

    name: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Not for a script."""

    why: str


Judged = Forward | Keep | Tell | Refuse


def judge(line: str, sequence: int, *, records: bool) -> Judged:
    """What a line of a script asks for. `sequence` is the number that a commit would have; `records`: whether it may record."""
    words = split_command(line)
    verb, arguments = _verb(words)
    if verb not in ALLOWED:
        return Refuse("a command that scripts may not use")
    if verb in _OF_ITS_OWN_CALL and arguments:
        return Refuse("a channel: a script has its own call alone")
    if verb == "RECORD FILE" and not records:
        return Refuse("recordings are off (flows.recordings)")
    if verb == "RECORD FILE" and not any(_LIMIT.fullmatch(limit) for limit in arguments[3:4]):
        return Refuse("a recording without a limit in milliseconds: it could not be ended with the script's time")
    if verb in _WITH_A_FILE and (not arguments or ".." in arguments[0] or not _SOUND.fullmatch(arguments[0])):
        return Refuse("a path that leaves the sounds directory")
    if verb in {"SET VARIABLE", "GET VARIABLE"}:
        return _variable(verb, arguments, sequence)
    return Forward(verb, tuple(arguments))


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
    if not name.startswith(_OURS):
        return Forward(verb, tuple(arguments))
    if verb == "GET VARIABLE":
        known = _NAME.fullmatch(name.removeprefix(_FACT))
        return Tell(name.removeprefix(_FACT)) if name.startswith(_FACT) and known else Refuse("no such variable")
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


def told(value: str | int | bool | None) -> bytes:
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
