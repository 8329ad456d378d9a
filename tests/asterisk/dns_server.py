"""A DNS server that knows a few names, and an environment in which a program asks only this server."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.asterisk.process import NoAsterisk

ADDRESS = "127.0.0.53"
_A, _SRV = 1, 33
_SECONDS_TO_LIVE = 1


@dataclass(frozen=True)
class Service:
    """A SRV record: a server of a domain. Servers with a lower priority are used first."""

    priority: int
    host: str
    port: int


class DnsServer(asyncio.DatagramProtocol):
    """Answers queries for addresses and services. Other queries get an empty answer."""

    def __init__(self, hosts: Mapping[str, str], services: Mapping[str, Sequence[Service]]) -> None:
        """Create a server. `hosts` has IPv4 addresses by name, `services` the records of names like _sip._udp.a.test."""
        self.queries: Counter[str] = Counter()
        self._hosts, self._services = hosts, services
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        end = data.index(b"\0", 12) + 5
        kind = struct.unpack("!H", data[end - 4 : end - 2])[0]
        name = _decode_name(data[12 : end - 5])
        self.queries[name] += 1
        records = self._find_records(name, kind)
        head = data[:2] + struct.pack("!HHHHH", 0x8580, 1, len(records), 0, 0)
        answers = b"".join(
            b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, _SECONDS_TO_LIVE, len(each)) + each for each in records
        )
        assert self._transport is not None
        self._transport.sendto(head + data[12:end] + answers, addr)

    def _find_records(self, name: str, kind: int) -> list[bytes]:
        if kind == _A:
            return [socket.inet_aton(self._hosts[name])] if name in self._hosts else []
        if kind == _SRV:
            return [
                struct.pack("!HHH", each.priority, 1, each.port) + _encode_name(each.host)
                for each in self._services.get(name, ())
            ]
        return []


@asynccontextmanager
async def serve_names(
    folder: Path, hosts: Mapping[str, str], services: Mapping[str, Sequence[Service]]
) -> AsyncIterator[tuple[str | Path, ...]]:
    """Run a DNS server. Yield the beginning of a command that runs a program whose only name server is this one.

    Raises NoAsterisk without the permission to use port 53 and to mount a file.
    """
    resolver = folder / "resolv.conf"
    resolver.write_text(f"nameserver {ADDRESS}\n", encoding="ascii")
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_datagram_endpoint(lambda: DnsServer(hosts, services), local_addr=(ADDRESS, 53))
    except PermissionError:
        raise NoAsterisk("port 53 cannot be opened; run it as root") from None
    try:
        mount = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        yield ("unshare", "--mount", "sh", "-c", mount, resolver)
    finally:
        transport.close()


def _encode_name(name: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


def _decode_name(data: bytes) -> str:
    parts, rest = list[str](), data
    while rest:
        parts.append(rest[1 : 1 + rest[0]].decode().lower())
        rest = rest[1 + rest[0] :]
    return ".".join(parts)
