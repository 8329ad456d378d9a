"""Read the keys (nkeys) of centres and headquarters for nats-server, and convert them to Ed25519 keys.

A seed is base32 of a two-byte prefix, the private key and a checksum. A public nkey is base32 of a one-byte prefix, the
public key and a checksum (nats-io/nkeys, README).
"""

from __future__ import annotations

import base64
from pathlib import Path

from dialer.domain import signing
from dialer.domain.errors import HeadquartersUnreachable

_KEY_BYTES = 32


def read_nkey_seed(path: Path) -> str:
    """Return the seed of a NATS user's key (nkey) from a file. Raises HeadquartersUnreachable if the file has no seed."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise HeadquartersUnreachable(
            f"{path}: the file is not a key file of NATS (an nkey seed): restore the file that headquarters issued"
        ) from error
    if not text.startswith("SU"):
        raise HeadquartersUnreachable(
            f"{path}: the file has no key of a NATS user (an nkey seed, which starts with SU): restore the file "
            "that headquarters issued"
        )
    return text


def read_private_key(path: Path) -> bytes:
    """Return the Ed25519 private key that is in a NATS seed file. Raises HeadquartersUnreachable for a file without a
    seed.
    """
    seed = read_nkey_seed(path)
    try:
        key = base64.b32decode(seed + "=" * (-len(seed) % 8))[2 : 2 + _KEY_BYTES]
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise HeadquartersUnreachable(
            f"{path}: the file has no valid key of a NATS user (an nkey seed): restore the file that headquarters "
            "issued"
        )
    return key


def decode_public_key(nkey: str) -> bytes:
    """Return the Ed25519 public key of a public nkey (NATS key). Its format was checked when the settings were loaded."""
    return base64.b32decode(nkey)[1 : 1 + _KEY_BYTES]


def read_public_key(path: Path) -> bytes:
    """Return the Ed25519 public key of a NATS seed file. Raises HeadquartersUnreachable for a file without a seed."""
    return signing.derive_public_key(read_private_key(path))
