"""Turn a number reserved for dialling into a call: commit the attempt, then send the call to the switch, once."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any

import structlog

from dialer.domain.alerts import AlertKind
from dialer.domain.enums import CampaignKind, MachineDetection, Purpose
from dialer.domain.errors import CommandRefused, OriginateUnsure, RefusedBecause, StoreError, SwitchError, UnsafeValue
from dialer.domain.judged_calls import is_call_in_sample
from dialer.domain.model import AttemptId, Claim, EndedAttempt, NewAttempt, Outcome
from dialer.domain.switch import OriginateRequest
from dialer.domain.switch_events import CallEnded, EndedBy
from dialer.domain.view import CallState, Preview, TrunkState
from dialer.engine.alerts.state import Alerts
from dialer.engine.asterisk_servers.state import AsteriskServers, ServerLoads
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call, Leg
from dialer.engine.campaigns.runs import CampaignRun
from dialer.engine.core import Core
from dialer.engine.effects import (
    CallFinished,
    StartTimer,
    StopTimer,
    StoreFailed,
    TimerExpired,
    TimerKind,
    make_order_to_write_to_store,
)
from dialer.engine.placing.eligibility import REST_SECONDS, Eligibility
from dialer.engine.placing.holds import CampaignHolds
from dialer.engine.placing.reserved_seats import ReservedSeats
from dialer.engine.placing.send_queue import SendQueue
from dialer.engine.plan import Dependencies
from dialer.engine.seats.seats import Seats
from dialer.engine.seats.state import Seat
from dialer.engine.trunks.channels import Channels
from dialer.engine.trunks.state import TrunkPool
from dialer.engine.turnout.polls import Polls
from dialer.rules import calling_hours
from dialer.settings.trunks import CalledVoter

_log = structlog.get_logger(__name__)

ON_A_CALL_SECONDS = 60.0  # retry time for a number whose phone or voter is on another call
PREVIEW_STANDS_SECONDS = 120.0  # limit of previews that are not dialled automatically; then the agent counts as absent
_RINGS = frozenset({CallState.SENDING, CallState.DIALLING, CallState.RINGING})
_WANTS_SEAT = _RINGS | {CallState.WAITING}


class Originator:
    """Stores call attempts and sends their calls to the switch. No call is ever sent twice."""

    def __init__(
        self,
        core: Core,
        dependencies: Dependencies,
        alerts: Alerts,
        servers: AsteriskServers,
        calls: LiveCalls,
        seats: Seats,
        polls: Polls,
        channels: Channels,
        holds: CampaignHolds,
        eligibility: Eligibility,
        trunks: TrunkPool,
        reserved: ReservedSeats,
    ) -> None:
        self._core = core
        self._alerts = alerts
        self._servers = servers
        self._calls = calls
        self._channels = channels
        self._seats = seats
        self._polls = polls
        self._holds = holds
        self._store = dependencies.store
        self._switch = dependencies.switch
        self._sent = dependencies.sent_journal
        self._eligibility = eligibility
        self._trunks = trunks
        self.reserved = reserved
        self._previewed: dict[AttemptId, tuple[CampaignRun, NewAttempt]] = {}
        self._queues: dict[str, SendQueue] = {}  # by trunk

    def place_calls_of_campaign(
        self, run: CampaignRun, count: int, used: Counter[str], unsent: Counter[str], *, with_seats: bool = False
    ) -> int:
        """Call up to `count` numbers of a campaign's hopper (reserved numbers). Return how many calls are placed.

        Numbers that may not be called now are postponed or removed. With `with_seats`, each call first reserves a free
        seat. The new calls are added to `used` (used channels by trunk) and `unsent` (calls not sent yet by trunk).
        """
        now = self._core.clock.monotonic()
        placed: list[tuple[NewAttempt, Call]] = []
        postponed: list[tuple[Claim, float]] = []
        refused: list[tuple[Claim, str]] = []
        trunks, loads = self._servers.filter_reachable_trunks(run.spec.trunks), self._calculate_server_loads(run)
        while count > 0 and run.hopper:
            not_before = self._find_retry_time_on_polling_day(
                run, run.hopper[0]
            ) or self._find_retry_time_of_busy_number(run.hopper[0])
            if not_before is not None:
                postponed.append((run.hopper.popleft(), not_before))
                continue
            claim, seat = run.hopper[0], None
            needs_seat = run.spec.previews or with_seats
            if needs_seat or self._eligibility.does_call_need_reserved_seat(run, claim):
                seat = self.reserved.choose_seat(run, claim.language)
            if needs_seat and seat is None:
                break
            ruling = self._eligibility.check_rules_for_reserved_number(run, claim, guaranteed=seat is not None)
            best = self._sort_trunks_for_call(trunks, loads, seat)
            taken = (
                self._trunks.choose_trunk_for_call(
                    best, used, now, unsent, called=self._find_polling_area_of_called_voter(claim)
                )
                if ruling.is_call_allowed
                else None
            )
            if not ruling.is_call_allowed:
                claim, lasting = run.hopper.popleft(), ruling.reason_number_may_never_be_called
                if lasting is None:
                    postponed.append((claim, ruling.next_at or self._core.clock.now() + REST_SECONDS))
                else:
                    refused.append((claim, lasting.value))
                continue
            if taken is None:
                break
            count -= 1
            trunk, caller_id = taken
            used[trunk.name] += 1
            unsent[trunk.name] += 1
            loads.calls[trunk.server] += 1
            placed.append(self._create_attempt_and_call(run, run.hopper.popleft(), seat, trunk.name, caller_id))
        if placed:
            self._core.spawn_background_task(self._commit_and_dial_call_attempts(run, placed), "open-attempts")
        if postponed:
            self._core.spawn_background_task(self._postpone_reserved_numbers(run, postponed), "postpone")
        if refused:
            self._core.spawn_background_task(self._remove_refused_numbers_from_queue(run, refused), "refuse")
        return len(placed)

    def _calculate_server_loads(self, run: CampaignRun) -> ServerLoads:
        """Return the load on each Asterisk server: the campaign's agents there, and the calls that may still need an
        agent.

        The result is empty if the site has one server only, or if the campaign has no agents.
        """
        loads = ServerLoads(self._servers)
        if len(self._servers.names) == 1 or run.spec.kind is CampaignKind.IVR:
            return loads
        for seat in self._seats.find_seats_serving_campaign(run.spec):
            loads.working[seat.server] += seat.is_taking_calls
            loads.free[seat.server] += seat.is_free_for_voter
        for call in self._calls.list_live_calls():
            if call.kind is CampaignKind.AGENTS and call.reserved_seat is None and call.call_state in _WANTS_SEAT:
                loads.calls[self._servers.get_server_of_trunk(call.trunk)] += 1
        return loads

    def _sort_trunks_for_call(self, trunks: Sequence[str], loads: ServerLoads, seat: Seat | None) -> Sequence[str]:
        """Return the trunks for a call, best first.

        If a seat is reserved for the call, the trunks of this seat's Asterisk server come first. Otherwise the trunks
        of servers that likely have a free agent come first.
        """
        if seat is None:
            return loads.sort_trunks_by_server_load(trunks)
        servers = self._servers
        return sorted(trunks, key=lambda trunk: servers.get_server_of_trunk(trunk) != seat.server)

    def _find_polling_area_of_called_voter(self, claim: Claim) -> CalledVoter:
        booth = self._polls.booths.get(claim.booth_id)
        return (
            CalledVoter(claim.number)
            if booth is None
            else CalledVoter(claim.number, booth.state_code, booth.constituency_number)
        )

    def _create_attempt_and_call(
        self, run: CampaignRun, claim: Claim, seat: Seat | None, trunk: str, caller_id: str
    ) -> tuple[NewAttempt, Call]:
        """Create a call and the attempt to store for the call, and reserve a seat if the call needs a seat."""
        attempt_id = AttemptId(str(uuid.uuid4()))
        if seat is not None:
            self.reserved.reserve_seat(seat, run, attempt_id)
        call = _create_live_call_of_attempt(
            attempt_id, claim, run, trunk, None if seat is None else seat.name, self._core.clock.monotonic()
        )
        grounds, gap = self._eligibility.find_legal_grounds_for_call(
            run, claim, self._trunks[trunk].attestation, guaranteed=seat is not None
        )
        new = NewAttempt(attempt_id, claim, trunk, caller_id, self._core.clock.now(), grounds, gap)
        return new, self._calls.add_or_replace_call(call)

    def _find_retry_time_on_polling_day(self, run: CampaignRun, claim: Claim) -> float | None:
        """Return when to retry a number that is not on its polling day (epoch seconds), or None if it may be called
        today.
        """
        last_call_at, now = (
            self._polls.find_calling_deadline_of_booth(run.purpose, claim.booth_id),
            self._core.clock.now(),
        )
        if run.purpose is Purpose.BOOTH_WORKERS:
            still_votes = last_call_at is not None and now < last_call_at
            return None if still_votes else self._polls.get_next_midnight()
        return None if last_call_at is None or now < last_call_at else last_call_at + REST_SECONDS

    def _find_retry_time_of_busy_number(self, claim: Claim, but: AttemptId | None = None) -> float | None:
        """Return when to retry a number whose phone or voter is on another call (epoch seconds; None = neither is
        busy).

        `but` is the attempt to call this number itself. It is ignored.
        """
        voter_id = claim.voter_id if claim.worker is None else None
        calls = self._calls.find_calls_to_number_or_voter(claim.phone_id, voter_id)
        is_busy = any(call.attempt_id != but for call in calls)
        return self._core.clock.now() + ON_A_CALL_SECONDS if is_busy else None

    async def _postpone_reserved_numbers(self, run: CampaignRun, postponed: Sequence[tuple[Claim, float]]) -> None:
        """Postpone reserved numbers, because the rules forbid calls to them now."""
        run.set_due_time_of_next_number(min(due_at for _, due_at in postponed))
        try:
            await self._store.postpone_claimed_numbers(postponed)
        except StoreError as error:  # they return to the queue when their reservation expires
            _log.warning("reserved_numbers.postpone_failed", numbers=len(postponed), problem=str(error))
        self._core.wake.set()

    async def _remove_refused_numbers_from_queue(self, run: CampaignRun, refused: Sequence[tuple[Claim, str]]) -> None:
        """Remove numbers from the queue, because the rules forbid calls to them until a person changes something."""
        try:
            await self._store.remove_refused_numbers_from_queue(refused)
        except StoreError as error:  # they return to the queue when their reservation expires
            _log.warning("reserved_numbers.removal_failed", numbers=len(refused), problem=str(error))
        run.set_due_time_of_next_number(self._core.clock.now())  # the queue may be at its end
        self._core.wake.set()

    async def _commit_and_dial_call_attempts(self, run: CampaignRun, placed: Sequence[tuple[NewAttempt, Call]]) -> None:
        """Store call attempts, then show a preview of each accepted attempt or dial it."""
        for attempt in await self._commit_call_attempts(run, placed):
            call = self._calls.find_live_call(attempt.attempt_id)
            if run.spec.previews and call is not None and not call.leg.cancelled:
                self._show_preview_to_agent(run, attempt, call)
            else:
                self._core.spawn_background_task(self._originate_call(run, attempt), "originate")

    async def _commit_call_attempts(
        self, run: CampaignRun, placed: Sequence[tuple[NewAttempt, Call]]
    ) -> list[NewAttempt]:
        """Store call attempts, and return those that the store accepted."""
        since = calling_hours.get_local_midnight_before(self._core.zone, self._core.clock.now())
        attempts, conversations, gaps = self._eligibility.find_call_limits_of_campaign(run)
        for attempt, _ in placed:
            self._sent.record_attempt_before_commit(attempt.attempt_id)
        try:
            refusals = await self._store.commit_new_attempts(
                [attempt for attempt, _ in placed],
                max_attempts_since=since,
                max_attempts=attempts,
                max_conversations=conversations,
                gaps=gaps,
            )
        except StoreError as error:
            for _, call in placed:
                self._discard_rejected_call(call)
            now = self._core.clock.now()  # some may have been stored in spite of the error
            ended = [EndedAttempt(call.attempt_id, Outcome.REFUSED, now, retry_at=now) for _, call in placed]
            self._core.request_side_effects(
                StoreFailed(error), make_order_to_write_to_store(self._store.end_attempts, ended, announced=False)
            )
            return []
        opened = []
        for (attempt, call), refusal in zip(placed, refusals, strict=True):
            if refusal is None:
                self._calls.publish_call_state(call, call.call_state)
                if call.reserved_seat is not None:  # the seat was reserved before the attempt was stored
                    pop = TimerExpired(TimerKind.SCREEN_POP, call.reserved_seat, call.attempt_id)
                    self._core.request_side_effects(StartTimer(f"screen/{call.reserved_seat}", 0.0, pop))
                opened.append(attempt)
            else:
                self._discard_rejected_call(call)
                self._core.wake.set()  # its seat and its channel are free again
                _log.debug("attempt.refused", attempt=call.attempt_id, reason=refusal.value)
        return opened

    def _discard_rejected_call(self, call: Call) -> None:
        self._sent.remove_unsent_attempt(call.attempt_id)
        self._calls.remove_call(call.attempt_id)
        # If it was its trunk's probe, the next call is the probe. The call start stays used, to respect the CPS limit.
        self._trunks.update_trunk_when_call_ends(
            call.trunk, None, call.placed_monotonic_seconds, self._core.clock.monotonic()
        )

    # Calls that agents dial: previews, and numbers that they choose

    def _show_preview_to_agent(self, run: CampaignRun, attempt: NewAttempt, call: Call) -> None:
        """Show a call to the agent whose seat is reserved for it, before it is dialled."""
        seconds = run.spec.preview_seconds
        stands = PREVIEW_STANDS_SECONDS if seconds is None else seconds
        self._previewed = {each: them for each, them in self._previewed.items() if each in self._calls}
        self._previewed[call.attempt_id] = run, attempt
        until = self._core.clock.now() + stands
        self._calls.update_call(call, call.copy_call_with_preview(Preview(until, auto_dial=seconds is not None)))
        due = TimerExpired(TimerKind.PREVIEW_EXPIRED, call.reserved_seat or "", call.attempt_id)
        self._core.request_side_effects(StartTimer(f"preview/{call.attempt_id}", stands, due))
        self.reserved.publish_reserved_seat(call)

    def dial_previewed_call(self, call: Call) -> Coroutine[Any, Any, CommandRefused | None]:
        """Dial a call that an agent previews. Return None if it is dialled, otherwise the reason why it is not.

        The preview ends at once, so that a second request cannot dial the call again.
        """
        run, attempt = self._previewed.pop(call.attempt_id)
        self._calls.update_call(call, call.copy_call_without_preview())
        self._core.request_side_effects(StopTimer(f"preview/{call.attempt_id}"))
        self.reserved.publish_reserved_seat(call)
        return self._dial_previewed_call(run, attempt, call)

    async def _dial_previewed_call(self, run: CampaignRun, attempt: NewAttempt, call: Call) -> CommandRefused | None:
        another_day = self._find_retry_time_on_polling_day(run, attempt.claim) is not None
        health = self._trunks.get_trunk_health(call.trunk)
        if health is not None and health.determine_state_of_trunk(self._core.clock.monotonic()) is TrunkState.RESTING:
            self._report_that_call_was_not_placed(call.attempt_id)
            return CommandRefused(
                f"the call was not placed: trunk {call.trunk} is suspended after failures", RefusedBecause.NO_CHANNEL
            )
        if another_day or self._find_retry_time_of_busy_number(attempt.claim, but=call.attempt_id) is not None:
            self._report_that_call_was_not_placed(call.attempt_id)
            if another_day:
                return CommandRefused(
                    "the call was not placed: polling at the voter's booth is over", RefusedBecause.FORBIDDEN
                )
            return CommandRefused(
                "the call was not placed: the number or its voter is on another call", RefusedBecause.ON_A_CALL
            )
        return await self._originate_call(run, attempt)

    async def dial_reserved_number(self, run: CampaignRun, claim: Claim, seat: Seat) -> CommandRefused | None:
        """Call a reserved number at once for the agent at a seat. Return None, or the reason why it is not called."""
        if self._find_retry_time_of_busy_number(claim) is not None:
            refusal = CommandRefused("the number or its voter is on another call", RefusedBecause.ON_A_CALL)
        elif self._find_retry_time_on_polling_day(run, claim) is not None:
            refusal = CommandRefused(
                "the voter's booth does not vote now: its polling day is over or has not come", RefusedBecause.FORBIDDEN
            )
        elif not (
            ruling := self._eligibility.check_rules_for_reserved_number(run, claim, guaranteed=True)
        ).is_call_allowed:
            refusal = CommandRefused(f"the rules forbid this call now: {ruling}", RefusedBecause.FORBIDDEN)
        else:
            used, now = self._channels.count_used_channels(), self._core.clock.monotonic()
            trunks = self._sort_trunks_for_call(
                self._servers.filter_reachable_trunks(run.spec.trunks), ServerLoads(self._servers), seat
            )
            taken = self._trunks.choose_trunk_for_call(
                trunks, used, now, called=self._find_polling_area_of_called_voter(claim), on_request=True
            )
            if taken is not None:
                placed = self._create_attempt_and_call(run, claim, seat, taken[0].name, taken[1])
                if await self._commit_call_attempts(run, [placed]):
                    return await self._originate_call(run, placed[0])
                return CommandRefused(
                    "the number may not be called now: another call to it was just made, or its daily cap is reached",
                    RefusedBecause.FORBIDDEN,
                )
            refusal = CommandRefused("no trunk channel is free: try again in a moment", RefusedBecause.NO_CHANNEL)
        return refusal

    def _find_reason_not_to_send_call(
        self, run: CampaignRun, attempt: NewAttempt, call: Call | None
    ) -> CommandRefused | None:
        """Return why a stored call must not be sent to the switch, or None if it may be sent. This is the
        last check.
        """
        if call is None or call.leg.cancelled:
            return CommandRefused("the call was cancelled before it was sent", RefusedBecause.CALL_OVER)
        if self._trunks.is_caller_id_forbidden(attempt.trunk, attempt.caller_id):
            reason = "not one of the trunk's (trunks.caller_ids)"
            _log.warning("caller_id.refused", attempt=attempt.attempt_id, reason=reason)
            return CommandRefused(f"the caller ID is {reason}", RefusedBecause.NO_CHANNEL)
        kept = self.reserved.is_seat_reserved(call)
        reason_for_hold = self._holds.find_reason_campaign_may_not_dial(run, attempt.trunk) or (
            None if kept else self._holds.explain_lack_of_agents(run)
        )
        if reason_for_hold is not None:
            return CommandRefused(f"campaign {run.spec.campaign_id} is held: {reason_for_hold}", RefusedBecause.HELD)
        ruling = self._eligibility.check_rules_before_originate(
            run, attempt.claim, call.attempt_id, attempt.caller_id, guaranteed=kept
        )
        if not ruling.is_call_allowed:
            return CommandRefused(f"the rules forbid this call now: {ruling}", RefusedBecause.FORBIDDEN)
        return None

    async def _originate_call(self, run: CampaignRun, attempt: NewAttempt) -> CommandRefused | None:
        """Send a stored call to the switch. Return why the call was not placed, or None if it was or may have been
        placed.
        """
        attempt_id = attempt.attempt_id
        queue = self._queues.get(attempt.trunk)
        if queue is None:
            queue = self._queues[attempt.trunk] = SendQueue(
                self._trunks.get_trunk_rate_limiter(attempt.trunk), self._core.clock
            )
        sent_at = await queue.wait_until_call_may_be_sent(run.spec.kind)
        call = self._calls.find_live_call(attempt_id)
        refusal = self._find_reason_not_to_send_call(run, attempt, call)
        if refusal is not None or call is None:
            self._report_that_call_was_not_placed(attempt_id)
            return refusal
        try:
            self._sent.record_attempt_before_sending(attempt_id)
        except OSError as error:
            text = f"the call could not be recorded before it is placed: {error}"
            self._alerts.raise_alert(AlertKind.ORIGINATE, problem=text)
            self._report_that_call_was_not_placed(attempt_id)
            return CommandRefused(text)
        self._calls.update_call(call, call.copy_call_with_originate_sent(sent_at))
        trunk = self._trunks[attempt.trunk]
        try:
            await self._switch.originate_call(
                OriginateRequest(
                    attempt_id=attempt_id,
                    number=attempt.claim.number,
                    endpoint=trunk.endpoint,
                    caller_id=attempt.caller_id,
                    kind=run.spec.kind,
                    ring_seconds=run.spec.ring_seconds,
                    at=self._core.clock.now(),
                    detect_machine=run.spec.machine_detection is MachineDetection.BEFORE_SEAT,
                    message_to_machine=run.spec.machine_message,
                    record_machine=is_call_in_sample(attempt_id, run.spec.machine_sample),
                )
            )
        except OriginateUnsure as error:  # the next resync shows whether the call exists
            _log.warning("originate.result_unknown", attempt=attempt_id, problem=str(error))
        except (SwitchError, UnsafeValue) as error:  # all other errors mean that the call was not placed
            _log.warning("originate.failed", attempt=attempt_id, problem=str(error))
            text = f"the switch did not place the call: {error}"
            self._alerts.raise_alert(AlertKind.ORIGINATE, problem=str(error))
            self._report_that_call_was_not_placed(attempt_id)
            return CommandRefused(text, RefusedBecause.NO_CHANNEL)
        else:
            self._alerts.clear_alert(AlertKind.ORIGINATE)
        return None

    def _report_that_call_was_not_placed(self, attempt_id: AttemptId) -> None:
        self._sent.remove_unsent_attempt(attempt_id)
        self._core.request_side_effects(CallFinished(CallEnded(attempt_id, EndedBy.NOT_PLACED, answered=False)))


def _create_live_call_of_attempt(
    attempt_id: AttemptId, claim: Claim, run: CampaignRun, trunk: str, reserved_seat: str | None, now: float
) -> Call:
    spec = run.spec
    return Call(
        attempt_id=attempt_id,
        campaign_id=claim.campaign_id,
        kind=spec.kind,
        phone_id=claim.phone_id,
        voter_id=claim.voter_id,
        booth_id=claim.booth_id,
        attempt_number=claim.attempt_number,
        language=claim.language,
        pending_voters=claim.pending_voters,
        trunk=trunk,
        leg=Leg(now, answer_classified=spec.machine_detection is not MachineDetection.BEFORE_SEAT),
        worker=claim.worker,
        reserved_seat=reserved_seat,
    )
