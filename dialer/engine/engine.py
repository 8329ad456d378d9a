"""The engine: passes each event to the features (such as seats or trunks), and carries out their effects.

Everything runs in one event loop, and no event handler waits. Effects (`effects.py`), such as requests to the switch,
are carried out after the event was handled. Commands arrive through `execute_command`, inputs of IVR callers through
`features.ivr_flow_service`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

import structlog

from dialer.audio.information_message import MESSAGE_SOUND
from dialer.domain import switch_events
from dialer.domain.alerts import Alert
from dialer.domain.errors import CommandRefused, StoreError, SwitchError
from dialer.domain.model import AttemptId
from dialer.domain.newest_call import NewestCall
from dialer.domain.parties import parse_transfer_attempt_id
from dialer.domain.view import CampaignView, CentreView, Change
from dialer.engine.calls.state import Call
from dialer.engine.command.base import FROM_DIALLER, Command, CommandContext, SeatCommand
from dialer.engine.core import Core
from dialer.engine.effects import (
    CallFinished,
    Effect,
    Event,
    HouseholdChanged,
    Notify,
    RunCommand,
    SeatStateChanged,
    StartTimer,
    StopTimer,
    StoreCommit,
    StoreFailed,
    SwitchOrder,
    TimerExpired,
    TimerKind,
    UpdatePacer,
)
from dialer.engine.features import Features
from dialer.engine.lifecycle import Lifecycle
from dialer.engine.plan import Dependencies
from dialer.engine.resync import Resync
from dialer.engine.timers import Timers
from dialer.engine.views import make_campaign_view, make_centre_view

_log = structlog.get_logger(__name__)

_RANKS = {UpdatePacer: 0, StartTimer: 1, StopTimer: 1, SwitchOrder: 2, StoreCommit: 3, Notify: 4}
"""The order of effects: first the pacer is updated, then the switch gets its orders, the store is written and
subscribers are notified. Commands from agents' phones, store failures and further events come last.
"""


class Engine:
    """Runs the calls of one centre."""

    def __init__(self, core: Core, dependencies: Dependencies) -> None:
        self._core = core
        self.features = Features(core, dependencies)
        self.features.build_all_features()
        self._resync = Resync(self.features)
        self._timers = Timers(self._on_timer_expired)
        self._lifecycle = Lifecycle(self.features, self._resync, self._timers, self.perform_requested_side_effects)
        self._subscribers: list[Callable[[Change], None]] = []
        self._has_ended = False

    # Interface for other parts of the dialler

    @property
    def mqtt_message_stored_event(self) -> asyncio.Event:
        """Return the event that is set when a message for the MQTT broker was stored.

        The task that sends messages clears it.
        """
        return self.features.store.outbox_event

    def make_centre_view(self) -> CentreView:
        """Return the state of the centre at this moment."""
        return make_centre_view(self.features)

    def make_campaign_view(self, campaign_id: str) -> CampaignView | None:
        """Return the figures of a campaign at this moment, or None if the campaign no longer exists."""
        return make_campaign_view(self.features, campaign_id)

    def subscribe_to_changes(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call `callback`, which must not block, at each change of the centre. Returns a function that ends the
        subscription.
        """
        self._subscribers.append(callback)

        def end_subscription() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return end_subscription

    async def wait_until_calls_are_reconciled(self) -> None:
        """Wait until the calls in the store were compared with those on the switch for the first time, or until a
        timeout.
        """
        await self._resync.wait_until_first_asterisk_resync()

    def raise_or_clear_alert(self, alert: Alert) -> None:
        """Raise or end an alert that another part of the dialler has sent."""
        self.features.active_alerts.raise_or_clear_alert(alert)

    async def check_that_store_has_newest_call(self, place: str, call: NewestCall) -> bool:
        """Return whether the store has the newest call that `place` (the broker or an Asterisk server) has recorded.

        If not, an older copy of the store is in use, and nothing is dialled.
        """
        return await self.features.stale_store_detector.check_that_store_has_newest_call(place, call)

    async def import_opt_out_from_other_centre(self, number_hash: str, *, at: float, centre: str) -> None:
        """Suppress a number that opted out in another centre, and cancel its unanswered calls. Raises StoreError."""
        await self.features.voter_mark_recorder.store_opt_out_of_other_centre(number_hash, at=at, centre=centre)

    async def execute_command(self, command: Command, context: CommandContext = FROM_DIALLER) -> str:
        """Execute a command and return its reply, one line that says what was done. Raises
        CommandRefused, StoreError.
        """
        return await command.execute_command(self.features.services_that_execute_commands, context)

    async def load_engine_state(self, trunks: Collection[str] = ()) -> None:
        """Load the state of the centre from the store. Call this before placing calls. Raises StoreError.

        `trunks` are the trunks that have stayed on the same Asterisk server since the previous run.
        """
        await self._lifecycle.load_engine_state(trunks)

    async def place_calls_until_stopped(self, stop: asyncio.Event) -> None:
        """Place calls until `stop` is set, then let live calls end. An unexpected error ends the engine
        (fail closed).
        """
        try:
            await self._lifecycle.place_and_finish_calls_until_stopped(stop)
        finally:
            self._has_ended = True
            self._timers.stop_all_timers()
        await self._lifecycle.save_state_at_shutdown()
        for effect in self._core.pop_requested_side_effects():
            if isinstance(effect, StoreFailed):
                self.features.retrying_store_writer.on_store_failure(effect.error)
        self.features.dependencies.sent_journal.close()

    # Events

    def on_switch_event(self, event: Event) -> None:
        """Handle an event of the telephone switch at once and carry out its effects. Events after the engine's end are
        ignored.
        """
        if self._has_ended:
            return
        self._core.in_event = True
        try:
            self.pass_event_to_features(event)
        finally:
            self.perform_requested_side_effects()

    def _on_timer_expired(self, event: TimerExpired) -> None:
        try:
            self.on_switch_event(event)
        except Exception as error:  # noqa: BLE001 - asyncio would log the error and continue
            self._core.end_engine_with_error(error)

    def on_flow_ended(
        self,
        attempt_id: str,
        *,
        completed: bool,
        left_at: str | None,
        answers: Mapping[str, str] = MappingProxyType({}),
        unheard: str | None = None,
    ) -> None:
        """Handle the end of a call's IVR flow. If the switch has already ended the call, finish the call.

        `unheard` is the name of a sound that could not be played, or None. A missing sound stops the campaign, because
        callers could not answer.
        """
        if self._has_ended:
            return
        features = self.features
        live = features.live_calls.find_live_call(AttemptId(attempt_id))
        if live is not None and unheard is not None:
            features.campaign_control_service.stop_campaign_with_unplayable_sound(live, unheard)
        call = features.ivr_flow_service.end_flow_of_call(
            AttemptId(attempt_id), completed=completed, left_at=left_at, answers=answers
        )
        if call is not None and call.leg.ended is not None:
            self._core.request_side_effects(CallFinished(call.leg.ended))
        self.perform_requested_side_effects()

    def pass_event_to_features(self, event: Event) -> None:
        """Pass an event to the features of the engine that handle it."""
        features = self.features
        match event:
            case TimerExpired():
                self._pass_expired_timer_to_feature(event)
            case CallFinished() | SeatStateChanged() | HouseholdChanged():
                self._pass_internal_event_to_feature(event)
            case switch_events.SwitchUp():
                self._resync.on_asterisk_server_connected(event)
            case switch_events.SwitchDown():
                self._resync.on_asterisk_server_disconnected(event)
            case switch_events.PartyJoined() | switch_events.PartyLeft():
                self._pass_third_party_event_to_features(event)
            case switch_events.UnregisteredTrunksListed():
                features.trunk_health_monitor.on_unregistered_trunks_listed(event)
            case switch_events.CallEvent():
                self._pass_call_event_to_features(event)
            case _:
                self._pass_phone_event_to_features(event)

    def _pass_internal_event_to_feature(self, event: CallFinished | SeatStateChanged | HouseholdChanged) -> None:
        features = self.features
        match event:
            case CallFinished(ended=ended):
                self._end_call_in_all_features(ended)
            case SeatStateChanged(seat=seat):
                features.seat_monitoring_service.update_monitoring_of_changed_seat(seat)
            case HouseholdChanged(seat=seat, attempt_id=attempt_id):
                features.screen_pop_reader.read_screen_pop(seat, attempt_id, again=True)

    def _pass_phone_event_to_features(self, event: switch_events.PhoneEvent) -> None:
        features = self.features
        match event:
            case switch_events.SeatUp(seat=seat):
                features.call_distributor.on_phone_connected(seat)
            case switch_events.SeatDown(seat=seat):
                self._resync.on_phone_disconnected(seat)
            case switch_events.SeatPhoneSilent(seat=seat):
                features.silent_seat_phone_detector.on_phone_silence_timeout(seat)
            case switch_events.PhoneUnreachable(endpoint=endpoint):
                features.silent_seat_phone_detector.on_phone_unreachable(endpoint)
            case switch_events.PhoneRegistered(endpoint=endpoint, contact=contact):
                features.call_distributor.on_phone_registered(endpoint)
                features.silent_seat_phone_detector.on_phone_registered(endpoint, contact)
            case switch_events.SeatPhoneHeld(seat=seat):
                features.call_transfer_service.on_agent_phone_put_on_hold(seat)
            case switch_events.SeatPhoneResumed(seat=seat):
                features.call_transfer_service.on_agent_phone_taken_off_hold(seat)
            case switch_events.SeatKeyPressed(seat=seat, key=key):
                features.seat_phone_key_handler.on_key_pressed(seat, key)

    def _pass_third_party_event_to_features(self, event: switch_events.PartyJoined | switch_events.PartyLeft) -> None:
        features = self.features
        if isinstance(event, switch_events.PartyLeft):
            features.call_transfer_service.on_transfer_target_left(event.party_id)
            features.seat_monitoring_service.on_supervisor_phone_left(event.party_id)
        elif parse_transfer_attempt_id(event.party_id) is not None:
            features.call_transfer_service.on_transfer_target_answered(event.party_id, event.place)

    def _pass_call_event_to_features(self, event: switch_events.CallEvent) -> None:
        features = self.features
        call = features.live_calls.find_live_call(event.attempt_id)
        if call is None:  # an unknown caller's, or one that has ended for us
            if isinstance(event, switch_events.CallEnded):
                features.inbound_call_router.on_end_of_unstored_inbound_call(event)
            elif isinstance(event, switch_events.StrayCallFound):
                features.call_reconciler.hang_up_call_unknown_to_engine(event.attempt_id)
        elif isinstance(event, switch_events.MessageFailed):
            features.campaign_control_service.stop_campaign_with_unplayable_sound(call, MESSAGE_SOUND)
        else:
            self._pass_live_call_event_to_features(call, event)

    def _pass_live_call_event_to_features(self, call: Call, event: switch_events.CallEvent) -> None:
        features = self.features
        match event:
            case switch_events.CallSentToCarrier():
                features.trunk_pool.record_call_sent_to_carrier(
                    call.trunk, call.leg.began_seconds, self._core.clock.monotonic()
                )
            case switch_events.CallRinging() | switch_events.CallAnswered() | switch_events.MachineDetected():
                self._record_ringing_or_answer_of_call(call, event)
            case switch_events.CallWaiting():
                features.call_distributor.connect_or_queue_voter(call)
            case switch_events.CallConnected(seat=seat):
                features.call_transfer_service.on_voter_returned(call.attempt_id)
                features.call_distributor.on_voter_connected(call, seat)
                features.silent_seat_phone_detector.start_counting_packets_of_agent_phone(call, seat)
                features.call_transfer_service.hold_voter_if_phone_held(seat)
            case switch_events.CallLeftSeat(seat=seat):
                if not features.call_transfer_service.is_voter_away_because_of_transfer(call.attempt_id):
                    features.call_distributor.on_voter_left_seat(call, seat)
            case switch_events.CallHandedOver():
                features.call_transfer_service.on_voter_connected_to_transfer_target(call)
            case switch_events.RecordingStarted():
                features.call_recording_service.on_recording_started(call)
            case switch_events.MachineMessageLeft():
                features.live_calls.update_call(call, call.copy_call_with_message_on_machine())
            case switch_events.MessageStarted():
                features.call_transfer_service.on_information_message_started(call)
                features.call_distributor.on_information_message_started(call)
            case switch_events.CallEnded():
                if not features.ended_call_recorder.defer_call_end_if_work_pending(
                    call, event, features.silent_seat_phone_detector
                ):
                    self._end_call_in_all_features(event)

    def _record_ringing_or_answer_of_call(self, call: Call, event: switch_events.CallEvent) -> None:
        calls, now = self.features.live_calls, self._core.read_clock()
        if isinstance(event, switch_events.CallRinging):
            calls.update_call(call, call.mark_call_as_ringing(now))
            if (
                call.ringing_monotonic_seconds is None and not call.adopted
            ):  # an adopted call may have been ringing for a long time
                self.features.trunk_health_monitor.on_call_ringing(call)
            return
        answered = calls.update_call(call, call.copy_call_with_answer(now))
        if isinstance(event, switch_events.MachineDetected):
            calls.update_call(answered, answered.copy_call_with_machine_answer())

    def _end_call_in_all_features(self, ended: switch_events.CallEnded) -> None:
        """End a call in every feature of the engine that knows it."""
        features = self.features
        call = features.live_calls.find_live_call(ended.attempt_id)
        if call is not None:
            features.ended_call_recorder.alert_about_missing_switch_events(call)
            features.call_transfer_service.end_transfer_of_ended_call(call.attempt_id)
            features.call_distributor.update_seat_of_ended_call(call)
            features.ended_call_recorder.end_call(features.live_calls[call.attempt_id], ended)

    def _pass_expired_timer_to_feature(self, expired: TimerExpired) -> None:
        features, seat, attempt_id = self.features, expired.seat, expired.attempt_id or AttemptId("")
        handlers: dict[TimerKind, Callable[[], object]] = {
            TimerKind.WRAP_UP_EXPIRED: lambda: features.call_distributor.on_wrap_up_expired(seat),
            TimerKind.CALL_PHONE: lambda: features.call_distributor.call_seat_phone(seat),
            TimerKind.PHONE_NOT_CALLED: lambda: features.call_distributor.schedule_redial_of_seat_phone(seat),
            TimerKind.AGENT_ABSENT: lambda: features.agent_seat_service.log_off_absent_agent(seat),
            TimerKind.LOG_IN_UNLOCKED: lambda: features.agent_seat_service.clear_alert_about_locked_log_ins(seat),
            TimerKind.MESSAGE_EXPIRED: lambda: features.supervisor_message_sender.remove_supervisor_message(seat),
            TimerKind.CONNECT_LIMIT: lambda: features.call_distributor.play_information_message_to_voter(attempt_id),
            TimerKind.VOTER_NOT_CONNECTED: lambda: features.call_distributor.free_seat_after_failed_connection(
                seat, attempt_id
            ),
            TimerKind.SCREEN_POP: lambda: features.screen_pop_reader.read_screen_pop(seat, attempt_id, again=False),
            TimerKind.OWN_CALL_BACK: lambda: features.agent_call_back_scheduler.on_call_back_due(attempt_id),
            TimerKind.PREVIEW_EXPIRED: lambda: features.agent_dialling_service.on_preview_expired(seat, attempt_id),
            TimerKind.HAND_OVER_FAILED: lambda: features.call_transfer_service.on_connection_to_transfer_target_failed(
                attempt_id
            ),
            TimerKind.FORGERY_ALERT_EXPIRED: features.headquarters_order_executor.clear_alert_about_forged_orders,
            TimerKind.FLOW_OVERDUE: lambda: self._end_call_with_unfinished_flow(attempt_id),
        }
        handlers[expired.kind]()

    def _end_call_with_unfinished_flow(self, attempt_id: AttemptId) -> None:
        call = self.features.live_calls.find_live_call(attempt_id)
        if call is not None and call.leg.ended is not None:
            self._end_call_in_all_features(call.leg.ended)

    # Effects

    def perform_requested_side_effects(self) -> None:
        """Carry out the requested effects, such as timers and orders to the switch, until none is left.

        If one fails, the others are still carried out; then the engine ends.
        """
        mistake: Exception | None = None
        self._core.in_event = True
        try:
            while effects := self._core.pop_requested_side_effects():
                for effect in sorted(effects, key=lambda effect: _RANKS.get(type(effect), len(_RANKS))):
                    try:
                        self._perform_requested_side_effect(effect)
                    except Exception as error:  # noqa: BLE001 - the other effects must be carried out in any case
                        _log.error("effect.failed", effect=type(effect).__name__, problem=type(error).__name__)
                        mistake = mistake or error
        finally:
            self._core.in_event = False
        if mistake is not None:
            self._core.end_engine_with_error(mistake)

    def _perform_requested_side_effect(self, effect: Effect) -> None:
        match effect:
            case UpdatePacer():
                self._update_pacer(effect)
            case StartTimer():
                self._timers.start_timer(effect)
            case StopTimer(key=key):
                self._timers.stop_timer(key)
            case SwitchOrder():
                self._core.spawn_background_task(self._send_switch_order(effect), effect.name)
            case StoreCommit():
                self._core.spawn_background_task(
                    self.features.retrying_store_writer.repeat_store_write_until_committed(effect), effect.name
                )
            case Notify():
                for subscriber in self._subscribers:
                    subscriber(effect.change)
            case RunCommand(command=command):
                self._core.spawn_background_task(self._run_command_entered_on_phone(command), "keyed-command")
            case StoreFailed(error=error):
                self.features.retrying_store_writer.on_store_failure(error)
            case _:
                self.pass_event_to_features(effect)

    def _update_pacer(self, effect: UpdatePacer) -> None:
        event = self.features.loaded_campaigns[effect.campaign_id].pass_event_to_pacer(
            effect, self._core.clock.monotonic()
        )
        self.features.shares_of_agent_time.learn_from_pacing_event(effect.campaign_id, event)

    async def _send_switch_order(self, order: SwitchOrder) -> None:
        try:
            await order.call()
        except SwitchError as error:  # the link is lost, and a resync follows; or the channel has ended
            _log.info("switch_order.failed", order=order.name, target=str(order.call.args[0]), problem=str(error))
            if order.on_failure is not None:
                self.on_switch_event(order.on_failure)

    async def _run_command_entered_on_phone(self, command: SeatCommand) -> None:
        refusal: Exception | None = None
        try:
            await self.execute_command(command)
        except (CommandRefused, StoreError) as error:
            refusal = error
        finally:
            self.features.seat_phone_key_handler.on_phone_command_done(command, refusal)
