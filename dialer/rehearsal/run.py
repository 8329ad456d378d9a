"""One rehearsed day, in virtual time: the engine itself, over AMI and FastAGI, on a simulated Asterisk in the same loop."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from config.settings import Settings
from dialer.app import RunningCentre, running_centre
from dialer.clock import LoopClock
from dialer.rehearsal.copy import copy_roll
from dialer.rehearsal.day import REHEARSAL_LOGIN, Fault, FaultKind, RehearsedDay, rehearsal_settings
from dialer.rehearsal.verdict import DayOutcome, Sample
from dialer.reports.demo_report import DemoReport, build_report
from dialer.simulation.agents import AgentHabits, SimulatedAgents
from dialer.simulation.asterisk.config import (
    LEAST_PRIVILEGE_USER,
    PhoneMode,
    SeatPhone,
    SimulatedAsteriskConfig,
    Trunk,
)
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.virtual_time import run_virtual
from dialer.site_key import site_key
from dialer.view import CallChange, CallState, Change, SeatState

SAMPLE_SECONDS = 60.0
_LONG_FAULT_SECONDS = {
    FaultKind.LINK_STALLED: 20.0,
    FaultKind.TRUNK_DOWN: 300.0,
    FaultKind.PHONES_LOST: 120.0,
    FaultKind.SLOW_CARRIER: 600.0,
}
_SLOWER_SECONDS = 6.0
_RESTART_SECONDS = 5.0

Progress = Callable[[float], None]
"""Told how far the day has come, 0 to 1."""


def rehearse_day(
    settings: Settings, store: Path, directory: Path, day: RehearsedDay, profile: VoterProfile, progress: Progress
) -> DayOutcome:
    """Rehearse one day on a copy of the store's roll below `directory`. Raises MatdanError for what a person must mend."""
    copy = directory / f"{day.load}-{len(day.faults)}.db"
    journal = directory / f"{copy.stem}.jsonl"
    key = site_key(settings)
    voters = copy_roll(store, copy, key)
    began = time.monotonic()
    ran = run_virtual(
        lambda: _Rehearsal(settings, day, profile, copy, journal, progress).run(), limit_seconds=day.seconds + 3600
    )
    took = time.monotonic() - began
    return _outcome(ran, day, voters, took, settings)


@dataclass(frozen=True, slots=True)
class _Ran:
    """What is known once the day is over."""

    report: DemoReport
    samples: tuple[Sample, ...]
    recovered: dict[str, float]
    channels: int
    reached: int
    voted: int


class _Rehearsal:
    """The day while it runs."""

    def __init__(
        self,
        settings: Settings,
        day: RehearsedDay,
        profile: VoterProfile,
        copy: Path,
        journal: Path,
        progress: Progress,
    ) -> None:
        self._settings = settings
        self._day = day
        self._profile = profile
        self._copy = copy
        self._journal = journal
        self._progress = progress
        self._samples: list[Sample] = []
        self._recovered: dict[str, float] = {}
        self._waits_for_call: dict[str, float] = {}  # by fault: when it was over

    async def run(self) -> _Ran:
        day = self._day
        async with SimulatedAsterisk(self._switch_config()) as switch:
            clock = LoopClock(day.starts_at)
            settings = rehearsal_settings(self._settings, day, self._copy, switch.ami_port)
            chance = random.Random(day.seed)  # noqa: S311 - repeatable, for a simulation
            async with running_centre(settings, clock=clock, chance=chance) as centre:
                switch.agi_port = centre.agi_port
                stop = asyncio.Event()
                asyncio.get_running_loop().call_later(day.seconds, stop.set)
                centre.engine.subscribe(self._on_change)
                async with asyncio.TaskGroup() as group:
                    helpers = [
                        group.create_task(self._watch(centre, clock)),
                        group.create_task(self._go_wrong(switch, settings)),
                        group.create_task(_agents(centre, day.seed).run(stop)),
                    ]
                    await centre.run(stop)
                    for helper in helpers:
                        helper.cancel()
                view = centre.engine.view()
        return _Ran(
            await build_report(self._copy, since=day.starts_at, journal=self._journal, key=site_key(self._settings)),
            tuple(self._samples),
            dict(self._recovered),
            sum(trunk.channels for trunk in settings.trunks),
            sum(booth.reached for booth in view.booths),
            sum(booth.voted for booth in view.booths),
        )

    def _switch_config(self) -> SimulatedAsteriskConfig:
        settings, day = self._settings, self._day
        seats = rehearsal_settings(settings, day, self._copy, 1).seats
        return SimulatedAsteriskConfig(
            users=(replace(LEAST_PRIVILEGE_USER, name=REHEARSAL_LOGIN, secret=REHEARSAL_LOGIN),),
            seed=day.seed,
            trunks=tuple(Trunk(trunk.endpoint, trunk.channels * day.load) for trunk in settings.trunks),
            seats=tuple(SeatPhone(seat.endpoint, str(1000 + number)) for number, seat in enumerate(seats)),
            profile=self._profile,
            journal=self._journal,
            start_epoch=day.starts_at,
        )

    async def _watch(self, centre: RunningCentre, clock: LoopClock) -> None:
        while True:
            view = centre.engine.view()
            self._samples.append(
                Sample(
                    clock.now(),
                    sum(campaign.attempts for campaign in view.campaigns),
                    sum(booth.reached for booth in view.booths),
                    sum(seat.state is SeatState.TALKING for seat in view.seats),
                    sum(seat.state is SeatState.READY for seat in view.seats),
                    sum(trunk.channels_used for trunk in view.trunks),
                )
            )
            self._progress(min(1.0, (clock.now() - self._day.starts_at) / self._day.seconds))
            await asyncio.sleep(SAMPLE_SECONDS)

    # Faults

    def _on_change(self, change: Change) -> None:
        if self._waits_for_call and isinstance(change, CallChange) and change.state is CallState.RINGING:
            now = asyncio.get_running_loop().time()
            for kind, over_at in self._waits_for_call.items():
                self._recovered[kind] = now - over_at
            self._waits_for_call.clear()

    async def _go_wrong(self, switch: SimulatedAsterisk, settings: Settings) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for fault in self._day.faults:
            await asyncio.sleep(max(0.0, began + fault.at_seconds - loop.time()))
            self._begin(fault, switch, settings)
            if fault.kind is FaultKind.SWITCH_RESTARTED:
                await switch.restart(_RESTART_SECONDS)
            await asyncio.sleep(_LONG_FAULT_SECONDS.get(fault.kind, 0.0))
            self._end(fault, switch, settings)
            self._waits_for_call[fault.kind.value] = loop.time()
        await asyncio.Event().wait()

    def _begin(self, fault: Fault, switch: SimulatedAsterisk, settings: Settings) -> None:
        match fault.kind:
            case FaultKind.LINK_CUT:
                switch.cut_ami()
            case FaultKind.LINK_STALLED:
                switch.stall_ami()
            case FaultKind.TRUNK_DOWN:
                switch.trunk_down(settings.trunks[0].endpoint)
            case FaultKind.PHONES_LOST:
                for seat in settings.seats[: max(1, len(settings.seats) // 3)]:
                    switch.set_phone(seat.endpoint, PhoneMode.UNREGISTERED)
                    switch.drop_seat(seat.endpoint)
            case FaultKind.FLOWS_CUT:
                switch.cut_agi()
            case FaultKind.SLOW_CARRIER:
                switch.slow_carrier(_SLOWER_SECONDS)

    def _end(self, fault: Fault, switch: SimulatedAsterisk, settings: Settings) -> None:
        match fault.kind:
            case FaultKind.LINK_STALLED:
                switch.resume_ami()
            case FaultKind.TRUNK_DOWN:
                switch.trunk_up(settings.trunks[0].endpoint)
            case FaultKind.PHONES_LOST:
                for seat in settings.seats:
                    switch.set_phone(seat.endpoint, PhoneMode.ANSWERS)
            case FaultKind.SLOW_CARRIER:
                switch.slow_carrier(0.0)


def _agents(centre: RunningCentre, seed: int) -> SimulatedAgents:
    habits = AgentHabits(wrap_up_seconds=15.0, break_share=0.01, break_seconds=600.0)
    return SimulatedAgents(centre.engine, [seat.seat for seat in centre.engine.view().seats], habits, seed)


def _outcome(ran: _Ran, day: RehearsedDay, voters: int, took: float, settings: Settings) -> DayOutcome:
    figures = ran.report.as_json()
    seats = ran.report.utilisation.values()
    live = figures["abandoned"] / figures["abandoned_rate"] if figures["abandoned_rate"] else figures["answered"]
    return DayOutcome(
        day=day,
        voters=voters,
        attempts=figures["attempts"],
        answered=figures["answered"],
        connected=figures["connected"],
        abandoned=figures["abandoned"],
        live_answers=round(live),
        reached=ran.reached,
        voted=ran.voted,
        utilisation=sum(seats) / len(seats) if seats else None,
        channels=ran.channels,
        abandoned_limit=min(campaign.abandoned_limit for campaign in settings.campaigns),
        took_seconds=took,
        checks={check.rule: (check.holds, ", ".join(check.found)) for check in ran.report.checks.values()},
        samples=ran.samples,
        recovered=ran.recovered,
    )
