"""The newest call of a centre, recorded outside its store (database): at the MQTT broker and in Asterisk's database.

A store that lacks this call is an old copy, or the store of another centre.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from dialer.domain.model import AttemptId
from dialer.domain.schema import MESSAGE, Time

RECORD_SECONDS: Final = 0.1
"""Minimum interval between two records of the newest call. It is also how many seconds of calls a record may lack."""
BROKER: Final = "broker"
ASTERISK: Final = "Asterisk"
_TEXT: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-([0-9]{1,16})", re.ASCII)


@dataclass(frozen=True, slots=True)
class NewestCall:
    """The newest call that this centre has placed: its attempt id and its time."""

    __pydantic_config__ = MESSAGE

    attempt_id: str
    """UUID; the same as the channel's id"""
    at: Time
    """when it was placed"""


UNREADABLE: Final = NewestCall("", math.inf)
"""Stands for a record that cannot be read: a call that no store has."""


def format_newest_call(call: NewestCall) -> str:
    """Return the text that records the newest call in Asterisk's database. It is also valid as a dialplan extension."""
    return f"{call.attempt_id}-{round(call.at * 1000)}"


def parse_newest_call(text: str) -> NewestCall:
    """Return the newest call that a text from Asterisk's database names, or UNREADABLE if the text names none."""
    found = _TEXT.fullmatch(text)
    return UNREADABLE if found is None else NewestCall(AttemptId(found[1]), int(found[2]) / 1000)


class NewestCallRecorder:
    """Saves the centre's newest call at the broker or at an Asterisk server.

    If several calls are placed in quick succession, only the last one is saved.
    """

    def __init__(self) -> None:
        self._call: NewestCall | None = None
        self._placed = asyncio.Event()

    def queue_newest_call_for_saving(self, call: NewestCall) -> None:
        """Queue `call` for saving as the newest call. It replaces a queued call that is not saved yet."""
        self._call = call
        self._placed.set()

    def cancel_pending_save_of_newest_call(self) -> None:
        """Remove the newest call from the queue, so that it is not saved."""
        self._placed.clear()

    async def save_newest_calls_until_cancelled(self, record: Callable[[NewestCall], Awaitable[bool]]) -> NoReturn:
        """Save each newest call with the function `record`, until cancelled. Try again if `record` returns False."""
        while True:
            await self._placed.wait()
            self._placed.clear()
            call = self._call
            if call is not None and not await record(call):
                self._placed.set()
            await asyncio.sleep(RECORD_SECONDS)
