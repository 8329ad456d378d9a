"""A permanent link to the Asterisk manager. It reconnects whenever the session is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from dialer.domain.errors import LoginRefused, SwitchError, SwitchNotListening
from dialer.switch.asterisk.ami_client import AmiClient

_log = structlog.get_logger(__name__)

REFUSED_SECONDS: Final = 60.0  # wait after a refused login: a person must correct it, and fail2ban may ban us
NOT_LISTENING_SECONDS: Final = 0.2  # wait while nothing listens: agents' phones must be called soon after a restart
STEADY_SECONDS: Final = 5.0  # a session of this length resets the count of failures


@asynccontextmanager
async def maintain_ami_link(
    make_client: Callable[[], AmiClient],
    *,
    on_ami_link_up: Callable[[AmiClient], Awaitable[None]],
    on_ami_link_down: Callable[[SwitchError], None],
    wait_seconds: Callable[[int], float],
    run_ami_session: Callable[[AmiClient], Awaitable[SwitchError]] = AmiClient.wait_until_session_lost,
) -> AsyncIterator[None]:
    """Keep a connection to Asterisk's manager until the context ends, and reconnect after each loss. No action is
    resent.

    Args:
        make_client: creates a client, not yet connected, for each attempt to connect.
        on_ami_link_up: called after each log-in. If it raises SwitchError, the session counts as lost.
        on_ami_link_down: called with the reason at every loss and every failed attempt, but not at the end of the
            context. While nothing listens at Asterisk's address, it is called only once.
        wait_seconds: returns the wait before the next attempt, given the number of failures in a row. Attempts for which
            nothing listened do not count.
        run_ami_session: runs until the session is lost, and returns or raises the reason. It is cancelled at the end of
            the context.
    """

    async def connect_and_run_session() -> SwitchError:
        """Open one AMI connection and run its session. Return why the connection failed or why the session was lost."""
        try:
            async with make_client() as client:
                await on_ami_link_up(client)
                if client.is_session_up:
                    _log.info("ami.connected", banner=client.manager_banner)
                return await run_ami_session(client)
        except SwitchError as error:
            return error

    async def reconnect_until_cancelled() -> None:
        loop, failures, was_listening = asyncio.get_running_loop(), 0, True
        while True:
            began_at = loop.time()
            reason = await connect_and_run_session()
            is_listening = not isinstance(reason, SwitchNotListening)
            if is_listening:
                failures = 1 if loop.time() - began_at >= STEADY_SECONDS else failures + 1
                seconds = REFUSED_SECONDS if isinstance(reason, LoginRefused) else wait_seconds(failures)
            else:
                seconds = NOT_LISTENING_SECONDS
            if is_listening or was_listening:
                _log.warning("ami.disconnected", reason=str(reason), failures=failures, retry_seconds=round(seconds, 1))
                on_ami_link_down(reason)
            was_listening = is_listening
            await asyncio.sleep(seconds)

    body_error: Exception | None = None
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reconnect_until_cancelled(), name="ami-link")
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised below as it is, not inside an exception group
            body_error = error
        finally:
            task.cancel()
    if body_error is not None:
        raise body_error
