"""The page docs/reference/commands.md, generated from the command line: `python -m dialer.cli.document docs/reference`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from dialer.cli.main import app
from dialer.engine.command.catalogue import COMMANDS

HEAD = """# Commands

A mistake that a person can mend is one line on standard error and exit code 2. `--help` after any command says the
same as this page; `dialer --version` says which version it is of.
"""


def commands_page() -> str:
    """The page, whole."""
    return "\n".join([HEAD, *_command("dialer", typer.main.get_command(app))]) + "\n"


GIVEN = "dialer command"
"""Below it stands each command of the dialler, all with the same options; docs/reference/topics.md says what each does."""


def _command(path: str, command: Any) -> Iterator[str]:
    if not hasattr(command, "list_commands"):
        yield from _entry(path, command, command.help or "")
        return
    for name in sorted(set(command.list_commands(None)) - ({*COMMANDS} if path == GIVEN else set())):
        yield from _command(f"{path} {name}", command.get_command(None, name))
    if path == GIVEN:
        each = "[Each](topics.md#commandsuser) has its own help, which names its values: `dialer command pause --help`."
        yield from _entry(f"{path} NAME", command.get_command(None, next(iter(COMMANDS))), f"{command.help} {each}")


def _entry(path: str, command: Any, said: str) -> Iterator[str]:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    words = " ".join(
        parameter.name.upper() if parameter.required else f"[{parameter.name.upper()}]" for parameter in arguments
    )
    yield f"## `{path}{' ' + words if words else ''}`"
    yield ""
    yield " ".join(said.split())
    yield ""
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    if options:
        yield "| option | default | meaning |"
        yield "|---|---|---|"
        for option in options:
            names = ", ".join(f"`{name}`" for name in option.opts)
            yield f"| {names} | {_default(option)} | {(option.help or '').replace('|', '/')} |"
        yield ""


def _default(option: Any) -> str:
    if option.required:
        return "required"
    if option.default is None or option.default is False or callable(option.default) or option.default in ([], ()):
        return ""
    return f"`{getattr(option.default, 'value', option.default)}`"


if __name__ == "__main__":
    (Path(sys.argv[1]) / "commands.md").write_text(commands_page(), encoding="utf-8")
