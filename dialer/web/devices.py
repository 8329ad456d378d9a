"""Browsers on which users have signed in before, recognised by a random cookie (OWASP "device cookie").

Failed sign-ins from unknown devices do not lock a user out on a known device. Only a hash of each cookie is stored.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import structlog

from dialer.domain.clock import Clock
from dialer.domain.errors import StoreError
from dialer.store.known_devices import KnownDeviceRecords

_log = structlog.get_logger(__name__)

DEVICE_COOKIE = "__Host-device"
DEVICE_SECONDS = 180 * 86_400
"""How long a user who does not sign in on a device again stays known on it."""
MAX_DEVICES_OF_USER = 100
"""Known devices of a user; the one not used for longest is forgotten first."""
_COOKIE_BYTES, _COOKIE_LETTERS = 32, 43


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device on which users have signed in."""

    device: str  # an id that does not reveal the cookie
    users: frozenset[str]


class KnownDevices:
    """The browsers on which users have signed in before, recognised by a cookie."""

    def __init__(self, records: KnownDeviceRecords, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._key = secrets.token_bytes(32)

    async def find_device_of_cookie(self, cookie: str) -> KnownDevice | None:
        """Return the device that has this cookie, or None if no known device has it.

        A device is unknown if the last sign-in on it was too long ago. The result is also None if the database cannot
        be read.
        """
        if len(cookie) != _COOKIE_LETTERS:
            return None
        digest = _compute_digest_of_cookie(cookie)
        try:
            users = await self._records.read_users_signed_in_on_device(digest, since=self._clock.now() - DEVICE_SECONDS)
        except StoreError as error:
            _log.warning("device.read_failed", problem=str(error))
            return None
        return KnownDevice(digest[:32], frozenset(users)) if users else None

    async def remember_user_on_device(self, name: str, known_cookie: str | None) -> str:
        """Store that a user has signed in on a device, and return the device's cookie.

        A known device keeps its cookie. A new cookie would reset other users' counts of failed sign-ins on this device.
        """
        cookie = secrets.token_urlsafe(_COOKIE_BYTES) if known_cookie is None else known_cookie
        now = self._clock.now()
        try:
            await self._records.save_sign_in_on_device(
                _compute_digest_of_cookie(cookie),
                name,
                now,
                forget_before=now - DEVICE_SECONDS,
                max_devices_of_user=MAX_DEVICES_OF_USER,
            )
        except StoreError as error:  # the user has signed in, and the device is known from the next sign-in on
            _log.warning("device.write_failed", problem=str(error))
        return cookie

    def compute_digest_of_address(self, address: str) -> str:
        """Return an id of a network address that does not reveal the address."""
        return hmac.new(self._key, f"address {address}".encode(), hashlib.sha256).hexdigest()[:32]


def is_device_of_user(device: KnownDevice | None, name: str) -> bool:
    """Return whether this user has signed in on a device before."""
    return device is not None and name in device.users


def _compute_digest_of_cookie(cookie: str) -> str:
    """Return the digest of a device's cookie. The digest is stored in place of the cookie. Because a cookie is random,
    a fast hash is safe.
    """
    return hashlib.sha256(cookie.encode("utf-8", "replace")).hexdigest()
