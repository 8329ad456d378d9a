"""`dialer agent`: what a site needs for its agents: PINs for logging in, tones for their phones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dialer.audio.tones import write_tones
from dialer.cli.group import CommandGroup
from dialer.domain.errors import OutputRefused
from dialer.engine.seats.pins import hash_pin

app = CommandGroup()


@app.command("hash-pin")
def hash_pin_command(
    pin: Annotated[
        str,
        typer.Option(
            prompt="PIN (4 to 12 digits)",
            hide_input=True,
            confirmation_prompt=True,
            help="The PIN. Leave it out to be asked, so that it is not in the shell's history.",
        ),
    ],
) -> None:
    """Print the hash of a PIN, for `pin` in an [[agents]] table.

    Two hashes of the same PIN differ, and both are valid.
    """
    typer.echo(hash_pin(pin))


@app.command("tones")
def tones_command(
    to: Annotated[
        Path, typer.Option(help="Asterisk's sounds folder of a language, such as /var/lib/asterisk/sounds/en.")
    ],
) -> None:
    """Write the tones that agents hear on their phones, as sounds for Asterisk."""
    fresh = not to.exists()
    try:
        paths = write_tones(to)
    except OSError as error:
        if not to.parent.exists():
            raise OutputRefused(
                f"{to}: there is no folder {to.parent}; name Asterisk's sounds of a language"
            ) from error
        raise OutputRefused(f"{to}: {error.strerror or error}; name a directory that you may write") from error
    for path in paths:
        typer.echo(path)
    if fresh:
        typer.echo(
            f"note: {to} was not there and was made: Asterisk plays only what lies among its own sounds", err=True
        )
