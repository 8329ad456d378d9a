"""`dialer command`: commands from a shell, their fields in order or by name."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from dialer.cli.command import parse_command_fields
from dialer.domain.enums import SupervisorRole
from dialer.domain.errors import CommandRefused
from dialer.engine.campaigns.commands import PauseCampaign
from dialer.engine.command.catalogue import COMMANDS
from dialer.mqtt.commands.checks import AcceptedCommand, parse_and_check_payload
from dialer.mqtt.commands.senders import Sender, Senders
from tests.support.command_line import run

PAGE = Path(__file__).parents[3] / "docs/how-to/mqtt.md"


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ("stop-all", {}),
        ("pause turnout", {"campaign_id": "turnout"}),
        ("pause campaign_id=turnout", {"campaign_id": "turnout"}),
        ("speed turnout max_calls=40", {"campaign_id": "turnout", "max_calls": 40}),
        ("speed calls_per_seat=1.5 turnout", {"campaign_id": "turnout", "calls_per_seat": 1.5}),
        ("seat-campaigns 04 a,b", {"seat": "04", "campaigns": ["a", "b"]}),
        ("seat-campaigns 04 campaigns=", {"seat": "04", "campaigns": []}),
        ("seat-pause reason=2=two seat=04", {"seat": "04", "reason": "2=two"}),
        ("seat-serials 04 7,8", {"seat": "04", "serials": "7,8"}),
    ],
)  # fmt: skip
def test_dialer_command_fields_may_be_positional_or_named(words: str, fields: dict[str, Any]) -> None:
    name, *given = words.split()
    assert parse_command_fields(name, given) == fields


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("pause", "`pause` needs `campaign_id`"),
        (
            "pause turnout persuasion",
            "'persuasion' is one value too many for `pause`: leave it out. Fields of `pause`: campaign_id",
        ),
        ("pause campain=turnout", "has no field `campain`; did you mean `campaign_id`?"),
        ("stop-all seat=04", "has no field `seat`. Its fields: none"),
        ("pause campaign_id=a campaign_id=b", "the field `campaign_id` of `pause` is given twice"),
        ("speed turnout max_calls=many", "`speed`: `max_calls` must be a whole number (maximum concurrent calls"),
    ],
)
def test_dialler_command_with_invalid_fields_is_refused_without_connecting(words: str, says: str) -> None:
    name, *given = words.split()
    with pytest.raises((typer.BadParameter, CommandRefused), match=re.escape(says)):
        parse_command_fields(name, given)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_dialler_command_names_purpose_and_fields(name: str) -> None:
    kind = COMMANDS[name]
    code, output = run("command", name, "--help")
    words = " ".join(output.split())
    assert code == 0
    assert " ".join(kind.format_command_description().split()[:4]) in words
    for key in (*kind.list_required_field_names(), *kind.list_optional_field_names()):
        assert key in words


def test_dialer_command_list_shows_every_command() -> None:
    code, output = run("command", "list")
    assert code == 0
    assert [line.split()[0] for line in output.splitlines() if not line.startswith(" ")] == [*COMMANDS]


def test_error_about_a_misspelt_dialler_command_suggests_a_similar_command() -> None:
    assert "'puase'. Did you mean 'pause'?" in run("command", "puase", "turnout")[1]


def test_dialler_command_for_supervisors_is_refused_without_the_name_of_its_sender(tmp_path: Path) -> None:
    config = tmp_path / "centre.toml"
    config.write_text('[centre]\nid = "pune-1"\n')
    code, output = run("command", "resume", "turnout", "-c", config)
    assert (
        code,
        "--as is missing: give the name of the sender, who needs the role supervisor for `resume`" in output,
    ) == (2, True)


def test_mosquitto_pub_example_in_the_docs_sends_a_valid_dialler_command() -> None:
    (block,) = (
        each
        for each in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
        if "mosquitto_pub" in each and "/commands/" in each
    )
    stubs = 'mosquitto_sub() { :; }\nmosquitto_pub() { while [ $# -gt 1 ]; do shift; done; printf %s "$1"; }\n'
    stubs += "uuidgen() { echo 7c1f; }\ndate() { echo 1000; }\n"
    sent = subprocess.run(["sh", "-c", f"{stubs}{block}"], capture_output=True, check=True, timeout=20).stdout
    asha = Senders([Sender("asha", frozenset({SupervisorRole.SUPERVISOR}))])
    read = parse_and_check_payload(sent, "asha", asha, "pune-1", retained=False, now=1000.0)
    assert isinstance(read, AcceptedCommand)
    assert read.command == PauseCampaign(campaign_id="turnout-ivr")
    assert json.loads(sent)["expires_at"] == 1060
