"""Messages to systemd's notification socket: readiness and watchdog pings."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dialer.process.systemd import get_watchdog_seconds, notify_systemd, report_service_ready
from tests.support.virtual import virtual_time


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Provide the socket at which systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(str(tmp_path / "notify"))
        door.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.delenv("WATCHDOG_USEC", raising=False)
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        yield door


def received_messages(systemd: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(systemd.recv(100).decode())
        except BlockingIOError:
            return found


@virtual_time()
async def test_systemd_receives_one_ready_message_and_three_pings_per_watchdog_interval(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    async with report_service_ready():
        await asyncio.sleep(29)
        assert received_messages(systemd) == ["READY=1", *["WATCHDOG=1"] * 3]
    await asyncio.sleep(60)
    assert received_messages(systemd) == []


@virtual_time()
async def test_systemd_receives_only_the_ready_message_without_a_watchdog(systemd: socket.socket) -> None:
    async with report_service_ready():
        await asyncio.sleep(100)
    assert received_messages(systemd) == ["READY=1"]


@pytest.mark.parametrize(
    ("given", "process", "seconds"),
    [
        ("30000000", None, 30.0),
        ("30000000", "own", 30.0),
        ("30000000", "1", None),
        ("", None, None),
        ("soon", None, None),
    ],
)
def test_systemd_watchdog_settings_of_another_process_are_ignored(
    given: str, process: str | None, seconds: float | None, systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", given)
    if process is not None:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if process == "own" else process)
    assert get_watchdog_seconds() == seconds


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "@nobody-listens-here"])
def test_missing_systemd_socket_is_ignored(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify_systemd("READY=1")
