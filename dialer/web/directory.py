"""The users of the web pages and their roles, from the settings and from the store.

The pages use this directory to decide who may open a page. The dialler checks the rights for commands by itself.
Changes in the store are noticed within a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog

from dialer.domain.errors import StoreError
from dialer.settings.supervision import Supervisor
from dialer.store.users import StoredUser

_log = structlog.get_logger(__name__)

READ_SECONDS = 1.0


async def _return_no_stored_users() -> list[StoredUser]:
    return []


class Directory:
    """All users of the web pages by name, with their roles."""

    def __init__(
        self,
        supervisors: Iterable[Supervisor],
        read: Callable[[], Awaitable[Sequence[StoredUser]]] = _return_no_stored_users,
    ) -> None:
        """Create a directory that reads the store's users with `read`. Calls of `read` never overlap."""
        self._read = read
        self._stored: dict[str, StoredUser] = {}
        self._was_read = False
        self._reading = asyncio.Lock()
        self._changed: set[str] = set()
        self._in_settings: dict[str, StoredUser] = {}
        self.replace_users_from_settings(supervisors)
        self._changed.clear()

    def replace_users_from_settings(self, supervisors: Iterable[Supervisor]) -> None:
        """Replace the users from the settings after the settings have changed.

        The next call of `report_changed_user_rights` also reports the users whose rights this has changed.
        """
        before = self._in_settings
        self._in_settings = {each.name: StoredUser(each.name, each.role.value, 0.0, 0.0) for each in supervisors}
        self._changed |= {
            name for name in before.keys() | self._in_settings if before.get(name) != self._in_settings.get(name)
        }

    def find_user_by_name(self, name: str) -> StoredUser | None:
        """Return a user, or None if nobody has this name."""
        return self._in_settings.get(name) or self._stored.get(name)

    def list_user_names(self) -> list[str]:
        """Return the names of all users of the pages, sorted."""
        return sorted({*self._in_settings, *self._stored})

    def is_user_defined_in_settings(self, name: str) -> bool:
        """Return whether a user is defined in the settings, so that the pages cannot change the user."""
        return name in self._in_settings

    async def reread_stored_users(self) -> None:
        """Read the users in the store again. Raises StoreError if they cannot be read."""
        async with self._reading:
            found = {each.name: each for each in await self._read()}
        if self._was_read:  # the first reading is not a change
            self._changed |= {
                name for name in self._stored.keys() | found.keys() if self._stored.get(name) != found.get(name)
            }
        self._stored, self._was_read = found, True

    async def report_changed_rights_until_cancelled(self, on_change: Callable[[str], Awaitable[None]]) -> None:
        """Check every second which users' rights have changed, and report these users, until cancelled."""
        while True:
            await self.report_changed_rights_or_log_error(on_change)
            await asyncio.sleep(READ_SECONDS)

    async def report_changed_rights_or_log_error(self, on_change: Callable[[str], Awaitable[None]]) -> None:
        """Report users whose rights have changed.

        If the store cannot be read, log this and keep the users that were read before.
        """
        try:
            await self.report_changed_user_rights(on_change)
        except StoreError as error:
            _log.warning("users.read_failed", problem=str(error))

    async def report_changed_user_rights(self, on_change: Callable[[str], Awaitable[None]]) -> None:
        """Read the store's users, and call `on_change` with the name of each user whose rights have changed.

        If `on_change` raises StoreError, the user is reported again next time. Raises StoreError if the users cannot be
        read.
        """
        await self.reread_stored_users()
        for name in sorted(self._changed):
            self._changed.discard(name)
            try:
                await on_change(name)
            except StoreError as error:
                self._changed.add(name)
                _log.warning("users.rights_update_failed", user=name, problem=str(error))
