"""The commands of `dialer` in the help, and which modules each command imports."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import typer.main

from dialer.cli.main import COMMANDS, app, format_command_name
from tests.support.command_line import run

SUMMARIES = {format_command_name(place): summary for some in COMMANDS.values() for place, summary in some.items()}


@pytest.mark.parametrize("name", SUMMARIES)
def test_help_of_dialer_lists_each_command_with_the_first_sentence_of_its_help(name: str) -> None:
    group: Any = typer.main.get_command(app)
    command = group.commands[name]
    assert command.get_short_help_str(200) == SUMMARIES[name]


def test_help_shows_settings_tables_in_double_brackets() -> None:
    assert "[[supervisors]]" in run("mqtt", "key", "--help")[1]
    assert "[[agents]]" in run("agent", "--help")[1]


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("flow", "try", "--help")])
def test_help_and_version_options_do_not_import_the_engine(arguments: tuple[str, ...]) -> None:
    code = (
        "import sys\n"
        "from dialer.cli.main import main\n"
        f"sys.argv = ['dialer', *{arguments!r}]\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "heavy = ('dialer.engine', 'dialer.store', 'numpy', 'av', 'fpdf', 'sqlite3', 'uvloop')\n"
        "print('imported:', sorted(name for name in heavy if name in sys.modules), file=sys.stderr)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr.strip().endswith("imported: []"), ran.stderr
