"""Mistakes in settings: all are reported at once, each with file, line, key and a suggested spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.domain.translatable import TranslatableText, get_error_text
from dialer.errors import SettingError, SettingMistakes
from dialer.settings.fields import Section, find_class_of_settings_table
from dialer.settings.file_text import SettingsText
from dialer.settings.headquarters import HqSettings
from dialer.settings.jurisdiction import Profile
from dialer.settings.renamed import RENAMED
from dialer.settings.site import Settings, load_settings
from dialer.settings.site_rules import load_site_profile

TRUNK = '[[trunks]]\nname = "carrier-a"\nendpoint = "carrier-a"\nhost = "10.0.0.9"\ncaller_ids = ["+911140000001"]\n'


def get_error_lines(tmp_path: Path, text: str) -> list[str]:
    """Return the lines of the error, without the folder."""
    path = tmp_path / "centre.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError) as error:
        load_site_profile(load_settings(path))
    return str(error.value).replace(f"{tmp_path}/", "").split("\n")


def test_all_mistakes_in_a_settings_file_are_reported_together_with_line_and_key(tmp_path: Path) -> None:
    lines = get_error_lines(
        tmp_path,
        '[centre]\nlanguag = "hi"   # a slip\n[ami]\nport = 99999\n'
        '[[campaigns]]\nid = "turnout-agents"\nkind = "agent"\n'
        '[[campaigns]]\nid = "turnout-ivr"\nkind = "ivr"\nflow = "turnout"\n'
        "hours = [\n  { start = 09:00:00, until = 18:00:00 },\n]\nabandoned_limit = 3\n",
    )
    assert lines == [
        "centre.toml:2: centre.languag: is not a setting; did you mean `language`?",
        "centre.toml:4: ami.port: must be less than or equal to 65535 (is 99999).",
        "centre.toml:7: campaigns.turnout-agents.kind: must be 'agents' or 'ivr' (is 'agent').",
        "centre.toml:15: campaigns.turnout-ivr.abandoned_limit: must be a share, 0 to 1; write 0.03 for 3 % (is 3).",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[store]\npath = ""\n', "store.path: must be the path of a file, such as /var/lib/matdan/centre.db"),
        ('[store]\npath = "/"\n', "store.path: must be the path of a file, such as /var/lib/matdan/centre.db"),
        ('[broker]\nhost = "a b"\n', "broker.host: must be a host name or an IP address, without a scheme or port"),
        ('[broker]\nhost = ""\n', "broker.host: must be a host name or an IP address, without a scheme or port"),
    ],
)
def test_error_names_an_empty_store_path_and_an_impossible_broker_host(tmp_path: Path, text: str, problem: str) -> None:
    (line,) = get_error_lines(tmp_path, text)
    assert line.startswith(f"centre.toml:2: {problem}")


@pytest.mark.parametrize("host", ["sip:carrier.net", "sips://carrier.net", "carrier.net:5060"])
def test_trunk_host_with_a_scheme_or_port_is_refused_with_its_line(tmp_path: Path, host: str) -> None:
    (line,) = get_error_lines(tmp_path, TRUNK.replace("10.0.0.9", host))
    assert line.startswith(
        "centre.toml:4: trunks.carrier-a.host: must be a host name or an IP address, without a scheme or port"
    )


def test_all_contradictions_between_settings_tables_are_reported_together(tmp_path: Path) -> None:
    lines = get_error_lines(
        tmp_path,
        f'{TRUNK}[[seats]]\nname = "01"\nendpoint = "a"\n[[seats]]\nname = "01"\nendpoint = "b"\n'
        '[[campaigns]]\nid = "calls"\nkind = "agents"\ntrunks = ["carier-a"]\nskill = "hindi"\n'
        '[[inbound.numbers]]\nnumber = "+911140000001"\nmode = "agent"\ncampaign = "call"\n'
        '[[supervisors]]\nname = "asha"\nrole = "supervisor"\nendpoint = "carrier-a"\n',
    )
    assert [line.split(";")[0] for line in lines] == [
        "centre.toml:9: seats.01: seats must have different names",
        "centre.toml:20: inbound.numbers[0].campaign: campaign 'call' is not in [[campaigns]]",
        "centre.toml:16: campaigns.calls.skill: skill 'hindi' is not in [[agents]]",
        "centre.toml:15: campaigns.calls.trunks: trunk 'carier-a' is not in [[trunks]]",
        "centre.toml:24: supervisors.asha.endpoint: must be the endpoint of a phone",
    ]
    assert "did you mean 'carrier-a'?" in lines[3]
    assert "did you mean 'calls'?" in lines[1]


def test_all_settings_looser_than_the_jurisdiction_profile_are_reported_together(tmp_path: Path) -> None:
    text = '[rules]\njurisdiction = "india"\n[[campaigns]]\nid = "calls"\nkind = "agents"\nring_seconds = 20\nrecord = true\n'
    lines = get_error_lines(tmp_path, text)
    assert [line.split(";")[0].split(" is looser")[0] for line in lines] == [
        "centre.toml:7: campaigns.calls.record: the profile 'india' does not allow recording of conversations",
        "centre.toml:6: campaigns.calls.ring_seconds: 20",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "chanels = 2",
        'weight = "much"',
        "weight = -1",
        "weight = inf",
        "max_attempts = 21",
        "max_attempts = 1.5",
        "connect_limit_seconds = 0.1",
        'pacing = "fast"',
        "skill = 7",
        'skill = "Marathi"',
        "trunks = 1",
        "hours = [{ start = 18:00:00, until = 09:00:00 }]",
        'flow = "turnout"',
        f'candidate = "{"A" * 81}"',
        "machine_sample = 50",
    ],
)
def test_a_mistake_in_a_campaign_of_the_settings_can_be_translated(tmp_path: Path, line: str) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(f'[[campaigns]]\nid = "calls"\nkind = "agents"\n{line}\n', encoding="utf-8")
    with pytest.raises(SettingError) as error:
        load_settings(path)
    shown = get_error_text(error.value)
    assert shown == str(error.value)
    assert is_translatable(shown)


def is_translatable(text: str) -> bool:
    """Return whether a text and all sentences in it can be translated."""
    if not isinstance(text, TranslatableText):
        return False
    sentences = [text.values[name] for name in ("text", "problem", "first", "second") if name in text.values]
    return all(isinstance(each, str) and is_translatable(each) for each in sentences)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("abandoned_target = 1.5", "must be a share, 0 to 1; write 0.015 for 1.5 % (is 1.5)"),
        ('abandoned_limit = "3 %"', "must be a share, 0 to 1; write 0.03 for 3 % (is '3 %')"),
        ("abandoned_limit = 300", "must be less than or equal to 1 (is 300)"),
        (
            "abandoned_target = 1",
            "abandoned_target (1) must not be above abandoned_limit (0.03); rates are 0 to 1, 1 % is 0.01",
        ),
        ('flow = "turnout"', 'an `agents` campaign plays no flow; remove `flow`, or set `kind = "ivr"`'),
    ],
)
def test_impossible_rates_and_flows_in_the_settings_are_refused(tmp_path: Path, line: str, says: str) -> None:
    (printed,) = get_error_lines(tmp_path, f'[[campaigns]]\nid = "calls"\nkind = "agents"\n{line}\n')
    assert printed.startswith("centre.toml:")
    assert says in printed
    assert "campaigns.calls" in printed


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            'states = ["S24"]\ncaller_ids = ["+915224000001"]',
            "area 1 has a number that is not in the trunk's caller_ids",
        ),
        ('caller_ids = ["+911140000001"]', "an area needs states, constituencies or prefixes"),
    ],
)
def test_caller_id_area_of_a_trunk_needs_a_place_and_caller_ids(tmp_path: Path, line: str, says: str) -> None:
    trunk = '[[trunks]]\nname = "a"\nendpoint = "a"\ncaller_ids = ["+911140000001"]\n[[trunks.areas]]\n'
    (printed,) = get_error_lines(tmp_path, trunk + line + "\n")
    assert says in printed
    assert "trunks.a" in printed


def test_mistake_at_a_seat_with_a_numeric_name_is_reported_with_its_line(tmp_path: Path) -> None:
    seats = "".join(f'[[seats]]\nname = "{name}"\nendpoint = "seat-{name}"\n' for name in range(1, 4))
    output = get_error_lines(tmp_path, seats.replace("seat-2", "no endpoint"))[0]
    assert output.startswith("centre.toml:6: seats.2.endpoint: ")


def test_agent_script_in_the_settings_of_an_ivr_campaign_is_refused(tmp_path: Path) -> None:
    campaign = '[[campaigns]]\nid = "calls"\nkind = "ivr"\nflow = "turnout"\nscript = "polling_day"\n'
    assert "an `ivr` campaign has no agents to read a script" in get_error_lines(tmp_path, campaign)[0]


def test_weight_in_the_settings_of_an_ivr_campaign_is_refused(tmp_path: Path) -> None:
    campaign = '[[campaigns]]\nid = "calls"\nkind = "ivr"\nflow = "turnout"\nweight = 2\n'
    assert "an `ivr` campaign has no agents to share" in get_error_lines(tmp_path, campaign)[0]


def test_several_mistakes_in_settings_are_reported_in_one_error(tmp_path: Path) -> None:
    path = tmp_path / "centre.toml"
    path.write_text("[ami]\nport = -1\nhots = 1\n", encoding="utf-8")
    with pytest.raises(SettingMistakes) as error:
        load_settings(path)
    assert [each.key for each in error.value.mistakes] == ["ami.port", "ami.hots"]
    assert error.value.exit_code == 2


def test_mistake_in_settings_is_reported_with_its_line_in_every_toml_notation() -> None:
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
    assert {place: found.locate_setting(place) for place in places} == {
        place: f"f:{line}" for place, line in places.items()
    }
    assert found.locate_setting(("nowhere", "at")) == "f"


def test_error_about_campaigns_assigned_by_headquarters_names_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hq").mkdir()
    (tmp_path / "hq/b.toml").write_text('[[campaigns]]\nid = "b"\nkind = "agents"\nchanels = 1\n', encoding="utf-8")
    monkeypatch.setenv("MATDAN_HEADQUARTERS__CAMPAIGNS_FOLDER", str(tmp_path / "hq"))
    printed = "hq/b.toml:4: campaigns.b.chanels: is not a setting; did you mean `channels`?"
    assert get_error_lines(tmp_path, "") == [printed]
    (tmp_path / "hq/b.toml").write_text("[ami]\nport = 1\n", encoding="utf-8")
    assert get_error_lines(tmp_path, "")[0].startswith("hq/b.toml:1: ami: is not a setting")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[floor]\nwrong_pins = 5\n", "centre.toml:1: floor: was renamed; write [agent_login]."),
        ("[agent_login]\nwrong_pins = 5\n", "centre.toml:2: agent_login.wrong_pins: was renamed; write max_failures."),
        (
            '[[seats]]\nname = "01"\nendpoint = "a"\nbox = "b"\n',
            "centre.toml:4: seats.01.box: was renamed; write server.",
        ),
        (
            "[rules.stricter.gap]\nminutes = 20\n",
            "centre.toml:1: rules.stricter.gap: was renamed; write [minimum_interval].",
        ),
    ],
)
def test_error_about_a_renamed_setting_gives_the_new_name(tmp_path: Path, text: str, says: str) -> None:
    assert get_error_lines(tmp_path, text) == [says]


def test_every_renamed_setting_has_a_new_name_that_exists() -> None:
    known = PROFILE_RULES | list_setting_keys(Settings) | list_setting_keys(HqSettings)
    for old, new in RENAMED.items():
        table, _, _ = old.rpartition(".")
        key = new.strip("[]") if new.startswith("[") else f"{table}.{new}"
        assert key in known, old
        assert old not in known, old


PROFILE_RULES = set(Profile.model_fields)


def list_setting_keys(model: type[Section], within: str = "") -> set[str]:
    """Return the keys of all settings of a model, without indexes."""
    keys: set[str] = set()
    for name, field in model.model_fields.items():
        keys.add(f"{within}{name}")
        inner = find_class_of_settings_table(field.annotation)
        if inner is not None:
            keys |= list_setting_keys(inner, f"{within}{name}.")
    return keys


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[centre]\nid = "a"\n[store\n', "centre.toml:3: is not TOML: "),
        ('[centre]\nid = "a"\nid = "b"\n', "centre.toml:3: is not TOML: "),
        (
            '[centre]\nid = "a"\n[rules]\njurisdiction = "mars"\n',
            "centre.toml:4: rules.jurisdiction: there is no profile",
        ),
        ("[centre]\n[rules.stricter.rung]\nminimum_seconds = 1\n", "centre.toml:2: rules.stricter.rung: is not a rule"),
        (
            '[rules]\njurisdiction = "india"\n[rules.stricter.ring]\nminimum_seconds = 1\n',
            "centre.toml:4: rules.stricter.ring.minimum_seconds: 1 is looser than the profile 'india'",
        ),
        ("[rules]\npolls = [{ day = 9999-12-31 }]\n", "centre.toml:2: rules.polls[0].day: "),
        ("[desk]\nflows_folder = 3\n", "centre.toml:2: desk.flows_folder: must be a path in quotation marks (is 3)"),
        ("[ami]\nport = true\n", "centre.toml:2: ami.port: must not be true or false (is True)"),
        ("[dialling]\nmax_attempts_per_day = true\n", "centre.toml:2: dialling.max_attempts_per_day: must not be true"),
        (f"{TRUNK.replace('10.0.0.9', 'sip:carrier.in')}", "centre.toml:4: trunks.carrier-a.host: must be a host name"),
        (
            f"{TRUNK.replace('10.0.0.9', 'carrier.in:5060')}",
            "centre.toml:4: trunks.carrier-a.host: must be a host name",
        ),
    ],
)
def test_every_mistake_in_the_settings_is_reported_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    assert any(line.startswith(says) for line in get_error_lines(tmp_path, text))


@pytest.mark.parametrize("host", ["sip.carrier.in", "10.0.0.9", "2001:db8::1", "::1", "::ffff:10.0.0.9"])
def test_host_in_the_settings_may_be_a_name_or_an_address(tmp_path: Path, host: str) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(TRUNK.replace("10.0.0.9", host), encoding="utf-8")
    assert load_settings(path).trunks[0].host == host
