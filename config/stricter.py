"""A site's own values in the place of its profile's: only stricter ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import time
from typing import Any

from pydantic import BaseModel

from config.errors import SettingError
from config.jurisdiction import AbandonedCap, Profile, Stretch, validated


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
            "gap.minutes",
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
        [
            "silence.sign_off",
            "machine_detection.allowed",
            "transport.may_offer",
            "recording.allowed",
            "redial_lock.unless_agent_guaranteed",
        ],
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
    stricter = validated(changed, file)
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
