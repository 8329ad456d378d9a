"""Playing sounds and waiting for keys, the basis of playback, digit collection and recording."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from dialer.simulation.asterisk.channels import Channel
from dialer.simulation.asterisk.core import SwitchCore

SAMPLES_A_SECOND = 8000


@dataclass(frozen=True, slots=True)
class Heard:
    """How playing or waiting ended. At most one of `digit`, `interrupted` and `aborted` is set; none: a timeout."""

    seconds: float  # on the switch's clock
    digit: str = ""
    interrupted: bool = False  # hung up or redirected
    aborted: bool = False  # the AGI server sent something meanwhile

    @property
    def result(self) -> int:
        """The AGI result: -1 after a hang-up, the code of the key, or 0."""
        return -1 if self.interrupted else ord(self.digit) if self.digit else 0

    @property
    def samples(self) -> int:
        """The AGI endpos."""
        return int(self.seconds * SAMPLES_A_SECOND)


def _never() -> bool:
    return False


async def listen(
    switch: SwitchCore,
    channel: Channel,
    seconds: float | None,
    digits: str,
    aborted: Callable[[], bool] = _never,
) -> Heard:
    """Wait for one of `digits`, for so many of the switch's seconds (None: for ever). Other keys are ignored."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    real_seconds = None if seconds is None else seconds / switch.speed
    channel.listens = True
    try:
        while True:
            passed = loop.time() - began
            if channel.interrupted:
                return Heard(passed * switch.speed, interrupted=True)
            if aborted():
                return Heard(passed * switch.speed, aborted=True)
            while channel.digits:
                digit = channel.digits.popleft()
                if digit in digits:
                    return Heard(passed * switch.speed, digit=digit)
            if real_seconds is None:
                await channel.wait(None)
            elif real_seconds - passed <= 1e-9:
                return Heard(seconds or 0.0)
            else:
                await channel.wait(real_seconds - passed)
    finally:
        channel.listens = False
        channel.digits.clear()


async def play(
    switch: SwitchCore,
    channel: Channel,
    seconds: float,
    digits: str,
    aborted: Callable[[], bool] = _never,
) -> Heard:
    """Play a sound of so many seconds. One of `digits` interrupts it."""
    if channel.voter is not None and not channel.interrupted:
        channel.voter.hears(seconds, bool(digits))
    return await listen(switch, channel, seconds, digits, aborted)
