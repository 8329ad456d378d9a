"""The centre's live status, published to headquarters about once a second and stored nowhere."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from dialer.domain.schema import encode_record_as_json
from dialer.nats.messages import build_live_status_subject
from dialer.nats.session import Session

PUBLISH_SECONDS = 1.0
REPEAT_SECONDS = 60  # then all values are published again, for new subscribers
LIVE_KINDS = {"centre": "state", "alerts": "alert", "campaign": "campaign"}
"""The kinds of broker messages that headquarters receives, with their names there. It receives none of seats and booths."""


class LiveStatus:
    """The latest status values from the centre's broker.

    Only the newest value of each topic is published to headquarters.

    Nothing is published while headquarters is unreachable.
    """

    def __init__(self, centre: str) -> None:
        self._centre = centre
        self._latest: dict[str, Any] = {}
        self._changed: set[str] = set()

    def store_live_status_value(self, key: str, value: Any) -> None:
        """Store a status value from the broker. None removes the value."""
        kind, _, name = key.partition("/")
        if kind in LIVE_KINDS:
            subject = build_live_status_subject(self._centre, LIVE_KINDS[kind], name)
            if value is None:
                self._latest.pop(subject, None)
                self._changed.discard(subject)
            else:
                self._latest[subject] = value
                self._changed.add(subject)

    async def publish_status_until_cancelled(self, session: Session) -> None:
        """Publish the centre's status to headquarters until cancelled."""
        for tick in itertools.count():
            changed, self._changed = self._changed, set()
            for subject in [*self._latest] if tick % REPEAT_SECONDS == 0 else changed:
                if subject in self._latest:  # it may have been removed while another was published
                    await session.publish_message(subject, encode_record_as_json(self._latest[subject]).encode())
            await asyncio.sleep(PUBLISH_SECONDS)
