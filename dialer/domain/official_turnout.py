"""Official turnout: the figures that the election authority publishes during the poll. Without I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, time

FINAL = "final"
"""Used instead of a time for the figure after the close of poll."""


@dataclass(frozen=True, slots=True)
class OfficialFigure:
    """A turnout figure published by the election authority: the cumulative turnout of an area at a time of the polling
    day.
    """

    day: date
    constituency_number: int
    part_number: int | None  # None: the whole constituency
    by_time: str  # local time such as "09:00", or FINAL
    share: float  # share of the electors who have voted (0-1)
    state_code: str = ""  # "": not given


@dataclass(frozen=True, slots=True)
class PollHours:
    """The hours of poll of an area, in local time."""

    opens: time
    closes: time | None  # None: not known


def find_federal_state_of_constituency(given: str, on_the_roll: Collection[str]) -> str:
    """Return the federal state of a constituency ("" = unknown).

    It is `given`. If that is empty, it is the only state of `on_the_roll`: the states in which the roll has the
    constituency number.
    """
    named = {state for state in on_the_roll if state}
    return given or (next(iter(named)) if len(named) == 1 else "")


def find_states_of_turnout_figure(given: str, on_the_roll: Collection[str]) -> set[str]:
    """Return the federal states to which an official turnout figure may belong (empty = none fits).

    Args:
        given: The state that the figure names ("" = none).
        on_the_roll: The states in which the electoral roll has this constituency number.
    """
    known = {find_federal_state_of_constituency(state, on_the_roll) for state in on_the_roll}
    return known if not given or known == {""} else known & {given}


def explain_implausible_turnout(figure: OfficialFigure, others: Mapping[str, float], hours: PollHours) -> str | None:
    """Return why an official turnout figure is implausible, or None if it is plausible.

    `others` are the other figures of its area and day, by time. Turnout is cumulative, so it is never below an earlier
    figure or above a later one.
    """
    by, share = figure.by_time, figure.share
    if by != FINAL:
        opens, closes = f"{hours.opens:%H:%M}", FINAL if hours.closes is None else f"{hours.closes:%H:%M}"
        if not opens <= by <= closes:
            until = "" if hours.closes is None else f" to {closes}"
            return f"{by} is outside the hours of poll ({opens}{until}; {FINAL} is after it)"
    # As text, FINAL sorts after every time.
    higher = {hour: each for hour, each in others.items() if hour < by and each > share}
    lower = {hour: each for hour, each in others.items() if hour > by and each < share}
    contradicting = max(higher) if higher else min(lower) if lower else None
    if contradicting is None:
        return None
    return f"turnout cannot fall: {_format_percent(share)} by {by}, but {_format_percent(others[contradicting])} by {contradicting}"


def _format_percent(share: float) -> str:
    return f"{round(share * 100, 4):g} %"
