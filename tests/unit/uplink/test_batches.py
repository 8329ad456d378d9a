"""Which stretch goes up next: every row once, whatever is lost on the way or restored on either side."""

from __future__ import annotations

import random

import pytest

from dialer.nats.wire import MOST_BATCH_BYTES, MOST_ROWS, UpBatch, pack, unpack
from dialer.store.port import OutboxRow
from dialer.uplink.batches import AGAIN_SECONDS, EVERY_SECONDS, MOST_AGAIN_SECONDS, Batches


def rows(first: int, last: int, topic: str = "results/marks", payload: str = "{}") -> list[OutboxRow]:
    return [OutboxRow(number, topic, payload, 1.0) for number in range(first, last + 1)]


def batches(passed: int = 0) -> Batches:
    return Batches("pune-1", passed, random.Random(1))


def span(batch: UpBatch | None) -> tuple[int, int, int] | None:
    return None if batch is None else (batch.first, batch.last, len(batch.rows))


def test_one_batch_is_under_way_and_the_next_follows_its_answer() -> None:
    up = batches(10)
    assert span(up.make(rows(11, 13), 10, 0.0)) == (11, 13, 3)
    assert up.waits
    assert up.looks_at(0.0) > 3.0
    up.answered(13, 0.4)
    assert (up.known, up.waits, up.looks_at(0.4)) == (13, False, EVERY_SECONDS)


def test_what_did_not_reach_the_server_goes_again_at_once() -> None:
    up = batches(10)
    made = up.make(rows(11, 13), 10, 0.0)
    assert up.again(2.0) is None
    up.not_stored(2.0)
    assert up.again(2.0) == made
    assert up.again(3.0) is None
    up.answered(13, 3.0)
    up.not_stored(3.5)
    assert up.known == 13


def test_a_full_batch_is_followed_at_once() -> None:
    up = batches()
    assert span(up.make(rows(1, MOST_ROWS), 0, 0.0)) == (1, MOST_ROWS, MOST_ROWS)
    up.answered(MOST_ROWS, 0.1)
    assert up.looks_at(0.1) <= 0.1


def test_a_batch_has_as_many_bytes_as_a_message_can_carry() -> None:
    up = batches()
    made = up.make(rows(1, 300, payload="x" * 20_000), 0, 0.0)
    assert made is not None
    assert 90 < made.last < MOST_BATCH_BYTES / 20_000
    up.answered(made.last, 0.1)
    assert up.looks_at(0.1) <= 0.1


def test_a_batch_in_any_script_is_one_that_headquarters_takes() -> None:
    made = batches().make(rows(1, MOST_ROWS, payload="\u0905" * 3_000), 0, 0.0)
    assert made is not None
    assert unpack(pack(made)) == made


def test_replies_stay_in_the_centre_and_do_not_keep_the_line_busy() -> None:
    up = batches()
    assert up.make(rows(1, 3, "replies/uplink/x"), 0, 0.0) is None
    assert up.looks_at(0.0) == EVERY_SECONDS
    assert span(up.make([*rows(1, 3, "replies/uplink/x"), *rows(4, 4)], 0, 1.0)) == (1, 4, 1)
    many = batches()
    assert span(many.make(rows(1, MOST_ROWS, "replies/a/x"), 0, 0.0)) == (1, MOST_ROWS, 0)  # what follows must be seen
    long = batches()
    made = long.make([*rows(1, 300, "replies/a/x", "x" * 20_000), *rows(301, 301)], 0, 0.0)
    assert made is not None  # all that a batch may carry are replies
    assert (made.rows, 0 < made.last < 301) == ((), True)


def test_without_an_answer_it_goes_again_ever_more_seldom() -> None:
    up = batches()
    made = up.make(rows(1, 2), 0, 0.0)
    assert up.again(1.0) is None
    now, waits = 0.0, []
    for _ in range(8):
        now, before = up.looks_at(now), now
        waits.append(now - before)
        assert up.again(now) is made
    assert AGAIN_SECONDS * 0.75 <= waits[0] <= AGAIN_SECONDS * 1.25
    assert max(waits) <= MOST_AGAIN_SECONDS * 1.25
    assert waits[-1] >= MOST_AGAIN_SECONDS * 0.75


def test_an_answer_to_an_earlier_batch_changes_nothing() -> None:
    up = batches(10)
    up.make(rows(11, 13), 10, 0.0)
    up.answered(10, 0.1)
    up.answered(12, 0.2)
    assert up.waits
    assert up.known == 10


def test_headquarters_that_lost_its_database_is_told_again_and_what_is_gone() -> None:
    up = batches(10)
    up.make(rows(11, 13), 10, 0.0)
    up.answered(4, 0.1)  # it knows no more
    assert (up.known, up.looks_at(0.1)) == (4, 0.1)
    again = up.make(rows(11, 13), 10, 0.1)
    assert span(again) == (5, 13, 3)
    assert again is not None
    assert again.gone == 10
    up.answered(13, 0.2)
    fresh = up.make(rows(14, 14), 13, 1.2)
    assert fresh is not None
    assert fresh.gone == 0


def test_headquarters_that_knows_more_than_a_restored_store_is_believed() -> None:
    up = batches(10)
    up.make(rows(11, 13), 10, 0.0)
    up.answered(500, 0.1)
    assert (up.known, up.waits) == (500, False)  # what the dialler is told, which moves its rows behind it
    assert span(up.make(rows(511, 513), 500, 1.1)) == (501, 513, 3)


@pytest.mark.parametrize("seed", range(40))
def test_every_row_is_committed_once_whatever_is_lost(seed: int) -> None:
    """Headquarters as it works: it takes what follows what it has, answers what it has, and may be restored from a copy."""
    chance = random.Random(seed)
    up = Batches("pune-1", 0, chance)
    outbox: list[OutboxRow] = []
    committed: list[int] = []
    copy: list[int] = []
    made, last, passed, now, safe = 0, 0, 0, 0.0, 0
    while made < 2_000 or max(committed, default=0) < last:
        now += 0.5
        if made < 2_000:
            new = chance.randrange(0, 80)
            outbox += rows(last + 1, last + new)
            last, made = last + new, made + new
        if now >= up.looks_at(now):
            batch = up.again(now)
            if batch is None and not up.waits:
                waiting = [row for row in outbox if row.outbox_id > up.known][:MOST_ROWS]
                batch = up.make(waiting, passed, now)
            if batch is not None and chance.random() < 0.8:
                has = max(committed, default=0)
                if batch.first <= has + 1:
                    committed += [row.id for row in batch.rows if row.id > has]
                if chance.random() < 0.8:
                    up.answered(max(committed, default=0), now)
        if chance.random() < 0.02 and made < 1_900:
            copy, safe = committed.copy(), max(committed, default=0)
        if chance.random() < 0.005 and made < 1_900:
            committed = copy.copy()
        passed = min(up.known, safe)  # a copy of headquarters' database is as old as what centres still have
        outbox = [row for row in outbox if row.outbox_id > passed]
    assert committed == [*range(1, last + 1)]
