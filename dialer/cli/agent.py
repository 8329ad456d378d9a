"""`dialer agent`: hash agents' PINs, and write the tones for their phones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.domain.errors import OutputRefused

app = CommandGroup()


@app.command("hash-pin")
def print_pin_hash(
    pin: Annotated[
        str,
        typer.Option(
            prompt="PIN (4 to 12 digits)",
            hide_input=True,
            confirmation_prompt=True,
            metavar="DIGITS",
            help="The PIN, 4 to 12 digits. Leave it out to be asked, which keeps it out of the shell's history.",
        ),
    ],
) -> None:
    """Print the argon2id hash of a PIN, for `pin` in [[agents]] of the settings.

    Without --pin, the command asks for it. Two hashes of the same PIN differ, and both are valid.
    """
    from dialer.engine.seats.pins import hash_pin

    typer.echo(hash_pin(pin))


@app.command("tones")
def write_phone_tones(
    to: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Folder of Asterisk's sounds in one language, such as /var/lib/asterisk/sounds/en."
        ),
    ],
) -> None:
    """Write the tones that agents hear on their phones, as sound files for Asterisk."""
    from dialer.audio.tones import write_agent_tones

    is_new = not to.exists()
    try:
        paths = write_agent_tones(to)
    except OSError as error:
        if not to.parent.exists():
            raise OutputRefused(
                f"{to}: folder {to.parent} does not exist; give the folder of Asterisk's sounds in one language, "
                "such as /var/lib/asterisk/sounds/en"
            ) from error
        raise OutputRefused(
            f"{to}: the tones that agents hear cannot be written ({error.strerror or error}); give a folder that you may write to"
        ) from error
    for path in paths:
        typer.echo(path)
    if is_new:
        typer.echo(f"note: folder {to} was created. Asterisk finds the tones only in its own sounds folder", err=True)
