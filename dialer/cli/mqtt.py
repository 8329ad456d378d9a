"""`dialer mqtt`: write the broker's configuration, and create keys for signing commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import DiffOption, ForceOption
from dialer.domain.words import format_count
from dialer.errors import AsteriskFilesError

HAND_OUT = "passwords-to-hand-out.txt"

app = CommandGroup()


@app.command("render")
def render_broker_files(
    config: Annotated[
        list[Path],
        typer.Option(
            "--config",
            "-c",
            metavar="CENTRE.toml",
            help="A site's settings. Repeatable for centres that share the broker.",
        ),
    ],
    to: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the broker's configuration, such as /etc/mosquitto.")
    ],
    diff: DiffOption = False,
    force: ForceOption = False,
    new_password: Annotated[
        list[str] | None, typer.Option(metavar="USER", help="Create a new password for this user. Repeatable.")
    ] = None,
) -> None:
    """Write Mosquitto's configuration, access list and passwords, readable by the folder's group.

    All files are written or none. Existing passwords stay valid. New passwords are written to a file that only its
    owner can read.
    """
    from dialer.deploy.asterisk.file_changes import (
        FileChange,
        plan_file_changes,
        read_file_if_exists,
        write_planned_files,
    )
    from dialer.deploy.mosquitto.render import MARKER, PASSWORDS, read_password_hashes, render_mosquitto_files
    from dialer.settings.site import load_settings

    sites = [(str(path), load_settings(path)) for path in config]
    hashes = read_password_hashes(read_file_if_exists(to / PASSWORDS) or "")
    files, made = render_mosquitto_files(sites, to, hashes, renew=new_password or ())
    plans = plan_file_changes(to, files, MARKER)
    if diff:
        for plan in plans:
            typer.echo(plan.make_file_diff(), nl=False)
        raise typer.Exit(1 if any(plan.change_kind is not FileChange.SAME for plan in plans) else 0)
    written = write_planned_files(to, plans, force=force)
    for name in written:
        typer.echo(f"wrote {to / name}")
    if made:
        append_broker_passwords(to / HAND_OUT, made)
        typer.echo(
            f"{format_count(len(made), 'new password')} in {to / HAND_OUT}: hand each to its user, then delete the"
            " file; the broker stores only hashes"
        )
    if written:
        typer.echo("next: systemctl reload mosquitto (restart it if mosquitto.conf has changed)")
    else:
        typer.echo(f"{to} is up to date; nothing was written")


def append_broker_passwords(path: Path, made: dict[str, str]) -> None:
    """Append the passwords of new broker users to a file that only its owner can read.

    Raises AsteriskFilesError if it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write("".join(f"{user} {password}\n" for user, password in made.items()))
    except OSError as error:
        new_password_options = " ".join(f"--new-password {user}" for user in made)
        raise AsteriskFilesError(
            f"{path}: the new passwords of MQTT users cannot be written to this file ({error.strerror}): free some disk"
            f" space, then run `dialer mqtt render` again with {new_password_options} to make others"
        ) from error


@app.command("key")
def create_signing_key(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The new file for the private key.")],
) -> None:
    """Create a key pair for signing commands, on the machine of the person who signs.

    The private key never leaves FILE. Add the printed public key to the centre's settings, as `key` in that person's
    [[supervisors]] table. Commands of a user with a key are then accepted only if signed with it.
    """
    from dialer.domain.signing import create_key_file, format_public_key

    public = format_public_key(create_key_file(path))
    typer.echo(f'key = "{public}"')
    typer.echo(f"{path}: the private key; keep it secret, and set broker.key_file in your settings to it", err=True)
