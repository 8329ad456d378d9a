"""What the Asterisk adapter sends and reports while a session begins, lasts and is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from dialer.domain.dialler_name import DiallerName
from dialer.domain.enums import CampaignKind
from dialer.domain.errors import SwitchError, SwitchInUse, SwitchUnreachable, UnsafeValue
from dialer.domain.model import AttemptId
from dialer.domain.newest_call import RECORD_SECONDS, UNREADABLE, NewestCall
from dialer.domain.switch import OriginateRequest, PastCall
from dialer.domain.switch_events import (
    CallAnswered,
    CallConnected,
    CallEnded,
    CallRinging,
    SeatUp,
    SwitchDown,
    SwitchEvent,
    SwitchUp,
)
from dialer.switch.asterisk.adapter import GRACE_SECONDS, HANG_UP_AGAIN_SECONDS, LINK_SECONDS, AsteriskSwitch
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.comparison import ARRIVAL_SECONDS, COMPARE_AGAIN_SECONDS, COMPARE_SECONDS
from dialer.switch.asterisk.inbound import InboundChannel
from dialer.switch.asterisk.lease import LEASE_SECONDS, RENEW_SECONDS, SwitchLease
from tests.support.virtual import virtual_time

CALL, OTHER = (AttemptId(f"3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c2{digit}") for digit in "12")
INBOUND = "1795779056.17"  # a unique id as Asterisk chooses one
TRUNK_CHANNEL = "PJSIP/carrier-0000001a"
OURS = DiallerName("0123456789ab", 17, 1_795_779_056, "here")
STRANGER = DiallerName("ba9876543210", 18, 1_795_779_000, "there")
NO_CHANNEL = SwitchError("No such channel")


def make_message(kind: str, **fields: str) -> AmiMessage:
    return AmiMessage("\r\n".join([kind, *(f"{name}: {value}" for name, value in fields.items())]).encode())


def make_event(name: str, **fields: str) -> AmiMessage:
    return make_message(f"Event: {name}", **fields)


def list_channel(unique_id: str, context: str = "matdan-voter", state: str = "6", **fields: str) -> AmiMessage:
    return make_event("CoreShowChannel", Uniqueid=unique_id, Context=context, ChannelState=state, **fields)


class Session:
    """An AMI session with the answers of an Asterisk. It records the actions that it is sent."""

    def __init__(self, switch: AsteriskSwitch | None = None) -> None:
        self.switch = switch
        self.sent: list[str] = []
        self.channels: list[AmiMessage] = []
        self.status: list[AmiMessage] = []
        self.errors: dict[str, Exception] = {}
        self.recorded: str | None = None  # the newest call in Asterisk's database
        self.started = ("2026-11-03", "08:00:00")
        self.fingerprint = "f1"
        self.is_asterisk_stopping = False
        self.age_of_oldest_pending_action = 0.0
        self.closed = False
        self.lost: asyncio.Future[SwitchError] = asyncio.get_running_loop().create_future()

    async def wait_until_asterisk_booted(self) -> None:
        self._record("boot")

    async def wait_until_session_lost(self) -> SwitchError:
        return await asyncio.shield(self.lost)

    def close(self) -> None:
        self.closed = True

    async def send_action(self, name: str, fields: Sequence[tuple[str, str]] = (), action_id: str = "") -> AmiMessage:
        self._record(name, *(value for _, value in fields))
        if name == "Originate" and self.switch is not None:
            self.switch.on_ami_event(make_event("OriginateResponse", ActionID=action_id, Response="Success"))
        day, time = self.started
        return make_message("Response: Success", Value=self.fingerprint, CoreStartupDate=day, CoreStartupTime=time)

    async def send_list_action(self, name: str, fields: Sequence[tuple[str, str]] = ()) -> list[AmiMessage]:
        if name == "PJSIPShowRegistrationsOutbound":  # listed by a task, at any time
            return []
        self._record(name, *(f"{key}={value}" for key, value in fields))
        if name == "DBGet":
            if self.recorded is None:
                raise SwitchError("Database entry not found")
            return [make_event("DBGetResponse", Family="matdan", Key="newest-call", Val=self.recorded)]
        return self.channels if name == "CoreShowChannels" else self.status

    def _record(self, *words: str) -> None:
        self.sent.append(" ".join(words))
        if words[0] in self.errors:
            raise self.errors[words[0]]


def make_switch(**settings: Any) -> tuple[AsteriskSwitch, list[SwitchEvent]]:
    """Return a switch without a session, and the list of the events that it reports."""
    events: list[SwitchEvent] = []
    switch = AsteriskSwitch(**settings)
    switch.set_event_sink(events.append)
    return switch, events


async def connect(*channels: AmiMessage) -> tuple[AsteriskSwitch, list[SwitchEvent], Session]:
    """Return a switch with a session, the list of the events that it reports from now on, and the session."""
    switch, events = make_switch()
    session = Session()
    session.channels = list(channels)
    await bring_up(switch, session)
    events.clear()
    session.sent.clear()
    return switch, events, session


async def bring_up(switch: AsteriskSwitch, session: Session) -> None:
    await switch.on_ami_link_up(cast(Any, session))


def expect_call(switch: AsteriskSwitch, attempt_id: AttemptId = CALL) -> None:
    switch.tracker.calls.start_tracking_channel(attempt_id)


# The link comes up


async def test_ami_session_checks_boot_dialplan_and_exclusive_use_before_listing_channels() -> None:
    switch, events = make_switch(lease=SwitchLease(OURS), fingerprint="f1", server="second")
    session = Session(switch)
    await bring_up(switch, session)
    switch.close()
    assert [sent.split(" ")[0] for sent in session.sent] == [
        "boot",
        "Getvar",
        "CoreShowChannels",  # for the holder of the lease
        "Originate",
        "Getvar",  # whether the lease's channel can use the database
        "CoreStatus",
        "CoreShowChannels",
        "DBGet",
    ]
    assert events == [SwitchUp(frozenset(), frozenset(), (), restarted=False, server="second")]


async def test_ami_session_without_exclusive_use_of_asterisk_does_not_read_the_newest_call() -> None:
    switch, _ = make_switch()
    session = Session(switch)
    await bring_up(switch, session)
    switch.close()
    assert [sent.split(" ")[0] for sent in session.sent] == ["boot", "CoreStatus", "CoreShowChannels"]


@pytest.mark.parametrize(("event", "is_reported"), [("Registry", True), ("ContactStatus", False)])
async def test_trunk_registrations_are_listed_again_only_after_a_registry_event(event: str, is_reported: bool) -> None:
    switch, _ = make_switch()
    switch.on_ami_event(make_event(event, Status="Rejected"))
    assert switch._registrations_changed.is_set() is is_reported


async def test_dialplan_rendered_from_other_settings_ends_the_ami_session_at_once() -> None:
    switch, events = make_switch(lease=SwitchLease(OURS), fingerprint="f2")
    session = Session(switch)
    with pytest.raises(SwitchError, match="dialplan does not match these settings or this version"):
        await bring_up(switch, session)
    assert (len(session.sent), events) == (2, [])


async def test_asterisk_without_the_module_of_its_database_is_not_reported_as_connected() -> None:
    switch, events = make_switch(lease=SwitchLease(OURS))
    session = Session(switch)
    session.fingerprint = ""  # the value of every variable
    with pytest.raises(SwitchError, match="module load func_db"):
        await bring_up(switch, session)
    assert events == []


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [(None, None), (f"{CALL}-1795779056250", NewestCall(CALL, 1_795_779_056.25)), ("", UNREADABLE), ("x", UNREADABLE)],
)
async def test_ami_session_reports_the_record_of_the_newest_call_in_asterisks_database(
    recorded: str | None, expected: NewestCall | None
) -> None:
    switch, events = make_switch(lease=SwitchLease(OURS))
    session = Session(switch)
    session.recorded = recorded
    await bring_up(switch, session)
    switch.close()
    (up,) = events
    assert isinstance(up, SwitchUp)
    assert up.newest_call == expected


async def test_forbidden_read_of_asterisks_database_ends_the_ami_session() -> None:
    switch, events = make_switch(lease=SwitchLease(OURS))
    session = Session(switch)
    session.errors["DBGet"] = SwitchError("Permission denied")
    with pytest.raises(SwitchError, match="Permission denied"):
        await bring_up(switch, session)
    assert events == []


@virtual_time()
async def test_record_of_the_newest_call_is_resent_until_accepted_by_asterisk() -> None:
    switch, _ = make_switch(lease=SwitchLease(OURS))
    session = Session(switch)
    await bring_up(switch, session)
    session.sent.clear()
    session.errors["Redirect"] = SwitchError("Redirect failed, channel not up.")
    for attempt_id, at in ((CALL, 1.5), (OTHER, 2.5)):
        await switch.originate_call(
            OriginateRequest(attempt_id, "+919812345678", "carrier", "+911140000001", CampaignKind.IVR, 25.0, at)
        )
    await asyncio.sleep(RECORD_SECONDS / 2)
    del session.errors["Redirect"]
    await asyncio.sleep(3 * RECORD_SECONDS)
    switch.close()
    redirect = f"Redirect matdan-lease matdan-lease call-{OTHER}-2500 1"
    assert [sent for sent in session.sent if sent.startswith("Redirect")] == [redirect, redirect]


async def test_asterisk_in_use_by_another_dialler_is_not_reported_as_connected() -> None:
    switch, events = make_switch(lease=SwitchLease(OURS))
    session = Session(switch)
    session.channels = [list_channel(f"matdan-lease-{STRANGER.dialler_name_as_text}", "matdan-lease")]
    with pytest.raises(SwitchInUse, match="the dialler on there"):
        await bring_up(switch, session)
    assert events == []
    with pytest.raises(SwitchUnreachable):
        await switch.play_information_message(CALL)


@pytest.mark.parametrize(
    ("started", "restarted"),
    [
        (("2026-11-03", "08:00:00"), False),
        (("2026-11-04", "08:00:00"), True),
        (("2026-11-03", "08:00:01"), True),
    ],
)
async def test_restart_of_asterisk_is_recognised_by_its_start_time(started: tuple[str, str], restarted: bool) -> None:
    switch, events = make_switch()
    session = Session()
    await bring_up(switch, session)
    switch.on_ami_link_down(SwitchError("lost"))
    session.started = started
    await bring_up(switch, session)
    switch.close()
    assert [event.restarted for event in events if isinstance(event, SwitchUp)] == [False, restarted]


async def test_ami_session_that_cannot_list_channels_is_not_reported_as_connected() -> None:
    switch, events = make_switch()
    session = Session()
    session.errors = {"CoreShowChannels": SwitchError("denied")}
    with pytest.raises(SwitchError, match="denied"):
        await bring_up(switch, session)
    assert events == []
    session.errors.clear()
    await bring_up(switch, session)
    switch.close()
    assert [type(event) for event in events] == [SwitchUp]


async def test_call_that_asterisk_lists_is_live_despite_an_earlier_hangup() -> None:
    switch, events, session = await connect()
    switch.on_ami_event(make_event("Hangup", Uniqueid=CALL))
    session.channels = [list_channel(CALL)]
    await bring_up(switch, session)
    switch.close()
    [up] = [event for event in events if isinstance(event, SwitchUp)]
    assert up.live_attempts == {CALL}


async def test_inbound_call_is_found_by_its_channel_variable_in_a_new_ami_session() -> None:
    switch, events = make_switch()
    session = Session()
    session.channels = [list_channel(INBOUND)]
    session.status = [make_event("Status", Uniqueid=INBOUND, Variable=f"MATDAN_ATTEMPT={CALL}")]
    await bring_up(switch, session)
    switch.close()
    [up] = [event for event in events if isinstance(event, SwitchUp)]
    assert up.live_attempts == {CALL}
    assert switch.find_attempt_on_channel(INBOUND) == CALL


async def test_live_calls_are_reported_after_the_ami_connection() -> None:
    switch, events = make_switch()
    session = Session()
    session.channels = [list_channel(CALL, "from-carrier", "5")]
    await bring_up(switch, session)
    switch.close()
    assert [type(event) for event in events] == [SwitchUp, CallRinging]


# Lost events, and the end of a session


@virtual_time()
async def test_call_whose_hangup_event_was_lost_is_reported_as_ended() -> None:
    switch, events, session = await connect(list_channel(CALL))
    session.channels = []
    await asyncio.sleep(COMPARE_SECONDS + COMPARE_AGAIN_SECONDS + ARRIVAL_SECONDS + 0.1)
    switch.close()
    assert [(type(event), event.attempt_id) for event in events if isinstance(event, CallEnded)] == [(CallEnded, CALL)]


@pytest.mark.parametrize("end", ["link down", "close"])
@virtual_time()
async def test_ended_ami_session_does_not_list_the_channels_of_asterisk(end: str) -> None:
    switch, _events, session = await connect(list_channel(CALL))
    if end == "close":
        switch.close()
    else:
        switch.on_ami_link_down(SwitchError("lost"))
    await asyncio.sleep(5 * COMPARE_SECONDS)
    assert session.sent == []
    assert not session.closed


@virtual_time()
async def test_failed_channel_comparison_is_logged_and_closes_the_ami_session() -> None:
    _switch, _events, session = await connect()
    session.errors = {"CoreShowChannels": ValueError("a bug")}
    with capture_logs() as logs:
        await asyncio.sleep(COMPARE_SECONDS + 0.1)
    assert session.closed
    assert [(log["event"], str(log["exc_info"])) for log in logs] == [("asterisk.watch_crashed", "a bug")]


@virtual_time()
async def test_channel_comparison_cut_by_a_lost_connection_is_not_an_error() -> None:
    switch, _events, session = await connect()
    session.errors = {"CoreShowChannels": SwitchUnreachable("lost")}
    with capture_logs() as logs:
        await asyncio.sleep(COMPARE_SECONDS + 0.1)
    assert (session.closed, logs) == (False, [])
    switch.close()


async def test_lost_ami_session_is_reported_and_refuses_further_commands() -> None:
    switch, events, session = await connect()
    session.age_of_oldest_pending_action = 3.0
    switch.on_ami_link_down(SwitchError("the server closed the connection"))
    assert events == [SwitchDown("the server closed the connection")]
    with pytest.raises(SwitchUnreachable) as refused:
        await switch.play_information_message(CALL)
    assert str(refused.value) == (
        "Asterisk is not connected, so no command was sent to it: check that it runs, and `ami.host` and `ami.port`"
    )
    assert session.sent == []
    assert switch.get_age_of_oldest_pending_action() == 0.0


async def test_failed_first_ami_connection_is_reported_as_down() -> None:
    switch, events = make_switch()
    switch.on_ami_link_down(SwitchError("refused"))
    switch.close()
    assert events == [SwitchDown("refused")]


@pytest.mark.parametrize("stopping", [True, False])
async def test_waiting_time_for_asterisk_is_the_age_of_the_oldest_unanswered_action(stopping: bool) -> None:
    switch, _events, session = await connect()
    session.age_of_oldest_pending_action, session.is_asterisk_stopping = 3.0, stopping
    switch.close()
    assert switch.get_age_of_oldest_pending_action() == (float("inf") if stopping else 3.0)


# The lease


@virtual_time()
async def test_asterisk_counts_as_silent_once_its_exclusive_use_may_have_expired() -> None:
    switch, _events = make_switch(lease=SwitchLease(OURS))
    session = Session(switch)
    await bring_up(switch, session)
    session.age_of_oldest_pending_action = 3.0
    await asyncio.sleep(LEASE_SECONDS - 0.1)
    assert switch.get_age_of_oldest_pending_action() == 3.0
    await asyncio.sleep(0.2)
    assert switch.get_age_of_oldest_pending_action() == float("inf")
    switch.close()


@virtual_time()
async def test_exclusive_use_of_asterisk_is_renewed_until_the_ami_session_is_lost() -> None:
    switch, _events = make_switch(lease=SwitchLease(OURS))
    session = Session(switch)
    await bring_up(switch, session)
    session.sent.clear()
    running = asyncio.create_task(switch.run_ami_session(cast(Any, session)))
    await asyncio.sleep(2 * RENEW_SECONDS + 0.1)
    renewals = [sent for sent in session.sent if sent.startswith("Redirect")]
    assert renewals == [f"Redirect matdan-lease-{OURS.dialler_name_as_text} matdan-lease s 1"] * 2
    session.lost.set_result(SwitchError("lost"))
    assert str(await running) == "lost"
    switch.close()


async def test_ami_session_without_exclusive_use_of_asterisk_stays_connected() -> None:
    switch, _events, session = await connect()
    session.lost.set_result(SwitchError("lost"))
    assert str(await switch.run_ami_session(cast(Any, session))) == "lost"
    switch.close()


# Events


@pytest.mark.parametrize(
    "first",
    [
        make_event("Hangup", Uniqueid=CALL, Cause="16"),
        make_event("OriginateResponse", ActionID=CALL, Response="Failure", Reason="0"),
    ],
    ids=["hangup", "originate response"],
)
@virtual_time()
async def test_call_ends_shortly_after_only_one_of_two_hangup_events(first: AmiMessage) -> None:
    switch, events = make_switch()
    expect_call(switch)
    switch.on_ami_event(first)
    await asyncio.sleep(GRACE_SECONDS - 0.1)
    assert events == []
    await asyncio.sleep(0.2)
    assert [type(event) for event in events] == [CallEnded]
    await asyncio.sleep(9 * GRACE_SECONDS)
    assert len(events) == 1
    assert not switch._timers  # the timers of a day's calls do not pile up


@virtual_time()
async def test_call_with_both_hangup_events_ends_once_and_without_delay() -> None:
    switch, events = make_switch()
    expect_call(switch)
    switch.on_ami_event(make_event("Hangup", Uniqueid=CALL, Cause="17"))
    switch.on_ami_event(make_event("OriginateResponse", ActionID=CALL, Response="Failure", Reason="0"))
    assert [type(event) for event in events] == [CallEnded]
    await asyncio.sleep(2 * GRACE_SECONDS)
    assert len(events) == 1


@virtual_time()
async def test_closed_asterisk_connection_reports_no_delayed_call_end() -> None:
    switch, events = make_switch()
    expect_call(switch)
    switch.on_ami_event(make_event("Hangup", Uniqueid=CALL, Cause="16"))
    switch.close()
    await asyncio.sleep(2 * GRACE_SECONDS)
    assert events == []


def join_seat(unique_id: str) -> AmiMessage:
    return make_event("ConfbridgeJoin", Uniqueid=unique_id, Conference="seat-04", Context="matdan-agent")


@pytest.mark.parametrize("error", [None, NO_CHANNEL, SwitchUnreachable("lost")])
async def test_phone_replaced_by_a_second_phone_of_its_seat_is_hung_up(error: SwitchError | None) -> None:
    switch, events, session = await connect()
    session.errors = {} if error is None else {"Hangup": error}
    switch.on_ami_event(join_seat("seat-04-old"))
    assert session.sent == []
    switch.on_ami_event(join_seat("seat-04-new"))
    tasks = list(switch._tasks)
    with capture_logs() as logs:
        await asyncio.gather(*tasks)
    assert session.sent == ["Hangup seat-04-old"]
    assert not switch._tasks  # the tasks of a day's log-ins do not pile up
    assert events == [SeatUp("04")] * 2
    assert [log["event"] for log in logs if log["log_level"] == "info"] == (
        ["seat.replaced_phone_not_hung_up"] if isinstance(error, SwitchUnreachable) else []
    )
    switch.close()


async def test_closing_the_asterisk_connection_cancels_the_hang_up_of_a_replaced_phone() -> None:
    switch, _events, session = await connect()
    switch.on_ami_event(join_seat("seat-04-old"))
    switch.on_ami_event(join_seat("seat-04-new"))
    switch.close()
    await asyncio.sleep(0.01)
    assert session.sent == []


async def test_calls_that_asterisk_placed_to_follow_a_redirection_are_hung_up() -> None:
    switch, events, session = await connect()
    expect_call(switch)
    session.channels = [
        list_channel(CALL, "from-carrier", "5", Channel="PJSIP/carrier-1", Application="AppDial2"),
        list_channel("17.1", "from-carrier", "5", Channel="PJSIP/carrier-2", Application="AppDial2"),
        list_channel("17.2", "from-carrier", "5", Channel="Local/x@matdan-inbound-1;1"),
        list_channel("17.3", "from-carrier", "6", Channel="PJSIP/carrier-3"),
    ]
    switch.on_ami_event(make_event("DialEnd", DestUniqueid=CALL, DialStatus="BUSY"))
    assert not switch._tasks
    switch.on_ami_event(make_event("DialEnd", DestUniqueid=CALL, DialStatus="CANCEL"))
    with capture_logs() as logs:
        await asyncio.gather(*switch._tasks)
    assert session.sent == ["CoreShowChannels", "Hangup 17.1", "Hangup 17.2"]
    assert [(log["event"], log["channel"]) for log in logs] == [
        ("redirect.hung_up", "17.1"),
        ("redirect.hung_up", "17.2"),
    ]
    assert events == []
    switch.close()


async def test_failure_to_list_redirected_calls_is_logged() -> None:
    switch, _events, session = await connect()
    session.errors = {"CoreShowChannels": SwitchError("denied")}
    switch.on_ami_event(make_event("DialEnd", DestUniqueid=CALL, DialStatus="CANCEL"))
    with capture_logs() as logs:
        await asyncio.gather(*switch._tasks)
    assert [(log["event"], log["problem"]) for log in logs] == [("redirect.not_hung_up", "denied")]
    switch.close()


# Inbound channels


def list_status(unique_id: str = INBOUND, name: str = TRUNK_CHANNEL, context: str = "matdan-inbound") -> AmiMessage:
    return make_event(
        "Status",
        Uniqueid=unique_id,
        Channel=name,
        Context=context,
        Exten="1950",
        CallerIDNum="+919812345678",
        Variable="MATDAN_ATTESTATION=success B",
    )


async def test_events_of_an_inbound_channel_are_reported_for_its_call_attempt() -> None:
    switch, events, session = await connect()
    session.status = [list_status()]
    assert await switch.assign_channel_to_attempt(INBOUND, TRUNK_CHANNEL, CALL) == InboundChannel(
        "1950", "+919812345678", "carrier", "B"
    )
    assert session.sent == [f"Status Channel={INBOUND} Variables=MATDAN_ATTESTATION"]
    assert switch.find_attempt_on_channel(INBOUND) == CALL
    assert (
        await switch.assign_channel_to_attempt(INBOUND, TRUNK_CHANNEL, OTHER) is None
    )  # a channel has one attempt only
    assert switch.find_attempt_on_channel(INBOUND) == CALL
    switch.on_ami_event(make_event("ConfbridgeJoin", Uniqueid=INBOUND, Conference="seat-04", Context="matdan-seat"))
    assert events == [CallConnected(CALL, "04")]
    session.sent.clear()
    await switch.hang_up_call(CALL)
    assert session.sent == [f"Hangup {INBOUND}"]
    switch.unassign_channel_of_attempt(CALL)
    assert switch.find_attempt_on_channel(INBOUND) == INBOUND
    switch.close()


@pytest.mark.parametrize("unique_id", ["", "17.1\r\nAction: Logoff", "17,1", "1" * 151])
async def test_asterisk_is_not_asked_about_a_channel_with_an_invalid_id(unique_id: str) -> None:
    switch, _events, session = await connect()
    session.status = [list_status(unique_id)]
    assert await switch.assign_channel_to_attempt(unique_id, TRUNK_CHANNEL, CALL) is None
    assert not await switch.is_channel_answered(unique_id, TRUNK_CHANNEL, "matdan-inbound")
    assert session.sent == []
    assert not switch.tracker.calls.is_call_still_tracked(CALL)
    switch.close()


async def test_channel_that_is_no_inbound_call_is_not_assigned_to_an_attempt() -> None:
    switch, _events, session = await connect()
    for status, error in (
        ([list_status(context="matdan-voter")], None),
        ([list_status(name="PJSIP/carrier-0000001b")], None),
        ([], NO_CHANNEL),
    ):
        session.status, session.errors = status, {} if error is None else {"Status": error}
        assert await switch.assign_channel_to_attempt(INBOUND, TRUNK_CHANNEL, CALL) is None
        assert switch.find_attempt_on_channel(INBOUND) == INBOUND
        assert not switch.tracker.calls.is_call_still_tracked(CALL)
    switch.close()


async def test_inbound_channel_is_not_assigned_to_an_attempt_without_a_connection_to_asterisk() -> None:
    switch, _events, session = await connect()
    session.errors = {"Status": SwitchUnreachable("lost")}
    with pytest.raises(SwitchUnreachable, match="lost"):
        await switch.assign_channel_to_attempt(INBOUND, TRUNK_CHANNEL, CALL)
    assert switch.find_attempt_on_channel(INBOUND) == INBOUND
    assert not switch.tracker.calls.is_call_still_tracked(CALL)
    switch.close()


async def is_answered(switch: AsteriskSwitch) -> bool:
    return await switch.is_channel_answered(CALL, TRUNK_CHANNEL, "matdan-voter")


def list_call(state: str = "6", **changed: str) -> AmiMessage:
    fields = {"Uniqueid": CALL, "Channel": TRUNK_CHANNEL, "Context": "matdan-voter", **changed}
    return make_event("Status", **fields, ChannelState=state)


async def test_asterisk_is_not_asked_about_a_call_whose_answer_event_has_arrived() -> None:
    switch, _events, session = await connect()
    expect_call(switch)
    switch.on_ami_event(make_event("DialEnd", DestUniqueid=CALL, DestChannel=TRUNK_CHANNEL, DialStatus="ANSWER"))
    assert await is_answered(switch)
    assert session.sent == []
    assert not await switch.is_channel_answered(CALL, "PJSIP/carrier-0000001b", "matdan-voter")
    assert session.sent == [f"Status Channel={CALL}"]
    switch.close()


async def test_answer_whose_event_was_lost_is_read_from_asterisk_and_reported_once() -> None:
    switch, events, session = await connect()
    expect_call(switch)
    session.status = [list_call()]
    assert await is_answered(switch)
    assert session.sent == [f"Status Channel={CALL}"]
    assert await is_answered(switch)
    assert (len(session.sent), events) == (1, [CallAnswered(CALL)])
    switch.close()


@pytest.mark.parametrize(
    "found",
    [
        [],
        [list_call("5")],
        [list_call(Uniqueid=OTHER)],
        [list_call(Channel="PJSIP/carrier-0000001b")],
        [list_call(Context="matdan-seat")],
        [list_call(), list_call()],
    ],
    ids=["none", "ringing", "other id", "other name", "other context", "two"],
)
async def test_channel_that_asterisk_lists_as_not_up_does_not_count_as_answered(found: list[AmiMessage]) -> None:
    switch, events, session = await connect()
    expect_call(switch)
    session.status = found
    assert not await is_answered(switch)
    assert events == []
    switch.close()


async def test_channel_unknown_to_asterisk_does_not_count_as_answered() -> None:
    switch, events, session = await connect()
    expect_call(switch)
    session.errors = {"Status": NO_CHANNEL}
    assert not await is_answered(switch)
    assert events == []
    switch.close()


@virtual_time()
async def test_query_for_an_answered_channel_waits_some_seconds_for_an_ami_session() -> None:
    switch, _events = make_switch()
    expect_call(switch)
    began_at = asyncio.get_running_loop().time()
    assert not await is_answered(switch)
    assert asyncio.get_running_loop().time() - began_at == pytest.approx(LINK_SECONDS)
    asking = asyncio.create_task(is_answered(switch))
    await asyncio.sleep(LINK_SECONDS / 2)
    session = Session()
    session.channels, session.status = [list_channel(CALL, "from-carrier", "5")], [list_call()]
    await bring_up(switch, session)
    assert await asking
    switch.on_ami_link_down(SwitchError("lost"))
    began_at = asyncio.get_running_loop().time()
    assert not await switch.is_channel_answered(OTHER, TRUNK_CHANNEL, "matdan-voter")
    assert asyncio.get_running_loop().time() - began_at == pytest.approx(LINK_SECONDS)
    switch.close()


@pytest.mark.parametrize(("length", "asked"), [(150, True), (151, False)])
async def test_unique_id_of_a_channel_has_at_most_150_characters(length: int, asked: bool) -> None:
    switch, _events, session = await connect()
    await switch.assign_channel_to_attempt("1" * length, TRUNK_CHANNEL, CALL)
    assert len(session.sent) == asked
    switch.close()


async def test_asterisk_commands_for_an_inbound_call_name_the_channel_of_the_call() -> None:
    switch, _events, session = await connect()
    session.status = [list_status()]
    await switch.assign_channel_to_attempt(INBOUND, TRUNK_CHANNEL, CALL)
    session.sent.clear()
    await switch.connect_call_to_seat(CALL, "04", server="second")
    await switch.set_call_recording_muted(CALL, muted=True)
    assert session.sent == [
        f"Setvar {INBOUND} MATDAN_SERVER second",
        f"Redirect {INBOUND} matdan-seat 04 1",
        f"MixMonitorMute {INBOUND} both 1",
    ]
    switch.close()


# Originating and hanging up


@pytest.mark.parametrize(("length", "placed"), [(40, True), (41, False)])
async def test_name_of_an_asterisk_endpoint_has_at_most_40_characters(length: int, placed: bool) -> None:
    switch, _events, session = await connect()
    request = OriginateRequest(CALL, "+919812345678", "e" * length, "+911140000001", CampaignKind.IVR, 25.0, 0.0)
    if placed:
        await switch.originate_call(request)
    else:
        with pytest.raises(UnsafeValue):
            await switch.originate_call(request)
    assert (len(session.sent), switch.tracker.calls.is_call_still_tracked(CALL)) == (placed, placed)
    switch.close()


async def test_call_with_an_unsafe_ami_value_is_refused_and_not_tracked() -> None:
    switch, _events, session = await connect()
    session.errors = {"Originate": UnsafeValue("a line break")}
    request = OriginateRequest(CALL, "+919812345678", "carrier", "+911140000001", CampaignKind.IVR, 25.0, 0.0)
    with pytest.raises(UnsafeValue, match="a line break"):
        await switch.originate_call(request)
    assert not switch.tracker.calls.is_call_still_tracked(CALL)
    switch.close()


@virtual_time()
async def test_hang_up_request_is_resent_until_the_channel_of_the_live_call_exists() -> None:
    switch, _events, session = await connect()
    expect_call(switch)
    session.errors = {"Hangup": NO_CHANNEL}
    began_at = asyncio.get_running_loop().time()
    await switch.hang_up_call(CALL)
    assert session.sent == [f"Hangup {CALL}"] * (len(HANG_UP_AGAIN_SECONDS) + 1)
    assert asyncio.get_running_loop().time() - began_at == pytest.approx(sum(HANG_UP_AGAIN_SECONDS))
    switch.close()


@virtual_time()
async def test_hang_up_request_is_not_resent_after_the_call_has_ended() -> None:
    switch, _events, session = await connect()
    expect_call(switch)
    await switch.hang_up_call(CALL)
    assert session.sent == [f"Hangup {CALL}"]
    session.errors = {"Hangup": NO_CHANNEL}
    await switch.hang_up_call(OTHER)
    assert session.sent == [f"Hangup {each}" for each in (CALL, OTHER)]
    switch.tracker.parties.start_tracking_channel(cast(Any, "transfer-1"))
    hanging_up = asyncio.create_task(switch.hang_up_third_party(cast(Any, "transfer-1")))
    await asyncio.sleep(HANG_UP_AGAIN_SECONDS[0] / 2)
    switch.tracker.parties.stop_tracking_channel(cast(Any, "transfer-1"))
    await hanging_up
    assert session.sent[2:] == ["Hangup transfer-1"] * 2
    switch.close()


@virtual_time()
async def test_hang_up_request_without_a_connection_to_asterisk_fails_and_is_not_resent() -> None:
    switch, _events, session = await connect()
    expect_call(switch)
    session.errors = {"Hangup": SwitchUnreachable("lost")}
    with pytest.raises(SwitchUnreachable, match="lost"):
        await switch.hang_up_call(CALL)
    assert session.sent == [f"Hangup {CALL}"]
    switch.close()


# Call records


async def test_call_records_cannot_be_read_without_a_call_record_file_in_the_settings() -> None:
    with pytest.raises(SwitchError) as refused:
        await AsteriskSwitch().read_call_records([CALL])
    assert str(refused.value) == (
        "ended calls cannot be looked up: set `asterisk.history` to the file of Asterisk's call records"
    )


async def test_call_records_cannot_be_read_if_asterisk_has_no_folder_of_call_records(tmp_path: Path) -> None:
    """Otherwise the dialler would wait for records that never come."""
    switch, _events = make_switch(history=tmp_path / "cdr-custom" / "matdan.csv")
    with pytest.raises(SwitchError, match=r"Asterisk writes no call records to .*matdan.csv \(`asterisk.history`\)"):
        await switch.read_call_records([CALL])


@virtual_time()
async def test_call_records_are_returned_with_the_uptime_of_asterisk(tmp_path: Path) -> None:
    file = tmp_path / "matdan.csv"
    file.write_text(f"{CALL},4,1795779056.5,0.0,1795779057.0,AppDial2,(Outgoing Line)\n", encoding="utf-8")
    switch, _events = make_switch(history=file)
    assert (await switch.read_call_records([CALL])).up_seconds is None
    await asyncio.sleep(10.0)
    switch.on_ami_event(make_event("FullyBooted", Uptime="300"))
    await asyncio.sleep(7.0)
    for event in (make_event("FullyBooted", Uptime="soon"), make_event("Reload", Uptime="1")):
        switch.on_ami_event(event)  # these say nothing of the uptime
    history = await switch.read_call_records([CALL, OTHER])
    assert (history.ended, history.first_at) == ({CALL: PastCall(None, "BUSY")}, 1795779056.5)
    assert history.last_at == 1795779057.0
    assert history.up_seconds == pytest.approx(307.0)
