"""`dialer board`: the terminal's board on any machine that reaches the broker."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.console import Console

from dialer.board.heard import heard_view, trouble
from dialer.board.render import BoardExtras, render_board
from dialer.board.runner import run_board
from dialer.cli.logs import quiet_logging
from dialer.domain.clock import SystemClock
from dialer.domain.errors import BrokerUnreachable
from dialer.mqtt.hearing import Hearing
from dialer.mqtt.link import ALIVE_SECONDS, HELD_SECONDS, visiting
from dialer.settings.site import load_settings
from dialer.settings.site_rules import shown_cap, site_profile
from dialer.settings.site_time import site_zone
from dialer.site.broker import broker_settings


async def board(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="Settings with the centre's id and the broker; no others are needed."),
    ] = None,
) -> None:
    """Show a running centre on this terminal, over its broker, until Ctrl-C; where no terminal is, once."""
    quiet_logging()
    settings, console = load_settings(config), Console()
    clock, centre, broker = SystemClock(), settings.centre.id, broker_settings(settings)
    heard: dict[str, dict[str, Any]] = {}
    news = asyncio.Event()

    def put(key: str, value: dict[str, Any] | None) -> None:
        if value is None:
            heard.pop(key, None)
        else:
            heard[key] = value
        news.set()

    def extras() -> BoardExtras:
        there = bool(heard["desk"]["heard"])
        return BoardExtras(
            broker=f"{broker.host}:{broker.port}",
            broker_up=there,
            trouble=trouble(heard, clock.now()) if there else "",
            abandoned_cap=shown_cap(settings, site_profile(settings)),
            zone=site_zone(settings),
        )

    async with visiting(replace(broker, client_id=f"board-{uuid4().hex}"), centre):
        pass  # what is wrong with broker or password is told in a line, not on a board that waits
    ear = Hearing(broker, centre, clock, put, random.SystemRandom())
    hearing = asyncio.create_task(ear.run(replies=None), name="board-hears")
    try:
        if console.is_terminal:
            stop = asyncio.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            await run_board(lambda: heard_view(centre, heard, clock.now()), stop, get_extras=extras, console=console)
            return
        await _state_has_come(lambda: "centre" in heard, news, centre)
        view = heard_view(centre, heard, clock.now())
        console.print(render_board(view, None, width=console.width, height=console.height, extras=extras()))
    finally:
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)


async def _state_has_come(has_come: Callable[[], bool], news: asyncio.Event, centre: str) -> None:
    """Wait until it has, and the rest with it. Raises BrokerUnreachable."""
    try:
        async with asyncio.timeout(ALIVE_SECONDS):
            while not has_come():
                news.clear()
                await news.wait()
    except TimeoutError:
        raise BrokerUnreachable(
            f"nothing was heard of centre {centre}: check centre.id, that its dialler runs, and that the broker lets this user read"
        ) from None
    await asyncio.sleep(HELD_SECONDS)
