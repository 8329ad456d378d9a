"""`dialer source`: import exports of voter-data portals, and send voters' answers to the portals."""

from __future__ import annotations

from typing import Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import SiteOptions
from dialer.cli.roll import exit_if_all_rows_rejected, import_roll_and_print_result, show_column_mapping
from dialer.domain.words import format_count
from dialer.errors import SettingError

app = CommandGroup()


@app.command("import")
def import_portal_exports(
    site: SiteOptions,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The source's name in [[sources]].")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, but change nothing.")] = False,
) -> None:
    """Import a portal's new exports, from its URL and its folder.

    Files are imported as by `dialer import --map`, oldest first. Files that were imported before are skipped. If a file
    does not fit the saved mapping, the import stops there. Exit 1 if every row of a file was rejected.
    """
    from rich.console import Console

    from dialer.roll.importer import ImportOptions
    from dialer.roll.sources import (
        download_portal_export,
        find_exports_not_imported_yet,
        find_portal_by_name,
        prepare_portal_import,
    )
    from dialer.store.file_checks import file_exists
    from dialer.store.roll import read_hashes_of_imported_files

    settings = site.site_settings
    source = find_portal_by_name(settings.sources, name)
    fetched = None if source.url is None else download_portal_export(source, source.url)
    imported = set()
    if file_exists(site.store_path):
        with site.open_store_for_reading() as db:
            imported = read_hashes_of_imported_files(db)
    console, count = Console(), 0
    for path in find_exports_not_imported_yet(source, imported, fetched):
        prepared = prepare_portal_import(source, path, settings.centre.region)
        console.print(str(path), style="bold", markup=False, highlight=False, soft_wrap=True)
        show_column_mapping(console, settings, prepared)
        options = ImportOptions(dry_run, None, settings.centre.region, source.roll_version, source=source.name)
        exit_if_all_rows_rejected(import_roll_and_print_result(console, settings, prepared, options), path)
        count += 1
    if count == 0:
        typer.echo(f"nothing new in {source.folder}: every file was imported before")
    else:
        typer.echo(f"{source.name}: {format_count(count, 'file')} {'checked' if dry_run else 'imported'}")


@app.command("send")
def send_results_to_portal(
    site: SiteOptions,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The source's name in [[sources]].")],
) -> None:
    """Send a voter-data portal the new results of its voters, who are identified by the portal's IDs.

    Messages are signed, contain no name or phone number, and are retried until the portal accepts them. Accepted
    results are recorded in a file next to the store.
    """
    from dialer.domain.signing import read_webhook_secret
    from dialer.reports.webhook import WebhookPoster, create_webhook_delivery_sender
    from dialer.roll.sources import find_portal_by_name, load_voter_ids_sent_by_portal
    from dialer.settings.site_time import get_site_zone
    from dialer.store.roll import read_hashes_of_imported_files

    settings = site.site_settings
    source = find_portal_by_name(settings.sources, name)
    if source.webhook_url is None or source.webhook_secret_file is None:
        raise SettingError(
            "settings", f"sources.{name}.webhook_url", "is not set", "set it to the portal's URL for results"
        )
    secret = read_webhook_secret(source.webhook_secret_file, f"sources.{name}.webhook_secret_file")
    with site.open_store_for_reading() as db:
        imported = read_hashes_of_imported_files(db)
    position = site.store_path.with_name(f"{site.store_path.name}.{source.name}.posted")
    posting = WebhookPoster(
        source,
        settings.centre.id,
        get_site_zone(settings),
        lambda: load_voter_ids_sent_by_portal(source, imported),
        position,
    )
    sent = posting.post_new_results_to_portal(
        site.open_store_for_reading, create_webhook_delivery_sender(source.webhook_url, secret)
    )
    typer.echo(f"{source.name}: {format_count(sent, 'result')} sent")
