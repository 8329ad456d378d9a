"""Inbound calls: flows, agents and missed calls; floods, unknown callers and forged connections."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.model import Outcome
from dialer.domain.view import CallState, SeatState
from dialer.engine.campaigns.commands import PauseCampaign, ResumeCampaign
from dialer.engine.seats.commands import SeatHangUp
from dialer.simulation.asterisk.channels import Channel
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.agi_peer import connect_as
from tests.support.centre import Site, a_site
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import IVR, make_answering_switch, make_scripted_switch

FLOW, AGENT, MISSED = "+911140000011", "+911140000012", "+911140000013"
CALLER = "+917000000060"  # on the roll, far behind those that are dialled first
NUMBERS = [
    {"number": FLOW, "mode": "flow", "campaign": "quiet", "flow": "inbound"},
    {"number": AGENT, "mode": "agent", "campaign": "quiet"},
    {"number": MISSED, "mode": "missed-call", "campaign": "quiet"},
]
QUIET = {"id": "quiet", "max_attempts": 3}


def make_inbound_settings(**changes: Any) -> dict[str, Any]:
    return {"inbound": {"channels": 3, "numbers": NUMBERS, **changes}}


def is_answered(channel: Channel) -> bool:
    return channel.answered_at is not None


async def wait_for_end_of_call(site: Site, channel: Channel, seconds: float = 120.0) -> None:
    await site.until(lambda: channel.uniqueid not in site.switch.channels, seconds=seconds)


@virtual_time()
async def test_vote_that_an_inbound_caller_reports_by_keypad_is_stored(tmp_path: Path) -> None:
    async with a_site(tmp_path, campaign=QUIET, **make_inbound_settings()) as site:
        channel = site.switch.place_inbound_call(CALLER, called=FLOW, script=Behaviour(keys=((12.0, "1"),)))
        await wait_for_end_of_call(site, channel)
        assert [change.outcome for change in site.ended()] == [Outcome.COMPLETED]
        assert site.centre_view.state.marks == {"voted": 1}
        assert site.centre_view.campaigns[0].attempts == 0
    kept = query_site_store(tmp_path, "SELECT direction, outcome, caller_id, trunk, attempt_number, flow FROM attempt")
    assert kept == [("inbound", "completed", FLOW, "carrier", None, kept[0][5])]
    assert str(kept[0][5]).startswith("inbound ")
    voters = query_site_store(
        tmp_path, "SELECT e164 FROM mark JOIN attempt USING (attempt_id) JOIN phone USING (phone_id)"
    )
    assert voters == [(CALLER,)]


@virtual_time()
async def test_inbound_caller_can_opt_out_of_all_calls_by_a_key(tmp_path: Path) -> None:
    async with a_site(tmp_path, campaign=QUIET, **make_inbound_settings()) as site:
        channel = site.switch.place_inbound_call(
            "0" + CALLER[3:], called=FLOW[1:], script=Behaviour(keys=((12.0, "9"),))
        )
        await wait_for_end_of_call(site, channel)
        assert site.centre_view.state.opt_outs == 1
    assert query_site_store(tmp_path, f"SELECT count(*) FROM opt_out WHERE e164 = '{CALLER}'") == [(1,)]  # noqa: S608 - our own number


@virtual_time()
async def test_inbound_caller_reaches_an_agent_by_pressing_a_key(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_scripted_switch(), campaign=QUIET, **make_inbound_settings()) as site:
        await site.log_in("01")
        channel = site.switch.place_inbound_call(
            CALLER, called=FLOW, script=Behaviour(keys=((12.0, "3"),), talk_seconds=30.0)
        )
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING, seconds=60)
        await wait_for_end_of_call(site, channel)
        assert Outcome.CONNECTED in {change.outcome for change in site.ended()}
        assert site.centre_view.seats[0].state is SeatState.WRAP_UP
    assert query_site_store(tmp_path, "SELECT outcome, seat FROM attempt WHERE direction = 'inbound'") == [
        ("connected", "01")
    ]


@virtual_time()
async def test_inbound_ivr_flow_continues_if_no_agent_is_free_for_its_transfer(tmp_path: Path) -> None:
    async with a_site(tmp_path, campaign=QUIET, **make_inbound_settings()) as site:
        channel = site.switch.place_inbound_call(CALLER, called=FLOW, script=Behaviour(keys=((12.0, "3"), (60.0, "1"))))
        await wait_for_end_of_call(site, channel, seconds=300)
        assert [change.outcome for change in site.ended()] == [Outcome.COMPLETED]


@virtual_time()
async def test_inbound_caller_gets_an_agent_or_hears_the_information_message(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_scripted_switch(), campaign=QUIET, seats=1, **make_inbound_settings()) as site:
        first = site.switch.place_inbound_call(CALLER, called=AGENT)
        await wait_for_end_of_call(site, first)
        assert [change.outcome for change in site.ended()] == [Outcome.ABANDONED]
        assert (
            not site.centre.engine.features.recent_calls_and_opt_outs._abandoned_at
        )  # an abandoned inbound call locks no number
        await site.log_in("01")
        site.switch.place_inbound_call(CALLER, called=AGENT)
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING, seconds=10)
        await site.centre.engine.execute_command(SeatHangUp(seat="01"))
        await site.until(lambda: Outcome.CONNECTED in {change.outcome for change in site.ended()}, seconds=10)
        view = site.centre_view.campaigns[0]
        assert (view.abandoned, view.abandoned_rate) == (0, 0.0)  # inbound calls do not count for the cap


@virtual_time()
async def test_caller_of_a_missed_call_number_is_not_answered_but_called_back(tmp_path: Path) -> None:
    config = make_scripted_switch()
    campaign = {**QUIET, "kind": "ivr", "flow": "turnout", "pacing": "broadcast", "channels": 1}
    async with a_site(tmp_path, config, campaign=campaign, **make_inbound_settings()) as site:
        channel = site.switch.place_inbound_call(CALLER, called=MISSED)
        await wait_for_end_of_call(site, channel, seconds=2)
        assert not is_answered(channel)
        assert channel.cause == 17
        await site.until(lambda: any(call.number == CALLER for call in site.switch.placed_calls), seconds=150)
        called_back = next(call for call in site.switch.placed_calls if call.number == CALLER)
        assert called_back.placed_at - site.clock.now() < 150
    assert query_site_store(tmp_path, "SELECT outcome FROM attempt WHERE direction = 'inbound'") == [("missed",)]
    assert query_site_store(tmp_path, "SELECT mode, call_back FROM inbound_call") == [("missed-call", 1)]


@virtual_time()
async def test_missed_call_outside_calling_hours_is_called_back_in_the_next_calling_hours(tmp_path: Path) -> None:
    campaign = {**QUIET, "kind": "ivr", "flow": "turnout", "pacing": "broadcast", "channels": 1}
    campaign["hours"] = [{"start": "10:00", "until": "20:00"}]  # it is 09:30
    async with a_site(tmp_path, make_scripted_switch(), campaign=campaign, **make_inbound_settings()) as site:
        await wait_for_end_of_call(site, site.switch.place_inbound_call(CALLER, called=MISSED), seconds=2)
        await asyncio.sleep(1500)
        assert not site.switch.placed_calls
        await site.until(lambda: bool(site.switch.placed_calls), seconds=400)
        assert site.switch.placed_calls[0].number == CALLER


@pytest.mark.parametrize("number", ["", "+919999999999", "anonymous"])
def test_unknown_caller_hears_the_information_message_and_no_answer_is_stored(tmp_path: Path, number: str) -> None:
    @virtual_time()
    async def run() -> None:
        async with a_site(tmp_path, campaign=QUIET, **make_inbound_settings()) as site:
            channel = site.switch.place_inbound_call(
                number, called=FLOW, script=Behaviour(keys=((3.0, "1"), (12.0, "1")))
            )
            await site.until(lambda: is_answered(channel), seconds=5)
            assert channel.context == "matdan-message"
            await wait_for_end_of_call(site, channel)
            assert site.centre.engine.features.inbound_call_router.live_inbound_call_count == 0

    run()
    assert query_site_store(tmp_path, "SELECT count(*) FROM mark") == [(0,)]
    assert query_site_store(tmp_path, "SELECT count(*) FROM attempt") == [(0,)]
    assert query_site_store(tmp_path, "SELECT attempt_id FROM inbound_call") == [(None,)]


@virtual_time()
async def test_inbound_call_to_a_number_missing_from_the_settings_is_hung_up(tmp_path: Path) -> None:
    async with a_site(tmp_path, campaign=QUIET, **make_inbound_settings()) as site:
        channel = site.switch.place_inbound_call(CALLER, called="+911140000099")
        await wait_for_end_of_call(site, channel, seconds=2)
        assert not is_answered(channel)


@virtual_time()
async def test_flood_of_inbound_calls_uses_only_inbound_channels_and_dialling_continues(tmp_path: Path) -> None:
    campaign = {**IVR, "id": "quiet", "channels": 5}
    config = make_scripted_switch(*[Behaviour(answer_after=1.0, hang_up_after=3.0)] * 60)
    async with a_site(tmp_path, config, campaign=campaign, **make_inbound_settings()) as site:
        await site.until(lambda: len(site.switch.placed_calls) > 3)
        silent = Behaviour(hang_up_after=200.0)
        channels = [
            site.switch.place_inbound_call(f"+9170000000{n}", called=FLOW, script=silent) for n in range(40, 80)
        ]
        before = len(site.switch.placed_calls)
        await asyncio.sleep(5)
        assert sum(is_answered(channel) for channel in channels) == 3
        assert site.centre.engine.features.inbound_call_router.live_inbound_call_count == 3
        await asyncio.sleep(20)
        assert len(site.switch.placed_calls) > before + 5


@virtual_time()
async def test_channels_of_unknown_inbound_callers_count_against_the_limit_of_their_trunk(tmp_path: Path) -> None:
    """The trunk has six channels. While three callers hear the message, three calls are placed, and six afterwards."""
    carrier = {
        "name": "carrier",
        "endpoint": "carrier",
        "channels": 6,
        "calls_per_second": 10,
        "caller_ids": ["+911140000001"],
    }
    config = make_answering_switch(answer_after=3.0, hang_up_after=60.0)
    campaign = {**IVR, "id": "quiet", "channels": 20}
    async with a_site(tmp_path, config, trunks=[carrier], campaign=campaign, **make_inbound_settings()) as site:
        await site.centre.engine.execute_command(PauseCampaign(campaign_id="quiet"))
        await site.until(lambda: not site.centre.engine.features.live_calls, seconds=120)
        before = len(site.switch.placed_calls)
        came = [site.switch.place_inbound_call(f"+91981111110{n}", called=FLOW) for n in range(3)]
        await site.until(lambda: all(is_answered(channel) for channel in came), seconds=5)
        assert site.centre_view.state.trunks[0].channels_used == 3
        assert site.centre.engine.features.inbound_call_router.live_inbound_call_count == 3
        await site.centre.engine.execute_command(ResumeCampaign(campaign_id="quiet"))
        await asyncio.sleep(1.5)
        assert len(site.switch.placed_calls) - before == 3
        await site.until(lambda: not any(channel.uniqueid in site.switch.channels for channel in came), seconds=60)
        await site.until(lambda: len(site.switch.placed_calls) - before == 6, seconds=2)
        assert site.centre_view.state.trunks[0].channels_used == 6


@virtual_time()
async def test_call_that_asterisk_redirects_to_an_inbound_number_is_rejected(tmp_path: Path) -> None:
    """Asterisk makes a Local channel of a redirected call if the endpoint has no FORWARD_CONTEXT."""
    async with a_site(tmp_path, campaign=QUIET, **make_inbound_settings()) as site:
        channel = site.switch.place_inbound_call(CALLER, called=FLOW)
        channel.name = f"Local/{FLOW}@matdan-inbound-00000000;2"
        channel.move_channel_to_dialplan_step(channel.context, channel.extension, 1)
        await wait_for_end_of_call(site, channel, seconds=5)
        assert not is_answered(channel)
        assert site.centre.engine.features.inbound_call_router.live_inbound_call_count == 0
    assert query_site_store(tmp_path, "SELECT count(*) FROM attempt") == [(0,)]


@virtual_time()
async def test_channels_that_asterisk_creates_for_a_redirected_call_are_hung_up(tmp_path: Path) -> None:
    """Asterisk calls a contact that names a channel in spite of our settings. Only such channels are hung up."""
    config = make_scripted_switch(
        Behaviour(rings=False, fails_with=302, post_dial_seconds=2.0), Behaviour(hang_up_after=100.0)
    )
    async with a_site(
        tmp_path, config, campaign={**IVR, "id": "quiet", "channels": 2}, **make_inbound_settings()
    ) as site:
        await asyncio.sleep(1.0)
        caller = site.switch.place_inbound_call(CALLER, called=FLOW, script=Behaviour(hang_up_after=60.0))
        outgoing = site.switch._create_channel("carrier", "", "matdan-inbound")
        outgoing.application = "AppDial2"
        local = site.switch._create_channel("carrier", "", "matdan-agent")
        local.name = "Local/01@matdan-agent-00000000;2"
        answerer = site.switch._create_channel("carrier", "", "matdan-voter")
        await site.until(lambda: bool(site.ended()), seconds=10)
        await asyncio.sleep(0.2)
        assert [change.outcome for change in site.ended()] == [Outcome.CARRIER_FAILURE]
        assert [channel.hung_up for channel in (outgoing, local, answerer, caller)] == [True, True, True, False]
        assert sum(call.ended_at is None for call in site.switch.placed_calls) >= 1
        for channel in (outgoing, local, answerer):
            site.switch.channels.pop(channel.uniqueid)


@virtual_time()
async def test_call_of_an_inbound_caller_who_hangs_up_immediately_is_removed(tmp_path: Path) -> None:
    async with a_site(tmp_path, campaign=QUIET, **make_inbound_settings()) as site:
        for delay in (0.0, 0.0005, 0.001, 0.002, 0.004, 0.01, 0.05):
            channel = site.switch.place_inbound_call(CALLER, called=FLOW)
            await asyncio.sleep(delay)
            site.switch.hang_up_channel(channel, 16, channel.ended_by)
            await wait_for_end_of_call(site, channel, seconds=5)
        await site.until(lambda: not site.centre_view.campaigns[0].calls, seconds=10)
        assert site.centre.engine.features.inbound_call_router.live_inbound_call_count == 0
    assert query_site_store(tmp_path, "SELECT count(*) FROM attempt WHERE ended_at IS NULL") == [(0,)]


@virtual_time()
async def test_forged_agi_connection_cannot_start_an_inbound_call(tmp_path: Path) -> None:
    """The connection knows the dialplan's secret, but names a channel that does not exist, has another name, was placed
    by us, or was routed already.
    """
    config = make_scripted_switch(Behaviour(hang_up_after=100.0))
    async with a_site(
        tmp_path, config, campaign={**IVR, "id": "quiet", "channels": 1}, **make_inbound_settings()
    ) as site:
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.IN_FLOW, 0) == 1)
        live = site.switch.place_inbound_call(CALLER, called=FLOW, script=Behaviour(hang_up_after=60.0))
        await site.until(lambda: is_answered(live), seconds=5)
        outbound = site.switch.placed_calls[0].channel_id
        ringing = site.switch.place_inbound_call("+917000000061", called=FLOW, script=Behaviour(hang_up_after=60.0))
        for unique_id in ("1713758400.99", outbound, live.uniqueid, ringing.uniqueid, "../../etc"):
            async with connect_as(site.centre.agi_port, "inbound", unique_id, "PJSIP/carrier-000000aa") as peer:
                assert await peer.command() == "SET VARIABLE MATDAN_GO hang-up"
        await site.until(lambda: is_answered(ringing), seconds=5)
        assert site.centre.engine.features.inbound_call_router.live_inbound_call_count == 2
    assert query_site_store(tmp_path, "SELECT count(*) FROM attempt WHERE direction = 'inbound'") == [(1,)]
