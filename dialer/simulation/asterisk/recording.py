"""MixMonitor: a call's recording, as a small WAV file of silence that is as long as the talk was."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dialer.simulation.asterisk.channels import Channel

SAMPLES_PER_SECOND = 8_000
LONGEST_SECONDS = 2.0  # of the file; nobody needs more silence


class ChannelRecording:
    """What is recorded of one channel: with option b only while it is in a conference."""

    def __init__(self, path: Path, channel: Channel, *, bridged_only: bool) -> None:
        """Begins now. The file is written at the end."""
        self.path = path
        self.muted = False
        self.seconds = 0.0
        self.muted_seconds = 0.0
        self._channel = channel
        self._bridged_only = bridged_only
        self._since = asyncio.get_running_loop().time()

    def count(self) -> None:
        """Add the time since the last count; called before anything changes that decides whether it is recorded."""
        now = asyncio.get_running_loop().time()
        if not self._bridged_only or self._channel.conference is not None:
            self.seconds += now - self._since
            self.muted_seconds += now - self._since if self.muted else 0.0
        self._since = now

    def mute(self, muted: bool) -> None:
        """Record silence, or sound again."""
        self.count()
        self.muted = muted

    def end(self) -> None:
        """Write the file. A folder that is not there gives none, as in Asterisk, where only the log says so."""
        self.count()
        if not self.path.parent.is_dir():
            return
        with wave.open(str(self.path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLES_PER_SECOND)
            file.writeframes(bytes(2 * int(SAMPLES_PER_SECOND * min(self.seconds, LONGEST_SECONDS))))
