"""`dialer turnout enter|import`: store official turnout, to be compared with turnout as voters report it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import SiteAndPersonOptions
from dialer.domain.errors import NotInStore, RollError

if TYPE_CHECKING:
    from dialer.domain.official_turnout import OfficialFigure
    from dialer.mqtt.commands.client import CommandRequest
    from dialer.rules.polls import PollingDay
    from dialer.settings.site import Settings
    from dialer.store.connection import Connection

app = CommandGroup()

_OPTIONAL = frozenset({"part", "day", "state"})
_DayAndArea = tuple[date, str, int, int | None]  # day, state, constituency, part
_YEARS = range(2000, 2100)  # the limits of the dialler's command
_DAYS_SHOWN = 8
_LONGEST_STATE = 128  # characters, the limit of the dialler's command; some rolls write names instead of codes
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,4})?) ?%?", re.ASCII)

AsPublishedOption = Annotated[
    bool,
    typer.Option(
        "--as-published",
        help="Accept a figure that is lower than an earlier one or outside the poll, if the authority published it.",
    ),
]
DayOption = Annotated[str | None, typer.Option("--day", metavar="DATE", help="The polling day. [default: today]")]


@app.command("enter")
def enter_turnout_figure(
    site: SiteAndPersonOptions,
    constituency: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=9_999, help="The constituency's number.")],
    by: Annotated[str, typer.Option(metavar="HH:MM", help="Time of the figure, such as 09:00, or final.")],
    turnout: Annotated[
        str, typer.Option(metavar="PERCENT", help="Cumulative turnout in percent of the electors, such as 11.4.")
    ],
    part: Annotated[
        int | None, typer.Option(metavar="NUMBER", min=1, max=99_999, help="The part, if the figure is for one part.")
    ] = None,
    state: Annotated[
        str,
        typer.Option(metavar="CODE", help="State code, such as S13, if several states have this constituency number."),
    ] = "",
    day: DayOption = None,
    as_published: AsPublishedOption = False,
) -> None:
    """Enter one official turnout figure. The dialler may be running.

    If there is already a figure for the same time, the new one counts. Both stay stored. Implausible figures are
    refused: lower than an earlier one, higher than a later one, or outside the day or hours of the poll.
    """
    location, area = "--constituency, --by, --turnout, --state, --day", (constituency, part, state)
    figure = _parse_turnout_figure(location, day or _get_current_date_at_site(site), area, by, turnout)
    _save_turnout_figures(site, [figure], as_published=as_published)


@app.command("import")
def import_turnout_figures(
    site: SiteAndPersonOptions,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV or XLSX with constituency, by, turnout (percent); optionally part, day, state."
        ),
    ],
    day: DayOption = None,
    as_published: AsPublishedOption = False,
) -> None:
    """Import official turnout figures from a file, all or nothing. The dialler may be running."""
    _save_turnout_figures(
        site, _read_turnout_figures(file, day or _get_current_date_at_site(site)), as_published=as_published
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """A turnout figure, and where the user gave it: in a line of a file, or in the options. Errors name this location."""

    location: str
    figure: OfficialFigure

    @property
    def day_and_area_of_turnout_figure(self) -> _DayAndArea:
        """The day and the area that the figure is about."""
        figure = self.figure
        return figure.day, figure.state_code, figure.constituency_number, figure.part_number

    def create_error_about_turnout_figure(self, problem: str) -> RollError:
        return RollError(f"{self.location}: {problem}; nothing was stored")


def _save_turnout_figures(site: SiteAndPersonOptions, entries: Sequence[_Entry], *, as_published: bool) -> None:
    from dialer.cli.external_records import save_records_in_batches
    from dialer.engine.external_records.commands import MAX_FIGURES
    from dialer.mqtt.commands.client import CommandRequest

    name = site.responsible_person_id
    # Check all figures before the first command is sent, as a file may need several commands.
    with site.open_store_for_reading() as db:
        entries = [_add_federal_state_of_constituency(db, each) for each in entries]
        _refuse_implausible_figures(site.site_settings, db, entries, as_published=as_published)
    figures = [_convert_turnout_figure_to_command_fields(each.figure) for each in entries]

    def create_command_that_stores_turnout(_: int, some: list[dict[str, Any]]) -> CommandRequest:
        return CommandRequest("official-turnout", {"figures": some, "who": name})

    for answer in save_records_in_batches(
        site.site_settings, figures, MAX_FIGURES, "figures", create_command_that_stores_turnout
    ):
        typer.echo(answer)


def _add_federal_state_of_constituency(db: Connection, entry: _Entry) -> _Entry:
    """Return the turnout figure with its constituency's federal state, taken from the electoral roll.

    Raises RollError if the area is not on the roll, or is in several states.
    """
    from dialer.store.polling_day_records import add_federal_state_to_turnout_figure

    try:
        return replace(entry, figure=add_federal_state_to_turnout_figure(db, entry.figure))
    except NotInStore as error:
        raise RollError(f"{entry.location}: the official turnout figure was not stored: {error}") from error


def _refuse_implausible_figures(
    settings: Settings, db: Connection, entries: Sequence[_Entry], *, as_published: bool
) -> None:
    """Raise RollError for the first turnout figure that contradicts other figures or the polling hours."""
    from dialer.domain.official_turnout import PollHours, explain_implausible_turnout
    from dialer.roll.cells import parse_clock_time
    from dialer.rules.polls import find_polling_day
    from dialer.rules.rulebook import list_polling_days
    from dialer.store.polling_day_records import find_closing_time_of_last_booth, read_official_turnout_shares

    polls = list_polling_days(settings)
    for entry in entries:
        _refuse_wrong_polling_day(entry, polls, as_published=as_published)
    stored: dict[_DayAndArea, dict[str, float]] = {}
    combined: dict[_DayAndArea, dict[str, float]] = {}
    closes: dict[_DayAndArea, str] = {}
    for entry in entries:
        area = entry.day_and_area_of_turnout_figure
        if area not in closes:
            closes[area] = find_closing_time_of_last_booth(db, entry.figure)
            stored[area] = read_official_turnout_shares(db, entry.figure)
            combined[area] = dict(stored[area])
        combined[area][entry.figure.by_time] = entry.figure.share
    if as_published:
        return
    for entry in entries:
        figure, area = entry.figure, entry.day_and_area_of_turnout_figure
        if stored[area].get(figure.by_time) == figure.share:
            continue
        # If two new figures contradict each other, the error is about the one with the later time.
        others = {
            hour: share
            for hour, share in combined[area].items()
            if hour < figure.by_time or (hour > figure.by_time and stored[area].get(hour) == share)
        }
        poll = find_polling_day(polls, figure.constituency_number)
        configured, closing = poll.closes_at if poll is not None and poll.day == figure.day else None, closes[area]
        hours = PollHours(
            settings.polling_day.opens,
            configured or (time.fromisoformat(closing) if parse_clock_time(closing) else None),
        )
        problem_of_figure = explain_implausible_turnout(figure, others, hours)
        if problem_of_figure is not None:
            raise entry.create_error_about_turnout_figure(
                f"{problem_of_figure}; correct the figure, or give --as-published if the authority published it"
            )


def _refuse_wrong_polling_day(entry: _Entry, polls: tuple[PollingDay, ...], *, as_published: bool) -> None:
    """Raise RollError if a figure's day is not one of its constituency's polling days in the settings."""
    from dialer.rules.polls import find_polling_day

    figure, number = entry.figure, entry.figure.constituency_number
    poll = find_polling_day(polls, number)
    days = sorted({each.day for each in polls} if poll is None else {poll.day})
    if figure.day.year in _YEARS and (as_published or not days or figure.day in days):
        return
    if not days:
        raise entry.create_error_about_turnout_figure(
            f"{figure.day} is not a valid polling day; write a day from {_YEARS[0]} to {_YEARS[-1]}"
        )
    polling_days = ", ".join(map(str, days[:_DAYS_SHOWN])) + (", ..." if len(days) > _DAYS_SHOWN else "")
    raise entry.create_error_about_turnout_figure(
        f"{figure.day} is not a polling day of constituency {number} ([[rules.polls]] has {polling_days}): correct "
        "the day, or give --as-published if the authority repeats the poll"
    )


def _convert_turnout_figure_to_command_fields(figure: OfficialFigure) -> dict[str, Any]:
    return {
        "day": figure.day.isoformat(),
        "constituency_number": figure.constituency_number,
        "part_number": figure.part_number,
        "hour": figure.by_time,
        "share": figure.share,
        "state_code": figure.state_code or None,
    }


def _get_current_date_at_site(site: SiteAndPersonOptions) -> str:
    from dialer.domain.clock import SystemClock
    from dialer.settings.site_time import get_site_day

    return get_site_day(site.site_settings, SystemClock().now()).isoformat()


def _read_turnout_figures(path: Path, day: str) -> list[_Entry]:
    from dialer.roll.columns import SmallTable

    figures = []
    for row in SmallTable(path, _list_column_headings(), _OPTIONAL).read_rows():
        part = row.parse_number_in_column("part") if row["part"] else None
        area = (row.parse_number_in_column("constituency"), part, row["state"])
        figures.append(_parse_turnout_figure(row.location_in_file, row["day"] or day, area, row["by"], row["turnout"]))
    if not figures:
        raise RollError(f"{path}: the file has no turnout figures; write one figure per row, below the headings")
    return figures


def _parse_turnout_figure(location: str, day: str, area: tuple[int, int | None, str], by: str, turnout: str) -> _Entry:
    """Parse the fields of one turnout figure. Raises RollError.

    `location` names the line or the option in error messages. `area` is (constituency, part, state), "" = no state.
    """
    from dialer.domain.official_turnout import FINAL, OfficialFigure
    from dialer.roll.cells import collapse_spaces, parse_clock_time

    constituency, part, state_text = area
    percent = _PERCENT.fullmatch(turnout.strip())
    if percent is None or float(percent[1]) > 100:
        raise RollError(f"{location}: the turnout is not a percentage from 0 to 100, such as 11.4; nothing was stored")
    by_time = (
        FINAL
        if by.strip().casefold() == FINAL
        else parse_clock_time(f"{by.strip()}:00" if by.strip().isdecimal() else by)
    )
    if not by_time:
        raise RollError(
            f"{location}: the time of the figure is not valid: write a time such as 09:00, or final; nothing was stored"
        )
    try:
        parsed_day = date.fromisoformat(day)
    except ValueError as error:
        raise RollError(f"{location}: {day[:20]!r} is not a date such as 2026-04-22; nothing was stored") from error
    state = collapse_spaces(state_text).upper()
    if len(state) > _LONGEST_STATE:
        raise RollError(
            f"{location}: the name of the state is too long: write the code of the state; nothing was stored"
        )
    share = round(float(percent[1]) / 100, 6)
    return _Entry(location, OfficialFigure(parsed_day, constituency, part, by_time, share, state))


def _list_column_headings() -> dict[str, frozenset[str]]:
    """Return, for each column of a file with turnout figures, the headings by which it is recognised."""
    from dialer.roll.columns import CONSTITUENCY, PART, STATE

    return {
        "constituency": CONSTITUENCY,
        "part": PART,
        "by": frozenset({"by", "time", "hour"}),
        "turnout": frozenset({"turnout", "percent", "percentage", "pollpercent", "pollpercentage", "turnoutpercent"}),
        "day": frozenset({"day", "date"}),
        "state": STATE,
    }
