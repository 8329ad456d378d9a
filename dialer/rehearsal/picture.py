"""A picture of the rehearsed days: voters reached, seats in conversation, channels in use. Needs the extra `plots`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer.rehearsal.verdict import DayOutcome
from dialer.simulation.plots import check_picture

_COLOURS = ("#0b6e4f", "#1d4e89", "#c1121f")


def draw_days(outcomes: Sequence[DayOutcome], zone: ZoneInfo, path: Path) -> None:
    """Draw the days' course into a .png or .svg file. Raises CannotPlot."""
    check_picture(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an optional extra
    from matplotlib.dates import DateFormatter  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8.0, 7.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 1, sharex=True)
    for outcome, colour in zip(outcomes, _COLOURS, strict=False):
        times = [datetime.fromtimestamp(sample.at, zone) for sample in outcome.samples]
        lines = (
            [sample.reached for sample in outcome.samples],
            [sample.talking for sample in outcome.samples],
            [sample.channels for sample in outcome.samples],
        )
        for axis, values in zip(axes, lines, strict=True):
            axis.plot(times, values, color=colour, lw=1.2, label=outcome.day.name)
        for fault in outcome.day.faults:
            at = datetime.fromtimestamp(outcome.day.starts_at + fault.at_seconds, zone)
            for axis in axes:
                axis.axvline(at, color=colour, lw=0.5, ls=":")
    for axis, title in zip(axes, ("voters reached", "seats in conversation", "channels in use"), strict=True):
        axis.set_ylabel(title)
        axis.set_ylim(bottom=0)
        axis.grid(visible=True, alpha=0.25)
    axes[0].legend(fontsize=8)
    axes[-1].xaxis.set_major_formatter(DateFormatter("%H:%M", tz=zone))  # type: ignore[no-untyped-call]  # matplotlib's own
    figure.savefig(path)
