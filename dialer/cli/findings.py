"""Printing the results of checks (findings) in the same way for every command."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import nullcontext
from dataclasses import asdict
from typing import Annotated, NoReturn

import typer

from dialer.domain.finding import Finding, Level

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

_LABELS = {Level.OK: "[green]ok[/]     ", Level.WARNING: "[yellow]warning[/]", Level.ERROR: "[red]ERROR[/]  "}


class FindingPrinter:
    """A printer of check results (findings), as lines of text or as one JSON object per line."""

    def __init__(self, *, as_json: bool = False) -> None:
        from rich.console import Console

        self.console = Console()
        self._as_json = as_json
        self.count = 0
        self.errors = 0

    def print_finding(self, finding: Finding) -> None:
        """Print one check result."""
        self.count += 1
        self.errors += finding.level is Level.ERROR
        if self._as_json:
            typer.echo(json.dumps(asdict(finding), ensure_ascii=False))
            return
        self.console.print(_LABELS[finding.level], end=" ")
        self.console.print(str(finding), soft_wrap=True, markup=False, highlight=False)
        for detail in finding.details:
            self.console.print(f"          - {detail}", soft_wrap=True, markup=False, highlight=False)

    def print_findings(self, findings: Iterable[Finding]) -> None:
        """Print several check results."""
        for finding in findings:
            self.print_finding(finding)

    async def print_findings_as_they_arrive(self, findings: AsyncIterator[Finding]) -> None:
        """Print each check result as soon as the check reports it. A terminal also shows a spinner until the checks
        end.
        """
        waiting = self.console.is_terminal and not self._as_json
        with self.console.status("checking") if waiting else nullcontext():
            async for finding in findings:
                self.print_finding(finding)

    def exit_with_success_or_error(self) -> NoReturn:
        """End the command. The exit code is 1 if an error was printed, otherwise 0."""
        raise typer.Exit(1 if self.errors else 0)
