"""Recordings of calls: store which calls are recorded, and pause recordings on an agent's request."""

from __future__ import annotations

from dialer.domain.errors import CommandRefused, NotInStore, SwitchError
from dialer.domain.judged_calls import WhoAnswered
from dialer.domain.model import AttemptId
from dialer.domain.switch import Switch
from dialer.domain.view import CampaignChange
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call
from dialer.engine.campaigns.abandoned_counts import apply_measured_false_positive_share
from dialer.engine.campaigns.runs import CampaignRuns
from dialer.engine.core import Core
from dialer.engine.effects import Notify
from dialer.engine.seats.seats import Seats
from dialer.store.store import Store


class Recorder:
    """Stores which calls are recorded, and pauses recordings. The recordings are made by the switch."""

    def __init__(
        self, core: Core, calls: LiveCalls, runs: CampaignRuns, seats: Seats, switch: Switch, store: Store
    ) -> None:
        self._core = core
        self._runs = runs
        self._calls = calls
        self._seats = seats
        self._switch = switch
        self._store = store

    def on_recording_started(self, call: Call) -> None:
        """Store that the switch has started to record a call."""
        known = self._calls.update_call(call, call.copy_call_with_answer(self._core.read_clock()))
        self._calls.update_call(known, known.copy_call_with_recording())

    async def allow_recording_playback(self, attempt_id: AttemptId) -> str:
        """Return the reply that allows the recording of an ended call to be played. Raises CommandRefused if the call
        has no recording, StoreError.
        """
        if not await self._store.has_call_with_recording_ended(attempt_id):
            raise CommandRefused(
                "no recording of that call is available: the call is still in progress, was not recorded, or its"
                " recording was erased"
            )
        return "the recording may be played"

    async def judge_recorded_call(self, attempt_id: AttemptId, answered_by: WhoAnswered, judged_by: str) -> str:
        """Store a supervisor's judgement of who answered a call that was hung up as an answering machine.

        The share of people among the judged calls is applied to the campaign at once. Return the reply to the command.
        Raises CommandRefused, StoreError.
        """
        now = self._core.clock.now()
        try:
            campaign_id = await self._store.save_judgement_of_call(attempt_id, answered_by, now, judged_by)
        except NotInStore as error:
            raise CommandRefused(str(error)) from error
        judged = await self._store.count_judged_calls_of_campaign(campaign_id)
        if campaign_id in self._runs:
            await apply_measured_false_positive_share(self._runs[campaign_id], judged, self._store, self._core.clock)
            self._core.request_side_effects(Notify(CampaignChange(campaign_id)))
        return f"{judged.judged} calls judged, {judged.people} of them answered by people"

    async def pause_or_resume_recording(self, seat_name: str, *, pausing: bool) -> str:
        """Pause the recording of a seat's call (silence is recorded), or resume it. Raises CommandRefused."""
        call = self._calls.find_call_at_seat(self._seats.require_known_seat(seat_name))
        if call is None or not call.talk.recorded:
            raise CommandRefused(f"seat {seat_name} has no call that is being recorded")
        if call.talk.recording_paused is pausing:
            raise CommandRefused(f"seat {seat_name}: the recording is already {'paused' if pausing else 'running'}")
        self._pause_or_resume_recording_of_call(call.attempt_id, paused=pausing)
        try:
            await self._switch.set_call_recording_muted(call.attempt_id, muted=pausing)
        except SwitchError as error:
            self._pause_or_resume_recording_of_call(call.attempt_id, paused=not pausing)
            raise CommandRefused(
                f"seat {seat_name}: the recording could not be {'paused' if pausing else 'resumed'}: {error}"
            ) from error
        self._seats.publish_seat_view(seat_name)
        return f"seat {seat_name}: the recording is {'paused' if pausing else 'resumed'}"

    def _pause_or_resume_recording_of_call(self, attempt_id: AttemptId, *, paused: bool) -> None:
        call = self._calls.find_live_call(attempt_id)
        if call is not None:
            self._calls.update_call(call, call.copy_call_with_recording_paused(paused=paused))
