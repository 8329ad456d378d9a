"""`dialer report ...`: what happened, as a table, CSV, JSON, a workbook or a PDF."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from inspect import signature
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from dialer.cli.group import CommandGroup
from dialer.cli.options import NamedSite, day_of
from dialer.domain.clock import SystemClock
from dialer.domain.errors import NotInStore, OutputRefused
from dialer.domain.output import refuse_kept, refuse_unwritable, write_file
from dialer.polling_day.plan import ExpectedCourse
from dialer.reports import accounts, tables
from dialer.reports import results as voter_results
from dialer.reports.evidence import report_cap_evidence
from dialer.reports.formats import Format, Report, as_csv, as_json, as_table
from dialer.reports.picture_file import check_picture_path
from dialer.reports.polling_day import (
    TurnoutBy,
    load_official_figures,
    load_states,
    load_turnout_progress,
    report_turnout,
)
from dialer.reports.tables import FOREVER, Window
from dialer.reports.turnout_picture import draw_turnout
from dialer.roll.sources import find_source, load_portal_ids
from dialer.settings.site import Settings
from dialer.settings.site_rules import site_profile
from dialer.settings.site_time import site_zone
from dialer.store.campaigns import campaign_states
from dialer.store.connection import Connection
from dialer.store.roll import imported_files

app = CommandGroup()

FILE_WIDTH = 200


@dataclass(frozen=True)
class ReportOfSite(NamedSite):
    """A report of what the store of a site has, and how it is written."""

    form: Annotated[
        Format | None, typer.Option("--format", "-f", help="Output format. [default: table, or by the suffix of --out]")
    ] = None
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write to this .csv, .json, .xlsx or .pdf file.")
    ] = None

    @property
    def zone(self) -> ZoneInfo:
        """The site's."""
        return site_zone(self.settings)

    @property
    def window(self) -> Window:
        """Of what time and campaign it is. Raises BadParameter."""
        return Window()

    def deliver(self, make: Callable[[Connection], Report]) -> None:
        """Make the report and print it, or write it to the file `out`, which is looked at first."""
        window, chosen = self.window, format_of(self.form, self.out)
        if self.out is not None:
            refuse_unwritable(self.out, "--out", self.files)
        with self.reading() as db:
            if window.campaign is not None:
                _refuse_unknown(db, window.campaign, self.settings)
            report = make(db)
        centre, now = self.settings.centre, datetime.fromtimestamp(SystemClock().now(), self.zone)
        made = f"{centre.organisation}, centre {centre.id}, {now:%Y-%m-%d %H:%M}"
        report = replace(report, about=f"{made}: {period(window, self.zone)}")
        if self.out is None:
            _print(report, chosen)
        else:
            write_file(self.out, as_bytes(report, chosen, foot=made))
            typer.echo(f"{self.out}: {len(report.rows)} rows", err=True)


@dataclass(frozen=True)
class ReportOfTime(ReportOfSite):
    """The same of a stretch of time."""

    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Start, in the centre's time: 2026-04-22 or 2026-04-22T09:00.")
    ] = None
    until: Annotated[
        str | None, typer.Option(metavar="WHEN", help="End (exclusive); a date alone means the start of that day.")
    ] = None

    @property
    def window(self) -> Window:
        """See `ReportOfSite`."""
        return window_of(self.since, self.until, self.zone)


@dataclass(frozen=True)
class ReportOfCampaign(ReportOfTime):
    """The same, which may be of one campaign alone."""

    campaign: Annotated[str | None, typer.Option(metavar="ID", help="Only this campaign.")] = None

    @property
    def window(self) -> Window:
        """See `ReportOfSite`."""
        return replace(super().window, campaign=self.campaign)


def window_of(since: str | None, until: str | None, zone: tzinfo) -> Window:
    """What the options say. Raises BadParameter."""
    window = Window(
        since=0.0 if since is None else moment(since, zone, "--since"),
        until=FOREVER if until is None else moment(until, zone, "--until"),
    )
    if window.since >= window.until:
        raise typer.BadParameter("--since must be before --until")
    return window


def _register(name: str, make: Callable[..., Report], summary: str) -> None:
    """Add the command `dialer report NAME`. `make` takes the store, the window, the zone and the settings, or the first few."""
    takes = len(signature(make).parameters)

    def run(report: ReportOfCampaign) -> None:
        report.deliver(lambda db: make(*(db, report.window, report.zone, report.settings)[:takes]))

    run.__doc__ = summary
    app.command(name)(run)


for _report in (
    ("trunks", tables.report_trunks, "Attempts, answer-seizure ratio, failures and busiest second of each trunk."),
    (
        "agents",
        tables.report_agents,
        "Utilisation, calls, mean handling time and seconds in each state, by seat and agent. --campaign selects the calls only.",
    ),
    ("dispositions", tables.report_dispositions, "Agents' dispositions of their calls, by agent and disposition."),
    ("abandonment", tables.report_abandonment, "Live answers, abandoned calls and their rate, by campaign and day."),
    (
        "evidence",
        lambda db, window, zone, settings: report_cap_evidence(db, window, zone, site_profile(settings)),
        "Compliance with the profile's cap on abandoned calls, for every window, campaign and day.",
    ),
    (
        "hours",
        accounts.report_hours,
        "Attempts, answers, conversations and abandoned calls, by campaign, day and hour.",
    ),
    (
        "expenditure",
        lambda db, window, zone, settings: accounts.report_expenditure(
            db, window, zone, {campaign.id: campaign.candidate for campaign in settings.campaigns}
        ),
        "Calls by candidate, constituency and day, for the expenditure return.",
    ),
    ("opt-outs", accounts.report_opt_outs, "Numbers that opted out, by day, source and campaign."),
    (
        "workers",
        accounts.report_booth_workers,
        "Booth workers: calls, last report, serials reported, and unknown serials. --campaign selects the calls only.",
    ),
    ("complaints", accounts.report_complaints, "Complaints about calls, each with its remedy."),
    (
        "compliance",
        accounts.report_compliance,
        "Calls, opt-outs, complaints and open complaints, by day and campaign.",
    ),
    (
        "imports",
        accounts.report_imports,
        "Imports of roll data: file, hash and result of each.",
    ),
    (
        "recordings",
        lambda db, window, zone, settings: tables.report_recordings(db, window, zone, settings.recordings.directory),
        "Recorded calls: file in recordings.directory, agent, duration, and whether it is still kept.",
    ),
):
    _register(*_report)


@app.command()
def calls(
    report: ReportOfCampaign,
    each: Annotated[
        bool, typer.Option("--each", help="List each call with the reason it was allowed, instead of totals.")
    ] = False,
) -> None:
    """Attempts by campaign and outcome."""
    window, zone = report.window, report.zone
    report.deliver(lambda db: tables.report_each_call(db, window, zone) if each else tables.report_calls(db, window))


@app.command()
def answers(
    report: ReportOfCampaign,
    each: Annotated[
        bool, typer.Option("--each", help="List each answer, message and call-back request, instead of totals.")
    ] = False,
    question: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this question, such as call_back or message.")
    ] = None,
) -> None:
    """Answers in flows and agents' scripts: calls by campaign, question and answer."""
    window, zone = report.window, report.zone
    report.deliver(
        lambda db: (
            tables.report_each_answer(db, window, zone, question)
            if each
            else tables.report_answers(db, window, question)
        )
    )


@app.command()
def results(
    report: ReportOfCampaign,
    state: Annotated[str | None, typer.Option(metavar="CODE", help="Only voters of this state.")] = None,
    constituency: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Only voters of this constituency.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only voters in this portal's exports, with the portal's own IDs."),
    ] = None,
) -> None:
    """List results voter by voter, for the owner of the roll: date, result, a column per question.

    Without names and phone numbers.
    """

    def made(db: Connection) -> Report:
        ids = (
            None
            if source is None
            else load_portal_ids(find_source(report.settings.sources, source), imported_files(db))
        )
        area = voter_results.ResultArea(state, constituency)
        return voter_results.report_results(db, report.window, report.zone, area, ids)

    report.deliver(made)


def period(window: Window, zone: tzinfo) -> str:
    """Which time and campaign a report is of, in words."""
    ends = [
        f"{word} {datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M}"
        for word, at, open_end in (("from", window.since, 0.0), ("to", window.until, FOREVER))
        if at != open_end
    ]
    said = " ".join(ends) or "all that is kept"
    return said if window.campaign is None else f"{said}, campaign {window.campaign}"


def format_of(form: Format | None, out: Path | None) -> Format:
    """What was asked for, else what the file's name says, else a table. Raises BadParameter, OutputRefused."""
    if out is None:
        chosen = form or Format.TABLE
        if chosen in {Format.XLSX, Format.PDF}:
            raise typer.BadParameter(f"--format {chosen.value} is no text: name a file with --out")
        return chosen
    ending = out.suffix.removeprefix(".").lower()
    if form is None:
        if ending not in {each.value for each in Format if each is not Format.TABLE}:
            raise typer.BadParameter(f"--out: {out.name} says no format; end it with .csv, .json, .xlsx or .pdf")
        return Format(ending)
    if ending != form.value and ending in {each.value for each in Format}:
        raise OutputRefused(f"--out {out.name} and --format {form.value} contradict each other; leave one out")
    return form


def as_bytes(report: Report, form: Format, *, foot: str) -> bytes:
    """A report as the bytes of a file. `foot` stands below every page of a PDF."""
    match form:
        case Format.CSV:
            return as_csv(report).encode()
        case Format.JSON:
            return as_json(report).encode()
        case Format.XLSX:
            from dialer.reports.workbook import as_xlsx  # noqa: PLC0415

            return as_xlsx(report)
        case Format.PDF:
            from dialer.reports.paper import as_pdf  # noqa: PLC0415 - fonts and all

            return as_pdf(report, foot=foot)
    raise typer.BadParameter("a table is for the terminal; choose csv, json, xlsx or pdf for a file")


def _refuse_unknown(db: Connection, campaign: str, settings: Settings) -> None:
    """Raise NotInStore for a campaign that neither the store nor the settings have: nothing found would read as all well."""
    known = {*campaign_states(db), *(each.id for each in settings.campaigns)}
    if campaign not in known:
        names = ", ".join(sorted(known)) or "none"
        raise NotInStore(f"--campaign: there is no campaign {campaign!r}; there are: {names}")


def moment(text: str, zone: tzinfo, option: str) -> float:
    """Epoch seconds of a date or a time in ISO 8601; without an offset it is in `zone`. Raises BadParameter for another text."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{option}: {text!r} is no date or time: write 2026-04-22 or 2026-04-22T09:00"
        ) from error
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).timestamp()


def _print(report: Report, form: Format) -> None:
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
            console.print(report.about, style="dim", soft_wrap=True, markup=False, highlight=False)
        case Format.TABLE:
            typer.echo(
                f"{report.title}: {report.empty or 'nothing is recorded for this time and campaign'} ({report.about})"
            )


# `dialer report turnout`: by booth, section, constituency or hour, and the day as curves.


@app.command()
def turnout(
    report: ReportOfCampaign,
    by: Annotated[TurnoutBy, typer.Option(help="What each row stands for.")] = TurnoutBy.BOOTH,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw the day's curves into this .png or .svg file.")
    ] = None,
    day: Annotated[
        str | None, typer.Option(metavar="DATE", help="Day of the curves. [default: the last day with figures]")
    ] = None,
) -> None:
    """Self-reported turnout of the voters contacted, and official figures where entered."""
    window, shown = report.window, None if day is None else day_of(day, "--day")
    if picture is not None:
        check_picture_path(picture)  # before the report: one that is asked for wrongly gives nothing
        refuse_kept(picture, "--picture", report.files)
    report.deliver(lambda db: report_turnout(db, window, report.zone, by))
    if picture is not None:
        _draw(report, picture, shown)


def _draw(report: ReportOfCampaign, picture: Path, day: date | None) -> None:
    zone, chosen = report.zone, report.settings.polling_day
    with report.reading() as db:
        found, official = load_turnout_progress(db, report.window), load_official_figures(db, report.window, zone)
        states = load_states(db)
    ends = (datetime.fromtimestamp(end - 1, zone) for progress in found.values() for end in progress.change_times)
    days = {end.date() for end in ends} | {figure.day for figure in official}
    if not days:
        typer.echo("nothing is known of any day yet; no picture was drawn", err=True)
        return
    shown = day or max(days)
    expected = ExpectedCourse(chosen.opens, tuple((point.at, point.voted) for point in chosen.expected_turnout))
    left_out = draw_turnout(picture, shown, found, official, expected, zone, states=states)
    more = f"; {left_out} constituencies with fewer contacted voters are left out" if left_out else ""
    typer.echo(f"{picture}: {shown}{more}", err=True)
