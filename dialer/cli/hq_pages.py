"""Commands for headquarters' pages: serve them, manage their users, list actions, import official turnout."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from dialer.cli.desk import CaOption, NamesOption, RenewOption, create_page_server_certificate
from dialer.cli.group import CommandGroup
from dialer.cli.options import (
    HeadquartersOptions,
    WhoOption,
    read_argument_or_stdin,
    require_installed_package_extra,
    resolve_responsible_person,
)
from dialer.domain.enums import HqRole
from dialer.domain.errors import HeadquartersUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dialer.hq.accounts import Accounts
    from dialer.hq.page_database import PageDatabase
    from dialer.hq.seal_chains import SealChain
    from dialer.store.desk_file import DeskFile
    from dialer.web.people import People

user_app = CommandGroup(help="Manage the users of headquarters' pages.")
store_app = CommandGroup(help="List the stores of centres, and choose one if two send as the same centre.")
_Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]


async def serve_headquarters_pages(hq: HeadquartersOptions) -> None:
    """Serve headquarters' web pages until SIGTERM or Ctrl-C."""
    from dialer.cli.logs import configure_json_logging
    from dialer.desk.pages_built import BUILT, OPEN_AT_PREFIX, are_pages_built

    settings = hq.headquarters_settings
    with require_installed_package_extra("hq,desk"):
        from dialer.hq.desk import serve_hq_pages_until_signal
        from dialer.web.assets import read_built_page_files
    if not are_pages_built():
        raise HeadquartersUnreachable("headquarters' pages are not built: run `dialer desk pages`")
    configure_json_logging(verbose=False)
    await serve_hq_pages_until_signal(
        settings, read_built_page_files(BUILT), lambda origin: typer.echo(f"{OPEN_AT_PREFIX}{origin}")
    )


def create_headquarters_certificate(
    hq: HeadquartersOptions, name: NamesOption = None, renew: RenewOption = False, ca: CaOption = None
) -> None:
    """Create the TLS certificate of headquarters' pages, and the CA that signs it. Each PC must install the CA once.

    The files desk.certificate and desk.private_key of the settings are written. The CA is valid for the pages' host
    names only. The output explains how to install it.
    """
    desk = hq.headquarters_settings.desk
    create_page_server_certificate(desk, "headquarters", name or [], ca, renew=renew, serve="dialer hq desk")


@user_app.command("list")
async def list_accounts(hq: HeadquartersOptions) -> None:
    """List the accounts of headquarters' pages with role, zone and time of the last sign-in."""
    settings = hq.headquarters_settings
    async with _open_page_accounts(hq) as (_, accounts, _, file):
        stored = await file.read_accounts()
        zone = ZoneInfo(settings.gather.time_zone)
        for name, role in sorted(accounts.role_of.items()):
            at = stored[name].signed_in_at if name in stored else None
            seen = "never signed in" if at is None else f"signed in {datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M}"
            typer.echo(f"{name:<32}  {role:<12}  {accounts.zone_of[name] or 'all zones':<16}  {seen}")


@user_app.command("add")
async def add_account(
    name: _Name,
    role: Annotated[str, typer.Argument(metavar="ROLE", help=f"One of {', '.join(HqRole)}.")],
    hq: HeadquartersOptions,
    zone: Annotated[str, typer.Option(metavar="NAME", help="The only zone that the user sees. [default: all]")] = "",
    who: WhoOption = None,
) -> None:
    """Add an account for headquarters' pages, or change its role or zone.

    For a new account, a one-time password is printed.
    """
    async with _open_page_accounts(hq) as (_, accounts, people, _):
        is_new = name not in accounts.role_of
        await accounts.save_account(name, role, zone, resolve_responsible_person(who))
        if is_new:
            typer.echo(
                f"{name} may sign in once with {await people.create_one_time_password(name)}, and then chooses another password"
            )


@user_app.command("remove")
async def remove_account(
    name: _Name,
    hq: HeadquartersOptions,
    who: WhoOption = None,
) -> None:
    """Remove an account of headquarters' pages. Its open pages are signed out within a second."""
    async with _open_page_accounts(hq) as (_, accounts, people, _):
        await accounts.remove_account(name, resolve_responsible_person(who))
        await people.set_password(name, None)


@user_app.command("password")
async def set_account_password(
    name: _Name,
    hq: HeadquartersOptions,
    given: Annotated[
        str | None,
        typer.Option(
            "--password",
            metavar="TEXT",
            help="The password; - reads standard input. [default: print a one-time password]",
        ),
    ] = None,
) -> None:
    """Set a new password for headquarters' pages. Sessions with the old password end."""
    async with _open_page_accounts(hq) as (_, accounts, people, _):
        accounts.require_existing_account(name)
        if given is None:
            typer.echo(
                f"{name} may sign in once with {await people.create_one_time_password(name)}, and then chooses another password"
            )
        else:
            await people.set_password(name, read_argument_or_stdin(given, "the password"))


@store_app.command("list")
async def list_databases_of_centres(hq: HeadquartersOptions) -> None:
    """List the stores (databases) that have sent results under each centre's name, and which one is accepted.

    For each store, the first public keys and the last entry (epoch) of its signed log are shown. `dialer audit verify`
    needs them to verify the store.
    """
    from dialer.hq.seal_records import list_signed_logs_of_stores
    from dialer.hq.store_records import list_databases_of_all_centres

    zone = ZoneInfo(hq.headquarters_settings.gather.time_zone)
    async with _open_page_accounts(hq) as (pages, *_), pages.open_transaction() as db:
        chains = await list_signed_logs_of_stores(db)
        for store in await list_databases_of_all_centres(db):
            first = f"{datetime.fromtimestamp(store.first_at, zone):%Y-%m-%d %H:%M}" if store.first_at else "unknown"
            incarnation = store.incarnation[:8] or "(none)"
            new = "" if store.confirmed else ", replaced another: not confirmed"
            typer.echo(
                f"{store.centre:<32}  {incarnation:<8}  {store.state:<8}  first sent {first}, row {store.last_id}{new}"
            )
            chain = chains.get((store.centre, store.incarnation))
            if chain is not None:
                for line in _describe_signatures_of_centre_database(chain, zone):
                    typer.echo(f"    {line}")


def _describe_signatures_of_centre_database(chain: SealChain, zone: ZoneInfo) -> Iterator[str]:
    keys = "".join(f" --first-key {key}" for key in chain.first_keys)
    if not keys:
        yield "the first key is unknown here: the store was sealed before it sent its first results"
    if chain.head is not None:
        at = datetime.fromtimestamp(chain.head.at, zone)
        yield f"sealed until {at:%Y-%m-%d %H:%M}; verify it with"
        yield f"dialer audit verify{keys} --head {chain.head.epoch}:{chain.head.compute_digest_of_signed_log_entry()}"
    if chain.contradiction:
        yield f"CONTRADICTED: {chain.contradiction}"
        yield from (f"after that, a chain of keys began with {key}" for key in chain.unaccepted_keys)


@store_app.command("accept")
async def accept_database_of_centre(
    centre: Annotated[str, typer.Argument(metavar="CENTRE", help="The centre.")],
    store: Annotated[str, typer.Argument(metavar="STORE", help="The first digits of the store, as `list` shows them.")],
    hq: HeadquartersOptions,
    who: WhoOption = None,
) -> None:
    """Accept the results of one store (database) of a centre, and refuse those of the centre's other stores.

    First stop the machine with the other store, and verify the store that you accept. The signatures (seals) of this
    store are then accepted, even if they contradict earlier ones. If a store has automatically replaced another one,
    confirm it with this command.
    """
    from dialer.hq.store_records import replace_accepted_database_of_centre

    async with _open_page_accounts(hq) as (pages, *_), pages.open_transaction() as db:
        incarnation = await replace_accepted_database_of_centre(db, centre, store)
        await pages.append_audit_entry(
            db, "store-accepted", resolve_responsible_person(who), {"centre": centre, "incarnation": incarnation}
        )
    typer.echo(f"{centre}: results of store {incarnation[:8]} are accepted")


async def list_rejected_rows_of_centres(hq: HeadquartersOptions) -> None:
    """List the rows from centres that headquarters rejected, with the reasons. Rejected rows are not stored as results.

    If a row's constituency does not belong to its centre, correct [[centres]] and start `dialer hq gather` again.
    """
    from dialer.hq import set_aside

    zone = ZoneInfo(hq.headquarters_settings.gather.time_zone)
    async with _open_page_accounts(hq) as (pages, *_), pages.open_transaction() as db:
        for row in await set_aside.SQL.rows.fetch_rows(db):
            at = f"{datetime.fromtimestamp(row.at, zone):%Y-%m-%d %H:%M}"
            typer.echo(f"{row.centre:<32}  row {row.id:<10}  {row.topic:<24}  {at}  {row.reason}")


async def list_audited_actions_at_headquarters(
    hq: HeadquartersOptions,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept-end",
            help="Accept the audit's present last entry, after headquarters' database was restored from a copy.",
        ),
    ] = False,
    who: WhoOption = None,
) -> None:
    """List users' actions and leaders' orders at headquarters, and verify the hash chain of these entries.

    Exit 1 if the chain is broken. The newest entry is also stored in desk.file, so that removed entries are detected.
    """
    settings = hq.headquarters_settings
    async with _open_page_accounts(hq) as (database, _, _, file):
        if accept:
            await database.accept_last_audit_entry(resolve_responsible_person(who))
        entries = await database.read_audit_entries()
        zone = ZoneInfo(settings.gather.time_zone)
        for each in entries:
            at = datetime.fromtimestamp(each.at, zone)
            typer.echo(f"{each.number:>6}  {at:%Y-%m-%d %H:%M:%S}  {each.kind:<20}  {each.who:<20}  {each.what}")
        broken = await database.find_breaks_in_audit_chain()
        for each_break in broken:
            typer.echo(f"broken at entry {each_break.number}: {each_break.problem}")
        if not broken:
            head = await file.read_last_seen_audit_entry()
            end = (
                f"its end matches entry {head[0]} in {settings.desk.file}"
                if head
                else f"its end cannot be checked, as {settings.desk.file} has no entry"
            )
            typer.echo(f"{len(entries)} entries; the chain is intact; {end}")
    raise typer.Exit(1 if broken else 0)


async def import_official_turnout(
    path: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A CSV file of official figures.")],
    hq: HeadquartersOptions,
) -> None:
    """Import turnout figures of the election authority from a CSV file, all or nothing.

    Columns: state_code, constituency_number, part_number (empty for a whole constituency), at (2026-04-22 11:00, in
    gather.time_zone), electors, percent.
    """
    settings = hq.headquarters_settings
    from dialer.hq.expected import read_official_turnout, store_official_turnout

    rows = read_official_turnout(path, ZoneInfo(settings.gather.time_zone))
    async with _open_page_accounts(hq) as (database, _, _, _):
        await store_official_turnout(database, rows)

    typer.echo(f"{len(rows):,} figures imported")


def _open_page_accounts(
    hq: HeadquartersOptions,
) -> AbstractAsyncContextManager[tuple[PageDatabase, Accounts, People, DeskFile]]:
    from dialer.domain.clock import SystemClock

    with require_installed_package_extra("hq,desk"):
        from dialer.hq.desk import open_user_accounts
    return open_user_accounts(hq.headquarters_settings, SystemClock())
