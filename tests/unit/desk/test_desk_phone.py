"""The browser phone's WebSocket: it forwards SIP of the agent's own seat and refuses everything else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from dialer.desk.agents import phone
from dialer.desk.agents.phone import (
    ASTERISK_DOWN,
    MAX_MESSAGES,
    PATH,
    POLICY_VIOLATION,
    SESSION_CHECK_SECONDS,
    SIGNED_OUT,
    TAKEN,
    AgentPhones,
    find_sip_refusal_reason,
)
from dialer.domain.errors import StoreError
from dialer.settings.seats import get_sip_password_of_browser_phone
from dialer.settings.site import Settings
from dialer.web.access import DESK_COOKIE, Sessions
from dialer.web.app import make_web_application
from dialer.web.http import MAX_WEBSOCKET_MESSAGE_BYTES, create_page_server, open_listening_socket
from dialer.web.people import AGENT, SignedInUser
from dialer.web.protection import PageProtection
from tests.support.virtual import virtual_time

REGISTER = (
    "REGISTER sip:matdan.invalid SIP/2.0\r\nVia: SIP/2.0/WS 1a2b.invalid;branch=z9hG4bK1\r\nMax-Forwards: 69\r\n"
    "To: <sip:agent01@matdan.invalid>\r\nFrom: <sip:agent01@matdan.invalid>;tag=abc\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n"
    'Contact: <sip:agent01@1a2b.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance="<urn:uuid:1>";expires=300\r\n'
    "Expires: 300\r\nContent-Length: 0\r\n\r\n"
)
ANSWER = (
    "SIP/2.0 200 OK\r\nVia: SIP/2.0/WS 127.0.0.1\r\nTo: <sip:agent01@1a2b.invalid;transport=ws>;tag=x\r\n"
    'From: "01" <sip:01@127.0.0.1>;tag=y\r\nCall-ID: d\r\nCSeq: 2 INVITE\r\nContact: <sip:agent01@1a2b.invalid;transport=ws>\r\n'
    "Content-Length: 3\r\n\r\nv=0"
)


# Forwarded and refused messages


def replace_text(message: str, old: str, new: str) -> str:
    assert old in message
    return message.replace(old, new)


@pytest.mark.parametrize(
    "message",
    [
        REGISTER,
        ANSWER,
        "\r\n\r\n",
        replace_text(REGISTER, "Contact: <", "m: <"),
        replace_text(ANSWER, "Content-Length: 3", "l : 3"),
        replace_text(REGISTER, "REGISTER sip:", "INVITE sip:echo@"),
        replace_text(REGISTER, "To: <sip:agent01", "To: <sip:echo").replace("REGISTER sip:", "INVITE sip:"),
    ],
)
def test_sip_filter_accepts_messages_of_the_seats_own_phone(message: str) -> None:
    assert find_sip_refusal_reason(message, "agent01") is None


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (replace_text(REGISTER, "From: <sip:agent01", "From: <sip:agent02"), "user"),
        (replace_text(REGISTER, "To: <sip:agent01", "To: <sip:agent02"), "user"),
        (replace_text(REGISTER, "Contact: <sip:agent01", "Contact: <sip:agent02"), "user"),
        (replace_text(REGISTER, "From: <sip:agent01@", "From: <sip:agent01;x@"), "user"),
        (replace_text(REGISTER, "From: <sip:agent01@matdan.invalid>", "From: sip:agent01@matdan.invalid"), "user"),
        (replace_text(REGISTER, "From: <sip:agent01@matdan.invalid>", "From: <sip:agent01@a>, <sip:agent02@a>"), "user"),
        (replace_text(REGISTER, 'Contact: <', 'Contact: "<sip:agent01@a>" <sip:x@y>, <'), "user"),
        (replace_text(ANSWER, "To: <sip:agent01", "To: <sip:agent02"), "user"),
        (replace_text(REGISTER, "REGISTER sip:", "REFER sip:"), "method"),
        (replace_text(REGISTER, "REGISTER sip:", "MESSAGE sip:"), "method"),
        (replace_text(REGISTER, "CSeq:", "f: <sip:agent02@a>\r\nCSeq:"), "no-sip"),
        (replace_text(REGISTER, "CSeq:", "FROM: <sip:agent02@a>\r\nCSeq:"), "no-sip"),
        (replace_text(REGISTER, "CSeq:", "\r\n folded\r\nCSeq:"), "no-sip"),
        (replace_text(REGISTER, "Call-ID: c", "Call-ID: c\nFrom: <sip:agent02@a>"), "no-sip"),
        (REGISTER + replace_text(REGISTER, "agent01", "agent02"), "no-sip"),
        (replace_text(REGISTER, "Content-Length: 0", "Content-Length: 4") + "abc", "no-sip"),
        (replace_text(REGISTER, "Content-Length: 0\r\n", ""), "no-sip"),
        (replace_text(REGISTER, "\r\n\r\n", "\r\n"), "no-sip"),
        ("\r\n" + REGISTER, "no-sip"),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "no-sip"),
        ("\0", "no-sip"),
    ],
)  # fmt: skip
def test_sip_filter_rejects_messages_that_a_seats_phone_never_sends(message: str, why: str) -> None:
    assert find_sip_refusal_reason(message, "agent01") == why


# A desk on loopback with a simulated Asterisk

PHONE = "t1"
AGENTS = {
    PHONE: SignedInUser("101", AGENT, "01"),
    "t2": SignedInUser("102", AGENT, "02"),
    "boss": SignedInUser("asha", "supervisor"),
}


@dataclass(slots=True)
class Switch:
    """A simulated WebSocket of Asterisk that records received messages and sends prepared ones."""

    came: list[str] = field(default_factory=list)
    lines: list[ServerConnection] = field(default_factory=list)

    async def record_connection(self, line: ServerConnection) -> None:
        self.lines.append(line)
        with contextlib.suppress(ConnectionClosed):
            async for message in line:
                self.came.append(str(message))
                await line.send(ANSWER)


@dataclass(slots=True)
class PhoneStand:
    """The desk's routes for phones, served on loopback."""

    switch: Switch
    who: dict[str, SignedInUser | StoreError]
    origin: str
    settings: Settings

    async def page(self, token: str = PHONE, *, origin: str | None = None, host: str | None = None) -> ClientConnection:
        """Open the WebSocket of a page."""
        headers = {"cookie": f"{DESK_COOKIE}={token}"} | ({} if host is None else {"host": host})
        return await connect(
            self.origin.replace("http", "ws") + PATH,
            origin=Origin(self.origin if origin is None else origin),
            subprotocols=[Subprotocol("sip")],
            additional_headers=headers,
            proxy=None,
        )

    async def request_credentials(self, token: str) -> httpx.Response:
        headers = {"cookie": f"{DESK_COOKIE}={token}", "origin": self.origin, "content-type": "application/json"}
        async with httpx.AsyncClient(base_url=self.origin, trust_env=False) as browser:
            return await browser.post("/api/agent/phone", content="{}", headers=headers)


@contextlib.asynccontextmanager
async def phone_stand(**changes: object) -> AsyncIterator[PhoneStand]:
    switch = Switch()
    who: dict[str, SignedInUser | StoreError] = {**AGENTS}

    async def find_user_of_session(token: str) -> SignedInUser | None:
        found = who.get(token)
        if isinstance(found, StoreError):
            raise found
        return found

    async with serve(switch.record_connection, "127.0.0.1", 0, subprotocols=[Subprotocol("sip")]) as served:
        seats = [{"name": f"{n:02d}", "endpoint": f"agent{n:02d}", "webrtc": n == 1} for n in (1, 2)]
        port = next(iter(served.sockets)).getsockname()[1]
        asterisk = {"websocket_port": port, **changes}
        settings = Settings.model_validate(
            {"seats": seats, "ami": {"secret": "a-long-random-secret"}, "asterisk": asterisk}
        )
        with open_listening_socket("127.0.0.1", 0) as listener:
            origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
            app = make_web_application(
                [AgentPhones(settings, find_user_of_session).create_http_router()],
                Sessions(DESK_COOKIE, find_user_of_session, find_user_of_session),
            )
            desk = create_page_server(settings.desk, PageProtection(app, frozenset({origin})))
            serve_pages = asyncio.create_task(desk.serve(sockets=[listener]))
            await desk.open.wait()
            try:
                yield PhoneStand(switch, who, origin, settings)
            finally:
                desk.should_exit = True
                await serve_pages


async def closed_with(page: ClientConnection) -> int | None:
    """Return the code with which the desk closes a page's WebSocket."""
    with pytest.raises(ConnectionClosed):
        while True:
            await page.recv()
    return page.close_code


async def test_browser_phone_receives_only_its_own_credentials() -> None:
    async with phone_stand() as stand:
        told = await stand.request_credentials("t1")
        seat = stand.settings.seats[0]
        password = get_sip_password_of_browser_phone(seat, stand.settings.ami.secret)
        assert told.json() == {"uri": "sip:agent01@matdan.invalid", "password": password, "ws": PATH}
        assert told.headers["cache-control"] == "no-store"
        other = await stand.request_credentials("t2")
        assert (other.status_code, other.json()) == (409, {"problem": "own-phone"})
        assert [(await stand.request_credentials(token)).status_code for token in ("boss", "nobody")] == [403, 401]


async def test_sip_messages_of_a_browser_phone_are_relayed_in_both_directions() -> None:
    async with phone_stand() as stand:
        page = await stand.page()
        assert page.subprotocol == "sip"
        for message in (REGISTER, "\r\n\r\n"):
            await page.send(message)
            assert await page.recv() == ANSWER
        assert stand.switch.came == [REGISTER, "\r\n\r\n"]
        await page.close()
        await stand.switch.lines[0].wait_closed()


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"token": "nobody"}, 401),
        ({"token": "boss"}, 403),
        ({"origin": "https://elsewhere.test"}, 403),
        ({"origin": ""}, 403),
        ({"host": "rebound.test"}, 421),
        ({"token": "t2"}, 403),  # the seat has its own phone
    ],
)
async def test_browser_phone_socket_is_refused_to_everybody_but_the_seats_agent(
    given: dict[str, str], status: int
) -> None:
    async with phone_stand() as stand:
        with pytest.raises(InvalidStatus) as refused:
            await stand.page(**given)
        assert refused.value.response.status_code == status
        assert stand.switch.lines == []


async def test_browser_phone_outside_the_seat_networks_is_refused() -> None:
    async with phone_stand(seat_networks=["10.0.0.0/8"]) as stand:
        with pytest.raises(InvalidStatus):
            await stand.page()
        assert stand.switch.lines == []


@pytest.mark.parametrize("message", [replace_text(REGISTER, "From: <sip:agent01", "From: <sip:agent02"), b"\0"])
async def test_sip_message_of_another_user_closes_the_browser_phones_socket(message: str | bytes) -> None:
    async with phone_stand() as stand:
        page = await stand.page()
        await page.send(message)
        assert await closed_with(page) == POLICY_VIOLATION
        assert stand.switch.came == []
        assert await closed_with(await long_message(stand)) == 1009


async def test_flood_of_sip_messages_closes_the_browser_phones_socket() -> None:
    async with phone_stand() as stand:
        page = await stand.page()
        for _ in range(MAX_MESSAGES + 1):
            await page.send("\r\n\r\n")
        assert await closed_with(page) == POLICY_VIOLATION
        assert len(stand.switch.came) == MAX_MESSAGES


async def test_number_of_sip_messages_of_a_browser_phone_is_limited_per_period(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone, "IN_SECONDS", 0.0)
    async with phone_stand() as stand:
        page = await stand.page()
        for _ in range(MAX_MESSAGES + 1):
            await page.send("\r\n\r\n")
            assert await page.recv() == ANSWER


async def long_message(stand: PhoneStand) -> ClientConnection:
    page = await stand.page()
    await page.send("x" * (MAX_WEBSOCKET_MESSAGE_BYTES + 1))
    return page


async def test_newest_page_opened_for_a_seat_becomes_its_phone() -> None:
    async with phone_stand() as stand:
        first = await stand.page()
        second = await stand.page()
        assert await closed_with(first) == TAKEN
        await second.send(REGISTER)
        assert await second.recv() == ANSWER
        assert len(stand.switch.lines) == 2
        await second.close()
        third = await stand.page()  # a closed page does not affect the others
        await third.send(REGISTER)
        assert await third.recv() == ANSWER


async def test_browser_phone_gets_a_request_to_retry_while_asterisk_is_unreachable() -> None:
    async with phone_stand() as stand:
        page = await stand.page()
        await stand.switch.lines[0].close()
        assert await closed_with(page) == ASTERISK_DOWN
    async with phone_stand(websocket_port=1) as stand:
        with pytest.raises(InvalidStatus) as refused:
            await stand.page()
        response = refused.value.response
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")


@virtual_time()
async def test_browser_phone_socket_is_closed_when_the_agents_session_ends() -> None:
    async with phone_stand() as stand:
        page = await stand.page()
        stand.who["t1"] = SignedInUser("103", AGENT, "01")
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await closed_with(page) == SIGNED_OUT
        assert loop.time() - began == pytest.approx(SESSION_CHECK_SECONDS, abs=1.0)


@virtual_time()
async def test_no_browser_phone_is_disconnected_by_an_unreadable_session_file() -> None:
    async with phone_stand() as stand:
        page = await stand.page()
        stand.who["t1"] = StoreError("the file is busy")
        await asyncio.sleep(SESSION_CHECK_SECONDS * 2.5)
        await page.send(REGISTER)
        assert await page.recv() == ANSWER
        stand.who["t1"] = SignedInUser("103", AGENT, "01")
        assert await closed_with(page) == SIGNED_OUT


async def test_stopping_the_desk_does_not_wait_for_browser_phones() -> None:
    async with phone_stand() as stand:
        page = await stand.page()
    assert await closed_with(page) == 1012
