"""Known devices: browsers on which users have signed in before. They are stored in the desk's file (the web pages'
database).

Of a device's cookie only a hash is stored.
"""

from __future__ import annotations

from typing import NamedTuple

from dialer.store.desk_file import DeskFile
from dialer.store.sql import Command, Query, Statements


class DeviceUser(NamedTuple):
    """A user who has signed in on a device."""

    user: str


class SQL(Statements):
    users_of_device = Query(DeviceUser)
    save_sign_in_on_device = Command()
    delete_old_devices = Command()
    delete_oldest_devices_of_user = Command()


class KnownDeviceRecords:
    """The known devices of all users. Methods raise StoreError."""

    def __init__(self, file: DeskFile) -> None:
        self._db = file.db

    async def read_users_signed_in_on_device(self, digest: str, *, since: float) -> list[str]:
        """Return the users who have signed in on a device (browser) since a time (epoch seconds). `digest` is the hash
        of the device's cookie.
        """
        return [row.user for row in await self._db.fetch_all_rows(SQL.users_of_device, digest=digest, since=since)]

    async def save_sign_in_on_device(
        self, digest: str, user: str, at: float, *, forget_before: float, max_devices_of_user: int
    ) -> None:
        """Store that a user has signed in on a device (browser), and delete old devices. Times are epoch seconds.

        Old devices are those without a sign-in since `forget_before`, and those of the user beyond the newest
        `max_devices_of_user`. `digest` is the hash of the device's cookie.
        """
        async with self._db.open_transaction() as db:
            await db.run_statement(SQL.delete_old_devices, before=forget_before)
            await db.run_statement(SQL.save_sign_in_on_device, digest=digest, user=user, at=at)
            await db.run_statement(SQL.delete_oldest_devices_of_user, user=user, count=max_devices_of_user)
