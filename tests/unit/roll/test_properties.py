"""For any messy roll, every row is counted and none is lost, and importing the roll again changes nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.roll.importer import ImportResult, import_roll_file
from tests.support.roll_support import read_imported_tables, read_rejected_rows, write_roll
from tests.support.stored import query_store

PHONES = st.lists(
    st.sampled_from(
        [
            "6990012345",
            "+91 69900 12345",
            "०६९९११२३४५६",
            "6992123456.0",
            "6.99E+09",
            "12345",
            "9999999999",
            "none",
            "x",
            "-",
        ]
    ),
    max_size=3,
).map("/".join)
ROW = st.tuples(
    st.sampled_from(["1", "2", "१", "1.0", "", "x"]),
    st.sampled_from(["1", "2", "১", "12A", ""]),
    st.sampled_from(["1", "2", "3", "४", "5.0", "0", "", "new", "100000"]),
    st.sampled_from(["", "Mira", "Tarun", " Mira ", 'Say "x", y', "प्रिया\nशर्मा"]),
    st.sampled_from(["", "30", "३०", "31", "7", "old"]),
    st.sampled_from(["", "M", "F", "महिला", "?"]),
    PHONES,
)
BLANK = st.just(("", "", "", "", "", "", ""))
ROLL = st.lists(ROW | ROW | ROW | BLANK, min_size=1, max_size=25).filter(lambda rows: any(any(row) for row in rows))


def check_counts_add_up(result: ImportResult, rows: Sequence[Sequence[str]]) -> None:
    assert result.rows == sum(1 for row in rows if any(row))
    assert result.rows + result.blank_rows == len(rows)
    assert result.rows == result.voters + result.unchanged + result.rejected
    assert result.rejects_path is not None
    found = read_rejected_rows(result.rejects_path)
    assert (
        len(found) == result.rejected + result.rejected_numbers + result.rejected_cells == sum(result.reasons.values())
    )
    assert all(reject["REJECT_REASON"] and 2 <= int(reject["REJECT_ROW"]) <= len(rows) + 1 for reject in found)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(ROLL, ROLL)
def test_random_roll_imported_twice_is_counted_completely_and_stored_once(
    rows: list[tuple[str, ...]], later: list[tuple[str, ...]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "centre.db"
        roll = write_roll(Path(folder) / "roll.csv", rows)
        first = import_roll_file(roll, store)
        check_counts_add_up(first, rows)
        after_first = read_imported_tables(store)
        assert len(after_first["phone"]) == first.numbers
        assert len(after_first["link"]) == first.links
        assert len(after_first["booth"]) == first.booths
        assert len(after_first["voter"]) <= first.voters

        again = import_roll_file(roll, store)
        check_counts_add_up(again, rows)
        assert (again.voters, again.numbers, again.links, again.booths) == (0, 0, 0, 0)
        assert (again.rejected, again.reasons) == (first.rejected, first.reasons)
        assert read_imported_tables(store) == after_first

        # Import another roll twice: the same must hold if the store has some of the voters already.
        other = write_roll(Path(folder) / "later.csv", later)
        check_counts_add_up(import_roll_file(other, store), later)
        settled = read_imported_tables(store)
        once_more = import_roll_file(other, store)
        assert (once_more.voters, once_more.numbers, once_more.links) == (0, 0, 0)
        assert read_imported_tables(store) == settled
        assert query_store(store, "PRAGMA foreign_key_check") == []
        assert query_store(store, "PRAGMA integrity_check") == [("ok",)]
