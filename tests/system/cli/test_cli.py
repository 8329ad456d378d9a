"""The command line as a user sees it: every mistake is one line with exit code 2."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from dialer.audio.names import PromptName
from dialer.simulation.asterisk.config import LEAST_PRIVILEGE_USER, SimulatedAsteriskConfig
from dialer.simulation.asterisk.server import SimulatedAsterisk
from tests.support.certified import catalogue_entry, write_prompts
from tests.support.command_line import run
from tests.support.forked import COMMAND_LINE, ForkedProcess, run_forked
from tests.support.paths import ROOT
from tests.support.waiting import HANG_SECONDS

SECRET = "mT4-a8Qk2_xWz9"
USER = replace(LEAST_PRIVILEGE_USER, secret=SECRET)
SETTINGS = """
[centre]
id = "test"
[store]
path = "{store}"
reserve_megabytes = 1
[ami]
port = {ami_port}
username = "dialler"
secret = "{secret}"
[fastagi]
port = {agi_port}
[broker]
port = {broker_port}
[audio]
sounds = "{sounds}"
{catalogue}
[[trunks]]
name = "carrier"
endpoint = "carrier"
caller_ids = ["+911140000001"]
[[campaigns]]
id = "ivr"
kind = "ivr"
flow = "{flow}"
hours = [{{ start = 00:00:00, until = 23:59:59 }}]
"""


def run_dialer(*arguments: str | Path, cwd: Path = ROOT) -> CompletedProcess[str]:
    return run_forked(COMMAND_LINE, *arguments, cwd=cwd)


def settings_file(directory: Path, **values: object) -> Path:
    facts: dict[str, object] = {
        "store": directory / "centre.db",
        "ami_port": 1,
        "secret": SECRET,
        "agi_port": 0,
        "broker_port": 1,
        "flow": "turnout",
        "sounds": directory / "sounds",
        "catalogue": f'catalogue = "{directory / "catalogue"}"',
        **values,
    }
    write_prompts(directory, {PromptName("", "hi", "common/greeting"): catalogue_entry()})
    path = directory / "centre.toml"
    path.write_text(SETTINGS.format(**facts), encoding="utf-8")
    path.chmod(0o600)
    return path


def get_error_line(result: CompletedProcess[str]) -> str:
    """Return the one-line error of a command, without its log. Fails if it succeeded or printed a traceback."""
    assert result.returncode == 2, result.stdout + result.stderr
    lines = [line for line in result.stderr.strip().splitlines() if not line.startswith("{")]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("dialer: ")
    return lines[0]


def test_sample_electoral_roll_is_imported_and_reported(tmp_path: Path) -> None:
    assert run_dialer("sample-roll", "--rows", "300", "--out", "roll.csv", cwd=tmp_path).returncode == 0
    config = settings_file(tmp_path)
    first = run_dialer("import", "roll.csv", "-c", config, "--json", cwd=tmp_path)
    figures = json.loads(first.stdout.splitlines()[-1])
    assert figures["rows"] == figures["voters"] + figures["rejected"] + figures["unchanged"] == 300
    again = json.loads(run_dialer("import", "roll.csv", "-c", config, "--json", cwd=tmp_path).stdout.splitlines()[-1])
    assert (again["voters"], again["numbers"], again["links"]) == (0, 0, 0)
    for report in ("calls", "agents", "abandonment", "turnout"):
        code, text = run("report", report, "-c", config, "--format", "json")
        assert code == 0, text
        json.loads(text)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\x00\x01\x02\xff\xfe\x00binary" * 50, "roll"),
        (b"colour,size\nred,4\n", "roll"),
    ],
)
def test_invalid_electoral_roll_gives_a_one_line_error(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "roll.csv").write_bytes(content)
    assert says in get_error_line(run_dialer("import", tmp_path / "roll.csv", "--store", tmp_path / "centre.db"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (f'secret = "{SECRET}"', f'secrett = "{SECRET}"'),
        ('flow = "turnout"', "flow = 7"),
        ('kind = "ivr"', 'kind = "both"'),
    ],
)
def test_invalid_setting_is_reported_with_file_key_and_remedy(tmp_path: Path, change: str, says: str) -> None:
    path = settings_file(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace(change, says), encoding="utf-8")
    line = get_error_line(run_dialer("check", "-c", path))
    assert str(path) in line
    assert re.search(rf"{re.escape(str(path))}:\d+: \S+: .*(must be|did you mean)", line), line


def test_missing_settings_file_gives_a_one_line_error(tmp_path: Path) -> None:
    assert "no such file" in get_error_line(run_dialer("run", "-c", tmp_path / "none.toml"))


def test_unreachable_asterisk_gives_a_one_line_error(tmp_path: Path) -> None:
    line = get_error_line(run_dialer("run", "-c", settings_file(tmp_path)))
    assert "ami.host" in line


def test_dialler_needs_a_sound_catalogue_to_announce_synthetic_voices(tmp_path: Path) -> None:
    line = get_error_line(run_dialer("run", "-c", settings_file(tmp_path, catalogue="")))
    assert "audio.catalogue: is not set, so it is unknown which voices are synthetic" in line
    result = run_dialer("check", "-c", settings_file(tmp_path, catalogue=""))
    assert "synthetic voices: settings: audio.catalogue: is not set" in result.stdout


def test_unknown_flow_of_a_campaign_gives_a_one_line_error(tmp_path: Path) -> None:
    result = run_dialer("check", "-c", settings_file(tmp_path, flow="turnabout"))
    assert result.returncode == 1
    assert "turnabout" in result.stdout
    assert "household" in result.stdout  # the known ones are named


async def run_against_a_switch(tmp_path: Path, **values: object) -> CompletedProcess[str]:
    async with SimulatedAsterisk(SimulatedAsteriskConfig(users=(USER,))) as switch:
        config = settings_file(tmp_path, ami_port=switch.ami_port, **values)
        return await asyncio.to_thread(run_dialer, "run", "-c", config)


async def test_wrong_ami_secret_gives_a_one_line_error(tmp_path: Path) -> None:
    line = get_error_line(await run_against_a_switch(tmp_path, secret="wrong-secret-canary"))
    assert "manager.conf" in line
    assert "canary" not in line


async def test_fastagi_port_in_use_gives_a_one_line_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        line = get_error_line(await run_against_a_switch(tmp_path, agi_port=taken.getsockname()[1]))
    assert "fastagi.port" in line


async def test_file_that_is_not_a_store_gives_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "centre.db").write_bytes(b"this is not a database" * 500)
    line = get_error_line(await run_against_a_switch(tmp_path))
    assert "centre.db" in line
    assert (tmp_path / "centre.db").read_bytes().startswith(b"this is not")


async def test_dialer_check_reports_everything_that_a_new_site_lacks(tmp_path: Path) -> None:
    assert run_dialer("sample-roll", "--rows", "200", "--out", tmp_path / "roll.csv").returncode == 0
    async with SimulatedAsterisk(SimulatedAsteriskConfig(users=(USER,))) as switch:
        config = settings_file(tmp_path, ami_port=switch.ami_port)
        empty = await asyncio.to_thread(run_dialer, "check", "-c", config, "--json")
        assert run_dialer("import", tmp_path / "roll.csv", "-c", config).returncode == 0
        sounds = tmp_path / "sounds" / "matdan"
        sounds.mkdir(parents=True, exist_ok=True)
        (sounds / "message.alaw").write_bytes(bytes(8000))
        full = await asyncio.to_thread(run_dialer, "check", "-c", config, "--json", cwd=tmp_path)

    def read_levels(result: CompletedProcess[str]) -> dict[str, str]:
        return {line["subject"]: line["level"] for line in map(json.loads, result.stdout.splitlines())}

    assert empty.returncode == 1
    assert read_levels(empty)["store"] == "error"
    assert full.returncode == 0, full.stdout + full.stderr
    assert read_levels(full) | {"broker": "warning"} == read_levels(full)  # the centre dials without one
    assert read_levels(full)["asterisk"] == "ok"


async def test_dialer_check_succeeds_while_the_dialler_runs(tmp_path: Path) -> None:
    assert run_dialer("sample-roll", "--rows", "200", "--out", tmp_path / "roll.csv").returncode == 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with SimulatedAsterisk(SimulatedAsteriskConfig(users=(USER,))) as switch:
        config = settings_file(tmp_path, ami_port=switch.ami_port, agi_port=port)
        assert (await asyncio.to_thread(run_dialer, "import", tmp_path / "roll.csv", "-c", config)).returncode == 0
        with ForkedProcess(COMMAND_LINE, "run", "-c", config) as running:
            async with asyncio.timeout(HANG_SECONDS):
                while not await _listens(port):
                    await asyncio.sleep(0.1)
            result = await asyncio.to_thread(run_dialer, "check", "-c", config, "--json")
            assert running.returncode is None
    found = {line["subject"]: line for line in map(json.loads, result.stdout.splitlines())}
    assert found["store"]["level"] == "ok"
    assert found["store"]["text"].endswith(f"a dialler (process {running.pid}) is using it")
    assert found["fastagi"]["level"] == "ok"


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def test_dialer_demo_runs_and_all_checks_of_the_demo_succeed(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    # Long enough for five calls on a loaded machine: in six seconds one had placed three.
    result = run_dialer("demo", "--for", "20", "--headless", "--voters", "1000", "--seats", "3", "--report", report)
    assert result.returncode == 0, result.stdout + result.stderr
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["attempts"] > 4
    assert all(check["holds"] for check in found["checks"].values())
    for key in (
        "outcomes",
        "answered",
        "connected",
        "abandoned",
        "abandoned_rate",
        "utilisation",
        "turnout",
        "opt_outs",
        "unknown",
    ):
        assert key in found
