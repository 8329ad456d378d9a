"""Accounts of users of headquarters' pages, each with a role and a zone (group of centres).

Passwords and passkeys are not in headquarters' database, but in a file of the page server (`dialer.store.desk_file`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from dialer.domain.enums import HqRole
from dialer.domain.errors import CommandRefused
from dialer.hq.page_database import PageDatabase
from dialer.hq.rights import HqAction, are_centres_in_user_zone, can_user_see_zone, list_roles_that_allow_action
from dialer.hq.sql import Command, Query
from dialer.settings.headquarters import HqSettings
from dialer.store.sql import Statements
from dialer.store.users import StoredUser

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_MAX_DIGITS = 6  # with more, a name may be a phone number


class StoredAccount(NamedTuple):
    """A user's account as the database stores it. Times are epoch seconds."""

    name: str
    role: str
    zone: str  # "": all zones
    added_at: float
    changed_at: float


class SQL(Statements):
    accounts = Query(StoredAccount)
    set_account = Command()
    remove_account = Command()


class Accounts:
    """All accounts of headquarters' pages, as `read_accounts` last read them from the database."""

    def __init__(self, db: PageDatabase, settings: HqSettings) -> None:
        self._db = db
        self.zone_of_centre = {each.id: each.zone for each in settings.centres}
        self.zone_of: dict[str, str] = {}
        """The zone that each account sees; "" is all zones."""
        self.role_of: dict[str, str] = {}

    async def read_accounts(self) -> list[StoredUser]:
        """Read and return all accounts. Raises StoreError."""
        async with self._db.open_transaction() as db:
            accounts = await SQL.accounts.fetch_rows(db)
        self.zone_of = {each.name: each.zone for each in accounts}
        self.role_of = {each.name: each.role for each in accounts}
        return [StoredUser(each.name, each.role, each.added_at, each.changed_at) for each in accounts]

    def can_user_see_zone(self, name: str, zone: str) -> bool:
        """Return whether an account of this name exists and may see the zone (a group of centres)."""
        return name in self.zone_of and can_user_see_zone(self.zone_of[name], zone)

    def are_centres_in_zone_of_user(self, name: str, to: str) -> bool:
        """Return whether all centres at the address `to` belong to the zone of a user's account.

        `to` is "all", "zone:NAME" or "centre:ID".
        """
        return name in self.zone_of and are_centres_in_user_zone(self.zone_of[name], to, self.zone_of_centre)

    def list_possible_incident_owners(self, zone: str) -> list[str]:
        """Return the names of the accounts that an incident in the zone may be assigned to."""
        roles = list_roles_that_allow_action(HqAction.MANAGE_INCIDENTS)
        return sorted(
            name for name, role in self.role_of.items() if role in roles and self.can_user_see_zone(name, zone)
        )

    def require_existing_account(self, name: str) -> None:
        """Raise CommandRefused if there is no account of this name."""
        if name not in self.role_of:
            raise CommandRefused(f"there is no account {name}: see `dialer hq user list`")

    async def save_account(self, name: str, role: str, zone: str, who: str) -> None:
        """Add an account, or change the role and zone of an existing account. Raises CommandRefused, StoreError."""
        if not _NAME.fullmatch(name):
            raise CommandRefused(
                f"the user name {name!r} is not valid: use 1 to 32 lower-case letters, digits and hyphens"
            )
        if sum(letter.isdigit() for letter in name) > _MAX_DIGITS:
            raise CommandRefused(
                f"the user name {name} has so many digits that it may be a phone number; choose another name"
            )
        zones = sorted({*self.zone_of_centre.values()})
        if zone and zone not in zones:
            raise CommandRefused(
                f"the zone {zone} is unknown: the zones in the settings are {', '.join(zones) or 'none'}"
            )
        if role not in frozenset(HqRole):
            raise CommandRefused(f"the role {role} is unknown: use one of {', '.join(HqRole)}")
        if role == HqRole.ZONE and not zone:
            raise CommandRefused("--zone is missing: the role `zone` needs the zone whose centres the user sees")
        async with self._db.open_transaction() as db:
            await SQL.set_account.run_statement(db, name, role, zone, self._db.clock.now())
            await self._db.append_audit_entry(db, "account-set", who, {"account": name, "role": role, "zone": zone})

    async def remove_account(self, name: str, who: str) -> None:
        """Remove an account. Raises CommandRefused, StoreError."""
        async with self._db.open_transaction() as db:
            self.require_existing_account(name)
            await SQL.remove_account.run_statement(db, name)
            await self._db.append_audit_entry(db, "account-removed", who, {"account": name})
