"""`dialer audit`: whether what was done is as it was written, row by row and entry by entry, and what stands in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import NamedSite
from dialer.cli.report import ReportOfTime
from dialer.reports.formats import Column, ColumnKind, Report
from dialer.store import audit, seal_verification
from dialer.store.connection import Connection

app = CommandGroup()

_NAMED = 100


@app.command()
def verify(
    site: NamedSite,
    head: Annotated[
        str | None,
        typer.Option(metavar="NUMBER:DIGEST", help="A head noted earlier, to check that nothing was cut off since."),
    ] = None,
) -> None:
    """Verify the audit's hash chain, and the seals of all attempts, marks, opt-outs and consents.

    Prints what was changed, removed or added without the dialler, and the head of the chain, to be noted elsewhere.
    Exit 1 if anything was.
    """
    noted = None if head is None else _noted(head)
    with site.reading() as db:
        verdict = seal_verification.verify(db, noted)
    for line in _lines(verdict):
        typer.echo(line)
    if not verdict.intact:
        raise typer.Exit(1)


@app.command(name="list")
def listed(
    report: ReportOfTime,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind. Repeatable. [default: all but seal]")] = None,
    who: Annotated[str | None, typer.Option(help="Only entries of this person or component.")] = None,
) -> None:
    """List the audit: imports, exports, commands, logins, changed settings and more."""

    def made(db: Connection) -> Report:
        window = report.window
        found = audit.entries_between(db, window.since, window.until, who=who, kinds=kind or ())
        return Report(
            "audit",
            tuple(
                Column(name, ColumnKind.TEXT) if name != "number" else Column(name)
                for name in ("number", "at", "kind", "who", "what")
            ),
            tuple(
                (number, datetime.fromtimestamp(at, UTC).astimezone(report.zone).isoformat(" ", "seconds"), *rest)
                for number, at, *rest in found
            ),
        )

    report.deliver(made)


def _lines(verdict: seal_verification.SealVerdict) -> list[str]:
    lines = [str(finding) for finding in verdict.findings[:_NAMED]]
    more = len(verdict.findings) + verdict.more - len(lines)
    lines += [f"... and {more:,} more"] if more else []
    chain = [finding for finding in verdict.findings if finding.of in {"entry", "batch"}]
    if verdict.head is None and not chain:
        lines.append("the audit is empty")
    elif verdict.head is not None:
        state = f"BROKEN: {len(chain):,} findings" if chain else "whole"
        number, digest = verdict.head
        lines.append(f"the audit is {state}: {verdict.entries:,} entries; head {number}:{digest}")
    touched = len(verdict.findings) + verdict.more - len(chain)
    rows = ", ".join(f"{count:,} {name}" for name, count in verdict.rows.items() if count)
    if touched:
        lines.append(f"the records are NOT as they were written: {touched:,} findings; as written: {rows or 'none'}")
    elif rows:
        lines.append(f"the records are as they were written: {rows}")
    if verdict.found_at is not None:
        found = f"{verdict.found_rows:,} rows were there before there were seals"
        lines.append(
            f"{found}: proved as they were found on {seal_verification.format_time(verdict.found_at)},"
            " not from their beginning"
        )
    if verdict.records_purged_at is not None:
        lines.append(
            f"records were purged on {seal_verification.format_time(verdict.records_purged_at)}:"
            " what came before is proved by no row"
        )
    if verdict.not_chained:
        since = "" if verdict.chained_at is None else f", since {seal_verification.format_time(verdict.chained_at)}"
        lines.append(f"{verdict.not_chained:,} of their seals are not in the chain yet{since}")
    return lines


def _noted(head: str) -> tuple[int, str]:
    number, _, digest = head.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise typer.BadParameter("--head: write it as verify prints it: the number, a colon, 64 hexadecimal digits")
    return int(number), digest.lower()
