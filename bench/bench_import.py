"""Import of a roll: `dialer import` compared with common scripts and with a plain load of the file without checks.

    python -m bench.bench_import               100,000 rows; --rows 1000000: a large centre; --quick: a short trial

The file is synthetic (`dialer sample-roll`) with 14 % messy rows, once with the 20 columns of a usual export and once with
the four columns of the smallest file. Ours detects the encoding, maps the columns, cleans every cell, rejects rows with
reasons, separates booths, voters, numbers and links, and imports all or nothing. The others convert numbers to E.164 and
insert rows into one flat table, skipping what they cannot read. The minimum is `sqlite3 .import`: text columns without keys
and checks. A contender is void if it misses a row or a plainly written number, or has more than two invented numbers.
"""

from __future__ import annotations

import argparse
import csv
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import phonenumbers

from bench.common import (
    EXIT_GOAL_MISSED,
    Contender,
    Done,
    Figure,
    Result,
    Size,
    Stopwatch,
    Unrunnable,
    describe_machine,
    interleave,
    parse_arguments,
    print_table,
    ratio_figures,
    record,
    write_json,
)
from dialer.roll.importer import ImportOptions, import_roll_file
from dialer.roll.sample import HEADER, write_sample_roll
from dialer.store.connection import open_store_for_reading
from dialer.store.keys import create_store_key_file

SMALLEST = {"app": "AC_NO", "part_no": "PART_NO", "slnoinpart": "SLNOINPART", "mobile": "MOBILE"}
BENCH = Path(__file__).parent
MADE_UP = {"9999999999"}
CLI_NAME = "sqlite3 .import (no checks)"


@dataclass(frozen=True, slots=True)
class Roll:
    """A roll file and the numbers that an import must find."""

    path: Path
    columns: int
    rows: int
    plain_numbers: frozenset[str]  # E.164 of the cells that hold ten plain digits

    def wrong_numbers(self, found: set[str]) -> str:
        """Return the problem with a contender's numbers, or ""."""
        lost = len(self.plain_numbers - found)
        mangled = sum(not number.startswith("+91699") for number in found)
        return f"{lost} numbers missing, {mangled} wrong" if lost or mangled > 2 else ""


def make_roll(folder: Path, rows: int, *, smallest: bool) -> Roll:
    """Write a synthetic roll, with `smallest` only the columns of the smallest file."""
    path = folder / ("smallest.csv" if smallest else "export.csv")
    export = folder / "export.csv"
    if not export.exists():
        write_sample_roll(export, rows)
    plain: set[str] = set()
    places = [HEADER.index(name) for name in SMALLEST.values()]
    with export.open(encoding="utf-8", newline="") as file, (folder / "smallest.csv").open("w", newline="") as cut:
        writer = csv.writer(cut)
        writer.writerow(SMALLEST)
        reader = csv.reader(file)
        next(reader)
        for row in reader:
            writer.writerow([row[place] for place in places])
            # Ours rejects rows without a serial.
            if (
                re.fullmatch("[6-9][0-9]{9}", row[-1])
                and row[-1] not in MADE_UP
                and row[HEADER.index("SLNOINPART")].isdigit()
            ):
                plain.add("+91" + row[-1])
    return Roll(path, len(SMALLEST) if smallest else len(HEADER), rows, frozenset(plain))


def import_contender(roll: Roll, *, encrypted: bool = False) -> Contender:
    """Return the contender `dialer import`, into a new store."""

    def run(watch: Stopwatch) -> Done:
        with tempfile.TemporaryDirectory() as folder:
            store, options = Path(folder) / "centre.db", ImportOptions(rejects_path=Path(folder) / "rejects.csv")
            key = create_store_key_file(Path(folder) / "key") if encrypted else None
            with watch.running():
                result = import_roll_file(roll.path, store, options, key=key)
            with closing(open_store_for_reading(store, key=key)) as db:
                found = {number for (number,) in db.execute("SELECT e164 FROM phone")}
                voters = db.execute("SELECT count(*) FROM voter").fetchone()[0]
        wrong = roll.wrong_numbers(found)
        if result.rows != roll.rows or result.rows != result.voters + result.unchanged + result.rejected:
            wrong = f"{result.get_counts_of_imported_rows()} do not add up to {roll.rows} rows"
        elif voters > result.voters:
            wrong = f"{voters} voters in the store, {result.voters} reported"
        return Done(roll.rows, wrong)

    if encrypted:
        return Contender("dialer import, into an encrypted store", run)
    return Contender("dialer import", run, role="ours")


def e164_by_library(cell: str) -> str | None:
    """Return the E.164 number in a cell by `phonenumbers`, or None."""
    try:
        number = phonenumbers.parse(cell, "IN")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def flat_table(db: sqlite3.Connection, columns: int) -> str:
    """Create a flat table with a column for the number. Return its INSERT statement."""
    names = [f"c{number}" for number in range(columns)] + ["e164"]
    db.execute(f"CREATE TABLE roll ({', '.join(names)})")
    return f"INSERT INTO roll VALUES ({', '.join('?' * len(names))})"  # noqa: S608 - names above


def check_table(roll: Roll, path: Path) -> Done:
    """Check the rows and numbers in a contender's flat table."""
    with closing(sqlite3.connect(path)) as db:
        found = {number for (number,) in db.execute("SELECT e164 FROM roll WHERE e164 IS NOT NULL")}
        inserted = db.execute("SELECT count(*) FROM roll").fetchone()[0]
    return Done(roll.rows, roll.wrong_numbers(found) if inserted == roll.rows else f"{inserted} of {roll.rows} rows")


def csv_and_phonenumbers(roll: Roll) -> Contender:
    """Return the contender that most people would write."""

    def run(watch: Stopwatch) -> Done:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "flat.db"
            with (
                watch.running(),
                closing(sqlite3.connect(path)) as db,
                roll.path.open(encoding="utf-8", newline="") as file,
            ):
                statement = flat_table(db, roll.columns)
                reader = csv.reader(file)
                next(reader)
                db.executemany(statement, ((*row, e164_by_library(row[-1])) for row in reader))
                db.commit()
            return check_table(roll, path)

    return Contender("csv + phonenumbers + sqlite3", run)


def pandas_and_phonenumbers(roll: Roll) -> Contender:
    """Return the contender that uses a pandas data frame."""

    def run(watch: Stopwatch) -> Done:
        try:
            import pandas
        except ImportError as error:
            raise Unrunnable("pip install pandas") from error
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "flat.db"
            with watch.running(), closing(sqlite3.connect(path)) as db:
                frame = pandas.read_csv(roll.path, dtype=str, keep_default_na=False)
                frame["e164"] = frame[frame.columns[-1]].map(e164_by_library)
                frame.to_sql("roll", db, index=False)
                db.commit()
            return check_table(roll, path)

    return Contender("pandas + phonenumbers", run)


def sqlite_cli(roll: Roll) -> Contender:
    """Return the minimum: SQLite's command line loads the unchanged file."""

    def run(watch: Stopwatch) -> Done:
        program = shutil.which("sqlite3")
        if program is None:
            raise Unrunnable("apt install sqlite3")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "raw.db"
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            with watch.running():
                subprocess.run([program, str(path), "-cmd", ".mode csv", f".import {roll.path} roll"], check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            # The stopwatch counts this process only; the work is done by a child process.
            watch.cpu_seconds += after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
            with closing(sqlite3.connect(path)) as db:
                inserted = db.execute("SELECT count(*) FROM roll").fetchone()[0]
        return Done(roll.rows, "" if inserted == roll.rows else f"{inserted} of {roll.rows} rows")

    return Contender(CLI_NAME, run, role="limit")


def bare_executemany(roll: Roll, *, role: str) -> Contender:
    """Return the minimum in Python: the csv module into executemany."""

    def run(watch: Stopwatch) -> Done:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "raw.db"
            with (
                watch.running(),
                closing(sqlite3.connect(path)) as db,
                roll.path.open(encoding="utf-8", newline="") as file,
            ):
                statement = flat_table(db, roll.columns - 1)
                reader = csv.reader(file)
                next(reader)
                inserted = db.executemany(statement, reader).rowcount
                db.commit()
        return Done(roll.rows, "" if inserted == roll.rows else f"{inserted} of {roll.rows} rows")

    return Contender("csv + executemany (no checks)", run, role=role)


def peak_megabytes(roll: Path) -> float:
    """Return the peak memory of an import in a separate process (MB)."""
    script = (
        "import sys, tempfile\nfrom pathlib import Path\nfrom common import peak_memory_bytes\n"
        "from dialer.roll.importer import ImportOptions, import_roll_file\n"
        "with tempfile.TemporaryDirectory() as name:\n"
        "    folder = Path(name)\n"
        "    options = ImportOptions(rejects_path=folder / 'rejects.csv')\n"
        "    import_roll_file(Path(sys.argv[1]), folder / 'centre.db', options)\n"
        "status = Path('/proc/self/status')\n"
        # ru_maxrss would include the memory of the parent process.
        "lines = status.read_text().splitlines() if status.exists() else []\n"
        "peaks = [int(line.split()[1]) * 1024 for line in lines if line.startswith('VmHWM')]\n"
        "print((peaks or [peak_memory_bytes()])[0] / 1e6)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, str(roll)], check=True, capture_output=True, text=True, cwd=BENCH
    )
    return float(answer.stdout)


def make_contenders(roll: Roll) -> list[Contender]:
    """Return the contenders. The minimum is sqlite3, or plain executemany if sqlite3 is not installed."""
    has_cli = shutil.which("sqlite3") is not None
    makers: Sequence[Callable[[Roll], Contender]] = (import_contender, csv_and_phonenumbers, pandas_and_phonenumbers)
    limits = [sqlite_cli(roll)] if has_cli else []
    bare = bare_executemany(roll, role="other" if has_cli else "limit")
    return [*(maker(roll) for maker in makers), import_contender(roll, encrypted=True), bare, *limits]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench. Return 0, or EXIT_GOAL_MISSED if the full size misses the goal on the usual export.

    The ratio on the smallest file is not judged: there the minimum writes twenty bytes per row into one table, but the
    store maintains six trees.
    """
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument("--rows", type=int, default=None)
    chosen, rest = own.parse_known_args(argv)
    options = parse_arguments(__doc__ or "", rounds=3, argv=rest)
    rows = chosen.rows or options.size.pick(100_000, 10_000, 500)
    print(describe_machine())
    tables: dict[str, Sequence[Result]] = {}
    met = False
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for smallest in (False, True):
            roll = make_roll(folder, rows, smallest=smallest)
            title = f"import of {rows:,} rows, {roll.columns} columns, {roll.path.stat().st_size / 1e6:.0f} MB"
            results = interleave(make_contenders(roll), options.rounds, warm_up=options.size is Size.FULL)
            tables[title] = results
            figures += ratio_figures(f"{rows:,} rows, {roll.columns} columns", results)
            print_table(title, results, unit="us/row")
            if not smallest:
                met = judge_limit(results)
        quarter = folder / "quarter.csv"
        write_sample_roll(quarter, rows // 4)
        print(f"\npeak memory: {peak_megabytes(quarter):.0f} MB for {rows // 4:,} rows, ", end="")
        print(f"{peak_megabytes(folder / 'export.csv'):.0f} MB for {rows:,}")
    if options.json is not None:
        write_json(options.json, tables)
    record("import", figures)
    return 0 if met or options.size is not Size.FULL else EXIT_GOAL_MISSED


def judge_limit(results: Sequence[Result], at_most: float = 6.0) -> bool:
    """Print and return whether ours costs at most `at_most` times the minimum."""
    by_role = {result.role: result for result in results if result.usable}
    if not {"ours", "limit"} <= by_role.keys():
        print("  goal: not judged, because a figure is missing")
        return False
    ratio = by_role["ours"].cpu_per_operation / by_role["limit"].cpu_per_operation
    print(
        f"  goal: at most {at_most:g} x {by_role['limit'].name}: {ratio:.1f} x - {'met' if ratio <= at_most else 'NOT met'}"
    )
    return ratio <= at_most


if __name__ == "__main__":
    sys.exit(main())
