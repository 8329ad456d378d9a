"""`dialer user ...`: who watches and steers beside those of the settings, what each may do, and their passwords for the pages."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Annotated

import typer

from dialer.cli.command import own_name
from dialer.cli.external_records import ask_dialler, refuse_unless_dialler
from dialer.cli.group import CommandGroup
from dialer.cli.options import SettingsFile, person, said
from dialer.domain.clock import SystemClock
from dialer.domain.enums import USER_ROLES
from dialer.domain.errors import CommandRefused, StoreBusy
from dialer.domain.words import counted
from dialer.engine.command.base import CommandContext
from dialer.engine.command.reading import read_command
from dialer.engine.users.commands import UserCommand
from dialer.engine.users.service import Users
from dialer.mqtt.commands.client import CommandRequest
from dialer.mqtt.messages import announcement_of
from dialer.settings.site import Settings, load_settings
from dialer.settings.site_time import site_zone
from dialer.settings.supervision import OWN_USER
from dialer.site.plan import fixed_users
from dialer.store.desk_file import DeskAccount, DeskFile, desk_path
from dialer.store.file_checks import file_exists
from dialer.store.keys import site_key
from dialer.store.store import open_store
from dialer.store.users import StoredUser, read_stored_users

HOLDER = "a change of users"
_PASSWORDS = {"none": "no password", "once": "one-time password", "own": "password"}

app = CommandGroup()

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
RoleWord = Annotated[str, typer.Argument(metavar="ROLE", help=f"One of {', '.join(USER_ROLES)}.")]
AsOption = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="USER", help="The user who does this; a running dialler requires the role supervisor."
    ),
]


@app.command("list")
async def show(config: SettingsFile) -> None:
    """List users with their roles, and how each last signed in to the pages.

    Roles of users in the settings cannot be changed by commands.
    """
    settings = load_settings(config)
    users = {each.name: each for each in read_stored_users(settings.store.path, site_key(settings))}
    users |= {each.name: StoredUser(each.name, each.role.value, 0.0, 0.0) for each in settings.supervisors}
    accounts = await _accounts(settings)
    zone = site_zone(settings)
    for name, user in sorted(users.items()):
        account = accounts.get(name, DeskAccount()).of_user(user)
        where = "settings" if name in fixed_users(settings) else "user"
        at = account.signed_in_at
        seen = "never signed in" if at is None else f"signed in {datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M}"
        keys = f", {counted(account.passkeys, 'passkey')}" if account.passkeys else ""
        typer.echo(f"{name:<32}  {user.role:<10}  {where:<8}  {_PASSWORDS[account.password]:<17}  {seen}{keys}")


async def _accounts(settings: Settings) -> dict[str, DeskAccount]:
    path = desk_path(settings.store.path)
    if not file_exists(path):
        return {}
    file = await DeskFile.open(path, site_key(settings))
    try:
        return await file.accounts()
    finally:
        await file.close()


@app.command()
def add(name: Name, role: RoleWord, config: SettingsFile, who: AsOption = None) -> None:
    """Add a user; while the dialler runs, through the broker."""
    settings = load_settings(config)
    if name in _kept(settings):
        raise CommandRefused(f"{name} is a user already: `dialer user role {name} ROLE` gives another role")
    _change(settings, "user-set", {"user": name, "role": role}, who)


@app.command("role")
def change_role(name: Name, role: RoleWord, config: SettingsFile, who: AsOption = None) -> None:
    """Change a user's role; while the dialler runs, through the broker.

    The user must sign in to the pages again.
    """
    settings = load_settings(config)
    if name not in _kept(settings) and name not in fixed_users(settings):
        raise CommandRefused(f"{name} is no user: `dialer user add {name} {role}` makes one")
    _change(settings, "user-set", {"user": name, "role": role}, who)


@app.command()
def remove(name: Name, config: SettingsFile, who: AsOption = None) -> None:
    """Remove a user; while the dialler runs, through the broker.

    The user's next command is refused, and every open page is closed.
    """
    _change(load_settings(config), "user-remove", {"user": name}, who)


@app.command()
def password(
    name: Name,
    config: SettingsFile,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove the user's password, so that they can no longer sign in.")
    ] = False,
    given: Annotated[
        str, typer.Option("--password", help="- reads the first line of standard input. [default: ask]")
    ] = "",
    once: Annotated[
        bool, typer.Option("--once", help="Create and print a one-time password, to be changed at the first sign-in.")
    ] = False,
) -> None:
    """Set the password for the pages; sessions with the old one end."""
    from dialer.web.people import create_one_time_password_at_site, refuse_unknown_user, set_password  # noqa: PLC0415 - argon2

    if remove + once + bool(given) > 1:
        raise typer.BadParameter("give one of --once, --password and --remove")

    settings = load_settings(config)
    if not remove:  # before anybody has typed a password, twice
        refuse_unknown_user(name, [*fixed_users(settings), *_kept(settings)])
    if once:
        typer.echo(asyncio.run(create_one_time_password_at_site(settings, name)))
        return
    if remove:
        chosen = None
    elif given:
        if given != "-":
            raise typer.BadParameter("--password takes '-' alone: a password must stand in no history")
        chosen = said("-", "the password")
    else:
        chosen = typer.prompt("password", hide_input=True, confirmation_prompt=True)
    asyncio.run(set_password(settings, name, chosen))  # not before: within a loop Ctrl-C ends no question
    typer.echo(f"{name} {'may not sign in any more' if chosen is None else 'may sign in'}")


def _kept(settings: Settings) -> dict[str, str]:
    """The roles of the users who are no names of the settings; there are none before there is a store. Raises StoreError."""
    found = {each.name: each.role for each in read_stored_users(settings.store.path, site_key(settings))}
    return {name: role for name, role in found.items() if name not in fixed_users(settings)}


def _change(settings: Settings, command: str, fields: Mapping[str, str], who: str | None) -> None:
    """Ask the dialler that holds the store, or do in the store what it would do. Raises CommandRefused, StoreError."""
    request = CommandRequest(command, fields)
    try:
        done = asyncio.run(_keep_here(settings, request, person(who)))
    except StoreBusy as busy:
        refuse_unless_dialler(settings.store.path, busy)
        sender = who or own_name(settings)
        if sender == OWN_USER:
            raise typer.BadParameter(
                "--as: the dialler runs, so say who gives it: a name with the role supervisor"
            ) from busy
        (done,) = ask_dialler(settings, [request], busy, sender=sender)
    typer.echo(done)


async def _keep_here(settings: Settings, request: CommandRequest, sender: str) -> str:
    command = read_command(request.name, request.fields)
    if not isinstance(command, UserCommand):
        raise TypeError(f"{request.name} needs a running dialler")
    path, key = settings.store.path, site_key(settings)
    async with await open_store(path, encode=announcement_of, create=False, key=key, holder=HOLDER) as opened:
        users = Users(opened, SystemClock(), partial(fixed_users, settings))
        await users.prepare()
        return await command.save(users, CommandContext(sender))
