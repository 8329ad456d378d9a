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
    format_campaign_as_toml,
    prepare_campaign_addition,
    prepare_campaign_edit,
    prepare_campaign_removal,
    read_campaigns_of_file,
)
from dialer.settings.file_change import EditedFileChanged
from dialer.settings.site import load_settings

OWN = '# our own comment\n[[campaigns]]\nkind = "ivr"   # unusual order\nid = "first"\nflow = "turnout"'
NEW = Campaign.model_validate({"id": "new", "kind": "agents", "script": "polling_day", "start_paused": True})


def test_new_campaign_is_appended_to_the_campaigns_file(tmp_path: Path) -> None:
    path = tmp_path / "campaigns.toml"
    path.write_text(OWN, encoding="utf-8")  # without a newline at its end
    prepare_campaign_addition(path, NEW, "Added by asha.").write_changed_file()
    assert path.read_text(encoding="utf-8") == OWN + (
        '\n\n# Added by asha.\n[[campaigns]]\nid = "new"\nkind = "agents"\npurpose = "turnout"\nscript = "polling_day"\n'
        "start_paused = true\n"
    )


def test_campaigns_file_created_for_a_refused_first_campaign_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "campaigns.toml"
    change = prepare_campaign_addition(path, NEW, "Added by asha.")
    change.write_changed_file()
    assert path.read_text(encoding="utf-8").startswith(HEAD)
    again = prepare_campaign_addition(path, NEW.model_copy(update={"id": "second"}), "Added by asha.")
    again.write_changed_file()
    again.restore_original_file()
    assert path.read_bytes() == change.content
    change.restore_original_file()
    assert [*tmp_path.iterdir()] == []


def test_campaigns_file_changed_after_the_check_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "campaigns.toml"
    path.write_text(OWN, encoding="utf-8")
    change = prepare_campaign_addition(path, NEW, "Added by asha.")
    path.write_text(f"{OWN}\nchannels = 4\n", encoding="utf-8")
    with pytest.raises(EditedFileChanged, match="has changed since the page read it; open it on the page again"):
        change.write_changed_file()
    with pytest.raises(EditedFileChanged):
        change.restore_original_file()
    assert path.read_text(encoding="utf-8") == f"{OWN}\nchannels = 4\n"


FILE = """# Campaigns of the page

# Added by asha.
[[campaigns]]
id = "first"  # of the north
"kind" = "agents"
# as agreed with the carrier
trunks = [
  "one", # cheap
  "two",
]
channels = 4 # until May
candidate = "A # B"
# end of first

# Added by meena.
[[campaigns]]
id = "second"
kind = "ivr"
flow = "turnout"
[campaigns.declared]
by = "Asha Kale"
offers_transport = false
asks_vote_choice = false
[[campaigns.hours]] # morning
start = 09:00:00
until = 12:00:00
# and the evening
[[campaigns.hours]]
start = 17:00:00
until = 20:00:00

# Added by asha.
[[campaigns]]
id = "third"
kind = "agents"
script = "polling_day"
""".removesuffix("\n")


@pytest.fixture
def full_file(tmp_path: Path) -> Path:
    path = tmp_path / "campaigns.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("campaign_id", "changed", "replaced"),
    [
        ("first", {"trunks": ["one"]}, [('trunks = [\n  "one", # cheap\n  "two",\n]', 'trunks = ["one"]')]),
        ("first", {"channels": 5}, [("channels = 4 # until", "channels = 5  # until")]),
        ("first", {"channels": None}, [("channels = 4 # until", "# until")]),
        ("first", {"candidate": "C"}, [('"A # B"', '"C"')]),
        ("first", {"candidate": "", "weight": 2.0}, [('candidate = "A # B"', "weight = 2.0")]),
        ("second", {"flow": "opt_out", "channels": 9}, [('flow = "turnout"', 'flow = "opt_out"\nchannels = 9')]),
        (
            "second",
            {"hours": [{"start": "10:00", "until": "11:00"}]},
            [
                ('flow = "turnout"', 'flow = "turnout"\nhours = [{ start = 10:00:00, until = 11:00:00 }]'),
                ("[[campaigns.hours]] # morning\nstart = 09:00:00\nuntil = 12:00:00\n", ""),
                ("[[campaigns.hours]]\nstart = 17:00:00\nuntil = 20:00:00\n", ""),
            ],
        ),
        ("third", {"weight": 3.0}, [('"polling_day"', '"polling_day"\nweight = 3.0')]),
    ],
)
def test_edit_of_a_campaign_keeps_all_other_lines_and_comments(
    full_file: Path, campaign_id: str, changed: dict[str, Any], replaced: list[tuple[str, str]]
) -> None:
    before = read_campaigns_of_file(full_file)
    after = Campaign.model_validate({**before[campaign_id].model_dump(), **changed})
    change = prepare_campaign_edit(full_file, before[campaign_id], after)
    expected = FILE
    for old, new in replaced:
        assert expected.count(old) == 1
        expected = expected.replace(old, new)
    assert change.content.decode().removesuffix("\n") == expected
    change.write_changed_file()
    assert read_campaigns_of_file(full_file) == {**before, campaign_id: after}
    change.restore_original_file()
    assert full_file.read_text(encoding="utf-8") == FILE


@pytest.mark.parametrize("campaign_id", ["first", "second", "third"])
def test_removed_campaign_leaves_the_other_campaigns_with_their_comments(full_file: Path, campaign_id: str) -> None:
    before = read_campaigns_of_file(full_file)
    change = prepare_campaign_removal(full_file, campaign_id)
    change.write_changed_file()
    text = full_file.read_text(encoding="utf-8")
    assert {**read_campaigns_of_file(full_file), campaign_id: before[campaign_id]} == before
    assert text.count("# Added by") == 2
    assert text.startswith("# Campaigns of the page\n\n#")
    assert "\n\n\n" not in text
    assert {line[:1] for line in change.difference.split("\n")} == {"-"}


def test_edit_or_removal_of_a_campaign_without_a_table_of_its_own_in_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "campaigns.toml"
    path.write_text('campaigns = [{ id = "new", kind = "agents" }]\n', encoding="utf-8")
    with pytest.raises(SettingError, match=r"has no table \[\[campaigns\]\] with the id 'new'"):
        prepare_campaign_removal(path, "new")


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
    change = prepare_campaign_addition(tmp_path / "campaigns.toml", NEW, "Added by a\n[[campaigns]]\rid\u2028x")
    assert "\n# Added by a [[campaigns]] id x\n" in change.content.decode()
    assert len(change.make_settings_text().table["campaigns"]) == 1


def test_campaigns_file_is_read_after_campaigns_of_the_settings_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, file = tmp_path / "centre.toml", tmp_path / "campaigns.toml"
    path.write_text(f'[desk]\ncampaigns_file = "{file}"\n{OWN}\n', encoding="utf-8")
    assert [each.id for each in load_settings(path).campaigns] == ["first"]
    prepare_campaign_addition(file, NEW, "Added.").write_changed_file()
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
