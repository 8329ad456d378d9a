"""Known devices: browsers on which users have signed in before, by a signed cookie (OWASP "device cookie").

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
MAX_USERS = 8
"""Users of a device that its cookie names; the one who has not signed in for longest is forgotten first."""
_MOST_COOKIE = 400


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device on which users have signed in."""

    device: str  # a random id
    users: tuple[str, ...]  # digests of the users' names, the latest first


class KnownDevices:
    """Makes and checks the cookies of known devices."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def is_device_of_user(self, device: KnownDevice | None, name: str) -> bool:
        """Return whether this user has signed in on a device before."""
        return device is not None and self._compute_keyed_digest(f"user {name}") in device.users

    def make_device_cookie(self, name: str, device: KnownDevice | None = None) -> str:
        """Return the new cookie of a device on which this user has signed in. `device` is the content of its old cookie.

        The device keeps its id, so that signing in does not reset the failed sign-ins of other users on this device.
        """
        user = self._compute_keyed_digest(f"user {name}")
        earlier = () if device is None else device.users
        users = [user, *(each for each in earlier if each != user)][:MAX_USERS]
        text = ".".join([secrets.token_hex(16) if device is None else device.device, *users])
        return f"{text}.{self._compute_keyed_digest(f'device {text}')}"

    def read_device_cookie(self, cookie: str) -> KnownDevice | None:
        """Return the device of a cookie, or None if the cookie is not one of ours."""
        text, _, signature = cookie[:_MOST_COOKIE].rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._compute_keyed_digest(f"device {text}").encode()):
            return None
        device, *users = text.split(".")
        return KnownDevice(device, tuple(users))

    def compute_digest_of_address(self, address: str) -> str:
        """Return an id of a network address that does not reveal the address."""
        return self._compute_keyed_digest(f"address {address}")

    def _compute_keyed_digest(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:32]
