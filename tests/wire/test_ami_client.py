"""The AMI client against a scripted manager on TCP, in virtual time: responses, refusals, lists, and queued actions."""

from __future__ import annotations

import asyncio
import random
import socket

import pytest

from dialer.domain.enums import CampaignKind
from dialer.domain.errors import (
    LoginRefused,
    OriginateRefused,
    OriginateUnsure,
    PermissionMissing,
    ProtocolError,
    SwitchError,
    SwitchUnreachable,
    UnsafeValue,
)
from dialer.domain.model import AttemptId
from dialer.domain.parties import Place, PlaceKind, make_supervision_party_id
from dialer.domain.switch import OriginateRequest, PartyRequest
from dialer.switch.asterisk.adapter import AsteriskSwitch
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.ami_session import AmiLimits, AmiLogin
from tests.support.ami_peer import (
    BANNER,
    ORIGINATE,
    ManagerPeer,
    PeerSession,
    catch_error,
    error,
    event,
    item,
    leave_unanswered,
    loop_time,
    make_client,
    settle,
    success,
)
from tests.support.virtual import virtual_time


@virtual_time()
async def test_ami_client_logs_in_sends_actions_and_receives_events_in_order() -> None:
    def answer_action(_: PeerSession, action: AmiMessage) -> bytes:
        return event("One") + success(action, ("Ping", "Pong")) + event("Two") + event("Three")

    events: list[AmiMessage] = []
    async with ManagerPeer(answer_action) as peer, make_client(peer, events) as client:
        response = await client.send_action("Ping")
        assert response.get("Ping") == "Pong"
        assert client.manager_banner == "Asterisk Call Manager/11.0.0"
        assert client.is_session_up
        assert len(client._session._pending) == 0
        assert peer.session.actions[0].list_fields()[2:] == [
            ("Username", "dialler"),
            ("Secret", "s3cret"),
            ("Events", "on"),
        ]
    assert [message.event_name for message in events] == ["One", "Two", "Three"]
    assert not client.is_session_up


@virtual_time()
async def test_only_requested_ami_events_reach_the_event_handler() -> None:
    def answer_action(_: PeerSession, action: AmiMessage) -> bytes:
        return event("VarSet") + event("Hangup") + success(action)

    events: list[AmiMessage] = []
    async with ManagerPeer(answer_action) as peer, make_client(peer, events, wanted_events={"Hangup"}) as client:
        await client.send_action("Ping")
    assert [message.event_name for message in events] == ["Hangup"]


@virtual_time()
async def test_ami_stream_received_byte_by_byte_decodes_to_the_same_events() -> None:
    def answer_action(session: PeerSession, action: AmiMessage) -> None:
        data = event("Hangup", ("Cause", "16")) + success(action, ("Ping", "Pong"))
        for byte in data:
            session.wire.write(bytes([byte]))

    events: list[AmiMessage] = []
    async with ManagerPeer(answer_action) as peer, make_client(peer, events) as client:
        assert (await client.send_action("Ping")).get("Ping") == "Pong"
    assert [message.get("Cause") for message in events] == ["16"]


@virtual_time()
async def test_error_about_a_refused_ami_login_names_the_user_but_not_the_secret() -> None:
    async with ManagerPeer(lambda _, action: error(action, "Authentication failed"), accepts_login=False) as peer:
        raised = await catch_error(make_client(peer).__aenter__())
        assert isinstance(raised, LoginRefused)
        assert "dialler" in str(raised)
        assert "ami.secret" in str(raised)
        assert "s3cret" not in str(raised) + repr(peer.login)


@virtual_time()
async def test_error_about_a_refused_ami_connection_names_address_and_settings() -> None:
    async with ManagerPeer() as peer:
        login = peer.login
        peer.stop_listening()
        await settle()
        raised = await catch_error(AmiClient(login, on_event=print).__aenter__())
    assert isinstance(raised, SwitchUnreachable)
    assert f"127.0.0.1:{login.port}" in str(raised)
    assert "`ami.host`" in str(raised)


async def test_unknown_host_name_is_not_taken_for_an_asterisk_that_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail_to_find_host(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", fail_to_find_host)
    login = AmiLogin("asterisk.invalid", 5038, "dialler", "s3cret")
    raised = await catch_error(AmiClient(login, on_event=print).__aenter__())
    assert type(raised) is SwitchUnreachable
    assert "asterisk.invalid:5038" in str(raised)


@virtual_time()
async def test_silent_ami_peer_is_disconnected_at_the_time_limit() -> None:
    async with ManagerPeer(banner=b"") as peer:
        begun = loop_time()
        raised = await catch_error(make_client(peer).__aenter__())
        assert isinstance(raised, SwitchUnreachable)
        assert loop_time() - begun == pytest.approx(5)
        await settle()
        assert peer.sessions_ended == 1


@virtual_time()
async def test_ami_client_raises_a_protocol_error_for_a_peer_that_does_not_speak_ami() -> None:
    async with ManagerPeer(banner=b"SSH-2.0-OpenSSH_9.7\r\n") as peer:
        assert isinstance(await catch_error(make_client(peer).__aenter__()), ProtocolError)


@virtual_time()
async def test_connection_lost_during_ami_login_raises_switch_unreachable() -> None:
    async with ManagerPeer(lambda session, _: session.wire.close(), accepts_login=False) as peer:
        assert isinstance(await catch_error(make_client(peer).__aenter__()), SwitchUnreachable)


@virtual_time()
async def test_ami_responses_in_any_order_reach_the_action_that_they_answer() -> None:
    waiting: list[AmiMessage] = []

    def answer_action(session: PeerSession, action: AmiMessage) -> None:
        waiting.append(action)
        if len(waiting) == 500:
            random.Random(7).shuffle(waiting)
            for one in waiting:
                session.wire.write(success(one, ("Value", one.get("Variable"))))

    async with ManagerPeer(answer_action) as peer, make_client(peer) as client:
        asked = [str(number) for number in range(500)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(client.send_action("Getvar", [("Variable", name)])) for name in asked]
        assert [task.result().get("Value") for task in tasks] == asked
        assert len({action.action_id for action in waiting}) == 500


@virtual_time()
async def test_repeated_unexpected_and_anonymous_ami_responses_are_ignored() -> None:
    def answer_action(_: PeerSession, action: AmiMessage) -> bytes:
        stray = (
            b"Response: Success\r\nActionID: of-another-life\r\n\r\nResponse: Error\r\nMessage: Missing action\r\n\r\n"
        )
        return stray + success(action, ("Value", "1")) + success(action, ("Value", "2")) + error(action, "no") + stray

    async with ManagerPeer(answer_action) as peer, make_client(peer) as client:
        for _ in range(3):
            assert (await client.send_action("Getvar")).get("Value") == "1"


@virtual_time()
async def test_ami_action_id_that_is_still_pending_is_not_sent_again() -> None:
    async with ManagerPeer(leave_unanswered) as peer, make_client(peer) as client:
        first = asyncio.create_task(client.send_action("Originate", ORIGINATE, action_id="attempt-1"))
        await settle()
        raised = await catch_error(client.send_action("Originate", ORIGINATE, action_id="attempt-1"))
        assert type(raised) is SwitchError
        await settle()
        assert len(peer.session.named("Originate")) == 1
        client.close()
        assert isinstance(await catch_error(first), OriginateUnsure)


@virtual_time()
async def test_two_ami_sessions_never_share_an_action_id() -> None:
    async with ManagerPeer() as peer:
        for _ in range(2):
            async with make_client(peer) as client:
                await client.send_action("Ping")
        ids = [action.action_id for session in peer.sessions for action in session.actions]
        assert len(ids) == len(set(ids)) == 4


@pytest.mark.parametrize(
    ("name", "text", "kind", "told"),
    [
        ("Originate", "Extension does not exist.", OriginateRefused, "Extension does not exist."),
        ("Originate", "Permission denied", PermissionMissing, "dialler has no permission for Originate"),
        ("Getvar", "Permission denied", PermissionMissing, "dialler has no permission for Getvar"),
        ("Hangup", "No such channel", SwitchError, "refused Hangup: No such channel"),
    ],
)
def test_each_kind_of_refused_ami_action_raises_a_specific_error(
    name: str, text: str, kind: type[SwitchError], told: str
) -> None:
    @virtual_time()
    async def run() -> None:
        async with ManagerPeer(lambda _, action: error(action, text)) as peer, make_client(peer) as client:
            raised = await catch_error(client.send_action(name))
            assert type(raised) is kind
            assert told in str(raised)
            assert client.is_session_up

    run()


@virtual_time()
async def test_failed_asterisk_console_command_is_reported_with_its_output() -> None:
    def answer_action(_: PeerSession, action: AmiMessage) -> bytes:
        return error(action, "Command output follows").replace(b"\r\n\r\n", b"\r\nOutput: No such command\r\n\r\n")

    async with ManagerPeer(answer_action) as peer, make_client(peer) as client:
        assert "No such command" in str(await catch_error(client.send_action("Command", [("Command", "x")])))


@virtual_time()
async def test_unsafe_value_in_an_ami_action_is_refused_before_anything_is_sent() -> None:
    async with ManagerPeer() as peer, make_client(peer) as client:
        assert isinstance(
            await catch_error(client.send_action("Hangup", [("Channel", "a\r\nAction: Logoff")])), UnsafeValue
        )
        await client.send_action("Ping")
        assert [action.action_name for action in peer.session.actions] == ["Login", "Ping"]
        assert len(client._session._pending) == 0


@virtual_time()
async def test_items_of_an_ami_list_are_separated_from_other_events() -> None:
    asked: list[AmiMessage] = []

    def answer_action(session: PeerSession, action: AmiMessage) -> None:
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
    async with ManagerPeer(answer_action) as peer, make_client(peer, events, wanted_events={"Hangup"}) as client:
        async with asyncio.TaskGroup() as group:
            rooms = group.create_task(client.send_list_action("ConfbridgeListRooms"))
            channels = group.create_task(client.send_list_action("CoreShowChannels"))
        assert [one.get("Conference") for one in rooms.result()] == ["room-0", "room-1", "room-2"]
        assert [one.get("Uniqueid") for one in channels.result()] == ["channel-0", "channel-1", "channel-2"]
        await settle()
    assert [message.event_name for message in events] == ["Hangup"] * 4


@virtual_time()
async def test_ami_error_no_active_conferences_gives_an_empty_list() -> None:
    texts = iter(["No active conferences.", "Permission denied", "Nonsense"])
    async with ManagerPeer(lambda _, action: error(action, next(texts))) as peer, make_client(peer) as client:
        assert await client.send_list_action("ConfbridgeListRooms") == []
        assert isinstance(await catch_error(client.send_list_action("ConfbridgeListRooms")), PermissionMissing)
        assert "Nonsense" in str(await catch_error(client.send_list_action("ConfbridgeListRooms")))


@virtual_time()
async def test_endless_ami_event_list_is_refused_at_length_and_time_limits() -> None:
    def answer_action(_: PeerSession, action: AmiMessage) -> bytes:
        return success(action, ("EventList", "start")) + item(action, "Status") * (
            6 if action.action_name == "Status" else 2
        )

    async with ManagerPeer(answer_action) as peer, make_client(peer, limits=AmiLimits(list_items=5)) as client:
        assert "over 5 events" in str(await catch_error(client.send_list_action("Status")))
        begun = loop_time()
        assert "no response" in str(await catch_error(client.send_list_action("CoreShowChannels", timeout_seconds=3)))
        assert loop_time() - begun == pytest.approx(3)
        assert client.is_session_up


@virtual_time()
async def test_timeout_of_an_ami_action_does_not_fail_other_actions() -> None:
    held: list[AmiMessage] = []

    def answer_action(_: PeerSession, action: AmiMessage) -> bytes | None:
        if action.action_name == "Ping":
            return success(action)
        held.append(action)
        return None

    async with ManagerPeer(answer_action) as peer, make_client(peer) as client:
        begun = loop_time()
        assert isinstance(await catch_error(client.send_action("Originate", ORIGINATE)), OriginateUnsure)
        assert loop_time() - begun == pytest.approx(client.limits.reply_seconds)
        plain = await catch_error(client.send_action("Getvar", timeout_seconds=2))
        assert type(plain) is SwitchError
        assert loop_time() - begun == pytest.approx(client.limits.reply_seconds + 2)
        for action in held:
            peer.session.wire.write(success(action))  # too late: the action has failed already
        await settle()
        assert len(client._session._pending) == 0
        assert (await client.send_action("Ping")).response_status == "Success"


@virtual_time()
async def test_number_of_pending_ami_actions_is_limited_and_further_actions_wait() -> None:
    held: list[AmiMessage] = []

    def answer_action(_: PeerSession, action: AmiMessage) -> None:
        held.append(action)

    async with (
        ManagerPeer(answer_action) as peer,
        make_client(peer, limits=AmiLimits(outstanding_actions=2)) as client,
    ):
        tasks = [asyncio.create_task(client.send_action("Getvar", [("Variable", str(n))])) for n in range(6)]
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
        assert len(client._session._pending) == 0


@virtual_time()
async def test_queued_ami_action_times_out_without_being_sent() -> None:
    async with (
        ManagerPeer(leave_unanswered) as peer,
        make_client(peer, limits=AmiLimits(outstanding_actions=1)) as client,
    ):
        first = asyncio.create_task(client.send_action("Getvar", timeout_seconds=8))
        await settle()
        raised = await catch_error(client.send_action("Originate", ORIGINATE, timeout_seconds=3))
        assert isinstance(raised, SwitchUnreachable)
        assert "not sent" in str(raised)
        assert type(await catch_error(first)) is SwitchError
        assert peer.session.named("Originate") == []


@virtual_time()
async def test_ami_action_queued_behind_a_cancelled_action_is_sent_next() -> None:
    held: list[AmiMessage] = []
    limits = AmiLimits(outstanding_actions=1)
    async with (
        ManagerPeer(lambda _, action: held.append(action)) as peer,
        make_client(peer, limits=limits) as client,
    ):
        first, second, third = (asyncio.create_task(client.send_action("Getvar")) for _ in range(3))
        await settle()
        first.cancel()
        await asyncio.sleep(0)  # its slot is handed to the second, which has not run yet
        second.cancel()
        await settle()
        assert (first.cancelled(), second.cancelled(), len(held)) == (True, True, 2)
        peer.session.wire.write(success(held[1]))
        assert (await third).response_status == "Success"
        assert len(client._session._pending) == 0


def test_fake_ami_server_sends_the_same_banner_as_real_asterisk() -> None:
    from tests.support.captures import read_capture

    assert read_capture("busy")[0].data.encode() == BANNER


@pytest.mark.parametrize("text", ["Extension does not exist.", "Permission denied"])
def test_call_refused_by_asterisk_raises_a_refusal_and_is_not_tracked(text: str) -> None:
    attempt_id, party_id = AttemptId("3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c22"), make_supervision_party_id("0a1b2c3d4e5f")

    @virtual_time()
    async def run() -> None:
        async with ManagerPeer(lambda _, action: error(action, text)) as peer, make_client(peer) as client:
            switch = AsteriskSwitch()
            switch._client = client
            call = OriginateRequest(
                attempt_id, "+919810000001", "carrier", "+911140000001", CampaignKind.IVR, 30.0, 0.0
            )
            third = PartyRequest(party_id, "supervisor", None, None, 30.0, Place(PlaceKind.SEAT, "01"))
            assert isinstance(await catch_error(switch.originate_call(call)), OriginateRefused | PermissionMissing)
            assert isinstance(await catch_error(switch.call_third_party(third)), OriginateRefused | PermissionMissing)
            assert len(peer.session.named("Originate")) == 2
            assert not switch.tracker.calls.is_call_live(attempt_id)
            assert not switch.tracker.parties.is_third_party_live(party_id)

    run()
