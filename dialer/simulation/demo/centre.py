"""The demo of one centre: the real dialler with a simulated Asterisk, connected over TCP.

The demo imports a synthetic electoral roll and runs two campaigns with ten simulated agents. At the end it compares the
stored calls with the simulated Asterisk's journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import time
import tomllib
from dataclasses import dataclass, field, replace
from math import expm1, sqrt
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import tomli_w
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from dialer import content
from dialer.app import RunningCentre, assemble_centre
from dialer.board.render import BoardExtras
from dialer.board.runner import run_board
from dialer.centre_model.distributions import DayCurve, Ring, TalkDistribution
from dialer.centre_model.policies import make_abandoned_rate_caps
from dialer.centre_model.run import simulate_day
from dialer.centre_model.scenario import CampaignModel, Scenario
from dialer.domain.enums import CampaignKind, PacingPolicy, Purpose
from dialer.domain.errors import OutputRefused
from dialer.domain.output import refuse_unwritable_path, write_file
from dialer.mqtt.embedded_broker import HOST, DemoBroker, run_demo_broker
from dialer.pacing.factory import make_pacer
from dialer.process.signals import stop_on_signals
from dialer.roll.importer import ImportOptions, import_roll_file
from dialer.roll.sample import write_sample_roll
from dialer.settings.site import Settings, load_settings
from dialer.settings.site_rules import find_lowest_cap_on_abandoned_rate
from dialer.simulation.agents import AgentHabits, SimulatedAgents
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import NO_ANSWER, VoterProfile, pick_random_behaviour_of_voter
from dialer.simulation.demo.desk import DemoVisitors, list_seat_names, run_demo_desk
from dialer.simulation.demo.report import DemoReport, build_demo_report
from dialer.simulation.rehearsal.staff import RehearsalStaff
from dialer.simulation.site import SimulatedSite, create_profile_without_calling_hours
from dialer.store.store import open_store

DEMO_SETTINGS = content.CONFIG / "demo.toml"
# files and a folder in the demo's directory
STORE, ROLL, SETTINGS = "centre.db", "roll.csv", "centre.toml"
CAMPAIGNS, AGENTS, FLOWS = "campaigns.toml", "agents.toml", "flows"
STATUS_SECONDS = 10.0
PRETRAINED_CAMPAIGN = "turnout-agents"
CALLS_EXPECTED_SECONDS = 30.0
"""A demo that has run for this long must have placed calls."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """The size, duration and directory of a demo."""

    for_seconds: float | None = None  # None: runs until Ctrl-C
    headless: bool = False
    report_path: Path | None = None
    directory: Path | None = None  # for roll, store, settings and journal; None: a temporary one
    voters: int = 20_000
    seats: int = 10
    seed: int = 1
    answer_rate: float = 0.45  # above a real one, so that there is something to see within a minute
    talk_seconds: float = 60.0  # with shorter talks, ten seats are mostly idle under an abandoned-call cap
    habits: AgentHabits = field(default_factory=AgentHabits)
    desk: bool = False  # also serve the desk's pages
    is_cold: bool = False  # the pacer starts untrained


async def run_demo(options: DemoOptions, console: Console) -> DemoReport:
    """Run the demo to its end, check its calls, and return the report. Raises MatdanError if something it needs is missing."""
    with contextlib.ExitStack() as stack:
        directory = options.directory or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="matdan-demo-")))
        _create_demo_directory(directory)
        store_path = _import_demo_roll(options, directory, console)
        training = await store_initial_state_of_pacer(store_path, options)
        console.print(training, soft_wrap=True)
        began_at = time.time()
        journal = directory / f"journal-{int(began_at)}.jsonl"
        await _run_centre(options, store_path, journal, console)
        if not options.headless:  # the board has covered the line
            console.print(training, soft_wrap=True)
        report = build_demo_report(store_path, since=began_at, journal=journal)
    if time.time() - began_at >= CALLS_EXPECTED_SECONDS:
        report = report.add_check_that_calls_were_placed()
    if options.report_path is not None:
        write_file(
            options.report_path, f"{json.dumps(report.convert_report_to_json_types(), indent=2)}\n".encode(), "--report"
        )
    return report


def _create_demo_directory(directory: Path) -> None:
    """Create the demo's directory. Raises OutputRefused if that fails or the directory is not writable."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputRefused(
            f"--dir: {directory} cannot be created ({error.strerror}); choose another folder"
        ) from error
    refuse_unwritable_path(directory / ROLL, "--dir")


def _import_demo_roll(options: DemoOptions, directory: Path, console: Console) -> Path:
    store_path, roll_path = directory / STORE, directory / ROLL
    if store_path.exists():
        console.print(f"store: {escape(str(store_path))} (from an earlier run)")
        return store_path
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
    ) as progress:
        writing = progress.add_task("writing a synthetic roll", total=options.voters)
        write_sample_roll(
            roll_path,
            options.voters,
            options.seed,
            progress=lambda rows: progress.update(writing, completed=rows),
        )
        reading = progress.add_task("importing it", total=options.voters)
        result = import_roll_file(
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


def make_demo_settings(
    options: DemoOptions, store_path: Path, ami_port: int, visitors: DemoVisitors | None, broker_port: int = 0
) -> Settings:
    """Write the settings file of a demo run next to the store, and return the settings.

    They are the settings of config/demo.toml, with the seats, agents, store and ports of this run. They include the
    campaigns, agents and flows that visitors add on the pages.
    """
    table = tomllib.loads(DEMO_SETTINGS.read_text(encoding="utf-8"))
    names = list_seat_names(options.seats + (0 if visitors is None else len(visitors.seats)))
    changed = {
        **table,
        "store": {"path": str(store_path), "reserve_megabytes": 50},
        "ami": {"port": ami_port, "username": "dialler", "secret": "dialler"},
        "fastagi": {"port": 0},
        "broker": {"host": HOST, "port": broker_port},
        "dialling": {"drain_seconds": 8.0},
        "desk": {
            **table["desk"],
            "campaigns_file": str(store_path.with_name(CAMPAIGNS)),
            "flows_folder": str(store_path.with_name(FLOWS)),
        }
        | ({} if visitors is None else {"agents_file": str(store_path.with_name(AGENTS))}),
        "seats": [{"name": name, "endpoint": f"agent{name}"} for name in names],
        "agents": [] if visitors is None else visitors.list_agent_settings(options.seats),
    }
    path = store_path.with_name(SETTINGS)
    write_file(path, f"# Written by `dialer demo` at its start.\n{tomli_w.dumps(changed)}".encode(), "--dir")
    return load_settings(path)


async def _run_centre(options: DemoOptions, store_path: Path, journal: Path, console: Console) -> None:
    voters = VoterProfile(answer_rate=options.answer_rate, talk_mean_seconds=options.talk_seconds)
    visitors = DemoVisitors.create_visitor_seats_and_agents(options.seats) if options.desk else None
    phones = make_seat_phones(options.seats + (0 if visitors is None else len(visitors.seats)))
    lines = SimulatedAsteriskConfig(seed=options.seed, journal=journal, seats=phones, profile=voters)
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(run_demo_broker())
        switch = await stack.enter_async_context(SimulatedAsterisk(lines))
        settings = make_demo_settings(options, store_path, switch.ami_port, visitors, broker.port)
        centre = await stack.enter_async_context(
            assemble_centre(settings, broker=broker.connection_settings, profile=create_profile_without_calling_hours())
        )
        desk: tuple[str, ...] = ()
        if visitors is not None:
            desk = await stack.enter_async_context(run_demo_desk(settings, broker, visitors))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        site = SimulatedSite(switch, centre)
        stop_on_signals(site.stop)
        if options.for_seconds is not None:
            asyncio.get_running_loop().call_later(options.for_seconds, site.stop.set)
        console.print(broker.broker_kind_and_address)
        for line in desk:
            console.print(escape(line), soft_wrap=True)
        console.print(
            f"simulated Asterisk: AMI on 127.0.0.1:{switch.ami_port}, our FastAGI on 127.0.0.1:{centre.agi_port}"
        )
        numbers = {seat: str(number) for number, seat in enumerate(list_seat_names(options.seats), start=1)}
        staff = RehearsalStaff(centre.engine, numbers if settings.agents else {}, set(), options.seed)
        agents = SimulatedAgents(staff, [*numbers], options.habits, options.seed)
        over = asyncio.Event()
        group.create_task(
            _print_status_of_demo(centre, over, console)
            if options.headless
            else _show_board_of_demo(centre, broker, desk, options, over, console),
            name="board",
        )
        await site.dial_until_stopped(agents.react_to_engine_until_stopped(over))
        over.set()


@dataclass(frozen=True, slots=True)
class DemoRingTimes:
    """The ring times of the demo's voters, used to train the pacing policy before the demo starts.

    A policy trained with shorter ring times would not expect late answers, and would dial too many calls.
    """

    voters: VoterProfile
    maximum_ring_seconds: float = 30.0

    def pick_random_ring_time(self, answered: bool, random: Random) -> Ring:
        """Draw the ring time of a call. A voter who would answer after `maximum_ring_seconds` counts as unanswered."""
        voters = replace(self.voters, answer_rate=float(answered))
        call = pick_random_behaviour_of_voter(voters, 0, str(random.random()), 0.0, random)
        set_up, seconds = call.post_dial_seconds, call.post_dial_seconds + call.answer_after
        if call.fails_with == NO_ANSWER or seconds >= self.maximum_ring_seconds:
            return False, self.maximum_ring_seconds, set_up
        return call.fails_with is None, seconds, set_up if call.rings else None


def create_scenario_to_train_pacer(options: DemoOptions) -> Scenario:
    """Return one hour of the demo's seats and voters as a scenario, with which its pacing policy is trained."""
    voters = VoterProfile(answer_rate=options.answer_rate, talk_mean_seconds=options.talk_seconds)
    talk = TalkDistribution(
        DayCurve.create_constant_curve(voters.talk_mean_seconds), cv=sqrt(expm1(voters.talk_sigma**2))
    )
    return Scenario(
        "before",
        DayCurve.create_constant_curve(options.seats),
        (CampaignModel(DayCurve.create_constant_curve(voters.answer_rate), talk),),
        hours=1.0,
        ring=DemoRingTimes(voters),
        wrap_up_mean_seconds=options.habits.wrap_up_seconds,
        wrap_up_cv=1.0,  # of exponential times
    )


async def store_initial_state_of_pacer(store_path: Path, options: DemoOptions) -> str:
    """Store the learned state with which the demo's pacing policy starts. Return a sentence that says how it was
    trained.

    By default, the policy is trained on one simulated hour, or continues with the state of an earlier demo. With the
    option --cold, it is untrained. Call this before the centre is created.
    """
    store = await open_store(store_path)
    try:
        await store.add_or_update_campaign(PRETRAINED_CAMPAIGN, CampaignKind.AGENTS, Purpose.TURNOUT)
        if not options.is_cold and await store.read_pacer_state(PRETRAINED_CAMPAIGN) is not None:
            return "The pacer continues with what it learned in the earlier demo (--cold: untrained)."
        pacer = make_pacer(PacingPolicy.PREDICTIVE, caps=make_abandoned_rate_caps(0.03))
        if not options.is_cold:
            simulate_day(create_scenario_to_train_pacer(options), lambda: pacer, options.seed)
        await store.save_pacer_state(PRETRAINED_CAMPAIGN, json.dumps(pacer.get_learned_state()))
    finally:
        await store.close()
    if options.is_cold:
        return "The pacer starts untrained, as in a new campaign."
    return "The pacer was trained on a simulated hour with the same voters (--cold: untrained)."


async def _show_board_of_demo(
    centre: RunningCentre,
    broker: DemoBroker,
    desk: tuple[str, ...],
    options: DemoOptions,
    stop: asyncio.Event,
    console: Console,
) -> None:
    began = time.monotonic()
    zone = ZoneInfo("Asia/Kolkata")
    cap = find_lowest_cap_on_abandoned_rate(load_settings(DEMO_SETTINGS), create_profile_without_calling_hours())

    def make_figures_added_to_board() -> BoardExtras:
        """Return the figures that the demo adds to the board (the live status display in the terminal)."""
        monitor = centre.monitor
        return BoardExtras(
            broker=broker.kind,
            desk=desk,
            broker_up=monitor is not None and (monitor.is_connected_to_broker or monitor.closed_cleanly),
            elapsed_seconds=time.monotonic() - began,
            whole_seconds=options.for_seconds,
            abandoned_cap=cap,
            zone=zone,
        )

    await run_board(centre.engine.make_centre_view, stop, get_extras=make_figures_added_to_board, console=console)


async def _print_status_of_demo(centre: RunningCentre, stop: asyncio.Event, console: Console) -> None:
    """Print a status line per campaign every `STATUS_SECONDS`, for a demo without a terminal."""
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STATUS_SECONDS):
                await stop.wait()
        for campaign in centre.engine.make_centre_view().campaigns:
            console.print(
                f"{campaign.campaign_id}: {campaign.attempts} attempts, {campaign.answered} answered, "
                f"{campaign.abandoned} abandoned; {campaign.hold or campaign.pacing}",
                soft_wrap=True,
            )


def print_demo_summary(report: DemoReport, console: Console) -> None:
    """Print the figures of a demo's report, and the result of each check."""
    figures = report.convert_report_to_json_types()
    console.print()
    console.print(
        f"[bold]{figures['attempts']}[/] attempts, [bold]{figures['answered']}[/] answered, "
        f"[bold]{figures['connected']}[/] connected, [bold]{figures['abandoned']}[/] abandoned "
        f"({figures['abandoned_rate']:.1%}), {figures['opt_outs']} opt-outs, {figures['unknown']} with unknown outcome"
    )
    for name, check in report.checks.items():
        console.print(f"  {name}: " + ("[green]passed[/]" if check.holds else "[red]FAILED[/]"))
