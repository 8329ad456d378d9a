"""`dialer hq desk`, `user`, `audit`, `official`: headquarters' pages, who may open them, and what is taken in for them."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from dialer.cli.desk import CaOption, NamesOption, RenewOption, tell_certificate
from dialer.cli.group import CommandGroup
from dialer.cli.logs import json_logging
from dialer.cli.options import NamedHeadquarters, of_extra, person, said
from dialer.desk.pages_built import BUILT, OPEN_AT_PREFIX, are_built
from dialer.domain.clock import SystemClock
from dialer.domain.enums import HqRole
from dialer.domain.errors import HeadquartersUnreachable

if TYPE_CHECKING:
    from dialer.hq.accounts import Accounts
    from dialer.hq.page_database import PageDatabase
    from dialer.store.desk_file import DeskFile
    from dialer.web.people import People

user_app = CommandGroup(help="Manage the users of headquarters' pages.")
_Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]


async def desk(hq: NamedHeadquarters) -> None:
    """Serve headquarters' pages until SIGTERM or Ctrl-C."""
    settings = hq.settings
    with of_extra("hq,desk"):
        from dialer.hq.desk import serve_hq_desk  # noqa: PLC0415 - of an extra
        from dialer.web.assets import read_assets  # noqa: PLC0415
    if not are_built():
        raise HeadquartersUnreachable("the pages are not built: `dialer desk pages` builds them")
    json_logging(verbose=False)
    await serve_hq_desk(settings, read_assets(BUILT), lambda origin: typer.echo(f"{OPEN_AT_PREFIX}{origin}"))


def certificate(
    hq: NamedHeadquarters, name: NamesOption = None, renew: RenewOption = False, ca: CaOption = None
) -> None:
    """Create the pages' certificate, from headquarters' own CA, which is installed on the PCs once.

    The files are those of desk.certificate and desk.private_key. The CA is valid for the pages' names only. The
    output says how to install it.
    """
    desk = hq.settings.desk
    tell_certificate(desk, "headquarters", name or [], ca, renew=renew, serve="dialer hq desk")


@user_app.command("list")
async def show(hq: NamedHeadquarters) -> None:
    """List accounts with role, zone, and how each last signed in."""
    settings = hq.settings
    async with _people_of(hq) as (_, accounts, _, file):
        kept = await file.accounts()
        zone = ZoneInfo(settings.gather.time_zone)
        for name, role in sorted(accounts.role_of.items()):
            at = kept[name].signed_in_at if name in kept else None
            seen = "never signed in" if at is None else f"signed in {datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M}"
            typer.echo(f"{name:<32}  {role:<12}  {accounts.zone_of[name] or 'all zones':<16}  {seen}")


@user_app.command()
async def add(
    name: _Name,
    role: Annotated[str, typer.Argument(metavar="ROLE", help=f"One of {', '.join(HqRole)}.")],
    hq: NamedHeadquarters,
    zone: Annotated[str, typer.Option(help="The only zone that the user sees. [default: all]")] = "",
    who: Annotated[str | None, typer.Option(help="Who does this, for the audit. [default: the logged-in user]")] = None,
) -> None:
    """Add an account, or change the role or zone of one.

    A new account gets a password for one sign-in, which is printed.
    """
    async with _people_of(hq) as (_, accounts, people, _):
        is_new = name not in accounts.role_of
        await accounts.save(name, role, zone, person(who))
        if is_new:
            typer.echo(
                f"{name} may sign in once with {await people.create_one_time_password(name)}, and then chooses another password"
            )


@user_app.command()
async def remove(
    name: _Name,
    hq: NamedHeadquarters,
    who: Annotated[str | None, typer.Option(help="Who does this, for the audit. [default: the logged-in user]")] = None,
) -> None:
    """Remove an account; its open pages are signed out within a second."""
    async with _people_of(hq) as (_, accounts, people, _):
        await accounts.remove(name, person(who))
        await people.set_password(name, None)


@user_app.command()
async def password(
    name: _Name,
    hq: NamedHeadquarters,
    given: Annotated[
        str | None,
        typer.Option("--password", help="Set this password (- reads standard input). [default: a one-time password]"),
    ] = None,
) -> None:
    """Set a new password; sessions with the old one end."""
    async with _people_of(hq) as (_, accounts, people, _):
        accounts.require_account(name)
        if given is None:
            typer.echo(
                f"{name} may sign in once with {await people.create_one_time_password(name)}, and then chooses another password"
            )
        else:
            await people.set_password(name, said(given, "the password"))


async def audit(
    hq: NamedHeadquarters,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept-end", help="Accept the audit's present end, after restoring headquarters' database from a copy."
        ),
    ] = False,
    who: Annotated[str | None, typer.Option(help="Who does this, for the audit. [default: the logged-in user]")] = None,
) -> None:
    """Show what people did on the pages, and verify the hash chain of these entries.

    Exit 1 if it is broken. The newest entry is also in the file of [desk], so that a truncated chain is noticed.
    """
    settings = hq.settings
    async with _people_of(hq) as (database, _, _, file):
        if accept:
            await database.accept_audit_end(person(who))
        entries = await database.audit_entries()
        zone = ZoneInfo(settings.gather.time_zone)
        for each in entries:
            at = datetime.fromtimestamp(each.at, zone)
            typer.echo(f"{each.number:>6}  {at:%Y-%m-%d %H:%M:%S}  {each.kind:<20}  {each.who:<20}  {each.what}")
        broken = await database.audit_breaks()
        for each_break in broken:
            typer.echo(f"broken at entry {each_break.number}: {each_break.problem}")
        if not broken:
            head = await file.audit_head()
            against = f"entry {head[0]} in {settings.desk.file}" if head else f"nothing: {settings.desk.file} has none"
            typer.echo(f"{len(entries)} entries, and the chain holds; its end was held against {against}")
    raise typer.Exit(1 if broken else 0)


async def official(
    path: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Figures for one or more times.")],
    hq: NamedHeadquarters,
) -> None:
    """Import official turnout from a CSV file, all or nothing.

    Columns: state_code, constituency_number, part_number (empty for a whole constituency), at (2026-04-22 11:00, in the
    zone of [gather]), electors, percent.
    """
    settings = hq.settings
    from dialer.hq.expected import read_official_turnout, store_official_turnout  # noqa: PLC0415

    rows = read_official_turnout(path, ZoneInfo(settings.gather.time_zone))
    async with _people_of(hq) as (database, _, _, _):
        await store_official_turnout(database, rows)

    typer.echo(f"{len(rows):,} figures taken in")


def _people_of(hq: NamedHeadquarters) -> AbstractAsyncContextManager[tuple[PageDatabase, Accounts, People, DeskFile]]:
    with of_extra("hq,desk"):
        from dialer.hq.desk import open_accounts  # noqa: PLC0415 - of an extra
    return open_accounts(hq.settings, SystemClock())
