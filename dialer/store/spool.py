"""The spool: a folder next to the store with uploads that wait for import by the dialler: rolls and lists of numbers.

MQTT commands must not contain phone numbers, so they name a file of the spool. Each file is a small store with the same
key.
"""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dialer.domain.errors import NotInStore, StoreError
from dialer.settings.site_time import DAY_SECONDS
from dialer.store import roll
from dialer.store.connection import Reader, open_store_exclusively, open_store_for_reading, open_store_snapshot
from dialer.store.keys import StoreKey, format_key_as_sql_literal
from dialer.store.roll import StoredBooth, VoterDetails
from dialer.store.spooled_files import read_encrypted_copy, store_encrypted_copy
from dialer.store.sql import Command, Query, Scalar, Statements, open_transaction
from dialer.store.sqlite_errors import translate_sqlite_errors

MOST_NUMBERS = 2_000
"""The most numbers under one id."""
CLEANING_SECONDS = 3_600.0
"""Time between two deletions of old items by the desk."""
SPOOL_SECONDS = DAY_SECONDS - CLEANING_SECONDS
"""Items older than this are deleted, for they contain names and numbers: none stays longer than a day."""


class SpooledVoter(NamedTuple):
    """A voter of an uploaded electoral roll that the dialler has not imported yet, with the voter's phone numbers."""

    voter_id: int  # in the spool, for the order
    booth_id: int  # in the spool
    serial: int
    details: VoterDetails
    numbers: tuple[str, ...]  # E.164


@dataclass(frozen=True, slots=True)
class SpooledRoll:
    """An uploaded electoral roll that waits for import (spool): where it comes from, and its counts of rows and
    voters.
    """

    file_name: str
    sha256: str
    rows: int
    rejected: int
    voters: int
    source: str  # the portal that it comes from; "": a person sent it
    mapping: str  # SHA-256 of the map file; "": there was none


@dataclass(frozen=True, slots=True)
class RollComparison:
    """How many voters and numbers of the store would change if an uploaded electoral roll were imported."""

    unchanged: int  # voters about whom the roll says nothing new
    numbers: int  # that the store does not have
    links: int  # likewise
    opted_out: int


class VoterRow(NamedTuple):
    """A voter of an uploaded electoral roll that waits for import. The fields after `serial` are those of `VoterDetails`."""

    voter_id: int
    booth_id: int
    serial: int
    epic: str
    name: str
    name_local: str
    relation: str
    relation_name: str
    sex: str
    age: int | None
    house: str
    section: str
    language: str


class NumberOfVoter(NamedTuple):
    """A phone number of a voter in an uploaded electoral roll."""

    voter_id: int
    number: str


class SQL(Statements):
    insert_number = Command()
    insert_booth = Command()
    compare_uploaded_roll_with_store = Query(RollComparison)
    numbers = Scalar(str)
    roll = Query(SpooledRoll)
    booths = Query(StoredBooth)
    voters = Query(VoterRow)
    links = Query(NumberOfVoter)


class Spool:
    """The folder with the uploaded rolls and lists of numbers (spool) of a store. All methods block."""

    def __init__(self, store: Path, key: StoreKey | None) -> None:
        self.store = store
        self.key = key
        self._folder = store.with_name(f"{store.name}.spool")

    def get_path_of_spooled_file(self, list_id: str) -> Path:
        """Return the path of the uploaded roll or list of numbers with this id."""
        return self._folder / f"{list_id}.db"

    def begin_upload(self) -> str:
        """Prepare the folder of uploads, and return an id for a new upload. Raises StoreError.

        The folder is created if it is missing. Old uploads are deleted.
        """
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise self._describe_unusable_folder(error) from error
        self.delete_old_spooled_files()
        return uuid.uuid4().hex

    def delete_old_spooled_files(self) -> None:
        """Delete the uploads that are older than `SPOOL_SECONDS`, such as a roll that nobody has imported. Raises
        StoreError.
        """
        before = time.time() - SPOOL_SECONDS
        try:
            for path in self._folder.iterdir():
                with suppress(FileNotFoundError):  # another process has just removed it
                    if path.stat().st_mtime < before:
                        path.unlink()
        except FileNotFoundError:
            return  # nothing was uploaded yet
        except OSError as error:
            raise self._describe_unusable_folder(error) from error

    def _describe_unusable_folder(self, error: OSError) -> StoreError:
        return StoreError(
            f"{self._folder}: the folder for uploads cannot be used ({error.strerror})."
            " Give this user permission to write there."
        )

    def store_uploaded_number_list(self, numbers: Iterable[str], list_id: str | None = None) -> str:
        """Store a list of phone numbers (E.164) for the dialler to import, and return its id. Raises StoreError."""
        new = self.begin_upload()
        list_id = list_id or new
        with (
            open_store_exclusively(self.get_path_of_spooled_file(list_id), "a list", key=self.key) as db,
            open_transaction(db),
        ):
            SQL.insert_number.run_statement_for_each_parameter_set(db, ({"number": number} for number in numbers))
        return list_id

    def store_encrypted_copy_of_upload(self, list_id: str, name: str, source: Path) -> None:
        """Store a copy of a file that belongs to an upload, encrypted with the store's key. `name` says which of the
        upload's files it is. Raises StoreError, OSError.
        """
        store_encrypted_copy(source, self._get_path_of_encrypted_copy(list_id, name), self.key)

    def read_encrypted_copy_of_upload(self, list_id: str, name: str) -> Iterator[bytes]:
        """Open a copy that `store_encrypted_copy_of_upload` stored, and return an iterator over its bytes. Raises
        NotInStore if there is no copy, and StoreError.
        """
        return read_encrypted_copy(self._get_path_of_encrypted_copy(list_id, name), self.key)

    def _get_path_of_encrypted_copy(self, list_id: str, name: str) -> Path:
        return self._folder / f"{list_id}.{name}.db"

    def remove_spooled_file(self, list_id: str) -> None:
        """Delete an uploaded roll or list of numbers from the spool (the folder of uploads)."""
        for path in self._folder.glob(f"{list_id}*"):
            path.unlink(missing_ok=True)

    def remove_all_spooled_files(self) -> None:
        """Delete all uploaded rolls and lists of numbers from the folder of uploads (spool)."""
        self.remove_spooled_file("")
        with suppress(OSError):  # there is no folder, or another process is just adding an item
            self._folder.rmdir()

    def create_file_for_roll(self, list_id: str) -> None:
        """Create the file of an uploaded electoral roll, which the dialler will import. Raises StoreError.

        The store's polling stations (booths) are copied into the file first, so that they have the same ids there.
        """
        with open_store_snapshot(self.store, self.key) as db:
            booths = roll.read_all_booths(db)
        with (
            open_store_exclusively(self.get_path_of_spooled_file(list_id), "a list", key=self.key) as db,
            open_transaction(db),
        ):
            SQL.insert_booth.run_statement_for_each_parameter_set(db, (booth._asdict() for booth in booths))

    def compare_uploaded_roll_with_store(self, list_id: str) -> RollComparison:
        """Return how many voters and numbers of the store would change if an uploaded electoral roll were imported.

        `list_id` is the id of the upload. Raises StoreError.
        """
        with (
            translate_sqlite_errors(self.store),
            closing(open_store_for_reading(self.get_path_of_spooled_file(list_id), key=self.key)) as db,
        ):
            store = {"store": f"{self.store.resolve().as_uri()}?mode=ro"}
            db.execute(f"ATTACH :store AS store KEY {format_key_as_sql_literal(self.key)}", store)
            return SQL.compare_uploaded_roll_with_store.fetch_only_row(db)

    def open_spooled_file(self, list_id: str) -> SpoolFile:
        """Open an uploaded roll or list of numbers for reading. Raises NotInStore if there is no such upload, and StoreError."""
        if not self.get_path_of_spooled_file(list_id).is_file():
            raise NotInStore("The uploaded list is no longer on the dialler's disk. Upload it again.")
        return SpoolFile(self.get_path_of_spooled_file(list_id), self.key)


class SpoolFile(Reader):
    """An uploaded electoral roll or list of numbers that waits for import, opened for reading."""

    def read_phone_numbers(self) -> list[str]:
        """Return all phone numbers of an uploaded list of numbers."""
        return SQL.numbers.fetch_all_values(self._db)

    def read_counts_of_uploaded_roll(self) -> SpooledRoll:
        """Return the counts of an uploaded electoral roll, such as its rows and voters. Raises StoreError if the file
        is no roll.
        """
        found = SQL.roll.fetch_first_row(self._db)
        if found is None:
            raise StoreError("The uploaded list is a list of numbers, not a roll. Upload the roll again.")
        return found

    def read_booths(self) -> list[StoredBooth]:
        """Return the polling stations (booths) in which the voters of the uploaded roll vote."""
        return SQL.booths.fetch_all_rows(self._db)

    def read_voters_of_uploaded_roll(self, after: int, most: int) -> list[SpooledVoter]:
        """Return the next `most` voters of the uploaded electoral roll: those whose ids are above `after`."""
        rows = SQL.voters.fetch_all_rows(self._db, after=after, most=most)
        if not rows:
            return []
        numbers: defaultdict[int, list[str]] = defaultdict(list)
        for link in SQL.links.iterate_rows(self._db, first=rows[0].voter_id, last=rows[-1].voter_id):
            numbers[link.voter_id].append(link.number)
        return [
            SpooledVoter(row.voter_id, row.booth_id, row.serial, VoterDetails(*row[3:]), tuple(numbers[row.voter_id]))
            for row in rows
        ]
