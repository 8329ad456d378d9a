"""nkeys, by which a centre and its headquarters know each other: their seeds in files, and the Ed25519 keys that they are.

A seed is base32 of two bytes that say what it is, the private key and a checksum; a public nkey is one byte, the public key and a
checksum (nats-io/nkeys, README).
"""

from __future__ import annotations

import base64
from pathlib import Path

from dialer.domain import signing
from dialer.domain.errors import HeadquartersUnreachable

_KEY_BYTES = 32


def read_seed(path: Path) -> str:
    """The seed of a user's nkey in a file. Raises HeadquartersUnreachable where there is none."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise HeadquartersUnreachable(f"{path} cannot be read as the seed of an nkey") from error
    if not text.startswith("SU"):
        raise HeadquartersUnreachable(f"{path} is no seed of a user's nkey, which begins with SU")
    return text


def private_key(path: Path) -> bytes:
    """The private key of the seed in a file. Raises HeadquartersUnreachable where there is none."""
    seed = read_seed(path)
    try:
        key = base64.b32decode(seed + "=" * (-len(seed) % 8))[2 : 2 + _KEY_BYTES]
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise HeadquartersUnreachable(f"{path} is no seed of a user's nkey: put back the file that headquarters gave")
    return key


def public_key(nkey: str) -> bytes:
    """The public key of a public nkey, which settings have held to its pattern."""
    return base64.b32decode(nkey)[1 : 1 + _KEY_BYTES]


def public_key_of_seed(path: Path) -> bytes:
    """The public key of the seed in a file. Raises HeadquartersUnreachable where there is none."""
    return signing.public_key(private_key(path))
