"""Panels of the terminal board: seats, polling stations (booths) and trunks, and the lines of alerts. Without I/O."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, tzinfo

from rich.panel import Panel
from rich.text import Text

from dialer.board.parts import (
    ALERT_STYLES,
    DIM,
    NOT_YET,
    OTHER,
    SEAT_STYLES,
    TITLE,
    VOTED,
    draw_framed_panel,
    draw_proportion_bar,
    draw_stacked_bar,
    format_count,
    format_duration,
    format_percent,
    join_text_lines,
    make_text_line,
    pad_or_cut_text,
    shorten_name,
)
from dialer.domain.alerts import Alert, AlertLevel
from dialer.domain.forecast import Forecast
from dialer.domain.model import BoothTurnout
from dialer.domain.view import CentreView, SeatState, SeatView, TrunkState, TrunkView

SEAT_CELLS = 32  # width of a seat in the grid, with its gap
BRIEF_SEAT_CELLS = 25  # without the time in the state
STATE_CELLS = 8
WIDE_TITLE = 96  # narrower boards show the states of seats without signs
ALERT_LINES = 4
MAX_SEAT_ROWS = 10  # further seats are only counted by state


def draw_seats(view: CentreView, width: int, height: int) -> tuple[Panel, int]:
    """Return the grid of seats (state, time in state, utilisation) and the number of its lines.

    It has at most `height` lines, including the border.
    """
    seats = view.seats
    most = max(2, min(MAX_SEAT_ROWS, height - 2))
    brief = (width - 4) // SEAT_CELLS * most < len(seats) or width < 2 * SEAT_CELLS + 4
    columns = max(1, (width - 4) // (BRIEF_SEAT_CELLS if brief else SEAT_CELLS))
    rows = min(most, -(-len(seats) // columns))
    if rows * columns < len(seats) and rows == height - 2:
        rows -= 1  # for the line with the number of further seats
    name_cells = min(8, max((len(seat.seat) for seat in seats), default=0))
    cells = (width - 4) // columns
    # Sorted down the columns, as people read a list.
    shown = [
        Text().join(
            pad_or_cut_text(_draw_state_of_seat(seats[place], view.state.at, name_cells, brief=brief), cells)
            for place in range(row, min(len(seats), rows * columns), rows)
        )
        for row in range(rows)
    ]
    if rows * columns < len(seats):
        shown.append(make_text_line((f"and {len(seats) - rows * columns} more seats", DIM)))
    states = Counter(seat.state for seat in seats)
    title = make_text_line(("seats", TITLE))
    for state in SeatState:
        if states[state]:
            title.append("  " if width < WIDE_TITLE else "  ■ ", style=SEAT_STYLES[state])
            title.append(f"{state} ", style=SEAT_STYLES[state] if width < WIDE_TITLE else DIM)
            title.append(str(states[state]), style=TITLE)
    worked = view.state.utilisation
    foot = make_text_line(("nobody is logged in" if worked is None else f"utilisation {format_percent(worked)}", DIM))
    return draw_framed_panel(join_text_lines(shown), title, foot=foot), len(shown) + 2


def _draw_state_of_seat(seat: SeatView, now: float, name_cells: int, *, brief: bool) -> Text:
    style = SEAT_STYLES[seat.state]
    name = seat.seat if len(seat.seat) <= name_cells else "…" + seat.seat[-name_cells + 1 :]
    word = (
        seat.reason if seat.state is SeatState.PAUSED and seat.reason else str(seat.state)
    )  # its colour shows the pause
    word = word if len(word) <= STATE_CELLS else word[: STATE_CELLS - 1] + "…"
    cell = make_text_line(("● ", style), f"{name:<{name_cells}} ", (f"{word:<{STATE_CELLS}} ", style))
    if seat.state is SeatState.OFFLINE:
        return cell
    if not brief:
        cell.append(f"{format_duration(max(0.0, now - seat.since)):>5} ", style=DIM)
    return cell.append_text(draw_proportion_bar(seat.utilisation, 5, "spring_green2"))


def draw_turnout_by_booth(
    booths: tuple[BoothTurnout, ...],
    width: int,
    height: int,
    forecast: Forecast | None = None,
    zone: tzinfo | None = None,
) -> Panel:
    """Return the table of polling stations (booths), lowest turnout first. It has `height` lines, including the border.

    Booths are sorted by (voted + 1) / (contacted + 2), so that a booth with only two answers is not the first.
    """
    without = forecast.without_number if forecast is not None else 0
    room = max(0, height - 4 - bool(without))
    reached = sorted(
        (booth for booth in booths if booth.contacted),
        key=lambda booth: ((booth.voted + 1) / (booth.contacted + 2), -booth.contacted, booth.booth_id),
    )
    shown, whole = reached[:room], _sum_turnout_of_booths(booths)
    ratios = max(len(ratio) for ratio in ("contacted", *map(_format_contacted_ratio, [*shown, whole])))
    names = max(len(name) for name in ("booth", *(_format_booth_name(booth, width - 36 - ratios) for booth in shown)))
    cells = max(6, width - 4 - names - ratios - 23)
    head = make_text_line((f"{'booth':<{names}}  {'':<{cells}}  ", DIM), VOTED, (" voted ", DIM), NOT_YET)
    head.append(f" not yet  {'contacted':>{ratios}}", style=DIM)
    lines = [head, *(_draw_booth(_format_booth_name(booth, names), booth, names, cells, ratios) for booth in shown)]
    lines.append(_draw_booth("all", whole, names, cells, ratios, style="bold"))
    if without:
        lines.append(Text(f"{without:,} more voters are not contacted and have no phone number", style=DIM))
    title = make_text_line(("turnout by booth", TITLE), (" · self-reported · lowest first", DIM))
    foot = make_text_line(
        (f"{len(shown)} of {len(booths)} booths, {len(booths) - len(reached)} not contacted yet", DIM)
    )
    if forecast is not None:
        foot = make_text_line((_format_forecast(forecast, zone), DIM))
    body = join_text_lines(lines) if booths else make_text_line(("no roll is imported", DIM))
    return draw_framed_panel(body, title, foot=foot, height=height)


def _format_forecast(forecast: Forecast, zone: tzinfo | None) -> str:
    until = datetime.fromtimestamp(forecast.until, zone or UTC)
    who = f"agents {forecast.by_agents:,}, flows {forecast.by_flows:,}"
    margin = f" ± {forecast.margin:,}" if forecast.margin else ""
    return f"{forecast.expected_contacts:,}{margin} of {forecast.remaining:,} left by {until:%H:%M}: {who}"


def _format_booth_name(booth: BoothTurnout, cells: int) -> str:
    """Return the number of a booth (polling station), with its names if a dozen characters fit: `72/3 Kothrud, Primary School`."""
    number = f"{booth.constituency_number}/{booth.part_number}"
    name = ", ".join(filter(None, (booth.constituency_name, booth.booth_name)))
    return shorten_name(f"{number} {name}", cells) if name and cells >= len(number) + 12 else number


def _format_contacted_ratio(booth: BoothTurnout) -> str:
    return f"{format_count(booth.contacted)}/{format_count(booth.voters)}"


def _draw_booth(name: str, booth: BoothTurnout, names: int, cells: int, ratios: int, style: str = "") -> Text:
    """Return a line of the table with a bar of `cells` characters and right-aligned figures."""
    other = booth.contacted - booth.voted - booth.not_yet
    bar = draw_stacked_bar(
        [(booth.voted, VOTED), (booth.not_yet, NOT_YET), (other, OTHER)], max(1, booth.contacted), cells
    )
    ratio = _format_contacted_ratio(booth)
    contacted = f"{' ' * (ratios - len(ratio))}{format_count(booth.contacted)}"
    return make_text_line(
        (f"{name:<{names}}  ", style),
        bar,
        (
            f"  {format_count(booth.voted):>7} {format_count(booth.not_yet):>9}  {contacted}",
            style,
        ),
        (f"/{format_count(booth.voters)}", DIM),
    )


def _sum_turnout_of_booths(booths: tuple[BoothTurnout, ...]) -> BoothTurnout:
    counts = ("voters", "contacted", "voted", "not_yet")
    return BoothTurnout(0, 0, 0, *(sum(getattr(booth, name) for booth in booths) for name in counts))


def draw_trunks_and_voter_results(view: CentreView, width: int, height: int) -> Panel:
    """Return the panel with the trunks, the opt-outs, and the number of marks (facts about voters) of each kind.

    If the panel has lines left, it also shows call outcomes and event-loop lag.
    """
    marks = sorted(view.state.marks.items(), key=lambda item: (-item[1], item[0]))
    figures = _draw_labelled_figures([*marks, ("opt-outs", view.state.opt_outs)], width - 4)
    room = max(1, height - 2 - len(figures))
    names = min(14, max((len(trunk.trunk) for trunk in view.state.trunks), default=0))
    channels = max((len(f"{trunk.channels_used}/{trunk.channels}") for trunk in view.state.trunks), default=0)
    lines = [_draw_trunk(trunk, names, channels) for trunk in view.state.trunks[:room]]
    lines += figures
    left = height - 2 - len(lines)
    lag = [
        make_text_line((f"{name.removesuffix('_seconds').replace('_', ' ')} ", DIM), f"{value * 1000:.1f} ms")
        for name, value in view.state.figures.items()
    ]
    ended = Counter[str]()
    for campaign in view.campaigns:
        ended.update(campaign.outcomes)
    if ended and left >= len(lag) + 5:
        lines += [Text(), *_draw_call_outcomes(ended, width - 4, left - len(lag) - 3), Text()]
    lines += lag[: max(0, height - 2 - len(lines))]
    more = f" · {room} of {len(view.state.trunks)}" if len(view.state.trunks) > room else ""
    return draw_framed_panel(
        join_text_lines(lines), make_text_line(("trunks and voter results", TITLE), (more, DIM)), height=height
    )


def _draw_labelled_figures(figures: list[tuple[str, int]], cells: int) -> list[Text]:
    """Return lines that list names and their figures. A figure stays on the same line as its name."""
    lines = [Text()]
    for name, number in figures:
        text = Text.assemble((f"{name} ", DIM), (format_count(number), "bold"))
        if lines[-1] and lines[-1].cell_len + 2 + text.cell_len > cells:
            lines.append(Text())
        lines[-1].append("  " if lines[-1] else "").append_text(text)
    return lines


def _draw_call_outcomes(ended: Counter[str], cells: int, room: int) -> list[Text]:
    """Return a heading, and a line for each of the `room` most frequent call outcomes with name, bar and count."""
    shown, whole = ended.most_common(room), sum(ended.values())
    names, figures = max(len(name) for name, _ in shown), max(len(format_count(number)) for _, number in shown)
    bar_cells = max(4, cells - names - figures - 8)
    lines = [Text("outcomes of calls", style=DIM)]
    for name, number in shown:
        bar = draw_proportion_bar(number / whole, bar_cells, "deep_sky_blue1")
        lines.append(
            make_text_line(
                (f"{name:<{names}} ", DIM),
                bar,
                f" {format_count(number):>{figures}} {format_percent(number / whole):>5}",
            )
        )
    return lines


def _draw_trunk(trunk: TrunkView, names: int, channels: int) -> Text:
    working = trunk.state is TrunkState.WORKING
    figures = f" asr {format_percent(trunk.answer_seizure_ratio):>4} {trunk.calls_per_second:.1f}/s"
    return make_text_line(
        pad_or_cut_text(Text(trunk.trunk, style="bold" if working else "bold red"), names),
        f" {f'{trunk.channels_used}/{trunk.channels}':>{channels}}",
        (figures, DIM) if working else (f" {trunk.state} {trunk.rest_seconds:.0f}s", "red"),
        (f" ✗{trunk.failures}", "orange1" if trunk.failures else DIM),
    )


def draw_alerts(alerts: tuple[Alert, ...]) -> list[Text]:
    """Return the active alerts, one line each, the most severe and latest first."""
    ranks = list(AlertLevel)
    active = sorted(
        (alert for alert in alerts if not alert.cleared), key=lambda alert: (-ranks.index(alert.level), -alert.at)
    )
    shown = active if len(active) <= ALERT_LINES else active[: ALERT_LINES - 1]
    lines = [make_text_line((f"▲ {alert.level:<8} ", ALERT_STYLES[alert.level]), alert.text) for alert in shown]
    if len(active) > len(shown):
        lines.append(make_text_line((f"and {len(active) - len(shown)} more alerts", DIM)))
    return lines
