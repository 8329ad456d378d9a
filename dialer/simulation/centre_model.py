"""The model of a centre: seats, calls and voters in virtual time, one event after another."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from dialer.pacing.cancelling import cancelled_first
from dialer.pacing.port import BusySeat, Pacer, PacingEvent, PacingEventKind, PacingSnapshot, RingingCall, SeatStage
from dialer.simulation.day_result import DayLog, Moment
from dialer.simulation.laws import Course, Ring, SwappedLists
from dialer.simulation.scenarios import CampaignModel, Scenario

if TYPE_CHECKING:
    from dialer.engine.trunks.state import CallStarts

_NO_LIMIT = 1_000_000
_tuple = tuple.__new__  # a named tuple's own constructor is a function around it, at twice the cost


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a policy is asked."""

    on_events: bool = True
    heartbeat_seconds: float = 1.0


EVENT_DRIVEN = Schedule()

# Seats, calls and the view of them that a pacer gets.


@runtime_checkable
class SelfTimed(Protocol):
    """A policy with loops of its own, which says when it wants to be asked next."""

    def next_decision_seconds(self) -> float:
        """The moment, on the snapshot's axis."""
        ...


@dataclass(slots=True, eq=False)
class SimulatedSeat:
    """One sign-in of one agent. An agent who comes back is a new seat."""

    stage: SeatStage | None = None  # None: free, on a break, or gone
    since: float = 0.0  # when talk or wrap-up began
    stage_since: float = 0.0
    leaving: bool = False  # has announced a break or log-off
    quits: bool = False  # will sign off after this call
    to_break: bool = False  # will take a break after this call
    campaign: int = 0
    work: int = 0  # grows with each piece of work, so that a signal of an earlier one is known as stale


@dataclass(slots=True, eq=False)
class SimulatedCall:
    """One attempt."""

    campaign: int
    began_seconds: float
    rings_at: float = math.inf  # known as it is placed, told once it is past
    in_flight: bool = True
    waits: bool = False
    answered_at: float = 0.0
    false_call: bool = False

    def stops_ringing(self, kind: PacingEventKind, now: float) -> PacingEvent:
        """What the pacer is told of the answer, or of the end without one."""
        rang = now - self.rings_at if self.rings_at <= now else None
        return PacingEvent(kind, now, now - self.began_seconds, ringing_seconds=rang)


class SimulatedCampaign:
    """One campaign's voters and numbers, with generators of its own."""

    def __init__(self, model: CampaignModel, hours: float, seed: int, index: int) -> None:
        self.model = model
        self.numbers = Random(f"numbers {seed} {index}")
        self.talks = Random(f"talks {seed} {index}")
        self.flights: dict[SimulatedCall, None] = {}
        self.finished = 0
        self.answers = 0
        rate = model.answer_rate
        if isinstance(rate, SwappedLists):
            self.rate: Course = rate.course(hours, Random(f"lists {seed} {index}"))
        else:
            self.rate = rate

    def landed(self, call: SimulatedCall, *, answered: bool) -> None:
        """A call was answered, or ended without."""
        del self.flights[call]
        self.finished += 1
        self.answers += answered

    def plain_rate(self) -> float:
        """Answers over finished attempts so far; what the other campaigns on the same seats are told of our calls."""
        return (self.answers + 3.0) / (self.finished + 10.0)


# The carrier of a simulated centre: channels, call starts per second, and what becomes of a call.


class SimulatedTrunks:
    """The trunks of one scenario: channels, and the call starts that who dials would be granted."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._starts: CallStarts | None = None
        if scenario.calls_per_second is not None:
            from dialer.engine.trunks.state import CallStarts  # noqa: PLC0415 - with a site's settings, 0.2 s of CPU a process

            self._starts = CallStarts(scenario.calls_per_second, 0.0)

    def room(self, now: float, channels_in_use: int) -> tuple[int, int]:
        """(free channels, call starts allowed at this instant)."""
        starts = _NO_LIMIT if self._starts is None else self._starts.available(now, leaving=0)
        return max(0, self._scenario.channels - channels_in_use), starts

    def seconds_to_next_start(self, now: float) -> float:
        """Seconds until a call may start; 0.0: at once."""
        return 0.0 if self._starts is None else self._starts.seconds_to_next(now, leaving=0)

    def start(self, now: float) -> None:
        """A call starts."""
        if self._starts is not None:
            self._starts.take(now)
            self._starts.went(now)

    def answers_falsely(self, now: float) -> bool:
        """Whether everything is answered at once and hung up."""
        false = self._scenario.false_answers
        return false is not None and false.from_seconds <= now < false.to_seconds

    def ring(self, now: float, chance: float, in_set_up: int, random: Random) -> Ring:
        """A call to a number with that chance of an answer."""
        scenario = self._scenario
        answered, seconds, set_up = scenario.ring.draw(random.random() < chance, random)
        if scenario.false_answers is not None and self.answers_falsely(now):
            return True, scenario.false_answers.answer_seconds, None
        if scenario.slow_after_calls is None:
            return answered, seconds, set_up
        delay = scenario.slow_seconds_per_call * max(0, in_set_up - scenario.slow_after_calls)
        seconds, set_up = seconds + delay, None if set_up is None else set_up + delay
        if seconds >= scenario.ring.ring_out_seconds:
            return False, scenario.ring.ring_out_seconds, set_up
        return answered, seconds, set_up


MOMENT_SECONDS = 60.0


class CentreModel:
    """One day of one scenario. Make it, `run` it once."""

    def __init__(
        self,
        scenario: Scenario,
        pacers: Sequence[Pacer],
        seed: int,
        schedule: Schedule,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        """`pacers`: one for each campaign. `progress` hears what share of the day has passed, once a minute."""
        self.scenario = scenario
        self.pacers = list(pacers)
        self.now = 0.0
        self.end = scenario.hours * 3600.0
        self._on_events = schedule.on_events
        self._heartbeat = schedule.heartbeat_seconds
        self._self_timed = [pacer for pacer in self.pacers if isinstance(pacer, SelfTimed)]
        self._progress = progress
        self.campaigns = [SimulatedCampaign(m, scenario.hours, seed, i) for i, m in enumerate(scenario.campaigns)]
        self._calls_random = Random(f"calls {seed}")
        self._seats_random = Random(f"seats {seed}")
        self._queue: list[tuple[float, int, Callable[..., None], object]] = []
        self._serial = 0
        self.free: deque[SimulatedSeat] = deque(SimulatedSeat() for _ in range(scenario.seats_at_start()))
        self.talking: dict[SimulatedSeat, None] = {}
        self.wrapping: dict[SimulatedSeat, None] = {}
        self.paused: dict[SimulatedSeat, None] = {}
        self.waiting: deque[SimulatedCall] = deque()
        self._changed = True
        self._next_decision = 0.0
        self._decided_at = -math.inf
        self._wakes = False  # a decision is already asked for
        self._turn = 0
        self._trunks = SimulatedTrunks(scenario)
        self._free_area = self._busy_area = self._area_at = 0.0
        self._placed = self._connected = self._cancelled = self._dropped = 0
        self._resolved: list[tuple[float, bool]] = []
        self._moments: list[Moment] = []
        self._costs: list[float] = []

    def run(self) -> DayLog:
        """The whole day."""
        for at, _ in self.scenario.seats.points:
            if 0.0 < at < self.end:
                self._later(at, self._shift_changes, None)
        self._later(0.0, self._beat, None)
        self._write_moment(None)
        queue, pop = self._queue, heapq.heappop
        while queue and queue[0][0] <= self.end:
            now, _, handle, subject = pop(queue)
            if now > self.now:
                self._advance(now)
            handle(subject)
            if self._changed and (not queue or queue[0][0] > self.now):
                self._consider()
        self._advance(self.end)
        if self._moments[-1].at_seconds < self.end:
            self._record()
        return DayLog(self.scenario.hours, self._resolved, self._moments, self._placed, self._cancelled, self._dropped,
                      self._costs)  # fmt: skip

    # -- time ---------------------------------------------------------------------------------------------------------

    def _later(self, at: float, handle: Callable[..., None], subject: object) -> None:
        self._serial += 1
        heapq.heappush(self._queue, (at, self._serial, handle, subject))

    def _advance(self, now: float) -> None:
        span = now - self._area_at
        self._free_area += span * len(self.free)
        self._busy_area += span * (len(self.talking) + len(self.wrapping))
        self._area_at = self.now = now

    def _beat(self, _: None) -> None:
        if (
            self._on_events and self._decided_at + self._heartbeat > self.now
        ):  # as the engine: when nothing made it decide since
            self._later(self._decided_at + self._heartbeat, self._beat, None)
            return
        self._changed = True
        if not self._on_events:
            self._decide()
        wanted = min((pacer.next_decision_seconds() for pacer in self._self_timed), default=0.0)
        self._later(wanted if wanted > self.now else self.now + self._heartbeat, self._beat, None)

    def _consider(self) -> None:
        if not self._on_events:
            self._changed = False
        elif self.now >= self._next_decision:
            self._next_decision = self.now + self.scenario.decision_interval_seconds
            self._decide()
        else:
            self._changed = False
            if not self._wakes:
                self._wakes = True
                self._later(self._next_decision, self._wake, None)

    def _wake(self, _: None) -> None:
        self._wakes, self._changed = False, True

    def _await_start(self) -> None:
        """Decide again once the calls per second allow a start, as the engine does."""
        seconds = self._trunks.seconds_to_next_start(self.now)
        if seconds > 0.0 and not self._wakes:
            self._wakes = True
            self._later(self.now + seconds + 1e-6, self._wake, None)

    # -- decisions ----------------------------------------------------------------------------------------------------

    def _decide(self) -> None:
        self._changed = False
        self._decided_at = self.now
        count = len(self.campaigns)
        self._turn += 1
        for step in range(count):
            index = (self._turn + step) % count
            pacer, view = self.pacers[index], self._view(index)
            started = perf_counter()
            excess = pacer.excess_calls(view)
            calls = pacer.calls_to_place(view)  # both, as in the engine, before any is hung up
            self._costs.append(perf_counter() - started)
            if excess > 0:
                self._cancel(index, excess)
            for _call in range(min(calls, view.free_channels, view.cps_budget)):
                self._place(index)
        if self._on_events:
            self._await_start()

    def _view(self, index: int) -> PacingSnapshot:
        """What a pacer is shown; of the calls in flight its own first, then those of other campaigns on the same seats."""
        now, own = self.now, self.campaigns[index]
        in_use = len(self.waiting) + len(self.talking)
        ringing: list[RingingCall] = []
        for campaign in (own, *[other for other in self.campaigns if other is not own]):
            rate = None if campaign is own else campaign.plain_rate()
            in_use += len(campaign.flights)
            ringing += [
                _tuple(
                    RingingCall,
                    (now - call.began_seconds, rate, now - rang if (rang := call.rings_at) <= now else None),
                )
                for call in campaign.flights
            ]
        busy = [
            _tuple(BusySeat, (seat.stage, now - seat.stage_since, seat.leaving))
            for seats in (self.talking, self.wrapping)
            for seat in seats
        ]
        waiting = [now - call.answered_at for call in self.waiting] if self.waiting else ()
        free_channels, starts = self._trunks.room(now, in_use)
        return PacingSnapshot(
            now,
            len(self.free),
            tuple(busy),
            len(self.paused),
            tuple(ringing),
            tuple(waiting),
            free_channels=free_channels,
            cps_budget=starts,
            seconds_left=self.end - now,
        )

    def _tell(self, campaign: int, kind: PacingEventKind, seconds: float = 0.0) -> None:
        self.pacers[campaign].observe(PacingEvent(kind, self.now, seconds))

    # -- calls --------------------------------------------------------------------------------------------------------

    def _place(self, index: int) -> None:
        campaign, now = self.campaigns[index], self.now
        call = SimulatedCall(index, now)
        call.false_call = self._trunks.answers_falsely(now)
        in_set_up = 0 if self.scenario.slow_after_calls is None else self._in_set_up()
        answered, seconds, set_up = self._trunks.ring(now, campaign.rate.at(now), in_set_up, campaign.numbers)
        self._trunks.start(now)
        if set_up is not None and set_up < seconds:
            call.rings_at = now + set_up
        self._later(now + seconds, self._answers if answered else self._fails, call)
        campaign.flights[call] = None
        self._placed += 1
        self._tell(index, PacingEventKind.PLACED)

    def _in_set_up(self) -> int:
        return sum(call.rings_at > self.now for campaign in self.campaigns for call in campaign.flights)

    def _land(self, call: SimulatedCall, *, answered: bool) -> bool:
        """Take a call out of flight; False when it was cancelled before."""
        if not call.in_flight:
            return False
        call.in_flight = False
        self.campaigns[call.campaign].landed(call, answered=answered)
        self._changed = True
        return True

    def _fails(self, call: SimulatedCall) -> None:
        if self._land(call, answered=False):
            self.pacers[call.campaign].observe(call.stops_ringing(PacingEventKind.FAILED, self.now))

    def _answers(self, call: SimulatedCall) -> None:
        if not self._land(call, answered=True):
            return
        call.answered_at = self.now
        self.pacers[call.campaign].observe(call.stops_ringing(PacingEventKind.ANSWERED, self.now))
        if self.free:
            self._connect(self.free.popleft(), call)
            return
        call.waits = True
        self.waiting.append(call)
        patience = self.scenario.connect_seconds
        hazard = self.scenario.voter_leaves_per_second
        leaves = self._calls_random.expovariate(hazard) if hazard > 0.0 else patience
        if call.false_call:
            leaves = min(leaves, 1.0)
        end = PacingEventKind.DROPPED if leaves < patience else PacingEventKind.ABANDONED
        self._later(self.now + min(leaves, patience), self._waits_no_more, (call, end))

    def _waits_no_more(self, subject: tuple[SimulatedCall, PacingEventKind]) -> None:
        """The voter left, or no seat came in time."""
        call, end = subject
        if call.waits:
            call.waits = False
            self.waiting.remove(call)
            self._changed = True
            abandoned = end is PacingEventKind.ABANDONED
            self._dropped += not abandoned
            self._resolved.append((self.now, abandoned))
            self._tell(call.campaign, end, self.now - call.answered_at)

    def _cancel(self, index: int, count: int) -> None:
        """Hang up unanswered calls, as who dials does."""
        flights = self.campaigns[index].flights
        told = [(call.began_seconds, call.rings_at if call.rings_at <= self.now else None, call) for call in flights]
        chosen = cancelled_first(told, self.now, self.scenario.minimum_ring_seconds)[:count]
        for call in chosen:
            call.in_flight = False
            del flights[call]
            self.pacers[index].observe(call.stops_ringing(PacingEventKind.CANCELLED, self.now))
        self._cancelled += len(chosen)

    # -- seats --------------------------------------------------------------------------------------------------------

    def _connect(self, seat: SimulatedSeat, call: SimulatedCall) -> None:
        campaign, scenario, random, now = self.campaigns[call.campaign], self.scenario, self._seats_random, self.now
        self._resolved.append((now, False))
        self._connected += 1
        seat.stage, seat.since, seat.stage_since = SeatStage.TALKING, now, now
        seat.campaign = call.campaign
        seat.work += 1
        self.talking[seat] = None
        talk = campaign.model.talk.draw(now, campaign.talks)
        if call.false_call and scenario.false_answers is not None:
            talk = scenario.false_answers.talk_seconds
        elif scenario.signals is not None:
            closing = scenario.signals.closing_at(talk, random)
            if closing is not None:
                self._later(now + closing, self._stage, (seat, seat.work, SeatStage.TALKING, SeatStage.CLOSING))
        breaks = scenario.breaks
        if breaks is not None and random.random() < breaks.chance:
            seat.to_break = True
            if random.random() < breaks.announced_share:
                self._later(now + random.random() * talk, self._announce, (seat, seat.work))
        self._later(now + talk, self._talk_ends, seat)
        self._tell(call.campaign, PacingEventKind.CONNECTED, now - call.answered_at)
        self._changed = True

    def _announce(self, subject: tuple[SimulatedSeat, int]) -> None:
        seat, work = subject
        if seat.work == work and seat.stage is not None:
            seat.leaving = True
            self._changed = True

    def _stage(self, subject: tuple[SimulatedSeat, int, SeatStage, SeatStage]) -> None:
        """The desk tells that a stage goes over into its inner one."""
        seat, work, outer, inner = subject
        if seat.work == work and seat.stage is outer:
            seat.stage, seat.stage_since = inner, self.now
            self._changed = True

    def _talk_ends(self, seat: SimulatedSeat) -> None:
        now, random, scenario = self.now, self._seats_random, self.scenario
        ended = self._stage_over(PacingEventKind.TALK_ENDED, seat)
        del self.talking[seat]
        self.wrapping[seat] = None
        seat.stage, seat.since, seat.stage_since = SeatStage.WRAP_UP, now, now
        shape = 1.0 / scenario.wrap_up_cv**2
        wrap_up = random.gammavariate(shape, scenario.wrap_up_mean_seconds / shape)
        if scenario.signals is not None:
            filled = scenario.signals.filled_at(wrap_up, random)
            if filled is not None:
                self._later(now + filled, self._stage, (seat, seat.work, SeatStage.WRAP_UP, SeatStage.WRAP_UP_FILLED))
        self._later(now + wrap_up, self._wrap_up_ends, seat)
        self.pacers[seat.campaign].observe(ended)
        self._changed = True

    def _stage_over(self, kind: PacingEventKind, seat: SimulatedSeat) -> PacingEvent:
        announced = seat.stage in (SeatStage.CLOSING, SeatStage.WRAP_UP_FILLED)
        return PacingEvent(
            kind, self.now, self.now - seat.since, True, None, self.now - seat.stage_since if announced else None
        )

    def _wrap_up_ends(self, seat: SimulatedSeat) -> None:
        leaves = seat.quits or seat.to_break
        kind = PacingEventKind.BREAK_STARTED if leaves else PacingEventKind.WRAP_UP_ENDED
        self.pacers[seat.campaign].observe(self._stage_over(kind, seat))
        del self.wrapping[seat]
        seat.stage = None
        self._changed = True
        if not leaves:
            self._becomes_free(seat)
        elif not seat.quits and self.scenario.breaks is not None:
            self.paused[seat] = None
            length = self._seats_random.expovariate(1.0 / self.scenario.breaks.mean_seconds)
            self._later(self.now + length, self._break_ends, seat)
        seat.leaving = seat.to_break = False

    def _break_ends(self, seat: SimulatedSeat) -> None:
        if seat in self.paused:
            del self.paused[seat]
            self._becomes_free(seat)

    def _becomes_free(self, seat: SimulatedSeat) -> None:
        self._changed = True
        if self.waiting:
            call = self.waiting.popleft()
            call.waits = False
            self._connect(seat, call)
        else:
            self.free.append(seat)

    def _shift_changes(self, _: None) -> None:
        staying = [seat for group in (self.talking, self.wrapping) for seat in group if not seat.quits]
        excess = len(self.free) + len(self.paused) + len(staying) - round(self.scenario.seats.at(self.now))
        for _arrival in range(-excess):
            self._becomes_free(SimulatedSeat())
        while excess > 0 and self.free:
            self.free.pop()
            excess -= 1
        while excess > 0 and self.paused:
            self.paused.popitem()
            excess -= 1
        for seat in staying[: max(0, excess)]:
            seat.quits = True
            seat.leaving = self._seats_random.random() < self.scenario.announced_leave_share
        self._changed = True

    # -- the record ---------------------------------------------------------------------------------------------------

    def _write_moment(self, _: None) -> None:
        self._record()
        if self.now + MOMENT_SECONDS <= self.end:
            self._later(self.now + MOMENT_SECONDS, self._write_moment, None)
        if self._progress is not None:
            self._progress(self.now / self.end)

    def _record(self) -> None:
        rates = [campaign.rate.at(self.now) for campaign in self.campaigns]
        ringing = sum(len(campaign.flights) for campaign in self.campaigns)
        self._moments.append(Moment(
            self.now, len(self.free), len(self.talking), len(self.wrapping), len(self.paused), ringing,
            len(self.waiting), sum(rates) / len(rates), self._free_area, self._busy_area, self._placed, self._connected,
        ))  # fmt: skip
