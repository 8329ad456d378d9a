"""The uplink's live status: changes every second, all values every minute."""

from __future__ import annotations

import asyncio
from typing import Any

from dialer.uplink.live_status import REPEAT_SECONDS, LiveStatus
from tests.support.uplink import RecordingSession
from tests.support.virtual import virtual_time


@virtual_time()
async def test_new_subscriber_receives_all_status_values_of_a_centre_within_a_minute() -> None:
    live, session = LiveStatus("pune-1"), RecordingSession()
    live.store_live_status_value("centre", {"calls": 1})
    live.store_live_status_value("centre", {"calls": 2})
    live.store_live_status_value("alerts", {"alerts": []})
    live.store_live_status_value("seat/04", {"state": "ready"})
    running = asyncio.ensure_future(live.publish_status_until_cancelled(session))
    await asyncio.sleep(1.5)
    expected: list[tuple[str, Any]] = [("live.pune-1.state", {"calls": 2}), ("live.pune-1.alert", {"alerts": []})]
    assert session.published == expected
    live.store_live_status_value("campaign/turnout", {"due": 7})
    await asyncio.sleep(1.0)
    assert session.published[2:] == [("live.pune-1.campaign.turnout", {"due": 7})]
    await asyncio.sleep(REPEAT_SECONDS)
    assert {subject for subject, _ in session.published[3:]} == {subject for subject, _ in session.published[:3]}
    running.cancel()
