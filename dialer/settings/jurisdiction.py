"""Jurisdiction profiles: the legal rules of a place. A site may set stricter values only.

A profile is a TOML file with one table for each rule. The table has the values, their `source`, and its legal authority
(`basis`). Counsel must confirm that a profile is correct.
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
from dialer.settings.files import MAX_TOML_BYTES, NotToml, parse_toml_table, read_whole_file
from dialer.settings.renamed import find_new_setting_name

JURISDICTIONS = content.CONFIG / "jurisdictions"


def _parse_period_of_day(value: object) -> object:
    """Convert a period of the day such as ["09:00", "20:00"] to a pair of times.

    "24:00" is the end of the day.
    """
    if isinstance(value, list) and len(value) == 2:
        return tuple(time.max if part == "24:00" else part for part in value)
    return value


DayPeriod = Annotated[tuple[LocalTime, LocalTime], BeforeValidator(_parse_period_of_day)]
"""A period of the day in local time: start (inclusive) and end (exclusive)."""


@dataclass(frozen=True, slots=True)
class Strictness:
    """The test of a site's own value of a rule: whether the value is at least as strict as the profile's."""

    is_as_strict: Callable[[Any, Any], bool]  # arguments: the site's value, the profile's value
    bound: str  # the rule in words


def _are_calling_hours_allowed_by_profile(ours: tuple[DayPeriod, ...], theirs: tuple[DayPeriod, ...]) -> bool:
    return all(any(start <= mine[0] and mine[1] <= until for start, until in theirs) for mine in ours)


def _are_abandoned_caps_allowed_by_profile(ours: tuple[AbandonedCap, ...], theirs: tuple[AbandonedCap, ...]) -> bool:
    return all(
        any(mine.window_hours == cap.window_hours and mine.share <= cap.share for mine in ours) for cap in theirs
    )


def _are_caller_ids_allowed_by_profile(ours: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    return not theirs or (bool(ours) and all(series.startswith(theirs) for series in ours))


_MORE = Strictness(operator.ge, "a site may only set more")
_LESS = Strictness(operator.le, "a site may only set less")
_TURNED_OFF = Strictness(operator.le, "a site may only turn it off")
_TURNED_ON = Strictness(operator.ge, "a site may only turn it on")
_ADDED_TO = Strictness(lambda ours, theirs: {*ours} >= {*theirs}, "a site may only add to it")

DayHours = Annotated[
    tuple[DayPeriod, ...], Strictness(_are_calling_hours_allowed_by_profile, "a site's hours must be within them")
]
Purposes = Annotated[tuple[Purpose, ...], _ADDED_TO]
Allowed = Annotated[bool, _TURNED_OFF]
Required = Annotated[bool, _TURNED_ON]


class Basis(StrEnum):
    """The kind of source of a legal rule, such as a law, a regulator's decision, or only our own caution."""

    LAW = "law"
    REGULATOR = "regulator"
    PRACTICE = "practice"  # an industry code, or a rule that is no longer in force but still followed
    SECOND_HAND = "second-hand"  # reported, not read at its source
    CAUTION = "caution"  # our own, where no rule is known


class Zones(StrEnum):
    """The time zones in which calling hours must be respected: all possible zones of the called number, or the centre's
    zone.
    """

    NUMBER = "number"  # every zone in which the number may be; calls must be allowed in all of them
    CENTRE = "centre"  # the zone of the site's settings


class Rule(Section):
    """A legal rule of a jurisdiction: its values, and the source where it is written."""

    source: Annotated[str, StringConstraints(strip_whitespace=True, min_length=8)]
    basis: Basis
    confirmed: bool = False  # True if the text of the rule, or a report that quotes it, was read
    read_at: str | None = None  # URL or place of that text

    def _find_contradicting_settings(self) -> Iterator[str]:
        if self.confirmed and not self.read_at:
            yield "a confirmed rule needs read_at: give the URL or place of its text"


class CallingHours(Rule):
    """The hours of the day in which a voter's phone may ring."""

    weekday: DayHours
    saturday: DayHours
    sunday: DayHours
    holiday: DayHours
    zones: Zones

    def _find_contradicting_settings(self) -> Iterator[str]:
        yield from super()._find_contradicting_settings()
        for day in ("weekday", "saturday", "sunday", "holiday"):
            for start, until in getattr(self, day):
                if start >= until:
                    yield f"{day} must end after it starts (is {start:%H:%M} to {until:%H:%M})"


class Silence(Rule):
    """The silence period before the close of poll, and the campaigns that are forbidden in it."""

    hours_before_close: Annotated[float, _MORE] = Field(ge=0, le=240)
    forbids: Purposes  # with any voice
    forbids_recorded: Purposes  # with a recorded voice
    sign_off: Allowed  # a named person may allow recorded turnout calls in it, in the site's settings


class VoteChoice(Rule):
    """The rule about asking voters whom they voted for. The program has no field for such an answer."""

    may_ask: Literal[False]


class Certificate(Rule):
    """The campaigns that may play only recordings that an authority has certified."""

    needed_for: Purposes


class Ring(Rule):
    """The minimum time a phone must ring before the dialler may give up."""

    minimum_seconds: Annotated[float, _MORE] = Field(ge=0, le=120)


class Connect(Rule):
    """The maximum time an answered voter may wait for an agent."""

    limit_seconds: Annotated[float, _LESS] = Field(gt=0, le=5)


class AbandonedCap(Section):
    """A limit on the abandoned-call rate within a sliding window of time."""

    window_hours: float = Field(gt=0)
    share: Share


class Abandoned(Rule):
    """The definition of the abandoned-call rate, and the limits of this rate."""

    definition: Literal["answered by a person, and no agent within the connect limit of the answer"]
    target: Annotated[Share, _LESS]  # what pacing aims for
    caps: Annotated[
        tuple[AbandonedCap, ...],
        Strictness(_are_abandoned_caps_allowed_by_profile, "a site must keep each window, with the same share or less"),
    ] = Field(min_length=1)
    scope: Literal["campaign"]
    denominator: Literal["live-answers"]


class InformationMessage(Rule):
    """The rule about the message to voters who answer while no agent is free: it says who called."""

    required: Required


class RedialLock(Rule):
    """The time after an abandoned call in which no campaign may call the number again."""

    hours: Annotated[float, _MORE] = Field(ge=0)
    unless_agent_guaranteed: Allowed  # calls with a reserved agent are exempt


class MinimumInterval(Rule):
    """The minimum time between calls of any campaign to a number. A call that the person asked for is allowed earlier."""

    minutes: Annotated[float, _MORE] = Field(ge=0, le=1440)


class Attempts(Rule):
    """The maximum number of calls to a number, by all campaigns together."""

    per_day: Annotated[int, _LESS] = Field(ge=1)
    conversations_per_day: Annotated[int, _LESS] = Field(ge=1)


class MachineDetectionRule(Rule):
    """The rule about detecting answering machines in the audio of answered calls, and the expected rate of errors."""

    allowed: Allowed
    false_positive_share: Annotated[Share, _MORE]  # of the calls that it takes for machines, people; each is abandoned


class CallerId(Rule):
    """The numbers that voters may see as caller ID. A site may only use numbers that it owns."""

    series: Annotated[
        tuple[NumberPrefix, ...], Strictness(_are_caller_ids_allowed_by_profile, "a site may only narrow it")
    ]  # empty: any owned number


class Registers(Rule):
    """The do-not-call registers that must be imported, and their maximum age."""

    names: Annotated[tuple[Slug, ...], _ADDED_TO]
    maximum_age_days: Annotated[float, _LESS] = Field(gt=0)
    applies_to: Purposes  # purposes for which a listed number is not called


class OptOut(Rule):
    """The campaigns to which an opt-out applies, and the time in which it must take effect."""

    reach: Literal["everywhere"]
    within_seconds: Annotated[float, _LESS]

    def _find_contradicting_settings(self) -> Iterator[str]:
        yield from super()._find_contradicting_settings()
        if self.within_seconds < 1:
            yield "within_seconds must be at least 1: an opt-out takes effect within 1 second here"


class ConsentRule(Rule):
    """Kinds of campaigns that may call a number only with its owner's consent."""

    live: Purposes
    recorded: Purposes


class Retention(Rule):
    """The time for which personal data may be kept after polling day, and the records that must be kept."""

    erase_after_days: Annotated[int, _LESS] = Field(ge=1)
    keep_records_days: Annotated[int, _MORE] = Field(ge=0)  # attempts, marks, opt-outs and the audit, without names
    keep_recordings: Required  # recordings count as records, and stay even if a person asks for erasure


class TransportRule(Rule):
    """The rule about offering voters a ride to the polling place.

    Flows declare such offers. For agents and AGI scripts, a named person declares them in the settings.
    """

    may_offer: Allowed


class RecordingRule(Rule):
    """The rule about recording conversations with voters."""

    allowed: Allowed


class SyntheticVoice(Rule):
    """The rule about announcing that a computer speaks.

    If an announcement is required, synthetic recordings are played only after it. Recordings of an unknown kind of
    voice are not played.
    """

    must_be_labelled: Required


class Exports(Rule):
    """The rule about reporting the cost of calls by candidate, constituency and day.

    If such reports are required, campaigns with the purpose `material` (campaign audio) need a candidate.
    """

    expenditure: Required


class Profile(Section):
    """All legal rules of one jurisdiction."""

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
    minimum_interval: MinimumInterval
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

    def list_profile_rules(self) -> dict[str, Rule]:
        """Return all rules of the profile by name, in the order of the file."""
        return {name: value for name in type(self).model_fields if isinstance(value := getattr(self, name), Rule)}


def list_shipped_profiles() -> list[str]:
    """Return the names of the jurisdiction profiles that are shipped with Matdan."""
    return sorted(path.stem for path in JURISDICTIONS.glob("*.toml"))


def load_profile(name_or_path: str) -> Profile:
    """Load the profile of a jurisdiction by its name, or from a .toml file of the site.

    Raises SettingError with file, key and remedy.
    """
    path = Path(name_or_path) if name_or_path.endswith(".toml") else JURISDICTIONS / f"{name_or_path}.toml"
    try:
        values = parse_toml_table(read_whole_file(path, MAX_TOML_BYTES))
    except FileNotFoundError as error:
        remedy = f"use one of {', '.join(list_shipped_profiles())}, or a .toml file of your own"
        raise SettingError("settings", "rules.jurisdiction", f"there is no profile {name_or_path!r}", remedy) from error
    except (OSError, UnicodeDecodeError, NotToml) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SettingError(str(path), "", f"cannot be read as TOML: {why}", "correct the file") from error
    return validate_profile(values, str(path))


def validate_profile(values: Mapping[str, Any], file: str) -> Profile:
    """Return the jurisdiction profile that a table of values describes.

    Raises SettingError for the first mistake, with `file`, key and remedy.
    """
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        place = tuple(str(part) for part in problem["loc"])
        key = ".".join(place)
        if key.endswith("source"):
            raise SettingError(file, key, "the rule has no source", "add where the rule is written") from error
        if problem["type"] == "missing":
            remedy = "a profile contains every rule, see docs/explanation/rules.md"
            raise SettingError(file, key, "is missing", remedy) from error
        if problem["type"] == "extra_forbidden":
            new = find_new_setting_name(place)
            wrong = ("is not a rule", "correct its spelling, see docs/explanation/rules.md")
            raise SettingError(file, key, *(wrong if new is None else ("was renamed", f"write {new}"))) from error
        text = problem["msg"].removeprefix("Value error, ")
        raise SettingError(file, key, text, "see docs/explanation/rules.md") from error


def find_comparison_for_rule_field(rule: type[Rule], field: str) -> Strictness | None:
    """Return the comparison that a site's own value of a rule's field must pass, or None if a site cannot change the
    field.
    """
    return next((each for each in rule.model_fields[field].metadata if isinstance(each, Strictness)), None)


def apply_stricter_site_values_to_profile(
    profile: Profile, overrides: Mapping[str, Mapping[str, Any]], file: str = "settings"
) -> Profile:
    """Return the profile with the site's stricter values.

    `overrides` has these values by rule and field. Raises SettingError for a value that is less strict than the
    profile's.
    """
    rules = profile.list_profile_rules()
    changed: dict[str, Any] = profile.model_dump()
    for name, fields in overrides.items():
        if name not in rules:
            new = find_new_setting_name((name,))
            wrong = ("is not a rule", "correct its spelling, see docs/explanation/rules.md")
            key = f"rules.stricter.{name}"
            raise SettingError(file, key, *(wrong if new is None else ("was renamed", f"write {new}")))
        changed[name] = {**changed[name], **fields}
    try:
        stricter = validate_profile(changed, file)
    except SettingError as error:
        raise SettingError(file, f"rules.stricter.{error.key}", error.problem, error.remedy) from error
    for name, fields in overrides.items():
        for field in fields:
            ours, theirs = getattr(getattr(stricter, name), field), getattr(rules[name], field)
            if ours == theirs:
                continue
            strictness = find_comparison_for_rule_field(type(rules[name]), field)
            if strictness is None or not strictness.is_as_strict(ours, theirs):
                problem = (
                    f"{fields[field]!r} is looser than the profile {profile.name!r} ({_format_rule_value(theirs)})"
                )
                remedy = "a site cannot change it" if strictness is None else strictness.bound
                raise SettingError(file, f"rules.stricter.{name}.{field}", problem, remedy)
    return stricter


def _format_rule_value(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(_format_rule_value(each) for each in value) or "none"
    if isinstance(value, BaseModel):
        return " ".join(f"{key} {each}" for key, each in value.model_dump().items())
    return f"{value:%H:%M}" if isinstance(value, time) else str(value)
