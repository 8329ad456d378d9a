"""`dialer store`: encrypt or decrypt the store (the centre's database), or change its key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import SiteAndPersonOptions
from dialer.cli.progress import show_progress
from dialer.domain.clock import SystemClock
from dialer.domain.errors import StoreError
from dialer.store import conversion
from dialer.store.audit import get_name_of_responsible_person
from dialer.store.connection import open_store_for_reading
from dialer.store.file_checks import is_encrypted
from dialer.store.keys import StoreKey, create_store_key_file, read_store_key_file

app = CommandGroup()


@app.command("key")
def create_store_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new key file; it must not exist yet.")],
) -> None:
    """Create an encryption key for the store, in a file that only this user can read."""
    create_store_key_file(file)
    typer.echo(f"created {file}. Keep a copy on another machine: without this key the store cannot be read")


@app.command("encrypt")
def encrypt_site_store(site: SiteAndPersonOptions) -> None:
    """Encrypt the store with the key in store.encryption_key_file. All or nothing.

    No other process may have the store open. The plain file is overwritten once the encrypted one is verified. Backups
    and freed disk blocks still contain plain data.
    """
    new, path = _require_encryption_key(site), site.store_path
    if is_encrypted(path):
        open_store_for_reading(path, key=new).close()
        conversion.convert_desk_file(path, None, new)
        typer.echo(f"{path}: already encrypted with this key")
        return
    _convert_store(site, None, new)
    typer.echo(f"{path}: encrypted with the key in {new.file}")


@app.command("decrypt")
def decrypt_site_store(site: SiteAndPersonOptions) -> None:
    """Decrypt the store, all or nothing. No other process may have the store open."""
    _convert_store(site, _require_encryption_key(site), None)
    typer.echo(f"{site.store_path}: no longer encrypted; next: remove store.encryption_key_file from the settings")


@app.command("rekey")
def change_store_key(
    site: SiteAndPersonOptions,
    to: Annotated[Path, typer.Option(metavar="FILE", help="The file with the new key (see `dialer store key`).")],
) -> None:
    """Encrypt the store with another key, all or nothing. No other process may have the store open."""
    _convert_store(site, _require_encryption_key(site), read_store_key_file(to))
    typer.echo(f"{site.store_path}: encrypted with the key in {to}; next: set store.encryption_key_file to this file")


def _require_encryption_key(site: SiteAndPersonOptions) -> StoreKey:
    if site.store_key is None:
        raise StoreError(
            "store.encryption_key_file is not set: create a key with `dialer store key`, then set this setting to"
            " the key file"
        )
    return site.store_key


def _convert_store(site: SiteAndPersonOptions, old: StoreKey | None, new: StoreKey | None) -> None:
    with show_progress("store") as advance:
        conversion.convert_store_encryption(
            site.store_path,
            old,
            new,
            who=get_name_of_responsible_person(site.who),
            at=SystemClock().now(),
            progress=lambda words, share: advance(share, words),
        )
