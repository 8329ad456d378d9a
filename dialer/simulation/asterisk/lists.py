"""The answers that are lists of events - channels, their status, conferences - as Asterisk writes them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from dialer.simulation.asterisk.channels import Channel, Conference
from dialer.simulation.asterisk.core import SwitchCore
from dialer.switch.asterisk.ami_codec import AmiMessage


def timestamp(epoch: float) -> datetime:
    """An epoch second as a time in UTC."""
    return datetime.fromtimestamp(epoch, UTC)


def _id_line(action_id: str) -> str:
    return f"ActionID: {action_id}\r\n" if action_id else ""


def _complete(name: str, action_id: str, count: int, tail: str = "") -> bytes:
    return (f"Event: {name}\r\n{_id_line(action_id)}EventList: Complete\r\nListItems: {count}\r\n{tail}\r\n").encode()


def _age(channel: Channel) -> int:
    return int(asyncio.get_running_loop().time() - channel.created_at)


def _bridge_id(channel: Channel) -> str:
    return channel.conference.uniqueid if channel.conference is not None else ""


def show_channels(switch: SwitchCore, action_id: str) -> bytes:
    """The events of CoreShowChannels."""
    head = f"Event: CoreShowChannel\r\n{_id_line(action_id)}".encode()
    out = []
    for channel in switch.channels.values():
        age = _age(channel)
        duration = f"{age // 3600:02d}:{age // 60 % 60:02d}:{age % 60:02d}"
        tail = (
            f"Application: {channel.application}\r\nApplicationData: {channel.data}\r\n"
            f"Duration: {duration}\r\nBridgeId: {_bridge_id(channel)}\r\n\r\n"
        )
        out.append(head + channel.block() + tail.encode())
    return b"".join(out) + _complete("CoreShowChannelsComplete", action_id, len(out))


def outbound_registrations(switch: SwitchCore, action_id: str) -> bytes:
    """The events of PJSIPShowRegistrationsOutbound: of each trunk that registers, as far as the dialler reads them."""
    out = [
        f"Event: OutboundRegistrationDetail\r\n{_id_line(action_id)}ObjectType: registration\r\n"
        f"ObjectName: {trunk.name}-registration\r\nStatus: {trunk.registration}\r\n\r\n"
        for trunk in switch.config.trunks
        if trunk.registration
    ]
    return "".join(out).encode() + _complete("OutboundRegistrationDetailComplete", action_id, len(out))


def status(switch: SwitchCore, channels: list[Channel], action: AmiMessage) -> bytes:
    """The events of Status, with the channel variables that it asks for."""
    action_id = action.action_id
    names = [name for name in action.get("Variables").split(",") if name]
    out = []
    for channel in channels:
        variables = "".join(f"Variable: {name}={switch.look_up(channel, name) or '(null)'}\r\n" for name in names)
        in_bridge = channel.conference is not None
        tail = (
            "Type: PJSIP\r\nDNID: \r\n"
            f"EffectiveConnectedLineNum: {channel.connected_number}\r\n"
            f"EffectiveConnectedLineName: {channel.connected_name}\r\n"
            f"TimeToHangup: 0\r\nBridgeID: {_bridge_id(channel)}\r\n"
            f"Application: {channel.application}\r\nData: {channel.data}\r\nNativeformats: (ulaw)\r\n"
            f"Readformat: {'slin' if in_bridge else 'ulaw'}\r\n"
            f"Readtrans: {'(ulaw@8000)->(slin@8000)' if in_bridge else ''}\r\n"
            f"Writeformat: {'slin' if in_bridge else 'ulaw'}\r\n"
            f"Writetrans: {'(slin@8000)->(ulaw@8000)' if in_bridge else ''}\r\n"
            f"Callgroup: 0\r\nPickupgroup: 0\r\nSeconds: {_age(channel)}\r\n{variables}{_id_line(action_id)}\r\n"
        )
        out.append(b"Event: Status\r\nPrivilege: Call\r\n" + channel.block() + tail.encode())
    return b"".join(out) + _complete("StatusComplete", action_id, len(out), f"Items: {len(out)}\r\n")


def conference_rooms(switch: SwitchCore, action_id: str) -> bytes:
    """The events of ConfbridgeListRooms."""
    rooms = [
        f"Event: ConfbridgeListRooms\r\n{_id_line(action_id)}Conference: {room.name}\r\n"
        f"Parties: {len(room.members)}\r\nMarked: {room.marked}\r\nLocked: No\r\nMuted: No\r\n\r\n".encode()
        for room in switch.conferences.by_name.values()
    ]
    return b"".join(rooms) + _complete("ConfbridgeListRoomsComplete", action_id, len(rooms))


def conference_members(switch: SwitchCore, conference: Conference, action_id: str) -> bytes:
    """The events of ConfbridgeList."""
    now = asyncio.get_running_loop().time()
    out = []
    for member in conference.members:
        answered_at = member.channel.answered_at
        head = (
            f"Event: ConfbridgeList\r\n{_id_line(action_id)}Conference: {conference.name}\r\n"
            f"Admin: {'Yes' if member.user.admin else 'No'}\r\n"
            f"MarkedUser: {'Yes' if member.user.marked else 'No'}\r\nWaitMarked: No\r\n"
            f"EndMarked: {'Yes' if member.user.end_marked else 'No'}\r\n"
            f"EndMarkedAny: {'Yes' if member.user.end_marked_any else 'No'}\r\nWaiting: No\r\n"
            f"Muted: No\r\nTalking: No\r\nAnsweredTime: {int(now - (now if answered_at is None else answered_at))}\r\n"
        )
        out.append(head.encode() + member.channel.block() + b"\r\n")
    return b"".join(out) + _complete("ConfbridgeListComplete", action_id, len(out))


def core_status(switch: SwitchCore) -> list[tuple[str, str]]:
    """The fields of CoreStatus."""
    started = timestamp(switch.now() - switch.uptime_seconds)
    date, time = f"{started:%Y-%m-%d}", f"{started:%H:%M:%S}"
    return [
        ("CoreStartupDate", date),
        ("CoreStartupTime", time),
        ("CoreReloadDate", date),
        ("CoreReloadTime", time),
        ("CoreCurrentCalls", str(len(switch.channels))),
        ("CoreProcessedCalls", str(switch.processed_calls)),
    ]
