"""Find a real Asterisk, start it with a rendered configuration in its own directory, and stop it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.support.waiting import HANG_SECONDS

EXPECTED = (  # log lines caused by scenarios: an unregistered phone, a restart, a stopped dialler, missing sounds
    "failed for url 'agi://127.0.0.1",
    "Couldn't connect to any host.  FastAGI failed.",
    "does not exist in any format",
    "Unable to open matdan/",
    "The FD we were waiting for has something waiting",
    "Could not create dialog to invalid URI",
    "Failed to create outgoing session to endpoint",
    "Temporal response '401' received",  # a registration that the carrier refuses
    "There were no auth ids available",  # a carrier that demands a password
    "transfer attempt blocked due to configuration",  # a REFER
    "Could not find application (AMD)",  # unloaded by a check
    "Asterisk is shutting down",
    "Refusing due to active shutdown",
    "registered during operation. Enable PJSIP_SAFE_MODULE",  # of a start on a busy machine
)
COMMAND_SECONDS = 10.0
IS_MACHINE_FREE = os.getloadavg()[0] < (os.cpu_count() or 1)
"""Whether the machine had a processor to spare before the lab began. Limits that mean speed are judged only then."""


class NoAsterisk(Exception):
    """Raised if Asterisk or a tool is missing or does not start. The text says what to do."""


def find_asterisk() -> Path:
    """Return the Asterisk program from ASTERISK_SBIN (a program or its folder) or from PATH. Raises NoAsterisk."""
    given = os.environ.get("ASTERISK_SBIN")
    if given:
        path = Path(given)
        path = path / "asterisk" if path.is_dir() else path
        if os.access(path, os.X_OK):
            return path
        raise NoAsterisk(f"ASTERISK_SBIN={given} is not an executable, nor a folder that contains asterisk; correct it")
    found = shutil.which("asterisk") or shutil.which("asterisk", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise NoAsterisk("asterisk is not on PATH; install it, or set ASTERISK_SBIN to its folder")
    return Path(found)


def get_asterisk_version(program: Path) -> str:
    """Return the version that Asterisk prints, such as "Asterisk 22.1.0"."""
    done = subprocess.run([program, "-V"], capture_output=True, text=True, env=_make_environment(program), check=False)
    if done.returncode:
        raise NoAsterisk(f"{program} cannot be run ({done.stderr.strip()}); reinstall Asterisk")
    return done.stdout.strip()


def find_free_ports(count: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> list[int]:
    """Return `count` free ports of 127.0.0.1."""
    sockets = [socket.socket(socket.AF_INET, kind) for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _make_environment(program: Path) -> dict[str, str]:
    libraries = [str(program.parent.parent / "lib"), os.environ.get("LD_LIBRARY_PATH", "")]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(path for path in libraries if path)}


def _find_data_directory(program: Path) -> Path:
    """Return the directory of Asterisk's XML documentation, which some modules need to read their settings."""
    prefix = program.parent.parent
    candidates = (prefix / "var/lib/asterisk", prefix / "share/asterisk", Path("/var/lib/asterisk"))
    for candidate in (*candidates, Path("/usr/share/asterisk")):
        if (candidate / "documentation").is_dir():
            return candidate
    raise NoAsterisk(f"the XML documentation of {program} is missing; reinstall Asterisk")


class RealAsterisk:
    """An Asterisk process. `directory` holds its configuration, sounds, logs and sockets."""

    def __init__(self, program: Path, directory: Path) -> None:
        self.program = program
        self.directory = directory
        self.etc = directory / "etc"
        self.log = directory / "log" / "messages.log"
        self.prefix: tuple[str | Path, ...] = ()  # a command in whose environment Asterisk runs
        self.history = directory / "log" / "cdr-custom" / "matdan.csv"
        self._process: asyncio.subprocess.Process | None = None

    def write_configuration(self, files: dict[str, str]) -> None:
        """Write the configuration files, with the directories of this process."""
        for name in ("etc", "run", "log", "log/cdr-custom", "spool", "db", "data/sounds/en", "data/moh"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        (self.directory / "data" / "documentation").symlink_to(_find_data_directory(self.program) / "documentation")
        places = {
            "astetcdir": self.etc,
            "astrundir": self.directory / "run",
            "astlogdir": self.directory / "log",
            "astspooldir": self.directory / "spool",
            "astdbdir": self.directory / "db",
            "astdatadir": self.directory / "data",
            "astvarlibdir": self.directory / "data",
        }
        directories = "[directories]\n" + "".join(f"{key} => {path}\n" for key, path in places.items())
        for name, text in files.items():
            (self.etc / name).write_text(directories + text if name == "asterisk.conf" else text, encoding="utf-8")

    def write_sound(self, name: str, audio: bytes) -> None:
        """Write A-law audio to the sounds directory. `name` has no extension."""
        path = self.directory / "data" / "sounds" / "en" / f"{name}.alaw"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(audio)

    def hide_sounds(self, names: Iterable[str]) -> list[Path]:
        """Hide sounds from Asterisk by renaming their files. Return the renamed files."""
        sounds = self.directory / "data" / "sounds" / "en"
        return [(sounds / f"{name}.alaw").rename(sounds / f"{name}.hidden") for name in names]

    async def start(self) -> None:
        """Start Asterisk and wait until it is fully booted. Raises NoAsterisk."""
        output = (self.directory / "output").open("wb")
        self._process = await asyncio.create_subprocess_exec(
            *self.prefix, self.program, "-C", self.etc / "asterisk.conf", "-f", "-n", stdout=output, stderr=output,
            env=_make_environment(self.program), stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        output.close()
        try:
            async with asyncio.timeout(HANG_SECONDS):
                while "fully booted" not in await self.run_command("core waitfullybooted"):
                    if self._process.returncode is not None:
                        raise NoAsterisk(
                            f"{self.program} ended at once: {self.unexpected_log_lines() or 'see its output'}"
                        )
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise NoAsterisk(
                f"{self.program} was not up after {HANG_SECONDS:g} s: {self.unexpected_log_lines()}"
            ) from None

    async def stop(self) -> None:
        """Terminate Asterisk, or kill it after COMMAND_SECONDS."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def kill(self) -> None:
        """Kill Asterisk at once (SIGKILL)."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    @property
    def process_id(self) -> int:
        """The process id of the running Asterisk."""
        assert self._process is not None
        return self._process.pid

    async def run_command(self, command: str) -> str:
        """Run a console command and return its output."""
        process = await asyncio.create_subprocess_exec(
            self.program, "-C", self.etc / "asterisk.conf", "-rx", command,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env=_make_environment(self.program),
        )  # fmt: skip
        output, _ = await process.communicate()
        return output.decode(errors="replace")

    def unexpected_log_lines(self) -> list[str]:
        """Return the warnings and errors in the log, without those that scenarios cause."""
        if not self.log.exists():
            return []
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        amiss = [line for line in lines if "WARNING[" in line or "ERROR[" in line]
        return [line for line in amiss if not any(words in line for words in EXPECTED)]
