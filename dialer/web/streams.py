"""Streams of updates to open pages (server-sent events), for as long as their users are signed in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from dialer.domain.clock import Clock
from dialer.domain.schema import json_value
from dialer.web.page_state import PageState, Subscription, Update
from dialer.web.people import People, Who, is_over
from dialer.web.refusals import RequestRefused

MOST_STREAMS = 200
MOST_STREAMS_EACH = 8  # of one user
LOOK_SECONDS = 30.0  # between checks that the user is still signed in


def event_of(update: Update) -> bytes:
    """Return an update as a server-sent event. By its number a page sees that it has missed none; 0: the whole state."""
    fields = {"number": update.number, "at": round(update.at, 3), "values": update.values, "removed": update.removed}
    data = json.dumps(fields, separators=(",", ":"), default=json_value)
    return f"id: {update.number}\ndata: {data}\n\n".encode()


class Streams:
    """The streams of all open pages."""

    def __init__(self, state: PageState, people: People, clock: Clock) -> None:
        self._state = state
        self._people = people
        self._clock = clock
        self._open: dict[str, set[Subscription]] = {}  # by user

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def answer(self, request: Request, wants: Callable[[str], bool]) -> Response:
        """Return a stream of the keys that this user may see. Raises RequestRefused when too many are open."""
        who: Who = request.state.user
        if len(self) >= MOST_STREAMS or len(self._open.get(who.name, ())) >= MOST_STREAMS_EACH:
            raise RequestRefused(503, "full")
        events = self.events(request.state.token, who, wants)
        return StreamingResponse(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def events(self, token: str, who: Who, wants: Callable[[str], bool]) -> AsyncIterator[bytes]:
        """Yield the events of one page until its user is signed out, or the session is another user's."""
        looked = self._clock.monotonic()
        with self._state.subscribed(wants) as subscription, self._counted(who.name, subscription):
            async for update in subscription.updates():
                yield event_of(update)
                if self._clock.monotonic() - looked >= LOOK_SECONDS:
                    looked = self._clock.monotonic()
                    if await is_over(self._people.who, token, who):
                        return

    @contextmanager
    def _counted(self, name: str, subscription: Subscription) -> Iterator[None]:
        self._open.setdefault(name, set()).add(subscription)
        try:
            yield
        finally:
            self._open[name].discard(subscription)
            if not self._open[name]:
                del self._open[name]

    def shut(self, name: str) -> None:
        """End the streams of a user. A page that reconnects must be signed in."""
        for subscription in self._open.get(name, ()):
            subscription.end()

    async def keep_rights(self) -> None:
        """Follow changes of users' rights until cancelled."""
        await self._people.directory.run(self.follow)

    async def follow(self, name: str) -> None:
        """End the pages of a user whose rights have changed: they were opened with other rights."""
        self.shut(name)
        await self._people.follow(name)
