"""Recordings: that a call has one is stored, and agents pause it while something is said that must not be recorded."""

from __future__ import annotations

from dialer.domain.errors import CommandRefused, SwitchError
from dialer.domain.model import AttemptId
from dialer.domain.switch import Switch
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call
from dialer.engine.core import Core
from dialer.engine.seats.seats import Seats
from dialer.store.store import Store


class Recorder:
    """Notes and pauses recordings; the switch makes them."""

    def __init__(self, core: Core, calls: LiveCalls, seats: Seats, switch: Switch, store: Store) -> None:
        self._core = core
        self._calls = calls
        self._seats = seats
        self._switch = switch
        self._store = store

    def began(self, call: Call) -> None:
        """Note that the switch records this call from now on."""
        known = self._calls.update(call, call.picked_up(self._core.instant()))
        self._calls.update(known, known.recording())

    async def play(self, attempt_id: AttemptId) -> str:
        """Allow a recording to be played. Raises CommandRefused, StoreError."""
        if not await self._store.has_recording(attempt_id):
            raise CommandRefused(
                "of that call there is no recording: it goes on still, was not recorded, or was erased"
            )
        return "the recording may be heard"

    async def mute(self, seat_name: str, *, pausing: bool) -> str:
        """Pause a recording (record silence), or resume it. Raises CommandRefused."""
        call = self._calls.at_seat(self._seats.require(seat_name))
        if call is None or not call.talk.recorded:
            raise CommandRefused(f"seat {seat_name} has no call that is recorded")
        if call.talk.recording_paused is pausing:
            raise CommandRefused(f"seat {seat_name}: the recording {'is paused' if pausing else 'goes on'} already")
        self._note(call.attempt_id, paused=pausing)
        try:
            await self._switch.mute_recording(call.attempt_id, muted=pausing)
        except SwitchError as error:
            self._note(call.attempt_id, paused=not pausing)
            raise CommandRefused(f"seat {seat_name}: the recording was not changed: {error}") from error
        self._seats.notify(seat_name)
        return f"seat {seat_name}: the recording {'is paused' if pausing else 'goes on'}"

    def _note(self, attempt_id: AttemptId, *, paused: bool) -> None:
        call = self._calls.get(attempt_id)
        if call is not None:
            self._calls.update(call, call.muted(muted=paused))
