"""The base class of pacing policies that limit the abandoned-call rate (caps), and the simplest such policy.

It places a fixed number of calls per free seat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import ClassVar

from dialer.pacing.estimators import Learned, limit_duration_to_valid_range
from dialer.pacing.governor import Governor
from dialer.pacing.port import (
    MOST_CALLS_AT_ONCE,
    Cap,
    Explanation,
    Limit,
    Pacer,
    PacingEvent,
    PacingEventKind,
    PacingSnapshot,
    RecentAnswers,
)
from dialer.pacing.tuning import TUNED, Tuning

STATE_VERSION = 4


class GovernedPacer(Learned, Pacer):
    """Base class of pacing policies with limits of the abandoned-call rate (caps). It counts answers and abandoned
    calls, and saves what it has learned.
    """

    SAVED: ClassVar = {"governor": None}

    def __init__(self, caps: Sequence[Cap], tuning: Tuning = TUNED) -> None:
        """Create the pacing policy of a campaign. `tuning` replaces the constants of pacing in experiments."""
        Pacer.__init__(self)
        self.caps = tuple(caps)
        self._tuning = tuning
        self._now: float | None = None
        self.governor = Governor(self.caps, tuning)

    def set_abandoned_call_caps(self, caps: Sequence[Cap]) -> None:
        """Replace the limits of the abandoned-call rate (caps). The new caps must have time windows of the same lengths
        as the old ones.
        """
        super().set_abandoned_call_caps(caps)
        self.governor.set_abandoned_call_caps(self.caps)

    def _advance_pacing_time(self, now: float) -> float:
        """Set the present time of the pacing policy to `now`, and return it. A time that is invalid, or earlier than
        the present time, is ignored.
        """
        if not -1e15 < now < 1e15:
            now = self._now or 0.0
        self.governor.now = self._now = now if self._now is None else max(self._now, now)
        return self._now

    def _count_calls_allowed_in_worst_case(self, snapshot: PacingSnapshot) -> int:
        """Return how many more calls may be placed if, in the worst case, every call in flight is answered and no seat
        becomes free. The number is negative if there are too many calls already.
        """
        room = min(self.governor.count_calls_allowed_in_worst_case(snapshot.free_seats), float(MOST_CALLS_AT_ONCE))
        return int(max(0.0, room)) + snapshot.free_seats_minus_calls_in_flight

    def learn_from_pacing_event(self, event: PacingEvent) -> None:
        """Count the call if it was answered or abandoned, so that the abandoned-call rate stays within its limits."""
        self._advance_pacing_time(event.at_seconds)
        if event.kind is PacingEventKind.ANSWERED:
            self.governor.count_answered_call(
                at_once=limit_duration_to_valid_range(event.seconds) < self._tuning.at_once_seconds
            )
        elif event.kind is PacingEventKind.ABANDONED:
            self.governor.count_abandoned_call()
        elif event.kind is PacingEventKind.TAKEN_FOR_MACHINE:
            self.governor.count_call_taken_for_machine(min(1.0, max(0.0, event.share)))
        elif event.kind is PacingEventKind.MACHINE:
            self.governor.add_answered_and_abandoned_counts(answers=-1)

    def restore_answered_and_abandoned_counts(
        self, now_seconds: float, recent: Mapping[float, Sequence[RecentAnswers]]
    ) -> None:
        """Replace the counts of answers and abandoned calls, on which the caps are checked, by counts from the store.

        `recent` maps the length of each cap's time window (seconds) to its counts.
        """
        self._advance_pacing_time(now_seconds)
        self.governor.restore_answered_and_abandoned_counts(recent)

    def correct_answered_and_abandoned_counts(
        self, now_seconds: float, changes: Mapping[float, Sequence[RecentAnswers]]
    ) -> None:
        """Add changes to the counts of past calls, on which the caps are checked. Negative numbers subtract.

        `changes` maps the length of each cap's time window (seconds) to its changes.
        """
        self._advance_pacing_time(now_seconds)
        self.governor.correct_answered_and_abandoned_counts(changes)

    def get_learned_state(self) -> dict[str, object]:
        """Return what the pacing policy has learned, as plain JSON types. The counts of answers and abandoned calls are
        left out, because they are restored from the store (`restore_answered_and_abandoned_counts`).
        """
        return {"version": STATE_VERSION, **super().get_learned_state()}

    def restore_learned_state(self, state: object) -> None:
        """Restore what the pacing policy had learned from a value of `get_learned_state`.

        A value that is damaged or of another version is ignored.
        """
        before = deepcopy(self.__dict__)
        try:
            if not isinstance(state, Mapping) or state["version"] != STATE_VERSION:
                raise ValueError(
                    "the saved pacing state is from another version of the pacing policy, so pacing starts without it"
                )
            super().restore_learned_state(state)
        except (ArithmeticError, KeyError, TypeError, ValueError):
            self.__dict__.update(before)


class RatioPacer(GovernedPacer):
    """Places a fixed number of calls per free seat (the ratio).

    It places only one call per free seat if one more abandoned call would exceed the target of the abandoned-call rate.
    VICIdial's default ratio counts all agents. This one counts free seats only: without a free seat, it places no call.
    """

    def count_calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Return how many calls to place until each free seat has its fixed number of calls in flight (the ratio).

        The trunks and the limits of the abandoned-call rate may reduce the number.
        """
        self._advance_pacing_time(snapshot.now_seconds)
        free = max(0, snapshot.free_seats)
        budget = self.governor.count_abandoned_calls_still_allowed()
        ratio, limited_by = (self._tuning.calls_per_seat, Limit.SEATS) if budget >= 1 else (1.0, Limit.CAP)
        wanted = max(0, int(ratio * max(0, free - len(snapshot.waiting_seconds))) - len(snapshot.ringing))
        reserve = max(0, self._count_calls_allowed_in_worst_case(snapshot))
        if wanted > reserve:
            wanted, limited_by = reserve, Limit.RESERVE
        calls, limited_by = snapshot.limit_calls_to_trunk_capacity(wanted, limited_by)
        if snapshot.number_of_seats_for_callers == 0:
            limited_by = Limit.NOBODY
        self._explanation = Explanation(calls, limited_by, {"free": float(free), "ratio": ratio, "budget": budget})
        return calls

    def count_ringing_calls_to_hang_up(self, snapshot: PacingSnapshot) -> int:
        """Return how many ringing calls exceed the ratio of calls per seat, or put the abandoned-call rate at risk.

        Without a logged-in agent, all ringing calls must be hung up.
        """
        self._advance_pacing_time(snapshot.now_seconds)
        ringing, seats = len(snapshot.ringing), snapshot.number_of_seats_for_callers
        if seats == 0:
            return ringing
        if snapshot.free_seats_minus_calls_in_flight >= 0:
            return 0
        return min(
            ringing,
            max(
                0,
                ringing - int(self._tuning.calls_per_seat * seats),
                -self._count_calls_allowed_in_worst_case(snapshot),
            ),
        )
