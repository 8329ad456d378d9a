"""The key of a site's store, as its settings name it."""

from __future__ import annotations

from config.settings import Settings
from dialer.store.cipher import StoreKey, read_key


def site_key(settings: Settings) -> StoreKey | None:
    """The key in `store.encryption_key_file`; None: the store is not encrypted. Raises StoreError where it cannot be used."""
    path = settings.store.encryption_key_file
    return None if path is None else read_key(path)
