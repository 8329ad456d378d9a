"""The way sideways: what headquarters tells of other centres, to the dialler, which keeps it with its position."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial
from typing import IO, Any, TypeVar
from uuid import uuid4

import structlog
from pydantic import TypeAdapter, ValidationError

from dialer.domain.clock import Clock, SystemClock
from dialer.domain.errors import HeadquartersUnreachable, StoreError
from dialer.engine.headquarters.uplink_commands import ToldMark, ToldOptOut
from dialer.mqtt.commands import MOST_BYTES
from dialer.nats.session import NotKept, Session, Stored
from dialer.nats.snapshot import SnapshotAsked, SnapshotPage, pack_asked, read_page, unpacked
from dialer.nats.wire import OPT_OUT_SUBJECT, SIDE, NotOurs, live_subject, mark_subject, read_news, snapshot_subject
from dialer.store.headquarters import HeldRoll, UplinkReading
from dialer.uplink.upwards import RETRY_SECONDS, DiallerDoor

_log = structlog.get_logger(__name__)

T = TypeVar("T")
Place = tuple[str, int]
"""A constituency: its state's code and its number."""

SNAPSHOT_RETRY_SECONDS = 10.0
AWAY_SECONDS = 60.0  # of a dialler; then the stream is asked again what it has
ROLL_SECONDS = 60.0  # from one look at the roll to the next
TOGETHER_SECONDS = 0.5
"""From one command of news to the next: each costs the dialler a message, a commit and an answer, whatever is in it."""
OWN_SECONDS = 60.0  # so long the dialler's position may stay behind where this centre's own news came alone
MOST_TOGETHER = 80  # opt-outs and marks of one command
MOST_NEWS_BYTES = MOST_BYTES - 1_024  # of a command, less what is in it beside them
ANSWER_SECONDS = 60.0  # for one page: three hundred centres may ask at once, and one is answered after the other
IN_MEMORY_BYTES = 8 << 20
"""Beyond it pages wait in a file without a name, which is gone with this process."""
_LENGTH_BYTES = 4
_OPT_OUTS: TypeAdapter[Any] = TypeAdapter(list[ToldOptOut])
_MARKS: TypeAdapter[Any] = TypeAdapter(list[ToldMark])


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


def good_news(
    opt_outs: Sequence[dict[str, Any]], marks: Sequence[dict[str, Any]], centre: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Those of other centres that the dialler takes: what it would refuse would stand in the way of all that follows."""
    return _good(_OPT_OUTS, opt_outs, centre), _good(_MARKS, marks, centre)


def _good(kind: TypeAdapter[Any], news: Sequence[dict[str, Any]], centre: str) -> list[dict[str, Any]]:
    theirs = [each for each in news if each.get("centre") != centre]
    try:
        kind.validate_json(json.dumps(theirs), strict=True)
    except ValidationError as error:
        if len(theirs) > 1:
            return [good for each in theirs for good in _good(kind, [each], centre)]
        _log.warning("uplink.news-left-out", problem=error.errors(include_input=False)[0]["msg"])
        return []
    return theirs


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One that is whole."""

    name: str  # no other one's
    position: int  # in the stream, which goes on behind it
    pages: Iterator[SnapshotPage]  # once


@dataclass(frozen=True, slots=True)
class NewsOrigin:
    """Headquarters, as a centre hears of others from there."""

    centre: str
    session: Session
    key: bytes | None = None  # headquarters', by which a snapshot is known

    @contextlib.asynccontextmanager
    async def snapshot(self, stream: str, place: tuple[str, int] | None, kept: int) -> AsyncIterator[Snapshot]:
        """All that was told of a constituency (state, number), or, without one, all opt-outs, for who has the stream up to `kept`.
        Raises NotOurs, HeadquartersUnreachable where it is not to be had whole.
        """
        asked = SnapshotAsked(stream, uuid4().hex, "", *(place or ()))
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as spool:
            data, page = await self._page(asked)
            first = page
            if first.position < kept:
                raise NotOurs(f"a snapshot up to {first.position}, where {kept} is known: it is too old, and not taken")
            _write(spool, data)
            while page.then is not None:
                asked = replace(asked, after=page.then)
                data, page = await self._page(asked)
                _write(spool, data)
            spool.seek(0)
            yield Snapshot(asked.nonce, first.position, _pages(spool))

    async def _page(self, asked: SnapshotAsked) -> tuple[bytes, SnapshotPage]:
        data = await self.session.ask(snapshot_subject(self.centre), pack_asked(asked), ANSWER_SECONDS)
        return data, await asyncio.to_thread(read_page, data, self.centre, asked, self.key)


def _write(spool: IO[bytes], data: bytes) -> None:
    spool.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)


def _pages(spool: IO[bytes]) -> Iterator[SnapshotPage]:
    while length := spool.read(_LENGTH_BYTES):
        yield unpacked(spool.read(int.from_bytes(length, "big")))


class WaySideways:
    """Follows headquarters' stream from the positions that the store has: of opt-outs one, and one of each constituency's marks.
    Where there is none yet, or the stream has not all that follows it, a snapshot comes before.
    """

    def __init__(
        self, origin: NewsOrigin, door: DiallerDoor, reading: UplinkReading, clock: Clock | None = None
    ) -> None:
        """`reading` is this one's own."""
        self._origin = origin
        self._centre = origin.centre
        self._session = origin.session
        self._door = door
        self._reading = reading
        self._clock = clock or SystemClock()
        self._told_at: dict[str, float] = {}  # by stream, monotonic
        self._looking = asyncio.Lock()  # the reading is used by one at a time
        self._beginning = asyncio.Lock()  # and one snapshot is under way

    async def run(self) -> None:
        """Hand news to the dialler until cancelled."""
        while True:
            try:
                held = await self._looked(self._reading.roll)
                made = await self._session.made(SIDE)
                async with asyncio.TaskGroup() as group:
                    following = [
                        group.create_task(self._follow(made, held, place), name="uplink-follows-news")
                        for place in (None, *held.constituencies)
                    ]
                    await self._until_roll_changes(held)
                    for each in following:
                        each.cancel()
            except* (HeadquartersUnreachable, StoreError) as errors:
                _log.warning("uplink.no-news", problem=str(errors.exceptions[0]))
            await asyncio.sleep(RETRY_SECONDS)

    async def _looked(self, look: Callable[[], T]) -> T:
        async with self._looking:
            return await asyncio.to_thread(look)

    async def _until_roll_changes(self, held: HeldRoll) -> None:
        """Until there is another constituency, or an import of more voters is over: to begin anew while it goes on would be to end
        never.
        """
        now = held
        while True:
            await asyncio.sleep(ROLL_SECONDS)
            before, now = now, await self._looked(self._reading.roll)
            if now.constituencies != held.constituencies or before == now != held:
                return

    async def _follow(self, made: str, held: HeldRoll, place: Place | None) -> None:
        """Opt-outs, or the marks of a place. With more on the roll marks are another stream: what was told of its voters before was
        left out.
        """
        subject = OPT_OUT_SUBJECT if place is None else mark_subject("*", *place)
        of_roll = [] if place is None else astuple(held)
        stream = f"{made}.{hashlib.sha256(json.dumps([subject, of_roll]).encode()).hexdigest()[:12]}"
        gone = False
        while True:
            kept = await self._looked(partial(self._reading.position, stream))
            if gone or not kept:
                kept = await self._begin(stream, place, kept)
            try:
                await self._read(made, stream, subject, kept)
                gone = False
            except NotKept as error:
                _log.warning("uplink.news-gone", problem=f"{error}: a snapshot is fetched in its place")
                gone = True
            await asyncio.sleep(RETRY_SECONDS)  # each refusal stands in the dialler's audit

    async def _begin(self, stream: str, place: Place | None, kept: int) -> int:
        """Take a snapshot; the position that follows it. Until there is one: what is told later is not asked for before."""
        while True:
            try:
                async with self._beginning, self._origin.snapshot(stream, place, kept) as snapshot:
                    count = await self._take_snapshot(stream, kept, snapshot)
                _log.info("uplink.snapshot-taken", stream=stream, position=snapshot.position, news=count)
                await self._tell({"trouble": ""})
            except (HeadquartersUnreachable, NotOurs, OSError) as error:  # the last: no room for its pages
                _log.warning("uplink.no-snapshot", problem=str(error))
                await self._tell({"trouble": str(error)})
                await asyncio.sleep(random.uniform(1.0, 2.0) * SNAPSHOT_RETRY_SECONDS)  # noqa: S311
            else:
                return snapshot.position

    async def _take_snapshot(self, stream: str, kept: int, snapshot: Snapshot) -> int:
        """Hand one over: its news as a stream of its own, each command with the position in that, so that no commit is long and
        calls wait for none; the stream's position, which says that all of it is there, with the last. How many news there were.
        """
        own, news, count = f"snapshot.{snapshot.name}", News(0), 0
        while (page := await asyncio.to_thread(next, snapshot.pages, None)) is not None:
            opt_outs, marks = await asyncio.to_thread(good_news, page.opt_outs, page.marks, self._centre)
            count += len(opt_outs) + len(marks)
            for some in [*(([each], []) for each in opt_outs), *(([], [each]) for each in marks)]:
                if not news.fits([*some[0], *some[1]]):
                    await self._keep(own, news)
                    news = News(news.position)
                news.add(news.position + 1, *some)
        await self._keep(own, news)
        whole = News(kept)
        whole.add(snapshot.position, [], [])
        await self._keep(stream, whole)
        return count

    async def _keep(self, stream: str, news: News) -> None:
        if not await self._hand_over(stream, news):
            raise NotOurs("the dialler did not take a snapshot: it is fetched again")

    async def _read(self, made: str, stream: str, subject: str, after: int) -> None:
        """Until the dialler asks from another position, or was away. Raises MadeAnew, NotKept."""
        news = News(after)
        async for stored in self._session.consume(SIDE, after, subject, made=made, whole=True):
            follows = await self._take(stream, news, stored)
            if follows is None:
                return
            news = follows

    async def _take(self, stream: str, news: News, stored: Stored) -> News | None:
        """What waits now; None: the dialler has another position than we thought, or was away for long."""
        opt_outs: list[dict[str, Any]] = []
        marks: list[dict[str, Any]] = []
        try:
            opt_outs, marks = good_news(*read_news(stored.data), self._centre)
        except NotOurs as error:
            _log.warning("uplink.news-not-understood", problem=str(error))
        if not news.fits([*opt_outs, *marks]):
            if not await self._tell_on(stream, news):
                return None
            news = News(news.position)
        news.add(stored.position, opt_outs, marks)
        now = self._clock.monotonic()
        own = not (news.opt_outs or news.marks)
        if stored.here or (own and now < self._told_at.get(stream, 0.0) + OWN_SECONDS):
            return news
        self._told_at[stream] = now
        if not await self._tell_on(stream, news):
            return None
        await asyncio.sleep(TOGETHER_SECONDS)
        return News(news.position)

    async def _tell_on(self, stream: str, news: News) -> bool:
        """Hand over, and say how long ago the newest opt-out was made elsewhere that is kept here now. False: what follows is to be
        read anew, for the stream may have lost some meanwhile.
        """
        began = self._clock.monotonic()
        kept = await self._hand_over(stream, news)
        if kept and news.opt_outs:
            lag = max(0.0, self._clock.now() - max(float(each["at"]) for each in news.opt_outs))
            await self._tell({"lag_seconds": round(lag, 3)})
        return kept and self._clock.monotonic() - began < AWAY_SECONDS

    async def _hand_over(self, stream: str, news: News) -> bool:
        """Until the dialler has kept them. False: it asks from another position."""
        while True:
            reply = await self._door.ask("headquarters-news", news.fields(stream))
            if reply is not None and reply.status != "unanswered":
                if reply.status != "done":
                    _log.warning("uplink.news-refused", problem=reply.text)
                return reply.status == "done"
            await asyncio.sleep(RETRY_SECONDS)

    async def _tell(self, said: Mapping[str, Any]) -> None:
        await self._session.say(live_subject(self._centre, "news"), json.dumps(said).encode())
