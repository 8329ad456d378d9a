"""Abandoned-call targets set by supervisors: limited by the rules profile, and restored after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.domain.errors import CommandRefused
from dialer.domain.view import AbandonedTarget
from dialer.engine.campaigns.commands import SetAbandonedTarget
from dialer.engine.command.base import CommandContext
from dialer.pacing.predictive import PredictivePacer
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig
from dialer.simulation.asterisk.server import SimulatedAsterisk
from tests.support.centre import Site, a_site
from tests.support.seats import switch_config
from tests.support.virtual import virtual_time

PREDICTIVE = {"pacing": "predictive", "abandoned_target": 0.01}


def get_abandoned_target(site: Site) -> AbandonedTarget | None:
    return site.centre_view.campaigns[0].abandoned_target


@virtual_time()
async def test_supervisors_abandoned_call_target_survives_a_restart(tmp_path: Path) -> None:
    config: SimulatedAsteriskConfig = switch_config()
    async with SimulatedAsterisk(config) as switch:
        async with a_site(tmp_path, switch=switch, campaign=PREDICTIVE) as site:
            engine = site.centre.engine
            pacer = engine.features.loaded_campaigns["agents"].pacer
            assert isinstance(pacer, PredictivePacer)
            first = get_abandoned_target(site)
            assert first is not None
            assert (first.rate, first.sender) == (0.01, None)
            stops = [cap.hard_stop for cap in pacer.caps]
            with pytest.raises(CommandRefused, match=f"must be at most {first.maximum:.2%}"):
                await engine.execute_command(
                    SetAbandonedTarget(campaign_id="agents", abandoned_target=first.maximum * 1.01),
                    CommandContext("asha"),
                )
            assert get_abandoned_target(site) == first
            said = await engine.execute_command(
                SetAbandonedTarget(campaign_id="agents", abandoned_target=first.maximum / 4), CommandContext("asha")
            )
            assert said == f"campaign agents: the abandoned-call target is {first.maximum / 4:.2%} of live answers"
            assert get_abandoned_target(site) == AbandonedTarget(first.maximum / 4, first.maximum, "asha")
            assert pacer.governor.target == first.maximum / 4
            assert [cap.hard_stop for cap in pacer.caps] == stops
        async with a_site(tmp_path, switch=switch, campaign=PREDICTIVE) as site:
            assert get_abandoned_target(site) == AbandonedTarget(first.maximum / 4, first.maximum, "asha")
            await site.centre.engine.execute_command(
                SetAbandonedTarget(campaign_id="agents", abandoned_target=None), CommandContext("vikram")
            )
            assert get_abandoned_target(site) == first
        async with a_site(tmp_path, switch=switch, campaign=PREDICTIVE) as site:
            assert get_abandoned_target(site) == first


@virtual_time()
async def test_abandoned_call_target_is_refused_without_predictive_pacing(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        assert get_abandoned_target(site) is None
        with pytest.raises(CommandRefused, match="has no abandoned-call target"):
            await site.centre.engine.execute_command(
                SetAbandonedTarget(campaign_id="agents", abandoned_target=0.01), CommandContext("asha")
            )
