"""Detection of agents' phones that are dead, such as after a power or network failure.

Asterisk notices a dead phone only after the seat's RTP timeout (`asterisk.seat_rtp_timeout_seconds`). Until then the
voter hears silence. So the phone's audio packets are counted at the start of a talk, and again if the talk ends before
the timeout. The call counts as abandoned if there are no new packets, or if Asterisk hangs up the phone during such a
short talk.
"""

from __future__ import annotations

import asyncio

import structlog

from dialer.domain.errors import SwitchError
from dialer.domain.model import AttemptId
from dialer.domain.switch import Switch
from dialer.domain.switch_events import CallEnded, EndedBy
from dialer.domain.view import SeatState
from dialer.engine.acd.service import Acd
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call
from dialer.engine.core import Core
from dialer.engine.effects import CallFinished
from dialer.engine.seats.seats import Seats
from dialer.engine.seats.state import Seat

_log = structlog.get_logger(__name__)

ROUNDED_SECONDS = 1.0  # Asterisk measures the timeout in whole seconds

LISTENS, LISTEN_SECONDS = 8, 0.12
"""Number and duration of the checks after which a phone counts as silent: a network may delay packets."""

TALKING_LISTENS = 16
"""Number of checks while a voter is at the seat or is being connected: a reloaded page gets two seconds to reconnect."""

REPLACED_LISTENS, REPLACED_SECONDS = 1, 1.0
"""Number of checks if a new phone has registered, which can be called safely, and the time that it gets to connect."""


class SeatSilence:
    """Finds agents' phones that send no audio, and hangs them up."""

    def __init__(
        self, core: Core, calls: LiveCalls, seats: Seats, switch: Switch, acd: Acd, timeout_seconds: float
    ) -> None:
        """Create the detection of silent phones. If `timeout_seconds` is 0, silent phones are ignored."""
        self._core = core
        self._calls = calls
        self._seats = seats
        self._switch = switch
        self._acd = acd
        self._timeout_seconds = timeout_seconds
        self._replaced: dict[str, str] = {}  # by seat: the contact of the new phone that is being called

    def on_phone_silence_timeout(self, seat_name: str) -> None:
        """Record that an agent's phone sent no audio during a short talk, after the switch has hung up this phone
        because of its silence.
        """
        seat = self._seats.find_seat(seat_name)
        talked = None if seat is None else self._acd.find_latest_call_at_seat(seat)
        call = None if talked is None else self._calls.find_live_call(talked.attempt_id)
        if call is not None and self._is_conversation_short(call):
            self._record_silent_agent_phone_on_call(call)

    def start_counting_packets_of_agent_phone(self, call: Call, seat_name: str) -> None:
        """Start counting the audio packets of an agent's phone when a talk begins.

        `call` is the state of the call just before voter and agent were connected.
        """
        if self._timeout_seconds and call.talk.connected_at is None and not call.adopted and not call.inbound:
            self._core.spawn_background_task(
                self._count_packets_of_agent_phone(call.attempt_id, seat_name), "count-packets"
            )

    async def _count_packets_of_agent_phone(self, attempt_id: AttemptId, seat_name: str) -> None:
        try:
            packets = await self._switch.count_packets_from_seat_phone(seat_name)
        except SwitchError as error:  # the phone is checked at the end of the talk instead
            _log.info("seat.packet_count_failed", seat=seat_name, problem=str(error))
            return
        live = self._calls.find_live_call(attempt_id)
        if live is not None:
            self._calls.update_call(live, live.copy_call_with_agent_packet_count(packets))

    def must_check_agent_phone_for_audio(self, call: Call, ended: CallEnded) -> bool:
        """Return whether a talk was so short that the agent's phone may have been dead the whole time."""
        seat = self._seats.find_seat(call.talk.seat or "")
        at_seat = seat is not None and seat.phone_up and seat.attempt_id == call.attempt_id
        return (
            ended.by is EndedBy.HANGUP and at_seat and not call.talk.agent_silent and self._is_conversation_short(call)
        )

    async def check_agent_phone_then_finish_call(self, call: Call, ended: CallEnded) -> None:
        """Check whether the agent's phone sent audio during a short talk that has ended, then finish the call."""
        seat = self._seats[call.talk.seat or ""]
        if not await self._does_phone_send_audio(seat, since=call.talk.agent_packets):
            live = self._calls.find_live_call(call.attempt_id)
            if live is not None:
                self._record_silent_agent_phone_on_call(live)
            await self._hang_up_seat_phone(seat)
        self._core.request_side_effects(CallFinished(ended))

    def on_phone_unreachable(self, endpoint: str) -> None:
        """Check an agent's phone that the switch cannot reach any more, and hang it up if it is dead.

        A phone that still sends audio is not dead: it has only registered again. A phone on hold sends none and is not
        checked.
        """
        seat = self._seats.find_seat_by_endpoint(endpoint)
        if seat is not None and seat.phone_up and not seat.phone_on_hold and self._timeout_seconds:
            self._acd.set_seat_phone_suspected_dead(seat.name, True)
            self._core.spawn_background_task(self._check_phone_for_audio(seat.name), "phone-away")

    def on_phone_registered(self, endpoint: str, contact: str) -> None:
        """Check an agent's connected phone that has registered again. If its old call carries no audio, call the phone
        once.

        A voter at the seat stays connected to the seat.
        """
        seat = self._seats.find_seat_by_endpoint(endpoint)
        if seat is None or not self._is_agent_phone_permanently_connected(seat) or not self._timeout_seconds:
            return
        if self._replaced.get(seat.name) != contact:
            self._replaced[seat.name] = contact
            self._core.spawn_background_task(self._redial_silent_phone(seat, contact), "phone-back")

    async def hang_up_silent_seat_phone(self, seat: Seat) -> bool:
        """Hang up an agent's connected phone if it is dead (sends no audio). Return whether it was dead.

        During the check the seat gets no voters.
        """
        if not self._timeout_seconds or seat.phone_on_hold:
            return False
        self._acd.set_seat_phone_suspected_dead(seat.name, True)
        listens = TALKING_LISTENS if self._is_voter_at_seat(seat) else LISTENS
        if await self._does_phone_send_audio(seat, listens=listens):
            self._acd.set_seat_phone_suspected_dead(seat.name, False)
            return False
        await self._hang_up_seat_phone(seat)
        return True

    def _is_voter_at_seat(self, seat: Seat) -> bool:
        """Return whether a voter talks to the agent at a seat or is being connected to the seat."""
        call = self._calls.find_call_at_seat(seat)
        is_arriving = seat.state is SeatState.RESERVED and call is not None and call.talk.seat == seat.name
        return seat.state is SeatState.TALKING or is_arriving

    def _is_agent_phone_permanently_connected(self, seat: Seat) -> bool:
        now = self._seats[seat.name]
        return now.phone_up and now.agent is not None

    async def _check_phone_for_audio(self, seat_name: str) -> None:
        now = self._seats[seat_name]
        if now.phone_up:
            await self.hang_up_silent_seat_phone(now)

    async def _redial_silent_phone(self, seat: Seat, contact: str) -> None:
        try:
            # During the check the agent may have left, or the phone may have been replaced.
            silent = not await self._does_phone_send_audio(seat, listens=REPLACED_LISTENS)
            if silent and self._is_agent_phone_permanently_connected(seat) and self._replaced.get(seat.name) == contact:
                await self._switch.call_seat_phone(seat.name, seat.endpoint)
            await asyncio.sleep(REPLACED_SECONDS)
        except SwitchError as error:
            _log.info("seat.phone_call_failed", seat=seat.name, problem=str(error))
        if (
            self._replaced.get(seat.name) == contact
        ):  # otherwise the page was reloaded again, and the newer phone is handled
            del self._replaced[seat.name]
            await self._check_phone_for_audio(seat.name)  # if the new phone did not connect, or the old one is still up

    async def _does_phone_send_audio(self, seat: Seat, *, since: int | None = None, listens: int = LISTENS) -> bool:
        """Return whether an agent's phone sends audio: whether its number of audio packets differs from `since`.

        If `since` is None, the packets are counted twice, a moment apart. Return True if the switch cannot count them.
        A dead phone takes about a second to detect.
        """
        try:
            if since is None:
                since = await self._switch.count_packets_from_seat_phone(seat.name)
                await asyncio.sleep(LISTEN_SECONDS)
            for look in range(listens):
                if look:
                    await asyncio.sleep(LISTEN_SECONDS)
                if await self._switch.count_packets_from_seat_phone(seat.name) != since:
                    return True
        except SwitchError as error:  # unknown, so the phone counts as alive
            _log.info("seat.packet_count_failed", seat=seat.name, problem=str(error))
            return True
        return False

    async def _hang_up_seat_phone(self, seat: Seat) -> None:
        if seat.name in self._replaced:
            return
        _log.warning("seat.phone_silent", seat=seat.name)
        try:
            await self._switch.hang_up_seat_phone(seat.name)
        except SwitchError as error:  # the switch's own timeout will hang it up
            _log.info("seat.phone_release_failed", seat=seat.name, problem=str(error))

    def _is_conversation_short(self, call: Call) -> bool:
        if not self._timeout_seconds or call.talk.connected_seconds is None or call.adopted:
            return False
        talked = self._core.clock.monotonic() - call.talk.connected_seconds
        return talked < self._timeout_seconds + ROUNDED_SECONDS

    def _record_silent_agent_phone_on_call(self, call: Call) -> None:
        if call.talk.agent_silent or call.inbound:
            return
        self._calls.update_call(call, call.copy_call_with_silent_agent_phone())
        _log.warning("call.agent_silent", attempt=call.attempt_id, seat=call.talk.seat)
