"""A MixMonitor recording of the simulated Asterisk: a WAV file of silence, two seconds long at most."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

from dialer.simulation.asterisk.channels import Channel

SAMPLES_PER_SECOND = 8_000
LONGEST_SECONDS = 2.0  # keeps the files small


class ChannelRecording:
    """The simulated MixMonitor recording of a channel. With `bridged_only` (option b) it records only while the channel
    is in a conference.
    """

    def __init__(self, path: Path, channel: Channel, *, bridged_only: bool) -> None:
        """Start recording. The file is written by `finish_recording`."""
        self.path = path
        self.muted = False
        self.seconds = 0.0
        self.muted_seconds = 0.0
        self._channel = channel
        self._bridged_only = bridged_only
        self._since = asyncio.get_running_loop().time()

    def update_recording_duration(self) -> None:
        """Add the seconds since the last update to the recording's length. Call it before each pause and each
        continuation.
        """
        now = asyncio.get_running_loop().time()
        if not self._bridged_only or self._channel.conference is not None:
            self.seconds += now - self._since
            self.muted_seconds += now - self._since if self.muted else 0.0
        self._since = now

    def set_recording_muted(self, muted: bool) -> None:
        """Mute or unmute the recording."""
        self.update_recording_duration()
        self.muted = muted

    def finish_recording(self) -> None:
        """End the recording and write its file. Nothing is written if its folder is missing, as in Asterisk."""
        self.update_recording_duration()
        if not self.path.parent.is_dir():
            return
        with wave.open(str(self.path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLES_PER_SECOND)
            file.writeframes(bytes(2 * int(SAMPLES_PER_SECOND * min(self.seconds, LONGEST_SECONDS))))
