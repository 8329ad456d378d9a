"""Passkeys in the desk's file (the web pages' database): public keys and their signature counters.

Nobody can sign in with this data.
"""

from __future__ import annotations

from dataclasses import dataclass

from dialer.store.desk_file import DeskFile
from dialer.store.sql import Command, Query, Statements, get_fields_as_sql_parameters


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey on a person's device or security key. Times are epoch seconds."""

    credential: bytes  # its id
    name: str  # whose it is
    handle: bytes  # random: by which the device knows that person
    public_key: bytes  # COSE
    sign_count: int
    at: float  # of the registration
    used_at: float | None = None


class SQL(Statements):
    of_name = Query(Passkey)
    find = Query(Passkey)
    add = Command()
    use = Command()
    remove = Command()


class PasskeyRecords:
    """The passkeys of all people. Methods raise StoreError."""

    def __init__(self, file: DeskFile) -> None:
        self._db = file.db

    async def read_passkeys_of_person(self, name: str) -> list[Passkey]:
        """Return the passkeys of the person with this name, oldest first."""
        return await self._db.fetch_all_rows(SQL.of_name, name=name)

    async def find_passkey(self, credential: bytes) -> Passkey | None:
        """Return the passkey with this credential id, or None if there is none."""
        return await self._db.fetch_first_row(SQL.find, credential=credential)

    async def add_passkey(self, passkey: Passkey) -> bool:
        """Store a passkey, or return False if its id is taken."""
        return await self._db.run_statement(SQL.add, **get_fields_as_sql_parameters(passkey)) == 1

    async def record_passkey_use(self, passkey: Passkey, sign_count: int, at: float) -> bool:
        """Store that a person signed in with a passkey.

        Return False if, since the passkey was read, it was used for another sign-in or removed.
        """
        used = await self._db.run_statement(
            SQL.use, credential=passkey.credential, before=passkey.sign_count, sign_count=sign_count, at=at
        )
        return used == 1

    async def remove_passkey(self, name: str, credential: bytes) -> None:
        """Delete one of a person's passkeys."""
        await self._db.run_statement(SQL.remove, name=name, credential=credential)
