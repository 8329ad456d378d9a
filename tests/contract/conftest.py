"""Every test of the suite runs on every backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.backends import BACKENDS, Backend


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """An empty store, not yet open."""
    name: str = request.param
    return BACKENDS[name](tmp_path)
