"""The `dialer` command. It imports each subcommand only when it is used.

Errors that the user can correct are printed in one line, with exit code 2. Other errors of the operating system are
printed in one line, with exit code 1.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Any, NoReturn

import typer
import typer.main

from dialer import __version__
from dialer.cli.group import GroupWithPlainHelp, LazyCommands, create_command
from dialer.domain.errors import INTERRUPTED
from dialer.errors import MatdanError, SettingError

COMMANDS = {
    "A centre": {
        "demo=running:run_demo_centre": (
            "Run a complete centre on simulated lines: two campaigns, ten agents, and a live status board."
        ),
        "run=running:run_dialler": "Run the dialler with a real Asterisk until SIGTERM or Ctrl-C.",
        "desk:app": "Serve the pages for supervisors and agents, create their certificate, or build them from source.",
        "command:app": "Send a command to a running dialler through its broker, and print the reply.",
        "board=board:show_centre_on_terminal": (
            "Show a running centre on this terminal until Ctrl-C, or once if the output is not a terminal."
        ),
        "uplink=uplink:connect_centre_to_headquarters": (
            "Stay connected to headquarters until SIGTERM or Ctrl-C: send results, receive updates of other centres."
        ),
        "carry=uplink:export_messages_for_headquarters": (
            "Export pending messages for headquarters to a signed file while the connection is down."
        ),
        "hq:app": "Run the headquarters of many centres: database, pages, keys, orders, campaign material.",
        "check=running:check_site_before_start": "Check settings, files and services before the dialler starts.",
        "doctor=running:check_running_centre": (
            "Check a running site: processes, store, disk, backups, clocks, certificates, trunks, phones, broker."
        ),
        "monitoring:app": "Print alerting rules for Prometheus or a dashboard for Grafana.",
        "report:app": "Print reports, or write them as CSV, JSON, XLSX or PDF.",
        "simulate=simulate:simulate_calling_day": (
            "Simulate a call centre's day under several pacing policies, within seconds."
        ),
        "rehearse=rehearsal:rehearse_polling_day": (
            "Rehearse the site's polling day on simulated lines, and judge whether it is ready."
        ),
    },
    "Setting up: the telephony administrator": {
        "init=init:write_settings_of_new_centre": (
            "Write the settings of a new centre, with generated secrets and PINs, and create the key that signs its first records."
        ),
        "install=install:install_site_as_services": (
            "Install the site as services: user, folders, systemd units, Asterisk's and the broker's files."
        ),
        "uninstall=install:uninstall_site_services": "Stop the services, and remove what `install` installed.",
        "asterisk:app": "Write or check Asterisk's configuration.",
        "trunk:app": "Test a trunk by a call to your own phone.",
        "mqtt:app": "Write the MQTT broker's configuration, or create a key for signing commands.",
        "user:app": ("Manage users of the pages and of commands: roles and passwords."),
        "agent:app": "Hash agents' PINs, and write the tones for their phones.",
        "backup=backup:back_up_store": (
            "Back up the store (the centre's database), and the file with the pages' accounts and notes."
        ),
        "restore=backup:restore_store_from_backup": (
            "Restore a backup after the store (the centre's database) was lost, with every campaign stopped."
        ),
        "store:app": "Encrypt or decrypt the store, or change its key.",
    },
    "Flows and recordings: the media team": {
        "audio:app": "Prepare and approve recordings, and list missing ones.",
        "flow:app": "List, check, draw and try flows.",
        "script:app": "List, check and show agents' scripts.",
        "recordings:app": "Erase old recordings of calls.",
    },
    "Rolls and lists: the data team": {
        "import=roll:import_electoral_roll": "Import a roll (list of voters), all or nothing.",
        "source:app": ("Import exports of voter-data portals, and send results to them."),
        "sample-roll=roll:write_synthetic_roll": (
            "Write a synthetic roll in Indian languages, with fictitious people and numbers that must not be dialled."
        ),
        "weights=roll:import_calling_weights_of_voters": "Import voters' weights, by which campaigns order their calls.",
        "workers=roll:workers": "Import booth workers, who are called for the serial numbers of people who have voted.",
        "list:app": "Write lists of voters for the booth workers.",
        "marks:app": "Import, correct and show what is recorded about voters (marks), such as who has voted.",
        "turnout:app": "Enter or import official turnout during the poll.",
    },
    "Rules and records: the compliance officer": {
        "rules:app": "Show the rules in force, and why a person can or cannot be called.",
        "optout=numbers:optout": "Record opt-outs: numbers that no campaign calls.",
        "register=numbers:register": "Import do-not-call registers.",
        "consent=numbers:consent": "Import lists of people who gave or withdrew consent to calls.",
        "complaint:app": "Record complaints about calls, and what was done about them.",
        "unknown:app": "List attempts with an unknown result, and release their numbers.",
        "audit:app": "List and verify the audit, a hash chain of imports, exports, commands, logins and changes.",
        "erase=erase:erase_phone_number": "Erase a phone number, the data of its voters, and the notes on them.",
        "purge=erase:erase_personal_data_after_election": (
            "Erase personal data once the election is over, except records that the profile requires to keep."
        ),
    },
}
"""Every command's location and summary, grouped by the role that uses it, in the order of the help.

"name=module:function" is a command `name`, which a module of this package defines. "module:app" is a Typer group named after its
module. The summaries are written here because the help shows them without importing the commands. A test compares them with the
commands' docstrings.
"""


def format_command_name(place: str) -> str:
    """Return the name that a user types for an entry of `COMMANDS`: "erase" for "erase=erase:erase_phone_number"."""
    name, _, attribute = place.rpartition("=")
    return name or attribute.partition(":")[0]


@cache
def _load_command(name: str) -> Any:
    place, summary = _PLACES[name]
    module, _, attribute = place.rpartition("=")[2].partition(":")
    found = getattr(import_module(f"dialer.cli.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        return create_command(name, found)
    found.info.help = summary
    group = typer.main.get_group(found)
    group.name = name
    return group


_PLACES = {
    format_command_name(place): (place, summary) for some in COMMANDS.values() for place, summary in some.items()
}


class LazyCommandGroup(GroupWithPlainHelp):
    """The top-level group of `dialer`, whose help lists all commands without importing them."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**{**attributes, "commands": LazyCommands(_PLACES, _load_command)})

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Print the version or the help if the first argument is --version or --help."""
        if args[:1] == ["--version"]:
            typer.echo(f"matdan {__version__}")
            ctx.exit()
        return super().parse_args(ctx, args)

    def list_options_of_group(self) -> list[tuple[str, str]]:
        """Return the options of `dialer` with their help."""
        return [("--version", "Print the version and exit."), *super().list_options_of_group()]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of the commands, grouped by role, without importing any of them."""
        for role, some in COMMANDS.items():
            with formatter.section(role):
                formatter.write_dl([(format_command_name(place), summary) for place, summary in some.items()])


app = typer.Typer(
    name="dialer",
    cls=LazyCommandGroup,
    help="Matdan: a predictive dialler and IVR engine for election call centres.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    add_help_option=False,
)


@app.callback()
def define_dialer_command() -> None:
    """Do nothing. Because of this callback, Typer treats `dialer` as a group of commands."""


_NO_PERMISSION = "give this user permission, or choose another path"
_REMEDIES = {
    errno.EACCES: _NO_PERMISSION,
    errno.EPERM: _NO_PERMISSION,
    errno.EROFS: _NO_PERMISSION,
    errno.ENOSPC: "free some disk space, then run the command again",
    errno.EDQUOT: "free some disk space, then run the command again",
    errno.ENAMETOOLONG: "choose a shorter path",
}

# Click's UsageError. Typer does not export it, and newer versions of Typer contain a copy of click.
_USAGE_ERROR: type[typer.BadParameter] = typer.BadParameter.__bases__[0]

_USAGE_MESSAGE = re.compile(r"Invalid value(?: for '?(?P<name>[^':]+)'?)?: (?:Value error, )?(?P<problem>.*)")


def main() -> None:
    """Run the `dialer` command and exit. It is the entry point of the package."""
    try:
        try:
            code = app(standalone_mode=False)  # standalone, Typer prints a usage error in a frame of six lines
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # a write error must surface here: at interpreter exit it would print a traceback
    except _USAGE_ERROR as error:
        _exit_with_usage_error(error)
    except typer.Abort:  # the user left a question without an answer
        typer.echo("dialer: aborted; nothing was changed", err=True)
        sys.exit(1)
    except KeyboardInterrupt:  # pressed outside a command; inside one, Typer exits with the same code
        sys.exit(INTERRUPTED)
    except (MatdanError, OSError) as error:
        _exit_with_error(error)
    except ExceptionGroup as group:  # a task group wraps the error that ended it
        expected, others = group.split((MatdanError, OSError))
        if others is not None or expected is None:
            raise
        first: BaseException = expected
        while isinstance(first, ExceptionGroup):
            first = first.exceptions[0]
        assert isinstance(first, MatdanError | OSError)  # noqa: S101 - the group was split by these
        _exit_with_error(first)
    sys.exit(code)


def _exit_with_usage_error(error: typer.BadParameter) -> NoReturn:
    """Print a usage error, or the help of a group if no subcommand was given, and exit."""
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.message)
    else:
        path = error.ctx.command_path if error.ctx is not None else "dialer"
        typer.echo(f"dialer: {_shorten_usage_error(error.format_message())} (see {path} --help)", err=True)
    sys.exit(error.exit_code)


def _shorten_usage_error(message: str) -> str:
    """Return Typer's message in one short line: "--by: ..." for "Invalid value for '--by': Value error, ..."."""
    found = _USAGE_MESSAGE.fullmatch(" ".join(message.split()))
    if found is None:
        return " ".join(message.split())
    problem = re.sub(r"^Input should be a valid (integer|number)\b.*", _describe_expected_number, found["problem"])
    problem = re.sub(r"^Input should be ", "must be ", problem)
    return f"{found['name']}: {problem}" if found["name"] else problem


def _describe_expected_number(found: re.Match[str]) -> str:
    return "must be a whole number" if found[1] == "integer" else "must be a number"


def _exit_with_error(error: MatdanError | OSError) -> NoReturn:
    _discard_unwritable_output()
    if isinstance(error, SettingError):
        from dialer.settings.site import add_settings_line_to_error

        error = add_settings_line_to_error(error)
    if isinstance(error, MatdanError):
        typer.echo(f"dialer: {error}", err=True)
        sys.exit(error.exit_code)
    if not isinstance(error, BrokenPipeError):  # the reader of our output, such as `head`, has closed it: no error
        typer.echo(f"dialer: {_format_os_error(error)}", err=True)
    sys.exit(1)


def _discard_unwritable_output() -> None:
    """Redirect standard output to /dev/null if it cannot be written, so that the flush at exit does not fail again."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        with Path(os.devnull).open("wb") as devnull:
            os.dup2(devnull.fileno(), sys.stdout.fileno())


def _format_os_error(error: OSError) -> str:
    """Format an error of the operating system in one line: what failed, the path, the reason, and what to do."""
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    if not path and _is_output_error(error.__traceback__):
        path = "standard output"
    what = f"{path} cannot be accessed" if path else "the operating system reported an error"
    why = error.strerror or str(error) or type(error).__name__
    remedy = _REMEDIES.get(
        error.errno or 0, "check the path and this user's permissions" if path else "run the command again"
    )
    return " ".join(f"{what} ({why}): {remedy}".split())


def _is_output_error(trace: TracebackType | None) -> bool:
    """Return whether an OSError was raised while printing: such an error has no file name."""
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(trace)]
    return bool(modules) and modules[-1].startswith((__name__, "click.", "rich.", "typer."))
