"""The FastAGI handler with which agents log in by phone: they enter their number and PIN.

It runs when a seat's phone has dialled the log-in code, or has answered the dialler's log-in call.
"""

from __future__ import annotations

import re
from typing import Final

import structlog

from dialer.domain.errors import CommandRefused, LogInRefused
from dialer.engine.seats.service import Agents
from dialer.engine.seats.state import Seat
from dialer.flows.sounds import make_sound_name_for_text
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import CallHungUp, SoundMissing
from dialer.switch.asterisk.multi_server import AnyAsterisk
from dialer.switch.asterisk.places import LOG_IN_CONTEXT, REPLACES_VARIABLE

_log = structlog.get_logger(__name__)

SEAT_VARIABLE: Final = "MATDAN_SEAT"
"""The channel variable that is set once the agent is logged in. The dialplan connects the phone to this seat's
conference, or hangs up if the variable is not set.
"""

SPOKEN: Final = ("number", "pin", "wrong", "taken", "welcome")
"""The names of the texts `seat.*` that an agent hears while logging in."""

TRIES: Final = 3
BETWEEN_KEYS_MS: Final = 5000
_MOST_NUMBER_KEYS: Final = 10
_MOST_PIN_KEYS: Final = 16  # more than the longest PIN, so that a PIN with extra digits is wrong
_CHANNEL = re.compile(r"PJSIP/([A-Za-z0-9_-]{1,40})-[0-9a-f]{8}", re.ASCII)


class LogInHandler:
    """The FastAGI handler (path `seat`) that logs in agents who dial the log-in code on a seat's phone."""

    def __init__(self, agents: Agents, switch: AnyAsterisk, language: str) -> None:
        """Create the handler. `language` is used at seats for which no language is set."""
        self._agents = agents
        self._switch = switch
        self._language = language

    async def __call__(self, call: AgiCall) -> None:
        """Ask the agent on a seat's phone for number and PIN, and log the agent in.

        If this fails, the dialplan hangs up. Wrong PINs count against the seat, so Asterisk must first confirm that the
        seat's phone is on this call.
        """
        channel = _CHANNEL.fullmatch(call.env.channel_name)
        seat = None if channel is None else self._agents.find_seat_by_endpoint(channel[1])
        if seat is None or not await self._switch.is_channel_answered(
            call.env.unique_id, call.env.channel_name, LOG_IN_CONTEXT
        ):
            _log.warning("seat.rejected", channel=call.env.unique_id)
            return
        try:
            await self._log_in_seat(call, seat)
        except CallHungUp:
            _log.info("seat.hung_up_before_log_in", seat=seat.name)

    async def _log_in_seat(self, call: AgiCall, seat: Seat) -> None:
        language = self._choose_prompt_language(seat)
        if not self._agents.can_agents_log_in_by_phone:
            await _play_prompt_of_log_in(call, "taken", language)
            return
        for _ in range(TRIES):
            number = await _ask_agent_for_digits(call, "number", language, _MOST_NUMBER_KEYS)
            pin = await _ask_agent_for_digits(call, "pin", language, _MOST_PIN_KEYS) if number else ""
            if not pin:
                continue
            try:
                await self._agents.log_in_agent(seat.name, number, pin, phone_here=True)
            except CommandRefused as refused:
                _log.info("seat.log_in_refused", seat=seat.name)
                await _play_prompt_of_log_in(call, "wrong" if isinstance(refused, LogInRefused) else "taken", language)
                continue
            if self._agents.is_phone_connected(seat.name):
                await call.set_channel_variable(REPLACES_VARIABLE, "1")
            await call.set_channel_variable(SEAT_VARIABLE, seat.name)
            await _play_prompt_of_log_in(call, "welcome", language)
            return
        await _play_prompt_of_log_in(call, "goodbye", language, group="common")

    def _choose_prompt_language(self, seat: Seat) -> str:
        if not seat.languages or self._language in seat.languages:
            return self._language
        return min(seat.languages)


async def _play_prompt_of_log_in(call: AgiCall, what: str, language: str, group: str = "seat") -> None:
    """Play a prompt to the agent who logs in: the sound for the text key `<group>.<what>`, such as `seat.wrong`.

    A missing sound is skipped, because agents who know the procedure do not need it.
    """
    try:
        await call.play_sound_file(make_sound_name_for_text(f"{group}.{what}", language))
    except SoundMissing as error:
        _log.error("seat.sound_missing", error=str(error))


async def _ask_agent_for_digits(call: AgiCall, what: str, language: str, most: int) -> str:
    """Play the prompt `what`, such as "pin", and return the digits that the agent enters ("" = none).

    At most `most` digits are read. The # that ends the input is not returned.
    """
    try:
        return await call.play_sound_and_read_keys(
            make_sound_name_for_text(f"seat.{what}", language), BETWEEN_KEYS_MS, most
        )
    except SoundMissing as error:
        _log.error("seat.sound_missing", error=str(error))
    digits = ""
    while len(digits) < most:
        key = await call.wait_for_digit(BETWEEN_KEYS_MS)
        if key is None or key == "#":
            break
        digits += key
    return digits
