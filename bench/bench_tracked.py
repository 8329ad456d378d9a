"""Ten figures of speed, followed from commit to commit.

    python -m bench.bench_tracked [--quick | --smoke] [--rounds N] [--write]

Each figure is CPU time in thousandths of a calibration loop, which runs in turn with the measured work. So figures of different
days and machines can be compared, roughly: two runs on one quiet machine differed by up to a fifth. The output shows each figure
beside the one of the last commit in `bench/tracked_figures.json`; `--write` adds the figures of the present commit to that file.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TypedDict

from bench import bench_agi, bench_ami, bench_import, bench_seats
from bench.agi_driver import CallOrder, driver
from bench.ami_feeder import feeder
from bench.bench_engine import FILL
from bench.common import (
    Contender,
    Done,
    Result,
    Size,
    Stopwatch,
    add_size_options,
    describe_machine,
    interleave,
    measure_with_child_processes,
)
from bench.store_contenders import StoreTemplate, write_with_store
from dialer.cli.logs import configure_quiet_logging
from dialer.simulation.virtual_time import run_in_virtual_time

FIGURES = Path(__file__).with_name("tracked_figures.json")
CALIBRATION = "calibration loop"
CALIBRATION_TURNS = 200_000


class StoredFigures(TypedDict):
    """The figures of one commit, in thousandths of the calibration loop."""

    commit: str
    date: str
    machine: str
    figures: dict[str, float]


@dataclass(frozen=True, slots=True)
class Amounts:
    """The amounts of work in one round of the bench: events, calls, writes, rows, seats and simulated minutes."""

    events: int
    agi_calls: int
    store_cycles: int
    roll_rows: int
    seats: int
    virtual_minutes: float

    @classmethod
    def of_size(cls, size: Size) -> Amounts:
        """Return the amounts of a bench size."""
        return size.pick(
            cls(20_000, 1_000, 4_000, 10_000, 100, 0.5),
            cls(5_000, 300, 1_000, 3_000, 30, 0.3),
            cls(500, 20, 100, 200, 3, 0.1),
        )


def run_calibration_loop(watch: Stopwatch) -> Done:
    """Do the same small work every time: dictionaries, texts and hashes, which the dialler's own code consists of."""
    counts: dict[str, int] = {}
    digest = b""
    with watch.running():
        for turn in range(CALIBRATION_TURNS):
            key = f"number {turn % 1000}"
            counts[key] = counts.get(key, 0) + 1
            if turn % 50 == 0:
                digest = sha256(digest + key.encode()).digest()
    return Done(1, "" if sum(counts.values()) == CALIBRATION_TURNS else "the calibration loop lost turns")


def run_program(watch: Stopwatch, *arguments: str) -> Done:
    """Run a Python program once, and measure its process. Its compiled modules are stored, as on a user's machine."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with measure_with_child_processes(watch):
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment)
    return Done(1)


def run_simulated_centre(watch: Stopwatch, seats: int, minutes: float) -> Done:
    """Run a centre on a simulated Asterisk in virtual time. The figure is per call."""
    warm_seconds = minutes * 60
    with tempfile.TemporaryDirectory() as name:
        voters = int(seats * bench_seats.VOTERS_PER_SEAT_AND_MINUTE * (minutes + warm_seconds / 60))
        subprocess.run([sys.executable, "-c", FILL, str(Path(name) / "centre.db"), str(max(1000, voters))], check=True)
        run = partial(bench_seats.measure, Path(name), seats, minutes, warm_seconds, None)
        figures = run_in_virtual_time(run, limit_seconds=3_600)
    calls = int(figures["calls"])
    watch.used = True
    watch.cpu_seconds += figures["CPU ms per call"] / 1000 * max(1, calls)
    return Done(max(1, calls))


def make_contenders(stack: ExitStack, amounts: Amounts) -> list[Contender]:
    """Return the calibration loop and the ten measured pieces of work. Their helpers end with `stack`."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    events = bench_ami.make_event_contenders(
        stack.enter_context(feeder()), amounts.events, None, stack.enter_context(bench_ami.choose_runner(uvloop=False))
    )[0]
    asterisk = stack.enter_context(driver())
    calls = CallOrder(0, amounts.agi_calls, min(100, amounts.agi_calls))
    template = StoreTemplate(folder / "store", 2 * amounts.store_cycles + 1000, uvloop=False)
    roll = bench_import.make_roll(folder, amounts.roll_rows, smallest=False)
    works: dict[str, Callable[[Stopwatch], Done]] = {
        CALIBRATION: run_calibration_loop,
        "`dialer --version`": lambda watch: run_program(watch, "-m", "dialer", "--version"),
        "`dialer import --help`": lambda watch: run_program(watch, "-m", "dialer", "import", "--help"),
        "`dialer command --help`": lambda watch: run_program(watch, "-m", "dialer", "command", "--help"),
        "imports of `dialer run`": lambda watch: run_program(watch, "-c", "import dialer.app"),
        "an AMI event": events.run,
        "a FastAGI call of 12 commands": bench_agi.asyncio_round(bench_agi.our_server, asterisk, calls, uvloop=False),
        "a call of the flow `turnout`": bench_agi.asyncio_round(
            bench_agi.flow_server,
            asterisk,
            CallOrder(0, calls.calls, calls.outstanding, script="turnout"),
            uvloop=False,
        ),
        "a durable write of the store": write_with_store(template, 50, amounts.store_cycles),
        "a row of an imported roll": bench_import.import_contender(roll).run,
        f"a call of a centre with {amounts.seats} seats": lambda watch: run_simulated_centre(
            watch, amounts.seats, amounts.virtual_minutes
        ),
    }
    return [Contender(name, run) for name, run in works.items()]


def compare_with_calibration_loop(results: Sequence[Result]) -> dict[str, float]:
    """Return the cost of each work in thousandths of the calibration loop. Raises RuntimeError for a work that failed."""
    calibration, *works = results
    for result in results:
        if not result.usable:
            raise RuntimeError(f"{result.name}: {result.void or result.unrunnable or 'no rounds'}")
    return {work.name: 1000 * work.cpu_per_operation / calibration.cpu_per_operation for work in works}


def read_stored_figures(path: Path) -> list[StoredFigures]:
    """Return the figures of all commits in the file, the oldest first; none if there is no file."""
    stored: list[StoredFigures] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return stored


def format_figure(figure: float) -> str:
    """Format a figure with four digits, or as a whole number if it has more."""
    return f"{figure:,.0f}" if figure >= 1_000 else f"{figure:.4g}"


def print_changes(figures: dict[str, float], stored: Sequence[StoredFigures]) -> None:
    """Print each figure, the one of the last stored commit and the change in %."""
    last = stored[-1] if stored else None
    before = last["figures"] if last else {}
    print(
        f"{'thousandths of the calibration loop':<44}{last['commit'][:8] if last else '-':>12}{'now':>12}{'change':>9}"
    )
    for name, figure in figures.items():
        old = before.get(name)
        change = f"{100 * (figure / old - 1):+.0f} %" if old else "-"
        print(f"  {name:<42}{format_figure(old) if old else '-':>12}{format_figure(figure):>12}{change:>9}")


def store_figures(path: Path, commit: str, figures: dict[str, float]) -> None:
    """Add the figures of a commit to the file. They replace earlier figures of the same commit."""
    stored = [each for each in read_stored_figures(path) if each["commit"] != commit]
    stored.append(
        {
            "commit": commit,
            "date": f"{datetime.now().astimezone():%Y-%m-%d}",
            "machine": f"{describe_machine()}, {os.cpu_count()} cores",
            "figures": {name: float(f"{figure:.4g}") for name, figure in figures.items()},
        }
    )
    path.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench. Return 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_size_options(parser)
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds of each work (default 5)")
    parser.add_argument("--write", action="store_true", help=f"add the figures to {FIGURES.name}")
    options = parser.parse_args(argv)
    if options.write and options.size is not Size.FULL:
        parser.error("--write needs the full size: leave out --quick and --smoke")
    configure_quiet_logging()
    with ExitStack() as stack:
        contenders = make_contenders(stack, Amounts.of_size(options.size))
        results = interleave(contenders, options.size.pick(options.rounds, 2, 1))
    figures = compare_with_calibration_loop(results)
    print_changes(figures, read_stored_figures(FIGURES) if options.size is Size.FULL else [])
    if options.write:
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True, cwd=FIGURES.parent
        )
        store_figures(FIGURES, head.stdout.strip(), figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
