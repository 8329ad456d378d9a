"""Call flows: which flow a call runs, its data about the voter, and the storage of its answers.

The FastAGI server and the webhook server call this module for answered calls. This module checks that the call is live
and is an IVR call.
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
from dialer.engine.effects import make_order_to_write_to_store
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

SCRIPT = "script:"  # prefix in `campaigns.flow` for an AGI script


@dataclass(frozen=True, slots=True)
class FlowSession:
    """What is needed to run the IVR flow of one call: the flow, the facts about the voter, and the language."""

    attempt_id: AttemptId
    run: str  # id of this run; a call that reconnects after a lost link or a crash starts another run
    flow: Flow
    facts: Mapping[str, Scalar]
    language: str
    campaign_id: str = ""  # selects the recorded sounds; not used with a carrier's own text-to-speech


@dataclass(frozen=True, slots=True)
class ScriptSession:
    """What is needed to run the AGI script of one call: the script and the facts about the voter."""

    attempt_id: AttemptId
    run: str  # as in FlowSession
    script: str  # as in the campaign's settings
    facts: Mapping[str, Scalar]


class FlowService:
    """Starts and ends the IVR flows of calls, and stores what callers enter in them."""

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
        """Create the service for IVR flows. `eligibility` decides whether a flow may start; `acd` connects a call to a
        free agent.
        """
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
        # results of commits by attempt, run and sequence number, while the flow runs
        self._commits: dict[AttemptId, dict[str, dict[int, asyncio.Future[bool]]]] = {}

    def start_flow_of_call(self, attempt_id: str) -> FlowSession | ScriptSession | None:
        """Start the IVR flow or AGI script of an answered call, and return it with its data about the voter.

        Return None if no such call is live, if its flow runs already, or if the rules forbid the call now.
        """
        call = self._calls.find_live_call(AttemptId(attempt_id))
        if call is None or call.kind is not CampaignKind.IVR or call.flow.is_running:
            return None
        run = self._runs[call.campaign_id]
        source = call.flow_source or run.spec.flow
        if source is None or not self._eligibility.do_rules_allow_connecting_answered_call(call):
            return None
        if source.startswith(SCRIPT):
            run_id = self._start_flow_run(call, f"{SCRIPT}{source.rpartition('/')[2]}")
            return ScriptSession(call.attempt_id, run_id, source, self._collect_voter_data_for_flow(call))
        flow = self.flows.get_current_flow(source)
        run_id = self._start_flow_run(call, f"{flow.name} {flow.version}")
        return FlowSession(
            call.attempt_id,
            run_id,
            flow,
            self._collect_voter_data_for_flow(call),
            self._find_language_of_voter(call),
            call.campaign_id,
        )

    def _start_flow_run(self, call: Call, named: str) -> str:
        """Start the IVR flow of a call, and return a new random id for this run of the flow.

        The keys of stored answers contain the id.
        """
        answered = self._calls.update_call(call, call.copy_call_with_human_answer(self._core.read_clock()))
        self._calls.update_call(answered, answered.copy_call_with_flow_started(named))
        # A counter instead would start again after a crash: a new answer could get the key of a stored one.
        run_id = secrets.token_hex(8)
        self._commits.setdefault(call.attempt_id, {})[run_id] = {}
        return run_id

    def _find_language_of_voter(self, call: Call) -> str:
        """Return the voter's language. If the language is unknown after a restart of the dialler, return the language
        of the voter's polling booth.
        """
        booth = self._polls.booths.get(call.booth_id)
        return call.language or (booth.language if booth is not None else "")

    async def store_input_of_ivr_caller(self, session: FlowSession | ScriptSession, commit: FlowCommit) -> bool:
        """Store what a caller entered in an IVR flow. Return True if it is stored, or if there was nothing to store.

        Input that is passed twice (same call, run and `commit.sequence`) is stored once. Raises CommitTargetNotFound,
        StoreError.
        """
        attempt_id = session.attempt_id
        if attempt_id not in self._calls:
            return False
        runs = self._commits.setdefault(attempt_id, {})
        done = runs.get(session.run)
        may_stand = done is None  # a run that continues after a restart may repeat an earlier commit
        if done is None:
            done = runs[session.run] = {}
        before = done.get(commit.sequence)
        if before is not None and not _has_unstored_caller_input(before):
            return await asyncio.shield(before)
        may_stand = may_stand or before is not None  # after an error the commit may have been stored
        result: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        done[commit.sequence] = result
        try:
            kept = await self._store_caller_input(
                self._calls[attempt_id],
                commit,
                f"{attempt_id}/{session.run}/{commit.sequence}",
                may_stand=may_stand,
            )
        except CommitTargetNotFound as nobody:
            result.set_exception(nobody)
            result.exception()  # raised below; stored here for a repeat
            raise
        except BaseException:
            result.set_result(False)  # a repeat may succeed
            raise
        result.set_result(kept)
        return kept

    async def _store_caller_input(self, call: Call, commit: FlowCommit, key: str, *, may_stand: bool) -> bool:
        match commit.kind:
            case CommitKind.MARK:
                return await self._store_ivr_answer_if_valid(call, commit, key, may_stand=may_stand)
            case CommitKind.UNDO:
                if not (may_stand and await self._store.find_voters_by_mark_key(key)):
                    await self._workers.undo_last_report_of_booth_worker(call, key)
            case CommitKind.OPT_OUT:
                await self._marks.store_opt_out(call, source="voter-key")
            case CommitKind.ANSWERS:
                await self._store.save_flow_answers(call.attempt_id, commit.answers, self._core.clock.now())
        return True

    async def _store_ivr_answer_if_valid(self, call: Call, commit: FlowCommit, key: str, *, may_stand: bool) -> bool:
        """Store a voter's answer as a mark (a fact about a voter), and return whether the answer was valid.

        An answer for a household is valid even if nobody there is left to call. Nothing is stored then.
        """
        if commit.mark is None:
            return False
        kind = MarkKind(commit.mark.value)
        voters, source = await self._find_voters_concerned_by_answer(
            call, commit, await self._store.find_voters_by_mark_key(key) if may_stand else []
        )
        now = self._core.clock.now()
        for voter_id in voters:
            hour = commit.hour if kind is MarkKind.LATER else None
            await self._marks.store_voter_mark(
                Mark(f"{key}/{voter_id}", voter_id, kind, source, now, hour, call.attempt_id)
            )
        if commit.scope is MarkScope.SERIAL:
            if commit.serial is None:
                return False
            await self._workers.store_report_that_voter_voted(call, commit.serial, commit.part, key, kind=kind)
        live = self._calls.find_live_call(call.attempt_id)
        if live is not None:
            self._calls.update_call(live, live.copy_call_with_flow_answer(kind, commit.hour))
        return True

    async def _find_voters_concerned_by_answer(
        self, call: Call, commit: FlowCommit, marked: list[int]
    ) -> tuple[list[int], MarkSource]:
        """Return the voters whom an answer is about, and who gave it: the voter, a relative or a booth worker.

        `marked` has the voters for whom the same input was stored before. The list is empty for a booth worker's
        answer.
        """
        if commit.scope is MarkScope.HOUSEHOLD:
            # The caller gives a count, not names: the first pending voters on the roll are marked.
            pending = await self._store.find_pending_voters(call.phone_id)
            return [*marked, *(each for each in pending if each not in marked)][: commit.count], MarkSource.RELATIVE
        if commit.scope is MarkScope.SERIAL:
            return [], MarkSource.BOOTH_WORKER  # `BoothWorkers` finds the voter of a serial
        return [call.voter_id], MarkSource.VOTER_KEY

    async def connect_flow_call_to_agent(self, attempt_id: AttemptId, answers: Mapping[str, str]) -> bool:
        """Connect the caller of an IVR flow to a free agent, and return whether agent and voter hear each other.

        The answers so far are stored first, because the agent's page shows them. Raises StoreError.
        """
        await self.store_flow_answers(attempt_id, answers)
        return await self._acd.connect_flow_call_to_seat(attempt_id)

    async def store_flow_answers(self, attempt_id: AttemptId, answers: Mapping[str, str]) -> None:
        """Store what the caller of a flow has entered so far. Raises StoreError."""
        if answers:
            await self._store.save_flow_answers(attempt_id, answers, self._core.clock.now())

    def is_live_call(self, attempt_id: AttemptId) -> bool:
        """Return whether the call of a call attempt is still in progress."""
        return attempt_id in self._calls

    async def find_number_for_text_message(self, attempt_id: AttemptId) -> str | None:
        """Return the phone number of a live call, to send a text message to it. Return None if the call has ended or
        the number has opted out.
        """
        call = self._calls.find_live_call(attempt_id)
        return None if call is None else await self._store.find_number_for_sms(call.phone_id)

    def end_flow_of_call(
        self, attempt_id: AttemptId, *, completed: bool, left_at: str | None, answers: Mapping[str, str]
    ) -> Call | None:
        """End the IVR flow of a call and store its answers. Return the call, or None if the switch has already ended
        it.
        """
        self._commits.pop(attempt_id, None)
        if answers:
            self._core.request_side_effects(
                make_order_to_write_to_store(
                    self._store.save_flow_answers, attempt_id, dict(answers), self._core.clock.now()
                )
            )
        call = self._calls.find_live_call(attempt_id)
        if call is None:
            return None
        return self._calls.update_call(call, call.copy_call_with_flow_ended(completed=completed, left_at=left_at))

    def _collect_voter_data_for_flow(self, call: Call) -> dict[str, Scalar]:
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
            closes_at = self._polls.format_closing_time_of_booth(booth)
            if closes_at:
                facts["closes_at"] = closes_at
        if call.worker is not None:
            parts = self._workers.get_booths_by_roll_part(call.worker)
            facts |= {"parts": len(parts), "part_numbers": ",".join(map(str, parts))}
        return facts


def _has_unstored_caller_input(before: asyncio.Future[bool]) -> bool:
    """Return whether an earlier input of the caller could not be stored."""
    return before.done() and before.exception() is None and not before.result()
