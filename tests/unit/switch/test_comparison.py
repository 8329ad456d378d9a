"""The detection of lost AMI events: two channel lists in a row show the event as missing, and it has not arrived some
time later.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from dialer.domain.errors import SwitchError, SwitchUnreachable
from dialer.domain.model import AttemptId
from dialer.domain.switch_events import CallEnded, CallWaiting, StrayCallFound, SwitchEvent
from dialer.switch.asterisk import comparison
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.comparison import ARRIVAL_SECONDS, COMPARE_AGAIN_SECONDS, COMPARE_SECONDS
from dialer.switch.asterisk.tracking.channels import LiveChannel
from dialer.switch.asterisk.tracking.tracker import SwitchTracker
from tests.support.virtual import virtual_time

ID, STRAY = (AttemptId(f"3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c2{digit}") for digit in "12")
HANGUP = AmiMessage(f"Event: Hangup\r\nUniqueid: {ID}\r\nCause: 16".encode())
RINGS = LiveChannel(ID, "from-carrier", up=False, ringing=True)
WAITS = LiveChannel(ID, "matdan-voter", up=True, ringing=False)
STRAY_RINGS = LiveChannel(STRAY, "from-carrier", up=False, ringing=True)


class Comparison:
    """A running channel comparison, with one reported call and the channel lists that Asterisk will return."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.channels: Sequence[LiveChannel] = [RINGS]
        self.problem: SwitchError | None = None
        self.lists = 0
        self.reported: list[SwitchEvent] = []
        self.tracker = SwitchTracker()
        self.tracker.rebuild_tracked_state_from_channels([RINGS], restarted=False)
        monkeypatch.setattr(comparison, "list_channels", self._live_channels)

    async def _live_channels(self, _client: object) -> Sequence[LiveChannel]:
        self.lists += 1
        if self.problem is not None:
            raise self.problem
        return self.channels

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        work = comparison.compare_calls_with_channels(cast(Any, None), self.tracker, self.reported.extend)
        task = asyncio.get_running_loop().create_task(work)
        yield task
        task.cancel()


@virtual_time()
async def test_lost_asterisk_event_confirmed_by_a_second_channel_list_is_reported_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    comparing = Comparison(monkeypatch)
    async with comparing.running():
        comparing.channels = []
        await asyncio.sleep(COMPARE_SECONDS + COMPARE_AGAIN_SECONDS + ARRIVAL_SECONDS - 0.1)
        assert comparing.reported == []
        await asyncio.sleep(0.2)
        assert [type(event) for event in comparing.reported] == [CallEnded]
        await asyncio.sleep(5 * COMPARE_SECONDS)
        assert len(comparing.reported) == 1


@virtual_time()
async def test_lost_asterisk_event_not_confirmed_by_a_second_channel_list_is_not_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The channel may be younger than the list, or the event may be in transit."""
    comparing = Comparison(monkeypatch)
    async with comparing.running():
        comparing.channels = []
        await asyncio.sleep(COMPARE_SECONDS + 1)
        assert comparing.lists == 1
        comparing.channels = [RINGS]
        await asyncio.sleep(5 * COMPARE_SECONDS)
        assert comparing.reported == []


@virtual_time()
async def test_lost_asterisk_event_that_only_one_channel_list_shows_is_not_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    comparing = Comparison(monkeypatch)
    async with comparing.running():
        comparing.channels = []
        await asyncio.sleep(COMPARE_SECONDS + 1)
        comparing.channels = [WAITS]  # of a call that was just connected
        await asyncio.sleep(COMPARE_AGAIN_SECONDS)
        assert (comparing.lists, comparing.reported) == (2, [])
        await asyncio.sleep(COMPARE_AGAIN_SECONDS + ARRIVAL_SECONDS)
        assert comparing.reported[-1] == CallWaiting(ID)  # the third list misses it as well


@virtual_time()
async def test_late_asterisk_event_is_not_reported_as_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    comparing = Comparison(monkeypatch)
    async with comparing.running():
        comparing.channels = []
        await asyncio.sleep(COMPARE_SECONDS + COMPARE_AGAIN_SECONDS + ARRIVAL_SECONDS / 2)
        assert comparing.lists == 2
        comparing.tracker.handle_ami_event(HANGUP)
        comparing.tracker.calls.end_overdue_call(ID)
        await asyncio.sleep(5 * COMPARE_SECONDS)
        assert comparing.reported == []


@virtual_time()
async def test_difference_to_asterisks_channels_is_checked_again_after_a_short_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    comparing = Comparison(monkeypatch)
    async with comparing.running():
        comparing.channels = []
        await asyncio.sleep(COMPARE_SECONDS + 1)
        comparing.channels = [STRAY_RINGS]
        await asyncio.sleep(COMPARE_AGAIN_SECONDS + ARRIVAL_SECONDS)
        assert [type(event) for event in comparing.reported] == [CallEnded]
        await asyncio.sleep(COMPARE_AGAIN_SECONDS + ARRIVAL_SECONDS)
        assert comparing.reported[1:] == [StrayCallFound(STRAY)]


@virtual_time()
async def test_channel_comparison_retries_a_refused_list_until_the_ami_session_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    comparing = Comparison(monkeypatch)
    async with comparing.running() as task:
        comparing.problem = SwitchError("no list")
        await asyncio.sleep(2 * COMPARE_SECONDS + 1)
        assert (comparing.lists, task.done()) == (2, False)
        comparing.problem = SwitchUnreachable("gone")
        await asyncio.sleep(COMPARE_SECONDS)
        assert task.done()
