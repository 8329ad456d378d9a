"""SIGKILL at every named point, then a restart: nobody is dialled twice, no acknowledged mark is lost, every attempt ends.

The dialler runs in its own process, which is killed. The simulated Asterisk keeps running, and its journal of placed calls is
compared with the store.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from pathlib import Path

from dialer.mqtt.embedded_broker import find_free_port
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour, VoterProfile
from tests.support.dying_dialler import CRASH_POINTS
from tests.support.processes import HOURS, SPEED, WAIT_SECONDS, run_dialler_process, wait_for_ended_calls
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_site_store

AGENTS = {"id": "agents", "kind": "agents", "pacing": "progressive", "hours": HOURS, "wrap_up_seconds": 0.5}
IVR = {"id": "ivr", "kind": "ivr", "flow": "turnout", "pacing": "broadcast", "channels": 3, "hours": HOURS}


async def test_dialler_recovers_after_a_kill_at_each_crash_point(tmp_path: Path) -> None:
    """All kill points run concurrently, because most of the time is waiting; each runs to its end even if another fails."""
    for point in CRASH_POINTS:
        (tmp_path / point).mkdir()
    ends = await asyncio.gather(
        *(kill_and_restart(tmp_path / each, each) for each in CRASH_POINTS), return_exceptions=True
    )
    wrong = {point: end for point, end in zip(CRASH_POINTS, ends, strict=True) if end is not None}
    if wrong:
        raise BaseExceptionGroup(f"wrong after a kill at {', '.join(wrong)}", list(wrong.values()))


async def kill_and_restart(tmp_path: Path, point: str) -> None:
    """Kill a site's dialler at a named point of its code, restart it, and check Asterisk's and the store's records of
    the calls.
    """
    fill_roll(tmp_path / "centre.db", 400)
    journal = tmp_path / "journal.jsonl"
    campaign = IVR if "commit" in point else AGENTS
    config = SimulatedAsteriskConfig(
        seats=make_seat_phones(2),
        agi_port=find_free_port(),
        journal=journal,
        speed=SPEED,
        profile=VoterProfile(answer_rate=0.0),
        scripts={
            f"+91{7_000_000_000 + n}": Behaviour(
                answer_after=6.0, keys=((8.0, "1"), (16.0, "1"), (32.0, "1")), talk_seconds=20.0, hang_up_after=200.0
            )
            for n in range(1, 400)
        },
    )
    async with SimulatedAsterisk(config) as switch:
        with run_dialler_process(tmp_path, switch, campaign, point) as crashed:
            async with asyncio.timeout(WAIT_SECONDS):
                assert await crashed.wait() == -signal.SIGKILL, (tmp_path / "child.log").read_text()[-4000:]
        placed_before = len(switch.placed_calls)
        marks_before = query_site_store(tmp_path, "SELECT key FROM mark")
        attempts_before = query_site_store(tmp_path, "SELECT attempt_id FROM attempt")
        assert len(attempts_before) >= max(1, placed_before), "every call was committed before it was placed"
        assert bool(marks_before) == (point == "after-commit")

        with run_dialler_process(tmp_path, switch, campaign, "never") as again:
            await wait_for_ended_calls(switch, placed_before + 3)
            again.terminate()
            async with asyncio.timeout(WAIT_SECONDS):
                assert await again.wait() == 0

    numbers = Counter(call.number for call in switch.placed_calls)
    assert max(numbers.values()) == 1, "nobody is dialled twice"
    told = [json.loads(line) for line in journal.read_text().splitlines()]
    placed = [line["channel"] for line in told if line["event"] == "placed"]
    attempts = {attempt_id for (attempt_id,) in query_site_store(tmp_path, "SELECT attempt_id FROM attempt")}
    assert len(placed) == len(set(placed))
    assert set(placed) <= attempts
    assert not query_site_store(tmp_path, "SELECT 1 FROM attempt WHERE ended_at IS NULL")
    assert set(marks_before) <= set(query_site_store(tmp_path, "SELECT key FROM mark")), "no acknowledged mark is lost"
    never_placed = attempts - set(placed)
    outcomes = dict(query_site_store(tmp_path, "SELECT attempt_id, outcome FROM attempt"))
    assert {outcomes[attempt_id] for attempt_id in never_placed} <= {"unknown", "refused"}
