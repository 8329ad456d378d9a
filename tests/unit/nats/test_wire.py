"""What goes between a centre and its headquarters, and what is taken for none of it."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.other_centres import VoterPlace
from dialer.nats import wire
from dialer.nats.wire import BatchRow, NotOurs, UpBatch

ROWS = (BatchRow(7, "results/marks", 5.0, '{"key":"a"}'), BatchRow(9, "results/attempts", 6.0, "{}"))
BATCH = UpBatch("pune-1", wire.VERSION, 5, 9, ROWS)


def packed(**changes: object) -> bytes:
    fields = json.loads(zlib.decompress(wire.pack(BATCH)))
    return zlib.compress(json.dumps({**fields, **changes}).encode())


def test_a_batch_is_read_as_it_was_sent() -> None:
    assert wire.unpack(wire.pack(BATCH)) == BATCH
    assert (
        len(wire.pack(UpBatch("pune-1", 1, 1, 500, tuple(BatchRow(id_, "t", 1.0, "x" * 400) for id_ in range(1, 501)))))
        < 10_000
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"version": 2}, "unknown version"),
        ({"version": None}, "unknown version"),
        ({"first": 8}, "follow each other"),
        ({"last": 8}, "more than it says"),
        ({"last": 4}, "follow each other"),
        ({"rows": [{"id": 7}]}, "rows.0"),
        (
            {"rows": json.loads(json.dumps([{"id": 9, "topic": "t", "at": 1.0, "payload": ""}] * 2))},
            "follow each other",
        ),
        ({"more": 1}, "more"),
    ],
)
def test_a_batch_that_is_wrong_is_refused_with_a_word(changes: dict[str, object], why: str) -> None:
    with pytest.raises(NotOurs, match=why):
        wire.unpack(packed(**changes))


@given(st.binary(max_size=200))
@settings(derandomize=True, deadline=None)
def test_no_message_at_all_makes_reading_fail_otherwise(data: bytes) -> None:
    for read in (wire.unpack, wire.read_kept, wire.read_news):
        with pytest.raises(NotOurs):
            read(data)
        with pytest.raises(NotOurs):
            read(zlib.compress(data))


def test_a_batch_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(NotOurs, match="too long"):
        wire.unpack(zlib.compress(b" " * (wire.MOST_BATCH_BYTES * 3)))


def test_a_state_s_name_adds_no_word_to_a_subject() -> None:
    assert wire.mark_subject("*", "S13", 209) == "side.*.mark.S13.209"
    assert wire.mark_subject("z1", "a.b > *", 209) == "side.z1.mark.a_b____.209"
    assert wire.live_subject("pune-1", "campaign", "x.y") == "live.pune-1.campaign.x_y"


def test_a_mark_is_told_with_its_voter_s_place_and_without_ids_of_the_store() -> None:
    mark = {"key": "k", "voter": 7, "kind": "voted", "source": "agent", "at": 5.0, "attempt": "x", "undoes": None}
    told = wire.told_mark("pune-1", VoterPlace("2026-1", "S13", 209, 118, 7), mark)
    assert told.keys() == {
        *("key", "kind", "source", "at", "centre", "roll_version", "state_code", "constituency_number", "part_number"),
        "serial",
    }
    assert wire.read_news(wire.news_message([], [told])) == ([], [told])
