"""Seats, calls and the view of them that a pacer gets."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random
from typing import Protocol, runtime_checkable

from dialer.pacing.number_answers import NumberAnswers, NumberSigns
from dialer.pacing.port import BusySeat, PacingEvent, PacingEventKind, PacingSnapshot, RingingCall, SeatStage
from dialer.simulation.laws import Course, SwappedLists
from dialer.simulation.remembered import RollLaw
from dialer.simulation.scenarios import CampaignModel


@runtime_checkable
class SelfTimed(Protocol):
    """A policy with loops of its own, which says when it wants to be asked next."""

    def next_decision_seconds(self) -> float:
        """The moment, on the snapshot's axis."""
        ...


class Seat:
    """One sign-in of one agent. An agent who comes back is a new seat."""

    __slots__ = ("campaign", "false_call", "leaving", "quits", "since", "stage", "stage_since", "to_break", "work")

    def __init__(self) -> None:
        self.stage: SeatStage | None = None  # None: free, on a break, or gone
        self.since = 0.0  # when talk or wrap-up began
        self.stage_since = 0.0
        self.leaving = False  # has announced a break or log-off
        self.quits = False  # will sign off after this call
        self.to_break = False  # will take a break after this call
        self.campaign = 0
        self.false_call = False
        self.work = 0  # grows with each piece of work, so that a signal of an earlier one is known as stale


@dataclass(frozen=True, slots=True)
class Number:
    """A number to be dialled: its true answer probability, what the pacer is told, and what the store knows of it."""

    chance: float
    told: float | None = None
    signs: NumberSigns | None = None


class Call:
    """One attempt."""

    __slots__ = ("answered_at", "campaign", "false_call", "in_flight", "number", "placed_at", "ringing_since", "waits")

    def __init__(self, campaign: int, placed_at: float, number: Number) -> None:
        self.campaign = campaign
        self.placed_at = placed_at
        self.number = number
        self.ringing_since: float | None = None
        self.in_flight = True
        self.waits = False
        self.answered_at = 0.0
        self.false_call = False

    @property
    def told(self) -> float | None:
        """The answer probability that the pacer is told."""
        return self.number.told

    def stops_ringing(self, kind: PacingEventKind, now: float) -> PacingEvent:
        """What the pacer is told of the answer, or of the end without one."""
        rang = None if self.ringing_since is None else now - self.ringing_since
        return PacingEvent(kind, now, now - self.placed_at, self.told, ringing_seconds=rang)


class Campaign:
    """One campaign's voters and numbers, with generators of its own."""

    def __init__(self, model: CampaignModel, hours: float, seed: int, index: int) -> None:
        self.model = model
        self.numbers = Random(f"numbers {seed} {index}")
        self.talks = Random(f"talks {seed} {index}")
        self.flights: dict[Call, None] = {}
        self.finished = 0
        self.answers = 0
        rate = model.answer_rate
        if isinstance(rate, SwappedLists):
            self.rate: Course = rate.course(hours, Random(f"lists {seed} {index}"))
        else:
            self.rate = rate
        self.memory = NumberAnswers()  # what an engine learns of numbers
        self._next: Number | None = None

    def next_number(self, now: float) -> Number:
        """The number that would be dialled next."""
        law = self.model.numbers
        if law is None:
            return Number(self.rate.at(now))
        if self._next is None:
            if isinstance(law, RollLaw):
                chance, signs = law.draw(self.rate.at(now), self.numbers)
                self._next = Number(chance, self.memory.tell(signs), signs)
            else:
                self._next = Number(*law.draw(self.rate.at(now), self.numbers))
        return self._next

    def take_number(self, now: float) -> Number:
        """The next number, and on to the one after it."""
        number = self.next_number(now)
        self._next = None
        return number

    def landed(self, call: Call, *, answered: bool) -> None:
        """A call was answered, or ended without."""
        del self.flights[call]
        self.finished += 1
        self.answers += answered
        if call.number.signs is not None:
            self.memory.learn(call.number.signs, answered=answered)

    def plain_rate(self) -> float:
        """Answers over finished attempts so far; what the other campaigns on the same seats are told of our calls."""
        return (self.answers + 3.0) / (self.finished + 10.0)


class CentreView(PacingSnapshot):
    """A snapshot whose seats and calls are listed when they are first asked for.

    A policy that only counts and keeps no snapshot is spared the lists; for any other the model calls `list_all`.
    """

    __slots__ = ("_busy", "_campaigns", "_listed_busy", "_listed_ringing", "_listed_waiting", "_own", "_waiting")

    _busy: tuple[dict[Seat, None], dict[Seat, None]]
    _campaigns: list[Campaign]
    _listed_busy: tuple[BusySeat, ...] | None
    _listed_ringing: tuple[RingingCall, ...] | None
    _listed_waiting: tuple[float, ...] | None
    _own: int
    _waiting: deque[Call]

    def __init__(
        self,
        *,
        now: float,
        hour: int,
        free: int,
        paused: int,
        busy: tuple[dict[Seat, None], dict[Seat, None]],
        waiting: deque[Call],
        campaigns: list[Campaign],
        own: int,
        room: tuple[int, int],
    ) -> None:
        put = object.__setattr__  # as a frozen record's own constructor does
        put(self, "now_seconds", now)
        put(self, "hour", hour)
        put(self, "free_seats", free)
        put(self, "paused_seats", paused)
        put(self, "free_channels", room[0])
        put(self, "cps_budget", room[1])
        put(self, "next_answer_probability", campaigns[own].next_number(now).told)
        put(self, "active_calls", 0)
        put(self, "_busy", busy)
        put(self, "_waiting", waiting)
        put(self, "_campaigns", campaigns)
        put(self, "_own", own)
        put(self, "_listed_busy", None)
        put(self, "_listed_ringing", None)
        put(self, "_listed_waiting", None)

    @property
    def busy_seats(self) -> tuple[BusySeat, ...]:
        """Seats with a voter or in wrap-up."""
        if self._listed_busy is None:
            now = self.now_seconds
            listed = [
                BusySeat(seat.stage or SeatStage.TALKING, now - seat.since, now - seat.stage_since, seat.leaving)
                for group in self._busy
                for seat in group
            ]
            busy = tuple(listed)
            object.__setattr__(self, "_listed_busy", busy)
            return busy
        return self._listed_busy

    @property
    def ringing(self) -> tuple[RingingCall, ...]:
        """The campaign's calls in flight, then those of other campaigns on the same seats."""
        if self._listed_ringing is None:
            now = self.now_seconds
            listed: list[RingingCall] = []
            for index, campaign in enumerate(self._campaigns):
                usual = None if index == self._own else campaign.plain_rate()
                own_calls = [
                    RingingCall(
                        now - call.placed_at,
                        usual if call.told is None else call.told,
                        None if call.ringing_since is None else now - call.ringing_since,
                    )
                    for call in campaign.flights
                ]
                listed = own_calls + listed if index == self._own else listed + own_calls
            ringing = tuple(listed)
            object.__setattr__(self, "_listed_ringing", ringing)
            return ringing
        return self._listed_ringing

    @property
    def waiting_seconds(self) -> tuple[float, ...]:
        """Answered calls without a seat: how long each has waited."""
        if self._listed_waiting is None:
            waiting = tuple(self.now_seconds - call.answered_at for call in self._waiting)
            object.__setattr__(self, "_listed_waiting", waiting)
            return waiting
        return self._listed_waiting

    def list_all(self) -> None:
        """List everything now, for a policy that may look at the snapshot again after its decision."""
        _ = self.busy_seats, self.ringing, self.waiting_seconds
