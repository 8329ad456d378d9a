"""The reference page docs/reference/settings.md, whose tables are generated from the classes of the settings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from inspect import cleandoc
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from dialer.settings.applied import find_when_setting_takes_effect, list_settings_with_other_effect_time
from dialer.settings.fields import Applied, Section, find_class_of_settings_table
from dialer.settings.headquarters import HqSettings
from dialer.settings.site import Settings

_APPLIED = {
    Applied.RELOAD: "applied by a reload",
    Applied.RESTART: "applied by a restart",
    Applied.ELSEWHERE: "not used by the dialler",
}

_LONG_RUN = 5
"""Keys that are all listed; a longer run of neighbours is listed by its ends."""

HQ_HEAD = """# Settings of headquarters

`hq.toml`, the file of a headquarters of many centres, given with `-c` to the commands `dialer hq ...`.

|key|default|meaning|
|---|---|---|"""


def render_settings_page(page: str) -> str:
    """Return the new text of the page settings.md: the introduction of `page`, followed by newly generated tables."""
    described: dict[type[Section], str] = {}
    parts = [
        page[: page.index("\n## `[")],
        *_render_sections_of_settings(Settings, described, describe_when_settings_apply),
        HQ_HEAD,
    ]
    parts += [
        f"|`{key}`|{_format_default_of_setting(field.default)}|{field.description}|"
        for key, field in HqSettings.model_fields.items()
        if find_class_of_settings_table(field.annotation) is None
    ]
    parts += ["", *_render_sections_of_settings(HqSettings, described)]
    return "\n".join(parts) + "\n"


def describe_when_settings_apply(section: str, model: type[Section]) -> str:
    """Return a sentence that says when changed settings of a section take effect."""
    others = list_settings_with_other_effect_time(model)
    exceptions = [
        f"{words}: {_abbreviate_list_of_keys(keys, [*model.model_fields])}"
        for applied, words in _APPLIED.items()
        if (keys := [key for key, when in others.items() if when is applied])
    ]
    return "; ".join([_APPLIED[find_when_setting_takes_effect(section)].capitalize(), *exceptions]) + "."


def _abbreviate_list_of_keys(keys: list[str], table: list[str]) -> str:
    """Return a list of keys as Markdown. A long run of neighbouring keys becomes "all from `first` to `last`".

    `table` has all keys of the settings table, in order.
    """
    runs: list[list[str]] = []
    for key in keys:
        if runs and table.index(key) == table.index(runs[-1][-1]) + 1:
            runs[-1].append(key)
        else:
            runs.append([key])
    return ", ".join(
        f"all from `{run[0]}` to `{run[-1]}`" if len(run) > _LONG_RUN else ", ".join(f"`{key}`" for key in run)
        for run in runs
    )


def _render_sections_of_settings(
    model: type[Section],
    described: dict[type[Section], str],
    note: Callable[[str, type[Section]], str] = lambda _name, _model: "",
    within: str = "",
) -> list[str]:
    """Return the lines of the reference page about every section of a settings class.

    `described` has the sections that the page already describes, with their headings. The lines refer to these
    headings.
    """
    lines: list[str] = []
    for section, field in model.model_fields.items():
        inner = find_class_of_settings_table(field.annotation)
        if inner is None:
            continue
        name, text = f"[{within}{section}]", note(section, inner) if not within else ""
        heading = f"[{name}]" if get_origin(field.annotation) is tuple else name
        lines += [f"## `{heading}`", ""]
        if inner in described:
            lines += [f"As `{described[inner]}` of a centre.", ""]
            continue
        inherited, origin = _find_keys_already_described(inner, described)
        described[inner] = heading
        about = cleandoc(inner.__doc__ or "").partition(" - ")[2]
        lines += [
            f"{about[:1].upper()}{about[1:]}",
            *(["", f"*{text}*"] if text else []),
            *(
                ["", f"{', '.join(f'`{key}`' for key in inherited)}: as in `{origin}` of a centre."]
                if inherited
                else []
            ),
            "",
            "|key|default|meaning|",
            "|---|---|---|",
            *(
                f"|`{key}`|{_format_default_of_setting(each.default)}|{each.description}|"
                for key, each in inner.model_fields.items()
                if key not in inherited
            ),
            "",
            *_render_sections_of_settings(inner, described, within=f"{within}{section}."),
        ]
    return lines


def _find_keys_already_described(model: type[Section], described: dict[type[Section], str]) -> tuple[list[str], str]:
    """Return the keys that the page already describes under the heading of a similar section, and this heading."""
    for other, heading in described.items():
        if model.__base__ is other.__base__ is not Section:
            return [
                key
                for key, field in model.model_fields.items()
                if key in other.model_fields
                and (field.default, field.description)
                == (other.model_fields[key].default, other.model_fields[key].description)
            ], heading
    return [], ""


def _format_default_of_setting(value: Any) -> str:
    if isinstance(value, Section):
        return "below"
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(_format_toml_value(each) for each in value) + "]`" if value else "`[]`"
    return "`" + _format_toml_value(value) + "`"


def _format_toml_value(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "{" + ", ".join(f"{name}={inner}" for name, inner in value.model_dump().items()) + "}"
    shown = getattr(value, "get_secret_value", lambda: value)()
    shown = getattr(shown, "value", shown)
    return f'"{shown}"' if isinstance(shown, str | Path) else str(shown)


if __name__ == "__main__":
    path = Path(sys.argv[1]) / "settings.md"
    path.write_text(render_settings_page(path.read_text(encoding="utf-8")), encoding="utf-8")
