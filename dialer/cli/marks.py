"""`dialer marks import|undo|show`: lists of those who have voted come in, a mark is taken back, and what is known of a voter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from dialer.cli.external_records import keep_all
from dialer.cli.group import CommandGroup
from dialer.cli.options import NamedSite, SiteAndWho, day_of
from dialer.cli.report import ReportOfSite
from dialer.domain.clock import SystemClock
from dialer.domain.enums import MarkKind
from dialer.domain.errors import RollError
from dialer.domain.model import Confidence, Mark, MarkSource
from dialer.domain.output import refuse_unwritable, write_file
from dialer.domain.person_ids import is_id
from dialer.engine.external_records.commands import MAX_MARKS
from dialer.mqtt.commands.client import CommandRequest
from dialer.reports.formats import Column, ColumnKind, Report, as_csv
from dialer.reports.polling_day import report_voter_marks
from dialer.roll.mark_lists import MarkDefaults, MarkReject, MarksFile, read_marks, select_new_marks
from dialer.settings.site import Settings
from dialer.settings.site_time import site_day, site_zone
from dialer.site.lookup import find_voter
from dialer.store import marks

app = CommandGroup()

SHOWN_REJECTS = 20


class Origin(StrEnum):
    """Whose word a list is."""

    BOOTH_WORKER = "booth-worker"
    RELATIVE = "relative"
    IMPORT = "import"


VoterArgument = Annotated[
    str, typer.Argument(metavar="VOTER", help="The voter's ID, EPIC number, or constituency/part/serial.")
]


@app.command("import")
def import_marks(
    site: SiteAndWho,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV or XLSX with constituency, part, serial, or epic; and kind, time, by."
        ),
    ],
    source: Annotated[Origin, typer.Option(help="Who reported the list.")] = Origin.BOOTH_WORKER,
    confidence: Annotated[
        Confidence | None, typer.Option(help="How certain it is. [default: seen for a booth worker, otherwise told]")
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Who reported it, if no column says so: an ID such as worker-12.")
    ] = None,
    day: Annotated[
        str | None, typer.Option(metavar="DATE", help="The day of the list's times. [default: today]")
    ] = None,
    roll_version: Annotated[
        str | None, typer.Option(help="The roll version of the serials, if no column says it.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Check the whole file, but store nothing.")] = False,
    rejects: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the rejected lines' numbers and reasons to this file.")
    ] = None,
) -> None:
    """Import a list of people who have voted, also while the dialler runs. They are not called any more.

    Sheets of `dialer list strike-off` come back with an x in the column voted. Duplicates are ignored. Exit 1 if a line
    was rejected or there was none.
    """
    settings = site.settings
    zone, now = site_zone(settings), SystemClock().now()
    if by is not None and not is_id(by):
        raise typer.BadParameter("--by: give an id such as worker-12, no name and no number")
    told = MarkDefaults(MarkSource(source.value), confidence, by, _day(settings, day, now), roll_version)
    name = site.person
    if rejects is not None:
        kept = {**site.files, "the list itself": file}
        refuse_unwritable(rejects, "--rejects", kept)  # before anything is taken in
    with site.reading() as db:
        found = read_marks(file, db, told, now=now, zone=zone)
        new = list(select_new_marks(db, found.marks))
    if not (found.marks or found.rejects or found.unticked):
        typer.echo(f"dialer: {file} has a header and no lines: nothing was kept; write a line for each voter", err=True)
        raise typer.Exit(1)
    if not check:
        _keep(site, new, f"sha-{found.sha256[:16]}", name)
    _report(file, found, len(new), check=check)
    _report_rejects(found.rejects, rejects)


@app.command("undo")
def undo(
    site: SiteAndWho,
    voter: VoterArgument,
) -> None:
    """Undo that a voter has voted or is closed, by a correcting mark. The voter is called again.

    Exit 1 if there is nothing to undo.
    """
    name, now = site.person, SystemClock().now()
    voter_id = _voter(site, voter)
    with site.reading() as db:
        if marks.turnout_of(db, voter_id) == "pending":
            told = f"dialer: voter {voter_id}: there is nothing to take back, the voter is still to be called; nothing was kept"
            typer.echo(told, err=True)
            raise typer.Exit(1)
    key = f"undo/{voter_id}/{now:.6f}"
    mark = Mark(key, voter_id, MarkKind.NOT_YET, MarkSource.CORRECTION, now, agent=name)
    _keep(site, [mark], "undo", name)
    typer.echo(f"voter {voter_id}: corrected; still to be called")


@app.command("show")
def show(
    report: ReportOfSite,
    voter: VoterArgument,
) -> None:
    """Show every mark of a voter, with source, time, confidence and author, and the voter's status."""
    voter_id = _voter(report, voter)
    report.deliver(lambda db: report_voter_marks(db, voter_id, report.zone))


def _keep(site: NamedSite, marks: Sequence[Mark], batch: str, who: str) -> None:
    def request(number: int, some: list[Mark]) -> CommandRequest:
        told = {"marks": [_fields(mark) for mark in some], "batch": f"{batch}-{number}", "who": who}
        return CommandRequest("marks", told)

    keep_all(site.settings, marks, MAX_MARKS, "marks", request)


def _fields(mark: Mark) -> dict[str, Any]:
    told = {
        "key": mark.key,
        "voter": mark.voter_id,
        "kind": mark.kind.value,
        "source": mark.source.value,
        "at": round(mark.at, 3),
        "reported_by": mark.agent,
        "confidence": None if mark.confidence is None else mark.confidence.value,
    }
    return {name: value for name, value in told.items() if value is not None}


def _report(file: Path, found: MarksFile, new: int, *, check: bool) -> None:
    words = [f"{new:,} marks {'would be kept' if check else 'kept'}", f"{len(found.marks) - new:,} were known"]
    words += [f"{found.repeated:,} lines repeated"] if found.repeated else []
    words += [f"{found.unticked:,} not ticked"] if found.unticked else []
    words += [f"{len(found.rejects):,} rejected"] if found.rejects else []
    typer.echo(f"{file.name}: {', '.join(words)}{'; this was a check, nothing was kept' if check else ''}")


def _report_rejects(rejects: Sequence[MarkReject], path: Path | None) -> None:
    if path is not None:
        columns = (Column("line"), Column("reason", ColumnKind.TEXT))
        listed = Report("rejects", columns, tuple((each.line, each.reason) for each in rejects))
        write_file(path, as_csv(listed).encode(), "--rejects")
    for each in rejects[:SHOWN_REJECTS]:
        typer.echo(f"line {each.line:,}: {each.reason}", err=True)
    if len(rejects) > SHOWN_REJECTS:
        more = "they are in " + str(path) if path is not None else "--rejects FILE writes them all"
        typer.echo(f"and {len(rejects) - SHOWN_REJECTS:,} more lines; {more}", err=True)
    if rejects:
        raise typer.Exit(1)


def _day(settings: Settings, text: str | None, now: float) -> date:
    today = site_day(settings, now)
    if text is None:
        return today
    day = day_of(text, "--day")
    if day > today:
        raise typer.BadParameter(f"--day: {text} lies ahead")
    return day


def _voter(site: NamedSite, who: str) -> int:
    with site.reading() as db:
        voter_id = find_voter(db, who)
    if voter_id is None:
        raise RollError("this is no voter's id, no EPIC number and no constituency/part/serial")
    return voter_id
