"""Record in headquarters' audit each order that leaders have signed and sent to centres.

The orders are read from nats-server. So an order is in the audit whichever machine and program sent it. Orders that
were sent while the page server was stopped are recorded at its next start.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import NoReturn

import structlog

from dialer.domain.audit_chain import shorten_text_for_audit
from dialer.domain.errors import CommandRefused, StoreError
from dialer.domain.orders import HqOrder, calculate_order_digest
from dialer.hq.orders import list_public_keys_of_leaders, parse_order
from dialer.hq.page_database import PageDatabase
from dialer.nats.messages import CMD
from dialer.nats.session import StreamRecreated, open_session
from dialer.settings.headquarters import HqSettings

_log = structlog.get_logger(__name__)

RETRY_SECONDS = 5.0


class OrderAudit:
    """A task that records each order sent to centres, such as "stop all calls", in headquarters' audit."""

    def __init__(self, settings: HqSettings, db: PageDatabase) -> None:
        self._settings = settings
        self._db = db
        self._leaders = list_public_keys_of_leaders(settings)

    async def record_orders_until_cancelled(self) -> NoReturn:
        """Read leaders' orders from nats-server and record each in headquarters' audit, until cancelled."""
        settings = self._settings
        async with open_session(
            settings.servers, "headquarters' audit", nkey_file=settings.nkey_file, ca_file=settings.ca_file
        ) as session:
            while True:
                with suppress(StreamRecreated):
                    async for stored in session.read_stream_messages(CMD, 0):
                        await self._add_order_to_audit_until_stored(stored.data)
                await asyncio.sleep(RETRY_SECONDS)

    async def _add_order_to_audit_until_stored(self, data: bytes) -> None:
        """Record an order in headquarters' audit. Try again while the database cannot be reached."""
        while True:
            try:
                await self.add_order_to_audit(data)
                return
            except StoreError as error:
                _log.warning("order.audit_failed", problem=str(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def add_order_to_audit(self, data: bytes) -> None:
        """Record an order and its signers in headquarters' audit, unless the order is recorded already.

        A message that is not an order, or has no valid signatures, is ignored, because no centre executes it. Raises
        StoreError.
        """
        parsed = parse_order(data)
        if parsed is None:
            return
        signed, order = parsed
        try:
            signers = signed.find_order_signers(self._leaders)
        except CommandRefused:  # a signature is forged
            return
        if len(signers) < order.required_signature_count:
            return
        who = shorten_text_for_audit(", ".join(signers))
        what = {**_build_audit_details_of_order(order), "sha256": calculate_order_digest(signed.order)}
        async with self._db.open_transaction() as db:
            await self._db.append_audit_entry_if_missing(db, "order-sent", who, what)


def _build_audit_details_of_order(order: HqOrder) -> dict[str, str]:
    """Return an order's details for the audit: kind, id, addressee, campaign and limits. Missing ones are left out."""
    details = order.model_dump(
        mode="json", include={"id", "order", "to", "campaign_id", "max_calls", "calls_per_seat"}, exclude_none=True
    )
    return {name: shorten_text_for_audit(str(value)) for name, value in details.items()}
