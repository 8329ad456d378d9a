"""`dialer report ...`: what happened, as a table, CSV, JSON, a workbook or a PDF."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from config.settings import Settings
from config.site_rules import site_profile
from dialer.cli.options import ConfigOption, StoreOption, day_of, reading_of, site, site_files
from dialer.domain.clock import SystemClock
from dialer.domain.errors import NotInStore, OutputRefused
from dialer.domain.output import refuse_kept, refuse_unwritable, write_file
from dialer.domain.site_time import site_zone
from dialer.polling_day.turnout_curve import ExpectedCourse
from dialer.reports import accounts, tables
from dialer.reports import evidence as proof
from dialer.reports import results as voter_results
from dialer.reports.formats import Format, Report, as_csv, as_json, as_table
from dialer.reports.polling_day import Constituency, ConstituencyDay, TurnoutBy, courses, official_figures, states_of
from dialer.reports.polling_day import turnout as made
from dialer.reports.tables import FOREVER, Window
from dialer.reports.turnout_picture import draw_turnout
from dialer.roll.sources import ids_of, source_named
from dialer.simulation.plots import check_picture
from dialer.store.connection import Connection
from dialer.store.numbers import campaign_states
from dialer.store.roll import taken_files

app = typer.Typer(help="What happened, as a table, CSV, JSON, XLSX or PDF.", no_args_is_help=True)

SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="From then on: 2026-04-22 or 2026-04-22T09:00, centre's time."),
]
UntilOption = Annotated[
    str | None,
    typer.Option("--until", metavar="WHEN", help="To before then; a date alone is the midnight it begins with."),
]
CampaignOption = Annotated[str | None, typer.Option("--campaign", metavar="ID", help="Of this campaign alone.")]
FormatOption = Annotated[
    Format | None, typer.Option("--format", "-f", help="How it is written. [default: table, or as --out ends]")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write to this file: .csv, .json, .xlsx or .pdf.")
]

FILE_WIDTH = 200

Making = Callable[[Connection, Window, tzinfo, Settings], Report]


def _register(name: str, summary: str, make: Making) -> None:
    """Make `dialer report NAME`: all reports take the same options."""

    def run(
        since: SinceOption = None,
        until: UntilOption = None,
        campaign: CampaignOption = None,
        form: FormatOption = None,
        out: OutOption = None,
        store: StoreOption = None,
        config: ConfigOption = None,
    ) -> None:
        settings = site(config, store)
        window = window_of(since, until, campaign, site_zone(settings))
        deliver(make, window, form, out, settings, config)

    run.__doc__ = summary
    app.command(name)(run)


def window_of(since: str | None, until: str | None, campaign: str | None, zone: tzinfo) -> Window:
    """What the options say. Raises BadParameter."""
    window = Window(
        since=0.0 if since is None else moment(since, zone, "--since"),
        until=FOREVER if until is None else moment(until, zone, "--until"),
        campaign=campaign,
    )
    if window.since >= window.until:
        raise typer.BadParameter("--since must be before --until")
    return window


def deliver(
    make: Making,
    window: Window,
    form: Format | None,
    out: Path | None,
    settings: Settings,
    config: Path | None,
) -> None:
    """Make a report and print it, or write it to the file `out`, which is looked at first."""
    zone = site_zone(settings)
    chosen = format_of(form, out)
    if out is not None:
        refuse_unwritable(out, "--out", site_files(settings, config))
    with reading_of(settings) as db:
        if window.campaign is not None:
            _refuse_unknown(db, window.campaign, settings)
        report = make(db, window, zone, settings)
    now = datetime.fromtimestamp(SystemClock().now(), zone)
    made = f"{settings.centre.organisation}, centre {settings.centre.id}, {now:%Y-%m-%d %H:%M}"
    report = replace(report, about=f"{made}: {period(window, zone)}")
    if out is None:
        _print(report, chosen)
    else:
        write_file(out, as_bytes(report, chosen, foot=made))
        typer.echo(f"{out}: {len(report.rows)} rows", err=True)


for _name, _summary, _make in (
    (
        "trunks",
        "Attempts, answer-seizure ratio, failures and busiest second of each trunk.",
        lambda db, window, _, __: tables.trunks(db, window),
    ),
    (
        "agents",
        "Utilisation, calls, mean handling time and seconds in each state, by seat and agent. A campaign narrows the calls alone.",
        lambda db, window, _, __: tables.agents(db, window),
    ),
    (
        "dispositions",
        "What agents said of their calls: by agent and disposition.",
        lambda db, window, _, __: tables.dispositions(db, window),
    ),
    (
        "abandonment",
        "Live answers, abandoned calls and their rate, by campaign and day.",
        lambda db, window, zone, _: tables.abandonment(db, window, zone),
    ),
    (
        "evidence",
        "Whether the abandoned-call cap of the site's profile was held, in every window of every campaign and day.",
        lambda db, window, zone, settings: proof.evidence(db, window, zone, site_profile(settings)),
    ),
    (
        "hours",
        "Attempts, answers, conversations and abandoned calls, by campaign, day and hour.",
        lambda db, window, zone, _: accounts.hours(db, window, zone),
    ),
    (
        "expenditure",
        "Calls by candidate, constituency and day, for the expenditure return.",
        lambda db, window, zone, settings: accounts.expenditure(
            db, window, zone, {campaign.id: campaign.candidate for campaign in settings.campaigns}
        ),
    ),
    (
        "opt-outs",
        "Numbers that opted out, by day, source and campaign.",
        lambda db, window, zone, _: accounts.opt_outs(db, window, zone),
    ),
    (
        "workers",
        "Booth workers: calls, when last heard, serials given, and those that nobody has. A campaign narrows the calls alone.",
        lambda db, window, zone, _: accounts.workers(db, window, zone),
    ),
    (
        "complaints",
        "Complaints about calls, one by one, with what was done about each.",
        lambda db, window, zone, _: accounts.complaints(db, window, zone),
    ),
    (
        "compliance",
        "Opt-outs and complaints, and how many of these are open, beside the calls placed, by day and campaign.",
        lambda db, window, zone, _: accounts.compliance(db, window, zone),
    ),
    (
        "imports",
        "Where the roll's data comes from: every import, its file, the file's hash, and what it brought.",
        lambda db, window, zone, _: accounts.imports(db, window, zone),
    ),
    (
        "recordings",
        "Recorded calls: the file's name in recordings.directory, who talked and how long, and whether it is still kept.",
        lambda db, window, zone, settings: tables.recordings(db, window, zone, settings.recordings.directory),
    ),
):
    _register(_name, _summary, _make)


@app.command()
def calls(
    each: Annotated[
        bool, typer.Option("--each", help="Call by call, each with why it was lawful, instead of sums.")
    ] = False,
    since: SinceOption = None,
    until: UntilOption = None,
    campaign: CampaignOption = None,
    form: FormatOption = None,
    out: OutOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Attempts by campaign and outcome."""
    settings = site(config, store)
    window = window_of(since, until, campaign, site_zone(settings))

    def made(db: Connection, window: Window, zone: tzinfo, _: Settings) -> Report:
        return tables.each_call(db, window, zone) if each else tables.calls(db, window)

    deliver(made, window, form, out, settings, config)


@app.command()
def answers(
    each: Annotated[
        bool, typer.Option("--each", help="Answer by answer, with callers' messages and wishes, instead of sums.")
    ] = False,
    question: Annotated[
        str | None, typer.Option("--question", metavar="NAME", help="Of this question alone: call_back, message, ...")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    campaign: CampaignOption = None,
    form: FormatOption = None,
    out: OutOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """What was answered in flows and to agents' scripts: calls by campaign, question and answer."""
    settings = site(config, store)
    window = window_of(since, until, campaign, site_zone(settings))

    def made(db: Connection, window: Window, zone: tzinfo, _: Settings) -> Report:
        return tables.each_answer(db, window, zone, question) if each else tables.answers(db, window, question)

    deliver(made, window, form, out, settings, config)


@app.command()
def results(
    state: Annotated[str | None, typer.Option("--state", metavar="CODE", help="Of voters of this state alone.")] = None,
    constituency: Annotated[
        int | None, typer.Option("--constituency", metavar="NUMBER", help="Of voters of this constituency alone.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source", metavar="NAME", help="Of the voters in this portal's exports alone, under the portal's own ids."
        ),
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    campaign: CampaignOption = None,
    form: FormatOption = None,
    out: OutOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Results, voter by voter, for who gave the roll: date, result, and a column for each question. No name and no number."""
    settings = site(config, store)
    window = window_of(since, until, campaign, site_zone(settings))

    def made(db: Connection, window: Window, zone: tzinfo, settings: Settings) -> Report:
        ids = None if source is None else ids_of(source_named(settings.sources, source), taken_files(db))
        return voter_results.results(db, window, zone, voter_results.ResultArea(state, constituency), ids)

    deliver(made, window, form, out, settings, config)


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
    """What was asked for, else what the file's name says, else a table.

    Raises BadParameter for what no terminal can show, OutputRefused where the two contradict each other.
    """
    if form is None and out is not None:
        ending = out.suffix.removeprefix(".").lower()
        if ending not in {each.value for each in Format if each is not Format.TABLE}:
            raise typer.BadParameter(f"--out: {out.name} says no format; end it with .csv, .json, .xlsx or .pdf")
        return Format(ending)
    if form is not None and out is not None:
        ending = out.suffix.removeprefix(".").lower()
        if ending != form.value and ending in {each.value for each in Format}:
            raise OutputRefused(f"--out {out.name} and --format {form.value} contradict each other; leave one out")
    chosen = form or Format.TABLE
    if out is None and chosen in {Format.XLSX, Format.PDF}:
        raise typer.BadParameter(f"--format {chosen.value} is no text: name a file with --out")
    return chosen


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
    settings = site(config, store)
    window = window_of(since, until, campaign, site_zone(settings))
    shown = None if day is None else day_of(day, "--day")
    if picture is not None:
        check_picture(picture)  # before the report: one that is asked for wrongly gives nothing
        refuse_kept(picture, "--picture", site_files(settings, config))
    deliver(lambda db, window, zone, _: made(db, window, zone, by), window, form, out, settings, config)
    if picture is not None:
        _draw(settings.store.path, picture, shown, window, settings)


def _draw(store: Path, picture: Path, day: date | None, window: Window, settings: Settings) -> None:
    zone, chosen = site_zone(settings), settings.polling_day
    with reading_of(settings) as db:
        found, official = courses(db, window), official_figures(db, window, zone)
        states = states_of(db)
    days = _days(found, zone) | {figure.day for figure in official}
    if not days:
        typer.echo("nothing is known of any day yet; no picture was drawn", err=True)
        return
    shown = day or max(days)
    expected = ExpectedCourse(chosen.opens, tuple((point.at, point.share) for point in chosen.expected))
    left_out = draw_turnout(picture, shown, found, official, expected, zone, states=states)
    more = f"; {left_out} constituencies are left out, fewer voters were reached there" if left_out else ""
    typer.echo(f"{picture}: {shown}{more}", err=True)


def _days(found: dict[Constituency, ConstituencyDay], zone: tzinfo) -> set[date]:
    return {
        datetime.fromtimestamp(end - 1, UTC).astimezone(zone).date() for course in found.values() for end in course.ends
    }
