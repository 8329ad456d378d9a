"""Campaigns that ask for different skills and share agents: each seat is dialled for once, and no campaign is left out."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from dialer.domain.commands import SeatLogIn
from dialer.domain.model import Outcome
from dialer.domain.view import SeatState
from tests.support.centre import a_site
from tests.support.seats import CHEAP
from tests.support.virtual import virtual_time
from tests.support.voters import all_answer

HOURS = [{"start": "00:00", "until": "23:59:59"}]
BOTH, TAMIL, HINDI = ["ta", "hi"], ["ta"], ["hi"]


def campaign(name: str, skill: str | None) -> dict[str, object]:
    asks = {} if skill is None else {"skill": skill}
    return {"id": name, "kind": "agents", "pacing": "progressive", "hours": HOURS, "wrap_up_seconds": 2, **asks}


@pytest.mark.parametrize(
    ("skills", "agents"),
    [
        (("ta", "hi"), [BOTH] * 4),
        ((None, "ta"), [TAMIL] * 4),
        (("ta", "hi"), [BOTH, BOTH, TAMIL, HINDI]),  # some are shared, some are not
        (("ta", "hi"), [TAMIL, TAMIL, HINDI, HINDI]),  # none is
        ((None, "ta"), [HINDI, HINDI, HINDI, BOTH]),
    ],
)
@virtual_time()
async def test_a_seat_that_serves_two_campaigns_is_dialled_for_once(
    tmp_path: Path, skills: tuple[str | None, str], agents: list[list[str]]
) -> None:
    campaigns = [campaign("one", skills[0]), campaign("two", skills[1])]
    who = [{"number": f"10{n}", "pin": CHEAP.hash("2468"), "skills": knows} for n, knows in enumerate(agents, 1)]
    config = all_answer(answer_after=6.0, post_dial_seconds=1.0, talk_seconds=60.0)
    async with a_site(tmp_path, config, seats=4, agents=who, campaigns=campaigns) as site:
        for n in range(1, 5):
            await site.centre.engine.execute(SeatLogIn(f"0{n}", f"10{n}", "2468"))
        await site.until(lambda: all(seat.state is SeatState.READY for seat in site.view.seats))
        most = 0
        for _ in range(200):
            most = max(most, sum(not call.answered for call in site.centre.engine._centre.calls.values()))
            await asyncio.sleep(0.1)
        assert most == 4
        assert Outcome.ABANDONED not in Counter(call.outcome for call in site.ended())


@virtual_time()
async def test_a_campaign_that_few_agents_serve_beside_a_large_one_is_dialled_too(tmp_path: Path) -> None:
    campaigns = [campaign("large", None), campaign("small", "ta")]
    who = [{"number": f"10{n}", "pin": CHEAP.hash("2468"), "skills": TAMIL if n == 1 else HINDI} for n in range(1, 7)]
    config = all_answer(answer_after=6.0, post_dial_seconds=1.0, talk_seconds=20.0)
    async with a_site(tmp_path, config, voters=400, seats=6, agents=who, campaigns=campaigns) as site:
        for n in range(1, 7):
            await site.centre.engine.execute(SeatLogIn(f"0{n}", f"10{n}", "2468"))
        await asyncio.sleep(900.0)
        attempts = {each.campaign_id: each.attempts for each in site.view.campaigns}
        assert attempts["small"] > 10 < attempts["large"]
