"""Import centres' batches of results into headquarters' database.

A batch is a message with a range of rows of a centre's outbox: its table of results to send. The import also updates
the daily counters. It queues the opt-outs, marks (facts about voters, such as "has voted") and call times that other
centres must receive.

One transaction commits the rows of a batch, the last stored row id of its centre, and the position in the stream. So a
gatherer (the process that imports) that is killed continues where its last commit ended.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter, itemgetter
from typing import Any, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import structlog

from dialer.domain.clock import Clock
from dialer.domain.enums import MarkKind
from dialer.domain.errors import HeadquartersUnreachable
from dialer.domain.sealed_epochs import EpochKind, SealedEpoch
from dialer.domain.voter_place import VoterPlace
from dialer.hq import seal_records, set_aside
from dialer.hq.cpu_share import CpuShares
from dialer.hq.database import Database
from dialer.hq.ledger import (
    SEALED_EPOCHS,
    TEST_MARKS,
    TOPICS_WITH_ANSWERS,
    AnswerRow,
    CentreRows,
    DayCounts,
    MarkRow,
    NameLimit,
    OptOutRow,
    PeerCallRow,
    ResultRow,
    StatusChange,
    add_new_rows_of_batch,
    parse_answers_in_result,
    parse_call_for_other_centres,
    parse_opt_out,
    parse_outbox_row,
    parse_signed_log_entry,
    parse_voter_place_on_roll,
    refuse_batch_of_wrong_centre,
    sum_turnout_changes,
)
from dialer.hq.repeated_rows import is_any_resent_row_different
from dialer.hq.seal_chains import create_empty_signed_log, describe_contradiction_in_signed_log
from dialer.hq.set_aside import RowOutsideArea, RowSetAside, SetAsideRow, create_record_of_rejected_row
from dialer.hq.sql import Command, Query, Scalar, convert_rows_to_columns
from dialer.hq.store_records import (
    Stores,
    list_centres_with_unconfirmed_replacement,
    read_stores_of_centres,
    write_stores_of_centres,
)
from dialer.hq.stores import (
    KnownStore,
    StoreNotAccepted,
    StoreSetBack,
    StoreSightings,
    StoreState,
    accept_or_refuse_sender_of_batch,
    describe_conflict_of_databases,
    describe_replaced_database_of_centre,
)
from dialer.nats import messages
from dialer.nats.messages import Acknowledgement, InvalidMessage, OutboxBatch
from dialer.nats.session import StoredMessage
from dialer.settings.headquarters import HqSettings
from dialer.store.sql import Statements
from dialer.store.voter_status import VoterStatus, compute_voter_status_after_mark, derive_voter_status

_log = structlog.get_logger(__name__)

MAX_MESSAGE_UPDATES = 50
"""Opt-outs, marks or calls in a message of peer updates."""
_DAY_SECONDS = 86_400.0


class CentreZone(NamedTuple):
    """A centre and its zone (group of centres under one coordinator)."""

    centre: str
    zone: str


class StoredVoter(NamedTuple):
    """The status of a voter in headquarters' database: turnout, and whether the voter was contacted."""

    state_code: str
    constituency_number: int
    part_number: int
    serial: int
    roll_version: str
    turnout: str
    contacted: bool
    not_yet: bool


class StoredMark(NamedTuple):
    """A mark (fact about a voter) in headquarters' database that no later mark has undone."""

    state_code: str
    constituency_number: int
    part_number: int
    serial: int
    roll_version: str
    kind: str
    source: str
    at: float


class RowId(NamedTuple):
    """The id that a row of results has in its centre's outbox (results to send)."""

    centre: str
    id: int


class CentreBooth(NamedTuple):
    """A polling station (booth), and a centre that has reported marks (facts about voters) there."""

    centre: str
    state_code: str
    constituency_number: int
    part_number: int


class Insert(Command):
    """An SQL statement that inserts centres' results from a temporary table. Results that are stored already are
    skipped.
    """

    async def insert_rows_returning_ids(self, db: Database) -> set[RowId]:
        """Insert the new rows of the temporary table. Return the ids of the rows that were inserted."""
        return {RowId(*row) for row in await db.fetch_rows(f"{self.sql} RETURNING centre, id")}


class SQL(Statements):
    move_position = Scalar(int)
    centres = Query(CentreZone)
    set_centres = Command()
    set_problem = Command()
    insert_results = Insert()
    insert_marks = Insert()
    voters = Query(StoredVoter)
    marks = Query(StoredMark)
    set_voters = Command()
    add_turnout = Command()
    set_answers = Command()
    add_centre_booths = Command()
    set_test_marks = Command()
    add_day_counts = Command()
    insert_opt_outs = Query(OptOutRow)
    insert_peer_updates = Command()


class Displaced(HeadquartersUnreachable):
    """Raised if another import process (gatherer) has taken over the stream of results. The process that gets this
    error must stop importing.
    """


@dataclass(frozen=True, slots=True)
class ReceivedBatch:
    """A message from the NATS stream of centres' batches: the batch of results in it, or the reason why it contains
    none.
    """

    position: int
    stored_at: float  # by nats-server's clock (epoch seconds)
    subject: str
    batch: OutboxBatch | None  # None: the message is invalid
    problem: str = ""
    set_aside: str = ""  # why all its rows are set aside

    @property
    def row_count_for_commit_limit(self) -> int:
        """The size of this message for `MAX_COMMIT_ROWS`, the limit of one commit: its number of rows, plus 1.

        The 1 counts the message itself. So the number of messages without rows is limited too.
        """
        return 1 if self.batch is None else 1 + len(self.batch.rows)

    def split_batch_in_half(self) -> list[ReceivedBatch]:
        """Return two messages at the same stream position, each with half of this message's rows.

        The message must have at least two rows. Splitting is repeated to find the row that the database rejects.
        """
        assert self.batch is not None  # noqa: S101 - it has rows
        rows = self.batch.rows
        before, after = rows[: len(rows) // 2], rows[len(rows) // 2 :]
        halves = (
            replace(self.batch, last=before[-1].id, rows=before),
            replace(self.batch, first=before[-1].id + 1, rows=after),
        )
        return [replace(self, batch=each) for each in halves]


def parse_batch_message(stored: StoredMessage) -> ReceivedBatch:
    """Return the batch of results in a message of the NATS stream, or the reason why the message is invalid."""
    try:
        return ReceivedBatch(stored.position, stored.stored_at, stored.subject, messages.unpack_batch(stored.data))
    except InvalidMessage as error:
        return ReceivedBatch(stored.position, stored.stored_at, stored.subject, None, str(error))


class CentreIncarnation(NamedTuple):
    """A centre, and the id (incarnation) of one of its databases. A copied or restored database gets a new id."""

    centre: str
    incarnation: str


class BatchSender(NamedTuple):
    """The sender of a batch: a centre, the id of its database (incarnation), and the id of its dialler's process (run)."""

    centre: str
    incarnation: str
    run: str


Acknowledgements = dict[BatchSender, Acknowledgement]


def merge_acknowledgements(acks: Acknowledgements, more: Acknowledgements) -> None:
    """Merge the acknowledgements `more`, which are for later batches, into `acks` (one acknowledgement per sender).

    A later acknowledgement replaces an earlier one. A refusal is never replaced: the sender must then resend the
    refused batch and all later ones.
    """
    for sender, ack in more.items():
        if sender not in acks or acks[sender].through is not None:
            acks[sender] = ack


class PeerUpdateMessage(NamedTuple):
    """A NATS message with updates for other centres: opt-outs, facts about voters (marks) or calls."""

    subject: str
    data: bytes


class PeerMark(NamedTuple):
    """A fact about a voter (mark), such as "voted", that headquarters forwards to other centres."""

    centre: str
    zone: str  # of the centre
    place: VoterPlace
    fields: dict[str, Any]  # of its payload


def build_messages_for_other_centres(
    opt_outs: Sequence[OptOutRow], marks: Sequence[PeerMark], calls: Mapping[str, Sequence[PeerCallRow]]
) -> list[PeerUpdateMessage]:
    """Return the messages that forward opt-outs, marks (facts about voters) and calls to other centres.

    Marks keep their order within a constituency. `calls` has the calls by the federal state of the centre that made
    them.
    """
    fields = [opt_out._asdict() for opt_out in opt_outs]
    found = [
        PeerUpdateMessage(messages.OPT_OUT_SUBJECT, messages.pack_peer_updates(part, []))
        for part in _split_updates_into_message_parts(fields)
    ]
    by_subject: dict[str, list[dict[str, Any]]] = {}
    for mark in marks:
        subject = messages.build_marks_subject_of_constituency(
            mark.zone, mark.place.state_code, mark.place.constituency_number
        )
        by_subject.setdefault(subject, []).append(
            messages.build_mark_for_other_centres(mark.centre, mark.place, mark.fields)
        )
    for subject, of_subject in by_subject.items():
        found += [
            PeerUpdateMessage(subject, messages.pack_peer_updates([], part))
            for part in _split_updates_into_message_parts(of_subject)
        ]
    for state, of_state in calls.items():
        subject = messages.build_calls_subject_of_state(state)
        found += [
            PeerUpdateMessage(subject, messages.pack_peer_calls(part))
            for part in _split_updates_into_message_parts([each._asdict() for each in of_state])
        ]
    return found


def _split_updates_into_message_parts(updates: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for begin in range(0, len(updates), MAX_MESSAGE_UPDATES):
        yield updates[begin : begin + MAX_MESSAGE_UPDATES]


Row = TypeVar("Row", ResultRow, MarkRow)


@dataclass(frozen=True, slots=True)
class ParsedRow(Generic[Row]):
    """A row of a centre's results, with the decoded fields of its JSON payload."""

    row: Row
    fields: dict[str, Any]


class BatchImporter:
    """The importer of centres' batches of results into headquarters' database.

    Only one process (gatherer) imports at a time: the one whose database connection `db` holds the lock.
    """

    def __init__(
        self, settings: HqSettings, db: Database, clock: Clock, sightings: StoreSightings, shares: CpuShares
    ) -> None:
        self._zone = ZoneInfo(settings.gather.time_zone)
        self._compared_seconds = (settings.gather.keep_days - 1) * _DAY_SECONDS  # older results may be deleted
        self._db = db
        self._clock = clock
        self._booths: set[CentreBooth] = set()  # that are stored
        self._names = NameLimit()
        self._sightings = sightings
        self._shares = shares
        self._centres = {each.id: each for each in settings.centres}
        self._set_aside = Counter[str]()  # rows by centre
        self.contradicted_centres: set[str] = set()
        """Centres whose accepted store has sent seals that contradict earlier ones."""
        self.replaced_centres: set[str] = set()
        """Centres whose accepted store replaced another, which no person has confirmed."""

    async def retry_rejected_rows(self) -> None:
        """Retry rows of centres that were rejected when they arrived ("set aside"), and count the rows that stay
        rejected.

        A row is accepted now if headquarters' settings have since assigned its constituency to its centre.
        """
        now = self._clock.now()
        async with self._db.open_transaction():
            waiting: dict[CentreIncarnation, list[SetAsideRow]] = {}
            for row in await set_aside.SQL.rows_to_retry.fetch_rows(self._db):
                waiting.setdefault(CentreIncarnation(row.centre, row.incarnation), []).append(row)
            for (centre, incarnation), entries in waiting.items():
                zones = {each.centre: each.zone for each in await SQL.centres.fetch_rows(self._db, [centre])}
                if centre not in zones:
                    continue
                store = KnownStore(incarnation, None, StoreState.ACCEPTED, 0, now, "")
                collected = {centre: CentreRows(store, rows=[each.original_outbox_row for each in entries])}
                await self._store_rows_of_all_centres(zones, collected, now)
                again = {each.id for each in collected[centre].set_aside}
                await set_aside.delete_rejected_rows(self._db, [each for each in entries if each.id not in again])
            self._set_aside = Counter(dict(await set_aside.SQL.counts.fetch_rows(self._db)))
            self.contradicted_centres = {
                each.centre for each in await seal_records.SQL.contradictions.fetch_rows(self._db)
            }
            self.replaced_centres = await list_centres_with_unconfirmed_replacement(self._db)

    async def commit_batches(self, stream: str, position: int, received: Sequence[ReceivedBatch]) -> Acknowledgements:
        """Commit the messages that follow `position` in the stream. Return the acknowledgements to send, by sender.

        Raises Displaced if another import process (gatherer) has imported messages after `position`. If the database
        cannot store a value, one of the errors in `ValueRejected` is raised.
        """
        now = self._clock.now()
        acks: Acknowledgements = {}
        refusals: dict[str, str] = {}  # that a person must know of, by centre
        async with self._db.open_transaction():
            last = received[-1]
            if (
                await SQL.move_position.fetch_value_or_none(self._db, stream, last.position, position, last.stored_at)
                is None
            ):
                raise Displaced(
                    "another `dialer hq gather` now imports the centres' results: this one waits until the other "
                    "has stopped"
                )
            names = sorted({each.batch.centre for each in received if each.batch is not None})
            zones = {row.centre: row.zone for row in await SQL.centres.fetch_rows(self._db, names)}
            stores = await read_stores_of_centres(self._db, names)
            collected: dict[str, CentreRows] = {}
            for each in received:
                try:
                    if each.batch is None:
                        raise InvalidMessage(each.problem)
                    refuse_batch_of_wrong_centre(each.batch, each.subject, zones)
                    await self._parse_rows_of_batch_by_centre(each, each.batch, stores, collected, now)
                except InvalidMessage as error:
                    _log.warning("gatherer.batch_rejected", subject=each.subject, problem=str(error))
                    await SQL.set_problem.run_statement(self._db, each.subject.removeprefix("up."), str(error), now)
                except StoreNotAccepted as error:
                    assert each.batch is not None  # noqa: S101 - a store has sent it
                    merge_acknowledgements(acks, await self._acknowledge_batch_of_refused_store(each.batch, error, now))
                    if error.is_final:
                        refusals[each.batch.centre] = str(error)
            new_booths = await self._store_rows_of_all_centres(zones, collected, now)
            await write_stores_of_centres(self._db, stores)
            contradictions = {each.centre: each for each in await seal_records.SQL.contradictions.fetch_rows(self._db)}
            replaced = await list_centres_with_unconfirmed_replacement(self._db)
            updates = []
            for name, rows in collected.items():
                conflict = describe_conflict_of_databases(name, stores[name])
                if name in contradictions:
                    conflict = "; ".join(
                        filter(None, [conflict, describe_contradiction_in_signed_log(*contradictions[name])])
                    )
                count = self._set_aside[name] + len(rows.set_aside)
                aside = f"{count} rows are set aside: see `dialer hq set-aside`" if count else ""
                new = describe_replaced_database_of_centre(name, stores[name])
                problems = filter(None, [refusals.get(name), conflict, new, rows.problem, aside])
                problem = "; ".join(dict.fromkeys(problems)) or None
                updates.append((name, rows.store.last_id, rows.created_at, rows.lost_rows, problem))
                merge_acknowledgements(acks, _create_acknowledgement_of_newest_batch(rows, conflict, now))
            await SQL.set_centres.run_statement(self._db, *convert_rows_to_columns(updates, 5), now)
        self._booths |= new_booths
        for name in replaced - self.replaced_centres:
            _log.warning("gatherer.store_replaced", centre=name)
        self.contradicted_centres, self.replaced_centres = {*contradictions}, replaced
        for name, rows in collected.items():
            self._set_aside[name] += len(rows.set_aside)
            if rows.set_aside:
                _log.warning(
                    "gatherer.rows_set_aside", centre=name, rows=len(rows.set_aside), reason=rows.set_aside[0].reason
                )
            if rows.lost_rows:
                _log.warning("gatherer.rows_lost", centre=name, rows=rows.lost_rows)
        return acks

    async def _parse_rows_of_batch_by_centre(
        self,
        received: ReceivedBatch,
        batch: OutboxBatch,
        stores: Mapping[str, Stores],
        collected: dict[str, CentreRows],
        now: float,
    ) -> None:
        """Add the rows of a centre's batch to `collected`, which has the rows of all centres for the next commit.

        Raises StoreNotAccepted if headquarters does not accept batches from the store (database) that sent this batch.
        """
        store = accept_or_refuse_sender_of_batch(batch.centre, stores[batch.centre], batch.store, self._sightings, now)
        if not received.set_aside:  # the database rejects a value of its row, so it cannot be compared
            await self._refuse_store_restored_from_older_copy(batch, store, collected.get(batch.centre), now)
        rows = collected.setdefault(batch.centre, CentreRows(store))
        if rows.store is not store:  # rows of two stores with the same ids must not meet in one commit
            if rows.rows:
                raise StoreNotAccepted(
                    f"results of the new store of centre {batch.centre} wait until those of its earlier store are "
                    "imported: no action is needed",
                    is_final=False,
                )
            rows.store = store
        earlier = len(rows.rows)
        add_new_rows_of_batch(batch, rows, now)
        if received.set_aside:
            rows.set_aside += [
                create_record_of_rejected_row(
                    batch.centre, store.incarnation, row, now, received.set_aside, retry=False
                )
                for row in rows.rows[earlier:]
            ]
            del rows.rows[earlier:]

    async def _refuse_store_restored_from_older_copy(
        self, batch: OutboxBatch, store: KnownStore, collected: CentreRows | None, now: float
    ) -> None:
        """Raise StoreSetBack if headquarters has stored another row under the id of a row in the batch."""
        repeated = [row for row in batch.rows if row.id <= store.last_id]
        if not repeated:
            return
        is_same_store = collected is not None and collected.store is store
        uncommitted = {row.id: row for row in collected.rows} if collected is not None and is_same_store else {}
        oldest = now - self._compared_seconds
        with self._subtract_cpu_time_of_centre(batch.centre):
            is_set_back = await is_any_resent_row_different(
                self._db, batch.centre, store.incarnation, repeated, uncommitted, oldest, now
            )
        if is_set_back:
            raise StoreSetBack(batch.centre)

    async def _acknowledge_batch_of_refused_store(
        self, batch: OutboxBatch, error: StoreNotAccepted, now: float
    ) -> Acknowledgements:
        if error.is_final:
            _log.warning("gatherer.store_refused", centre=batch.centre, problem=str(error))
            await SQL.set_problem.run_statement(self._db, batch.centre, str(error), now)
        store = batch.store
        is_set_back = isinstance(error, StoreSetBack)
        ack = Acknowledgement(None, store.incarnation, str(error), now, None, store.run, is_set_back)
        return {BatchSender(batch.centre, store.incarnation, store.run): ack}

    def _parse_rows_of_centre(
        self,
        centre: str,
        rows: CentreRows,
        now: float,
        marks: list[ParsedRow[MarkRow]],
        results: list[ParsedRow[ResultRow]],
    ) -> None:
        """Parse a centre's rows. Add each to `marks` (facts about voters), or to `results` if it is another result.

        Rows that cannot be stored are added to `rows.set_aside`, with the reason.
        """
        for outbox_row in rows.rows:
            try:
                row, fields = parse_outbox_row(centre, outbox_row, now)
                self._refuse_row_of_other_constituency(centre, row, fields)
            except RowSetAside as error:
                rows.set_aside.append(
                    create_record_of_rejected_row(
                        centre, rows.store.incarnation, outbox_row, now, str(error), retry=error.may_be_retried
                    )
                )
                continue
            if isinstance(row, MarkRow):
                marks.append(ParsedRow(row, fields))
            else:
                results.append(ParsedRow(row, fields))

    async def _store_rows_of_all_centres(
        self, zones: Mapping[str, str], collected: dict[str, CentreRows], now: float
    ) -> set[CentreBooth]:
        """Store the rows of centres' results, and update all data that depends on them.

        These are the daily counters, answers, voters' statuses, and the queue of updates for other centres. Return the
        polling stations (booths) in which a centre has reported marks for the first time.
        """
        parsed_marks: list[ParsedRow[MarkRow]] = []
        parsed_results: list[ParsedRow[ResultRow]] = []
        for centre, rows in collected.items():
            with self._subtract_cpu_time_of_centre(centre):
                self._parse_rows_of_centre(centre, rows, now, parsed_marks, parsed_results)
        if aside := [each for rows in collected.values() for each in rows.set_aside]:
            await set_aside.insert_rejected_rows(self._db, aside)
        marks = await self._insert_new_rows(
            SQL.insert_marks, "new_mark", parsed_marks, _convert_voter_mark_to_column_values
        )
        results = await self._insert_new_rows(SQL.insert_results, "new_result", parsed_results, tuple)

        def is_result_name_within_limit(centre: str, name: str) -> bool:
            return self._names.is_result_name_within_limit(collected[centre], centre, name)

        await self._add_results_to_daily_counts(marks, results, is_result_name_within_limit, now)
        await self._store_answers(results, is_result_name_within_limit, now)
        await self._store_times_of_test_messages(results, now)
        await self._check_signed_log_entries(collected, results, now)
        new_booths = {CentreBooth(each.row.centre, *_place_columns(each.row.place)[:3]) for each in marks}
        new_booths -= self._booths
        if new_booths:
            await SQL.add_centre_booths.run_statement(self._db, *convert_rows_to_columns(sorted(new_booths), 4))
        await self._update_voter_statuses(zones, [each.row for each in marks])
        await self._store_peer_updates(zones, marks, results, now)
        return new_booths

    def _refuse_row_of_other_constituency(
        self, centre: str, row: ResultRow | MarkRow, fields: Mapping[str, Any]
    ) -> None:
        """Raise RowOutsideArea if a result is about a voter of a constituency that does not belong to the centre."""
        if isinstance(row, MarkRow):
            place: VoterPlace | None = row.place
        else:
            place = parse_voter_place_on_roll(fields) if row.topic in TOPICS_WITH_ANSWERS else None
        settings = self._centres.get(centre)
        if place is None or (
            settings is not None
            and settings.exchanges_marks_of_constituency(place.state_code, place.constituency_number)
        ):
            return
        raise RowOutsideArea(
            f"{place.state_code} {place.constituency_number} is not a constituency of centre {centre}: correct "
            "[[centres]] in headquarters' settings, then start `dialer hq gather` again"
        )

    async def _insert_new_rows(
        self,
        insert: Insert,
        temporary_table: str,
        rows: list[ParsedRow[Row]],
        values: Callable[[Row], tuple[Any, ...]],
    ) -> list[ParsedRow[Row]]:
        """Insert rows through a temporary table. Return the rows that the database did not have yet.

        Usually all rows are new, and one fast statement inserts them. Otherwise a slower statement inserts the new rows
        and returns their ids.
        """
        if not rows:
            return []
        await self._db.copy_rows_into_table(temporary_table, [values(each.row) for each in rows])
        with contextlib.suppress(_SomeRowsAlreadyStored):
            async with self._db.open_transaction():
                if await insert.run_statement(self._db) < len(rows):
                    raise _SomeRowsAlreadyStored
                return rows
        new = await insert.insert_rows_returning_ids(self._db)
        return [each for each in rows if (each.row.centre, each.row.id) in new]

    async def _add_results_to_daily_counts(
        self,
        marks: Sequence[ParsedRow[MarkRow]],
        results: Sequence[ParsedRow[ResultRow]],
        accepts: Callable[[str, str], bool],
        now: float,
    ) -> None:
        days = DayCounts(self._zone, accepts, now)
        for mark in marks:
            days.add_result_to_day_counts(mark.row, mark.fields)
        for result in results:
            days.add_result_to_day_counts(result.row, result.fields)
        if days.counts:
            counts = sorted((*key, count) for key, count in days.counts.items())
            await SQL.add_day_counts.run_statement(self._db, *convert_rows_to_columns(counts, 4))

    async def _store_answers(
        self, results: Sequence[ParsedRow[ResultRow]], accepts: Callable[[str, str], bool], now: float
    ) -> None:
        """Store the latest answer of each voter to each question."""
        answers = {
            (answer.place, answer.question): answer
            for result in results
            for answer in parse_answers_in_result(result.row, result.fields, now)
            if accepts(answer.centre, f"question/{answer.question}")
        }
        if answers:
            rows = sorted(map(_convert_answer_to_column_values, answers.values()), key=itemgetter(*range(6)))
            await SQL.set_answers.run_statement(self._db, *convert_rows_to_columns(rows, 9))

    async def _store_times_of_test_messages(self, results: Sequence[ParsedRow[ResultRow]], now: float) -> None:
        """Store when each centre last sent a test message, which shows that its results reach headquarters."""
        sent = {each.row.centre: min(each.row.at, now) for each in results if each.row.topic == TEST_MARKS}
        if sent:
            await SQL.set_test_marks.run_statement(self._db, *convert_rows_to_columns(sorted(sent.items()), 2), now)

    @contextlib.contextmanager
    def _subtract_cpu_time_of_centre(self, centre: str) -> Iterator[None]:
        """Subtract the CPU time of the `with` block from the CPU time that the centre may still use."""
        started = time.thread_time()
        yield
        self._shares.subtract_cpu_time(messages.build_batch_subject(centre), time.thread_time() - started)

    async def _check_signed_log_entries(
        self, collected: Mapping[str, CentreRows], results: Sequence[ParsedRow[ResultRow]], now: float
    ) -> None:
        """Compare new entries (epochs) of stores' signed logs with earlier entries, and record each contradiction."""
        sealed: dict[str, list[SealedEpoch]] = {}
        for each in results:
            if each.row.topic == SEALED_EPOCHS:
                sealed.setdefault(each.row.centre, []).append(parse_signed_log_entry(each.row.payload))
        for centre, epochs in sealed.items():
            store = collected[centre].store
            chain = await seal_records.read_signed_log_of_store(self._db, centre, store.incarnation)
            if chain is None:
                copied = store.previous
                original = (
                    None if copied is None else await seal_records.read_signed_log_of_store(self._db, centre, copied)
                )
                chain = create_empty_signed_log(original)
            followed = [epoch.previous for epoch in epochs if epoch.kind == EpochKind.START]
            known = await seal_records.find_numbers_of_log_entries(self._db, centre, followed) if followed else {}
            with self._subtract_cpu_time_of_centre(centre):
                for epoch in epochs:
                    if chain.add_signed_log_entry(epoch, store.first_at, known, now):
                        _log.error("gatherer.seals_contradicted", centre=centre, problem=chain.contradiction)
            await seal_records.write_signed_log_of_store(self._db, centre, store.incarnation, chain)

    async def _store_peer_updates(
        self,
        zones: Mapping[str, str],
        marks: Sequence[ParsedRow[MarkRow]],
        results: Sequence[ParsedRow[ResultRow]],
        now: float,
    ) -> None:
        """Store new opt-outs of centres.

        Queue the new opt-outs, marks about voters and calls that other centres must receive.
        """
        found = [parse_opt_out(each.row, each.fields, now) for each in results]
        opt_outs = [opt_out for opt_out in found if opt_out is not None]
        new = await SQL.insert_opt_outs.fetch_rows(self._db, *convert_rows_to_columns(opt_outs, 3)) if opt_outs else []
        peer_marks = [
            PeerMark(each.row.centre, zones[each.row.centre], each.row.place, {**each.fields, "at": each.row.at})
            for each in marks
            if each.row.is_mark_sent_to_other_centres
        ]
        if updates := build_messages_for_other_centres(
            new, peer_marks, self._find_calls_for_other_centres(results, now)
        ):
            await SQL.insert_peer_updates.run_statement(self._db, *convert_rows_to_columns(updates, 2))

    def _find_calls_for_other_centres(
        self, results: Sequence[ParsedRow[ResultRow]], now: float
    ) -> dict[str, list[PeerCallRow]]:
        """Return the calls that other centres must know of, by the federal state of the centre that made them."""
        found: dict[str, list[PeerCallRow]] = {}
        for each in results:
            centre = self._centres.get(each.row.centre)
            call = parse_call_for_other_centres(each.row, each.fields, now)
            if call is not None and centre is not None and centre.state is not None:
                found.setdefault(centre.state, []).append(call)
        return found

    async def _update_voter_statuses(self, zones: Mapping[str, str], marks: Sequence[MarkRow]) -> None:
        """Update voters' statuses and the turnout figures after marks (facts about voters) were inserted."""
        if not marks:
            return
        before = {
            _get_voter_place_on_roll(row): _get_voter_status(row) for row in await SQL.voters.fetch_rows(self._db)
        }
        changed_places = [*dict.fromkeys(mark.place for mark in marks if mark.changes_earlier_marks)]
        marks_of: dict[VoterPlace, list[tuple[str, str, float]]] = {place: [] for place in changed_places}
        if changed_places:
            asked = convert_rows_to_columns([_place_columns(place) for place in changed_places], 5)
            for row in await SQL.marks.fetch_rows(self._db, *asked):
                marks_of[_get_voter_place_on_roll(row)].append((row.kind, row.source, row.at))
        changes, after = list[StatusChange](), dict(before)
        for mark in marks:
            earlier = after.get(mark.place, VoterStatus())
            if mark.place in marks_of:
                status = derive_voter_status(marks_of[mark.place])
            else:
                status = compute_voter_status_after_mark(earlier, MarkKind(mark.kind))
            if status != earlier:
                changes.append(StatusChange(mark.place, zones[mark.centre], mark.at, earlier, status))
                after[mark.place] = status
        voters = [
            (*_place_columns(place), status.turnout, status.contacted, status.not_yet)
            for place, status in after.items()
            if before.get(place) != status
        ]
        if voters:
            await self._db.copy_rows_into_table("new_voter", sorted(voters))
            await SQL.set_voters.run_statement(self._db)
        if sums := sum_turnout_changes(changes):
            rows = sorted((*area, *change) for area, change in sums.items())
            await SQL.add_turnout.run_statement(self._db, *convert_rows_to_columns(rows, 9))


def _create_acknowledgement_of_newest_batch(rows: CentreRows, conflict: str, now: float) -> Acknowledgements:
    """Return the acknowledgement of a centre's last batch, by its sender, or {} if the centre has sent no batch.

    `conflict` says what a person must decide about the centre's databases ("" = nothing).
    """
    batch, last_id = rows.last_batch, rows.store.last_id
    if batch is None:
        return {}
    store = batch.store
    ack = Acknowledgement(min(last_id, batch.last), store.incarnation, conflict, now, last_id, store.run)
    return {BatchSender(batch.centre, store.incarnation, store.run): ack}


class _SomeRowsAlreadyStored(Exception):
    """Raised to roll back an insert if the database has some of the rows already. Then only the new rows are inserted."""


# attrgetter, because `dataclasses.astuple` copies each value deeply, which was a fifth of the cost of a row.
_place_columns = attrgetter("state_code", "constituency_number", "part_number", "serial", "roll_version")


def _get_voter_place_on_roll(row: StoredVoter | StoredMark) -> VoterPlace:
    return VoterPlace(row.roll_version, row.state_code, row.constituency_number, row.part_number, row.serial)


def _get_voter_status(row: StoredVoter) -> VoterStatus:
    return VoterStatus(row.turnout, row.contacted, row.not_yet)


def _convert_voter_mark_to_column_values(mark: MarkRow) -> tuple[Any, ...]:
    values = (mark.key, mark.kind, mark.source, mark.at, mark.undoes, mark.centre, mark.id, mark.payload)
    return (*_place_columns(mark.place), *values)


def _convert_answer_to_column_values(answer: AnswerRow) -> tuple[Any, ...]:
    return (*_place_columns(answer.place), answer.question, answer.value, answer.at, answer.centre)
