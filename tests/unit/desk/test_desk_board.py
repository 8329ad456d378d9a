"""The board's routes: commands by role, alerts, why nothing is dialled, and figures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi import Request

from dialer.desk.board import BOARD_COMMANDS, list_commands_allowed_to_role
from dialer.desk.early_warnings import AbandonedWindow, WarningList, find_active_warnings
from dialer.desk.figures import BoardFigures, DayFigures, ShownCap
from dialer.desk.idle_reasons import IdleReason, find_idle_reason_of_campaign
from dialer.domain import judged_calls
from dialer.domain.alerts import AlertKind, AlertList, create_alert
from dialer.domain.enums import SupervisorRole
from dialer.domain.model import CampaignProgress, CampaignState
from dialer.domain.view import CallState, Hold, HoldReason, SeatState, SeatView
from dialer.engine.command.catalogue import COMMANDS
from dialer.mqtt.dialler_client import Reply
from dialer.pacing.port import Limit
from dialer.store.connection import open_store_exclusively
from dialer.store.desk_file import Acknowledgement, DeskFile
from dialer.store.desk_reading import DeskReading
from dialer.web.page_state import PageState
from dialer.web.people import SignedInUser
from dialer.web.streams import MAX_STREAMS_PER_USER, SESSION_CHECK_SECONDS
from tests.support.desk import OFFLINE, ONLINE, PASSWORD, SEATED, DeskUnderTest, SetClock, raise_disk_full, run_desk
from tests.support.fake_centre import campaign_view

ID = "0f9a7c1e-click"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeskUnderTest]:
    async with run_desk(tmp_path) as stand:
        yield stand


async def test_command_sent_from_the_board_names_the_signed_in_user(desk: DeskUnderTest) -> None:
    answer = await desk.post("/api/board/commands", {"id": ID, "name": "pause", "campaign_id": "turnout"}, "compliance")
    assert (answer.status_code, answer.json()) == (200, {"status": "done", "text": "it was done"})
    assert desk.dialler_client.asked == [("compliance", ID, "pause", {"campaign_id": "turnout"})]


async def test_each_role_may_send_exactly_the_commands_documented_for_the_role(desk: DeskUnderTest) -> None:
    values = {"campaign_id": "turnout", "seat": "04", "reason": "break", "text": "the second page", "campaigns": []}
    for name in BOARD_COMMANDS:
        kind = COMMANDS[name]
        body = {"id": ID, "name": name, **{key: values[key] for key in kind.list_required_field_names()}}
        for role in set(SupervisorRole) - {SupervisorRole.DESK, SupervisorRole.UPLINK}:
            answer = await desk.post("/api/board/commands", body, role)
            assert answer.status_code == (200 if role in kind.roles else 403), (name, role)
            assert (name in list_commands_allowed_to_role(role, has_phone=True)) == (role in kind.roles)


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        ({"id": ID, "name": "marks"}, 404, "no-command"),
        ({"id": ID, "name": "opt-outs", "campaign_id": "x"}, 404, "no-command"),
        ({"id": ID, "name": "pause"}, 422, "values"),
        ({"id": ID, "name": "pause", "campaign_id": "x", "text": "a line"}, 422, "values"),
        ({"id": ID, "name": "speed", "campaign_id": "x", "max_calls": 0}, 422, "values"),
        ({"id": ID, "name": "speed", "campaign_id": "x", "calls_per_seat": 11}, 422, "values"),
        ({"id": ID, "name": "calling-hours", "campaign_id": "x", "hours": []}, 422, "values"),
        ({"id": ID, "name": "seat-message", "seat": "01", "text": "x" * 201}, 422, "values"),
        ({"id": ID, "name": "pause", "campaign_id": "x", "seat": "01"}, 422, "values"),
        ({"id": ID, "name": "pause", "campaign_id": "x" * 129}, 422, "values"),
        ({"id": "../x", "name": "stop-all"}, 422, "values"),
        ({"id": ID, "name": "stop-all", "role": "supervisor"}, 422, "values"),
        ([], 422, "values"),
    ],
)
async def test_invalid_command_of_the_board_is_not_sent(
    desk: DeskUnderTest, body: object, status: int, problem: str
) -> None:
    answer = await desk.post("/api/board/commands", body, "supervisor")
    assert (answer.status_code, answer.json()) == (status, {"problem": problem})
    assert not desk.dialler_client.asked


async def test_board_command_is_refused_immediately_while_the_broker_is_unreachable(desk: DeskUnderTest) -> None:
    desk.dialler_client.reply = None
    answer = await desk.post("/api/board/commands", {"id": ID, "name": "stop-all"}, "supervisor")
    assert (answer.status_code, answer.json()) == (503, {"problem": "broker-away"})
    desk.dialler_client.reply = Reply("refused", "there is no such seat")
    answer = await desk.post("/api/board/commands", {"id": ID, "name": "seat-ready", "seat": "99"}, "supervisor")
    assert answer.json() == {"status": "refused", "text": "there is no such seat"}


async def test_alert_stays_acknowledged_until_a_newer_alert_of_its_kind(desk: DeskUnderTest) -> None:
    alert = create_alert(AlertKind.SWITCH_DOWN, 5.0, problem="connection refused")
    desk.page_state.set_value_of_key("alerts", AlertList(6.0, (alert,)))
    seen = {"code": "switch-down", "at": 5.0}
    assert (await desk.post("/api/board/alerts", seen, "coach")).status_code == 204
    assert (await desk.post("/api/board/alerts", seen, "supervisor")).status_code == 204
    acknowledged: dict[str, Acknowledgement] = desk.page_state.get_value_of_key("acknowledged", dict) or {}
    assert acknowledged["switch-down"] == Acknowledgement("switch-down", 5.0, "coach", desk.clock.now())
    assert (await desk.post("/api/board/alerts", {"code": "switch-down", "at": 4.0}, "coach")).status_code == 409
    assert [each.name for each in await desk.file.read_acknowledgements()] == ["coach"]


async def test_board_receives_no_voter_details_of_seats(desk: DeskUnderTest) -> None:
    desk.page_state.set_value_of_key("seat/01", SEATED)
    desk.page_state.set_value_of_key("pop/01", {"name": "somebody"})
    token = await desk.people.sign_in_with_password("viewer", PASSWORD)
    news = desk.events(token, SignedInUser("viewer", "viewer"))
    first = await anext(news)
    assert b"seat/01" in first
    assert b"somebody" not in first
    await news.aclose()  # type: ignore[attr-defined]


async def test_board_updates_continue_after_a_failed_session_check_until_the_session_ends(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await desk.people.sign_in_with_password("viewer", PASSWORD)
    news = desk.events(token, SignedInUser("viewer", "viewer"))
    await anext(news)
    await desk.people.end_session(token)
    with monkeypatch.context() as broken:
        broken.setattr(DeskFile, "read_sign_in_session", raise_disk_full)
        desk.clock.pass_seconds(SESSION_CHECK_SECONDS)
        for told in range(2):
            desk.page_state.set_value_of_key("seat/01", replace(SEATED, calls=told))
            assert b"seat/01" in await anext(news)
    desk.clock.pass_seconds(SESSION_CHECK_SECONDS)
    desk.page_state.set_value_of_key("seat/01", replace(SEATED, calls=9))
    with pytest.raises(StopAsyncIteration):
        await anext(news)


async def test_board_updates_end_when_the_session_ends(desk: DeskUnderTest) -> None:
    token = await desk.people.sign_in_with_password("viewer", PASSWORD)
    news = desk.events(token, SignedInUser("viewer", "viewer"))
    await anext(news)
    await desk.people.end_session(token)
    desk.clock.pass_seconds(SESSION_CHECK_SECONDS)
    desk.page_state.set_value_of_key("seat/01", SEATED)
    with pytest.raises(StopAsyncIteration):
        await anext(news)
    assert desk.page_state.open_page_count == 0


async def test_user_can_open_only_a_limited_number_of_board_pages(desk: DeskUnderTest) -> None:
    token = await desk.people.sign_in_with_password("viewer", PASSWORD)
    every = [desk.events(token, SignedInUser("viewer", "viewer")) for _ in range(MAX_STREAMS_PER_USER)]
    for news in every:
        await anext(news)
    answer = await desk.get("/api/board/events", "viewer")
    assert (answer.status_code, answer.json()) == (503, {"problem": "full"})
    other = Request({"type": "http", "state": {"user": SignedInUser("coach", "coach"), "token": token}})
    assert (await desk.board.stream_board_events(other)).status_code == 200
    for news in every:
        await news.aclose()  # type: ignore[attr-defined]
    assert not len(desk.streams)


async def test_desk_reads_the_names_of_booths_again_each_day(desk: DeskUnderTest, tmp_path: Path) -> None:
    assert (await desk.get("/api/board/booths", "viewer")).json() == {"118": ["Kothrud", "School"]}
    with open_store_exclusively(tmp_path / "centre.db", "a test") as db:
        db.execute("UPDATE booth SET name = 'Town hall'")
    reading = await DeskReading.open(tmp_path / "centre.db", None)
    figures = BoardFigures(desk.page_state, reading, desk.clock, ZoneInfo("UTC"), {})
    await figures.refresh_booth_names()
    desk.page_state.set_value_of_key("booths", {})
    await figures.refresh_figures_of_all_campaigns()
    assert desk.page_state.get_value_of_key("booths", dict) == {}
    desk.clock.pass_seconds(86_400.0)
    await figures.refresh_figures_of_all_campaigns()
    assert desk.page_state.get_value_of_key("booths", dict) == {118: ("Kothrud", "Town hall")}
    await reading.close()


# Why is nothing dialled?

RUNNING = replace(
    campaign_view("turnout"),
    calls={},
    progress=CampaignProgress(total=100, completed=60, remaining=40, attempts=80),
    limited_by=Limit.SEATS.value,
    refused={"gap": 3},
)


def make_seats(*states: SeatState) -> list[SeatView]:
    return [replace(SEATED, state=state) for state in states]


def find_idle_code(**changed: Any) -> str:
    return find_idle_reason_of_campaign(ONLINE, replace(RUNNING, **changed), [], connected=True).code


def test_board_names_an_unreachable_broker_or_dialler_first_as_reason_for_idle_seats() -> None:
    assert find_idle_reason_of_campaign(None, RUNNING, [], connected=False).code == "no-broker"
    assert find_idle_reason_of_campaign(OFFLINE, RUNNING, [], connected=True).code == "dialler-away"
    assert find_idle_reason_of_campaign(None, RUNNING, [], connected=True).code == "dialler-away"


def test_board_shows_ringing_calls_or_a_pacing_limit_as_reason_for_idle_seats() -> None:
    assert find_idle_code(calls={CallState.RINGING: 2, CallState.TALKING: 5}) == "dialling"
    assert find_idle_code(progress=replace(RUNNING.progress, remaining=0)) == "nothing-due"
    assert find_idle_code(limited_by="speed") == "limit-speed"
    assert find_idle_code(limited_by="channels") == "limit-channels"
    state = SeatState
    at_work = make_seats(state.TALKING, state.RESERVED, state.READY, state.WRAP_UP, state.WRAP_UP)
    found = find_idle_reason_of_campaign(ONLINE, RUNNING, at_work, connected=True)
    figures = {"ready": 1, "talking": 2, "wrapup": 2, "paused": 0, "due": 40, "refused": 3}
    assert found == IdleReason("limit-seats", figures)


def test_board_shows_a_campaigns_hold_as_the_reason_for_idle_seats() -> None:
    text, until = "outside calling hours until 09:00", 1_713_765_600.0
    held = replace(RUNNING, hold=Hold(HoldReason.CALLING_HOURS, text, until))
    assert find_idle_reason_of_campaign(ONLINE, held, [], connected=True) == IdleReason(
        "calling-hours", {"until": until}, text
    )
    assert find_idle_code(hold=Hold(HoldReason.PAUSED)) == "paused"


def test_each_warning_on_the_board_stays_active_while_its_cause_lasts() -> None:
    def find_warnings(campaigns: Any, abandoned: Any, seats: Any) -> dict[str, Any]:
        return {alert.code: alert.fields for alert in find_active_warnings(campaigns, abandoned, seats, 1.0)}

    window = AbandonedWindow(window_seconds=3600.0, target=0.01, stop=0.03, answers=1000, abandoned=24)
    nothing = replace(window, abandoned=23)
    few = replace(window, answers=20, abandoned=1)
    assert find_warnings({}, {"turnout": [nothing, few]}, []) == {}
    near = {"campaign": "turnout", "percent": 2.4, "limit": 3.0}
    assert find_warnings({}, {"turnout": [nothing, window]}, []) == {"cap-near-turnout": near}
    progress = CampaignProgress(total=100, completed=96, remaining=4, attempts=99)
    low = replace(RUNNING, progress=progress)
    assert find_warnings({"turnout": low}, {}, []) == {"list-low-turnout": {"campaign": "turnout", "remaining": 4}}
    for other in (replace(progress, remaining=5), replace(progress, remaining=0), replace(progress, total=0)):
        assert find_warnings({"turnout": replace(low, progress=other)}, {}, []) == {}
    assert find_warnings({"turnout": replace(low, state=CampaignState.PAUSED)}, {}, []) == {}
    assert find_warnings({}, {}, make_seats(SeatState.LOST, SeatState.READY)) == {"seat-lost-04": {"seat": "04"}}


async def test_repeated_board_warning_keeps_its_first_time_and_can_be_acknowledged(
    desk: DeskUnderTest, tmp_path: Path
) -> None:
    reading = await DeskReading.open(tmp_path / "centre.db", None)
    figures = BoardFigures(desk.page_state, reading, desk.clock, ZoneInfo("UTC"), {})
    desk.page_state.set_value_of_key("seat/04", replace(SEATED, state=SeatState.LOST))
    began = desk.clock.now()
    for _ in range(2):
        await figures.update_warnings_and_idle_reasons()
        desk.clock.pass_seconds(5.0)
    shown = desk.page_state.get_value_of_key("warnings", WarningList)
    assert shown == WarningList((create_alert(AlertKind.SEAT_LOST, began, seat="04"),))
    assert (
        await desk.post("/api/board/alerts", {"code": "seat-lost-04", "at": began}, "supervisor")
    ).status_code == 204
    desk.page_state.set_value_of_key("seat/04", SEATED)
    await figures.update_warnings_and_idle_reasons()
    assert desk.page_state.get_value_of_key("warnings", WarningList) == WarningList(())
    await reading.close()


async def test_desk_reads_abandoned_rates_and_calls_of_the_day_from_the_store(tmp_path: Path) -> None:
    store, clock, page_state = tmp_path / "centre.db", SetClock(), PageState(lambda: 0.0)
    now = clock.now()
    calls = [
        (7200, True, "connected"),
        (700, True, "abandoned"),
        (650, False, "no-answer"),
        (10, True, "connected"),
        (5, False, "refused"),
    ]
    with open_store_exclusively(store, "a test") as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('turnout', 'agents', 'turnout')")
        for number, (ago, answered, outcome) in enumerate(calls):
            db.execute(
                "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, trunk, caller_id, created_at, answered_at,"
                " connected_at, ended_at, outcome, direction) VALUES (?, 'turnout', ?, 1, 't', 'c', ?, ?, ?, ?, ?, 'outbound')",
                (
                    f"a{number}",
                    number,
                    now - ago,
                    now - ago + 2 if answered else None,
                    now - ago + 2 if outcome == "connected" else None,
                    now - ago + 3,
                    outcome,
                ),
            )
    reading = await DeskReading.open(store, None)
    figures = BoardFigures(page_state, reading, clock, ZoneInfo("Asia/Kolkata"), {})
    caps = (ShownCap(86_400.0, 0.01, 0.03), ShownCap(3_600.0, 0.01, 0.03))
    for _ in range(2):  # rows that are read again are not counted twice
        await figures.refresh_campaign_figures("turnout", caps)
    day = page_state.get_values_of_keys_with_prefix("day", DayFigures)["turnout"]
    assert (sum(day.placed), sum(day.answered), sum(day.connected), sum(day.abandoned)) == (4, 3, 2, 1)
    assert len(day.at) == len(day.placed)
    assert sum(day.live_answers) == 3
    windows: tuple[AbandonedWindow, ...] = page_state.get_values_of_keys_with_prefix("abandoned", tuple)["turnout"]
    assert [(each.answers, each.abandoned) for each in windows] == [(3, 1), (2, 1)]
    assert windows[0].stop == 0.03
    with open_store_exclusively(store, "a test") as db:
        db.execute("UPDATE attempt SET outcome = 'machine', connected_at = NULL WHERE attempt_id = 'a0'")
        db.execute("INSERT INTO judged_call VALUES ('a0', 'person', 1.0, 'asha')")
    with pytest.MonkeyPatch.context() as patch:  # the share of people that judged calls show, instead of the profile's
        patch.setattr(judged_calls, "LEAST_JUDGED", 1)
        await figures.refresh_campaign_figures("turnout", tuple(replace(cap, false_positive_share=0.1) for cap in caps))
    windows = page_state.get_values_of_keys_with_prefix("abandoned", tuple)["turnout"]
    assert windows[0].abandoned == 2
    with open_store_exclusively(store, "a test") as db:  # while the desk could not read
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute(
            "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, trunk, caller_id, created_at, ended_at, outcome,"
            " direction) SELECT 'b0', campaign_id, 9, 1, 't', 'c', created_at + 1200, ended_at + 1200, 'no-answer', direction"
            " FROM attempt WHERE attempt_id = 'a3'"
        )
    clock.pass_seconds(3 * 3_600.0)
    await figures.refresh_campaign_figures("turnout", caps)
    assert sum(page_state.get_values_of_keys_with_prefix("day", DayFigures)["turnout"].placed) == 5
    clock.pass_seconds(86_400.0)
    await figures.refresh_campaign_figures("turnout", caps)
    assert page_state.get_values_of_keys_with_prefix("day", DayFigures)["turnout"].placed == ()
    await reading.close()
