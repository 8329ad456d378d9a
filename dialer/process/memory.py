"""Memory of a long-running process: return free heap to the system, keep start-up objects out of garbage collections."""

from __future__ import annotations

import asyncio
import ctypes
import gc

TRIM_SECONDS = 600.0


async def trim_memory() -> None:
    """Return free heap memory to the system every ten minutes until cancelled; do nothing without glibc's `malloc_trim`.

    SQLite's pages and Python's larger objects leave gaps in glibc's heap that are rarely filled again, so a dialler
    that runs for days would grow although it uses no more memory.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None:
        await asyncio.sleep(TRIM_SECONDS)
        await asyncio.to_thread(trim, 0)


def freeze_start_up_objects() -> None:
    """Exclude all present objects from garbage collection, and turn collection on.

    Modules, flows and booths live as long as the process; a full collection over them stops the loop for tens of
    milliseconds. `dialer run` turns collection off while it starts.
    """
    gc.freeze()
    gc.enable()
