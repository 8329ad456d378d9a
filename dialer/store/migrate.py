"""Migrations of the schema: numbered files in `migrations/`, each applied in one transaction.

A store has its version in `PRAGMA user_version`, and is identified as a Matdan store by `PRAGMA application_id`.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

from dialer.domain.errors import StoreCorrupt, StoreError
from dialer.store.sql import Connection, open_transaction

APPLICATION_ID = 0x4D54444E  # "MTDN"
_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """The SQL script that upgrades a store's schema from `version` - 1 to `version`."""

    version: int
    script: str


@lru_cache(maxsize=1)
def load_migrations() -> tuple[Migration, ...]:
    """Return the migrations of this version of Matdan in order. The first one creates the schema."""
    found: list[Migration] = []
    for file in resources.files("dialer.store").joinpath("migrations").iterdir():
        if match := _FILE_NAME.fullmatch(file.name):
            found.append(Migration(int(match[1]), file.read_text("utf-8")))
    found.sort(key=lambda migration: migration.version)
    if len({migration.version for migration in found}) < len(found):
        raise ValueError("dialer/store/migrations: two migrations have the same number. Rename one of them.")
    return tuple(found)


def get_newest_schema_version() -> int:
    """Return the schema version that this version of Matdan writes."""
    return load_migrations()[-1].version


def read_schema_version(db: Connection, path: Path) -> int:
    """Return the schema version of a file, or 0 if the file is empty. Only reads.

    Raises StoreCorrupt if another program wrote the database, and StoreError if its schema is newer than this program.
    """
    application_id, version, tables = db.execute(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),"
        " (SELECT count(*) FROM sqlite_schema)"
    ).fetchone()
    if application_id != APPLICATION_ID:
        if tables or version or application_id:
            raise StoreCorrupt(f"{path}: this is another program's database, not a Matdan store: name another file")
        return 0
    if version > get_newest_schema_version():
        raise StoreError(
            f"{path}: a newer Matdan wrote this store (schema {version}; this one reads up to "
            f"{get_newest_schema_version()}): install the newer Matdan, or move the store away and restore its "
            f"older copy (`dialer restore {path.name}.schema-N`)"
        )
    return int(version)


def migrate_schema(db: Connection, path: Path) -> int:
    """Upgrade a store to the newest schema, and return how many migrations ran. `db` must be in autocommit mode."""
    version = read_schema_version(db, path)
    pending = [migration for migration in load_migrations() if migration.version > version]
    for migration in pending:
        with open_transaction(db):
            for statement in split_sql_script(migration.script):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {migration.version}")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    return len(pending)


def split_sql_script(script: str) -> list[str]:
    """Split an SQL script into its statements. A statement must end at the end of a line. Triggers stay in one piece.

    SQLite's `executescript` cannot be used for migrations, because it commits the open transaction first. Raises
    ValueError if the last statement is not complete.
    """
    statements: list[str] = []
    waiting = ""
    for line in script.splitlines(keepends=True):
        waiting += line
        if line.split("--")[0].rstrip().endswith(";") and sqlite3.complete_statement(waiting):
            statements.append(waiting.strip())
            waiting = ""
    if any(line.strip() and not line.lstrip().startswith("--") for line in waiting.splitlines()):
        raise ValueError(
            f"The last statement of the SQL script is not complete: {waiting.strip()[:60]!r}. End it with a semicolon."
        )
    return statements
