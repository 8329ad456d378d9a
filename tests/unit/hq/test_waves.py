"""The rollout of a version in waves: three centres, their zone, all. A problem stops it."""

from __future__ import annotations

from typing import Any

import pytest

from dialer.domain.orders import HqOrder, OrderKind, SignedOrder
from dialer.domain.signing import derive_public_key, format_public_key
from dialer.hq.orders import create_order, find_stopped_centres, parse_order
from dialer.hq.waves import Rollout, WaveState, plan_rollout_waves
from dialer.settings.headquarters import HqSettings

ZONES = {"a": "west", "b": "west", "c": "north", "d": "west", "e": "south"}


def make_rollout() -> Rollout:
    return Rollout("turnout-8", plan_rollout_waves(ZONES), hold_seconds=60, patience_seconds=300)


def run_version(rollout: Rollout, *centres: str) -> None:
    """Report that these centres run the version."""
    for centre in centres:
        rollout.record_version_reported_by_centre(centre, "turnout-8", "turnout-8", "")


def decide_at(rollout: Rollout, *times: float) -> list[WaveState]:
    return [rollout.decide_next_rollout_step(now) for now in times]


def test_rollout_waves_are_three_centres_then_their_zones_then_all_centres() -> None:
    assert [(wave.to, sorted(wave.centres)) for wave in plan_rollout_waves(ZONES)] == [
        (("centre:a", "centre:b", "centre:c"), ["a", "b", "c"]),
        (("zone:west",), ["a", "b", "c", "d"]),
        (("all",), ["a", "b", "c", "d", "e"]),
    ]


def test_rollout_skips_waves_that_would_add_no_further_centre() -> None:
    assert [wave.to for wave in plan_rollout_waves(ZONES, ["e"])] == [("centre:e",), ("all",)]
    assert [wave.to for wave in plan_rollout_waves({"a": "west"})] == [("centre:a",)]


def test_rollout_of_campaign_material_to_an_unknown_first_centre_is_rejected() -> None:
    with pytest.raises(ValueError, match="centre z is unknown"):
        plan_rollout_waves(ZONES, ["z"])


def test_rollout_observes_each_wave_of_centres_before_the_next() -> None:
    rollout = make_rollout()
    assert rollout.start_next_wave_of_rollout(0).to == ("centre:a", "centre:b", "centre:c")
    run_version(rollout, "a", "b", "d")  # d is not in this wave
    assert rollout.decide_next_rollout_step(10) is WaveState.WAIT
    run_version(rollout, "c")
    assert decide_at(rollout, 20, 79, 80) == [WaveState.WAIT, WaveState.WAIT, WaveState.NEXT]
    assert rollout.start_next_wave_of_rollout(80).to == ("zone:west",)
    assert rollout.centres_of_wave_without_new_version == ["d"]
    run_version(rollout, "d")
    assert decide_at(rollout, 90, 150) == [WaveState.WAIT, WaveState.NEXT]
    rollout.start_next_wave_of_rollout(150)
    run_version(rollout, "e")
    assert decide_at(rollout, 160, 220) == [WaveState.WAIT, WaveState.DONE]


def test_rollout_of_campaign_material_stops_at_a_centre_that_rejects_the_version() -> None:
    rollout = make_rollout()
    rollout.start_next_wave_of_rollout(0)
    rollout.record_version_reported_by_centre("e", None, "turnout-8", "not in this wave")
    rollout.record_version_reported_by_centre("a", "turnout-7", "turnout-7", "a problem of the earlier version")
    assert rollout.decide_next_rollout_step(1) is WaveState.WAIT
    rollout.record_version_reported_by_centre("b", "turnout-7", "turnout-8", "turnout-8 was rolled back: no such node")
    rollout.record_version_reported_by_centre("c", "turnout-7", "turnout-8", "a later problem")
    assert rollout.decide_next_rollout_step(2) is WaveState.STOPPED
    assert rollout.problem == "b: turnout-8 was rolled back: no such node"


def test_only_an_alert_about_flows_or_sounds_stops_the_rollout() -> None:
    rollout = make_rollout()
    rollout.start_next_wave_of_rollout(0)
    run_version(rollout, "a")
    rollout.record_centre_alerts("b", ["no-audio-turnout"])  # b still runs the earlier version
    rollout.record_centre_alerts("a", ["switch-down", "broker-down"])
    assert rollout.decide_next_rollout_step(1) is WaveState.WAIT
    rollout.record_centre_alerts("a", ["no-audio-turnout"])
    assert (rollout.decide_next_rollout_step(2), rollout.problem) == (WaveState.STOPPED, "a: alert no-audio-turnout")


def test_rollout_stops_if_a_centre_does_not_use_the_new_version_in_time() -> None:
    rollout = make_rollout()
    rollout.start_next_wave_of_rollout(0)
    run_version(rollout, "a", "b")
    assert decide_at(rollout, 299, 300) == [WaveState.WAIT, WaveState.STOPPED]
    assert rollout.problem == "not running after 5 minutes: c"


def test_rollout_ends_although_a_centre_of_the_last_wave_lacks_the_version() -> None:
    rollout = Rollout("turnout-8", plan_rollout_waves(ZONES)[-1:], hold_seconds=60, patience_seconds=300)
    rollout.start_next_wave_of_rollout(0)
    run_version(rollout, "a", "b", "c", "d")
    assert (rollout.decide_next_rollout_step(300), rollout.centres_of_wave_without_new_version) == (
        WaveState.DONE,
        ["e"],
    )


def test_rollout_waits_while_headquarters_has_stopped_a_centre_of_the_wave() -> None:
    rollout = make_rollout()
    rollout.start_next_wave_of_rollout(0)
    run_version(rollout, "a", "b", "c")
    assert rollout.decide_next_rollout_step(10) is WaveState.WAIT
    rollout.record_stopped_centres(frozenset("be"))
    assert decide_at(rollout, 70, 100, 900) == [WaveState.WAIT] * 3
    assert rollout.stopped_centres_of_wave == ["b"]
    rollout.record_stopped_centres(frozenset("e"))  # not in this wave
    assert decide_at(rollout, 901, 960, 961) == [WaveState.WAIT, WaveState.WAIT, WaveState.NEXT]


def test_rollout_observes_a_centre_that_returned_to_an_earlier_material_version() -> None:
    rollout = make_rollout()
    rollout.start_next_wave_of_rollout(0)
    run_version(rollout, "a", "b", "c")
    assert rollout.decide_next_rollout_step(10) is WaveState.WAIT
    rollout.record_version_reported_by_centre("c", "turnout-7", "turnout-8", "")
    run_version(rollout, "c")
    assert decide_at(rollout, 70, 129, 130) == [WaveState.WAIT, WaveState.WAIT, WaveState.NEXT]


def test_headquarters_stop_needs_one_leaders_signature_and_a_resume_two() -> None:
    keys = {name: name[:1].encode() * 32 for name in ("asha", "ravi")}
    leaders = [{"name": name, "key": format_public_key(derive_public_key(key))} for name, key in keys.items()]
    centres = [{"id": name, "zone": zone} for name, zone in ZONES.items()]
    settings = HqSettings.model_validate({"leaders": leaders, "centres": centres})
    orders: list[tuple[SignedOrder, HqOrder]] = []

    def send_order(
        kind: OrderKind, to: str, now: float, *signers: str, key: bytes = b"", **values: Any
    ) -> frozenset[str]:
        """Return the stopped centres after one more order."""
        order = create_order(kind, to, now, None, **values)
        signed = SignedOrder(order=order.order_as_json_text)
        for each in signers:
            signed = signed.add_signature(each, key or keys[each])
        parsed = parse_order(signed.model_dump_json().encode())
        assert parsed is not None
        orders.insert(0, parsed)  # the order of arrival does not matter
        return find_stopped_centres(settings, orders, now)

    assert send_order(OrderKind.STOP_ALL, "all", 1_000.0, "asha", key=b"x" * 32) == frozenset()  # forged
    assert send_order(OrderKind.STOP_ALL, "zone:west", 1_001.0, "asha") == frozenset("abd")
    assert send_order(OrderKind.RESUME, "all", 1_002.0, "asha") == frozenset("abd")
    assert send_order(OrderKind.RESUME, "all", 1_003.0, "asha", "ravi", campaign_id="turnout") == frozenset("abd")
    assert send_order(OrderKind.RESUME, "centre:a", 1_004.0, "asha", "ravi") == frozenset("bd")
    assert find_stopped_centres(settings, orders, 1_001.0 + 7 * 86_400) == frozenset()


def test_message_that_is_no_headquarters_order_is_ignored() -> None:
    assert parse_order(b"{}") is None
