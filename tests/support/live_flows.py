"""IVR campaigns on a simulated site, and flows for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.centre import START_EPOCH
from tests.support.voters import NOBODY_ANSWERS


def ivr_campaign(flow: str | Path, **changes: Any) -> dict[str, Any]:
    """Return settings of an IVR campaign with one channel."""
    return {"id": "ivr", "kind": "ivr", "flow": str(flow), "pacing": "broadcast", "channels": 1, **changes}


def scripted_voters(*scripts: Behaviour) -> SimulatedAsteriskConfig:
    """Return an Asterisk on which the first numbers of the roll follow `scripts` and all others never answer."""
    return SimulatedAsteriskConfig(
        seats=make_seat_phones(2),
        start_epoch=START_EPOCH,
        profile=NOBODY_ANSWERS,
        default_prompt_seconds=0.5,
        scripts={f"+91{7_000_000_001 + n}": script for n, script in enumerate(scripts)},
    )


ASK = """
flow: ask
purpose: inbound
start: question
no_input: {reprompts: 0, then: bye}
no_match: {reprompts: 0, then: bye}
nodes:
  question: {menu: [inbound.question], answer: wanted, choices: {3: agent, 9: opt_out}}
  agent: {transfer: agents, say: [material.connecting], failed: no_agent}
  no_agent: {say: [material.no_agent], next: bye}
  opt_out: {opt_out: number, next: bye, failed: bye}
  bye: {disconnect: done, say: [common.goodbye]}
"""
DECLARED = {"by": "A. Person", "offers_transport": False, "asks_vote_choice": False}
