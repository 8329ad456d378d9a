"""Lists the differences between two versions of a site's settings, and all settings by key for the audit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dialer.settings.applied import find_when_setting_takes_effect
from dialer.settings.fields import Applied
from dialer.settings.site import Settings

_NAME_FIELDS = ("id", "name", "number", "day")


class Change(NamedTuple):
    """A setting whose value has changed, or a table of settings that was added or removed."""

    name: str  # dotted key with the names of tables: `campaigns.turnout-agents.hours`
    takes_effect: Applied


HIDDEN = "**********"
"""What is shown in place of a secret."""


class ChangedValue(NamedTuple):
    """A setting whose value in the settings files differs from the value in force."""

    name: str  # dotted key with the names of tables: `campaigns.turnout-agents.weight`
    before: str  # value in force, as JSON; null: not set
    after: str  # value in the files
    takes_effect: Applied


def list_settings_by_key(settings: Settings) -> dict[str, str]:
    """Return the value of every setting as JSON, by its dotted key, for the audit.

    Secrets are masked, and [store] is left out.
    """
    return _flatten_settings(settings.model_dump(mode="json", exclude={"store": True}))


def _flatten_settings(tables: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}

    def add_setting_and_nested_settings(key: str, value: object) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                add_setting_and_nested_settings(f"{key}.{name}" if key else str(name), inner)
        elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
            for place, each in enumerate(value, 1):
                names = each if isinstance(each, dict) else {}
                name = next((str(names[field]) for field in _NAME_FIELDS if names.get(field)), str(place))
                add_setting_and_nested_settings(f"{key}.{name}", each)
        else:
            found[key] = json.dumps(value, ensure_ascii=False)

    add_setting_and_nested_settings("", tables)
    return found


def list_changed_values(in_force: Mapping[str, str], running: Settings, new: Settings) -> list[ChangedValue]:
    """Return each setting whose value in the settings files differs from the value in force, without secrets.

    `in_force` has the values in the dialler's audit (see `list_settings_by_key`). If it is empty, the values of
    `running` are compared. `running` has the settings in force in this process. Changed secrets are found by comparing
    `running` with `new`, because the audit does not have them. An added or removed table, such as a seat, is one entry.
    """
    known, after = list_settings_by_key(running), list_settings_by_key(new)
    before = in_force or known
    found: dict[str, ChangedValue] = {}
    for key in dict.fromkeys([*after, *known]):
        old, now = before.get(key, "null"), after.get(key, "null")
        if HIDDEN in old + now:  # the dialler may have secrets in its own environment
            old = known.get(key, "null")
        if old == now:
            continue
        section, *rest = key.split(".")
        if not isinstance(getattr(new, section), tuple):
            found[key] = ChangedValue(key, old, now, find_when_setting_takes_effect(section, rest[0]))
        elif rest:  # otherwise it is an empty array
            name = f"{section}.{rest[0]}"
            was_there, is_there = (any(each.startswith(f"{name}.") for each in every) for every in (before, after))
            if was_there and is_there:
                found[key] = ChangedValue(key, old, now, find_when_setting_takes_effect(section, rest[1]))
            else:
                texts = (_format_table(running, name) if was_there else "null", _format_table(new, name) or "null")
                found[name] = ChangedValue(name, *texts, find_when_setting_takes_effect(section))
    for change in list_setting_changes(running, new):
        inside = f"{change.name}."
        if all(known.get(key) == after.get(key) for key in {*known, *after} if f"{key}.".startswith(inside)):
            found[change.name] = ChangedValue(change.name, HIDDEN, HIDDEN, change.takes_effect)
    return [*found.values()]


def _format_table(settings: Settings, name: str) -> str:
    """Return a table of settings such as `seats.04` as text: `key = value` for each value that is not the default."""
    values = _flatten_settings(settings.model_dump(mode="json", exclude={"store": True}, exclude_defaults=True))
    start = f"{name}."
    return ", ".join(f"{key.removeprefix(start)} = {each}" for key, each in values.items() if key.startswith(start))


def list_setting_changes(before: Settings, after: Settings) -> Iterator[Change]:
    """Yield each setting that differs between two versions of the settings."""
    for place in _find_names_of_changed_settings((), before.model_dump(), after.model_dump()):
        section, *keys = place
        if isinstance(getattr(after, section), tuple):  # an array of tables: the next part is a table's name
            keys = keys[1:]
        yield Change(".".join(place), find_when_setting_takes_effect(section, keys[0] if keys else ""))


def list_other_changes(running: Settings, after: Settings, own: str) -> tuple[list[str], list[str]]:
    """Return the settings that a reload would change besides the table that is being edited, in two lists.

    `running` are the settings in force, `after` those in the files, `own` the edited table, such as
    `campaigns.turnout`. The first list has the settings that a reload applies at the same time. The second has those
    that need a restart: as long as there are any, the dialler refuses to reload.
    """
    changes = list(list_setting_changes(running, after))
    restart = [each.name for each in changes if each.takes_effect is Applied.RESTART]
    others = [each.name for each in changes if each.takes_effect is not Applied.RESTART]
    return [name for name in others if not f"{name}.".startswith(f"{own}.")], restart


def _find_names_of_changed_settings(place: tuple[str, ...], before: Any, after: Any) -> Iterator[tuple[str, ...]]:
    tables = [_index_tables_by_name(each) for each in (before, after)]
    if before == after:
        return
    if all(isinstance(each, Mapping) for each in tables) and len(place) < 3:
        for key in dict.fromkeys([*tables[0], *tables[1]]):
            yield from _find_names_of_changed_settings((*place, str(key)), tables[0].get(key), tables[1].get(key))
    else:
        yield place


def _index_tables_by_name(value: Any) -> Any:
    """Return the tables of an array, such as [[seats]], by their names. Return any other value unchanged."""
    if not isinstance(value, tuple) or not all(isinstance(each, Mapping) for each in value):
        return value
    names = [each.get("id", each.get("name", each.get("number"))) for each in value]
    return dict(zip(names, value, strict=True)) if None not in names and len(set(names)) == len(names) else value
