"""The life cycle of an engine: load the store, decide which calls to place until it is stopped, then let calls
end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import structlog

from dialer.domain.errors import StoreError
from dialer.domain.model import EndedAttempt, OpenAttempt, Outcome
from dialer.engine.effects import make_order_to_switch
from dialer.engine.features import Features
from dialer.engine.resync import Resync
from dialer.engine.timers import Timers

_log = structlog.get_logger(__name__)

SECONDS_BETWEEN_DECISIONS = 0.1  # at least, unless a call start is due earlier
HANG_UP_SECONDS = 5.0  # maximum time for the last calls to end after their hang-up
UNDISPOSED_SECONDS = 900.0  # after a restart, agents may enter dispositions for talks that ended at most this long ago


class Lifecycle:
    """Loads the engine's state, runs the engine, and ends its calls when it is stopped."""

    def __init__(self, features: Features, resync: Resync, timers: Timers, carry_out: Callable[[], None]) -> None:
        """Create the life cycle of an engine. `carry_out` performs the requested side effects, such as orders to the
        switch.
        """
        self._features = features
        self._resync = resync
        self._timers = timers
        self._carry_out = carry_out

    # Start

    async def load_engine_state(self, trunks: Collection[str]) -> None:
        """Load campaigns, figures and open call attempts from the store. Raises StoreError.

        A store that lacks calls of the previous run is refused: it may lack opt-outs too. `trunks` are the trunks that
        are on the same Asterisk server as in the previous run.
        """
        await self._refuse_store_older_than_call_journal()
        features, store, core = self._features, self._features.store, self._features.core
        now = core.clock.now()
        features.polling_days_of_booths.add_or_replace_polling_booths(await store.read_booths())
        features.turnout_figures_of_centre.booths |= {
            booth.booth_id: booth for booth in await store.count_booth_turnout()
        }
        for plan in core.plan.campaigns.values():
            features.loaded_campaigns.add_or_replace_campaign(
                await features.campaign_control_service.load_campaign_from_store(plan, in_chunks=False)
            )
        await features.headquarters_order_executor.restore_stop_order()
        features.wall_clock_guard.start_watching_clock(await store.find_newest_attempt_time())
        await store.release_expired_claims(now, core.plan.owner)
        await features.agent_seat_service.load_agent_log_ins()
        await features.user_account_service.load_users()
        await features.agent_call_back_scheduler.load_promised_call_backs()
        self._resync.standing_orders = await store.read_supervisor_orders_in_force(now)
        unfinished = await self._end_call_attempts_never_sent(await store.read_unfinished_attempts())
        await store.save_version_of_calling_rules(core.plan.rules_text, now)
        features.calling_rules_checker.load_dnc_registers_and_open_calls(
            await store.read_do_not_call_registers(), unfinished
        )
        for attempt in await store.find_conversations_without_disposition(now - UNDISPOSED_SECONDS):
            seat = features.agent_seats.find_seat(attempt.seat)
            if attempt.campaign_id in features.loaded_campaigns and seat is not None:
                features.call_disposition_recorder.reopen_call_for_disposition(
                    seat.name, features.call_reconciler.rebuild_live_call_from_stored_attempt(attempt), attempt.agent
                )
        left_open = features.call_reconciler.load_open_call_attempts(unfinished, trunks)
        if left_open:
            _log.warning("call_attempts.left_open", attempts=left_open)

    async def _refuse_store_older_than_call_journal(self) -> None:
        journal = self._features.dependencies.sent_journal
        sent = journal.list_sent_attempts()
        missing = len(sent) - len(await self._features.store.find_stored_attempts(sent)) if sent else 0
        if missing:
            raise StoreError(
                f"the store is older than the last run: it lacks {missing} calls, and those people would be called "
                "again. The file may be a restored copy or a new store. Restore the newest store, or run `dialer "
                "store accept-older` if this store is the right one"
            )

    async def _end_call_attempts_never_sent(self, unfinished: list[OpenAttempt]) -> list[OpenAttempt]:
        """End the call attempts that an earlier run never sent to the switch, and return the other attempts.

        The numbers of the ended attempts are due again.
        """
        journal = self._features.dependencies.sent_journal
        unsent = set(
            journal.find_attempts_never_sent([each.attempt_id for each in unfinished if each.answered_at is None])
        )
        now = self._features.core.clock.now()
        ended = [EndedAttempt(attempt_id, Outcome.REFUSED, now, retry_at=now) for attempt_id in sorted(unsent)]
        if ended:
            await self._features.store.end_attempts(ended, announced=False)
            _log.info("call_attempts.never_sent", attempts=len(ended))
        try:
            journal.start_new_journal_file()
        except OSError as error:  # only makes a crash leave more unknown attempts: dialling goes on
            _log.warning("sent_journal.start_failed", problem=str(error))
        return [each for each in unfinished if each.attempt_id not in unsent]

    # Run

    async def place_and_finish_calls_until_stopped(self, stop: asyncio.Event) -> None:
        """Place calls until `stop` is set, then let live calls end. An unexpected error ends the engine
        (fail closed).
        """
        features, core = self._features, self._features.core
        try:
            async with asyncio.TaskGroup() as group:
                core.start_accepting_background_tasks(group, self._carry_out)
                housekeeping = group.create_task(
                    features.periodic_housekeeping_jobs.run_periodic_jobs_until_cancelled(), name="housekeeping"
                )
                await self._place_calls_until_stopped(stop)
                await self._drain_live_calls()
                housekeeping.cancel()
                self._timers.stop_all_timers()
        finally:
            core.stop_accepting_background_tasks()

    async def save_state_at_shutdown(self) -> None:
        """Save the engine's remaining state after the last call."""
        features = self._features
        features.agent_seats.end_current_seat_state_intervals()
        await features.periodic_housekeeping_jobs.save_state_at_shutdown()

    async def _place_calls_until_stopped(self, stop: asyncio.Event) -> None:
        """Decide repeatedly which calls to place, until `stop` is set.

        A decision follows an event that may allow a call, or the time that the last decision requested. Events within
        `SECONDS_BETWEEN_DECISIONS` share a decision.
        """
        core, features = self._features.core, self._features
        stopping = asyncio.create_task(stop.wait(), name="stop")
        stopping.add_done_callback(lambda _: core.wake.set())
        try:
            while not stop.is_set():
                self._carry_out()  # first, so that the pacers have all events
                core.wake.clear()
                core.in_event = True
                seconds = features.campaign_call_placer.place_calls_of_all_campaigns()
                self._carry_out()
                features.turnout_figures_of_centre.update_dialling_time()
                pause_seconds = min(seconds, SECONDS_BETWEEN_DECISIONS)
                await asyncio.sleep(pause_seconds)
                try:
                    async with asyncio.timeout(seconds - pause_seconds):
                        await core.wake.wait()
                except TimeoutError:
                    pass
        finally:
            stopping.cancel()

    async def _drain_live_calls(self) -> None:
        """End all calls at a stop: place no new ones, cancel unanswered ones, and hang up conversations after
        a while.
        """
        core, features = self._features.core, self._features
        core.draining = True
        for run in features.loaded_campaigns.list_campaign_runs():
            features.campaign_call_placer.cancel_calls_of_campaign(run)
        await self._wait_until_calls_have_ended(core.plan.drain_seconds)
        core.request_side_effects(
            *(
                make_order_to_switch(features.switch.hang_up_call, call.attempt_id)
                for call in features.live_calls.list_live_calls()
            )
        )
        features.seat_monitoring_service.end_all_monitoring()
        await self._wait_until_calls_have_ended(HANG_UP_SECONDS)
        if len(features.live_calls):  # the next start finds them open in the store and reconciles them
            _log.warning("shutdown.timed_out", calls=len(features.live_calls))
        features.retrying_store_writer.closing = True

    async def _wait_until_calls_have_ended(self, seconds: float) -> None:
        core, servers, calls = self._features.core, self._features.asterisk_servers, self._features.live_calls
        try:
            async with asyncio.timeout(seconds):
                while any(servers.get_server_of_trunk(call.trunk) in servers.up for call in calls.list_live_calls()):
                    core.wake.clear()
                    await core.wake.wait()
        except TimeoutError:
            pass
