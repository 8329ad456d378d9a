"""Diallers that are processes and die by SIGKILL at moments that the seed draws, one after the other on one store and one switch.

    python -m tests.attack.kill_real --rounds 300 --seed 1

The simulated Asterisk lives on over all of it, over real TCP, and its journal is the referee; what callers were told is noted
stands in a file that each dialler writes before it says so. Every figure but the first lines must be 0.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from dialer.mqtt.embedded_broker import free_port
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour, VoterProfile
from tests.attack.kill_histories import tell_progress
from tests.support.processes import HOURS, SPEED, a_dialler, ended_calls
from tests.support.roll_filler import fill_roll
from tests.support.stored import rows
from tests.support.waiting import HANG_SECONDS

CAMPAIGN: dict[str, object] = {"id": "ivr", "kind": "ivr", "pacing": "broadcast", "channels": 10, "hours": HOURS}
FLOW = str(Path(__file__).with_name("attack_flow.yaml"))
VOTERS = 4000
DOUBLED = "numbers dialled twice"
LOST = "acknowledged marks lost"
UNCOMMITTED = "calls that were never committed"
OPEN = "numbers left open for ever"
MUST_BE_NONE = (LOST, DOUBLED, UNCOMMITTED, OPEN)


def callers() -> dict[str, Behaviour]:
    """Who picks up stays for long, and keys this and that."""
    keys = tuple((4.0 * n, "123"[n % 3]) for n in range(1, 60))
    script = Behaviour(answer_after=3.0, keys=keys, hang_up_after=300.0)
    return {f"+91{7_000_000_000 + n}": script for n in range(1, VOTERS)}


async def play(directory: Path, rounds: int, seed: int, progress: Callable[[str], None] | None = None) -> Counter[str]:
    """Kill so many diallers, let the last one end in order; the figures. `progress` is told a line for each that was killed."""
    chance, figures = Random(seed), Counter[str](rounds=rounds)
    fill_roll(directory / "centre.db", VOTERS)
    told = directory / "told"
    told.touch()
    config = SimulatedAsteriskConfig(
        seats=seat_phones(2),
        agi_port=free_port(),
        speed=SPEED,
        profile=VoterProfile(answer_rate=0.0),
        scripts=callers(),
    )
    campaign = {**CAMPAIGN, "flow": FLOW}
    async with SimulatedAsterisk(config) as switch:
        for done in range(1, rounds + 1):
            with a_dialler(directory, switch, campaign, "never", acknowledged=str(told)) as dialler:
                await _is_there(switch)
                await asyncio.sleep(chance.uniform(0.0, 3.0))
                dialler.kill()
            if progress is not None:
                progress(f"{done} of {rounds} rounds, {len(switch.placed)} calls placed")
        with a_dialler(directory, switch, campaign, "never", acknowledged=str(told)) as last:
            await _is_there(switch)
            await ended_calls(switch, sum(call.ended_at is not None for call in switch.placed) + 3)
            last.terminate()
            async with asyncio.timeout(HANG_SECONDS):
                status = await last.wait()
                assert status == 0, f"status {status}: " + (directory / "child.log").read_text()[-1000:]
        _reckon(directory, switch, told, figures)
    return figures


async def _is_there(switch: SimulatedAsterisk) -> None:
    async with asyncio.timeout(HANG_SECONDS):
        while not switch.session_registry.sessions:
            await asyncio.sleep(0.01)


def _reckon(directory: Path, switch: SimulatedAsterisk, told: Path, figures: Counter[str]) -> None:
    placed = [call.channel_id for call in switch.placed]
    noted = Counter(told.read_text().splitlines())
    marks = rows(directory, "SELECT attempt_id, kind, count(*) FROM mark WHERE source = 'voter-key' GROUP BY 1, 2")
    kept = Counter({f"{attempt_id} {kind}/voter": count for attempt_id, kind, count in marks})
    figures["calls"], figures["marks acknowledged"] = len(placed), sum(noted.values())
    # Of a household of which nobody is pending any more nothing is left to keep: what is said of it is no mark.
    own = Counter({said: times for said, times in noted.items() if said.endswith("/voter")})
    figures[LOST] = sum((own - kept).values())
    figures[DOUBLED] = sum(times - 1 for times in Counter(call.number for call in switch.placed).values())
    attempts = {attempt_id for (attempt_id,) in rows(directory, "SELECT attempt_id FROM attempt")}
    figures[UNCOMMITTED] = len(set(placed) - attempts)
    figures[OPEN] = len(rows(directory, "SELECT 1 FROM attempt WHERE ended_at IS NULL"))
    figures[OPEN] += len(rows(directory, "SELECT 1 FROM target WHERE state IN ('dialling', 'claimed')"))
    figures["attempts of unknown end"] = len(rows(directory, "SELECT 1 FROM attempt WHERE outcome = 'unknown'"))


def faults_of(figures: Counter[str]) -> dict[str, int]:
    """What must be 0 and is not."""
    return {name: figures[name] for name in MUST_BE_NONE if figures[name]}


def main() -> int:
    """Print the figures; 1 where one of them is not what it must be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        figures = asyncio.run(play(Path(directory), options.rounds, options.seed, tell_progress))
    lines = [f"{name}: {figure}" for name, figure in figures.items() if name not in MUST_BE_NONE]
    lines += [f"{name}: {figures[name]}" for name in MUST_BE_NONE]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if faults_of(figures) else 0


if __name__ == "__main__":
    sys.exit(main())
