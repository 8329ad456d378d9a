"""The port of pacing: a snapshot in, a number of calls out.

A policy is pure: it reads no clock, does no I/O, holds no global state and draws no random number. What it has learned it
learned through `observe`, and `state` / `restore` carry that over a restart, so that a restarted dialler is not cold.
Times are seconds on one monotonic axis of the caller's choosing; a policy only ever uses their differences.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from dialer.domain.enums import Reserve

MOST_CALLS_AT_ONCE = 500
"""No single decision places more: the largest site has 500 seats, and a wrong figure must not become a flood."""


class SeatStage(StrEnum):
    """Where a busy seat is in its conversation, as far as the desk knows."""

    TALKING = "talking"
    CLOSING = "closing"  # the agent pressed "closing" or has the last page of the script open
    WRAP_UP = "wrap-up"
    WRAP_UP_FILLED = "wrap-up-filled"  # the form is half filled: seconds to go


# What a snapshot has dozens of, made anew at each decision, is a tuple with names: a frozen record takes six times as long to make.


class BusySeat(NamedTuple):
    """A seat with a voter, or in wrap-up after one."""

    stage: SeatStage
    elapsed_seconds: float  # in this stage
    leaving: bool = False  # has announced a break or log-off: will not be free afterwards


class RingingCall(NamedTuple):
    """A call that was originated and is not answered yet."""

    elapsed_seconds: float  # since the Originate was written
    answer_probability: float | None = (
        None  # of another campaign's call on the same seats: that campaign's rate; None: ours
    )
    ringing_seconds: float | None = None  # since the carrier said "ringing"; None: it has not yet


@dataclass(frozen=True, slots=True)
class PacingSnapshot:
    """All that a dialler can know at the moment of a decision, for one campaign."""

    now_seconds: float  # monotonic
    free_seats: int = 0  # ready, not reserved
    busy_seats: tuple[BusySeat, ...] = ()
    paused_seats: int = 0
    ringing: tuple[RingingCall, ...] = ()
    waiting_seconds: tuple[float, ...] = ()  # answered calls without a seat: seconds each has waited
    free_channels: int = 1_000_000  # over the campaign's trunks, or fewer by a supervisor's word
    held_back: bool = False  # it is by that word
    cps_budget: int = 1_000_000  # call starts that the trunks' CPS allow at this instant
    active_calls: int = 0  # of a campaign without agents: its calls that are not over (broadcast)
    seconds_left: float | None = None  # of the calling day; None: it is not known when that ends

    @property
    def seats_for_callers(self) -> int:
        """Seats that are free or will be: a seat that leaves after its call, or is paused, takes no caller."""
        return max(0, self.free_seats) + len([seat for seat in self.busy_seats if not seat.leaving])

    @property
    def seats_without_caller(self) -> int:
        """Free seats that no ringing or waiting call may claim; below 0 when more calls than free seats are in flight."""
        return max(0, self.free_seats) - len(self.ringing) - len(self.waiting_seconds)

    def within_lines(self, wanted: int, limited_by: Limit) -> tuple[int, Limit]:
        """Of the calls `wanted` those that free channels and the CPS budget allow, and what stands in the way of more:
        `limited_by`, if the lines do not."""
        channels, cps = max(0, self.free_channels), max(0, self.cps_budget)
        of_channels = Limit.SPEED if self.held_back else Limit.CHANNELS
        room, limit = (channels, of_channels) if channels <= cps else (cps, Limit.CPS)
        room = min(room, MOST_CALLS_AT_ONCE)
        return (room, limit) if room < wanted else (max(0, wanted), limited_by)


class PacingEventKind(StrEnum):
    """What happened. One event is observed once, in order of time."""

    PLACED = "placed"  # an Originate was written
    ANSWERED = "answered"  # a person answered; seconds: since placed
    FAILED = "failed"  # ended unanswered (busy, no answer, failure), or a machine answered; seconds: since placed
    CANCELLED = "cancelled"  # we hung up before an answer; says nothing of the number; seconds: since placed
    CONNECTED = "connected"  # a seat took it; seconds: from answer to seat
    ABANDONED = "abandoned"  # no seat in time; counts against the cap
    DROPPED = "dropped"  # the voter hung up while waiting, before the connect limit; not an abandoned call
    MACHINE = "machine"  # what had counted as an answer was a machine: no answer by a person
    TALK_ENDED = "talk-ended"  # seconds: talk
    WRAP_UP_ENDED = "wrap-up-ended"  # the seat is free again; seconds: wrap-up
    BREAK_STARTED = "break-started"  # a seat left after a call instead of becoming free


class PacingEvent(NamedTuple):
    """One thing that happened, for a policy to learn from."""

    kind: PacingEventKind
    at_seconds: float  # monotonic, the same axis as the snapshot's
    seconds: float = 0.0  # see the kind
    timed: bool = True  # False: of a call that was found after a restart, whose times are not known
    # Of a call that was answered, failed or was cancelled: from "ringing" to that moment; None: it never rang.
    ringing_seconds: float | None = None
    closing_seconds: float | None = None  # of a talk or wrap-up: since its end was announced; None: it was not


@dataclass(frozen=True, slots=True)
class Cap:
    """An abandoned-call cap: abandoned / live answers, over a sliding window."""

    window_seconds: float
    target: float  # steer to this share
    hard_stop: float  # never be above this one
    reserve: Reserve | None = None  # None: it is not reserved for


@dataclass(frozen=True, slots=True)
class AnswersOfLate:
    """Live answers of one short stretch of time, as records have them."""

    age_seconds: float  # since the stretch's end
    answers: int
    abandoned: int  # of those


class Limit(StrEnum):
    """What kept a decision from placing more calls: its name, and how a supervisor would say it (docs/pacing.md has more)."""

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
        """One line for the log and the campaign's messages, figures included."""
        parts = " ".join(f"{name}={value:.3g}" for name, value in self.figures.items())
        return f"{self.calls} calls, limited by {self.limited_by}" + (f" ({parts})" if parts else "")


class Pacer(ABC):
    """A pacing policy for one campaign. What one does not say otherwise, it learns nothing, holds no cap and takes no call back."""

    caps: tuple[Cap, ...] = ()
    """The caps that it holds. What their windows hold is on record, so that a restarted dialler need not believe what it kept."""

    def __init__(self) -> None:
        self._explanation = Explanation(0, Limit.NOBODY)

    @abstractmethod
    def calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """How many calls to originate at this instant, 0 or more. Never raises for odd figures: it says a safe number."""

    def observe(self, event: PacingEvent) -> None:  # noqa: B027 - nothing, for one that learns nothing
        """Learn from what happened. Events come in order of time, each once."""

    def explain(self) -> Explanation:
        """Why the last decision was what it was."""
        return self._explanation

    def excess_calls(self, snapshot: PacingSnapshot) -> int:
        """How many ringing calls should be cancelled because seats left in a burst; mostly 0."""
        return 0

    def steer(self, target: float) -> None:
        """Steer to that abandoned share from now on; where a campaign stops does not move."""
        self.hold([replace(cap, target=target) for cap in self.caps])

    def hold(self, caps: Sequence[Cap]) -> None:
        """Hold these caps from now on, of the same windows: what these have counted stays."""
        self.caps = tuple(caps)

    def recount(self, now_seconds: float, of_late: Mapping[float, Sequence[AnswersOfLate]]) -> None:  # noqa: B027
        """Put what is on record, by `Cap.window_seconds` and the oldest first, in the place of what was counted."""

    def state(self) -> dict[str, object]:
        """What was learned, as plain JSON types; not what the caps' windows hold."""
        return {}

    def restore(self, state: object) -> None:  # noqa: B027
        """Take up what `state` gave. A state of another version or a damaged one is ignored: the policy starts cold."""
