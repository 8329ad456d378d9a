"""Send call results from the store's outbox (table of messages to send) to the broker, in order.

A row stays in the outbox until the broker has acknowledged its message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from dialer.mqtt.messages import create_message_of_outbox_row
from dialer.mqtt.publisher import Publish
from dialer.store.outbox import OutboxRow
from dialer.store.store import Store

_log = structlog.get_logger(__name__)

READ_SECONDS = 0.2  # minimum interval between readings: each costs a query and a commit, for one result or twenty
BATCH_ROWS = 20  # as many as paho sends before it waits for acknowledgements


class OutboxRelay:
    """The task that publishes the store's outbox (messages to send) with QoS 1, and deletes rows that the broker has
    acknowledged.
    """

    def __init__(
        self,
        centre: str,
        store: Store,
        waiting: asyncio.Event,
        on_unsendable: Callable[[int, str], None] = lambda _row, _problem: None,
    ) -> None:
        """Create a relay. `waiting` must be set after each commit of rows to the outbox. The relay clears it.

        `on_unsendable` is called with the id of each row that no MQTT client can send, and the problem.
        """
        self._centre = centre
        self._store = store
        self._waiting = waiting
        self._on_unsendable = on_unsendable
        self.relayed = 0
        """Rows that the broker has acknowledged."""

    async def publish_outbox_until_cancelled(self, publish: Publish) -> None:
        """Publish the results that wait in the store for the broker (outbox), until cancelled.

        Raises the errors of `publish` and of the store. Results that the broker has not acknowledged stay in the
        outbox.
        """
        while True:
            self._waiting.clear()
            await self.publish_waiting_outbox_rows(publish)
            await asyncio.sleep(READ_SECONDS)
            await self._waiting.wait()

    async def publish_waiting_outbox_rows(self, publish: Publish) -> None:
        """Publish all messages that wait in the outbox (table of messages to send).

        Return once the broker has acknowledged them.
        """
        while rows := await self._store.read_outbox_rows_for_broker(BATCH_ROWS):
            async with asyncio.TaskGroup() as group:
                for row in rows:
                    # Tasks start in the order of their creation, so messages are written in the order of the outbox.
                    group.create_task(self._publish_outbox_row(row, publish), name=f"outbox-{row.outbox_id}")
            # The store removes rows up to an id, so every row of the batch must be acknowledged first.
            await self._store.mark_outbox_rows_published(rows[-1].outbox_id)
            self.relayed += len(rows)
            if len(rows) < BATCH_ROWS and not self._waiting.is_set():  # nothing was committed meanwhile
                return

    async def _publish_outbox_row(self, row: OutboxRow, publish: Publish) -> None:
        """Publish a row of the outbox (table of messages to send).

        If no MQTT client can send the row, for example because its topic is too long, report and skip it. Otherwise it
        would block all later results. The result itself stays in the store.
        """
        try:
            await publish(create_message_of_outbox_row(self._centre, row.topic, row.payload))
        except ValueError as error:
            _log.error("outbox.row_skipped", outbox_id=row.outbox_id, problem=str(error))
            self._on_unsendable(row.outbox_id, str(error))
