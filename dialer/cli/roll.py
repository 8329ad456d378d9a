"""`dialer import`, `dialer weights` and `dialer sample-roll`."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dialer.cli.external_records import ask_dialler, refuse_unless_dialler
from dialer.cli.group import CommandGroup
from dialer.cli.options import NamedSite, person
from dialer.cli.progress import Advance, progress
from dialer.domain.errors import INTERRUPTED, StoreBusy
from dialer.domain.output import refuse_kept
from dialer.domain.words import counted
from dialer.mqtt.commands.client import CommandRequest
from dialer.roll.hand_over import hand_over_roll
from dialer.roll.importer import (
    DEFAULT_ROLL_VERSION,
    ImportOptions,
    ImportResult,
    PreparedImport,
    prepare_import,
    run_import,
)
from dialer.roll.importer import Progress as ImportProgress
from dialer.roll.mapping import DROPPED, NOT_USED, load_map
from dialer.roll.sample import STATES, write_sample
from dialer.roll.weights import import_weights
from dialer.roll.workers import import_workers
from dialer.settings.site import Settings
from dialer.store.keys import site_key
from dialer.store.spool import Spool


def import_(
    site: NamedSite,
    roll: Annotated[Path, typer.Argument(metavar="ROLL", help="The roll, a CSV or XLSX file.")],
    map_file: Annotated[
        Path | None, typer.Option("--map", metavar="MAP.toml", help="File that maps the roll's columns.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the whole file, but change nothing in the store.")
    ] = False,
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write rejected rows and reasons here. [default: ROLL.rejects.csv]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one line of JSON.")] = False,
    roll_version: Annotated[
        str,
        typer.Option(help="Name of this roll version, if no column has it."),
    ] = DEFAULT_ROLL_VERSION,
    allow_second_roll: Annotated[
        bool,
        typer.Option(
            "--allow-second-roll",
            help="Import although the store has another roll of the same constituency. A voter on both rolls is called "
            "and counted twice.",
        ),
    ] = False,
) -> None:
    """Import a roll, all or nothing. Importing the same file again changes nothing.

    Exit 1 if every row was rejected. If the store has the constituency under another roll version, the import is
    refused: import under that version to revise it, provided that serials still mean the same voters. The same holds if
    only one of the two rolls names the state. The dialler may run.
    """
    console = Console(stderr=as_json)
    settings = site.settings
    prepared = prepare_import(roll, load_map(map_file) if map_file is not None else None)
    show_mapping(console, settings, prepared)
    if rejects is not None:
        refuse_kept(rejects, "--rejects", {**site.files, "the map file": map_file})
    options = ImportOptions(dry_run, rejects, settings.centre.region, roll_version, allow_second_roll)
    result = take_in(console, settings, prepared, options)
    if as_json:
        typer.echo(json.dumps(result.count_rows()))
    refuse_all_rejected(result, roll)


def take_in(console: Console, settings: Settings, prepared: PreparedImport, options: ImportOptions) -> ImportResult:
    """Have a roll in the store, by the dialler where one runs, and show what came of it."""
    try:
        with progress("importing") as advance:
            show = partial(_show_progress, advance=advance)
            try:
                key = site_key(settings)
                result, told = run_import(prepared, settings.store.path, options, progress=show, key=key), None
            except StoreBusy as busy:
                refuse_unless_dialler(settings.store.path, busy)
                result, told = _through_dialler(settings, prepared, options, show, busy)
    except KeyboardInterrupt:
        typer.echo("dialer: interrupted; nothing of the roll was imported, the store is as it was", err=True)
        raise typer.Exit(INTERRUPTED) from None
    _show_result(console, result)
    if told is not None:
        console.print(f"the dialler: {told}", soft_wrap=True)
    return result


def refuse_all_rejected(result: ImportResult, roll: Path) -> None:
    """Exit 1 where no row was taken."""
    if result.rejected == result.rows:
        where = "above" if result.rejects_path is None else f"in {result.rejects_path}"
        typer.echo(f"dialer: every row of {roll} was rejected: no voter was taken; the reasons are {where}", err=True)
        raise typer.Exit(1)


def _through_dialler(
    settings: Settings,
    prepared: PreparedImport,
    options: ImportOptions,
    show: Callable[[ImportProgress], None],
    busy: StoreBusy,
) -> tuple[ImportResult, str | None]:
    """What the roll changes, and what the running dialler said once it had it in; None with a dry run, which it is not told of."""
    spool = Spool(settings.store.path, site_key(settings))
    list_id, result = hand_over_roll(prepared, spool, options, progress=show)
    try:
        if options.dry_run or result.rejected == result.rows:
            return result, None
        request = CommandRequest("roll-import", {"list": list_id, "who": person(None)})
        return result, ask_dialler(settings, [request], busy)[0]
    except KeyboardInterrupt:
        typer.echo("dialer: interrupted; the dialler goes on taking the roll in", err=True)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        spool.remove(list_id)


def sample_roll(
    rows: Annotated[int, typer.Option(min=1, max=100_000_000, help="Number of rows.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The .csv or .xlsx file to write.")],
    seed: Annotated[int, typer.Option(help="Random seed; the same seed gives the same file.")] = 1,
    state: Annotated[
        list[str] | None, typer.Option(help=f"State code; may be repeated. One of {', '.join(STATES)}.")
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option("--language", "--languages", help="Language codes, separated by commas. Repeatable."),
    ] = None,
    messy: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of rows with errors or oddities.")] = 0.14,
) -> None:
    """Write a synthetic roll in Indian languages, with fictitious people and numbers that must not be dialled."""
    console = Console()
    refuse_kept(out, "--out")
    states = [code.strip() for entry in state or () for code in entry.split(",")]
    languages = [code.strip() for entry in language or () for code in entry.split(",")]
    try:
        with progress("writing") as advance:
            summary = write_sample(
                out,
                rows,
                seed,
                states=states,
                languages=languages,
                messy=messy,
                progress=lambda done: advance(done / rows, f"{done:,} rows"),
            )
    except KeyboardInterrupt:
        typer.echo(f"dialer: interrupted; {out} was not written", err=True)
        raise typer.Exit(INTERRUPTED) from None
    console.print(f"{escape(str(summary.path))}: {summary.rows:,} rows, {summary.booths:,} booths", soft_wrap=True)


def weights(
    site: NamedSite,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV or XLSX with constituency, part, serial, weight; optionally roll version, state."
        ),
    ],
) -> None:
    """Import voters' weights, which affect the order of calls; the default is 1.

    A weight is supporter score x propensity x probability of an answer. All or nothing. The dialler must be stopped.
    """
    console = Console()
    with progress("weighing") as advance:
        result = import_weights(file, site.path, advance, key=site.key)
    console.print(f"{result.rows:,} rows: {result.changed:,} weights changed, {result.unknown:,} not on the roll")


def _show_progress(done: ImportProgress, *, advance: Advance) -> None:
    tally = done.tally
    rejected = tally.rejected + tally.rejected_numbers
    advance(done.share_done, f"{tally.rows:,} rows, {tally.numbers:,} numbers, {rejected:,} rejects")


def show_mapping(console: Console, settings: Settings, prepared: PreparedImport) -> None:
    """Show what each column is read as, and what is doubtful."""
    mapping = prepared.mapping
    table = Table("column", "is read as", title=escape(prepared.roll.description), title_justify="left", box=None)
    for heading, meaning in mapping.describe_columns():
        style = "yellow" if meaning == DROPPED else "dim" if meaning == NOT_USED else None
        table.add_row(escape(heading) or "(no heading)", escape(meaning), style=style)
    for field, value in mapping.values.items():
        table.add_row("(map file)", escape(f"{field} = {value}"))
    console.print(table)
    for doubt in prepared.find_warnings(settings.centre.region):
        console.print(f"[bold yellow]look:[/] {escape(doubt)}", soft_wrap=True)


def _show_result(console: Console, result: ImportResult) -> None:
    table = Table(box=None, show_header=False)
    table.add_column(justify="right")
    table.add_column()
    lines = [
        (result.rows, "rows"),
        (result.voters, "  added or changed a voter"),
        (result.unchanged, "  unchanged"),
        (result.rejected, "  rejected"),
        (result.booths, "booths added"),
        (result.numbers, "numbers added"),
        (result.links, "links of voters and numbers added"),
        (result.rejected_numbers, "numbers rejected (their voters are taken)"),
        (result.rejected_cells, "other cells rejected (their voters are taken)"),
        (result.opted_out, "numbers that had opted out: not called"),
        (
            result.without_close,
            "booths without a close of poll: give one in [[rules.polls]], else the silence forbids there",
        ),
        (
            result.shared_epics,
            "EPIC numbers under two serials of one roll: who is meant is called for both and counts twice",
        ),
        (result.blank_rows, "blank rows passed over"),
    ]
    for count, words in lines:
        if count or words.startswith(("rows", " ")):
            table.add_row(f"{count:,}", escape(words))
    console.print(table)
    if result.reasons:
        reasons = Table("rejects", "reason", box=None)
        for reason, count in result.reasons.items():
            reasons.add_row(f"{count:,}", escape(reason))
        console.print(reasons)
    if result.dry_run and result.examples:
        shown = Table("row", "column", "value", "reason", box=None)
        for each in result.examples:
            shown.add_row(f"{each.row_number:,}", escape(each.column), escape(each.value[:40]), escape(each.reason))
        console.print(shown)
        console.print(f"the first {len(result.examples)}; --rejects FILE writes all")
    if result.rejects_path is not None:
        console.print(f"rejects file: {escape(str(result.rejects_path))}", soft_wrap=True)
    if result.dry_run:
        console.print("dry run: nothing in the store was changed")


# `dialer workers import`: the list of the booth workers.

SHOWN_RENAMED = 20

workers = CommandGroup()


@workers.callback()
def _workers() -> None:
    """So that `import` is a command of its own, and stays one when others come."""


@workers.command("import")
def import_list(
    site: NamedSite,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV or XLSX with constituency, parts, number; optionally name, language, roll version, state.",
        ),
    ],
    replace: Annotated[bool, typer.Option("--replace", help="Remove workers that are not in this file.")] = False,
    roll_version: Annotated[
        str | None, typer.Option(help="The roll version of the parts, if the store has several.")
    ] = None,
) -> None:
    """Import the list of booth workers, all or nothing. Workers are identified by number; a new list replaces their
    booths.

    The dialler must be stopped.
    """
    region = site.settings.centre.region
    result = import_workers(file, site.path, region, roll_version=roll_version, replace=replace, key=site.key)
    called, booths = counted(result.workers, "worker"), counted(result.booths, "booth")
    said = f"{counted(result.rows, 'row')}: {called} at {booths}"
    if result.opted_out:
        said += f"; {result.opted_out:,} of them have opted out and are not called"
    if result.removed:
        said += f"; {result.removed:,} who were on the list before are not called any more"
    Console().print(said, soft_wrap=True)
    for first, last in result.renamed[:SHOWN_RENAMED]:
        typer.echo(
            f"rows {first:,} and {last:,} have one number under two names: it is one worker, at the booths of both rows,"
            f" with the name of row {last:,}",
            err=True,
        )
    if len(result.renamed) > SHOWN_RENAMED:
        typer.echo(f"and {counted(len(result.renamed) - SHOWN_RENAMED, 'more number')} under two names", err=True)
