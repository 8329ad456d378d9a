"""The engine: an event comes in, features say what follows from it, and all of that is carried out here, in one order.

Everything runs in one event loop, and nothing here waits. A switch's event is applied at once; what follows from it is a value
(`effects.py`) until the event is done with. Commands come through `execute`, flows through the flow desk: what follows from them is
carried out when their stretch of code is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

import structlog

from dialer.audio.message import MESSAGE_SOUND
from dialer.domain import switch_events
from dialer.domain.errors import CommandRefused, StoreError, SwitchError
from dialer.domain.model import AttemptId, EndedAttempt, OpenAttempt, Outcome
from dialer.domain.parties import attempt_of
from dialer.domain.switch_events import CallEnded
from dialer.domain.view import Alert, AlertLevel, CentreView, Change, SeatState
from dialer.engine.acd.service import Acd
from dialer.engine.call_backs.service import OwnCallBacks
from dialer.engine.call_flows.service import FlowService
from dialer.engine.calls.reconcile import Reconciler
from dialer.engine.calls.results import CallEnds, Marks
from dialer.engine.calls.state import Call
from dialer.engine.campaigns.service import Campaigns, SettingsAgain
from dialer.engine.centre import Centre
from dialer.engine.command.base import FROM_DIALLER, Command, CommandContext, SeatCommand
from dialer.engine.core import Core
from dialer.engine.dispositions.service import Dispositions
from dialer.engine.effects import (
    CallFinished,
    Effect,
    Event,
    HouseholdChanged,
    Notify,
    RunCommand,
    SeatStateChanged,
    StartTimer,
    StopTimer,
    StoreCommit,
    StoreFailed,
    SwitchOrder,
    TimerExpired,
    TimerKind,
    UpdatePacer,
    order,
)
from dialer.engine.external_records.service import ExternalRecords
from dialer.engine.headquarters.service import HeadquartersOrders
from dialer.engine.housekeeping import Housekeeping
from dialer.engine.inbound.service import Inbound
from dialer.engine.keeping import Keeping
from dialer.engine.placing.eligibility import ClockGuard, Eligibility
from dialer.engine.placing.service import Hoppers, KeptSeats, Originator, Placing
from dialer.engine.plan import Outside
from dialer.engine.preview.service import OwnCalls
from dialer.engine.roll_import.service import TakingIn
from dialer.engine.seats.screen_pop import SEAT_MESSAGE, Messages, ScreenPops
from dialer.engine.seats.service import SEAT_CAMPAIGNS, Agents, SeatKeys
from dialer.engine.seats.silence import SeatSilence
from dialer.engine.services import Services
from dialer.engine.supervision.service import Recorder, Supervision
from dialer.engine.transfers.service import Transfers
from dialer.engine.trunks.service import TrunkDesk
from dialer.engine.trunks.state import TrunkPool
from dialer.engine.users.service import Users
from dialer.engine.views import centre_view
from dialer.store.port import StandingOrder, of_seat

_log = structlog.get_logger(__name__)

FLOW_GRACE_SECONDS = 5.0  # after a hang-up, for the flow's last commit
HANG_UP_SECONDS = 5.0  # how long the last calls may take to end once they are hung up
UNSAID_SECONDS = 900.0  # so long after a talk its agent may say what came of it, where the dialler's end came between
RECONCILE_SECONDS = 5.0  # a flow that comes back before the first resync waits so long for it
_FIRST = {UpdatePacer: 0, StartTimer: 1, StopTimer: 1, SwitchOrder: 2, StoreCommit: 3, Notify: 4}
"""The order in which what follows is carried out: the next decision knows it, the voter is served, the disk has it, the board shows
it. Then come keyed commands, the store's trouble, and events of our own."""


class Engine:
    """Runs the calls of one centre."""

    def __init__(self, core: Core, outside: Outside) -> None:
        """Everything of it is made here and joined to what it needs; nothing is called back."""
        plan = core.plan
        self._centre = centre = Centre(core, outside.store, outside.switch, outside.flows.scripts)
        self._store, self._switch = outside.store, outside.switch
        self._sent, self._figures = outside.sent, outside.figures
        self._trunks = TrunkPool((), centre.core.clock.monotonic(), plan.rest)
        self._trunk_desk = TrunkDesk(centre, self._trunks)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._listening: list[Callable[[Change], None]] = []
        self._keeping = Keeping(centre, self._store, outside.has_room)
        self._ends, self._marks = CallEnds(centre, self._trunk_desk, self._store), Marks(centre, self._store)
        self._clock_guard = ClockGuard(centre, self._sent)
        self._eligibility = Eligibility(centre, outside.certified, self._switch, self._clock_guard)
        self._acd = Acd(centre, self._eligibility, self._switch)
        self._silence = SeatSilence(centre, self._switch, self._acd, plan.agent_rules.silence_seconds)
        self.seat_desk = Agents(centre, self._acd, outside, self._silence)
        self._keys = SeatKeys(centre, self._switch)
        self._pops, self._messages = ScreenPops(centre, self._store), Messages(centre, self._acd, self._store)
        originator = Originator(centre, outside, self._eligibility, self._trunk_desk, KeptSeats(centre, self._acd))
        hoppers = Hoppers(centre, self._store, outside.has_room)
        self._own_calls = OwnCalls(centre, self._acd, self._eligibility, hoppers, originator)
        self._call_backs = OwnCallBacks(centre, self._acd, self._own_calls, self._store)
        self._dispositions = Dispositions(centre, self._acd, self._store, self._call_backs)
        self._placing = Placing(centre, self._eligibility, self._trunk_desk, hoppers, originator)
        self._campaigns = Campaigns(centre, self._store, outside.flows, self._placing, self._clock_guard)
        self._headquarters = HeadquartersOrders(centre, self._store, self._campaigns)
        self._transfers = Transfers(centre, self._switch, self._acd, self._trunks)
        self._supervision = Supervision(centre, self._switch, self._store)
        self._recorder = Recorder(centre, self._switch, self._acd, self._store)
        self.inbound_desk = Inbound(centre, self._store, self._trunks)
        self._reconciler = Reconciler(centre, self._store, self._switch, self.inbound_desk)
        self._reconciled = asyncio.Event()
        self._is_over = False
        self.flow_desk = FlowService(centre, self._store, outside.flows, self._eligibility, self._acd)
        self._housekeeping = Housekeeping(centre, self._store, self._acd, self._eligibility)
        self.users = Users(self._store, centre.core.clock, lambda: centre.core.plan.users)
        self._due_at_seat: Mapping[TimerKind, Callable[[str], object]] = {
            TimerKind.WRAP_UP_OVER: self._acd.wrap_up_ran_out,
            TimerKind.CALL_PHONE: self._acd.call_phone,
            TimerKind.PHONE_NOT_CALLED: self._acd.expect_phone,
            TimerKind.AGENT_GONE: self.seat_desk.gone,
            TimerKind.LOG_IN_UNLOCKED: self.seat_desk.unlocked,
            TimerKind.MESSAGE_EXPIRED: self._messages.forget,
        }
        self._orders: list[StandingOrder] = []
        self._obeys: Mapping[str, Callable[[str, StandingOrder], None]] = {
            SEAT_CAMPAIGNS: self.seat_desk.serve_again,
            SEAT_MESSAGE: self._messages.show_again,
        }
        read_plan = (self._trunk_desk, self._eligibility, self._supervision)
        self._services = Services(
            campaigns=self._campaigns,
            seats=self.seat_desk,
            messages=self._messages,
            previews=self._own_calls,
            dispositions=self._dispositions,
            booth_workers=self.flow_desk.workers,
            transfers=self._transfers,
            recordings=self._recorder,
            supervision=self._supervision,
            records=ExternalRecords(self._store, centre.core.clock, self._marks, centre.core.centre_id),
            users=self.users,
            headquarters=self._headquarters,
            settings=SettingsAgain(centre, outside, self._campaigns, self.seat_desk, read_plan),
            roll_import=TakingIn(centre, outside, self._marks, self._eligibility),
        )

    @property
    def outbox_event(self) -> asyncio.Event:
        """Set whenever announcements were committed; the relay clears it."""
        return self._store.outbox_event

    def view(self) -> CentreView:
        """The centre at this moment."""
        return centre_view(self._centre, self._trunks, self._figures())

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call `callback`, which must not block, in the loop at each change, until the returned function is called."""
        listening = self._listening
        listening.append(callback)

        def unsubscribe() -> None:
            if callback in listening:
                listening.remove(callback)

        return unsubscribe

    async def until_reconciled(self) -> None:
        """Wait until store and switch were first brought to agree: before that nobody knows whose a live call is. Not for ever."""
        try:
            async with asyncio.timeout(RECONCILE_SECONDS):
                await self._reconciled.wait()
        except TimeoutError:
            _log.warning("not-reconciled-yet")

    def take_alert(self, alert: Alert) -> None:
        """An alert that another part of the dialler raises or clears."""
        self._centre.alerts.accept(alert)

    async def take_opt_out(self, number_hash: str, *, at: float, centre: str) -> None:
        """A number opted out in another centre: suppress it here, and cancel what rings there. Raises StoreError."""
        await self._marks.foreign_opt_out(number_hash, at=at, centre=centre)

    async def execute(self, command: Command, context: CommandContext = FROM_DIALLER) -> str:
        """Execute a command. Return one line that says what was done. Raises CommandRefused, StoreError."""
        return await command.execute(self._services, context)

    # Events

    def on_switch_event(self, event: Event) -> None:
        """Apply an event at once, and carry out what follows; nothing of calls that are over, or after the engine's end."""
        if self._is_over:
            return
        self._centre.core.in_event = True
        try:
            self._apply(event)
        finally:
            self._carry_out()

    def _apply(self, event: Event) -> None:
        match event:
            case TimerExpired():
                self._due(event)
            case CallFinished() | SeatStateChanged() | HouseholdChanged():
                self._apply_own(event)
            case switch_events.SwitchUp():
                self._switch_up(event)
            case switch_events.SwitchDown(reason=reason, server=server):
                self._switch_down(reason, server)
            case switch_events.SeatUp(seat=seat):
                self._acd.phone_came(seat)
            case switch_events.SeatDown(seat=seat):
                self._phone_went(seat)
            case switch_events.PartyJoined() | switch_events.PartyLeft():
                self._party(event)
            case switch_events.SeatPhoneSilent(seat=seat):
                self._silence.given_up(seat)
            case switch_events.PhoneUnreachable(endpoint=endpoint):
                self._silence.phone_away(endpoint)
            case switch_events.PhoneRegistered(endpoint=endpoint, contact=contact):
                self._acd.phone_back(endpoint)
                self._silence.phone_back(endpoint, contact)
            case switch_events.SeatKeyPressed(seat=seat, key=key):
                self._keys.key(seat, key)
            case _:
                self._of_a_call(event)

    def _apply_own(self, event: CallFinished | SeatStateChanged | HouseholdChanged) -> None:
        match event:
            case CallFinished(ended=ended):
                self._over(ended)
            case SeatStateChanged(seat=seat):
                self._supervision.seat_changed(seat)
            case HouseholdChanged(seat=seat, attempt_id=attempt_id):
                self._pops.look(seat, attempt_id, again=True)

    def _party(self, event: switch_events.PartyJoined | switch_events.PartyLeft) -> None:
        if isinstance(event, switch_events.PartyLeft):
            self._transfers.party_gone(event.party_id)
            self._supervision.party_gone(event.party_id)
        elif attempt_of(event.party_id) is not None:
            self._transfers.party_came(event.party_id, event.place)

    def _of_a_call(self, event: switch_events.CallEvent) -> None:
        call = self._centre.calls.get(event.attempt_id)
        if call is None:  # a stranger's, or one that is over for us
            if isinstance(event, CallEnded):
                self.inbound_desk.ended(event)
            elif isinstance(event, switch_events.StrayCallFound):
                self._reconciler.stray(event.attempt_id)
        elif isinstance(event, switch_events.MessageFailed):
            self._campaigns.hold_unheard(call, MESSAGE_SOUND)
        else:
            self._call_event(call, event)

    def _call_event(self, call: Call, event: switch_events.CallEvent) -> None:
        centre = self._centre
        match event:
            case switch_events.CallRinging():
                centre.calls.update(call, call.rang(centre.core.instant()))
                if call.ringing_seconds is None and not call.adopted:  # one of those may have rung for long
                    self._trunk_desk.rang(call)
            case switch_events.CallAnswered():
                centre.calls.update(call, call.picked_up(centre.core.instant()))
            case switch_events.CallWaiting():
                self._acd.voter_waits(call)
            case switch_events.CallConnected(seat=seat):
                self._transfers.voter_came(call.attempt_id)
                self._acd.connected(call, seat)
                self._silence.connected(call, seat)
            case switch_events.CallLeftSeat(seat=seat):
                if not self._transfers.keeps(call.attempt_id):
                    self._acd.left_seat(call, seat)
            case switch_events.CallHandedOver():
                self._transfers.voter_aside(call)
            case switch_events.RecordingStarted():
                self._recorder.began(call)
            case switch_events.MessageStarted():
                self._transfers.message_started(call)
                self._acd.message_started(call)
            case switch_events.MachineDetected():
                answered = centre.calls.update(call, call.picked_up(centre.core.instant()))
                centre.calls.update(answered, answered.by_machine())
            case CallEnded():
                self._ended(call, event)

    def _ended(self, call: Call, ended: CallEnded) -> None:
        """The call has ended; one whose flow still commits waits for it, and so does one whose agent's phone may be dead."""
        must_ask = not call.flow.under_way and self._silence.must_ask(call, ended)
        if not (call.flow.under_way or must_ask):
            self._over(ended)
            return
        ending = self._centre.calls.put(call.ending(ended))
        if must_ask:
            self._centre.core.spawn(self._silence.ask(ending, ended), "ask-seat")
        else:
            due = TimerExpired(TimerKind.FLOW_OVERDUE, attempt_id=call.attempt_id)
            self._centre.core.do(StartTimer(f"flow/{call.attempt_id}", FLOW_GRACE_SECONDS, due))

    def _over(self, ended: CallEnded) -> None:
        call = self._centre.calls.get(ended.attempt_id)
        if call is not None:
            self._ends.watch_for_silence(call)
            self._transfers.call_over(call.attempt_id)
            self._acd.call_over(call)
            self._ends.end(self._centre.calls[call.attempt_id], ended)

    def flow_ended(
        self,
        attempt_id: str,
        *,
        completed: bool,
        left_at: str | None,
        answers: Mapping[str, str] = MappingProxyType({}),
        unheard: str | None = None,
    ) -> None:
        """A call's flow is over. If the switch has ended the call in the meantime, it is finished now.

        `unheard` is the sound for want of which nobody could answer: the campaign is held.
        """
        if self._is_over:
            return
        live = self._centre.calls.get(AttemptId(attempt_id))
        if live is not None and unheard is not None:
            self._campaigns.hold_unheard(live, unheard)
        call = self.flow_desk.end(AttemptId(attempt_id), completed=completed, left_at=left_at, answers=answers)
        if call is not None and call.leg.ended is not None:
            self._centre.core.do(CallFinished(call.leg.ended))
        self._carry_out()

    def _phone_went(self, seat: str) -> None:
        self._transfers.agents_phone_went(seat)
        self._acd.phone_went(seat)

    def _switch_down(self, reason: str, server: str) -> None:
        centre = self._centre
        centre.servers.up.discard(server)
        if server:
            text = f"no link to server {server}, which takes no calls until it is back: {reason}"
            centre.alerts.raise_alert(f"switch-down-{server}", AlertLevel.CRITICAL, text)
        else:
            centre.alerts.raise_alert("switch-down", AlertLevel.CRITICAL, f"no link to the switch: {reason}")
        centre.core.wake.set()

    def _switch_up(self, up: switch_events.SwitchUp) -> None:
        centre = self._centre
        self._reconciler.resync(up)
        self._obey({of_seat(name): name for name in self.seat_desk.adopt(up.live_seats, up.server)})
        there = [seat for seat in centre.seats.all() if seat.server == up.server]
        for seat in there:
            if seat.name in up.live_seats and not seat.phone_up:
                self._acd.phone_came(seat.name)
            elif seat.name not in up.live_seats and seat.phone_up:
                self._phone_went(seat.name)
        for attempt_id, seat_name in up.talking:
            call = centre.calls.get(attempt_id)
            if call is not None and seat_name in centre.seats:
                if call.talk.connected_at is None:
                    self._acd.connected(call, seat_name)
                elif centre.seats[seat_name].state is not SeatState.TALKING:
                    self._acd.talks_on(call, seat_name)
        self._transfers.resync(up)
        self._supervision.resync(up)
        centre.servers.up.add(up.server)
        self._reconciled.set()
        centre.alerts.clear(f"switch-down-{up.server}" if up.server else "switch-down")
        for seat in there:
            self._acd.call_phone(seat.name)
        centre.core.wake.set()

    def _due(self, due: TimerExpired) -> None:
        seat, attempt_id = due.seat, due.attempt_id or AttemptId("")
        if (of_seat := self._due_at_seat.get(due.kind)) is not None:
            of_seat(seat)
            return
        match due.kind:
            case TimerKind.VOTER_WAITED_TOO_LONG:
                self._acd.too_late(attempt_id)
            case TimerKind.VOTER_NOT_CONNECTED:
                self._acd.never_came(seat, attempt_id)
            case TimerKind.SCREEN_POP:
                self._pops.look(seat, attempt_id, again=False)
            case TimerKind.OWN_CALL_BACK:
                self._call_backs.due(attempt_id)
            case TimerKind.PREVIEW_EXPIRED:
                self._own_calls.passed(seat, attempt_id)
            case TimerKind.HAND_OVER_FAILED:
                self._transfers.not_handed_over(attempt_id)
            case TimerKind.FORGED_ORDERS_OVER:
                self._headquarters.forgeries_over()
            case TimerKind.FLOW_OVERDUE:
                call = self._centre.calls.get(attempt_id)
                if call is not None and call.leg.ended is not None:
                    self._over(call.leg.ended)

    # What follows

    def _carry_out(self) -> None:
        """All that follows, in the order of `_FIRST`, until nothing more does. A mistake loses none of it, and ends the engine."""
        centre, mistake = self._centre, None
        centre.core.in_event = True
        try:
            while effects := centre.core.take_effects():
                for effect in sorted(effects, key=lambda effect: _FIRST.get(type(effect), len(_FIRST))):
                    try:
                        self._do(effect)
                    except Exception as error:  # noqa: BLE001 - whatever it is: what else follows is still to be kept
                        _log.error("effect.failed", effect=type(effect).__name__, problem=type(error).__name__)
                        mistake = mistake or error
        finally:
            centre.core.in_event = False
        if mistake is not None:
            centre.core.fail(mistake)

    def _do(self, effect: Effect) -> None:
        match effect:
            case UpdatePacer():
                run = self._centre.campaigns[effect.campaign_id]
                run.update_pacer(effect, self._centre.core.clock.monotonic())
            case StartTimer():
                self._start_timer(effect)
            case StopTimer(key=key):
                self._stop_timer(key)
            case SwitchOrder():
                self._centre.core.spawn(self._order(effect), effect.name)
            case StoreCommit():
                self._centre.core.spawn(self._keeping.keep(effect), effect.name)
            case Notify():
                for listener in self._listening:
                    listener(effect.change)
            case RunCommand(command=command):
                self._centre.core.spawn(self._do_keyed(command), "keyed-command")
            case StoreFailed(error=error):
                self._keeping.failed(error)
            case _:
                self._apply(effect)

    def _start_timer(self, timer: StartTimer) -> None:
        self._stop_timer(timer.key)
        loop = asyncio.get_running_loop()
        self._timers[timer.key] = loop.call_later(timer.seconds, self._fire, timer.key, timer.expired)

    def _stop_timer(self, key: str) -> None:
        running = self._timers.pop(key, None)
        if running is not None:
            running.cancel()

    def _fire(self, key: str, due: TimerExpired) -> None:
        self._timers.pop(key, None)
        try:
            self.on_switch_event(due)
        except Exception as error:  # noqa: BLE001 - asyncio would log it and go on
            self._centre.core.fail(error)

    def _stop_timers(self) -> None:
        """Nothing is done after the engine's end."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def _order(self, order: SwitchOrder) -> None:
        try:
            await order.call()
        except SwitchError as error:  # the link is gone and the resync will see to it, or the channel is
            _log.info("order.failed", order=order.name, of=str(order.call.args[0]), problem=str(error))
            if order.on_failure is not None:
                self.on_switch_event(order.on_failure)

    async def _do_keyed(self, command: SeatCommand) -> None:
        refusal: Exception | None = None
        try:
            await self.execute(command)
        except (CommandRefused, StoreError) as error:
            refusal = error
        finally:
            self._keys.done(command, refusal)

    # Life

    async def prepare(self, lines: Collection[str] = ()) -> None:
        """Read what the store knows: campaigns, figures of the day, what an earlier run left open; `lines` are the trunks that are
        where they were then. Raises StoreError, also where it is older than the last run: who was called since, and who opted out,
        it does not know.
        """
        await self._refuse_older_store()
        centre, store = self._centre, self._store
        now = centre.core.clock.now()
        centre.polls.add(await store.booths())
        centre.turnout.booths |= {booth.booth_id: booth for booth in await store.booth_turnout()}
        for plan in centre.core.plan.campaigns.values():
            centre.campaigns.put(await self._campaigns.begun(plan, beside_calls=False))
        await self._headquarters.prepare()
        self._clock_guard.watch(await store.newest_event_at())
        await store.release_expired(now, centre.core.plan.owner)
        await self.seat_desk.prepare()
        await self.users.prepare()
        await self._call_backs.prepare()
        self._orders = await store.standing_orders(now)
        unfinished = await self._free_the_unsent(await store.unfinished_attempts())
        await store.record_rules_version(centre.core.plan.rules_text, now)
        self._eligibility.load(await store.registers(), unfinished)
        for attempt in await store.unsaid_talks(now - UNSAID_SECONDS):
            seat = centre.seats.get(attempt.seat)
            if attempt.campaign_id in centre.campaigns and seat is not None:
                self._dispositions.open_again(seat.name, self._reconciler.call_of(attempt), attempt.agent)
        left_open = self._reconciler.found(unfinished, lines)
        if left_open:
            _log.warning("attempts.left-open", attempts=left_open)

    def _obey(self, there: Mapping[str, str]) -> None:
        """What supervisors ordered of an earlier run, of these addressees by name; what only a newer version knows stays."""
        for each in self._orders:
            if each.addressee in there and each.command in self._obeys:
                self._obeys[each.command](there[each.addressee], each)

    async def _refuse_older_store(self) -> None:
        sent = self._sent.sent()
        missing = len(sent) - len(await self._store.known_attempts(sent)) if sent else 0
        if missing:
            raise StoreError(
                f"the store does not know {missing} of the last calls: it is older than they are, a copy that was put back or a new"
                " one, and would call those people again; put the newest store in its place, or remove"
                f" {self._sent.path} if that is right"
            )

    async def _free_the_unsent(self, unfinished: list[OpenAttempt]) -> list[OpenAttempt]:
        """End the attempts that an earlier run was stopped before it sent: their numbers are due again. Returns the others."""
        never = set(self._sent.never_sent([each.attempt_id for each in unfinished if each.answered_at is None]))
        now = self._centre.core.clock.now()
        ended = [EndedAttempt(attempt_id, Outcome.REFUSED, now, retry_at=now) for attempt_id in sorted(never)]
        if ended:
            await self._store.end_attempts(ended, announced=False)
            _log.info("attempts.never-sent", attempts=len(ended))
        try:
            self._sent.begin()
        except OSError as error:  # nothing will be told after a crash; that is no reason not to dial
            _log.warning("sent-journal.not-begun", problem=str(error))
        return [each for each in unfinished if each.attempt_id not in never]

    async def run(self, stop: asyncio.Event) -> None:
        """Dial until `stop`, then let live calls end. `prepare` comes first. An error that nobody foresaw ends it: fail closed."""
        centre = self._centre
        try:
            async with asyncio.TaskGroup() as group:
                centre.core.start_tasks(group, self._carry_out)
                keeper = group.create_task(self._housekeeping.go_on(), name="housekeeping")
                await self._decide_until(stop)
                await self._drain()
                keeper.cancel()
                self._stop_timers()
        finally:
            self._is_over = True
            centre.core.stop_tasks()
            self._stop_timers()
        self._centre.seats.close_intervals()
        await self._housekeeping.finish()
        for effect in centre.core.take_effects():
            if isinstance(effect, StoreFailed):  # of the last that was to be kept
                self._keeping.failed(effect.error)
        self._sent.close()

    async def _decide_until(self, stop: asyncio.Event) -> None:
        centre = self._centre
        stopping = asyncio.create_task(stop.wait(), name="stop")
        stopping.add_done_callback(lambda _: centre.core.wake.set())
        try:
            while not stop.is_set():
                self._carry_out()  # first: the pacers know all that has happened
                centre.core.in_event = True
                seconds = self._placing.decide()
                self._carry_out()
                centre.turnout.count_dialling_time()
                try:
                    async with asyncio.timeout(seconds):
                        await centre.core.wake.wait()
                except TimeoutError:
                    pass
                centre.core.wake.clear()
        finally:
            stopping.cancel()

    async def _drain(self) -> None:
        """No new calls; what nobody has answered is cancelled; conversations may end, then they are ended."""
        centre = self._centre
        centre.core.draining = True
        for run in centre.campaigns.all():
            self._placing.cancel_campaign(run)
        await self._until_no_calls(centre.core.plan.drain_seconds)
        centre.core.do(*(order(self._switch.hang_up, call.attempt_id) for call in centre.calls.all()))
        self._supervision.close()
        await self._until_no_calls(HANG_UP_SECONDS)
        if centre.calls:  # the next start finds them open and asks the switch
            _log.warning("calls.left", calls=len(centre.calls))
        self._keeping.closing = True

    async def _until_no_calls(self, seconds: float) -> None:
        centre = self._centre
        try:
            async with asyncio.timeout(seconds):
                while any(centre.servers.of_trunk(call.trunk) in centre.servers.up for call in centre.calls.all()):
                    centre.core.wake.clear()
                    await centre.core.wake.wait()
        except TimeoutError:
            pass
