"""The constants of pacing, in one record that experiments can replace."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tuning:
    """The constants of pacing, found by simulation (`bench/bench_pacing.py`).

    Units are in the names or comments.
    """

    # Assumptions about a new campaign
    answer_rate: float = 0.25
    answer_rate_calls: float = 15.0  # weight of the assumed answer rate, in calls
    talk_seconds: float = 90.0
    wrap_up_seconds: float = 15.0
    closing_seconds: float = 10.0
    nearly_done_seconds: float = 5.0
    prior_endings: float = 5.0  # weight of each of the four assumed durations, in observed endings
    prior_rings: float = 8.0  # weight of the assumed ring times, in calls of each outcome
    call_seconds: float = 20.0  # mean duration of a call attempt while one seat is free

    # Memory of the estimators
    answer_memory: float = 100.0  # calls, at `usual_seats`; in proportion to the seats on larger sites
    hazard_memory: float = 500.0  # endings, at `usual_seats`; in proportion to the seats on larger sites
    hazard_shrink: float = 4.0  # weight of the overall rate in each bin of a hazard, in endings
    ring_memory: float = 1000.0  # calls
    settled_conversations: int = 40
    """The tables are computed again after this many conversations; more often while few are in the memory."""

    # Risk of the last call
    moments: int = 4
    """Number of future moments considered: midpoints of equally likely parts of the distribution of answer times."""
    hang_up_above: float = 0.1
    hang_up_alphas: float = 3.0
    """A ringing call is hung up if the probability that it is abandoned when answered is above `hang_up_above`, and
    above this many times alpha.
    """
    stop_risk: float = 0.03
    hang_up_risk: float = 1e-2
    rate_doubt: float = 0.4
    most_rate_doubt: float = 1.2
    """Bound on the probability that the last call is the abandoned call that exceeds a hard stop: at most `stop_risk`
    times the lowest hard stop, at `usual_seats`; calls are hung up while it is above `hang_up_risk`. With N seats both
    are multiplied by `usual_seats` / N. The answer rate is assumed to have a relative standard deviation of
    `rate_doubt`; if the rate is below its mean over `usual_seconds`, of as much as it is below, up to
    `most_rate_doubt`.
    """
    calm_seconds: float = 1.0
    """Time after hanging up a ringing call in which no calls are placed ahead of free agents."""

    # Abandoned calls that a window can bear
    room_share: float = 0.22
    room_power: float = 0.66
    """A window bears an abandoned-call rate of its hard stop times `room_share` * room ** `room_power`. This is the
    shape of the exact optimum if abandoned calls come at random, and idle time falls with the logarithm of their rate
    (`bench/window_optimum.py`).
    """
    foreseen_share: float = 0.5
    """A full window is also checked this share of its length ahead."""
    few_drops: float = 9.0
    """A window that can take this many abandoned calls or more never uses the last one, because one more would exceed
    its stop. A window that can take fewer keeps the square root of its share of `few_drops` unused: keeping a whole one
    would leave nothing of the 1.4 that five seats have in an hour at a cap of 1 %.
    """
    small_site_power: float = -0.5
    large_site_power: float = -0.3
    """Alpha is multiplied by (seats / `usual_seats`) to one of these powers: on a small site the calls placed before the
    last one are far less likely to be abandoned than the last one, on a large site nearly as likely.
    """
    usual_drops: float = 27.0
    drops_power: float = 0.8
    """Bursts grow with the site: room is measured in units of (abandoned calls at the hard stop / `usual_drops`) **
    `drops_power`, at least 1.
    """
    least_boldness: float = 0.02
    most_boldness: float = 1.25
    """Bounds of the abandoned-call rate aimed at, as a multiple of the target."""
    target_margin: float = 2.0  # the target is undercut by this many abandoned calls
    target_answers: float = 400.0  # a deviation from the target is corrected over this many answers
    sure_share: float = 0.5
    """Share of the future answers (at one call per free seat) that are counted on: seats may leave, and fewer people
    may answer.
    """

    # Adaptation of alpha
    step: float = 0.03
    """Change of alpha's logarithm for one abandoned call more or fewer than expected, at `usual_seats`. A larger site
    learns from more calls in the same time, so its step is smaller, by the square root.
    """
    usual_seats: float = 27.0
    least_alpha: float = 1e-4
    most_alpha: float = 0.2
    at_once_lesson: float = 0.1
    """Weight of an answer by the carrier itself: thousands of such answers without an abandoned call must not raise
    alpha much.
    """

    # Sudden changes, after which everything learned is wrong
    at_once_seconds: float = 1.0
    """A call answered within this time after the Originate, before the phone rings, was answered by the carrier itself.
    """
    at_once_memory: float = 10.0  # calls; short, because such faults begin and end suddenly
    most_at_once: float = 0.8  # maximum share assumed, because the fault may have ended
    stale_share: float = 0.1  # change of that share after which the tables are computed again
    answers_per_seat: float = 0.9
    usual_seconds: float = 1800.0
    first_usual_seconds: float = 5.0
    pause_seconds: float = 300.0
    """After this time without calls in flight, dialling starts gradually, as with a new list."""
    longest_gap_seconds: float = 60.0  # a longer time without a decision counts as this long
    least_usual_rate: float = 0.01
    """Limit of the calls in flight: as many as bring `answers_per_seat` answers at the mean answer rate of the last
    `usual_seconds`. The mean starts with `first_usual_seconds` in which everybody answered. Time with an answer rate
    below `least_usual_rate` does not count, because no list is that poor. The limit is for faults of a carrier: while
    it loses every call, all seats are free and few answers are expected of hundreds of calls; when it recovers, they
    are all answered together.
    """
    slow_seconds: float = 6.0
    few_wait: int = 8
    least_rung: float = 0.25
    """No calls are added while `few_wait` calls or more have waited for "ringing" longer than `slow_seconds` on
    average: they would pile up at the carrier and be answered long after their seats are taken. This does not apply if
    ringing was reported for less than the share `least_rung` of the answered calls.
    """

    calls_per_seat: float = 3.0
    """Calls in flight per free seat with the policy "ratio"."""


TUNED = Tuning()
"""The constants used by the dialler."""
