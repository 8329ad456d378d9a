"""The audio and keys of a phone: RTP in A-law both ways, and RFC 4733 events. SIPp does its SIP signalling."""

from __future__ import annotations

import asyncio
import struct
from typing import Any, Self

from tests.asterisk.sounds import is_loud

PACKET_SECONDS, PACKET_SAMPLES = 0.02, 160
A_LAW, EVENT = 8, 101
KEYS = "0123456789*#"
KEY_PACKETS, LAST_PACKETS = 5, 3  # 100 ms per key; the end packet is sent three times (RFC 4733, 2.5.1.4)
REST_PACKETS = 5  # of audio between two keys


class KeyPhone(asyncio.DatagramProtocol):
    """A phone that sends audio to the address from which it last received, while it is open."""

    def __init__(self, audio: bytes) -> None:
        """Create a phone that repeats `audio`, whose length must be a whole number of packets."""
        self.loud = 0  # received packets with sound
        self.port = 0
        self._audio = audio
        self._keys: asyncio.Queue[str] = asyncio.Queue(maxsize=100)
        self._peer: tuple[str, int] | None = None
        self._transport: asyncio.DatagramTransport
        self._number, self._at = 0, 0

    async def __aenter__(self) -> Self:
        """Open the phone's port and start to send audio."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]
        self._speaking = asyncio.create_task(self._send_audio())
        return self

    async def __aexit__(self, *_raised: object) -> None:
        """Stop sending audio and close the port."""
        self._speaking.cancel()
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Count a received packet if it has sound."""
        self._peer = addr
        self.loud += len(data) > 12 and data[1] & 0x7F == A_LAW and is_loud(data[12:])

    def press_keys(self, keys: str) -> None:
        """Queue keys to be sent one by one as RFC 4733 events."""
        for each in keys:
            self._keys.put_nowait(each)

    async def _send_audio(self) -> None:
        loop = asyncio.get_running_loop()
        due, rest = loop.time(), 0
        while True:
            if self._keys.empty() or rest or self._peer is None:
                begin = self._at % len(self._audio)
                self._send_packet(A_LAW, self._audio[begin : begin + PACKET_SAMPLES])
                self._at += PACKET_SAMPLES
                rest = max(0, rest - 1)
                due += PACKET_SECONDS
                await asyncio.sleep(due - loop.time())
                continue
            event, begun, rest = KEYS.index(self._keys.get_nowait()), self._at, REST_PACKETS
            for packet in range(1, KEY_PACKETS + LAST_PACKETS + 1):
                length = PACKET_SAMPLES * min(packet, KEY_PACKETS)
                payload = struct.pack("!BBH", event, 0x80 * (packet > KEY_PACKETS) | 10, length)
                self._send_packet(EVENT, payload, at=begun, marked=packet == 1)
                if packet <= KEY_PACKETS:
                    self._at += PACKET_SAMPLES
                    due += PACKET_SECONDS
                    await asyncio.sleep(due - loop.time())

    def _send_packet(self, kind: int, payload: bytes, *, at: int | None = None, marked: bool = False) -> None:
        if self._peer is not None:
            self._number = (self._number + 1) % 0x10000
            time = (self._at if at is None else at) % 0x100000000
            self._transport.sendto(
                struct.pack("!BBHII", 0x80, kind | 0x80 * marked, self._number, time, 0x4D41) + payload, self._peer
            )
