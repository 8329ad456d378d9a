"""`dialer report`: reports from the store, as a table, CSV, JSON, XLSX or PDF."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import SiteOptions, format_option_choices, parse_date_option
from dialer.domain.enums import ReportFormat, TurnoutBy
from dialer.domain.errors import NotInStore, OutputRefused
from dialer.domain.output import refuse_protected_path, refuse_unwritable_path, write_file

if TYPE_CHECKING:
    from dialer.reports.formats import Report
    from dialer.reports.tables import Window
    from dialer.settings.site import Settings
    from dialer.store.connection import Connection

app = CommandGroup()

FILE_WIDTH = 200


@dataclass(frozen=True)
class SiteReportOptions(SiteOptions):
    """The options of every report: the site, and the report's format and file."""

    form: Annotated[
        ReportFormat | None,
        typer.Option(
            "--format",
            "-f",
            metavar=format_option_choices(ReportFormat),
            help="Output format. [default: by the suffix of --out, or table]",
        ),
    ] = None
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write to this .csv, .json, .xlsx or .pdf file.")
    ] = None

    @property
    def centre_time_zone(self) -> ZoneInfo:
        """The time zone of the centre, in which the report shows times."""
        from dialer.settings.site_time import get_site_zone

        return get_site_zone(self.site_settings)

    @property
    def report_period(self) -> Window:
        """The period and campaign that the report covers.

        Raises BadParameter for invalid options.
        """
        from dialer.reports.tables import Window

        return Window()

    def print_report_or_write_to_file(self, make: Callable[[Connection], Report]) -> None:
        """Create the report with `make`, and print it or write it to the file `out`.

        Whether the file can be written is checked first.
        """
        from dialer.domain.clock import SystemClock
        from dialer.reports.files import describe_report_period, encode_report_as_file

        window, chosen = self.report_period, choose_report_format(self.form, self.out)
        if self.out is not None:
            refuse_unwritable_path(self.out, "--out", self.protected_files)
        with self.open_store_for_reading() as db:
            if window.campaign is not None:
                _refuse_unknown_campaign(db, window.campaign, self.site_settings)
            report = make(db)
        centre, now = self.site_settings.centre, datetime.fromtimestamp(SystemClock().now(), self.centre_time_zone)
        made = f"{centre.organisation}, centre {centre.id}, {now:%Y-%m-%d %H:%M}"
        report = replace(report, about=f"{made}: {describe_report_period(window, self.centre_time_zone)}")
        if self.out is None:
            _print_report(report, chosen)
        else:
            write_file(self.out, encode_report_as_file(report, chosen, foot=made))
            typer.echo(f"{self.out}: {len(report.rows)} rows", err=True)


@dataclass(frozen=True)
class TimedReportOptions(SiteReportOptions):
    """The options of a report for a period: --since and --until, and those of every report."""

    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Start, in the centre's time: 2026-04-22 or 2026-04-22T09:00.")
    ] = None
    until: Annotated[
        str | None, typer.Option(metavar="WHEN", help="End (exclusive). A date alone means the start of that day.")
    ] = None

    @property
    def report_period(self) -> Window:
        """The period that the report covers.

        Raises BadParameter for invalid options.
        """
        return parse_report_period(self.since, self.until, self.centre_time_zone)


@dataclass(frozen=True)
class CampaignReportOptions(TimedReportOptions):
    """The options of a report for a period and a campaign."""

    campaign: Annotated[str | None, typer.Option(metavar="ID", help="Only this campaign.")] = None

    @property
    def report_period(self) -> Window:
        """The period and campaign that the report covers.

        Raises BadParameter for invalid options.
        """
        return replace(super().report_period, campaign=self.campaign)


def parse_report_period(since: str | None, until: str | None, zone: tzinfo) -> Window:
    """Return the period of a report from the options --since and --until.

    Raises BadParameter if one of them is no date or time, or if they are in the wrong order.
    """
    from dialer.reports.tables import FOREVER, Window

    window = Window(
        since=0.0 if since is None else parse_time_option(since, zone, "--since"),
        until=FOREVER if until is None else parse_time_option(until, zone, "--until"),
    )
    if window.since >= window.until:
        raise typer.BadParameter("--since must be before --until: correct one of them")
    return window


def _add_report_command(name: str, summary: str) -> None:
    """Add the command `dialer report NAME`, which prints the report of this name in `dialer.reports.catalogue`."""

    def print_report_with_options(report: CampaignReportOptions) -> None:
        gc.disable()  # a report is a short process, whose imports create many objects and no garbage
        from dialer.reports.catalogue import REPORTS, ReportSource

        report.print_report_or_write_to_file(
            lambda db: REPORTS[name](
                ReportSource(db, report.report_period, report.centre_time_zone, report.site_settings)
            )
        )

    print_report_with_options.__doc__ = summary
    app.command(name)(print_report_with_options)


for _name, _summary in (
    ("trunks", "Show attempts, answer-seizure ratio, failures and busiest second of each trunk."),
    (
        "agents",
        "Show utilisation, calls, mean handling time and seconds in each state, by seat and agent."
        " --campaign filters the calls only.",
    ),
    ("dispositions", "Count calls by agent and disposition."),
    ("abandonment", "Show live answers, abandoned calls and their rate, by campaign and day."),
    (
        "machines",
        "Show calls taken for answering machines, those judged by people, and the share charged as abandoned people.",
    ),
    ("evidence", "Show compliance with the profile's cap on abandoned calls, for every window, campaign and day."),
    ("hours", "Count attempts, answers, contacts, dispositions and abandoned calls by campaign, day and hour."),
    ("expenditure", "Count calls by candidate, constituency and day, for the expenditure return."),
    ("opt-outs", "Count opt-outs by day, source and campaign."),
    (
        "workers",
        "Show booth workers' calls, last report, reported and unknown serial numbers. --campaign filters the calls only.",
    ),
    ("complaints", "List complaints about calls with their remedies."),
    ("compliance", "Count calls, opt-outs, complaints and open complaints by day and campaign."),
    ("imports", "List imports of roll data with file, hash and result."),
):
    _add_report_command(_name, _summary)


@app.command("calls")
def print_calls_report(
    report: CampaignReportOptions,
    each: Annotated[
        bool, typer.Option("--each", help="List each call with the reason it was allowed, instead of totals.")
    ] = False,
) -> None:
    """Count call attempts by campaign and outcome."""
    from dialer.reports import calls, tables

    window, zone = report.report_period, report.centre_time_zone
    report.print_report_or_write_to_file(
        lambda db: calls.report_each_call(db, window, zone) if each else tables.report_calls(db, window)
    )


@app.command("answers")
def print_answers_report(
    report: CampaignReportOptions,
    each: Annotated[
        bool, typer.Option("--each", help="List each answer, message and call-back request, instead of totals.")
    ] = False,
    question: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this question, such as call_back or message.")
    ] = None,
) -> None:
    """Count voters' answers in flows and agents' scripts, by campaign, question and answer."""
    from dialer.reports import tables

    window, zone = report.report_period, report.centre_time_zone
    report.print_report_or_write_to_file(
        lambda db: (
            tables.report_each_answer(db, window, zone, question)
            if each
            else tables.report_answers(db, window, question)
        )
    )


@app.command("recordings")
def print_recordings_report(
    report: CampaignReportOptions,
    unjudged: Annotated[
        bool,
        typer.Option(
            "--unjudged",
            help="List only calls taken for answering machines for which nobody has recorded who answered.",
        ),
    ] = False,
) -> None:
    """List recorded calls: file, agent, duration, who answered, and whether the file still exists.

    Who answered is shown if a person has listened to the recording and recorded it.
    """
    from dialer.reports import tables

    window, zone, settings = report.report_period, report.centre_time_zone, report.site_settings
    report.print_report_or_write_to_file(
        lambda db: tables.report_recordings(db, window, zone, settings.recordings.directory, unjudged=unjudged)
    )


@app.command("results")
def print_results_report(
    report: CampaignReportOptions,
    state: Annotated[str | None, typer.Option(metavar="CODE", help="Only voters of this state.")] = None,
    constituency: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Only voters of this constituency.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only voters in this portal's exports, with the portal's own IDs."),
    ] = None,
) -> None:
    """List each voter's result, without names or phone numbers.

    Each row has the date, the result and a column for each question.
    """
    from dialer.reports import results as voter_results
    from dialer.roll.sources import find_portal_by_name, load_voter_ids_sent_by_portal
    from dialer.store.roll import read_hashes_of_imported_files

    def create_results_report(db: Connection) -> Report:
        ids = (
            None
            if source is None
            else load_voter_ids_sent_by_portal(
                find_portal_by_name(report.site_settings.sources, source), read_hashes_of_imported_files(db)
            )
        )
        area = voter_results.ResultArea(state, constituency)
        return voter_results.report_results_of_voters(db, report.report_period, report.centre_time_zone, area, ids)

    report.print_report_or_write_to_file(create_results_report)


def choose_report_format(form: ReportFormat | None, out: Path | None) -> ReportFormat:
    """Return the format of a report: the value of --format, or the suffix of --out, or else a table.

    Raises BadParameter or OutputRefused for options that do not fit together.
    """
    if out is None:
        chosen = form or ReportFormat.TABLE
        if chosen in {ReportFormat.XLSX, ReportFormat.PDF}:
            raise typer.BadParameter(f"--format: {chosen.value} cannot be printed: give a file with --out")
        return chosen
    ending = out.suffix.removeprefix(".").lower()
    if form is None:
        if ending not in {each.value for each in ReportFormat if each is not ReportFormat.TABLE}:
            raise typer.BadParameter(f"--out: {out.name} has no known format; end it with .csv, .json, .xlsx or .pdf")
        return ReportFormat(ending)
    if form is ReportFormat.TABLE:
        raise typer.BadParameter(
            "--format: `table` is for the terminal only; choose csv, json, xlsx or pdf to write a file"
        )
    if ending != form.value and ending in {each.value for each in ReportFormat}:
        raise OutputRefused(f"--out {out.name} and --format {form.value} contradict each other; leave one out")
    return form


def _refuse_unknown_campaign(db: Connection, campaign: str, settings: Settings) -> None:
    """Raise NotInStore for a campaign that is neither in the store nor in the settings.

    Otherwise the report would be empty, as if the campaign had made no calls.
    """
    from dialer.store.campaigns import read_campaign_states

    known = {*read_campaign_states(db), *(each.id for each in settings.campaigns)}
    if campaign not in known:
        names = ", ".join(sorted(known)) or "none"
        raise NotInStore(f"--campaign: there is no campaign {campaign!r}; use one of: {names}")


def parse_time_option(text: str, zone: tzinfo, option: str) -> float:
    """Return the time that a user gave for `option` in ISO 8601, as epoch seconds. Raises BadParameter for any other
    text.

    A time without an offset from UTC is in `zone`.
    """
    from dialer.reports.files import parse_report_time

    try:
        return parse_report_time(text, zone)
    except ValueError as error:
        raise typer.BadParameter(
            f"{option}: {text!r} is not a date or time: write 2026-04-22 or 2026-04-22T09:00"
        ) from error


def _print_report(report: Report, form: ReportFormat) -> None:
    from rich.console import Console

    from dialer.reports.formats import format_report_as_csv, format_report_as_json, format_report_as_table

    match form:
        case ReportFormat.CSV:
            typer.echo(format_report_as_csv(report), nl=False)
        case ReportFormat.JSON:
            typer.echo(format_report_as_json(report))
        case ReportFormat.TABLE if report.rows:
            console = Console()
            if not console.is_terminal:
                console.width = FILE_WIDTH  # in a file or pipe, do not cut columns to the width of a terminal
            console.print(format_report_as_table(report))
            console.print(report.about, style="dim", soft_wrap=True, markup=False, highlight=False)
        case ReportFormat.TABLE:
            typer.echo(f"{report.title}: {report.empty or 'no records for this period and campaign'} ({report.about})")


# `dialer report turnout`: turnout by booth, section, constituency or hour, and curves of a day.


@app.command("turnout")
def print_turnout_report(
    report: CampaignReportOptions,
    by: Annotated[
        TurnoutBy, typer.Option(metavar=format_option_choices(TurnoutBy), help="Unit of each row.")
    ] = TurnoutBy.BOOTH,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw the day's curves into this .png or .svg file.")
    ] = None,
    day: Annotated[
        str | None, typer.Option(metavar="DATE", help="Day of the curves. [default: the last day with figures]")
    ] = None,
) -> None:
    """Show turnout as voters reported it on the phone, and official turnout if it was entered."""
    from dialer.reports.picture_file import check_picture_path
    from dialer.reports.polling_day import report_turnout

    window, shown = report.report_period, None if day is None else parse_date_option(day, "--day")
    if picture is not None:
        check_picture_path(picture)  # fail before the report is made
        refuse_protected_path(picture, "--picture", report.protected_files)
    report.print_report_or_write_to_file(lambda db: report_turnout(db, window, report.centre_time_zone, by))
    if picture is not None:
        _draw_turnout_chart(report, picture, shown)


def _draw_turnout_chart(report: CampaignReportOptions, picture: Path, day: date | None) -> None:
    from dialer.polling_day.plan import ExpectedTurnout
    from dialer.reports.polling_day import (
        load_constituencies_of_roll,
        load_official_turnout_figures,
        load_turnout_progress,
    )
    from dialer.reports.turnout_picture import draw_turnout_charts

    zone, chosen = report.centre_time_zone, report.site_settings.polling_day
    with report.open_store_for_reading() as db:
        found, official = (
            load_turnout_progress(db, report.report_period),
            load_official_turnout_figures(db, report.report_period, zone),
        )
        states = load_constituencies_of_roll(db)
    ends = (
        datetime.fromtimestamp(end - 1, zone) for progress in found.values() for end in progress.turnout_change_times
    )
    days = {end.date() for end in ends} | {figure.day for figure in official}
    if not days:
        typer.echo("no picture was drawn: there are no figures for any day yet", err=True)
        return
    shown = day or max(days)
    expected = ExpectedTurnout(chosen.opens, tuple((point.at, point.voted) for point in chosen.expected_turnout))
    left_out = draw_turnout_charts(picture, shown, found, official, expected, zone, states=states)
    more = f"; {left_out} constituencies with fewer contacted voters are left out" if left_out else ""
    typer.echo(f"{picture}: {shown}{more}", err=True)
