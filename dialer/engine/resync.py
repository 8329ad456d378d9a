"""Connections to Asterisk servers: bring all features into agreement with a server when its link comes up or
is lost.
"""

from __future__ import annotations

import asyncio

import structlog

from dialer.domain.alerts import AlertKind
from dialer.domain.newest_call import ASTERISK
from dialer.domain.switch_events import SwitchDown, SwitchUp
from dialer.domain.view import SeatState
from dialer.engine.features import Features
from dialer.engine.seats.messages import SEAT_MESSAGE
from dialer.engine.seats.service import SEAT_CAMPAIGNS
from dialer.store.standing_orders import StandingOrder, format_seat_as_order_addressee

_log = structlog.get_logger(__name__)

RECONCILE_SECONDS = 5.0  # maximum wait for the first resync by a flow that reconnects before it


class Resync:
    """Brings calls, seats, transfers and supervision into agreement with an Asterisk server each time it connects."""

    def __init__(self, features: Features) -> None:
        self._features = features
        self._done = asyncio.Event()
        self.standing_orders: list[StandingOrder] = []
        """Supervisors' orders of an earlier run that are still in force."""

    async def wait_until_first_asterisk_resync(self) -> None:
        """Wait until the first Asterisk server was compared with the store, or until a timeout. Until then the engine
        does not know to which campaign a live call belongs.
        """
        try:
            async with asyncio.timeout(RECONCILE_SECONDS):
                await self._done.wait()
        except TimeoutError:
            _log.warning("resync.timed_out")

    def on_asterisk_server_disconnected(self, event: SwitchDown) -> None:
        """Handle the loss of the connection to an Asterisk server."""
        features, server = self._features, event.server
        features.asterisk_servers.up.discard(server)
        if server:
            features.active_alerts.raise_alert(AlertKind.SERVER_DOWN, server=server, problem=event.reason)
        else:
            features.active_alerts.raise_alert(AlertKind.SWITCH_DOWN, problem=event.reason)
        features.core.wake.set()

    def on_asterisk_server_connected(self, up: SwitchUp) -> None:
        """Bring all features into agreement with an Asterisk server that has connected."""
        features = self._features
        if up.newest_call is not None:
            place = f"{ASTERISK}-{up.server}" if up.server else ASTERISK
            features.stale_store_detector.start_check_that_store_is_current(place, up.newest_call)
        features.call_reconciler.resync_calls_with_server(up)
        for seat_name in features.agent_seat_service.restore_agent_log_ins(up.live_seats, up.server):
            self._restore_supervisor_orders(seat_name)
        seats = [seat for seat in features.agent_seats.list_seats() if seat.server == up.server]
        for seat in seats:
            if seat.name in up.live_seats and not seat.phone_up:
                features.call_distributor.on_phone_connected(seat.name)
            elif seat.name not in up.live_seats and seat.phone_up:
                self.on_phone_disconnected(seat.name)
            else:  # the end of a hold may have been missed
                features.call_distributor.set_seat_phone_on_hold(seat.name, False)
        self._restore_conversations_at_seats(up)
        features.call_transfer_service.resync_transfers_with_server(up)
        features.seat_monitoring_service.resync_supervisors_with_server(up)
        features.asterisk_servers.up.add(up.server)
        self._done.set()
        if up.server:
            features.active_alerts.clear_alert(AlertKind.SERVER_DOWN, up.server)
        else:
            features.active_alerts.clear_alert(AlertKind.SWITCH_DOWN)
        for seat in seats:
            features.call_distributor.call_seat_phone(seat.name)
        features.core.wake.set()

    def on_phone_disconnected(self, seat: str) -> None:
        """Update seat, transfer and supervision after an agent's phone has disconnected."""
        self._features.call_transfer_service.on_agents_phone_disconnected(seat)
        self._features.call_distributor.on_phone_disconnected(seat)

    def _restore_conversations_at_seats(self, up: SwitchUp) -> None:
        features = self._features
        for attempt_id, seat_name in up.talking:
            call, seat = features.live_calls.find_live_call(attempt_id), features.agent_seats.find_seat(seat_name)
            if call is None or seat is None:
                continue
            if call.talk.connected_at is None:
                features.call_distributor.on_voter_connected(call, seat_name)
            elif seat.state is not SeatState.TALKING:
                features.call_distributor.restore_conversation_at_seat(call, seat_name)

    def _restore_supervisor_orders(self, seat_name: str) -> None:
        """Restore supervisors' orders for a seat after a restart: the message to the seat, and its restriction to
        campaigns.

        Orders of an unknown kind are ignored: a newer version of the dialler than this one has stored them.
        """
        for order in self.standing_orders:
            if order.addressee != format_seat_as_order_addressee(seat_name):
                continue
            if order.command == SEAT_CAMPAIGNS:
                self._features.agent_seat_service.restore_seat_restriction_to_campaigns(seat_name, order)
            elif order.command == SEAT_MESSAGE:
                self._features.supervisor_message_sender.restore_supervisor_message(seat_name, order)
