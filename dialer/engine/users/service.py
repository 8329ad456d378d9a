"""The users in the store, who may give commands in addition to the supervisors in the settings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

from dialer.domain.clock import Clock
from dialer.domain.enums import SupervisorRole
from dialer.domain.errors import CommandRefused, NotInStore
from dialer.domain.model import Receipt
from dialer.store.audit import AuditNote
from dialer.store.store import Store

MAX_USERS = 500
_IN_SETTINGS = "of-the-settings"


class Users:
    """The users in the store, who may give commands. A change takes effect when it is committed and read back."""

    def __init__(self, store: Store, clock: Clock, fixed_names: Callable[[], Collection[str]]) -> None:
        """Create an empty table of the users in the store.

        `fixed_names` returns the names of the users in the settings file. No command can change their roles.
        """
        self._store = store
        self._clock = clock
        self._fixed_names = fixed_names
        self._roles: dict[str, SupervisorRole] = {}
        self.roles: Mapping[str, SupervisorRole] = MappingProxyType(self._roles)
        """The current role of each user, by name."""

    async def load_users(self) -> None:
        """Load the users from the store, and delete those whose names are now in the settings. Otherwise such a user
        would get an old role back when the name is removed from the settings. Raises StoreError.
        """
        await self._reload_users()
        for name in sorted(self._roles.keys() & set(self._fixed_names())):
            await self._store.remove_user(name, AuditNote("dialler", self._clock.now(), {"why": _IN_SETTINGS}))
            del self._roles[name]

    async def add_or_change_user(self, user: str, role: SupervisorRole, sender: str, receipt: Receipt | None) -> None:
        """Add a user, or change a user's role. Raises CommandRefused, StoreError."""
        self._refuse_protected_user(user, sender)
        if user not in self._roles and len(self._roles) >= MAX_USERS:
            raise CommandRefused(f"the limit of {MAX_USERS} users is reached: remove a user first")
        try:
            await self._store.add_or_change_user(user, role, self._create_audit_note_about_user(sender), receipt)
        finally:
            await self._reload_users()

    async def remove_user(self, user: str, sender: str, receipt: Receipt | None) -> None:
        """Remove a user. Raises CommandRefused, StoreError."""
        self._refuse_protected_user(user, sender)
        try:
            await self._store.remove_user(user, self._create_audit_note_about_user(sender), receipt)
        except NotInStore as error:
            raise CommandRefused(str(error)) from error
        finally:
            await self._reload_users()

    async def add_password_reset_to_audit_log(self, user: str, sender: str) -> str:
        """Record in the audit that a user gets a one-time password. Raises CommandRefused, StoreError."""
        self._refuse_protected_user(user, sender)
        if user not in self._roles:
            raise CommandRefused(f"the user {user} is unknown: add this user first")
        await self._store.append_audit_entry("user-password", sender, {"user": user}, self._clock.now())
        return f"the one-time password of {user} is recorded in the audit"

    def _refuse_protected_user(self, user: str, sender: str) -> None:
        if user in self._fixed_names():
            raise CommandRefused(
                f"the user {user} is in the settings, which commands cannot change: edit [[supervisors]] in the"
                " settings"
            )
        if user == sender:
            raise CommandRefused("nobody can change their own role: ask another supervisor")

    def _create_audit_note_about_user(self, sender: str) -> AuditNote:
        return AuditNote(sender, self._clock.now(), {})

    async def _reload_users(self) -> None:
        """Reload the users from the store. Call this also after a commit that reported an error, because the change may
        be stored in spite of the error.
        """
        found = {each.name: SupervisorRole(each.role) for each in await self._store.read_users()}
        self._roles.clear()
        self._roles.update(found)
