"""Opt-outs that other centres tell of: a number that opts out anywhere is suppressed everywhere.

Who can make a hash has the shared secret, so a hash that fits a number of ours is its own proof; one that fits none changes
nothing. A repeat changes nothing either: our own news come back to us on the same topic, and so does what the command line
publishes for a centre whose dialler runs.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from dialer.errors import StoreError
from dialer.monitor.payloads import MOST_SECONDS
from dialer.rules.number_hash import is_number_hash

log = structlog.get_logger(__name__)

MOST_BYTES = 2048
WAITING_OPT_OUTS = 10_000
RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ForeignOptOut:
    """What another centre told."""

    number_hash: str
    at: float  # epoch seconds
    centre: str


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
    """Keeps what other centres tell, one after another, whatever becomes of the connection meanwhile."""

    def __init__(self, keep: Callable[[ForeignOptOut], Awaitable[None]]) -> None:
        """`keep` suppresses the number; it raises StoreError where that was not kept."""
        self._keep = keep
        self._waiting: asyncio.Queue[ForeignOptOut] = asyncio.Queue(WAITING_OPT_OUTS)

    def offer(self, topic: str, payload: bytes) -> None:
        """Take a message of the topic; one that is none is passed over."""
        parsed = parse_opt_out(topic, payload)
        if parsed is None:
            return
        try:
            self._waiting.put_nowait(parsed)
        except asyncio.QueueFull:
            log.error("opt-outs.flood", waiting=WAITING_OPT_OUTS)

    async def run(self) -> None:
        """Keep them until cancelled; one that the store cannot take now is tried again."""
        while True:
            told = await self._waiting.get()
            while True:
                try:
                    await self._keep(told)
                except StoreError as error:
                    log.warning("opt-out.waits", centre=told.centre, problem=str(error))
                    await asyncio.sleep(RETRY_SECONDS)
                except Exception:  # one message must never end the dialler
                    log.exception("opt-out.failed", centre=told.centre)
                    break
                else:
                    break
