"""Sign-in of agents with number, PIN and seat. The dialler checks the PIN.

After several wrong PINs, the device or network that sent them is locked, not the seat or the agent.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from dialer.desk.agents.sessions import AgentSessions
from dialer.desk.agents.site import AgentSite
from dialer.domain.errors import RefusedBecause
from dialer.domain.view import CentreState, SeatView
from dialer.mqtt.dialler_client import DiallerClient, Reply
from dialer.web.access import PageRoute, allow_anyone, set_session_cookie
from dialer.web.devices import DEVICE_COOKIE, is_device_of_user
from dialer.web.page_requests import PageRequest
from dialer.web.page_state import PageState
from dialer.web.people import People
from dialer.web.refusals import RequestRefused
from dialer.web.sign_in import SIGN_IN, set_known_device_cookie
from dialer.web.slow_work import CLIENT

SEATED_SECONDS = 3.0  # to wait until the dialler has published the agent at the seat


class AgentSignIn(PageRequest):
    """The sign-in form: agent number, PIN, seat and kind of phone."""

    agent: Annotated[str, Field(pattern=r"^[0-9]{1,10}$")]
    pin: Annotated[str, Field(pattern=r"^[0-9]{1,12}$")]
    seat: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,20}$")]
    phone: Literal["own", "browser"] | None = None  # as the page shows it; None: the page does not know the seats


class AgentSignInRoutes:
    """Routes that list the seats and sign agents in. They need no session."""

    def __init__(
        self,
        site: AgentSite,
        sessions: AgentSessions,
        people: People,
        dialler_client: DiallerClient,
        page_state: PageState,
    ) -> None:
        """Create the routes. `people` computes the proof of a PIN, which is sent to the dialler in place of the PIN.

        Computing a proof takes tens of milliseconds, so a thread does it.
        """
        self._site = site
        self._sessions = sessions
        self._people = people
        self._dialler_client = dialler_client
        self._page_state = page_state

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes that list seats and sign agents in."""
        router = APIRouter(route_class=PageRoute)
        router.get("/api/agent/seats", dependencies=allow_anyone())(self.list_seats)
        router.post("/api/agent/sign-in", dependencies=SIGN_IN, status_code=204)(self.sign_in)
        return router

    async def list_seats(self, request: Request) -> list[dict[str, Any]]:
        """Return every seat with its kind of phone and whether it is in use, without naming agents.

        On a device without an earlier sign-in the list is empty, so that strangers learn nothing. Agents type the
        seat's name there.
        """
        if await self._people.devices.find_device_of_cookie(request.cookies.get(DEVICE_COOKIE, "")) is None:
            return []
        seats = self._page_state.get_values_of_keys_with_prefix("seat", SeatView)
        taken = {name for name, seat in seats.items() if seat.agent is not None}
        return [{"seat": seat, "taken": seat in taken, "phone": phone} for seat, phone in self._site.phones.items()]

    async def sign_in(self, asked: AgentSignIn, request: Request, response: Response) -> None:
        """Let the dialler log an agent in at a seat, then start the agent's session on the pages."""
        site = self._site
        if site.user is None:
            raise RequestRefused(409, "no-agents")
        if asked.phone is not None and site.phones.get(asked.seat, asked.phone) != asked.phone:
            raise RequestRefused(409, "phone-kind")
        centre = self._page_state.get_value_of_key("centre", CentreState)
        if centre is not None and not centre.online:
            raise RequestRefused(503, "unanswered")  # the dialler is not connected to the broker
        proof = await self._people.run_in_low_priority_thread(
            lambda: site.prover.create_pin_proof(
                site.centre, asked.seat, asked.agent, asked.pin, self._page_state.now()
            )
        )
        device, user = CLIENT.get().device, f"agent {asked.agent}"
        is_known = is_device_of_user(device, user)
        source = device.device if device is not None and is_known else None
        values = {
            "seat": asked.seat,
            "agent": asked.agent,
            "proof": proof,
            "source": source or self._people.devices.compute_digest_of_address(CLIENT.get().address),
            "known_device": is_known,
        }
        reply = await self._dialler_client.send_command(
            site.user, f"sign-in-{secrets.token_hex(16)}", "seat-sign-in", values
        )
        if reply is None:
            raise RequestRefused(503, "away")
        if reply.status == "unanswered":
            raise RequestRefused(503, "unanswered")
        if reply.status != "done":
            raise self._create_sign_in_refusal(asked, reply)
        await self._wait_until_agent_is_at_seat(asked.seat, asked.agent)
        set_session_cookie(request, response, await self._sessions.begin_session(asked.agent, asked.seat))
        await set_known_device_cookie(request, response, self._people.devices, user)

    def _create_sign_in_refusal(self, asked: AgentSignIn, reply: Reply) -> RequestRefused:
        match reply.code:
            case RefusedBecause.PIN_WRONG:
                return RequestRefused(401, "pin-wrong")
            case RefusedBecause.LOG_IN_LOCKED:
                return RequestRefused(429, "seat-locked", seat=asked.seat, minutes=self._site.lock_minutes)
            case RefusedBecause.AGENT_ELSEWHERE:
                seats = self._page_state.get_values_of_keys_with_prefix("seat", SeatView)
                where = next((name for name, seat in seats.items() if seat.agent == asked.agent), "?")
                return RequestRefused(409, "agent-elsewhere", seat=where)
            case RefusedBecause.NO_SEAT:
                return RequestRefused(404, "no-seat")
            case RefusedBecause.SEAT_TAKEN:
                return RequestRefused(409, "seat-taken")
            case RefusedBecause.CLOCKS_DIFFER:
                return RequestRefused(409, "clocks")
        return RequestRefused(409, "refused", text=reply.text)

    async def _wait_until_agent_is_at_seat(self, seat: str, agent: str) -> None:
        """Wait until the dialler's MQTT message about the seat names the agent.

        If the agent's session on the page began earlier, it would end at once: it needs the agent at the seat.
        """
        key = f"seat/{seat}"
        wanted = self._page_state.open_subscription(lambda each: each == key, 0.0, page=False)
        with suppress(TimeoutError), wanted as subscription:
            async with asyncio.timeout(SEATED_SECONDS):
                async for update in subscription.stream_updates():
                    view = update.values.get(key)
                    if isinstance(view, SeatView) and view.agent == agent:
                        return
