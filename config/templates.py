"""Files that are made of a template and values."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def templates_in(folder: str = "") -> Environment:
    """The templates of a folder of this home: nothing is escaped, for none is a page; a value that is missing is an error."""
    return Environment(  # noqa: S701
        loader=FileSystemLoader(Path(__file__).parent / folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
