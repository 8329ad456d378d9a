"""What went over loopback: when the carrier said 200 OK, and when the first sound of the agent reached the voter.

A raw socket sees every packet with the kernel's own timestamp; it needs root or CAP_NET_RAW.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from dataclasses import dataclass

from tests.asterisk.sounds import is_loud

_ETH_P_IP = 0x0800
_SO_TIMESTAMPNS = 35
_PACKET_OUTGOING = 4
_UDP = 17
_ETHERNET = 14


@dataclass
class CallPackets:
    """One call to the carrier."""

    number: str
    media_port: int  # Asterisk's
    answered_at: float | None = None
    heard_at: float | None = None

    @property
    def delay_milliseconds(self) -> float | None:
        """From the carrier's 200 OK to the first loud packet at the voter; None where there was none."""
        if self.answered_at is None or self.heard_at is None:
            return None
        return (self.heard_at - self.answered_at) * 1000


class PacketWatch:
    """Reads loopback in a thread of its own while the context lasts."""

    def __init__(self, carrier_port: int) -> None:
        """`carrier_port` is where the carrier's SIP is. Raises PermissionError without the right to look."""
        self._carrier_port = carrier_port
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_IP))
        self._socket.bind(("lo", _ETH_P_IP))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.settimeout(0.2)
        self._thread = threading.Thread(target=self._read, name="packets", daemon=True)
        self._ends = False
        self.calls: dict[str, CallPackets] = {}  # by Call-ID
        self.invites: list[str] = []
        self._by_media_port: dict[int, CallPackets] = {}

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ends = True
        self._thread.join()
        self._socket.close()

    def _read(self) -> None:
        while not self._ends:
            try:
                packet, extra, _, address = self._socket.recvmsg(65_535, 128)
            except TimeoutError:
                continue
            if address[2] != _PACKET_OUTGOING:  # loopback shows each packet twice
                self._take(packet, _timestamp(extra))

    def _take(self, packet: bytes, at: float) -> None:
        header = (packet[_ETHERNET] & 0xF) * 4
        if packet[_ETHERNET + 9] != _UDP:
            return
        udp = _ETHERNET + header
        source, target = struct.unpack_from("!HH", packet, udp)
        payload = packet[udp + 8 :]
        if self._carrier_port in {source, target}:
            self._take_sip(payload, from_carrier=source == self._carrier_port, at=at)
            return
        call = self._by_media_port.get(source)
        if call is not None and call.answered_at is not None and call.heard_at is None and is_loud(payload[12:]):
            call.heard_at = at

    def _take_sip(self, message: bytes, *, from_carrier: bool, at: float) -> None:
        call_id = _header(message, b"Call-ID")
        if not from_carrier and message.startswith(b"INVITE"):
            media = re.search(rb"m=audio (\d+)", message)
            number = re.match(rb"INVITE sip:(\+?\d+)", message)
            if media and number and call_id not in self.calls:
                call = CallPackets(number[1].decode(), int(media[1]))
                self.calls[call_id] = call
                self.invites.append(call.number)
                self._by_media_port[call.media_port] = call
        elif from_carrier and message.startswith(b"SIP/2.0 200") and b"INVITE" in _header(message, b"CSeq").encode():
            known = self.calls.get(call_id)
            if known is not None and known.answered_at is None:
                known.answered_at = at


def _header(message: bytes, name: bytes) -> str:
    found = re.search(rb"\r\n" + name + rb":\s*([^\r\n]*)", message, re.IGNORECASE)
    return "" if found is None else found[1].decode(errors="replace")


def _timestamp(extra: list[tuple[int, int, bytes]]) -> float:
    for level, kind, data in extra:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("@ll", data[:16])
            return float(seconds + nanoseconds / 1e9)
    raise OSError("the kernel gave a packet no timestamp")
