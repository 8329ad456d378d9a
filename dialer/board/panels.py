"""Seats, booths, trunks and alerts of the board. Pure."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, tzinfo

from rich.console import Group
from rich.panel import Panel
from rich.text import Text

from dialer.board.parts import (
    ALERT_STYLES,
    DIM,
    SEAT_STYLES,
    TITLE,
    count,
    duration,
    line,
    lines_of,
    padded,
    percent,
    share_bar,
    stacked_bar,
)
from dialer.domain.forecast import Forecast
from dialer.domain.model import BoothTurnout
from dialer.domain.view import Alert, AlertLevel, CentreView, SeatState, SeatView, TrunkState, TrunkView

BORDER = "grey35"
SEAT_CELLS = 32  # of one seat in the grid, its gap included
BRIEF_SEAT_CELLS = 26  # the same without the time in the state
STATE_CELLS = 8
ALERT_LINES = 4
SEAT_ROWS = 10  # beyond it only the states are counted


def seats_panel(seats: tuple[SeatView, ...], width: int) -> tuple[Panel, int]:
    """A grid of seats - state, time in it, utilisation - and how many lines it takes."""
    brief = width < 2 * SEAT_CELLS + 4
    columns = max(1, (width - 4) // (BRIEF_SEAT_CELLS if brief else SEAT_CELLS))
    rows = min(SEAT_ROWS, -(-len(seats) // columns))
    name_cells = min(8, max((len(seat.seat) for seat in seats), default=0))
    cells = (width - 4) // columns
    # Down the columns, as people read a list of seats.
    shown = [
        Text().join(
            padded(_seat(seats[place], name_cells, brief=brief), cells)
            for place in range(row, min(len(seats), rows * columns), rows)
        )
        for row in range(rows)
    ]
    if rows * columns < len(seats):
        shown.append(line((f"and {len(seats) - rows * columns} more seats", DIM)))
    states = Counter(seat.state for seat in seats)
    title = line(("seats", TITLE))
    for state in SeatState:
        if states[state]:
            title.append("  ■ ", style=SEAT_STYLES[state]).append(f"{state} ", style=DIM).append(
                str(states[state]), style=TITLE
            )
    working = [seat.utilisation for seat in seats if seat.state is not SeatState.OFFLINE]
    foot = line((f"utilisation {percent(sum(working) / len(working))}" if working else "nobody is logged in", DIM))
    panel = Panel(
        lines_of(shown),
        title=title,
        title_align="left",
        subtitle=foot,
        subtitle_align="right",
        border_style=BORDER,
        padding=(0, 1),
    )
    return panel, len(shown) + 2


def _seat(seat: SeatView, name_cells: int, *, brief: bool) -> Text:
    style = SEAT_STYLES[seat.state]
    name = seat.seat if len(seat.seat) <= name_cells else "…" + seat.seat[-name_cells + 1 :]
    word = seat.reason if seat.state is SeatState.PAUSED and seat.reason else str(seat.state)  # the colour says paused
    word = word if len(word) <= STATE_CELLS else word[: STATE_CELLS - 1] + "…"
    cell = line(("● ", style), f"{name:<{name_cells}} ", (f"{word:<{STATE_CELLS}} ", style))
    if seat.state is SeatState.OFFLINE:
        return cell
    if not brief:
        cell.append(f"{duration(seat.seconds):>5} ", style=DIM)
    return cell.append_text(share_bar(seat.utilisation, 5, "spring_green2"))


def turnout_panel(
    booths: tuple[BoothTurnout, ...],
    width: int,
    height: int,
    forecast: Forecast | None = None,
    zone: tzinfo | None = None,
) -> Panel:
    """Booths by the share of those reached who have voted, the lowest first, in `height` lines with the border; and all.

    The order is by (voted + 1) / (reached + 2), Laplace's rule of succession, so that a booth of two answers does not lead.
    """
    without = forecast.without_number if forecast is not None else 0
    room = max(1, height - 4 - bool(without))
    reached = sorted(
        (booth for booth in booths if booth.reached),
        key=lambda booth: ((booth.voted + 1) / (booth.reached + 2), -booth.reached, booth.booth_id),
    )
    shown, whole = reached[:room], _sum(booths)
    names = max(len(name) for name in ("booth", *map(_booth_name, shown)))
    ratios = max(len(ratio) for ratio in ("reached", *map(_ratio, [*shown, whole])))
    cells = max(6, width - 4 - names - ratios - 20)
    head = (
        f"{'booth':<{names}}  {'of those reached':<{cells}.{cells}}  {'voted':>6} {'not yet':>7}  {'reached':>{ratios}}"
    )
    lines = [Text(head, style=DIM), *(_booth(_booth_name(booth), booth, names, cells, ratios) for booth in shown)]
    lines.append(_booth("all", whole, names, cells, ratios, style="bold"))
    if without:
        lines.append(Text(f"{without:,} more are not reached and have no number", style=DIM))
    title = line(("turnout by booth", TITLE), (" · self-reported · lowest first", DIM))
    foot = line((f"{len(shown)} of {len(booths)} booths, {len(booths) - len(reached)} not reached yet", DIM))
    if forecast is not None:
        foot = line((_day_ahead(forecast, zone), DIM))
    return Panel(
        lines_of(lines) if booths else line(("no roll is imported", DIM)),
        title=title,
        title_align="left",
        subtitle=foot,
        subtitle_align="right",
        border_style=BORDER,
        padding=(0, 1),
        height=height,
    )


def _day_ahead(forecast: Forecast, zone: tzinfo | None) -> str:
    """In words: how far the day will get."""
    until = datetime.fromtimestamp(forecast.until, zone or UTC)
    who = f"agents {forecast.by_agents:,}, flows {forecast.by_flows:,}"
    return f"{forecast.reached:,} of {forecast.left:,} left by {until:%H:%M}: {who}"


def _booth_name(booth: BoothTurnout) -> str:
    return f"{booth.constituency_number}/{booth.part_number}"


def _ratio(booth: BoothTurnout) -> str:
    return f"{count(booth.reached)}/{count(booth.voters)}"


def _booth(name: str, booth: BoothTurnout, names: int, cells: int, ratios: int, style: str = "") -> Text:
    """A line of the table: bars of `cells` characters, figures set to the right."""
    other = booth.reached - booth.voted - booth.not_yet
    bar = stacked_bar(
        [(booth.voted, "spring_green2"), (booth.not_yet, "orange1"), (other, "grey50")], max(1, booth.reached), cells
    )
    ratio = _ratio(booth)
    return line(
        (f"{name:<{names}}  ", style),
        bar,
        (
            f"  {count(booth.voted):>6} {count(booth.not_yet):>7}  {' ' * (ratios - len(ratio))}{count(booth.reached)}",
            style,
        ),
        (f"/{count(booth.voters)}", DIM),
    )


def _sum(booths: tuple[BoothTurnout, ...]) -> BoothTurnout:
    return BoothTurnout(
        booth_id=0,
        constituency_number=0,
        part_number=0,
        voters=sum(booth.voters for booth in booths),
        reached=sum(booth.reached for booth in booths),
        voted=sum(booth.voted for booth in booths),
        not_yet=sum(booth.not_yet for booth in booths),
    )


def trunks_panel(view: CentreView, height: int) -> Panel:
    """Channels of each trunk, then the marks and opt-outs, and where there is a line left how late the loop is."""
    room = max(1, height - 4)  # within the border, and above two lines of marks
    names = min(14, max((len(trunk.trunk) for trunk in view.trunks), default=0))
    channels = max((len(f"{trunk.channels_used}/{trunk.channels}") for trunk in view.trunks), default=0)
    lines = [_trunk(trunk, names, channels) for trunk in view.trunks[:room]]
    marks = sorted(view.marks.items(), key=lambda item: (-item[1], item[0]))
    figures = [*marks, ("opt-outs", view.opt_outs)]
    words = [Text.assemble((f"{kind}\u00a0", DIM), (count(number), "bold")) for kind, number in figures]
    written = Text("  ").join(words)
    figures_shown: list[Text] = []
    for name, value in list(view.figures.items())[: max(0, room - len(view.trunks))]:
        shown = f"{value * 1000:.1f} ms" if name.endswith("_seconds") else f"{value:.3g}"
        figures_shown.append(line((f"{name.removesuffix('_seconds').replace('_', ' ')} ", DIM), shown))
    return Panel(
        Group(*([lines_of(lines)] if lines else []), written, *([lines_of(figures_shown)] if figures_shown else [])),
        title=line(
            ("trunks and marks", TITLE), (f" · {room} of {len(view.trunks)}" if len(view.trunks) > room else "", DIM)
        ),
        title_align="left",
        border_style=BORDER,
        padding=(0, 1),
        height=height,
    )


def _trunk(trunk: TrunkView, names: int, channels: int) -> Text:
    """Channels, answer-seizure ratio, call starts a second, failures; of one that rests, for how long."""
    working = trunk.state is TrunkState.WORKING
    figures = f" asr {percent(trunk.answer_seizure_ratio):>4} {trunk.calls_per_second:.1f}/s"
    return line(
        padded(Text(trunk.trunk, style="bold" if working else "bold red"), names),
        f" {f'{trunk.channels_used}/{trunk.channels}':>{channels}}",
        (figures, DIM) if working else (f" {trunk.state} {trunk.rest_seconds:.0f}s", "red"),
        (f" ✗{trunk.failures}", "orange1" if trunk.failures else DIM),
    )


def alert_lines(alerts: tuple[Alert, ...]) -> list[Text]:
    """The alerts that stand, a line each, the gravest and latest first; none when nothing is wrong."""
    ranks = list(AlertLevel)
    standing = sorted(
        (alert for alert in alerts if not alert.cleared), key=lambda alert: (-ranks.index(alert.level), -alert.at)
    )
    shown = standing if len(standing) <= ALERT_LINES else standing[: ALERT_LINES - 1]
    lines = [line((f"▲ {alert.level:<8} ", ALERT_STYLES[alert.level]), alert.text) for alert in shown]
    if len(standing) > len(shown):
        lines.append(line((f"and {len(standing) - len(shown)} more alerts", DIM)))
    return lines
