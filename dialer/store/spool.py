"""The spool beside a store: rolls and numbers that the dialler which runs is to take in.

No command names a number, so it names what was handed over: a small store of its own, under the same key, whose id tells nothing.
"""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dialer.domain.audit_chain import shown
from dialer.domain.errors import NotInStore, StoreError
from dialer.settings.site_time import DAY_SECONDS
from dialer.store import audit, opt_outs, roll
from dialer.store.connection import Connection, Reader, exclusive_connection, open_for_reading, read_snapshot
from dialer.store.keys import StoreKey, key_literal
from dialer.store.port import AuditNote
from dialer.store.sql import transaction
from dialer.store.sqlite_errors import store_errors
from dialer.store.untyped_sql import load_statements

SQL = load_statements("spool")
MOST_NUMBERS = 2_000
"""That are handed over under one id."""
KEPT_SECONDS = DAY_SECONDS
"""How long what nobody took stays: it holds names and numbers."""


class HandedVoter(NamedTuple):
    """A voter of a roll that was handed over, with the numbers that the roll gives."""

    voter_id: int  # there, for the order
    booth_id: int  # there
    serial: int
    details: tuple[Any, ...]  # as `roll.add_voters` has them, from the EPIC number on
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HandedRoll:
    """What the import of a roll into its own file has found."""

    file_name: str
    sha256: str
    rows: int
    rejected: int
    voters: int
    source: str  # the portal that it comes from, "": somebody handed it over
    mapping: str  # SHA-256 of the map file, "": there was none


@dataclass(frozen=True, slots=True)
class Against:
    """A roll that was handed over, held against the store."""

    same: int  # voters of whom the store knows all that the roll says
    numbers: int  # that the store does not have
    links: int
    opted_out: int


class Spool:
    """The files of a store's spool. Everything here blocks."""

    def __init__(self, store: Path, key: StoreKey | None) -> None:
        self.store = store
        self.key = key
        self._folder = store.with_name(f"{store.name}.spool")

    def path(self, list_id: str) -> Path:
        """Where something is handed over, or is to be."""
        return self._folder / f"{list_id}.db"

    def new(self) -> str:
        """An id for what is to be handed over, and a folder for it; what nobody took for a day goes. Raises StoreError."""
        before = time.time() - KEPT_SECONDS
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            for path in self._folder.iterdir():
                if path.stat().st_mtime < before:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self._folder}: {error.strerror}: give this user the right to write there") from error
        return uuid.uuid4().hex

    def hand_over(self, numbers: Iterable[str], list_id: str | None = None) -> str:
        """Hand over numbers (E.164); the id. Raises StoreError."""
        new = self.new()
        list_id = list_id or new
        with exclusive_connection(self.path(list_id), "a list", key=self.key) as db, transaction(db):
            db.executemany(SQL["hand_number"], ({"number": number} for number in numbers))
        return list_id

    def remove(self, list_id: str) -> None:
        """It was taken, or is not to be: all that stands there under that id goes."""
        for path in self._folder.glob(f"{list_id}*"):
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Nothing is to be taken any more."""
        self.remove("")
        with suppress(OSError):  # somebody hands something over just now, or there is none
            self._folder.rmdir()

    def prepare_roll(self, list_id: str) -> None:
        """Make the file for a roll, with the store's booths: it must not bring them in another version. Raises StoreError."""
        with read_snapshot(self.store, self.key) as db:
            booths = roll.booths_in_full(db)
        with exclusive_connection(self.path(list_id), "a list", key=self.key) as db, transaction(db):
            db.executemany(SQL["hand_booth"], (booth._asdict() for booth in booths))

    def against_store(self, list_id: str) -> Against:
        """What a roll that was handed over would change. Raises StoreError."""
        with store_errors(self.store), closing(open_for_reading(self.path(list_id), key=self.key)) as db:
            known = {"known": f"{self.store.resolve().as_uri()}?mode=ro"}
            db.execute(f"ATTACH :known AS known KEY {key_literal(self.key)}", known)
            return SQL["against_store"].all(db, Against)[0]

    def opened(self, list_id: str) -> SpoolFile:
        """What was handed over. Raises NotInStore where it is not there, StoreError."""
        if not self.path(list_id).is_file():
            raise NotInStore("what was handed over is not there any more: hand it over again")
        return SpoolFile(self.path(list_id), self.key)


class SpoolFile(Reader):
    """What was handed over, open to be read."""

    def numbers(self) -> list[str]:
        """The numbers, of a file that was made of numbers alone."""
        return SQL["handed_numbers"].values(self._db, str)

    def what(self) -> HandedRoll:
        """What was found in the roll. Raises StoreError where none was handed over."""
        found = SQL["handed_roll"].one(self._db, HandedRoll)
        if found is None:
            raise StoreError("no roll was handed over under that id")
        return found

    def booths(self) -> list[roll.StoredBooth]:
        """The booths of its voters, as they are to stand in the store."""
        return SQL["handed_booths"].all(self._db, roll.StoredBooth)

    def voters(self, after: int, most: int) -> list[HandedVoter]:
        """The next voters behind one's id, at most so many."""
        rows = [*SQL["handed_voters"].rows(self._db, after=after, most=most)]
        if not rows:
            return []
        numbers: defaultdict[int, list[str]] = defaultdict(list)
        for link in SQL["handed_links"].rows(self._db, first=rows[0].voter_id, last=rows[-1].voter_id):
            numbers[link.voter_id].append(link.e164)
        return [
            HandedVoter(row.voter_id, row.booth_id, row.serial, tuple(row[3:]), tuple(numbers[row.voter_id]))
            for row in rows
        ]


@dataclass(frozen=True, slots=True)
class Taken:
    """What one piece of a roll has changed in the store."""

    voters: int  # added or changed
    numbers: int
    links: int
    opted_out: int


def take_booths(db: Connection, booths: Sequence[roll.StoredBooth]) -> dict[int, int]:
    """Add the booths of a roll, and bring those that are there up to date; the id in the store by that in the roll."""
    ids = {}
    for booth in booths:
        bound = booth._asdict()
        SQL["take_booth"](db, **bound)
        ids[booth.booth_id] = SQL["booth_there"].number(db, **bound)
    return ids


def take_voters(
    db: Connection, voters: Sequence[HandedVoter], booth_ids: dict[int, int], secrets: Sequence[bytes]
) -> Taken:
    """Add the voters of a roll with their numbers, and bring those that are there up to date; a blank takes nothing away. Numbers
    that opted out before they came, here or (as hashes under `secrets`) elsewhere, are suppressed. Done twice it is as done once.
    """
    before = last_phone(db)
    places = [(booth_ids[voter.booth_id], voter.serial) for voter in voters]
    rows = [roll.named_details(place, voter.details) for place, voter in zip(places, voters, strict=True)]
    pairs = [
        {"booth_id": booth_id, "serial": serial, "number": number}
        for (booth_id, serial), voter in zip(places, voters, strict=True)
        for number in voter.numbers
    ]
    taken = Taken(*(db.executemany(SQL[name], bound).rowcount for name, bound in (
        ("take_voter", rows), ("take_number", pairs), ("take_link", pairs), ("honour_opt_out", pairs)
    )))  # fmt: skip
    opt_outs.hash_new(db, secrets, before)
    return taken


def record_roll(db: Connection, entry: AuditNote, handed: HandedRoll, taken: Taken) -> None:
    """Keep that a roll was taken in, with its entry in the audit."""
    unchanged = max(0, handed.rows - handed.rejected - taken.voters)
    figures = (handed.rows, taken.voters, taken.numbers, taken.links, handed.rejected, unchanged)
    roll.record_import(db, entry.at, handed.file_name, handed.sha256, figures)
    told = {"file": shown(handed.file_name), "sha256": handed.sha256}
    told |= {key: said for key, said in (("source", handed.source), ("mapping", handed.mapping)) if said}
    audit.note(db, "roll-import", entry, **told, rows=handed.rows, voters=taken.voters, numbers=taken.numbers)


def last_phone(db: Connection) -> int:
    """The highest id of a number; 0: there is none."""
    return SQL["last_phone"].number(db)


def count_booth(db: Connection, booth_id: int) -> tuple[int, int, int, int, int]:
    """Of a booth: voters, and of them reached, voted, not yet, and those not reached who have no number that may be called."""
    return tuple(SQL["count_booth"].row(db, booth_id=booth_id))
