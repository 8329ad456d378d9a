"""Waves: three centres, their zone, all; each is watched, and trouble stops the next one."""

from __future__ import annotations

import pytest

from dialer.domain.orders import HqOrder, OrderKind, SignedOrder
from dialer.domain.signing import public_key, public_key_text
from dialer.hq.orders import new_order, read_orders, stopped_by_leaders
from dialer.hq.waves import WaveCourse, WaveState, wave_steps
from dialer.settings.headquarters import HqSettings

ZONES = {"a": "west", "b": "west", "c": "north", "d": "west", "e": "south"}


def a_course() -> WaveCourse:
    return WaveCourse("turnout-8", wave_steps(ZONES), hold_seconds=60, patience_seconds=300)


def runs(course: WaveCourse, *centres: str) -> None:
    for centre in centres:
        course.says(centre, "turnout-8", "turnout-8", "")


def test_waves_go_to_three_centres_their_zone_and_all() -> None:
    assert [(step.to, sorted(step.centres)) for step in wave_steps(ZONES)] == [
        (("centre:a", "centre:b", "centre:c"), ["a", "b", "c"]),
        (("zone:west",), ["a", "b", "c", "d"]),
        (("all",), ["a", "b", "c", "d", "e"]),
    ]
    assert [step.to for step in wave_steps(ZONES, ["e"])] == [("centre:e",), ("all",)]
    assert [step.to for step in wave_steps({"a": "west"})] == [("centre:a",)]
    with pytest.raises(ValueError, match="z is no centre"):
        wave_steps(ZONES, ["z"])


def test_each_wave_is_watched_before_the_next_is_given() -> None:
    course = a_course()
    assert course.give(0).to == ("centre:a", "centre:b", "centre:c")
    runs(course, "a", "b", "d")  # d is not asked yet
    assert course.look(10) is WaveState.WAIT
    runs(course, "c")
    assert [course.look(now) for now in (20, 79, 80)] == [WaveState.WAIT, WaveState.WAIT, WaveState.NEXT]
    assert course.give(80).to == ("zone:west",)
    assert course.missing == ["d"]
    runs(course, "d")
    assert [course.look(now) for now in (90, 150)] == [WaveState.WAIT, WaveState.NEXT]
    course.give(150)
    runs(course, "e")
    assert [course.look(now) for now in (160, 220)] == [WaveState.WAIT, WaveState.DONE]


def test_a_centre_that_refuses_it_stops_the_course() -> None:
    course = a_course()
    course.give(0)
    course.says("e", None, "turnout-8", "another's trouble")
    course.says("a", "turnout-7", "turnout-7", "trouble with the one before")
    assert course.look(1) is WaveState.WAIT
    course.says("b", "turnout-7", "turnout-8", "turnout-8 was taken back: no such node")
    course.says("c", "turnout-7", "turnout-8", "later")
    assert course.look(2) is WaveState.STOPPED
    assert course.trouble == "b: turnout-8 was taken back: no such node"


def test_an_alert_against_what_is_played_stops_it_and_no_other_does() -> None:
    course = a_course()
    course.give(0)
    runs(course, "a")
    course.alerts("b", ["no-audio-turnout"])  # of what it ran before
    course.alerts("a", ["switch-down", "broker-down"])
    assert course.look(1) is WaveState.WAIT
    course.alerts("a", ["no-audio-turnout"])
    assert (course.look(2), course.trouble) == (WaveState.STOPPED, "a: alert no-audio-turnout")


def test_who_does_not_come_stops_it_and_of_the_last_wave_is_named() -> None:
    course = a_course()
    course.give(0)
    runs(course, "a", "b")
    assert course.look(299) is WaveState.WAIT
    assert course.look(300) is WaveState.STOPPED
    assert course.trouble == "not running after 5 minutes: c"
    course = WaveCourse("turnout-8", wave_steps(ZONES)[-1:], hold_seconds=60, patience_seconds=300)
    course.give(0)
    runs(course, "a", "b", "c", "d")
    assert (course.look(300), course.missing) == (WaveState.DONE, ["e"])


def test_while_leaders_have_stopped_a_centre_of_the_wave_nobody_else_gets_it() -> None:
    course = a_course()
    course.give(0)
    runs(course, "a", "b", "c")
    assert course.look(10) is WaveState.WAIT
    course.stopped(frozenset("be"))
    assert [course.look(now) for now in (70, 100, 900)] == [WaveState.WAIT] * 3
    assert course.held == ["b"]
    course.stopped(frozenset("e"))  # not of this wave
    assert [course.look(now) for now in (901, 960, 961)] == [WaveState.WAIT, WaveState.WAIT, WaveState.NEXT]


def test_who_is_stopped_is_said_by_leaders_alone_and_until_two_let_them_go_on() -> None:
    keys = {name: name[:1].encode() * 32 for name in ("asha", "ravi")}
    leaders = [{"name": name, "key": public_key_text(public_key(key))} for name, key in keys.items()]
    centres = [{"id": name, "zone": zone} for name, zone in ZONES.items()]
    settings = HqSettings.model_validate({"leaders": leaders, "centres": centres})
    given: list[tuple[SignedOrder, HqOrder]] = []

    def give(kind: OrderKind, to: str, now: float, *who: str, key: bytes = b"", **values: str) -> frozenset[str]:
        order = new_order(kind, to, now, None, **values)
        signed = SignedOrder(order=order.text)
        for each in who:
            signed = signed.signed_by(each, key or keys[each])
        given.insert(0, *read_orders(signed.model_dump_json().encode()))  # in whatever order they are heard
        return stopped_by_leaders(settings, given, now)

    assert give(OrderKind.STOP_ALL, "all", 1_000.0, "asha", key=b"x" * 32) == frozenset()
    assert give(OrderKind.STOP_ALL, "zone:west", 1_001.0, "asha") == frozenset("abd")
    assert give(OrderKind.RESUME, "all", 1_002.0, "asha") == frozenset("abd")
    assert give(OrderKind.RESUME, "all", 1_003.0, "asha", "ravi", campaign="turnout") == frozenset("abd")
    assert give(OrderKind.RESUME, "centre:a", 1_004.0, "asha", "ravi") == frozenset("bd")
    assert stopped_by_leaders(settings, given, 1_001.0 + 7 * 86_400) == frozenset()
    assert read_orders(b"{}") == []


def test_one_that_goes_back_is_watched_anew() -> None:
    course = a_course()
    course.give(0)
    runs(course, "a", "b", "c")
    assert course.look(10) is WaveState.WAIT
    course.says("c", "turnout-7", "turnout-8", "")
    runs(course, "c")
    assert [course.look(now) for now in (70, 129, 130)] == [WaveState.WAIT, WaveState.WAIT, WaveState.NEXT]
