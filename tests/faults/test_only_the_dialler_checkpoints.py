"""Only a running dialler checkpoints the WAL; an export commits its audit entry without a checkpoint."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from dialer.store.connection import CHECKPOINT_PAGES, PAGE_BYTES, close_writing_connection, open_store_for_writing
from dialer.store.lock import StoreLock
from tests.support.forked import run_forked
from tests.support.stores import TEST_KEY, key_file

PAGES = 2_000  # more than SQLite would let a WAL grow to by itself (1,000), less than the dialler does
EXPORT = """
import sys
from pathlib import Path
from dialer.store.keys import read_store_key_file
from dialer.store.exports import append_export_to_audit
path = Path(sys.argv[1])
before = path.read_bytes()
key = read_store_key_file(Path(sys.argv[2])) if sys.argv[2:] else None
append_export_to_audit(path, "worker-12", {"list": "strike-off"}, 1.0, key=key)
print(path.read_bytes() == before)
"""  # a process of its own, as it is in a centre: no other may open the file past SQLite


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_exporting_voters_does_not_checkpoint_the_write_ahead_log_of_the_store(tmp_path: Path, encrypted: bool) -> None:
    path, key = tmp_path / "centre.db", TEST_KEY if encrypted else None
    arguments = [path, key_file(tmp_path / "key")] if encrypted else [path]
    lock = StoreLock(path, "a dialler")
    close_writing_connection(open_store_for_writing(path, key=key))
    with closing(open_store_for_writing(path, key=key)) as db:
        insert = "INSERT INTO seat_interval (seat, state, from_at, until_at, reason) VALUES ('01', 'ready', ?1, ?1, ?2)"
        db.execute("BEGIN")
        db.executemany(insert, ((n, "x" * PAGE_BYTES) for n in range(PAGES)))
        db.execute("COMMIT")
        assert PAGES <= path.with_name("centre.db-wal").stat().st_size // PAGE_BYTES < CHECKPOINT_PAGES
        done = run_forked(EXPORT, *arguments)
        assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
        assert db.execute(
            "SELECT kind, who FROM audit WHERE kind NOT IN ('seal', 'settings', 'log-in', 'log-off')"
        ).fetchall() == [("export", "worker-12")]
    lock.release_lock()
