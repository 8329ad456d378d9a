"""`dialer list strike-off|not-yet`: lists of voters for the booth workers, noted in the audit and marked with for whom."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from config.settings import Settings
from config.site_rules import site_profile
from dialer.cli.options import ConfigOption, StoreOption, site, site_files
from dialer.cli.report import as_bytes
from dialer.domain.clock import SystemClock
from dialer.domain.errors import RollError
from dialer.domain.output import refuse_unwritable, write_file
from dialer.domain.site_time import site_zone
from dialer.reports.formats import Column, ColumnKind, Format, Report
from dialer.reports.lists import BoothList, ListKind, as_report, as_sheets, booth_lists
from dialer.rules.rulebook import rulebook_of
from dialer.store.cipher import site_key
from dialer.store.connection import reading
from dialer.store.records import note_export

app = typer.Typer(help="Lists of voters for the booth workers.", no_args_is_help=True)

WhoOption = Annotated[
    str, typer.Option("--for", metavar="WHO", help="For whom the list is: stands on every sheet and in the audit.")
]
OutOption = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="A .pdf to print, or .csv, .xlsx, .json.")]
MOST_OF_A_ROLL = 999_999_999
"""As high as a list's cell may name one (`dialer.roll.columns.whole_number`): beyond any roll's, within what SQLite takes."""
ConstituencyOption = Annotated[
    int | None, typer.Option("--constituency", min=0, max=MOST_OF_A_ROLL, help="Of this constituency alone.")
]
PartOption = Annotated[int | None, typer.Option("--part", min=0, max=MOST_OF_A_ROLL, help="Of this part alone.")]


@app.command("strike-off")
def strike_off(
    who: WhoOption,
    out: OutOption,
    constituency: ConstituencyOption = None,
    part: PartOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Sheets per booth of all who are still to vote, with a box to strike off; `dialer marks import` takes them back."""
    _make(ListKind.STRIKE_OFF, who, out, constituency, part, site(config, store), config)


@app.command("not-yet")
def not_yet(
    who: WhoOption,
    out: OutOption,
    constituency: ConstituencyOption = None,
    part: PartOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Who said that they had not voted yet, per booth, with the hour that they named."""
    _make(ListKind.NOT_YET, who, out, constituency, part, site(config, store), config)


def _make(
    kind: ListKind,
    who: str,
    out: Path,
    constituency: int | None,
    part: int | None,
    settings: Settings,
    config: Path | None,
) -> None:
    if not who.strip():
        raise RollError("--for is empty; a list needs the name of the person whom it is for")
    path, key = settings.store.path, site_key(settings)
    ending = out.suffix.removeprefix(".").lower()
    if ending not in {"pdf", "csv", "xlsx", "json"}:
        raise typer.BadParameter(f"--out: {out.name} says no format; end it with .pdf, .csv, .xlsx or .json")
    # Before the audit notes a list that nobody gets.
    refuse_unwritable(out, "--out", site_files(settings, config))
    _refuse_past_erasing(settings)
    with reading(path, key) as db:
        lists = booth_lists(db, kind, constituency, part)
    if not lists:
        typer.echo("nobody is on this list; nothing was written")
        return
    now = datetime.fromtimestamp(SystemClock().now(), site_zone(settings))
    voters = sum(len(booth.rows) for booth in lists)
    what = {"list": kind.value, "booths": str(len(lists)), "voters": str(voters), "file": out.name}
    number = note_export(path, who, what, now.timestamp(), key=key)  # first: without its note there is no list
    mark = f"for {who} - list {number} of {now:%Y-%m-%d %H:%M} - confidential, to be destroyed after the poll"
    content = (
        as_sheets(lists, kind, mark=mark)
        if ending == "pdf"
        else as_bytes(_marked(lists, kind, mark), Format(ending), foot=mark)
    )
    write_file(out, content)
    digest = hashlib.sha256(content).hexdigest()[:16]
    typer.echo(f"{out}: {voters} voters of {len(lists)} booths; list {number} in the audit, file {digest}", err=True)


def _refuse_past_erasing(settings: Settings) -> None:
    """No list of voters when the data of every poll had to be erased. Raises RollError, SettingError."""
    rules = rulebook_of(site_profile(settings), settings)
    if rules.polls and all(SystemClock().now() >= rules.erased_by(poll) for poll in rules.polls):
        last = max(poll.day for poll in rules.polls)
        days = f"{rules.erase_after_days} days after the poll of {last.isoformat()}"
        raise RollError(f"names and numbers had to be erased {days}: no list is written; run dialer purge")


def _marked(lists: list[BoothList], kind: ListKind, mark: str) -> Report:
    """The table with its mark in a column of every row, so that no part of it goes without."""
    report = as_report(lists, kind)
    return Report(
        report.title, (*report.columns, Column("made", ColumnKind.TEXT)), tuple((*row, mark) for row in report.rows)
    )
