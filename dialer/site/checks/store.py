"""Checks of the store, its disk and its backups. They only read; a dialler may be running."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from dialer.domain.finding import Finding, make_error_finding, make_ok_finding, make_warning_finding
from dialer.domain.words import format_count
from dialer.errors import MatdanError
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile
from dialer.settings.site_time import get_site_zone
from dialer.settings.trunks import CalledVoter, find_caller_ids_for_voter
from dialer.site.checks.ages import format_duration_in_largest_unit
from dialer.site.checks.rules import check_calling_rules
from dialer.site.checks.runner import convert_error_to_findings
from dialer.store import attempts, outbox, seal_verification, seals, turnout, unknown_attempts, voters
from dialer.store.connection import Connection, check_key_opens_store, open_store_snapshot
from dialer.store.conversion import get_temporary_conversion_path
from dialer.store.copying import STORE, list_store_copies_made_before_upgrades
from dialer.store.file_checks import check_database_integrity, is_encrypted
from dialer.store.keys import read_store_key_of_site
from dialer.store.lock_holder import find_lock_holder

MAX_SEALS = 250_000  # about five seconds of checking
OLD_ANNOUNCEMENT_SECONDS = 900.0
OLD_BACKUP_HOURS = 25.0
_BACKUP = re.compile(r"\d{8}-\d{6}")


def check_disk_space(settings: Settings) -> Iterator[Finding]:
    """Check that the store's disk has enough free space.

    Raises OSError if the folder cannot be read.
    """
    directory = settings.store.path.resolve().parent
    if not directory.is_dir():
        yield make_error_finding("disk", f"{directory} is not a directory", "create it, or change store.path")
        return
    free = shutil.disk_usage(directory).free // (1024 * 1024)
    reserve = settings.store.reserve_megabytes
    if free <= reserve:
        text = (
            f"{free} MB free, less than the reserve of {reserve} MB (store.reserve_megabytes), so dialling would stop"
        )
        yield make_error_finding("disk", text, "free some disk space")
        return
    yield make_ok_finding("disk", f"{free:,} MB free")


def check_store_and_rules(settings: Settings, now: float) -> list[Finding]:
    """Check the store, and whether each campaign may call its voters.

    If there is no store yet, check only the rules.
    """
    path = settings.store.path
    try:
        if path.exists():
            with open_store_snapshot(path, read_store_key_of_site(settings)) as db:
                check_database_integrity(db, path)
                return [
                    _check_voters_on_roll(db, path),
                    *_check_caller_ids(settings, db),
                    *_check_calling_rules(settings, db, now),
                ]
        store = make_error_finding("store", f"{path} does not exist", "create it with `dialer import ROLL`")
    except (MatdanError, OSError) as problem:
        [store] = convert_error_to_findings("store", problem)
    return [store, *_check_calling_rules(settings, None, now)]


def _check_calling_rules(settings: Settings, db: Connection | None, now: float) -> list[Finding]:
    try:
        profile = load_site_profile(settings)
    except MatdanError:  # the check of the profile reports it
        return []
    return list(check_calling_rules(settings, profile, db, now))


def _check_voters_on_roll(db: Connection, path: Path) -> Finding:
    booths = turnout.count_voters_by_booth(db)
    listed = sum(booths.values())
    if listed == 0:
        return make_error_finding("store", f"{path} has no voters", "import a roll with `dialer import ROLL`")
    text = f"{listed:,} voters in {len(booths):,} booths"
    holder = find_lock_holder(path)
    if holder is not None:
        return make_ok_finding("store", f"{text}; {holder} is using it")
    unfinished = len(attempts.read_unfinished_attempts(db))
    if unfinished:
        return make_warning_finding(
            "store", f"{text}; {unfinished} attempts are unfinished and will be reconciled at the next start"
        )
    return make_ok_finding("store", text)


def _check_caller_ids(settings: Settings, db: Connection) -> Iterator[Finding]:
    """Check that each area with its own caller IDs contains polling stations (booths) of the electoral roll."""
    booths = voters.read_booths(db).values()
    states = ", ".join(sorted({booth.state_code for booth in booths} - {""})) or "none"
    for trunk in settings.trunks:
        for place, area in enumerate(trunk.areas, start=1):
            subject = f"trunk {trunk.name}, area {place}"
            local = area.model_copy(update={"prefixes": ()})  # a booth has no phone number
            count = sum(
                local.is_voter_in_area(CalledVoter("", booth.state_code, booth.constituency_number)) for booth in booths
            )
            text = f"{len(area.caller_ids)} caller IDs for {count:,} of {len(booths):,} booths"
            if count or not booths:
                yield make_ok_finding(subject, text)
            else:
                remedy = (
                    f"correct its constituencies or states (the roll has {states}); its voters see other caller IDs"
                )
                yield make_warning_finding(subject, text, remedy)
        if trunk.areas:
            elsewhere = find_caller_ids_for_voter(trunk.caller_ids, trunk.areas, None)
            yield make_ok_finding(f"trunk {trunk.name}", f"{len(elsewhere)} caller IDs for all other voters")


def check_encryption(settings: Settings) -> Iterator[Finding]:
    """Check that the store is encrypted with the key in the settings, and that no unencrypted copy remains.

    Raises MatdanError, OSError.
    """
    subject, unfinished = "encryption", get_temporary_conversion_path(settings.store.path)
    if unfinished.exists():
        text = f"{unfinished} remains from an interrupted conversion and may not be encrypted"
        yield make_error_finding(subject, text, "run the conversion again, or remove the file")
        return
    key = read_store_key_of_site(settings)
    if key is None:
        text = "the store is not encrypted, because the settings have no key"
        yield make_warning_finding(subject, text, "create one with `dialer store key` (docs/explanation/rules.md)")
    elif settings.store.path.exists() and not is_encrypted(settings.store.path):
        yield make_error_finding(
            subject, "the settings have a key, but the store is not encrypted", "run `dialer store encrypt`"
        )
    elif plain := [
        each for each in list_store_copies_made_before_upgrades(settings.store.path) if not is_encrypted(each / STORE)
    ]:
        names = ", ".join(each.name for each in plain)
        yield make_error_finding(subject, f"copies from before upgrades are not encrypted: {names}", "remove them")
    else:
        if settings.store.path.exists():
            check_key_opens_store(settings.store.path, key)
        yield make_ok_finding(subject, f"the store's key is in {key.file}; recordings and exports are not encrypted")


def check_stored_records(settings: Settings, now: float) -> Iterator[Finding]:
    """Check the records of a running centre: database integrity, signatures over its changes, calls with an unknown
    result, and unpublished messages.
    """
    path = settings.store.path
    with open_store_snapshot(path, read_store_key_of_site(settings)) as db:
        check_database_integrity(db, path)
        yield make_ok_finding("store", "the pages of the database file are intact")
        yield _check_signatures_of_records(db)
        for copy in list_store_copies_made_before_upgrades(path):
            yield make_warning_finding(
                "copy", f"{copy} is from before an upgrade", "delete it once you need no downgrade"
            )
        unknown = len(unknown_attempts.read_attempts_with_unknown_outcome(db))
        if unknown:
            text = (
                f"{format_count(unknown, 'attempt')} with an unknown result, not redialled until a person releases them"
            )
            yield make_warning_finding("unknown attempts", text, "see `dialer unknown list`")
        for each in outbox.count_waiting_outbox_rows(db):
            if each.sink == "broker" and not settings.broker.enabled:
                continue
            subject = f"outbox for {each.sink}"
            age = 0.0 if each.oldest_at is None else now - each.oldest_at
            text = f"{format_count(each.rows, 'announcement')} pending, the oldest for {format_duration_in_largest_unit(age)}"
            if age > OLD_ANNOUNCEMENT_SECONDS:
                yield make_error_finding(subject, text, "see docs/how-to/runbooks.md, MatdanOutboxDelayed")
            else:
                yield make_ok_finding(subject, text if each.rows else "no announcement is pending")


def _check_signatures_of_records(db: Connection) -> Finding:
    count = seals.count_changes_in_signed_log(db)
    if count > MAX_SEALS:
        text = f"{count:,} signatures of records were not checked, because it would take too long"
        return make_warning_finding("signed records", text, "run `dialer audit verify` in a quiet hour")
    if (verdict := seal_verification.verify_seals(db)).is_evidence_intact:
        return make_ok_finding("signed records", f"all {count:,} signatures match: the records are unchanged")
    text = f"records were changed outside the dialler: {verdict.findings[0]}"
    return make_error_finding("signed records", text, "`dialer audit verify` lists all")


def check_backup(settings: Settings, folder: Path | None, now: float) -> Finding:
    """Check that the newest backup in a folder is recent.

    Raises OSError if the folder cannot be read.
    """
    if folder is None:
        return make_warning_finding(
            "backup",
            "the age of the newest backup was not checked",
            "set store.backup_folder, or give the folder with --backups DIR",
        )
    head, zone = f"{settings.centre.id}-", get_site_zone(settings)
    names = (each.name.removeprefix(head) for each in folder.iterdir() if each.name.startswith(head))
    times = [datetime.strptime(name, "%Y%m%d-%H%M%S").replace(tzinfo=zone) for name in names if _BACKUP.fullmatch(name)]
    if not times:
        return make_error_finding(
            "backup", f"{folder} has no backup of {settings.centre.id}", f"run `dialer backup {folder}`"
        )
    age = now - max(times).timestamp()
    text = f"the newest of {len(times)} is {format_duration_in_largest_unit(age)} old"
    if age > OLD_BACKUP_HOURS * 3600:
        return make_error_finding("backup", text, f"check whether its timer runs, or run `dialer backup {folder}`")
    return make_ok_finding("backup", text)
