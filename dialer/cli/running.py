"""The commands `dialer demo`, `run`, `check` and `doctor`, which run a centre or check it."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from dialer.cli.findings import FindingPrinter, JsonOption
from dialer.cli.options import SettingsFile
from dialer.domain.output import refuse_unwritable_path


def run_demo_centre(
    for_seconds: Annotated[
        float | None,
        typer.Option("--for", metavar="SECONDS", min=5, help="How long to run. [default: until Ctrl-C]"),
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Print status lines instead of the board.")] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the results of the checks to this JSON file.")
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--dir", metavar="DIR", help="Folder for roll, store and journal. A later demo continues with them."
        ),
    ] = None,
    voters: Annotated[
        int, typer.Option(metavar="COUNT", min=100, max=3_200_000, help="Number of voters on the synthetic roll.")
    ] = 20_000,
    seats: Annotated[
        int, typer.Option(metavar="COUNT", min=1, max=99, help="Number of seats, each with a simulated agent.")
    ] = 10,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Random seed. Another seed gives other voters.")] = 1,
    cold: Annotated[
        bool,
        typer.Option(
            "--cold", help="Start with an untrained pacer. [default: trained on a simulated hour with the same voters]"
        ),
    ] = False,
) -> None:
    """Run a complete centre on simulated lines: two campaigns, ten agents, and a live status board.

    Exit 1 if one of the checks after the demo failed.
    """
    import uvloop
    from rich.console import Console
    from rich.markup import escape

    from dialer.cli.logs import configure_quiet_logging
    from dialer.simulation.demo.centre import ROLL, STORE, DemoOptions, print_demo_summary, run_demo

    configure_quiet_logging()
    console = Console()
    if report is not None:
        own = {} if directory is None else {"the demo's store": directory / STORE, "the demo's roll": directory / ROLL}
        refuse_unwritable_path(report, "--report", own)  # fail now, not after the demo has run
    options = DemoOptions(for_seconds, headless, report, directory, voters, seats, seed, desk=True, is_cold=cold)
    result = uvloop.run(run_demo(options, console))
    print_demo_summary(result, console)
    if report is not None:
        console.print(f"report: {escape(str(report))}", soft_wrap=True)
    raise typer.Exit(0 if result.has_passed_all_checks else 1)


def run_dialler(
    config: SettingsFile,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Write debug logs.")] = False,
) -> None:
    """Run the dialler with a real Asterisk until SIGTERM or Ctrl-C. Live calls may finish first."""
    import uvloop

    from dialer.cli.logs import configure_json_logging
    from dialer.settings.site import load_settings
    from dialer.settings.unfinished import find_unsafe_permissions, refuse_placeholders_and_weak_secrets

    gc.disable()  # startup creates no garbage to collect; `run_centre` enables collection again once it is ready
    try:
        from dialer.app import run_centre

        configure_json_logging(verbose=verbose)
        settings = load_settings(config)
        refuse_placeholders_and_weak_secrets(settings, config)
        if (readable := find_unsafe_permissions(settings, config)) is not None:
            typer.echo(f"dialer: {readable}", err=True)
        uvloop.run(run_centre(settings))
    finally:
        gc.enable()


async def check_site_before_start(config: SettingsFile, as_json: JsonOption = False) -> None:
    """Check settings, files and services before the dialler starts. Exit 1 if there are errors."""
    from dialer.cli.logs import configure_quiet_logging
    from dialer.settings.site import load_settings
    from dialer.site.checks.before_start import check_site

    configure_quiet_logging()
    printer = FindingPrinter(as_json=as_json)
    await printer.print_findings_as_they_arrive(check_site(load_settings(config), file=config))
    printer.exit_with_success_or_error()


async def check_running_centre(
    config: SettingsFile,
    backups: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder with backups. [default: store.backup_folder]"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a running site: processes, store, disk, backups, clocks, certificates, trunks, phones, broker.

    Exit 1 if there are errors.
    """
    from dialer.cli.logs import configure_quiet_logging
    from dialer.settings.site import load_settings
    from dialer.site.checks.while_running import check_running_site

    configure_quiet_logging()
    if backups is not None and not backups.is_dir():
        raise typer.BadParameter(f"--backups: {backups} is not a folder: give the folder with the backups")
    printer = FindingPrinter(as_json=as_json)
    await printer.print_findings_as_they_arrive(check_running_site(load_settings(config), backups=backups))
    printer.exit_with_success_or_error()
