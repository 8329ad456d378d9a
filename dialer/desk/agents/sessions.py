"""Sessions of agents' pages. A session is valid while the dialler reports the agent at the seat of the session."""

from __future__ import annotations

from dialer.domain.clock import Clock
from dialer.domain.view import CentreState, SeatView
from dialer.store.agent_records import AgentRecords, AgentSession
from dialer.web.page_state import PageState
from dialer.web.people import (
    AGENT,
    USE_RECORDED_SECONDS,
    SignedInUser,
    compute_digest_of_session_token,
    create_session_token,
    run_function_and_log_store_error,
)

EMPTY_SEAT_SECONDS = 60.0
"""How long a seat may be empty before its session ends: a restarted dialler needs this time to restore its agents."""


class AgentSessions:
    """The sessions of agents, at most one for each seat and one for each agent."""

    def __init__(self, records: AgentRecords, page_state: PageState, clock: Clock, idle_seconds: float) -> None:
        self._records = records
        self._page_state = page_state
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._empty_since: dict[str, float] = {}  # by seat, monotonic
        self._leaving: set[str] = set()  # seats whose agents have logged off

    async def begin_session(self, agent: str, seat: str) -> str:
        """Start a session of an agent at a seat, and return its token. Older sessions of the seat or of the agent end."""
        token, at = create_session_token(), self._clock.now()
        self._discard_sign_out_state_of_seat(seat)
        session = AgentSession(compute_digest_of_session_token(token), agent, seat, at, at)
        await self._records.begin_agent_session(session, forget_before=at - self._idle_seconds)
        return token

    async def find_user_of_session(self, token: str) -> SignedInUser | None:
        """Return the agent of a session token, or None if the session has expired or the agent has left the seat."""
        now = self._clock.now()
        session = await self._records.read_agent_session(compute_digest_of_session_token(token))
        if session is None:
            return None
        who = SignedInUser(session.agent, AGENT, session.seat)
        if now - session.used_at > self._idle_seconds or self._has_agent_left(who):
            self._discard_sign_out_state_of_seat(session.seat)
            await run_function_and_log_store_error(self._records.end_agent_session(session.digest))
            return None
        if now - session.used_at > USE_RECORDED_SECONDS:
            await run_function_and_log_store_error(self._records.record_agent_session_use(session.digest, now))
        return who

    async def end_session(self, token: str) -> None:
        """End an agent's session on the pages. The agent stays logged in at the seat."""
        await self._records.end_agent_session(compute_digest_of_session_token(token))

    def mark_agent_as_leaving(self, seat: str) -> None:
        """Record that the agent at a seat wants to log off.

        The session ends when the agent has left the seat. The dialler may let the agent finish the current call first.
        """
        self._leaving.add(seat)

    def _find_agent_at_seat(self, seat: str, default: str) -> str | None:
        view = self._page_state.get_value_of_key(f"seat/{seat}", SeatView)
        return default if view is None else view.agent

    def _has_agent_left(self, who: SignedInUser) -> bool:
        there = self._find_agent_at_seat(who.seat, who.name)
        centre = self._page_state.get_value_of_key("centre", CentreState)
        if there is not None or centre is None or not centre.online:
            self._empty_since.pop(who.seat, None)
            return there not in {who.name, None}
        now = self._clock.monotonic()
        since = self._empty_since.setdefault(who.seat, now)
        return who.seat in self._leaving or now - since > EMPTY_SEAT_SECONDS

    def _discard_sign_out_state_of_seat(self, seat: str) -> None:
        self._empty_since.pop(seat, None)
        self._leaving.discard(seat)


def find_current_attempt_of_seat(page_state: PageState, seat: str) -> str | None:
    """Return the id of the current call attempt at a seat, or None if there is no call or the seat is unknown."""
    view = page_state.get_value_of_key(f"seat/{seat}", SeatView)
    return None if view is None else view.attempt_id
