"""Who there is at the desk, and with which role: those of the settings, and the users of the store as they are now.

The dialler judges each command by its own table; this one says who may open a page. A change is seen within a second, and at once
where it was made here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog

from dialer.domain.errors import StoreError
from dialer.settings.supervision import Supervisor
from dialer.store.users import StoredUser

_log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0


async def _nobody() -> list[StoredUser]:
    return []


class Directory:
    """The people of the pages, by name."""

    def __init__(
        self, supervisors: Iterable[Supervisor], read: Callable[[], Awaitable[Sequence[StoredUser]]] = _nobody
    ) -> None:
        """`read` gives the users that are kept; it is called once at a time."""
        self._read = read
        self._kept: dict[str, StoredUser] = {}
        self._was_read = False
        self._turn = asyncio.Lock()
        self._changed: set[str] = set()
        self._fixed: dict[str, StoredUser] = {}
        self.use(supervisors)
        self._changed.clear()

    def use(self, supervisors: Iterable[Supervisor]) -> None:
        """These are the settings' from now on; whose rights that changes is told."""
        before = self._fixed
        self._fixed = {each.name: StoredUser(each.name, each.role.value, 0.0, 0.0) for each in supervisors}
        self._changed |= {name for name in before.keys() | self._fixed if before.get(name) != self._fixed.get(name)}

    def find(self, name: str) -> StoredUser | None:
        """That one; None: nobody is called so."""
        return self._fixed.get(name) or self._kept.get(name)

    def names(self) -> list[str]:
        """Everybody's."""
        return sorted({*self._fixed, *self._kept})

    def is_fixed(self, name: str) -> bool:
        """Whether the settings have that name, so that nothing here changes it."""
        return name in self._fixed

    async def refresh(self) -> None:
        """Read the store's users again. Raises StoreError."""
        async with self._turn:
            found = {each.name: each for each in await self._read()}
        if self._was_read:  # else nobody is known to have been anything before
            self._changed |= {
                name for name in self._kept.keys() | found.keys() if self._kept.get(name) != found.get(name)
            }
        self._kept, self._was_read = found, True

    async def run(self, told: Callable[[str], Awaitable[None]]) -> None:
        """Keep it true until cancelled: `look` each second."""
        while True:
            await self.tried(told)
            await asyncio.sleep(LOOK_SECONDS)

    async def tried(self, told: Callable[[str], Awaitable[None]]) -> None:
        """`look`. Where the store cannot be read now all stays as it was: the dialler refuses what is not so any more."""
        try:
            await self.look(told)
        except StoreError as error:
            _log.warning("desk.users-not-read", problem=str(error))

    async def look(self, told: Callable[[str], Awaitable[None]]) -> None:
        """Read the store's users again, and tell of each whose rights have changed and who was not told of yet, one after another.
        What `told` cannot keep now, by a StoreError, is told again. Raises StoreError where the users cannot be read.
        """
        await self.refresh()
        for name in sorted(self._changed):
            self._changed.discard(name)
            try:
                await told(name)
            except StoreError as error:
                self._changed.add(name)
                _log.warning("desk.rights-not-kept", user=name, problem=str(error))
