"""`dialer turnout enter|import`: official turnout, to stand beside what voters and workers tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any

import typer

from dialer.cli.external_records import keep_all
from dialer.cli.group import CommandGroup
from dialer.cli.options import SiteAndWho
from dialer.domain.clock import SystemClock
from dialer.domain.errors import NotInStore, RollError
from dialer.domain.official_turnout import FINAL, OfficialFigure, PollHours, objection
from dialer.engine.external_records.commands import MAX_FIGURES
from dialer.mqtt.commands.client import CommandRequest
from dialer.roll.cells import collapse_spaces, parse_clock_time
from dialer.roll.columns import CONSTITUENCY, PART, STATE, SmallTable
from dialer.rules.polls import PollingDay, find_poll
from dialer.rules.rulebook import list_polling_days
from dialer.settings.site import Settings
from dialer.settings.site_time import site_day
from dialer.store.connection import Connection
from dialer.store.polling_day_records import closing_time, shares_in_force, with_state

app = CommandGroup()

COLUMNS = {
    "constituency": CONSTITUENCY,
    "part": PART,
    "by": frozenset({"by", "time", "hour"}),
    "turnout": frozenset({"turnout", "percent", "percentage", "pollpercent", "pollpercentage", "turnoutpercent"}),
    "day": frozenset({"day", "date"}),
    "state": STATE,
}
_OPTIONAL = frozenset({"part", "day", "state"})
_Of = tuple[date, str, int, int | None]  # day, state, constituency, part
_YEARS = range(2000, 2100)  # as the command has them
_DAYS_TOLD = 8
_LONGEST_STATE = 128  # as the command has it; rolls write codes and names
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,4})?) ?%?", re.ASCII)

AsToldOption = Annotated[
    bool,
    typer.Option(
        "--as-told",
        help="Accept a figure that is lower than before or outside the poll, because the authority published it so.",
    ),
]
DayOption = Annotated[str | None, typer.Option("--day", metavar="DATE", help="The polling day. [default: today]")]


@app.command("enter")
def enter(
    site: SiteAndWho,
    constituency: Annotated[int, typer.Option(min=1, max=9_999, help="The constituency's number.")],
    by: Annotated[str, typer.Option(metavar="HH:MM", help="Time of the figure: 09:00, ... or final.")],
    turnout: Annotated[
        str, typer.Option(metavar="PERCENT", help="Cumulative turnout in percent of the electors, such as 11.4.")
    ],
    part: Annotated[int | None, typer.Option(min=1, max=99_999, help="Only this part.")] = None,
    state: Annotated[
        str,
        typer.Option(metavar="CODE", help="State code (S13), if several states on the roll have this number."),
    ] = "",
    day: DayOption = None,
    as_told: AsToldOption = False,
) -> None:
    """Enter one official figure, also while the dialler runs.

    A later one for the same time replaces it; both are stored. Implausible figures are refused: below an earlier
    one, above a later one, or outside the hours or day of the poll.
    """
    where, area = "--constituency, --by, --turnout, --state, --day", (constituency, part, state)
    figure = _figure(where, day or _today(site), area, by, turnout)
    _keep(site, [figure], as_told=as_told)


@app.command("import")
def import_figures(
    site: SiteAndWho,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV or XLSX with constituency, by, turnout (percent); optionally part, day, state."
        ),
    ],
    day: DayOption = None,
    as_told: AsToldOption = False,
) -> None:
    """Import official figures from a file, also while the dialler runs.

    If a line is wrong, it is named and nothing is imported.
    """
    _keep(site, _read(file, day or _today(site)), as_told=as_told)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A figure, and where it stands: how an error about it begins."""

    where: str
    figure: OfficialFigure

    @property
    def of(self) -> _Of:
        """Its day and its area."""
        figure = self.figure
        return figure.day, figure.state_code, figure.constituency_number, figure.part_number

    def refusal(self, problem: str) -> RollError:
        return RollError(f"{self.where}: {problem}; nothing was taken")


def _keep(site: SiteAndWho, entries: Sequence[_Entry], *, as_told: bool) -> None:
    name = site.person
    # A command has so many figures and no more: what may be refused is looked for in all of them before the first is sent.
    with site.reading() as db:
        entries = [_of_the_roll(db, each) for each in entries]
        _refuse(site.settings, db, entries, as_told=as_told)
    figures = [_report(each.figure) for each in entries]

    def request(_: int, some: list[dict[str, Any]]) -> CommandRequest:
        return CommandRequest("official-turnout", {"figures": some, "who": name})

    for answer in keep_all(site.settings, figures, MAX_FIGURES, "figures", request):
        typer.echo(answer)


def _of_the_roll(db: Connection, entry: _Entry) -> _Entry:
    """The entry with its area's state. Raises RollError where the area is not on the roll, or of several states there."""
    try:
        return replace(entry, figure=with_state(db, entry.figure))
    except NotInStore as error:
        raise RollError(f"{entry.where}: {error}") from error


def _refuse(settings: Settings, db: Connection, entries: Sequence[_Entry], *, as_told: bool) -> None:
    """Raise RollError for the first figure that cannot be beside the others, those that stand and those that come with it."""
    polls = list_polling_days(settings)
    for entry in entries:
        _refuse_day(entry, polls, as_told=as_told)
    standing: dict[_Of, dict[str, float]] = {}
    coming: dict[_Of, dict[str, float]] = {}
    closes: dict[_Of, str] = {}
    for entry in entries:
        if entry.of not in closes:
            closes[entry.of] = closing_time(db, entry.figure)
            standing[entry.of] = shares_in_force(db, entry.figure)
            coming[entry.of] = dict(standing[entry.of])
        coming[entry.of][entry.figure.by_time] = entry.figure.share
    if as_told:
        return
    for entry in entries:
        figure = entry.figure
        if standing[entry.of].get(figure.by_time) == figure.share:
            continue
        # Of two that come together, the one by the later hour is named.
        others = {
            hour: share
            for hour, share in coming[entry.of].items()
            if hour < figure.by_time or (hour > figure.by_time and standing[entry.of].get(hour) == share)
        }
        poll = find_poll(polls, figure.constituency_number)
        told, closing = poll.closes_at if poll is not None and poll.day == figure.day else None, closes[entry.of]
        hours = PollHours(
            settings.polling_day.opens, told or (time.fromisoformat(closing) if parse_clock_time(closing) else None)
        )
        problem = objection(figure, others, hours)
        if problem is not None:
            raise entry.refusal(f"{problem}; correct what is wrong, or give --as-told if the authority says so")


def _refuse_day(entry: _Entry, polls: tuple[PollingDay, ...], *, as_told: bool) -> None:
    """Raise RollError where the settings know the polling days of the figure's constituency and its day is none of them."""
    figure, number = entry.figure, entry.figure.constituency_number
    poll = find_poll(polls, number)
    days = sorted({each.day for each in polls} if poll is None else {poll.day})
    if figure.day.year in _YEARS and (as_told or not days or figure.day in days):
        return
    if not days:
        raise entry.refusal(f"{figure.day} is no polling day; write one from {_YEARS[0]} to {_YEARS[-1]}")
    known = ", ".join(map(str, days[:_DAYS_TOLD])) + (", ..." if len(days) > _DAYS_TOLD else "")
    remedy = "give that day, or --as-told where the authority polls again"
    raise entry.refusal(
        f"{figure.day} is no polling day of constituency {number}; [[rules.polls]] has {known}: {remedy}"
    )


def _report(figure: OfficialFigure) -> dict[str, Any]:
    return {
        "day": figure.day.isoformat(),
        "constituency_number": figure.constituency_number,
        "part_number": figure.part_number,
        "hour": figure.by_time,
        "share": figure.share,
        "state_code": figure.state_code or None,
    }


def _today(site: SiteAndWho) -> str:
    return site_day(site.settings, SystemClock().now()).isoformat()


def _read(path: Path, day: str) -> list[_Entry]:
    figures = []
    for row in SmallTable(path, COLUMNS, _OPTIONAL).rows():
        part = row.parse_number("part") if row["part"] else None
        area = (row.parse_number("constituency"), part, row["state"])
        figures.append(_figure(row.location, row["day"] or day, area, row["by"], row["turnout"]))
    if not figures:
        raise RollError(f"{path}: has no figure; give one a row, below the headings")
    return figures


def _figure(where: str, day: str, area: tuple[int, int | None, str], by: str, turnout: str) -> _Entry:
    """A figure as it was typed: constituency, part and state, "": not said. Raises RollError that begins with `where`."""
    constituency, part, named = area
    percent = _PERCENT.fullmatch(turnout.strip())
    if percent is None or float(percent[1]) > 100:
        raise RollError(f"{where}: turnout is not a percentage from 0 to 100: write 11.4; nothing was taken")
    by_time = (
        FINAL
        if by.strip().casefold() == FINAL
        else parse_clock_time(f"{by.strip()}:00" if by.strip().isdecimal() else by)
    )
    if not by_time:
        raise RollError(f"{where}: the hour is none: write 09:00, or final; nothing was taken")
    try:
        told = date.fromisoformat(day)
    except ValueError as error:
        raise RollError(f"{where}: {day[:20]!r} is no date: write 2026-04-22; nothing was taken") from error
    state = collapse_spaces(named).upper()
    if len(state) > _LONGEST_STATE:
        raise RollError(f"{where}: the state is too long: write its code; nothing was taken")
    share = round(float(percent[1]) / 100, 6)
    return _Entry(where, OfficialFigure(told, constituency, part, by_time, share, state))
