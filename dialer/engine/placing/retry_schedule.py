"""When a number is called next: by the campaign's retry rules, the interval of calls to booth workers, and polling
days.
"""

from __future__ import annotations

from dialer.domain.enums import MarkKind
from dialer.domain.errors import CommandRefused
from dialer.domain.model import VOTER_DISPOSITIONS, Disposition, Outcome
from dialer.engine.calls.state import Call
from dialer.engine.campaigns.runs import CampaignRun
from dialer.engine.core import Core
from dialer.engine.turnout.polls import Polls
from dialer.polling_day.plan import find_next_booth_worker_call_time, limit_retry_to_last_call_time
from dialer.rules import retries
from dialer.settings.site_time import DAY_SECONDS

MOST_AHEAD_SECONDS = 30 * DAY_SECONDS


class RetrySchedule:
    """Calculates when a number is called next (epoch seconds; None = never again in this campaign)."""

    def __init__(self, core: Core, polls: Polls) -> None:
        self._core = core
        self._polls = polls

    def find_due_time_after_call(self, run: CampaignRun, call: Call, outcome: Outcome) -> float | None:
        """Return when a number is due again after a call. A disposition entered during the call takes precedence."""
        if call.talk.disposition is not None and outcome.is_answered:
            return call.talk.disposition.retry_at
        rules, zone, now = run.spec.retries, self._core.zone, self._core.clock.now()
        if call.leg.skipped:  # a skipped preview uses up no attempt
            on_the_day = (
                self._limit_retry_to_calling_deadline if call.worker is None else self._find_next_call_to_booth_worker
            )
            return on_the_day(run, call, now + rules.other_seconds)
        if call.worker is not None:
            reported = call.flow.last_mark is not None
            due = retries.compute_next_booth_worker_call_time(
                rules, run.spec.every_seconds, outcome, reported=reported, now=now
            )
            return self._find_next_call_to_booth_worker(run, call, due)
        if call.flow.last_mark is not None and outcome.is_answered:
            due = retries.compute_retry_time_after_voter_mark(
                rules, call.flow.last_mark, call.flow.last_mark_hour, call.attempt_number, now, zone
            )
            return self._limit_retry_to_calling_deadline(run, call, due, promised=call.flow.last_mark is MarkKind.LATER)
        if call.inbound:
            return None  # an inbound call without a mark does not change when the number is due
        if outcome is Outcome.CANCELLED and call.leg.ringing_at is not None:
            outcome = Outcome.NO_ANSWER  # a phone that has rung is not called again immediately
        due = retries.compute_retry_time_after_outcome(
            rules, outcome, call.attempt_number, now, message_left=call.leg.message_left
        )
        return self._limit_retry_to_calling_deadline(run, call, due)

    def is_call_time_requested_by_voter(self, call: Call, outcome: Outcome) -> bool:
        """Return whether the voter has asked to be called again at a certain time."""
        if not outcome.is_answered:
            return False
        return (
            call.flow.last_mark is MarkKind.LATER
            if call.talk.disposition is None
            else call.talk.disposition.has_voter_requested_call_back
        )

    def find_due_time_after_disposition(
        self, run: CampaignRun, call: Call, disposition: Disposition, hour: int | None
    ) -> float | None:
        """Return when a number is due again after an agent's disposition. Raises CommandRefused if a call to a booth
        worker cannot have this disposition.
        """
        rules, now = run.spec.retries, self._core.clock.now()
        if call.worker is None:
            due = retries.compute_retry_time_after_disposition(
                rules, disposition, hour, call.attempt_number, now, self._core.zone
            )
            return self._limit_retry_to_calling_deadline(run, call, due, promised=disposition is Disposition.LATER)
        if disposition in VOTER_DISPOSITIONS:
            raise CommandRefused(
                f"a call with a booth worker cannot have the disposition {disposition.value}: send the voters' "
                "serial numbers with the command `seat-serials`, then `ready`"
            )
        due = retries.compute_worker_call_time_after_disposition(rules, run.spec.every_seconds, disposition, now)
        return self._find_next_call_to_booth_worker(run, call, due)

    def require_allowed_call_back_time(self, run: CampaignRun, call: Call, at: float) -> float:
        """Return the requested call-back time `at` (epoch seconds) if it is allowed. Raises CommandRefused."""
        if not self._core.clock.now() < at < self._core.clock.now() + MOST_AHEAD_SECONDS:
            raise CommandRefused(
                f"`call_back_at` must be within the next {MOST_AHEAD_SECONDS / DAY_SECONDS:g} days: choose an "
                "earlier time"
            )
        if call.worker is None and call.attempt_number >= run.spec.retries.max_attempts:
            raise CommandRefused(
                "no call-back is possible, because this number has already been called as often as this campaign "
                "may call it (`campaigns.max_attempts`): save another disposition"
            )
        last_call_at = self._polls.find_calling_deadline_of_booth(run.purpose, call.booth_id)
        if last_call_at is not None and at > last_call_at:
            raise CommandRefused(
                "`call_back_at` is later than voters of this polling booth may be called: choose an earlier time"
            )
        return at

    def find_call_back_handover_time(self, run: CampaignRun, call: Call, at: float) -> float:
        """Return the time from which any agent may make a call-back that one agent has promised (epoch seconds).

        It is some time after `at`, the promised time, but not after the last time at which voters of this polling booth
        may be called.
        """
        until = at + run.spec.retries.own_call_back_wait_seconds
        last_call_at = self._polls.find_calling_deadline_of_booth(run.purpose, call.booth_id)
        return until if last_call_at is None else min(until, last_call_at)

    def _find_next_call_to_booth_worker(self, run: CampaignRun, call: Call, due: float | None) -> float | None:
        """Return when a booth worker is called again: on this polling day, or on the next one."""
        now = self._core.clock.now()
        if due is None:
            return None
        today = find_next_booth_worker_call_time(
            due, self._polls.find_calling_deadline_of_booth(run.purpose, call.booth_id), now, run.spec.every_seconds
        )
        return self._polls.get_next_midnight() if today is None else today

    def _limit_retry_to_calling_deadline(
        self, run: CampaignRun, call: Call, due: float | None, *, promised: bool = False
    ) -> float | None:
        """Return the time of a retry, limited to the last time at which voters of this polling booth may be called.

        `due` is the wanted time (epoch seconds). If it is too late, return None, or the last time for a call that the
        voter asked for (`promised`). Only campaigns for the polling day have this limit.
        """
        now = self._core.clock.now()
        return limit_retry_to_last_call_time(
            due, self._polls.find_calling_deadline_of_booth(run.purpose, call.booth_id), now, promised=promised
        )
