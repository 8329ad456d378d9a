"""`dialer command NAME ...`: a command to a running dialler, over its broker; one for each that is registered."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

import typer

from dialer.cli.group import CommandGroup
from dialer.deploy.mosquitto.render import broker_user
from dialer.domain.clock import SystemClock
from dialer.engine.command.registry import COMMANDS, VALUES, CommandKind, read_value
from dialer.mqtt.ask import CommandRequest, ask
from dialer.settings.site import Settings, load_settings
from dialer.settings.supervision import OWN_USER
from dialer.site.broker import OWN_ROLES, broker_settings, own_signer

_BY_NAME = re.compile(r"([a-z_]+)=(.*)", re.DOTALL)

app = CommandGroup()


def fields_of(name: str, given: Sequence[str]) -> dict[str, Any]:
    """What a command carries: values by name (`seat=04`), others in the order of its needs. Raises BadParameter, CommandRefused."""
    kind = COMMANDS[name]
    known = (*kind.needs, *kind.may)
    fields: dict[str, Any] = {}
    bare: list[str] = []
    for text in given:
        by_name = _BY_NAME.fullmatch(text)
        if by_name is None:
            bare.append(text)
        elif by_name[1] not in known:
            near = get_close_matches(by_name[1], known, n=1)
            meant = f"; did you mean `{near[0]}`?" if near else f": it takes {', '.join(known) or 'nothing'}"
            raise typer.BadParameter(f"`{name}` takes no `{by_name[1]}`{meant}")
        elif by_name[1] in fields:
            raise typer.BadParameter(f"`{by_name[1]}` is given twice")
        else:
            fields[by_name[1]] = _of_json(by_name[1], by_name[2])
    wanting = [key for key in kind.needs if key not in fields]
    if len(bare) > len(wanting):
        raise typer.BadParameter(f"{bare[len(wanting)]!r} is too much: `{name}` takes {', '.join(known) or 'nothing'}")
    fields.update((key, _of_json(key, text)) for key, text in zip(wanting, bare, strict=False))
    for key in known:
        if key in fields or key in kind.needs:
            read_value(name, key, fields.get(key))  # what the dialler would refuse needs no broker
    return fields


def _of_json(key: str, text: str) -> Any:
    """A value as JSON has it; a list of texts may be given with commas."""
    kind = VALUES[key].json_type
    if kind is str or get_origin(kind) is Literal:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return [each.strip() for each in text.split(",") if each.strip()] if kind == list[str] else text


def own_name(settings: Settings) -> str:
    """Who the broker's user is among those who give commands."""
    username, beginning = settings.broker.username or "", broker_user(settings, "")
    return username.removeprefix(beginning) if username.startswith(beginning) else OWN_USER


def _help(kind: CommandKind) -> str:
    values = [(key, VALUES[key].meaning) for key in kind.needs]
    values += [(f"{key}=", f"{VALUES[key].meaning}; may be left out") for key in kind.may]
    lines = "\n".join(f"- {key}: {meaning}" for key, meaning in values)
    return f"{kind.meaning}\n\nFor the role {' or '.join(sorted(kind.roles))}.\n\n{lines}"


async def give(
    context: typer.Context,
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="VALUE", help="In the order above, or each by its name: campaign=turnout."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", help="Settings with the centre's id and the broker, and broker.key_file to sign."
        ),
    ] = None,
    user: Annotated[
        str | None, typer.Option("--as", metavar="USER", help="Who gives it. [default: whose broker.username it is]")
    ] = None,
) -> None:
    """Give the command by whose name this was called, with an id and an expiry of its own."""
    settings = load_settings(config)
    name, sender = str(context.info_name), user or own_name(settings)
    request = CommandRequest(name, fields_of(name, values or ()))
    if sender == OWN_USER and not (roles := COMMANDS[name].roles) & OWN_ROLES:
        raise typer.BadParameter(f"--as: say who gives it: `{name}` is for the role {' or '.join(sorted(roles))}")
    broker = replace(broker_settings(settings), client_id=f"sender-{settings.centre.id}-{uuid.uuid4().hex[:12]}")
    signer = own_signer(settings, sender)
    (answer,) = await ask(broker, settings.centre.id, [request], SystemClock(), signer=signer)
    typer.echo(answer)


@app.command("list")
def list_commands() -> None:
    """Say of each command what it does, what it carries and who may give it."""
    for name, kind in COMMANDS.items():
        typer.echo(" ".join([name, *(key.upper() for key in kind.needs), *(f"[{key}=...]" for key in kind.may)]))
        typer.echo(f"    {kind.meaning} ({', '.join(sorted(kind.roles))})")


for _name, _kind in COMMANDS.items():
    app.command(_name, help=_help(_kind))(give)
