"""`dialer user ...`: who watches and steers beside those of the settings, what each may do, and their passwords for the pages."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from config.settings import Settings, load_settings
from config.supervision import OWN_USER
from config.words import USER_ROLES
from dialer.cli.external_records import ask_dialler, person, refuse_unless_dialler
from dialer.cli.mqtt import own_name
from dialer.cli.options import reading_of, said
from dialer.domain.clock import SystemClock
from dialer.domain.commands.registry import COMMANDS, read_value
from dialer.domain.commands.users import UserCommand
from dialer.domain.errors import CommandRefused, StoreBusy
from dialer.engine.users import Users
from dialer.mqtt.ask import CommandRequest
from dialer.mqtt.topics import encode
from dialer.site.plan import settled_users
from dialer.store.cipher import site_key
from dialer.store.connection import is_there
from dialer.store.sqlite import open_store
from dialer.store.users import kept_users

HOLDER = "a change of users"

app = typer.Typer(
    help="Users: who watches and steers beside those of the settings, what each may do, and passwords for the pages.",
    no_args_is_help=True,
)

SettingsFile = Annotated[Path, typer.Option("--config", "-c", help="The site's settings, a TOML file.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose.")]
RoleWord = Annotated[str, typer.Argument(metavar="ROLE", help=f"One of {', '.join(USER_ROLES)}.")]
AsOption = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="USER", help="Who gives it: a running dialler wants somebody with the role supervisor."
    ),
]


@app.command("list")
def show(config: SettingsFile) -> None:
    """Tell who there is and with which role: those of the settings, whom no command changes, and the users."""
    settings = load_settings(config)
    rows = [(each.name, each.role.value, "settings") for each in settings.supervisors]
    rows += [(name, role, "user") for name, role in _kept(settings).items()]
    for name, role, where in sorted(rows):
        typer.echo(f"{name:<32}  {role:<10}  {where}")


@app.command()
def add(name: Name, role: RoleWord, config: SettingsFile, who: AsOption = None) -> None:
    """Add a user; while the dialler runs, through the broker, as a command of the one who gives it."""
    settings = load_settings(config)
    if name in _kept(settings):
        raise CommandRefused(f"{name} is a user already: `dialer user role {name} ROLE` gives another role")
    _change(settings, "user-set", {"user": name, "role": role}, who)


@app.command("role")
def change_role(name: Name, role: RoleWord, config: SettingsFile, who: AsOption = None) -> None:
    """Give a user another role; while the dialler runs, through the broker. Whoever is signed in to the pages must do it again."""
    settings = load_settings(config)
    if name not in _kept(settings) and name not in settled_users(settings):
        raise CommandRefused(f"{name} is no user: `dialer user add {name} {role}` makes one")
    _change(settings, "user-set", {"user": name, "role": role}, who)


@app.command()
def remove(name: Name, config: SettingsFile, who: AsOption = None) -> None:
    """Remove a user; while the dialler runs, through the broker. The next command of this one is refused, and every page shut."""
    _change(load_settings(config), "user-remove", {"user": name}, who)


@app.command()
def password(
    name: Name,
    config: SettingsFile,
    remove: Annotated[bool, typer.Option("--remove", help="Let this one sign in no more.")] = False,
    given: Annotated[
        str, typer.Option("--password", help="'-': standard input's first line; left out, it is asked for.")
    ] = "",
) -> None:
    """Set the password by which somebody signs in to the pages; who is signed in by an older one must do it again."""
    from dialer.desk.people import refuse_stranger, set_password  # noqa: PLC0415 - argon2

    settings = load_settings(config)
    if not remove:  # before anybody has typed a password, twice
        refuse_stranger(name, [*settled_users(settings), *_kept(settings)])
    if remove:
        chosen = None
    elif given:
        if given != "-":
            raise typer.BadParameter("--password takes '-' alone: a password must stand in no history")
        chosen = said("-", "the password")
    else:
        chosen = typer.prompt("password", hide_input=True, confirmation_prompt=True)
    asyncio.run(set_password(settings, name, chosen))
    typer.echo(f"{name} {'may not sign in any more' if chosen is None else 'may sign in'}")


def _kept(settings: Settings) -> dict[str, str]:
    """The roles of the users who are no names of the settings; there are none before there is a store. Raises StoreError."""
    if not is_there(settings.store.path):
        return {}
    with reading_of(settings) as db:
        found = {each.name: each.role for each in kept_users(db)}
    return {name: role for name, role in found.items() if name not in settled_users(settings)}


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
    kind = COMMANDS[request.name]
    command = kind.make(*(read_value(request.name, key, request.fields[key]) for key in kind.needs), sender)
    assert isinstance(command, UserCommand)  # noqa: S101 - such alone are made here
    path, key = settings.store.path, site_key(settings)
    async with await open_store(path, encode=encode, create=False, key=key, holder=HOLDER) as opened:
        users = Users(opened, SystemClock(), settled_users(settings))
        await users.prepare()
        return await command.keep(users)
