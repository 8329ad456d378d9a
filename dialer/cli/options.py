"""Command-line options that many commands share, such as --config and --store."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.domain.errors import RollError
from dialer.domain.output import ProtectedFiles
from dialer.domain.person_ids import is_person_id
from dialer.errors import MatdanError
from dialer.extras import describe_extra_installation

if TYPE_CHECKING:
    from dialer.nats.session import Session
    from dialer.settings.headquarters import HqSettings
    from dialer.settings.site import Settings
    from dialer.store.connection import Connection
    from dialer.store.keys import StoreKey

_LONGEST_LINE = 1000

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="CENTRE.toml", help="The site's settings.")
]
SettingsFile = Annotated[Path, typer.Option("--config", "-c", metavar="CENTRE.toml", help="The site's settings.")]
WhoOption = Annotated[
    str | None, typer.Option("--who", metavar="ID", help="Your ID for the audit. [default: your user name]")
]
DiffOption = Annotated[
    bool, typer.Option("--diff", help="Show the changes without writing them. Exit 1 if there are any.")
]
ForceOption = Annotated[
    bool,
    typer.Option("--force", help="Overwrite files that Matdan did not write, saving each as NAME.before-matdan."),
]


@dataclass(frozen=True)
class SiteOptions:
    """The options --config and --store, which select a site's settings and its store."""

    config: ConfigOption = None
    store: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The store's file. [default: store.path in the settings]")
    ] = None

    @cached_property
    def site_settings(self) -> Settings:
        """The site's settings, with the path of `--store` as `store.path` if it is given."""
        from dialer.settings.site import load_settings

        settings = load_settings(self.config)
        if self.store is None:
            return settings
        return settings.model_copy(update={"store": settings.store.model_copy(update={"path": self.store})})

    @property
    def store_path(self) -> Path:
        """The path of the store, the centre's database."""
        return self.site_settings.store.path

    @property
    def store_encryption_key(self) -> StoreKey | None:
        """The key that the store is encrypted with, or None if it is not encrypted."""
        from dialer.store.keys import read_store_key_of_site

        return read_store_key_of_site(self.site_settings)

    def open_store_for_reading(self) -> AbstractContextManager[Connection]:
        """Open the store read-only. Later changes by the dialler are not visible."""
        from dialer.store.connection import open_store_snapshot

        return open_store_snapshot(self.store_path, self.store_encryption_key)

    def open_store_for_writing(self, holder: str) -> AbstractContextManager[Connection]:
        """Open the existing store for writing, and lock it against other writers.

        Other programs get an error that says that `holder` uses the store.
        """
        from dialer.store.connection import open_store_exclusively

        return open_store_exclusively(self.store_path, holder, create=False, key=self.store_encryption_key)

    @property
    def protected_files(self) -> ProtectedFiles:
        """The files that a command's output must never overwrite, each under a description for users, such as "the
        settings file".
        """
        store_files = {
            f"the store's {end} file": self.store_path.with_name(self.store_path.name + end)
            for end in (".lock", ".sent", ".identity", "-wal", "-shm", "-journal")
        }
        key = self.site_settings.store.encryption_key_file
        return {"the store": self.store_path, **store_files, "the settings file": self.config, "the store's key": key}


@dataclass(frozen=True)
class SiteAndPersonOptions(SiteOptions):
    """The site options and --who, the responsible person, for commands that change records."""

    who: WhoOption = None

    @property
    def responsible_person_id(self) -> str:
        """The ID of the person responsible for the change, for the audit.

        Raises RollError if it is not a valid ID.
        """
        return resolve_responsible_person(self.who)


@dataclass(frozen=True)
class HeadquartersOptions:
    """The option --config, which selects the settings of a headquarters."""

    config: Annotated[Path, typer.Option("--config", "-c", metavar="HQ.toml", help="Headquarters' settings.")]

    def __post_init__(self) -> None:
        """Set up quiet logging, with one line for each error. A command may configure other logging later."""
        from dialer.cli.logs import configure_quiet_logging

        configure_quiet_logging()

    @cached_property
    def headquarters_settings(self) -> HqSettings:
        """The settings of the headquarters."""
        from dialer.settings.headquarters import load_hq_settings

        return load_hq_settings(self.config)

    def connect_to_nats_server(
        self, name: str, patience_seconds: float | None = None
    ) -> AbstractAsyncContextManager[Session]:
        """Return a connection to headquarters' NATS server, under the client name `name`.

        Raises HeadquartersUnreachable after `patience_seconds`. With None, attempts to connect are repeated without
        end.
        """
        with require_installed_package_extra("hq"):
            from dialer.nats.session import open_session
        key, ca = self.headquarters_settings.nkey_file, self.headquarters_settings.ca_file
        return open_session(
            self.headquarters_settings.servers, name, nkey_file=key, ca_file=ca, timeout_seconds=patience_seconds
        )


def resolve_responsible_person(who: str | None) -> str:
    """Return the ID of the person responsible for a record: `who`, or else the logged-in user.

    Raises RollError for an invalid ID.
    """
    from dialer.store.audit import get_name_of_responsible_person

    name = get_name_of_responsible_person(who)
    if not is_person_id(name):
        raise RollError("--who: must be an ID of letters, digits, dots and dashes; do not give a name or phone number")
    return name


def format_option_choices(kind: type[StrEnum]) -> str:
    """Return the allowed values of an option as its help shows them, such as "csv|json"."""
    return "|".join(each.value for each in kind)


class ExtraMissing(MatdanError):
    """A command needs a Python package that is not installed. The text says how to install it."""


@contextmanager
def require_installed_package_extra(extra: str) -> Iterator[None]:
    """Raise ExtraMissing if an import in the `with` block fails, because the package's extra `extra` is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            f"the Python package {error.name} is not installed: {describe_extra_installation(extra)}"
        ) from error


def read_argument_or_stdin(argument: str, requested_value: str = "the number") -> str:
    """Return the argument, or the first line of standard input if the argument is "-".

    A secret on standard input does not appear in the list of processes. Raises BadParameter if standard input is empty.
    """
    if argument != "-":
        return argument
    if sys.stdin.isatty():
        typer.echo(f"{requested_value}, then Enter:", err=True)
    line = sys.stdin.readline(_LONGEST_LINE).strip()
    if not line:
        raise typer.BadParameter(f"standard input is empty: write {requested_value} in its first line")
    return line


def parse_date_option(text: str, option: str) -> date:
    """Return the date that a user gave for `option`, such as 2026-04-22. Raises BadParameter for any other text."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {text!r} is not a date such as 2026-04-22") from error
