"""Opt-outs that other centres tell of: a number that opts out anywhere is suppressed everywhere.

Who can make a hash has the shared secret, so a hash that fits a number of ours is its own proof; one that fits none changes
nothing. A repeat changes nothing either: our own news come back to us on the same topic.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

import structlog

from dialer.domain.commands.external_records import MOST_SECONDS
from dialer.domain.errors import StoreError
from dialer.domain.other_centres import ForeignOptOut
from dialer.domain.person_ids import is_number_hash

_log = structlog.get_logger(__name__)

MOST_BYTES = 2048
WAITING_OPT_OUTS = 1_000  # who brings another one waits for room
KEPT_AT_ONCE = 200  # they share a commit; results of calls that come meanwhile wait for them
RETRY_SECONDS = 2.0


def parse_opt_out(topic: str, payload: bytes) -> ForeignOptOut | None:
    """Read a message on some centre's topic of opt-outs. None: it has no hash, or is none at all. Never raises."""
    centre = topic.split("/")[2] if topic.count("/") > 2 else ""
    if not centre or len(payload) > MOST_BYTES:
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
    if not 0 <= at <= MOST_SECONDS:
        return None
    return ForeignOptOut(str(hashed), float(at), centre[:64])


class OptOutDesk:
    """Keeps what other centres tell, all that waits at a time, whatever becomes of the connection meanwhile."""

    def __init__(self, keep: Callable[[ForeignOptOut], Awaitable[None]]) -> None:
        """`keep` suppresses the number; it raises StoreError where that was not kept. Many are kept at once, so that they share
        a commit.
        """
        self._keep = keep
        self._waiting: asyncio.Queue[tuple[ForeignOptOut | None, Callable[[], None]]] = asyncio.Queue(WAITING_OPT_OUTS)

    async def offer(self, topic: str, payload: bytes, kept: Callable[[], None] = lambda: None) -> None:
        """Take a message of the topic as soon as there is room for it; one that is none is passed over. `kept` is called once
        it is on disk, in the order of the messages.
        """
        await self._waiting.put((parse_opt_out(topic, payload), kept))

    async def run(self) -> None:
        """Keep them until cancelled; what the store cannot take now is tried again."""
        while True:
            group = [await self._waiting.get()]
            while len(group) < KEPT_AT_ONCE and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
            await self._keep_all([told for told, _ in group if told is not None])
            for _, kept in group:
                kept()

    async def _keep_all(self, told: Sequence[ForeignOptOut]) -> None:
        while told:
            async with asyncio.TaskGroup() as tasks:
                tries = [tasks.create_task(self._try(each), name="keep-opt-out") for each in told]
            troubles = [done.result() for done in tries]
            told = [each for each, trouble in zip(told, troubles, strict=True) if trouble is not None]
            if told:
                problem = next(str(trouble) for trouble in troubles if trouble is not None)
                _log.warning("opt-outs.wait", waiting=len(told), problem=problem)
                await asyncio.sleep(RETRY_SECONDS)

    async def _try(self, told: ForeignOptOut) -> StoreError | None:
        """Why it was not kept and may be later; None: it is kept, or nothing can be made of it."""
        try:
            await self._keep(told)
        except StoreError as error:
            return error
        except Exception:  # noqa: BLE001 - one message must never end the dialler; it is logged whole
            _log.exception("opt-out.failed", centre=told.centre)
        return None
