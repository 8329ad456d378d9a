"""The simulated Asterisk as a separate process, in real time."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

import pytest

from dialer.simulation.asterisk.journal import check_journal_of_calls
from tests.support.ami_lab import AmiLab
from tests.support.simulation import agi_server, serve_one_key
from tests.support.waiting import HANG_SECONDS


async def start_process(*arguments: str, stdin: int = PIPE) -> tuple[Process, int]:
    command = (sys.executable, "-m", "dialer.simulation.asterisk", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdin=stdin, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    ports = json.loads(await process.stdout.readline())
    return process, ports["ami_port"]


async def test_simulated_asterisk_process_handles_calls_and_ends_with_the_parent_process(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    async with agi_server(serve_one_key) as agi_port:
        process, ami_port = await start_process(
            *("--agi-port", str(agi_port), "--journal", str(journal), "--speed", "100", "--answer-rate", "1"),
            *("--ring-seconds", "1", "--seats", "1", "--trunk", "carrier:50", "--trunk", "other"),
        )
        async with asyncio.timeout(HANG_SECONDS), AmiLab(ami_port, "dialler") as lab:
            await lab.call_seat_phone("1", "agent01", "seat-a")
            await lab.event("ConfbridgeJoin", Uniqueid="seat-a")
            for n in range(20):
                await lab.call(f"91{n}", f"v{n}", "matdan-flow")
            for n in range(20):
                await lab.event("Hangup", Uniqueid=f"v{n}")
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(HANG_SECONDS):
            assert await process.wait() == 0
    report = check_journal_of_calls(journal)
    assert (report.placed, report.answered, report.live, report.problems) == (20, 20, 0, ())


async def test_signal_ends_the_simulated_asterisk_process_cleanly() -> None:
    process, _ = await start_process("--agi-port", "1", stdin=DEVNULL)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(HANG_SECONDS):
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--agi-port", "1", "--answer-rate", "30"], "from 0 to 1"),
        (["--agi-port", "1", "--trunk", "carrier:many"], "NAME or NAME:CHANNELS"),
        (["--agi-port", "1", "--speed", "0"], "above 0"),
        (["--agi-port", "1", "--journal", "/nonexistent/journal"], "/nonexistent/journal"),
        ([], "--agi-port"),
    ],
)
async def test_invalid_arguments_of_the_simulated_asterisk_are_reported(arguments: list[str], says: str) -> None:
    command = (sys.executable, "-m", "dialer.simulation.asterisk", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    async with asyncio.timeout(HANG_SECONDS):
        output, errors = await process.communicate()
    assert process.returncode in (1, 2)
    assert output == b""
    assert says in errors.decode()
    assert "Traceback" not in errors.decode()
