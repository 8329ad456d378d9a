"""The journal of a simulated Asterisk: all its calls, as JSON lines. Tests compare the dialler's records with it.

Each line has a time `t` (epoch seconds), an `event` and a `channel` (the attempt's id). A line is written before
anything else happens to the call. The phone numbers are fictitious.
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
    """An outbound call, as the journal records it. Times are epoch seconds, or None for steps that did not happen."""

    channel_id: str
    number: str
    trunk: str
    placed_at: float
    answered_at: float | None = None
    connected_at: float | None = None  # in a conference with an agent
    ended_at: float | None = None
    how: str | None = None


class Journal:
    """Records the calls of a simulated Asterisk in memory, and also in a file if it has a path."""

    def __init__(self, path: Path | None) -> None:
        """Open the journal of calls. With a path, entries are appended to this file. Raises OSError if it cannot be
        written.
        """
        self.placed: list[PlacedCall] = []
        self._live: dict[str, PlacedCall] = {}
        self._file: IO[str] | None = None if path is None else path.open("a", encoding="utf-8")

    def write_placed_call_to_journal(self, now: float, channel_id: str, number: str, trunk: str) -> None:
        """Record in the journal that an outbound call was started."""
        call = PlacedCall(channel_id, number, trunk, now)
        self.placed.append(call)
        self._live[channel_id] = call
        self._write_journal_entry(t=now, event="placed", channel=channel_id, number=number, trunk=trunk)

    def write_answered_call_to_journal(self, now: float, channel_id: str) -> None:
        """Record in the journal that a call was answered."""
        self._live[channel_id].answered_at = now
        self._write_journal_entry(t=now, event="answered", channel=channel_id)

    def write_connected_call_to_journal(self, now: float, channel_id: str) -> None:
        """Record in the journal that voter and agent are connected."""
        if channel_id in self._live:
            self._live[channel_id].connected_at = now
            self._write_journal_entry(t=now, event="connected", channel=channel_id)

    def write_ended_call_to_journal(self, now: float, channel_id: str, how: str, cause: int) -> None:
        """Record in the journal that an outbound call has ended. Other channels are ignored."""
        call = self._live.pop(channel_id, None)
        if call is None:
            return
        call.ended_at = now
        call.how = how
        answered = call.answered_at is not None
        self._write_journal_entry(t=now, event="ended", channel=channel_id, how=how, answered=answered, cause=cause)

    def write_inbound_call_to_journal(self, now: float, channel_id: str, number: str, trunk: str) -> None:
        """Record in the journal that an inbound call has arrived."""
        self._write_journal_entry(t=now, event="inbound", channel=channel_id, number=number, trunk=trunk)

    def close(self) -> None:
        """Close the journal's file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write_journal_entry(self, **entry: object) -> None:
        if self._file is not None:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()


@dataclass(frozen=True, slots=True)
class JournalReport:
    """The result of checking a journal of calls: counts of events, and problems.

    A problem is a number with two simultaneous calls, or a channel id that was used twice.
    """

    placed: int
    answered: int
    connected: int
    inbound: int
    live: int  # outbound calls that have not ended
    calls_by_number: dict[str, int]
    how: dict[str, int]  # number of calls by the way they ended
    problems: tuple[str, ...]


def read_journal_of_calls(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a journal of calls, in order. An incomplete last line, as a killed process leaves it, is
    ignored.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]


def check_journal_of_calls(source: Path | Iterable[dict[str, Any]]) -> JournalReport:
    """Return counts of the calls in a journal, and two kinds of problems.

    The problems are numbers with two calls at once, and channel ids that were used twice.
    """
    entries = read_journal_of_calls(source) if isinstance(source, Path) else list(source)
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
