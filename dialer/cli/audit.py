"""`dialer audit`: list the audit (the record of what people did), and verify that nobody changed the records."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import SiteOptions
from dialer.cli.report import TimedReportOptions
from dialer.domain.words import format_count
from dialer.reports.formats import Column, ColumnKind, Report
from dialer.store import audit, seal_verification
from dialer.store.connection import Connection

app = CommandGroup()

_MAX_FINDINGS_SHOWN = 100


@app.command("verify")
def verify_audit(
    site: SiteOptions,
    head: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER:DIGEST", help="A head that was noted earlier, to check that no entries were removed since."
        ),
    ] = None,
) -> None:
    """Verify the audit's hash chain, and the seals of all attempts, marks, opt-outs and consents.

    Prints rows that were changed, removed or added without the dialler, and the head of the chain, to be noted
    elsewhere. Exit 1 if there are such rows.
    """
    noted = None if head is None else _parse_audit_head(head)
    with site.open_store_for_reading() as db:
        verdict = seal_verification.verify_seals(db, noted)
    for line in _format_seal_verdict(verdict):
        typer.echo(line)
    if not verdict.intact:
        raise typer.Exit(1)


@app.command(name="list")
def list_audit_entries(
    report: TimedReportOptions,
    kind: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Only this kind. Repeatable. [default: all but seal]")
    ] = None,
    who: Annotated[str | None, typer.Option(metavar="ID", help="Only entries of this person or component.")] = None,
) -> None:
    """List the entries of the audit: imports, exports, commands, logins, changed settings and more."""

    def create_audit_report(db: Connection) -> Report:
        window = report.report_period
        known = audit.list_kinds(db)
        if unknown := sorted(set(kind or ()) - set(known)):
            raise typer.BadParameter(
                f"--kind: the audit has no entry of the kind {unknown[0]!r}; it has {', '.join(known)}"
            )
        found = audit.read_entries_between(db, window.since, window.until, who=who, kinds=kind or ())
        return Report(
            "audit",
            tuple(
                Column(name, ColumnKind.TEXT) if name != "number" else Column(name)
                for name in ("number", "at", "kind", "who", "what")
            ),
            tuple(
                (
                    number,
                    datetime.fromtimestamp(at, UTC).astimezone(report.centre_time_zone).isoformat(" ", "seconds"),
                    *rest,
                )
                for number, at, *rest in found
            ),
        )

    report.deliver_report(create_audit_report)


def _format_seal_verdict(verdict: seal_verification.SealVerdict) -> list[str]:
    lines = [str(finding) for finding in verdict.findings[:_MAX_FINDINGS_SHOWN]]
    more = len(verdict.findings) + verdict.more - len(lines)
    lines += [f"... and {more:,} more"] if more else []
    chain = [finding for finding in verdict.findings if finding.of in {"entry", "batch"}]
    if verdict.head is None and not chain:
        lines.append("the audit is empty")
    elif verdict.head is not None:
        state = f"BROKEN: {format_count(len(chain), 'finding')}" if chain else "intact"
        number, digest = verdict.head
        lines.append(f"the audit is {state}: {verdict.entries:,} entries; head {number}:{digest}")
    touched = len(verdict.findings) + verdict.more - len(chain)
    rows = ", ".join(f"{count:,} {name}" for name, count in verdict.rows.items() if count)
    if touched:
        lines.append(
            f"the records were CHANGED outside the dialler: {format_count(touched, 'finding')}; unchanged: {rows or 'none'}"
        )
    elif rows:
        lines.append(f"the records are unchanged: {rows}")
    if verdict.found_at is not None:
        lines.append(
            f"{verdict.found_rows:,} rows are older than the seals: they were sealed on"
            f" {seal_verification.format_time(verdict.found_at)}; earlier changes to them cannot be detected"
        )
    if verdict.records_purged_at is not None:
        lines.append(
            f"records were purged on {seal_verification.format_time(verdict.records_purged_at)}:"
            " earlier records cannot be verified"
        )
    if verdict.not_chained:
        since = "" if verdict.chained_at is None else f", since {seal_verification.format_time(verdict.chained_at)}"
        lines.append(f"{verdict.not_chained:,} seals of the records are not in the chain yet{since}")
    return lines


def _parse_audit_head(head: str) -> tuple[int, str]:
    number, _, digest = head.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise typer.BadParameter(
            "--head: must be a number, a colon and 64 hexadecimal digits, as `dialer audit verify` prints it"
        )
    return int(number), digest.lower()
