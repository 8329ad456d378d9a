"""`dialer optout`, `dialer register` and `dialer consent`: import opt-outs, do-not-call registers and consents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import SiteAndPersonOptions, format_option_choices, read_argument_or_stdin
from dialer.cli.report import parse_time_option
from dialer.domain.errors import RollError, StoreBusy
from dialer.domain.person_ids import is_person_id
from dialer.domain.phone_facts import Consent
from dialer.domain.words import format_count

if TYPE_CHECKING:
    from dialer.roll.number_lists import NumbersFile

optout = CommandGroup()
register = CommandGroup()
consent = CommandGroup()

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="One number per line, or CSV (UTF-8); - reads standard input.")
]
SourceOption = Annotated[str, typer.Option("--source", metavar="ID", help="Source of the request, such as letter-12.")]


@optout.command("add")
def add_opt_out(
    site: SiteAndPersonOptions,
    number: Annotated[str, typer.Argument(help="The phone number; - reads it from standard input.")],
    source: SourceOption = "request",
) -> None:
    """Record that a number opted out, so that no campaign calls it from now on. The dialler may be running."""
    from dialer.roll.phone_numbers import parse_single_phone_number

    _record_opt_outs(
        site, [parse_single_phone_number(read_argument_or_stdin(number), site.site_settings.centre.region)], source, {}
    )


@optout.command("import")
def import_opt_outs(
    site: SiteAndPersonOptions,
    file: FileArgument,
    source: SourceOption = "import",
) -> None:
    """Record that every number in a file opted out, even numbers that are on no roll yet. The dialler may be running.

    Exit 1 if a line had no number.
    """
    from dialer.roll.number_lists import read_list_of_phone_numbers

    found = read_list_of_phone_numbers(file, site.site_settings.centre.region)
    _record_opt_outs(site, found.numbers, source, {"file": found.name, "sha256": found.sha256})
    _exit_if_lines_have_no_number(found)


@register.command("import")
def import_do_not_call_register(
    site: SiteAndPersonOptions,
    file: FileArgument,
    name: Annotated[str, typer.Option(metavar="NAME", help="The register's name in the profile, such as ncpr or tps.")],
    dated: Annotated[str, typer.Option(metavar="DATE", help="The day on which the register was issued.")],
) -> None:
    """Import a do-not-call register, replacing its earlier issue. An outdated issue is refused.

    The dialler must be stopped. Exit 1 if a line had no number.
    """
    from dialer.domain.clock import SystemClock
    from dialer.roll.number_lists import read_list_of_phone_numbers
    from dialer.settings.site_rules import load_site_profile
    from dialer.settings.site_time import DAY_SECONDS, get_site_zone
    from dialer.store import audit, registers
    from dialer.store.audit import get_name_of_responsible_person
    from dialer.store.sql import open_transaction

    settings = site.site_settings
    zone = get_site_zone(settings)
    issued, now = parse_time_option(dated, zone, "--dated"), SystemClock().now()
    max_days = load_site_profile(settings).registers.maximum_age_days
    if issued > now:
        raise RollError(f"--dated: {dated} is in the future: give the day on which the register was issued")
    if now - issued > max_days * DAY_SECONDS:
        raise RollError(
            f"--dated: the register {name!r} of {dated} is older than {max_days:g} days, the limit of the legal rules"
            " (jurisdiction profile): import its newest issue"
        )
    found = read_list_of_phone_numbers(file, settings.centre.region)
    with site.open_store_for_writing("an import of a register") as db, open_transaction(db):
        earlier = registers.read_issue_date_of_register(db, name)
        if earlier is not None and earlier > issued:
            raise RollError(
                f"the store already has a newer issue of the register {name!r}, so nothing was changed:"
                " import only newer issues"
            )
        count = registers.import_do_not_call_register(
            db, name, found.numbers, dated=issued, at=now, sha256=found.sha256
        )
        what = {"register": name, "dated": dated, "file": found.name, "sha256": found.sha256, "numbers": str(count)}
        audit.append_entry(db, "register-import", get_name_of_responsible_person(site.who), what, now)
    typer.echo(f"register {name}: {format_count(count, 'number')}, of {dated}")
    _exit_if_lines_have_no_number(found)


@consent.command("import")
def import_consents(
    site: SiteAndPersonOptions,
    file: FileArgument,
    status: Annotated[
        Consent,
        typer.Option(metavar=format_option_choices(Consent), help="The consent status of all numbers in the file."),
    ],
    source: Annotated[str, typer.Option(metavar="TEXT", help="How and where consent was given or withdrawn.")],
) -> None:
    """Import a list of people who gave or withdrew consent to calls.

    Only the first column, with the number, is read. Opt-outs stay in force. The dialler must be stopped. Exit 1 if a
    line had no number.
    """
    from dialer.domain.clock import SystemClock
    from dialer.roll.number_lists import read_list_of_phone_numbers
    from dialer.store import audit, consents
    from dialer.store.audit import get_name_of_responsible_person
    from dialer.store.sql import open_transaction

    found = read_list_of_phone_numbers(file, site.site_settings.centre.region, first_column_only=True)
    now = SystemClock().now()
    with site.open_store_for_writing("an import of consents") as db, open_transaction(db):
        known = sum(
            consents.set_consent_of_number(db, number, status, source=source, at=now) for number in found.numbers
        )
        ahead = len(found.numbers) - known
        what = {"status": status.value, "source": source, "file": found.name, "sha256": found.sha256}
        audit.append_entry(
            db,
            "consent-import",
            get_name_of_responsible_person(site.who),
            {**what, "numbers": str(known), "ahead": str(ahead)},
            now,
        )
    typer.echo(f"consent {status.value}: {known:,} numbers; {ahead:,} more are stored for later rolls")
    _exit_if_lines_have_no_number(found)


def _record_opt_outs(site: SiteAndPersonOptions, found: Sequence[str], source: str, file: dict[str, str]) -> None:
    """Record opt-outs through the running dialler, or directly in the store if no dialler runs.

    `file` has the name and hash of the imported file, for the audit. It is empty if there is no file.
    """
    from dialer.cli.external_records import send_numbers_to_dialler
    from dialer.domain.clock import SystemClock
    from dialer.mqtt.messages import create_outbox_row_of_result
    from dialer.store import opt_outs
    from dialer.store.audit import AuditNote, get_name_of_responsible_person
    from dialer.store.sql import open_transaction

    if not is_person_id(source):
        raise RollError(
            "--source: must be an ID of letters, digits, dots and dashes, such as letter-12;"
            " do not give a name or phone number, as all centres receive it"
        )
    secret = next(iter(site.site_settings.rules.list_opt_out_secrets()), None)
    try:
        with site.open_store_for_writing("an import of opt-outs") as db, open_transaction(db):
            entry = AuditNote(get_name_of_responsible_person(site.who), SystemClock().now(), file)
            fresh = opt_outs.suppress_list_of_phone_numbers(
                db, create_outbox_row_of_result, found, secret, source, entry
            ).new
        typer.echo(f"{fresh:,} numbers suppressed; {len(found) - fresh:,} were already suppressed")
    except StoreBusy as busy:
        fields = {"source": source, "who": site.responsible_person_id}
        for line in send_numbers_to_dialler(site.site_settings, "suppress", found, fields, busy):
            typer.echo(line)


def _exit_if_lines_have_no_number(found: NumbersFile) -> None:
    if found.lines_without_number:
        lines = format_count(len(found.lines_without_number), "line")
        typer.echo(f"no number in {lines} of {found.name}: {found.format_lines_without_number()}", err=True)
        raise typer.Exit(1)
