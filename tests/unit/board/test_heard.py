"""The board of another machine: what the broker tells is drawn as the dialler's own view is."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

from rich.console import Console

from dialer.board.heard import SILENT_SECONDS, heard_view, trouble
from dialer.board.render import BoardExtras, render_board
from dialer.domain.enums import CampaignKind
from dialer.domain.forecast import Forecast
from dialer.domain.view import Alert, AlertLevel, CentreView, Hold, HoldReason
from dialer.mqtt import topics
from tests.support.fake_centre import AT, campaign_view, centre_view

KEYS = {"campaigns": ("campaign", "campaign"), "seats": ("seat", "seat"), "booths": ("booth", "booth")}


def told(view: CentreView) -> dict[str, dict[str, Any]]:
    """What a broker holds of the centre, by the keys of a picture."""
    heard = {}
    for message in topics.whole_state(view):
        first = message.topic.split("/")[3]
        payload = json.loads(message.payload)
        kind, field = KEYS.get(first, ({"state": "centre"}.get(first, first), ""))
        heard[f"{kind}/{payload[field]}" if field else kind] = payload
    return heard


def drawn(view: CentreView, trouble: str = "") -> str:
    console = Console(width=120, height=44, file=io.StringIO(), record=True, color_system=None)
    console.print(render_board(view, width=120, height=44, extras=BoardExtras("mosquitto", trouble=trouble)))
    return console.export_text()


def test_the_board_from_the_broker_is_the_dialler_s_own() -> None:
    held = replace(campaign_view("late"), hold=Hold(HoldReason.CALLING_HOURS, "outside calling hours until 09:00", AT))
    view = replace(
        centre_view(alerts=(Alert("list-done", AlertLevel.NOTICE, "turnout-ivr: the list is done", AT),)),
        forecast=Forecast(900, 300, 200, AT + 3600, 40, 37),
    )
    view = replace(view, campaigns=(*view.campaigns, held, campaign_view("zz-ivr", CampaignKind.IVR)))
    nameless = [replace(booth, constituency_name="", booth_name="") for booth in view.booths]
    view = replace(
        view, booths=tuple(nameless), campaigns=tuple(sorted(view.campaigns, key=lambda each: each.campaign_id))
    )
    assert drawn(heard_view(view.centre, told(view), AT)) == drawn(view)


def test_a_campaign_of_yesterday_that_the_broker_still_holds_is_not_shown() -> None:
    view = centre_view()
    gone = {"campaign/gone": told(replace(view, campaigns=(campaign_view("gone"),)))["campaign/gone"]}
    assert "gone" not in drawn(heard_view(view.centre, told(view) | gone, AT))


def test_words_of_a_newer_dialler_are_left_out() -> None:
    ahead = Forecast(900, 300, 200, AT + 3600, 40, 37)
    heard = told(replace(centre_view(), forecast=ahead))
    heard["centre"]["forecast"]["method"] = "moonlight"
    key = next(each for each in heard if each.startswith("campaign/"))
    heard[key] |= {"calls": {"levitating": 3, "ringing": 2}, "limited_by": "moonlight", "pacing": "1 call, moonlight"}
    view = heard_view("pune-1", heard, AT)
    assert view.forecast == ahead
    shown = view.campaigns[0]
    assert ({state.value: count for state, count in shown.calls.items()}, shown.pacing_words) == (
        {"ringing": 2},
        "1 call, moonlight",
    )


def test_it_says_whether_anybody_speaks() -> None:
    heard = told(centre_view())
    assert trouble({}, AT) == "no dialler was heard yet"
    assert trouble(heard, AT + SILENT_SECONDS) == ""
    assert trouble(heard, AT + 40) == "no word for 40 s"
    heard["centre"]["online"] = False
    assert trouble(heard, AT) == "the dialler is away"
    first = drawn(heard_view("pune-1", heard, AT), "the dialler is away").splitlines()[1]
    assert ("the dialler is away" in first, "switch" in first) == (True, False)
