"""Serves log-ins: a seat's phone has dialled the log-in code, or answered the desk's call, and is asked for number and PIN."""

from __future__ import annotations

import re

import structlog

from dialer.domain.errors import CommandRefused, LogInRefused
from dialer.engine.seats.service import Agents
from dialer.engine.seats.state import Seat
from dialer.flows.sounds import text_sound
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import CallHungUp, SoundMissing
from dialer.switch.asterisk.multi_server import AnyAsterisk
from dialer.switch.asterisk.places import LOG_IN_CONTEXT, REPLACES_VARIABLE

_log = structlog.get_logger(__name__)

SEAT_VARIABLE = "MATDAN_SEAT"
"""Set when the agent is logged in: the dialplan nails the phone up in this seat's conference, and hangs up without it."""

SPOKEN = ("number", "pin", "wrong", "taken", "welcome")
"""The texts `seat.*` that an agent hears while logging in."""

TRIES = 3
BETWEEN_KEYS_MS = 5000
_MOST_NUMBER_KEYS = 10
_MOST_PIN_KEYS = 16  # more than a PIN has, so that one too long is seen as wrong; what is keyed beyond them is not read
_CHANNEL = re.compile(r"PJSIP/([A-Za-z0-9_-]{1,40})-[0-9a-f]{8}", re.ASCII)


class LogInHandler:
    """The FastAGI handler of the path `seat`."""

    def __init__(self, desk: Agents, switch: AnyAsterisk, language: str) -> None:
        """`switch` knows the channels; `language` is spoken at seats that have none of their own."""
        self._desk = desk
        self._switch = switch
        self._language = language

    async def __call__(self, call: AgiCall) -> None:
        """Log an agent in, or leave the phone to be hung up. The seat is the one whose phone this is: wrong PINs count against it,
        so Asterisk must have told that this phone is on the line here.
        """
        channel = _CHANNEL.fullmatch(call.env.channel)
        seat = None if channel is None else self._desk.seat_of_endpoint(channel[1])
        if seat is None or not await self._switch.stands(call.env.unique_id, call.env.channel, LOG_IN_CONTEXT):
            _log.warning("seat.turned-away", channel=call.env.unique_id)
            return
        try:
            await self._log_in(call, seat)
        except CallHungUp:
            _log.info("seat.hung-up-before-log-in", seat=seat.name)

    async def _log_in(self, call: AgiCall, seat: Seat) -> None:
        language = self._language_of(seat)
        if not self._desk.takes_log_ins:
            await _say(call, "taken", language)
            return
        for _ in range(TRIES):
            number = await _keyed(call, "number", language, _MOST_NUMBER_KEYS)
            pin = await _keyed(call, "pin", language, _MOST_PIN_KEYS) if number else ""
            if not pin:
                continue
            try:
                await self._desk.log_in(seat.name, number, pin, phone_here=True)
            except CommandRefused as refused:
                _log.info("seat.log-in-refused", seat=seat.name)
                await _say(call, "wrong" if isinstance(refused, LogInRefused) else "taken", language)
                continue
            if self._desk.has_phone(seat.name):
                await call.set_variable(REPLACES_VARIABLE, "1")
            await call.set_variable(SEAT_VARIABLE, seat.name)
            await _say(call, "welcome", language)
            return
        await _say(call, "goodbye", language, of="common")

    def _language_of(self, seat: Seat) -> str:
        if not seat.languages or self._language in seat.languages:
            return self._language
        return min(seat.languages)


async def _say(call: AgiCall, what: str, language: str, of: str = "seat") -> None:
    """Say it. A sound that is missing is left out: an agent who knows the keys can do without."""
    try:
        await call.stream_file(text_sound(f"{of}.{what}", language))
    except SoundMissing as error:
        _log.error("seat.sound-missing", error=str(error))


async def _keyed(call: AgiCall, what: str, language: str, most: int) -> str:
    """What is keyed in answer to a question, without the closing #; "" when nothing came."""
    try:
        return await call.get_data(text_sound(f"seat.{what}", language), BETWEEN_KEYS_MS, most)
    except SoundMissing as error:
        _log.error("seat.sound-missing", error=str(error))
    digits = ""
    while len(digits) < most:
        key = await call.wait_for_digit(BETWEEN_KEYS_MS)
        if key is None or key == "#":
            break
        digits += key
    return digits
