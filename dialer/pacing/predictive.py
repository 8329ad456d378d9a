"""The predictive pacing policy: it places calls for seats that will soon be free, as far as the abandoned-call caps
allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import ClassVar

from dialer.pacing.estimators import Learned
from dialer.pacing.governed import GovernedPacer
from dialer.pacing.knowledge import Knowledge, Prospect
from dialer.pacing.lookahead import Bound, Bounds
from dialer.pacing.port import (
    MOST_CALLS_AT_ONCE,
    BusySeat,
    Cap,
    Explanation,
    Limit,
    PacingEvent,
    PacingEventKind,
    PacingSnapshot,
    RingingCall,
)
from dialer.pacing.tuning import TUNED, Tuning


class UsualRate(Learned):
    """The mean answer rate of a campaign over the last half hour, as the average over time.

    The average is not taken over calls: idle agents cause many calls, and the last calls would then cover only minutes.
    The rate starts at 1, as if everybody answered. So only few calls are placed until the real answer rate is known.
    """

    SAVED: ClassVar = {"rate": (0.0, 1.0), "_seconds": (1.0, 1e9)}

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._at: float | None = None
        self.assume_every_call_is_answered()

    def assume_every_call_is_answered(self) -> None:
        """Set the answer rate to 1 again, because the campaign now dials numbers whose answer rate is unknown."""
        self.rate = 1.0
        self._seconds = self._tuning.first_usual_seconds  # period of the mean so far, at most `usual_seconds`

    def update_mean_answer_rate(self, now: float, answer_rate: float) -> None:
        """Update the half-hour mean with the present answer rate (0-1).

        The rate counts for the time since the last update.
        """
        gap = 0.0 if self._at is None else min(self._tuning.longest_gap_seconds, max(0.0, now - self._at))
        self._at = now
        if answer_rate < self._tuning.least_usual_rate:
            return
        self._seconds = min(self._tuning.usual_seconds, self._seconds + gap)
        self.rate += (answer_rate - self.rate) * gap / self._seconds

    def compute_max_calls_in_flight(self, seats: int) -> int:
        """Return the maximum number of calls in flight for `seats`, the number of seats that take callers."""
        return int(seats * self._tuning.answers_per_seat / max(self._tuning.least_usual_rate, self.rate))

    def count_weighted_ringing_calls(self, ringing: Sequence[RingingCall]) -> int:
        """Return the number of ringing calls. Calls of other campaigns are weighted by their answer probability.

        For example, a call of another campaign counts as half a call if it is half as likely to be answered as a call
        of this campaign.
        """
        told = [call.answer_probability for call in ringing if call.answer_probability is not None]
        answers = sum(chance if 0.0 <= chance <= 1.0 else 1.0 for chance in told)
        return len(ringing) - len(told) + ceil(answers / max(self._tuning.least_usual_rate, self.rate))


class PredictivePacer(GovernedPacer):
    """The predictive pacing policy: the look-ahead rule, limited by the governor (see `lookahead` and `governor`)."""

    SAVED: ClassVar = dict.fromkeys(("governor", "knowledge", "usual"))

    def __init__(self, caps: Sequence[Cap], *, connect_seconds: float = 2.0, tuning: Tuning = TUNED) -> None:
        """Create the pacer.

        Args:
            connect_seconds: how long an answered voter may wait for a seat.
            tuning: replaces the constants of pacing in experiments.
        """
        super().__init__(caps, tuning)
        self.knowledge = Knowledge(tuning, connect_seconds)
        self.usual = UsualRate(tuning)
        self._hung_up_at: float | None = None
        self._dialled_at: float | None = None  # when a call was last in flight, or all seats were busy
        self._seen: tuple[PacingSnapshot, Prospect, float] | None = None
        self._decided: tuple[int, Limit, PacingSnapshot, Prospect, float] | None = None

    # Decisions

    def count_calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Return how many calls to place, so that the last one is abandoned with a probability of at most alpha (the
        allowed risk).
        """
        now = self._advance_pacing_time(snapshot.now_seconds)
        self._restart_dialling_after_long_pause(now, snapshot)
        prospect, alpha = self._compute_forecast_and_allowed_risk(snapshot)
        if prospect.seats == 0:
            self._decided = 0, Limit.NOBODY, snapshot, prospect, alpha
            return 0
        # Asking for one more than the trunks allow shows whether they are the limit.
        enough = snapshot.limit_calls_to_trunk_capacity(MOST_CALLS_AT_ONCE, Limit.SEATS)[0] + 1
        limited_by = Limit.CAP if self.governor.boldness < 1.0 else Limit.SEATS
        if self.governor.boldness <= self._tuning.least_boldness:
            limited_by = Limit.HARD_STOP
        # Before any call has ended nothing is known about the list.
        if self.knowledge.answer_rate.calls > self._tuning.answer_rate_calls:
            self.usual.update_mean_answer_rate(now, prospect.answer_rate)
        if self._hung_up_at is not None and now - self._hung_up_at < self._tuning.calm_seconds:
            alpha, limited_by = 0.0, Limit.SEATS
        bounds = self._compute_abandonment_limits_for_next_call(
            alpha, self._tuning.stop_risk * self.governor.hard_stop, prospect
        )
        ahead = prospect.outlook.count_calls_within_risk_bounds(bounds, prospect.next_call, enough)
        if ahead > 0:
            for most, limit in (
                (
                    self.usual.compute_max_calls_in_flight(prospect.seats)
                    - self.usual.count_weighted_ringing_calls(snapshot.ringing),
                    Limit.IN_FLIGHT,
                ),
                (self._count_calls_allowed_in_worst_case(snapshot), Limit.RESERVE),
            ):
                if ahead > most:
                    ahead, limited_by = most, limit
        wanted = max(ahead, snapshot.free_seats_minus_calls_in_flight)
        if wanted > 0 and self._is_carrier_slow_to_ring(snapshot):
            wanted, limited_by = 0, Limit.SLOW_CARRIER
        calls, limited_by = snapshot.limit_calls_to_trunk_capacity(wanted, limited_by)
        self._decided = calls, limited_by, snapshot, prospect, alpha
        return calls

    def explain_last_pacing_decision(self) -> Explanation:
        """Return the reason for the last pacing decision, with the expected seats and answers, and the abandoned calls
        still allowed.
        """
        if self._decided is None:
            return super().explain_last_pacing_decision()
        calls, limited_by, snapshot, prospect, alpha = self._decided
        figures = {
            "free": float(max(0, snapshot.free_seats)),
            "coming-free": prospect.outlook.expected_freed,
            "ringing": float(len(snapshot.ringing)),
            "answers-expected": prospect.outlook.expected_answers,
            "answer-rate": prospect.answer_rate,
            "alpha": alpha,
            "boldness": self.governor.boldness,
            "budget": self.governor.count_abandoned_calls_still_allowed(),
        }
        return Explanation(calls, limited_by, figures)

    def _is_carrier_slow_to_ring(self, snapshot: PacingSnapshot) -> bool:
        """Return whether many calls wait long for the carrier to report ringing. Placing more calls would not help."""
        silent = [call.elapsed_seconds for call in snapshot.ringing if call.ringing_seconds is None]
        many = len(silent) >= self._tuning.few_wait and self.knowledge.rings.is_ringing_reported_by_carrier
        return many and sum(silent) > self._tuning.slow_seconds * len(silent)

    def _compute_abandonment_limits_for_next_call(self, alpha: float, risk: float, prospect: Prospect) -> Bounds:
        """Return two limits on the risk of the last call placed: that it is abandoned, and that it exceeds a hard stop.

        The second limit is lower at a large site, which decides more often. It also allows for a sudden rise of the
        answer rate: a rate below its half-hour mean may soon rise to the mean again.
        """
        tuning = self._tuning
        poorer = self.usual.rate / max(1e-3, prospect.answer_rate) - 1.0
        doubt = min(tuning.most_rate_doubt, max(tuning.rate_doubt, poorer))
        return Bound(alpha), Bound(risk * tuning.usual_seats / prospect.seats, max(0, int(self.governor.room)), doubt)

    def _compute_forecast_and_allowed_risk(self, snapshot: PacingSnapshot) -> tuple[Prospect, float]:
        """Return the forecast for the next seconds, and the allowed risk (alpha).

        The result is reused for the same snapshot, because placing calls and cancelling calls both need it.
        """
        if self._seen is None or self._seen[0] is not snapshot:
            prospect = self.knowledge.forecast_seats_and_answers(snapshot)
            cycle = self.knowledge.conversation_seconds + self._tuning.call_seconds / max(0.01, prospect.answer_rate)
            alpha = self.governor.calculate_allowed_risk_of_abandoned_calls(
                seats=prospect.seats,
                answers_per_second=snapshot.share * prospect.seats / cycle,
                seconds_left=snapshot.seconds_left,
            )
            self._seen = (snapshot, prospect, alpha)
        return self._seen[1:]

    def count_ringing_calls_to_hang_up(self, snapshot: PacingSnapshot) -> int:
        """Return how many ringing calls to hang up, because too few seats would be free if all were answered. Without a
        logged-in agent, the result is all ringing calls.
        """
        now = self._advance_pacing_time(snapshot.now_seconds)
        if not snapshot.ringing or snapshot.free_seats_minus_calls_in_flight >= 0:
            return 0
        prospect, alpha = self._compute_forecast_and_allowed_risk(snapshot)
        if prospect.seats == 0:
            return len(snapshot.ringing)
        alpha = max(self._tuning.hang_up_above, self._tuning.hang_up_alphas * alpha)
        bounds = self._compute_abandonment_limits_for_next_call(alpha, self._tuning.hang_up_risk, prospect)
        excess = prospect.outlook.count_calls_to_hang_up(bounds)
        excess = max(excess, min(len(snapshot.ringing), -self._count_calls_allowed_in_worst_case(snapshot)))
        if excess > 0:
            self._hung_up_at = now
        return excess

    def forecast_seats_that_become_free(self, seats: Sequence[BusySeat]) -> Sequence[float]:
        """Return how many of these busy seats are expected to be free at each point in time of the forecast.

        The result has the sums of the seats' probabilities, then the sums of their squares, and then of their cubes.
        """
        sums: list[float] = self.knowledge.sum_seat_free_probabilities(seats).tolist()
        return sums

    # Learning

    def learn_from_pacing_event(self, event: PacingEvent) -> None:
        """Learn talk times, ring times and answer rate from an event, such as an answered call."""
        super().learn_from_pacing_event(event)
        if event.kind is PacingEventKind.LIST_CHANGED:
            self._start_dialling_gradually()
        self.knowledge.learn_from_pacing_event(event)

    def _restart_dialling_after_long_pause(self, now: float, snapshot: PacingSnapshot) -> None:
        """Start dialling gradually after a pause: the campaign was not allowed to dial, or it had no call in flight for
        a long time although a seat was free.
        """
        before, tuning = self._dialled_at, self._tuning
        if before is not None and now - before > tuning.pause_seconds:
            self._start_dialling_gradually()
        elif before is not None and not snapshot.ringing and snapshot.free_seats > 0:
            return
        self._dialled_at = now

    def _start_dialling_gradually(self) -> None:
        """Forget the measured answer rate, so that few calls are placed until some have ended. Used after a pause, and
        when numbers of another list are dialled next.
        """
        self.knowledge.answer_rate.reset_answer_rate_for_new_numbers()
        self.usual.assume_every_call_is_answered()
