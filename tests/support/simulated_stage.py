"""The stage that plays scenarios on a simulated Asterisk, for `make test`."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from dialer.app import RunningCentre
from dialer.domain.clock import Clock, LoopClock
from dialer.settings.site import Settings
from dialer.simulation.asterisk.config import PhoneMode, SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.centre import START_EPOCH, site_settings
from tests.support.scenario import SIP_STATUS, Scenario, Voters


class SimulatedStage:
    """A simulated Asterisk for one scenario. See `tests.support.scenario_run.Stage`."""

    def __init__(self, switch: SimulatedAsterisk) -> None:
        self.switch = switch
        self.clock: Clock = LoopClock(switch.get_current_time())

    def settings(self, directory: Path, scenario: Scenario) -> Settings:
        site = scenario.site
        return site_settings(
            directory,
            self.switch.ami_port,
            seats=site.seats,
            campaign={"max_attempts": 1, **site.campaign},
            **{"asterisk": {"history": self.switch.config.history}, **site.settings},
        )

    def prepare(self, centre: RunningCentre) -> None:
        self.switch.agi_port = centre.agi_port

    @property
    def accepts_manager(self) -> bool:
        return self.switch.is_listening

    async def kill_phone(self, seat: str) -> None:
        self.switch.set_reaction_of_seat_phone(f"agent{seat}", PhoneMode.UNREGISTERED)
        self.switch.hang_up_phone(f"agent{seat}")

    async def silence_phone(self, seat: str) -> None:
        self.switch.set_reaction_of_seat_phone(f"agent{seat}", PhoneMode.UNREGISTERED)
        self.switch.silence_phone(f"agent{seat}")

    async def restore_phone(self, seat: str) -> None:
        self.switch.set_reaction_of_seat_phone(f"agent{seat}", PhoneMode.ANSWERS)

    async def cut_link(self) -> None:
        self.switch.reset_ami_connections()

    async def restart(self) -> None:
        await self.switch.restart(down_seconds=1.0)

    async def restart_gracefully(self) -> None:
        await self.switch.restart_gracefully(down_seconds=1.0)

    async def kill_and_start(self) -> None:
        await self.restart()

    async def reload(self) -> None:
        raise NotImplementedError("the simulated Asterisk has no files to reload")

    def list_called_numbers(self) -> list[str]:
        return [call.number for call in self.switch.placed_calls]

    async def list_leftover_channels(self) -> list[str]:
        return [channel.name for channel in self.switch.channels.values() if channel.trunk is not None]


@contextlib.asynccontextmanager
async def simulated_stage(scenario: Scenario) -> AsyncIterator[SimulatedStage]:
    """Run a simulated Asterisk whose voters behave as in the scenario."""
    with tempfile.TemporaryDirectory(prefix="matdan-history-") as directory:
        (Path(directory) / "cdr-custom").mkdir()
        async with SimulatedAsterisk(_config(scenario, Path(directory) / "cdr-custom" / "matdan.csv")) as switch:
            yield SimulatedStage(switch)


def _config(scenario: Scenario, history: Path) -> SimulatedAsteriskConfig:
    return SimulatedAsteriskConfig(
        history=history,
        seats=make_seat_phones(max(1, scenario.site.seats)),
        start_epoch=START_EPOCH,
        missing_sounds=frozenset(scenario.site.unheard),
        silent_music=frozenset({"default"}) if scenario.site.silent_music else frozenset(),
        scripts={number: _script(scenario.voters[group]) for number, group in scenario.numbers()},
    )


def _script(voters: Voters) -> Behaviour:
    status = SIP_STATUS.get(voters.does)
    return Behaviour(
        answer_after=voters.rings,
        fails_with=status,
        rings=status in {None, 0, 603},
        rings_with=(183,) if voters.early_media else (180,),
        hang_up_after=voters.stays,
        keys=voters.keys,
    )
