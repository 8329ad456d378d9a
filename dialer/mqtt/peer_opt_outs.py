"""Opt-outs of other centres. A number that opts out in one centre is not called by any centre again.

An opt-out contains a hash of the number, which only centres with the shared secret can compute. So a hash that matches
a number on this centre's roll needs no other proof. Other hashes, and this centre's own opt-outs, change nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

import structlog

from dialer.domain.errors import StoreError
from dialer.domain.other_centres import PeerOptOutRecord
from dialer.domain.person_ids import is_number_hash
from dialer.engine.command.fields import MAX_EPOCH_SECONDS

_log = structlog.get_logger(__name__)

MAX_BYTES = 2048
MAX_WAITING = 1_000  # then the reader of the connection waits
MAX_STORED_AT_ONCE = 200  # they share a commit, and results of calls wait for it
RETRY_SECONDS = 2.0


def parse_opt_out_of_other_centre(topic: str, payload: bytes) -> PeerOptOutRecord | None:
    """Return the opt-out in a message, or None if the message is not an opt-out or has no hash. Never raises."""
    centre = topic.split("/")[2] if topic.count("/") > 2 else ""
    if not centre or len(payload) > MAX_BYTES:
        return None
    try:
        fields = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    hashed, at = fields.get("number_hash"), fields.get("at")
    if not is_number_hash(hashed) or isinstance(at, bool) or not isinstance(at, int | float):
        return None
    if not 0 <= at <= MAX_EPOCH_SECONDS:
        return None
    return PeerOptOutRecord(str(hashed), float(at), centre[:64])


class PeerOptOuts:
    """A queue that stores opt-outs of other centres, even if the connection to the broker is lost meanwhile."""

    def __init__(self, suppress: Callable[[PeerOptOutRecord], Awaitable[None]]) -> None:
        """Create a queue of opt-outs. `suppress` must store that the number of an opt-out is not called any more.

        `suppress` raises StoreError if the store fails. It is called for many opt-outs at once, so that these share a
        commit.
        """
        self._suppress = suppress
        self._waiting: asyncio.Queue[tuple[PeerOptOutRecord | None, Callable[[], None]]] = asyncio.Queue(MAX_WAITING)

    async def queue_opt_out_message(
        self, topic: str, payload: bytes, stored: Callable[[], None] = lambda: None
    ) -> None:
        """Queue an opt-out message of another centre. Wait while the queue is full.

        `stored` is called once the opt-out is on disk, in the order of the messages. It is also called for a message
        that is not an opt-out, as there is nothing to store.
        """
        await self._waiting.put((parse_opt_out_of_other_centre(topic, payload), stored))

    async def store_opt_outs_until_cancelled(self) -> None:
        """Store opt-outs until cancelled, and retry while the store fails."""
        while True:
            group = [await self._waiting.get()]
            while len(group) < MAX_STORED_AT_ONCE and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
            await self._store_opt_outs([opt_out for opt_out, _ in group if opt_out is not None])
            for _, stored in group:
                stored()

    async def _store_opt_outs(self, opt_outs: Sequence[PeerOptOutRecord]) -> None:
        while opt_outs:
            async with asyncio.TaskGroup() as tasks:
                tries = [tasks.create_task(self._try_to_store_opt_out(each), name="store-opt-out") for each in opt_outs]
            errors = [done.result() for done in tries]
            opt_outs = [each for each, error in zip(opt_outs, errors, strict=True) if error is not None]
            if opt_outs:
                problem = next(str(error) for error in errors if error is not None)
                _log.warning("opt_outs.delayed", waiting=len(opt_outs), problem=problem)
                await asyncio.sleep(RETRY_SECONDS)

    async def _try_to_store_opt_out(self, opt_out: PeerOptOutRecord) -> StoreError | None:
        """Store an opt-out of another centre. Return the store's error if a retry may succeed, otherwise None.

        An unexpected error is logged and not retried, because one message must not stop the others.
        """
        try:
            await self._suppress(opt_out)
        except StoreError as error:
            return error
        except Exception:  # noqa: BLE001 - one message must never end the dialler; it is logged in full
            _log.exception("opt_out.failed", centre=opt_out.centre)
        return None
