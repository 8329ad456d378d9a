"""Drafts of campaigns: they are saved, continued and deleted, and approved by a second person where the settings ask."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dialer.mqtt.dialler_client import Reply
from dialer.settings.site import load_settings
from dialer.settings.supervision import Supervisor
from dialer.store.campaign_drafts import MAX_DRAFTS
from tests.support.desk import EVERYBODY, ONE_SEAT_CENTRE, PASSWORD, DeskUnderTest, run_desk

SITE = (
    ONE_SEAT_CENTRE
    + """
[desk]
user = "desk"
campaigns_file = "{file}"
campaign_approval = "{approval}"
"""
)
FORM = {"id": "survey", "kind": "agents", "purpose": "turnout", "script": "polling_day"}
ID = "0f9a7c1e-click"
AUTHOR, SECOND = "supervisor", "meena"  # two supervisors


async def run_desk_with_approval(folder: Path, approval: str) -> AsyncIterator[DeskUnderTest]:
    path = folder / "centre.toml"
    path.write_text(SITE.format(file=folder / "campaigns.toml", approval=approval), encoding="utf-8")
    async with run_desk(folder, load_settings(path)) as desk:
        desk.people.directory.replace_users_from_settings((*EVERYBODY, Supervisor(name=SECOND, role="supervisor")))
        await desk.people.set_password(SECOND, PASSWORD)
        yield desk


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "campaigns.toml"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeskUnderTest]:
    """A desk whose settings ask for no approval."""
    async for each in run_desk_with_approval(tmp_path, "none"):
        yield each


@pytest.fixture
async def strict_desk(tmp_path: Path) -> AsyncIterator[DeskUnderTest]:
    """A desk whose settings ask for a second person's approval."""
    async for each in run_desk_with_approval(tmp_path, "second-person"):
        yield each


async def save_draft(
    desk: DeskUnderTest,
    values: dict[str, Any],
    *,
    replaces: dict[str, Any] | None = None,
    edited: str | None = None,
    who: str = AUTHOR,
) -> dict[str, Any]:
    """Save a draft and return its reference."""
    answer = await desk.post("/api/campaigns/drafts", {"replaces": replaces, "edited": edited, "values": values}, who)
    assert answer.status_code == 200, answer.text
    reference: dict[str, Any] = answer.json()
    return reference


async def list_drafts(desk: DeskUnderTest) -> list[dict[str, Any]]:
    drafts: list[dict[str, Any]] = (await desk.get("/api/campaigns/drafts", AUTHOR)).json()
    return drafts


async def approve(desk: DeskUnderTest, who: str, seen: dict[str, Any] | None = None) -> Any:
    """Approve the newest draft as it is in the list, or as `seen` in an earlier list."""
    seen = seen or (await list_drafts(desk))[0]
    body = {
        "draft": seen["draft"],
        "version": seen["version"],
        "id": ID,
        "digest_of_lines": seen["check"]["digest_of_lines"],
    }
    return await desk.post("/api/campaigns/drafts/approve", body, who)


async def save_campaign(desk: DeskUnderTest, change: dict[str, Any], who: str = AUTHOR) -> Any:
    checked = (await desk.post("/api/campaigns/check", change, who)).json()
    return await desk.post("/api/campaigns", {"id": ID, "digest": checked["digest"], "change": change}, who)


async def save_newest_draft_as_campaign(desk: DeskUnderTest, who: str = AUTHOR) -> Any:
    [draft, *_] = await list_drafts(desk)
    edited = {} if draft["edited"] is None else {"edited": draft["edited"]}
    return await save_campaign(desk, {**edited, "values": draft["values"], "draft": draft["draft"]}, who)


async def test_incomplete_form_is_saved_as_a_draft_that_says_what_is_missing(desk: DeskUnderTest, file: Path) -> None:
    await save_draft(desk, {"kind": "ivr", "channels": 0, "hours": [{"start": "", "until": "18:00"}]})
    [draft] = await list_drafts(desk)
    assert (draft["author"], draft["version"], draft["edited"]) == (AUTHOR, 1, None)
    assert draft["saved_at"] == desk.clock.at
    assert {each["field"] for each in draft["check"]["problems"]} == {"id", "channels", "hours"}
    assert not file.exists()
    assert desk.dialler_client.asked == []


async def test_campaign_draft_survives_a_restart_of_the_desk(tmp_path: Path) -> None:
    async for desk in run_desk_with_approval(tmp_path, "none"):
        await save_draft(desk, FORM)
    async for desk in run_desk_with_approval(tmp_path, "none"):
        [draft] = await list_drafts(desk)
        assert draft["values"] == FORM
        assert draft["check"]["problems"] == []


async def test_listed_campaign_draft_has_warnings_of_the_calling_rules(desk: DeskUnderTest) -> None:
    await save_draft(desk, {**FORM, "purpose": "survey"})
    [draft] = await list_drafts(desk)
    [error] = [each for each in draft["check"]["findings"] if each["level"] == "error"]
    assert "is for turnout, but campaign survey is for survey" in error["text"]["english"]


async def test_draft_saved_as_a_campaign_is_deleted_and_names_its_author(desk: DeskUnderTest, file: Path) -> None:
    await save_draft(desk, FORM)
    assert (await save_newest_draft_as_campaign(desk, SECOND)).json()["status"] == "done"
    assert await list_drafts(desk) == []
    assert "# Added by supervisor on 2024-04-22." in file.read_text(encoding="utf-8")


async def test_campaign_draft_is_kept_if_the_dialler_refuses_the_campaign(desk: DeskUnderTest, file: Path) -> None:
    await save_draft(desk, FORM)
    desk.dialler_client.reply = Reply("refused", "no")
    assert (await save_newest_draft_as_campaign(desk)).json()["status"] == "refused"
    assert len(await list_drafts(desk)) == 1
    assert not file.exists()


async def test_draft_that_somebody_else_saved_meanwhile_is_neither_replaced_nor_deleted(desk: DeskUnderTest) -> None:
    first = await save_draft(desk, FORM)
    assert await save_draft(desk, {**FORM, "weight": 2}, replaces=first, who=SECOND) == {**first, "version": 2}
    body = {"replaces": first, "values": {}}
    answers = [
        await desk.post("/api/campaigns/drafts", body, AUTHOR),
        await desk.post("/api/campaigns/drafts/delete", first, AUTHOR),
    ]
    assert [(each.status_code, each.json()["problem"]) for each in answers] == [(409, "draft-changed")] * 2
    [draft] = await list_drafts(desk)
    assert (draft["author"], draft["values"]["weight"]) == (SECOND, 2)


async def test_deleted_draft_is_neither_listed_nor_saved_as_a_campaign(desk: DeskUnderTest, file: Path) -> None:
    draft = await save_draft(desk, FORM)
    assert (await desk.post("/api/campaigns/drafts/delete", draft, SECOND)).status_code == 204
    assert await list_drafts(desk) == []
    answer = await desk.post("/api/campaigns/check", {"values": FORM, "draft": draft["draft"]}, AUTHOR)
    assert (answer.status_code, answer.json()["problem"]) == (409, "draft-changed")


@pytest.mark.parametrize(
    "values",
    [
        {"ring_seconds": 5},
        {"id": "\ud800"},
        {"id": ["survey"]},
        {"hours": "09:00"},
        {"hours": [{"start": "09:00"}]},
        {"weight": float("nan")},
        {"weight": True},
        {"trunks": "carrier"},
        {"id": "x" * 1001},
    ],
    ids=str,
)
async def test_draft_with_a_value_that_the_form_cannot_show_is_refused(
    desk: DeskUnderTest, values: dict[str, Any]
) -> None:
    answer = await desk.post("/api/campaigns/drafts", {"replaces": None, "values": values}, AUTHOR)
    assert (answer.status_code, answer.json()["problem"]) == (422, "values")
    assert await list_drafts(desk) == []


async def test_number_of_campaign_drafts_is_limited(desk: DeskUnderTest) -> None:
    for _ in range(MAX_DRAFTS):
        last = await save_draft(desk, {})
    answer = await desk.post("/api/campaigns/drafts", {"replaces": None, "values": {}}, AUTHOR)
    assert (answer.status_code, answer.json()["problem"]) == (409, "too-many-drafts")
    await save_draft(desk, FORM, replaces=last)


@pytest.mark.parametrize("role", ["viewer", "listener", "coach", "compliance", "booth-desk"])
async def test_only_supervisors_may_list_save_delete_and_approve_drafts(strict_desk: DeskUnderTest, role: str) -> None:
    draft = await save_draft(strict_desk, FORM)
    answers = [
        await strict_desk.get("/api/campaigns/drafts", role),
        await strict_desk.post("/api/campaigns/drafts", {"replaces": None, "values": {}}, role),
        await strict_desk.post("/api/campaigns/drafts/delete", draft, role),
        await approve(strict_desk, role),
    ]
    assert [each.status_code for each in answers] == [403] * 4
    assert len(await list_drafts(strict_desk)) == 1
    assert strict_desk.dialler_client.asked == []


async def test_approved_draft_is_saved_as_a_campaign_and_the_approval_is_in_the_audit(
    strict_desk: DeskUnderTest, file: Path
) -> None:
    await save_draft(strict_desk, FORM)
    strict_desk.tokens.clear()  # the session ends
    strict_desk.clock.pass_seconds(86_400)  # the comment keeps the day of the draft, so that its lines stay the same
    assert (await approve(strict_desk, SECOND)).status_code == 204
    [draft] = await list_drafts(strict_desk)
    assert draft["check"]["approved_by"] == SECOND
    details = {"campaign_id": "survey", "author": AUTHOR, "digest": draft["check"]["digest_of_lines"]}
    assert strict_desk.dialler_client.asked == [(SECOND, ID, "campaign-approve", details)]
    assert (await save_newest_draft_as_campaign(strict_desk)).json()["status"] == "done"
    [campaign] = tomllib.loads(file.read_text(encoding="utf-8"))["campaigns"]
    assert campaign["id"] == "survey"
    assert await list_drafts(strict_desk) == []


@pytest.mark.parametrize("change", [{"values": FORM}, {"edited": "survey", "values": {**FORM, "weight": 2}}])
async def test_added_or_edited_campaign_without_an_approved_draft_is_not_saved(
    strict_desk: DeskUnderTest, file: Path, change: dict[str, Any]
) -> None:
    if "edited" in change:
        file.write_text('[[campaigns]]\nid = "survey"\nkind = "agents"\nscript = "polling_day"\n', encoding="utf-8")
    before = file.read_bytes() if file.exists() else None
    draft = await save_draft(strict_desk, change["values"], edited=change.get("edited"))
    for asked in (change, {**change, "draft": draft["draft"]}):
        answer = await save_campaign(strict_desk, asked)
        assert (answer.status_code, answer.json()["problem"]) == (409, "not-approved")
    assert (file.read_bytes() if file.exists() else None) == before
    assert strict_desk.dialler_client.asked == []


async def test_campaign_is_removed_without_an_approval(strict_desk: DeskUnderTest, file: Path) -> None:
    file.write_text('[[campaigns]]\nid = "survey"\nkind = "agents"\nscript = "polling_day"\n', encoding="utf-8")
    assert (await save_campaign(strict_desk, {"removed": "survey"})).json()["status"] == "done"
    assert "survey" not in file.read_text(encoding="utf-8")


async def test_author_cannot_approve_a_draft_in_a_second_session(strict_desk: DeskUnderTest) -> None:
    await save_draft(strict_desk, FORM)
    first = strict_desk.tokens.pop(AUTHOR)
    answer = await approve(strict_desk, AUTHOR)
    assert strict_desk.tokens[AUTHOR] != first
    assert (answer.status_code, answer.json()["problem"]) == (409, "own-draft")
    assert strict_desk.dialler_client.asked == []
    assert (await save_newest_draft_as_campaign(strict_desk)).status_code == 409


async def test_draft_saved_after_its_approval_needs_another_approval(strict_desk: DeskUnderTest, file: Path) -> None:
    first = await save_draft(strict_desk, FORM)
    await approve(strict_desk, SECOND)
    await save_draft(strict_desk, {**FORM, "max_attempts": 9}, replaces=first)
    [draft] = await list_drafts(strict_desk)
    assert draft["check"]["approved_by"] == ""
    assert (await save_newest_draft_as_campaign(strict_desk)).json() == {"problem": "not-approved"}
    assert not file.exists()
    await save_draft(strict_desk, FORM, replaces={**first, "version": 2})
    assert (await save_newest_draft_as_campaign(strict_desk)).json() == {"problem": "not-approved"}


async def test_values_changed_in_the_form_after_the_approval_are_not_saved(
    strict_desk: DeskUnderTest, file: Path
) -> None:
    draft = await save_draft(strict_desk, FORM)
    await approve(strict_desk, SECOND)
    change = {"values": {**FORM, "max_attempts": 9}, "draft": draft["draft"]}
    assert (await save_campaign(strict_desk, change)).json() == {"problem": "not-approved"}
    assert not file.exists()


async def test_lines_that_changed_since_the_approving_user_saw_them_are_not_approved(
    strict_desk: DeskUnderTest,
) -> None:
    first = await save_draft(strict_desk, FORM)
    [seen] = await list_drafts(strict_desk)
    await save_draft(strict_desk, {**FORM, "max_attempts": 9}, replaces=first)
    [now] = await list_drafts(strict_desk)
    for stale in (seen, {**seen, "version": now["version"]}):
        answer = await approve(strict_desk, SECOND, stale)
        assert (answer.status_code, answer.json()["problem"]) == (409, "draft-changed")
    assert strict_desk.dialler_client.asked == []


async def test_approved_edit_is_not_saved_if_the_campaign_in_the_file_changes(
    strict_desk: DeskUnderTest, file: Path
) -> None:
    text = '[[campaigns]]\nid = "survey"\nkind = "agents"\nscript = "polling_day"\n'
    file.write_text(text, encoding="utf-8")
    await save_draft(
        strict_desk, {**FORM, "weight": 2, "hours": [{"start": "09:00", "until": "21:00"}]}, edited="survey"
    )
    await approve(strict_desk, SECOND)
    file.write_text(f"# another comment\n{text}", encoding="utf-8")
    [draft] = await list_drafts(strict_desk)
    assert draft["check"]["approved_by"] == SECOND  # the lines of this campaign are the same
    file.write_text(f"{text}ring_seconds = 25\n", encoding="utf-8")
    assert (await save_newest_draft_as_campaign(strict_desk)).json() == {"problem": "not-approved"}
    assert (await list_drafts(strict_desk))[0]["check"]["approved_by"] == ""


async def test_approved_draft_is_not_saved_if_the_campaigns_file_changed_after_the_check(
    strict_desk: DeskUnderTest, file: Path
) -> None:
    draft = await save_draft(strict_desk, FORM)
    await approve(strict_desk, SECOND)
    change = {"values": FORM, "draft": draft["draft"]}
    checked = (await strict_desk.post("/api/campaigns/check", change, AUTHOR)).json()
    file.write_text("# somebody else\n", encoding="utf-8")
    answer = await strict_desk.post("/api/campaigns", {"id": ID, "digest": checked["digest"], "change": change}, AUTHOR)
    assert (answer.status_code, answer.json()) == (409, {"problem": "campaigns-changed"})
    assert file.read_text(encoding="utf-8") == "# somebody else\n"


@pytest.mark.parametrize(
    ("reply", "problem"), [(Reply("refused", "no"), "approval-not-audited"), (None, "broker-away")], ids=str
)
async def test_approval_that_is_not_in_the_audit_is_not_stored(
    strict_desk: DeskUnderTest, reply: Reply | None, problem: str
) -> None:
    await save_draft(strict_desk, FORM)
    strict_desk.dialler_client.reply = reply
    assert (await approve(strict_desk, SECOND)).json()["problem"] == problem
    assert (await list_drafts(strict_desk))[0]["check"]["approved_by"] == ""


async def test_approval_of_an_incomplete_campaign_draft_is_refused(strict_desk: DeskUnderTest) -> None:
    await save_draft(strict_desk, {"kind": "agents"})
    [draft] = await list_drafts(strict_desk)
    draft["check"]["digest_of_lines"] = "0" * 64
    assert (await approve(strict_desk, SECOND, draft)).json() == {"problem": "draft-changed"}
