"""A recording (MixMonitor) of the simulated Asterisk: a small WAV file of silence, as long as the talk."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

from dialer.simulation.asterisk.channels import Channel

SAMPLES_PER_SECOND = 8_000
LONGEST_SECONDS = 2.0  # of the file


class ChannelRecording:
    """The recording of one channel; with option b only while it is in a conference."""

    def __init__(self, path: Path, channel: Channel, *, bridged_only: bool) -> None:
        """Start now. The file is written at the end."""
        self.path = path
        self.muted = False
        self.seconds = 0.0
        self.muted_seconds = 0.0
        self._channel = channel
        self._bridged_only = bridged_only
        self._since = asyncio.get_running_loop().time()

    def count(self) -> None:
        """Add the recorded time since the last call. Called before any change that starts or stops the recording."""
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
        """Write the file, unless its folder is missing, in which case Asterisk only logs it."""
        self.count()
        if not self.path.parent.is_dir():
            return
        with wave.open(str(self.path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLES_PER_SECOND)
            file.writeframes(bytes(2 * int(SAMPLES_PER_SECOND * min(self.seconds, LONGEST_SECONDS))))
