"""Settings are read from a file, a pipe or the environment, and each error names the file or variable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dialer.errors import SettingError
from dialer.settings.site import Settings, load_settings
from dialer.settings.site_rules import load_site_profile
from tests.support.command_line import run_for_error
from tests.support.roll_support import write_roll
from tests.support.stored import list_names

CAMPAIGN = '[[campaigns]]\nid = "a"\nkind = "agents"\n'


@contextmanager
def pipe(text: str) -> Iterator[Path]:
    """Provide a pipe like that of `-c <(...)`, which contains a text once."""
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    yield Path(f"/dev/fd/{reader}")
    os.close(reader)


def get_refusal(path: Path) -> str:
    with pytest.raises(SettingError) as refused:
        load_site_profile(load_settings(path))
    return str(refused.value)


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    path = tmp_path / "centre.toml"
    path.write_text('[centre]\nid = "pune"\n[ami]\nport = 5039\n', encoding="utf-8")
    return path


# Files and pipes


def test_settings_are_read_from_a_pipe(centre: Path) -> None:
    with pipe(centre.read_text(encoding="utf-8")) as path:
        assert load_settings(path).model_dump() == load_settings(centre).model_dump()


def test_commands_use_the_store_named_in_settings_from_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    roll = write_roll(tmp_path / "roll.csv", [("1", "1", "1", "Mira", "30", "F", "+916990000001")])
    numbers = tmp_path / "numbers.csv"
    numbers.write_text("number\n+916990000001\n", encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    settings = f'[store]\npath = "{tmp_path / "centre.db"}"\n'
    for arguments in (("import", roll), ("optout", "import", numbers)):
        with pipe(settings) as path:
            assert run_for_error(*arguments, "-c", path)[0] == 0
    assert "centre.db" in list_names(tmp_path)
    assert list_names(elsewhere) == []


def test_empty_settings_from_a_pipe_are_an_error() -> None:
    with pipe("") as path:
        says = f"{path}: the pipe was empty; check why the program that writes to it failed."
        assert get_refusal(path) == says


def test_empty_settings_file_gives_every_setting_the_default(tmp_path: Path) -> None:
    path = tmp_path / "centre.toml"
    path.touch()
    assert load_settings(path).model_dump() == load_settings().model_dump()


# Explicit values and defaults

ONE_A_DAY = "[rules.stricter.attempts]\nper_day = 1\n"
LOOSER = "3 is looser than the profile 'neutral' allows; set at most 1."


def test_unset_keys_of_a_settings_table_have_their_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(ONE_A_DAY + "[dialling]\ndrain_seconds = 60\n", encoding="utf-8")
    settings = load_settings(path)
    assert settings.dialling.model_fields_set == {"drain_seconds"}
    assert (settings.dialling.drain_seconds, settings.dialling.max_attempts_per_day) == (60.0, 3)
    assert load_site_profile(settings).attempts.per_day == 1

    monkeypatch.setenv("MATDAN_DIALLING__DENIED_PREFIXES", '["+91900"]')
    assert load_settings(path).dialling.model_fields_set == {"drain_seconds", "denied_prefixes"}
    monkeypatch.setenv("MATDAN_DIALLING__MAX_ATTEMPTS_PER_DAY", "3")
    assert get_refusal(path) == f"environment: MATDAN_DIALLING__MAX_ATTEMPTS_PER_DAY: {LOOSER}"


def test_setting_with_the_default_value_in_the_file_counts_as_set_explicitly(tmp_path: Path) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(ONE_A_DAY + "[dialling]\nmax_attempts_per_day = 3\n", encoding="utf-8")
    assert get_refusal(path) == f"{path}:4: dialling.max_attempts_per_day: {LOOSER}"


@pytest.mark.parametrize(
    "section", [name for name in Settings.model_fields if Settings.model_fields[name].default != ()]
)
def test_empty_settings_table_has_the_same_defaults_as_a_missing_table(section: str, tmp_path: Path) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(f"[{section}]\n", encoding="utf-8")
    settings = load_settings(path)
    assert settings.model_dump() == load_settings().model_dump()
    derived = {"history"} if section == "asterisk" else set()  # from ami.host
    assert getattr(settings, section).model_fields_set == derived


# Times and their zones


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (CAMPAIGN + 'hours = [{start = "09:00+05:30", until = "21:00"}]\n', "campaigns.a.hours[0].start"),
        (CAMPAIGN + 'hours = [{start = "09:00+05:30", until = "21:00+05:30"}]\n', "campaigns.a.hours[0].start"),
        (CAMPAIGN + 'hours = [{start = "09:00", until = "21:00Z"}]\n', "campaigns.a.hours[0].until"),
        (CAMPAIGN + 'hours = [{start = 9, until = "21:00"}]\n', "campaigns.a.hours[0].start"),
        ('[rules]\npolls = [{day = 2029-05-06, closes_at = "18:00+05:30"}]\n', "rules.polls[0].closes_at"),
        ('[polling_day]\nopens = "07:00Z"\n', "polling_day.opens"),
        ('[polling_day]\nexpected_turnout = [{at = "09:00Z", voted = 0.1}]\n', "polling_day.expected_turnout[0].at"),
        (
            '[rules.stricter.calling_hours]\nweekday = [["10:00Z", "18:00Z"]]\n',
            "centre.toml:2: rules.stricter.calling_hours.weekday.0.0",
        ),
    ],
)
def test_time_setting_with_a_time_zone_is_refused(tmp_path: Path, text: str, key: str) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(text, encoding="utf-8")
    wanted = 'must be a time such as "09:00" without a zone; times are local, in `centre.time_zone`'
    assert f"{key}: {wanted}" in get_refusal(path)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[centre]\ntime_zone = "Asia"\n', "centre.time_zone"),
        ('[rules]\npolls = [{day = 2029-05-06, time_zone = "Asia"}]\n', "rules.polls[0].time_zone"),
    ],
)
def test_name_of_a_region_of_time_zones_is_refused_as_a_time_zone(tmp_path: Path, text: str, key: str) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(text, encoding="utf-8")
    assert get_refusal(path).startswith(f"{path}:2: {key}: must be an IANA time zone such as Asia/Kolkata (is 'Asia').")


# The environment

NOT_JSON = """must be a list or a table in JSON; write a list as ["+91"], a table as {"key": "value"}"""
NO_SETTING = "is not a setting; remove it or correct its spelling"


def test_environment_variable_overrides_the_settings_file(centre: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATDAN_AMI__SECRET", "of-the-environment")
    monkeypatch.setenv("MATDAN_DIALLING__ALLOWED_PREFIXES", '["+977"]')
    monkeypatch.setenv("MATDAN_RULES__STRICTER__RING__MINIMUM_SECONDS", "35")
    monkeypatch.setenv("matdan_centre__id", "satara")
    monkeypatch.setenv("MATDANDI", "another program's")
    settings = load_settings(centre)
    assert settings.ami.secret is not None
    assert settings.ami.secret.get_secret_value() == "of-the-environment"
    assert settings.ami.port == 5039
    assert settings.dialling.allowed_prefixes == ("+977",)
    assert settings.centre.id == "satara"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("MATDAN_DIALLING__ALLOWED_PREFIXES", "+91", NOT_JSON),
        ("MATDAN_RULES__ACCEPTED_OPT_OUT_SECRETS", "hush", NOT_JSON),
        ("MATDAN_RULES__OPT_OUT_SECRETS_KNOWN", "hush", "was renamed; write accepted_opt_out_secrets"),
        ("MATDAN_DIALLING", "", NOT_JSON),
        ("MATDAN_DIALING__MAX_ATTEMPTS_PER_DAY", "1", NO_SETTING),
        ("MATDAN_DIALLING__MAX_ATEMPTS_PER_DAY", "1", "is not a setting; did you mean `max_attempts_per_day`?"),
        ("MATDAN_AMI_SECRET", "hush", NO_SETTING),
        ("MATDAN_HOME", "/opt", NO_SETTING),
        ("matdan_", "x", NO_SETTING),
        ("MATDAN_AMI__PORT", "many", "must be a valid integer"),
        ("MATDAN_AMI__SECRET", "hush;", "must be 1 to 100 ASCII letters"),
        ("MATDAN_TRUNKS__0__NAME", "a", "must be a list"),
        ("MATDAN_POLLING_DAY__OPENS", "07:00Z", 'must be a time such as "09:00" without a zone'),
    ],
)
def test_error_about_an_invalid_environment_variable_names_the_variable(
    centre: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    printed = get_refusal(centre)
    assert printed.startswith(f"environment: {name}: {says}")
    assert "hush" not in printed


def test_error_about_a_list_in_an_environment_variable_names_the_invalid_item(
    centre: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATDAN_TRUNKS", '[{"name": "a b", "endpoint": "a"}]')
    assert get_refusal(centre).startswith("environment: MATDAN_TRUNKS.0.name: must be 1 to 32 lowercase letters")


def test_mistake_in_the_settings_file_is_not_attributed_to_an_environment_variable(
    centre: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATDAN_AMI__HOST", "asterisk")
    centre.write_text("[ami]\nping_seconds = 0\n", encoding="utf-8")
    assert get_refusal(centre).startswith(f"{centre}:2: ami.ping_seconds: ")


# Numbers that are not finite


@pytest.mark.parametrize("number", ["inf", "-inf", "nan", "+nan", "1e999"])
@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("[ami]", "ping_seconds"),
        ("[dialling]", "drain_seconds"),
        ("[twilio]", "max_spend_per_day"),
        ('[[campaigns]]\nid = "a"\nkind = "agents"', "busy_retry_minutes"),
        ("[polling_day.workers]", "every_minutes"),
    ],
)
def test_setting_that_is_not_a_finite_number_is_refused(tmp_path: Path, table: str, key: str, number: str) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(f'[centre]\nid = "pune"\n{table}\n{key} = {number}\n', encoding="utf-8")
    assert key in get_refusal(path)
