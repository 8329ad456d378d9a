"""AMI connections, which send actions to the simulated Asterisk and receive responses and events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import cast

import structlog

from dialer.domain.errors import ProtocolError
from dialer.simulation.asterisk.config import ManagerUser
from dialer.simulation.asterisk.event_faults import EventFaults
from dialer.simulation.asterisk.events import EVENT_CLASS, EventWriter
from dialer.switch.asterisk.ami_codec import MAX_LINE_BYTES, AmiDecoder, AmiMessage

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
SLOW_READER_BYTES = 3_000_000  # unsent bytes (some 6,400 events) at which Asterisk closes the connection

LATE_EVENT_SECONDS = 0.02  # longest delay of a reordered event

_log = structlog.get_logger(__name__)


class ManagerSession(asyncio.Protocol):
    """An AMI connection of a client to the simulated Asterisk. `user` is None before the client's login."""

    def __init__(self, registry: SessionRegistry, run: Callable[[ManagerSession, AmiMessage], None]) -> None:
        """Create the session of a new AMI connection. `run` executes the actions that the client sends."""
        self.user: ManagerUser | None = None
        self.event_names: frozenset[str] = frozenset()
        """The names of the events that this session receives."""
        self.remote_port = 0
        self.ignores_input = False  # after a failed login: input is no longer read
        self._registry = registry
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._decoder = AmiDecoder(expects_banner=False, max_line_bytes=MAX_LINE_BYTES)
        self._out: list[bytes] = []
        self._flush_is_due = False
        self._stalled = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send Asterisk's banner to the client."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=SLOW_READER_BYTES)
        self.remote_port = transport.get_extra_info("peername")[1]
        self._registry.sessions.add(self)
        self.send_bytes(BANNER)

    def data_received(self, data: bytes) -> None:
        """Run the AMI actions that have arrived completely."""
        if self.ignores_input:
            return
        try:
            messages = self._decoder.decode_bytes(data)
        except ProtocolError as error:
            _log.warning("simulated_asterisk.protocol_error", reason=str(error))
            self.close()
            return
        for message in messages:
            if self._transport is None or self.ignores_input:
                return
            self._run(self, message)

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the session from the list of all sessions, because its connection has ended."""
        self._transport = None
        self._out.clear()
        self._registry.sessions.discard(self)
        self._registry.update_subscribed_ami_events()

    def log_in_user(self, user: ManagerUser, *, events_on: bool) -> None:
        """Give the session the permissions of `user`. With `events_on`, the session also receives the events that
        `user` may read.
        """
        self.user = user
        if events_on:
            known = (name for name, kind in EVENT_CLASS.items() if kind in user.read)
            self.event_names = frozenset(name for name in known if not user.events or name in user.events)
        self._registry.update_subscribed_ami_events()

    @property
    def permitted_action_classes(self) -> frozenset[str]:
        """The classes of AMI actions that the session's user may send."""
        return frozenset() if self.user is None else self.user.write

    def send_bytes(self, data: bytes) -> None:
        """Send bytes to the client, together with all other bytes of this iteration of the event loop."""
        if self._transport is None or self._transport.is_closing():
            return
        self._out.append(data)
        if not self._flush_is_due and not self._stalled:
            self._flush_is_due = True
            asyncio.get_running_loop().call_soon(self._send_buffered_bytes)

    def _send_buffered_bytes(self) -> None:
        self._flush_is_due = False
        if self._transport is None or self._stalled or not self._out:
            return
        data = b"".join(self._out)
        self._out.clear()
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > SLOW_READER_BYTES:
            self.close()

    def stall_connection(self) -> None:
        """Stop reading and writing on the connection, but keep it open."""
        self._stalled = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_connection(self) -> None:
        """Continue reading and writing on the connection, starting with the buffered bytes."""
        self._stalled = False
        if self._transport is not None:
            self._transport.resume_reading()
            self._send_buffered_bytes()

    def close(self) -> None:
        """Send the buffered bytes, then close the AMI connection."""
        self.ignores_input = True
        self._send_buffered_bytes()
        if self._transport is not None:
            self._transport.close()

    def reset_connection(self) -> None:
        """Reset the AMI connection."""
        self.ignores_input = True
        if self._transport is not None:
            self._transport.abort()


class SessionRegistry:
    """All AMI connections of the simulated Asterisk. Each event is sent to the sessions that have subscribed to it."""

    def __init__(self, now: Callable[[], float], random: Random) -> None:
        """Create the registry, without any session.

        `now` returns the time (epoch seconds). `random` decides which events are affected by faults.
        """
        self.sessions: set[ManagerSession] = set()
        self.faults = EventFaults(random)
        self.events = EventWriter(self._publish_event, now)

    def update_subscribed_ami_events(self) -> None:
        """Update the set of AMI events that at least one session receives. Call it after a login and at the end of a session."""
        self.events.wanted = frozenset().union(*(session.event_names for session in self.sessions))

    def _publish_event(self, name: str, data: bytes) -> None:
        if not self.faults.has_event_faults:
            self._deliver_events([(name, data)])
            return
        self._deliver_events(self.faults.apply_faults_to_event(name, data))
        asyncio.get_running_loop().call_later(
            LATE_EVENT_SECONDS, lambda: self._deliver_events(self.faults.pop_delayed_events())
        )

    def _deliver_events(self, events: list[tuple[str, bytes]]) -> None:
        for name, data in events:
            for session in self.sessions:
                if name in session.event_names:
                    session.send_bytes(data)
