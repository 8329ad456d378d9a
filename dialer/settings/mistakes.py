"""Conversion of pydantic's validation errors to errors that name the setting, what is wrong and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from dialer.domain.translatable import get_error_text, translatable
from dialer.errors import SettingError, SettingMistakes
from dialer.settings.fields import PATTERNS_IN_WORDS, Section, find_class_of_settings_table
from dialer.settings.file_text import Place, SettingsText
from dialer.settings.renamed import find_new_setting_name

_SECRET: Final = re.compile(r"secret|password|pin|token")
_PER_CENT: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*%\s*")
_WHOLE_NUMBER = translatable("must-be-whole-number", "must be a valid integer")
_NUMBER = translatable("must-be-number", "must be a valid number")
_LIST = translatable("must-be-list", "must be a list")
_MISTAKES_IN_WORDS: Final = {
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": translatable("must-be-finite-number", "must be a finite number"),
    "string_type": translatable("must-be-text", "must be a valid string"),
    "tuple_type": _LIST,
    "is_instance_of": _LIST,  # of tuple
    "path_type": translatable("must-be-path", "must be a path in quotation marks"),
}
"""The text for each type of mistake that pydantic finds and that has no values."""
_REFERENCE: Final = "docs/reference/settings.md"
UNKNOWN_FILE: Final = "settings"
"""The file of an error whose finder does not know the settings file."""


def combine_setting_errors(found: Sequence[SettingError]) -> SettingError:
    """Return one error that contains all the given errors about settings."""
    return found[0] if len(found) == 1 else SettingMistakes(found)


def add_file_and_line_to_error(error: SettingError, text: SettingsText) -> SettingError:
    """Return the error with the file and line of the setting that it is about. An error that already names a file and
    line is not changed.
    """
    if error.file != UNKNOWN_FILE or not error.key:
        return error
    where = text.locate_setting(tuple(error.key.split(".")))
    return SettingError(where, error.key, error.problem, error.remedy)


def list_setting_errors(
    error: ValidationError,
    text: SettingsText,
    model: type[Section],
    in_environment: Callable[..., str | None],
) -> Iterator[SettingError]:
    """Yield an error for each mistake that pydantic found in a settings file or in environment variables.

    `in_environment` returns the environment variable that set the setting at a path, or None.
    """
    found = error.errors()
    for problem in found:
        if problem["type"] == "too_short" and any(
            each["loc"][: len(problem["loc"])] == problem["loc"] for each in found[:-1]
        ):
            continue  # a consequence of another mistake in the same list
        place = tuple(str(part) for part in problem["loc"])
        key, file = text.format_setting_key(problem["loc"]) or "(settings)", text.locate_setting(problem["loc"])
        variable = in_environment(place, of_wrong_type=problem["type"].endswith("_type"))
        if variable is not None:
            file, key = "environment", variable
        if problem["type"] == "extra_forbidden":
            yield SettingError(file, key, *_describe_unknown_setting(model, place))
        elif problem["type"] == "missing":
            remedy = translatable("add-setting", "add it, see {reference}", reference=_REFERENCE)
            yield SettingError(file, key, translatable("setting-missing", "is missing"), remedy)
        else:
            secret = _SECRET.search(".".join(place))
            yield SettingError(file, key, _describe_validation_error(problem, secret=bool(secret)), "")


def _describe_unknown_setting(model: type[Section], place: Place) -> tuple[str, str]:
    """Return what is wrong with a key that is not a setting, and what to do about it."""
    if (new := find_new_setting_name(place)) is not None:
        return translatable("setting-renamed", "was renamed"), translatable("write-name", "write {name}", name=new)
    near = get_close_matches(place[-1], _list_allowed_keys(model, place), n=1)
    remedy = (
        translatable("similar-setting", "did you mean {name}?", name=f"`{near[0]}`")
        if near
        else translatable(
            "correct-setting-name", "remove it or correct its spelling, see {reference}", reference=_REFERENCE
        )
    )
    return translatable("not-a-setting", "is not a setting"), remedy


def _describe_validation_error(problem: Mapping[str, Any], *, secret: bool) -> str:
    """Return what is wrong with a value, followed by the value itself if it is short and not secret."""
    message, value = _describe_kind_of_mistake(problem), problem.get("input")
    if isinstance(value, str | int | float | bool) and not secret:
        return translatable("problem-with-value", "{problem} (is {value})", problem=message, value=repr(value))
    return message


def _describe_kind_of_mistake(problem: Mapping[str, Any]) -> str:
    """Return what is wrong with a value. It is translatable unless it is a rarer mistake, or one that the check of a
    setting describes in English only.
    """
    if (share := _suggest_fraction_instead_of_percentage(problem)) is not None:
        return translatable(
            "must-be-share",
            "must be a share, 0 to 1; write {share} for {per_cent} %",
            share=f"{share:g}",
            per_cent=f"{100 * share:g}",
        )
    details, message = problem.get("ctx", {}), problem["msg"]
    if (in_words := PATTERNS_IN_WORDS.get(details.get("pattern", ""))) is not None:
        return in_words
    if isinstance(error := details.get("error"), Exception):
        return get_error_text(error)
    if (in_words := _MISTAKES_IN_WORDS.get(problem["type"])) is not None:
        return in_words
    limit = message.rpartition(" ")[2]
    match problem["type"]:
        case "greater_than":
            return translatable("must-be-above", "must be greater than {limit}", limit=limit)
        case "greater_than_equal":
            return translatable("must-be-at-least", "must be greater than or equal to {limit}", limit=limit)
        case "less_than":
            return translatable("must-be-below", "must be less than {limit}", limit=limit)
        case "less_than_equal":
            return translatable("must-be-at-most", "must be less than or equal to {limit}", limit=limit)
        case "enum" | "literal_error":
            return translatable("must-be-one-of", "must be {choices}", choices=details["expected"])
        case "string_too_long":
            most = details["max_length"]
            return translatable("text-too-long", "must have at most {most} characters", most=most)
        case _:
            return re.sub(r"^Input should be ", "must be ", message)


def _suggest_fraction_instead_of_percentage(problem: Mapping[str, Any]) -> float | None:
    """Return the fraction that a user probably meant by a percentage such as 3 or "3 %" (0.03), or None for other
    mistakes.
    """
    value = problem.get("input")
    if problem["type"] == "less_than_equal" and problem["ctx"]["le"] == 1 and isinstance(value, int | float):
        return value / 100 if value <= 100 else None
    per_cent = _PER_CENT.fullmatch(value) if problem["type"] == "float_parsing" and isinstance(value, str) else None
    return None if per_cent is None else float(per_cent[1]) / 100


def _list_allowed_keys(model: type[BaseModel], place: Place) -> list[str]:
    """Return the keys that are allowed in the table of a setting."""
    for part in place[:-1]:
        if part in model.model_fields:
            inner = find_class_of_settings_table(model.model_fields[part].annotation)
            if inner is None:
                return []
            model = inner
    return [*model.model_fields]


def ignore_environment_variables(place: tuple[str, ...], *, of_wrong_type: bool) -> None:
    """Return None, because environment variables cannot change the settings of this file.

    Pass this function to `list_setting_errors` as `in_environment`.
    """


def list_tables_of_edited_file(text: SettingsText, model: type[Section], array: str) -> list[dict[str, Any]]:
    """Return the tables of an array, such as [[campaigns]], in a file that has nothing else, after a check of each.

    `model` describes the file. Raises SettingError or SettingMistakes for invalid tables, and for other settings.
    """
    try:
        model.model_validate(text.table)
    except ValidationError as error:
        raise combine_setting_errors(
            list(list_setting_errors(error, text, model, ignore_environment_variables))
        ) from error
    tables: list[dict[str, Any]] = text.table.get(array, [])
    return tables
