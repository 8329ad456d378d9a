"""The terminal board of another machine shows the same from MQTT messages as from the dialler's view."""

from __future__ import annotations

import asyncio
import io
import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rich.console import Console

from dialer.board.render import BoardExtras, render_board
from dialer.domain.alerts import AlertKind, create_alert
from dialer.domain.clock import SystemClock
from dialer.domain.enums import CampaignKind
from dialer.domain.forecast import Forecast
from dialer.domain.view import CentreState, CentreView, Hold, HoldReason
from dialer.mqtt.client import BrokerSettings, Received
from dialer.mqtt.dialler_client import DiallerClient
from dialer.mqtt.latest_messages import SILENT_SECONDS, LatestMessages
from dialer.mqtt.messages import create_retained_messages
from tests.support.fake_centre import AT, campaign_view, centre_view, change_state


def build_view(view: CentreView, change: Callable[[str, dict[str, Any]], None] = lambda *_: None) -> LatestMessages:
    """Return the view that a client builds from the centre's retained messages. `change` may alter their fields."""
    found = LatestMessages(view.state.centre)
    client = DiallerClient(
        BrokerSettings(), view.state.centre, SystemClock(), found.store_latest_message, random.Random(1)
    )

    async def receive_retained_messages() -> None:
        for message in create_retained_messages(view):
            fields = json.loads(message.payload)
            change(message.topic, fields)
            await client._handle_received_message(
                Received(message.topic, json.dumps(fields).encode(), True, lambda: None)
            )

    asyncio.run(receive_retained_messages())
    return found


def draw_board(view: CentreView, trouble: str = "") -> str:
    console = Console(width=120, height=44, file=io.StringIO(), record=True, color_system=None)
    console.print(render_board(view, width=120, height=44, extras=BoardExtras("mosquitto", trouble=trouble)))
    return console.export_text()


def test_board_drawn_from_mqtt_messages_equals_the_diallers_own_board() -> None:
    held = replace(campaign_view("late"), hold=Hold(HoldReason.CALLING_HOURS, "outside calling hours until 09:00", AT))
    view = centre_view(alerts=(create_alert(AlertKind.LIST_LOW, AT, campaign="turnout-ivr", remaining=40),))
    campaigns = sorted(
        (*view.campaigns, held, campaign_view("zz-ivr", CampaignKind.IVR)), key=lambda each: each.campaign_id
    )
    view = change_state(
        replace(
            view,
            booths=tuple(replace(booth, constituency_name="", booth_name="") for booth in view.booths),
            campaigns=tuple(campaigns),
        ),
        forecast=Forecast(900, 300, 200, AT + 3600, 40, 37),
        campaigns={each.campaign_id: each.state for each in campaigns},
    )
    assert draw_board(build_view(view).build_centre_view(AT)) == draw_board(view)


def test_board_does_not_show_a_campaign_removed_from_the_settings() -> None:
    view = centre_view()
    messages = build_view(view)
    messages.store_latest_message("campaign/gone", campaign_view("gone"))
    assert "gone" not in draw_board(messages.build_centre_view(AT))
    messages.store_latest_message("centre", replace(view.state, online=False))
    assert "gone" in draw_board(messages.build_centre_view(AT))


def test_board_ignores_unknown_fields_and_values_of_a_newer_dialler() -> None:
    forecast = Forecast(900, 300, 200, AT + 3600, 40, 37)

    def add_unknown_fields(topic: str, fields: dict[str, Any]) -> None:
        fields["moon"] = "full"
        if topic.endswith("/state"):
            fields["forecast"]["method"] = "moonlight"
            fields["seats"]["levitating"] = 2
        elif topic.endswith("/statistics"):
            fields |= {
                "calls": {"levitating": 3, "ringing": 2},
                "limited_by": "moonlight",
                "pacing": "1 call, moonlight",
            }
            fields |= {"state": "dreaming", "hold": {"reason": "eclipse", "text": "the sun is gone", "until": None}}
        elif "/seats/" in topic:
            fields["state"] = "levitating"

    view = build_view(change_state(centre_view(), forecast=forecast), add_unknown_fields).build_centre_view(AT)
    assert view.state.forecast == forecast
    assert "levitating" not in view.state.seats
    campaign = view.campaigns[0]
    assert {state.value: count for state, count in campaign.calls.items()} == {"ringing": 2}
    assert campaign.hold == Hold(HoldReason.RULES, "the sun is gone")
    assert "1 call, moonlight" in draw_board(replace(view, campaigns=(replace(campaign, hold=None),)))
    assert {seat.state.value for seat in view.seats} == {"offline"}


def test_board_reports_a_silent_or_offline_dialler() -> None:
    messages = build_view(centre_view())
    assert LatestMessages("pune-1").describe_dialler_problem(AT) == "no message from the dialler yet"
    assert messages.describe_dialler_problem(AT + SILENT_SECONDS) == ""
    assert messages.describe_dialler_problem(AT + 40) == "no message for 40 s"
    messages.store_latest_message("centre", CentreState("pune-1", AT, online=False))
    assert messages.describe_dialler_problem(AT) == "the dialler is offline"
    first = draw_board(messages.build_centre_view(AT), "the dialler is offline").splitlines()[1]
    assert ("the dialler is offline" in first, "switch" in first) == (True, False)
