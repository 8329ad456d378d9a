"""`dialer audit`: list the audit (the record of what people did), and check that no stored record was changed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import SiteOptions
from dialer.cli.report import TimedReportOptions
from dialer.domain.words import format_count

if TYPE_CHECKING:
    from dialer.reports.formats import Report
    from dialer.store import seal_verification
    from dialer.store.connection import Connection

app = CommandGroup()

_MAX_FINDINGS_SHOWN = 100


@app.command("verify")
def verify_audit(
    site: SiteOptions,
    first_key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            help="The first public key of the seals, noted when the store was created or restored. Repeatable.",
        ),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            metavar="EPOCH:DIGEST", help="An epoch that was noted earlier, to check that nothing was cut off since."
        ),
    ] = None,
) -> None:
    """Verify that nobody changed stored records or the audit.

    The command checks the records' signatures (seals), the audit, and the signed log with its entries (epochs). Exit 1
    if another program changed, removed or added records. The command prints these records and the last entry of the
    signed log. Note this entry on another machine, and give it as --head next time. The command then detects the
    removal of the newest records. With --first-key, it also detects signatures that an intruder has forged.
    """
    from dialer.store import seal_verification

    noted = None if head is None else _parse_epoch_and_digest(head)
    keys = [_parse_first_public_key_of_store(each) for each in first_key or ()]
    with site.open_store_for_reading() as db:
        verdict = seal_verification.verify_seals(db, noted, first_keys=keys)
    for line in _format_result_of_signature_check(verdict, keys):
        typer.echo(line)
    if not verdict.is_evidence_intact:
        raise typer.Exit(1)


@app.command(name="list")
def list_audit_entries(
    report: TimedReportOptions,
    kind: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Only this kind. Repeatable. [default: all but seal]")
    ] = None,
    who: Annotated[str | None, typer.Option(metavar="ID", help="Only entries of this person or component.")] = None,
) -> None:
    """List the entries of the audit."""
    from dialer.reports.formats import Column, ColumnKind, Report
    from dialer.store import audit

    def create_audit_report(db: Connection) -> Report:
        window = report.report_period
        known = audit.list_entry_kinds(db)
        if unknown := sorted(set(kind or ()) - set(known)):
            raise typer.BadParameter(
                f"--kind: the audit has no entry of the kind {unknown[0]!r}; it has {', '.join(known) or 'no entries'}"
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

    report.print_report_or_write_to_file(create_audit_report)


def _format_result_of_signature_check(verdict: seal_verification.SealVerdict, first_keys: list[str]) -> list[str]:
    from dialer.store import seal_verification

    lines = [str(finding) for finding in verdict.findings[:_MAX_FINDINGS_SHOWN]]
    more = len(verdict.findings) + verdict.more - len(lines)
    lines += [f"... and {more:,} more"] if more else []
    chain = [finding for finding in verdict.findings if finding.of in {"entry", "epoch"}]
    entries = format_count(verdict.entries, "audit entry", "audit entries")
    state = f"BROKEN: {format_count(len(chain), 'finding')}" if chain else "intact"
    lines.append(f"the chain is {state}: {format_count(verdict.epochs, 'epoch')}, {entries}")
    touched = len(verdict.findings) + verdict.more - len(chain)
    rows = ", ".join(f"{count:,} {name}" for name, count in verdict.rows.items() if count)
    if touched:
        problem = f"the records were CHANGED outside the dialler: {format_count(touched, 'finding')}"
        lines.append(f"{problem}; unchanged: {rows or 'none'}")
    elif rows:
        lines.append(f"the records are unchanged: {rows}")
    if verdict.found_at is not None:
        lines.append(
            f"{format_count(verdict.found_rows, 'row')} sealed as found on {seal_verification.format_utc_time(verdict.found_at)};"
            " earlier changes to them cannot be detected"
        )
    if verdict.records_purged_at is not None:
        lines.append(
            f"records were purged on {seal_verification.format_utc_time(verdict.records_purged_at)}:"
            " earlier records cannot be verified"
        )
    if verdict.not_sealed:
        lines.append(f"{format_count(verdict.not_sealed, 'row')} not sealed yet")
    if not first_keys:
        lines += [
            f"NOT compared with a key that was noted elsewhere: sealing began on {seal_verification.format_utc_time(each.at)}"
            f" with --first-key {each.key}"
            for each in verdict.starts
        ]
    if verdict.last is not None:
        at = seal_verification.format_utc_time(verdict.last.at)
        lines.append(
            f"sealed until {at}; head {verdict.last.epoch}:{verdict.last.compute_digest_of_signed_log_entry()}"
        )
    return lines


def _parse_first_public_key_of_store(key: str) -> str:
    if not re.fullmatch("[0-9a-fA-F]{64}", key):
        raise typer.BadParameter("--first-key: must be the key that `dialer init` printed (64 hexadecimal digits)")
    return key.lower()


def _parse_epoch_and_digest(head: str) -> tuple[int, str]:
    number, _, digest = head.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise typer.BadParameter(
            "--head: must be a number, a colon and 64 hexadecimal digits, as printed by `dialer audit verify`"
        )
    return int(number), digest.lower()
