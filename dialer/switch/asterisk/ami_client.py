"""One session with Asterisk's manager over TCP: connect, log in, act, listen, until it is lost; and a link, which begins anew then.

`AmiSession` decides; here bytes, time and whoever waits are pumped. Everything a session waits for ends with the answer, the
loss of the connection or a timeout.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self, cast

import structlog

from dialer.domain.errors import LoginRefused, PermissionMissing, SwitchError, SwitchUnreachable
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.ami_session import Action, AmiLimits, AmiLogin, AmiSession

_log = structlog.get_logger(__name__)

REFUSED_SECONDS = 60.0  # after a refused login: a person must mend that, and haste gets us banned
STEADY_SECONDS = 30.0  # a session that stood this long starts the count of failures anew
_READ_BYTES = 65_536
READ_LINE = "read = system,call,user"

EventHandler = Callable[[AmiMessage], None]
"""Takes an event at once, in the order Asterisk wrote them. It must not raise: that ends the session."""


class AmiClient(asyncio.BufferedProtocol):
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
        self._session = AmiSession(login, self.limits, secrets.token_hex(6), keep_events)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = memoryview(bytearray(_READ_BYTES))  # one for all reads: a protocol's own allocate 256 KiB each
        self._greeted = asyncio.Event()
        self._flush_is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._end: asyncio.Future[SwitchError] = self._loop.create_future()
        self._booted: asyncio.Future[None] = self._loop.create_future()

    async def __aenter__(self) -> Self:
        try:
            await self._connect()
            await self._answer(self._session.log_in(self._loop.time()))
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
        """Whether the session stands, as far as we know."""
        return self._transport is not None and not self._end.done()

    @property
    def banner(self) -> str:
        """What Asterisk calls its manager, "" before it said so."""
        return self._session.banner

    @property
    def oldest_unanswered_seconds(self) -> float:
        """How long the oldest action (or Ping) has waited: it grows at once when a connection is half open."""
        return self._session.oldest_unanswered_seconds(self._loop.time())

    async def lost(self) -> SwitchError:
        """Wait for the end of the session and return why it ended."""
        return await asyncio.shield(self._end)

    async def booted(self) -> None:
        """Wait until Asterisk says that it is fully booted (FullyBooted, which `keep_events` must hold). One that still boots lets
        us in, knows no dialplan at first, and then takes orders whose calls it fails.

        Raises why the session ended; PermissionMissing where nothing was said within `AmiLimits.boot_seconds`.
        """
        seconds = self.limits.boot_seconds
        await asyncio.wait((self._booted, self._end), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._end.done():
            raise self._end.result()
        if not self._booted.done():
            user = self._login.username
            raise PermissionMissing(
                f"Asterisk did not say within {seconds:g} s that it is fully booted: it still boots, or manager user {user} "
                f"lacks system in its read classes: in manager.conf, section [{user}], write the line `{READ_LINE}`, "
                "then `manager reload`"
            )

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
        now = self._open_at()
        action = self._session.send(name, fields, now, action_id=action_id, timeout_seconds=timeout_seconds)
        return await self._answer(action)

    async def action_list(
        self, name: str, fields: Iterable[tuple[str, str]] = (), *, timeout_seconds: float | None = None
    ) -> list[AmiMessage]:
        """Send an action that answers with a list of events, and return those but the last ("Complete").

        They are not given to `on_event`. Raises as `action` does.
        """
        now = self._open_at()
        action = self._session.send(name, fields, now, timeout_seconds=timeout_seconds, listing=True)
        await self._answer(action)
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

    def _open_at(self) -> float:
        """The time, for what is to be sent now. Raises SwitchUnreachable on a connection that closes and has not told it yet."""
        if self._transport is not None and self._transport.is_closing() and not self._end.done():
            raise SwitchUnreachable("there is no connection to Asterisk's manager; nothing was sent")
        return self._loop.time()

    async def _answer(self, action: Action) -> AmiMessage:
        """Wait for an action that was handed to the session."""
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
        assert outcome is not None  # noqa: S101 - it was woken because there is one
        return outcome

    def _flush_soon(self) -> None:
        """Write at the end of this turn of the loop, with all that comes in it: one system call for many actions."""
        if not self._flush_is_due and self._session.has_writes:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        while self._transport is not None and (data := self._session.writes()):
            self._transport.write(data)

    def _set_timer(self) -> None:
        """One timer for all that is due some time, where a timer for each action would cost more than the rest."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._session.deadline
        self._timer = None if self._timer_at == math.inf else self._loop.call_at(self._timer_at, self._tick)

    def _tick(self) -> None:
        self._flush()  # what has just been sent is written, not overdue
        self._wake(self._session.tick(max(self._loop.time(), self._timer_at)))
        self._look_after()
        self._set_timer()

    def _wake(self, over: Iterable[Action]) -> None:
        for action in over:
            if isinstance(action.waiter, asyncio.Future) and not action.waiter.done():
                action.waiter.set_result(None)

    def _look_after(self) -> None:
        """After the session was told something: write what it wants to, or notice that it is over."""
        if self._session.ended is not None:
            self._finish(self._session.ended)
            return
        if not self._flush_is_due:
            self._flush_soon()
        if self._session.deadline < self._timer_at:
            self._set_timer()

    # What asyncio calls.

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
        for came in session.receive(bytes(self._buffer[:nbytes]), self._loop.time()):
            if type(came) is AmiMessage:
                if session.ended is None:
                    self._hand_over(came)
            else:
                self._wake((cast(Action, came),))
        if not self._greeted.is_set() and session.banner:
            self._greeted.set()
        self._look_after()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wake(self._session.disconnected(exc))
        self._look_after()

    def pause_writing(self) -> None:
        self._session.set_writable(False)

    def resume_writing(self) -> None:
        self._session.set_writable(True)
        self._flush_soon()

    def _hand_over(self, event: AmiMessage) -> None:
        if event.event == "FullyBooted" and not self._booted.done():
            self._booted.set_result(None)
        try:
            self._on_event(event)
        except Exception:  # noqa: BLE001 - its state may be wrong now: a new session's resync mends it
            _log.exception("ami.event_handler_failed", event_name=event.event)
            self._lose(SwitchError("the session with Asterisk was ended by a mistake of our own; see the log"))

    def _lose(self, reason: SwitchError) -> None:
        self._wake(self._session.lose(reason))
        self._look_after()

    def _finish(self, reason: SwitchError) -> None:
        if self._end.done():
            return
        self._end.set_result(reason)
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()
        self._greeted.set()


@asynccontextmanager
async def ami_link(
    make_client: Callable[[], AmiClient],
    *,
    on_up: Callable[[AmiClient], Awaitable[None]],
    on_down: Callable[[SwitchError], None],
    wait_seconds: Callable[[int], float],
    keep: Callable[[AmiClient], Awaitable[SwitchError]] = AmiClient.lost,
) -> AsyncIterator[None]:
    """A session that is renewed for as long as the context lasts. Nothing is sent again by the link itself.

    `make_client` makes a new, not yet entered client for each attempt. `on_up` is awaited after each login and is the place to
    resync; it may fail with a SwitchError, which counts as a loss. `keep` then looks after the session until it is lost, and
    returns or raises why; cancelled, it leaves the switch as a dialler should. `on_down` is called at every loss and every
    attempt that failed, LoginRefused among them; not when we stop. `wait_seconds`: how long it waits after so many failures.
    """

    async def one_session() -> SwitchError:
        """Why the attempt failed, or why the session that it gave was lost."""
        try:
            async with make_client() as client:
                await on_up(client)
                if client.up:
                    _log.info("ami.up", banner=client.banner)
                return await keep(client)
        except SwitchError as error:
            return error

    async def keep_up() -> None:
        loop, failures = asyncio.get_running_loop(), 0
        while True:
            begun = loop.time()
            reason = await one_session()
            failures = 1 if loop.time() - begun >= STEADY_SECONDS else failures + 1
            seconds = REFUSED_SECONDS if isinstance(reason, LoginRefused) else wait_seconds(failures)
            _log.warning("ami.down", reason=str(reason), failures=failures, retry_seconds=round(seconds, 1))
            on_down(reason)
            await asyncio.sleep(seconds)

    own: Exception | None = None
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep_up(), name="ami-link")
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the body's own passes on as it is, not inside a group
            own = error
        finally:
            task.cancel()
    if own is not None:
        raise own
