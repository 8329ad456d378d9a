"""The desk's HTTP server: time limits of connections, and an invalid certificate."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from structlog.testing import capture_logs
from uvicorn.server import ServerState

from dialer.desk.server import serve_pages_of_desk
from dialer.errors import SettingError
from dialer.store.connection import open_store_exclusively
from dialer.web.http import (
    ANSWERED_BODY_SECONDS,
    BODY_SECONDS,
    HEAD_SECONDS,
    MAX_BODY_SECONDS,
    MAX_HEAD_BYTES,
    MAX_PENDING_PER_ADDRESS,
    BoundedHttpProtocol,
)
from tests.support.desk import desk_settings
from tests.support.seats import CHEAP
from tests.support.virtual import virtual_time

GET = b"GET /board HTTP/1.1\r\nhost: desk.test\r\n"
POST = b"POST /board HTTP/1.1\r\nhost: desk.test\r\ncontent-length: 8\r\n\r\n"


@pytest.fixture(autouse=True)
def no_pending_connections() -> None:
    BoundedHttpProtocol.pending.clear()


class Wire(asyncio.Transport):
    """The other end of a connection to the server, which records what the server sends."""

    def __init__(self, address: str = "") -> None:
        super().__init__()
        self.written, self.address = b"", address
        self.closed = self.aborted = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (self.address, 4711) if name == "peername" and self.address else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Serve as a web application that answers each complete request after an hour."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await asyncio.sleep(3600.0)
    await send({"type": "http.response.body", "body": b""})


async def _refuse(scope: Any, receive: Any, send: Any) -> None:
    """Serve as a web application that answers each request before its body arrives."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def connect_client(address: str = "", app: Any = _app) -> tuple[BoundedHttpProtocol, Wire]:
    protocol, wire = (
        BoundedHttpProtocol(uvicorn.Config(app, log_config=None, lifespan="off"), ServerState(), {}),
        Wire(address),
    )
    protocol.connection_made(wire)
    return protocol, wire


async def measure_open_time(wire: Wire) -> float:
    """Return the seconds until the server closes the connection."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not wire.closed:
        await asyncio.sleep(0.5)
    return loop.time() - began


@virtual_time()
@pytest.mark.parametrize("said", [b"", b"\r\n", b"GET /bo", GET])
async def test_server_closes_a_connection_with_an_unfinished_request_head(said: bytes) -> None:
    protocol, wire = connect_client()
    protocol.data_received(said)
    assert await measure_open_time(wire) == pytest.approx(HEAD_SECONDS, abs=0.5)
    assert wire.aborted


@virtual_time()
async def test_server_closes_connections_without_a_complete_request_head() -> None:
    protocol, wire = connect_client()
    for letter in b"GET /board"[: int(HEAD_SECONDS)]:
        assert not wire.closed
        protocol.data_received(bytes([letter]))
        await asyncio.sleep(1.0)
    assert await measure_open_time(wire) <= 1.0
    protocol, wire = connect_client()
    protocol.data_received(GET + b"\r\n")
    await asyncio.sleep(3601.0)  # the time for an answer is not limited
    assert not wire.closed
    protocol.data_received(b"\r\n")  # restarts uvicorn's own timer
    assert await measure_open_time(wire) == pytest.approx(HEAD_SECONDS, abs=0.5)


@virtual_time()
async def test_server_closes_a_connection_with_an_incomplete_request_body() -> None:
    protocol, wire = connect_client()
    protocol.data_received(POST + b"1234")
    assert await measure_open_time(wire) == pytest.approx(BODY_SECONDS, abs=0.5)
    protocol, wire = connect_client()
    protocol.data_received(POST + b"1234")
    await asyncio.sleep(BODY_SECONDS - 1.0)
    protocol.data_received(b"5678")
    await asyncio.sleep(3601.0)
    assert b"200 OK" in wire.written
    assert not wire.closed


async def send_megabytes(protocol: BoundedHttpProtocol, wire: Wire, seconds: float, *, chunked: bool) -> float:
    """Send a megabyte of a body every `seconds`, and return the seconds until the server closes the connection."""
    megabyte = b"x" * 1024**2
    part = b"%x\r\n%s\r\n" % (len(megabyte), megabyte) if chunked else megabyte
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not wire.closed:
        protocol.data_received(part)
        await asyncio.sleep(seconds)
    return loop.time() - began


@virtual_time()
@pytest.mark.parametrize(
    ("header", "deadline"),
    [
        (b"transfer-encoding: chunked", BODY_SECONDS),
        (b"content-length: 65536", BODY_SECONDS),
        (b"content-length: 1073741824", MAX_BODY_SECONDS),
    ],
)
async def test_client_cannot_extend_the_time_limit_of_a_request(header: bytes, deadline: float) -> None:
    protocol, wire = connect_client()
    protocol.data_received(b"POST /board HTTP/1.1\r\nhost: desk.test\r\n" + header + b"\r\n\r\n")
    if header.endswith(b"65536"):
        protocol.data_received(b"x" * 60_000)
        assert await measure_open_time(wire) == pytest.approx(deadline, abs=0.5)
    else:
        open_seconds = await send_megabytes(protocol, wire, 20.0, chunked=header.endswith(b"chunked"))
        assert deadline <= open_seconds <= deadline + 20.0


@virtual_time()
async def test_request_body_may_take_half_a_minute_per_megabyte() -> None:
    protocol, wire = connect_client()
    protocol.data_received(b"POST /board HTTP/1.1\r\nhost: desk.test\r\ncontent-length: 4194304\r\n\r\n")
    for _ in range(4):
        assert not wire.closed
        await asyncio.sleep(BODY_SECONDS - 1.0)
        protocol.data_received(b"x" * 1024**2)
    await asyncio.sleep(3601.0)
    assert b"200 OK" in wire.written


@virtual_time()
async def test_connection_of_a_refused_request_is_closed_although_its_body_still_arrives() -> None:
    protocol, wire = connect_client(app=_refuse)
    protocol.data_received(b"POST /board HTTP/1.1\r\nhost: desk.test\r\ncontent-length: 1073741824\r\n\r\n")
    open_seconds = await send_megabytes(protocol, wire, 1.0, chunked=False)
    assert b"401" in wire.written
    assert open_seconds <= ANSWERED_BODY_SECONDS + 1.0


@virtual_time()
@pytest.mark.parametrize(
    "head",
    [
        GET + b"cookie: " + b"x" * MAX_HEAD_BYTES,
        GET + b"cookie: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n",
        GET + b"a: b\r\n" * MAX_HEAD_BYTES,
        b"GET /" + b"x" * MAX_HEAD_BYTES + b" HTTP/1.1\r\n\r\n",
    ],
)
@pytest.mark.parametrize("piece", [1_000_000, 1_000])
async def test_server_refuses_a_too_long_request_head_before_the_head_is_complete(head: bytes, piece: int) -> None:
    protocol, wire = connect_client()
    taken = 0
    for at in range(0, len(head), piece):
        protocol.data_received(head[at : at + piece])
        taken += piece
        if wire.closed:
            break
    assert wire.written.startswith(b"HTTP/1.1 400 ")
    assert taken <= max(piece, MAX_HEAD_BYTES + 2 * piece)


@virtual_time()
async def test_server_accepts_a_long_request_head_and_body_in_many_parts() -> None:
    protocol, wire = connect_client()
    protocol.data_received(GET + b"cookie: " + b"x" * (MAX_HEAD_BYTES - 100) + b"\r\n\r\n")
    await asyncio.sleep(3601.0)
    protocol.data_received(POST.replace(b" 8", b" 60000"))
    for _ in range(6):
        protocol.data_received(b"x" * 10_000)
    await asyncio.sleep(1.0)
    assert wire.written.count(b"200 OK") == 2


@pytest.mark.parametrize(
    ("certificate", "told"),
    [
        (None, "desk.certificate: {path} cannot be read (No such file or directory); correct the path"),
        (b"no PEM\n", "desk.certificate: {path} and {path} are not a certificate and its key"),
    ],
)
async def test_invalid_certificate_is_reported_before_the_desk_accepts_connections(
    tmp_path: Path, certificate: bytes | None, told: str
) -> None:
    store, path = tmp_path / "centre.db", tmp_path / "desk.pem"
    with open_store_exclusively(store, "a test"):
        pass
    if certificate is not None:
        path.write_bytes(certificate)
    settings = desk_settings(store)
    desk = settings.desk.model_copy(update={"certificate": path, "private_key": path})
    with pytest.raises(SettingError) as refused:
        async with serve_pages_of_desk(settings.model_copy(update={"desk": desk}), hasher=CHEAP, assets={}):
            raise AssertionError("it says that it is open")
    assert told.format(path=path) in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_desk_server_accepts_connections_once_the_server_reports_readiness(tmp_path: Path) -> None:
    store = tmp_path / "centre.db"
    with open_store_exclusively(store, "a test"):
        pass
    async with serve_pages_of_desk(desk_settings(store), hasher=CHEAP, assets={}) as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
        writer.write(b"GET / HTTP/1.0\r\nhost: 127.0.0.1:%d\r\n\r\n" % desk.port)
        assert (await reader.read()).startswith(b"HTTP/1.1 303 ")
        writer.close()


@virtual_time()
async def test_idle_clients_of_one_address_cannot_occupy_all_connections_of_the_server() -> None:
    """1,100 half-open requests of one address refused everybody for ten seconds."""
    clients = [connect_client("203.0.113.9") for _ in range(MAX_PENDING_PER_ADDRESS)]
    assert not any(wire.closed for _, wire in clients)
    with capture_logs() as logs:
        one_more, wire = connect_client("203.0.113.9")
    assert wire.aborted
    assert [(each["event"], each["address"]) for each in logs] == [("connection.refused", "203.0.113.9")]
    one_more.connection_lost(None)
    assert not connect_client("10.0.0.5")[1].closed
    clients[0][0].data_received(GET + b"\r\n")  # a complete head is no longer pending
    clients[1][0].connection_lost(None)
    assert [connect_client("203.0.113.9")[1].closed for _ in range(3)] == [False, False, True]


@virtual_time()
async def test_local_proxy_is_exempt_from_the_connection_limit_per_address() -> None:
    clients = [connect_client("127.0.0.1") for _ in range(MAX_PENDING_PER_ADDRESS + 1)]
    assert not any(wire.closed for _, wire in clients)
    assert "127.0.0.1" not in BoundedHttpProtocol.pending
