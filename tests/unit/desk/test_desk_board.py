"""The board: commands go out as who has signed in, and only those of the role; alerts; why nothing is dialled; figures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi import Request

from dialer.desk.board import OFFERED, may
from dialer.desk.figures import BoardFigures, ShownCap, warnings, why
from dialer.domain.enums import SupervisorRole
from dialer.engine.command.catalogue import COMMANDS
from dialer.mqtt.hearing import Reply
from dialer.pacing.port import Limit
from dialer.store.connection import exclusive_connection
from dialer.store.desk_file import DeskFile
from dialer.store.desk_reading import DeskReading
from dialer.web.people import Who
from dialer.web.picture import Picture
from dialer.web.streams import LOOK_SECONDS, MOST_READERS_EACH
from tests.support.desk import PASSWORD, DeskStand, SetClock, desk_stand, full_disk

ID = "0f9a7c1e-click"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeskStand]:
    async with desk_stand(tmp_path) as stand:
        yield stand


async def test_a_command_goes_out_as_the_one_who_has_signed_in(desk: DeskStand) -> None:
    answer = await desk.post("/api/board/commands", {"id": ID, "name": "pause", "campaign": "turnout"}, "compliance")
    assert (answer.status_code, answer.json()) == (200, {"status": "done", "text": "it was done"})
    assert desk.hearing.asked == [("compliance", ID, "pause", {"campaign": "turnout"})]


async def test_every_role_gives_the_commands_of_docs_topics_and_no_others(desk: DeskStand) -> None:
    values = {"campaign": "turnout", "seat": "04", "reason": "break", "text": "the second page", "campaigns": []}
    for name in OFFERED:
        kind = COMMANDS[name]
        body = {"id": ID, "name": name, **{key: values[key] for key in kind.required_fields()}}
        for role in set(SupervisorRole) - {SupervisorRole.DESK, SupervisorRole.UPLINK}:
            answer = await desk.post("/api/board/commands", body, role)
            assert answer.status_code == (200 if role in kind.roles else 403), (name, role)
            assert (name in may(role, has_phone=True)) == (role in kind.roles)


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        ({"id": ID, "name": "marks"}, 404, "no-command"),
        ({"id": ID, "name": "opt-outs", "campaign": "x"}, 404, "no-command"),
        ({"id": ID, "name": "pause"}, 422, "values"),
        ({"id": ID, "name": "pause", "campaign": "x", "text": "a line"}, 422, "values"),
        ({"id": ID, "name": "speed", "campaign": "x", "most_calls": 0}, 422, "values"),
        ({"id": ID, "name": "speed", "campaign": "x", "calls_per_seat": 11}, 422, "values"),
        ({"id": ID, "name": "seat-message", "seat": "01", "text": "x" * 201}, 422, "values"),
        ({"id": ID, "name": "pause", "campaign": "x", "seat": "01"}, 422, "values"),
        ({"id": ID, "name": "pause", "campaign": "x" * 129}, 422, "values"),
        ({"id": "../x", "name": "stop-all"}, 422, "values"),
        ({"id": ID, "name": "stop-all", "role": "supervisor"}, 422, "values"),
        ([], 422, "values"),
    ],
)
async def test_what_is_no_command_of_the_board_is_sent_nowhere(
    desk: DeskStand, body: object, status: int, problem: str
) -> None:
    answer = await desk.post("/api/board/commands", body, "supervisor")
    assert (answer.status_code, answer.json()) == (status, {"problem": problem})
    assert not desk.hearing.asked


async def test_a_broker_that_is_away_is_told_and_nothing_waits(desk: DeskStand) -> None:
    desk.hearing.reply = None
    answer = await desk.post("/api/board/commands", {"id": ID, "name": "stop-all"}, "supervisor")
    assert (answer.status_code, answer.json()) == (503, {"problem": "broker-away"})
    desk.hearing.reply = Reply("refused", "there is no such seat")
    answer = await desk.post("/api/board/commands", {"id": ID, "name": "seat-ready", "seat": "99"}, "supervisor")
    assert answer.json() == {"status": "refused", "text": "there is no such seat"}


async def test_an_alert_that_was_seen_is_so_until_another_takes_its_place(desk: DeskStand) -> None:
    alert = {"code": "switch-down", "level": "critical", "text": "no connection", "at": 5.0}
    desk.picture.put("alerts", {"at": 6.0, "alerts": [alert]})
    seen = {"code": "switch-down", "at": 5.0}
    assert (await desk.post("/api/board/alerts", seen, "coach")).status_code == 204
    assert (await desk.post("/api/board/alerts", seen, "supervisor")).status_code == 204
    kept = desk.picture.get("acknowledged")["switch-down"]
    assert (kept["name"], kept["alert_at"], kept["at"]) == ("coach", 5.0, desk.clock.now())
    assert (await desk.post("/api/board/alerts", {"code": "switch-down", "at": 4.0}, "coach")).status_code == 409
    assert [each.name for each in await desk.file.acknowledged()] == ["coach"]


async def test_a_board_is_told_of_its_own_kinds_and_of_no_others(desk: DeskStand) -> None:
    desk.picture.put("seat/01", {"state": "ready"})
    desk.picture.put("pop/01", {"name": "somebody"})
    token = await desk.people.sign_in("viewer", PASSWORD)
    news = desk.news(token, Who("viewer", "viewer"))
    first = await anext(news)
    assert b"seat/01" in first
    assert b"somebody" not in first
    await news.aclose()  # type: ignore[attr-defined]


async def test_a_look_that_fails_ends_no_page_and_the_next_one_does(
    desk: DeskStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await desk.people.sign_in("viewer", PASSWORD)
    news = desk.news(token, Who("viewer", "viewer"))
    await anext(news)
    await desk.people.sign_out(token)
    with monkeypatch.context() as broken:
        broken.setattr(DeskFile, "session", full_disk)
        desk.clock.pass_seconds(LOOK_SECONDS)
        for told in range(2):
            desk.picture.put("seat/01", {"calls": told})
            assert b"seat/01" in await anext(news)
    desk.clock.pass_seconds(LOOK_SECONDS)
    desk.picture.put("seat/01", {"calls": 9})
    with pytest.raises(StopAsyncIteration):
        await anext(news)


async def test_a_page_whose_sign_in_ended_is_told_nothing_more(desk: DeskStand) -> None:
    token = await desk.people.sign_in("viewer", PASSWORD)
    news = desk.news(token, Who("viewer", "viewer"))
    await anext(news)
    await desk.people.sign_out(token)
    desk.clock.pass_seconds(LOOK_SECONDS)
    desk.picture.put("seat/01", {"state": "ready"})
    with pytest.raises(StopAsyncIteration):
        await anext(news)
    assert desk.picture.readers == 0


async def test_one_person_opens_a_few_boards_and_no_more(desk: DeskStand) -> None:
    token = await desk.people.sign_in("viewer", PASSWORD)
    every = [desk.news(token, Who("viewer", "viewer")) for _ in range(MOST_READERS_EACH)]
    for news in every:
        await anext(news)
    answer = await desk.get("/api/board/events", "viewer")
    assert (answer.status_code, answer.json()) == (503, {"problem": "full"})
    other = Request({"type": "http", "state": {"user": Who("coach", "coach"), "token": token}})
    assert (await desk.board.events(other)).status_code == 200
    for news in every:
        await news.aclose()  # type: ignore[attr-defined]
    assert not len(desk.streams)


async def test_booths_have_their_names_which_are_read_again_with_the_day(desk: DeskStand, tmp_path: Path) -> None:
    assert (await desk.get("/api/board/booths", "viewer")).json() == {"118": ["Kothrud", "School"]}
    with exclusive_connection(tmp_path / "centre.db", "a test") as db:
        db.execute("UPDATE booth SET name = 'Town hall'")
    reading = await DeskReading.open(tmp_path / "centre.db", None)
    figures = BoardFigures(desk.picture, reading, desk.clock, ZoneInfo("UTC"), {})
    await figures.read_booths()
    desk.picture.put("booths", {})
    await figures.read_all()
    assert desk.picture.get("booths") == {}
    desk.clock.pass_seconds(86_400.0)
    await figures.read_all()
    assert desk.picture.get("booths") == {118: ("Kothrud", "Town hall")}
    await reading.close()


# Why is nothing dialled?

CENTRE = {"online": True}
RUNNING: Mapping[str, Any] = {
    "calls": {},
    "held_because": None,
    "due": 40,
    "numbers": 100,
    "closed": 60,
    "limited_by": Limit.SEATS.value,
    "refused": {"gap": 3},
}


def code(**changed: Any) -> str:
    return str(why(CENTRE, {**RUNNING, **changed}, [], heard=True)["code"])


def test_what_is_away_is_told_first() -> None:
    assert why(None, RUNNING, [], heard=False)["code"] == "unheard-broker"
    assert why({"online": False}, RUNNING, [], heard=True)["code"] == "dialler-away"
    assert why(None, RUNNING, [], heard=True)["code"] == "dialler-away"


def test_a_campaign_that_dials_says_so_and_one_that_waits_says_for_what() -> None:
    seats = [{"state": state} for state in ("talking", "reserved", "ready", "wrap-up", "wrap-up")]
    assert code(calls={"ringing": 2, "talking": 5}) == "dialling"
    assert code(due=0) == "nothing-due"
    assert code(limited_by="speed") == "limit-speed"
    assert code(limited_by="channels") == "limit-channels"
    found = why(CENTRE, RUNNING, seats, heard=True)
    assert found["code"] == "limit-seats"
    assert found["figures"] == {"ready": 1, "talking": 2, "wrapup": 2, "paused": 0, "due": 40, "refused": 3}


def test_what_holds_a_campaign_is_told_in_a_word_and_as_the_dialler_says_it() -> None:
    words = "outside calling hours until 09:00"
    held = {**RUNNING, "held_because": words, "held_by": "calling-hours", "held_until": 1_713_765_600.0}
    found = why(CENTRE, held, [], heard=True)
    assert found == {
        "code": "calling-hours",
        "figures": {"until": 1_713_765_600.0},
        "detail": words,
    }
    assert code(held_because="something that an older one says") == "held"


def test_what_is_about_to_go_wrong_is_told_while_it_stands() -> None:
    window = {"window_seconds": 3600.0, "target": 0.01, "stop": 0.03, "answers": 1000, "abandoned": 24}
    nothing = {**window, "abandoned": 23}
    few = {**window, "answers": 20, "abandoned": 1}
    assert warnings({}, {"turnout": [nothing, few]}, []) == {}
    assert warnings({}, {"turnout": [nothing, window]}, []) == {"cap-near-turnout": "warning"}
    low = {"state": "running", "numbers": 100, "due": 4}
    assert warnings({"turnout": low}, {}, []) == {"list-low-turnout": "notice"}
    for other in ({"due": 5}, {"due": 0}, {"state": "paused"}, {"numbers": 0}):
        assert warnings({"turnout": {**low, **other}}, {}, []) == {}
    assert warnings({}, {}, [{"seat": "04", "state": "lost"}, {"seat": "05", "state": "ready"}]) == {
        "seat-lost-04": "warning"
    }


async def test_a_warning_keeps_its_time_and_can_be_seen(desk: DeskStand, tmp_path: Path) -> None:
    reading = await DeskReading.open(tmp_path / "centre.db", None)
    figures = BoardFigures(desk.picture, reading, desk.clock, ZoneInfo("UTC"), {})
    desk.picture.put("seat/04", {"seat": "04", "state": "lost"})
    began = desk.clock.now()
    for _ in range(2):
        await figures.answer()
        desk.clock.pass_seconds(5.0)
    (warning,) = desk.picture.get("warnings")["alerts"]
    assert (warning["code"], warning["at"]) == ("seat-lost-04", began)
    assert (
        await desk.post("/api/board/alerts", {"code": "seat-lost-04", "at": began}, "supervisor")
    ).status_code == 204
    desk.picture.put("seat/04", {"seat": "04", "state": "ready"})
    await figures.answer()
    assert desk.picture.get("warnings") == {"alerts": []}
    await reading.close()


async def test_shares_of_each_window_and_the_days_course_come_from_the_records(tmp_path: Path) -> None:
    store, clock, picture = tmp_path / "centre.db", SetClock(), Picture(lambda: 0.0)
    now = clock.now()
    calls = [
        (7200, True, "connected"),
        (700, True, "abandoned"),
        (650, False, "no-answer"),
        (10, True, "connected"),
        (5, False, "refused"),
    ]
    with exclusive_connection(store, "a test") as db:
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
    figures = BoardFigures(picture, reading, clock, ZoneInfo("Asia/Kolkata"), {})
    caps = (ShownCap(86_400.0, 0.01, 0.03), ShownCap(3_600.0, 0.01, 0.03))
    for _ in range(2):  # what is read again is not counted twice
        await figures.read("turnout", caps)
    day, shares = picture.get("day/turnout"), picture.get("abandoned/turnout")
    assert (sum(day["placed"]), sum(day["answered"]), sum(day["connected"]), sum(day["abandoned"])) == (4, 3, 2, 1)
    assert len(day["at"]) == len(day["placed"])
    assert sum(day["live_answers"]) == 3
    assert [(each["answers"], each["abandoned"]) for each in shares] == [(3, 1), (2, 1)]
    assert shares[0]["stop"] == 0.03
    with exclusive_connection(store, "a test") as db:  # while the desk could not read
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute(
            "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, trunk, caller_id, created_at, ended_at, outcome,"
            " direction) SELECT 'b0', campaign_id, 9, 1, 't', 'c', created_at + 1200, ended_at + 1200, 'no-answer', direction"
            " FROM attempt WHERE attempt_id = 'a3'"
        )
    clock.pass_seconds(3 * 3_600.0)
    await figures.read("turnout", caps)
    assert sum(picture.get("day/turnout")["placed"]) == 5
    clock.pass_seconds(86_400.0)
    await figures.read("turnout", caps)
    assert picture.get("day/turnout")["placed"] == []
    await reading.close()
