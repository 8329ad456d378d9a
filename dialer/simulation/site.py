"""A whole centre on a simulated Asterisk. Both run in one event loop and talk over loopback TCP.

The demo runs such a centre in real time; rehearsals and tests run it in virtual time.
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
    """A running centre and its simulated Asterisk. Both end when the event `stop` is set."""

    def __init__(self, switch: SimulatedAsterisk, centre: RunningCentre) -> None:
        """Connect the simulated Asterisk `switch` to the FastAGI server of `centre`.

        The FastAGI server runs the flows of the simulated calls.
        """
        self.switch = switch
        self.centre = centre
        self.stop = asyncio.Event()
        switch.agi_port = centre.agi_port

    @property
    def centre_view(self) -> CentreView:
        """The current state of the centre."""
        return self.centre.engine.make_centre_view()

    async def dial_until_stopped(self, *background: Coroutine[Any, Any, None]) -> None:
        """Dial until `stop` is set, then stop calling and let live calls end.

        The `background` coroutines run at the same time, and are cancelled at the end.
        """
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in background]
            try:
                await self.centre.dial_until_stopped(self.stop)
            finally:
                for task in tasks:
                    task.cancel()


def create_profile_without_calling_hours(name: str = "neutral") -> Profile:
    """Return a shipped rules profile with calls allowed at any hour, because a simulation calls no real person."""
    profile = load_profile(name)
    always = ((time.min, time.max),)
    hours = dict.fromkeys(("weekday", "saturday", "sunday", "holiday"), always)
    return profile.model_copy(update={"calling_hours": profile.calling_hours.model_copy(update=hours)})
