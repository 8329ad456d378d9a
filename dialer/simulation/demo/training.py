"""`dialer desk serve --training`: the agents' page on simulated lines, for new agents the day before.

The site's own agents, seats, scripts and page; voters, roll, switch, broker and store are made up and gone afterwards. Of the site
nothing is read but its settings, and nothing is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import time
from pathlib import Path
from typing import Any

from dialer.app import RunningCentre, running_centre
from dialer.desk.server import running_desk
from dialer.domain.enums import CampaignKind, PacingPolicy, SupervisorRole
from dialer.domain.errors import CommandRefused
from dialer.domain.view import Change, SeatState, SeatView
from dialer.engine.command.base import FROM_DIALLER, Command, CommandContext
from dialer.engine.seats.commands import SeatMessage, SeatMessageRead
from dialer.errors import SettingError
from dialer.mqtt.embedded_broker import demo_broker
from dialer.process.signals import stop_on_signals
from dialer.roll.importer import ImportOptions, import_file
from dialer.roll.sample import write_sample
from dialer.settings.site import Settings
from dialer.simulation.agents import EngineClient, EngineLike
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.rehearsal.site import rehearsal_settings, rehearsed_lines
from dialer.simulation.site import SimulatedSite, simulated_profile

VOTERS = 3_000
LINES = VoterProfile(answer_rate=0.6, talk_mean_seconds=45.0, talk_sigma=0.3)  # somebody is always about to answer
DESK = "training-desk"
SPEAKS_AFTER_SECONDS = 2.0
SAYINGS = {
    "en": (
        "Yes, I voted this morning.",
        "Not yet. I shall go later today.",
        "I shall go at four in the afternoon.",
        "No, I am not going to vote.",
        "There is nobody of that name here.",
        "I have no time now. Call me again in the evening.",
        "Please do not call this number any more.",
        "I do not understand you.",
        "My wife and I have both voted.",
        "Who are you, and where did you get my number?",
    ),
    "hi": (
        "हाँ, मैंने सुबह ही वोट डाल दिया।",
        "अभी नहीं। आज बाद में जाऊँगा।",
        "मैं शाम चार बजे जाऊँगी।",
        "नहीं, मैं वोट नहीं दूँगा।",
        "इस नाम का यहाँ कोई नहीं है।",
        "अभी समय नहीं है। शाम को फिर फ़ोन कीजिए।",
        "कृपया इस नंबर पर फिर कभी फ़ोन न करें।",
        "मुझे आपकी बात समझ नहीं आ रही।",
        "मैं और मेरी पत्नी, दोनों वोट डाल चुके हैं।",
        "आप कौन हैं, और मेरा नंबर कहाँ से मिला?",
    ),
}
"""What simulated voters say, which is shown in place of heard: by language, English where there is none."""
VOTER = {"en": "voter", "hi": "मतदाता"}


async def run_training(settings: Settings, say: Callable[[str], None]) -> None:
    """Train until SIGTERM or Ctrl-C; `say` is told one line, the address, once people can come.

    Raises SettingError where there is nobody to train or nothing to train on, StoreError, PortInUse, BrokerUnreachable.
    """
    _refuse_without(settings)
    with tempfile.TemporaryDirectory(prefix="matdan-training-") as name:
        folder = Path(name)
        store = await asyncio.to_thread(_made_up_store, folder)
        lines = replace(rehearsed_lines(settings, 1), profile=LINES)
        async with demo_broker() as broker, SimulatedAsterisk(lines) as switch:
            trained = training_settings(settings, store, switch.ami_port)
            async with (
                running_centre(trained, broker=broker.settings, profile=simulated_profile()) as centre,
                running_desk(trained, broker=broker.settings, training=True) as desk,
            ):
                site = SimulatedSite(switch, centre)
                stop_on_signals(site.stop)
                voters = SpokenVoters(centre.engine, settings.centre.language)
                await site.run(voters.run(site.stop), _once_heard(centre, lambda: say(f"{desk.origin}/agent")))


def training_settings(settings: Settings, store: Path, ami_port: int) -> Settings:
    """The site's settings with everything outside the page replaced: as a rehearsal's, but the agents keep number and PIN, and one
    free agent has one call at a time, a preview where the site has those, at any hour and of any day.
    """
    rehearsed = rehearsal_settings(settings, 1, store, ami_port).model_dump()
    kept = {each.id: each for each in settings.campaigns}
    campaigns = [
        {
            **each,
            "script": kept[each["id"]].script,
            "pacing": each["pacing"] if each["pacing"] is PacingPolicy.PREVIEW else PacingPolicy.PROGRESSIVE,
            "hours": [{"start": time.min, "until": time.max}],
        }
        for each in rehearsed["campaigns"]
        if each["kind"] == CampaignKind.AGENTS
    ]
    changed: dict[str, Any] = {
        **rehearsed,
        "store": {"path": store, "reserve_megabytes": 0},
        "broker": {},
        "rules": {},
        "inbound": {},
        "metrics": {},
        "agents": [each.model_dump() for each in settings.agents],
        "supervisors": [{"name": DESK, "role": SupervisorRole.DESK}],
        "desk": {**settings.desk.model_dump(), "user": DESK, "broker_password": None},
        "campaigns": campaigns,
        "dialling": {**rehearsed["dialling"], "drain_seconds": 0.0},
    }
    return Settings.model_validate(changed)


async def _once_heard(centre: RunningCentre, say: Callable[[], None]) -> None:
    """A sign-in before the dialler is at the broker would be answered by nobody."""
    while centre.monitor is None or not centre.monitor.broker_up:  # noqa: ASYNC110 - which tells nobody when it is
        await asyncio.sleep(0.1)
    say()


def _refuse_without(settings: Settings) -> None:
    if not settings.agents:
        raise SettingError("settings", "agents", "has none to train", "add a table [[agents]] for each")
    if not any(each.kind is CampaignKind.AGENTS for each in settings.campaigns):
        raise SettingError("settings", "campaigns", "has none of agents", 'add one with kind = "agents"')


def _made_up_store(folder: Path) -> Path:
    store, roll = folder / "centre.db", folder / "roll.csv"
    write_sample(roll, VOTERS, seed=1)
    import_file(roll, store, ImportOptions())
    return store


class SpokenVoters(EngineClient):
    """Shows on an agent's page what the voter says, from a moment after the talk has begun until it is over."""

    def __init__(self, engine: EngineLike, language: str) -> None:
        super().__init__(engine)
        self._language = language if language in SAYINGS else "en"
        self._chance = random.Random()
        self._talking: dict[str, str | None] = {}  # by seat: the attempt that was spoken in

    def _on_change(self, change: Change) -> None:
        if not isinstance(change, SeatView):
            return
        seat, message = change.seat, change.message
        if change.state is SeatState.TALKING and self._talking.get(seat) != change.attempt_id:
            self._talking[seat] = change.attempt_id
            saying = self._chance.choice(SAYINGS[self._language])
            command = SeatMessage(text=saying, seat=seat)
            voter = CommandContext(VOTER[self._language])
            self._begin(self._execute(command, SPEAKS_AFTER_SECONDS, voter), "voter-speaks")
        elif change.state is SeatState.READY and message is not None:
            self._begin(self._execute(SeatMessageRead(seat=seat, message_at=message.at), 0.0), "voter-is-silent")

    async def _execute(self, command: Command, after_seconds: float, context: CommandContext = FROM_DIALLER) -> None:
        await asyncio.sleep(after_seconds)
        with contextlib.suppress(CommandRefused):  # the seat has moved on
            await self._engine.execute(command, context)
