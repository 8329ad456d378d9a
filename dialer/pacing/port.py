"""The port of pacing: a snapshot goes in, a number of calls comes out.

A policy is pure: no clock, no I/O, no global state, no random numbers. It learns through `observe`; `state` and
`restore` carry what it has learned over a restart. Times are seconds of one monotonic clock; only their differences are
used.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from dialer.domain.enums import Reserve

MOST_CALLS_AT_ONCE = 500
"""The limit of a single decision: the largest site has 500 seats, and a wrong figure must not flood the trunks."""


class SeatStage(StrEnum):
    """The stage of a busy seat's conversation, as far as it is known."""

    TALKING = "talking"
    CLOSING = "closing"  # the agent pressed "closing" or has the last page of the script open
    WRAP_UP = "wrap-up"
    WRAP_UP_FILLED = "wrap-up-filled"  # the form is half filled: seconds to go


# What a snapshot has dozens of is a named tuple: a frozen dataclass takes six times as long to make.


class BusySeat(NamedTuple):
    """A seat with a voter, or in wrap-up."""

    stage: SeatStage
    elapsed_seconds: float  # in this stage
    leaving: bool = False  # has announced a break or log-off: will not be free afterwards


class RingingCall(NamedTuple):
    """A call that was placed and is not answered yet."""

    elapsed_seconds: float  # since the Originate was sent
    answer_probability: float | None = (
        None  # of another campaign's call on the same seats: that campaign's rate; None: ours
    )
    ringing_seconds: float | None = None  # since the carrier reported ringing; None: not yet


@dataclass(frozen=True, slots=True)
class PacingSnapshot:
    """Everything that a dialler can know at the moment of a decision, for one campaign."""

    now_seconds: float  # monotonic
    free_seats: int = 0  # ready, not reserved
    busy_seats: tuple[BusySeat, ...] = ()
    paused_seats: int = 0
    ringing: tuple[RingingCall, ...] = ()
    waiting_seconds: tuple[float, ...] = ()  # for each answered call without a seat: for how long it has waited
    free_channels: int = 1_000_000  # over the campaign's trunks, or fewer because of a supervisor's limit
    held_back: bool = False  # the supervisor's limit is the lower one
    cps_budget: int = 1_000_000  # call starts that the trunks' CPS limits allow now
    active_calls: int = 0  # of a campaign without agents: its live calls
    seconds_left: float | None = None  # of the calling day; None: unknown

    @property
    def seats_for_callers(self) -> int:
        """Return the seats that are free or will be free for callers."""
        return max(0, self.free_seats) + len([seat for seat in self.busy_seats if not seat.leaving])

    @property
    def seats_without_caller(self) -> int:
        """Return the free seats that no call in flight may need; negative if there are more calls than free seats."""
        return max(0, self.free_seats) - len(self.ringing) - len(self.waiting_seconds)

    def within_lines(self, wanted: int, limited_by: Limit) -> tuple[int, Limit]:
        """Return how many of `wanted` calls channels and CPS allow, and what limits the number."""
        channels, cps = max(0, self.free_channels), max(0, self.cps_budget)
        of_channels = Limit.SPEED if self.held_back else Limit.CHANNELS
        room, limit = (channels, of_channels) if channels <= cps else (cps, Limit.CPS)
        room = min(room, MOST_CALLS_AT_ONCE)
        return (room, limit) if room < wanted else (max(0, wanted), limited_by)


class PacingEventKind(StrEnum):
    """What happened. Each event is observed once, in order of time."""

    PLACED = "placed"  # an Originate was sent
    ANSWERED = "answered"  # a person answered; seconds: since placed
    FAILED = "failed"  # ended unanswered (busy, no answer, failure), or a machine answered; seconds: since placed
    CANCELLED = "cancelled"  # we hung up before an answer; says nothing about the number; seconds: since placed
    CONNECTED = "connected"  # a seat took the call; seconds: from answer to seat
    ABANDONED = "abandoned"  # no seat in time; counts against the cap
    DROPPED = "dropped"  # the voter hung up while waiting, before the connect limit; not an abandoned call
    MACHINE = "machine"  # what had counted as an answer was a machine
    TALK_ENDED = "talk-ended"  # seconds: talk
    WRAP_UP_ENDED = "wrap-up-ended"  # the seat is free again; seconds: wrap-up
    BREAK_STARTED = "break-started"  # a seat left after a call instead of becoming free


class PacingEvent(NamedTuple):
    """One thing that happened, for a policy to learn from."""

    kind: PacingEventKind
    at_seconds: float  # monotonic, of the same clock as the snapshot's
    seconds: float = 0.0  # depends on the kind
    timed: bool = True  # False: of a call found after a restart, whose times are unknown
    # Of a call that was answered, failed or was cancelled: for how long it rang; None: it never rang.
    ringing_seconds: float | None = None
    closing_seconds: float | None = None  # of a talk or wrap-up: since its end was announced; None: it was not


@dataclass(frozen=True, slots=True)
class Cap:
    """An abandoned-call cap: abandoned calls / live answers, over a sliding window."""

    window_seconds: float
    target: float  # the rate to steer to
    hard_stop: float  # the rate that must never be exceeded
    reserve: Reserve | None = None  # None: nothing is reserved for it


@dataclass(frozen=True, slots=True)
class AnswersOfLate:
    """The live answers of a short period, from the records."""

    age_seconds: float  # since the end of the period
    answers: int
    abandoned: int  # of those answers


class Limit(StrEnum):
    """What kept a decision from placing more calls: its name, and how a supervisor would say it (docs/explanation/pacing.md)."""

    words: str

    def __new__(cls, name: str, words: str) -> Limit:
        """`words`: at most 52 characters, for the board."""
        one = str.__new__(cls, name)
        one._value_, one.words = name, words
        return one

    NOBODY = "nobody", "nobody to talk to: no agent takes calls"
    AGENTS = "agents", "each free agent is shown a voter, and dials"
    SEATS = "seats", "enough calls on their way for the free agents"
    CAP = "cap", "waiting: one call more is likely to be abandoned"
    HARD_STOP = "hard-stop", "waiting: an abandoned call would pass the cap"
    RESERVE = "reserve", "waiting: all now ringing, abandoned, would pass it"
    CHANNELS = "channels", "all channels are in use"
    SPEED = "speed", "a supervisor allows no more calls today"
    CPS = "cps", "as many call starts a second as allowed"
    SLOW_CARRIER = "slow-carrier", "waiting: the carrier is slow to ring"
    IN_FLIGHT = "in-flight", "as many calls ringing as allowed"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a policy placed the number of calls it did."""

    calls: int
    limited_by: Limit
    # Free now, expected free, expected answers, alpha, budget.
    figures: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return one line with all figures, for the log and for messages."""
        parts = " ".join(f"{name}={value:.3g}" for name, value in self.figures.items())
        return f"{self.calls} calls, limited by {self.limited_by}" + (f" ({parts})" if parts else "")


class Pacer(ABC):
    """A pacing policy for one campaign. By default it learns nothing, has no cap and cancels no call."""

    caps: tuple[Cap, ...] = ()
    """The caps that it keeps to. After a restart their windows are filled from the records."""

    def __init__(self) -> None:
        self._explanation = Explanation(0, Limit.NOBODY)

    @abstractmethod
    def calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Return how many calls to place now (0 or more). Odd figures lead to a safe number, not to an error."""

    def observe(self, event: PacingEvent) -> None:  # noqa: B027 - nothing, for one that learns nothing
        """Learn from what happened. Events come in order of time, each once."""

    def explain(self) -> Explanation:
        """Return why the last decision was what it was."""
        return self._explanation

    def excess_calls(self, snapshot: PacingSnapshot) -> int:
        """Return how many ringing calls to cancel because seats have left; usually 0."""
        return 0

    def steer(self, target: float) -> None:
        """Steer to this abandoned-call rate. Hard stops do not change."""
        self.hold([replace(cap, target=target) for cap in self.caps])

    def hold(self, caps: Sequence[Cap]) -> None:
        """Take over these caps, for the same windows: their counts stay."""
        self.caps = tuple(caps)

    def recount(self, now_seconds: float, of_late: Mapping[float, Sequence[AnswersOfLate]]) -> None:  # noqa: B027
        """Replace the counts by what is on record, by window length, oldest first."""

    def state(self) -> dict[str, object]:
        """Return what was learned, as plain JSON types, without the counts of the caps."""
        return {}

    def restore(self, state: object) -> None:  # noqa: B027
        """Restore what `state` returned. A state that is damaged or of another version is ignored."""
