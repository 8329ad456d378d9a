"""The settings of a running dialler read again: what has changed, and whether that may change beside calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dialer.domain.errors import CommandRefused
from dialer.domain.words import counted
from dialer.engine.plan import Reread
from dialer.errors import MatdanError, SettingError, SettingMistakes
from dialer.flows.catalogue import FlowLibrary
from dialer.flows.model import offers_allowed
from dialer.flows.prompts import labels_synthetic, rules_of
from dialer.settings.jurisdiction import Profile
from dialer.settings.lines import Carrier
from dialer.settings.reload import ReadAt, how_taken
from dialer.settings.site import Settings, load_settings
from dialer.settings.site_rules import abandoned_caps, site_profile
from dialer.site.plan import engine_plan, flows_of, needs_asterisk, scripts_of
from dialer.switch.asterisk.scripts.runner import script_of


class Change(NamedTuple):
    """A setting that differs."""

    name: str  # as a person calls it: `campaigns.turnout-agents.hours`; of a table that came or went its name
    taken: ReadAt


Part = Callable[[Settings], Callable[[], object]]
"""Something beside the engine that is made of the settings: makes it anew, or raises MatdanError; what is returned has it used."""


@dataclass(frozen=True, slots=True)
class MadeOfSettings:
    """What of a running centre is made of its settings beside the engine."""

    parts: Sequence[Part]
    told: Mapping[str, str]  # what its start told the audit beside the settings
    profile: Profile | None = None  # in the place of the settings' own
    refuse: Callable[[Settings, Profile], None] | None = None  # raises MatdanError where it may not dial so


def of_flows(flows: FlowLibrary) -> Part:
    """The flows and scripts that campaigns and numbers name."""

    def prepared(settings: Settings) -> Callable[[], None]:
        return flows.prepared([flow for flow in flows_of(settings) if script_of(flow) is None], scripts_of(settings))

    return prepared


class SettingsFile:
    """The file that a dialler was started with."""

    def __init__(self, settings: Settings, profile: Profile, beside: MadeOfSettings) -> None:
        self._settings, self._profile = settings, profile  # as they are in force
        self._beside = beside
        self._lines = _lines_of(settings)  # of this run: a name stands for the same line as long as it lasts

    def __call__(self) -> Reread:
        """What it says now. Raises CommandRefused where it cannot be used, is looser than the profile, or has changed what needs a
        restart; what stands there is no business of the broker's.
        """
        try:
            settings = load_settings(Path(self._settings.file.name))
            profile = self._beside.profile or site_profile(settings)
        except SettingError as wrong:
            raise _unusable(wrong) from wrong
        changed = list(changes(self._settings, settings))
        changed += self._changes_of_profile(settings, profile, changed)
        stuck = [change.name for change in changed if change.taken is ReadAt.RESTART]
        stuck += self._others_that_need_a_restart(settings)
        if stuck:
            needs = "needs" if len(stuck) == 1 else "need"
            raise CommandRefused(
                f"nothing was taken of {counted(len(changed), 'changed setting')}: {', '.join(stuck)} {needs} a restart"
            )
        try:
            if changed and self._beside.refuse is not None:
                self._beside.refuse(settings, profile)
            made = [part(settings) for part in self._beside.parts]
        except SettingError as wrong:
            raise _unusable(wrong) from wrong
        except MatdanError as wrong:
            raise CommandRefused(f"nothing was taken: {wrong}") from wrong

        def taken() -> None:
            self._settings, self._profile = settings, profile
            self._lines |= _lines_of(settings)
            for use in made:
                use()

        told = {**settings_told(settings), **self._beside.told}
        ours = tuple(change.name for change in changed if change.taken is not ReadAt.ELSEWHERE)
        others = tuple(change.name for change in changed if change.taken is ReadAt.ELSEWHERE)
        return Reread(engine_plan(settings, profile), ours, others, told, taken)

    def _changes_of_profile(self, settings: Settings, profile: Profile, told: Sequence[Change]) -> Iterator[Change]:
        """A profile is a file of its own. What flows, sounds and caps' windows have copied of it needs a restart."""
        before = self._profile
        same = _copied_of(settings, before) == _copied_of(settings, profile)
        if profile != before and not (same and any(change.name.startswith("rules.") for change in told)):
            yield Change("rules.jurisdiction (the profile)", ReadAt.RELOAD if same else ReadAt.RESTART)

    def _others_that_need_a_restart(self, settings: Settings) -> Iterator[str]:
        before = self._settings
        if bool(before.agents) is not bool(settings.agents):  # without any, seats are signed in under any name
            yield "agents"
        for name, line in _lines_of(settings).items():
            known = self._lines.get(name)
            if known != line and (known is not None or line[0] is Carrier.TWILIO):
                yield name
        for supervisor in {each.name for each in settings.supervisors} - {each.name for each in before.supervisors}:
            yield f"supervisors.{supervisor}"  # whom the store may have as a user: a start sees to that
        if not before.has_scripts and settings.has_scripts:  # nothing was found yet to contain them
            yield "the first AGI script"
        if needs_asterisk(settings) is not needs_asterisk(before):
            yield "the first seat or trunk of Asterisk's, or the last"


def _copied_of(settings: Settings, profile: Profile) -> tuple[object, ...]:
    windows = [window for each in settings.campaigns for window, _, _ in abandoned_caps(each, profile)]
    return offers_allowed(profile), labels_synthetic(settings, profile), rules_of(settings.audio, profile), windows


def _unusable(wrong: SettingError) -> CommandRefused:
    every = wrong.mistakes if isinstance(wrong, SettingMistakes) else (wrong,)
    where = ", ".join(f"{each.file}: {each.key}" for each in every)
    return CommandRefused(f"nothing was taken: {where} cannot be used; `dialer check` says why")


def _lines_of(settings: Settings) -> dict[str, tuple[Carrier, str | None]]:
    """Where each trunk, and each seat's phone, is a line of; of a Twilio trunk the endpoint, by which calls are brought to it."""
    trunks = {
        f"trunks.{each.name}": (each.carrier, each.endpoint if each.carrier is Carrier.TWILIO else each.box)
        for each in settings.trunks
    }
    return trunks | {f"seats.{each.name}": (Carrier.ASTERISK, each.box) for each in settings.seats}


def settings_told(settings: Settings) -> dict[str, str]:
    """Every setting by its key, as a start tells it in the audit: without secrets, which pydantic masks, and without [store]."""
    found: dict[str, str] = {}

    def tell(key: str, value: object) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                tell(f"{key}.{name}" if key else str(name), inner)
        elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
            for place, each in enumerate(value, 1):
                names = each if isinstance(each, dict) else {}
                name = next(
                    (str(names[field]) for field in ("id", "name", "number", "day") if names.get(field)), str(place)
                )
                tell(f"{key}.{name}", each)
        else:
            found[key] = json.dumps(value, ensure_ascii=False)

    tell("", settings.model_dump(mode="json", exclude={"store": True}))
    return found


def changes(before: Settings, after: Settings) -> Iterator[Change]:
    """The settings that differ, each once."""
    for place in _changes((), before.model_dump(), after.model_dump()):
        section, *keys = place
        if isinstance(getattr(after, section), tuple):  # whose tables have names
            keys = keys[1:]
        yield Change(".".join(place), how_taken(section, keys[0] if keys else ""))


def _changes(place: tuple[str, ...], before: Any, after: Any) -> Iterator[tuple[str, ...]]:
    tables = [_by_name(each) for each in (before, after)]
    if before == after:
        return
    if all(isinstance(each, Mapping) for each in tables) and len(place) < 3:
        for key in dict.fromkeys([*tables[0], *tables[1]]):
            yield from _changes((*place, str(key)), tables[0].get(key), tables[1].get(key))
    else:
        yield place


def _by_name(value: Any) -> Any:
    """Tables of which each has a name, by it."""
    if not isinstance(value, tuple) or not all(isinstance(each, Mapping) for each in value):
        return value
    names = [each.get("id", each.get("name", each.get("number"))) for each in value]
    return dict(zip(names, value, strict=True)) if None not in names and len(set(names)) == len(names) else value
