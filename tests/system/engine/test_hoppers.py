"""Hoppers: claims wait there for a short time, and are returned before their lease ends."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

from dialer.domain.model import Claim, NewAttempt
from dialer.domain.view import Hold, HoldReason
from dialer.engine.campaigns.commands import PauseCampaign, ResumeCampaign, StopAll
from dialer.engine.placing.hoppers import CLAIMED_AT_ONCE, HOPPER_SIZE, LEASE_SECONDS, LEAST_LEASE_SECONDS
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.store.store import Store
from tests.support.centre import START_EPOCH, Site, a_site
from tests.support.virtual import virtual_time

IVR = {"id": "ivr", "kind": "ivr", "flow": "turnout", "pacing": "broadcast"}


def make_quick_trunk(starts_a_second: float) -> list[dict[str, Any]]:
    """Return a trunk with enough channels for this many starts a second."""
    ids = ["+911140000001"]
    return [
        {
            "name": "carrier",
            "endpoint": "carrier",
            "channels": 500,
            "calls_per_second": starts_a_second,
            "caller_ids": ids,
        }
    ]


class Watched:
    """Records which numbers the engine reserves, returns and dials."""

    def __init__(self, site: Site) -> None:
        self.claimed: list[list[Claim]] = []
        self.released: list[Claim] = []
        self.lease_left: list[float] = []
        self._site = site
        self._store: Store = site.centre.store
        self._claim, self._release = self._store.claim_queued_numbers, self._store.release_claimed_numbers
        self._open = self._store.commit_new_attempts

    async def claim_queued_numbers(self, *arguments: Any, **named: Any) -> list[Claim]:
        claims = await self._claim(*arguments, **named)
        self.claimed.append(claims)
        return claims

    async def release_claimed_numbers(self, claims: Sequence[Claim]) -> None:
        self.released += claims
        await self._release(claims)

    async def commit_new_attempts(self, attempts: Sequence[NewAttempt], **named: Any) -> Any:
        self.lease_left += [attempt.claim.leased_until - attempt.at for attempt in attempts]
        return await self._open(attempts, **named)

    async def for_seconds(self, seconds: float) -> None:
        names = ("claim_queued_numbers", "release_claimed_numbers", "commit_new_attempts")
        with mock.patch.multiple(self._store, **{name: getattr(self, name) for name in names}):
            await asyncio.sleep(seconds)


def make_unanswered_switch() -> SimulatedAsteriskConfig:
    """Return a switch on which nobody answers."""
    silent = VoterProfile(
        answer_rate=0.0, busy_share=0, unavailable_share=0, invalid_share=0, congestion_share=0, rejected_share=0
    )
    return SimulatedAsteriskConfig(seats=make_seat_phones(1), start_epoch=START_EPOCH, profile=silent)


@virtual_time()
async def test_phone_numbers_are_reserved_in_small_batches_and_every_number_is_dialled(tmp_path: Path) -> None:
    async with a_site(
        tmp_path, make_unanswered_switch(), voters=3000, campaign=IVR, trunks=make_quick_trunk(5)
    ) as site:
        watched = Watched(site)
        await watched.for_seconds(150)
    assert len(watched.lease_left) > 700
    assert watched.released == []
    assert max(len(claims) for claims in watched.claimed) == CLAIMED_AT_ONCE
    assert min(watched.lease_left) > LEASE_SECONDS - HOPPER_SIZE / 5 - 5


@virtual_time()
async def test_unused_reserved_numbers_are_returned_before_the_reservation_expires(tmp_path: Path) -> None:
    async with a_site(
        tmp_path, make_unanswered_switch(), voters=3000, campaign=IVR, trunks=make_quick_trunk(0.5)
    ) as site:
        watched = Watched(site)
        await watched.for_seconds(200)
    assert len(watched.lease_left) > 80
    assert min(watched.lease_left) >= LEAST_LEASE_SECONDS
    assert watched.released


@virtual_time()
async def test_numbers_reserved_while_the_campaign_stops_are_returned_to_the_queue(tmp_path: Path) -> None:
    async with a_site(
        tmp_path, make_unanswered_switch(), voters=3000, campaign=IVR, trunks=make_quick_trunk(5)
    ) as site:
        store = site.centre.store
        claim = store.claim_queued_numbers

        async def claim_as_the_campaign_stops(*arguments: Any, **named: Any) -> list[Claim]:
            claims = await claim(*arguments, **named)
            await site.centre.engine.execute_command(StopAll())
            return claims

        with mock.patch.object(store, "claim_queued_numbers", claim_as_the_campaign_stops):
            await asyncio.sleep(30)
        assert site.centre_view.campaigns[0].hold == Hold(HoldReason.STOPPED)
        with closing(sqlite3.connect(tmp_path / "centre.db")) as db:
            states = dict(db.execute("SELECT state, count(*) FROM target GROUP BY state"))
    assert states.keys() == {"due"}


@virtual_time()
async def test_numbers_that_a_pause_returned_to_the_queue_are_dialled_after_the_campaign_resumes(
    tmp_path: Path,
) -> None:
    config = SimulatedAsteriskConfig(
        seats=make_seat_phones(2), start_epoch=START_EPOCH, profile=VoterProfile(answer_rate=1.0)
    )
    campaign = {**IVR, "channels": 1, "max_attempts": 1}
    async with a_site(tmp_path, config, voters=30, campaign=campaign) as site:
        store, execute = site.centre.store, site.centre.engine.execute_command
        whole, paused = store.find_next_due_time, asyncio.Event()

        async def pause_meanwhile(campaign_id: str) -> float | None:
            due = await whole(campaign_id)
            if due is None and not paused.is_set():  # the queue is empty: the remaining numbers are in the hopper
                paused.set()
                await execute(PauseCampaign(campaign_id="ivr"))
                await asyncio.sleep(0.05)
            return due

        store.find_next_due_time = pause_meanwhile
        await paused.wait()
        await asyncio.sleep(30)
        placed = len(site.switch.placed_calls)
        await execute(ResumeCampaign(campaign_id="ivr"))
        await site.until(lambda: len(site.switch.placed_calls) > placed + 1, seconds=600)
