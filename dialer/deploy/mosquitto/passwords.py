"""Hashes of broker users' passwords in the format of Mosquitto: PBKDF2 with SHA-512."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

_ITERATIONS = 10_000  # for broker.password, which a person chooses; generated passwords are strong without iterations


def hash_password(password: str, salt: bytes | None = None, iterations: int = _ITERATIONS) -> str:
    """Return the hash of a password in Mosquitto's format. The salt is random by default."""
    salt = salt or secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
    return f"$7${iterations}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def is_hash_of_password(hashed: str, password: str) -> bool:
    """Return whether a hash in Mosquitto's format was made from the password."""
    try:
        _, kind, iterations, salt, _ = hashed.split("$")
        return kind == "7" and hmac.compare_digest(
            hashed, hash_password(password, base64.b64decode(salt, validate=True), int(iterations))
        )
    except (ValueError, binascii.Error):
        return False
