"""The seat desk: agents log in and off, say how they stand; by command, or by the keys of the phone.

A log-in is kept in the store, so that a dialler that died finds its agents nailed up as they were.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import structlog

from dialer.domain.errors import CommandRefused, LogInRefused, RefusedBecause, StoreError, SwitchError
from dialer.domain.pin_proof import PinProof
from dialer.domain.view import AlertLevel, SeatState
from dialer.engine.acd.service import Acd
from dialer.engine.alerts.state import Alerts
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.campaigns.runs import CampaignRuns
from dialer.engine.core import Core
from dialer.engine.effects import StartTimer, StoreFailed, TimerExpired, TimerKind
from dialer.engine.plan import Dependencies
from dialer.engine.seats.log_ins import AgentAccount, WrongLogIns
from dialer.engine.seats.pins import PinCheck
from dialer.engine.seats.seats import Seats
from dialer.engine.seats.silence import SeatSilence
from dialer.engine.seats.state import Seat
from dialer.store.log_ins import LogIn
from dialer.store.standing_orders import StandingOrder, seat_addressee

_log = structlog.get_logger(__name__)

SEAT_CAMPAIGNS = "seat-campaigns"
_AGENT_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}", re.ASCII)


class Agents:
    """Does what agents and supervisors ask of seats."""

    def __init__(
        self,
        core: Core,
        alerts: Alerts,
        calls: LiveCalls,
        seats: Seats,
        runs: CampaignRuns,
        acd: Acd,
        outside: Dependencies,
        silence: SeatSilence,
    ) -> None:
        """Where the settings have no agents a seat is logged in by command alone, under any name."""
        self._core = core
        self._alerts = alerts
        self._calls = calls
        self._seats = seats
        self._runs = runs
        self._acd = acd
        self._store = outside.store
        self._switch = outside.switch
        self._silence = silence
        self._wrong = WrongLogIns()
        self._pins: PinCheck | None = None
        self._one_check = asyncio.Lock()  # so that guesses at once take no more memory, and none slips past the lock
        self._kept: dict[str, LogIn] = {}

    # Life

    async def prepare(self) -> None:
        """Read who had which seat. Raises StoreError."""
        self._kept = {log_in.seat: log_in for log_in in await self._store.log_ins()}
        if self._core.plan.agents:
            self._pins = await asyncio.to_thread(PinCheck, self._core.plan.agents.values())

    def use_pins(self, pins: PinCheck) -> None:
        """The PINs of the agents of the centre's plan."""
        self._pins = pins

    def use_plan(self) -> None:
        """The plan's seats and agents are in force. Who may not stay leaves, after the call if there is one."""
        before = {seat.name: seat for seat in self._seats.all()}
        self._seats.use_plan()
        for seat in [*self._seats.all()]:
            if not self._may_stay(seat):
                self._acd.free(*self._emptied(seat.name))
                self._core.spawn(self._keep(seat.name), "drop-log-in")
            elif seat != before.get(seat.name):
                self._seats.notify(seat.name)

    def _may_stay(self, seat: Seat) -> bool:
        plan, place = self._core.plan, self._core.plan.seats.get(seat.name)
        known = not plan.agents or seat.agent in plan.agents
        return seat.agent is None or (known and place is not None and place.endpoint == seat.endpoint)

    def adopt(self, live_seats: frozenset[str], server: str) -> list[str]:
        """An Asterisk is up for the first time: agents whose phones are nailed up there have their seats again, paused or ready.
        Which seats those are.

        One whose phone is not there is logged off: the phone would ring for somebody who may have gone home.
        """
        seats = self._seats
        kept = {name: each for name, each in self._kept.items() if name not in seats or seats[name].server == server}
        self._kept = {name: each for name, each in self._kept.items() if name not in kept}
        adopted: list[str] = []
        logged_off = 0
        for log_in in kept.values():
            seat = seats.get(log_in.seat)
            account = self._core.plan.agents.get(log_in.agent)
            elsewhere = any(other.agent == log_in.agent for other in seats.all())  # while this server was not reached
            if seat is None or seat.agent is not None:
                continue
            now = self._core.instant()
            after = seat.logged_in(log_in.agent, account, now)
            if elsewhere or log_in.seat not in live_seats or not self._may_stay(after):
                logged_off += 1
                self._core.spawn(self._keep(seat.name), "drop-log-in")
                continue
            self._seats.put(seat, after.paused(log_in.reason or "", now) if log_in.paused else after)
            adopted.append(seat.name)
        if kept:
            _log.info("log-ins.adopted", adopted=len(adopted), logged_off=logged_off)
        return adopted

    def gone(self, seat_name: str) -> None:
        """The agent's phone was away so long that the agent has gone too."""
        self._acd.free(*self._emptied(seat_name))
        self._core.spawn(self._keep(seat_name), "drop-log-in")
        _log.info("seat.given-up", seat=seat_name)

    def _emptied(self, seat_name: str) -> tuple[Seat, Seat]:
        seat = self._seats[seat_name]
        return seat, seat.logged_off(self._core.instant())

    @property
    def takes_log_ins(self) -> bool:
        """Whether there are agents who may log in from a phone."""
        return bool(self._core.plan.agents)

    def seat_of_endpoint(self, endpoint: str) -> Seat | None:
        """The seat whose phone this is."""
        return self._seats.with_endpoint(endpoint)

    def has_phone(self, seat_name: str) -> bool:
        """Whether a phone is on the line for this seat, as far as is known."""
        return self._seats[seat_name].phone_up

    # Commands

    async def log_off(self, seat_name: str) -> str:
        """The agent leaves, after the call if there is one."""
        seat, after = self._emptied(self._seats.require(seat_name).name)
        self._acd.free(seat, after)
        await self._keep(seat_name)
        return f"seat {seat_name}: {'logged off' if after.agent is None else 'after this call'}"

    async def pause(self, seat_name: str, reason: str) -> str:
        """No further calls to this seat. Raises CommandRefused."""
        seat = self._staying(seat_name)
        self._acd.free(seat, seat.paused(reason, self._core.instant()))
        await self._keep(seat_name)
        return f"seat {seat_name}: paused"

    async def make_ready(self, seat_name: str) -> str:
        """The seat takes calls again: ends a pause, and a wrap-up. Raises CommandRefused."""
        seat = self._staying(seat_name)
        if seat.state is SeatState.WRAP_UP:
            self._acd.end_wrap_up(replace(seat, then=SeatState.READY, reason=None))
        else:
            self._acd.free(seat, seat.made_ready(self._core.instant()))
        await self._keep(seat_name)
        return f"seat {seat_name}: ready"

    def _staying(self, seat_name: str) -> Seat:
        """A seat whose agent does not have to leave. Raises CommandRefused."""
        seat = self._seats.require(seat_name)
        if not self._may_stay(seat):
            raise CommandRefused(f"seat {seat_name}: the settings have changed, and its agent leaves; log in again")
        return seat

    async def serve(self, seat_name: str, campaigns: tuple[str, ...]) -> str:
        """Of these campaigns alone the seat takes calls, until its agent logs off; of none in particular: of all again.

        Raises CommandRefused, for a campaign too whose skill the agent has not; StoreError.
        """
        seat = self._seats.require(seat_name)
        moved = seat.serving(frozenset(campaigns))
        for campaign_id in campaigns:
            skill = self._runs.require(campaign_id).spec.skill
            if not moved.can_serve(skill, campaign_id):
                raise CommandRefused(
                    f"the agent at seat {seat_name} has not the skill {skill}, for campaign {campaign_id}"
                )
        addressee, now = seat_addressee(seat_name), self._core.clock.now()
        if campaigns:
            await self._store.save_standing_orders(
                [StandingOrder(addressee, SEAT_CAMPAIGNS, {"campaigns": list(campaigns)}, now)]
            )
        else:
            await self._store.end_standing_order(addressee, SEAT_CAMPAIGNS)
        seat = self._seats[seat_name]  # as it is now
        self._acd.free(seat, seat.serving(frozenset(campaigns)))
        self._seats.notify(seat_name)
        return f"seat {seat_name}: from its next call on {', '.join(campaigns) or 'all campaigns again'}"

    def serve_again(self, seat_name: str, order: StandingOrder) -> None:
        """What an earlier run was told of a seat: campaigns that there are no more do not count, and of none it serves all."""
        seat = self._seats[seat_name]
        self._seats.put(seat, seat.serving(frozenset(order.content["campaigns"]) & self._core.plan.campaigns.keys()))

    async def hang_up(self, seat_name: str) -> str:
        """End the voter's call. Raises CommandRefused."""
        seat = self._seats.require(seat_name)
        call = self._calls.at_seat(seat)
        if call is not None and call.kept_seat == seat.name and not call.answered:
            self._calls.cancel(call)
            return f"seat {seat.name}: called off"
        if seat.attempt_id is None or seat.state is not SeatState.TALKING:
            raise CommandRefused(f"seat {seat.name} has no call to hang up")
        try:
            await self._switch.hang_up(seat.attempt_id)
        except SwitchError as error:
            raise CommandRefused(f"seat {seat.name}: not hung up: {error}") from error
        return f"seat {seat.name}: hung up"

    def closing(self, seat_name: str) -> str:
        """The talk or the wrap-up comes to its end; the pacer knows sooner. Raises CommandRefused."""
        self._acd.closing(self._seats.require(seat_name))
        return f"seat {seat_name}: closing"

    # Logging in

    async def log_in(self, seat_name: str, agent: str, pin: str, *, phone_here: bool = False) -> str:
        """An agent takes a seat. `phone_here`: the agent keyed it in on the seat's phone, which is about to be nailed up;
        otherwise the phone is called. An agent may come back on the phone of a seat that is lost, and on a new call of the phone
        while the old one is not known to be dead: a browser that was reloaded. The new one then takes its place.

        Raises LogInRefused, the same for all that is wrong with number and PIN and for what is locked; CommandRefused for a
        seat that is taken, and for an agent who is logged in elsewhere.
        """
        account = await self._admitted(self._seats.require(seat_name).name, agent, pin)
        return await self._take_seat(seat_name, agent, account, phone_here=phone_here)

    async def sign_in(self, seat_name: str, agent: str, proof: PinProof | None) -> str:
        """An agent takes a seat from a page, or comes back to it. The PIN is proved: a wrong one counts as one keyed at the phone.

        Raises as `log_in`, and CommandRefused for a proof that is old.
        """
        seat, now = self._seats.require(seat_name), self._core.clock.now()
        account = self._core.plan.agents.get(agent)
        if self._core.plan.agents:
            if proof is not None and not proof.is_fresh(now):
                raise CommandRefused(
                    f"the proof of the PIN is not of this minute: compare the two clocks ({now:.0f} here)",
                    RefusedBecause.CLOCKS,
                )
            right = (
                account is not None
                and proof is not None
                and proof.holds(account.pin_hash, self._core.centre_id, seat.name, agent)
            )
            self._judge(seat.name, agent, right=right)
        if seat.agent == agent:
            if not (seat.phone_up and await self._silence.is_dead(seat)):  # else it is called as it goes
                self._acd.call_phone(seat.name)
            return f"seat {seat.name}: signed in already"
        return await self._take_seat(seat_name, agent, account, phone_here=False)

    async def _take_seat(self, seat_name: str, agent: str, account: AgentAccount | None, *, phone_here: bool) -> str:
        seat = self._seats.require(seat_name)  # as it is now: the check has taken its time
        if seat_name not in self._core.plan.seats:
            raise CommandRefused(f"the settings have the seat {seat_name} no more", RefusedBecause.NO_SEAT)
        elsewhere = next((other for other in self._seats.all() if other.agent == agent), None)
        if elsewhere is not None and elsewhere.name != seat.name:
            raise CommandRefused(
                f"this agent is logged in at seat {elsewhere.name}; log off there first", RefusedBecause.AGENT_ELSEWHERE
            )
        again = elsewhere is not None and seat.phone_up
        if again and not phone_here and await self._silence.is_dead(seat):  # and called as it goes
            return f"seat {seat.name}: its phone is called again"
        if phone_here and seat.phone_up and not again:
            raise CommandRefused(f"the phone of seat {seat.name} is on the line already; hang it up first")
        if not (phone_here and elsewhere is not None):
            self._acd.free(seat, seat.logged_in(agent, account, self._core.instant()))
        if phone_here:
            self._acd.expect_phone(seat.name)
        else:
            self._acd.call_phone(seat.name)
        await self._keep(seat.name)
        return f"seat {seat.name}: logged in"

    async def _admitted(self, seat: str, number: str, pin: str) -> AgentAccount | None:
        """The agent's account; None where the settings have no agents at all. Raises CommandRefused."""
        if self._pins is None:
            if not _AGENT_NAME.fullmatch(number):
                raise CommandRefused("an agent is named by 1 to 40 letters, digits, dots, dashes or underscores")
            return None
        async with self._one_check:
            right = await asyncio.to_thread(self._pins.is_right, number, pin)
            self._judge(seat, number, right=right and number in self._core.plan.agents)  # as the settings are now
        return self._core.plan.agents[number]

    def _judge(self, seat: str, number: str, *, right: bool) -> None:
        """Count a try, at the phone or from a page. Raises LogInRefused where it was wrong, or seat or agent is locked."""
        known = number if number in self._core.plan.agents else None
        now = self._core.clock.monotonic()
        locked = self._wrong.is_locked(seat, known, now)
        if right and not locked:
            self._wrong.right(seat, number)
            return
        if not locked and self._wrong.wrong(seat, known, now, self._core.plan.agent_rules):
            self._locked(seat)
        raise LogInRefused

    def _locked(self, seat: str) -> None:
        rules = self._core.plan.agent_rules
        minutes = rules.lock_seconds / 60
        self._alerts.raise_alert(
            f"log-in-locked-{seat}",
            AlertLevel.WARNING,
            f"seat {seat} takes no log-in for {minutes:g} minutes, nor does the agent who was keyed in there: "
            f"{rules.wrong_pins} wrong ones in a row; a supervisor may unlock it",
        )
        self._core.do(StartTimer(f"lock/{seat}", rules.lock_seconds, TimerExpired(TimerKind.LOG_IN_UNLOCKED, seat)))

    def unlock(self, seat_name: str) -> str:
        """Take log-ins again at a seat that was locked. Raises CommandRefused."""
        seat = self._seats.require(seat_name)
        if not self._wrong.unlock(seat.name):
            raise CommandRefused(f"seat {seat.name} is not locked")
        self.unlocked(seat.name)
        return f"seat {seat.name}: unlocked"

    def unlocked(self, seat_name: str) -> None:
        """Log-ins are taken at the seat again."""
        self._alerts.clear(f"log-in-locked-{seat_name}")

    async def call_for_log_in(self, seat_name: str) -> str:
        """Ring the phone of a seat that nobody has, for an agent to key in number and PIN. Raises CommandRefused."""
        seat = self._seats.require(seat_name)
        if not self._core.plan.agents:
            raise CommandRefused("the settings have no [[agents]] who could key in a PIN; log the seat in by command")
        if seat.agent is not None or seat.phone_up:
            raise CommandRefused(f"seat {seat.name} is taken; log its agent off first", RefusedBecause.SEAT_TAKEN)
        try:
            await self._switch.call_for_log_in(seat.name, seat.endpoint)
        except SwitchError as error:
            raise CommandRefused(f"seat {seat.name}: its phone was not called: {error}") from error
        return f"seat {seat.name}: its phone is called"

    async def _keep(self, seat_name: str) -> None:
        """Keep who has the seat now. Without it a restart would only ask the agent to log in again."""
        seat = self._seats[seat_name]
        self._kept.pop(seat_name, None)
        try:
            if seat.agent is None or seat.then is SeatState.OFFLINE:
                await self._store.remove_log_in(seat_name, self._core.clock.now())
            else:
                paused = seat.then is SeatState.PAUSED
                await self._store.save_log_in(LogIn(seat_name, seat.agent, paused, seat.reason, self._core.clock.now()))
        except StoreError as error:
            self._core.do(StoreFailed(error))
