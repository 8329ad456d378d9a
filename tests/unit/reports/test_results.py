"""The results report: latest result, answers and portal IDs of each voter."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from dialer.reports import results
from dialer.reports.results import ResultArea
from dialer.reports.tables import Window
from dialer.store.connection import open_store_snapshot
from tests.support.command_line import run
from tests.support.report_store import HOUR, INDIA, NOON, HandFilled, rows_by_column
from tests.support.roll_filler import CONSTITUENCY_NUMBER, ROLL_VERSION, STATE_CODE
from tests.support.roll_support import write_roll


def read_results(
    store: HandFilled, window: Window | None = None, area: ResultArea | None = None
) -> dict[int, dict[str, object]]:
    """Return the rows of the report by voter ID; each part has 20 voters."""
    with open_store_snapshot(store.path, None) as db:
        rows = rows_by_column(results.report_results_of_voters(db, window or Window(), INDIA, area or ResultArea()))
    return {(row["part"] - 1) * 20 + row["serial"]: row for row in rows}


def add_answer(store: HandFilled, attempt: str, name: str, value: str, at: float = NOON) -> None:
    store.insert("flow_answer", {"attempt_id": attempt, "name": name, "value": value, "at": at})


def find_voter(store: HandFilled, attempt: str) -> int:
    (voter,) = store.db.execute("SELECT voter_id FROM attempt WHERE attempt_id = ?", (attempt,)).fetchone()
    return int(voter)


def test_exported_result_of_a_voter_prefers_disposition_and_voter_status_to_call_outcomes(
    store: HandFilled,
) -> None:
    spoken = store.answered(1, disposition="refused", disposed_at=NOON + 60)
    store.attempt(1, NOON + HOUR)
    voter = find_voter(store, spoken)
    found = read_results(store)[voter]
    assert (found["result"], found["date"], found["turnout"]) == ("refused", "2026-04-22 12:01:00+05:30", "pending")
    store.mark(voter, "voted", NOON + 2 * HOUR)
    found = read_results(store)[voter]
    assert (found["result"], found["date"], found["turnout"]) == ("voted", "2026-04-22 14:00:00+05:30", "voted")
    place = (found["roll_version"], found["state_code"], found["constituency"])
    assert place == (ROLL_VERSION, STATE_CODE, CONSTITUENCY_NUMBER)


def test_results_leave_out_undone_voter_statuses_and_their_corrections(store: HandFilled) -> None:
    voter = find_voter(store, store.attempt(1))
    store.mark(voter, "voted", NOON + 100, key="first")
    store.mark(voter, "not-yet", NOON + 200, source="correction", undoes="first")
    assert read_results(store)[voter]["result"] == "no-answer"


def test_exported_results_have_a_column_for_each_question_with_its_last_answer(store: HandFilled) -> None:
    first, later = store.attempt(1), store.attempt(1, NOON + HOUR)
    add_answer(store, first, "at_home", "2")
    add_answer(store, later, "at_home", "3", NOON + HOUR)
    add_answer(store, later, "message", f"{later}-1", NOON + HOUR)
    other = store.attempt(2)
    add_answer(store, other, "call_back", "yes")
    found = read_results(store)
    assert [(row.get("answer_at_home"), row.get("answer_call_back")) for row in found.values()] == [
        ("3", ""),
        ("", "yes"),
    ]
    assert all("answer_message" not in row for row in found.values())


def test_exported_results_can_be_limited_to_a_period_campaign_state_and_constituency(store: HandFilled) -> None:
    store.attempt(1)
    store.attempt(2, NOON + HOUR, campaign="ivr")
    assert len(read_results(store)) == 2
    assert len(read_results(store, Window(since=NOON + HOUR))) == 1
    assert len(read_results(store, Window(campaign="ivr"))) == 1
    assert len(read_results(store, area=ResultArea(STATE_CODE, CONSTITUENCY_NUMBER))) == 2
    assert read_results(store, area=ResultArea("S99")) == read_results(store, area=ResultArea(STATE_CODE, 9_999)) == {}


def test_results_for_a_voter_portal_cover_only_voters_of_the_portal(store: HandFilled, tmp_path: Path) -> None:
    """The portal's imported export has IDs of two of the three voters who were called."""
    attempts = [store.attempt(phone) for phone in (1, 2, 3)]
    places = [
        store.db.execute(
            "SELECT part_number, serial FROM voter JOIN booth USING (booth_id) WHERE voter_id = ?",
            (find_voter(store, each),),
        ).fetchone()
        for each in attempts
    ]
    folder = tmp_path / "drop"
    folder.mkdir()
    rows = [(STATE_CODE, str(CONSTITUENCY_NUMBER), str(p), str(s), f"=V{s}") for p, s in places[:2]]
    path = write_roll(folder / "a.csv", rows, ("ST_CODE", "AC_NO", "PART_NO", "SLNOINPART", "VOTER UID"))
    os.utime(path, (NOON, NOON))
    (tmp_path / "map.toml").write_text("", encoding="utf-8")
    settings = tmp_path / "centre.toml"
    settings.write_text(
        f'[centre]\nid = "pune-1"\n[store]\npath = "{store.path}"\n[[sources]]\nname = "portal"\nfolder = "{folder}"\n'
        f'map_file = "{tmp_path / "map.toml"}"\nroll_version = "{ROLL_VERSION}"\nid_heading = "voter uid"\n',
        encoding="utf-8",
    )
    asked = ("report", "results", "--source", "portal", "-c", settings, "--format", "csv")
    assert "the folder has no imported export of the portal" in run(*asked)[1]
    assert run("source", "import", "portal", "-c", settings)[0] == 0
    code, text = run(*asked)
    assert code == 0, text
    found = [*csv.DictReader(io.StringIO(text))]
    assert [(row["id"], row["result"]) for row in found] == [(f"'=V{s}", "no-answer") for _, s in places[:2]]
    assert not {"name", "phone", "number", "epic"} & {*found[0]}
    settings.write_text(settings.read_text(encoding="utf-8").replace("voter uid", "uid"), encoding="utf-8")
    assert 'has no column "uid"' in run(*asked)[1]
