"""The relay of results: what the store committed with them goes to the broker, in order, until the broker has said that it has it.

At least once: a batch whose acknowledgement was lost is published again after the reconnect. Every result carries a key of its
own (the attempt, the mark) by which a repeat is known.
"""

from __future__ import annotations

import asyncio

from dialer.monitor import topics
from dialer.monitor.publisher import Publish
from dialer.store.port import OutboxRow, Store

BATCH = 20  # as many as paho keeps in flight; the broker acknowledges them while the next ones are written


class OutboxRelay:
    """Store.outbox -> broker (QoS 1) -> Store.outbox_done."""

    def __init__(self, centre: str, store: Store, waiting: asyncio.Event) -> None:
        """`waiting` is set by whoever commits announcements, and cleared here; the store is never polled."""
        self._centre = centre
        self._store = store
        self._waiting = waiting
        self.relayed = 0

    async def run(self, publish: Publish) -> None:
        """Relay until cancelled, or until `publish` or the store raises. What was not acknowledged stays in the outbox."""
        while True:
            self._waiting.clear()
            await self.drain(publish)
            await self._waiting.wait()

    async def drain(self, publish: Publish) -> None:
        """Relay all that waits now."""
        while rows := await self._store.outbox(BATCH):
            await self._publish_batch(rows, publish)
            # The store drops up to an id: only after every row of the batch was acknowledged. The outbox's bound is the engine's
            # to keep: what is on its way out needs none, and to look for it costs a walk along all that waits.
            await self._store.outbox_done(rows[-1].outbox_id, keep_at_most=None)
            self.relayed += len(rows)

    async def _publish_batch(self, rows: list[OutboxRow], publish: Publish) -> None:
        async with asyncio.TaskGroup() as group:
            for row in rows:
                # Tasks begin in the order of their creation, so the messages are written in the order of the outbox.
                message = topics.announced_message(self._centre, row.topic, row.payload)
                group.create_task(publish(message), name=f"outbox-{row.outbox_id}")
