"""When a campaign can call first: the areas that are asked about, and the texts of what prevents calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from typing import Any, cast

from dialer.domain.phone_facts import Register
from dialer.rules.calling_hours import create_daily_calling_hours
from dialer.rules.first_call import (
    Areas,
    FirstCall,
    describe_obstacles_to_calls,
    find_first_possible_call_time,
    list_areas_of_polling_days,
)
from dialer.rules.gate import Gate, Objection, Reason, Ruling
from dialer.rules.polls import Area
from dialer.rules.rulebook import CampaignRules
from dialer.settings.jurisdiction import load_profile
from tests.support.rules import NOON, campaign_rules, make_gate, moment, site

HOURS = {"hours": [{"start": "09:00", "until": "20:00"}]}


def describe(start: float, end: float, **rules: Any) -> str:
    settings = site(campaign=HOURS, rules=rules)
    gate = make_gate(settings)
    return describe_obstacles_to_calls(
        gate, campaign_rules(settings), list_areas_of_polling_days(gate.rules.polls, 0.0), start, end
    )


def test_polling_areas_are_taken_from_the_settings_before_an_electoral_roll_import() -> None:
    polls = make_gate(
        site(rules={"polls": [{"day": "2024-04-26", "constituencies": [175, 174]}, {"day": "2024-05-07"}]})
    )
    assert list_areas_of_polling_days(polls.rules.polls, 900.0) == Areas([Area(174, ""), Area(0, "")], False, 900.0)


def test_obstacles_to_a_campaigns_first_call_are_listed_in_order_of_time() -> None:
    settings = site(
        "india", campaign={"purpose": "material"}, rules={"polls": [{"day": "2024-04-23", "closes_at": "18:00"}]}
    )
    registers = [Register(name, NOON, 1) for name in load_profile("india").registers.names]
    gate, campaign = make_gate(settings, *registers), campaign_rules(settings)
    areas = Areas([Area(174, "18:00")], True, 0.0)
    late, morning = moment("2024-04-22T21:30"), moment("2024-04-23T09:00")
    texts = [describe_obstacles_to_calls(gate, campaign, areas, late, end) for end in (late, morning, morning + 1)]
    assert texts[0] == ""  # an obstacle that begins at the end is outside the period
    assert texts[1].endswith("until Tue 23 Apr 09:00")
    silence = "in every polling area: silence interval of the polling area: no material calls until Tue 23 Apr 18:00"
    assert texts[2] == f"{texts[1]}, then {silence}"
    assert find_first_possible_call_time(gate, campaign, areas, late) == FirstCall(moment("2024-04-23T18:00"), texts[2])


def test_forecast_of_a_campaigns_first_call_names_the_obstacles_until_then() -> None:
    settings = site(campaign=HOURS)
    gate = make_gate(settings)
    areas = list_areas_of_polling_days(gate.rules.polls, 0.0)
    first = find_first_possible_call_time(gate, campaign_rules(settings), areas, moment("2024-04-22T21:30"))
    assert first.at == moment("2024-04-23T09:00")
    assert first.why == describe(moment("2024-04-22T21:30"), moment("2024-04-24T00:00"))
    assert find_first_possible_call_time(gate, campaign_rules(settings), areas, NOON) == FirstCall(NOON, "")


class RefusingGate:
    """A gate that refuses all calls of a campaign, and says after how many seconds the refusal ends."""

    def __init__(self, gate: Gate, seconds: float) -> None:
        self.rules = gate.rules
        self.seconds = seconds

    def check_rules_for_campaign(self, campaign: CampaignRules, at: float) -> Ruling:
        until = at + self.seconds
        return Ruling((Objection(Reason.HOURS, f"closed at {at - NOON:g}", until),), until)


def refuse_calls(seconds: float) -> FirstCall:
    """Return the first call of a campaign whose gate refuses calls again and again, each time for some seconds."""
    settings = site(campaign=HOURS)
    gate = cast(Gate, RefusingGate(make_gate(settings), seconds))
    return find_first_possible_call_time(gate, campaign_rules(settings), Areas([], True, 0.0), NOON)


def test_first_call_forecast_has_no_time_if_an_obstacle_never_ends() -> None:
    assert refuse_calls(60.0) == FirstCall(None, ", then ".join(f"closed at {60 * step}" for step in range(16)))
    assert refuse_calls(0.0) == refuse_calls(-1.0) == FirstCall(None, "closed at 0")


def test_campaign_with_empty_calling_hours_never_calls() -> None:
    settings = site()
    campaign = replace(campaign_rules(settings), hours=create_daily_calling_hours([]))
    first = find_first_possible_call_time(make_gate(settings), campaign, Areas([], True, 0.0), NOON)
    assert first == FirstCall(None, "its hours are empty, so it never calls")


def test_first_call_forecast_names_at_most_two_obstacles_in_polling_areas() -> None:
    polls = [{"day": "2024-04-23", "constituencies": [1]}, {"day": "2024-04-24", "constituencies": [2]}]
    settings = site(campaign={"purpose": "material"}, rules={"polls": polls})
    gate, campaign = make_gate(settings), campaign_rules(settings)
    areas = [Area(1, "17:00"), Area(1, "18:00"), Area(2, "18:00")]
    tuesday = moment("2024-04-23T12:00")
    words = [f"silence interval of the polling area: no material calls until Tue 23 Apr {hour}:00" for hour in (17, 18)]
    one, two, three = (
        find_first_possible_call_time(gate, campaign, Areas(areas[:n], True, 0.0), tuesday) for n in (1, 2, 3)
    )
    assert one.why == f"in every polling area: {words[0]}"
    assert two.why == f"in every polling area: {words[0]}; {words[1]}"
    assert three.why == f"{two.why}; ..."
    assert one.at == two.at == three.at == moment("2024-04-23T17:00")


WORKERS = {"purpose": "booth-workers"}


def find_first_call_in_area(
    campaign: dict[str, Any], poll: dict[str, Any], area: Area, at: float, *, of_roll: bool = True
) -> FirstCall:
    """Return the first call of a campaign from `at` on, in a site whose calling hours are always open."""
    settings = site(campaign=campaign, rules={"polls": [poll]})
    gate = make_gate(settings)
    always = create_daily_calling_hours([(time.min, time.max)])
    gate.rules = replace(gate.rules, hours=always)
    rules = replace(campaign_rules(settings), hours=always)
    return find_first_possible_call_time(gate, rules, Areas([area], of_roll, 900.0), at)


def test_booth_workers_are_called_from_the_local_midnight_of_the_polling_day() -> None:
    poll, area = {"day": "2024-04-22", "closes_at": "18:00"}, Area(174, "")
    for hour in ("00:00", "02:00", "12:00"):  # until 05:30 it is still the day before in UTC
        at = moment(f"2024-04-22T{hour}")
        assert find_first_call_in_area(WORKERS, poll, area, at) == FirstCall(at, "")
    before = find_first_call_in_area(WORKERS, poll, area, moment("2024-04-21T23:00"))
    assert before == FirstCall(
        moment("2024-04-22T00:00"), "in every polling area: it calls on the polling day 2024-04-22 only"
    )


def test_booth_workers_of_a_roll_are_not_called_without_a_close_of_poll() -> None:
    poll, area = {"day": "2024-04-22"}, Area(174, "")
    unknown = "in every polling area: the close of poll is unknown (set it in `rules.polls` or on the roll)"
    assert find_first_call_in_area(WORKERS, poll, area, NOON) == FirstCall(None, unknown)
    assert find_first_call_in_area(WORKERS, poll, area, NOON, of_roll=False) == FirstCall(NOON, "")


def test_polling_day_with_an_unknown_close_is_over_on_the_next_day() -> None:
    for campaign in ({"purpose": "turnout"}, WORKERS):
        day, area = {"day": "2024-04-22"}, Area(174, "")
        last = moment("2024-04-22T23:59")
        assert find_first_call_in_area(campaign, day, area, last, of_roll=False) == FirstCall(last, "")
        over = find_first_call_in_area(campaign, day, area, last + 60, of_roll=False)
        assert over == FirstCall(None, "in every polling area: the polling day 2024-04-22 is over")


def test_last_call_of_the_polling_day_is_due_before_the_close_of_poll() -> None:
    poll, area, close = {"day": "2024-04-22"}, Area(174, "18:00"), moment("2024-04-22T18:00")
    last_call = "in every polling area: the last call of the polling day was due on Mon 22 Apr 17:45"
    closed = "in every polling area: the poll of the polling area closed on Mon 22 Apr 18:00"
    for campaign, texts in (
        ({"purpose": "turnout"}, ["", last_call, last_call, closed]),
        (WORKERS, ["", last_call, last_call, last_call]),
    ):
        seen = [find_first_call_in_area(campaign, poll, area, close + at).why for at in (-901, -900, -1, 0)]
        assert seen == texts
    assert find_first_call_in_area({"purpose": "survey"}, poll, area, close + 1).why == ""
