"""The share of the gatherer's time that each centre may use for reading its batches and checking its signatures (seals).

Without I/O. A small compressed message can take long to read. Without a limit, one faulty centre, or one stolen key,
could stop all others.
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
    """The computing time that the gatherer (the process that imports results) may still spend on each centre's
    messages.

    A centre's time grows by `SHARE` seconds a second, up to `BURST_SECONDS`.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}

    def has_centre_computing_time_left(self, centre: str, now: float) -> bool:
        """Return whether the gatherer may process messages of a centre at `now` (monotonic seconds).

        It may not if the centre's messages have used up the computing time that the gatherer spends on the centre.
        """
        account = self._accounts.setdefault(centre, _Account(BURST_SECONDS, now))
        account.seconds = min(BURST_SECONDS, account.seconds + (now - account.at) * SHARE)
        account.at = now
        return account.seconds > 0

    def subtract_used_computing_time(self, centre: str, seconds: float) -> None:
        """Subtract the computing time that messages of a centre took.

        Time used before the first call of `has_centre_computing_time_left` for a centre does not count.
        """
        if centre in self._accounts:
            self._accounts[centre].seconds -= seconds
