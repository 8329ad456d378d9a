"""Plots of simulated days: policies compared, and one day over time. Needs the extra `plots` (matplotlib)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from dialer.centre_model.day_result import DayResult
from dialer.reports.picture_file import check_picture_path, save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

HOUR_SECONDS = 3600.0
_HIGHLIGHTED, _OTHERS, _CAP = "#0b6e4f", "#6c757d", "#c1121f"

_NAME_PLACES = [(side * 6, up) for up in (3, -9, 13, -19, 23, -29, 33) for side in (1, -1)]
"""Label offsets (points to the right, points up) from a policy's marker, in order of preference."""


@dataclass(frozen=True, slots=True)
class PolicyPoint:
    """A pacing policy in a plot.

    Shares are 0-1. `curve` has the policy's results with other settings; they are drawn as a line.
    """

    name: str
    utilisation: float
    abandoned_share: float
    highlighted: bool = False
    curve: tuple[tuple[float, float], ...] = ()  # (abandoned-call rate, utilisation)


def plot_pacing_policies(points: Sequence[PolicyPoint], path: Path, *, cap: float, title: str) -> None:
    """Plot agents' utilisation against the abandoned-call rate, with a point for each pacing policy and a line for the
    rate's limit (cap). Raises CannotPlot.
    """
    check_picture_path(path)
    figure, (axes,) = _create_empty_plot(1, 7.5, 4.8)
    for point in points:
        colour = _HIGHLIGHTED if point.highlighted else _OTHERS
        if point.curve:
            shares, uses = zip(*sorted(point.curve), strict=True)
            axes.plot([100 * share for share in shares], [100 * use for use in uses], color=colour, lw=1, alpha=0.5)
        x, y = 100.0 * point.abandoned_share, 100.0 * point.utilisation
        axes.plot([x], [y], marker="D" if point.highlighted else "o", color=colour, ms=7 if point.highlighted else 5)
    axes.axvline(100.0 * cap, color=_CAP, lw=1, ls="--", label=f"cap {cap:.1%}")
    axes.set_xscale("symlog", linthresh=5.0)
    widest = max([5.0, *(100.0 * point.abandoned_share for point in points)])
    axes.set_xlim(-0.2, 1.7 * widest)  # room for the names
    ticks = [tick for tick in (0, 1, 2, 3, 4, 5, 10, 20, 40) if tick <= axes.get_xlim()[1]]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xlabel("abandoned calls, % of live answers")
    axes.set_ylabel("seats busy, %")
    axes.set_title(title, fontsize=10)
    axes.legend(fontsize=8, loc="lower right")
    _label_points_of_policies(figure, axes, points)
    save_picture(figure, path)


def _label_points_of_policies(figure: Figure, axes: Axes, points: Sequence[PolicyPoint]) -> None:
    """Label each point with its name, inside the frame and without overlaps."""
    figure.draw_without_rendering()  # computes the layout
    frame = axes.get_window_extent()
    occupied: list[Bbox] = []
    for point in sorted(points, key=lambda point: (-point.utilisation, point.abandoned_share)):
        name = axes.annotate(
            point.name,
            (100.0 * point.abandoned_share, 100.0 * point.utilisation),
            xytext=_NAME_PLACES[0],
            textcoords="offset points",
            fontsize=8,
            color=_HIGHLIGHTED if point.highlighted else _OTHERS,
        )
        for right, up in _NAME_PLACES:
            name.set(position=(right, up), ha="left" if right > 0 else "right")
            place = name.get_window_extent()
            inside = frame.x0 <= place.x0 and place.x1 <= frame.x1 and frame.y0 <= place.y0 and place.y1 <= frame.y1
            if inside and not any(place.overlaps(other) for other in occupied):
                break
        occupied.append(name.get_window_extent())


def plot_simulated_day(day: DayResult, path: Path, *, cap: float, title: str) -> None:
    """Plot one day: seats, calls and answer rate, and the abandoned-call rate of the last hour. Raises CannotPlot."""
    check_picture_path(path)
    figure, (seats, calls, lost) = _create_empty_plot(3, 9.0, 6.5)
    hours = [moment.at_seconds / HOUR_SECONDS for moment in day.moments]
    layers = [
        ("talking", "#0b6e4f", [moment.talking for moment in day.moments]),
        ("wrap-up", "#8cc7a1", [moment.wrapping for moment in day.moments]),
        ("free", "#f4d58d", [moment.free for moment in day.moments]),
        ("paused", "#ced4da", [moment.paused for moment in day.moments]),
    ]
    seats.stackplot(
        hours, [_compute_moving_average(values) for _, _, values in layers], labels=[name for name, _, _ in layers],
        colors=[colour for _, colour, _ in layers],
    )  # fmt: skip
    seats.set_ylabel("seats")
    seats.legend(fontsize=7, ncols=4, loc="lower right")
    seats.set_title(title, fontsize=10)
    calls.plot(hours, _compute_moving_average([moment.ringing for moment in day.moments]), color="#33658a", lw=1)
    calls.set_ylabel("calls ringing")
    rate = calls.twinx()
    rate.plot(hours, [100.0 * moment.answer_rate for moment in day.moments], color="#f26419", lw=1, ls=":")
    rate.set_ylabel("answer rate, %", color="#f26419")
    shares = _compute_hourly_abandoned_rate(day)
    lost.plot([at / HOUR_SECONDS for at, _ in shares], [100.0 * share for _, share in shares], color="#33658a", lw=1)
    lost.axhline(100.0 * cap, color=_CAP, lw=1, ls="--")
    lost.set_ylabel("abandoned, %\nof the last hour")
    lost.set_xlabel("hours since the start")
    lost.set_ylim(bottom=0.0)
    for axes in (seats, calls, lost):
        axes.set_xlim(0.0, day.hours)
    save_picture(figure, path)


def _create_empty_plot(rows: int, width: float, height: float) -> tuple[Figure, Sequence[Axes]]:
    from matplotlib.figure import Figure  # noqa: PLC0415 - an optional extra

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, [figure.add_subplot(rows, 1, row + 1) for row in range(rows)]


def _compute_moving_average(values: Sequence[int], width: int = 5) -> list[float]:
    """Return the moving average over `width` minutes."""
    half = width // 2
    return [fmean(values[max(0, place - half) : place + half + 1]) for place in range(len(values))]


def _compute_hourly_abandoned_rate(day: DayResult) -> list[tuple[float, float]]:
    """Return (second, abandoned-call rate of the hour before it) for each minute from the tenth on."""
    times = [at for at, _ in day.resolved]
    abandoned = [0, *accumulate(lost for _, lost in day.resolved)]
    shares: list[tuple[float, float]] = []
    for moment in day.moments:
        now = moment.at_seconds
        first, last = bisect_right(times, now - HOUR_SECONDS), bisect_right(times, now)
        if now >= 600.0 and last > first:
            shares.append((now, (abandoned[last] - abandoned[first]) / (last - first)))
    return shares
