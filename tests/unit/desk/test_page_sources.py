"""The sources of the pages: formatted, and without findings of the linter (Biome)."""

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
