"""Agents at their seats: log-in and log-off, pauses, and which campaigns a seat serves.

Log-ins are stored, so that after a crash agents whose phones are still nailed up keep their seats.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import structlog

from dialer.domain.alerts import AlertKind
from dialer.domain.errors import CommandRefused, LogInRefused, RefusedBecause, StoreError, SwitchError
from dialer.domain.pin_proof import PinProof
from dialer.domain.view import SeatState
from dialer.engine.acd.service import Acd
from dialer.engine.alerts.state import Alerts
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.campaigns.runs import CampaignRuns
from dialer.engine.core import Core
from dialer.engine.effects import StartTimer, StoreFailed, TimerExpired, TimerKind
from dialer.engine.plan import Dependencies
from dialer.engine.seats.log_ins import AgentAccount, SignInSource, WrongLogIns
from dialer.engine.seats.pins import PinCheck
from dialer.engine.seats.seats import Seats
from dialer.engine.seats.silence import SeatSilence
from dialer.engine.seats.state import Seat
from dialer.store.log_ins import LogIn
from dialer.store.standing_orders import StandingOrder, format_seat_as_order_addressee

_log = structlog.get_logger(__name__)

SEAT_CAMPAIGNS = "seat-campaigns"
_AGENT_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}", re.ASCII)


class Agents:
    """Executes commands for agents' seats: log-in and log-off, pauses, and which campaigns a seat serves."""

    def __init__(
        self,
        core: Core,
        alerts: Alerts,
        calls: LiveCalls,
        seats: Seats,
        runs: CampaignRuns,
        acd: Acd,
        dependencies: Dependencies,
        silence: SeatSilence,
    ) -> None:
        """Create the service that logs agents in and out. If the settings list no agents, the log-in command accepts
        any agent name.
        """
        self._core = core
        self._alerts = alerts
        self._calls = calls
        self._seats = seats
        self._runs = runs
        self._acd = acd
        self._store = dependencies.store
        self._switch = dependencies.switch
        self._silence = silence
        self._wrong_log_ins = WrongLogIns()
        self._pins: PinCheck | None = None
        self._one_check = asyncio.Lock()  # one check at a time limits memory, and no concurrent guess can pass the lock
        self._saved_log_ins: dict[str, LogIn] = {}

    # Start, and changed settings

    async def load_agent_log_ins(self) -> None:
        """Load the agents' log-ins of the earlier run. Raises StoreError."""
        self._saved_log_ins = {log_in.seat: log_in for log_in in await self._store.read_log_ins()}
        if self._core.plan.agents:
            self._pins = PinCheck(self._core.plan.agents.values())

    def set_agent_pins(self, pins: PinCheck) -> None:
        """Use `pins` to check agents' log-ins from now on, because the settings were reloaded."""
        self._pins = pins

    def apply_settings_of_seats_and_agents(self) -> None:
        """Apply the seats and agents of the current settings. Agents who are no longer allowed are logged off after
        their call.
        """
        before = {seat.name: seat for seat in self._seats.list_seats()}
        self._seats.apply_settings_of_seats()
        for seat in [*self._seats.list_seats()]:
            if not self._may_agent_stay_logged_in(seat):
                self._acd.update_seat_and_connect_waiting_voter(*self._log_off_seat(seat.name))
                self._core.spawn_background_task(self._save_agent_log_in(seat.name), "drop-log-in")
            elif seat != before.get(seat.name):
                self._seats.publish_seat_view(seat.name)

    def _may_agent_stay_logged_in(self, seat: Seat) -> bool:
        plan, place = self._core.plan, self._core.plan.seats.get(seat.name)
        known = not plan.agents or seat.agent in plan.agents
        return seat.agent is None or (known and place is not None and place.endpoint == seat.endpoint)

    def restore_agent_log_ins(self, live_seats: frozenset[str], server: str) -> list[str]:
        """Log agents in again whose phones are still connected to this Asterisk server. Return their seats.

        Call this when the server first connects after a restart of the dialler. Other agents of this server are logged
        off.
        """
        seats = self._seats
        kept = {
            name: each
            for name, each in self._saved_log_ins.items()
            if name not in seats or seats[name].server == server
        }
        self._saved_log_ins = {name: each for name, each in self._saved_log_ins.items() if name not in kept}
        restored: list[str] = []
        logged_off = 0
        for log_in in kept.values():
            seat = seats.find_seat(log_in.seat)
            account = self._core.plan.agents.get(log_in.agent)
            elsewhere = any(other.agent == log_in.agent for other in seats.list_seats())
            if seat is None or seat.agent is not None:
                continue
            now = self._core.read_clock()
            after = seat.log_in_agent(log_in.agent, account, now)
            if elsewhere or log_in.seat not in live_seats or not self._may_agent_stay_logged_in(after):
                logged_off += 1
                self._core.spawn_background_task(self._save_agent_log_in(seat.name), "drop-log-in")
                continue
            self._seats.update_seat_state(seat, after.pause_seat(log_in.reason or "", now) if log_in.paused else after)
            restored.append(seat.name)
        if kept:
            _log.info("log_ins.restored", restored=len(restored), logged_off=logged_off)
        return restored

    def log_off_absent_agent(self, seat_name: str) -> None:
        """Log off an agent whose phone has been disconnected for too long."""
        self._acd.update_seat_and_connect_waiting_voter(*self._log_off_seat(seat_name))
        self._core.spawn_background_task(self._save_agent_log_in(seat_name), "drop-log-in")
        _log.info("seat.logged_off", seat=seat_name)

    def _log_off_seat(self, seat_name: str) -> tuple[Seat, Seat]:
        seat = self._seats[seat_name]
        return seat, seat.log_off_agent(self._core.read_clock())

    @property
    def can_agents_log_in_by_phone(self) -> bool:
        """Return whether agents can log in from a phone."""
        return bool(self._core.plan.agents)

    def find_seat_by_endpoint(self, endpoint: str) -> Seat | None:
        """Return the seat with this phone (SIP endpoint), or None."""
        return self._seats.find_seat_by_endpoint(endpoint)

    def is_phone_connected(self, seat_name: str) -> bool:
        """Return whether the seat's phone is connected, according to the last event from the switch."""
        return self._seats[seat_name].phone_up

    # Commands

    async def log_off_agent(self, seat_name: str) -> str:
        """Log off the agent at a seat, after the current call if there is one."""
        seat, after = self._log_off_seat(self._seats.require_known_seat(seat_name).name)
        self._acd.update_seat_and_connect_waiting_voter(seat, after)
        await self._save_agent_log_in(seat_name)
        return f"seat {seat_name}: {'logged off' if after.agent is None else 'will be logged off after this call'}"

    async def pause_seat(self, seat_name: str, reason: str) -> str:
        """Pause a seat, so that it gets no further calls. Raises CommandRefused."""
        seat = self._require_agent_allowed_by_settings(seat_name)
        self._acd.update_seat_and_connect_waiting_voter(seat, seat.pause_seat(reason, self._core.read_clock()))
        await self._save_agent_log_in(seat_name)
        return f"seat {seat_name}: paused"

    async def make_seat_ready(self, seat_name: str) -> str:
        """End the pause or the wrap-up of a seat, so that it gets calls again. Raises CommandRefused."""
        seat = self._require_agent_allowed_by_settings(seat_name)
        if seat.state is SeatState.WRAP_UP:
            self._acd.end_wrap_up(replace(seat, then=SeatState.READY, reason=None))
        else:
            self._acd.update_seat_and_connect_waiting_voter(seat, seat.make_seat_ready(self._core.read_clock()))
        await self._save_agent_log_in(seat_name)
        return f"seat {seat_name}: ready"

    def _require_agent_allowed_by_settings(self, seat_name: str) -> Seat:
        """Return a seat whose agent may stay logged in under the current settings. Raises CommandRefused."""
        seat = self._seats.require_known_seat(seat_name)
        if not self._may_agent_stay_logged_in(seat):
            raise CommandRefused(
                f"seat {seat_name}: the agent is being logged off, because the settings have changed. Log in again"
            )
        return seat

    async def restrict_seat_to_campaigns(self, seat_name: str, campaigns: tuple[str, ...]) -> str:
        """Restrict a seat to calls of these campaigns until its agent logs off. An empty tuple ends the restriction.

        Raises StoreError, or CommandRefused, for example if the agent lacks the skill of a campaign.
        """
        seat = self._seats.require_known_seat(seat_name)
        moved = seat.restrict_seat_to_campaigns(frozenset(campaigns))
        for campaign_id in campaigns:
            skill = self._runs.require_campaign_in_settings(campaign_id).spec.skill
            if not moved.can_serve_campaign(skill, campaign_id):
                raise CommandRefused(
                    f"the agent at seat {seat_name} does not have the skill {skill} that campaign {campaign_id} needs:"
                    " choose another agent, or add the skill to this agent in [[agents]]"
                )
        addressee, now = format_seat_as_order_addressee(seat_name), self._core.clock.now()
        if campaigns:
            await self._store.save_supervisor_orders(
                [StandingOrder(addressee, SEAT_CAMPAIGNS, {"campaigns": list(campaigns)}, now)]
            )
        else:
            await self._store.delete_supervisor_order(addressee, SEAT_CAMPAIGNS)
        seat = self._seats[seat_name]  # as it is now
        self._acd.update_seat_and_connect_waiting_voter(seat, seat.restrict_seat_to_campaigns(frozenset(campaigns)))
        self._seats.publish_seat_view(seat_name)
        return f"seat {seat_name}: serves {', '.join(campaigns) or 'all campaigns'} from its next call"

    def restore_seat_restriction_to_campaigns(self, seat_name: str, order: StandingOrder) -> None:
        """Restrict a seat again to the campaigns to which an earlier run had restricted it.

        Campaigns that no longer exist are left out.
        """
        seat = self._seats[seat_name]
        self._seats.update_seat_state(
            seat,
            seat.restrict_seat_to_campaigns(frozenset(order.content["campaigns"]) & self._core.plan.campaigns.keys()),
        )

    async def hang_up_voter(self, seat_name: str) -> str:
        """End the voter's call at a seat. Raises CommandRefused."""
        seat = self._seats.require_known_seat(seat_name)
        call = self._calls.find_call_at_seat(seat)
        if call is not None and call.reserved_seat == seat.name and not call.is_answered:
            self._calls.cancel_call(call)
            return f"seat {seat.name}: the call was cancelled"
        if seat.attempt_id is None or seat.state is not SeatState.TALKING:
            raise CommandRefused(f"seat {seat.name} has no call to hang up")
        try:
            await self._switch.hang_up_call(seat.attempt_id)
        except SwitchError as error:
            raise CommandRefused(f"seat {seat.name}: the call was not hung up: {error}") from error
        return f"seat {seat.name}: the call was hung up"

    def mark_talk_as_ending_soon(self, seat_name: str) -> str:
        """Record for the pacer that an agent is about to end the talk or the wrap-up. Raises CommandRefused."""
        self._acd.mark_talk_as_ending_soon(self._seats.require_known_seat(seat_name))
        return f"seat {seat_name}: pacing knows that the call is about to end"

    # Logging in

    async def log_in_agent(self, seat_name: str, agent: str, pin: str, *, phone_here: bool = False) -> str:
        """Log an agent in at a seat, and call the seat's phone. Return the reply to the agent.

        `phone_here` is True if the agent logs in from the seat's phone, which is then connected already. An agent may
        log in again at a seat whose phone was disconnected. Raises LogInRefused for a wrong number, a wrong PIN or a
        lock, without telling which. Raises CommandRefused if another agent has the seat, or the agent is logged in
        elsewhere.
        """
        account = await self._authenticate_agent(self._seats.require_known_seat(seat_name).name, agent, pin)
        return await self._log_agent_in_at_seat(seat_name, agent, account, phone_here=phone_here)

    async def sign_in_agent(
        self, seat_name: str, agent: str, proof: PinProof | None, source: SignInSource | None = None
    ) -> str:
        """Log an agent in from a page, or call the phone again if the agent is already signed in at the seat.

        `proof` shows that the agent knows the PIN. A wrong proof counts as a wrong log-in from `source` (a device or
        network). Raises the errors of `log_in_agent`, and CommandRefused for an expired proof or a locked source.
        """
        seat, now = self._seats.require_known_seat(seat_name), self._core.clock.now()
        account = self._core.plan.agents.get(agent)
        if self._core.plan.agents:
            if proof is not None and not proof.is_recent_proof(now):
                raise CommandRefused(
                    "the sign-in took too long: compare the clocks of the page server and the dialler (the "
                    f"dialler's shows {now:.0f} s since 1970, UTC)",
                    RefusedBecause.CLOCKS_DIFFER,
                )
            right = (
                account is not None
                and proof is not None
                and proof.is_valid_pin_proof(account.pin_hash, self._core.centre_id, seat.name, agent)
            )
            self._count_log_in_attempt(seat.name, agent, right=right, source=source)
        if seat.agent == agent:
            if not (
                seat.phone_up and await self._silence.hang_up_silent_seat_phone(seat)
            ):  # a dead phone is called after its hang-up
                self._acd.call_seat_phone(seat.name)
            return f"seat {seat.name}: the agent is already signed in"
        return await self._log_agent_in_at_seat(seat_name, agent, account, phone_here=False)

    async def _log_agent_in_at_seat(
        self, seat_name: str, agent: str, account: AgentAccount | None, *, phone_here: bool
    ) -> str:
        seat = self._seats.require_known_seat(seat_name)  # it may have changed during the check
        if seat_name not in self._core.plan.seats:
            raise CommandRefused(
                f"seat {seat_name} was removed from the settings: log in at another seat", RefusedBecause.NO_SEAT
            )
        elsewhere = next((other for other in self._seats.list_seats() if other.agent == agent), None)
        if elsewhere is not None and elsewhere.name != seat.name:
            raise CommandRefused(
                f"the agent is logged in at seat {elsewhere.name}: log off there first", RefusedBecause.AGENT_ELSEWHERE
            )
        again = elsewhere is not None and seat.phone_up
        if (
            again and not phone_here and await self._silence.hang_up_silent_seat_phone(seat)
        ):  # the phone is called after its hang-up
            return f"seat {seat.name}: the phone is called again"
        if phone_here and seat.phone_up and not again:
            raise CommandRefused(f"the phone of seat {seat.name} is already connected: hang it up first")
        if not (phone_here and elsewhere is not None):
            self._acd.update_seat_and_connect_waiting_voter(
                seat, seat.log_in_agent(agent, account, self._core.read_clock())
            )
        if phone_here:
            self._acd.schedule_redial_of_seat_phone(seat.name)
        else:
            self._acd.call_seat_phone(seat.name)
        await self._save_agent_log_in(seat.name)
        return f"seat {seat.name}: logged in"

    async def _authenticate_agent(self, seat: str, number: str, pin: str) -> AgentAccount | None:
        """Return the agent's account if number and PIN are right, or None if the settings have no agents. Raises
        CommandRefused.
        """
        if self._pins is None:
            if not _AGENT_NAME.fullmatch(number):
                raise CommandRefused("invalid agent number: use 1 to 40 letters, digits, dots, dashes or underscores")
            return None
        async with self._one_check:
            right = await asyncio.to_thread(self._pins.is_pin_correct, number, pin)
            self._count_log_in_attempt(
                seat, number, right=right and number in self._core.plan.agents
            )  # the settings may have changed meanwhile
        return self._core.plan.agents[number]

    def _count_log_in_attempt(self, seat: str, number: str, *, right: bool, source: SignInSource | None = None) -> None:
        """Count an attempt to log in.

        Raises LogInRefused if number or PIN was wrong, or if the seat or the agent is locked. Raises CommandRefused if
        the source is locked.
        """
        known = number if number in self._core.plan.agents else None
        now, rules = self._core.clock.monotonic(), self._core.plan.agent_rules
        locked = self._wrong_log_ins.is_log_in_locked(seat, known, now, source)
        if locked and source is not None:
            raise CommandRefused(
                f"sign-ins to seat {seat} are locked for up to {rules.lock_seconds / 60:g} minutes after too many wrong"
                " PINs: wait, or ask a supervisor to unlock the seat",
                RefusedBecause.LOG_IN_LOCKED,
            )
        if right and not locked:
            self._wrong_log_ins.reset_wrong_log_in_counts(seat, number, source)
            return
        if not locked and self._wrong_log_ins.count_wrong_log_in(seat, known, now, rules, source):
            self._raise_alert_about_locked_log_ins(
                seat, AlertKind.LOG_IN_LOCKED if source is None else AlertKind.SIGN_IN_LOCKED
            )
        raise LogInRefused

    def _raise_alert_about_locked_log_ins(self, seat: str, kind: AlertKind) -> None:
        rules = self._core.plan.agent_rules
        minutes = round(rules.lock_seconds / 60, 1)
        self._alerts.raise_alert(kind, seat=seat, minutes=minutes, failed=rules.wrong_pins)
        self._core.request_side_effects(
            StartTimer(f"lock/{seat}", rules.lock_seconds, TimerExpired(TimerKind.LOG_IN_UNLOCKED, seat))
        )

    def unlock_seat(self, seat_name: str) -> str:
        """Unlock a seat that was locked after too many wrong log-ins. Raises CommandRefused."""
        seat = self._seats.require_known_seat(seat_name)
        if not self._wrong_log_ins.unlock_seat(seat.name, self._core.clock.monotonic()):
            raise CommandRefused(f"seat {seat.name} is not locked")
        self.clear_alert_about_locked_log_ins(seat.name)
        return f"seat {seat.name}: unlocked"

    def clear_alert_about_locked_log_ins(self, seat_name: str) -> None:
        """Clear the alerts about locked log-ins at a seat, because the seat accepts log-ins again."""
        self._alerts.clear_alert(AlertKind.LOG_IN_LOCKED, seat_name)
        self._alerts.clear_alert(AlertKind.SIGN_IN_LOCKED, seat_name)

    async def call_seat_phone_for_log_in(self, seat_name: str) -> str:
        """Ring the phone of a vacant seat, so that an agent can enter number and PIN. Raises CommandRefused."""
        seat = self._seats.require_known_seat(seat_name)
        if not self._core.plan.agents:
            raise CommandRefused(
                "nobody can log in by phone, because the settings have no [[agents]]: log in on the agent's web page, or add"
                " [[agents]]"
            )
        if seat.agent is not None or seat.phone_up:
            raise CommandRefused(
                f"seat {seat.name} is already in use: log its agent off first", RefusedBecause.SEAT_TAKEN
            )
        try:
            await self._switch.call_seat_phone_for_log_in(seat.name, seat.endpoint)
        except SwitchError as error:
            raise CommandRefused(f"seat {seat.name}: the phone could not be called: {error}") from error
        return f"seat {seat.name}: the phone is being called"

    async def _save_agent_log_in(self, seat_name: str) -> None:
        """Store an agent's log-in at a seat. If that fails, agents only have to log in again after a restart."""
        seat = self._seats[seat_name]
        self._saved_log_ins.pop(seat_name, None)
        try:
            if seat.agent is None or seat.then is SeatState.OFFLINE:
                await self._store.remove_log_in(seat_name, self._core.clock.now())
            else:
                paused = seat.then is SeatState.PAUSED
                await self._store.save_log_in(LogIn(seat_name, seat.agent, paused, seat.reason, self._core.clock.now()))
        except StoreError as error:
            self._core.request_side_effects(StoreFailed(error))
