"""Mistakes in a settings file, each in a line of its own: where it stands, what is wrong, what to do."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from dialer.errors import SettingError, SettingMistakes
from dialer.settings.files import MOST_TOML_BYTES, NotToml, open_regular, read_bounded, toml_table

# What a setting must look like, in words: a pattern tells a person nothing.

WANTED: Final = {
    r"^\+?[0-9]{3,20}$": "must be a phone number: 3 to 20 digits without spaces or dashes, such as +911140000001",
    r"^\+[0-9]{5,15}$": "must be a phone number in full: + and 5 to 15 digits without spaces, such as +911140000001",
    r"^\+[1-9][0-9]{6,14}$": "must be a phone number in full: + and 7 to 15 digits without spaces, such as +911140000001",
    r"^\+[0-9]{1,15}$": "must be a phone number or its beginning: + and 1 to 15 digits without spaces, such as +9111",
    r"^(sip:[^\s<>]{3,200}|\+[0-9]{5,15})$": "must be a phone number in full, such as +911140000001, or a sip: address",
    r"^[a-z0-9][a-z0-9-]{0,31}$": "must be 1 to 32 small letters a-z, digits and dashes, and not begin with a dash",
    r"^[A-Za-z0-9_-]{1,40}$": "must be 1 to 40 letters a-z, digits, dashes and underscores",
    r"^[A-Za-z0-9+._@-]{1,64}$": "must be 1 to 64 letters a-z, digits and the signs + . _ @ -",
    r"^[a-z]{2,3}$": "must be a language's code of two or three small letters, such as hi",
    r"^[a-z]{2}$": "must be a language's code of two small letters, such as hi",
    r"^[A-Z]{2}$": "must be a country's code of two capital letters, such as IN",
    r"^([0-9]|[A-Za-z0-9-]{2,20})$": "must be one digit, or 2 to 20 letters a-z, digits and dashes",
    r"^[A-Za-z0-9.:-]{1,253}$": "must be a host's name or address",
    r"^[0-9A-Fa-f.:]{2,45}(/[0-9.]{1,15})?$": "must be an address or a network, such as 203.0.113.0/24",
    r"^/[A-Za-z0-9._/+-]{1,200}$": "must be a path that begins with / and has only letters a-z, digits and the signs . _ / + -",
    r"^ed25519:[A-Za-z0-9+/]{43}=$": "must be a public key as `dialer mqtt key` prints it: ed25519: and 44 letters and signs",
    r"^[0-9]{1,10}$": "must be 1 to 10 digits",
    r"^[*0-9]{1,6}$": "must be 1 to 6 digits and stars, as a telephone has them",
    r"^[A-Za-z0-9/_.-]{1,200}$": "must be a path of 1 to 200 letters a-z, digits and the signs / _ . -",
    r"^[a-z_][a-z0-9_-]{0,31}$": "must be the name of a user of this machine",
    r"^(AC[0-9a-f]{32})?$": "must be Twilio's account SID: AC and 32 digits or letters a-f",
    r"^(https?://[^\s?#]{1,200}[^\s?#/])?$": "must be an address such as https://dialler.example.org, without / at its end",
    r"^https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?$": "must be an address such as https://desk.example.org, without a path",
    r"^(nats|tls)://[A-Za-z0-9.:\[\]-]{1,253}$": "must be an address such as tls://hq.example.org:4222",
    r"^(https://|http://(127\.0\.0\.1|localhost)[:/])\S{1,500}$": "must be an https address, or an http one of this machine",
    r"^https?://[^\s?#]{1,200}[^\s?#/]$": "must be an address such as https://sounds.example.org, without / at its end",
    r"^[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*$": "must be a prompt's name such as common/hold, in small letters",
}
"""By the pattern that the settings are held to."""


_NAMES: Final = ("id", "name")
"""The key of a table that says which of several it is."""
_PART = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEAD: Final = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]\]?\s*(?:#.*)?")
_KEY: Final = re.compile(rf"\s*({_DOTTED})\s*=")
_SECRET: Final = re.compile(r"secret|password|pin")
_PER_CENT: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*%\s*")

Place = tuple[str, ...]
"""Section, key, ...; of one of several tables its number, from 0."""
Loc = Sequence[str | int]
"""The same as pydantic tells it; a text in the place of a number is a table's name: a seat may be called "1", and be the second."""


class SettingsText:
    """What a settings file says, and in which line."""

    def __init__(self, name: str = "settings", text: str = "", table: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self.table: Mapping[str, Any] = table or {}
        self._text = text

    def key(self, place: Loc) -> str:
        """The setting as a person calls it: `campaigns.turnout-agents.channels`, by the table's own name if that is one."""
        parts: list[str] = []
        for behind, (part, (_, table)) in enumerate(zip(place, self._steps(place), strict=True), 1):
            names = [table.get(key) for key in _NAMES]
            own = next((name for name in names if isinstance(name, str) and re.fullmatch(r"[\w-]+", name)), None)
            parts.append(str(part) if own is None or place[behind : behind + 1] in {(key,) for key in _NAMES} else own)
        return ".".join(parts)

    def where(self, place: Loc) -> str:
        """`centre.toml:83`: the file, and the line of the setting or of what it would stand in; a table's number or its name."""
        found = tuple(number for number, _ in self._steps(place))
        for length in range(len(found), 0, -1):
            if found[:length] in self._lines:
                return f"{self.name}:{self._lines[found[:length]]}"
        return self.name

    def _steps(self, place: Loc) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The way to a place: each key, or number of one of several tables, with that table; of a key with none."""
        said: Any = self.table
        for part in place:
            if isinstance(said, list):
                names = [
                    next(filter(None, map(each.get, _NAMES)), None) if isinstance(each, dict) else None for each in said
                ]
                number = names.index(part) if isinstance(part, str) and part in names else part
                said = said[number] if isinstance(number, int) and number < len(said) else None
                yield str(number), said if isinstance(said, dict) else {}
            else:
                said = said.get(part) if isinstance(said, dict) else None
                yield str(part), {}

    @cached_property
    def _lines(self) -> dict[Place, int]:
        lines: dict[Place, int] = {}
        seen: dict[Place, int] = {}  # tables of an array so far
        within: Place = ()
        for number, line in enumerate(self._text.split("\n"), 1):
            head, key = _HEAD.fullmatch(line), _KEY.match(line)
            if head is not None:
                path: Place = ()
                parts = _parts(head[2])
                for place, part in enumerate(parts):
                    path = (*path, part)
                    if head[1] == "[[" and place == len(parts) - 1:
                        seen[path] = seen.get(path, -1) + 1
                    if path in seen:
                        path = (*path, str(seen[path]))
                within = path
                lines.setdefault(within, number)
            elif key is not None:
                lines.setdefault((*within, *_parts(key[1])), number)
        return lines


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, dotted)]


def read_settings(path: Path, usual: str, begin: str) -> SettingsText:
    """What the file says, read once: it may be a pipe. `usual`: its name, `begin`: how to get one. Raises SettingError."""
    try:
        with open_regular(path, pipe=True) as file:
            piped = stat.S_ISFIFO(os.fstat(file.fileno()).st_mode)
            data = read_bounded(file, MOST_TOML_BYTES)
            table = toml_table(data)
    except FileNotFoundError as error:
        raise SettingError(str(path), "(file)", "no such file", begin) from error
    except UnicodeDecodeError as error:
        problem = f"is not in UTF-8 (byte {error.start + 1:,})"
        raise SettingError(str(path), "(file)", problem, "save it as UTF-8") from error
    except IsADirectoryError as error:
        raise SettingError(str(path), "(file)", "is a directory", f"name the file in it, such as {usual}") from error
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise SettingError(str(path), "(file)", problem, "check its path and its rights") from error
    except NotToml as error:
        raise SettingError(str(path), "(file)", f"is not TOML: {error}", "correct that line") from error
    if piped and not table:  # a program that failed before its first line must not leave the defaults in force
        raise SettingError(
            str(path), "(file)", "the pipe gave no settings", "see why the program that writes to it failed"
        )
    return SettingsText(str(path), data.decode(), table)


def all_together(found: Sequence[SettingError]) -> SettingError:
    """One error of all of them."""
    return found[0] if len(found) == 1 else SettingMistakes(found)


def mistakes(
    error: ValidationError,
    text: SettingsText,
    model: type[BaseModel],
    in_environment: Callable[..., str | None],
) -> Iterator[SettingError]:
    """Each mistake that pydantic found in what the file or the environment says, in the order of the settings."""
    found = error.errors()
    for problem in found:
        if problem["type"] == "too_short" and any(
            each["loc"][: len(problem["loc"])] == problem["loc"] for each in found[:-1]
        ):
            continue  # what is wrong in it was told
        place = tuple(str(part) for part in problem["loc"])
        key, file = text.key(problem["loc"]) or "(settings)", text.where(problem["loc"])
        variable = in_environment(place, of_wrong_type=problem["type"].endswith("_type"))
        if variable is not None:
            file, key = "environment", variable
        if problem["type"] == "extra_forbidden":
            near = get_close_matches(place[-1], _known_beside(model, place), n=1)
            remedy = (
                f"did you mean `{near[0]}`? (docs/settings.md)"
                if near
                else "remove it or correct its spelling (docs/settings.md)"
            )
            yield SettingError(file, key, "is not a setting", remedy)
        elif problem["type"] == "missing":
            yield SettingError(file, key, "is missing", "add it (docs/settings.md)")
        else:
            secret = _SECRET.search(".".join(place))
            yield SettingError(file, key, _in_words(problem, secret=bool(secret)), "correct it (docs/settings.md)")


def _in_words(problem: Mapping[str, Any], *, secret: bool) -> str:
    message = re.sub(r"^Value error, ", "", problem["msg"])
    message = re.sub(r"^Input should be (?:a valid tuple|an instance of tuple)$", "must be a list", message)
    message = re.sub(r"^Input should be ", "must be ", message)
    message = WANTED.get(problem.get("ctx", {}).get("pattern", ""), message)
    shown = problem.get("input")
    if (share := _share_meant(problem)) is not None:
        message = f"must be a share, 0 to 1: write {share:g} for {100 * share:g} %"
    given = f" (given: {shown!r})" if isinstance(shown, str | int | float | bool) and not secret else ""
    return f"{message}{given}"


def _share_meant(problem: Mapping[str, Any]) -> float | None:
    """What was meant by 3 or "3 %" where a share is wanted; None: nothing of the kind."""
    shown = problem.get("input")
    if problem["type"] == "less_than_equal" and problem["ctx"]["le"] == 1 and isinstance(shown, int | float):
        return shown / 100 if shown <= 100 else None
    per_cent = _PER_CENT.fullmatch(shown) if problem["type"] == "float_parsing" and isinstance(shown, str) else None
    return None if per_cent is None else float(per_cent[1]) / 100


def _known_beside(model: type[BaseModel], place: Place) -> list[str]:
    """The settings that there are where one stands that is none."""
    for part in place[:-1]:
        if part in model.model_fields:
            inner = model_in(model.model_fields[part].annotation)
            if inner is None:
                return []
            model = inner
    return [*model.model_fields]


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The section that a setting is, or may be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := model_in(each)) is not None), None)


def not_in_environment(place: tuple[str, ...], *, of_wrong_type: bool) -> None:
    """For `mistakes`, of a file whose keys no variable gives."""
