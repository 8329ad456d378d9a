"""The event loop of a simulated centre: seats, calls and voters in virtual time, one event after another."""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from operator import attrgetter
from random import Random
from time import perf_counter

from dialer.centre_model.day_result import CentreMoment, DayLog
from dialer.centre_model.scenario import Scenario
from dialer.centre_model.schedule import Schedule, SelfTimedPacer
from dialer.centre_model.state import SimulatedCall, SimulatedCampaign, SimulatedSeat
from dialer.centre_model.trunks import SimulatedTrunks
from dialer.engine.placing.fair_shares import (
    ALL_CALLS,
    CampaignLoad,
    Contender,
    FairShares,
    SeatUse,
    Turn,
    count_seats_usable_at_cap,
)
from dialer.pacing.cancelling import sort_calls_to_hang_up
from dialer.pacing.port import (
    BusySeat,
    Limit,
    Pacer,
    PacingEvent,
    PacingEventKind,
    PacingSnapshot,
    RingingCall,
    SeatStage,
)

MOMENT_SECONDS = 60.0
_get_campaign = attrgetter("campaign")
_tuple = tuple.__new__  # faster than the constructor of a named tuple, which is a Python function


class CentreModel:
    """A simulation of one day of a scenario. Call `simulate_whole_day` once."""

    def __init__(
        self,
        scenario: Scenario,
        pacers: Sequence[Pacer],
        seed: int,
        schedule: Schedule,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        """Create the model, with a pacing policy (pacer) for each campaign.

        `progress` is called every simulated minute with the share of the day that has passed (0-1).
        """
        self.scenario = scenario
        self.pacers = list(pacers)
        self.now = 0.0
        self.end = scenario.hours * 3600.0
        self._on_events = schedule.on_events
        self._heartbeat = schedule.heartbeat_seconds
        self._self_timed = [pacer for pacer in self.pacers if isinstance(pacer, SelfTimedPacer)]
        self._progress = progress
        self.campaigns = [SimulatedCampaign(m, scenario.hours, seed, i) for i, m in enumerate(scenario.campaigns)]
        self._calls_random = Random(f"calls {seed}")
        self._seats_random = Random(f"seats {seed}")
        self._queue: list[tuple[float, int, Callable[..., None], object]] = []
        self._serial = 0
        self.free: deque[SimulatedSeat] = deque(SimulatedSeat() for _ in range(scenario.count_seats_at_start()))
        self.reserved: dict[SimulatedSeat, SimulatedCall] = {}
        self.talking: dict[SimulatedSeat, None] = {}
        self.wrapping: dict[SimulatedSeat, None] = {}
        self.paused: dict[SimulatedSeat, None] = {}
        self.waiting: deque[SimulatedCall] = deque()
        self._changed = True
        self._next_decision = 0.0
        self._decided_at = -math.inf
        self._wake_scheduled = False  # a decision is scheduled
        self._shares = FairShares()
        self._trunks = SimulatedTrunks(scenario)
        self._free_area = self._busy_area = self._area_at = 0.0
        self._placed = self._connected = self._cancelled = self._dropped = 0
        self._resolved: list[tuple[float, bool]] = []
        self._moments: list[CentreMoment] = []
        self._decision_costs: list[float] = []

    def simulate_whole_day(self) -> DayLog:
        """Simulate the whole day and return its log."""
        for at, _ in self.scenario.seats.points:
            if 0.0 < at < self.end:
                self._schedule_event_at(at, self._handle_shift_change, None)
        self._schedule_event_at(0.0, self._run_pacing_decision_at_heartbeat, None)
        self._log_centre_state_every_minute(None)
        queue, pop = self._queue, heapq.heappop
        while queue and queue[0][0] <= self.end:
            now, _, handle, subject = pop(queue)
            if now > self.now:
                self._advance_clock(now)
            handle(subject)
            if self._changed and (not queue or queue[0][0] > self.now):
                self._run_pacing_decision_if_due()
        self._advance_clock(self.end)
        if self._moments[-1].at_seconds < self.end:
            self._log_centre_state()
        return DayLog(self.scenario.hours, self._resolved, self._moments, self._placed, self._cancelled, self._dropped,
                      self._decision_costs, [campaign.day for campaign in self.campaigns])  # fmt: skip

    # Time

    def _schedule_event_at(self, at: float, handle: Callable[..., None], subject: object) -> None:
        self._serial += 1
        heapq.heappush(self._queue, (at, self._serial, handle, subject))

    def _advance_clock(self, now: float) -> None:
        span = now - self._area_at
        self._free_area += span * (len(self.free) + len(self.reserved))
        self._busy_area += span * (len(self.talking) + len(self.wrapping))
        if len(self.campaigns) > 1:
            seats = Counter(map(_get_campaign, chain(self.talking, self.wrapping)))
            for index, campaign in enumerate(self.campaigns):
                campaign.day.add_seconds_to_quarter_hour(
                    self._area_at, agent_seconds=span * seats[index], seconds_at_cap=span * campaign.is_at_cap
                )
        self._area_at = self.now = now

    def _run_pacing_decision_at_heartbeat(self, _: None) -> None:
        if self._on_events and self._decided_at + self._heartbeat > self.now:  # a decision has been made since
            self._schedule_event_at(self._decided_at + self._heartbeat, self._run_pacing_decision_at_heartbeat, None)
            return
        self._changed = True
        if not self._on_events:
            self._run_pacing_decision()
        wanted = min((pacer.get_time_of_next_decision() for pacer in self._self_timed), default=0.0)
        self._schedule_event_at(
            wanted if wanted > self.now else self.now + self._heartbeat, self._run_pacing_decision_at_heartbeat, None
        )

    def _run_pacing_decision_if_due(self) -> None:
        if not self._on_events:
            self._changed = False
        elif self.now >= self._next_decision:
            self._next_decision = self.now + self.scenario.decision_interval_seconds
            self._run_pacing_decision()
        else:
            self._changed = False
            if not self._wake_scheduled:
                self._wake_scheduled = True
                self._schedule_event_at(self._next_decision, self._request_pacing_decision, None)

    def _request_pacing_decision(self, _: None) -> None:
        self._wake_scheduled, self._changed = False, True

    def _schedule_decision_at_next_call_start(self) -> None:
        """Schedule a pacing decision for the moment when the limit of calls per second allows another call."""
        seconds = self._trunks.get_seconds_to_next_call_start(self.now)
        if seconds > 0.0 and not self._wake_scheduled:
            self._wake_scheduled = True
            self._schedule_event_at(self.now + seconds + 1e-6, self._request_pacing_decision, None)

    # Decisions

    def _run_pacing_decision(self) -> None:
        self._changed = False
        self._decided_at = self.now
        if len(self.campaigns) == 1:
            self._place_calls_of_campaign(0, ALL_CALLS, ())
        else:
            self._place_calls_in_turns()
        if self._on_events:
            self._schedule_decision_at_next_call_start()

    def _place_calls_in_turns(self) -> None:
        """Let the campaigns place calls in turns, as the engine does."""
        self._record_agent_time()
        at_work = len(self.free) + len(self.reserved) + len(self.talking) + len(self.wrapping)
        seats = frozenset(map(str, range(at_work)))
        self._shares.place_calls_in_turns(
            [
                Contender(str(index), campaign.model.weight, seats, partial(self._place_calls_of_campaign, index))
                for index, campaign in enumerate(self.campaigns)
            ]
        )

    def _record_agent_time(self) -> None:
        in_use: dict[str, list[SeatUse]] = {str(index): [] for index in range(len(self.campaigns))}
        for call in self.reserved.values():
            in_use[str(call.campaign)].append(SeatUse(0.0))
        for seats, wraps in ((self.talking, False), (self.wrapping, True)):
            for seat in seats:
                in_use[str(seat.campaign)].append(SeatUse(self.now - seat.since, wraps))
        waiting = Counter(call.campaign for call in self.waiting)
        self._shares.record_agent_time(
            self.now,
            {
                str(index): CampaignLoad(
                    in_use[str(index)], sum(call.seat is None for call in campaign.unanswered), waiting[index]
                )
                for index, campaign in enumerate(self.campaigns)
            },
        )

    def _place_calls_of_campaign(self, index: int, most: int, _: object) -> Turn:
        pacer, view = self.pacers[index], self._make_pacing_snapshot(index)
        started = perf_counter()
        excess = pacer.count_ringing_calls_to_hang_up(view)
        calls = min(pacer.count_calls_to_place(view), view.free_channels, view.cps_budget)  # before any is cancelled
        self._decision_costs.append(perf_counter() - started)
        if excess > 0:
            self._cancel_calls(index, excess)
        limited_by = pacer.explain_last_pacing_decision().limited_by if len(self.pacers) > 1 else None
        self.campaigns[index].is_at_cap = limited_by is Limit.HARD_STOP
        if limited_by is Limit.HARD_STOP:
            return Turn(
                self._place_calls_with_reserved_seats(index, min(most, view.free_channels, view.cps_budget)), limited_by
            )
        placed = min(most, calls)
        for _call in range(placed):
            self._place_call(index)
        return Turn(placed, limited_by)

    def _place_calls_with_reserved_seats(self, index: int, most: int) -> int:
        """Place calls that each have a free seat reserved, as the engine does at the abandoned-call cap. Return their
        number.
        """
        busy = sum(seat.campaign == index for seats in (self.talking, self.wrapping) for seat in seats)
        busy += sum(call.campaign == index for call in self.reserved.values())
        seats = len(self.free) + len(self.reserved) + len(self.talking) + len(self.wrapping)
        limit = count_seats_usable_at_cap(seats * self._compute_campaign_share_of_seat_time(index))
        placed = max(0, min(most, len(self.free), limit - busy))
        for _call in range(placed):
            self._place_call(index, self.free.popleft())
        return placed

    def _compute_campaign_share_of_seat_time(self, index: int) -> float:
        return self.campaigns[index].model.weight / sum(campaign.model.weight for campaign in self.campaigns)

    def _make_pacing_snapshot(self, index: int) -> PacingSnapshot:
        """Return the seats and calls that a campaign's pacing policy sees. The campaign's own unanswered calls come
        first.
        """
        now, own = self.now, self.campaigns[index]
        in_use = len(self.waiting) + len(self.talking)
        ringing: list[RingingCall] = []
        for other in (index, *[each for each in range(len(self.campaigns)) if each != index]):
            campaign = self.campaigns[other]
            rate = None if campaign is own else self._shares.get_answer_rate_of_campaign(str(other))
            in_use += len(campaign.unanswered)
            ringing += [
                _tuple(
                    RingingCall,
                    (now - call.began_seconds, rate, now - rang if (rang := call.rings_at) <= now else None),
                )
                for call in campaign.unanswered
                if call.seat is None
            ]
        busy = [
            _tuple(
                BusySeat,
                (
                    seat.stage,
                    now - seat.stage_since,
                    seat.leaving,
                    None if seat.campaign == index else self.pacers[seat.campaign],
                ),
            )
            for seats in (self.talking, self.wrapping)
            for seat in seats
        ]
        busy += [
            _tuple(
                BusySeat,
                (SeatStage.TALKING, 0.0, False, None if call.campaign == index else self.pacers[call.campaign]),
            )
            for call in self.reserved.values()
        ]
        waiting = [now - call.answered_at for call in self.waiting] if self.waiting else ()
        free_channels, starts = self._trunks.get_free_channels_and_call_starts(now, in_use)
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
            share=self._compute_campaign_share_of_seat_time(index),
        )

    def _pass_event_to_pacer(self, campaign: int, event: PacingEvent) -> None:
        self.pacers[campaign].learn_from_pacing_event(event)
        if len(self.campaigns) > 1:
            self._shares.learn_from_pacing_event(str(campaign), event)

    # Calls

    def _place_call(self, index: int, seat: SimulatedSeat | None = None) -> None:
        campaign, now = self.campaigns[index], self.now
        call = SimulatedCall(index, now, seat=seat)
        if seat is not None:
            self.reserved[seat] = call
        call.false_call = self._trunks.is_carrier_answering_falsely(now)
        in_set_up = 0 if self.scenario.slow_after_calls is None else self._count_calls_before_ringing()
        answered, seconds, set_up = self._trunks.pick_random_ring_time(
            now, campaign.rate.get_value_at_time_of_day(now), in_set_up, campaign.numbers
        )
        self._trunks.count_call_start(now)
        if set_up is not None and set_up < seconds:
            call.rings_at = now + set_up
        self._schedule_event_at(
            now + seconds, self._handle_call_answer if answered else self._handle_call_failure, call
        )
        campaign.unanswered[call] = None
        self._placed += 1

    def _count_calls_before_ringing(self) -> int:
        return sum(call.rings_at > self.now for campaign in self.campaigns for call in campaign.unanswered)

    def _remove_call(self, call: SimulatedCall) -> bool:
        """Remove a call from its campaign's unanswered calls. Return False if the call was already cancelled."""
        if not call.is_unanswered:
            return False
        call.is_unanswered = False
        del self.campaigns[call.campaign].unanswered[call]
        self._changed = True
        return True

    def _handle_call_failure(self, call: SimulatedCall) -> None:
        if self._remove_call(call):
            self._pass_event_to_pacer(
                call.campaign, call.create_event_of_answer_or_failure(PacingEventKind.FAILED, self.now)
            )
            if call.seat is not None:
                del self.reserved[call.seat]
                self._make_seat_available(call.seat)

    def _handle_call_answer(self, call: SimulatedCall) -> None:
        if not self._remove_call(call):
            return
        call.answered_at = self.now
        self._pass_event_to_pacer(
            call.campaign, call.create_event_of_answer_or_failure(PacingEventKind.ANSWERED, self.now)
        )
        if call.seat is not None:
            del self.reserved[call.seat]
            self._connect_call(call.seat, call)
            return
        if self.free:
            self._connect_call(self.free.popleft(), call)
            return
        call.is_waiting = True
        self.waiting.append(call)
        patience = self.scenario.connect_seconds
        hazard = self.scenario.voter_leaves_per_second
        leaves = self._calls_random.expovariate(hazard) if hazard > 0.0 else patience
        if call.false_call:
            leaves = min(leaves, 1.0)
        self._schedule_event_at(
            self.now + min(leaves, patience), self._end_call_that_waits_for_seat, (call, leaves >= patience)
        )

    def _end_call_that_waits_for_seat(self, subject: tuple[SimulatedCall, bool]) -> None:
        """End a call that waits for a seat: the voter hung up, or no seat became free within the connect limit."""
        call, abandoned = subject
        if call.is_waiting:
            call.is_waiting = False
            self.waiting.remove(call)
            self._changed = True
            self._dropped += not abandoned
            self._resolved.append((self.now, abandoned))
            day = self.campaigns[call.campaign].day
            day.answered += 1
            day.abandoned += abandoned
            if abandoned:
                self._pass_event_to_pacer(
                    call.campaign, PacingEvent(PacingEventKind.ABANDONED, self.now, self.now - call.answered_at)
                )

    def _cancel_calls(self, index: int, count: int) -> None:
        """Cancel unanswered calls in the same order as the engine."""
        unanswered = self.campaigns[index].unanswered
        without_seat = [call for call in unanswered if call.seat is None]
        candidates = [
            (call.began_seconds, call.rings_at if call.rings_at <= self.now else None, call) for call in without_seat
        ]
        chosen = sort_calls_to_hang_up(candidates, self.now, self.scenario.minimum_ring_seconds)[:count]
        for call in chosen:
            call.is_unanswered = False
            del unanswered[call]
            self._pass_event_to_pacer(
                index, call.create_event_of_answer_or_failure(PacingEventKind.CANCELLED, self.now)
            )
        self._cancelled += len(chosen)

    # Seats

    def _connect_call(self, seat: SimulatedSeat, call: SimulatedCall) -> None:
        campaign, scenario, random, now = self.campaigns[call.campaign], self.scenario, self._seats_random, self.now
        self._resolved.append((now, False))
        self._connected += 1
        campaign.day.answered += 1
        seat.stage, seat.since, seat.stage_since = SeatStage.TALKING, now, now
        seat.campaign = call.campaign
        seat.work += 1
        self.talking[seat] = None
        talk = campaign.model.talk.pick_random_talk_seconds(now, campaign.talks)
        if call.false_call and scenario.false_answers is not None:
            talk = scenario.false_answers.talk_seconds
        elif scenario.signals is not None:
            closing = scenario.signals.pick_random_time_of_closing_signal(talk, random)
            if closing is not None:
                self._schedule_event_at(
                    now + closing,
                    self._handle_nearly_free_signal,
                    (seat, seat.work, SeatStage.TALKING, SeatStage.CLOSING),
                )
        breaks = scenario.breaks
        if breaks is not None and random.random() < breaks.chance:
            seat.to_break = True
            if random.random() < breaks.announced_share:
                self._schedule_event_at(
                    now + random.random() * talk, self._handle_break_announced_during_call, (seat, seat.work)
                )
        self._schedule_event_at(now + talk, self._handle_talk_end, seat)
        self._changed = True

    def _handle_break_announced_during_call(self, subject: tuple[SimulatedSeat, int]) -> None:
        seat, work = subject
        if seat.work == work and seat.stage is not None:
            seat.leaving = True
            self._changed = True

    def _handle_nearly_free_signal(self, subject: tuple[SimulatedSeat, int, SeatStage, SeatStage]) -> None:
        """Handle an agent's signal that the talk is closing, or that the wrap-up form is half filled."""
        seat, work, outer, inner = subject
        if seat.work == work and seat.stage is outer:
            seat.stage, seat.stage_since = inner, self.now
            self._changed = True

    def _handle_talk_end(self, seat: SimulatedSeat) -> None:
        now, random, scenario = self.now, self._seats_random, self.scenario
        ended = self._create_pacing_event_of_seat(PacingEventKind.TALK_ENDED, seat)
        del self.talking[seat]
        self.wrapping[seat] = None
        seat.stage, seat.since, seat.stage_since = SeatStage.WRAP_UP, now, now
        shape = 1.0 / scenario.wrap_up_cv**2
        wrap_up = random.gammavariate(shape, scenario.wrap_up_mean_seconds / shape)
        if scenario.signals is not None:
            filled = scenario.signals.pick_random_time_of_form_signal(wrap_up, random)
            if filled is not None:
                self._schedule_event_at(
                    now + filled,
                    self._handle_nearly_free_signal,
                    (seat, seat.work, SeatStage.WRAP_UP, SeatStage.WRAP_UP_FILLED),
                )
        self._schedule_event_at(now + wrap_up, self._handle_wrap_up_end, seat)
        self._pass_event_to_pacer(seat.campaign, ended)
        self._changed = True

    def _create_pacing_event_of_seat(self, kind: PacingEventKind, seat: SimulatedSeat) -> PacingEvent:
        announced = seat.stage in (SeatStage.CLOSING, SeatStage.WRAP_UP_FILLED)
        return PacingEvent(
            kind, self.now, self.now - seat.since, True, None, self.now - seat.stage_since if announced else None
        )

    def _handle_wrap_up_end(self, seat: SimulatedSeat) -> None:
        leaves = seat.logs_out or seat.to_break
        self._pass_event_to_pacer(seat.campaign, self._create_pacing_event_of_seat(PacingEventKind.WRAP_UP_ENDED, seat))
        del self.wrapping[seat]
        seat.stage = None
        self._changed = True
        if not leaves:
            self._make_seat_available(seat)
        elif not seat.logs_out and self.scenario.breaks is not None:
            self.paused[seat] = None
            length = self._seats_random.expovariate(1.0 / self.scenario.breaks.mean_seconds)
            self._schedule_event_at(self.now + length, self._handle_break_end, seat)
        seat.leaving = seat.to_break = False

    def _handle_break_end(self, seat: SimulatedSeat) -> None:
        if seat in self.paused:
            del self.paused[seat]
            self._make_seat_available(seat)

    def _make_seat_available(self, seat: SimulatedSeat) -> None:
        self._changed = True
        if self.waiting:
            call = self.waiting.popleft()
            call.is_waiting = False
            self._connect_call(seat, call)
        else:
            self.free.append(seat)

    def _handle_shift_change(self, _: None) -> None:
        staying = [seat for group in (self.talking, self.wrapping) for seat in group if not seat.logs_out]
        excess = (
            len(self.free)
            + len(self.reserved)
            + len(self.paused)
            + len(staying)
            - round(self.scenario.seats.get_value_at_time_of_day(self.now))
        )
        for _arrival in range(-excess):
            self._make_seat_available(SimulatedSeat())
        while excess > 0 and self.free:
            self.free.pop()
            excess -= 1
        while excess > 0 and self.paused:
            self.paused.popitem()
            excess -= 1
        for seat in staying[: max(0, excess)]:
            seat.logs_out = True
            seat.leaving = self._seats_random.random() < self.scenario.announced_leave_share
        self._changed = True

    # The log

    def _log_centre_state_every_minute(self, _: None) -> None:
        self._log_centre_state()
        if self.now + MOMENT_SECONDS <= self.end:
            self._schedule_event_at(self.now + MOMENT_SECONDS, self._log_centre_state_every_minute, None)
        if self._progress is not None:
            self._progress(self.now / self.end)

    def _log_centre_state(self) -> None:
        rates = [campaign.rate.get_value_at_time_of_day(self.now) for campaign in self.campaigns]
        ringing = sum(len(campaign.unanswered) for campaign in self.campaigns)
        self._moments.append(CentreMoment(
            self.now, len(self.free), len(self.talking), len(self.wrapping), len(self.paused), ringing,
            len(self.waiting), sum(rates) / len(rates), self._free_area, self._busy_area, self._placed, self._connected,
        ))  # fmt: skip
