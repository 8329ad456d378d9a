"""A packet capture on loopback, which times the carrier's 200 OK and the agent's first sound at the voter.

A raw socket receives every packet with the kernel's timestamp. It needs root or CAP_NET_RAW.
"""

from __future__ import annotations

import ctypes
import math
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass

from tests.asterisk.process import NoAsterisk
from tests.asterisk.sounds import is_loud

_ETH_P_IP = 0x0800
_SO_TIMESTAMPNS = 35
_SO_ATTACH_FILTER = 26
_SO_RCVBUFFORCE = 33
_SOL_PACKET = 263
_PACKET_STATISTICS = 6
_PACKET_OUTGOING = 4
_UDP = 17
_ETHERNET = 14
_RECEIVED_UDP_ONLY = (  # a BPF program: code, jump if true, jump if false, value
    (0x28, 0, 0, 0xFFFFF004),  # load whether the packet is received or outgoing: loopback shows each packet twice
    (0x15, 3, 0, _PACKET_OUTGOING),
    (0x30, 0, 0, _ETHERNET + 9),  # load the protocol of the IPv4 packet
    (0x15, 0, 1, _UDP),
    (0x06, 0, 0, 0xFFFFFFFF),  # capture it whole
    (0x06, 0, 0, 0),
)


@dataclass
class CallPackets:
    """The captured packets of one call to the carrier."""

    number: str
    media_port: int  # RTP port of Asterisk
    answered_at: float | None = None
    heard_at: float | None = None

    @property
    def delay_milliseconds(self) -> float | None:
        """The time from the carrier's 200 OK to the first loud packet at the voter (ms), or None without both."""
        if self.answered_at is None or self.heard_at is None:
            return None
        return (self.heard_at - self.answered_at) * 1000


class PacketReader:
    """A reader of captured packets that collects the calls to the carrier."""

    def __init__(self, carrier_port: int) -> None:
        """Create a reader. `carrier_port` is the carrier's SIP port."""
        self.calls: dict[str, CallPackets] = {}  # by Call-ID
        self.invites: list[str] = []  # the number of each call, in order
        self.invite_times: list[float] = []  # when each of them left (epoch seconds)
        self._carrier_port = carrier_port
        self._by_media_port: dict[int, CallPackets] = {}

    def process_packet(self, packet: bytes, at: float) -> None:
        """Process an Ethernet frame with IPv4, captured at a time (epoch seconds)."""
        header = (packet[_ETHERNET] & 0xF) * 4
        if packet[_ETHERNET + 9] != _UDP:
            return
        udp = _ETHERNET + header
        source, target = struct.unpack_from("!HH", packet, udp)
        payload = packet[udp + 8 :]
        if self._carrier_port in {source, target}:
            self._process_sip(payload, from_carrier=source == self._carrier_port, at=at)
            return
        call = self._by_media_port.get(source)
        if call is not None and call.answered_at is not None and call.heard_at is None and is_loud(payload[12:]):
            call.heard_at = at

    def _process_sip(self, message: bytes, *, from_carrier: bool, at: float) -> None:
        call_id = _find_header(message, b"Call-ID")
        if not from_carrier and message.startswith(b"INVITE"):
            media = re.search(rb"m=audio (\d+)", message)
            number = re.match(rb"INVITE sip:(\+?\d+)", message)
            if media and number and call_id not in self.calls:
                call = CallPackets(number[1].decode(), int(media[1]))
                self.calls[call_id] = call
                self.invites.append(call.number)
                self.invite_times.append(at)
                self._by_media_port[call.media_port] = call
        elif from_carrier and message.startswith(b"SIP/2.0 200") and "INVITE" in _find_header(message, b"CSeq"):
            known = self.calls.get(call_id)
            if known is not None and known.answered_at is None:
                known.answered_at = at


class PacketWatch(PacketReader):
    """A capture of loopback traffic in a thread, from `start` to `stop`."""

    def __init__(self, carrier_port: int) -> None:
        """Open the capture. Raises NoAsterisk without permission to capture packets."""
        super().__init__(carrier_port)
        self.lost_packets = 0  # after `stop`: what the thread was too slow for, so that the capture is incomplete
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
        except PermissionError:
            raise NoAsterisk("packets cannot be captured; run it as root, or with CAP_NET_RAW") from None
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        _attach_filter(self._socket)
        self._socket.bind(("lo", _ETH_P_IP))
        self._socket.settimeout(0.2)
        self._thread = threading.Thread(target=self._capture, name="packets", daemon=True)
        self._ends_at = math.inf

    def start(self) -> None:
        """Start the capture thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the capture thread, if it was started, once it has read what was captured, and close the socket."""
        self._ends_at = time.time()
        if self._thread.ident is not None:
            self._thread.join()
        statistics = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        self.lost_packets = struct.unpack("@II", statistics)[1]
        self._socket.close()

    def _capture(self) -> None:
        at = 0.0
        while at < self._ends_at:
            try:
                packet, extra, _, _ = self._socket.recvmsg(65_535, 128)
            except TimeoutError:
                at = time.time()
                continue
            at = _read_timestamp(extra)
            self.process_packet(packet, at)


class DscpWatch(PacketWatch):
    """A capture of the DSCP values of UDP packets on loopback, by source port."""

    def __init__(self) -> None:
        super().__init__(carrier_port=0)
        self.dscp_by_port: dict[int, set[int]] = {}

    def process_packet(self, packet: bytes, at: float) -> None:
        """Record the DSCP value of an Ethernet frame with IPv4."""
        header = (packet[_ETHERNET] & 0xF) * 4
        if packet[_ETHERNET + 9] == _UDP:
            [source] = struct.unpack_from("!H", packet, _ETHERNET + header)
            self.dscp_by_port.setdefault(source, set()).add(packet[_ETHERNET + 1] >> 2)


def _attach_filter(capture: socket.socket) -> None:
    """Have the kernel pass received UDP packets only, so that other traffic on a busy machine cannot crowd them out."""
    program = b"".join(struct.pack("@HBBI", *each) for each in _RECEIVED_UDP_ONLY)
    stored = ctypes.create_string_buffer(program, len(program))
    description = struct.pack("@HP", len(_RECEIVED_UDP_ONLY), ctypes.addressof(stored))
    capture.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, description)


def _find_header(message: bytes, name: bytes) -> str:
    found = re.search(rb"\r\n" + name + rb":\s*([^\r\n]*)", message, re.IGNORECASE)
    return "" if found is None else found[1].decode(errors="replace")


def _read_timestamp(extra: list[tuple[int, int, bytes]]) -> float:
    for level, kind, data in extra:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("@ll", data[:16])
            return float(seconds + nanoseconds / 1e9)
    raise OSError("the kernel gave a packet no timestamp")
