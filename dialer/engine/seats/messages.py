"""A supervisor's one-line message on agents' pages, until it is read or expires."""

from __future__ import annotations

from dataclasses import asdict, replace

from dialer.domain.errors import CommandRefused
from dialer.domain.view import AgentMessage
from dialer.engine.campaigns.runs import CampaignRuns
from dialer.engine.core import Core
from dialer.engine.effects import StartTimer, StopTimer, TimerExpired, TimerKind
from dialer.engine.seats.seats import Seats
from dialer.store.standing_orders import StandingOrder, format_seat_as_order_addressee
from dialer.store.store import Store

SEAT_MESSAGE = "seat-message"
MESSAGE_SECONDS = 600.0


class Messages:
    """Sends supervisors' messages to agents' pages. A seat shows the latest message."""

    def __init__(self, core: Core, seats: Seats, runs: CampaignRuns, store: Store) -> None:
        self._core = core
        self._seats = seats
        self._runs = runs
        self._store = store

    async def send_message_to_seat(self, seat_name: str, text: str, sender: str) -> str:
        """Send a message to the agent at a seat. Raises CommandRefused if the seat has no agent, StoreError."""
        if self._seats.require_known_seat(seat_name).agent is None:
            raise CommandRefused(
                f"seat {seat_name} has no agent, so the message was not sent: choose a seat with an agent"
            )
        await self._send_supervisor_message([seat_name], text, sender)
        return f"seat {seat_name}: the message is on the agent's page"

    async def send_message_to_campaign(self, campaign_id: str, text: str, sender: str) -> str:
        """Send a message to all agents who serve a campaign. Raises CommandRefused if there is none, StoreError."""
        run = self._runs.require_campaign_in_settings(campaign_id)
        names = [seat.name for seat in self._seats.find_seats_serving_campaign(run.spec) if seat.agent is not None]
        if not names:
            raise CommandRefused(
                f"no agent serves campaign {campaign_id} now, so the message was not sent: choose another campaign"
            )
        await self._send_supervisor_message(names, text, sender)
        return f"campaign {campaign_id}: the message is on the pages of {len(names)} agents"

    async def mark_message_read(self, seat_name: str, at: float) -> str:
        """Remove a message from a seat after its agent has read it. `at` is the time of the message (epoch seconds).

        A newer message stays. Raises StoreError.
        """
        there = self._seats.require_known_seat(seat_name).message
        if there is not None and abs(there.at - at) < 0.001:  # messages are published with milliseconds
            await self._store.delete_supervisor_order(format_seat_as_order_addressee(seat_name), SEAT_MESSAGE)
            self.remove_supervisor_message(seat_name)
        return f"seat {seat_name}: the message is marked as read"

    def remove_supervisor_message(self, seat_name: str) -> None:
        """Remove a supervisor's message that was read or has expired."""
        self._core.request_side_effects(StopTimer(f"message/{seat_name}"))
        self._set_supervisor_message_at_seat(seat_name, None)

    async def _send_supervisor_message(self, names: list[str], text: str, sender: str) -> None:
        line = AgentMessage(text, self._core.clock.now(), sender)
        content, until = asdict(line), line.at + MESSAGE_SECONDS
        await self._store.save_supervisor_orders(
            [
                StandingOrder(format_seat_as_order_addressee(name), SEAT_MESSAGE, content, line.at, until)
                for name in names
            ]
        )
        for name in names:
            if self._seats[name].agent is not None:
                self._show_message_until_expired(name, line)

    def restore_supervisor_message(self, seat_name: str, order: StandingOrder) -> None:
        """Show again a supervisor's message that was sent to a seat in an earlier run of the dialler."""
        self._show_message_until_expired(seat_name, AgentMessage(**order.content))

    def _show_message_until_expired(self, seat_name: str, line: AgentMessage) -> None:
        left = line.at + MESSAGE_SECONDS - self._core.clock.now()
        self._core.request_side_effects(
            StartTimer(f"message/{seat_name}", max(0.0, left), TimerExpired(TimerKind.MESSAGE_EXPIRED, seat_name))
        )
        self._set_supervisor_message_at_seat(seat_name, line)

    def _set_supervisor_message_at_seat(self, seat_name: str, message: AgentMessage | None) -> None:
        seat = self._seats[seat_name]
        if seat.message != message:
            self._seats.update_seat_state(seat, replace(seat, message=message))
            self._seats.publish_seat_view(seat_name)
