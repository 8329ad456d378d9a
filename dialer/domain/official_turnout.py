"""Official turnout: what the election authority tells at intervals of the poll. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, time

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
    state_code: str = ""  # "": not said


@dataclass(frozen=True, slots=True)
class PollHours:
    """When an area votes, local time."""

    opens: time
    closes: time | None  # None: not known


def state_of(told: str, on_the_roll: Collection[str]) -> str:
    """A booth's or figure's state, by those that the roll has its constituency's number of: said, or the only one named."""
    named = {state for state in on_the_roll if state}
    return told or (next(iter(named)) if len(named) == 1 else "")


def states_meant(told: str, on_the_roll: Collection[str]) -> set[str]:
    """Of which of the states that the roll has a constituency's number of a figure may be; `told`: the state it names. Only
    a state that the roll names is compared: of a roll that says none nothing can be told apart.
    """
    known = {state_of(state, on_the_roll) for state in on_the_roll}
    return known if not told or known == {""} else known & {told}


def objection(figure: OfficialFigure, others: Mapping[str, float], hours: PollHours) -> str | None:
    """What speaks against a figure, in words; None: nothing. `others`: the shares by every other hour of its area and day.

    Turnout is cumulative, so it is nowhere below that of an earlier hour, nor above that of a later one.
    """
    by, share = figure.by_time, figure.share
    if by != FINAL:
        opens, closes = f"{hours.opens:%H:%M}", FINAL if hours.closes is None else f"{hours.closes:%H:%M}"
        if not opens <= by <= closes:
            until = "" if hours.closes is None else f" to {closes}"
            return f"{by} is no hour of the poll ({opens}{until}; {FINAL} is after it)"
    # As text FINAL comes after every hour.
    higher = {hour: each for hour, each in others.items() if hour < by and each > share}
    lower = {hour: each for hour, each in others.items() if hour > by and each < share}
    contradicting = max(higher) if higher else min(lower) if lower else None
    if contradicting is None:
        return None
    return f"turnout would fall: {_percent(share)} by {by}, but {_percent(others[contradicting])} by {contradicting}"


def _percent(share: float) -> str:
    return f"{round(share * 100, 4):g} %"
