"""The engine: wakes on an event, a deadline or the stop; decides; and is the only writer of calls, seats and attempts.

Everything here runs in one event loop. A switch's event is applied at once, without waiting for anything; what follows from it
(a commit, an order to the switch) runs as a task beside. Commands come through `execute`, flows through the flow desk.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NoReturn

import structlog

from config.words import Purpose
from dialer.audit.chain import Head
from dialer.domain.clock import Clock
from dialer.domain.commands import Command
from dialer.domain.commands.desks import Desks
from dialer.domain.errors import CommandRefused, StoreError
from dialer.domain.model import CampaignState, Claim, EndedAttempt, OpenAttempt, Outcome
from dialer.domain.switch import Switch, SwitchEvent
from dialer.domain.view import Alert, CampaignChange, CentreView, Change
from dialer.engine.acd import Acd
from dialer.engine.agents import Agents
from dialer.engine.answers import Answers
from dialer.engine.booth_workers import BoothWorkers
from dialer.engine.call import Call
from dialer.engine.eligibility import CertifiedBy, Eligibility
from dialer.engine.external_records import ExternalRecords
from dialer.engine.flows import Flows, FlowService
from dialer.engine.inbound import Inbound
from dialer.engine.orders import hang_up
from dialer.engine.placing import Hoppers, KeptSeats, Placing
from dialer.engine.plan import EnginePlan
from dialer.engine.results import Results
from dialer.engine.seat import Seat
from dialer.engine.seat_silence import SeatSilence
from dialer.engine.supervision.assistance import Assistance
from dialer.engine.switch_events import SwitchEvents
from dialer.engine.timers import Timers
from dialer.engine.transfers.service import Transfers
from dialer.engine.trunk_desk import TrunkDesk
from dialer.engine.trunks import TrunkPool
from dialer.engine.unheard import hear_again
from dialer.engine.views import centre_view
from dialer.engine.world import CampaignRun, Centre, SeatTally
from dialer.pacing.port import Governed, Pacer
from dialer.pacing.tally import BUCKETS
from dialer.polling_day.priorities import BoothOrder
from dialer.rules.calling_hours import day_start
from dialer.store.sent_journal import SentJournal
from dialer.store.sqlite import Store

# Housekeeping: figures for people, and what may be lost by a crash without harm: learned state, seats' intervals.

ROUND_SECONDS = 5.0
LOG_EVERY_ROUNDS = 12
"""The log says once in so many rounds, a minute, why each campaign paces as it does."""


class Housekeeping:
    """Keeps such things from time to time, and at the end."""

    def __init__(self, centre: Centre, store: Store, results: Results, acd: Acd) -> None:
        """`acd` has what its seats have done."""
        self._centre = centre
        self._store = store
        self._results = results
        self._acd = acd
        self._unannounced: Head | None = None  # the audit's head, as long as it was announced to nobody

    async def go_on(self) -> NoReturn:
        """Round after round, until cancelled."""
        rounds = 0
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            await self.save()
            self._centre.forget_old()
            rounds += 1
            if rounds % LOG_EVERY_ROUNDS == 0:
                await self._announce_head()
                await self._bound_the_outbox()
            for campaign_id, run in self._centre.campaigns.items():
                if rounds % LOG_EVERY_ROUNDS == 0 and run.hold is None:
                    _log.info("campaign.pacing", campaign=campaign_id, pacing=str(run.pacer.explain()))
                try:
                    run.progress = await self._store.campaign_progress(campaign_id)
                except StoreError as error:
                    self._results.store_failed(error)

    async def _bound_the_outbox(self) -> None:
        """News that no broker has taken may not fill the disk: it is away, or there is none."""
        try:
            lost = await self._store.outbox_done(0)
        except StoreError as error:
            self._results.store_failed(error)
            return
        if lost:
            _log.warning("outbox.bound-reached", lost=lost)

    async def finish(self) -> None:
        """At the end of all calls: keep everything, and tell where the audit ends."""
        await self.save()
        await self._announce_head()

    async def _announce_head(self) -> None:
        if self._unannounced is None:
            return
        try:
            await self._store.tell(self._unannounced, self._unannounced.at)
        except StoreError as error:
            self._results.store_failed(error)
            return
        self._unannounced = None

    async def save(self) -> None:
        """Keep what the seats have done, and what the pacers have learned, and chain what was done. What is not kept now is tried
        again.
        """
        intervals, self._acd.intervals = self._acd.intervals, []
        try:
            if intervals:
                await self._store.record_seat_intervals(intervals)
            for campaign_id, run in self._centre.campaigns.items():
                await self._store.save_pacer_state(campaign_id, run.learned())
            self._unannounced = await self._store.seal(self._centre.clock.now()) or self._unannounced
        except StoreError as error:
            self._acd.intervals = intervals + self._acd.intervals
            self._results.store_failed(error)


# What the abandoned-call caps have counted, from the records: a night that the dialler was off has passed there too.


async def recount(pacer: Pacer, campaign_id: str, store: Store, clock: Clock) -> None:
    """Let the windows of a policy that holds caps hold what is on record; others have none. Raises StoreError."""
    if not isinstance(pacer, Governed):
        return
    now = clock.now()
    of_late = {
        window: await store.answers_of_late(campaign_id, now, window, window / BUCKETS)
        for window in {cap.window_seconds for cap in pacer.caps}
    }
    pacer.recount(clock.monotonic(), of_late)


_log = structlog.get_logger(__name__)

HANG_UP_SECONDS = 5.0  # how long the last calls may take to end once they are hung up
RECONCILE_SECONDS = 5.0  # a flow that comes back before the first resync waits so long for it


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
        certified: CertifiedBy,
        figures: Callable[[], dict[str, float]] = dict,
        sent: SentJournal,
    ) -> None:
        """`has_room`: whether the disk can still take results; `certified`: what is of what a campaign plays; `figures`: the
        process's own, for the board.
        """
        self._plan = plan
        self._centre = centre
        centre.polling = plan.polling
        self._store = store
        self._switch = switch
        self._figures = figures
        now = centre.instant()
        self._trunks = TrunkPool(plan.trunks, now.seconds, plan.rest)
        self._trunk_desk = TrunkDesk(centre, self._trunks)
        centre.seats = {seat.name: Seat(seat.name, seat.endpoint, seat.languages, now) for seat in plan.seats}
        centre.seat_tallies = {name: SeatTally() for name in centre.seats}
        self._results = Results(centre, store, self._trunk_desk, self._cancel)
        follows = (self._results.follow, self._results.suppressed, self._results.look_again)
        self._records_desk = ExternalRecords(store, centre.clock, *follows, centre=centre.centre_id)
        self._eligibility = Eligibility(
            centre,
            plan.gate,
            {campaign.rules.campaign_id: campaign.rules for campaign in plan.campaigns},
            certified,
        )
        self._timers = Timers()
        self._acd = Acd(centre, switch, self._results, self._eligibility, self._timers)
        self._silence = SeatSilence(centre, switch, self._acd, self._results, plan.agent_rules.silence_seconds)
        self.seat_desk = Agents(
            centre,
            self._acd,
            store,
            switch,
            self._results,
            plan.agents,
            plan.agent_rules,
            self._timers,
            self._silence,
            execute=self.execute,
        )
        hoppers = Hoppers(
            centre, store, self._results, owner=plan.owner, has_room=has_room, priorities=self._priorities
        )
        self._placing = Placing(
            centre,
            store,
            switch,
            self._results,
            self._trunks,
            self._trunk_desk,
            self._eligibility,
            hoppers,
            KeptSeats(centre, self._acd),
            sent,
        )
        self._sent = sent
        targets = {target.name: target for target in plan.transfers}
        self._transfers = Transfers(centre, switch, self._acd, self._trunks, targets, plan.gate.rules)
        self._assistance = Assistance(
            centre, store, switch, self._acd, self._results, self._transfers, plan.supervisors
        )
        self.inbound_desk = Inbound(centre, store, self._results, self._trunks, plan.inbound)
        self._worker_desk = BoothWorkers(centre, self._acd, store, self._results)
        self._answers = Answers(centre, self._results)
        self.flow_desk = FlowService(
            centre,
            store,
            self._results,
            flows,
            plan.organisation,
            self._eligibility,
            self._worker_desk,
            self._answers,
            transfer=self._acd.take_from_flow,
        )
        self._housekeeping = Housekeeping(centre, store, self._results, self._acd)
        self._switch_events = self._joined_switch_events()

    def _joined_switch_events(self) -> SwitchEvents:
        return SwitchEvents(
            self._centre,
            self._switch,
            self._results,
            self._acd,
            self._assistance,
            self._trunk_desk,
            self._answers,
            transfers=self._transfers,
            seat_desk=self.seat_desk,
            flow_desk=self.flow_desk,
            inbound_desk=self.inbound_desk,
            silence=self._silence,
        )

    @property
    def outbox_event(self) -> asyncio.Event:
        """Set whenever announcements were committed; the relay clears it."""
        return self._centre.outbox_event

    def view(self) -> CentreView:
        """The centre at this moment."""
        return centre_view(self._centre, self._trunks, self._figures())

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call `callback` in the loop at each change, until the returned function is called."""
        return self._centre.subscribe(callback)

    async def until_reconciled(self) -> None:
        """Wait until store and switch were first brought to agree: before that nobody knows whose a live call is. Not for ever."""
        try:
            async with asyncio.timeout(RECONCILE_SECONDS):
                await self._switch_events.reconciled.wait()
        except TimeoutError:
            _log.warning("not-reconciled-yet")

    def take_alert(self, alert: Alert) -> None:
        """An alert that another part of the dialler raises or clears."""
        self._centre.take_alert(alert)

    async def take_opt_out(self, number_hash: str, *, at: float, centre: str) -> None:
        """A number opted out in another centre: suppress it here, and cancel what rings there. Raises StoreError."""
        await self._results.foreign_opt_out(number_hash, at=at, centre=centre)

    async def execute(self, command: Command) -> str:
        """Do what was asked; one line that says what was done. Raises CommandRefused, StoreError where it was not kept."""
        desks = Desks(
            campaigns=self,
            seats=self.seat_desk,
            workers=self._worker_desk,
            transfers=self._transfers,
            recording=self._assistance.recorder,
            supervision=self._assistance.supervision,
            records=self._records_desk,
        )
        return await command.carry_out(desks)

    # Campaigns

    def accept_clock(self) -> str:
        """The machine's clock, which was set while the dialler ran, is right."""
        return self._placing.accept_clock()

    async def reload_flows(self) -> str:
        """Read the flows again: calls that run go on with the version they began with; a wrong one changes nothing (FlowError)."""
        changed = await asyncio.to_thread(self.flow_desk.flows.reload)
        for run in self._centre.campaigns.values():
            hear_again(self._centre, run)
        return f"flows reloaded; changed: {', '.join(sorted(set(changed))) or 'none'}"

    async def set_campaign_state(self, campaign_id: str, state: CampaignState) -> str:
        """Pause, resume or stop a campaign. Raises CommandRefused, StoreError once it is so here and was not kept."""
        run = self._centre.campaigns.get(campaign_id)
        if run is None:
            known = ", ".join(self._centre.campaigns) or "none"
            raise CommandRefused(f"there is no campaign {campaign_id!r}; running here: {known}")
        self._change(run, state)
        if state is CampaignState.RUNNING:
            hear_again(self._centre, run)
        await self._store.set_campaign_state(campaign_id, state)
        return f"campaign {campaign_id}: {state.value}"

    async def stop_all(self) -> str:
        """Every campaign stops, whatever the store does; raises StoreError once all are stopped and some were not kept so."""
        runs = self._centre.campaigns
        for run in runs.values():
            self._change(run, CampaignState.STOPPED)
        trouble: StoreError | None = None
        for campaign_id, run in runs.items():
            try:
                await self._store.set_campaign_state(campaign_id, run.state)  # it may have been resumed meanwhile
            except StoreError as error:
                trouble = error
        if trouble is not None:
            raise trouble
        return f"stopped {len(runs)} campaigns"

    def _change(self, run: CampaignRun, state: CampaignState) -> None:
        """At once: a stop must not wait for the disk."""
        run.state = state
        if state is CampaignState.STOPPED:
            self._placing.cancel_campaign(run)
        self._centre.wake.set()
        self._centre.notify(CampaignChange(run.spec.campaign_id))

    def _priorities(self, run: CampaignRun, now: float) -> Mapping[int, float]:
        """The priorities of the booths that vote today, which a turnout campaign calls before any other; for campaigns of another
        purpose all booths are alike.
        """
        polling = self._plan.polling
        if polling is None or run.purpose is not Purpose.TURNOUT:
            return {}
        return polling.priorities(self._centre.polls_today(), self._centre.turnout, now)

    # Life

    async def prepare(self) -> None:
        """Read what the store knows: campaigns, figures of the day, what an earlier run left open. Raises StoreError, also where it
        is older than the last run: who was called since, and who opted out, it does not know.
        """
        await self._refuse_older_store()
        centre, store = self._centre, self._store
        now = centre.clock.now()
        since = day_start(centre.zone, now)
        centre.booths = await store.booths()
        centre.turnout = {booth.booth_id: booth for booth in await store.booth_turnout()}
        voter_weight = 1.0 if self._plan.polling is None else self._plan.polling.weights.voter
        for plan in self._plan.campaigns:
            campaign_id = plan.spec.campaign_id
            state = await store.ensure_campaign(campaign_id, plan.spec.kind, plan.rules.purpose)
            await store.enrol(campaign_id)
            hopper = deque[Claim]()
            order = BoothOrder(centre.booths, voter_weight, in_hand=hopper)
            run = CampaignRun(plan.spec, plan.rules.purpose, plan.pacer, state, order, hopper)
            run.outcomes.update(await store.outcome_counts(campaign_id, since))
            run.progress = await store.campaign_progress(campaign_id)
            learned = await store.pacer_state(campaign_id)
            if learned is not None:
                run.take_up(learned)
            await recount(run.pacer, campaign_id, store, centre.clock)
            centre.campaigns[campaign_id] = run
        self._placing.watch_clock(await store.newest_event_at())
        await store.release_expired(now, self._plan.owner)
        await self.seat_desk.prepare()
        unfinished = await self._free_the_unsent(await store.unfinished_attempts())
        self._eligibility.use_version(await store.record_rules_version(self._plan.rules_text, now))
        self._eligibility.load(await store.registers(), unfinished)
        left_open = self._switch_events.reconciler.found(unfinished)
        if left_open:
            _log.warning("attempts.left-open", attempts=left_open)

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
        now = self._centre.clock.now()
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
                centre.adopt_tasks(group)
                keeper = group.create_task(self._housekeeping.go_on(), name="housekeeping")
                await self._decide_until(stop)
                await self._drain()
                keeper.cancel()
                self._timers.stop()
        finally:
            self._timers.stop()
        self._acd.close_intervals()
        await self._housekeeping.finish()
        self._sent.close()

    async def _decide_until(self, stop: asyncio.Event) -> None:
        centre = self._centre
        stopping = asyncio.create_task(stop.wait(), name="stop")
        stopping.add_done_callback(lambda _: centre.wake.set())
        try:
            while not stop.is_set():
                seconds = self._placing.decide()
                centre.count_work()
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
            centre.spawn(hang_up(self._switch, call.attempt_id), "hang-up")
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

    # The switch's events

    def on_switch_event(self, event: SwitchEvent) -> None:
        """Apply an event, at once and in order. Events of calls that are not live any more change nothing."""
        self._switch_events.take(event)

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
        self._switch_events.flow_ended(
            attempt_id, completed=completed, left_at=left_at, answers=answers, unheard=unheard
        )

    def _cancel(self, call: Call) -> None:
        self._placing.cancel(call)
