"""What the desk makes of messages, and of a broker that does not answer; no broker is asked."""

from __future__ import annotations

import asyncio
import random
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from dialer.desk import hearing
from dialer.desk.hearing import Hearing
from dialer.domain.clock import LoopClock
from dialer.domain.errors import BrokerUnreachable
from dialer.mqtt.client import BrokerSettings, Received
from tests.support.virtual import virtual_time

ROOT = "dialer/v1/pune-1"


def an_ear() -> tuple[Hearing, list[tuple[str, Any]]]:
    """A desk's ear, and what it has put into the picture."""
    told: list[tuple[str, Any]] = []
    made = Hearing(
        BrokerSettings(), "pune-1", LoopClock(1000.0), lambda key, value: told.append((key, value)), random.Random(1)
    )
    return made, told


@virtual_time()
async def test_a_broker_that_stays_away_is_tried_again_and_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0

    def away(*_: object) -> AbstractAsyncContextManager[None]:
        nonlocal tries
        tries += 1
        raise BrokerUnreachable("nobody answers")

    monkeypatch.setattr(hearing, "visiting", away)
    ear, told = an_ear()
    running = asyncio.create_task(ear.run())
    await asyncio.sleep(60.0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert 6 <= tries <= 20
    assert [(key, value["heard"]) for key, value in told] == [("desk", False)]


@virtual_time()
async def test_messages_go_where_they_belong_and_what_is_none_goes_nowhere() -> None:
    ear, told = an_ear()
    told.clear()
    for topic, payload in (
        ("state", b'{"online": true}'),
        ("alerts", b'{"alerts": []}'),
        ("seats/seat%2F4", b'{"seat": "seat/4"}'),
        ("campaigns/turnout/statistics", b'{"campaign": "turnout"}'),
        ("booths/118/turnout", b'{"booth": 118}'),
        ("seats/05", b"{"),
        ("seats/05", b"[]"),
        ("seats/05", b'{"state": "ready"}'),
        ("state", b"\xff\xfe"),
        ("seats/05", b"[" * 100_000),
        ("replies/asha/none", b'{"id": "none", "status": "done", "text": "", "at": 1}'),
        ("replies", b"{}"),
    ):
        await ear._take(Received(f"{ROOT}/{topic}", payload, False, lambda: None))
    assert told == [
        ("centre", {"online": True}),
        ("alerts", {"alerts": []}),
        ("seat/seat/4", {"seat": "seat/4"}),
        ("campaign/turnout", {"campaign": "turnout"}),
        ("booth/118", {"booth": 118}),
    ]
