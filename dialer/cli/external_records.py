"""Records from outside the calls, from the command line to the one writer: the running dialler by command, or the store itself."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import typer

from dialer.domain.clock import SystemClock
from dialer.domain.errors import StoreBusy
from dialer.engine.command.base import FROM_DIALLER
from dialer.engine.command.reading import read_command
from dialer.engine.external_records.commands import RecordsCommand
from dialer.engine.external_records.service import ExternalRecords
from dialer.errors import MatdanError
from dialer.mqtt.commands.client import CommandRequest, send_commands
from dialer.mqtt.messages import announcement_of
from dialer.settings.site import Settings
from dialer.settings.supervision import OWN_USER
from dialer.site.broker import broker_settings, own_signer
from dialer.store.keys import StoreKey, site_key
from dialer.store.lock import DIALLER
from dialer.store.lock_holder import holder_of
from dialer.store.spool import MOST_NUMBERS, Spool
from dialer.store.store import open_store

T = TypeVar("T")
HOLDER = "an import of records"
"""What others are told while records are kept here: it is no dialler, and nobody could ask it anything."""


def keep_all(
    settings: Settings, items: Sequence[T], most: int, things: str, request: Callable[[int, list[T]], CommandRequest]
) -> list[str]:
    """Keep records, at most `most` together, each batch by a `request` of its number, from 1, and itself. See `carry_out`."""
    batches = _batches(items, most)
    with _reporting_what_was_kept(batches, things) as done:
        requests = [request(number, list(each)) for number, each in enumerate(batches, 1)]
        return carry_out(settings, requests, done) if requests else []


def _batches(items: Sequence[T], most: int) -> list[Sequence[T]]:
    return [items[first : first + most] for first in range(0, len(items), most)]


@contextmanager
def _reporting_what_was_kept(batches: Sequence[Sequence[object]], things: str) -> Iterator[Callable[[int], None]]:
    """For requests that bring a batch each: gives what is to be told how many of them are done. Where one fails, the error is told
    with how many `things` were kept before it.
    """
    kept = 0

    def done(requests: int) -> None:
        nonlocal kept
        kept = sum(len(each) for each in batches[:requests])

    try:
        yield done
    except MatdanError:
        if kept:
            of_all = sum(len(each) for each in batches)
            typer.echo(f"{kept:,} of {of_all:,} {things} were kept; what is kept is not kept twice", err=True)
        raise


def carry_out(
    settings: Settings,
    requests: Sequence[CommandRequest],
    done: Callable[[int], None] = lambda _: None,
) -> list[str]:
    """Keep records: what was said of each request, in order; `done` is told how many are kept so far.

    While a dialler runs it is asked through the broker, for it alone writes and its calls must follow; else the store is
    written here. Raises CommandRefused, StoreError, BrokerUnreachable.
    """
    path = settings.store.path
    try:
        return asyncio.run(_keep_here(path, site_key(settings), requests, done))
    except StoreBusy as busy:
        refuse_unless_dialler(path, busy)
        return ask_dialler(settings, requests, busy, done)


def refuse_unless_dialler(path: Path, busy: StoreBusy) -> None:
    """Raise StoreBusy where it is known that something else than a dialler holds the store: nobody would answer."""
    try:
        holder = holder_of(path)
    except OSError:
        return  # not known: the dialler answers, or it is told that none does
    if holder is not None and not holder.startswith(DIALLER):
        raise StoreBusy(f"{path}: {holder} is using it: wait until that has ended, then do it again") from busy


def hand_over(
    settings: Settings, name: str, numbers: Sequence[str], fields: Mapping[str, object], busy: StoreBusy
) -> list[str]:
    """Have the running dialler take numbers, in the spool, for no command names one; what it said. Raises as `ask_dialler`."""
    refuse_unless_dialler(settings.store.path, busy)
    spool = Spool(settings.store.path, site_key(settings))
    batches = _batches(numbers, MOST_NUMBERS)
    handed: list[str] = []
    try:
        handed += [spool.add_numbers(each) for each in batches]
        requests = [CommandRequest(name, {"list": each, **fields}) for each in handed]
        with _reporting_what_was_kept(batches, "numbers") as done:
            return ask_dialler(settings, requests, busy, done)
    finally:
        for each in handed:
            spool.remove(each)


def ask_dialler(
    settings: Settings,
    requests: Sequence[CommandRequest],
    busy: StoreBusy,
    done: Callable[[int], None] = lambda _: None,
    sender: str = OWN_USER,
) -> list[str]:
    """What the dialler that holds the store said of each request of that sender's, in order; `busy` is how that it does was found
    out.

    Raises StoreBusy where it has no broker to be asked through, CommandRefused, BrokerUnreachable.
    """
    if not settings.broker.enabled:
        raise StoreBusy(
            f"{busy}; or give the dialler a broker ([broker] enabled), then it takes this while it runs"
        ) from busy
    # An id for each process: a broker ends the connection of the older of two, and two clerks may come at once.
    client_id = f"dialler-records-{settings.centre.id}-{uuid.uuid4().hex[:12]}"
    broker = replace(broker_settings(settings), client_id=client_id)
    return asyncio.run(
        send_commands(broker, settings.centre.id, requests, SystemClock(), done, signer=own_signer(settings, sender))
    )


async def _keep_here(
    path: Path, key: StoreKey | None, requests: Sequence[CommandRequest], done: Callable[[int], None]
) -> list[str]:
    answers: list[str] = []
    async with await open_store(path, encode=announcement_of, create=False, key=key, holder=HOLDER) as opened:
        desk = ExternalRecords(opened, SystemClock())
        for request in requests:
            command = read_command(request.name, request.fields)
            if not isinstance(command, RecordsCommand):
                raise TypeError(f"{request.name} needs a running dialler")
            answers.append(await command.save(desk, FROM_DIALLER))
            done(len(answers))
    return answers
