"""The command line: a table of commands, each imported when it is asked for.

A mistake that a person can mend is one line on standard error and exit code 2. What the system refuses where no command foresaw it
is one line too, with exit code 1.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Annotated, Any, Literal, NoReturn

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from dialer.cli.group import CommandGroup
from dialer.domain.errors import INTERRUPTED
from dialer.errors import MatdanError

COMMANDS = {
    "A centre": {
        "running:demo": "Run a complete centre on simulated lines: two campaigns, ten agents, a board.",
        "running:run": "Run the dialler with a real Asterisk until SIGTERM or Ctrl-C; live calls may end first.",
        "desk:app": "The desk: serve the pages for supervisors and agents, create a certificate, build the pages in a clone.",
        "command:app": "Send a command to a running dialler over its broker, and print the reply.",
        "board:board": "Show a running centre on this terminal until Ctrl-C, or once if there is no terminal.",
        "uplink:uplink": (
            "Stay connected to headquarters until SIGTERM or Ctrl-C: send results, receive updates of other centres."
        ),
        "uplink:carry": "Write pending messages for headquarters to a signed file, to be carried there while the line is down.",
        "hq:app": "Headquarters of many centres: gatherer, pages, keys, orders, bundles.",
        "running:check": "Check whether everything that a site needs is there.",
        "running:doctor": (
            "Check a running site: processes, store, disk, backups, clocks, certificates, trunks, phones, broker."
        ),
        "monitoring:app": "Files for a monitoring server: alerting rules for Prometheus, a dashboard for Grafana.",
        "report:app": "Reports, as a table, CSV, JSON, XLSX or PDF.",
        "simulate:simulate": "Simulate a call centre's day under several pacing policies, in seconds.",
        "rehearsal:rehearse": "Rehearse the site's polling day on simulated lines, and judge whether it is ready.",
    },
    "Setting up: the telephony administrator": {
        "init:init": ("Write the settings of a new centre, with generated secrets and PINs."),
        "install:install": "Install the site as services: user, folders, systemd units, Asterisk's and the broker's files.",
        "install:uninstall": "Stop the services, and remove what `install` installed.",
        "asterisk:app": "Asterisk's configuration: write it, and check an existing one.",
        "mqtt:app": "The MQTT broker: write its configuration, create keys for signing commands.",
        "user:app": ("Users of the pages and of commands: roles and passwords."),
        "agent:app": "Agents: their PINs, and the tones on their phones.",
        "backup:backup": ("Back up the store and the desk's file, also while the dialler runs."),
        "backup:restore": ("Restore a backup where there is no store, with every campaign stopped."),
        "store:app": "The store's encryption: create a key, encrypt, decrypt, change the key.",
    },
    "Flows and recordings: the media team": {
        "audio:app": "Recordings: prepare and approve them, see what is missing.",
        "flow:app": "Flows: list, check, draw and try them.",
        "script:app": "Agents' scripts: list, check and show them.",
        "recordings:app": "Recorded calls: erase old ones.",
    },
    "Rolls and lists: the data team": {
        "roll:import_": "Import a roll, all or nothing.",
        "source:app": ("Voter-data portals: import their exports, send them results."),
        "roll:sample_roll": (
            "Write a synthetic roll in Indian languages, with fictitious people and numbers that must not be dialled."
        ),
        "roll:weights": "Import voters' weights, which affect the order of calls; the default is 1.",
        "roll:workers": "Booth workers, who are called for the serials of people who have voted.",
        "list:app": "Lists of voters for the booth workers.",
        "marks:app": "Marks of voters: who has voted, and who reported it.",
        "turnout:app": ("Official turnout during the poll; `dialer report turnout` shows it."),
    },
    "Rules and records: the compliance officer": {
        "rules:app": "The rules in force, and why a person can or cannot be called.",
        "numbers:optout": "Suppressed numbers, which no campaign calls.",
        "numbers:register": "Do-not-call registers.",
        "numbers:consent": "Consent to be called.",
        "complaint:app": (
            "Complaints about calls; `dialer report complaints` lists them, `dialer report compliance` counts them."
        ),
        "unknown:app": "Attempts with an unknown result, and their release.",
        "audit:app": "The audit: a hash chain of imports, exports, commands, logins and changes.",
        "erase:erase": "Erase a number, the data of its voters, and agents' notes on them.",
        "erase:purge": "Erase personal data once the election is over, except what the profile requires to keep.",
    },
}
"""Every command, by who needs it: the order of the help. "module:name" is a function of that name in a module of this room,
"module:app" a Typer that groups several under the module's; with what the help says of it before anything of it is imported. A test
holds the summaries against the commands' own words.
"""


def name_of(place: str) -> str:
    """What a person types for a command of the table."""
    module, _, attribute = place.partition(":")
    return module if attribute == "app" else attribute.rstrip("_").replace("_", "-")


class OnDemand(dict[str, Any]):
    """The commands by name, each imported when it is first asked for: a command starts as fast as what it needs."""

    def __getitem__(self, name: str) -> Any:
        return _loaded(name, *super().__getitem__(name))

    def get(self, name: str, default: Any = None) -> Any:
        """As a dict's."""
        found = super().get(name)
        return default if found is None else _loaded(name, *found)


_MARKUP: Literal["markdown"] = "markdown"  # rich's own takes `[[agents]]` for a tag, and does not show it


@cache
def _loaded(name: str, place: str, summary: str) -> Any:
    module, _, attribute = place.partition(":")
    found = getattr(import_module(f"dialer.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        found.info.help = summary
        found.rich_markup_mode = _MARKUP
        command: Any = typer.main.get_group(found)
    else:
        alone = CommandGroup(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=_MARKUP)
        alone.command(name)(found)
        command = typer.main.get_command(alone)
    command.name = name
    return command


class Commands(TyperGroup):
    """The commands of `dialer`; its own help imports none of them."""

    def __init__(self, **attributes: Any) -> None:
        places = {name_of(place): (place, summary) for some in COMMANDS.values() for place, summary in some.items()}
        super().__init__(**{**attributes, "commands": OnDemand(places)})

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Each command's summary, by who needs it."""
        on_demand, self.commands = (
            self.commands,
            {
                name_of(place): TyperCommand(name_of(place), help=summary, rich_help_panel=panel)
                for panel, some in COMMANDS.items()
                for place, summary in some.items()
            },
        )
        try:
            super().format_help(ctx, formatter)
        finally:
            self.commands = on_demand


app = typer.Typer(
    name="dialer",
    cls=Commands,
    help="Matdan: a predictive dialler and IVR engine for election call centres.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

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


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"matdan {version('matdan')}")
        raise typer.Exit


@app.callback()
def whole(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Matdan: a predictive dialler and IVR engine for election call centres."""


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
        first: BaseException = mendable
        while isinstance(first, ExceptionGroup):
            first = first.exceptions[0]
        assert isinstance(first, MatdanError | OSError)  # noqa: S101 - the group was split by these
        _refuse(first)
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


def _refuse(error: MatdanError | OSError) -> NoReturn:
    _drop_output()
    if isinstance(error, MatdanError):
        typer.echo(f"dialer: {error}", err=True)
        sys.exit(error.exit_code)
    if not isinstance(error, BrokenPipeError):  # whoever reads us has seen enough: nothing to tell
        typer.echo(f"dialer: {_one_line(error)}", err=True)
    sys.exit(1)


def _drop_output() -> None:
    """What standard output does not take any more is dropped, or the interpreter's own last flush would fail again."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _one_line(error: OSError) -> str:
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
