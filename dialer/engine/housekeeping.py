"""Housekeeping: periodic jobs of the engine.

They update progress figures, save what a crash would lose (such as what pacing has learned), and limit the outbox, the
queue of messages to the broker and headquarters.
"""

from __future__ import annotations

import asyncio
from typing import NoReturn

import structlog

from dialer.domain.alerts import AlertKind
from dialer.domain.errors import StoreError
from dialer.domain.results import OutboxWait
from dialer.engine.alerts.state import Alerts
from dialer.engine.campaigns.runs import CampaignRuns
from dialer.engine.core import Core
from dialer.engine.effects import StoreFailed
from dialer.engine.placing.eligibility import Eligibility
from dialer.engine.placing.number_memory import NumberMemory
from dialer.engine.seats.seats import Seats
from dialer.store.store import Store

_log = structlog.get_logger(__name__)

ROUND_SECONDS = 5.0
LOG_EVERY_ROUNDS = 12
"""Rounds (a minute) between two log entries of each campaign's pacing, two sealed epochs, and two trims of the outbox."""


class Housekeeping:
    """Runs the engine's periodic jobs, and saves everything once more when the engine ends."""

    def __init__(
        self,
        core: Core,
        alerts: Alerts,
        runs: CampaignRuns,
        seats: Seats,
        numbers: NumberMemory,
        eligibility: Eligibility,
        store: Store,
    ) -> None:
        self._core = core
        self._alerts = alerts
        self._runs = runs
        self._seats = seats
        self._numbers = numbers
        self._eligibility = eligibility
        self._store = store
        self.outbox: tuple[OutboxWait, ...] = ()
        """Announcements waiting for the broker and for headquarters."""

    async def run_periodic_jobs_until_cancelled(self) -> NoReturn:
        """Run the engine's periodic jobs until cancelled."""
        rounds = 0
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            await self.save_seat_times_and_pacing_state()
            self._numbers.forget_old_calls_and_opt_outs()
            self._eligibility.discard_facts_about_ended_calls()
            rounds += 1
            if rounds % LOG_EVERY_ROUNDS == 0:
                await self._sign_changed_records_of_last_minute()
                await self._delete_oldest_unsent_broker_messages()
            for campaign_id, run in self._runs.list_campaign_runs_by_id():
                if rounds % LOG_EVERY_ROUNDS == 0 and run.hold is None:
                    _log.info(
                        "campaign.pacing", campaign=campaign_id, pacing=str(run.pacer.explain_last_pacing_decision())
                    )
                try:
                    run.progress = await self._store.read_campaign_progress(campaign_id, self._core.clock.now())
                except StoreError as error:
                    self._core.request_side_effects(StoreFailed(error))

    async def _delete_oldest_unsent_broker_messages(self) -> None:
        """Delete the oldest messages for the MQTT broker if too many wait, so that they cannot fill the disk."""
        try:
            bound = await self._store.delete_oldest_messages_of_full_outbox()
            self.outbox = await self._store.count_waiting_outbox_rows()
        except StoreError as error:
            self._core.request_side_effects(StoreFailed(error))
            return
        if bound.deleted:
            _log.warning("outbox.oldest_messages_deleted", messages=bound.deleted)
        if bound.bytes_over_limit:
            self._alerts.raise_alert(AlertKind.OUTBOX_FULL, megabytes=bound.bytes_over_limit >> 20)
        else:
            self._alerts.clear_alert(AlertKind.OUTBOX_FULL)

    async def save_state_at_shutdown(self) -> None:
        """Save the engine's state after the last call has ended, and sign the store's latest changes."""
        await self.save_seat_times_and_pacing_state()
        await self._sign_changed_records_of_last_minute()

    async def _sign_changed_records_of_last_minute(self) -> None:
        """Sign the store's changes of the last minute, so that manipulation is detected later, and publish the
        signature.

        If signing fails, the next signature covers these changes too.
        """
        try:
            await self._store.sign_logged_changes(self._core.clock.now())
        except StoreError as error:
            self._core.request_side_effects(StoreFailed(error))

    async def save_seat_times_and_pacing_state(self) -> None:
        """Store how long seats were in each state, and what pacing has learned. If the store fails, they are stored by
        the next run of the periodic jobs.
        """
        intervals = self._seats.pop_unsaved_seat_state_intervals()
        try:
            if intervals:
                await self._store.save_intervals_of_seat_states(intervals)
            for campaign_id, run in self._runs.list_campaign_runs_by_id():
                await self._store.save_pacer_state(campaign_id, run.get_learned_state_of_pacer())
        except StoreError as error:
            self._seats.requeue_unsaved_seat_state_intervals(intervals)
            self._core.request_side_effects(StoreFailed(error))
