"""`dialer optout`, `register` and `consent`: files of numbers are imported as a whole or refused in one line."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.main import app
from dialer.rules.number_hash import hash_number
from dialer.store.connection import open_store_exclusively
from dialer.store.sql import open_transaction
from tests.support.command_line import run
from tests.support.held_clock import days_ago
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_site_store

SECRET = "twenty characters, at least"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    fill_roll(tmp_path / "centre.db", 54, voters_per_booth=9)
    with open_store_exclusively(tmp_path / "centre.db", "a test") as db, open_transaction(db):
        for campaign in ("a", "b"):
            db.execute("INSERT INTO campaign (campaign_id, kind, purpose) VALUES (?, 'agents', 'turnout')", (campaign,))
            db.execute("INSERT INTO target (campaign_id, phone_id) SELECT ?, phone_id FROM phone", (campaign,))
    path = tmp_path / "centre.toml"
    path.write_text(
        f'[store]\npath = "{tmp_path / "centre.db"}"\n[broker]\nport = 1\n[rules]\nopt_out_secret = "{SECRET}"\n',
        encoding="utf-8",
    )
    return path


def file(directory: Path, *lines: str) -> Path:
    path = directory / "numbers.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


# Opt-outs


def test_imported_opt_out_blocks_a_number_in_all_campaigns_and_later_rolls(config: Path, tmp_path: Path) -> None:
    numbers = file(tmp_path, "name,phone", "A,07000000001", "B,+91 70000 00002", 'C,"7000000003, 9812345678"')
    assert run("optout", "import", numbers, "-c", config, "--who", "asha") == (
        0,
        "4 numbers suppressed; 0 were already suppressed\n",
    )
    assert query_site_store(config.parent, "SELECT DISTINCT state FROM target WHERE phone_id <= 3") == [("closed",)]
    assert query_site_store(config.parent, "SELECT count(*) FROM phone WHERE opted_out_at IS NOT NULL") == [(3,)]
    assert ("+919812345678", "import") in query_site_store(config.parent, "SELECT e164, source FROM opt_out")
    assert run("optout", "import", numbers, "-c", config)[1] == "0 numbers suppressed; 4 were already suppressed\n"

    news = [json.loads(payload) for (payload,) in query_site_store(config.parent, "SELECT payload FROM outbox")]
    assert {each["number_hash"] for each in news} == {
        hash_number(SECRET.encode(), number)
        for number in ("+917000000001", "+917000000002", "+917000000003", "+919812345678")
    }
    assert "9812345678" not in json.dumps(news)
    kind, who, what = query_site_store(
        config.parent, "SELECT kind, who, what FROM audit WHERE kind <> 'seal' ORDER BY number"
    )[0]
    assert (kind, who) == ("opt-out-import", "asha")
    assert json.loads(what)["fresh"] == "4"
    assert run("audit", "verify", "-c", config)[0] == 0


def test_line_without_a_phone_number_is_reported_and_all_other_lines_are_imported(config: Path, tmp_path: Path) -> None:
    numbers = file(tmp_path, "phone", "7000000001", "12345", "unknown", "", "7000000002")
    code, text = run("optout", "import", numbers, "-c", config)
    assert code == 1
    assert "2 numbers suppressed" in text
    assert "no number in 2 lines of numbers.csv: 3, 4" in text


def test_optout_add_command_prevents_all_calls_to_a_number(config: Path) -> None:
    assert run("optout", "add", "70000-00001", "-c", config)[0] == 0
    assert query_site_store(config.parent, "SELECT e164, source FROM opt_out") == [("+917000000001", "request")]
    code, message = run("optout", "add", "12345", "-c", config)
    assert (code, "not a single valid phone number" in message) == (2, True)


def test_number_commands_read_phone_numbers_from_standard_input(config: Path) -> None:
    def run_with_input(text: str, *arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [*arguments, "-c", str(config)], input=text)
        return result.exit_code, result.output

    assert run_with_input("70000-00001\nand no more\n", "optout", "add", "-")[0] == 0
    assert run_with_input("7000000002\n7000000003\n", "optout", "import", "-")[0] == 0
    assert {number for (number,) in query_site_store(config.parent, "SELECT e164 FROM opt_out")} == {
        f"+91700000000{n}" for n in (1, 2, 3)
    }
    assert run_with_input("7000000001\n", "rules", "explain", "-")[0] == 0
    assert "Erased" in run_with_input("7000000003\n", "erase", "-")[1]
    assert ("7000000003" in (config.parent / "centre.db").read_bytes().decode("latin-1")) is False
    for command in (("optout", "add", "-"), ("erase", "-"), ("rules", "explain", "-")):
        assert run_with_input("", *command)[0] == 2
    printed = query_site_store(
        config.parent, "SELECT what FROM audit WHERE kind = 'opt-out-import' ORDER BY number DESC LIMIT 1"
    )
    assert json.loads(printed[0][0])["file"] == "standard-input"


def test_opt_out_is_sent_through_the_broker_while_the_dialler_runs(config: Path, tmp_path: Path) -> None:
    with open_store_exclusively(tmp_path / "centre.db", "a dialler"):
        code, message = run("optout", "add", "7000000001", "-c", config)
        assert code == 2
        assert "MQTT broker 127.0.0.1:1 is not reachable" in message
    assert not [*(tmp_path / "centre.db.spool").iterdir()]


def test_opt_out_is_refused_while_an_import_has_locked_the_store(config: Path, tmp_path: Path) -> None:
    """No dialler runs, so a request through the broker would get no reply."""
    with open_store_exclusively(tmp_path / "centre.db", "an import"):
        code, message = run("optout", "add", "7000000001", "-c", config)
    assert (code, "in use by an import (process" in message, "wait until it has finished" in message) == (
        2,
        True,
        True,
    ), message


@pytest.mark.parametrize("holder", ["a dialler", None])
@pytest.mark.parametrize("source", ["asked by Ravi Kumar", "+917000000001", "", "call 7000000001"])
def test_opt_out_whose_source_contains_a_name_or_number_is_refused(
    config: Path, tmp_path: Path, holder: str | None, source: str
) -> None:
    with contextlib.ExitStack() as stack:
        if holder is not None:
            stack.enter_context(open_store_exclusively(tmp_path / "centre.db", holder))
        code, message = run("optout", "add", "7000000001", "--source", source, "-c", config)
    assert (code, "--source: must be an ID" in message) == (2, True), message
    assert "Ravi" not in message
    assert "7000000001" not in message
    assert query_site_store(config.parent, "SELECT count(*) FROM opt_out") == [(0,)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "file not found"),
        (b"", "contains no phone number"),
        (b"name\nnobody\n", "contains no phone number"),
        (b"\xff\xfe7\x000\x00", "is not UTF-8 text"),
        (b'7000000001\n"7000000002', "is not CSV"),
    ],
)
def test_unreadable_file_of_phone_numbers_is_refused(
    config: Path, tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "numbers.csv"
    if content is not None:
        path.write_bytes(content)
    for command in (
        ("optout", "import", path),
        ("register", "import", path, "--name", "tps", "--dated", days_ago(0)),
        ("consent", "import", path, "--status", "given", "--source", "form"),
    ):
        code, text = run(*command, "-c", config)
        assert (code, message in text) == (2, True), text
    assert query_site_store(config.parent, "SELECT count(*) FROM opt_out") == [(0,)]


def test_directory_instead_of_a_file_of_numbers_is_refused(config: Path, tmp_path: Path) -> None:
    code, text = run("optout", "import", tmp_path, "-c", config)
    assert (code, text) == (2, f"{tmp_path} is a folder; name a file in this folder")


# Registers


def register(config: Path, numbers: Path, days: int, name: str = "tps") -> tuple[int, str]:
    dated = days_ago(days)
    return run("register", "import", numbers, "--name", name, "--dated", dated, "-c", config)


def test_newer_issue_of_a_do_not_call_register_replaces_the_stored_issue(config: Path, tmp_path: Path) -> None:
    assert register(config, file(tmp_path, "7000000001", "7000000002"), days=3)[0] == 0
    code, text = register(config, file(tmp_path, "7000000002", "7000000003", "9812345678"), days=1)
    assert (code, "register tps: 3 numbers" in text) == (0, True)
    assert register(config, file(tmp_path, "7000000007"), days=1, name="own")[0] == 0
    assert query_site_store(config.parent, "SELECT register, e164 FROM registered ORDER BY register, e164") == [
        ("own", "+917000000007"),
        ("tps", "+917000000002"),
        ("tps", "+917000000003"),
        ("tps", "+919812345678"),
    ]
    assert query_site_store(config.parent, "SELECT name, numbers FROM register ORDER BY name") == [
        ("own", 1),
        ("tps", 3),
    ]
    assert query_site_store(config.parent, "SELECT kind FROM audit WHERE kind <> 'seal'") == [("register-import",)] * 3


@pytest.mark.parametrize(
    ("days", "message"), [(40, "is older than 28 days"), (-3, "is in the future"), (5, "a newer issue")]
)
def test_outdated_or_future_issue_of_a_do_not_call_register_is_refused(
    config: Path, tmp_path: Path, days: int, message: str
) -> None:
    numbers = file(tmp_path, "7000000001")
    assert register(config, numbers, days=2)[0] == 0
    code, text = register(config, numbers, days=days)
    assert (code, message in text) == (2, True), text
    assert query_site_store(config.parent, "SELECT count(*) FROM audit WHERE kind <> 'seal'") == [(1,)]


# Consent


def test_consent_import_reads_numbers_from_the_first_column_only(config: Path, tmp_path: Path) -> None:
    numbers = file(tmp_path, "phone,agent's phone", "7000000001,7000000002", "9812345678,7000000003")
    code, text = run("consent", "import", numbers, "--status", "given", "--source", "form 7", "-c", config)
    assert (code, text) == (0, "consent given: 1 numbers; 1 more are stored for later rolls\n")
    [(what,)] = query_site_store(config.parent, "SELECT what FROM audit WHERE kind = 'consent-import'")
    assert (json.loads(what)["numbers"], json.loads(what)["ahead"]) == ("1", "1")
    assert query_site_store(config.parent, "SELECT phone_id, consent_source FROM phone WHERE consent = 'given'") == [
        (1, "form 7")
    ]
    run("consent", "import", numbers, "--status", "withdrawn", "--source", "letter", "-c", config)
    assert query_site_store(config.parent, "SELECT phone_id FROM phone WHERE consent = 'withdrawn'") == [(1,)]
