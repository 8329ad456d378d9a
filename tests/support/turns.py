"""An engine without store, switch and event loop: events go in, and their effects come out as lines of text."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, cast

from dialer.domain.model import AttemptId, CampaignState
from dialer.domain.parties import Place
from dialer.domain.switch_events import CallConnected, CallEnded, CallWaiting, EndedBy
from dialer.domain.view import AlertRaised, CallChange, CampaignChange, SeatState, SeatView
from dialer.engine.calls.state import Call
from dialer.engine.campaigns.runs import CampaignRun
from dialer.engine.core import Core
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
    SwitchOrder,
    TimerExpired,
    TimerKind,
    UpdatePacer,
)
from dialer.engine.engine import Engine
from dialer.engine.plan import Dependencies
from dialer.engine.seats.state import Seat
from dialer.flows.script_library import ScriptLibrary
from dialer.polling_day.priorities import BoothOrder
from dialer.rules.gate import Case, Ruling
from dialer.site.plan import make_engine_plan_from_settings
from tests.support.calls import ID, a_call
from tests.support.rules import KOLKATA, NOON, neutral_with, site

A = ID

HUNG_UP = CallEnded(A, EndedBy.HANGUP, answered=True)


class ManualClock:
    """A clock that a test sets, in seconds after noon."""

    seconds = 0.0

    def now(self) -> float:
        return NOON + self.seconds

    def monotonic(self) -> float:
        return self.seconds

    get_seconds_since_boot = monotonic


class NamedMethods:
    """A stand-in for a store or switch, whose methods have names and must not be called."""

    def __getattr__(self, name: str) -> Callable[..., object]:
        """Return a method with this name."""

        async def method(*_: object, **__: object) -> None:
            raise AssertionError(name)

        method.__name__ = name
        return method


class Turns:
    """The engine of a site with one campaign, run one event at a time."""

    def __init__(self, seats: int = 1, campaign: dict[str, Any] | None = None, **sections: Any) -> None:
        """Log agents in at all seats with connected phones. The RTP timeout of seats is off unless a section sets it."""
        names = [f"{number:02}" for number in range(1, seats + 1)]
        phones = [{"name": name, "endpoint": f"agent{name}"} for name in names]
        sections.setdefault("asterisk", {"seat_rtp_timeout_seconds": 0})
        plan = make_engine_plan_from_settings(site(campaign=campaign, seats=phones, **sections), neutral_with())
        self.clock = ManualClock()
        core = Core("centre", KOLKATA, self.clock, plan)
        self.beside: list[str] = []  # names of the tasks started by the last event
        nothing, no_scripts = cast(Any, None), cast(Any, SimpleNamespace(scripts=ScriptLibrary({})))
        store, switch = cast(Any, NamedMethods()), cast(Any, NamedMethods())
        self.engine = Engine(core, Dependencies(store, switch, nothing, no_scripts, nothing, lambda: True))
        self.features = self.engine.features
        self.features.core.start_accepting_background_tasks(cast(Any, self), lambda: None)
        self.features.asterisk_servers.up.add("")
        self.engine.features.calling_rules_checker._gate = cast(
            Any, SimpleNamespace(rules=plan.gate.rules, check_rules_before_connecting_agent=_allowed)
        )
        self.engine.features.calling_rules_checker._certified = lambda campaign, flow: {}
        for each in plan.campaigns.values():
            run = CampaignRun(
                each.spec,
                each.rules.purpose,
                each.pacer,
                CampaignState.RUNNING,
                BoothOrder([]),
                deque(),
                hold=None,
            )
            self.features.loaded_campaigns.add_or_replace_campaign(run)
        for name in names:
            seat = self.features.agent_seats[name].log_in_agent(f"10{name}", None, self.features.core.read_clock())
            self.place(seat.connect_phone(self.features.core.read_clock()))

    def place(self, seat: Seat) -> None:
        """Replace the state of a seat and discard the effects."""
        self.features.core.in_event = True
        self.features.agent_seats.update_seat_state(self.features.agent_seats[seat.name], seat)
        self.features.core.pop_requested_side_effects()
        self.features.core.in_event = False

    def record_guaranteed_agents_of_rule_checks(self) -> list[bool]:
        """Let the rules allow every call. Return a list to which each check adds whether an agent is guaranteed."""
        guaranteed: list[bool] = []

        def allow_call(case: Case, _: float) -> Ruling:
            guaranteed.append(case.guaranteed)
            return Ruling((), None)

        cast(Any, self.features.calling_rules_checker._gate).check_rules_before_originate = allow_call
        return guaranteed

    def create_task(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Record the name of a task instead of running it."""
        work.close()
        self.beside.append(name)

    def call(self, attempt_id: AttemptId = A, **facts: Any) -> Call:
        """Add a live call that was placed at 0 s. Return it."""
        [run] = self.features.loaded_campaigns.list_campaign_runs()
        of_campaign = {"campaign_id": run.spec.campaign_id, "trunk": "carrier"}
        return self.features.live_calls.add_or_replace_call(
            a_call(run.spec.kind, attempt_id=attempt_id, **of_campaign, **facts)
        )

    def talking(self, seat: str = "01") -> Call:
        """Add a call answered at 8 s and connected to a seat at 8.4 s. Return it."""
        self.call()
        self.at(8.0, CallWaiting(A))
        self.at(8.4, CallConnected(A, seat))
        return self.features.live_calls[A]

    def at(self, seconds: float, event: Event) -> list[str]:
        """Handle an event at `seconds`. Return its effects, and those that follow immediately, one line each."""
        return self.after(seconds, lambda: self.engine.pass_event_to_features(event))

    def after(self, seconds: float, do: Callable[[], object]) -> list[str]:
        """Call `do` at `seconds`. Return the effects, one line each."""
        self.clock.seconds = seconds
        self.features.core.in_event = True
        self.beside.clear()
        do()
        lines: list[str] = []
        while effects := self.features.core.pop_requested_side_effects():
            for effect in effects:
                if isinstance(effect, TimerExpired | CallFinished | SeatStateChanged | HouseholdChanged):
                    self.engine.pass_event_to_features(effect)
                elif line := self._line(effect):
                    lines.append(line)
        return [*lines, *(f"beside {name}" for name in self.beside)]

    def play(self, table: list[tuple[float, Event, str]]) -> None:
        """Check a table of (seconds, event, expected effects). Effects are joined by "; "."""
        for seconds, event, follows in table:
            seen = "; ".join(self.at(seconds, event))
            assert seen == follows, f"{type(event).__name__} at {seconds} s: {seen}"

    def seat(self, name: str = "01") -> SeatState:
        """Return the engine's state of a seat."""
        return self.features.agent_seats[name].state

    def _line(self, effect: Effect) -> str:
        match effect:
            case UpdatePacer():
                return f"learn {effect.kind.value} {effect.seconds:g}"
            case StartTimer(expired=TimerExpired(kind=TimerKind.SCREEN_POP)) | Notify(change=CampaignChange()):
                return ""
            case StartTimer():
                return f"timer {self._short(effect.key)} {effect.seconds:g} {effect.expired.kind.value}"
            case StopTimer():
                return f"timer {self._short(effect.key)} off"
            case SwitchOrder():
                return self._short(" ".join(["order", effect.name, *map(_word, effect.call.args)]))
            case StoreCommit(name="end_attempts"):
                return f"commit end {effect.call.args[0][0].outcome.value}"
            case StoreCommit():
                return self._short(" ".join(["commit", effect.name, *map(_word, effect.call.args)]))
            case Notify(change=CallChange() as change):
                return f"call {change.state.value}"
            case Notify(change=SeatView() as seat):
                stage = f" {seat.transfer.value}" if seat.transfer else ""
                return f"seat {seat.seat} {seat.state.value}{stage}"
            case Notify(change=AlertRaised() as change):
                return f"alert {change.alert.code}{' over' if change.alert.cleared else ''}"
            case RunCommand():
                return repr(effect.command)
            case _:
                return repr(effect)

    def _short(self, line: str) -> str:
        return line.replace(A, "A")


def _word(value: object) -> str:
    if isinstance(value, float):
        return f"{value - NOON:g}s"
    return value.kind.value if isinstance(value, Place) else str(value)


def _allowed(*_: object) -> Ruling:
    return Ruling((), None)
