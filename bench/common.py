"""Common parts of all benches: sizes, interleaved contenders, a CPU stopwatch, checked output and a table of ratios.

A bench is a list of contenders. Each is a function of one round: it runs a stopwatch around the measured work and returns
what it did, so that a contender with wrong output is void instead of fast. Rounds are interleaved (A B A B), so that a
change of the machine's speed affects all. The figure is the median round, and only ratios within one run are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TypeVar

EXIT_GOAL_MISSED = 3
"""The exit status of a bench that ran to its end and missed a goal. Any other status but 0 is a failure of the bench."""
HANG_SECONDS = 400.0
"""How long a bench waits for an event that takes seconds. Generous, because a loaded machine is no failure."""

_LOAD_AT_START = os.getloadavg()[0]  # before this bench added to it

T = TypeVar("T")


class Size(Enum):
    """How much a bench measures."""

    FULL = "full"  # gives figures
    QUICK = "quick"  # shows what the full size measures, in less than a minute
    SMOKE = "smoke"  # shows that the bench runs

    def pick(self, full: T, quick: T, smoke: T) -> T:
        """Return the value for this size."""
        return {Size.FULL: full, Size.QUICK: quick, Size.SMOKE: smoke}[self]


def add_size_options(
    parser: argparse.ArgumentParser, quick: str = "a short run: shows that it works, not a figure"
) -> None:
    """Add `--quick` and `--smoke`, which set `size`. `quick` is the help text of `--quick`."""
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", dest="size", action="store_const", const=Size.QUICK, default=Size.FULL, help=quick)
    sizes.add_argument(
        "--smoke", dest="size", action="store_const", const=Size.SMOKE, help="the smallest round, as the tests run it"
    )


def print_progress(text: str) -> None:
    """Print at once, on standard error, what the bench does now."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


async def wait_until(what: str, condition: Callable[[], bool], *, seconds: float = HANG_SECONDS) -> None:
    """Wait until `condition()` is true. Raises TimeoutError that says `what` the bench waited for."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= until:
            raise TimeoutError(f"waited {seconds:g} s until {what}")
        await asyncio.sleep(0.1)


class Unrunnable(Exception):
    """A contender cannot run on this machine. The text is the reason shown in the table."""


class Stopwatch:
    """Adds up CPU seconds of this process (all threads, user and system) and wall seconds while it runs."""

    def __init__(self) -> None:
        self.cpu_seconds = 0.0
        self.wall_seconds = 0.0
        self.used = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure the time of the block. It may be used more than once per round."""
        self.used = True
        wall = time.perf_counter()
        cpu = cpu_seconds()
        try:
            yield
        finally:
            self.cpu_seconds += cpu_seconds() - cpu
            self.wall_seconds += time.perf_counter() - wall


@contextmanager
def measure_with_child_processes(watch: Stopwatch) -> Iterator[None]:
    """Run the stopwatch, and add the CPU time of child processes that end in the block."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with watch.running():
        yield
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    watch.cpu_seconds += after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a round: the number of operations, and the problem with the output or ""."""

    operations: int
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do the work. `role` is "ours", "other" or "limit" (the minimum that no contender can beat)."""

    name: str
    run: Callable[[Stopwatch], Done]
    role: str = "other"


@dataclass(slots=True)
class Result:
    """The rounds of a contender in seconds per operation.

    `void` is the problem of a wrong round, `unrunnable` the reason why it could not run.
    """

    name: str
    role: str
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    void: str = ""
    unrunnable: str = ""

    @property
    def usable(self) -> bool:
        """Whether the figures can be compared."""
        return bool(self.cpu) and not self.void and not self.unrunnable

    @property
    def cpu_per_operation(self) -> float:
        """Median CPU seconds per operation."""
        return statistics.median(self.cpu)

    @property
    def wall_per_operation(self) -> float:
        """Median wall seconds per operation."""
        return statistics.median(self.wall)


def cpu_seconds() -> float:
    """Return the CPU seconds of this process (user and system, all threads), without its children."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def cpu_seconds_of(process_id: int) -> float:
    """Return the CPU seconds of another process (user and system, all threads). Raises OSError if it has ended."""
    fields = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_memory_bytes() -> int:
    """Return the peak resident memory of this process (bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def interleave(contenders: Sequence[Contender], rounds: int, *, warm_up: bool = True) -> list[Result]:
    """Run every contender once per round, in turn, and return their results in the given order.

    With `warm_up` a round that is not counted comes first, unless there is a single round. A contender that raises
    Unrunnable or returns wrong output is not run again. Any other exception is a bug of the bench and ends it.
    """
    results = [Result(contender.name, contender.role) for contender in contenders]
    for number in range(-1 if warm_up and rounds > 1 else 0, rounds):
        for contender, result in zip(contenders, results, strict=True):
            if result.void or result.unrunnable:
                continue
            print_progress(f"{f'round {number + 1} of {rounds}' if number >= 0 else 'warm-up'}: {contender.name}")
            _one_round(contender, result, counted=number >= 0)
    return results


def _one_round(contender: Contender, result: Result, *, counted: bool) -> None:
    watch = Stopwatch()
    gc.collect()
    try:
        done = contender.run(watch)
    except Unrunnable as error:
        result.unrunnable = str(error)
        return
    if done.wrong:
        result.void = done.wrong
        return
    if not watch.used:
        raise RuntimeError(f"{contender.name} did not start its stopwatch")
    if counted:
        result.cpu.append(watch.cpu_seconds / done.operations)
        result.wall.append(watch.wall_seconds / done.operations)


def print_table(
    title: str, results: Sequence[Result], *, unit: str = "us", scale: float = 1e6, wall: bool = False
) -> None:
    """Print a table: the median of each contender with its range, and its ratios to ours and to the minimum.

    `scale` turns seconds per operation into `unit` (1e6: microseconds each; 1e5: seconds per 100,000). CPU time is
    compared unless `wall` is set.
    """
    clock = "wall" if wall else "CPU"
    print(f"\n{title}\n  {'contender':<44}{clock + ' ' + unit:>14}{'min-max':>20}{'/ ours':>9}{'/ min':>9}")
    ours = _figure_of(results, "ours", wall=wall)
    limit = _figure_of(results, "limit", wall=wall)
    for result in results:
        if not result.usable:
            print(f"  {result.name:<44}{_describe_void(result)}")
            continue
        figures = result.wall if wall else result.cpu
        middle = statistics.median(figures)
        spread = f"{min(figures) * scale:.3g}-{max(figures) * scale:.3g}"
        print(f"  {result.name:<44}{middle * scale:>14.3g}{spread:>20}{_ratio(middle, ours)}{_ratio(middle, limit)}")


def judge_goal(results: Sequence[Result], other: str, at_least: float, *, wall: bool = False) -> bool:
    """Print and return whether ours costs at most 1 / `at_least` of the contender named `other`.

    Also False if either has no usable figure.
    """
    ours = _figure_of(results, "ours", wall=wall)
    theirs = next((_figure(result, wall=wall) for result in results if result.name == other and result.usable), None)
    if ours is None or theirs is None:
        print(f"  goal: {at_least:g} x {other}: not judged, because a figure is missing")
        return False
    reached = theirs / ours
    print(f"  goal: {at_least:g} x {other}: {reached:.1f} x - {'met' if reached >= at_least else 'NOT met'}")
    return reached >= at_least


def _figure(result: Result, *, wall: bool) -> float:
    return result.wall_per_operation if wall else result.cpu_per_operation


def _figure_of(results: Sequence[Result], role: str, *, wall: bool) -> float | None:
    return next((_figure(result, wall=wall) for result in results if result.role == role and result.usable), None)


def _ratio(figure: float, to: float | None) -> str:
    return f"{figure / to:>9.2f}" if to else f"{'-':>9}"


def _describe_void(result: Result) -> str:
    if result.unrunnable:
        return f"cannot run: {result.unrunnable}"
    return f"VOID: {result.void}" if result.void else "no rounds"


def parse_arguments(description: str, *, rounds: int, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the options of benches with contenders: `--quick`, `--smoke`, `--rounds N`, `--json FILE`, `--uvloop`."""
    parser = argparse.ArgumentParser(description=description)
    add_size_options(parser, "a run under 20 s: shows that it works, not a figure")
    parser.add_argument("--rounds", type=int, default=None, help=f"counted rounds of each contender (default {rounds})")
    parser.add_argument("--json", type=Path, default=None, help="also write the figures to this file")
    parser.add_argument("--uvloop", action="store_true", help="run the asyncio contenders on uvloop")
    chosen = parser.parse_args(argv)
    if chosen.rounds is None:
        chosen.rounds = chosen.size.pick(rounds, 2, 1)
    return chosen


def describe_machine() -> str:
    """Return a line that describes the machine, for the head of the output."""
    return f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}"


Figure = tuple[str, str, str]
"""What was measured, the value and the goal; the goal may be empty."""


def record(bench: str, figures: Sequence[Figure]) -> None:
    """Store a bench's figures in the file that the environment variable BENCH_FIGURES names, if it is set (`make bench`).

    Without figures, because no contender could run here, the earlier ones stay.
    """
    name = os.environ.get("BENCH_FIGURES")
    if not name or not figures:
        return
    path = Path(name)
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    stored[bench] = {
        "date": f"{datetime.now().astimezone():%Y-%m-%d}",
        "machine": f"{describe_machine()}, {os.cpu_count()} cores",
        "load": f"{_LOAD_AT_START:.1f}",
        "figures": list(figures),
    }
    path.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def ratio_figures(
    title: str, results: Sequence[Result], goals: Mapping[str, float] | None = None, *, wall: bool = False
) -> list[Figure]:
    """Return rows of (contender, its cost as a multiple of ours, goal). `goals` has the smallest multiples that are goals,
    by contender.
    """
    ours = _figure_of(results, "ours", wall=wall)
    return [
        (
            f"{title}: {result.name}{' (limit)' if result.role == 'limit' else ''} / ours",
            f"{_figure(result, wall=wall) / ours:.2f}",
            f"{goals[result.name]:g}" if goals and result.name in goals else "",
        )
        for result in results
        if ours and result.usable and result.role != "ours" and not result.name.startswith("ours")
    ]


def write_json(path: Path, tables: Mapping[str, Sequence[Result]]) -> None:
    """Write the rounds of each table (seconds per operation) and the machine to a JSON file."""
    document = {
        "machine": describe_machine(),
        "tables": {title: [asdict(r) for r in rows] for title, rows in tables.items()},
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
