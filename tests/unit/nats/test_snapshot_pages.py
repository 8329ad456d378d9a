"""A page of a snapshot is taken as the answer to one question alone, whole, and with headquarters' signature."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from dialer.domain.signing import public_key
from dialer.hq.render import MOST_PAYLOAD_BYTES
from dialer.hq.snapshots import _page, fitting
from dialer.nats.snapshot import (
    MOST_PAGE_ROWS,
    SnapshotAsked,
    SnapshotPage,
    pack_asked,
    pack_page,
    pack_refusal,
    read_asked,
    read_page,
)
from dialer.nats.wire import NotOurs
from dialer.uplink.sideways import NewsOrigin

PRIVATE = b"h" * 32
ASKED = SnapshotAsked("SIDE.1713764000.0123456789ab", "0f" * 16, "", "S13", 209)
PAGE = SnapshotPage("pune-1", ASKED, 7, None, [], [{"key": "k1"}])


def test_a_page_is_read_as_it_was_given() -> None:
    assert read_asked(pack_asked(ASKED)) == ASKED
    assert read_page(pack_page(PAGE, PRIVATE), "pune-1", ASKED, public_key(PRIVATE)) == PAGE
    assert read_page(pack_page(PAGE, None), "pune-1", ASKED, None) == PAGE
    with pytest.raises(NotOurs, match="in words that are none of ours"):
        read_asked(b'{"stream": "SIDE.1", "nonce": "0", "after": ""}')


SIGNED = pack_page(PAGE, PRIVATE)
WRONG = {
    "another's key": (pack_page(PAGE, b"x" * 32), "not signed by headquarters.key"),
    "no signature": (pack_page(PAGE, None), "not signed by headquarters.key"),
    "a byte that is another": (SIGNED[:-1] + bytes([SIGNED[-1] ^ 1]), "not signed by headquarters.key"),
    "half of it": (SIGNED[: len(SIGNED) // 2], "not signed by headquarters.key"),
    "another centre's": (pack_page(replace(PAGE, centre="delhi-1"), PRIVATE), "for delhi-1, and this is pune-1"),
    "another roll's": (
        pack_page(replace(PAGE, asked=replace(ASKED, stream="SIDE.1713764000.ba9876543210")), PRIVATE),
        "for another roll",
    ),
    "an earlier one": (pack_page(replace(PAGE, asked=replace(ASKED, nonce="1e" * 16)), PRIVATE), "of an earlier time"),
    "another page": (pack_page(replace(PAGE, asked=replace(ASKED, after="2/7/1")), PRIVATE), "not what was asked for"),
    "none, as it says": (pack_refusal("S13 209 is no constituency of pune-1"), "no constituency of pune-1"),
    "nothing": (b"", "not signed by headquarters.key"),
}


@pytest.mark.parametrize("what", WRONG)
def test_any_other_is_refused_in_a_line(what: str) -> None:
    data, words = WRONG[what]
    with pytest.raises(NotOurs, match=words) as refused:
        read_page(data, "pune-1", ASKED, public_key(PRIVATE))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"\n", b"\nno zlib", pack_page(replace(PAGE, position="x"), None)])  # type: ignore[arg-type]
def test_what_is_none_of_ours_is_refused_without_a_key_too(data: bytes) -> None:
    with pytest.raises(NotOurs):
        read_page(data, "pune-1", ASKED, None)


def test_a_page_of_the_longest_marks_goes_into_a_message_and_none_is_left_out() -> None:
    """Every word as long as may be, and hard to compress: who fills a constituency with such keeps no snapshot away."""
    chance = random.Random(7)

    def word() -> str:
        return "".join(map(chr, chance.choices(range(0x10000, 0x30000), k=128)))

    told = [(str(n), {"key": word(), "undoes": word(), "roll_version": word(), "serial": n}) for n in range(1_500)]
    seen, left, then = list[Any](), told, None
    while left:
        then, marks = fitting(left, more=False)
        data = pack_page(replace(PAGE, then=then, marks=marks), PRIVATE)
        assert len(data) < MOST_PAYLOAD_BYTES
        assert read_page(data, "pune-1", ASKED, public_key(PRIVATE)).marks == marks
        seen += marks
        assert (then is None) == (len(marks) == len(left))
        left = left[len(marks) :]
    assert seen == [mark for _, mark in told]
    assert fitting(told[:3], more=True)[0] == "2"


async def test_of_a_roll_without_a_state_marks_are_given_and_not_opt_outs_in_their_place() -> None:
    asked_for: list[Any] = []

    class Books:
        async def rows(self, name: str, *values: Any) -> list[Any]:
            asked_for.append((name, values[:2]))
            return []

    class Line:
        async def ask(self, subject: str, data: bytes, patience_seconds: float) -> bytes:
            books: Any = Books()
            asked = read_asked(data)
            return pack_page(SnapshotPage("pune-1", asked, 7, *await _page(books, asked)), None)

    line: Any = Line()
    for place in (("", 209), None):
        async with NewsOrigin("pune-1", line).snapshot(ASKED.stream, place, 0) as found:
            assert found.position == 7
    assert asked_for == [("snapshot_marks", ("", 209)), ("snapshot_opt_outs", ("", MOST_PAGE_ROWS))]
