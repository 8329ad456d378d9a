"""What the predictive policy knows of a campaign: it learns from events and turns a snapshot into an Outlook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from dialer.pacing.answer_rate import AnswerRate, from_log_odds, log_odds
from dialer.pacing.estimators import RING_STEP_SECONDS, BreakHabit, Hazard, RingTimes, sane_seconds
from dialer.pacing.forecast import StageRates, free_within, row_of
from dialer.pacing.lookahead import Outlook
from dialer.pacing.port import BusySeat, PacingEvent, PacingEventKind, PacingSnapshot, RingingCall, SeatStage
from dialer.pacing.tail import Matrix, Vector

MOMENTS = 8
"""Moments looked at: the middles of so many equally likely parts of the ring-time law of answered calls."""

CAUTION = 0.5
"""Standard deviations by which answer rates are taken higher than estimated."""

_LONGEST_RING = 3600.0
_SAME_MOMENT_SECONDS = 0.05
_TOLD_PRIOR_CALLS = 60.0
_MOST_UNTIL_RENEWAL = 40
_TALK = (SeatStage.TALKING, SeatStage.CLOSING)
_WRAP_UP = (SeatStage.WRAP_UP, SeatStage.WRAP_UP_FILLED)
_NEVER_SECONDS = 1e5
_Shift = tuple[float, float]
_Seen = TypeVar("_Seen", BusySeat, RingingCall)


@dataclass(frozen=True, slots=True)
class Prospect:
    """A snapshot seen through what is known."""

    outlook: Outlook
    new_call: Vector  # P(a call placed now is answered by each moment)
    answer_rate: float  # of the next call, without caution


class Knowledge:
    """All estimators of one campaign, and the tables made from them."""

    def __init__(self, answer_rate: float, talk_seconds: float, wrap_up_seconds: float, connect_seconds: float) -> None:
        """What is assumed before anything is learned."""
        self.rings = RingTimes()
        self.plain = AnswerRate(answer_rate)  # numbers of which nothing is known
        self.told = AnswerRate(
            answer_rate, prior_calls=_TOLD_PRIOR_CALLS
        )  # corrects what the snapshot tells of numbers
        self.breaks = BreakHabit()
        self._hazards = {
            "talk-ends": Hazard(talk_seconds),
            "talk-closes": Hazard(_NEVER_SECONDS),
            "closing-ends": Hazard(10.0),
            "wrap-up-ends": Hazard(wrap_up_seconds),
            "wrap-up-fills": Hazard(_NEVER_SECONDS),
            "filled-ends": Hazard(5.0),
        }
        self._connect = max(0.0, connect_seconds)
        self._last = PacingSnapshot(0.0)
        self._learned = 0
        self._since_renewal = 0
        self._renew()

    @property
    def outcomes(self) -> int:
        """Calls whose end was seen."""
        return self.plain.outcomes + self.told.outcomes

    # Tables

    def _renew(self) -> None:
        """Make the tables anew. States that still run count as exposure."""
        running: dict[SeatStage, list[float]] = {stage: [] for stage in SeatStage}
        for seat in self._last.busy_seats:
            inner = seat.stage in (SeatStage.CLOSING, SeatStage.WRAP_UP_FILLED)
            seconds = seat.stage_seconds if inner else seat.elapsed_seconds
            running[seat.stage].append(sane_seconds(seconds or 0.0))
        talk, wrap_up = running[SeatStage.TALKING], running[SeatStage.WRAP_UP]
        rates = StageRates(
            talk_ends=self._hazards["talk-ends"].rates(talk),
            talk_closes=self._hazards["talk-closes"].rates(talk),
            closing_ends=self._hazards["closing-ends"].rates(running[SeatStage.CLOSING]),
            wrap_up_ends=self._hazards["wrap-up-ends"].rates(wrap_up),
            wrap_up_fills=self._hazards["wrap-up-fills"].rates(wrap_up),
            filled_ends=self._hazards["filled-ends"].rates(running[SeatStage.WRAP_UP_FILLED]),
        )
        law = self.rings.law()
        moments = law.answer_times(MOMENTS)
        steps = np.array([round(moment / RING_STEP_SECONDS) for moment in moments])
        delay_steps = round(law.delay_seconds / RING_STEP_SECONDS) if law.signalled else 0
        self._law = law
        self._steps = steps
        self._new_answered = 1.0 - law.answered[np.clip(steps - delay_steps, 0, len(law.answered) - 1)]
        self._freed = free_within([moment + self._connect for moment in moments], rates)
        self._since_renewal = 0

    def _learned_one(self) -> None:
        """Renew the tables: often at first, then after every few dozen conversations."""
        self._learned += 1
        self._since_renewal += 1
        if self._since_renewal >= min(_MOST_UNTIL_RENEWAL, 2 + self._learned // 8):
            self._renew()

    # The present

    def prospect(self, snapshot: PacingSnapshot) -> Prospect:
        """The outlook of a snapshot, which is also kept to make out what the events after it are about."""
        self._last = snapshot
        answered, shifts = self._answered(snapshot.ringing)
        rows = [row_of(seat) for seat in snapshot.busy_seats if not seat.leaving]
        freed = self._freed[rows] * (1.0 - self.breaks.share)
        free = max(0, snapshot.free_seats) - len(snapshot.waiting_seconds)
        told = snapshot.next_answer_probability
        base = self.plain.prior_log_odds if told is None else log_odds(told)
        shift, deviation = shifts[told is not None]
        return Prospect(
            outlook=Outlook(free, freed, answered),
            new_call=from_log_odds(base + shift + CAUTION * deviation) * self._new_answered,
            answer_rate=from_log_odds(base + shift),
        )

    def _answered(self, calls: tuple[RingingCall, ...]) -> tuple[Matrix, list[_Shift]]:
        """P(each ringing call is answered by each moment), and the shifts of plain and of told numbers."""
        if not calls:
            return np.zeros((0, MOMENTS)), [self.plain.estimate(), self.told.estimate()]
        elapsed = np.fmin(_LONGEST_RING, np.fmax(0.0, [call.elapsed_seconds for call in calls]))
        rung = [-1.0 if call.ringing_seconds is None else call.ringing_seconds for call in calls]
        steps, if_answered, if_failed = self._law.still_ringing(elapsed, np.fmin(elapsed, rung))
        ratio = (if_failed + 5e-4) / (if_answered + 1e-4)
        base, shift, shifts = self._log_odds(calls, ratio, elapsed)
        # p / (p + (1 - p) ratio) with p = 1 / (1 + exp(-x)), by Bayes
        posterior = 1.0 / (1.0 + np.exp(-(base + shift)) * ratio)
        survival = self._law.answered
        now = survival[np.maximum(steps, 0)]
        then = survival[np.minimum(np.maximum(steps[:, None] + self._steps, 0), len(survival) - 1)]
        scale = posterior / np.maximum(now, 1e-4)
        answered: Matrix = np.minimum(1.0, scale[:, None] * (now[:, None] - then))
        return answered, shifts

    def _log_odds(
        self, calls: tuple[RingingCall, ...], ratio: Vector, elapsed: Vector
    ) -> tuple[Vector | float, Vector | float, list[_Shift]]:
        """Log odds of ringing calls before they rang, their cautious shifts, and (shift, deviation) of both kinds."""
        known = [call.answer_probability is not None for call in calls]
        prior = self.plain.prior_log_odds
        if not any(known):
            plain = self.plain.estimate(prior, ratio, elapsed)
            return prior, plain[0] + CAUTION * plain[1], [plain, self.told.estimate()]
        base = np.array([prior if c.answer_probability is None else log_odds(c.answer_probability) for c in calls])
        mask = np.array(known)
        told = self.told.estimate(base[mask], ratio[mask], elapsed[mask])
        plain = self.plain.estimate(base[~mask], ratio[~mask], elapsed[~mask])
        shift = np.where(mask, told[0] + CAUTION * told[1], plain[0] + CAUTION * plain[1])
        return base, shift, [plain, told]

    # Learning

    def learn(self, event: PacingEvent, now: float) -> None:
        """Take in one event; `now` is its time, never before an earlier one's."""
        seconds = sane_seconds(event.seconds)
        match event.kind:
            case PacingEventKind.PLACED:
                self.plain.placed(now)
                self.told.placed(now)
            case PacingEventKind.RINGING:
                self.rings.rang(seconds)
            case PacingEventKind.ANSWERED | PacingEventKind.FAILED:
                self._call_ended(event, now, seconds)
            case PacingEventKind.TALK_ENDED:
                self._stage_ended(event, seconds, _TALK, ("talk-ends", "talk-closes", "closing-ends"))
                self._learned_one()
            case PacingEventKind.WRAP_UP_ENDED:
                self._stage_ended(event, seconds, _WRAP_UP, ("wrap-up-ends", "wrap-up-fills", "filled-ends"))
                self.breaks.freed(now)
            case PacingEventKind.BREAK_STARTED:
                announced = any(seat.leaving for seat in self._last.busy_seats)
                self.breaks.left(now, announced=announced)

    def _call_ended(self, event: PacingEvent, now: float, seconds: float) -> None:
        answered = event.kind is PacingEventKind.ANSWERED
        call = self._nearest(self._last.ringing, event.at_seconds, seconds)
        probability = event.answer_probability
        ringing = None
        if call is not None:
            probability = call.answer_probability if probability is None else probability
            if call.ringing_seconds is not None:
                ringing = sane_seconds(call.ringing_seconds + event.at_seconds - self._last.now_seconds)
        self.rings.ended(answered=answered, seconds=seconds, ringing_seconds=ringing)
        rate = self.plain if probability is None else self.told
        rate.outcome(answered=answered, probability=probability, now=now, seconds=seconds, hour=self._last.hour)

    def _stage_ended(
        self, event: PacingEvent, seconds: float, stages: tuple[SeatStage, SeatStage], names: tuple[str, str, str]
    ) -> None:
        """Talk or wrap-up ended: learn how long its outer stage lasted, and its inner one, if it came to that."""
        ends, goes_over, inner_ends = (self._hazards[name] for name in names)
        seats = (seat for seat in self._last.busy_seats if seat.stage in stages)
        seat = self._nearest(seats, event.at_seconds, seconds)
        if seat is None or seat.stage is not stages[1] or seat.stage_seconds is None:
            ends.ended(seconds)
            goes_over.ended(seconds, censored=True)
            return
        inner = min(seconds, sane_seconds(seat.stage_seconds + event.at_seconds - self._last.now_seconds))
        ends.ended(seconds - inner, censored=True)
        goes_over.ended(seconds - inner)
        inner_ends.ended(inner)

    def _nearest(self, items: Iterable[_Seen], at: float, seconds: float) -> _Seen | None:
        """What the last snapshot knew of the seat or call whose state began `seconds` before `at`."""
        began = seconds - (at - self._last.now_seconds)
        nearest: _Seen | None = None
        gap = _SAME_MOMENT_SECONDS
        for item in items:
            distance = abs(item.elapsed_seconds - began)
            if distance < gap:
                nearest, gap = item, distance
        return nearest

    # Over a restart

    def state(self) -> dict[str, object]:
        """What was learned, as plain JSON types."""
        return {
            "rings": self.rings.state(),
            "plain": self.plain.state(),
            "told": self.told.state(),
            "breaks": self.breaks.state(),
            "hazards": {name: hazard.state() for name, hazard in self._hazards.items()},
            "learned": self._learned,
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Take up what `state` gave. Raises KeyError, TypeError or ValueError for a damaged one, half taken up."""
        for name, part in (("rings", self.rings), ("plain", self.plain), ("told", self.told)):
            part.restore(_table(state[name]))
        self.breaks.restore(state["breaks"])
        hazards = _table(state["hazards"])
        for name, hazard in self._hazards.items():
            hazard.restore(_table(hazards[name]))
        self._learned = max(0, int(str(state["learned"])))
        self._renew()


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError("not a table")
    return value
