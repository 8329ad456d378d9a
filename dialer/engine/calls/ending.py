"""The end of a call: store its outcome, schedule the next call to its number, and update the pacer."""

from __future__ import annotations

from collections.abc import Iterator

import structlog

from dialer.domain.alerts import AlertKind
from dialer.domain.enums import CampaignKind
from dialer.domain.model import Direction, EndedAttempt, Outcome
from dialer.domain.switch_events import CallEnded
from dialer.domain.view import CallState
from dialer.engine.alerts.state import Alerts
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call, derive_outcome_of_ended_call
from dialer.engine.campaigns.runs import CampaignRun, CampaignRuns
from dialer.engine.core import Core
from dialer.engine.effects import StartTimer, TimerExpired, TimerKind, UpdatePacer, make_order_to_write_to_store
from dialer.engine.placing.number_memory import NumberMemory
from dialer.engine.placing.retry_schedule import RetrySchedule
from dialer.engine.seats.silence import SeatSilence
from dialer.engine.trunks.service import Trunks
from dialer.pacing.port import PacingEventKind
from dialer.rules import retries
from dialer.store.store import Store

_log = structlog.get_logger(__name__)

FLOW_GRACE_SECONDS = 5.0  # time after a hang-up for the flow's last commit
MESSAGE_LEFT, NO_MESSAGE_LEFT = "message left", "no message left"
UNSEEN_SECONDS = 2.5  # after this time from the answer the dialplan has played the message and reported it


class CallEndings:
    """Ends calls: stores their outcomes, and schedules the next calls to their numbers."""

    def __init__(
        self,
        core: Core,
        alerts: Alerts,
        calls: LiveCalls,
        runs: CampaignRuns,
        numbers: NumberMemory,
        trunks: Trunks,
        retries: RetrySchedule,
        store: Store,
    ) -> None:
        """Create the service that ends calls. `trunks` decides whether a call failed because of its trunk or because of
        the number.
        """
        self._core = core
        self._alerts = alerts
        self._calls = calls
        self._runs = runs
        self._numbers = numbers
        self._trunks = trunks
        self._store = store
        self._retries = retries

    def defer_call_end_if_work_pending(self, call: Call, ended: CallEnded, silence: SeatSilence) -> bool:
        """Defer the end of a call while its IVR flow, or the check of its agent's phone, still runs. Return whether it
        is deferred.

        The event `CallFinished` follows when the flow's last result is stored or the check is complete.
        """
        if call.flow.is_running:
            self._calls.add_or_replace_call(call.copy_call_as_ended_on_switch(ended))
            overdue = TimerExpired(TimerKind.FLOW_OVERDUE, attempt_id=call.attempt_id)
            self._core.request_side_effects(StartTimer(f"flow/{call.attempt_id}", FLOW_GRACE_SECONDS, overdue))
            return True
        if silence.must_check_agent_phone_for_audio(call, ended):
            self._core.spawn_background_task(
                silence.check_agent_phone_then_finish_call(
                    self._calls.add_or_replace_call(call.copy_call_as_ended_on_switch(ended)), ended
                ),
                "ask-seat",
            )
            return True
        return False

    def end_call(self, call: Call, ended: CallEnded) -> None:
        """End a call: remove it from the live calls, update the pacer and store its outcome."""
        run = self._runs[call.campaign_id]
        outcome = derive_outcome_of_ended_call(call, ended)
        now = self._core.clock.now()
        not_the_numbers = not call.inbound and self._trunks.update_trunk_after_call(call, ended, outcome)
        retry_at = (
            now + retries.SOON_SECONDS
            if not_the_numbers
            else self._retries.find_due_time_after_call(run, call, outcome)
        )
        record = EndedAttempt(
            attempt_id=call.attempt_id,
            outcome=outcome,
            ended_at=now,
            ringing_at=call.leg.ringing_at,
            answered_at=call.leg.answered_at or (now if outcome.is_answered else None),
            connected_at=call.talk.connected_at,
            cause=ended.cause,
            technical_cause=ended.technical_cause,
            seat=call.talk.seat if call.talk.connected_at is not None else None,
            agent=call.talk.agent,
            flow=call.flow.name,
            left_at=_describe_message_left_on_machine(run, call, outcome) or call.flow.left_at,
            retry_at=retry_at,
            direction=Direction.INBOUND if call.inbound else Direction.OUTBOUND,
            false_positive_share=0.0 if call.inbound else run.false_positive_share,
            counted=not not_the_numbers,
            promised=self._retries.is_call_time_requested_by_voter(call, outcome),
        )
        self._calls.remove_call(call.attempt_id)
        (run.inbound if call.inbound else run.outcomes)[outcome] += 1
        run.taken_for_machines += call.leg.taken_for_machine
        self._numbers.remember_ended_call(call, outcome)
        self._core.request_side_effects(*_make_pacer_updates_of_ended_call(call, outcome, self._core.clock.monotonic()))
        if retry_at is not None:
            run.set_due_time_of_next_number(retry_at)
        self._calls.publish_call_state(call, CallState.ENDED, outcome)
        self._core.request_side_effects(make_order_to_write_to_store(self._store.end_attempts, [record]))
        self._core.wake.set()

    def alert_about_missing_switch_events(self, call: Call) -> None:
        """Raise an alert if the switch reports no events for answered voters: an AMI permission may be missing."""
        if call.kind is not CampaignKind.AGENTS or call.leg.answered_seconds is None or call.leg.machine:
            return
        if call.leg.waiting or call.leg.message_started or call.talk.connected_at is not None:
            self._alerts.clear_alert(AlertKind.USER_EVENTS_MISSING)
        elif self._core.clock.monotonic() - call.leg.answered_seconds > UNSEEN_SECONDS and call.talk.seat is None:
            self._alerts.raise_alert(AlertKind.USER_EVENTS_MISSING)


def _describe_message_left_on_machine(run: CampaignRun, call: Call, outcome: Outcome) -> str | None:
    """Return the text "message left" or "no message left" for a call that an answering machine has answered.

    Return None for other calls, and if the campaign leaves no messages on machines.
    """
    if outcome is not Outcome.MACHINE or call.inbound or not run.spec.machine_message:
        return None
    return MESSAGE_LEFT if call.leg.message_left else NO_MESSAGE_LEFT


def _make_pacer_updates_of_ended_call(call: Call, outcome: Outcome, now: float) -> Iterator[UpdatePacer]:
    """Yield the updates that the pacer still needs about an ended call. What it has learned during the call, such as
    the answer, is left out.
    """
    if call.inbound:
        return
    lacked_audio = outcome is Outcome.CARRIER_FAILURE and call.is_answered
    if outcome.is_answered or lacked_audio:
        unseen = outcome is Outcome.ABANDONED and not (call.leg.message_started or call.talk.agent_silent)
        if outcome is Outcome.DROPPED or lacked_audio or unseen:
            # The call ended during machine detection. Counted as a person, because machines do not hang up.
            if not call.leg.answer_classified:
                yield UpdatePacer(
                    call.campaign_id,
                    PacingEventKind.ANSWERED,
                    call.seconds_from_start_to_answer or now - call.placed_monotonic_seconds,
                    call,
                )
            if unseen:
                waited = now - (call.leg.answered_seconds or now)
                yield UpdatePacer(call.campaign_id, PacingEventKind.ABANDONED, waited, call)
    elif call.leg.originate_sent:
        kind = PacingEventKind.CANCELLED if outcome is Outcome.CANCELLED else PacingEventKind.FAILED
        yield UpdatePacer(call.campaign_id, kind, now - call.placed_monotonic_seconds, call)
