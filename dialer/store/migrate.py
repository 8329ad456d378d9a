"""The schema's versions: numbered files in `migrations/`, each applied in one transaction.

The file says which version it has in `PRAGMA user_version`, and that it is ours in `PRAGMA application_id`.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

from dialer.domain.errors import StoreCorrupt, StoreError
from dialer.store.sql import Connection, transaction

APPLICATION_ID = 0x4D54444E  # "MTDN"
_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema: what brings a file from `version` - 1 to `version`."""

    version: int
    script: str


@lru_cache(maxsize=1)
def shipped_migrations() -> tuple[Migration, ...]:
    """The migrations of this version of Matdan in their order; the first one makes the schema from nothing."""
    found: list[Migration] = []
    for file in resources.files("dialer.store").joinpath("migrations").iterdir():
        if match := _FILE_NAME.fullmatch(file.name):
            found.append(Migration(int(match[1]), file.read_text("utf-8")))
    found.sort(key=lambda migration: migration.version)
    if len({migration.version for migration in found}) < len(found):
        raise ValueError("two files in dialer/store/migrations have the same number")
    return tuple(found)


def newest_version() -> int:
    """The schema of this version of Matdan."""
    return shipped_migrations()[-1].version


def schema_version(db: Connection, path: Path) -> int:
    """The version of the file's schema; 0: an empty file. Only reads.

    Raises StoreCorrupt for a SQLite file that is not ours, StoreError for a schema that is newer than this program.
    """
    application_id, version, tables = db.execute(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),"
        " (SELECT count(*) FROM sqlite_schema)"
    ).fetchone()
    if application_id != APPLICATION_ID:
        if tables or version or application_id:
            raise StoreCorrupt(f"{path}: this is another program's database, not a Matdan store: name another file")
        return 0
    if version > newest_version():
        raise StoreError(
            f"{path}: its schema is version {version}, this program knows up to {newest_version()}: install the newer Matdan again,"
            f" or put the store aside and `dialer restore` the copy from before the upgrade ({path.name}.schema-N)"
        )
    return int(version)


def migrate(db: Connection, path: Path) -> int:
    """Bring the file to the newest schema; returns how many migrations ran. `db` must be in autocommit mode."""
    version = schema_version(db, path)
    pending = [migration for migration in shipped_migrations() if migration.version > version]
    for migration in pending:
        with transaction(db):
            for statement in split_script(migration.script):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {migration.version}")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    return len(pending)


def split_script(script: str) -> list[str]:
    """The statements of a script one by one, triggers whole: `executescript` would commit before it begins.

    Statements end at a line's end. Raises ValueError where the last one is not finished.
    """
    statements: list[str] = []
    waiting = ""
    for line in script.splitlines(keepends=True):
        waiting += line
        if line.split("--")[0].rstrip().endswith(";") and sqlite3.complete_statement(waiting):
            statements.append(waiting.strip())
            waiting = ""
    if any(line.strip() and not line.lstrip().startswith("--") for line in waiting.splitlines()):
        raise ValueError(f"a statement is not finished: {waiting.strip()[:60]!r}")
    return statements
