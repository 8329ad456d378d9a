"""The demo: a whole centre on embedded defaults, over real TCP, against a simulated Asterisk.

A synthetic roll is imported, two campaigns run side by side, ten simulated agents work ten seats, and at the end the run checks
itself: against the store, and against the journal that the simulated Asterisk kept of every call it truly placed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import time
from dataclasses import dataclass, field, replace
from math import expm1, sqrt
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from dialer import content
from dialer.app import RunningCentre, running_centre
from dialer.board.render import BoardExtras
from dialer.board.runner import run_board
from dialer.domain.enums import CampaignKind, PacingPolicy, Purpose
from dialer.domain.errors import OutputRefused
from dialer.domain.output import refuse_unwritable, write_file
from dialer.mqtt.embedded_broker import DemoBroker, demo_broker
from dialer.pacing.factory import make_pacer
from dialer.process.signals import stop_on_signals
from dialer.roll.importer import ImportOptions, import_file
from dialer.roll.sample import write_sample
from dialer.settings.site import Settings, load_settings
from dialer.settings.site_rules import shown_cap
from dialer.simulation.agents import AgentHabits, SimulatedAgents
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import NO_ANSWER, VoterProfile, draw
from dialer.simulation.centre_model.distributions import DayCurve, Ring, TalkDistribution
from dialer.simulation.centre_model.policies import caps_for
from dialer.simulation.centre_model.run import simulate
from dialer.simulation.centre_model.scenario import CampaignModel, Scenario
from dialer.simulation.demo.desk import DemoVisitors, demo_desk, seat_names
from dialer.simulation.demo.report import DemoReport, build_report
from dialer.simulation.rehearsal.staff import StaffDesk
from dialer.simulation.site import SimulatedSite, simulated_profile
from dialer.store.store import open_store

DEMO_SETTINGS = content.CONFIG / "demo.toml"
STORE, ROLL = "centre.db", "roll.csv"  # in the demo's directory
STATUS_SECONDS = 10.0
TAUGHT = "turnout-agents"


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How large, how long, and where."""

    for_seconds: float | None = None  # None: until Ctrl-C
    headless: bool = False
    report_path: Path | None = None
    directory: Path | None = None  # where roll, store and journal are kept; None: a temporary one
    voters: int = 20_000
    seats: int = 10
    seed: int = 1
    answer_rate: float = 0.45  # livelier than a real roll, for something to be seen within a minute
    talk_seconds: float = 60.0  # ten seats with shorter talks are mostly idle at a cap, whoever dials
    habits: AgentHabits = field(default_factory=AgentHabits)
    desk: bool = False  # the pages are served too


async def run_demo(options: DemoOptions, console: Console) -> DemoReport:
    """Run the demo to its end and check it. Raises MatdanError where something it needs cannot be had."""
    with contextlib.ExitStack() as stack:
        directory = options.directory or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="matdan-demo-")))
        _ready_directory(directory)
        store_path = _import_roll(options, directory, console)
        await teach(store_path, options)
        began_at = time.time()
        journal = directory / f"journal-{int(began_at)}.jsonl"
        await _run_centre(options, store_path, journal, console)
        report = build_report(store_path, since=began_at, journal=journal)
    if options.report_path is not None:
        write_file(options.report_path, f"{json.dumps(report.as_json(), indent=2)}\n".encode(), "--report")
    return report


def _ready_directory(directory: Path) -> None:
    """Make the demo's directory. Raises OutputRefused where it cannot be made or nothing be written in it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputRefused(f"--dir: {directory} cannot be made ({error.strerror}); name another place") from error
    refuse_unwritable(directory / ROLL, "--dir")


def _import_roll(options: DemoOptions, directory: Path, console: Console) -> Path:
    store_path, roll_path = directory / STORE, directory / ROLL
    if store_path.exists():
        console.print(f"store: {escape(str(store_path))} (kept from an earlier run)")
        return store_path
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
    ) as progress:
        writing = progress.add_task("a synthetic roll", total=options.voters)
        write_sample(
            roll_path,
            options.voters,
            options.seed,
            progress=lambda rows: progress.update(writing, completed=rows),
        )
        reading = progress.add_task("importing it", total=options.voters)
        result = import_file(
            roll_path,
            store_path,
            ImportOptions(),
            progress=lambda done: progress.update(reading, completed=round(done.share_done * options.voters)),
        )
    console.print(
        f"roll: {result.rows:,} rows, {result.voters:,} voters in {result.booths} booths, {result.numbers:,} numbers, "
        f"{result.rejected:,} rows and {result.rejected_numbers:,} numbers rejected",
        soft_wrap=True,
    )
    return store_path


def demo_settings(options: DemoOptions, store_path: Path, ami_port: int, visitors: DemoVisitors | None) -> Settings:
    """The demo's settings: config/demo.toml, its seats and agents, and the switch of this run."""
    settings = load_settings(DEMO_SETTINGS)
    names = seat_names(options.seats + (0 if visitors is None else len(visitors.seats)))
    seats = [{"name": name, "endpoint": f"agent{name}"} for name in names]
    changed = {
        **settings.model_dump(),
        "store": {"path": store_path, "reserve_megabytes": 50},
        "ami": {"port": ami_port, "username": "dialler", "secret": "dialler"},
        "fastagi": {"port": 0},
        "seats": seats,
        "agents": [] if visitors is None else visitors.and_staff(options.seats),
    }
    return Settings.model_validate({**changed, "dialling": {**changed["dialling"], "drain_seconds": 8.0}})


async def _run_centre(options: DemoOptions, store_path: Path, journal: Path, console: Console) -> None:
    law = VoterProfile(answer_rate=options.answer_rate, talk_mean_seconds=options.talk_seconds)
    visitors = DemoVisitors.after(options.seats) if options.desk else None
    phones = seat_phones(options.seats + (0 if visitors is None else len(visitors.seats)))
    lines = SimulatedAsteriskConfig(seed=options.seed, journal=journal, seats=phones, profile=law)
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(demo_broker())
        switch = await stack.enter_async_context(SimulatedAsterisk(lines))
        settings = demo_settings(options, store_path, switch.ami_port, visitors)
        centre = await stack.enter_async_context(
            running_centre(settings, broker=broker.settings, profile=simulated_profile())
        )
        desk: tuple[str, ...] = ()
        if visitors is not None:
            desk = await stack.enter_async_context(demo_desk(DEMO_SETTINGS, settings, broker, visitors))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        site = SimulatedSite(switch, centre)
        stop_on_signals(site.stop)
        if options.for_seconds is not None:
            asyncio.get_running_loop().call_later(options.for_seconds, site.stop.set)
        console.print(broker.text)
        for line in desk:
            console.print(escape(line), soft_wrap=True)
        console.print(
            f"simulated Asterisk: AMI on 127.0.0.1:{switch.ami_port}, our FastAGI on 127.0.0.1:{centre.agi_port}"
        )
        numbers = {seat: str(number) for number, seat in enumerate(seat_names(options.seats), start=1)}
        staff = StaffDesk(centre.engine, numbers if settings.agents else {}, set(), options.seed)
        agents = SimulatedAgents(staff, [*numbers], options.habits, options.seed)
        over = asyncio.Event()
        group.create_task(
            _show_lines(centre, over, console)
            if options.headless
            else _show_board(centre, broker, desk, options, over, console),
            name="board",
        )
        await site.run(agents.run(over))
        over.set()


@dataclass(frozen=True, slots=True)
class DemoRings:
    """How the phones of the demo's voters ring, for the centre's model. An answer that comes later than was learned looks like none
    while the first calls ring together, and too many are dialled in its place."""

    voters: VoterProfile
    ring_out_seconds: float = 30.0

    def draw(self, answered: bool, random: Random) -> Ring:
        """A call as the demo's voters are drawn; some would answer too late."""
        voters = replace(self.voters, answer_rate=float(answered))
        call = draw(voters, 0, str(random.random()), 0.0, random)
        set_up, seconds = call.post_dial_seconds, call.post_dial_seconds + call.answer_after
        if call.fails_with == NO_ANSWER or seconds >= self.ring_out_seconds:
            return False, self.ring_out_seconds, set_up
        return call.fails_with is None, seconds, set_up if call.rings else None


def hour_before(options: DemoOptions) -> Scenario:
    """An hour of the demo's seats and voters in the centre's model."""
    law = VoterProfile(answer_rate=options.answer_rate, talk_mean_seconds=options.talk_seconds)
    talk = TalkDistribution(DayCurve.constant(law.talk_mean_seconds), cv=sqrt(expm1(law.talk_sigma**2)))
    return Scenario(
        "before",
        DayCurve.constant(options.seats),
        (CampaignModel(DayCurve.constant(law.answer_rate), talk),),
        hours=1.0,
        ring=DemoRings(law),
        wrap_up_mean_seconds=options.habits.wrap_up_seconds,
        wrap_up_cv=1.0,  # of exponential times
    )


async def teach(store_path: Path, options: DemoOptions) -> None:
    """Pacing goes on with what it learned before; that of a new demo has learned from an hour of the centre's model. A centre takes
    it up when it is made, so this comes before.
    """
    store = await open_store(store_path)
    try:
        await store.ensure_campaign(TAUGHT, CampaignKind.AGENTS, Purpose.TURNOUT)
        if await store.pacer_state(TAUGHT) is None:
            pacer = make_pacer(PacingPolicy.PREDICTIVE, caps=caps_for(0.03))
            simulate(hour_before(options), lambda: pacer, options.seed)
            await store.save_pacer_state(TAUGHT, json.dumps(pacer.state()))
    finally:
        await store.close()


async def _show_board(
    centre: RunningCentre,
    broker: DemoBroker,
    desk: tuple[str, ...],
    options: DemoOptions,
    stop: asyncio.Event,
    console: Console,
) -> None:
    began = time.monotonic()
    zone = ZoneInfo("Asia/Kolkata")
    cap = shown_cap(load_settings(DEMO_SETTINGS), simulated_profile())

    def extras() -> BoardExtras:
        monitor = centre.monitor
        return BoardExtras(
            broker=broker.kind,
            desk=desk,
            broker_up=monitor is not None and (monitor.broker_up or monitor.served_to_the_end),
            elapsed_seconds=time.monotonic() - began,
            whole_seconds=options.for_seconds,
            abandoned_cap=cap,
            zone=zone,
        )

    await run_board(centre.engine.view, stop, get_extras=extras, console=console)


async def _show_lines(centre: RunningCentre, stop: asyncio.Event, console: Console) -> None:
    """Without a terminal: a line now and then."""
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STATUS_SECONDS):
                await stop.wait()
        for campaign in centre.engine.view().campaigns:
            console.print(
                f"{campaign.campaign_id}: {campaign.attempts} attempts, {campaign.answered} answered, "
                f"{campaign.abandoned} abandoned; {campaign.hold or campaign.pacing}",
                soft_wrap=True,
            )


def show_summary(report: DemoReport, console: Console) -> None:
    """Print the report for a person: the figures, then each check."""
    figures = report.as_json()
    console.print()
    console.print(
        f"[bold]{figures['attempts']}[/] attempts, [bold]{figures['answered']}[/] answered, "
        f"[bold]{figures['connected']}[/] connected, [bold]{figures['abandoned']}[/] abandoned "
        f"({figures['abandoned_rate']:.1%}), {figures['opt_outs']} opt-outs, {figures['unknown']} unknown"
    )
    for name, check in report.checks.items():
        console.print(f"  {name}: " + ("[green]holds[/]" if check.holds else "[red]DOES NOT HOLD[/]"))
