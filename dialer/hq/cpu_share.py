"""A limit on the CPU time that headquarters' import process (gatherer) spends on each centre's messages. Without I/O.

A small compressed message can take long to read. Without a limit, one faulty centre, or one stolen key, could block the
results of all other centres.
"""

from __future__ import annotations

from dataclasses import dataclass

SHARE = 0.25  # of a core; a full batch takes some milliseconds, and a centre sends one at a time
BURST_SECONDS = 1.0


@dataclass(slots=True)
class _Account:
    seconds: float  # that are left
    at: float


class CpuShares:
    """The CPU time that the import process (gatherer) may still spend on each centre's messages.

    Each centre gains `SHARE` seconds of CPU time per second, up to `BURST_SECONDS`.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}

    def has_centre_cpu_time_left(self, centre: str, now: float) -> bool:
        """Return whether a centre has CPU time left, so that its messages may be processed at `now` (monotonic
        seconds).
        """
        account = self._accounts.setdefault(centre, _Account(BURST_SECONDS, now))
        account.seconds = min(BURST_SECONDS, account.seconds + (now - account.at) * SHARE)
        account.at = now
        return account.seconds > 0

    def subtract_cpu_time(self, centre: str, seconds: float) -> None:
        """Subtract CPU time (seconds) from the time that a centre has left, after its messages were processed.

        Call `has_centre_cpu_time_left` for the centre first. Before that call, nothing is subtracted.
        """
        if centre in self._accounts:
            self._accounts[centre].seconds -= seconds
