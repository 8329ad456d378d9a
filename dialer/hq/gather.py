"""The gatherer: batches of every centre into the database, and out of it what centres are told of each other.

Rows, the last id of each centre and the position in the stream are committed together, so a gatherer that is killed goes on where
its last commit ended. Several may run: who has the database's lock works, the others wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter, itemgetter
from typing import Any, NoReturn, TypeVar
from zoneinfo import ZoneInfo

import structlog

from dialer.domain.clock import Clock
from dialer.domain.enums import MarkKind
from dialer.domain.errors import HeadquartersUnreachable
from dialer.domain.voter_place import VoterPlace
from dialer.hq.database import CannotBeKept, Database, DatabaseError, columns, database
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
from dialer.hq.orders import MOST_STREAM_BYTES
from dialer.nats import messages
from dialer.nats.messages import InvalidMessage, OutboxBatch
from dialer.nats.session import Session, StoredMessage
from dialer.settings.headquarters import HqSettings
from dialer.store.voter_status import VoterStatus, status_after, status_from_marks

_log = structlog.get_logger(__name__)

LINGER_SECONDS = 0.1
"""So long batches are gathered for one commit: three hundred centres would be three hundred a second."""
MOST_ROWS = 10_000  # of a commit
WAITING_BATCHES = 400
RETRY_SECONDS = 2.0
LEADERLESS_SECONDS = 15.0
DAYS_SECONDS = 3600.0
SIDE_TOGETHER = 200  # messages under way to the stream
MOST_TOLD = 50  # opt-outs or marks of one message
UP_BYTES = 4 << 30
SIDE_BYTES = 3 << 30
"""What was told sideways is kept up to there, some ten million marks. Who was away for longer goes on from a snapshot."""


CentreBooth = tuple[str, str, int, int]
"""Centre, state, constituency, part."""


def collect_seldom() -> None:
    """Have the process look for garbage seldom: a commit makes tens of thousands of objects and no circle among them, and a quarter
    of a row's cost was looking for some.
    """
    gc.freeze()
    gc.set_threshold(100_000, 10, 10)


class Displaced(HeadquartersUnreachable):
    """Another gatherer works on the same stream."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message of the stream of batches, as it was read."""

    position: int
    subject: str
    batch: OutboxBatch | None  # None: it is none
    why: str = ""


Row = TypeVar("Row", Announced, TakenMark)
FreshRow = tuple[Row, dict[str, Any]]
"""A row that the books did not have, and its payload's fields."""


def read_message(stored: StoredMessage) -> Arrived:
    """The batch in a message of the stream."""
    try:
        return Arrived(stored.position, stored.subject, messages.unpack_batch(stored.data))
    except InvalidMessage as error:
        return Arrived(stored.position, stored.subject, None, str(error))


def side_messages(
    opt_outs: Sequence[tuple[str, float, str]], marks: Sequence[tuple[str, str, VoterPlace, dict[str, Any]]]
) -> list[tuple[str, bytes]]:
    """What other centres are told, as subjects and messages: opt-outs (hash, moment, centre) and marks (centre, its zone, place,
    fields), in their order.
    """
    told = [{"number_hash": hashed, "at": at, "centre": centre} for hashed, at, centre in opt_outs]
    found = [(messages.OPT_OUT_SUBJECT, messages.pack_peer_updates(some, [])) for some in _parts(told)]
    by_subject: dict[str, list[dict[str, Any]]] = {}
    for centre, zone, place, fields in marks:
        subject = messages.mark_subject(zone, place.state_code, place.constituency_number)
        by_subject.setdefault(subject, []).append(messages.peer_mark(centre, place, fields))
    for subject, of_subject in by_subject.items():
        found += [(subject, messages.pack_peer_updates([], some)) for some in _parts(of_subject)]
    return found


def _parts(told: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for begin in range(0, len(told), MOST_TOLD):
        yield told[begin : begin + MOST_TOLD]


class Books:
    """Headquarters' books, kept in one transaction for all that came together."""

    def __init__(self, settings: HqSettings, books: Database, clock: Clock) -> None:
        """`books` is the connection that has the lock."""
        self._zone = ZoneInfo(settings.gather.time_zone)
        self._db = books
        self._clock = clock
        self._booths: set[CentreBooth] = set()  # that are in the books
        self._words = CentreWords()

    async def enter(self, stream: str, before: int, arrived: Sequence[Arrived]) -> dict[str, int]:
        """Commit what arrived, which follows `before` in the stream; by centre, up to which id it is committed now. Raises
        Displaced where another gatherer did.
        """
        now = self._clock.now()
        async with self._db.transaction():
            if await self._db.value("move_position", stream, arrived[-1].position, before) is None:
                raise Displaced("another gatherer works on this stream: this one waits for the lock again")
            centres = sorted({each.batch.centre for each in arrived if each.batch is not None})
            known = {
                row["centre"]: KnownCentre(row["zone"], row["last_id"])
                for row in await self._db.rows("centres", centres)
            }
            heard: dict[str, HeardCentre] = {}
            for each in arrived:
                try:
                    if each.batch is None:
                        raise InvalidMessage(each.why)
                    take(each.batch, each.subject, known, heard)
                except InvalidMessage as error:
                    _log.warning("gather.refused", subject=each.subject, problem=str(error))
                    await self._db.do("trouble", each.subject.removeprefix("up."), str(error), now)
            booths = await self._enter_rows(known, heard, now)
            of_centres = [
                (name, each.last_id, each.made_at, each.lost, trouble_of(each, now)) for name, each in heard.items()
            ]
            names, ids, made, lost, trouble = columns(of_centres, 5)
            await self._db.do("centres_heard", names, ids, made, lost, now, trouble)
        self._booths |= booths
        for name, of_centre in heard.items():
            if of_centre.lost:
                _log.warning("gather.lost", centre=name, ids=of_centre.lost)
        return {name: each.last_id for name, each in heard.items()}

    async def _enter_rows(
        self, known: dict[str, KnownCentre], heard: dict[str, HeardCentre], now: float
    ) -> set[CentreBooth]:
        """The booths that were new to a centre."""
        of_voters: list[FreshRow[TakenMark]] = []
        of_else: list[FreshRow[Announced]] = []
        for name, each in heard.items():
            for given in each.rows:
                row, fields = read_row(name, given, now)
                if isinstance(row, TakenMark):
                    of_voters.append((row, fields))
                else:
                    of_else.append((row, fields))
        marks = await self._fresh("insert_marks", "fresh_mark", of_voters, _mark_columns)
        others = await self._fresh("insert_announced", "fresh_announced", of_else, _announced_columns)

        def takes(centre: str, word: str) -> bool:
            return self._words.take(heard[centre], centre, word)

        days = DayCounts(self._zone, takes)
        for mark, fields in marks:
            days.add(mark, fields)
        for other, fields in others:
            days.add(other, fields)
        if days.counts:
            counts = sorted((*key, count) for key, count in days.counts.items())
            await self._db.do("count_days", *columns(counts, 4))
        told = [found for fresh in others if (found := opt_out_of(*fresh)) is not None]
        said = [one for fresh in others for one in answers_of(*fresh)]
        answers = {(one.place, one.question): one for one in said if takes(one.centre, f"question/{one.question}")}
        if answers:
            rows = sorted(map(_answer_columns, answers.values()), key=itemgetter(*range(6)))
            await self._db.do("keep_answers", *columns(rows, 9))
        opt_outs = [tuple(row) for row in await self._db.rows("keep_opt_outs", *columns(told, 3))] if told else []
        tested = {row.centre: row.at for row, _ in others if row.topic == TEST_MARKS}
        if tested:
            await self._db.do("keep_test_marks", *columns(sorted(tested.items()), 2), now)
        booths = {(mark.centre, *_place_columns(mark.place)[:3]) for mark, _ in marks} - self._booths
        if booths:
            await self._db.do("add_centre_booths", *columns(sorted(booths), 4))
        await self._stand(known, [mark for mark, _ in marks])
        sideways = [
            (mark.centre, known[mark.centre].zone, mark.place, fields) for mark, fields in marks if mark.goes_sideways
        ]
        messages = side_messages(opt_outs, sideways)
        if messages:
            await self._db.do("add_side", *columns(messages, 2))
        return booths

    async def _fresh(
        self, name: str, table: str, rows: list[FreshRow[Row]], values: Callable[[Row], tuple[Any, ...]]
    ) -> list[FreshRow[Row]]:
        """Insert rows, by way of a table of our own; those that were not there. That all are new is the rule, and costs no list of
        them.
        """
        if not rows:
            return []
        await self._db.fill(table, [values(row) for row, _ in rows])
        with contextlib.suppress(_SomeKnown):
            async with self._db.transaction():
                if await self._db.count(name) < len(rows):
                    raise _SomeKnown
                return rows
        new = await self._db.written(name)
        return [fresh for fresh in rows if (fresh[0].centre, fresh[0].id) in new]

    async def _stand(self, known: dict[str, KnownCentre], marks: Sequence[TakenMark]) -> None:
        """Bring voters and turnout up to date with marks that are in the books."""
        if not marks:
            return
        stands = {
            _place(row): VoterStatus(row["turnout"], row["reached"], row["not_yet"])
            for row in await self._db.rows("voters")
        }
        anew = [*dict.fromkeys(mark.place for mark in marks if mark.takes_back)]
        said: dict[VoterPlace, list[tuple[str, str, float]]] = {place: [] for place in anew}
        if anew:
            for row in await self._db.rows("marks_of", *columns([_place_columns(place) for place in anew], 5)):
                said[_place(row)].append((row["kind"], row["source"], row["at"]))
        changes, after = [], dict(stands)
        for mark in marks:
            before = after.get(mark.place, VoterStatus())
            now = (
                status_from_marks(said[mark.place]) if mark.place in said else status_after(before, MarkKind(mark.kind))
            )
            if now != before:
                changes.append((mark.place, known[mark.centre].zone, mark.at, before, now))
                after[mark.place] = now
        changed = [
            (*_place_columns(place), stand.turnout, stand.reached, stand.not_yet)
            for place, stand in after.items()
            if stands.get(place) != stand
        ]
        if changed:
            await self._db.fill("fresh_voter", sorted(changed))
            await self._db.do("keep_voters")
        sums = turnout_changes(changes)
        if sums:
            await self._db.do("count_turnout", *columns(sorted((*area, *more) for area, more in sums.items()), 9))


class _SomeKnown(Exception):
    """Some of the rows were there: what was inserted is taken back, and done again with a list of the new ones."""


# A fifth of all that a row costs was `astuple`, which copies each value deeply.
_announced_columns = attrgetter("at", "centre", "topic", "key", "id", "payload")
_place_columns = attrgetter("state_code", "constituency_number", "part_number", "serial", "roll_version")


def _place(row: Any) -> VoterPlace:
    return VoterPlace(
        row["roll_version"], row["state_code"], row["constituency_number"], row["part_number"], row["serial"]
    )


def _mark_columns(mark: TakenMark) -> tuple[Any, ...]:
    said = (mark.key, mark.kind, mark.source, mark.at, mark.undoes, mark.centre, mark.id, mark.payload)
    return (*_place_columns(mark.place), *said)


def _answer_columns(said: KeptAnswer) -> tuple[Any, ...]:
    return (*_place_columns(said.place), said.question, said.value, said.at, said.centre)


class Gatherer:
    """Works as long as it has the lock, and waits for it otherwise."""

    def __init__(self, settings: HqSettings, session: Session, clock: Clock) -> None:
        """`session` is headquarters' own."""
        self._settings = settings
        self._session = session
        self._clock = clock
        self._told = asyncio.Event()
        self.works = asyncio.Event()
        """Set while it has the lock."""
        self.kept_at: dict[str, float] = {}
        """When something of a centre was committed last, epoch seconds, since the start."""

    @property
    def joined(self) -> bool:
        """Whether there is a connection to headquarters' server now."""
        return self._session.is_connected

    async def run(self) -> NoReturn:
        """Gather until cancelled. A database or server that is away is met with another try."""
        address = self._settings.gather.database.get_secret_value()
        said = ""
        while True:
            try:
                async with database(address) as books, database(address) as beside:
                    await books.prepare()
                    await self._work(books, beside)
            except* (*DatabaseError, HeadquartersUnreachable) as errors:
                problem = str(_first(errors)) or type(_first(errors)).__name__
                if problem != said:
                    _log.warning("gather.waits", problem=problem)
                said = problem
            finally:
                self.works.clear()
            await asyncio.sleep(RETRY_SECONDS)

    async def _work(self, books: Database, beside: Database) -> None:
        while True:
            if await books.value("lock"):
                break
            await asyncio.sleep(RETRY_SECONDS)
        settings = self._settings
        centres = [(centre.id, centre.zone) for centre in settings.centres]
        await books.do("add_centres", *columns(centres, 2))
        up = await self._session.ensure_stream(
            messages.UP, ["up.*"], max_bytes=UP_BYTES, replicas=settings.gather.replicas
        )
        await self._session.ensure_stream(
            messages.PEERS, ["peer.>"], max_bytes=SIDE_BYTES, replicas=settings.gather.replicas
        )
        # Orders are heard at once where their stream is there before the first.
        await self._session.ensure_stream(
            messages.CMD, ["cmd.>"], max_bytes=MOST_STREAM_BYTES, replicas=settings.gather.replicas
        )
        self.works.set()
        self._told.set()
        _log.info("gather.works", centres=len(centres))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._gather(books, up), name="gather-batches")
            group.create_task(self._tell(beside), name="gather-tells")

    async def _gather(self, books: Database, up: str) -> None:
        position = await books.value("position", up) or 0
        waiting: asyncio.Queue[StoredMessage] = asyncio.Queue(WAITING_BATCHES)
        entering = Books(self._settings, books, self._clock)
        days_until = 0.0
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read(up, position, waiting), name="gather-reads")
            while True:
                if self._clock.monotonic() >= days_until:
                    today = datetime.fromtimestamp(self._clock.now(), UTC).date()
                    await books.prepare_days(today, self._settings.gather.keep_days)
                    days_until = self._clock.monotonic() + DAYS_SECONDS
                arrived = await self._together(waiting)
                kept = await self._enter(entering, up, position, arrived)
                position = arrived[-1].position
                self._told.set()
                self.kept_at |= dict.fromkeys(kept, self._clock.now())
                for centre, through in kept.items():
                    await self._session.publish(messages.ack_subject(centre), messages.pack_ack(through))

    async def _enter(self, entering: Books, up: str, position: int, arrived: Sequence[Arrived]) -> dict[str, int]:
        """Enter what arrived. A batch with a value that the database does not take, against all that was checked, is refused by
        itself: it may not stand in the way of all that follows.
        """
        try:
            return await entering.enter(up, position, arrived)
        except CannotBeKept as error:
            if len(arrived) == 1:
                refused = replace(arrived[0], batch=None, why=f"a batch that cannot be kept: {error}")
                return await entering.enter(up, position, [refused])
        kept: dict[str, int] = {}
        for each in arrived:
            kept |= await self._enter(entering, up, position, [each])
            position = each.position
        return kept

    async def _read(self, up: str, position: int, waiting: asyncio.Queue[StoredMessage]) -> None:
        async for stored in self._session.consume(messages.UP, position, stream_id=up):
            await waiting.put(stored)

    async def _together(self, waiting: asyncio.Queue[StoredMessage]) -> list[Arrived]:
        """What arrives within a short while, for one commit."""
        arrived = [read_message(await waiting.get())]
        rows = _rows_of(arrived[0])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while rows < MOST_ROWS:
                    arrived.append(read_message(await waiting.get()))
                    rows += _rows_of(arrived[-1])
        return arrived

    async def _tell(self, beside: Database) -> None:
        """What waits for the stream of news goes there, in its order, and is forgotten once it stands there."""
        while True:
            await self._told.wait()
            self._told.clear()
            while rows := await beside.rows("side", SIDE_TOGETHER):
                await self._put(rows)
                await beside.do("side_told", rows[-1]["id"])

    async def _put(self, rows: Sequence[Any]) -> None:
        """Until all are stored: a cluster that lost its leader has another one within seconds. Raises HeadquartersUnreachable where
        it has not.
        """
        until = self._clock.monotonic() + LEADERLESS_SECONDS
        while True:
            found = await asyncio.gather(
                *(self._session.store(row["subject"], row["data"]) for row in rows), return_exceptions=True
            )
            problems = [each for each in found if isinstance(each, BaseException)]
            if not problems:
                return
            if not isinstance(problems[0], HeadquartersUnreachable) or self._clock.monotonic() > until:
                raise problems[0]
            rows = [row for row, each in zip(rows, found, strict=True) if isinstance(each, BaseException)]
            await asyncio.sleep(RETRY_SECONDS / 4)


def _rows_of(arrived: Arrived) -> int:
    return 1 if arrived.batch is None else 1 + len(arrived.batch.rows)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
