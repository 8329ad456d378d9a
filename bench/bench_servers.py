"""300 seats on three Asterisk servers compared with one, in virtual time; then one of the three fails for a minute.

    python -m bench.bench_servers [--quick | --smoke] [--minutes 2] [--seats 300]

A predictive campaign; engine, store, AMI and simulated Asterisks are in one process. Compared are the agents' waits between
calls, abandoned calls, talks across two servers, and CPU per call of the whole process. Checked: no number is called twice,
every attempt has one end, and all unknown outcomes are on the server that failed.
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
from typing import Any

from bench.common import Size, add_size_options, print_progress, record
from dialer.cli.logs import configure_quiet_logging
from dialer.domain.view import SeatState
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.virtual_time import run_in_virtual_time
from tests.support.centre import agents_at_work
from tests.support.referees import assert_all_attempts_ended
from tests.support.roll_filler import fill_roll
from tests.support.servers import MultiServerSite, a_multi_server_site
from tests.support.stored import query_site_store

SEATS, VOTERS_PER_SEAT, SAMPLE_SECONDS = 300, 47, 5.0
CAMPAIGN = {"pacing": "predictive", "wrap_up_seconds": 10}


@dataclass(slots=True)
class Day:
    """The figures of a run."""

    calls: int = 0
    connected: int = 0
    abandoned: int = 0
    samples: int = 0
    ready: int = 0  # seats, summed over all samples
    talking: int = 0
    joined: int = 0
    cpu_seconds: float = 0.0


async def run_day(
    roll: Path, seconds: float, warm_up_seconds: float, seats: Mapping[str, int], day: Day, dies: str | None
) -> None:
    """Run a centre for some time after a warm-up. Then let the server `dies` fail for as long as the warm-up, if given."""
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(roll, directory)
        number = sum(seats.values())
        lines: dict[str, Any] = {"channels": number * 5 // 2 // len(seats), "calls_per_second": number / 5 / len(seats)}
        config = SimulatedAsteriskConfig(profile=VoterProfile())
        site_of = partial(a_multi_server_site, Path(directory), config, seats, campaign=CAMPAIGN)
        async with site_of(**lines) as site, agents_at_work(site):
            await asyncio.sleep(warm_up_seconds)
            before, began = site.centre_view.campaigns[0], time.process_time()
            for _ in range(int(seconds / SAMPLE_SECONDS)):
                await asyncio.sleep(SAMPLE_SECONDS)
                count_seats(site, day)
            after = site.centre_view.campaigns[0]
            day.cpu_seconds = time.process_time() - began
            day.calls = after.attempts - before.attempts
            day.connected, day.abandoned = after.connected - before.connected, after.abandoned - before.abandoned
            if dies is not None:
                await kill_server(site, dies, warm_up_seconds)
        assert_all_attempts_ended(Path(directory))
        lost = query_site_store(
            Path(directory), "SELECT trunk, count(*) FROM attempt WHERE outcome = 'unknown' GROUP BY trunk"
        )
        if dies is not None:
            print_line(f"server {dies} was down for {warm_up_seconds:g} s: unknown outcomes {dict(lost)}")
            # A small centre may have had no call there at that moment.
            assert {trunk for trunk, _ in lost} - {f"line-{dies}"} == set(), (
                "the outcome of a call elsewhere is unknown"
            )
            assert lost or sum(seats.values()) < SEATS // 10, "the outcomes of calls on the failed server are known"
        numbers = Counter(call.number for server in site.servers.values() for call in server.placed_calls)
        assert max(numbers.values()) == 1, "a number was called twice"


def count_seats(site: MultiServerSite, day: Day) -> None:
    """Add the current states of seats and calls to the figures."""
    states = Counter(seat.state for seat in site.centre_view.seats)
    day.samples += 1
    day.ready += states[SeatState.READY]
    day.talking += states[SeatState.TALKING]
    day.joined += sum(
        each.on_conversation_start is not None for server in site.servers.values() for each in server.channels.values()
    )


async def kill_server(site: MultiServerSite, name: str, seconds: float) -> None:
    """Let a server fail for some seconds. Print what the others do meanwhile, and its own talks as long after its return."""
    placed = {server: len(each.placed_calls) for server, each in site.servers.items()}
    others = [seat for seat in site.centre_view.seats if not seat.seat.startswith(name)]
    talks = sum(seat.calls for seat in others)
    await site.servers[name].restart(down_seconds=seconds)
    down = {server: len(each.placed_calls) - placed[server] for server, each in site.servers.items()}
    more = sum(seat.calls for seat in site.centre_view.seats if not seat.seat.startswith(name)) - talks
    print_line(f"placed meanwhile: {down}; new talks at the other {len(others)} seats: {more}")
    await asyncio.sleep(seconds)
    back = sum(seat.state is SeatState.TALKING for seat in site.centre_view.seats if seat.seat.startswith(name))
    print_line(f"{seconds:g} s after its return {back} of its seats are talking")


def print_line(line: str) -> None:
    """Print a line without buffering."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run both centres and print their figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="virtual minutes to measure; default 2")
    parser.add_argument("--seats", type=int, default=SEATS, help=f"default {SEATS}")
    add_size_options(parser)
    chosen = parser.parse_args()
    size: Size = chosen.size
    seconds, warm_up_seconds = size.pick((chosen.minutes * 60, 60.0), (60.0, 60.0), (20.0, 20.0))
    seats = size.pick(chosen.seats, chosen.seats // 3, 9)
    configure_quiet_logging()
    one, three = Day(), Day()
    with tempfile.TemporaryDirectory() as directory:
        roll = Path(directory) / "centre.db"
        fill_roll(roll, seats * VOTERS_PER_SEAT, voters_per_booth=1000, numbers_weigh_alike=True)
        run = partial(run_day, roll, seconds, warm_up_seconds)
        print_progress(f"{seats} seats on one server, {seconds:g} s of virtual time")
        run_in_virtual_time(partial(run, {"a": seats}, one, None))
        print_progress(f"{seats} seats on three servers, {seconds:g} s of virtual time")
        run_in_virtual_time(partial(run, dict.fromkeys("abc", seats // 3), three, "c"))
    for name, day in (("one", one), ("three", three)):
        waited, over = day.ready * SAMPLE_SECONDS / max(1, day.connected), day.joined / max(1, day.talking)
        print_line(
            f"{name:>5} Asterisk: {day.calls} calls, {day.connected} talks, {day.abandoned} abandoned; agents wait "
            f"{waited:.2f} s per talk; {over:.1%} of talks across two servers; "
            f"{1000 * day.cpu_seconds / max(1, day.calls):.1f} ms of CPU per call"
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
    print_line(
        f"three / one: CPU per call {three.cpu_seconds / max(1, three.calls) / (one.cpu_seconds / max(1, one.calls)):.2f}"
    )


if __name__ == "__main__":
    main()
