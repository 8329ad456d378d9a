"""The seats of a centre in their current state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace

from dialer.domain.clock import Instant
from dialer.domain.errors import CommandRefused, RefusedBecause
from dialer.domain.view import ScreenPop, SeatState, SeatView
from dialer.engine.asterisk_servers.state import AsteriskServers
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.core import Core
from dialer.engine.effects import Notify, SeatStateChanged, StartTimer, StopTimer, TimerExpired, TimerKind
from dialer.engine.plan import CampaignSpec
from dialer.engine.seats.state import Seat, SeatTally
from dialer.engine.seats.views import make_seat_view
from dialer.engine.supervision.state import Listeners
from dialer.engine.transfers.state import CallTransfers
from dialer.store.seat_intervals import SeatInterval

LOST_SECONDS = 900.0  # agents whose phone is disconnected for longer are logged off: it must not ring all night
MAX_INTERVALS = 2_000  # intervals kept in memory while the store fails
_WITH_VOTER = frozenset({SeatState.RESERVED, SeatState.TALKING})


class Seats:
    """All agents' seats of a centre, by name, in their current state.

    A seat changes only through this class, which starts the timers and notifies the subscribers that the change
    requires.
    """

    def __init__(
        self, core: Core, servers: AsteriskServers, calls: LiveCalls, transfers: CallTransfers, listeners: Listeners
    ) -> None:
        """Create the seats that the settings list. Transfers and supervisors' monitoring are shown in a seat's
        published view.
        """
        self._core = core
        self._servers = servers
        self._calls = calls
        self._transfers = transfers
        self._listeners = listeners
        self._seats: dict[str, Seat] = {}
        self._restricted: set[str] = set()  # names of the seats that are restricted to certain campaigns
        self._tallies: defaultdict[str, SeatTally] = defaultdict(SeatTally)
        self._intervals: list[SeatInterval] = []
        self.screen_pops: dict[str, ScreenPop] = {}  # by seat, of its latest call
        self.apply_settings_of_seats()

    def apply_settings_of_seats(self) -> None:
        """Apply the seats of the current settings.

        A removed seat stays until its agent has left, and is listed last. Logged-in agents keep their phone until they
        log off.
        """
        plan, seats = self._core.plan, dict[str, Seat]()
        for name, planned in plan.seats.items():
            seat = self._seats.get(name) or Seat(
                name, planned.endpoint, planned.languages, self._core.read_clock(), server=planned.server
            )
            endpoint = planned.endpoint if seat.agent is None else seat.endpoint
            serves = seat.campaigns & plan.campaigns.keys()
            seats[name] = replace(seat, endpoint=endpoint, languages=planned.languages, campaigns=serves)
        self._seats = seats | {name: seat for name, seat in self._seats.items() if name not in seats}
        self._restricted = {name for name, seat in self._seats.items() if seat.campaigns}

    def __getitem__(self, name: str) -> Seat:
        """Return the seat with this name. Raises KeyError."""
        return self._seats[name]

    def __contains__(self, name: object) -> bool:
        """Return whether a seat with this name exists."""
        return name in self._seats

    def find_seat(self, name: str | None) -> Seat | None:
        """Return the seat with this name, or None if it does not exist."""
        return None if name is None else self._seats.get(name)

    def list_seats(self) -> Collection[Seat]:
        """Return all seats, in the order of the settings."""
        return self._seats.values()

    @property
    def has_seats_restricted_to_campaigns(self) -> bool:
        """Return whether any seat is restricted to certain campaigns."""
        return bool(self._restricted)

    def require_known_seat(self, name: str) -> Seat:
        """Return the seat with this name. Raises CommandRefused if it does not exist."""
        seat = self._seats.get(name)
        if seat is None or self.is_seat_removed(seat):
            raise CommandRefused(
                f"seat {name!r} is not in the settings, which have {len(self._core.plan.seats)} seats: check its name",
                RefusedBecause.NO_SEAT,
            )
        return seat

    def is_seat_removed(self, seat: Seat) -> bool:
        """Return whether a seat is no longer in the settings and has no agent."""
        return seat.name not in self._core.plan.seats and seat.agent is None and seat.state is SeatState.OFFLINE

    def find_reachable_seats(self) -> Collection[Seat]:
        """Return the seats whose Asterisk server is reachable."""
        unreachable = self._servers.unreachable_asterisk_servers
        seats = self._seats.values()
        return [seat for seat in seats if seat.server not in unreachable] if unreachable else seats

    def find_seats_serving_campaign(self, spec: CampaignSpec) -> list[Seat]:
        """Return the reachable seats whose agents may take a campaign's calls."""
        if spec.skill is None and not self._restricted:
            return list(self.find_reachable_seats())
        return [seat for seat in self.find_reachable_seats() if seat.can_serve_campaign(spec.skill, spec.campaign_id)]

    def find_seat_by_endpoint(self, endpoint: str) -> Seat | None:
        """Return the seat with this phone (SIP endpoint), or None."""
        found = (seat for seat in self._seats.values() if seat.endpoint == endpoint)
        return next((seat for seat in found if not self.is_seat_removed(seat)), None)

    # Changes

    def update_seat_state(self, before: Seat, after: Seat) -> None:
        """Store the new state of a seat, and request the effects of the change, such as timers."""
        planned = self._core.plan.seats.get(before.name)
        if after.agent is None and before.agent is not None and planned is not None:
            after = replace(after, endpoint=planned.endpoint)  # the next agent gets the phone of the settings
        self._seats[before.name] = after
        if after.campaigns:
            self._restricted.add(after.name)
        else:
            self._restricted.discard(after.name)
        if after.state is not before.state:
            self._end_current_seat_state_interval(before, after.since)
            if after.agent is not None and before.agent is None:
                self._tallies[before.name] = SeatTally()
            self._start_timers_of_seat(before, after)
            if self._listeners:
                self._core.request_side_effects(SeatStateChanged(before.name))
        if after.state is not before.state or (after.state is SeatState.PAUSED and after.reason != before.reason):
            self._core.request_side_effects(Notify(self.make_published_seat_view(after, self._core.read_clock())))

    def _start_timers_of_seat(self, before: Seat, after: Seat) -> None:
        if after.state is SeatState.LOST:
            gone = TimerExpired(TimerKind.AGENT_ABSENT, after.name)
            self._core.request_side_effects(StartTimer(f"lost/{after.name}", LOST_SECONDS, gone))
        elif before.state is SeatState.LOST:
            self._core.request_side_effects(StopTimer(f"lost/{after.name}"))
        if after.state in _WITH_VOTER:  # as a separate event, because connecting the voter must not wait for the screen
            pop = TimerExpired(TimerKind.SCREEN_POP, after.name, after.attempt_id)
            self._core.request_side_effects(StartTimer(f"screen/{after.name}", 0.0, pop))

    def count_call_accepted_by_agent(self, name: str) -> None:
        """Count a call whose voter was connected to the agent at a seat."""
        self._tallies[name].calls += 1

    def publish_seat_view(self, name: str) -> None:
        """Notify subscribers that the published view of a seat has changed, for example its call or its message.

        A change of the seat's own state, such as ready or paused, is published by `update_seat_state`.
        """
        seat = self._seats.get(name)
        if seat is not None:
            self._core.request_side_effects(Notify(self.make_published_seat_view(seat, self._core.read_clock())))

    def make_published_seat_view(self, seat: Seat, now: Instant) -> SeatView:
        """Return the published view of a seat at this moment, as MQTT and the pages show it."""
        call = self._calls.find_call_at_seat(seat)
        transfer = None if call is None else self._transfers.find_transfer_of_call(call.attempt_id)
        pop = self.screen_pops.get(seat.name)
        return make_seat_view(seat, self._tallies[seat.name], call, transfer, pop, now)

    # Intervals in which a seat was in one state, for the store

    def _end_current_seat_state_interval(self, seat: Seat, until: Instant) -> None:
        tally = self._tallies[seat.name]
        tally.seconds[seat.state] = tally.seconds.get(seat.state, 0.0) + until.seconds - seat.since.seconds
        if seat.state is not SeatState.OFFLINE and len(self._intervals) < MAX_INTERVALS:
            self._intervals.append(
                SeatInterval(seat.name, seat.agent, seat.state.value, seat.since.at, until.at, seat.reason)
            )

    def end_current_seat_state_intervals(self) -> None:
        """End every seat's current interval (its time in one state), at the end of the run."""
        now = self._core.read_clock()
        for seat in self._seats.values():
            self._end_current_seat_state_interval(seat, now)
            self._seats[seat.name] = replace(seat, since=now)

    def pop_unsaved_seat_state_intervals(self) -> list[SeatInterval]:
        """Return the intervals that must still be stored, and clear the list of them. An interval is a seat's time in
        one state.
        """
        intervals, self._intervals = self._intervals, []
        return intervals

    def requeue_unsaved_seat_state_intervals(self, intervals: list[SeatInterval]) -> None:
        """Put back intervals (each is a seat's time in one state) that could not be stored, before the newer unsaved
        ones.
        """
        self._intervals = intervals + self._intervals
