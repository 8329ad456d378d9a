"""`dialer asterisk`: write Asterisk's configuration, or check an existing one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dialer.cli.findings import FindingPrinter, JsonOption
from dialer.cli.group import CommandGroup
from dialer.cli.options import DiffOption, ForceOption, SettingsFile
from dialer.domain.words import format_count

app = CommandGroup()

Server = Annotated[
    str | None,
    typer.Option("--server", metavar="NAME", help="The server's name in [[asterisk.servers]], if there are several."),
]


@app.command("render")
def render_asterisk_files(
    config: SettingsFile,
    to: Annotated[Path, typer.Option(metavar="DIR", help="Folder of Asterisk's configuration, such as /etc/asterisk.")],
    diff: DiffOption = False,
    force: ForceOption = False,
    server: Server = None,
) -> None:
    """Write all configuration files that Asterisk needs for this site, readable by the folder's group."""
    from dialer.deploy.asterisk.file_changes import (
        FileChange,
        find_endpoint_passwords,
        has_conf_files,
        plan_file_changes,
        write_planned_files,
    )
    from dialer.deploy.asterisk.render import list_seats_without_password, render_asterisk_site_files
    from dialer.settings.servers import select_settings_of_asterisk_server
    from dialer.settings.site import load_settings
    from dialer.settings.unfinished import refuse_placeholders_and_weak_secrets

    settings = load_settings(config)
    refuse_placeholders_and_weak_secrets(settings, config)
    made = list_seats_without_password(select_settings_of_asterisk_server(settings, server, str(config))[0])
    plans = plan_file_changes(
        to, render_asterisk_site_files(settings, find_endpoint_passwords(to, made), server=server, file=str(config))
    )
    if diff:
        for plan in plans:
            typer.echo(plan.make_file_diff(), nl=False)
        raise typer.Exit(1 if any(plan.change_kind is not FileChange.SAME for plan in plans) else 0)
    is_new = not has_conf_files(to)
    written = write_planned_files(to, plans, force=force)
    if is_new:
        typer.echo(
            f"note: {to} had no Asterisk files before. Asterisk reads these only if it is its configuration folder",
            err=True,
        )
    for name in written:
        typer.echo(f"wrote {to / name}")
    if made:
        typer.echo(
            f"generated passwords for {len(made)} seats without one, in {to / 'pjsip.conf'}; later runs keep them"
        )
    if written:
        typer.echo(
            "next: asterisk -rx 'core reload' (restart Asterisk if modules.conf, rtp.conf or a transport has changed)"
        )
    else:
        typer.echo(f"{to} is up to date; nothing was written")


@app.command("lint")
def lint_asterisk_files(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of Asterisk's configuration, such as /etc/asterisk.")
    ],
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="CENTRE.toml", help="Also check that the configuration matches these settings."
        ),
    ] = None,
    as_json: JsonOption = False,
    server: Server = None,
) -> None:
    """Check Asterisk's configuration files for unsafe or broken settings.

    Print file, line and remedy for each. Exit 1 if anything was found.
    """
    from dialer.deploy.asterisk.lint import lint_files_in_directory
    from dialer.settings.site import load_settings

    printer = FindingPrinter(as_json=as_json)
    printer.print_findings(
        lint_files_in_directory(directory, None if config is None else load_settings(config), server)
    )
    if not as_json:
        typer.echo(f"{directory}: {format_count(printer.count, 'finding') if printer.count else 'no findings'}")
    printer.exit_with_success_or_error()
