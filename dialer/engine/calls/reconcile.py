"""Reconcile the store, the live calls and the switch after each start and each reconnection to an Asterisk server.

Nothing is dialled until all three agree. Calls that are live on the switch continue; all others are ended. A call whose
result cannot be found out gets the outcome `unknown`, and a person must allow a redial.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import structlog

from dialer.domain.clock import Instant
from dialer.domain.errors import StoreError, SwitchError
from dialer.domain.model import (
    AttemptId,
    Direction,
    Disposition,
    DispositionRecord,
    EndedAttempt,
    OpenAttempt,
    Outcome,
)
from dialer.domain.switch import History, PastCall, Switch
from dialer.domain.switch_events import CallEnded, EndedBy, SwitchUp
from dialer.engine.asterisk_servers.state import AsteriskServers
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call, FlowPart, Leg, Talk
from dialer.engine.campaigns.runs import CampaignRun, CampaignRuns
from dialer.engine.core import Core
from dialer.engine.effects import CallFinished, make_order_to_switch, make_order_to_write_to_store
from dialer.engine.inbound.service import Inbound
from dialer.engine.placing.retry_schedule import RetrySchedule
from dialer.engine.seats.seats import Seats
from dialer.store.store import Store

_log = structlog.get_logger(__name__)

LOOK_UP_SECONDS = (0.5, 2.0, 0.0)  # waits before the switch's call records are read again
SURE_SECONDS = 5.0  # tolerance for two machines' clocks, and for an uptime in whole seconds
NO_ANSWER_CAUSE = 19


class Reconciler:
    """Reconciles the store and the live calls with an Asterisk server that has connected."""

    def __init__(
        self,
        core: Core,
        servers: AsteriskServers,
        calls: LiveCalls,
        seats: Seats,
        runs: CampaignRuns,
        store: Store,
        switch: Switch,
        inbound: Inbound,
        retries: RetrySchedule,
    ) -> None:
        self._core = core
        self._servers = servers
        self._calls = calls
        self._seats = seats
        self._runs = runs
        self._store = store
        self._switch = switch
        self._inbound = inbound
        self._retries = retries
        self._orphans: dict[AttemptId, OpenAttempt] = {}
        self._created_at: dict[
            AttemptId, float
        ] = {}  # epoch seconds, for attempts whose trunk is still on the same server

    def load_open_call_attempts(self, attempts: Sequence[OpenAttempt], unmoved_trunks: Collection[str]) -> int:
        """Load the call attempts that an earlier run of the dialler left open, and return how many there are.

        `unmoved_trunks` are the trunks on the same Asterisk server as in that run. Only for these can a missing call
        record prove that a call was not placed.
        """
        self._orphans = {attempt.attempt_id: attempt for attempt in attempts}
        self._created_at = {each.attempt_id: each.created_at for each in attempts if each.trunk in unmoved_trunks}
        return len(self._orphans)

    def resync_calls_with_server(self, up: SwitchUp) -> None:
        """Reconcile the live calls and the store with the calls on an Asterisk server."""
        adopted = self._restore_calls_of_open_attempts()
        vanished = [
            call
            for call in self._calls.list_live_calls()
            if call.leg.originate_sent
            and call.attempt_id not in up.live_attempts
            and self._servers.get_server_of_trunk(call.trunk) == up.server
        ]
        if vanished:
            self._core.spawn_background_task(
                self._end_vanished_calls([call.attempt_id for call in vanished], up.server),
                "look-up-vanished",
            )
        strangers = self._inbound.resync_inbound_calls_with_server(up)
        strays = [each for each in up.live_attempts if each not in self._calls and each not in strangers]
        if strays:
            self._core.spawn_background_task(self._hang_up_calls_unknown_to_engine(strays), "hang-up-strays")
        for call in self._calls.list_live_calls():  # the order to hang it up was lost with the link
            if call.leg.cancelled and not call.is_answered and call.attempt_id in up.live_attempts:
                self._core.spawn_background_task(self._hang_up_cancelled_call(call.attempt_id), "hang-up-cancelled")
        if adopted or vanished or strays:
            _log.warning(
                "resync.completed",
                adopted=adopted,
                vanished=len(vanished),
                strays=len(strays),
                switch_restarted=up.restarted,
            )

    def hang_up_call_unknown_to_engine(self, attempt_id: AttemptId) -> None:
        """Hang up a call that is live on the switch but not in the engine.

        A call whose attempt is not in this store is left alone, because it belongs to another dialler.
        """
        self._core.spawn_background_task(self._hang_up_calls_unknown_to_engine([attempt_id]), "hang-up-strays")

    async def _end_vanished_calls(self, vanished: Sequence[AttemptId], server: str) -> None:
        """End calls that disappeared from Asterisk while the connection was down. Asterisk's call records say how each
        one ended.

        Asterisk writes a record shortly after the end of the call, so a missing record is looked up again later.
        """
        reported: dict[AttemptId, PastCall] = {}
        history: History | None = None
        try:
            for seconds in LOOK_UP_SECONDS:
                history = await self._switch.read_call_records(vanished, server)
                reported |= history.ended
                if len(reported) == len(vanished):
                    break
                await asyncio.sleep(seconds)
        except SwitchError as error:
            _log.info("resync.call_records_read_failed", problem=str(error))
        if reported or history is not None:
            _log.warning("resync.call_records_read", requested=len(vanished), found=len(reported))
        for attempt_id in vanished:
            call = self._calls.find_live_call(attempt_id)
            if call is not None and call.leg.ended is None:
                self._end_vanished_call(call, reported.get(attempt_id), history)

    def _end_vanished_call(self, call: Call, past: PastCall | None, history: History | None) -> None:
        if past is None:
            by = EndedBy.NOT_PLACED if self._was_call_never_sent_to_asterisk(call, history) else EndedBy.VANISHED
            self._core.request_side_effects(CallFinished(CallEnded(call.attempt_id, by, answered=call.is_answered)))
        elif past.answered_at is not None:
            then = Instant(past.answered_at, self._core.clock.monotonic())
            self._calls.add_or_replace_call(call.copy_call_with_answer_from_cdr(then, talked=past.seat is not None))
            self._core.request_side_effects(CallFinished(CallEnded(call.attempt_id, EndedBy.VANISHED, answered=True)))
        else:
            rang = past.dial_status == "NOANSWER"
            ended = CallEnded(
                call.attempt_id,
                EndedBy.HANGUP,
                answered=call.is_answered,
                cause=NO_ANSWER_CAUSE if rang else None,
                dial_status=past.dial_status,
                ever_ringing=rang,
            )
            self._core.request_side_effects(CallFinished(ended))

    def _was_call_never_sent_to_asterisk(self, call: Call, history: History | None) -> bool:
        """Return whether Asterisk's call records prove that a call without a record was never placed.

        The proof needs records from before and after the call, which show that Asterisk was writing records then.
        """
        created_at = self._created_at.get(call.attempt_id)
        if history is None or created_at is None or history.up_seconds is None:
            return False
        if history.first_at is None or history.last_at is None:
            return False
        up_since = self._core.clock.now() - history.up_seconds
        starts_before = created_at > max(up_since, history.first_at) + SURE_SECONDS
        return not call.is_answered and starts_before and history.last_at > created_at

    def _restore_calls_of_open_attempts(self) -> int:
        orphans, self._orphans = self._orphans, {}
        homeless = [attempt for attempt in orphans.values() if attempt.campaign_id not in self._runs]
        for attempt in orphans.values():
            if attempt.campaign_id in self._runs:
                self._calls.add_or_replace_call(self.rebuild_live_call_from_stored_attempt(attempt))
        if homeless:
            now = self._core.clock.now()
            ended = [EndedAttempt(attempt.attempt_id, Outcome.UNKNOWN, now) for attempt in homeless]
            self._core.request_side_effects(
                make_order_to_write_to_store(self._store.end_attempts, ended, announced=False)
            )
        return len(orphans)

    def rebuild_live_call_from_stored_attempt(self, attempt: OpenAttempt) -> Call:
        """Return a live call, rebuilt from its call attempt in the store.

        The true monotonic times of the call are unknown, so its ringing and talk count from now.
        """
        now = self._core.clock.monotonic()
        run = self._runs[attempt.campaign_id]
        machine = attempt.disposition is Disposition.MACHINE
        call = Call(
            attempt_id=attempt.attempt_id,
            campaign_id=attempt.campaign_id,
            kind=run.spec.kind,
            phone_id=attempt.phone_id,
            voter_id=attempt.voter_id,
            booth_id=attempt.booth_id,
            attempt_number=attempt.attempt_number,
            language="" if attempt.worker is None else attempt.worker.language,
            pending_voters=attempt.pending_voters,
            trunk=attempt.trunk,
            leg=Leg(
                began_seconds=now,
                originate_sent=True,
                answered_at=attempt.answered_at,
                answered_seconds=now if attempt.answered_at is not None else None,
                machine=machine,
                excluded_from_pacing=machine,
            ),
            talk=Talk(
                seat=attempt.seat if attempt.seat in self._seats else None,
                connected_at=attempt.connected_at,
                connected_seconds=now if attempt.connected_at is not None else None,
            ),
            flow=FlowPart(last_mark=attempt.said, last_mark_hour=attempt.said_hour),
            adopted=True,
            worker=attempt.worker,
        )
        call = call.copy_call_with_disposition(self._restore_disposition_of_call(run, call, attempt))
        return (
            self._inbound.restore_inbound_call_of_earlier_run(call, attempt)
            if attempt.direction is Direction.INBOUND
            else call
        )

    def _restore_disposition_of_call(
        self, run: CampaignRun, call: Call, attempt: OpenAttempt
    ) -> DispositionRecord | None:
        """Return the disposition (call result) that the agent entered for a call before the restart, or None.

        A disposition also has the time of the next call to the number. This time was not stored, so it is computed
        again.
        """
        if attempt.disposition is None:
            return None
        retry_at = self._retries.find_due_time_after_disposition(run, call, attempt.disposition, attempt.said_hour)
        said_at = attempt.disposed_at or self._core.clock.now()
        return DispositionRecord(attempt.attempt_id, attempt.disposition, said_at, attempt.agent, retry_at)

    async def _hang_up_calls_unknown_to_engine(self, strays: Sequence[AttemptId]) -> None:
        """Hang up calls that are live on the switch although their call attempts have ended in the store.

        Calls that are not in the store belong to another dialler and are left alone.
        """
        ours: frozenset[AttemptId] = frozenset()
        try:
            ours = await self._store.find_stored_attempts(strays)
        except StoreError as error:
            _log.warning("store.read_failed", problem=str(error))
        self._core.request_side_effects(
            *(
                make_order_to_switch(self._switch.hang_up_call, attempt_id)
                for attempt_id in strays
                if attempt_id in ours
            )
        )
        if len(ours) < len(strays):
            _log.warning("resync.foreign_calls_found", calls=len(strays) - len(ours))

    async def _hang_up_cancelled_call(self, attempt_id: AttemptId) -> None:
        """Hang up a call that was cancelled while the connection to the switch was down, unless it was answered
        meanwhile.

        The switch reports such an answer right after the event `SwitchUp`.
        """
        call = self._calls.find_live_call(attempt_id)
        if call is not None and not call.is_answered:
            self._core.request_side_effects(make_order_to_switch(self._switch.hang_up_call, attempt_id))
