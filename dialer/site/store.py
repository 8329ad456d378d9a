"""The store (database) of a site: opens it for the dialler, records the settings in it, and checks its disk space."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from dialer.mqtt.messages import create_outbox_row_of_result
from dialer.settings.site import Settings
from dialer.site.settings_changes import list_settings_by_key
from dialer.store.keys import read_store_key_of_site
from dialer.store.store import Store, open_store

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_site_store(settings: Settings) -> AsyncIterator[Store]:
    """Open and lock the store for the dialler until the context ends. Raises StoreError.

    Logs the public keys of the store's first signatures. A copy of the log on another machine then proves which keys
    are genuine.
    """
    store = await open_store(
        settings.store.path, encode=create_outbox_row_of_result, key=read_store_key_of_site(settings)
    )
    try:
        _log.info("store.opened", first_keys=await store.read_first_keys_of_signing_chains())
        yield store
    finally:
        await store.close()


@dataclass(frozen=True, slots=True)
class ImportedWeights:
    """The result of importing voters' weights from headquarters. The weights decide the order of calls."""

    recorded: Mapping[str, str] = field(default_factory=dict)  # hash of each list, recorded with this start's settings
    problem: str | None = None  # the error of the first list that could not be imported


async def import_new_voter_weights(settings: Settings) -> ImportedWeights:
    """Import new files of calling weights (which voters are called first) from headquarters.weights_folder, before the store
    is opened.

    Raises StoreError.
    """
    folder = settings.headquarters.weights_folder
    if folder is None:
        return ImportedWeights()
    from dialer.roll.weights import import_changed_calling_weights  # noqa: PLC0415 - slow to import and seldom needed

    recorded, problem = await asyncio.to_thread(
        import_changed_calling_weights, folder, settings.store.path, key=read_store_key_of_site(settings)
    )
    return ImportedWeights(recorded, problem)


async def record_settings_and_configure_store(
    settings: Settings, store: Store, weights: ImportedWeights, at: float
) -> None:
    """Record the settings in the store when the dialler starts, and configure the store by two of the settings.

    These two are the secrets for hashing opt-outs, and the limit on messages that wait for headquarters.
    """
    await store.record_settings_at_start({**list_settings_by_key(settings), **weights.recorded}, at)
    await store.hash_numbers_and_suppress_opt_outs(settings.rules.list_opt_out_secrets())
    hq = settings.headquarters
    await store.set_byte_limit_of_headquarters_queue(None if hq.user is None else hq.outbox_megabytes << 20)


def create_disk_space_check(settings: Settings) -> Callable[[], bool]:
    """Return a function that says whether the store's disk has enough free space (store.reserve_megabytes)."""
    directory = settings.store.path.resolve().parent
    reserve = settings.store.reserve_megabytes * 1024 * 1024
    return lambda: shutil.disk_usage(directory).free > reserve
