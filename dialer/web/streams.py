"""What open pages are told: server-sent events of the picture, for as long as who opened them is signed in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from dialer.domain.clock import Clock
from dialer.web.people import People, Who, is_over
from dialer.web.picture import Picture, Reader, Told
from dialer.web.refusals import RequestRefused

MOST_READERS = 200
MOST_READERS_EACH = 8  # of one person
LOOK_SECONDS = 30.0  # whether who has a page open is still signed in


def event_of(told: Told) -> bytes:
    """One server-sent event. Its number tells a page that it has missed none; 0: forget all, here is the whole."""
    fields = {"number": told.number, "at": round(told.at, 3), "set": told.values, "gone": told.gone}
    return f"id: {told.number}\ndata: {json.dumps(fields, separators=(',', ':'))}\n\n".encode()


class Streams:
    """The pages that are open, of everybody."""

    def __init__(self, picture: Picture, people: People, clock: Clock) -> None:
        self._picture = picture
        self._people = people
        self._clock = clock
        self._open: dict[str, set[Reader]] = {}  # by who has them open

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def answer(self, request: Request, wants: Callable[[str], bool]) -> Response:
        """The keys of the picture that this one may see, whole, then what changes of them. A page that is open counts as used."""
        who: Who = request.state.user
        if len(self) >= MOST_READERS or len(self._open.get(who.name, ())) >= MOST_READERS_EACH:
            raise RequestRefused(503, "full")
        news = self.news(request.state.token, who, wants)
        return StreamingResponse(news, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def news(self, token: str, who: Who, wants: Callable[[str], bool]) -> AsyncIterator[bytes]:
        """The events of one page, until who opened it is signed in no more, or is somebody else."""
        looked = self._clock.monotonic()
        with self._picture.reading(wants) as reader, self._counted(who.name, reader):
            async for told in reader.told():
                yield event_of(told)
                if self._clock.monotonic() - looked >= LOOK_SECONDS:
                    looked = self._clock.monotonic()
                    if await is_over(self._people.who, token, who):
                        return

    @contextmanager
    def _counted(self, name: str, reader: Reader) -> Iterator[None]:
        self._open.setdefault(name, set()).add(reader)
        try:
            yield
        finally:
            self._open[name].discard(reader)
            if not self._open[name]:
                del self._open[name]

    def shut(self, name: str) -> None:
        """End the streams of that one: a page that comes again must be signed in."""
        for reader in self._open.get(name, ()):
            reader.end()

    async def keep_rights(self) -> None:
        """See whose rights change, until cancelled."""
        await self._people.directory.run(self.follow)

    async def follow(self, name: str) -> None:
        """That one's rights have changed: nobody goes on in a page that was opened with others."""
        self.shut(name)
        await self._people.follow(name)
