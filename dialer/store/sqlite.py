"""The store of one centre in one SQLite file. A method is one function of a family's module, with its contract
and its SQL beside it; `Store` says of each whether it reads or writes. One suite holds them to it.

- A method that writes returns after the commit is durable, and not before. If it raises, nothing of it is kept, except
  where the commit's own reply was lost: then a repeat of the same call finds it done and changes nothing.
- There is one writer. Writes that wait together may share a commit; a write that fails does not fail its neighbours.
- A result and its announcements are committed together or not at all.
- Errors: StoreFull (no room; nothing was kept), StoreBusy, StoreCorrupt, StoreError.
Times are epoch seconds, UTC.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from dialer.domain.errors import StoreError, StoreFull
from dialer.domain.model import AttemptId, Booth, BoothTurnout, CampaignProgress, Mark, NewAttempt
from dialer.domain.phone_facts import NO_GAPS, CallGaps
from dialer.store import attempts as attempt_rows
from dialer.store import (
    audit,
    erasing,
    figures,
    numbers,
    opt_outs,
    polling_day_records,
    queues,
    records,
    seals,
    spool,
    voters,
)
from dialer.store import headquarters as news_rows
from dialer.store import outbox as outbox_rows
from dialer.store.connection import PAGE_BYTES, OpenStore, close_writer, open_and_lock
from dialer.store.driver import BUSY_SECONDS
from dialer.store.keys import StoreKey
from dialer.store.lock import DIALLER
from dialer.store.port import AuditNote, Encode, MarkEffect, Refusal
from dialer.store.roll import StoredBooth
from dialer.store.sql import Connection
from dialer.store.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")
Job = Callable[Concatenate[Connection, P], T]
Telling = Callable[Concatenate[Connection, Encode | None, P], T]

# Dialling stops while there is still room for what the calls in progress will bring.

# Three hundred live calls need less than 2 MiB; the rest is for the WAL and for others on the disk.
RESERVE_BYTES = 64 << 20
ATTEMPTS_BETWEEN_LOOKS = 50  # a look costs as much as half an attempt, and fifty attempts take at most 2 MiB


class RoomGuard:
    """Looks at the free space before attempts are opened. Use it in the writer's thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._since_look = ATTEMPTS_BETWEEN_LOOKS

    def before_opening(self, db: Connection, attempts: int) -> None:
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


class _Reads(Generic[P, T]):
    """A function as a method that reads, beside the writer, its docstring the contract: what waits to be committed is not seen."""

    def __init__(self, job: Job[P, T]) -> None:
        self._job = job
        self.__doc__ = job.__doc__

    def __get__(self, store: Store, kind: type[Store]) -> Callable[P, Coroutine[Any, Any, T]]:
        return partial(store._read, self._job)


class Write(Generic[P, T]):
    """A function as a method that writes, behind all that waits."""

    announces = False

    def __init__(self, job: Job[P, T]) -> None:
        self._job: Callable[..., T] = job
        self.__doc__ = job.__doc__

    @overload
    def __get__(self, store: None, kind: type[Store]) -> Self: ...
    @overload
    def __get__(self, store: Store, kind: type[Store]) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, store: Store | None, kind: type[Store]) -> Self | Callable[P, Coroutine[Any, Any, T]]:
        if store is None:
            return self
        return partial(store._announce if self.announces else store._write, self._job)


class _Announces(Write[P, T]):
    """Writes, and puts the news of it into the outbox in the same transaction."""

    announces = True

    def __init__(self, job: Telling[P, T]) -> None:
        self._job = job
        self.__doc__ = job.__doc__


async def open_store(
    path: Path,
    *,
    encode: Encode | None = None,
    create: bool = True,
    busy_seconds: float = BUSY_SECONDS,
    key: StoreKey | None = None,
    holder: str = DIALLER,
) -> Store:
    """The store in the file at `path`, locked for this process; made if there is none and `create`.

    `encode` makes announcements of what is committed; without it nothing is announced.
    `busy_seconds` is how long a write waits for another program that writes to the file behind our back. With a `key` the file is
    encrypted, or made so. `holder` is what others are told of who holds it.
    Raises StoreBusy where another dialler or an import has it, StoreCorrupt where it is damaged or not ours, StoreError where
    it cannot be opened or is newer than this program; the file is then as it was.
    """
    writing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-write")
    try:
        loop = asyncio.get_running_loop()
        opened = await loop.run_in_executor(writing, open_and_lock, path, create, busy_seconds, key, holder)
    except BaseException:
        writing.shutdown(wait=False)
        raise
    return Store(opened, writing, encode)


class Store:
    """Everything that survives a restart: one connection writes in its own thread, another one reads in a second thread."""

    def __init__(self, opened: OpenStore, writing: ThreadPoolExecutor, encode: Encode | None) -> None:
        """Use `open_store`. `writing` has one thread: the one that runs the writing connection."""
        self._path = opened.path
        self._lock = opened.lock
        self._db = opened.writer
        self._reader = opened.reader
        self._writing = writing
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-read")
        self._writer = Writer(opened.writer, opened.path, writing)
        self._room = RoomGuard(opened.path)
        self._encode = encode
        self._closed = False
        self.outbox_event = asyncio.Event()
        """Set when a write has added announcements to the outbox. Whoever sends them clears it."""
        # Nobody else changes the roll and the queues' length while we hold the lock: both are read once.
        self._targets: dict[str, int] = {}
        self._booths: dict[int, Booth] | None = None
        self._voters_by_booth: dict[int, int] | None = None

    async def __aenter__(self) -> Self:
        """The store itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    async def _write(self, job: Job[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._writer.write(lambda db: job(db, *args, **kwargs))

    async def _announce(self, job: Telling[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        written = await self._writer.write(lambda db: job(db, self._encode, *args, **kwargs))
        self.outbox_event.set()
        return written

    async def _read(self, job: Job[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self._closed:
            raise StoreError(f"{self._path}: the store was closed: start the dialler again")
        read = partial(self._reader.read, lambda db: job(db, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._reading, read)

    # Campaigns and queues

    ensure_campaign = Write(queues.ensure_campaign)
    set_campaign_state = Write(queues.set_campaign_state)
    stop_campaigns = Write(queues.stop_campaigns)
    claim = Write(queues.claim)
    claim_number = Write(queues.claim_number)
    release = Write(queues.release)
    postpone = Write(queues.postpone)
    release_expired = Write(queues.release_expired)
    own_call_backs = _Reads(queues.own_call_backs)
    registers = _Reads(numbers.registers)

    async def enrol(self, campaign_id: str, first: int = 0, last: int = queues.MOST_PHONES) -> int:
        """Add a target for every number with a pending voter that has none in this campaign yet and has not opted out; in a
        campaign for booth workers, for every worker on the list. A target that was closed because nobody on its number was
        pending is opened again where somebody is now. Enrolling twice adds nothing. Returns how many were added or opened. A
        target stands in the queue of its first pending voter's booth; its rank is the weight of all who are pending on the number.
        `first` and `last` are of the numbers' ids: those of them alone.
        """
        added = await self._write(queues.enrol, campaign_id, first, last)
        self._targets.pop(campaign_id, None)
        return added

    # Attempts

    record_rules_version = Write(attempt_rows.record_rules_version)
    take_settings = Write(attempt_rows.take_settings)
    record_answer = Write(attempt_rows.record_answer)
    record_connect = Write(attempt_rows.record_connect)
    end_attempts = _Announces(attempt_rows.end_attempts)
    record_disposition = _Announces(attempt_rows.record_disposition)
    newest_event_at = _Reads(attempt_rows.newest_event_at)
    changed_since_open = _Reads(audit.changed_since_open)
    unfinished_attempts = _Reads(attempt_rows.unfinished_attempts)
    screen_pop = _Reads(attempt_rows.screen_pop)
    unsaid_talks = _Reads(attempt_rows.unsaid_talks)
    known_attempts = _Reads(attempt_rows.known_attempts)
    open_attempt_on = _Reads(records.open_attempt_on)
    record_recording = Write(records.record_recording)
    has_recording = _Reads(records.has_recording)
    record_answers = _Announces(records.record_answers)
    flow_answers = _Reads(records.flow_answers)
    take_inbound = Write(attempt_rows.take_inbound)

    async def open_attempts(
        self,
        attempts: Sequence[NewAttempt],
        *,
        max_attempts_since: float,
        max_attempts: int,
        max_conversations: int | None = None,
        gaps: CallGaps = NO_GAPS,
    ) -> list[Refusal | None]:
        """Commit attempts *before* they are dialled; for each one None, or why it must not be dialled.

        Everything is asked again at this moment: the claim, an open attempt on the number, opt-out, whether anybody on it is
        still pending, and the caps per number since `max_attempts_since`, across campaigns (of conversations None: no cap); a
        number at its cap is due again a day after that.
        `gaps`: a number that was called or talked to too short a time ago is due again when they are over, unless this call was
        asked for (its target is promised) and the phone has not rung since. Opening the same attempt id again is refused as
        OPEN_ATTEMPT. A refused target goes back to the queue, or is closed where the reason is for good. Attempts that end as
        `refused` were never placed: they count towards no cap and no gap.

        Raises StoreFull where there would be no room for results, StoreError also where the file was moved or replaced under us:
        what is dialled then would be nowhere.
        """

        def open_all(db: Connection) -> list[Refusal | None]:
            self._lock.refuse_if_moved()
            self._room.before_opening(db, len(attempts))
            bounds = (max_attempts_since, max_attempts, max_conversations, gaps)
            return [attempt_rows.open_attempt(db, each, *bounds) for each in attempts]

        return await self._write(open_all)

    # Voters and what is said of them

    pending_voters = _Reads(voters.pending_voters)
    voter_by_serial = _Reads(voters.voter_by_serial)
    voter_for_screen = _Reads(voters.voter_for_screen)
    without_number_since = _Reads(voters.without_number_since)
    last_of_call = Write(voters.last_of_call)  # behind the writes that wait: a mark that was just made is found
    marked_by = Write(voters.marked_by)
    record_unknown_serial = Write(voters.record_unknown_serial)
    enter_turnout = Write(polling_day_records.enter_turnout)
    record_complaint = Write(polling_day_records.record_complaint)
    answer_complaint = Write(polling_day_records.answer_complaint)

    async def record_mark(self, mark: Mark) -> MarkEffect:
        """Append a mark and bring the voter's turnout up to date: see `voters.record_mark`."""
        effect = await self._announce(voters.record_mark, mark)
        self._count_anew([effect])
        return effect

    async def record_marks(self, marks: Sequence[Mark], entry: AuditNote) -> list[MarkEffect]:
        """Append marks that came together, all or none, with their audit entry: see `polling_day_records.record_marks`."""
        effects = await self._announce(polling_day_records.record_marks, marks, entry)
        self._count_anew(effects)
        return effects

    async def release_unknown(self, attempts: Sequence[AttemptId], reason: str, entry: AuditNote) -> int:
        """Let the numbers of unknown attempts be called again, all or none: see `polling_day_records.release_unknown`."""
        opened = await self._write(polling_day_records.release_unknown, attempts, reason, entry)
        self._targets.clear()
        return opened

    def _count_anew(self, effects: Sequence[MarkEffect]) -> None:
        """A number that had no place in a campaign may have one now."""
        if any(effect.reopened for effect in effects):
            self._targets.clear()

    async def booths(self) -> dict[int, Booth]:
        """Every booth of the roll."""
        if self._booths is None:
            self._booths = await self._read(voters.booths)
        return dict(self._booths)

    async def booth_turnout(self) -> list[BoothTurnout]:
        """Turnout of every booth that has voters. Reads the whole roll: asked once, at the start."""
        booths = await self.booths()
        if self._voters_by_booth is None:
            self._voters_by_booth = await self._read(voters.voters_by_booth)
        return await self._read(voters.booth_turnout, booths, self._voters_by_booth)

    # A roll that is taken in while the dialler runs

    take_voters = Write(spool.take_voters)
    record_roll = Write(spool.record_roll)
    last_phone = _Reads(spool.last_phone)
    count_booth = Write(spool.count_booth)  # in its turn among the marks, which are added to what it finds

    async def take_booths(self, booths: Sequence[StoredBooth]) -> dict[int, int]:
        """Add booths of a roll, or bring them up to date: see `spool.take_booths`."""
        ids = await self._write(spool.take_booths, booths)
        self._booths = self._voters_by_booth = None
        return ids

    # Opt-outs, and numbers as others may know them

    suppress = _Announces(opt_outs.suppress)
    erase_number = _Announces(erasing.erase_number)

    phone_number = _Reads(records.phone_number)
    record_opt_out = _Announces(voters.record_opt_out)
    record_opt_outs = _Announces(opt_outs.record_told)
    record_foreign_opt_out = Write(opt_outs.record_foreign)

    async def hash_numbers(self, secrets: Sequence[bytes]) -> int:
        """Hash every number of the roll under the centres' shared secrets (dialer/rules/number_hash.py), and suppress those that
        other centres told of in the meantime; returns how many were suppressed. The first secret is told under, the others are
        understood; none: none is shared. Raises StoreError where opt-outs may be known under another secret alone. In several
        transactions, so that nothing else waits for long.
        """
        await self._write(opt_outs.begin_hashing, secrets)
        for secret in secrets:
            after: int | None = 0
            while after is not None:
                after = await self._write(opt_outs.hash_some, secret, after)
        return await self._write(opt_outs.honour_foreign)

    # Figures

    outcome_counts = _Reads(figures.outcome_counts)
    answers_of_late = _Reads(figures.answers_of_late)
    next_due_at = _Reads(figures.next_due_at)
    save_pacer_state = Write(records.save_pacer_state)
    pacer_state = _Reads(records.pacer_state)

    async def campaign_progress(self, campaign_id: str) -> CampaignProgress:
        """How far the campaign is."""
        if campaign_id not in self._targets:
            self._targets[campaign_id] = await self._read(figures.targets, campaign_id)
        return await self._read(figures.campaign_progress, campaign_id, self._targets[campaign_id])

    # Seats

    record_seat_intervals = _Announces(records.record_seat_intervals)
    keep_log_in = Write(records.keep_log_in)
    drop_log_in = Write(records.drop_log_in)
    log_ins = Write(records.log_ins)  # behind the writes that wait: a log-in that was just kept is found

    # What supervisors have ordered

    standing_orders = Write(records.standing_orders)
    keep_orders = Write(records.keep_orders)
    end_order = Write(records.end_order)

    # Users

    kept_users = Write(records.kept_users)  # behind the writes that wait: one who was just removed is gone
    set_user = Write(records.set_user)
    remove_user = Write(records.remove_user)

    # Headquarters

    heard_orders = Write(queues.heard_orders)  # behind the writes that wait: one that was just kept is found
    standing_stops = Write(queues.standing_stops)
    keep_order = Write(queues.keep_order)

    # Announcements, commands, audit

    announce = Write(outbox_rows.announce)
    tell = _Announces(outbox_rows.tell)
    tell_test_mark = _Announces(outbox_rows.tell_test_mark)
    outbox = _Reads(outbox_rows.outbox)
    outbox_done = Write(outbox_rows.outbox_done)
    outbox_waits = _Reads(outbox_rows.outbox_waits)
    bound_outbox = Write(outbox_rows.bound_outbox)
    keep_for_headquarters = Write(outbox_rows.keep_for_headquarters)
    uplink_kept = Write(outbox_rows.uplink_kept)
    take_news = Write(news_rows.take_news)
    kept_command = _Reads(records.kept_command)
    record_command = Write(records.record_command)
    complete_command = Write(records.complete_command)
    append_audit = Write(audit.append)
    settings_changed = Write(audit.settings_changed)
    seal = Write(seals.close_batch)

    async def close(self) -> None:
        """Finish what waits, checkpoint, close. Closing twice is no error."""
        if self._closed:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        try:
            await self._writer.close()
            # The reader first: the connection that is closed last checkpoints, and only the writing one may.
            await loop.run_in_executor(self._reading, self._reader.close)
            await loop.run_in_executor(self._writing, close_writer, self._db)
        finally:
            self._reading.shutdown()
            self._writing.shutdown()
            self._lock.release()
