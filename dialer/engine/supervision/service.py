"""Monitoring of seats by supervisors: listen, whisper and barge. Monitoring starts only after its audit entry is
stored.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace

import structlog

from dialer.domain.errors import CommandRefused, StoreError, SwitchError
from dialer.domain.model import ListeningMode
from dialer.domain.parties import SUPERVISION_PARTY, PartyId, make_supervision_party_id
from dialer.domain.switch import PartyRequest, Switch
from dialer.domain.switch_events import SwitchUp
from dialer.domain.view import SeatState
from dialer.engine.core import Core
from dialer.engine.effects import make_order_to_switch, make_order_to_write_to_store
from dialer.engine.seats.seats import Seats
from dialer.engine.supervision.state import ALLOWED_MODES, Listener, Listeners, SupervisorPhone
from dialer.store.store import Store

_log = structlog.get_logger(__name__)

RING_SECONDS = 20.0  # how long a supervisor's phone rings
_NOBODY_THERE = frozenset({SeatState.OFFLINE, SeatState.LOST})


class Supervision:
    """Lets supervisors monitor agents' seats: listen, whisper and barge."""

    def __init__(self, core: Core, listeners: Listeners, seats: Seats, switch: Switch, store: Store) -> None:
        """Create the service for monitoring. Only supervisors in the settings may monitor seats, and only on their own
        phones.
        """
        self._core = core
        self._listeners = listeners
        self._seats = seats
        self._switch = switch
        self._store = store

    def apply_settings_of_supervisors(self) -> None:
        """Hang up the phones of supervisors who were removed from the settings, or whose role or phone has changed
        there.
        """
        for listener in self._listeners.list_monitoring_supervisors():
            if not self._may_supervisor_keep_monitoring(listener):
                self._hang_up_supervisor_phone(listener)

    def _may_supervisor_keep_monitoring(self, listener: Listener) -> bool:
        return self._core.plan.supervisors.get(listener.phone.name) == listener.phone

    # Commands

    def _require_supervisor_phone(self, supervisor: str) -> SupervisorPhone:
        phone = self._core.plan.supervisors.get(supervisor)
        if phone is None:
            raise CommandRefused(
                "the settings have no supervisor of this name, so no seat can be monitored: add the sender of the "
                "command to [[supervisors]]"
            )
        return phone

    async def monitor_seat(self, seat_name: str, supervisor: str, mode: ListeningMode) -> str:
        """Let a supervisor listen, whisper or barge in at an agent's seat. Raises CommandRefused: then nothing has
        changed.
        """
        phone = self._require_supervisor_phone(supervisor)
        if mode not in ALLOWED_MODES[phone.role]:
            raise CommandRefused(
                f"the role {phone.role.value} of supervisor {phone.name} does not permit {mode.value}: ask for "
                "another role"
            )
        before = self._listeners.find_monitoring_by_supervisor(phone.name)
        if before is not None and (before.seat, before.mode) == (seat_name, mode):
            raise CommandRefused(f"supervisor {phone.name} is already monitoring seat {seat_name} ({mode.value})")
        self._require_occupied_seat(seat_name, mode)
        if before is None:
            await self._start_monitoring(
                Listener(phone, seat_name, mode, make_supervision_party_id(secrets.token_hex(6)))
            )
        else:
            await self._change_monitoring_mode(before, replace(before, seat=seat_name, mode=mode))
        return f"supervisor {phone.name}, seat {seat_name}: {mode.value}"

    def _require_occupied_seat(self, seat_name: str, mode: ListeningMode) -> None:
        seat = self._seats.require_known_seat(seat_name)
        if seat.state in _NOBODY_THERE or not seat.phone_up:
            raise CommandRefused(
                f"seat {seat_name} is {seat.state.value}, so there is no agent to listen to: choose another seat"
            )
        if mode is not ListeningMode.BARGE:
            return
        if seat.state is not SeatState.TALKING:
            raise CommandRefused(f"seat {seat_name} has no call to barge in on: wait until the agent talks to a voter")
        if any(
            listener.seat == seat_name and listener.mode is ListeningMode.BARGE
            for listener in self._listeners.list_monitoring_supervisors()
        ):
            raise CommandRefused(
                f"seat {seat_name}: another supervisor has already barged in: wait until that supervisor has hung up"
            )

    async def _start_monitoring(self, listener: Listener) -> None:
        self._listeners.add_or_replace_monitoring_supervisor(
            listener
        )  # before anything is awaited, so that a second command finds it
        try:
            await self._append_monitoring_start_to_audit(listener, listener.mode.value)
            request = PartyRequest(
                listener.party_id,
                listener.phone.endpoint,
                None,
                None,
                RING_SECONDS,
                listener.expected_conference_or_channel_of_supervisor,
            )
            await self._switch.call_third_party(request)
        except StoreError as error:
            self._listeners.remove_monitoring_supervisor(listener)
            raise CommandRefused(
                f"monitoring was not started, because its audit entry could not be stored: {error}"
            ) from error
        except SwitchError as error:
            self._end_monitoring(listener, "not called")
            self._hang_up_supervisor_phone(listener)
            raise CommandRefused(f"supervisor {listener.phone.name} was not called: {error}") from error
        if not self._may_supervisor_keep_monitoring(listener):  # the settings changed before the phone was called
            self._hang_up_supervisor_phone(listener)
            raise CommandRefused(
                f"monitoring by supervisor {listener.phone.name} was ended, because the settings have changed"
            )

    async def _change_monitoring_mode(self, before: Listener, after: Listener) -> None:
        try:
            await self._append_monitoring_start_to_audit(after, after.mode.value)
        except StoreError as error:
            raise CommandRefused(
                f"supervisor {before.phone.name}: the monitoring mode was not changed, because its audit entry could"
                f" not be stored: {error}"
            ) from error
        if self._listeners.find_monitoring_by_supervisor(before.phone.name) is not before:
            self._append_monitoring_end_to_audit(after, "hung up")
            raise CommandRefused(
                f"the monitoring mode was not changed, because supervisor {before.phone.name} has hung up"
            )
        try:
            await self._switch.move_third_party(before.party_id, after.expected_conference_or_channel_of_supervisor)
        except SwitchError as error:
            self._append_monitoring_end_to_audit(after, "not changed")
            raise CommandRefused(
                f"the monitoring mode was not changed ({error}): check that supervisor {before.phone.name} has "
                "answered the phone"
            ) from error
        # Its end is already in the audit, and a new monitoring may have started.
        if self._listeners.find_monitoring_by_supervisor(before.phone.name) is not before:
            self._append_monitoring_end_to_audit(after, "hung up")
            raise CommandRefused(
                f"the monitoring mode was not changed, because supervisor {before.phone.name} has hung up"
            )
        self._append_monitoring_end_to_audit(before, f"changed to {after.mode.value}")
        self._listeners.add_or_replace_monitoring_supervisor(after)

    async def stop_monitoring_by_supervisor(self, supervisor: str) -> str:
        """End a supervisor's monitoring by hanging up the supervisor's phone. Raises CommandRefused."""
        phone = self._require_supervisor_phone(supervisor)
        listener = self._listeners.find_monitoring_by_supervisor(phone.name)
        if listener is None:
            raise CommandRefused(f"supervisor {phone.name} is not monitoring any seat")
        try:
            await self._switch.hang_up_third_party(listener.party_id)
        except SwitchError as error:
            raise CommandRefused(f"the phone of supervisor {phone.name} could not be hung up: {error}") from error
        return f"supervisor {phone.name}: monitoring ended"

    # Events

    def on_supervisor_phone_left(self, party_id: PartyId) -> None:
        """End the monitoring by a supervisor whose phone was not reached or has hung up."""
        for listener in self._listeners.list_monitoring_supervisors():
            if listener.party_id == party_id:
                self._end_monitoring(listener, "hung up")

    def update_monitoring_of_changed_seat(self, seat_name: str) -> None:
        """Update the monitoring of a seat by supervisors after the seat's state has changed.

        After a talk, a supervisor who has barged in only listens again. After a log-off, the supervisors' phones are
        hung up.
        """
        state = self._seats[seat_name].state
        for listener in [each for each in self._listeners.list_monitoring_supervisors() if each.seat == seat_name]:
            if state is SeatState.OFFLINE:
                self._hang_up_supervisor_phone(listener)
            elif state is not SeatState.TALKING and listener.mode is ListeningMode.BARGE:
                self._core.spawn_background_task(self._return_supervisor_to_listen_mode(listener), "barge-ends")

    def end_all_monitoring(self) -> None:
        """End the monitoring by all supervisors, because the dialler is stopping."""
        for listener in self._listeners.list_monitoring_supervisors():
            self._hang_up_supervisor_phone(listener)
            self._end_monitoring(listener, "the dialler stops")

    async def _return_supervisor_to_listen_mode(self, listener: Listener) -> None:
        try:
            await self._change_monitoring_mode(listener, replace(listener, mode=ListeningMode.LISTEN))
        except CommandRefused as refused:  # otherwise the supervisor would stay in the conversation with the next voter
            _log.warning("barge.end_failed", seat=listener.seat, problem=str(refused))
            self._hang_up_supervisor_phone(listener)

    def resync_supervisors_with_server(self, up: SwitchUp) -> None:
        """Bring supervisors' monitoring into agreement with an Asterisk server. Supervisors' phones that an earlier run
        of the dialler has called are hung up.
        """
        live = {party_id for party_id, _ in up.parties if party_id.startswith(SUPERVISION_PARTY)}
        known = {listener.party_id for listener in self._listeners.list_monitoring_supervisors()}
        for listener in self._listeners.list_monitoring_supervisors():
            if listener.party_id not in live and self._seats[listener.seat].server == up.server:
                self._end_monitoring(listener, "gone")
        for party_id in sorted(live - known):
            self._core.request_side_effects(make_order_to_switch(self._switch.hang_up_third_party, party_id))
            self._append_monitoring_entry_to_audit_log(
                "listen-end", "dialler", {"party": party_id, "because": "the dialler was restarted"}
            )

    def _hang_up_supervisor_phone(self, listener: Listener) -> None:
        self._core.request_side_effects(make_order_to_switch(self._switch.hang_up_third_party, listener.party_id))

    # Audit

    def _end_monitoring(self, listener: Listener, because: str) -> None:
        if self._listeners.remove_monitoring_supervisor(listener):
            self._append_monitoring_end_to_audit(listener, because)

    async def _append_monitoring_start_to_audit(self, listener: Listener, kind: str) -> None:
        await self._store.append_audit_entry(
            kind, listener.phone.name, self._make_audit_details_of_monitoring(listener), self._core.clock.now()
        )

    def _append_monitoring_end_to_audit(self, listener: Listener, because: str) -> None:
        self._append_monitoring_entry_to_audit_log(
            f"{listener.mode.value}-end",
            listener.phone.name,
            {**self._make_audit_details_of_monitoring(listener), "because": because},
        )

    def _append_monitoring_entry_to_audit_log(self, kind: str, who: str, what: Mapping[str, str]) -> None:
        self._core.request_side_effects(
            make_order_to_write_to_store(self._store.append_audit_entry, kind, who, what, self._core.clock.now())
        )

    def _make_audit_details_of_monitoring(self, listener: Listener) -> dict[str, str]:
        seat = self._seats[listener.seat]
        what = {"seat": listener.seat, "party": listener.party_id}
        return what if seat.attempt_id is None else {**what, "attempt": seat.attempt_id}
