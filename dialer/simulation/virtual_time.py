"""An asyncio loop whose clock jumps to the next timer when nothing is ready, so that a day of calling is a test of seconds.

Real loopback sockets still work: the clock jumps only when the selector reports nothing and when a byte sent through the loop's own
fence has come round - loopback TCP is delivered in order, so whatever was written before the fence is readable by then.
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
"""Real seconds without timer or socket after which the loop says that nothing can ever happen again."""


class VirtualTimeStuck(MatdanError):
    """Nothing is left that could wake the loop, or its clock passed the limit. The test waits for what cannot come."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A selector loop in virtual time. `time()` starts at 0 and counts virtual seconds.

    Work given to an executor is done at once, inside the loop's thread, so that its order is always the same.
    """

    def __init__(self, limit_seconds: float = 1e6) -> None:
        """`limit_seconds`: virtual seconds after which the loop raises VirtualTimeStuck instead of jumping on."""
        self._now = 0.0
        self._limit_seconds = limit_seconds
        self._fence = _Fence()
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Move the clock on. Raises VirtualTimeStuck past the limit."""
        self._now += seconds
        if self._now > self._limit_seconds:
            raise VirtualTimeStuck(
                f"virtual time passed its limit of {self._limit_seconds:g} s: what the test waits for never comes"
            )

    def fence(self) -> None:
        """Return when all that was written to loopback sockets so far can be read."""
        self._fence.pass_through()

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
        except Exception as error:  # noqa: BLE001 - it belongs to whoever awaits the future, as with a real executor
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Close the loop and its fence."""
        super().close()
        self._fence.close()


class _Fence:
    """Two connected loopback sockets: a byte that arrives proves that everything written before it has arrived too."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._writer = socket.create_connection(listener.getsockname())
            self._reader, _ = listener.accept()
        self._writer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def pass_through(self) -> None:
        self._writer.send(b".")
        self._reader.recv(1)

    def close(self) -> None:
        self._writer.close()
        self._reader.close()


class _JumpingSelector(selectors.BaseSelector):
    """A real selector that turns waiting for a timer into a jump of the loop's clock."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = self._real.select(0)
        if events or timeout == 0:
            return events
        if len(self._real.get_map()) > 1:  # sockets beside the loop's own
            self._loop.fence()
            events = self._real.select(0)
            if events:
                return events
        if timeout is not None:
            self._loop.jump(timeout)
            return []
        events = self._real.select(DEADLOCK_SECONDS)
        if not events:
            raise VirtualTimeStuck("no timer, no socket and no other work is left: what the test waits for never comes")
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


def run_virtual(
    main: Callable[[], Coroutine[Any, Any, _Result]], *, limit_seconds: float = 1e6, debug: bool | None = None
) -> _Result:
    """Run `main()` to its end on a fresh loop in virtual time, and return what it returns.

    Tasks that are left are cancelled, as `asyncio.run` does. Raises VirtualTimeStuck when nothing can happen any more or the
    virtual clock passes `limit_seconds`.
    """

    def new_loop() -> AbstractEventLoop:
        return VirtualTimeLoop(limit_seconds)

    with asyncio.Runner(loop_factory=new_loop, debug=debug) as runner:
        return runner.run(main())
