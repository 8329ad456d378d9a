"""Ways to run `dialer` in a journey: in this process, or as installed into its own home folder."""

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
from tests.journeys.journey import JourneyFailed, Program, Step

ROOT = Path(__file__).parents[2]
EXTRAS = "desk,hq,uplink,voices"
LONGEST_SECONDS = 600


def run_in_process(words: list[str], stdin: str, folder: Path) -> tuple[int, str]:
    """Run a `dialer` command in this process, through its entry point."""
    output = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
        patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")),
        patch.object(sys, "argv", ["dialer", *words]),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int | None), code
    return code or 0, output.buffer.getvalue().decode()


def make_program(command: Sequence[str | Path], env: Mapping[str, str]) -> Program:
    """Return a function that runs `dialer` commands in new processes with this environment."""

    def program(words: list[str], stdin: str, folder: Path) -> tuple[int, str]:
        done = subprocess.run(
            [*command, *words],
            input=stdin,
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


def installed_program(dialer: Path, by: Sequence[str] = ()) -> Program:
    """Return a function that runs the installed `dialer`.

    `by` is a command in front of it that changes the user.
    """
    return make_program((*by, dialer), make_environment(dialer.parents[2]))


def make_environment(home: Path) -> dict[str, str]:
    """Return a process's environment: this home folder, the search path, and the settings of package registries."""
    passed_on = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "UV_", "npm_", "SSL_", "REQUESTS_"))
    }
    local = home / ".local"
    places = {"PIPX_HOME": str(local / "pipx"), "PIPX_BIN_DIR": str(local / "bin"), "PIPX_MAN_DIR": str(local / "man")}
    path = f"{local / 'bin'}:{os.environ['PATH']}"
    return {**passed_on, **places, "HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "TZ": "Asia/Kolkata"}


def install_product(home: Path, on_step: Callable[[Step], None]) -> Path:
    """Build the wheel of this source tree and install it with pipx into an empty home. Return the path of `dialer`."""
    pipx = shutil.which("pipx")
    if pipx is None:
        raise JourneyFailed("pipx is not installed (apt-get install pipx)")
    home.mkdir(parents=True)
    python = sys._base_executable if sys.prefix != sys.base_prefix else sys.executable  # type: ignore[attr-defined]

    def run(*words: str) -> None:
        began = time.monotonic()
        done = subprocess.run(
            [pipx, *words],
            cwd=ROOT,
            env=make_environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        on_step(Step(f"pipx {' '.join(words)}", done.stdout, time.monotonic() - began, done.returncode))
        if done.returncode:
            raise JourneyFailed(f"pipx {words[0]}: {done.stdout[-400:]}")

    run("run", "build", "--wheel", "--outdir", str(home / "dist"), str(ROOT))
    (wheel,) = (home / "dist").glob("matdan-*.whl")
    run("install", "--python", python, f"{wheel}[{EXTRAS}]")
    return home / ".local" / "bin" / "dialer"
