"""What became known of voters, posted to a portal: signed, in the marks' order, and again until the portal says that it has it.

Deliveries are Standard Webhooks (https://www.standardwebhooks.com): headers webhook-id, webhook-timestamp and webhook-signature, an
HMAC-SHA256 over "id.timestamp.body". Nothing is queued: the store has the marks, and a file beside it up to which the portal has
them. So each is delivered at least once, and has a key by which the portal knows a repeat.
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
from dialer.domain.https import answered
from dialer.domain.output import write_file
from dialer.errors import MatdanError
from dialer.reports.results import PLACE, Place, SettledMark, key_of_mark, last_settled, settled_marks
from dialer.settings.files import read_whole
from dialer.settings.sources import Source
from dialer.store.connection import Connection

MOST_RESULTS = 100  # of a delivery
MOST_TRIES = 6
BACKOFF = Backoff(first_seconds=1.0, longest_seconds=30.0)
_MOST_POSITION_BYTES = 1024
_LATER = frozenset({408, 425, 429})  # and all from 500 on


class NotPosted(MatdanError):
    """A portal has not taken a delivery. The text says which and why; what it has is kept, and the rest is posted the next time."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Results on their way, under an id that a repeat bears too."""

    id: str
    body: bytes

    def headers(self, secret: bytes, now: float) -> dict[str, str]:
        """As Standard Webhooks has them; `now`: of this try, epoch seconds."""
        stamp = str(int(now))
        signed = hmac.digest(secret, f"{self.id}.{stamp}.".encode() + self.body, hashlib.sha256)
        signature = f"v1,{base64.b64encode(signed).decode()}"
        ours = {"webhook-id": self.id, "webhook-timestamp": stamp, "webhook-signature": signature}
        return {"Content-Type": "application/json", "User-Agent": "matdan", **ours}


Send = Callable[[Delivery], int]
"""Sends a delivery once: the HTTP status. Raises OSError where there was none."""

OpenStore = Callable[[], AbstractContextManager[Connection]]
"""Opens the store to be read, at one moment."""


def sending(url: str, secret: bytes) -> Send:
    """Over HTTPS, signed anew each time: a receiver refuses an old moment."""

    def send(delivery: Delivery) -> int:
        try:
            with answered(url, delivery.headers(secret, time.time()), delivery.body) as answer:
                return int(answer.status)
        except HTTPError as error:
            with error:
                return error.code
        except http.client.HTTPException as error:
            raise OSError(f"no answer that is HTTP ({type(error).__name__})") from error

    return send


@dataclass(frozen=True, slots=True)
class Posting:
    """Posts a source's news from a store."""

    source: Source
    centre: str
    zone: tzinfo  # of the results' dates
    ids: Callable[[], Mapping[Place, str]]  # asked where anything is new: reading them takes seconds
    position: Path  # the file that says what the portal has

    def run(self, store: OpenStore, send: Send, wait: Callable[[float], None] = time.sleep) -> int:
        """Post what is new; how many results. Raises NotPosted. The store is open for each reading alone."""
        posted = 0
        with store() as db:
            after = self._read(db)
            last = last_settled(db, after)
        ids = self.ids() if last > after else {}
        while True:
            with store() as db:
                marks = settled_marks(db, after, last, MOST_RESULTS)
            if not marks:
                return posted
            results = [self._result(mark, ids[mark.place]) for mark in marks if mark.place in ids]
            if results:
                body = {"centre": self.centre, "source": self.source.name, "results": results}
                named = "\n".join((self.centre, self.source.name, *(str(result["key"]) for result in results)))
                name = hashlib.sha256(named.encode()).hexdigest()[:32]
                self._deliver(Delivery(name, json.dumps(body, ensure_ascii=False).encode()), send, wait)
            after, posted = marks[-1].mark_id, posted + len(results)
            write_file(self.position, json.dumps({"mark": after, "key": marks[-1].key}).encode())

    def _read(self, db: Connection) -> int:
        """The last mark that the portal has; 0 where the store is another one: a repeat does no harm, a missing one does."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(read_whole(self.position, _MOST_POSITION_BYTES))
            mark, key = int(found["mark"]), str(found["key"])
            if key_of_mark(db, mark) == key:
                return mark
        return 0

    def _result(self, mark: SettledMark, portal_id: str) -> dict[str, object]:
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

    def _deliver(self, delivery: Delivery, send: Send, wait: Callable[[float], None]) -> None:
        """Send until it is taken. Raises NotPosted where it is refused, or not taken after some tries."""
        url, chance = self.source.webhook_url, random.SystemRandom()
        for tries in range(1, MOST_TRIES + 1):
            try:
                status = send(delivery)
                problem = f"it answers {status}"
                if 200 <= status < 300:
                    return
                if status < 500 and status not in _LATER:
                    raise NotPosted(
                        f"{url}: refuses {delivery.id}: {problem}; correct the address or the secret, or ask the portal"
                    )
            except OSError as error:
                problem = str(error) or type(error).__name__
            if tries < MOST_TRIES:
                wait(BACKOFF.seconds(tries, chance))
        raise NotPosted(
            f"{url}: has not taken {delivery.id} in {MOST_TRIES} tries: {problem}; it goes again the next time"
        )
