"""Simulated voters scripted by a test: the first numbers of the roll; all others never answer."""

from __future__ import annotations

from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.voters import Behaviour, VoterProfile
from tests.support.centre import START_EPOCH

NOBODY_ANSWERS = VoterProfile(
    answer_rate=0.0, busy_share=0, unavailable_share=0, invalid_share=0, congestion_share=0, rejected_share=0
)
IVR = {"id": "ivr", "kind": "ivr", "flow": "turnout", "pacing": "broadcast", "channels": 5}


def make_scripted_switch(*scripts: Behaviour, seats: int = 5) -> SimulatedAsteriskConfig:
    """Return an Asterisk on which the first numbers of the roll follow `scripts` and all others never answer."""
    return SimulatedAsteriskConfig(
        seats=make_seat_phones(seats),
        start_epoch=START_EPOCH,
        profile=NOBODY_ANSWERS,
        scripts={f"+91{7_000_000_001 + n}": script for n, script in enumerate(scripts)},
    )


def make_answering_switch(**script: object) -> SimulatedAsteriskConfig:
    """Return an Asterisk on which the first hundred numbers behave the same."""
    return make_scripted_switch(*[Behaviour(**script)] * 100)  # type: ignore[arg-type]  # facts by name
