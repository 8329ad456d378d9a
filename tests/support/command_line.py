"""Runs commands of the command line: exit codes and printed texts."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner, Result

from dialer.cli.main import app
from dialer.errors import MatdanError


def run_with_input(*arguments: str | Path, given: str = "") -> Result:
    """Run a command with `given` on standard input. Raises AssertionError if it crashed."""
    result = CliRunner().invoke(app, [*map(str, arguments)], input=given)
    assert result.exception is None or isinstance(result.exception, MatdanError | SystemExit), result.exception
    return result


def run(*arguments: str | Path, given: str = "") -> tuple[int, str]:
    """Run a command. Return its exit code and its output or error."""
    result = run_with_input(*arguments, given=given)
    if isinstance(result.exception, MatdanError):
        return result.exception.exit_code, str(result.exception)
    return result.exit_code, result.output


def run_for_error(*arguments: str | Path) -> tuple[int, str]:
    """Run a command. Return its exit code and its standard error."""
    result = run_with_input(*arguments)
    if isinstance(result.exception, MatdanError):
        return result.exception.exit_code, str(result.exception)
    return result.exit_code, result.stderr.strip()
