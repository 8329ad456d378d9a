"""The shipped example AGI scripts, written with pyst2: each runs in its containment against our FastAGI server."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.content import IVR_FLOWS
from dialer.flows.turns import CommitKind, FlowCommit
from dialer.switch.asterisk.scripts.runner import ScriptEnd
from tests.support.agi_scripts import RULES, SCRIPT_FACTS, THEN_HANG_UP, Peer, run_script

ASK = "GET DATA survey/know-the-way 5000 1"


@pytest.fixture(autouse=True)
def facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.agi_scripts.SCRIPT_FACTS", {**SCRIPT_FACTS, "booth_part": 12})


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    script = Path(shutil.copy(IVR_FLOWS / "agi_scripts" / "polling_station.py", tmp_path))
    with sqlite3.connect(script.with_suffix(".db")) as database:
        database.execute("CREATE TABLE directions (part INTEGER PRIMARY KEY, sound TEXT NOT NULL)")
        database.execute("INSERT INTO directions VALUES (12, 'survey/way-12')")
    database.close()
    return script


@pytest.mark.parametrize(
    ("keys", "commands", "stored"),
    [
        ("1", [ASK, "STREAM FILE survey/thanks  0"], {"knows_the_way": "yes"}),
        ("2", [ASK, "STREAM FILE survey/way-12  0"], {"knows_the_way": "no"}),
        ("9", [ASK, "STREAM FILE survey/thanks  0"], CommitKind.OPT_OUT),
        ("", [ASK, ASK, ASK], None),
    ],
)
async def test_survey_script_stores_the_answer_and_plays_directions_to_the_booth(
    survey: Path, keys: str, commands: list[str], stored: dict[str, str] | CommitKind | None
) -> None:
    commits: list[FlowCommit] = []
    end, seen = await run_script(survey, Peer({"GET DATA": f"200 result={keys}"}), commits=commits)
    assert (end, seen) == (ScriptEnd.DONE, commands)
    assert [commit.answers or commit.kind for commit in commits] == ([] if stored is None else [stored])


async def test_survey_script_asks_voters_of_an_unknown_booth_to_contact_us(
    survey: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.agi_scripts.SCRIPT_FACTS", {"booth_part": 13})
    _, commands = await run_script(survey, Peer({"GET DATA": "200 result=2"}))
    assert commands[-1] == "STREAM FILE survey/ask-us  0"


async def test_survey_script_reports_that_the_voter_hung_up(survey: Path) -> None:
    end, _ = await run_script(survey, Peer({"GET DATA": f"200 result=-1{THEN_HANG_UP}"}))
    assert end is ScriptEnd.HUNG_UP


@pytest.mark.parametrize(
    ("reply", "commands"),
    [
        (
            b'HTTP/1.0 200 OK\r\n\r\n{"minutes": 25}',
            ["STREAM FILE waiting/the-queue-is  0", "SAY NUMBER 25 ", "STREAM FILE waiting/minutes  0"],
        ),
        (b"HTTP/1.0 503 Service Unavailable\r\n\r\n", ["STREAM FILE waiting/not-known  0"]),
        (b"HTTP/1.0 200 OK\r\n\r\nno JSON", ["STREAM FILE waiting/not-known  0"]),
        (b"", ["STREAM FILE waiting/not-known  0"]),
    ],
)
async def test_waiting_time_script_announces_the_answer_of_the_web_service(
    tmp_path: Path, reply: bytes, commands: list[str]
) -> None:
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readline())
        writer.write(reply)
        writer.close()

    script = Path(shutil.copy(IVR_FLOWS / "agi_scripts" / "waiting_time.py", tmp_path))
    commits: list[FlowCommit] = []
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        script.with_suffix(".url").write_text(f"http://127.0.0.1:{port}/queue\n")
        end, seen = await run_script(script, rules=replace(RULES, network=True), commits=commits)
    assert (end, seen) == (ScriptEnd.DONE, commands)
    assert requests == [b"GET /queue?part=12 HTTP/1.1\r\n"]
    assert [commit.answers for commit in commits] == ([{"waiting_minutes": "25"}] if len(commands) > 1 else [])


async def test_waiting_time_script_says_that_the_time_is_unknown_without_a_network(tmp_path: Path) -> None:
    script = Path(shutil.copy(IVR_FLOWS / "agi_scripts" / "waiting_time.py", tmp_path))
    script.with_suffix(".url").write_text("http://127.0.0.1:9/queue\n")
    end, seen = await run_script(script)
    assert (end, seen) == (ScriptEnd.DONE, ["STREAM FILE waiting/not-known  0"])
