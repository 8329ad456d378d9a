"""A lab with two Asterisk servers of one centre: every other seat is on the second, all voters' calls on the first."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from dialer.domain.model import Outcome
from dialer.settings.site import Settings
from tests.asterisk.process import RealAsterisk, find_free_ports
from tests.asterisk.stage import Lab
from tests.support.scenario import Scenario, load_scenario, scenario_files

PLAYED = ("agents-talk", "hang-up-in-the-middle", "link-cut", "phone-dies", "switch-restarts", "sixty-calls")

OFFICE = "+917010000001"
TARGETS = [
    {"name": "boss", "kind": "supervisor", "endpoint": "agent10", "server": "b"},
    {"name": "office", "kind": "outside", "number": OFFICE, "trunk": "carrier"},
]


def load_two_server_scenarios() -> list[tuple[str, Scenario]]:
    """Return the scenarios for two servers. A restart of the second server must not affect any voter's call."""
    scenarios = {path.stem: load_scenario(path) for path in scenario_files() if path.stem in PLAYED}
    dying = scenarios["switch-restarts"]
    expected = dying.expect.model_copy(update={"outcomes": {Outcome.CONNECTED: 6}})
    scenarios["switch-restarts"] = dying.model_copy(update={"expect": expected})
    return [(name, scenarios[name]) for name in PLAYED]


class TwoServers(Lab):
    """The test lab with a second Asterisk server."""

    def __init__(self, program: Path, sipp: Path, directory: Path) -> None:
        super().__init__(program, sipp, directory)
        self.other = RealAsterisk(program, directory / "other")
        [self.other_ami_port] = find_free_ports(1)
        [self.other_sip_port] = find_free_ports(1, socket.SOCK_DGRAM)

    def settings(self, directory: Path, **changes: Any) -> Settings:
        """Return the settings of the site on both servers."""
        kept = super().settings(directory, **changes).model_dump()
        here, history = {"host": "127.0.0.1"}, self.other.history
        first = {**here, "name": "a", "port": self.ami_port}
        second = {"name": "b", "port": self.other_ami_port, "sip_port": self.other_sip_port, "history": history}
        servers = [first, {**here, **second}]
        seats = [{**seat, "server": "ab"[number % 2]} for number, seat in enumerate(kept["seats"])]
        trunks = [{**trunk, "server": "a"} for trunk in kept["trunks"]]
        asterisk = {**kept["asterisk"], "servers": servers}
        own = {"asterisk": asterisk, "seats": seats, "trunks": trunks, "transfers": TARGETS}
        return Settings.model_validate({**kept, **own})

    @property
    def asterisks(self) -> list[tuple[RealAsterisk, str | None]]:
        """Both Asterisk processes with their server names."""
        return [(self.asterisk, "a"), (self.other, "b")]

    @property
    def manager_ports(self) -> list[int]:
        """The ports of the managers (AMI) of both Asterisk processes."""
        return [self.ami_port, self.other_ami_port]

    async def restart(self) -> None:
        """Restart the second server at once, which has agents but no voters' calls."""
        await self.other.run_command("core restart now")

    def get_sip_port(self, seat: str) -> int:
        """Return the SIP port of the server on which a seat's phone registers."""
        return self.sip_port if int(seat) % 2 else self.other_sip_port
