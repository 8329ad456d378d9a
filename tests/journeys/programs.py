"""`dialer`, as a journey runs it: in this process, or as it was installed into a home of its own."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from unittest.mock import patch

from dialer.cli.main import main
from tests.journeys.walk import Program, Step, Stumbled

ROOT = Path(__file__).parents[2]
EXTRAS = "desk,hq,uplink,voices"
LONGEST_SECONDS = 600


def in_process(words: list[str], given: str, folder: Path) -> tuple[int, str]:
    """The command in this process, as its entry point runs it."""
    said = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode()), "utf-8")),
        patch.object(sys, "argv", ["dialer", *words]),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int | None), code
    return code or 0, said.buffer.getvalue().decode()


def in_processes(command: Sequence[str | Path], env: Mapping[str, str]) -> Program:
    """The command in a process of its own with that environment."""

    def program(words: list[str], given: str, folder: Path) -> tuple[int, str]:
        done = subprocess.run(
            [*command, *words],
            input=given,
            cwd=folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LONGEST_SECONDS,
        )
        return done.returncode, done.stdout

    return program


def installed(dialer: Path, by: Sequence[str] = ()) -> Program:
    """As a person in that home runs it; `by`: what makes another user of us first."""
    return in_processes((*by, dialer), environment(dialer.parents[2]))


def environment(home: Path) -> dict[str, str]:
    """What a process of that home is given: nothing of ours but where programs lie, and what registries are asked."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "UV_", "npm_", "SSL_", "REQUESTS_"))
    }
    local = home / ".local"
    places = {"PIPX_HOME": str(local / "pipx"), "PIPX_BIN_DIR": str(local / "bin"), "PIPX_MAN_DIR": str(local / "man")}
    path = f"{local / 'bin'}:{os.environ['PATH']}"
    return {**kept, **places, "HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "TZ": "Asia/Kolkata"}


def install(home: Path, told: Callable[[Step], None]) -> Path:
    """Build the wheel of this tree, and `pipx install` it into a home that was empty; where `dialer` is."""
    pipx = shutil.which("pipx")
    if pipx is None:
        raise Stumbled("pipx is not installed (apt-get install pipx)")
    home.mkdir(parents=True)
    python = sys._base_executable if sys.prefix != sys.base_prefix else sys.executable  # type: ignore[attr-defined]

    def does(*words: str) -> None:
        began = time.monotonic()
        done = subprocess.run(
            [pipx, *words],
            cwd=ROOT,
            env=environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        told(Step(f"pipx {' '.join(words)}", done.stdout, time.monotonic() - began, done.returncode))
        if done.returncode:
            raise Stumbled(f"pipx {words[0]}: {done.stdout[-400:]}")

    does("run", "build", "--wheel", "--outdir", str(home / "dist"), str(ROOT))
    (wheel,) = (home / "dist").glob("matdan-*.whl")
    does("install", "--python", python, f"{wheel}[{EXTRAS}]")
    return home / ".local" / "bin" / "dialer"
