"""Publishing of state: changes are collected, reduced to the latest of each subject, and published while there is a connection.

State may be lost here; results cannot: they go through the outbox (outbox_relay.py).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, assert_never

from dialer.domain.clock import Clock
from dialer.domain.model import BoothTurnout
from dialer.domain.view import AlertRaised, CallChange, CampaignChange, CentreView, Change, SeatView
from dialer.mqtt import messages
from dialer.mqtt.messages import Message

CENTRE_STATE_SECONDS = 1.0  # not more often than this
CHANGES_SECONDS = 0.2
"""Calls, seats and booths go out not more often than this, in one batch with the figures of campaigns: one by one they would be
half of what MQTT costs a busy centre. Who is on the line goes out at once: an agent's page waits for it."""
CALL_EVENTS = 2_000  # that wait at most
STATISTICS_SECONDS = 0.2  # of each campaign not more often than this
TIMER_SECONDS = 0.001  # a loop's timers ring as much too early, and what is not due would be looked for again and again
HEARTBEAT_SECONDS = 10.0  # and not less often: a page must be able to tell quiet from dead

Publish = Callable[[Message], Coroutine[Any, Any, None]]
PublishAll = Callable[[Sequence[Message]], Coroutine[Any, Any, None]]
"""Returns when they are all written, in their order."""


class ChangeBuffer:
    """What waits to be published. Pure: the time is handed in (monotonic seconds).

    State is kept by key, the latest only, so it is bounded by what a centre has (seats, booths, campaigns); call events are
    a queue that forgets its oldest beyond `call_events`.
    """

    def __init__(self, *, call_events: int = CALL_EVENTS) -> None:
        self._calls: deque[CallChange] = deque(maxlen=call_events)
        self._seats: dict[str, SeatView] = {}
        self._shown: dict[str, str] = {}  # by seat, the attempt of which it was told who is on the line
        self._urgent: set[str] = set()  # seats of which that is to be told
        self._booths: dict[int, BoothTurnout] = {}
        self._campaigns: set[str] = set()
        self._alerts = False
        self._centre = False
        self._changes_at = float("-inf")  # when calls, seats and booths were last taken
        self._statistics_at: dict[str, float] = {}
        self._centre_at = float("-inf")
        self._name: str | None = None  # the centre's
        self._told_of: tuple[set[str], set[str]] = set(), set()  # campaigns and seats
        self.dropped = 0  # call events, since the start

    def offer(self, change: Change) -> None:
        """Take a change in. Never waits, never fails; the oldest call event goes when the queue is full."""
        match change:
            case CallChange(campaign_id=campaign_id):
                self.dropped += len(self._calls) == self._calls.maxlen
                self._calls.append(change)
                self._campaigns.add(campaign_id)
            case SeatView(seat=seat, screen_pop=pop):
                self._seats[seat] = change
                if pop is not None and self._shown.get(seat) != pop.attempt_id:
                    self._shown[seat] = pop.attempt_id
                    self._urgent.add(seat)
            case CampaignChange(campaign_id=campaign_id):
                self._campaigns.add(campaign_id)
            case BoothTurnout(booth_id=booth_id):
                self._booths[booth_id] = change
            case AlertRaised():
                self._alerts = True
                self._centre_at = float("-inf")  # an alert is not made to wait for the centre's second
            case _:
                assert_never(change)
        self._centre = True

    def forget(self) -> None:
        """Drop all that waits: the whole state is about to be published instead."""
        self.dropped += len(self._calls)
        self._calls.clear()
        self._seats.clear()
        self._urgent.clear()
        self._booths.clear()
        self._campaigns.clear()
        self._alerts = False
        self._centre = False

    def note_whole_state(self, view: CentreView, now: float) -> None:
        """The whole state was published at `now`: the limits count from here."""
        self._centre_at = now
        self._told_of = _names(view)
        for campaign in view.campaigns:
            self._statistics_at[campaign.campaign_id] = now

    def due_at(self, now: float) -> float:
        """When there is something to publish next: `now` or before it if something waits already."""
        if self._alerts or self._urgent:
            return now
        due = self._centre_at + (CENTRE_STATE_SECONDS if self._centre else HEARTBEAT_SECONDS)
        if self._calls or self._seats or self._booths:
            due = min(due, max(now, self._changes_at + CHANGES_SECONDS))
        return min([due, *(self._statistics_due(campaign_id) for campaign_id in self._campaigns)])

    def take(self, now: float, view: Callable[[], CentreView]) -> list[Message]:
        """The messages whose time has come. The engine is asked for its view only where one of them needs it."""
        centre_due = self._centre_at + (CENTRE_STATE_SECONDS if self._centre else HEARTBEAT_SECONDS) <= now
        campaigns = {campaign_id for campaign_id in self._campaigns if self._statistics_due(campaign_id) <= now}
        changes = bool(self._calls or self._seats or self._booths)
        changes_due = changes and self._changes_at + CHANGES_SECONDS <= now
        if not (centre_due or campaigns or changes_due or self._alerts):
            return self._take_urgent(view)
        if changes:  # what waits goes with what is due
            self._changes_at = now
        # A view of forty seats costs as much as twenty messages, and calls and seats bring what is said of them.
        whole = view() if centre_due or campaigns or self._alerts or self._name is None else None
        name = self._name = whole.state.centre if whole is not None else self._name or ""
        due = [messages.call_message(name, change) for change in self._calls]
        due += [messages.seat_message(name, seat) for seat in self._seats.values()]
        due += [messages.turnout_message(name, booth) for booth in self._booths.values()]
        if whole is not None:
            due += [
                messages.statistics_message(name, campaign)
                for campaign in whole.campaigns
                if campaign.campaign_id in campaigns
            ]
            before, self._told_of = self._told_of, _names(whole)
            due += messages.removal_messages(name, before[0] - self._told_of[0], before[1] - self._told_of[1])
            if self._alerts:
                due.append(messages.alerts_message(whole))
            if centre_due:
                due.append(messages.centre_message(whole.state))
                self._centre, self._centre_at = False, now
        self._calls.clear()
        self._seats.clear()
        self._urgent.clear()
        self._booths.clear()
        self._alerts = False
        self._campaigns -= campaigns
        self._statistics_at.update(dict.fromkeys(campaigns, now))
        return due

    def _take_urgent(self, view: Callable[[], CentreView]) -> list[Message]:
        seats = [self._seats.pop(seat) for seat in sorted(self._urgent)]
        self._urgent.clear()
        if seats and self._name is None:
            self._name = view().state.centre
        return [messages.seat_message(self._name or "", seat) for seat in seats]

    def _statistics_due(self, campaign_id: str) -> float:
        return self._statistics_at.get(campaign_id, float("-inf")) + STATISTICS_SECONDS


def _names(view: CentreView) -> tuple[set[str], set[str]]:
    return {campaign.campaign_id for campaign in view.campaigns}, {seat.seat for seat in view.seats}


class Publisher:
    """Takes the engine's changes at any time and publishes them while it runs."""

    def __init__(
        self,
        view: Callable[[], CentreView],
        clock: Clock,
        *,
        home_assistant: bool = False,
    ) -> None:
        self._view = view
        self._clock = clock
        self._home_assistant = home_assistant
        self._buffer = ChangeBuffer()
        self._changed = asyncio.Event()

    def offer(self, change: Change) -> None:
        """Take a change in; the engine calls this from its loop and is never held up by it."""
        self._buffer.offer(change)
        self._changed.set()

    async def run(self, publish: PublishAll) -> None:
        """Publish the whole state, then every change, until cancelled or `publish` raises."""
        self._buffer.forget()
        view = self._view()
        await publish(list(messages.retained_messages(view, home_assistant=self._home_assistant)))
        self._buffer.note_whole_state(view, self._clock.monotonic())
        while True:
            await self._wait_for_work()
            if due := self._buffer.take(self._clock.monotonic(), self._view):
                await publish(due)

    async def _wait_for_work(self) -> None:
        """Return when a message is due. Each round ends on a change or on the next deadline."""
        while (delay := self._buffer.due_at(now := self._clock.monotonic()) - now) > 0:
            self._changed.clear()
            try:
                async with asyncio.timeout(delay + TIMER_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                return

    async def farewell(self, publish: Publish) -> None:
        """Say that the dialler leaves: what the last will would say, with the figures it ends with."""
        await publish(messages.farewell_message(self._view().state))
