"""Keys of an agent's phone become commands; all other keys change nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.model import AttemptId, Disposition
from dialer.domain.switch import SeatSound
from dialer.engine.command.base import SeatCommand
from dialer.engine.dispositions.commands import PhoneKeyDisposition, SeatDispose
from dialer.engine.preview.commands import SeatPreviewDial, SeatPreviewSkip
from dialer.engine.recordings.commands import SeatPauseRecording, SeatResumeRecording
from dialer.engine.seats.commands import SeatClosing, SeatHangUp, SeatLogOff, SeatPause, SeatReady
from dialer.engine.seats.keypad import (
    HALF_ENTERED_SECONDS,
    STORM_KEYS,
    STORM_SECONDS,
    Keypad,
    process_pressed_key,
    translate_phone_command_during_preview,
)
from dialer.engine.transfers.commands import SeatHold, SeatResume

REASONS = ("break", "meal", "training")


def press_keys(keys: str, every_seconds: float = 0.3) -> tuple[list[SeatCommand], list[SeatSound | None]]:
    """Press keys on an agent's phone. Return the commands that they complete and the sounds that answer them."""
    keypad, now = Keypad(), 0.0
    commands: list[SeatCommand] = []
    sounds: list[SeatSound | None] = []
    for key in keys:
        now += every_seconds
        pressed = process_pressed_key(keypad, "01", key, now, REASONS)
        keypad = pressed.keypad
        sounds.append(pressed.sound)
        commands += [pressed.command] if pressed.command else []
    return commands, sounds


@pytest.mark.parametrize(
    ("keys", "command"),
    [
        ("1", PhoneKeyDisposition(seat="01", disposition=Disposition.VOTED)),
        ("2", PhoneKeyDisposition(seat="01", disposition=Disposition.NOT_YET)),
        ("316", PhoneKeyDisposition(seat="01", disposition=Disposition.LATER, hour=16)),
        ("300", PhoneKeyDisposition(seat="01", disposition=Disposition.LATER, hour=0)),
        ("4", PhoneKeyDisposition(seat="01", disposition=Disposition.WILL_NOT)),
        ("5", PhoneKeyDisposition(seat="01", disposition=Disposition.WRONG_NUMBER)),
        ("6", PhoneKeyDisposition(seat="01", disposition=Disposition.CALL_BACK)),
        ("7", PhoneKeyDisposition(seat="01", disposition=Disposition.LANGUAGE)),
        ("8", PhoneKeyDisposition(seat="01", disposition=Disposition.REFUSED)),
        ("9", PhoneKeyDisposition(seat="01", disposition=Disposition.OPT_OUT)),
        ("0", PhoneKeyDisposition(seat="01", disposition=Disposition.MACHINE)),
        ("*1", SeatReady(seat="01")),
        ("*21", SeatPause(seat="01", reason="break")),
        ("*23", SeatPause(seat="01", reason="training")),
        ("*3", SeatHangUp(seat="01")),
        ("*4", SeatHold(seat="01")),
        ("*5", SeatResume(seat="01")),
        ("*6", SeatPauseRecording(seat="01")),
        ("*7", SeatResumeRecording(seat="01")),
        ("*8", SeatClosing(seat="01")),
        ("*0", SeatLogOff(seat="01")),
        ("31*1", SeatReady(seat="01")),  # a star in the middle starts a new code
        ("**2*0", SeatLogOff(seat="01")),
    ],
)
def test_key_code_entered_on_the_phone_becomes_a_seat_command(keys: str, command: SeatCommand) -> None:
    commands, sounds = press_keys(keys)
    assert commands == [command]
    assert sounds == [SeatSound.KEY] * (len(keys) - 1) + [None]


@pytest.mark.parametrize("keys", ["*9", "*20", "*24", "324", "399", "#", "A", "", "12", "١", "*\r"])
def test_phone_keys_that_stand_for_no_seat_command_are_refused(keys: str) -> None:
    keypad = Keypad()
    for key in [keys] if len(keys) != 3 and keys[:1] != "*" else keys:
        pressed = process_pressed_key(keypad, "01", key, 1.0, REASONS)
        keypad = pressed.keypad
    assert pressed.command is None
    assert pressed.sound is SeatSound.WRONG
    assert keypad == Keypad()


def test_phone_key_code_is_refused_if_the_next_key_comes_too_late() -> None:
    late = HALF_ENTERED_SECONDS + 0.1
    assert press_keys("*1", late) == (
        [],
        [SeatSound.KEY, SeatSound.WRONG],
    )  # meant as ready: it must not become "voted"
    assert press_keys("*11", late) == (
        [PhoneKeyDisposition(seat="01", disposition=Disposition.VOTED)],
        [SeatSound.KEY, SeatSound.WRONG, None],
    )
    assert press_keys("31", late)[0] == []
    assert press_keys("316", HALF_ENTERED_SECONDS)[0] == [
        PhoneKeyDisposition(seat="01", disposition=Disposition.LATER, hour=16)
    ]
    assert process_pressed_key(Keypad("3", 0.0), "01", "*", late, REASONS).keypad == Keypad("*", late)


def test_flood_of_keys_on_an_agents_phone_is_refused_until_it_slows_down() -> None:
    commands, sounds = press_keys("1" * 200, every_seconds=0.1)
    assert len(commands) == STORM_KEYS - 1
    assert sounds[STORM_KEYS:] == [SeatSound.WRONG] * (200 - STORM_KEYS)
    assert (
        len(press_keys("2" * 50, every_seconds=STORM_SECONDS / STORM_KEYS * 1.2)[0]) == 50
    )  # fast typing is no key storm
    keypad = Keypad(recent=tuple(n / 10 for n in range(STORM_KEYS)))
    assert process_pressed_key(keypad, "01", "1", 1.0, REASONS).command is None
    assert process_pressed_key(keypad, "01", "1", 3.0, REASONS).command == PhoneKeyDisposition(
        seat="01", disposition=Disposition.VOTED
    )


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.text(max_size=2), st.floats(0, 20)), max_size=60))
def test_number_of_remembered_key_presses_is_limited_during_a_flood_of_keys(keys: list[tuple[str, float]]) -> None:
    keypad, now = Keypad(), 0.0
    for key, seconds in keys:
        now += seconds
        pressed = process_pressed_key(keypad, "01", key, now, REASONS)
        keypad = pressed.keypad
        assert len(keypad.keys) <= 2
        assert len(keypad.recent) <= STORM_KEYS
        assert (pressed.command is None) is (pressed.sound is not None)
        if isinstance(pressed.command, SeatDispose) and pressed.command.hour is not None:
            assert 0 <= pressed.command.hour <= 23


def test_ready_key_dials_a_previewed_call_and_hang_up_key_skips_the_preview() -> None:
    attempt = AttemptId("a")
    assert translate_phone_command_during_preview(SeatReady(seat="01"), attempt) == SeatPreviewDial(
        seat="01", attempt_id=attempt
    )
    assert translate_phone_command_during_preview(SeatHangUp(seat="01"), attempt) == SeatPreviewSkip(
        seat="01", attempt_id=attempt, reason="keyed"
    )
    assert translate_phone_command_during_preview(SeatLogOff(seat="01"), attempt) == SeatLogOff(seat="01")
