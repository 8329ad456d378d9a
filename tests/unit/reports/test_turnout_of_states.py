"""Turnout of a roll with several states that use the same constituency numbers."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from dialer.domain.enums import TurnoutBy
from dialer.domain.official_turnout import find_states_of_turnout_figure
from dialer.store.migrate import load_migrations, migrate_schema
from tests.support.command_line import run
from tests.support.report_store import (
    NOON,
    HandFilled,
    enter_turnout,
    insert_official_turnout,
    make_turnout_report,
    rows_by_column,
    write_figures,
)
from tests.support.roll_filler import fill_roll_into


@pytest.fixture
def config(store: HandFilled, one_state: Path) -> Path:
    """Return settings for a roll in which constituency 174 of S24 has parts 1 and 2, and 174 of S13 has part 1."""
    store.db.execute(
        "UPDATE booth SET state_code = 'S13', constituency_number = 174, part_number = 1 WHERE booth_id = 3"
    )
    return one_state


def add_state_figure(store: HandFilled, state: str, by: str, share: float, part: int | None = None) -> None:
    insert_official_turnout(store, 174, by, share, part)
    store.db.execute("UPDATE official_turnout SET state_code = ? WHERE figure_id = last_insert_rowid()", (state,))


async def test_turnout_report_separates_equal_constituency_numbers_of_two_states(
    store: HandFilled, config: Path
) -> None:
    for voter, kind in ((1, "voted"), (21, "not-yet"), (41, "voted"), (42, "voted")):
        store.mark(voter, kind, NOON)
    add_state_figure(store, "S13", "11:00", 0.25)
    add_state_figure(store, "S24", "11:00", 0.31)
    report = await make_turnout_report(store, TurnoutBy.CONSTITUENCY)
    found = [tuple(row.values()) for row in rows_by_column(report)]
    assert found == [
        ("S13", 174, 1, 20, 2, 2, 0, 1.0, 0.25, "22 Apr 11:00"),
        ("S24", 174, 2, 40, 2, 1, 1, 0.5, 0.31, "22 Apr 11:00"),
    ]
    assert report.total == ("all", "", 3, 60, 4, 3, 1, 0.75, None, None)


async def test_turnout_by_booth_section_and_hour_is_counted_separately_for_each_state(
    store: HandFilled, config: Path
) -> None:
    store.mark(1, "voted", NOON)
    store.mark(41, "not-yet", NOON)
    store.opt_out(1, NOON)
    add_state_figure(store, "S13", "11:00", 0.25, part=1)
    booths = await make_turnout_report(store, TurnoutBy.BOOTH)
    found = [
        (row["state"], row["part"], row["contacted"], row["official_turnout"], row["opt_outs"])
        for row in rows_by_column(booths)
    ]
    assert found == [("S13", 1, 1, 0.25, 0), ("S24", 1, 1, None, 1), ("S24", 2, 0, None, 0)]
    assert booths.total is not None
    assert booths.total[:6] == ("all", "", "", "", 60, 2)
    sections = await make_turnout_report(store, TurnoutBy.SECTION)
    assert [row["state"] for row in rows_by_column(sections)] == ["S13", "S24", "S24", "S24"]
    assert len(sections.total or ()) == len(sections.columns)
    add_state_figure(store, "S24", "13:00", 0.4)
    hours = [
        (row["state"], row["by"], row["contacted"], row["official_turnout"])
        for row in rows_by_column(await make_turnout_report(store, TurnoutBy.HOUR))
    ]
    assert hours == [("S13", "13:00", 1, None), ("S24", "13:00", 1, 0.4)]


async def test_turnout_report_of_an_electoral_roll_with_one_state_has_no_state_column(
    store: HandFilled, one_state: Path
) -> None:
    store.db.execute("UPDATE booth SET state_code = '' WHERE booth_id = 2")  # part 2 is on a roll without states
    for by in TurnoutBy:
        assert "state" not in [column.name for column in (await make_turnout_report(store, by)).columns]
    first, second = rows_by_column(await make_turnout_report(store, TurnoutBy.CONSTITUENCY))
    assert (first["constituency"], first["booths"], second["constituency"]) == (174, 2, 175)


async def test_opt_out_of_a_number_on_two_electoral_rolls_of_an_area_counts_once(
    store: HandFilled, one_state: Path
) -> None:
    store.opt_out(1, NOON)
    store.db.execute("UPDATE booth SET state_code = '', constituency_number = 174, part_number = 1 WHERE booth_id = 3")
    store.db.execute("INSERT INTO link (voter_id, phone_id) SELECT 41, phone_id FROM link WHERE voter_id = 1")
    found = [
        (row["part"], row["opt_outs"]) for row in rows_by_column(await make_turnout_report(store, TurnoutBy.BOOTH))
    ]
    assert {count for part, count in found if part == 1} == {1}


async def test_official_figure_without_state_is_not_assigned_to_an_ambiguous_constituency(
    store: HandFilled, config: Path
) -> None:
    insert_official_turnout(store, 174, "11:00", 0.25)
    found = rows_by_column(await make_turnout_report(store, TurnoutBy.CONSTITUENCY))
    assert [row["official_turnout"] for row in found] == [None, None]
    assert [
        (row["state"], row["official_turnout"])
        for row in rows_by_column(await make_turnout_report(store, TurnoutBy.HOUR))
    ] == [("", 0.25)]


def test_official_figure_needs_a_state_if_its_constituency_number_is_ambiguous(store: HandFilled, config: Path) -> None:
    code, output = enter_turnout(config, "09:00", "11")
    assert (code, "174 is on the roll of several states (S13, S24). Name its state" in output) == (2, True), output
    assert "constituency 174 of S14 is not on the roll" in enter_turnout(config, "09:00", "11", "--state", "S14")[1]
    assert enter_turnout(config, "09:00", "11", "--state", "s13")[0] == 0
    assert enter_turnout(config, "11:00", "9", "--state", "S24")[0] == 0  # the lower figure is of another state
    assert enter_turnout(config, "11:00", "10", "--part", "2")[0] == 0  # only S24 has part 2
    found = "SELECT state_code, part_number, by_time, share FROM official_turnout ORDER BY figure_id"
    assert store.db.execute(found).fetchall() == [
        ("S13", None, "09:00", 0.11),
        ("S24", None, "11:00", 0.09),
        ("S24", 2, "11:00", 0.1),
    ]
    assert "turnout cannot fall: 5 % by 11:00" in enter_turnout(config, "11:00", "5", "--state", "S13")[1]
    assert enter_turnout(config, "11:00", "9", "--state", "S24") == (0, "0 figures saved, 1 were already known\n")


def test_file_of_official_figures_may_have_a_state_column(store: HandFilled, config: Path) -> None:
    path = write_figures(store, "174,,09:00,11")
    code, output = run("turnout", "import", path, "--day", "2026-04-22", "-c", config, "--who", "ops")
    assert (
        code,
        "row 2: the official turnout figure was not stored: constituency 174 is on the roll of several states"
        in output,
    ) == (2, True), output
    assert "\n" not in output.strip()
    path.write_text("State,AC,By,Turnout\nS13,174,09:00,11\n s24,174,09:00,12\n", encoding="utf-8")
    assert run("turnout", "import", path, "--day", "2026-04-22", "-c", config, "--who", "ops")[0] == 0
    found = store.db.execute("SELECT state_code, share FROM official_turnout ORDER BY figure_id").fetchall()
    assert found == [("S13", 0.11), ("S24", 0.12)]
    path.write_text(f"state,ac,by,turnout\n{'S' * 129},174,09:00,11\n", encoding="utf-8")
    assert "row 2: the name of the state is too long" in run("turnout", "import", path, "-c", config, "--who", "ops")[1]


def test_official_figure_needs_no_state_if_only_one_state_has_the_constituency_number(
    store: HandFilled, one_state: Path
) -> None:
    assert enter_turnout(one_state, "09:00", "11")[0] == 0
    assert enter_turnout(one_state, "09:00", "11", "--state", "S24") == (0, "0 figures saved, 1 were already known\n")
    assert store.db.execute("SELECT state_code FROM official_turnout").fetchall() == [("S24",)]
    store.db.execute("UPDATE booth SET state_code = ''")  # a roll without states accepts any state
    assert enter_turnout(one_state, "11:00", "12", "--state", "S24")[0] == 0


@pytest.mark.parametrize(
    ("given", "on_the_roll", "meant"),
    [
        ("", ["S13", "S24"], {"S13", "S24"}),
        ("S13", ["S13", "S24"], {"S13"}),
        ("S14", ["S13", "S24"], set()),
        ("", ["S13", ""], {"S13"}),
        ("", ["S13", "S24", ""], {"S13", "S24", ""}),
        ("S14", [""], {""}),
        ("", [], set()),
        ("S13", [], set()),
    ],
)
def test_name_or_code_of_a_federal_state_finds_all_matching_states(
    given: str, on_the_roll: list[str], meant: set[str]
) -> None:
    assert find_states_of_turnout_figure(given, on_the_roll) == meant


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_turnout_chart_has_a_panel_for_each_state(store: HandFilled, config: Path, ending: str) -> None:
    pytest.importorskip("matplotlib")
    store.mark(1, "voted", NOON)
    store.mark(41, "voted", NOON)
    picture = store.path.parent / f"t.{ending}"
    code, output = run("report", "turnout", "--by", "hour", "--picture", picture, "-c", config)
    assert code == 0, output
    if ending == "svg":
        drawn = picture.read_text(encoding="utf-8")
        assert "constituency S13 174" in drawn
        assert "constituency S24 174" in drawn


def test_store_migration_adds_the_federal_state_to_official_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = load_migrations()
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as old:
        with monkeypatch.context() as earlier:
            earlier.setattr("dialer.store.migrate.load_migrations", lambda: shipped[:12])
            migrate_schema(old, Path("centre.db"))
        fill_roll_into(old, 40, voters_per_booth=10)
        old.execute("UPDATE booth SET constituency_number = booth_id")
        old.execute("UPDATE booth SET state_code = 'S13', constituency_number = 1 WHERE booth_id = 2")
        old.execute("UPDATE booth SET state_code = '', constituency_number = 3 WHERE booth_id = 4")
        for number in (1, 3, 9):
            old.execute(
                "INSERT INTO official_turnout (day, constituency_number, by_time, share, entered_at, who)"
                " VALUES ('2026-04-22', ?, '09:00', 0.1, 0, 'ops')",
                (number,),
            )
        assert migrate_schema(old, Path("centre.db")) == len(shipped) - 12
        found = old.execute("SELECT constituency_number, state_code FROM official_turnout ORDER BY 1").fetchall()
        assert found == [(1, ""), (3, "S24"), (9, "")]
