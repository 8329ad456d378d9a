"""Counts with nouns, for messages. Pure."""

from __future__ import annotations


def counted(count: int, one: str, several: str | None = None) -> str:
    """Return a count with its noun: "1 number", "1,234 numbers". `several`: a plural other than `one` with an s."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
