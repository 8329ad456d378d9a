"""The contenders of `bench_next_call`: other ways to choose the next number from the same store, on an idle machine.

Each returns the number, its household and the facts for the rules, by the same priorities of booths and weights of
households, and commits the choice. Ours gives each booth its share. A list in order calls the best booths first, whose rows
are adjacent, so it reads less. Three calls are chosen per ten marks, as in the engine's run; the marks are not timed.
"""

from __future__ import annotations

import heapq
import itertools
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bench.next_call_stage import CAMPAIGN, MARKS_PER_SECOND, STARTS_PER_SECOND
from dialer.domain.enums import MarkKind
from dialer.domain.errors import StoreError
from dialer.domain.model import Mark, MarkSource
from dialer.polling_day.priorities import BoothOrder
from dialer.store import claims, number_facts
from dialer.store.connection import close_writing_connection, open_store_for_writing
from dialer.store.marks import save_voter_mark
from dialer.store.sql import open_transaction

NOW = 1.7e9
DAY_START = NOW - 43_200.0
HOPPER_ROWS = 100
HOUSEHOLD = claims.SQL.pending_on_phone
NEXT_OF_LIST = "SELECT phone_id FROM call_list WHERE chosen = 0 ORDER BY priority DESC, phone_id LIMIT 1"
TAKE_OF_LIST = "UPDATE call_list SET chosen = 1 WHERE phone_id = ?1"
NEXT_OF_HOPPER = "SELECT phone_id FROM hopper ORDER BY priority DESC, phone_id LIMIT 1"
TAKE_OF_HOPPER = "DELETE FROM hopper WHERE phone_id = ?1"
# As VICIdial's AST_VDhopper does: sorts the list, because no index has its order.
FILL_OF_HOPPER = """
INSERT INTO hopper SELECT call_list.phone_id, calculate_booth_priority.priority * call_list.weight AS priority
FROM call_list CROSS JOIN calculate_booth_priority USING (booth_id) WHERE chosen = 0 ORDER BY 2 DESC, 1 LIMIT ?1
"""
NEW_PRIORITIES = """
UPDATE call_list SET priority = calculate_booth_priority.priority * call_list.weight
FROM calculate_booth_priority WHERE calculate_booth_priority.booth_id = call_list.booth_id
"""


@dataclass(slots=True)
class Choices:
    """The times of one contender (seconds) and the numbers it chose."""

    name: str
    seconds: list[float] = field(default_factory=list)
    statements: list[float] = field(default_factory=list)  # without the commit
    numbers: list[int] = field(default_factory=list)
    note: str = ""  # additional costs, for the table

    @property
    def wrong(self) -> str:
        """The problem with its output, or ""."""
        return "" if len(set(self.numbers)) == len(self.numbers) else "a number was chosen twice"


def booth_priorities(booths: int) -> dict[int, float]:
    """Return a different priority for each booth, as in the middle of a polling day."""
    chance = random.Random(booths)
    return {booth_id: chance.uniform(0.2, 1.0) for booth_id in range(1, booths + 1)}


def run_contenders(store: Path, voters: int, booths: int, count: int) -> list[Choices]:
    """Run every contender on this store, one after the other. Changes the store."""
    priorities = booth_priorities(booths)
    db = open_store_for_writing(store)
    try:
        return [
            _choose_without_hopper(db, priorities, voters, count),
            *_choose_from_list(db, priorities, voters, count),
        ]
    finally:
        close_writing_connection(db)


def _make_marks(voters: int) -> Iterator[Mark]:
    chance = random.Random(voters)
    for number in itertools.count():
        kind = MarkKind.VOTED if number % 2 else MarkKind.NOT_YET
        key = f"bench/{chance.random()}/{number}"
        yield Mark(key, chance.randrange(1, voters + 1), kind, MarkSource.BOOTH_WORKER, NOW)


def _time_choices(
    db: sqlite3.Connection, name: str, choose: Callable[[], int], marks: Iterator[Mark], count: int, note: str = ""
) -> Choices:
    choices = Choices(name, note=note)
    owed = 0.0
    for _ in range(count):
        began = time.perf_counter()
        with open_transaction(db):
            phone_id = choose()
            choices.statements.append(time.perf_counter() - began)
        choices.seconds.append(time.perf_counter() - began)
        choices.numbers.append(phone_id)
        owed += MARKS_PER_SECOND / STARTS_PER_SECOND
        while owed >= 1:
            owed -= 1
            with open_transaction(db):
                save_voter_mark(db, None, next(marks))
    return choices


def _choose_without_hopper(db: sqlite3.Connection, priorities: dict[int, float], voters: int, count: int) -> Choices:
    order = BoothOrder(priorities)
    order.set_booth_priorities(priorities)

    def choose() -> int:
        quotas = order.plan_numbers_to_call_per_booth(1)
        claimed = claims.claim_queued_numbers(
            db, CAMPAIGN, 1, owner="bench", now=NOW, lease_seconds=60, booths=quotas, day_start=DAY_START
        )
        order.record_reserved_numbers(quotas, claimed, full=True)
        return claimed[0].phone_id

    return _time_choices(db, "ours, one claim a call, no hopper", choose, _make_marks(voters), count)


def _choose_from_list(
    db: sqlite3.Connection, priorities: dict[int, float], voters: int, count: int
) -> Iterator[Choices]:
    """Run the contenders that use one list in order of priority."""
    _make_list(db, priorities)
    marks = _make_marks(voters)

    def read_facts(phone_id: int) -> bool:
        """Read the facts of a number. Return whether a voter on it is pending."""
        number, consent = db.execute("SELECT e164, consent FROM phone WHERE phone_id = ?1", (phone_id,)).fetchone()
        number_facts.read_number_facts_for_calling_rules(db, phone_id, number, consent, DAY_START)
        return HOUSEHOLD.fetch_first_row(db, phone_id=phone_id) is not None

    def make_chooser(next_one: str, take: str, fill: Callable[[], None]) -> Callable[[], int]:
        def choose() -> int:
            while True:
                row = db.execute(next_one).fetchone()
                if row is None:
                    fill()
                    continue
                db.execute(take, row)
                if read_facts(row[0]):
                    return int(row[0])

        return choose

    def fail_without_numbers() -> None:
        raise StoreError("the list is completed")

    def fill_hopper() -> None:
        db.execute(FILL_OF_HOPPER, (HOPPER_ROWS,))
        db.execute("UPDATE call_list SET chosen = 1 WHERE phone_id IN (SELECT phone_id FROM hopper)")

    began = time.perf_counter()
    with open_transaction(db):
        db.execute(NEW_PRIORITIES)
    note = f"new priorities for all: {time.perf_counter() - began:.1f} s"
    yield _time_choices(
        db,
        "SQL, ORDER BY priority LIMIT 1",
        make_chooser(NEXT_OF_LIST, TAKE_OF_LIST, fail_without_numbers),
        marks,
        count,
        note,
    )
    note = f"a fill of {HOPPER_ROWS} by sorting the list is in its max"
    yield _time_choices(
        db, "hopper table, as VICIdial's", make_chooser(NEXT_OF_HOPPER, TAKE_OF_HOPPER, fill_hopper), marks, count, note
    )
    yield _choose_from_heap(db, count)


def _choose_from_heap(db: sqlite3.Connection, count: int) -> Choices:
    """Run the minimum: the whole list in memory, without storing choices and without reading facts."""
    with closing(db.execute("SELECT -priority, phone_id FROM call_list WHERE chosen = 0")) as rows:
        heap = list(rows)
    heapq.heapify(heap)
    choices = Choices("a heap in memory (minimum)", note="nothing stored, no facts")
    for _ in range(count):
        began = time.perf_counter()
        _, phone_id = heapq.heappop(heap)
        choices.seconds.append(time.perf_counter() - began)
        choices.numbers.append(phone_id)
    return choices


def _make_list(db: sqlite3.Connection, priorities: dict[int, float]) -> None:
    with open_transaction(db):
        db.execute("CREATE TABLE calculate_booth_priority (booth_id INTEGER PRIMARY KEY, priority REAL NOT NULL)")
        db.executemany("INSERT INTO calculate_booth_priority VALUES (?, ?)", priorities.items())
        db.execute(
            "CREATE TABLE call_list (phone_id INTEGER PRIMARY KEY, booth_id INTEGER NOT NULL, weight REAL NOT NULL,"
            " priority REAL NOT NULL DEFAULT 0, chosen INTEGER NOT NULL DEFAULT 0)"
        )
        db.execute(
            "INSERT INTO call_list (phone_id, booth_id, weight) SELECT phone_id, booth_id, -rank FROM target"
            " WHERE state = 'due' AND due_at = 0"
        )
        db.execute("CREATE INDEX call_list_order ON call_list (priority DESC, phone_id) WHERE chosen = 0")
        db.execute("CREATE TABLE hopper (phone_id INTEGER PRIMARY KEY, priority REAL NOT NULL)")
