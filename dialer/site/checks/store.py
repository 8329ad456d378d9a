"""What `dialer check` finds in the store and beside it. It only reads, as reports do, so a dialler may run meanwhile, or start."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from dialer.errors import MatdanError
from dialer.settings.lines import Called, caller_ids_shown
from dialer.settings.site import Settings
from dialer.settings.site_rules import site_profile
from dialer.site.checks.finding import Finding, bad, broken_off, good, note
from dialer.site.checks.rules import rules_findings
from dialer.store import attempts, voters
from dialer.store.connection import Connection, check_key, read_snapshot
from dialer.store.conversion import left_over
from dialer.store.copying import STORE, copies_before_upgrades
from dialer.store.file_checks import check_integrity, is_encrypted
from dialer.store.keys import site_key
from dialer.store.lock import holder_of


def disk(settings: Settings) -> Iterator[Finding]:
    """Whether there is room for results. Raises OSError where the folder cannot be entered."""
    directory = settings.store.path.resolve().parent
    if not directory.is_dir():
        yield bad("disk", f"{directory} is no directory; make it or change store.path")
        return
    free = shutil.disk_usage(directory).free // (1024 * 1024)
    if free <= settings.store.reserve_megabytes:
        text = f"{free} MB free and store.reserve_megabytes is {settings.store.reserve_megabytes}: nothing would be dialled"
        yield bad("disk", text)
        return
    yield good("disk", f"{free:,} MB free")


def store_and_rules(settings: Settings, now: float) -> list[Finding]:
    """The store, and what the rules say of the campaigns with what stands in it; without it, what they say all the same."""
    path = settings.store.path
    try:
        if path.exists():
            with read_snapshot(path, site_key(settings)) as db:
                check_integrity(db, path)
                return [_voters(db, path), *_caller_ids(settings, db), *_rules(settings, db, now)]
        store = bad("store", f"{path} does not exist; `dialer import ROLL` makes it")
    except (MatdanError, OSError) as error:
        [store] = broken_off("store", error)
    return [store, *_rules(settings, None, now)]


def _rules(settings: Settings, db: Connection | None, now: float) -> list[Finding]:
    try:
        profile = site_profile(settings)
    except MatdanError:  # told in the line on the rules
        return []
    return list(rules_findings(settings, profile, db, now))


def _voters(db: Connection, path: Path) -> Finding:
    booths = voters.voters_by_booth(db)
    listed = sum(booths.values())
    if listed == 0:
        return bad("store", f"{path} has no voters; `dialer import ROLL` brings them in")
    told = f"{listed:,} voters in {len(booths):,} booths"
    holder = holder_of(path)
    if holder is not None:
        return good("store", f"{told}; {holder} is using it")
    left_open = len(attempts.unfinished_attempts(db))
    if left_open:
        return note("store", f"{told}; {left_open} attempts were left open and will be reconciled at the start")
    return good("store", told)


def _caller_ids(settings: Settings, db: Connection) -> Iterator[Finding]:
    """Where the caller IDs of trunks with areas are shown, held against the roll."""
    booths = voters.booths(db).values()
    states = ", ".join(sorted({booth.state_code for booth in booths} - {""})) or "none"
    for trunk in settings.trunks:
        for place, area in enumerate(trunk.areas, start=1):
            what = f"trunk {trunk.name}, area {place}"
            local = area.model_copy(update={"prefixes": ()})  # a booth has no number
            there = sum(local.has(Called("", booth.state_code, booth.constituency_number)) for booth in booths)
            text = f"{len(area.caller_ids)} caller IDs for {there:,} of {len(booths):,} booths"
            if there or not booths:
                yield good(what, text)
            else:
                text += (
                    f": correct its states (the roll has {states}) or constituencies, else its voters are shown others"
                )
                yield note(what, text)
        if trunk.areas:
            elsewhere = caller_ids_shown(trunk.caller_ids, trunk.areas, None)
            yield good(f"trunk {trunk.name}", f"{len(elsewhere)} caller IDs for everybody else")


def encryption(settings: Settings) -> Iterator[Finding]:
    """Whether the disk alone tells who the voters are, and whether the key opens the store. Raises MatdanError, OSError."""
    what, beside = "encryption", left_over(settings.store.path)
    if beside.exists():
        text = (
            f"{beside} is left of a conversion that was interrupted and may be plain: run it again, or remove the file"
        )
        yield bad(what, text)
        return
    key = site_key(settings)
    if key is None:
        text = "the settings name no key: the store is not encrypted; see docs/rules.md, `dialer store key` makes one"
        yield note(what, text)
    elif settings.store.path.exists() and not is_encrypted(settings.store.path):
        yield bad(what, "the settings name a key, and the store is plain: run `dialer store encrypt`")
    elif plain := [each for each in copies_before_upgrades(settings.store.path) if not is_encrypted(each / STORE)]:
        names = ", ".join(each.name for each in plain)
        yield bad(what, f"copies from before upgrades beside the store are plain: remove {names}")
    else:
        if settings.store.path.exists():
            check_key(settings.store.path, key)
        yield good(what, f"the store's key is in {key.file}; recordings and exports are not encrypted")
