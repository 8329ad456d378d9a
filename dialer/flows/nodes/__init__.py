"""The kinds of nodes, a file each: what stands in this folder registers itself, and is all that a flow may be made of."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def find_kinds() -> None:
    """Read every file of this folder."""
    for found in iter_modules(__path__, f"{__name__}."):
        import_module(found.name)


find_kinds()
