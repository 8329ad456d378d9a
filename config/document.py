"""docs/settings.md, made from the settings' own descriptions: `python -m config.document docs`. A test keeps it true."""

from __future__ import annotations

import sys
from collections.abc import Callable
from inspect import cleandoc
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from config.headquarters import HqSettings
from config.reload import TAKEN, ReadAt, how_taken
from config.settings import Settings

HEAD = """# Settings

One TOML file per site, given with `-c`; [config/centre.example.toml](../config/centre.example.toml) is one to begin with. It
may come through a pipe: `-c <(sops -d centre.toml)`. Relative paths in it are those of the directory in which a command is
given. Times are local and have no zone of their own: "09:00". Tables in double brackets may be given several times.

A value may be overridden by the environment, section and key joined by two underscores: `MATDAN_AMI__SECRET`. A list is
written in JSON there: `MATDAN_DIALLING__ALLOWED_PREFIXES='["+91"]'`. Unknown keys are refused, and so are variables whose name
begins with `MATDAN_` and that are no setting. All mistakes are told in one run, each with its line and with what was perhaps
meant: `centre.toml:83: campaigns.turnout-ivr.abandoned_limit: must be a share, 0 to 1: write 0.03 for 3 % (given: 3)`. What is
wrong between one table and another is told once each table is right in itself.

## Changing settings while the dialler runs

It reads its file again at `kill -HUP` (flows and scripts too) or `dialer command reload-settings`. Each section below says
whether a changed setting is taken then, needs a restart, or is not the dialler's to read: other programs read it when they
start, and commands such as `dialer asterisk render` write files of it. The file is taken whole or not at all, and what keeps it
from being taken is named: in the answer, or by the alert `settings`. What was changed stands in the audit, as at a start.

- **A new campaign** dials as soon as its numbers are in its queue. One that is gone places no call any more; its calls ring and
  talk on to their end. Caller IDs, channels, hours and caps count from the next call on.
- **A new seat** takes a log-in once Asterisk has its phone (`dialer asterisk render`, then `core reload`). From a seat that is
  gone, or has another phone, its agent is logged off, after the call and its wrap-up if there is one; so is an agent who is gone.
- **A new trunk** needs Asterisk's files too. One that is gone keeps the calls that it has.
- **A supervisor** who is gone, or has another role or phone, listens no longer. A new one needs a restart; so do the first agent
  and the last, a line of Twilio's that is new, and a trunk or seat that comes again at another Asterisk than before.
- **The desk** reads the file again at `kill -HUP` too (`systemctl reload matdan-desk`): seats, agents, campaigns with their
  scripts, supervisors, how long recordings are kept. What else has changed there needs its restart, as its log says.
"""

_TAKEN = {
    ReadAt.RELOAD: "taken by a reload",
    ReadAt.RESTART: "needs a restart",
    ReadAt.ELSEWHERE: "not read by the dialler",
}


HQ_HEAD = """# Headquarters' own file

`hq.toml`, given with `-c` to the commands `dialer hq ...`, where there is a [headquarters](#headquarters) of many centres.

| key | default | meaning |
|---|---|---|"""


def _model_of(annotation: Any) -> tuple[type[BaseModel], bool] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    for inner in get_args(annotation):
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner, get_origin(annotation) is tuple
    return None


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(_plain(each) for each in value) + "]`" if value else "`[]`"
    return "`" + _plain(value) + "`"


def _plain(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "{ " + ", ".join(f"{name} = {inner}" for name, inner in value.model_dump().items()) + " }"
    shown = getattr(value, "get_secret_value", lambda: value)()
    shown = getattr(shown, "value", shown)
    return f'"{shown}"' if isinstance(shown, str | Path) else str(shown)


def settings_page() -> str:
    """The page, whole."""
    parts = [HEAD, *_sections(Settings, how_it_is_taken), HQ_HEAD]
    parts += [
        f"| `{key}` | {_default(field.default)} | {field.description} |"
        for key, field in HqSettings.model_fields.items()
        if _model_of(field.annotation) is None
    ]
    parts += ["", *_sections(HqSettings)]
    return "\n".join(parts) + "\n"


def how_it_is_taken(section: str) -> str:
    """What becomes of a changed setting of a section while the dialler runs, in words."""
    rest, keys = how_taken(section), TAKEN.get(section, {})
    others = [
        f"{words}: " + ", ".join(f"`{key}`" for key in named)
        for taken, words in _TAKEN.items()
        if (named := [key for key, how in keys.items() if key and how is taken])
    ]
    return "; ".join([_TAKEN[rest].capitalize(), *others]) + "."


def _sections(model: type[BaseModel], said_of: Callable[[str], str] | None = None) -> list[str]:
    lines: list[str] = []
    for section, field in model.model_fields.items():
        found = _model_of(field.annotation)
        if found is not None:
            lines += _section(section, *found, said="" if said_of is None else said_of(section))
    return lines


def _section(path: str, model: type[BaseModel], several: bool, said: str = "") -> list[str]:
    name = f"[[{path}]]" if several else f"[{path}]"
    about = cleandoc(model.__doc__ or "").partition(" - ")[2]
    lines = [
        f"## `{name}`",
        "",
        f"{about[:1].upper()}{about[1:]}" or "",
        *(["", f"*{said}*"] if said else []),
        "",
        "| key | default | meaning |",
        "|---|---|---|",
    ]
    nested: list[str] = []
    for key, field in model.model_fields.items():
        lines.append(f"| `{key}` | {_default(field.default)} | {field.description} |")
        found = _model_of(field.annotation)
        if found is not None:
            nested += _section(f"{path}.{key}", *found)
    return [*lines, "", *nested]


if __name__ == "__main__":
    (Path(sys.argv[1]) / "settings.md").write_text(settings_page(), encoding="utf-8")
