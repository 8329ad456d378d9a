"""Two diallers on one Asterisk: the second is refused, and neither ever ends a call of the other."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from dialer.deploy.asterisk.events import EVENTS
from dialer.domain.dialler_name import DiallerName
from dialer.domain.errors import SwitchError, SwitchInUse
from dialer.simulation.asterisk.channels import EndsBy
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.switch.asterisk.adapter import AsteriskSwitch
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_session import AmiLogin
from dialer.switch.asterisk.lease import (
    LEASE_SECONDS,
    SwitchLease,
    find_dialler_that_uses_asterisk,
    refuse_if_another_dialler_uses_asterisk,
)
from dialer.switch.asterisk.places import LEASE_CHANNEL
from tests.support.centre import START_EPOCH, Site, a_site
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch

FIRST = DiallerName("0123456789ab", 812, int(START_EPOCH), "booth-pc-1")
SECOND = replace(FIRST, store="ba9876543210", process=977, host="booth-pc-2")
BACK_SECONDS = LEASE_SECONDS + 5.0  # the lease's end, and the link's longest wait between two tries


def make_login(switch: SimulatedAsterisk) -> AmiLogin:
    return AmiLogin("127.0.0.1", switch.ami_port, "dialler", "dialler")


@contextlib.asynccontextmanager
async def open_session(switch: SimulatedAsterisk, lease: SwitchLease) -> AsyncIterator[AmiClient]:
    async with AmiClient(make_login(switch), on_event=lease.on_ami_event, wanted_events=EVENTS) as client:
        yield client


def list_switch_alerts(site: Site) -> str:
    """Return the texts of the active alerts that the switch is down."""
    return " ".join(
        alert.text for alert in site.centre_view.alerts if alert.code == "switch-down" and not alert.cleared
    )


def make_folder(path: Path, name: str) -> Path:
    made = path / name
    made.mkdir()
    return made


@virtual_time()
async def test_second_dialler_on_one_asterisk_is_refused_with_the_name_of_the_first_dialler(tmp_path: Path) -> None:
    async with a_site(make_folder(tmp_path, "a"), make_answering_switch(answer_after=3.0, talk_seconds=60.0)) as first:
        await first.log_in("01", "02")
        await first.until(lambda: any(seat.state.value == "talking" for seat in first.centre_view.seats))
        async with a_site(make_folder(tmp_path, "b"), switch=first.switch, run=False) as second:
            with pytest.raises(SwitchInUse, match=f"process {first.centre.name.process}, since 2024-04-22"):
                await refuse_if_another_dialler_uses_asterisk(make_login(first.switch), second.centre.name)
            stop = asyncio.Event()
            running = asyncio.create_task(second.centre.dial_until_stopped(stop))
            await asyncio.sleep(600)
            assert first.centre.name.host in list_switch_alerts(second)
            assert "one Asterisk serves one dialler" in list_switch_alerts(second)
            assert not second.centre_view.state.switch_up
            assert query_site_store(tmp_path / "b", "SELECT count(*) FROM attempt") == [(0,)]
            stop.set()
            await running
        ours = {attempt_id for (attempt_id,) in query_site_store(tmp_path / "a", "SELECT attempt_id FROM attempt")}
        assert len(ours) > 5
        assert {call.channel_id for call in first.switch.placed_calls} <= ours
        assert not list_switch_alerts(first)


@virtual_time()
async def test_second_dialler_may_use_the_asterisk_server_after_the_first_has_stopped(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        switch = await stack.enter_async_context(SimulatedAsterisk(SimulatedAsteriskConfig(start_epoch=START_EPOCH)))
        async with a_site(make_folder(tmp_path, "a"), switch=switch, seats=1):
            pass
        assert LEASE_CHANNEL not in switch.channels
        async with (
            a_site(make_folder(tmp_path, "b"), switch=switch) as second,
            open_session(switch, SwitchLease(FIRST)) as client,
        ):
            assert await find_dialler_that_uses_asterisk(client) == second.centre.name


@virtual_time()
async def test_crashed_dialler_loses_its_exclusive_use_of_asterisk_after_a_timeout(tmp_path: Path) -> None:
    async with SimulatedAsterisk(SimulatedAsteriskConfig(start_epoch=START_EPOCH)) as switch:
        lease = SwitchLease(FIRST)
        async with open_session(switch, lease) as client:
            await lease.acquire_sole_use_of_asterisk(client)
        began = asyncio.get_running_loop().time()
        await refuse_if_another_dialler_uses_asterisk(make_login(switch), SECOND)  # waits, but does not refuse
        assert 5.0 < asyncio.get_running_loop().time() - began < BACK_SECONDS
        async with open_session(switch, lease) as client:
            await lease.acquire_sole_use_of_asterisk(client)
        async with a_site(make_folder(tmp_path, "b"), switch=switch):  # until it is up
            assert asyncio.get_running_loop().time() - began < 2 * BACK_SECONDS


@virtual_time()
async def test_new_dialler_with_the_store_of_a_crashed_dialler_may_use_asterisk_immediately() -> None:
    async with SimulatedAsterisk(SimulatedAsteriskConfig(start_epoch=START_EPOCH)) as switch:
        dead, successor = SwitchLease(FIRST), SwitchLease(replace(FIRST, process=813, since=FIRST.since + 60))
        async with open_session(switch, dead) as old, open_session(switch, successor) as new:
            await dead.acquire_sole_use_of_asterisk(old)
            began = asyncio.get_running_loop().time()
            await refuse_if_another_dialler_uses_asterisk(make_login(switch), replace(FIRST, process=813))
            await successor.acquire_sole_use_of_asterisk(new)
            assert asyncio.get_running_loop().time() - began < 1.0
            with pytest.raises(SwitchError, match="does not exist"):
                await dead.renew_sole_use_of_asterisk(old)  # the dialler assumed dead is alive and notices


@virtual_time()
async def test_only_one_of_two_diallers_that_start_together_may_use_the_asterisk_server() -> None:
    async with SimulatedAsterisk(SimulatedAsteriskConfig(start_epoch=START_EPOCH)) as switch:
        leases = [SwitchLease(FIRST), SwitchLease(SECOND)]
        for _ in range(20):
            async with open_session(switch, leases[0]) as one, open_session(switch, leases[1]) as other:
                taken = await asyncio.gather(
                    leases[0].acquire_sole_use_of_asterisk(one),
                    leases[1].acquire_sole_use_of_asterisk(other),
                    return_exceptions=True,
                )
                assert [type(each) for each in taken if each is not None] == [SwitchInUse]
                (holder,) = [name for name, each in zip((FIRST, SECOND), taken, strict=True) if each is None]
                assert await find_dialler_that_uses_asterisk(one) == holder
                switch.hang_up_channel(switch.channels[LEASE_CHANNEL], 16, EndsBy.CARRIER)
                await asyncio.sleep(1)


@virtual_time()
async def test_dialler_that_lost_its_exclusive_use_of_asterisk_stops_dialling_but_keeps_calls(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(answer_after=3.0, talk_seconds=90.0)) as site:
        await site.log_in("01", "02")
        await site.until(lambda: all(seat.state.value == "talking" for seat in site.centre_view.seats))
        talking = [call for call in site.switch.placed_calls if call.ended_at is None]
        other = SwitchLease(SECOND)
        async with open_session(site.switch, other) as client:
            await client.send_action(
                "Hangup", [("Channel", f"{LEASE_CHANNEL}-{site.centre.name.dialler_name_as_text}")]
            )
            await asyncio.sleep(0.2)
            await other.acquire_sole_use_of_asterisk(client)
            keeping = asyncio.create_task(other.hold_sole_use_of_asterisk(client))
            await site.until(lambda: "booth-pc-2" in list_switch_alerts(site), 30)
            placed = len(site.switch.placed_calls)
            stranger = str(uuid.uuid4())
            await client.send_action(
                "Originate",
                [
                    ("Channel", "PJSIP/+917000009999@carrier"),
                    ("Async", "true"),
                    ("ChannelId", stranger),
                    ("Context", "matdan-flow"),
                    ("Exten", "s"),
                    ("Priority", "1"),
                    ("Timeout", "600000"),
                ],
            )
            await asyncio.sleep(20)
            assert len(site.switch.placed_calls) == placed + 1
            assert all(call.ended_at is None for call in talking), "conversations go on"
            keeping.cancel()
            await asyncio.wait([keeping])
        await site.until(lambda: site.centre_view.state.switch_up, BACK_SECONDS)
        await asyncio.sleep(5)
        assert stranger in site.switch.channels, "it rings on: it is another dialler's"


@virtual_time()
async def test_call_that_the_engine_considers_ended_is_hung_up_in_asterisk(tmp_path: Path) -> None:
    """The call is in the store and live on Asterisk, but has ended in the engine. A call of another dialler would not
    be hung up.
    """
    async with SimulatedAsterisk(make_answering_switch(answer_after=300.0)) as switch:
        async with a_site(tmp_path, switch=switch) as site:
            await site.log_in("01")
            await site.until(lambda: len(switch.placed_calls) >= 1)
        ours = query_site_store(tmp_path, "SELECT attempt_id FROM attempt WHERE ended_at IS NOT NULL")[0][0]
        async with AmiClient(make_login(switch), on_event=lambda _: None, wanted_events=()) as client:
            fields = [("Channel", "PJSIP/+917000009999@carrier"), ("Async", "true"), ("ChannelId", ours)]
            place = [("Context", "matdan-voter"), ("Exten", "s"), ("Priority", "1"), ("Timeout", "600000")]
            await client.send_action("Originate", fields + place)
        await asyncio.sleep(2)
        assert ours in switch.channels
        async with a_site(tmp_path, switch=switch) as site:
            await site.until(lambda: ours not in switch.channels, 10)


def test_dialler_name_stored_in_asterisk_for_exclusive_use_is_read_back_unchanged() -> None:
    assert DiallerName.parse_dialler_name(FIRST.dialler_name_as_text) == FIRST
    assert str(FIRST) == "the dialler on booth-pc-1, process 812, since 2024-04-22 04:00:00 UTC"
    for wrong in (
        "",
        "matdan",
        FIRST.dialler_name_as_text + "\n",
        FIRST.dialler_name_as_text.replace("812", "8x2"),
        "0123456789ab-1-1-",
    ):
        assert DiallerName.parse_dialler_name(wrong) is None


@virtual_time()
async def test_dialler_places_no_call_after_a_suspension_in_which_its_exclusive_use_of_asterisk_expired(
    tmp_path: Path,
) -> None:
    """The suspended dialler's AMI session still exists, and it does not know yet that another dialler holds the lease."""
    async with SimulatedAsterisk(SimulatedAsteriskConfig(start_epoch=START_EPOCH)) as switch:
        asleep = SwitchLease(FIRST)
        async with open_session(switch, asleep) as client:
            adapter = AsteriskSwitch(asleep)
            adapter.set_event_sink(lambda _: None)
            await adapter.on_ami_link_up(client)
            assert adapter.get_age_of_oldest_pending_action() == 0.0
            await asyncio.sleep(LEASE_SECONDS + 1.0)  # suspended: it renews and receives nothing
            successor = SwitchLease(SECOND)
            async with open_session(switch, successor) as other:
                await successor.acquire_sole_use_of_asterisk(other)
                assert client.is_session_up
                assert adapter.get_age_of_oldest_pending_action() == inf
                with pytest.raises(SwitchError):
                    await asleep.renew_sole_use_of_asterisk(client)
                assert adapter.get_age_of_oldest_pending_action() == inf
            adapter.on_ami_link_down(SwitchError("the test is over"))


@virtual_time()
async def test_exclusive_use_of_asterisk_stays_valid_while_the_dialler_renews_the_lease(tmp_path: Path) -> None:
    async with SimulatedAsterisk(SimulatedAsteriskConfig(start_epoch=START_EPOCH)) as switch:
        lease = SwitchLease(FIRST)
        async with open_session(switch, lease) as client:
            await lease.acquire_sole_use_of_asterisk(client)
            keeping = asyncio.create_task(lease.hold_sole_use_of_asterisk(client))
            for _ in range(100):
                await asyncio.sleep(0.9)
                assert lease.is_lease_valid
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping


def test_dialler_on_a_copied_machine_counts_as_another_dialler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Host name, device and inode are equal on the copied machine, so the dialler there must wait for the lease instead
    of taking it over.
    """
    store = tmp_path / "centre.db"
    store.touch()
    names = []
    for boot in ("one-start", "one-start", "another-start"):
        (tmp_path / "boot_id").write_text(boot)
        monkeypatch.setattr("dialer.domain.dialler_name.BOOT_ID", tmp_path / "boot_id")
        names.append(DiallerName.make_dialler_name_of_this_process(store, START_EPOCH).store)
    assert names[0] == names[1] != names[2]
