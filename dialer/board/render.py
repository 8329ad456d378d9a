"""The board as a picture of one moment: a view in, something rich can draw out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dialer.board.panels import alert_lines, seats_panel, trunks_panel, turnout_panel
from dialer.board.parts import (
    CALL_SIGNS,
    CALL_STYLES,
    CAMPAIGN_STYLES,
    DIM,
    TITLE,
    TRACK,
    count,
    duration,
    framed,
    lamp,
    line,
    lines_of,
    padded,
    percent,
    share_bar,
    shortened,
    stacked_bar,
)
from dialer.domain.enums import CampaignKind
from dialer.domain.model import CampaignProgress
from dialer.domain.view import CallState, CampaignView, CentreView
from dialer.pacing.port import Limit

WIDE = 96  # from here on panels stand side by side
NARROWEST = 40
WIDE_ENOUGH_FOR_WHY = 76  # a campaign's name and the longest reason
TALL = 34  # from here on the header has a frame
LEAST_LINES = 7  # of the foot: booths, trunks
PANEL_LINES = 9  # of a campaign, its border included
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

LIMIT_WORDS = {limit.value: limit.words for limit in Limit}


@dataclass(frozen=True, slots=True)
class BoardExtras:
    """What the board shows and a view does not have."""

    broker: str | None = None  # its name; None: not shown
    broker_up: bool = True
    trouble: str = ""  # what is wrong with the one who tells of the centre, in a few words
    desk: tuple[str, ...] = ()  # where the pages are served, line by line
    elapsed_seconds: float | None = None
    whole_seconds: float | None = None  # of a run that ends by itself
    abandoned_cap: float = 0.03  # the hard stop, 0..1; a site's own is told here
    zone: tzinfo | None = None  # of the clock; None: the machine's


def render_board(
    view: CentreView,
    previous: CentreView | None = None,
    *,
    width: int = 100,
    height: int = 30,
    extras: BoardExtras | None = None,
) -> RenderableType:
    """The whole board for a terminal of `width` x `height` characters.

    `previous` is a view of some seconds ago: with it, calls a minute are shown. Alerts stand on top; the table of booths takes
    the lines that are left. Below 96 columns the panels stand one under the other.
    """
    extras = extras or BoardExtras()
    width = max(NARROWEST, width)
    wide = width >= WIDE
    header, lines = _header(view, width, height, extras)
    desk = [Padding(Text(line, DIM, no_wrap=True, overflow="ellipsis"), (0, 2)) for line in extras.desk]
    lines += len(desk)
    alerts = alert_lines(view.alerts)
    parts: list[RenderableType] = [header, *desk, *[Padding(alert, (0, 2)) for alert in alerts]]
    lines += len(alerts)
    campaigns, campaign_lines = _campaigns(view, previous, width, height, extras)
    parts += campaigns
    lines += campaign_lines
    trunk_lines = len(view.state.trunks) + (5 if height >= TALL else 3)
    seats, seat_lines = seats_panel(view, width, height - lines - (LEAST_LINES if wide else 4 + trunk_lines))
    if view.seats:
        parts.append(seats)
        lines += seat_lines
    left = max(LEAST_LINES, height - lines)
    if wide:
        booth_cells = width * 3 // 5
        panels = (
            turnout_panel(view.booths, booth_cells, left, view.state.forecast, extras.zone),
            trunks_panel(view, width - booth_cells, left),
        )
        parts.append(_beside(panels, (booth_cells, width - booth_cells)))
    else:
        parts += [
            turnout_panel(view.booths, width, max(4, left - trunk_lines), view.state.forecast, extras.zone),
            trunks_panel(view, width, trunk_lines),
        ]
    return Group(*parts)


def _header(view: CentreView, width: int, height: int, extras: BoardExtras) -> tuple[RenderableType, int]:
    """The centre, the time, what is up and how far the run is; and how many lines that takes."""
    clock = datetime.fromtimestamp(view.state.at, extras.zone or UTC).astimezone(extras.zone).strftime("%H:%M:%S")
    calls = sum(sum(campaign.calls.values()) for campaign in view.campaigns)
    left = [
        (4, line(("matdan ", "bold"))),
        (0, line((view.state.centre, "bold spring_green2"), "  ", (clock, "bold"), "  ")),
    ]
    switch = line(lamp(view.state.switch_up), " switch  " if view.state.switch_up else (" switch down  ", "red1"))
    right = [(0, line((f"{extras.trouble}  ", "bold red1")) if extras.trouble else switch)]
    if extras.broker is not None:
        name = extras.broker if width >= 80 else "broker"
        said = f" {name}  " if extras.broker_up else (" broker down  ", "red1")
        right.append((0, line(lamp(extras.broker_up), said)))
    right.append((3, line((f"{calls} calls  ", "bold"))))
    if view.state.draining:
        right.append((0, line(("draining  ", "bold orange1"))))
    if extras.elapsed_seconds is not None:
        right.append((1, line((duration(extras.elapsed_seconds), "bold"))))
        if extras.whole_seconds:
            right.append((2, line((f" of {duration(extras.whole_seconds)} ", DIM))))
            right.append((5, share_bar(extras.elapsed_seconds / extras.whole_seconds, 12, "spring_green2")))
    row = _spread(left, right, width - 4)
    if height < TALL:
        return Padding(row, (0, 2)), 1
    return Panel(row, border_style=TRACK, padding=(0, 1), width=width), 3


def _spread(left: Sequence[tuple[int, Text]], right: Sequence[tuple[int, Text]], cells: int) -> Text:
    """Parts at both ends of a line, each with its rank: while they do not fit, those of the highest rank are left out."""
    rank = max(first for first, _ in (*left, *right))
    while rank > 0 and sum(part.cell_len for _, part in (*left, *right)) > cells:
        left, right = ([one for one in side if one[0] < rank] for side in (left, right))
        rank -= 1
    ends = [line(*(part for _, part in side)) for side in (left, right)]
    return padded(ends[0], max(ends[0].cell_len, cells - ends[1].cell_len)).append_text(ends[1])


def _campaigns(
    view: CentreView, previous: CentreView | None, width: int, height: int, extras: BoardExtras
) -> tuple[list[RenderableType], int]:
    """Campaigns as panels where there is room, else as one line each; and how many lines they take."""
    if not view.campaigns:
        return [], 0
    columns = 2 if width >= WIDE and len(view.campaigns) > 1 else 1
    rows = -(-len(view.campaigns) // columns)
    earlier = {} if previous is None else {campaign.campaign_id: campaign for campaign in previous.campaigns}
    seconds = 0.0 if previous is None else view.state.at - previous.state.at
    panel_lines = PANEL_LINES + any(campaign.refused for campaign in view.campaigns)
    if rows * panel_lines > max(panel_lines, height // 2):
        why = len(view.campaigns) * 2 <= height // 5 and width >= WIDE_ENOUGH_FOR_WHY
        return [_campaign_table(view.campaigns, width, extras, why=why)], len(view.campaigns) * (1 + why) + 3
    cells = width // columns
    panels = [
        _campaign_panel(campaign, earlier.get(campaign.campaign_id), seconds, (cells - 4, panel_lines), extras)
        for campaign in view.campaigns
    ]
    beside = [_beside(panels[first : first + columns], (cells,) * columns) for first in range(0, len(panels), columns)]
    return [*beside], rows * panel_lines


def _beside(panels: Sequence[RenderableType], widths: Sequence[int]) -> Table:
    """Panels side by side. With their widths given rich need not measure what is in them."""
    grid = Table.grid()
    for width in widths:
        grid.add_column(width=width)
    grid.add_row(*panels)
    return grid


def _campaign_panel(
    campaign: CampaignView, earlier: CampaignView | None, seconds: float, size: tuple[int, int], extras: BoardExtras
) -> Panel:
    """`size`: the characters within the border, and the lines with it."""
    cells, panel_lines = size
    style = CAMPAIGN_STYLES[campaign.state]
    live = _grouped(campaign)
    total = sum(live.values())
    head = line(("●", style), f" {campaign.state}", (f"   {total} calls", "bold"))
    if earlier is not None and seconds > 0:
        head.append(f"   {(campaign.attempts - earlier.attempts) * 60 / seconds:.0f} starts/min", style=DIM)
    looks = {state: (CALL_SIGNS[state], CALL_STYLES[state]) for state in live}
    bar = stacked_bar([(number, looks[state]) for state, number in live.items()], max(total, 1), cells)
    legend = _legend(live, SHOWN_STATES)
    if legend.cell_len > cells:
        legend = _legend(live, BRIEF_WORDS)
    if not live:
        legend.append("no live calls", style=DIM)
    answered = campaign.answered / campaign.attempts if campaign.attempts else 0.0
    figures = line(
        ("attempts ", DIM),
        (count(campaign.attempts), "bold"),
        ("  answered ", DIM),
        (count(campaign.answered), "bold"),
        f" {percent(answered)}",
    )
    lines = [head, bar, legend, figures, _abandoned_line(campaign, extras), _list_line(campaign, cells)]
    if campaign.refused:
        most = max(campaign.refused, key=lambda reason: (campaign.refused[reason], reason))
        lines.append(
            line(("held back by rules ", DIM), (count(sum(campaign.refused.values())), "bold"), f", most: {most}")
        )
    lines.append(_why(campaign))
    title = line((campaign.campaign_id, TITLE), (f" · {campaign.kind}", DIM))
    return framed(lines_of(lines), title, height=panel_lines, style=style)


def _legend(live: Mapping[CallState, int], words: Mapping[CallState, str]) -> Text:
    legend = line()
    for state, number in live.items():
        legend.append(f"{'  ' if legend else ''}{CALL_SIGNS[state]} {words[state]} ", style=CALL_STYLES[state])
        legend.append(str(number), style="bold")
    return legend


def _why(campaign: CampaignView) -> Text:
    if campaign.hold is not None:
        return line(("held: ", "bold orange1"), (str(campaign.hold), "orange1"))
    return line((LIMIT_WORDS.get(campaign.limited_by, campaign.pacing), DIM))


def _grouped(campaign: CampaignView) -> dict[CallState, int]:
    """Live calls by the states that a supervisor tells apart; the moments between them are counted with their neighbour."""
    grouped = dict.fromkeys(SHOWN_STATES, 0)
    for state, number in campaign.calls.items():
        shown = BRIEF_STATES.get(state, state)
        if shown in grouped:
            grouped[shown] += number
    return {state: number for state, number in grouped.items() if number}


def _abandoned_style(rate: float, cap: float) -> str:
    return "red1" if rate >= cap else "orange1" if rate >= cap / 2 else "spring_green2"


def _abandoned_line(campaign: CampaignView, extras: BoardExtras) -> Text:
    cap = extras.abandoned_cap
    style = _abandoned_style(campaign.abandoned_rate, cap)
    connected = (("connected ", DIM), (f"{count(campaign.connected)}  ", "bold"))
    return line(
        *(connected if campaign.kind is CampaignKind.AGENTS else ()),
        ("abandoned ", DIM),
        (count(campaign.abandoned), "bold"),
        (f" {percent(campaign.abandoned_rate, 1)} ", style),
        share_bar(campaign.abandoned_rate / cap if cap > 0 else 0.0, 5, style),
        (f" cap {percent(cap)}", DIM),
    )


def _share_done(progress: CampaignProgress) -> float:
    return progress.completed / progress.total if progress.total else 0.0


def _list_line(campaign: CampaignView, cells: int) -> Text:
    progress, share = campaign.progress, _share_done(campaign.progress)
    tail = f" {percent(share):>5}  {count(progress.completed)}/{count(progress.total)}"
    return line(("list ", DIM), share_bar(share, max(6, cells - len(tail) - 5), "deep_sky_blue1"), tail)


def _campaign_table(campaigns: tuple[CampaignView, ...], width: int, extras: BoardExtras, *, why: bool) -> Panel:
    """One line a campaign; and where there is room for `why`, a second on what keeps it from more calls."""
    wide = width >= 70
    shown = ("calls", "attempts", "answered", "abandoned", "list") if wide else ("calls", "abandoned", "list")
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for _ in shown:
        table.add_column(justify="right", no_wrap=True)
    table.add_row(Text("campaign", style=DIM), *[Text(head, style=DIM) for head in shown])
    # What the other columns take at least, their gaps, and the sign before the name.
    bar_cells = 12 if wide else 6 if width >= 50 else 0  # on the narrowest the room is the names'
    taken = sum(map(len, shown)) + len(shown) + (bar_cells + 1 if bar_cells else 0) + 4
    for campaign in campaigns:
        share = _share_done(campaign.progress)
        cells = {
            "calls": Text(str(sum(campaign.calls.values())), style="bold"),
            "attempts": Text(count(campaign.attempts)),
            "answered": Text(count(campaign.answered)),
            "abandoned": Text(
                percent(campaign.abandoned_rate, 1),
                style=_abandoned_style(campaign.abandoned_rate, extras.abandoned_cap),
            ),
            "list": line(
                share_bar(share, bar_cells, "deep_sky_blue1"), f" {percent(share):>5}" if bar_cells else percent(share)
            ),
        }
        name = line(("● ", CAMPAIGN_STYLES[campaign.state]), shortened(campaign.campaign_id, width - 4 - taken))
        if campaign.hold is not None and not why:
            name.append(f"  held: {campaign.hold}", style="orange1")
        table.add_row(name, *[cells[head] for head in shown])
    reasons = [line((f"{shortened(each.campaign_id, 20)}: ", DIM), _why(each)) for each in campaigns] if why else []
    return framed(Group(table, *reasons), line(("campaigns", TITLE)))
