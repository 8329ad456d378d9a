"""What may be asked of the engine from outside: a file a family, in each the class, how it is carried out, and who may ask it how.

A new command is a new file here (or a class in one of these): it is found by itself.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

IN_ORDER = (
    *("campaigns", "seats", "speed", "messages", "workers", "transfers", "supervision", "external_records"),
    *("dispositions", "own_calls", "handed_over", "unknown", "users", "headquarters"),
)
"""The families as the pages list their commands; others come behind them."""


def find_commands() -> None:
    """Read every file of this folder: what stands in it registers itself."""
    for name in (*IN_ORDER, *(found.name for found in iter_modules(__path__))):
        import_module(f"{__name__}.{name}")


find_commands()
