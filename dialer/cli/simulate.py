"""`dialer simulate`: simulate a day of calling under several pacing policies, as a table, JSON or pictures."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.centre_model.policy_names import POLICY_NAMES
from dialer.domain.enums import CampaignKind, PacingPolicy
from dialer.domain.output import refuse_protected_path
from dialer.domain.words import format_count

if TYPE_CHECKING:
    from rich.table import Table

    from dialer.centre_model.day_result import DayResult
    from dialer.centre_model.plots import PolicyPoint
    from dialer.centre_model.scenario import Scenario
    from dialer.centre_model.what_if import Site, WhatIfResult
    from dialer.pacing.port import Cap
    from dialer.settings.site import Settings

PolicyOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME", help=f"A policy to simulate. Repeatable. One of {', '.join(POLICY_NAMES)}. [default: all]"
    ),
]
ScenarioOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="A predefined scenario instead of seats and rates (see --list).")
]
ChangeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--what-if",
        metavar="CHANGE",
        help="A change to try: seats=+5, cap=2%, answer-rate=25%, talk=-10. Repeatable.",
    ),
]
PlotDayOption = Annotated[
    Path | None,
    typer.Option("--plot-day", metavar="FILE", help="Draw the first policy's last day into this .png or .svg file."),
]
DayOption = Annotated[
    str | None, typer.Option(metavar="DATE", help="Replay this day from the store (date in the centre's time zone).")
]
ReplayOption = Annotated[
    Path | None, typer.Option("--replay", metavar="STORE", help="The store to replay. [default: the site's]")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="CENTRE.toml", help="The site's settings."),
]
CapOption = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE",
        help="Cap on the abandoned-call rate, per hour and day: 0.03 or 3%. [default: the site's caps, or 3%]",
    ),
]
SeedsOption = Annotated[
    int | None,
    typer.Option(
        metavar="COUNT", help="Days to simulate. [default: 1 to 4, until utilisation is known within 1.5 points]"
    ),
]


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """The result of a simulation: figures for each pacing policy or changed setting, and one day under each policy."""

    title: str
    cap: float
    outcomes: tuple[WhatIfResult, ...]
    days: tuple[DayResult, ...]
    recorded: WhatIfResult | None = None  # the real figures of a replayed day


def parse_percentage_option(text: str, name: str) -> float:
    """Return the share (0-1) that was given for the option --`name` as 0.03 or 3%.

    Raises BadScenario for any other text.
    """
    from dialer.centre_model.scenario import BadScenario

    figure = text.strip()
    try:
        value = float(figure[:-1]) / 100.0 if figure.endswith("%") else float(figure)
    except ValueError:
        raise BadScenario(f"--{name}: {text!r} is not a share: write it as 0.03 or 3%") from None
    if not 0.0 <= value <= 1.0:
        raise BadScenario(f"--{name}: {text} is not between 0 and 1: write a share such as 0.03 or 3%")
    return value


def list_abandoned_rate_caps_of_site(settings: Settings) -> tuple[Cap, ...]:
    """Return the limits on the abandoned-call rate of the site's first campaign with agents.

    The result is empty if no campaign has agents.
    """
    from dialer.pacing.port import Cap
    from dialer.settings.site_rules import list_caps_on_abandoned_rate, load_site_profile

    for campaign in settings.campaigns:
        if campaign.kind is CampaignKind.AGENTS:
            return tuple(
                Cap(*cap, campaign.reserve)
                for cap in list_caps_on_abandoned_rate(campaign, load_site_profile(settings))
            )
    return ()


def compare_pacing_policies(
    scenario: Scenario,
    policies: Sequence[str],
    seeds: Sequence[int] | None,
    cap: float,
    progress: Callable[[float], None] | None = None,
    caps: Sequence[Cap] = (),
) -> SimulationReport:
    """Simulate the same days under each pacing policy, and return the figures.

    `cap` is the limit on the abandoned-call rate (0-1). `caps` are limits in several time windows, and replace `cap`.
    Raises BadScenario for an invalid scenario, before the simulation starts.
    """
    from dialer.centre_model.what_if import MOST_DAYS, simulate_days
    from dialer.process.pool import choose_process_count

    cases = [(scenario.name, scenario, policy, caps or cap) for policy in policies]
    found = simulate_days(
        cases, seeds, progress, choose_process_count(len(cases) * (MOST_DAYS if seeds is None else len(seeds)), 0)
    )
    return SimulationReport(
        scenario.name, cap, tuple(result for result, _ in found), tuple(days[-1] for _, days in found)
    )


def format_policy_table(report: SimulationReport, *, by_change: bool) -> Table:
    """Return the figures of a simulation as a table for the terminal.

    It has a row for each pacing policy, or with `by_change` a row for each changed setting.
    """
    from rich.table import Table

    caption = (
        "idle s: a seat's mean wait between calls; busy: utilisation, ± 95 % interval over the days;"
        " abandoned: share of live answers, overall and in the worst hour"
    )
    days = sorted({line.days for line in report.outcomes})
    title = f"{report.title}, cap {report.cap:.1%}, {'' if len(days) == 1 else f'{days[0]} to '}{format_count(days[-1], 'day')}"
    table = Table(title=title, title_justify="left", caption=caption)
    table.add_column("what if" if by_change else "policy", no_wrap=True)
    columns = ("idle s", "busy", "abandoned", "worst h", "calls/h")
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


def replay_recorded_day(
    day: str,
    store: Path | None,
    config: Path | None,
    policies: Sequence[str],
    seeds: Sequence[int] | None,
    cap: float,
    progress: Callable[[float], None] | None = None,
    caps: Sequence[Cap] = (),
) -> tuple[SimulationReport, Scenario]:
    """Simulate a recorded day from a store under each pacing policy. Return the figures and the scenario of the day.

    The figures include those of the real day. Raises MatdanError if the day cannot be replayed.
    """
    from dialer.centre_model.scenario import refuse_invalid_scenario
    from dialer.centre_model.what_if import compute_mean_figures_of_days
    from dialer.settings.site import load_settings
    from dialer.settings.site_rules import load_site_profile
    from dialer.settings.site_time import get_site_zone
    from dialer.simulation.replay.recorded_day import build_scenario_of_recorded_day, compute_figures_of_recorded_day
    from dialer.simulation.replay.store_day import parse_simulated_day, read_recorded_day_from_store
    from dialer.store.keys import read_store_key_of_site

    settings = load_settings(config)
    limits = [campaign.connect_limit_seconds for campaign in settings.campaigns if campaign.kind is CampaignKind.AGENTS]
    recorded = read_recorded_day_from_store(
        store or settings.store.path,
        parse_simulated_day(day),
        get_site_zone(settings),
        min(limits, default=2.0),
        read_store_key_of_site(settings),
    )
    title = f"replay of {day}"
    if recorded.left_out:
        title += f", without {format_count(recorded.left_out, 'call')} with inconsistent times"
    scenario = build_scenario_of_recorded_day(recorded, title, load_site_profile(settings).ring.minimum_seconds)
    refuse_invalid_scenario(scenario)
    report = compare_pacing_policies(scenario, policies, seeds, cap, progress, caps)
    was = dataclasses.replace(
        compute_mean_figures_of_days("recorded", "recorded", [compute_figures_of_recorded_day(recorded)]),
        first_half_hour_idle_seconds=None,
        decision_microseconds=None,
        utilisation_within=None,
    )
    return dataclasses.replace(report, recorded=was), scenario


def simulate_calling_day(
    context: typer.Context,
    seats: Annotated[int, typer.Option(metavar="COUNT", help="Number of seats, logged in all day.")] = 27,
    answer_rate: Annotated[
        str, typer.Option(metavar="SHARE", help="Share of calls that a person answers: 0.3 or 30%.")
    ] = "30%",
    talk: Annotated[float, typer.Option(metavar="SECONDS", help="Mean talk time.")] = 90.0,
    wrap_up: Annotated[float, typer.Option(metavar="SECONDS", help="Mean wrap-up time.")] = 15.0,
    cap: CapOption = None,
    hours: Annotated[
        float | None, typer.Option(metavar="HOURS", help="Length of the day. [default: the scenario's, or 8]")
    ] = None,
    seeds: SeedsOption = None,
    policy: PolicyOption = None,
    scenario: ScenarioOption = None,
    change: ChangeOption = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw a comparison of the policies into this .png or .svg file.")
    ] = None,
    plot_day_file: PlotDayOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    list_scenarios: Annotated[bool, typer.Option("--list", help="List the predefined scenarios and exit.")] = False,
    day: DayOption = None,
    replay_store: ReplayOption = None,
    config: ConfigOption = None,
) -> None:
    """Simulate a call centre's day under several pacing policies, within seconds.

    It shows how long agents wait between calls and how many calls are abandoned under each policy. Nothing is dialled.
    With --day, a recorded day is simulated under each policy and compared with its real figures.
    """
    from dialer.centre_model.scenario import BadScenario
    from dialer.centre_model.scenarios import SCENARIOS
    from dialer.centre_model.what_if import MOST_DAYS, Site, compare_days_after_site_changes
    from dialer.cli.progress import show_progress
    from dialer.process.pool import choose_process_count

    if list_scenarios:
        typer.echo("\n".join(SCENARIOS))
        return
    if scenario is not None or day is not None:
        _refuse_options_without_effect(context, "--scenario" if scenario is not None else "--day")
    site = Site(
        seats,
        parse_percentage_option(answer_rate, "answer-rate"),
        talk,
        0.8,
        wrap_up,
        parse_percentage_option(cap or "3%", "cap"),
        8.0 if hours is None else hours,
    )
    if cap is None and config is not None:
        from dialer.settings.site import load_settings

        caps = list_abandoned_rate_caps_of_site(load_settings(config))
        if not caps and day is None:
            raise BadScenario(
                "the settings have no campaign with agents, and so no cap of abandoned calls: give one with --cap, "
                "such as --cap 3%"
            )
        site = dataclasses.replace(site, caps=caps, cap=min((each.hard_stop for each in caps), default=site.cap))
    if day is None and replay_store is not None:
        raise BadScenario("--replay needs the day to replay: give it with --day 2026-04-22")
    if day is not None and (scenario is not None or hours is not None or change):
        raise BadScenario("--day replays a recorded day: leave out --scenario, --hours and --what-if")
    chosen = _choose_simulation_scenario(site, scenario, hours, seeds, change, [plot, plot_day_file])
    days = None if seeds is None else range(1, seeds + 1)
    with show_progress("simulating") as advance:
        if day is not None:
            report, chosen = replay_recorded_day(
                day, replay_store, config, policy or POLICY_NAMES, days, site.cap, advance, site.caps
            )
        elif change:
            found = compare_days_after_site_changes(
                site,
                change,
                policy=_require_single_pacing_policy(policy),
                seeds=days,
                progress=advance,
                workers=choose_process_count((1 + len(change)) * (seeds or MOST_DAYS), 0),
            )
            report = SimulationReport(chosen.name, site.cap, tuple(found), ())
        else:
            report = compare_pacing_policies(chosen, policy or POLICY_NAMES, days, site.cap, advance, site.caps)
    _print_simulation_report(report, as_json=as_json)
    _draw_simulation_charts(report, site.cap, plot, plot_day_file)


def _draw_simulation_charts(report: SimulationReport, cap: float, plot: Path | None, day_plot: Path | None) -> None:
    from dialer.centre_model.plots import plot_pacing_policies, plot_simulated_day

    if plot is not None:
        most = format_count(max(line.days for line in report.outcomes), "day")
        plot_pacing_policies(create_policy_chart_points(report), plot, cap=cap, title=f"{report.title}: {most}")
    if day_plot is not None:
        first = report.outcomes[0].policy
        plot_simulated_day(report.days[0], day_plot, cap=cap, title=f"{report.title}: {first}")


def _refuse_options_without_effect(context: typer.Context, option: str) -> None:
    """Raise BadScenario if an option was given that has no effect together with `option` (--scenario or --day)."""
    from dialer.centre_model.scenario import BadScenario

    given = [
        f"--{name.replace('_', '-')}"
        for name in ("seats", "answer_rate", "talk", "wrap_up")
        if (source := context.get_parameter_source(name)) is not None and source.name == "COMMANDLINE"
    ]
    if given:
        raise BadScenario(
            f"{option} already determines the seats and rates: leave out {' and '.join(given)}, or {option} itself"
        )


def _choose_simulation_scenario(
    site: Site,
    scenario: str | None,
    hours: float | None,
    seeds: int | None,
    changes: Sequence[str] | None,
    pictures: Sequence[Path | None],
) -> Scenario:
    """Return the scenario that the options describe.

    Raises MatdanError for invalid or contradicting options.
    """
    from dialer.centre_model.scenario import BadScenario, refuse_invalid_scenario
    from dialer.centre_model.scenarios import find_scenario
    from dialer.reports.picture_file import check_picture_path

    if seeds is not None and not 1 <= seeds <= 1000:
        raise BadScenario(f"--seeds: the number of seeds must be from 1 to 1000 (is {seeds})")
    for option, picture in zip(("--plot", "--plot-day"), pictures, strict=True):
        if picture is not None:
            check_picture_path(picture)
            refuse_protected_path(picture, option)
    if changes and scenario is not None:
        raise BadScenario("--what-if cannot change a --scenario: leave --scenario out, and give --seats and the rates")
    if changes and pictures[1] is not None:
        raise BadScenario("--plot-day draws a day under one pacing policy: leave out --what-if")
    chosen = find_scenario(scenario) if scenario is not None else site.build_scenario_of_day()
    if hours is not None:
        chosen = dataclasses.replace(chosen, hours=hours)
    refuse_invalid_scenario(chosen)
    return chosen


def _print_simulation_report(report: SimulationReport, *, as_json: bool) -> None:
    from rich.console import Console

    if as_json:
        figures = [asdict(line) for line in report.outcomes]
        content: dict[str, object] = {"scenario": report.title, "cap": report.cap, "outcomes": figures}
        if report.recorded is not None:
            content["recorded"] = asdict(report.recorded)
        typer.echo(json.dumps(content, indent=2))
    else:
        Console().print(format_policy_table(report, by_change=not report.days))


def create_policy_chart_points(report: SimulationReport) -> list[PolicyPoint]:
    """Return each pacing policy or changed setting as a point of the diagram of agents' utilisation and abandoned rate."""
    from dialer.centre_model.plots import PolicyPoint

    return [
        PolicyPoint(
            line.policy if report.days else line.label,
            line.utilisation,
            line.abandoned_share,
            highlighted=line.policy == PacingPolicy.PREDICTIVE,
        )
        for line in (*(() if report.recorded is None else (report.recorded,)), *report.outcomes)
    ]


def _require_single_pacing_policy(policies: Sequence[str] | None) -> str:
    from dialer.centre_model.scenario import BadScenario

    if policies is not None and len(policies) > 1:
        raise BadScenario("--what-if compares changes under one policy: give --policy once")
    return policies[0] if policies else "predictive"
