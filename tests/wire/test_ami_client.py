"""The AMI session against a scripted manager on TCP, in virtual time: answers, refusals, and every way to lose it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from dialer.errors import (
    LoginRefused,
    OriginateRefused,
    OriginateUnsure,
    PermissionMissing,
    ProtocolError,
    SwitchError,
    SwitchUnreachable,
    UnsafeValue,
)
from dialer.switch.asterisk.ami_client import AmiClient, AmiLimits, AmiLogin
from dialer.switch.asterisk.ami_codec import AmiMessage
from tests.support.ami_peer import BANNER, ManagerPeer, PeerSession, error, event, item, settle, success
from tests.support.virtual import virtual_time

ORIGINATE = (("Channel", "PJSIP/15550100@trunk"), ("Async", "true"))


def client_of(
    peer: ManagerPeer,
    events: list[AmiMessage] | None = None,
    *,
    limits: AmiLimits | None = None,
    keep_events: set[str] | None = None,
) -> AmiClient:
    heard = events if events is not None else []
    return AmiClient(peer.login, on_event=heard.append, limits=limits, keep_events=keep_events)


async def error_of(awaited: Coroutine[Any, Any, Any] | asyncio.Task[Any]) -> BaseException:
    """The exception that it ends with."""
    try:
        await awaited
    except Exception as raised:  # noqa: BLE001 - it is what the test looks at
        return raised
    raise AssertionError("it raised nothing")


def silent(_: PeerSession, __: AmiMessage) -> None:
    """Answer nothing."""


def loop_now() -> float:
    return asyncio.get_running_loop().time()


@virtual_time()
async def test_it_logs_in_acts_and_hears_events_in_order() -> None:
    def answer(_: PeerSession, action: AmiMessage) -> bytes:
        return event("One") + success(action, ("Ping", "Pong")) + event("Two") + event("Three")

    events: list[AmiMessage] = []
    async with ManagerPeer(answer) as peer, client_of(peer, events) as client:
        response = await client.action("Ping")
        assert response.get("Ping") == "Pong"
        assert client.banner == "Asterisk Call Manager/11.0.0"
        assert client.up
        assert client.outstanding == 0
        assert peer.session.actions[0].fields()[2:] == [
            ("Username", "dialler"),
            ("Secret", "s3cret"),
            ("Events", "on"),
        ]
    assert [message.event for message in events] == ["One", "Two", "Three"]
    assert not client.up


@virtual_time()
async def test_only_wanted_events_reach_the_handler() -> None:
    def answer(_: PeerSession, action: AmiMessage) -> bytes:
        return event("VarSet") + event("Hangup") + success(action)

    events: list[AmiMessage] = []
    async with ManagerPeer(answer) as peer, client_of(peer, events, keep_events={"Hangup"}) as client:
        await client.action("Ping")
    assert [message.event for message in events] == ["Hangup"]


@virtual_time()
async def test_a_stream_of_single_bytes_reads_the_same() -> None:
    def answer(session: PeerSession, action: AmiMessage) -> None:
        data = event("Hangup", ("Cause", "16")) + success(action, ("Ping", "Pong"))
        for byte in data:
            session.wire.write(bytes([byte]))

    events: list[AmiMessage] = []
    async with ManagerPeer(answer) as peer, client_of(peer, events) as client:
        assert (await client.action("Ping")).get("Ping") == "Pong"
    assert [message.get("Cause") for message in events] == ["16"]


@virtual_time()
async def test_a_refused_login_names_the_user_and_never_the_secret() -> None:
    async with ManagerPeer(lambda _, action: error(action, "Authentication failed"), accepts_login=False) as peer:
        raised = await error_of(client_of(peer).__aenter__())
        assert isinstance(raised, LoginRefused)
        assert "dialler" in str(raised)
        assert "ami.secret" in str(raised)
        assert "s3cret" not in str(raised) + repr(peer.login)


@virtual_time()
async def test_nobody_listening_says_where_and_what_to_check() -> None:
    async with ManagerPeer() as peer:
        login = peer.login
        peer.stop_listening()
        await settle()
        raised = await error_of(AmiClient(login, on_event=print).__aenter__())
    assert isinstance(raised, SwitchUnreachable)
    assert f"127.0.0.1:{login.port}" in str(raised)
    assert "`ami.host`" in str(raised)


@virtual_time()
async def test_a_peer_that_accepts_and_says_nothing_is_given_up_in_time() -> None:
    async with ManagerPeer(banner=b"") as peer:
        begun = loop_now()
        raised = await error_of(client_of(peer).__aenter__())
        assert isinstance(raised, SwitchUnreachable)
        assert loop_now() - begun == pytest.approx(5)
        await settle()
        assert peer.sessions_ended == 1


@virtual_time()
async def test_a_peer_that_is_no_manager_is_a_protocol_error() -> None:
    async with ManagerPeer(banner=b"SSH-2.0-OpenSSH_9.7\r\n") as peer:
        assert isinstance(await error_of(client_of(peer).__aenter__()), ProtocolError)


@virtual_time()
async def test_a_loss_during_login_is_unreachable() -> None:
    async with ManagerPeer(lambda session, _: session.wire.close(), accepts_login=False) as peer:
        assert isinstance(await error_of(client_of(peer).__aenter__()), SwitchUnreachable)


@virtual_time()
async def test_500_answers_in_any_order_each_reach_their_own_caller() -> None:
    waiting: list[AmiMessage] = []

    def answer(session: PeerSession, action: AmiMessage) -> None:
        waiting.append(action)
        if len(waiting) == 500:
            random.Random(7).shuffle(waiting)
            for one in waiting:
                session.wire.write(success(one, ("Value", one.get("Variable"))))

    async with ManagerPeer(answer) as peer, client_of(peer) as client:
        asked = [str(number) for number in range(500)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(client.action("Getvar", [("Variable", name)])) for name in asked]
        assert [task.result().get("Value") for task in tasks] == asked
        assert len({action.action_id for action in waiting}) == 500


@virtual_time()
async def test_repeated_unasked_and_nameless_responses_disturb_nobody() -> None:
    def answer(_: PeerSession, action: AmiMessage) -> bytes:
        stray = (
            b"Response: Success\r\nActionID: of-another-life\r\n\r\nResponse: Error\r\nMessage: Missing action\r\n\r\n"
        )
        return stray + success(action, ("Value", "1")) + success(action, ("Value", "2")) + error(action, "no") + stray

    async with ManagerPeer(answer) as peer, client_of(peer) as client:
        for _ in range(3):
            assert (await client.action("Getvar")).get("Value") == "1"


@virtual_time()
async def test_an_action_id_that_still_waits_is_not_sent_twice() -> None:
    async with ManagerPeer(silent) as peer, client_of(peer) as client:
        first = asyncio.create_task(client.action("Originate", ORIGINATE, action_id="attempt-1"))
        await settle()
        raised = await error_of(client.action("Originate", ORIGINATE, action_id="attempt-1"))
        assert type(raised) is SwitchError
        await settle()
        assert len(peer.session.named("Originate")) == 1
        client.close()
        assert isinstance(await error_of(first), OriginateUnsure)


@virtual_time()
async def test_no_two_sessions_share_an_action_id() -> None:
    async with ManagerPeer() as peer:
        for _ in range(2):
            async with client_of(peer) as client:
                await client.action("Ping")
        ids = [action.action_id for session in peer.sessions for action in session.actions]
        assert len(ids) == len(set(ids)) == 4


@pytest.mark.parametrize(
    ("name", "text", "kind", "told"),
    [
        ("Originate", "Extension does not exist.", OriginateRefused, "Extension does not exist."),
        ("Originate", "Permission denied", PermissionMissing, "dialler may not do Originate"),
        ("Getvar", "Permission denied", PermissionMissing, "dialler may not do Getvar"),
        ("Hangup", "No such channel", SwitchError, "refused Hangup: No such channel"),
    ],
)
def test_each_refusal_is_the_error_it_means(name: str, text: str, kind: type[SwitchError], told: str) -> None:
    @virtual_time()
    async def run() -> None:
        async with ManagerPeer(lambda _, action: error(action, text)) as peer, client_of(peer) as client:
            raised = await error_of(client.action(name))
            assert type(raised) is kind
            assert told in str(raised)
            assert client.up

    run()


@virtual_time()
async def test_a_failed_command_tells_its_output() -> None:
    def answer(_: PeerSession, action: AmiMessage) -> bytes:
        return error(action, "Command output follows").replace(b"\r\n\r\n", b"\r\nOutput: No such command\r\n\r\n")

    async with ManagerPeer(answer) as peer, client_of(peer) as client:
        assert "No such command" in str(await error_of(client.action("Command", [("Command", "x")])))


@virtual_time()
async def test_an_unsafe_value_is_refused_before_anything_is_sent() -> None:
    async with ManagerPeer() as peer, client_of(peer) as client:
        assert isinstance(await error_of(client.action("Hangup", [("Channel", "a\r\nAction: Logoff")])), UnsafeValue)
        await client.action("Ping")
        assert [action.action for action in peer.session.actions] == ["Login", "Ping"]
        assert client.outstanding == 0


@virtual_time()
async def test_lists_are_collected_apart_from_the_events_between_them() -> None:
    asked: list[AmiMessage] = []

    def answer(session: PeerSession, action: AmiMessage) -> None:
        asked.append(action)
        if len(asked) < 2:
            return
        rooms, channels = asked
        session.wire.write(success(channels, ("EventList", "start")) + success(rooms, ("EventList", "start")))
        for number in range(3):
            session.wire.write(item(rooms, "ConfbridgeListRooms", ("Conference", f"room-{number}")))
            session.wire.write(event("Hangup", ("ActionID", "of-nobody")) + event("VarSet"))
            session.wire.write(item(channels, "CoreShowChannel", ("Uniqueid", f"channel-{number}")))
        for one in asked:
            session.wire.write(item(one, "ListComplete", ("EventList", "Complete"), ("ListItems", "3")))
        session.wire.write(event("CoreShowChannel") + event("Hangup"))

    events: list[AmiMessage] = []
    async with ManagerPeer(answer) as peer, client_of(peer, events, keep_events={"Hangup"}) as client:
        async with asyncio.TaskGroup() as group:
            rooms = group.create_task(client.action_list("ConfbridgeListRooms"))
            channels = group.create_task(client.action_list("CoreShowChannels"))
        assert [one.get("Conference") for one in rooms.result()] == ["room-0", "room-1", "room-2"]
        assert [one.get("Uniqueid") for one in channels.result()] == ["channel-0", "channel-1", "channel-2"]
        await settle()
    assert [message.event for message in events] == ["Hangup"] * 4


@virtual_time()
async def test_no_conferences_is_an_empty_list_and_other_errors_are_raised() -> None:
    texts = iter(["No active conferences.", "Permission denied", "Nonsense"])
    async with ManagerPeer(lambda _, action: error(action, next(texts))) as peer, client_of(peer) as client:
        assert await client.action_list("ConfbridgeListRooms") == []
        assert isinstance(await error_of(client.action_list("ConfbridgeListRooms")), PermissionMissing)
        assert "Nonsense" in str(await error_of(client.action_list("ConfbridgeListRooms")))


@virtual_time()
async def test_a_list_without_end_is_cut_off_by_number_and_by_time() -> None:
    def answer(_: PeerSession, action: AmiMessage) -> bytes:
        return success(action, ("EventList", "start")) + item(action, "Status") * (
            6 if action.action == "Status" else 2
        )

    async with ManagerPeer(answer) as peer, client_of(peer, limits=AmiLimits(list_items=5)) as client:
        assert "over 5 items" in str(await error_of(client.action_list("Status")))
        begun = loop_now()
        assert "no answer" in str(await error_of(client.action_list("CoreShowChannels", timeout_seconds=3)))
        assert loop_now() - begun == pytest.approx(3)
        assert client.up


@virtual_time()
async def test_time_running_out_fails_the_action_alone() -> None:
    held: list[AmiMessage] = []

    def answer(_: PeerSession, action: AmiMessage) -> bytes | None:
        if action.action == "Ping":
            return success(action)
        held.append(action)
        return None

    async with ManagerPeer(answer) as peer, client_of(peer) as client:
        begun = loop_now()
        assert isinstance(await error_of(client.action("Originate", ORIGINATE)), OriginateUnsure)
        assert loop_now() - begun == pytest.approx(client.limits.reply_seconds)
        plain = await error_of(client.action("Getvar", timeout_seconds=2))
        assert type(plain) is SwitchError
        assert loop_now() - begun == pytest.approx(client.limits.reply_seconds + 2)
        for action in held:
            peer.session.wire.write(success(action))  # too late: nobody waits any more
        await settle()
        assert client.outstanding == 0
        assert (await client.action("Ping")).response == "Success"


def lose_in_the_middle(session: PeerSession) -> None:
    session.wire.write(b"Response: Success\r\nActionID: ")
    session.wire.close()


@pytest.mark.parametrize(
    ("lose", "why"),
    [
        (lambda session: session.wire.close(), "closed the connection"),
        (lambda session: session.wire.abort(), ""),
        (lose_in_the_middle, "in the middle of a message"),
        (lambda session: session.wire.write(b"\x00\x01garbage\r\n\r\n"), "does not speak AMI"),
        (lambda session: session.wire.write(b"Event: A\r\nX: " + b"a" * 20_000), "line of more than 16384 bytes"),
        (lambda session: session.wire.write(b"X: y\r\n" * 180_000), "message of more than 1048576 bytes"),
    ],
)
def test_every_way_to_lose_it_frees_everybody_who_waits(lose: Callable[[PeerSession], None], why: str) -> None:
    @virtual_time()
    async def run() -> None:
        limits = AmiLimits(outstanding_actions=2)
        async with ManagerPeer(silent) as peer, client_of(peer, limits=limits) as client:
            originate = asyncio.create_task(client.action("Originate", ORIGINATE))
            listing = asyncio.create_task(client.action_list("Status"))
            queued = asyncio.create_task(client.action("Originate", ORIGINATE))
            await settle()
            begun = loop_now()
            lose(peer.session)
            reason = await client.lost()
            assert why in str(reason)
            assert isinstance(await error_of(originate), OriginateUnsure)
            assert isinstance(await error_of(listing), SwitchUnreachable)
            assert isinstance(await error_of(queued), SwitchUnreachable)
            assert isinstance(await error_of(client.action("Originate", ORIGINATE)), SwitchUnreachable)
            assert loop_now() - begun < 0.1
            assert not client.up
            assert client.outstanding == 0
            assert len(peer.session.named("Originate")) == 1

    run()


@virtual_time()
async def test_a_silent_peer_is_dead_after_ten_seconds_and_was_pinged() -> None:
    async with ManagerPeer(silent) as peer, client_of(peer) as client:
        begun = loop_now()
        pending = asyncio.create_task(client.action("Originate", ORIGINATE, timeout_seconds=60))
        await asyncio.sleep(1.5)
        assert client.oldest_unanswered_seconds == pytest.approx(1.5)
        reason = await client.lost()
        assert loop_now() - begun == pytest.approx(10, abs=0.01)
        assert "silent for 10 s" in str(reason)
        assert len(peer.session.named("Ping")) == 1
        assert isinstance(await error_of(pending), OriginateUnsure)


@virtual_time()
async def test_a_quiet_peer_that_answers_pings_stays_for_an_hour() -> None:
    async with ManagerPeer() as peer, client_of(peer) as client:
        await asyncio.sleep(3601)
        assert client.up
        assert len(peer.session.named("Ping")) == 720
        assert client.outstanding == 0
        assert client.oldest_unanswered_seconds == 0


@virtual_time()
async def test_an_unanswered_ping_is_not_repeated_while_events_come() -> None:
    async with ManagerPeer(silent) as peer, client_of(peer) as client:
        for _ in range(20):
            peer.session.wire.write(event("Hangup"))
            await asyncio.sleep(5)
        assert client.up
        assert len(peer.session.named("Ping")) == 1
        assert client.oldest_unanswered_seconds > 90


@virtual_time()
async def test_outstanding_actions_are_bounded_and_take_turns() -> None:
    held: list[AmiMessage] = []

    def answer(_: PeerSession, action: AmiMessage) -> None:
        held.append(action)

    async with ManagerPeer(answer) as peer, client_of(peer, limits=AmiLimits(outstanding_actions=2)) as client:
        tasks = [asyncio.create_task(client.action("Getvar", [("Variable", str(n))])) for n in range(6)]
        await settle()
        assert [action.get("Variable") for action in held] == ["0", "1"]
        tasks[2].cancel()
        tasks[0].cancel()
        await settle()
        assert [action.get("Variable") for action in held] == ["0", "1", "3"]
        for action in held:
            peer.session.wire.write(success(action, ("Value", action.get("Variable"))))
        await settle()
        assert [action.get("Variable") for action in held] == ["0", "1", "3", "4", "5"]
        for action in held[3:]:
            peer.session.wire.write(success(action, ("Value", action.get("Variable"))))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [one.get("Value") for one in results if isinstance(one, AmiMessage)] == ["1", "3", "4", "5"]
        assert client.outstanding == 0


@virtual_time()
async def test_waiting_for_ones_turn_ends_in_time_and_nothing_was_sent() -> None:
    async with ManagerPeer(silent) as peer, client_of(peer, limits=AmiLimits(outstanding_actions=1)) as client:
        first = asyncio.create_task(client.action("Getvar", timeout_seconds=8))
        await settle()
        raised = await error_of(client.action("Originate", ORIGINATE, timeout_seconds=3))
        assert isinstance(raised, SwitchUnreachable)
        assert "not sent" in str(raised)
        assert type(await error_of(first)) is SwitchError
        assert peer.session.named("Originate") == []


@virtual_time()
async def test_what_a_peer_that_stops_reading_did_not_get_is_never_called_unsure() -> None:
    async with ManagerPeer(silent, receive_bytes=4096) as peer:
        limits = AmiLimits(outstanding_actions=10_000, dead_seconds=100)
        async with client_of(peer, limits=limits) as client:
            peer.session.wire.pause_reading()
            padding = [("Variable", f"A={'x' * 1000}")] * 8
            ids = [f"attempt-{number}" for number in range(2000)]
            tasks = [asyncio.create_task(client.action("Originate", padding, action_id=one)) for one in ids]
            raised = dict(zip(ids, await asyncio.gather(*map(error_of, tasks)), strict=True))
            written = {one for one in ids if isinstance(raised[one], OriginateUnsure)}
            unsent = {one for one in ids if isinstance(raised[one], SwitchUnreachable)}
            assert written | unsent == set(ids)
            assert written
            assert unsent
            peer.session.wire.resume_reading()
            await asyncio.sleep(1)
            assert {action.action_id for action in peer.session.named("Originate")} == written
            assert client.up


@virtual_time()
async def test_an_action_lost_before_its_bytes_left_was_certainly_not_written() -> None:
    async with ManagerPeer(silent) as peer, client_of(peer) as client:
        lost = asyncio.create_task(client.action("Originate", ORIGINATE))
        await asyncio.sleep(0)  # it has begun; what it writes leaves at the end of the loop's turn
        assert client.outstanding == 1
        client.close()
        assert isinstance(await error_of(lost), SwitchUnreachable)
        await settle()
        assert peer.session.named("Originate") == []


@virtual_time()
async def test_a_slot_that_comes_as_its_waiter_is_cancelled_goes_to_the_next() -> None:
    held: list[AmiMessage] = []
    limits = AmiLimits(outstanding_actions=1)
    async with ManagerPeer(lambda _, action: held.append(action)) as peer, client_of(peer, limits=limits) as client:
        first, second, third = (asyncio.create_task(client.action("Getvar")) for _ in range(3))
        await settle()
        first.cancel()
        await asyncio.sleep(0)  # its slot is handed to the second, which has not run yet
        second.cancel()
        await settle()
        assert (first.cancelled(), second.cancelled(), len(held)) == (True, True, 2)
        peer.session.wire.write(success(held[1]))
        assert (await third).response == "Success"
        assert client.outstanding == 0


@virtual_time()
async def test_a_handler_that_raises_ends_the_session_and_hears_no_more() -> None:
    heard: list[str] = []

    def stumble(message: AmiMessage) -> None:
        heard.append(message.event)
        if message.event == "Bad":
            raise ValueError("a mistake")

    async with ManagerPeer(silent) as peer, AmiClient(peer.login, on_event=stumble) as client:
        peer.session.wire.write(event("Good") + event("Bad") + event("After"))
        assert "mistake of our own" in str(await client.lost())
        await settle()
    assert heard == ["Good", "Bad"]


@virtual_time()
async def test_closing_frees_who_waits_and_events_of_the_same_read_are_dropped() -> None:
    events: list[AmiMessage] = []
    async with ManagerPeer(silent) as peer:
        async with client_of(peer, events) as client:
            pending = asyncio.create_task(client.action("Getvar"))
            await settle()
        assert isinstance(await error_of(pending), SwitchUnreachable)
        assert isinstance(await error_of(client.action("Ping")), SwitchUnreachable)
        await settle()
        assert peer.sessions_ended == 1


@virtual_time()
async def test_an_action_before_the_session_is_begun_is_unreachable() -> None:
    client = AmiClient(AmiLogin("127.0.0.1", 1, "a", "b"), on_event=print)
    assert isinstance(await error_of(client.action("Originate", ORIGINATE)), SwitchUnreachable)
    assert not client.up


@virtual_time()
async def test_a_connection_cancelled_in_the_middle_leaves_nothing_behind() -> None:
    async with ManagerPeer(banner=b"") as peer:
        task = asyncio.create_task(client_of(peer).__aenter__())
        await peer.arrived.wait()
        await settle()
        task.cancel()
        await asyncio.wait([task])
        await settle()
        assert task.cancelled()
        assert peer.sessions_ended == 1


def test_the_banner_of_the_tests_is_the_recorded_one() -> None:
    from tests.support.captures import read_capture

    assert read_capture("busy")[0].data.encode() == BANNER
