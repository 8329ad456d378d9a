"""`dialer uplink`: the process that joins a centre to its headquarters."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from config.settings import load_settings
from dialer.cli.logs import json_logging
from dialer.cli.options import not_installed
from dialer.domain.errors import HeadquartersUnreachable


def uplink(
    config: Annotated[Path, typer.Option("--config", "-c", help="The site's settings, a TOML file.")],
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
) -> None:
    """Join the centre to its headquarters until SIGTERM or Ctrl-C: results go up, what other centres tell comes in.

    It needs the dialler's store, which it only reads, and the centre's broker. The centre runs on without it.
    """
    try:
        from dialer.uplink.uplink import serve_uplink  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError as error:
        raise HeadquartersUnreachable(not_installed(error, "uplink")) from error
    settings = load_settings(config)
    json_logging(verbose=verbose)
    asyncio.run(serve_uplink(settings))
