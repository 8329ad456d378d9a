"""Jurisdiction profiles: what a place's rules are, each with its source beside it. A site may only be stricter.

A profile is one TOML file in `config/jurisdictions/` (or a site's own, by path). Every rule is a table that holds its values,
`source` (where they stand) and `standing` (how firm that is). Nothing here says that a campaign is compliant: counsel must
confirm a profile before anyone calls it so.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from config.errors import SettingError
from config.fields import NumberPrefix, Share, Slug

JURISDICTIONS = Path(__file__).parent / "jurisdictions"


def _pair(value: object) -> object:
    """A stretch is written ["09:00", "20:00"]; "24:00" is the day's end."""
    if isinstance(value, list) and len(value) == 2:
        return tuple(time.max if part == "24:00" else part for part in value)
    return value


Stretch = Annotated[tuple[time, time], BeforeValidator(_pair)]
"""First moment, and first moment after it, local time."""


class Purpose(StrEnum):
    """What a campaign calls for."""

    TURNOUT = "turnout"
    MATERIAL = "material"
    SURVEY = "survey"


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


class Rule(BaseModel):
    """A rule: values, and where they stand."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Annotated[str, StringConstraints(strip_whitespace=True, min_length=8)]
    standing: Standing


class CallingHours(Rule):
    """When a phone may ring."""

    weekday: tuple[Stretch, ...]
    saturday: tuple[Stretch, ...]
    sunday: tuple[Stretch, ...]
    holiday: tuple[Stretch, ...]
    zones: Zones

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for day in ("weekday", "saturday", "sunday", "holiday"):
            for start, until in getattr(self, day):
                if start >= until:
                    raise ValueError(f"{day} closes at {until:%H:%M}, before it opens at {start:%H:%M}; swap them")
        return self


class Silence(Rule):
    """The interval before the close of poll of a polling area, and what it forbids there."""

    hours_before_close: float = Field(ge=0, le=240)
    forbids: tuple[Purpose, ...]  # by whatever voice
    forbids_recorded: tuple[Purpose, ...]  # by a recorded voice
    sign_off: bool  # a named person may allow recorded turnout calls inside it, in the site's settings


class VoteChoice(Rule):
    """Whether voters may be asked whom they voted for. The program has no field for it."""

    may_ask: Literal[False]


class Certificate(Rule):
    """Purposes for which a recording plays only with a certificate number and the hash that it was given for."""

    needed_for: tuple[Purpose, ...]


class Ring(Rule):
    """How long a phone must be allowed to ring."""

    minimum_seconds: float = Field(ge=0, le=120)


class Connect(Rule):
    """How soon after the answer the voter must have an agent."""

    limit_seconds: float = Field(gt=0, le=5)


class AbandonedCap(BaseModel):
    """A cap over a sliding window."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window_hours: float = Field(gt=0)
    share: Share


class Abandoned(Rule):
    """The abandoned-call cap: which calls count, over what, and how many."""

    definition: Annotated[str, StringConstraints(min_length=8)]
    target: Share  # what pacing steers to
    caps: tuple[AbandonedCap, ...] = Field(min_length=1)
    scope: Literal["campaign"]
    denominator: Literal["live-answers"]


class InformationMessage(Rule):
    """Whether an answered voter without an agent must hear who called."""

    required: bool


class RedialLock(Rule):
    """How long a number is left alone, by every campaign, after a call to it was abandoned."""

    hours: float = Field(ge=0)


class Attempts(Rule):
    """How often a number may be rung, across campaigns."""

    per_day: int = Field(ge=1)
    conversations_per_day: int = Field(ge=1)


class MachineDetection(Rule):
    """Whether answering machines may be detected by listening."""

    allowed: bool


class CallerId(Rule):
    """Which numbers may be shown. They are always of the site's own pool."""

    series: tuple[NumberPrefix, ...]  # empty: any owned number


class Registers(Rule):
    """Do-not-call registers that must have been read, and how old they may be."""

    names: tuple[Slug, ...]
    maximum_age_days: float = Field(gt=0)
    applies_to: tuple[Purpose, ...]  # whom a number on any imported register is closed to


class OptOut(Rule):
    """How far an opt-out reaches, and how soon."""

    reach: Literal["everywhere"]
    within_seconds: float = Field(ge=0)


class Consent(Rule):
    """Purposes for which a number's owner must have agreed before."""

    live: tuple[Purpose, ...]
    recorded: tuple[Purpose, ...]


class Retention(Rule):
    """How long after polling day personal data may be kept, and what must be kept."""

    erase_after_days: int = Field(ge=1)
    keep_records_days: int = Field(ge=0)  # attempts, marks, opt-outs and the audit, without names
    keep_recordings: bool  # recorded conversations are among the records, also when a person asks for erasure


class Transport(Rule):
    """Whether a ride to the poll may be offered."""

    may_offer: bool


class Recording(Rule):
    """Whether conversations may be recorded."""

    allowed: bool


class SyntheticVoice(Rule):
    """Whether a synthetic voice must say that it is one."""

    must_be_labelled: bool


class Exports(Rule):
    """Whether calls must be accounted for per candidate, constituency and day."""

    expenditure: bool


class Profile(BaseModel):
    """All rules of one jurisdiction."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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
    attempts: Attempts
    machine_detection: MachineDetection
    caller_id: CallerId
    registers: Registers
    opt_out: OptOut
    consent: Consent
    retention: Retention
    transport: Transport
    recording: Recording
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
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(shipped_profiles())
        remedy = f"use one of {known}, or a .toml file of your own"
        raise SettingError("settings", "rules.jurisdiction", f"there is no profile {name_or_path!r}", remedy) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(str(path), "(file)", f"cannot be read as TOML: {error}", "correct it") from error
    return _validated(values, str(path))


def _validated(values: Mapping[str, Any], file: str) -> Profile:
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


# Stricter


def _within(ours: tuple[Stretch, ...], theirs: tuple[Stretch, ...]) -> bool:
    return all(any(start <= mine[0] and mine[1] <= until for start, until in theirs) for mine in ours)


def _no_cap_looser(ours: tuple[AbandonedCap, ...], theirs: tuple[AbandonedCap, ...]) -> bool:
    return all(
        any(mine.window_hours == cap.window_hours and mine.share <= cap.share for mine in ours) for cap in theirs
    )


def _narrower(ours: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    return not theirs or (bool(ours) and all(series.startswith(theirs) for series in ours))


Judge = Callable[[Any, Any], bool]

STRICTNESS: dict[str, tuple[Judge, str]] = {
    **dict.fromkeys(
        [f"calling_hours.{day}" for day in ("weekday", "saturday", "sunday", "holiday")],
        (_within, "a site's hours must lie within them"),
    ),
    **dict.fromkeys(
        [
            "silence.hours_before_close",
            "ring.minimum_seconds",
            "redial_lock.hours",
            "retention.keep_records_days",
        ],
        (lambda ours, theirs: ours >= theirs, "a site may only set more"),
    ),
    **dict.fromkeys(
        [
            "connect.limit_seconds",
            "abandoned.target",
            "attempts.per_day",
            "attempts.conversations_per_day",
            "registers.maximum_age_days",
            "retention.erase_after_days",
            "opt_out.within_seconds",
        ],
        (lambda ours, theirs: ours <= theirs, "a site may only set less"),
    ),
    **dict.fromkeys(
        [
            "silence.forbids",
            "silence.forbids_recorded",
            "certificate.needed_for",
            "registers.names",
            "registers.applies_to",
            "consent.live",
            "consent.recorded",
        ],
        (lambda ours, theirs: set(ours) >= set(theirs), "a site may only add to it"),
    ),
    **dict.fromkeys(
        ["silence.sign_off", "machine_detection.allowed", "transport.may_offer", "recording.allowed"],
        (lambda ours, theirs: theirs or not ours, "a site may only turn it off"),
    ),
    **dict.fromkeys(
        [
            "information_message.required",
            "synthetic_voice.must_be_labelled",
            "exports.expenditure",
            "retention.keep_recordings",
        ],
        (lambda ours, theirs: ours or not theirs, "a site may only turn it on"),
    ),
    "abandoned.caps": (_no_cap_looser, "a site must keep each window, with the same share or less"),
    "caller_id.series": (_narrower, "a site may only narrow it"),
}


def made_stricter(profile: Profile, overrides: Mapping[str, Mapping[str, Any]], file: str = "settings") -> Profile:
    """The profile with a site's own values: `overrides` by rule and field. Raises SettingError for one that loosens."""
    rules = profile.rules()
    changed: dict[str, Any] = profile.model_dump()
    for name, fields in overrides.items():
        if name not in rules:
            raise SettingError(file, f"rules.stricter.{name}", "is not a rule", "correct its spelling (docs/rules.md)")
        changed[name] = {**changed[name], **fields}
    stricter = _validated(changed, file)
    for name, fields in overrides.items():
        for field in fields:
            key = f"{name}.{field}"
            ours, theirs = getattr(getattr(stricter, name), field), getattr(rules[name], field)
            if ours == theirs:
                continue
            judge, remedy = STRICTNESS.get(key, (None, "a site cannot change it"))
            if judge is None or not judge(ours, theirs):
                shown = fields[field]
                problem = f"{shown!r} loosens the rule of the profile {profile.name!r} ({_plain(theirs)})"
                raise SettingError(file, f"rules.stricter.{key}", problem, remedy)
    return stricter


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(_plain(each) for each in value) or "none"
    if isinstance(value, BaseModel):
        return " ".join(f"{key} {each}" for key, each in value.model_dump().items())
    return f"{value:%H:%M}" if isinstance(value, time) else str(value)
