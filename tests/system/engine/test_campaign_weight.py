"""Weights of campaigns that share agents: set by supervisors, restored after a restart, and shown with the shares."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.domain.errors import CommandRefused
from dialer.domain.view import AgentShare
from dialer.engine.campaigns.commands import SetCampaignWeight
from dialer.engine.command.base import CommandContext
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from tests.support.centre import START_EPOCH, Site, a_site
from tests.support.virtual import virtual_time

HOURS = [{"start": "00:00", "until": "23:59:59"}]
TWO = [
    {"id": "one", "kind": "agents", "hours": HOURS, "weight": 3},
    {"id": "two", "kind": "agents", "hours": HOURS},
    {"id": "flow", "kind": "ivr", "flow": "turnout", "hours": HOURS},
]


def get_agent_share(site: Site, campaign: str) -> AgentShare | None:
    return next(each.agent_share for each in site.centre_view.campaigns if each.campaign_id == campaign)


@virtual_time()
async def test_supervisors_weight_of_a_campaign_survives_a_restart(tmp_path: Path) -> None:
    async with SimulatedAsterisk(SimulatedAsteriskConfig(seats=make_seat_phones(2), start_epoch=START_EPOCH)) as switch:
        async with a_site(tmp_path, switch=switch, campaigns=TWO) as site:
            execute = site.centre.engine.execute_command
            assert get_agent_share(site, "flow") is None
            with pytest.raises(CommandRefused, match="campaign flow has no agents to share"):
                await execute(SetCampaignWeight(campaign_id="flow", weight=2.0), CommandContext("asha"))
            said = await execute(SetCampaignWeight(campaign_id="two", weight=9.0), CommandContext("asha"))
            assert said == "campaign two: the weight of its share of the agents' time is 9"
            await site.log_in("01", "02")

            def is_shared_by_weight() -> bool:
                shares = [get_agent_share(site, name) for name in ("one", "two")]
                return [each and (each.weight, each.sender, each.intended) for each in shares] == [
                    (3.0, None, 0.25),
                    (9.0, "asha", 0.75),
                ]

            await site.until(is_shared_by_weight)

            def is_agent_time_shown() -> bool:
                shares = [get_agent_share(site, name) for name in ("one", "two")]
                return sum(each.actual for each in shares if each is not None) == pytest.approx(1.0)

            await site.until(is_agent_time_shown)
        async with a_site(tmp_path, switch=switch, campaigns=TWO) as site:
            share = get_agent_share(site, "two")
            assert share is not None
            assert (share.weight, share.sender) == (9.0, "asha")
            await site.centre.engine.execute_command(
                SetCampaignWeight(campaign_id="two", weight=None), CommandContext("vikram")
            )
            share = get_agent_share(site, "two")
            assert share is not None
            assert (share.weight, share.sender) == (1.0, None)
        async with a_site(tmp_path, switch=switch, campaigns=TWO) as site:
            share = get_agent_share(site, "two")
            assert share is not None
            assert (share.weight, share.sender) == (1.0, None)


@virtual_time()
async def test_campaign_shows_no_share_of_agent_time_if_no_other_campaign_has_agents(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        assert get_agent_share(site, "agents") is None
