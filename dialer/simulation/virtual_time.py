"""An asyncio event loop in virtual time. If nothing is ready, its clock jumps to the next timer.

A simulated day of calls therefore takes seconds. Real loopback sockets still work: before each jump, the loop sends a
byte to itself, and first handles all data that arrives before this byte.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from typing import IO, Any, TypeVar, TypeVarTuple

from dialer.errors import MatdanError

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")

DEADLOCK_SECONDS = 5.0
"""Real seconds to wait for a socket when no timer is left, before the loop raises VirtualTimeStuck."""


class VirtualTimeStuck(MatdanError):
    """Raised if the virtual event loop has nothing left to wait for, or its clock has passed its limit."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio event loop in virtual time. `time()` starts at 0 and counts virtual seconds.

    The loop runs functions for an executor at once in its own thread, so that their order is always the same.
    """

    def __init__(self, limit_seconds: float = 1e6) -> None:
        """Create a loop that raises VirtualTimeStuck once its clock passes `limit_seconds` (virtual seconds)."""
        self._now = 0.0
        self._limit_seconds = limit_seconds
        self._fence = _LoopbackFence()
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Return the virtual time: seconds since the loop was created."""
        return self._now

    def advance_virtual_clock(self, seconds: float) -> None:
        """Advance the virtual clock by `seconds`. Raises VirtualTimeStuck past the limit."""
        self._now += seconds
        if self._now > self._limit_seconds:
            raise VirtualTimeStuck(
                f"the virtual clock passed its limit of {self._limit_seconds:g} s; an awaited event did not occur"
            )

    def wait_until_loopback_data_arrives(self) -> None:
        """Block until all data that was written to loopback sockets so far can be read."""
        self._fence.send_byte_to_own_socket()

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[*_Arguments], _Result],
        *args: *_Arguments,
    ) -> asyncio.Future[_Result]:
        """Run `func(*args)` now and return a finished future with its result or its exception."""
        future: asyncio.Future[_Result] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - raised where the future is awaited, as with a real executor
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Close the loop and its socket pair."""
        super().close()
        self._fence.close()


class _LoopbackFence:
    """A loopback socket pair. A byte that has passed through it proves that all earlier loopback data has arrived."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._writer = socket.create_connection(listener.getsockname())
            self._reader, _ = listener.accept()
        self._writer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send_byte_to_own_socket(self) -> None:
        self._writer.send(b".")
        self._reader.recv(1)

    def close(self) -> None:
        self._writer.close()
        self._reader.close()


class _JumpingSelector(selectors.BaseSelector):
    """A selector that advances the virtual clock to the next timer instead of waiting for it."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = self._real.select(0)
        if events or timeout == 0:
            return events
        if len(self._real.get_map()) > 1:  # there are sockets other than the loop's own
            self._loop.wait_until_loopback_data_arrives()
            events = self._real.select(0)
            if events:
                return events
        if timeout is not None:
            self._loop.advance_virtual_clock(timeout)
            return []
        events = self._real.select(DEADLOCK_SECONDS)
        if not events:
            raise VirtualTimeStuck(
                "the virtual event loop has no timer and no socket data left to wait for; the awaited event never comes"
            )
        return events

    def register(self, fileobj: int | IO[Any] | Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: int | IO[Any] | Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: int | IO[Any] | Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


def run_in_virtual_time(
    main: Callable[[], Coroutine[Any, Any, _Result]], *, limit_seconds: float = 1e6, debug: bool | None = None
) -> _Result:
    """Run `main()` on a new event loop in virtual time and return its result.

    Tasks still running at the end are cancelled, as `asyncio.run` does. Raises VirtualTimeStuck if nothing is left to
    wait for, or once the virtual clock passes `limit_seconds`.
    """

    def create_virtual_time_loop() -> AbstractEventLoop:
        return VirtualTimeLoop(limit_seconds)

    with asyncio.Runner(loop_factory=create_virtual_time_loop, debug=debug) as runner:
        return runner.run(main())
