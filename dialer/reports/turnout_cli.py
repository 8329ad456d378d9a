"""`dialer report turnout`: by booth, section, constituency or hour, and the day as curves."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Annotated

import typer

from config.settings import Settings, load_settings
from dialer.options import ConfigOption, StoreOption, day_of, site_files
from dialer.output import refuse_kept
from dialer.polling_day.turnout_curve import ExpectedCourse
from dialer.reports.cli import (
    CampaignOption,
    FormatOption,
    OutOption,
    SinceOption,
    UntilOption,
    app,
    deliver,
    window_of,
)
from dialer.reports.polling_day import Constituency, Course, TurnoutBy, courses, official_figures, states_of
from dialer.reports.polling_day import turnout as made
from dialer.reports.source import open_source
from dialer.reports.tables import Window
from dialer.reports.turnout_picture import draw_turnout
from dialer.simulation.plots import check_picture
from dialer.site_key import site_key
from dialer.site_time import site_zone


@app.command()
def turnout(
    by: Annotated[TurnoutBy, typer.Option("--by", help="What a row is of.")] = TurnoutBy.BOOTH,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE", help="Draw the day's curves too: .png or .svg.")
    ] = None,
    day: Annotated[
        str | None, typer.Option("--day", metavar="DATE", help="Of the curves. [default: the last day known]")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    campaign: CampaignOption = None,
    form: FormatOption = None,
    out: OutOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Self-reported turnout of the voters reached, labelled so, and official figures beside it where they were entered."""
    settings = load_settings(config)
    window = window_of(since, until, campaign, site_zone(settings))
    shown = None if day is None else day_of(day, "--day")
    if picture is not None:
        check_picture(picture)  # before the report: one that is asked for wrongly gives nothing
        refuse_kept(picture, "--picture", site_files(settings, config, store))
    deliver(lambda source, window, zone, _: made(source, window, zone, by), window, form, out, store, settings, config)
    if picture is not None:
        asyncio.run(_draw(store or settings.store.path, picture, shown, window, settings))


async def _draw(store: Path, picture: Path, day: date | None, window: Window, settings: Settings) -> None:
    zone, chosen = site_zone(settings), settings.polling_day
    async with open_source(store, key=site_key(settings)) as source:
        found, official = await courses(source, window), await official_figures(source, window, zone)
        states = await states_of(source)
    days = _days(found, zone) | {figure.day for figure in official}
    if not days:
        typer.echo("nothing is known of any day yet; no picture was drawn", err=True)
        return
    shown = day or max(days)
    expected = ExpectedCourse(chosen.opens, tuple((point.at, point.share) for point in chosen.expected))
    left_out = draw_turnout(picture, shown, found, official, expected, zone, states=states)
    more = f"; {left_out} constituencies are left out, fewer voters were reached there" if left_out else ""
    typer.echo(f"{picture}: {shown}{more}", err=True)


def _days(found: dict[Constituency, Course], zone: tzinfo) -> set[date]:
    return {
        datetime.fromtimestamp(end - 1, UTC).astimezone(zone).date() for course in found.values() for end in course.ends
    }
