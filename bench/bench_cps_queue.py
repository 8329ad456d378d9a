"""A trunk at its CPS limit: seconds from the pacing decision to the start of a call, by minute and campaign.

    python -m bench.bench_cps_queue [--quick | --smoke]

In virtual time, over a simulated Asterisk and loopback TCP, with commits of 2 to 30 ms. 20 agents and an IVR campaign share
a trunk of 5 call starts per second, fewer than either would place. The queue must not grow: the waits of the last minute
are those of the first.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from bench.common import add_size_options, print_progress, record
from dialer.cli.logs import configure_quiet_logging
from dialer.simulation.virtual_time import run_in_virtual_time
from tests.support.full_trunk import Placed, max_starts_per_second, run_full_trunk

CALLS_PER_SECOND = 5.0


def main() -> None:
    """Run the bench and print a row per minute."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_size_options(parser, "3 minutes instead of 14")
    minutes = parser.parse_args().size.pick(14, 3, 1)
    configure_quiet_logging()
    print_progress(f"{minutes} minutes of virtual time")
    with tempfile.TemporaryDirectory() as directory:
        placed = run_in_virtual_time(
            lambda: run_full_trunk(
                Path(directory), calls_per_second=CALLS_PER_SECOND, minutes=minutes, seats=20, ivr_channels=150
            )
        )
    print("minute   agents: calls, wait s p50, max     IVR: calls, wait s p50, max")
    for minute in range(minutes):
        rows = [each for each in placed if minute * 60 <= each.wired_at < (minute + 1) * 60]
        print(
            f"{minute + 1:6}   "
            + "      ".join(_row([r for r in rows if r.kind == kind]) for kind in ("agents", "ivr"))
        )
    most = max_starts_per_second(placed)
    print(f"\n{len(placed)} calls; at most {most} starts in a second, limit {CALLS_PER_SECOND:g}")
    last = sorted(each.waited for each in placed if each.wired_at >= (minutes - 1) * 60)
    record(
        "cps_queue",
        [
            (f"decision to wire in minute {minutes}, s at p50", f"{statistics.median(last):.3f}", ""),
            ("the same, maximum", f"{last[-1]:.3f}", ""),
            ("call starts in any second, maximum", str(most), f"{CALLS_PER_SECOND:g}"),
        ],
    )


def _row(placed: list[Placed]) -> str:
    waits = sorted(each.waited for each in placed)
    return (
        f"{len(waits):12} {statistics.median(waits):10.3f} {waits[-1]:7.3f}" if waits else f"{0:12} {'-':>10} {'-':>7}"
    )


if __name__ == "__main__":
    main()
