"""The state that open pages show: a page gets all of it first, then changes. A slow page gets the latest values."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from dialer.domain.alerts import AlertKind, AlertList, create_alert
from dialer.web.page_state import GATHER_SECONDS, HEARTBEAT_SECONDS, PageState, Update
from dialer.web.streams import format_server_sent_event
from tests.support.virtual import virtual_time


@pytest.fixture
def state() -> Iterator[PageState]:
    made = PageState(lambda: 1000.0)
    made.set_value_of_key("centre", {"online": True})
    made.set_value_of_key("seat/01", {"state": "ready"})
    yield made


@virtual_time()
async def test_open_page_receives_the_whole_page_state_first_and_then_each_change(state: PageState) -> None:
    with state.open_subscription(bool) as subscription:
        updates = aiter(subscription.stream_updates())
        assert await anext(updates) == Update(0, 1000.0, {"centre": {"online": True}, "seat/01": {"state": "ready"}})
        state.set_value_of_key("seat/01", {"state": "talking"})
        state.set_value_of_key("seat/02", {"state": "ready"})
        state.set_value_of_key("centre", None)
        update = await anext(updates)
        assert (update.number, update.removed) == (1, ("centre",))
        assert update.values == {"seat/01": {"state": "talking"}, "seat/02": {"state": "ready"}}


@virtual_time()
async def test_slow_page_receives_the_latest_value_of_a_changed_key_once(state: PageState) -> None:
    with state.open_subscription(bool) as subscription:
        updates = aiter(subscription.stream_updates())
        await anext(updates)
        for number in range(10_000):
            state.set_value_of_key("seat/01", {"calls": number})
        assert len(subscription._changed) == 1
        assert (await anext(updates)).values == {"seat/01": {"calls": 9999}}


@virtual_time()
async def test_page_receives_heartbeats_while_nothing_changes_and_several_changes_in_one_update(
    state: PageState,
) -> None:
    loop = asyncio.get_running_loop()
    with state.open_subscription(bool) as subscription:
        updates = aiter(subscription.stream_updates())
        await anext(updates)
        began = loop.time()
        assert (await anext(updates)).values == {}
        assert loop.time() - began == pytest.approx(HEARTBEAT_SECONDS)
        state.set_value_of_key("seat/01", {"calls": 1})
        began = loop.time()
        await anext(updates)
        assert loop.time() - began == pytest.approx(GATHER_SECONDS)


@virtual_time()
async def test_storing_an_unchanged_value_in_the_page_state_notifies_no_page(state: PageState) -> None:
    with state.open_subscription(bool) as subscription:
        state.set_value_of_key("seat/01", {"state": "ready"})
        assert not subscription._changed


@virtual_time()
async def test_page_is_notified_only_of_changes_to_the_subscribed_keys(state: PageState) -> None:
    with state.open_subscription(lambda key: key.startswith("seat/")) as subscription:
        updates = aiter(subscription.stream_updates())
        assert set((await anext(updates)).values) == {"seat/01"}
        state.set_value_of_key("centre", {"online": False})
        assert not subscription._changed


@virtual_time()
async def test_closing_the_page_state_ends_the_updates_of_all_pages(state: PageState) -> None:
    with state.open_subscription(bool) as subscription:
        assert state.open_page_count == 1
        updates = aiter(subscription.stream_updates())
        await anext(updates)
        state.end_all_subscriptions()
        with pytest.raises(StopAsyncIteration):
            await anext(updates)
    assert state.open_page_count == 0


def test_page_state_returns_only_values_of_the_requested_class(state: PageState) -> None:
    alerts = AlertList(1.0, ())
    state.set_value_of_key("alerts", alerts)
    assert state.get_value_of_key("alerts", AlertList) is alerts
    assert state.get_value_of_key("alerts", dict) is None
    assert state.get_value_of_key("nothing", AlertList) is None
    assert state.get_values_of_keys_with_prefix("seat", dict) == {"01": {"state": "ready"}}
    assert state.get_values_of_keys_with_prefix("seat", AlertList) == {}


def test_line_ends_in_data_do_not_split_a_server_sent_event() -> None:
    event = format_server_sent_event(Update(3, 1.5, {"seat/01": {"agent": "a\nb\r\ndata: x"}}, ("centre",)))
    head, body, *rest = event.decode().split("\n")
    assert head == "id: 3"
    assert body.startswith(
        'data: {"number":3,"at":1.5,"values":{"seat/01":{"agent":"a\\nb\\r\\ndata: x"}},"removed":["centre"]}'
    )
    assert rest == ["", ""]


def test_records_in_a_server_sent_event_match_the_json_schema() -> None:
    alert = create_alert(AlertKind.SEAT_LOST, 1.23456, seat="04")
    event = format_server_sent_event(
        Update(0, 1.0, {"alerts": AlertList(2.0, (alert,)), "seen": {"seat-lost-04": alert}})
    )
    values = json.loads(event.decode().partition("data: ")[2])["values"]
    shown = {
        "code": "seat-lost-04",
        "kind": "seat-lost",
        "level": "warning",
        "fields": {"seat": "04"},
        "text": "The phone of seat 04 is disconnected.",
        "at": 1.235,
    }
    assert values == {"alerts": {"at": 2.0, "alerts": [shown]}, "seen": {"seat-lost-04": shown}}
