"""Installation of Matdan's optional parts (the "extras" in pyproject.toml), such as `twilio`."""

from __future__ import annotations

from dialer.content import CHECKOUT


def describe_extra_installation(extra: str) -> str:
    """Return how to install an optional part of Matdan, as the end of a sentence.

    In a checkout the command differs from that of an installed package.
    """
    if CHECKOUT:
        return f"in Matdan's own folder, .venv/bin/pip install -e '.[{extra}]'"
    return f"install Matdan's package again with all the extras wanted, pipx install --force 'PACKAGE[{extra}]'"
