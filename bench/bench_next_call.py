"""The next call: how long the engine waits for its number, household and facts, with 30 starts and 100 marks a second.

    python -m bench.bench_next_call [--quick] [--seconds S] [--voters N [N ...]]

A whole centre runs on a store of a million voters and on one of 3.2 million, on their polling day: its engine, its store and
its FastAGI flows in this process, a simulated Asterisk in another. "Chosen" is the time from the pacer's asking for a call to
its number's having passed the gate, in the engine itself; the claims that fill the hopper beforehand are timed too, as the
engine waits for them and their statements alone. Beside them: the same choice without a hopper, one SQL list, a hopper table
as VICIdial fills it, and a heap in memory; and how late a loop is that does nothing and how long the disk takes to sync, which
nobody can beat on this machine.

The stores are kept in `.bench-stores` of the working directory (1 GB), so that the next run finds them; each run works on copies.
"""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import uvloop

from bench.common import machine, record
from bench.next_call_contenders import Choices, all_choices
from bench.next_call_stage import (
    CAMPAIGN,
    MARKS_A_SECOND,
    STARTS_A_SECOND,
    Figures,
    a_copy,
    built_store,
    centre_at_work,
)
from dialer.cli.logs import quiet_logging
from tests.support.roll_filler import VOTERS_PER_BOOTH

STORES = Path.cwd() / ".bench-stores"  # not in /tmp, which may be memory: a commit must reach a disk
SIZES = (1_000_000, 3_200_000)
QUICK_SIZES = (20_000, 64_000)
GOAL_SECONDS = 0.002  # p99
GOAL_RATIO = 1.5  # the largest store's p99 to the smallest one's
# Numbers dialled twice as a first attempt, and booths in which a number was dialled before a larger household of theirs.
WRONG = """
SELECT (SELECT count(*) - count(DISTINCT phone_id) FROM attempt WHERE attempt_number = 1),
       (SELECT count(*) FROM (
           SELECT booth_id FROM target WHERE campaign_id = ?1 GROUP BY booth_id
           HAVING max(rank) FILTER (WHERE attempts > 0) > min(rank) FILTER (WHERE state = 'due' AND due_at = 0)
       ))
"""


def share(values: Sequence[float], part: float) -> float:
    """The value below which `part` of the values lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def line(name: str, values: Sequence[float], note: str = "") -> None:
    """One row: how many, median, p99 and most, in ms."""
    if not values:
        print(f"  {name:<52}{'none':>7}")
        return
    figures = "".join(f"{value * 1e3:>10.3f}" for value in (share(values, 0.5), share(values, 0.99), max(values)))
    print(f"  {name:<52}{len(values):>7}{figures}  {note}")


def show_engine(voters: int, seen: Figures) -> None:
    """What the engine waited for."""
    print(f"\nThe engine, {voters:,} voters; ms{'n':>39}{'p50':>10}{'p99':>10}{'max':>10}")
    line("a call: wanted, until its number passed the gate", seen.chosen, f"{seen.waited} had to wait for a claim")
    line("  and from there until it is handed to the store", seen.handed)
    line("a claim that fills the hopper, its commit included", seen.claims, f"{seen.claimed} numbers")
    line("  its statements alone", seen.claim_work)
    line("the commit before the call is dialled", seen.opened)
    line("a mark, until it is on disk", seen.marks)
    line("the loop's lag", seen.lag)
    line("lag of a loop that does nothing, beside it", seen.bare)
    line("an fsync of two pages, beside it", seen.syncs)
    print(
        f"  {len(seen.chosen) / seen.seconds:.1f} starts and {len(seen.marks) / seen.seconds:.1f} marks a second beside the"
        f" flows' own, {seen.cpu_seconds / seen.seconds:.2f} of a core; ready to dial after {seen.ready_seconds:.1f} s"
    )


def show_contenders(voters: int, all_of_them: Sequence[Choices], ours: Figures) -> None:
    """The contenders beside the engine, whose p99 is 1."""
    print(
        f"\nA call chosen, committed, {voters:,} voters, nothing else to do; ms{'n':>16}{'p50':>10}{'p99':>10}{'max':>10}"
    )
    reference = share(ours.chosen, 0.99)
    for each in all_of_them:
        if each.wrong:
            print(f"  {each.name:<52}VOID: {each.wrong}")
        else:
            ratio = share(each.seconds, 0.99) / reference
            line(each.name, each.seconds, f"p99 {ratio:.3g} x the engine's; {each.beside}".rstrip("; "))
            if each.statements:
                line("  its statements alone", each.statements)


def checked(store: Path) -> None:
    """Raise RuntimeError where a run dialled a number twice or out of its booth's order: its figures would be void."""
    with closing(sqlite3.connect(store)) as db:
        twice, disordered = db.execute(WRONG, (CAMPAIGN,)).fetchone()
    if twice or disordered:
        raise RuntimeError(f"void: {twice} numbers dialled twice, {disordered} booths out of order")


def verdict(text: str, met: bool) -> None:
    """A goal's line."""
    print(f"  goal: {text} - {'met' if met else 'NOT met'}")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small stores and a short run: shows that it works")
    parser.add_argument("--seconds", type=float, help="how long to measure each store")
    parser.add_argument("--voters", type=int, nargs="+", help="sizes of the stores, the smallest first")
    options: Any = parser.parse_args(argv)
    sizes = options.voters or (QUICK_SIZES if options.quick else SIZES)
    seconds = options.seconds or (3.0 if options.quick else 40.0)
    warm_up_seconds = 2.0 if options.quick else 8.0
    quiet_logging()
    print(machine(), "SQLite", sqlite3.sqlite_version)
    print(f"{STARTS_A_SECOND:g} call starts and {MARKS_A_SECOND:g} marks a second, {seconds:g} s a store", flush=True)
    p99: dict[int, float] = {}
    for voters in sizes:
        store = built_store(STORES, voters)
        with a_copy(store) as copy:
            seen = uvloop.run(centre_at_work(copy, voters, seconds, warm_up_seconds))
            checked(copy)
        with a_copy(store) as copy:
            contenders = all_choices(copy, voters, -(-voters // VOTERS_PER_BOOTH), 100 if options.quick else 500)
        show_engine(voters, seen)
        show_contenders(voters, contenders, seen)
        p99[voters] = share(seen.chosen, 0.99)
        verdict(
            f"p99 under {GOAL_SECONDS * 1e3:g} ms at {voters:,} voters: {p99[voters] * 1e3:.2f}",
            p99[voters] < GOAL_SECONDS,
        )
    ratio = p99[sizes[-1]] / p99[sizes[0]]
    goals = f"{GOAL_SECONDS * 1e3:g}"
    figures = [
        (f"next number chosen, {voters:,} voters, ms at p99", f"{p99[voters] * 1e3:.2f}", goals) for voters in sizes
    ]
    record("next_call", [*figures, ("largest list / smallest", f"{ratio:.2f}", f"{GOAL_RATIO}")])
    verdict(f"{sizes[-1]:,} voters at most {GOAL_RATIO} x {sizes[0]:,}: {ratio:.2f} x", ratio <= GOAL_RATIO)


if __name__ == "__main__":
    main()
