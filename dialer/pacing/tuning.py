"""The constants of pacing, in one record that an experiment can replace."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tuning:
    """Units are in the names or comments. Found by simulation (`bench/bench_pacing.py`) where no other source is named."""

    # What a campaign is assumed to be like at first
    answer_rate: float = 0.25
    answer_rate_calls: float = 15.0  # calls that the assumption is worth
    talk_seconds: float = 90.0
    wrap_up_seconds: float = 15.0
    closing_seconds: float = 10.0
    nearly_done_seconds: float = 5.0
    prior_endings: float = 5.0  # endings that each of these four is worth
    prior_rings: float = 8.0  # calls of each outcome
    call_seconds: float = 20.0  # for a call while one free seat waits

    # How much is remembered
    answer_memory: float = 100.0  # calls, at `usual_seats`; a larger site remembers as many more as it places more
    hazard_memory: float = 500.0  # endings
    hazard_shrink: float = 4.0  # endings at the overall rate to which each bin of a hazard is shrunk
    ring_memory: float = 1000.0  # calls
    settled_conversations: int = 40
    """The tables are made again after so many conversations; earlier while fewer are remembered."""

    # The last call
    moments: int = 4
    """Moments considered: the midpoints of so many equally likely parts of the distribution of the time to an answer."""
    hang_up_above: float = 0.1
    hang_up_alphas: float = 3.0
    """A ringing call is hung up if, answered, it would be abandoned with more than `hang_up_above` and more than so
    many alphas.
    """
    stop_risk: float = 0.03
    hang_up_risk: float = 1e-2
    rate_doubt: float = 0.4
    most_rate_doubt: float = 1.2
    """The last call may be the drop that passes a hard stop with probability `stop_risk` times the lowest hard stop at
    `usual_seats` (the fewer drops are allowed, the more one weighs), and calls are hung up while that is above `hang_up_risk`.
    N seats: that times `usual_seats` / N. The answer rate is doubted in it by a deviation of `rate_doubt` of itself, and, up to
    `most_rate_doubt`, of as much as it is below the mean of the last `usual_seconds`."""
    calm_seconds: float = 1.0
    """After a call was hung up nothing is dialled ahead for so long."""

    # What a window can bear
    room_share: float = 0.22
    room_power: float = 0.66
    """A window bears drops at `room_share` * room ** `room_power` of its hard stop. It is the shape of the exact optimum of a
    window whose drops come at random, while idle time falls with the logarithm of their rate (`bench/window_optimum.py`)."""
    foreseen_share: float = 0.5
    """A full window is also checked so much of its length ahead."""
    few_drops: float = 9.0
    """A window that bears so many drops or more never spends the last, as one more would pass its stop; one that bears fewer keeps
    the root of its share of them: of the 1.4 of an hour of five seats at a cap of 1 %, a whole one would leave nothing."""
    small_site_power: float = -0.5
    usual_drops: float = 27.0
    drops_power: float = 0.8
    """Bursts grow with the site: room counts in units of (drops at the hard stop / `usual_drops`) ** `drops_power`, 1 or more."""
    least_boldness: float = 0.02
    most_boldness: float = 1.25
    """Bounds of the drop rate that is aimed at, over the target."""
    target_margin: float = 2.0  # abandoned calls by which a target is undercut
    target_answers: float = 400.0  # in which a deviation from a target is corrected
    sure_share: float = 0.5
    """Of the answers that one call for each free seat would bring until a window is judged, those that are counted on: seats may
    leave and lists turn poor."""

    # How alpha learns
    step: float = 0.03
    """Of its logarithm, for one drop more or less than was expected, at `usual_seats`; a larger site learns more in the same time
    and takes smaller ones, by the root."""
    usual_seats: float = 27.0
    least_alpha: float = 1e-4
    most_alpha: float = 0.2
    at_once_lesson: float = 0.1
    """What an answer by the carrier teaches: thousands of them without an abandoned call must not make alpha bold."""

    # When everything learned is suddenly wrong
    at_once_seconds: float = 1.0
    """Nobody answers so soon after the Originate, before the phone rings: the carrier did."""
    at_once_memory: float = 10.0  # calls: such a fault begins and ends in a moment
    most_at_once: float = 0.8  # share: a call that rings on must not count as failed, for the fault may be over
    stale_share: float = 0.1  # change of the rate from which on the tables are made again
    answers_per_seat: float = 0.9
    usual_seconds: float = 1800.0
    first_usual_seconds: float = 5.0
    longest_gap_seconds: float = 60.0  # a longer time without a question counts as so long
    least_usual_rate: float = 0.01
    """No more calls in flight than bring `answers_per_seat` at the mean answer rate of the last `usual_seconds`, which begins with
    `first_usual_seconds` in which everybody answered; time in which fewer than `least_usual_rate` are answered does not count, as
    no list is so poor. While a carrier loses every call all seats are free and hardly an answer is expected of hundreds of calls,
    and when it is well again they are answered together."""
    slow_seconds: float = 6.0
    few_wait: int = 8
    least_rung: float = 0.25
    """While `few_wait` calls or more have waited for "ringing" for longer than `slow_seconds` on average none is added: they would
    pile up before the carrier and be answered long after their seats are taken. Not on lines of which fewer than `least_rung` of
    the answered calls were heard to ring."""

    calls_per_seat: float = 3.0
    """For the policy "ratio": calls in flight for each free seat."""


TUNED = Tuning()
"""The constants that the dialler uses."""
