"""`dialer unknown list|release`: list call attempts with an unknown result, and release their numbers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import SiteAndPersonOptions, SiteOptions

if TYPE_CHECKING:
    from dialer.mqtt.commands.client import CommandRequest

app = CommandGroup()


@app.command("list")
def list_unknown_attempts(site: SiteOptions) -> None:
    """List call attempts whose result is unknown because of a crash or a lost connection.

    Their numbers are not redialled until a person releases them.
    """
    from dialer.settings.site_time import get_site_zone
    from dialer.site.lookup import mask_phone_number
    from dialer.store import unknown_attempts

    zone = get_site_zone(site.site_settings)
    with site.open_store_for_reading() as db:
        found = unknown_attempts.read_attempts_with_unknown_outcome(db)
    for each in found:
        at = datetime.fromtimestamp(each.created_at, zone)
        typer.echo(
            f"{each.attempt_id}  {at:%Y-%m-%d %H:%M:%S}  {mask_phone_number(each.number)}  {each.campaign_id}  {each.trunk}"
        )
    typer.echo(
        f"{len(found):,} attempts have an unknown result: compare them with the carrier's list of calls, then release them"
    )


@app.command("release")
def release_attempts_with_unknown_outcome(
    site: SiteAndPersonOptions,
    attempts: Annotated[
        list[str] | None,
        typer.Argument(metavar="ATTEMPTS", help="Attempts to release, by ID (see `dialer unknown list`)."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Release all attempts with an unknown result.")] = False,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Short reason for the release, without names or phone numbers.")
    ] = "",
) -> None:
    """Allow redialling after call attempts with an unknown result. The dialler may be running.

    The attempts' results stay unknown. The audit records who released the attempts and why.
    """
    from dialer.cli.external_records import save_records_in_batches
    from dialer.engine.external_records.commands import MAX_ATTEMPTS
    from dialer.mqtt.commands.client import CommandRequest
    from dialer.store import unknown_attempts

    if everything == bool(attempts):
        raise typer.BadParameter("give either IDs of attempts or --all, not both (`dialer unknown list` shows the IDs)")
    if not reason.strip():
        raise typer.BadParameter("--reason is empty: give a reason for the release, such as carrier-list-compared")
    name, wanted = site.responsible_person_id, list(attempts or [])
    if everything:
        with site.open_store_for_reading() as db:
            wanted = [each.attempt_id for each in unknown_attempts.read_attempts_with_unknown_outcome(db)]

    def create_command_that_releases_attempts(_: int, some: list[str]) -> CommandRequest:
        return CommandRequest("unknown-release", {"reason": reason.strip(), "who": name, "attempts": some})

    for answer in save_records_in_batches(
        site.site_settings, wanted, MAX_ATTEMPTS, "releases", create_command_that_releases_attempts
    ):
        typer.echo(answer)
    if not wanted:
        typer.echo("no attempt has an unknown result; nothing was released")
