"""A link to Asterisk's manager: one session after the other, each made when the one before is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from dialer.domain.errors import LoginRefused, SwitchError
from dialer.switch.asterisk.ami_client import AmiClient

_log = structlog.get_logger(__name__)

REFUSED_SECONDS: Final = 60.0  # after a refused login: a person must correct it, and frequent attempts get us banned
STEADY_SECONDS: Final = 30.0  # a session of this length resets the count of failures


@asynccontextmanager
async def ami_link(
    make_client: Callable[[], AmiClient],
    *,
    on_up: Callable[[AmiClient], Awaitable[None]],
    on_down: Callable[[SwitchError], None],
    wait_seconds: Callable[[int], float],
    keep: Callable[[AmiClient], Awaitable[SwitchError]] = AmiClient.lost,
) -> AsyncIterator[None]:
    """Keep a session for as long as the context lasts. The link itself never sends an action again.

    `make_client` makes a client, not yet entered, for each attempt. `on_up` is awaited after each login and
    synchronises; where it raises SwitchError the session counts as lost. `keep` runs until the session is lost, and
    returns or raises the reason; it is cancelled at the end of the context. `on_down` is called at every loss and every
    failed attempt, LoginRefused included, but not at the end of the context. `wait_seconds` returns how long to wait
    after so many failures in a row.
    """

    async def one_session() -> SwitchError:
        """Return why the attempt failed, or why its session was lost."""
        try:
            async with make_client() as client:
                await on_up(client)
                if client.up:
                    _log.info("ami.up", banner=client.banner)
                return await keep(client)
        except SwitchError as error:
            return error

    async def run_sessions() -> None:
        loop, failures = asyncio.get_running_loop(), 0
        while True:
            began_at = loop.time()
            reason = await one_session()
            failures = 1 if loop.time() - began_at >= STEADY_SECONDS else failures + 1
            seconds = REFUSED_SECONDS if isinstance(reason, LoginRefused) else wait_seconds(failures)
            _log.warning("ami.down", reason=str(reason), failures=failures, retry_seconds=round(seconds, 1))
            on_down(reason)
            await asyncio.sleep(seconds)

    body_error: Exception | None = None
    async with asyncio.TaskGroup() as group:
        task = group.create_task(run_sessions(), name="ami-link")
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised below as it is, not inside an exception group
            body_error = error
        finally:
            task.cancel()
    if body_error is not None:
        raise body_error
