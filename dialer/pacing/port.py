"""The interface of a pacing policy: it gets the seats and calls (snapshot), and returns how many calls to place.

A policy is pure: no clock, no I/O, no global state, no random numbers. It learns from events
(`learn_from_pacing_event`). Its learned state can be saved before a restart and restored after it. Times are seconds of
one monotonic clock. Only their differences are used.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from dialer.domain.enums import Reserve, TextEnum

MOST_CALLS_AT_ONCE = 500
"""Maximum calls of a single decision: the largest site has 500 seats, and a wrong figure must not flood the trunks."""


class SeatStage(StrEnum):
    """The stage of the call at a busy seat, as far as the dialler knows it."""

    TALKING = "talking"
    CLOSING = "closing"  # the agent pressed "closing" or opened the last page of the script
    WRAP_UP = "wrap-up"
    WRAP_UP_FILLED = "wrap-up-filled"  # the agent announced the end of the wrap-up


# Named tuples, because a snapshot has dozens of them, and frozen dataclasses are slower to create.


class BusySeat(NamedTuple):
    """A seat whose agent talks to a voter or is in wrap-up."""

    stage: SeatStage
    elapsed_seconds: float  # in this stage
    leaving: bool = False  # a break or log-off follows, so the seat will not become free
    pacer: Pacer | None = None  # the pacer of the other campaign that the seat works for; None: ours


class RingingCall(NamedTuple):
    """A call that was placed and is not answered yet."""

    elapsed_seconds: float  # since the Originate was sent
    answer_probability: float | None = None  # for another campaign's call: that campaign's answer rate; None: ours
    ringing_seconds: float | None = None  # since the carrier reported ringing; None: not yet


@dataclass(frozen=True, slots=True)
class PacingSnapshot:
    """The input of one pacing decision for a campaign: its seats, its calls in progress, and its free channels."""

    now_seconds: float  # monotonic
    free_seats: int = 0  # ready, not reserved
    busy_seats: tuple[BusySeat, ...] = ()
    paused_seats: int = 0
    ringing: tuple[RingingCall, ...] = ()
    waiting_seconds: tuple[float, ...] = ()  # waiting time of each answered call without a seat
    free_channels: int = 1_000_000  # on the campaign's trunks, or fewer because of a supervisor's limit
    held_back: bool = False  # the supervisor's limit is lower than the free channels
    cps_budget: int = 1_000_000  # call starts that the trunks' CPS limits allow now
    active_calls: int = 0  # live calls of a campaign without agents
    seconds_left: float | None = None  # until the end of the calling day; None: unknown
    share: float = 1.0  # of the seats' time, that the campaign gets; the others on the same seats get the rest (0-1)

    @property
    def number_of_seats_for_callers(self) -> int:
        """Return the number of seats that can take callers: free now, or free after their present call."""
        return max(0, self.free_seats) + len([seat for seat in self.busy_seats if not seat.leaving])

    @property
    def free_seats_minus_calls_in_flight(self) -> int:
        """Return the number of free seats minus the number of calls in flight. The result is negative if there are more
        calls than free seats.
        """
        return max(0, self.free_seats) - len(self.ringing) - len(self.waiting_seconds)

    def limit_calls_to_trunk_capacity(self, wanted: int, limited_by: Limit) -> tuple[int, Limit]:
        """Return how many of `wanted` calls the trunks can start now, and the reason for this number.

        The reason is the number of free channels, the limit of calls per second, or `limited_by` if all calls can be
        started.
        """
        channels, cps = max(0, self.free_channels), max(0, self.cps_budget)
        of_channels = Limit.SPEED if self.held_back else Limit.CHANNELS
        room, limit = (channels, of_channels) if channels <= cps else (cps, Limit.CPS)
        room = min(room, MOST_CALLS_AT_ONCE)
        return (room, limit) if room < wanted else (max(0, wanted), limited_by)


class PacingEventKind(StrEnum):
    """The kind of event that a pacing policy learns from. Each event is reported once, in order of time."""

    ANSWERED = "answered"  # a person answered; seconds: since the call was placed
    FAILED = "failed"  # ended unanswered (busy, no answer, failure), or a machine answered; seconds: since placed
    CANCELLED = "cancelled"  # we hung up before an answer; says nothing about the number; seconds: since placed
    ABANDONED = "abandoned"  # no seat in time; counts against the cap
    # Detection took a call for a machine, which failed; share: the probability that it was a person, who was abandoned.
    TAKEN_FOR_MACHINE = "taken-for-machine"
    MACHINE = "machine"  # a call that was counted as answered was answered by a machine
    TALK_ENDED = "talk-ended"  # seconds: duration of the talk
    WRAP_UP_ENDED = "wrap-up-ended"  # seconds: duration of the wrap-up; the seat is free again, or its agent leaves
    LIST_CHANGED = "list-changed"  # other numbers are dialled from now on, so past answers say little about the next


class PacingEvent(NamedTuple):
    """An event, such as an answered call, that a pacing policy learns from."""

    kind: PacingEventKind
    at_seconds: float  # monotonic, from the same clock as the snapshots
    seconds: float = 0.0  # a duration whose meaning depends on the kind
    timed: bool = True  # False: the times of the call are unknown, because it was found after a restart
    # Ring time of a call that was answered, failed or was cancelled; None: it never rang.
    ringing_seconds: float | None = None
    closing_seconds: float | None = None  # time since the end of a talk or wrap-up was announced; None: it was not
    share: float = 0.0  # how much of a call counts as abandoned (0-1), of the kind TAKEN_FOR_MACHINE


@dataclass(frozen=True, slots=True)
class Cap:
    """An abandoned-call cap: a limit on the abandoned calls as a share of the calls answered by people, in a sliding
    time window.
    """

    window_seconds: float
    target: float  # the abandoned-call rate to aim at (0-1)
    hard_stop: float  # the abandoned-call rate that must never be exceeded (0-1)
    reserve: Reserve | None = None  # when the cap must hold in the worst case; None: no reserve


@dataclass(frozen=True, slots=True)
class RecentAnswers:
    """The number of answered and of abandoned calls in a short period, counted from the calls in the store."""

    age_seconds: float  # since the end of the period
    answers: float  # a call that detection took for a machine counts as a part of an abandoned one
    abandoned: float  # answers of these that were abandoned


class Limit(TextEnum):
    """The reason why a pacing policy placed no more calls (docs/explanation/pacing.md).

    Each reason has a name and a text. The supervisors' board shows the text, and has room for 52 characters.
    """

    NOBODY = "nobody", "no agent is available"
    AGENTS = "agents", "each free agent has a preview to dial"
    SEATS = "seats", "enough calls in progress for the free agents"
    CAP = "cap", "one more call would probably be abandoned"
    HARD_STOP = "hard-stop", "an abandoned call would exceed the cap"
    RESERVE = "reserve", "if all ringing calls were abandoned: cap exceeded"
    CHANNELS = "channels", "all channels are in use"
    SPEED = "speed", "at the speed limit set by a supervisor"
    CPS = "cps", "at the trunks' limit of calls per second (CPS)"
    SLOW_CARRIER = "slow-carrier", "the carrier is slow to ring"
    IN_FLIGHT = "in-flight", "at the limit of ringing calls"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The figures behind the number of calls that a pacing policy placed."""

    calls: int
    limited_by: Limit
    figures: Mapping[str, float] = field(default_factory=dict)  # such as free seats, expected answers, alpha

    def __str__(self) -> str:
        """Return one line with all figures of the pacing decision, for the log and for messages."""
        parts = " ".join(f"{name}={value:.3g}" for name, value in self.figures.items())
        return f"{self.calls} calls, limited by {self.limited_by}" + (f" ({parts})" if parts else "")


class Pacer(ABC):
    """A pacing policy for one campaign. This base class learns nothing, has no limit of the abandoned-call rate and
    cancels no calls.
    """

    caps: tuple[Cap, ...] = ()
    """The caps that the policy respects. After a restart their windows are filled from the stored calls."""

    def __init__(self) -> None:
        self._explanation = Explanation(0, Limit.NOBODY)

    @abstractmethod
    def count_calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Return how many calls to place now (0 or more). Implausible figures lead to a safe number, not to an error."""

    def learn_from_pacing_event(self, event: PacingEvent) -> None:  # noqa: B027 - nothing, for one that learns nothing
        """Learn from an event, such as an answered call. The caller passes every event once, in order of time."""

    def explain_last_pacing_decision(self) -> Explanation:
        """Return the reason for the pacing policy's last decision."""
        return self._explanation

    def count_ringing_calls_to_hang_up(self, snapshot: PacingSnapshot) -> int:
        """Return how many ringing calls to cancel because agents have left their seats (usually 0)."""
        return 0

    def forecast_seats_that_become_free(self, seats: Sequence[BusySeat]) -> Sequence[float] | None:
        """Return how many of these busy seats are expected to be free at each point in time, or None without a
        forecast.

        The result has the sums of the seats' probabilities, then the sums of their squares, and then of their cubes.
        The pacers of other campaigns that share the seats use the result.
        """
        return None

    def set_abandoned_rate_target(self, target: float) -> None:
        """Set the abandoned-call rate to aim at. The hard limits of the rate do not change."""
        self.set_abandoned_call_caps([replace(cap, target=target) for cap in self.caps])

    def set_abandoned_call_caps(self, caps: Sequence[Cap]) -> None:
        """Replace the limits of the abandoned-call rate (caps). Calls that were counted still count. The new caps must
        have time windows of the same lengths as the old ones.
        """
        self.caps = tuple(caps)

    def restore_answered_and_abandoned_counts(  # noqa: B027 - nothing, for a policy without caps
        self, now_seconds: float, recent: Mapping[float, Sequence[RecentAnswers]]
    ) -> None:
        """Replace the counts of answers and abandoned calls, on which the caps are checked, by counts from the store.

        `recent` maps the length of each cap's time window (seconds) to its counts, the oldest calls first.
        """

    def correct_answered_and_abandoned_counts(  # noqa: B027 - nothing, for a policy without caps
        self, now_seconds: float, changes: Mapping[float, Sequence[RecentAnswers]]
    ) -> None:
        """Add changes to the counts of past calls, on which the caps are checked. Negative numbers subtract.

        `changes` maps the length of each cap's time window (seconds) to its changes.
        """

    def get_learned_state(self) -> dict[str, object]:
        """Return what the pacing policy has learned, as plain JSON types. The calls counted for the abandoned-call rate
        are not part of it.
        """
        return {}

    def restore_learned_state(self, state: object) -> None:  # noqa: B027
        """Restore what the pacing policy had learned from a value of `get_learned_state`.

        A value that is damaged or of another version is ignored.
        """
