"""Transfers on the simulated Asterisk: a talking seat, transfer targets, and who is in a conference with whom."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from dialer.domain.view import CallChange, CallState
from dialer.engine.transfers.commands import SeatCompleteTransfer, SeatConsult, SeatHold, SeatMerge
from dialer.simulation.asterisk.channels import Channel
from dialer.simulation.asterisk.config import PhoneMode, SeatPhone, SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.voters import Behaviour, VoterProfile
from tests.support.centre import START_EPOCH, Site, a_site
from tests.support.seats import seat, wait_until_talking

OUTSIDE = "+911140009999"
TRANSFERS = [
    {"name": "boss", "kind": "supervisor", "endpoint": "boss"},
    {"name": "party-office", "kind": "outside", "number": OUTSIDE, "trunk": "carrier"},
]


def a_switch(mode: PhoneMode = PhoneMode.ANSWERS, *, seats: int = 1, **voter_channel: Any) -> SimulatedAsteriskConfig:
    """Return an Asterisk with voters who answer and stay, a supervisor's phone, and an outside number that answers."""
    voters = {f"+91{7_000_000_001 + n}": Behaviour(answer_after=1.0, **voter_channel) for n in range(50)}
    return SimulatedAsteriskConfig(
        seats=(*make_seat_phones(seats), SeatPhone("boss", "", mode, 1.0)),
        start_epoch=START_EPOCH,
        profile=VoterProfile(answer_rate=0.0),
        scripts={**voters, OUTSIDE: Behaviour(answer_after=2.0)},
    )


@contextlib.asynccontextmanager
async def talking(
    directory: Path, config: SimulatedAsteriskConfig | None = None, **changes: Any
) -> AsyncIterator[Site]:
    """Run a centre whose seat 01 talks to a voter."""
    async with a_site(directory, config or a_switch(), seats=1, transfers=TRANSFERS, **changes) as site:
        await site.log_in("01")
        await wait_until_talking(site)
        yield site


def voter_channel(site: Site) -> Channel:
    """Return the channel of the voter who talks, or last talked, to seat 01."""
    attempt = seat(site).attempt_id or next(
        change.attempt_id
        for change in reversed(site.changes)
        if isinstance(change, CallChange) and change.state is CallState.TALKING
    )
    return site.switch.channels[attempt]


def conference_members(site: Site) -> set[frozenset[str]]:
    """Return the members of each conference: "voter", "outside", or the endpoint of a phone."""

    def who(channel: Channel) -> str:
        if channel.seat is not None:
            return channel.seat
        return "outside" if channel.number == OUTSIDE else "voter"

    return {
        frozenset(who(member.channel) for member in room.members) for room in site.switch.conferences.by_name.values()
    }


def third_party(site: Site) -> Channel:
    """Return the channel of the third party in the voter's call."""
    return next(channel for channel in site.switch.channels.values() if channel.uniqueid.startswith("help-"))


def count_third_parties(site: Site) -> int:
    """Return the number of third-party channels."""
    return sum(channel.uniqueid.startswith("help-") for channel in site.switch.channels.values())


async def bring_call_to(site: Site, stage: str) -> None:
    """Bring the call of seat 01 to a stage of a transfer."""
    execute = site.centre.engine.execute_command
    if stage == "hold":
        await execute(SeatHold(seat="01"))
    else:
        await execute(SeatConsult(seat="01", to="boss"))
        await asyncio.sleep(0.3 if stage == "calling" else 2.0)
    if stage == "three-way":
        await execute(SeatMerge(seat="01"))
    if stage == "transferred":
        await execute(SeatCompleteTransfer(seat="01"))
    await asyncio.sleep(0.3)
