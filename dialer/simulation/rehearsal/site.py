"""The site that is rehearsed: its settings with every line replaced, its agents under a PIN of the rehearsal's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from dialer.domain.enums import Purpose
from dialer.domain.model import CampaignState
from dialer.rules.first_call import Areas, list_roll_areas
from dialer.settings.campaigns import Campaign
from dialer.settings.inbound import InboundNumber
from dialer.settings.servers import on_one
from dialer.settings.site import Settings
from dialer.settings.trunks import Carrier
from dialer.simulation.asterisk.config import LEAST_PRIVILEGE_USER, SeatPhone, SimulatedAsteriskConfig, SimulatedTrunk
from dialer.store import campaigns, voters
from dialer.store.connection import read_snapshot
from dialer.store.keys import StoreKey

REHEARSAL_LOGIN = LEAST_PRIVILEGE_USER.name
"""User and secret of the simulated Asterisk: with the site's own, a rehearsal could reach the site's own lines."""
REHEARSAL_PIN = "0000"
"""Every agent's in a rehearsal: nobody here knows the site's own."""
_FLOW_INSTEAD = {Purpose.MATERIAL: "material", Purpose.BOOTH_WORKERS: "booth_worker"}


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What the site's store says of the day that is to come."""

    areas: Areas | None  # the polling areas of the roll; None: it has no roll yet
    states: Mapping[str, CampaignState]  # what operators asked for, by campaign


def store_facts(store: Path, key: StoreKey | None, last_call_seconds: float) -> StoreFacts:
    """Read it. `last_call_seconds` are the settings'. The store may be in use. Raises StoreError, StoreCorrupt."""
    with read_snapshot(store, key) as db:
        return StoreFacts(list_roll_areas(voters.booths(db).values(), last_call_seconds), campaigns.campaign_states(db))


def rehearsed_campaigns(settings: Settings) -> tuple[Campaign, ...]:
    """The campaigns that have a trunk of Asterisk's; the others' calls never come to the switch that is simulated."""
    names = _trunk_names(settings)
    return tuple(each for each in settings.campaigns if not each.trunks or names & set(each.trunks))


def rehearsal_settings(settings: Settings, load: int, store: Path, ami_port: int) -> Settings:
    """The site's settings with its lines replaced: the simulated Asterisk, a copy of the store, no broker, no Twilio.

    At a `load` above 1 the seats and agents come several times, and trunks and campaigns carry so much more. Scripts, which may do
    anything, are replaced by flows; sounds are played unchecked, so that none need be there.
    """
    settings = on_one(settings)
    kept = settings.model_dump()
    names = _trunk_names(settings)
    campaigns = rehearsed_campaigns(settings)
    known = {campaign.id for campaign in campaigns}
    inbound = [_inbound(each) for each in settings.inbound.numbers if each.campaign in known]
    changed = {
        **kept,
        "store": {"path": store, "encryption_key_file": settings.store.encryption_key_file, "reserve_megabytes": 0},
        "ami": {
            **kept["ami"],
            "host": "127.0.0.1",
            "port": ami_port,
            "username": REHEARSAL_LOGIN,
            "secret": REHEARSAL_LOGIN,
        },
        "fastagi": {**kept["fastagi"], "host": "127.0.0.1", "port": 0},
        "broker": {"enabled": False},
        "twilio": {"enabled": False},
        "audio": {},  # what may be played asks for sounds; certificates are asked of the site's own catalogue
        "trunks": [
            {
                **trunk.model_dump(),
                "channels": min(10_000, trunk.channels * load),
                "calls_per_second": min(1000.0, trunk.calls_per_second * load),
            }
            for trunk in settings.trunks
            if trunk.name in names
        ],
        "seats": list(_seats(settings, load)),
        "agents": list(_agents(settings, load)),
        "campaigns": [_campaign(campaign, names, load) for campaign in campaigns],
        "inbound": {**kept["inbound"], "numbers": inbound},
    }
    return Settings.model_validate(changed)


def rehearsed_lines(settings: Settings, load: int) -> SimulatedAsteriskConfig:
    """A simulated Asterisk with the site's trunks, which carry so much more at a `load` above 1, and a phone for each seat."""
    return SimulatedAsteriskConfig(
        users=(LEAST_PRIVILEGE_USER,),
        trunks=tuple(SimulatedTrunk(trunk.endpoint, trunk.channels * load) for trunk in settings.trunks),
        seats=tuple(
            SeatPhone(seat["endpoint"], str(1000 + place)) for place, seat in enumerate(_seats(settings, load))
        ),
    )


def _trunk_names(settings: Settings) -> set[str]:
    return {trunk.name for trunk in settings.trunks if trunk.carrier is Carrier.ASTERISK}


def _campaign(campaign: Campaign, trunks: set[str], load: int) -> dict[str, Any]:
    changed = {
        **campaign.model_dump(),
        "trunks": [name for name in campaign.trunks if name in trunks],
        "channels": None if campaign.channels is None else campaign.channels * load,
    }
    return changed | ({"flow": _FLOW_INSTEAD.get(campaign.purpose, "turnout")} if campaign.has_script else {})


def _inbound(number: InboundNumber) -> dict[str, Any]:
    return number.model_dump() | ({"flow": "inbound"} if number.has_script else {})


def _seats(settings: Settings, load: int) -> Iterator[dict[str, Any]]:
    """The site's seats, and so many again under names that none of them has."""
    taken = {seat.name for seat in settings.seats}
    spare = (name for number in count(1) if (name := f"more-{number}") not in taken)
    for copy in range(load):
        for seat in settings.seats:
            label = seat.name if copy == 0 else next(spare)
            yield {"name": label, "endpoint": f"rehearsed-{label}", "languages": seat.languages}


# Agents


def _agents(settings: Settings, load: int) -> Iterator[dict[str, Any]]:
    """The site's agents with what they can do, numbered anew."""
    if not settings.agents:
        return
    # As cheap as argon2 may be: the PIN protects nothing here, and a hundred agents log in at once.
    pin = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(REHEARSAL_PIN)
    for copy in range(load):
        for place, agent in enumerate(settings.agents):
            number = agent_number(settings, copy, place)
            yield {"number": number, "pin": pin, "languages": agent.languages, "skills": agent.skills}


def agent_number(settings: Settings, copy: int, place: int) -> str:
    """The number under which an agent of the site works in a rehearsal; `place` counts the settings' agents from 0."""
    return str(copy * len(settings.agents) + place + 1)
