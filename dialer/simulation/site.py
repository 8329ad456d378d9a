"""A whole centre whose lines are simulated: the simulated Asterisk and the engine in one loop, over loopback TCP.

The demo runs one by the machine's clock, a rehearsal and the tests in virtual time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import time
from typing import Any

from dialer.app import RunningCentre
from dialer.domain.view import CentreView
from dialer.settings.jurisdiction import Profile, load_profile
from dialer.simulation.asterisk.server import SimulatedAsterisk


class SimulatedSite:
    """The site while it is open; `stop` ends it."""

    def __init__(self, switch: SimulatedAsterisk, centre: RunningCentre) -> None:
        """`switch` calls back to the flows of `centre` from now on."""
        self.switch = switch
        self.centre = centre
        self.stop = asyncio.Event()
        switch.agi_port = centre.agi_port

    @property
    def view(self) -> CentreView:
        """The centre as it stands."""
        return self.centre.engine.view()

    async def run(self, *beside: Coroutine[Any, Any, None]) -> None:
        """Dial until `stop`, then drain; what runs `beside` is cancelled after that."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in beside]
            try:
                await self.centre.run(self.stop)
            finally:
                for task in tasks:
                    task.cancel()


def simulated_profile(name: str = "neutral") -> Profile:
    """A shipped profile, open at all hours: nobody is called, so the site may run at night. Every other rule holds."""
    profile = load_profile(name)
    always = ((time.min, time.max),)
    hours = dict.fromkeys(("weekday", "saturday", "sunday", "holiday"), always)
    return profile.model_copy(update={"calling_hours": profile.calling_hours.model_copy(update=hours)})
