"""Options that many commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StoreOption = Annotated[
    Path | None, typer.Option("--store", metavar="PATH", help="The store. [default: of the settings]")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="CENTRE.toml", help="The site's settings.")
]
