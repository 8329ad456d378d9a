"""Convert the rows of a centre's results to rows of headquarters' database. Without I/O.

Every row is counted once. Rows that headquarters has committed already are skipped, after dialer/hq/repeated_rows.py
has compared them with the stored rows. If a centre restores a backup and sends a row again, the row has the same key as
before, so it is not stored twice.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import Any, NamedTuple

from pydantic import ValidationError

from dialer.domain.enums import MarkKind
from dialer.domain.model import FLOW_ANSWERS, Direction, MarkSource, Outcome
from dialer.domain.other_centres import CALLS_KEPT_SECONDS, classify_call_for_other_centres
from dialer.domain.person_ids import is_number_hash
from dialer.domain.schema import get_type_adapter
from dialer.domain.sealed_epochs import SealedEpoch
from dialer.domain.voter_place import VoterPlace
from dialer.hq.set_aside import SetAsideRow, UnreadableRow
from dialer.hq.stores import KnownStore
from dialer.nats.messages import BatchRow, InvalidMessage, OutboxBatch
from dialer.store.voter_status import VoterStatus

TEST_MARKS = "results/test-marks"
SEALED_EPOCHS = "results/sealed-epochs"
ANSWERS, ATTEMPTS, DISPOSITIONS = "results/answers", "results/attempts", "results/dispositions"
TOPICS_WITH_ANSWERS = frozenset({ANSWERS, DISPOSITIONS})
FLOW_ANSWERS_COUNT, PEOPLE_TAKEN_FOR_MACHINES = "flow-answers", "people-taken-for-machines"
"""Counters of a day (table `day_count`) of campaigns with machine detection."""
MAX_NAMES = 1_000
"""Names that a centre may use while a gatherer runs. The script of a campaign has some dozens."""
MAX_EPOCH_SECONDS = 4e9
"""The latest time of a row that counts as possible, in the year 2096."""
_ATTEMPT_TOPICS = frozenset({ANSWERS, ATTEMPTS, DISPOSITIONS})
_RECORDING = re.compile(r"RE[0-9a-f]{32}")
_MAX_ANSWER_LETTERS = 500
_MAX_MARK_LETTERS = 128
"""Of each text of a mark. Diallers reject longer ones, so a mark with one must not become a peer update."""
_KINDS = frozenset(MarkKind)
_SOURCES = frozenset(MarkSource)


@dataclass(slots=True)
class CentreRows:
    """A centre's new rows of results that the next commit stores."""

    store: KnownStore
    created_at: float = 0.0  # of the newest row (epoch seconds)
    lost_rows: int = 0
    rows: list[BatchRow] = field(default_factory=list)
    set_aside: list[SetAsideRow] = field(default_factory=list)
    problem: str = ""
    last_batch: OutboxBatch | None = None


def refuse_batch_of_wrong_centre(batch: OutboxBatch, subject: str, centres: Container[str]) -> None:
    """Raise InvalidMessage if a batch is from an unknown centre, or arrived on the NATS subject of another centre."""
    centre = batch.centre
    if subject != f"up.{centre}":
        raise InvalidMessage(
            f"results of centre {centre} arrived on {subject}, the NATS subject of another centre: check that each "
            "of the two centres has its own key file (`nkey_file`)"
        )
    if centre not in centres:
        raise InvalidMessage(f"centre {centre} is not in headquarters' settings: add the centre to [[centres]]")


def add_new_rows_of_batch(batch: OutboxBatch, rows: CentreRows, now: float) -> None:
    """Add the new rows of a batch to `rows`, which the next commit stores.

    Nothing is added if all rows are stored already, or if rows before the batch are missing. The acknowledgement then
    tells the centre which row to send next. A row from the future counts as created at `now` (epoch seconds).
    """
    store = rows.store
    rows.last_batch = batch
    if batch.last <= store.last_id or batch.first > store.last_id + 1:
        return
    new_rows = [row for row in batch.rows if row.id > store.last_id]
    rows.lost_rows += max(0, min(batch.deleted_through, batch.last) - store.last_id)
    rows.rows += new_rows
    rows.created_at = max([rows.created_at, *(min(row.at, now) for row in new_rows if 0 < row.at < MAX_EPOCH_SECONDS)])
    store.last_id = batch.last


class NameLimit:
    """A limit on how many names of questions, outcomes, dispositions and seat states a centre may use.

    Each name becomes a row of a table. Without a limit, a faulty or malicious centre could fill that table.
    """

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = defaultdict(set)

    def is_result_name_within_limit(self, rows: CentreRows, centre: str, name: str) -> bool:
        """Return whether headquarters counts a centre's results under this name, such as the name of an outcome.

        Results under names after the first `MAX_NAMES` are stored but not counted, which is reported as a problem of the
        centre.
        """
        names = self._names[centre]
        if name not in names and len(names) >= MAX_NAMES:
            rows.problem = (
                f"more than {MAX_NAMES} names of questions, outcomes and dispositions: results with further names are stored,"
                " but not counted"
            )
            return False
        names.add(name)
        return True


class ResultRow(NamedTuple):
    """A row with a result of a centre, such as a call. Facts about voters (marks) are in a `MarkRow` instead.

    The fields are in the order of the columns of the table `new_result`.
    """

    at: float
    centre: str
    topic: str
    key: str
    id: int
    payload: str  # JSON


@dataclass(frozen=True, slots=True)
class MarkRow:
    """A row with a mark: a fact about a voter."""

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
    def changes_earlier_marks(self) -> bool:
        """Whether this mark (fact about a voter) undoes or corrects earlier marks of the voter.

        Then the voter's status must be computed again from all marks.
        """
        return self.undoes is not None or self.source == MarkSource.CORRECTION

    @property
    def is_mark_sent_to_other_centres(self) -> bool:
        """Whether headquarters forwards this mark (fact about a voter) to other centres."""
        return self.changes_earlier_marks or self.kind == MarkKind.VOTED


def parse_outbox_row(centre: str, row: BatchRow, now: float) -> tuple[ResultRow | MarkRow, dict[str, Any]]:
    """Return a row of a centre's outbox (results to send) as (database row, fields of its payload).

    A mark (fact about a voter) from the future gets the time `now` (epoch seconds). Other results keep their time,
    which identifies results that are sent twice. Raises UnreadableRow if the payload is not a JSON object, or cannot be
    stored.
    """
    at = row.at if 0 < row.at < MAX_EPOCH_SECONDS else now
    topic = shorten_topic_for_database(row.topic)
    try:
        fields = _PAYLOADS.decode(row.payload)
        if not isinstance(fields, dict) or "\\u0000" in row.payload:
            raise ValueError(
                f"result {row.id} of centre {centre} is not a JSON object, or contains a NUL character: look it up "
                "in the centre's store"
            )
        row.payload.encode()
    except (ValueError, RecursionError) as error:
        raise UnreadableRow(
            f"headquarters cannot read result {row.id} of centre {centre} ({type(error).__name__}): look it up in "
            "the centre's store"
        ) from error
    if fields.keys() == {"too_large_bytes"}:
        raise UnreadableRow(
            f"result {row.id} of centre {centre} was too long ({fields['too_large_bytes']} bytes) to be sent to "
            "headquarters: look it up in the centre's store"
        )
    if (
        topic == "results/marks"
        and (mark := _parse_voter_mark_in_result(centre, row, min(at, now), fields, now)) is not None
    ):
        return mark, fields
    if topic == SEALED_EPOCHS:
        return ResultRow(
            at,
            centre,
            topic,
            parse_signed_log_entry(row.payload).compute_digest_of_signed_log_entry(),
            row.id,
            row.payload,
        ), fields
    key = fields.get("attempt_id") if topic in _ATTEMPT_TOPICS else fields.get("number_hash")
    if topic == ANSWERS:  # an attempt has several
        key = f"{key}/{','.join(sorted(answers))}" if isinstance(answers := fields.get("answers"), dict) else None
    return ResultRow(
        at, centre, topic, str(key or _compute_result_key_from_payload(row.payload))[:128], row.id, row.payload
    ), fields


def shorten_topic_for_database(topic: str) -> str:
    """Return the topic of a result as the database stores it: at most 128 characters, without NUL."""
    return topic[:128].replace("\0", "")


def parse_signed_log_entry(payload: str) -> SealedEpoch:
    """Return the entry of a store's signed log (epoch) in the payload of a result. Raises UnreadableRow."""
    try:
        return get_type_adapter(SealedEpoch).validate_json(payload, strict=True)
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        raise UnreadableRow(
            f"an entry of a centre's signed log cannot be read ({problem}): update Matdan at headquarters"
        ) from error


def _compute_result_key_from_payload(payload: str) -> str:
    """Return the hash of a result's payload as its key, for results that contain no key.

    A restored store may send a result again under another row id. The equal key shows that it is the same result.
    """
    return hashlib.sha256(payload.encode("utf-8", "surrogatepass")).hexdigest()


def _refuse_number_that_is_not_finite(constant: str) -> None:
    raise ValueError(constant)


_PAYLOADS = json.JSONDecoder(parse_constant=_refuse_number_that_is_not_finite)


def _parse_voter_mark_in_result(
    centre: str, row: BatchRow, at: float, fields: Mapping[str, Any], now: float
) -> MarkRow | None:
    """Return the mark (fact about a voter) in a result, or None if the result has no valid fields of a mark."""
    place, key, undoes = parse_voter_place_on_roll(fields), fields.get("key"), fields.get("undoes")
    kind, source, marked_at = fields.get("kind"), fields.get("source"), fields.get("at")
    if place is None or not isinstance(marked_at, int | float | None):
        return None
    texts = [place.roll_version, place.state_code, key, kind, source, fields.get("confidence") or ""]
    texts += [] if undoes is None else [undoes]
    if not all(isinstance(text, str) and len(text) <= _MAX_MARK_LETTERS for text in texts):
        return None
    if kind not in _KINDS or source not in _SOURCES:
        return None
    marked_at = min(float(marked_at), now) if marked_at is not None and 0 <= marked_at < MAX_EPOCH_SECONDS else at
    return MarkRow(place, fields["key"], kind, source, marked_at, undoes, centre, row.id, row.payload)


def parse_voter_place_on_roll(fields: Mapping[str, Any]) -> VoterPlace | None:
    """Return the place on the electoral roll of the voter in a result, or None if the result has no valid place."""
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
    """Counts of results by centre, day and name, for the table `day_count`."""

    def __init__(self, zone: tzinfo, accepts: Callable[[str, str], bool], now: float) -> None:
        """Create counters that are all 0.

        `zone` is the time zone of the days. A result from the future is counted at `now` (epoch seconds). `accepts` is
        called with a centre and a name, such as that of an outcome. If it returns False, the results with that name are
        not counted.
        """
        self._zone = zone
        self._now = now
        self._accepts = accepts
        self._days: dict[int, date] = {}  # by quarter of an hour: offsets of time zones are multiples of it
        self.counts: dict[tuple[str, date, str], float] = defaultdict(float)

    def add_result_to_day_counts(self, row: ResultRow | MarkRow, fields: Mapping[str, Any]) -> None:
        """Add a new row of a centre's results to the counts of its day."""
        day = self._convert_time_to_local_date(row.at)
        if isinstance(row, MarkRow):
            self.counts[row.centre, day, f"mark/{row.kind}"] += 1
            return
        match row.topic:
            case "results/attempts":
                self.counts[row.centre, day, "attempts"] += 1
                outcome = str(fields.get("outcome"))[:40]
                self._count_result_if_name_is_accepted(row.centre, day, f"outcome/{outcome}", 1)
                if fields.get("direction") == Direction.INBOUND:
                    self._count_result_if_name_is_accepted(row.centre, day, f"inbound/{outcome}", 1)
                else:
                    self._count_result_of_machine_detection(row.centre, day, outcome, fields)
            case "results/dispositions":
                self._count_result_if_name_is_accepted(
                    row.centre, day, f"disposition/{str(fields.get('disposition'))[:40]}", 1
                )
            case "results/opt-outs":
                self.counts[row.centre, day, "opt-outs"] += 1
            case "results/seat-hours":
                seconds = fields.get("seconds")
                for state, spent in (seconds if isinstance(seconds, dict) else {}).items():
                    if isinstance(spent, int | float) and 0 <= spent < MAX_EPOCH_SECONDS:
                        self._count_result_if_name_is_accepted(row.centre, day, f"seat/{state[:40]}", spent)

    def _count_result_of_machine_detection(
        self, centre: str, day: date, outcome: str, fields: Mapping[str, Any]
    ) -> None:
        """Count a call for the abandoned-call rate if answering-machine detection was used in it.

        An answered call of an IVR flow counts as one answer. A call that was taken for a machine adds
        `false_positive_share`: the estimated share of people among such calls (0-1).
        """
        share = fields.get("false_positive_share")
        if not isinstance(share, int | float) or not 0 < share <= 1:
            return
        if outcome in FLOW_ANSWERS:
            self.counts[centre, day, FLOW_ANSWERS_COUNT] += 1
        elif outcome == Outcome.MACHINE and fields.get("connected_at") is None:
            self.counts[centre, day, PEOPLE_TAKEN_FOR_MACHINES] += share

    def _count_result_if_name_is_accepted(self, centre: str, day: date, what: str, count: float) -> None:
        if self._accepts(centre, what):
            self.counts[centre, day, what] += count

    def _convert_time_to_local_date(self, at: float) -> date:
        at = min(at, self._now)
        quarter = int(at // 900)
        if quarter not in self._days:
            self._days[quarter] = datetime.fromtimestamp(at, self._zone).date()
        return self._days[quarter]


class OptOutRow(NamedTuple):
    """An opt-out with the hash of its phone number, by which other centres recognise the number."""

    number_hash: str
    at: float
    centre: str


def parse_opt_out(row: ResultRow, fields: Mapping[str, Any], now: float) -> OptOutRow | None:
    """Return the opt-out in a result, or None if the result is not an opt-out or has no hash of the number.

    The opt-out's time is at most `now` (epoch seconds).
    """
    hashed = fields.get("number_hash")
    if row.topic != "results/opt-outs" or not is_number_hash(hashed):
        return None
    return OptOutRow(str(hashed), min(row.at, now), row.centre)


class PeerCallRow(NamedTuple):
    """A call with the hash of its number, by which other centres can recognise the number."""

    number_hash: str
    at: float  # when it ended (epoch seconds)
    kind: str
    centre: str


def parse_call_for_other_centres(row: ResultRow, fields: Mapping[str, Any], now: float) -> PeerCallRow | None:
    """Return the call in a result if other centres must know of it, otherwise None.

    They must know of a call that starts a minimum interval before the next call to its number. None is returned for a
    call whose interval is over, and for a result without a call or without a hash of the number. The call's time is at
    most `now` (epoch seconds).
    """
    hashed, outcome, ended_at = fields.get("number_hash"), fields.get("outcome"), fields.get("ended_at")
    if row.topic != ATTEMPTS or not is_number_hash(hashed) or not isinstance(ended_at, int | float):
        return None
    at = min(float(ended_at), now)
    kind = classify_call_for_other_centres(
        str(outcome), str(fields.get("direction")), is_connected=fields.get("connected_at") is not None
    )
    if kind is None or not now - CALLS_KEPT_SECONDS < at:
        return None
    return PeerCallRow(str(hashed), at, kind.value, row.centre)


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """A voter's answer to a question of a flow or a script."""

    place: VoterPlace
    question: str
    value: str | None  # None: the answer was withdrawn, or the centre does not publish it
    at: float
    centre: str


def parse_answers_in_result(row: ResultRow, fields: Mapping[str, Any], now: float) -> list[AnswerRow]:
    """Return the voter's answers to questions in a result, without the names of recordings.

    The list is empty if the result does not say which voter answered. Answers from the future get the time `now` (epoch
    seconds). Otherwise a centre whose clock is ahead could block later answers.
    """
    answers, place = fields.get("answers"), parse_voter_place_on_roll(fields)
    if row.topic not in TOPICS_WITH_ANSWERS or place is None or not isinstance(answers, dict):
        return []
    recording_prefix = f"{fields.get('attempt_id')}-"
    return [
        AnswerRow(
            place,
            question[:80],
            value[:_MAX_ANSWER_LETTERS] if isinstance(value, str) else None,
            min(row.at, now),
            row.centre,
        )
        for question, value in answers.items()
        if not (isinstance(value, str) and (value.startswith(recording_prefix) or _RECORDING.fullmatch(value)))
    ]


class TurnoutArea(NamedTuple):
    """An area for which turnout is counted, such as a polling station.

    Fields that this kind of area does not need are empty or 0.
    """

    kind: str  # booth, constituency, state, zone, all
    zone: str
    state_code: str
    constituency_number: int
    part_number: int


class StatusChange(NamedTuple):
    """A change of a voter's status, such as from "not voted yet" to "voted"."""

    place: VoterPlace
    zone: str  # of the centre that reported it
    at: float
    before: VoterStatus
    after: VoterStatus


class TurnoutChange(NamedTuple):
    """Counts of voters to be added to the turnout figures of an area."""

    contacted: int
    voted: int
    not_yet: int
    at: float  # of the newest change


def sum_turnout_changes(changes: Iterable[StatusChange]) -> dict[TurnoutArea, TurnoutChange]:
    """Return how the changes of voters' statuses change the turnout figures of each area. Unchanged areas are left out."""
    sums: dict[TurnoutArea, list[int]] = defaultdict(lambda: [0, 0, 0])
    newest: dict[TurnoutArea, float] = defaultdict(float)
    for place, zone, at, before, after in changes:
        differences = (
            after.contacted - before.contacted,
            (after.turnout == "voted") - (before.turnout == "voted"),
            after.not_yet - before.not_yet,
        )
        if not any(differences):
            continue
        state, constituency, part = place.state_code, place.constituency_number, place.part_number
        areas = (
            TurnoutArea("booth", "", state, constituency, part),
            TurnoutArea("constituency", "", state, constituency, 0),
            TurnoutArea("state", "", state, 0, 0),
            TurnoutArea("zone", zone, "", 0, 0),
            TurnoutArea("all", "", "", 0, 0),
        )
        for area in areas:
            newest[area] = max(at, newest[area])
            sums[area] = [figure + difference for figure, difference in zip(sums[area], differences, strict=True)]
    return {
        area: TurnoutChange(contacted, voted, not_yet, newest[area])
        for area, (contacted, voted, not_yet) in sums.items()
        if contacted or voted or not_yet
    }
