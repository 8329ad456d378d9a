"""The kinds of nodes of a flow, one module each. All modules are imported here, so that their classes register
themselves.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def import_node_kinds() -> None:
    """Import every module of this package."""
    for found in iter_modules(__path__, f"{__name__}."):
        import_module(found.name)


import_node_kinds()
