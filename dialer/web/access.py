"""Access rules of web routes: who may use a route, and which request bodies it accepts.

Every route must declare its rules with `allow_users_with_roles` or `allow_anyone`. `PageRoute` applies the rules before
FastAPI reads the request's body.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from fastapi import Depends, Request, Response, Security
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute, APIWebSocketRoute
from fastapi.security import APIKeyCookie
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import Message, Receive

from dialer.domain.enums import USER_ROLES, HqRole
from dialer.domain.enums import SupervisorRole as Role
from dialer.domain.errors import StoreError
from dialer.web.devices import KnownDevices
from dialer.web.people import AGENTS, SignedInUser
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)

DESK_COOKIE = "__Host-desk"
TRAINING_COOKIE = "__Host-training"
"""Cookies ignore ports: a training desk on the same host needs a cookie of its own."""
HQ_COOKIE = "__Host-hq"
JSON = "application/json"
MAX_BODY_BYTES = 65_536
EVERY_ROLE: frozenset[str] = frozenset({*USER_ROLES, Role.BOOTH_DESK, *HqRole})
"""The roles of people, listed by name so that a new role has no access until it is added. Programs and agents are excluded."""
EVENT_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}
"""The documented response of a route that streams server-sent events."""

FindUser = Callable[[str], Awaitable[SignedInUser | None]]
"""Returns the user of a session token, or None. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """The session cookie of a web application, and the functions that find the user of a session token."""

    cookie: str
    find_person: FindUser
    find_agent: FindUser  # used by routes for agents only
    devices: KnownDevices | None = None  # on which people have signed in before; None: nobody signs in here


@dataclass(frozen=True, slots=True)
class Access:
    """The access rules of one route: permitted roles, content type, and maximum body size."""

    roles: frozenset[str] | None  # None = anyone, signed in or not
    content_type: str = JSON  # required of requests with a body; never one that an HTML form can send
    max_body_bytes: int = MAX_BODY_BYTES

    async def __call__(self, connection: HTTPConnection) -> None:
        """Check the access rules of a WebSocket before it is accepted.

        `PageRoute` has checked HTTP requests already.
        """
        if connection.scope["type"] == "websocket":
            await self.identify_user_of_request(connection)

    async def identify_user_of_request(self, connection: HTTPConnection) -> None:
        """Find the user of a request by its session cookie, and store the user in `connection.state.user`.

        Raises RequestRefused if the rules do not allow the request.
        """
        if connection.scope.get("method", "GET") != "GET":
            content_type = connection.headers.get("content-type", "").split(";")[0].strip()
            if content_type != self.content_type:
                raise RequestRefused(403, "not-json")
        sessions: Sessions = connection.app.state.sessions
        connection.state.token = connection.cookies.get(sessions.cookie)
        connection.state.user = await self._find_permitted_user_of_session(sessions, connection.state.token)

    async def _find_permitted_user_of_session(self, sessions: Sessions, token: str | None) -> SignedInUser | None:
        if self.roles is None:
            return None
        find = sessions.find_agent if self.roles == AGENTS else sessions.find_person
        try:
            user = None if token is None else await find(token)
        except StoreError as error:
            _log.error("session.read_failed", problem=str(error))
            raise RequestRefused(503, "not-saved") from error
        if user is None:
            raise RequestRefused(401, "signed-out")
        if user.role not in self.roles:
            raise RequestRefused(403, "role")
        return user


def allow_users_with_roles(
    roles: frozenset[str], *, content_type: str = JSON, max_body_bytes: int = MAX_BODY_BYTES
) -> list[Dependency]:
    """Return the FastAPI dependencies of a route that only signed-in users with one of `roles` may use."""
    # FastAPI's cookie scheme only documents the session: `Access` looks it up.
    documented = Security(APIKeyCookie(name=DESK_COOKIE, scheme_name="session", auto_error=False))
    return [Depends(Access(roles, content_type, max_body_bytes)), documented]


def allow_anyone() -> list[Dependency]:
    """Return the FastAPI dependencies of a route that anyone may use, signed in or not."""
    return [Depends(Access(None))]


def find_access_rules_of_route(route: object) -> Access:
    """Return the access rules of a route.

    Raises TypeError if the route declares no rules, or declares rules more than once.
    """
    declared = route.dependencies if isinstance(route, APIRoute | APIWebSocketRoute) else []
    found = [each.dependency for each in declared if isinstance(each.dependency, Access)]
    if len(found) != 1:
        raise TypeError(
            f"the route {route!r} must declare once who may use it, with allow_users_with_roles() or allow_anyone()"
        )
    return found[0]


class PageRoute(APIRoute):
    """A FastAPI route that checks its access rules before it reads the request's body, and limits the body."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler of requests, preceded by the check of the access rules."""
        handle, access = super().get_route_handler(), find_access_rules_of_route(self)

        async def check_access_and_handle_request(request: Request) -> Response:
            await access.identify_user_of_request(request)
            _refuse_too_long_request_body(request.headers.get("content-length", ""), access.max_body_bytes)
            return await handle(Request(request.scope, _limit_request_body(request.receive, access.max_body_bytes)))

        return check_access_and_handle_request


def _refuse_too_long_request_body(declared_length: str, max_bytes: int) -> None:
    """Raise HTTPException for a body that is declared to be too long, before it is read."""
    if declared_length.isdecimal() and int(declared_length) > max_bytes:
        raise HTTPException(413)


def _limit_request_body(receive: Receive, max_bytes: int) -> Receive:
    remaining = max_bytes

    async def receive_limited_body() -> Message:
        nonlocal remaining
        message = await receive()
        remaining -= len(message.get("body", b""))
        if remaining < 0:
            raise HTTPException(413)
        return message

    return receive_limited_body


async def _get_signed_in_user(connection: HTTPConnection) -> SignedInUser:
    user: SignedInUser = connection.state.user
    return user


SignedIn = Annotated[SignedInUser, Depends(_get_signed_in_user)]
"""The signed-in user, as a parameter of a route for which `allow_users_with_roles` is declared."""


def set_session_cookie(request: Request, response: Response, token: str) -> None:
    """Set the session cookie in a response: for this host only, over TLS only, hidden from scripts."""
    sessions: Sessions = request.app.state.sessions
    response.set_cookie(sessions.cookie, token, secure=True, httponly=True, samesite="strict")


def delete_session_cookie(request: Request, response: Response) -> None:
    """Delete the session cookie in the browser."""
    sessions: Sessions = request.app.state.sessions
    response.delete_cookie(sessions.cookie, secure=True, httponly=True, samesite="strict")
