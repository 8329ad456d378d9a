"""`dialer desk serve --training`: the agents' page with simulated calls, for training new agents.

Agents, seats, scripts and page are the site's own. Voters, electoral roll, Asterisk, broker and store are temporary.
The training reads nothing of the site but its settings, and changes nothing.
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

from dialer.app import RunningCentre, assemble_centre
from dialer.desk.server import serve_pages_of_desk
from dialer.domain.enums import CampaignKind, PacingPolicy, SupervisorRole
from dialer.domain.errors import CommandRefused
from dialer.domain.view import Change, SeatState, SeatView
from dialer.engine.command.base import FROM_DIALLER, Command, CommandContext
from dialer.engine.seats.commands import SeatMessage, SeatMessageRead
from dialer.errors import SettingError
from dialer.mqtt.embedded_broker import run_demo_broker
from dialer.process.signals import stop_on_signals
from dialer.roll.importer import ImportOptions, import_roll_file
from dialer.roll.sample import write_sample_roll
from dialer.settings.site import Settings
from dialer.simulation.agents import EngineClient, EngineLike
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.rehearsal.site import make_rehearsal_asterisk_config, make_rehearsal_settings
from dialer.simulation.site import SimulatedSite, create_profile_without_calling_hours

VOTERS = 3_000
TRAINING_VOTERS = VoterProfile(
    answer_rate=0.6, talk_mean_seconds=45.0, talk_sigma=0.3
)  # answer often: agents wait little
DESK = "training-desk"
VOTER_SPEAKS_AFTER_SECONDS = 2.0
VOTER_REPLIES = {
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
"""Replies of simulated voters by language, shown on the page because there is no audio. The default is English."""
VOTER_NAME = {"en": "voter", "hi": "मतदाता"}


async def run_training(settings: Settings, say: Callable[[str], None]) -> None:
    """Run a training for agents until SIGTERM or Ctrl-C. `say` is called with the page's address once agents can sign
    in.

    Raises SettingError without agents or agent campaigns, StoreError, PortInUse, BrokerUnreachable.
    """
    _refuse_settings_without_agents(settings)
    with tempfile.TemporaryDirectory(prefix="matdan-training-") as name:
        folder = Path(name)
        store = await asyncio.to_thread(_create_sample_store, folder)
        config = replace(make_rehearsal_asterisk_config(settings, 1), profile=TRAINING_VOTERS)
        async with run_demo_broker() as broker, SimulatedAsterisk(config) as switch:
            trained = make_training_settings(settings, store, switch.ami_port)
            async with (
                assemble_centre(
                    trained, broker=broker.connection_settings, profile=create_profile_without_calling_hours()
                ) as centre,
                serve_pages_of_desk(trained, broker=broker.connection_settings, training=True) as desk,
            ):
                site = SimulatedSite(switch, centre)
                stop_on_signals(site.stop)
                voters = ShownVoterReplies(centre.engine, settings.centre.language)
                await site.dial_until_stopped(
                    voters.react_to_engine_until_stopped(site.stop),
                    _call_function_when_dialler_is_ready(centre, lambda: say(f"{desk.origin}/agent")),
                )


def make_training_settings(settings: Settings, store: Path, ami_port: int) -> Settings:
    """Return the settings of a rehearsal, changed for a training.

    Agents keep their numbers and PINs. Campaigns dial one call per available agent (or previews, if the site uses
    them), at any hour of any day.
    """
    rehearsed = make_rehearsal_settings(settings, 1, store, ami_port).model_dump()
    own = {each.id: each for each in settings.campaigns}
    campaigns = [
        {
            **each,
            "script": own[each["id"]].script,
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


async def _call_function_when_dialler_is_ready(centre: RunningCentre, say: Callable[[], None]) -> None:
    """Call `say` (print how to sign in) as soon as the dialler is connected to the broker, because only then agents can."""
    while centre.monitor is None or not centre.monitor.is_connected_to_broker:  # noqa: ASYNC110 - the monitor has no event to wait for
        await asyncio.sleep(0.1)
    say()


def _refuse_settings_without_agents(settings: Settings) -> None:
    """Raise SettingError if the settings have no agents or no agent campaign."""
    if not settings.agents:
        raise SettingError(
            "settings", "agents", "must list at least one agent to train", "add an [[agents]] table for each agent"
        )
    if not any(each.kind is CampaignKind.AGENTS for each in settings.campaigns):
        raise SettingError("settings", "campaigns", "must include an agent campaign", 'add one with kind = "agents"')


def _create_sample_store(folder: Path) -> Path:
    """Import a synthetic electoral roll into a new store and return its path. Blocks."""
    store, roll = folder / "centre.db", folder / "roll.csv"
    write_sample_roll(roll, VOTERS, seed=1)
    import_roll_file(roll, store, ImportOptions())
    return store


class ShownVoterReplies(EngineClient):
    """Shows what the simulated voter says, as a message on the agent's page, until the call is over."""

    def __init__(self, engine: EngineLike, language: str) -> None:
        super().__init__(engine)
        self._language = language if language in VOTER_REPLIES else "en"
        self._random = random.Random()
        self._talking: dict[str, str | None] = {}  # by seat: the last attempt with a reply

    def _react_to_changed_engine_state(self, change: Change) -> None:
        if not isinstance(change, SeatView):
            return
        seat, message = change.seat, change.message
        if change.state is SeatState.TALKING and self._talking.get(seat) != change.attempt_id:
            self._talking[seat] = change.attempt_id
            reply = self._random.choice(VOTER_REPLIES[self._language])
            command = SeatMessage(text=reply, seat=seat)
            voter = CommandContext(VOTER_NAME[self._language])
            self._start_task_of_simulated_person(
                self._execute_seat_command(command, VOTER_SPEAKS_AFTER_SECONDS, voter), "voter-speaks"
            )
        elif change.state is SeatState.READY and message is not None:
            self._start_task_of_simulated_person(
                self._execute_seat_command(SeatMessageRead(seat=seat, message_at=message.at), 0.0), "voter-is-silent"
            )

    async def _execute_seat_command(
        self, command: Command, after_seconds: float, context: CommandContext = FROM_DIALLER
    ) -> None:
        await asyncio.sleep(after_seconds)
        with contextlib.suppress(CommandRefused):  # the seat has changed state meanwhile
            await self._engine.execute_command(command, context)
