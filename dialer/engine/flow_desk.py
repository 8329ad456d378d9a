"""The flow desk: which flow a call meets, what the flow may know, and the commits that it asks for.

FastAGI has no authentication: a connection is served only for an attempt that is live and was placed by an IVR campaign.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import structlog

from dialer.calls import Call
from dialer.engine.gatekeeper import Gatekeeper
from dialer.engine.results import Results
from dialer.engine.state import Centre
from dialer.model import AttemptId, CampaignKind, Mark, MarkKind, MarkSource
from dialer.pacing.port import PacingEventKind
from dialer.store.port import Store
from ivr_flows.model import Flow, Scalar
from ivr_flows.model import Scope as MarkScope
from ivr_flows.turns import CommitKind, FlowCommit

_log = structlog.get_logger(__name__)


class Flows(Protocol):
    """Where flows come from."""

    def current(self, source: str) -> Flow:
        """The version for a call that begins now. Raises FlowError."""
        ...


@dataclass(frozen=True, slots=True)
class FlowSession:
    """What one call's flow runs with."""

    attempt_id: AttemptId
    flow: Flow
    facts: Mapping[str, Scalar]
    language: str


class FlowDesk:
    """Begins and ends flows, and keeps what they commit."""

    def __init__(
        self,
        centre: Centre,
        store: Store,
        results: Results,
        flows: Flows,
        organisation: str,
        gatekeeper: Gatekeeper,
    ) -> None:
        """`organisation` is the name that the flow gives as the caller's; `gatekeeper` is asked before a flow begins."""
        self._centre = centre
        self._store = store
        self._results = results
        self._flows = flows
        self._organisation = organisation
        self._gatekeeper = gatekeeper

    def begin(self, attempt_id: str) -> FlowSession | None:
        """The session of a live IVR attempt whose caller has picked up; None: there is no such attempt, turn it away."""
        call = self._centre.calls.get(AttemptId(attempt_id))
        if call is None or call.kind is not CampaignKind.IVR or call.in_flow:
            return None
        run = self._centre.campaigns[call.campaign_id]
        if run.spec.flow is None or not self._gatekeeper.admits(call):
            return None
        flow = self._flows.current(run.spec.flow)
        clock = self._centre.clock
        answered = self.answered(call.picked_up(clock.now(), clock.monotonic()), call)
        self._centre.update_call(answered, replace(answered, in_flow=True, flow=f"{flow.name} {flow.version}"))
        return FlowSession(call.attempt_id, flow, self._facts(call), call.language)

    def answered(self, after: Call, before: Call) -> Call:
        """Put an answer in place: once, whether the switch or the flow told of it first."""
        if before.answered:
            return before
        self._centre.update_call(before, after)
        run = self._centre.campaigns[after.campaign_id]
        self._results.observe(
            run, PacingEventKind.ANSWERED, (after.answered_seconds or after.began_seconds) - after.began_seconds
        )
        self._results.answered(after)
        self._centre.wake.set()
        return after

    async def commit(self, attempt_id: AttemptId, commit: FlowCommit) -> bool:
        """Put on disk what the caller keyed in. True only when it is there. Raises StoreError."""
        call = self._centre.calls.get(attempt_id)
        if call is None:
            return False
        match commit.kind:
            case CommitKind.MARK:
                return await self._mark(call, commit)
            case CommitKind.OPT_OUT:
                await self._results.opt_out(call, source="voter-key")
        return True

    async def _mark(self, call: Call, commit: FlowCommit) -> bool:
        if commit.mark is None:
            return False
        kind = MarkKind(commit.mark.value)
        voters, source = await self._addressed(call, commit)
        now = self._centre.clock.now()
        for voter_id in voters:
            key = f"{call.attempt_id}/{commit.sequence}/{voter_id}"
            hour = commit.hour if kind is MarkKind.LATER else None
            await self._results.mark(Mark(key, voter_id, kind, source, now, hour, call.attempt_id))
        live = self._centre.calls.get(call.attempt_id)
        if live is not None:
            self._centre.calls[call.attempt_id] = replace(live, said=kind, said_hour=commit.hour)
        return bool(voters)

    async def _addressed(self, call: Call, commit: FlowCommit) -> tuple[list[int], MarkSource]:
        """The voters that a mark is about, and whose word it is."""
        if commit.scope is MarkScope.HOUSEHOLD:
            return await self._store.pending_voters(call.phone_id), MarkSource.RELATIVE
        if commit.scope is MarkScope.SERIAL:
            voter = None
            if commit.serial is not None:
                voter = await self._store.voter_by_serial(call.booth_id, commit.serial)
            return ([] if voter is None else [voter]), MarkSource.BOOTH_WORKER
        return [call.voter_id], MarkSource.VOTER_KEY

    def end(self, attempt_id: AttemptId, *, completed: bool, left_at: str | None) -> Call | None:
        """The flow is over, by its own end or the caller's. The call as it stands; None: the switch has ended it before."""
        call = self._centre.calls.get(attempt_id)
        if call is None:
            return None
        ended = replace(call, in_flow=False, flow_completed=completed, left_at=left_at)
        return self._centre.update_call(call, ended)

    def _facts(self, call: Call) -> dict[str, Scalar]:
        local = datetime.fromtimestamp(self._centre.clock.now(), self._centre.zone)
        facts: dict[str, Scalar] = {
            "organisation": self._organisation,
            "hour_now": local.hour,
            "language": call.language,
            "pending_voters": call.pending_voters,
        }
        booth = self._centre.booths.get(call.booth_id)
        if booth is not None:
            facts |= {"booth_name": booth.name, "booth_part": booth.part_number, "closes_at": booth.closes_at}
        return facts
