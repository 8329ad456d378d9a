"""A new campaign from the form of the page: mistakes name their field, and the check speaks of this campaign."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.finding import Level
from dialer.domain.model import CampaignState
from dialer.errors import SettingError, SettingMistakes
from dialer.settings.form import FormField
from dialer.settings.site import Settings, load_settings
from dialer.settings.site_time import get_site_zone
from dialer.site.campaign_form import (
    FIELDS,
    check_changed_campaign,
    describe_campaign_form,
    get_form_values_of_campaign,
    list_other_pending_changes,
    prepare_edited_campaign,
    prepare_new_campaign,
    prepare_removed_campaign,
)
from dialer.store import campaigns, connection
from dialer.store.connection import open_store_exclusively

SITE = """
[centre]
id = "pune-1"
time_zone = "Asia/Kolkata"
[store]
path = "{folder}/centre.db"
[desk]
campaigns_file = "{folder}/campaigns.toml"
[rules]
jurisdiction = "{jurisdiction}"
[[trunks]]
name = "carrier"
endpoint = "carrier"
caller_ids = ["+911140000001"]
[[seats]]
name = "01"
endpoint = "agent01"
[[campaigns]]
id = "turnout"
kind = "agents"
script = "{folder}/own.yaml"
[[campaigns]]
id = "program"
kind = "ivr"
flow = "script:/opt/program.py"
[campaigns.declared]
by = "Asha Kale"
offers_transport = false
asks_vote_choice = false
"""
FORM = {"id": "survey", "kind": "agents", "purpose": "survey", "script": "polling_day"}


def load_site(folder: Path, jurisdiction: str = "neutral") -> Settings:
    path = folder / "centre.toml"
    path.write_text(SITE.format(folder=folder, jurisdiction=jurisdiction), encoding="utf-8")
    return load_settings(path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_site(tmp_path)


def find_mistakes(settings: Settings, values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return field and text of each mistake in the form."""
    with pytest.raises(SettingError) as caught:
        prepare_new_campaign(settings, settings.store.path.with_name("campaigns.toml"), values, "Added.")
    error = caught.value
    every = error.mistakes if isinstance(error, SettingMistakes) else [error]
    assert all("\n" not in f"{each.problem}{each.remedy}" for each in every)
    return [(each.key, each.problem) for each in every]


def test_campaign_form_has_type_choices_and_limits_of_each_setting(settings: Settings) -> None:
    fields = {each.name: each for each in describe_campaign_form(settings)}
    assert tuple(fields) == FIELDS
    assert fields["kind"] == FormField(
        name="kind",
        type="choice",
        required=True,
        default="",
        choices=("agents", "ivr"),
        least=None,
        most=None,
        whole=False,
        help="agents: answered voters are connected to agents; ivr: a flow answers them",
    )
    weight, attempts = fields["weight"], fields["max_attempts"]
    assert (weight.type, weight.default, weight.least, weight.most, weight.whole) == ("number", "1", 0, 100, False)
    assert (attempts.type, attempts.default, attempts.whole) == ("number", "3", True)
    assert (fields["trunks"].type, fields["trunks"].choices) == ("list", ("carrier",))
    assert (fields["hours"].type, fields["hours"].default) == ("hours", "09:00-21:00")
    assert (fields["candidate"].type, fields["skill"].type) == ("text", "choice")
    assert fields["pacing"].choices == ("predictive", "progressive", "ratio", "preview")


def test_campaign_form_offers_scripts_and_flows_but_no_agi_scripts(settings: Settings, tmp_path: Path) -> None:
    fields = {each.name: each for each in describe_campaign_form(settings)}
    assert fields["script"].choices == (f"{tmp_path}/own.yaml", "before_poll", "polling_day")
    assert {"turnout", "opt_out"} < set(fields["flow"].choices)
    assert not [each for each in fields["flow"].choices if "program" in each]


def test_new_campaign_is_written_as_readable_toml_and_paused(settings: Settings, tmp_path: Path) -> None:
    hours = [{"start": "10:00", "until": "18:30"}]
    new = prepare_new_campaign(settings, tmp_path / "campaigns.toml", {**FORM, "hours": hours}, "Added by asha.")
    assert new.change.content.decode().endswith(
        '# Added by asha.\n[[campaigns]]\nid = "survey"\nkind = "agents"\npurpose = "survey"\nscript = "polling_day"\n'
        "hours = [{ start = 10:00:00, until = 18:30:00 }]\nstart_paused = true\n"
    )
    assert [each.id for each in new.settings.campaigns] == ["turnout", "program", "survey"]
    assert not (tmp_path / "campaigns.toml").exists()


@pytest.mark.parametrize(
    ("values", "field", "says"),
    [
        ({"id": "Survey 1"}, "id", "must be 1 to 32 lowercase letters"),
        ({"id": "turnout"}, "id", "turnout is used twice"),
        ({"kind": "robots"}, "kind", "must be 'agents' or 'ivr'"),
        ({"kind": "ivr", "script": None}, "script", "is not offered"),
        ({"script": "/etc/passwd"}, "script", "'/etc/passwd' is not offered"),
        ({"flow": "script:/opt/program.py"}, "flow", "is not offered"),
        ({"trunks": ["carrier", "other"]}, "trunks", "'other' is not offered"),
        ({"skill": "marathi"}, "skill", "'marathi' is not offered"),
        ({"max_attempts": 21}, "max_attempts", "must be less than or equal to 20 (is 21)"),
        ({"hours": [{"start": "18:00", "until": "09:00"}]}, "hours[0]", "calling hours must end after they start"),
        ({"hours": "all day"}, "hours", "must be a list"),
        ({"candidate": "\ud800"}, "candidate", "must be a valid string"),
        ({"flow": "turnout"}, "", "an `agents` campaign plays no flow"),
        ({"declared": {"by": "me"}}, "declared", "is not a field of this form"),
        ({"start_paused": False}, "start_paused", "is not a field of this form"),
    ],
)
def test_mistake_in_the_campaign_form_is_reported_at_its_field(
    settings: Settings, values: dict[str, Any], field: str, says: str
) -> None:
    [(key, problem)] = find_mistakes(settings, {**FORM, **values})
    assert key == field
    assert says in problem


def test_campaign_form_names_the_field_that_the_legal_profile_forbids(tmp_path: Path) -> None:
    [(field, problem)] = find_mistakes(load_site(tmp_path, "india"), {**FORM, "purpose": "material"})
    assert field == "candidate"
    assert "requires a candidate for campaign material" in problem


PAGE_FILE = """# of the page
[[campaigns]]
id = "survey"  # agreed
kind = "ivr"
flow = "script:/opt/program.py"
max_attempts = 2
ring_seconds = 25
[campaigns.declared]
by = "Asha Kale"
offers_transport = false
asks_vote_choice = false
"""


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    path = tmp_path / "campaigns.toml"
    path.write_text(PAGE_FILE, encoding="utf-8")
    return path


def test_edit_of_a_campaign_changes_only_the_edited_values(settings: Settings, page_file: Path) -> None:
    values = get_form_values_of_campaign(load_settings(page_file.with_name("centre.toml")).campaigns[-1])
    assert values["flow"] == "script:/opt/program.py"
    edited = prepare_edited_campaign(settings, page_file, "survey", {**values, "max_attempts": 5})
    expected = PAGE_FILE.replace("max_attempts = 2", "max_attempts = 5")
    assert edited.change.content.decode() == expected
    assert "-max_attempts = 2\n+max_attempts = 5\n" in edited.change.difference
    assert list_other_pending_changes(edited.settings, edited) == ([], [])
    survey = edited.settings.campaigns[-1]
    assert (survey.max_attempts, survey.ring_seconds, survey.start_paused) == (5, 25, False)
    assert page_file.read_text(encoding="utf-8") == PAGE_FILE


def test_edit_of_the_kind_of_a_campaign_removes_the_settings_of_its_earlier_kind(
    settings: Settings, page_file: Path
) -> None:
    head = '[[campaigns]]\nid = "survey"\n'
    page_file.write_text(
        f'{head}kind = "ivr"\nflow = "turnout"\npacing = "broadcast"\nring_seconds = 25\n', encoding="utf-8"
    )
    values = {"id": "survey", "kind": "agents", "purpose": "turnout", "script": "polling_day"}
    edited = prepare_edited_campaign(settings, page_file, "survey", values)
    assert edited.change.content.decode() == f'{head}kind = "agents"\nring_seconds = 25\nscript = "polling_day"\n'


@pytest.mark.parametrize(
    ("campaign_id", "values", "field", "says"),
    [
        ("survey", {"id": "other"}, "id", "cannot be changed"),
        ("survey", {"flow": "script:/opt/other.py"}, "flow", "is not offered"),
        ("turnout", {"id": "turnout"}, "", "has no campaign 'turnout'"),
    ],
)
def test_edit_is_refused_if_it_changes_the_name_or_names_a_program_or_the_campaign_is_in_another_file(
    settings: Settings, page_file: Path, campaign_id: str, values: dict[str, Any], field: str, says: str
) -> None:
    given = {"id": "survey", "kind": "ivr", "flow": "turnout", **values}
    with pytest.raises(SettingError, match=says) as caught:
        prepare_edited_campaign(settings, page_file, campaign_id, given)
    assert caught.value.key == field


def test_edit_of_the_purpose_is_listed_as_a_change_that_needs_a_restart(settings: Settings, page_file: Path) -> None:
    running = load_settings(page_file.with_name("centre.toml"))
    values = get_form_values_of_campaign(running.campaigns[-1])
    edited = prepare_edited_campaign(running, page_file, "survey", {**values, "purpose": "survey"})
    assert list_other_pending_changes(running, edited) == ([], ["campaigns.survey.purpose"])


def test_removed_campaign_is_not_in_the_changed_settings(settings: Settings, page_file: Path) -> None:
    removed = prepare_removed_campaign(settings, page_file, "survey")
    assert [each.id for each in removed.settings.campaigns] == ["turnout", "program"]
    assert check_changed_campaign(removed, 0.0) == []
    assert removed.change.difference.startswith("-# of the page\n-[[campaigns]]\n-id")


def test_new_campaign_cannot_have_the_name_of_an_earlier_campaign_with_calls(settings: Settings) -> None:
    with open_store_exclusively(settings.store.path, "a test") as db:
        for name, state in (("survey", CampaignState.RUNNING), ("paused", CampaignState.PAUSED)):
            campaigns.add_or_update_campaign(db, name, CampaignKind.AGENTS, Purpose.SURVEY, state)
    [(field, problem)] = find_mistakes(settings, FORM)
    assert (field, problem) == ("id", "'survey' was the name of an earlier campaign, whose calls are stored")
    prepare_new_campaign(settings, settings.store.path.with_name("campaigns.toml"), {**FORM, "id": "paused"}, "Added.")


def test_checking_a_new_campaign_keeps_other_locks_on_the_store(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store_exclusively(settings.store.path, "a test"):
        pass

    def drop_locks(*_: object, **__: object) -> None:
        raise AssertionError("closing the file after a look at its header drops the desk's locks on it")

    monkeypatch.setattr(connection, "check_database_file", drop_locks)
    path = settings.store.path.with_name("campaigns.toml")
    assert check_changed_campaign(prepare_new_campaign(settings, path, FORM, "Added."), 0.0)


def test_checking_a_new_campaign_reports_only_rules_about_this_campaign(settings: Settings) -> None:
    noon = datetime(2026, 12, 2, 12, tzinfo=get_site_zone(settings)).timestamp()
    path = settings.store.path.with_name("campaigns.toml")
    new = prepare_new_campaign(settings, path, {**FORM, "purpose": "turnout"}, "Added.")
    found = check_changed_campaign(new, noon)
    said = {each.subject: each for each in found if each.level is Level.OK}
    assert said["campaign survey"].text.startswith("agents' script polling_day")
    assert said["campaign survey (turnout, live)"].text.startswith("may call now; calling hours 09:00-21:00")
    assert not [each for each in found if each.subject.startswith(("campaign turnout", "campaign program"))]
    [wrong] = [
        each
        for each in check_changed_campaign(prepare_new_campaign(settings, path, FORM, "Added."), noon)
        if each.level is Level.ERROR
    ]
    assert "is for turnout, but campaign survey is for survey" in wrong.text


def test_campaign_check_lists_other_settings_that_the_reload_would_apply(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "centre.toml"
    text = path.read_text(encoding="utf-8").replace('kind = "agents"', 'kind = "agents"\nchannels = 5')
    path.write_text(text.replace('id = "pune-1"', 'id = "pune-2"'), encoding="utf-8")
    new = prepare_new_campaign(settings, tmp_path / "campaigns.toml", FORM, "Added.")
    assert list_other_pending_changes(settings, new) == (["campaigns.turnout.channels"], ["centre.id"])
