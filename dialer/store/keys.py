"""The key of an encrypted store: reading, creating and using the key.

A store is encrypted by SQLCipher, page by page, with its WAL and its journals: AES-256, an initialisation vector and an
HMAC-SHA512 for each page. Temporary files are kept in memory. See https://www.zetetic.net/sqlcipher/design/.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from dialer.domain.errors import StoreError
from dialer.settings.site import Settings

_KEY = re.compile(r"[0-9a-f]{64}")
_GROUP_AND_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class StoreKey:
    """A random key of 256 bits. It is used without key derivation, so that a store opens fast."""

    file: Path
    digits: str = field(repr=False)  # 64 hexadecimal digits


def read_store_key_file(path: Path) -> StoreKey:
    """Read a key file. Raises StoreError if it cannot be read, contains no key, or is readable by other users."""
    try:
        # fstat checks the file that is read, not another one that a link leads to a moment later.
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(1024)
    except OSError as error:
        raise StoreError(
            f"{path}: the store's key cannot be read ({error.strerror}). Restore the file, or correct "
            "`store.encryption_key_file`. For a new store, create a key with `dialer store key`."
        ) from error
    if mode & _GROUP_AND_OTHERS:
        raise StoreError(
            f"{path}: other users can read the store's key. Run `chmod 600` on it, and check who may have read it."
        )
    digits = text.decode("ascii", "replace").strip().lower()
    if not _KEY.fullmatch(digits):
        raise StoreError(
            f"{path}: not a store key. A key file holds 64 hexadecimal digits; `dialer store key` creates one."
        )
    return StoreKey(path, digits)


def create_store_key_file(path: Path) -> StoreKey:
    """Create a key file that only this user can read. Raises StoreError if the file already exists."""
    key = StoreKey(path, secrets.token_hex(32))
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key.digits + "\n")
            file.flush()
            os.fsync(descriptor)
    except FileExistsError as error:
        raise StoreError(
            f"{path}: the file exists already and may hold the only key of a store. Choose another name."
        ) from error
    except OSError as error:
        raise StoreError(f"{path}: the key cannot be written ({error.strerror}). Choose another place.") from error
    return key


def format_key_as_sql_literal(key: StoreKey | None) -> str:
    """Return the key as a literal for SQLCipher's SQL. `None` (an unencrypted file) becomes an empty key."""
    return "''" if key is None else f"\"x'{key.digits}'\""


def read_store_key_of_site(settings: Settings) -> StoreKey | None:
    """Return the key in `store.encryption_key_file`, or None if the store is not encrypted.

    Raises StoreError if the key cannot be used.
    """
    path = settings.store.encryption_key_file
    return None if path is None else read_store_key_file(path)
