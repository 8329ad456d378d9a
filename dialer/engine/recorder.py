"""Recordings of calls: that there is one is kept, and it is paused while something is said that must not be kept."""

from __future__ import annotations

from dataclasses import replace

from dialer import commands
from dialer.calls import Call
from dialer.engine.floor import Floor
from dialer.engine.results import Results
from dialer.engine.state import Centre
from dialer.errors import CommandRefused, SwitchError
from dialer.model import AttemptId
from dialer.store.port import Store
from dialer.switch.port import Switch


class Recorder:
    """What the engine does about recordings; the switch makes them."""

    def __init__(self, centre: Centre, switch: Switch, store: Store, results: Results, floor: Floor) -> None:
        """The state of a recording is with its call."""
        self._centre = centre
        self._switch = switch
        self._store = store
        self._results = results
        self._floor = floor

    def began(self, call: Call) -> None:
        """The switch records this call from now on."""
        if call.recorded:
            return
        self._centre.update_call(call, replace(call, recorded=True))
        attempt_id, now = call.attempt_id, self._centre.clock.now()
        self._centre.spawn(
            self._results.keep("recording", lambda: self._store.record_recording(attempt_id, now)), "record-recording"
        )

    async def execute(self, command: commands.RecordingCommand) -> str:
        """Pause a recording or let it go on; one line that says what was done. Raises CommandRefused."""
        pausing = isinstance(command, commands.SeatPauseRecording)
        call = self._centre.call_at(self._centre.seat(command.seat))
        if call is None or not call.recorded:
            raise CommandRefused(f"seat {command.seat} has no call that is recorded")
        if call.recording_paused is pausing:
            raise CommandRefused(f"seat {command.seat}: the recording {'is paused' if pausing else 'goes on'} already")
        self._note(call.attempt_id, paused=pausing)
        try:
            await self._switch.mute_recording(call.attempt_id, muted=pausing)
        except SwitchError as error:
            self._note(call.attempt_id, paused=not pausing)
            raise CommandRefused(f"seat {command.seat}: the recording was not changed: {error}") from error
        self._floor.tell(command.seat)
        return f"seat {command.seat}: the recording {'is paused' if pausing else 'goes on'}"

    def _note(self, attempt_id: AttemptId, *, paused: bool) -> None:
        call = self._centre.calls.get(attempt_id)
        if call is not None:
            self._centre.update_call(call, replace(call, recording_paused=paused))
