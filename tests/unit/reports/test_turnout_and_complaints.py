"""Self-reported and official turnout, and complaints: entered at the command line and reported in every format."""

from __future__ import annotations

import asyncio
import json
import os
import re
from datetime import date, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from dialer.cli.external_records import require_store_locked_by_dialler
from dialer.domain.complaints import Complaint
from dialer.domain.enums import TurnoutBy
from dialer.domain.errors import StoreBusy
from dialer.domain.official_turnout import FINAL, OfficialFigure
from dialer.engine.external_records.service import ExternalRecords
from dialer.polling_day.plan import ExpectedTurnout
from dialer.reports import accounts, polling_day, turnout_picture
from dialer.reports.formats import Report
from dialer.reports.polling_day import RollConstituencies, TurnoutProgress
from dialer.reports.tables import Window
from dialer.store.connection import open_store_snapshot
from dialer.store.lock_holder import find_lock_holder
from tests.support.command_line import run
from tests.support.held_clock import days_ago, fix_clock
from tests.support.report_store import (
    NOON,
    HandFilled,
    enter_turnout,
    insert_official_turnout,
    make_turnout_report,
    rows_by_column,
    write_figures,
)

INDIA = ZoneInfo("Asia/Kolkata")
HOUR = 3600.0


# Record imports


def test_import_that_has_locked_the_store_is_not_mistaken_for_a_running_dialler(
    store: HandFilled, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second command that mistook the import for a dialler would wait for an answer that never comes."""
    store_complaint = ExternalRecords.store_complaint
    seen: list[str] = []

    async def file_and_check_lock(records: ExternalRecords, complaint: Complaint, who: str) -> str:
        seen.append(find_lock_holder(store.path) or "")
        with pytest.raises(StoreBusy, match=r"in use by an import of records .* wait until it has finished"):
            require_store_locked_by_dialler(store.path, StoreBusy("busy"))
        return await store_complaint(records, complaint, who)

    monkeypatch.setattr(ExternalRecords, "store_complaint", file_and_check_lock)
    add = ("complaint", "add", "--about", "too-often", "--channel", "letter", "-c", config)
    code, text = run(*add)
    assert code == 0, text
    assert seen == [f"an import of records (process {os.getpid()})"]


# Turnout


async def test_hourly_turnout_includes_official_figures(store: HandFilled, config: Path) -> None:
    store.mark(1, "not-yet", NOON - 3 * HOUR)  # at 09:00
    store.mark(1, "voted", NOON - HOUR + 60)
    store.mark(2, "voted", NOON - 2 * HOUR - 1)
    store.mark(3, "will-not", NOON)
    store.mark(4, "wrong-number", NOON)
    insert_official_turnout(store, 174, "11:00", 0.2)
    insert_official_turnout(store, 174, "11:00", 0.25)  # replaces the figure entered before
    insert_official_turnout(store, 174, FINAL, 0.66)
    insert_official_turnout(store, 174, "11:00", 0.9, part=1)
    found = [tuple(row.values()) for row in rows_by_column(await make_turnout_report(store, TurnoutBy.HOUR))]
    day = "2026-04-22"
    assert found == [
        (174, day, "10:00", 2, 1, 2, 1, 0.5, None),
        (174, day, "11:00", 0, 0, 2, 1, 0.5, 0.25),
        (174, day, "12:00", 0, 1, 2, 2, 1.0, None),
        (174, day, "13:00", 1, 0, 3, 2, 2 / 3, None),
        (174, day, "final", 0, 0, 3, 2, 2 / 3, 0.66),
    ]
    assert not rows_by_column(await make_turnout_report(store, TurnoutBy.HOUR, Window(since=NOON + 86_400)))


async def test_vote_recorded_once_more_after_a_correction_counts_in_the_later_hour(
    store: HandFilled, config: Path
) -> None:
    store.mark(1, "voted", NOON - 3 * HOUR)
    store.mark(1, "not-yet", NOON - 2 * HOUR, source="correction")
    assert [row["voted"] for row in rows_by_column(await make_turnout_report(store, TurnoutBy.HOUR))] == [0]
    store.mark(1, "voted", NOON)
    assert [(row["by"], row["voted"]) for row in rows_by_column(await make_turnout_report(store, TurnoutBy.HOUR))] == [
        ("10:00", 0),
        ("13:00", 1),
    ]


async def test_turnout_by_section_and_constituency_counts_contacted_and_voted_voters(
    store: HandFilled, config: Path
) -> None:
    store.mark(1, "voted", NOON)
    store.mark(6, "not-yet", NOON)
    store.mark(41, "voted", NOON)
    insert_official_turnout(store, 174, "11:00", 0.25)
    insert_official_turnout(store, 174, "09:00", 0.11)
    insert_official_turnout(store, 174, "11:00", 0.31, part=2)
    sections = rows_by_column(await make_turnout_report(store, TurnoutBy.SECTION))
    found = [(row["part"], row["section"], row["voters"], row["contacted"], row["voted"]) for row in sections]
    assert found == [(1, "", 15, 1, 0), (1, "=A, B Road", 5, 1, 1), (2, "", 20, 0, 0), (3, "", 20, 1, 1)]
    first, second = rows_by_column(await make_turnout_report(store, TurnoutBy.CONSTITUENCY))
    assert (first["booths"], first["contacted"], first["voted"], first["not_yet"]) == (2, 2, 1, 1)
    assert (first["official_turnout"], first["official_by"]) == (0.25, "22 Apr 11:00")
    assert (second["constituency"], second["official_turnout"]) == (175, None)
    booths = rows_by_column(await make_turnout_report(store, TurnoutBy.BOOTH))
    assert [row["official_turnout"] for row in booths] == [None, 0.31, None]


@pytest.mark.parametrize("by", TurnoutBy)
async def test_every_turnout_report_says_that_the_turnout_is_self_reported(
    store: HandFilled, config: Path, by: TurnoutBy
) -> None:
    store.mark(1, "voted", NOON)
    report = await make_turnout_report(store, by)
    assert "self-reported" in report.title
    assert "not official" in report.title
    assert "contacted" in {column.name for column in report.columns}


def test_turnout_report_queries_read_no_data_about_support_for_candidates() -> None:
    """Exit polls are forbidden, so turnout reports must not use a voter's answers or a campaign's weights."""
    for statement in (each.sql for each in polling_day.SQL.declared.values()):
        words = set(re.findall(r"\w+", re.sub(r"--.*", "", statement)))
        assert not words & {"weight", "rank", "flow_answer", "target"}


@pytest.mark.parametrize("ending", ["csv", "json", "xlsx", "pdf"])
def test_turnout_report_is_written_in_every_file_format_without_formulas(
    store: HandFilled, config: Path, ending: str
) -> None:
    store.mark(1, "voted", NOON)
    out = store.path.parent / f"t.{ending}"
    code, output = run("report", "turnout", "--by", "section", "--out", out, "-c", config)
    assert (code, output.strip().endswith("4 rows")) == (0, True)
    content = out.read_bytes()
    if ending == "csv":
        assert b'"\'=A, B Road"' in content
    elif ending == "xlsx":
        cell = openpyxl.load_workbook(out).active["C3"]
        assert (cell.value, cell.data_type) == ("=A, B Road", "s")
    else:
        assert content.startswith(b"%PDF" if ending == "pdf" else b"{")


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_turnout_chart_has_official_figures_and_the_same_bytes_each_time(
    store: HandFilled, config: Path, ending: str
) -> None:
    pytest.importorskip("matplotlib")
    for voter in range(1, 30):
        store.mark(voter, "voted" if voter % 3 else "not-yet", NOON - 4 * HOUR + voter * 600)
    insert_official_turnout(store, 174, "09:00", 0.11)
    insert_official_turnout(store, 174, FINAL, 0.66)
    picture = store.path.parent / f"t.{ending}"
    code, output = run("report", "turnout", "--by", "hour", "--picture", picture, "-c", config)
    assert code == 0, output
    assert f"t.{ending}: 2026-04-22" in output
    first = picture.read_bytes()
    assert first.startswith(b"\x89PNG" if ending == "png" else b"<?xml")
    run("report", "turnout", "--picture", picture, "--day", "2026-04-22", "-c", config)
    assert picture.read_bytes() == first


def test_error_of_the_turnout_chart_command_is_a_one_line_message(store: HandFilled, config: Path) -> None:
    pytest.importorskip("matplotlib")
    code, output = run("report", "turnout", "--picture", store.path.parent / "t.png", "-c", config)
    assert (code, "no picture was drawn" in output) == (0, True)
    store.mark(1, "voted", NOON)
    assert "must be a .png or .svg" in run("report", "turnout", "--picture", "t.gif", "-c", config)[1]
    assert "--day" in run("report", "turnout", "--picture", "t.png", "--day", "today", "-c", config)[1]


# Official figures at the command line


def test_official_turnout_figure_is_stored_once_and_recorded_in_the_audit(
    store: HandFilled, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fix_clock(monkeypatch)
    command = (
        "turnout",
        "enter",
        "--constituency",
        "174",
        "--by",
        "9",
        "--turnout",
        "11.4%",
        "-c",
        config,
        "--who",
        "ops",
    )
    day = days_ago(0)
    assert run(*command) == (0, "1 figures saved, 0 were already known\n")
    assert run(*command) == (0, "0 figures saved, 1 were already known\n")
    found = store.db.execute("SELECT day, constituency_number, part_number, by_time, share, who FROM official_turnout")
    assert found.fetchall() == [(day, 174, None, "09:00", 0.114, "ops")]
    assert (
        store.db.execute("SELECT kind, who FROM audit WHERE kind <> 'seal'").fetchall()
        == [("official-turnout", "ops")] * 2
    )


def test_file_of_official_figures_is_imported_completely_or_not_at_all(store: HandFilled, config: Path) -> None:
    path = store.path.parent / "official.csv"
    head = "AC,Part,Time,Turnout (%),Day\n"
    good = "174,,09:00,11.2,2026-04-22\n174,2,Final,66,\n"
    for bad, says in (
        ("174,,09:00,111,\n", "row 4: the turnout is not a percentage"),
        ("174,,noon,11,\n", "row 4: the time of the figure is not valid"),
        ("174,,09:00,11,22.4.\n", "is not a date"),
        ("x,,09:00,11,\n", "row 4: the cell in column `constituency` is not a whole number"),
        ("9,,09:00,11,\n", "constituency 9 is not on the roll"),
    ):
        path.write_text(head + good + bad, encoding="utf-8")
        code, output = run("turnout", "import", path, "-c", config, "--who", "ops")
        assert (code, says in output) == (2, True), output
        assert store.db.execute("SELECT count(*) FROM official_turnout").fetchone() == (0,)
    path.write_text(head + good, encoding="utf-8")
    code, output = run("turnout", "import", path, "-c", config, "--who", "ops", "--day", "2026-04-23")
    assert (code, output) == (0, "2 figures saved, 0 were already known\n")
    found = store.db.execute(
        "SELECT day, part_number, by_time, share FROM official_turnout ORDER BY figure_id"
    ).fetchall()
    assert found == [("2026-04-22", None, "09:00", 0.112), ("2026-04-23", 2, "final", 0.66)]


def stored_figures(store: HandFilled) -> list[tuple[str, float]]:
    return store.db.execute("SELECT by_time, share FROM official_turnout ORDER BY figure_id").fetchall()


@pytest.mark.parametrize(
    ("last", "says"),
    [
        ("999,,17:00,50", "row 122: the official turnout figure was not stored: constituency 999 is not on the roll"),
        (
            "174,99,17:00,50",
            "row 122: the official turnout figure was not stored: constituency 174, part 99, is not on the roll",
        ),
        ("174,,17:00,1", "row 122: turnout cannot fall: 1 % by 17:00, but 16 % by 16:55"),
    ],
)
def test_no_official_figure_is_stored_if_the_last_of_many_is_refused(
    store: HandFilled, config: Path, last: str, says: str
) -> None:
    """A command carries a hundred figures, so a wrong figure in the second command must be found before the first is sent."""
    tens = [(hour, minute) for hour in range(7, 17) for minute in range(0, 60, 5)]
    good = [f"174,,{hour:02}:{minute:02},{hour}" for hour, minute in tens]
    path = write_figures(store, *good, last)
    code, output = run("turnout", "import", path, "--day", "2026-04-22", "-c", config, "--who", "ops")
    assert (code, says in output) == (2, True), output
    assert stored_figures(store) == []


def test_official_turnout_below_an_earlier_figure_is_refused_until_that_figure_is_corrected(
    store: HandFilled, config: Path
) -> None:
    assert enter_turnout(config, "09:00", "61")[0] == 0  # a typing error for 16
    code, output = enter_turnout(config, "11:00", "28")
    assert (code, "turnout cannot fall: 28 % by 11:00, but 61 % by 09:00" in output) == (2, True), output
    assert "--as-published" in output
    assert stored_figures(store) == [("09:00", 0.61)]
    assert enter_turnout(config, "09:00", "16")[0] == 0  # replaces the figure of the same hour
    assert enter_turnout(config, "11:00", "28")[0] == 0
    assert "29 % by 10:00, but 28 % by 11:00" in enter_turnout(config, "10:00", "29")[1]
    assert "27 % by final, but 28 % by 11:00" in enter_turnout(config, "final", "27")[1]
    assert enter_turnout(config, "final", "27", "--as-published")[0] == 0
    assert enter_turnout(config, "11:00", "28") == (0, "0 figures saved, 1 were already known\n")


@pytest.mark.parametrize("by", ["03:00", "06:59", "18:01", "23:00"])
def test_turnout_for_an_hour_outside_polling_hours_needs_an_extra_option(
    store: HandFilled, config: Path, by: str
) -> None:
    code, output = enter_turnout(config, by, "11")
    assert (code, f"{by} is outside the hours of poll (07:00 to 18:00; final is after it)" in output) == (2, True), (
        output
    )
    assert stored_figures(store) == []
    assert enter_turnout(config, by, "11", "--as-published")[0] == 0


def test_close_of_poll_in_the_settings_precedes_that_of_the_roll(store: HandFilled, config: Path) -> None:
    with config.open("a", encoding="utf-8") as file:
        file.write("[rules]\npolls = [{ day = 2026-04-22, closes_at = 17:00:00 }]\n")
    assert "(07:00 to 17:00;" in enter_turnout(config, "17:30", "11")[1]
    config.write_text(config.read_text(encoding="utf-8").split("[rules]")[0], encoding="utf-8")
    store.db.execute("UPDATE booth SET closes_at = ''")
    assert enter_turnout(config, "22:00", "11")[0] == 0
    assert "(07:00; final" in enter_turnout(config, "06:00", "1")[1]


def test_official_turnout_with_invalid_part_or_day_gives_a_one_line_error(store: HandFilled, config: Path) -> None:
    path = write_figures(store, "174,99999999999999999999,09:00,11")
    assert (
        "row 2: the cell in column `part` is not a whole number"
        in run("turnout", "import", path, "-c", config, "--who", "ops")[1]
    )
    path = write_figures(store, "174,,09:00,11")
    code, output = run("turnout", "import", path, "-c", config, "--who", "ops", "--day", "1999-04-22")
    assert (code, "row 2: 1999-04-22 is not a valid polling day" in output) == (2, True), output


def test_official_figure_for_a_day_without_poll_is_refused_with_the_polling_days(
    store: HandFilled, config: Path
) -> None:
    figure = (
        "turnout",
        "enter",
        "--constituency",
        "174",
        "--by",
        "final",
        "--turnout",
        "41",
        "--who",
        "ops",
        "-c",
        config,
    )
    with config.open("a", encoding="utf-8") as file:
        file.write(
            "[rules]\npolls = [{ day = 2026-04-22, constituencies = [175] }, { day = 2026-04-29, constituencies = [174] }]\n"
        )
    for day in ((), ("--day", "2026-04-22"), ("--day", "1999-01-01")):
        code, output = run(*figure, *day)
        assert code == 2, output
        assert "is not a polling day of constituency 174 ([[rules.polls]] has 2026-04-29): correct the day" in output
        assert len(output.splitlines()) == 1, output
    assert stored_figures(store) == []
    assert run(*figure, "--day", "2026-04-29")[0] == 0
    assert run(*figure, "--day", "2026-05-02", "--as-published")[0] == 0  # a repeat poll ordered by the authority
    assert run(*figure, "--day", "1999-01-01", "--as-published")[0] == 2


def test_official_figure_with_the_latest_hour_is_the_latest_figure_of_an_area() -> None:
    day = date(2026, 4, 22)
    figures = [
        OfficialFigure(day, 174, None, by, share) for by, share in ((FINAL, 0.66), ("09:00", 0.11), ("17:00", 0.6))
    ]
    assert polling_day.select_latest_official_turnout_figures(figures) == {("", 174, None): (0.66, "22 Apr final")}


# Complaints


def read_reports(store: HandFilled, window: Window | None = None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of the complaints report and of the compliance report."""

    async def read() -> tuple[Report, Report]:
        with open_store_snapshot(store.path, None) as source:
            chosen = window or Window()
            return accounts.report_complaints(source, chosen, INDIA), accounts.report_compliance(source, chosen, INDIA)

    one_by_one, counted = asyncio.run(read())
    return rows_by_column(one_by_one), rows_by_column(counted)


def test_complaint_is_assigned_to_the_last_call_and_counted_with_opt_outs(store: HandFilled, config: Path) -> None:
    old = store.answered(1, NOON)
    store.answered(1, NOON + HOUR, campaign="ivr")
    store.attempt(2, NOON)
    store.opt_out(1, NOON + 60, old)
    # The complaint is assigned to the last call before it was made.
    number = store.number(1)
    code, output = run(
        *("complaint", "add", "--about", "too-often", "--channel", "letter", "--number", number),
        *("--at", "2026-04-22T12:30", "-c", config, "--who", "anita"),
    )
    assert (code, output.splitlines()[0]) == (0, "complaint 1 is saved")
    run(
        "complaint",
        "add",
        "--about",
        "other",
        "--channel",
        "authority",
        "--at",
        "2026-04-22",
        "-c",
        config,
        "--who",
        "anita",
    )
    found, counted = read_reports(store)
    assert [(row["complaint"], row["about"], row["campaign"], row["attempt"], row["answer"]) for row in found] == [
        (2, "other", "", "", "open"),
        (1, "too-often", "agents", old, "open"),
    ]
    assert found[1]["opted_out_at"] == "2026-04-22 12:01+05:30"
    assert [tuple(row.values()) for row in counted] == [
        ("2026-04-22", "", 0, 0, 1, 1),
        ("2026-04-22", "agents", 2, 1, 1, 1),
        ("2026-04-22", "ivr", 1, 0, 0, 0),
    ]
    assert run("complaint", "answer", "1", "--done", "explained", "-c", config, "--who", "anita")[0] == 0
    run("complaint", "answer", "1", "--done", "opted-out", "-c", config, "--who", "ravi")
    found, counted = read_reports(store, Window(campaign="agents"))
    assert [(row["answer"], row["answered_by"]) for row in found] == [("opted-out", "ravi")]
    assert [(row["complaints"], row["open"]) for row in counted] == [(1, 0)]
    assert store.db.execute("SELECT count(*) FROM complaint_answer").fetchone() == (2,)
    everything = json.dumps([found, counted]) + str(store.db.execute("SELECT * FROM complaint, audit").fetchall())
    assert number[3:] not in everything


def test_complaint_about_an_unknown_number_is_stored_without_the_number(store: HandFilled, config: Path) -> None:
    code, output = run(
        *("complaint", "add", "--about", "consent", "--channel", "email", "--number", "+919876543210", "-c", config),
        *("--who", "anita"),
    )
    assert code == 0
    assert "stored without it" in output
    assert store.db.execute("SELECT phone_id, attempt_id FROM complaint").fetchall() == [(None, None)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["add", "--about", "other", "--channel", "call", "--number", "12"], "not a single valid phone number"),
        (["add", "--about", "other", "--channel", "call", "--attempt", "x"], "no attempt x"),
        (["add", "--about", "other", "--channel", "call", "--campaign", "nowhere"], "no campaign nowhere"),
        (["add", "--about", "other", "--channel", "call", "--at", "2999-01-01"], "is in the future"),
        (["add", "--about", "rude", "--channel", "call"], "rude"),
        (["answer", "7", "--done", "explained"], "no complaint 7"),
    ],
)
def test_invalid_complaint_is_rejected_with_an_error_that_names_the_reason(
    store: HandFilled, config: Path, arguments: list[str], says: str
) -> None:
    code, output = run("complaint", *arguments, "-c", config, "--who", "anita")
    assert code == 2
    assert says in output
    assert store.db.execute("SELECT count(*) FROM complaint").fetchone() == (0,)


@pytest.mark.parametrize("report", ["complaints", "compliance"])
@pytest.mark.parametrize("ending", ["csv", "json", "xlsx", "pdf"])
def test_complaint_report_is_written_in_every_file_format(
    store: HandFilled, config: Path, report: str, ending: str
) -> None:
    run("complaint", "add", "--about", "content", "--channel", "person", "-c", config, "--who", "anita")
    out = store.path.parent / f"c.{ending}"
    code, output = run("report", report, "--out", out, "-c", config)
    assert (code, output.strip().endswith("1 rows")) == (0, True)
    assert out.stat().st_size > 0


@pytest.mark.parametrize(("opens", "from_hour"), [(7, 7.0), (14, 12.0)], ids=["during the poll", "before the poll"])
def test_turnout_chart_shows_the_number_of_voters_in_the_label(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, opens: int, from_hour: float
) -> None:
    pytest.importorskip("matplotlib")
    drawn: list[Any] = []
    monkeypatch.setattr(turnout_picture, "save_picture", lambda figure, path: drawn.append(figure))
    progress = TurnoutProgress()
    for quarter, contacted in ((0, 80), (900, 4)):
        progress.contacted[NOON + quarter] = contacted
        progress.voted[NOON + quarter] = contacted // 2
    expected = ExpectedTurnout(time(opens), ((time(18), 0.66),))
    turnout_picture.draw_turnout_charts(
        tmp_path / "t.svg",
        date(2026, 4, 22),
        {("", 174): progress},
        [],
        expected,
        INDIA,
        states=RollConstituencies({174: {""}}),
    )
    axes, band = drawn[0].axes
    labels = [line.get_label() for line in axes.get_lines()]
    assert "self-reported, of 84 contacted (not official)" in labels
    corners = band.collections[0].get_paths()[0].vertices
    highest = corners[corners[:, 1] == 84]
    # The last step is a quarter of an hour wide, so that it is visible.
    assert highest[:, 0].max() - highest[:, 0].min() == pytest.approx(0.25)
    assert axes.get_xlim()[0] == pytest.approx(from_hour)
    drawn[0].draw_without_rendering()
    assert not axes._left_title.get_window_extent().overlaps(axes.get_legend().get_window_extent())
    assert all(tick == int(tick) for tick in band.get_yticks())  # voters are whole numbers


def test_turnout_report_has_the_constituency_names_of_the_roll(store: HandFilled, config: Path) -> None:
    store.mark(1, "voted", NOON)
    whole = ("report", "turnout", "--by", "constituency", "-f", "json", "-c", config)
    assert "constituency_name" not in json.loads(run(*whole)[1])["rows"][0]
    store.db.execute("UPDATE booth SET constituency_name = 'Kothrud' WHERE constituency_number = 174")
    store.db.commit()
    rows = json.loads(run(*whole)[1])["rows"]
    assert [(row["constituency"], row["constituency_name"]) for row in rows] == [(174, "Kothrud"), (175, "")]
    total = json.loads(run("report", "turnout", "-f", "json", "-c", config)[1])["total"]
    assert (total["constituency"], total["constituency_name"], total["contacted"]) == ("all", "", 1)
