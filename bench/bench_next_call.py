"""The choice of the next call: how long the engine waits for number, household and facts, at 30 starts and 100 marks/s.

    python -m bench.bench_next_call [--quick | --smoke] [--seconds S] [--voters N [N ...]]

A whole centre runs on a store of a million voters and on one of 3.2 million, on their polling day. Engine, store and FastAGI
flows are in this process, a simulated Asterisk is in another. "Chosen" is the time from the pacer's decision for a call until
its number has passed the gate. Also timed are the claims that fill the hopper, as the engine waits for them, and their
statements only. Contenders: the same choice without a hopper, one SQL list, a hopper table as VICIdial fills it, and a heap
in memory. The lag of an idle loop and the time of an fsync show the limits of the machine.

The stores are reused by later runs. They are in `.bench-stores` in the working directory (1 GB); each run works on copies.
"""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import uvloop

from bench.common import Size, add_size_options, describe_machine, print_progress, record
from bench.next_call_contenders import Choices, run_contenders
from bench.next_call_stage import (
    CAMPAIGN,
    MARKS_PER_SECOND,
    STARTS_PER_SECOND,
    Figures,
    build_store,
    run_centre,
    temporary_copy,
)
from dialer.cli.logs import configure_quiet_logging
from tests.support.roll_filler import VOTERS_PER_BOOTH

STORES = Path.cwd() / ".bench-stores"  # not in /tmp, which may be in memory: commits must reach a disk
SIZES = (1_000_000, 3_200_000)
QUICK_SIZES = (20_000, 64_000)
SMOKE_SIZES = (2_000,)
GOAL_SECONDS = 0.002  # p99
GOAL_RATIO = 1.5  # p99 of the largest store / p99 of the smallest
# Numbers with two first attempts, and booths in which a number was dialled before a larger household.
WRONG = """
SELECT (SELECT count(*) - count(DISTINCT phone_id) FROM attempt WHERE attempt_number = 1),
       (SELECT count(*) FROM (
           SELECT booth_id FROM target WHERE campaign_id = ?1 GROUP BY booth_id
           HAVING max(rank) FILTER (WHERE attempts > 0) > min(rank) FILTER (WHERE state = 'due' AND due_at = 0)
       ))
"""


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value below which `part` (0-1) of the values lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def print_row(name: str, values: Sequence[float], note: str = "") -> None:
    """Print a row: count, median, p99 and maximum (ms)."""
    if not values:
        print(f"  {name:<52}{'none':>7}")
        return
    figures = "".join(
        f"{value * 1e3:>10.3f}" for value in (percentile(values, 0.5), percentile(values, 0.99), max(values))
    )
    print(f"  {name:<52}{len(values):>7}{figures}  {note}")


def show_engine(voters: int, seen: Figures) -> None:
    """Print the waits of the engine."""
    print(f"\nThe engine, {voters:,} voters; ms{'n':>39}{'p50':>10}{'p99':>10}{'max':>10}")
    print_row("a call: from the decision to the gate", seen.chosen, f"{seen.waited} waited for a claim")
    print_row("  from the gate to the store", seen.handed)
    print_row("a claim that fills the hopper, with its commit", seen.claims, f"{seen.claimed} numbers")
    print_row("  its statements only", seen.claim_work)
    print_row("the commit before the call is dialled", seen.opened)
    print_row("a mark, until it is committed", seen.marks)
    print_row("event-loop lag", seen.lag)
    print_row("lag of an idle loop meanwhile", seen.bare)
    print_row("an fsync of two pages meanwhile", seen.syncs)
    print(
        f"  {len(seen.chosen) / seen.seconds:.1f} starts and {len(seen.marks) / seen.seconds:.1f} marks per second, without the"
        f" flows' marks, {seen.cpu_seconds / seen.seconds:.2f} of a core; ready to dial after {seen.ready_seconds:.1f} s"
    )


def show_contenders(voters: int, all_of_them: Sequence[Choices], ours: Figures) -> None:
    """Print the contenders, compared with the engine's p99."""
    print(
        f"\nA call chosen and committed, {voters:,} voters, idle machine; ms{'n':>21}{'p50':>10}{'p99':>10}{'max':>10}"
    )
    reference = percentile(ours.chosen, 0.99)
    for each in all_of_them:
        if each.wrong:
            print(f"  {each.name:<52}VOID: {each.wrong}")
        else:
            ratio = percentile(each.seconds, 0.99) / reference
            print_row(each.name, each.seconds, f"p99 {ratio:.3g} x the engine's; {each.note}".rstrip("; "))
            if each.statements:
                print_row("  its statements only", each.statements)


def check_store(store: Path, *, in_order: bool) -> None:
    """Raise RuntimeError if a number was dialled twice or out of its booth's order, which makes a run void.

    The order is not checked if `in_order` is False: if the dialler has returned numbers to the queue, as it does when it
    was held up for a moment, those behind them may be dialled first.
    """
    with closing(sqlite3.connect(store)) as db:
        twice, disordered = db.execute(WRONG, (CAMPAIGN,)).fetchone()
    if twice or (in_order and disordered):
        raise RuntimeError(f"void: {twice} numbers dialled twice, {disordered} booths out of order")


def print_goal(text: str, met: bool) -> None:
    """Print whether a goal is met."""
    print(f"  goal: {text} - {'met' if met else 'NOT met'}")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the bench and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_size_options(parser, "small stores, short run: shows that it works")
    parser.add_argument("--seconds", type=float, help="length of the measurement of each store")
    parser.add_argument("--voters", type=int, nargs="+", help="sizes of the stores, the smallest first")
    options: Any = parser.parse_args(argv)
    size: Size = options.size
    sizes = options.voters or size.pick(SIZES, QUICK_SIZES, SMOKE_SIZES)
    seconds = options.seconds or size.pick(25.0, 3.0, 1.0)
    warm_up_seconds = size.pick(8.0, 2.0, 0.5)
    configure_quiet_logging()
    print(describe_machine(), "SQLite", sqlite3.sqlite_version)
    print(
        f"{STARTS_PER_SECOND:g} call starts and {MARKS_PER_SECOND:g} marks per second, {seconds:g} s per store",
        flush=True,
    )
    p99: dict[int, float] = {}
    for voters in sizes:
        print_progress(f"store of {voters:,} voters")
        store = build_store(STORES, voters)
        print_progress(f"centre with {voters:,} voters for {seconds:g} s")
        with temporary_copy(store) as copy:
            seen = uvloop.run(run_centre(copy, voters, seconds, warm_up_seconds))
            check_store(copy, in_order=size is not Size.SMOKE)
        print_progress(f"contenders with {voters:,} voters")
        with temporary_copy(store) as copy:
            contenders = run_contenders(copy, voters, -(-voters // VOTERS_PER_BOOTH), size.pick(500, 100, 20))
        show_engine(voters, seen)
        show_contenders(voters, contenders, seen)
        p99[voters] = percentile(seen.chosen, 0.99)
        print_goal(
            f"p99 under {GOAL_SECONDS * 1e3:g} ms at {voters:,} voters: {p99[voters] * 1e3:.2f}",
            p99[voters] < GOAL_SECONDS,
        )
    ratio = p99[sizes[-1]] / p99[sizes[0]]
    goals = f"{GOAL_SECONDS * 1e3:g}"
    figures = [
        (f"next number chosen, {voters:,} voters, ms at p99", f"{p99[voters] * 1e3:.2f}", goals) for voters in sizes
    ]
    record("next_call", [*figures, ("largest list / smallest", f"{ratio:.2f}", f"{GOAL_RATIO}")])
    print_goal(f"{sizes[-1]:,} voters at most {GOAL_RATIO} x {sizes[0]:,}: {ratio:.2f} x", ratio <= GOAL_RATIO)


if __name__ == "__main__":
    main()
