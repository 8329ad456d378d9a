"""What is built for `pipx install` has all that the product reads: by the build's own lists, without building."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOMES = ("audio", "config", "dialer", "ivr_flows")
PAGES = "dialer/desk/pages/"


@pytest.fixture(scope="module")
def carried() -> set[str]:
    """Paths in the wheel."""
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed: make .venv/.ready-dev")
    return {file.distribution_path for file in wheel.WheelBuilder(str(ROOT)).recurse_included_files()}


def test_the_wheel_has_every_file_of_the_four_homes_but_the_sources_of_the_pages(carried: set[str]) -> None:
    there = {str(path.relative_to(ROOT)) for home in HOMES for path in (ROOT / home).rglob("*") if path.is_file()}
    made = re.compile(rf"^{PAGES}|/__pycache__/|\.db(-wal|-shm|\.lock)?$")
    assert {path for path in there if not made.search(path)} <= carried


def test_the_wheel_has_nothing_else_but_the_built_pages(carried: set[str]) -> None:
    assert {path.partition("/")[0] for path in carried} == set(HOMES)
    assert not [path for path in carried if path.startswith(PAGES) or path.endswith((".pyc", ".db"))]
    built = {str(path.relative_to(ROOT)) for path in (ROOT / "dialer/desk/built").rglob("*") if path.is_file()}
    assert built <= carried
