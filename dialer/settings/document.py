"""The tables of docs/settings.md, made from the descriptions of the settings: `python -m dialer.settings.document docs`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from inspect import cleandoc
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from dialer.settings.headquarters import HqSettings
from dialer.settings.mistakes import model_in
from dialer.settings.reload import TAKEN, ReadAt, how_taken
from dialer.settings.site import Settings

_TAKEN = {
    ReadAt.RELOAD: "taken by a reload",
    ReadAt.RESTART: "needs a restart",
    ReadAt.ELSEWHERE: "not read by the dialler",
}


HQ_HEAD = """# Headquarters' own file

`hq.toml`, given with `-c` to the commands `dialer hq ...`, where there is a [headquarters](#headquarters) of many centres.

| key | default | meaning |
|---|---|---|"""


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


def settings_page(page: str) -> str:
    """The page, whole: its own words, and behind them the tables anew."""
    parts = [page[: page.index("\n## `[")], *_sections(Settings, how_it_is_taken), HQ_HEAD]
    parts += [
        f"| `{key}` | {_default(field.default)} | {field.description} |"
        for key, field in HqSettings.model_fields.items()
        if model_in(field.annotation) is None
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


def _sections(model: type[BaseModel], said_of: Callable[[str], str] = lambda _: "", within: str = "") -> list[str]:
    lines: list[str] = []
    for section, field in model.model_fields.items():
        inner = model_in(field.annotation)
        if inner is None:
            continue
        name, said = f"[{within}{section}]", said_of(section)
        about = cleandoc(inner.__doc__ or "").partition(" - ")[2]
        lines += [
            f"## `{f'[{name}]' if get_origin(field.annotation) is tuple else name}`",
            "",
            f"{about[:1].upper()}{about[1:]}" or "",
            *(["", f"*{said}*"] if said else []),
            "",
            "| key | default | meaning |",
            "|---|---|---|",
            *(
                f"| `{key}` | {_default(each.default)} | {each.description} |"
                for key, each in inner.model_fields.items()
            ),
            "",
            *_sections(inner, within=f"{within}{section}."),
        ]
    return lines


if __name__ == "__main__":
    path = Path(sys.argv[1]) / "settings.md"
    path.write_text(settings_page(path.read_text(encoding="utf-8")), encoding="utf-8")
