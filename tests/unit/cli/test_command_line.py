"""The commands of `dialer` in the help, and which modules each command imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from dialer import __version__
from dialer.cli.main import COMMANDS, app, format_command_name
from tests.support.command_line import run
from tests.support.roll_filler import fill_roll

SUMMARIES = {format_command_name(place): summary for some in COMMANDS.values() for place, summary in some.items()}


@pytest.mark.parametrize("name", SUMMARIES)
def test_help_of_dialer_lists_each_command_with_the_first_sentence_of_its_help(name: str) -> None:
    group: Any = typer.main.get_command(app)
    command = group.commands[name]
    assert command.get_short_help_str(200) == SUMMARIES[name]


def test_help_text_prints_double_brackets_of_settings_tables() -> None:
    assert "[[supervisors]]" in run("mqtt", "key", "--help")[1]
    assert "[[agents]]" in run("agent", "--help")[1]


def list_command_paths(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of `dialer` itself, of each group and of each command, without the dialler's commands."""
    yield path
    for name in group.list_commands(None) if hasattr(group, "list_commands") and path != ("command",) else ():
        yield from list_command_paths(group.commands[name], (*path, name))


HEAVY = {
    "aiomqtt", "asyncio", "av", "dialer.engine", "dialer.mqtt", "dialer.reports", "dialer.settings", "dialer.store",
    "fastapi", "fpdf", "jinja2", "nats", "numpy", "phonenumbers", "pydantic", "rich", "sqlite3", "structlog", "uvloop",
    "yaml",
}  # fmt: skip
"""Packages that make a command slow to start, and that its help does not need."""
ALLOWED: dict[tuple[str, ...], set[str]] = {("command",): {"dialer.engine", "dialer.settings", "pydantic"}}
"""`dialer command --help` lists the engine's commands, which are pydantic models."""

RUN_AND_PRINT_IMPORTS = """
import contextlib, io, json, sys
from dialer.cli.main import main

loaded = set()
for arguments, heavy in json.loads(sys.argv[1]):
    sys.argv = ["dialer", *arguments]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main()
    new = {*heavy} & sys.modules.keys() - loaded
    if new:
        print(*sys.argv, "imports", *sorted(new))
    loaded |= new
"""


def test_help_of_a_command_does_not_import_modules_needed_only_for_its_execution() -> None:
    paths = sorted(list_command_paths(typer.main.get_command(app)), key=lambda path: path in ALLOWED)  # those last
    assert ("report", "calls") in paths
    runs = [(["--version"], sorted(HEAVY))]
    runs += [([*path, "--help"], sorted(HEAVY - ALLOWED.get(path, set()))) for path in paths]
    ran = subprocess.run(
        [sys.executable, "-c", RUN_AND_PRINT_IMPORTS, json.dumps(runs)], capture_output=True, text=True, check=True
    )
    assert (ran.stdout, ran.stderr) == ("", "")


def test_help_of_dialer_command_neither_builds_pydantic_validators_nor_creates_subcommands() -> None:
    """Both would take as long as all the rest of the help. Building the first validator imports importlib.metadata."""
    code = (
        "import sys\nimport dialer.cli.command as module\nfrom dialer.cli.main import main\n"
        "sys.argv = ['dialer', 'command', '--help']\nmodule.create_command = None\n"
        "try:\n    main()\nfinally:\n    print('importlib.metadata' in sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "False"
    assert "  pause " in ran.stdout


def test_report_command_imports_neither_the_engine_nor_unused_libraries(tmp_path: Path) -> None:
    fill_roll(tmp_path / "centre.db", 10)
    unused = sorted(HEAVY - {"dialer.reports", "dialer.settings", "dialer.store", "pydantic", "rich", "sqlite3"})
    run_once = [
        (
            ["report", "calls", "--store", str(tmp_path / "centre.db")],
            [*unused, "dialer.domain.view", "dialer.pacing", "pydantic_settings"],
        )
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MATDAN_")}
    ran = subprocess.run(
        [sys.executable, "-c", RUN_AND_PRINT_IMPORTS, json.dumps(run_once)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert (ran.stdout, ran.stderr) == ("", "")


def test_version_is_printed_without_importing_typer() -> None:
    code = (
        "import sys\nfrom dialer.__main__ import main\nsys.argv = ['dialer', '--version']\nmain()\n"
        "print(sorted({'typer', 'importlib.metadata'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == f"matdan {__version__}\n[]\n"


def test_a_command_exits_without_searching_modules_for_garbage() -> None:
    """The search would take a quarter of the CPU time of a short command."""
    code = (
        "import atexit, gc, sys\nfrom dialer.__main__ import main\nsys.argv = ['dialer', 'report', '--help']\n"
        "atexit.register(lambda: print(len(gc.get_objects()) < gc.get_freeze_count()))\nmain()\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "True"
