"""An hour without the MQTT broker while agents work: dialling continues, and the outcomes that agents key are stored. When the
broker is back, each result is published once and in order. The test runs in virtual time, with a broker in its own event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from dialer.domain.view import SeatState
from dialer.mqtt.embedded_broker import find_free_port
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.voters import VoterProfile
from tests.support.centre import START_EPOCH, Site, a_site
from tests.support.seats import AGENTS, log_in_by_phone
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time

HOUR = 3_600.0
KEYS = {"1": "voted", "2": "not-yet", "6": "call-back", "9": "opt-out"}
CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP = (
    1,
    2,
    3,
    4,
    *range(8, 14),
)
DISCONNECT = 14


class LoopBroker:
    """A minimal MQTT 5 broker for one client: it acknowledges and records every published message."""

    def __init__(self) -> None:
        self.port = find_free_port()
        self.published: list[tuple[str, Any]] = []  # topic below the centre, and the payload's JSON
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._served: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Accept connections."""

        def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._served.add(asyncio.create_task(self._serve(reader, writer)))

        self._server = await asyncio.start_server(serve, "127.0.0.1", self.port)

    async def shut(self) -> None:
        """Reset all connections and accept no new ones."""
        assert self._server is not None
        self._server.close()
        for writer in self._clients:
            writer.transport.abort()
        await asyncio.gather(*self._served)
        await self._server.wait_closed()

    def published_on(self, topic: str) -> list[Any]:
        """Return the payloads published on a topic, in order."""
        return [payload for where, payload in self.published if where == topic]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while (first := (await reader.readexactly(1))[0]) >> 4 != DISCONNECT:
                body = await reader.readexactly(await _length(reader))
                answer = self._answer(first, body)
                if answer is not None:
                    writer.write(bytes([answer[0] << 4, len(answer[1])]) + answer[1])
        self._clients.discard(writer)
        writer.close()

    def _answer(self, first: int, body: bytes) -> tuple[int, bytes] | None:
        kind = first >> 4
        if kind == CONNECT:
            return CONNACK, bytes(3)
        if kind in (SUBSCRIBE, UNSUBSCRIBE):  # of one topic, as our client does
            return kind + 1, body[:2] + bytes(2)
        if kind == PINGREQ:
            return PINGRESP, b""
        if kind != PUBLISH:
            return None
        after, is_answered = 2 + int.from_bytes(body[:2], "big"), bool(first & 0x06)
        topic, packet = body[2:after].decode(), body[after : after + 2]
        after += 2 if is_answered else 0
        payload = body[after + 1 + body[after] :]
        self.published.append((topic.removeprefix("dialer/v1/test/"), json.loads(payload or b"null")))
        return (PUBACK, packet) if is_answered else None


async def _length(reader: asyncio.StreamReader) -> int:
    value = shift = 0
    while True:
        (byte,) = await reader.readexactly(1)
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7


@contextlib.asynccontextmanager
async def run_agents_with_broker(directory: Path) -> AsyncIterator[tuple[Site, LoopBroker]]:
    broker = LoopBroker()
    await broker.open()
    lines = SimulatedAsteriskConfig(
        seats=make_seat_phones(2),
        start_epoch=START_EPOCH,
        profile=VoterProfile(answer_rate=0.7, talk_mean_seconds=30.0),
    )
    named = {"enabled": True, "port": broker.port}
    async with a_site(directory, lines, voters=900, agents=AGENTS, broker=named) as site:
        await site.until(lambda: bool(broker.published_on("state")))
        yield site, broker
    await broker.shut()


async def record_outcomes(site: Site, seconds: float) -> Counter[str]:
    """Both agents key an outcome in each talk, as long as that; how many of each."""
    keyed: Counter[str] = Counter()
    spoken: set[str | None] = set()
    until = site.clock.monotonic() + seconds
    while site.clock.monotonic() < until:
        for name in ("01", "02"):
            view = site.centre.engine.features.agent_seats[
                name
            ]  # a view of the whole centre each second would be most of the test
            if view.state is SeatState.TALKING and view.attempt_id not in spoken:
                spoken.add(view.attempt_id)
                key = list(KEYS)[len(spoken) % len(KEYS)]
                site.switch.press_phone_keys(f"agent{name}", key)
                keyed[KEYS[key]] += 1
        await asyncio.sleep(1.0)
    return keyed


@virtual_time()
async def test_results_of_an_hour_without_the_broker_are_published_once_and_in_order(tmp_path: Path) -> None:
    async with run_agents_with_broker(tmp_path) as (site, broker):
        await log_in_by_phone(site, "101", "2468")
        await log_in_by_phone(site, "102", "1357", "agent02")
        await record_outcomes(site, 300.0)
        assert len(broker.published_on("results/dispositions")) > 5
        await broker.shut()
        placed_before = len(query_site_store(tmp_path, "SELECT attempt_id FROM attempt"))
        keyed = await record_outcomes(site, HOUR)
        assert "broker-down" in {each.code for each in site.centre_view.alerts}
        placed = len(query_site_store(tmp_path, "SELECT attempt_id FROM attempt")) - placed_before
        assert placed > 60
        assert keyed.total() > 60
        told_before = len(broker.published)
        await broker.open()
        await site.until(lambda: query_site_store(tmp_path, "SELECT count(*) FROM outbox") == [(0,)])
        await site.until(lambda: "broker-down" not in {each.code for each in site.centre_view.alerts})
        assert len(broker.published) - told_before > placed
    ended = query_site_store(
        tmp_path, "SELECT attempt_id FROM attempt WHERE ended_at IS NOT NULL AND outcome <> 'refused'"
    )
    told = Counter(each["attempt_id"] for each in broker.published_on("results/attempts"))
    assert told == Counter(attempt for (attempt,) in ended)
    said = Counter(
        query_site_store(tmp_path, "SELECT attempt_id, disposition FROM attempt WHERE disposition IS NOT NULL")
    )
    assert (
        Counter((each["attempt_id"], each["disposition"]) for each in broker.published_on("results/dispositions"))
        == said
    )
    assert Counter(word for _, word in said) >= keyed
    marks = Counter(key for (key,) in query_site_store(tmp_path, "SELECT key FROM mark"))
    assert Counter(each["key"] for each in broker.published_on("results/marks")) == marks
    opted_out = Counter(query_site_store(tmp_path, "SELECT phone_id FROM phone WHERE opted_out_at IS NOT NULL"))
    assert Counter((each["phone_id"],) for each in broker.published_on("results/opt-outs")) == opted_out
    for topic in ("results/attempts", "results/dispositions", "results/marks", "results/opt-outs"):
        times = [each.get("at", each.get("ended_at")) for each in broker.published_on(topic)]
        assert times == sorted(times)
