"""Settings of transfers, supervisors, hold and recordings: mistakes are refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.errors import SettingError
from dialer.settings.site import load_settings
from dialer.settings.site_rules import load_site_profile

TRUNK = """
[dialling]
allowed_prefixes = ["+91"]
denied_prefixes = ["+911900"]
[[trunks]]
name = "carrier-a"
endpoint = "carrier-a"
caller_ids = ["+911140000001"]
"""
BOSS = '[[transfers]]\nname = "boss"\nkind = "supervisor"\nendpoint = "boss"\n'
OFFICE = '[[transfers]]\nname = "office"\nkind = "outside"\nnumber = "{number}"\ntrunk = "carrier-a"\n'
ASHA = '[[supervisors]]\nname = "asha"\nendpoint = "asha"\nrole = "coach"\n'


def write_settings(directory: Path, text: str) -> Path:
    path = directory / "centre.toml"
    path.write_text(TRUNK + text)
    return path


def test_valid_settings_of_transfers_and_supervisors_are_accepted(tmp_path: Path) -> None:
    office = OFFICE.format(number="+911140009999")
    settings = load_settings(write_settings(tmp_path, BOSS + office + ASHA))
    assert [(each.name, each.endpoint, each.number) for each in settings.transfers] == [
        ("boss", "boss", None),
        ("office", None, "+911140009999"),
    ]
    assert settings.supervisors[0].role == "coach"
    assert not any(campaign.record for campaign in settings.campaigns)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (OFFICE.format(number="+911900123456"), "its number must not begin with any of dialling.denied_prefixes"),
        (OFFICE.format(number="+449012345678"), "its number must begin with one of dialling.allowed_prefixes"),
        (OFFICE.format(number="911140009999"), "transfers.office.number"),
        (OFFICE.format(number="+91114000&SIP/x"), "transfers.office.number"),
        (OFFICE.format(number="+9111" + "0" * 40), "transfers.office.number"),
        (
            OFFICE.format(number="+911140009999").replace("carrier-a", "nobody"),
            "trunk 'nobody' is not an Asterisk trunk",
        ),
        (BOSS + BOSS, "transfers must have different names; boss is used twice"),
        (BOSS.replace('endpoint = "boss"', ""), "needs endpoint"),
        (BOSS + 'number = "+911140009999"\n', "neither number nor trunk"),
        (BOSS.replace('"boss"\n', '"carrier-a"\n', 2), "must be the endpoint of a phone; 'carrier-a' is a trunk"),
        (BOSS.replace("supervisor", "anywhere"), "transfers.boss.kind"),
        (ASHA.replace("coach", "spy"), "supervisors.asha.role"),
        (ASHA.replace('endpoint = "asha"', 'endpoint = "a&b"'), "supervisors.asha.endpoint"),
        ('[hold]\nmusic_class = "a,b"\n', "hold.music_class"),
        ('[recordings]\ndirectory = "/var/../etc"\n', "recordings.directory"),
        ('[recordings]\ndirectory = "recordings"\n', "recordings.directory"),
        ('[recordings]\ndirectory = "/tmp/a,b"\n', "recordings.directory"),
        ('[recordings]\nprompt = "../x"\n', "recordings.prompt"),
        ('[recordings]\nprompt = "a&b"\n', "recordings.prompt"),
    ],
)
def test_transfer_or_supervisor_settings_mistake_gives_a_one_line_error(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingError) as caught:
        load_settings(write_settings(tmp_path, text))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


CAMPAIGN = '[[campaigns]]\nid = "agents"\nkind = "agents"\nrecord = true\n'


def test_setting_that_records_calls_is_refused_unless_the_jurisdiction_profile_allows_recording(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"campaigns.agents.record: the profile 'neutral' does not allow"):
        load_site_profile(load_settings(write_settings(tmp_path, CAMPAIGN)))
    with pytest.raises(SettingError, match=r"recordings.keep_days: 46 is looser than the profile"):
        load_site_profile(load_settings(write_settings(tmp_path, "[recordings]\nkeep_days = 46\n")))
