"""One AMI connection: reads actions, and is sent the answers and the events that its user may see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import structlog

from dialer.domain.errors import ProtocolError
from dialer.simulation.asterisk.config import ManagerUser
from dialer.simulation.asterisk.events import EVENT_CLASS
from dialer.switch.asterisk.ami_codec import MAX_LINE_BYTES, AmiDecoder, AmiMessage

if TYPE_CHECKING:
    from dialer.simulation.asterisk.core import SwitchCore

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
SLOW_READER_BYTES = 3_000_000  # some 6,400 unfiltered events: then Asterisk closes without a word

_log = structlog.get_logger(__name__)


class ManagerSession(asyncio.Protocol):
    """An AMI connection, before and after its login."""

    def __init__(self, switch: SwitchCore, run: Callable[[ManagerSession, AmiMessage], None]) -> None:
        """Made by the server for each connection. `run` carries out an action."""
        self.user: ManagerUser | None = None
        self.events_on = True
        self.remote_port = 0
        self.deaf = False  # after a refused login: nothing more is read
        self._switch = switch
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._decoder = AmiDecoder(expects_banner=False, max_line_bytes=MAX_LINE_BYTES)
        self._takes: dict[str, bool] = {}
        self._out: list[bytes] = []
        self._flush_is_due = False
        self._stalled = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=SLOW_READER_BYTES)
        self.remote_port = transport.get_extra_info("peername")[1]
        self._switch.sessions.add(self)
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
        self._switch.sessions.discard(self)
        self._switch.sessions_changed()

    def log_in(self, user: ManagerUser, *, events_on: bool) -> None:
        """From now on the session has its user's rights and events."""
        self.user = user
        self.events_on = events_on
        self._takes.clear()
        self._switch.sessions_changed()

    @property
    def taken_events(self) -> frozenset[str]:
        """The names of all events that this session is sent."""
        user = self.user
        if user is None or not self.events_on:
            return frozenset()
        return frozenset(
            name for name, kind in EVENT_CLASS.items() if kind in user.read and (not user.events or name in user.events)
        )

    def takes(self, name: str) -> bool:
        """Whether this session is sent the events of that name."""
        taken = self._takes.get(name)
        if taken is None:
            taken = self._takes[name] = name in self.taken_events
        return taken

    def switch_events(self, on: bool) -> None:
        """Turn all events on or off."""
        self.events_on = on
        self._takes.clear()
        self._switch.sessions_changed()

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
