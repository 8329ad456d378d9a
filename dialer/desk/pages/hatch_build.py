"""The wheel's and the sdist's build hook (pyproject.toml): they carry the pages built.

An sdist has them already, and a wheel made of it needs no Node. An editable install builds nothing: `dialer desk pages` does.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGES = runpy.run_path(str(Path(__file__).parents[1] / "pages_built.py"))


class BuildPages(BuildHookInterface[Any]):
    """Builds the pages where they are not."""

    def dependencies(self) -> list[str]:
        """Node, as a Python package, where this machine has none that will do."""
        if self._are_there() or PAGES["has_node"]():
            return []
        return [PAGES["BY_PIP"]]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build; an existing folder is built again only from a clone, where the sources may have changed."""
        if version != "editable" and not self._are_there():
            try:
                PAGES["build"]()
            except PAGES["PagesNotBuilt"] as error:
                raise RuntimeError(
                    f"the desk's pages cannot be built: {error}; HATCH_BUILD_NO_HOOKS=true leaves them out"
                ) from error

    def _are_there(self) -> bool:
        return bool(PAGES["are_built"]()) and not (Path(self.root) / ".git").exists()
