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
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Annotated, Any, NoReturn

import typer
import uvloop
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup
from typer.main import get_command, get_group

from config.errors import MatdanError
from config.settings import load_settings
from config.unfinished import others_may_read, refuse_unfinished
from dialer.cli.logs import json_logging, quiet_logging
from dialer.domain.errors import INTERRUPTED
from dialer.domain.output import refuse_unwritable

_COMMANDS = {
    "audio": "dialer.cli.audio:app",
    "asterisk": "dialer.cli.asterisk:app",
    "mqtt": "dialer.cli.mqtt:app",
    "agent": "dialer.cli.agent:app",
    "flow": "dialer.cli.flow:app",
    "report": "dialer.cli.report:app",
    "recordings": "dialer.cli.recordings:app",
    "list": "dialer.cli.lists:app",
    "marks": "dialer.cli.marks:app",
    "turnout": "dialer.cli.turnout:app",
    "complaint": "dialer.cli.complaint:app",
    "audit": "dialer.cli.audit:app",
    "rules": "dialer.cli.rules:app",
    "optout": "dialer.cli.numbers:optout_app",
    "register": "dialer.cli.numbers:register_app",
    "unknown": "dialer.cli.unknown:app",
    "consent": "dialer.cli.numbers:consent_app",
    "store": "dialer.cli.store:app",
    "workers": "dialer.cli.roll:app",
    "import": "dialer.cli.roll:import_roll",
    "weights": "dialer.cli.roll:weights",
    "sample-roll": "dialer.cli.roll:sample_roll",
    "simulate": "dialer.cli.simulate:simulate_command",
    "rehearse": "dialer.cli.rehearsal:rehearse",
    "erase": "dialer.cli.erase:erase",
    "purge": "dialer.cli.erase:purge",
}
"""Commands and groups of them, by name: where each stands. Imported where it is asked for: `dialer run` needs none of them."""


class _Commands(TyperGroup):
    """The commands of this file, and those of `_COMMANDS`."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # typer has its click under a name of its own
        """Every name, this file's first."""
        return [*(name for name in super().list_commands(ctx) if name not in _COMMANDS), *_COMMANDS]

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]  # the same
        """The command of that name; None: there is none, and the ones like it are to be suggested."""
        for name in (cmd_name,) if cmd_name in {*_COMMANDS, *self.commands} else tuple(_COMMANDS):
            if name not in self.commands:
                module, _, found = _COMMANDS[name].partition(":")
                self.commands[name] = _loaded(name, getattr(import_module(module), found))
        return super().get_command(ctx, cmd_name)


def _loaded(name: str, found: typer.Typer | Callable[..., object]) -> Any:
    """A group, or one function as a command."""
    if isinstance(found, typer.Typer):
        command: Any = get_group(found)
    else:
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(name)(found)
        command = get_command(alone)
    command.name = name
    return command


app = typer.Typer(
    name="dialer",
    cls=_Commands,
    help="Matdan: a predictive dialler and IVR engine for election call centres.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

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

_SIGNS = {"good": "[green]ok[/]  ", "note": "[yellow]note[/]", "bad": "[red]BAD[/] "}


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
    from dialer.rehearsal.demo import ROLL, STORE, DemoOptions, run_demo, show_summary  # noqa: PLC0415 - as `_COMMANDS`

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
    from dialer.app import run_centre  # noqa: PLC0415 - as `_COMMANDS`

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
    from dialer.site.check import check_site  # noqa: PLC0415
    from dialer.site.checks.finding import Verdict  # noqa: PLC0415 - as `_COMMANDS`

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
                console.print(f"{_SIGNS[finding.verdict.value]} {finding.what}: {escape(finding.text)}", soft_wrap=True)
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
