"""The way sideways: what headquarters tells of other centres, to the dialler, which keeps it with its position."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import structlog
from pydantic import TypeAdapter, ValidationError

from dialer.domain.clock import Clock, SystemClock
from dialer.domain.commands.uplink import ToldMark, ToldOptOut
from dialer.domain.errors import HeadquartersUnreachable, StoreError
from dialer.mqtt.commands import MOST_BYTES
from dialer.nats.session import Session, Stored
from dialer.nats.wire import OPT_OUT_SUBJECT, SIDE, NotOurs, live_subject, mark_subject, read_news
from dialer.store.uplink_reading import HeldRoll, UplinkReading
from dialer.uplink.upwards import RETRY_SECONDS, DiallerDoor

_log = structlog.get_logger(__name__)

ROLL_SECONDS = 60.0  # from one look at the roll to the next
MOST_TOGETHER = 80  # opt-outs and marks of one command
MOST_NEWS_BYTES = MOST_BYTES - 1_024  # of a command, less what is in it beside them
_OPT_OUT: TypeAdapter[Any] = TypeAdapter(ToldOptOut)
_MARK: TypeAdapter[Any] = TypeAdapter(ToldMark)


class News:
    """News that wait to be handed to the dialler, in the stream's order."""

    def __init__(self, after: int) -> None:
        """`after`: what they follow."""
        self.after = self.position = after
        self.opt_outs: list[dict[str, Any]] = []
        self.marks: list[dict[str, Any]] = []
        self._bytes = 0

    def fits(self, more: Sequence[dict[str, Any]]) -> bool:
        """Whether these go into the same command too."""
        waiting = len(self.opt_outs) + len(self.marks)
        together = waiting + len(more) <= MOST_TOGETHER and self._bytes + _bytes(more) <= MOST_NEWS_BYTES
        return not waiting or together

    def add(self, position: int, opt_outs: Sequence[dict[str, Any]], marks: Sequence[dict[str, Any]]) -> None:
        """Take those of the next message in."""
        self.position = position
        self.opt_outs += opt_outs
        self.marks += marks
        self._bytes += _bytes([*opt_outs, *marks])

    def fields(self, stream: str) -> dict[str, Any]:
        """The command's."""
        told = {"stream": stream, "after": self.after, "position": self.position}
        return {**told, "opt_outs": self.opt_outs, "news_marks": self.marks}


def _bytes(news: Sequence[dict[str, Any]]) -> int:
    """In a command that is signed, where they are JSON in JSON."""
    return len(json.dumps(json.dumps(news)))


def of_others(data: bytes, centre: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Opt-outs and marks of other centres in a message. What the dialler would refuse is left out: it would stand in the way of
    all that follows.
    """
    try:
        opt_outs, marks = read_news(data)
    except NotOurs as error:
        _log.warning("uplink.news-not-understood", problem=str(error))
        return [], []
    return _good(_OPT_OUT, opt_outs, centre), _good(_MARK, marks, centre)


def _good(kind: TypeAdapter[Any], news: Sequence[dict[str, Any]], centre: str) -> list[dict[str, Any]]:
    good = []
    for each in news:
        if each.get("centre") == centre:
            continue
        try:
            kind.validate_json(json.dumps(each), strict=True)
        except ValidationError as error:
            _log.warning("uplink.news-left-out", problem=error.errors(include_input=False)[0]["msg"])
        else:
            good.append(each)
    return good


class WaySideways:
    """Reads headquarters' stream from the position that the store has."""

    def __init__(
        self, centre: str, session: Session, door: DiallerDoor, reading: UplinkReading, clock: Clock | None = None
    ) -> None:
        """`reading` is this one's own."""
        self._centre = centre
        self._session = session
        self._door = door
        self._reading = reading
        self._clock = clock or SystemClock()

    async def run(self) -> None:
        """Hand news to the dialler until cancelled."""
        while True:
            try:
                held = await asyncio.to_thread(self._reading.roll)
                made = await self._session.made(SIDE)
                async with asyncio.TaskGroup() as group:
                    reading = group.create_task(self._read(made, held), name="uplink-reads-news")
                    await self._until_roll_changes(held)
                    reading.cancel()
            except* (HeadquartersUnreachable, StoreError) as errors:
                _log.warning("uplink.no-news", problem=str(errors.exceptions[0]))
            await asyncio.sleep(RETRY_SECONDS)

    async def _until_roll_changes(self, held: HeldRoll) -> None:
        """Until there is another constituency, or an import of more voters is over: to begin anew while it goes on would be to end
        never.
        """
        now = held
        while True:
            await asyncio.sleep(ROLL_SECONDS)
            before, now = now, await asyncio.to_thread(self._reading.roll)
            if now.constituencies != held.constituencies or before == now != held:
                return

    async def _read(self, made: str, held: HeldRoll) -> None:
        """With more on the roll it is another stream: what was told of its voters before was left out."""
        digest = hashlib.sha256(json.dumps(astuple(held)).encode()).hexdigest()[:12]
        stream = f"{made}.{digest}"
        subjects = [OPT_OUT_SUBJECT, *(mark_subject("*", state, number) for state, number in held.constituencies)]
        while True:
            news = News(await asyncio.to_thread(self._reading.position, stream))
            async for stored in self._session.consume(SIDE, news.after, subjects, made=made):
                follows = await self._take(stream, news, stored)
                if follows is None:
                    break
                news = follows
            await asyncio.sleep(RETRY_SECONDS)  # each refusal stands in the dialler's audit

    async def _take(self, stream: str, news: News, stored: Stored) -> News | None:
        """What waits now; None: the dialler has another position than we thought."""
        opt_outs, marks = of_others(stored.data, self._centre)
        if not news.fits([*opt_outs, *marks]):
            if not await self._hand_over(stream, news):
                return None
            news = News(news.position)
        news.add(stored.position, opt_outs, marks)
        if stored.waiting:
            return news
        return News(news.position) if await self._hand_over(stream, news) else None

    async def _hand_over(self, stream: str, news: News) -> bool:
        """Until the dialler has kept them. False: it asks from another position."""
        while True:
            reply = await self._door.ask("headquarters-news", news.fields(stream))
            if reply is not None and reply.status != "unanswered":
                if reply.status != "done":
                    _log.warning("uplink.news-refused", problem=reply.text)
                elif news.opt_outs:
                    await self._tell_lag(max(float(each["at"]) for each in news.opt_outs))
                return reply.status == "done"
            await asyncio.sleep(RETRY_SECONDS)

    async def _tell_lag(self, at: float) -> None:
        """How long ago the newest opt-out was made elsewhere that is kept here now."""
        lag = {"lag_seconds": round(max(0.0, self._clock.now() - at), 3)}
        await self._session.say(live_subject(self._centre, "news"), json.dumps(lag).encode())
