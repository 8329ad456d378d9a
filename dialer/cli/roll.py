"""Commands of the data team: import an electoral roll, voters' weights and booth workers, and write a synthetic roll."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import SiteOptions, resolve_responsible_person
from dialer.domain.errors import INTERRUPTED, StoreBusy
from dialer.domain.output import refuse_protected_path
from dialer.domain.words import format_count
from dialer.roll.option_values import DEFAULT_ROLL_VERSION, STATES

if TYPE_CHECKING:
    from rich.console import Console

    from dialer.cli.progress import ProgressReporter
    from dialer.roll.importer import ImportOptions, ImportResult, PreparedImport
    from dialer.roll.importer import Progress as ImportProgress
    from dialer.settings.site import Settings


def import_electoral_roll(
    site: SiteOptions,
    roll: Annotated[Path, typer.Argument(metavar="ROLL", help="The roll, a CSV or XLSX file.")],
    map_file: Annotated[
        Path | None, typer.Option("--map", metavar="MAP.toml", help="File that maps the roll's columns to fields.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, but change nothing.")] = False,
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write rejected rows with reasons here. [default: ROLL.rejects.csv]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    roll_version: Annotated[
        str,
        typer.Option(metavar="NAME", help="Name of this roll version, if the roll has no such column."),
    ] = DEFAULT_ROLL_VERSION,
    allow_second_roll: Annotated[
        bool,
        typer.Option(
            "--allow-second-roll",
            help="Import although the store has another roll of the constituency. A voter on both rolls is called and "
            "counted twice.",
        ),
    ] = False,
) -> None:
    """Import a roll (list of voters), all or nothing. The dialler may be running.

    Importing a file again changes nothing. A second roll of the same constituency is refused: to revise a roll, import
    it under the same version, with the same serial numbers. Exit 1 if every row was rejected.
    """
    from rich.console import Console

    from dialer.roll.importer import ImportOptions, prepare_roll_import
    from dialer.roll.mapping import load_column_map

    console = Console(stderr=as_json)
    settings = site.site_settings
    prepared = prepare_roll_import(roll, load_column_map(map_file) if map_file is not None else None)
    show_column_mapping(console, settings, prepared)
    if rejects is not None:
        refuse_protected_path(rejects, "--rejects", {**site.protected_files, "the map file": map_file})
    options = ImportOptions(dry_run, rejects, settings.centre.region, roll_version, allow_second_roll)
    result = import_roll_and_print_result(console, settings, prepared, options)
    if as_json:
        typer.echo(json.dumps(result.get_counts_of_imported_rows()))
    exit_if_all_rows_rejected(result, roll)


def import_roll_and_print_result(
    console: Console, settings: Settings, prepared: PreparedImport, options: ImportOptions
) -> ImportResult:
    """Import an electoral roll into the store and print the result. If a dialler is running, the dialler does the
    import.
    """
    from dialer.cli.external_records import require_store_locked_by_dialler
    from dialer.cli.progress import show_progress
    from dialer.roll.importer import import_prepared_roll
    from dialer.store.keys import read_store_key_of_site

    try:
        with show_progress("importing") as advance:
            show = partial(_show_progress_of_roll_import, advance=advance)
            try:
                key = read_store_key_of_site(settings)
                result, reply = (
                    import_prepared_roll(prepared, settings.store.path, options, progress=show, key=key),
                    None,
                )
            except StoreBusy as busy:
                require_store_locked_by_dialler(settings.store.path, busy)
                result, reply = _import_roll_through_dialler(settings, prepared, options, show, busy)
    except KeyboardInterrupt:
        typer.echo("dialer: interrupted; nothing was imported, the store is unchanged", err=True)
        raise typer.Exit(INTERRUPTED) from None
    _print_import_result(console, result)
    if reply is not None:
        console.print(f"reply of the dialler: {reply}", soft_wrap=True)
    return result


def exit_if_all_rows_rejected(result: ImportResult, roll: Path) -> None:
    """Print an error and exit with code 1 if an import rejected every row of the electoral roll."""
    if result.rejected == result.rows:
        where = "above" if result.rejects_path is None else f"in {result.rejects_path}"
        typer.echo(f"dialer: {roll}: every row was rejected, no voter was imported; see the reasons {where}", err=True)
        raise typer.Exit(1)


def _import_roll_through_dialler(
    settings: Settings,
    prepared: PreparedImport,
    options: ImportOptions,
    show: Callable[[ImportProgress], None],
    busy: StoreBusy,
) -> tuple[ImportResult, str | None]:
    """Let the running dialler import an electoral roll. Return the result and the dialler's reply (None with --dry-run)."""
    from dialer.cli.external_records import send_requests_to_dialler
    from dialer.mqtt.commands.client import CommandRequest
    from dialer.roll.hand_over import send_roll_to_running_dialler
    from dialer.store.keys import read_store_key_of_site
    from dialer.store.spool import Spool

    spool = Spool(settings.store.path, read_store_key_of_site(settings))
    list_id, result = send_roll_to_running_dialler(prepared, spool, options, progress=show)
    try:
        if options.dry_run or result.rejected == result.rows:
            return result, None
        request = CommandRequest("roll-import", {"list": list_id, "who": resolve_responsible_person(None)})
        return result, send_requests_to_dialler(settings, [request], busy)[0]
    except KeyboardInterrupt:
        typer.echo("dialer: interrupted; the running dialler continues the import", err=True)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        spool.remove_spooled_file(list_id)


def write_synthetic_roll(
    rows: Annotated[int, typer.Option(metavar="COUNT", min=1, max=100_000_000, help="Number of rows.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The .csv or .xlsx file to write.")],
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Random seed. The same seed gives the same file.")] = 1,
    state: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help=f"State code. Repeatable. One of {', '.join(STATES)}.")
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option(
            "--language", "--languages", metavar="CODES", help="Language codes, separated by commas. Repeatable."
        ),
    ] = None,
    messy: Annotated[
        float, typer.Option(metavar="SHARE", min=0.0, max=1.0, help="Share of rows with errors or oddities (0-1).")
    ] = 0.14,
) -> None:
    """Write a synthetic roll in Indian languages, with fictitious people and numbers that must not be dialled."""
    from rich.console import Console
    from rich.markup import escape

    from dialer.cli.progress import show_progress
    from dialer.roll.sample import write_sample_roll

    console = Console()
    refuse_protected_path(out, "--out")
    states = [code.strip() for entry in state or () for code in entry.split(",")]
    languages = [code.strip() for entry in language or () for code in entry.split(",")]
    try:
        with show_progress("writing") as advance:
            summary = write_sample_roll(
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


def import_calling_weights_of_voters(
    site: SiteOptions,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV or XLSX with constituency, part, serial, weight; optionally roll version, state."
        ),
    ],
) -> None:
    """Import voters' weights, by which campaigns order their calls. The default weight is 1.

    A weight is supporter score x turnout propensity x answer probability. All or nothing. The dialler must be stopped.
    """
    from rich.console import Console

    from dialer.cli.progress import show_progress
    from dialer.roll.weights import import_calling_weights_from_file

    console = Console()
    with show_progress("importing weights") as advance:
        result = import_calling_weights_from_file(file, site.store_path, advance, key=site.store_encryption_key)
    console.print(f"{result.rows:,} rows: {result.changed:,} weights changed, {result.unknown:,} not on the roll")


def _show_progress_of_roll_import(done: ImportProgress, *, advance: ProgressReporter) -> None:
    tally = done.tally
    rejected = tally.rejected + tally.rejected_numbers
    advance(done.share_done, f"{tally.rows:,} rows, {tally.numbers:,} numbers, {rejected:,} rejects")


def show_column_mapping(console: Console, settings: Settings, prepared: PreparedImport) -> None:
    """Print which field each column of the roll file is read as, and warnings about columns."""
    from rich.markup import escape
    from rich.table import Table

    from dialer.roll.mapping import DROPPED, NOT_USED

    mapping = prepared.mapping
    table = Table("column", "mapped to", title=escape(prepared.roll.description), title_justify="left", box=None)
    for heading, meaning in mapping.describe_use_of_each_column():
        style = "yellow" if meaning == DROPPED else "dim" if meaning == NOT_USED else None
        table.add_row(escape(heading) or "(no heading)", escape(meaning), style=style)
    for field, value in mapping.values.items():
        table.add_row("(map file)", escape(f"{field} = {value}"))
    console.print(table)
    for warning in prepared.find_roll_warnings(settings.centre.region):
        console.print(f"[bold yellow]warning:[/] {escape(warning)}", soft_wrap=True)


def _print_import_result(console: Console, result: ImportResult) -> None:
    from rich.markup import escape
    from rich.table import Table

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
        (result.links, "links between voters and numbers added"),
        (result.rejected_numbers, "numbers rejected (their voters were imported)"),
        (result.rejected_cells, "other cells rejected (their voters were imported)"),
        (result.opted_out, "numbers opted out earlier: not called"),
        (
            result.without_close,
            "booths without a closing time: set one in [[rules.polls]], else the silence interval forbids calls there",
        ),
        (
            result.shared_epics,
            "EPIC numbers under two serials of one roll: these voters are called and counted twice",
        ),
        (result.blank_rows, "blank rows skipped"),
    ]
    for count, words in lines:
        if count or words.startswith(("rows", " ")):
            table.add_row(f"{count:,}", escape(words))
    console.print(table)
    for shared in result.shared_epic_places:
        console.print(f"EPIC {escape(shared.epic)}: voters {escape(shared.places)}", soft_wrap=True)
    if result.shared_epics > len(result.shared_epic_places):
        console.print(f"... and {result.shared_epics - len(result.shared_epic_places):,} more EPIC numbers")
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
        console.print(f"the first {len(result.examples)} rejects; --rejects FILE writes all")
    if result.rejects_path is not None:
        console.print(f"rejects file: {escape(str(result.rejects_path))}", soft_wrap=True)
    if result.dry_run:
        console.print("dry run: the store was not changed")


# `dialer workers import`: import the list of booth workers.

SHOWN_RENAMED = 20

workers = CommandGroup()


@workers.callback()
def _require_subcommand_name_for_single_command() -> None:
    """Make Typer treat `import` as a subcommand although it is the only command."""


@workers.command("import")
def import_worker_list(
    site: SiteOptions,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV or XLSX with constituency, parts, number; optionally name, language, roll version, state.",
        ),
    ],
    replace: Annotated[bool, typer.Option("--replace", help="Remove workers that are not in this file.")] = False,
    roll_version: Annotated[
        str | None, typer.Option(metavar="NAME", help="The roll version of the parts, if the store has several.")
    ] = None,
) -> None:
    """Import the list of booth workers with their numbers and booths, all or nothing. The dialler must be stopped.

    Workers are identified by phone number. The booths in the new list replace the earlier ones of the same worker.
    """
    from rich.console import Console

    from dialer.roll.workers import import_booth_workers

    region = site.site_settings.centre.region
    result = import_booth_workers(
        file, site.store_path, region, roll_version=roll_version, replace=replace, key=site.store_encryption_key
    )
    called, booths = format_count(result.workers, "worker"), format_count(result.booths, "booth")
    summary = f"{format_count(result.rows, 'row')}: {called} at {booths}"
    if result.opted_out:
        summary += f"; {result.opted_out:,} of them have opted out and are not called"
    if result.removed:
        summary += f"; {result.removed:,} workers of the earlier list were removed"
    Console().print(summary, soft_wrap=True)
    for first, last in result.renamed[:SHOWN_RENAMED]:
        typer.echo(
            f"note: rows {first:,} and {last:,} have the same number but different names: imported as one worker at the"
            f" booths of both rows, with the name of row {last:,}",
            err=True,
        )
    if len(result.renamed) > SHOWN_RENAMED:
        typer.echo(f"and {format_count(len(result.renamed) - SHOWN_RENAMED, 'more number')} with two names", err=True)
