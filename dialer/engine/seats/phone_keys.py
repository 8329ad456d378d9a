"""The key codes that agents enter on their phones. Each code is executed as a command, one at a time for each seat."""

from __future__ import annotations

from dataclasses import replace

import structlog

from dialer.domain.switch import SeatSound, Switch
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.command.base import SeatCommand
from dialer.engine.core import Core
from dialer.engine.effects import RunCommand, make_order_to_switch
from dialer.engine.seats.keypad import Keypad, process_pressed_key, translate_phone_command_during_preview
from dialer.engine.seats.seats import Seats

_log = structlog.get_logger(__name__)


class SeatKeys:
    """Turns keys pressed on agents' phones into commands."""

    def __init__(self, core: Core, calls: LiveCalls, seats: Seats, switch: Switch) -> None:
        self._core = core
        self._calls = calls
        self._seats = seats
        self._switch = switch
        self._keypads: dict[str, tuple[str, Keypad]] = {}  # by seat: the agent, and the keys entered so far
        self._busy_seats: set[str] = set()  # seats whose last command is still running

    def on_key_pressed(self, seat_name: str, key: str) -> None:
        """Handle a key pressed on an agent's phone. While a command of the seat is running, further commands are
        refused.
        """
        seat = self._seats.find_seat(seat_name)
        if seat is None or seat.agent is None:
            return
        agent, before = self._keypads.get(seat_name, (seat.agent, Keypad()))
        if agent != seat.agent:
            before = Keypad()
        pressed = process_pressed_key(
            before,
            seat_name,
            key,
            self._core.clock.monotonic(),
            self._core.plan.agent_rules.pause_reasons,
        )
        call = self._calls.find_call_at_seat(seat)
        if pressed.command is not None and call is not None and call.leg.preview is not None:
            pressed = replace(pressed, command=translate_phone_command_during_preview(pressed.command, call.attempt_id))
        self._keypads[seat_name] = seat.agent, pressed.keypad
        if pressed.command is not None and seat_name not in self._busy_seats:
            self._busy_seats.add(seat_name)
            self._core.request_side_effects(RunCommand(pressed.command))
        else:
            self._play_key_sound_at_seat(seat_name, pressed.sound or SeatSound.WRONG)

    def on_phone_command_done(self, command: SeatCommand, refusal: Exception | None) -> None:
        """Play the sound that tells an agent whether the command entered on the phone was executed or refused."""
        self._busy_seats.discard(command.seat)
        if refusal is not None:
            _log.debug("key.refused", seat=command.seat, command=type(command).__name__, problem=str(refusal))
        self._play_key_sound_at_seat(command.seat, SeatSound.DONE if refusal is None else SeatSound.WRONG)

    def _play_key_sound_at_seat(self, seat_name: str, sound: SeatSound) -> None:
        self._core.request_side_effects(make_order_to_switch(self._switch.play_key_feedback_tone, seat_name, sound))
