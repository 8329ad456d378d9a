"""One session with Asterisk's manager: connect, log in, act, listen, until it is lost.

Everything a session waits for ends with the answer, the loss of the connection or a timeout. Nothing is ever sent
twice: what a lost session leaves open is for a resync to find out (see `ami_link`).
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

import structlog

from dialer.domain.errors import ProtocolError, SwitchError, SwitchUnreachable
from dialer.switch.asterisk.ami_actions import Outstanding, PendingAction
from dialer.switch.asterisk.ami_codec import AmiDecoder, AmiMessage, encode_action

# The connection under an AMI session: bytes up, nothing decided.

_READ_BYTES = 65_536


class AmiWire(asyncio.BufferedProtocol):
    """The connection under a session, with one buffer for all reads: a protocol's own reads allocate 256 KiB each."""

    def __init__(
        self,
        connected: Callable[[asyncio.Transport], None],
        received: Callable[[bytes], None],
        disconnected: Callable[[Exception | None], None],
        set_writable: Callable[[bool], None],
    ) -> None:
        self._connected = connected
        self._received = received
        self._disconnected = disconnected
        self._set_writable = set_writable
        self._buffer = memoryview(bytearray(_READ_BYTES))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connected(cast(asyncio.Transport, transport))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._received(bytes(self._buffer[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._disconnected(exc)

    def pause_writing(self) -> None:
        self._set_writable(False)

    def resume_writing(self) -> None:
        self._set_writable(True)


_log = structlog.get_logger(__name__)

_OUTBOX_BYTES = 65_536

EventHandler = Callable[[AmiMessage], None]
"""Takes an event at once, in the order Asterisk wrote them. It must not raise: that ends the session."""


@dataclass(frozen=True, slots=True)
class AmiLogin:
    """Where the manager listens, and who we are there."""

    host: str
    port: int
    username: str
    secret: str

    def __repr__(self) -> str:
        return f"AmiLogin({self.username}@{self.host}:{self.port})"


@dataclass(frozen=True, slots=True)
class AmiLimits:
    """How long a session waits and how much it holds. AMI has no keepalive, hence the Ping."""

    connect_seconds: float = 5.0  # to the banner
    reply_seconds: float = 10.0  # an action's, Login's and a whole list's
    ping_seconds: float = 5.0
    dead_seconds: float = 10.0  # without any byte from Asterisk
    outstanding_actions: int = 1000  # further ones wait for their turn
    list_items: int = 50_000


class AmiClient:
    """One connection to the manager: `async with AmiClient(login, on_event=...) as client: await client.action(...)`.

    Entering connects and logs in; it raises SwitchUnreachable, LoginRefused or ProtocolError. `on_event` may be called
    before that returns. `lost()` waits for the end and says why it came.
    """

    def __init__(
        self,
        login: AmiLogin,
        *,
        on_event: EventHandler,
        keep_events: Collection[str] | None = None,
        limits: AmiLimits | None = None,
    ) -> None:
        """`keep_events` are the names of the events that `on_event` wants, None for all."""
        self.limits = limits or AmiLimits()
        self._login = login
        self._on_event = on_event
        self._keep = None if keep_events is None else frozenset(keep_events)
        self._decoder = AmiDecoder(keep_events=self._keep)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._id_prefix = secrets.token_hex(6)  # a new session may receive what a dead one's ActionID caused
        self._ids = 0
        self._ping_id = ""
        self._actions = Outstanding(login.username, self.limits.list_items)
        self._free_slots = self.limits.outstanding_actions
        self._queue: deque[asyncio.Future[None]] = deque()  # who waits for a slot
        self._may_write = False
        self._greeted = asyncio.Event()
        self._outbox: list[PendingAction] = []
        self._outbox_bytes = 0
        self._heard_at = 0.0
        self._sweep_at = math.inf
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._ping_timer: asyncio.TimerHandle | None = None
        self._dead_timer: asyncio.TimerHandle | None = None
        self._end: asyncio.Future[SwitchError] = self._loop.create_future()

    async def __aenter__(self) -> Self:
        try:
            await self._connect()
            await self._log_in()
        except BaseException:
            self.close()
            raise
        self._ping_timer = self._loop.call_later(self.limits.ping_seconds, self._ping)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def up(self) -> bool:
        """Whether the session stands, as far as we know."""
        return self._transport is not None and not self._end.done()

    @property
    def banner(self) -> str:
        """What Asterisk calls its manager, "" before it said so."""
        return self._decoder.banner

    @property
    def outstanding(self) -> int:
        """How many actions wait for their answer."""
        return len(self._actions)

    @property
    def oldest_unanswered_seconds(self) -> float:
        """How long the oldest action (or Ping) has waited: it grows at once when a connection is half open."""
        oldest = self._actions.oldest
        return 0.0 if oldest is None else self._loop.time() - oldest.begun_at

    async def lost(self) -> SwitchError:
        """Wait for the end of the session and return why it ended."""
        return await asyncio.shield(self._end)

    def close(self) -> None:
        """End the session now. Whatever waits gets SwitchUnreachable, an Originate that was written OriginateUnsure."""
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
        was written), OriginateUnsure (written, and no answer came).
        """
        action_id = action_id or self._next_id()
        pending = self._prepare(name, fields, action_id, timeout_seconds, listing=False)
        if not self._take_slot():
            await self._turn(pending)
        return await self._exchange(action_id, pending)

    async def action_list(
        self, name: str, fields: Iterable[tuple[str, str]] = (), *, timeout_seconds: float | None = None
    ) -> list[AmiMessage]:
        """Send an action that answers with a list of events, and return those but the last ("Complete").

        They are not given to `on_event`. Raises as `action` does.
        """
        action_id = self._next_id()
        pending = self._prepare(name, fields, action_id, timeout_seconds, listing=True)
        if not self._take_slot():
            await self._turn(pending)
        await self._exchange(action_id, pending)
        return pending.items or []

    async def _connect(self) -> None:
        where = f"{self._login.host}:{self._login.port}"
        try:
            async with asyncio.timeout(self.limits.connect_seconds):
                await self._loop.create_connection(self._wire, self._login.host, self._login.port)
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

    def _wire(self) -> AmiWire:
        return AmiWire(self._connected, self._received, self._disconnected, self._set_writable)

    async def _log_in(self) -> None:
        login = self._login
        await self.action("Login", [("Username", login.username), ("Secret", login.secret), ("Events", "on")])

    def _prepare(
        self,
        name: str,
        fields: Iterable[tuple[str, str]],
        action_id: str,
        timeout_seconds: float | None,
        *,
        listing: bool,
    ) -> PendingAction:
        data = encode_action(name, fields, action_id)
        now = self._loop.time()
        seconds = self.limits.reply_seconds if timeout_seconds is None else timeout_seconds
        return PendingAction(name, data, now, now + seconds, self._loop.create_future(), [] if listing else None)

    def _take_slot(self) -> bool:
        if not self._may_write or self._queue or not self._free_slots:
            return False
        self._free_slots -= 1
        return True

    async def _turn(self, pending: PendingAction) -> None:
        """Wait for a slot, first come first served. Whoever gives one back hands it on; a loss wakes everybody."""
        self._standing()
        handed_over: asyncio.Future[None] = self._loop.create_future()
        self._queue.append(handed_over)
        try:
            async with asyncio.timeout_at(pending.deadline):
                await handed_over
        except BaseException as error:
            if handed_over.done() and not handed_over.cancelled():
                self._give_slot()  # it came in the very moment in which we were cancelled
            if isinstance(error, TimeoutError):
                raise SwitchUnreachable(
                    f"Asterisk does not keep up with us; this {pending.name} was not sent"
                ) from None
            raise

    def _give_slot(self) -> None:
        self._free_slots += 1
        self._hand_over()

    def _hand_over(self) -> None:
        """Wake those who wait, as far as there are slots and Asterisk reads what we write; all of them after a loss."""
        while self._queue and ((self._may_write and self._free_slots) or self._end.done()):
            waiter = self._queue.popleft()
            if not waiter.done():
                self._free_slots -= 1
                waiter.set_result(None)

    async def _exchange(self, action_id: str, pending: PendingAction) -> AmiMessage:
        """Write an action that has a slot, and wait for its answer."""
        answer = pending.answer
        assert answer is not None  # noqa: S101 - only the session's own Ping has none
        try:
            self._standing()
            self._actions.add(action_id, pending)
            try:
                if pending.items is not None:
                    self._decoder.keep_only(None)
                if pending.deadline < self._sweep_at:
                    self._sweep_next(pending.deadline)
                self._write(pending)
                return await answer
            finally:
                self._actions.remove(action_id)
                if pending.items is not None and not self._actions.lists:
                    self._decoder.keep_only(self._keep)
        finally:
            self._give_slot()

    def _write(self, pending: PendingAction) -> None:
        """Write at the end of this turn of the loop, with all that comes in it: one system call for many actions."""
        if not self._outbox:
            self._loop.call_soon(self._flush)
        self._outbox.append(pending)
        self._outbox_bytes += len(pending.data)
        if self._outbox_bytes >= _OUTBOX_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._outbox or self._transport is None or self._end.done():
            return
        data = b"".join([pending.data for pending in self._outbox])
        for pending in self._outbox:
            pending.data = b""
        self._outbox.clear()
        self._outbox_bytes = 0
        self._transport.write(data)

    def _sweep_next(self, at: float) -> None:
        """Look for overdue actions at that time: one timer for all, where a timer each would cost more than the rest."""
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        self._sweep_at = at
        self._sweep_timer = self._loop.call_at(at, self._sweep)

    def _sweep(self) -> None:
        self._sweep_at = math.inf
        self._flush()  # what is overdue must not leave after its caller was told that it had not
        following = self._actions.expire(self._loop.time())
        if following is not None and following < math.inf:
            self._sweep_next(following)

    def _standing(self) -> asyncio.Transport:
        if self._end.done():
            raise SwitchUnreachable(str(self._end.result()))
        if self._transport is None or self._transport.is_closing():
            raise SwitchUnreachable("there is no connection to Asterisk's manager; nothing was sent")
        return self._transport

    def _next_id(self) -> str:
        self._ids += 1
        return f"{self._id_prefix}-{self._ids}"

    def _connected(self, transport: asyncio.Transport) -> None:
        if self._end.done():
            transport.abort()
            return
        self._transport = transport
        self._may_write = True
        self._heard_at = self._loop.time()
        self._dead_timer = self._loop.call_later(self.limits.dead_seconds, self._look_for_life)

    def _set_writable(self, may_write: bool) -> None:
        self._may_write = may_write
        self._hand_over()

    def _received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        try:
            messages = self._decoder.feed(data)
        except ProtocolError as error:
            self._lose(error)
            return
        if not self._greeted.is_set() and self._decoder.banner:
            self._greeted.set()
        for message in messages:
            if self._end.done():
                return
            self._take(message)

    def _disconnected(self, error: Exception | None) -> None:
        how = "closed the connection" if error is None else f"was cut off ({error})"
        where = " in the middle of a message" if self._decoder.mid_message else ""
        self._lose(SwitchUnreachable(f"Asterisk's manager {how}{where}"))

    def _take(self, message: AmiMessage) -> None:
        event = message.event
        if not event:
            self._actions.take_response(message)
        elif self._actions.lists and self._actions.take_item(message):
            return
        elif self._keep is None or event in self._keep:
            try:
                self._on_event(message)
            except Exception:  # noqa: BLE001 - its state may be wrong now: a new session's resync mends it
                _log.exception("ami.event_handler_failed", event_name=event)
                self._lose(SwitchError("the session with Asterisk was ended by a mistake of our own; see the log"))

    def _ping(self) -> None:
        if self._may_write and self._ping_id not in self._actions:
            self._ping_id = self._next_id()
            ping = PendingAction(
                "Ping", encode_action("Ping", (), self._ping_id), self._loop.time(), math.inf, None, None
            )
            self._actions.add(self._ping_id, ping)
            self._write(ping)
        self._ping_timer = self._loop.call_later(self.limits.ping_seconds, self._ping)

    def _look_for_life(self) -> None:
        silent_until = self._heard_at + self.limits.dead_seconds
        if self._loop.time() < silent_until:
            self._dead_timer = self._loop.call_at(silent_until, self._look_for_life)
        else:
            self._lose(SwitchUnreachable(f"Asterisk's manager was silent for {self.limits.dead_seconds:g} s"))

    def _lose(self, reason: SwitchError) -> None:
        if self._end.done():
            return
        self._end.set_result(reason)
        for timer in (self._ping_timer, self._dead_timer, self._sweep_timer):
            if timer is not None:
                timer.cancel()
        if self._transport is not None:
            self._transport.abort()
        self._actions.fail_all(SwitchUnreachable(str(reason)))
        self._greeted.set()
        self._hand_over()
