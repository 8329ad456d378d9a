"""Save records that the command line creates, such as voters' answers on a booth worker's list.

If a dialler runs, it saves the records. Otherwise, the command writes them to the store (the centre's database) itself.
"""

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
from dialer.domain.person_ids import OWN_USER
from dialer.engine.command.base import FROM_DIALLER
from dialer.engine.command.reading import read_command
from dialer.engine.external_records.commands import RecordsCommand
from dialer.engine.external_records.service import ExternalRecords
from dialer.errors import MatdanError
from dialer.mqtt.commands.client import CommandRequest, send_commands
from dialer.mqtt.messages import create_outbox_row_of_result
from dialer.settings.site import Settings
from dialer.site.broker import create_command_signer, get_broker_settings
from dialer.store.keys import StoreKey, read_store_key_of_site
from dialer.store.lock import DIALLER
from dialer.store.lock_holder import find_lock_holder
from dialer.store.spool import MOST_NUMBERS, Spool
from dialer.store.store import open_store

T = TypeVar("T")
HOLDER = "an import of records"
"""How this process identifies itself to others while it holds the store."""


def save_records_in_batches(
    settings: Settings, items: Sequence[T], most: int, things: str, request: Callable[[int, list[T]], CommandRequest]
) -> list[str]:
    """Save records in batches of at most `most` records. Return the reply to each batch.

    Args:
        settings: The settings of the site.
        items: The records.
        most: The maximum size of a batch.
        things: The word for the records in messages, such as "voters".
        request: Makes the request that saves a batch, from its number (from 1) and its records.

    Raises the errors of `save_records_via_dialler_or_store`.
    """
    batches = _split_records_into_batches(items, most)
    with _print_saved_count_on_error(batches, things) as report_saved_count:
        requests = [request(number, list(each)) for number, each in enumerate(batches, 1)]
        return save_records_via_dialler_or_store(settings, requests, report_saved_count) if requests else []


def _split_records_into_batches(items: Sequence[T], most: int) -> list[Sequence[T]]:
    return [items[first : first + most] for first in range(0, len(items), most)]


@contextmanager
def _print_saved_count_on_error(batches: Sequence[Sequence[object]], things: str) -> Iterator[Callable[[int], None]]:
    """Print how many records were saved if the `with` block ends with an error.

    Yields a function that the block calls with the number of batches saved so far. `things` is the word for the records
    in the message, such as "voters".
    """
    saved = 0

    def report_saved_count(requests: int) -> None:
        nonlocal saved
        saved = sum(len(each) for each in batches[:requests])

    try:
        yield report_saved_count
    except MatdanError:
        if saved:
            total = sum(len(each) for each in batches)
            typer.echo(
                f"{saved:,} of {total:,} {things} were saved before the error; run the command again for the rest,"
                " saved ones are skipped",
                err=True,
            )
        raise


def save_records_via_dialler_or_store(
    settings: Settings,
    requests: Sequence[CommandRequest],
    report_saved_count: Callable[[int], None] = lambda _: None,
) -> list[str]:
    """Save records through the running dialler, or directly in the store if no dialler runs. Return the replies.

    While a dialler runs, only the dialler may write to the store, so the records are sent to it over MQTT.
    `report_saved_count` is called with the number of completed requests. Raises CommandRefused, StoreError,
    BrokerUnreachable.
    """
    path = settings.store.path
    try:
        return asyncio.run(_save_records_in_store(path, read_store_key_of_site(settings), requests, report_saved_count))
    except StoreBusy as store_in_use:
        require_store_locked_by_dialler(path, store_in_use)
        return send_requests_to_dialler(settings, requests, store_in_use, report_saved_count)


def require_store_locked_by_dialler(path: Path, store_in_use: StoreBusy) -> None:
    """Raise StoreBusy if a program that is not a dialler has locked the store (the centre's database).

    Such a program, for example an import, would never answer a request.
    """
    try:
        holder = find_lock_holder(path)
    except OSError:
        return  # unknown holder: if it is no dialler, the request through the broker times out with a clear error
    if holder is not None and not holder.startswith(DIALLER):
        raise StoreBusy(
            f"{path}: the store is in use by {holder}: wait until it has finished, then run the command again"
        ) from store_in_use


def send_numbers_to_dialler(
    settings: Settings, name: str, numbers: Sequence[str], fields: Mapping[str, object], store_in_use: StoreBusy
) -> list[str]:
    """Send a command about phone numbers to the running dialler. Return its replies.

    The numbers are written to a file next to the store, because commands never contain phone numbers. Raises
    the errors of `send_requests_to_dialler`.
    """
    require_store_locked_by_dialler(settings.store.path, store_in_use)
    spool = Spool(settings.store.path, read_store_key_of_site(settings))
    batches = _split_records_into_batches(numbers, MOST_NUMBERS)
    list_ids: list[str] = []
    try:
        list_ids += [spool.store_uploaded_number_list(each) for each in batches]
        requests = [CommandRequest(name, {"list": each, **fields}) for each in list_ids]
        with _print_saved_count_on_error(batches, "numbers") as report_saved_count:
            return send_requests_to_dialler(settings, requests, store_in_use, report_saved_count)
    finally:
        for each in list_ids:
            spool.remove_spooled_file(each)


def send_requests_to_dialler(
    settings: Settings,
    requests: Sequence[CommandRequest],
    store_in_use: StoreBusy,
    report_saved_count: Callable[[int], None] = lambda _: None,
    sender: str = OWN_USER,
) -> list[str]:
    """Send requests to the running dialler over MQTT as the user `sender`. Return the reply to each.

    `store_in_use` is the error that showed that the dialler is running. Raises StoreBusy if the site has no broker,
    CommandRefused, BrokerUnreachable.
    """
    if not settings.broker.enabled:
        raise StoreBusy(
            f"{store_in_use}; or set `broker.enabled = true`, so that the running dialler carries out the command"
        ) from store_in_use
    # Each process needs its own client ID: the broker disconnects the older of two clients with the same ID.
    client_id = f"dialler-records-{settings.centre.id}-{uuid.uuid4().hex[:12]}"
    broker = replace(get_broker_settings(settings), client_id=client_id)
    return asyncio.run(
        send_commands(
            broker,
            settings.centre.id,
            requests,
            SystemClock(),
            report_saved_count,
            signer=create_command_signer(settings, sender),
        )
    )


async def _save_records_in_store(
    path: Path, key: StoreKey | None, requests: Sequence[CommandRequest], report_saved_count: Callable[[int], None]
) -> list[str]:
    replies: list[str] = []
    async with await open_store(
        path, encode=create_outbox_row_of_result, create=False, key=key, holder=HOLDER
    ) as opened:
        records = ExternalRecords(opened, SystemClock())
        for request in requests:
            command = read_command(request.name, request.fields)
            if not isinstance(command, RecordsCommand):
                raise TypeError(f"the command {request.name} needs a running dialler: start it with `dialer run`")
            replies.append(await command.save_records_of_command(records, FROM_DIALLER))
            report_saved_count(len(replies))
    return replies
