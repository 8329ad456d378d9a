"""A recorded day as a scenario, on which any pacing policy can be simulated.

Answer rates, ring times, talk times and wrap-up times are drawn from the recorded calls. Single calls are not repeated,
because another policy would have called other people.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from random import Random
from statistics import fmean, pstdev

from dialer.centre_model.day_result import CentreMoment, DayLog, DayResult, compute_day_result
from dialer.centre_model.distributions import DayCurve, Ring
from dialer.centre_model.scenario import BadScenario, CampaignModel, Scenario

BIN_SECONDS = 600.0
LEAST_ATTEMPTS = 100
_NEAR_TALKS = 50


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One call attempt of a recorded day. Times are in seconds since the start of the day (None = the step did not
    happen).
    """

    placed_seconds: float
    ended_seconds: float  # end of the talk, of the wait of an abandoned call, or of an unanswered call
    ringing_seconds: float | None = None
    answered_seconds: float | None = None
    connected_seconds: float | None = None
    wrap_up_ended_seconds: float | None = None
    cancelled: bool = False  # hung up by the dialler before an answer, so its outcome is unknown
    left: bool = False  # the voter hung up while waiting for a seat: live answer, not abandoned


@dataclass(frozen=True, slots=True)
class RecordedDay:
    """The attempts of a day and its logged-in seats. Raises BadScenario for too few or inconsistent attempts."""

    attempts: Sequence[AttemptRecord]
    seats: DayCurve
    hours: float
    first_hour: int = 9
    connect_seconds: float = 2.0
    left_out: int = 0  # attempts with inconsistent times

    def __post_init__(self) -> None:
        attempts = sorted(self.attempts, key=lambda attempt: attempt.placed_seconds)
        object.__setattr__(self, "attempts", tuple(attempts))
        if len(attempts) < LEAST_ATTEMPTS:
            raise BadScenario(
                f"the day has {len(attempts)} attempts; a replay needs at least {LEAST_ATTEMPTS}, so choose another day"
            )
        for number, attempt in enumerate(attempts, start=1):
            if not are_attempt_times_in_order(attempt):
                raise BadScenario(
                    f"attempt {number} of the day has times out of order; remove this attempt from the replay"
                )
        if not any(attempt.connected_seconds is not None for attempt in attempts):
            raise BadScenario("no attempt of the day reached a seat, so there is nothing to replay; choose another day")
        if all(attempt.answered_seconds is not None or attempt.cancelled for attempt in attempts):
            raise BadScenario("every attempt of the recorded day was answered; include the unanswered attempts")


@dataclass(frozen=True, slots=True)
class RecordedTalk:
    """Talk times drawn from the recorded conversations at about the same time of day."""

    starts: tuple[float, ...]
    lengths: tuple[float, ...]

    def pick_random_talk_seconds(self, seconds: float, random: Random) -> float:
        """Return the length of a recorded conversation, drawn from those that began nearest to `seconds` after the
        day's start.
        """
        place = bisect_left(self.starts, seconds)
        low = max(0, min(place - _NEAR_TALKS // 2, len(self.starts) - _NEAR_TALKS))
        return self.lengths[random.randrange(low, min(low + _NEAR_TALKS, len(self.lengths)))]


@dataclass(frozen=True, slots=True)
class RecordedRing:
    """Ring times drawn from the recorded calls: (seconds to the answer or end, seconds to the start of ringing)."""

    answers: tuple[tuple[float, float | None], ...]
    others: tuple[tuple[float, float | None], ...]

    @property
    def maximum_ring_seconds(self) -> float:
        """The longest ring time of the recorded calls."""
        return max(seconds for seconds, _ in self.answers + self.others)

    def pick_random_ring_time(self, answered: bool, random: Random) -> Ring:
        """Return the ring times of a random recorded call: an answered one if `answered`, else an unanswered one."""
        return answered, *random.choice(self.answers if answered else self.others)


def are_attempt_times_in_order(attempt: AttemptRecord) -> bool:
    """Return whether the times of an attempt (start, ringing, answer, end) are in order. A clock change can mix them
    up.
    """
    steps = (attempt.placed_seconds, attempt.answered_seconds, attempt.connected_seconds)
    times = [second for second in (*steps, attempt.ended_seconds, attempt.wrap_up_ended_seconds) if second is not None]
    rang = attempt.ringing_seconds
    return times == sorted(times) and (rang is None or times[0] <= rang <= attempt.ended_seconds)


def build_scenario_of_recorded_day(
    day: RecordedDay, name: str = "recorded day", minimum_ring_seconds: float = 15.0
) -> Scenario:
    """Return the recorded day as a scenario that can be simulated. A ringing call is not cancelled before
    `minimum_ring_seconds`.
    """
    talks = sorted(
        (attempt.connected_seconds, attempt.ended_seconds - attempt.connected_seconds)
        for attempt in day.attempts
        if attempt.connected_seconds is not None
    )
    wrap_ups = _list_wrap_up_times_in_seconds(day.attempts)
    mean = max(0.1, fmean(wrap_ups)) if wrap_ups else 1.0
    spread = pstdev(wrap_ups) / mean if len(wrap_ups) > 1 else 0.5
    largest = max(seats for _, seats in day.seats.points)
    outcomes = _estimate_outcomes_of_cancelled_attempts(day.attempts)
    return Scenario(
        name=name,
        seats=day.seats,
        campaigns=(
            CampaignModel(
                _estimate_answer_rates(outcomes, day.hours),
                RecordedTalk(tuple(start for start, _ in talks), tuple(length for _, length in talks)),
            ),
        ),
        hours=day.hours,
        first_hour=day.first_hour,
        ring=_make_recorded_ring_times(outcomes),
        wrap_up_mean_seconds=mean,
        wrap_up_cv=min(3.0, max(0.05, spread)),
        connect_seconds=day.connect_seconds,
        minimum_ring_seconds=minimum_ring_seconds,
        decision_interval_seconds=0.0 if largest <= 50 else 0.25,
    )


def compute_figures_of_recorded_day(day: RecordedDay) -> DayResult:
    """Return the real figures of a recorded day, in the form of those of a simulated day.

    Answered voters who reached no seat count as abandoned calls, unless they hung up while waiting.
    """
    end = day.hours * 3600.0
    seat_seconds = sum(day.seats.get_value_at_time_of_day(second + 0.5) for second in range(int(end)))
    resolved = sorted(
        (attempt.ended_seconds, not attempt.left)
        if attempt.connected_seconds is None
        else (attempt.connected_seconds, False)
        for attempt in day.attempts
        if attempt.answered_seconds is not None
    )
    connected = [attempt for attempt in day.attempts if attempt.connected_seconds is not None]
    busy = sum(
        min(end, attempt.wrap_up_ended_seconds or attempt.ended_seconds) - (attempt.connected_seconds or 0.0)
        for attempt in connected
    )
    placed, cancelled = len(day.attempts), sum(attempt.cancelled for attempt in day.attempts)
    dropped = len(resolved) - len(connected) - sum(lost for _, lost in resolved)
    last = CentreMoment(end, 0, 0, 0, 0, 0, 0, 0.0, max(0.0, seat_seconds - busy), busy, placed, len(connected))
    return compute_day_result(DayLog(day.hours, resolved, [last], placed, cancelled, dropped, []), "as it was", 0)


def _list_wrap_up_times_in_seconds(attempts: Sequence[AttemptRecord]) -> list[float]:
    return [a.wrap_up_ended_seconds - a.ended_seconds for a in attempts if a.wrap_up_ended_seconds is not None]


def _estimate_outcomes_of_cancelled_attempts(attempts: Sequence[AttemptRecord]) -> list[AttemptRecord]:
    """Return the attempts, with an estimated outcome for each cancelled one.

    Without the estimates, slow calls would be missing. A call that was cancelled while its phone rang gets the outcome
    of a random call that rang longer. A call that was cancelled before ringing gets the outcome of a random call that
    took longer to ring or to end.
    """
    random = Random("fates")
    rang = [attempt for attempt in attempts if attempt.ringing_seconds is not None]
    never_rang = [attempt for attempt in attempts if attempt.ringing_seconds is None]
    rang = _assign_outcomes_of_longer_attempts(rang, _get_start_of_ringing, _get_time_of_answer_or_end, random)
    return _assign_outcomes_of_longer_attempts(
        [*rang, *never_rang], attrgetter("placed_seconds"), _get_start_of_ringing, random
    )


def _assign_outcomes_of_longer_attempts(
    attempts: Sequence[AttemptRecord],
    get_start: Callable[[AttemptRecord], float],
    get_end: Callable[[AttemptRecord], float],
    random: Random,
) -> list[AttemptRecord]:
    """Return the attempts. Each cancelled one has the outcome of a random attempt that lasted longer.

    An attempt lasts from `get_start` to `get_end`. A cancelled attempt is left out if none lasted longer. Cancelled
    attempts that already have an estimated outcome are drawn too. A call that is answered early is cancelled less often
    than one that rings out (redistribution to the right, Efron 1967).
    """
    outcomes: list[AttemptRecord] = []
    for attempt in sorted(attempts, key=lambda each: get_end(each) - get_start(each), reverse=True):
        if not attempt.cancelled:
            outcomes.append(attempt)
        elif outcomes:
            other = random.choice(outcomes)
            moved = get_start(attempt) - get_start(other)
            rang, answered = (
                None if at is None else at + moved for at in (other.ringing_seconds, other.answered_seconds)
            )
            outcomes.append(AttemptRecord(attempt.placed_seconds, other.ended_seconds + moved, rang, answered))
    return outcomes


def _get_start_of_ringing(attempt: AttemptRecord) -> float:
    """Return when the phone began to ring. For a call that never rang, return when it was answered or ended."""
    return _get_time_of_answer_or_end(attempt) if attempt.ringing_seconds is None else attempt.ringing_seconds


def _get_time_of_answer_or_end(attempt: AttemptRecord) -> float:
    return attempt.ended_seconds if attempt.answered_seconds is None else attempt.answered_seconds


def _estimate_answer_rates(attempts: Sequence[AttemptRecord], hours: float) -> DayCurve:
    """Return an estimate of the answer rate in each ten minutes of the day.

    Each rate is moved towards the rate of the whole day (empirical Bayes). If the rates differ by little more than
    chance, they are moved further. Unmoved rates would have too high a mean, because pacing places fewer calls while
    many people happen to answer.
    """
    overall = fmean(attempt.answered_seconds is not None for attempt in attempts)
    bins = max(1, round(hours * 3600.0 / BIN_SECONDS))
    calls, answers = [0] * bins, [0] * bins
    for attempt in attempts:
        place = min(bins - 1, max(0, int(attempt.placed_seconds // BIN_SECONDS)))
        calls[place] += 1
        answers[place] += attempt.answered_seconds is not None
    by_chance = overall * (1.0 - overall)
    excess = sum((got - n * overall) ** 2 - n * by_chance for n, got in zip(calls, answers, strict=True))
    variance = max(1e-9, excess / sum(n * n for n in calls))  # of the rates, beyond chance
    prior_calls = by_chance / variance
    return DayCurve(
        tuple(
            (place * BIN_SECONDS, (answers[place] + prior_calls * overall) / (calls[place] + prior_calls))
            for place in range(bins)
        )
    )


def _make_recorded_ring_times(attempts: Sequence[AttemptRecord]) -> RecordedRing:
    answers: list[tuple[float, float | None]] = []
    others: list[tuple[float, float | None]] = []
    for attempt in attempts:
        set_up = None if attempt.ringing_seconds is None else attempt.ringing_seconds - attempt.placed_seconds
        rings = others if attempt.answered_seconds is None else answers
        rings.append((_get_time_of_answer_or_end(attempt) - attempt.placed_seconds, set_up))
    return RecordedRing(tuple(answers), tuple(others))
