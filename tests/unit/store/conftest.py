"""Fixtures of the store tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dialer.store import seal_verification
from tests.support.stores import BACKENDS, Backend, SqliteBackend


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """Yield an empty store that is not open yet. After the test, all its rows must match their seals."""
    name: str = request.param
    made: SqliteBackend = BACKENDS[name](tmp_path)
    yield made
    if made.path.exists() and not made.written_past:
        with closing(made.connect()) as db:
            assert [str(finding) for finding in seal_verification.verify_seals(db).findings] == []
