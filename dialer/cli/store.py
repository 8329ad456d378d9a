"""`dialer store key|encrypt|decrypt|rekey`: the store's encryption at rest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import SiteAndWho
from dialer.cli.progress import progress
from dialer.domain.clock import SystemClock
from dialer.domain.errors import StoreError
from dialer.store import conversion
from dialer.store.audit import audit_name
from dialer.store.connection import open_for_reading
from dialer.store.file_checks import is_encrypted
from dialer.store.keys import StoreKey, read_key, write_new_key

app = CommandGroup()


@app.command()
def key(file: Annotated[Path, typer.Argument(metavar="FILE", help="The new key file; it must not exist yet.")]) -> None:
    """Create an encryption key for a store, in a file that only this user can read."""
    write_new_key(file)
    typer.echo(f"{file}: a new key. Keep a copy of it apart from this machine: without it nobody can read the store")


@app.command()
def encrypt(site: SiteAndWho) -> None:
    """Encrypt a store with the key of store.encryption_key_file.

    All or nothing; no other process may have the store open. The plain file is overwritten once the encrypted one is
    verified. Backups and old disk blocks are not.
    """
    new, path = _key(site), site.path
    if is_encrypted(path):
        open_for_reading(path, key=new).close()
        conversion.convert_desk(path, None, new)
        typer.echo(f"{path}: it is encrypted with this key already")
        return
    _convert(site, None, new)
    typer.echo(f"{path}: encrypted with the key in {new.file}")


@app.command()
def decrypt(site: SiteAndWho) -> None:
    """Decrypt a store.

    All or nothing; no other process may have the store open.
    """
    _convert(site, _key(site), None)
    typer.echo(f"{site.path}: no longer encrypted; take store.encryption_key_file out of the settings")


@app.command()
def rekey(
    site: SiteAndWho,
    to: Annotated[Path, typer.Option(metavar="FILE", help="The file with the new key (see `dialer store key`).")],
) -> None:
    """Encrypt a store with another key.

    All or nothing; no other process may have the store open.
    """
    _convert(site, _key(site), read_key(to))
    typer.echo(f"{site.path}: encrypted with the key in {to}; set store.encryption_key_file to it")


def _key(site: SiteAndWho) -> StoreKey:
    if site.key is None:
        raise StoreError("store.encryption_key_file is not set: name the file with the key there (`dialer store key`)")
    return site.key


def _convert(site: SiteAndWho, old: StoreKey | None, new: StoreKey | None) -> None:
    with progress("store") as advance:
        conversion.convert(
            site.path,
            old,
            new,
            who=audit_name(site.who),
            at=SystemClock().now(),
            progress=lambda words, share: advance(share, words),
        )
