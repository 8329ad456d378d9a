"""Required sounds that cannot be played hold the campaign: no result is stored for them, and no further calls are
placed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.domain.alerts import AlertLevel
from dialer.domain.model import Outcome
from dialer.domain.view import SeatState
from dialer.engine.call_flows.commands import ReloadFlows
from dialer.engine.campaigns.commands import ResumeCampaign
from dialer.flows.texts import load_shipped_texts
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.voters import Behaviour, VoterProfile
from tests.support.centre import START_EPOCH, Site, a_site
from tests.support.virtual import virtual_time

QUESTIONS = [f"matdan/{language}/turnout/question" for language in load_shipped_texts().list_languages_with_texts()]
IVR = {"id": "ivr", "kind": "ivr", "flow": "turnout", "pacing": "broadcast", "channels": 3}


def make_switch_with_missing_sounds(*missing: str, **voter: float) -> SimulatedAsteriskConfig:
    scripts = {f"+91{7_000_000_001 + n}": Behaviour(**{"answer_after": 1.0, **voter}) for n in range(50)}  # type: ignore[arg-type]
    return SimulatedAsteriskConfig(
        seats=make_seat_phones(2),
        start_epoch=START_EPOCH,
        profile=VoterProfile(answer_rate=0.0),
        scripts=scripts,
        default_prompt_seconds=0.5,
        missing_sounds=frozenset(missing),
    )


def list_alert_levels(site: Site) -> dict[str, AlertLevel]:
    return {alert.code: alert.level for alert in site.centre_view.alerts if alert.code.startswith("no-audio")}


@pytest.mark.parametrize(
    "command", [ResumeCampaign(campaign_id="ivr"), ReloadFlows()], ids=["resumed", "flows-reloaded"]
)
@virtual_time()
async def test_campaign_is_held_if_the_sound_of_a_question_cannot_be_played(
    tmp_path: Path, command: ResumeCampaign | ReloadFlows
) -> None:
    async with a_site(tmp_path, make_switch_with_missing_sounds(*QUESTIONS), seats=0, campaign=IVR) as site:
        await site.until(lambda: bool(site.ended()))
        await asyncio.sleep(60)
        view = site.centre_view.campaigns[0]
        assert str(view.hold) in {f"the sound {question} cannot be played" for question in QUESTIONS}
        assert list_alert_levels(site) == {"no-audio-ivr": AlertLevel.CRITICAL}
        counted = Counter(call.outcome for call in site.ended())
        assert set(counted) <= {Outcome.LEFT, Outcome.CANCELLED}
        assert len(site.switch.placed_calls) == sum(counted.values()) <= 3
        site.switch.config = replace(site.switch.config, missing_sounds=frozenset())
        await site.centre.engine.execute_command(command)
        await site.until(lambda: len(site.switch.placed_calls) > 4)
        assert list_alert_levels(site) == {}


@virtual_time()
async def test_ringing_calls_are_cancelled_if_the_sound_of_the_question_cannot_be_played(tmp_path: Path) -> None:
    config = make_switch_with_missing_sounds(*QUESTIONS)
    first, *others = config.scripts
    slow = {number: Behaviour(answer_after=20.0) for number in others}
    config = replace(config, scripts={first: Behaviour(answer_after=1.0), **slow})
    async with a_site(tmp_path, config, seats=0, campaign=IVR) as site:
        await site.until(lambda: len(site.ended()) == 3, seconds=15)
        assert Counter(call.outcome for call in site.ended()) == {Outcome.LEFT: 1, Outcome.CANCELLED: 2}


@virtual_time()
async def test_campaign_is_held_if_the_required_information_message_cannot_be_played(tmp_path: Path) -> None:
    """The agents' phones die, their voters are sent to the information message, and its sound is missing."""
    async with a_site(tmp_path, make_switch_with_missing_sounds("matdan/message"), seats=2) as site:
        await site.log_in("01", "02")
        await site.until(lambda: all(seat.state is SeatState.TALKING for seat in site.centre_view.seats))
        site.switch.hang_up_phone("agent01")
        await asyncio.sleep(30)
        assert list_alert_levels(site) == {"no-audio-agents": AlertLevel.CRITICAL}
        assert str(site.centre_view.campaigns[0].hold) == "the sound matdan/message cannot be played"
        assert len(site.switch.placed_calls) == 2
