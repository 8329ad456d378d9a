"""Read-only database access for the uplink (the process that connects to headquarters), while the dialler is running."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dialer.domain.errors import StoreError
from dialer.store import identity, number_hashes, outbox, peer_updates, roll
from dialer.store.async_connection import AsyncConnection
from dialer.store.identity import StoreIdentity
from dialer.store.keys import StoreKey
from dialer.store.outbox import OutboxRow
from dialer.store.peer_updates import PeerStreamPosition


@dataclass(frozen=True, slots=True)
class StoredRolls:
    """The constituencies on a store's electoral rolls, the newest voter's id, and a version of the numbers' hashes.

    The version is a text that changes whenever the hashes of the phone numbers change.
    """

    constituencies: tuple[tuple[str, int], ...]  # state and number
    last_voter: int  # the highest id
    number_hashes: str = ""  # changes with the numbers and with the secrets that they are hashed with


@dataclass(frozen=True, slots=True)
class LowestHashes:
    """The lowest hashes of the phone numbers on the electoral roll.

    By such samples headquarters finds numbers that two centres have. `fingerprint` identifies the secret of the hashes
    ('' = there is none).
    """

    fingerprint: str
    hashes: tuple[str, ...]


class UplinkReader:
    """Read-only access to the store for the uplink (the process that connects to headquarters). Methods raise
    StoreError.
    """

    def __init__(self, db: AsyncConnection, path: Path) -> None:
        """Wrap a reading connection to the store at `path`. Callers use `open`."""
        self._db = db
        self._path = path
        self._file = path.stat()

    @classmethod
    async def open(cls, path: Path, key: StoreKey | None) -> Self:
        """Open the store. Raises StoreError, StoreCorrupt."""
        return cls(await AsyncConnection.connect_to_store_for_reading(path, key), path)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connection."""
        await self.close()

    def refuse_replaced_store(self) -> None:
        """Raise StoreError if the store's file was replaced, for example by a restore, since it was opened."""
        try:
            is_same = os.path.samestat(self._path.stat(), self._file)
        except OSError:
            is_same = False
        if not is_same:
            raise StoreError(f"{self._path}: the store was replaced while the uplink used it: start the uplink again")

    async def read_last_outbox_id_at_headquarters(self) -> int | None:
        """Return the id of the last MQTT message that headquarters has, or None if the settings name no headquarters."""
        return await self._db.fetch_first_value(outbox.SQL.passed_by, name="uplink")

    async def read_highest_outbox_id(self) -> int:
        """Return the highest id that the store has given to an MQTT message to be sent (outbox)."""
        return await self._db.fetch_first_value(outbox.SQL.highest_id) or 0

    async def read_store_identity(self) -> StoreIdentity:
        """Return the ids by which headquarters recognises this store."""
        return await self._db.fetch_first_row(identity.SQL.identity) or StoreIdentity(
            identity.NO_INCARNATION, None, 0, ""
        )

    async def read_outbox_rows_after(self, passed: int, limit: int) -> Sequence[OutboxRow]:
        """Return up to `limit` MQTT messages that wait for headquarters, with ids above `passed`, oldest first."""
        return await self._db.fetch_all_rows(outbox.SQL.rows_after, outbox_id=passed, limit=limit)

    async def read_position_in_peer_stream(self, stream: str) -> PeerStreamPosition:
        """Return up to which position this store has stored other centres' updates from a stream of headquarters."""
        return await self._db.fetch_first_row(peer_updates.SQL.position, stream=stream) or PeerStreamPosition()

    async def read_stored_rolls(self) -> StoredRolls:
        """Return the constituencies on the electoral rolls in the store, the newest voter's id, and a version of the
        number hashes.

        The version changes with the phone numbers and the secrets. Updates of other centres are needed only for voters
        on these rolls. Slow, because it reads all booths.
        """
        constituencies = await self._db.fetch_all_rows(peer_updates.SQL.constituencies)
        places = tuple((row.state_code, row.constituency_number) for row in constituencies)
        hashes = await self._db.fetch_first_value(number_hashes.SQL.roll_state) or ""
        return StoredRolls(places, await self._db.fetch_first_value(roll.SQL.last_voter) or 0, hashes)

    async def select_hashes_of_numbers_on_roll(self, hashes: Collection[str]) -> set[str]:
        """Return which of the given hashes belong to phone numbers on this centre's electoral roll."""
        found = await self._db.fetch_all_rows(number_hashes.SQL.known_hashes, hashes=json.dumps([*hashes]))
        return {row.number_hash for row in found}

    async def read_sample_of_number_hashes(self, limit: int) -> LowestHashes:
        """Return the `limit` lowest hashes of the phone numbers on the electoral roll, sorted, and the fingerprint of
        their secret.

        Headquarters compares such samples to find numbers that two centres have. The secret is the one with which this
        centre announces its own opt-outs.
        """
        fingerprint = await self._db.fetch_first_value(number_hashes.SQL.announcing_fingerprint) or ""
        found = await self._db.fetch_all_rows(number_hashes.SQL.lowest_hashes, limit=limit)
        return LowestHashes(fingerprint, tuple(row.number_hash for row in found))

    async def close(self) -> None:
        """Close the connection."""
        await self._db.close()
