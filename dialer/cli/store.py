"""`dialer store key|encrypt|decrypt|rekey`: the store's encryption at rest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from config.settings import Settings, load_settings
from dialer.cli.options import ConfigOption, StoreOption, WhoOption
from dialer.cli.progress import progress
from dialer.domain.clock import SystemClock
from dialer.domain.errors import StoreError
from dialer.store import conversion
from dialer.store.audit import audit_name
from dialer.store.cipher import StoreKey, read_key, site_key, write_new_key
from dialer.store.connection import is_encrypted, open_reading

app = typer.Typer(help="The store's encryption: make a key, encrypt, decrypt, change the key.", no_args_is_help=True)


@app.command()
def key(file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to: a file that is not there yet.")]) -> None:
    """Make a key for a store, in a file that only this user may read."""
    write_new_key(file)
    typer.echo(f"{file}: a new key. Keep a copy of it apart from this machine: without it nobody can read the store")


@app.command()
def encrypt(config: ConfigOption = None, store: StoreOption = None, who: WhoOption = None) -> None:
    """Encrypt a store with the key of store.encryption_key_file. All or nothing; nobody else may have the store open.

    The plain file is overwritten once the encrypted one was read again and compared; backups and old disk blocks are not.
    """
    settings = load_settings(config)
    new, path = _key(settings), store or settings.store.path
    if is_encrypted(path):
        open_reading(path, key=new).close()
        conversion.convert_desk(path, None, new)
        typer.echo(f"{path}: it is encrypted with this key already")
        return
    _convert(path, None, new, who)
    typer.echo(f"{path}: encrypted with the key in {new.file}")


@app.command()
def decrypt(config: ConfigOption = None, store: StoreOption = None, who: WhoOption = None) -> None:
    """Turn an encrypted store into a plain one. All or nothing; nobody else may have the store open."""
    settings = load_settings(config)
    path = store or settings.store.path
    _convert(path, _key(settings), None, who)
    typer.echo(f"{path}: no longer encrypted; take store.encryption_key_file out of the settings")


@app.command()
def rekey(
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The file with the new key (`dialer store key`).")],
    config: ConfigOption = None,
    store: StoreOption = None,
    who: WhoOption = None,
) -> None:
    """Encrypt a store anew with another key. All or nothing; nobody else may have the store open."""
    settings = load_settings(config)
    old, new, path = _key(settings), read_key(to), store or settings.store.path
    _convert(path, old, new, who)
    typer.echo(f"{path}: encrypted with the key in {to}; set store.encryption_key_file to it")


def _key(settings: Settings) -> StoreKey:
    found = site_key(settings)
    if found is None:
        raise StoreError("store.encryption_key_file is not set: name the file with the key there (`dialer store key`)")
    return found


def _convert(path: Path, old: StoreKey | None, new: StoreKey | None, who: str | None) -> None:
    with progress("store") as advance:
        conversion.convert(
            path,
            old,
            new,
            who=audit_name(who),
            at=SystemClock().now(),
            progress=lambda words, share: advance(share, words),
        )
