"""Playing sounds and waiting for keys: the basis of playback, digit collection and recording."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from dialer.simulation.asterisk.channels import Channel
from dialer.simulation.asterisk.core import SwitchCore

SAMPLES_PER_SECOND = 8000


@dataclass(frozen=True, slots=True)
class KeyWait:
    """The result of playing a sound or waiting for a key: a key, an interruption, an abort, or a timeout."""

    seconds: float  # simulated time that it took
    digit: str = ""
    interrupted: bool = False  # hung up or redirected
    aborted: bool = False  # the AGI server has sent a line meanwhile

    @property
    def agi_result_code(self) -> int:
        """The result in the AGI reply: -1 after a hang-up, the code of the pressed key, or 0."""
        return -1 if self.interrupted else ord(self.digit) if self.digit else 0

    @property
    def agi_end_position(self) -> int:
        """The `endpos` in the AGI reply: the duration of the sound or wait, in audio samples."""
        return int(self.seconds * SAMPLES_PER_SECOND)


def never_abort() -> bool:
    """Return False: without an AGI connection, nothing aborts a sound or a wait for a key."""
    return False


async def wait_for_key(
    switch: SwitchCore,
    channel: Channel,
    seconds: float | None,
    digits: str,
    aborted: Callable[[], bool] = never_abort,
) -> KeyWait:
    """Wait up to `seconds` of simulated time for one of `digits` on a channel. None means no limit. Other keys are
    ignored.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    real_seconds = None if seconds is None else seconds / switch.speed
    channel.reads_keys = True
    try:
        while True:
            passed = loop.time() - began
            if channel.is_application_interrupted:
                return KeyWait(passed * switch.speed, interrupted=True)
            if aborted():
                return KeyWait(passed * switch.speed, aborted=True)
            while channel.digits:
                digit = channel.digits.popleft()
                if digit in digits:
                    return KeyWait(passed * switch.speed, digit=digit)
            if real_seconds is None:
                await channel.wait_for_input_or_hang_up(None)
            elif real_seconds - passed <= 1e-9:
                return KeyWait(seconds or 0.0)
            else:
                await channel.wait_for_input_or_hang_up(real_seconds - passed)
    finally:
        channel.reads_keys = False
        channel.digits.clear()


async def play_sound(
    switch: SwitchCore,
    channel: Channel,
    seconds: float,
    digits: str,
    aborted: Callable[[], bool] = never_abort,
) -> KeyWait:
    """Play a sound of `seconds` length to a channel. One of `digits` stops it."""
    if channel.voter is not None and not channel.is_application_interrupted:
        channel.voter.react_to_prompt(seconds, bool(digits))
    return await wait_for_key(switch, channel, seconds, digits, aborted)
