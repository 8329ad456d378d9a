"""Commands run as from a shell: their exit code, and what a person reads."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner, Result

from dialer.cli.main import app
from dialer.errors import MatdanError


def ran(*arguments: str | Path, given: str = "") -> Result:
    """The command, with `given` on its standard input. Raises AssertionError where it failed and refused nothing."""
    result = CliRunner().invoke(app, [*map(str, arguments)], input=given)
    assert result.exception is None or isinstance(result.exception, MatdanError | SystemExit), result.exception
    return result


def run(*arguments: str | Path, given: str = "") -> tuple[int, str]:
    """The exit code and the output, or the line of a refusal."""
    result = ran(*arguments, given=given)
    if isinstance(result.exception, MatdanError):
        return result.exception.exit_code, str(result.exception)
    return result.exit_code, result.output


def told_by(*arguments: str | Path) -> tuple[int, str]:
    """The exit code and what a person would be told on standard error."""
    result = ran(*arguments)
    if isinstance(result.exception, MatdanError):
        return result.exception.exit_code, str(result.exception)
    return result.exit_code, result.stderr.strip()
