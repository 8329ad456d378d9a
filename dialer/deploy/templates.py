"""Load the Jinja templates from which configuration files are rendered."""

from __future__ import annotations

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dialer import content


def load_configuration_templates(folder: str = "") -> Environment:
    """Return the Jinja environment for the templates in a folder of `config/`. Nothing is escaped. A missing value is
    an error.
    """
    return Environment(  # noqa: S701
        loader=FileSystemLoader(content.CONFIG / folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
