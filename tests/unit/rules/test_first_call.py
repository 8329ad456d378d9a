"""When a campaign can call first: the areas that are asked about, and the texts of what prevents calls."""

from __future__ import annotations

from typing import Any

from dialer.domain.phone_facts import Register
from dialer.rules.first_call import (
    Areas,
    FirstCall,
    describe_call_obstacles,
    find_first_call,
    list_areas_of_polling_days,
)
from dialer.rules.polls import Area
from dialer.settings.jurisdiction import load_profile
from tests.support.rules import NOON, campaign_rules, make_gate, moment, site

HOURS = {"hours": [{"start": "09:00", "until": "20:00"}]}


def describe(start: float, end: float, **rules: Any) -> str:
    settings = site(campaign=HOURS, rules=rules)
    gate = make_gate(settings)
    return describe_call_obstacles(
        gate, campaign_rules(settings), list_areas_of_polling_days(gate.rules.polls, 0.0), start, end
    )


def test_polling_days_stand_for_areas_without_a_closing_time_until_a_roll_is_imported() -> None:
    polls = make_gate(
        site(rules={"polls": [{"day": "2024-04-26", "constituencies": [175, 174]}, {"day": "2024-05-07"}]})
    )
    assert list_areas_of_polling_days(polls.rules.polls, 900.0) == Areas([Area(174, ""), Area(0, "")], False, 900.0)


def test_obstacles_are_joined_in_order_until_calls_are_possible() -> None:
    settings = site(
        "india", campaign={"purpose": "material"}, rules={"polls": [{"day": "2024-04-23", "closes_at": "18:00"}]}
    )
    registers = [Register(name, NOON, 1) for name in load_profile("india").registers.names]
    gate, campaign = make_gate(settings, *registers), campaign_rules(settings)
    areas = Areas([Area(174, "18:00")], True, 0.0)
    late, morning = moment("2024-04-22T21:30"), moment("2024-04-23T09:00")
    texts = [describe_call_obstacles(gate, campaign, areas, late, end) for end in (late, morning, morning + 1)]
    assert texts[0] == ""  # an obstacle that begins at the end is outside the period
    assert texts[1].endswith("until Tue 23 Apr 09:00")
    silence = "in every polling area: silence interval of the polling area: no material calls until Tue 23 Apr 18:00"
    assert texts[2] == f"{texts[1]}, then {silence}"
    assert find_first_call(gate, campaign, areas, late).at == moment("2024-04-23T18:00")


def test_first_call_names_the_obstacles_before_it() -> None:
    settings = site(campaign=HOURS)
    gate = make_gate(settings)
    areas = list_areas_of_polling_days(gate.rules.polls, 0.0)
    first = find_first_call(gate, campaign_rules(settings), areas, moment("2024-04-22T21:30"))
    assert first.at == moment("2024-04-23T09:00")
    assert first.why == describe(moment("2024-04-22T21:30"), moment("2024-04-24T00:00"))
    assert find_first_call(gate, campaign_rules(settings), areas, NOON) == FirstCall(NOON, "")
