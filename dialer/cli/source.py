"""`dialer source`: voter-data portals, whose exports come in by the mapping that is saved for each, and to whom results go out."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from dialer.cli.group import CommandGroup
from dialer.cli.options import NamedSite
from dialer.cli.roll import refuse_all_rejected, show_mapping, take_in
from dialer.domain.signing import read_webhook_secret
from dialer.domain.words import counted
from dialer.errors import SettingError
from dialer.reports.webhook import WebhookPoster, create_sender
from dialer.roll.importer import ImportOptions
from dialer.roll.sources import fetch_export, find_new_exports, find_source, load_portal_ids, prepare_export
from dialer.settings.site_time import site_zone
from dialer.store.file_checks import file_exists
from dialer.store.roll import imported_files

app = CommandGroup()


@app.command()
def take(
    site: NamedSite,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The source's name in [[sources]].")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the whole file, but change nothing in the store.")
    ] = False,
) -> None:
    """Import a portal's new exports, from its address and its folder.

    Files are imported like `dialer import --map`, the oldest first; a file that was imported before is skipped. If a
    file does not fit the saved mapping, it and the files after it are refused. Exit 1 if every row of a file was
    rejected.
    """
    settings = site.settings
    source = find_source(settings.sources, name)
    fetched = None if source.url is None else fetch_export(source, source.url)
    taken = set()
    if file_exists(site.path):
        with site.reading() as db:
            taken = imported_files(db)
    console, count = Console(), 0
    for path in find_new_exports(source, taken, fetched):
        prepared = prepare_export(source, path, settings.centre.region)
        console.print(str(path), style="bold", markup=False, highlight=False, soft_wrap=True)
        show_mapping(console, settings, prepared)
        options = ImportOptions(dry_run, None, settings.centre.region, source.roll_version, source=source.name)
        refuse_all_rejected(take_in(console, settings, prepared, options), path)
        count += 1
    if count == 0:
        typer.echo(f"nothing new in {source.folder}: every file there was taken before")
    else:
        typer.echo(f"{source.name}: {counted(count, 'file')} {'looked at' if dry_run else 'taken'}")


@app.command()
def post(
    site: NamedSite,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The source's name in [[sources]].")],
) -> None:
    """Send a portal the new marks of its voters, with the answers of the call, under its own IDs.

    Messages are signed, contain no name or number, and are repeated until the portal accepts them. A file beside the
    store records what it accepted.
    """
    settings = site.settings
    source = find_source(settings.sources, name)
    if source.webhook_url is None or source.webhook_secret_file is None:
        raise SettingError(
            "settings", f"sources.{name}.webhook_url", "is not set", "name the portal's address for results"
        )
    secret = read_webhook_secret(source.webhook_secret_file, f"sources.{name}.webhook_secret_file")
    with site.reading() as db:
        taken = imported_files(db)
    position = site.path.with_name(f"{site.path.name}.{source.name}.posted")
    posting = WebhookPoster(
        source, settings.centre.id, site_zone(settings), lambda: load_portal_ids(source, taken), position
    )
    posted = posting.post_new_results(site.reading, create_sender(source.webhook_url, secret))
    typer.echo(f"{source.name}: {counted(posted, 'result')} posted")
