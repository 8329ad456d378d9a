"""`dialer list strike-off|not-yet`: lists of voters for the booth workers, noted in the audit and marked with for whom."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import NamedSite
from dialer.cli.report import as_bytes
from dialer.domain.clock import SystemClock
from dialer.domain.errors import RollError
from dialer.domain.output import refuse_unwritable, write_file
from dialer.reports.formats import Column, ColumnKind, Format, Report
from dialer.reports.lists import BoothList, ListKind, as_pdf_sheets, as_report, load_booth_lists
from dialer.rules.rulebook import build_rulebook
from dialer.settings.site import Settings
from dialer.settings.site_rules import site_profile
from dialer.settings.site_time import site_zone
from dialer.store.exports import record_export

app = CommandGroup()

MOST_OF_A_ROLL = 999_999_999
"""The highest number in a cell (`dialer.roll.columns.TableRow.parse_number`): beyond any roll, within SQLite's range."""


@dataclass(frozen=True)
class ListOfVoters(NamedSite):
    """Of whom a list is, for whom, and where to."""

    who: Annotated[
        str,
        typer.Option(
            "--for", metavar="WHO", help="Recipient of the list, printed on every page and recorded in the audit."
        ),
    ] = field(kw_only=True)
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="The .pdf, .csv, .xlsx or .json file to write.")
    ] = field(kw_only=True)
    constituency: Annotated[int | None, typer.Option(min=0, max=MOST_OF_A_ROLL, help="Only this constituency.")] = None
    part: Annotated[int | None, typer.Option(min=0, max=MOST_OF_A_ROLL, help="Only this part.")] = None


@app.command("strike-off")
def strike_off(wanted: ListOfVoters) -> None:
    """Write a sheet for each booth of voters who have not voted, to be struck off by hand.

    `dialer marks import` imports it.
    """
    _make(ListKind.STRIKE_OFF, wanted)


@app.command("not-yet")
def not_yet(wanted: ListOfVoters) -> None:
    """List voters who said that they had not voted yet, by booth, with the time at which they plan to."""
    _make(ListKind.NOT_YET, wanted)


def _make(kind: ListKind, wanted: ListOfVoters) -> None:
    settings, who, out = wanted.settings, wanted.who, wanted.out
    if not who.strip():
        raise RollError("--for is empty; a list needs the name of the person whom it is for")
    ending = out.suffix.removeprefix(".").lower()
    if ending not in {"pdf", "csv", "xlsx", "json"}:
        raise typer.BadParameter(f"--out: {out.name} says no format; end it with .pdf, .csv, .xlsx or .json")
    # Before the audit notes a list that nobody gets.
    refuse_unwritable(out, "--out", wanted.files)
    _refuse_past_erasing(settings)
    with wanted.reading() as db:
        lists = load_booth_lists(db, kind, wanted.constituency, wanted.part)
    if not lists:
        typer.echo("nobody is on this list; nothing was written")
        return
    now = datetime.fromtimestamp(SystemClock().now(), site_zone(settings))
    voters = sum(len(booth.rows) for booth in lists)
    what = {"list": kind.value, "booths": str(len(lists)), "voters": str(voters), "file": out.name}
    number = record_export(
        wanted.path, who, what, now.timestamp(), key=wanted.key
    )  # first: without its note there is no list
    mark = f"for {who} - list {number} of {now:%Y-%m-%d %H:%M} - confidential, to be destroyed after the poll"
    content = (
        as_pdf_sheets(lists, kind, mark=mark)
        if ending == "pdf"
        else as_bytes(_marked(lists, kind, mark), Format(ending), foot=mark)
    )
    write_file(out, content)
    digest = hashlib.sha256(content).hexdigest()[:16]
    typer.echo(f"{out}: {voters} voters of {len(lists)} booths; list {number} in the audit, file {digest}", err=True)


def _refuse_past_erasing(settings: Settings) -> None:
    """No list of voters when the data of every poll had to be erased. Raises RollError, SettingError."""
    rules = build_rulebook(site_profile(settings), settings)
    if rules.polls and all(SystemClock().now() >= rules.get_erasure_time(poll) for poll in rules.polls):
        last = max(poll.day for poll in rules.polls)
        days = f"{rules.profile.retention.erase_after_days} days after the poll of {last.isoformat()}"
        raise RollError(f"names and numbers had to be erased {days}: no list is written; run dialer purge")


def _marked(lists: list[BoothList], kind: ListKind, mark: str) -> Report:
    """The table with its mark in a column of every row, so that no part of it goes without."""
    report = as_report(lists, kind)
    return Report(
        report.title, (*report.columns, Column("made", ColumnKind.TEXT)), tuple((*row, mark) for row in report.rows)
    )
