"""What centres say of themselves, and what the page makes of it; whatever one says, the others are shown."""

from __future__ import annotations

import json

import pytest

from dialer.domain.orders import OrderKind, SignedOrder
from dialer.hq.expected import expected
from dialer.hq.figures import Pace, day_figures
from dialer.hq.live import LiveCentres
from dialer.hq.orders import HeardOrders, new_order
from dialer.settings.headquarters import ExpectedProgress
from tests.support.headquarters import NOW

STATE = {"online": True, "switch_up": True, "seats": {"talking": 3, "ready": 2, "offline": 5}, "calls": 9}
PROGRESS = {"total": 1_000, "completed": 400, "remaining": 600}
CAMPAIGN = {"state": "running", "progress": PROGRESS, "abandoned_target": {"maximum": 0.03}}


def heard(*said: tuple[str, object]) -> LiveCentres:
    live = LiveCentres()
    for kind, what in said:
        live.hear(f"live.pune-1.{kind}", json.dumps(what).encode(), NOW)
    return live


def test_a_centre_is_shown_as_it_says_it_stands_with_the_time_of_it() -> None:
    lag = {"lag_seconds": 0.4}
    material = {"running": "turnout-7", "wanted": "turnout-8", "trouble": ""}
    alert = {"alerts": [{"code": "wrong-clock", "level": "critical", "text": "set it"}]}
    live = heard(
        ("state", STATE),
        ("campaign.turnout", CAMPAIGN),
        ("alert", alert),
        ("material", material),
        ("peer-updates", lag),
    )
    row = live.centres["pune-1"].row()
    assert (row["signed_in"], row["talking"], row["calls"], row["live_at"]) == (5, 3, 9, NOW)
    assert (row["numbers"], row["closed"], row["due"], row["cap"]) == (1_000, 400, 600, 0.03)
    assert (row["running"], row["wanted"], row["material_trouble"], row["lag_seconds"]) == (
        "turnout-7",
        "turnout-8",
        None,
        0.4,
    )
    assert [each["code"] for each in row["alerts"]] == ["wrong-clock"]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("state", b"{"),
        ("state", b"[]"),
        ("state", b'{"seats": 7, "calls": "many", "campaigns": []}'),
        ("state", b'{"seats": {"talking": -1, "ready": 1e400}, "calls": true}'),
        ("campaign.turnout", b'{"progress": {"total": null}, "abandoned_target": [3]}'),
        ("alert", b'{"alerts": [7, null, {}]}'),
        ("material", b'{"running": 7, "wanted": {}}'),
        ("peer-updates", b'{"lag_seconds": "soon"}'),
        ("peer-updates", b'{"lag_seconds": NaN}'),
        ("peer-updates", b'{"lag_seconds": 1' + b"0" * 400 + b"}"),
        ("campaign.turnout", b'{"state": "running", "progress": [], "abandoned_target": {"maximum": 1e400}}'),
        ("alert", b'{"alerts": 7}'),
        ("elsewhere", b"{}"),
        ("state", b'{"text": "' + b"x" * 70_000 + b'"}'),
    ],
)
def test_whatever_a_centre_says_there_is_a_row_of_it(kind: str, said: bytes) -> None:
    live = LiveCentres()
    live.hear(f"live.pune-1.{kind}", said, NOW)
    for centre in live.centres.values():
        assert json.dumps(centre.row(), allow_nan=False)


def test_the_course_of_the_day_is_nothing_before_it_begins_and_even_between_two_hours() -> None:
    course = [
        ExpectedProgress(at="07:00", contacted=0.0, voted=0.0),
        ExpectedProgress(at="09:00", contacted=0.2, voted=0.1),
        ExpectedProgress(at="18:00", contacted=0.8, voted=0.6),
    ]
    assert expected([], 480) is None
    assert expected(course, 6 * 60) == {"reached": 0.0, "voted": 0.0}
    assert expected(course, 8 * 60) == pytest.approx({"reached": 0.1, "voted": 0.05})
    assert expected(course, 23 * 60) == {"reached": 0.8, "voted": 0.6}


def test_a_days_counts_are_contacts_abandoned_calls_and_seat_hours() -> None:
    counts = {"attempts": 90, "outcome/connected": 48, "outcome/abandoned": 1, "outcome/dropped": 1, "outcome/busy": 40}
    figures = day_figures(counts | {"seat/talking": 3_600, "seat/ready": 1_800, "seat/offline": 90_000})
    assert (figures["contacts"], figures["live_answers"], figures["abandoned"]) == (48, 50, 1)
    assert figures["seat_hours"] == 1.5


def test_the_pace_is_of_the_last_quarter_of_an_hour_and_begins_anew_with_a_day() -> None:
    pace = Pace()
    assert pace.note("pune-1", 0.0, 100) is None
    assert pace.note("pune-1", 600.0, 200) == 600
    assert pace.note("pune-1", 1_500.0, 500) == 1_200
    assert pace.note("pune-1", 2_100.0, 600) == 600
    assert pace.note("pune-1", 2_160.0, 3) is None


def test_who_has_not_answered_an_order_is_named_in_each_zone() -> None:
    orders = HeardOrders({"pune-1": "west", "nagpur-1": "west", "patna-1": "east"})
    order = new_order(OrderKind.STOP_ALL, "zone:west", NOW)
    orders.take_order(SignedOrder(order=order.text).model_dump_json().encode(), NOW)
    orders.take_order(b"{}", NOW)
    answer = {"centre": "pune-1", "status": "done", "text": "stopped", "at": NOW}
    orders.take_answer(f"reply.pune-1.{order.id}", json.dumps(answer).encode())
    orders.take_answer(f"reply.patna-1.{order.id}", json.dumps(answer).encode())  # another's name
    endless = {**answer, "centre": "nagpur-1", "text": "x" * 20_000}
    orders.take_answer(f"reply.nagpur-1.{order.id}", json.dumps(endless).encode())
    shown = orders.shown(NOW)
    assert [*shown] == [f"order/west/{order.id}"]
    assert (shown[f"order/west/{order.id}"]["done"], shown[f"order/west/{order.id}"]["missing"]) == (1, ["nagpur-1"])
    assert orders.shown(NOW + 9 * 86_400) == {}
