"""SIPp processes: the carrier of a scenario, and one phone per seat."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from tests.asterisk import sipp_scripts
from tests.asterisk.process import NoAsterisk
from tests.support.scenario import Scenario

REGISTER_SECONDS = 10.0


def find_sipp() -> Path:
    """On PATH. Raises NoAsterisk."""
    found = shutil.which("sipp")
    if found is None:
        raise NoAsterisk("no sipp on PATH; install it (apt install sip-tester)")
    return Path(found)


class Sipp:
    """One SIPp process that answers calls on a port of 127.0.0.1."""

    def __init__(self, program: Path, directory: Path, name: str, port: int, rtp_ports: tuple[int, int]) -> None:
        """`directory` gets its scenario files and its traces."""
        self.port = port
        self._program = program
        self._directory = directory
        self._name = name
        self._rtp_ports = rtp_ports
        self._process: asyncio.subprocess.Process | None = None

    async def listen(self, script: str) -> None:
        """Answer calls by this scenario file until `stop`."""
        self._process = await self._run(script, "listen")
        await asyncio.sleep(0.3)  # SIPp tells nobody when its socket is open
        if self._process.returncode is not None:
            raise NoAsterisk(f"sipp {self._name} ended at once; see {self._directory}/{self._name}.out")

    async def register(self, proxy_port: int, user: str, password: str) -> None:
        """Make this port known to the switch as `user`'s phone."""
        options = ["-m", "1", "-s", user, "-au", user, "-ap", password, f"127.0.0.1:{proxy_port}"]
        process = await self._run(sipp_scripts.registration(), "register", *options)
        async with asyncio.timeout(REGISTER_SECONDS):
            if await process.wait():
                raise NoAsterisk(f"{user}'s phone could not register; see {self._directory}/{self._name}.out")

    async def stop(self) -> None:
        """Be gone at once, as a phone without power."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._process = None

    async def _run(self, script: str, what: str, *options: str) -> asyncio.subprocess.Process:
        path = self._directory / f"{self._name}-{what}.xml"
        path.write_text(script, encoding="ascii")
        first, last = self._rtp_ports
        with (self._directory / f"{self._name}.out").open("ab") as output:
            return await asyncio.create_subprocess_exec(
                self._program, "-sf", path.name, "-i", "127.0.0.1", "-p", str(self.port), "-nostdin", "-nd",
                "-min_rtp_port", str(first), "-max_rtp_port", str(last), "-trace_err",
                "-error_file", f"{self._name}.err", *options,
                cwd=self._directory, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip


async def start_carrier(sipp: Sipp, scenario: Scenario, audio: Path) -> None:
    """Be the carrier of a scenario."""
    await sipp.listen(sipp_scripts.carrier(scenario, str(audio)))
