"""The token by which the dialler recognises that a FastAGI connection comes from Asterisk.

FastAGI has no login, and an attempt's ID is not secret. So the rendered dialplan contains a secret, derived from the
manager's secret (`ami.secret`). With each connection Asterisk sends a token: the SHA-1 (`${SHA1(...)}`) of the secret,
the handler's path, and the channel's unique ID and name. The token is valid for this channel and handler only. It stays
valid if the dialler restarts during a call.
"""

from __future__ import annotations

import hashlib
from typing import Final

from pydantic import SecretStr

from dialer.settings.fields import derive_secret_for_purpose

FINGERPRINT_VARIABLE: Final = "MATDAN_AGI"
"""The global variable of the dialplan that identifies its secret without revealing it."""

_DIALPLAN_VERSION: Final = "3"  # raise it with each extension or variable that the dialler newly needs


def derive_agi_secret(manager_secret: str) -> str:
    """Return the secret from which Asterisk's dialplan computes FastAGI tokens: 160 bits, hexadecimal.

    It is derived from the manager's secret (`ami.secret`).
    """
    return derive_secret_for_purpose(SecretStr(manager_secret), "fastagi")


def compute_agi_token(secret: str, path: str, unique_id: str, channel: str) -> str:
    """Return the token that Asterisk sends when a channel requests the handler at `path`.

    The secret is at both ends of the hashed text, which prevents length-extension attacks.
    """
    text = "/".join((secret, path, unique_id, channel, secret))
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def compute_dialplan_fingerprint(secret: str) -> str:
    """Return the fingerprint of a dialplan that was rendered with this secret.

    The dialplan contains the fingerprint in FINGERPRINT_VARIABLE. With it the dialler recognises an outdated dialplan.
    """
    return f"{_DIALPLAN_VERSION}-{hashlib.sha256(secret.encode()).hexdigest()[:16]}"
