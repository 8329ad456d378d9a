"""The command line. A mistake that a person can mend is one line on standard error and exit code 2.

What the system refuses where no command foresaw it is one line too, with exit code 1.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import sys
from importlib.metadata import version
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Annotated, NoReturn

import typer
import uvloop
from rich.console import Console
from rich.markup import escape

from config.errors import MatdanError
from config.settings import load_settings
from config.unfinished import others_may_read, refuse_unfinished
from dialer.app import run_centre
from dialer.checks.finding import Verdict
from dialer.checks.site import check_site
from dialer.command_line.agent import app as agent_app
from dialer.command_line.asterisk import app as asterisk_app
from dialer.command_line.audio import app as audio_app
from dialer.command_line.audit import app as audit_app
from dialer.command_line.complaint import app as complaint_app
from dialer.command_line.erase import erase, purge
from dialer.command_line.flow import app as flow_app
from dialer.command_line.marks import app as marks_app
from dialer.command_line.mqtt import app as mqtt_app
from dialer.command_line.numbers import consent_app, optout_app, register_app
from dialer.command_line.recordings import app as recordings_app
from dialer.command_line.rehearsal import rehearse
from dialer.command_line.rules import app as rules_app
from dialer.command_line.store import app as store_app
from dialer.command_line.turnout import app as turnout_app
from dialer.command_line.unknown import app as unknown_app
from dialer.demo import ROLL, STORE, DemoOptions, run_demo, show_summary
from dialer.errors import INTERRUPTED
from dialer.logs import json_logging, quiet_logging
from dialer.output import refuse_unwritable
from dialer.reports.cli import app as report_app
from dialer.reports.lists_cli import app as list_app
from dialer.reports.turnout_cli import turnout as turnout_report
from dialer.roll.cli import import_roll, sample_roll, weights
from dialer.roll.workers_cli import app as workers_app
from dialer.simulation.simulate_cli import simulate_command

app = typer.Typer(
    name="dialer",
    help="Matdan: a predictive dialler and IVR engine for election call centres.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(audio_app, name="audio")
app.add_typer(asterisk_app, name="asterisk")
app.add_typer(mqtt_app, name="mqtt")
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
app.add_typer(unknown_app, name="unknown")
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

_RIGHTS = "give this user the right to it, or name another path"
_REMEDIES = {
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: _RIGHTS,
    errno.ENOSPC: "free space, then run it again",
    errno.EDQUOT: "free space, then run it again",
    errno.ENAMETOOLONG: "name a shorter path",
}

# Typer hands it on under no name of its own; newer versions have taken click in.
_USAGE_ERROR: type[typer.BadParameter] = typer.BadParameter.__bases__[0]

_PARSERS_WORDS = re.compile(r"Invalid value(?: for '?(?P<name>[^':]+)'?)?: (?:Value error, )?(?P<problem>.*)")

_SIGNS = {Verdict.GOOD: "[green]ok[/]  ", Verdict.NOTE: "[yellow]note[/]", Verdict.BAD: "[red]BAD[/] "}


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"matdan {version('matdan')}")
        raise typer.Exit


@app.callback()
def whole(
    _version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Matdan: a predictive dialler and IVR engine for election call centres."""


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
    if report is not None:
        own = {} if directory is None else {"the demo's store": directory / STORE, "the demo's roll": directory / ROLL}
        refuse_unwritable(report, "--report", own)  # not only once the demo has run
    options = DemoOptions(for_seconds, headless, report, directory, voters, seats, seed)
    result = uvloop.run(run_demo(options, console))
    show_summary(result, console)
    if report is not None:
        console.print(f"report: {escape(str(report))}", soft_wrap=True)
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
    refuse_unfinished(settings, config)
    if (readable := others_may_read(settings, config)) is not None:
        typer.echo(f"dialer: {readable}", err=True)
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
        async for finding in check_site(settings, file=config):
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
        try:
            code = app(standalone_mode=False)  # else a mistake in an option would be told in a box of six lines
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # what is still to be written must fail here: later it would be a traceback
    except _USAGE_ERROR as error:
        _refuse_usage(error)
    except typer.Abort:  # a question that got no answer
        typer.echo("dialer: aborted; nothing was done", err=True)
        sys.exit(1)
    except KeyboardInterrupt:  # within a command typer makes this code of it
        sys.exit(INTERRUPTED)
    except (MatdanError, OSError) as error:
        _refuse(error)
    except ExceptionGroup as group:  # a task group wraps what ended it
        mendable, others = group.split((MatdanError, OSError))
        if others is not None or mendable is None:
            raise
        _refuse(_first(mendable))
    sys.exit(code)


def _refuse_usage(error: typer.BadParameter) -> NoReturn:
    """A mistake in the command itself. Where a command is missing its help has been shown already."""
    if type(error).__name__ != "NoArgsIsHelpError":
        path = error.ctx.command_path if error.ctx is not None else "dialer"
        typer.echo(f"dialer: {_plain(error.format_message())} (see {path} --help)", err=True)
    sys.exit(error.exit_code)


def _plain(message: str) -> str:
    """What the option parser says, in one line of plain words: "Invalid value for '--by': Value error, ..." is "--by: ..."."""
    found = _PARSERS_WORDS.fullmatch(" ".join(message.split()))
    if found is None:
        return " ".join(message.split())
    problem = re.sub(r"^Input should be a valid (integer|number)\b.*", _number_wanted, found["problem"])
    problem = re.sub(r"^Input should be ", "must be ", problem)
    return f"{found['name']}: {problem}" if found["name"] else problem


def _number_wanted(found: re.Match[str]) -> str:
    return "must be a whole number" if found[1] == "integer" else "must be a number"


def _first(group: ExceptionGroup[Exception]) -> MatdanError | OSError:
    inner = group.exceptions[0]
    if isinstance(inner, ExceptionGroup):
        return _first(inner)
    assert isinstance(inner, MatdanError | OSError)  # noqa: S101 - the group was split by these
    return inner


def _refuse(error: MatdanError | OSError) -> NoReturn:
    _drop_output()
    if isinstance(error, MatdanError):
        typer.echo(f"dialer: {error}", err=True)
        sys.exit(error.exit_code)
    if not isinstance(error, BrokenPipeError):  # whoever reads us has seen enough: nothing to tell
        typer.echo(f"dialer: {_told(error)}", err=True)
    sys.exit(1)


def _drop_output() -> None:
    """What standard output does not take any more is dropped, or the interpreter's own last flush would fail again."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _told(error: OSError) -> str:
    """A refusal of the system in one line: what, why, and what to do."""
    what = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    if not what and _was_printing(error.__traceback__):
        what = "standard output"
    where = f"{what}: " if what else ""
    why = error.strerror or str(error) or type(error).__name__
    remedy = _REMEDIES.get(error.errno or 0, "check the path and this user's rights to it" if where else "try again")
    return " ".join(f"{where}{why}; {remedy}".split())


def _was_printing(trace: TracebackType | None) -> bool:
    """Whether the error came of printing: such a one names no file."""
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(trace)]
    return bool(modules) and modules[-1].startswith((__name__, "click.", "rich.", "typer."))
