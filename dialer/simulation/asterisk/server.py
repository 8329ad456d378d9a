"""The simulated Asterisk as a server: start, stop, and the faults that a test can inject."""

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
from dialer.simulation.asterisk.actions import AmiActions
from dialer.simulation.asterisk.calls import SwitchCalls
from dialer.simulation.asterisk.channels import EndsBy
from dialer.simulation.asterisk.config import PhoneMode, SimulatedAsteriskConfig
from dialer.simulation.asterisk.journal import Journal
from dialer.simulation.asterisk.sessions import ManagerSession

_log = structlog.get_logger(__name__)

STOPPING_CHECK_SECONDS = 0.1
BOOT_SECONDS = 0.2  # from listening until fully booted, as in Asterisk 22.10


def connect_simulated_servers(*servers: SimulatedAsterisk) -> None:
    """Connect simulated servers, so that each can call the others by the names in their configurations (`server`)."""
    for server in servers:
        server.servers = {each.config.server: each for each in servers if each is not server}


class SimulatedAsterisk(SwitchCalls):
    """A simulated Asterisk on 127.0.0.1 that serves AMI, runs the dialplan, uses our FastAGI server and simulates voters.

    Use it as `async with SimulatedAsterisk(config) as switch:` on any asyncio loop, in real or in virtual time.
    """

    def __init__(self, config: SimulatedAsteriskConfig | None = None) -> None:
        """Create a simulated Asterisk that does not listen yet. Without `config` the defaults apply."""
        super().__init__(config or SimulatedAsteriskConfig())
        self.actions = AmiActions(self)
        self._server: asyncio.Server | None = None

    async def start(self) -> Self:
        """Start listening for AMI connections.

        Raises PortInUse if the AMI port is in use, OSError if the journal of calls cannot be written.
        """
        start = time.time() if self.config.start_epoch is None else self.config.start_epoch
        self._clock = LoopClock(start)
        self._started_at = self._clock.now()
        self._journal = Journal(self.config.journal)
        await self._start_listening()
        return self

    async def _start_listening(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: ManagerSession(self.session_registry, self.actions.run_ami_action),
                self.config.host,
                self.ami_port,
            )
        except OSError as error:
            raise PortInUse(
                f"the simulated Asterisk cannot listen on {self.config.host}:{self.ami_port} ({error.strerror}); "
                "set another AMI port"
            ) from error
        self.ami_port = self._server.sockets[0].getsockname()[1]

    @property
    def is_listening(self) -> bool:
        """Whether the simulated Asterisk accepts AMI connections."""
        return self._server is not None and self._server.is_serving()

    async def stop(self) -> None:
        """Stop the simulated Asterisk: reset all connections, as the death of a process does, and close the journal of
        calls.
        """
        await self._drop_all_connections()
        for timer in self._call_backs:
            timer.cancel()
        self._journal.close()

    async def __aenter__(self) -> Self:
        """Start the server."""
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        await self.stop()

    # Fault injection

    def reset_ami_connections(self) -> None:
        """Reset every AMI connection. New connections are accepted immediately."""
        for session in list(self.session_registry.sessions):
            session.reset_connection()

    async def refuse_ami_connections_for_seconds(self, seconds: float) -> None:
        """Reset every AMI connection, and accept no new one for `seconds`. Calls continue."""
        if self._server is not None:
            self._server.close()
        self.reset_ami_connections()
        await asyncio.sleep(seconds)
        await self._start_listening()

    def stall_ami_connections(self) -> None:
        """Stop reading and writing on the current AMI connections, which stay open, as after a network failure."""
        for session in self.session_registry.sessions:
            session.stall_connection()

    def resume_ami_connections(self) -> None:
        """Continue reading and writing after `stall_ami_connections`."""
        for session in list(self.session_registry.sessions):
            session.resume_connection()

    def send_garbage_to_ami_clients(self, data: bytes = b"\x00\xff no AMI at all \r\n\r\n") -> None:
        """Write bytes that are not AMI to every AMI connection."""
        for session in self.session_registry.sessions:
            session.send_bytes(data)

    def reset_agi_connections(self) -> None:
        """Reset every FastAGI connection."""
        for transport in list(self.agi_connections):
            transport.abort()

    def hang_up_phone(self, endpoint: str) -> None:
        """Hang up all calls of a seat's phone, from the phone's side."""
        for channel in list(self.channels.values()):
            if channel.seat == endpoint:
                self.hang_up_channel_from_other_side(channel, EndsBy.PHONE)

    def silence_phone(self, endpoint: str) -> None:
        """Stop the RTP packets from a seat's phone, as a power cut does. Its channel lasts until the RTP timeout.

        Raises ValueError if the phone is not on a call.
        """
        channel = self.find_phone_channel(endpoint)
        if channel is None:
            raise ValueError(f"the simulated phone {endpoint} is not on a call")
        channel.silent_since = asyncio.get_running_loop().time()
        # Asterisk 22 hangs up with cause 44.
        channel.schedule_action_unless_call_ends(
            self.config.seat_rtp_timeout_seconds, partial(self.hang_up_channel, channel, 44, EndsBy.PHONE)
        )

    def unregister_phone(self, endpoint: str, port: int = 5060) -> None:
        """Publish the AMI event that the registration of a seat's phone at `port` has ended."""
        self.events.publish_contact_status_event(endpoint, "Removed", port)

    def register_phone(self, endpoint: str, port: int = 5060) -> None:
        """Publish the AMI event that a seat's phone is registered at `port`. From now on it answers calls."""
        self.set_reaction_of_seat_phone(endpoint, PhoneMode.ANSWERS)
        self.events.publish_contact_status_event(endpoint, "NonQualified", port)

    def put_phone_on_hold(self, endpoint: str) -> None:
        """Press the hold key of a seat's phone: its audio stops, and the AMI event Hold is published."""
        self._publish_hold_event_of_phone("Hold", endpoint)

    def take_phone_off_hold(self, endpoint: str) -> None:
        """Press the hold key of a seat's phone again: the AMI event Unhold is published."""
        self._publish_hold_event_of_phone("Unhold", endpoint)

    def _publish_hold_event_of_phone(self, name: str, endpoint: str) -> None:
        channel = self.find_phone_channel(endpoint)
        if channel is not None:
            self.events.publish_channel_event(name, channel)

    def set_reaction_of_seat_phone(self, endpoint: str, mode: PhoneMode) -> None:
        """Set how a seat's phone reacts to calls, from the next call on."""
        self._phones[endpoint] = replace(self._phones[endpoint], mode=mode)

    def take_trunk_down(self, name: str) -> None:
        """Simulate a carrier that does not respond on a trunk. New calls stay in the state Down until their ring timeout."""
        self._dead_trunks.add(name)

    def bring_trunk_up(self, name: str) -> None:
        """End the failure of a trunk that `take_trunk_down` simulates: the carrier responds again."""
        self._dead_trunks.discard(name)

    def set_registration_of_trunk(self, trunk: str, status: str) -> None:
        """Set the state of a trunk's registration with its carrier (see `SimulatedTrunk.registration`), and publish the
        change.
        """
        self.registrations[trunk] = status
        self.events.publish_registry_event(trunk, status)

    def set_event_faults(
        self, *, lose: float = 0.0, repeat: float = 0.0, reorder: float = 0.0, names: Collection[str] | None = None
    ) -> None:
        """Lose, repeat or reorder a share (0-1) of the AMI events, chosen at random. Without arguments, end these
        faults.

        Only events in `names` are affected, by default all.
        """
        self.session_registry.faults.set_fault_rates_of_ami_events(
            lose=lose, repeat=repeat, reorder=reorder, names=names
        )

    async def restart(
        self, down_seconds: float = 0.0, *, boot_seconds: float = BOOT_SECONDS, announced: bool = False
    ) -> None:
        """Restart the simulated Asterisk, and return once it has booted. All calls and connections end.

        Args:
            down_seconds: How long the port stays closed.
            boot_seconds: The time from listening until fully booted. No call can run the dialplan before the end of the boot.
            announced: Publish Shutdown first, as `core restart now` does. Otherwise, the restart is a crash.
        """
        if announced:
            self.events.publish_shutdown_event()
            for session in list(self.session_registry.sessions):
                session.close()
        await self._drop_all_connections()
        await asyncio.sleep(down_seconds)
        self._started_at = self.get_current_time()
        self._channel_number = self.processed_calls = 0
        self.booted = False
        dialplan, self.dialplan, self.globals = self.dialplan, {}, {}
        await self._start_listening()
        await asyncio.sleep(boot_seconds / 2)
        self.dialplan, self.globals = dialplan, dict(self._first_globals)
        await asyncio.sleep(boot_seconds / 2)
        self.booted = True
        self.events.publish_fully_booted_event()
        _log.info("simulated_asterisk.restarted", port=self.ami_port)

    async def restart_gracefully(self, down_seconds: float = 0.0) -> None:
        """Restart as `core restart gracefully` does: refuse all AMI actions until every channel has ended, then
        restart.
        """
        self.stopping = True
        while self.channels:  # noqa: ASYNC110 - they end in many places
            await asyncio.sleep(STOPPING_CHECK_SECONDS)
        self.stopping = False
        await self.restart(down_seconds, announced=True)

    async def _drop_all_connections(self) -> None:
        if self._server is not None:
            self._server.close()
        self.events.wanted = frozenset()
        for session in list(self.session_registry.sessions):
            session.reset_connection()
        self.reset_agi_connections()
        tasks = []
        self.conferences.by_name.clear()
        for channel in list(self.channels.values()):
            channel.conference = None
            channel.cancel_timers()
            if channel.task is not None:
                channel.task.cancel()
                tasks.append(channel.task)
            if channel.trunk is not None:
                self._journal.write_ended_call_to_journal(self.get_current_time(), channel.uniqueid, EndsBy.RESTART, 0)
        self.channels.clear()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
