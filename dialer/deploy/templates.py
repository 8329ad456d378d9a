"""Files that are made of a template and values."""

from __future__ import annotations

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dialer import content


def templates_in(folder: str = "") -> Environment:
    """Return the templates in a folder of `config/`: values are not escaped, and a missing value is an error."""
    return Environment(  # noqa: S701
        loader=FileSystemLoader(content.CONFIG / folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
