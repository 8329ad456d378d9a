"""Fills a store with a roll of booths, voters and phones for tests and benches. The same arguments give the same roll.

Voters of a household share one number and have consecutive serials. Of six households four have one voter, one has two
and one has three, so that 1,000 voters have about 667 numbers.
"""

from __future__ import annotations

import functools
import sqlite3
import tempfile
from pathlib import Path

from dialer.store.connection import open_store_exclusively
from dialer.store.keys import StoreKey
from dialer.store.seal_keys import get_seal_key_path

VOTERS_PER_BOOTH = 920  # average of an Indian polling station
HOUSEHOLDS = (1, 1, 2, 1, 1, 3)
LANGUAGES = ("hi", "bn", "en")
STATE_CODE = "S24"
CONSTITUENCY_NUMBER = 174
ROLL_VERSION = "2026-1"
BLOCK = 100_000
MOST_COPIED_VOTERS = 5_000  # larger rolls are rare and would stay in memory


def fill_roll(
    path: Path,
    voters: int,
    *,
    voters_per_booth: int = VOTERS_PER_BOOTH,
    numbers_weigh_alike: bool = False,
    key: StoreKey | None = None,
) -> None:
    """Create the store at `path` if it does not exist, and add a roll of `voters`. Ids of voters, phones and booths start at 1.

    With `numbers_weigh_alike` numbers are called in the order of their ids, otherwise large households first.
    """
    if voters <= MOST_COPIED_VOTERS and not path.exists():
        stored, keys = _store_with_roll(voters, voters_per_booth, numbers_weigh_alike, key)
        for file, content in ((path, stored), (get_seal_key_path(path), keys)):
            file.write_bytes(content)
            file.chmod(0o600)
        return
    _fill(path, voters, voters_per_booth, numbers_weigh_alike, key)


@functools.lru_cache(maxsize=16)
def _store_with_roll(
    voters: int, voters_per_booth: int, numbers_weigh_alike: bool, key: StoreKey | None
) -> tuple[bytes, bytes]:
    """Return the file of a new store with the roll, and its key file. Cached, because creating a store runs every migration."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "centre.db"
        _fill(path, voters, voters_per_booth, numbers_weigh_alike, key)
        return path.read_bytes(), get_seal_key_path(path).read_bytes()


def _fill(path: Path, voters: int, voters_per_booth: int, numbers_weigh_alike: bool, key: StoreKey | None) -> None:
    with open_store_exclusively(path, "a test's roll", key=key) as db:
        fill_roll_into(db, voters, voters_per_booth=voters_per_booth)
        if numbers_weigh_alike:
            db.execute(
                "UPDATE voter SET weight = 1.0 / (SELECT count(*) FROM link AS other JOIN link AS own USING (phone_id)"
                " WHERE own.voter_id = voter.voter_id)"
            )


def fill_roll_into(db: sqlite3.Connection, voters: int, *, voters_per_booth: int = VOTERS_PER_BOOTH) -> None:
    """Add a roll to the store of an open connection in autocommit mode."""
    booths = -(-voters // voters_per_booth)
    db.execute("BEGIN IMMEDIATE")
    if db.execute(
        "SELECT 1 FROM sqlite_master WHERE name = 'shuffle'"
    ).fetchone():  # missing in stores of earlier versions
        db.execute("UPDATE shuffle SET seed = 0")  # calls in the order of ids: tests script the first numbers
    db.executemany(
        "INSERT INTO booth (booth_id, roll_version, state_code, constituency_number, part_number, name, language)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (part, ROLL_VERSION, STATE_CODE, CONSTITUENCY_NUMBER, part, f"Primary School {part}", LANGUAGES[part % 3])
            for part in range(1, booths + 1)
        ],
    )
    db.execute("COMMIT")
    phone_id = left_in_household = household = 0
    for first in range(1, voters + 1, BLOCK):
        voter_rows, phone_rows, link_rows = [], [], []
        for voter_id in range(first, min(first + BLOCK, voters + 1)):
            booth, serial = divmod(voter_id - 1, voters_per_booth)
            if left_in_household == 0:
                phone_id += 1
                left_in_household = HOUSEHOLDS[household % len(HOUSEHOLDS)]
                household += 1
                phone_rows.append((phone_id, f"+91{7_000_000_000 + phone_id}"))
            left_in_household -= 1
            voter_rows.append(
                (voter_id, booth + 1, serial + 1, f"ABC{voter_id:07d}", f"Voter {voter_id}", str(phone_id))
            )
            link_rows.append((voter_id, phone_id))
        db.execute("BEGIN IMMEDIATE")
        db.executemany(
            "INSERT INTO voter (voter_id, booth_id, serial, epic, name, house) VALUES (?, ?, ?, ?, ?, ?)", voter_rows
        )
        db.executemany("INSERT INTO phone (phone_id, e164) VALUES (?, ?)", phone_rows)
        db.executemany("INSERT INTO link (voter_id, phone_id) VALUES (?, ?)", link_rows)
        db.execute("COMMIT")
