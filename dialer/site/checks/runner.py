"""The runner of checks: one after the other, off the event loop, with errors reported as findings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, replace

from dialer.domain.finding import Finding, error
from dialer.errors import MatdanError, SettingMistakes


@dataclass(frozen=True, slots=True)
class Check:
    """A check of one subject. `run` may raise MatdanError and OSError, which become findings."""

    subject: str  # of the finding where `run` raises
    run: Callable[[], Iterable[Finding] | AsyncIterator[Finding]]
    """Called in a thread; a check that waits for another program returns an async iterator, used in the event loop."""
    server: str = ""  # the Asterisk server that is checked, where a site has several; part of each finding's subject

    def named(self, finding: Finding) -> Finding:
        """Return the finding with the server in its subject."""
        return replace(finding, subject=f"server {self.server}: {finding.subject}") if self.server else finding


async def run_checks(checks: Iterable[Check]) -> AsyncIterator[Finding]:
    """Run the checks in turn and yield what they find. Never raises for what is wrong with a site."""
    for check in checks:
        findings = await asyncio.to_thread(_run, check)
        if isinstance(findings, list):
            for finding in findings:
                yield check.named(finding)
            continue
        try:
            async for finding in findings:
                yield check.named(finding)
        except (MatdanError, OSError) as problem:
            for finding in failed(check.subject, problem):
                yield check.named(finding)


def _run(check: Check) -> list[Finding] | AsyncIterator[Finding]:
    """Return what a blocking check finds, up to an error and with it; of another one the iterator that it returns."""
    findings: list[Finding] = []
    try:
        result = check.run()
        if isinstance(result, AsyncIterator):
            return result
        for finding in result:
            findings.append(finding)  # not `extend`: what was found before an error counts
    except (MatdanError, OSError) as problem:
        findings += failed(check.subject, problem)
    return findings


def failed(subject: str, problem: MatdanError | OSError) -> list[Finding]:
    """Return the findings for an error: what is to be corrected, or a file that this user may not read."""
    if isinstance(problem, SettingMistakes):
        return [error(subject, str(each)) for each in problem.mistakes]
    if isinstance(problem, MatdanError):
        return [error(subject, str(problem))]
    where = f"{problem.filename} " if problem.filename is not None else ""
    text = f"{where}cannot be read ({problem.strerror or problem})"
    return [error(subject, text, "check the path and this user's permissions")]
