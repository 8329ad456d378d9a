"""Campaigns set up on the page: the form is checked, saved and applied, or the file is as it was before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from dialer.centre_model.what_if import Site
from dialer.desk import simulated_pacing
from dialer.desk.simulated_pacing import SimulatedPacing, SimulatedSite, simulate_pacing_of_campaign
from dialer.domain.enums import Reserve
from dialer.mqtt.dialler_client import Reply
from dialer.settings.campaigns import Campaign
from dialer.settings.campaigns_file import HEAD
from dialer.settings.jurisdiction import load_profile
from dialer.settings.site import load_settings
from tests.support.desk import ONE_SEAT_CENTRE, DeskUnderTest, run_desk

SITE = (
    ONE_SEAT_CENTRE
    + """
hours = [{{ start = 10:00:00, until = 18:00:00 }}]
[desk]
user = "desk"
{file}
"""
)
FORM = {"id": "survey", "kind": "agents", "purpose": "turnout", "script": "polling_day"}
ID = "0f9a7c1e-click"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "campaigns.toml"


@pytest.fixture
async def desk(tmp_path: Path, file: Path) -> AsyncIterator[DeskUnderTest]:
    path = tmp_path / "centre.toml"
    path.write_text(SITE.format(file=f'campaigns_file = "{file}"'), encoding="utf-8")
    async with run_desk(tmp_path, load_settings(path)) as stand:
        yield stand


async def check_form(desk: DeskUnderTest, **values: Any) -> dict[str, Any]:
    answer = await desk.post("/api/campaigns/check", {"values": {**FORM, **values}}, "supervisor")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def save_change(desk: DeskUnderTest, change: dict[str, Any]) -> dict[str, Any]:
    """Check a change of a campaign, then save it. Return the result of the check."""
    checked: dict[str, Any] = (await desk.post("/api/campaigns/check", change, "supervisor")).json()
    asked = {"id": ID, "digest": checked["digest"], "change": change}
    assert (await desk.post("/api/campaigns", asked, "supervisor")).json()["status"] == "done", checked
    return checked


async def save_form(desk: DeskUnderTest, digest: str, **values: Any) -> Any:
    asked = {"id": ID, "digest": digest, "change": {"values": {**FORM, **values}}}
    return await desk.post("/api/campaigns", asked, "supervisor")


async def test_campaigns_page_lists_campaigns_and_the_fields_of_the_form(desk: DeskUnderTest, file: Path) -> None:
    page = (await desk.get("/api/campaigns", "supervisor")).json()
    [campaign] = page["campaigns"]
    assert campaign == {
        "id": "turnout-agents",
        "kind": "agents",
        "purpose": "turnout",
        "content": "polling_day",
        "hours": ["10:00-18:00"],
        "values": None,
    }
    assert [each["name"] for each in page["fields"]][:3] == ["id", "kind", "purpose"]
    assert page["only_for"]["flow"] == "ivr"
    assert page["file"] == str(file)


@pytest.mark.parametrize("role", ["viewer", "listener", "coach", "compliance", "booth-desk"])
async def test_only_supervisors_may_list_check_and_add_campaigns(desk: DeskUnderTest, role: str, file: Path) -> None:
    answers = [
        await desk.get("/api/campaigns", role),
        await desk.post("/api/campaigns/check", {"values": FORM}, role),
        await desk.post("/api/campaigns", {"id": ID, "digest": "", "change": {"values": FORM}}, role),
    ]
    assert [each.status_code for each in answers] == [403, 403, 403]
    assert not file.exists()


async def test_campaign_with_which_the_dialler_could_not_start_is_not_saved(desk: DeskUnderTest, file: Path) -> None:
    answer = await save_form(desk, "", purpose="survey")
    assert (answer.status_code, answer.json()["problem"]) == (422, "campaign-invalid")
    assert "is for turnout, but campaign survey is for survey" in answer.json()["text"]["english"]
    assert not file.exists()
    assert desk.dialler_client.asked == []


async def test_checked_campaign_is_saved_and_the_dialler_and_the_desk_reload_their_settings(
    desk: DeskUnderTest, file: Path
) -> None:
    checked = await check_form(desk)
    assert (checked["problems"], checked["digest"]) == ([], "")
    assert not file.exists()
    answer = await save_form(desk, checked["digest"])
    assert answer.json() == {"status": "done", "text": "it was done"}
    assert file.read_text(encoding="utf-8").endswith(
        checked["difference"].replace("\n+", "\n").removeprefix("+") + "\n"
    )
    assert desk.dialler_client.asked == [("supervisor", ID, "reload-settings", {})]
    assert len(desk.reloads) == 1
    second = await check_form(desk, id="second")
    assert (await save_form(desk, second["digest"], id="second")).status_code == 200
    assert [line for line in file.read_text(encoding="utf-8").split("\n") if line.startswith("id")] == [
        'id = "survey"',
        'id = "second"',
    ]


async def test_mistakes_in_the_form_are_reported_at_their_fields(desk: DeskUnderTest) -> None:
    checked = await check_form(desk, max_attempts=0, channels=0)
    assert [each["field"] for each in checked["problems"]] == ["channels", "max_attempts"]
    assert checked["difference"] == ""
    answer = await save_form(desk, "", max_attempts=0)
    assert (answer.status_code, answer.json()["problem"]) == (422, "campaign-invalid")
    assert answer.json()["text"]["english"].startswith("max_attempts: must be greater than or equal to 1 (is 0)")


async def test_new_campaign_is_not_saved_if_the_campaigns_file_changed_after_the_check(
    desk: DeskUnderTest, file: Path
) -> None:
    checked = await check_form(desk)
    file.write_text("# somebody else\n", encoding="utf-8")
    answer = await save_form(desk, checked["digest"])
    assert (answer.status_code, answer.json()) == (409, {"problem": "campaigns-changed"})
    assert file.read_text(encoding="utf-8") == "# somebody else\n"
    assert desk.dialler_client.asked == []


@pytest.mark.parametrize(
    ("reply", "status"), [(Reply("refused", "centre.id needs a restart"), 200), (None, 503)], ids=["refused", "broker"]
)
async def test_campaigns_file_is_restored_if_the_dialler_refuses_the_reload(
    desk: DeskUnderTest, file: Path, reply: Reply | None, status: int
) -> None:
    file.write_text("# before\n", encoding="utf-8")
    desk.dialler_client.reply = reply
    checked = await check_form(desk)
    answer = await save_form(desk, checked["digest"])
    assert answer.status_code == status
    if reply is not None:
        assert answer.json() == {"status": "refused", "text": "centre.id needs a restart"}
    assert file.read_text(encoding="utf-8") == "# before\n"
    assert desk.reloads == []


async def test_new_campaign_stays_saved_if_the_dialler_does_not_answer_the_reload(
    desk: DeskUnderTest, file: Path
) -> None:
    desk.dialler_client.reply = Reply("unanswered", "")
    assert (await save_form(desk, "")).json()["status"] == "unanswered"
    assert 'id = "survey"' in file.read_text(encoding="utf-8")


async def test_campaigns_file_edited_during_a_refused_reload_is_not_restored(desk: DeskUnderTest, file: Path) -> None:
    def change_file(_: object) -> None:
        file.write_text("# somebody else\n", encoding="utf-8")

    desk.dialler_client.reply, desk.dialler_client.meanwhile = Reply("refused", "no"), change_file
    with capture_logs() as logs:
        await save_form(desk, "")
    assert [each["event"] for each in logs if each["event"].startswith("edited_file.")] == [
        "edited_file.saved",
        "edited_file.restore_failed",
    ]
    assert file.read_text(encoding="utf-8") == "# somebody else\n"


async def test_campaign_that_cannot_be_written_is_refused_with_the_reason(desk: DeskUnderTest, file: Path) -> None:
    checked = await check_form(desk)
    file.with_name(f".{file.name}.part").mkdir()  # where the new content would be written first
    answer = await save_form(desk, checked["digest"])
    assert answer.status_code == 422
    assert "campaigns.toml cannot be written" in answer.json()["text"]


async def test_campaigns_page_refuses_to_add_a_campaign_without_a_campaigns_file(tmp_path: Path) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(SITE.format(file=""), encoding="utf-8")
    async with run_desk(tmp_path, load_settings(path)) as desk:
        assert (await desk.get("/api/campaigns", "supervisor")).json()["file"] is None
        answer = await save_form(desk, "")
        assert (answer.status_code, answer.json()) == (409, {"problem": "no-campaigns-file"})


async def test_saved_campaign_is_edited_and_then_removed(desk: DeskUnderTest, file: Path) -> None:
    await save_change(desk, {"values": FORM})
    file.write_text(file.read_text(encoding="utf-8") + "ring_seconds = 25  # short\n", encoding="utf-8")
    before = file.read_text(encoding="utf-8")
    edited = await save_change(desk, {"edited": "survey", "values": {**FORM, "max_attempts": 5}})
    assert edited["difference"].split("\n")[-2:] == [" ring_seconds = 25  # short", "+max_attempts = 5"]
    assert file.read_text(encoding="utf-8") == f"{before}max_attempts = 5\n"
    removed = await save_change(desk, {"removed": "survey"})
    assert '-id = "survey"' in removed["difference"]
    assert file.read_text(encoding="utf-8") == HEAD
    assert [each[2] for each in desk.dialler_client.asked] == ["reload-settings"] * 3


@pytest.mark.parametrize("change", [{"edited": "survey", "values": {**FORM, "channels": 3}}, {"removed": "survey"}])
async def test_campaigns_file_is_restored_if_the_dialler_refuses_an_edit_or_a_removal(
    desk: DeskUnderTest, file: Path, change: dict[str, Any]
) -> None:
    await save_change(desk, {"values": FORM})
    before = file.read_bytes()
    desk.dialler_client.reply = Reply("refused", "no")
    checked = (await desk.post("/api/campaigns/check", change, "supervisor")).json()
    answer = await desk.post("/api/campaigns", {"id": ID, "digest": checked["digest"], "change": change}, "supervisor")
    assert answer.json()["status"] == "refused"
    assert file.read_bytes() == before


@pytest.mark.parametrize("change", [{"edited": "turnout-agents", "values": FORM}, {"removed": "turnout-agents"}])
async def test_campaign_of_the_settings_file_is_neither_edited_nor_removed_on_the_page(
    desk: DeskUnderTest, change: dict[str, Any]
) -> None:
    [problem] = (await desk.post("/api/campaigns/check", change, "supervisor")).json()["problems"]
    assert "campaigns.toml: has no " in problem["text"]["english"]


async def simulate_pacing_on_page(desk: DeskUnderTest, role: str = "supervisor", **values: Any) -> Any:
    site = {"agents": 5, "answer_rate": 0.3, "talk_seconds": 60}
    return await desk.post("/api/campaigns/what-if", {"change": {"values": {**FORM, **values}}, "site": site}, role)


async def test_pacing_of_the_campaign_in_the_form_is_simulated(desk: DeskUnderTest, file: Path) -> None:
    predictive, progressive = (
        (await simulate_pacing_on_page(desk)).json(),
        (await simulate_pacing_on_page(desk, pacing="progressive")).json(),
    )
    assert progressive["abandoned_rate"] == 0
    assert 0 < predictive["idle_seconds"] < progressive["idle_seconds"]
    assert predictive["contacts_per_hour"] > progressive["contacts_per_hour"] > 0
    assert predictive["abandoned_limit"] == 0.03
    assert not file.exists()


async def test_simulation_keeps_to_the_limits_over_their_windows_with_the_campaigns_reserve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    simulated: list[Site] = []

    def record_site(_policy: str, site: Site, limit: float) -> SimulatedPacing:
        simulated.append(site)
        return SimulatedPacing(0.0, 0.0, 0.0, limit)

    monkeypatch.setattr(simulated_pacing, "ProcessPoolExecutor", lambda *_: ThreadPoolExecutor(1))
    monkeypatch.setattr(simulated_pacing, "simulate_pacing_policy", record_site)
    campaign = Campaign.model_validate({**FORM, "reserve": "every-instant", "abandoned_target": 0.005})
    centre = SimulatedSite(agents=5, answer_rate=0.3, talk_seconds=60)
    profile = load_profile("neutral")
    await simulate_pacing_of_campaign(campaign, profile, centre)
    [site] = simulated
    assert [(cap.window_seconds, cap.target, cap.reserve) for cap in site.caps] == [
        (each.window_hours * 3_600, 0.005, Reserve.EVERY_INSTANT) for each in profile.abandoned.caps
    ]


async def test_simulation_of_preview_pacing_or_a_form_with_mistakes_or_by_other_roles_is_refused(
    desk: DeskUnderTest,
) -> None:
    preview = await simulate_pacing_on_page(desk, pacing="preview")
    assert (preview.status_code, preview.json()["problem"]) == (422, "campaign-invalid")
    assert "preview pacing is not simulated" in preview.json()["text"]
    assert (await simulate_pacing_on_page(desk, max_attempts=0)).status_code == 422
    assert (await simulate_pacing_on_page(desk, "coach")).status_code == 403
