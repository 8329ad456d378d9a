"""Build hook of the wheel and the sdist (pyproject.toml), so that both contain the built pages.

A wheel that is made from an sdist copies the built pages from it, and needs no Node. An editable install does not build
the pages: run `dialer desk pages`.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGES = runpy.run_path(str(Path(__file__).parents[1] / "pages_built.py"))


class BuildPages(BuildHookInterface[Any]):
    """A build hook of Hatch, which builds the web pages when a package is built and the pages are missing."""

    def dependencies(self) -> list[str]:
        """Return the build requirements: the Python package of Node, if this machine has no usable Node."""
        if self._are_built_pages_up_to_date() or PAGES["is_recent_nodejs_installed"]():
            return []
        return [PAGES["NODE_PACKAGE"]]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the pages if they are missing.

        In a clone, existing pages are built again too, because the sources may have changed.
        """
        if version != "editable" and not self._are_built_pages_up_to_date():
            try:
                PAGES["build_pages"]()
            except PAGES["PagesNotBuilt"] as error:
                raise RuntimeError(
                    f"the desk's pages cannot be built: {error}; set HATCH_BUILD_NO_HOOKS=true to build without the pages"
                ) from error

    def _are_built_pages_up_to_date(self) -> bool:
        return bool(PAGES["are_pages_built"]()) and not (Path(self.root) / ".git").exists()
