"""The desk with a real broker: the state of a large centre, commands, replies and a reconnection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.domain.clock import SystemClock
from dialer.domain.enums import SupervisorRole
from dialer.domain.model import BoothTurnout
from dialer.domain.view import CampaignView, CentreState, SeatState, SeatView
from dialer.engine.campaigns.commands import PauseCampaign
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.dialler_client import Reply
from dialer.mqtt.embedded_broker import BrokerKind, run_demo_broker
from dialer.mqtt.link import Presence
from dialer.mqtt.messages import create_outbox_row_of_result
from dialer.mqtt.monitor import Monitor
from dialer.store.store import open_store
from tests.support.dialler_client import Watched, dialler_client
from tests.support.fake_centre import FakeEngine, centre_view
from tests.support.mqtt import NEEDS_MOSQUITTO, SENDERS, Wire

MOSQUITTO = pytest.param(BrokerKind.MOSQUITTO, marks=NEEDS_MOSQUITTO)
BOTH = pytest.mark.parametrize("kind", [MOSQUITTO, BrokerKind.AMQTT])
BOSS = SupervisorRole.SUPERVISOR.value
# amqtt sends all messages at once and drops those not acknowledged within 5 s: too short for thousands on a busy machine.
BOOTHS = {BrokerKind.MOSQUITTO: 2_700, BrokerKind.AMQTT: 300}


@asynccontextmanager
async def dialler(settings: BrokerSettings, engine: FakeEngine, folder: Path) -> AsyncIterator[None]:
    """Connect as the dialler of the centre."""
    store = await open_store(folder / "centre.db", encode=create_outbox_row_of_result)
    stop = asyncio.Event()
    running = asyncio.create_task(
        Monitor(Presence("pune-1", settings, SystemClock()), engine, store, SENDERS).publish_and_receive_until_stopped(
            stop
        )
    )
    yield
    stop.set()
    await running
    await store.close()


def is_complete(page_state: Watched, booths: int) -> bool:
    """Whether every seat and booth has been received."""
    return (
        len(page_state.get_values_of_keys_with_prefix("seat", SeatView)),
        len(page_state.get_values_of_keys_with_prefix("booth", BoothTurnout)),
    ) == (100, booths)


def is_paused(seat: SeatView | None) -> bool:
    """Whether a seat has been paused since 960."""
    return seat is not None and (seat.state, seat.since) == (SeatState.PAUSED, 960.0)


@BOTH
async def test_desk_receives_the_state_of_a_large_centre_and_every_later_change(
    kind: BrokerKind, tmp_path: Path
) -> None:
    """The retained messages arrive in a burst that exceeds the usual queue of the MQTT client."""
    booths = BOOTHS[kind]
    engine = FakeEngine(centre_view(seats=100, booths=booths))
    async with run_demo_broker(kind) as broker, dialler(broker.connection_settings, engine, tmp_path):
        async with dialler_client(broker.connection_settings) as (_, early):
            await early.until(lambda: is_complete(early, booths))
        async with dialler_client(broker.connection_settings) as (_, late):
            await late.until(lambda: is_complete(late, booths))
            state, campaign = (
                late.get_value_of_key("centre", CentreState),
                late.get_value_of_key("campaign/turnout-agents", CampaignView),
            )
            assert state is not None
            assert state.online
            assert campaign is not None
            assert campaign.progress.remaining == 4057
            engine.tell(replace(engine.make_centre_view().seats[0], state=SeatState.PAUSED, since=960.0))
            await late.until(lambda: is_paused(late.get_value_of_key("seat/seat-01", SeatView)))


@BOTH
async def test_command_repeated_by_the_desk_is_executed_once(kind: BrokerKind, tmp_path: Path) -> None:
    engine = FakeEngine()
    async with (
        run_demo_broker(kind) as broker,
        dialler(broker.connection_settings, engine, tmp_path),
        dialler_client(broker.connection_settings) as (desk, page_state),
    ):
        await page_state.until(
            lambda: page_state.connected and page_state.get_value_of_key("centre", CentreState) is not None
        )
        for _ in range(2):
            reply = await desk.send_command(BOSS, "click-0001", "pause", {"campaign_id": "turnout-ivr"})
            assert reply == Reply("done", "done: PauseCampaign")
        assert engine.executed == [PauseCampaign(campaign_id="turnout-ivr")]
        refused = await desk.send_command(BOSS, "click-0002", "pause", {"campaign_id": "none"})
        assert refused is not None
        assert (refused.status, refused.text) == ("refused", "campaign 'none' is not in the settings")
        viewer = await desk.send_command("viewer", "click-0003", "pause", {"campaign_id": "turnout-ivr"})
        assert viewer is not None
        assert viewer.status == "refused"


async def test_desk_reports_a_lost_broker_and_reconnects(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with (
        run_demo_broker() as broker,
        Wire() as wire,
        dialler(broker.connection_settings, engine, tmp_path),
        dialler_client(replace(broker.connection_settings, port=wire.port)) as (desk, page_state),
    ):
        assert await desk.send_command(BOSS, "click-0001", "stop-all", {}) is None
        await wire.forward_to(broker.port)
        await page_state.until(lambda: page_state.get_value_of_key("seat/seat-01", SeatView) is not None)
        await wire.take_down()
        await page_state.until(lambda: not page_state.connected)
        assert page_state.get_value_of_key("seat/seat-01", SeatView) is not None  # received state stays, with its age
        assert await desk.send_command(BOSS, "click-0002", "stop-all", {}) is None
        assert not engine.executed
        await wire.forward_to(broker.port)
        await page_state.until(lambda: page_state.connected)
        reply = await desk.send_command(BOSS, "click-0003", "stop-all", {})
        assert reply is not None
        assert reply.status == "done"
