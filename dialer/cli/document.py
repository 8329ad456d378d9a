"""The reference page docs/reference/commands.md, generated from the commands by `python -m dialer.cli.document docs/reference`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer.main

from dialer.cli.main import app
from dialer.engine.command.catalogue import COMMANDS
from dialer.mqtt.commands.schema import get_first_sentence_of_description

HEAD = """# Commands

For everybody who works at a terminal. `dialer COMMAND --help` says more about a command, such as when it exits with 1;
`dialer --version` shows the version.

|exit code|meaning|
|---|---|
|0|success|
|1|the check or the operation failed|
|2|invalid option, setting or input: one line on standard error says what to correct|
|130|interrupted with Ctrl-C|

## Common options

Options of several commands, which are listed below by name only. Nearly all commands take `--config`, and those that open
the store `--store`; these two are listed only where their meaning differs. A slash separates possible values.
"""

SEND = "dialer command"
"""The group whose subcommands are the dialler's commands. They all have the same options, so the page describes one of them."""

_Key = tuple[str, str]  # names and help of a parameter: parameters with the same key are the same one


def render_commands_page() -> str:
    """Return the Markdown text of the page docs/reference/commands.md."""
    root = typer.main.get_command(app)
    shared = _find_shared_parameters("dialer", root, {}, min_groups=2)
    common = {key: each for key, each in shared.items() if _is_option_parameter(each)}
    lines = [HEAD, *_render_table_of_parameters(common.values())]
    usual = frozenset(filter(_is_config_or_store_option, common))
    for name, command in _list_subcommands_of_group("dialer", root):
        lines += _document_command_and_its_subcommands(f"dialer {name}", command, common, usual, "##")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _document_command_and_its_subcommands(
    path: str, command: Any, known: Mapping[_Key, Any], universal: frozenset[_Key], level: str
) -> Iterator[str]:
    """Yield the page's lines on one command, or on a command group and all its commands.

    Args:
        path: The command as a user types it.
        command: The command or group.
        known: Parameters that the page has already described.
        universal: Parameters that every command in the section accepts.
        level: The Markdown prefix of the heading.
    """
    if not _is_command_group(command):
        yield from _document_command(path, command, known, universal, level)
        return
    children = _list_subcommands_of_group(path, command)
    if len(children) == 1 and path != SEND:
        name, only = children[0]
        yield from _document_command_and_its_subcommands(f"{path} {name}", only, known, universal, level)
        return
    shared = _find_shared_parameters(path, command, known, min_groups=2)
    known = {**known, **shared}
    universal |= {key for key in shared if _is_config_or_store_option(key)}
    leaves = [
        {_get_names_and_help_of_parameter(each) for each in leaf.params}
        for leaf in _list_commands_without_subcommands(path, command)
    ]
    everywhere = frozenset.intersection(*map(frozenset, leaves)) - universal if len(leaves) > 1 else frozenset[_Key]()
    yield from (f"{level} `{path}`", "")
    yield from _render_table_of_parameters(shared.values())
    if names := _format_option_names(
        each for key, each in known.items() if key in everywhere and _is_option_parameter(each)
    ):
        yield from (f"All subcommands take {names}.", "")
    universal |= everywhere
    brief = [(name, each) for name, each in children if _are_all_parameters_documented(each, known)]
    yield from _render_markdown_table(
        ("subcommand", "meaning"),
        [
            (
                " ".join([name, *map(_format_argument_name, _list_arguments_of_command(each))]),
                f"{get_first_sentence_of_description(each.help or '')} {_describe_shared_options(each, known, universal)}".rstrip(),
            )
            for name, each in brief
        ],
    )
    for name, each in children:
        if (name, each) not in brief:
            yield from _document_command_and_its_subcommands(f"{path} {name}", each, known, universal, f"{level}#")
    if path == SEND:
        text = (
            "[Topics](topics.md#commandsuser) lists the names; `dialer command pause --help` shows the values of one."
        )
        example = command.get_command(None, next(iter(COMMANDS)))
        yield from _document_command(f"{path} NAME", example, known, universal, f"{level}#", text)


def _document_command(
    path: str, command: Any, known: Mapping[_Key, Any], universal: frozenset[_Key], level: str, text: str = ""
) -> Iterator[str]:
    yield " ".join([f"{level} `{path}", *map(_format_argument_name, _list_arguments_of_command(command))]) + "`"
    yield from ("", text or get_first_sentence_of_description(command.help or ""), "")
    own = [each for each in command.params if _get_names_and_help_of_parameter(each) not in known and each.help]
    yield from _render_table_of_parameters(own)
    if also := _describe_shared_options(command, known, universal):
        yield from (also, "")


def _describe_shared_options(command: Any, known: Mapping[_Key, Any], universal: frozenset[_Key]) -> str:
    """Return a sentence that names the command's options that the page has already described ("" = none).

    Options that every command in the section accepts are left out.
    """
    names = _format_option_names(
        each
        for each in command.params
        if _is_option_parameter(each)
        and _get_names_and_help_of_parameter(each) in known
        and _get_names_and_help_of_parameter(each) not in universal
    )
    return f"Also {names}." if names else ""


def _are_all_parameters_documented(command: Any, known: Mapping[_Key, Any]) -> bool:
    """Return whether the page has already described all parameters of a command."""
    return not _is_command_group(command) and all(
        _get_names_and_help_of_parameter(each) in known or not each.help for each in command.params
    )


def _render_table_of_parameters(parameters: Iterable[Any]) -> Iterator[str]:
    """Yield the lines of a table of options and arguments, or nothing if there are none."""
    rows = list(map(_describe_parameter_in_table_cells, parameters))
    if any(default for _, default, _ in rows):
        yield from _render_markdown_table(("option", "default", "meaning"), rows)
    else:
        yield from _render_markdown_table(("option", "meaning"), [(name, meaning) for name, _, meaning in rows])


def _render_markdown_table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of a Markdown table. The first column is formatted as code. Without rows, yield nothing."""
    lines = [f"|`{code.replace('|', '/')}`|{'|'.join(cells)}|" for code, *cells in rows]  # a pipe would end the cell
    if lines:
        yield from (f"|{'|'.join(headings)}|", f"|{'|'.join('---' for _ in headings)}|", *lines, "")


def _describe_parameter_in_table_cells(parameter: Any) -> tuple[str, str, str]:
    """Return the table cells that describe an option or argument: its names, its default ("" = none), and its meaning."""
    text, _, default = (parameter.help or "").partition(" [default: ")
    default = default.removesuffix("]")
    if not _is_option_parameter(parameter):
        return _format_argument_name(parameter), default, text
    names = ", ".join((*parameter.opts, *parameter.secondary_opts))
    value = "" if parameter.is_flag else f" {parameter.metavar or 'VALUE'}"
    if parameter.required and not parameter.prompt:
        default = "required"
    return f"{names}{value}", default or _format_default_of_parameter(parameter), text


def _format_default_of_parameter(option: Any) -> str:
    value = option.default
    if option.is_flag or value is None or callable(value) or value in ([], (), ""):
        return ""
    value = getattr(value, "value", value)
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _format_argument_name(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _format_option_names(options: Iterable[Any]) -> str:
    return ", ".join(f"`{each.opts[0]}`" for each in options)


def _find_shared_parameters(path: str, group: Any, known: Mapping[_Key, Any], *, min_groups: int) -> dict[_Key, Any]:
    """Return the parameters that at least `min_groups` members of a command group have in common.

    Parameters in `known` are left out, because the page has described them already.
    """
    found: dict[_Key, Any] = {}
    children: dict[_Key, set[str]] = {}
    for name, child in _list_subcommands_of_group(path, group):
        for leaf in _list_commands_without_subcommands(f"{path} {name}", child):
            for each in leaf.params:
                if each.help and _get_names_and_help_of_parameter(each) not in known:
                    # A required option has the same meaning as an optional one, so describe the optional one.
                    found[_get_names_and_help_of_parameter(each)] = (
                        found.get(_get_names_and_help_of_parameter(each), each) if each.required else each
                    )
                    children.setdefault(_get_names_and_help_of_parameter(each), set()).add(name)
    return {key: each for key, each in found.items() if len(children[key]) >= min_groups}


def _list_commands_without_subcommands(path: str, command: Any) -> Iterator[Any]:
    if not _is_command_group(command):
        yield command
        return
    for name, each in _list_subcommands_of_group(path, command):
        yield from _list_commands_without_subcommands(f"{path} {name}", each)


def _list_subcommands_of_group(path: str, group: Any) -> list[tuple[str, Any]]:
    """Return the commands in a group by name, without those that Typer adds."""
    names = set(group.list_commands(None)) - ({*COMMANDS} if path == SEND else set())
    return [(name, group.get_command(None, name)) for name in sorted(names)]


def _list_arguments_of_command(command: Any) -> list[Any]:
    return [each for each in command.params if not _is_option_parameter(each)]


def _is_command_group(command: Any) -> bool:
    return hasattr(command, "list_commands")


def _is_config_or_store_option(key: _Key) -> bool:
    return key[0].startswith(("--config", "--store"))


def _is_option_parameter(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "option")


def _get_names_and_help_of_parameter(parameter: Any) -> _Key:
    names = ", ".join(parameter.opts) if _is_option_parameter(parameter) else _format_argument_name(parameter)
    return names, parameter.help or ""


if __name__ == "__main__":
    (Path(sys.argv[1]) / "commands.md").write_text(render_commands_page(), encoding="utf-8")
