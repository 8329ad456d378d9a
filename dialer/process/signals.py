"""Orderly shutdown on SIGTERM and Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def cancel_on_sigterm() -> Iterator[None]:
    """Cancel the current task if SIGTERM arrives during the `with` block, so that the task can end what it has started.

    Raises:
        SystemExit: SIGTERM has cancelled the task.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    is_signalled = False

    def on_sigterm() -> None:
        nonlocal is_signalled
        if task is not None and not is_signalled:
            is_signalled = True
            task.cancel()

    loop.add_signal_handler(signal.SIGTERM, on_sigterm)
    try:
        yield
    except asyncio.CancelledError:
        if is_signalled:
            raise SystemExit(128 + signal.SIGTERM) from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set the event `stop` on SIGTERM or Ctrl-C. A second signal ends the process immediately."""
    loop = asyncio.get_running_loop()

    def on_stop_signal(number: signal.Signals) -> None:
        if stop.is_set():
            loop.remove_signal_handler(number)
            signal.raise_signal(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_stop_signal, number)
