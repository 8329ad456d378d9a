"""Commands under one name, and options that several of them take, written once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, iscoroutine, signature
from typing import Any, TypeVar, get_type_hints

import typer

Function = TypeVar("Function", bound=Callable[..., Any])


class CommandGroup(typer.Typer):
    """A Typer whose commands may wait, and may take a dataclass: each of its fields is an option, behind the command's own."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"no_args_is_help": True, **settings})

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Function], Function]:
        """As Typer's own."""
        register = super().command(name, **settings)

        def registered(function: Function) -> Function:
            register(_unfolded(function))
            return function

        return registered


def _unfolded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as Typer reads it: with the fields of a dataclass in the place of the parameter that is one."""
    hints = get_type_hints(function, include_extras=True)
    own, shared, groups = list[Parameter](), list[Parameter](), dict[str, Any]()
    for parameter in signature(function).parameters.values():
        kind = hints[parameter.name]
        if is_dataclass(kind):
            groups[parameter.name] = kind
            shared += _options(kind)
        else:
            own.append(parameter.replace(annotation=kind, kind=Parameter.KEYWORD_ONLY))

    @wraps(function)
    def run(**given: Any) -> Any:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        found = function(**given)
        return asyncio.run(found) if iscoroutine(found) else found

    parameters = [*own, *shared]
    run.__dict__["__signature__"] = Signature(parameters)
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _options(kind: Any) -> list[Parameter]:
    """A dataclass's fields, its own before those of what it extends."""
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
