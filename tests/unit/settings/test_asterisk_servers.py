"""Settings of sites with several Asterisk servers, mistakes in them, and the files rendered for each server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dialer.deploy.asterisk.conf_file import parse_asterisk_conf
from dialer.deploy.asterisk.lint import lint_file_texts
from dialer.deploy.asterisk.render import list_seats_without_password, render_asterisk_site_files
from dialer.errors import SettingError
from dialer.settings.asterisk import DEFAULT_HISTORY_FILE
from dialer.settings.servers import (
    convert_settings_to_single_server,
    select_settings_of_asterisk_server,
    split_settings_by_asterisk_server,
)
from dialer.settings.site import Settings
from tests.support.asterisk_support import a_site

SERVERS: list[dict[str, Any]] = [
    {"name": "a", "host": "10.0.0.11"},
    {"name": "b", "host": "10.0.0.12", "sip_port": 5070},
]
HISTORY = "/var/log/asterisk-b/cdr-custom/b.csv"


def make_trunk(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "endpoint": name, "host": "10.9.0.10", "caller_ids": ["+911140000001"], **more}


def make_settings_with_two_servers(**changes: Any) -> Settings:
    values = {
        "asterisk": {"servers": [SERVERS[0], {**SERVERS[1], "history": HISTORY}]},
        "trunks": [make_trunk("north", server="a", channels=60), make_trunk("south", server="b")],
        "seats": [
            {"name": "01", "endpoint": "agent01", "server": "a"},
            {"name": "02", "endpoint": "agent02", "server": "b"},
        ],
        "transfers": [
            {"name": "boss", "kind": "supervisor", "endpoint": "boss", "server": "b"},
            {"name": "office", "kind": "outside", "number": "+911140000002", "trunk": "north"},
        ],
        "supervisors": [{"name": "asha", "endpoint": "asha", "server": "a"}, {"name": "board"}],
    }
    return a_site(**{**values, **changes})


def render_files_of_server(server: str) -> dict[str, str]:
    settings = make_settings_with_two_servers()
    passwords = dict.fromkeys(
        list_seats_without_password(select_settings_of_asterisk_server(settings, server)[0]), "a-password-that-was-made"
    )
    return render_asterisk_site_files(settings, passwords, server=server)


def test_settings_of_each_asterisk_server_have_only_trunks_and_phones_of_that_server() -> None:
    a, b = split_settings_by_asterisk_server(make_settings_with_two_servers()).values()
    assert ([each.name for each in a.trunks], [each.name for each in b.trunks]) == (["north"], ["south"])
    assert ([each.name for each in a.seats], [each.name for each in b.seats]) == (["01"], ["02"])
    assert ([each.name for each in a.transfers], [each.name for each in b.transfers]) == (["office"], ["boss"])
    assert ([each.name for each in a.supervisors], b.supervisors) == (["asha"], ())
    assert (a.ami.host, a.asterisk.sip_port, a.asterisk.history) == ("10.0.0.11", 5060, None)
    assert (b.ami.host, b.asterisk.sip_port, b.asterisk.history) == ("10.0.0.12", 5070, Path(HISTORY))


def test_site_without_asterisk_servers_table_has_one_asterisk_server() -> None:
    settings = a_site()
    assert dict(split_settings_by_asterisk_server(settings)) == {"": settings}
    assert select_settings_of_asterisk_server(settings, None) == (settings, ())
    assert render_asterisk_site_files(settings, {"agent01": "x"}) == render_asterisk_site_files(
        settings, {"agent01": "x"}, server=None
    )
    assert "matdan-server" not in "".join(render_asterisk_site_files(settings, {"agent01": "x"}).values())


def test_rehearsal_assigns_all_trunks_and_seats_to_one_asterisk_server() -> None:
    one = convert_settings_to_single_server(make_settings_with_two_servers())
    assert Settings.model_validate(one.model_dump()).seats == one.seats
    assert list(split_settings_by_asterisk_server(one)) == [""]


@pytest.mark.parametrize(
    ("changes", "output"),
    [
        (
            {"seats": [{"name": "01", "endpoint": "x"}]},
            "needs server, because there are several; give one of a, b",
        ),
        (
            {"seats": [{"name": "01", "endpoint": "x", "server": "c"}]},
            "server 'c' is not in [[asterisk.servers]]; known: a, b",
        ),
        ({"trunks": [make_trunk("north")], "transfers": []}, "needs server, because there are several"),
        ({"supervisors": [{"name": "asha", "endpoint": "asha"}]}, "needs server, because there are several"),
        (
            {"supervisors": [{"name": "asha", "server": "a"}]},
            "has no phone or trunk on an Asterisk server; remove server",
        ),
        ({"asterisk": {}}, "there are no [[asterisk.servers]]; add them, or remove server"),
        ({"asterisk": {"servers": [SERVERS[0], SERVERS[0]]}}, "servers must have different names; a is used twice"),
        (
            {
                "trunks": [
                    {"name": "cloud", "endpoint": "cloud", "carrier": "twilio", "caller_ids": ["+911140000001"]}
                ],
                "seats": [],
                "transfers": [],
            },
            "no trunk and no seat uses Asterisk; remove the servers",
        ),
        (
            {"asterisk": {"servers": [SERVERS[0], {"name": "b", "host": "10.0.0.11"}]}},
            "two servers have the same manager",
        ),
        (
            {"trunks": [make_trunk("north", server="a"), make_trunk("south", server="b", endpoint="north")]},
            "must be unique among all servers; 'north' is used twice",
        ),
    ],
)
def test_mistake_in_the_settings_of_asterisk_servers_gives_a_one_line_error(
    changes: dict[str, Any], output: str
) -> None:
    with pytest.raises(ValidationError) as wrong:
        make_settings_with_two_servers(**changes)
    assert any(output in error["msg"] for error in wrong.value.errors())


@pytest.mark.parametrize(("server", "problem"), [(None, "there are several servers"), ("c", "there is no server 'c'")])
def test_trunk_must_name_an_asterisk_server_if_the_site_has_several(server: str | None, problem: str) -> None:
    with pytest.raises(SettingError, match=f"centre.toml: asterisk.servers: {problem}; give one with --server: a, b"):
        render_asterisk_site_files(make_settings_with_two_servers(), {}, server=server, file="centre.toml")


def test_asterisk_servers_authenticate_each_other_and_lack_endpoints_of_other_servers() -> None:
    ours, theirs = (parse_asterisk_conf("pjsip.conf", render_files_of_server(server)["pjsip.conf"]) for server in "ab")
    inward = {
        (each.get_setting_value("username"), each.get_setting_value("password"))
        for each in ours.find_sections_of_type("auth")
    }
    outward = {
        (each.get_setting_value("username"), each.get_setting_value("password"))
        for each in theirs.find_sections_of_type("auth")
    }
    [shared] = {password for name, password in inward if name == "matdan-server-b"}
    assert {("matdan-server-a", shared), ("matdan-server-b", shared)} <= inward & outward
    assert [
        each.get_setting_value("contact")
        for each in ours.find_sections_of_type("aor")
        if each.name == "matdan-server-b"
    ] == ["sip:10.0.0.12:5070"]
    assert not {each.name for each in ours.find_sections_of_type("endpoint")} & {"agent02", "south", "boss"}
    assert "systemname=a" in render_files_of_server("a")["asterisk.conf"]
    assert "exten => phone*asha,1,Dial(PJSIP/asha,120)" in render_files_of_server("a")["extensions.conf"]
    assert "phone*asha" not in render_files_of_server("b")["extensions.conf"]
    office = "exten => number*north*+911140000002,1,Dial(PJSIP/+911140000002@north,120)"
    assert [office in render_files_of_server(server)["extensions.conf"] for server in "ab"] == [True, False]
    assert "app_dial" in render_files_of_server("a")["modules.conf"]


@pytest.mark.parametrize("server", ["a", "b"])
def test_linter_finds_no_fault_in_the_rendered_files_of_any_asterisk_server(server: str) -> None:
    assert lint_file_texts(render_files_of_server(server), make_settings_with_two_servers(), server) == []


@pytest.mark.parametrize(
    ("tables", "history"),
    [
        ({}, DEFAULT_HISTORY_FILE),
        ({"ami": {"secret": "s" * 20}, "asterisk": {"sip_port": 5070}}, DEFAULT_HISTORY_FILE),
        ({"ami": {"host": "localhost"}}, DEFAULT_HISTORY_FILE),
        ({"asterisk": {"history": HISTORY}}, Path(HISTORY)),
        ({"asterisk": {"history": "off"}}, None),
        ({"ami": {"host": "10.0.0.5"}}, None),
        ({"asterisk": {"servers": [{"name": "a", "host": "127.0.0.1"}]}}, None),
    ],
)
def test_call_history_is_on_by_default_only_for_a_local_asterisk(tables: dict[str, Any], history: Path | None) -> None:
    settings = Settings.model_validate(tables)
    assert settings.asterisk.history == history
    assert Settings.model_validate(settings.model_dump()).asterisk.history == history


@pytest.mark.parametrize(
    "tables", [{"ami": 7}, {"asterisk": "x"}, {"ami": {"host": 7}}, {"asterisk": {"history": "on"}}]
)
def test_error_names_an_invalid_setting_on_which_the_call_history_default_depends(tables: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate(tables)
    assert refused.value.errors()[0]["loc"][0] in tables
