"""Make a command from the fields of a message, or say in one line what is wrong with them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from dialer.domain.errors import CommandRefused
from dialer.engine.command.base import Command
from dialer.engine.command.catalogue import COMMANDS

_PLAINER = {
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "a text",
    "a valid array": "a list",
    "a valid boolean": "true or false",
}
"""Phrases of pydantic's messages, and the plainer ones that users read instead."""
_TOO_DEEP = "the fields are nested too deeply"
_FIELD_NAME = re.compile(r"[a-z][a-z_]{0,39}")


def read_command(name: str, fields: Mapping[str, Any]) -> Command:
    """Return the command with this name and these fields, given as JSON values. A null field counts as left out.

    Raises CommandRefused, which names the first invalid field and repeats none of the sender's values.
    """
    kind = COMMANDS[name]
    given = {key: value for key, value in fields.items() if value is not None}
    try:
        return kind.model_validate_json(json.dumps(given))
    except ValidationError as error:
        raise CommandRefused(_create_refusal_of_invalid_command(name, error)) from None
    except RecursionError:
        raise CommandRefused(f"`{name}`: {_TOO_DEEP}") from None


def _create_refusal_of_invalid_command(name: str, error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    place, kind = first["loc"], first["type"]
    if kind == "json_invalid":  # Python's JSON is less strict than pydantic's
        too_deep = "recursion" in first["msg"]
        return f"`{name}`: " + (_TOO_DEEP if too_deep else "a text has a character that is not valid Unicode")
    if not place:
        return f"`{name}`: {_strip_prefix_of_pydantic_error_message(first['msg'])}"
    field = COMMANDS[name].model_fields.get(str(place[0]))
    meaning = "" if field is None else f" ({field.description})"
    if kind == "missing" and len(place) == 1:
        return f"`{name}` needs `{place[0]}`{meaning}"
    return f"`{name}`: `{_format_path_of_invalid_value(place)}` {_describe_validation_problem(kind, first['msg'])}{meaning}"


def _format_path_of_invalid_value(place: tuple[int | str, ...]) -> str:
    """Return the path of an invalid value, such as `marks[1].kind`. A key from the sender is left out unless it looks
    like a field name, because it could contain a phone number or a person's name.
    """
    path = str(place[0])
    for step in place[1:]:
        if isinstance(step, int):
            path += f"[{step}]"
        elif _FIELD_NAME.fullmatch(step):
            path += f".{step}"
    return path


def _describe_validation_problem(kind: str, message: str) -> str:
    """Return what is wrong with a field, such as "is missing". The caller puts the name of the field before this text."""
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return "is not a known field: leave it out"
    if kind == "string_pattern_mismatch":
        return "is not valid"
    if kind == "value_error":
        return _strip_prefix_of_pydantic_error_message(message)
    found = re.match(r"[A-Z][a-z]+ should (.*?)(?: after validation)?(?:, not \d+)?$", message)
    if found is None:
        return "is not valid"
    problem = f"must {found[1]}"
    for theirs, ours in _PLAINER.items():
        problem = problem.replace(theirs, ours)
    return problem


def _strip_prefix_of_pydantic_error_message(message: str) -> str:
    return message.removeprefix("Value error, ") or "is not valid"
