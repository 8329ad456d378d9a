"""Official turnout: what the election authority tells at intervals of the poll. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

FINAL = "final"
"""In place of an hour: the figure after the close."""


@dataclass(frozen=True, slots=True)
class OfficialFigure:
    """Cumulative turnout of an area by an hour of the polling day."""

    day: date
    constituency_number: int
    part_number: int | None  # None: of the whole constituency
    by_time: str  # "09:00" or FINAL, local time
    share: float  # of the electors, 0..1
