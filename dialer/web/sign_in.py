"""Sign-in with a password, and sign-out. Refused sign-ins are logged with the client's address, for fail2ban."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address, ip_network
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from dialer.web.access import (
    PageRoute,
    Sessions,
    allow_anyone,
    delete_session_cookie,
    set_session_cookie,
)
from dialer.web.devices import DEVICE_COOKIE, DEVICE_SECONDS, KnownDevices
from dialer.web.page_requests import PageRequest
from dialer.web.people import MAX_PASSWORD_LENGTH, NotSignedIn, People
from dialer.web.refusals import RequestRefused
from dialer.web.slow_work import CLIENT, NOBODY, WebClient

_log = structlog.get_logger(__name__)

_Password = Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD_LENGTH)]


class SignInRequest(PageRequest):
    """A request body with the name and password of a user who signs in. `new`, if given, replaces the password."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    password: _Password
    new: _Password | None = None


async def _log_refused_sign_in(request: Request) -> AsyncIterator[None]:
    """Log a sign-in that is refused as wrong (401), for fail2ban.

    The name is left out: it may be a password typed into the wrong field.
    """
    try:
        yield
    except (RequestRefused, NotSignedIn) as refused:
        if refused.status == 401:
            _log.warning("sign_in.refused", address=_find_client_address(request))
        raise


async def _set_client_of_request(request: Request) -> AsyncIterator[None]:
    """Set `CLIENT` while a request is handled: the client's network address, and whether its device is known."""
    sessions: Sessions = request.app.state.sessions
    cookie = request.cookies.get(DEVICE_COOKIE, "")
    device = None if sessions.devices is None else await sessions.devices.find_device_of_cookie(cookie)
    CLIENT.set(WebClient(_get_network_of_address(_find_client_address(request)), device, request.is_disconnected))
    try:
        yield
    finally:
        CLIENT.set(NOBODY)


def _get_network_of_address(address: str) -> str:
    """Return the /64 network of an IPv6 address, because one client may use all addresses of it. Return an IPv4 address
    unchanged.
    """
    with contextlib.suppress(ValueError):
        if (ip := ip_address(address)).version == 6:
            return str(ip_network((ip, 64), strict=False))
    return address


SIGN_IN = [*allow_anyone(), Depends(_log_refused_sign_in), Depends(_set_client_of_request)]
"""The dependencies of a route that signs somebody in."""


def _find_client_address(request: Request) -> str:
    """Return the IP address of a request's client.

    X-Forwarded-For counts only behind a reverse proxy on this machine.
    """
    client = "unknown" if request.client is None else request.client.host
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()  # added by the last proxy
    try:
        return str(ip_address(forwarded)) if ip_address(client).is_loopback else client
    except ValueError:
        return client


async def set_known_device_cookie(request: Request, response: Response, devices: KnownDevices, name: str) -> None:
    """Set a cookie by which the client's device is recognised as one on which this user has signed in."""
    known = request.cookies.get(DEVICE_COOKIE) if CLIENT.get().device is not None else None
    cookie = await devices.remember_user_on_device(name, known)
    response.set_cookie(DEVICE_COOKIE, cookie, max_age=DEVICE_SECONDS, secure=True, httponly=True, samesite="strict")


class PasswordSignIn:
    """The routes to sign in with a password and to sign out."""

    def __init__(self, people: People, end_session: Callable[[str], Awaitable[None]]) -> None:
        """Create the routes. `end_session` ends the session of a token, whether of a person or of an agent."""
        self._people = people
        self._end_session = end_session

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes to sign in and out."""
        router = APIRouter(route_class=PageRoute)
        router.post("/api/sign-in", dependencies=SIGN_IN, status_code=204)(self.sign_in)
        router.post("/api/sign-out", dependencies=allow_anyone(), status_code=204)(self.sign_out)
        return router

    async def sign_in(self, form: SignInRequest, request: Request, response: Response) -> None:
        """Start a session for a user who has entered the right password. The session is in a cookie that no script in
        the page can read.
        """
        set_session_cookie(
            request, response, await self._people.sign_in_with_password(form.name, form.password, form.new)
        )
        await set_known_device_cookie(request, response, self._people.devices, form.name)

    async def sign_out(self, request: Request, response: Response) -> None:
        """End the session of the request."""
        if request.state.token is not None:
            await self._end_session(request.state.token)
        delete_session_cookie(request, response)
