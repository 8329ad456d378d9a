"""Asterisk's configuration files, made from a site's settings. Pure: settings in, text out."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from config.help import Hold, Recordings

TEMPLATES = Path(__file__).parent


@cache
def _environment() -> Environment:
    # Nothing is escaped: these are no pages, and every value that goes in is held to its pattern by the settings.
    return Environment(  # noqa: S701
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def render_template(name: str, **values: Any) -> str:
    """The text of `name`.j2 with these values. Raises jinja2.UndefinedError for a value that is missing."""
    return _environment().get_template(f"{name}.j2").render(**values)


def dialplan(
    agi_host: str = "127.0.0.1",
    agi_port: int = 4573,
    log_in_code: str = "*1",
    *,
    hold: Hold | None = None,
    recordings: Recordings | None = None,
) -> str:
    """The text of extensions.conf: our contexts, which reach our FastAGI server at this address.

    `log_in_code` is what a seat's phone dials to log in.
    """
    return render_template(
        "extensions.conf",
        agi_server=f"{agi_host}:{agi_port}",
        log_in_code=log_in_code,
        hold=hold or Hold(),
        recordings=recordings or Recordings(),
    )
