"""What of others' news goes into one command."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dialer.mqtt.commands import MOST_BYTES
from dialer.mqtt.senders import Signer
from dialer.store.headquarters import HeldRoll
from dialer.uplink import sideways
from dialer.uplink.sideways import MOST_TOGETHER, News, NewsOrigin, WaySideways

PLACE = {"roll_version": "2026-1", "state_code": "S13", "constituency_number": 209, "part_number": 2, "serial": 7}


def command_of(news: News) -> int:
    """Bytes of the signed command."""
    fields = news.fields("SIDE.1713764000.0123456789ab")
    text = json.dumps(
        {"id": f"uplink-{'0' * 32}", "name": "headquarters-news", "expires_at": 1713764000.123456, **fields}
    )
    return len(Signer("uplink", b"k" * 32).payload("pune-1", text))


def filled(told: dict[str, Any]) -> News:
    """As many messages of ten of these as go together."""
    news = News(10**9)
    while news.fits([told] * 10):
        news.add(news.position + 1, [], [told] * 10)
    return news


def test_a_command_of_news_is_no_longer_than_the_dialler_takes() -> None:
    mark = {"kind": "voted", "source": "correction", "at": 1713764000.123456, "centre": "pune-2", **PLACE}
    short = filled({**mark, "key": "k" * 32})
    assert len(short.marks) == MOST_TOGETHER
    assert command_of(short) <= MOST_BYTES
    long = filled({**mark, "key": "k" * 128, "undoes": "u" * 128, "confidence": "told"})
    assert 40 <= len(long.marks) < MOST_TOGETHER
    assert command_of(long) <= MOST_BYTES


async def test_news_are_read_anew_once_an_import_is_over_and_at_once_for_another_constituency(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sideways, "ROLL_SECONDS", 0.0)
    here, there = ("S13", 209), ("S13", 210)

    async def looks_until_changed(*found: HeldRoll) -> int:
        rolls = list(found)
        reading: Any = type("Reading", (), {"roll": lambda self: rolls.pop(0)})()
        nobody: Any = None
        await WaySideways(NewsOrigin("pune-1", nobody), nobody, reading)._until_roll_changes(HeldRoll((here,), 5))
        return len(found) - len(rolls)

    held, more, most, other = (
        *(HeldRoll((here,), last) for last in (5, 6, 7)),
        HeldRoll((here, there), 6),
    )
    assert await looks_until_changed(held, held, more, most, most, most) == 5
    assert await looks_until_changed(held, other, other) == 2
