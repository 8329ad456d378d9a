"""A TCP connection to the Asterisk Manager Interface (AMI): log in, send actions, receive events.

`AmiSession` decides which bytes to send and when. This module transfers the bytes, runs the timer and wakes waiting
callers. Every wait ends with a response, a lost connection or a timeout.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import socket
from collections.abc import Callable, Collection, Iterable
from types import TracebackType
from typing import Final, Self, cast

import structlog

from dialer.domain.errors import PermissionMissing, SwitchError, SwitchNotListening, SwitchUnreachable
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.ami_session import Action, AmiLimits, AmiLogin, AmiSession

_log = structlog.get_logger(__name__)

READ_LINE: Final = "read = system,call,user"
_READ_BYTES: Final = 65_536

EventHandler = Callable[[AmiMessage], None]
"""Handles an event, in the order in which Asterisk sent them. An exception ends the session."""


class AmiClient(asyncio.BufferedProtocol):
    """An AMI connection: `async with AmiClient(login, on_event=...) as client: await client.send_action(...)`.

    Entering the context connects and logs in. `on_event` may be called before that has finished.

    Raises:
        SwitchUnreachable, LoginRefused, ProtocolError: on entering the context.
    """

    def __init__(
        self,
        login: AmiLogin,
        *,
        on_event: EventHandler,
        wanted_events: Collection[str] | None = None,
        limits: AmiLimits | None = None,
    ) -> None:
        """Create a client. `wanted_events` are the names of the events passed to `on_event` (None for all)."""
        self.limits = limits or AmiLimits()
        self._login = login
        self._on_event = on_event
        self._session = AmiSession(login, self.limits, secrets.token_hex(6), wanted_events)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = memoryview(bytearray(_READ_BYTES))  # one for all reads: asyncio would allocate 256 KiB for each
        self._greeted = asyncio.Event()
        self._flush_is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._end: asyncio.Future[SwitchError] = self._loop.create_future()
        self._booted: asyncio.Future[None] = self._loop.create_future()
        self._stopping = asyncio.Event()

    async def __aenter__(self) -> Self:
        try:
            await self._open_connection()
            await self._wait_for_action_response(self._session.queue_login_action(self._loop.time()))
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_session_up(self) -> bool:
        """Whether the AMI connection is open. A lost connection may be noticed only later."""
        return self._transport is not None and not self._end.done()

    @property
    def is_asterisk_stopping(self) -> bool:
        """Whether Asterisk has refused an action because it is shutting down."""
        return self._session.is_stopping

    @property
    def manager_banner(self) -> str:
        """The first line from Asterisk, with the name and version of its manager, or "" before it has arrived."""
        return self._session.manager_banner

    @property
    def age_of_oldest_pending_action(self) -> float:
        """How long the oldest AMI action or Ping without a response has waited so far (s). It grows if Asterisk hangs."""
        return self._session.get_age_of_oldest_pending_action(self._loop.time())

    async def wait_until_session_lost(self) -> SwitchError:
        """Wait until the AMI session ends, and return the error that ended it."""
        return await asyncio.shield(self._end)

    async def wait_until_asterisk_booted(self) -> None:
        """Wait until Asterisk has fully booted (event FullyBooted, which `wanted_events` must contain).

        An Asterisk that is still booting accepts log-ins and Originates, but the calls fail.

        Raises:
            PermissionMissing: the event has not arrived after `AmiLimits.boot_seconds`.
            SwitchError: the session has ended.
        """
        seconds = self.limits.boot_seconds
        await asyncio.wait((self._booted, self._end), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._end.done():
            raise self._end.result()
        if not self._booted.done():
            user = self._login.username
            raise PermissionMissing(
                f"Asterisk did not report within {seconds:g} s that it is fully booted: if it is still booting, "
                f"wait. Otherwise manager user {user} lacks system in its read classes: in manager.conf, "
                f"section [{user}], write the line `{READ_LINE}`, then run `manager reload`"
            )

    async def wait_until_asterisk_stops(self) -> None:
        """Wait until Asterisk has refused an action or Ping because it is shutting down."""
        await self._stopping.wait()

    def close(self) -> None:
        """Close the AMI connection.

        Waiting calls of `send_action` raise SwitchUnreachable, or OriginateUnsure for an Originate that was sent.
        """
        self._end_ami_session(SwitchUnreachable("the session with Asterisk was closed"))

    async def send_action(
        self,
        name: str,
        fields: Iterable[tuple[str, str]] = (),
        *,
        action_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> AmiMessage:
        """Send an action and return its response.

        Raises:
            UnsafeValue: a field cannot be sent safely. Nothing was sent.
            SwitchUnreachable: there is no connection. An Originate was not sent.
            OriginateRefused, PermissionMissing: Asterisk refused the action. A call was not placed.
            OriginateUnsure: an Originate got no response. The call may exist.
            SwitchError: Asterisk refused another action, or did not respond in time.
        """
        self._require_connection()
        now = self._loop.time()
        action = self._session.queue_ami_action(name, fields, now, action_id=action_id, timeout_seconds=timeout_seconds)
        return await self._wait_for_action_response(action)

    async def send_list_action(
        self, name: str, fields: Iterable[tuple[str, str]] = (), *, timeout_seconds: float | None = None
    ) -> list[AmiMessage]:
        """Send an action that Asterisk answers with a list of events, and return these events.

        The last event ("Complete") is left out. The events are not passed to `on_event`. Raises as `send_action` does.
        """
        self._require_connection()
        now = self._loop.time()
        action = self._session.queue_ami_action(name, fields, now, timeout_seconds=timeout_seconds, listing=True)
        await self._wait_for_action_response(action)
        return action.items or []

    async def _open_connection(self) -> None:
        address = f"{self._login.host}:{self._login.port}"
        try:
            async with asyncio.timeout(self.limits.connect_seconds):
                await self._loop.create_connection(lambda: self, self._login.host, self._login.port)
                await self._greeted.wait()
        except TimeoutError:
            raise SwitchUnreachable(
                f"Asterisk's manager at {address} does not answer: check `ami.host` and `ami.port`"
            ) from None
        except OSError as error:
            # An unknown host name is no restart of Asterisk: the waits between look-ups of the name grow.
            kind = SwitchUnreachable if isinstance(error, socket.gaierror) else SwitchNotListening
            raise kind(
                f"cannot connect to Asterisk's manager at {address} ({error.strerror or error}): "
                "check `ami.host` and `ami.port`, and that Asterisk is running"
            ) from None
        if self._end.done():
            raise self._end.result()

    def _require_connection(self) -> None:
        """Raise SwitchUnreachable if the TCP connection is closing.

        `AmiSession` may not have been notified of this yet.
        """
        if self._transport is not None and self._transport.is_closing() and not self._end.done():
            raise SwitchUnreachable(
                "Asterisk's manager is not connected, so nothing was sent: check that Asterisk is running"
            )

    async def _wait_for_action_response(self, action: Action) -> AmiMessage:
        """Wait until Asterisk has answered an action. Return the response, or raise the action's error."""
        action.waiter = waiter = self._loop.create_future()
        if self._session.is_write_batch_full:
            self._write_output()
        elif not self._flush_is_due:
            self._schedule_output_write()
        if self._session.deadline < self._timer_at:
            self._set_deadline_timer()
        try:
            await waiter
        except BaseException:
            self._session.stop_waiting_for_action(action)
            self._schedule_output_write()
            raise
        outcome = action.outcome
        if isinstance(outcome, SwitchError):
            raise outcome
        assert outcome is not None  # noqa: S101 - the session sets it before it wakes us
        return outcome

    def _schedule_output_write(self) -> None:
        """Schedule one write at the end of this iteration of the event loop. It sends all actions that are queued by
        then.
        """
        if not self._flush_is_due and self._session.has_bytes_to_write:
            self._flush_is_due = True
            self._loop.call_soon(self._write_output)

    def _write_output(self) -> None:
        self._flush_is_due = False
        while self._transport is not None and (data := self._session.pop_bytes_to_write()):
            self._transport.write(data)

    def _set_deadline_timer(self) -> None:
        """Set the timer to the session's next deadline. One timer serves all actions, because that saves CPU time."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._session.deadline
        self._timer = (
            None if self._timer_at == math.inf else self._loop.call_at(self._timer_at, self._run_due_timeouts_and_pings)
        )

    def _run_due_timeouts_and_pings(self) -> None:
        self._write_output()  # so that actions of this iteration do not time out unsent
        self._wake_callers_of_ended_ami_actions(
            self._session.run_due_timeouts_and_pings(max(self._loop.time(), self._timer_at))
        )
        self._write_output_or_close()
        self._set_deadline_timer()

    def _wake_callers_of_ended_ami_actions(self, ended: Iterable[Action]) -> None:
        for action in ended:
            if isinstance(action.waiter, asyncio.Future) and not action.waiter.done():
                action.waiter.set_result(None)

    def _write_output_or_close(self) -> None:
        """Schedule a write of the session's output, or close the connection if the session has ended."""
        if self._session.ended is not None:
            self._close_connection(self._session.ended)
            return
        if not self._flush_is_due:
            self._schedule_output_write()
        if self._session.deadline < self._timer_at:
            self._set_deadline_timer()

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._end.done():
            cast(asyncio.Transport, transport).abort()
            return
        self._transport = cast(asyncio.Transport, transport)
        self._session.mark_connection_open(self._loop.time())
        self._set_deadline_timer()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        session = self._session
        for received in session.process_received_bytes(bytes(self._buffer[:nbytes]), self._loop.time()):
            if type(received) is AmiMessage:
                if session.ended is None:
                    self._deliver_event(received)
            else:
                self._wake_callers_of_ended_ami_actions((cast(Action, received),))
        if session.is_stopping:
            self._stopping.set()
        if not self._greeted.is_set() and session.manager_banner:
            self._greeted.set()
        self._write_output_or_close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wake_callers_of_ended_ami_actions(self._session.on_connection_lost(exc))
        self._write_output_or_close()

    def pause_writing(self) -> None:
        self._session.set_connection_writable(False)

    def resume_writing(self) -> None:
        self._session.set_connection_writable(True)
        self._schedule_output_write()

    def _deliver_event(self, event: AmiMessage) -> None:
        if event.event_name == "FullyBooted" and not self._booted.done():
            self._booted.set_result(None)
        try:
            self._on_event(event)
        except Exception:  # noqa: BLE001 - the handler's state may be wrong: a new session corrects it by a resync
            _log.exception("ami.event_handler_failed", event_name=event.event_name)
            self._end_ami_session(
                SwitchError("the session with Asterisk was ended by a bug of the dialler: see the log and report it")
            )

    def _end_ami_session(self, reason: SwitchError) -> None:
        self._wake_callers_of_ended_ami_actions(self._session.end_ami_session(reason))
        self._write_output_or_close()

    def _close_connection(self, reason: SwitchError) -> None:
        if self._end.done():
            return
        self._end.set_result(reason)
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()
        self._greeted.set()
