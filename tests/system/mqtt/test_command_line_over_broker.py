"""`dialer command` and `dialer board` with a running dialler, over a real broker."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from dialer.domain.clock import SystemClock
from dialer.engine.campaigns.commands import PauseCampaign, ResumeCampaign
from dialer.mqtt.embedded_broker import find_free_port, run_demo_broker
from dialer.mqtt.link import Presence
from dialer.mqtt.messages import create_outbox_row_of_result
from dialer.mqtt.monitor import Monitor
from dialer.store.store import open_store
from tests.support.command_line import run
from tests.support.fake_centre import FakeEngine
from tests.support.mqtt import SENDERS, connect_supervisor

SITE = """
[centre]
id = "pune-1"
[broker]
host = "{host}"
port = {port}
"""


async def test_dialer_command_sends_a_command_and_prints_the_reply(tmp_path: Path) -> None:
    config, engine, stop = tmp_path / "centre.toml", FakeEngine(), asyncio.Event()
    store = await open_store(tmp_path / "centre.db", encode=create_outbox_row_of_result)

    async def run_command(*arguments: str) -> tuple[int, str]:
        code, text = await asyncio.to_thread(run, "command", *arguments, "-c", config)
        return code, re.sub(r"20\d\d-\d\d-\d\d .*\n", "", text)  # logged by the dialler: the same process here

    async with run_demo_broker() as broker, connect_supervisor(broker.connection_settings) as listener:
        config.write_text(SITE.format(host=broker.connection_settings.host, port=broker.connection_settings.port))
        monitor = Monitor(Presence("pune-1", broker.connection_settings, SystemClock()), engine, store, SENDERS)
        running = asyncio.create_task(monitor.publish_and_receive_until_stopped(stop))
        await listener.wait_for_topic("state")  # it has come
        code, text = await run_command("pause", "turnout-agents")
        assert code == 0, text
        assert engine.executed == [PauseCampaign(campaign_id="turnout-agents")]
        assert (await run_command("resume", "turnout-agents", "--as", "supervisor"))[0] == 0
        assert engine.executed[1:] == [ResumeCampaign(campaign_id="turnout-agents")]
        code, text = await run_command("resume", "turnout-agents", "--as", "coach")
        assert (code, "`resume` needs the role supervisor; coach has coach" in text) == (2, True)
        assert len(engine.executed) == 2
        stop.set()
        await running
    await store.close()


async def test_dialer_board_shows_the_centre_on_any_machine_that_reaches_the_broker(tmp_path: Path) -> None:
    config, engine, stop = tmp_path / "centre.toml", FakeEngine(), asyncio.Event()
    store = await open_store(tmp_path / "centre.db", encode=create_outbox_row_of_result)
    async with run_demo_broker() as broker:
        config.write_text(SITE.format(host=broker.connection_settings.host, port=broker.connection_settings.port))
        monitor = Monitor(Presence("pune-1", broker.connection_settings, SystemClock()), engine, store, SENDERS)
        running = asyncio.create_task(monitor.publish_and_receive_until_stopped(stop))
        code, text = await asyncio.to_thread(run, "board", "-c", config)
        assert code == 0, text
        for said in (
            "pune-1",
            f"● {broker.connection_settings.host}:{broker.connection_settings.port}",
            "turnout-agents",
            "no message for",
        ):  # of 2024
            assert said in text
        stop.set()
        await running
    await store.close()


def test_dialer_board_says_what_to_check_if_the_broker_is_unreachable(tmp_path: Path) -> None:
    config = tmp_path / "centre.toml"
    config.write_text(SITE.format(host="127.0.0.1", port=find_free_port("127.0.0.1")))
    code, text = run("board", "-c", config)
    assert (code, "is not reachable (Connection refused): check that it runs" in text) == (2, True)
