"""Orders over a real nats-server: every centre answers, who is away is named and hears the stop when it comes back."""

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
from dialer.domain.signing import new_key_file, public_key_text
from dialer.hq.servers import NatsServer, nats_server
from dialer.mqtt.dialler_client import Reply
from dialer.nats.session import connected
from dialer.uplink import orders
from dialer.uplink.dialler import DiallerCommands
from dialer.uplink.orders import OrderDelivery
from tests.support.command_line import run
from tests.support.waiting import HANG_SECONDS


class Dialler(DiallerCommands):
    """The dialler behind its broker, as far as orders go: the second try is answered."""

    def __init__(self) -> None:
        object.__setattr__(self, "asked", [])
        object.__setattr__(self, "says", [None, Reply("unanswered", "")])

    async def send(self, name: str, values: dict[str, Any]) -> Reply | None:
        says: list[Reply | None] = self.says  # type: ignore[attr-defined]
        if says:
            return says.pop(0)
        assert name == "headquarters-order"
        signed = SignedOrder.model_validate(values)
        self.asked.append(json.loads(signed.order)["order"])  # type: ignore[attr-defined]
        return Reply("done", "stopped 2 campaigns")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with nats_server(tmp_path / "nats") as running:
        yield running


@contextlib.asynccontextmanager
async def centre(server: NatsServer, name: str, zone: str, door: Dialler) -> AsyncIterator[None]:
    async with connected([server.address], name) as session:
        down = asyncio.create_task(OrderDelivery(name, zone, session, door, SystemClock()).run())
        yield
        down.cancel()


async def until(door: Dialler, wanted: list[str]) -> None:
    async with asyncio.timeout(HANG_SECONDS):
        while door.asked != wanted:  # type: ignore[attr-defined]
            await asyncio.sleep(0.02)


def a_headquarters(folder: Path, server: NatsServer) -> Path:
    lines = [f'servers = ["{server.address}"]']
    for name in ("asha", "ravi"):
        key = public_key_text(new_key_file(folder / f"{name}.key"))
        lines += ["[[leaders]]", f'name = "{name}"', f'key = "{key}"']
    for name, zone in (("pune-1", "west"), ("pune-2", "west"), ("delhi-1", "north")):
        lines += ["[[centres]]", f'id = "{name}"', f'zone = "{zone}"']
    (folder / "hq.toml").write_text("\n".join(lines))
    return folder / "hq.toml"


async def test_a_stop_reaches_everybody_who_is_there_names_who_is_not_and_waits_for_them(
    tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "RETRY_SECONDS", 0.02)
    config, asha, ravi = a_headquarters(tmp_path, server), tmp_path / "asha.key", tmp_path / "ravi.key"
    pune, delhi, late = Dialler(), Dialler(), Dialler()

    async def order(*arguments: Any, config: Path = config) -> tuple[int, str]:
        return await asyncio.to_thread(run, "hq", "order", *arguments, "-c", config)

    async with connected([server.address], "hq") as above:
        await above.ensure_stream("CMD", ["cmd.>"])
    async with centre(server, "pune-1", "west", pune), centre(server, "delhi-1", "north", delhi):
        code, said = await order("stop-all", "--key", asha, "--wait", 2)
        assert (code, "stop-all to all, signed by asha" in said) == (1, True)
        assert (
            "2 of 3 centres have executed the order\nno reply from pune-2: they receive the order when they reconnect"
            in said
        )
        code, said = await order("pause", "turnout", "--to", "zone:north", "--key", ravi)
        assert (code, "1 of 1 centres have executed the order" in said) == (0, True)
        code, said = await order("resume", "--key", asha)
        assert (code, "two leaders must sign this order" in said) == (2, True)
        code, said = await order("resume", "--key", asha, "--out", tmp_path / "resume.json")
        assert (code, "not sent" in said) == (0, True)
        async with centre(server, "pune-2", "west", late):
            await until(late, ["stop-all"])  # the standing stop, heard at the reconnect
            code, said = await order("sign", tmp_path / "resume.json", "--key", ravi)
            assert (code, "signed by asha, ravi" in said, "3 of 3" in said) == (0, True, True), said
            await until(late, ["stop-all", "resume"])
            code, said = await order("list")
            stop, pause, resume = said.splitlines()
            assert "stop-all to all, signed by asha, valid until " in stop
            assert ("pause turnout to zone:north" in pause, "signed by asha, ravi" in resume) == (True, True)
            piped, into = os.pipe()  # as `-c <(sops -d hq.toml)`: it is read once
            os.write(into, config.read_bytes())
            os.close(into)
            code, said = await order("resend", stop.split()[0], config=Path(f"/dev/fd/{piped}"))
            os.close(piped)
            assert (code, "3 of 3 centres have executed the order" in said) == (0, True)
            code, said = await order("resend", "stop-all-1")
            assert (code, "is not a valid order" in said) == (2, True)
    await until(pune, ["stop-all", "resume", "stop-all"])
    await until(delhi, ["stop-all", "pause", "resume", "stop-all"])


async def test_a_stop_is_heard_on_a_server_that_lost_the_orders_before_it(
    tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "RETRY_SECONDS", 0.02)
    config, asha, pune = a_headquarters(tmp_path, server), tmp_path / "asha.key", Dialler()

    async def order(*arguments: Any) -> tuple[int, str]:
        return await asyncio.to_thread(run, "hq", "order", *arguments, "-c", config, "--key", asha, "--wait", "20")

    async with centre(server, "pune-1", "west", pune):
        for _ in range(3):
            await order("pause", "turnout", "--to", "centre:pune-1")
        await until(pune, ["pause"] * 3)
        await server.kill()
        shutil.rmtree(tmp_path / "nats" / "jetstream")
        await asyncio.sleep(1.0)  # streams are told apart by the second in which they were made
        await server.start()
        code, said = await order("stop-all", "--to", "centre:pune-1")
        assert (code, "1 of 1 centres have executed the order" in said) == (0, True), said


async def test_what_is_no_order_is_told_before_anything_is_sent(
    tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, stranger = a_headquarters(tmp_path, server), tmp_path / "stranger.key"
    new_key_file(stranger)

    async def order(*arguments: Any) -> str:
        code, said = await asyncio.to_thread(run, "hq", "order", *arguments, "-c", config)
        assert code == 2
        return said

    assert "the key does not belong to a leader" in await order("stop-all", "--key", stranger)
    assert "zone:east has no centre" in await order("stop-all", "--key", tmp_path / "asha.key", "--to", "zone:east")
    assert "to: String should match" in await order("stop-all", "--key", tmp_path / "asha.key", "--to", "everybody")
    assert "by seven days at most" in await order("stop-all", "--key", tmp_path / "asha.key", "--valid", 200)
    monkeypatch.setattr(hq, "PATIENCE_SECONDS", 0.2)
    text = config.read_text()
    config.write_text(text.replace(server.address, "nats://127.0.0.1:1"))
    assert "did not accept the connection" in await order("stop-all", "--key", tmp_path / "asha.key")
    assert "is not a signed order" in await order("sign", config, "--key", tmp_path / "asha.key")
