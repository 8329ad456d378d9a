"""AMI events in exactly the format of Asterisk 22: names, classes and order of fields, as in recorded traffic.

For speed, an event is rendered only if a client has subscribed to it.
"""

from __future__ import annotations

from collections.abc import Callable

from dialer.simulation.asterisk.bridges import Conference
from dialer.simulation.asterisk.channels import CAUSE_TEXT, UNKNOWN, Channel, OriginateOrder

_NAMES_BY_CLASS = {
    "agi": "AGIExecEnd AGIExecStart",
    "call": "BridgeCreate BridgeDestroy BridgeEnter BridgeLeave ConfbridgeEnd ConfbridgeJoin ConfbridgeLeave ConfbridgeStart "
    "DialBegin DialEnd DialState Hangup HangupRequest Hold NewCallerid NewConnectedLine Newchannel Newstate OriginateResponse "
    "SoftHangupRequest Unhold",
    "dialplan": "Newexten VarSet",
    "dtmf": "DTMFBegin DTMFEnd",
    "security": "SuccessfulAuth",
    "system": "ContactStatus FullyBooted Registry Shutdown",
    "user": "UserEvent",
}
EVENT_CLASS = {name: kind for kind, names in _NAMES_BY_CLASS.items() for name in names.split()}
"""The class of each event. A user receives the events of the classes in its `read`."""

_QUALITY = (
    (
        "RTPAUDIOQOS",
        "ssrc=1707098742;themssrc=0;lp=0;rxjitter=0.000000;rxcount=0;txjitter=0.000000;txcount=0;rlp=0;rtt=0.000000;"
        "rxmes=0.000000;txmes=0.000000",
    ),
    (
        "RTPAUDIOQOSJITTER",
        "minrxjitter=000.000000;maxrxjitter=000.000000;avgrxjitter=000.000000;stdevrxjitter=000.000000;"
        "mintxjitter=000.000000;maxtxjitter=000.000000;avgtxjitter=000.000000;stdevtxjitter=000.000000;",
    ),
    (
        "RTPAUDIOQOSLOSS",
        "  minrxlost=000.000000;  maxrxlost=000.000000;  avgrxlost=000.000000;  stdevrxlost=000.000000;"
        "  mintxlost=000.000000;  maxtxlost=000.000000;  avgtxlost=000.000000;  stdevtxlost=000.000000;",
    ),
    (
        "RTPAUDIOQOSRTT",
        "     minrtt=000.000000;     maxrtt=000.000000;     avgrtt=000.000000;     stdevrtt=000.000000;",
    ),
    (
        "RTPAUDIOQOSMES",
        "   minrxmes=000.000000;   maxrxmes=000.000000;   avgrxmes=000.000000;   stdevrxmes=000.000000;"
        "   mintxmes=000.000000;   maxtxmes=000.000000;   avgtxmes=000.000000;   stdevtxmes=000.000000;",
    ),
)

_SYSTEM = b"\r\nSystemName: lab\r\n"

Publish = Callable[[str, bytes], None]
"""Sends an event, given by name and bytes, to the sessions that receive it."""


class EventWriter:
    """Renders AMI events and sends them to the sessions. `wanted` has the names of subscribed events."""

    def __init__(self, publish: Publish, now: Callable[[], float]) -> None:
        """Create a writer of AMI events.

        `publish` sends an event. `now` returns the time for the field Timestamp (epoch seconds).
        """
        self.wanted: frozenset[str] = frozenset()
        self._publish = publish
        self._now = now
        self._heads = {
            name: f"Event: {name}\r\nPrivilege: {kind},all\r\nTimestamp: ".encode()
            for name, kind in EVENT_CLASS.items()
        }

    def _send_ami_event(self, name: str, body: bytes) -> None:
        stamp = b"%.6f" % self._now()
        self._publish(name, b"".join((self._heads[name], stamp, _SYSTEM, body, b"\r\n")))

    def publish_channel_event(self, name: str, channel: Channel, tail: str = "") -> None:
        """Publish an AMI event about a channel. `tail` has the lines that follow the channel's own, each ending with CRLF."""
        if name in self.wanted:
            self._send_ami_event(name, channel.render_channel_event_lines() + tail.encode())

    def publish_contact_status_event(self, endpoint: str, status: str, port: int) -> None:
        """Publish ContactStatus of a phone at `port`, with only the fields that the dialler reads."""
        if "ContactStatus" in self.wanted:
            contact = f"URI: sip:{endpoint}@127.0.0.1:{port};transport=WS\r\n"
            self._send_ami_event(
                "ContactStatus", f"{contact}EndpointName: {endpoint}\r\nContactStatus: {status}\r\n".encode()
            )

    def publish_registry_event(self, trunk: str, status: str) -> None:
        """Publish Registry: the carrier has answered a trunk's registration. As in Asterisk, the event does not name the trunk."""
        if "Registry" in self.wanted:
            uri = f"Username: sip:matdan@{trunk}.invalid:5060\r\nDomain: sip:{trunk}.invalid:5060\r\n"
            self._send_ami_event("Registry", f"ChannelType: PJSIP\r\n{uri}Status: {status}\r\n".encode())

    def publish_dial_event(self, name: str, channel: Channel, field: str, value: str) -> None:
        """Publish the event DialBegin, DialState or DialEnd."""
        if name in self.wanted:
            self._send_ami_event(name, channel.render_channel_event_lines("Dest") + f"{field}: {value}\r\n".encode())

    def publish_new_extension_event(self, channel: Channel) -> None:
        """Publish the event Newexten for the application that the channel starts."""
        tail = f"Extension: {channel.extension}\r\nApplication: {channel.application}\r\nAppData: {channel.data}\r\n"
        self.publish_channel_event("Newexten", channel, tail)

    def publish_variable_set_event(self, channel: Channel, name: str, value: str) -> None:
        """Publish the event VarSet for a channel variable that was set."""
        self.publish_channel_event("VarSet", channel, f"Variable: {name}\r\nValue: {value}\r\n")

    def publish_rtp_quality_events(self, channel: Channel) -> None:
        """Publish the five VarSet events of RTP quality before a hang-up, once per channel."""
        if not channel.quality_reported:
            channel.quality_reported = True
            for name, value in _QUALITY:
                self.publish_variable_set_event(channel, name, value)

    def publish_hangup_request_event(
        self, channel: Channel, cause: int | None = None, technical: int | None = None
    ) -> None:
        """Publish HangupRequest: the remote party of the channel is hanging up."""
        tail = "" if cause is None else f"Cause: {cause}\r\nTechCause: {technical}\r\n"
        self.publish_channel_event("HangupRequest", channel, tail)

    def publish_soft_hangup_request_event(self, channel: Channel, cause: int = 16) -> None:
        """Publish SoftHangupRequest: this side is hanging up."""
        self.publish_channel_event("SoftHangupRequest", channel, f"Cause: {cause}\r\n")

    def publish_hangup_event(self, channel: Channel, cause: int, technical: int | None = None) -> None:
        """Publish the event Hangup: the channel has ended."""
        tail = f"Cause: {cause}\r\nCause-txt: {CAUSE_TEXT.get(cause, 'Unknown')}\r\n"
        if technical is not None:
            tail += f"TechCause: {technical}\r\n"
        self.publish_channel_event("Hangup", channel, tail)

    def publish_originate_response_event(self, order: OriginateOrder, reason: int, channel: str | None = None) -> None:
        """Publish OriginateResponse: Success for an answered `channel`, or Failure if `channel` is None."""
        if "OriginateResponse" in self.wanted:
            action_line = f"ActionID: {order.action_id}\r\n" if order.action_id else ""
            self._send_ami_event(
                "OriginateResponse",
                f"{action_line}Response: {'Failure' if channel is None else 'Success'}\r\n"
                f"Channel: {channel or order.channel}\r\nContext: {order.start.context}\r\n"
                f"Exten: {order.start.extension}\r\nReason: {reason}\r\nUniqueid: {order.uniqueid or '<null>'}\r\n"
                f"CallerIDNum: {order.caller_number or UNKNOWN}\r\nCallerIDName: {order.caller_name or UNKNOWN}\r\n".encode(),
            )

    def publish_bridge_event(self, name: str, conference: Conference, count: int) -> None:
        """Publish BridgeCreate, BridgeDestroy, ConfbridgeStart or ConfbridgeEnd, with `count` channels in the bridge."""
        if name in self.wanted:
            self._send_ami_event(
                name, self._render_conference_lines(name, conference) + conference.render_bridge_event_lines(count)
            )

    def publish_conference_member_event(
        self, name: str, conference: Conference, count: int, channel: Channel, *, admin: bool = False
    ) -> None:
        """Publish an event of a conference's participant: BridgeEnter, BridgeLeave, ConfbridgeJoin or ConfbridgeLeave."""
        if name in self.wanted:
            rights = b"Admin: Yes\r\n" if admin else b"Admin: No\r\n"
            tail = {"ConfbridgeJoin": rights + b"Muted: No\r\n", "ConfbridgeLeave": rights}.get(name, b"")
            self._send_ami_event(
                name,
                self._render_conference_lines(name, conference)
                + conference.render_bridge_event_lines(count)
                + channel.render_channel_event_lines()
                + tail,
            )

    @staticmethod
    def _render_conference_lines(name: str, conference: Conference) -> bytes:
        return f"Conference: {conference.name}\r\n".encode() if name.startswith("Confbridge") else b""

    def publish_successful_auth_event(
        self, account: str, local_port: int, remote_port: int, session: int, now_text: str
    ) -> None:
        """Publish SuccessfulAuth: a user logged in."""
        if "SuccessfulAuth" in self.wanted:
            self._send_ami_event(
                "SuccessfulAuth",
                f"EventTV: {now_text}\r\nSeverity: Informational\r\nService: AMI\r\nEventVersion: 1\r\n"
                f"AccountID: {account}\r\nSessionID: {session:#x}\r\n"
                f"LocalAddress: IPV4/TCP/127.0.0.1/{local_port}\r\nRemoteAddress: IPV4/TCP/127.0.0.1/{remote_port}\r\n"
                f"UsingPassword: 0\r\nSessionTV: {now_text}\r\n".encode(),
            )

    def publish_shutdown_event(self) -> None:
        """Publish Shutdown, which announces an orderly restart. Its fields come from Asterisk's source, not from
        recorded traffic.
        """
        if "Shutdown" in self.wanted:
            fields = b"Privilege: system,all\r\nShutdown: Cleanly\r\nRestart: True\r\n\r\n"
            self._publish("Shutdown", b"Event: Shutdown\r\n" + fields)

    def publish_fully_booted_event(self) -> None:
        """Publish FullyBooted at the end of the boot. As in Asterisk, its fields are in another order than after a
        login.
        """
        if "FullyBooted" in self.wanted:
            fields = b"Privilege: system,all\r\nStatus: Fully Booted\r\nUptime: 0\r\nLastReload: 0\r\n\r\n"
            self._publish("FullyBooted", b"Event: FullyBooted\r\n" + fields)


def render_fully_booted_event(uptime_seconds: int, reloaded_seconds: int) -> bytes:
    """Return the event FullyBooted, which a session receives after its login if Asterisk has booted."""
    return (
        "Event: FullyBooted\r\nPrivilege: system,all\r\n"
        f"Uptime: {uptime_seconds}\r\nLastReload: {reloaded_seconds}\r\nStatus: Fully Booted\r\n\r\n"
    ).encode()
