"""Draws the board on a terminal several times a second."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from rich.console import Console, RenderableType
from rich.live import Live

from dialer.board.render import BoardExtras, render_board
from dialer.domain.view import CentreView

REFRESH_SECONDS = 0.25
RATE_SECONDS = 10.0  # the period over which call starts a minute are computed


async def run_board(
    get_view: Callable[[], CentreView], stop: asyncio.Event, get_extras: Callable[[], BoardExtras], console: Console
) -> None:
    """Draw the board several times a second until `stop` is set.

    Then restore the earlier contents of the terminal, and print the last board below them.
    """
    history: deque[CentreView] = deque()

    def draw_current_board() -> RenderableType:
        view = get_view()
        previous = _find_state_some_seconds_ago(history, view)
        return render_board(view, previous, width=console.width, height=console.height, extras=get_extras())

    with Live(console=console, screen=console.is_terminal, auto_refresh=False, redirect_stdout=False) as live:
        while not stop.is_set():
            live.update(draw_current_board(), refresh=True)
            try:
                async with asyncio.timeout(REFRESH_SECONDS):
                    await stop.wait()
            except TimeoutError:
                continue
        live.update(draw_current_board(), refresh=True)
    if console.is_terminal:
        history.clear()
        console.print(draw_current_board())


def _find_state_some_seconds_ago(history: deque[CentreView], view: CentreView) -> CentreView | None:
    """Return the centre's state of `RATE_SECONDS` ago. If no state is that old, return the oldest one.

    Return None in the first second. The function also adds the current state `view` to `history`. The board computes
    call starts per minute from the current and the returned state.
    """
    history.append(view)
    while len(history) > 1 and view.state.at - history[1].state.at >= RATE_SECONDS:
        history.popleft()
    return history[0] if view.state.at - history[0].state.at >= 1.0 else None
