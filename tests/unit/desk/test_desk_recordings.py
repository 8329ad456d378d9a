"""Recordings on the board: only stored ones are listed and played, after an audit entry, for a limited time."""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dialer.desk import recordings
from dialer.mqtt.dialler_client import Reply
from dialer.settings.site_time import DAY_SECONDS
from tests.support.desk import DeskUnderTest, add_recorded_talk, run_desk, two_agent_settings

SOUND = b"RIFF" + bytes(range(200))
ID = "0f9a7c1e-click"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeskUnderTest]:
    (tmp_path / "recorded").mkdir()
    settings = two_agent_settings()
    kept = settings.recordings.model_copy(update={"directory": tmp_path / "recorded", "keep_days": 30})
    async with run_desk(tmp_path, settings.model_copy(update={"recordings": kept})) as stand:
        yield stand


def record_conversation(
    desk: DeskUnderTest, folder: Path, *, ago: float, ended: bool = True, campaign: str = "turnout-agents"
) -> str:
    """Record a conversation that started `ago` seconds ago. Return the attempt's id."""
    return add_recorded_talk(folder, desk.clock.at - ago, SOUND, ended=ended, campaign=campaign)


async def list_recordings(desk: DeskUnderTest, query: str = "") -> Any:
    answer = await desk.get(f"/api/recordings{query}", "supervisor")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def request_playback(desk: DeskUnderTest, attempt: str, role: str = "supervisor") -> Any:
    return await desk.post("/api/recordings/play", {"id": ID, "attempt": attempt}, role)


async def test_list_of_call_recordings_has_no_names_and_phone_numbers(desk: DeskUnderTest, tmp_path: Path) -> None:
    older, newer = (
        record_conversation(desk, tmp_path, ago=600),
        record_conversation(desk, tmp_path, ago=300, campaign="other"),
    )
    record_conversation(desk, tmp_path, ago=100, ended=False)
    record_conversation(desk, tmp_path, ago=31 * DAY_SECONDS)
    erased, link = record_conversation(desk, tmp_path, ago=200), record_conversation(desk, tmp_path, ago=150)
    (tmp_path / "recorded" / f"{erased}.wav").unlink()
    (tmp_path / "recorded" / f"{link}.wav").unlink()
    (tmp_path / "recorded" / f"{link}.wav").symlink_to(tmp_path / "centre.db")
    found = await list_recordings(desk)
    assert [each["attempt"] for each in found["recordings"]] == [newer, older]
    assert found["before"] is None
    assert found["recordings"][1] == {
        "attempt": older,
        "campaign": "turnout-agents",
        "at": desk.clock.at - 600,
        "seconds": 60.0,
        "seat": "04",
        "agent": "101",
        "judged": None,
    }
    of_one_campaign = await list_recordings(desk, "?campaign=other")
    assert [each["attempt"] for each in of_one_campaign["recordings"]] == [newer]
    assert not desk.dialler_client.asked


async def test_desk_lists_older_call_recordings_on_request(
    desk: DeskUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "MAX_LISTED", 2)
    talks = [record_conversation(desk, tmp_path, ago=ago) for ago in (100, 200, 300)]
    found = await list_recordings(desk)
    assert [each["attempt"] for each in found["recordings"]] == talks[:2]
    older = await list_recordings(desk, f"?before={found['before']}")
    assert [each["attempt"] for each in older["recordings"]] == talks[2:]
    assert older["before"] is None


async def test_call_recording_is_played_only_after_its_playback_is_in_the_audit(
    desk: DeskUnderTest, tmp_path: Path
) -> None:
    attempt = record_conversation(desk, tmp_path, ago=600)
    path = f"/api/recordings/{attempt}"
    assert (await desk.get(path, "supervisor")).json() == {"problem": "playback-expired"}
    assert (await request_playback(desk, attempt)).json() == {"status": "done", "text": "it was done"}
    assert [(who, name, given) for who, _, name, given in desk.dialler_client.asked] == [
        ("supervisor", "recording-play", {"attempt_id": attempt})
    ]
    whole = await desk.get(path, "supervisor")
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, SOUND, "audio/wav")
    assert whole.headers["cache-control"] == "no-store"
    piece = await desk.get(path, "supervisor", range="bytes=4-7")
    assert (piece.status_code, piece.content) == (206, bytes(range(4)))
    # A playback belongs to the user who requested it, and expires.
    assert (await desk.get(path, "compliance")).json() == {"problem": "playback-expired"}
    desk.clock.pass_seconds(recordings.PLAYBACK_SECONDS)
    assert (await desk.get(path, "supervisor")).status_code == 409


async def test_person_judges_on_the_page_who_answered_a_call_taken_for_a_machine(
    desk: DeskUnderTest, tmp_path: Path
) -> None:
    attempt = record_conversation(desk, tmp_path, ago=600)
    with contextlib.closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        db.execute("UPDATE attempt SET outcome = 'machine', connected_at = NULL")
        db.execute("INSERT INTO judged_call VALUES (?, 'person', 1.0, 'asha')", (attempt,))
        db.commit()
    another = record_conversation(desk, tmp_path, ago=300)
    with contextlib.closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        db.execute("UPDATE attempt SET outcome = 'machine', connected_at = NULL WHERE attempt_id = ?", (another,))
        db.commit()
    assert [each["judged"] for each in (await list_recordings(desk))["recordings"]] == ["open", "person"]
    conversation = record_conversation(desk, tmp_path, ago=100)
    assert [each["attempt"] for each in (await list_recordings(desk))["recordings"]] == [conversation, another, attempt]
    assert [each["attempt"] for each in (await list_recordings(desk, "?unjudged=true"))["recordings"]] == [another]
    asked = {"id": ID, "attempt": attempt, "answered_by": "machine"}
    assert (await desk.post("/api/recordings/judge", asked, "compliance")).json()["status"] == "done"
    assert desk.dialler_client.asked == [
        ("compliance", ID, "recording-judge", {"attempt_id": attempt, "answered_by": "machine"})
    ]
    assert (await desk.post("/api/recordings/judge", asked, "viewer")).status_code == 403
    assert (await desk.post("/api/recordings/judge", {**asked, "answered_by": "dog"}, "compliance")).status_code == 422


async def test_playback_requests_of_different_recordings_have_different_command_ids(
    desk: DeskUnderTest, tmp_path: Path
) -> None:
    one, another = record_conversation(desk, tmp_path, ago=600), record_conversation(desk, tmp_path, ago=300)
    for attempt in (one, another, one):
        await request_playback(desk, attempt)
    first, second, again = (command_id for _, command_id, _, _ in desk.dialler_client.asked)
    assert again == first
    assert len({ID, first, second}) == 3


async def test_call_recording_is_not_played_if_its_playback_cannot_be_audited(
    desk: DeskUnderTest, tmp_path: Path
) -> None:
    attempt = record_conversation(desk, tmp_path, ago=600)
    for reply, status in (
        (Reply("refused", "it was erased"), 200),
        (Reply("unanswered", ""), 200),
        (None, 503),
    ):
        desk.dialler_client.reply = reply
        assert (await request_playback(desk, attempt)).status_code == status
        assert (await desk.get(f"/api/recordings/{attempt}", "supervisor")).status_code == 409


async def test_recording_erased_or_expired_during_its_playback_is_no_longer_served(
    desk: DeskUnderTest, tmp_path: Path
) -> None:
    erased, over = (
        record_conversation(desk, tmp_path, ago=600),
        record_conversation(desk, tmp_path, ago=30 * DAY_SECONDS - 10),
    )
    for attempt in (erased, over):
        assert (await request_playback(desk, attempt)).status_code == 200
        assert (await desk.get(f"/api/recordings/{attempt}", "supervisor")).status_code == 200
    (tmp_path / "recorded" / f"{erased}.wav").unlink()
    desk.clock.pass_seconds(71)
    for attempt in (erased, over):
        assert (await desk.get(f"/api/recordings/{attempt}", "supervisor")).json() == {"problem": "recording-deleted"}
        assert (await request_playback(desk, attempt)).json() == {"problem": "recording-deleted"}


async def test_recordings_stay_listed_while_the_rules_profile_requires_their_retention(tmp_path: Path) -> None:
    own = Path("config/jurisdictions/india.toml").read_text(encoding="utf-8")
    for before, after in (("keep_recordings = false", "keep_recordings = true"), ("allowed = false", "allowed = true")):
        assert before in own
        own = own.replace(before, after)
    (tmp_path / "own.toml").write_text(own, encoding="utf-8")
    (tmp_path / "recorded").mkdir()
    settings = two_agent_settings()
    kept = settings.recordings.model_copy(update={"directory": tmp_path / "recorded"})
    rules = settings.rules.model_copy(update={"jurisdiction": str(tmp_path / "own.toml")})
    async with run_desk(tmp_path, settings.model_copy(update={"recordings": kept, "rules": rules})) as desk:
        attempt = record_conversation(desk, tmp_path, ago=400 * DAY_SECONDS)
        assert [each["attempt"] for each in (await list_recordings(desk))["recordings"]] == [attempt]


async def test_desk_reports_an_unreadable_folder_of_call_recordings(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny_access(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as locked:
        locked.setattr(Path, "lstat", deny_access)
        answer = await request_playback(desk, str(uuid.uuid4()))
    assert (answer.status_code, answer.json()) == (503, {"problem": "recordings-unreadable"})
