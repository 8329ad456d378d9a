"""`dialer agent`: what a site needs for its agents' log-ins."""

from __future__ import annotations

from typing import Annotated

import typer

from dialer.pins import hash_pin

app = typer.Typer(help="Agents' log-ins.", no_args_is_help=True)


@app.callback()
def agents() -> None:
    """Agents' log-ins."""


@app.command("hash-pin")
def hash_pin_command(
    pin: Annotated[
        str,
        typer.Option(
            "--pin",
            prompt="PIN (4 to 12 digits)",
            hide_input=True,
            confirmation_prompt=True,
            help="The PIN; better left out, then it is asked for and stands in no history.",
        ),
    ],
) -> None:
    """Print the hash of a PIN, for `pin` in an [[agents]] table. Two hashes of one PIN differ, and both are right."""
    typer.echo(hash_pin(pin))
