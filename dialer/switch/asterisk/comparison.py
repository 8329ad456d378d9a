"""The search for lost events: what Asterisk has reported is compared now and then with its list of channels."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

import structlog

from dialer.domain.errors import SwitchError, SwitchUnreachable
from dialer.domain.switch_events import SwitchEvent
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.listing import live_channels
from dialer.switch.asterisk.tracking.tracker import SwitchTracker

_log = structlog.get_logger(__name__)

COMPARE_SECONDS: Final = 15.0  # between two comparisons
COMPARE_AGAIN_SECONDS: Final = 5.0  # to the next one after a difference
ARRIVAL_SECONDS: Final = 1.0  # for events that were on their way while a list was made
"""So a call whose end was lost is over after at most 21 s. A comparison costs the dialler some 6 us of CPU per channel."""


async def compare_channels(
    client: AmiClient, tracker: SwitchTracker, report: Callable[[list[SwitchEvent]], None]
) -> None:
    """Compare until the session ends, and report events that were lost.

    An event can be lost while the connection is up. Without this a call would hold its trunk channel and its number for
    ever, or a seat would wait for a voter who is gone. An event counts as lost when two lists in a row miss it, and it
    has still not come some time later.
    """
    before: frozenset[SwitchEvent] = frozenset()
    while True:
        await asyncio.sleep(COMPARE_AGAIN_SECONDS if before else COMPARE_SECONDS)
        try:
            channels = await live_channels(client)
        except SwitchUnreachable:
            return
        except SwitchError as error:
            _log.warning("channels.compare_failed", problem=str(error))
            continue
        differences = tracker.differences(channels)
        lost, before = before & differences, differences
        if lost:
            before = differences - lost
            await asyncio.sleep(ARRIVAL_SECONDS)
            lost &= tracker.differences(channels)
        if lost:
            _log.warning("events.lost", **Counter(type(event).__name__ for event in lost))
            report(tracker.apply(lost, channels))
