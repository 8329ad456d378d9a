"""Placeholders and weak secrets: `dialer check` reports them, and `run` and `render` refuse them."""

from __future__ import annotations

import secrets
import string
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from dialer.cli import main as cli
from dialer.domain.finding import Level
from dialer.settings.site import Settings, load_settings
from dialer.settings.unfinished import (
    find_pin_weakness,
    find_placeholders_and_weak_secrets,
    find_secret_weakness,
    find_unsafe_permissions,
    is_placeholder_host,
)
from dialer.site.checks.before_start import check_site
from tests.support.paths import ROOT

EXAMPLE = ROOT / "config" / "centre.example.toml"
GOOD = "mT4-a8Qk2_xWz9"
PLACEHOLDERS = [
    "sip.carrier.example",
    "example.com",
    "sip.example.org.",
    "x.test",
    "y.invalid",
    "sip.your-carrier.com",
    "changeme.net",
    "192.0.2.7",
    "203.0.113.9",
    "[2001:db8::1]",
]
HOSTS = [
    "sip.carrier.net",
    "yours.net",
    "10.0.0.1",
    "192.0.3.7",
    "counterexample.com",
    "sip.example-telecom.in",
    "2001:db9::1",
]
SHIPPED_PIN = "$argon2id$v=19$m=65536,t=3,p=4$hXBalvbPMzyNhw3wJGBloA$NrkYsKboRoEoubG0wpPa7b5RBgNTA4AFLpM2HnoF4+k"


WEAK = [
    "change-me-to-20-random-letters",
    "changeme",
    "CHANGE_ME_PLEASE_NOW",
    "replace-me-12345",
    "<your-secret-here>",
    "an-example-secret",
    "xxxxxxxxxxxxxxxx",
    "************",
    "matdan",
    "dialler",
    "aaaaaaaaaaaaaaaa",
    "abababababababab",
    "abcdefghijklmnop",
    "0123456789",
    "short-one",
    "1111222211112222",
]


@pytest.mark.parametrize("secret", WEAK)
def test_guessable_secret_in_the_settings_is_reported_as_weak(secret: str) -> None:
    assert find_secret_weakness(secret)


def test_generated_secrets_are_not_reported_as_weak() -> None:
    for _ in range(300):
        assert find_secret_weakness(secrets.token_urlsafe(24)) is None
        assert find_secret_weakness(secrets.token_hex(16)) is None
    assert find_secret_weakness("agent-number-one", "agent-number-one") is not None
    assert find_secret_weakness("agent-number-one", "agent-number-two") is None


def test_fewer_than_a_thousand_pins_are_refused_as_easily_guessed() -> None:
    """Only a few hundred of 10,000 PINs are sequences or repetitions; enough others must remain."""
    refused = [f"{pin:04}" for pin in range(10_000) if find_pin_weakness(f"{pin:04}")]
    assert {"0000", "1234", "2468", "4321", "7890", "1212", "1112", "1221"} <= set(refused)
    assert len(refused) < 800
    assert find_pin_weakness("4711") is None


@pytest.mark.parametrize("host", PLACEHOLDERS)
def test_host_names_reserved_for_documentation_are_reported_as_placeholders(host: str) -> None:
    assert is_placeholder_host(host)


@pytest.mark.parametrize("host", HOSTS)
def test_real_host_names_in_settings_are_not_reported_as_placeholders(host: str) -> None:
    assert not is_placeholder_host(host)


def make_site(**changes: Any) -> Settings:
    trunk = {"name": "a", "endpoint": "a", "host": "10.0.0.9", "caller_ids": ["+911140000001"]}
    return Settings.model_validate(
        {"ami": {"secret": GOOD}, "trunks": [trunk], "broker": {"enabled": False}, **changes}
    )


TRUNK = {"name": "a", "endpoint": "a", "caller_ids": ["+911140000001"]}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"ami": {}}, "ami.secret"),
        ({"ami": {"secret": "change-me-to-20-random-letters"}}, "ami.secret"),
        ({"ami": {"secret": "pbx-manager-1", "username": "pbx-manager-1"}}, "ami.secret"),
        ({"broker": {"password": "changeme"}}, "broker.password"),
        ({"rules": {"opt_out_secret": "change-me-change-me-change-me"}}, "rules.opt_out_secret"),
        ({"trunks": [{**TRUNK, "host": "sip.carrier.example"}]}, "trunks.a.host"),
        ({"trunks": [{**TRUNK, "host": "sip.your-carrier.com"}]}, "trunks.a.host"),
        ({"trunks": [{**TRUNK, "host": "10.0.0.9", "username": "u", "password": "changeme"}]}, "trunks.a.password"),
        (
            {"trunks": [{**TRUNK, "host": "10.0.0.9", "username": "your-account", "password": GOOD}]},
            "trunks.a.username",
        ),
        ({"seats": [{"name": "01", "endpoint": "agent01", "password": "agent01"}]}, "seats.01.password"),
        ({"agents": [{"number": "101", "pin": SHIPPED_PIN}]}, "agents.101.pin"),
    ],
)
def test_placeholders_in_settings_are_reported_without_showing_secrets(changes: dict[str, Any], key: str) -> None:
    found = list(find_placeholders_and_weak_secrets(make_site(**changes)))
    assert [each.key for each in found] == [key]
    assert "change-me" not in str(found[0])


def test_completed_example_settings_have_no_placeholders_and_no_weak_secrets() -> None:
    assert not list(find_placeholders_and_weak_secrets(make_site()))
    carrier = {**TRUNK, "host": "10.0.0.9", "username": "u", "password": "Zk4w9q"}  # the carrier's choice
    assert not list(find_placeholders_and_weak_secrets(make_site(trunks=[carrier])))


def run_and_read_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> list[str]:
    monkeypatch.setattr(sys, "argv", ["dialer", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("command", [["run"], ["asterisk", "render", "--to", "asterisk"]])
def test_dialer_run_and_render_refuse_the_example_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "dialer.cli.logs.configure_json_logging", lambda **_: None
    )  # it would log into this test's output for ever
    (line,) = run_and_read_errors(monkeypatch, capsys, *command, "-c", str(EXAMPLE))
    assert "ami.secret: is not set; create one with python3 -c " in line
    monkeypatch.setenv("MATDAN_AMI__SECRET", GOOD)
    (line,) = run_and_read_errors(monkeypatch, capsys, *command, "-c", str(EXAMPLE))
    number = EXAMPLE.read_text(encoding="utf-8").splitlines().index('host = "sip.carrier.example"') + 1
    assert f"{EXAMPLE}:{number}: trunks.carrier-a.host: sip.carrier.example is a placeholder" in line
    assert list(tmp_path.iterdir()) == []


async def test_dialer_check_reports_every_placeholder_in_the_example_settings(tmp_path: Path) -> None:
    config = tmp_path / "centre.toml"
    config.write_bytes(EXAMPLE.read_bytes())
    settings = load_settings(config).model_copy(update={"broker": make_site().broker})
    errors = {
        each.subject: f"{each.text}; {each.remedy}"
        async for each in check_site(settings, file=config)
        if each.level is Level.ERROR
    }
    assert errors["ami.secret"].startswith("is not set; create one")
    assert "placeholder" in errors["trunks.carrier-a.host"]
    assert "nobody can log in" in errors["agents"]
    assert "dialer agent hash-pin" in errors["agents"]


@pytest.mark.parametrize(
    ("content", "mode", "bad"),
    [
        ('[ami]\nsecret = "x"\n', 0o644, True),
        ('[ami]\nsecret = "x"\n', 0o604, True),
        ('[[agents]]\nnumber = "1"\npin = "x"\n', 0o644, True),
        ('[ami]\nsecret = "x"\n', 0o640, False),
        ("[ami]\nport = 5038\n", 0o644, False),
    ],
)
def test_dialer_check_reports_world_readable_settings_with_secrets(
    tmp_path: Path, content: str, mode: int, bad: bool
) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(content.replace('"x"', f'"{SHIPPED_PIN}"' if "pin" in content else f'"{GOOD}"'), encoding="utf-8")
    path.chmod(mode)
    line = find_unsafe_permissions(load_settings(path), path)
    assert (line is not None) is bad
    assert line is None or ("chmod 640" in line and GOOD not in line)


def test_settings_file_without_secrets_may_be_world_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "centre.toml"
    path.write_text("[ami]\nport = 5038\n", encoding="utf-8")
    path.chmod(0o644)
    monkeypatch.setenv("MATDAN_AMI__SECRET", "".join(secrets.choice(string.ascii_letters) for _ in range(20)))
    assert find_unsafe_permissions(load_settings(path), path) is None


def test_placeholder_in_any_secret_of_file_or_environment_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Secrets in lists are found by their key."""
    site = tmp_path / "centre.toml"
    site.write_text(
        'twilio = { enabled = true, account_sid = "AC00000000000000000000000000000000", public_url = "https://x.org" }\n'
        '[[seats]]\nname = "01"\nendpoint = "agent01"\n',
        encoding="utf-8",
    )
    named = {
        f"{section}.{name}"
        for section, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        for name, inner in field.annotation.model_fields.items()
        if "SecretStr" in str(inner.annotation) and "tuple" not in str(inner.annotation)
    }
    assert {"ami.secret", "broker.password", "twilio.auth_token", "desk.broker_password"} < named
    for key in named:
        monkeypatch.setenv(f"MATDAN_{key.upper().replace('.', '__')}", "change-me-to-20-random-letters")
    assert named <= {each.key for each in find_placeholders_and_weak_secrets(load_settings(site))}
