"""`dialer init` writes settings that every command accepts and the first key of the seals, or nothing if an option is invalid."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
import segno
from argon2 import PasswordHasher

from dialer.cli import init
from dialer.deploy.asterisk.render import render_asterisk_site_files
from dialer.deploy.mosquitto.render import render_mosquitto_files
from dialer.settings.site import Settings, load_settings
from dialer.store.connection import open_store_exclusively
from dialer.store.seal_keys import get_seal_key_path
from tests.support.command_line import run, run_for_error

GOOD = {
    "--id": "pune-1",
    "--organisation": "कार्यालय, पुणे",
    "--jurisdiction": "india",
    "--languages": "hi,mr",
    "--poll": "2029-05-06",
    "--trunk-host": "sip.carrier.in",
    "--caller-ids": "+911140000001, +911140000002",
}


def arguments(folder: Path, changed: dict[str, str]) -> list[str]:
    options = {**GOOD, "--data": str(folder), **changed}
    return [part for option, value in options.items() if value for part in (option, value)]


def create_centre(folder: Path, changed: dict[str, str], given: str = "") -> Settings:
    file = folder / "centre.toml"
    code, output = run("init", file, *arguments(folder, changed), given=given)
    assert code == 0, output
    return load_settings(file)


def test_settings_written_by_init_pass_every_check(tmp_path: Path) -> None:
    settings = create_centre(tmp_path, {"--seats": "1"})
    code, output = run("check", "-c", tmp_path / "centre.toml")
    errors = re.findall(r"^ERROR +([^:]+):", output, re.MULTILINE)
    assert (code, set(errors) - {"tones", "information message"}) == (1, {"audio", "store", "asterisk"}), output
    assert settings.centre.organisation == GOOD["--organisation"]
    assert (settings.centre.time_zone, settings.centre.region) == ("Asia/Kolkata", "IN")
    assert settings.asterisk.history == Path("/var/log/asterisk/cdr-custom/matdan.csv")
    assert settings.trunks[0].caller_ids == ("+911140000001", "+911140000002")
    assert settings.seats[0].languages == ("hi", "mr")
    assert (settings.metrics.port, settings.metrics.desk_port) == (9470, 9471)
    assert render_asterisk_site_files(settings, {"agent01": "p" * 20})
    files, told_once = render_mosquitto_files([("centre.toml", settings)], tmp_path, {})
    assert files
    assert set(told_once) == {"pune-1.supervisor"}


def test_init_command_writes_files_readable_by_the_owner_only_and_valid_agent_pins(tmp_path: Path) -> None:
    settings = create_centre(tmp_path, {"--seats": "2"})
    pins = tmp_path / init.PINS
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "centre.toml", pins)} == {0o600}
    handed = dict(line.split() for line in pins.read_text().splitlines())
    assert set(handed) == {"101", "102"}
    for agent in settings.agents:
        assert PasswordHasher().verify(agent.pin.get_secret_value(), handed[agent.number])
    secrets = re.findall(r'^(?:secret|\w*password) = "(.*)"$', (tmp_path / "centre.toml").read_text(), re.MULTILINE)
    assert len(set(secrets)) == 3


def test_init_command_reads_the_password_of_the_trunk_account_from_standard_input(tmp_path: Path) -> None:
    trunk = create_centre(
        tmp_path, {"--seats": "1", "--trunk-user": "acc1", "--trunk-password": "-"}, "s3cret-of-acc1\n"
    ).trunks[0]
    assert trunk.registers
    assert trunk.password is not None
    assert trunk.password.get_secret_value() == "s3cret-of-acc1"


def test_init_command_refuses_an_unwritable_path_before_asking_questions(tmp_path: Path) -> None:
    code, output = run_for_error("init", tmp_path / "nowhere" / "centre.toml")
    assert code == 2
    assert output.startswith(f"FILE: {tmp_path}/nowhere/centre.toml")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("there", ["centre.toml", init.PINS])
def test_init_command_never_overwrites_an_existing_file(there: str, tmp_path: Path) -> None:
    (tmp_path / there).write_text("somebody's")
    code, output = run_for_error("init", tmp_path / "centre.toml", *arguments(tmp_path, {}))
    assert code == 2
    assert "exists already; nothing was written" in output
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "somebody's"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"--id": ""}, "--id is required"),
        ({"--id": "Pune 1"}, "--id: must be 1 to 32 lowercase letters"),
        ({"--jurisdiction": "atlantis", "--region": "AT", "--prefix": "+43", "--time-zone": "UTC"}, "--jurisdiction: "),
        ({"--jurisdiction": "atlantis"}, "--jurisdiction: "),
        ({"--jurisdiction": "us"}, "--time-zone is required"),
        (
            {"--jurisdiction": "us", "--time-zone": "America/New_York"},
            "--caller-ids: a caller ID is outside the number series",
        ),
        ({"--jurisdiction": "neutral"}, "--region is required"),
        ({"--time-zone": "Asia/Pune"}, "--time-zone: must be an IANA time zone"),
        ({"--languages": "Hindi"}, "--languages: must be a language code"),
        ({"--languages": ","}, "--languages: must be a language code"),
        ({"--poll": "6 May"}, "--poll: '6 May' is not a date"),
        ({"--trunk-host": "sip.carrier.example"}, "--trunk-host: sip.carrier.example is a placeholder"),
        ({"--trunk-user": "acc1"}, "--trunk-password is required"),
        ({"--trunk-user": "acc 1", "--trunk-password": "x"}, "--trunk-user: must be 1 to 64 letters"),
        ({"--seats": "100"}, "--seats: must be 1 to 99"),
        ({"--channels": "0"}, "--channels: must be greater than or equal to 1"),
        ({"--calls-per-second": "nan"}, "--calls-per-second: must be a finite number"),
        ({"--caller-ids": "11 4000"}, "--caller-ids: must be a phone number"),
        (
            {"--caller-ids": "+911140000001,123"},
            "--caller-ids: 123 is not in E.164 format; write +<country code>...",
        ),
        (
            {"--languages": "hi,xx"},
            "--languages: 'xx' is not the code of a language on electoral rolls; use one of as",
        ),
        ({"--languages": "xx"}, "--languages: 'xx' is not the code of a language"),
        ({"--supervisor": "dialler"}, "--supervisor: must not be 'dialler'"),
        ({"--phones-from": "home"}, "--phones-from: must be an address or a network"),
        ({"--organisation": "\udcff"}, "--organisation: is not in UTF-8"),
    ],
)
def test_init_command_with_an_invalid_option_writes_nothing(changed: dict[str, str], says: str, tmp_path: Path) -> None:
    code, output = run_for_error("init", tmp_path / "centre.toml", *arguments(tmp_path, changed))
    assert code == 2
    assert output.startswith(says)
    assert "nothing was written" in output
    assert len(output.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_init_command_at_a_terminal_asks_for_missing_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(init, "_is_input_a_terminal", lambda: True)
    asked = dict(GOOD, **{"--trunk-host": "a b"})
    answers = ["", "", "", "1", "", "", "", "", "", "asha", "sip.carrier.in"]
    options = [part for option, value in {**asked, "--data": str(tmp_path)}.items() for part in (option, value)]
    code, output = run("init", tmp_path / "centre.toml", *options, given="\n".join(answers) + "\n")
    assert code == 0, output
    assert "--trunk-host: must be a host name or an IP address" in output
    settings = load_settings(tmp_path / "centre.toml")
    assert settings.trunks[0].host == "sip.carrier.in"
    assert settings.supervisors[0].name == "asha"


def test_init_command_creates_the_data_folder_for_its_user_only(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    create_centre(tmp_path, {"--data": str(data)})
    assert data.is_dir()
    assert data.stat().st_mode & 0o777 == 0o700


def test_init_command_writes_nothing_if_the_data_folder_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    _, error = run_for_error(
        "init", tmp_path / "centre.toml", *arguments(tmp_path, {"--data": str(tmp_path / "file" / "x")})
    )
    assert "--data: " in error
    assert "nothing was written" in error
    assert not (tmp_path / "centre.toml").exists()


def find_printed_key(output: str) -> str:
    """Return the public key that `dialer init` printed, which has a line of its own."""
    [key] = re.findall(r"^[0-9a-f]{64}$", output, re.MULTILINE)
    return str(key)


def run_init(folder: Path, changed: dict[str, str]) -> str:
    """Run `dialer init` in a folder, and return its output."""
    folder.mkdir(exist_ok=True)
    code, output = run("init", folder / "centre.toml", *arguments(folder, {"--seats": "1", **changed}))
    assert code == 0, output
    return output


def start_store(path: Path) -> None:
    with open_store_exclusively(path, "the first start"):
        pass


def verify_audit_with_key(store: Path, key: str) -> int:
    return run("audit", "verify", "--store", store, "--first-key", key)[0]


def test_first_start_signs_with_the_key_whose_public_part_init_printed(tmp_path: Path) -> None:
    key = find_printed_key(run_init(tmp_path, {}))
    store = tmp_path / "centre.db"
    assert not store.exists()
    assert get_seal_key_path(store).stat().st_mode & 0o777 == 0o600
    start_store(store)
    assert verify_audit_with_key(store, key) == 0
    assert verify_audit_with_key(store, "0" * 64) == 1


def test_second_init_before_the_first_start_prints_the_same_key_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    keys = [find_printed_key(run_init(tmp_path / name, {"--data": str(data)})) for name in ("one", "two")]
    assert keys[0] == keys[1]
    start_store(data / "centre.db")
    assert verify_audit_with_key(data / "centre.db", keys[0]) == 0


@pytest.mark.parametrize("there", ["store", "store without key", "key of an earlier store", "damaged key"])
def test_init_command_creates_no_key_if_a_store_or_its_key_exists(there: str, tmp_path: Path) -> None:
    store, key = tmp_path / "data" / "centre.db", tmp_path / "data" / "centre.db.seal-key"
    store.parent.mkdir()
    start_store(store)
    if there == "store without key":
        key.unlink()
    elif there != "store":
        store.unlink()
    if there == "damaged key":
        key.write_text("damaged")
    before = key.read_bytes() if key.exists() else None
    output = run_init(tmp_path, {"--data": str(store.parent)})
    assert f"note: {store} or its key exists already" in output
    assert re.search("^[0-9a-f]{64}$", output, re.MULTILINE) is None
    assert (key.read_bytes() if key.exists() else None) == before


def test_init_creates_no_signing_key_in_an_unwritable_standard_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(init, "STANDARD_DATA", tmp_path / "file" / "matdan")
    output = run_init(tmp_path, {"--data": str(init.STANDARD_DATA)})
    assert [line for line in output.splitlines() if line.startswith("note: ")] == [
        f"note: {init.STANDARD_DATA} is not writable for you: after the next start, `dialer audit verify` prints the first"
        " public key of the seals"
    ]
    assert load_settings(tmp_path / "centre.toml").store.path == init.STANDARD_DATA / "centre.db"


def test_init_writes_nothing_if_the_data_folder_is_not_writable(tmp_path: Path) -> None:
    _, error = run_for_error("init", tmp_path / "centre.toml", *arguments(tmp_path, {"--data": "/proc"}))
    assert re.fullmatch(r"--data: folder /proc cannot be created or written \(.*\); nothing was written: .*", error)
    assert not list(tmp_path.iterdir())


def test_init_prints_the_first_key_as_a_qr_code_at_a_terminal_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "▀" not in run_init(tmp_path / "one", {})
    monkeypatch.setattr(init, "_can_output_show_qr_code", lambda: True)
    output = run_init(tmp_path / "two", {})
    shown = [line for line in output.splitlines() if re.fullmatch("[ ▀▄█]+", line)]
    drawn = io.StringIO()
    segno.make(find_printed_key(output)).terminal(drawn, border=2, compact=True)
    assert shown == drawn.getvalue().splitlines()
