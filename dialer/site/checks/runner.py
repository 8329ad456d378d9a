"""Runs checks one after the other, in threads. An error that a check raises becomes a check result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, replace

from dialer.domain.finding import Finding, make_error_finding
from dialer.domain.translatable import get_error_text, translatable
from dialer.errors import MatdanError, SettingMistakes


@dataclass(frozen=True, slots=True)
class Check:
    """A check of one subject, such as the broker. A MatdanError or OSError that `run` raises becomes a check result."""

    subject: str  # subject of the finding if `run` raises
    run: Callable[[], Iterable[Finding] | AsyncIterator[Finding]]
    """Called in a thread. A check that waits for another program returns an async iterator, which runs in the event loop."""
    server: str = ""  # the checked Asterisk server, if a site has several; part of each finding's subject

    def add_server_name_to_finding(self, finding: Finding) -> Finding:
        """Return a check result with the name of the Asterisk server in its subject."""
        return replace(finding, subject=f"server {self.server}: {finding.subject}") if self.server else finding


async def run_checks(checks: Iterable[Check]) -> AsyncIterator[Finding]:
    """Run checks one after the other, and yield their results.

    A problem of the site becomes a result and is never raised.
    """
    for check in checks:
        findings = await asyncio.to_thread(_run_or_start_check, check)
        if isinstance(findings, list):
            for finding in findings:
                yield check.add_server_name_to_finding(finding)
            continue
        try:
            async for finding in findings:
                yield check.add_server_name_to_finding(finding)
        except (MatdanError, OSError) as problem:
            for finding in convert_error_to_findings(check.subject, problem):
                yield check.add_server_name_to_finding(finding)


def _run_or_start_check(check: Check) -> list[Finding] | AsyncIterator[Finding]:
    """Run a blocking check and return its results, or start an async check and return an iterator over its results.

    An error that ends the check becomes the last result.
    """
    findings: list[Finding] = []
    try:
        result = check.run()
        if isinstance(result, AsyncIterator):
            return result
        for finding in result:
            findings.append(finding)  # one by one, to keep the findings before an error
    except (MatdanError, OSError) as problem:
        findings += convert_error_to_findings(check.subject, problem)
    return findings


def convert_error_to_findings(subject: str, problem: MatdanError | OSError) -> list[Finding]:
    """Convert an error to check results.

    SettingMistakes gives one result for each mistake. An OSError gives a result that names the file that cannot be
    read.
    """
    if isinstance(problem, SettingMistakes):
        return [make_error_finding(subject, get_error_text(each)) for each in problem.mistakes]
    if isinstance(problem, MatdanError):
        return [make_error_finding(subject, get_error_text(problem))]
    file = "a file" if problem.filename is None else str(problem.filename)
    reason = problem.strerror or str(problem)
    text = translatable("file-unreadable", "{file} cannot be read ({reason})", file=file, reason=reason)
    remedy = translatable("check-path-and-permissions", "check the path and this user's permissions")
    return [make_error_finding(subject, text, remedy)]
