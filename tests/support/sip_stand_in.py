"""A stand-in for Asterisk's SIP WebSocket: accepts registrations, calls the page's phone and records its messages.

Its messages are those that Asterisk 22.10.1 sent to the same page, with other ids. There is no audio.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field

from fastapi import APIRouter, Response, WebSocket
from fastapi.responses import JSONResponse

from dialer.web.access import PageRoute, allow_anyone
from tests.support.waiting import HANG_SECONDS

INVITE = """INVITE sip:agent04@127.0.0.1:60704;transport=WS SIP/2.0
Via: SIP/2.0/WS 127.0.0.1:53689;rport;branch=z9hG4bKPj{call};alias
From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag={call}
To: <sip:agent04@127.0.0.1>
Contact: <sip:asterisk@127.0.0.1:5060;transport=ws>
Call-ID: {call}
CSeq: 16763 INVITE
Allow: OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, PUBLISH, INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, INFO
Supported: 100rel, timer
Session-Expires: 1800
Min-SE: 90
Max-Forwards: 20
User-Agent: Matdan
Content-Type: application/sdp
Content-Length: {length}

{offer}"""
OFFER = """v=0
o=- 892659551 892659551 IN IP4 127.0.0.1
s=Asterisk
c=IN IP4 127.0.0.1
t=0 0
a=msid-semantic:WMS *
a=group:BUNDLE audio-0
m=audio 36292 UDP/TLS/RTP/SAVPF 8 0 101
a=connection:new
a=setup:actpass
a=fingerprint:SHA-256 09:67:B9:DB:1B:D3:8C:94:94:78:10:D7:C5:BC:CA:B3:D5:83:82:DE:F6:6B:3B:AE:E9:41:75:8B:75:75:9B:6B
a=ice-ufrag:0b0fd043048da4c14b7daebf1e1c4d97
a=ice-pwd:3bc9b24571bd9ad84ee6fca438ae48dd
a=candidate:H7f000001 1 UDP 2130706431 127.0.0.1 36292 typ host
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=maxptime:140
a=sendrecv
a=rtcp-mux
a=mid:audio-0
"""


@dataclass(slots=True)
class SipStandIn:
    """The SIP server of a page's phone."""

    said: list[str] = field(default_factory=list)
    """Every message of the page, in order."""
    lines: list[WebSocket] = field(default_factory=list)
    """Every WebSocket that the page has opened."""
    status: int = 200
    """The SIP status of answers to registrations."""
    _heard: asyncio.Event = field(default_factory=asyncio.Event)

    def create_http_router(self) -> APIRouter:
        """Return the routes, which replace the desk's."""
        router = APIRouter(route_class=PageRoute, dependencies=allow_anyone())
        router.post("/api/agent/phone")(self.phone)
        router.websocket("/api/agent/ws")(self.line)
        return router

    async def phone(self) -> Response:
        """Return the credentials of the phone of seat 04."""
        return JSONResponse({"uri": "sip:agent04@matdan.invalid", "password": "pass", "ws": "/api/agent/ws"})

    async def line(self, page: WebSocket) -> None:
        """Serve a WebSocket: answer REGISTER and BYE, and record every message."""
        await page.accept("sip")
        self.lines.append(page)
        while (message := await page.receive())["type"] == "websocket.receive":
            text = message["text"]
            self.said.append(text)
            self._heard.set()
            if text.startswith("REGISTER"):
                expires = "expires=0" if "expires=0" in text else "expires=300"
                await page.send_text(
                    _answer(text, self.status, f"{_header(text, 'Contact').split(';expires')[0]};{expires}")
                )
            elif text.startswith("BYE"):
                await page.send_text(_answer(text, 200))

    async def wait_for_messages(self, beginning: str, count: int = 1) -> list[str]:
        """Wait for `count` messages that start with `beginning`. Return them."""
        async with asyncio.timeout(HANG_SECONDS):
            while len(found := [each for each in self.said if each.startswith(beginning)]) < count:
                self._heard.clear()
                await self._heard.wait()
        return found

    async def call(self, call: str) -> str:
        """Call the page's phone, acknowledge its answer, and return the answer."""
        offer = OFFER.replace("\n", "\r\n")
        text = INVITE.replace("\n", "\r\n").format(call=call, length=len(offer), offer=offer)
        await self.lines[-1].send_text(text)
        async with asyncio.timeout(HANG_SECONDS):
            while not (
                found := [
                    each for each in await self.wait_for_messages("SIP/2.0 200 OK") if f"Call-ID: {call}\r\n" in each
                ]
            ):
                self._heard.clear()
                await self._heard.wait()
        lines = ["ACK sip:agent04@127.0.0.1 SIP/2.0", f"Via: SIP/2.0/WS 127.0.0.1:53689;rport;branch=z9hG4bKPja{call}"]
        lines += [f"{name}: {_header(found[0], name)}" for name in ("From", "To", "Call-ID")]
        await self.lines[-1].send_text("\r\n".join([*lines, "CSeq: 16763 ACK", "Content-Length: 0", "", ""]))
        return found[0]


def _header(text: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.*?)\r$", text, re.MULTILINE)
    return "" if found is None else found[1]


def _answer(text: str, status: int, contact: str = "") -> str:
    lines = [f"SIP/2.0 {status} {'OK' if status == 200 else 'Forbidden'}"]
    lines += [f"{name}: {_header(text, name)}" for name in ("Via", "From", "To", "Call-ID", "CSeq")]
    lines[3] += ";tag=stand-in" if ";tag=" not in lines[3] else ""
    lines += [f"Contact: {contact}"] if contact else []
    return "\r\n".join([*lines, "Content-Length: 0", "", ""])
