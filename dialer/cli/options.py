"""Options that many commands take."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.domain.errors import RollError
from dialer.domain.output import Kept
from dialer.domain.person_ids import is_id
from dialer.errors import MatdanError
from dialer.extras import with_extra
from dialer.settings.headquarters import HqSettings, load_hq_settings
from dialer.settings.site import Settings, load_settings
from dialer.store.audit import audit_name
from dialer.store.connection import Connection, exclusive_connection, read_snapshot
from dialer.store.keys import StoreKey, site_key

if TYPE_CHECKING:
    from dialer.nats.session import Session

_LONGEST_LINE = 1000

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="CENTRE.toml", help="The site's settings.")
]
SettingsFile = Annotated[Path, typer.Option("--config", "-c", help="The site's settings, a TOML file.")]
WhoOption = Annotated[
    str | None, typer.Option("--who", help="Who does this, for the audit. [default: the logged-in user]")
]
DiffOption = Annotated[
    bool, typer.Option("--diff", help="Write nothing, but show what would change. Exit 1 if anything would.")
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Overwrite files that Matdan did not write; each is kept as NAME.before-matdan.")
]


@dataclass(frozen=True)
class NamedSite:
    """The site that a command is about."""

    config: ConfigOption = None
    store: Annotated[Path | None, typer.Option(metavar="PATH", help="The store. [default: the site's]")] = None

    @cached_property
    def settings(self) -> Settings:
        """Its settings, with the store that was named in the place of their own."""
        settings = load_settings(self.config)
        if self.store is None:
            return settings
        return settings.model_copy(update={"store": settings.store.model_copy(update={"path": self.store})})

    @property
    def path(self) -> Path:
        """Of the store."""
        return self.settings.store.path

    @property
    def key(self) -> StoreKey | None:
        """What the store is encrypted with."""
        return site_key(self.settings)

    def reading(self) -> AbstractContextManager[Connection]:
        """The store, open to be read. See `dialer.store.connection.read_snapshot`."""
        return read_snapshot(self.path, self.key)

    def alone(self, holder: str) -> AbstractContextManager[Connection]:
        """The store for a program that writes to it alone, and is `holder` to others; there must be one. See `reading`."""
        return exclusive_connection(self.path, holder, create=False, key=self.key)

    @property
    def files(self) -> Kept:
        """What must not be written over, whatever file the other options name."""
        beside = {
            f"the store's {end} file": self.path.with_name(self.path.name + end)
            for end in (".lock", ".sent", "-wal", "-shm", "-journal")
        }
        key = self.settings.store.encryption_key_file
        return {"the store": self.path, **beside, "the settings file": self.config, "the store's key": key}


@dataclass(frozen=True)
class SiteAndWho(NamedSite):
    """A site in whose records something is written down, and who answers for it."""

    who: WhoOption = None

    @property
    def person(self) -> str:
        """See `person`."""
        return person(self.who)


@dataclass(frozen=True)
class NamedHeadquarters:
    """The headquarters that a command is about."""

    config: Annotated[Path, typer.Option("--config", "-c", metavar="HQ.toml", help="Headquarters' settings.")]

    @cached_property
    def settings(self) -> HqSettings:
        """What its file says."""
        return load_hq_settings(self.config)

    def session(self, name: str, patience_seconds: float | None = None) -> AbstractAsyncContextManager[Session]:
        """A connection to its server. Raises HeadquartersUnreachable; see `dialer.nats.session.connected`."""
        with of_extra("hq"):
            from dialer.nats.session import connected  # noqa: PLC0415 - of an extra
        key, ca = self.settings.nkey_file, self.settings.ca_file
        return connected(self.settings.servers, name, nkey_file=key, ca_file=ca, timeout_seconds=patience_seconds)


def person(who: str | None) -> str:
    """Who answers for a record: who was named, else the user who is logged in. Raises RollError for what is no id."""
    name = audit_name(who)
    if not is_id(name):
        raise RollError("--who: give an id of letters, digits, dots and dashes, no name and no number")
    return name


class ExtraMissing(MatdanError):
    """A package of an extra is not installed. The text says which, and how to install it."""


@contextmanager
def of_extra(extra: str) -> Iterator[None]:
    """For the imports of what an extra brings. Raises ExtraMissing where it is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ExtraMissing(f"{error.name} is not installed: {with_extra(extra)}") from error


def said(argument: str, what: str = "the number") -> str:
    """An argument; "-": a line of standard input, so that it stands in no list of processes. Raises BadParameter."""
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
