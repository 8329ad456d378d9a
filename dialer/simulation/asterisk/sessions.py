"""AMI connections: they read actions, and get the responses and the events that their users may see."""

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
SLOW_READER_BYTES = 3_000_000  # some 6,400 unfiltered events: then Asterisk closes silently

LATE_EVENT_SECONDS = 0.02  # longest delay of a reordered event

_log = structlog.get_logger(__name__)


class ManagerSession(asyncio.Protocol):
    """An AMI connection, before and after its login."""

    def __init__(self, audience: Audience, run: Callable[[ManagerSession, AmiMessage], None]) -> None:
        """Created by the server for each connection. `run` carries out an action."""
        self.user: ManagerUser | None = None
        self.takes: frozenset[str] = frozenset()
        """The names of all events that this session gets."""
        self.remote_port = 0
        self.deaf = False  # after a refused login: nothing more is read
        self._audience = audience
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._decoder = AmiDecoder(expects_banner=False, max_line_bytes=MAX_LINE_BYTES)
        self._out: list[bytes] = []
        self._flush_is_due = False
        self._stalled = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the banner."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=SLOW_READER_BYTES)
        self.remote_port = transport.get_extra_info("peername")[1]
        self._audience.sessions.add(self)
        self.write(BANNER)

    def data_received(self, data: bytes) -> None:
        """Run the actions that have arrived."""
        if self.deaf:
            return
        try:
            messages = self._decoder.feed(data)
        except ProtocolError as error:
            _log.warning("simulated_ami_client_broke_protocol", reason=str(error))
            self.end()
            return
        for message in messages:
            if self._transport is None or self.deaf:
                return
            self._run(self, message)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the session."""
        self._transport = None
        self._out.clear()
        self._audience.sessions.discard(self)
        self._audience.changed()

    def log_in(self, user: ManagerUser, *, events_on: bool) -> None:
        """Give the session its user's permissions and events."""
        self.user = user
        if events_on:
            known = (name for name, kind in EVENT_CLASS.items() if kind in user.read)
            self.takes = frozenset(name for name in known if not user.events or name in user.events)
        self._audience.changed()

    @property
    def rights(self) -> frozenset[str]:
        """Return the classes of actions that it may send."""
        return frozenset() if self.user is None else self.user.write

    def write(self, data: bytes) -> None:
        """Send bytes. All bytes of one iteration of the event loop leave together, as from Asterisk's queue."""
        if self._transport is None or self._transport.is_closing():
            return
        self._out.append(data)
        if not self._flush_is_due and not self._stalled:
            self._flush_is_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        if self._transport is None or self._stalled or not self._out:
            return
        data = b"".join(self._out)
        self._out.clear()
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > SLOW_READER_BYTES:
            self.end()

    def stall(self) -> None:
        """Stop reading and writing; the connection stays open."""
        self._stalled = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read and write again, buffered bytes first."""
        self._stalled = False
        if self._transport is not None:
            self._transport.resume_reading()
            self._flush()

    def end(self) -> None:
        """Send the rest and close."""
        self.deaf = True
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """Reset the connection."""
        self.deaf = True
        if self._transport is not None:
            self._transport.abort()


class Audience:
    """All connections, and the events that each gets."""

    def __init__(self, now: Callable[[], float], random: Random) -> None:
        """`now` returns the time (epoch seconds); `random` is for the faults only."""
        self.sessions: set[ManagerSession] = set()
        self.faults = EventFaults(random)
        self.events = EventWriter(self._publish, now)

    def changed(self) -> None:
        """Update which events are rendered, after a log-in or the end of a session."""
        self.events.wanted = frozenset().union(*(session.takes for session in self.sessions))

    def _publish(self, name: str, data: bytes) -> None:
        if not self.faults.active:
            self._deliver([(name, data)])
            return
        self._deliver(self.faults.apply(name, data))
        asyncio.get_running_loop().call_later(LATE_EVENT_SECONDS, lambda: self._deliver(self.faults.take_late()))

    def _deliver(self, events: list[tuple[str, bytes]]) -> None:
        for name, data in events:
            for session in self.sessions:
                if name in session.takes:
                    session.write(data)
