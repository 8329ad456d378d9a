"""What is kept of a call: its end, and what was said in it, with what that means here and now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import structlog

from dialer.domain.enums import CampaignKind
from dialer.domain.errors import StoreError
from dialer.domain.model import AttemptId, Claim, Direction, EndedAttempt, Mark, Outcome
from dialer.domain.switch_events import CallEnded
from dialer.domain.view import AlertLevel, CallState
from dialer.engine.calls.state import Call, outcome_of
from dialer.engine.campaigns.runs import CampaignRun
from dialer.engine.centre import Centre
from dialer.engine.effects import HouseholdChanged, UpdatePacer, commit
from dialer.engine.placing.retry_schedule import RetrySchedule
from dialer.engine.trunks.service import TrunkDesk
from dialer.pacing.port import PacingEventKind
from dialer.rules import retries
from dialer.store.port import MarkEffect
from dialer.store.sqlite import Store

_log = structlog.get_logger(__name__)

UNSEEN_SECONDS = 2.5  # after an answer the dialplan has sent the voter to the message at the latest, and said so


class CallEnds:
    """Takes calls that are over out of the live ones."""

    def __init__(self, centre: Centre, trunk_desk: TrunkDesk, store: Store) -> None:
        """`trunk_desk` says whether a failure was the trunk's."""
        self._centre = centre
        self._trunk_desk = trunk_desk
        self._store = store
        self._due = RetrySchedule(centre)

    def end(self, call: Call, ended: CallEnded) -> None:
        """A call is over: take it out of the live ones, teach the pacer, keep the outcome."""
        centre = self._centre
        run = centre.campaigns[call.campaign_id]
        outcome = outcome_of(call, ended)
        now = centre.core.clock.now()
        not_the_numbers = not call.inbound and self._trunk_desk.ended(call, ended, outcome)
        retry_at = now + retries.SOON_SECONDS if not_the_numbers else self._due.after_call(run, call, outcome)
        record = EndedAttempt(
            attempt_id=call.attempt_id,
            outcome=outcome,
            ended_at=now,
            ringing_at=call.leg.ringing_at,
            answered_at=call.leg.answered_at or (now if outcome.answered else None),
            connected_at=call.talk.connected_at,
            cause=ended.cause,
            technical_cause=ended.technical_cause,
            seat=call.talk.seat if call.talk.connected_at is not None else None,
            agent=call.talk.agent,
            flow=call.flow.name,
            left_at=call.flow.left_at,
            retry_at=retry_at,
            direction=Direction.INBOUND if call.inbound else Direction.OUTBOUND,
            counted=not not_the_numbers,
            promised=self._due.was_asked_for(call, outcome),
        )
        centre.calls.remove(call.attempt_id)
        (run.inbound if call.inbound else run.outcomes)[outcome] += 1
        centre.numbers.add_call(call, outcome)
        centre.core.do(*_lessons(call, outcome, centre.core.clock.monotonic()))
        if retry_at is not None:
            run.due_again(retry_at)
        centre.calls.notify(call, CallState.ENDED, outcome)
        centre.core.do(commit(self._store.end_attempts, [record]))
        centre.core.wake.set()

    def watch_for_silence(self, call: Call) -> None:
        """An answered voter of whom the dialplan never said a word: a right that no check before the start can see."""
        if call.kind is not CampaignKind.AGENTS or call.leg.answered_seconds is None or call.leg.machine:
            return
        if call.leg.waiting or call.leg.message_started or call.talk.connected_at is not None:
            self._centre.alerts.clear("voters-unseen")
        elif (
            self._centre.core.clock.monotonic() - call.leg.answered_seconds > UNSEEN_SECONDS and call.talk.seat is None
        ):
            text = "voters are answered and the switch tells nothing of them: give the manager user `read = system,call,user`"
            self._centre.alerts.raise_alert("voters-unseen", AlertLevel.CRITICAL, text)


def _lessons(call: Call, outcome: Outcome, now: float) -> Iterator[UpdatePacer]:
    """What the pacer has not heard yet of an ended call; of abandoned ones it has, but for one whose end nobody saw."""
    if call.inbound:
        return
    if outcome.answered:
        unseen = outcome is Outcome.ABANDONED and not (call.leg.message_started or call.talk.heard_nobody)
        if outcome is Outcome.DROPPED or unseen:
            # Gone before it was known whether a machine had picked up: a machine does not hang up.
            if not call.leg.judged:
                yield UpdatePacer(
                    call.campaign_id, PacingEventKind.ANSWERED, call.seconds_to_answer or now - call.began_seconds, call
                )
            kind = PacingEventKind.ABANDONED if unseen else PacingEventKind.DROPPED
            yield UpdatePacer(call.campaign_id, kind, now - (call.leg.answered_seconds or now), call)
    elif call.leg.written:
        kind = PacingEventKind.CANCELLED if outcome is Outcome.CANCELLED else PacingEventKind.FAILED
        yield UpdatePacer(call.campaign_id, kind, now - call.began_seconds, call)


class Marks:
    """Keeps what was said, and does in memory what follows from it."""

    def __init__(self, centre: Centre, store: Store) -> None:
        """`store` says what a mark has changed."""
        self._centre = centre
        self._store = store

    async def mark(self, mark: Mark) -> None:
        """Commit a mark and do what follows from it. Returns once it is on disk; raises StoreError if it is not."""
        effect = await self._store.record_mark(mark)
        self.follow(mark, effect)

    async def opt_out(self, call: Call, source: str) -> None:
        """Commit that the number of a live call is never to be called again. Returns once it is on disk; raises StoreError."""
        at = self._centre.core.clock.now()
        fresh = await self._store.record_opt_out(call.phone_id, at=at, source=source, attempt_id=call.attempt_id)
        self.opted_out(call.phone_id, fresh=fresh)

    async def foreign_opt_out(self, number_hash: str, *, at: float, centre: str) -> None:
        """Suppress a number that opted out in another centre. Returns once it is on disk; raises StoreError."""
        phone_id = await self._store.record_foreign_opt_out(number_hash, at=at, centre=centre)
        if phone_id is not None:
            self.opted_out(phone_id, fresh=True)

    def follow(self, mark: Mark, effect: MarkEffect) -> None:
        """What a mark means here and now: figures, and no call that is not wanted any more goes out or rings on."""
        if not effect.recorded:
            return
        self._centre.turnout.add_mark(mark, effect)
        self.silence(frozenset(effect.silenced_phones), mark.voter_id if effect.voter_silenced else None, workers=False)
        if effect.reopened:
            self.read_queues_again()

    def not_on_the_roll(self, marks: int) -> None:
        """Other centres told of so many voters whom no roll here has; 0: all of those that came last are known."""
        if marks:
            text = f"{marks} marks of other centres were left out: they are of voters whom no roll here has"
            self._centre.alerts.raise_alert(
                "news-unknown", AlertLevel.NOTICE, f"{text}; import the roll that the others have"
            )
        else:
            self._centre.alerts.clear("news-unknown")

    def read_queues_again(self) -> None:
        """Numbers that were closed wait in the queues again."""
        self._centre.campaigns.read_queues_again()

    def opted_out(self, phone_id: int, *, fresh: bool) -> None:
        """What an opt-out means here and now; `fresh`: the number had not opted out before, as the store says."""
        self._centre.turnout.opt_outs += fresh  # keyed and then said by the agent, it is one opt-out
        self._centre.numbers.add_opt_out(phone_id)
        self.silence(frozenset({phone_id}), None, workers=True)
        if fresh:
            self._centre.core.spawn(self._count_without_number(phone_id), "count-without-number")

    async def _count_without_number(self, phone_id: int) -> None:
        """Who has no other number is not left to be called: the forecast's, where a start counts them anew."""
        try:
            gone = await self._store.without_number_since(phone_id)
        except StoreError as error:
            _log.warning("voters.not-counted", phone=phone_id, problem=str(error))
            return
        self._centre.turnout.add_without_number(gone)

    def silence(self, phones: frozenset[int], voter_id: int | None, *, workers: bool) -> None:
        """Take claims off the hoppers and cancel calls that ring, for numbers and for a voter not to be called any more; a booth
        worker on such a number is silenced with them only if `workers`. A number on which others are pending goes back to the
        queue at once: it is called for them.
        """

        def is_meant(each: Claim | Call) -> bool:
            if each.phone_id in phones:
                return workers or each.worker is None
            return each.voter_id == voter_id and each.worker is None

        for run in self._centre.campaigns.all():
            gone = [claim for claim in run.hopper if is_meant(claim)]
            if gone:
                kept = [claim for claim in run.hopper if claim not in gone]
                run.hopper.clear()
                run.hopper.extend(kept)
                self._centre.core.spawn(self._put_back(run, gone), "put-back")
        unanswered = [call for call in self._centre.calls.all() if call.leg.answered_seconds is None]
        for call in filter(is_meant, unanswered):
            self._centre.calls.cancel(call)
        for seat_name, pop in self._centre.seats.screen_pops.items():
            at_seat = self._centre.seats[seat_name].attempt_id == pop.attempt_id
            if at_seat and (pop.phone_id in phones or voter_id in pop.voters):
                self._centre.core.do(HouseholdChanged(seat_name, AttemptId(pop.attempt_id)))

    async def _put_back(self, run: CampaignRun, claims: Sequence[Claim]) -> None:
        try:
            await self._store.release(claims)
        except StoreError as error:  # the lease puts them back by itself
            _log.warning("claims.not-put-back", claims=len(claims), problem=str(error))
        run.read_queue_again()
        self._centre.core.wake.set()
