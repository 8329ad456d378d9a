"""Writing centres' batches to headquarters' database.

Rows, the last id of each centre and the position in the stream are committed together.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import structlog

from dialer.domain.clock import Clock
from dialer.domain.enums import MarkKind
from dialer.domain.errors import HeadquartersUnreachable
from dialer.domain.other_centres import VoterPlace
from dialer.hq.database import Database, columns
from dialer.hq.ledger import (
    TEST_MARKS,
    Announced,
    CentreWords,
    DayCounts,
    HeardCentre,
    KeptAnswer,
    KnownCentre,
    TakenMark,
    answers_of,
    opt_out_of,
    read_row,
    take,
    trouble_of,
    turnout_changes,
)
from dialer.hq.peer_messages import peer_messages
from dialer.nats.messages import InvalidMessage, OutboxBatch, unpack_batch
from dialer.nats.session import StoredMessage
from dialer.settings.headquarters import HqSettings
from dialer.store.standing import VoterStanding, standing_of, with_word

_log = structlog.get_logger(__name__)

CentreBooth = tuple[str, str, int, int]
"""Centre, state, constituency, part."""


class GathererDisplaced(HeadquartersUnreachable):
    """Another gatherer is active on the same stream."""


@dataclass(frozen=True, slots=True)
class ReceivedBatch:
    """A message of the stream of batches."""

    position: int
    subject: str
    batch: OutboxBatch | None  # None: the message is invalid
    problem: str = ""


Row = TypeVar("Row", Announced, TakenMark)
RowWithFields = tuple[Row, dict[str, Any]]
"""A row and the fields of its payload."""


def read_message(message: StoredMessage) -> ReceivedBatch:
    """Return the batch in a message, or why there is none."""
    try:
        return ReceivedBatch(message.position, message.subject, unpack_batch(message.data))
    except InvalidMessage as error:
        return ReceivedBatch(message.position, message.subject, None, str(error))


class BatchWriter:
    """Writes batches to headquarters' database, all that arrived together in one transaction."""

    def __init__(self, settings: HqSettings, db: Database, clock: Clock) -> None:
        """`db` is the connection that holds the gatherers' lock."""
        self._zone = ZoneInfo(settings.gather.time_zone)
        self._db = db
        self._clock = clock
        self._booths: set[CentreBooth] = set()  # those in the database
        self._words = CentreWords()

    async def write(self, stream: str, before: int, arrived: Sequence[ReceivedBatch]) -> dict[str, int]:
        """Commit batches that follow position `before` of the stream; return the committed outbox id of each centre.

        Raises GathererDisplaced where another gatherer has moved the position.
        """
        now = self._clock.now()
        async with self._db.transaction():
            if await self._db.value("move_position", stream, arrived[-1].position, before) is None:
                raise GathererDisplaced("another gatherer is active on this stream: this one waits for the lock again")
            centres = sorted({each.batch.centre for each in arrived if each.batch is not None})
            known = {
                row["centre"]: KnownCentre(row["zone"], row["last_id"])
                for row in await self._db.rows("centres", centres)
            }
            received: dict[str, HeardCentre] = {}
            for each in arrived:
                try:
                    if each.batch is None:
                        raise InvalidMessage(each.problem)
                    take(each.batch, each.subject, known, received)
                except InvalidMessage as error:
                    _log.warning("batch.refused", subject=each.subject, problem=str(error))
                    await self._db.do("trouble", each.subject.removeprefix("up."), str(error), now)
            booths = await self._write_rows(known, received, now)
            of_centres = [
                (name, each.last_id, each.made_at, each.lost, trouble_of(each, now)) for name, each in received.items()
            ]
            names, ids, made, lost, trouble = columns(of_centres, 5)
            await self._db.do("centres_heard", names, ids, made, lost, now, trouble)
        self._booths |= booths
        for name, of_centre in received.items():
            if of_centre.lost:
                _log.warning("batch.rows_lost", centre=name, ids=of_centre.lost)
        return {name: each.last_id for name, each in received.items()}

    async def _write_rows(
        self, known: dict[str, KnownCentre], received: dict[str, HeardCentre], now: float
    ) -> set[CentreBooth]:
        """Insert rows and everything derived from them; return the booths that are new to a centre."""
        received_marks: list[RowWithFields[TakenMark]] = []
        received_others: list[RowWithFields[Announced]] = []
        for name, each in received.items():
            for given in each.rows:
                row, fields = read_row(name, given, now)
                if isinstance(row, TakenMark):
                    received_marks.append((row, fields))
                else:
                    received_others.append((row, fields))
        marks = await self._insert_new("insert_marks", "fresh_mark", received_marks, _mark_columns)
        others = await self._insert_new("insert_announced", "fresh_announced", received_others, _announced_columns)

        def counts_word(centre: str, word: str) -> bool:
            return self._words.take(received[centre], centre, word)

        days = DayCounts(self._zone, counts_word)
        for mark, fields in marks:
            days.add(mark, fields)
        for other, fields in others:
            days.add(other, fields)
        if days.counts:
            counts = sorted((*key, count) for key, count in days.counts.items())
            await self._db.do("count_days", *columns(counts, 4))
        new_opt_outs = [found for row in others if (found := opt_out_of(*row)) is not None]
        new_answers = [answer for row in others for answer in answers_of(*row)]
        answers = {
            (answer.place, answer.question): answer
            for answer in new_answers
            if counts_word(answer.centre, f"question/{answer.question}")
        }
        if answers:
            rows = sorted(map(_answer_columns, answers.values()), key=itemgetter(*range(6)))
            await self._db.do("keep_answers", *columns(rows, 9))
        opt_outs = (
            [tuple(row) for row in await self._db.rows("keep_opt_outs", *columns(new_opt_outs, 3))]
            if new_opt_outs
            else []
        )
        tested = {row.centre: row.at for row, _ in others if row.topic == TEST_MARKS}
        if tested:
            await self._db.do("keep_test_marks", *columns(sorted(tested.items()), 2), now)
        booths = {(mark.centre, *_place_columns(mark.place)[:3]) for mark, _ in marks} - self._booths
        if booths:
            await self._db.do("add_centre_booths", *columns(sorted(booths), 4))
        await self._update_voters(known, [mark for mark, _ in marks])
        peer_marks = [
            (mark.centre, known[mark.centre].zone, mark.place, fields) for mark, fields in marks if mark.is_for_peers
        ]
        outgoing = peer_messages(opt_outs, peer_marks)
        if outgoing:
            await self._db.do("add_side", *columns(outgoing, 2))
        return booths

    async def _insert_new(
        self, name: str, table: str, rows: list[RowWithFields[Row]], values: Callable[[Row], tuple[Any, ...]]
    ) -> list[RowWithFields[Row]]:
        """Insert rows through a temporary table and return the new ones. Usually all are, and no list of them is read back."""
        if not rows:
            return []
        await self._db.fill(table, [values(row) for row, _ in rows])
        with contextlib.suppress(_SomeStored):
            async with self._db.transaction():
                if await self._db.count(name) < len(rows):
                    raise _SomeStored
                return rows
        new = await self._db.written(name)
        return [row for row in rows if (row[0].centre, row[0].id) in new]

    async def _update_voters(self, known: dict[str, KnownCentre], marks: Sequence[TakenMark]) -> None:
        """Update voters and turnout with marks that have been inserted."""
        if not marks:
            return
        stored = {
            _place(row): VoterStanding(row["turnout"], row["reached"], row["not_yet"])
            for row in await self._db.rows("voters")
        }
        recomputed = [*dict.fromkeys(mark.place for mark in marks if mark.is_undo)]
        history: dict[VoterPlace, list[tuple[str, str, float]]] = {place: [] for place in recomputed}
        if recomputed:
            for row in await self._db.rows("marks_of", *columns([_place_columns(place) for place in recomputed], 5)):
                history[_place(row)].append((row["kind"], row["source"], row["at"]))
        changes, after = [], dict(stored)
        for mark in marks:
            before = after.get(mark.place, VoterStanding())
            now = standing_of(history[mark.place]) if mark.place in history else with_word(before, MarkKind(mark.kind))
            if now != before:
                changes.append((mark.place, known[mark.centre].zone, mark.at, before, now))
                after[mark.place] = now
        changed = [
            (*_place_columns(place), standing.turnout, standing.reached, standing.not_yet)
            for place, standing in after.items()
            if stored.get(place) != standing
        ]
        if changed:
            await self._db.fill("fresh_voter", sorted(changed))
            await self._db.do("keep_voters")
        sums = turnout_changes(changes)
        if sums:
            await self._db.do("count_turnout", *columns(sorted((*area, *more) for area, more in sums.items()), 9))


class _SomeStored(Exception):
    """Rolls the insert back where some rows were stored already; it is repeated with a list of the new ones."""


# Faster than `astuple`, which copies each value deeply.
_announced_columns = attrgetter("at", "centre", "topic", "key", "id", "payload")
_place_columns = attrgetter("state_code", "constituency_number", "part_number", "serial", "roll_version")


def _place(row: Any) -> VoterPlace:
    return VoterPlace(
        row["roll_version"], row["state_code"], row["constituency_number"], row["part_number"], row["serial"]
    )


def _mark_columns(mark: TakenMark) -> tuple[Any, ...]:
    fields = (mark.key, mark.kind, mark.source, mark.at, mark.undoes, mark.centre, mark.id, mark.payload)
    return (*_place_columns(mark.place), *fields)


def _answer_columns(answer: KeptAnswer) -> tuple[Any, ...]:
    return (*_place_columns(answer.place), answer.question, answer.value, answer.at, answer.centre)
