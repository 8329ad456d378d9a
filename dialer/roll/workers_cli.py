"""`dialer workers import`: the list of the booth workers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from config.settings import load_settings
from dialer.options import ConfigOption, StoreOption
from dialer.roll.workers import import_workers
from dialer.site_key import site_key
from dialer.words import counted

SHOWN_RENAMED = 20

app = typer.Typer(help="Booth workers, who are called for the serials of those who have voted.", no_args_is_help=True)


@app.callback()
def _workers() -> None:
    """So that `import` is a command of its own, and stays one when others come."""


@app.command("import")
def import_list(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV or XLSX: constituency, part (several with commas), number; name, language, roll version, state.",
        ),
    ],
    replace: Annotated[
        bool, typer.Option("--replace", help="Whoever is not in this file is not called any more.")
    ] = False,
    roll_version: Annotated[
        str | None,
        typer.Option("--roll-version", help="Of which roll the parts are, where the store has several of a part."),
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Take the list of booth workers, all of it or nothing. A worker is known by the number; a later list says the booths anew.

    The dialler must be stopped.
    """
    settings = load_settings(config)
    result = import_workers(
        file,
        store or settings.store.path,
        settings.centre.region,
        roll_version=roll_version,
        replace=replace,
        key=site_key(settings),
    )
    workers, booths = counted(result.workers, "worker"), counted(result.booths, "booth")
    said = f"{counted(result.rows, 'row')}: {workers} at {booths}"
    if result.opted_out:
        said += f"; {result.opted_out:,} of them have opted out and are not called"
    if result.gone:
        said += f"; {result.gone:,} who were on the list before are not called any more"
    Console().print(said, soft_wrap=True)
    for first, last in result.renamed[:SHOWN_RENAMED]:
        typer.echo(
            f"rows {first:,} and {last:,} have one number under two names: it is one worker, at the booths of both rows,"
            f" with the name of row {last:,}",
            err=True,
        )
    if len(result.renamed) > SHOWN_RENAMED:
        typer.echo(f"and {counted(len(result.renamed) - SHOWN_RENAMED, 'more number')} under two names", err=True)
