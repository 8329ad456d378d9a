"""Webhook that posts voters' results to a portal, signed and in order, until the portal confirms them.

Deliveries follow Standard Webhooks (https://www.standardwebhooks.com): the headers are webhook-id, webhook-timestamp
and webhook-signature, an HMAC-SHA256 over "id.timestamp.body".

Results are read from the store, in the order of the marks (recorded facts about voters). A position file next to the
store names the mark that the portal confirmed last. So each mark is delivered at least once; the portal recognizes a
repeat by the mark's key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from urllib.error import HTTPError

from dialer.domain.backoff import Backoff
from dialer.domain.https import send_https_request
from dialer.domain.output import write_file
from dialer.errors import MatdanError
from dialer.reports.results import (
    PLACE,
    CompleteMark,
    Place,
    find_last_mark_before_open_calls,
    load_voter_marks_of_ended_calls,
    read_unique_key_of_voter_mark,
)
from dialer.settings.files import read_whole_file
from dialer.settings.sources import Source
from dialer.store.connection import Connection

MAX_RESULTS = 100  # per delivery
MAX_TRIES = 6
BACKOFF = Backoff(first_seconds=1.0, longest_seconds=30.0)
_MAX_POSITION_BYTES = 1024
_RETRIABLE = frozenset({408, 425, 429})  # HTTP statuses; 500 and above are retried too


class DeliveryFailed(MatdanError):
    """Raised if a portal refused a delivery or did not confirm it. The next run continues after the last confirmed delivery."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A batch of voters' results that is sent to a portal in one HTTP request. A repeated delivery has the same ID."""

    id: str
    body: bytes

    def build_signed_webhook_headers(self, secret: bytes, now: float) -> dict[str, str]:
        """Return the HTTP headers of the delivery, signed for the time `now` (epoch seconds)."""
        timestamp = str(int(now))
        digest = hmac.digest(secret, f"{self.id}.{timestamp}.".encode() + self.body, hashlib.sha256)
        signature = f"v1,{base64.b64encode(digest).decode()}"
        webhook = {"webhook-id": self.id, "webhook-timestamp": timestamp, "webhook-signature": signature}
        return {"Content-Type": "application/json", "User-Agent": "matdan", **webhook}


Send = Callable[[Delivery], int]
"""A function that sends a delivery once and returns the HTTP status. It raises OSError if no HTTP response was received."""

OpenStore = Callable[[], AbstractContextManager[Connection]]
"""A function that opens a read-only snapshot of the store."""


def create_webhook_delivery_sender(url: str, secret: bytes) -> Send:
    """Return a function that posts a delivery of results to `url` over HTTPS.

    Each try is signed with the current time, because receivers refuse old timestamps.
    """

    def send_delivery(delivery: Delivery) -> int:
        try:
            with send_https_request(
                url, delivery.build_signed_webhook_headers(secret, time.time()), delivery.body
            ) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code
        except http.client.HTTPException as error:
            raise OSError(
                f"the portal's server gave no valid HTTP response ({type(error).__name__}): check the address of "
                "the portal"
            ) from error

    return send_delivery


@dataclass(frozen=True, slots=True)
class WebhookPoster:
    """Posts new results about voters to the portal from which these voters were imported."""

    source: Source
    centre: str
    zone: tzinfo  # time zone of the results' dates
    load_ids: Callable[
        [], Mapping[Place, str]
    ]  # called only if there are new marks, because reading the IDs takes seconds
    position: Path  # file that names the last mark confirmed by the portal

    def post_new_results_to_portal(
        self, store: OpenStore, send: Send, wait: Callable[[float], None] = time.sleep
    ) -> int:
        """Post the results that the portal has not confirmed yet, and return how many were posted.

        The store is closed while a delivery is sent. Otherwise a slow portal would block the database's checkpoints.

        Raises:
            DeliveryFailed: The portal refused a delivery, or did not confirm it within MAX_TRIES.
        """
        posted = 0
        with store() as db:
            after = self._read_id_of_last_confirmed_mark(db)
            last = find_last_mark_before_open_calls(db, after)
        ids = self.load_ids() if last > after else {}
        while True:
            with store() as db:
                marks = load_voter_marks_of_ended_calls(db, after, last, MAX_RESULTS)
            if not marks:
                return posted
            results = [self._format_result_for_portal(mark, ids[mark.place]) for mark in marks if mark.place in ids]
            if results:
                body = {"centre": self.centre, "source": self.source.name, "results": results}
                # Derived from the content, so that a repeat in a later run has the same ID.
                content = "\n".join((self.centre, self.source.name, *(str(result["key"]) for result in results)))
                delivery_id = hashlib.sha256(content.encode()).hexdigest()[:32]
                self._send_delivery_until_confirmed(
                    Delivery(delivery_id, json.dumps(body, ensure_ascii=False).encode()), send, wait
                )
            after, posted = marks[-1].mark_id, posted + len(results)
            write_file(self.position, json.dumps({"mark": after, "key": marks[-1].key}).encode())

    def _read_id_of_last_confirmed_mark(self, db: Connection) -> int:
        """Return the id of the last mark (recorded fact about a voter) that the portal confirmed, or 0 for none.

        If the position file is unreadable or belongs to another store, return 0. All results are then posted again,
        because missing results would do harm and repeated ones do not.
        """
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(read_whole_file(self.position, _MAX_POSITION_BYTES))
            mark, key = int(found["mark"]), str(found["key"])
            if read_unique_key_of_voter_mark(db, mark) == key:
                return mark
        return 0

    def _format_result_for_portal(self, mark: CompleteMark, portal_id: str) -> dict[str, object]:
        return {
            "key": mark.key,
            "id": portal_id,
            **{column.name: cell for column, cell in zip(PLACE, mark.place, strict=True)},
            "date": datetime.fromtimestamp(mark.at, self.zone).isoformat(timespec="seconds"),
            "result": mark.kind,
            "source": mark.source,
            "confidence": mark.confidence,
            "undoes": mark.undoes,
            "answers": dict(mark.answers),
        }

    def _send_delivery_until_confirmed(self, delivery: Delivery, send: Send, wait: Callable[[float], None]) -> None:
        """Send a delivery, with retries, until the portal confirms it."""
        url, chance = self.source.webhook_url, random.SystemRandom()
        for tries in range(1, MAX_TRIES + 1):
            try:
                status = send(delivery)
                problem = f"HTTP status {status}"
                if 200 <= status < 300:
                    return
                if status < 500 and status not in _RETRIABLE:
                    raise DeliveryFailed(
                        f"{url}: the portal refused delivery {delivery.id} ({problem}); correct the address or the secret,"
                        " or ask the portal's operator"
                    )
            except OSError as error:
                problem = str(error) or type(error).__name__
            if tries < MAX_TRIES:
                wait(BACKOFF.calculate_seconds_until_next_attempt(tries, chance))
        raise DeliveryFailed(
            f"{url}: the portal did not confirm delivery {delivery.id} after {MAX_TRIES} tries ({problem}); the"
            " next run"
            " sends this delivery again"
        )
