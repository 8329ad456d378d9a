"""The phone in the agent's page: its name and password, and its way to Asterisk.

The page speaks SIP to the desk, on the page's own origin, and the desk to Asterisk's WebSocket, which no other machine reaches. Who
has signed in at a seat may be that seat's phone, and nobody else's; the newest page of a seat is its phone.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from dialer.settings.seats import SeatSettings, browser_password
from dialer.settings.servers import ONLY, servers_of
from dialer.settings.site import Settings
from dialer.web.access import PageRoute, SignedIn, allow
from dialer.web.http import MAX_WEBSOCKET_MESSAGE_BYTES
from dialer.web.people import AGENTS, SignedInUser, is_session_over
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)

PATH = "/api/agent/ws"
DOMAIN = "matdan.invalid"  # Asterisk knows a phone by its name alone
CONNECT_SECONDS = 3.0
MOST_MESSAGES, IN_SECONDS = 100, 10.0  # of a page; a registration, a call and its end are twelve
SESSION_CHECK_SECONDS = 10.0  # whether who has the phone is still signed in

# Why the desk closes a page's WebSocket: codes of RFC 6455, and of our own where the page is not to try again.
AWAY = 1013  # Asterisk is; try again later
NOT_OURS = 1008
SIGNED_OUT = 4401
TAKEN = 4409  # by another page of the seat


class AgentPhones:
    """The phones of the seats whose `webrtc` is set."""

    def __init__(self, settings: Settings, find: Callable[[str], Awaitable[SignedInUser | None]]) -> None:
        """`find` gives who has a session's token."""
        self._find = find
        self._taken: dict[
            str, asyncio.Event
        ] = {}  # by seat: tells the page that has the phone when another one takes it
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """These are in force from now on; whose line is open has it."""
        self._seats: Mapping[str, SeatSettings] = {each.name: each for each in settings.seats if each.webrtc}
        self._secret = settings.ami.secret
        hosts = {server: site.ami.host for server, site in servers_of(settings).items()}
        written = {server: f"[{host}]" if ":" in host else host for server, host in hosts.items()}
        self._addresses = {
            server: f"ws://{host}:{settings.asterisk.websocket_port}/ws" for server, host in written.items()
        }
        self._networks = [ipaddress.ip_network(each, strict=False) for each in settings.asterisk.seat_networks]

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=PageRoute, dependencies=allow(AGENTS))
        router.post("/api/agent/phone")(self.phone)
        router.websocket(PATH)(self.line)
        return router

    async def phone(self, who: SignedIn) -> dict[str, str]:
        """`{uri, password, ws}`: how the page's phone registers, for the seat of who has signed in."""
        seat = self._seats.get(who.seat)
        if seat is None:
            raise RequestRefused(409, "own-phone")
        if seat.password is None and self._secret is None:
            raise RequestRefused(409, "no-phone")  # nothing could be rendered for Asterisk either
        password = browser_password(seat, self._secret)
        return {"uri": f"sip:{seat.endpoint}@{DOMAIN}", "password": password, "ws": PATH}

    async def line(self, page: WebSocket) -> None:
        """The page's way to Asterisk and back, for as long as both are there and who opened it is signed in."""
        who: SignedInUser = page.state.user
        seat = self._seats.get(who.seat)
        if seat is None or not self._is_of_the_house(page):
            await page.close(NOT_OURS)
            return
        try:
            async with connect(
                self._addresses[seat.server or ONLY],
                subprotocols=[Subprotocol("sip")],
                compression=None,
                proxy=None,
                open_timeout=CONNECT_SECONDS,
                close_timeout=CONNECT_SECONDS,
                ping_interval=None,
                max_size=MAX_WEBSOCKET_MESSAGE_BYTES,
            ) as switch:
                await page.accept("sip")
                code = await self._carry(page, switch, seat)
        except (OSError, TimeoutError, WebSocketException, WebSocketDisconnect) as away:
            _log.warning("desk.no-phones", problem=str(away))
            code = AWAY
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the page is gone
            await page.close(code)

    async def _carry(self, page: WebSocket, switch: ClientConnection, seat: SeatSettings) -> int:
        """Carry messages both ways until one side has gone or may not stay; the code that tells the page why."""
        if (before := self._taken.get(seat.name)) is not None:
            before.set()
        taken = self._taken[seat.name] = asyncio.Event()
        ways = [
            asyncio.create_task(each, name=f"phone-{seat.name}")
            for each in (
                self._from_page(page, switch, seat),
                _from_switch(page, switch),
                self._until_signed_out(page),
                _told(taken),
            )
        ]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            if self._taken.get(seat.name) is taken:
                del self._taken[seat.name]

    async def _from_page(self, page: WebSocket, switch: ClientConnection, seat: SeatSettings) -> int:
        clock = asyncio.get_running_loop().time
        since, count = clock(), 0
        while (message := await page.receive())["type"] == "websocket.receive":
            if clock() - since > IN_SECONDS:
                since, count = clock(), 0
            count += 1
            text = message.get("text")
            why = "no-sip" if text is None else why_refused(text, seat.endpoint)
            why = "flood" if count > MOST_MESSAGES else why
            if text is None or why is not None:
                _log.warning("desk.phone-refused", seat=seat.name, problem=why)
                return NOT_OURS
            await switch.send(text)
        return 1000

    async def _until_signed_out(self, page: WebSocket) -> int:
        while True:
            await asyncio.sleep(SESSION_CHECK_SECONDS)
            if await is_session_over(self._find, page.state.token, page.state.user):
                return SIGNED_OUT

    def _is_of_the_house(self, page: WebSocket) -> bool:
        """Whether a phone may come from there (`asterisk.seat_networks`): Asterisk sees the desk's address in place of it."""
        address = None if page.client is None else ipaddress.ip_address(page.client.host)
        return any(address in network for network in self._networks)


async def _from_switch(page: WebSocket, switch: ClientConnection) -> int:
    async for message in switch:
        text: Any = message if isinstance(message, str) else message.decode("utf-8", "replace")
        await page.send_text(text)
    return AWAY


async def _told(taken: asyncio.Event) -> int:
    await taken.wait()
    return TAKEN


# Which messages of a page's phone go on. Asterisk asks for the password of whoever a message says it is from; this is looked at
# before, so that a page cannot even try another seat's name. The SIP of our own phone (JsSIP) is understood and the rest refused:
# one message a frame, no folded lines, each name once, a length that is true (else a second message could hide behind the first).

METHODS = frozenset({"REGISTER", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "PRACK"})
"""No REFER, SUBSCRIBE, MESSAGE or PUBLISH: Asterisk has nothing for them, and a phone of ours asks for none."""

_FIRST = re.compile(r"(?P<method>[A-Z]{3,10}) sips?:[!-~]{1,400} SIP/2\.0|SIP/2\.0 [1-6]\d\d [^\r\n]*", re.ASCII)
_HEADER = re.compile(r"(?P<name>[A-Za-z-]{1,40}) *: *(?P<value>[^\r\n\0]*)")
_PERSON = re.compile(r'(?:"[^"\\<>]*" *)?<sip:(?P<user>[A-Za-z0-9_.-]{1,64})@[^<>@\s]*>(?:;(?:[^<>",]|"[^"\\]*")*)?')
_SHORT = {"f": "from", "t": "to", "m": "contact", "l": "content-length"}
_ONCE = frozenset({"from", "to", "contact", "content-length"})


def why_refused(text: str, user: str) -> str | None:
    """Why a message of the phone of `user` goes no further; None: it goes. Line ends alone keep a connection open."""
    if not text.strip("\r\n"):
        return None
    head, ended, body = text.partition("\r\n\r\n")
    line, *lines = head.split("\r\n")
    first = _FIRST.fullmatch(line)
    found = [_HEADER.fullmatch(each) for each in lines]
    if first is None or not ended or None in found:
        return "no-sip"
    named = [(_named(each["name"]), each["value"]) for each in found if each is not None]
    once = [name for name, _ in named if name in _ONCE]
    headers = dict(named)
    if len(once) != len(set(once)) or headers.get("content-length", "").strip() != str(len(body.encode())):
        return "no-sip"
    method = first["method"]
    if method is not None and method not in METHODS:
        return "method"
    # A request is from the phone, an answer is to what was sent to it; a registration is of the phone alone.
    own = [name for name, must in (("from", method is not None), ("to", method in {None, "REGISTER"})) if must]
    own += ["contact"] if "contact" in headers else []
    return None if all(_user(headers.get(name, "")) == user for name in own) else "user"


def _named(name: str) -> str:
    low = name.lower()
    return _SHORT.get(low, low)


def _user(value: str) -> str | None:
    person = _PERSON.fullmatch(value.strip())
    return None if person is None else person["user"]
