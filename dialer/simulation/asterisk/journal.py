"""The referee: every call that was truly placed, as JSON lines on disk before anything else happens with it.

A line has `t` (epoch seconds), `event` and `channel`, which is the attempt's id. `placed` adds number and trunk;
`answered` nothing; `ended` adds how it ended, whether it was answered, and the Q.850 cause. `inbound` is a call that a
voter made to us. The numbers are those of a synthetic roll; no journal is ever kept of a real centre.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any


@dataclass(slots=True)
class PlacedCall:
    """One call to a carrier. Times are epoch seconds; None: it did not get that far."""

    channel_id: str
    number: str
    trunk: str
    placed_at: float
    answered_at: float | None = None
    connected_at: float | None = None  # in a conference with an agent
    ended_at: float | None = None
    how: str | None = None


class Journal:
    """Writes the file and keeps the calls in memory; without a path only in memory."""

    def __init__(self, path: Path | None) -> None:
        """Append to `path`. Raises OSError where it cannot be written."""
        self.placed: list[PlacedCall] = []
        self._live: dict[str, PlacedCall] = {}
        self._file: IO[str] | None = None if path is None else path.open("a", encoding="utf-8")

    def call_placed(self, now: float, channel_id: str, number: str, trunk: str) -> None:
        """Record that a call went out."""
        call = PlacedCall(channel_id, number, trunk, now)
        self.placed.append(call)
        self._live[channel_id] = call
        self._write(t=now, event="placed", channel=channel_id, number=number, trunk=trunk)

    def call_answered(self, now: float, channel_id: str) -> None:
        """Record that the call was answered."""
        self._live[channel_id].answered_at = now
        self._write(t=now, event="answered", channel=channel_id)

    def call_connected(self, now: float, channel_id: str) -> None:
        """Record that voter and agent hear each other."""
        if channel_id in self._live:
            self._live[channel_id].connected_at = now
            self._write(t=now, event="connected", channel=channel_id)

    def call_ended(self, now: float, channel_id: str, how: str, cause: int) -> None:
        """Record the end of a placed call. Other channels are ignored."""
        call = self._live.pop(channel_id, None)
        if call is None:
            return
        call.ended_at = now
        call.how = how
        answered = call.answered_at is not None
        self._write(t=now, event="ended", channel=channel_id, how=how, answered=answered, cause=cause)

    def inbound(self, now: float, channel_id: str, number: str, trunk: str) -> None:
        """Record that a voter called us."""
        self._write(t=now, event="inbound", channel=channel_id, number=number, trunk=trunk)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, **entry: object) -> None:
        if self._file is not None:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()


@dataclass(frozen=True, slots=True)
class JournalReport:
    """The result of a check of a journal.

    `problems` is empty where no number was called twice at once and no id was reused.
    """

    placed: int
    answered: int
    connected: int
    inbound: int
    live: int  # placed and not ended
    calls_by_number: dict[str, int]
    how: dict[str, int]  # ends by how they ended
    problems: tuple[str, ...]


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a journal in order, without a last line that a kill has cut off."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]


def check_journal(source: Path | Iterable[dict[str, Any]]) -> JournalReport:
    """Check a journal: never two live calls to one number, never the same channel id twice."""
    entries = read_journal(source) if isinstance(source, Path) else list(source)
    number_of: dict[str, str] = {}
    live: dict[str, str] = {}  # number -> channel id
    calls_by_number: Counter[str] = Counter()
    how: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    problems: list[str] = []
    for entry in entries:
        event, channel = entry["event"], entry["channel"]
        counts[event] += 1
        if event == "placed":
            number = entry["number"]
            if channel in number_of:
                problems.append(f"channel id {channel} was placed twice")
            if number in live:
                problems.append(f"{number} was called by {channel} while {live[number]} was still live")
            number_of[channel] = number
            live[number] = channel
            calls_by_number[number] += 1
        elif event == "ended":
            how[entry["how"]] += 1
            if live.get(number_of.get(channel, "")) == channel:
                del live[number_of[channel]]
    return JournalReport(
        **{event: counts[event] for event in ("placed", "answered", "connected", "inbound")},
        live=counts["placed"] - counts["ended"],
        calls_by_number=calls_by_number,
        how=how,
        problems=tuple(problems),
    )
