"""Convert Twilio's status callbacks to switch events. Callbacks may arrive in any order, and more than once. No I/O.

A call's statuses: queued, initiated, ringing, in-progress, then one of completed, busy, no-answer, failed, canceled
(https://www.twilio.com/docs/voice/api/call-resource#call-status-values).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dialer.domain.model import AttemptId
from dialer.domain.switch_events import CallAnswered, CallEnded, CallEvent, CallRinging, EndedBy


class CallStatus(StrEnum):
    """The status of a call, as Twilio reports it."""

    QUEUED = "queued"
    INITIATED = "initiated"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"


FINAL = frozenset({CallStatus.COMPLETED, CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.FAILED, CallStatus.CANCELED})
# Q.850 causes by SIP status (RFC 4497, table 1).
_CAUSES: Mapping[str, int] = {
    "403": 21,
    "404": 1,
    "410": 22,
    "484": 28,
    "486": 17,
    "503": 34,
    "600": 17,
    "603": 21,
    "604": 1,
}
# Q.850 cause and dial status by Twilio's final status.
_ENDS = {
    CallStatus.BUSY: (17, "BUSY"),
    CallStatus.NO_ANSWER: (19, "NOANSWER"),
    CallStatus.COMPLETED: (16, None),
    CallStatus.CANCELED: (16, None),
}


@dataclass(slots=True)
class TwilioCall:
    """The state of the call of one attempt at Twilio. An attempt is one try to call a number."""

    attempt_id: AttemptId
    number: str
    asked_at: float  # time of the request to place it (epoch seconds)
    sid: str | None = None
    rang: bool = False
    answered: bool = False
    ended: bool = False
    billed_seconds: int = 0
    updated_at: float = 0.0  # time of the last response or callback (monotonic seconds)
    unsure: bool = False  # whether the response to the request was lost
    legs: int = 1  # billed legs: 2 after a transfer

    def update_call_from_twilio_status(
        self, status: CallStatus, *, seconds: int = 0, sip_status: str = ""
    ) -> list[CallEvent]:
        """Update the state of a call from a status that Twilio reports. Return the resulting events for the engine. A
        repeated or late status causes no events.
        """
        if self.ended:
            return []
        if status is CallStatus.RINGING and not self.rang and not self.answered:
            self.rang = True
            return [CallRinging(self.attempt_id)]
        events: list[CallEvent] = []
        if status in {CallStatus.IN_PROGRESS, CallStatus.COMPLETED} and not self.answered:
            self.answered = True
            events.append(CallAnswered(self.attempt_id))
        if status in FINAL:
            self.ended = True
            self.billed_seconds = seconds
            events.append(self._make_call_ended_event(status, sip_status))
        return events

    def _make_call_ended_event(self, status: CallStatus, sip_status: str) -> CallEnded:
        cause, dial_status = _ENDS.get(status, (_CAUSES.get(sip_status), None))
        return CallEnded(
            self.attempt_id,
            EndedBy.HANGUP,
            answered=self.answered,
            cause=cause,
            technical_cause=sip_status or None,
            dial_status=dial_status,
            ever_ringing=self.rang,
        )


def end_vanished_call(call: TwilioCall) -> CallEnded:
    """End a call that Twilio does not know, or no longer reports. Return the event that reports the call's end."""
    call.ended = True
    return CallEnded(call.attempt_id, EndedBy.VANISHED, answered=call.answered)
