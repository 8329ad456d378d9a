"""The lab of `make test-asterisk`: a real Asterisk with the rendered configuration, SIPp as carrier and phones."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import socket
from pathlib import Path
from typing import Any

from dialer.app import RunningCentre
from dialer.deploy.asterisk.render import render_asterisk_site_files
from dialer.domain.clock import Clock, SystemClock
from dialer.flows.model import PromptKind
from dialer.flows.sounds import make_sound_name_for_spoken_name, make_sound_name_for_text
from dialer.flows.texts import load_shipped_texts, split_text_at_placeholders
from dialer.settings.site import Settings
from tests.asterisk.packets import PacketWatch
from tests.asterisk.process import NoAsterisk, RealAsterisk, find_free_ports
from tests.asterisk.sipp import Sipp, start_carrier
from tests.asterisk.sipp_scripts import render_phone
from tests.asterisk.sounds import make_silence, make_tone
from tests.support.centre import site_settings
from tests.support.scenario import Scenario
from tests.support.waiting import HANG_SECONDS

SEATS = 10
NAMES = ("Matdan demo", "Primary School 1")  # names that flows speak
PROBE_SECONDS = 0.01  # between attempts to connect to a manager that refuses
RTP_TIMEOUT_SECONDS = 5  # after which a phone without power is noticed


class Lab:
    """A real Asterisk for all scenarios, with the agents' phones."""

    def __init__(self, program: Path, sipp: Path, directory: Path, *, seats: int = SEATS) -> None:
        self.asterisk = RealAsterisk(program, directory / "asterisk")
        self.directory = directory
        self.sipp = sipp
        self.ami_port, self.agi_port = find_free_ports(2)
        self.sip_port, self.carrier_port, *ports = find_free_ports(2 + seats, socket.SOCK_DGRAM)
        self.secret = secrets.token_hex(12)
        self.password = secrets.token_urlsafe(12)
        self.agent_audio = directory / "agent.alaw"
        self.voter_audio = directory / "voter.alaw"
        self.phones = {
            f"{n:02d}": Sipp(sipp, directory, f"phone{n:02d}", port, (40_000 + 20 * n, 40_019 + 20 * n))
            for n, port in enumerate(ports, start=1)
        }

    def settings(
        self, directory: Path, *, seats: int | None = None, campaign: dict[str, Any], **changes: Any
    ) -> Settings:
        """Return the settings of a site on this Asterisk, with its first `seats` seats, or all."""
        count = len(self.phones) if seats is None else seats
        here = {
            "ami": {"port": self.ami_port, "username": "dialler", "secret": self.secret},
            "fastagi": {"port": self.agi_port},
            "asterisk": {
                "bind_address": "127.0.0.1",
                "sip_port": self.sip_port,
                "rtp_first_port": 30_000,
                "rtp_last_port": 39_999,
                "seat_rtp_timeout_seconds": RTP_TIMEOUT_SECONDS,
                "history": self.asterisk.history,
            },
            "trunks": [
                {
                    "name": "carrier",
                    "endpoint": "carrier",
                    "host": "127.0.0.1",
                    "port": self.carrier_port,
                    "channels": 60,
                    "calls_per_second": 10,
                    "caller_ids": ["+911140000001"],
                    "qualify_seconds": 0,
                }
            ],
        }
        there = [
            {"name": f"{n:02d}", "endpoint": f"agent{n:02d}", "password": self.password} for n in range(1, count + 1)
        ]
        return site_settings(directory, self.ami_port, seats=there, campaign=campaign, **{**here, **changes})

    async def start(self) -> None:
        """Render the configuration, start Asterisk, and register the agents' phones. Raises NoAsterisk."""
        self.agent_audio.write_bytes(make_tone(1.0))
        self.voter_audio.write_bytes(make_silence(1.0))
        for asterisk, server in self.asterisks:
            asterisk.write_configuration(
                render_asterisk_site_files(self.settings(self.directory, campaign={}), {}, server=server)
            )
            write_sounds(asterisk)
            await asterisk.start()
        for seat, sipp in self.phones.items():
            await self.connect_phone(seat, sipp)

    @property
    def asterisks(self) -> list[tuple[RealAsterisk, str | None]]:
        """The Asterisk processes with their server names, which are None if there is only one."""
        return [(self.asterisk, None)]

    @property
    def manager_ports(self) -> list[int]:
        """The ports of the managers (AMI) of all Asterisk processes."""
        return [self.ami_port]

    async def restart(self) -> None:
        """Restart Asterisk at once, which ends its calls."""
        await self.asterisk.run_command("core restart now")

    async def kill_and_start(self) -> None:
        """Kill Asterisk and start it again at once, as systemd does."""
        await self.asterisk.kill()
        await self.asterisk.start()

    async def reload(self) -> None:
        """Let Asterisk reload its files and SIP, and rotate its logs."""
        for command in ("core reload", "module reload res_pjsip.so", "logger rotate"):
            await self.asterisk.run_command(command)

    def get_sip_port(self, _seat: str) -> int:
        """Return the SIP port at which a seat's phone registers."""
        return self.sip_port

    async def connect_phone(self, seat: str, sipp: Sipp) -> None:
        """Register a seat's phone and let it answer calls."""
        await sipp.register_phone(self.get_sip_port(seat), f"agent{seat}", self.password)
        await sipp.answer_calls(render_phone(str(self.agent_audio)))

    async def wait_for_phones(self) -> None:
        """Wait until each phone has answered a qualify request, as Asterisk calls it only then. Raises NoAsterisk."""
        try:
            async with asyncio.timeout(HANG_SECONDS):
                for asterisk, _ in self.asterisks:
                    while "Unavail" in await asterisk.run_command("pjsip show contacts"):
                        await asyncio.sleep(0.2)
        except TimeoutError:
            raise NoAsterisk(f"registered phones have not answered qualify after {HANG_SECONDS:g} s") from None

    async def stop(self) -> None:
        """Stop all phones and Asterisk processes."""
        for sipp in self.phones.values():
            await sipp.stop()
        for asterisk, _ in self.asterisks:
            await asterisk.stop()


class RealStage:
    """The stage of one scenario in the lab (see `tests.support.scenario_run`)."""

    def __init__(self, lab: Lab, scenario: Scenario) -> None:
        self.clock: Clock = SystemClock()
        self._lab = lab
        self._scenario = scenario
        self._carrier = Sipp(lab.sipp, lab.directory, "carrier", lab.carrier_port, (46_000, 49_999))
        self._dead: set[str] = set()
        self._hidden: list[Path] = []
        self.watch = PacketWatch(lab.carrier_port)
        self.accepts_manager = True
        self._manager_watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> RealStage:
        """Start the carrier and the packet capture."""
        self._hidden = self._lab.asterisk.hide_sounds(self._scenario.site.unheard)
        await start_carrier(self._carrier, self._scenario, self._lab.voter_audio)
        self.watch.start()
        self._manager_watch = asyncio.create_task(self._watch_manager())
        return self

    async def __aexit__(self, *_raised: object) -> None:
        """Stop the carrier and hang up all calls, restore hidden sounds, and restart dead phones."""
        if self._manager_watch is not None:
            self._manager_watch.cancel()
        self.watch.stop()
        await self._carrier.stop()
        for hidden in self._hidden:
            hidden.rename(hidden.with_suffix(".alaw"))
        for asterisk, _ in self._lab.asterisks:
            await asterisk.run_command("channel request hangup all")
            # The next scenario has a store of its own. `database del` would log a warning on a server without this record.
            await asterisk.run_command("database deltree matdan newest-call")
        for seat in self._dead:
            await self._lab.connect_phone(seat, self._lab.phones[seat])
        await self._lab.wait_for_phones()

    async def _watch_manager(self) -> None:
        """Keep a connection to the manager of each Asterisk, and clear `accepts_manager` while one refuses connections."""
        refusing: set[int] = set()

        async def watch(port: int) -> None:
            while True:
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    refusing.add(port)
                    self.accepts_manager = False
                    await asyncio.sleep(PROBE_SECONDS)
                    continue
                refusing.discard(port)
                self.accepts_manager = not refusing
                with contextlib.suppress(OSError):
                    await reader.read()  # until Asterisk closes it
                writer.close()

        async with asyncio.TaskGroup() as group:
            for port in self._lab.manager_ports:
                group.create_task(watch(port))

    def settings(self, directory: Path, scenario: Scenario) -> Settings:
        site = scenario.site
        campaign = {"max_attempts": 1, **site.campaign}
        return self._lab.settings(directory, seats=site.seats, campaign=campaign, **site.settings)

    def prepare(self, centre: RunningCentre) -> None:
        """Do nothing, because the phones are registered already."""

    async def kill_phone(self, seat: str) -> None:
        self._dead.add(seat)
        await self._lab.phones[seat].stop()

    async def silence_phone(self, seat: str) -> None:
        await self.kill_phone(seat)  # a killed SIPp sends no BYE, like a phone without power

    async def restore_phone(self, seat: str) -> None:
        self._dead.discard(seat)
        await self._lab.connect_phone(seat, self._lab.phones[seat])

    async def cut_link(self) -> None:
        """Close the dialler's manager connections. The last columns are file descriptor, HTTP count and two permissions."""
        connected = await self._lab.asterisk.run_command("manager show connected")
        sessions = re.findall(r"^\s*dialler\s.*\s(\d+)\s+\d+\s+\d+\s+\d+\s*$", connected, re.MULTILINE)
        replies = [await self._lab.asterisk.run_command(f"manager kick session {each}") for each in sessions]
        assert any(reply.startswith("Kicking") for reply in replies), (connected, replies)

    async def restart(self) -> None:
        await self._lab.restart()

    async def restart_gracefully(self) -> None:
        await self._lab.asterisk.run_command("core restart gracefully")

    async def kill_and_start(self) -> None:
        await self._lab.kill_and_start()

    async def reload(self) -> None:
        await self._lab.reload()

    def list_called_numbers(self) -> list[str]:
        return list(self.watch.invites)

    async def list_leftover_channels(self) -> list[str]:
        channels = await self._lab.asterisk.run_command("core show channels concise")
        return [line.split("!")[0] for line in channels.splitlines() if line.startswith("PJSIP/carrier")]


def write_sounds(asterisk: RealAsterisk) -> None:
    """Write all sounds of the Hindi flows (half a second each), music on hold, and the information message."""
    (asterisk.directory / "data" / "moh" / "hold.alaw").write_bytes(make_tone(2.0, 330.0))
    asterisk.write_sound("matdan/message", make_tone(2.0, 600.0))
    for name in ("beep", "silence", "key", "done", "wrong"):  # silent: only the agent's voice is measured
        asterisk.write_sound(f"matdan/{name}", make_silence(0.1))
    texts = load_shipped_texts()
    names = {
        make_sound_name_for_spoken_name(kind, name, "hi")
        for kind in (PromptKind.NAME, PromptKind.PLACE)
        for name in NAMES
    }
    names |= {f"matdan/hi/{kind}/{value}" for kind in ("number", "digit", "hour", "minute") for value in range(100)}
    for key, text in texts.by_language["hi"].items():
        names |= {
            make_sound_name_for_text(key, "hi", segment.number)
            for segment in split_text_at_placeholders(text)
            if segment.words
        }
    for name in names:
        asterisk.write_sound(name, make_tone(0.5, 500.0))
