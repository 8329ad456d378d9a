"""`dialer optout`, `dialer register`, `dialer consent`: what is known of numbers from outside the calls."""

from __future__ import annotations

import asyncio
import getpass
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from config.settings import Settings, load_settings
from config.site_rules import site_profile
from dialer.clock import SystemClock
from dialer.errors import RollError, StoreBusy
from dialer.model import Announcement
from dialer.monitor import topics
from dialer.monitor.broker_link import publish_once
from dialer.options import ConfigOption, StoreOption
from dialer.phone_facts import Consent
from dialer.plan_of_site import broker_settings
from dialer.reports.cli import moment
from dialer.roll.numbers_file import NumbersFile, read_numbers
from dialer.roll.phone_numbers import read_cell
from dialer.rules.number_hash import number_hash
from dialer.site_key import site_key
from dialer.store import audit, numbers, opt_outs
from dialer.store.connection import exclusive_connection
from dialer.store.transaction import transaction

optout_app = typer.Typer(help="Numbers that are never to be called again, by any campaign.", no_args_is_help=True)
register_app = typer.Typer(help="Do-not-call registers.", no_args_is_help=True)
consent_app = typer.Typer(help="Consent of the owners of numbers.", no_args_is_help=True)

DAY_SECONDS = 86_400.0

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="One number a line, or CSV (UTF-8).")]
WhoOption = Annotated[
    str | None, typer.Option("--who", help="Who answers for it, for the audit. [default: the user who is logged in]")
]
SourceOption = Annotated[str, typer.Option("--source", help="Where it comes from, for the record.")]


@optout_app.command("add")
def add(
    number: Annotated[str, typer.Argument(help="The number, as it is written.")],
    source: SourceOption = "request",
    who: WhoOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Suppress one number at once, in every campaign; while the dialler runs, through the broker."""
    settings = load_settings(config)
    read = read_cell(number, settings.centre.region)
    if len(read.numbers) != 1:
        raise RollError("this is not one number that can be called: write it with its country code")
    _opt_out(settings, store, read.numbers, source, who, {})


@optout_app.command("import")
def import_opt_outs(
    file: FileArgument,
    source: SourceOption = "import",
    who: WhoOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Suppress every number of a file, on the roll or not, so that a later roll does not bring it back.

    Exit 1 where a line had no number.
    """
    settings = load_settings(config)
    found = read_numbers(file, settings.centre.region)
    _opt_out(settings, store, found.numbers, source, who, {"file": found.name, "sha256": found.sha256})
    _tell_lines(found)


@register_app.command("import")
def import_register(
    file: FileArgument,
    name: Annotated[str, typer.Option("--name", help="The register's name, as the profile calls it: ncpr, tps.")],
    dated: Annotated[str, typer.Option("--dated", metavar="DATE", help="Day on which its keeper issued it.")],
    who: WhoOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Take a do-not-call register in, in the place of its earlier issue. One that is too old for the profile is refused.

    The dialler must not run; exit 1 where a line had no number.
    """
    settings = load_settings(config)
    zone = ZoneInfo(settings.centre.time_zone)
    issued, now = moment(dated, zone, "--dated"), SystemClock().now()
    most = site_profile(settings).registers.maximum_age_days
    if issued > now:
        raise RollError(f"--dated {dated} lies ahead: give the day on which the register was issued")
    if now - issued > most * DAY_SECONDS:
        raise RollError(
            f"the register {name!r} of {dated} is older than {most:g} days: get its newest issue (rules: registers)"
        )
    found = read_numbers(file, settings.centre.region)
    with _writing(settings, store, "an import of a register") as db:
        earlier = numbers.register_dated(db, name)
        if earlier is not None and earlier > issued:
            raise RollError(f"a newer issue of the register {name!r} is imported already: this one was not taken")
        count = numbers.import_register(db, name, found.numbers, dated=issued, at=now, sha256=found.sha256)
        what = {"register": name, "dated": dated, "file": found.name, "sha256": found.sha256, "numbers": str(count)}
        audit.append(db, "register-import", audit_name(who), what, now)
    typer.echo(f"register {name}: {count:,} numbers, of {dated}")
    _tell_lines(found)


@consent_app.command("import")
def import_consents(
    file: FileArgument,
    status: Annotated[Consent, typer.Option("--status", help="What holds for every number of the file.")],
    source: Annotated[str, typer.Option("--source", help="How and where it was given or withdrawn, for the record.")],
    who: WhoOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Keep whether the owners of numbers agreed to be called. Numbers stand in the first column; others are not read.

    An opt-out stands whatever is said here. The dialler must not run; exit 1 where a line had no number.
    """
    settings = load_settings(config)
    found = read_numbers(file, settings.centre.region, first_column_only=True)
    now = SystemClock().now()
    with _writing(settings, store, "an import of consents") as db:
        known = sum(numbers.set_consent(db, number, status, source=source, at=now) for number in found.numbers)
        what = {"status": status.value, "source": source, "file": found.name, "sha256": found.sha256}
        audit.append(db, "consent-import", audit_name(who), {**what, "numbers": str(known)}, now)
    typer.echo(f"consent {status.value}: {known:,} numbers; {len(found.numbers) - known:,} are on no roll here")
    _tell_lines(found)


def _opt_out(
    settings: Settings, store: Path | None, found: Sequence[str], source: str, who: str | None, more: dict[str, str]
) -> None:
    now = SystemClock().now()
    key = next(iter(settings.rules.secrets()), None)
    try:
        with _writing(settings, store, "an import of opt-outs") as db:
            fresh = 0
            for number in found:
                news = _news(None if key is None else number_hash(key, number), source, now)
                fresh += opt_outs.opt_out_number(db, number, at=now, source=source, announcements=news)
            what = {"source": source, **more, "numbers": str(len(found)), "fresh": str(fresh)}
            audit.append(db, "opt-out-import", audit_name(who), what, now)
        typer.echo(f"{fresh:,} numbers suppressed; {len(found) - fresh:,} were already")
    except StoreBusy as error:
        if key is None or not settings.broker.enabled:
            raise StoreBusy(
                f"{error}; or set rules.opt_out_secret, then opt-outs reach a running dialler through the broker"
            ) from error
        hashes = [number_hash(key, number) for number in found]
        messages = [
            topics.announced_message(settings.centre.id, news.topic, news.payload)
            for hashed in hashes
            for news in _news(hashed, source, now)
        ]
        broker = replace(broker_settings(settings), client_id=f"dialler-optout-{settings.centre.id}")
        asyncio.run(publish_once(broker, settings.centre.id, messages))
        typer.echo(f"{len(found):,} numbers told to the running dialler, and to every centre, through the broker")


def _news(hashed: str | None, source: str, at: float) -> list[Announcement]:
    """For the other centres; they know a number by its hash alone."""
    if hashed is None:
        return []
    return [topics.opt_out_announcement(None, at=at, source=source, attempt_id=None, number_hash=hashed)]


@contextmanager
def _writing(settings: Settings, store: Path | None, holder: str) -> Iterator[sqlite3.Connection]:
    """The store alone, in one transaction."""
    path, key = store or settings.store.path, site_key(settings)
    with exclusive_connection(path, holder, create=False, key=key) as db, transaction(db):
        yield db


def audit_name(who: str | None) -> str:
    """Who answers for a deed: the one who was named, else the user who is logged in."""
    return who or getpass.getuser()


def _tell_lines(found: NumbersFile) -> None:
    if found.without:
        typer.echo(f"no number in {len(found.without):,} lines of {found.name}: {found.told()}", err=True)
        raise typer.Exit(1)
