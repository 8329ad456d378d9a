"""Settings of seats, agents and their login. Mistakes are refused, and error messages never contain a PIN."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.domain.finding import Level
from dialer.errors import SettingError
from dialer.settings.site import load_settings
from dialer.settings.site_rules import load_site_profile
from dialer.site.checks.before_start import check_site
from dialer.site.plan import make_engine_plan_from_settings
from tests.support.seats import CHEAP

HASH = CHEAP.hash("4711")
SEAT = '[[seats]]\nname = "01"\nendpoint = "agent01"\n'
AGENT = f'[[agents]]\nnumber = "101"\npin = \'{HASH}\'\nlanguages = ["hi"]\nskills = ["senior"]\n'
CAMPAIGN = '[[campaigns]]\nid = "a"\nkind = "agents"\n'


def load_settings_text(directory: Path, text: str) -> object:
    path = directory / "centre.toml"
    path.write_text(text)
    return load_settings(path)


def test_agents_and_login_rules_in_the_settings_are_passed_to_the_engine(tmp_path: Path) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(SEAT + AGENT + CAMPAIGN + 'skill = "senior"\n[agent_login]\nmax_failures = 5\nlock_minutes = 1\n')
    settings = load_settings(path)
    plan = make_engine_plan_from_settings(settings, load_site_profile(settings))
    assert [(agent.number, agent.pin_hash) for agent in plan.agents.values()] == [("101", HASH)]
    assert plan.agents["101"].languages == {"hi"}
    assert plan.agents["101"].skills == {"senior"}
    assert (plan.agent_rules.wrong_pins, plan.agent_rules.lock_seconds) == (5, 60.0)
    assert plan.campaigns["a"].spec.skill == "senior"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (AGENT.replace("101", "a7"), "agents[0].number"),
        (AGENT.replace("101", "1" * 11), "agents[0].number"),
        (AGENT.replace(HASH, "4711"), "must be an argon2id hash: the output of `dialer agent hash-pin`"),
        (AGENT.replace(HASH, "$argon2id$v=19$m=1,t=1,p=1$x$y$z"), "must be an argon2id hash"),
        (AGENT + AGENT, "agents must have different names; 101 is used twice"),
        (SEAT.replace('"01"', '"h"'), "seats[0].name"),
        (SEAT.replace('"01"', '"seat 1"'), "seats[0].name"),
        (SEAT + SEAT.replace('"01"', '"02"'), "phones of seats must have different names; agent01 is used twice"),
        (CAMPAIGN + 'skill = "senior"\n', "skill 'senior' is not in [[agents]]; known: none"),
        ('[agent_login]\ncode = "*1,SHELL"\n', "agent_login.code"),
        ('[agent_login]\ncode = "*43"\n', "agent_login.code: must not be *43, which is the echo test"),
        ("[agent_login]\npause_reasons = []\n", "agent_login.pause_reasons"),
        ('[agent_login]\npause_reasons = ["a b"]\n', "agent_login.pause_reasons[0]"),
        ("[agent_login]\nmax_failures = 0\n", "agent_login.max_failures"),
    ],
)
def test_mistake_in_the_settings_of_seats_or_agents_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingError) as refused:
        load_settings_text(tmp_path, text)
    assert says in str(refused.value)
    assert "4711" not in str(refused.value)
    assert HASH not in str(refused.value)


@pytest.mark.parametrize(("agents", "verdicts"), [("", [Level.ERROR]), (AGENT, [])])
async def test_dialer_check_reports_seats_without_any_agent_in_the_settings(
    tmp_path: Path, agents: str, verdicts: list[Level]
) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(SEAT + agents + "[ami]\nport = 1\n[fastagi]\nport = 0\n[broker]\nenabled = false\n")
    found = [finding async for finding in check_site(load_settings(path)) if finding.subject == "agents"]
    assert [finding.level for finding in found] == verdicts


@pytest.mark.parametrize(
    ("campaign", "says"),
    [
        ("preview_seconds = 20\n", 'preview_seconds needs pacing = "preview"'),
        ("manual_dialling = true\n", "manual_dialling would lower the abandoned rate"),
        ('pacing = "ratio"\nmanual_dialling = true\n', "a campaign of their own"),
        ('pacing = "preview"\npreview_seconds = 2\n', "preview_seconds"),
    ],
)
def test_manual_dialling_is_refused_for_a_campaign_that_dials_automatically(
    tmp_path: Path, campaign: str, says: str
) -> None:
    with pytest.raises(SettingError, match=says):
        load_settings_text(tmp_path, SEAT + CAMPAIGN + campaign)
