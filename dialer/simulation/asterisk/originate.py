"""An outbound call: from Originate to the answer or the failure, with the behaviour of carrier and phone."""

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
    16: (300, 301, 380),
    23: (302,),
    17: (486, 600),
    19: (480,),
    1: (404, 485, 604),
    22: (410,),
    28: (484,),
    34: (503,),
    38: (500,),
    27: (502,),
    102: (504,),
    18: (408,),
    21: (403, 603),
    58: (488, 606),
    127: (400, 402, 422, 487, 491),
}
CARRIER_CAUSES = {status: cause for cause, statuses in _STATUSES_BY_CAUSE.items() for status in statuses}
"""The Q.850 cause that Asterisk gives for a SIP status (measured)."""

CARRIER_GIVES_UP_SECONDS = 60.0  # on a call that is not answered: with 480
PROVISIONAL_SECONDS = 1.0  # between two provisional answers of one call


def dial_status(sip_status: int) -> str:
    """Return the DialStatus after the carrier's refusal."""
    if sip_status in (486, 600):
        return "BUSY"
    if sip_status < 400:
        return "CANCEL"  # a redirection, which our configuration leads nowhere
    return "CONGESTION" if sip_status == 503 else "NOANSWER"


class OutgoingCall:
    """One outbound call until its answer, failure, ring timeout or our own hang-up."""

    def __init__(
        self,
        switch: SwitchCore,
        channel: Channel,
        order: OriginateOrder,
        random: Random,
        *,
        trunk_alive: bool = True,
    ) -> None:
        """Call as `channel.behaviour` says. `random` decides the order of events that Asterisk does not guarantee."""
        self._switch = switch
        self._channel = channel
        self._order = order
        assert channel.behaviour is not None  # noqa: S101 - every called party has a behaviour
        self._behaviour = channel.behaviour
        self._trunk_alive = trunk_alive
        share = switch.config.early_originate_response
        self._early_response = random.random() < share
        self._failure_order = random.randrange(3) if share > 0 else 1

    def begin(self) -> None:
        """Announce the channel and send the INVITE."""
        channel, events, order = self._channel, self._switch.events, self._order
        channel.on_hang_up = self._cancel
        channel.variables.update(order.variables)
        events.of_channel("Newchannel", channel)
        channel.application, channel.data = "AppDial2", "(Outgoing Line)"
        events.new_extension(channel)
        if order.caller_number or order.caller_name:
            channel.name_caller(order.caller_number, order.caller_name)
            presentation = "CID-CallingPres: 0 (Presentation Allowed, Not Screened)\r\n"
            events.of_channel("NewCallerid", channel, presentation)
            channel.name_connected(order.caller_number, order.caller_name)
            events.of_channel("NewConnectedLine", channel)
        events.of_dial("DialBegin", channel, "DialString", order.dial_string)
        self._after(order.ring_seconds, self._reach_ring_limit)
        if not self._trunk_alive:
            return
        behaviour = self._behaviour
        if behaviour.rings:
            self._after(behaviour.post_dial_seconds, self._ring)
        else:
            self._after(behaviour.post_dial_seconds, self._be_refused)

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        self._channel.schedule(seconds / self._switch.speed, act)

    def _ring(self) -> None:
        first, *later = self._behaviour.rings_with
        self._say_that_it_rings(first)
        for number, status in enumerate(later, 1):
            self._after(number * PROVISIONAL_SECONDS, partial(self._say_that_it_rings, status))
        failure = self._behaviour.fails_with
        if failure is None:
            self._after(self._behaviour.answer_after, self._answer)
        elif failure == NO_ANSWER:
            self._after(CARRIER_GIVES_UP_SECONDS, self._be_refused)
        else:
            self._after(self._behaviour.answer_after, self._be_refused)

    def _say_that_it_rings(self, status: int) -> None:
        """Handle a provisional response. A 183 does not change the channel's state, as in Asterisk 22."""
        channel, events = self._channel, self._switch.events
        if status == 180 and channel.state is not ChannelState.RINGING:
            channel.enter(ChannelState.RINGING)
            events.of_channel("Newstate", channel)
        events.of_dial("DialState", channel, "DialStatus", "RINGING" if status == 180 else "PROGRESS")

    def _answer(self) -> None:
        channel, switch = self._channel, self._switch
        channel.cancel_timers()
        channel.on_hang_up = None
        if self._early_response:
            self._respond_success()
        switch.answer(channel)
        switch.events.of_dial("DialEnd", channel, "DialStatus", "ANSWER")
        order = self._order
        switch.start_dialplan(channel, order.start, order.application, order.data)
        if not self._early_response:
            asyncio.get_running_loop().call_soon(self._respond_success)

    def _respond_success(self) -> None:
        self._switch.events.originate_response(self._order, REASON_ANSWERED, self._channel.name)

    def _respond_failure(self, reason: int) -> None:
        self._switch.events.originate_response(self._order, reason)

    def _be_refused(self) -> None:
        """Handle a final status that is a failure."""
        channel, events = self._channel, self._switch.events
        channel.cancel_timers()
        status = self._behaviour.fails_with or 480
        cause = CARRIER_CAUSES.get(status, 127)
        events.hang_up_request(channel, cause, status)
        if self._failure_order == 0:
            self._respond_failure(REASON_FAILED)
        events.of_dial("DialEnd", channel, "DialStatus", dial_status(status))
        if self._failure_order == 1:
            self._respond_failure(REASON_FAILED)
        self._end(cause, status, f"carrier-{status}")
        if self._failure_order == 2:
            self._respond_failure(REASON_FAILED)

    def _reach_ring_limit(self) -> None:
        self._channel.cancel_timers()
        response_first = self._trunk_alive
        if response_first:
            self._respond_failure(REASON_NO_ANSWER)
        self._end(19, 480, EndsBy.RING_LIMIT if self._trunk_alive else "dead-trunk")
        if not response_first:
            self._respond_failure(REASON_NO_ANSWER)

    def _cancel(self) -> None:
        """Hang up before an answer: no HangupRequest, and no technical cause."""
        channel = self._channel
        channel.cancel_timers()
        self._switch.events.of_dial("DialEnd", channel, "DialStatus", "NOANSWER")
        self._end(channel.cause or 0, None, channel.ended_by)
        self._respond_failure(REASON_FAILED)

    def _end(self, cause: int, technical: int | None, how: str) -> None:
        self._channel.on_hang_up = None
        self._channel.hung_up = True
        self._switch.events.hang_up(self._channel, cause, technical)
        self._switch.forget(self._channel, how, cause)
