"""A roll into the store: all of it or nothing, and twice is the same as once.

The figures add up: every row of the file that is not blank is exactly one of
- `voters`: it added a voter or changed one,
- `unchanged`: its voter stood in the store just so (also: it repeats an earlier row of the file),
- `rejected`: it stands in the rejects file and nothing of it was taken; so `rows = voters + unchanged + rejected`.
  Apart from that, `numbers` are the phone numbers and `links` the pairs of voter and number that were added; a bad
  number or a bad cell is in the rejects file too, but its row's voter is taken.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dialer.domain.audit_chain import shown
from dialer.domain.clock import Clock, SystemClock
from dialer.domain.errors import RollError
from dialer.domain.output import refuse_unwritable
from dialer.roll.cleaning import Cleaner
from dialer.roll.fields import Field
from dialer.roll.mapping import ColumnMapping, MapFile, load_map, map_columns
from dialer.roll.merging import ImportTally, Merger, SecondRoll
from dialer.roll.reading import BATCH_ROWS, HEAD_ROWS, RollFile, open_roll
from dialer.roll.rejects import CountedRejects, Reject, RejectsFile
from dialer.roll.warnings import roll_warnings
from dialer.store import audit
from dialer.store.audit import audit_name
from dialer.store.connection import Connection, exclusive_connection
from dialer.store.file_checks import file_exists
from dialer.store.keys import StoreKey
from dialer.store.roll import begin_import, record_import
from dialer.store.sql import transaction

DEFAULT_ROLL_VERSION = "current"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The options of an import."""

    dry_run: bool = False  # check everything, store nothing
    rejects_path: Path | None = None  # None: next to the roll, as ROLL.rejects.csv; no file in a dry run
    region: str = "IN"  # ISO 3166 country of numbers without a country code
    roll_version: str = DEFAULT_ROLL_VERSION  # without such a column; booths are renumbered between versions
    beside: bool = False  # a second version of a constituency is allowed
    source: str = ""  # the portal it comes from


@dataclass(slots=True)
class ImportResult(ImportTally):
    """The result of an import. `rows == voters + unchanged + rejected`."""

    reasons: Mapping[str, int] = field(default_factory=dict)  # number of rejects by reason
    examples: tuple[Reject, ...] = ()  # the first rejects
    rejects_path: Path | None = None
    dry_run: bool = False

    def figures(self) -> dict[str, int]:
        """Return the six figures of `--json`."""
        return {name: getattr(self, name) for name in ("rows", "voters", "numbers", "links", "rejected", "unchanged")}


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of an import."""

    share_done: float  # of the file, 0 to 1
    tally: ImportTally


@dataclass(frozen=True, slots=True)
class PreparedImport:
    """An open roll with its column mapping, before anything is written."""

    roll: RollFile
    mapping: ColumnMapping

    def warnings(self, region: str) -> list[str]:
        """Return warnings about the first rows, a line each. Raises RollError if they cannot be read."""
        first = next(self.roll.batches(self.mapping.skip_rows, BATCH_ROWS), None)
        return [] if first is None else list(roll_warnings(self.mapping, first.rows, region))


def prepare_import(path: Path, map_file: MapFile | None = None) -> PreparedImport:
    """Open a roll and map its columns. Raises RollError if that is impossible."""
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
    OutputRefused (the rejects file; the store is not touched then), StoreBusy (a dialler or an import runs) and the
    other StoreErrors; whatever is raised, KeyboardInterrupt too, the store is as it was before (empty, if there was
    none).
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
    """Import a prepared roll, like `import_file`."""
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
    """Yield the store to write to: for a dry run without a store, a temporary empty one."""
    with ExitStack() as opened:
        if dry_run and not file_exists(path):
            path = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="matdan-"))) / "dry-run.db"
        yield opened.enter_context(exclusive_connection(path, "an import", key=key))


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Disable garbage collection: rows have no cycles, and collection would take a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _rejects_path(roll: RollFile, options: ImportOptions, store: Path) -> Path | None:
    """Return the path of the rejects file, or None, before the store is touched. Raises OutputRefused."""
    path = options.rejects_path
    if path is None:
        if options.dry_run:
            return None
        path = roll.path.with_name(roll.path.name + ".rejects.csv")
    refuse_unwritable(path, "--rejects", {"the roll itself": roll.path, "the store": store})
    return path


def _refuse_rowless(prepared: PreparedImport) -> None:
    """Raise RollError for a roll without rows, before a store is created for it."""
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
    """Return one line that names both rolls and how to distinguish them, which depends on where the version comes from."""
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
