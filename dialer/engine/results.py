"""What is kept of a call: its answer, its end, what was said in it. Every result waits for its commit and is never given up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import structlog

from config.words import CampaignKind
from dialer.domain.errors import StoreError
from dialer.domain.model import AttemptId, Claim, Direction, EndedAttempt, Mark, Outcome
from dialer.domain.switch import CallEnded
from dialer.domain.view import AlertLevel, CallState, TurnoutChange
from dialer.engine.call import Call, outcome_of
from dialer.engine.retry_schedule import RetrySchedule
from dialer.engine.trunk_desk import TrunkDesk
from dialer.engine.world import CampaignRun, Centre
from dialer.pacing.port import PacingEvent, PacingEventKind, SeatStage
from dialer.rules import retries
from dialer.store.port import MarkEffect
from dialer.store.sqlite import Store

_log = structlog.get_logger(__name__)

UNSEEN_SECONDS = 2.5  # after an answer the dialplan has sent the voter to the message at the latest, and said so
_TELLS_OF_NUMBERS = frozenset({PacingEventKind.ANSWERED, PacingEventKind.FAILED})
_ENDS_OF_RINGING = _TELLS_OF_NUMBERS | {PacingEventKind.CANCELLED}
RETRY_SECONDS = 2.0  # between tries to keep a result while the store is in trouble
QUIET_SECONDS = 5.0  # without a failure, before dialling goes on; doubled where the last trouble is no longer ago than:
SOON_SECONDS = 60.0


class Results:
    """Keeps results, and does in memory what follows from them."""

    def __init__(
        self,
        centre: Centre,
        store: Store,
        trunk_desk: TrunkDesk,
        cancel: Callable[[Call], None],
    ) -> None:
        """`cancel` hangs up a call that nobody has answered yet."""
        self._centre = centre
        self._trunk_desk = trunk_desk
        self._due = RetrySchedule(centre)
        self._store = store
        self._cancel = cancel
        self._waiting: set[object] = set()  # results that are tried again and again
        self._works = asyncio.Event()
        self._works.set()
        self._has_room: Callable[[], bool] = lambda: True
        self._failed_at = self._recovered_at = float("-inf")  # monotonic
        self._quiet_seconds = QUIET_SECONDS
        self.closing = False  # the dialler is going down: no result may hold it up for ever

    # Keeping

    async def keep(self, what: str, write: Callable[[], Awaitable[object]]) -> None:
        """Write until it is kept. While the store is in trouble dialling stops and the trouble is shown; live calls go on.

        Each write is harmless when repeated, so an error after its commit loses and doubles nothing.
        """
        waits = object()
        try:
            while True:
                try:
                    await write()
                except StoreError as error:
                    self._waiting.add(waits)
                    self.store_failed(error)
                    _log.error("result.waits", what=what, problem=str(error))
                    if self.closing:  # the attempt stays open in the store: the next start reconciles it
                        return
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    return
        finally:
            self._waiting.discard(waits)

    def store_failed(self, error: StoreError) -> None:
        """Stop dialling: something could not be kept, or read. It goes on by itself, see `_recover`. One alert a trouble: of many
        writers some succeed meanwhile and others fail in other words.
        """
        centre = self._centre
        now = self._failed_at = centre.clock.monotonic()
        if centre.store_trouble is None:
            soon = now - self._recovered_at < SOON_SECONDS
            self._quiet_seconds = min(2 * self._quiet_seconds, SOON_SECONDS) if soon else QUIET_SECONDS
            centre.store_trouble = str(error)
            centre.raise_alert("store", AlertLevel.CRITICAL, f"dialling has stopped: {error}")
        if self._works.is_set() and not self.closing:
            self._works.clear()
            centre.spawn(self._recover(), "store-recovers")

    def stop_for_room(self, error: StoreError, has_room: Callable[[], bool]) -> None:
        """Stop dialling until there is room for results again."""
        self._has_room = has_room
        self.store_failed(error)

    async def until_store_works(self) -> None:
        """Wait until dialling may go on."""
        await self._works.wait()

    async def _recover(self) -> None:
        """Dialling goes on when every result is kept, the disk has room, the store takes a write, and nothing has failed for a
        while: for longer where it was in trouble just before.
        """
        centre = self._centre
        while not self.closing:
            await asyncio.sleep(RETRY_SECONDS)
            if self._waiting or not self._has_room():
                continue
            try:
                await self._store.release_expired(centre.clock.now())
            except StoreError as error:
                self.store_failed(error)
                continue
            if centre.clock.monotonic() - self._failed_at >= self._quiet_seconds:
                self._recovered_at = centre.clock.monotonic()
                centre.store_trouble = None
                centre.clear_alert("store")
                centre.wake.set()
                break
        self._works.set()

    def answered(self, call: Call) -> None:
        """Keep that the call was answered, for the reconciling after a crash."""
        answered_at = call.answered_at
        if answered_at is not None:
            self._centre.spawn(
                self.keep("answer", lambda: self._store.record_answer(call.attempt_id, answered_at)), "record-answer"
            )

    def connected(self, call: Call) -> None:
        """Keep that a seat took the call."""
        connected_at, seat = call.connected_at, call.seat
        if connected_at is not None and seat is not None:
            self._centre.spawn(
                self.keep(
                    "connect", lambda: self._store.record_connect(call.attempt_id, connected_at, seat, call.agent)
                ),
                "record-connect",
            )

    # Ends

    def end(self, call: Call, ended: CallEnded) -> Outcome:
        """A call is over: take it out of the live ones, teach the pacer, keep the outcome. Returns the outcome."""
        centre = self._centre
        run = centre.campaigns[call.campaign_id]
        outcome = outcome_of(call, ended)
        now = centre.clock.now()
        not_the_numbers = not call.inbound and self._trunk_desk.ended(call, ended, outcome)
        retry_at = retries.after_trunk_failure(now) if not_the_numbers else self._due.after_call(run, call, outcome)
        record = EndedAttempt(
            attempt_id=call.attempt_id,
            outcome=outcome,
            ended_at=now,
            ringing_at=call.ringing_at,
            answered_at=call.answered_at or (now if outcome.answered else None),
            connected_at=call.connected_at,
            cause=ended.cause,
            technical_cause=ended.technical_cause,
            seat=call.seat if call.connected_at is not None else None,
            agent=call.agent,
            flow=call.flow,
            left_at=call.left_at,
            retry_at=retry_at,
            direction=Direction.INBOUND if call.inbound else Direction.OUTBOUND,
            counted=not not_the_numbers,
            promised=self._due.was_asked_for(call, outcome),
        )
        centre.calls.pop(call.attempt_id, None)
        (run.inbound if call.inbound else run.outcomes)[outcome] += 1
        centre.note_end(call, outcome)
        self._teach(run, call, outcome)
        if retry_at is not None:
            run.due_again(retry_at)
        centre.notify_call(call, CallState.ENDED, outcome)
        centre.spawn(self._keep_end(record), "end-attempt")
        centre.wake.set()
        return outcome

    def watch_for_silence(self, call: Call) -> None:
        """An answered voter of whom the dialplan never said a word: a right that no check before the start can see."""
        if call.kind is not CampaignKind.AGENTS or call.answered_seconds is None or call.machine:
            return
        if call.waiting or call.message_started or call.connected_at is not None:
            self._centre.clear_alert("voters-unseen")
        elif self._centre.clock.monotonic() - call.answered_seconds > UNSEEN_SECONDS and call.seat is None:
            text = "voters are answered and the switch tells nothing of them: give the manager user `read = system,call,user`"
            self._centre.raise_alert("voters-unseen", AlertLevel.CRITICAL, text)

    async def _keep_end(self, record: EndedAttempt) -> None:
        await self.keep("end", lambda: self._store.end_attempts([record]))
        self._centre.outbox_event.set()

    def _teach(self, run: CampaignRun, call: Call, outcome: Outcome) -> None:
        """What the pacer has not heard yet of this call. Abandoned calls it hears of when the message starts, but for one whose
        end nobody saw.
        """
        if call.inbound:
            return
        now = self._centre.clock.monotonic()
        if outcome.answered:
            unseen = outcome is Outcome.ABANDONED and not call.message_started
            if outcome is Outcome.DROPPED or unseen:
                # Gone before it was known whether a machine had picked up: a machine does not hang up.
                if not call.judged:
                    seconds = (call.answered_seconds or now) - call.began_seconds
                    self.observe(run, PacingEventKind.ANSWERED, seconds, call=call)
                kind = PacingEventKind.ABANDONED if unseen else PacingEventKind.DROPPED
                self.observe(run, kind, now - (call.answered_seconds or now), call=call)
            return
        if not call.written:
            return
        kind = PacingEventKind.CANCELLED if outcome is Outcome.CANCELLED else PacingEventKind.FAILED
        self.observe(run, kind, now - call.began_seconds, call=call)

    def observe(
        self,
        run: CampaignRun,
        kind: PacingEventKind,
        seconds: float = 0.0,
        *,
        call: Call | None = None,
        stage: SeatStage | None = None,
    ) -> None:
        """Let the campaign's pacer learn of something that happened now; `seconds` and `stage` as the kind says.

        `call` is the one that it happened to, where it is a call's. What its number came to is learned as well.
        """
        clock, chance = self._centre.clock, None
        if call is not None:
            chance = call.answer_probability
            if kind in _TELLS_OF_NUMBERS and call.signs is not None:
                run.numbers.learn(call.signs, answered=kind is PacingEventKind.ANSWERED)
            if kind is PacingEventKind.PLACED and chance is None:
                chance = run.numbers.usual_rate  # what a number is like, for the day on which numbers are told apart
        now = clock.monotonic()
        rang = _rang_seconds(call, now) if call is not None and kind in _ENDS_OF_RINGING else None
        timed = call is None or not call.adopted
        run.pacer.observe(PacingEvent(kind, now, max(0.0, seconds), chance, stage, timed, rang))

    # What was said

    async def mark(self, mark: Mark) -> None:
        """Commit a mark and do what follows from it. Returns once it is on disk; raises StoreError if it is not."""
        effect = await self._store.record_mark(mark)
        self.follow(mark, effect)

    async def opt_out(self, call: Call, source: str) -> None:
        """Commit that the number of a live call is never to be called again. Returns once it is on disk; raises StoreError."""
        at = self._centre.clock.now()
        fresh = await self._store.record_opt_out(call.phone_id, at=at, source=source, attempt_id=call.attempt_id)
        self.opted_out(call.phone_id, fresh=fresh)

    async def foreign_opt_out(self, number_hash: str, *, at: float, centre: str) -> None:
        """Suppress a number that opted out in another centre. Returns once it is on disk; raises StoreError."""
        phone_id = await self._store.record_foreign_opt_out(number_hash, at=at, centre=centre)
        if phone_id is not None:
            self.opted_out(phone_id, fresh=True)

    def follow(self, mark: Mark, effect: MarkEffect) -> None:
        """What a mark means here and now: figures, and no call that is not wanted any more goes out or rings on."""
        self._centre.outbox_event.set()
        if not effect.recorded:
            return
        self._centre.marks[mark.kind.value] += 1
        if mark.attempt_id is not None:  # what others tell is no pace of our calls
            self._centre.reached_by[mark.source] += effect.reached_change
        self._count_turnout(effect)
        self.silence(frozenset(effect.silenced_phones), mark.voter_id if effect.voter_silenced else None, workers=False)
        if effect.reopened:
            self.look_again()

    def suppressed(self, phone_id: int) -> None:
        """What a number's opt-out from outside the calls means here and now."""
        self.opted_out(phone_id, fresh=True)

    def look_again(self) -> None:
        """Numbers that were closed wait in the queues again."""
        for run in self._centre.campaigns.values():
            run.look_again()
        self._centre.wake.set()

    def _count_turnout(self, effect: MarkEffect) -> None:
        booth = self._centre.turnout.get(effect.booth_id)
        if booth is None:
            return
        changed = replace(
            booth,
            reached=booth.reached + effect.reached_change,
            voted=booth.voted + effect.voted_change,
            not_yet=booth.not_yet + effect.not_yet_change,
            without_number=booth.without_number + effect.without_number_change,
        )
        self._centre.turnout[effect.booth_id] = changed
        self._centre.notify(TurnoutChange(changed))

    def opted_out(self, phone_id: int, *, fresh: bool) -> None:
        """What an opt-out means here and now; `fresh`: the number had not opted out before, as the store says."""
        self._centre.opt_outs += fresh  # keyed and then said by the agent, it is one opt-out
        self._centre.note_opt_out(phone_id)
        self._centre.outbox_event.set()
        self.silence(frozenset({phone_id}), None, workers=True)
        if fresh:
            self._centre.spawn(self._count_without_number(phone_id), "count-without-number")

    async def _count_without_number(self, phone_id: int) -> None:
        """Who has no other number is not left to be called: the forecast's, where a start counts them anew."""
        try:
            gone = await self._store.without_number_since(phone_id)
        except StoreError as error:
            _log.warning("voters.not-counted", phone=phone_id, problem=str(error))
            return
        turnout = self._centre.turnout
        for booth_id in gone.keys() & turnout.keys():
            booth = turnout[booth_id]
            turnout[booth_id] = replace(booth, without_number=booth.without_number + gone[booth_id])

    def silence(self, phones: frozenset[int], voter_id: int | None, *, workers: bool) -> None:
        """Take claims off the hoppers and cancel calls that ring, for numbers and for a voter not to be called any more; a booth
        worker on such a number is silenced with them only if `workers`. A number on which others are pending goes back to the
        queue at once: it is called for them.
        """

        def is_meant(each: Claim | Call) -> bool:
            if each.worker is not None:
                return workers and each.phone_id in phones
            return each.phone_id in phones or each.voter_id == voter_id

        for run in self._centre.campaigns.values():
            gone = [claim for claim in run.hopper if is_meant(claim)]
            if gone:
                kept = [claim for claim in run.hopper if claim not in gone]
                run.hopper.clear()
                run.hopper.extend(kept)
                self._centre.spawn(self._put_back(run, gone), "put-back")
        for call in list(self._centre.calls.values()):
            if not call.answered and is_meant(call):
                self._cancel(call)

    async def _put_back(self, run: CampaignRun, claims: Sequence[Claim]) -> None:
        try:
            await self._store.release(claims)
        except StoreError as error:  # the lease puts them back by itself
            _log.warning("claims.not-put-back", claims=len(claims), problem=str(error))
        run.look_again()
        self._centre.wake.set()

    async def known(self, attempt_ids: Sequence[AttemptId]) -> frozenset[AttemptId]:
        """Which of these attempts are in our store; none while it cannot be asked."""
        try:
            return await self._store.known_attempts(attempt_ids)
        except StoreError as error:
            _log.warning("store.not-asked", problem=str(error))
            return frozenset()

    async def close_all(self, attempt_ids: Sequence[AttemptId], outcome: Outcome) -> None:
        """Close attempts of which no call is held: those whose opening raised an error and which may be in the store all the
        same (`refused`), and those of a campaign that is not run any more (`unknown`).
        """
        now = self._centre.clock.now()
        retry_at = now if outcome is Outcome.REFUSED else None
        ended = [EndedAttempt(attempt_id, outcome, now, retry_at=retry_at) for attempt_id in attempt_ids]
        await self.keep("close", lambda: self._store.end_attempts(ended, announced=False))


def _rang_seconds(call: Call, now: float) -> float | None:
    """How long a call rang that was answered, or ends now; None: it never did."""
    if call.ringing_seconds is None:
        return None
    until = now if call.answered_seconds is None else call.answered_seconds
    return max(0.0, until - call.ringing_seconds)
