"""Records from outside the calls, from the command line to the one writer: the running dialler by command, or the store itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from config.settings import Settings
from dialer.clock import SystemClock
from dialer.commands import RecordsCommand
from dialer.engine.records_desk import RecordsDesk
from dialer.errors import RollError, StoreBusy
from dialer.monitor.ask import Request, ask
from dialer.monitor.command_table import COMMANDS
from dialer.monitor.command_values import read_value
from dialer.numbers_cli import audit_name
from dialer.people import is_id
from dialer.plan_of_site import broker_settings
from dialer.site_key import site_key
from dialer.store.cipher import StoreKey
from dialer.store.sqlite import open_store

T = TypeVar("T")


def person(who: str | None) -> str:
    """Who answers for a record: who was named, else the user who is logged in. Raises RollError for what is no id."""
    name = audit_name(who)
    if not is_id(name):
        raise RollError("--who: give an id of letters, digits, dots and dashes, no name and no number")
    return name


def batches_of(items: Sequence[T], most: int) -> list[Sequence[T]]:
    """The items in order, at most so many together."""
    return [items[first : first + most] for first in range(0, len(items), most)]


def carry_out(
    settings: Settings, store: Path | None, requests: Sequence[Request], done: Callable[[int], None] = lambda _: None
) -> list[str]:
    """Keep records: what was said of each request, in order; `done` is told how many are kept so far.

    While a dialler runs it is asked through the broker, for it alone writes and its calls must follow; else the store is
    written here. Raises CommandRefused, StoreError, BrokerUnreachable.
    """
    try:
        return asyncio.run(_keep_here(store or settings.store.path, site_key(settings), requests, done))
    except StoreBusy as error:
        if not settings.broker.enabled:
            raise StoreBusy(
                f"{error}; or give the dialler a broker ([broker] enabled), then it takes this while it runs"
            ) from error
    broker = replace(broker_settings(settings), client_id=f"dialler-records-{settings.centre.id}")
    return asyncio.run(ask(broker, settings.centre.id, requests, SystemClock(), done))


async def _keep_here(
    path: Path, key: StoreKey | None, requests: Sequence[Request], done: Callable[[int], None]
) -> list[str]:
    answers: list[str] = []
    async with await open_store(path, create=False, key=key) as opened:
        desk = RecordsDesk(opened, SystemClock())
        for request in requests:
            answers.append(await desk.execute(_command_of(request)))
            done(len(answers))
    return answers


def _command_of(request: Request) -> RecordsCommand:
    """The same command as the dialler would make of it."""
    kind = COMMANDS[request.name]
    made = kind.make(*(read_value(request.name, key, request.fields.get(key)) for key in kind.needs))
    assert isinstance(made, RecordsCommand)  # noqa: S101 - requests of these kinds alone are made here
    return made
