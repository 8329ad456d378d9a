"""`dialer simulate`: a day of calling in seconds, under any policy, as a table, JSON or pictures."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from dialer.cli.progress import progress
from dialer.domain.enums import CampaignKind, PacingPolicy
from dialer.domain.output import refuse_kept
from dialer.domain.words import counted
from dialer.pacing.port import Cap
from dialer.process.pool import process_count
from dialer.reports.picture_file import check_picture_path
from dialer.simulation.centre_model.day_result import DayResult
from dialer.simulation.centre_model.plots import PolicyPoint, plot_day, plot_policies
from dialer.simulation.centre_model.policies import POLICY_NAMES
from dialer.simulation.centre_model.scenario import BadScenario, Scenario, check_scenario
from dialer.simulation.centre_model.scenarios import SCENARIOS, scenario_named
from dialer.simulation.centre_model.what_if import MOST_DAYS, Site, WhatIfResult, simulate_days, summarise_days, what_if
from dialer.simulation.replay.recorded_day import build_scenario, compute_recorded_figures

if TYPE_CHECKING:
    from dialer.settings.site import Settings

PolicyOption = Annotated[
    list[str] | None, typer.Option(help=f"A policy to simulate; repeatable: {', '.join(POLICY_NAMES)}.")
]
ScenarioOption = Annotated[
    str | None, typer.Option(help="A ready-made scenario instead of seats and rates; see --list.")
]
ChangeOption = Annotated[
    list[str] | None,
    typer.Option("--what-if", help="A change to try: seats=+5, cap=2%, answer-rate=25%, talk=-10. Repeatable."),
]
PlotDayOption = Annotated[
    Path | None, typer.Option("--plot-day", help="Draw the first policy's last day into this .png or .svg file.")
]
DayOption = Annotated[
    str | None, typer.Option(metavar="YYYY-MM-DD", help="Replay this day from the store (the centre's date).")
]
ReplayOption = Annotated[
    Path | None, typer.Option("--replay", metavar="STORE", help="The store to replay. [default: the site's]")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="CENTRE.toml", help="The site's settings, for its caps and its store."),
]
CapOption = Annotated[
    str | None,
    typer.Option(help="Cap on the abandoned rate, per hour and day: 0.03 or 3%. [default: 3%, or the site's caps]"),
]
SeedsOption = Annotated[
    int | None, typer.Option(help="Days to simulate. [default: 1 to 4, until utilisation is known to 1.5 points]")
]


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """What a run of the command found: a line for each policy or change, and the last day of each."""

    title: str
    cap: float
    outcomes: tuple[WhatIfResult, ...]
    days: tuple[DayResult, ...]
    recorded: WhatIfResult | None = None  # what a replayed day gave as it was


def share_of(text: str, name: str) -> float:
    """A share written as 0.03 or 3%. Raises BadScenario."""
    figure = text.strip()
    try:
        value = float(figure[:-1]) / 100.0 if figure.endswith("%") else float(figure)
    except ValueError:
        raise BadScenario(f"--{name} is {text!r}; write it as 0.03 or 3%") from None
    if not 0.0 <= value <= 1.0:
        raise BadScenario(f"--{name} is {text}; write a share between 0 and 1, as 0.03, or a percentage, as 3%")
    return value


def site_caps(settings: Settings) -> tuple[Cap, ...]:
    """The caps that an engine holds for the site's first campaign with agents, as it reserves for them; of none, none."""
    from dialer.settings.site_rules import abandoned_caps, site_profile  # noqa: PLC0415 - a site's settings, 0.4 s of CPU

    for campaign in settings.campaigns:
        if campaign.kind is CampaignKind.AGENTS:
            return tuple(Cap(*cap, campaign.reserve) for cap in abandoned_caps(campaign, site_profile(settings)))
    return ()


def compare(
    scenario: Scenario,
    policies: Sequence[str],
    seeds: Sequence[int] | None,
    cap: float,
    progress: Callable[[float], None] | None = None,
    caps: Sequence[Cap] = (),
) -> SimulationReport:
    """Every policy on the same days; `caps`, if any, are held in the place of `cap`. Raises BadScenario before any is simulated."""
    cases = [(scenario.name, scenario, policy, caps or cap) for policy in policies]
    found = simulate_days(
        cases, seeds, progress, process_count(len(cases) * (MOST_DAYS if seeds is None else len(seeds)), 0)
    )
    return SimulationReport(
        scenario.name, cap, tuple(result for result, _ in found), tuple(days[-1] for _, days in found)
    )


def table_of(report: SimulationReport, *, by_change: bool) -> Table:
    """The report for a terminal."""
    caption = (
        "idle: a seat's mean wait between calls; busy ±: 95 % interval, by these days; lost: abandoned of live answers"
    )
    days = sorted({line.days for line in report.outcomes})
    title = (
        f"{report.title}, cap {report.cap:.1%}, {'' if len(days) == 1 else f'{days[0]} to '}{counted(days[-1], 'day')}"
    )
    table = Table(title=title, title_justify="left", caption=caption)
    table.add_column("what if" if by_change else "policy", no_wrap=True)
    columns = ("idle s", "busy", "lost", "worst h", "calls/h")
    for name in columns:
        table.add_column(name, justify="right")
    first = () if report.recorded is None else (report.recorded,)
    for line in (*first, *report.outcomes):
        over = line.abandoned_share > report.cap and not by_change
        table.add_row(
            line.label if by_change else line.policy,
            f"{line.idle_seconds_per_call:.1f}",
            f"{line.utilisation:.1%}"
            + ("" if line.utilisation_within is None else f" ±{100.0 * line.utilisation_within:.1f}"),
            f"[red]{line.abandoned_share:.2%}[/red]" if over else f"{line.abandoned_share:.2%}",
            "-" if line.worst_sliding_hour is None else f"{line.worst_sliding_hour:.2%}",
            f"{line.reached_per_hour:.0f}",
        )
        if line is report.recorded:
            table.add_section()
    return table


def replay(
    day: str,
    store: Path | None,
    config: Path | None,
    policies: Sequence[str],
    seeds: Sequence[int] | None,
    cap: float,
    progress: Callable[[float], None] | None = None,
    caps: Sequence[Cap] = (),
) -> tuple[SimulationReport, Scenario]:
    """A day of a store under every policy, beside what it was. Raises MatdanError before anything is simulated."""
    from dialer.settings.site import load_settings  # noqa: PLC0415 - with a site's settings and its store, 0.4 s of CPU
    from dialer.settings.site_rules import site_profile  # noqa: PLC0415
    from dialer.settings.site_time import site_zone  # noqa: PLC0415
    from dialer.simulation.replay.store_day import parse_day, read_day_from_store  # noqa: PLC0415
    from dialer.store.keys import site_key  # noqa: PLC0415

    settings = load_settings(config)
    limits = [campaign.connect_limit_seconds for campaign in settings.campaigns if campaign.kind is CampaignKind.AGENTS]
    recorded = read_day_from_store(
        store or settings.store.path,
        parse_day(day),
        site_zone(settings),
        min(limits, default=2.0),
        site_key(settings),
    )
    title = f"replay of {day}"
    if recorded.left_out:
        title += f", without {counted(recorded.left_out, 'call')} whose times contradict each other"
    scenario = build_scenario(recorded, title, site_profile(settings).ring.minimum_seconds)
    check_scenario(scenario)
    report = compare(scenario, policies, seeds, cap, progress, caps)
    was = dataclasses.replace(
        summarise_days("as it was", "as it was", [compute_recorded_figures(recorded)]),
        first_half_hour_idle_seconds=None,
        decision_microseconds=None,
        utilisation_within=None,
    )
    return dataclasses.replace(report, recorded=was), scenario


def simulate(
    context: typer.Context,
    seats: Annotated[int, typer.Option(help="Number of seats, signed in all day.")] = 27,
    answer_rate: Annotated[str, typer.Option(help="Share of calls that a person answers: 0.3 or 30%.")] = "30%",
    talk: Annotated[float, typer.Option(help="Mean talk time in seconds.")] = 90.0,
    wrap_up: Annotated[float, typer.Option(help="Mean wrap-up time in seconds.")] = 15.0,
    cap: CapOption = None,
    hours: Annotated[float | None, typer.Option(help="Hours in the day. [default: 8, or the scenario's]")] = None,
    seeds: SeedsOption = None,
    policy: PolicyOption = None,
    scenario: ScenarioOption = None,
    change: ChangeOption = None,
    plot: Annotated[Path | None, typer.Option(help="Draw all policies into this .png or .svg file.")] = None,
    plot_day_file: PlotDayOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    list_scenarios: Annotated[bool, typer.Option("--list", help="List the ready-made scenarios and exit.")] = False,
    day: DayOption = None,
    replay_store: ReplayOption = None,
    config: ConfigOption = None,
) -> None:
    """Simulate a call centre's day under several pacing policies, in seconds.

    Shows how long each policy makes agents wait between calls, and how many callers it abandons. Nothing is dialled. With --day
    a recorded day is replayed under each policy and compared with what really happened.
    """
    if list_scenarios:
        typer.echo("\n".join(SCENARIOS))
        return
    if scenario is not None or day is not None:
        _refuse_left_aside(context, "--scenario" if scenario is not None else "--day")
    site = Site(
        seats,
        share_of(answer_rate, "answer-rate"),
        talk,
        0.8,
        wrap_up,
        share_of(cap or "3%", "cap"),
        8.0 if hours is None else hours,
    )
    if cap is None and config is not None:
        from dialer.settings.site import load_settings  # noqa: PLC0415 - 0.4 s of CPU

        caps = site_caps(load_settings(config))
        if not caps and day is None:
            raise BadScenario("no campaign of the settings has agents; give --cap")
        site = dataclasses.replace(site, caps=caps, cap=min((each.hard_stop for each in caps), default=site.cap))
    if day is None and replay_store is not None:
        raise BadScenario("--replay reads one day of a store; name it with --day 2026-04-22")
    if day is not None and (scenario is not None or hours is not None or change):
        raise BadScenario("--day takes the day from the store; leave --scenario, --hours and --what-if out")
    chosen = _checked(site, scenario, hours, seeds, change, [plot, plot_day_file])
    days = None if seeds is None else range(1, seeds + 1)
    with progress("simulating") as tell:
        if day is not None:
            report, chosen = replay(day, replay_store, config, policy or POLICY_NAMES, days, site.cap, tell, site.caps)
        elif change:
            found = what_if(
                site,
                change,
                policy=_only(policy),
                seeds=days,
                progress=tell,
                workers=process_count((1 + len(change)) * (seeds or MOST_DAYS), 0),
            )
            report = SimulationReport(chosen.name, site.cap, tuple(found), ())
        else:
            report = compare(chosen, policy or POLICY_NAMES, days, site.cap, tell, site.caps)
    _show(report, as_json=as_json)
    _draw(report, site.cap, plot, plot_day_file)


def _draw(report: SimulationReport, cap: float, plot: Path | None, day_plot: Path | None) -> None:
    if plot is not None:
        most = counted(max(line.days for line in report.outcomes), "day")
        plot_policies(points_of(report), plot, cap=cap, title=f"{report.title}: {most}")
    if day_plot is not None:
        first = report.outcomes[0].policy
        plot_day(report.days[0], day_plot, cap=cap, title=f"{report.title}: {first}")


def _refuse_left_aside(context: typer.Context, option: str) -> None:
    """Raise BadScenario for a figure of a site that a ready scenario, or a recorded day, would silently leave aside."""
    given = [
        f"--{name.replace('_', '-')}"
        for name in ("seats", "answer_rate", "talk", "wrap_up")
        if (source := context.get_parameter_source(name)) is not None and source.name == "COMMANDLINE"
    ]
    if given:
        raise BadScenario(
            f"{option} brings its own seats and rates; leave {' and '.join(given)} out, or {option} itself"
        )


def _checked(
    site: Site,
    scenario: str | None,
    hours: float | None,
    seeds: int | None,
    changes: Sequence[str] | None,
    pictures: Sequence[Path | None],
) -> Scenario:
    """The scenario to simulate. Raises MatdanError for what cannot be done, before any time is spent."""
    if seeds is not None and not 1 <= seeds <= 1000:
        raise BadScenario(f"--seeds is {seeds}; give 1 to 1000 days")
    for option, picture in zip(("--plot", "--plot-day"), pictures, strict=True):
        if picture is not None:
            check_picture_path(picture)
            refuse_kept(picture, option)
    if changes and scenario is not None:
        raise BadScenario("--what-if changes a site's figures; leave --scenario out and give --seats and the rates")
    if changes and pictures[1] is not None:
        raise BadScenario("--plot-day shows one policy's day; leave --what-if out")
    chosen = scenario_named(scenario) if scenario is not None else site.scenario()
    if hours is not None:
        chosen = dataclasses.replace(chosen, hours=hours)
    check_scenario(chosen)
    return chosen


def _show(report: SimulationReport, *, as_json: bool) -> None:
    if as_json:
        figures = [asdict(line) for line in report.outcomes]
        said: dict[str, object] = {"scenario": report.title, "cap": report.cap, "outcomes": figures}
        if report.recorded is not None:
            said["recorded"] = asdict(report.recorded)
        typer.echo(json.dumps(said, indent=2))
    else:
        Console().print(table_of(report, by_change=not report.days))


def points_of(report: SimulationReport) -> list[PolicyPoint]:
    """Return the report's policies as points of the plot."""
    return [
        PolicyPoint(
            line.policy if report.days else line.label,
            line.utilisation,
            line.abandoned_share,
            highlighted=line.policy == PacingPolicy.PREDICTIVE,
        )
        for line in (*(() if report.recorded is None else (report.recorded,)), *report.outcomes)
    ]


def _only(policies: Sequence[str] | None) -> str:
    if policies is not None and len(policies) > 1:
        raise BadScenario("--what-if compares changes under one policy; give --policy once")
    return policies[0] if policies else "predictive"
