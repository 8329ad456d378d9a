"""How Asterisk shows that a FastAGI connection is its own. Pure.

FastAGI has no log-in, and an attempt's id is no secret: it stands in topics, reports and logs. So the rendered dialplan bears a
secret, made of the manager's, and sends with each connection a token of the desk that it asks, of its channel's unique id and of
its channel's name: `${SHA1(...)}`, which Asterisk computes itself. A token is good for that one channel and desk, nothing is kept
or sent with the Originate, and a call that outlives the dialler shows the same token to the next one.
"""

from __future__ import annotations

import hashlib

from pydantic import SecretStr

from dialer.settings.fields import derived_secret

MARK_VARIABLE = "MATDAN_AGI"
"""The global of the dialplan that tells which secret it bears, without telling it."""

_TOKEN_VERSION = "1"  # noqa: S105 - of what a token is made of


def agi_secret(manager_secret: str) -> str:
    """The dialplan's secret, 160 bits in hexadecimal digits, of the manager's (`ami.secret`)."""
    return derived_secret(SecretStr(manager_secret), "fastagi")


def agi_token(secret: str, entrance: str, unique_id: str, channel: str) -> str:
    """What the dialplan sends from a channel. The secret stands at both ends, so that no token can be lengthened."""
    text = "/".join((secret, entrance, unique_id, channel, secret))
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def agi_mark(secret: str) -> str:
    """What `MARK_VARIABLE` is where a dialplan bears this secret."""
    return f"{_TOKEN_VERSION}-{hashlib.sha256(secret.encode()).hexdigest()[:16]}"
