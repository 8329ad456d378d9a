"""A simulated outbound call, from the Originate to its answer or failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random

from dialer.simulation.asterisk.channels import (
    REASON_ANSWERED,
    REASON_FAILED,
    REASON_NO_ANSWER,
    Channel,
    ChannelState,
    EndsBy,
    OriginateOrder,
)
from dialer.simulation.asterisk.core import SwitchCore
from dialer.simulation.asterisk.voters import NO_ANSWER

_STATUSES_BY_CAUSE = {
    16: (300, 301, 305, 380),
    23: (302,),
    17: (486, 600),
    19: (480, 483),
    1: (404, 485, 604),
    22: (410,),
    28: (484,),
    34: (503, 513, 580),
    38: (500,),
    27: (502,),
    102: (504,),
    18: (408,),
    21: (401, 403, 407, 603),
    58: (488, 606),
    41: (409,),
    3: (420,),
    29: (501,),
    127: (
        *(400, 402, 405, 406, 411, 413, 414, 415, 416, 421, 422, 423, 481, 482, 487, 489, 491, 493, 494),
        *(505, 607, 608),
    ),
}
CARRIER_CAUSES = {status: cause for cause, statuses in _STATUSES_BY_CAUSE.items() for status in statuses}
"""The Q.850 cause that Asterisk reports for a SIP status, as measured on a real one."""

CARRIER_GIVES_UP_SECONDS = 60.0  # until the carrier rejects an unanswered call with 480
PROVISIONAL_SECONDS = 1.0  # between two provisional responses


def convert_sip_status_to_dial_status(sip_status: int) -> str:
    """Return the DialStatus for the SIP status of a failed call."""
    if sip_status in (486, 600):
        return "BUSY"
    if sip_status < 400:
        return "CANCEL"  # a redirection, which our configuration does not follow
    if sip_status == 420:
        return "CHANUNAVAIL"
    return "CONGESTION" if CARRIER_CAUSES.get(sip_status) == 34 else "NOANSWER"


class OutgoingCall:
    """One outbound call until its answer, failure, ring timeout or cancellation."""

    def __init__(
        self,
        switch: SwitchCore,
        channel: Channel,
        order: OriginateOrder,
        random: Random,
        *,
        trunk_alive: bool = True,
    ) -> None:
        """Create the call on its channel. The called party behaves as `channel.behaviour` says.

        `random` decides the order of events where Asterisk's order is not fixed.
        """
        self._switch = switch
        self._channel = channel
        self._order = order
        assert channel.behaviour is not None  # noqa: S101 - every called party has a behaviour
        self._behaviour = channel.behaviour
        self._trunk_alive = trunk_alive
        share = switch.config.early_originate_response
        self._early_response = random.random() < share
        self._failure_order = random.randrange(3) if share > 0 else 1

    def start_dialling(self) -> None:
        """Publish the new channel's event and start dialling."""
        channel, events, order = self._channel, self._switch.events, self._order
        channel.on_hang_up = self._cancel_call
        channel.variables.update(order.variables)
        events.publish_channel_event("Newchannel", channel)
        channel.application, channel.data = "AppDial2", "(Outgoing Line)"
        events.publish_new_extension_event(channel)
        if order.caller_number or order.caller_name:
            channel.set_caller_number_and_name(order.caller_number, order.caller_name)
            presentation = "CID-CallingPres: 0 (Presentation Allowed, Not Screened)\r\n"
            events.publish_channel_event("NewCallerid", channel, presentation)
            channel.set_connected_line(order.caller_number, order.caller_name)
            events.publish_channel_event("NewConnectedLine", channel)
        events.publish_dial_event("DialBegin", channel, "DialString", order.dial_string)
        self._schedule_next_step_of_call(order.ring_seconds, self._end_call_at_ring_timeout)
        if not self._trunk_alive:
            return
        behaviour = self._behaviour
        if behaviour.rings:
            self._schedule_next_step_of_call(behaviour.post_dial_seconds, self._start_ringing)
        else:
            self._schedule_next_step_of_call(behaviour.post_dial_seconds, self._end_failed_call)

    def _schedule_next_step_of_call(self, seconds: float, act: Callable[[], None]) -> None:
        self._channel.schedule_action_unless_call_ends(seconds / self._switch.speed, act)

    def _start_ringing(self) -> None:
        first, *later = self._behaviour.rings_with
        self._handle_provisional_sip_status(first)
        for number, status in enumerate(later, 1):
            self._schedule_next_step_of_call(
                number * PROVISIONAL_SECONDS, partial(self._handle_provisional_sip_status, status)
            )
        failure = self._behaviour.fails_with
        if failure is None:
            self._schedule_next_step_of_call(self._behaviour.answer_after, self._answer_call)
        elif failure == NO_ANSWER:
            self._schedule_next_step_of_call(CARRIER_GIVES_UP_SECONDS, self._end_failed_call)
        else:
            self._schedule_next_step_of_call(self._behaviour.answer_after, self._end_failed_call)

    def _handle_provisional_sip_status(self, status: int) -> None:
        """Handle a provisional SIP status (1xx). As in Asterisk 22, a 183 does not change the channel's state."""
        channel, events = self._channel, self._switch.events
        if status == 180 and channel.state is not ChannelState.RINGING:
            channel.set_channel_state(ChannelState.RINGING)
            events.publish_channel_event("Newstate", channel)
        events.publish_dial_event("DialState", channel, "DialStatus", "RINGING" if status == 180 else "PROGRESS")

    def _answer_call(self) -> None:
        channel, switch = self._channel, self._switch
        channel.cancel_timers()
        channel.on_hang_up = None
        if self._early_response:
            self._publish_originate_success()
        switch.answer_channel(channel)
        switch.events.publish_dial_event("DialEnd", channel, "DialStatus", "ANSWER")
        order = self._order
        switch.start_dialplan(channel, order.start, order.application, order.data)
        if not self._early_response:
            asyncio.get_running_loop().call_soon(self._publish_originate_success)

    def _publish_originate_success(self) -> None:
        self._switch.events.publish_originate_response_event(self._order, REASON_ANSWERED, self._channel.name)

    def _publish_originate_failure(self, reason: int) -> None:
        self._switch.events.publish_originate_response_event(self._order, reason)

    def _end_failed_call(self) -> None:
        """End the outgoing call with the carrier's final SIP status."""
        channel, events = self._channel, self._switch.events
        channel.cancel_timers()
        status = self._behaviour.fails_with or 480
        cause = CARRIER_CAUSES.get(status, 127)
        events.publish_hangup_request_event(channel, cause, status)
        if self._failure_order == 0:
            self._publish_originate_failure(REASON_FAILED)
        events.publish_dial_event("DialEnd", channel, "DialStatus", convert_sip_status_to_dial_status(status))
        if self._failure_order == 1:
            self._publish_originate_failure(REASON_FAILED)
        self._end_outgoing_call(cause, status, f"carrier-{status}")
        if self._failure_order == 2:
            self._publish_originate_failure(REASON_FAILED)

    def _end_call_at_ring_timeout(self) -> None:
        self._channel.cancel_timers()
        response_first = self._trunk_alive
        if response_first:
            self._publish_originate_failure(REASON_NO_ANSWER)
        self._end_outgoing_call(19, 480, EndsBy.RING_LIMIT if self._trunk_alive else "dead-trunk")
        if not response_first:
            self._publish_originate_failure(REASON_NO_ANSWER)

    def _cancel_call(self) -> None:
        """Cancel the outgoing call before it is answered. Asterisk then sends no HangupRequest and no technical cause."""
        channel = self._channel
        channel.cancel_timers()
        self._switch.events.publish_dial_event("DialEnd", channel, "DialStatus", "NOANSWER")
        self._end_outgoing_call(channel.cause or 0, None, channel.ended_by)
        self._publish_originate_failure(REASON_FAILED)

    def _end_outgoing_call(self, cause: int, technical: int | None, how: str) -> None:
        self._channel.on_hang_up = None
        self._channel.hung_up = True
        self._switch.events.publish_hangup_event(self._channel, cause, technical)
        self._switch.remove_ended_channel(self._channel, how, cause)
