"""The knowledge of the predictive pacing policy: it learns from events, and forecasts free seats and answers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
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
    compute_odds_against_event,
    limit_duration_to_valid_range,
)
from dialer.pacing.lookahead import Outlook, append_squares_and_cubes
from dialer.pacing.port import BusySeat, PacingEvent, PacingEventKind, PacingSnapshot, RingingCall, SeatStage
from dialer.pacing.tuning import Tuning

ELAPSED_SECONDS = 420
"""Elapsed seconds with a row of their own in the tables. After that the last hazard applies."""

_BIN_OF_SECOND = np.array([bisect_right(HAZARD_EDGES, second + 0.5) - 1 for second in range(ELAPSED_SECONDS)])
_A_SECOND_LATER = np.append(np.arange(1, ELAPSED_SECONDS), ELAPSED_SECONDS - 1)
_FIRST_ROW = {stage: place * ELAPSED_SECONDS for place, stage in enumerate(SeatStage)}
_INNER = {SeatStage.TALKING: SeatStage.CLOSING, SeatStage.WRAP_UP: SeatStage.WRAP_UP_FILLED}


def compute_seat_free_probabilities(horizons: Sequence[float], rates: Mapping[SeatStage, Matrix]) -> Matrix:
    """Return a table of the probabilities that a busy seat becomes free within each of `horizons` (seconds).

    The table has a column for each horizon. Each stage of a seat's call has one row for each second since the stage
    began. `rates` has the rates (per second) at which the stages end or change.

    A talk ends directly, or passes to its closing stage when the agent announces the end. The wrap-up follows. It also
    ends directly, or passes to a last stage that the agent announces. The model is a semi-Markov chain with steps of
    one second. A stage that begins within a step counts from the middle of the step.
    """
    steps = int(max(horizons, default=1.0)) + 2
    freed = np.ones(steps + 1)  # by step: P(a seat whose stage has just ended is free by then)
    tables: dict[SeatStage, Matrix] = {}
    for outer in (SeatStage.WRAP_UP, SeatStage.TALKING):
        inside = np.zeros(steps + 1)  # by step: the same for a seat that has just entered the inner stage
        for stage in (_INNER[outer], outer):
            both = rates[stage].sum(axis=0)
            within_a_second = rates[stage] * -np.expm1(-both) / np.maximum(both, 1e-12)
            ends, over = within_a_second[:, _BIN_OF_SECOND]
            stays = 1.0 - ends - over
            table = tables[stage] = np.outer(freed, ends) + np.outer(inside, over)
            table[0] = 0.0
            for step in range(1, steps + 1):
                table[step] += stays * table[step - 1].take(_A_SECOND_LATER)
            inside = 0.5 * (table[:, 0] + np.append(0.0, table[:-1, 0]))
        freed = inside
    ahead = np.clip(np.asarray(horizons), 0.0, steps)
    below = np.minimum(ahead.astype(int), steps - 1)
    part = (ahead - below)[:, None]
    parts = [((1.0 - part) * table[below] + part * table[below + 1]).T for table in map(tables.__getitem__, SeatStage)]
    return np.concatenate(parts)


def find_rows_of_busy_seats(seats: Iterable[BusySeat]) -> list[int]:
    """Return the row number of each busy seat in the table from `compute_seat_free_probabilities`.

    Seats whose agent leaves after the call are left out.
    """
    last = ELAPSED_SECONDS - 1
    return [
        _FIRST_ROW[stage] + (int(seconds + 0.5) if 0.0 < seconds < last else last if seconds > 0.0 else 0)
        for stage, seconds, leaving, _ in seats
        if not leaving
    ]


class Prospect(NamedTuple):
    """The forecast for the next seconds of a campaign: how many seats become free, and how many calls are answered."""

    outlook: Outlook
    next_call: Sequence[float]  # P(a call placed now is answered by each point in time)
    answer_rate: float
    seats: int  # free and busy seats, without leaving ones


class Knowledge(Learned):
    """All estimators of one campaign, such as its answer rate and talk times, and the tables computed from them."""

    SAVED: ClassVar = dict.fromkeys(("rings", "answer_rate", "hazards"))

    def __init__(self, tuning: Tuning, connect_seconds: float) -> None:
        """Create the estimators of a campaign. An answered voter may wait up to `connect_seconds` for a seat."""
        self._tuning = tuning
        self.rings = RingTimes(tuning)
        self.answer_rate = AnswerRate(tuning)
        first = (tuning.talk_seconds, tuning.closing_seconds, tuning.wrap_up_seconds, tuning.nearly_done_seconds)
        self.hazards = {stage: Hazard(tuning, mean) for stage, mean in zip(SeatStage, first, strict=True)}
        self._connect = max(0.0, connect_seconds)
        self._latest = PacingSnapshot(0.0)  # its talks and ringing calls have not ended
        self._compute_probability_tables()

    def _compute_probability_tables(self) -> None:
        """Compute the probability tables again from the estimators."""
        calls = self._latest.ringing
        own_seats = [seat for seat in self._latest.busy_seats if seat.pacer is None]
        rates = {
            stage: hazard.estimate_end_rates(
                np.array(
                    [limit_duration_to_valid_range(seat.elapsed_seconds) for seat in own_seats if seat.stage is stage]
                )
            )
            for stage, hazard in self.hazards.items()
        }
        talks = self.hazards[SeatStage.TALKING]
        self.conversation_seconds = talks.mean_duration_seconds + self.hazards[SeatStage.WRAP_UP].mean_duration_seconds
        """Mean time that a seat is busy with a call, or until the end is announced (seconds)."""
        own = [call for call in calls if call.answer_probability is None]
        self._table = InFlightTable(self.rings, self._tuning, own, self._estimate_answer_chances_of_calls(own))
        self._at_once, self._known_calls = self.rings.at_once, self.rings.number_of_calls_learned_from
        self._freed = append_squares_and_cubes(
            compute_seat_free_probabilities([moment + self._connect for moment in self._table.moments], rates)
        )
        self._talks_to_renewal = min(
            self._tuning.settled_conversations, 2 + int(talks.number_of_learned_durations / 8.0)
        )
        self._calls_to_renewal = 5 + int(self._known_calls / 5.0)

    def _estimate_answer_chances_of_calls(self, calls: Sequence[RingingCall]) -> Vector:
        """Return, for each of the campaign's calls in flight, the probability that it will be answered."""
        if not calls:
            return np.zeros(0)
        ratio = self._table.ratio.take(self._table.find_rows_of_ringing_calls(calls))
        odds = compute_odds_against_event(self.answer_rate.estimate_answer_rate(ratio, self._known_calls))
        chances: Vector = 1.0 / (1.0 + odds * ratio)
        return chances

    def forecast_seats_and_answers(self, snapshot: PacingSnapshot) -> Prospect:
        """Return the forecast for the next seconds, from the present seats and calls: seats that become free, and calls
        that are answered.
        """
        self._latest = snapshot
        table, calls = self._table, snapshot.ringing
        rows = np.array(table.find_rows_of_ringing_calls(calls), dtype=np.intp)
        freed_seats, busy = self._sum_seat_probabilities_of_all_campaigns(snapshot.busy_seats)
        ratio = table.ratio.take(rows)
        told = [chance for _, chance, _ in calls]
        foreign = np.array([chance is not None for chance in told]) if told.count(None) < len(told) else None
        rate = self.answer_rate.estimate_answer_rate(ratio if foreign is None else ratio[~foreign], self._known_calls)
        odds: Vector | float = compute_odds_against_event(rate)
        if foreign is not None:
            odds = np.array([odds if chance is None else compute_odds_against_event(chance) for chance in told])
        ever = 1.0 / (1.0 + odds * ratio)  # p / (p + (1 - p) ratio) with p = 1 / (1 + odds), by Bayes
        moments, free = self._tuning.moments, max(0, snapshot.free_seats)
        size = max(1.0, (free + busy) / self._tuning.usual_seats)
        self.answer_rate.memory = self._tuning.answer_memory * size
        for hazard in self.hazards.values():
            hazard.memory = self._tuning.hazard_memory * size
        freed = freed_seats.reshape(3, moments).tolist()
        crossed = (np.multiply.accumulate((ever, ever, ever)) @ table.powers.take(rows, axis=0)).tolist()
        answered = [crossed[0][:moments], crossed[1][moments : 2 * moments], crossed[2][2 * moments :]]
        outlook = Outlook(free - len(snapshot.waiting_seconds), len(calls), freed, answered)
        return Prospect(outlook, (rate * table.new).tolist(), rate, free + busy)

    def sum_seat_free_probabilities(self, seats: Iterable[BusySeat]) -> Vector:
        """Return how many busy seats of this campaign are expected to be free at each point in time of the forecast.

        The array has the sums of the seats' probabilities, then the sums of their squares, and then of their cubes.
        """
        return self._sum_probability_rows(find_rows_of_busy_seats(seats))

    def _sum_probability_rows(self, rows: Sequence[int]) -> Vector:
        sums: Vector = self._freed.take(rows, axis=0).sum(axis=0)
        return sums

    def _sum_seat_probabilities_of_all_campaigns(self, seats: Sequence[BusySeat]) -> tuple[Vector, int]:
        """Return how many busy seats of all campaigns are expected to be free, and how many seats were examined.

        The expected numbers have the form of `sum_seat_free_probabilities`. Seats whose agent leaves after the call are
        left out. For a seat that works for another campaign, that campaign's pacer makes the forecast, because it knows
        how long its talks take. If that pacer does not forecast, this campaign's estimates are used.
        """
        rows = find_rows_of_busy_seats(seats)
        others = dict.fromkeys([seat.pacer for seat in seats if seat.pacer is not None])
        if not others:
            return self._sum_probability_rows(rows), len(rows)
        sums, own = np.zeros(3 * self._tuning.moments), [seat for seat in seats if seat.pacer is None]
        for pacer in others:
            theirs = [seat for seat in seats if seat.pacer is pacer]
            forecast = pacer.forecast_seats_that_become_free(theirs)
            if forecast is None or len(forecast) != len(sums):
                own += theirs
            else:
                sums += forecast
        return sums + self.sum_seat_free_probabilities(own), len(rows)

    # Learning

    def learn_from_pacing_event(self, event: PacingEvent) -> None:
        """Update the estimators from one pacing event, such as an answered call."""
        seconds = limit_duration_to_valid_range(event.seconds)
        match event.kind:
            case PacingEventKind.CANCELLED if event.timed:
                # The call's probable outcome is imputed; otherwise the distributions would lose their late calls.
                row = self._table.find_rows_of_ringing_calls(
                    [RingingCall(seconds, ringing_seconds=event.ringing_seconds)]
                )
                chance = self.answer_rate.learn_from_hung_up_call(float(self._table.ratio[row[0]]))
                self.rings.learn_from_hung_up_call(
                    seconds=seconds, ringing_seconds=event.ringing_seconds, chance=chance
                )
            case PacingEventKind.ANSWERED | PacingEventKind.FAILED:
                answered = event.kind is PacingEventKind.ANSWERED
                if event.timed:
                    self.rings.learn_ring_time_of_ended_call(
                        answered=answered, seconds=seconds, ringing_seconds=event.ringing_seconds
                    )
                self.answer_rate.learn_whether_call_was_answered(answered=answered)
                self._calls_to_renewal -= 1
                is_stale = abs(self.rings.at_once - self._at_once) > self._tuning.stale_share
                is_new = (
                    self._calls_to_renewal <= 0 and self.rings.number_of_calls_learned_from < self._tuning.ring_memory
                )
                if event.timed and (is_stale or is_new):
                    self._compute_probability_tables()
            case PacingEventKind.TALK_ENDED if event.timed:
                self._learn_duration_of_call_stage(event, seconds, SeatStage.TALKING)
                self._talks_to_renewal -= 1
                if self._talks_to_renewal <= 0:
                    self._compute_probability_tables()
            case PacingEventKind.WRAP_UP_ENDED:
                self._learn_duration_of_call_stage(event, seconds, SeatStage.WRAP_UP)

    def _learn_duration_of_call_stage(self, event: PacingEvent, seconds: float, stage: SeatStage) -> None:
        """Learn how long a talk or wrap-up lasted. If the agent announced its end, also learn how long the part after
        the announcement lasted.
        """
        told = event.closing_seconds is not None
        inner = min(seconds, limit_duration_to_valid_range(event.closing_seconds or 0.0))
        self.hazards[stage].learn_stage_duration(seconds - inner, went_over=told)
        if told:
            self.hazards[_INNER[stage]].learn_stage_duration(inner)

    def restore_learned_state(self, state: object) -> None:
        """Restore the learned state from a value that `get_learned_state` returned.

        Raises:
            KeyError, TypeError, ValueError: the value is damaged. The estimators may be half restored.
        """
        super().restore_learned_state(state)
        self._compute_probability_tables()
