"""Histories of a headquarters whose centres are replaced, restored, doubled and set back, with wrong clocks and copies put back.

    python -m tests.attack.headquarters_histories --histories 100 --seed 1

The stores, the uplink's upload, the gatherer and PostgreSQL are the real ones; the nats-server is simulated, and all runs in
virtual time. Meanwhile connections are cut, acknowledgements are lost, the nats-server is set back to a copy, and the gatherer
restarts. After each fault an alert must show it at headquarters and, where it is the centre's own, at the centre. Where two
stores send as one centre, a person stops one of them and accepts the other. At the end, each row that headquarters has
acknowledged, or that a remaining store has, must be in headquarters' database once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import shutil
import sqlite3
import sys
import tempfile
import threading
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from unittest import mock

from dialer.domain.alerts import CLOCKS_APART_SECONDS
from dialer.domain.clock import LoopClock
from dialer.domain.enums import CampaignKind, MarkKind, Purpose
from dialer.domain.errors import HeadquartersUnreachable
from dialer.domain.model import EndedAttempt, Mark, MarkSource, Outcome
from dialer.hq import gather
from dialer.hq.database import Database, open_database
from dialer.hq.gather import Gatherer
from dialer.hq.ledger import SEALED_EPOCHS, parse_outbox_row
from dialer.hq.live import LiveCentres
from dialer.hq.servers import run_postgresql
from dialer.hq.store_records import UnknownStore, replace_accepted_database_of_centre
from dialer.mqtt.dialler_client import Reply
from dialer.mqtt.messages import create_outbox_row_of_result
from dialer.nats import messages
from dialer.nats.messages import BatchRow
from dialer.nats.session import Session, StoredMessage, StreamSetBack, StreamState
from dialer.simulation.virtual_time import run_in_virtual_time
from dialer.store import identity, outbox
from dialer.store.async_connection import AsyncConnection
from dialer.store.connection import open_store_exclusively, open_store_for_reading
from dialer.store.identity import get_copy_detection_token_path
from dialer.store.seal_keys import get_seal_key_path
from dialer.store.sql import Query, Scalar
from dialer.store.store import open_store
from dialer.store.uplink_reader import UplinkReader
from dialer.uplink.dialler import DiallerCommands
from dialer.uplink.upload import OutboxUpload
from tests.attack.kill_histories import print_progress, silence_log
from tests.attack.killable_dialler import SCRATCH
from tests.support.centre import START_EPOCH
from tests.support.headquarters import create_database, hq_settings
from tests.support.roll_filler import STATE_CODE, fill_roll_into
from tests.support.stores import CAMPAIGN, claim_numbers, commit_new_attempt, make_attempt

CENTRES = ("nashik", "pune", "satara")
VOTERS = 900
ALERT_SECONDS = 120.0  # within which a fault must show
SETTLE_SECONDS = 400.0
ACKS_LOST = 0.05  # share
CLOCKS_AHEAD = (-86_400.0, -400.0, -45.0, 45.0, 400.0, 86_400.0)
LOST, TWICE, SILENT = "rows lost", "rows stored or counted twice", "faults without an alert"
MUST_BE_ZERO = (LOST, TWICE, SILENT)

T = TypeVar("T")
Key = tuple[str, str]  # topic and key of a row at headquarters


class DatabaseThread:
    """An event loop in real time for PostgreSQL's connections. The virtual loop blocks while it waits for it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread. Its connections must be closed."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run_in_thread(self, work: Awaitable[T]) -> T:
        """Wait in the thread for `work`. Return its result."""

        async def wait() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(wait(), self._loop).result()

    @contextlib.asynccontextmanager
    async def open_database(self, address: str) -> AsyncIterator[Database]:
        """Open a database as `dialer.hq.database.open_database` does."""
        with self.connect_to_database(address) as connection:
            yield _BlockingDatabase(connection, self)

    @contextlib.contextmanager
    def connect_to_database(self, address: str) -> Iterator[Database]:
        """Yield a connection to a database, which must be used in the thread."""
        manager = open_database(address)
        connection = self.run_in_thread(manager.__aenter__())
        try:
            yield connection
        finally:
            self.run_in_thread(manager.__aexit__(None, None, None))


class _BlockingDatabase(Database):
    """A database for the virtual loop, which blocks while PostgreSQL works."""

    def __init__(self, real: Database, thread: DatabaseThread) -> None:
        self._real = real
        self._thread = thread

    def open_transaction(self) -> Any:
        return _BlockingTransaction(self._real.open_transaction(), self._thread)

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_") or name == "open_transaction":
            return super().__getattribute__(name)
        method = getattr(self._real, name)

        async def run(*values: Any) -> Any:
            return self._thread.run_in_thread(method(*values))

        return run


class _BlockingTransaction:
    def __init__(self, real: Any, thread: DatabaseThread) -> None:
        self._real = real
        self._thread = thread

    async def __aenter__(self) -> None:
        self._thread.run_in_thread(self._real.__aenter__())

    async def __aexit__(self, *error: Any) -> None:
        self._thread.run_in_thread(self._real.__aexit__(*error))


class SimulatedNats:
    """A nats-server with the stream of batches. Messages to other streams are discarded."""

    def __init__(self, source: Random) -> None:
        self.batches: list[tuple[str, bytes, float]] = []
        """The stored batches: subject, data, and when each was stored."""
        self.sessions: list[SimulatedSession] = []
        self.changed = asyncio.Event()
        self._random = source
        self._tasks: set[asyncio.Task[None]] = set()

    def wake_readers(self) -> None:
        """Let readers of the stream look at it again."""
        self.changed.set()
        self.changed = asyncio.Event()

    def deliver(self, subject: str, data: bytes) -> None:
        """Pass a message to the subscribers of its subject. Some acknowledgements are lost."""
        if subject.startswith("ack.") and self._random.random() < ACKS_LOST:
            return
        for session in self.sessions:
            for pattern, handle in session.subscriptions:
                if session.is_connected and _is_subject_in_pattern(pattern, subject):
                    task = asyncio.get_running_loop().create_task(handle(subject, data))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)


def _is_subject_in_pattern(pattern: str, subject: str) -> bool:
    levels, found = pattern.split("."), subject.split(".")
    return len(levels) == len(found) and all(one in {"*", other} for one, other in zip(levels, found, strict=True))


class SimulatedSession(Session):
    """A connection to the simulated nats-server."""

    is_connected = True

    def __init__(self, nats: SimulatedNats) -> None:
        self._nats = nats
        self.subscriptions: list[tuple[str, Callable[[str, bytes], Coroutine[Any, Any, None]]]] = []
        nats.sessions.append(self)

    async def store_message(self, subject: str, data: bytes) -> int:
        if not self.is_connected:
            raise HeadquartersUnreachable("the connection is cut")
        if not subject.startswith("up."):
            return 1
        self._nats.batches.append((subject, data, asyncio.get_running_loop().time()))
        self._nats.wake_readers()
        return len(self._nats.batches)

    async def publish_message(self, subject: str, data: bytes) -> None:
        if self.is_connected:
            self._nats.deliver(subject, data)

    async def subscribe_to_subject(self, subject: str, handle: Any) -> None:
        self.subscriptions.append((subject, handle))

    async def create_stream_if_missing(self, name: str, *_: Any, **__: Any) -> str:
        return name

    async def read_stream_state(self, name: str) -> StreamState:
        return StreamState(name, 1, len(self._nats.batches))

    async def read_stream_messages(
        self,
        stream: str,
        after: int,
        subject: str = "",
        *,
        stream_id: str = "",
        stored_at: float | None = None,
        complete: bool = False,
    ) -> AsyncIterator[StoredMessage]:
        position = after
        while True:
            last = len(self._nats.batches)
            if position > last:
                raise StreamSetBack("the stream ends before the position")
            if stored_at is not None and self._nats.batches[position - 1][2] != stored_at:
                raise StreamSetBack("the message at the position is another one")
            if position == last:
                await self._nats.changed.wait()
                continue
            position += 1
            subject, data, stored_at = self._nats.batches[position - 1]
            yield StoredMessage(subject, data, position, position - 1, last - position, 0, stored_at)


class _BlockingStoreConnection(AsyncConnection):
    """A reading connection to a store. It has no thread: virtual time would pass while the thread reads."""

    def __init__(self, path: Path) -> None:
        self._reading = open_store_for_reading(path)

    async def fetch_all_rows(self, query: Query[T], /, **parameters: object) -> list[T]:
        return query.fetch_all_rows(self._reading, **parameters)

    async def fetch_first_value(self, scalar: Scalar[T], /, **parameters: object) -> T | None:
        return scalar.fetch_first_value(self._reading, **parameters)

    async def close(self) -> None:
        self._reading.close()


class CentreClock(LoopClock):
    """A centre's clock, which may be wrong."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


class Machine:
    """A machine that works as a centre: a store with results, and its uplink."""

    def __init__(self, history: History, centre: str, path: Path) -> None:
        """Create a machine. `path` is the store's file."""
        self.centre = centre
        self.path = path
        self.problem = ""
        self.clock_ahead = 0.0
        self.times_set_back = 0
        self._history = history

    async def start(self, *, connected: bool = True) -> None:
        """Open the store, and start to work and to send results. `connected` says whether it has a connection."""
        history = self._history
        self.problem = ""
        self.store = await open_store(self.path, encode=create_outbox_row_of_result)
        await self.store.set_byte_limit_of_headquarters_queue(1 << 24)
        await self.store.add_or_update_campaign(CAMPAIGN, CampaignKind.AGENTS, Purpose.TURNOUT)
        await self.store.add_roll_numbers_to_queue(CAMPAIGN)
        self.reading = UplinkReader(_BlockingStoreConnection(self.path), self.path)
        self.session = SimulatedSession(history.nats)
        self.session.is_connected = connected
        upload = OutboxUpload(
            self.centre, self.session, _MachineCommands(self), self.reading, history.clocks[self.centre]
        )
        self._uploading = asyncio.create_task(upload.send_results_until_cancelled())
        self.working = asyncio.create_task(self._store_results())

    async def stop(self) -> None:
        """Stop working, and close the store."""
        tasks = (self._uploading, self.working)
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        errors = [each for each in ends if isinstance(each, Exception)]
        if errors:
            raise errors[0]
        self.session.is_connected = False
        self._history.nats.sessions.remove(self.session)
        await self.reading.close()
        await self.store.close()

    async def execute_command_of_uplink(self, name: str, values: dict[str, Any]) -> Reply:
        """Execute the uplink's commands as the dialler does."""
        now = self._history.clocks[self.centre].now()
        if name == "report-uplink":
            self.problem, self.clock_ahead = values["problem"], values["clock_ahead_seconds"]
            return Reply("done", "reported")
        assert name == "confirm-uplink"
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            rows = db.execute(
                "SELECT topic, payload, at FROM outbox WHERE outbox_id <= ?"
                " AND outbox_id > (SELECT passed FROM outbox_sink WHERE name = 'uplink')",
                (values["through"],),
            )
            acknowledged = {key for row in rows if (key := find_key_at_headquarters(self.centre, *row)) is not None}
        if await self.store.record_last_outbox_id_at_headquarters(values["through"], now):
            self.times_set_back += 1
        else:
            self._history.acknowledged[self.centre] |= acknowledged
        return Reply("done", "confirmed")

    async def _store_results(self) -> None:
        """Store results at random times, and seal them each minute."""
        chance, clock = self._history.random, self._history.clocks[self.centre]
        sealed_at = clock.monotonic()
        while True:
            await asyncio.sleep(chance.expovariate(1 / 12.0))
            for _ in range(chance.randint(1, 4)):
                await self._store_results_of_call(clock.now())
            if clock.monotonic() - sealed_at >= 60.0:
                sealed_at = clock.monotonic()
                await self.store.sign_logged_changes(clock.now())

    async def _store_results_of_call(self, now: float) -> None:
        claims = await claim_numbers(self.store, now=now)
        if not claims:
            return
        new = make_attempt(claims[0], at=now)
        if await commit_new_attempt(self.store, new, since=0) is not None:
            return
        await self.store.end_attempts([EndedAttempt(new.attempt_id, Outcome.CONNECTED, now)])
        chance, voter = self._history.random, new.claim.voter_id
        if voter is not None and chance.random() < 0.5:
            kind = chance.choice((MarkKind.VOTED, MarkKind.NOT_YET))
            await self.store.save_voter_mark(
                Mark(uuid.uuid4().hex, voter, kind, MarkSource.AGENT, now, attempt_id=new.attempt_id)
            )


class _MachineCommands(DiallerCommands):
    """The connection of a machine's uplink to its dialler."""

    machine: Machine

    def __init__(self, machine: Machine) -> None:
        object.__setattr__(self, "machine", machine)  # the class is frozen

    async def send_command_to_dialler(self, name: str, values: dict[str, Any]) -> Reply | None:
        return await self.machine.execute_command_of_uplink(name, values)


def find_key_at_headquarters(centre: str, topic: str, payload: str, at: float) -> Key | None:
    """Return the topic and key that headquarters gives a row, or None if headquarters does not get it."""
    if not topic.startswith("results/"):
        return None
    row, _ = parse_outbox_row(centre, BatchRow(1, topic, at, payload), at)
    return topic, row.key


class History:
    """One history, whose faults follow from its seed, with its figures."""

    def __init__(self, directory: Path, seed: int, database: DatabaseThread, address: str, db: Database) -> None:
        """Create a history. `db` is a connection to headquarters' database at `address`, in the thread `database`."""
        self.random = Random(seed)
        self.figures: Counter[str] = Counter()
        self.silent: list[str] = []
        self.acknowledged: dict[str, set[Key]] = {centre: set() for centre in CENTRES}
        self._directory = directory
        self._database = database
        self._address = address
        self._db = db
        self._files = 0

    async def play(self) -> None:
        """Run headquarters and the centres with their faults, then compare headquarters' rows with those of the centres."""
        self.nats = SimulatedNats(self.random)
        self.clocks = {centre: CentreClock(START_EPOCH) for centre in CENTRES}
        self.live = LiveCentres()
        self._clock = LoopClock(START_EPOCH)
        watching = SimulatedSession(self.nats)
        await watching.subscribe_to_subject(messages.build_live_status_subject("*", "store"), self._receive_live_status)
        settings = hq_settings("nats://simulated", self._address, *CENTRES, state=STATE_CODE)
        self._settings = settings
        self._start_gatherer()
        self.machines = {centre: await self._create_machine(centre) for centre in CENTRES}
        disturbing = asyncio.create_task(self._disturb_headquarters())
        await asyncio.gather(*(self._run_centre(centre) for centre in CENTRES))
        disturbing.cancel()
        await asyncio.gather(disturbing, return_exceptions=True)
        for machine in self.machines.values():
            machine.working.cancel()
        await asyncio.sleep(SETTLE_SECONDS)
        for centre, machine in self.machines.items():
            self._compare_results(centre, machine)
            await machine.stop()
        self._gathering.cancel()
        await asyncio.gather(self._gathering, return_exceptions=True)

    # Headquarters

    def _start_gatherer(self) -> None:
        session = SimulatedSession(self.nats)
        self.gatherer = Gatherer(self._settings, session, self._clock)
        self._gathering = asyncio.create_task(self.gatherer.import_batches_until_cancelled())

    async def _receive_live_status(self, subject: str, data: bytes) -> None:
        self.live.store_centre_status(subject, data, self._clock.now())

    async def _disturb_headquarters(self) -> None:
        """Restart the gatherer, and set the nats-server back to a copy, at random times until cancelled."""
        while True:
            await asyncio.sleep(self.random.uniform(150.0, 400.0))
            if self.random.random() < 0.5:
                self.figures["gatherers restarted"] += 1
                self._gathering.cancel()
                await asyncio.gather(self._gathering, return_exceptions=True)
                self.nats.sessions.remove(self.gatherer._session)  # type: ignore[arg-type]
                self._start_gatherer()
                continue
            copy = [*self.nats.batches]
            await asyncio.sleep(self.random.uniform(20.0, 60.0))
            if len(self.nats.batches) > len(copy):
                self.figures["nats-servers set back"] += 1
                self.nats.batches = copy
                self.nats.wake_readers()
                await self._expect_notice_of_nats_server_set_back(self._clock.now())

    async def _expect_notice_of_nats_server_set_back(self, at: float) -> None:
        await self._expect_alert("a nats-server set back", lambda: self.gatherer.set_back_at >= at)

    def query_headquarters(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query of headquarters' database."""
        return self._database.run_in_thread(self._db.fetch_rows_as_tuples(sql, *values))

    def read_problem(self, centre: str) -> str:
        """Return the problem of a centre that headquarters' pages show."""
        found = self.query_headquarters("SELECT problem FROM centre WHERE centre = $1", centre)
        return found[0][0] or "" if found else ""

    async def _expect_alert(self, fault: str, shows: Callable[[], bool]) -> None:
        """Wait until an alert shows a fault. Record a fault that none shows in time."""
        for _ in range(int(ALERT_SECONDS / 5.0)):
            if shows():
                return
            await asyncio.sleep(5.0)
        self.figures[SILENT] += 1
        self.silent.append(fault)

    # Centres

    def _make_path_of_machine(self) -> Path:
        self._files += 1
        folder = self._directory / f"machine-{self._files}"
        folder.mkdir()
        return folder / "centre.db"

    async def _create_machine(self, centre: str) -> Machine:
        path = self._make_path_of_machine()
        with open_store_exclusively(path, "the roll of a new store") as db:  # `fill_roll` copies a store with its seals
            fill_roll_into(db, VOTERS, voters_per_booth=100)
        machine = Machine(self, centre, path)
        await machine.start()
        return machine

    async def _run_centre(self, centre: str) -> None:
        faults = (
            self._restart_machine,
            self._cut_connection,
            self._replace_store,
            self._restore_backup,
            self._start_copy_of_store,
            self._clone_machine,
            self._set_machine_back,
        )
        for _ in range(self.random.randint(3, 6)):
            await asyncio.sleep(self.random.uniform(20.0, 120.0))
            fault = self.random.choice((*faults, self._set_clock_wrong))
            self.figures[fault.__name__.strip("_").replace("_", " ")] += 1
            await fault(centre)

    async def _restart_machine(self, centre: str) -> None:
        machine = self.machines[centre]
        await machine.stop()
        await asyncio.sleep(self.random.uniform(0.0, 30.0))
        await machine.start()

    async def _cut_connection(self, centre: str) -> None:
        session = self.machines[centre].session
        session.is_connected = False
        await asyncio.sleep(self.random.uniform(10.0, 120.0))
        session.is_connected = True

    async def _replace_store(self, centre: str) -> None:
        """The disk fails: a new store begins."""
        await self.machines[centre].stop()
        self.machines[centre] = await self._create_machine(centre)

    async def _restore_backup(self, centre: str) -> None:
        """The disk fails: a backup is restored."""
        machine = self.machines[centre]
        path = self._copy_store(machine)
        await asyncio.sleep(self.random.uniform(10.0, 120.0))
        await machine.stop()
        await self._start_machine_with_copy(centre, path)

    async def _set_machine_back(self, centre: str) -> None:
        """A copy of the whole machine is put back, with the store's identity and keys."""
        machine = self.machines[centre]
        path = self._copy_store(machine, whole=True)
        await asyncio.sleep(self.random.uniform(10.0, 120.0))
        await machine.stop()
        copied, incarnation = _read_last_outbox_id(path), _read_store_incarnation(path)
        # Of a copy or restored store that waits until headquarters accepts it, headquarters has no row yet.
        [(committed,)] = self.query_headquarters(
            "SELECT coalesce(max(last_id), 0) FROM centre_store"
            " WHERE centre = $1 AND incarnation = $2 AND state = 'accepted'",
            centre,
            incarnation,
        )
        await self._start_machine_with_copy(centre, path, connected=self.random.random() < 0.5)
        new = self.machines[centre]
        if committed > copied:
            await self._expect_alert(
                "a store set back", lambda: bool(new.times_set_back) or "contradict" in self.read_problem(centre)
            )
        if self.read_problem(centre):
            await self._accept_store_of(new)

    async def _start_copy_of_store(self, centre: str) -> None:
        """A copy of the store is started while the centre goes on."""
        machine = self.machines[centre]
        path = self._copy_store(machine)
        await self._start_machine_with_copy(centre, path)
        await self._expect_alert("two stores", lambda: "two stores" in self.read_problem(centre))
        other = self.machines[centre]
        await self._expect_alert("two stores, at the centres", lambda: bool(machine.problem or other.problem))
        await self._stop_one_of_two_machines(machine, other)

    async def _clone_machine(self, centre: str) -> None:
        """A copy of the whole machine is started while the centre goes on."""
        machine = self.machines[centre]
        path = self._copy_store(machine, whole=True)
        await self._start_machine_with_copy(centre, path)
        await self._expect_alert("a cloned machine", lambda: bool(self.read_problem(centre)))
        other = self.machines[centre]
        await self._expect_alert("a cloned machine, at the centres", lambda: bool(machine.problem or other.problem))
        await self._stop_one_of_two_machines(machine, other)
        await self._restart_machine(centre)

    async def _set_clock_wrong(self, centre: str) -> None:
        clock, machine = self.clocks[centre], self.machines[centre]
        clock.ahead = self.random.choice(CLOCKS_AHEAD)
        await self._expect_alert(
            "a wrong clock, at headquarters",
            lambda: abs(self.live.centres[centre].clock_ahead_seconds) > CLOCKS_APART_SECONDS,
        )
        await self._expect_alert(
            "a wrong clock, at the centre", lambda: abs(machine.clock_ahead) > CLOCKS_APART_SECONDS
        )
        clock.ahead = 0.0

    def _copy_store(self, machine: Machine, *, whole: bool = False) -> Path:
        path = self._make_path_of_machine()
        with (
            contextlib.closing(sqlite3.connect(machine.path)) as source,
            contextlib.closing(sqlite3.connect(path)) as copy,
        ):
            source.backup(copy)
        if whole:
            for find_path in (get_copy_detection_token_path, get_seal_key_path):
                shutil.copyfile(find_path(machine.path), find_path(path))
        return path

    async def _start_machine_with_copy(self, centre: str, path: Path, *, connected: bool = True) -> None:
        self.machines[centre] = machine = Machine(self, centre, path)
        await machine.start(connected=connected)
        if not connected:
            await asyncio.sleep(self.random.uniform(30.0, 300.0))
            machine.session.is_connected = True

    async def _stop_one_of_two_machines(self, one: Machine, other: Machine) -> None:
        """A person stops one of two machines, and accepts the store of the other."""
        winner, loser = self.random.sample((one, other), 2)
        await loser.stop()
        self.machines[one.centre] = winner
        await self._accept_store_of(winner)

    async def _accept_store_of(self, machine: Machine) -> None:
        """A person accepts the store of a machine. Headquarters may not know its identity yet, if that is new."""
        while True:
            await asyncio.sleep(30.0)
            incarnation = (await machine.reading.read_store_identity()).incarnation
            with contextlib.suppress(UnknownStore):
                self._database.run_in_thread(replace_accepted_database_of_centre(self._db, machine.centre, incarnation))
                return

    # Comparison

    def _compare_results(self, centre: str, machine: Machine) -> None:
        results = self.query_headquarters(
            "SELECT topic, key, count(*) FROM result WHERE centre = $1 GROUP BY 1, 2", centre
        )
        marks = self.query_headquarters(
            "SELECT 'results/marks', key, count(*) FROM mark WHERE centre = $1 GROUP BY 1, 2", centre
        )
        stored = {(topic, key): count for topic, key, count in (*results, *marks)}
        expected = self.acknowledged[centre] | _read_keys_of_results(machine.path)
        self.figures["rows"] += len(stored)
        self.figures[LOST] += len(expected - stored.keys())
        attempts = sum(topic == "results/attempts" for topic, _ in stored)
        [(counted,)] = self.query_headquarters(
            "SELECT coalesce(sum(count), 0) FROM day_count WHERE centre = $1 AND what = 'attempts'", centre
        )
        # A copy announces again the seals that the original had not announced yet. They are evidence, and not counted.
        repeated = sum(count - 1 for (topic, _), count in stored.items() if topic != SEALED_EPOCHS)
        self.figures[TWICE] += repeated + abs(int(counted) - attempts)


def _read_keys_of_results(path: Path) -> set[Key]:
    """Return the topics and keys of the ended attempts and the marks (recorded answers of voters) in a store."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        attempts = db.execute(
            "SELECT 'results/attempts', attempt_id FROM attempt WHERE ended_at IS NOT NULL"
        ).fetchall()
        return {*attempts, *db.execute("SELECT 'results/marks', key FROM mark").fetchall()}


def _read_store_incarnation(path: Path) -> str:
    with contextlib.closing(open_store_for_reading(path)) as db:
        return identity.read_store_identity(db).incarnation


def _read_last_outbox_id(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return outbox.SQL.highest_id.fetch_only_value(db)


@contextlib.contextmanager
def run_headquarters_database() -> Iterator[tuple[DatabaseThread, str]]:
    """Run a PostgreSQL for histories. Yield the thread of its connections, and its address."""
    with (
        tempfile.TemporaryDirectory(dir=SCRATCH, prefix="matdan-pg-", ignore_cleanup_errors=True) as folder,
        run_postgresql(Path(folder)) as address,
    ):
        database = DatabaseThread()
        try:
            database.run_in_thread(_turn_off_syncing(address))
            yield database, address
        finally:
            database.close()


async def _turn_off_syncing(address: str) -> None:
    """Let the database confirm commits before they are on disk. No history has a power loss of the database."""
    async with open_database(address) as db:
        await db.run_statement("ALTER SYSTEM SET synchronous_commit = off")
        await db.fetch_value("SELECT pg_reload_conf()")


def play(seed: int, database: DatabaseThread, server: str) -> tuple[Counter[str], list[str]]:
    """Play one history. Return its figures, and the faults that no alert showed."""
    address = database.run_in_thread(create_database(server, f"history_{seed}_{uuid.uuid4().hex[:6]}"))
    with (
        tempfile.TemporaryDirectory(dir=SCRATCH) as directory,
        mock.patch.object(gather, "open_database", database.open_database),
        mock.patch.object(
            identity, "_find_machine_and_inode_of_store", lambda _path: "machine"
        ),  # only the token tells
        mock.patch.object(
            random, "SystemRandom", lambda: Random(seed)
        ),  # the uplink's, so that a history can be repeated
        database.connect_to_database(address) as db,
    ):
        random.seed(seed)
        history = History(Path(directory), seed, database, address, db)
        run_in_virtual_time(history.play)
    return history.figures, history.silent


def play_histories(
    seeds: Sequence[int], progress: Callable[[str], None] | None = None
) -> tuple[Counter[str], list[str]]:
    """Play histories. Return their figures together, and a line about each history with a fault."""
    total: Counter[str] = Counter()
    faulty = []
    with run_headquarters_database() as (database, server):
        for seed in seeds:
            figures, silent = play(seed, database, server)
            figures["histories"] += 1
            total += figures
            faults = {name: figures[name] for name in MUST_BE_ZERO if figures[name]}
            if faults:
                faulty.append(f"seed {seed}: {faults} {silent}")
            if progress is not None:
                progress(faulty[-1] if faults else f"seed {seed}: no fault")
    return total, faulty


def main() -> int:
    """Play histories and print their figures. Return 1 if there was a fault, else 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--histories", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first history; each further one adds 1")
    options = parser.parse_args()
    silence_log()
    total, faulty = play_histories(range(options.seed, options.seed + options.histories), print_progress)
    figures = {**total, **{name: total[name] for name in MUST_BE_ZERO}}
    sys.stdout.write("\n".join([*(f"{name}: {figure}" for name, figure in figures.items()), *faulty]) + "\n")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
