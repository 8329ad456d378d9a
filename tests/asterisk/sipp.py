"""SIPp processes: the carrier of a scenario, and one phone per seat."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
from pathlib import Path

from tests.asterisk import sipp_scripts
from tests.asterisk.process import NoAsterisk
from tests.support.scenario import Scenario
from tests.support.waiting import HANG_SECONDS

REGISTER_TRIES = 10


def find_sipp() -> Path:
    """Return the path of SIPp. Raises NoAsterisk if it is missing."""
    found = shutil.which("sipp")
    if found is None:
        raise NoAsterisk("sipp is not on PATH; install it (apt install sip-tester)")
    return Path(found)


class Sipp:
    """A runner of SIPp (a SIP test tool) on a local port, with one process at a time."""

    def __init__(
        self,
        program: Path,
        directory: Path,
        name: str,
        port: int,
        rtp_ports: tuple[int, int],
        *,
        address: str = "127.0.0.1",
    ) -> None:
        """Create a runner. `directory` receives SIPp's scenario files and traces."""
        self.port = port
        self._address = address
        self._program = program
        self._directory = directory
        self._name = name
        self._rtp_ports = rtp_ports
        self._process: asyncio.subprocess.Process | None = None

    async def answer_calls(self, script: str, *options: str) -> None:
        """Start SIPp with a scenario file that answers calls until `stop`. `options` are further options of SIPp."""
        self._process = await self._run(script, "listen", *options)
        async with asyncio.timeout(HANG_SECONDS):
            while not self._is_port_open():  # SIPp does not report it
                if self._process.returncode is not None:
                    raise NoAsterisk(f"sipp {self._name} ended at once; see {self._directory}/{self._name}.out")
                await asyncio.sleep(0.02)

    async def register_phone(self, proxy_port: int, user: str, password: str) -> None:
        """Register this port as the phone of `user`. Raises NoAsterisk if this fails REGISTER_TRIES times.

        An attempt fails if Asterisk still sends a call to the earlier phone.
        """
        for _ in range(REGISTER_TRIES):
            if await self._try_registration(proxy_port, user, password, answer=200):
                return
        raise NoAsterisk(f"{user}'s phone could not register; see {self._directory}/{self._name}.out")

    async def dial_log_in_code(
        self, proxy_port: int, user: str, password: str, voice_port: int
    ) -> asyncio.subprocess.Process:
        """Dial the log-in code as `user`, with the audio on `voice_port`. The process ends with 0 after a hang-up."""
        options = ["-s", user, "-au", user, "-ap", password, "-m", "1", f"127.0.0.1:{proxy_port}"]
        self._process = await self._run(sipp_scripts.render_dialling_phone(voice_port), "dial", *options)
        return self._process

    async def is_password_refused(self, proxy_port: int, user: str, password: str) -> bool:
        """Return whether Asterisk refuses the registration of a phone with this password."""
        return await self._try_registration(proxy_port, user, password, answer=401)

    def _is_port_open(self) -> bool:
        """Return whether the kernel has a socket on this address and port."""
        packed = int.from_bytes(socket.inet_aton(self._address), sys.byteorder)
        local = f" {packed:08X}:{self.port:04X} "
        return any(local in Path(f"/proc/net/{kind}").read_text(encoding="ascii") for kind in ("udp", "tcp"))

    async def _try_registration(self, proxy_port: int, user: str, password: str, *, answer: int) -> bool:
        options = ["-s", user, "-au", user, "-ap", password]
        return await self._try_call(sipp_scripts.render_registration(answer), "register", proxy_port, options)

    async def is_call_refused(self, proxy_port: int, user: str) -> bool:
        """Return whether Asterisk rejects a call that claims to be `user`, without a password."""
        return await self._try_call(sipp_scripts.render_stranger(user), f"as-{user}", proxy_port, ["-s", "s"])

    async def _try_call(self, script: str, what: str, proxy_port: int, options: list[str]) -> bool:
        """Run a script once against Asterisk. Return whether everything went as scripted."""
        process = await self._run(script, what, *options, "-m", "1", "-timeout", "10", f"127.0.0.1:{proxy_port}")
        return await process.wait() == 0

    async def start_call(self, proxy_port: int, script: str) -> None:
        """Start a script that calls Asterisk once. The call goes on until it ends or `stop` is called."""
        self._process = await self._run(script, "call", "-m", "1", f"127.0.0.1:{proxy_port}")

    async def stop(self) -> None:
        """Kill SIPp, which sends no BYE, like a phone without power."""
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
                self._program, "-sf", path.name, "-i", self._address, "-p", str(self.port), "-nostdin", "-nd",
                "-min_rtp_port", str(first), "-max_rtp_port", str(last), "-trace_err",
                "-error_file", f"{self._name}.err", *options,
                cwd=self._directory, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip


async def start_carrier(sipp: Sipp, scenario: Scenario, audio: Path) -> None:
    """Start the carrier of a scenario, whose voters send `audio`."""
    await sipp.answer_calls(sipp_scripts.render_carrier(scenario, str(audio)))
