"""Known devices: browsers on which a user has signed in before, by a signed cookie (OWASP "device cookie").

Failed sign-ins of strangers do not lock a user on a known device. The signing key is new at each start of the process;
after that, a device is known again from its next sign-in on.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

DEVICE_COOKIE = "__Host-device"
DEVICE_SECONDS = 180 * 86_400
_MOST_COOKIE = 200


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device on which a user has signed in."""

    device: str  # a random id
    user: str  # a digest of the user's name


class KnownDevices:
    """Makes and checks the cookies of known devices."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def digest_user(self, name: str) -> str:
        """Return the digest of a user's name that cookies contain."""
        return hmac.new(self._key, f"user {name}".encode(), hashlib.sha256).hexdigest()[:32]

    def make_cookie(self, name: str) -> str:
        """Return a new cookie for a device on which this user has signed in."""
        text = f"{secrets.token_hex(16)}.{self.digest_user(name)}"
        return f"{text}.{self._sign(text)}"

    def read_cookie(self, cookie: str) -> KnownDevice | None:
        """Return the device of a cookie, or None if the cookie is not one of ours."""
        text, _, signature = cookie[:_MOST_COOKIE].rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(text).encode()):
            return None
        device, _, user = text.partition(".")
        return KnownDevice(device, user)

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, f"device {text}".encode(), hashlib.sha256).hexdigest()
