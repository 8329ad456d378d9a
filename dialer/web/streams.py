"""Streams of changes to open pages (server-sent events), for as long as their users are signed in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from dialer.domain.clock import Clock
from dialer.domain.schema import convert_record_to_json_values
from dialer.web.page_state import PageState, Subscription, Update
from dialer.web.people import People, SignedInUser, has_session_ended
from dialer.web.refusals import RequestRefused

MAX_STREAMS = 200
MAX_STREAMS_PER_USER = 8  # of one user
SESSION_CHECK_SECONDS = 30.0  # between checks that the user is still signed in


def format_server_sent_event(update: Update) -> bytes:
    """Format an update of the page state as a server-sent event.

    Events are numbered, so that a page can detect a lost event. Number 0 means that the event contains the whole state.
    """
    fields = {"number": update.number, "at": round(update.at, 3), "values": update.values, "removed": update.removed}
    data = json.dumps(fields, separators=(",", ":"), default=convert_record_to_json_values)
    return f"id: {update.number}\ndata: {data}\n\n".encode()


class Streams:
    """The streams of changes to all open pages."""

    def __init__(self, state: PageState, people: People, clock: Clock) -> None:
        self._state = state
        self._people = people
        self._clock = clock
        self._open: dict[str, set[Subscription]] = {}  # by user

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def open_stream_to_page(self, request: Request, wants: Callable[[str], bool]) -> Response:
        """Return an HTTP response that sends an open page the changes to the keys that `wants` accepts.

        Raises RequestRefused if too many pages are open.
        """
        who: SignedInUser = request.state.user
        if len(self) >= MAX_STREAMS or len(self._open.get(who.name, ())) >= MAX_STREAMS_PER_USER:
            raise RequestRefused(503, "full")
        events = self.stream_events_to_page(request.state.token, who, wants)
        return StreamingResponse(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def stream_events_to_page(
        self, token: str, who: SignedInUser, wants: Callable[[str], bool]
    ) -> AsyncIterator[bytes]:
        """Yield the server-sent events for one page until its user's session ends."""
        checked_at = self._clock.monotonic()
        with self._state.open_subscription(wants) as subscription, self._register_open_stream(who.name, subscription):
            async for update in subscription.stream_updates():
                yield format_server_sent_event(update)
                if self._clock.monotonic() - checked_at >= SESSION_CHECK_SECONDS:
                    checked_at = self._clock.monotonic()
                    if await has_session_ended(self._people.find_user_of_session, token, who):
                        return

    @contextmanager
    def _register_open_stream(self, name: str, subscription: Subscription) -> Iterator[None]:
        self._open.setdefault(name, set()).add(subscription)
        try:
            yield
        finally:
            self._open[name].discard(subscription)
            if not self._open[name]:
                del self._open[name]

    def end_streams_of_user(self, name: str) -> None:
        """End the streams of changes to all open pages of a user. A page can reconnect only if its user is signed in."""
        for subscription in self._open.get(name, ()):
            subscription.end_subscription()

    async def apply_changed_user_rights_until_cancelled(self) -> None:
        """Watch for changed rights of users until cancelled, and apply them."""
        await self._people.directory.report_changed_rights_until_cancelled(self.end_sessions_after_rights_change)

    async def end_sessions_after_rights_change(self, name: str) -> None:
        """End the streams and sessions of a user whose rights have changed."""
        self.end_streams_of_user(name)
        await self._people.end_sessions_after_rights_change(name)
