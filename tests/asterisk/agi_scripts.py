"""A check of the shipped AGI scripts on a real Asterisk: voters press keys, and the scripts store the results."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from dialer.content import IVR_FLOWS
from tests.asterisk.sounds import make_tone
from tests.asterisk.stage import Lab, RealStage
from tests.support.scenario import Scenario
from tests.support.scenario_run import play

SOUNDS = (
    *("survey/know-the-way", "survey/thanks", "survey/ask-us", "survey/way-1"),
    *("waiting/the-queue-is", "waiting/minutes", "waiting/not-known"),
    *("digits/20", "digits/5"),  # 25
)
PART = 1  # of the lab's roll


def _make_scenario(script: Path, *, network: bool, voters: list[dict[str, Any]], outcomes: dict[str, int]) -> Scenario:
    declared = {"by": "A. Person", "offers_transport": False, "asks_vote_choice": False}
    campaign = {"kind": "ivr", "flow": f"script:{script}", "pacing": "broadcast", "channels": 5, "declared": declared}
    flows = {"script_user": getpass.getuser(), "script_network": network}
    return Scenario.model_validate(
        {
            "about": f"the AGI script {script.name}",
            "site": {"seats": 0, "campaign": campaign, "settings": {"flows": flows}},
            "voters": voters,
            "expect": {"outcomes": outcomes, "seconds": 60},
        }
    )


async def check_agi_scripts(lab: Lab) -> list[str]:
    """Run both example scripts on one Asterisk. Return the faults."""
    lab.directory.mkdir(parents=True, exist_ok=True)
    await lab.start()
    for name in SOUNDS:
        lab.asterisk.write_sound(name, make_tone(0.5, 500.0))
    try:
        return [*await _check_survey(lab), *await _check_waiting_time(lab), *lab.asterisk.unexpected_log_lines()]
    finally:
        await lab.stop()


async def _check_survey(lab: Lab) -> list[str]:
    script = _copy_script(lab, "polling_station.py")
    with contextlib.closing(sqlite3.connect(script.with_suffix(".db"))) as database:
        database.execute("CREATE TABLE directions (part INTEGER PRIMARY KEY, sound TEXT NOT NULL)")
        database.execute("INSERT INTO directions VALUES (?, 'survey/way-1')", (PART,))
        database.commit()
    voters: list[dict[str, Any]] = [
        {"does": "answer", "keys": [[1.5, "1"]]},
        {"does": "answer", "keys": [[1.5, "2"]]},
        {"does": "answer", "keys": [[1.5, "9"]]},
        {"does": "answer", "rings": 0.5, "stays": 0.8},
    ]
    scenario = _make_scenario(script, network=False, voters=voters, outcomes={"completed": 3, "left": 1})
    faults, store = await _play_scenario(lab, "survey", scenario)
    answers = _query_store(store, "SELECT value FROM flow_answer WHERE name = 'knows_the_way' ORDER BY value")
    if answers != [("no",), ("yes",)]:
        faults.append(f"survey: answers are {answers}")
    if _query_store(store, "SELECT count(*) FROM opt_out") != [(1,)]:
        faults.append("survey: the opt-out is not stored")
    return faults


async def _check_waiting_time(lab: Lab) -> list[str]:
    requests: list[bytes] = []

    async def serve_waiting_times(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readline())
        writer.write(b'HTTP/1.0 200 OK\r\n\r\n{"minutes": 25}')
        writer.close()

    script = _copy_script(lab, "waiting_time.py")
    scenario = _make_scenario(script, network=True, voters=[{"does": "answer", "count": 2}], outcomes={"completed": 2})
    async with await asyncio.start_server(serve_waiting_times, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        script.with_suffix(".url").write_text(f"http://127.0.0.1:{port}/queue\n", encoding="utf-8")
        faults, store = await _play_scenario(lab, "waiting-time", scenario)
    if requests != [b"GET /queue?part=%d HTTP/1.1\r\n" % PART] * 2:
        faults.append(f"waiting time: the service got {requests}")
    answers = _query_store(store, "SELECT value FROM flow_answer WHERE name = 'waiting_minutes'")
    if answers != [("25",)] * 2:
        faults.append(f"waiting time: answers are {answers}")
    return faults


async def _play_scenario(lab: Lab, name: str, scenario: Scenario) -> tuple[list[str], Path]:
    """Play a scenario of calls on the lab. Return its faults and the path of its store."""
    directory = lab.directory / name
    directory.mkdir()
    async with RealStage(lab, scenario) as stage:
        played = await play(scenario, stage, directory)
    return [f"{name}: {fault}" for fault in played.faults], directory / "centre.db"


def _copy_script(lab: Lab, name: str) -> Path:
    folder = lab.directory / "agi"
    folder.mkdir(exist_ok=True)
    return Path(shutil.copy(IVR_FLOWS / "agi_scripts" / name, folder))


def _query_store(store: Path, statement: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database:
        return database.execute(statement).fetchall()
