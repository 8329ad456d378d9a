"""Count the trunk channels in use, from the calls that use them."""

from __future__ import annotations

from collections import Counter

from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.inbound.state import UnknownCallers
from dialer.engine.transfers.state import CallTransfers


class Channels:
    """Counts the used channels of each trunk: channels of calls, of transfer targets, and of callers who are not on the
    roll.
    """

    def __init__(self, calls: LiveCalls, transfers: CallTransfers, unknown_callers: UnknownCallers) -> None:
        self._calls = calls
        self._transfers = transfers
        self._unknown_callers = unknown_callers

    def count_used_channels(self) -> Counter[str]:
        """Return the number of used channels by trunk.

        A call uses a channel from its commit to the store until the switch reports its end.
        """
        used = self._calls.count_channels_by_trunk()
        used.update(self._transfers.party_trunks.values())
        used.update(self._unknown_callers.trunks.values())
        return used

    def count_unsent_calls(self) -> Counter[str]:
        """Return how many calls were allowed to start and are not sent to the switch yet, by trunk."""
        return self._calls.count_unsent_calls_by_trunk()
