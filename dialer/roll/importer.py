"""A roll into the store: all of it or nothing, and twice is the same as once.

The figures add up: every row of the file that is not blank is exactly one of
- `voters`: it added a voter or changed one,
- `unchanged`: its voter stood in the store just so (also: it repeats an earlier row of the file),
- `rejected`: it stands in the rejects file and nothing of it was taken;
so `rows = voters + unchanged + rejected`. Apart from that, `numbers` are the phone numbers and `links` the pairs of voter and
number that were added; a bad number or a bad cell is in the rejects file too, but its row's voter is taken.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from dialer.domain.audit_chain import shown
from dialer.domain.clock import Clock, SystemClock
from dialer.domain.errors import RollError
from dialer.domain.output import refuse_unwritable
from dialer.roll.cleaning import Cleaner
from dialer.roll.doubts import doubts
from dialer.roll.fields import Field
from dialer.roll.mapping import ColumnMapping, MapFile, load_map, map_columns
from dialer.roll.merging import ImportTally, Merger, SecondRoll
from dialer.roll.reading import BATCH_ROWS, HEAD_ROWS, RollFile, open_roll
from dialer.roll.rejects import CountedRejects, Reject, RejectsFile
from dialer.store import audit
from dialer.store.audit import audit_name
from dialer.store.connection import Connection, exclusive_connection
from dialer.store.file_checks import file_exists
from dialer.store.keys import StoreKey
from dialer.store.roll import begin_import, record_import
from dialer.store.spool import Spool
from dialer.store.sql import transaction

DEFAULT_ROLL_VERSION = "current"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a roll is imported."""

    dry_run: bool = False  # find out everything, keep nothing
    rejects_path: Path | None = None  # None: beside the roll, as ROLL.rejects.csv; with a dry run no file
    region: str = "IN"  # ISO 3166 country of numbers without a country code
    roll_version: str = DEFAULT_ROLL_VERSION  # where no column says it; booths renumber between versions
    beside: bool = False  # a constituency may come a second time, under another version
    source: str = ""  # the portal that it comes from, for the record


@dataclass(slots=True)
class ImportResult(ImportTally):
    """What an import did. `rows == voters + unchanged + rejected`."""

    reasons: Mapping[str, int] = field(default_factory=dict)  # what stands in the rejects file, by reason
    examples: tuple[Reject, ...] = ()  # the first of them
    rejects_path: Path | None = None
    dry_run: bool = False

    def figures(self) -> dict[str, int]:
        """The six figures of `--json`."""
        return {name: getattr(self, name) for name in ("rows", "voters", "numbers", "links", "rejected", "unchanged")}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is."""

    share_done: float  # of the file, 0 to 1
    tally: ImportTally


@dataclass(frozen=True, slots=True)
class PreparedImport:
    """A roll that is open and understood, before anything is written: show its mapping, then `run_import`."""

    roll: RollFile
    mapping: ColumnMapping

    def doubts(self, region: str) -> list[str]:
        """What its first rows make doubtful, in a line each. Raises RollError where they cannot be read."""
        first = next(self.roll.batches(self.mapping.skip_rows, BATCH_ROWS), None)
        return [] if first is None else list(doubts(self.mapping, first.rows, region))


def prepare_import(path: Path, map_file: MapFile | None = None) -> PreparedImport:
    """Open a roll and map its columns. Raises RollError where that cannot be."""
    map_file = map_file or MapFile()
    roll = open_roll(path, map_file.options)
    try:
        return PreparedImport(roll, map_columns(path, roll.head(), map_file))
    except RollError as error:
        if not roll.other_sheets:
            raise
        sheets = ", ".join(f'"{name}"' for name in roll.other_sheets)
        raise RollError(
            f"{error}; this is its first sheet, and there are {sheets}: choose one with sheet = {sheets.split(', ')[0]} there"
        ) from error


def import_file(
    path: Path,
    store_path: Path,
    options: ImportOptions | None = None,
    *,
    map_path: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    clock: Clock | None = None,
    key: StoreKey | None = None,
) -> ImportResult:
    """Import the roll at `path` into the store at `store_path`, which is made if there is none, encrypted where
    there is a `key`.

    Raises RollError (the roll, the map file, or a constituency that is there in another version or without its state),
    OutputRefused (the rejects file; the store is not touched then), StoreBusy (a dialler or an import runs) and the other
    StoreErrors; whatever is raised, KeyboardInterrupt too, the store is as it was before (empty, if there was none).
    """
    prepared = prepare_import(path, load_map(map_path) if map_path is not None else None)
    return run_import(prepared, store_path, options, progress=progress, clock=clock, key=key)


def run_import(
    prepared: PreparedImport,
    store_path: Path,
    options: ImportOptions | None = None,
    *,
    progress: Callable[[Progress], None] | None = None,
    clock: Clock | None = None,
    key: StoreKey | None = None,
) -> ImportResult:
    """`import_file` of a roll that is prepared already."""
    options = options or ImportOptions()
    result = ImportResult(rejects_path=_rejects_path(prepared.roll, options, store_path), dry_run=options.dry_run)
    _refuse_rowless(prepared)
    with _store(store_path, key, dry_run=options.dry_run) as db:
        mapping, rejects = prepared.mapping, result.rejects_path
        sink = RejectsFile(rejects, mapping.header, mapping.sensitive) if rejects is not None else CountedRejects()
        try:
            next_voter = begin_import(db)
            with transaction(db, commit=not options.dry_run):
                with _collector_paused():
                    _merge_all(db, next_voter, prepared, options, sink, result, progress)
                sink.finish()
                if not options.dry_run:
                    _record_run(db, prepared, options.source, result, clock or SystemClock())
        except BaseException:
            sink.discard()
            raise
        sink.publish()
    result.reasons, result.examples = dict(sink.reasons.most_common()), tuple(sink.first)
    return result


@contextmanager
def _store(path: Path, key: StoreKey | None, *, dry_run: bool) -> Iterator[Connection]:
    """The store to write to. A dry run for a store that is not there yet gets an empty one of its own."""
    with ExitStack() as opened:
        if dry_run and not file_exists(path):
            path = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="matdan-"))) / "dry-run.db"
        yield opened.enter_context(exclusive_connection(path, "an import", key=key))


@contextmanager
def _collector_paused() -> Iterator[None]:
    """No garbage collection: rows are lists of texts without cycles, and looking for some would take a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _rejects_path(roll: RollFile, options: ImportOptions, store: Path) -> Path | None:
    """Where the rejects go (None: to no file). Asked before the store is touched; raises OutputRefused."""
    path = options.rejects_path
    if path is None:
        if options.dry_run:
            return None
        path = roll.path.with_name(roll.path.name + ".rejects.csv")
    refuse_unwritable(path, "--rejects", {"the roll itself": roll.path, "the store": store})
    return path


def _refuse_rowless(prepared: PreparedImport) -> None:
    """Raise RollError for a roll of a header alone, before a store is made for it."""
    batches = prepared.roll.batches(prepared.mapping.skip_rows, HEAD_ROWS)
    if not any(cell.strip() for batch in batches for row in batch.rows for cell in row):
        raise RollError(f"{prepared.roll.path} has a header and no voters; export the roll again")


def _merge_all(
    db: Connection,
    next_voter: int,
    prepared: PreparedImport,
    options: ImportOptions,
    sink: CountedRejects,
    result: ImportResult,
    progress: Callable[[Progress], None] | None,
) -> None:
    roll = prepared.roll
    merger = Merger(db, next_voter, result, options.region, beside=options.beside)
    cleaner = Cleaner(prepared.mapping, merger.find_booth, roll_version=options.roll_version, damaged=roll.damaged)
    for batch in roll.batches(prepared.mapping.skip_rows):
        try:
            sink.add(merger.add(cleaner.clean(batch)))
        except SecondRoll as found:
            raise RollError(_second_roll(prepared, found)) from found
        if progress is not None:
            progress(Progress(batch.share_done, merger.tally))
    merger.finish()


def _second_roll(prepared: PreparedImport, found: SecondRoll) -> str:
    """One line that names both rolls, and how to say which one is meant: that depends on where this one has it from."""
    mapping, key = prepared.mapping, found.key
    place = f"{prepared.roll.path}: constituency {key.constituency_number}"
    where = "stands in this file" if found.of_this_file else "is on the roll"
    if found.versions:
        place += f" of {key.state_code}" if key.state_code else ""
        there = f"as version {' and '.join(found.versions)}"
        if (columns := mapping.columns.get(Field.ROLL_VERSION)) is not None:
            comes = f'its column "{mapping.header[columns[0]]}" makes it {key.roll_version} as well'
            mend = f'write roll_version = "{found.versions[0]}" under [values] of a --map file'
        elif Field.ROLL_VERSION in mapping.values:
            comes = f"the map file makes it {key.roll_version} as well"
            mend = f'write roll_version = "{found.versions[0]}" under [values] there'
        else:
            comes = f"this file brings it as {key.roll_version}"
            mend = f"give --roll-version {found.versions[0]}"
        mend += " to revise what is there (if its serials are the same voters'), or --beside"
    else:
        if key.state_code:
            there, comes = "without its state", f"this file brings it as one of {key.state_code} as well"
            if Field.STATE_CODE in mapping.columns:
                mend = 'leave it out here too: write state_code = "" under [values] of a --map file'
            elif mapping.values.get(Field.STATE_CODE):
                mend = "take state_code out of the map file's [values]"
            else:
                mend = "leave it out here too: give the constituency's number alone"
        else:
            there, comes = f"as one of {' and '.join(found.states)}", "this file brings it without its state as well"
            mend = (
                f'add the column state_code, or write state_code = "{found.states[0]}" under [values] of a --map file'
            )
        if found.of_this_file:
            mend = "name the state in every row of the file or in none"
        mend += ", or give --beside"
    return (
        f"{place} {where} {there}, and {comes}: whoever is on both would be called and counted twice; {mend} to keep both all"
        " the same; nothing was imported"
    )


def _record_run(db: Connection, prepared: PreparedImport, source: str, tally: ImportResult, clock: Clock) -> None:
    now, roll = clock.now(), prepared.roll
    record_import(db, now, roll.path.name, roll.sha256, [*tally.figures().values()])
    what = {"file": shown(roll.path.name), "sha256": roll.sha256}
    what |= {name: str(getattr(tally, name)) for name in ("rows", "voters", "numbers", "rejected_numbers")}
    what |= {key: said for key, said in (("source", source), ("mapping", prepared.mapping.map_sha256)) if said}
    audit.append(
        db, "roll-import", audit_name(None), what, now
    )  # of that moment: the report of imports has it from here


# A roll for the dialler that runs: read, cleaned and held against the store here, then handed over.


def hand_over_roll(
    prepared: PreparedImport,
    spool: Spool,
    options: ImportOptions,
    *,
    list_id: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[str, ImportResult]:
    """Hand a roll over: its id, and what its import will do to the store as it stands now. It stands in the spool until it is
    removed, with a dry run too. Nothing is written to the store.

    Raises what `import_file` raises; nothing is left in the spool then.
    """
    list_id = list_id or spool.new()
    rejects = options.rejects_path
    if options.dry_run and rejects is None:
        rejects = spool.path(list_id).with_suffix(".rejects.csv")  # it goes with the rest
    here = replace(options, dry_run=False, rejects_path=rejects)
    try:
        spool.prepare_roll(list_id)
        result = run_import(prepared, spool.path(list_id), here, progress=progress, key=spool.key)
        found = spool.compare_with_store(list_id)
    except BaseException:
        spool.remove(list_id)
        raise
    result.voters -= found.unchanged
    result.unchanged += found.unchanged
    result.numbers, result.links, result.opted_out = found.numbers, found.links, found.opted_out
    result.dry_run = options.dry_run
    if options.dry_run:
        result.rejects_path = options.rejects_path
    return list_id, result
