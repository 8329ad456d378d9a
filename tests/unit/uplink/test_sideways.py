"""What of others' news goes into one command."""

from __future__ import annotations

import json
from typing import Any

from dialer.mqtt.commands import MOST_BYTES
from dialer.mqtt.senders import Signer
from dialer.uplink.sideways import MOST_TOGETHER, News

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
