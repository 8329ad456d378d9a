"""Keeps a session with Asterisk's manager up: connect, resync, watch, and begin anew when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from types import TracebackType
from typing import Self

import structlog

from dialer.domain.errors import LoginRefused, SwitchError
from dialer.switch.asterisk.ami_client import AmiClient

_log = structlog.get_logger(__name__)

REFUSED_SECONDS = 60.0  # after a refused login: a person must mend that, and haste gets us banned
STEADY_SECONDS = 30.0  # a session that stood this long starts the count of failures anew


class LinkState(StrEnum):
    """Where the link is."""

    CONNECTING = "connecting"
    RESYNCING = "resyncing"  # logged in, `on_up` is at work
    UP = "up"
    WAITING = "waiting"  # lost or refused, the next attempt is due later
    STOPPED = "stopped"


class AmiLink:
    """A session that is renewed for as long as the link is entered: `async with AmiLink(...)`.

    `on_up(client)` is awaited after each login and is the place to resync; the link is up when it returns, and it may
    fail with a SwitchError, which counts as a loss. `on_down(reason)` is called at every loss and every attempt that
    failed, LoginRefused among them; not when we stop. Nothing is sent again by the link itself.
    """

    def __init__(
        self,
        make_client: Callable[[], AmiClient],
        *,
        on_up: Callable[[AmiClient], Awaitable[None]],
        on_down: Callable[[SwitchError], None],
        wait_seconds: Callable[[int], float],
        keep: Callable[[AmiClient], Awaitable[SwitchError]] | None = None,
    ) -> None:
        """`make_client` makes a new, not yet entered client for each attempt. `wait_seconds` says how long it waits
        after so many failures. `keep` looks after a
        session that is up until it is lost, and returns or raises why; cancelled, it leaves the switch as a dialler should.
        """
        self.state = LinkState.STOPPED
        self.last_error: SwitchError | None = None  # of the last loss or attempt; None while up
        self._make_client = make_client
        self._on_up = on_up
        self._on_down = on_down
        self._keep = keep or AmiClient.lost
        self._wait_seconds = wait_seconds
        self._client: AmiClient | None = None
        self._group = asyncio.TaskGroup()
        self._task: asyncio.Task[None] | None = None

    @property
    def client(self) -> AmiClient | None:
        """The session, while the link is up and resynced; else None."""
        return self._client if self.state is LinkState.UP else None

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self.state = LinkState.CONNECTING
        self._task = self._group.create_task(self._keep_up(), name="ami-link")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
        if isinstance(error, asyncio.CancelledError):
            await self._group.__aexit__(kind, error, traceback)
        else:  # the body's own error passes on as it is, not inside a group
            await self._group.__aexit__(None, None, None)

    async def _keep_up(self) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        try:
            while True:
                begun = loop.time()
                reason = await self._one_session()
                failures = 1 if loop.time() - begun >= STEADY_SECONDS else failures + 1
                refused = isinstance(reason, LoginRefused)
                seconds = REFUSED_SECONDS if refused else self._wait_seconds(failures)
                self.state = LinkState.WAITING
                self.last_error = reason
                _log.warning("ami.down", reason=str(reason), failures=failures, retry_seconds=round(seconds, 1))
                self._on_down(reason)
                await asyncio.sleep(seconds)
        finally:
            self.state = LinkState.STOPPED

    async def _one_session(self) -> SwitchError:
        """One attempt: returns why it failed, or why the session that it gave was lost."""
        self.state = LinkState.CONNECTING
        try:
            async with self._make_client() as client:
                self.state = LinkState.RESYNCING
                await self._on_up(client)
                if client.up:
                    self._client = client
                    self.state = LinkState.UP
                    self.last_error = None
                    _log.info("ami.up", banner=client.banner)
                return await self._keep(client)
        except SwitchError as error:
            return error
        finally:
            self._client = None
