"""Translate the keys that an agent presses on a nailed-up phone into commands. This module does no I/O.

A key that completes no code plays the error sound, and the keys before it are discarded. So does a key later than five
seconds after the start of a code: a late `1` after `*` must not count as the disposition "voted". Very many keys in a
short time (stuck key, line noise) are all refused.

The codes are:

    0-9     disposition of the call (`DISPOSITION_KEYS`); 3 (later) needs the hour in two digits: 316 is 4 pm
    *1      ready            *2N     pause for reason N            *3      hang up the voter            *0      log off
    *4      hold             *5      resume from hold              *6      pause the recording          *7      resume it
    *8      closing: the talk is about to end
    *1, *3  during a preview: dial it, skip it
    *       in the middle of a code starts a new code
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dialer.domain.model import DISPOSITION_KEYS, AttemptId, Disposition
from dialer.domain.switch import SeatSound
from dialer.engine.command.base import SeatCommand
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.preview.commands import SeatPreviewDial, SeatPreviewSkip
from dialer.engine.recordings.commands import SeatPauseRecording, SeatResumeRecording
from dialer.engine.seats.commands import SeatClosing, SeatHangUp, SeatLogOff, SeatPause, SeatReady
from dialer.engine.transfers.commands import SeatHold, SeatResume

HALF_ENTERED_SECONDS = 5.0
STORM_KEYS = 10  # this many keys ...
STORM_SECONDS = 2.0  # ... within this time are not pressed by a person
_HOURS_IN_A_DAY = 24
KEYED = "keyed"  # the reason of a preview that was skipped on the phone


@dataclass(frozen=True, slots=True)
class Keypad:
    """The keys pressed so far of a key code, such as "*2", that the agent has not completed yet."""

    keys: str = ""
    at_seconds: float = 0.0  # of the last key, monotonic
    recent: tuple[float, ...] = field(default=(), compare=False)  # times of the last keys


@dataclass(frozen=True, slots=True)
class KeyResult:
    """The result of pressing a key on an agent's phone."""

    keypad: Keypad
    command: SeatCommand | None = None
    sound: SeatSound | None = None  # to play at once; None: the command's result decides


def process_pressed_key(keypad: Keypad, seat: str, key: str, now: float, pause_reasons: Sequence[str]) -> KeyResult:
    """Return the keypad after a key was pressed, and the command that the key completes, or None.

    `key` is the character that the phone sent. `now` is monotonic seconds.
    """
    recent = (*keypad.recent, now)[-STORM_KEYS:]
    storm = len(recent) == STORM_KEYS and now - recent[0] < STORM_SECONDS
    if storm or len(key) != 1 or key not in "0123456789*":
        return KeyResult(Keypad(recent=recent), sound=SeatSound.WRONG)
    too_late = bool(keypad.keys) and now - keypad.at_seconds > HALF_ENTERED_SECONDS
    if too_late and key != "*":
        return KeyResult(Keypad(recent=recent), sound=SeatSound.WRONG)
    keys = "*" if key == "*" else keypad.keys + key
    if keys in _PARTIAL_CODES or (len(keys) == 2 and keys[0] == _LATER_KEY):
        return KeyResult(Keypad(keys, now, recent), sound=SeatSound.KEY)
    command = _find_command_of_entered_keys(seat, keys, pause_reasons)
    return KeyResult(Keypad(recent=recent), command, None if command is not None else SeatSound.WRONG)


def translate_phone_command_during_preview(command: SeatCommand, attempt_id: AttemptId) -> SeatCommand:
    """Return the command to execute for a key code that was entered during a preview: "ready" dials the call, "hang up"
    skips it.
    """
    match command:
        case SeatReady():
            return SeatPreviewDial(seat=command.seat, attempt_id=attempt_id)
        case SeatHangUp():
            return SeatPreviewSkip(seat=command.seat, attempt_id=attempt_id, reason=KEYED)
    return command


_LATER_KEY = next(key for key, disposition in DISPOSITION_KEYS.items() if disposition is Disposition.LATER)
_PARTIAL_CODES = frozenset({"*", "*2", _LATER_KEY})


_COMMAND_CODES: dict[str, type[SeatCommand]] = {
    "*1": SeatReady,
    "*3": SeatHangUp,
    "*4": SeatHold,
    "*5": SeatResume,
    "*6": SeatPauseRecording,
    "*7": SeatResumeRecording,
    "*8": SeatClosing,
    "*0": SeatLogOff,
}


def _find_command_of_entered_keys(seat: str, keys: str, pause_reasons: Sequence[str]) -> SeatCommand | None:
    if keys in _COMMAND_CODES:
        return _COMMAND_CODES[keys](seat=seat)
    if keys.startswith("*2"):
        number = int(keys[2:])
        return SeatPause(seat=seat, reason=pause_reasons[number - 1]) if 1 <= number <= len(pause_reasons) else None
    if keys.startswith(_LATER_KEY):
        hour = int(keys[1:])
        return (
            PhoneKeyDisposition(seat=seat, disposition=Disposition.LATER, hour=hour) if hour < _HOURS_IN_A_DAY else None
        )
    disposition = DISPOSITION_KEYS.get(keys)
    return None if disposition is None else PhoneKeyDisposition(seat=seat, disposition=disposition)
