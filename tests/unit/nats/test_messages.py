"""Messages between centres and headquarters: what is packed is unpacked, and anything else is refused."""

from __future__ import annotations

import json
import random
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.voter_place import VoterPlace
from dialer.nats import messages
from dialer.nats.messages import BatchRow, InvalidMessage, OutboxBatch

ROWS = (BatchRow(7, "results/marks", 5.0, '{"key":"a"}'), BatchRow(9, "results/attempts", 6.0, "{}"))
BATCH = OutboxBatch("pune-1", messages.VERSION, 5, 9, ROWS)


def pack_changed_batch(**changes: object) -> bytes:
    fields = json.loads(zlib.decompress(messages.pack_batch(BATCH)))
    return zlib.compress(json.dumps({**fields, **changes}).encode())


def test_batch_of_result_rows_is_unchanged_after_packing_and_unpacking() -> None:
    assert messages.unpack_batch(messages.pack_batch(BATCH)) == BATCH
    rows = tuple(BatchRow(row_id, "t", 1.0, "x" * 400) for row_id in range(1, 501))
    assert len(messages.pack_batch(OutboxBatch("pune-1", 1, 1, 500, rows))) < 10_000


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"version": 3}, "unknown version"),
        ({"version": None}, "unknown version"),
        ({"first": 8}, "out of order"),
        ({"last": 8}, "after the last id"),
        ({"last": 4}, "out of order"),
        ({"rows": [{"id": 7}]}, "rows.0"),
        (
            {"rows": json.loads(json.dumps([{"id": 9, "topic": "t", "at": 1.0, "payload": ""}] * 2))},
            "out of order",
        ),
        ({"more": 1}, "more"),
    ],
)
def test_malformed_batch_of_result_rows_is_refused(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(InvalidMessage, match=problem):
        messages.unpack_batch(pack_changed_batch(**changes))


@given(st.binary(max_size=200))
@settings(derandomize=True, deadline=None)
def test_random_bytes_are_refused_as_a_batch_of_result_rows(data: bytes) -> None:
    for read in (messages.unpack_batch, messages.unpack_acknowledgement, messages.unpack_peer_updates):
        with pytest.raises(InvalidMessage):
            read(data)
        with pytest.raises(InvalidMessage):
            read(zlib.compress(data))


def test_batch_of_result_rows_that_decompresses_beyond_the_limit_is_refused() -> None:
    with pytest.raises(InvalidMessage, match="too long"):
        messages.unpack_batch(zlib.compress(b" " * (messages.MAX_BATCH_BYTES * 3)))


def test_dots_in_centre_names_are_escaped_in_nats_subjects() -> None:
    assert messages.build_marks_subject_of_constituency("*", "S13", 209) == "peer.*.mark.S13.209"
    assert messages.build_marks_subject_of_constituency("z1", "a.b > *", 209) == "peer.z1.mark.a_b____.209"
    assert messages.build_live_status_subject("pune-1", "campaign", "x.y") == "live.pune-1.campaign.x_y"


def test_voter_status_for_other_centres_has_the_roll_entry_and_no_database_id() -> None:
    mark = {"key": "k", "voter_id": 7, "kind": "voted", "source": "agent", "at": 5.0, "attempt_id": "x", "undoes": None}
    peer = messages.build_mark_for_other_centres("pune-1", VoterPlace("2026-1", "S13", 209, 118, 7), mark)
    assert peer.keys() == {
        *("key", "kind", "source", "at", "centre", "roll_version", "state_code", "constituency_number", "part_number"),
        "serial",
    }
    assert messages.unpack_peer_updates(messages.pack_peer_updates([], [peer])) == ([], [peer])


def test_batch_of_result_rows_too_large_for_one_message_is_sent_in_parts() -> None:
    payloads = random.Random(1)
    rows = tuple(BatchRow(number, "results/marks", 1.0, payloads.randbytes(9_000).hex()) for number in range(1, 201))
    batch = OutboxBatch("pune-1", messages.VERSION, 1, 200, rows)
    found: list[int] = []
    rest = batch
    while rest.rows:
        part, data = messages.pack_first_part_of_batch(rest)
        assert len(data) <= messages.MAX_MESSAGE_BYTES
        assert messages.unpack_batch(data) == part
        found += [row.id for row in part.rows]
        rest = replace(rest, first=part.last + 1, rows=tuple(row for row in rows if row.id > part.last))
    assert found == [*range(1, 201)]


def test_result_row_too_large_for_a_message_is_sent_without_content() -> None:
    payload = random.Random(1).randbytes(1_500_000).hex()
    batch = OutboxBatch("pune-1", messages.VERSION, 1, 1, (BatchRow(1, "results/marks", 1.0, payload),))
    part, data = messages.pack_first_part_of_batch(batch)
    assert len(data) < 1_000
    assert part.rows[0].payload == '{"too_large_bytes": 3000000}'


def test_batch_with_more_result_rows_than_a_centre_may_send_is_refused() -> None:
    rows = tuple(BatchRow(number, "t", 1.0, "{}") for number in range(1, messages.MAX_BATCH_ROWS + 2))
    with pytest.raises(InvalidMessage, match="more than 500 rows"):
        messages.unpack_batch(messages.pack_batch(OutboxBatch("pune-1", messages.VERSION, 1, len(rows), rows)))
