"""`dialer erase` and `dialer purge`: erase personal data on request, or after the election."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli.options import SiteAndPersonOptions, parse_date_option, read_argument_or_stdin
from dialer.domain.errors import RollError, StoreBusy

if TYPE_CHECKING:
    from pathlib import Path

    from dialer.settings.site import Settings
    from dialer.store.connection import Connection


def erase_phone_number(
    site: SiteAndPersonOptions,
    number: Annotated[str, typer.Argument(help="The phone number; - reads it from standard input.")],
    voters: Annotated[
        bool, typer.Option("--voters", help="Also erase name, house and EPIC number of the number's voters.")
    ] = False,
) -> None:
    """Erase a phone number, the data of its voters, and the notes on them. The number is never called again.

    The dialler may be running. Recordings of the number's calls are also erased. Attempts and marks (facts about
    voters) stay, without a link to a person. If rules.opt_out_secret is set, all centres receive the opt-out.
    """
    from dialer.cli.external_records import send_numbers_to_dialler
    from dialer.domain.clock import SystemClock
    from dialer.mqtt.messages import create_outbox_row_of_result
    from dialer.roll.phone_numbers import parse_single_phone_number
    from dialer.site.erasure import create_erasure_rules
    from dialer.store.audit import AuditNote, get_name_of_responsible_person
    from dialer.store.number_erasure import erase_number_with_audit_entry

    settings = site.site_settings
    named = parse_single_phone_number(read_argument_or_stdin(number), settings.centre.region)
    rules = create_erasure_rules(settings)
    try:
        with _open_store_for_erasure(site) as db:
            entry = AuditNote(get_name_of_responsible_person(site.who), SystemClock().now(), {})
            messages = erase_number_with_audit_entry(
                db,
                create_outbox_row_of_result,
                named,
                rules,
                (site.store_path, site.store_encryption_key),
                entry,
                with_voters=voters,
            ).messages
    except StoreBusy as busy:
        fields = {"names": voters, "who": site.responsible_person_id}
        messages = tuple(send_numbers_to_dialler(settings, "erase-number", [named], fields, busy))
    for line in messages:
        typer.echo(line)


def erase_personal_data_after_election(
    site: SiteAndPersonOptions,
    after: Annotated[str, typer.Option(metavar="DATE", help="The last polling day, or the day of the result.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, but change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Erase personal data once the election is over, except records that the profile requires to keep.

    Names, numbers, recordings, and the notes of agents and supervisors are erased immediately. Attempts, marks (facts
    about voters) and seats' times are erased after the profile's retention period. It begins on DATE or the last of
    [[rules.polls]], whichever is later. The suppression list and the audit stay. The dialler must be stopped.
    """
    from dialer.domain.clock import SystemClock
    from dialer.settings.site_rules import describe_required_recording_retention, load_site_profile
    from dialer.settings.site_time import get_site_day
    from dialer.site.erasure import create_erasure_rules
    from dialer.store import audit, erasing
    from dialer.store.agent_records import erase_notes_about_number
    from dialer.store.audit import get_name_of_responsible_person

    settings = site.site_settings
    retention = load_site_profile(settings).retention
    now = SystemClock().now()
    today, last_day = get_site_day(settings, now), _determine_retention_start(settings, after, now)
    kept_until = last_day + timedelta(days=retention.keep_records_days)
    kept = describe_required_recording_retention(settings, today)
    with_records = today > kept_until and kept is None  # a recording that stays needs its attempt
    with_recordings = with_records or not retention.keep_recordings
    rules = create_erasure_rules(settings)
    with _open_store_for_erasure(site) as db:
        stock = erasing.count_stored_personal_data(db)
        files = rules.find_recordings(None, expected=with_recordings and stock.recordings > 0)
        summary = f"{stock.voters:,} voters' names and {stock.numbers:,} numbers"
        if files and with_recordings:
            summary += f", {len(files):,} recordings"
        if with_records:
            summary += f", {stock.attempts:,} attempts and {stock.marks:,} marks"
        due = last_day + timedelta(days=retention.erase_after_days)
        if today > due:
            typer.echo(f"overdue since {due}: the profile allows {retention.erase_after_days} days for personal data")
        if dry_run:
            typer.echo(f"would erase {summary}")
        elif yes or typer.confirm(f"erase {summary}? This cannot be undone"):
            if with_recordings:
                erasing.delete_recording_rows(db, None)
            proof = erasing.purge_personal_data(
                db, at=now, secrets=settings.rules.list_opt_out_secrets(), records_too=with_records
            )
            what = proof | {"after": last_day.isoformat(), "voters": str(stock.voters), "phones": str(stock.numbers)}
            what |= {"recordings": f"{len(files)} {'erased' if with_recordings else 'kept'}"}
            what |= {"notes": str(erase_notes_about_number(site.store_path, site.store_encryption_key, None))}
            audit.append_entry(
                db,
                "purge",
                get_name_of_responsible_person(site.who),
                {**what, "records": "yes" if with_records else "no"},
                now,
            )
            _delete_files_with_personal_data(site, files if with_recordings else (), with_records=with_records)
            typer.echo(f"erased {summary}")
        else:
            typer.echo("nothing was erased")
            return
    if not dry_run:
        _shrink_store_file(site)
    if not with_records:
        until = f"until {kept_until}, as the profile requires ({retention.source})"
        typer.echo(
            f"retained {until if today <= kept_until else kept}: "
            f"{stock.attempts:,} attempts and {stock.marks:,} marks, without a link to a person"
            + (f", and {len(files):,} recordings" if files and not with_recordings else "")
        )
    if stock.with_twilio:
        typer.echo(f"Twilio still stores {stock.with_twilio:,} messages from callers: erase them there")


def _delete_files_with_personal_data(
    site: SiteAndPersonOptions, recordings: Sequence[Path], *, with_records: bool
) -> None:
    """Delete the given recordings, and the files next to the store that contain voters' names or numbers."""
    from dialer.store.copying import list_store_copies_made_before_upgrades
    from dialer.store.number_erasure import remove_recordings
    from dialer.store.sent_journal import get_journal_path
    from dialer.store.spool import Spool

    remove_recordings(recordings)
    Spool(site.store_path, site.store_encryption_key).remove_all_spooled_files()
    for copy in list_store_copies_made_before_upgrades(site.store_path):
        shutil.rmtree(copy)
    if with_records:  # the journal lists attempts that the store no longer has
        get_journal_path(site.store_path).unlink(missing_ok=True)


def _determine_retention_start(settings: Settings, after: str, now: float) -> date:
    """Return the day from which the retention period is counted: --after, or the last poll if that is later.

    The later day protects records from a mistyped --after. Raises RollError if one of these days is not over yet.
    """
    from dialer.settings.site_time import get_site_day

    given = parse_date_option(after, "--after")
    if get_site_day(settings, now) <= given:
        raise RollError(
            f"--after: the day {after} has not ended, so nothing was erased: run this command on a later day"
        )
    for poll in settings.rules.polls:
        if get_site_day(settings, now, poll.time_zone) <= poll.day:
            raise RollError(
                f"the poll of {poll.day} in [[rules.polls]] has not ended, so nothing was erased: run this command "
                "after the poll, or remove the poll from the settings if it is not held"
            )
    last = max((poll.day for poll in settings.rules.polls), default=given)
    if last > given:
        typer.echo(f"note: retention is counted from {last}, the last of [[rules.polls]], not from --after {given}")
    return max(given, last)


def _shrink_store_file(site: SiteAndPersonOptions) -> None:
    """Shrink the file of the store (the centre's database) by the space of erased rows.

    If the disk has too little free space for this, print that the file was not shrunk.
    """
    from dialer.domain.errors import StoreError
    from dialer.store.erasing import return_free_pages_to_disk

    try:
        with site.open_store_for_writing("an erasure") as db:
            return_free_pages_to_disk(db)
    except StoreError as error:
        typer.echo(f"note: the store's file keeps the space of the erased data for new rows: {error}", err=True)


@contextmanager
def _open_store_for_erasure(site: SiteAndPersonOptions) -> Iterator[Connection]:
    """Open the store (the centre's database) exclusively, in one transaction that leaves no erased data on the disk.

    Freed pages are overwritten, and SQLite's write-ahead log is truncated at the end.
    """
    from dialer.store import erasing
    from dialer.store.sql import open_transaction

    store = site.open_store_for_writing("an erasure")
    with store as db, erasing.overwrite_deleted_content(db), open_transaction(db):
        yield db
