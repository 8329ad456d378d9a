"""What `dialer check` finds of the voter-data portals: whether what each needs is there, before cron finds out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from config.errors import MatdanError
from config.settings import Settings
from config.sources import Source
from dialer.domain.errors import RollError
from dialer.domain.signing import read_webhook_secret
from dialer.roll.mapping import load_map
from dialer.roll.sources import token_headers
from dialer.site.checks.finding import Finding, bad, good


def sources(settings: Settings) -> Iterator[Finding]:
    """Whether each portal's folder, saved mapping, token and secret are there and of use. The portal itself is not asked."""
    for source in settings.sources:
        what, sound = f"source {source.name}", True
        for need in _needs(source):
            try:
                need()
            except MatdanError as error:
                sound = False
                yield bad(what, str(error))
        if sound:
            yield good(what, f"its folder {source.folder} and its mapping are there")


def _needs(source: Source) -> Iterator[Callable[[], object]]:
    """Each raises MatdanError for what is wrong."""
    yield partial(_folder, source.folder)
    yield partial(load_map, source.map_file)
    yield partial(token_headers, source)
    if source.webhook_secret_file is not None:
        yield partial(read_webhook_secret, source.webhook_secret_file, f"sources.{source.name}.webhook_secret_file")


def _folder(folder: Path) -> None:
    if not folder.is_dir():
        raise RollError(f"there is no folder {folder}: make it, or correct the folder of [[sources]]")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise RollError(
            f"{folder}: this user may not read and write there, and rejects stand beside exports: give it the right"
        )
