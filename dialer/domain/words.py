"""Counts in the words of a message. Pure."""

from __future__ import annotations


def counted(count: int, one: str, several: str | None = None) -> str:
    """A count with its noun: "1 number", "1,234 numbers". `several` is a plural that is not `one` with an s."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
