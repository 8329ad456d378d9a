"""`dialer erase` and `dialer purge`: what identifies people goes, by request or when its time is over."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer

from config.settings import Settings
from config.site_rules import recordings_kept, site_profile
from dialer.cli.options import ConfigOption, StoreOption, WhoOption, day_of, said, site
from dialer.domain.clock import SystemClock
from dialer.domain.errors import RecordingError, RollError
from dialer.domain.site_time import site_day
from dialer.mqtt.topics import encode
from dialer.roll.phone_numbers import the_number
from dialer.store import audit, erasing
from dialer.store.agent_records import forget_written
from dialer.store.audit import audit_name
from dialer.store.cipher import site_key
from dialer.store.connection import Connection, exclusive_connection
from dialer.store.recordings import erase as remove_recording
from dialer.store.recordings import files_of
from dialer.store.sent_journal import journal_beside
from dialer.store.transaction import transaction


def erase(
    number: Annotated[str, typer.Argument(help="The number, as it is written; - reads it from standard input.")],
    voters: Annotated[
        bool, typer.Option("--voters", help="Names, house and EPIC number of the voters on it too.")
    ] = False,
    who: WhoOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Erase a number, what was recorded of its people and what agents wrote of them; it is never called again, whatever roll comes.
    The dialler must not run.

    Attempts and marks stay, under an id that leads to nobody. The deed is in the audit, and with rules.opt_out_secret every
    centre is told that the number opted out. Nothing is erased by halves: where a recording cannot be removed, the number stays
    until it can.
    """
    settings = site(config, store)
    named = the_number(said(number), settings.centre.region)
    now = SystemClock().now()
    kept = recordings_kept(settings, site_day(settings, now))
    secrets = settings.rules.secrets()
    with _erasing(settings) as db:
        voice = erasing.voice_of(db, named)
        files = _recordings(settings, voice.attempts, expected=kept is None and voice.recordings > 0)
        done = erasing.erase_number(db, encode, named, at=now, secrets=secrets, with_voters=voters)
        if kept is None and done.phone_id is not None:
            erasing.forget_recordings(db, done.phone_id)
        what = {
            "phone": "none" if done.phone_id is None else str(done.phone_id),
            "voters": str(done.voters),
            "kept": "hash" if done.kept_as_hash else "number, to suppress it",
            "recordings": f"{len(files)} {'erased' if kept is None else 'kept'}",
        }
        notes = _forget_written(settings, done.phone_id) if done.phone_id is not None else 0
        audit.append(db, "erase", audit_name(who), what | {"notes": str(notes)}, now)
        if kept is None:
            _remove(files)
    if done.phone_id is None:
        typer.echo("the number was on no roll here; it is suppressed all the same")
    else:
        typer.echo(f"erased; {done.voters} voters' names too")
    if files:
        typer.echo(f"{len(files)} recordings " + ("erased" if kept is None else f"stay {kept}: erase them then"))
    if voice.with_twilio:
        typer.echo(f"Twilio keeps messages that only its console or API erases: {', '.join(voice.with_twilio)}")
    if not done.kept_as_hash:
        typer.echo("the suppression list holds the number itself: set rules.opt_out_secret to keep a hash instead")


def purge(
    after: Annotated[str, typer.Option("--after", metavar="DATE", help="The last polling day, or that of the result.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be erased, change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    who: WhoOption = None,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Erase what identifies everybody, once the election is over. What the profile makes a site keep stays until its time.

    Names, numbers, agents' notes and recordings go at once. Attempts, marks and seats' time go too when the profile's days to keep
    records are over, from DATE on or from the last of [[rules.polls]] where that is later. The suppression list and the audit stay.
    The dialler must not run.
    """
    settings = site(config, store)
    retention = site_profile(settings).retention
    now = SystemClock().now()
    today, over = site_day(settings, now), _last_day(settings, after, now)
    kept_until = over + timedelta(days=retention.keep_records_days)
    kept = recordings_kept(settings, today)
    records_too = today > kept_until and kept is None  # a recording that stays must have its attempt
    voices_too = records_too or not retention.keep_recordings
    with _erasing(settings) as db:
        stock = erasing.stock(db)
        files = _recordings(settings, None, expected=voices_too and stock.recordings > 0)
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
                erasing.forget_recordings(db, None)
            proof = erasing.purge(db, at=now, secrets=settings.rules.secrets(), records_too=records_too)
            what = proof | {"after": over.isoformat(), "voters": str(stock.voters), "phones": str(stock.numbers)}
            what |= {"recordings": f"{len(files)} {'erased' if voices_too else 'kept'}"}
            what |= {"notes": str(_forget_written(settings, None))}
            audit.append(db, "purge", audit_name(who), {**what, "records": "yes" if records_too else "no"}, now)
            if voices_too:
                _remove(files)
            if records_too:  # what was sent last is none of the store's attempts any more
                journal_beside(settings.store.path).unlink(missing_ok=True)
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
def _erasing(settings: Settings) -> Iterator[Connection]:
    """The store alone, in one transaction, with freed pages overwritten; the WAL is emptied into the file at the end."""
    with exclusive_connection(settings.store.path, "an erasure", create=False, key=site_key(settings)) as db:
        erasing.overwrite_freed(db)
        with transaction(db):
            yield db


def _recordings(settings: Settings, attempts: Collection[str] | None, *, expected: bool) -> list[Path]:
    """The files of conversations, of which some may be `expected`, and of messages that callers left in flows.

    The folder of the messages is as Asterisk names it: absolute, or below its sounds.
    """
    flows, sounds = Path(settings.flows.recording_directory), settings.audio.sounds
    return [
        *files_of(settings.recordings.directory, attempts, expected=expected),
        *files_of(sounds / flows, attempts, expected=False),
    ]


def _forget_written(settings: Settings, phone_id: int | None) -> int:
    """What agents wrote of a number, or of all (None), in the desk's file; how many notes that were."""
    return forget_written(settings.store.path, site_key(settings), phone_id)


def _remove(files: Sequence[Path]) -> None:
    """The last act before the commit: where one cannot be removed, nothing is erased in the store, and all can be asked again."""
    for file in files:
        try:
            remove_recording(file)
        except RecordingError as error:
            raise RecordingError(
                f"{error}; until then nothing is erased in the store: run it again afterwards"
            ) from error
