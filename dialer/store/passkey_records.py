"""Passkeys in the desk's own file: public keys, and how often each has signed. Nothing here lets anybody in."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.store.desk_file import DeskFile
from dialer.store.sql import load_statements, values_of

SQL = load_statements("passkey_records")


@dataclass(frozen=True, slots=True)
class Passkey:
    """A key that somebody's device or security key keeps."""

    credential: bytes  # its id
    name: str  # whose
    handle: bytes  # random: by what the device knows that one
    public_key: bytes  # COSE
    sign_count: int
    at: float  # epoch seconds: of the registration
    used_at: float | None = None


class PasskeyRecords:
    """Those of everybody."""

    def __init__(self, file: DeskFile) -> None:
        self._file = file

    async def of_name(self, name: str) -> list[Passkey]:
        """Somebody's, the oldest first."""
        return await self._file.run(lambda db: SQL["of_name"].all(db, Passkey, name=name))

    async def find(self, credential: bytes) -> Passkey | None:
        """By its id; None: there is none."""
        return await self._file.run(lambda db: SQL["find"].one(db, Passkey, credential=credential))

    async def add(self, passkey: Passkey) -> bool:
        """Keep one; False: its id is taken."""
        return await self._file.run(lambda db: SQL["add"](db, **values_of(passkey)).rowcount == 1)

    async def use(self, passkey: Passkey, sign_count: int, at: float) -> bool:
        """It has signed once more; False: it has meanwhile, or is gone."""
        bound = {"credential": passkey.credential, "before": passkey.sign_count, "sign_count": sign_count, "at": at}
        return await self._file.run(lambda db: SQL["use"](db, **bound).rowcount == 1)

    async def remove(self, name: str, credential: bytes) -> None:
        """Somebody's own is one no more."""
        await self._file.run(lambda db: SQL["remove"](db, name=name, credential=credential))
