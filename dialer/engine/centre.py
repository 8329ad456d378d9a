"""What the engine holds in memory: live calls, seats, campaigns, and who listens. Only the engine's own rooms change it.

Nothing here is counted up and down: calls by state, channels in use and waiting voters are read off the calls themselves, so
that no figure can drift from the truth.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import structlog

from dialer.domain.clock import Clock, Instant
from dialer.domain.enums import Purpose
from dialer.domain.errors import CommandRefused, RefusedBecause
from dialer.domain.model import (
    AttemptId,
    Booth,
    BoothTurnout,
    CampaignProgress,
    CampaignState,
    Claim,
    MarkSource,
    Outcome,
)
from dialer.domain.parties import PartyId
from dialer.domain.switch import Switch
from dialer.domain.switch_events import CallEnded, EndedBy
from dialer.domain.view import (
    Alert,
    AlertLevel,
    AlertRaised,
    CallChange,
    CallState,
    CampaignChange,
    CampaignSpeed,
    Change,
    Hold,
    HoldReason,
    OutboxWait,
    RollTaken,
    ScreenPop,
    SeatState,
)
from dialer.engine.asterisk_servers.state import AsteriskServers
from dialer.engine.calls.changes import effects_of_change
from dialer.engine.calls.state import Call
from dialer.engine.effects import CallFinished, Effect, Notify, order
from dialer.engine.plan import CampaignSpec, EnginePlan
from dialer.engine.seats.state import Seat
from dialer.engine.supervision.state import Listener
from dialer.engine.transfers.state import CallTransfer
from dialer.flows.script import ScriptLibrary
from dialer.pacing.port import Pacer
from dialer.pacing.tuning import TUNED
from dialer.polling_day.plan import NO_POLLS, PollingPlan, PollsToday
from dialer.polling_day.priorities import BoothOrder
from dialer.rules.calling_hours import next_day
from dialer.store.sqlite import Store

_log = structlog.get_logger(__name__)
_Known = TypeVar("_Known")

KEPT_SECONDS = 300.0  # far longer than a claim's lease
_OF_THE_POLLING_DAY = frozenset({Purpose.TURNOUT, Purpose.BOOTH_WORKERS})


_STARTING = Hold(HoldReason.STARTING)


@dataclass(slots=True)
class CampaignRun:
    """A campaign under way."""

    spec: CampaignSpec
    purpose: Purpose
    pacer: Pacer
    state: CampaignState
    order: BoothOrder  # whose turn it is among the booths; it looks at what is in the hopper
    hopper: deque[Claim]  # claimed under a lease, to be dialled next
    answer_rate: float = TUNED.answer_rate  # of late, for the pacers of other campaigns on the same seats
    priorities_at: float = 0.0  # epoch: when the booths' priorities were last computed
    votes_until: float = 0.0  # epoch: the end of the polling day that they are of
    refilling: bool = False
    next_due_at: float = 0.0  # epoch: before it the queue has nothing
    list_done: bool = False
    given_back: int = 0  # how often numbers came back to the queue
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    inbound: Counter[Outcome] = field(default_factory=Counter)  # of calls that came in
    progress: CampaignProgress = field(default_factory=lambda: CampaignProgress(0, 0, 0, 0))
    hold: Hold | None = _STARTING
    refused: Counter[str] = field(default_factory=Counter)  # calls that the rules forbade, by reason, since the start
    speed: CampaignSpeed | None = None  # until when it says
    steered_by: str | None = None  # who has another abandoned target hold than the settings'
    unheard: str | None = None  # a sound that its voters must hear and do not; None: nothing is known against it

    def learned(self) -> str:
        """What the pacer has learned, as JSON for the store."""
        return json.dumps(self.pacer.state())

    def take_up(self, learned: str) -> None:
        """Go on with what an earlier run learned. A text that is damaged is ignored: the campaign begins cold."""
        try:
            state = json.loads(learned)
        except ValueError:
            state = None
        if not isinstance(state, dict):
            _log.warning("pacer.state-damaged", campaign=self.spec.campaign_id)
            return
        self.pacer.restore(state)

    @property
    def called_through(self) -> bool:
        """Whether nobody is left to be called, as far as its queue was seen."""
        return self.list_done and not self.hopper

    @property
    def may_dial(self) -> bool:
        """Whether, as the last decision found, nothing keeps it from dialling, and somebody is left to be called."""
        return self.hold is None and not self.called_through

    def speed_at(self, now: float) -> CampaignSpeed | None:
        """What a supervisor holds it to at this epoch second."""
        return self.speed if self.speed is not None and now < self.speed.until else None

    def due_again(self, at: float) -> None:
        """A number of the queue is due at this epoch second, whatever the queue said when it was asked last."""
        self.given_back += 1
        self.next_due_at = min(self.next_due_at, at)
        self.list_done = False

    def look_again(self) -> None:
        """Numbers may have come back to the queue: it is asked again."""
        self.given_back += 1
        self.next_due_at = 0.0
        self.list_done = False
        self.order.look_again()


@dataclass(slots=True)
class TrunkTally:
    """What a trunk has carried since the start. Counted up only."""

    attempts: int = 0
    answered: int = 0
    failures: int = 0


@dataclass(slots=True)
class SeatTally:
    """Where a seat has spent its time since the agent logged in, seconds by state, and its calls."""

    seconds: dict[SeatState, float] = field(default_factory=dict)
    calls: int = 0


class Centre:
    """The state of one centre, and the few things every room of the engine does with it."""

    def __init__(self, centre_id: str, zone: ZoneInfo, clock: Clock) -> None:
        """An empty centre. Nothing is asked of it before it has its plan (`use`)."""
        self.plan: EnginePlan
        self.polling: PollingPlan | None = None  # of the site, if one is known
        self._polls_today: PollsToday | None = None
        self.centre_id = centre_id
        self.dialler: str | None = None  # this run's name, for others
        self.scripts = ScriptLibrary({})  # what the campaigns' agents read and ask
        self.zone = zone
        self.clock = clock
        self.calls: dict[AttemptId, Call] = {}
        self.transfers: dict[AttemptId, CallTransfer] = {}
        self.party_trunks: dict[PartyId, str] = {}  # third parties outside, and the trunk that each is called over
        self.strangers: dict[AttemptId, str] = {}  # calls that came in and are in no `calls`, and the trunk of each
        self.listeners: dict[str, Listener] = {}  # by supervisor
        self.seats: dict[str, Seat] = {}  # as with campaigns
        self.pops: dict[str, ScreenPop] = {}  # by seat: of its last call
        self.seat_tallies: defaultdict[str, SeatTally] = defaultdict(SeatTally)
        # Also those that the settings have no more, for their last calls: `plan` says which there are.
        self.campaigns: dict[str, CampaignRun] = {}
        self.trunk_tallies: defaultdict[str, TrunkTally] = defaultdict(TrunkTally)
        self.booths: dict[int, Booth] = {}
        self.roll: RollTaken | None = None  # that is being taken in
        self.taking_in = asyncio.Lock()  # held by who takes a roll in, and while no roll may be
        self.outbox: tuple[OutboxWait, ...] = ()  # what waits for broker and headquarters
        self.turnout: dict[int, BoothTurnout] = {}
        self.marks: Counter[str] = Counter()
        # Both of the day, by the clock of its polls, or since the start where that is later:
        self.reached_by: Counter[MarkSource] = Counter()  # voters whose first mark was made in a call of ours
        self.worked_seconds = 0.0  # while a turnout campaign could dial
        self._works_since: float | None = None  # monotonic; None: none can
        self.opt_outs = 0
        # What claims do not know that were taken off the queue before; by number, in the order of these epoch seconds. What is
        # older than any claim is forgotten (`forget_old`).
        self.opted_out: dict[int, float] = {}
        self.abandoned_at: dict[int, float] = {}
        self.called_at: dict[int, tuple[float, float]] = {}  # its last call's end, last talk's (0: none)
        self.alerts: dict[str, Alert] = {}
        self.servers = AsteriskServers({}, ())
        self.draining = False
        self.store_trouble: str | None = None
        self.wake = asyncio.Event()
        self.listening: list[Callable[[Change], None]] = []
        self._tasks: asyncio.TaskGroup | None = None
        self._effects: list[Effect] = []
        self._carry_out: Callable[[], object] = self.take_effects
        self._store: Store
        self._switch: Switch
        self.in_turn = False  # an event is being applied: its effects are carried out at its end

    def join(self, store: Store, switch: Switch) -> None:
        """Use this store and this switch from now on."""
        self._store, self._switch = store, switch

    def use(self, plan: EnginePlan) -> None:
        """What the settings say from now on: whoever asks them reads it here."""
        self.plan, self.polling = plan, plan.polling
        self._look_at_polls()

    @property
    def switch_up(self) -> bool:
        """Whether there is a link to any Asterisk."""
        return bool(self.servers.up)

    def instant(self) -> Instant:
        """This moment."""
        return Instant.by(self.clock)

    # Seats

    def seat(self, name: str) -> Seat:
        """The seat of that name, as it is now. Raises CommandRefused where there is none."""
        seat = self.seats.get(name)
        if seat is None or self.is_gone(seat):
            raise CommandRefused(
                f"there is no seat {name!r}; the settings name {len(self.plan.seats)} seats", RefusedBecause.NO_SEAT
            )
        return seat

    def campaign(self, campaign_id: str) -> CampaignRun:
        """The campaign of that id. Raises CommandRefused where there is none."""
        run = self.campaigns.get(campaign_id)
        if run is None or campaign_id not in self.plan.campaigns:
            known = ", ".join(self.plan.campaigns) or "none"
            raise CommandRefused(f"there is no campaign {campaign_id!r}; running here: {known}")
        return run

    def is_gone(self, seat: Seat) -> bool:
        """Whether nothing is left of a seat: the settings have it no more, and nobody is there."""
        return seat.name not in self.plan.seats and seat.agent is None and seat.state is SeatState.OFFLINE

    def seats_reached(self) -> Collection[Seat]:
        """The seats to which a voter can be sent, as far as that is their Asterisk's to say."""
        away = self.servers.away
        return [seat for seat in self.seats.values() if seat.server not in away] if away else self.seats.values()

    def call_at(self, seat: Seat) -> Call | None:
        """The call that the seat has, if it is live: that of a wrap-up is over, as a rule."""
        return self.calls.get(seat.attempt_id) if seat.attempt_id is not None else None

    # What follows

    def then(self, *effects: Effect) -> None:
        """What follows from what was just changed: carried out when this stretch of code is done, with all else that follows."""
        if not self.in_turn and not self._effects and self._tasks is not None:
            asyncio.get_running_loop().call_soon(self._carry_out)
        self._effects += effects

    def seat_of_endpoint(self, endpoint: str) -> Seat | None:
        """The seat whose phone that is; None: it is none of ours."""
        mine = (seat for seat in self.seats.values() if seat.endpoint == endpoint)
        return next((seat for seat in mine if not self.is_gone(seat)), None)

    def end_by(self, mistake: Exception) -> None:
        """A mistake of our own ends the engine as one in a task does: fail closed. Raises it where no engine runs."""
        if self._tasks is None:
            raise mistake
        self.spawn(_fail(mistake), "mistake")

    def take_effects(self) -> list[Effect]:
        """What is to be carried out now."""
        effects, self._effects = self._effects, []
        return effects

    def adopt_tasks(self, group: asyncio.TaskGroup, carry_out: Callable[[], None]) -> None:
        """From now on effects run in this group; a failure in one of them ends the engine (fail closed)."""
        self._tasks, self._carry_out = group, carry_out

    def leave_tasks(self) -> None:
        """The group has ended."""
        self._tasks = None

    def spawn(self, work: Coroutine[Any, Any, object], name: str) -> None:
        """Run beside the engine what waits for an answer of store or switch. What is begun earlier reaches the store earlier."""
        if self._tasks is None:
            work.close()
            raise RuntimeError("the engine is not running")
        try:
            self._tasks.create_task(work, name=name)
        except RuntimeError:  # the engine is being ended by an error: this would be cancelled before it began
            work.close()

    # Calls

    def put_call(self, call: Call) -> Call:
        """A call that is new, or found as it is: nothing follows."""
        self.calls[call.attempt_id] = call
        return call

    def drop_call(self, attempt_id: AttemptId) -> None:
        """It is none of the live ones any more."""
        self.calls.pop(attempt_id, None)

    def update_call(self, before: Call, after: Call) -> Call:
        """Put what is known of a call now in the place of what was, with what follows from it."""
        if after is before:
            return after
        self.calls[after.attempt_id] = after
        self.then(*effects_of_change(before, after, self.instant(), self._store))
        if after.answered is not before.answered:
            self.wake.set()
        return after

    def cancel(self, call: Call) -> None:
        """Hang up a call that nobody has answered. One that is not written yet never will be, and a preview is over."""
        if call.answered or call.leg.cancelled or call.inbound:
            return
        self.update_call(call, call.given_up())
        if call.leg.written:
            self.then(order(self._switch.hang_up, call.attempt_id))
        elif call.leg.preview is not None:  # else who is about to write it sees that it is cancelled
            self.then(CallFinished(CallEnded(call.attempt_id, EndedBy.NOT_PLACED, answered=False)))

    def notify_call(self, call: Call, state: CallState, outcome: Outcome | None = None) -> None:
        """Tell those who listen where a call is."""
        change = CallChange(call.campaign_id, call.attempt_id, state, self.clock.now(), call.talk.seat, outcome)
        self.then(Notify(change), Notify(CampaignChange(call.campaign_id)))

    def calls_of(self, campaign_id: str) -> list[Call]:
        """The live calls of a campaign, as they are now."""
        return [call for call in self.calls.values() if call.campaign_id == campaign_id]

    def channels_used(self) -> Counter[str]:
        """Live calls by trunk, third parties and strangers too, from their commit until the switch ends them."""
        ours = [call.trunk for call in self.calls.values() if call.leg.ended is None]
        return Counter([*ours, *self.party_trunks.values(), *self.strangers.values()])

    def calls_leaving(self) -> Counter[str]:
        """By trunk, the calls that a start was granted to and that have not gone out yet: they are being committed."""
        unsent = [call for call in self.calls.values() if not call.leg.written and not call.inbound]
        return Counter([call.trunk for call in unsent if call.leg.preview is None])

    def note_end(self, call: Call, outcome: Outcome) -> None:
        """A call has ended: claims that were taken off the queue before do not know it."""
        now, talked = self.clock.now(), call.talk.connected_at is not None or outcome is Outcome.COMPLETED
        if outcome is Outcome.ABANDONED and not call.inbound:  # as the store counts it: only our calls lock a number
            self.abandoned_at.pop(call.phone_id, None)
            self.abandoned_at[call.phone_id] = now
        if outcome is Outcome.REFUSED or (call.inbound and not talked):
            return
        called_before, talked_before = self.called_at.pop(call.phone_id, (0.0, 0.0))
        talked = talked and outcome is not Outcome.MACHINE
        self.called_at[call.phone_id] = (called_before if call.inbound else now, now if talked else talked_before)

    def note_opt_out(self, phone_id: int) -> None:
        """A number is not to be called any more: claims that were taken off the queue before do not know it."""
        self.opted_out.pop(phone_id, None)
        self.opted_out[phone_id] = self.clock.now()

    def forget_old(self) -> None:
        """Forget of numbers what every claim knows by now; not of live calls', whose claims may be older than any."""
        before = self.clock.now() - KEPT_SECONDS
        live = {call.phone_id for call in self.calls.values()}
        _forget(self.opted_out, lambda at: at < before, live)
        _forget(self.abandoned_at, lambda at: at < before, live)
        _forget(self.called_at, lambda ends: max(ends) < before, live)

    def take_booths(self, booths: Mapping[int, Booth]) -> None:
        """Booths as the store has them now: a roll was taken in."""
        self.booths.update(booths)
        for run in self.campaigns.values():
            run.order.add(booths)
        self._look_at_polls()

    def _look_at_polls(self) -> None:
        if self.polling is not None and self._polls_today is not None:
            self._polls_today = self.polling.today(self.booths, self.clock.now())

    def polls_today(self) -> PollsToday:
        """Which booths vote now, worked out once a day of the polls; with a new one the figures of the last one end."""
        if self.polling is None or not self.booths:
            return NO_POLLS
        now = self.clock.now()
        if self._polls_today is None or not self._polls_today.holds_at(now):
            before, self._polls_today = self._polls_today, self.polling.today(self.booths, now)
            still_vote = before is not None and not before.zones.keys().isdisjoint(self._polls_today.zones)
            if not still_vote:
                self.reached_by.clear()
                self.worked_seconds = 0.0
        return self._polls_today

    def last_calls(self) -> Mapping[int, float]:
        """Of each booth that votes today and whose close is known, by its id: epoch second of its last call."""
        return self.polls_today().last_calls

    def next_day(self) -> float:
        """The epoch second at which another day begins, by the clock of the centre or of a poll."""
        return min(next_day(self.zone, self.clock.now()), self.polls_today().until)

    def count_work(self) -> None:
        """Count the time since the last decision as worked where a turnout campaign could dial; asked after each decision."""
        now = self.clock.monotonic()
        self.polls_today()  # first: a new day of the polls begins the count at nought
        if self._works_since is not None:
            self.worked_seconds += now - self._works_since
        works = any(run.may_dial for run in self.campaigns.values() if run.purpose is Purpose.TURNOUT)
        self._works_since = now if works else None

    def closes_at(self, booth: Booth) -> str:
        """A booth's close as a voter is told it, "18:00", by its poll's clock: of the polling day, else the roll's; "": unknown."""
        close = None if self.polling is None else self.polling.local_close_of(booth)
        return booth.closes_at if close is None else f"{close:%H:%M}"

    def last_call_at(self, run: CampaignRun, booth_id: int) -> float | None:
        """When a campaign of the polling day stops calling a booth, epoch; None: no vote there today, or another purpose."""
        return self.last_calls().get(booth_id) if run.purpose in _OF_THE_POLLING_DAY else None

    # Alerts

    def raise_alert(self, code: str, level: AlertLevel, text: str) -> None:
        """Raise an alert, or replace the one of the same code. A text that stands already is not repeated."""
        standing = self.alerts.get(code)
        if standing is not None and standing.text == text:
            return
        alert = Alert(code, level, text, self.clock.now())
        self.alerts[code] = alert
        _log.warning("alert", code=code, level=level.value, text=text)
        self.then(Notify(AlertRaised(alert)))

    def clear_alert(self, code: str) -> None:
        """End an alert; nothing happens where there is none."""
        standing = self.alerts.pop(code, None)
        if standing is not None:
            self.then(Notify(AlertRaised(Alert(code, standing.level, standing.text, self.clock.now(), cleared=True))))

    def take_alert(self, alert: Alert) -> None:
        """An alert that another part of the dialler raises or clears."""
        if alert.cleared:
            self.clear_alert(alert.code)
        else:
            self.raise_alert(alert.code, alert.level, alert.text)


async def _fail(error: Exception) -> None:
    raise error


def _forget(known: dict[int, _Known], old: Callable[[_Known], bool], live: set[int]) -> None:
    """Take out what is old, of numbers on no live call; it stands first."""
    for phone_id in list(takewhile(lambda each: old(known[each]), known)):
        if phone_id not in live:
            del known[phone_id]
