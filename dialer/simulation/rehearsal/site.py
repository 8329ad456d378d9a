"""The settings of a rehearsal: the site's own, with a simulated Asterisk and a PIN of the rehearsal for all agents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from dialer.domain.enums import Purpose
from dialer.domain.model import CampaignState
from dialer.rules.first_call import Areas, list_polling_areas_of_roll
from dialer.settings.campaigns import Campaign
from dialer.settings.inbound import InboundNumber
from dialer.settings.servers import convert_settings_to_single_server
from dialer.settings.site import Settings
from dialer.settings.trunks import Carrier
from dialer.simulation.asterisk.config import LEAST_PRIVILEGE_USER, SeatPhone, SimulatedAsteriskConfig, SimulatedTrunk
from dialer.store import campaigns, voters
from dialer.store.connection import open_store_snapshot
from dialer.store.keys import StoreKey

REHEARSAL_LOGIN = LEAST_PRIVILEGE_USER.name
"""AMI user and secret of the simulated Asterisk. The site's own are not used, so that no rehearsal reaches real trunks."""
REHEARSAL_PIN = "0000"
"""The PIN of every agent in a rehearsal. The site's PINs are known only as hashes."""
_FLOW_INSTEAD = {Purpose.MATERIAL: "material", Purpose.BOOTH_WORKERS: "booth_worker"}


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """The data that a rehearsal reads from the site's store: polling areas and the campaigns' states."""

    areas: Areas | None  # polling areas of the roll; None: no roll is imported
    states: Mapping[str, CampaignState]  # state set by operators, by campaign id


def read_store_data_for_rehearsal(store: Path, key: StoreKey | None, last_call_seconds: float) -> StoreFacts:
    """Return the data that a rehearsal needs from the site's store. Raises StoreError, StoreCorrupt.

    `last_call_seconds` is how long before the close of a polling booth its voters may last be called.
    """
    with open_store_snapshot(store, key) as db:
        return StoreFacts(
            list_polling_areas_of_roll(voters.read_booths(db).values(), last_call_seconds),
            campaigns.read_campaign_states(db),
        )


def list_campaigns_to_rehearse(settings: Settings) -> tuple[Campaign, ...]:
    """Return the campaigns with at least one Asterisk trunk. Calls over other carriers are not simulated."""
    names = _list_names_of_asterisk_trunks(settings)
    return tuple(each for each in settings.campaigns if not each.trunks or names & set(each.trunks))


def make_rehearsal_settings(settings: Settings, load: int, store: Path, ami_port: int) -> Settings:
    """Return the site's settings for the simulated Asterisk and a copy of the store, without broker and Twilio.

    `load` multiplies seats, agents, channels and calls per second. AGI scripts are replaced by flows, because a script
    could do anything. The sounds are not checked, because they need not be installed.
    """
    settings = convert_settings_to_single_server(settings)
    dumped = settings.model_dump()
    names = _list_names_of_asterisk_trunks(settings)
    campaigns = list_campaigns_to_rehearse(settings)
    known = {campaign.id for campaign in campaigns}
    inbound = [_make_rehearsal_inbound_number(each) for each in settings.inbound.numbers if each.campaign in known]
    changed = {
        **dumped,
        "store": {"path": store, "encryption_key_file": settings.store.encryption_key_file, "reserve_megabytes": 0},
        "ami": {
            **dumped["ami"],
            "host": "127.0.0.1",
            "port": ami_port,
            "username": REHEARSAL_LOGIN,
            "secret": REHEARSAL_LOGIN,
        },
        "fastagi": {**dumped["fastagi"], "host": "127.0.0.1", "port": 0},
        "broker": {"enabled": False},
        "twilio": {"enabled": False},
        "audio": {},  # no catalogue, which would require the sounds; certificates come from the site's own
        "trunks": [
            {
                **trunk.model_dump(),
                "channels": min(10_000, trunk.channels * load),
                "calls_per_second": min(1000.0, trunk.calls_per_second * load),
            }
            for trunk in settings.trunks
            if trunk.name in names
        ],
        "seats": list(_make_rehearsal_seats(settings, load)),
        "agents": list(_make_rehearsal_agents(settings, load)),
        "campaigns": [_make_rehearsal_campaign(campaign, names, load) for campaign in campaigns],
        "inbound": {**dumped["inbound"], "numbers": inbound},
    }
    return Settings.model_validate(changed)


def make_rehearsal_asterisk_config(settings: Settings, load: int) -> SimulatedAsteriskConfig:
    """Return the configuration of a simulated Asterisk: the site's trunks with `load` times the channels, and a phone for
    each seat.
    """
    return SimulatedAsteriskConfig(
        users=(LEAST_PRIVILEGE_USER,),
        trunks=tuple(SimulatedTrunk(trunk.endpoint, trunk.channels * load) for trunk in settings.trunks),
        seats=tuple(
            SeatPhone(seat["endpoint"], str(1000 + place))
            for place, seat in enumerate(_make_rehearsal_seats(settings, load))
        ),
    )


def _list_names_of_asterisk_trunks(settings: Settings) -> set[str]:
    return {trunk.name for trunk in settings.trunks if trunk.carrier is Carrier.ASTERISK}


def _make_rehearsal_campaign(campaign: Campaign, trunks: set[str], load: int) -> dict[str, Any]:
    changed = {
        **campaign.model_dump(),
        "trunks": [name for name in campaign.trunks if name in trunks],
        "channels": None if campaign.channels is None else campaign.channels * load,
    }
    return changed | ({"flow": _FLOW_INSTEAD.get(campaign.purpose, "turnout")} if campaign.runs_agi_script else {})


def _make_rehearsal_inbound_number(number: InboundNumber) -> dict[str, Any]:
    return number.model_dump() | ({"flow": "inbound"} if number.runs_agi_script else {})


def _make_rehearsal_seats(settings: Settings, load: int) -> Iterator[dict[str, Any]]:
    """Yield the site's seats, multiplied by `load`. Copied seats get unused names."""
    used_names = {seat.name for seat in settings.seats}
    spare = (name for number in count(1) if (name := f"more-{number}") not in used_names)
    for copy in range(load):
        for seat in settings.seats:
            label = seat.name if copy == 0 else next(spare)
            yield {"name": label, "endpoint": f"rehearsed-{label}", "languages": seat.languages}


def _make_rehearsal_agents(settings: Settings, load: int) -> Iterator[dict[str, Any]]:
    """Yield copies of the site's agents (`load` of each), with their languages and skills, under new numbers."""
    if not settings.agents:
        return
    # The cheapest argon2: the PIN protects nothing here, and a hundred agents log in at once.
    pin = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(REHEARSAL_PIN)
    for copy in range(load):
        for place, agent in enumerate(settings.agents):
            number = make_agent_number(settings, copy, place)
            yield {"number": number, "pin": pin, "languages": agent.languages, "skills": agent.skills}


def make_agent_number(settings: Settings, copy: int, place: int) -> str:
    """Return the number of a simulated agent in a rehearsal.

    `place` is the agent's position in the settings, `copy` the number of the agent's copy (both from 0).
    """
    return str(copy * len(settings.agents) + place + 1)
