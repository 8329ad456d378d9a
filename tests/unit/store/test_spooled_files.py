"""Files in the spool are stored as copies that are encrypted with the store's key."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.domain.errors import NotInStore, StoreError
from dialer.store import spooled_files
from dialer.store.keys import StoreKey
from dialer.store.spooled_files import read_encrypted_copy, store_encrypted_copy
from tests.support.stores import TEST_KEY

CONTENT = b"209,118,1,Asha Devi,9800000001\n" * 10


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "roll.csv"
    path.write_bytes(CONTENT)
    return path


def test_encrypted_copy_of_a_file_is_readable_with_the_store_key_only(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled_files, "PIECE_BYTES", 7)
    copy = tmp_path / "copy.db"
    store_encrypted_copy(source, copy, TEST_KEY)
    assert b"".join(read_encrypted_copy(copy, TEST_KEY)) == CONTENT
    assert b"Asha" not in copy.read_bytes()
    with pytest.raises(StoreError, match="does not open this store"):
        read_encrypted_copy(copy, StoreKey(Path("another"), "f" * 64))


def test_copy_of_a_file_replaces_the_earlier_copy(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    store_encrypted_copy(source, copy, None)
    source.write_bytes(b"")
    store_encrypted_copy(source, copy, None)
    assert [*read_encrypted_copy(copy, None)] == []


def test_missing_copy_of_a_file_is_refused_before_the_first_byte_is_read(tmp_path: Path) -> None:
    with pytest.raises(NotInStore, match="Upload it again"):
        read_encrypted_copy(tmp_path / "copy.db", None)
