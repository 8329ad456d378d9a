"""Faults of the switch and of the connection to it: nobody is dialled twice, and every call ends exactly once."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.domain.model import Outcome
from dialer.domain.view import AlertRaised, CallChange, CallState, Hold, HoldReason, SeatState
from dialer.engine.campaigns.commands import StopCampaign
from dialer.engine.features import Features
from dialer.pacing.predictive import PredictivePacer
from dialer.simulation.asterisk.config import LEAST_PRIVILEGE_USER
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.centre import Site, a_site, agents_at_work
from tests.support.referees import assert_all_attempts_ended, assert_nobody_dialled_twice
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import IVR, make_answering_switch, make_scripted_switch


def get_features(site: Site) -> Features:
    return site.centre.engine.features


def assert_no_call_placed_while_down(site: Site) -> None:
    alerts = [each.alert for each in site.changes if isinstance(each, AlertRaised) and each.alert.code == "switch-down"]
    downs = [alert.at for alert in alerts if not alert.cleared]
    ups = [alert.at for alert in alerts if alert.cleared]
    assert len(downs) == len(ups) > 0
    for down, up in zip(downs, ups, strict=True):
        assert not [call for call in site.switch.placed_calls if down < call.placed_at < up]


@virtual_time()
async def test_cut_ami_connection_neither_ends_calls_nor_causes_second_calls(tmp_path: Path) -> None:
    async with (
        a_site(tmp_path, make_answering_switch(answer_after=4.0, talk_seconds=40.0), seats=3) as site,
        agents_at_work(site),
    ):
        for _ in range(4):
            await asyncio.sleep(37)
            site.switch.reset_ami_connections()
            await site.until(lambda: not site.centre_view.state.switch_up, seconds=1)
            assert "switch-down" in {alert.code for alert in site.centre_view.alerts}
            await site.until(lambda: site.centre_view.state.switch_up, seconds=5)
        await site.until(lambda: site.centre_view.campaigns[0].connected >= 5)
        assert "switch-down" not in {alert.code for alert in site.centre_view.alerts}
    assert_no_call_placed_while_down(site)
    assert_nobody_dialled_twice(site)
    assert_all_attempts_ended(tmp_path)


@virtual_time()
async def test_half_open_ami_connection_is_reopened_within_seconds(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=10.0), seats=2) as site, agents_at_work(site):
        await site.until(lambda: site.centre_view.campaigns[0].connected >= 2)
        site.switch.stall_ami_connections()
        stalled_at = site.clock.now()
        await site.until(lambda: not site.centre_view.state.switch_up, seconds=16)
        opened = query_site_store(tmp_path, "SELECT max(created_at) FROM attempt")[0][0]
        assert opened - stalled_at < 2.0
        await site.until(lambda: site.centre_view.state.switch_up, seconds=10)
        await site.until(lambda: site.centre_view.campaigns[0].connected >= 6)
    assert_nobody_dialled_twice(site)
    assert_all_attempts_ended(tmp_path)


@virtual_time()
async def test_half_open_ami_connection_stops_dialling_within_two_seconds(tmp_path: Path) -> None:
    campaign = {**IVR, "channels": 100}
    trunks = [
        {
            "name": "carrier",
            "endpoint": "carrier",
            "channels": 100,
            "calls_per_second": 5,
            "caller_ids": ["+911140000001"],
        }
    ]
    async with a_site(
        tmp_path, make_answering_switch(hang_up_after=5.0), voters=600, campaign=campaign, trunks=trunks
    ) as site:
        await site.until(lambda: len(site.switch.placed_calls) > 20)
        site.switch.stall_ami_connections()
        stalled_at = site.clock.now()
        await site.until(lambda: site.centre_view.campaigns[0].hold == Hold(HoldReason.SWITCH_SILENT), seconds=2.05)
        await site.until(lambda: not site.centre_view.state.switch_up, seconds=16)
        opened = query_site_store(tmp_path, "SELECT max(created_at) FROM attempt")[0][0]
        assert opened - stalled_at < 2.0
        await site.until(lambda: site.centre_view.state.switch_up, seconds=30)
        before = len(site.switch.placed_calls)
        await site.until(lambda: len(site.switch.placed_calls) > before, seconds=10)
    assert_nobody_dialled_twice(site)
    assert_all_attempts_ended(tmp_path)


@virtual_time()
async def test_ami_user_without_read_permission_raises_an_alert(tmp_path: Path) -> None:
    blind = replace(LEAST_PRIVILEGE_USER, read=LEAST_PRIVILEGE_USER.read - {"user"})
    config = replace(make_answering_switch(hang_up_after=10.0), users=(blind,))
    async with a_site(tmp_path, config, seats=1) as site:
        await site.log_in("01")
        await site.until(lambda: bool(site.ended()), seconds=60)
        (alert,) = [alert for alert in site.centre_view.alerts if alert.code == "user-events-missing"]
        assert "read = system,call,user" in alert.text


@virtual_time()
async def test_garbage_on_the_ami_connection_starts_a_new_session(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=10.0), seats=1) as site, agents_at_work(site):
        await site.until(lambda: site.centre_view.campaigns[0].connected >= 1)
        site.switch.send_garbage_to_ami_clients(b"x" * 200_000)
        await site.until(lambda: site.centre_view.campaigns[0].connected >= 3)
    assert_nobody_dialled_twice(site)
    assert_all_attempts_ended(tmp_path)


@virtual_time()
async def test_restart_of_asterisk_ends_all_calls_and_the_seats_are_restored(tmp_path: Path) -> None:
    config = make_answering_switch(answer_after=6.0, talk_seconds=60.0)
    async with a_site(tmp_path, config, seats=3) as site, agents_at_work(site):
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.TALKING, 0) >= 2)
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING, 0) >= 1)
        before = Counter(site.centre_view.campaigns[0].calls)
        await site.switch.restart(down_seconds=3.0)
        await site.until(lambda: site.centre_view.state.switch_up, seconds=10)
        outcomes = Counter(change.outcome for change in site.ended())
        assert outcomes[Outcome.CONNECTED] >= before[CallState.TALKING]
        assert outcomes[Outcome.UNKNOWN] >= 1  # what rang: nobody can know what became of it
        await site.until(lambda: all(seat.state is not SeatState.LOST for seat in site.centre_view.seats), seconds=15)
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.TALKING, 0) >= 1, seconds=60)
    assert_nobody_dialled_twice(site)
    assert_all_attempts_ended(tmp_path)
    assert not query_site_store(
        tmp_path, "SELECT 1 FROM target JOIN attempt USING (phone_id) WHERE outcome = 'unknown' AND state = 'due'"
    )


@virtual_time()
async def test_no_calls_are_placed_until_asterisk_is_fully_booted(tmp_path: Path) -> None:
    config = make_answering_switch(answer_after=2.0, hang_up_after=5.0)
    async with a_site(tmp_path, config, seats=2) as site, agents_at_work(site):
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.TALKING, 0) >= 1)
        ordered: list[bool] = []
        order = site.switch.actions._parse_originate_action
        site.switch.actions._parse_originate_action = lambda action: ordered.append(site.switch.booted) or order(action)  # type: ignore[method-assign, func-returns-value]
        restart = asyncio.create_task(site.switch.restart(down_seconds=1.0, boot_seconds=45.0))
        await asyncio.sleep(36.0)
        assert site.switch.session_registry.sessions
        assert not site.centre_view.state.switch_up
        (alert,) = [alert for alert in site.centre_view.alerts if alert.code == "switch-down"]
        assert "within 30 s that it is fully booted" in alert.text
        assert not ordered
        await restart
        await site.until(lambda: site.centre_view.state.switch_up, seconds=1)
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.TALKING, 0) >= 1, seconds=60)
        assert all(ordered)
    assert_nobody_dialled_twice(site)
    assert_all_attempts_ended(tmp_path)


@virtual_time()
async def test_call_cancelled_before_its_channel_exists_is_hung_up(
    tmp_path: Path,
) -> None:
    """A real Asterisk creates the channel some milliseconds after it responds to the Originate."""
    config = make_answering_switch(answer_after=25.0, hang_up_after=5.0)
    async with a_site(tmp_path, config, campaign={**IVR, "channels": 1}) as site:
        place = site.switch.place_call
        site.switch.place_call = lambda order: asyncio.get_running_loop().call_later(0.005, place, order)  # type: ignore[method-assign, assignment]
        stopped: list[str] = []

        def stop_at_first_dialling(change: object) -> None:
            if isinstance(change, CallChange) and change.state is CallState.DIALLING and site.ended() and not stopped:
                stopped.append(change.attempt_id)
                asyncio.get_running_loop().create_task(
                    site.centre.engine.execute_command(StopCampaign(campaign_id="ivr"))
                )

        site.centre.engine.subscribe_to_changes(stop_at_first_dialling)
        await site.until(lambda: bool(stopped), seconds=300)
        await asyncio.sleep(1)
        assert stopped[0] not in site.switch.channels
        assert {change.outcome for change in site.ended() if change.attempt_id in stopped} == {Outcome.CANCELLED}


@virtual_time()
async def test_answered_call_that_ends_before_reaching_a_seat_counts_as_abandoned(tmp_path: Path) -> None:
    config = make_answering_switch(answer_after=2.0, talk_seconds=60.0)
    campaign = {"pacing": "predictive", "wrap_up_seconds": 1}
    async with a_site(tmp_path, config, seats=2, campaign=campaign) as site:
        centre = get_features(site)
        restarts: list[asyncio.Task[None]] = []

        def restart_at_the_answer(_: object) -> None:
            if not restarts and any(
                call.is_answered and call.talk.connected_at is None for call in centre.live_calls.list_live_calls()
            ):
                restarts.append(asyncio.get_running_loop().create_task(site.switch.restart(down_seconds=1.0)))

        site.centre.engine.subscribe_to_changes(restart_at_the_answer)
        await site.log_in("01", "02")
        await site.until(lambda: bool(restarts), seconds=300)
        await restarts[0]
        await site.until(lambda: site.centre_view.state.switch_up, seconds=20)
        run = centre.loaded_campaigns["agents"]
        assert isinstance(run.pacer, PredictivePacer)
        abandoned = run.outcomes[Outcome.ABANDONED]
        assert abandoned >= 1
        assert [tally.abandoned for tally in run.pacer.governor.tallies] == [abandoned] * len(
            run.pacer.governor.tallies
        )


@pytest.mark.parametrize("fault", [{"repeat": 0.3}, {"reorder": 0.3}, {"repeat": 0.2, "reorder": 0.2}])
def test_repeated_and_reordered_asterisk_events_change_no_result(tmp_path: Path, fault: dict[str, float]) -> None:
    @virtual_time()
    async def run() -> None:
        config = make_answering_switch(answer_after=3.0, talk_seconds=15.0)
        async with a_site(tmp_path, config, seats=3) as site, agents_at_work(site):
            site.switch.set_event_faults(repeat=fault.get("repeat", 0.0), reorder=fault.get("reorder", 0.0))
            await asyncio.sleep(300)
            site.switch.set_event_faults()
            await asyncio.sleep(60)
            assert site.centre_view.campaigns[0].connected > 10
        assert_nobody_dialled_twice(site)
        assert Counter(change.attempt_id for change in site.ended()).most_common(1)[0][1] == 1

    run()
    assert_all_attempts_ended(tmp_path)


@virtual_time()
async def test_lost_asterisk_events_are_recovered_by_a_resynchronisation(tmp_path: Path) -> None:
    config = make_answering_switch(answer_after=3.0, talk_seconds=15.0)
    async with a_site(tmp_path, config, seats=3) as site, agents_at_work(site):
        site.switch.set_event_faults(lose=0.2)
        await asyncio.sleep(200)
        site.switch.set_event_faults()
        site.switch.reset_ami_connections()
        await site.until(lambda: site.centre_view.state.switch_up, seconds=10)
        await asyncio.sleep(120)
        live = {call.channel_id for call in site.switch.placed_calls if call.ended_at is None}
        assert {call.attempt_id for call in get_features(site).live_calls.list_live_calls()} <= live
    assert_nobody_dialled_twice(site)
    assert_all_attempts_ended(tmp_path)


@virtual_time()
async def test_call_on_a_failed_trunk_has_the_outcome_carrier_failure(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(), seats=1) as site:
        site.switch.take_trunk_down("carrier")
        await site.log_in("01")
        await site.until(lambda: bool(site.ended()), seconds=60)
        assert site.ended()[0].outcome is Outcome.CARRIER_FAILURE
        assert site.centre_view.state.trunks[0].failures == 1


@virtual_time()
async def test_fastagi_disconnect_during_a_flow_keeps_earlier_answers(tmp_path: Path) -> None:
    config = make_scripted_switch(Behaviour(keys=((4.0, "2"),), hang_up_after=120.0))
    async with a_site(tmp_path, config, campaign={**IVR, "channels": 1}) as site:
        await site.until(lambda: site.centre_view.state.marks.get("not-yet") == 1)
        site.switch.reset_agi_connections()
        await site.until(lambda: bool(site.ended()), seconds=180)
        assert site.ended()[0].outcome in {Outcome.LEFT, Outcome.COMPLETED}
    assert query_site_store(tmp_path, "SELECT kind FROM mark") == [("not-yet",)]
    assert_all_attempts_ended(tmp_path)


@virtual_time()
async def test_each_sip_status_of_a_failed_call_gives_the_expected_call_outcome(tmp_path: Path) -> None:
    endings = {486: Outcome.BUSY, 404: Outcome.INVALID_NUMBER, 503: Outcome.CONGESTION, 603: Outcome.REJECTED}
    endings |= {480: Outcome.NO_ANSWER, 502: Outcome.CARRIER_FAILURE, 0: Outcome.NO_ANSWER}
    config = make_scripted_switch(*[Behaviour(fails_with=status) for status in endings])
    async with a_site(tmp_path, config, campaign={**IVR, "channels": len(endings)}) as site:
        await site.until(lambda: len(site.ended()) >= len(endings), seconds=120)
    query = f"SELECT phone_id, outcome FROM attempt ORDER BY phone_id LIMIT {len(endings)}"  # noqa: S608 - a count
    found = dict(query_site_store(tmp_path, query))
    assert list(found.values()) == [outcome.value for outcome in endings.values()]
