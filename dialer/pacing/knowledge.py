"""What the predictive policy knows of a campaign: it learns from events and turns a snapshot into an Outlook."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dialer.pacing.answer_rate import AnswerRate, from_log_odds, log_odds
from dialer.pacing.estimators import (
    HAZARD_EDGES,
    RING_STEP_SECONDS,
    RING_STEPS,
    BreakHabit,
    Hazard,
    Matrix,
    RingLaw,
    RingTimes,
    Vector,
    sane_seconds,
)
from dialer.pacing.lookahead import Outlook, cumulants
from dialer.pacing.port import BusySeat, PacingEvent, PacingEventKind, PacingSnapshot, RingingCall, SeatStage

# How soon busy seats come free: the probability within each of a few horizons, by stage and elapsed seconds.


ELAPSED_SECONDS = 420
"""Seconds of elapsed time that are told apart; beyond it the last hazard holds."""

_BIN_OF_SECOND = np.array([bisect_right(HAZARD_EDGES, second + 0.5) - 1 for second in range(ELAPSED_SECONDS)])

_FIRST_ROW = {
    SeatStage.TALKING: 0,
    SeatStage.CLOSING: ELAPSED_SECONDS,
    SeatStage.WRAP_UP: 2 * ELAPSED_SECONDS,
    SeatStage.WRAP_UP_FILLED: 3 * ELAPSED_SECONDS,
}
_INNER_STAGES = frozenset({SeatStage.CLOSING, SeatStage.WRAP_UP_FILLED})


@dataclass(frozen=True, slots=True)
class StageRates:
    """Hazards by bin of HAZARD_EDGES, 1/s: how talk and wrap-up end, and how they go over into their inner stages."""

    talk_ends: Vector
    talk_closes: Vector
    closing_ends: Vector
    wrap_up_ends: Vector
    wrap_up_fills: Vector
    filled_ends: Vector


def _chances(*rates: Vector) -> list[Vector]:
    """Competing hazards by bin to the probabilities that each comes within one second, by second of elapsed time."""
    total = np.stack(rates).sum(axis=0)
    within = -np.expm1(-total) / np.maximum(total, 1e-12)
    return [(rate * within)[_BIN_OF_SECOND] for rate in rates]


def _second_later(row: Vector) -> Vector:
    """The same row a second older."""
    later = np.empty_like(row)
    later[:-1] = row[1:]
    later[-1] = row[-1]
    return later


def free_within(horizons: Sequence[float], rates: StageRates) -> Matrix:
    """P(a seat is free within a horizon), shape (4 * ELAPSED_SECONDS, len(horizons)); `row_of` gives a seat's row.

    A semi-Markov chain on steps of a second: talk ends or goes over into closing, closing ends; both lead to wrap-up,
    which ends or goes over into a half-filled form; that ends. A stage that begins inside a step counts from the
    middle of it.
    """
    talk_ends, talk_closes = _chances(rates.talk_ends, rates.talk_closes)
    (closing_ends,) = _chances(rates.closing_ends)
    wrap_up_ends, wrap_up_fills = _chances(rates.wrap_up_ends, rates.wrap_up_fills)
    (filled_ends,) = _chances(rates.filled_ends)
    steps = int(max(horizons, default=1.0)) + 2
    talk, closing, wrap_up, filled = tables = np.zeros((4, steps + 1, ELAPSED_SECONDS))
    talk_stays, closing_stays = 1.0 - talk_ends - talk_closes, 1.0 - closing_ends
    wrap_up_stays, filled_stays = 1.0 - wrap_up_ends - wrap_up_fills, 1.0 - filled_ends
    for step in range(1, steps + 1):
        before = step - 1
        filled[step] = filled_ends + filled_stays * _second_later(filled[before])
        fresh = 0.5 * (filled[step, 0] + filled[before, 0])
        wrap_up[step] = wrap_up_ends + wrap_up_fills * fresh + wrap_up_stays * _second_later(wrap_up[before])
        fresh = 0.5 * (wrap_up[step, 0] + wrap_up[before, 0])
        closing[step] = closing_ends * fresh + closing_stays * _second_later(closing[before])
        fresh_closing = 0.5 * (closing[step, 0] + closing[before, 0])
        talk[step] = talk_ends * fresh + talk_closes * fresh_closing + talk_stays * _second_later(talk[before])
    out = np.empty((4 * ELAPSED_SECONDS, len(horizons)))
    for column, horizon in enumerate(horizons):
        below = min(int(max(0.0, horizon)), steps - 1)
        part = min(1.0, max(0.0, horizon - below))
        out[:, column] = ((1.0 - part) * tables[:, below] + part * tables[:, below + 1]).reshape(-1)
    return out


def row_of(seat: BusySeat) -> int:
    """The row of a busy seat in the table of `free_within`: its stage, and the nearest second in it."""
    seconds = seat.stage_seconds or 0.0 if seat.stage in _INNER_STAGES else seat.elapsed_seconds
    first = _FIRST_ROW[seat.stage]
    if not seconds > 0.0:
        return first
    return first + (int(seconds + 0.5) if seconds < ELAPSED_SECONDS - 1 else ELAPSED_SECONDS - 1)


# What becomes of calls that still ring: tables over the time they have rung, made from the ring-time laws.

PER_SECOND = 4
"""Rows of a table per second: finer than the ring-time laws' own steps, so that the nearest row will do."""

ROWS = int(RING_STEPS * RING_STEP_SECONDS) * PER_SECOND


class InFlightTable:
    """For each time that a call may have been in flight: the evidence in it, and how soon it is answered if ever.

    Rows 0 to ROWS - 1 belong to calls that no phone rings for yet, by seconds since the Originate; the others to calls
    that ring, by seconds since "ringing" was heard. On a line that never says "ringing" the first half holds for all.
    """

    def __init__(self, law: RingLaw, moments: Sequence[float]) -> None:
        """`moments`: seconds ahead that are looked at."""
        seconds = np.arange(ROWS) / PER_SECOND
        never = np.full(ROWS, -1.0)
        later = np.asarray(moments) / RING_STEP_SECONDS
        ratios, answered = [], []
        for ringing in (never, seconds):
            steps, if_answered, if_failed = law.still_ringing(seconds, ringing)
            ratios.append((if_failed + 5e-4) / (if_answered + 1e-4))
            answered.append(law.answered_later(steps, later))
        self.ratio: Vector = np.concatenate(ratios)
        """P(still in flight | it will fail) / P(still in flight | it will be answered), by row."""
        self.answered: Matrix = np.concatenate(answered)
        """P(answered by each moment | it will be answered), by row."""
        delay = law.delay_seconds if law.signalled else 0.0
        self.new: Vector = law.answered_later(np.array([-delay / RING_STEP_SECONDS]), later)[0]
        """The same of a call that is placed now."""
        self._signalled = law.signalled

    def row(self, elapsed: float, ringing: float | None) -> int:
        """The row of a call by its seconds since the Originate, and since "ringing" (None: not yet)."""
        if ringing is None or not self._signalled:
            first, seconds = 0, elapsed
        else:
            first, seconds = ROWS, min(ringing, elapsed)
        if not seconds > 0.0:
            return first
        return first + int(min(ROWS - 1.0, seconds * PER_SECOND + 0.5))

    def rows(self, calls: Sequence[RingingCall]) -> list[int]:
        """The rows of calls."""
        row = self.row
        return [row(call.elapsed_seconds, call.ringing_seconds) for call in calls]


MOMENTS = 8
"""Moments looked at: the middles of so many equally likely parts of the ring-time law of answered calls."""

CAUTION = 0.5
"""Standard deviations by which answer rates are taken higher than estimated."""

SLOW_FACTOR = 1.5
SLOW_SECONDS = 1.0
"""A carrier is slow while "ringing" comes later than the usual delay times the factor, plus the seconds."""

SLOW_IN_ANY_CASE_SECONDS = 12.0
PACE_SPARE = 1.25
MOST_SLOWER = 6.0
FEW_WAIT = 8
"""On a slow carrier so many calls may wait for "ringing" as keep calls starting as often as of late, and PACE_SPARE times that,
however long each waits (Little's law, 1961): one that is merely slower is no reason to dial less. But no more than for
MOST_SLOWER times the usual delay, nor SLOW_IN_ANY_CASE_SECONDS: one that our own calls slow down only becomes slower by more
of them. FEW_WAIT calls that have waited for longer than that on average tell of one on which nothing rings at all. Found by
simulation (docs/decisions.md)."""

_STALE_SHARE = 0.1
"""The tables are made anew when the carrier's share of answers at once has changed by so much."""

_LONGEST_RING = 3600.0
_SAME_MOMENT_SECONDS = 0.05
_TOLD_PRIOR_CALLS = 60.0
_TOLD_MEMORY = 100.0
_MOST_UNTIL_RENEWAL = 40
_TALK = (SeatStage.TALKING, SeatStage.CLOSING)
_WRAP_UP = (SeatStage.WRAP_UP, SeatStage.WRAP_UP_FILLED)
_NEVER_SECONDS = 1e5
_NEVER_ENDINGS = 0.02  # a stage that no desk tells is soon believed once one does
_Shift = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Prospect:
    """A snapshot seen through what is known."""

    outlook: Outlook
    next_call: Vector  # P(the next call, placed now, is answered by each moment)
    later_call: Vector  # of a call after it, of whose number nothing is told yet
    answer_rate: float  # of the next call, without caution


class Knowledge:
    """All estimators of one campaign, and the tables made from them."""

    def __init__(self, answer_rate: float, talk_seconds: float, wrap_up_seconds: float, connect_seconds: float) -> None:
        """What is assumed before anything is learned."""
        self.rings = RingTimes()
        self.plain = AnswerRate(answer_rate)  # numbers of which nothing is known
        # Corrects what the snapshot tells of numbers.
        self.told = AnswerRate(answer_rate, prior_calls=_TOLD_PRIOR_CALLS)
        self.breaks = BreakHabit()
        self._hazards = {
            "talk-ends": Hazard(talk_seconds),
            "talk-closes": Hazard(_NEVER_SECONDS, _NEVER_ENDINGS),
            "closing-ends": Hazard(10.0),
            "wrap-up-ends": Hazard(wrap_up_seconds),
            "wrap-up-fills": Hazard(_NEVER_SECONDS, _NEVER_ENDINGS),
            "filled-ends": Hazard(5.0),
        }
        self._connect = max(0.0, connect_seconds)
        self._last = PacingSnapshot(0.0)
        self._learned = 0
        self._since_renewal = 0
        self._usual_told = answer_rate  # mean of what is told of the numbers that are dialled
        self._renew()

    @property
    def outcomes(self) -> int:
        """Calls whose end was seen."""
        return self.plain.outcomes + self.told.outcomes

    def most_in_set_up(self, waiting_seconds: Sequence[float]) -> float | None:
        """Calls that may wait for "ringing" at once; None while the carrier is not slow.

        `waiting_seconds`: how long each that waits has waited, which tells of a carrier so slow that nothing rings.
        """
        usual, lately = self.rings.usual_delay_seconds, self.rings.delay_seconds
        if len(waiting_seconds) >= FEW_WAIT and self.rings.delays_heard >= FEW_WAIT:
            mean = sum(waiting_seconds) / len(waiting_seconds)
            lately = max(lately, mean) if mean > SLOW_IN_ANY_CASE_SECONDS else lately
        if lately < min(SLOW_FACTOR * usual + SLOW_SECONDS, SLOW_IN_ANY_CASE_SECONDS):
            return None
        return self.plain.placed_per_second() * min(PACE_SPARE * lately, MOST_SLOWER * usual, SLOW_IN_ANY_CASE_SECONDS)

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
        self._at_once_share = self.rings.at_once_share
        moments = law.answer_times(MOMENTS)
        self._table = InFlightTable(law, moments)
        freed = free_within([moment + self._connect for moment in moments], rates) * (1.0 - self.breaks.share)
        self._freed = cumulants(freed)
        self._since_renewal = 0

    def _learned_one(self) -> None:
        """Renew the tables: often at first, then after every few dozen conversations."""
        self._learned += 1
        self._since_renewal += 1
        if self._since_renewal >= min(_MOST_UNTIL_RENEWAL, 2 + self._learned // 8):
            self._renew()

    def _renew_if_stale(self) -> None:
        if abs(self.rings.at_once_share - self._at_once_share) > _STALE_SHARE:
            self._renew()

    # The present

    def prospect(self, snapshot: PacingSnapshot) -> Prospect:
        """The outlook of a snapshot, which is also kept to make out what the events after it are about."""
        self._last = snapshot
        answered, plain, told = self._answered(snapshot)
        freed = self._freed[[row_of(seat) for seat in snapshot.busy_seats if not seat.leaving]]
        free = max(0, snapshot.free_seats) - len(snapshot.waiting_seconds)
        chance = snapshot.next_answer_probability
        if chance is None:
            base = usual = self.plain.prior_log_odds
            shift, deviation = self.plain.estimate() if plain is None else plain
        else:
            base, usual = log_odds(chance), log_odds(self._usual_told)
            shift, deviation = self.told.estimate() if told is None else told
        careful = shift + CAUTION * deviation
        return Prospect(
            outlook=Outlook(free, freed, answered),
            next_call=from_log_odds(base + careful) * self._table.new,
            later_call=from_log_odds(usual + careful) * self._table.new,
            answer_rate=from_log_odds(base + shift),
        )

    def _answered(self, snapshot: PacingSnapshot) -> tuple[Matrix, _Shift | None, _Shift | None]:
        """P(each ringing call is answered by each moment), and what is known of plain and of told numbers.

        A kind of number of which no call rings has nothing known here (None): the estimate without calls holds.
        """
        calls, now = snapshot.ringing, snapshot.now_seconds
        if not calls:
            return np.zeros((0, MOMENTS)), None, None
        rows = self._table.rows(calls)
        ratio = self._table.ratio[rows]
        elapsed = np.array([_sane_ring(call.elapsed_seconds) for call in calls])
        chances = [call.answer_probability for call in calls]
        base: Vector | float = self.plain.prior_log_odds
        shift: Vector | float
        plain = told = None
        if all(chance is None for chance in chances):
            plain = self.plain.estimate(now, base, ratio, elapsed)
            shift = plain[0] + CAUTION * plain[1]
        else:
            base = np.array([base if chance is None else log_odds(chance) for chance in chances])
            known = np.array([chance is not None for chance in chances])
            told = self.told.estimate(now, base[known], ratio[known], elapsed[known])
            plain = self.plain.estimate(now, base[~known], ratio[~known], elapsed[~known])
            shift = np.where(known, told[0] + CAUTION * told[1], plain[0] + CAUTION * plain[1])
        # p / (p + (1 - p) ratio) with p = 1 / (1 + exp(-x)), by Bayes
        posterior = 1.0 / (1.0 + np.exp(-(base + shift)) * ratio)
        answered: Matrix = posterior[:, None] * self._table.answered[rows]
        return answered, plain, told

    # Learning

    def learn(self, event: PacingEvent, now: float) -> None:
        """Take in one event; `now` is its time, never before an earlier one's."""
        seconds = sane_seconds(event.seconds)
        match event.kind:
            case PacingEventKind.PLACED:
                self.plain.placed(now)
                self.told.placed(now)
                self._told_of_one(event.answer_probability)
            case PacingEventKind.CANCELLED:
                self._cancelled(event, now, seconds)
            case PacingEventKind.RINGING:
                self.rings.rang(seconds)
                self._renew_if_stale()
            case PacingEventKind.ANSWERED | PacingEventKind.FAILED:
                self._call_ended(event, now, seconds)
            case PacingEventKind.TALK_ENDED:
                if event.timed:
                    self._stage_ended(event, seconds, _TALK, ("talk-ends", "talk-closes", "closing-ends"))
                    self._learned_one()
            case PacingEventKind.WRAP_UP_ENDED:
                self._stage_ended(event, seconds, _WRAP_UP, ("wrap-up-ends", "wrap-up-fills", "filled-ends"))
                self.breaks.freed(now)
            case PacingEventKind.BREAK_STARTED:
                announced = any(seat.leaving for seat in self._last.busy_seats)
                self.breaks.left(now, announced=announced)

    def _told_of_one(self, probability: float | None) -> None:
        """A number was dialled; where the event does not tell its probability, the snapshot before it did."""
        told = self._last.next_answer_probability if probability is None else probability
        if told is not None and 0.0 <= told <= 1.0:
            self._usual_told += (told - self._usual_told) / _TOLD_MEMORY

    def _call_ended(self, event: PacingEvent, now: float, seconds: float) -> None:
        answered = event.kind is PacingEventKind.ANSWERED
        probability = event.answer_probability
        if event.timed:
            self.rings.ended(answered=answered, seconds=seconds, ringing_seconds=_sane_ringing(event))
            self._renew_if_stale()
        rate = self.plain if probability is None else self.told
        rate.outcome(answered=answered, probability=probability, now=now, seconds=seconds, hour=self._last.hour)

    def _cancelled(self, event: PacingEvent, now: float, seconds: float) -> None:
        """A call was hung up: what it would have come to is imputed, or the laws would lose their late calls."""
        if not event.timed:
            return
        probability, ringing = event.answer_probability, _sane_ringing(event)
        ratio = float(self._table.ratio[self._table.row(seconds, ringing)])
        rate = self.plain if probability is None else self.told
        chance = rate.cancelled(ratio=ratio, probability=probability, now=now, seconds=seconds)
        self.rings.cut_off(seconds=seconds, ringing_seconds=ringing, chance=chance)

    def _stage_ended(
        self, event: PacingEvent, seconds: float, stages: tuple[SeatStage, SeatStage], names: tuple[str, str, str]
    ) -> None:
        """Talk or wrap-up ended: learn how long its outer stage lasted, and its inner one, if it came to that."""
        ends, goes_over, inner_ends = (self._hazards[name] for name in names)
        seat = self._nearest(stages, event.at_seconds, seconds)
        if seat is None or seat.stage is not stages[1] or seat.stage_seconds is None:
            ends.ended(seconds)
            goes_over.ended(seconds, censored=True)
            return
        inner = min(seconds, sane_seconds(seat.stage_seconds + event.at_seconds - self._last.now_seconds))
        ends.ended(seconds - inner, censored=True)
        goes_over.ended(seconds - inner)
        inner_ends.ended(inner)

    def _nearest(self, stages: tuple[SeatStage, SeatStage], at: float, seconds: float) -> BusySeat | None:
        """What the last snapshot knew of the seat in one of these stages whose state began `seconds` before `at`."""
        began = seconds - (at - self._last.now_seconds)
        nearest: BusySeat | None = None
        gap = _SAME_MOMENT_SECONDS
        for seat in self._last.busy_seats:
            distance = abs(seat.elapsed_seconds - began)
            if seat.stage in stages and distance < gap:
                nearest, gap = seat, distance
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
            "usual-told": self._usual_told,
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
        self._usual_told = min(1.0, max(0.0, float(str(state["usual-told"]))))
        self._renew()


def _sane_ring(seconds: float) -> float:
    return min(_LONGEST_RING, max(0.0, seconds))


def _sane_ringing(event: PacingEvent) -> float | None:
    return None if event.ringing_seconds is None else sane_seconds(event.ringing_seconds)


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError("not a table")
    return value
