"""`dialer recordings purge`: erase recordings of calls after their retention period."""

from __future__ import annotations

from typing import Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import ConfigOption

app = CommandGroup()


@app.callback()
def _require_subcommand_name_for_single_command() -> None:
    """Make Typer treat `purge` as a subcommand although it is the only command."""


@app.command("purge")
def purge_recordings(
    config: ConfigOption = None,
    keep_days: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS", min=0, help="Keep only this many days, if fewer than recordings.keep_days. 0 erases all."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, but change nothing.")] = False,
) -> None:
    """Erase recordings of calls that are older than recordings.keep_days. Run it once a day. The dialler may be
    running.
    """
    from dialer.domain.clock import SystemClock
    from dialer.settings.site import load_settings
    from dialer.settings.site_rules import describe_required_recording_retention
    from dialer.settings.site_time import get_site_day
    from dialer.store.recordings import erase_recording, list_recordings, select_recordings_older_than

    site = load_settings(config)
    settings, now = site.recordings, SystemClock().now()
    kept = describe_required_recording_retention(site, get_site_day(site, now))
    if kept is not None:
        typer.echo(f"recordings are retained {kept}; nothing was erased")
        return
    days = settings.keep_days if keep_days is None else min(keep_days, settings.keep_days)
    due = select_recordings_older_than(list_recordings(settings.directory), days, now)
    if not dry_run:
        for file in due:
            erase_recording(file.path)
    done = "would be erased" if dry_run else "erased"
    typer.echo(f"{len(due)} recordings older than {days} days {done}, {sum(file.size_bytes for file in due)} bytes")
