"""`dialer backup` and `dialer restore`: the store copied while the dialler runs, and put back where it was lost."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from dialer.cli.options import NamedSite, SiteAndWho
from dialer.domain.clock import SystemClock
from dialer.domain.words import counted
from dialer.errors import SettingError
from dialer.settings.site import Settings
from dialer.settings.site_time import site_zone
from dialer.store.audit import audit_name
from dialer.store.backup import Backup, count_unknown_attempts, make_backup, prune_backups, verify_backup
from dialer.store.backup import restore as put_back
from dialer.store.sent_journal import SentJournal, get_journal_path


def backup(
    site: NamedSite,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]",
            help="Where to create the backup's folder. [default: store.backup_folder]",
        ),
    ] = None,
) -> None:
    """Back up the store and the desk's file, also while the dialler runs.

    The copy is consistent, verified, and encrypted like the original. Keep copies on another machine, and the key of an
    encrypted store apart from them.
    """
    settings = site.settings
    usual = settings.store.backup_folder
    folder = folder or usual
    if folder is None:
        raise SettingError(
            "settings", "store.backup_folder", "is not set", "set it, or name a folder: dialer backup DIR"
        )
    now = datetime.fromtimestamp(SystemClock().now(), site_zone(settings))
    made = make_backup(site.path, site.key, folder / f"{settings.centre.id}-{now:%Y%m%d-%H%M%S}")
    size = made.store.stat().st_size / 1_000_000
    typer.echo(f"{made.store.parent}: {size:,.1f} MB, {_until(made, settings)}")
    if folder == usual:
        gone = prune_backups(made.store.parent, settings.centre.id, settings.store.max_backups)
        if gone:
            typer.echo(f"{counted(len(gone), 'older backup')} removed (store.max_backups)")


def restore(
    site: SiteAndWho,
    folder: Annotated[Path, typer.Argument(metavar="BACKUP", help="A folder created by `dialer backup`.")],
) -> None:
    """Restore a backup where there is no store, with every campaign stopped.

    The backup is verified and upgraded first. An existing store is never overwritten. Campaigns are stopped because
    voters who were called, voted or opted out after the backup would be called again.
    """
    settings, key, path = site.settings, site.key, site.path
    found = verify_backup(folder, key)
    known = put_back(folder, path, key, who=audit_name(site.who), at=SystemClock().now())
    typer.echo(f"{path}: restored, {_until(found, settings)}")
    typer.echo(
        "What came after that is not in it: whoever was called since may be called again, and who opted out or has voted since"
        " is not known. Take in what you have of it (dialer optout import, dialer marks import)."
    )
    campaigns = sorted({*known, *(each.id for each in settings.campaigns)})
    if campaigns:
        typer.echo(
            f"Stopped until you resume them: {', '.join(campaigns)} (dialer command resume NAME --as SUPERVISOR)"
        )
    journal = get_journal_path(path)
    missing = count_unknown_attempts(path, key, SentJournal(journal).sent())
    if missing:
        typer.echo(
            f"{counted(missing, 'call')} of the last ones are not in it: the dialler starts once {journal} is put aside"
        )


def _until(found: Backup, settings: Settings) -> str:
    if found.newest is None:
        return "no call in it"
    return f"calls until {datetime.fromtimestamp(found.newest, site_zone(settings)):%Y-%m-%d %H:%M:%S}"
