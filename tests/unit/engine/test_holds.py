"""The reasons why a campaign may not dial now, with their texts."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialer.domain.enums import Purpose
from dialer.domain.model import CampaignProgress, CampaignState
from dialer.domain.view import Hold, HoldReason
from dialer.engine.placing.holds import UNANSWERED_SECONDS
from dialer.rules.calling_hours import create_daily_calling_hours
from dialer.rules.gate import Objection, Reason, Ruling
from tests.support.placing import make_claim, make_turns_that_want_calls
from tests.support.rules import NOON
from tests.support.turns import Turns


def find_hold(turns: Turns, trunk: str | None = None) -> Hold | None:
    return turns.features.dialling_permission_checker.find_reason_campaign_may_not_dial(
        turns.features.loaded_campaigns["calls"], trunk
    )


@pytest.mark.parametrize(
    ("unanswered_seconds", "reason"), [(UNANSWERED_SECONDS, None), (1.0, HoldReason.SWITCH_SILENT)]
)
def test_campaign_is_held_while_its_asterisk_server_does_not_answer(
    unanswered_seconds: float, reason: HoldReason | None
) -> None:
    turns = make_turns_that_want_calls()
    turns.features.dialling_permission_checker._switch = cast(
        Any, SimpleNamespace(get_age_of_oldest_pending_action=lambda _: unanswered_seconds)
    )
    hold = find_hold(turns)
    assert (hold and hold.reason) is reason
    assert turns.features.asterisk_servers.unresponsive == (frozenset() if reason is None else {""})


def test_campaign_is_held_while_no_asterisk_server_is_connected() -> None:
    turns = make_turns_that_want_calls()
    turns.features.asterisk_servers.up.clear()
    assert find_hold(turns) == Hold(HoldReason.NO_SWITCH)


def test_campaign_is_held_if_the_asterisk_server_of_its_trunk_is_down() -> None:
    turns = make_turns_that_want_calls()
    turns.features.asterisk_servers.add_asterisk_servers({"far": "b"}, ())
    assert find_hold(turns) is None
    assert find_hold(turns, "carrier") is None
    assert find_hold(turns, "far") == Hold(HoldReason.NO_SWITCH)


def test_campaign_hold_names_a_silent_server_next_to_a_disconnected_one() -> None:
    turns = make_turns_that_want_calls()
    turns.features.asterisk_servers.add_asterisk_servers({"far": "b"}, ())
    run = turns.features.loaded_campaigns["calls"]
    run.spec = replace(run.spec, trunks=("carrier", "far"))
    turns.features.dialling_permission_checker._switch = cast(
        Any, SimpleNamespace(get_age_of_oldest_pending_action=lambda _: 1.0)
    )
    assert find_hold(turns) == Hold(HoldReason.SWITCH_SILENT)


def test_campaign_is_held_while_the_clock_is_not_trusted() -> None:
    turns = make_turns_that_want_calls()
    turns.features.wall_clock_guard.has_clock_changed_without_confirmation = lambda: True  # type: ignore[method-assign]
    assert find_hold(turns) == Hold(HoldReason.CLOCK_SET)


@pytest.mark.parametrize(
    ("state", "reason"), [(CampaignState.PAUSED, HoldReason.PAUSED), (CampaignState.STOPPED, HoldReason.STOPPED)]
)
def test_paused_and_stopped_campaigns_are_held(state: CampaignState, reason: HoldReason) -> None:
    turns = make_turns_that_want_calls()
    turns.features.loaded_campaigns["calls"].state = state
    assert find_hold(turns) == Hold(reason)


def test_campaign_that_was_removed_from_the_settings_is_held() -> None:
    turns = make_turns_that_want_calls()
    turns.features.core.plan = replace(turns.features.core.plan, campaigns={})
    assert find_hold(turns) == Hold(HoldReason.STOPPED, "removed from the settings")


def test_campaign_with_an_unplayable_sound_is_held_with_the_sound_as_reason() -> None:
    turns = make_turns_that_want_calls()
    turns.features.loaded_campaigns["calls"].inaudible_sound = "matdan/message"
    assert find_hold(turns) == Hold(HoldReason.NO_AUDIO, "the sound matdan/message cannot be played")


def test_campaign_outside_its_calling_hours_is_held_until_the_hours_begin() -> None:
    turns = make_turns_that_want_calls(campaign={"hours": [{"start": "14:30", "until": "20:00"}]})
    opening = NOON + 2.5 * 3_600
    assert find_hold(turns) == Hold(HoldReason.CALLING_HOURS, "outside calling hours until 14:30", opening)
    turns.clock.seconds = 2.5 * 3_600
    assert find_hold(turns) is None


def test_campaign_without_any_calling_hours_is_held_indefinitely() -> None:
    turns = make_turns_that_want_calls()
    run = turns.features.loaded_campaigns["calls"]
    run.spec = replace(run.spec, hours=create_daily_calling_hours([]))
    assert find_hold(turns) == Hold(HoldReason.CALLING_HOURS, "outside calling hours", None)


def test_campaign_forbidden_by_the_rules_is_held_until_the_rules_allow_its_calls() -> None:
    turns = make_turns_that_want_calls()
    ruling = Ruling((Objection(Reason.NO_ZONE, "no time zone is known", NOON + 99),), NOON + 99)
    cast(Any, turns.features.calling_rules_checker._gate).check_rules_for_campaign = lambda *_: ruling
    assert find_hold(turns) == Hold(HoldReason.RULES, "no time zone is known", NOON + 99)


@pytest.mark.parametrize(
    ("refused", "numbers"),
    [
        ({}, None),
        ({Reason.OPTED_OUT: 7, Reason.REGISTER: 1, Reason.CONSENT_WITHDRAWN: 1, Reason.POLL_OVER: 1}, None),
        ({Reason.OPTED_OUT: 7, Reason.NO_CONSENT: 1_234, Reason.NO_ZONE: 2}, "{no_consent} 1,234, {no_zone} 2"),
    ],
)
def test_campaign_is_held_if_only_numbers_refused_for_missing_data_remain(
    refused: dict[Reason, int], numbers: str | None
) -> None:
    turns = make_turns_that_want_calls()
    run = turns.features.loaded_campaigns["calls"]
    counts = {reason.value: count for reason, count in refused.items()}
    run.progress = replace(CampaignProgress(0, 0, 0, 0), refused=counts)
    assert find_hold(turns) is None
    run.list_done = True
    if numbers is None:
        assert find_hold(turns) is None
    else:
        named = numbers.format(no_consent=Reason.NO_CONSENT.value, no_zone=Reason.NO_ZONE.value)
        text = f"only refused numbers remain ({named}): `dialer rules check` says what is missing"
        assert find_hold(turns) == Hold(HoldReason.RULES, text)
    run.hopper.append(make_claim(1))
    assert find_hold(turns) is None


def test_campaign_for_booth_workers_is_held_while_no_booth_votes() -> None:
    turns = make_turns_that_want_calls()
    turns.features.loaded_campaigns["calls"].purpose = Purpose.BOOTH_WORKERS
    assert find_hold(turns) == Hold(HoldReason.NO_POLL)
    turns.features.dialling_permission_checker._polls.find_calling_deadlines_by_booth = lambda: {1: NOON}  # type: ignore[method-assign]
    assert find_hold(turns) is None


def test_campaign_with_agents_is_held_while_no_agent_can_take_its_calls() -> None:
    turns = make_turns_that_want_calls(seats=2)
    run, holds, now = (
        turns.features.loaded_campaigns["calls"],
        turns.features.dialling_permission_checker,
        turns.features.core.read_clock(),
    )
    assert holds.explain_lack_of_agents(run) is None
    turns.place(turns.features.agent_seats["01"].log_off_agent(now))
    assert holds.explain_lack_of_agents(run) is None
    elsewhere = replace(turns.features.agent_seats["02"], campaigns=frozenset({"other"}))
    turns.place(elsewhere)
    text = "no agent is available: some are restricted to other campaigns"
    assert holds.explain_lack_of_agents(run) == Hold(HoldReason.NO_AGENT, text)
    turns.place(replace(elsewhere, call_back_promised=True))  # the agent takes no call after this one
    assert holds.explain_lack_of_agents(run) == Hold(HoldReason.NO_AGENT)
    turns.place(turns.features.agent_seats["02"].log_off_agent(now))
    assert holds.explain_lack_of_agents(run) == Hold(HoldReason.NO_AGENT)
    run.spec = replace(run.spec, skill="law")
    turns.place(
        replace(turns.features.agent_seats["01"].log_in_agent("101", None, now).connect_phone(now), skills=frozenset())
    )
    assert holds.explain_lack_of_agents(run) == Hold(HoldReason.NO_AGENT, "no agent with the skill law is available")


def test_ivr_campaign_is_not_held_without_an_agent() -> None:
    turns = make_turns_that_want_calls(campaign={"kind": "ivr", "flow": "turnout", "pacing": "broadcast"})
    turns.place(turns.features.agent_seats["01"].log_off_agent(turns.features.core.read_clock()))
    assert (
        turns.features.dialling_permission_checker.explain_lack_of_agents(turns.features.loaded_campaigns["calls"])
        is None
    )
