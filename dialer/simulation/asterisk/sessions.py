"""AMI connections: they read actions, and are sent the answers and the events that their users may see."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from random import Random
from typing import cast

import structlog

from dialer.domain.errors import ProtocolError
from dialer.simulation.asterisk.config import ManagerUser
from dialer.simulation.asterisk.events import EVENT_CLASS, EventWriter
from dialer.switch.asterisk.ami_codec import MAX_LINE_BYTES, AmiDecoder, AmiMessage

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
SLOW_READER_BYTES = 3_000_000  # some 6,400 unfiltered events: then Asterisk closes without a word

LATE_EVENT_SECONDS = 0.02  # how long a reordered event is held back when no other follows it

_log = structlog.get_logger(__name__)


class ManagerSession(asyncio.Protocol):
    """An AMI connection, before and after its login."""

    def __init__(self, audience: Audience, run: Callable[[ManagerSession, AmiMessage], None]) -> None:
        """Made by the server for each connection. `run` carries out an action."""
        self.user: ManagerUser | None = None
        self.takes: frozenset[str] = frozenset()
        """The names of all events that this session is sent."""
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
        """Greet."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=SLOW_READER_BYTES)
        self.remote_port = transport.get_extra_info("peername")[1]
        self._audience.sessions.add(self)
        self.write(BANNER)

    def data_received(self, data: bytes) -> None:
        """Run the actions that came."""
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
        """From now on the session has its user's rights and events."""
        self.user = user
        if events_on:
            known = (name for name, kind in EVENT_CLASS.items() if kind in user.read)
            self.takes = frozenset(name for name in known if not user.events or name in user.events)
        self._audience.changed()

    @property
    def rights(self) -> frozenset[str]:
        """The classes of actions that it may give."""
        return frozenset() if self.user is None else self.user.write

    def write(self, data: bytes) -> None:
        """Send bytes; what is written in one turn of the loop leaves together, as Asterisk's queue does it."""
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
        """Neither read nor write from now on; the connection stays open."""
        self._stalled = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read and write again, what was held back first."""
        self._stalled = False
        if self._transport is not None:
            self._transport.resume_reading()
            self._flush()

    def end(self) -> None:
        """Send what is left and close."""
        self.deaf = True
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """Reset the connection."""
        self.deaf = True
        if self._transport is not None:
            self._transport.abort()


# Faults of the event stream: events that are lost, come twice, or in another order.


class EventFaults:
    """Decides what becomes of each event. Without any fault set, every event passes once and in order."""

    def __init__(self, random: Random) -> None:
        """`random` is the faults' own."""
        self._random = random
        self._lose_share = self._repeat_share = self._delay_share = 0.0
        self._names: frozenset[str] | None = None
        self._lose_next: Counter[str] = Counter()
        self._late: list[tuple[str, bytes]] = []

    @property
    def active(self) -> bool:
        """Whether anything may happen to an event."""
        return bool(self._lose_share or self._repeat_share or self._delay_share or self._lose_next or self._late)

    def set(
        self, *, lose: float = 0.0, repeat: float = 0.0, reorder: float = 0.0, names: Collection[str] | None = None
    ) -> None:
        """Set the shares of events that are lost, repeated, or come after the next one; of `names` only, None for all."""
        self._lose_share, self._repeat_share, self._delay_share = lose, repeat, reorder
        self._names = None if names is None else frozenset(names)

    def lose_next(self, name: str, count: int = 1) -> None:
        """Lose the next `count` events of that name."""
        self._lose_next[name] += count

    def apply(self, name: str, data: bytes) -> list[tuple[str, bytes]]:
        """What goes out now in place of one event, in order."""
        late, self._late = self._late, []
        if self._lose_next[name] > 0:
            self._lose_next[name] -= 1
            self._lose_next += Counter()  # drops what has come down to nothing
            return late
        del self._lose_next[name]
        if self._names is not None and name not in self._names:
            return [(name, data), *late]
        point = self._random.random()
        if point < self._lose_share:
            return late
        if point < self._lose_share + self._repeat_share:
            return [(name, data), *late, (name, data)]
        if point < self._lose_share + self._repeat_share + self._delay_share:
            self._late.append((name, data))
            return late
        return [(name, data), *late]

    def take_late(self) -> list[tuple[str, bytes]]:
        """What is still held back."""
        late, self._late = self._late, []
        return late


class Audience:
    """Every connection, and what of the events comes to it."""

    def __init__(self, now: Callable[[], float], random: Random) -> None:
        """`now` gives epoch seconds; `random` is the faults' own."""
        self.sessions: set[ManagerSession] = set()
        self.faults = EventFaults(random)
        self.events = EventWriter(self._publish, now)

    def changed(self) -> None:
        """Somebody logged in or left: render what is wanted now, and nothing else."""
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
