"""The AMI action that each order to the switch sends, field by field."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from dialer.domain.enums import CampaignKind
from dialer.domain.errors import OriginateUnsure, SwitchError, SwitchUnreachable, UnsafeValue
from dialer.domain.model import AttemptId
from dialer.domain.parties import PartyId, Place, PlaceKind
from dialer.domain.switch import OriginateRequest, PartyRequest, SeatSound
from dialer.domain.switch_events import SwitchDown, SwitchEvent
from dialer.settings.number_notation import get_number_formats_of_trunks
from dialer.settings.site import Settings
from dialer.switch.asterisk.adapter import AsteriskSwitch
from dialer.switch.asterisk.ami_codec import AmiMessage

CALL = AttemptId("3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c21")
PARTY = PartyId("party-1")
NUMBER = "+919812345678"
CALLER_ID = "+911140000001"
PHONE = "seat-04-0123456789ab"  # the channel of the phone of seat 04

Order = Callable[[AsteriskSwitch], Awaitable[object]]


class RecordingClient:
    """An AMI session that records the actions it is sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.error: SwitchError | None = None
        self.value = "17"

    async def send_action(self, name: str, fields: list[tuple[str, str]], action_id: str = "") -> AmiMessage:
        id_of_action = [f"ActionID: {action_id}"] if action_id else []
        self.sent.append("\n".join([f"Action: {name}", *id_of_action, *(f"{key}: {value}" for key, value in fields)]))
        if self.error is not None:
            raise self.error
        return AmiMessage(f"Response: Success\r\nValue: {self.value}".encode())


def connect() -> tuple[AsteriskSwitch, RecordingClient]:
    """Return a switch that is connected, with its session. The phone of seat 04 is connected."""
    switch, client = AsteriskSwitch(), RecordingClient()
    switch._client = cast(Any, client)
    switch.tracker.seats.find_phone_in_seat = lambda seat: PHONE if seat == "04" else None  # type: ignore[method-assign]
    return switch, client


def request_call(kind: CampaignKind = CampaignKind.AGENTS, **more: Any) -> OriginateRequest:
    return OriginateRequest(CALL, NUMBER, "carrier", CALLER_ID, kind, 25.5, 0.0, **more)


@pytest.mark.parametrize(
    ("settings", "number", "called", "shown"),
    [
        ({}, NUMBER, NUMBER, CALLER_ID),
        ({"number_format": "e164-without-plus"}, NUMBER, NUMBER[1:], CALLER_ID),
        ({"number_format": "national", "number_prefix": "0"}, NUMBER, f"0{NUMBER[3:]}", CALLER_ID),
        ({"number_format": "national", "number_prefix": "0"}, "+442079460000", "+442079460000", CALLER_ID),
        ({"number_prefix": "9*", "number_suffix": "7"}, NUMBER, f"9*{NUMBER}7", CALLER_ID),
        ({"caller_id_format": "e164-without-plus"}, NUMBER, NUMBER, CALLER_ID[1:]),
        ({"caller_id_format": "national"}, NUMBER, NUMBER, CALLER_ID[3:]),
    ],
)
async def test_called_number_and_caller_id_have_the_format_of_the_trunks_carrier(
    settings: dict[str, str], number: str, called: str, shown: str
) -> None:
    switch, client = connect()
    trunk = {"name": "carrier", "endpoint": "carrier", "caller_ids": [CALLER_ID], **settings}
    switch.set_number_notations(get_number_formats_of_trunks(Settings.model_validate({"trunks": [trunk]})))
    await switch.originate_call(dataclasses.replace(request_call(), number=number))
    assert f"Channel: PJSIP/{called}@carrier\n" in client.sent[0]
    assert f"CallerID: {shown}\n" in client.sent[0]
    party = PartyRequest(PARTY, "carrier", number, CALLER_ID, 20.0, Place(PlaceKind.SEAT, "04"))
    await switch.call_third_party(party)
    assert f"Channel: PJSIP/{called}@carrier\n" in client.sent[-1]
    assert f"CallerID: {shown}\n" in client.sent[-1]


def originate(channel: str, channel_id: str, context: str, extension: str, *more: str) -> str:
    return "\n".join(
        [
            "Action: Originate",
            f"ActionID: {channel_id}",
            f"Channel: {channel}",
            "Async: true",
            f"ChannelId: {channel_id}",
            f"Context: {context}",
            f"Exten: {extension}",
            "Priority: 1",
            *more,
        ]
    )


def redirect(channel: str, context: str, extension: str) -> str:
    return f"Action: Redirect\nChannel: {channel}\nContext: {context}\nExten: {extension}\nPriority: 1"


def set_server(server: str) -> str:
    return f"Action: Setvar\nChannel: {CALL}\nVariable: MATDAN_SERVER\nValue: {server}"


VOTER = (f"PJSIP/{NUMBER}@carrier", CALL)
VOTER_FIELDS = (f"CallerID: {CALLER_ID}", "Timeout: 25500")
SEAT = Place(PlaceKind.SEAT, "04")


def call_party(endpoint: str, number: str | None, caller_id: str | None, server: str | None) -> Order:
    return lambda switch: switch.call_third_party(PartyRequest(PARTY, endpoint, number, caller_id, 30, SEAT), server)


@pytest.mark.parametrize(
    ("order", "actions"),
    [
        (lambda switch: switch.originate_call(request_call()), [originate(*VOTER, "matdan-voter", "s", *VOTER_FIELDS)]),
        (
            lambda switch: switch.originate_call(request_call(CampaignKind.IVR)),
            [originate(*VOTER, "matdan-flow", "s", *VOTER_FIELDS)],
        ),
        (
            lambda switch: switch.originate_call(request_call(detect_machine=True)),
            [originate(*VOTER, "matdan-voter", "machine", *VOTER_FIELDS)],
        ),
        (
            lambda switch: switch.originate_call(request_call(detect_machine=True, message_to_machine=True)),
            [originate(*VOTER, "matdan-voter", "voicemail", *VOTER_FIELDS)],
        ),
        *(
            (
                lambda switch, message=message: switch.originate_call(
                    request_call(detect_machine=True, record_machine=True, message_to_machine=message)
                ),
                [originate(*VOTER, "matdan-voter", extension, *VOTER_FIELDS)],
            )
            for message, extension in ((False, "recorded_machine"), (True, "recorded_voicemail"))
        ),
        (lambda switch: switch.connect_call_to_seat(CALL, "04"), [redirect(CALL, "matdan-seat", "04")]),
        (
            lambda switch: switch.connect_call_to_seat(CALL, "04", record=True, server="second"),
            [set_server("second"), redirect(CALL, "matdan-recorded", "seat-04")],
        ),
        (
            lambda switch: switch.hand_over_call_to_third_party(CALL, "second"),
            [set_server("second"), redirect(CALL, "matdan-handed", f"aside-{CALL}")],
        ),
        (lambda switch: switch.hand_over_call_to_third_party(CALL), [redirect(CALL, "matdan-handed", f"aside-{CALL}")]),
        (lambda switch: switch.play_information_message(CALL), [redirect(CALL, "matdan-message", "s")]),
        (lambda switch: switch.put_call_on_hold(CALL, "04"), [redirect(CALL, "matdan-hold", "seat-04")]),
        (
            lambda switch: switch.move_third_party(PARTY, SEAT),
            [redirect(PARTY, "matdan-helper", "seat-04")],
        ),
        (lambda switch: switch.hang_up_call(CALL), [f"Action: Hangup\nChannel: {CALL}"]),
        (lambda switch: switch.hang_up_third_party(PARTY), [f"Action: Hangup\nChannel: {PARTY}"]),
        (lambda switch: switch.hang_up_seat_phone("04"), [f"Action: Hangup\nChannel: {PHONE}"]),
        (lambda switch: switch.hang_up_seat_phone("05"), []),
        (
            lambda switch: switch.set_call_recording_muted(CALL, muted=True),
            [f"Action: MixMonitorMute\nChannel: {CALL}\nDirection: both\nState: 1"],
        ),
        (
            lambda switch: switch.set_call_recording_muted(CALL, muted=False),
            [f"Action: MixMonitorMute\nChannel: {CALL}\nDirection: both\nState: 0"],
        ),
        (
            lambda switch: switch.play_key_feedback_tone("04", SeatSound.KEY),
            [f"Action: Setvar\nChannel: {PHONE}\nVariable: MATDAN_SAY\nValue: {SeatSound.KEY.value}"],
        ),
        (lambda switch: switch.play_key_feedback_tone("05", SeatSound.KEY), []),
        (
            lambda switch: switch.count_packets_from_seat_phone("04"),
            [f"Action: Getvar\nChannel: {PHONE}\nVariable: CHANNEL(rtcp,rxcount)"],
        ),
        (
            call_party("desk-1", None, None, None),
            [originate("PJSIP/desk-1", PARTY, "matdan-helper", "seat-04", "Timeout: 30000")],
        ),
        (
            call_party("carrier", NUMBER, CALLER_ID, None),
            [
                originate(
                    f"PJSIP/{NUMBER}@carrier",
                    PARTY,
                    "matdan-helper",
                    "seat-04",
                    f"CallerID: {CALLER_ID}",
                    "Timeout: 30000",
                )
            ],
        ),
        (
            call_party("desk-1", None, None, "second"),
            [originate("PJSIP/phone*desk-1@matdan-server-second", PARTY, "matdan-helper", "seat-04", "Timeout: 30000")],
        ),
        (
            call_party("carrier", NUMBER, None, "second"),
            [
                originate(
                    f"PJSIP/number*carrier*{NUMBER}@matdan-server-second",
                    PARTY,
                    "matdan-helper",
                    "seat-04",
                    "Timeout: 30000",
                )
            ],
        ),
    ],
)
async def test_commands_of_the_dialler_are_sent_to_asterisk_as_ami_actions(order: Order, actions: list[str]) -> None:
    switch, client = connect()
    await order(switch)
    assert client.sent == actions


@pytest.mark.parametrize(
    ("order", "context", "extension", "last"),
    [
        (lambda switch: switch.call_seat_phone("04", "agent04"), "matdan-agent", "04", ["Variable: MATDAN_REPLACES=1"]),
        (lambda switch: switch.call_seat_phone_for_log_in("04", "agent04"), "matdan-login", "s", []),
    ],
)
async def test_each_call_to_the_phone_of_a_seat_has_a_new_channel_id(
    order: Order, context: str, extension: str, last: list[str]
) -> None:
    switch, client = connect()
    await order(switch)
    await order(switch)
    ids = [str(re.findall(r"^ChannelId: (.*)$", sent, re.M)[0]) for sent in client.sent]
    assert ids[0] != ids[1]
    assert client.sent == [
        originate("PJSIP/agent04", channel_id, context, extension, "Timeout: 30000", *last) for channel_id in ids
    ]


async def test_error_about_a_missing_packet_count_names_the_phone() -> None:
    switch, client = connect()
    assert await switch.count_packets_from_seat_phone("04") == 17
    client.value = ""
    with pytest.raises(SwitchError, match="arrives from the phone of seat 04: call the phone again"):
        await switch.count_packets_from_seat_phone("04")
    with pytest.raises(SwitchError, match="the phone of seat 05 is not connected"):
        await switch.count_packets_from_seat_phone("05")


@pytest.mark.parametrize(
    ("order", "rule"),
    [
        (
            lambda switch: switch.originate_call(
                OriginateRequest(CALL, "1,2", "carrier", CALLER_ID, CampaignKind.IVR, 9, 0.0)
            ),
            "a number is 3 to 20 digits",
        ),
        (
            lambda switch: switch.originate_call(
                OriginateRequest(CALL, NUMBER, "carrier", "x", CampaignKind.IVR, 9, 0.0)
            ),
            "a number is 3 to 20 digits",
        ),
        (
            lambda switch: switch.originate_call(
                OriginateRequest(CALL, NUMBER, "a&b", CALLER_ID, CampaignKind.IVR, 9, 0.0)
            ),
            "an endpoint is up to 40 letters, digits, - and _",
        ),
        (lambda switch: switch.connect_call_to_seat(CALL, "0 4"), "a seat's name is letters, digits and -"),
        (lambda switch: switch.put_call_on_hold(CALL, "0\n4"), "a seat's name is letters, digits and -"),
        (lambda switch: switch.call_seat_phone("0;4", "agent04"), "a seat's name is letters, digits and -"),
        (lambda switch: switch.call_seat_phone("04", "a/b"), "an endpoint is up to 40 letters, digits, - and _"),
        (call_party("a@b", None, None, None), "an endpoint is up to 40 letters, digits, - and _"),
        (call_party("carrier", "1,2", None, None), "a number is 3 to 20 digits"),
        (call_party("carrier", NUMBER, "x", None), "a number is 3 to 20 digits"),
        (
            lambda switch: switch.move_third_party(PARTY, Place(PlaceKind.SEAT, "0,4")),
            "a place's name is letters, digits and -",
        ),
    ],
)
async def test_value_with_a_special_meaning_to_asterisk_is_never_sent_to_asterisk(order: Order, rule: str) -> None:
    switch, client = connect()
    with pytest.raises(UnsafeValue) as refused:
        await order(switch)
    assert str(refused.value) == f"an invalid value was not sent to Asterisk: {rule}"
    assert client.sent == []


async def test_call_is_tracked_unless_asterisk_certainly_did_not_place_the_call() -> None:
    switch, client = connect()
    calls = switch.tracker.calls
    for error, tracked in ((None, True), (OriginateUnsure("late"), True), (SwitchError("no"), False)):
        calls.stop_tracking_channel(CALL)
        client.error = error
        if error is None:
            await switch.originate_call(request_call())
        else:
            with pytest.raises(type(error)):
                await switch.originate_call(request_call())
        assert calls.is_call_still_tracked(CALL) is tracked


async def test_command_to_asterisk_without_a_connection_fails_and_says_what_to_check() -> None:
    with pytest.raises(SwitchUnreachable, match=r"check that it runs, and `ami[.]host` and `ami[.]port`"):
        await AsteriskSwitch().hang_up_call(CALL)


async def test_lost_asterisk_connection_is_reported_with_its_reason_and_server() -> None:
    events: list[SwitchEvent] = []
    switch = AsteriskSwitch(server="second")
    switch.set_event_sink(events.append)
    switch.on_ami_link_down(SwitchError("the server closed the connection"))
    assert events == [SwitchDown("the server closed the connection", "second")]
