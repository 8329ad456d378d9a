"""The browser phone of an agent's page: its SIP credentials, and the relay to Asterisk.

The page sends SIP over a WebSocket to the desk, the server of the page. The desk relays it to Asterisk's WebSocket,
which listens on loopback only. An agent's page can only be the phone of the agent's seat. If several pages of a seat
are open, the newest one is the phone.
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
from starlette.websockets import WebSocketState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from dialer.settings.seats import SeatSettings, get_sip_password_of_browser_phone
from dialer.settings.servers import SINGLE_SERVER, split_settings_by_asterisk_server
from dialer.settings.site import Settings
from dialer.web.access import PageRoute, SignedIn, allow_users_with_roles
from dialer.web.http import MAX_WEBSOCKET_MESSAGE_BYTES
from dialer.web.people import AGENTS, SignedInUser, has_session_ended
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)

PATH = "/api/agent/ws"
DOMAIN = "matdan.invalid"  # Asterisk identifies a phone by its user name only
CONNECT_SECONDS = 3.0
MAX_MESSAGES, IN_SECONDS = 100, 10.0  # of a page; a registration and a whole call are twelve
SESSION_CHECK_SECONDS = 10.0  # between checks that the agent is still signed in

# Close codes of the page's WebSocket: of RFC 6455, and our own codes after which the page must not reconnect.
ASTERISK_DOWN = 1013  # try again later
POLICY_VIOLATION = 1008
SIGNED_OUT = 4401
TAKEN = 4409  # another page of the seat is the phone now


class AgentPhones:
    """The browser phones of the seats whose `webrtc` setting is on."""

    def __init__(
        self, settings: Settings, find_user_of_session: Callable[[str], Awaitable[SignedInUser | None]]
    ) -> None:
        """Create the HTTP routes of agents' browser phones. `find_user_of_session` returns the agent of a session token."""
        self._find_user = find_user_of_session
        self._taken: dict[str, asyncio.Event] = {}  # by seat; set when another page becomes the phone
        self.replace_phone_settings(settings)

    def replace_phone_settings(self, settings: Settings) -> None:
        """Use these settings for the browser phones that connect from now on."""
        self._seats: Mapping[str, SeatSettings] = {each.name: each for each in settings.seats if each.webrtc}
        self._secret = settings.ami.secret
        hosts = {server: site.ami.host for server, site in split_settings_by_asterisk_server(settings).items()}
        written = {server: f"[{host}]" if ":" in host else host for server, host in hosts.items()}
        self._addresses = {
            server: f"ws://{host}:{settings.asterisk.websocket_port}/ws" for server, host in written.items()
        }
        self._networks = [ipaddress.ip_network(each, strict=False) for each in settings.asterisk.seat_networks]

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes of the browser phones."""
        router = APIRouter(route_class=PageRoute, dependencies=allow_users_with_roles(AGENTS))
        router.post("/api/agent/phone")(self.issue_phone_credentials)
        router.websocket(PATH)(self.relay_phone_messages)
        return router

    async def issue_phone_credentials(self, who: SignedIn) -> dict[str, str]:
        """Return the SIP URI, the password and the WebSocket path with which the page registers as the phone of its seat."""
        seat = self._seats.get(who.seat)
        if seat is None:
            raise RequestRefused(409, "own-phone")
        if seat.password is None and self._secret is None:
            raise RequestRefused(409, "no-phone")  # the phone is not in the rendered Asterisk configuration either
        password = get_sip_password_of_browser_phone(seat, self._secret)
        return {"uri": f"sip:{seat.endpoint}@{DOMAIN}", "password": password, "ws": PATH}

    async def relay_phone_messages(self, page: WebSocket) -> None:
        """Relay SIP between a page and Asterisk until one of them disconnects or the session ends."""
        who: SignedInUser = page.state.user
        seat = self._seats.get(who.seat)
        if seat is None or not self._is_in_seat_network(page):
            await page.close(POLICY_VIOLATION)
            return
        try:
            async with connect(
                self._addresses[seat.server or SINGLE_SERVER],
                subprotocols=[Subprotocol("sip")],
                compression=None,
                proxy=None,
                open_timeout=CONNECT_SECONDS,
                close_timeout=CONNECT_SECONDS,
                ping_interval=None,
                max_size=MAX_WEBSOCKET_MESSAGE_BYTES,
            ) as switch:
                await page.accept("sip")
                code = await self._relay_sip_messages(page, switch, seat)
        except (OSError, TimeoutError, WebSocketException, WebSocketDisconnect) as error:
            _log.warning("phone.asterisk_unreachable", problem=str(error))
            if page.application_state is WebSocketState.CONNECTING:
                raise RequestRefused(503, "asterisk-unreachable") from error  # the phone retries
            code = ASTERISK_DOWN
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the page is gone
            await page.close(code)

    async def _relay_sip_messages(self, page: WebSocket, switch: ClientConnection, seat: SeatSettings) -> int:
        """Relay SIP messages between the page and Asterisk. Return the close code of the page's WebSocket.

        The relay ends when one side disconnects, the agent signs out or another page becomes the seat's phone.
        """
        if (previous := self._taken.get(seat.name)) is not None:
            previous.set()
        taken = self._taken[seat.name] = asyncio.Event()
        tasks = [
            asyncio.create_task(each, name=f"phone-{seat.name}")
            for each in (
                self._relay_page_messages(page, switch, seat),
                _relay_asterisk_messages(page, switch),
                self._wait_for_sign_out(page),
                _wait_for_newer_phone_of_seat(taken),
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._taken.get(seat.name) is taken:
                del self._taken[seat.name]

    async def _relay_page_messages(self, page: WebSocket, switch: ClientConnection, seat: SeatSettings) -> int:
        clock = asyncio.get_running_loop().time
        since, count = clock(), 0
        while (message := await page.receive())["type"] == "websocket.receive":
            if clock() - since > IN_SECONDS:
                since, count = clock(), 0
            count += 1
            text = message.get("text")
            reason = "no-sip" if text is None else find_sip_refusal_reason(text, seat.endpoint)
            reason = "flood" if count > MAX_MESSAGES else reason
            if text is None or reason is not None:
                _log.warning("phone.message_rejected", seat=seat.name, problem=reason)
                return POLICY_VIOLATION
            await switch.send(text)
        return 1000

    async def _wait_for_sign_out(self, page: WebSocket) -> int:
        while True:
            await asyncio.sleep(SESSION_CHECK_SECONDS)
            if await has_session_ended(self._find_user, page.state.token, page.state.user):
                return SIGNED_OUT

    def _is_in_seat_network(self, page: WebSocket) -> bool:
        """Return whether the address of the agent's page is in `asterisk.seat_networks`.

        Asterisk cannot check this, because the SIP messages reach it from the desk's address.
        """
        address = None if page.client is None else ipaddress.ip_address(page.client.host)
        return any(address in network for network in self._networks)


async def _relay_asterisk_messages(page: WebSocket, switch: ClientConnection) -> int:
    async for message in switch:
        text: Any = message if isinstance(message, str) else message.decode("utf-8", "replace")
        await page.send_text(text)
    return ASTERISK_DOWN


async def _wait_for_newer_phone_of_seat(taken: asyncio.Event) -> int:
    await taken.wait()
    return TAKEN


# The filter of a page's SIP messages. Asterisk authenticates the user that a message names; the filter rejects other users before,
# so that a page cannot even try another seat's name. It accepts only the SIP that our phone (JsSIP) sends: one message in each
# frame, no folded lines, no repeated headers, and a true content length (a second message could hide behind the first).

METHODS = frozenset({"REGISTER", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "PRACK"})
"""Without REFER, SUBSCRIBE, MESSAGE and PUBLISH, which our phone does not use."""

_FIRST = re.compile(r"(?P<method>[A-Z]{3,10}) sips?:[!-~]{1,400} SIP/2\.0|SIP/2\.0 [1-6]\d\d [^\r\n]*", re.ASCII)
_HEADER = re.compile(r"(?P<name>[A-Za-z-]{1,40}) *: *(?P<value>[^\r\n\0]*)")
_ADDRESS = re.compile(r'(?:"[^"\\<>]*" *)?<sip:(?P<user>[A-Za-z0-9_.-]{1,64})@[^<>@\s]*>(?:;(?:[^<>",]|"[^"\\]*")*)?')
_SHORT = {"f": "from", "t": "to", "m": "contact", "l": "content-length"}
_ONCE = frozenset({"from", "to", "contact", "content-length"})


def find_sip_refusal_reason(text: str, user: str) -> str | None:
    """Return why a SIP message from `user`'s phone must be rejected, or None if it may be relayed.

    Empty lines are keep-alives, which may be relayed.
    """
    if not text.strip("\r\n"):
        return None
    head, ended, body = text.partition("\r\n\r\n")
    line, *lines = head.split("\r\n")
    first = _FIRST.fullmatch(line)
    found = [_HEADER.fullmatch(each) for each in lines]
    if first is None or not ended or None in found:
        return "no-sip"
    named = [(_expand_compact_sip_header_name(each["name"]), each["value"]) for each in found if each is not None]
    once = [name for name, _ in named if name in _ONCE]
    headers = dict(named)
    if len(once) != len(set(once)) or headers.get("content-length", "").strip() != str(len(body.encode())):
        return "no-sip"
    method = first["method"]
    if method is not None and method not in METHODS:
        return "method"
    # A request must be from the phone, a response to a request that was sent to it, a registration for the phone itself.
    own = [name for name, must in (("from", method is not None), ("to", method in {None, "REGISTER"})) if must]
    own += ["contact"] if "contact" in headers else []
    return None if all(_find_sip_user_of_message(headers.get(name, "")) == user for name in own) else "user"


def _expand_compact_sip_header_name(name: str) -> str:
    low = name.lower()
    return _SHORT.get(low, low)


def _find_sip_user_of_message(value: str) -> str | None:
    address = _ADDRESS.fullmatch(value.strip())
    return None if address is None else address["user"]
