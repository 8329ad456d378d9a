"""Unknown names and invalid settings are refused in one line that lists the known names; they never give an empty result."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from dialer.cli import main as cli
from dialer.errors import MatdanError, SettingError
from dialer.flows.catalogue import load_flow
from dialer.reports.formats import Column, Report, format_report_as_table
from dialer.settings.fields import PATTERNS_IN_WORDS
from dialer.settings.headquarters import HqSettings
from dialer.settings.jurisdiction import JURISDICTIONS
from dialer.settings.site import Settings, load_settings
from tests.support.command_line import run_for_error
from tests.support.stored import list_names


@pytest.mark.parametrize("report", ["calls", "abandonment", "evidence", "turnout"])
def test_report_on_an_unknown_campaign_is_refused_with_the_known_campaigns(store: Path, report: str) -> None:
    settings = store.parent / "centre.toml"
    settings.write_text('[[campaigns]]\nid = "village"\nkind = "agents"\n', encoding="utf-8")
    code, told = run_for_error("report", report, "--store", store, "-c", settings, "--campaign", "typo")
    assert (code, told) == (2, "--campaign: there is no campaign 'typo'; use one of: town, village")
    for campaign in ("town", "village"):
        assert run_for_error("report", report, "--store", store, "-c", settings, "--campaign", campaign)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["audio", "list", "--campaign", "nosuch"], "--campaign: 'nosuch' is unknown; use one of: none"),
        (["audio", "list", "-l", "xx"], "--language: 'xx' is unknown; use one of: as, bn, en"),
        (["audio", "check", "-l", "xx"], "--language: 'xx' is unknown; use one of: as, bn, en"),
        (
            ["flow", "try", "turnout", "-l", "xx", "--keys", "1"],
            "--language: there are no texts in 'xx'; use one of as",
        ),
        (["flow", "draw", "turnout", "-l", "xx"], "--language: there are no texts in 'xx'; use one of as"),
        (["flow", "try", "turnout", "-f", "foo=bar"], "--fact: the flow has no fact 'foo'; use one of: booth_name"),
        (["flow", "check", "--max-prompt-seconds", "nan"], "--max-prompt-seconds: must be a number of seconds above 0"),
        (["flow", "check", "--max-prompt-seconds", "-1"], "--max-prompt-seconds: must be a number of seconds above 0"),
        (["report", "turnout", "--picture", "x.doc"], "x.doc: the picture must be a .png or .svg file"),
        (["report", "turnout", "-o", "x.csv", "-f", "pdf"], "--out x.csv and --format pdf contradict each other"),
    ],
)
def test_unknown_name_in_an_option_is_refused_instead_of_printing_an_empty_result(
    store: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(store.parent)
    before = list_names(store.parent)
    more = ["--store", store] if arguments[0] == "report" else []
    result = CliRunner().invoke(cli.app, [*arguments, *map(str, more)])
    assert isinstance(result.exception, MatdanError), result.output
    assert str(result.exception).startswith(says)
    assert result.stdout == ""
    assert list_names(store.parent) == before


# Brackets


def test_square_brackets_in_printed_tables_are_shown_and_not_read_as_markup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (JURISDICTIONS / "neutral.toml").read_text(encoding="utf-8")
    profile = tmp_path / "own.toml"
    profile.write_text(
        text.replace('title = "Neutral:', 'title = "[b]Neutral:').replace('source = "', 'source = "[i]'), "utf-8"
    )
    shown = CliRunner().invoke(cli.app, ["rules", "show", str(profile)]).stdout
    assert "[b]Neutral" in shown
    assert "[i]" in shown
    console = Console(record=True, width=80)
    with console.capture() as printed:
        console.print(format_report_as_table(Report("calls of [b]town", (Column("calls_of_every_kind"),), ((1,),))))
    assert "calls of [b]town" in printed.get()
    flow = dataclasses.replace(load_flow("turnout"), title="[b]Turnout")
    monkeypatch.setattr("dialer.flows.catalogue.load_flow", lambda _: flow)
    assert "[b]Turnout" in CliRunner().invoke(cli.app, ["flow", "list"]).stdout


# Settings


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'[centre]\norganisation = "\xff"\n', "is not in UTF-8 (byte 26); save it as UTF-8."),
        (None, "is a directory; give the file in it, such as centre.toml."),
        (
            b'[[trunks]]\nname = "a"\nendpoint = "a"\ncaller_ids = ["+91 11"]\n',
            "trunks.a.caller_ids[0]: must be a phone number: 3 to 20 digits without spaces or dashes, "
            "such as +911140000001 (is '+91 11').",
        ),
    ],
)
def test_unreadable_settings_file_is_reported_with_a_remedy(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "centre.toml"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(SettingError) as caught:
        load_settings(path)
    assert str(caught.value).endswith(says)


def test_every_regular_expression_of_a_setting_has_an_error_text_in_words() -> None:
    def list_patterns(schema: object) -> Iterator[str]:
        if isinstance(schema, list):
            for each in schema:
                yield from list_patterns(each)
        elif isinstance(schema, dict):
            if isinstance(schema.get("pattern"), str):
                yield schema["pattern"]
            for each in schema.values():
                yield from list_patterns(each)

    schemas = [json.loads(json.dumps(model.model_json_schema())) for model in (Settings, HqSettings)]
    assert set(list_patterns(schemas)) == set(PATTERNS_IN_WORDS)


@pytest.mark.parametrize("command", ["list", "check", "prepare"])
def test_file_in_place_of_the_catalogue_directory_is_refused(tmp_path: Path, command: str) -> None:
    roll, settings = tmp_path / "roll.csv", tmp_path / "centre.toml"
    roll.touch()
    settings.write_text(f'[audio]\ncatalogue = "{roll}"\n', encoding="utf-8")
    code, told = run_for_error("audio", command, "-c", settings)
    assert (code, told) == (2, f"{roll}: is a file; set audio.catalogue to a directory (docs/reference/settings.md)")
