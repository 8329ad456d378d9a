"""The abandoned-call governor: what the caps still allow, and how bold the look-ahead may be.

Two loops. The inner one finds the alpha that makes calls drop at the lowest target, by stochastic approximation at
every answered call. The outer one scales it by x, the drop rate that every window can bear from now on as a multiple
of that target. What a window can bear follows from its room, the abandoned calls that it can still take and never pass
its hard stop: answers leave a window too, and when each abandoned call will leave it is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

from dialer.pacing.port import AnswersOfLate, Cap
from dialer.pacing.tally import Tally


@dataclass(frozen=True, slots=True)
class GovernorTuning:
    """The governor's figures: an experiment hands other ones to the pacer. Seconds, shares and calls, as said beside each."""

    least_boldness: float = 0.02
    most_boldness: float = 1.25
    """Bounds of x. More of it would spend at once what a quiet hour saved, and all of that would leave the window at once."""

    room_share: float = 0.22
    room_power: float = 0.66
    """A window bears drops at `room_share` * room ** `room_power` of its hard stop. It is the shape of the exact optimum of a
    window whose drops come at random, while idle time falls with the logarithm of their rate: some 0.3 * room ** 0.66 for 4 to
    105 drops an hour (`bench/window_optimum.py`). The share is less, as drops come in bursts."""

    usual_drops: float = 27.0
    drops_power: float = 0.8
    """Bursts grow with the site: room counts in units of (drops at the hard stop / `usual_drops`) ** `drops_power`, one at
    least."""

    filling: float = 0.4
    """The same unit for a window that has just begun to fill: its room grows by itself. Found by simulation, as `drops_power`."""

    beginning: float = 0.5
    """A window begins to fill while it holds no more than this share of the answers that it will hold at today's rate."""

    moments_foreseen: int = 12
    counted_on_share: float = 0.5
    """A window is looked at just before each of so many of its abandoned calls leave it, with this share of the answers that
    would come at today's rate, or with more of them where the window holds fewer than `usual_drops`. A shift may end or a list turn
    poor before then, and drops that came close together are what such an hour cannot bear: they are spread by it, at no cost."""

    held_back_share: float = 0.7
    """Of the room of a window that may hold `usual_drops`; of a smaller one less, by the square root, and of a larger one more, as
    bursts grow. What the laws do not know of one moment may cost one drop more than they say."""

    target_margin: float = 2.0
    target_answers: float = 150.0
    """A window's target is approached to within `target_margin` drops, and a deviation made good over `target_answers`."""

    usual_seats: float = 27.0
    """The site that every figure here was found at; others are scaled to it."""

    first_alpha: float = 1.5
    """alpha over target before anything is known, at `usual_seats`."""

    most_alpha: float = 0.2  # a chance; 1e-4 is the least

    at_once_lesson: float = 0.1
    """What an answer of the carrier's own teaches: thousands of them without a drop must not make it bold."""

    least_step: float = 0.03
    first_step: float = 0.25
    settling_answers: float = 60.0
    """Steps of the logarithm of alpha for one drop more or less than was expected: the first one, halved after `settling_answers`,
    and the least at `usual_seats`."""

    rate_answers: float = 50.0  # that the rate of answers is the mean of
    longest_gap: float = 30.0  # times the mean gap between answers: a night says nothing of how often they come by day
    stale_seconds: float = 1.0  # after which counts may have left a window

    def counted_on(self, drops: float) -> float:
        """The share of the answers to come that a window which may hold so many drops at its hard stop counts on."""
        return 1.0 - (1.0 - self.counted_on_share) * self._size(drops)

    def held_back(self, drops: float) -> float:
        """Room that a window which may hold so many drops at its hard stop never spends."""
        return self.held_back_share * self._size(drops) * self.burst(drops)

    def burst(self, drops: float) -> float:
        """How large bursts are in a window that may hold so many drops, beside one of `usual_drops`; 1 at least."""
        return float(max(1.0, drops / self.usual_drops) ** self.drops_power)

    def _size(self, drops: float) -> float:
        """The size of a window beside one of `usual_drops`, 0 to 1, by the square root: as the deviation of its drops goes."""
        return sqrt(min(1.0, max(0.0, drops) / self.usual_drops))


TUNED_GOVERNOR = GovernorTuning()
"""What the dialler runs with."""


class Governor:
    """Holds every cap of a campaign's profile. Without a cap nothing is ever put at risk."""

    def __init__(self, caps: Sequence[Cap], tuning: GovernorTuning = TUNED_GOVERNOR) -> None:
        """`caps`: the windows of the profile; a target above its hard stop counts as the hard stop."""
        self.caps = tuple(caps)
        self._tuning = tuning
        self.tallies = [Tally(cap.window_seconds) for cap in self.caps]
        self.target = min((target_of(cap) for cap in self.caps), default=0.0)
        self._level = log(self._tuning.first_alpha * max(1e-6, self.target))
        self._answers = 0
        self._boldness = self._tuning.least_boldness
        self._rate = 0.0  # live answers per second, lately
        self._last_answer: float | None = None
        self._planned_at: float | None = None
        self._stop_room = self._foreseen_room = 0.0
        self._seats = self._usual_seats = 0.0

    def answered(self, now: float, *, at_once: bool = False) -> None:
        """A person answered; or, `at_once`, the carrier did, which bore no risk and says nothing of the answers to come."""
        for tally in self.tallies:
            tally.count_answer(now)
        self._answers += 1
        if not at_once:
            self._learn_rate(now)
        self._learn((self._tuning.at_once_lesson if at_once else 1.0) * self.target * self._boldness)
        self._plan(now)

    def _learn_rate(self, now: float) -> None:
        """How often answers come lately, and with how many seats."""
        if self._last_answer is not None:
            gap = max(0.0, now - self._last_answer)
            weight = max(1.0 / self._answers, 1.0 / self._tuning.rate_answers)
            mean_gap = 1.0 / self._rate if self._rate > 0.0 else gap
            gap = min(gap, self._tuning.longest_gap * mean_gap)
            self._rate = 1.0 / max(1e-3, mean_gap + weight * (gap - mean_gap))
            self._usual_seats += weight * (self._seats - self._usual_seats)
        self._last_answer = now

    def machine(self, now: float) -> None:
        """An answer that was counted was a machine: it does not make room for an abandoned call."""
        for tally in self.tallies:
            tally.take_back_answer(now)
        self._plan(now)

    def abandoned(self, now: float) -> None:
        """A person who had answered got no seat in time."""
        for tally in self.tallies:
            tally.count_abandoned(now)
        self._learn(-1.0)
        self._plan(now)

    def _learn(self, surprise: float) -> None:
        """Move the level by what came over what was expected; less at a large site, which soon learns more."""
        least = self._tuning.least_step * sqrt(min(1.0, self._tuning.usual_seats / max(1.0, self._usual_seats)))
        step = max(least, self._tuning.first_step / (1.0 + self._answers / self._tuning.settling_answers))
        self._level = min(log(self._tuning.most_alpha), max(log(1e-4), self._level + step * surprise))

    def alpha(self, now: float) -> float:
        """The chance to be abandoned that a call may be placed with, at a site of 27 seats."""
        self._keep_up(now)
        return exp(self._level) * self._boldness

    @property
    def boldness(self) -> float:
        """x: the drop rate that the windows can bear, as a multiple of the target."""
        return self._boldness

    def staffed(self, seats: int) -> None:
        """So many seats are there for callers now: the answers to come go with them."""
        if seats != self._seats:
            self._seats, self._planned_at = float(seats), None

    def _plan(self, now: float) -> None:
        self._planned_at = now
        self._stop_room = self._foreseen_room = float("inf") if self.caps else 0.0
        bearable = self._tuning.most_boldness * self.target
        for cap, tally in self._pairs():
            room = self._room(tally, cap.hard_stop, now)
            foreseen = min(room, self._room_to_come(cap, tally, now)) - self._tuning.held_back(
                cap.hard_stop * tally.answers
            )
            self._stop_room = min(self._stop_room, room)
            self._foreseen_room = min(self._foreseen_room, foreseen)
            bearable = min(bearable, self._bearable(cap, tally, foreseen))
        self._boldness = max(self._tuning.least_boldness, bearable / self.target) if self.target > 0.0 else 0.0

    def _bearable(self, cap: Cap, tally: Tally, room: float) -> float:
        """The drop rate, per answer from now on, that a window with this room can bear."""
        target = target_of(cap)
        due = target * tally.answers
        short = due - tally.abandoned - min(self._tuning.target_margin, 0.75 * sqrt(due))
        unit = self._tuning.burst(cap.hard_stop * tally.answers)
        unit *= self._tuning.filling + (1.0 - self._tuning.filling) * self._filled(tally)
        spending: float = cap.hard_stop * self._tuning.room_share * (max(0.0, room) / unit) ** self._tuning.room_power
        return min(target + short / self._tuning.target_answers, spending)

    def _filled(self, tally: Tally) -> float:
        """The share, 0 to 1, that a window holds of the answers that come in its length at the rate of late."""
        return min(1.0, tally.answers / max(1.0, self._rate * tally.window_seconds))

    def _room_to_come(self, cap: Cap, tally: Tally, now: float) -> float:
        """The least room that a window will have if no call is abandoned from now on; infinite while it holds none."""
        rate = self._tuning.counted_on(cap.hard_stop * tally.answers) * self._rate
        if self._usual_seats > 0.0:
            rate *= min(1.0, self._seats / self._usual_seats)
        least = float("inf")
        for ahead in tally.leaving_times(now, self._tuning.moments_foreseen):
            answers, abandoned = tally.staying(now, ahead)
            least = min(least, cap.hard_stop * (answers + rate * ahead) - abandoned)
        return least

    def drops_to_target(self, now: float) -> float:
        """Abandoned calls that every window's target has room for now; may be below 0. No cap: no room."""
        return min((self._room(tally, target_of(cap), now) for cap, tally in self._pairs()), default=0.0)

    def drops_to_hard_stop(self, now: float) -> float:
        """Abandoned calls that every window's hard stop has room for now; may be below 0. No cap: no room."""
        self._keep_up(now)
        return self._stop_room

    def foreseen_room(self, now: float) -> float:
        """The same as far as it can be foreseen, the least that it will be if no call is abandoned from now on; and less what
        is held back."""
        self._keep_up(now)
        return self._foreseen_room

    def stop_of_begun(self, drops: float) -> float | None:
        """The lowest hard stop, a share, of the windows that begin to fill and bear fewer than `drops` abandoned calls so far;
        None where no window does."""
        return min((cap.hard_stop for cap, tally in self._pairs() if self._begins(cap, tally, drops)), default=None)

    def _begins(self, cap: Cap, tally: Tally, drops: float) -> bool:
        few = cap.hard_stop * tally.answers < drops
        return few and (self._rate == 0.0 or self._filled(tally) <= self._tuning.beginning)

    def worst_case_room(self, now: float, free_seats: int) -> float:
        """Calls in flight beyond the free seats of which every one may be dropped, and no reserving cap is passed.

        Before d callers are dropped, others have taken the free seats: with `a` abandoned of n answers so far, a + d must not
        pass hard_stop * (n + free_seats + d). Calls, below 0 where a cap is passed already; infinite where none reserves.
        """
        room = float("inf")
        for cap, tally in self._pairs():
            if cap.reserves and cap.hard_stop < 1.0:
                tally.advance(now)
                allowed = max(0.0, cap.hard_stop) * (tally.answers + max(0, free_seats)) - tally.abandoned
                room = min(room, allowed / (1.0 - max(0.0, cap.hard_stop)))
        return room

    def _keep_up(self, now: float) -> None:
        """Plan anew when so much time has passed that counts may have left a window."""
        if self._planned_at is None or abs(now - self._planned_at) > self._tuning.stale_seconds:
            self._plan(now)

    def _pairs(self) -> zip[tuple[Cap, Tally]]:
        return zip(self.caps, self.tallies, strict=True)

    def _room(self, tally: Tally, share: float, now: float) -> float:
        tally.advance(now)
        return max(0.0, share) * tally.answers - tally.abandoned

    def recount(self, now: float, of_late: Mapping[float, Sequence[AnswersOfLate]]) -> None:
        """Hold what is on record, by the window's length; a window of which nothing is told is empty."""
        for cap, tally in self._pairs():
            tally.recount(now, of_late.get(cap.window_seconds, ()))
        self._planned_at = None

    def state(self, now: float) -> dict[str, object]:
        """Counts and level as plain JSON types."""
        return {
            "tallies": [tally.state(now) for tally in self.tallies],
            "level": self._level,
            "answers": self._answers,
            "rate": self._rate,
        }

    def restore(self, state: Mapping[str, object], now: float) -> None:
        """Take up what `state` gave, for the windows that still exist. Raises KeyError, TypeError or ValueError."""
        fresh = [Tally(cap.window_seconds) for cap in self.caps]
        saved = state["tallies"]
        if not isinstance(saved, Sequence):
            raise TypeError("not a list of windows")
        for one in saved:
            for tally in fresh:
                if one["window_seconds"] == tally.window_seconds:
                    tally.restore(one, now)
        level, answers, rate = (float(str(state[key])) for key in ("level", "answers", "rate"))
        if not (log(1e-4) <= level <= log(self._tuning.most_alpha) and answers >= 0 and 0.0 <= rate < 1e6):
            raise ValueError("figures of the governor are out of range")
        self.tallies, self._level, self._answers, self._rate = fresh, level, int(answers), rate
        self._last_answer = self._planned_at = None


def target_of(cap: Cap) -> float:
    """The share that a cap is steered to."""
    return max(0.0, min(cap.target, cap.hard_stop))
