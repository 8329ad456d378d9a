"""Who may give commands beside those of the settings, as the store has them: in the engine, and for the command line where no
dialler runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

from dialer.domain.clock import Clock
from dialer.domain.enums import SupervisorRole
from dialer.domain.errors import CommandRefused, NotInStore
from dialer.domain.model import Receipt
from dialer.store.port import AuditNote
from dialer.store.sqlite import Store

MOST_USERS = 500
_TAKEN_OVER = "of-the-settings"


class Users:
    """The table of users. What it says holds once a change is on disk and has been read again."""

    def __init__(self, store: Store, clock: Clock, fixed: Callable[[], Collection[str]]) -> None:
        """`fixed` gives the names of the settings, whose rights nothing here can change."""
        self._store = store
        self._clock = clock
        self._fixed = fixed
        self._roles: dict[str, SupervisorRole] = {}
        self.roles: Mapping[str, SupervisorRole] = MappingProxyType(self._roles)
        """Who may what now."""

    async def prepare(self) -> None:
        """Read who there is; names that the settings have by now go, or would come back with old rights. Raises StoreError."""
        await self._read()
        for name in sorted(self._roles.keys() & set(self._fixed())):
            await self._store.remove_user(name, AuditNote("dialler", self._clock.now(), {"why": _TAKEN_OVER}))
            del self._roles[name]

    async def set(self, user: str, role: SupervisorRole, sender: str, receipt: Receipt | None) -> None:
        """Add a user, or give one another role. Raises CommandRefused, StoreError."""
        self._refuse(user, sender)
        if user not in self._roles and len(self._roles) >= MOST_USERS:
            raise CommandRefused(f"there are {MOST_USERS} users, and no more can be: remove some first")
        try:
            await self._store.set_user(user, role, self._note(sender), receipt)
        finally:
            await self._read()

    async def remove(self, user: str, sender: str, receipt: Receipt | None) -> None:
        """Remove a user. Raises CommandRefused, StoreError."""
        self._refuse(user, sender)
        try:
            await self._store.remove_user(user, self._note(sender), receipt)
        except NotInStore as error:
            raise CommandRefused(str(error)) from error
        finally:
            await self._read()

    async def note_password(self, user: str, sender: str) -> str:
        """Keep in the audit that a user is given a one-time password. Raises CommandRefused, StoreError."""
        self._refuse(user, sender)
        if user not in self._roles:
            raise CommandRefused(f"there is no user {user}")
        await self._store.append_audit("user-password", sender, {"user": user}, self._clock.now())
        return f"that {user} is given a password is in the audit"

    def _refuse(self, user: str, sender: str) -> None:
        if user in self._fixed():
            raise CommandRefused(f"{user} stands in the settings ([[supervisors]]), which no command changes")
        if user == sender:
            raise CommandRefused("nobody changes their own rights: another supervisor can")

    def _note(self, sender: str) -> AuditNote:
        return AuditNote(sender, self._clock.now(), {})

    async def _read(self) -> None:
        """As the store has them, also where a commit's own answer was lost."""
        found = {each.name: SupervisorRole(each.role) for each in await self._store.kept_users()}
        self._roles.clear()
        self._roles.update(found)
