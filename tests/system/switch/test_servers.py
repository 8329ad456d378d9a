"""One dialler with several Asterisk servers: free agents, conversations between servers, and failures of one server."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from dialer.app import assemble_centre
from dialer.domain.clock import LoopClock
from dialer.domain.finding import Level
from dialer.domain.model import AttemptId, Outcome
from dialer.domain.switch_events import CallEnded, EndedBy
from dialer.domain.view import CallState, HoldReason, SeatState, SeatView
from dialer.engine.command.base import CommandContext
from dialer.engine.supervision.commands import Listen
from dialer.engine.transfers.commands import (
    SeatCancelConsult,
    SeatCompleteTransfer,
    SeatConsult,
    SeatHold,
    SeatMerge,
    SeatResume,
    SeatTransfer,
)
from dialer.settings.servers import split_settings_by_asterisk_server
from dialer.simulation.asterisk.channels import Channel, EndsBy
from dialer.site.checks.asterisk import check_asterisk
from tests.support.breaking import run_and_kill
from tests.support.centre import START_EPOCH, agents_at_work
from tests.support.referees import assert_all_attempts_ended
from tests.support.rules import profile_allowing_recording
from tests.support.servers import MultiServerSite, a_multi_server_site, multi_server_settings, run_servers
from tests.support.virtual import virtual_time
from tests.support.voters import IVR, make_answering_switch

STAY, ONE_EACH = make_answering_switch(answer_after=2.0, talk_seconds=300.0), {"a": 1, "b": 1}
OVER_A = {"trunks": ["line-a"], "wrap_up_seconds": 1}


def count_placed_calls(site: MultiServerSite) -> dict[str, int]:
    return {name: len(server.placed_calls) for name, server in site.servers.items()}


def find_seat(site: MultiServerSite, name: str) -> SeatView:
    return next(each for each in site.centre_view.seats if each.seat == name)


def list_voter_channels(site: MultiServerSite, server: str) -> list[Channel]:
    return [channel for channel in site.servers[server].channels.values() if channel.trunk is not None]


def list_voters_from_other_servers(site: MultiServerSite) -> list[Channel]:
    """Return the channels of voters whose call is on another server."""
    return [
        channel
        for server in site.servers.values()
        for channel in server.channels.values()
        if channel.on_conversation_start
    ]


@contextlib.asynccontextmanager
async def connect_voter_to_other_server(directory: Path, **changes: Any) -> AsyncIterator[MultiServerSite]:
    """Run a site in which a voter of server a talks to the agent of seat b01. The seat of server a has no agent."""
    campaign = {**OVER_A, **changes.pop("campaign", {})}
    async with a_multi_server_site(directory, STAY, ONE_EACH, campaign=campaign, **changes) as site:
        await site.log_in("b01")
        await site.until(lambda: find_seat(site, "b01").state is SeatState.TALKING, seconds=60)
        yield site


@virtual_time()
async def test_calls_are_placed_on_the_asterisk_server_with_free_agents(tmp_path: Path) -> None:
    config = make_answering_switch(answer_after=2.0, talk_seconds=20.0)
    async with a_multi_server_site(tmp_path, config, {"a": 2, "b": 2, "c": 2}, calls_per_second=100) as site:
        await site.log_in("b01", "b02")
        await site.until(lambda: find_seat(site, "b02").state is SeatState.TALKING, seconds=60)
        assert count_placed_calls(site) == {"a": 0, "b": 2, "c": 0}
        await site.log_in("c01")
        await site.until(lambda: find_seat(site, "c01").state is SeatState.TALKING, seconds=60)
        assert count_placed_calls(site)["c"] == 1
        assert not list_voters_from_other_servers(site)


@virtual_time()
async def test_voter_gets_an_agent_on_another_server_if_no_local_agent_is_free(
    tmp_path: Path,
) -> None:
    config = make_answering_switch(answer_after=2.0, talk_seconds=20.0)
    async with a_multi_server_site(tmp_path, config, {"a": 1, "b": 2}, campaign=OVER_A) as site, agents_at_work(site):
        await site.until(lambda: len(site.ended()) >= 12, seconds=600)
        seats = Counter(each.seat for each in site.ended())
        assert {each.outcome for each in site.ended()} == {Outcome.CONNECTED}
        assert min(seats["b01"], seats["b02"]) >= 2
    assert count_placed_calls(site)["b"] == 0
    assert not list_voters_from_other_servers(site)
    assert_all_attempts_ended(tmp_path)


@virtual_time()
async def test_voter_hears_the_information_message_if_a_remote_agents_phone_fails(
    tmp_path: Path,
) -> None:
    async with connect_voter_to_other_server(tmp_path) as site:
        site.servers["b"].hang_up_phone("agent-b01")
        await site.until(lambda: list_voter_channels(site, "a")[0].context == "matdan-message", seconds=1)
        assert not list_voters_from_other_servers(site)
        await site.until(lambda: bool(site.ended()), seconds=20)
        assert site.ended()[0].outcome is Outcome.CONNECTED


@virtual_time()
async def test_agent_holds_and_resumes_a_voter_of_another_server(tmp_path: Path) -> None:
    async with connect_voter_to_other_server(tmp_path) as site:
        await site.centre.engine.execute_command(SeatHold(seat="b01"))
        await asyncio.sleep(1)
        assert (list_voter_channels(site, "a")[0].context, len(list_voters_from_other_servers(site))) == (
            "matdan-hold",
            0,
        )
        assert (find_seat(site, "b01").state, find_seat(site, "b01").transfer) == (SeatState.TALKING, "hold")
        await site.centre.engine.execute_command(SeatResume(seat="b01"))
        await asyncio.sleep(1)
        assert find_seat(site, "b01").transfer is None
        assert len(list_voters_from_other_servers(site)) == 1


@virtual_time()
async def test_conversation_between_two_asterisk_servers_is_recorded(tmp_path: Path) -> None:
    rules = profile_allowing_recording(tmp_path)
    async with connect_voter_to_other_server(tmp_path, campaign={"record": True}, rules=rules) as site:
        assert find_seat(site, "b01").recording == "on"
        assert len(list_voters_from_other_servers(site)) == 1


@virtual_time()
async def test_phones_on_other_servers_can_listen_and_receive_a_transfer(tmp_path: Path) -> None:
    boss = {"name": "boss", "kind": "supervisor", "endpoint": "boss", "server": "b"}
    ear = {"name": "anita", "endpoint": "anita", "role": "supervisor", "server": "a"}
    async with connect_voter_to_other_server(tmp_path, transfers=[boss], supervisors=[ear], phones=[boss, ear]) as site:
        await site.centre.engine.execute_command(Listen(seat="b01"), CommandContext("anita"))
        await asyncio.sleep(2)
        assert "ChanSpy" in {channel.application for channel in site.servers["b"].channels.values()}
        await site.centre.engine.execute_command(SeatTransfer(seat="b01", to="boss"))
        await asyncio.sleep(3)
        [aside] = [each for name, each in site.servers["a"].conferences.by_name.items() if name.startswith("aside-")]
        assert list_voter_channels(site, "a")[0] in [member.channel for member in aside.members]
        assert len(aside.members) == 2


BUSY_AFTERWARDS = {"wrap_up_seconds": 600}
OFFICE = {"name": "office", "kind": "outside", "number": "+917000000099", "trunk": "line-b"}


@pytest.mark.parametrize("consulted", [False, True])
@virtual_time()
async def test_outside_number_is_consulted_over_a_trunk_of_another_server(consulted: bool, tmp_path: Path) -> None:
    there, office = (
        ("line-a" if consulted else "line-b"),
        "+917000000099",
    )  # the voter is of server a, and the seat of server b
    async with connect_voter_to_other_server(
        tmp_path, transfers=[{**OFFICE, "trunk": there}], campaign=BUSY_AFTERWARDS
    ) as site:
        execute = site.centre.engine.execute_command
        await execute(SeatConsult(seat="b01", to="office") if consulted else SeatTransfer(seat="b01", to="office"))
        await asyncio.sleep(10)
        assert [each.channels_used for each in site.centre_view.state.trunks] == ([2, 0] if consulted else [1, 1])
        if consulted:
            assert find_seat(site, "b01").transfer == "consult"
            await execute(SeatCompleteTransfer(seat="b01"))
            await asyncio.sleep(3)
        assert (count_parties_without_agent(site), site.ended()) == (2, [])
        [(server, channel)] = [
            (server, each) for server in "ab" for each in list_voter_channels(site, server) if each.number == office
        ]
        site.servers[server].hang_up_channel(channel, 16, EndsBy.VOTER)
        await asyncio.sleep(2)
        assert (count_parties_without_agent(site), [each.channels_used for each in site.centre_view.state.trunks]) == (
            0,
            [0, 0],
        )
        assert [each.outcome for each in site.ended()] == [Outcome.CONNECTED]


def count_parties_without_agent(site: MultiServerSite) -> int:
    """Return the number of parties in conferences without an agent."""
    return sum(
        len(room.members)
        for server in site.servers.values()
        for name, room in server.conferences.by_name.items()
        if name.startswith("aside-")
    )


BOSS = {"name": "boss", "kind": "supervisor", "endpoint": "boss", "server": "b"}


def list_third_party_channels(site: MultiServerSite) -> list[Channel]:
    return [channel for channel in site.servers["b"].channels.values() if channel.name.startswith("PJSIP/boss")]


@pytest.mark.parametrize("server", ["a", "b"])
@virtual_time()
async def test_consultation_between_servers_continues_if_either_server_is_disconnected(
    server: str, tmp_path: Path
) -> None:
    async with connect_voter_to_other_server(tmp_path, transfers=[BOSS], phones=[BOSS]) as site:
        await site.centre.engine.execute_command(SeatConsult(seat="b01", to="boss"))
        await asyncio.sleep(3)
        await site.servers[server].refuse_ami_connections_for_seconds(5.0)
        await site.until(lambda: len(site.centre.engine.features.asterisk_servers.up) == 2, seconds=10)
        await asyncio.sleep(2)
        assert (
            find_seat(site, "b01").transfer,
            len(list_third_party_channels(site)),
            len(list_voters_from_other_servers(site)),
        ) == ("consult", 1, 0)
        await site.centre.engine.execute_command(SeatCancelConsult(seat="b01"))
        await asyncio.sleep(2)
        assert (
            find_seat(site, "b01").transfer,
            len(list_third_party_channels(site)),
            len(list_voters_from_other_servers(site)),
        ) == (None, 0, 1)


@virtual_time()
async def test_consulted_third_party_can_leave_the_conversation_after_the_dialler_crashed(tmp_path: Path) -> None:
    async with run_servers(STAY, ONE_EACH, [BOSS]) as servers:
        async with run_and_kill(connect_voter_to_other_server(tmp_path, servers=servers, transfers=[BOSS])) as first:
            await first.centre.engine.execute_command(SeatConsult(seat="b01", to="boss"))
            await asyncio.sleep(3)
            assert len(list_third_party_channels(first)) == 1
        async with a_multi_server_site(
            tmp_path, STAY, ONE_EACH, servers=servers, campaign=OVER_A, transfers=[BOSS]
        ) as again:
            await asyncio.sleep(10)
            assert not list_third_party_channels(again)


@pytest.mark.parametrize("merged", [False, True])
@virtual_time()
async def test_transfer_between_servers_completes_after_a_consultation(merged: bool, tmp_path: Path) -> None:
    async with connect_voter_to_other_server(
        tmp_path, transfers=[BOSS], phones=[BOSS], campaign=BUSY_AFTERWARDS
    ) as site:
        execute = site.centre.engine.execute_command
        await execute(SeatConsult(seat="b01", to="boss"))
        await asyncio.sleep(3)
        if merged:
            await execute(SeatMerge(seat="b01"))
            await asyncio.sleep(2)
            assert find_seat(site, "b01").transfer == "three-way"
        await execute(SeatCompleteTransfer(seat="b01"))
        await asyncio.sleep(2)
        assert (
            count_parties_without_agent(site),
            len(list_third_party_channels(site)),
            find_seat(site, "b01").state,
        ) == (2, 1, SeatState.WRAP_UP)
        assert len(site.ended()) == 0
        [boss] = list_third_party_channels(site)
        site.servers["b"].hang_up_channel(boss, 16, EndsBy.VOTER)
        await asyncio.sleep(2)
        assert (
            count_parties_without_agent(site),
            list_third_party_channels(site),
            [each.outcome for each in site.ended()],
        ) == (0, [], [Outcome.CONNECTED])


@pytest.mark.parametrize("server", ["a", "b"])
@virtual_time()
async def test_conversation_after_a_transfer_between_servers_continues_if_either_server_is_disconnected(
    server: str, tmp_path: Path
) -> None:
    async with connect_voter_to_other_server(
        tmp_path, transfers=[BOSS], phones=[BOSS], campaign=BUSY_AFTERWARDS
    ) as site:
        await site.centre.engine.execute_command(SeatConsult(seat="b01", to="boss"))
        await asyncio.sleep(3)
        await site.centre.engine.execute_command(SeatCompleteTransfer(seat="b01"))
        await asyncio.sleep(2)
        await site.servers[server].refuse_ami_connections_for_seconds(5.0)
        await site.until(lambda: len(site.centre.engine.features.asterisk_servers.up) == 2, seconds=10)
        await asyncio.sleep(20)
        assert (count_parties_without_agent(site), len(list_third_party_channels(site)), site.ended()) == (2, 1, [])


@virtual_time()
async def test_conversation_after_a_transfer_between_servers_continues_when_the_dialler_ends(tmp_path: Path) -> None:
    async with run_servers(STAY, ONE_EACH, [BOSS]) as servers:
        async with run_and_kill(
            connect_voter_to_other_server(tmp_path, servers=servers, transfers=[BOSS], campaign=BUSY_AFTERWARDS)
        ) as first:
            await first.centre.engine.execute_command(SeatConsult(seat="b01", to="boss"))
            await asyncio.sleep(3)
            await first.centre.engine.execute_command(SeatCompleteTransfer(seat="b01"))
            await asyncio.sleep(2)
        async with a_multi_server_site(
            tmp_path, STAY, ONE_EACH, servers=servers, campaign=OVER_A, transfers=[BOSS]
        ) as again:
            await asyncio.sleep(20)
            assert (count_parties_without_agent(again), len(list_third_party_channels(again)), again.ended()) == (
                2,
                1,
                [],
            )
            again.servers["b"].hang_up_channel(list_third_party_channels(again)[0], 16, EndsBy.VOTER)
            await asyncio.sleep(2)
            assert (count_parties_without_agent(again), [each.outcome for each in again.ended()][:1]) == (
                0,
                [Outcome.CONNECTED],
            )


@pytest.mark.parametrize("server", ["a", "b"])
@virtual_time()
async def test_conversation_between_servers_continues_if_either_server_is_disconnected(
    server: str, tmp_path: Path
) -> None:
    async with connect_voter_to_other_server(tmp_path) as site:
        await site.servers[server].refuse_ami_connections_for_seconds(5.0)
        await site.until(lambda: len(site.centre.engine.features.asterisk_servers.up) == 2, seconds=10)
        await asyncio.sleep(1)
        assert (find_seat(site, "b01").state, len(list_voters_from_other_servers(site))) == (SeatState.TALKING, 1)
        assert not site.ended()
        list_voter_channels(site, "a")[0].hung_up = True
        list_voter_channels(site, "a")[0].wake_waiting_application()
        await site.until(lambda: bool(site.ended()), seconds=5)
        assert find_seat(site, "b01").state is not SeatState.TALKING


@virtual_time()
async def test_failure_of_one_asterisk_server_does_not_end_calls_on_other_servers(tmp_path: Path) -> None:
    config = make_answering_switch(answer_after=2.0, talk_seconds=60.0)
    async with a_multi_server_site(tmp_path, config, {"a": 2, "b": 2, "c": 2}) as site, agents_at_work(site):
        await site.until(lambda: all(each.state is SeatState.TALKING for each in site.centre_view.seats), seconds=60)
        lost = {channel.uniqueid for channel in list_voter_channels(site, "b")}
        lived = {channel.uniqueid for server in "ac" for channel in list_voter_channels(site, server)}
        before = count_placed_calls(site)
        dying = asyncio.create_task(site.servers["b"].restart(down_seconds=120.0))
        await site.until(lambda: "server-down-b" in {alert.code for alert in site.centre_view.alerts}, seconds=5)
        assert site.centre_view.state.switch_up
        await asyncio.sleep(110)
        assert count_placed_calls(site)["b"] == before["b"]
        assert count_placed_calls(site)["a"] > before["a"]
        assert count_placed_calls(site)["c"] > before["c"]
        outcomes = {each.attempt_id: each.outcome for each in site.ended()}
        assert {outcomes[each] for each in lived} == {Outcome.CONNECTED}
        assert not lost & outcomes.keys()
        await dying
        await site.until(lambda: "server-down-b" not in {alert.code for alert in site.centre_view.alerts}, seconds=10)
        await site.until(lambda: count_placed_calls(site)["b"] > before["b"], seconds=60)
        outcomes = {each.attempt_id: each.outcome for each in site.ended()}
        assert lost <= outcomes.keys()
        numbers = Counter(call.number for server in site.servers.values() for call in server.placed_calls)
        assert numbers.most_common(1)[0][1] == 1
    assert_all_attempts_ended(tmp_path)


@virtual_time()
async def test_unresponsive_asterisk_server_gets_no_more_calls(tmp_path: Path) -> None:
    config = make_answering_switch(answer_after=2.0, talk_seconds=5.0)
    async with (
        a_multi_server_site(
            tmp_path, config, {"a": 1, "b": 1}, ami={"username": "dialler", "secret": "dialler", "ping_seconds": 20}
        ) as site,
        agents_at_work(site),
    ):
        await site.until(lambda: min(count_placed_calls(site).values()) >= 2, seconds=60)
        site.servers["a"].stall_ami_connections()
        await asyncio.sleep(2)
        before = count_placed_calls(site)
        await asyncio.sleep(7)  # then the link counts as lost, and a new one is made
        assert count_placed_calls(site)["a"] == before["a"]
        assert count_placed_calls(site)["b"] > before["b"]
        assert site.centre_view.campaigns[0].hold is None


@virtual_time()
async def test_campaign_is_held_only_if_all_asterisk_servers_of_the_campaign_are_down(tmp_path: Path) -> None:
    flows = {**IVR, "hours": [{"start": "00:00", "until": "23:59:59"}]}
    campaigns = [{**flows, "id": "one", "trunks": ["line-a"]}, {**flows, "id": "two", "trunks": ["line-b"]}]
    async with a_multi_server_site(tmp_path, make_answering_switch(), {"a": 1, "b": 1}, campaigns=campaigns) as site:
        await site.servers["a"].stop()
        await site.until(lambda: "a" not in site.centre.engine.features.asterisk_servers.up, seconds=5)
        await asyncio.sleep(2)
        one, two = site.centre_view.campaigns
        assert one.hold is not None
        assert one.hold.reason is HoldReason.NO_SWITCH
        assert two.hold is None
        assert two.calls.get(CallState.IN_FLOW, 0) + two.calls.get(CallState.RINGING, 0) > 0


@virtual_time()
async def test_flows_and_inbound_calls_work_on_every_asterisk_server(tmp_path: Path) -> None:
    numbers = [{"number": "+911140000012", "mode": "agent", "campaign": "agents"}]
    config = make_answering_switch(answer_after=2.0, talk_seconds=300.0)
    campaigns = [
        {"id": "agents", "kind": "agents", "pacing": "progressive", "hours": [{"start": "00:00", "until": "00:01"}]},
        {**IVR, "hours": [{"start": "00:00", "until": "23:59:59"}]},
    ]
    async with a_multi_server_site(
        tmp_path, config, {"a": 1, "b": 1}, campaigns=campaigns, channels=2, inbound={"channels": 5, "numbers": numbers}
    ) as site:
        await site.log_in("a01")
        await site.until(lambda: site.centre_view.campaigns[1].calls.get(CallState.IN_FLOW, 0) == 4, seconds=60)
        site.servers["b"].place_inbound_call("+917000000050", called="+911140000012")
        await site.until(lambda: find_seat(site, "a01").state is SeatState.TALKING, seconds=5)
        assert len(list_voters_from_other_servers(site)) == 1


@virtual_time()
async def test_conversation_between_servers_continues_if_both_servers_are_disconnected(tmp_path: Path) -> None:
    async with connect_voter_to_other_server(tmp_path) as site:
        up = site.centre.engine.features.asterisk_servers.up
        for server in site.servers.values():
            await server.refuse_ami_connections_for_seconds(1.0)
        await site.until(lambda: len(up) == 2, seconds=10)
        await asyncio.sleep(20)  # includes two comparisons with Asterisk's lists
        assert (find_seat(site, "b01").state, len(list_voters_from_other_servers(site))) == (SeatState.TALKING, 1)


@virtual_time()
async def test_restarted_dialler_recovers_a_conversation_between_servers(tmp_path: Path) -> None:
    async with run_servers(STAY, ONE_EACH) as servers:
        async with run_and_kill(connect_voter_to_other_server(tmp_path, servers=servers)) as first:
            attempt = list_voter_channels(first, "a")[0].uniqueid
        async with a_multi_server_site(tmp_path, STAY, ONE_EACH, servers=servers, campaign=OVER_A) as again:
            await again.until(lambda: find_seat(again, "b01").state is SeatState.TALKING, seconds=5)
            assert (find_seat(again, "b01").attempt_id, len(list_voters_from_other_servers(again))) == (attempt, 1)
            servers["a"].hang_up_channel_from_other_side(servers["a"].channels[attempt], EndsBy.VOTER)
            await again.until(lambda: bool(again.ended()), seconds=5)
            assert [(each.attempt_id, each.outcome) for each in again.ended()] == [(attempt, Outcome.CONNECTED)]
            assert not list_voters_from_other_servers(again)


@virtual_time()
async def test_restarted_dialler_recovers_the_agents_of_every_server(tmp_path: Path) -> None:
    async with run_servers(STAY, ONE_EACH) as servers:
        async with run_and_kill(a_multi_server_site(tmp_path, STAY, ONE_EACH, servers=servers)) as first:
            await first.log_in("a01", "b01")
            await first.until(
                lambda: all(each.state is SeatState.TALKING for each in first.centre_view.seats), seconds=60
            )
            agents = {each.seat: each.agent for each in first.centre_view.seats}
        async with a_multi_server_site(tmp_path, STAY, ONE_EACH, servers=servers) as again:
            await asyncio.sleep(1)
            assert {each.seat: each.agent for each in again.centre_view.seats} == agents
            assert None not in agents.values()


@virtual_time()
async def test_unknown_call_on_an_asterisk_server_is_hung_up(tmp_path: Path) -> None:
    async with a_multi_server_site(tmp_path, STAY, ONE_EACH, campaign={**OVER_A, "trunks": ["line-b"]}) as site:
        await site.log_in("b01")
        await site.until(lambda: find_seat(site, "b01").state is SeatState.TALKING, seconds=60)
        await site.servers["a"].stop()  # a stopped server delays nothing
        attempt, switch = (
            AttemptId(list_voter_channels(site, "b")[0].uniqueid),
            cast(Any, site.centre.engine.features.switch),
        )
        switch._servers["b"].unassign_channel_of_attempt(attempt)
        site.centre.engine.on_switch_event(CallEnded(attempt, EndedBy.HANGUP, answered=True))
        await site.until(lambda: attempt not in site.servers["b"].channels, seconds=60)


@virtual_time()
async def test_no_number_is_dialled_twice_when_an_asterisk_server_is_removed_from_the_settings(tmp_path: Path) -> None:
    history = tmp_path / "log" / "cdr-custom" / "matdan.csv"
    history.parent.mkdir(parents=True)
    history.write_text(f"an-older-call,8,{START_EPOCH - 60},{START_EPOCH - 59},{START_EPOCH - 50},AGI,\n", "utf-8")
    async with run_servers(STAY, ONE_EACH) as servers:
        first = a_multi_server_site(tmp_path, STAY, ONE_EACH, servers=servers, campaign=OVER_A, history=history)
        async with run_and_kill(first) as before:
            await asyncio.sleep(60)
            await before.log_in("a01")
            await before.until(lambda: bool(list_voter_channels(before, "a")), seconds=60)
        await servers["a"].stop()
        left, one = {"b": servers["b"]}, {"b": 1}
        on_b = {"trunks": ["line-b"]}
        async with a_multi_server_site(tmp_path, STAY, one, servers=left, campaign=on_b, history=history) as site:
            await site.until(lambda: bool(site.ended()), seconds=20)
            assert [each.outcome for each in site.ended()] == [Outcome.UNKNOWN]


@pytest.mark.parametrize("runs", [1, 2], ids=["at once", "after a run that dies early"])
@virtual_time()
async def test_no_number_is_dialled_twice_when_a_trunk_moves_to_another_asterisk_server(
    runs: int, tmp_path: Path
) -> None:
    history = tmp_path / "log" / "cdr-custom" / "matdan.csv"
    history.parent.mkdir(parents=True)
    history.write_text(f"an-older-call,8,{START_EPOCH - 60},{START_EPOCH - 59},{START_EPOCH - 50},AGI,\n", "utf-8")
    changes: dict[str, Any] = {"campaign": OVER_A, "history": history}
    async with run_servers(STAY, ONE_EACH) as servers:
        async with run_and_kill(a_multi_server_site(tmp_path, STAY, ONE_EACH, servers=servers, **changes)) as before:
            await asyncio.sleep(60)
            await before.log_in("a01")
            await before.until(lambda: bool(list_voter_channels(before, "a")), seconds=60)
            for channel in list_voter_channels(before, "a"):
                before.servers["a"].hang_up_channel(channel, 16, EndsBy.VOTER)
        changes["campaign"] = {**OVER_A, "hours": [{"start": "00:00", "until": "00:01"}]}  # nobody else is called
        settings = multi_server_settings(tmp_path, servers, ONE_EACH, **changes)
        trunks = [each.model_copy(update={"server": "b"}) for each in settings.trunks]
        for _ in range(runs - 1):
            early = settings.model_copy(update={"trunks": tuple(trunks)})
            async with assemble_centre(
                early, clock=LoopClock(servers["b"].get_current_time()), chance=random.Random(1)
            ):
                await asyncio.sleep(1)
        async with a_multi_server_site(
            tmp_path, STAY, ONE_EACH, servers=servers, moved={"line-a": "b"}, **changes
        ) as site:
            await site.until(lambda: bool(site.ended()), seconds=20)
            assert [each.outcome for each in site.ended()] == [Outcome.UNKNOWN]


@virtual_time()
async def test_call_whose_reserved_seat_is_unreachable_is_cancelled(tmp_path: Path) -> None:
    previews = {**OVER_A, "pacing": "preview", "preview_seconds": 3}
    async with a_multi_server_site(
        tmp_path, make_answering_switch(answer_after=25.0), ONE_EACH, campaign=previews
    ) as site:
        await site.log_in("b01")
        await site.until(lambda: bool(list_voter_channels(site, "a")), seconds=20)
        await site.servers["b"].stop()
        await site.until(lambda: not list_voter_channels(site, "a"), seconds=5)
        assert [each.outcome for each in site.ended()] == [Outcome.CANCELLED]


@virtual_time()
async def test_calls_on_a_failed_server_do_not_count_against_the_campaigns_channels(tmp_path: Path) -> None:
    flows = {**IVR, "channels": 4, "hours": [{"start": "00:00", "until": "23:59:59"}]}
    config = make_answering_switch(answer_after=2.0, hang_up_after=400.0)
    async with a_multi_server_site(tmp_path, config, ONE_EACH, campaigns=[flows], channels=2) as site:
        await site.until(lambda: count_placed_calls(site) == {"a": 2, "b": 2}, seconds=30)
        await site.servers["a"].stop()
        await asyncio.sleep(5)
        assert count_placed_calls(site)["b"] == 2  # on its own trunk
        list_voter_channels(site, "b")[0].hung_up = True
        list_voter_channels(site, "b")[0].wake_waiting_application()
        await site.until(lambda: count_placed_calls(site)["b"] == 3, seconds=10)


@virtual_time()
async def test_dialer_check_names_servers_that_cannot_reach_each_other(tmp_path: Path) -> None:
    async with run_servers(STAY, ONE_EACH) as servers:
        site = split_settings_by_asterisk_server(multi_server_settings(tmp_path, servers, ONE_EACH))["a"]
        found = {each.subject: each.level async for each in check_asterisk(site, ["b", "c"])}
    assert (found["connection to server b"], found["connection to server c"]) == (Level.OK, Level.ERROR)
