"""AMI responses that consist of a list of events, such as the list of channels, in Asterisk's format."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime

from dialer.simulation.asterisk.bridges import Conference, Participant
from dialer.simulation.asterisk.channels import Channel
from dialer.simulation.asterisk.core import SwitchCore
from dialer.switch.asterisk.ami_codec import AmiMessage


def convert_epoch_seconds_to_utc(epoch: float) -> datetime:
    """Convert epoch seconds to a datetime in UTC."""
    return datetime.fromtimestamp(epoch, UTC)


def _format_action_id_line(action_id: str) -> str:
    return f"ActionID: {action_id}\r\n" if action_id else ""


def _render_list_complete_event(name: str, action_id: str, count: int, tail: str = "") -> bytes:
    return (
        f"Event: {name}\r\n{_format_action_id_line(action_id)}EventList: Complete\r\nListItems: {count}\r\n{tail}\r\n"
    ).encode()


def _render_event_list(name: str, action_id: str, bodies: Iterable[bytes], complete: str = "") -> bytes:
    """Return a list of AMI events: an event `name` for each body, then the event that completes the list."""
    head = f"Event: {name}\r\n{_format_action_id_line(action_id)}".encode()
    events = [head + body + b"\r\n" for body in bodies]
    return b"".join(events) + _render_list_complete_event(complete or f"{name}Complete", action_id, len(events))


def _compute_channel_age_seconds(channel: Channel) -> int:
    return int(asyncio.get_running_loop().time() - channel.created_at)


def _get_bridge_id(channel: Channel) -> str:
    return channel.conference.uniqueid if channel.conference is not None else ""


def render_channel_list(switch: SwitchCore, action_id: str) -> bytes:
    """Return the events that answer the AMI action CoreShowChannels: one for each channel."""

    def render_channel_list_entry(channel: Channel) -> bytes:
        age = _compute_channel_age_seconds(channel)
        block, application, data = channel.shown or (
            channel.render_channel_event_lines(),
            channel.application,
            channel.data,
        )
        return (
            block
            + (
                f"Application: {application}\r\nApplicationData: {data}\r\n"
                f"Duration: {age // 3600:02d}:{age // 60 % 60:02d}:{age % 60:02d}\r\nBridgeId: {_get_bridge_id(channel)}\r\n"
            ).encode()
        )

    return _render_event_list(
        "CoreShowChannel",
        action_id,
        map(render_channel_list_entry, switch.channels.values()),
        "CoreShowChannelsComplete",
    )


def render_registrations(switch: SwitchCore, action_id: str) -> bytes:
    """Return the events that answer the AMI action PJSIPShowRegistrationsOutbound, with only the fields that the
    dialler reads.
    """
    bodies = (
        f"ObjectType: registration\r\nObjectName: {trunk}-registration\r\nStatus: {status}\r\n".encode()
        for trunk, status in switch.registrations.items()
    )
    return _render_event_list("OutboundRegistrationDetail", action_id, bodies)


def render_database_entry(family: str, key: str, value: str, action_id: str) -> bytes:
    """Return the events that answer the AMI action DBGet for an entry that exists."""
    body = f"Family: {family}\r\nKey: {key}\r\nVal: {value}\r\n".encode()
    return _render_event_list("DBGetResponse", action_id, [body], "DBGetComplete")


def render_channel_statuses(switch: SwitchCore, channels: list[Channel], action: AmiMessage) -> bytes:
    """Return the events that answer the AMI action Status, with the requested channel variables."""
    action_id = action.action_id
    names = [name for name in action.get("Variables").split(",") if name]
    out = []
    for channel in channels:
        variables = "".join(
            f"Variable: {name}={switch.look_up_dialplan_variable(channel, name) or '(null)'}\r\n" for name in names
        )
        in_bridge = channel.conference is not None
        codec = "slin" if in_bridge else "ulaw"
        tail = (
            "Type: PJSIP\r\nDNID: \r\n"
            f"EffectiveConnectedLineNum: {channel.connected_number}\r\n"
            f"EffectiveConnectedLineName: {channel.connected_name}\r\n"
            f"TimeToHangup: 0\r\nBridgeID: {_get_bridge_id(channel)}\r\n"
            f"Application: {channel.application}\r\nData: {channel.data}\r\nNativeformats: (ulaw)\r\n"
            f"Readformat: {codec}\r\nReadtrans: {'(ulaw@8000)->(slin@8000)' if in_bridge else ''}\r\n"
            f"Writeformat: {codec}\r\nWritetrans: {'(slin@8000)->(ulaw@8000)' if in_bridge else ''}\r\n"
            f"Callgroup: 0\r\nPickupgroup: 0\r\nSeconds: {_compute_channel_age_seconds(channel)}\r\n"
            f"{variables}{_format_action_id_line(action_id)}\r\n"
        )
        out.append(b"Event: Status\r\nPrivilege: Call\r\n" + channel.render_channel_event_lines() + tail.encode())
    return b"".join(out) + _render_list_complete_event("StatusComplete", action_id, len(out), f"Items: {len(out)}\r\n")


def render_conference_list(switch: SwitchCore, action_id: str) -> bytes:
    """Return the events that answer the AMI action ConfbridgeListRooms: one for each conference."""
    bodies = (
        (
            f"Conference: {room.name}\r\nParties: {len(room.members)}\r\nMarked: {room.marked_participant_count}\r\n"
            "Locked: No\r\nMuted: No\r\n"
        ).encode()
        for room in switch.conferences.by_name.values()
    )
    return _render_event_list("ConfbridgeListRooms", action_id, bodies)


def render_member_list(conference: Conference, action_id: str) -> bytes:
    """Return the events that answer the AMI action ConfbridgeList: one for each participant."""
    now = asyncio.get_running_loop().time()

    def render_member_list_entry(member: Participant) -> bytes:
        user, answered_at = member.user, member.channel.answered_at
        admin, marked, end_marked, end_marked_any = (
            "Yes" if each else "No" for each in (user.admin, user.marked, user.end_marked, user.end_marked_any)
        )
        return (
            f"Conference: {conference.name}\r\nAdmin: {admin}\r\nMarkedUser: {marked}\r\nWaitMarked: No\r\n"
            f"EndMarked: {end_marked}\r\nEndMarkedAny: {end_marked_any}\r\nWaiting: No\r\nMuted: No\r\nTalking: No\r\n"
            f"AnsweredTime: {0 if answered_at is None else int(now - answered_at)}\r\n"
        ).encode() + member.channel.render_channel_event_lines()

    return _render_event_list("ConfbridgeList", action_id, map(render_member_list_entry, conference.members))


def render_core_status(switch: SwitchCore) -> list[tuple[str, str]]:
    """Return the fields that answer the AMI action CoreStatus."""
    started = convert_epoch_seconds_to_utc(switch.get_current_time() - switch.uptime_seconds)
    date, time = f"{started:%Y-%m-%d}", f"{started:%H:%M:%S}"
    return [
        ("CoreStartupDate", date),
        ("CoreStartupTime", time),
        ("CoreReloadDate", date),
        ("CoreReloadTime", time),
        ("CoreCurrentCalls", str(len(switch.channels))),
        ("CoreProcessedCalls", str(switch.processed_calls)),
    ]
