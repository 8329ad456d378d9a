"""The data that open pages show, as values by key. Pages subscribe to changes of the values.

After connecting, a page gets all values, and then the changed ones. A slow page may miss intermediate values, but it
always gets the latest value of each key.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from dialer.domain.schema import MESSAGE

T = TypeVar("T")

GATHER_SECONDS = 0.25  # a board gets all changes of this time in one update
HEARTBEAT_SECONDS = 5.0  # a page that gets no update for longer says so


@dataclass(frozen=True, slots=True)
class Update:
    """A change of the data that a page shows: values by key, and keys that were removed."""

    __pydantic_config__ = MESSAGE

    number: int  # of this subscription's updates; 0: the whole state, which replaces everything before it
    at: float  # epoch seconds: pages show times by this clock, not by their own
    values: dict[str, Any]
    removed: tuple[str, ...] = ()


class PageState:
    """The data that open pages show: values by key, such as "centre" and "seat/04".

    A value is a record or plain JSON. Pages subscribe to changes.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        """Create an empty page state. `now` returns the current time (epoch seconds)."""
        self.now = now
        self._values: dict[str, Any] = {}
        self._subscriptions: dict[Subscription, bool] = {}  # True = an open page

    @property
    def open_page_count(self) -> int:
        """The number of pages that are open in browsers."""
        return sum(self._subscriptions.values())

    def get_value_of_key(self, key: str, kind: type[T]) -> T | None:
        """Return the value of a key of the page state, or None if it has no value of this class."""
        value = self._values.get(key)
        return value if isinstance(value, kind) else None

    def get_values_of_keys_with_prefix(self, prefix: str, kind: type[T]) -> dict[str, T]:
        """Return the values whose keys begin with `prefix`/, by the rest of the key.

        The rest is "04" for the key "seat/04".
        """
        beginning = f"{prefix}/"
        return {
            key[len(beginning) :]: value
            for key, value in self._values.items()
            if key.startswith(beginning) and isinstance(value, kind)
        }

    def set_value_of_key(self, key: str, value: Any) -> None:
        """Set the value of a key and notify subscribed pages; None removes the key."""
        if self._values.get(key) == value:
            return
        if value is None:
            del self._values[key]
        else:
            self._values[key] = value
        for subscription in self._subscriptions:
            subscription.mark_value_as_changed(key)

    @contextmanager
    def open_subscription(
        self, wants: Callable[[str], bool], gather_seconds: float = GATHER_SECONDS, *, page: bool = True
    ) -> Iterator[Subscription]:
        """Subscribe to the keys that `wants` accepts, until the context ends.

        Set `page` if the subscriber is an open page. Open pages are counted.
        """
        subscription = Subscription(self, wants, gather_seconds)
        self._subscriptions[subscription] = page
        try:
            yield subscription
        finally:
            del self._subscriptions[subscription]

    def end_all_subscriptions(self) -> None:
        """End the subscriptions of all pages."""
        for subscription in self._subscriptions:
            subscription.end_subscription()

    def make_update_with_all_values(self, wants: Callable[[str], bool]) -> Update:
        """Return the values of all keys that `wants` accepts: the first update that a new subscription receives."""
        return Update(0, self.now(), {key: value for key, value in self._values.items() if wants(key)})

    def make_update_with_changed_values(self, number: int, keys: list[str]) -> Update:
        """Return an update for a page, with the current values of the changed `keys`.

        Updates of a page are numbered from 1, so that the page notices a lost one.
        """
        values = {key: self._values[key] for key in keys if key in self._values}
        return Update(number, self.now(), values, tuple(key for key in keys if key not in values))


class Subscription:
    """The subscription of an open page, or of another reader, to changes of the page state."""

    def __init__(self, state: PageState, wants: Callable[[str], bool], gather_seconds: float) -> None:
        self._state = state
        self._wants = wants
        self._gather_seconds = gather_seconds
        self._changed: dict[str, None] = {}
        self._waiting = asyncio.Event()
        self._ended = False

    def end_subscription(self) -> None:
        """End the subscription, and the iteration over `stream_updates`."""
        self._ended = True
        self._waiting.set()

    def mark_value_as_changed(self, key: str) -> None:
        """Mark a key as changed, so that its value is sent to the page."""
        if self._wants(key):
            self._changed[key] = None
            self._waiting.set()

    async def stream_updates(self) -> AsyncIterator[Update]:
        """Yield the whole page state, then its changes. While nothing changes, yield an empty change every
        `HEARTBEAT_SECONDS`.
        """
        yield self._state.make_update_with_all_values(self._wants)
        number = 0
        while not self._ended:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._waiting.wait()
                    await asyncio.sleep(self._gather_seconds)
            self._waiting.clear()
            keys = list(self._changed)
            self._changed.clear()
            number += 1
            yield self._state.make_update_with_changed_values(number, keys)
