"""The kinds of nodes, one file each. Every module of this package is imported, and its class registers itself."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def import_kinds() -> None:
    """Import every module of this package."""
    for found in iter_modules(__path__, f"{__name__}."):
        import_module(found.name)


import_kinds()
