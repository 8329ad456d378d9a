"""The store of one centre in one SQLite file. What each method promises stands in `dialer.store.port`."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from dialer.audit.chain import Head
from dialer.domain.complaints import Complaint, ComplaintAnswer
from dialer.domain.errors import StoreError, StoreFull
from dialer.domain.model import (
    Announcement,
    AttemptId,
    Booth,
    BoothTurnout,
    CampaignKind,
    CampaignProgress,
    CampaignState,
    Claim,
    DispositionRecord,
    EndedAttempt,
    InboundParty,
    Mark,
    NewAttempt,
    NewInbound,
    OpenAttempt,
    Outcome,
    Purpose,
    UnknownSerial,
    VotingBooths,
)
from dialer.domain.official_turnout import OfficialFigure
from dialer.domain.phone_facts import NO_GAPS, CallGaps, Register
from dialer.pacing.port import AnswersOfLate
from dialer.store import attempts as attempts_room
from dialer.store import audit as audit_room
from dialer.store import figures, inbound, numbers, opt_outs, queues, records, seals, voters
from dialer.store import polling_day_records as room
from dialer.store.cipher import StoreKey
from dialer.store.connection import BUSY_SECONDS, PAGE_BYTES, close_writing
from dialer.store.failures import explained
from dialer.store.opening import DIALLER, Opened, open_file
from dialer.store.port import KeptCommand, LogIn, OutboxRow, Refusal, SeatInterval
from dialer.store.records_port import Deed, DispositionEffect, MarkEffect, OptOutsTaken
from dialer.store.writer import Writer

# The part of the SQLite store that keeps booth workers' serials.


class SqliteWorkers:
    """`WorkersStore` over the store's one writer."""

    _writer: Writer

    async def last_of_call(self, attempt_id: AttemptId) -> tuple[str, int] | None:
        """See `WorkersStore`. Behind the writes that wait: a mark that was just made is found."""
        return await self._writer.write(lambda db: voters.last_of_call(db, attempt_id))

    async def marked_by(self, key: str) -> list[int]:
        """See `WorkersStore`."""
        return await self._writer.write(lambda db: voters.marked_by(db, key))

    async def record_unknown_serial(self, unknown: UnknownSerial) -> None:
        """See `WorkersStore`."""
        await self._writer.write(lambda db: voters.record_unknown_serial(db, unknown))


# The part of the SQLite store that keeps the seats' time, and who has which seat.


class SqliteSeats:
    """What `Store` says of seats, over the store's one writer."""

    _writer: Writer

    async def record_seat_intervals(self, intervals: Sequence[SeatInterval]) -> None:
        """See `Store`."""
        await self._writer.write(lambda db: records.record_seat_intervals(db, intervals))

    async def keep_log_in(self, log_in: LogIn) -> None:
        """See `Store`."""
        await self._writer.write(lambda db: records.keep_log_in(db, log_in))

    async def drop_log_in(self, seat: str, at: float) -> None:
        """See `Store`."""
        await self._writer.write(lambda db: records.drop_log_in(db, seat, at))

    async def log_ins(self) -> list[LogIn]:
        """See `Store`. Behind the writes that wait: a log-in that was just kept is found."""
        return await self._writer.write(records.log_ins)


# The part of the SQLite store that keeps marks, official turnout, complaints and opt-outs.


class SqliteRecords:
    """`PollingDayRecords` over the store's one writer."""

    _writer: Writer
    _targets: dict[str, int]  # how many numbers each campaign has, as far as it was counted

    async def record_mark(self, mark: Mark, announcements: Sequence[Announcement] = ()) -> MarkEffect:
        """See `PollingDayRecords`."""
        effect = await self._writer.write(lambda db: voters.record_mark(db, mark, announcements))
        self._count_anew([effect])
        return effect

    async def record_marks(
        self, marks: Sequence[Mark], announcements: Sequence[Announcement], deed: Deed
    ) -> list[MarkEffect]:
        """See `PollingDayRecords`."""
        effects = await self._writer.write(lambda db: room.record_marks(db, marks, announcements, deed))
        self._count_anew(effects)
        return effects

    def _count_anew(self, effects: Sequence[MarkEffect]) -> None:
        """A number that had no place in a campaign may have one now."""
        if any(effect.reopened for effect in effects):
            self._targets.clear()

    async def enter_turnout(self, figures: Sequence[OfficialFigure], deed: Deed) -> int:
        """See `PollingDayRecords`."""
        return await self._writer.write(lambda db: room.enter_turnout(db, figures, deed))

    async def record_complaint(self, complaint: Complaint, deed: Deed) -> int:
        """See `PollingDayRecords`."""
        return await self._writer.write(lambda db: room.record_complaint(db, complaint, deed))

    async def answer_complaint(self, answer: ComplaintAnswer, deed: Deed) -> None:
        """See `PollingDayRecords`."""
        await self._writer.write(lambda db: room.answer_complaint(db, answer, deed))

    async def release_unknown(self, attempts: Sequence[AttemptId], reason: str, deed: Deed) -> int:
        """See `PollingDayRecords`."""
        opened = await self._writer.write(lambda db: room.release_unknown(db, attempts, reason, deed))
        self._targets.clear()
        return opened

    async def record_opt_outs(
        self,
        hashes: Sequence[str],
        announcements: Sequence[Announcement],
        deed: Deed,
        *,
        fingerprint: str,
        centre: str,
        source: str,
    ) -> OptOutsTaken:
        """See `PollingDayRecords`."""
        return await self._writer.write(
            lambda db: opt_outs.record_told(
                db, hashes, announcements, deed, fingerprint=fingerprint, centre=centre, source=source
            )
        )


# Dialling stops while there is still room for what the calls in progress will bring.

# Three hundred live calls need less than 2 MiB; the rest is for the WAL and for others on the disk.
RESERVE_BYTES = 64 << 20
ATTEMPTS_BETWEEN_LOOKS = 50  # a look costs as much as half an attempt, and fifty attempts take at most 2 MiB


class RoomGuard:
    """Looks at the free space before attempts are opened. Use it in the writer's thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._since_look = ATTEMPTS_BETWEEN_LOOKS

    def before_opening(self, db: sqlite3.Connection, attempts: int) -> None:
        """Raise StoreFull where less than the reserve is left, on the disk or up to the file's own limit."""
        self._since_look += attempts
        if self._since_look < ATTEMPTS_BETWEEN_LOOKS:
            return
        (limit,) = db.execute("PRAGMA max_page_count").fetchone()
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        if min((limit - pages) * PAGE_BYTES, shutil.disk_usage(self._path).free) < RESERVE_BYTES:
            raise StoreFull(
                f"{self._path}: less than {RESERVE_BYTES >> 20} MiB are free: no new calls, so that the results of the live"
                " ones are kept; free disk space"
            )
        self._since_look = 0


T = TypeVar("T")


async def open_store(
    path: Path,
    *,
    create: bool = True,
    busy_seconds: float = BUSY_SECONDS,
    key: StoreKey | None = None,
    holder: str = DIALLER,
) -> SqliteStore:
    """The store in the file at `path`, locked for this process; made if there is none and `create`.

    `busy_seconds` is how long a write waits for another program that writes to the file behind our back. With a `key` the file is
    encrypted, or made so. `holder` is what others are told of who holds it.
    Raises StoreBusy where another dialler or an import has it, StoreCorrupt where it is damaged or not ours, StoreError where
    it cannot be opened or is newer than this program; the file is then as it was.
    """
    writing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-write")
    try:
        loop = asyncio.get_running_loop()
        opened = await loop.run_in_executor(writing, open_file, path, create, busy_seconds, key, holder)
    except BaseException:
        writing.shutdown(wait=False)
        raise
    return SqliteStore(opened, writing)


class SqliteStore(SqliteRecords, SqliteWorkers, SqliteSeats):
    """The `Store` of one file: one connection writes in its own thread, another one reads in a second thread."""

    def __init__(self, opened: Opened, writing: ThreadPoolExecutor) -> None:
        """Use `open_store`. `writing` has one thread: the one that runs the writing connection."""
        self._path = opened.path
        self._lock = opened.lock
        self._db = opened.db
        self._reader = opened.reader
        self._writing = writing
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-read")
        self._writer = Writer(opened.db, opened.path, writing)
        self._room = RoomGuard(opened.path)
        self._closed = False
        # Nobody else changes the roll and the queues' length while we hold the lock: both are read once.
        self._targets: dict[str, int] = {}
        self._booths: dict[int, Booth] | None = None
        self._voters_by_booth: dict[int, int] | None = None

    async def __aenter__(self) -> Self:
        """The store itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    async def _read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed:
            raise StoreError(f"{self._path}: the store was closed: start the dialler again")
        return await asyncio.get_running_loop().run_in_executor(self._reading, self._explained_read, job)

    def _explained_read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        with explained(self._path):
            return job(self._reader)

    # Campaigns and queues

    async def ensure_campaign(self, campaign_id: str, kind: CampaignKind, purpose: Purpose) -> CampaignState:
        """See `Store`."""
        return await self._writer.write(lambda db: queues.ensure_campaign(db, campaign_id, kind, purpose))

    async def set_campaign_state(self, campaign_id: str, state: CampaignState) -> None:
        """See `Store`."""
        await self._writer.write(lambda db: queues.set_campaign_state(db, campaign_id, state))

    async def enrol(self, campaign_id: str) -> int:
        """See `Store`."""
        added = await self._writer.write(lambda db: queues.enrol(db, campaign_id))
        self._targets.pop(campaign_id, None)
        return added

    async def claim(
        self,
        campaign_id: str,
        limit: int,
        *,
        owner: str,
        now: float,
        lease_seconds: float,
        booths: Mapping[int, int] | None = None,
        voting: VotingBooths | None = None,
        day_start: float | None = None,
    ) -> list[Claim]:
        """See `Store`."""
        claim = partial(
            queues.claim,
            campaign_id=campaign_id,
            limit=limit,
            owner=owner,
            now=now,
            lease_seconds=lease_seconds,
            booths=None if booths is None else dict(booths),
            voting=voting,
            day_start=now - attempts_room.DAY_SECONDS if day_start is None else day_start,
        )
        return await self._writer.write(claim)

    async def release(self, claims: Iterable[Claim]) -> None:
        """See `Store`."""
        kept = tuple(claims)
        await self._writer.write(lambda db: queues.release(db, kept))

    async def postpone(self, claims: Iterable[tuple[Claim, float]]) -> None:
        """See `Store`."""
        kept = tuple(claims)
        await self._writer.write(lambda db: queues.postpone(db, kept))

    async def registers(self) -> list[Register]:
        """See `Store`."""
        return await self._read(numbers.registers)

    async def release_expired(self, now: float, owner: str | None = None) -> int:
        """See `Store`."""
        return await self._writer.write(lambda db: queues.release_expired(db, now, owner))

    # Attempts

    async def open_attempts(
        self,
        attempts: Sequence[NewAttempt],
        *,
        max_attempts_since: float,
        max_attempts: int,
        max_conversations: int | None = None,
        gaps: CallGaps = NO_GAPS,
    ) -> list[Refusal | None]:
        """See `Store`. A number at its cap is due again a day after `max_attempts_since`. StoreFull leaves room for results.

        StoreError also where the file was moved or replaced under us: what is dialled then would be nowhere.
        """

        def open_all(db: sqlite3.Connection) -> list[Refusal | None]:
            self._lock.refuse_if_moved()
            self._room.before_opening(db, len(attempts))
            return attempts_room.open_attempts(db, attempts, max_attempts_since, max_attempts, max_conversations, gaps)

        return await self._writer.write(open_all)

    async def record_rules_version(self, text: str, at: float) -> str:
        """See `Store.record_rules_version`."""
        return await self._writer.write(lambda db: attempts_room.record_rules_version(db, text, at))

    async def record_answer(self, attempt_id: AttemptId, answered_at: float) -> None:
        """See `Store`."""
        await self._writer.write(lambda db: attempts_room.record_answer(db, attempt_id, answered_at))

    async def record_connect(self, attempt_id: AttemptId, connected_at: float, seat: str, agent: str | None) -> None:
        """See `Store`."""
        await self._writer.write(lambda db: attempts_room.record_connect(db, attempt_id, connected_at, seat, agent))

    async def end_attempts(
        self, ended: Sequence[EndedAttempt], announcements: Sequence[Announcement] = ()
    ) -> list[bool]:
        """See `Store`. Where none of them was open, nothing is announced."""
        return await self._writer.write(lambda db: attempts_room.end_attempts(db, ended, announcements))

    async def record_disposition(
        self,
        record: DispositionRecord,
        marks: Sequence[Mark] = (),
        *,
        opt_out: bool = False,
        announcements: Sequence[Announcement] = (),
    ) -> DispositionEffect:
        """See `Store`."""
        return await self._writer.write(
            lambda db: attempts_room.record_disposition(db, record, marks, opt_out, announcements)
        )

    async def take_inbound(self, call: NewInbound) -> InboundParty | None:
        """See `Store.take_inbound`."""
        return await self._writer.write(lambda db: inbound.take_inbound(db, call))

    async def newest_event_at(self) -> float | None:
        """See `Store`."""
        return await self._read(attempts_room.newest_event_at)

    async def unfinished_attempts(self) -> list[OpenAttempt]:
        """See `Store`."""
        return await self._read(attempts_room.unfinished_attempts)

    async def known_attempts(self, attempt_ids: Sequence[AttemptId]) -> frozenset[AttemptId]:
        """See `Store`."""
        asked = tuple(attempt_ids)
        return await self._read(lambda db: attempts_room.known_attempts(db, asked))

    # Voters

    async def record_opt_out(
        self,
        phone_id: int,
        *,
        at: float,
        source: str,
        attempt_id: AttemptId | None = None,
        announcements: Sequence[Announcement] = (),
    ) -> bool:
        """See `Store`."""
        return await self._writer.write(
            lambda db: voters.record_opt_out(
                db, phone_id, at=at, source=source, attempt_id=attempt_id, announcements=announcements
            )
        )

    async def hash_numbers(self, secrets: Sequence[bytes]) -> int:
        """See `Store`. In several transactions, so that nothing else waits for long."""
        await self._writer.write(lambda db: opt_outs.begin_hashing(db, secrets))
        for secret in secrets:
            after: int | None = 0
            while after is not None:
                after = await self._writer.write(partial(opt_outs.hash_some, secret=secret, after=after))
        return await self._writer.write(opt_outs.honour_foreign)

    async def number_hash(self, phone_id: int) -> str | None:
        """See `Store`."""
        return await self._read(partial(opt_outs.hash_of, phone_id=phone_id))

    async def record_foreign_opt_out(self, number_hash: str, *, at: float, centre: str) -> int | None:
        """See `Store`."""
        return await self._writer.write(lambda db: opt_outs.record_foreign(db, number_hash, at=at, centre=centre))

    async def booths(self) -> dict[int, Booth]:
        """See `Store`."""
        if self._booths is None:
            self._booths = await self._read(voters.booths)
        return dict(self._booths)

    async def pending_voters(self, phone_id: int) -> list[int]:
        """See `Store.pending_voters`."""
        return await self._read(partial(voters.pending_voters, phone_id=phone_id))

    async def voter_by_serial(self, booth_id: int, serial: int) -> int | None:
        """See `Store.voter_by_serial`."""
        return await self._read(partial(voters.voter_by_serial, booth_id=booth_id, serial=serial))

    async def voter_for_screen(self, voter_id: int) -> dict[str, str | int | None]:
        """See `Store`."""
        return await self._read(partial(voters.voter_for_screen, voter_id=voter_id))

    async def booth_turnout(self) -> list[BoothTurnout]:
        """See `Store`."""
        booths = await self.booths()
        if self._voters_by_booth is None:
            self._voters_by_booth = await self._read(voters.voters_by_booth)
        counts = self._voters_by_booth
        return await self._read(lambda db: voters.booth_turnout(db, booths, counts))

    async def without_number_since(self, phone_id: int) -> dict[int, int]:
        """See `Store.without_number_since`."""
        return await self._read(partial(voters.without_number_since, phone_id=phone_id))

    # What was keyed in flows, and left there

    async def record_answers(self, attempt_id: AttemptId, answers: Mapping[str, str], at: float) -> None:
        """See `Store.record_answers`."""
        await self._writer.write(lambda db: records.record_answers(db, attempt_id, answers, at))

    async def flow_answers(self, attempt_id: AttemptId) -> dict[str, str]:
        """See `Store.flow_answers`."""
        return await self._read(lambda db: records.flow_answers(db, attempt_id))

    async def phone_number(self, phone_id: int) -> str | None:
        """See `Store.phone_number`."""
        return await self._read(lambda db: records.phone_number(db, phone_id))

    async def open_attempt_on(self, number: str) -> AttemptId | None:
        """See `Store.open_attempt_on`."""
        return await self._read(lambda db: records.open_attempt_on(db, number))

    # Figures

    async def campaign_progress(self, campaign_id: str) -> CampaignProgress:
        """See `Store`."""
        if campaign_id not in self._targets:
            self._targets[campaign_id] = await self._read(lambda db: figures.targets(db, campaign_id))
        targets = self._targets[campaign_id]
        return await self._read(lambda db: figures.campaign_progress(db, campaign_id, targets))

    async def outcome_counts(self, campaign_id: str, since: float = 0.0) -> dict[Outcome, int]:
        """See `Store`."""
        return await self._read(lambda db: figures.outcome_counts(db, campaign_id, since))

    async def next_due_at(self, campaign_id: str) -> float | None:
        """See `Store`."""
        return await self._read(lambda db: figures.next_due_at(db, campaign_id))

    async def answers_of_late(
        self, campaign_id: str, now: float, window_seconds: float, stretch_seconds: float
    ) -> list[AnswersOfLate]:
        """See `Store`."""
        return await self._read(
            lambda db: figures.answers_of_late(db, campaign_id, now, window_seconds, stretch_seconds)
        )

    async def save_pacer_state(self, campaign_id: str, state: str) -> None:
        """See `Store`."""
        await self._writer.write(lambda db: records.save_pacer_state(db, campaign_id, state))

    async def pacer_state(self, campaign_id: str) -> str | None:
        """See `Store`."""
        return await self._read(lambda db: records.pacer_state(db, campaign_id))

    # Announcements and commands

    async def announce(self, announcements: Sequence[Announcement], at: float) -> None:
        """See `Store`. A repeat announces again: these have no key that would tell."""
        await self._writer.write(lambda db: records.announce(db, announcements, at))

    async def outbox(self, limit: int) -> list[OutboxRow]:
        """See `Store`."""
        return await self._read(lambda db: records.outbox(db, limit))

    async def outbox_done(self, up_to: int, *, keep_at_most: int | None = 100_000) -> int:
        """See `Store`."""
        return await self._writer.write(lambda db: records.outbox_done(db, up_to, keep_at_most))

    async def kept_command(self, command_id: str) -> KeptCommand | None:
        """See `Store`."""
        return await self._read(lambda db: records.kept_command(db, command_id))

    async def record_command(self, command_id: str, name: str, content: str, reply: str, at: float) -> bool:
        """See `Store`."""
        return await self._writer.write(lambda db: records.record_command(db, command_id, name, content, reply, at))

    async def complete_command(self, command_id: str, reply: str) -> None:
        """See `Store`."""
        await self._writer.write(lambda db: records.complete_command(db, command_id, reply))

    # Recordings and audit

    async def record_recording(self, attempt_id: AttemptId, started_at: float) -> None:
        """See `Store`."""
        await self._writer.write(lambda db: records.record_recording(db, attempt_id, started_at))

    async def append_audit(self, kind: str, who: str, what: Mapping[str, str], at: float) -> int:
        """See `Store`."""
        kept = dict(what)
        return await self._writer.write(lambda db: audit_room.append(db, kind, who, kept, at))

    async def settings_changed(self, settings: Mapping[str, str], at: float) -> int | None:
        """See `Store.settings_changed`."""
        return await self._writer.write(lambda db: audit_room.settings_changed(db, settings, at))

    async def seal(self, at: float) -> Head | None:
        """See `Store.seal`."""
        return await self._writer.write(lambda db: seals.close_batch(db, at))

    # Life

    async def close(self) -> None:
        """See `Store`."""
        if self._closed:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        try:
            await self._writer.close()
            # The reader first: the connection that is closed last checkpoints, and only the writing one may.
            await loop.run_in_executor(self._reading, self._reader.close)
            await loop.run_in_executor(self._writing, close_writing, self._db)
        finally:
            self._reading.shutdown()
            self._writing.shutdown()
            self._lock.release()
