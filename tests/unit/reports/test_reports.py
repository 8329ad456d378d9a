"""Reports of a store whose figures are known by hand, and the checks that a run makes of itself."""

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
from dialer.cli.report import app, moment
from dialer.domain.errors import OutputRefused, StoreCorrupt, StoreError
from dialer.reports import accounts, polling_day, tables
from dialer.reports.formats import Column, ColumnKind, Report, as_csv, as_json, as_table
from dialer.reports.lists import BoothList, ListKind, heading
from dialer.reports.paper import widths_of
from dialer.reports.tables import Window
from dialer.reports.workbook import as_xlsx
from dialer.roll.rejects import without_formula
from dialer.simulation.demo.report import JOURNAL_CHECK, DemoReport, build_report
from dialer.store.connection import read_snapshot
from tests.support.report_store import HOUR, INDIA, NOON, HandFilled, by_column, journal, made_of


async def test_calls_by_campaign_and_outcome(store: HandFilled) -> None:
    store.answered(1, talk=40)
    store.answered(2, talk=80)
    store.attempt(3)
    store.attempt(4, campaign="ivr", ended_at=None, outcome=None)
    with read_snapshot(store.path, None) as source:
        report = tables.calls(source, Window())
        only = tables.calls(source, Window(campaign="ivr"))
    connected, unanswered, live = by_column(report)
    assert (connected["outcome"], connected["calls"], connected["share"]) == ("connected", 2, 2 / 3)
    assert (connected["mean_seconds_to_answer"], connected["mean_seconds_after_answer"]) == (10.0, 60.0)
    assert (unanswered["outcome"], unanswered["mean_seconds_to_answer"]) == ("no-answer", None)
    assert (live["campaign"], live["outcome"]) == ("ivr", "live")
    assert report.total is not None
    assert report.total[2] == 4
    assert by_column(only) == [live]


async def test_a_window_takes_its_first_moment_and_leaves_its_last(store: HandFilled) -> None:
    for phone, at in ((1, NOON - 1), (2, NOON), (3, NOON + HOUR)):
        store.attempt(phone, at)
    with read_snapshot(store.path, None) as source:
        report = tables.calls(source, Window(since=NOON, until=NOON + HOUR))
    assert [row["calls"] for row in by_column(report)] == [1]


async def test_agents_and_their_utilisation(store: HandFilled) -> None:
    store.seat("ready", NOON, 600)
    store.seat("talking", NOON + 600, 1200)
    store.seat("wrap-up", NOON + 1800, 600)
    store.seat("paused", NOON + 2400, 1200)
    store.seat("ready", NOON, 100, seat="02", agent="a2")
    store.answered(1)
    store.answered(2)
    with read_snapshot(store.path, None) as source:
        report = tables.agents(source, Window())
        half = tables.agents(source, Window(since=NOON + 1200, until=NOON + 2100))
    first, second = by_column(report)
    assert (first["seat"], first["agent"], first["calls"]) == ("01", "a1", 2)
    assert first["utilisation"] == 0.5
    assert first["calls_per_hour"] == 2.0
    assert (first["logged_in_seconds"], first["talking_seconds"], first["paused_seconds"]) == (3600, 1200, 1200)
    assert (second["utilisation"], second["calls"]) == (0.0, 0)
    assert (first["handling_seconds"], second["handling_seconds"]) == (900.0, None)  # talk and wrap-up of two calls
    assert report.total is not None
    assert report.total[2] == pytest.approx(1800 / 3700)
    (cut,) = by_column(half)  # 600 s of talk and 300 s of wrap-up are inside
    assert (cut["talking_seconds"], cut["wrap_up_seconds"], cut["utilisation"]) == (600, 300, 1.0)


async def test_dispositions_by_agent(store: HandFilled) -> None:
    for phone, (agent, said) in enumerate([("a1", "voted"), ("a1", "voted"), ("a1", None), ("a2", "refused")], 1):
        store.answered(phone, agent=agent, disposition=said)
    store.attempt(5)
    with read_snapshot(store.path, None) as source:
        report = tables.dispositions(source, Window())
    assert report.rows == (
        ("a1", "voted", 2, 2 / 3),
        ("a1", "(none)", 1, 1 / 3),
        ("a2", "refused", 1, 1.0),
    )
    assert report.total == ("all", "", 4, None)


async def test_abandonment_by_the_days_of_the_centre(store: HandFilled) -> None:
    """Half past midnight in India is the evening before in UTC."""
    midnight = datetime(2026, 4, 23, 0, 0, tzinfo=INDIA).timestamp()
    for phone in range(1, 9):
        store.answered(phone, midnight - HOUR)
    store.answered(9, midnight - HOUR, outcome="machine")
    store.attempt(10, midnight - HOUR)
    store.answered(11, midnight + 60, outcome="abandoned", connected_at=None, seat=None)
    store.answered(12, midnight + 60, outcome="dropped", connected_at=None, seat=None)
    with read_snapshot(store.path, None) as source:
        report = tables.abandonment(source, Window(), INDIA)
        in_utc = tables.abandonment(source, Window(), UTC)
    before, after = by_column(report)
    assert (before["day"], before["attempts"], before["live_answers"], before["abandoned"]) == ("2026-04-22", 10, 8, 0)
    assert (after["day"], after["live_answers"], after["abandoned"], after["abandoned_rate"]) == (
        "2026-04-23",
        2,
        1,
        0.5,
    )
    assert report.total == ("all", "", 12, 10, 1, 0.1)
    assert [row["day"] for row in by_column(in_utc)] == ["2026-04-22"]


async def test_turnout_by_booth(store: HandFilled) -> None:
    attempt = store.answered(1)
    store.mark(1, "not-yet", NOON)
    store.mark(1, "voted", NOON + HOUR, attempt_id=attempt)
    store.mark(2, "later", NOON)
    store.mark(3, "will-not", NOON)
    store.mark(4, "wrong-number", NOON)
    store.mark(25, "voted", NOON)
    store.opt_out(1, NOON)
    with read_snapshot(store.path, None) as source:
        report = polling_day.turnout(source, Window(), INDIA)
        late = polling_day.turnout(source, Window(since=NOON + 1), INDIA)
        campaign = polling_day.turnout(source, Window(campaign="agents"), INDIA)
        other = polling_day.turnout(source, Window(campaign="ivr"), INDIA)
    first, second, third = by_column(report)
    assert (first["constituency"], first["part"], first["voters"]) == (174, 1, 20)
    assert (first["reached"], first["voted"], first["not_yet"], first["opt_outs"]) == (3, 1, 1, 1)
    assert (second["reached"], second["voted"], second["voted_of_reached"]) == (1, 1, 1.0)
    assert (third["reached"], third["voted_of_reached"]) == (0, None)
    assert report.total == ("all", "", "", 60, 4, 2, 1, 0.5, None, None, None)
    assert by_column(late)[0]["reached"] == by_column(campaign)[0]["reached"] == 1
    assert by_column(other)[0]["reached"] == 0


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_booth_named_like_a_formula_is_written_as_text(start: str) -> None:
    report = Report("r", (Column("booth", ColumnKind.TEXT), Column("voters")), ((f"{start}cmd|' /C calc'!A0", -3),))
    ((booth, voters),) = list(csv.reader(io.StringIO(as_csv(report), newline="")))[1:]
    assert booth == f"'{start}cmd|' /C calc'!A0"
    assert voters == "-3"  # a number stays a number


@given(st.text())
@settings(deadline=None, derandomize=True)
def test_no_text_leaves_as_a_formula_and_none_is_lost(text: str) -> None:
    safe = without_formula(text)
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert safe in {text, f"'{text}"}


def test_a_table_shows_no_markup_and_no_control_characters() -> None:
    report = Report(
        "r", (Column("booth", ColumnKind.TEXT), Column("share", ColumnKind.SHARE)), (("[red]\x1b[2Jगाँव", 0.1234),)
    )
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(as_table(report))
    text = console.export_text()
    assert "[red]?[2Jगाँव" in text
    assert "12.3 %" in text
    assert json.loads(as_json(report))["rows"] == [{"booth": "[red]\x1b[2Jगाँव", "share": 0.1234}]


@pytest.mark.parametrize("command", ["calls", "agents", "abandonment", "turnout"])
@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_every_report_is_written_in_every_form(store: HandFilled, command: str, form: str) -> None:
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


def test_a_report_of_nothing_says_so(store: HandFilled) -> None:
    result = CliRunner().invoke(app, ["calls", "--store", str(store.path)])
    assert result.exit_code == 0
    assert re.fullmatch(
        r"calls: nothing is recorded for this time and campaign \(Matdan demo, centre demo, 20[0-9 :-]{14}: all that is kept\)\n",
        result.output,
    )


def test_a_report_says_whose_it_is_of_which_time_and_when_it_was_made(store: HandFilled, tmp_path: Path) -> None:
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
    told = json.loads(CliRunner().invoke(app, ["calls", *window, "-f", "json"]).output)
    assert re.fullmatch(about, told["about"])
    out = tmp_path / "calls.xlsx"
    assert CliRunner().invoke(app, ["calls", *window, "--out", str(out)]).exit_code == 0
    cells = [row[0].value for row in openpyxl.load_workbook(out).active.iter_rows()]
    assert cells[0] == "campaign"
    assert re.fullmatch(about, cells[-1])


def test_on_paper_a_column_is_as_wide_as_what_stands_in_it() -> None:
    columns = [Column("part"), Column("booth", ColumnKind.TEXT), Column("voted")]
    rows = [["1", "Government Primary School, Kothrud, Room 3", "12"], ["2", "x" * 200, ""]]
    assert widths_of(columns, rows) == [6, 60, 6]


def test_the_heading_of_a_list_has_no_holes() -> None:
    booth = BoothList(174, 3, "", "", "current", ((1, "Asha", "", "", 30, "F", ""),))
    assert (
        heading(booth, ListKind.STRIKE_OFF)
        == "AC 174, part 3 - still to vote: 1 - close of poll not known - roll current"
    )
    named = dataclass_replace(booth, booth="Primary School", closes_at="18:00")
    assert (
        heading(named, ListKind.NOT_YET)
        == "AC 174, part 3: Primary School - said: not yet: 1 - closes 18:00 - roll current"
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--since", "yesterday"], "no date or time"), (["--since", "2026-04-22", "--until", "2026-04-22"], "before")],
)
def test_a_wrong_time_is_refused(store: HandFilled, arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(app, ["calls", "--store", str(store.path), *arguments])
    assert result.exit_code == 2
    assert says in result.output


def test_a_time_is_the_centres_unless_it_says_its_offset() -> None:
    assert moment("2026-04-22T12:00", INDIA, "--since") == NOON
    assert moment("2026-04-22T06:30+00:00", INDIA, "--since") == NOON
    with pytest.raises(typer.BadParameter):
        moment("12 o'clock", INDIA, "--since")


async def test_a_store_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="the store does not exist"), read_snapshot(tmp_path / "missing.db", None):
        pass
    (tmp_path / "text.db").write_text("this is not a database at all, whatever its name says")
    with pytest.raises(StoreCorrupt), read_snapshot(tmp_path / "text.db", None):
        pass
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (x)").connection.close()
    with (
        pytest.raises(StoreError, match="another program's database"),
        read_snapshot(tmp_path / "other.db", None) as source,
    ):
        tables.calls(source, Window())


async def test_a_report_can_write_nothing(store: HandFilled) -> None:
    with pytest.raises(StoreError, match="cannot be written"), read_snapshot(store.path, None) as source:
        source.execute("DELETE FROM mark")


# What a run says of itself


def checked(store: HandFilled, journal: Path | None = None) -> DemoReport:
    return build_report(store.path, since=NOON - HOUR, journal=journal)


def broken(report: DemoReport) -> set[str]:
    return {name for name, check in report.checks.items() if not check.holds}


async def test_the_figures_of_a_run(store: HandFilled) -> None:
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
    report = checked(store)
    figures = report.as_json()
    assert report.holds
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


async def test_an_empty_run_holds_and_divides_by_nothing(store: HandFilled) -> None:
    report = checked(store)
    assert report.holds
    assert (report.as_json()["attempts"], report.as_json()["abandoned_rate"]) == (0, 0.0)
    assert report.as_json()["utilisation"]["mean"] is None


async def test_two_open_attempts_to_one_number_are_found(store: HandFilled) -> None:
    store.attempt(1, NOON, ended_at=NOON + 100)
    store.attempt(2, NOON + 20)
    assert broken(checked(store)) == set()
    second = store.attempt(1, NOON + 99, campaign="ivr")
    report = checked(store)
    assert broken(report) == {"no_number_with_two_open_attempts"}
    assert report.checks["no_number_with_two_open_attempts"].found == [second]
    assert not report.holds


async def test_one_after_the_other_and_a_refused_one_are_no_overlap(store: HandFilled) -> None:
    store.attempt(1, NOON, ended_at=NOON + 100)
    store.attempt(1, NOON + 100)
    store.attempt(1, NOON + 110, outcome="refused", attempt_number=None)
    assert broken(checked(store)) == set()


async def test_an_answered_call_without_an_outcome_is_found(store: HandFilled) -> None:
    store.answered(1, outcome=None, ended_at=None)
    store.answered(2, outcome="busy")
    store.answered(3, outcome="unknown")
    store.answered(4, outcome="cancelled")
    assert (checked(store)).checks["answered_calls_have_outcomes"].broken == 2


async def test_a_call_after_voted_is_found_and_a_corrected_one_is_not(store: HandFilled) -> None:
    store.mark(1, "voted", NOON)
    store.attempt(1, NOON - 10)
    store.attempt(1, NOON + 25, outcome="refused", attempt_number=None)
    assert broken(checked(store)) == set()
    late = store.attempt(1, NOON + 30)
    report = checked(store)
    assert report.checks["nobody_called_after_voted"].found == [late]
    store.mark(2, "voted", NOON)
    store.mark(2, "not-yet", NOON + 5, source="correction")
    store.attempt(2, NOON + 10)
    assert (checked(store)).checks["nobody_called_after_voted"].broken == 1
    store.mark(2, "voted", NOON + 60)
    store.attempt(2, NOON + 70)
    assert (checked(store)).checks["nobody_called_after_voted"].broken == 2


async def test_a_call_after_an_opt_out_is_found(store: HandFilled) -> None:
    store.opt_out(3, NOON)
    store.attempt(3, NOON - 40)
    assert broken(checked(store)) == set()
    store.attempt(3, NOON + 1)
    assert broken(checked(store)) == {"nobody_called_after_opt_out"}


async def test_a_journal_that_agrees(store: HandFilled, tmp_path: Path) -> None:
    """Ended and called again is right, an attempt that was not placed is no harm, and the sign of a number says nothing."""
    first, again = store.answered(1, NOON), store.attempt(1, NOON + 100)
    store.attempt(2, outcome="congestion")
    number = store.number(1)
    path = journal(
        tmp_path,
        ("placed", first, number),
        ("answered", first, None),
        ("ended", first, None),
        ("inbound", "inbound-1", "+917000000099"),
        ("placed", again, number.removeprefix("+")),
        ("ended", again, None),
    )
    report = checked(store, path)
    assert report.checks[JOURNAL_CHECK].holds
    assert report.holds


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([("placed", "stranger", 1)], "no attempt"),
        ([("placed", "attempt-1", 1), ("ended", "attempt-1", None), ("placed", "attempt-1", 1)], "placed 2 times"),
        ([("placed", "attempt-1", 2)], "another number"),
        ([("placed", "attempt-3", 3), ("placed", "attempt-1", 1)], "refused"),
        ([("placed", "attempt-1", 1), ("placed", "attempt-2", 1)], "was live"),
        ([], "never placed"),
    ],
)
async def test_a_journal_that_disagrees(
    store: HandFilled, tmp_path: Path, entries: list[tuple[str, str, int | None]], says: str
) -> None:
    store.answered(1, NOON)
    store.attempt(1, NOON + 100)
    store.attempt(3, outcome="refused", attempt_number=None)
    numbered = [(event, channel, store.number(phone) if phone else None) for event, channel, phone in entries]
    report = checked(store, journal(tmp_path, *numbered))
    assert broken(report) == {JOURNAL_CHECK}
    assert any(says in problem for problem in report.checks[JOURNAL_CHECK].found)
    assert store.number(1)[3:] not in json.dumps(report.as_json())


async def test_recordings_are_listed_with_what_has_become_of_them(store: HandFilled, tmp_path: Path) -> None:
    kept, gone = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
    for phone, attempt_id in ((1, kept), (2, gone)):
        store.answered(phone, attempt_id=attempt_id)
        store.insert("recording", {"attempt_id": attempt_id, "started_at": NOON + phone})
    (tmp_path / f"{kept}.wav").write_bytes(b"RIFF")
    with read_snapshot(store.path, None) as source:
        report = tables.recordings(source, Window(), INDIA, tmp_path)
    first, second = by_column(report)
    assert (first["file"], first["state"]) == (f"{kept}.wav", "kept")
    assert (second["file"], second["state"]) == (f"{gone}.wav", "gone")
    assert (first["started"], first["seconds"], first["agent"]) == ("2026-04-22 12:00:01+05:30", 39.0, "a1")
    with read_snapshot(store.path, None) as source:
        assert not (tables.recordings(source, Window(campaign="ivr"), INDIA, tmp_path)).rows


async def test_hours_are_those_of_the_centres_zone(store: HandFilled) -> None:
    store.answered(1, NOON)
    store.attempt(2, NOON + 60)
    store.attempt(3, NOON - 60)
    found = by_column(await made_of(store, accounts.hours))
    assert [(row["hour"], row["attempts"], row["answered"], row["connected"]) for row in found] == [
        ("11:00", 1, 0, 0),
        ("12:00", 2, 1, 1),
    ]


async def test_expenditure_is_by_candidate_constituency_and_day_and_counts_no_refused_call(store: HandFilled) -> None:
    store.answered(1, NOON, talk=40.0)
    store.attempt(2, NOON + 60)
    store.attempt(3, NOON + 90, outcome="refused", attempt_number=None)
    store.attempt(4, NOON, campaign="ivr")
    found = by_column(await made_of(store, accounts.expenditure, {"agents": "A. Candidate", "ivr": ""}))
    assert [(row["candidate"], row["constituency"], row["calls"], row["answered"]) for row in found] == [
        (accounts.NO_CANDIDATE, 174, 1, 0),
        ("A. Candidate", 174, 2, 1),
    ]
    assert found[1]["answered_seconds"] == pytest.approx(40.0)


async def test_opt_outs_and_imports(store: HandFilled) -> None:
    store.opt_out(1, NOON, store.answered(1, NOON))
    store.opt_out(2, NOON)
    store.insert(
        "import_run",
        {"at": NOON, "file_name": "roll.csv", "sha256": "ab", "rows": 3, "voters": 2, "numbers": 2, "links": 2}
        | {"rejected": 1, "unchanged": 0},
    )
    found = by_column(await made_of(store, accounts.opt_outs))
    assert [(row["campaign"], row["numbers"]) for row in found] == [("", 1), ("agents", 1)]
    store.insert(
        "audit",
        {"number": 999, "at": NOON, "kind": "roll-import", "who": "ops", "previous": "", "digest": "x"}
        | {"what": '{"sha256": "ab", "rejected_numbers": "7"}'},
    )
    (imported,) = by_column(await made_of(store, accounts.imports))
    assert imported["rejected_numbers"] == 7
    assert (imported["at"], imported["file"], imported["rejected"]) == ("2026-04-22 12:00+05:30", "roll.csv", 1)


def test_a_workbook_holds_numbers_as_numbers_and_no_formula(tmp_path: Path) -> None:
    report = Report(
        "a [very] long/title: with what no sheet may be called",
        (Column("name", ColumnKind.TEXT), Column("share", ColumnKind.SHARE), Column("n")),
        (("=cmd|' /C calc'!A0", 0.25, 3), ("http://example.org", None, 4)),
        ("all", None, 7),
    )
    (tmp_path / "r.xlsx").write_bytes(as_xlsx(report))
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
def test_a_report_goes_to_a_file_whole_and_for_its_owner_alone(store: HandFilled, tmp_path: Path, ending: str) -> None:
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
    ("arguments", "complaint"),
    [
        (["--format", "pdf"], "name a file with --out"),
        (["--out", "calls.txt"], "says no format"),
        (["--out", "/nowhere/calls.csv"], "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_refused(store: HandFilled, arguments: list[str], complaint: str) -> None:
    result = CliRunner().invoke(app, ["calls", "--store", str(store.path), *arguments])
    assert result.exit_code != 0
    told = str(result.exception) if isinstance(result.exception, OutputRefused) else result.output
    assert complaint in " ".join(told.replace("│", " ").split())


@pytest.mark.parametrize("ending", ["pdf", "csv", "xlsx", "json"])
def test_a_list_of_voters_is_noted_in_the_audit_and_says_for_whom_it_is(
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


def test_who_said_not_yet_stands_on_the_list_with_the_hour(store: HandFilled, tmp_path: Path) -> None:
    store.mark(3, "not-yet", NOON)
    store.mark(5, "later", NOON, hour=16)
    out = tmp_path / "list.csv"
    CliRunner().invoke(list_app, ["not-yet", "--for", "w", "--store", str(store.path), "--out", str(out)])
    found = [(line["serial"], line["says"]) for line in csv.DictReader(io.StringIO(out.read_text()))]
    assert found == [("3", ""), ("5", "16:00")]


def test_no_list_without_its_note(store: HandFilled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise StoreError("the disk is full")

    monkeypatch.setattr("dialer.cli.list.record_export", refuse)
    out = tmp_path / "list.pdf"
    result = CliRunner().invoke(list_app, ["strike-off", "--for", "w", "--store", str(store.path), "--out", str(out)])
    assert isinstance(result.exception, StoreError)
    assert not out.exists()


async def test_trunks_by_ratio_failures_and_busiest_second(store: HandFilled) -> None:
    store.answered(1, NOON, ringing_at=NOON + 2)
    store.attempt(2, NOON + 0.2, outcome="congestion", technical_cause="503")
    store.attempt(3, NOON + 0.4, outcome="rejected", technical_cause="403")
    store.attempt(4, NOON + 5.0, outcome="rejected", technical_cause="603", ringing_at=NOON + 9)
    store.attempt(5, NOON + 6.0, outcome="refused", trunk="second")
    with read_snapshot(store.path, None) as source:
        report = tables.trunks(source, Window())
    assert report.rows == (("carrier", 4, 1, 0.25, 2, 0.5, 3.0, 3), ("second", 0, 0, None, 0, None, None, 1))
    assert report.total == ("all", 4, 1, 0.25, 2, 0.5, None, None)
