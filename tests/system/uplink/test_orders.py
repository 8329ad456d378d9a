"""Orders of headquarters over a real nats-server: connected centres reply, missing centres are named and receive a stop
when they reconnect.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dialer.cli import hq
from dialer.domain.clock import SystemClock
from dialer.domain.orders import SignedOrder
from dialer.domain.signing import create_key_file, format_public_key
from dialer.hq.servers import NatsServer, run_nats_server
from dialer.mqtt.dialler_client import Reply
from dialer.nats.session import open_session
from dialer.uplink import orders
from dialer.uplink.dialler import DiallerCommands
from dialer.uplink.orders import OrderDelivery
from tests.support.command_line import run
from tests.support.waiting import HANG_SECONDS


class Dialler(DiallerCommands):
    """A fake dialler that executes orders of headquarters. It is unreachable at the first two attempts."""

    def __init__(self) -> None:
        object.__setattr__(self, "orders", [])
        object.__setattr__(self, "failures", [None, Reply("unanswered", "")])

    async def send_command_to_dialler(self, name: str, values: dict[str, Any]) -> Reply | None:
        failures: list[Reply | None] = self.failures  # type: ignore[attr-defined]
        if failures:
            return failures.pop(0)
        assert name == "headquarters-order"
        signed = SignedOrder.model_validate(values)
        self.orders.append(json.loads(signed.order)["order"])  # type: ignore[attr-defined]
        return Reply("done", "stopped 2 campaigns")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with run_nats_server(tmp_path / "nats") as running:
        yield running


@contextlib.asynccontextmanager
async def centre(server: NatsServer, name: str, zone: str, dialler: Dialler) -> AsyncIterator[None]:
    async with open_session([server.nats_server_url], name) as session:
        delivering = asyncio.create_task(
            OrderDelivery(name, zone, session, dialler, SystemClock()).deliver_orders_until_cancelled()
        )
        yield
        delivering.cancel()


async def wait_for_orders(dialler: Dialler, expected: list[str]) -> None:
    async with asyncio.timeout(HANG_SECONDS):
        while dialler.orders != expected:  # type: ignore[attr-defined]
            await asyncio.sleep(0.02)


def write_settings(folder: Path, server: NatsServer) -> Path:
    """Write the settings of a headquarters with two leaders and three centres. Return their path."""
    lines = [f'servers = ["{server.nats_server_url}"]']
    for name in ("asha", "ravi"):
        key = format_public_key(create_key_file(folder / f"{name}.key"))
        lines += ["[[leaders]]", f'name = "{name}"', f'key = "{key}"']
    for name, zone in (("pune-1", "west"), ("pune-2", "west"), ("delhi-1", "north")):
        lines += ["[[centres]]", f'id = "{name}"', f'zone = "{zone}"']
    (folder / "hq.toml").write_text("\n".join(lines))
    return folder / "hq.toml"


async def test_stop_order_reaches_connected_centres_immediately_and_a_disconnected_centre_later(
    tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "RETRY_SECONDS", 0.02)
    config, asha, ravi = write_settings(tmp_path, server), tmp_path / "asha.key", tmp_path / "ravi.key"
    pune, delhi, late = Dialler(), Dialler(), Dialler()

    async def order(*arguments: Any, config: Path = config) -> tuple[int, str]:
        return await asyncio.to_thread(run, "hq", "order", *arguments, "-c", config)

    async with open_session([server.nats_server_url], "hq") as above:
        await above.create_stream_if_missing("CMD", ["cmd.>"])
    async with centre(server, "pune-1", "west", pune), centre(server, "delhi-1", "north", delhi):
        code, output = await order("stop-all", "--key", asha, "--wait", 2)
        assert (code, "stop-all to all, signed by asha" in output) == (1, True)
        assert (
            "2 of 3 centres have executed the order\nno reply from pune-2: they receive the order when they reconnect"
            in output
        )
        code, output = await order("pause", "turnout", "--to", "zone:north", "--key", ravi)
        assert (code, "1 of 1 centres have executed the order" in output) == (0, True)
        code, output = await order("resume", "--key", asha)
        assert (code, "the order was not sent, because two leaders must sign it" in output) == (2, True)
        code, output = await order("resume", "--key", asha, "--out", tmp_path / "resume.json")
        assert (code, "not sent" in output) == (0, True)
        async with centre(server, "pune-2", "west", late):
            await wait_for_orders(late, ["stop-all"])  # the stop in force, received at the reconnect
            code, output = await order("sign", tmp_path / "resume.json", "--key", ravi)
            assert (code, "signed by asha, ravi" in output, "3 of 3" in output) == (0, True, True), output
            await wait_for_orders(late, ["stop-all", "resume"])
            code, output = await order("list")
            stop, pause, resume = output.splitlines()
            assert "stop-all to all, signed by asha, valid until " in stop
            assert ("pause turnout to zone:north" in pause, "signed by asha, ravi" in resume) == (True, True)
            piped, into = os.pipe()  # like `-c <(sops -d hq.toml)`, which can be read only once
            os.write(into, config.read_bytes())
            os.close(into)
            code, output = await order("resend", stop.split()[0], config=Path(f"/dev/fd/{piped}"))
            os.close(piped)
            assert (code, "3 of 3 centres have executed the order" in output) == (0, True)
            code, output = await order("resend", "stop-all-1")
            assert (code, "there is no valid order with the ID" in output) == (2, True)
    await wait_for_orders(pune, ["stop-all", "resume", "stop-all"])
    await wait_for_orders(delhi, ["stop-all", "pause", "resume", "stop-all"])


async def test_stop_order_reaches_centres_after_the_nats_server_lost_earlier_orders(
    tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "RETRY_SECONDS", 0.02)
    config, asha, pune = write_settings(tmp_path, server), tmp_path / "asha.key", Dialler()

    async def order(*arguments: Any) -> tuple[int, str]:
        return await asyncio.to_thread(run, "hq", "order", *arguments, "-c", config, "--key", asha, "--wait", "20")

    async with centre(server, "pune-1", "west", pune):
        for _ in range(3):
            await order("pause", "turnout", "--to", "centre:pune-1")
        await wait_for_orders(pune, ["pause"] * 3)
        await server.kill_nats_server()
        shutil.rmtree(tmp_path / "nats" / "jetstream")
        await asyncio.sleep(1.0)  # streams are distinguished by the second of their creation
        await server.start()
        code, output = await order("stop-all", "--to", "centre:pune-1")
        assert (code, "1 of 1 centres have executed the order" in output) == (0, True), output


async def test_invalid_headquarters_order_is_refused_and_not_sent(
    tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, unknown_key = write_settings(tmp_path, server), tmp_path / "unknown.key"
    create_key_file(unknown_key)

    async def order(*arguments: Any) -> str:
        code, output = await asyncio.to_thread(run, "hq", "order", *arguments, "-c", config)
        assert code == 2
        return output

    assert "the signing key does not belong to a leader" in await order("stop-all", "--key", unknown_key)
    assert "no centre has the address zone:east" in await order(
        "stop-all", "--key", tmp_path / "asha.key", "--to", "zone:east"
    )
    assert "to: String should match" in await order("stop-all", "--key", tmp_path / "asha.key", "--to", "everybody")
    assert "but at most seven days later" in await order("stop-all", "--key", tmp_path / "asha.key", "--valid", 200)
    monkeypatch.setattr(hq, "PATIENCE_SECONDS", 0.2)
    text = config.read_text()
    config.write_text(text.replace(server.nats_server_url, "nats://127.0.0.1:1"))
    assert "did not accept the connection" in await order("stop-all", "--key", tmp_path / "asha.key")
    assert "is not a signed order" in await order("sign", config, "--key", tmp_path / "asha.key")
