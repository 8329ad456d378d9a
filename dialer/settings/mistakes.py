"""Mistakes in settings, as errors that people understand: where, what is wrong, what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from dialer.errors import SettingError, SettingMistakes
from dialer.settings.fields import PATTERNS_IN_WORDS, Section, section_of
from dialer.settings.file_text import Place, SettingsText
from dialer.settings.renamed import new_name

_SECRET: Final = re.compile(r"secret|password|pin|token")
_PER_CENT: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*%\s*")
_REFERENCE = "see docs/reference/settings.md"


def all_together(found: Sequence[SettingError]) -> SettingError:
    """Return one error for all of them."""
    return found[0] if len(found) == 1 else SettingMistakes(found)


def mistakes(
    error: ValidationError,
    text: SettingsText,
    model: type[Section],
    in_environment: Callable[..., str | None],
) -> Iterator[SettingError]:
    """Yield each mistake that pydantic found in a file or in the environment, in the order of the settings."""
    found = error.errors()
    for problem in found:
        if problem["type"] == "too_short" and any(
            each["loc"][: len(problem["loc"])] == problem["loc"] for each in found[:-1]
        ):
            continue  # follows from another mistake in the same list
        place = tuple(str(part) for part in problem["loc"])
        key, file = text.key(problem["loc"]) or "(settings)", text.where(problem["loc"])
        variable = in_environment(place, of_wrong_type=problem["type"].endswith("_type"))
        if variable is not None:
            file, key = "environment", variable
        if problem["type"] == "extra_forbidden":
            yield SettingError(file, key, *_unknown_setting(model, place))
        elif problem["type"] == "missing":
            yield SettingError(file, key, "is missing", f"add it, {_REFERENCE}")
        else:
            secret = _SECRET.search(".".join(place))
            yield SettingError(file, key, _in_words(problem, secret=bool(secret)), "")


def _unknown_setting(model: type[Section], place: Place) -> tuple[str, str]:
    """Return what is wrong with a key that is no setting, and what to write instead."""
    if (new := new_name(place)) is not None:
        return "was renamed", f"write {new}"
    near = get_close_matches(place[-1], _known_keys(model, place), n=1)
    remedy = f"did you mean `{near[0]}`?" if near else f"remove it or correct its spelling, {_REFERENCE}"
    return "is not a setting", remedy


def _in_words(problem: Mapping[str, Any], *, secret: bool) -> str:
    message = re.sub(r"^Value error, ", "", problem["msg"])
    message = re.sub(r"^Input should be (?:a valid tuple|an instance of tuple)$", "must be a list", message)
    message = re.sub(r"^Input should be ", "must be ", message)
    message = PATTERNS_IN_WORDS.get(problem.get("ctx", {}).get("pattern", ""), message)
    value = problem.get("input")
    if (share := _share_meant(problem)) is not None:
        message = f"must be a share, 0 to 1; write {share:g} for {100 * share:g} %"
    shown = f" (is {value!r})" if isinstance(value, str | int | float | bool) and not secret else ""
    return f"{message}{shown}"


def _share_meant(problem: Mapping[str, Any]) -> float | None:
    """Return the share that 3 or "3 %" probably means; None: the mistake is another one."""
    value = problem.get("input")
    if problem["type"] == "less_than_equal" and problem["ctx"]["le"] == 1 and isinstance(value, int | float):
        return value / 100 if value <= 100 else None
    per_cent = _PER_CENT.fullmatch(value) if problem["type"] == "float_parsing" and isinstance(value, str) else None
    return None if per_cent is None else float(per_cent[1]) / 100


def _known_keys(model: type[BaseModel], place: Place) -> list[str]:
    """Return the settings of the table in which a key is."""
    for part in place[:-1]:
        if part in model.model_fields:
            inner = section_of(model.model_fields[part].annotation)
            if inner is None:
                return []
            model = inner
    return [*model.model_fields]


def not_in_environment(place: tuple[str, ...], *, of_wrong_type: bool) -> None:
    """Find no variable: for `mistakes`, of a file that the environment does not override."""
