"""`dialer audit verify`: whether the audit is whole, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from config.settings import load_settings
from dialer.audit.chain import AuditEntry, first_break
from dialer.options import ConfigOption, StoreOption
from dialer.site_key import site_key
from dialer.store import audit
from dialer.store.connection import reading

app = typer.Typer(help="What was done that must be answered for, in a chain of hashes.", no_args_is_help=True)


@app.callback()
def _audit() -> None:
    """Keeps `verify` a subcommand though it is the only one."""


@app.command()
def verify(
    store: StoreOption = None,
    config: ConfigOption = None,
    head: Annotated[
        str | None,
        typer.Option("--head", metavar="NUMBER:DIGEST", help="A head noted earlier; shows that no end was cut off."),
    ] = None,
) -> None:
    """Check every entry of the audit against its hash and the one before it, and print its head to be noted elsewhere.

    Exit 1 where the chain is broken.
    """
    settings = load_settings(config)
    path, key = store or settings.store.path, site_key(settings)
    noted = None if head is None else _noted(head)
    last: list[AuditEntry] = []
    with reading(path, key) as db:
        found = first_break(_remembering(audit.entries(db), last), noted)
    if found is not None:
        typer.echo(f"the audit is BROKEN at entry {found.number}: {found.problem}")
        raise typer.Exit(1)
    if not last:
        typer.echo("the audit is empty")
        return
    typer.echo(f"the audit is whole: {last[0].number} entries; head {last[0].number}:{last[0].digest}")


def _remembering(entries: Iterator[AuditEntry], last: list[AuditEntry]) -> Iterator[AuditEntry]:
    """The entries as they come; `last` holds the latest of them."""
    for entry in entries:
        last[:] = [entry]
        yield entry


def _noted(head: str) -> tuple[int, str]:
    number, _, digest = head.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise typer.BadParameter("--head: write it as verify prints it: the number, a colon, 64 hexadecimal digits")
    return int(number), digest.lower()
