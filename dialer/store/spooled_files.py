"""Encrypted copies of files in the spool (the folder of uploads).

Each copy is a small database that has the file's content in pieces and is encrypted with the store's key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from dialer.domain.errors import NotInStore
from dialer.store.driver import connect_to_database_file, open_connection
from dialer.store.keys import StoreKey
from dialer.store.sql import Command, Query, Statements, open_transaction
from dialer.store.sqlite_errors import translate_sqlite_errors

SCHEMA = "CREATE TABLE piece (number INTEGER PRIMARY KEY, content BLOB NOT NULL)"
PIECE_BYTES = 1 << 20


class Piece(NamedTuple):
    """A part of a file."""

    content: bytes


class SQL(Statements):
    insert_piece = Command()
    pieces = Query(Piece)


def store_encrypted_copy(source: Path, path: Path, key: StoreKey | None) -> None:
    """Store a copy of the file `source` at `path`, encrypted with the store's key, in place of an earlier copy.

    Raises StoreError, and OSError if `source` cannot be read.
    """
    path.unlink(missing_ok=True)
    with source.open("rb") as file, open_connection(path, "rwc", key) as db, open_transaction(db):
        db.execute(SCHEMA)
        pieces = enumerate(iter(lambda: file.read(PIECE_BYTES), b""))
        SQL.insert_piece.run_statement_for_each_parameter_set(
            db, ({"number": number, "content": piece} for number, piece in pieces)
        )


def read_encrypted_copy(path: Path, key: StoreKey | None) -> Iterator[bytes]:
    """Open the encrypted copy of a file, and return an iterator over its bytes, piece by piece.

    Raises NotInStore if there is no copy, and StoreError.
    """
    if not path.is_file():
        raise NotInStore("The uploaded file is no longer on the desk's disk. Upload it again.")
    with translate_sqlite_errors(path):
        db = connect_to_database_file(path, "ro", key)

    def read_pieces() -> Iterator[bytes]:
        with translate_sqlite_errors(path), closing(db):
            for piece in SQL.pieces.iterate_rows(db):
                yield piece.content

    return read_pieces()
