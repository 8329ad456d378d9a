"""Memory of a long-running process: return free heap memory to the system, and exclude start-up objects from garbage
collection.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc

TRIM_SECONDS = 600.0


async def return_free_memory_to_system_repeatedly() -> None:
    """Return free heap memory to the system every ten minutes until cancelled (with glibc only).

    Without this, the memory of a process that runs for days would grow, because glibc rarely reuses the gaps that SQLite
    and Python leave in its heap.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None:
        await asyncio.sleep(TRIM_SECONDS)
        await asyncio.to_thread(trim, 0)


def exempt_start_up_objects_from_gc() -> None:
    """Exclude all existing objects from garbage collection, then enable garbage collection.

    Call it at the end of the start, during which `dialer run` disables garbage collection. Modules, flows and booths
    live as long as the process, and a collection that searched them would block the event loop noticeably.
    """
    gc.freeze()
    gc.enable()
