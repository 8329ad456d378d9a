"""Jurisdiction profiles: what a place's rules are, each with its source beside it. A site may only be stricter.

A profile is one TOML file in `config/jurisdictions/` (or a site's own, by path). Every rule is a table that holds its values,
`source` (where they stand) and `standing` (how firm that is). Nothing here says that a campaign is compliant: counsel must
confirm a profile before anyone calls it so.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, ValidationError

from dialer import content
from dialer.domain.enums import Purpose
from dialer.errors import SettingError
from dialer.settings.fields import LocalTime, NumberPrefix, Section, Share, Slug
from dialer.settings.files import MOST_TOML_BYTES, NotToml, read_whole, toml_table

JURISDICTIONS = content.CONFIG / "jurisdictions"


def _pair(value: object) -> object:
    """A stretch is written ["09:00", "20:00"]; "24:00" is the day's end."""
    if isinstance(value, list) and len(value) == 2:
        return tuple(time.max if part == "24:00" else part for part in value)
    return value


Stretch = Annotated[tuple[LocalTime, LocalTime], BeforeValidator(_pair)]
"""First moment, and first moment after it, local time."""


@dataclass(frozen=True, slots=True)
class Strictness:
    """Beside a value of a rule: which other one a site may hold in its place."""

    is_kept: Callable[[Any, Any], bool]  # the site's, the profile's
    bound: str  # in words


def _within(ours: tuple[Stretch, ...], theirs: tuple[Stretch, ...]) -> bool:
    return all(any(start <= mine[0] and mine[1] <= until for start, until in theirs) for mine in ours)


def _no_cap_looser(ours: tuple[AbandonedCap, ...], theirs: tuple[AbandonedCap, ...]) -> bool:
    return all(
        any(mine.window_hours == cap.window_hours and mine.share <= cap.share for mine in ours) for cap in theirs
    )


def _narrower(ours: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    return not theirs or (bool(ours) and all(series.startswith(theirs) for series in ours))


_MORE = Strictness(operator.ge, "a site may only set more")
_LESS = Strictness(operator.le, "a site may only set less")
_TURNED_OFF = Strictness(operator.le, "a site may only turn it off")
_TURNED_ON = Strictness(operator.ge, "a site may only turn it on")
_ADDED_TO = Strictness(lambda ours, theirs: {*ours} >= {*theirs}, "a site may only add to it")

DayHours = Annotated[tuple[Stretch, ...], Strictness(_within, "a site's hours must lie within them")]
Purposes = Annotated[tuple[Purpose, ...], _ADDED_TO]
Allowed = Annotated[bool, _TURNED_OFF]
Asked = Annotated[bool, _TURNED_ON]


class Standing(StrEnum):
    """How firm a rule's source is."""

    LAW = "law"
    REGULATOR = "regulator"
    PRACTICE = "practice"  # a code of the trade, or a rule that is no longer in force and still the measure
    SECOND_HAND = "second-hand"  # told of, not read at its source
    OURS = "ours"  # our own caution where no rule is known


class Zones(StrEnum):
    """In whose time zone the calling hours are read."""

    NUMBER = "number"  # every zone in which the number may be; they must all be open
    CENTRE = "centre"  # the zone that the site's settings give for the called parties


class Rule(Section):
    """A rule: values, and where they stand."""

    source: Annotated[str, StringConstraints(strip_whitespace=True, min_length=8)]
    standing: Standing
    # A text of the rule, or a report that quotes it, was read and says this; else it is from memory.
    confirmed: bool = False
    read_at: str | None = None  # where it was read

    def _objections(self) -> Iterator[str]:
        if self.confirmed and not self.read_at:
            yield "the rule is confirmed, and read_at does not say by which text"


class CallingHours(Rule):
    """When a phone may ring."""

    weekday: DayHours
    saturday: DayHours
    sunday: DayHours
    holiday: DayHours
    zones: Zones

    def _objections(self) -> Iterator[str]:
        yield from super()._objections()
        for day in ("weekday", "saturday", "sunday", "holiday"):
            for start, until in getattr(self, day):
                if start >= until:
                    yield f"{day} closes at {until:%H:%M}, before it opens at {start:%H:%M}; swap them"


class Silence(Rule):
    """The interval before the close of poll of a polling area, and what it forbids there."""

    hours_before_close: Annotated[float, _MORE] = Field(ge=0, le=240)
    forbids: Purposes  # by whatever voice
    forbids_recorded: Purposes  # by a recorded voice
    sign_off: Allowed  # a named person may allow recorded turnout calls inside it, in the site's settings


class VoteChoice(Rule):
    """Whether voters may be asked whom they voted for. The program has no field for it."""

    may_ask: Literal[False]


class Certificate(Rule):
    """Purposes for which a recording plays only with a certificate number and the hash that it was given for."""

    needed_for: Purposes


class Ring(Rule):
    """How long a phone must be allowed to ring."""

    minimum_seconds: Annotated[float, _MORE] = Field(ge=0, le=120)


class Connect(Rule):
    """How soon after the answer the voter must have an agent."""

    limit_seconds: Annotated[float, _LESS] = Field(gt=0, le=5)


class AbandonedCap(Section):
    """A cap over a sliding window."""

    window_hours: float = Field(gt=0)
    share: Share


class Abandoned(Rule):
    """The abandoned-call cap: which calls count, over what, and how many."""

    definition: Literal["answered by a person, and no agent within the connect limit of the answer"]
    target: Annotated[Share, _LESS]  # what pacing steers to
    caps: Annotated[
        tuple[AbandonedCap, ...],
        Strictness(_no_cap_looser, "a site must keep each window, with the same share or less"),
    ] = Field(min_length=1)
    scope: Literal["campaign"]
    denominator: Literal["live-answers"]


class InformationMessage(Rule):
    """Whether an answered voter without an agent must hear who called."""

    required: Asked


class RedialLock(Rule):
    """How long a number is left alone, by every campaign, after a call to it was abandoned."""

    hours: Annotated[float, _MORE] = Field(ge=0)
    unless_agent_guaranteed: Allowed  # whether a call for which a seat is kept may go out all the same


class Gap(Rule):
    """How long a number is left alone after any call to it, by every campaign, unless the person asked for the next call."""

    minutes: Annotated[float, _MORE] = Field(ge=0, le=1440)


class Attempts(Rule):
    """How often a number may be rung, across campaigns."""

    per_day: Annotated[int, _LESS] = Field(ge=1)
    conversations_per_day: Annotated[int, _LESS] = Field(ge=1)


class MachineDetectionRule(Rule):
    """Whether answering machines may be detected by listening."""

    allowed: Allowed


class CallerId(Rule):
    """Which numbers may be shown. They are always of the site's own pool."""

    series: Annotated[
        tuple[NumberPrefix, ...], Strictness(_narrower, "a site may only narrow it")
    ]  # empty: any owned number


class Registers(Rule):
    """Do-not-call registers that must have been read, and how old they may be."""

    names: Annotated[tuple[Slug, ...], _ADDED_TO]
    maximum_age_days: Annotated[float, _LESS] = Field(gt=0)
    applies_to: Purposes  # whom a number on any imported register is closed to


class OptOut(Rule):
    """How far an opt-out reaches, and how soon."""

    reach: Literal["everywhere"]
    within_seconds: Annotated[float, _LESS]

    def _objections(self) -> Iterator[str]:
        yield from super()._objections()
        if self.within_seconds < 1:
            yield "an opt-out holds within 1 second here, and no sooner can be promised"


class ConsentRule(Rule):
    """Purposes for which a number's owner must have agreed before."""

    live: Purposes
    recorded: Purposes


class Retention(Rule):
    """How long after polling day personal data may be kept, and what must be kept."""

    erase_after_days: Annotated[int, _LESS] = Field(ge=1)
    keep_records_days: Annotated[int, _MORE] = Field(ge=0)  # attempts, marks, opt-outs and the audit, without names
    keep_recordings: Asked  # recorded conversations are among the records, also when a person asks for erasure


class TransportRule(Rule):
    """Whether a ride to the poll may be offered: by a flow, which declares it, or by agents or a script, of whom it is declared."""

    may_offer: Allowed


class RecordingRule(Rule):
    """Whether conversations may be recorded."""

    allowed: Allowed


class SyntheticVoice(Rule):
    """Whether a synthetic voice must say that it is one; then no voice plays of which nobody knows, and none without its label."""

    must_be_labelled: Asked


class Exports(Rule):
    """Whether calls must be accounted for per candidate, constituency and day: then campaign material names its candidate."""

    expenditure: Asked


class Profile(Section):
    """All rules of one jurisdiction."""

    name: Slug
    title: str
    calling_hours: CallingHours
    silence: Silence
    vote_choice: VoteChoice
    certificate: Certificate
    ring: Ring
    connect: Connect
    abandoned: Abandoned
    information_message: InformationMessage
    redial_lock: RedialLock
    gap: Gap
    attempts: Attempts
    machine_detection: MachineDetectionRule
    caller_id: CallerId
    registers: Registers
    opt_out: OptOut
    consent: ConsentRule
    retention: Retention
    transport: TransportRule
    recording: RecordingRule
    synthetic_voice: SyntheticVoice
    exports: Exports

    def rules(self) -> dict[str, Rule]:
        """Every rule by name, in the order of the file."""
        return {name: value for name in type(self).model_fields if isinstance(value := getattr(self, name), Rule)}


def shipped_profiles() -> list[str]:
    """The names of the profiles that come with the project."""
    return sorted(path.stem for path in JURISDICTIONS.glob("*.toml"))


def load_profile(name_or_path: str) -> Profile:
    """The shipped profile of that name, or the one in that .toml file. Raises SettingError with file, key and remedy."""
    path = Path(name_or_path) if name_or_path.endswith(".toml") else JURISDICTIONS / f"{name_or_path}.toml"
    try:
        values = toml_table(read_whole(path, MOST_TOML_BYTES))
    except FileNotFoundError as error:
        known = ", ".join(shipped_profiles())
        remedy = f"use one of {known}, or a .toml file of your own"
        raise SettingError("settings", "rules.jurisdiction", f"there is no profile {name_or_path!r}", remedy) from error
    except (OSError, UnicodeDecodeError, NotToml) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SettingError(str(path), "(file)", f"cannot be read as TOML: {why}", "correct it") from error
    return validated(values, str(path))


def validated(values: Mapping[str, Any], file: str) -> Profile:
    """The profile of these values. Raises SettingError for the first mistake, with `file`, key and remedy."""
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        if key.endswith("source"):
            raise SettingError(file, key, "the rule has no source", "say where it stands, beside it") from error
        if problem["type"] == "missing":
            raise SettingError(file, key, "is missing", "a profile states every rule (docs/rules.md)") from error
        if problem["type"] == "extra_forbidden":
            raise SettingError(file, key, "is not a rule", "correct its spelling (docs/rules.md)") from error
        text = problem["msg"].removeprefix("Value error, ")
        raise SettingError(file, key, text, "correct it (docs/rules.md)") from error


def strictness_of(rule: type[Rule], field: str) -> Strictness | None:
    """Which other value a site may hold; None: no other."""
    return next((each for each in rule.model_fields[field].metadata if isinstance(each, Strictness)), None)


def made_stricter(profile: Profile, overrides: Mapping[str, Mapping[str, Any]], file: str = "settings") -> Profile:
    """The profile with a site's own values: `overrides` by rule and field. Raises SettingError for one that loosens."""
    rules = profile.rules()
    changed: dict[str, Any] = profile.model_dump()
    for name, fields in overrides.items():
        if name not in rules:
            raise SettingError(file, f"rules.stricter.{name}", "is not a rule", "correct its spelling (docs/rules.md)")
        changed[name] = {**changed[name], **fields}
    stricter = validated(changed, file)
    for name, fields in overrides.items():
        for field in fields:
            ours, theirs = getattr(getattr(stricter, name), field), getattr(rules[name], field)
            if ours == theirs:
                continue
            bound = strictness_of(type(rules[name]), field)
            if bound is None or not bound.is_kept(ours, theirs):
                shown = fields[field]
                problem = f"{shown!r} loosens the rule of the profile {profile.name!r} ({_plain(theirs)})"
                remedy = "a site cannot change it" if bound is None else bound.bound
                raise SettingError(file, f"rules.stricter.{name}.{field}", problem, remedy)
    return stricter


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(_plain(each) for each in value) or "none"
    if isinstance(value, BaseModel):
        return " ".join(f"{key} {each}" for key, each in value.model_dump().items())
    return f"{value:%H:%M}" if isinstance(value, time) else str(value)
