"""`dialer unknown list|release`: attempts of which nobody knows whether they were calls, and a person's word that settles it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from dialer.cli.external_records import keep_all
from dialer.cli.group import CommandGroup
from dialer.cli.options import NamedSite, SiteAndWho
from dialer.engine.external_records.commands import MAX_ATTEMPTS
from dialer.mqtt.commands.client import CommandRequest
from dialer.settings.site_time import site_zone
from dialer.site.lookup import masked
from dialer.store import unknown_attempts

app = CommandGroup()


@app.command("list")
def show(site: NamedSite) -> None:
    """List attempts with an unknown result, after a crash or a lost connection.

    Their numbers are not redialled until they are released.
    """
    zone = site_zone(site.settings)
    with site.reading() as db:
        found = unknown_attempts.unknown_attempts(db)
    for each in found:
        at = datetime.fromtimestamp(each.created_at, zone)
        typer.echo(
            f"{each.attempt_id}  {at:%Y-%m-%d %H:%M:%S}  {masked(each.number)}  {each.campaign_id}  {each.trunk}"
        )
    typer.echo(f"{len(found):,} attempts are unknown: compare them with the carrier's list of calls, then release them")


@app.command("release")
def release(
    site: SiteAndWho,
    attempts: Annotated[
        list[str] | None,
        typer.Argument(metavar="ATTEMPTS", help="Attempts to release, by ID (see `dialer unknown list`)."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All attempts whose result is unknown.")] = False,
    reason: Annotated[str, typer.Option(help="Why they may be called again; short, without names or numbers.")] = "",
) -> None:
    """Release the numbers of unknown attempts, so that every campaign may call them again.

    While the dialler runs, through the broker. The attempts stay unknown; the audit records who released them and
    why.
    """
    if everything == bool(attempts):
        raise typer.BadParameter("give the attempts' ids, or --all (`dialer unknown list` shows them)")
    if not reason.strip():
        raise typer.BadParameter("--reason: say why they may be called again, such as carrier-list-compared")
    name, wanted = site.person, list(attempts or [])
    if everything:
        with site.reading() as db:
            wanted = [each.attempt_id for each in unknown_attempts.unknown_attempts(db)]

    def request(_: int, some: list[str]) -> CommandRequest:
        return CommandRequest("unknown-release", {"reason": reason.strip(), "who": name, "attempts": some})

    for answer in keep_all(site.settings, wanted, MAX_ATTEMPTS, "releases", request):
        typer.echo(answer)
    if not wanted:
        typer.echo("no attempt is unknown: nothing was released")
