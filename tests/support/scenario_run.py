"""Plays a scenario on a simulated or real switch and reports the differences from the expected outcome."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import sqlite3
import statistics
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from dialer.app import RunningCentre, assemble_centre
from dialer.domain.clock import Clock
from dialer.domain.errors import CommandRefused
from dialer.domain.model import AttemptId
from dialer.domain.view import CallChange, CallState, Change, SeatState, SeatView
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.engine import Engine
from dialer.engine.preview.commands import SeatPreviewDial
from dialer.engine.seats.commands import SeatLogIn, SeatLogOff, SeatPause
from dialer.settings.jurisdiction import AbandonedCap
from dialer.settings.rules import Poll
from dialer.settings.site import Settings
from dialer.simulation.site import create_profile_without_calling_hours
from tests.support.scenario import Count, Event, Scenario, Step, fill_numbers

_CAPS = tuple(AbandonedCap(window_hours=hours, share=1.0) for hours in (24, 720))
_OPEN = create_profile_without_calling_hours()
LINES = _OPEN.model_copy(update={"abandoned": _OPEN.abandoned.model_copy(update={"target": 1.0, "caps": _CAPS})})
"""The profile of scenarios: calls at any hour, and no abandoned-call caps but the scenario's own."""


class Stage(Protocol):
    """A switch for scenarios, with the phones of voters and agents."""

    clock: Clock

    def settings(self, directory: Path, scenario: Scenario) -> Settings:
        """Return the scenario's settings for this switch."""
        ...

    def prepare(self, centre: RunningCentre) -> None:
        """Prepare for calls, now that the dialler's FastAGI server is listening."""
        ...

    @property
    def accepts_manager(self) -> bool:
        """Whether every Asterisk accepts manager (AMI) connections."""
        ...

    async def kill_phone(self, seat: str) -> None:
        """Let the seat's phone hang up and no longer answer."""
        ...

    async def silence_phone(self, seat: str) -> None:
        """Stop the RTP from the seat's phone without hanging up."""
        ...

    async def restore_phone(self, seat: str) -> None:
        """Let the seat's phone answer calls again."""
        ...

    async def cut_link(self) -> None:
        """Reset the AMI connection."""
        ...

    async def restart(self) -> None:
        """Restart the switch. Its phones stay registered."""
        ...

    async def restart_gracefully(self) -> None:
        """Have the switch restart once its calls have ended."""
        ...

    async def kill_and_start(self) -> None:
        """Kill the switch and start it again. Its phones stay registered."""
        ...

    async def reload(self) -> None:
        """Have the switch read its files again, and begin new log files."""
        ...

    def list_called_numbers(self) -> list[str]:
        """Return the numbers of all calls that reached the carrier, in order."""
        ...

    async def list_leftover_channels(self) -> list[str]:
        """Return the channels still on the switch after the centre has stopped."""
        ...


@dataclass
class Played:
    """The actual outcome of a scenario, and its differences from the expected one."""

    outcomes: Counter[str] = field(default_factory=Counter)
    marks: Counter[str] = field(default_factory=Counter)
    seats: dict[str, str] = field(default_factory=dict)
    called: list[str] = field(default_factory=list)
    held: str | None = None
    changes: list[CallChange] = field(default_factory=list)
    rings: dict[str, float] = field(default_factory=dict)  # mean seconds from commit to "ringing", if expected
    seconds_without_calls: float | None = None  # the longest time between two calls in which there is none, if expected
    seconds_until_seats_back: float = 0.0  # see `Expected.seats_back_within`
    faults: list[str] = field(default_factory=list)


async def play(scenario: Scenario, stage: Stage, directory: Path) -> Played:
    """Run the centre until its list is completed. `faults` of the result is empty if all is as expected."""
    numbers = [number for number, _ in scenario.numbers()]
    fill_numbers(directory / "centre.db", numbers, workers=scenario.site.workers)
    played = Played()
    run = _Run(scenario, stage, played)
    while not run.over:
        settings = scenario.limit_cps(stage.settings(directory, scenario))
        if scenario.site.workers:
            settings = _add_poll_today(settings, stage.clock.now())
        async with assemble_centre(settings, clock=stage.clock, chance=random.Random(1), profile=LINES) as centre:
            stage.prepare(centre)
            await run.run_dialler(centre)
        await asyncio.sleep(run.away_seconds)
    played.called = stage.list_called_numbers()
    left = await stage.list_leftover_channels()
    if left:
        played.faults.append(f"left over on the switch: {', '.join(left)}")
    _judge(scenario, played, directory)
    return played


def _add_poll_today(settings: Settings, now: float) -> Settings:
    """Return the settings with a poll today."""
    today = datetime.fromtimestamp(now, ZoneInfo(settings.centre.time_zone)).date()
    polls = (Poll(day=today, closes_at=time(23, 59, 59)),)
    return settings.model_copy(update={"rules": settings.rules.model_copy(update={"polls": polls})})


class _Run:
    """One run of a scenario with agents and events. The dialler may be restarted in it."""

    def __init__(self, scenario: Scenario, stage: Stage, played: Played) -> None:
        self.over = False
        self.away_seconds = 0.0  # until the dialler starts again
        self._scenario = scenario
        self._stage = stage
        self._engine: Engine
        self._voters = sum(voters.count for voters in scenario.voters)
        self._played = played
        self._reached: dict[tuple[str, SeatState], asyncio.Event] = {}
        self._wrap_ups: set[asyncio.Task[None]] = set()
        self._events: list[asyncio.Task[None]] = []
        self._killed = False
        self._lost_since: float | None = None  # an agent has no phone, and the manager accepts (monotonic seconds)
        self._deadline = stage.clock.monotonic() + scenario.expect.seconds

    async def run_dialler(self, centre: RunningCentre) -> None:
        """Run the dialler until the list is completed, which sets `over`, or until an event kills it."""
        self._engine = centre.engine
        self._killed = False
        stop = asyncio.Event()
        unsubscribe = self._engine.subscribe_to_changes(self._react_to_changed_engine_state)
        running = asyncio.create_task(centre.dial_until_stopped(stop), name="centre")
        try:
            await self._work(running)
        finally:
            unsubscribe()
            if self._killed:
                running.cancel()
            else:
                self.over, self.away_seconds = True, 0.0
                for task in [*self._wrap_ups, *self._events]:
                    task.cancel()
                stop.set()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    async def _work(self, running: asyncio.Task[None]) -> None:
        try:
            await self._until(lambda: self._engine.make_centre_view().state.switch_up or running.done())
            for seat in self._engine.make_centre_view().seats:
                if seat.state is SeatState.OFFLINE:
                    await self._engine.execute_command(SeatLogIn(seat=seat.seat, agent=f"agent-{seat.seat}"))
            if not self._events:
                loop = asyncio.get_running_loop()
                self._events = [loop.create_task(self._run_event(event)) for event in self._scenario.events]
            await self._until(lambda: self._is_completed() or self._killed or running.done())
        except TimeoutError:
            view = self._engine.make_centre_view()
            calls = {state.value: count for campaign in view.campaigns for state, count in campaign.calls.items()}
            self._played.faults.append(
                f"not done after {self._scenario.expect.seconds:g} s: live {calls or 'none'}, "
                f"held: {view.campaigns[0].hold}"
            )
        self._played.faults += [repr(task.exception()) for task in self._events if task.done() and task.exception()]
        hold = self._engine.make_centre_view().campaigns[0].hold
        self._played.held = None if hold is None else str(hold)
        self._played.seats = {seat.seat: seat.state.value for seat in self._engine.make_centre_view().seats}

    def _is_completed(self) -> bool:
        view = self._engine.make_centre_view()
        at_work = {SeatState.TALKING, SeatState.WRAP_UP, SeatState.RESERVED}
        attempts = sum(campaign.progress.attempts for campaign in view.campaigns)
        return (
            (
                attempts >= self._voters
                or str(view.campaigns[0].hold)
                in {"the list is completed", self._scenario.expect.held or "the list is completed"}
            )
            and not any(campaign.calls for campaign in view.campaigns)
            and not any(seat.state in at_work for seat in view.seats)
            and all(task.done() for task in [*self._wrap_ups, *self._events])
        )

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(max(0.0, self._deadline - self._stage.clock.monotonic())):
            while not condition():
                self._measure_time_without_phones()
                await asyncio.sleep(0.05)

    def _measure_time_without_phones(self) -> None:
        view, now = self._engine.make_centre_view(), self._stage.clock.monotonic()
        seats = {seat.state for seat in view.seats} - {SeatState.OFFLINE}
        if not self._stage.accepts_manager:
            self._lost_since = None
        elif seats and (not view.state.switch_up or SeatState.LOST in seats):
            self._lost_since = now if self._lost_since is None else self._lost_since
        elif self._lost_since is not None:
            seconds = now - self._lost_since
            self._lost_since = None
            self._played.seconds_until_seats_back = max(self._played.seconds_until_seats_back, seconds)

    def _react_to_changed_engine_state(self, change: Change) -> None:
        if isinstance(change, CallChange):
            self._played.changes.append(change)
        elif isinstance(change, SeatView):
            self._state_event(change.seat, change.state).set()
            if change.state is SeatState.WRAP_UP:
                self._start_task(self._wrap_up(change.seat))
            elif change.preview is not None and change.attempt_id is not None:
                self._start_task(self._dial_previewed_call(change.seat, AttemptId(change.attempt_id)))

    def _state_event(self, seat: str, state: SeatState) -> asyncio.Event:
        return self._reached.setdefault((seat, state), asyncio.Event())

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._wrap_ups.add(task)
        task.add_done_callback(self._wrap_ups.discard)

    async def _dial_previewed_call(self, seat: str, attempt_id: AttemptId) -> None:
        """Dial the previewed call of a seat, as its agent does."""
        await self._engine.execute_command(SeatPreviewDial(seat=seat, attempt_id=attempt_id))

    async def _wrap_up(self, seat: str) -> None:
        await asyncio.sleep(self._scenario.site.wrap_up)
        with contextlib.suppress(CommandRefused):  # the wrap-up has already ended
            await self._engine.execute_command(
                PhoneKeyDisposition(seat=seat, disposition=self._scenario.site.disposition)
            )

    async def _run_event(self, event: Event) -> None:
        if event.once is not None and event.seat is not None:
            await self._state_event(event.seat, event.once).wait()
        await asyncio.sleep(event.after)
        seat = event.seat or ""
        match event.do:
            case Step.PHONE_DIES:
                await self._stage.kill_phone(seat)
            case Step.PHONE_SILENT:
                await self._stage.silence_phone(seat)
            case Step.PHONE_RETURNS:
                await self._stage.restore_phone(seat)
            case Step.LOG_OFF:
                await self._engine.execute_command(SeatLogOff(seat=seat))
            case Step.PAUSE:
                await self._engine.execute_command(SeatPause(seat=seat, reason="tea"))
            case Step.LINK_CUT:
                await self._stage.cut_link()
            case Step.SWITCH_RESTARTS:
                await self._stage.restart()
            case Step.SWITCH_RESTARTS_GRACEFULLY:
                await self._stage.restart_gracefully()
            case Step.SWITCH_KILLED:
                await self._stage.kill_and_start()
            case Step.SWITCH_RELOADS:
                await self._stage.reload()
            case Step.DIALLER_RESTARTS:
                self._killed, self.away_seconds = True, event.lasts


def _judge(scenario: Scenario, played: Played, directory: Path) -> None:
    """Add the differences between the actual and the expected outcome to `played.faults`."""
    expect, faults = scenario.expect, played.faults
    with contextlib.closing(sqlite3.connect(f"file:{directory / 'centre.db'}?mode=ro", uri=True)) as db:
        attempts = db.execute("SELECT outcome, phone_id FROM attempt").fetchall()
        rang = db.execute(
            "SELECT campaign_id, ringing_at - created_at FROM attempt WHERE ringing_at IS NOT NULL ORDER BY created_at"
        ).fetchall()
        spans = db.execute("SELECT created_at, ended_at FROM attempt ORDER BY created_at").fetchall()
        played.marks = Counter(kind for (kind,) in db.execute("SELECT kind FROM mark"))
    played.outcomes = Counter(outcome or "still open" for outcome, _ in attempts)
    faults += _differences("outcome", expect.outcomes.items(), played.outcomes)
    faults += _differences("mark", expect.marks.items(), played.marks)
    faults += [
        f"seat {seat} is {played.seats.get(seat)}, expected {state}"
        for seat, state in expect.seats.items()
        if played.seats.get(seat) != state
    ]
    if expect.held is not None and played.held != expect.held:
        faults.append(f"the campaign is held for {played.held!r}, expected {expect.held!r}")
    limit = int(scenario.site.campaign.get("max_attempts", 1))
    often = {phone for phone, count in Counter(phone for _, phone in attempts).items() if count > limit}
    if often:
        faults.append(f"{len(often)} numbers have more than {limit} attempts")
    twice = {number for number, count in Counter(played.called).items() if count > limit}
    if twice:
        faults.append(f"{len(twice)} numbers were called more than {limit} times")
    if expect.rings_within is not None:
        played.rings = ringing_delays(rang)
        faults += [
            f"{what}: {seconds:.2f} s from commit to ringing, more than {expect.rings_within:g}"
            for what, seconds in played.rings.items()
            if seconds > expect.rings_within
        ]
    if expect.no_call_within is not None:
        played.seconds_without_calls = find_longest_time_without_calls(spans)
        if played.seconds_without_calls > expect.no_call_within:
            faults.append(f"no call for {played.seconds_without_calls:.1f} s, more than {expect.no_call_within:g}")
    if expect.seats_back_within is not None and played.seconds_until_seats_back > expect.seats_back_within:
        faults.append(
            f"agents' phones were connected again after {played.seconds_until_seats_back:.2f} s, more than "
            f"{expect.seats_back_within:g}"
        )
    if expect.message_within is not None:
        late = [seconds for seconds in message_delays(played.changes) if seconds > expect.message_within]
        faults += [f"the message came {seconds:.2f} s after the answer" for seconds in late]


def ringing_delays(rang: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Return the mean seconds from commit to "ringing" of the first and last third of the calls and of each campaign.

    `rang` are (campaign, seconds) in the order of the commits.
    """
    third = max(1, len(rang) // 3)
    parts = {"first third": rang[:third], "last third": rang[-third:]}
    for campaign in sorted({campaign for campaign, _ in rang}):
        parts[f"campaign {campaign}"] = [each for each in rang if each[0] == campaign]
    return {what: statistics.fmean(seconds for _, seconds in part) for what, part in parts.items() if part}


def find_longest_time_without_calls(spans: Sequence[tuple[float, float | None]]) -> float:
    """Return the longest time in seconds between two calls during which no call exists.

    `spans` are the times at which each call was created and ended, in the order of creation.
    """
    longest, quiet_from = 0.0, spans[0][0] if spans else 0.0
    for created_at, ended_at in spans:
        longest = max(longest, created_at - quiet_from)
        quiet_from = max(quiet_from, ended_at or math.inf)
    return longest


def message_delays(changes: Iterable[CallChange]) -> list[float]:
    """Return the seconds from the answer to the information message, for each call that heard it."""
    answered: dict[str, float] = {}
    delays = []
    for change in changes:
        if change.state is CallState.WAITING:
            answered.setdefault(change.attempt_id, change.at)
        elif change.state is CallState.MESSAGE and change.attempt_id in answered:
            delays.append(change.at - answered.pop(change.attempt_id))
    return delays


def _differences(what: str, expected: Iterable[tuple[str, Count]], counted: Counter[str]) -> list[str]:
    wanted = {str(getattr(name, "value", name)): count for name, count in expected}
    faults = []
    for name in sorted(wanted.keys() | {name for name, count in counted.items() if count}):
        count = wanted.get(name, 0)
        least, most = count if isinstance(count, tuple) else (count, count)
        if not least <= counted[name] <= most:
            span = str(least) if least == most else f"{least} to {most}"
            faults.append(f"{what} {name}: {counted[name]}, expected {span}")
    return faults
