"""Drafts and notes of agents: stored only for their own calls, restored after a reload, erased with the number."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Collection
from contextlib import closing as closed
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dialer.desk.agents import notes
from dialer.desk.agents.figures import AgentDayFigures, CallBack
from dialer.desk.agents.notes import MAX_DRAFT_BYTES, MAX_NOTE_CHARACTERS, OPEN_SECONDS, AgentDrafts
from dialer.domain.errors import StoreError
from dialer.store.agent_records import AgentRecords, Draft, erase_notes_about_number
from dialer.store.connection import open_store_exclusively
from dialer.store.desk_file import DeskFile, StoredPassword
from dialer.web.people import AGENT, SignedInUser
from tests.support.desk import ONLINE, SEATED, DeskUnderTest, run_desk
from tests.support.screen_pop import ATTEMPT, NUMBER, VOTERS, close_after, fill_household, seat_with_live_call, until

NOTE = {"id": "note-7", "attempt": ATTEMPT, "text": "rings again at six, ask for the son"}
DRAFT = {"attempt": ATTEMPT, "draft": {"word": "later", "hour": 16, "note": "शाम को"}}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeskUnderTest]:
    async with run_desk(tmp_path) as stand:
        stand.page_state.set_value_of_key("centre", ONLINE)
        fill_household(tmp_path / "centre.db", stand.clock.now())
        stand.tokens[AGENT] = await stand.agent_token()
        stand.page_state.set_value_of_key("seat/04", seat_with_live_call())
        yield stand


async def receive_screen_pop(desk: DeskUnderTest) -> dict[str, Any]:
    """Return the screen pop that a newly opened page receives."""
    running = asyncio.create_task(desk.agents.update_agent_pages_until_cancelled())
    async with close_after(
        desk.agents.streams._stream_events_of_seat(desk.tokens[AGENT], SignedInUser("101", AGENT, "04"), "")
    ) as news:
        pop: dict[str, Any] = await until(news, "pop")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    desk.page_state.set_value_of_key("pop/04", None)
    desk.agents.screen_pops._shown.clear()
    return pop


async def replace_unsent_form(desk: DeskUnderTest, draft: object) -> int:
    return (await desk.post("/api/agent/draft", draft, AGENT, method="PUT")).status_code


async def test_latest_agent_note_is_shown_at_the_next_call_to_the_number(desk: DeskUnderTest) -> None:
    for text in ("first", NOTE["text"]):
        assert (await desk.post("/api/agent/note", {**NOTE, "text": text}, AGENT)).status_code == 204
    found = await AgentRecords(desk.file).read_last_note_about_number(1)
    assert found is not None
    assert (found.note_id, found.attempt_id, found.text) == ("note-7", ATTEMPT, NOTE["text"])
    assert (await receive_screen_pop(desk))["note"] == {"id": "note-7", "at": desk.clock.now(), "text": NOTE["text"]}
    await desk.post("/api/agent/note", {**NOTE, "text": ""}, AGENT)
    assert (await receive_screen_pop(desk))["note"] is None


async def test_agent_note_about_another_agents_call_is_refused(desk: DeskUnderTest, tmp_path: Path) -> None:
    async def post_note(**changed: str) -> tuple[int, Any]:
        answer = await desk.post("/api/agent/note", {**NOTE, **changed}, AGENT)
        return answer.status_code, answer.json() if answer.content else None

    late = (409, {"problem": "note-late"})
    assert await post_note(attempt="earlier") == late  # a call without an agent
    assert await post_note(attempt="another") == late  # an unknown call
    with open_store_exclusively(tmp_path / "centre.db", "a test") as db:
        db.execute("UPDATE attempt SET seat = '05', agent = '101' WHERE attempt_id = 'earlier'")
    assert await post_note(attempt="earlier") == late
    with open_store_exclusively(tmp_path / "centre.db", "a test") as db:
        db.execute("UPDATE attempt SET seat = '04', ended_at = ? WHERE attempt_id = 'earlier'", (desk.clock.now(),))
    assert await post_note(attempt="earlier") == (204, None)
    assert await post_note() == late  # the note's id belongs to another call
    desk.clock.pass_seconds(OPEN_SECONDS + 1)
    assert await post_note(attempt="earlier") == late


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"text": "न" * MAX_NOTE_CHARACTERS}, 204),
        ({"text": "न" * (MAX_NOTE_CHARACTERS + 1)}, 422),
        ({"text": "x" * 1_000_000}, 413),
        ({"text": "\ud800"}, 422),
        ({"text": "\u202e<script>alert(1)</script>\x00"}, 204),
        ({"text": ""}, 204),
        ({"id": "7"}, 422),
        ({"seat": "05"}, 422),
    ],
)
async def test_agent_note_that_is_malformed_or_too_long_is_refused(
    desk: DeskUnderTest, changed: dict[str, str], status: int
) -> None:
    answer = await desk.post("/api/agent/note", {**NOTE, **changed}, AGENT)
    assert answer.status_code == status
    if status != 204:
        assert answer.json() == {"problem": {413: "too-long", 422: "values"}[status]}


async def test_draft_agent_note_survives_a_page_reload_and_a_desk_restart(desk: DeskUnderTest) -> None:
    assert await replace_unsent_form(desk, DRAFT) == 204
    assert (await receive_screen_pop(desk))["draft"] == DRAFT["draft"]
    await desk.agents.drafts.write_unsent_forms_to_file()
    again = AgentDrafts(AgentRecords(desk.file))
    running = asyncio.create_task(again.save_unsent_forms_until_cancelled())
    async with asyncio.timeout(5):
        while again.find_unsent_form_of_call("04", ATTEMPT) is None:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert again.find_unsent_form_of_call("04", ATTEMPT) == DRAFT["draft"]
    assert again.find_unsent_form_of_call("04", "another") is None
    assert again.find_unsent_form_of_call("05", ATTEMPT) is None


async def test_draft_note_that_is_too_long_or_about_another_agents_call_is_refused(desk: DeskUnderTest) -> None:
    assert await replace_unsent_form(desk, {**DRAFT, "draft": {"note": "x" * (MAX_DRAFT_BYTES - 20)}}) == 204
    assert await replace_unsent_form(desk, {**DRAFT, "draft": {"note": "x" * MAX_DRAFT_BYTES}}) == 413
    assert await replace_unsent_form(desk, {**DRAFT, "draft": {"note": "\ud800"}}) == 422
    assert await replace_unsent_form(desk, {**DRAFT, "draft": {"hour": float("nan")}}) == 422
    assert await replace_unsent_form(desk, {**DRAFT, "draft": []}) == 422
    assert await replace_unsent_form(desk, {**DRAFT, "attempt": "another"}) == 409
    assert await replace_unsent_form(desk, {**DRAFT, "attempt": "earlier"}) == 409


async def test_late_draft_note_of_the_previous_call_replaces_nothing(desk: DeskUnderTest, tmp_path: Path) -> None:
    with open_store_exclusively(tmp_path / "centre.db", "a test") as db:
        owner = ("04", "101", desk.clock.now())
        db.execute("UPDATE attempt SET seat = ?, agent = ?, ended_at = ? WHERE attempt_id = 'earlier'", owner)
    assert await replace_unsent_form(desk, DRAFT) == 204
    assert await replace_unsent_form(desk, {**DRAFT, "attempt": "earlier"}) == 409
    assert (await receive_screen_pop(desk))["draft"] == DRAFT["draft"]
    desk.page_state.set_value_of_key("seat/04", replace(seat_with_live_call(), attempt_id=None, screen_pop=None))
    assert await replace_unsent_form(desk, {**DRAFT, "attempt": "earlier"}) == 204


async def test_failed_write_of_draft_notes_is_repeated(desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail_with_full_disk(*_: object) -> None:
        raise StoreError("the disk is full")

    await replace_unsent_form(desk, DRAFT)
    with monkeypatch.context() as broken:
        broken.setattr(AgentRecords, "save_drafts_of_agent_input", fail_with_full_disk)
        with pytest.raises(StoreError):
            await desk.agents.drafts.write_unsent_forms_to_file()
    await desk.agents.drafts.write_unsent_forms_to_file()
    assert [draft.attempt_id for draft in await AgentRecords(desk.file).read_drafts_of_agent_input()] == [ATTEMPT]


async def test_reading_a_locked_file_of_draft_notes_is_retried_later(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    await AgentRecords(desk.file).save_drafts_of_agent_input([Draft("05", "earlier", 1, "{}")])
    read, tries = AgentRecords.read_drafts_of_agent_input, 0

    async def fail_while_busy(records: AgentRecords) -> list[Draft]:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise StoreError("the file is busy")
        return await read(records)

    monkeypatch.setattr(AgentRecords, "read_drafts_of_agent_input", fail_while_busy)
    monkeypatch.setattr(notes, "WRITE_SECONDS", 0.0)
    running = asyncio.create_task(desk.agents.update_agent_pages_until_cancelled())
    async with asyncio.timeout(5):
        while desk.agents.drafts.find_unsent_form_of_call("05", "earlier") is None:
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert tries == 2


@pytest.mark.parametrize("is_writing", [False, True])
async def test_desk_writes_the_latest_draft_notes_before_stopping(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch, is_writing: bool
) -> None:
    keep, writing = AgentRecords.save_drafts_of_agent_input, asyncio.Event()

    async def save_slowly(records: AgentRecords, changes: Collection[Draft]) -> None:
        if is_writing and not writing.is_set():
            writing.set()
            await asyncio.Event().wait()
        await keep(records, changes)

    monkeypatch.setattr(AgentRecords, "save_drafts_of_agent_input", save_slowly)
    await keep(AgentRecords(desk.file), [Draft("05", "earlier", 1, "{}")])
    if is_writing:
        await replace_unsent_form(desk, DRAFT)
    running = asyncio.create_task(desk.agents.drafts.save_unsent_forms_until_cancelled())
    async with asyncio.timeout(5):
        while desk.agents.drafts.find_unsent_form_of_call("05", "earlier") is None:
            await asyncio.sleep(0)
        if is_writing:
            await writing.wait()
        else:
            await replace_unsent_form(desk, DRAFT)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    found = {draft.attempt_id for draft in await AgentRecords(desk.file).read_drafts_of_agent_input()}
    assert found == {"earlier", ATTEMPT}


async def test_erasing_a_phone_number_deletes_its_agent_notes_and_draft_notes(
    desk: DeskUnderTest, tmp_path: Path
) -> None:
    await desk.post("/api/agent/note", NOTE, AGENT)
    await replace_unsent_form(desk, DRAFT)
    await desk.agents.drafts.write_unsent_forms_to_file()
    store = tmp_path / "centre.db"
    assert erase_notes_about_number(store, None, 2) == 0
    assert erase_notes_about_number(store, None, 1) == 1
    left = (tmp_path / "centre.desk.db").read_bytes()
    assert b"rings again" not in left
    assert "शाम को".encode() not in left
    assert await AgentRecords(desk.file).read_last_note_about_number(1) is None
    assert erase_notes_about_number(tmp_path / "none.db", None, None) == 0


async def test_agents_page_receives_only_the_agents_own_figures_of_today(desk: DeskUnderTest, tmp_path: Path) -> None:
    now = desk.clock.now()
    with open_store_exclusively(tmp_path / "centre.db", "a test") as db:
        db.execute(
            "INSERT INTO mark (key, voter_id, kind, source, at, agent) VALUES ('m4', 3, 'not-yet', 'agent', ?, '101')",
            (now,),
        )
        for number, (agent, word, ago) in enumerate(
            [
                ("101", "voted", 60),
                ("101", "voted", 50),
                ("101", None, 40),
                ("102", "later", 30),
                ("101", "voted", 90_000),
            ]
        ):
            at = now - ago
            db.execute(
                "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
                " answered_at, connected_at, ended_at, outcome, seat, agent, disposition)"
                " VALUES (?, 'turnout-agents', 1, 1, ?, 't', 'c', ?, ?, ?, ?, 'connected', '04', ?, ?)",
                (f"done-{number}", 10 + number, at, at, at, at + 9, agent, word),
            )
            db.execute(
                "INSERT INTO seat_interval (seat, agent, state, from_at, until_at) VALUES ('04', ?, 'talking', ?, ?)",
                (agent, at, at + 9),
            )
    await desk.agents.figures.refresh_agent_figures()
    figures = desk.page_state.get_values_of_keys_with_prefix("figures", AgentDayFigures)
    found = figures["101"]
    assert (found.calls, found.wrap_up_seconds) == (3, 0.0)
    assert found.talked_seconds == pytest.approx(27.0)
    assert (found.dispositions, found.marks) == ({"voted": 2}, {"not-yet": 1})  # m1 is a booth worker's, m2 was undone
    assert figures["102"].dispositions == {"later": 1}
    assert desk.page_state.get_values_of_keys_with_prefix("call-backs", tuple) == {"101": (), "102": ()}
    desk.clock.pass_seconds(86_400.0)
    await desk.agents.figures.refresh_agent_figures()
    assert desk.page_state.get_values_of_keys_with_prefix("figures", AgentDayFigures)["101"].calls == 0


async def test_agents_page_receives_only_the_agents_own_call_backs_of_today(
    desk: DeskUnderTest, tmp_path: Path
) -> None:
    hour = desk.clock.now() + 3_600.0
    with open_store_exclusively(tmp_path / "centre.db", "a test") as db:
        for phone_id in range(2, 8):
            db.execute("INSERT INTO phone (phone_id, e164) VALUES (?, ?)", (phone_id, f"+91700000100{phone_id}"))
        for phone_id, agent, at, due_at, state in (
            (1, "101", hour + 60, hour + 960, "due"),
            (2, "101", hour, hour + 900, "claimed"),  # it is being called
            (3, "102", hour, hour + 900, "due"),
            (4, "101", hour, hour + 7_200, "due"),  # a later outcome replaced it
            (5, "101", hour, hour + 900, "closed"),
            (6, "101", hour + 86_400, hour + 87_300, "due"),  # tomorrow
            (7, "101", hour - 9_000, hour - 8_100, "due"),  # open to every agent by now
        ):
            until = at + 900
            db.execute(
                "INSERT INTO own_call_back VALUES ('turnout-agents', ?, ?, 'a', ?, ?)", (phone_id, agent, at, until)
            )
            db.execute(
                "INSERT INTO target (campaign_id, phone_id, state, due_at, promised) VALUES ('turnout-agents', ?, ?, ?, 1)",
                (phone_id, state, due_at),
            )
    await desk.agents.figures.refresh_agent_figures()
    told: dict[str, tuple[CallBack, ...]] = desk.page_state.get_values_of_keys_with_prefix("call-backs", tuple)
    assert [(each.at, each.until) for each in told["101"]] == [(hour, hour + 900), (hour + 60, hour + 960)]
    assert [(each.name, each.masked) for each in told["101"]] == [
        (None, "•••• 1002"),
        (VOTERS[0], f"•••• {NUMBER[-4:]}"),
    ]
    assert len(told["102"]) == 1


async def test_desk_database_of_the_first_version_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "old.desk.db"
    with closed(sqlite3.connect(path)) as db:
        db.executescript(
            "CREATE TABLE password (name TEXT PRIMARY KEY, hash TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID;"
            "CREATE TABLE session (digest TEXT PRIMARY KEY, name TEXT NOT NULL, used_at REAL NOT NULL) WITHOUT ROWID;"
            "CREATE TABLE acknowledged (code TEXT NOT NULL, alert_at REAL NOT NULL, name TEXT NOT NULL, at REAL NOT NULL,"
            " PRIMARY KEY (code, alert_at)) WITHOUT ROWID;"
            "INSERT INTO password VALUES ('asha', 'hash', 1); PRAGMA user_version = 1;"
        )
    for _ in range(2):
        file = await DeskFile.open(path, None)
        assert await file.read_password("asha") == StoredPassword("hash", 1.0)
        assert await AgentRecords(file).read_drafts_of_agent_input() == []
        await file.close()


async def test_agent_note_and_draft_note_without_a_call_are_refused(desk: DeskUnderTest) -> None:
    desk.page_state.set_value_of_key("seat/04", SEATED)
    assert await replace_unsent_form(desk, DRAFT) == 409
