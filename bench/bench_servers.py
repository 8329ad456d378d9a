"""Three hundred seats on three Asterisks beside the same on one, in virtual time; then one of the three dies for a minute.

    python -m bench.bench_servers [--minutes 3]

A predictive campaign, engine, store, AMI and the simulated Asterisks in one process. What is compared is what the agents have of
it: seconds they wait for a call, voters nobody was there for, talks that go over two servers; and CPU a call, all in. Checked: no
number is called twice, every attempt has one end, and what ended as unknown was on the server that died.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.common import record
from dialer.cli.logs import quiet_logging
from dialer.domain.view import SeatState
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.virtual_time import run_virtual
from tests.support.centre import agents_at_work
from tests.support.referees import every_attempt_has_one_end
from tests.support.roll_filler import fill_roll
from tests.support.servers import MultiServerSite, a_multi_server_site
from tests.support.stored import rows

SEATS, VOTERS, DEAD_SECONDS, LOOK_SECONDS = 300, 14_000, 60.0, 5.0
CAMPAIGN = {"pacing": "predictive", "wrap_up_seconds": 10}


@dataclass(slots=True)
class Day:
    """What was seen."""

    calls: int = 0
    connected: int = 0
    abandoned: int = 0
    looks: int = 0
    ready: int = 0  # seats, over all looks
    talking: int = 0
    joined: int = 0
    cpu_seconds: float = 0.0


async def a_day(roll: Path, minutes: int, seats: Mapping[str, int], day: Day, dies: str | None) -> None:
    """So many minutes at work, after one to begin with; then the server that dies."""
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(roll, directory)
        lines = {"channels": 750 // len(seats), "calls_per_second": 60 / len(seats)}
        config = SimulatedAsteriskConfig(profile=VoterProfile())
        site_of = partial(a_multi_server_site, Path(directory), config, seats, campaign=CAMPAIGN)
        async with site_of(**lines) as site, agents_at_work(site):
            await asyncio.sleep(60)
            before, began = site.view.campaigns[0], time.process_time()
            for _ in range(int(minutes * 60 / LOOK_SECONDS)):
                await asyncio.sleep(LOOK_SECONDS)
                look(site, day)
            after = site.view.campaigns[0]
            day.cpu_seconds = time.process_time() - began
            day.calls = after.attempts - before.attempts
            day.connected, day.abandoned = after.connected - before.connected, after.abandoned - before.abandoned
            if dies is not None:
                await one_dies(site, dies)
        every_attempt_has_one_end(Path(directory))
        lost = rows(Path(directory), "SELECT trunk, count(*) FROM attempt WHERE outcome = 'unknown' GROUP BY trunk")
        if dies is not None:
            say(f"server {dies} was dead for {DEAD_SECONDS:g} s: ended unknown {dict(lost)}")
            assert {trunk for trunk, _ in lost} == {f"line-{dies}"}
        numbers = Counter(call.number for server in site.servers.values() for call in server.placed)
        assert max(numbers.values()) == 1, "a number was called twice"


def look(site: MultiServerSite, day: Day) -> None:
    """Count who does what now."""
    states = Counter(seat.state for seat in site.view.seats)
    day.looks += 1
    day.ready += states[SeatState.READY]
    day.talking += states[SeatState.TALKING]
    day.joined += sum(
        each.met_agent is not None for server in site.servers.values() for each in server.channels.values()
    )


async def one_dies(site: MultiServerSite, name: str) -> None:
    """What the others do meanwhile, and whether it is back at work a minute later."""
    placed = {server: len(each.placed) for server, each in site.servers.items()}
    others = [seat for seat in site.view.seats if not seat.seat.startswith(name)]
    talks = sum(seat.calls for seat in others)
    await site.servers[name].restart(down_seconds=DEAD_SECONDS)
    down = {server: len(each.placed) - placed[server] for server, each in site.servers.items()}
    more = sum(seat.calls for seat in site.view.seats if not seat.seat.startswith(name)) - talks
    say(f"meanwhile placed {down}; talks begun at the other {len(others)} seats: {more}")
    await asyncio.sleep(60)
    back = sum(seat.state is SeatState.TALKING for seat in site.view.seats if seat.seat.startswith(name))
    say(f"a minute after its return {back} of its seats talk")


def say(line: str) -> None:
    """At once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run both and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=3, help="virtual minutes that count; 3")
    parser.add_argument("--quick", action="store_true", help="a round of seconds: shows that it works, not a figure")
    chosen = parser.parse_args()
    minutes = 1 if chosen.quick else chosen.minutes
    quiet_logging()
    one, three = Day(), Day()
    with tempfile.TemporaryDirectory() as directory:
        roll = Path(directory) / "centre.db"
        fill_roll(roll, VOTERS, voters_per_booth=1000, numbers_weigh_alike=True)
        run_virtual(partial(a_day, roll, minutes, {"a": SEATS}, one, None))
        run_virtual(partial(a_day, roll, minutes, dict.fromkeys("abc", SEATS // 3), three, "c"))
    for name, day in (("one", one), ("three", three)):
        waited, over = day.ready * LOOK_SECONDS / max(1, day.connected), day.joined / max(1, day.talking)
        say(
            f"{name:>5} Asterisk: {day.calls} calls, {day.connected} talks, {day.abandoned} abandoned; an agent waits "
            f"{waited:.2f} s a talk; {over:.1%} of them over two servers; {1000 * day.cpu_seconds / day.calls:.1f} ms of CPU a call"
        )
        record(
            f"servers-{name}",
            [
                ("talks", str(day.connected), ""),
                ("abandoned calls", str(day.abandoned), ""),
                ("an agent's wait per talk, s", f"{waited:.1f}", ""),
                ("talks over two servers", f"{over:.1%}", ""),
            ],
        )
    say(f"three / one: CPU a call {three.cpu_seconds / three.calls / (one.cpu_seconds / one.calls):.2f}")


if __name__ == "__main__":
    main()
