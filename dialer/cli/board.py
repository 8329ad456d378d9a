"""`dialer board`: show a running centre on the terminal of any machine that reaches the broker."""

from __future__ import annotations

import random
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from dialer.domain.errors import BrokerUnreachable

if TYPE_CHECKING:
    import asyncio

    from dialer.board.render import BoardExtras
    from dialer.mqtt.latest_messages import LatestMessages


async def show_centre_on_terminal(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="CENTRE.toml", help="The site's settings."),
    ] = None,
) -> None:
    """Show a running centre on this terminal until Ctrl-C, or once if the output is not a terminal."""
    import asyncio

    from rich.console import Console

    from dialer.board.render import BoardExtras, render_board
    from dialer.board.runner import run_board
    from dialer.cli.logs import configure_quiet_logging
    from dialer.domain.clock import SystemClock
    from dialer.mqtt.connection import open_connection
    from dialer.mqtt.dialler_client import DiallerClient
    from dialer.mqtt.latest_messages import LatestMessages
    from dialer.settings.site import load_settings
    from dialer.settings.site_rules import find_lowest_cap_on_abandoned_rate, load_site_profile
    from dialer.settings.site_time import get_site_zone
    from dialer.site.broker import get_broker_settings

    configure_quiet_logging()
    settings, console = load_settings(config), Console()
    clock, centre, broker = SystemClock(), settings.centre.id, get_broker_settings(settings)
    messages, changed = LatestMessages(centre), asyncio.Event()

    def store_message_and_redraw_board(key: str, message: object) -> None:
        messages.store_latest_message(key, message)
        changed.set()

    def collect_broker_status_for_board() -> BoardExtras:
        return BoardExtras(
            broker=f"{broker.host}:{broker.port}",
            broker_up=client.is_connected,
            trouble=messages.describe_dialler_problem(clock.now()) if client.is_connected else "",
            abandoned_cap=find_lowest_cap_on_abandoned_rate(settings, load_site_profile(settings)),
            zone=get_site_zone(settings),
        )

    async with open_connection(replace(broker, client_id=f"board-{uuid4().hex}"), centre):
        pass  # reports a wrong address or password in one line; the board would only show no data
    client = DiallerClient(broker, centre, clock, store_message_and_redraw_board, random.SystemRandom())
    receiving = asyncio.create_task(client.receive_messages_until_cancelled(replies=None), name="board-receives")
    try:
        if console.is_terminal:
            stop = asyncio.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            await run_board(
                lambda: messages.build_centre_view(clock.now()),
                stop,
                get_extras=collect_broker_status_for_board,
                console=console,
            )
            return
        await _wait_for_dialler_state(messages, changed, centre)
        console.print(
            render_board(
                messages.build_centre_view(clock.now()),
                None,
                width=console.width,
                height=console.height,
                extras=collect_broker_status_for_board(),
            )
        )
    finally:
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)


async def _wait_for_dialler_state(messages: LatestMessages, changed: asyncio.Event, centre: str) -> None:
    """Wait until the dialler's state and its other retained MQTT messages have arrived.

    Raises BrokerUnreachable if no state arrives.
    """
    import asyncio

    from dialer.mqtt.duplicate_dialler import ALIVE_SECONDS
    from dialer.mqtt.retained import RETAINED_SECONDS

    try:
        async with asyncio.timeout(ALIVE_SECONDS):
            while messages.centre_state is None:
                changed.clear()
                await changed.wait()
    except TimeoutError:
        raise BrokerUnreachable(
            f"no message from centre {centre}: check `centre.id`, that the dialler of this centre runs, and that "
            "the broker lets this user read its topics"
        ) from None
    await asyncio.sleep(RETAINED_SECONDS)
