"""Snapshot pages: accepted only as the signed answer to one request, and never longer than a message may be."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from dialer.domain.signing import derive_public_key
from dialer.hq.render import MAX_PAYLOAD_BYTES
from dialer.hq.snapshots import SQL, read_snapshot_page, select_updates_that_fit_into_page
from dialer.nats.messages import InvalidMessage
from dialer.nats.snapshot import (
    MAX_PAGE_ROWS,
    SnapshotPage,
    SnapshotRequest,
    pack_snapshot_page,
    pack_snapshot_refusal,
    pack_snapshot_request,
    unpack_snapshot_request,
    verify_and_unpack_page,
)
from dialer.uplink.peer_snapshots import SnapshotSource

PRIVATE = b"h" * 32
REQUEST = SnapshotRequest("PEERS.1713764000.0123456789ab", "0f" * 16, "", "S13", 209)
PAGE = SnapshotPage("pune-1", REQUEST, 7, None, [], [{"key": "k1"}])


def test_packed_updates_for_a_new_centre_are_unpacked_unchanged() -> None:
    assert unpack_snapshot_request(pack_snapshot_request(REQUEST)) == REQUEST
    assert (
        verify_and_unpack_page(pack_snapshot_page(PAGE, PRIVATE), "pune-1", REQUEST, derive_public_key(PRIVATE)) == PAGE
    )
    assert verify_and_unpack_page(pack_snapshot_page(PAGE, None), "pune-1", REQUEST, None) == PAGE
    with pytest.raises(InvalidMessage, match="cannot be read: update Matdan at the centre"):
        unpack_snapshot_request(b'{"stream": "PEERS.1", "nonce": "0", "after": ""}')


SIGNED = pack_snapshot_page(PAGE, PRIVATE)
INVALID = {
    "signed with another key": (pack_snapshot_page(PAGE, b"x" * 32), "does not fit `headquarters.key`"),
    "no signature": (pack_snapshot_page(PAGE, None), "does not fit `headquarters.key`"),
    "a changed byte": (SIGNED[:-1] + bytes([SIGNED[-1] ^ 1]), "does not fit `headquarters.key`"),
    "truncated": (SIGNED[: len(SIGNED) // 2], "does not fit `headquarters.key`"),
    "for another centre": (
        pack_snapshot_page(replace(PAGE, centre="delhi-1"), PRIVATE),
        "for centre delhi-1, but this is centre pune-1",
    ),
    "for another roll": (
        pack_snapshot_page(replace(PAGE, request=replace(REQUEST, stream="PEERS.1713764000.ba9876543210")), PRIVATE),
        "for another roll or from another stream",
    ),
    "an earlier snapshot": (
        pack_snapshot_page(replace(PAGE, request=replace(REQUEST, nonce="1e" * 16)), PRIVATE),
        "that answers another request",
    ),
    "another page": (
        pack_snapshot_page(replace(PAGE, request=replace(REQUEST, after="2/7/1")), PRIVATE),
        "that answers another request",
    ),
    "a refusal": (
        pack_snapshot_refusal("constituency S13 209 is not assigned to centre pune-1"),
        "not assigned to centre pune-1",
    ),
    "empty": (b"", "does not fit `headquarters.key`"),
}


@pytest.mark.parametrize("case", INVALID)
def test_invalid_page_of_updates_for_a_new_centre_gives_a_one_line_error(case: str) -> None:
    data, problem = INVALID[case]
    with pytest.raises(InvalidMessage, match=problem) as refused:
        verify_and_unpack_page(data, "pune-1", REQUEST, derive_public_key(PRIVATE))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"\n", b"\nno zlib", pack_snapshot_page(replace(PAGE, position="x"), None)])  # type: ignore[arg-type]
def test_malformed_unsigned_page_of_updates_for_a_new_centre_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidMessage):
        verify_and_unpack_page(data, "pune-1", REQUEST, None)


def test_longest_voter_statuses_are_split_into_pages_that_fit_into_a_message() -> None:
    """Marks with the longest values, which hardly compress, must not make a snapshot impossible."""
    rng = random.Random(7)

    def make_long_text() -> str:
        return "".join(map(chr, rng.choices(range(0x10000, 0x30000), k=128)))

    marks_by_key = [
        (str(n), {"key": make_long_text(), "undoes": make_long_text(), "roll_version": make_long_text(), "serial": n})
        for n in range(1_500)
    ]
    seen, remaining, next_after = list[Any](), marks_by_key, None
    while remaining:
        next_after, marks = select_updates_that_fit_into_page(remaining, has_more=False)
        data = pack_snapshot_page(replace(PAGE, next_after=next_after, marks=marks), PRIVATE)
        assert len(data) < MAX_PAYLOAD_BYTES
        assert verify_and_unpack_page(data, "pune-1", REQUEST, derive_public_key(PRIVATE)).marks == marks
        seen += marks
        assert (next_after is None) == (len(marks) == len(remaining))
        remaining = remaining[len(marks) :]
    assert seen == [mark for _, mark in marks_by_key]
    assert select_updates_that_fit_into_page(marks_by_key[:3], has_more=True)[0] == "2"


async def test_new_centre_downloads_opt_outs_and_voter_statuses_of_its_constituency() -> None:
    queries: list[Any] = []

    class FakeDatabase:
        async def fetch_rows(self, sql: str, *values: Any) -> list[Any]:
            queries.append((sql, values[:2]))
            return []

    class FakeSession:
        async def send_request(self, subject: str, data: bytes, timeout_seconds: float) -> bytes:
            database: Any = FakeDatabase()
            request = unpack_snapshot_request(data)
            return pack_snapshot_page(
                SnapshotPage("pune-1", request, 7, *await read_snapshot_page(database, request)), None
            )

    session: Any = FakeSession()
    for place in (("", 209), None):
        async with SnapshotSource("pune-1", session).download_snapshot_of_updates(REQUEST.stream, place, 0) as snapshot:
            assert snapshot.position == 7
    assert queries == [(SQL.marks.sql, ("", 209)), (SQL.opt_outs.sql, ("", MAX_PAGE_ROWS))]
