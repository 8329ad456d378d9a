"""Jurisdiction profiles: each rule has its source, a site may only be stricter, and every mistake is one line with a remedy."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dialer.errors import SettingError
from dialer.settings.jurisdiction import (
    JURISDICTIONS,
    Basis,
    Profile,
    Rule,
    apply_stricter_site_values_to_profile,
    find_comparison_for_rule_field,
    list_shipped_profiles,
    load_profile,
)
from dialer.settings.site_rules import list_caps_on_abandoned_rate, load_site_profile
from tests.support.rules import site

SHIPPED = ["canada", "india", "neutral", "uk", "us"]


def get_error_line(error: pytest.ExceptionInfo[SettingError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert ";" in text, "an error says what to do"
    return text


def write_profile(directory: Path, *changes: tuple[str, str], base: str = "neutral") -> str:
    """Write a copy of a shipped profile with changes, and return its path."""
    text = (JURISDICTIONS / f"{base}.toml").read_text(encoding="utf-8")
    for pattern, replacement in changes:
        text, count = re.subn(pattern, replacement, text, count=1, flags=re.MULTILINE)
        assert count == 1, pattern
    path = directory / "own.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_five_jurisdiction_profiles_of_calling_rules_are_shipped() -> None:
    assert list_shipped_profiles() == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_every_rule_of_a_shipped_profile_has_a_source(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    text = (JURISDICTIONS / f"{name}.toml").read_text(encoding="utf-8")
    for rule, values in tomllib.loads(text).items():
        if isinstance(values, dict):
            assert len(values["source"]) > 20, rule
            assert values["basis"] in set(Basis)
    for key, each in profile.list_profile_rules().items():
        assert each.source
        assert each.confirmed == (each.read_at or "").startswith("http"), key
        assert each.basis is not Basis.CAUTION or not each.confirmed or name == "canada", key


def test_neutral_jurisdiction_profile_has_the_strictest_calling_hours_and_abandoned_caps() -> None:
    neutral = load_profile("neutral")
    for name in SHIPPED:
        other = load_profile(name)
        for day in ("weekday", "saturday", "sunday", "holiday"):
            for start, until in getattr(neutral.calling_hours, day):
                assert any(a <= start and until <= b for a, b in getattr(other.calling_hours, day)), (name, day)
        assert neutral.attempts.per_day <= other.attempts.per_day
        assert neutral.redial_lock.hours >= other.redial_lock.hours
        assert neutral.connect.limit_seconds <= other.connect.limit_seconds
        assert neutral.silence.hours_before_close >= other.silence.hours_before_close


@pytest.mark.parametrize(
    ("changes", "output"),
    [
        ([(r"^source = .*\n", "")], "calling_hours.source: the rule has no source"),
        ([(r"^source = .*$", 'source = "   "')], "calling_hours.source: the rule has no source"),
        ([(r'"09:00", "20:00"', '"20:00", "09:00"')], "weekday must end after it starts (is 20:00 to 09:00)"),
        ([(r"^basis = .*$", 'basis = "rumour"')], "calling_hours.basis"),
        ([(r"\[redial_lock\]\nhours = 72\n", "[redial_lock]\n")], "redial_lock.hours: is missing"),
        ([(r"^may_ask = false", "may_ask = true")], "vote_choice.may_ask"),
        ([(r"^per_day = 3", "per_day = 3\nper_hour = 1")], "attempts.per_hour: is not a rule"),
        ([(r"^title", "title title")], "cannot be read as TOML"),
    ],
)
def test_mistake_in_a_jurisdiction_profile_gives_a_one_line_error(
    tmp_path: Path, changes: list[tuple[str, str]], output: str
) -> None:
    with pytest.raises(SettingError) as error:
        load_profile(write_profile(tmp_path, *changes))
    assert output in get_error_line(error)


def test_unknown_jurisdiction_profile_is_refused_with_a_list_of_known_profiles() -> None:
    with pytest.raises(SettingError) as error:
        load_site_profile(site("atlantis"))
    assert "use one of canada, india, neutral, uk, us" in get_error_line(error)


def test_jurisdiction_profile_written_by_a_site_is_read_from_a_file(tmp_path: Path) -> None:
    own = write_profile(tmp_path, (r'^name = "neutral"', 'name = "own"'))
    assert load_site_profile(site(own)).name == "own"


STRICTER: dict[str, Any] = {
    "calling_hours.weekday": [["10:00", "13:00"], ["16:00", "20:00"]],
    "calling_hours.saturday": [],
    "calling_hours.sunday": [["11:00", "12:00"]],
    "calling_hours.holiday": [],
    "silence.hours_before_close": 72,
    "silence.forbids": ["material", "survey"],
    "silence.forbids_recorded": ["turnout", "material", "survey"],
    "silence.sign_off": False,
    "certificate.needed_for": ["turnout", "material", "survey"],
    "ring.minimum_seconds": 40,
    "connect.limit_seconds": 1.5,
    "abandoned.target": 0.005,
    "abandoned.caps": [{"window_hours": 24, "share": 0.02}, {"window_hours": 720, "share": 0.03}],
    "information_message.required": True,
    "redial_lock.hours": 96,
    "redial_lock.unless_agent_guaranteed": False,
    "minimum_interval.minutes": 20,
    "attempts.per_day": 2,
    "attempts.conversations_per_day": 1,
    "machine_detection.allowed": False,
    "machine_detection.false_positive_share": 0.3,
    "caller_id.series": ["+91140"],
    "registers.names": ["ncpr", "own"],
    "registers.maximum_age_days": 3,
    "registers.applies_to": ["turnout", "material", "survey"],
    "opt_out.within_seconds": 1,
    "consent.live": ["material"],
    "consent.recorded": ["material", "turnout"],
    "retention.erase_after_days": 40,
    "retention.keep_records_days": 120,
    "retention.keep_recordings": True,
    "transport.may_offer": False,
    "recording.allowed": False,
    "synthetic_voice.must_be_labelled": True,
    "exports.expenditure": True,
}
LOOSER: dict[str, Any] = {
    "calling_hours.weekday": [["08:59", "20:00"]],
    "calling_hours.saturday": [["09:00", "23:00"]],
    "calling_hours.sunday": [["00:00", "24:00"]],
    "calling_hours.holiday": [["08:00", "21:30"]],
    "silence.hours_before_close": 47,
    "silence.forbids": [],
    "silence.forbids_recorded": ["survey"],
    "silence.sign_off": None,  # india allows it already
    "certificate.needed_for": ["material"],
    "ring.minimum_seconds": 29,
    "connect.limit_seconds": 2.5,
    "abandoned.target": 0.02,
    "abandoned.caps": [{"window_hours": 24, "share": 0.03}],
    "information_message.required": False,
    "redial_lock.hours": 71,
    "redial_lock.unless_agent_guaranteed": True,
    "minimum_interval.minutes": 14,
    "attempts.per_day": 4,
    "attempts.conversations_per_day": 3,
    "machine_detection.allowed": None,  # india allows it
    "machine_detection.false_positive_share": 0.25,
    "caller_id.series": None,  # india has none, so any is narrower
    "registers.names": [],
    "registers.maximum_age_days": 8,
    "registers.applies_to": [],
    "opt_out.within_seconds": 60,
    "consent.live": None,
    "consent.recorded": None,
    "retention.erase_after_days": 91,
    "retention.keep_records_days": 0,
    "retention.keep_recordings": None,  # india requires none, so any is stricter
    "transport.may_offer": True,
    "recording.allowed": True,
    "synthetic_voice.must_be_labelled": False,
    "exports.expenditure": False,
}


def test_every_changeable_rule_has_stricter_and_looser_test_values() -> None:
    rules = {name: field.annotation for name, field in Profile.model_fields.items()}
    may_change = {
        f"{name}.{field}"
        for name, rule in rules.items()
        if isinstance(rule, type) and issubclass(rule, Rule)
        for field in rule.model_fields
        if find_comparison_for_rule_field(rule, field) is not None
    }
    assert set(STRICTER) == set(LOOSER) == may_change


@pytest.mark.parametrize("key", sorted(STRICTER))
def test_site_may_set_a_value_stricter_than_the_jurisdiction_profile(key: str) -> None:
    rule, field = key.split(".")
    profile = apply_stricter_site_values_to_profile(load_profile("india"), {rule: {field: STRICTER[key]}})
    assert getattr(profile, rule).source == getattr(load_profile("india"), rule).source


@pytest.mark.parametrize("key", sorted(key for key, value in LOOSER.items() if value is not None))
def test_site_may_not_set_a_value_looser_than_the_jurisdiction_profile(key: str) -> None:
    rule, field = key.split(".")
    with pytest.raises(SettingError) as error:
        load_site_profile(site("india", rules={"stricter": {rule: {field: LOOSER[key]}}}))
    text = get_error_line(error)
    assert f"rules.stricter.{key}" in text
    assert "is looser than the profile 'india'" in text


@pytest.mark.parametrize(
    ("jurisdiction", "stricter", "output"),
    [
        ("uk", {"caller_id": {"series": []}}, "a site may only narrow it"),
        ("uk", {"caller_id": {"series": ["+1"]}}, "a site may only narrow it"),
        ("us", {"consent": {"recorded": []}}, "a site may only add to it"),
        ("neutral", {"silence": {"sign_off": True}}, "a site may only turn it off"),
        ("neutral", {"machine_detection": {"allowed": True}}, "a site may only turn it off"),
        ("india", {"calling_hours": {"zones": "centre"}}, "a site cannot change it"),
        ("india", {"abandoned": {"definition": "a call that we do not like"}}, "abandoned.definition: Input should be"),
        ("india", {"opt_out": {"within_seconds": 0}}, "within_seconds must be at least 1"),
        ("india", {"connect": {"confirmed": True}}, "a confirmed rule needs read_at"),
        ("india", {"connect": {"confirmed": True, "read_at": "a dream"}}, "a site cannot change it"),
        ("india", {"ring": {"source": "somebody said so"}}, "a site cannot change it"),
        ("india", {"ringing": {"minimum_seconds": 40}}, "is not a rule"),
        ("india", {"ring": {"minimum": 40}}, "is not a rule"),
        ("india", {"ring": {"minimum_seconds": "long"}}, "ring.minimum_seconds"),
        ("india", {"calling_hours": {"weekday": [["20:00", "10:00"]]}}, "weekday must end after it starts"),
    ],
)
def test_override_of_an_unknown_or_fixed_rule_of_the_jurisdiction_profile_is_refused(
    jurisdiction: str, stricter: dict[str, Any], output: str
) -> None:
    with pytest.raises(SettingError) as error:
        load_site_profile(site(jurisdiction, rules={"stricter": stricter}))
    assert output in get_error_line(error)


@pytest.mark.parametrize(
    ("campaign", "output"),
    [
        (
            {"ring_seconds": 20},
            "campaigns.calls.ring_seconds: 20 is looser than the profile 'india' allows; set at least 30",
        ),
        ({"connect_limit_seconds": 3}, "set at most 2"),
        ({"abandoned_target": 0.02}, "set at most 0.01"),
        ({"abandoned_limit": 0.05}, "set at most 0.03"),
        ({"abandoned_lock_hours": 24}, "set at least 72"),
    ],
)
def test_campaign_setting_looser_than_the_jurisdiction_profile_is_refused(
    campaign: dict[str, Any], output: str
) -> None:
    with pytest.raises(SettingError) as error:
        load_site_profile(site("india", campaign=campaign))
    assert output in get_error_line(error)


@pytest.mark.parametrize(
    ("stricter", "output"),
    [
        ({"attempts": {"per_day": 1}}, None),
        ({"redial_lock": {"hours": 100}}, None),
        ({"abandoned": {"target": 0.001}}, None),
        ({"ring": {"minimum_seconds": 40}}, "ring_seconds: 30 is looser"),
        ({"connect": {"limit_seconds": 1.5}}, "connect_limit_seconds: 2 is looser"),
    ],
)
def test_default_value_is_refused_if_a_campaign_uses_it_and_the_legal_profile_forbids_it(
    stricter: dict[str, Any], output: str | None
) -> None:
    settings = site(rules={"stricter": stricter})
    if output is None:
        assert load_site_profile(settings).name == "neutral"
    else:
        with pytest.raises(SettingError, match=output):
            load_site_profile(settings)


def test_settings_outside_the_rules_table_are_checked_against_the_jurisdiction_profile() -> None:
    with pytest.raises(SettingError, match=r"max_attempts_per_day: 9 is looser .* set at most 3"):
        load_site_profile(site(dialling={"max_attempts_per_day": 9}))
    with pytest.raises(SettingError, match=r"a caller ID is outside the number series of the profile 'uk' \(\+44\)"):
        load_site_profile(site("uk"))
    signed = {
        "sign_offs": [
            {"permits": "recorded-turnout-in-silence", "campaign": "calls", "by": "A. Rao", "day": "2024-04-20"}
        ]
    }
    flow = {"kind": "ivr", "flow": "turnout"}
    with pytest.raises(SettingError, match="the profile 'neutral' does not allow this sign-off"):
        load_site_profile(site(rules=signed, campaign=flow))
    with pytest.raises(SettingError, match="there is no `ivr` campaign 'calls'"):
        load_site_profile(site("india", rules=signed))
    assert load_site_profile(site("india", rules=signed, campaign=flow)).name == "india"


def test_settings_that_enable_features_forbidden_by_the_jurisdiction_profile_are_refused() -> None:
    with pytest.raises(
        SettingError, match=r"machine_detection: the profile 'neutral' does not allow answering-machine detection"
    ):
        load_site_profile(site(campaign={"machine_detection": "before-seat"}))
    assert load_site_profile(site(campaign={"machine_detection": "after-seat"})).name == "neutral"
    sampled = {"machine_detection": "before-seat", "machine_sample": 0.1}
    with pytest.raises(SettingError, match=r"machine_sample: the profile 'us' does not allow recording of calls"):
        load_site_profile(site("us", campaign=sampled, trunks=[]))
    with pytest.raises(ValidationError, match='machine_sample needs machine_detection = "before-seat"'):
        site(campaign={"machine_sample": 0.1})
    with pytest.raises(ValidationError, match=r"recordings\.prompt cannot announce it"):
        site(campaign=sampled, recordings={"prompt": "common/hold"})
    assert load_site_profile(site("us", campaign={"machine_detection": "before-seat"}, trunks=[])).name == "us"
    with pytest.raises(SettingError, match=r"flows\.recordings: the profile 'us' does not allow recordings"):
        load_site_profile(site("us", flows={"recordings": True}, trunks=[]))


def test_contradictory_polling_days_are_refused() -> None:
    polls = [{"day": "2024-04-19", "constituencies": [1, 2]}, {"day": "2024-04-26", "constituencies": [2]}]
    with pytest.raises(ValueError, match="constituency 2 must not have two polls"):
        site(rules={"polls": polls})
    with pytest.raises(ValueError, match=r"must be after the polls open, at 07:00 \(is 06:00\)"):
        site(rules={"polls": [{"day": "2024-04-19", "closes_at": "06:00"}]})
    with pytest.raises(ValueError, match="only one poll may be for all"):
        site(rules={"polls": [{"day": "2024-04-19"}, {"day": "2024-04-26"}]})


def test_stricter_abandoned_call_cap_of_campaign_and_profile_is_used() -> None:
    settings = site(campaign={"abandoned_target": 0.004, "abandoned_limit": 0.02})
    assert list_caps_on_abandoned_rate(settings.campaigns[0], load_site_profile(settings)) == [
        (86_400.0, 0.004, 0.02),
        (30 * 86_400.0, 0.004, 0.02),
    ]
