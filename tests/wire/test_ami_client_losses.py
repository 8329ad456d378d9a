"""Lost AMI sessions, in virtual time: pending actions fail, and unsent actions are distinguished from sent ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from dialer.domain.errors import OriginateUnsure, SwitchUnreachable
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.ami_session import AmiLimits, AmiLogin
from tests.support.ami_peer import (
    ORIGINATE,
    ManagerPeer,
    PeerSession,
    catch_error,
    event,
    leave_unanswered,
    loop_time,
    make_client,
    settle,
)
from tests.support.virtual import virtual_time


@virtual_time()
async def test_waiting_for_asterisk_to_boot_ends_when_the_ami_session_ends() -> None:
    async with ManagerPeer() as peer, make_client(peer, limits=AmiLimits(boot_seconds=3.0)) as client:
        assert "did not report within 3 s that it is fully booted" in str(
            await catch_error(client.wait_until_asterisk_booted())
        )
        assert loop_time() >= 3.0
        begun, waits = loop_time(), asyncio.create_task(client.wait_until_asterisk_booted())
        await settle()
        peer.session.wire.close()
        assert isinstance(await catch_error(waits), SwitchUnreachable)
        assert loop_time() < begun + 1.0


@virtual_time()
async def test_asterisk_counts_as_booted_after_the_event_fully_booted() -> None:
    async with ManagerPeer() as peer, make_client(peer) as client:
        waits = asyncio.create_task(client.wait_until_asterisk_booted())
        await settle()
        assert not waits.done()
        peer.session.wire.write(event("FullyBooted", ("Uptime", "0")) * 2)
        await waits
        await client.wait_until_asterisk_booted()


def close_within_a_message(session: PeerSession) -> None:
    session.wire.write(b"Response: Success\r\nActionID: ")
    session.wire.close()


@pytest.mark.parametrize(
    ("lose", "why"),
    [
        (lambda session: session.wire.close(), "closed the connection"),
        (lambda session: session.wire.abort(), ""),
        (close_within_a_message, "in the middle of a message"),
        (lambda session: session.wire.write(b"\x00\x01garbage\r\n\r\n"), "does not speak AMI"),
        (lambda session: session.wire.write(b"Event: A\r\nX: " + b"a" * 20_000), "line of more than 16384 bytes"),
        (lambda session: session.wire.write(b"X: y\r\n" * 180_000), "message of more than 1048576 bytes"),
    ],
)
def test_every_kind_of_connection_loss_fails_all_pending_ami_actions(
    lose: Callable[[PeerSession], None], why: str
) -> None:
    @virtual_time()
    async def run() -> None:
        limits = AmiLimits(outstanding_actions=2)
        async with ManagerPeer(leave_unanswered) as peer, make_client(peer, limits=limits) as client:
            originate = asyncio.create_task(client.send_action("Originate", ORIGINATE))
            listing = asyncio.create_task(client.send_list_action("Status"))
            queued = asyncio.create_task(client.send_action("Originate", ORIGINATE))
            await settle()
            begun = loop_time()
            lose(peer.session)
            reason = await client.wait_until_session_lost()
            assert why in str(reason)
            assert isinstance(await catch_error(originate), OriginateUnsure)
            assert isinstance(await catch_error(listing), SwitchUnreachable)
            assert isinstance(await catch_error(queued), SwitchUnreachable)
            assert isinstance(await catch_error(client.send_action("Originate", ORIGINATE)), SwitchUnreachable)
            assert loop_time() - begun < 0.1
            assert not client.is_session_up
            assert len(client._session._pending) == 0
            assert len(peer.session.named("Originate")) == 1

    run()


@virtual_time()
async def test_silent_asterisk_is_pinged_and_regarded_as_lost_after_ten_seconds() -> None:
    async with ManagerPeer(leave_unanswered) as peer, make_client(peer) as client:
        begun = loop_time()
        pending = asyncio.create_task(client.send_action("Originate", ORIGINATE, timeout_seconds=60))
        await asyncio.sleep(1.5)
        assert client.age_of_oldest_pending_action == pytest.approx(1.5)
        reason = await client.wait_until_session_lost()
        assert loop_time() - begun == pytest.approx(10, abs=0.01)
        assert "silent for 10 s" in str(reason)
        assert len(peer.session.named("Ping")) == 1
        assert isinstance(await catch_error(pending), OriginateUnsure)


@virtual_time()
async def test_asterisk_that_answers_ami_pings_stays_connected() -> None:
    async with ManagerPeer() as peer, make_client(peer) as client:
        await asyncio.sleep(3601)
        assert client.is_session_up
        assert len(peer.session.named("Ping")) == 720
        assert len(client._session._pending) == 0
        assert client.age_of_oldest_pending_action == 0


@virtual_time()
async def test_unanswered_ami_ping_is_not_repeated_while_events_arrive() -> None:
    async with ManagerPeer(leave_unanswered) as peer, make_client(peer) as client:
        for _ in range(20):
            peer.session.wire.write(event("Hangup"))
            await asyncio.sleep(5)
        assert client.is_session_up
        assert len(peer.session.named("Ping")) == 1
        assert client.age_of_oldest_pending_action > 90


@virtual_time()
async def test_ami_action_that_asterisk_never_read_is_reported_as_not_sent() -> None:
    async with ManagerPeer(leave_unanswered, receive_bytes=4096) as peer:
        limits = AmiLimits(outstanding_actions=10_000, dead_seconds=100)
        async with make_client(peer, limits=limits) as client:
            peer.session.wire.pause_reading()
            padding = [("Variable", f"A={'x' * 1000}")] * 8
            ids = [f"attempt-{number}" for number in range(2000)]
            tasks = [asyncio.create_task(client.send_action("Originate", padding, action_id=one)) for one in ids]
            raised = dict(zip(ids, await asyncio.gather(*map(catch_error, tasks)), strict=True))
            written = {one for one in ids if isinstance(raised[one], OriginateUnsure)}
            unsent = {one for one in ids if isinstance(raised[one], SwitchUnreachable)}
            assert written | unsent == set(ids)
            assert written
            assert unsent
            peer.session.wire.resume_reading()
            await asyncio.sleep(1)
            assert {action.action_id for action in peer.session.named("Originate")} == written
            assert client.is_session_up


@virtual_time()
async def test_ami_action_not_written_to_the_socket_is_reported_as_not_sent() -> None:
    async with ManagerPeer(leave_unanswered) as peer, make_client(peer) as client:
        lost = asyncio.create_task(client.send_action("Originate", ORIGINATE))
        await asyncio.sleep(0)  # started; its bytes are written at the end of this turn of the loop
        assert len(client._session._pending) == 1
        client.close()
        assert isinstance(await catch_error(lost), SwitchUnreachable)
        await settle()
        assert peer.session.named("Originate") == []


@virtual_time()
async def test_result_of_a_timed_out_originate_is_unknown_only_if_the_originate_was_written() -> None:
    async with ManagerPeer(leave_unanswered) as peer, make_client(peer) as client:
        for number in range(20):
            raised = await catch_error(
                client.send_action("Originate", ORIGINATE, action_id=str(number), timeout_seconds=0)
            )
            assert isinstance(raised, OriginateUnsure)
        await settle()
        assert [action.action_id for action in peer.session.named("Originate")] == [str(number) for number in range(20)]


@virtual_time()
async def test_exception_in_the_event_handler_ends_the_ami_session() -> None:
    heard: list[str] = []

    def stumble(message: AmiMessage) -> None:
        heard.append(message.event_name)
        if message.event_name == "Bad":
            raise ValueError("a mistake")

    async with ManagerPeer(leave_unanswered) as peer, AmiClient(peer.login, on_event=stumble) as client:
        peer.session.wire.write(event("Good") + event("Bad") + event("After"))
        assert "bug of the dialler" in str(await client.wait_until_session_lost())
        await settle()
    assert heard == ["Good", "Bad"]


@virtual_time()
async def test_closing_the_ami_client_fails_pending_actions_and_drops_further_events() -> None:
    events: list[AmiMessage] = []
    async with ManagerPeer(leave_unanswered) as peer:
        async with make_client(peer, events) as client:
            pending = asyncio.create_task(client.send_action("Getvar"))
            await settle()
        assert isinstance(await catch_error(pending), SwitchUnreachable)
        assert isinstance(await catch_error(client.send_action("Ping")), SwitchUnreachable)
        await settle()
        assert peer.sessions_ended == 1


@virtual_time()
async def test_ami_action_before_login_raises_switch_unreachable() -> None:
    client = AmiClient(AmiLogin("127.0.0.1", 1, "a", "b"), on_event=print)
    assert isinstance(await catch_error(client.send_action("Originate", ORIGINATE)), SwitchUnreachable)
    assert not client.is_session_up


@virtual_time()
async def test_cancelled_ami_connection_attempt_leaves_no_socket_or_task() -> None:
    async with ManagerPeer(banner=b"") as peer:
        task = asyncio.create_task(make_client(peer).__aenter__())
        await peer.arrived.wait()
        await settle()
        task.cancel()
        await asyncio.wait([task])
        await settle()
        assert task.cancelled()
        assert peer.sessions_ended == 1
