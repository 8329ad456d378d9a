"""`dialer command NAME ...`: send a command to a running dialler through its broker."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli.group import CommandGroup, GroupWithPlainHelp, LazyCommands, create_command
from dialer.engine.command.catalogue import COMMANDS

if TYPE_CHECKING:
    from dialer.engine.command.base import Command
    from dialer.settings.site import Settings

_BY_NAME = re.compile(r"([a-z_]+)=(.*)", re.DOTALL)


class EngineCommandGroup(GroupWithPlainHelp):
    """The group `dialer command`: its own commands, and a subcommand for each command of the engine."""

    def __init__(self, **attributes: Any) -> None:
        own = attributes["commands"]
        commands = LazyCommands([*own, *COMMANDS], lambda name: own.get(name) or _create_engine_subcommand(name))
        super().__init__(**{**attributes, "commands": commands})

    def summarise_command(self, name: str) -> str:
        """Return what the command of that name does, in one line. A command of the engine is described without being
        loaded.
        """
        return COMMANDS[name].format_command_description() if name in COMMANDS else super().summarise_command(name)


app = CommandGroup(cls=EngineCommandGroup)


def parse_command_fields(name: str, given: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a dialler command from the arguments of `dialer command NAME VALUE...`.

    A value such as `seat=04` names its field. Other values fill the required fields in order. Raises BadParameter for a
    value that matches no field, and CommandRefused for a value that the dialler would refuse.
    """
    from dialer.engine.command.reading import read_command

    required, known = COMMANDS[name].list_required_field_names(), _list_field_names_of_command(name)
    fields: dict[str, Any] = {}
    in_order: list[str] = []
    for text in given:
        by_name = _BY_NAME.fullmatch(text)
        if by_name is None:
            in_order.append(text)
        elif by_name[1] not in known:
            near = get_close_matches(by_name[1], known, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else f". Its fields: {', '.join(known) or 'none'}"
            raise typer.BadParameter(f"the command `{name}` has no field `{by_name[1]}`{hint}")
        elif by_name[1] in fields:
            raise typer.BadParameter(f"the field `{by_name[1]}` of `{name}` is given twice: give it once")
        else:
            fields[by_name[1]] = _parse_json_value(name, by_name[1], by_name[2])
    missing = [field for field in required if field not in fields]
    if len(in_order) > len(missing):
        extra = in_order[len(missing)]
        raise typer.BadParameter(
            f"{extra!r} is one value too many for `{name}`: leave it out. Fields of `{name}`: {', '.join(known) or 'none'}"
        )
    fields.update((field, _parse_json_value(name, field, text)) for field, text in zip(missing, in_order, strict=False))
    read_command(name, fields)  # validate before connecting to the broker
    return fields


def _list_field_names_of_command(name: str) -> tuple[str, ...]:
    return (*COMMANDS[name].list_required_field_names(), *COMMANDS[name].list_optional_field_names())


def _parse_json_value(name: str, field: str, text: str) -> Any:
    """Convert the text of a field to the JSON value that the command's schema expects.

    A list of strings may be separated by commas.
    """
    schema = COMMANDS[name].model_json_schema()["properties"][field]
    kinds = [schema, *schema.get("anyOf", ())]
    if any(kind.get("type") == "string" for kind in kinds):
        return text
    try:
        return json.loads(text)
    except ValueError:
        is_list = any(kind.get("type") == "array" and kind["items"].get("type") == "string" for kind in kinds)
        return [each.strip() for each in text.split(",") if each.strip()] if is_list else text


def find_default_command_sender(settings: Settings) -> str:
    """Return the user who sends commands from this machine if --as is not given."""
    from dialer.deploy.mosquitto.render import format_broker_user_name
    from dialer.domain.person_ids import OWN_USER

    username, prefix = settings.broker.username or "", format_broker_user_name(settings, "")
    return username.removeprefix(prefix) if username.startswith(prefix) else OWN_USER


def _format_command_help(kind: type[Command]) -> str:
    fields = kind.model_fields
    lines = [f"- {field}: {fields[field].description}" for field in kind.list_required_field_names()]
    lines += [f"- {field}=: {fields[field].description} (optional)" for field in kind.list_optional_field_names()]
    return (
        f"{kind.format_command_description()}\n\nRequires the role {' or '.join(sorted(kind.roles))}.\n\n"
        + "\n".join(lines)
    )


async def send_command(
    context: typer.Context,
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="VALUE", help="Values in the order above, or by name: campaign_id=turnout."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="CENTRE.toml",
            help="Settings with the centre's ID and the broker. Commands are signed with broker.key_file.",
        ),
    ] = None,
    user: Annotated[
        str | None, typer.Option("--as", metavar="USER", help="The sender. [default: the user in broker.username]")
    ] = None,
) -> None:
    """Send a command, such as pause, to the running dialler and print its reply.

    The command's name is that of the subcommand: `dialer command pause`.
    """
    from dialer.domain.clock import SystemClock
    from dialer.domain.person_ids import OWN_USER
    from dialer.mqtt.commands.client import CommandRequest, send_commands
    from dialer.settings.site import load_settings
    from dialer.site.broker import OWN_ROLES, create_command_signer, get_broker_settings

    settings = load_settings(config)
    name, sender = str(context.info_name), user or find_default_command_sender(settings)
    request = CommandRequest(name, parse_command_fields(name, values or ()))
    if sender == OWN_USER and not (roles := COMMANDS[name].roles) & OWN_ROLES:
        raise typer.BadParameter(
            f"--as is missing: give the name of the sender, who needs the role {' or '.join(sorted(roles))} for "
            f"`{name}`"
        )
    broker = replace(get_broker_settings(settings), client_id=f"sender-{settings.centre.id}-{uuid.uuid4().hex[:12]}")
    signer = create_command_signer(settings, sender)
    (reply,) = await send_commands(broker, settings.centre.id, [request], SystemClock(), signer=signer)
    typer.echo(reply)


@app.command("list")
def list_commands() -> None:
    """List the commands that the dialler accepts: what each does, its fields and the roles that may send it."""
    for name, kind in COMMANDS.items():
        required = [field.upper() for field in kind.list_required_field_names()]
        typer.echo(" ".join([name, *required, *(f"[{field}=...]" for field in kind.list_optional_field_names())]))
        typer.echo(f"    {kind.format_command_description()} ({', '.join(sorted(kind.roles))})")


@cache
def _create_engine_subcommand(name: str) -> Any:
    return create_command(name, send_command, help=_format_command_help(COMMANDS[name]))
