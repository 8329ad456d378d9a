"""`dialer audit`: whether what was done is as it was written, row by row and entry by entry, and what stands in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, tzinfo
from typing import Annotated

import typer

from config.settings import Settings
from dialer.cli.options import ConfigOption, StoreOption, site
from dialer.cli.report import FormatOption, OutOption, SinceOption, UntilOption, deliver, window_of
from dialer.domain.site_time import site_zone
from dialer.reports.formats import Column, ColumnKind, Report
from dialer.reports.tables import Window
from dialer.store import audit, seals
from dialer.store.cipher import site_key
from dialer.store.connection import Connection, reading

app = typer.Typer(help="What was done that must be answered for, in a chain of hashes.", no_args_is_help=True)

_NAMED = 100


@app.command()
def verify(
    store: StoreOption = None,
    config: ConfigOption = None,
    head: Annotated[
        str | None,
        typer.Option("--head", metavar="NUMBER:DIGEST", help="A head noted earlier; shows that no end was cut off."),
    ] = None,
) -> None:
    """Check every entry of the audit against the one before it, and every attempt, mark, opt-out and consent against its seal.

    Prints what was changed, removed or put in past the dialler, and the head, to be noted elsewhere. Exit 1 where anything was.
    """
    settings = site(config, store)
    path, key = settings.store.path, site_key(settings)
    noted = None if head is None else _noted(head)
    with reading(path, key) as db:
        verdict = seals.verify(db, noted)
    for line in _lines(verdict):
        typer.echo(line)
    if not verdict.whole:
        raise typer.Exit(1)


@app.command(name="list")
def listed(
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help="Of this kind alone; may be given several times. [default: all but seal]"),
    ] = None,
    who: Annotated[str | None, typer.Option("--who", help="What this person or part did.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    form: FormatOption = None,
    out: OutOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """What stands in the audit: imports, exports, commands, log-ins, changes of settings, and the rest, one entry a row."""
    settings = site(config, store)

    def made(db: Connection, window: Window, zone: tzinfo, _: Settings) -> Report:
        parameters = {"since": window.since, "until": window.until, "who": who, "kinds": json.dumps(kind or [])}
        found = [*audit.SQL["listed"].rows(db, **parameters)]
        return Report(
            "audit",
            tuple(
                Column(name, ColumnKind.TEXT) if name != "number" else Column(name)
                for name in ("number", "at", "kind", "who", "what")
            ),
            tuple(
                (number, datetime.fromtimestamp(at, UTC).astimezone(zone).isoformat(" ", "seconds"), *rest)
                for number, at, *rest in found
            ),
        )

    deliver(made, window_of(since, until, None, site_zone(settings)), form, out, settings, config)


def _lines(verdict: seals.SealVerdict) -> list[str]:
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
            f"{found}: proved as they were found on {seals.moment(verdict.found_at)}, not from their beginning"
        )
    if verdict.records_purged_at is not None:
        lines.append(
            f"records were purged on {seals.moment(verdict.records_purged_at)}: what came before is proved by no row"
        )
    if verdict.not_chained:
        since = "" if verdict.chained_at is None else f", since {seals.moment(verdict.chained_at)}"
        lines.append(f"{verdict.not_chained:,} of their seals are not in the chain yet{since}")
    return lines


def _noted(head: str) -> tuple[int, str]:
    number, _, digest = head.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise typer.BadParameter("--head: write it as verify prints it: the number, a colon, 64 hexadecimal digits")
    return int(number), digest.lower()
