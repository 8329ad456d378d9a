"""The stream of updates for an agent's page: the seat's state, and the data of the voter on the line.

Each seat can have one open page at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from dialer.desk.agents.notes import AgentDrafts
from dialer.desk.agents.page_records import AgentAccount, AgentScreenPop
from dialer.desk.agents.sessions import AgentSessions
from dialer.desk.agents.site import AgentSite
from dialer.domain.view import SeatView
from dialer.web.access import EVENT_STREAM, PageRoute, allow_anyone, allow_users_with_roles
from dialer.web.page_state import PageState, Subscription, Update
from dialer.web.people import AGENTS, SignedInUser, has_session_ended
from dialer.web.refusals import RequestRefused
from dialer.web.streams import format_server_sent_event

SESSION_CHECK_SECONDS = 5.0  # between checks that the agent is still signed in


@dataclass(slots=True)
class _Stream:
    """The update stream of the page that is open for a seat."""

    tab: str
    subscription: Subscription
    taken: bool = False  # by another page of the seat


class AgentStreams:
    """The update streams of all open agents' pages, and their HTTP routes."""

    def __init__(self, site: AgentSite, sessions: AgentSessions, page_state: PageState, drafts: AgentDrafts) -> None:
        self._site = site
        self._sessions = sessions
        self._page_state = page_state
        self._drafts = drafts
        self._open: dict[str, _Stream] = {}  # by seat

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes of the agents' update streams."""
        router = APIRouter(route_class=PageRoute)
        router.get("/api/agent/me", dependencies=allow_anyone())(self.describe_signed_in_agent)
        events = "/api/agent/events"
        router.get(
            events,
            dependencies=allow_users_with_roles(AGENTS),
            response_class=StreamingResponse,
            responses=EVENT_STREAM,
        )(self.open_stream_to_page)
        return router

    async def describe_signed_in_agent(self, request: Request) -> AgentAccount | None:
        """Return the signed-in agent and the settings that the page needs; null = nobody is signed in."""
        token = request.state.token
        who = None if token is None else await self._sessions.find_user_of_session(token)
        if who is None:
            return None
        return self._site.describe_agent_for_page(who, other_tab=who.seat in self._open)

    async def open_stream_to_page(
        self, request: Request, take: bool = False, tab: Annotated[str, Query(max_length=64)] = ""
    ) -> Response:
        """Return a stream of server-sent events about the agent's own seat. An open stream keeps the agent's session
        alive.

        Only one page may be open for a seat. A second page is refused, unless it takes over (`take`), or is the same
        browser tab (`tab`) after a reload.
        """
        who: SignedInUser = request.state.user
        current = self._open.get(who.seat)
        if current is not None and not take and (not tab or current.tab != tab):
            raise RequestRefused(409, "open-elsewhere")
        events = self._stream_events_of_seat(request.state.token, who, tab)
        return StreamingResponse(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def _stream_events_of_seat(self, token: str, who: SignedInUser, tab: str) -> AsyncIterator[bytes]:
        names = {
            "desk": "desk",
            "online": "centre",
            f"seat/{who.seat}": "seat",
            f"pop/{who.seat}": "pop",
            f"figures/{who.name}": "figures",
            f"call-backs/{who.name}": "call_backs",
            f"coaching/{who.name}": "coaching",
        }
        checked_at, number, ended = self._page_state.now(), 0, False
        wanted = self._page_state.open_subscription(names.__contains__, 0.0)
        with wanted as subscription, self._register_open_page(who.seat, tab, subscription) as stream:
            async for update in subscription.stream_updates():
                seat = self._page_state.get_value_of_key(f"seat/{who.seat}", SeatView)
                agent = None if seat is None else seat.agent
                if agent != who.name or abs(update.at - checked_at) >= SESSION_CHECK_SECONDS:
                    checked_at = update.at
                    # The next agent's voter must not be shown, whatever the file says about the session.
                    ended = await has_session_ended(self._sessions.find_user_of_session, token, who) or agent not in {
                        who.name,
                        None,
                    }
                if ended or stream.taken:
                    break
                keys = names if number == 0 else [*update.values, *update.removed]
                values: dict[str, Any] = {names[key]: update.values.get(key) for key in keys}
                pop = values.get("pop")
                if isinstance(pop, AgentScreenPop):
                    values["pop"] = replace(pop, draft=self._drafts.find_unsent_form_of_call(who.seat, pop.attempt))
                yield format_server_sent_event(Update(number, update.at, values))
                number = update.number + 1
            if ended or stream.taken:  # otherwise the desk is stopping, and the page reconnects
                yield format_server_sent_event(
                    Update(number, self._page_state.now(), {"ended": "signed-out" if ended else "taken"})
                )

    @contextmanager
    def _register_open_page(self, seat: str, tab: str, subscription: Subscription) -> Iterator[_Stream]:
        before = self._open.get(seat)
        if before is not None:
            before.taken = True
            before.subscription.end_subscription()
        stream = self._open[seat] = _Stream(tab, subscription)
        try:
            yield stream
        finally:
            if self._open.get(seat) is stream:
                del self._open[seat]
