"""Reports on a store with known rows, and the checks of a simulated run on its own results."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import uuid
from dataclasses import replace as dataclass_replace
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from dialer.cli.list import app as list_app
from dialer.cli.main import app as dialer_app
from dialer.cli.report import app, parse_time_option
from dialer.domain.errors import OutputRefused, StoreCorrupt, StoreError
from dialer.reports import accounts, agents, polling_day, tables
from dialer.reports.formats import (
    Column,
    ColumnKind,
    Report,
    format_report_as_csv,
    format_report_as_json,
    format_report_as_table,
)
from dialer.reports.lists import BoothList, ListKind, format_booth_list_heading
from dialer.reports.paper import compute_column_widths
from dialer.reports.tables import Window
from dialer.reports.workbook import render_report_as_xlsx
from dialer.roll.rejects import escape_spreadsheet_formula
from dialer.simulation.demo.report import JOURNAL_CHECK, PLACED_CHECK, DemoReport, build_demo_report
from dialer.store.connection import open_store_snapshot
from tests.support.report_store import HOUR, INDIA, NOON, HandFilled, make_report, rows_by_column, write_journal


async def test_calls_report_counts_by_campaign_and_outcome(store: HandFilled) -> None:
    store.answered(1, talk=40)
    store.answered(2, talk=80)
    store.attempt(3)
    store.attempt(4, campaign="ivr", ended_at=None, outcome=None)
    with open_store_snapshot(store.path, None) as source:
        report = tables.report_calls(source, Window())
        only = tables.report_calls(source, Window(campaign="ivr"))
    connected, unanswered, live = rows_by_column(report)
    assert (connected["outcome"], connected["calls"], connected["share"]) == ("connected", 2, 2 / 3)
    assert (connected["mean_seconds_to_answer"], connected["mean_seconds_after_answer"]) == (10.0, 60.0)
    assert (unanswered["outcome"], unanswered["mean_seconds_to_answer"]) == ("no-answer", None)
    assert (live["campaign"], live["outcome"]) == ("ivr", "live")
    assert report.total is not None
    assert report.total[2] == 4
    assert rows_by_column(only) == [live]


async def test_report_period_includes_its_start_and_excludes_its_end(store: HandFilled) -> None:
    for phone, at in ((1, NOON - 1), (2, NOON), (3, NOON + HOUR)):
        store.attempt(phone, at)
    with open_store_snapshot(store.path, None) as source:
        report = tables.report_calls(source, Window(since=NOON, until=NOON + HOUR))
    assert [row["calls"] for row in rows_by_column(report)] == [1]


async def test_agents_report_has_utilisation_and_time_in_each_state(store: HandFilled) -> None:
    store.seat("ready", NOON, 600)
    store.seat("talking", NOON + 600, 1200)
    store.seat("wrap-up", NOON + 1800, 600)
    store.seat("paused", NOON + 2400, 1200)
    store.seat("ready", NOON, 100, seat="02", agent="a2")
    store.answered(1)
    store.answered(2)
    with open_store_snapshot(store.path, None) as source:
        report = agents.report_agents(source, Window())
        half = agents.report_agents(source, Window(since=NOON + 1200, until=NOON + 2100))
    first, second = rows_by_column(report)
    assert (first["seat"], first["agent"], first["calls"]) == ("01", "a1", 2)
    assert first["utilisation"] == 0.5
    assert first["calls_per_hour"] == 2.0
    assert (first["logged_in_seconds"], first["talking_seconds"], first["paused_seconds"]) == (3600, 1200, 1200)
    assert (second["utilisation"], second["calls"]) == (0.0, 0)
    assert (first["handling_seconds"], second["handling_seconds"]) == (900.0, None)  # talk and wrap-up of two calls
    assert report.total is not None
    assert report.total[2] == pytest.approx(1800 / 3700)
    (cut,) = rows_by_column(half)  # 600 s of talk and 300 s of wrap-up are inside
    assert (cut["talking_seconds"], cut["wrap_up_seconds"], cut["utilisation"]) == (600, 300, 1.0)


async def test_dispositions_report_counts_by_agent(store: HandFilled) -> None:
    for phone, (agent, said) in enumerate([("a1", "voted"), ("a1", "voted"), ("a1", None), ("a2", "refused")], 1):
        store.answered(phone, agent=agent, disposition=said)
    store.attempt(5)
    with open_store_snapshot(store.path, None) as source:
        report = tables.report_dispositions(source, Window())
    assert report.rows == (
        ("a1", "voted", 2, 2 / 3),
        ("a1", "(none)", 1, 1 / 3),
        ("a2", "refused", 1, 1.0),
    )
    assert report.total == ("all", "", 4, None)


async def test_abandonment_report_uses_days_of_the_centres_time_zone(store: HandFilled) -> None:
    """Midnight in India is still the day before in UTC."""
    midnight = datetime(2026, 4, 23, 0, 0, tzinfo=INDIA).timestamp()
    for phone in range(1, 9):
        store.answered(phone, midnight - HOUR)
    store.answered(9, midnight - HOUR, outcome="machine")
    store.attempt(10, midnight - HOUR)
    store.answered(11, midnight + 60, outcome="abandoned", connected_at=None, seat=None)
    store.answered(12, midnight + 60, outcome="dropped", connected_at=None, seat=None)
    with open_store_snapshot(store.path, None) as source:
        report = tables.report_abandoned_calls(source, Window(), INDIA, 0.0)
        in_utc = tables.report_abandoned_calls(source, Window(), UTC, 0.0)
    before, after = rows_by_column(report)
    assert (before["day"], before["attempts"], before["live_answers"], before["abandoned"]) == ("2026-04-22", 10, 8, 0)
    assert (after["day"], after["live_answers"], after["abandoned"], after["abandoned_rate"]) == (
        "2026-04-23",
        2,
        1,
        0.5,
    )
    assert report.total == ("all", "", 12, 10, 1, 0, 0.1)
    assert [row["day"] for row in rows_by_column(in_utc)] == ["2026-04-22"]


async def test_turnout_report_by_booth_counts_contacted_and_voted_voters(store: HandFilled) -> None:
    attempt = store.answered(1)
    store.mark(1, "not-yet", NOON)
    store.mark(1, "voted", NOON + HOUR, attempt_id=attempt)
    store.mark(2, "later", NOON)
    store.mark(3, "will-not", NOON)
    store.mark(4, "wrong-number", NOON)
    store.mark(25, "voted", NOON)
    store.opt_out(1, NOON)
    with open_store_snapshot(store.path, None) as source:
        report = polling_day.report_turnout(source, Window(), INDIA)
        late = polling_day.report_turnout(source, Window(since=NOON + 1), INDIA)
        campaign = polling_day.report_turnout(source, Window(campaign="agents"), INDIA)
        other = polling_day.report_turnout(source, Window(campaign="ivr"), INDIA)
    first, second, third = rows_by_column(report)
    assert (first["constituency"], first["part"], first["voters"]) == (174, 1, 20)
    assert (first["contacted"], first["voted"], first["not_yet"], first["opt_outs"]) == (3, 1, 1, 1)
    assert (second["contacted"], second["voted"], second["voted_of_contacted"]) == (1, 1, 1.0)
    assert (third["contacted"], third["voted_of_contacted"]) == (0, None)
    assert report.total == ("all", "", "", 60, 4, 2, 1, 0.5, None, None, None)
    assert rows_by_column(late)[0]["contacted"] == rows_by_column(campaign)[0]["contacted"] == 1
    assert rows_by_column(other)[0]["contacted"] == 0


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_report_escapes_texts_that_look_like_formulas(start: str) -> None:
    report = Report("r", (Column("booth", ColumnKind.TEXT), Column("voters")), ((f"{start}cmd|' /C calc'!A0", -3),))
    ((booth, voters),) = list(csv.reader(io.StringIO(format_report_as_csv(report), newline="")))[1:]
    assert booth == f"'{start}cmd|' /C calc'!A0"
    assert voters == "-3"  # a number stays a number


@given(st.text())
@settings(deadline=None, derandomize=True)
def test_text_escaped_as_a_formula_in_a_csv_report_is_read_back_unchanged(text: str) -> None:
    safe = escape_spreadsheet_formula(text)
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert safe in {text, f"'{text}"}


def test_printed_report_escapes_markup_and_control_characters() -> None:
    report = Report(
        "r", (Column("booth", ColumnKind.TEXT), Column("share", ColumnKind.SHARE)), (("[red]\x1b[2Jगाँव", 0.1234),)
    )
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(format_report_as_table(report))
    text = console.export_text()
    assert "[red]?[2Jगाँव" in text
    assert "12.3 %" in text
    assert json.loads(format_report_as_json(report))["rows"] == [{"booth": "[red]\x1b[2Jगाँव", "share": 0.1234}]


@pytest.mark.parametrize("command", ["calls", "agents", "abandonment", "turnout"])
@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_every_report_is_written_in_every_format_without_personal_data(
    store: HandFilled, command: str, form: str
) -> None:
    attempt = store.answered(1, outcome="connected")
    store.seat("talking", NOON, 60)
    store.mark(1, "voted", NOON + 30, attempt_id=attempt)
    arguments = [
        command,
        "--store",
        str(store.path),
        "--format",
        form,
        "--since",
        "2026-04-22",
        "--until",
        "2026-04-23",
    ]
    result = CliRunner().invoke(dialer_app, ["report", *arguments])
    assert result.exit_code == 0, result.output
    if form == "json":
        assert len(json.loads(result.output)["rows"]) == (3 if command == "turnout" else 1)
    elif form == "csv":
        assert len(list(csv.DictReader(io.StringIO(result.output)))) == (3 if command == "turnout" else 1)
    else:
        assert "all" in result.output
    for canary in (store.number(1)[3:], "Voter 1", "ABC0000001"):
        assert canary not in result.output


def test_empty_report_says_that_there_are_no_records(store: HandFilled) -> None:
    result = CliRunner().invoke(app, ["calls", "--store", str(store.path)])
    assert result.exit_code == 0
    assert re.fullmatch(
        r"calls: no records for this period and campaign \(Matdan demo, centre demo, 20[0-9 :-]{14}: all records\)\n",
        result.output,
    )


def test_report_names_centre_period_campaign_and_creation_time(store: HandFilled, tmp_path: Path) -> None:
    store.answered(1)
    window = [
        "--since",
        "2026-04-22",
        "--until",
        "2026-04-23T12:30",
        "--campaign",
        "agents",
        "--store",
        str(store.path),
    ]
    about = r"Matdan demo, centre demo, 20[0-9 :-]{14}: from 2026-04-22 00:00 to 2026-04-23 12:30, campaign agents"
    assert re.search(rf"\n{about}\n$", CliRunner().invoke(app, ["calls", *window]).output)
    printed = json.loads(CliRunner().invoke(app, ["calls", *window, "-f", "json"]).output)
    assert re.fullmatch(about, printed["about"])
    out = tmp_path / "calls.xlsx"
    assert CliRunner().invoke(app, ["calls", *window, "--out", str(out)]).exit_code == 0
    cells = [row[0].value for row in openpyxl.load_workbook(out).active.iter_rows()]
    assert cells[0] == "campaign"
    assert re.fullmatch(about, cells[-1])


def test_columns_of_a_pdf_report_are_as_wide_as_their_longest_text() -> None:
    columns = [Column("part"), Column("booth", ColumnKind.TEXT), Column("voted")]
    rows = [["1", "Government Primary School, Kothrud, Room 3", "12"], ["2", "x" * 200, ""]]
    assert compute_column_widths(columns, rows) == [6, 60, 6]


def test_heading_of_an_exported_voter_list_leaves_out_unknown_values() -> None:
    booth = BoothList(174, 3, "", "", "current", ((1, "Asha", "", "", 30, "F", ""),))
    assert (
        format_booth_list_heading(booth, ListKind.STRIKE_OFF)
        == "AC 174, part 3 - still to vote: 1 - close of poll not known - roll current"
    )
    named = dataclass_replace(booth, booth="Primary School", closes_at="18:00")
    assert (
        format_booth_list_heading(named, ListKind.NOT_YET)
        == "AC 174, part 3: Primary School - said: not yet: 1 - closes 18:00 - roll current"
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--since", "yesterday"], "not a date or time"), (["--since", "2026-04-22", "--until", "2026-04-22"], "before")],
)
def test_invalid_period_of_a_report_is_rejected(store: HandFilled, arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(app, ["calls", "--store", str(store.path), *arguments])
    assert result.exit_code == 2
    assert says in result.output


def test_report_time_without_offset_is_in_the_centres_time_zone() -> None:
    assert parse_time_option("2026-04-22T12:00", INDIA, "--since") == NOON
    assert parse_time_option("2026-04-22T06:30+00:00", INDIA, "--since") == NOON
    with pytest.raises(typer.BadParameter):
        parse_time_option("12 o'clock", INDIA, "--since")


async def test_report_on_a_file_that_is_not_a_store_is_rejected(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match="the store does not exist"),
        open_store_snapshot(tmp_path / "missing.db", None),
    ):
        pass
    (tmp_path / "text.db").write_text("this is not a database at all, whatever its name says")
    with pytest.raises(StoreCorrupt), open_store_snapshot(tmp_path / "text.db", None):
        pass
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (x)").connection.close()
    with (
        pytest.raises(StoreError, match="another program's database"),
        open_store_snapshot(tmp_path / "other.db", None) as source,
    ):
        tables.report_calls(source, Window())


async def test_report_commands_open_the_store_read_only(store: HandFilled) -> None:
    with pytest.raises(StoreError, match="cannot be written"), open_store_snapshot(store.path, None) as source:
        source.execute("DELETE FROM mark")


# Checks of a run


def check_run(store: HandFilled, journal: Path | None = None) -> DemoReport:
    return build_demo_report(store.path, since=NOON - HOUR, journal=journal)


def failed_checks(report: DemoReport) -> set[str]:
    return {name for name, check in report.checks.items() if not check.holds}


async def test_demo_report_counts_attempts_and_opt_outs_since_the_start_of_the_demo(store: HandFilled) -> None:
    attempt = store.answered(1)
    store.answered(2, outcome="abandoned", connected_at=None)
    store.answered(3, outcome="completed", campaign="ivr", connected_at=None)
    store.attempt(4, outcome="unknown")
    store.attempt(5, NOON - 2 * HOUR)  # before the run
    store.mark(1, "voted", NOON + 30, attempt_id=attempt)
    store.mark(30, "not-yet", NOON + 30)
    store.opt_out(2, NOON + 50)
    store.seat("talking", NOON, 60)
    store.seat("ready", NOON + 60, 20)
    report = check_run(store)
    figures = report.convert_report_to_json_types()
    assert report.has_passed_all_checks
    assert {key: figures[key] for key in ("attempts", "answered", "connected", "abandoned", "unknown", "opt_outs")} == {
        "attempts": 4,
        "answered": 3,
        "connected": 1,
        "abandoned": 1,
        "unknown": 1,
        "opt_outs": 1,
    }
    assert figures["abandoned_rate"] == 0.5
    assert figures["outcomes"] == {"abandoned": 1, "completed": 1, "connected": 1, "unknown": 1}
    assert figures["campaigns"]["ivr"]["attempts"] == 1
    assert figures["utilisation"] == {"mean": 0.75, "seats": {"01": 0.75}}
    assert figures["turnout"] == {
        "marks": 2,
        "by_kind": {"voted": 1, "not-yet": 1},
        "by_booth": {"174/1": {"voted": 1}, "174/2": {"not-yet": 1}},
    }
    assert json.loads(json.dumps(figures)) == figures
    assert store.number(1) not in json.dumps(figures)


async def test_demo_report_without_calls_passes_all_checks(store: HandFilled) -> None:
    report = check_run(store)
    assert report.has_passed_all_checks
    assert (
        report.convert_report_to_json_types()["attempts"],
        report.convert_report_to_json_types()["abandoned_rate"],
    ) == (0, 0.0)
    assert report.convert_report_to_json_types()["utilisation"]["mean"] is None


async def test_demo_without_calls_fails_its_check_of_placed_calls(store: HandFilled) -> None:
    report = check_run(store).add_check_that_calls_were_placed()
    assert (failed_checks(report), report.has_passed_all_checks) == ({PLACED_CHECK}, False)
    store.answered(1, NOON)
    assert check_run(store).add_check_that_calls_were_placed().checks[PLACED_CHECK].holds


async def test_demo_report_finds_overlapping_attempts_to_one_number(store: HandFilled) -> None:
    store.attempt(1, NOON, ended_at=NOON + 100)
    store.attempt(2, NOON + 20)
    assert failed_checks(check_run(store)) == set()
    second = store.attempt(1, NOON + 99, campaign="ivr")
    report = check_run(store)
    assert failed_checks(report) == {"no_number_with_two_open_attempts"}
    assert report.checks["no_number_with_two_open_attempts"].found == [second]
    assert not report.has_passed_all_checks


async def test_demo_report_finds_no_fault_in_two_calls_of_a_number_that_do_not_overlap(store: HandFilled) -> None:
    store.attempt(1, NOON, ended_at=NOON + 100)
    store.attempt(1, NOON + 100)
    store.attempt(1, NOON + 110, outcome="refused", attempt_number=None)
    assert failed_checks(check_run(store)) == set()


async def test_demo_report_finds_an_answered_call_without_an_outcome(store: HandFilled) -> None:
    store.answered(1, outcome=None, ended_at=None)
    store.answered(2, outcome="busy")
    store.answered(3, outcome="unknown")
    store.answered(4, outcome="cancelled")
    assert (check_run(store)).checks["answered_calls_have_outcomes"].broken == 2


async def test_demo_report_finds_a_call_to_a_voter_who_had_voted(
    store: HandFilled,
) -> None:
    store.mark(1, "voted", NOON)
    store.attempt(1, NOON - 10)
    store.attempt(1, NOON + 25, outcome="refused", attempt_number=None)
    assert failed_checks(check_run(store)) == set()
    late = store.attempt(1, NOON + 30)
    report = check_run(store)
    assert report.checks["nobody_called_after_voted"].found == [late]
    store.mark(2, "voted", NOON)
    store.mark(2, "not-yet", NOON + 5, source="correction")
    store.attempt(2, NOON + 10)
    assert (check_run(store)).checks["nobody_called_after_voted"].broken == 1
    store.mark(2, "voted", NOON + 60)
    store.attempt(2, NOON + 70)
    assert (check_run(store)).checks["nobody_called_after_voted"].broken == 2


async def test_demo_report_finds_a_call_to_a_number_that_had_opted_out(store: HandFilled) -> None:
    store.opt_out(3, NOON)
    store.attempt(3, NOON - 40)
    assert failed_checks(check_run(store)) == set()
    store.attempt(3, NOON + 1)
    assert failed_checks(check_run(store)) == {"nobody_called_after_opt_out"}


async def test_journal_of_placed_calls_that_matches_the_store_passes_the_check(
    store: HandFilled, tmp_path: Path
) -> None:
    """A repeat call after the first has ended is fine, an attempt may never be placed, and "+" may be missing from numbers."""
    first, again = store.answered(1, NOON), store.attempt(1, NOON + 100)
    store.attempt(2, outcome="congestion")
    number = store.number(1)
    path = write_journal(
        tmp_path,
        ("placed", first, number),
        ("answered", first, None),
        ("ended", first, None),
        ("inbound", "inbound-1", "+917000000099"),
        ("placed", again, number.removeprefix("+")),
        ("ended", again, None),
    )
    report = check_run(store, path)
    assert report.checks[JOURNAL_CHECK].holds
    assert report.has_passed_all_checks


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([("placed", "stranger", 1)], "without an attempt"),
        ([("placed", "attempt-1", 1), ("ended", "attempt-1", None), ("placed", "attempt-1", 1)], "placed 2 times"),
        ([("placed", "attempt-1", 2)], "a number other than"),
        ([("placed", "attempt-3", 3), ("placed", "attempt-1", 1)], "refused"),
        ([("placed", "attempt-1", 1), ("placed", "attempt-2", 1)], "was live"),
        ([], "never placed"),
    ],
)
async def test_journal_of_placed_calls_that_contradicts_the_store_fails_the_check(
    store: HandFilled, tmp_path: Path, entries: list[tuple[str, str, int | None]], says: str
) -> None:
    store.answered(1, NOON)
    store.attempt(1, NOON + 100)
    store.attempt(3, outcome="refused", attempt_number=None)
    numbered = [(event, channel, store.number(phone) if phone else None) for event, channel, phone in entries]
    report = check_run(store, write_journal(tmp_path, *numbered))
    assert failed_checks(report) == {JOURNAL_CHECK}
    assert any(says in problem for problem in report.checks[JOURNAL_CHECK].found)
    assert store.number(1)[3:] not in json.dumps(report.convert_report_to_json_types())


async def test_recordings_report_says_whether_each_file_exists(store: HandFilled, tmp_path: Path) -> None:
    stored, missing = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
    for phone, attempt_id in ((1, stored), (2, missing)):
        store.answered(phone, attempt_id=attempt_id)
        store.insert("recording", {"attempt_id": attempt_id, "started_at": NOON + phone})
    (tmp_path / f"{stored}.wav").write_bytes(b"RIFF")
    with open_store_snapshot(store.path, None) as source:
        report = tables.report_recordings(source, Window(), INDIA, tmp_path)
    first, second = rows_by_column(report)
    assert (first["file"], first["state"]) == (f"{stored}.wav", "stored")
    assert (second["file"], second["state"]) == (f"{missing}.wav", "missing")
    assert (first["started"], first["seconds"], first["agent"]) == ("2026-04-22 12:00:01+05:30", 39.0, "a1")
    with open_store_snapshot(store.path, None) as source:
        assert not (tables.report_recordings(source, Window(campaign="ivr"), INDIA, tmp_path)).rows


async def test_unjudged_option_lists_only_calls_taken_for_machines_for_which_nobody_recorded_who_answered(
    store: HandFilled, tmp_path: Path
) -> None:
    conversation, judged, unjudged = (str(uuid.UUID(int=number)) for number in (1, 2, 3))
    store.answered(1, attempt_id=conversation)
    store.attempt(2, outcome="machine", attempt_id=judged)
    store.attempt(3, outcome="machine", attempt_id=unjudged)
    for number, attempt_id in enumerate((conversation, judged, unjudged)):
        store.insert("recording", {"attempt_id": attempt_id, "started_at": NOON + number})
    store.insert("judged_call", {"attempt_id": judged, "answered_by": "person", "judged_at": NOON, "judged_by": "asha"})
    with open_store_snapshot(store.path, None) as source:
        report = tables.report_recordings(source, Window(), INDIA, tmp_path, unjudged=True)
    assert [row["file"] for row in rows_by_column(report)] == [f"{unjudged}.wav"]


async def test_report_by_hour_uses_the_centres_time_zone(store: HandFilled) -> None:
    store.answered(1, NOON)
    store.attempt(2, NOON + 60)
    store.attempt(3, NOON - 60)
    found = rows_by_column(await make_report(store, accounts.report_calls_by_hour, 0.0))
    assert [(row["hour"], row["attempts"], row["answered"], row["contacts"]) for row in found] == [
        ("11:00", 1, 0, 0),
        ("12:00", 2, 1, 1),
    ]


async def test_report_by_hour_computes_rates_and_counts_no_calls_that_were_never_placed(store: HandFilled) -> None:
    store.answered(1, NOON, disposition="voted")
    store.answered(2, NOON + 1, outcome="completed", connected_at=None)
    store.attempt(3, NOON + 2, outcome="abandoned", answered_at=NOON + 9)
    store.attempt(4, NOON + 3)
    store.attempt(5, NOON + 4, outcome="refused", attempt_number=None)
    [row] = rows_by_column(await make_report(store, accounts.report_calls_by_hour, 0.0))
    del row["campaign"], row["day"], row["hour"]
    assert row == {
        "attempts": 4,
        "answered": 3,
        "answer_seizure_ratio": 0.75,
        "contacts": 2,
        "dispositions": 1,
        "live_answers": 2,
        "abandoned": 1,
        "abandoned_rate": 0.5,
    }


async def test_expenditure_report_counts_placed_calls_by_candidate_and_constituency(store: HandFilled) -> None:
    store.answered(1, NOON, talk=40.0)
    store.attempt(2, NOON + 60)
    store.attempt(3, NOON + 90, outcome="refused", attempt_number=None)
    store.attempt(4, NOON, campaign="ivr")
    found = rows_by_column(await make_report(store, accounts.report_expenditure, {"agents": "A. Candidate", "ivr": ""}))
    assert [(row["candidate"], row["constituency"], row["calls"], row["answered"]) for row in found] == [
        (accounts.NO_CANDIDATE, 174, 1, 0),
        ("A. Candidate", 174, 2, 1),
    ]
    assert found[1]["answered_seconds"] == pytest.approx(40.0)


async def test_opt_outs_report_counts_numbers_by_campaign(
    store: HandFilled,
) -> None:
    store.opt_out(1, NOON, store.answered(1, NOON))
    store.opt_out(2, NOON)
    store.insert(
        "import_run",
        {"at": NOON, "file_name": "roll.csv", "sha256": "ab", "rows": 3, "voters": 2, "numbers": 2, "links": 2}
        | {"rejected": 1, "unchanged": 0},
    )
    found = rows_by_column(await make_report(store, accounts.report_opt_outs))
    assert [(row["campaign"], row["numbers"]) for row in found] == [("", 1), ("agents", 1)]
    store.insert(
        "audit",
        {"number": 999, "at": NOON, "kind": "roll-import", "who": "ops", "previous": "", "digest": "x"}
        | {"what": '{"sha256": "ab", "rejected_numbers": "7"}'},
    )
    (imported,) = rows_by_column(await make_report(store, accounts.report_roll_imports))
    assert imported["rejected_numbers"] == 7
    assert (imported["at"], imported["file"], imported["rejected"]) == ("2026-04-22 12:00+05:30", "roll.csv", 1)


def test_report_workbook_has_numeric_cells_and_no_formulas_or_links(tmp_path: Path) -> None:
    report = Report(
        "a [very] long/title: with characters not allowed in sheet names",
        (Column("name", ColumnKind.TEXT), Column("share", ColumnKind.SHARE), Column("n")),
        (("=cmd|' /C calc'!A0", 0.25, 3), ("http://example.org", None, 4)),
        ("all", None, 7),
    )
    (tmp_path / "r.xlsx").write_bytes(render_report_as_xlsx(report))
    sheet = openpyxl.load_workbook(tmp_path / "r.xlsx").active
    assert [[cell.value for cell in row] for row in sheet.rows] == [
        ["name", "share", "n"],
        ["=cmd|' /C calc'!A0", 0.25, 3],
        ["http://example.org", None, 4],
        ["all", None, 7],
    ]
    assert sheet["A2"].data_type == "s"
    assert sheet["A3"].hyperlink is None


@pytest.mark.parametrize("ending", ["csv", "json", "xlsx", "pdf"])
def test_report_file_is_written_atomically_and_readable_by_its_owner_only(
    store: HandFilled, tmp_path: Path, ending: str
) -> None:
    store.answered(1, NOON)
    out = tmp_path / f"calls.{ending}"
    result = CliRunner().invoke(app, ["calls", "--store", str(store.path), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert out.stat().st_size > 20
    assert out.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.glob(".*")] == []
    if ending == "pdf":
        assert out.read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "pdf"], "give a file with --out"),
        (["--out", "calls.txt"], "has no known format"),
        (["--out", "/nowhere/calls.csv"], "cannot be written"),
    ],
)
def test_unwritable_output_path_of_a_report_is_rejected(store: HandFilled, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["calls", "--store", str(store.path), *arguments])
    assert result.exit_code != 0
    output = str(result.exception) if isinstance(result.exception, OutputRefused) else result.output
    assert message in " ".join(output.replace("│", " ").split())


@pytest.mark.parametrize("ending", ["pdf", "csv", "xlsx", "json"])
def test_export_of_a_voter_list_is_audited_and_names_the_recipient(
    store: HandFilled, tmp_path: Path, ending: str
) -> None:
    store.mark(1, "voted", NOON)
    out = tmp_path / f"sheets.{ending}"
    arguments = ["strike-off", "--for", "worker 12", "--part", "1", "--store", str(store.path), "--out", str(out)]
    result = CliRunner().invoke(list_app, arguments)
    assert result.exit_code == 0, result.output
    entries = store.db.execute("SELECT number, kind, who, what FROM audit WHERE kind <> 'seal'").fetchall()
    assert entries == [
        (1, "export", "worker 12", f'{{"booths":"1","file":"sheets.{ending}","list":"strike-off","voters":"19"}}')
    ]
    if ending == "csv":
        lines = list(csv.DictReader(io.StringIO(out.read_text())))
        assert len(lines) == 19
        assert {line["serial"] for line in lines} == {str(serial) for serial in range(2, 21)}
        assert all(line["made"].startswith("for worker 12 - list 1 of ") for line in lines)
        assert "+91" not in out.read_text()


def test_list_of_voters_who_have_not_voted_shows_when_they_plan_to_vote(store: HandFilled, tmp_path: Path) -> None:
    store.mark(3, "not-yet", NOON)
    store.mark(5, "later", NOON, hour=16)
    out = tmp_path / "list.csv"
    CliRunner().invoke(list_app, ["not-yet", "--for", "w", "--store", str(store.path), "--out", str(out)])
    found = [(line["serial"], line["says"]) for line in csv.DictReader(io.StringIO(out.read_text()))]
    assert found == [("3", ""), ("5", "16:00")]


def test_voter_list_is_not_exported_if_the_audit_entry_cannot_be_stored(
    store: HandFilled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise StoreError("the disk is full")

    monkeypatch.setattr("dialer.store.exports.append_export_to_audit", refuse)
    out = tmp_path / "list.pdf"
    result = CliRunner().invoke(list_app, ["strike-off", "--for", "w", "--store", str(store.path), "--out", str(out)])
    assert isinstance(result.exception, StoreError)
    assert not out.exists()


async def test_trunks_report_has_answer_ratio_failures_and_busiest_second(store: HandFilled) -> None:
    store.answered(1, NOON, ringing_at=NOON + 2)
    store.attempt(2, NOON + 0.2, outcome="congestion", technical_cause="503")
    store.attempt(3, NOON + 0.4, outcome="rejected", technical_cause="403")
    store.attempt(4, NOON + 5.0, outcome="rejected", technical_cause="603", ringing_at=NOON + 9)
    store.attempt(5, NOON + 6.0, outcome="refused", trunk="second")
    with open_store_snapshot(store.path, None) as source:
        report = tables.report_trunks(source, Window())
    assert report.rows == (("carrier", 4, 1, 0.25, 2, 0.5, 3.0, 3), ("second", 0, 0, None, 0, None, None, 1))
    assert report.total == ("all", 4, 1, 0.25, 2, 0.5, None, None)
