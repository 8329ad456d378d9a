"""The secret keys that sign a store's changes. Each signs one minute of changes (epoch) and is then overwritten.

The key file next to the store (`centre.db.seal-key`) has the secrets of the current and of the next epoch. So no key is
lost if the dialler crashes after a seal is committed and before the file is replaced. The file's old content is
overwritten. A file system that writes elsewhere (copy on write, snapshots, a worn SSD) may keep the old blocks.

`dialer init` creates the file before there is a store, so that it can print the first public key.
"""

from __future__ import annotations

import base64
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from dialer.domain import signing
from dialer.domain.errors import StoreError
from dialer.domain.paths import path_exists

_HEAD = "matdan-seal-key"
_SEED_BYTES = 32
FIRST_EPOCH = 1


@dataclass(frozen=True, slots=True)
class EpochKeys:
    """The secret keys that sign the changes of the current signing period (about a minute) and of the next one."""

    epoch: int
    seed: bytes = field(repr=False)
    next_seed: bytes = field(repr=False)

    @classmethod
    def generate_first_signing_keys(cls, epoch: int) -> Self:
        """Return new random keys for the signing period `epoch`, which begins a chain of keys, and for the period after
        it.
        """
        return cls(epoch, secrets.token_bytes(_SEED_BYTES), secrets.token_bytes(_SEED_BYTES))

    def make_next_signing_keys(self) -> EpochKeys:
        """Return the keys that apply once the current signing period ends.

        The next period's key exists already. A new random key is created for the period after it.
        """
        return EpochKeys(self.epoch + 1, self.next_seed, secrets.token_bytes(_SEED_BYTES))

    @property
    def epoch_public_key(self) -> str:
        """The public key (hexadecimal) that verifies the signature at the end of the current signing period (a minute)."""
        return signing.derive_public_key(self.seed).hex()

    @property
    def next_epoch_public_key(self) -> str:
        """The public key (hexadecimal) that verifies the signature at the end of the next signing period (a minute)."""
        return signing.derive_public_key(self.next_seed).hex()

    def sign_with_current_key(self, what: bytes) -> str:
        """Return the signature (hexadecimal) of the bytes `what`, made with the secret key of the current signing
        period.
        """
        return base64.b64decode(signing.sign_bytes(self.seed, what)).hex()


def get_seal_key_path(store: Path) -> Path:
    """Return the path of the file with the secret keys that sign a store's changes.

    It is next to the store's real file, whatever links lead to it.
    """
    real = store.resolve()
    return real.with_name(real.name + ".seal-key")


def read_signing_keys_from_file(path: Path) -> EpochKeys | None:
    """Return the secret signing keys in a file, or None if the file is missing or has no valid keys.

    Raises StoreError if the file cannot be read.
    """
    try:
        text = path.read_text("ascii", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(
            f"{path}: the key that signs the store's log of changes cannot be read ({error.strerror}). Give this "
            "user permission to read the file."
        ) from error
    with suppress(ValueError):
        head, epoch, *seeds = text.split()
        one, other = (bytes.fromhex(each) for each in seeds)
        if head == _HEAD and len(one) == len(other) == _SEED_BYTES:
            return EpochKeys(int(epoch), one, other)
    return None


def create_signing_keys_of_new_store(store: Path) -> EpochKeys | None:
    """Create the secret signing keys of a store that does not exist yet, for its first signing period, and return them.

    Existing keys are never replaced: if they are those of a first period, they are returned. Otherwise, and if the
    store exists already, return None. The file belongs to the owner of its folder. Raises StoreError if an existing
    file cannot be read, and OSError.
    """
    path = get_seal_key_path(store)
    if path_exists(store):
        return None
    keys = EpochKeys.generate_first_signing_keys(FIRST_EPOCH)
    try:
        _write_new_key_file(path, keys, path.parent)
    except FileExistsError:
        found = read_signing_keys_from_file(path)
        return found if found is not None and found.epoch == FIRST_EPOCH else None
    _sync_folder_to_disk(path.parent)
    return keys


def replace_signing_keys_in_file(path: Path, keys: EpochKeys, owner: Path) -> None:
    """Replace the secret signing keys in the file, and overwrite the old keys on the disk.

    The new file belongs to the user who owns the file `owner`. Raises OSError; the file then has either the old keys or
    the new ones.
    """
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    _write_new_key_file(new, keys, owner)
    try:
        old = path.open("r+b", buffering=0)
    except FileNotFoundError:
        new.replace(path)
        _sync_folder_to_disk(path.parent)
        return
    with old:
        new.replace(path)
        _sync_folder_to_disk(path.parent)  # first: the old keys must stay until the new ones are on the disk
        length = os.fstat(old.fileno()).st_size
        old.write(bytes(length))
        os.fsync(old.fileno())


def _write_new_key_file(path: Path, keys: EpochKeys, owner: Path) -> None:
    text = f"{_HEAD} {keys.epoch} {keys.seed.hex()} {keys.next_seed.hex()}\n".encode("ascii")
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if os.geteuid() == 0:
            found = owner.stat()
            os.fchown(descriptor, found.st_uid, found.st_gid)
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _sync_folder_to_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
