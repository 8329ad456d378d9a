"""The day's turnout as curves: told by those reached, official, and as expected. Needs the extra `plots`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from dialer.domain.official_turnout import FINAL, OfficialFigure
from dialer.polling_day.plan import ExpectedCourse
from dialer.reports.picture_file import check_picture, save_picture
from dialer.reports.polling_day import Constituency, ConstituencyDay, States, constituency_of
from dialer.reports.tables import QUARTER_SECONDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CONSTITUENCIES = 6  # in one picture: those with the most voters reached
_OURS, _OFFICIAL, _EXPECTED, _REACHED = "#0b6e4f", "#c1121f", "#6c757d", "#8cc7a1"
_FINAL_HOUR = 24.0


def draw_turnout(
    path: Path,
    day: date,
    courses: Mapping[Constituency, ConstituencyDay],
    official: Sequence[OfficialFigure],
    expected: ExpectedCourse,
    zone: tzinfo,
    *,
    states: States,
) -> int:
    """Draw a day into a .png or .svg file, a field for each constituency; how many were left out. Raises CannotPlot."""
    check_picture(path)
    from matplotlib.figure import Figure  # noqa: PLC0415 - an optional extra

    told = [figure for figure in official if figure.day == day and figure.part_number is None]
    wanted = sorted(courses.keys() | {constituency_of(figure) for figure in told})
    wanted.sort(key=lambda each: -sum(courses[each].reached.values()) if each in courses else 0)
    shown = sorted(wanted[:MOST_CONSTITUENCIES])
    figure = Figure(figsize=(8.0, 1.0 + 3.2 * len(shown)), layout="constrained")
    figure.suptitle(f"Turnout on {day:%d %B %Y}", fontsize=11)
    for place, constituency in enumerate(shown, 1):
        axes = figure.add_subplot(len(shown), 1, place)
        points = [(_hour(each), each.share) for each in told if constituency_of(each) == constituency]
        name = " ".join(map(str, states.cells(constituency)))
        _draw(axes, f"constituency {name}", courses.get(constituency, ConstituencyDay()), points, expected, day, zone)
    save_picture(figure, path)
    return len(wanted) - len(shown)


def _hour(figure: OfficialFigure) -> float:
    if figure.by_time == FINAL:
        return _FINAL_HOUR
    hours, minutes = figure.by_time.split(":")
    return int(hours) + int(minutes) / 60


def _draw(
    axes: Axes,
    name: str,
    course: ConstituencyDay,
    official: Sequence[tuple[float, float]],
    expected: ExpectedCourse,
    day: date,
    zone: tzinfo,
) -> None:
    opens = expected.opens.hour + expected.opens.minute / 60
    closes = max(at.hour + at.minute / 60 for at, _ in expected.points)
    ends = [end for end in course.ends if _local(end, zone).date() <= day]
    hours = [_hour_of(end, day, zone) for end in ends]
    counts = [course.by(end) for end in ends]
    if ends:  # the last step has a width of its own, or it would be told and not be seen
        hours, counts = [*hours, hours[-1] + QUARTER_SECONDS / 3600], [*counts, counts[-1]]
    band = axes.twinx()
    band.fill_between(hours, [reached for reached, _ in counts], step="post", color=_REACHED, alpha=0.35, lw=0)
    band.set_ylabel("voters reached", color=_REACHED, fontsize=8)
    band.set_ylim(bottom=0)
    band.locator_params(axis="y", integer=True)
    band.set_zorder(0)
    axes.set_zorder(1)
    axes.patch.set_visible(False)  # the band lies below
    at, shares = zip(*[(opens, 0.0), *((a.hour + a.minute / 60, share) for a, share in expected.points)], strict=True)
    axes.plot(at, [100 * share for share in shares], color=_EXPECTED, lw=1, ls=":", label="expected (settings)")
    reached = counts[-1][0] if counts else 0
    curve = [100 * voted / told if told else math.nan for told, voted in counts]
    label = f"self-reported, of {reached:,} reached (not official)"
    axes.plot(hours, curve, color=_OURS, lw=1.5, drawstyle="steps-post", label=label)
    points = [(min(hour, closes + 0.5), 100 * share) for hour, share in sorted(official)]
    axes.plot([x for x, _ in points], [y for _, y in points], color=_OFFICIAL, marker="o", ms=4, lw=1, label="official")
    begins = (
        hours[0] if hours and hours[-1] <= opens else opens
    )  # all of before the poll: else none of it would be seen
    axes.set_xlim(begins, max([closes + 0.75, *hours]))
    axes.set_ylim(0, 100)
    axes.set_ylabel("voted, %")
    axes.set_xlabel("hour of the day (the final official figure stands after the close)", fontsize=8)
    axes.set_title(name, fontsize=9, loc="left", pad=18)  # above the legend, for names are long
    axes.grid(visible=True, alpha=0.25)
    axes.legend(fontsize=7, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, frameon=False)


def _local(end: float, zone: tzinfo) -> datetime:
    """The quarter of an hour that ends then."""
    return datetime.fromtimestamp(end - QUARTER_SECONDS / 2, zone)


def _hour_of(end: float, day: date, zone: tzinfo) -> float:
    """Hours of the day at the end of a quarter; what was known before the day stands at its beginning."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    return max(0.0, (datetime.fromtimestamp(end, UTC) - midnight) / timedelta(hours=1))
