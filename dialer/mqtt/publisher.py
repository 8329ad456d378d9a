"""Publish changes of the centre's state. If several changes of a seat, booth or campaign wait, only the latest is sent.

Changes of state may be lost. Call results are never lost, because they are sent from the store's outbox
(outbox_relay.py).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, assert_never

from dialer.domain.clock import Clock
from dialer.domain.model import BoothTurnout
from dialer.domain.view import (
    AlertRaised,
    CallChange,
    CampaignChange,
    CampaignView,
    CentreView,
    Change,
    SeatState,
    SeatView,
)
from dialer.mqtt import messages
from dialer.mqtt.messages import Message

CENTRE_STATE_SECONDS = 1.0  # minimum interval between two messages of the centre's state
CALLS_SECONDS = 0.02
"""Minimum interval between two batches of call changes. The first change after a pause is published at once."""
CHANGES_SECONDS = 0.2
"""Minimum interval between two batches of seats, booths and campaign figures, of which only the latest counts.

A screen pop is published at once, because an agent's page waits for it.
"""
MAX_CALL_EVENTS = 2_000  # unpublished ones
STATISTICS_SECONDS = 0.2  # minimum interval between two messages of a campaign's figures
TIMER_SECONDS = 0.001  # timers of the event loop may fire this much too early
HEARTBEAT_SECONDS = (
    10.0  # maximum interval between two messages of the centre's state, so that a page notices a dead dialler
)
SEAT_SECONDS = 30.0
"""Interval after which an unchanged seat with an agent is published again, because its utilisation changes with time."""

Publish = Callable[[Message], Coroutine[Any, Any, None]]
PublishAll = Callable[[Sequence[Message]], Coroutine[Any, Any, None]]
"""Returns when all messages are written, in their order."""


class ChangeBuffer:
    """The changes of the engine's state that are still to be published. Times are monotonic seconds. No I/O.

    For each seat, booth and campaign, only the latest state is stored. Call events are queued. If there are more than
    `max_call_events`, the oldest ones are dropped.
    """

    def __init__(self, *, max_call_events: int = MAX_CALL_EVENTS) -> None:
        self._calls: deque[CallChange] = deque(maxlen=max_call_events)
        self._seats: dict[str, SeatView] = {}
        self._shown_attempts: dict[str, str] = {}  # by seat: the attempt whose screen pop was published
        self._urgent_seats: set[str] = set()  # seats with a new screen pop
        self._seats_at: dict[str, float] = {}  # when each seat was last published
        self._booths: dict[int, BoothTurnout] = {}
        self._campaigns: set[str] = set()
        self._alerts_changed = False
        self._centre_changed = False
        self._calls_at = float("-inf")  # when call changes were last published
        self._changes_at = float("-inf")  # when seats and booths were last published
        self._statistics_at: dict[str, float] = {}
        self._centre_at = float("-inf")
        self._centre_id: str | None = None  # None before the first view
        self._published_names: tuple[set[str], set[str]] = set(), set()  # campaigns and seats
        self.dropped = 0
        """Call events that were not published, since the start."""

    def buffer_change_for_publishing(self, change: Change) -> None:
        """Store a change of the engine's state until it is published. Never waits and never fails.

        If the queue of call events is full, the oldest one is dropped.
        """
        match change:
            case CallChange(campaign_id=campaign_id):
                self.dropped += len(self._calls) == self._calls.maxlen
                self._calls.append(change)
                self._campaigns.add(campaign_id)
            case SeatView(seat=seat, screen_pop=pop):
                self._seats[seat] = change
                if pop is not None and self._shown_attempts.get(seat) != pop.attempt_id:
                    self._shown_attempts[seat] = pop.attempt_id
                    self._urgent_seats.add(seat)
            case CampaignChange(campaign_id=campaign_id):
                self._campaigns.add(campaign_id)
            case BoothTurnout(booth_id=booth_id):
                self._booths[booth_id] = change
            case AlertRaised():
                self._alerts_changed = True
                self._centre_at = float("-inf")  # an alert is published at once, with the centre's state
            case _:
                assert_never(change)
        self._centre_changed = True

    def discard_unpublished_changes(self) -> None:
        """Discard all waiting changes, because the whole state is about to be published."""
        self.dropped += len(self._calls)
        self._calls.clear()
        self._seats.clear()
        self._urgent_seats.clear()
        self._booths.clear()
        self._campaigns.clear()
        self._alerts_changed = False
        self._centre_changed = False

    def record_that_whole_state_was_published(self, view: CentreView, now: float) -> None:
        """Record that the whole state of the centre was published at `now` (monotonic seconds).

        The minimum intervals between messages start then.
        """
        self._centre_at = now
        self._published_names = _list_ids_of_campaigns_and_seats(view)
        for campaign in view.campaigns:
            self._statistics_at[campaign.campaign_id] = now
        self._seats_at = {seat.seat: now for seat in view.seats}

    def find_time_of_next_message(self, now: float) -> float:
        """Return when the next message must be published (monotonic seconds). If a message is due already, the time is
        not after `now`.
        """
        if self._alerts_changed or self._urgent_seats:
            return now
        due = self._centre_at + (CENTRE_STATE_SECONDS if self._centre_changed else HEARTBEAT_SECONDS)
        if self._calls:
            due = min(due, max(now, self._calls_at + CALLS_SECONDS))
        if self._seats or self._booths:
            due = min(due, max(now, self._changes_at + CHANGES_SECONDS))
        return min([due, *(self._find_time_of_next_statistics(campaign_id) for campaign_id in self._campaigns)])

    def pop_due_messages(
        self, now: float, view: Callable[[], CentreView], campaign_view: Callable[[str], CampaignView | None]
    ) -> list[Message]:
        """Remove and return the messages that must be published now (`now` in monotonic seconds).

        Args:
            view: returns the present state of the centre. It is called only if a message needs it.
            campaign_view: returns the present figures of a campaign, or None if the campaign no longer exists.
        """
        centre_due = self._centre_at + (CENTRE_STATE_SECONDS if self._centre_changed else HEARTBEAT_SECONDS) <= now
        campaigns = {
            campaign_id for campaign_id in self._campaigns if self._find_time_of_next_statistics(campaign_id) <= now
        }
        changes = bool(self._seats or self._booths)
        changes_due = changes and self._changes_at + CHANGES_SECONDS <= now
        if not (centre_due or campaigns or changes_due or self._alerts_changed):
            return self._pop_call_and_screen_pop_messages(now, view)
        if changes:  # published together with the other due messages
            self._changes_at = now
        if self._calls:
            self._calls_at = now
        # Building the view of a centre with forty seats takes as long as twenty messages, and most messages do not need it.
        whole = view() if centre_due or self._alerts_changed or self._centre_id is None else None
        centre = self._centre_id = whole.state.centre if whole is not None else self._centre_id or ""
        if whole is not None and centre_due:
            self._add_due_seat_messages(whole, now)
        due = [messages.create_call_message(centre, change) for change in self._calls]
        due += [messages.create_seat_message(centre, seat) for seat in self._seats.values()]
        self._seats_at.update(dict.fromkeys(self._seats, now))
        due += [messages.create_turnout_message(centre, booth) for booth in self._booths.values()]
        due += [
            messages.create_statistics_message(centre, figures)
            for campaign_id in sorted(campaigns)
            if (figures := campaign_view(campaign_id)) is not None
        ]
        if whole is not None:
            before, self._published_names = self._published_names, _list_ids_of_campaigns_and_seats(whole)
            due += messages.create_deletions_of_retained_messages(
                centre, before[0] - self._published_names[0], before[1] - self._published_names[1]
            )
            if self._alerts_changed:
                due.append(messages.create_alerts_message(whole))
            if centre_due:
                due.append(messages.create_centre_message(whole.state))
                self._centre_changed, self._centre_at = False, now
        self._calls.clear()
        self._seats.clear()
        self._urgent_seats.clear()
        self._booths.clear()
        self._alerts_changed = False
        self._campaigns -= campaigns
        self._statistics_at.update(dict.fromkeys(campaigns, now))
        return due

    def _add_due_seat_messages(self, view: CentreView, now: float) -> None:
        for seat in view.seats:
            is_old = self._seats_at.get(seat.seat, float("-inf")) + SEAT_SECONDS <= now
            if is_old and seat.state is not SeatState.OFFLINE:
                self._seats.setdefault(seat.seat, seat)

    def _pop_call_and_screen_pop_messages(self, now: float, view: Callable[[], CentreView]) -> list[Message]:
        """Remove and return the due messages about calls, and about seats with a new screen pop.

        A screen pop is the voter's data for the agent. `view` returns the whole state of the centre. It is called only
        if the centre's id is not known yet.
        """
        calls: list[CallChange] = []
        if self._calls_at + CALLS_SECONDS <= now:
            calls = [*self._calls]
            self._calls.clear()
        seats = [self._seats.pop(seat) for seat in sorted(self._urgent_seats)]
        self._urgent_seats.clear()
        if calls:
            self._calls_at = now
        if (calls or seats) and self._centre_id is None:
            self._centre_id = view().state.centre
        centre = self._centre_id or ""
        return [
            *(messages.create_call_message(centre, change) for change in calls),
            *(messages.create_seat_message(centre, seat) for seat in seats),
        ]

    def _find_time_of_next_statistics(self, campaign_id: str) -> float:
        return self._statistics_at.get(campaign_id, float("-inf")) + STATISTICS_SECONDS


def _list_ids_of_campaigns_and_seats(view: CentreView) -> tuple[set[str], set[str]]:
    return {campaign.campaign_id for campaign in view.campaigns}, {seat.seat for seat in view.seats}


class Publisher:
    """The publisher of the centre's state and its changes. While the broker is disconnected, changes wait here."""

    def __init__(
        self,
        view: Callable[[], CentreView],
        campaign_view: Callable[[str], CampaignView | None],
        clock: Clock,
        *,
        home_assistant: bool = False,
    ) -> None:
        self._view = view
        self._campaign_view = campaign_view
        self._clock = clock
        self._home_assistant = home_assistant
        self._buffer = ChangeBuffer()
        self._changed = asyncio.Event()

    def add_change_to_publish(self, change: Change) -> None:
        """Add a change of the engine's state to those that will be published.

        The engine calls this in the event loop; it never blocks.
        """
        self._buffer.buffer_change_for_publishing(change)
        self._changed.set()

    async def publish_changes_until_cancelled(self, publish: PublishAll) -> None:
        """Publish the whole state, then every change, until cancelled or `publish` raises."""
        self._buffer.discard_unpublished_changes()
        view = self._view()
        await publish(list(messages.create_retained_messages(view, home_assistant=self._home_assistant)))
        self._buffer.record_that_whole_state_was_published(view, self._clock.monotonic())
        while True:
            await self._wait_until_message_is_due()
            if due := self._buffer.pop_due_messages(self._clock.monotonic(), self._view, self._campaign_view):
                await publish(due)

    async def _wait_until_message_is_due(self) -> None:
        """Wait until the next message of the buffer must be published."""
        while (delay := self._buffer.find_time_of_next_message(now := self._clock.monotonic()) - now) > 0:
            self._changed.clear()
            try:
                async with asyncio.timeout(delay + TIMER_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                return

    async def publish_final_state_message(self, publish: Publish) -> None:
        """Publish the final state of the centre when its dialler stops: offline, and with the final figures."""
        await publish(messages.create_final_state_message(self._view().state))
