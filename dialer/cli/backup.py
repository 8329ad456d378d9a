"""`dialer backup` and `dialer restore`: back up the store (the centre's database) while the dialler runs, and restore
it.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli.options import SiteAndPersonOptions, SiteOptions
from dialer.domain.words import format_count
from dialer.errors import SettingError

if TYPE_CHECKING:
    from dialer.settings.site import Settings
    from dialer.store.backup import Backup


def back_up_store(
    site: SiteOptions,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]",
            help="Folder for backups. Each gets a folder of its own in it. [default: store.backup_folder]",
        ),
    ] = None,
) -> None:
    """Back up the store (the centre's database), and the file with the pages' accounts and notes. The dialler may be
    running.

    The copy is consistent, verified, and encrypted like the original. Keep copies on another machine, and the key of an
    encrypted store apart from them.
    """
    from dialer.domain.clock import SystemClock
    from dialer.settings.site_time import get_site_zone
    from dialer.store.backup import delete_older_backups, make_backup

    settings = site.site_settings
    configured = settings.store.backup_folder
    folder = folder or configured
    if folder is None:
        raise SettingError(
            "settings", "store.backup_folder", "is not set", "set it, or give the folder: dialer backup DIR"
        )
    now = datetime.fromtimestamp(SystemClock().now(), get_site_zone(settings))
    made = make_backup(site.store_path, site.store_encryption_key, folder / f"{settings.centre.id}-{now:%Y%m%d-%H%M%S}")
    size = made.store.stat().st_size / 1_000_000
    typer.echo(f"{made.store.parent}: {size:,.1f} MB, {_describe_newest_call_in_backup(made, settings)}")
    if folder == configured:
        removed = delete_older_backups(made.store.parent, settings.centre.id, settings.store.max_backups)
        if removed:
            typer.echo(f"{format_count(len(removed), 'older backup')} removed (store.max_backups)")


def restore_store_from_backup(
    site: SiteAndPersonOptions,
    folder: Annotated[Path, typer.Argument(metavar="BACKUP", help="A folder created by `dialer backup`.")],
) -> None:
    """Restore a backup after the store (the centre's database) was lost, with every campaign stopped.

    The backup is verified and upgraded first. An existing store is never overwritten. Campaigns are stopped because the
    backup lacks calls, votes and opt-outs made after it, so those voters would be called again.
    """
    from dialer.domain.clock import SystemClock
    from dialer.store.audit import get_name_of_responsible_person
    from dialer.store.backup import count_attempts_missing_in_store, restore_backup, verify_backup
    from dialer.store.sent_journal import SentJournal, get_journal_path

    settings, key, path = site.site_settings, site.store_encryption_key, site.store_path
    found = verify_backup(folder, key)
    known = restore_backup(folder, path, key, who=get_name_of_responsible_person(site.who), at=SystemClock().now())
    typer.echo(f"{path}: restored, {_describe_newest_call_in_backup(found, settings)}")
    typer.echo(
        "Calls, opt-outs and marks after that time are missing: these voters may be called again."
        " Import your lists of them first (dialer optout import, dialer marks import)."
    )
    typer.echo(
        "The store is sealed with new keys: `dialer audit verify` prints their first key. Note it on another machine."
    )
    campaigns = sorted({*known, *(each.id for each in settings.campaigns)})
    if campaigns:
        typer.echo(
            f"Campaigns stopped until you resume them: {', '.join(campaigns)}"
            " (dialer command resume NAME --as SUPERVISOR)"
        )
    journal = get_journal_path(path)
    missing = count_attempts_missing_in_store(path, key, SentJournal(journal).list_sent_attempts())
    if missing:
        typer.echo(
            f"{format_count(missing, 'call')} in {journal} are missing in the backup: move this file away,"
            " else the dialler does not start"
        )


def _describe_newest_call_in_backup(found: Backup, settings: Settings) -> str:
    from dialer.settings.site_time import get_site_zone

    if found.newest is None:
        return "without calls"
    return f"calls until {datetime.fromtimestamp(found.newest, get_site_zone(settings)):%Y-%m-%d %H:%M:%S}"
