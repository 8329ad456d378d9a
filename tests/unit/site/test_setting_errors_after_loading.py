"""Mistakes in settings that are found after loading are reported with the line of the settings file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dialer.cli.main import main
from dialer.errors import SettingError
from dialer.settings.site import add_settings_line_to_error, load_settings
from dialer.settings.site_rules import load_site_profile
from dialer.site.flows import load_flow_library

CAMPAIGN = '[[campaigns]]\nid = "turnout"\nkind = "{kind}"\npurpose = "turnout"\n'
TRUNK = '[[trunks]]\nname = "a"\nendpoint = "a"\nhost = "10.0.0.9"\ncaller_ids = ["+911140000001"]\n'
IVR, AGENTS = CAMPAIGN.format(kind="ivr"), CAMPAIGN.format(kind="agents")


@pytest.mark.parametrize(
    ("text", "line", "start"),
    [
        (f'{IVR}pacing = "broadcast"\nflow = "nope"\n', 6, "campaigns.turnout.flow: no flow has the name nope;"),
        (f'{AGENTS}script = "a/nope.yaml"\n', 5, "campaigns.turnout.script: no script has the name a/nope.yaml;"),
    ],
)
def test_setting_that_names_a_missing_flow_or_script_is_reported_with_its_line(
    tmp_path: Path, text: str, line: int, start: str
) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(text, encoding="utf-8")
    settings = load_settings(path)
    with pytest.raises(SettingError) as refused:
        load_flow_library(settings, load_site_profile(settings))
    assert str(add_settings_line_to_error(refused.value)).startswith(f"{path}:{line}: {start}")


@pytest.mark.parametrize(("table", "place"), [("", "centre.toml"), ('[audio]\nsounds = "sounds"\n', "centre.toml:1")])
def test_command_names_the_settings_file_in_an_error_about_a_missing_setting(
    tmp_path: Path, table: str, place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(
        f'{table}[ami]\nsecret = "a-long-random-secret"\n{TRUNK}{IVR}pacing = "broadcast"\nflow = "turnout"\n'
    )
    path.chmod(0o600)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["dialer", "run", "-c", "centre.toml"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == SettingError.exit_code
    assert capsys.readouterr().err.startswith(f"dialer: {place}: audio.catalogue: is not set")
