"""`dialer marks import|undo|show`: import, undo and show marks, which are facts about voters, such as "voted" or
"moved".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import SiteAndPersonOptions, SiteOptions, format_option_choices, parse_date_option
from dialer.cli.report import SiteReportOptions
from dialer.domain.enums import Confidence, MarkKind
from dialer.domain.errors import RollError
from dialer.domain.output import refuse_unwritable_path, write_file
from dialer.domain.person_ids import is_person_id

if TYPE_CHECKING:
    from dialer.domain.model import Mark
    from dialer.mqtt.commands.client import CommandRequest
    from dialer.roll.mark_lists import MarkReject, MarksFile
    from dialer.settings.site import Settings

app = CommandGroup()

SHOWN_REJECTS = 20


class Origin(StrEnum):
    """The origin of an imported list of voters: a booth worker, a relative, or another file."""

    BOOTH_WORKER = "booth-worker"
    RELATIVE = "relative"
    IMPORT = "import"


VoterArgument = Annotated[
    str, typer.Argument(metavar="VOTER", help="The voter's ID, EPIC number, or constituency/part/serial.")
]


@app.command("import")
def import_voter_marks(
    site: SiteAndPersonOptions,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV or XLSX with constituency, part, serial, or epic; and kind, time, by."
        ),
    ],
    source: Annotated[
        Origin, typer.Option(metavar=format_option_choices(Origin), help="Who reported the list.")
    ] = Origin.BOOTH_WORKER,
    confidence: Annotated[
        Confidence | None,
        typer.Option(
            metavar=format_option_choices(Confidence),
            help="How reliable it is. [default: seen for a booth worker, otherwise told]",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="ID", help="ID of the reporter, such as worker-12, if the list has no such column."),
    ] = None,
    day: Annotated[
        str | None, typer.Option(metavar="DATE", help="The day of the times in the list. [default: today]")
    ] = None,
    roll_version: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Roll version of the serials, if the list has no such column."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Check the whole file, but store nothing.")] = False,
    rejects: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write line numbers and reasons of rejected lines to this file.")
    ] = None,
) -> None:
    """Import a list of people who have voted. They are not called again. The dialler may be running.

    Strike-off sheets (`dialer list strike-off`) have an x in the column voted. Duplicates are ignored. Exit 1 if a line
    was rejected or the list is empty.
    """
    from dialer.domain.clock import SystemClock
    from dialer.domain.model import MarkSource
    from dialer.roll.mark_lists import MarkDefaults, read_list_of_voter_marks, select_voter_marks_not_stored
    from dialer.settings.site_time import get_site_zone

    settings = site.site_settings
    zone, now = get_site_zone(settings), SystemClock().now()
    if by is not None and not is_person_id(by):
        raise typer.BadParameter("--by: must be an ID such as worker-12; do not give a name or phone number")
    defaults = MarkDefaults(
        MarkSource(source.value), confidence, by, _parse_day_of_voter_marks(settings, day, now), roll_version
    )
    name = site.responsible_person_id
    if rejects is not None:
        protected = {**site.protected_files, "the list itself": file}
        refuse_unwritable_path(rejects, "--rejects", protected)  # fail before anything is imported
    with site.open_store_for_reading() as db:
        found = read_list_of_voter_marks(file, db, defaults, now=now, zone=zone)
        new = list(select_voter_marks_not_stored(db, found.marks))
    if not (found.marks or found.rejects or found.unticked):
        typer.echo(
            f"dialer: {file} has a header but no lines: nothing was imported; write a line for each voter", err=True
        )
        raise typer.Exit(1)
    if not check:
        _save_voter_marks(site, new, f"sha-{found.sha256[:16]}", name)
    _print_import_result(file, found, len(new), check=check)
    _report_rejected_voter_marks(found.rejects, rejects)


@app.command("undo")
def undo_voter_mark(
    site: SiteAndPersonOptions,
    voter: VoterArgument,
) -> None:
    """Undo a wrong record that a voter has voted, or is closed (not to be called any more).

    The voter is called again. The wrong record stays, followed by a correction. Exit 1 if the voter is not recorded as
    voted or closed.
    """
    from dialer.domain.clock import SystemClock
    from dialer.domain.model import Mark, MarkSource
    from dialer.store import marks

    name, now = site.responsible_person_id, SystemClock().now()
    voter_id = _find_voter_for_mark_command(site, voter)
    with site.open_store_for_reading() as db:
        if marks.read_current_status_of_voter(db, voter_id) == "pending":
            typer.echo(
                f"dialer: voter {voter_id} is not recorded as voted or closed: there is nothing to undo", err=True
            )
            raise typer.Exit(1)
    key = f"undo/{voter_id}/{now:.6f}"
    mark = Mark(key, voter_id, MarkKind.NOT_YET, MarkSource.CORRECTION, now, agent=name)
    _save_voter_marks(site, [mark], "undo", name)
    typer.echo(f"voter {voter_id} is corrected and will be called again")


@app.command("show")
def show_marks_of_voter(
    report: SiteReportOptions,
    voter: VoterArgument,
) -> None:
    """Show the voter's status and all marks (facts about the voter): who reported what, when, and how reliable it is."""
    from dialer.reports.polling_day import report_voter_marks

    voter_id = _find_voter_for_mark_command(report, voter)
    report.print_report_or_write_to_file(lambda db: report_voter_marks(db, voter_id, report.centre_time_zone))


def _save_voter_marks(site: SiteOptions, marks: Sequence[Mark], batch: str, who: str) -> None:
    from dialer.cli.external_records import save_records_in_batches
    from dialer.engine.external_records.commands import MAX_MARKS
    from dialer.mqtt.commands.client import CommandRequest

    def create_command_that_stores_voter_marks(number: int, some: list[Mark]) -> CommandRequest:
        fields = {
            "marks": [_convert_voter_mark_to_command_fields(mark) for mark in some],
            "batch": f"{batch}-{number}",
            "who": who,
        }
        return CommandRequest("marks", fields)

    save_records_in_batches(site.site_settings, marks, MAX_MARKS, "marks", create_command_that_stores_voter_marks)


def _convert_voter_mark_to_command_fields(mark: Mark) -> dict[str, Any]:
    fields = {
        "key": mark.key,
        "voter_id": mark.voter_id,
        "kind": mark.kind.value,
        "source": mark.source.value,
        "at": round(mark.at, 3),
        "reported_by": mark.agent,
        "confidence": None if mark.confidence is None else mark.confidence.value,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _print_import_result(file: Path, found: MarksFile, new: int, *, check: bool) -> None:
    words = [f"{new:,} marks {'would be imported' if check else 'imported'}"]
    words += [f"{len(found.marks) - new:,} already known"]
    words += [f"{found.repeated:,} lines repeated"] if found.repeated else []
    words += [f"{found.unticked:,} not ticked"] if found.unticked else []
    words += [f"{len(found.rejects):,} rejected"] if found.rejects else []
    typer.echo(f"{file.name}: {', '.join(words)}{'; this was a check, nothing was stored' if check else ''}")


def _report_rejected_voter_marks(rejects: Sequence[MarkReject], path: Path | None) -> None:
    from dialer.reports.formats import Column, ColumnKind, Report, format_report_as_csv

    if path is not None:
        columns = (Column("line"), Column("reason", ColumnKind.TEXT))
        listed = Report("rejects", columns, tuple((each.line, each.reason) for each in rejects))
        write_file(path, format_report_as_csv(listed).encode(), "--rejects")
    for each in rejects[:SHOWN_REJECTS]:
        typer.echo(f"line {each.line:,}: {each.reason}", err=True)
    if len(rejects) > SHOWN_REJECTS:
        more = f"see {path}" if path is not None else "--rejects FILE writes them all"
        typer.echo(f"and {len(rejects) - SHOWN_REJECTS:,} more lines; {more}", err=True)
    if rejects:
        raise typer.Exit(1)


def _parse_day_of_voter_marks(settings: Settings, text: str | None, now: float) -> date:
    from dialer.settings.site_time import get_site_day

    today = get_site_day(settings, now)
    if text is None:
        return today
    day = parse_date_option(text, "--day")
    if day > today:
        raise typer.BadParameter(f"--day: {text} is in the future: give the day on which the list was made")
    return day


def _find_voter_for_mark_command(site: SiteOptions, who: str) -> int:
    from dialer.site.lookup import find_voter_by_id_or_place

    with site.open_store_for_reading() as db:
        voter_id = find_voter_by_id_or_place(db, who)
    if voter_id is None:
        raise RollError("voter not found: give a voter's ID, an EPIC number, or constituency/part/serial")
    return voter_id
