"""The sources of the pages: formatted, without findings of the linter (Biome), and with unit tests (Vitest)."""

from __future__ import annotations

import pytest

from dialer.desk.pages_built import SOURCES, run_npm

pytestmark = pytest.mark.skipif(
    not (SOURCES / "node_modules" / "@biomejs").is_dir(),
    reason="the linter comes with the pages' build: dialer desk pages",
)


def test_page_sources_are_formatted_and_pass_the_linter() -> None:
    done = run_npm("run", "lint")
    assert done.returncode == 0, (
        f"run `npm run format` in {SOURCES}, then mend what is left:\n{done.stdout}{done.stderr}"
    )


def test_unit_tests_of_the_pages_pass() -> None:
    done = run_npm("test")
    assert done.returncode == 0, f"run `npm test` in {SOURCES}:\n{done.stdout}{done.stderr}"
