"""The engine: wakes on an event, a deadline or the stop; decides; and is the only writer of calls, seats and attempts.

Everything here runs in one event loop. A switch's event is applied at once, without waiting for anything; what follows from it
(a commit, an order to the switch) runs as a task beside. Commands come through `execute`, flows through the flow desk.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import structlog

from dialer import commands
from dialer.calls import Call
from dialer.ear import SupervisorPhone
from dialer.engine.assistance import Assistance
from dialer.engine.floor import Floor
from dialer.engine.flow_desk import SCRIPT, FlowDesk, Flows
from dialer.engine.gatekeeper import Gatekeeper
from dialer.engine.hoppers import Hoppers
from dialer.engine.inbound import InboundDesk, InboundPlan
from dialer.engine.placing import Placing
from dialer.engine.reconcile import Reconciler
from dialer.engine.results import Results
from dialer.engine.seat_desk import FloorRules, SeatDesk
from dialer.engine.state import CampaignRun, CampaignSpec, Centre, SeatTally
from dialer.engine.trunk_desk import TrunkDesk
from dialer.engine.views import centre_view
from dialer.errors import CommandRefused, StoreError, SwitchError
from dialer.help import TransferTarget
from dialer.log_ins import AgentAccount
from dialer.model import AttemptId, CampaignState, Purpose
from dialer.pacing.port import Pacer, PacingEventKind
from dialer.polling_day.plan import PollingPlan
from dialer.polling_day.priorities import BoothOrder
from dialer.rules.calling_hours import day_start
from dialer.rules.gate import Gate
from dialer.rules.rulebook import CampaignRules
from dialer.seats import Seat
from dialer.store.port import Store
from dialer.switch import port as switch_port
from dialer.switch.port import CallEnded, Switch, SwitchEvent
from dialer.trunk_health import RestRules
from dialer.trunks import TrunkLimits, TrunkPool
from dialer.view import Alert, AlertLevel, CampaignChange, CentreView, Change, SeatState

_log = structlog.get_logger(__name__)

HOUSEKEEPING_SECONDS = 5.0
HANG_UP_SECONDS = 5.0  # how long the last calls may take to end once they are hung up
RECONCILE_SECONDS = 5.0  # a flow that comes back before the first resync waits so long for it
FLOW_GRACE_SECONDS = 5.0  # after a hang-up, for the flow's last commit


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """A campaign as it is to be run: what it is, and its pacer, fresh."""

    spec: CampaignSpec
    rules: CampaignRules
    pacer: Pacer


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """Everything the engine is told at its start."""

    owner: str  # this dialler's name in its claims
    organisation: str
    campaigns: tuple[CampaignPlan, ...]
    seats: tuple[tuple[str, str, frozenset[str]], ...]  # name, endpoint, languages
    trunks: tuple[TrunkLimits, ...]
    gate: Gate
    drain_seconds: float
    polling: PollingPlan | None = None
    agents: tuple[AgentAccount, ...] = ()
    floor: FloorRules = field(default_factory=FloorRules)
    rest: RestRules = field(default_factory=RestRules)
    inbound: InboundPlan = field(default_factory=InboundPlan)
    transfers: tuple[TransferTarget, ...] = ()
    supervisors: tuple[SupervisorPhone, ...] = ()


class Engine:
    """Runs the calls of one centre."""

    def __init__(
        self,
        plan: EnginePlan,
        centre: Centre,
        store: Store,
        switch: Switch,
        flows: Flows,
        *,
        has_room: Callable[[], bool],
        figures: Callable[[], dict[str, float]] = dict,
    ) -> None:
        """`has_room`: whether the disk can still take results; `figures`: the process's own, for the board."""
        self._plan = plan
        self._centre = centre
        centre.polling = plan.polling
        self._store = store
        self._switch = switch
        self._figures = figures
        now = centre.clock.monotonic()
        self._trunks = TrunkPool(plan.trunks, now, plan.rest)
        self._trunk_desk = TrunkDesk(centre, self._trunks)
        centre.seats = {
            name: Seat(name, endpoint, languages, now, centre.clock.now()) for name, endpoint, languages in plan.seats
        }
        centre.seat_tallies = {name: SeatTally() for name in centre.seats}
        self._results = Results(centre, store, self._trunk_desk, self._cancel)
        self._gatekeeper = Gatekeeper(
            centre,
            plan.gate,
            {campaign.rules.campaign_id: campaign.rules for campaign in plan.campaigns},
            lambda flow: None if flow.startswith(SCRIPT) else flows.current(flow).version,
        )
        self._floor = Floor(centre, switch, self._results, self._gatekeeper)
        self.seat_desk = SeatDesk(
            centre, self._floor, store, switch, self._results, plan.agents, plan.floor, execute=self.execute
        )
        hoppers = Hoppers(
            centre, store, self._results, owner=plan.owner, has_room=has_room, priorities=self._priorities
        )
        self._placing = Placing(
            centre, store, switch, self._results, self._trunks, self._trunk_desk, self._gatekeeper, hoppers
        )
        self._assistance = Assistance(
            centre,
            store,
            switch,
            self._floor,
            self._results,
            self._trunks,
            plan.gate.rules,
            transfers=plan.transfers,
            supervisors=plan.supervisors,
        )
        self.inbound_desk = InboundDesk(centre, store, self._results, self._trunks, plan.inbound)
        self._reconciler = Reconciler(centre, switch, self._results, self.inbound_desk, self._finish)
        self._reconciled = asyncio.Event()
        self.flow_desk = FlowDesk(centre, store, self._results, flows, plan.organisation, self._gatekeeper)
        self.flow_desk.transfer = self._floor.take_from_flow

    @property
    def outbox_event(self) -> asyncio.Event:
        """Set whenever announcements were committed; the relay clears it."""
        return self._centre.outbox_event

    def view(self) -> CentreView:
        """The centre at this moment."""
        return centre_view(self._centre, self._floor, self._trunks, self._figures())

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call `callback` in the loop at each change, until the returned function is called."""
        return self._centre.subscribe(callback)

    async def until_reconciled(self) -> None:
        """Wait until store and switch were first brought to agree: before that nobody knows whose a live call is. Not for ever."""
        try:
            async with asyncio.timeout(RECONCILE_SECONDS):
                await self._reconciled.wait()
        except TimeoutError:
            _log.warning("not-reconciled-yet")

    def take_alert(self, alert: Alert) -> None:
        """An alert that another part of the dialler raises or clears."""
        self._centre.take_alert(alert)

    async def take_opt_out(self, number_hash: str, *, at: float, centre: str) -> None:
        """A number opted out in another centre: suppress it here, and cancel what rings there. Raises StoreError."""
        await self._results.foreign_opt_out(number_hash, at=at, centre=centre)

    async def execute(self, command: commands.Command) -> str:
        """Do what was asked; one line that says what was done. Raises CommandRefused, StoreError where it was not kept."""
        match command:
            case commands.PauseCampaign(campaign_id):
                return await self._set_state(campaign_id, CampaignState.PAUSED)
            case commands.ResumeCampaign(campaign_id):
                return await self._set_state(campaign_id, CampaignState.RUNNING)
            case commands.StopCampaign(campaign_id):
                return await self._set_state(campaign_id, CampaignState.STOPPED)
            case commands.StopAll():
                for campaign_id in self._centre.campaigns:
                    await self._set_state(campaign_id, CampaignState.STOPPED)
                return f"stopped {len(self._centre.campaigns)} campaigns"
            case commands.ReloadFlows():
                return await self._reload_flows()
        if isinstance(command, commands.HelpCommand | commands.RecordingCommand | commands.EarCommand):
            return await self._assistance.execute(command)
        return await self.seat_desk.execute(command)

    async def _reload_flows(self) -> str:
        """Calls that run go on with the version they began with; a flow that is wrong changes nothing (FlowError)."""
        changed = await asyncio.to_thread(self.flow_desk.flows.reload)
        return f"flows reloaded; changed: {', '.join(sorted(set(changed))) or 'none'}"

    async def _set_state(self, campaign_id: str, state: CampaignState) -> str:
        run = self._centre.campaigns.get(campaign_id)
        if run is None:
            known = ", ".join(self._centre.campaigns) or "none"
            raise CommandRefused(f"there is no campaign {campaign_id!r}; running here: {known}")
        run.state = state  # at once: a stop must not wait for the disk
        if state is CampaignState.STOPPED:
            self._placing.cancel_campaign(run)
        self._centre.wake.set()
        self._centre.tell(CampaignChange(campaign_id))
        await self._store.set_campaign_state(campaign_id, state)
        return f"campaign {campaign_id}: {state.value}"

    def _booth_order(self) -> BoothOrder:
        polling = self._plan.polling
        return BoothOrder(self._centre.booths, polling.weights.voter if polling is not None else 1.0)

    def _priorities(self, run: CampaignRun, now: float) -> Mapping[int, float]:
        """The booths' priorities, which a turnout campaign on its polling day has; for any other they are all alike."""
        polling = self._plan.polling
        if polling is None or run.purpose is not Purpose.TURNOUT:
            return {}
        return polling.priorities(self._centre.booths, self._centre.turnout, now)

    # Life

    async def prepare(self) -> None:
        """Read what the store knows: campaigns, figures of the day, what an earlier run left open. Raises StoreError."""
        centre, store = self._centre, self._store
        now = centre.clock.now()
        since = day_start(centre.zone, now)
        centre.booths = await store.booths()
        centre.turnout = {booth.booth_id: booth for booth in await store.booth_turnout()}
        for plan in self._plan.campaigns:
            campaign_id = plan.spec.campaign_id
            state = await store.ensure_campaign(campaign_id, plan.spec.kind, plan.rules.purpose)
            await store.enrol(campaign_id)
            run = CampaignRun(plan.spec, plan.rules.purpose, plan.pacer, state, self._booth_order())
            run.outcomes.update(await store.outcome_counts(campaign_id, since))
            run.progress = await store.campaign_progress(campaign_id)
            learned = await store.pacer_state(campaign_id)
            if learned is not None:
                plan.pacer.restore(json.loads(learned))
            centre.campaigns[campaign_id] = run
        await store.release_expired(now, self._plan.owner)
        await self.seat_desk.prepare()
        unfinished = await store.unfinished_attempts()
        self._gatekeeper.load(await store.registers(), unfinished)
        left_open = self._reconciler.found(unfinished)
        if left_open:
            _log.warning("attempts.left-open", attempts=left_open)

    async def run(self, stop: asyncio.Event) -> None:
        """Dial until `stop`, then let live calls end. `prepare` comes first. An error that nobody foresaw ends it: fail closed."""
        centre = self._centre
        try:
            async with asyncio.TaskGroup() as group:
                centre.adopt_tasks(group)
                keeper = group.create_task(self._keep_house(), name="housekeeping")
                await self._decide_until(stop)
                await self._drain()
                keeper.cancel()
                self._floor.stop_timers()
        finally:
            self._floor.stop_timers()
        self._floor.close_intervals()
        await self._save()

    async def _decide_until(self, stop: asyncio.Event) -> None:
        centre = self._centre
        stopping = asyncio.create_task(stop.wait(), name="stop")
        stopping.add_done_callback(lambda _: centre.wake.set())
        try:
            while not stop.is_set():
                seconds = self._placing.decide()
                try:
                    async with asyncio.timeout(seconds):
                        await centre.wake.wait()
                except TimeoutError:
                    pass
                centre.wake.clear()
        finally:
            stopping.cancel()

    async def _drain(self) -> None:
        """No new calls; what nobody has answered is cancelled; conversations may end, then they are ended."""
        centre = self._centre
        centre.draining = True
        for run in centre.campaigns.values():
            self._placing.cancel_campaign(run)
        await self._until_no_calls(self._plan.drain_seconds)
        for call in list(centre.calls.values()):
            centre.spawn(self._hang_up(call), "hang-up")
        self._assistance.close()
        await self._until_no_calls(HANG_UP_SECONDS)
        if centre.calls:  # the next start finds them open and asks the switch
            _log.warning("calls.left", calls=len(centre.calls))
        self._results.closing = True

    async def _until_no_calls(self, seconds: float) -> None:
        centre = self._centre
        try:
            async with asyncio.timeout(seconds):
                while centre.calls and centre.switch_up:
                    centre.wake.clear()
                    await centre.wake.wait()
        except TimeoutError:
            pass

    async def _hang_up(self, call: Call) -> None:
        try:
            await self._switch.hang_up(call.attempt_id)
        except SwitchError as error:
            _log.warning("call.not-hung-up", attempt=call.attempt_id, problem=str(error))

    async def _keep_house(self) -> None:
        """Figures for people, and what may be lost by a crash without harm: learned state, seats' intervals."""
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            await self._save()
            for campaign_id, run in self._centre.campaigns.items():
                try:
                    run.progress = await self._store.campaign_progress(campaign_id)
                except StoreError as error:
                    self._results.store_failed(error)

    async def _save(self) -> None:
        intervals, self._floor.intervals = self._floor.intervals, []
        try:
            if intervals:
                await self._store.record_seat_intervals(intervals)
            for campaign_id, run in self._centre.campaigns.items():
                await self._store.save_pacer_state(campaign_id, json.dumps(run.pacer.state()))
        except StoreError as error:
            self._floor.intervals = intervals + self._floor.intervals
            self._results.store_failed(error)
            if not self._results.closing:
                self._centre.spawn(self._results.await_room(lambda: True), "await-store")

    # The switch's events

    def on_switch_event(self, event: SwitchEvent) -> None:
        """Apply an event, at once and in order. Events of calls that are not live any more change nothing."""
        match event:
            case switch_port.SwitchUp():
                self._switch_up(event)
            case switch_port.SwitchDown(reason=reason):
                self._centre.switch_up = False
                self._centre.raise_alert("switch-down", AlertLevel.CRITICAL, f"no link to the switch: {reason}")
                self._centre.wake.set()
            case switch_port.SeatUp(seat=seat):
                self._floor.phone_came(seat)
            case switch_port.SeatDown(seat=seat):
                self._phone_went(seat)
            case switch_port.PartyCame() | switch_port.PartyGone():
                self._assistance.party(event)
            case switch_port.SeatKey(seat=seat, key=key):
                self.seat_desk.key(seat, key)
            case _:
                call = self._centre.calls.get(event.attempt_id)
                if call is not None:
                    self._on_call_event(call, event)
                elif isinstance(event, CallEnded):
                    self.inbound_desk.ended(event)

    def _on_call_event(self, call: Call, event: switch_port.CallEvent) -> None:
        clock = self._centre.clock
        match event:
            case switch_port.CallRinging():
                if call.ringing_seconds is None:
                    self._centre.update_call(call, call.rang(clock.now(), clock.monotonic()))
                    run = self._centre.campaigns[call.campaign_id]
                    self._results.observe(run, PacingEventKind.RINGING, clock.monotonic() - call.began_seconds)
                    self._trunk_desk.rang(call)
            case switch_port.CallAnswered():
                self._answered(call)
            case switch_port.CallWaiting():
                waiting = self.flow_desk.person(self._answered(call))
                if not waiting.waiting and waiting.seat is None and not waiting.message_started:
                    self._floor.voter_waits(waiting)
            case switch_port.CallConnected(seat=seat):
                self._assistance.help.voter_came(call.attempt_id)
                self._floor.connected(self.flow_desk.person(self._answered(call)), seat)
            case switch_port.CallLeftSeat(seat=seat):
                if not self._assistance.help.keeps(call.attempt_id):
                    self._floor.left_seat(call, seat)
            case switch_port.CallAside() | switch_port.CallRecorded():
                self._assistance.call_event(self._answered(call), event)
            case switch_port.MessageStarted():
                self._assistance.help.message_started(call)
                self._floor.message_started(self.flow_desk.person(self._answered(call)))
            case switch_port.MachineDetected():
                self.flow_desk.machine(self._answered(call))
            case switch_port.CallEnded():
                self._ended(call, event)

    def _answered(self, call: Call) -> Call:
        clock = self._centre.clock
        return self.flow_desk.answered(call.picked_up(clock.now(), clock.monotonic()), call)

    def _ended(self, call: Call, ended: CallEnded) -> None:
        """The call is over; one whose flow is still committing waits for it, so that the outcome tells all."""
        if call.in_flow:
            self._centre.calls[call.attempt_id] = replace(call, ended=ended)
            asyncio.get_running_loop().call_later(FLOW_GRACE_SECONDS, self._flow_overdue, call)
            return
        self._finish(call, ended)

    def _flow_overdue(self, call: Call) -> None:
        live = self._centre.calls.get(call.attempt_id)
        if live is not None and live.ended is not None:
            self._finish(live, live.ended)

    def flow_ended(
        self,
        attempt_id: str,
        *,
        completed: bool,
        left_at: str | None,
        answers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """A call's flow is over. If the switch has ended the call in the meantime, it is finished now."""
        call = self.flow_desk.end(AttemptId(attempt_id), completed=completed, left_at=left_at, answers=answers)
        if call is not None and call.ended is not None:
            self._finish(call, call.ended)

    def _finish(self, call: Call, ended: CallEnded) -> None:
        if call.attempt_id in self._centre.calls:
            self._results.watch_for_silence(call)
            self._assistance.help.call_over(call.attempt_id)
            self._floor.call_over(call)
            self._results.end(self._centre.calls[call.attempt_id], ended)

    def _phone_went(self, seat: str) -> None:
        self._assistance.help.agents_phone_went(seat)
        self._floor.phone_went(seat)

    def _cancel(self, call: Call) -> None:
        self._placing.cancel(call)

    def _switch_up(self, up: switch_port.SwitchUp) -> None:
        centre = self._centre
        self._reconciler.resync(up)
        self.seat_desk.adopt(up.live_seats)
        for seat in list(centre.seats.values()):
            if seat.name in up.live_seats and not seat.phone_up:
                self._floor.phone_came(seat.name)
            elif seat.name not in up.live_seats and seat.phone_up:
                self._phone_went(seat.name)
        for attempt_id, seat_name in up.talking:
            call = centre.calls.get(attempt_id)
            if call is not None and seat_name in centre.seats:
                seat = centre.seats[seat_name]
                if call.connected_at is None:
                    self._floor.connected(self._answered(call), seat_name)
                elif seat.state is not SeatState.TALKING:
                    self._floor.talks_on(call, seat_name)
        self._assistance.resync(up)
        centre.switch_up = True
        self._reconciled.set()
        centre.clear_alert("switch-down")
        for name in centre.seats:
            self._floor.call_phone(name)
        centre.wake.set()
