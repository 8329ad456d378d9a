"""`dialer marks`: importing lists of booth workers, correcting a mark, and showing a voter's marks."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from dialer.domain.enums import Confidence, MarkKind
from dialer.domain.errors import RollError
from dialer.domain.model import MarkSource
from dialer.roll.mark_lists import MarkDefaults, MarkReject, MarksFile, read_list_of_voter_marks
from dialer.store.connection import open_store_for_reading
from tests.support.command_line import run
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_site_store

INDIA = ZoneInfo("Asia/Kolkata")
DAY = date(2026, 4, 22)
NOW = datetime(2026, 4, 22, 12, 0, tzinfo=INDIA).timestamp()
HEAD = "AC No,Part No,Serial"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the settings of a centre without a running dialler, with 60 voters in three booths of twenty."""
    fill_roll(tmp_path / "centre.db", 60, voters_per_booth=20)
    path = tmp_path / "centre.toml"
    path.write_text(
        f'[centre]\ntime_zone = "Asia/Kolkata"\n[store]\npath = "{tmp_path / "centre.db"}"\n', encoding="utf-8"
    )
    return path


def write_list(directory: Path, *lines: str, head: str = HEAD) -> Path:
    path = directory / "list.csv"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


def read_list(config: Path, *lines: str, head: str = HEAD, **changes: Any) -> MarksFile:
    printed = {
        "source": MarkSource.BOOTH_WORKER,
        "confidence": None,
        "by": "worker-1",
        "day": DAY,
        "roll_version": None,
    }
    with closing(open_store_for_reading(config.parent / "centre.db")) as db:
        path = write_list(config.parent, *lines, head=head)
        return read_list_of_voter_marks(path, db, MarkDefaults(**{**printed, **changes}), now=NOW, zone=INDIA)


# Reading


def test_voters_serial_numbers_are_read_in_digits_of_any_script(config: Path) -> None:
    found = read_list(config, "174,1,1", "174,2,२", "174,3.0,20", "", "174,1,1")
    assert [(mark.voter_id, mark.kind, mark.at, mark.agent) for mark in found.marks] == [
        (voter, MarkKind.VOTED, NOW, "worker-1") for voter in (1, 22, 60)
    ]
    assert {mark.confidence_in_voter_mark for mark in found.marks} == {Confidence.SEEN}
    assert (found.rejects, found.repeated) == ((), 1)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("174,1,21", "no voter with this serial"),
        ("174,9,1", "part 9 of constituency 174 is not on the roll"),
        ("175,1,1", "part 1 of constituency 175 is not on the roll"),
        ("174,1,", "the cell in column `serial` is not a whole number; correct this number"),
        ("174,x,1", "the cell in column `part` is not a whole number; correct this number"),
        ("174,1,1,supporter", "column `kind` has an unknown value"),
        ("174,1,1,later", "column `kind` has an unknown value"),
        ("174,1,1,,12:06", "`time` is in the future"),
        ("174,1,1,,2026-04-23T09:00", "`time` is in the future"),
        ("174,1,1,,noon", "column `time` is not a time"),
        ("174,1,1,,1960-01-01", "`time` is before 1970"),
        ("174,1,1,,0001-01-01T00:00+14:00", "`time` is before 1970"),
        ("174,1,1,,,Sita Devi", "column `by` is not an id"),
        ("174,1,1,,,9876543210", "column `by` is not an id"),
        ("174,1,1,,,,2025-2", "the store has no roll of this row's version (it has 2026-1)"),
        ("174,1,1,,,,,ABC0000002", "belong to different voters; check that the list is of this roll"),
    ],
)
def test_invalid_line_of_a_list_of_votes_is_rejected_with_number_and_reason(
    config: Path, line: str, reason: str
) -> None:
    head = f"{HEAD},kind,time,by,roll version,epic"
    found = read_list(config, "174,1,2", line, "174,1,3", head=head)
    assert [mark.voter_id for mark in found.marks] == [2, 3]
    [reject] = found.rejects
    assert reject.line == 3
    assert reason in reject.reason
    assert "Sita" not in reject.reason
    assert "98765" not in reject.reason


def test_list_of_votes_may_give_the_kind_time_and_reporter_of_each_answer(config: Path) -> None:
    found = read_list(
        config,
        "174,1,1,Not Yet,09:05,w-1",
        "174,1,1,voted,9:40,w-2",
        "174,1,2,moved,2026-04-22T10:00:00+05:30,",
        "174,1,3,Correction,,",
        head=f"{HEAD},kind,time,by",
    )
    assert found.rejects == ()
    assert [(mark.kind.value, mark.source.value, mark.agent) for mark in found.marks] == [
        ("not-yet", "booth-worker", "w-1"),
        ("voted", "booth-worker", "w-2"),
        ("moved", "booth-worker", "worker-1"),
        ("not-yet", "correction", "worker-1"),
    ]
    hours = [(mark.at - NOW) / 3600 for mark in found.marks]
    assert hours == pytest.approx([-2 - 55 / 60, -2 - 20 / 60, -2, 0])


def test_marks_import_command_adds_the_given_day_to_times(config: Path) -> None:
    found = read_list(config, "174,1,1,18:30", "174,1,2,", head=f"{HEAD},time", day=date(2026, 4, 21))
    local = [datetime.fromtimestamp(mark.at, UTC).astimezone(INDIA) for mark in found.marks]
    assert [f"{moment:%d %H:%M}" for moment in local] == ["21 18:30", "21 23:59"]


def test_vote_listed_in_two_files_is_recognised_as_a_duplicate(config: Path) -> None:
    head = f"{HEAD},kind"
    first = read_list(config, "174,1,1,", "174,1,2,correction", head=head)
    longer = read_list(config, "174,1,5,", "174,1,1,voted", "174,1,2,correction", head=head)
    assert first.marks[0].key == longer.marks[1].key
    assert first.marks[1].key != longer.marks[2].key
    assert first.marks[0].key != read_list(config, "174,1,1,", head=head, by="worker-2").marks[0].key
    assert first.marks[0].key != read_list(config, "174,1,1,", head=head, day=date(2026, 4, 21)).marks[0].key


def test_voter_in_a_list_of_votes_is_found_by_unique_id_card_number(config: Path) -> None:
    with closing(sqlite3.connect(config.parent / "centre.db")) as db:
        db.execute("UPDATE voter SET epic = 'ABC0000005' WHERE voter_id = 45")
        db.commit()
    found = read_list(config, "abc0000003", "ABC0000005", "ABC9999999", head="EPIC No")
    assert [mark.voter_id for mark in found.marks] == [3]
    assert [reject.line for reject in found.rejects] == [3, 4]
    assert "more than once" in found.rejects[0].reason
    assert "not on the roll" in found.rejects[1].reason


def test_vote_import_asks_for_the_roll_version_of_an_ambiguous_part(config: Path) -> None:
    with closing(sqlite3.connect(config.parent / "centre.db")) as db:
        db.execute(
            "INSERT INTO booth (booth_id, roll_version, state_code, constituency_number, part_number)"
            " VALUES (9, '2025-2', 'S24', 174, 1)"
        )
        db.execute("INSERT INTO voter (voter_id, booth_id, serial) VALUES (900, 9, 1)")
        db.commit()
    assert read_list(config, "174,1,1").rejects == (
        MarkReject(
            2,
            "the store has this part in several versions of the roll (2025-2, 2026-1): add the column `roll version` to"
            " the file you import",
        ),
    )
    assert [mark.voter_id for mark in read_list(config, "174,1,1", roll_version="2025-2").marks] == [900]
    assert [mark.voter_id for mark in read_list(config, "174,1,1,2026-1", head=f"{HEAD},roll version").marks] == [1]


def test_votes_dated_before_1970_in_a_list_are_rejected(config: Path) -> None:
    found = read_list(config, "174,1,1", "174,1,2", day=date(1960, 1, 1))
    assert found.marks == ()
    assert [reject.reason for reject in found.rejects] == ["column `time` is before 1970; correct the year"] * 2


def test_list_of_votes_needs_a_state_for_an_ambiguous_part(config: Path) -> None:
    with_state = f"{HEAD},state"
    assert [mark.voter_id for mark in read_list(config, "174,1,1,Maharashtra", head=with_state).marks] == [1]
    with closing(sqlite3.connect(config.parent / "centre.db")) as db:
        db.execute("UPDATE booth SET state_code = 'S13', part_number = 1 WHERE booth_id = 2")
        db.commit()
    [reject] = read_list(config, "174,1,1").rejects
    assert (
        reject.reason
        == "the store has this part in the rolls of several states (S13, S24): add the column `state` to the file you import"
    )
    assert [mark.voter_id for mark in read_list(config, "174,1,1,s13", "174,1,1,S24", head=with_state).marks] == [21, 1]


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("name,age", "has no columns that identify voters"),
        ("AC No,Part No", "has no columns that identify voters"),
        (f"{HEAD},serial", "the column `serial` more than once"),
    ],
)
def test_list_of_votes_without_a_column_that_identifies_voters_is_refused(config: Path, head: str, says: str) -> None:
    with pytest.raises(RollError, match=says):
        read_list(config, "1,2,3,4", head=head)


def test_only_ticked_voters_on_a_strike_off_sheet_are_recorded_as_voted(config: Path) -> None:
    found = read_list(
        config, "174,1,1,x", "174,1,2,", "174,1,3,[ ]", "174,1,4,✓", "174,1,5,maybe", head=f"{HEAD},voted"
    )
    assert [mark.voter_id for mark in found.marks] == [1, 4]
    assert (found.unticked, [reject.line for reject in found.rejects]) == (2, [6])


# The command


def test_import_of_votes_with_the_check_option_stores_nothing(config: Path) -> None:
    path = write_list(config.parent, "174,1,1", "174,1,2", "174,1,99")
    code, output = run("marks", "import", path, "-c", config, "--check", "--who", "ops")
    assert (code, "2 marks would be imported" in output, "line 4: the part has no voter" in output) == (1, True, True)
    assert (
        query_site_store(config.parent, "SELECT count(*) FROM mark")
        == query_site_store(config.parent, "SELECT count(*) FROM audit WHERE kind <> 'seal'")
        == [(0,)]
    )
    code, output = run("marks", "import", path, "-c", config, "--by", "worker-7", "--who", "ops")
    assert (code, "2 marks imported, 0 already known" in output) == (1, True)
    code, output = run("marks", "import", path, "-c", config, "--by", "worker-7", "--who", "ops")
    assert (code, "0 marks imported, 2 already known" in output) == (1, True)
    assert query_site_store(config.parent, "SELECT voter_id, kind, source, confidence, agent FROM mark") == [
        (1, "voted", "booth-worker", "seen", "worker-7"),
        (2, "voted", "booth-worker", "seen", "worker-7"),
    ]
    [(kind, who, what)] = query_site_store(config.parent, "SELECT kind, who, what FROM audit WHERE kind <> 'seal'")
    assert (kind, who) == ("marks", "ops")
    assert json.loads(what).items() >= {("marks", "2"), ("taken", "2")}
    assert query_site_store(config.parent, "SELECT count(*) FROM outbox") == [(2,)]


def test_list_of_votes_too_long_for_one_request_is_stored_completely(config: Path) -> None:
    lines = [
        f"174,{part},{serial},{kind}" for part in (1, 2, 3) for serial in range(1, 21) for kind in ("not-yet", "voted")
    ]
    code, output = run(
        "marks", "import", write_list(config.parent, *lines, head=f"{HEAD},kind"), "-c", config, "--who", "ops"
    )
    assert (code, output) == (0, "list.csv: 120 marks imported, 0 already known\n")
    assert query_site_store(config.parent, "SELECT turnout, count(*) FROM voter GROUP BY turnout") == [("voted", 60)]
    assert query_site_store(config.parent, "SELECT count(*) FROM audit WHERE kind <> 'seal'") == [(2,)]


def test_rejected_lines_of_a_list_of_votes_are_written_to_the_rejects_file(config: Path) -> None:
    path = write_list(config.parent, *[f"174,1,{serial}" for serial in range(1, 60)])
    code, output = run("marks", "import", path, "-c", config, "--who", "ops", "--rejects", config.parent / "r.csv")
    assert code == 1
    assert "and 19 more lines" in output
    with (config.parent / "r.csv").open(encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert (len(found), found[0]) == (
        39,
        {"line": "22", "reason": "the part has no voter with this serial; correct part or serial"},
    )


def test_ticks_on_an_exported_strike_off_sheet_are_imported_as_votes(config: Path) -> None:
    sheet = config.parent / "sheet.xlsx"
    run("list", "strike-off", "--for", "worker-7", "--part", "2", "--out", sheet, "-c", config)
    book = openpyxl.load_workbook(sheet)
    table = book.active
    heads = [cell.value for cell in table[1]]
    for row in (3, 5):
        table.cell(row, heads.index("voted") + 1).value = "x"
    book.save(sheet)
    code, output = run("marks", "import", sheet, "-c", config, "--who", "ops")
    assert (code, output) == (0, "sheet.xlsx: 2 marks imported, 0 already known, 18 not ticked\n")
    assert query_site_store(config.parent, "SELECT voter_id FROM mark ORDER BY 1") == [(22,), (24,)]


def test_marks_show_command_lists_the_correction_that_marks_undo_stored(config: Path) -> None:
    run("marks", "import", write_list(config.parent, "174,1,3"), "-c", config, "--by", "worker-7", "--who", "ops")
    code, output = run("marks", "undo", "174/1/3", "-c", config, "--who", "asha")
    assert (code, output) == (0, "voter 3 is corrected and will be called again\n")
    code, output = run("marks", "show", "ABC0000003", "-c", config, "--format", "json")
    shown = json.loads(output)
    assert (code, shown["report"]) == (0, "marks of voter 3 (174/1/3), status: pending")
    printed = [(row["kind"], row["source"], row["confidence"], row["by"]) for row in shown["rows"]]
    assert printed == [("voted", "booth-worker", "seen", "worker-7"), ("not-yet", "correction", "told", "asha")]
    assert "Voter 3" not in output


def test_marks_undo_command_exits_1_for_a_voter_not_recorded_as_voted(config: Path) -> None:
    assert run("marks", "undo", "3", "-c", config, "--who", "asha") == (
        1,
        "dialer: voter 3 is not recorded as voted or closed: there is nothing to undo\n",
    )
    assert query_site_store(
        config.parent, "SELECT (SELECT count(*) FROM mark), (SELECT count(*) FROM audit WHERE kind <> 'seal')"
    ) == [(0, 0)]
    run("marks", "import", write_list(config.parent, "174,1,3"), "-c", config, "--by", "worker-7", "--who", "ops")
    codes = [run("marks", "undo", "3", "-c", config, "--who", "asha")[0] for _ in range(3)]
    assert codes == [0, 1, 1]
    assert query_site_store(config.parent, "SELECT kind FROM mark ORDER BY mark_id") == [("voted",), ("not-yet",)]
    assert query_site_store(config.parent, "SELECT turnout, reached, not_yet FROM voter WHERE voter_id = 4") == [
        ("pending", 0, 0)
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["undo", "999"], "no voter 999"),
        (["show", "174/1/99"], "the roll has no voter 174/1/99"),
        (["undo", "Sita"], "voter not found"),
        (["undo", "1", "--who", "Asha Rao"], "--who"),
        (["import", "nowhere.csv"], "nowhere.csv"),
        (["import", "nowhere.csv", "--by", "Asha Rao"], "--by"),
        (["import", "nowhere.csv", "--day", "tomorrow"], "--day"),
        (["import", "nowhere.csv", "--day", "2999-01-01"], "--day"),
    ],
)
def test_invalid_arguments_of_the_marks_commands_are_refused_with_a_one_line_error(
    config: Path, arguments: list[str], says: str
) -> None:
    code, output = run("marks", *arguments, "-c", config)
    assert code == 2
    assert says in output
    assert query_site_store(config.parent, "SELECT count(*) FROM mark") == [(0,)]
