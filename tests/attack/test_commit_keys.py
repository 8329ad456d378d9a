"""Whatever crashes or is cut, and however often: what a caller was told is noted is in the store, once.

A history is a list of moments of one call whose flow begins, commits, is cut and begins anew, while the store fails and the dialler
dies and is started again. The model of the truth is small: each commit says an hour of its own, so that the store's marks can be
counted by it. Acknowledged: one mark. Tried and not acknowledged: one or none.
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
from dialer.flows.texts import shipped_texts
from dialer.flows.turns import CommitKind, FlowCommit
from dialer.simulation.virtual_time import run_virtual
from dialer.store.store import open_store
from tests.attack.lives import SCRATCH, Life, Mortal
from tests.support.centre import START_EPOCH, site_settings
from tests.support.roll_filler import fill_roll

FLOWS = FlowLibrary(["turnout"], shipped_texts())
ATTEMPT = AttemptId("00000000-0000-4000-8000-000000000001")
IVR = {"id": "ivr", "kind": "ivr", "flow": "turnout", "channels": 1, "pacing": "broadcast"}

BEGIN = "the flow begins"
COMMIT = "a commit that is kept"
FAILS = "a commit that fails"
UNSURE = "a commit that is kept, and the store says it is not"
AGAIN = "the last commit is asked for again"
CUT = "the flow's connection is lost"
CRASH = "the dialler dies"
DIES_BEFORE = "the dialler dies in the middle of a commit"
DIES_BEHIND = "the dialler dies between a commit and its thanks"
MOMENTS = (BEGIN, COMMIT, FAILS, UNSURE, AGAIN, CUT, CRASH, DIES_BEFORE, DIES_BEHIND)
LONGEST = 20  # each commit needs an hour of its own


@functools.cache
def with_one_call() -> Path:
    """A store with one call under way, for every history to begin with."""
    directory = tempfile.TemporaryDirectory(dir=SCRATCH)
    atexit.register(directory.cleanup)
    path = Path(directory.name) / "begin.db"
    fill_roll(path, 3, voters_per_booth=100)

    async def open_the_call() -> None:
        async with await open_store(path) as store:
            await store.ensure_campaign("ivr", CampaignKind.IVR, Purpose.TURNOUT)
            await store.enrol("ivr")
            [claim] = await store.claim("ivr", 1, owner="test", now=START_EPOCH, lease_seconds=60.0)
            attempt = NewAttempt(ATTEMPT, claim, "carrier", "+911140000001", START_EPOCH)
            assert await store.open_attempts([attempt], max_attempts_since=0.0, max_attempts=3) == [None]

    asyncio.run(open_the_call())
    return path


class NoOrders:
    """A line on which nothing is ordered: the one call is there already."""

    def __init__(self, mortal: Mortal) -> None:
        self._mortal = mortal

    def unanswered_seconds(self, _server: str) -> float:
        return 0.0

    def __getattr__(self, name: str) -> Any:
        async def order(*_: Any, **__: Any) -> None:
            self._mortal.step()

        return order


class History:
    """One call, and what became of what was said in it."""

    def __init__(self, directory: Path) -> None:
        shutil.copyfile(with_one_call(), directory / "life-1.db")
        self._paths = (directory / f"life-{n}.db" for n in itertools.count(1))
        self._path = next(self._paths)
        self._settings = site_settings(directory, 1, seats=0, campaign=IVR)
        self._session: FlowSession | ScriptSession | None = None
        self._sequence = 0
        self._last: FlowCommit | None = None
        self._hours = iter(range(24))
        self.said: dict[int, bool] = {}  # by hour: whether the caller was told that it is noted

    async def play(self, moments: Sequence[str]) -> None:
        self._clock = LoopClock(START_EPOCH)
        await self._start()
        for moment in moments:
            await self._moment(moment)
        await self._die()
        self._check()

    async def _start(self) -> None:
        life = self._life = Life(self._path, self._settings, FLOWS, self._clock, NoOrders)
        await life.begin()
        life.event(SwitchUp(frozenset({ATTEMPT}), frozenset(), (), restarted=False))
        life.event(CallAnswered(ATTEMPT))

    async def _die(self) -> None:
        path = next(self._paths)
        await self._life.bury(path)
        self._path, self._session = path, None

    async def _moment(self, moment: str) -> None:
        desk = self._life.engine.features.flows
        match moment:
            case _ if moment == CRASH:
                await self._die()
                await self._start()
            case _ if moment == BEGIN:
                begun = desk.begin(ATTEMPT)
                if begun is not None:
                    self._session, self._sequence, self._last = begun, 0, None
            case _ if self._session is None:
                pass
            case _ if moment == CUT:
                self._life.engine.flow_ended(ATTEMPT, completed=False, left_at=None)
                self._session = None
            case _ if moment == AGAIN:
                if self._last is not None:
                    await self._ask(self._session, self._last, COMMIT)
            case _:
                self._sequence += 1
                hour = next(self._hours)
                said = FlowCommit(CommitKind.MARK, "n", self._sequence, MarkKind.LATER, Scope.VOTER, hour)
                self._last, self.said[hour] = said, False
                await self._ask(self._session, said, moment)

    async def _ask(self, session: FlowSession | ScriptSession, commit: FlowCommit, how: str) -> None:
        store, life = self._life.store, self._life
        record_mark = store.record_mark

        async def failing(*arguments: Any) -> Any:
            if how == UNSURE:
                await record_mark(*arguments)
            raise StoreError("the disk is in trouble")

        if how in {FAILS, UNSURE}:
            store.record_mark = failing  # type: ignore[method-assign, assignment]
        if how == DIES_BEFORE:
            life.mortal._die_at = life.mortal.steps + 4
        asked = life.spawn(life.engine.features.flows.commit(session, commit))
        dead = asyncio.ensure_future(life.mortal.dead.wait())
        await asyncio.wait((asked, dead), return_when=asyncio.FIRST_COMPLETED)
        dead.cancel()
        store.record_mark = record_mark  # type: ignore[method-assign]
        if life.mortal.dead.is_set() or how == DIES_BEHIND:
            await self._die()
            await self._start()
        elif how in {FAILS, UNSURE}:
            assert isinstance(asked.exception(), StoreError)
        else:
            assert asked.result()
            assert commit.hour is not None
            self.said[commit.hour] = True

    def _check(self) -> None:
        db = sqlite3.connect(self._path)
        kept = dict(db.execute("SELECT hour, count(*) FROM mark GROUP BY hour").fetchall())
        db.close()
        for hour, acknowledged in self.said.items():
            assert kept.get(hour, 0) <= 1, "a commit was kept twice"
            assert kept.get(hour, 0) == 1 or not acknowledged, "what the caller was told is noted is lost"


def play(moments: Sequence[str]) -> History:
    with tempfile.TemporaryDirectory(dir=SCRATCH) as directory:
        history = History(Path(directory))
        run_virtual(lambda: history.play(moments))
        return history


@pytest.mark.parametrize(
    "moments",
    [
        (BEGIN, COMMIT, CRASH, BEGIN, COMMIT, CRASH, BEGIN, COMMIT),  # two restarts in one call
        (BEGIN, COMMIT, CUT, BEGIN, COMMIT, CRASH, BEGIN, COMMIT),  # one restart after a cut
        (BEGIN, COMMIT, CUT, BEGIN, COMMIT, CUT, BEGIN, COMMIT),  # three connections, no restart
        (BEGIN, UNSURE, AGAIN, COMMIT),  # kept all the same: it is the same commit when it is asked for again
        (BEGIN, DIES_BEHIND, BEGIN, COMMIT, DIES_BEFORE, BEGIN, COMMIT),
    ],
)
def test_histories_that_were_lost_or_nearly(moments: Sequence[str]) -> None:
    history = play(moments)
    assert sum(history.said.values()) == sum(moment in {COMMIT} for moment in moments) + moments.count(AGAIN)


def test_every_history_of_three_moments_after_a_restart() -> None:
    """Of those that can lose a mark: begin, commit, cut and crash in every order, behind a flow that was there before a crash."""
    for moments in itertools.product((COMMIT, CUT, CRASH, DIES_BEHIND), repeat=3):
        woven = [each for moment in moments for each in (BEGIN, moment)]
        play((BEGIN, COMMIT, CRASH, *woven, BEGIN, COMMIT))


@tried(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(MOMENTS), max_size=LONGEST))
def test_any_history(moments: list[str]) -> None:
    play(moments)


def test_seeded_histories_in_which_much_is_said() -> None:
    chance = Random(17)
    acknowledged = 0
    for _ in range(100):
        weights = (6, 6, 1, 1, 2, 2, 2, 1, 1)
        history = play((BEGIN, *chance.choices(MOMENTS, weights, k=LONGEST)))
        acknowledged += sum(history.said.values())
    assert acknowledged > 300
