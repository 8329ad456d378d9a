"""Charts of a day's turnout: self-reported, official and expected. Needs the extra `plots`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from dialer.domain.official_turnout import FINAL, OfficialFigure
from dialer.polling_day.plan import ExpectedTurnout
from dialer.reports.picture_file import check_picture_path, save_picture
from dialer.reports.polling_day import (
    Constituency,
    RollConstituencies,
    TurnoutProgress,
    get_constituency_of_turnout_figure,
)
from dialer.reports.tables import QUARTER_SECONDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_CONSTITUENCIES = 6  # per picture; the ones with the most contacted voters are drawn
_SELF_REPORTED, _OFFICIAL, _EXPECTED, _CONTACTED = "#0b6e4f", "#c1121f", "#6c757d", "#8cc7a1"
_FINAL_HOUR = 24.0


def draw_turnout_charts(
    path: Path,
    day: date,
    progress: Mapping[Constituency, TurnoutProgress],
    official: Sequence[OfficialFigure],
    expected: ExpectedTurnout,
    zone: tzinfo,
    *,
    states: RollConstituencies,
) -> int:
    """Draw the turnout of a day into a .png or .svg file, one chart for each constituency.

    Returns:
        The number of constituencies left out, because a picture has at most MAX_CONSTITUENCIES.

    Raises:
        CannotPlot: matplotlib is missing, or the file cannot be written.
    """
    check_picture_path(path)
    from matplotlib.figure import Figure  # noqa: PLC0415 - an optional extra

    figures = [figure for figure in official if figure.day == day and figure.part_number is None]
    wanted = sorted(progress.keys() | {get_constituency_of_turnout_figure(figure) for figure in figures})
    wanted.sort(key=lambda each: -sum(progress[each].contacted.values()) if each in progress else 0)
    shown = sorted(wanted[:MAX_CONSTITUENCIES])
    figure = Figure(figsize=(8.0, 1.0 + 3.2 * len(shown)), layout="constrained")
    figure.suptitle(f"Turnout on {day:%d %B %Y}", fontsize=11)
    for place, constituency in enumerate(shown, 1):
        axes = figure.add_subplot(len(shown), 1, place)
        points = [
            (_get_hour_of_turnout_figure(each), each.share)
            for each in figures
            if get_constituency_of_turnout_figure(each) == constituency
        ]
        name = " ".join(map(str, states.build_constituency_cells(constituency)))
        drawn = progress.get(constituency, TurnoutProgress())
        _draw_turnout_of_constituency(axes, f"constituency {name}", drawn, points, expected, day, zone)
    save_picture(figure, path)
    return len(wanted) - len(shown)


def _get_hour_of_turnout_figure(figure: OfficialFigure) -> float:
    """Return the hour of an official turnout figure, counted from midnight. The final figure has the hour 24."""
    if figure.by_time == FINAL:
        return _FINAL_HOUR
    hours, minutes = figure.by_time.split(":")
    return int(hours) + int(minutes) / 60


def _draw_turnout_of_constituency(
    axes: Axes,
    name: str,
    progress: TurnoutProgress,
    official: Sequence[tuple[float, float]],
    expected: ExpectedTurnout,
    day: date,
    zone: tzinfo,
) -> None:
    opens = expected.opens.hour + expected.opens.minute / 60
    closes = max(at.hour + at.minute / 60 for at, _ in expected.points)
    ends = [end for end in progress.turnout_change_times if _get_start_of_quarter_hour(end, zone).date() <= day]
    hours = [_count_hours_since_midnight(end, day, zone) for end in ends]
    counts = [progress.count_voters_contacted_and_voted_until(end) for end in ends]
    if ends:  # extend the last step by a quarter of an hour, or it would have no width
        hours, counts = [*hours, hours[-1] + QUARTER_SECONDS / 3600], [*counts, counts[-1]]
    band = axes.twinx()
    band.fill_between(hours, [contacted for contacted, _ in counts], step="post", color=_CONTACTED, alpha=0.35, lw=0)
    band.set_ylabel("voters contacted", color=_CONTACTED, fontsize=8)
    band.set_ylim(bottom=0)
    band.locator_params(axis="y", integer=True)
    band.set_zorder(0)
    axes.set_zorder(1)
    axes.patch.set_visible(False)  # otherwise it would hide the band below
    at, shares = zip(*[(opens, 0.0), *((a.hour + a.minute / 60, share) for a, share in expected.points)], strict=True)
    axes.plot(at, [100 * share for share in shares], color=_EXPECTED, lw=1, ls=":", label="expected (settings)")
    contacted = counts[-1][0] if counts else 0
    curve = [100 * voted / asked if asked else math.nan for asked, voted in counts]
    label = f"self-reported, of {contacted:,} contacted (not official)"
    axes.plot(hours, curve, color=_SELF_REPORTED, lw=1.5, drawstyle="steps-post", label=label)
    points = [(min(hour, closes + 0.5), 100 * share) for hour, share in sorted(official)]
    axes.plot([x for x, _ in points], [y for _, y in points], color=_OFFICIAL, marker="o", ms=4, lw=1, label="official")
    # If every contact was made before the poll opens, start there: otherwise the chart would be empty.
    begins = hours[0] if hours and hours[-1] <= opens else opens
    axes.set_xlim(begins, max([closes + 0.75, *hours]))
    axes.set_ylim(0, 100)
    axes.set_ylabel("voted, %")
    axes.set_xlabel("hour of the day (the final official figure is drawn after the close)", fontsize=8)
    axes.set_title(name, fontsize=9, loc="left", pad=18)  # above the legend, because names can be long
    axes.grid(visible=True, alpha=0.25)
    axes.legend(fontsize=7, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, frameon=False)


def _get_start_of_quarter_hour(end: float, zone: tzinfo) -> datetime:
    """Return the local time at which the quarter of an hour that ends at `end` (epoch seconds) begins."""
    return datetime.fromtimestamp(end - QUARTER_SECONDS, zone)


def _count_hours_since_midnight(end: float, day: date, zone: tzinfo) -> float:
    """Return the hours from the midnight at which `day` begins until `end` (epoch seconds); 0 for earlier times."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    return max(0.0, (datetime.fromtimestamp(end, UTC) - midnight) / timedelta(hours=1))
