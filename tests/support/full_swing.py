"""A site with every kind of call at once: conversations, flows, ringing calls and inbound calls."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from dialer.domain.view import CallState, SeatState
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.centre import Site
from tests.support.voters import make_scripted_switch

FLOW, AGENT = "+911140000011", "+911140000012"
HOURS = [{"start": "00:00", "until": "23:59:59"}]
CAMPAIGNS = [
    {"id": "agents", "kind": "agents", "pacing": "progressive", "hours": HOURS, "wrap_up_seconds": 1},
    {"id": "ivr", "kind": "ivr", "flow": "turnout", "channels": 6, "hours": HOURS},
]
INBOUND = {
    "channels": 5,
    "numbers": [
        {"number": FLOW, "mode": "flow", "campaign": "ivr", "flow": "inbound"},
        {"number": AGENT, "mode": "agent", "campaign": "agents"},
    ],
}
SETTINGS: dict[str, Any] = {"campaigns": CAMPAIGNS, "inbound": INBOUND}
SEATS = 3


def make_long_calls() -> SimulatedAsteriskConfig:
    """Return voters who answer after six seconds and stay on the call for a minute and a half."""
    return make_scripted_switch(*[Behaviour(answer_after=6.0, talk_seconds=90.0, hang_up_after=100.0)] * 100)


async def wait_for_all_call_kinds(site: Site) -> None:
    """Wait until every kind of call is live."""
    await site.log_in(*[f"{n:02d}" for n in range(1, SEATS + 1)])
    caller = Behaviour(hang_up_after=100.0, talk_seconds=80.0)
    site.switch.place_inbound_call("+917000000050", called=AGENT, script=caller)
    await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.TALKING, 0) >= 1)
    site.switch.place_inbound_call("+917000000051", called=FLOW, script=caller)
    await site.until(lambda: Counter(seat.state for seat in site.centre_view.seats)[SeatState.TALKING] == SEATS)
    for _ in range(2000):
        calls = site.centre_view.campaigns[1].calls
        if calls.get(CallState.RINGING, 0) >= 1 and calls.get(CallState.IN_FLOW, 0) >= 2:
            break
        await asyncio.sleep(0.05)
    assert site.centre_view.campaigns[1].calls[CallState.RINGING] >= 1
    assert sum(channel.number.endswith(("50", "51")) for channel in site.switch.channels.values()) == 2
