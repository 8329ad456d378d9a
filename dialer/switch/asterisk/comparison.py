"""Find AMI events that were lost, by regularly comparing the tracked state with Asterisk's list of channels."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

import structlog

from dialer.domain.errors import SwitchError, SwitchUnreachable
from dialer.domain.switch_events import SwitchEvent
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.listing import list_channels
from dialer.switch.asterisk.tracking.tracker import SwitchTracker

_log = structlog.get_logger(__name__)

COMPARE_SECONDS: Final = 15.0  # between two comparisons
COMPARE_AGAIN_SECONDS: Final = 5.0  # to the next one after a difference
ARRIVAL_SECONDS: Final = 1.0  # for events that were still in transit when the list was made
"""The end of a call whose event was lost is noticed after COMPARE_SECONDS + COMPARE_AGAIN_SECONDS + ARRIVAL_SECONDS."""


async def compare_calls_with_channels(
    client: AmiClient, tracker: SwitchTracker, report: Callable[[list[SwitchEvent]], None]
) -> None:
    """Compare the calls that the dialler tracks with Asterisk's channels, and report lost events, until the session
    ends.

    An event can be lost while the connection is up. Without the comparison, a call would then occupy its trunk channel
    and its number for ever, or a seat would wait for a voter who has hung up.

    An event counts as lost if two comparisons in a row show that it is missing, and if it does not arrive within
    ARRIVAL_SECONDS after the second one.
    """
    before: frozenset[SwitchEvent] = frozenset()
    while True:
        await asyncio.sleep(COMPARE_AGAIN_SECONDS if before else COMPARE_SECONDS)
        try:
            channels = await list_channels(client)
        except SwitchUnreachable:
            return
        except SwitchError as error:
            _log.warning("channels.compare_failed", problem=str(error))
            continue
        differences = tracker.find_lost_events(channels)
        lost, before = before & differences, differences
        if lost:
            before = differences - lost
            await asyncio.sleep(ARRIVAL_SECONDS)
            lost &= tracker.find_lost_events(channels)
        if lost:
            _log.warning("events.lost", **Counter(type(event).__name__ for event in lost))
            report(tracker.update_from_lost_events(lost, channels))
