"""A Typer group whose commands may be coroutines and may take shared options as a dataclass."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, iscoroutine, signature
from typing import Any, TypeVar, get_type_hints

import typer
import typer.main
from typer.core import TyperGroup

Function = TypeVar("Function", bound=Callable[..., Any])


class GroupWithPlainHelp(TyperGroup):
    """A group of commands whose help shows the first paragraph of each command's help.

    The group handles --help itself. Typer would first import pydantic, which is slow.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Show the help if the first argument is --help."""
        if args[:1] == ["--help"]:
            typer.echo(ctx.get_help())
            ctx.exit()
        rest: list[str] = super().parse_args(ctx, args)
        return rest

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options and the commands of the group."""
        with formatter.section("Options"):
            formatter.write_dl(self.list_options_of_group())
        self.format_commands(ctx, formatter)

    def list_options_of_group(self) -> list[tuple[str, str]]:
        """Return the group's options with their help."""
        return [("--help", "Show this message and exit.")]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of the group's commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.summarise_command(name)) for name in self.list_commands(ctx)])

    def summarise_command(self, name: str) -> str:
        """Return what the command of that name does, in one line."""
        return summarise_help(self.commands[name].help)


class LazyCommands(dict[str, Any]):
    """The commands of a group by name. Each is created at its first use, so that one command need not wait for the
    others.
    """

    def __init__(self, names: Iterable[str], create: Callable[[str], Any]) -> None:
        """Store the names of the commands, and `create`, which returns the command of a name."""
        super().__init__(dict.fromkeys(names))
        self._create = create

    def __getitem__(self, name: str) -> Any:
        return self._create(name) if name in self else super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the command of that name, or `default` if there is none."""
        return self._create(name) if name in self else default


def summarise_help(text: str | None) -> str:
    """Return the first paragraph of a command's help, in one line."""
    return " ".join((text or "").partition("\n\n")[0].split())


class CommandGroup(typer.Typer):
    """A Typer group of commands that may be coroutines and may take a dataclass as a parameter.

    Each field of the dataclass becomes an option, listed after the command's own options.
    """

    def __init__(self, **settings: Any) -> None:
        # Typer's own help imports rich, which takes longer than all that most commands need to show their help.
        plain = {"cls": GroupWithPlainHelp, "add_help_option": False, "rich_markup_mode": None}
        super().__init__(**{"no_args_is_help": True, **plain, **settings})

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Function], Function]:
        """Return a decorator that registers a function as a command, as Typer's own decorator does."""
        register = super().command(name, **settings)

        def register_command_with_expanded_options(function: Function) -> Function:
            register(_replace_dataclass_parameters_by_options(function))
            return function

        return register_command_with_expanded_options


def create_command(name: str, function: Callable[..., Any], **settings: Any) -> Any:
    """Return the Typer command of a function that belongs to no `CommandGroup`."""
    alone = CommandGroup(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name, **settings)(function)
    command = typer.main.get_command(alone)
    command.name = name
    return command


def _replace_dataclass_parameters_by_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a version of `function` in which options replace dataclass parameters, so that Typer accepts it.

    It has one parameter for each field of the dataclasses. It creates the dataclasses from the fields, and calls
    `function` with them. If `function` is a coroutine function, the coroutine runs to its end.
    """
    hints = get_type_hints(function, include_extras=True)
    own, shared, groups = list[Parameter](), list[Parameter](), dict[str, Any]()
    for parameter in signature(function).parameters.values():
        kind = hints[parameter.name]
        if is_dataclass(kind):
            groups[parameter.name] = kind
            shared += _list_options_of_dataclass(kind)
        else:
            own.append(parameter.replace(annotation=kind, kind=Parameter.KEYWORD_ONLY))

    @wraps(function)
    def call_command_with_dataclasses(**given: Any) -> Any:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        found = function(**given)
        if not iscoroutine(found):
            return found
        import asyncio

        return asyncio.run(found)

    parameters = [*own, *shared]
    call_command_with_dataclasses.__dict__["__signature__"] = Signature(parameters)
    call_command_with_dataclasses.__annotations__ = {each.name: each.annotation for each in parameters}
    return call_command_with_dataclasses


def _list_options_of_dataclass(kind: Any) -> list[Parameter]:
    """Return the fields of a dataclass as function parameters, its own fields before inherited ones."""
    hints, found = get_type_hints(kind, include_extras=True), {field.name: field for field in fields(kind)}
    order = dict.fromkeys(name for each in kind.__mro__ for name in vars(each).get("__annotations__", ()))
    return [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            annotation=hints[name],
            default=Parameter.empty if found[name].default is MISSING else found[name].default,
        )
        for name in order
        if name in found
    ]
