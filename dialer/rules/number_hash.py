"""Numbers as they may leave the centre: keyed hashes, which nobody can reverse or make without the secret. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

_BLOCK_BYTES = 64  # of SHA-256


def number_hash(secret: bytes, number: str) -> str:
    """Return the HMAC-SHA256 of an E.164 number under the centres' shared secret (64 hexadecimal digits).

    A plain hash would not protect: all numbers can be tried.
    """
    return number_hasher(secret)(number)


def number_hasher(secret: bytes) -> Callable[[str], str]:
    """Return `number_hash` for many numbers: RFC 2104 with the key's blocks hashed once."""
    key = secret if len(secret) <= _BLOCK_BYTES else hashlib.sha256(secret).digest()
    key = key.ljust(_BLOCK_BYTES, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key))
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key))

    def hashed(number: str) -> str:
        within, around = inner.copy(), outer.copy()
        within.update(number.encode("ascii"))
        around.update(within.digest())
        return around.hexdigest()

    return hashed


def fingerprint(secret: bytes) -> str:
    """Return a fingerprint that tells one secret from another, and nothing else."""
    return hashlib.sha256(b"matdan opt-outs " + secret).hexdigest()[:16]
