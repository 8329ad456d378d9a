"""`dialer report calls|agents|abandonment|evidence|turnout`: what happened, as a table, CSV or JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from config.settings import load_settings
from config.site_rules import site_profile
from dialer.reports import evidence as proof
from dialer.reports import tables
from dialer.reports.formats import Format, Report, as_csv, as_json, as_table
from dialer.reports.source import Source, open_source
from dialer.reports.tables import FOREVER, Window

app = typer.Typer(help="What happened: calls, agents, abandonment and its evidence, turnout.", no_args_is_help=True)

SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="From then on: 2026-04-22 or 2026-04-22T09:00, centre's time."),
]
UntilOption = Annotated[
    str | None,
    typer.Option("--until", metavar="WHEN", help="To before then; a date alone is the midnight it begins with."),
]
CampaignOption = Annotated[str | None, typer.Option("--campaign", metavar="ID", help="Of this campaign alone.")]
FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How it is written to standard output.")]
StoreOption = Annotated[
    Path | None, typer.Option("--store", metavar="PATH", help="The store. [default: of the settings]")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="CENTRE.toml", help="The site's settings.")
]

FILE_WIDTH = 200

Making = Callable[[Source, Window, tzinfo], Awaitable[Report]]


@app.command()
def calls(
    since: SinceOption = None,
    until: UntilOption = None,
    campaign: CampaignOption = None,
    form: FormatOption = Format.TABLE,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Attempts by campaign and outcome."""
    _report(lambda source, window, _: tables.calls(source, window), since, until, campaign, form, store, config)


@app.command()
def agents(
    since: SinceOption = None,
    until: UntilOption = None,
    campaign: CampaignOption = None,
    form: FormatOption = Format.TABLE,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Utilisation, calls, and seconds in each state, by seat and agent. A campaign narrows the calls, not the time."""
    _report(lambda source, window, _: tables.agents(source, window), since, until, campaign, form, store, config)


@app.command()
def abandonment(
    since: SinceOption = None,
    until: UntilOption = None,
    campaign: CampaignOption = None,
    form: FormatOption = Format.TABLE,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Live answers, abandoned calls and their rate, by campaign and day."""
    _report(tables.abandonment, since, until, campaign, form, store, config)


@app.command()
def evidence(
    since: SinceOption = None,
    until: UntilOption = None,
    campaign: CampaignOption = None,
    form: FormatOption = Format.TABLE,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Whether the abandoned-call cap of the site's profile was held, in every window of every campaign and day."""
    profile = site_profile(load_settings(config))
    _report(
        lambda source, window, zone: proof.evidence(source, window, zone, profile),
        since,
        until,
        campaign,
        form,
        store,
        config,
    )


@app.command()
def turnout(
    since: SinceOption = None,
    until: UntilOption = None,
    campaign: CampaignOption = None,
    form: FormatOption = Format.TABLE,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Self-reported turnout by booth: voters, reached, voted, not yet, opt-outs."""
    _report(lambda source, window, _: tables.turnout(source, window), since, until, campaign, form, store, config)


def _report(
    make: Making,
    since: str | None,
    until: str | None,
    campaign: str | None,
    form: Format,
    store: Path | None,
    config: Path | None,
) -> None:
    settings = load_settings(config)
    zone = ZoneInfo(settings.centre.time_zone)
    window = Window(
        since=0.0 if since is None else moment(since, zone, "--since"),
        until=FOREVER if until is None else moment(until, zone, "--until"),
        campaign=campaign,
    )
    if window.since >= window.until:
        raise typer.BadParameter("--since must be before --until")
    _write(asyncio.run(_made(make, store or settings.store.path, window, zone)), form)


async def _made(make: Making, path: Path, window: Window, zone: tzinfo) -> Report:
    async with open_source(path) as source:
        return await make(source, window, zone)


def moment(text: str, zone: tzinfo, option: str) -> float:
    """Epoch seconds of a date or a time in ISO 8601; without an offset it is in `zone`. Raises BadParameter for another text."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{option}: {text!r} is no date or time: write 2026-04-22 or 2026-04-22T09:00"
        ) from error
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).timestamp()


def _write(report: Report, form: Format) -> None:
    match form:
        case Format.CSV:
            typer.echo(as_csv(report), nl=False)
        case Format.JSON:
            typer.echo(as_json(report))
        case Format.TABLE if report.rows:
            console = Console()
            if not console.is_terminal:
                console.width = FILE_WIDTH  # nothing is cut in a file or a pipe
            console.print(as_table(report))
        case Format.TABLE:
            typer.echo(f"{report.title}: nothing is recorded for this time and campaign")
