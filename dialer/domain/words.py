"""Formats a count with its noun for messages, such as "3 calls". Without I/O."""

from __future__ import annotations


def format_count(count: int, one: str, several: str | None = None) -> str:
    """Return a count with its noun, such as "1 number" or "1,234 numbers". `several` is the plural, by default `one`
    with an s.
    """
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
