"""Simulated voters as a test scripts them: the first numbers of the roll one by one, all others let it ring."""

from __future__ import annotations

from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, seat_phones
from dialer.simulation.asterisk.voters import Behaviour, VoterProfile
from tests.support.centre import START_EPOCH

NOBODY_ANSWERS = VoterProfile(
    answer_rate=0.0, busy_share=0, unavailable_share=0, invalid_share=0, congestion_share=0, rejected_share=0
)
IVR = {"id": "ivr", "kind": "ivr", "flow": "turnout", "pacing": "broadcast", "channels": 5}


def scripted(*scripts: Behaviour, seats: int = 5) -> SimulatedAsteriskConfig:
    """A switch on which the first numbers of the roll behave as scripted and all others let it ring."""
    return SimulatedAsteriskConfig(
        seats=seat_phones(seats),
        start_epoch=START_EPOCH,
        profile=NOBODY_ANSWERS,
        scripts={f"+91{7_000_000_001 + n}": script for n, script in enumerate(scripts)},
    )


def all_answer(**script: object) -> SimulatedAsteriskConfig:
    """A switch on which the first hundred numbers do the same."""
    return scripted(*[Behaviour(**script)] * 100)  # type: ignore[arg-type]  # facts by name
