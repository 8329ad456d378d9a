"""Draw the terminal board: the state of a centre at one moment, as an object that the library rich can print. Without
I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dialer.board.panels import draw_alerts, draw_seats, draw_trunks_and_voter_results, draw_turnout_by_booth
from dialer.board.parts import (
    CALL_SIGNS,
    CALL_STYLES,
    CAMPAIGN_STYLES,
    DIM,
    TITLE,
    TRACK,
    draw_framed_panel,
    draw_proportion_bar,
    draw_stacked_bar,
    draw_status_dot,
    format_count,
    format_duration,
    format_percent,
    join_text_lines,
    make_text_line,
    pad_or_cut_text,
    shorten_name,
)
from dialer.domain.enums import CampaignKind
from dialer.domain.model import CampaignProgress
from dialer.domain.view import CallState, CampaignView, CentreView
from dialer.pacing.port import Limit

WIDE = 96  # from here on panels stand side by side
NARROWEST = 40
WIDE_ENOUGH_FOR_WHY = 76  # a campaign's name and the longest reason
TALL = 34  # lines; taller boards have a frame around the header
MIN_FOOT_LINES = 7  # for booths and trunks
PANEL_LINES = 9  # of a campaign, with its border
BRIEF_WORDS = {
    CallState.DIALLING: "dial",
    CallState.RINGING: "ring",
    CallState.WAITING: "wait",
    CallState.TALKING: "talk",
    CallState.IN_FLOW: "flow",
    CallState.MESSAGE: "msg",
}
SHOWN_STATES = {state: str(state) for state in BRIEF_WORDS}
BRIEF_STATES = {
    CallState.PREVIEW: CallState.DIALLING,
    CallState.SENDING: CallState.DIALLING,
    CallState.CONNECTING: CallState.WAITING,
}

LIMIT_WORDS = {limit.value: limit.text for limit in Limit}


@dataclass(frozen=True, slots=True)
class BoardExtras:
    """Data that the terminal board shows in addition to the centre's published state, such as the broker's name."""

    broker: str | None = None  # its name; None = not shown
    broker_up: bool = True
    trouble: str = ""  # what is wrong with the source of the view, in a few words
    desk: tuple[str, ...] = ()  # the addresses of the pages, one line each
    elapsed_seconds: float | None = None
    whole_seconds: float | None = None  # duration of a run with a planned end
    abandoned_cap: float = 0.03  # the abandoned-call rate at which dialling stops (0-1)
    zone: tzinfo | None = None  # of the clock; None = of the machine


def render_board(
    view: CentreView,
    previous: CentreView | None = None,
    *,
    width: int = 100,
    height: int = 30,
    extras: BoardExtras | None = None,
) -> RenderableType:
    """Return the whole board for a terminal of `width` x `height` characters.

    `previous` is the centre's state some seconds ago. If it is given, the board also shows call starts per minute.
    """
    extras = extras or BoardExtras()
    width = max(NARROWEST, width)
    wide = width >= WIDE
    header, lines = _draw_header(view, width, height, extras)
    desk = [Padding(Text(line, DIM, no_wrap=True, overflow="ellipsis"), (0, 2)) for line in extras.desk]
    lines += len(desk)
    alerts = draw_alerts(view.alerts)
    parts: list[RenderableType] = [header, *desk, *[Padding(alert, (0, 2)) for alert in alerts]]
    lines += len(alerts)
    campaigns, campaign_lines = _draw_campaigns(view, previous, width, height, extras)
    parts += campaigns
    lines += campaign_lines
    trunk_lines = len(view.state.trunks) + (5 if height >= TALL else 3)
    seats, seat_lines = draw_seats(view, width, height - lines - (MIN_FOOT_LINES if wide else 4 + trunk_lines))
    if view.seats:
        parts.append(seats)
        lines += seat_lines
    left = max(MIN_FOOT_LINES, height - lines)
    if wide:
        booth_cells = width * 3 // 5
        panels = (
            draw_turnout_by_booth(view.booths, booth_cells, left, view.state.forecast, extras.zone),
            draw_trunks_and_voter_results(view, width - booth_cells, left),
        )
        parts.append(_place_panels_side_by_side(panels, (booth_cells, width - booth_cells)))
    else:
        parts += [
            draw_turnout_by_booth(view.booths, width, max(4, left - trunk_lines), view.state.forecast, extras.zone),
            draw_trunks_and_voter_results(view, width, trunk_lines),
        ]
    return Group(*parts)


def _draw_header(view: CentreView, width: int, height: int, extras: BoardExtras) -> tuple[RenderableType, int]:
    """Return the header of the terminal board, and its number of lines."""
    clock = datetime.fromtimestamp(view.state.at, extras.zone or UTC).astimezone(extras.zone).strftime("%H:%M:%S")
    calls = sum(sum(campaign.calls.values()) for campaign in view.campaigns)
    left = [
        (4, make_text_line(("matdan ", "bold"))),
        (0, make_text_line((view.state.centre, "bold spring_green2"), "  ", (clock, "bold"), "  ")),
    ]
    switch = make_text_line(
        draw_status_dot(view.state.switch_up), " switch  " if view.state.switch_up else (" switch down  ", "red1")
    )
    right = [(0, make_text_line((f"{extras.trouble}  ", "bold red1")) if extras.trouble else switch)]
    if extras.broker is not None:
        name = extras.broker if width >= 80 else "broker"
        text = f" {name}  " if extras.broker_up else (" broker down  ", "red1")
        right.append((0, make_text_line(draw_status_dot(extras.broker_up), text)))
    right.append((3, make_text_line((f"{calls} calls  ", "bold"))))
    if view.state.draining:
        right.append((0, make_text_line(("draining  ", "bold orange1"))))
    if extras.elapsed_seconds is not None:
        right.append((1, make_text_line((format_duration(extras.elapsed_seconds), "bold"))))
        if extras.whole_seconds:
            right.append((2, make_text_line((f" of {format_duration(extras.whole_seconds)} ", DIM))))
            right.append((5, draw_proportion_bar(extras.elapsed_seconds / extras.whole_seconds, 12, "spring_green2")))
    row = _align_parts_left_and_right(left, right, width - 4)
    if height < TALL:
        return Padding(row, (0, 2)), 1
    return Panel(row, border_style=TRACK, padding=(0, 1), width=width), 3


def _align_parts_left_and_right(
    left: Sequence[tuple[int, Text]], right: Sequence[tuple[int, Text]], cells: int
) -> Text:
    """Return a line with the `left` parts at its start and the `right` parts at its end.

    Each part has a rank. If the parts do not fit, those with the highest ranks are left out.
    """
    rank = max(first for first, _ in (*left, *right))
    while rank > 0 and sum(part.cell_len for _, part in (*left, *right)) > cells:
        left, right = ([one for one in side if one[0] < rank] for side in (left, right))
        rank -= 1
    ends = [make_text_line(*(part for _, part in side)) for side in (left, right)]
    return pad_or_cut_text(ends[0], max(ends[0].cell_len, cells - ends[1].cell_len)).append_text(ends[1])


def _draw_campaigns(
    view: CentreView, previous: CentreView | None, width: int, height: int, extras: BoardExtras
) -> tuple[list[RenderableType], int]:
    """Return one panel for each campaign if enough lines are free, otherwise one table of all campaigns. Also return
    the number of lines.
    """
    if not view.campaigns:
        return [], 0
    columns = 2 if width >= WIDE and len(view.campaigns) > 1 else 1
    rows = -(-len(view.campaigns) // columns)
    earlier = {} if previous is None else {campaign.campaign_id: campaign for campaign in previous.campaigns}
    seconds = 0.0 if previous is None else view.state.at - previous.state.at
    panel_lines = PANEL_LINES + any(campaign.refused or campaign.progress.refused for campaign in view.campaigns)
    if rows * panel_lines > max(panel_lines, height // 2):
        why = len(view.campaigns) * 2 <= height // 5 and width >= WIDE_ENOUGH_FOR_WHY
        return [_draw_campaign_table(view.campaigns, width, extras, why=why)], len(view.campaigns) * (1 + why) + 3
    cells = width // columns
    panels = [
        _draw_campaign(campaign, earlier.get(campaign.campaign_id), seconds, (cells - 4, panel_lines), extras)
        for campaign in view.campaigns
    ]
    rows_of_panels = [
        _place_panels_side_by_side(panels[first : first + columns], (cells,) * columns)
        for first in range(0, len(panels), columns)
    ]
    return [*rows_of_panels], rows * panel_lines


def _place_panels_side_by_side(panels: Sequence[RenderableType], widths: Sequence[int]) -> Table:
    """Return panels side by side, with fixed widths so that rich need not measure their contents."""
    grid = Table.grid()
    for width in widths:
        grid.add_column(width=width)
    grid.add_row(*panels)
    return grid


def _draw_campaign(
    campaign: CampaignView, earlier: CampaignView | None, seconds: float, size: tuple[int, int], extras: BoardExtras
) -> Panel:
    """Return the panel of a campaign. `size` is its inner width (characters) and its height with the border (lines)."""
    cells, panel_lines = size
    style = CAMPAIGN_STYLES[campaign.state]
    live = _count_calls_by_shown_state(campaign)
    total = sum(live.values())
    head = make_text_line(("●", style), f" {campaign.state}", (f"   {total} calls", "bold"))
    if earlier is not None and seconds > 0:
        head.append(f"   {(campaign.attempts - earlier.attempts) * 60 / seconds:.0f} starts/min", style=DIM)
    looks = {state: (CALL_SIGNS[state], CALL_STYLES[state]) for state in live}
    bar = draw_stacked_bar([(number, looks[state]) for state, number in live.items()], max(total, 1), cells)
    legend = _draw_call_state_legend(live, SHOWN_STATES)
    if legend.cell_len > cells:
        legend = _draw_call_state_legend(live, BRIEF_WORDS)
    if not live:
        legend.append("no live calls", style=DIM)
    answered = campaign.answered / campaign.attempts if campaign.attempts else 0.0
    figures = make_text_line(
        ("attempts ", DIM),
        (format_count(campaign.attempts), "bold"),
        ("  answered ", DIM),
        (format_count(campaign.answered), "bold"),
        f" {format_percent(answered)}",
    )
    lines = [
        head,
        bar,
        legend,
        figures,
        _draw_abandoned_rate(campaign, extras),
        _draw_calling_progress_of_campaign(campaign, cells),
    ]
    refused = campaign.progress.refused or campaign.refused
    if refused:
        most = max(refused, key=lambda reason: (refused[reason], reason))
        lines.append(
            make_text_line(
                ("held back by rules ", DIM), (format_count(sum(refused.values())), "bold"), f", most: {most}"
            )
        )
    lines.append(_describe_what_limits_campaign(campaign))
    title = make_text_line((campaign.campaign_id, TITLE), (f" · {campaign.kind}", DIM))
    return draw_framed_panel(join_text_lines(lines), title, height=panel_lines, style=style)


def _draw_call_state_legend(live: Mapping[CallState, int], words: Mapping[CallState, str]) -> Text:
    legend = make_text_line()
    for state, number in live.items():
        legend.append(f"{'  ' if legend else ''}{CALL_SIGNS[state]} {words[state]} ", style=CALL_STYLES[state])
        legend.append(str(number), style="bold")
    return legend


def _describe_what_limits_campaign(campaign: CampaignView) -> Text:
    if campaign.hold is not None:
        return make_text_line(("held: ", "bold orange1"), (str(campaign.hold), "orange1"))
    return make_text_line((LIMIT_WORDS.get(campaign.limited_by, campaign.pacing), DIM))


def _count_calls_by_shown_state(campaign: CampaignView) -> dict[CallState, int]:
    """Return the number of live calls in each state that the board shows.

    The board does not show short-lived states. A call in such a state is counted in the next shown state.
    """
    grouped = dict.fromkeys(SHOWN_STATES, 0)
    for state, number in campaign.calls.items():
        shown = BRIEF_STATES.get(state, state)
        if shown in grouped:
            grouped[shown] += number
    return {state: number for state, number in grouped.items() if number}


def _choose_style_of_abandoned_rate(rate: float, cap: float) -> str:
    return "red1" if rate >= cap else "orange1" if rate >= cap / 2 else "spring_green2"


def _draw_abandoned_rate(campaign: CampaignView, extras: BoardExtras) -> Text:
    cap = extras.abandoned_cap
    style = _choose_style_of_abandoned_rate(campaign.abandoned_rate, cap)
    connected = (("connected ", DIM), (f"{format_count(campaign.connected)}  ", "bold"))
    return make_text_line(
        *(connected if campaign.kind is CampaignKind.AGENTS else ()),
        ("abandoned ", DIM),
        (format_count(campaign.abandoned), "bold"),
        (f" {format_percent(campaign.abandoned_rate, 1)} ", style),
        draw_proportion_bar(campaign.abandoned_rate / cap if cap > 0 else 0.0, 5, style),
        (f" cap {format_percent(cap)}", DIM),
    )


def _compute_share_of_completed_numbers(progress: CampaignProgress) -> float:
    return progress.completed / progress.total if progress.total else 0.0


def _draw_calling_progress_of_campaign(campaign: CampaignView, cells: int) -> Text:
    progress, share = campaign.progress, _compute_share_of_completed_numbers(campaign.progress)
    tail = f" {format_percent(share):>5}  {format_count(progress.completed)}/{format_count(progress.total)}"
    return make_text_line(
        ("list ", DIM), draw_proportion_bar(share, max(6, cells - len(tail) - 5), "deep_sky_blue1"), tail
    )


def _draw_campaign_table(campaigns: tuple[CampaignView, ...], width: int, extras: BoardExtras, *, why: bool) -> Panel:
    """Return a table with one line for each campaign.

    If `why` is set, lines below the table say what limits each campaign's calls.
    """
    wide = width >= 70
    shown = ("calls", "attempts", "answered", "abandoned", "list") if wide else ("calls", "abandoned", "list")
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for _ in shown:
        table.add_column(justify="right", no_wrap=True)
    table.add_row(Text("campaign", style=DIM), *[Text(head, style=DIM) for head in shown])
    # The least width of the other columns, their gaps, and the sign before the name.
    bar_cells = 12 if wide else 6 if width >= 50 else 0  # the narrowest boards need the room for the names
    taken = sum(map(len, shown)) + len(shown) + (bar_cells + 1 if bar_cells else 0) + 4
    for campaign in campaigns:
        share = _compute_share_of_completed_numbers(campaign.progress)
        cells = {
            "calls": Text(str(sum(campaign.calls.values())), style="bold"),
            "attempts": Text(format_count(campaign.attempts)),
            "answered": Text(format_count(campaign.answered)),
            "abandoned": Text(
                format_percent(campaign.abandoned_rate, 1),
                style=_choose_style_of_abandoned_rate(campaign.abandoned_rate, extras.abandoned_cap),
            ),
            "list": make_text_line(
                draw_proportion_bar(share, bar_cells, "deep_sky_blue1"),
                f" {format_percent(share):>5}" if bar_cells else format_percent(share),
            ),
        }
        name = make_text_line(
            ("● ", CAMPAIGN_STYLES[campaign.state]), shorten_name(campaign.campaign_id, width - 4 - taken)
        )
        if campaign.hold is not None and not why:
            name.append(f"  held: {campaign.hold}", style="orange1")
        table.add_row(name, *[cells[head] for head in shown])
    reasons = (
        [
            make_text_line((f"{shorten_name(each.campaign_id, 20)}: ", DIM), _describe_what_limits_campaign(each))
            for each in campaigns
        ]
        if why
        else []
    )
    return draw_framed_panel(Group(table, *reasons), make_text_line(("campaigns", TITLE)))
