"""The batch schedule: every row is uploaded once, whatever is lost on the way or restored on either side."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from dialer.nats.messages import MAX_BATCH_BYTES, MAX_BATCH_ROWS, OutboxBatch, pack_batch, unpack_batch
from dialer.store.outbox import OutboxRow
from dialer.uplink.batches import ACK_TIMEOUT_SECONDS, BATCH_SECONDS, MAX_ACK_TIMEOUT_SECONDS, BatchSchedule


def make_rows(first: int, last: int, topic: str = "results/marks", payload: str = "{}") -> list[OutboxRow]:
    return [OutboxRow(number, topic, payload, 1.0) for number in range(first, last + 1)]


def make_schedule_after(acknowledged: int = 0) -> BatchSchedule:
    return BatchSchedule("pune-1", acknowledged, random.Random(1))


def get_batch_span(batch: OutboxBatch | None) -> tuple[int, int, int] | None:
    return None if batch is None else (batch.first, batch.last, len(batch.rows))


def test_next_batch_of_results_is_sent_after_the_last_batch_was_acknowledged() -> None:
    schedule = make_schedule_after(10)
    assert get_batch_span(schedule.get_next_batch(make_rows(11, 13), 10, 0.0)) == (11, 13, 3)
    assert schedule.is_waiting_for_acknowledgement
    assert schedule.get_next_send_time(0.0) > 3.0
    schedule.record_acknowledgement(13, 0.4)
    assert (schedule.acknowledged, schedule.is_waiting_for_acknowledgement) == (13, False)
    assert schedule.get_next_send_time(0.4) == BATCH_SECONDS


def test_batch_of_results_that_did_not_reach_the_server_is_resent_immediately() -> None:
    schedule = make_schedule_after(10)
    made = schedule.get_next_batch(make_rows(11, 13), 10, 0.0)
    assert schedule.get_batch_to_resend(2.0) is None
    schedule.record_send_failure(2.0)
    assert schedule.get_batch_to_resend(2.0) == made
    assert schedule.get_batch_to_resend(3.0) is None
    schedule.record_acknowledgement(13, 3.0)
    schedule.record_send_failure(3.5)
    assert schedule.acknowledged == 13


def test_next_batch_of_results_is_sent_immediately_after_a_full_batch() -> None:
    schedule = make_schedule_after()
    assert get_batch_span(schedule.get_next_batch(make_rows(1, MAX_BATCH_ROWS), 0, 0.0)) == (
        1,
        MAX_BATCH_ROWS,
        MAX_BATCH_ROWS,
    )
    schedule.record_acknowledgement(MAX_BATCH_ROWS, 0.1)
    assert schedule.get_next_send_time(0.1) <= 0.1


def test_batch_of_result_rows_is_limited_in_bytes() -> None:
    schedule = make_schedule_after()
    made = schedule.get_next_batch(make_rows(1, 300, payload="x" * 20_000), 0, 0.0)
    assert made is not None
    assert 90 < made.last < MAX_BATCH_BYTES / 20_000
    schedule.record_acknowledgement(made.last, 0.1)
    assert schedule.get_next_send_time(0.1) <= 0.1


def test_batch_of_results_with_text_in_any_script_is_accepted_by_headquarters() -> None:
    made = make_schedule_after().get_next_batch(make_rows(1, MAX_BATCH_ROWS, payload="\u0905" * 3_000), 0, 0.0)
    assert made is not None
    assert unpack_batch(pack_batch(made)) == made


def test_replies_to_commands_are_not_uploaded() -> None:
    schedule = make_schedule_after()
    assert schedule.get_next_batch(make_rows(1, 3, "replies/uplink/x"), 0, 0.0) is None
    assert schedule.get_next_send_time(0.0) == BATCH_SECONDS
    assert get_batch_span(
        schedule.get_next_batch([*make_rows(1, 3, "replies/uplink/x"), *make_rows(4, 4)], 0, 1.0)
    ) == (1, 4, 1)
    many = make_schedule_after()
    assert get_batch_span(many.get_next_batch(make_rows(1, MAX_BATCH_ROWS, "replies/a/x"), 0, 0.0)) == (
        1,
        MAX_BATCH_ROWS,
        0,
    )  # more rows may follow
    long = make_schedule_after()
    made = long.get_next_batch([*make_rows(1, 300, "replies/a/x", "x" * 20_000), *make_rows(301, 301)], 0, 0.0)
    assert made is not None  # replies alone fill the batch
    assert (made.rows, 0 < made.last < 301) == ((), True)


def test_interval_between_resends_of_an_unacknowledged_batch_of_results_grows() -> None:
    schedule = make_schedule_after()
    made = schedule.get_next_batch(make_rows(1, 2), 0, 0.0)
    assert schedule.get_batch_to_resend(1.0) is None
    now, waits = 0.0, []
    for _ in range(8):
        now, before = schedule.get_next_send_time(now), now
        waits.append(now - before)
        assert schedule.get_batch_to_resend(now) is made
    assert ACK_TIMEOUT_SECONDS * 0.75 <= waits[0] <= ACK_TIMEOUT_SECONDS * 1.25
    assert max(waits) <= MAX_ACK_TIMEOUT_SECONDS * 1.25
    assert waits[-1] >= MAX_ACK_TIMEOUT_SECONDS * 0.75


def test_batch_of_results_is_resent_after_any_number_of_failures() -> None:
    """Headquarters' server may be full or refuse the centre for days."""
    schedule = make_schedule_after()
    made = schedule.get_next_batch(make_rows(1, 2), 0, 0.0)
    for second in range(3_000):
        schedule.record_send_failure(float(second))
        assert schedule.get_batch_to_resend(float(second)) is made
    assert schedule.get_next_send_time(3_000.0) <= 3_000.0 + MAX_ACK_TIMEOUT_SECONDS * 1.25


def test_late_acknowledgement_of_a_batch_of_results_changes_nothing() -> None:
    schedule = make_schedule_after(10)
    schedule.get_next_batch(make_rows(11, 13), 10, 0.0)
    schedule.record_acknowledgement(10, 0.1)
    schedule.record_acknowledgement(12, 0.2)
    assert schedule.is_waiting_for_acknowledgement
    assert schedule.acknowledged == 10


def test_restored_headquarters_receives_its_lost_rows_once_more() -> None:
    schedule = make_schedule_after(10)
    schedule.get_next_batch(make_rows(11, 13), 10, 0.0)
    schedule.record_acknowledgement(4, 0.1)  # its database was restored
    assert (schedule.acknowledged, schedule.get_next_send_time(0.1)) == (4, 0.1)
    again = schedule.get_next_batch(make_rows(11, 13), 10, 0.1)
    assert get_batch_span(again) == (5, 13, 3)
    assert again is not None
    assert again.deleted_through == 10
    schedule.record_acknowledgement(13, 0.2)
    fresh = schedule.get_next_batch(make_rows(14, 14), 13, 1.2)
    assert fresh is not None
    assert fresh.deleted_through == 0


def test_second_part_of_a_large_batch_of_results_is_sent_immediately() -> None:
    schedule = make_schedule_after(10)
    made = schedule.get_next_batch(make_rows(11, 20), 10, 0.0)
    assert made is not None
    schedule.shorten_unacknowledged_batch(replace(made, last=15, rows=made.rows[:5]), 0.0)
    schedule.record_acknowledgement(15, 0.4)
    assert (schedule.acknowledged, schedule.get_next_send_time(0.4)) == (15, 0.0)
    assert get_batch_span(schedule.get_next_batch(make_rows(16, 20), 15, 0.4)) == (16, 20, 5)


def test_restored_store_sends_only_result_rows_that_headquarters_lacks() -> None:
    schedule = make_schedule_after(10)
    schedule.get_next_batch(make_rows(11, 13), 10, 0.0)
    schedule.record_acknowledgement(500, 0.1)
    assert (schedule.acknowledged, schedule.is_waiting_for_acknowledgement) == (
        500,
        False,
    )
    assert get_batch_span(schedule.get_next_batch(make_rows(511, 513), 500, 1.1)) == (501, 513, 3)


@pytest.mark.parametrize("seed", range(40))
def test_every_result_row_is_stored_once_at_headquarters_whichever_messages_are_lost(seed: int) -> None:
    """Headquarters commits the rows that follow its own, acknowledges what it has, and may be restored from a backup."""
    rng = random.Random(seed)
    schedule = BatchSchedule("pune-1", 0, rng)
    outbox: list[OutboxRow] = []
    committed: list[int] = []
    backup: list[int] = []
    made, last, passed, now, safe = 0, 0, 0, 0.0, 0
    while made < 2_000 or max(committed, default=0) < last:
        now += 0.5
        if made < 2_000:
            new = rng.randrange(0, 80)
            outbox += make_rows(last + 1, last + new)
            last, made = last + new, made + new
        if now >= schedule.get_next_send_time(now):
            batch = schedule.get_batch_to_resend(now)
            if batch is None and not schedule.is_waiting_for_acknowledgement:
                waiting = [row for row in outbox if row.outbox_id > schedule.acknowledged][:MAX_BATCH_ROWS]
                batch = schedule.get_next_batch(waiting, passed, now)
            if batch is not None and rng.random() < 0.8:
                has = max(committed, default=0)
                if batch.first <= has + 1:
                    committed += [row.id for row in batch.rows if row.id > has]
                if rng.random() < 0.8:
                    schedule.record_acknowledgement(max(committed, default=0), now)
        if rng.random() < 0.02 and made < 1_900:
            backup, safe = committed.copy(), max(committed, default=0)
        if rng.random() < 0.005 and made < 1_900:
            committed = backup.copy()
        passed = min(schedule.acknowledged, safe)  # centres keep rows until headquarters has them in a backup
        outbox = [row for row in outbox if row.outbox_id > passed]
    assert committed == [*range(1, last + 1)]
