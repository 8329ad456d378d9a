"""The file of campaigns that supervisors set up: a campaign is added at its end, and nothing else in the file changes."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from dialer.errors import SettingError
from dialer.settings.campaigns import Campaign
from dialer.settings.campaigns_file import (
    HEAD,
    CampaignsFileChanged,
    format_campaign_as_toml,
    prepare_campaigns_file_change,
)
from dialer.settings.site import load_settings

OWN = '# our own comment\n[[campaigns]]\nkind = "ivr"   # unusual order\nid = "first"\nflow = "turnout"'
NEW = Campaign.model_validate({"id": "new", "kind": "agents", "script": "polling_day", "start_paused": True})


def test_new_campaign_is_appended_to_the_campaigns_file(tmp_path: Path) -> None:
    path = tmp_path / "campaigns.toml"
    path.write_text(OWN, encoding="utf-8")  # without a newline at its end
    prepare_campaigns_file_change(path, NEW, "Added by asha.").write_file_with_campaign()
    assert path.read_text(encoding="utf-8") == OWN + (
        '\n\n# Added by asha.\n[[campaigns]]\nid = "new"\nkind = "agents"\npurpose = "turnout"\nscript = "polling_day"\n'
        "start_paused = true\n"
    )


def test_campaigns_file_created_for_a_refused_first_campaign_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "campaigns.toml"
    change = prepare_campaigns_file_change(path, NEW, "Added by asha.")
    change.write_file_with_campaign()
    assert path.read_text(encoding="utf-8").startswith(HEAD)
    again = prepare_campaigns_file_change(path, NEW.model_copy(update={"id": "second"}), "Added by asha.")
    again.write_file_with_campaign()
    again.restore_file_without_campaign()
    assert path.read_bytes() == change.content
    change.restore_file_without_campaign()
    assert [*tmp_path.iterdir()] == []


def test_campaigns_file_changed_after_the_check_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "campaigns.toml"
    path.write_text(OWN, encoding="utf-8")
    change = prepare_campaigns_file_change(path, NEW, "Added by asha.")
    path.write_text(f"{OWN}\nchannels = 4\n", encoding="utf-8")
    with pytest.raises(CampaignsFileChanged, match="has changed since the campaign was checked; check the campaign"):
        change.write_file_with_campaign()
    with pytest.raises(CampaignsFileChanged):
        change.restore_file_without_campaign()
    assert path.read_text(encoding="utf-8") == f"{OWN}\nchannels = 4\n"


@pytest.mark.parametrize(
    "values",
    [
        {"id": "a", "kind": "agents", "candidate": 'Quote " backslash \\ newline \n delete \x7f हिन्दी'},
        {"id": "a", "kind": "agents", "weight": 0.5, "channels": 7, "trunks": ["one", "two"], "start_paused": True},
        {"id": "a", "kind": "ivr", "flow": "turnout", "hours": [{"start": "09:00", "until": "12:30"}]},
        {
            "id": "a",
            "kind": "ivr",
            "flow": "script:/opt/x.py",
            "declared": {"by": "Asha", "offers_transport": False, "asks_vote_choice": False},
        },
    ],
)
def test_campaign_read_from_its_toml_text_is_the_same_campaign(values: dict[str, Any]) -> None:
    campaign = Campaign.model_validate(values)
    [read] = tomllib.loads(format_campaign_as_toml(campaign))["campaigns"]
    assert Campaign.model_validate(read) == campaign


def test_comment_in_the_campaigns_file_stays_on_one_line(tmp_path: Path) -> None:
    change = prepare_campaigns_file_change(tmp_path / "campaigns.toml", NEW, "Added by a\n[[campaigns]]\rid\u2028x")
    assert "\n# Added by a [[campaigns]] id x\n" in change.added
    assert len(change.make_settings_text().table["campaigns"]) == 1


def test_campaigns_file_is_read_after_campaigns_of_the_settings_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, file = tmp_path / "centre.toml", tmp_path / "campaigns.toml"
    path.write_text(f'[desk]\ncampaigns_file = "{file}"\n{OWN}\n', encoding="utf-8")
    assert [each.id for each in load_settings(path).campaigns] == ["first"]
    prepare_campaigns_file_change(file, NEW, "Added.").write_file_with_campaign()
    assert [each.id for each in load_settings(path).campaigns] == ["first", "new"]
    monkeypatch.setenv("MATDAN_DESK__CAMPAIGNS_FILE", str(tmp_path / "other.toml"))
    assert [each.id for each in load_settings(path).campaigns] == ["first"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[campaigns]]\nid = "x"\nkind = "agent"\n', "campaigns.toml:3: campaigns.x.kind: must be 'agents' or 'ivr'"),
        ("[desk]\nport = 1\n", "campaigns.toml:1: desk: is not a setting"),
        ("[[campaigns]\n", "campaigns.toml:1: is not TOML"),
    ],
)
def test_mistake_in_the_campaigns_file_is_reported_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    path, file = tmp_path / "centre.toml", tmp_path / "campaigns.toml"
    path.write_text(f'[desk]\ncampaigns_file = "{file}"\n', encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError) as caught:
        load_settings(path)
    assert says in str(caught.value)
