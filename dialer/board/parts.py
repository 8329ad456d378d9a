"""Parts of the terminal board: bars, figures and colours. Without I/O."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.panel import Panel
from rich.text import Text

from dialer.domain.alerts import AlertLevel
from dialer.domain.model import CampaignState
from dialer.domain.view import CallState, SeatState

FULL = "━"
HALF = "╸"
EMPTY = "┄"  # a different shape, for people who see no colours
TRACK = "grey35"  # of bars, and of frames
DIM = "grey58"
TITLE = "bold grey93"

CALL_STYLES: dict[CallState, str] = {
    CallState.PREVIEW: "grey50",
    CallState.SENDING: "grey50",
    CallState.DIALLING: "steel_blue1",
    CallState.RINGING: "deep_sky_blue1",
    CallState.WAITING: "orange1",
    CallState.CONNECTING: "khaki1",
    CallState.TALKING: "spring_green2",
    CallState.IN_FLOW: "medium_purple1",
    CallState.MESSAGE: "red1",
    CallState.ENDED: "grey35",
}
# A sign for each state, so that bars can be read without colours.
CALL_SIGNS: dict[CallState, str] = {
    CallState.DIALLING: "·",
    CallState.RINGING: "░",
    CallState.WAITING: "▌",
    CallState.TALKING: "█",
    CallState.IN_FLOW: "▓",
    CallState.MESSAGE: "▚",
}
VOTED, NOT_YET, OTHER = ("█", "spring_green2"), ("▒", "orange1"), ("░", "grey50")
SEAT_STYLES: dict[SeatState, str] = {
    SeatState.OFFLINE: "grey35",
    SeatState.READY: "deep_sky_blue1",
    SeatState.RESERVED: "khaki1",
    SeatState.TALKING: "spring_green2",
    SeatState.WRAP_UP: "medium_purple1",
    SeatState.PAUSED: "orange1",
    SeatState.LOST: "red1",
}
CAMPAIGN_STYLES: dict[CampaignState, str] = {
    CampaignState.RUNNING: "spring_green2",
    CampaignState.PAUSED: "orange1",
    CampaignState.STOPPED: "red1",
}
ALERT_STYLES: dict[AlertLevel, str] = {
    AlertLevel.NOTICE: "deep_sky_blue1",
    AlertLevel.WARNING: "orange1",
    AlertLevel.CRITICAL: "bold red1",
}


def make_text_line(*parts: str | tuple[str, str] | Text) -> Text:
    """Return one line of text, which is cut with an ellipsis if it does not fit."""
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def join_text_lines(lines: Iterable[Text]) -> Text:
    """Return lines joined to one text, each cut with an ellipsis if it does not fit.

    The library rich draws such a text faster than a table.
    """
    joined = Text("\n", no_wrap=True, overflow="ellipsis").join(lines)
    joined.no_wrap, joined.overflow = True, "ellipsis"
    return joined


def draw_framed_panel(
    body: RenderableType, title: Text, *, foot: Text | None = None, height: int | None = None, style: str = TRACK
) -> Panel:
    """Return `body` in a frame with a title. `height` counts lines, including the frame."""
    return Panel(
        body,
        title=title,
        title_align="left",
        subtitle=foot,
        subtitle_align="right",
        border_style=style,
        padding=(0, 1),
        height=height,
    )


def pad_or_cut_text(text: Text, cells: int) -> Text:
    """Return the text cut or padded to `cells` characters."""
    text.truncate(cells, overflow="ellipsis", pad=True)
    return text


def draw_proportion_bar(share: float, cells: int, style: str) -> Text:
    """Return a bar that is `cells` characters wide and filled to `share` (0-1)."""
    full, half = divmod(round(min(1.0, max(0.0, share)) * cells * 2), 2)
    bar = Text(FULL * full + HALF * half, style=style, no_wrap=True)
    # The track is drawn, not left blank: rich strips trailing spaces from right-aligned text.
    return bar.append(EMPTY * (cells - full - half), style=TRACK)


def draw_stacked_bar(parts: Iterable[tuple[float, tuple[str, str]]], whole: float, cells: int) -> Text:
    """Return a bar of `cells` characters, divided into segments in proportion to amounts. `whole` fills the bar.

    Each of the `parts` is (amount, (character, style)). Every segment has at least one character.
    """
    amounts = [(amount, look) for amount, look in parts if amount > 0]
    bar = Text(no_wrap=True)
    left = cells
    for index, (amount, (character, style)) in enumerate(amounts):
        cells_for_others = len(amounts) - index - 1
        wanted = max(1, round(amount / whole * cells)) if whole > 0 else 0
        width = max(0, min(wanted, left - cells_for_others))
        bar.append(character * width, style=style)
        left -= width
    return bar.append(EMPTY * left, style=TRACK)


def shorten_name(name: str, cells: int) -> str:
    """Return a name, cut in its middle to `cells` characters if it is longer. The middle is cut because names of one
    site often begin alike and differ at the end.
    """
    if len(name) <= cells or cells < 3:
        return name
    start = (cells - 1) // 2
    return f"{name[:start]}…{name[start + 1 - cells :]}"


def format_percent(share: float, digits: int = 0) -> str:
    """Return a share (0-1) in percent: `0.316` -> `32 %`."""
    return f"{share * 100:.{digits}f} %"


def format_count(value: int) -> str:
    """Return a number with thousands separators: `1480` -> `1,480`."""
    return f"{value:,}"


def format_duration(seconds: float) -> str:
    """Return seconds as minutes or hours: `75` -> `1:15`, `3675` -> `1:01:15`."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def draw_status_dot(is_up: bool) -> tuple[str, str]:
    """Return a dot and its style: green = up, red = down."""
    return ("●", "spring_green2") if is_up else ("●", "red1")
