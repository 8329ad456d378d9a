"""The flow desk: which flow a call meets, what the flow may know, and the commits that it asks for.

Whoever asks has shown that the call is its own and answered (a FastAGI token, a signed webhook); here it must be live, and of IVR.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from dialer.domain.enums import CampaignKind, MarkKind
from dialer.domain.model import AttemptId, Mark, MarkSource
from dialer.engine.acd.service import Acd
from dialer.engine.booth_workers.service import BoothWorkers
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call
from dialer.engine.campaigns.runs import CampaignRuns
from dialer.engine.core import Core
from dialer.engine.effects import commit
from dialer.engine.placing.eligibility import Eligibility
from dialer.engine.turnout.marks import Marks
from dialer.engine.turnout.polls import Polls
from dialer.flows.errors import CommitTargetNotFound
from dialer.flows.flow import Flow
from dialer.flows.library import FlowLibrary
from dialer.flows.model import Scalar
from dialer.flows.model import Scope as MarkScope
from dialer.flows.turns import CommitKind, FlowCommit
from dialer.store.store import Store

_log = structlog.get_logger(__name__)

SCRIPT = "script:"  # begins a campaign's flow that is an AGI script


@dataclass(frozen=True, slots=True)
class FlowSession:
    """What one call's flow runs with."""

    attempt_id: AttemptId
    run: str  # this run of the flow and no other: a call that comes back after a cut or a crash begins another one
    flow: Flow
    facts: Mapping[str, Scalar]
    language: str
    campaign_id: str = ""  # whose sounds it plays; a carrier that speaks by itself needs none


@dataclass(frozen=True, slots=True)
class ScriptSession:
    """What one call's AGI script runs with."""

    attempt_id: AttemptId
    run: str  # as of a flow
    script: str  # as the campaign's settings name it
    facts: Mapping[str, Scalar]


class FlowService:
    """Begins and ends flows, and keeps what they commit."""

    def __init__(
        self,
        core: Core,
        calls: LiveCalls,
        runs: CampaignRuns,
        polls: Polls,
        store: Store,
        flows: FlowLibrary,
        eligibility: Eligibility,
        acd: Acd,
        marks: Marks,
        workers: BoothWorkers,
    ) -> None:
        """`eligibility` is asked before a flow begins; `acd` gives a call to an agent who is free."""
        self._core = core
        self._calls = calls
        self._runs = runs
        self._polls = polls
        self._store = store
        self.flows = flows
        self._eligibility = eligibility
        self._acd = acd
        self._marks = marks
        self._workers = workers
        # Of flows under way, by the run that began here and the commit's sequence.
        self._commits: dict[AttemptId, dict[str, dict[int, asyncio.Future[bool]]]] = {}

    def begin(self, attempt_id: str) -> FlowSession | ScriptSession | None:
        """The session of a live IVR attempt whose caller has picked up; None: there is no such attempt, turn it away."""
        call = self._calls.get(AttemptId(attempt_id))
        if call is None or call.kind is not CampaignKind.IVR or call.flow.under_way:
            return None
        run = self._runs[call.campaign_id]
        source = call.flow_source or run.spec.flow
        if source is None or not self._eligibility.admits(call):
            return None
        if source.startswith(SCRIPT):
            run_id = self._begun(call, f"{SCRIPT}{source.rpartition('/')[2]}")
            return ScriptSession(call.attempt_id, run_id, source, self._facts(call))
        flow = self.flows.current(source)
        run_id = self._begun(call, f"{flow.name} {flow.version}")
        return FlowSession(call.attempt_id, run_id, flow, self._facts(call), self._language(call), call.campaign_id)

    def _begun(self, call: Call, named: str) -> str:
        """A run has begun. Its id is drawn: a count would begin anew after a crash, and its commits pass for earlier ones."""
        answered = self._calls.update(call, call.by_person(self._core.instant()))
        self._calls.update(answered, answered.into_flow(named))
        run_id = secrets.token_hex(8)
        self._commits.setdefault(call.attempt_id, {})[run_id] = {}
        return run_id

    def _language(self, call: Call) -> str:
        """The voter's; of a call that an earlier run placed only the booth is known."""
        booth = self._polls.booths.get(call.booth_id)
        return call.language or (booth.language if booth is not None else "")

    async def commit(self, session: FlowSession | ScriptSession, commit: FlowCommit) -> bool:
        """Put on disk what the caller keyed in. True only when it is there, or nothing of it was left to keep.

        Raises CommitTargetNotFound, StoreError.

        (call, run, `commit.sequence`) is the key: what is asked for twice is done once, and both hear the same.
        """
        attempt_id = session.attempt_id
        if attempt_id not in self._calls:
            return False
        runs = self._commits.setdefault(attempt_id, {})
        done = runs.get(session.run)
        may_stand = done is None  # a run that goes on here after a restart may ask for what was done before it
        if done is None:
            done = runs[session.run] = {}
        before = done.get(commit.sequence)
        if before is not None and not _failed(before):
            return await asyncio.shield(before)
        may_stand = may_stand or before is not None  # an error says nothing of whether it was kept
        result: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        done[commit.sequence] = result
        try:
            kept = await self._commit(
                self._calls[attempt_id],
                commit,
                f"{attempt_id}/{session.run}/{commit.sequence}",
                may_stand=may_stand,
            )
        except CommitTargetNotFound as nobody:
            result.set_exception(nobody)
            result.exception()  # raised below; a repeat finds it here
            raise
        except BaseException:
            result.set_result(False)  # a repeat may succeed
            raise
        result.set_result(kept)
        return kept

    async def _commit(self, call: Call, commit: FlowCommit, key: str, *, may_stand: bool) -> bool:
        match commit.kind:
            case CommitKind.MARK:
                return await self._mark(call, commit, key, may_stand=may_stand)
            case CommitKind.UNDO:
                if not (may_stand and await self._store.voters_with_key(key)):
                    await self._workers.take_back(call, key)
            case CommitKind.OPT_OUT:
                await self._marks.opt_out(call, source="voter-key")
            case CommitKind.ANSWERS:
                await self._store.record_answers(call.attempt_id, commit.answers, self._core.clock.now())
        return True

    async def _mark(self, call: Call, commit: FlowCommit, key: str, *, may_stand: bool) -> bool:
        """Of a household of which nobody is pending any more nothing is left to keep, and nothing has failed."""
        if commit.mark is None:
            return False
        kind = MarkKind(commit.mark.value)
        voters, source = await self._addressed(
            call, commit, await self._store.voters_with_key(key) if may_stand else []
        )
        now = self._core.clock.now()
        for voter_id in voters:
            hour = commit.hour if kind is MarkKind.LATER else None
            await self._marks.mark(Mark(f"{key}/{voter_id}", voter_id, kind, source, now, hour, call.attempt_id))
        if commit.scope is MarkScope.SERIAL:
            if commit.serial is None:
                return False
            await self._workers.take(call, commit.serial, commit.part, key, kind=kind)
        live = self._calls.get(call.attempt_id)
        if live is not None:
            self._calls.update(live, live.marked(kind, commit.hour))
        return True

    async def _addressed(self, call: Call, commit: FlowCommit, marked: list[int]) -> tuple[list[int], MarkSource]:
        """The voters that a mark is about, and whose word it is. `marked` are those whom this very commit has marked before."""
        if commit.scope is MarkScope.HOUSEHOLD:
            # Of "one of us has still to go" nobody says who: the first of the roll stand for them, and all stay pending.
            pending = await self._store.pending_voters(call.phone_id)
            return [*marked, *(each for each in pending if each not in marked)][: commit.count], MarkSource.RELATIVE
        if commit.scope is MarkScope.SERIAL:
            return [], MarkSource.BOOTH_WORKER  # the worker desk knows whose serial it is
        return [call.voter_id], MarkSource.VOTER_KEY

    async def hand_over(self, attempt_id: AttemptId, answers: Mapping[str, str]) -> bool:
        """Give the call to an agent who is free: True when they hear each other.

        What was keyed so far is kept first, so that the agent's screen has it (`Store.flow_answers`). Raises StoreError.
        """
        await self.keep_answers(attempt_id, answers)
        return await self._acd.take_from_flow(attempt_id)

    async def keep_answers(self, attempt_id: AttemptId, answers: Mapping[str, str]) -> None:
        """Put the answers so far on disk. Raises StoreError."""
        if answers:
            await self._store.record_answers(attempt_id, answers, self._core.clock.now())

    def is_live(self, attempt_id: AttemptId) -> bool:
        """Whether a call of this attempt is under way."""
        return attempt_id in self._calls

    async def number(self, attempt_id: AttemptId) -> str | None:
        """The number of a live call, for an SMS to it; None: the call is over, or the number has opted out."""
        call = self._calls.get(attempt_id)
        return None if call is None else await self._store.phone_number(call.phone_id)

    def end(
        self, attempt_id: AttemptId, *, completed: bool, left_at: str | None, answers: Mapping[str, str]
    ) -> Call | None:
        """The flow is over; its answers are kept. The call as it stands; None: the switch has ended it before."""
        self._commits.pop(attempt_id, None)
        if answers:
            self._core.do(commit(self._store.record_answers, attempt_id, dict(answers), self._core.clock.now()))
        call = self._calls.get(attempt_id)
        if call is None:
            return None
        return self._calls.update(call, call.out_of_flow(completed=completed, left_at=left_at))

    def _facts(self, call: Call) -> dict[str, Scalar]:
        local = datetime.fromtimestamp(self._core.clock.now(), self._core.zone)
        facts: dict[str, Scalar] = {
            "organisation": self._core.plan.organisation,
            "hour_now": local.hour,
            "language": call.language,
            "pending_voters": call.pending_voters,
        }
        booth = self._polls.booths.get(call.booth_id)
        if booth is not None:
            facts |= {"booth_name": booth.name, "booth_part": booth.part_number}
            closes_at = self._polls.closes_at(booth)
            if closes_at:
                facts["closes_at"] = closes_at
        if call.worker is not None:
            parts = self._workers.parts(call.worker)
            facts |= {"parts": len(parts), "part_numbers": ",".join(map(str, parts))}
        return facts


def _failed(before: asyncio.Future[bool]) -> bool:
    """Whether a commit was tried and not kept, as far as anybody knows."""
    return before.done() and before.exception() is None and not before.result()
