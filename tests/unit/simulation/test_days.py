"""Rehearsal plans: the day, its faults and which of them are judged, and the settings and agents of a rehearsal."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dialer.domain.finding import Finding, Level
from dialer.domain.model import CampaignState
from dialer.rules.first_call import Areas
from dialer.rules.polls import Area
from dialer.settings.site import Settings
from dialer.simulation.rehearsal.day import (
    CampaignHours,
    CannotRehearse,
    Fault,
    FaultKind,
    RehearsedDay,
    plan_rehearsed_days,
)
from dialer.simulation.rehearsal.faults import NOBODY_LEFT, NOT_OVER, find_faults_without_measurable_recovery
from dialer.simulation.rehearsal.site import REHEARSAL_LOGIN, make_rehearsal_settings
from dialer.simulation.rehearsal.staff import choose_agents_who_work_in_rehearsal
from dialer.simulation.rehearsal.verdict import (
    CampaignOutcome,
    DayOutcome,
    find_preparations_for_polling_day,
    judge_rehearsed_day,
)
from tests.support.centre import site_settings
from tests.support.seats import CHEAP

POLL = date(2024, 4, 26)  # a Friday
INDIA = ZoneInfo("Asia/Kolkata")
PIN = CHEAP.hash("4711")
CLOSES_AT_SIX: dict[str, Any] = {"polls": [{"day": POLL, "closes_at": "18:00"}]}
ALL_DAY = [{"start": "09:00", "until": "21:00"}]
TWILIO: dict[str, Any] = {
    "twilio": {
        "enabled": True,
        "account_sid": "AC" + "0" * 32,
        "auth_token": "x",
        "public_url": "https://calls.example.org",
    },
    "trunks": [
        {"name": "carrier", "endpoint": "carrier", "caller_ids": ["+911140000001"]},
        {"name": "twilio", "carrier": "twilio", "endpoint": "twilio", "channels": 2, "calls_per_second": 1}
        | {"caller_ids": ["+911140000002"]},
    ],
}


def make_site_settings(**changes: Any) -> Settings:
    return site_settings(Path(), 5038, **{"campaign": {"hours": ALL_DAY}, "rules": CLOSES_AT_SIX, **changes})


def plan_days(settings: Settings, today: date = POLL, **changes: Any) -> tuple[RehearsedDay, ...]:
    return plan_rehearsed_days(settings, today, **{"faults": True, "hours": None, "seed": 1, **changes})


def format_local_time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, INDIA):%d %H:%M}"


def format_day_limits(day: RehearsedDay) -> tuple[str, str]:
    return format_local_time(day.starts_at), format_local_time(day.ends_at)


# The day


def test_rehearsed_day_leaves_time_to_recover_from_every_fault() -> None:
    day = plan_days(make_site_settings())[2]
    assert format_day_limits(day) == (
        "26 09:00",
        "26 17:30",
    )  # the poll closes at 18:00, the last call is half an hour before
    assert len(day.faults) == len(FaultKind)
    assert day.faults[-1].at_seconds + 600 + 3600 < day.day_length_seconds


@pytest.mark.parametrize(
    ("rules", "hours"),
    [
        ({"polls": [{"day": date(2024, 4, 28), "closes_at": "20:00"}]}, ("28 10:00", "28 18:00")),
        ({"polls": [{"day": POLL, "closes_at": "20:00"}], "holidays": [POLL]}, ("26 10:00", "26 18:00")),
        ({"polls": [{"day": POLL, "closes_at": "22:00"}]}, ("26 09:00", "26 20:00")),
    ],
)
def test_rehearsed_day_has_the_calling_hours_of_its_weekday_or_holiday(
    rules: dict[str, Any], hours: tuple[str, str]
) -> None:
    assert format_day_limits(plan_days(make_site_settings(rules=rules))[0]) == hours


def test_rehearsed_day_ends_by_the_closing_times_of_the_booths_on_the_roll() -> None:
    areas = Areas([Area(1, "15:00"), Area(1, "16:30")], True, 1800.0)
    assert format_day_limits(plan_days(make_site_settings(rules={"polls": [{"day": POLL}]}), areas=areas)[0]) == (
        "26 09:00",
        "26 16:00",
    )


def test_every_rehearsed_fault_begins_within_calling_hours() -> None:
    hours = [{"start": "09:00", "until": "10:00"}, {"start": "16:00", "until": "17:00"}]
    day = plan_days(make_site_settings(campaign={"hours": hours}))[2]
    assert format_day_limits(day) == ("26 09:00", "26 17:00")
    at = [format_local_time(day.starts_at + fault.at_seconds) for fault in day.faults]
    assert all(moment < "26 10:00" or moment >= "26 16:00" for moment in at)
    assert at[-1] == "26 16:33"


def test_rehearsal_uses_the_next_polling_day_instead_of_a_past_polling_day() -> None:
    polls = [
        {"day": date(2024, 4, 19), "closes_at": "18:00", "constituencies": [1]},
        {"day": POLL, "closes_at": "18:00", "constituencies": [2]},
    ]
    assert (
        format_day_limits(plan_days(make_site_settings(rules={"polls": polls}), date(2024, 4, 20))[0])[0] == "26 09:00"
    )


def test_rehearsal_uses_the_first_day_with_permitted_calls_if_polling_day_permits_none() -> None:
    settings = make_site_settings(
        campaign={"purpose": "material", "candidate": "A", "hours": [{"start": "09:00", "until": "18:00"}]}
    )
    assert format_day_limits(plan_days(settings, date(2024, 4, 22))[0]) == ("22 09:00", "22 18:00")


def test_rehearsal_is_rejected_with_the_reason_if_no_call_is_ever_allowed() -> None:
    settings = make_site_settings(campaign={"purpose": "booth-workers", "hours": ALL_DAY}, rules={})
    with pytest.raises(
        CannotRehearse, match=r"campaign agents: it calls booth workers on polling days only.*\[\[rules.polls"
    ):
        plan_days(settings)


def test_rehearsal_names_only_obstacles_to_calls_in_the_rehearsed_hours() -> None:
    material = {"id": "material", "kind": "ivr", "flow": "manifesto", "purpose": "material", "candidate": "A"}
    turnout = {"id": "turnout", "kind": "ivr", "flow": "turnout", "purpose": "turnout"}
    late = {"id": "late", "kind": "ivr", "flow": "turnout", "purpose": "turnout"}
    hours = [{"start": "09:00", "until": "20:00"}]
    evening = [{"start": "16:00", "until": "20:00"}]
    campaigns = [{**material, "hours": hours}, {**turnout, "hours": hours}, {**late, "hours": evening}]
    settings = make_site_settings(campaigns=campaigns)
    why = {each.campaign_id: each.why for each in plan_days(settings, hours=1.0)[0].hours}
    assert "silence interval of the polling area" in why["material"]
    assert "closed on" not in why["material"]
    assert why["turnout"] == ""
    assert "16:00" in why["late"]


# Which faults are judged


@pytest.mark.parametrize(
    ("over_at", "due", "calling", "why"),
    [
        ({}, {"agents": 0.0}, {"agents"}, NOT_OVER),
        ({FaultKind.LINK_CUT.value: 1000.0}, {"agents": 0.0}, {"agents"}, None),
        ({FaultKind.LINK_CUT.value: 3100.0}, {"agents": 0.0}, {"agents"}, NOBODY_LEFT),  # too close to the last call
        # The remaining numbers are due too late.
        ({FaultKind.LINK_CUT.value: 1000.0}, {"agents": 3500.0}, {"agents"}, NOBODY_LEFT),
        ({FaultKind.LINK_CUT.value: 1000.0}, {}, {"agents"}, NOBODY_LEFT),  # the list is completed
        # The campaign placed no calls, which is a finding of its own.
        ({FaultKind.LINK_CUT.value: 1000.0}, {"agents": 0.0}, set(), NOBODY_LEFT),
    ],
)
def test_fault_recovery_is_judged_only_if_calls_were_possible_afterwards(
    over_at: dict[str, float], due: dict[str, float], calling: set[str], why: str | None
) -> None:
    hours = (CampaignHours("agents", ((0.0, 3600.0),)),)
    day = RehearsedDay("a day", 0.0, 7200.0, 1, (Fault(FaultKind.LINK_CUT, 900.0),), 1, hours)
    assert (
        find_faults_without_measurable_recovery(day, over_at, due, calling, 600.0).get(FaultKind.LINK_CUT.value) == why
    )


def judge_outcome(**changes: Any) -> list[Finding]:
    day = RehearsedDay("a day", 0.0, 7200.0, 1, (Fault(FaultKind.LINK_CUT, 900.0),))
    figures = {
        "voters": 9,
        "attempts": 9,
        "answered": 3,
        "connected": 3,
        "abandoned": 0,
        "live_answers": 3,
        "reached": 3,
    }
    rest = {"utilisation": 0.8, "channels": 30, "abandoned_limit": 0.03, "took_seconds": 1.0, "checks": {}}
    recovered = {FaultKind.LINK_CUT.value: 3.0}
    return judge_rehearsed_day(DayOutcome(day=day, **{**figures, **rest, "recovered": recovered, **changes}))


def test_rehearsal_reports_a_missing_fault_recovery_as_an_error() -> None:
    noted = judge_outcome(recovered={}, not_judged={FaultKind.LINK_CUT.value: NOBODY_LEFT})[0]
    assert (noted.level, str(noted)) == (Level.WARNING, f"AMI connection lost: not judged: {NOBODY_LEFT}")
    assert judge_outcome(recovered={})[0].level is Level.ERROR


@pytest.mark.parametrize(
    ("campaign", "level", "text"),
    [
        (
            CampaignOutcome("a", 0, True, "no agent is available"),
            Level.ERROR,
            "campaign a: placed no call: no agent is available",
        ),
        (
            CampaignOutcome("a", 0, False, "silence"),
            Level.WARNING,
            "placed no call: not allowed in these hours (silence)",
        ),
        (CampaignOutcome("a", 0, True, ""), Level.WARNING, "its list is empty, or other campaigns used all seats"),
        (
            CampaignOutcome("a", 9, True, "", {"certificate": 4}),
            Level.WARNING,
            "campaign a: 4 calls were forbidden (certificate)",
        ),
    ],
)
def test_campaign_without_calls_in_a_rehearsal_is_reported_with_the_reason(
    campaign: CampaignOutcome, level: Level, text: str
) -> None:
    first = judge_outcome(campaigns=(campaign,))[0]
    assert first.level is level
    assert text in str(first)


def test_rehearsal_without_recorded_answers_is_an_error_only_if_no_call_was_answered() -> None:
    assert judge_outcome(reached=0)[0].level is Level.WARNING
    assert judge_outcome(reached=0, answered=0)[0].level is Level.ERROR


# The settings of a rehearsal


def test_rehearsal_ignores_environment_variables_of_the_real_asterisk_and_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = make_site_settings()
    for name, value in {
        "AMI__HOST": "10.0.0.5",
        "AMI__PORT": "5039",
        "AMI__SECRET": "the-real-one",
        "STORE__PATH": "/var/lib/matdan/centre.db",
        "BROKER__ENABLED": "true",
    }.items():
        monkeypatch.setenv(f"MATDAN_{name}", value)
    rehearsed = make_rehearsal_settings(settings, 1, Path("copy.db"), 15_038)
    assert (rehearsed.ami.host, rehearsed.ami.port) == ("127.0.0.1", 15_038)
    assert rehearsed.ami.secret is not None
    assert rehearsed.ami.secret.get_secret_value() == REHEARSAL_LOGIN
    assert rehearsed.store.path == Path("copy.db")
    assert not rehearsed.broker.enabled


@pytest.mark.parametrize(
    "names", [["01", "01-2"], ["aa-of-desks-no-00012", "bb-of-desks-no-00012"], ["more-1", "02"], ["1", "2"]]
)
def test_seats_added_to_rehearse_at_twice_the_load_have_unique_names(names: list[str]) -> None:
    seats = [{"name": name, "endpoint": f"phone{place}", "languages": ["hi"]} for place, name in enumerate(names)]
    rehearsed = make_rehearsal_settings(make_site_settings(seats=seats), 2, Path("copy.db"), 1)
    assert len({seat.name for seat in rehearsed.seats}) == len({seat.endpoint for seat in rehearsed.seats}) == 4
    assert all(seat.languages == ("hi",) for seat in rehearsed.seats)


def test_site_that_plays_approved_recordings_only_can_be_rehearsed() -> None:
    audio = {"catalogue": "catalogue", "approved_only": True, "certified_recordings": True, "play_drafts": False}
    assert make_rehearsal_settings(make_site_settings(audio=audio), 1, Path("copy.db"), 1).audio.catalogue is None


def test_rehearsal_excludes_campaigns_that_have_only_twilio_trunks() -> None:
    ivr = {"kind": "ivr", "flow": "turnout", "hours": ALL_DAY}
    campaigns = [{"id": "theirs", "trunks": ["twilio"], **ivr}, {"id": "ours", "trunks": ["twilio", "carrier"], **ivr}]
    numbers = [
        {"number": "+911140000001", "mode": "missed-call", "campaign": "ours"},
        {"number": "+911140000002", "mode": "missed-call", "campaign": "theirs"},
    ]
    settings = make_site_settings(campaigns=campaigns, inbound={"numbers": numbers}, **TWILIO)
    rehearsed = make_rehearsal_settings(settings, 1, Path("copy.db"), 1)
    assert [(each.id, each.trunks) for each in rehearsed.campaigns] == [("ours", ("carrier",))]
    assert [each.campaign for each in rehearsed.inbound.numbers] == ["ours"]
    assert [hours.campaign_id for hours in plan_days(settings)[0].hours] == ["ours"]
    assert [str(each) for each in find_preparations_for_polling_day(settings, {}, POLL)] == [
        "campaign theirs: not rehearsed, because it has only Twilio trunks"
    ]
    with pytest.raises(CannotRehearse, match="Twilio trunks only"):
        plan_days(settings.model_copy(update={"campaigns": settings.campaigns[:1]}))


def test_rehearsal_replaces_an_agi_script_by_a_flow() -> None:
    declared = {"by": "A. Person", "offers_transport": False, "asks_vote_choice": False}
    scripted = {
        "id": "calls",
        "kind": "ivr",
        "flow": "script:/etc/matdan/survey.py",
        "declared": declared,
        "hours": ALL_DAY,
    }
    number = {"number": "+911140000001", "mode": "flow", "flow": "script:/etc/matdan/survey.py", "campaign": "calls"}
    settings = make_site_settings(campaigns=[scripted], inbound={"numbers": [number]})
    rehearsed = make_rehearsal_settings(settings, 1, Path("copy.db"), 1)
    assert (rehearsed.campaigns[0].flow, rehearsed.inbound.numbers[0].flow) == ("turnout", "inbound")
    (note,) = find_preparations_for_polling_day(settings, {}, POLL)
    assert "rehearsed with a flow instead of its AGI script" in note.text


# Agents


def make_agent(number: int, *skills: str) -> dict[str, Any]:
    return {"number": str(number), "pin": PIN, "skills": list(skills)}


def test_rehearsal_agents_have_the_skills_of_the_sites_agents() -> None:
    agents = [make_agent(10), make_agent(12, "tamil")]
    settings = make_site_settings(campaign={"skill": "tamil", "hours": ALL_DAY}, agents=agents, seats=1)
    rehearsed = make_rehearsal_settings(settings, 2, Path("copy.db"), 1)
    assert [(each.number, each.skills) for each in rehearsed.agents] == [
        ("1", ()),
        ("2", ("tamil",)),
        ("3", ()),
        ("4", ("tamil",)),
    ]
    assert PIN not in {each.pin.get_secret_value() for each in rehearsed.agents}


@pytest.mark.parametrize(
    ("agents", "seats", "chosen"),
    [
        ([make_agent(1), make_agent(2)], 3, [0, 1]),
        ([make_agent(n) for n in range(6)], 3, [0, 2, 4]),
        ([*(make_agent(n) for n in range(5)), make_agent(9, "tamil")], 2, [5, 0]),
        ([make_agent(1, "tamil")], 0, []),
    ],
)
def test_rehearsal_agents_with_a_required_skill_get_seats_first(
    agents: list[dict[str, Any]], seats: int, chosen: list[int]
) -> None:
    skill = "tamil" if agents[-1]["skills"] else None
    assert (
        choose_agents_who_work_in_rehearsal(
            make_site_settings(campaign={"skill": skill, "hours": ALL_DAY}, agents=agents, seats=seats)
        )
        == chosen
    )


def test_rehearsal_reports_differences_from_the_real_polling_day() -> None:
    settings = make_site_settings(agents=[make_agent(1)], seats=3)
    notes = [
        str(each)
        for each in find_preparations_for_polling_day(settings, {"agents": CampaignState.PAUSED}, date(2024, 5, 1))
    ]
    assert notes == [
        "polls: all polls in the settings are in the past, the last one on 2024-04-26; correct [[rules.polls]]",
        "campaign agents: paused, but rehearsed as running; an operator must resume it",
        "agents: 1 agents for 3 seats: the other seats stayed offline",
    ]
    assert list(find_preparations_for_polling_day(make_site_settings(), {}, POLL)) == []
