"""The board on a real terminal, and as a picture."""

from __future__ import annotations

import asyncio
import io
from collections import deque
from collections.abc import Callable

from rich.console import Console
from rich.live import Live

from dialer.board.render import BoardExtras, render_board
from dialer.domain.view import CentreView

RATE_SECONDS = 10.0  # calls a minute are taken over this stretch


async def run_board(
    get_view: Callable[[], CentreView],
    stop: asyncio.Event,
    refresh_per_second: float = 4,
    *,
    get_extras: Callable[[], BoardExtras] | None = None,
    console: Console | None = None,
) -> None:
    """Draw the board until `stop`. The screen is given back as it was, with the last board left on it."""
    console = console or Console()
    history: deque[CentreView] = deque()

    def draw() -> None:
        view = get_view()
        previous = _earlier(history, view)
        extras = get_extras() if get_extras else None
        live.update(
            render_board(view, previous, width=console.width, height=console.height, extras=extras), refresh=True
        )

    with Live(console=console, screen=console.is_terminal, auto_refresh=False, redirect_stdout=False) as live:
        while not stop.is_set():
            draw()
            try:
                async with asyncio.timeout(1.0 / refresh_per_second):
                    await stop.wait()
            except TimeoutError:
                continue
        draw()
    if console.is_terminal:
        extras = get_extras() if get_extras else None
        console.print(render_board(get_view(), None, width=console.width, height=console.height, extras=extras))


def _earlier(history: deque[CentreView], view: CentreView) -> CentreView | None:
    """The view of about `RATE_SECONDS` ago; None in the first second, when a rate would mean nothing."""
    history.append(view)
    while len(history) > 1 and view.at - history[1].at >= RATE_SECONDS:
        history.popleft()
    return history[0] if view.at - history[0].at >= 1.0 else None


def board_svg(
    view: CentreView,
    previous: CentreView | None = None,
    *,
    width: int = 110,
    height: int = 34,
    extras: BoardExtras | None = None,
) -> str:
    """The board as an SVG picture of a terminal of `width` x `height` characters, for documents."""
    console = Console(
        record=True, width=width, height=height, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(render_board(view, previous, width=width, height=height, extras=extras))
    return console.export_svg(title=f"dialer demo - {view.centre}")
