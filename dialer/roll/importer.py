"""Import an electoral roll into the store, completely or not at all. Importing the same file again changes nothing.

Every row that is not blank is counted exactly once, so `rows = voters + unchanged + rejected`:
 - `voters`: the row added or changed a voter,
 - `unchanged`: the voter already had these details, from the store or an earlier row of the file,
 - `rejected`: nothing of the row was imported; it is in the rejects file.
`numbers` counts the added phone numbers, and `links` the added pairs of voter and number. Invalid numbers and cells are
in the rejects file too, but their voters are imported.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dialer.domain.audit_chain import shorten_text_for_audit
from dialer.domain.clock import Clock, SystemClock
from dialer.domain.errors import RollError
from dialer.domain.output import refuse_unwritable_path
from dialer.roll.cleaning import Cleaner
from dialer.roll.fields import Field
from dialer.roll.mapping import ColumnMapping, MapFile, load_column_map, map_roll_columns_to_fields
from dialer.roll.merging import DuplicateConstituency, ImportTally, Merger
from dialer.roll.option_values import DEFAULT_ROLL_VERSION
from dialer.roll.reading import BATCH_ROWS, HEAD_ROWS, RollFile, open_roll
from dialer.roll.rejects import Reject, RejectCounter, RejectsFile
from dialer.roll.warnings import find_roll_warnings
from dialer.store import audit
from dialer.store.audit import get_name_of_responsible_person
from dialer.store.connection import Connection, open_store_exclusively
from dialer.store.file_checks import file_exists
from dialer.store.keys import StoreKey
from dialer.store.roll import begin_roll_import, record_import_of_roll_file
from dialer.store.sql import open_transaction


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The options of the import of an electoral roll."""

    dry_run: bool = False  # check everything, store nothing
    rejects_path: Path | None = None  # None: ROLL.rejects.csv next to the roll, or no file in a dry run
    region: str = "IN"  # ISO 3166 country of numbers without a country code
    roll_version: str = DEFAULT_ROLL_VERSION  # for rolls without such a column; serials differ between versions
    allow_second_roll: bool = False  # import a constituency although it is on the roll in another version
    source: str = ""  # the portal that exported the roll
    file_name: str | None = None  # to record in the store and the audit; None: the file's own name


@dataclass(slots=True)
class ImportResult(ImportTally):
    """The result of the import of an electoral roll: how many rows were accepted and rejected, and why."""

    reasons: Mapping[str, int] = field(default_factory=dict)  # number of rejects by reason
    examples: tuple[Reject, ...] = ()  # the first rejects
    rejects_path: Path | None = None
    dry_run: bool = False

    def get_counts_of_imported_rows(self) -> dict[str, int]:
        """Return the six counts of rows and numbers that `dialer import --json` prints."""
        return {name: getattr(self, name) for name in ("rows", "voters", "numbers", "links", "rejected", "unchanged")}


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of an import of an electoral roll."""

    share_done: float  # of the file (0-1)
    tally: ImportTally


@dataclass(frozen=True, slots=True)
class PreparedImport:
    """An electoral roll that is open and whose columns are known, ready to be imported. Nothing has been written to the
    store yet.
    """

    roll: RollFile
    mapping: ColumnMapping

    def find_roll_warnings(self, region: str) -> list[str]:
        """Return one-line warnings about the columns and the first rows of the electoral roll.

        Raises:
            RollError: The rows cannot be read.
        """
        first = next(self.roll.read_row_batches(self.mapping.skip_rows, BATCH_ROWS), None)
        return [] if first is None else list(find_roll_warnings(self.mapping, first.rows, region))


def prepare_roll_import(path: Path, map_file: MapFile | None = None) -> PreparedImport:
    """Open an electoral roll and find out which column contains which field.

    Raises:
        RollError: The file cannot be read, or its columns cannot be mapped.
    """
    map_file = map_file or MapFile()
    roll = open_roll(path, map_file.options)
    try:
        return PreparedImport(roll, map_roll_columns_to_fields(path, roll.read_first_rows(), map_file))
    except RollError as error:
        if not roll.other_sheets:
            raise
        sheets = ", ".join(f'"{name}"' for name in roll.other_sheets)
        raise RollError(
            f"{error}; only the first sheet of the workbook was read. If the voters are on another sheet "
            f"({sheets}), name that sheet in the --map file: sheet = {roll.other_sheets[0]!r}"
        ) from error


def import_roll_file(
    path: Path,
    store_path: Path,
    options: ImportOptions | None = None,
    *,
    map_path: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    clock: Clock | None = None,
    key: StoreKey | None = None,
) -> ImportResult:
    """Import an electoral roll into the store, which is created if necessary. All or nothing.

    A new store is encrypted with `key`, if given. After any error or interruption, the store is unchanged, or empty if
    it was created.

    Raises:
        RollError: The roll or the map file is invalid, or a constituency of the roll is already stored in another
            version or state.
        OutputRefused: The rejects file cannot be written.
        StoreBusy: A dialler or another import is running.
        StoreError: The store cannot be opened or written.
    """
    prepared = prepare_roll_import(path, load_column_map(map_path) if map_path is not None else None)
    return import_prepared_roll(prepared, store_path, options, progress=progress, clock=clock, key=key)


def import_prepared_roll(
    prepared: PreparedImport,
    store_path: Path,
    options: ImportOptions | None = None,
    *,
    progress: Callable[[Progress], None] | None = None,
    clock: Clock | None = None,
    key: StoreKey | None = None,
) -> ImportResult:
    """Import a prepared electoral roll into the store. Raises the same errors as `import_roll_file`."""
    options = options or ImportOptions()
    result = ImportResult(
        rejects_path=_choose_rejects_path(prepared.roll, options, store_path), dry_run=options.dry_run
    )
    _refuse_empty_roll(prepared)
    with _open_store_for_import(store_path, key, dry_run=options.dry_run) as db:
        mapping, rejects = prepared.mapping, result.rejects_path
        sink = RejectsFile(rejects, mapping.header, mapping.sensitive) if rejects is not None else RejectCounter()
        try:
            next_voter = begin_roll_import(db)
            with open_transaction(db, commit=not options.dry_run):
                with _pause_garbage_collection():
                    _import_row_batches_into_store(db, next_voter, prepared, options, sink, result, progress)
                sink.close_rejects_file()
                if not options.dry_run:
                    _record_roll_import_in_store(db, prepared, options, result, clock or SystemClock())
        except BaseException:
            sink.delete_rejects_file()
            raise
        sink.move_rejects_file_to_final_path()
    result.reasons, result.examples = dict(sink.reasons.most_common()), tuple(sink.examples)
    return result


@contextmanager
def _open_store_for_import(path: Path, key: StoreKey | None, *, dry_run: bool) -> Iterator[Connection]:
    """Yield a connection to the store.

    In a dry run without an existing store, the connection is to a temporary empty store.
    """
    with ExitStack() as opened:
        if dry_run and not file_exists(path):
            path = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="matdan-"))) / "dry-run.db"
        yield opened.enter_context(open_store_exclusively(path, "an import", key=key))


@contextmanager
def _pause_garbage_collection() -> Iterator[None]:
    """Turn off Python's garbage collector during an import, for speed. Rows have no reference cycles, so it would free
    nothing.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _choose_rejects_path(roll: RollFile, options: ImportOptions, store: Path) -> Path | None:
    """Return the path of the file for rejected rows, or None if none is written.

    Raises:
        OutputRefused: The file cannot be written.
    """
    path = options.rejects_path
    if path is None:
        if options.dry_run:
            return None
        path = roll.path.with_name(roll.path.name + ".rejects.csv")
    refuse_unwritable_path(path, "--rejects", {"the roll itself": roll.path, "the store": store})
    return path


def _refuse_empty_roll(prepared: PreparedImport) -> None:
    """Raise RollError if an electoral roll has no rows, before a store is created for the roll."""
    batches = prepared.roll.read_row_batches(prepared.mapping.skip_rows, HEAD_ROWS)
    if not any(cell.strip() for batch in batches for row in batch.rows for cell in row):
        raise RollError(f"{prepared.roll.path} has a header but no voters; export the roll again")


def _import_row_batches_into_store(
    db: Connection,
    next_voter: int,
    prepared: PreparedImport,
    options: ImportOptions,
    sink: RejectCounter,
    result: ImportResult,
    progress: Callable[[Progress], None] | None,
) -> None:
    roll = prepared.roll
    merger = Merger(db, next_voter, result, options.region, allow_second_roll=options.allow_second_roll)
    cleaner = Cleaner(
        prepared.mapping, merger.find_or_add_booth, roll_version=options.roll_version, damaged=roll.damaged
    )
    for batch in roll.read_row_batches(prepared.mapping.skip_rows):
        try:
            sink.record_rejected_rows(merger.merge_rows_into_store(cleaner.convert_rows_to_voters(batch)))
        except DuplicateConstituency as found:
            raise RollError(_explain_duplicate_constituency(prepared, found)) from found
        if progress is not None:
            progress(Progress(batch.share_done, merger.tally))
    merger.finish_import_of_roll()


def _explain_duplicate_constituency(prepared: PreparedImport, found: DuplicateConstituency) -> str:
    """Return a one-line error about a constituency that is on two electoral rolls, with both rolls and a remedy."""
    mapping, key = prepared.mapping, found.key
    constituency = f"{prepared.roll.path}: constituency {key.constituency_number}"
    place = "in this file" if found.in_this_file else "on the roll"
    if found.versions:
        constituency += f" of {key.state_code}" if key.state_code else ""
        earlier = f"as version {' and '.join(found.versions)}"
        if (columns := mapping.columns.get(Field.ROLL_VERSION)) is not None:
            new = f'its column "{mapping.header[columns[0]]}" makes it version {key.roll_version}'
            remedy = f'write roll_version = "{found.versions[0]}" under [values] of a --map file'
        elif Field.ROLL_VERSION in mapping.values:
            new = f"the map file makes it version {key.roll_version}"
            remedy = f'write roll_version = "{found.versions[0]}" under [values] of the map file'
        else:
            new = f"this file has it as version {key.roll_version}"
            remedy = f"give --roll-version {found.versions[0]}"
        remedy += " to update that version (if its serial numbers are the same voters'), or --allow-second-roll"
    else:
        if key.state_code:
            earlier, new = "without a state", f"this file has it with the state {key.state_code}"
            if Field.STATE_CODE in mapping.columns:
                remedy = 'leave the state out here too: write state_code = "" under [values] of a --map file'
            elif mapping.values.get(Field.STATE_CODE):
                remedy = "remove state_code from [values] of the map file"
            else:
                remedy = "leave the state out here too: give only the constituency's number"
        else:
            earlier, new = f"with the state {' and '.join(found.states)}", "this file has it without a state"
            remedy = (
                f'add the column state_code, or write state_code = "{found.states[0]}" under [values] of a --map file'
            )
        if found.in_this_file:
            remedy = "give the state in every row of the file or in none"
        remedy += ", or give --allow-second-roll"
    return (
        f"{constituency} is {place} {earlier}, but {new}: voters on both rolls would be called and counted twice; {remedy}"
        " to keep both rolls; nothing was imported"
    )


def _record_roll_import_in_store(
    db: Connection, prepared: PreparedImport, options: ImportOptions, tally: ImportResult, clock: Clock
) -> None:
    now, roll = clock.now(), prepared.roll
    name = options.file_name or roll.path.name
    record_import_of_roll_file(db, now, name, roll.sha256, [*tally.get_counts_of_imported_rows().values()])
    details = {"file": shorten_text_for_audit(name), "sha256": roll.sha256}
    details |= {name: str(getattr(tally, name)) for name in ("rows", "voters", "numbers", "rejected_numbers")}
    optional = (("source", options.source), ("mapping", prepared.mapping.map_sha256))
    details |= {key: value for key, value in optional if value}
    # The same time as in the import's row: the report of imports joins the two by it.
    audit.append_entry(db, "roll-import", get_name_of_responsible_person(None), details, now)
