"""What the predictive policy knows of a campaign: it learns from events and turns a snapshot into an Outlook."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from math import exp
from typing import ClassVar, NamedTuple

import numpy as np

from dialer.pacing.estimators import (
    HAZARD_EDGES,
    AnswerRate,
    Hazard,
    InFlightTable,
    Learned,
    Matrix,
    RingTimes,
    Vector,
    from_log_odds,
    log_odds,
    sane_seconds,
)
from dialer.pacing.lookahead import Outlook, cumulants
from dialer.pacing.port import BusySeat, PacingEvent, PacingEventKind, PacingSnapshot, RingingCall, SeatStage
from dialer.pacing.tuning import Tuning

# How soon busy seats come free: the probability within each of a few horizons, by stage and elapsed seconds.

ELAPSED_SECONDS = 420
"""Seconds of elapsed time that are told apart; beyond it the last hazard holds."""

_BIN_OF_SECOND = np.array([bisect_right(HAZARD_EDGES, second + 0.5) - 1 for second in range(ELAPSED_SECONDS)])
_STAGES = tuple(SeatStage)
_FIRST_ROW = {stage: place * ELAPSED_SECONDS for place, stage in enumerate(_STAGES)}
_INNER_STAGES = frozenset({SeatStage.CLOSING, SeatStage.WRAP_UP_FILLED})
_NEXT = {SeatStage.TALKING: SeatStage.CLOSING, SeatStage.WRAP_UP: SeatStage.WRAP_UP_FILLED}

ENDS = {stage: f"{stage.value}-ends" for stage in SeatStage}
GOES_OVER = {stage: f"{stage.value}-goes-over" for stage in _NEXT}
"""Names of hazards: how stages end, and how those with an inner stage go over into it."""


def free_within(horizons: Sequence[float], rates: Mapping[str, Vector]) -> Matrix:
    """P(a seat is free within a horizon), shape (4 * ELAPSED_SECONDS, len(horizons)); `rows_of` gives seats' rows.

    `rates`: hazards by bin of HAZARD_EDGES, 1/s, by name. A semi-Markov chain on steps of a second: talk ends or goes over into
    closing, closing ends; both lead to wrap-up, which ends or goes over into a half-filled form; that ends. A stage that begins
    inside a step counts from the middle of it.
    """
    steps = int(max(horizons, default=1.0)) + 2
    tables = dict(zip(_STAGES, np.zeros((len(_STAGES), steps + 1, ELAPSED_SECONDS)), strict=True))
    chances: dict[SeatStage, tuple[Vector, Vector]] = {}
    for stage in _STAGES:
        ends, over = rates[ENDS[stage]], rates.get(GOES_OVER.get(stage, ""), np.zeros(len(HAZARD_EDGES)))
        within = -np.expm1(-ends - over) / np.maximum(ends + over, 1e-12)  # of competing hazards, by second
        chances[stage] = (ends * within)[_BIN_OF_SECOND], (over * within)[_BIN_OF_SECOND]
    for step in range(1, steps + 1):
        freed = 1.0  # the chance of a seat whose stage has just ended to be free by then
        for stage in (SeatStage.WRAP_UP_FILLED, SeatStage.WRAP_UP, SeatStage.CLOSING, SeatStage.TALKING):
            ends, over = chances[stage]
            before = tables[stage][step - 1]
            later = np.append(before[1:], before[-1])
            inner = tables[_NEXT[stage]] if stage in _NEXT else tables[stage]
            tables[stage][step] = (
                ends * freed + over * 0.5 * (inner[step, 0] + inner[step - 1, 0]) + (1.0 - ends - over) * later
            )
            if stage is SeatStage.WRAP_UP:
                freed = 0.5 * float(tables[stage][step, 0] + before[0])
    steps_ahead = np.clip(np.asarray(horizons), 0.0, steps)
    below = np.minimum(steps_ahead.astype(int), steps - 1)
    part = (steps_ahead - below)[:, None]
    out: Matrix = np.concatenate(
        [((1.0 - part) * tables[stage][below] + part * tables[stage][below + 1]).T for stage in _STAGES]
    )
    return out


def rows_of(seats: Iterable[BusySeat]) -> list[int]:
    """The rows of busy seats in the table of `free_within`: each one's stage, and the nearest second in it. None of those that
    leave."""
    last = ELAPSED_SECONDS - 1
    return [
        _FIRST_ROW[stage] + (int(seconds + 0.5) if 0.0 < seconds < last else last if seconds > 0.0 else 0)
        for stage, elapsed, in_stage, leaving in seats
        if not leaving
        for seconds in (in_stage or 0.0 if stage in _INNER_STAGES else elapsed,)
    ]


_ENDS_FLIGHT = frozenset({PacingEventKind.ANSWERED, PacingEventKind.FAILED, PacingEventKind.CANCELLED})
_SAME_MOMENT_SECONDS = 0.05


class Prospect(NamedTuple):
    """A snapshot seen through what is known."""

    outlook: Outlook
    next_call: Vector  # P(a call that is placed now is answered by each moment)
    answer_rate: float  # without caution


class Knowledge(Learned):
    """All estimators of one campaign, and the tables made from them."""

    KEPT: ClassVar = {
        **dict.fromkeys(("rings", "answer_rate", "hazards")),
        "learned": (0, 1e12),
    }

    def __init__(self, tuning: Tuning, connect_seconds: float) -> None:
        """`connect_seconds`: how long an answered voter may wait for a seat."""
        self._tuning = tuning
        self.rings = RingTimes(tuning)
        self.answer_rate = AnswerRate(tuning)
        first = (tuning.talk_seconds, tuning.closing_seconds, tuning.wrap_up_seconds, tuning.nearly_done_seconds)
        self.hazards = {ENDS[stage]: Hazard(tuning, mean) for stage, mean in zip(_STAGES, first, strict=True)}
        self.hazards |= {
            GOES_OVER[stage]: Hazard(tuning, tuning.unexpected_seconds, tuning.unexpected_endings) for stage in _NEXT
        }
        self._talks, self._wrap_ups = (self.hazards[ENDS[stage]] for stage in _NEXT)
        self._connect = max(0.0, connect_seconds)
        self._last = PacingSnapshot(0.0)
        self.in_flight = 0
        """Of the campaign's own calls, those that were placed and have not ended."""
        self.learned = 0
        self._renew()

    @property
    def conversation_seconds(self) -> float:
        """How long a seat is busy with a call."""
        return self._talks.mean_seconds + self._wrap_ups.mean_seconds

    def _renew(self) -> None:
        """Make the tables anew. States that still run count as exposure."""
        running: dict[SeatStage, list[float]] = {stage: [] for stage in SeatStage}
        for seat in self._last.busy_seats:
            seconds = seat.stage_seconds if seat.stage in _INNER_STAGES else seat.elapsed_seconds
            running[seat.stage].append(sane_seconds(seconds or 0.0))
        of = [(stage, name) for names in (ENDS, GOES_OVER) for stage, name in names.items()]
        rates = {name: self.hazards[name].rates(running[stage]) for stage, name in of}
        self._table, self._at_once = InFlightTable(self.rings, self._tuning), self.rings.at_once
        freed = free_within([moment + self._connect for moment in self._table.moments], rates)
        self._freed = np.ascontiguousarray(cumulants(freed))  # or each `take` would copy all of it
        self._since_renewal = 0

    def prospect(self, snapshot: PacingSnapshot) -> Prospect:
        """The outlook of a snapshot, which is also kept to make out what the events after it are about."""
        self._last = snapshot
        table, calls = self._table, snapshot.ringing
        rows = np.array(table.rows(calls), dtype=np.intp)
        ratio = table.ratio.take(rows)
        told = [chance for _, chance, _ in calls]
        foreign = np.array([chance is not None for chance in told]) if told.count(None) < len(told) else None
        rate, deviation = self.answer_rate.estimate(ratio if foreign is None else ratio[~foreign])
        careful = rate + self._tuning.caution * deviation
        odds: Vector | float = exp(-careful)  # against an answer
        if foreign is not None:
            odds = np.array([odds if chance is None else exp(-log_odds(chance)) for chance in told])
        # p / (p + (1 - p) ratio) with p = 1 / (1 + odds), by Bayes
        answered = (1.0 / (1.0 + odds * ratio))[:, None] * table.answered.take(rows, axis=0)
        return Prospect(
            outlook=Outlook(
                max(0, snapshot.free_seats) - len(snapshot.waiting_seconds),
                self._freed.take(rows_of(snapshot.busy_seats), axis=0),
                answered,
            ),
            next_call=from_log_odds(careful) * table.new,
            answer_rate=from_log_odds(rate),
        )

    # Learning

    def learn(self, event: PacingEvent) -> None:
        """Take in one event."""
        seconds = sane_seconds(event.seconds)
        if event.kind in _ENDS_FLIGHT:
            self.in_flight = max(0, self.in_flight - 1)
        match event.kind:
            case PacingEventKind.PLACED:
                self.in_flight += 1
            case PacingEventKind.CANCELLED if event.timed:
                self._cancelled(event, seconds)
            case PacingEventKind.ANSWERED | PacingEventKind.FAILED:
                self._call_ended(event, seconds)
            case PacingEventKind.TALK_ENDED if event.timed:
                self._stage_ended(event, seconds, SeatStage.TALKING)
                self.learned += 1
                self._since_renewal += 1
                if self._since_renewal >= min(self._tuning.settled_conversations, 2 + self.learned // 8):
                    self._renew()
            case PacingEventKind.WRAP_UP_ENDED:
                self._stage_ended(event, seconds, SeatStage.WRAP_UP)

    def _call_ended(self, event: PacingEvent, seconds: float) -> None:
        answered = event.kind is PacingEventKind.ANSWERED
        if event.timed:
            self.rings.ended(answered=answered, seconds=seconds, ringing_seconds=event.ringing_seconds)
            if abs(self.rings.at_once - self._at_once) > self._tuning.stale_share:
                self._renew()
        self.answer_rate.outcome(answered=answered)

    def _cancelled(self, event: PacingEvent, seconds: float) -> None:
        """A call was hung up: what it would have come to is imputed, or the laws would lose their late calls."""
        row = self._table.rows([RingingCall(seconds, ringing_seconds=event.ringing_seconds)])
        ratio = float(self._table.ratio[row[0]])
        chance = self.answer_rate.cancelled(ratio)
        self.rings.cut_off(seconds=seconds, ringing_seconds=event.ringing_seconds, chance=chance)

    def _stage_ended(self, event: PacingEvent, seconds: float, outer: SeatStage) -> None:
        """Talk or wrap-up ended: learn how long its outer stage lasted, and its inner one, if it came to that."""
        ends, over, inner_ends = (self.hazards[name] for name in (ENDS[outer], GOES_OVER[outer], ENDS[_NEXT[outer]]))
        # what the last snapshot knew of the seat in this stage whose state began so many seconds before
        began = seconds - (event.at_seconds - self._last.now_seconds)
        told = any(
            seat.stage is _NEXT[outer] for seat in self._last.busy_seats
        )  # else no desk tells such a stage just now
        alike = [seat for seat in self._last.busy_seats if seat.stage in (outer, _NEXT[outer])] if told else []
        seat = min(alike, key=lambda one: abs(one.elapsed_seconds - began), default=None)
        if (
            seat is None
            or not abs(seat.elapsed_seconds - began) < _SAME_MOMENT_SECONDS
            or seat.stage is outer
            or seat.stage_seconds is None
        ):
            ends.ended(seconds)
            over.ended(seconds, censored=True)
            return
        inner = min(seconds, sane_seconds(seat.stage_seconds + event.at_seconds - self._last.now_seconds))
        ends.ended(seconds - inner, censored=True)
        over.ended(seconds - inner)
        inner_ends.ended(inner)

    def restore(self, state: object) -> None:
        """Take up what `state` gave. Raises KeyError, TypeError or ValueError for a damaged one, half taken up."""
        super().restore(state)
        self._renew()
