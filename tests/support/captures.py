"""Sessions recorded from a real Asterisk 22.10.1: JSON lines of seconds, speaker and data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = Path(__file__).parents[1] / "captures"
NAMES = sorted(path.stem for path in DIRECTORY.glob("*.jsonl"))


@dataclass(frozen=True, slots=True)
class CapturedData:
    """The data that one side sent at one moment."""

    seconds: float
    who: str  # asterisk-ami, client-ami, asterisk-agi, server-agi
    data: str


def read_capture(name: str) -> list[CapturedData]:
    """Return the recorded session of that name, in order."""
    lines = (DIRECTORY / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [CapturedData(said["t"], said["who"], said["data"]) for said in map(json.loads, lines)]


def captured_bytes(name: str, who: str) -> bytes:
    """Return all bytes that one side sent. Of a repeated opening message, only the first is included."""
    said = [said.data for said in read_capture(name) if said.who == who]
    return "".join(data for number, data in enumerate(said) if number == 0 or data != said[0]).encode()
