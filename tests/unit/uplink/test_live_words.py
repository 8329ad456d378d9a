"""What an uplink says of its centre: the latest each second, all of it each minute, and how late an opt-out came."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dialer.domain.clock import SystemClock
from dialer.mqtt.hearing import Reply
from dialer.nats.session import Session, Stored
from dialer.uplink.sideways import News, NewsOrigin, Snapshot, WaySideways
from dialer.uplink.uplink import ANEW_SECONDS, Live
from dialer.uplink.upwards import DiallerDoor
from tests.support.virtual import virtual_time

NOW = 1_713_764_000.0


class Heard(Session):
    """Headquarters, which listens."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Any]] = []

    async def say(self, subject: str, data: bytes) -> None:
        self.said.append((subject, json.loads(data)))


class Door(DiallerDoor):
    """A dialler that keeps what it is told, or says that it asks from elsewhere."""

    def __init__(self, status: str) -> None:
        object.__setattr__(self, "status", status)
        object.__setattr__(self, "asked", [])

    async def ask(self, name: str, values: dict[str, Any]) -> Reply | None:
        self.asked.append(values)  # type: ignore[attr-defined]
        return Reply(self.status, "")  # type: ignore[attr-defined]


class At(SystemClock):
    def now(self) -> float:
        return NOW


@virtual_time()
async def test_who_begins_to_listen_knows_all_within_a_minute() -> None:
    live, heard = Live("pune-1"), Heard()
    live.put("centre", {"calls": 1})
    live.put("centre", {"calls": 2})
    live.put("alerts", {"alerts": []})
    live.put("seat/04", {"state": "ready"})
    running = asyncio.ensure_future(live.run(heard))
    await asyncio.sleep(1.5)
    assert heard.said == [("live.pune-1.state", {"calls": 2}), ("live.pune-1.alert", {"alerts": []})]
    live.put("campaign/turnout", {"due": 7})
    await asyncio.sleep(1.0)
    assert heard.said[2:] == [("live.pune-1.campaign.turnout", {"due": 7})]
    await asyncio.sleep(ANEW_SECONDS)
    assert {subject for subject, _ in heard.said[3:]} == {subject for subject, _ in heard.said[:3]}
    running.cancel()


def news_of(position: int, here: int, centre: str = "patna-1") -> Stored:
    opt_out = {"number_hash": f"{position:064x}", "at": NOW, "centre": centre}
    return Stored("side.all.optout", json.dumps({"opt_outs": [opt_out]}).encode(), position, position - 1, 9, here)


@virtual_time()
async def test_what_comes_together_is_one_command_and_a_centres_own_news_are_one_a_minute() -> None:
    reading: Any = None
    door = Door("done")
    way = WaySideways(NewsOrigin("pune-1", Heard()), door, reading, At())
    news: News | None = News(0)
    for stored in (news_of(1, 0, "pune-1"), news_of(2, 2), news_of(3, 1), news_of(4, 0), news_of(5, 0, "pune-1")):
        assert news is not None
        news = await way._take("SIDE.1", news, stored)
    asked = door.asked  # type: ignore[attr-defined]
    assert [(each["after"], each["position"], len(each["opt_outs"])) for each in asked] == [(0, 1, 0), (1, 4, 3)]


@pytest.mark.parametrize(("status", "told"), [("done", [("live.pune-1.news", {"lag_seconds": 0.4})]), ("refused", [])])
@virtual_time()
async def test_how_late_an_opt_out_came_is_told_once_it_is_kept(status: str, told: list[Any]) -> None:
    heard = Heard()
    reading: Any = None
    way = WaySideways(NewsOrigin("pune-1", heard), Door(status), reading, At())
    opt_outs = [
        {"number_hash": f"{place:064x}", "at": NOW - late, "centre": "patna-1"} for place, late in enumerate((9.0, 0.4))
    ]
    message = Stored("side.all.optout", json.dumps({"opt_outs": opt_outs, "marks": []}).encode(), 7, 6, 9, 0)
    await way._take("SIDE.1", News(6), message)
    assert heard.said == told


@virtual_time()
async def test_a_snapshot_for_which_there_is_no_room_is_said_and_fetched_again() -> None:
    """The uplink goes on: it carries rows and orders as well."""
    heard, tries = Heard(), 0

    class Origin(NewsOrigin):
        @contextlib.asynccontextmanager
        async def snapshot(self, stream: str, place: tuple[str, int] | None, kept: int) -> AsyncIterator[Snapshot]:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise OSError(28, "No space left on device")
            yield Snapshot("one", 7, iter(()))

    reading: Any = None
    way = WaySideways(Origin("pune-1", heard), Door("done"), reading, At())
    assert await way._begin("SIDE.1", None, 0) == 7
    told = [{"trouble": "[Errno 28] No space left on device"}, {"trouble": ""}]
    assert heard.said == [("live.pune-1.news", each) for each in told]
