"""`dialer erase` and `dialer purge`: what identifies people goes, by request or when its time is over."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Annotated

import typer

from dialer.cli.external_records import hand_over
from dialer.cli.options import SiteAndWho, day_of, said
from dialer.domain.clock import SystemClock
from dialer.domain.errors import RollError, StoreBusy
from dialer.mqtt.messages import announcement_of
from dialer.roll.phone_numbers import parse_single_number
from dialer.settings.site import Settings
from dialer.settings.site_rules import recordings_kept, site_profile
from dialer.settings.site_time import site_day
from dialer.site.erasure import erasure_rules
from dialer.store import audit, erasing
from dialer.store.agent_records import forget_written
from dialer.store.audit import AuditNote, audit_name
from dialer.store.connection import Connection
from dialer.store.copying import find_upgrade_copies
from dialer.store.number_erasure import erase_number, remove_recordings
from dialer.store.sent_journal import get_journal_path
from dialer.store.spool import Spool
from dialer.store.sql import transaction


def erase(
    site: SiteAndWho,
    number: Annotated[str, typer.Argument(help="The number; - reads it from standard input.")],
    voters: Annotated[
        bool, typer.Option("--voters", help="Also erase name, house and EPIC number of the voters with this number.")
    ] = False,
) -> None:
    """Erase a number, the data of its voters, and agents' notes on them. It is never called again.

    The dialler may run. Attempts and marks stay, without a link to a person. The audit records the erasure; with
    rules.opt_out_secret, every centre is told of the opt-out. If a recording cannot be removed, the number stays until
    it can.
    """
    settings = site.settings
    named = parse_single_number(said(number), settings.centre.region)
    rules = erasure_rules(settings)
    try:
        with _erasing(site) as db:
            entry = AuditNote(audit_name(site.who), SystemClock().now(), {})
            told = erase_number(
                db, announcement_of, named, rules, (site.path, site.key), entry, with_voters=voters
            ).messages
    except StoreBusy as busy:
        fields = {"names": voters, "who": site.person}
        told = tuple(hand_over(settings, "erase-number", [named], fields, busy))
    for line in told:
        typer.echo(line)


def purge(
    site: SiteAndWho,
    after: Annotated[str, typer.Option(metavar="DATE", help="The last polling day, or the day of the result.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be erased, but erase nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Erase personal data once the election is over, except what the profile requires to keep.

    Names, numbers, agents' notes and recordings are erased at once. Attempts, marks and seats' times are erased when
    the profile's retention days are over, counted from DATE or from the last of [[rules.polls]], whichever is later.
    The suppression list and the audit stay. The dialler must be stopped.
    """
    settings = site.settings
    retention = site_profile(settings).retention
    now = SystemClock().now()
    today, over = site_day(settings, now), _last_day(settings, after, now)
    kept_until = over + timedelta(days=retention.keep_records_days)
    kept = recordings_kept(settings, today)
    records_too = today > kept_until and kept is None  # a recording that stays must have its attempt
    voices_too = records_too or not retention.keep_recordings
    rules = erasure_rules(settings)
    with _erasing(site) as db:
        stock = erasing.holdings(db)
        files = rules.files(None, expected=voices_too and stock.recordings > 0)
        told = f"{stock.voters:,} voters' names and {stock.numbers:,} numbers"
        if files and voices_too:
            told += f", {len(files):,} recordings"
        if records_too:
            told += f", {stock.attempts:,} attempts and {stock.marks:,} marks"
        due = over + timedelta(days=retention.erase_after_days)
        if today > due:
            typer.echo(f"overdue since {due}: the profile lets personal data be kept {retention.erase_after_days} days")
        if dry_run:
            typer.echo(f"would erase {told}")
        elif yes or typer.confirm(f"erase {told}? This cannot be undone"):
            if voices_too:
                erasing.delete_recording_rows(db, None)
            proof = erasing.purge(db, at=now, secrets=settings.rules.secrets(), records_too=records_too)
            what = proof | {"after": over.isoformat(), "voters": str(stock.voters), "phones": str(stock.numbers)}
            what |= {"recordings": f"{len(files)} {'erased' if voices_too else 'kept'}"}
            what |= {"notes": str(forget_written(site.path, site.key, None))}
            audit.append(db, "purge", audit_name(site.who), {**what, "records": "yes" if records_too else "no"}, now)
            if voices_too:
                remove_recordings(files)
            Spool(site.path, site.key).clear()
            for copy in find_upgrade_copies(site.path):
                shutil.rmtree(copy)
            if records_too:  # what was sent last is none of the store's attempts any more
                get_journal_path(site.path).unlink(missing_ok=True)
            typer.echo(f"erased {told}")
        else:
            typer.echo("nothing was erased")
            return
    if not records_too:
        until = f"until {kept_until}, as the profile says ({retention.source})"
        typer.echo(
            f"kept {until if today <= kept_until else kept}: "
            f"{stock.attempts:,} attempts and {stock.marks:,} marks, which lead to nobody"
            + (f", and {len(files):,} recordings" if files and not voices_too else "")
        )
    if stock.with_twilio:
        typer.echo(f"Twilio keeps {stock.with_twilio:,} messages that callers left: erase them there")


def _last_day(settings: Settings, after: str, now: float) -> date:
    """The day from which the profile's days count: `--after`, or the last of [[rules.polls]] where that is later, for a day that
    is mistyped must not erase what has to be kept. Raises RollError where it is not over, each poll in its own zone.
    """
    named = day_of(after, "--after")
    if site_day(settings, now) <= named:
        raise RollError(f"--after {after}: that day is not over; nothing was erased")
    for poll in settings.rules.polls:
        if site_day(settings, now, poll.time_zone) <= poll.day:
            raise RollError(
                f"the poll of {poll.day} in [[rules.polls]] is not over: nothing was erased;"
                " purge after it, or take it out there if it is not held"
            )
    last = max((poll.day for poll in settings.rules.polls), default=named)
    if last > named:
        typer.echo(f"--after {named}: the last of [[rules.polls]] is {last}, and days count from then")
    return max(named, last)


@contextmanager
def _erasing(site: SiteAndWho) -> Iterator[Connection]:
    """The store alone, in one transaction, with freed pages overwritten; the WAL is emptied into the file at the end."""
    whole = site.alone("an erasure")
    with whole as db, erasing.overwriting(db), transaction(db):
        yield db
