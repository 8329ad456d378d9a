"""Coaching notes: supervisors write them on calls, only the agent of the call reads them, and they end with the number."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dialer.desk.coaching_notes import COACH_ROLES, MAX_NOTE_CHARACTERS, SHOWN_TO_AGENT, OwnCoachingNote
from dialer.domain.enums import SupervisorRole
from dialer.mqtt.dialler_client import Reply
from dialer.store.agent_records import erase_notes_about_number
from dialer.store.coaching_notes import CoachingNote, CoachingNoteRecords
from dialer.store.connection import open_store_exclusively
from dialer.web.people import AGENT
from tests.support.desk import ONLINE, SEATED, DeskUnderTest, raise_disk_full, run_desk
from tests.support.screen_pop import ATTEMPT, fill_household, read_event

SUPERVISOR = "supervisor"
TEXT = "Ask for the hour before you thank the voter."
NO_NOTE = (409, {"problem": "no-coaching-note"})


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeskUnderTest]:
    """Run a desk at which agent 101 sits at seat 04 and has had one call; nobody had the call "earlier"."""
    async with run_desk(tmp_path) as stand:
        stand.page_state.set_value_of_key("centre", ONLINE)
        fill_household(tmp_path / "centre.db", stand.clock.now())
        with open_store_exclusively(tmp_path / "centre.db", "a test") as db:
            db.execute("UPDATE attempt SET seat = '04', agent = '101' WHERE attempt_id = ?", (ATTEMPT,))
        stand.tokens[AGENT] = await stand.agent_token()
        stand.page_state.set_value_of_key("seat/04", SEATED)
        yield stand


async def write_note(desk: DeskUnderTest, text: object = TEXT, attempt: object = ATTEMPT) -> tuple[int, Any]:
    """Write a note as a supervisor. Return the status and the JSON of the answer."""
    answer = await desk.post("/api/coaching-notes", {"attempt": attempt, "text": text}, SUPERVISOR)
    return answer.status_code, answer.json() if answer.content else None


async def list_notes(desk: DeskUnderTest) -> list[dict[str, Any]]:
    """Return the notes on the call, as a supervisor's page receives them."""
    found: list[dict[str, Any]] = (await desk.get(f"/api/coaching-notes/{ATTEMPT}", SUPERVISOR)).json()
    return found


async def post_note_id(desk: DeskUnderTest, path: str, note: str, role: str) -> tuple[int, Any]:
    """Send the ID of a note to a route. Return the status and the JSON of the answer."""
    answer = await desk.post(path, {"note": note}, role)
    return answer.status_code, answer.json() if answer.content else None


async def delete_note(desk: DeskUnderTest, note: str) -> tuple[int, Any]:
    return await post_note_id(desk, "/api/coaching-notes/delete", note, SUPERVISOR)


async def mark_note_as_read(desk: DeskUnderTest, note: str) -> tuple[int, Any]:
    return await post_note_id(desk, "/api/agent/coaching-note-read", note, AGENT)


async def receive_notes_on_agent_page(desk: DeskUnderTest, agent: str, seat: str) -> list[dict[str, Any]]:
    """Return the coaching notes in the first update of a page that this agent opens."""
    token = await desk.agent_token(agent, seat)
    who = await desk.agents.find_user_of_session(token)
    assert who is not None
    events = desk.agents.streams._stream_events_of_seat(token, who, "")
    first = read_event(await anext(events))
    await events.aclose()  # type: ignore[attr-defined]  # it is an async generator
    return first["coaching"] or []


async def test_note_of_a_supervisor_is_shown_to_the_agent_of_the_call_and_to_no_other_agent(
    desk: DeskUnderTest,
) -> None:
    assert await write_note(desk) == (204, None)
    [own] = await receive_notes_on_agent_page(desk, "101", "04")
    assert own.pop("note") == (await list_notes(desk))[0]["note"]
    assert own == {
        "campaign": "turnout-agents",
        "call_at": desk.clock.now() - 5,
        "author": SUPERVISOR,
        "text": TEXT,
        "read": False,
    }
    assert await receive_notes_on_agent_page(desk, "102", "05") == []


async def test_details_of_the_call_show_when_the_agent_has_first_read_the_note(desk: DeskUnderTest) -> None:
    await write_note(desk)
    [note] = await list_notes(desk)
    assert (note["author"], note["text"], note["read_at"]) == (SUPERVISOR, TEXT, None)
    for _ in range(2):  # the agent's second tab may send it again
        desk.clock.pass_seconds(60)
        assert await mark_note_as_read(desk, note["note"]) == (204, None)
    [note] = await list_notes(desk)
    assert note["read_at"] == desk.clock.now() - 60
    assert desk.page_state.get_values_of_keys_with_prefix("coaching", tuple)["101"][0].read


async def test_note_on_another_agents_call_cannot_be_marked_as_read(desk: DeskUnderTest, tmp_path: Path) -> None:
    with open_store_exclusively(tmp_path / "centre.db", "a test") as db:
        db.execute("UPDATE attempt SET agent = '102' WHERE attempt_id = ?", (ATTEMPT,))
    await write_note(desk)
    [note] = await list_notes(desk)
    assert await mark_note_as_read(desk, note["note"]) == NO_NOTE
    assert (await list_notes(desk))[0]["read_at"] is None
    assert "101" not in desk.page_state.get_values_of_keys_with_prefix("coaching", tuple)


async def test_two_notes_on_one_call_are_both_stored(desk: DeskUnderTest) -> None:
    await write_note(desk, "first")
    desk.clock.pass_seconds(1)
    await write_note(desk, "second")
    assert [each["text"] for each in await list_notes(desk)] == ["first", "second"]
    shown = desk.page_state.get_values_of_keys_with_prefix("coaching", tuple)["101"]
    assert [each.text for each in shown] == ["second", "first"]


async def test_written_and_deleted_notes_are_in_the_audit_log_without_their_text(desk: DeskUnderTest) -> None:
    await write_note(desk)
    [note] = await list_notes(desk)
    assert await delete_note(desk, note["note"]) == (204, None)
    assert await list_notes(desk) == []
    assert not desk.page_state.get_values_of_keys_with_prefix("coaching", tuple)
    asked = [(user, name, values) for user, _, name, values in desk.dialler_client.asked]
    of_call = {"attempt_id": ATTEMPT, "coaching_note": note["note"]}
    assert asked == [
        (SUPERVISOR, "coaching-note", {**of_call, "action": "write"}),
        (SUPERVISOR, "coaching-note", {**of_call, "action": "delete"}),
    ]
    assert len({command_id for _, command_id, _, _ in desk.dialler_client.asked}) == 2
    assert await delete_note(desk, note["note"]) == NO_NOTE
    assert await mark_note_as_read(desk, note["note"]) == NO_NOTE


async def test_note_that_the_dialler_has_not_audited_is_neither_stored_nor_deleted(desk: DeskUnderTest) -> None:
    await write_note(desk)
    for reply in (Reply("unanswered", ""), Reply("refused", "the audit log cannot be written")):
        desk.dialler_client.reply = reply
        assert await write_note(desk, "another") == (503, {"problem": "coaching-not-audited"})
        [note] = await list_notes(desk)
        assert await delete_note(desk, note["note"]) == (503, {"problem": "coaching-not-audited"})
    assert [each["text"] for each in await list_notes(desk)] == [TEXT]


async def test_note_on_a_call_without_an_agent_is_refused_before_it_is_audited(desk: DeskUnderTest) -> None:
    assert await write_note(desk, attempt="earlier") == (409, {"problem": "call-without-agent"})
    assert await write_note(desk, attempt="unknown") == (409, {"problem": "no-call"})
    assert not desk.dialler_client.asked


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("न" * MAX_NOTE_CHARACTERS, 204),
        (f"  {'x' * MAX_NOTE_CHARACTERS}\n", 204),
        ("x" * (MAX_NOTE_CHARACTERS + 1), 422),
        (" \n\t", 422),
        ("", 422),
        (None, 422),
        ("\ud800", 422),
        ("x" * 100_000, 413),
        ("\u202e<script>alert(1)</script>\x00", 204),
    ],
)
async def test_note_that_is_blank_malformed_or_too_long_is_refused(
    desk: DeskUnderTest, text: object, status: int
) -> None:
    assert (await write_note(desk, text))[0] == status
    assert len(await list_notes(desk)) == (status == 204)
    assert len(desk.dialler_client.asked) == (status == 204)


async def test_request_with_a_malformed_id_is_refused(desk: DeskUnderTest) -> None:
    for wrong in ("../x", "x" * 65, "' OR 1=1 --", ""):
        assert (await write_note(desk, attempt=wrong))[0] == 422
        assert (await delete_note(desk, wrong))[0] == 422
        assert (await mark_note_as_read(desk, wrong))[0] == 422


async def test_only_supervisors_see_write_and_delete_notes_and_no_agent_does(desk: DeskUnderTest) -> None:
    await write_note(desk)
    [note] = await list_notes(desk)
    assert {SupervisorRole.SUPERVISOR} == COACH_ROLES
    for role in (*(each.value for each in SupervisorRole if each not in COACH_ROLES), AGENT):
        refused = await desk.get(f"/api/coaching-notes/{ATTEMPT}", role)
        assert (refused.status_code, TEXT in refused.text) in {(401, False), (403, False)}, role
        for path, body in (("", {"attempt": ATTEMPT, "text": "x"}), ("/delete", {"note": note["note"]})):
            assert (await desk.post(f"/api/coaching-notes{path}", body, role)).status_code in {401, 403}, role
    for person in (SUPERVISOR, None):
        answer = await desk.post("/api/agent/coaching-note-read", {"note": note["note"]}, person)
        assert answer.status_code == 401
    assert await list_notes(desk) == [note]


async def test_history_and_file_of_calls_do_not_contain_the_notes(desk: DeskUnderTest) -> None:
    """Compliance officers may read the list of calls, but not what supervisors write to agents."""
    await write_note(desk)
    for path in (f"/api/reports/calls/{ATTEMPT}", "/api/reports/calls/file?format=csv", "/api/reports/calls"):
        answer = await desk.get(path, "compliance")
        assert (answer.status_code, TEXT in answer.text) == (200, False)


async def test_boards_receive_no_coaching_notes(desk: DeskUnderTest) -> None:
    await write_note(desk)
    token = await desk.people.sign_in_with_password(SUPERVISOR, "lorry-mango-violin")
    who = await desk.people.find_user_of_session(token)
    assert who is not None
    events = desk.events(token, who)
    assert TEXT not in json.dumps(read_event(await anext(events)))
    await events.aclose()  # type: ignore[attr-defined]  # it is an async generator


async def test_erasing_a_phone_number_deletes_the_notes_on_its_calls(desk: DeskUnderTest, tmp_path: Path) -> None:
    await write_note(desk)
    store = tmp_path / "centre.db"
    assert erase_notes_about_number(store, None, 2) == 0
    assert len(await list_notes(desk)) == 1
    assert erase_notes_about_number(store, None, 1) == 1
    assert TEXT.encode() not in (tmp_path / "centre.desk.db").read_bytes()
    assert await list_notes(desk) == []
    await desk.agents.coaching_notes._show_notes_on_agent_pages()
    assert not desk.page_state.get_values_of_keys_with_prefix("coaching", tuple)


async def test_purge_deletes_all_coaching_notes_with_the_personal_data(desk: DeskUnderTest, tmp_path: Path) -> None:
    await write_note(desk)
    assert erase_notes_about_number(tmp_path / "centre.db", None, None) == 1  # as `dialer purge` does
    assert await list_notes(desk) == []


async def test_page_of_an_agent_with_many_notes_shows_the_latest_and_unread_ones_first(desk: DeskUnderTest) -> None:
    records = CoachingNoteRecords(desk.file)
    for number in range(SHOWN_TO_AGENT + 2):
        read_at = None if number == 0 else 1.0
        await records.add_note(
            CoachingNote(
                f"{number:032x}", ATTEMPT, 1, "turnout-agents", 0.0, "101", "asha", str(number), number, read_at
            )
        )
    await desk.agents.coaching_notes._show_notes_on_agent_pages()
    shown: tuple[OwnCoachingNote, ...] = desk.page_state.get_values_of_keys_with_prefix("coaching", tuple)["101"]
    assert [each.text for each in shown] == [str(number) for number in (*range(SHOWN_TO_AGENT + 1, 2, -1), 0)]


async def test_agent_page_keeps_its_notes_while_the_file_cannot_be_read(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write_note(desk)
    monkeypatch.setattr(CoachingNoteRecords, "read_latest_notes_of_each_agent", raise_disk_full)
    await desk.agents.coaching_notes._show_notes_on_agent_pages()
    assert len(desk.page_state.get_values_of_keys_with_prefix("coaching", tuple)["101"]) == 1
