"""Housekeeping: figures for people, and what may be lost by a crash without harm: learned state, seats' intervals."""

from __future__ import annotations

import asyncio
from typing import NoReturn

import structlog

from dialer.audit.chain import Head
from dialer.engine.floor import Floor
from dialer.engine.results import Results
from dialer.engine.state import Centre
from dialer.errors import StoreError
from dialer.monitor.topics import audit_head_announcement
from dialer.store.port import Store

_log = structlog.get_logger(__name__)

ROUND_SECONDS = 5.0
LOG_EVERY_ROUNDS = 12
"""The log says once in so many rounds, a minute, why each campaign paces as it does."""


class Housekeeping:
    """Keeps such things from time to time, and at the end."""

    def __init__(self, centre: Centre, store: Store, results: Results, floor: Floor) -> None:
        """`floor` has what its seats have done."""
        self._centre = centre
        self._store = store
        self._results = results
        self._floor = floor
        self._untold: Head | None = None  # the audit's head, as long as it was announced to nobody

    async def go_on(self) -> NoReturn:
        """Round after round, until cancelled."""
        rounds = 0
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            await self.save()
            rounds += 1
            if rounds % LOG_EVERY_ROUNDS == 0:
                await self._tell_head()
                await self._bound_the_outbox()
            for campaign_id, run in self._centre.campaigns.items():
                if rounds % LOG_EVERY_ROUNDS == 0 and run.held_because is None:
                    _log.info("campaign.pacing", campaign=campaign_id, pacing=str(run.pacer.explain()))
                try:
                    run.progress = await self._store.campaign_progress(campaign_id)
                except StoreError as error:
                    self._results.store_failed(error)

    async def _bound_the_outbox(self) -> None:
        """News that no broker has taken may not fill the disk: it is away, or there is none."""
        try:
            lost = await self._store.outbox_done(0)
        except StoreError as error:
            self._results.store_failed(error)
            return
        if lost:
            _log.warning("outbox.bound-reached", lost=lost)

    async def finish(self) -> None:
        """At the end of all calls: keep everything, and tell where the audit ends."""
        await self.save()
        await self._tell_head()

    async def _tell_head(self) -> None:
        if self._untold is None:
            return
        try:
            await self._store.announce([audit_head_announcement(self._untold)], self._untold.at)
        except StoreError as error:
            self._results.store_failed(error)
            return
        self._untold = None

    async def save(self) -> None:
        """Keep what the seats have done, and what the pacers have learned, and chain what was done. What is not kept now is tried
        again.
        """
        intervals, self._floor.intervals = self._floor.intervals, []
        try:
            if intervals:
                await self._store.record_seat_intervals(intervals)
            for campaign_id, run in self._centre.campaigns.items():
                await self._store.save_pacer_state(campaign_id, run.learned())
            self._untold = await self._store.seal(self._centre.clock.now()) or self._untold
        except StoreError as error:
            self._floor.intervals = intervals + self._floor.intervals
            self._results.store_failed(error)
