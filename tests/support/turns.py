"""An engine without a store, a switch or a loop: a time and an event go in, what follows comes out as lines for a table."""

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
from dialer.rules.gate import Ruling
from dialer.site.plan import engine_plan
from tests.support.calls import ID, a_call
from tests.support.rules import KOLKATA, NOON, neutral_with, site

A = ID

HUNG_UP = CallEnded(A, EndedBy.HANGUP, answered=True)


class ByHand:
    """A clock that stands until it is put on: noon and so many seconds."""

    seconds = 0.0

    def now(self) -> float:
        return NOON + self.seconds

    def monotonic(self) -> float:
        return self.seconds

    since_boot = monotonic


class Named:
    """A store or a switch whose methods have names and do nothing."""

    def __getattr__(self, name: str) -> Callable[..., object]:
        """Return a method with this name."""

        async def method(*_: object, **__: object) -> None:
            raise AssertionError(name)

        method.__name__ = name
        return method


class Turns:
    """The engine of a site with one campaign, on the table."""

    def __init__(self, seats: int = 1, campaign: dict[str, Any] | None = None, **sections: Any) -> None:
        """Agents are logged in at all seats, their phones nailed up; these may be silent, where no section says otherwise."""
        names = [f"{number:02}" for number in range(1, seats + 1)]
        phones = [{"name": name, "endpoint": f"agent{name}"} for name in names]
        sections.setdefault("asterisk", {"seat_rtp_timeout_seconds": 0})
        plan = engine_plan(site(campaign=campaign, seats=phones, **sections), neutral_with())
        self.clock = ByHand()
        core = Core("centre", KOLKATA, self.clock, plan)
        self.beside: list[str] = []  # what was begun that waits for an answer
        nothing, no_scripts = cast(Any, None), cast(Any, SimpleNamespace(scripts=ScriptLibrary({})))
        store, switch = cast(Any, Named()), cast(Any, Named())
        self.engine = Engine(core, Dependencies(store, switch, nothing, no_scripts, nothing, lambda: True))
        self.features = self.engine.features
        self.features.core.start_tasks(cast(Any, self), lambda: None)
        self.features.servers.up.add("")
        self.engine.features.eligibility._gate = cast(Any, SimpleNamespace(rules=plan.gate.rules, connect=_allowed))
        self.engine.features.eligibility._certified = lambda campaign, flow: {}
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
            self.features.runs.put(run)
        for name in names:
            seat = self.features.seats[name].logged_in(f"10{name}", None, self.features.core.instant())
            self.place(seat.phone_connected(self.features.core.instant()))

    def place(self, seat: Seat) -> None:
        """Replace a seat and drop the effects."""
        self.features.core.in_event = True
        self.features.seats.put(self.features.seats[seat.name], seat)
        self.features.core.take_effects()
        self.features.core.in_event = False

    def create_task(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Nothing runs on the table."""
        work.close()
        self.beside.append(name)

    def call(self, attempt_id: AttemptId = A, **facts: Any) -> Call:
        """A call that was placed at 0 s, and is live."""
        [run] = self.features.runs.all()
        of_campaign = {"campaign_id": run.spec.campaign_id, "trunk": "carrier"}
        return self.features.calls.put(a_call(run.spec.kind, attempt_id=attempt_id, **of_campaign, **facts))

    def talking(self, seat: str = "01") -> Call:
        """A voter who was answered at 8 s and talks at a seat since 8.4 s."""
        self.call()
        self.at(8.0, CallWaiting(A))
        self.at(8.4, CallConnected(A, seat))
        return self.features.calls[A]

    def at(self, seconds: float, event: Event) -> list[str]:
        """What follows from an event at that second, one line each; what follows at once from that too."""
        return self.after(seconds, lambda: self.engine.handle(event))

    def after(self, seconds: float, do: Callable[[], object]) -> list[str]:
        """The same of whatever is done at that second."""
        self.clock.seconds = seconds
        self.features.core.in_event = True
        self.beside.clear()
        do()
        lines: list[str] = []
        while effects := self.features.core.take_effects():
            for effect in effects:
                if isinstance(effect, TimerExpired | CallFinished | SeatStateChanged | HouseholdChanged):
                    self.engine.handle(effect)
                elif line := self._line(effect):
                    lines.append(line)
        return [*lines, *(f"beside {name}" for name in self.beside)]

    def play(self, table: list[tuple[float, Event, str]]) -> None:
        """Each event at its second has what stands beside it follow, "; " between two, and nothing else."""
        for seconds, event, follows in table:
            seen = "; ".join(self.at(seconds, event))
            assert seen == follows, f"{type(event).__name__} at {seconds} s: {seen}"

    def seat(self, name: str = "01") -> SeatState:
        """What a seat is doing."""
        return self.features.seats[name].state

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
