"""What a command may carry beside its id, name and expiry: how each value is read from JSON, and what it must be. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dialer.domain.complaints import Answer, Channel, Complaint, ComplaintAnswer, Topic
from dialer.domain.errors import CommandRefused
from dialer.domain.model import AttemptId, Confidence, Mark, MarkKind, MarkSource
from dialer.domain.official_turnout import OfficialFigure
from dialer.domain.record_ids import is_id
from dialer.mqtt.payloads import (
    MOST_ATTEMPTS,
    MOST_FIGURES,
    MOST_MARKS,
    MOST_OPT_OUTS,
    AnswerReport,
    ComplaintReport,
    FigureReport,
    MarkReport,
)
from dialer.rules.number_hash import is_number_hash

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)
_LINE = r"[^\x00-\x1f\x7f\ud800-\udfff]"  # no controls, and no half characters, which JSON can hold


@dataclass(frozen=True, slots=True)
class Value:
    """A key of a command."""

    meaning: str
    read: Callable[[object], Any]  # raises ValueError for what it is not; its text is shown


def _text(pattern: re.Pattern[str]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError
        return value

    return read


def _id(value: object) -> str:
    if not isinstance(value, str) or not is_id(value):
        raise ValueError
    return value


_MARKS = TypeAdapter(list[MarkReport])
_FIGURES = TypeAdapter(list[FigureReport])
_COMPLAINT = TypeAdapter(ComplaintReport)
_ANSWER = TypeAdapter(AnswerReport)


def _checked(adapter: TypeAdapter[Any], value: object) -> Any:
    """The value as its type. Raises ValueError that names the place and the fault, and nothing of what stood there."""
    try:
        return adapter.validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise ValueError(f"{place}: {first['msg']}".removeprefix(": ")) from error


def _list(adapter: TypeAdapter[Any], value: object, most: int) -> list[Any]:
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise ValueError(f"a list of 1 to {most}")
    return list(_checked(adapter, value))


def _marks(value: object) -> tuple[Mark, ...]:
    return tuple(
        Mark(
            key=each.key,
            voter_id=each.voter,
            kind=MarkKind(each.kind),
            source=MarkSource(each.source),
            at=each.at,
            agent=each.by,
            confidence=None if each.confidence is None else Confidence(each.confidence),
        )
        for each in _list(_MARKS, value, MOST_MARKS)
    )


def _figures(value: object) -> tuple[OfficialFigure, ...]:
    return tuple(
        OfficialFigure(
            date.fromisoformat(each.day),
            each.constituency_number,
            each.part_number,
            each.by,
            each.share,
            (each.state_code or "").upper(),
        )
        for each in _list(_FIGURES, value, MOST_FIGURES)
    )


def _complaint(value: object) -> Complaint:
    told: ComplaintReport = _checked(_COMPLAINT, value)
    return Complaint(
        key=told.key,
        at=told.at,
        about=Topic(told.about),
        channel=Channel(told.channel),
        campaign_id=told.campaign,
        attempt_id=None if told.attempt is None else AttemptId(told.attempt),
        phone_id=told.phone,
    )


def _answer(value: object) -> ComplaintAnswer:
    told: AnswerReport = _checked(_ANSWER, value)
    return ComplaintAnswer(told.key, told.complaint, told.at, Answer(told.answer))


def _hashes(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_OPT_OUTS or not all(map(is_number_hash, value)):
        raise ValueError(f"a list of 1 to {MOST_OPT_OUTS}, each of 64 hexadecimal digits")
    return tuple(value)


_ATTEMPT = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


def _attempts(value: object) -> tuple[AttemptId, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_ATTEMPTS:
        raise ValueError(f"a list of 1 to {MOST_ATTEMPTS}")
    if not all(isinstance(each, str) and _ATTEMPT.fullmatch(each) for each in value):
        raise ValueError("ids as `dialer unknown list` shows them")
    return tuple(map(AttemptId, value))


_SERIALS = re.compile(r"(?:([0-9]{1,5}):)?([0-9]{1,5}(?:,[0-9]{1,5}){0,199})", re.ASCII)


def _serials(value: object) -> tuple[tuple[int, ...], int | None]:
    """The serials, and their part where one is named."""
    found = _SERIALS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError
    return tuple(map(int, found[2].split(","))), None if found[1] is None else int(found[1])


VALUES: dict[str, Value] = {
    "campaign": Value("the campaign's id", _text(re.compile(_LINE + "{1,128}"))),
    "seat": Value("the seat's name", _text(re.compile(r"[A-Za-z0-9-]{1,20}", re.ASCII))),
    "to": Value("a name of [[transfers]]", _text(_SLUG)),
    "reason": Value("a word or two", _text(re.compile(_LINE + "{1,64}"))),
    "serials": Value("serials with commas, after the part and a colon where the booth worker has several", _serials),
    "who": Value("who answers for it: an id, no name and no number", _id),
    "batch": Value("what the records came with: an id", _text(re.compile(r"[A-Za-z0-9._-]{1,64}"))),
    "marks": Value(f"1 to {MOST_MARKS} marks", _marks),
    "figures": Value(f"1 to {MOST_FIGURES} official figures", _figures),
    "complaint": Value("the complaint", _complaint),
    "answer": Value("the answer to a complaint", _answer),
    "hashes": Value(f"1 to {MOST_OPT_OUTS} hashes of numbers", _hashes),
    "fingerprint": Value("the fingerprint of the secret", _text(re.compile(r"[0-9a-f]{16}", re.ASCII))),
    "attempts": Value(f"1 to {MOST_ATTEMPTS} attempts", _attempts),
    "source": Value("where they come from: an id, no name and no number", _id),
}


def read_value(command: str, key: str, value: object) -> Any:
    """A command's value of a key. Raises CommandRefused that says what it must be."""
    kind = VALUES[key]
    try:
        return kind.read(value)
    except ValueError as error:
        why = f" ({error})" if str(error) else ""
        raise CommandRefused(f"`{command}` needs `{key}`, {kind.meaning}{why}") from error
