"""A number as it may leave the centre: a keyed hash, which nobody without the secret can turn back or make. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


def number_hash(secret: bytes, number: str) -> str:
    """HMAC-SHA256 of an E.164 number under the centres' shared secret, 64 hexadecimal digits.

    A plain hash would do nothing: there are so few numbers that all can be tried.
    """
    return hmac.new(secret, number.encode("ascii"), hashlib.sha256).hexdigest()


def is_number_hash(text: object) -> bool:
    """Whether this has the form of one."""
    return isinstance(text, str) and _HASH.fullmatch(text) is not None


def fingerprint(secret: bytes) -> str:
    """Tells one secret from another, and nothing else of it."""
    return hashlib.sha256(b"matdan opt-outs " + secret).hexdigest()[:16]
