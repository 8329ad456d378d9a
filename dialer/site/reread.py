"""The settings of a running dialler read again: what has changed, and whether that may change beside calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from config.errors import SettingError, SettingMistakes
from config.settings import Settings, load_settings
from config.site_rules import site_profile
from dialer.domain.errors import CommandRefused
from dialer.domain.words import counted
from dialer.engine.plan import Reread
from dialer.site.plan import engine_plan

LIVE: dict[str, frozenset[str] | None] = {
    "agents": None,
    "campaigns": frozenset(
        {
            "abandoned_lock_hours",
            "busy_retry_minutes",
            "channels",
            "hours",
            "max_attempts",
            "no_answer_retry_minutes",
            "ring_seconds",
            "wrap_up_seconds",
        }
    ),
    "trunks": frozenset({"calls_per_second", "channels"}),
}
"""What is asked for anew with each call or log-in, by section (None: all of it): nothing else has a copy of it."""


class SettingsFile:
    """The file that a dialler was started with."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings  # as they are in force

    def __call__(self) -> Reread:
        """What it says now. Raises CommandRefused where it cannot be used, is looser than the profile, or has changed what needs a
        restart; what stands there is no business of the broker's.
        """
        try:
            settings = load_settings(Path(self._settings.file.name))
            profile = site_profile(settings)
        except SettingError as wrong:
            every = wrong.mistakes if isinstance(wrong, SettingMistakes) else (wrong,)
            where = ", ".join(f"{each.file}: {each.key}" for each in every)
            raise CommandRefused(f"nothing was taken: {where} cannot be used; `dialer check` says why") from wrong
        changed = list(changes(self._settings, settings))
        stuck = [key for key in changed if not is_live(key)]
        if bool(self._settings.agents) is not bool(settings.agents):  # without any, seats are signed in under any name
            stuck.append("agents")
        if stuck:
            needs = "needs" if len(stuck) == 1 else "need"
            raise CommandRefused(
                f"nothing was taken of {counted(len(changed), 'changed setting')}: {', '.join(stuck)} {needs} a restart"
            )

        def taken() -> None:
            self._settings = settings

        return Reread(engine_plan(settings, profile), tuple(changed), taken)


def is_live(key: str) -> bool:
    """Whether a setting may change beside calls."""
    section, *_, last = key.split(".")
    live = LIVE.get(section, frozenset())
    return live is None or (key.count(".") == 2 and last in live)


def changes(before: Settings, after: Settings) -> Iterator[str]:
    """The settings that differ, as a person calls them: `campaigns.turnout-agents.hours`, of a table that came or went its name."""
    yield from _changes((), before.model_dump(), after.model_dump())


def _changes(place: tuple[str, ...], before: Any, after: Any) -> Iterator[str]:
    tables = [_by_name(each) for each in (before, after)]
    if before == after:
        return
    if all(isinstance(each, Mapping) for each in tables) and len(place) < 3:
        for key in dict.fromkeys([*tables[0], *tables[1]]):
            yield from _changes((*place, str(key)), tables[0].get(key), tables[1].get(key))
    else:
        yield ".".join(place)


def _by_name(value: Any) -> Any:
    """Tables of which each has a name, by it."""
    if not isinstance(value, tuple) or not all(isinstance(each, Mapping) for each in value):
        return value
    names = [each.get("id", each.get("name", each.get("number"))) for each in value]
    return dict(zip(names, value, strict=True)) if None not in names and len(set(names)) == len(names) else value
