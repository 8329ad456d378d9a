"""`dialer list strike-off|not-yet`: write lists of voters for booth workers (helpers at polling stations).

Each list names its recipient.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import SiteOptions
from dialer.domain.enums import ReportFormat
from dialer.domain.errors import RollError
from dialer.domain.output import refuse_unwritable_path, write_file

if TYPE_CHECKING:
    from dialer.reports.formats import Report
    from dialer.reports.lists import BoothList, ListKind
    from dialer.settings.site import Settings

app = CommandGroup()

MAX_NUMBER = 999_999_999
"""The highest constituency or part number, as in imported files (`dialer.roll.columns.TableRow.parse_number_in_column`)."""


@dataclass(frozen=True)
class VoterListOptions(SiteOptions):
    """The command-line options for a list of voters: which voters, for whom and into which file."""

    who: Annotated[
        str,
        typer.Option(
            "--for", metavar="WHO", help="Recipient of the list, printed on every page and recorded in the audit."
        ),
    ] = field(kw_only=True)
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="The .pdf, .csv, .xlsx or .json file to write.")
    ] = field(kw_only=True)
    constituency: Annotated[
        int | None, typer.Option(metavar="NUMBER", min=0, max=MAX_NUMBER, help="Only this constituency.")
    ] = None
    part: Annotated[int | None, typer.Option(metavar="NUMBER", min=0, max=MAX_NUMBER, help="Only this part.")] = None


@app.command("strike-off")
def write_strike_off_sheets(wanted: VoterListOptions) -> None:
    """Write a sheet for each polling booth with the voters who have not voted, to be ticked off by hand.

    `dialer marks import` imports the completed sheets.
    """
    from dialer.reports.lists import ListKind

    _write_voter_list(ListKind.STRIKE_OFF, wanted)


@app.command("not-yet")
def write_not_yet_voted_list(wanted: VoterListOptions) -> None:
    """Write a list of the voters who had not voted yet when called, by polling booth, with their planned time."""
    from dialer.reports.lists import ListKind

    _write_voter_list(ListKind.NOT_YET, wanted)


def _write_voter_list(kind: ListKind, wanted: VoterListOptions) -> None:
    from dialer.domain.clock import SystemClock
    from dialer.reports.files import encode_report_as_file
    from dialer.reports.lists import load_voter_lists_of_booths, render_lists_as_pdf
    from dialer.settings.site_time import get_site_zone
    from dialer.store.exports import append_export_to_audit

    settings, who, out = wanted.site_settings, wanted.who, wanted.out
    if not who.strip():
        raise RollError("--for is empty: give the name of the recipient")
    ending = out.suffix.removeprefix(".").lower()
    if ending not in {"pdf", "csv", "xlsx", "json"}:
        raise typer.BadParameter(f"--out: {out.name} has no known format; end it with .pdf, .csv, .xlsx or .json")
    # Check the file first, so that the audit does not record a list that cannot be written.
    refuse_unwritable_path(out, "--out", wanted.protected_files)
    _refuse_lists_after_erasure_date(settings)
    with wanted.open_store_for_reading() as db:
        lists = load_voter_lists_of_booths(db, kind, wanted.constituency, wanted.part)
    if not lists:
        typer.echo("no voter matches; nothing was written")
        return
    now = datetime.fromtimestamp(SystemClock().now(), get_site_zone(settings))
    voters = sum(len(booth.rows) for booth in lists)
    what = {"list": kind.value, "booths": str(len(lists)), "voters": str(voters), "file": out.name}
    number = append_export_to_audit(
        wanted.store_path, who, what, now.timestamp(), key=wanted.store_encryption_key
    )  # recorded before it is written, so that no list exists without its audit entry
    mark = f"for {who} - list {number} of {now:%Y-%m-%d %H:%M} - confidential, to be destroyed after the poll"
    content = (
        render_lists_as_pdf(lists, kind, mark=mark)
        if ending == "pdf"
        else encode_report_as_file(_add_recipient_column_to_lists(lists, kind, mark), ReportFormat(ending), foot=mark)
    )
    write_file(out, content)
    digest = hashlib.sha256(content).hexdigest()[:16]
    typer.echo(
        f"{out}: {voters} voters at {len(lists)} booths; audit entry {number}, SHA-256 begins with {digest}", err=True
    )


def _refuse_lists_after_erasure_date(settings: Settings) -> None:
    """Raise RollError if the date by which all personal data must be erased has passed."""
    from dialer.domain.clock import SystemClock
    from dialer.rules.rulebook import build_rulebook
    from dialer.settings.site_rules import load_site_profile

    rules = build_rulebook(load_site_profile(settings), settings)
    if rules.polls and all(SystemClock().now() >= rules.get_erasure_time(poll) for poll in rules.polls):
        last = max(poll.day for poll in rules.polls)
        days = rules.profile.retention.erase_after_days
        raise RollError(
            f"no list was written, because the law requires that names and numbers are erased {days} days after the poll"
            f" of {last.isoformat()}: run `dialer purge`"
        )


def _add_recipient_column_to_lists(lists: list[BoothList], kind: ListKind, mark: str) -> Report:
    """Return the lists as one table. Every row has the recipient's name, so that copied rows keep it."""
    from dialer.reports.formats import Column, ColumnKind, Report
    from dialer.reports.lists import build_report_of_voter_lists

    report = build_report_of_voter_lists(lists, kind)
    return Report(
        report.title, (*report.columns, Column("made", ColumnKind.TEXT)), tuple((*row, mark) for row in report.rows)
    )
