"""CPU and memory of Asterisk and of the dialler for seats and calls, on a real Asterisk: how large a machine a centre needs.

    python -m bench.bench_sizing [--quick | --smoke] [--seconds 60] [--seats 10 27 60] [--write]

Agents' phones and the carrier are SIPp, whose CPU is not counted. For each number of seats, the seats are first idle in their open
calls, then an agent campaign dials. With the first number of seats, an IVR campaign then places 5 calls per second. CPU time is
user and system time of each process. `--write` puts the figures into docs/reference/sizing.md. Needs SIPp and Asterisk
(ASTERISK_SBIN or PATH).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.common import Size, add_size_options, cpu_seconds, cpu_seconds_of, describe_machine, print_progress
from dialer.app import RunningCentre, assemble_centre
from dialer.cli.logs import configure_quiet_logging
from dialer.domain.view import SeatState
from dialer.engine.campaigns.commands import PauseCampaign, ResumeCampaign
from dialer.engine.seats.commands import SeatLogIn
from dialer.settings.site import Settings
from tests.asterisk.log_in import run_dialler, wait_until
from tests.asterisk.process import NoAsterisk, find_asterisk, get_asterisk_version
from tests.asterisk.sipp import Sipp, find_sipp, start_carrier
from tests.asterisk.stage import Lab
from tests.support.scenario import Scenario, fill_numbers
from tests.support.scenario_run import LINES

PAGE = Path(__file__).parents[1] / "docs/reference/sizing.md"
IVR_CALLS_PER_SECOND = 5
TALK_SECONDS, WRAP_UP_SECONDS, RING_SECONDS = 20.0, 5, 10
ANSWER_SHARE = 0.4
VOTERS = Scenario.model_validate(
    {
        "about": "voters of whom two in five answer",
        "voters": [
            {"does": "answer", "rings": 2.0, "stays": TALK_SECONDS, "count": 400},
            {"does": "no-answer", "count": 300},
            {"does": "no-answer", "count": 300},
        ],
        "shuffle": 1,
        "expect": {"outcomes": {}},
    }
)
MEASURED_SEATS = (10, 27, 60)
SIZES = (10, 27, 60, 100, 300)
"""Numbers of seats for which the page gives the CPU cores that are needed."""

WHAT_A_SEAT_COSTS = (
    "## CPU of an idle seat, and settings that change it",
    "",
    "Asterisk's CPU after one change in its rendered files, 2026-12-02, load 5 to 12, 12 s each:",
    "",
    "|changed|seats|milliseconds each second|",
    "|---|---|---|",
    "|nothing|10|8.0 to 10.2|",
    "|nothing|60|8.3|",
    "|`asterisk.mixing_milliseconds = 40`|10|5.3|",
    "|`asterisk.mixing_milliseconds = 40`|60|5.5|",
    "|40 ms of voice per packet to the phones|10|7.1|",
    "",
    "Only the mixing interval saves CPU, a third; voice then arrives 20 ms later. Within the noise: no RTCP reports, call",
    "records, security log, AMD, talk detection or keys; `res_timing_pthread`, `dsp_drop_silence`, `strictrtp = no`.",
    "",
)
"""The last part of docs/reference/sizing.md: runs with changed Asterisk files, which `make bench` does not repeat."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a phase took: its length (seconds), CPU seconds of both processes, and ended calls."""

    seconds: float
    asterisk_cpu_seconds: float
    dialler_cpu_seconds: float
    calls: int


@dataclass(frozen=True, slots=True)
class SeatFigures:
    """CPU time of Asterisk and of the dialler for one of `seats` seats (milliseconds each second).

    A working seat includes the calls of its agent.
    """

    seats: int
    idle_seat: tuple[float, float]  # Asterisk, dialler
    working_seat: tuple[float, float]
    attempts_per_seat_and_minute: float
    asterisk_megabytes: float
    dialler_megabytes: float

    @classmethod
    def from_phases(cls, seats: int, idle: Spent, agents: Spent, megabytes: tuple[float, float]) -> SeatFigures:
        """Return the figures from CPU times of two phases: idle seats, and seats whose agents take calls."""
        idle_seat, working_seat = (
            (
                1000 * phase.asterisk_cpu_seconds / phase.seconds / seats,
                1000 * phase.dialler_cpu_seconds / phase.seconds / seats,
            )
            for phase in (idle, agents)
        )
        return cls(
            idle_seat=idle_seat,
            working_seat=working_seat,
            seats=seats,
            attempts_per_seat_and_minute=60 * agents.calls / agents.seconds / seats,
            asterisk_megabytes=megabytes[0],
            dialler_megabytes=megabytes[1],
        )

    def calculate_cores(self, seats: int) -> tuple[float, float]:
        """Return how many cores Asterisk and the dialler use while the agents of `seats` seats work."""
        return seats * self.working_seat[0] / 1000, seats * self.working_seat[1] / 1000


@dataclass(frozen=True, slots=True)
class IvrFigures:
    """Milliseconds of CPU of Asterisk and of the dialler per call attempt of an IVR campaign, without idle seats."""

    call: tuple[float, float]
    calls_per_second: float

    @classmethod
    def from_phase(cls, ivr: Spent, seats: SeatFigures) -> IvrFigures:
        """Return the figures from the CPU times of a phase in which the IVR campaign dials and the seats are idle."""
        calls = max(1, ivr.calls)
        idle = (seats.idle_seat[0] * seats.seats * ivr.seconds, seats.idle_seat[1] * seats.seats * ivr.seconds)
        call = (
            (1000 * ivr.asterisk_cpu_seconds - idle[0]) / calls,
            (1000 * ivr.dialler_cpu_seconds - idle[1]) / calls,
        )
        return cls(call, ivr.calls / ivr.seconds)


class SizingLab(Lab):
    """The test lab with an agent campaign, an IVR campaign, and a trunk that is wide enough for all seats."""

    def settings(
        self, directory: Path, *, seats: int | None = None, campaign: dict[str, Any], **changes: Any
    ) -> Settings:
        """Return the settings of a site with both campaigns, the wide trunk and the first `seats` seats, or all."""
        common = {"hours": [{"start": "00:00", "until": "23:59:59"}], "ring_seconds": RING_SECONDS, "max_attempts": 1}
        declared = {"by": "A. Person", "offers_transport": False, "asks_vote_choice": False}
        ivr = {
            "id": "ivr",
            "kind": "ivr",
            "flow": "turnout",
            "pacing": "broadcast",
            "channels": 120,
            "declared": declared,
        }
        agents = {"id": "agents", "kind": "agents", "pacing": "predictive", "wrap_up_seconds": WRAP_UP_SECONDS}
        count = len(self.phones)
        usual = super().settings(directory, seats=seats, campaign=campaign, **changes)
        trunk = {
            **usual.model_dump()["trunks"][0],
            "channels": 120 + 4 * count,
            "calls_per_second": max(IVR_CALLS_PER_SECOND, count // 3),
        }
        own = {"campaigns": [{**agents, **common}, {**ivr, **common}], "trunks": [trunk]}
        return super().settings(directory, seats=seats, campaign=campaign, **{**changes, **own})


def read_resident_megabytes(process_id: int) -> float:
    """Return the resident memory of a process (MB)."""
    pages = int(Path(f"/proc/{process_id}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


async def measure_phase(lab: Lab, centre: RunningCentre, seconds: float) -> Spent:
    """Measure both processes for `seconds`."""
    began, asterisk, dialler, calls = (
        time.monotonic(),
        cpu_seconds_of(lab.asterisk.process_id),
        cpu_seconds(),
        count_calls(centre),
    )
    await asyncio.sleep(seconds)
    return Spent(
        time.monotonic() - began,
        cpu_seconds_of(lab.asterisk.process_id) - asterisk,
        cpu_seconds() - dialler,
        count_calls(centre) - calls,
    )


def count_calls(centre: RunningCentre) -> int:
    """Return the number of ended calls of all campaigns."""
    return sum(sum(each.outcomes.values()) for each in centre.engine.make_centre_view().campaigns)


async def run_campaign(lab: Lab, centre: RunningCentre, campaign_id: str, seconds: float) -> Spent:
    """Let a campaign dial. Measure it after its calls have had time to begin and to end, then wait until all have ended."""
    await centre.engine.execute_command(ResumeCampaign(campaign_id=campaign_id))
    await asyncio.sleep(TALK_SECONDS + RING_SECONDS)
    spent = await measure_phase(lab, centre, seconds)
    await centre.engine.execute_command(PauseCampaign(campaign_id=campaign_id))
    await wait_until(lambda: not any(each.calls for each in centre.engine.make_centre_view().campaigns))
    return spent


async def measure(lab: Lab, seconds: float, *, with_ivr: bool) -> tuple[SeatFigures, IvrFigures | None]:
    """Run all phases on a real Asterisk. Raises NoAsterisk if a tool is missing."""
    lab.directory.mkdir(parents=True, exist_ok=True)
    settings = lab.settings(lab.directory, campaign={})
    fill_numbers(settings.store.path, [number for number, _ in VOTERS.numbers()])
    carrier = Sipp(lab.sipp, lab.directory, "carrier", lab.carrier_port, (46_000, 49_999))
    of_ivr = None
    async with AsyncExitStack() as stack:
        stack.push_async_callback(lab.stop)
        await lab.start()
        await lab.wait_for_phones()
        stack.push_async_callback(carrier.stop)
        await start_carrier(carrier, VOTERS, lab.voter_audio)
        centre = await stack.enter_async_context(assemble_centre(settings, chance=random.Random(1), profile=LINES))
        for campaign in ("agents", "ivr"):
            await centre.engine.execute_command(PauseCampaign(campaign_id=campaign))
        await stack.enter_async_context(run_dialler(centre))
        for seat in settings.seats:
            await centre.engine.execute_command(SeatLogIn(seat=seat.name, agent=f"agent-{seat.name}"))
        await wait_until(lambda: all(each.state is SeatState.READY for each in centre.engine.make_centre_view().seats))
        print_progress(f"{len(settings.seats)} idle seats for {seconds:g} s")
        idle = await measure_phase(lab, centre, seconds)
        print_progress("an agent campaign")
        of_agents = await run_campaign(lab, centre, "agents", seconds)
        if with_ivr:
            print_progress("an IVR campaign")
            of_ivr = await run_campaign(lab, centre, "ivr", seconds)
        megabytes = (read_resident_megabytes(lab.asterisk.process_id), read_resident_megabytes(os.getpid()))
    of_seats = SeatFigures.from_phases(len(settings.seats), idle, of_agents, megabytes)
    return of_seats, None if of_ivr is None else IvrFigures.from_phase(of_ivr, of_seats)


def make_page(figures: Sequence[SeatFigures], ivr: IvrFigures, origin: str) -> str:
    """Return the page docs/reference/sizing.md. Its numbers of cores are computed from the last item of `figures`."""
    last = figures[-1]
    rows = [(f"{seats}", *(f"{cores:.2f}" for cores in last.calculate_cores(seats))) for seats in SIZES]
    costs = [
        *((f"an idle seat of {each.seats}, each second", *each.idle_seat) for each in figures),
        *((f"a seat of {each.seats} whose agent takes calls, each second", *each.working_seat) for each in figures),
        ("a call attempt of an IVR campaign", *ivr.call),
    ]
    attempts = ", ".join(f"{each.attempts_per_seat_and_minute:.1f}" for each in figures)
    return "\n".join(
        [
            "# How large a machine a centre needs",
            "",
            "For telephony administrators. Written by `python -m bench.bench_sizing --write`, which measures a real Asterisk",
            "and the dialler with G.711 on every line, recording off.",
            "",
            f"Measured {origin}.",
            "",
            "|CPU, milliseconds of one core|Asterisk|dialler|",
            "|---|---|---|",
            *(f"|{name}|{asterisk:.1f}|{dialler:.1f}|" for name, asterisk, dialler in costs),
            "",
            f"{ANSWER_SHARE:.0%} of the calls are answered and last {TALK_SECONDS:g} s; the others ring for {RING_SECONDS} s.",
            f"There were {attempts} call attempts per seat and minute, and {ivr.calls_per_second:.1f} per second of the IVR",
            f"campaign. With {last.seats} seats Asterisk had {last.asterisk_megabytes:.0f} MB of memory, and the dialler"
            f" {last.dialler_megabytes:.0f} MB.",
            "",
            "Of these figures follows how many cores a centre uses while all its agents take calls:",
            "",
            "|seats|Asterisk, cores|dialler, cores|",
            "|---|---|---|",
            *("|" + "|".join(row) + "|" for row in rows),
            "",
            "Plan for twice as much: the dialler runs on one core, and voice suffers before a processor is full. Recording, TLS",
            "with SRTP, browser phones and transcoding cost more and are not in these figures. Above 100 seats use",
            "[several Asterisk servers](../how-to/asterisk.md).",
            "",
            *WHAT_A_SEAT_COSTS,
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench. Return 0, also without Asterisk or SIPp, which is said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_size_options(parser)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each measurement (default 60)")
    parser.add_argument(
        "--seats", type=int, nargs="+", default=list(MEASURED_SEATS), help="numbers of seats (default 10 27 60)"
    )
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    options = parser.parse_args(argv)
    if options.write and options.size is not Size.FULL:
        parser.error("--write needs the full size: leave out --quick and --smoke")
    configure_quiet_logging()
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    try:
        program, sipp = find_asterisk(), find_sipp()
        figures: list[SeatFigures] = []
        of_ivr: IvrFigures | None = None
        for seats in options.size.pick(options.seats, options.seats[:1], options.seats[:1]):
            with tempfile.TemporaryDirectory(prefix="matdan-sizing-") as name:
                lab = SizingLab(program, sipp, Path(name), seats=seats)
                seconds = options.size.pick(options.seconds, 10.0, 2.0)
                of_seats, found = asyncio.run(measure(lab, seconds, with_ivr=of_ivr is None))
                figures.append(of_seats)
                of_ivr = of_ivr or found
        assert of_ivr is not None
    except NoAsterisk as error:
        print(f"cannot run: {error}")
        return 0
    origin = (
        f"{datetime.now().astimezone():%Y-%m-%d}: {get_asterisk_version(program)}, {describe_machine()}, {os.cpu_count()} cores,"
        f" load {load}"
    )
    page = make_page(figures, of_ivr, origin)
    print(page)
    if options.write:
        PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
