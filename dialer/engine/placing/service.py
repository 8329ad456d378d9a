"""Placing calls: how many, which numbers, on which trunk. Committed before dialled; nothing is ever sent twice."""

from __future__ import annotations

import asyncio
import heapq
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from dialer.domain.clock import Clock
from dialer.domain.enums import CampaignKind, MachineDetection, Purpose
from dialer.domain.errors import CommandRefused, OriginateUnsure, RefusedBecause, StoreError, SwitchError, UnsafeValue
from dialer.domain.model import AttemptId, Claim, EndedAttempt, NewAttempt, Outcome, VotingBooths
from dialer.domain.switch import OriginateRequest
from dialer.domain.switch_events import CallEnded, EndedBy
from dialer.domain.view import AlertLevel, CallState, Preview, SeatState, TrunkState
from dialer.engine.acd.service import Acd
from dialer.engine.asterisk_servers.state import ServerLoads
from dialer.engine.calls.state import Call, Leg
from dialer.engine.campaigns.runs import CampaignRun
from dialer.engine.centre import Centre
from dialer.engine.effects import (
    CallFinished,
    StartTimer,
    StopTimer,
    StoreFailed,
    TimerExpired,
    TimerKind,
    commit,
)
from dialer.engine.placing.eligibility import REST_SECONDS, Eligibility
from dialer.engine.placing.snapshot import at_work, pacing_snapshot, seats_of
from dialer.engine.plan import Outside
from dialer.engine.seats.state import Seat, choose_seat
from dialer.engine.trunks.service import TrunkDesk
from dialer.engine.trunks.state import CallStarts
from dialer.pacing.cancelling import cancelled_first
from dialer.pacing.port import PacingSnapshot
from dialer.rules import calling_hours
from dialer.rules.calling_hours import day_start
from dialer.settings.lines import Called
from dialer.store.port import Unclaimed
from dialer.store.sqlite import Store

# Seats that are kept for a call from before it is dialled until it ends: an agent is there whenever it is answered.


class KeptSeats:
    """Keeps seats and gives them back."""

    def __init__(self, centre: Centre, acd: Acd) -> None:
        self._centre = centre
        self._acd = acd
        self._kept: dict[AttemptId, str] = {}

    def choose(self, run: CampaignRun, language: str) -> Seat | None:
        """The seat that such a call would get if it were answered now. None: no seat is ready."""
        return choose_seat(self._centre.seats.reachable(), language, run.spec.skill, run.spec.campaign_id)

    def keep(self, seat: Seat, run: CampaignRun, attempt_id: AttemptId) -> None:
        """Reserve it for the call."""
        self._centre.seats.put(seat, seat.reserved(attempt_id, run.spec.campaign_id, self._centre.core.instant()))
        self._kept[attempt_id] = seat.name

    def holds(self, call: Call) -> bool:
        """Whether a seat is kept for the call still, and the call can be brought there."""
        seat = self._centre.seats.get(call.kept_seat or "")
        if seat is None or seat.server in self._centre.servers.unreachable:
            return False
        return seat.state is SeatState.RESERVED and seat.attempt_id == call.attempt_id

    def tell(self, call: Call) -> None:
        """Those who listen hear how its seat stands."""
        self._centre.seats.notify(call.kept_seat or "")

    def give_back(self, attempt_id: AttemptId) -> None:
        """The call will not be: its seat is free again."""
        seat = self._centre.seats.get(self._kept.pop(attempt_id, ""))
        if seat is not None and seat.state is SeatState.RESERVED and seat.attempt_id == attempt_id:
            self._acd.free(seat, seat.call_ended(self._centre.core.instant()))

    def look_after(self) -> None:
        """Give back seats of calls that are no more; cancel calls that ring without theirs, and previews of who leaves."""
        for attempt_id in list(self._kept):
            call = self._centre.calls.get(attempt_id)
            if call is None:
                self.give_back(attempt_id)
            elif not call.answered:
                previewed = call.leg.preview is not None
                if not self.holds(call) or (previewed and self._centre.seats[self._kept[attempt_id]].leaving):
                    self._centre.calls.cancel(call)


# Hoppers: some seconds' worth of claims per campaign, so that a call that may start has its number at hand.

HOPPER_SIZE = 60  # claims held per campaign: some seconds of dialling, so that priorities stay fresh
CLAIMED_AT_ONCE = 10  # a long claim holds up the marks and results behind it, and leaves fewer at hand while it lasts
LEASE_SECONDS = 60.0
LEAST_LEASE_SECONDS = 15.0  # claims with less left go back to the queue: the order has moved on
REFILL_AGAIN_SECONDS = 1.0  # numbers are due, but cannot be had yet: another campaign's call, a booth that comes after
PRIORITIES_SECONDS = 30.0  # how long the booths' priorities stand before they are computed anew
_NOT_TO_BE_HAD = {
    Unclaimed.NOT_LISTED: ("the number is not in its list, and nobody else may be called", RefusedBecause.NOT_LISTED),
    Unclaimed.CLOSED: ("the number is called no more: it has asked so, or nobody on it is left", RefusedBecause.CLOSED),
    Unclaimed.NOT_DUE: ("the number is not due yet", RefusedBecause.NOT_DUE),
    Unclaimed.IN_USE: ("the number is on a call, or on its way to one", RefusedBecause.ON_A_CALL),
}


class Hoppers:
    """Fills the campaigns' hoppers from their queues and gives back what is not dialled."""

    def __init__(self, centre: Centre, store: Store, has_room: Callable[[], bool]) -> None:
        """`has_room` says whether the disk can still take results."""
        self._centre = centre
        self._store = store
        self._has_room = has_room

    def refill(self, run: CampaignRun) -> None:
        """Claim more where the hopper runs low and the queue may have some."""
        if run.refilling or not self._runs_low(run) or run.next_due_at > self._centre.core.clock.now():
            return
        if not self._has_room():
            self._centre.core.do(
                StoreFailed(StoreError("the disk is nearly full (store.reserve_megabytes); free some space"))
            )
            return
        run.refilling = True
        self._centre.core.spawn(self._fill(run), "refill")

    def _runs_low(self, run: CampaignRun) -> bool:
        return len(run.hopper) <= HOPPER_SIZE - CLAIMED_AT_ONCE

    async def _fill(self, run: CampaignRun) -> None:
        clock = self._centre.core.clock
        try:
            run.next_due_at = 0.0
            self._set_priorities(run)
            while run.hold is None and not self._centre.core.draining and self._runs_low(run):
                quotas = run.order.plan(CLAIMED_AT_ONCE)
                first = run.order.first(quotas)
                claims = await self._store.claim(
                    run.spec.campaign_id,
                    CLAIMED_AT_ONCE,
                    owner=self._centre.core.plan.owner,
                    now=clock.now(),
                    lease_seconds=LEASE_SECONDS,
                    booths=quotas,
                    voting=None if first is None else VotingBooths(first, run.votes_until),
                    day_start=day_start(self._centre.core.zone, clock.now()),
                )
                full = len(claims) == CLAIMED_AT_ONCE
                run.order.took(quotas, claims, full=full)
                run.hopper.extend(claims)
                if claims:
                    self._centre.core.wake.set()
                if full or not run.order.exhausted:
                    continue
                if first is None or run.order.waits:  # else what stands aside has its turn now
                    await self._note_next_due(run)
                    break
        except StoreError as error:
            self._centre.core.do(StoreFailed(error))
        finally:
            run.refilling = False
        if self._centre.core.draining:  # the stop came while these were claimed
            self.give_back(run)
        elif run.hopper:
            self._centre.core.wake.set()

    async def _note_next_due(self, run: CampaignRun) -> None:
        now, given_back = self._centre.core.clock.now(), run.given_back
        due = await self._store.next_due_at(run.spec.campaign_id)
        if run.given_back != given_back:  # numbers came back meanwhile, which the answer may not know
            return
        run.list_done = due is None
        found = float("inf") if due is None else max(due, now + REFILL_AGAIN_SECONDS)
        run.next_due_at = min(found, run.next_due_at or found)
        if due is not None and due <= now and not run.order.waits:
            run.order.look_again()

    def _set_priorities(self, run: CampaignRun) -> None:
        """Of the booths that vote today, which a turnout campaign calls first; for other purposes all booths are alike."""
        centre, now = self._centre, self._centre.core.clock.now()
        if now - run.priorities_at < PRIORITIES_SECONDS:
            return
        run.priorities_at, today = now, centre.polls.today()
        run.votes_until = today.until
        polling = centre.core.plan.polling if run.purpose is Purpose.TURNOUT else None
        run.order.set_priorities({} if polling is None else polling.priorities(today, centre.turnout.booths, now))

    async def claim_number(self, run: CampaignRun, phone_id: int) -> Claim:
        """Take one number of the list, in hand or due. Raises CommandRefused that says why it may not be had, StoreError."""
        in_hand = next((claim for claim in run.hopper if claim.phone_id == phone_id), None)
        if in_hand is not None:
            run.hopper.remove(in_hand)
            return in_hand
        now = self._centre.core.clock.now()
        claim = await self._store.claim_number(
            run.spec.campaign_id,
            phone_id,
            owner=self._centre.core.plan.owner,
            now=now,
            lease_seconds=LEASE_SECONDS,
            day_start=day_start(self._centre.core.zone, now),
        )
        if isinstance(claim, Claim):
            return claim
        words, why = _NOT_TO_BE_HAD[claim]
        raise CommandRefused(f"campaign {run.spec.campaign_id}: {words}", why)

    def give_back(self, run: CampaignRun) -> None:
        """Put the hopper's claims back into the queue."""
        self.put_back(run, list(run.hopper))
        run.hopper.clear()

    def give_back_old(self, run: CampaignRun) -> None:
        """Put the claims back whose lease ends soon; they stand first in the hopper."""
        ends = self._centre.core.clock.now() + LEAST_LEASE_SECONDS
        old: list[Claim] = []
        while run.hopper and run.hopper[0].leased_until < ends:
            old.append(run.hopper.popleft())
        if old:
            self.put_back(run, old)

    def put_back(self, run: CampaignRun, claims: Sequence[Claim]) -> None:
        """Put claims that came to no call back into the queue."""
        run.next_due_at = 0.0
        if claims:
            run.given_back += 1
            run.list_done = False
            run.order.gave_back(claims)
            self._centre.core.spawn(self._release(claims), "release-claims")

    async def _release(self, claims: Sequence[Claim]) -> None:
        try:
            await self._store.release(claims)
        except StoreError as error:  # the lease puts them back by itself
            _log.warning("claims.not-released", claims=len(claims), problem=str(error))


_log = structlog.get_logger(__name__)

ON_A_CALL_SECONDS = 60.0  # until a number is looked at again that is on a call, or whose voter is on another number
PREVIEW_STANDS_SECONDS = 120.0  # where nothing is dialled unasked: whoever has not looked by then is not there
LOOK_AGAIN_SECONDS = 1.0  # a pacer's answer changes as talks grow older, with no event to say so
_RINGS = frozenset({CallState.SENDING, CallState.DIALLING, CallState.RINGING})
_WANTS_SEAT = _RINGS | {CallState.WAITING}


class Originator:
    """From a claim to a call: committed, then dialled. Nothing is ever sent twice."""

    def __init__(
        self, centre: Centre, outside: Outside, eligibility: Eligibility, trunk_desk: TrunkDesk, kept_seats: KeptSeats
    ) -> None:
        """`kept_seats` keeps seats for calls that need one."""
        self._centre = centre
        self._store = outside.store
        self._switch = outside.switch
        self._sent = outside.sent
        self._eligibility = eligibility
        self._trunks = trunk_desk.pool
        self.kept_seats = kept_seats
        self._previewed: dict[AttemptId, tuple[CampaignRun, NewAttempt]] = {}
        self._wires: dict[str, _Wire] = {}  # by trunk

    def place(self, run: CampaignRun, count: int, used: Counter[str], leaving: Counter[str]) -> bool:
        """Call up to so many of the hopper's numbers that may be called. Returns whether any is called. A start is granted at the
        moment of dialling: what is granted is committed and goes out at once, and counts in `used` and `leaving`, by trunk.
        """
        now = self._centre.core.clock.monotonic()
        placed: list[tuple[NewAttempt, Call]] = []
        refused: list[tuple[Claim, float]] = []
        lines, loads = self._centre.servers.reachable(run.spec.trunks), self._loads(run)
        while count > 0 and run.hopper:
            not_before = self._another_day(run, run.hopper[0]) or self._on_a_call(run.hopper[0])
            if not_before is not None:
                refused.append((run.hopper.popleft(), not_before))
                continue
            claim, seat = run.hopper[0], None
            if run.spec.previews or self._eligibility.wants_seat(run, claim):
                seat = self.kept_seats.choose(run, claim.language)
            if run.spec.previews and seat is None:
                break
            ruling = self._eligibility.claim(run, claim, guaranteed=seat is not None)
            best = self._best_first(lines, loads, seat)
            taken = self._trunks.take(best, used, now, leaving, called=self._called(claim)) if ruling.allowed else None
            if not ruling.allowed:
                refused.append((run.hopper.popleft(), ruling.next_at or self._centre.core.clock.now() + REST_SECONDS))
                continue
            if taken is None:
                break
            count -= 1
            trunk, caller_id = taken
            used[trunk.name] += 1
            leaving[trunk.name] += 1
            loads.calls[trunk.server] += 1
            placed.append(self._begin(run, run.hopper.popleft(), seat, trunk.name, caller_id))
        if placed:
            self._centre.core.spawn(self._open_and_go(run, placed), "open-attempts")
        if refused:
            self._centre.core.spawn(self._postpone(run, refused), "postpone")
        return bool(placed)

    def _loads(self, run: CampaignRun) -> ServerLoads:
        """What each server's agents have to do who may take the campaign's calls; nothing where that decides nothing."""
        centre, loads = self._centre, ServerLoads(self._centre.servers)
        if len(centre.servers.names) == 1 or run.spec.kind is CampaignKind.IVR:
            return loads
        for seat in seats_of(centre, run):
            loads.working[seat.server] += at_work(seat)
            loads.free[seat.server] += seat.free
        for call in centre.calls.all():
            if call.kind is CampaignKind.AGENTS and call.kept_seat is None and call.state in _WANTS_SEAT:
                loads.calls[centre.servers.of_trunk(call.trunk)] += 1
        return loads

    def _best_first(self, lines: Sequence[str], loads: ServerLoads, seat: Seat | None) -> Sequence[str]:
        """Return the trunks for a call, best first: by the server of its reserved seat, or where an agent is likely free."""
        if seat is None:
            return loads.best_first(lines)
        servers = self._centre.servers
        return sorted(lines, key=lambda line: servers.of_trunk(line) != seat.server)

    def _called(self, claim: Claim) -> Called:
        booth = self._centre.polls.booths.get(claim.booth_id)
        return (
            Called(claim.number) if booth is None else Called(claim.number, booth.state_code, booth.constituency_number)
        )

    def _begin(
        self, run: CampaignRun, claim: Claim, seat: Seat | None, trunk: str, caller_id: str
    ) -> tuple[NewAttempt, Call]:
        """A call, and the attempt that is to be committed before it; the seat is kept for it."""
        attempt_id = AttemptId(str(uuid.uuid4()))
        if seat is not None:
            self.kept_seats.keep(seat, run, attempt_id)
        call = _call(
            attempt_id, claim, run, trunk, None if seat is None else seat.name, self._centre.core.clock.monotonic()
        )
        grounds, gap = self._eligibility.grounds(run, claim, guaranteed=seat is not None)
        new = NewAttempt(attempt_id, claim, trunk, caller_id, self._centre.core.clock.now(), grounds, gap)
        return new, self._centre.calls.put(call)

    def _another_day(self, run: CampaignRun, claim: Claim) -> float | None:
        """When to look again at a number whose polling day is over, or a worker's not come, epoch; None: it may be called."""
        last_call_at, now = self._centre.polls.last_call_at(run.purpose, claim.booth_id), self._centre.core.clock.now()
        if run.purpose is Purpose.BOOTH_WORKERS:
            still_votes = last_call_at is not None and now < last_call_at
            return None if still_votes else self._centre.polls.next_day()
        return None if last_call_at is None or now < last_call_at else last_call_at + REST_SECONDS

    def _on_a_call(self, claim: Claim, but: AttemptId | None = None) -> float | None:
        """When to look again at a number that is on a call, or its voter on another, epoch; None: neither, `but` for that call."""
        phone_id, voter_id = claim.phone_id, claim.voter_id if claim.worker is None else None
        for call in self._centre.calls.all():
            same = call.phone_id == phone_id or (call.voter_id == voter_id and call.worker is None)
            if same and call.attempt_id != but:
                return self._centre.core.clock.now() + ON_A_CALL_SECONDS
        return None

    async def _postpone(self, run: CampaignRun, refused: Sequence[tuple[Claim, float]]) -> None:
        """Put off what the rules forbid now. The queue may have been found empty while it was in the hopper."""
        run.due_again(min(due_at for _, due_at in refused))
        try:
            await self._store.postpone(refused)
        except StoreError as error:  # the lease puts them back by itself
            _log.warning("claims.not-postponed", claims=len(refused), problem=str(error))
        self._centre.core.wake.set()

    async def _open_and_go(self, run: CampaignRun, placed: Sequence[tuple[NewAttempt, Call]]) -> None:
        """Commit the attempts, then show those that may be dialled to their agents, or dial them."""
        for attempt in await self._open(run, placed):
            call = self._centre.calls.get(attempt.attempt_id)
            if run.spec.previews and call is not None and not call.leg.cancelled:
                self._preview(run, attempt, call)
            else:
                self._centre.core.spawn(self._originate(run, attempt), "originate")

    async def _open(self, run: CampaignRun, placed: Sequence[tuple[NewAttempt, Call]]) -> list[NewAttempt]:
        """Commit the attempts; those that may be dialled."""
        since = calling_hours.day_start(self._centre.core.zone, self._centre.core.clock.now())
        attempts, conversations, gaps = self._eligibility.limits(run)
        for attempt, _ in placed:
            self._sent.opening(attempt.attempt_id)
        try:
            refusals = await self._store.open_attempts(
                [attempt for attempt, _ in placed],
                max_attempts_since=since,
                max_attempts=attempts,
                max_conversations=conversations,
                gaps=gaps,
            )
        except StoreError as error:
            for _, call in placed:
                self._not_opened(call)
            now = self._centre.core.clock.now()  # some may be in the store all the same
            ended = [EndedAttempt(call.attempt_id, Outcome.REFUSED, now, retry_at=now) for _, call in placed]
            self._centre.core.do(StoreFailed(error), commit(self._store.end_attempts, ended, announced=False))
            return []
        opened = []
        for (attempt, call), refusal in zip(placed, refusals, strict=True):
            if refusal is None:
                self._centre.calls.notify(call, call.state)
                if call.kept_seat is not None:  # reserved before there was an attempt
                    pop = TimerExpired(TimerKind.SCREEN_POP, call.kept_seat, call.attempt_id)
                    self._centre.core.do(StartTimer(f"screen/{call.kept_seat}", 0.0, pop))
                opened.append(attempt)
            else:
                self._not_opened(call)
                self._centre.core.wake.set()  # its seat and its channel are free again
                _log.debug("attempt.refused", attempt=call.attempt_id, reason=refusal.value)
        return opened

    def _not_opened(self, call: Call) -> None:
        self._sent.dropped(call.attempt_id)
        self._centre.calls.remove(call.attempt_id)
        # If it was to probe its trunk, the next one does. Its start is spent: nothing is tried faster than calls may start.
        self._trunks.ended(call.trunk, None, call.began_seconds, self._centre.core.clock.monotonic())

    # The agent's own calls: those that are shown first, and those that are asked for

    def _preview(self, run: CampaignRun, attempt: NewAttempt, call: Call) -> None:
        """Show it to the agent whose seat is kept for it."""
        seconds = run.spec.preview_seconds
        stands = PREVIEW_STANDS_SECONDS if seconds is None else seconds
        self._previewed = {each: them for each, them in self._previewed.items() if each in self._centre.calls}
        self._previewed[call.attempt_id] = run, attempt
        until = self._centre.core.clock.now() + stands
        self._centre.calls.update(call, call.previewed(Preview(until, dials=seconds is not None)))
        due = TimerExpired(TimerKind.PREVIEW_EXPIRED, call.kept_seat or "", call.attempt_id)
        self._centre.core.do(StartTimer(f"preview/{call.attempt_id}", stands, due))
        self.kept_seats.tell(call)

    def dial(self, call: Call) -> Coroutine[Any, Any, CommandRefused | None]:
        """Dial what was shown; what forbids it now. The preview is over before anything is awaited: a second asker sees that."""
        run, attempt = self._previewed.pop(call.attempt_id)
        self._centre.calls.update(call, call.asked_for())
        self._centre.core.do(StopTimer(f"preview/{call.attempt_id}"))
        self.kept_seats.tell(call)
        return self._dial(run, attempt, call)

    async def _dial(self, run: CampaignRun, attempt: NewAttempt, call: Call) -> CommandRefused | None:
        another_day = self._another_day(run, attempt.claim) is not None
        health = self._trunks.health(call.trunk)
        if health is not None and health.state(self._centre.core.clock.monotonic()) is TrunkState.RESTING:
            self._never_placed(call.attempt_id)
            return CommandRefused(f"trunk {call.trunk} rests: it is not dialled", RefusedBecause.NO_LINE)
        if another_day or self._on_a_call(attempt.claim, but=call.attempt_id) is not None:
            self._never_placed(call.attempt_id)
            if another_day:
                return CommandRefused(
                    "the polling day of that booth is over: it is not dialled", RefusedBecause.FORBIDDEN
                )
            return CommandRefused(
                "somebody of that number is on another call: it is not dialled", RefusedBecause.ON_A_CALL
            )
        return await self._originate(run, attempt)

    async def dial_for(self, run: CampaignRun, claim: Claim, seat: Seat) -> CommandRefused | None:
        """Call a claimed number for the agent of this seat at once; what forbids it: then the claim is put back."""
        if self._on_a_call(claim) is not None:
            refusal = CommandRefused("somebody of that number is on a call", RefusedBecause.ON_A_CALL)
        elif self._another_day(run, claim) is not None:
            refusal = CommandRefused("the polling day of that booth is over, or has not come", RefusedBecause.FORBIDDEN)
        elif not (ruling := self._eligibility.claim(run, claim, guaranteed=True)).allowed:
            refusal = CommandRefused(f"the rules forbid the call now: {ruling}", RefusedBecause.FORBIDDEN)
        else:
            used, now = self._centre.channels.used(), self._centre.core.clock.monotonic()
            lines = self._best_first(
                self._centre.servers.reachable(run.spec.trunks), ServerLoads(self._centre.servers), seat
            )
            taken = self._trunks.take(lines, used, now, called=self._called(claim), waits=True)
            if taken is not None:
                placed = self._begin(run, claim, seat, taken[0].name, taken[1])
                if await self._open(run, [placed]):
                    return await self._originate(run, placed[0])
                return CommandRefused("the number may not be called now", RefusedBecause.FORBIDDEN)
            refusal = CommandRefused("all lines are in use at this moment; try again", RefusedBecause.NO_LINE)
        return refusal

    def _forbidden(self, run: CampaignRun, attempt: NewAttempt, call: Call | None) -> CommandRefused | None:
        """What forbids a committed call as it is about to be written; None: nothing."""
        if call is None or call.leg.cancelled:
            return CommandRefused("the call was called off", RefusedBecause.LATE)
        if self._trunks.caller_id_refused(attempt.trunk, attempt.caller_id):
            reason = "not of the trunk's pool (trunks.caller_ids)"
            _log.warning("caller-id.refused", attempt=attempt.attempt_id, reason=reason)
            return CommandRefused(f"the caller ID is {reason}", RefusedBecause.NO_LINE)
        kept = self.kept_seats.holds(call)
        hold = self._eligibility.hold(run, attempt.trunk) or (None if kept else self._eligibility.no_agent(run))
        if hold is not None:
            return CommandRefused(f"campaign {run.spec.campaign_id} is held: {hold}", RefusedBecause.HELD)
        ruling = self._eligibility.originate(run, attempt.claim, call.attempt_id, attempt.caller_id, guaranteed=kept)
        if not ruling.allowed:
            return CommandRefused(f"the rules forbid the call now: {ruling}", RefusedBecause.FORBIDDEN)
        return None

    async def _originate(self, run: CampaignRun, attempt: NewAttempt) -> CommandRefused | None:
        """Dial what is committed; why it is not dialled, where that is certain."""
        centre, attempt_id = self._centre, attempt.attempt_id
        wire = self._wires.get(attempt.trunk)
        if wire is None:
            wire = self._wires[attempt.trunk] = _Wire(self._trunks.starts(attempt.trunk), centre.core.clock)
        await wire.turn(run.spec.kind)
        call = centre.calls.get(attempt_id)
        refusal = self._forbidden(run, attempt, call)
        if refusal is not None or call is None:
            self._never_placed(attempt_id)
            return refusal
        try:
            self._sent.sending(attempt_id)
        except OSError as error:
            text = f"no call is placed that could not be told of: {error}"
            centre.alerts.raise_alert("originate", AlertLevel.WARNING, text)
            self._never_placed(attempt_id)
            return CommandRefused(text)
        centre.calls.update(call, call.sent(centre.core.clock.monotonic()))
        trunk = self._trunks[attempt.trunk]
        try:
            await self._switch.originate(
                OriginateRequest(
                    attempt_id=attempt_id,
                    number=attempt.claim.number,
                    endpoint=trunk.endpoint,
                    caller_id=attempt.caller_id,
                    kind=run.spec.kind,
                    ring_seconds=run.spec.ring_seconds,
                    detect_machine=run.spec.machine_detection is MachineDetection.BEFORE_SEAT,
                    message_to_machine=run.spec.machine_message,
                )
            )
        except OriginateUnsure as error:  # the next resync tells whether it exists
            _log.warning("originate.unsure", attempt=attempt_id, problem=str(error))
        except (SwitchError, UnsafeValue) as error:  # every other error means: certainly not placed
            _log.warning("originate.not-placed", attempt=attempt_id, problem=str(error))
            text = f"the switch places no calls: {error}"
            centre.alerts.raise_alert("originate", AlertLevel.WARNING, text)
            self._never_placed(attempt_id)
            return CommandRefused(text, RefusedBecause.NO_LINE)
        else:
            centre.alerts.clear("originate")
        return None

    def _never_placed(self, attempt_id: AttemptId) -> None:
        self._sent.dropped(attempt_id)
        self._centre.core.do(CallFinished(CallEnded(attempt_id, EndedBy.NOT_PLACED, answered=False)))


class _Wire:
    """Where committed calls pass on to a trunk: at once, as a rule, for starts are granted as they may go out. After slow commits
    too many come together; those wait a moment, the calls to waiting agents before the others.
    """

    def __init__(self, starts: CallStarts, clock: Clock) -> None:
        self._starts = starts
        self._clock = clock
        self._waiting: list[tuple[bool, int, asyncio.Future[None]]] = []  # a heap
        self._came = 0

    async def turn(self, kind: CampaignKind) -> None:
        """Return when the call may be written, and count it as written."""
        if not self._waiting and self._starts.seconds_to_wire(self._clock.monotonic()) == 0:
            self._starts.went(self._clock.monotonic())
            return
        self._came += 1
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (kind is not CampaignKind.AGENTS, self._came, turn))
        if len(self._waiting) == 1:
            self._next()
        await turn

    def _next(self) -> None:
        """Let the first of those go that wait, once the carrier's rule allows it."""
        now, loop = self._clock.monotonic(), asyncio.get_running_loop()
        seconds = self._starts.seconds_to_wire(now)
        if seconds > 0:
            loop.call_later(seconds, self._next)
            return
        _, _, turn = heapq.heappop(self._waiting)
        if not turn.done():  # else whoever waited was stopped
            self._starts.went(now)
            turn.set_result(None)
        if self._waiting:
            loop.call_soon(self._next)


def _call(attempt_id: AttemptId, claim: Claim, run: CampaignRun, trunk: str, kept_seat: str | None, now: float) -> Call:
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
        leg=Leg(now, judged=spec.machine_detection is not MachineDetection.BEFORE_SEAT),
        worker=claim.worker,
        kept_seat=kept_seat,
    )


class Placing:
    """Decides. One decision per campaign at a time; what is on its way counts as a call already."""

    def __init__(
        self, centre: Centre, eligibility: Eligibility, trunk_desk: TrunkDesk, hoppers: Hoppers, originator: Originator
    ) -> None:
        self._centre = centre
        self._eligibility = eligibility
        self._trunk_desk = trunk_desk
        self._trunks = trunk_desk.pool
        self._hoppers = hoppers
        self._originator = originator
        self._turn = 0
        self._placed_in: dict[str, int] = {}  # when each campaign last placed calls, counted in turns

    # Deciding

    def decide(self) -> float:
        """Place what may be placed now, campaign by campaign; seconds until it must be asked again without an event."""
        self._originator.kept_seats.look_after()
        order: list[CampaignRun] = []
        for kind in (CampaignKind.AGENTS, CampaignKind.IVR):  # what a trunk can start goes to waiting agents first
            runs = [run for run in self._centre.campaigns.all() if run.spec.kind is kind]
            # Campaigns of a kind take turns, so that none takes it all: who has placed the longest time ago goes first.
            order += sorted(runs, key=lambda run: self._placed_in.get(run.spec.campaign_id, 0))
        return min((self._decide_one(run) for run in order), default=LOOK_AGAIN_SECONDS)

    def _decide_one(self, run: CampaignRun) -> float:
        hold, nobody = self._eligibility.hold(run), self._eligibility.no_agent(run)
        if (
            nobody is not None and self._centre.servers.any_up
        ):  # whatever holds it: who is answered now would be abandoned
            self._cancel_unanswered(run, but_kept=True)
        hold = hold or nobody
        if hold is None:
            hold = self._trunk_desk.hold(run.spec.campaign_id, self._centre.servers.reachable(run.spec.trunks))
        else:
            self._centre.alerts.clear(f"trunks-{run.spec.campaign_id}")
        if hold is not None and hold != run.hold:
            _log.info("campaign.held", campaign=run.spec.campaign_id, reason=str(hold))
        run.hold = hold
        if hold is not None:
            if run.hopper:
                self._hoppers.give_back(run)
            if nobody is None:
                self._let_ring(run)
            return LOOK_AGAIN_SECONDS
        now, lines = self._centre.core.clock.monotonic(), self._centre.servers.reachable(run.spec.trunks)
        self._hoppers.give_back_old(run)
        used = self._centre.channels.used()
        leaving = self._centre.channels.leaving()
        if run.spec.kind is CampaignKind.IVR and self._trunks.startable(lines, used, now, leaving) == 0:
            # Where no start is to be waited for, channels are full: the end of a call wakes us.
            left = self._trunks.seconds_to_next_start(lines, now, leaving)
            return max(0.01, min(LOOK_AGAIN_SECONDS, left)) if left > 0 else LOOK_AGAIN_SECONDS
        snapshot = pacing_snapshot(self._centre, self._trunks, run, used, leaving)
        self._cancel_excess(run, snapshot)
        wanted = min(run.pacer.calls_to_place(snapshot), snapshot.cps_budget, snapshot.free_channels)
        if wanted > 0:
            _log.debug("campaign.paced", campaign=run.spec.campaign_id, pacing=str(run.pacer.explain()))
        if self._originator.place(run, min(wanted, len(run.hopper)), used, leaving):
            self._turn += 1
            self._placed_in[run.spec.campaign_id] = self._turn
        self._hoppers.refill(run)
        left = self._trunks.seconds_to_next_start(lines, now, leaving)
        if left > 0 and (snapshot.cps_budget == 0 or run.hopper):
            return max(0.01, min(LOOK_AGAIN_SECONDS, left))
        return LOOK_AGAIN_SECONDS  # free channels and claims that come wake us

    # Cancelling

    def _cancel_unanswered(self, run: CampaignRun, *, but_kept: bool = False) -> None:
        for call in self._centre.calls.of_campaign(run.spec.campaign_id):
            if not (but_kept and self._originator.kept_seats.holds(call)):
                self._centre.calls.cancel(call)

    def _let_ring(self, run: CampaignRun) -> None:
        """A campaign that is held places nothing; what rings of it rings on, as far as seats are there for it. Without a link
        nothing can be hung up, and nobody knows the seats: the decision after the resync does it. Where a voter hears nothing,
        nobody's phone rings on. What is shown to an agent is over.
        """
        for call in self._centre.calls.of_campaign(run.spec.campaign_id):
            if call.leg.preview is not None:
                self._centre.calls.cancel(call)
        if run.inaudible_sound is not None and self._centre.servers.any_up:
            self._cancel_unanswered(run)
            return
        rings = any(not call.answered for call in self._centre.calls.of_campaign(run.spec.campaign_id))
        if run.spec.kind is CampaignKind.AGENTS and rings and self._centre.servers.any_up:
            used, leaving = self._centre.channels.used(), self._centre.channels.leaving()
            self._cancel_excess(run, pacing_snapshot(self._centre, self._trunks, run, used, leaving))

    def cancel_campaign(self, run: CampaignRun) -> None:
        """Cancel what rings of a campaign, and give its claims back."""
        self._cancel_unanswered(run)
        self._hoppers.give_back(run)

    def _cancel_excess(self, run: CampaignRun, snapshot: PacingSnapshot) -> None:
        """Hang up calls that no seat will be there for."""
        excess = run.pacer.excess_calls(snapshot) if snapshot.ringing else 0
        if excess > 0:
            away = self._centre.servers.unreachable
            unanswered = [
                (call.began_seconds, call.ringing_seconds, call)
                for call in self._centre.calls.of_campaign(run.spec.campaign_id)
                if call.state in _RINGS
                and not call.leg.cancelled
                and call.kept_seat is None
                and self._centre.servers.of_trunk(call.trunk) not in away
            ]
            least = run.spec.minimum_ring_seconds
            for call in cancelled_first(unanswered, snapshot.now_seconds, least)[:excess]:
                self._centre.calls.cancel(call)
