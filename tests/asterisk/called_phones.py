"""A carrier whose numbers are answered by phones that play a clip and record what they hear, such as mailboxes."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from tests.asterisk.key_phone import A_LAW, PACKET_SAMPLES, PACKET_SECONDS
from tests.asterisk.sounds import SILENCE

_NUMBER = re.compile(r"INVITE sip:(\+?\d+)")
_MEDIA = re.compile(r"m=audio (\d+)")
_COPIED = re.compile(r"^(?:Via|From|Call-ID|CSeq|Record-Route):.*$", re.MULTILINE | re.IGNORECASE)
_TO = re.compile(r"^To:.*$", re.MULTILINE | re.IGNORECASE)


@dataclass
class CalledPhone:
    """A phone that answers at once, plays `clip` (A-law), and then sends silence, or the echo of what it hears."""

    clip: bytes
    sends: bool = True  # False: no RTP at all
    echoes: bool = False
    delays: Sequence[float] = ()  # of the network, for each packet of the clip (seconds)
    heard: list[tuple[int, bytes]] = field(default_factory=list)  # samples sent so far, received packet's audio
    sent: int = 0  # samples

    def get_audio_heard_after(self, samples: int) -> bytes:
        """Return the audio that the phone received after it had sent this number of samples."""
        return b"".join(audio for sent, audio in self.heard if sent >= samples)


class CarrierOfPhones(asyncio.DatagramProtocol):
    """The carrier, for calls of Asterisk to 127.0.0.1. Each number may be called once."""

    def __init__(self, port: int, phones: Mapping[str, CalledPhone]) -> None:
        """Create a carrier. `port` is its SIP port; `phones` are its phones by number."""
        self._port = port
        self._phones = phones
        self._lines: dict[str, _Line] = {}  # by Call-ID
        self._transport: asyncio.DatagramTransport
        self._closed = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Start to accept calls."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", self._port))
        return self

    async def __aexit__(self, *_raised: object) -> None:
        """Stop all phones. They send no BYE."""
        for line in self._lines.values():
            line.stop()
        self._transport.close()
        await self._closed.wait()

    def connection_lost(self, _error: Exception | None) -> None:
        """Note that the port is free again."""
        self._closed.set()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer a SIP request."""
        request = data.decode(errors="replace").replace("\r\n", "\n")
        method, call_id = request.partition(" ")[0], _find_call_id(request)
        if method == "INVITE":
            asyncio.get_running_loop().create_task(self._answer_call(request, call_id, addr))
        elif method != "ACK":
            line = self._lines.get(call_id)
            if method == "BYE" and line is not None:
                line.stop()
            self._send_response(request, addr)

    async def _answer_call(self, request: str, call_id: str, addr: tuple[str | Any, int]) -> None:
        number, media = _NUMBER.match(request), _MEDIA.search(request)
        assert number and media, request
        if call_id not in self._lines:
            self._lines[call_id] = line = _Line(self._phones[number[1]], ("127.0.0.1", int(media[1])))
            await line.start()
        line = self._lines[call_id]
        description = (
            f"v=0\r\no=x 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {line.port} RTP/AVP {A_LAW}\r\na=rtpmap:{A_LAW} PCMA/8000\r\n"
        )
        self._send_response(request, addr, description)

    def _send_response(self, request: str, addr: tuple[str | Any, int], description: str = "") -> None:
        to = _TO.search(request)
        assert to is not None, request
        tag = "" if "tag=" in to[0] else ";tag=phone"
        lines = ["SIP/2.0 200 OK", *_COPIED.findall(request), to[0] + tag, f"Contact: <sip:127.0.0.1:{self._port}>"]
        if description:
            lines.append("Content-Type: application/sdp")
        lines += [f"Content-Length: {len(description)}", "", description]
        self._transport.sendto("\r\n".join(lines).encode(), addr)


class _Line(asyncio.DatagramProtocol):
    """The audio of one call to a phone."""

    def __init__(self, phone: CalledPhone, peer: tuple[str, int]) -> None:
        self.port = 0
        self._phone = phone
        self._peer = peer
        self._transport: asyncio.DatagramTransport
        self._speaking: asyncio.Task[None] | None = None
        self._echoed = 0  # packets

    async def start(self) -> None:
        """Open the port, and start to send the clip."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self._transport.get_extra_info("sockname")[1]
        if self._phone.sends:
            self._speaking = asyncio.create_task(self._send_audio())

    def stop(self) -> None:
        """Stop sending, and close the port."""
        if self._speaking is not None:
            self._speaking.cancel()
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Record the audio of a received packet."""
        if len(data) > 12 and data[1] & 0x7F == A_LAW:
            self._phone.heard.append((self._phone.sent, data[12:]))

    async def _send_audio(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            begin = self._phone.sent
            audio = self._phone.clip[begin : begin + PACKET_SAMPLES]
            if not audio and self._phone.echoes and len(self._phone.heard) > self._echoed:
                self._echoed = len(self._phone.heard)
                audio = self._phone.heard[-1][1]
            audio = audio.ljust(PACKET_SAMPLES, bytes([SILENCE]))
            number = begin // PACKET_SAMPLES % 0x10000
            packet = struct.pack("!BBHII", 0x80, A_LAW, number, begin, 0x4D41) + audio
            if number < len(self._phone.delays):
                loop.call_later(self._phone.delays[number], self._send_packet, packet)
            else:
                self._send_packet(packet)
            self._phone.sent += PACKET_SAMPLES
            due = max(due + PACKET_SECONDS, loop.time())  # on a loaded machine late, but never in a burst
            await asyncio.sleep(due - loop.time())

    def _send_packet(self, packet: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(packet, self._peer)


def _find_call_id(message: str) -> str:
    found = re.search(r"^Call-ID:\s*(.*)$", message, re.MULTILINE | re.IGNORECASE)
    return "" if found is None else found[1].strip()
