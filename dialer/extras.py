"""Installing the optional parts of Matdan: the extras of pyproject.toml."""

from __future__ import annotations

from dialer.content import CHECKOUT


def describe_extra_installation(extra: str) -> str:
    """Return how to install an extra, as the end of a sentence: in a checkout, or for an installed package."""
    if CHECKOUT:
        return f"in Matdan's own folder, .venv/bin/pip install -e '.[{extra}]'"
    return f"install Matdan's package again with all the extras wanted, pipx install --force 'PACKAGE[{extra}]'"
