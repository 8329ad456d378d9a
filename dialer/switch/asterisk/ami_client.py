"""A connection to Asterisk's manager over TCP: log in, send actions, receive events, until it is lost.

`AmiSession` decides what to send and when; this module moves bytes, keeps time and wakes callers. Every wait ends with
the response, the loss of the connection or a timeout.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Callable, Collection, Iterable
from types import TracebackType
from typing import Final, Self, cast

import structlog

from dialer.domain.errors import PermissionMissing, SwitchError, SwitchUnreachable
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.ami_session import Action, AmiLimits, AmiLogin, AmiSession

_log = structlog.get_logger(__name__)

READ_LINE: Final = "read = system,call,user"
_READ_BYTES: Final = 65_536

EventHandler = Callable[[AmiMessage], None]
"""Handles an event at once, in the order in which Asterisk wrote them. An exception ends the session."""


class AmiClient(asyncio.BufferedProtocol):
    """A connection to the manager: `async with AmiClient(login, on_event=...) as client: await client.action(...)`.

    Entering connects and logs in; it raises SwitchUnreachable, LoginRefused or ProtocolError. `on_event` may be called
    before that returns. `lost()` waits for the end and returns the reason.
    """

    def __init__(
        self,
        login: AmiLogin,
        *,
        on_event: EventHandler,
        keep_events: Collection[str] | None = None,
        limits: AmiLimits | None = None,
    ) -> None:
        """`keep_events` are the names of the events that `on_event` gets; None: all."""
        self.limits = limits or AmiLimits()
        self._login = login
        self._on_event = on_event
        self._session = AmiSession(login, self.limits, secrets.token_hex(6), keep_events)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = memoryview(bytearray(_READ_BYTES))  # one for all reads: asyncio would allocate 256 KiB for each
        self._greeted = asyncio.Event()
        self._flush_is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._end: asyncio.Future[SwitchError] = self._loop.create_future()
        self._booted: asyncio.Future[None] = self._loop.create_future()

    async def __aenter__(self) -> Self:
        try:
            await self._connect()
            await self._outcome_of(self._session.log_in(self._loop.time()))
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def up(self) -> bool:
        """Whether the session is up, as far as is known."""
        return self._transport is not None and not self._end.done()

    @property
    def banner(self) -> str:
        """Asterisk's first line, with its manager's name and version; "" before it came."""
        return self._session.banner

    @property
    def oldest_unanswered_seconds(self) -> float:
        """How long the oldest action (or Ping) has waited. Grows as soon as a connection is half open."""
        return self._session.oldest_unanswered_seconds(self._loop.time())

    async def lost(self) -> SwitchError:
        """Wait for the end of the session and return the reason."""
        return await asyncio.shield(self._end)

    async def booted(self) -> None:
        """Wait until Asterisk reports that it is fully booted (the event FullyBooted, which `keep_events` must have).

        An Asterisk that is still booting accepts log-ins, has no dialplan at first, and then accepts orders whose calls
        fail.

        Raises the reason where the session ends, PermissionMissing where the event does not come within
        `AmiLimits.boot_seconds`.
        """
        seconds = self.limits.boot_seconds
        await asyncio.wait((self._booted, self._end), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._end.done():
            raise self._end.result()
        if not self._booted.done():
            user = self._login.username
            raise PermissionMissing(
                f"Asterisk did not report within {seconds:g} s that it is fully booted: it is still booting, or manager "
                f"user {user} lacks system in its read classes: in manager.conf, section [{user}], write the line "
                f"`{READ_LINE}`, then `manager reload`"
            )

    def close(self) -> None:
        """End the session now.

        Waiting actions raise SwitchUnreachable; an Originate that was written raises OriginateUnsure.
        """
        self._lose(SwitchUnreachable("the session with Asterisk was closed"))

    async def action(
        self,
        name: str,
        fields: Iterable[tuple[str, str]] = (),
        *,
        action_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> AmiMessage:
        """Send an action and return its response.

        Raises UnsafeValue (nothing was sent), SwitchUnreachable, PermissionMissing, or SwitchError for another refusal
        or a timeout. For an Originate: OriginateRefused or PermissionMissing (not placed), SwitchUnreachable (nothing
        was written), OriginateUnsure (written, and no response came).
        """
        now = self._now_if_open()
        action = self._session.send(name, fields, now, action_id=action_id, timeout_seconds=timeout_seconds)
        return await self._outcome_of(action)

    async def action_list(
        self, name: str, fields: Iterable[tuple[str, str]] = (), *, timeout_seconds: float | None = None
    ) -> list[AmiMessage]:
        """Send an action that is answered by a list of events. Return them without the last one ("Complete").

        `on_event` does not get them. Raises as `action` does.
        """
        now = self._now_if_open()
        action = self._session.send(name, fields, now, timeout_seconds=timeout_seconds, listing=True)
        await self._outcome_of(action)
        return action.items or []

    async def _connect(self) -> None:
        where = f"{self._login.host}:{self._login.port}"
        try:
            async with asyncio.timeout(self.limits.connect_seconds):
                await self._loop.create_connection(lambda: self, self._login.host, self._login.port)
                await self._greeted.wait()
        except TimeoutError:
            raise SwitchUnreachable(
                f"Asterisk's manager at {where} does not answer; check `ami.host` and `ami.port`"
            ) from None
        except OSError as error:
            raise SwitchUnreachable(
                f"cannot connect to Asterisk's manager at {where} ({error.strerror or error}); "
                "check `ami.host`, `ami.port` and that Asterisk runs"
            ) from None
        if self._end.done():
            raise self._end.result()

    def _now_if_open(self) -> float:
        """Return the time, for an action to send.

        Raises SwitchUnreachable where the connection is closing and has not reported it yet.
        """
        if self._transport is not None and self._transport.is_closing() and not self._end.done():
            raise SwitchUnreachable("no connection to Asterisk's manager; nothing was sent")
        return self._loop.time()

    async def _outcome_of(self, action: Action) -> AmiMessage:
        """Wait for an action that the session has accepted. Return its response, or raise its error."""
        action.waiter = waiter = self._loop.create_future()
        if self._session.write_is_due:
            self._flush()
        elif not self._flush_is_due:
            self._flush_soon()
        if self._session.deadline < self._timer_at:
            self._set_timer()
        try:
            await waiter
        except BaseException:
            self._session.abandon(action)
            self._flush_soon()
            raise
        outcome = action.outcome
        if isinstance(outcome, SwitchError):
            raise outcome
        assert outcome is not None  # noqa: S101 - the session sets it before it wakes us
        return outcome

    def _flush_soon(self) -> None:
        """Write at the end of this iteration of the event loop: one system call for all actions of the iteration."""
        if not self._flush_is_due and self._session.has_writes:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        while self._transport is not None and (data := self._session.writes()):
            self._transport.write(data)

    def _set_timer(self) -> None:
        """Set the one timer of the session: a timer for each action would cost more than everything else."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._session.deadline
        self._timer = None if self._timer_at == math.inf else self._loop.call_at(self._timer_at, self._tick)

    def _tick(self) -> None:
        self._flush()  # so that actions of this iteration do not time out unsent
        self._wake(self._session.tick(max(self._loop.time(), self._timer_at)))
        self._write_or_finish()
        self._set_timer()

    def _wake(self, ended: Iterable[Action]) -> None:
        for action in ended:
            if isinstance(action.waiter, asyncio.Future) and not action.waiter.done():
                action.waiter.set_result(None)

    def _write_or_finish(self) -> None:
        """Write what the session has to write, or finish where it has ended."""
        if self._session.ended is not None:
            self._finish(self._session.ended)
            return
        if not self._flush_is_due:
            self._flush_soon()
        if self._session.deadline < self._timer_at:
            self._set_timer()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._end.done():
            cast(asyncio.Transport, transport).abort()
            return
        self._transport = cast(asyncio.Transport, transport)
        self._session.connected(self._loop.time())
        self._set_timer()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        session = self._session
        for received in session.receive(bytes(self._buffer[:nbytes]), self._loop.time()):
            if type(received) is AmiMessage:
                if session.ended is None:
                    self._deliver(received)
            else:
                self._wake((cast(Action, received),))
        if not self._greeted.is_set() and session.banner:
            self._greeted.set()
        self._write_or_finish()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wake(self._session.disconnected(exc))
        self._write_or_finish()

    def pause_writing(self) -> None:
        self._session.set_writable(False)

    def resume_writing(self) -> None:
        self._session.set_writable(True)
        self._flush_soon()

    def _deliver(self, event: AmiMessage) -> None:
        if event.event == "FullyBooted" and not self._booted.done():
            self._booted.set_result(None)
        try:
            self._on_event(event)
        except Exception:  # noqa: BLE001 - its state may be wrong now: the resync of a new session corrects it
            _log.exception("ami.event_handler_failed", event_name=event.event)
            self._lose(SwitchError("the session with Asterisk was ended by a bug of the dialler; see the log"))

    def _lose(self, reason: SwitchError) -> None:
        self._wake(self._session.lose(reason))
        self._write_or_finish()

    def _finish(self, reason: SwitchError) -> None:
        if self._end.done():
            return
        self._end.set_result(reason)
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()
        self._greeted.set()
