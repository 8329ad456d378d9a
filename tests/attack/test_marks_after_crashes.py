"""After any crashes and lost connections, a mark that was acknowledged to the caller is in the store exactly once.

A history is a sequence of steps of one call: its flow begins, commits, loses its connection and begins again, while the store
fails and the dialler is killed and restarted. Each commit has an hour of its own, by which its marks in the store are counted:
one if it was acknowledged, one or none if it was only tried.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import itertools
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from dialer.domain.clock import LoopClock
from dialer.domain.enums import CampaignKind, MarkKind, Purpose
from dialer.domain.errors import StoreError
from dialer.domain.model import AttemptId, NewAttempt
from dialer.domain.switch_events import CallAnswered, SwitchUp
from dialer.engine.call_flows.service import FlowSession, ScriptSession
from dialer.flows.library import FlowLibrary
from dialer.flows.model import Scope
from dialer.flows.texts import load_shipped_texts
from dialer.flows.turns import CommitKind, FlowCommit
from dialer.simulation.virtual_time import run_in_virtual_time
from dialer.store.store import open_store
from tests.attack.killable_dialler import SCRATCH, KillableDialler, StepCounter
from tests.support.centre import START_EPOCH, site_settings
from tests.support.roll_filler import fill_roll

FLOWS = FlowLibrary(["turnout"], load_shipped_texts())
ATTEMPT = AttemptId("00000000-0000-4000-8000-000000000001")
IVR = {"id": "ivr", "kind": "ivr", "flow": "turnout", "channels": 1, "pacing": "broadcast"}

BEGIN = "the flow begins"
COMMIT = "a commit is stored"
FAILURE = "a commit fails"
FALSE_FAILURE = "a commit is stored, but the store reports a failure"
REPEAT = "the last commit is repeated"
CUT = "the flow's connection is lost"
KILL = "the dialler is killed"
KILLED_DURING_COMMIT = "the dialler is killed during a commit"
KILLED_AFTER_COMMIT = "the dialler is killed after a commit, before it acknowledges it"
STEPS = (BEGIN, COMMIT, FAILURE, FALSE_FAILURE, REPEAT, CUT, KILL, KILLED_DURING_COMMIT, KILLED_AFTER_COMMIT)
LONGEST = 20  # each commit needs an hour of its own


@functools.cache
def prepare_store() -> Path:
    """Create a store with one live call, with which every history starts. Return its path."""
    directory = tempfile.TemporaryDirectory(dir=SCRATCH)
    atexit.register(directory.cleanup)
    path = Path(directory.name) / "begin.db"
    fill_roll(path, 3, voters_per_booth=100)

    async def open_call() -> None:
        async with await open_store(path) as store:
            await store.add_or_update_campaign("ivr", CampaignKind.IVR, Purpose.TURNOUT)
            await store.add_roll_numbers_to_queue("ivr")
            [claim] = await store.claim_queued_numbers("ivr", 1, owner="test", now=START_EPOCH, lease_seconds=60.0)
            attempt = NewAttempt(ATTEMPT, claim, "carrier", "+911140000001", START_EPOCH)
            assert await store.commit_new_attempts([attempt], max_attempts_since=0.0, max_attempts=3) == [None]

    asyncio.run(open_call())
    return path


class SilentSwitch:
    """A switch port whose orders do nothing. The one call is live already."""

    def __init__(self, steps: StepCounter) -> None:
        self._steps = steps

    def get_age_of_oldest_pending_action(self, _server: str) -> float:
        return 0.0

    def __getattr__(self, name: str) -> Any:
        async def order(*_: Any, **__: Any) -> None:
            self._steps.count_step()

        return order


class History:
    """A history of one call, with the commits that were tried and acknowledged."""

    def __init__(self, directory: Path) -> None:
        shutil.copyfile(prepare_store(), directory / "dialler-1.db")
        self._paths = (directory / f"dialler-{n}.db" for n in itertools.count(1))
        self._path = next(self._paths)
        self._settings = site_settings(directory, 1, seats=0, campaign=IVR)
        self._session: FlowSession | ScriptSession | None = None
        self._sequence = 0
        self._last: FlowCommit | None = None
        self._hours = iter(range(24))
        self.acknowledged: dict[int, bool] = {}  # whether the commit was acknowledged, by hour

    async def play(self, steps: Sequence[str]) -> None:
        self._clock = LoopClock(START_EPOCH)
        await self._start()
        for step in steps:
            await self._play_step(step)
        await self._kill()
        self._check_marks()

    async def _start(self) -> None:
        dialler = self._dialler = KillableDialler(self._path, self._settings, FLOWS, self._clock, SilentSwitch)
        await dialler.start()
        dialler.receive_event(SwitchUp(frozenset({ATTEMPT}), frozenset(), (), restarted=False))
        dialler.receive_event(CallAnswered(ATTEMPT))

    async def _kill(self) -> None:
        path = next(self._paths)
        await self._dialler.kill(path)
        self._path, self._session = path, None

    async def _play_step(self, step: str) -> None:
        flows = self._dialler.engine.features.ivr_flow_service
        match step:
            case _ if step == KILL:
                await self._kill()
                await self._start()
            case _ if step == BEGIN:
                session = flows.start_flow_of_call(ATTEMPT)
                if session is not None:
                    self._session, self._sequence, self._last = session, 0, None
            case _ if self._session is None:
                pass
            case _ if step == CUT:
                self._dialler.engine.on_flow_ended(ATTEMPT, completed=False, left_at=None)
                self._session = None
            case _ if step == REPEAT:
                if self._last is not None:
                    await self._commit(self._session, self._last, COMMIT)
            case _:
                self._sequence += 1
                hour = next(self._hours)
                commit = FlowCommit(CommitKind.MARK, "n", self._sequence, MarkKind.LATER, Scope.VOTER, hour)
                self._last, self.acknowledged[hour] = commit, False
                await self._commit(self._session, commit, step)

    async def _commit(self, session: FlowSession | ScriptSession, commit: FlowCommit, step: str) -> None:
        store, dialler = self._dialler.store, self._dialler
        save_voter_mark = store.save_voter_mark

        async def fail_to_record_mark(*arguments: Any) -> Any:
            if step == FALSE_FAILURE:
                await save_voter_mark(*arguments)
            raise StoreError("disk error")

        if step in {FAILURE, FALSE_FAILURE}:
            store.save_voter_mark = fail_to_record_mark  # type: ignore[method-assign, assignment]
        if step == KILLED_DURING_COMMIT:
            dialler.steps._kill_at = dialler.steps.count + 4
        committing = dialler.start_task(
            dialler.engine.features.ivr_flow_service.store_input_of_ivr_caller(session, commit)
        )
        killed = asyncio.ensure_future(dialler.steps.killed.wait())
        await asyncio.wait((committing, killed), return_when=asyncio.FIRST_COMPLETED)
        killed.cancel()
        store.save_voter_mark = save_voter_mark  # type: ignore[method-assign]
        if dialler.steps.killed.is_set() or step == KILLED_AFTER_COMMIT:
            await self._kill()
            await self._start()
        elif step in {FAILURE, FALSE_FAILURE}:
            assert isinstance(committing.exception(), StoreError)
        else:
            assert committing.result()
            assert commit.hour is not None
            self.acknowledged[commit.hour] = True

    def _check_marks(self) -> None:
        db = sqlite3.connect(self._path)
        stored = dict(db.execute("SELECT hour, count(*) FROM mark GROUP BY hour").fetchall())
        db.close()
        for hour, acknowledged in self.acknowledged.items():
            assert stored.get(hour, 0) <= 1, "a commit was stored twice"
            assert stored.get(hour, 0) == 1 or not acknowledged, "an acknowledged mark is lost"


def play(steps: Sequence[str]) -> History:
    with tempfile.TemporaryDirectory(dir=SCRATCH) as directory:
        history = History(Path(directory))
        run_in_virtual_time(lambda: history.play(steps))
        return history


@pytest.mark.parametrize(
    "steps",
    [
        (BEGIN, COMMIT, KILL, BEGIN, COMMIT, KILL, BEGIN, COMMIT),  # two restarts in one call
        (BEGIN, COMMIT, CUT, BEGIN, COMMIT, KILL, BEGIN, COMMIT),  # one restart after a cut
        (BEGIN, COMMIT, CUT, BEGIN, COMMIT, CUT, BEGIN, COMMIT),  # three connections, no restart
        (BEGIN, FALSE_FAILURE, REPEAT, COMMIT),  # stored despite the failure; the repeated commit has the same key
        (BEGIN, KILLED_AFTER_COMMIT, BEGIN, COMMIT, KILLED_DURING_COMMIT, BEGIN, COMMIT),
    ],
)
def test_acknowledged_voter_statuses_survive_crash_sequences_that_lost_data_in_the_past(
    steps: Sequence[str],
) -> None:
    history = play(steps)
    assert sum(history.acknowledged.values()) == sum(step in {COMMIT} for step in steps) + steps.count(REPEAT)


def test_acknowledged_voter_statuses_survive_every_sequence_of_three_commits_or_crashes() -> None:
    """Only steps that could lose a mark: commits, lost connections and kills in every order, after a restart during the flow."""
    for steps in itertools.product((COMMIT, CUT, KILL, KILLED_AFTER_COMMIT), repeat=3):
        woven = [each for step in steps for each in (BEGIN, step)]
        play((BEGIN, COMMIT, KILL, *woven, BEGIN, COMMIT))


@tried(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(STEPS), max_size=LONGEST))
def test_acknowledged_voter_statuses_survive_random_sequences_of_commits_and_crashes(steps: list[str]) -> None:
    play(steps)


def test_acknowledged_voter_statuses_survive_many_commits_during_one_phone_call() -> None:
    random = Random(17)
    acknowledged = 0
    for _ in range(100):
        weights = (6, 6, 1, 1, 2, 2, 2, 1, 1)
        history = play((BEGIN, *random.choices(STEPS, weights, k=LONGEST)))
        acknowledged += sum(history.acknowledged.values())
    assert acknowledged > 300
