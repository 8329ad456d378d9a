"""Predictive: dials ahead of the seats that come free, as far as the abandoned-call caps allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dialer.pacing.estimators import RingTimes, sane_seconds
from dialer.pacing.governor import TUNED_GOVERNOR, Governor, GovernorTuning
from dialer.pacing.knowledge import Knowledge, Prospect
from dialer.pacing.limits import (
    MOST_CALLS_AT_ONCE,
    reserved_room,
    room_on_lines,
    seats_for_callers,
    seats_without_caller,
)
from dialer.pacing.lookahead import Bounds
from dialer.pacing.port import AnswersOfLate, Cap, Explanation, Limit, PacingEvent, PacingEventKind, PacingSnapshot

STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class PredictiveTuning:
    """The policy's figures: an experiment hands other ones to the pacer. Seconds, shares and calls, as said beside each; found by
    simulation where nothing else is said (docs/decisions.md).
    """

    governor: GovernorTuning = TUNED_GOVERNOR

    prior_answer_rate: float = 0.25
    prior_talk_seconds: float = 90.0
    prior_wrap_up_seconds: float = 15.0
    """What a campaign is taken to be like before anything is learned."""

    cold_outcomes: int = 5
    """Calls whose end must be seen before any is dialled ahead of a free seat."""

    small_site_power: float = -0.5
    """A small site drops less at the same alpha, below 27 seats: alpha * (N / 27) ** `small_site_power`. Single seats make the
    risk jump, and the last call lies well below alpha mostly."""

    hang_up_above: float = 0.1
    hang_up_alphas: float = 3.0
    """Ringing calls are hung up while the last of them, if it were answered, would be dropped with more than this
    probability, and more than so many times alpha. It costs little (such a call was hardly worth its answer) and keeps single
    bad moments from becoming several drops."""

    stop_risk: float = 1.5e-4
    hang_up_risk: float = 1e-3
    """The last call, if it is answered, may be the drop that passes a hard stop with probability `stop_risk` at 27 seats, and calls
    are hung up while that is above `hang_up_risk`. N seats: that times 27 / N, as a larger site asks so more often. Found by
    simulation, as all that follows (docs/decisions.md)."""

    tiny_site: float = 5.0
    tiny_site_power: float = 3.0
    """A site of N < `tiny_site` seats would hardly dial ahead at all with so little risk: it may take
    (`tiny_site` / N) ** `tiny_site_power` times as much."""

    early_drops: float = 5.0
    early_chance: float = 0.07
    """While a window that begins to fill bears fewer than `early_drops` in all, it may be passed with `early_chance` in the answers
    that its first bearable drop takes, which are 1 / hard stop: the answers to come make such a drop good."""

    past_stop: float = 0.3
    """Past a hard stop the last call may be dropped with so much of the chance `stop_risk`, whatever `tiny_site` or `early_drops`
    add: one call a free seat would leave a floor idle until a poor list has brought the answers that are missing."""

    most_risk: float = 60.0
    """The most that all of this may come to, as a multiple of the risk at 27 seats."""

    most_room: float = 40.0
    """Room that no single moment uses up: only below it is the risk to pass a hard stop worked out."""

    calm_seconds: float = 1.0
    """After calls were hung up none is placed ahead for so long: placing and hanging up must never chase each other."""

    least_in_set_up: float = 3.0
    """Calls that may wait for "ringing" on the slowest carrier: without any, its recovery would not be seen."""

    size_memory: float = 200.0  # decisions that the site's size in seats is the mean of

    # The most calls in flight: for the moment at which everything learned of the answer rate is wrong at once.
    spare: float = 4.0
    least_per_seat: float = 1.5
    answers_per_seat: float = 0.6
    """Never more calls in flight than `spare`, and per seat those that bring `answers_per_seat`; `least_per_seat` at least."""

    per_seat_in_a_fall: float = 5.0
    usual_seconds: float = 1800.0
    least_usual_rate: float = 0.02
    """After a fall of the answer rate no more than `per_seat_in_a_fall` per seat, or what the mean rate of the last `usual_seconds`
    asks for: while a carrier loses every call all seats are free and hardly an answer is expected of hundreds of calls, and when
    it is well again they are answered together. A rate that stays low becomes the mean, and no list is held to be usual below
    `least_usual_rate`. Found by simulation (docs/decisions.md)."""

    longest_gap_seconds: float = 60.0
    """Time in which nothing was asked tells nothing beyond this."""


TUNED = PredictiveTuning()
"""What the dialler runs with."""


class MostInFlight:
    """How many calls may be in flight at once, by the answer rate as learned now and as it was of late."""

    def __init__(self, tuning: PredictiveTuning = TUNED) -> None:
        self._tuning = tuning
        self._rate = 0.0
        self._seconds = 0.0  # that the mean reaches back, `usual_seconds` at most
        self._at: float | None = None

    def follow(self, now: float, answer_rate: float) -> None:
        """The answer rate is learned to be so at this moment. The first is the mean, then each by the time it stood."""
        if self._at is not None:
            gap = min(self._tuning.longest_gap_seconds, max(0.0, now - self._at))
            self._seconds = min(self._tuning.usual_seconds, self._seconds + gap)
            if gap > 0.0:
                self._rate += (answer_rate - self._rate) * gap / self._seconds
        elif self._seconds == 0.0:
            self._rate = answer_rate
        self._at = now

    def calls(self, seats: int, answer_rate: float) -> int:
        """The most calls in flight for so many seats that take callers, at this answer rate."""
        wanted = max(self._tuning.least_per_seat, self._tuning.answers_per_seat / max(1e-3, answer_rate))
        most = max(
            self._tuning.per_seat_in_a_fall,
            self._tuning.answers_per_seat / max(self._tuning.least_usual_rate, self._rate),
        )
        return int(self._tuning.spare + seats * min(wanted, most))

    def state(self) -> dict[str, float]:
        """What was learned, as plain JSON types."""
        return {"rate": self._rate, "seconds": self._seconds}

    def restore(self, state: Mapping[str, object]) -> None:
        """Take up what `state` gave. Raises KeyError, TypeError or ValueError for a damaged one."""
        rate, seconds = float(str(state["rate"])), float(str(state["seconds"]))
        if not (0.0 <= rate <= 1.0 and 0.0 <= seconds <= self._tuning.usual_seconds):
            raise ValueError("figures of the usual answer rate are out of range")
        self._rate, self._seconds, self._at = rate, seconds, None


class PredictivePacer:
    """The look-ahead rule under the governor; see `lookahead` and `governor` for the two halves."""

    def __init__(self, caps: Sequence[Cap], *, connect_seconds: float = 2.0, tuning: PredictiveTuning = TUNED) -> None:
        """`connect_seconds` is how long an answered voter may wait for a seat; `tuning`, other figures for an experiment."""
        self._tuning = tuning
        self._connect_seconds = connect_seconds
        self._caps = tuple(caps)
        self._governor = Governor(self._caps, self._tuning.governor)
        self._knowledge = self._nothing_learned()
        self._most_in_flight = MostInFlight(self._tuning)
        self._seats = 0.0
        self._now: float | None = None
        self._hung_up_at: float | None = None
        self._saved: Mapping[str, object] | None = None
        self._seen: tuple[PacingSnapshot, Prospect] | None = None
        self._explanation = Explanation(0, Limit.NOBODY)

    def _nothing_learned(self) -> Knowledge:
        return Knowledge(
            self._tuning.prior_answer_rate,
            self._tuning.prior_talk_seconds,
            self._tuning.prior_wrap_up_seconds,
            self._connect_seconds,
        )

    # Decisions

    def calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """The most calls of which the last one's risk to be abandoned is within alpha, and the lines allow."""
        now = self._advance(snapshot.now_seconds)
        seats = seats_for_callers(snapshot)
        if seats == 0:
            self._explanation = Explanation(0, Limit.NOBODY, {"free": float(max(0, snapshot.free_seats))})
            return 0
        room = room_on_lines(snapshot)
        prospect = self._prospect(snapshot)
        self._governor.staffed(seats)
        alpha, limited_by = self._alpha(now)
        if limited_by is not Limit.COLD:  # until then the rate is the prior's
            self._most_in_flight.follow(now, prospect.answer_rate)
        bounds = self._bounds(now, alpha, self._tuning.stop_risk)
        # One more than the lines allow tells that they are the limit; how many more there would be, nobody asks.
        enough = min(MOST_CALLS_AT_ONCE, room.calls + 1)
        ahead = prospect.outlook.calls_within(bounds, prospect.next_call, prospect.later_call, enough)
        allowance = self._carrier_allowance(snapshot)
        if ahead > allowance:
            ahead, limited_by = allowance, Limit.SLOW_CARRIER
        most = self._most_in_flight.calls(seats, prospect.answer_rate)
        if ahead > most - len(snapshot.ringing):
            ahead, limited_by = most - len(snapshot.ringing), Limit.IN_FLIGHT
        reserve = self._worst_case_reserve(now, snapshot)
        if ahead > reserve:
            ahead, limited_by = reserve, Limit.RESERVE
        wanted = max(ahead, min(seats_without_caller(snapshot), allowance), 0)
        calls = min(wanted, room.calls)
        self._explain(snapshot, prospect, alpha, calls, room.limited_by if calls < wanted else limited_by)
        self._seats += (seats - self._seats) / (self._tuning.size_memory if self._seats else 1.0)
        return calls

    def _alpha(self, now: float) -> tuple[float, Limit]:
        """The risk that the last call may bear, and what sets it."""
        if self._knowledge.outcomes < self._tuning.cold_outcomes:
            return 0.0, Limit.COLD
        if self._hung_up_at is not None and now - self._hung_up_at < self._tuning.calm_seconds:
            return 0.0, Limit.SEATS
        alpha = (
            self._governor.alpha(now)
            * min(1.0, max(1.0, self._seats) / self._tuning.governor.usual_seats) ** self._tuning.small_site_power
        )
        if self._governor.foreseen_room(now) < 1.0:  # one drop more would pass it
            return alpha, Limit.HARD_STOP
        return alpha, Limit.CAP if self._governor.boldness < 1.0 else Limit.SEATS

    def _bounds(self, now: float, alpha: float, risk: float) -> Bounds:
        """What the last call may risk: alpha, and `risk`, as at 27 seats, to pass a hard stop."""
        room = self._governor.foreseen_room(now)
        if room > self._tuning.most_room:
            return Bounds(alpha)
        seats = max(1.0, self._seats)
        scale: float = self._tuning.governor.usual_seats / seats
        if self._governor.drops_to_hard_stop(now) < 0.0:
            return Bounds(alpha, 0, risk * self._tuning.past_stop * scale)
        scale *= max(1.0, self._tuning.tiny_site / seats) ** self._tuning.tiny_site_power
        begun = self._governor.stop_of_begun(self._tuning.early_drops)
        if begun is not None:
            scale *= max(1.0, self._tuning.early_chance * begun / self._tuning.stop_risk)
        return Bounds(alpha, max(0, int(room)), risk * min(scale, self._tuning.most_risk))

    def _worst_case_reserve(self, now: float, snapshot: PacingSnapshot) -> int:
        """Calls that may be added, or below 0 are too many, with the worst case of all that is in flight reserved."""
        return reserved_room(self._governor.worst_case_room(now, snapshot.free_seats), snapshot)

    def _prospect(self, snapshot: PacingSnapshot) -> Prospect:
        """The outlook of this snapshot, worked out once for both questions that are asked of it."""
        if self._seen is None or self._seen[0] is not snapshot:
            self._seen = (snapshot, self._knowledge.prospect(snapshot))
        return self._seen[1]

    def _carrier_allowance(self, snapshot: PacingSnapshot) -> int:
        """Calls that a slow carrier may still be given: while originate-to-ringing grows, only so many calls wait for
        "ringing", or they would pile up before it and be answered long after their seats are taken."""
        silent = [call.elapsed_seconds for call in snapshot.ringing if call.ringing_seconds is None]
        most = self._knowledge.most_in_set_up(silent)
        if most is None:
            return MOST_CALLS_AT_ONCE
        return max(0, int(max(self._tuning.least_in_set_up, most)) - len(silent))

    def excess_calls(self, snapshot: PacingSnapshot) -> int:
        """Ringing calls that no seat will be there for; all of them when nobody is left to talk."""
        now = self._advance(snapshot.now_seconds)
        if not snapshot.ringing:
            return 0
        seats = seats_for_callers(snapshot)
        if seats == 0:
            return len(snapshot.ringing)
        self._governor.staffed(seats)
        if seats_without_caller(snapshot) >= 0:
            return 0
        alpha, _ = self._alpha(now)
        bounds = self._bounds(
            now, max(self._tuning.hang_up_above, self._tuning.hang_up_alphas * alpha), self._tuning.hang_up_risk
        )
        excess = self._prospect(snapshot).outlook.excess_over(bounds)
        excess = max(excess, min(len(snapshot.ringing), -self._worst_case_reserve(now, snapshot)))
        if excess > 0:
            self._hung_up_at = now
        return excess

    # Learning

    def observe(self, event: PacingEvent) -> None:
        """Learn from what happened."""
        now = self._advance(event.at_seconds)
        self._seen = None
        self._knowledge.learn(event, now)
        if event.kind is PacingEventKind.ANSWERED:
            at_once = sane_seconds(event.seconds) < RingTimes.AT_ONCE_SECONDS
            self._governor.answered(now, at_once=at_once)
        elif event.kind is PacingEventKind.ABANDONED:
            self._governor.abandoned(now)
        elif event.kind is PacingEventKind.MACHINE:
            self._governor.machine(now)

    def _advance(self, now: float) -> float:
        """The time, which never goes back; what was saved is taken up at the first moment that is seen."""
        if not -1e15 < now < 1e15:
            now = self._now or 0.0
        if self._now is None:
            self._now = now
            if self._saved is not None:
                self._take_up(self._saved, now)
        self._now = max(self._now, now)
        return self._now

    # Explanation

    def _explain(
        self, snapshot: PacingSnapshot, prospect: Prospect, alpha: float, calls: int, limited_by: Limit
    ) -> None:
        self._explanation = Explanation(
            calls,
            limited_by,
            {
                "free": float(max(0, snapshot.free_seats)),
                "coming-free": prospect.outlook.expected_freed,
                "ringing": float(len(snapshot.ringing)),
                "answers-expected": prospect.outlook.expected_answers,
                "answer-rate": prospect.answer_rate,
                "alpha": alpha,
                "boldness": self._governor.boldness,
                "budget": self._governor.drops_to_target(self._now or 0.0),
            },
        )

    def explain(self) -> Explanation:
        """Why the last decision was what it was: seats and answers that are expected within a ring time, the risk that
        the last call may bear (alpha), and the abandoned calls that the targets still have room for (budget)."""
        return self._explanation

    # Over a restart

    @property
    def caps(self) -> tuple[Cap, ...]:
        """The caps that it holds."""
        return self._caps

    def recount(self, now_seconds: float, of_late: Mapping[float, Sequence[AnswersOfLate]]) -> None:
        """Hold what is on record of each cap's window in the place of what was counted."""
        now = self._advance(now_seconds)  # takes up what was saved, if nothing was seen yet
        self._governor.recount(now, of_late)

    def state(self) -> dict[str, object]:
        """What was learned, as plain JSON types."""
        if self._now is None and self._saved is not None:
            return dict(self._saved)
        return {
            "version": STATE_VERSION,
            "seats": self._seats,
            "governor": self._governor.state(self._now or 0.0),
            "knowledge": self._knowledge.state(),
            "most-in-flight": self._most_in_flight.state(),
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Take up what `state` gave; the time between is taken as none, where no `recount` follows. A damaged or foreign state is
        ignored."""
        if self._take_up(state, self._now or 0.0) and self._now is None:
            self._saved = dict(state)

    def _take_up(self, state: Mapping[str, object], now: float) -> bool:
        governor, knowledge, most_in_flight = (
            Governor(self._caps, self._tuning.governor),
            self._nothing_learned(),
            MostInFlight(self._tuning),
        )
        try:
            if state["version"] != STATE_VERSION:
                return False
            seats = min(2000.0, max(0.0, float(str(state["seats"]))))
            learned, counted = state["knowledge"], state["governor"]
            usual = state.get("most-in-flight", most_in_flight.state())  # what an earlier version saved has none
            if not isinstance(learned, Mapping) or not isinstance(counted, Mapping) or not isinstance(usual, Mapping):
                return False
            knowledge.restore(learned)
            governor.restore(counted, now)
            most_in_flight.restore(usual)
        except (ArithmeticError, KeyError, TypeError, ValueError):
            return False
        self._governor, self._knowledge, self._most_in_flight = governor, knowledge, most_in_flight
        self._seats, self._seen = seats, None
        return True
