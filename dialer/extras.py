"""How a person brings in what is optional: the extras of pyproject.toml."""

from __future__ import annotations

from dialer.content import CHECKOUT


def with_extra(extra: str) -> str:
    """What to run so that an extra is there: in a clone, or where Matdan came as a package."""
    if CHECKOUT:
        return f"in Matdan's own folder, .venv/bin/pip install -e '.[{extra}]'"
    return f"install Matdan's package again with all the extras wanted, pipx install --force 'PACKAGE[{extra}]'"
