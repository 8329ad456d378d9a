"""Who has which seat, as a page says it: a session stands for as long as the dialler has that agent at that seat."""

from __future__ import annotations

from dialer.domain.clock import Clock
from dialer.domain.view import CentreState, SeatView
from dialer.store.agent_records import AgentRecords, AgentSession
from dialer.web.page_state import PageState
from dialer.web.people import AGENT, USE_RECORDED_SECONDS, SignedInUser, create_session_token, token_digest, try_or_log

EMPTY_SEAT_SECONDS = 60.0
"""A dialler that starts again may take so long until it has its agents back, and says meanwhile that nobody is there."""


class AgentSessions:
    """Sessions of agents, one of a seat and one of an agent."""

    def __init__(self, records: AgentRecords, page_state: PageState, clock: Clock, idle_seconds: float) -> None:
        """`page_state` has what the dialler says of the seats."""
        self._records = records
        self._page_state = page_state
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._nobody_since: dict[str, float] = {}  # by seat, monotonic
        self._leaving: set[str] = set()  # seats whose agents have logged off

    async def begin(self, agent: str, seat: str) -> str:
        """The token of a new session; an older one of the seat, or of the agent, is over."""
        token, at = create_session_token(), self._clock.now()
        self._forget(seat)
        session = AgentSession(token_digest(token), agent, seat, at, at)
        await self._records.begin_session(session, forget_before=at - self._idle_seconds)
        return token

    async def who(self, token: str) -> SignedInUser | None:
        """Whose session that is; None: nobody's, or nobody's any more."""
        now = self._clock.now()
        session = await self._records.session(token_digest(token))
        if session is None:
            return None
        who = SignedInUser(session.agent, AGENT, session.seat)
        if now - session.used_at > self._idle_seconds or self._is_gone(who):
            self._forget(session.seat)
            await try_or_log(self._records.end_session(session.digest))
            return None
        if now - session.used_at > USE_RECORDED_SECONDS:
            await try_or_log(self._records.use_session(session.digest, now))
        return who

    async def sign_out(self, token: str) -> None:
        """The session is over; the seat is as it was."""
        await self._records.end_session(token_digest(token))

    def leave(self, seat: str) -> None:
        """Its agent has logged off: the session is over as soon as the seat is empty, which may be after a call."""
        self._leaving.add(seat)

    def _agent_at(self, seat: str, unsaid: str) -> str | None:
        view = self._page_state.get(f"seat/{seat}", SeatView)
        return unsaid if view is None else view.agent

    def _is_gone(self, who: SignedInUser) -> bool:
        there = self._agent_at(who.seat, who.name)
        centre = self._page_state.get("centre", CentreState)
        if there is not None or centre is None or not centre.online:
            self._nobody_since.pop(who.seat, None)
            return there not in {who.name, None}
        now = self._clock.monotonic()
        since = self._nobody_since.setdefault(who.seat, now)
        return who.seat in self._leaving or now - since > EMPTY_SEAT_SECONDS

    def _forget(self, seat: str) -> None:
        self._nobody_since.pop(seat, None)
        self._leaving.discard(seat)


def attempt_at(page_state: PageState, seat: str) -> str | None:
    """The call that the dialler has at a seat; None: none, or nothing was heard of the seat."""
    view = page_state.get(f"seat/{seat}", SeatView)
    return None if view is None else view.attempt_id
