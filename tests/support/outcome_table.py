"""The expected outcome of each SIP status, and the outcome that the dialler derives from AMI messages."""

from __future__ import annotations

from collections.abc import Iterable

from dialer.domain.clock import Instant
from dialer.domain.model import AttemptId, Outcome
from dialer.domain.switch_events import CallAnswered, CallEnded, CallRinging
from dialer.engine.calls.state import derive_outcome_of_ended_call
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.tracking.tracker import SwitchTracker
from tests.support.calls import ID, a_call

TABLE: dict[int, Outcome] = {
    300: Outcome.CARRIER_FAILURE,
    301: Outcome.CARRIER_FAILURE,
    302: Outcome.CARRIER_FAILURE,
    380: Outcome.CARRIER_FAILURE,
    486: Outcome.BUSY,
    600: Outcome.BUSY,
    480: Outcome.NO_ANSWER,
    404: Outcome.INVALID_NUMBER,
    410: Outcome.INVALID_NUMBER,
    484: Outcome.INVALID_NUMBER,
    485: Outcome.INVALID_NUMBER,
    604: Outcome.INVALID_NUMBER,
    503: Outcome.CONGESTION,
    403: Outcome.REJECTED,
    603: Outcome.REJECTED,
    400: Outcome.CARRIER_FAILURE,
    402: Outcome.CARRIER_FAILURE,
    408: Outcome.CARRIER_FAILURE,
    422: Outcome.CARRIER_FAILURE,
    487: Outcome.CARRIER_FAILURE,
    488: Outcome.CARRIER_FAILURE,
    491: Outcome.CARRIER_FAILURE,
    500: Outcome.CARRIER_FAILURE,
    502: Outcome.CARRIER_FAILURE,
    504: Outcome.CARRIER_FAILURE,
    606: Outcome.CARRIER_FAILURE,
    607: Outcome.REJECTED,
    608: Outcome.REJECTED,
    **dict.fromkeys((513, 580), Outcome.CONGESTION),
    **dict.fromkeys(
        (305, 401, 405, 406, 407, 409, 411, 413, 414, 415, 416, 420, 421, 423, 481, 482, 483, 489, 493, 494, 501, 505),
        Outcome.CARRIER_FAILURE,
    ),
}

TRUNKS_FAULT = {
    status
    for status, outcome in TABLE.items()
    if status == 403 or (outcome in {Outcome.CARRIER_FAILURE, Outcome.CONGESTION} and status >= 400)
}
"""The statuses that count as failures of the trunk."""


def find_end_and_outcome(messages: Iterable[AmiMessage], attempt_id: AttemptId = ID) -> tuple[Outcome, CallEnded]:
    """Return the end of a call and its outcome, as the dialler reads them from these AMI messages."""
    tracker, call = SwitchTracker(), a_call()
    tracker.calls.start_tracking_channel(attempt_id)
    told = [event for message in messages for event in tracker.handle_ami_event(message)]
    if any(isinstance(event, CallRinging) for event in told):
        call = call.mark_call_as_ringing(Instant(1.0, 1.0))
    if any(isinstance(event, CallAnswered) for event in told):
        call = call.copy_call_with_answer(Instant(2.0, 2.0))
    (ended,) = [event for event in told if isinstance(event, CallEnded)]
    return derive_outcome_of_ended_call(call, ended), ended
