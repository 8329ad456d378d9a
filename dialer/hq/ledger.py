"""What a batch of a centre means for headquarters' books. Pure.

Every row is taken once: those up to the id that a centre has committed here are known, and one that a restored centre announces
again bears the key of the first.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import Any

from dialer.domain.enums import MarkKind
from dialer.domain.model import MarkSource
from dialer.domain.person_ids import is_number_hash
from dialer.domain.voter_place import VoterPlace
from dialer.nats.messages import BatchRow, InvalidMessage, OutboxBatch
from dialer.store.voter_status import VoterStatus

TEST_MARKS = "results/test-marks"
ANSWERS, DISPOSITIONS = "results/answers", "results/dispositions"
_OF_ATTEMPTS = frozenset({ANSWERS, "results/attempts", DISPOSITIONS})
_RECORDING = re.compile(r"RE[0-9a-f]{32}")
_MOST_ANSWER = 500
AHEAD_SECONDS = 300.0
"""How far a centre's clock may be ahead of ours before it is said."""
MOST_WORDS = 1_000
"""Of a centre, while a gatherer runs: a campaign's script has some dozens."""
_MOST_WORD = 128
"""Letters of each word of a mark, as diallers take them from others: a longer one is no mark, and would be told to none."""
_LATEST = 4e9
_KINDS = frozenset(MarkKind)
_SOURCES = frozenset(MarkSource)


@dataclass(frozen=True, slots=True)
class KnownCentre:
    """A centre, as the books have it."""

    zone: str
    last_id: int


@dataclass(slots=True)
class HeardCentre:
    """What came of a centre in one commit."""

    last_id: int
    made_at: float = 0.0
    lost: int = 0
    rows: list[BatchRow] = field(default_factory=list)
    trouble: str = ""


def take(batch: OutboxBatch, subject: str, known: Mapping[str, KnownCentre], heard: dict[str, HeardCentre]) -> None:
    """Take a batch in behind what was `heard` of its centre in this commit. One with a gap before it, or that is known, adds
    nothing: the centre is told what it is to follow. Raises InvalidMessage for one that is not its sender's.
    """
    centre = batch.centre
    if subject != f"up.{centre}":
        raise InvalidMessage(f"a batch that says it is of {centre} came on {subject}: it bears another's key, or name")
    if centre not in known:
        raise InvalidMessage(f"{centre} is no centre of this headquarters: add it to [[centres]]")
    so_far = heard.setdefault(centre, HeardCentre(known[centre].last_id))
    if batch.last <= so_far.last_id or batch.first > so_far.last_id + 1:
        return
    fresh = [row for row in batch.rows if row.id > so_far.last_id]
    so_far.lost += max(0, min(batch.deleted_through, batch.last) - so_far.last_id)
    so_far.rows += fresh
    so_far.made_at = max([so_far.made_at, *(row.at for row in fresh if 0 < row.at < _LATEST)])
    so_far.last_id = batch.last


def trouble_of(heard: HeardCentre, now: float) -> str | None:
    """What is wrong with a centre whose rows were taken all the same; None: nothing."""
    ahead = heard.made_at - now
    found = [heard.trouble] if heard.trouble else []
    found += [f"its clock is {ahead:.0f} s ahead of ours"] if ahead > AHEAD_SECONDS else []
    return "; ".join(found) or None


class CentreWords:
    """The words of which a centre makes rows and columns here: questions, outcomes, dispositions, states of seats. Their number is
    bounded, or one centre that errs, or lies, fills the tables of all.
    """

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = defaultdict(set)

    def take(self, heard: HeardCentre, centre: str, word: str) -> bool:
        """Whether the word counts; one too many is said in the centre's trouble."""
        known = self._known[centre]
        if word not in known and len(known) >= MOST_WORDS:
            heard.trouble = (
                f"it has used more than {MOST_WORDS} names of questions, outcomes and dispositions: new ones are kept as they came,"
                " and counted nowhere"
            )
            return False
        known.add(word)
        return True


@dataclass(frozen=True, slots=True)
class Announced:
    """A row that is no mark."""

    at: float
    centre: str
    topic: str
    key: str
    id: int
    payload: str  # JSON


@dataclass(frozen=True, slots=True)
class TakenMark:
    """A mark."""

    place: VoterPlace
    key: str
    kind: str
    source: str
    at: float
    undoes: str | None
    centre: str
    id: int
    payload: str  # JSON

    @property
    def takes_back(self) -> bool:
        """Whether the voter's standing must be worked out from all that was said."""
        return self.undoes is not None or self.source == MarkSource.CORRECTION

    @property
    def goes_sideways(self) -> bool:
        """Whether other centres are told."""
        return self.takes_back or self.kind == MarkKind.VOTED


def read_row(centre: str, row: BatchRow, now: float) -> tuple[Announced | TakenMark, dict[str, Any]]:
    """The row as the books have it, and its payload's fields. What cannot be read is kept as it came."""
    at = row.at if 0 < row.at < _LATEST else now
    topic = row.topic[:128].replace("\0", "")
    try:
        fields = _PAYLOADS.decode(row.payload)
        if not isinstance(fields, dict) or "\\u0000" in row.payload:
            raise ValueError
    except (ValueError, RecursionError):
        text = json.dumps({"unreadable": row.payload.replace("\0", "").replace("\\u0000", "")})
        return Announced(at, centre, topic, str(row.id), row.id, text), {}
    if topic == "results/marks" and (mark := _mark(centre, row, at, fields)) is not None:
        return mark, fields
    key = fields.get("attempt_id") if topic in _OF_ATTEMPTS else fields.get("number_hash")
    if topic == ANSWERS:  # one attempt has several
        key = f"{key}/{','.join(sorted(answers))}" if isinstance(answers := fields.get("answers"), dict) else None
    return Announced(at, centre, topic, str(key or row.id)[:128], row.id, row.payload), fields


def _refuse(constant: str) -> None:
    raise ValueError(constant)


_PAYLOADS = json.JSONDecoder(parse_constant=_refuse)


def _mark(centre: str, row: BatchRow, at: float, fields: Mapping[str, Any]) -> TakenMark | None:
    place, key, undoes = place_of(fields), fields.get("key"), fields.get("undoes")
    kind, source, said_at = fields.get("kind"), fields.get("source"), fields.get("at")
    if place is None or not isinstance(said_at, int | float | None):
        return None
    words = [place.roll_version, place.state_code, key, kind, source, fields.get("confidence") or ""]
    words += [] if undoes is None else [undoes]
    if not all(isinstance(word, str) and len(word) <= _MOST_WORD for word in words):
        return None
    if kind not in _KINDS or source not in _SOURCES:
        return None
    said_at = float(said_at) if isinstance(said_at, int | float) and 0 <= said_at < _LATEST else at
    return TakenMark(place, fields["key"], kind, source, said_at, undoes, centre, row.id, row.payload)


def place_of(fields: Mapping[str, Any]) -> VoterPlace | None:
    """Return the place of the voter whom a result is about; None: it names none."""
    place = fields.get("place")
    if not isinstance(place, dict):
        return None
    version, state = place.get("roll_version"), place.get("state_code")
    numbers = [place.get(name) for name in ("constituency_number", "part_number", "serial")]
    if not isinstance(version, str) or not isinstance(state, str):
        return None
    if not all(isinstance(number, int) and 0 <= number < 2**31 for number in numbers):
        return None
    return VoterPlace(version, state, *numbers)  # type: ignore[arg-type]


class DayCounts:
    """What is counted of a centre's day."""

    def __init__(self, zone: tzinfo, takes: Callable[[str, str], bool]) -> None:
        """`zone` says when a day ends, `takes` whether a centre's word counts."""
        self._zone = zone
        self._takes = takes
        self._days: dict[int, date] = {}  # by quarters of an hour: zones differ by no less
        self.counts: dict[tuple[str, date, str], float] = defaultdict(float)

    def add(self, row: Announced | TakenMark, fields: Mapping[str, Any]) -> None:
        """Count a row that is new."""
        day = self._day(row.at)
        if isinstance(row, TakenMark):
            self.counts[row.centre, day, f"mark/{row.kind}"] += 1
            return
        match row.topic:
            case "results/attempts":
                self.counts[row.centre, day, "attempts"] += 1
                self._add(row.centre, day, f"outcome/{str(fields.get('outcome'))[:40]}", 1)
            case "results/dispositions":
                self._add(row.centre, day, f"disposition/{str(fields.get('disposition'))[:40]}", 1)
            case "results/opt-outs":
                self.counts[row.centre, day, "opt-outs"] += 1
            case "results/seat-hours":
                seconds = fields.get("seconds")
                for state, spent in (seconds if isinstance(seconds, dict) else {}).items():
                    if isinstance(spent, int | float) and 0 <= spent < _LATEST:
                        self._add(row.centre, day, f"seat/{state[:40]}", spent)

    def _add(self, centre: str, day: date, what: str, count: float) -> None:
        if self._takes(centre, what):
            self.counts[centre, day, what] += count

    def _day(self, at: float) -> date:
        quarter = int(at // 900)
        if quarter not in self._days:
            self._days[quarter] = datetime.fromtimestamp(at, self._zone).date()
        return self._days[quarter]


def opt_out_of(row: Announced, fields: Mapping[str, Any]) -> tuple[str, float, str] | None:
    """Hash, moment and centre of an opt-out that others can understand; None: it is none."""
    hashed = fields.get("number_hash")
    return (str(hashed), row.at, row.centre) if row.topic == "results/opt-outs" and is_number_hash(hashed) else None


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a voter answered, to a flow or an agent."""

    place: VoterPlace
    question: str
    value: str | None  # None: it is answered no more, or the centre keeps it to itself
    at: float
    centre: str


def answers_of(row: Announced, fields: Mapping[str, Any]) -> list[KeptAnswer]:
    """The answers in a row; none where it does not say whose they are. The name of a recording is no answer."""
    answers, place = fields.get("answers"), place_of(fields)
    if row.topic not in {ANSWERS, DISPOSITIONS} or place is None or not isinstance(answers, dict):
        return []
    recorded = f"{fields.get('attempt_id')}-"
    return [
        KeptAnswer(place, question[:80], value[:_MOST_ANSWER] if isinstance(value, str) else None, row.at, row.centre)
        for question, value in answers.items()
        if not (isinstance(value, str) and (value.startswith(recorded) or _RECORDING.fullmatch(value)))
    ]


Area = tuple[str, str, str, int, int]
"""Kind, zone, state, constituency, part."""


def turnout_changes(
    changes: Iterable[tuple[VoterPlace, str, float, VoterStatus, VoterStatus]],
) -> dict[Area, tuple[int, int, int, float]]:
    """What voters' changes (place, zone of who says so, when, standing before and after) add to each area: reached, voted, not yet;
    and when the newest was said.
    """
    found: dict[Area, list[int]] = defaultdict(lambda: [0, 0, 0])
    newest: dict[Area, float] = defaultdict(float)
    for place, zone, at, before, after in changes:
        change = (
            after.reached - before.reached,
            (after.turnout == "voted") - (before.turnout == "voted"),
            after.not_yet - before.not_yet,
        )
        if not any(change):
            continue
        state, constituency, part = place.state_code, place.constituency_number, place.part_number
        areas: tuple[Area, ...] = (
            ("booth", "", state, constituency, part),
            ("constituency", "", state, constituency, 0),
            ("state", "", state, 0, 0),
            ("zone", zone, "", 0, 0),
            ("all", "", "", 0, 0),
        )
        for area in areas:
            sums, newest[area] = found[area], max(at, newest[area])
            for place_in, more in enumerate(change):
                sums[place_in] += more
    return {area: (sums[0], sums[1], sums[2], newest[area]) for area, sums in found.items() if any(sums)}
