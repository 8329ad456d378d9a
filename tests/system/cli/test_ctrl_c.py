"""Ctrl-C as a terminal sends it: to every process of the foreground group, not only to the command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.waiting import HANG_SECONDS


@pytest.fixture(autouse=True)
def default_sigint() -> Iterator[None]:
    """Restore the default handling of SIGINT, which child processes inherit; it is ignored if the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def start_in_foreground(*arguments: str) -> subprocess.Popen[str]:
    """Start a command as the leader of its own process group, as a shell does."""
    command = [sys.executable, "-c", "from dialer.cli.main import main; main()", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def read_journal_lines(directory: Path) -> int:
    return sum(len(journal.read_bytes().splitlines()) for journal in directory.glob("journal-*.jsonl"))


def wait_until_calls_run(directory: Path, lines: int) -> None:
    until = time.monotonic() + HANG_SECONDS
    while read_journal_lines(directory) < lines:
        assert time.monotonic() < until, "no calls were placed"
        time.sleep(0.1)


def test_dialer_demo_stops_on_ctrl_c_without_an_error(tmp_path: Path) -> None:
    demo = start_in_foreground("demo", "--headless", "--voters", "1000", "--seats", "5", "--dir", str(tmp_path))
    try:
        wait_until_calls_run(tmp_path, 20)
        os.killpg(demo.pid, signal.SIGINT)
        output, errors = demo.communicate(timeout=HANG_SECONDS)
    finally:
        demo.kill()
    assert (demo.returncode, errors) == (0, ""), output + errors
    assert "FAILED" not in output


INTERRUPTED_IMPORT = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from dialer.__main__ import main
sys.argv = ["dialer", "flow", "list"]
main()
"""


@pytest.mark.parametrize("module", ["dialer.cli.main", "typer", "rich", "dialer.cli.flow"])
def test_ctrl_c_while_python_modules_are_imported_prints_no_traceback(module: str) -> None:
    program = INTERRUPTED_IMPORT.format(module=module)
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_ctrl_c_while_a_command_runs_prints_no_traceback() -> None:
    program = (
        "import os, signal\nfrom dialer.cli import main as cli\n"
        "cli.app = lambda **_: os.kill(os.getpid(), signal.SIGINT)\ncli.main()"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_worker_processes_of_a_command_end_silently_after_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(
        "import pathlib, time\ndef work(n):\n    pathlib.Path(f'{n}.begun').touch()\n    time.sleep(2 * n)\n"
    )
    (tmp_path / "go.py").write_text(
        "import sys\nimport jobs\nfrom dialer.process.pool import run_jobs_in_processes\nif __name__ == '__main__':\n    try:\n"
        "        list(run_jobs_in_processes(jobs.work, range(2), 2))\n    except KeyboardInterrupt:\n        sys.exit(130)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    command, pipe = [sys.executable, "go.py"], subprocess.PIPE
    going = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=pipe, text=True, start_new_session=True)
    try:
        until = time.monotonic() + HANG_SECONDS
        while len(list(tmp_path.glob("*.begun"))) < 2:  # then one worker waits, or is still starting
            assert time.monotonic() < until, "the jobs were not begun"
            time.sleep(0.05)
        os.killpg(going.pid, signal.SIGINT)
        _, errors = going.communicate(timeout=HANG_SECONDS)
    finally:
        going.kill()
    assert (going.returncode, errors) == (130, "")
