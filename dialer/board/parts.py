"""Small parts of the board: bars, figures, colours. Pure."""

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
EMPTY = "┄"  # of another shape than what is full, for who sees no colours
TRACK = "grey35"  # and frames
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
# One sign a state, so that a bar can be read without colours too.
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


def line(*parts: str | tuple[str, str] | Text) -> Text:
    """One line that is cut with an ellipsis where it does not fit."""
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def lines_of(lines: Iterable[Text]) -> Text:
    """Several lines as one text, each cut with an ellipsis where it does not fit; much cheaper for rich than a table."""
    joined = Text("\n", no_wrap=True, overflow="ellipsis").join(lines)
    joined.no_wrap, joined.overflow = True, "ellipsis"
    return joined


def framed(
    body: RenderableType, title: Text, *, foot: Text | None = None, height: int | None = None, style: str = TRACK
) -> Panel:
    """A part of the board in its frame; `height`: in lines, with the frame."""
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


def padded(text: Text, cells: int) -> Text:
    """The text, cut or filled up to `cells` characters."""
    text.truncate(cells, overflow="ellipsis", pad=True)
    return text


def share_bar(share: float, cells: int, style: str) -> Text:
    """A bar of `cells` characters, filled to `share` (0..1) in halves of a character."""
    full, half = divmod(round(min(1.0, max(0.0, share)) * cells * 2), 2)
    bar = Text(FULL * full + HALF * half, style=style, no_wrap=True)
    # The track is drawn, not left blank: rich cuts spaces off the end of what it sets to the right.
    return bar.append(EMPTY * (cells - full - half), style=TRACK)


def stacked_bar(parts: Iterable[tuple[float, tuple[str, str]]], whole: float, cells: int) -> Text:
    """A bar of `cells` characters: each part (amount, sign and style) in proportion to `whole`, at least a cell; then track."""
    amounts = [(amount, look) for amount, look in parts if amount > 0]
    bar = Text(no_wrap=True)
    left = cells
    for index, (amount, (sign, style)) in enumerate(amounts):
        must_leave = len(amounts) - index - 1
        wanted = max(1, round(amount / whole * cells)) if whole > 0 else 0
        width = max(0, min(wanted, left - must_leave))
        bar.append(sign * width, style=style)
        left -= width
    return bar.append(EMPTY * left, style=TRACK)


def shortened(name: str, cells: int) -> str:
    """A name in `cells` characters, cut in its middle: names of one site often begin alike, and end in what tells them apart."""
    if len(name) <= cells or cells < 3:
        return name
    begins = (cells - 1) // 2
    return f"{name[:begins]}…{name[begins + 1 - cells :]}"


def percent(share: float, digits: int = 0) -> str:
    """`0.316` -> `32 %`."""
    return f"{share * 100:.{digits}f} %"


def count(value: int) -> str:
    """`1480` -> `1,480`."""
    return f"{value:,}"


def duration(seconds: float) -> str:
    """`75` -> `1:15`; hours where there are any."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def lamp(on: bool) -> tuple[str, str]:
    """A dot, green or red."""
    return ("●", "spring_green2") if on else ("●", "red1")
