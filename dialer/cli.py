"""The command line. A mistake that a person can mend is one line on standard error and exit code 2."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.markup import escape

from config.errors import MatdanError
from config.settings import load_settings
from dialer.agent_cli import app as agent_app
from dialer.app import run_centre
from dialer.asterisk_cli import app as asterisk_app
from dialer.audio_cli import app as audio_app
from dialer.audit_cli import app as audit_app
from dialer.check import Verdict, check_site
from dialer.complaint_cli import app as complaint_app
from dialer.demo import DemoOptions, run_demo, show_summary
from dialer.erase_cli import erase, purge
from dialer.flow_cli import app as flow_app
from dialer.logs import json_logging, quiet_logging
from dialer.marks_cli import app as marks_app
from dialer.numbers_cli import consent_app, optout_app, register_app
from dialer.recordings_cli import app as recordings_app
from dialer.rehearsal_cli import rehearse
from dialer.reports.cli import app as report_app
from dialer.reports.lists_cli import app as list_app
from dialer.reports.turnout_cli import turnout as turnout_report
from dialer.roll.cli import import_roll, sample_roll, weights
from dialer.roll.workers_cli import app as workers_app
from dialer.rules_cli import app as rules_app
from dialer.simulation.simulate_cli import simulate_command
from dialer.store_cli import app as store_app
from dialer.turnout_cli import app as turnout_app

app = typer.Typer(
    name="dialer",
    help="Matdan: a predictive dialler and IVR engine for election call centres.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(audio_app, name="audio")
app.add_typer(asterisk_app, name="asterisk")
app.add_typer(agent_app, name="agent")
app.add_typer(flow_app, name="flow")
app.add_typer(report_app, name="report")
report_app.command("turnout")(turnout_report)
app.add_typer(recordings_app, name="recordings")
app.add_typer(list_app, name="list")
app.add_typer(marks_app, name="marks")
app.add_typer(turnout_app, name="turnout")
app.add_typer(complaint_app, name="complaint")
app.add_typer(audit_app, name="audit")
app.add_typer(rules_app, name="rules")
app.add_typer(optout_app, name="optout")
app.add_typer(register_app, name="register")
app.add_typer(consent_app, name="consent")
app.add_typer(store_app, name="store")
app.add_typer(workers_app, name="workers")
app.command("import")(import_roll)
app.command("weights")(weights)
app.command("sample-roll")(sample_roll)
app.command("simulate")(simulate_command)
app.command("rehearse")(rehearse)
app.command("erase")(erase)
app.command("purge")(purge)

SettingsFile = Annotated[Path, typer.Option("--config", "-c", help="The site's settings, a TOML file.")]

_SIGNS = {Verdict.GOOD: "[green]ok[/]  ", Verdict.NOTE: "[yellow]note[/]", Verdict.BAD: "[red]BAD[/] "}


@app.command()
def demo(
    for_seconds: Annotated[
        float | None, typer.Option("--for", min=5, help="End after so many seconds; without it, at Ctrl-C.")
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="No board: a line now and then.")] = False,
    report: Annotated[Path | None, typer.Option("--report", help="Write what happened to this JSON file.")] = None,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Keep roll, store and journal here; a later demo goes on with them.")
    ] = None,
    voters: Annotated[int, typer.Option(min=100, max=3_200_000, help="Voters on the synthetic roll.")] = 20_000,
    seats: Annotated[int, typer.Option(min=1, max=99, help="Seats, each with a simulated agent.")] = 10,
    seed: Annotated[int, typer.Option(help="Another seed, other voters.")] = 1,
) -> None:
    """Run a whole centre on simulated lines: two campaigns, ten agents, a board. Exit 1 if what it checked did not hold."""
    quiet_logging()
    console = Console()
    options = DemoOptions(for_seconds, headless, report, directory, voters, seats, seed)
    result = uvloop.run(run_demo(options, console))
    show_summary(result, console)
    if report is not None:
        console.print(f"report: {report}")
    raise typer.Exit(0 if result.holds else 1)


@app.command()
def run(
    config: SettingsFile,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what is only of use to who looks for a fault.")
    ] = False,
) -> None:
    """Dial with a real Asterisk until SIGTERM or Ctrl-C; live calls may end, then it stops."""
    json_logging(verbose=verbose)
    settings = load_settings(config)
    uvloop.run(run_centre(settings))


@app.command()
def check(
    config: SettingsFile, as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False
) -> None:
    """Say in plain words what a site still lacks. Exit 1 if something is bad."""
    quiet_logging()
    settings = load_settings(config)
    console = Console()

    async def look() -> bool:
        bad = False
        async for finding in check_site(settings):
            bad = bad or finding.verdict is Verdict.BAD
            if as_json:
                typer.echo(json.dumps({"what": finding.what, "verdict": finding.verdict, "text": finding.text}))
            else:
                console.print(f"{_SIGNS[finding.verdict]} {finding.what}: {escape(finding.text)}", soft_wrap=True)
        return bad

    raise typer.Exit(1 if asyncio.run(look()) else 0)


def main() -> None:
    """Entry point of `dialer`."""
    try:
        app()
    except MatdanError as error:
        _refuse(error)
    except ExceptionGroup as group:  # a task group wraps what ended it
        mendable, others = group.split(MatdanError)
        if others is not None or mendable is None:
            raise
        _refuse(_first(mendable))


def _first(group: ExceptionGroup[MatdanError]) -> MatdanError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, ExceptionGroup) else inner


def _refuse(error: MatdanError) -> None:
    typer.echo(f"dialer: {error}", err=True)
    sys.exit(error.exit_code)
