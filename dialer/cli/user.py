"""`dialer user`: manage the users that are not in the settings, their roles, and passwords for the pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import SettingsFile, read_argument_or_stdin, resolve_responsible_person
from dialer.domain.enums import USER_ROLES
from dialer.domain.errors import CommandRefused, StoreBusy
from dialer.domain.words import format_count

if TYPE_CHECKING:
    from dialer.mqtt.commands.client import CommandRequest
    from dialer.settings.site import Settings
    from dialer.store.desk_file import DeskAccount

HOLDER = "a change of users"
_PASSWORDS = {"none": "no password", "once": "one-time password", "own": "password"}

app = CommandGroup()

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
RoleWord = Annotated[str, typer.Argument(metavar="ROLE", help=f"One of {', '.join(USER_ROLES)}.")]
AsOption = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="USER", help="The user who makes the change. A running dialler requires the role supervisor."
    ),
]


@app.command("list")
async def list_users(config: SettingsFile) -> None:
    """List all users with role, kind of password, and last sign-in to the pages.

    The roles of users in the settings cannot be changed by commands.
    """
    from dialer.settings.site import load_settings
    from dialer.settings.site_time import get_site_zone
    from dialer.site.plan import list_users_in_settings
    from dialer.store.desk_file import DeskAccount
    from dialer.store.keys import read_store_key_of_site
    from dialer.store.users import StoredUser, read_users_of_store

    settings = load_settings(config)
    users = {each.name: each for each in read_users_of_store(settings.store.path, read_store_key_of_site(settings))}
    users |= {each.name: StoredUser(each.name, each.role.value, 0.0, 0.0) for each in settings.supervisors}
    accounts = await _read_page_accounts(settings)
    zone = get_site_zone(settings)
    for name, user in sorted(users.items()):
        account = accounts.get(name, DeskAccount()).copy_account_without_earlier_sign_ins(user)
        where = "settings" if name in list_users_in_settings(settings) else "user"
        at = account.signed_in_at
        seen = "never signed in" if at is None else f"signed in {datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M}"
        keys = f", {format_count(account.passkeys, 'passkey')}" if account.passkeys else ""
        typer.echo(
            f"{name:<32}  {user.role:<10}  {where:<8}  {_PASSWORDS[account.sign_in_password_kind]:<17}  {seen}{keys}"
        )


async def _read_page_accounts(settings: Settings) -> dict[str, DeskAccount]:
    from dialer.store.desk_file import DeskFile, get_desk_file_path
    from dialer.store.file_checks import file_exists
    from dialer.store.keys import read_store_key_of_site

    path = get_desk_file_path(settings.store.path)
    if not file_exists(path):
        return {}
    file = await DeskFile.open(path, read_store_key_of_site(settings))
    try:
        return await file.read_accounts()
    finally:
        await file.close()


@app.command("add")
def add_user(name: Name, role: RoleWord, config: SettingsFile, who: AsOption = None) -> None:
    """Add a user who may sign in to the pages and send commands. The dialler may be running."""
    from dialer.settings.site import load_settings

    settings = load_settings(config)
    if name in _read_stored_roles(settings):
        raise CommandRefused(f"user {name} exists already: change the role with `dialer user role {name} ROLE`")
    _execute_user_command(settings, "user-set", {"user": name, "role": role}, who)


@app.command("role")
def change_role(name: Name, role: RoleWord, config: SettingsFile, who: AsOption = None) -> None:
    """Change a user's role, and sign the user out of the pages. The dialler may be running."""
    from dialer.settings.site import load_settings
    from dialer.site.plan import list_users_in_settings

    settings = load_settings(config)
    if name not in _read_stored_roles(settings) and name not in list_users_in_settings(settings):
        raise CommandRefused(f"user {name} does not exist: add the user with `dialer user add {name} {role}`")
    _execute_user_command(settings, "user-set", {"user": name, "role": role}, who)


@app.command("remove")
def remove_user(name: Name, config: SettingsFile, who: AsOption = None) -> None:
    """Remove a user. The dialler may be running.

    The user's next command is refused, and all their open pages are signed out.
    """
    from dialer.settings.site import load_settings

    _execute_user_command(load_settings(config), "user-remove", {"user": name}, who)


@app.command("password")
def set_user_password(
    name: Name,
    config: SettingsFile,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove the user's password, so that the user can no longer sign in.")
    ] = False,
    given: Annotated[
        str,
        typer.Option("--password", metavar="-", help="Read the first line of standard input. [default: ask]"),
    ] = "",
    once: Annotated[
        bool,
        typer.Option("--once", help="Print a one-time password, which the user must change at the first sign-in."),
    ] = False,
) -> None:
    """Set a user's password for the pages. Sessions with the old password end."""
    import asyncio

    from dialer.settings.site import load_settings
    from dialer.site.plan import list_users_in_settings
    from dialer.web.people import create_one_time_password_at_site, refuse_unknown_user, set_password

    if remove + once + bool(given) > 1:
        raise typer.BadParameter("give only one of --once, --password and --remove")

    settings = load_settings(config)
    if not remove:  # check the name before the user types a password
        refuse_unknown_user(name, [*list_users_in_settings(settings), *_read_stored_roles(settings)])
    if once:
        typer.echo(asyncio.run(create_one_time_password_at_site(settings, name)))
        return
    if remove:
        chosen = None
    elif given:
        if given != "-":
            raise typer.BadParameter(
                "--password: must be '-', which reads standard input; a password would stay in the shell's history"
            )
        chosen = read_argument_or_stdin("-", "the password")
    else:
        chosen = typer.prompt("password", hide_input=True, confirmation_prompt=True)
    asyncio.run(set_password(settings, name, chosen))  # the prompt is outside, as Ctrl-C cannot end it in an event loop
    typer.echo(f"{name} {'can no longer sign in' if chosen is None else 'can sign in'}")


def _read_stored_roles(settings: Settings) -> dict[str, str]:
    """Return the role of each user that is in the store but not in the settings.

    Raises StoreError if the store cannot be read.
    """
    from dialer.site.plan import list_users_in_settings
    from dialer.store.keys import read_store_key_of_site
    from dialer.store.users import read_users_of_store

    found = {
        each.name: each.role for each in read_users_of_store(settings.store.path, read_store_key_of_site(settings))
    }
    return {name: role for name, role in found.items() if name not in list_users_in_settings(settings)}


def _execute_user_command(settings: Settings, command: str, fields: Mapping[str, str], who: str | None) -> None:
    """Execute a command about a user in the running dialler, or directly in the store, and print the reply.

    Raises CommandRefused, StoreError.
    """
    import asyncio

    from dialer.cli.command import find_default_command_sender
    from dialer.cli.external_records import require_store_locked_by_dialler, send_requests_to_dialler
    from dialer.domain.person_ids import OWN_USER
    from dialer.mqtt.commands.client import CommandRequest

    request = CommandRequest(command, fields)
    try:
        reply = asyncio.run(_execute_user_command_in_store(settings, request, resolve_responsible_person(who)))
    except StoreBusy as busy:
        require_store_locked_by_dialler(settings.store.path, busy)
        sender = who or find_default_command_sender(settings)
        if sender == OWN_USER:
            raise typer.BadParameter(
                "--as is required while the dialler runs: give a user with the role supervisor"
            ) from busy
        (reply,) = send_requests_to_dialler(settings, [request], busy, sender=sender)
    typer.echo(reply)


async def _execute_user_command_in_store(settings: Settings, request: CommandRequest, sender: str) -> str:
    from dialer.domain.clock import SystemClock
    from dialer.engine.command.base import CommandContext
    from dialer.engine.command.reading import read_command
    from dialer.engine.users.commands import UserCommand
    from dialer.engine.users.service import Users
    from dialer.mqtt.messages import create_outbox_row_of_result
    from dialer.site.plan import list_users_in_settings
    from dialer.store.keys import read_store_key_of_site
    from dialer.store.store import open_store

    command = read_command(request.name, request.fields)
    if not isinstance(command, UserCommand):
        raise TypeError(f"the command {request.name} needs a running dialler: start it with `dialer run`")
    path, key = settings.store.path, read_store_key_of_site(settings)
    async with await open_store(
        path, encode=create_outbox_row_of_result, create=False, key=key, holder=HOLDER
    ) as opened:
        users = Users(opened, SystemClock(), partial(list_users_in_settings, settings))
        await users.load_users()
        return await command.save_user_change(users, CommandContext(sender))
