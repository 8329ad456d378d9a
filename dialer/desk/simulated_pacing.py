"""The pacing simulation of the page /campaigns: agents' waits, contacts and abandoned calls for assumed figures of a centre.

The simulation runs in a process of its own with low priority, because it takes seconds.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Annotated

from pydantic import Field

from dialer.centre_model.policy_names import POLICY_NAMES
from dialer.centre_model.scenario import BadScenario
from dialer.centre_model.what_if import Site, simulate_days
from dialer.domain.schema import MESSAGE
from dialer.pacing.port import Cap
from dialer.settings.campaigns import Campaign
from dialer.settings.jurisdiction import Profile
from dialer.settings.site_rules import list_caps_on_abandoned_rate
from dialer.web.page_requests import PageRequest

SIMULATED_HOURS = 2.0
NICE = 15


class SimulatedSite(PageRequest):
    """The assumed figures of a centre, with which a supervisor simulates a campaign's pacing."""

    agents: Annotated[int, Field(ge=1, le=300)]
    answer_rate: Annotated[float, Field(gt=0, le=1)]
    talk_seconds: Annotated[float, Field(ge=5, le=1800)]


@dataclass(frozen=True, slots=True)
class SimulatedPacing:
    """The results of a campaign's pacing in a simulation. Rates are 0-1."""

    __pydantic_config__ = MESSAGE

    idle_seconds: float  # mean wait of an agent between two calls
    contacts_per_hour: float  # voters connected to an agent
    abandoned_rate: float  # abandoned calls / live answers
    abandoned_limit: float  # strictest limit on that rate


async def simulate_pacing_of_campaign(campaign: Campaign, profile: Profile, site: SimulatedSite) -> SimulatedPacing:
    """Return the results of a campaign's pacing in simulated hours in which the campaign has all agents.

    Raises BadScenario if its dialling mode cannot be simulated, or if the simulating process was killed.
    """
    policy = campaign.pacing_policy.value
    if policy not in POLICY_NAMES:
        raise BadScenario(f"{policy} pacing is not simulated; choose one of: {', '.join(POLICY_NAMES)}")
    caps = tuple(Cap(*cap, campaign.reserve) for cap in list_caps_on_abandoned_rate(campaign, profile))
    limit = min((each.hard_stop for each in caps), default=campaign.abandoned_limit)
    simulated = Site(site.agents, site.answer_rate, site.talk_seconds, hours=SIMULATED_HOURS, cap=limit, caps=caps)
    pool = ProcessPoolExecutor(1, get_context("spawn"), os.nice, (NICE,))
    try:
        work = partial(simulate_pacing_policy, policy, simulated, limit)
        return await asyncio.get_running_loop().run_in_executor(pool, work)
    except BrokenProcessPool as error:
        raise BadScenario("the simulating process was killed; check that the machine has enough memory") from error
    finally:
        pool.shutdown(wait=False)


def simulate_pacing_policy(policy: str, site: Site, limit: float) -> SimulatedPacing:
    """Return the results of one simulated day of a site with a pacing policy. Blocks for seconds.

    `limit` is the strictest limit on the abandoned-call rate (0-1). It is part of the results.
    """
    ((result, _),) = simulate_days([(policy, site.build_scenario_of_day(), policy, site.caps or site.cap)], [1])
    return SimulatedPacing(result.idle_seconds_per_call, result.reached_per_hour, result.abandoned_share, limit)
