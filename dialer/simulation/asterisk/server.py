"""The simulated Asterisk as a server: its socket, start and stop, and the faults that a test can inject."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

import structlog

from dialer.domain.clock import LoopClock
from dialer.domain.errors import PortInUse
from dialer.simulation.asterisk.actions import Actions
from dialer.simulation.asterisk.calls import SwitchCalls
from dialer.simulation.asterisk.channels import EndsBy
from dialer.simulation.asterisk.config import PhoneMode, SimulatedAsteriskConfig
from dialer.simulation.asterisk.journal import Journal
from dialer.simulation.asterisk.sessions import ManagerSession

_log = structlog.get_logger(__name__)

BOOT_SECONDS = 0.2  # from the open port until it is fully booted, as a real 22.10


def join_servers(*servers: SimulatedAsterisk) -> None:
    """Connect the servers, so that each can call the others by their configured names."""
    for server in servers:
        server.servers = {each.config.server: each for each in servers if each is not server}


class SimulatedAsterisk(SwitchCalls):
    """A switch of its own on 127.0.0.1: speaks AMI, runs our dialplan, calls our FastAGI server, and plays the voters.

    Use it as `async with SimulatedAsterisk(config) as switch:` on any asyncio loop, in real or in virtual time.
    """

    def __init__(self, config: SimulatedAsteriskConfig | None = None) -> None:
        """Nothing happens until `start`."""
        super().__init__(config or SimulatedAsteriskConfig())
        self.actions = Actions(self)
        self._server: asyncio.Server | None = None

    async def start(self) -> Self:
        """Listen. Raises PortInUse where the port is in use, OSError where the journal cannot be written."""
        start = time.time() if self.config.start_epoch is None else self.config.start_epoch
        self._clock = LoopClock(start)
        self._started_at = self._clock.now()
        self._journal = Journal(self.config.journal)
        await self._listen()
        return self

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: ManagerSession(self.audience, self.actions.run), self.config.host, self.ami_port
            )
        except OSError as error:
            raise PortInUse(
                f"the simulated Asterisk cannot listen on {self.config.host}:{self.ami_port} ({error.strerror}); "
                "set another AMI port"
            ) from error
        self.ami_port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Drop all connections silently, as a killed process does, and close the journal."""
        await self._drop_all()
        for timer in self._call_backs:
            timer.cancel()
        self._journal.close()

    async def __aenter__(self) -> Self:
        """Start."""
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    # Faults

    def cut_ami(self) -> None:
        """Reset every AMI connection. New ones are accepted at once."""
        for session in list(self.audience.sessions):
            session.cut()

    async def cut_ami_for(self, seconds: float) -> None:
        """Reset every AMI connection and accept no new one for so long. Calls go on."""
        if self._server is not None:
            self._server.close()
        self.cut_ami()
        await asyncio.sleep(seconds)
        await self._listen()

    def stall_ami(self) -> None:
        """Read and write nothing on the present AMI connections: half-open, as after a pulled cable."""
        for session in self.audience.sessions:
            session.stall()

    def resume_ami(self) -> None:
        """End a stall."""
        for session in list(self.audience.sessions):
            session.resume()

    def send_garbage(self, data: bytes = b"\x00\xff no AMI at all \r\n\r\n") -> None:
        """Write bytes that are not AMI to every AMI connection."""
        for session in self.audience.sessions:
            session.write(data)

    def cut_agi(self) -> None:
        """Reset every FastAGI connection, whatever it does."""
        for transport in list(self.agi_connections):
            transport.abort()

    def drop_seat(self, endpoint: str) -> None:
        """Hang up the agent's phone, as when it loses its network."""
        for channel in list(self.channels.values()):
            if channel.seat == endpoint:
                self.other_side_hangs_up(channel, EndsBy.PHONE)

    def silence_seat(self, endpoint: str) -> None:
        """The agent's phone is without power, or its page is reloaded: its channel stays until the RTP timeout, and
        nothing comes from it.
        """
        channel = self.phone_channel(endpoint)
        if channel is None:
            raise ValueError(f"the phone of {endpoint} is on no call")
        channel.silent_since = asyncio.get_running_loop().time()
        # Cause 44, as in Asterisk 22.
        channel.schedule(self.config.seat_rtp_timeout_seconds, partial(self.hang_up, channel, 44, EndsBy.PHONE))

    def contact_gone(self, endpoint: str, port: int = 5060) -> None:
        """Remove the phone's registration, as when it registers from elsewhere or loses its connection."""
        self.events.contact_status(endpoint, "Removed", port)

    def contact_back(self, endpoint: str, port: int = 5060) -> None:
        """Register the phone, which answers from now on."""
        self.set_phone(endpoint, PhoneMode.ANSWERS)
        self.events.contact_status(endpoint, "NonQualified", port)

    def set_phone(self, endpoint: str, mode: PhoneMode) -> None:
        """Set how the agent's phone behaves from the next call on."""
        self._phones[endpoint] = replace(self._phones[endpoint], mode=mode)

    def trunk_down(self, name: str) -> None:
        """Make a trunk's carrier silent: calls stay Down until their ring timeout."""
        self._dead_trunks.add(name)

    def trunk_up(self, name: str) -> None:
        """The trunk works again."""
        self._dead_trunks.discard(name)

    def spoil_events(
        self, *, lose: float = 0.0, repeat: float = 0.0, reorder: float = 0.0, names: Collection[str] | None = None
    ) -> None:
        """Lose, repeat or reorder these shares of events, of these names only; without arguments end all faults."""
        self.audience.faults.set(lose=lose, repeat=repeat, reorder=reorder, names=names)

    async def restart(
        self, down_seconds: float = 0.0, *, boot_seconds: float = BOOT_SECONDS, announced: bool = False
    ) -> None:
        """Restart: channels vanish without a Hangup, connections closed, the port too for a while.

        Over once it has booted.

        A crash cuts the connections; `announced`, a Shutdown event goes out first, as after `core restart now`. Who
        logs in while it boots finds, as on a real Asterisk 22.10, no dialplan at first, and then one that no call can
        run.
        """
        if announced:
            self.events.shutdown()
            for session in list(self.audience.sessions):
                session.end()
        await self._drop_all()
        await asyncio.sleep(down_seconds)
        self._started_at = self.now()
        self._channel_number = self.processed_calls = 0
        self.booted = False
        dialplan, self.dialplan, self.globals = self.dialplan, {}, {}
        await self._listen()
        await asyncio.sleep(boot_seconds / 2)
        self.dialplan, self.globals = dialplan, dict(self._first_globals)
        await asyncio.sleep(boot_seconds / 2)
        self.booted = True
        self.events.fully_booted()
        _log.info("simulated_asterisk_restarted", port=self.ami_port)

    async def _drop_all(self) -> None:
        if self._server is not None:
            self._server.close()
        self.events.wanted = frozenset()
        for session in list(self.audience.sessions):
            session.cut()
        self.cut_agi()
        tasks = []
        self.conferences.by_name.clear()
        for channel in list(self.channels.values()):
            channel.conference = None
            channel.cancel_timers()
            if channel.task is not None:
                channel.task.cancel()
                tasks.append(channel.task)
            if channel.trunk is not None:
                self._journal.call_ended(self.now(), channel.uniqueid, EndsBy.RESTART, 0)
        self.channels.clear()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
