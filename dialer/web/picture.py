"""What the pages see: one picture of the centre by keys, and readers that are told what of it has changed.

A reader is told of keys, and gets their newest values when it comes to read: one that is slow misses what was in between, never
the end, and what waits for it is bounded by what a centre has. It begins with the whole picture, after each reconnect too.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

GATHER_SECONDS = 0.25  # a board is told four times a second, of all that changed since
BEAT_SECONDS = 5.0  # a page that has heard nothing for longer says so


@dataclass(frozen=True, slots=True)
class Told:
    """What a reader is told at once: values by key, and keys that are gone."""

    number: int  # of this reader's news; 0: the whole picture, in place of all before it
    at: float  # epoch seconds: a page shows times by this clock, not by its own
    values: dict[str, Any]
    gone: tuple[str, ...] = ()


class Picture:
    """Values by key, each of JSON: "centre", "campaign/turnout", "seat/04", ..."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now` gives epoch seconds."""
        self.now = now
        self._values: dict[str, Any] = {}
        self._readers: dict[Reader, bool] = {}  # whether it is a page

    @property
    def readers(self) -> int:
        """How many pages read."""
        return sum(self._readers.values())

    def get(self, key: str) -> Any:
        """A value; None: there is none."""
        return self._values.get(key)

    def below(self, kind: str) -> dict[str, Any]:
        """Values of a kind by what follows its name: `below("seat")` has "04"."""
        beginning = f"{kind}/"
        return {key[len(beginning) :]: value for key, value in self._values.items() if key.startswith(beginning)}

    def put(self, key: str, value: Any) -> None:
        """Set a value, None takes it away; whoever reads is told where that is news."""
        if self._values.get(key) == value:
            return
        if value is None:
            del self._values[key]
        else:
            self._values[key] = value
        for reader in self._readers:
            reader.note(key)

    @contextmanager
    def reading(
        self, wants: Callable[[str], bool], gather_seconds: float = GATHER_SECONDS, *, page: bool = True
    ) -> Iterator[Reader]:
        """A reader of the keys that it `wants`, for as long as the context lasts; `page`: somebody has it before them."""
        reader = Reader(self, wants, gather_seconds)
        self._readers[reader] = page
        try:
            yield reader
        finally:
            del self._readers[reader]

    def close(self) -> None:
        """Nothing more is told: every reader's news end."""
        for reader in self._readers:
            reader.end()

    def whole(self, wants: Callable[[str], bool]) -> Told:
        """All of it, as the first that a reader is told."""
        return Told(0, self.now(), {key: value for key, value in self._values.items() if wants(key)})

    def told(self, number: int, keys: list[str]) -> Told:
        """What stands at these keys now."""
        values = {key: self._values[key] for key in keys if key in self._values}
        return Told(number, self.now(), values, tuple(key for key in keys if key not in values))


class Reader:
    """One page that is open."""

    def __init__(self, picture: Picture, wants: Callable[[str], bool], gather_seconds: float) -> None:
        self._picture = picture
        self._wants = wants
        self._gather_seconds = gather_seconds
        self._changed: dict[str, None] = {}
        self._news = asyncio.Event()
        self._ended = False

    def end(self) -> None:
        """No more news."""
        self._ended = True
        self._news.set()

    def note(self, key: str) -> None:
        """A value has changed."""
        if self._wants(key):
            self._changed[key] = None
            self._news.set()

    async def told(self) -> AsyncIterator[Told]:
        """First all of the picture, then what has changed; where nothing has, an empty one now and then."""
        yield self._picture.whole(self._wants)
        number = 0
        while not self._ended:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._news.wait()
                    await asyncio.sleep(self._gather_seconds)
            self._news.clear()
            keys = list(self._changed)
            self._changed.clear()
            number += 1
            yield self._picture.told(number, keys)
