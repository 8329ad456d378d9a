"""`dialer store`: encrypt or decrypt the store (the centre's database), change its key, or accept an older one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import SiteAndPersonOptions
from dialer.domain.errors import StoreError
from dialer.domain.words import format_count

if TYPE_CHECKING:
    from dialer.store.keys import StoreKey
    from dialer.store.older_store import MissingCall

app = CommandGroup()


@app.command("key")
def create_store_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new key file; it must not exist yet.")],
) -> None:
    """Create an encryption key for the store, in a file that only this user can read."""
    from dialer.store.keys import create_store_key_file

    create_store_key_file(file)
    typer.echo(f"created {file}. Keep a copy on another machine: without this key the store cannot be read")


@app.command("encrypt")
def encrypt_site_store(site: SiteAndPersonOptions) -> None:
    """Encrypt the store with the key in store.encryption_key_file. All or nothing.

    No other process may have the store open. The plain file is overwritten once the encrypted one is verified. Backups
    and freed disk blocks still contain plain data.
    """
    from dialer.store import conversion
    from dialer.store.connection import open_store_for_reading
    from dialer.store.file_checks import is_encrypted

    new, path = _require_encryption_key(site), site.store_path
    if is_encrypted(path):
        open_store_for_reading(path, key=new).close()
        conversion.convert_desk_file(path, None, new)
        typer.echo(f"{path}: already encrypted with this key")
        return
    _change_store_encryption(site, None, new)
    typer.echo(f"{path}: encrypted with the key in {new.file}")


@app.command("decrypt")
def decrypt_site_store(site: SiteAndPersonOptions) -> None:
    """Decrypt the store, all or nothing. No other process may have the store open."""
    _change_store_encryption(site, _require_encryption_key(site), None)
    typer.echo(f"{site.store_path}: no longer encrypted; next: remove store.encryption_key_file from the settings")


@app.command("rekey")
def change_store_key(
    site: SiteAndPersonOptions,
    to: Annotated[Path, typer.Option(metavar="FILE", help="The file with the new key (see `dialer store key`).")],
) -> None:
    """Encrypt the store with another key, all or nothing. No other process may have the store open."""
    from dialer.store.keys import read_store_key_file

    _change_store_encryption(site, _require_encryption_key(site), read_store_key_file(to))
    typer.echo(f"{site.store_path}: encrypted with the key in {to}; next: set store.encryption_key_file to this file")


@app.command("accept-older")
def accept_older_store(
    site: SiteAndPersonOptions,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Allow dialling with a store (the centre's database) that lacks the newest calls, such as an old copy.

    Every campaign is stopped. Use the command only if no newer store exists. It prints for which period calls are
    missing. The dialler must be stopped.
    """
    from dialer.domain.clock import SystemClock
    from dialer.settings.site_time import get_site_zone
    from dialer.store import older_store
    from dialer.store.attempts import find_stored_attempts
    from dialer.store.audit import get_name_of_responsible_person
    from dialer.store.sent_journal import SentJournal, get_journal_path
    from dialer.store.sql import open_transaction

    zone = get_site_zone(site.site_settings)
    with site.open_store_for_writing("accepting the store") as db:
        journal = SentJournal(get_journal_path(site.store_path))
        sent = journal.list_sent_attempts()
        missing_sent = len(sent) - len(find_stored_attempts(db, sent))
        calls = older_store.read_calls_missing_from_store(db)
        if not calls and not missing_sent:
            typer.echo("The store lacks no call that its journal, the broker or Asterisk has recorded.")
            return
        for line in _describe_calls_missing_in_store(older_store.read_newest_call_time(db), calls, missing_sent, zone):
            typer.echo(line)
        if not yes and not typer.confirm("Dial with this store all the same?"):
            return
        with open_transaction(db):
            known = older_store.allow_dialling_with_older_store(
                db, get_name_of_responsible_person(site.who), SystemClock().now()
            )
        journal.path.unlink(missing_ok=True)
    campaigns = sorted({*known, *(each.id for each in site.site_settings.campaigns)})
    typer.echo("the store is accepted as it is; start the dialler")
    if campaigns:
        typer.echo(f"Campaigns stopped until you resume them: {', '.join(campaigns)}")


def _describe_calls_missing_in_store(
    last_at: float | None, calls: Sequence[MissingCall], missing_sent: int, zone: tzinfo
) -> Iterator[str]:
    from dialer.reports.formats import format_time

    last = (
        "The store has no calls" if last_at is None else f"The store's newest call was at {format_time(last_at, zone)}"
    )
    yield f"{last}. Later calls:"
    if missing_sent:
        yield f"  journal: {format_count(missing_sent, 'call')}"
    for call in calls:
        minutes = "" if last_at is None else f": {max(0.0, call.at - last_at) / 60:,.1f} minutes are unknown"
        yield f"  {call.place}: until {format_time(call.at, zone)}{minutes}"
    yield (
        "Calls, opt-outs and marks of this time are missing: these voters may be called again."
        " Import your lists of them first (dialer optout import, dialer marks import)."
    )


def _require_encryption_key(site: SiteAndPersonOptions) -> StoreKey:
    if site.store_encryption_key is None:
        raise StoreError(
            "`store.encryption_key_file` is not set: create a key with `dialer store key`, then set this setting "
            "to the key file"
        )
    return site.store_encryption_key


def _change_store_encryption(site: SiteAndPersonOptions, old: StoreKey | None, new: StoreKey | None) -> None:
    from dialer.cli.progress import show_progress
    from dialer.domain.clock import SystemClock
    from dialer.store import conversion
    from dialer.store.audit import get_name_of_responsible_person

    with show_progress("store") as advance:
        conversion.convert_store_encryption(
            site.store_path,
            old,
            new,
            who=get_name_of_responsible_person(site.who),
            at=SystemClock().now(),
            progress=lambda words, share: advance(share, words),
        )
