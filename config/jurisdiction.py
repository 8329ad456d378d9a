"""Jurisdiction profiles: what a place's rules are, each with its source beside it. A site may only be stricter.

A profile is one TOML file in `config/jurisdictions/` (or a site's own, by path). Every rule is a table that holds its values,
`source` (where they stand) and `standing` (how firm that is). Nothing here says that a campaign is compliant: counsel must
confirm a profile before anyone calls it so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from config.errors import SettingError
from config.fields import LocalTime, NumberPrefix, Share, Slug
from config.files import MOST_TOML_BYTES, NotToml, read_whole, toml_table
from config.words import Purpose

JURISDICTIONS = Path(__file__).parent / "jurisdictions"


def _pair(value: object) -> object:
    """A stretch is written ["09:00", "20:00"]; "24:00" is the day's end."""
    if isinstance(value, list) and len(value) == 2:
        return tuple(time.max if part == "24:00" else part for part in value)
    return value


Stretch = Annotated[tuple[LocalTime, LocalTime], BeforeValidator(_pair)]
"""First moment, and first moment after it, local time."""


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

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    source: Annotated[str, StringConstraints(strip_whitespace=True, min_length=8)]
    standing: Standing
    # A text of the rule, or a report that quotes it, was read and says this; else it is from memory.
    confirmed: bool = False
    read_at: str | None = None  # where it was read

    @model_validator(mode="after")
    def _confirmed_by_a_text(self) -> Self:
        if self.confirmed and not self.read_at:
            raise ValueError("the rule is confirmed, and read_at does not say by which text")
        return self


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

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    window_hours: float = Field(gt=0)
    share: Share


class Abandoned(Rule):
    """The abandoned-call cap: which calls count, over what, and how many."""

    definition: Literal["answered by a person, and no agent within the connect limit of the answer"]
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
    unless_agent_guaranteed: bool  # whether a call for which a seat is kept may go out all the same


class Gap(Rule):
    """How long a number is left alone after any call to it, by every campaign, unless the person asked for the next call."""

    minutes: float = Field(ge=0, le=1440)


class Attempts(Rule):
    """How often a number may be rung, across campaigns."""

    per_day: int = Field(ge=1)
    conversations_per_day: int = Field(ge=1)


class MachineDetectionRule(Rule):
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
    within_seconds: float

    @model_validator(mode="after")
    def _can_be_held(self) -> Self:
        if self.within_seconds < 1:
            raise ValueError("an opt-out holds within 1 second here, and no sooner can be promised")
        return self


class ConsentRule(Rule):
    """Purposes for which a number's owner must have agreed before."""

    live: tuple[Purpose, ...]
    recorded: tuple[Purpose, ...]


class Retention(Rule):
    """How long after polling day personal data may be kept, and what must be kept."""

    erase_after_days: int = Field(ge=1)
    keep_records_days: int = Field(ge=0)  # attempts, marks, opt-outs and the audit, without names
    keep_recordings: bool  # recorded conversations are among the records, also when a person asks for erasure


class TransportRule(Rule):
    """Whether a ride to the poll may be offered: by a flow, which declares it, or by agents or a script, of whom it is declared."""

    may_offer: bool


class RecordingRule(Rule):
    """Whether conversations may be recorded."""

    allowed: bool


class SyntheticVoice(Rule):
    """Whether a synthetic voice must say that it is one; then no voice plays of which nobody knows, and none without its label."""

    must_be_labelled: bool


class Exports(Rule):
    """Whether calls must be accounted for per candidate, constituency and day: then campaign material names its candidate."""

    expenditure: bool


class Profile(BaseModel):
    """All rules of one jurisdiction."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

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
