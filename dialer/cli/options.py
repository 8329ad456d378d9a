"""Options that many commands take."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from config.extras import with_extra
from config.settings import Settings, load_settings
from dialer.domain.output import Kept
from dialer.store.cipher import site_key
from dialer.store.connection import Connection, reading

_LONGEST_LINE = 1000

StoreOption = Annotated[
    Path | None, typer.Option("--store", metavar="PATH", help="The store. [default: of the settings]")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="CENTRE.toml", help="The site's settings.")
]
HqOption = Annotated[Path, typer.Option("--config", "-c", metavar="HQ.toml", help="Headquarters' own file.")]
WhoOption = Annotated[
    str | None, typer.Option("--who", help="Who answers for it, for the audit. [default: the user who is logged in]")
]


def not_installed(error: ModuleNotFoundError, extra: str) -> str:
    """What a person is told where a package of an extra is missing."""
    return f"{error.name} is not installed: {with_extra(extra)}"


def site(config: Path | None, store: Path | None) -> Settings:
    """The site's settings, with the store that was named in the place of their own."""
    settings = load_settings(config)
    if store is None:
        return settings
    return settings.model_copy(update={"store": settings.store.model_copy(update={"path": store})})


def reading_of(settings: Settings) -> AbstractContextManager[Connection]:
    """The site's store, open to be read. See `reading`."""
    return reading(settings.store.path, site_key(settings))


def said(argument: str, what: str = "the number") -> str:
    """What an argument says; "-": a line of standard input, so that it stands in no list of processes and in no history.

    Raises BadParameter where there is none.
    """
    if argument != "-":
        return argument
    if sys.stdin.isatty():
        typer.echo(f"{what}, then Enter:", err=True)
    line = sys.stdin.readline(_LONGEST_LINE).strip()
    if not line:
        raise typer.BadParameter(f"standard input gave nothing: give {what} in its first line")
    return line


def day_of(text: str, option: str) -> date:
    """The day that an option names. Raises BadParameter for another text."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {text!r} is no date: write 2026-04-22") from error


def site_files(settings: Settings, config: Path | None) -> Kept:
    """What a command that takes `--config` and `--store` must not write over, whatever file its other options name."""
    path = settings.store.path
    beside = {
        f"the store's {end} file": path.with_name(path.name + end)
        for end in (".lock", ".sent", "-wal", "-shm", "-journal")
    }
    key = settings.store.encryption_key_file
    return {"the store": path, **beside, "the settings file": config, "the store's key": key}
