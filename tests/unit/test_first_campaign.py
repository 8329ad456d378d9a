"""The first steps in README and pages work as written: installation, a first campaign and a first flow."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from dialer.audio import espeak
from dialer.audio.conversion import Recipe
from dialer.audio.drafts import synthesise_drafts
from dialer.audio.errors import VoiceMissing
from dialer.audio.names import AudioDirectories
from dialer.cli.main import app
from dialer.domain.errors import StoreError
from dialer.settings.document import render_settings_page
from dialer.settings.site import load_settings
from dialer.store.driver import connect_to_database_file
from dialer.store.keys import StoreKey

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = [path for home in ("audio", "config", "dialer", "ivr_flows") for path in sorted((ROOT / home).rglob("*.py"))]


def first_campaign() -> list[str]:
    """Provide the commands of the first campaign in the README, without comments."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    block = page.partition("## Install a centre")[2].partition("```sh\n")[2].partition("```")[0]
    return [line.partition("  #")[0].strip() for line in block.splitlines()]


def test_docs_tell_readers_to_install_extras_from_the_checkout() -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for file in [*PAGES, *SOURCES]:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"pip install ['\"]?matdan", text), file
        named = {
            *re.findall(r"pip install -e '\.\[(\w+)\]'", text),
            *re.findall(r"describe_extra_installation\([\"'](\w+)", text),
        }
        assert named <= set(known), file


def test_error_about_a_missing_package_extra_says_how_to_install_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(espeak, "is_espeak_installed", lambda: False)
    with pytest.raises(VoiceMissing, match=re.escape(".venv/bin/pip install -e '.[voices]'")):
        synthesise_drafts(AudioDirectories(tmp_path, tmp_path), {}, Recipe(()), {})
    monkeypatch.setitem(sys.modules, "sqlcipher3.dbapi2", None)
    with pytest.raises(StoreError, match=re.escape(".venv/bin/pip install -e '.[encryption]'")):
        connect_to_database_file(tmp_path / "centre.db", "rwc", StoreKey(tmp_path / "key", "0" * 64))


def test_every_command_of_the_first_campaign_tutorial_has_valid_arguments() -> None:
    commands = [
        line.partition("dialer ")[2] for line in first_campaign() if re.match(r"(sudo \.venv/bin/)?dialer ", line)
    ]
    assert [command.split()[0] for command in commands if command.startswith("check")]
    for command in commands:
        parse_command_line(shlex.split(command))


def parse_command_line(arguments: list[str]) -> None:
    """Parse a `dialer` command line without running it.

    Raises UsageError for missing or unknown arguments.
    """
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        name, *arguments = arguments
        command = command.get_command(None, name)
    command.make_context(command.name, arguments)


def test_steps_of_the_first_campaign_tutorial_are_in_order() -> None:
    lines = first_campaign()
    order = [
        "export PATH",
        "voices",
        "install -d",
        "dialer import",
        "agent tones",
        "audio drafts",
        "render",
        "lint",
        "dialer check",
        "dialer run",
    ]
    places = [next(place for place, line in enumerate(lines) if part in line) for part in order]
    assert places == sorted(places)
    settings = load_settings(ROOT / "config" / "centre.example.toml")
    made = next(line for line in lines if "install -d" in line)
    assert str(settings.store.path.parent) in made
    assert f"{settings.audio.sounds}/matdan" in made
    assert f"--to {settings.audio.sounds}" in next(line for line in lines if "agent tones" in line)


def test_example_settings_have_comments_and_a_future_poll() -> None:
    path = ROOT / "config" / "centre.example.toml"
    settings = load_settings(path)
    words = {1: "one seat", 2: "two seats", 3: "three seats"}
    assert words[len(settings.seats)] in path.read_text(encoding="utf-8").splitlines()[0]
    assert all(poll.day >= date(2029, 1, 1) and poll.closes_at is not None for poll in settings.rules.polls)


def test_every_setting_has_a_description() -> None:
    assert "|None|" not in render_settings_page("\n## `[")


def test_flow_check_of_the_docs_example_reports_the_documented_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs/how-to/flows.md").read_text(encoding="utf-8")
    (flow,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (text,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("my/texts").mkdir(parents=True)
    Path("my/errand.yaml").write_text(flow, encoding="utf-8")
    for language in ("hi", "en"):
        Path(f"my/texts/{language}.yaml").write_text(text, encoding="utf-8")
    Path("centre.toml").write_bytes((ROOT / "config" / "centre.example.toml").read_bytes())
    commands = re.findall(r"^dialer (flow (?:check|try my/).*?)(?:  +#.*)?$", page, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        result = CliRunner().invoke(app, shlex.split(command), input="h\n")
        assert result.exit_code == 0, result.output
