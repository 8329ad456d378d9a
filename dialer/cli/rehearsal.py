"""`dialer rehearse`: rehearse a site's polling day on simulated lines."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from dialer.cli.findings import FindingPrinter
from dialer.cli.options import SiteOptions
from dialer.domain.output import refuse_protected_path

if TYPE_CHECKING:
    from dialer.simulation.rehearsal.verdict import DayOutcome


@dataclass(frozen=True)
class RequiredSiteOptions(SiteOptions):
    """The options --config, which is required, and --store."""

    config: Annotated[Path, typer.Option("--config", "-c", metavar="CENTRE.toml", help="The site's settings.")] = field(
        kw_only=True
    )


def rehearse_polling_day(
    site: RequiredSiteOptions,
    hours: Annotated[
        float | None,
        typer.Option(metavar="HOURS", min=0.1, max=24, help="Rehearse only the first hours of the day."),
    ] = None,
    faults: Annotated[bool, typer.Option(help="Also rehearse a day at twice the load, with every fault once.")] = True,
    answer_rate: Annotated[
        float, typer.Option(metavar="SHARE", min=0.01, max=0.95, help="Share of calls that are answered (0.01-0.95).")
    ] = 0.30,
    talk_seconds: Annotated[float, typer.Option(metavar="SECONDS", min=5, max=900, help="Mean talk time.")] = 60.0,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the days into this .png or .svg file.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Random seed. Another seed gives other voters.")] = 1,
) -> None:
    """Rehearse the site's polling day on simulated lines, and judge whether it is ready.

    It uses the site's own roll and settings, at the expected load, and at twice that load with faults. No real line is
    used, and the store is only read. Exit 1 if the site is not ready.
    """
    from rich.markup import escape

    from dialer.cli.logs import configure_quiet_logging
    from dialer.cli.progress import show_progress
    from dialer.domain.clock import SystemClock
    from dialer.reports.picture_file import check_picture_path
    from dialer.settings.site_time import get_site_day, get_site_zone
    from dialer.simulation.asterisk.voters import VoterProfile
    from dialer.simulation.rehearsal.day import plan_rehearsed_days
    from dialer.simulation.rehearsal.run import rehearse_day
    from dialer.simulation.rehearsal.site import read_store_data_for_rehearsal
    from dialer.simulation.rehearsal.verdict import find_preparations_for_polling_day, plot_rehearsed_days

    configure_quiet_logging()
    settings = site.site_settings
    if picture is not None:
        check_picture_path(picture)
        refuse_protected_path(picture, "--picture", site.protected_files)
    zone = get_site_zone(settings)
    today = get_site_day(settings, SystemClock().now())
    facts = read_store_data_for_rehearsal(
        site.store_path, site.store_encryption_key, settings.polling_day.last_call_minutes * 60.0
    )
    days = plan_rehearsed_days(settings, today, faults=faults, hours=hours, seed=seed, areas=facts.areas)
    profile = VoterProfile(answer_rate=answer_rate, talk_mean_seconds=talk_seconds)
    printer = FindingPrinter()
    console = printer.console
    outcomes: list[DayOutcome] = []
    with tempfile.TemporaryDirectory(prefix="matdan-rehearsal-") as directory:
        for day in days:
            with show_progress(day.name) as advance:
                outcomes.append(rehearse_day(settings, site.store_path, Path(directory), day, profile, advance))
    printer.print_findings(find_preparations_for_polling_day(settings, facts.states, today))
    for outcome in outcomes:
        _print_rehearsal_outcome(printer, outcome, zone)
    if picture is not None:
        plot_rehearsed_days(outcomes, zone, picture)
        console.print(f"picture: {escape(str(picture))}", soft_wrap=True)
    console.print("[red]NOT READY[/]" if printer.errors else "[green]ready[/]")
    printer.exit_with_success_or_error()


def _print_rehearsal_outcome(printer: FindingPrinter, outcome: DayOutcome, zone: ZoneInfo) -> None:
    from rich.markup import escape

    from dialer.simulation.rehearsal.verdict import judge_rehearsed_day

    day = outcome.day
    start, end = (datetime.fromtimestamp(at, zone) for at in (day.starts_at, day.ends_at))
    printer.console.print(
        f"[bold]{escape(day.name)}[/]: {start:%Y-%m-%d %H:%M} to {end:%H:%M}, simulated in {outcome.took_seconds:.0f} s"
    )
    printer.print_findings(judge_rehearsed_day(outcome))
