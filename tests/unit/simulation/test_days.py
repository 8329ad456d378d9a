"""Which day a rehearsal goes through, when its faults come, which of them are judged, and what becomes of a site's settings."""

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
from dialer.simulation.rehearsal.faults import NOBODY_LEFT, NOT_OVER, find_unjudged_faults
from dialer.simulation.rehearsal.site import REHEARSAL_LOGIN, rehearsal_settings
from dialer.simulation.rehearsal.staff import choose_working_agents
from dialer.simulation.rehearsal.verdict import CampaignOutcome, DayOutcome, judge_day, preparation_findings
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


def site(**changes: Any) -> Settings:
    return site_settings(Path(), 5038, **{"campaign": {"hours": ALL_DAY}, "rules": CLOSES_AT_SIX, **changes})


def days(settings: Settings, today: date = POLL, **changes: Any) -> tuple[RehearsedDay, ...]:
    return plan_rehearsed_days(settings, today, **{"faults": True, "hours": None, "seed": 1, **changes})


def clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, INDIA):%d %H:%M}"


def whole(day: RehearsedDay) -> tuple[str, str]:
    return clock(day.starts_at), clock(day.ends_at)


# The day


def test_the_day_ends_with_the_last_call_and_every_fault_has_time_to_pass() -> None:
    day = days(site())[2]
    assert whole(day) == ("26 09:00", "26 17:30")  # the poll closes at 18:00, the last call is half an hour before
    assert len(day.faults) == len(FaultKind)
    assert day.faults[-1].at_seconds + 600 + 3600 < day.seconds


@pytest.mark.parametrize(
    ("rules", "hours"),
    [
        ({"polls": [{"day": date(2024, 4, 28), "closes_at": "20:00"}]}, ("28 10:00", "28 18:00")),
        ({"polls": [{"day": POLL, "closes_at": "20:00"}], "holidays": [POLL]}, ("26 10:00", "26 18:00")),
        ({"polls": [{"day": POLL, "closes_at": "22:00"}]}, ("26 09:00", "26 20:00")),
    ],
)
def test_the_profiles_hours_of_that_weekday_or_holiday_are_the_days(
    rules: dict[str, Any], hours: tuple[str, str]
) -> None:
    assert whole(days(site(rules=rules))[0]) == hours


def test_the_closes_of_the_rolls_booths_count() -> None:
    areas = Areas([Area(1, "15:00"), Area(1, "16:30")], True, 1800.0)
    assert whole(days(site(rules={"polls": [{"day": POLL}]}), areas=areas)[0]) == ("26 09:00", "26 16:00")


def test_no_fault_comes_in_hours_in_which_nobody_may_be_called() -> None:
    hours = [{"start": "09:00", "until": "10:00"}, {"start": "16:00", "until": "17:00"}]
    day = days(site(campaign={"hours": hours}))[2]
    assert whole(day) == ("26 09:00", "26 17:00")
    at = [clock(day.starts_at + fault.at_seconds) for fault in day.faults]
    assert all(moment < "26 10:00" or moment >= "26 16:00" for moment in at)
    assert at[-1] == "26 16:33"


def test_the_next_poll_is_rehearsed_and_not_one_that_is_over() -> None:
    polls = [
        {"day": date(2024, 4, 19), "closes_at": "18:00", "constituencies": [1]},
        {"day": POLL, "closes_at": "18:00", "constituencies": [2]},
    ]
    assert whole(days(site(rules={"polls": polls}), date(2024, 4, 20))[0])[0] == "26 09:00"


def test_where_the_polling_day_forbids_every_call_the_first_day_that_does_not_is_rehearsed() -> None:
    settings = site(campaign={"purpose": "material", "candidate": "A", "hours": [{"start": "09:00", "until": "18:00"}]})
    assert whole(days(settings, date(2024, 4, 22))[0]) == ("22 09:00", "22 18:00")


def test_where_nobody_may_ever_be_called_the_reason_is_told() -> None:
    settings = site(campaign={"purpose": "booth-workers", "hours": ALL_DAY}, rules={})
    with pytest.raises(
        CannotRehearse, match=r"campaign agents: it calls booth workers on polling days only.*\[\[rules.polls"
    ):
        days(settings)


def test_of_a_part_of_the_day_the_reason_of_that_time_is_told_and_not_what_comes_later() -> None:
    material = {"id": "material", "kind": "ivr", "flow": "manifesto", "purpose": "material", "candidate": "A"}
    turnout = {"id": "turnout", "kind": "ivr", "flow": "turnout", "purpose": "turnout"}
    late = {"id": "late", "kind": "ivr", "flow": "turnout", "purpose": "turnout"}
    hours = [{"start": "09:00", "until": "20:00"}]
    evening = [{"start": "16:00", "until": "20:00"}]
    campaigns = [{**material, "hours": hours}, {**turnout, "hours": hours}, {**late, "hours": evening}]
    settings = site(campaigns=campaigns)
    why = {each.campaign_id: each.why for each in days(settings, hours=1.0)[0].hours}
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
        ({FaultKind.LINK_CUT.value: 3100.0}, {"agents": 0.0}, {"agents"}, NOBODY_LEFT),  # too near the last call
        # Who is left is due too late.
        ({FaultKind.LINK_CUT.value: 1000.0}, {"agents": 3500.0}, {"agents"}, NOBODY_LEFT),
        ({FaultKind.LINK_CUT.value: 1000.0}, {}, {"agents"}, NOBODY_LEFT),  # the list is done
        # It never called: that is told by itself.
        ({FaultKind.LINK_CUT.value: 1000.0}, {"agents": 0.0}, set(), NOBODY_LEFT),
    ],
)
def test_a_fault_is_judged_only_if_somebody_could_have_been_called_after_it(
    over_at: dict[str, float], due: dict[str, float], calling: set[str], why: str | None
) -> None:
    hours = (CampaignHours("agents", ((0.0, 3600.0),)),)
    day = RehearsedDay("a day", 0.0, 7200.0, 1, (Fault(FaultKind.LINK_CUT, 900.0),), 1, hours)
    assert find_unjudged_faults(day, over_at, due, calling, 600.0).get(FaultKind.LINK_CUT.value) == why


def verdict_of(**changes: Any) -> list[Finding]:
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
    return judge_day(DayOutcome(day=day, **{**figures, **rest, "recovered": recovered, **changes}))


def test_a_fault_that_is_not_judged_is_a_note_and_one_that_is_stays_bad() -> None:
    noted = verdict_of(recovered={}, not_judged={FaultKind.LINK_CUT.value: NOBODY_LEFT})[0]
    assert (noted.level, str(noted)) == (Level.WARNING, f"the manager link is cut: not judged: {NOBODY_LEFT}")
    assert verdict_of(recovered={})[0].level is Level.ERROR


@pytest.mark.parametrize(
    ("campaign", "level", "text"),
    [
        (
            CampaignOutcome("a", 0, True, "no agent is there"),
            Level.ERROR,
            "campaign a: called nobody: no agent is there",
        ),
        (
            CampaignOutcome("a", 0, False, "silence"),
            Level.WARNING,
            "called nobody: it may not call in this time (silence)",
        ),
        (CampaignOutcome("a", 0, True, ""), Level.WARNING, "its list is empty, or other campaigns used all seats"),
        (
            CampaignOutcome("a", 9, True, "", {"certificate": 4}),
            Level.WARNING,
            "campaign a: 4 calls were forbidden (certificate)",
        ),
    ],
)
def test_a_campaign_that_called_nobody_is_told_with_what_kept_it(
    campaign: CampaignOutcome, level: Level, text: str
) -> None:
    first = verdict_of(campaigns=(campaign,))[0]
    assert first.level is level
    assert text in str(first)


def test_calls_that_mark_no_voter_are_bad_only_where_nobody_answered() -> None:
    assert verdict_of(reached=0)[0].level is Level.WARNING
    assert verdict_of(reached=0, answered=0)[0].level is Level.ERROR


# The settings of a rehearsal


def test_the_environment_leads_no_rehearsal_to_the_sites_lines_or_store(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = site()
    for name, value in {
        "AMI__HOST": "10.0.0.5",
        "AMI__PORT": "5039",
        "AMI__SECRET": "the-real-one",
        "STORE__PATH": "/var/lib/matdan/centre.db",
        "BROKER__ENABLED": "true",
    }.items():
        monkeypatch.setenv(f"MATDAN_{name}", value)
    rehearsed = rehearsal_settings(settings, 1, Path("copy.db"), 15_038)
    assert (rehearsed.ami.host, rehearsed.ami.port) == ("127.0.0.1", 15_038)
    assert rehearsed.ami.secret is not None
    assert rehearsed.ami.secret.get_secret_value() == REHEARSAL_LOGIN
    assert rehearsed.store.path == Path("copy.db")
    assert not rehearsed.broker.enabled


@pytest.mark.parametrize(
    "names", [["01", "01-2"], ["aa-of-desks-no-00012", "bb-of-desks-no-00012"], ["more-1", "02"], ["1", "2"]]
)
def test_the_seats_of_twice_the_load_have_names_of_their_own(names: list[str]) -> None:
    seats = [{"name": name, "endpoint": f"phone{place}", "languages": ["hi"]} for place, name in enumerate(names)]
    rehearsed = rehearsal_settings(site(seats=seats), 2, Path("copy.db"), 1)
    assert len({seat.name for seat in rehearsed.seats}) == len({seat.endpoint for seat in rehearsed.seats}) == 4
    assert all(seat.languages == ("hi",) for seat in rehearsed.seats)


def test_a_site_that_plays_only_what_is_approved_can_be_rehearsed() -> None:
    audio = {"catalogue": "catalogue", "approved_only": True, "certified_recordings": True, "play_drafts": False}
    assert rehearsal_settings(site(audio=audio), 1, Path("copy.db"), 1).audio.catalogue is None


def test_campaigns_of_twilios_trunks_alone_are_left_out_with_their_numbers() -> None:
    ivr = {"kind": "ivr", "flow": "turnout", "hours": ALL_DAY}
    campaigns = [{"id": "theirs", "trunks": ["twilio"], **ivr}, {"id": "ours", "trunks": ["twilio", "carrier"], **ivr}]
    numbers = [
        {"number": "+911140000001", "mode": "missed-call", "campaign": "ours"},
        {"number": "+911140000002", "mode": "missed-call", "campaign": "theirs"},
    ]
    settings = site(campaigns=campaigns, inbound={"numbers": numbers}, **TWILIO)
    rehearsed = rehearsal_settings(settings, 1, Path("copy.db"), 1)
    assert [(each.id, each.trunks) for each in rehearsed.campaigns] == [("ours", ("carrier",))]
    assert [each.campaign for each in rehearsed.inbound.numbers] == ["ours"]
    assert [hours.campaign_id for hours in days(settings)[0].hours] == ["ours"]
    assert [str(each) for each in preparation_findings(settings, {}, POLL)] == [
        "campaign theirs: not rehearsed, because it has only Twilio trunks"
    ]
    with pytest.raises(CannotRehearse, match="Twilio's trunks alone"):
        days(settings.model_copy(update={"campaigns": settings.campaigns[:1]}))


def test_a_flow_stands_in_for_a_script() -> None:
    declared = {"by": "A. Person", "offers_transport": False, "asks_vote_choice": False}
    scripted = {
        "id": "calls",
        "kind": "ivr",
        "flow": "script:/etc/matdan/survey.py",
        "declared": declared,
        "hours": ALL_DAY,
    }
    number = {"number": "+911140000001", "mode": "flow", "flow": "script:/etc/matdan/survey.py", "campaign": "calls"}
    settings = site(campaigns=[scripted], inbound={"numbers": [number]})
    rehearsed = rehearsal_settings(settings, 1, Path("copy.db"), 1)
    assert (rehearsed.campaigns[0].flow, rehearsed.inbound.numbers[0].flow) == ("turnout", "inbound")
    (note,) = preparation_findings(settings, {}, POLL)
    assert "a flow was rehearsed in place of its AGI script" in note.text


# Agents


def agent(number: int, *skills: str) -> dict[str, Any]:
    return {"number": str(number), "pin": PIN, "skills": list(skills)}


def test_the_agents_of_a_rehearsal_can_do_what_the_sites_can() -> None:
    agents = [agent(10), agent(12, "tamil")]
    settings = site(campaign={"skill": "tamil", "hours": ALL_DAY}, agents=agents, seats=1)
    rehearsed = rehearsal_settings(settings, 2, Path("copy.db"), 1)
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
        ([agent(1), agent(2)], 3, [0, 1]),
        ([agent(n) for n in range(6)], 3, [0, 2, 4]),
        ([*(agent(n) for n in range(5)), agent(9, "tamil")], 2, [5, 0]),
        ([agent(1, "tamil")], 0, []),
    ],
)
def test_whoever_has_a_skill_that_is_asked_for_has_a_seat(
    agents: list[dict[str, Any]], seats: int, chosen: list[int]
) -> None:
    skill = "tamil" if agents[-1]["skills"] else None
    assert (
        choose_working_agents(site(campaign={"skill": skill, "hours": ALL_DAY}, agents=agents, seats=seats)) == chosen
    )


def test_what_must_be_done_before_the_day_is_noted() -> None:
    settings = site(agents=[agent(1)], seats=3)
    notes = [str(each) for each in preparation_findings(settings, {"agents": CampaignState.PAUSED}, date(2024, 5, 1))]
    assert notes == [
        "polls: all polls of the settings are over, the last one on 2024-04-26; correct [[rules.polls]]",
        "campaign agents: paused, but rehearsed as running; an operator must resume it",
        "agents: 1 agents for 3 seats: the other seats stayed empty",
    ]
    assert list(preparation_findings(site(), {}, POLL)) == []
