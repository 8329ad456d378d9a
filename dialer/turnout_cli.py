"""`dialer turnout enter|import`: official turnout, to stand beside what voters and workers tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from config.settings import Settings, load_settings
from dialer.clock import SystemClock
from dialer.errors import RollError
from dialer.field_reports import batches_of, carry_out, person
from dialer.monitor.ask import Request
from dialer.monitor.command_table import BOOTH_DESK
from dialer.monitor.payloads import MOST_FIGURES
from dialer.numbers_cli import WhoOption
from dialer.options import ConfigOption, StoreOption
from dialer.polling_day.official import FINAL
from dialer.roll.cells import clock_text
from dialer.roll.columns import CONSTITUENCY, PART, cell_at, places_of, whole_number
from dialer.roll.reading import open_roll

app = typer.Typer(
    help="Official turnout, as the election authority tells it during the poll; `dialer report turnout` shows it.",
    no_args_is_help=True,
)

COLUMNS = {
    "constituency": CONSTITUENCY,
    "part": PART,
    "by": frozenset({"by", "time", "hour"}),
    "turnout": frozenset({"turnout", "percent", "percentage", "pollpercent", "pollpercentage", "turnoutpercent"}),
    "day": frozenset({"day", "date"}),
}
_OPTIONAL = frozenset({"part", "day"})
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,4})?) ?%?", re.ASCII)

DayOption = Annotated[str | None, typer.Option("--day", metavar="DATE", help="The polling day. [default: today]")]


@app.command("enter")
def enter(
    constituency: Annotated[int, typer.Option("--constituency", min=1, help="Its number.")],
    by: Annotated[str, typer.Option("--by", metavar="HH:MM", help="By which hour of the poll: 09:00, ... or final.")],
    turnout: Annotated[str, typer.Option("--turnout", metavar="PERCENT", help="Cumulative, of the electors: 11.4")],
    part: Annotated[int | None, typer.Option("--part", min=1, help="Of this part alone.")] = None,
    day: DayOption = None,
    who: WhoOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Enter one figure, also while the dialler runs. A later one for the same hour takes its place; both are kept."""
    settings = load_settings(config)
    figure = _figure("--turnout, --by", day or _today(settings), constituency, part, by, turnout)
    _carry_out(settings, store, [figure], who)


@app.command("import")
def import_figures(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV or XLSX: constituency, by, turnout (in percent); part, day.")
    ],
    day: DayOption = None,
    who: WhoOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Enter the figures of a file, also while the dialler runs. A line that is wrong is named, and nothing is taken then."""
    settings = load_settings(config)
    _carry_out(settings, store, _read(file, day or _today(settings)), who)


def _carry_out(settings: Settings, store: Path | None, figures: Sequence[dict[str, Any]], who: str | None) -> None:
    name = person(who)
    requests = [
        Request("official-turnout", BOOTH_DESK, {"figures": list(each), "who": name})
        for each in batches_of(figures, MOST_FIGURES)
    ]
    for answer in carry_out(settings, store, requests):
        typer.echo(answer)


def _today(settings: Settings) -> str:
    zone = ZoneInfo(settings.centre.time_zone)
    return datetime.fromtimestamp(SystemClock().now(), zone).date().isoformat()


def _read(path: Path, day: str) -> list[dict[str, Any]]:
    roll = open_roll(path)
    head = roll.head()
    places = places_of(path, head[0] if head else [], COLUMNS, _OPTIONAL)
    figures = []
    for batch in roll.batches(1):
        for number, row in enumerate(batch.rows, batch.first_row):
            if not any(cell.strip() for cell in row):
                continue
            cells = {name: cell_at(row, places.get(name)) for name in COLUMNS}
            area = whole_number(path, number, "constituency", cells["constituency"])
            part = whole_number(path, number, "part", cells["part"]) if cells["part"] else None
            where = f"{path}: row {number:,}"
            figures.append(_figure(where, cells["day"] or day, area, part, cells["by"], cells["turnout"]))
    if not figures:
        raise RollError(f"{path}: has no figure; give one a row, below the headings")
    return figures


def _figure(where: str, day: str, constituency: int, part: int | None, by: str, turnout: str) -> dict[str, Any]:
    """A figure as a command has it. Raises RollError that begins with `where`."""
    percent = _PERCENT.fullmatch(turnout.strip())
    if percent is None or float(percent[1]) > 100:
        raise RollError(f"{where}: turnout is not a percentage from 0 to 100: write 11.4; nothing was taken")
    by_time = (
        FINAL if by.strip().casefold() == FINAL else clock_text(f"{by.strip()}:00" if by.strip().isdecimal() else by)
    )
    if not by_time:
        raise RollError(f"{where}: the hour is none: write 09:00, or final; nothing was taken")
    try:
        told = date.fromisoformat(day)
    except ValueError as error:
        raise RollError(f"{where}: {day[:20]!r} is no date: write 2026-04-22; nothing was taken") from error
    return {
        "day": told.isoformat(),
        "constituency_number": constituency,
        "part_number": part,
        "by": by_time,
        "share": round(float(percent[1]) / 100, 6),
    }
