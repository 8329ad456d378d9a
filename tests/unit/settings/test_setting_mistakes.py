"""Mistakes in the settings: all in one run, each with file, line and the name of what it is about, and with what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.errors import SettingError, SettingMistakes
from dialer.settings.mistakes import SettingsText
from dialer.settings.site import load_settings
from dialer.settings.site_rules import site_profile

TRUNK = '[[trunks]]\nname = "carrier-a"\nendpoint = "carrier-a"\nhost = "10.0.0.9"\ncaller_ids = ["+911140000001"]\n'


def refused(tmp_path: Path, text: str) -> list[str]:
    """The lines of the refusal, without the folder."""
    path = tmp_path / "centre.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError) as error:
        site_profile(load_settings(path))
    return str(error.value).replace(f"{tmp_path}/", "").split("\n")


def test_every_mistake_is_told_in_one_run_with_its_line_and_whose_it_is(tmp_path: Path) -> None:
    lines = refused(
        tmp_path,
        '[centre]\nlanguag = "hi"   # a slip\n[ami]\nport = 99999\n'
        '[[campaigns]]\nid = "turnout-agents"\nkind = "agent"\n'
        '[[campaigns]]\nid = "turnout-ivr"\nkind = "ivr"\nflow = "turnout"\n'
        "hours = [\n  { start = 09:00:00, until = 18:00:00 },\n]\nabandoned_limit = 3\n",
    )
    assert lines == [
        "centre.toml:2: centre.languag: is not a setting; did you mean `language`? (docs/settings.md)",
        "centre.toml:4: ami.port: must be less than or equal to 65535 (given: 99999); correct it (docs/settings.md)",
        "centre.toml:7: campaigns.turnout-agents.kind: must be 'agents' or 'ivr' (given: 'agent'); correct it (docs/settings.md)",
        "centre.toml:15: campaigns.turnout-ivr.abandoned_limit: must be a share, 0 to 1: write 0.03 for 3 % (given: 3);"
        " correct it (docs/settings.md)",
    ]


def test_what_is_wrong_between_tables_is_told_at_once_too(tmp_path: Path) -> None:
    lines = refused(
        tmp_path,
        f'{TRUNK}[[seats]]\nname = "01"\nendpoint = "a"\n[[seats]]\nname = "01"\nendpoint = "b"\n'
        '[[campaigns]]\nid = "calls"\nkind = "agents"\ntrunks = ["carier-a"]\nskill = "hindi"\n'
        '[[inbound.numbers]]\nnumber = "+911140000001"\nmode = "agent"\ncampaign = "call"\n'
        '[[supervisors]]\nname = "asha"\nrole = "supervisor"\nendpoint = "carrier-a"\n',
    )
    assert [line.split(";")[0] for line in lines] == [
        "centre.toml:9: seats.01: seats named twice: 01",
        "centre.toml:20: inbound.numbers.0.campaign: an inbound number is for the campaign 'call',"
        " which [[campaigns]] does not have",
        "centre.toml:16: campaigns.calls.skill: campaign 'calls' asks for the skill 'hindi', which none of [[agents]] has",
        "centre.toml:15: campaigns.calls.trunks: campaign 'calls' names the trunk 'carier-a', which [[trunks]] does not have",
        "centre.toml:24: supervisors.asha.endpoint: 'asha' has a trunk's endpoint",
    ]
    assert "did you mean 'carrier-a'?" in lines[3]
    assert "did you mean 'calls'?" in lines[1]


def test_all_that_is_looser_than_the_profile_is_told_at_once(tmp_path: Path) -> None:
    text = '[rules]\njurisdiction = "india"\n[[campaigns]]\nid = "calls"\nkind = "agents"\nring_seconds = 20\nrecord = true\n'
    lines = refused(tmp_path, text)
    assert [line.split(";")[0].split(" loosens")[0] for line in lines] == [
        "centre.toml:7: campaigns.calls.record: the profile 'india' does not allow conversations to be recorded",
        "centre.toml:6: campaigns.calls.ring_seconds: 20",
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("abandoned_target = 1.5", "must be a share, 0 to 1: write 0.015 for 1.5 % (given: 1.5)"),
        ('abandoned_limit = "3 %"', "must be a share, 0 to 1: write 0.03 for 3 % (given: '3 %')"),
        ("abandoned_limit = 300", "must be less than or equal to 1 (given: 300)"),
        (
            "abandoned_target = 1",
            "abandoned_target (1) is above abandoned_limit (0.03); lower it: shares are 0 to 1, 1 % is 0.01",
        ),
        ('flow = "turnout"', 'an agents campaign plays no flow: take flow away, or set kind = "ivr"'),
    ],
)
def test_shares_and_flows_that_cannot_be_meant(tmp_path: Path, line: str, says: str) -> None:
    (told,) = refused(tmp_path, f'[[campaigns]]\nid = "calls"\nkind = "agents"\n{line}\n')
    assert told.startswith("centre.toml:")
    assert says in told
    assert "campaigns.calls" in told


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            'states = ["S24"]\ncaller_ids = ["+915224000001"]',
            "area 1 shows a number that is not of the trunk's caller_ids",
        ),
        ('caller_ids = ["+911140000001"]', "an area names no place; give states, constituencies or prefixes"),
    ],
)
def test_an_area_is_somewhere_and_shows_the_trunks_own(tmp_path: Path, line: str, says: str) -> None:
    trunk = '[[trunks]]\nname = "a"\nendpoint = "a"\ncaller_ids = ["+911140000001"]\n[[trunks.areas]]\n'
    (told,) = refused(tmp_path, trunk + line + "\n")
    assert says in told
    assert "trunks.a" in told


def test_a_seat_that_is_called_as_another_one_is_numbered_is_told_by_its_own_name_and_line(tmp_path: Path) -> None:
    seats = "".join(f'[[seats]]\nname = "{name}"\nendpoint = "seat-{name}"\n' for name in range(1, 4))
    said = refused(tmp_path, seats.replace("seat-2", "no endpoint"))[0]
    assert said.startswith("centre.toml:6: seats.2.endpoint: ")


def test_an_ivr_campaign_has_no_script(tmp_path: Path) -> None:
    campaign = '[[campaigns]]\nid = "calls"\nkind = "ivr"\nflow = "turnout"\nscript = "polling_day"\n'
    assert "an ivr campaign has nobody who reads" in refused(tmp_path, campaign)[0]


def test_one_mistake_is_one_line_and_several_are_an_error_of_each(tmp_path: Path) -> None:
    path = tmp_path / "centre.toml"
    path.write_text("[ami]\nport = -1\nhots = 1\n", encoding="utf-8")
    with pytest.raises(SettingMistakes) as error:
        load_settings(path)
    assert [each.key for each in error.value.mistakes] == ["ami.port", "ami.hots"]
    assert error.value.exit_code == 2


def test_a_line_is_found_whatever_way_a_table_is_written() -> None:
    text = (
        "a.b = 1\n"
        '["x y".z]   # a comment\n'
        '"k" = [ # more\n'
        "  1,\n"
        "]\n"
        "[[p]]\n"
        "[[p.q]]\n"
        "r = { s = 1 }\n"
        "[[p]]\n"
        "[[p.q]]\n"
        "[[p.q]]\n"
        "r = 2\n"
    )
    places = {
        ("a", "b"): 1,
        ("x y", "z"): 2,
        ("x y", "z", "k", "0"): 3,
        ("p", "0", "q", "0", "r", "s"): 8,
        ("p", "1", "q", "1", "r"): 12,
        ("p", "1", "q", "1", "t"): 11,
    }
    found = SettingsText("f", text, {})
    assert {place: found.where(place) for place in places} == {place: f"f:{line}" for place, line in places.items()}
    assert found.where(("nowhere", "at")) == "f"


def test_a_mistake_in_headquarters_campaigns_is_told_with_that_file_and_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hq").mkdir()
    (tmp_path / "hq/b.toml").write_text('[[campaigns]]\nid = "b"\nkind = "agents"\nchanels = 1\n', encoding="utf-8")
    monkeypatch.setenv("MATDAN_HEADQUARTERS__CAMPAIGNS_FOLDER", str(tmp_path / "hq"))
    told = "hq/b.toml:4: campaigns.b.chanels: is not a setting; did you mean `channels`? (docs/settings.md)"
    assert refused(tmp_path, "") == [told]
    (tmp_path / "hq/b.toml").write_text("[ami]\nport = 1\n", encoding="utf-8")
    assert refused(tmp_path, "")[0].startswith("hq/b.toml:1: ami: is not a setting")
