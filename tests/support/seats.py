"""Agents at simulated phones: log-in by phone, and the state of a seat."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from dialer.domain.view import SeatState, SeatView
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.centre import Site, a_site
from tests.support.voters import make_scripted_switch

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
AGENTS: list[dict[str, Any]] = [
    {"number": "101", "pin": CHEAP.hash("2468"), "languages": ["hi"], "skills": ["senior"]},
    {"number": "102", "pin": CHEAP.hash("1357")},
]


def switch_config(*scripts: Behaviour, seats: int = 2) -> SimulatedAsteriskConfig:
    """Return an Asterisk on which the first hundred numbers follow `scripts`; the last script is repeated."""
    return make_scripted_switch(*scripts, *scripts[-1:] * (100 - len(scripts)), seats=seats)


@contextlib.asynccontextmanager
async def run_site_with_pins(directory: Path, *scripts: Behaviour, **changes: Any) -> AsyncIterator[Site]:
    """Run a site whose agents have PINs."""
    changes.setdefault("agents", AGENTS)
    async with a_site(directory, switch_config(*scripts), **changes) as site:
        yield site


def seat(site: Site, name: str = "01") -> SeatView:
    return next(view for view in site.centre_view.seats if view.seat == name)


async def press_keys(site: Site, keyed: str, endpoint: str = "agent01") -> None:
    """Press keys on a seat's phone after 3.5 s, when the prompt before the question has ended."""
    await asyncio.sleep(3.5)
    if site.switch.find_phone_channel(endpoint) is not None:
        site.switch.press_phone_keys(endpoint, keyed)
        await asyncio.sleep(0.3 * len(keyed))


async def log_in_by_phone(site: Site, number: str, pin: str, endpoint: str = "agent01") -> None:
    assert site.switch.dial_extension_from_phone(endpoint, "*1") is not None
    await press_keys(site, f"{number}#", endpoint)
    await press_keys(site, f"{pin}#", endpoint)
    await asyncio.sleep(5)  # the announcement after the log-in


async def wait_until_talking(site: Site, name: str = "01") -> None:
    await site.until(lambda: seat(site, name).state is SeatState.TALKING)
    await asyncio.sleep(1.0)


async def wait_for_wrap_up(site: Site, name: str = "01") -> str:
    """Wait for a seat's wrap-up. Return the id of the attempt that is being wrapped up."""
    await site.until(lambda: seat(site, name).state is SeatState.WRAP_UP)
    attempt = seat(site, name).attempt_id
    assert attempt is not None
    return attempt
