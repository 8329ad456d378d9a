"""Live status of centres, call rates, and replies to orders, as headquarters' pages show them."""

from __future__ import annotations

import json

import pytest

from dialer.domain.orders import OrderKind, SignedOrder
from dialer.hq.figures import CallRates, compute_day_figures
from dialer.hq.live import LiveCentres
from dialer.hq.orders import OrderMonitor, create_order
from tests.support.headquarters import NOW

STATE = {"online": True, "switch_up": True, "seats": {"talking": 3, "ready": 2, "offline": 5}, "calls": 9}
PROGRESS = {"total": 1_000, "completed": 400, "remaining": 600}
CAMPAIGN = {"state": "running", "progress": PROGRESS, "abandoned_target": {"maximum": 0.03}}


def receive_status(*messages: tuple[str, object]) -> LiveCentres:
    live = LiveCentres()
    for kind, fields in messages:
        live.store_centre_status(f"live.pune-1.{kind}", json.dumps(fields).encode(), NOW)
    return live


def test_headquarters_page_shows_the_last_status_of_a_centre() -> None:
    live = receive_status(
        ("state", STATE),
        ("campaign.turnout", CAMPAIGN),
        ("alert", {"alerts": [{"code": "wrong-clock", "level": "critical", "text": "set it"}]}),
        ("material", {"active": "turnout-7", "assigned": "turnout-8", "problem": ""}),
        ("peer-updates", {"opt_out_lag_seconds": 0.4}),
    )
    fields = live.centres["pune-1"].build_live_status_for_pages()
    assert (fields["signed_in"], fields["talking"], fields["calls"], fields["live_at"]) == (5, 3, 9, NOW)
    assert (fields["total"], fields["completed"], fields["remaining"]) == (1_000, 400, 600)
    assert fields["abandoned_limit"] == 0.03
    assert (fields["material"], fields["assigned_material"], fields["material_problem"]) == (
        "turnout-7",
        "turnout-8",
        None,
    )
    assert fields["opt_out_lag_seconds"] == 0.4
    assert [each["code"] for each in fields["alerts"]] == ["wrong-clock"]


def test_headquarters_page_alerts_if_a_centre_imports_no_peer_updates() -> None:
    live = receive_status(("peer-updates", {"problem": "the disk is full"}))
    [alert] = live.centres["pune-1"].build_live_status_for_pages()["alerts"]
    assert alert["code"] == "no-peer-updates"
    assert (
        alert["text"] == "Opt-outs and voter results of other centres do not reach this centre. Cause: the disk is full"
    )


def test_headquarters_page_shows_an_alert_while_results_are_not_stored() -> None:
    status = {"incarnation": "1", "at": NOW}
    live = receive_status(("store", {**status, "server_problem": "hq:4222: up.pune-1 was not stored"}))
    [alert] = live.centres["pune-1"].build_live_status_for_pages()["alerts"]
    assert (alert["code"], alert["fields"]) == ("headquarters-full", {"problem": "hq:4222: up.pune-1 was not stored"})
    live = receive_status(("store", {**status, "server_problem": "full"}), ("store", status))
    assert live.centres["pune-1"].build_live_status_for_pages()["alerts"] == []


@pytest.mark.parametrize(("ahead", "codes"), [(31, ["headquarters-clock"]), (-31, ["headquarters-clock"]), (29, [])])
def test_headquarters_page_shows_an_alert_if_the_clock_of_a_centre_is_wrong(ahead: float, codes: list[str]) -> None:
    live = receive_status(("store", {"incarnation": "1", "at": NOW + ahead}))
    assert [each["code"] for each in live.centres["pune-1"].build_live_status_for_pages()["alerts"]] == codes


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("state", b"{"),
        ("state", b"[]"),
        ("state", b'{"seats": 7, "calls": "many", "campaigns": []}'),
        ("state", b'{"seats": {"talking": -1, "ready": 1e400}, "calls": true}'),
        ("campaign.turnout", b'{"progress": {"total": null}, "abandoned_target": [3]}'),
        ("alert", b'{"alerts": [7, null, {}]}'),
        ("material", b'{"active": 7, "assigned": {}}'),
        ("peer-updates", b'{"opt_out_lag_seconds": "soon"}'),
        ("peer-updates", b'{"opt_out_lag_seconds": NaN}'),
        ("peer-updates", b'{"opt_out_lag_seconds": 1' + b"0" * 400 + b"}"),
        ("campaign.turnout", b'{"state": "running", "progress": [], "abandoned_target": {"maximum": 1e400}}'),
        ("alert", b'{"alerts": 7}'),
        ("elsewhere", b"{}"),
        ("state", b'{"text": "' + b"x" * 70_000 + b'"}'),
    ],
)
def test_invalid_status_of_a_centre_is_sent_to_browsers_as_valid_json(kind: str, message: bytes) -> None:
    live = LiveCentres()
    live.store_centre_status(f"live.pune-1.{kind}", message, NOW)
    for centre in live.centres.values():
        assert json.dumps(centre.build_live_status_for_pages(), allow_nan=False)


def test_headquarters_figures_of_the_day_count_contacts_abandoned_calls_and_seat_hours() -> None:
    counts = {"attempts": 90, "outcome/connected": 48, "outcome/abandoned": 1, "outcome/dropped": 1, "outcome/busy": 40}
    figures = compute_day_figures(counts | {"seat/talking": 3_600, "seat/ready": 1_800, "seat/offline": 90_000})
    assert (figures["contacts"], figures["live_answers"], figures["abandoned"]) == (48, 50, 1)
    assert figures["seat_hours"] == 1.5


def test_call_rate_of_a_centre_covers_the_last_15_minutes_of_the_day() -> None:
    rates = CallRates()
    assert rates.record_attempts_and_compute_call_rate("pune-1", 0.0, 100) is None
    assert rates.record_attempts_and_compute_call_rate("pune-1", 600.0, 200) == 600
    assert rates.record_attempts_and_compute_call_rate("pune-1", 1_500.0, 500) == 1_200
    assert rates.record_attempts_and_compute_call_rate("pune-1", 2_100.0, 600) == 600
    assert rates.record_attempts_and_compute_call_rate("pune-1", 2_160.0, 3) is None


def test_headquarters_page_names_centres_that_did_not_reply_to_an_order() -> None:
    orders = OrderMonitor({"pune-1": "west", "nagpur-1": "west", "patna-1": "east"})
    order = create_order(OrderKind.STOP_ALL, "zone:west", NOW)
    orders.record_order_from_stream(SignedOrder(order=order.order_as_json_text).model_dump_json().encode(), NOW)
    orders.record_order_from_stream(b"{}", NOW)
    reply = {"centre": "pune-1", "status": "done", "text": "stopped", "at": NOW}
    orders.record_centre_reply(f"reply.pune-1.{order.id}", json.dumps(reply).encode())
    orders.record_centre_reply(f"reply.patna-1.{order.id}", json.dumps(reply).encode())  # in the name of another centre
    too_long = {**reply, "centre": "nagpur-1", "text": "x" * 20_000}
    orders.record_centre_reply(f"reply.nagpur-1.{order.id}", json.dumps(too_long).encode())
    values = orders.list_orders_for_page_state(NOW)
    assert [*values] == [f"order/west/{order.id}"]
    assert (values[f"order/west/{order.id}"]["done"], values[f"order/west/{order.id}"]["missing"]) == (1, ["nagpur-1"])
    assert orders.list_orders_for_page_state(NOW + 9 * 86_400) == {}
