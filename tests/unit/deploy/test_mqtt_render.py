"""`dialer mqtt render` and `dialer mqtt key`: which files are written, which passwords stay, what is refused."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.main import app
from dialer.deploy.mosquitto.passwords import hash_password, is_hash_of_password
from dialer.deploy.mosquitto.render import MARKER, read_password_hashes, render_mosquitto_files
from dialer.domain.signing import create_key_file, derive_public_key, format_public_key, read_key_file
from dialer.errors import SettingError
from dialer.settings.site import Settings, load_settings

SITE = """
[centre]
id = "pune-1"
[broker]
username = "pune-1.dialler"
password = "correct-horse-battery"
[[supervisors]]
name = "asha"
role = "supervisor"
[[supervisors]]
name = "website"
role = "viewer"
"""


def write_site_settings(directory: Path, text: str = SITE, name: str = "centre.toml") -> Path:
    path = directory / name
    path.write_text(text)
    return path


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["mqtt", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def get_file_mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_rendering_mosquitto_files_again_keeps_files_and_passwords(tmp_path: Path) -> None:
    to = tmp_path / "etc"
    code, message = run("render", "-c", write_site_settings(tmp_path), "--to", to)
    assert code == 0
    assert f"2 new passwords in {to}/passwords-to-hand-out.txt" in message
    files = {
        "mosquitto.conf": 0o640,
        "matdan.acl": 0o640,
        "matdan.passwords": 0o640,
        "passwords-to-hand-out.txt": 0o600,
    }
    assert {path.name: get_file_mode(path) for path in to.iterdir()} == files
    handed = dict(line.split() for line in (to / "passwords-to-hand-out.txt").read_text().splitlines())
    hashes = read_password_hashes((to / "matdan.passwords").read_text())
    assert set(handed) == {"pune-1.asha", "pune-1.website"}
    assert all(is_hash_of_password(hashes[user], password) for user, password in handed.items())
    assert is_hash_of_password(hashes["pune-1.dialler"], "correct-horse-battery")
    access = (to / "matdan.acl").read_text()
    asha, website = access.split("user pune-1.asha\n")[1].split("\n\n")[:2]
    assert [line for line in asha.splitlines() if "write" in line] == ["topic write dialer/v1/pune-1/commands/asha"]
    assert "write" not in website
    configuration = (to / "mosquitto.conf").read_text()
    assert "allow_anonymous false" in configuration
    assert f"password_file {to}/matdan.passwords" in configuration
    assert run("render", "-c", tmp_path / "centre.toml", "--to", to) == (
        0,
        f"{to} is up to date; nothing was written\n",
    )
    assert run("render", "-c", tmp_path / "centre.toml", "--to", to, "--diff") == (0, "")


def test_mosquitto_lets_only_the_desk_send_commands_of_all_users(tmp_path: Path) -> None:
    desk = '[desk]\nuser = "desk"\n[[supervisors]]\nname = "desk"\nrole = "desk"\n'
    run("render", "-c", write_site_settings(tmp_path, SITE + desk), "--to", tmp_path / "etc")
    rules = dict(part.split("\n", 1) for part in (tmp_path / "etc" / "matdan.acl").read_text().split("user ")[1:])
    root = "dialer/v1/pune-1"
    writes = {user: [line.split()[2] for line in text.splitlines() if "write" in line] for user, text in rules.items()}
    assert writes["pune-1.desk"] == [f"{root}/commands/+"]
    assert f"topic deny {root}/commands/dialler" in rules["pune-1.desk"]
    assert "deny" not in rules["pune-1.asha"]
    assert writes["pune-1.asha"] == [f"{root}/commands/asha"]
    assert writes["pune-1.website"] == []
    assert f"topic read {root}/replies/+/+" in rules["pune-1.desk"]
    assert f"{root}/replies/desk" not in rules["pune-1.asha"]


def test_broker_allows_home_assistant_topics_only_if_the_settings_enable_home_assistant(tmp_path: Path) -> None:
    text = SITE.replace("[broker]\n", "[broker]\nhome_assistant = true\n")
    run("render", "-c", write_site_settings(tmp_path, text), "--to", tmp_path / "etc")
    rules = dict(part.split("\n", 1) for part in (tmp_path / "etc" / "matdan.acl").read_text().split("user ")[1:])
    of_it = {user: [line for line in text.splitlines() if "homeassistant" in line] for user, text in rules.items()}
    assert of_it == {
        "pune-1.dialler": ["topic write homeassistant/device/matdan-pune-1/config"],
        "pune-1.asha": [],
        "pune-1.website": ["topic read homeassistant/#", "topic write homeassistant/status"],
    }


def test_mosquitto_user_of_the_desk_has_the_password_in_the_settings(tmp_path: Path) -> None:
    desk = (
        '[desk]\nuser = "desk"\nbroker_password = "stapled-to-a-desk"\n[[supervisors]]\nname = "desk"\nrole = "desk"\n'
    )
    to = tmp_path / "etc"
    run("render", "-c", write_site_settings(tmp_path, SITE + desk), "--to", to)
    assert is_hash_of_password(
        read_password_hashes((to / "matdan.passwords").read_text())["pune-1.desk"], "stapled-to-a-desk"
    )
    assert "pune-1.desk" not in (to / "passwords-to-hand-out.txt").read_text()


def test_new_password_option_of_mqtt_render_changes_only_the_named_users_password(tmp_path: Path) -> None:
    to, config = tmp_path / "etc", write_site_settings(tmp_path)
    run("render", "-c", config, "--to", to)
    before = read_password_hashes((to / "matdan.passwords").read_text())
    write_site_settings(tmp_path, SITE.replace("correct-horse-battery", "another-horse-battery"))
    code, message = run("render", "-c", config, "--to", to, "--diff")
    assert code == 1
    assert "$7$" not in message
    assert "-pune-1.dialler:(hidden)" in message
    code, message = run("render", "-c", config, "--to", to, "--new-password", "pune-1.asha")
    after = read_password_hashes((to / "matdan.passwords").read_text())
    assert {user for user, hashed in after.items() if hashed != before[user]} == {"pune-1.asha", "pune-1.dialler"}
    assert "1 new password in" in message
    with pytest.raises(
        SettingError, match=r"is not a user with a generated password; use one of: pune-1\.asha, pune-1\.website"
    ):
        run("render", "-c", config, "--to", to, "--new-password", "pune-1.dialler")


def test_mosquitto_file_that_matdan_did_not_write_stops_the_rendering_of_all_files(tmp_path: Path) -> None:
    to = tmp_path / "etc"
    to.mkdir()
    (to / "mosquitto.conf").write_text("allow_anonymous true\n")
    with pytest.raises(Exception, match=r"Matdan has not written these files: mosquitto.conf; nothing was changed"):
        run("render", "-c", write_site_settings(tmp_path), "--to", to)
    assert [path.name for path in to.iterdir()] == ["mosquitto.conf"]
    assert run("render", "-c", write_site_settings(tmp_path), "--to", to, "--force")[0] == 0
    assert (to / "mosquitto.conf.before-matdan").read_text() == "allow_anonymous true\n"


def test_centres_sharing_a_broker_cannot_access_each_others_topics(tmp_path: Path) -> None:
    to = tmp_path / "etc"
    first, second = (
        write_site_settings(tmp_path),
        write_site_settings(tmp_path, SITE.replace("pune-1", "pune-2"), "two.toml"),
    )
    assert run("render", "-c", first, "-c", second, "--to", to)[0] == 0
    for block in (to / "matdan.acl").read_text().split("\n\n")[1:]:
        user, *rules = block.strip().splitlines()
        centre = user.removeprefix("user ").partition(".")[0]
        elsewhere = [rule for rule in rules if f"dialer/v1/{centre}/" not in rule]
        assert elsewhere == (["topic read dialer/v1/+/results/opt-outs"] if user.endswith("dialler") else [])
    with pytest.raises(SettingError, match="'pune-1' is also the id in another file"):
        run("render", "-c", first, "-c", first, "--to", to)
    two = write_site_settings(tmp_path, SITE.replace('"pune-1"', '"pune-2"'), "two.toml")
    with pytest.raises(SettingError, match=r"'pune-1\.dialler' is already another user of the broker"):
        run("render", "-c", first, "-c", two, "--to", to)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('username = "pune-1.dialler"\n', "", "broker.username: is not a valid user name for the dialler"),
        ('username = "pune-1.dialler"', 'username = "a:b"', "broker.username"),
        ('password = "correct-horse-battery"\n', "", "broker.password: is missing"),
        (
            "correct-horse-battery",
            "change-me-please",
            "broker.password: is missing, copied from the example, or shorter than 12",
        ),
        ("correct-horse-battery", "short", "broker.password"),
        (
            "[[sup",
            '[mosquitto]\nlisten = "0.0.0.0"\n[[sup',
            "mosquitto.certificate: the broker would listen on 0.0.0.0",
        ),
        ("[[sup", '[mosquitto]\ncertificate = "/a.pem"\n[[sup', "certificate and private_key must both be set"),
        (
            "[[sup",
            '[mosquitto]\ncertificate = "/a.pem"\nprivate_key = "/a.key"\n[[sup',
            "broker.tls: is false, but [mosquitto] encrypts; set it to true",
        ),
        ("password", "tls = true\npassword", "broker.tls: is true, but [mosquitto] does not encrypt; set it to false"),
    ],
)
def test_mosquitto_files_are_not_rendered_from_insecure_broker_settings(
    old: str, new: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingError) as refused:
        run("render", "-c", write_site_settings(tmp_path, SITE.replace(old, new, 1)), "--to", tmp_path / "etc")
    assert says in str(refused.value)
    assert not (tmp_path / "etc").exists()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "asha"', 'name = "dialler"', "must not be 'dialler', which is the dialler itself"),
        (
            'name = "asha"',
            'name = "919001234567"',
            "must not have more than 6 digits, because it could be a phone number",
        ),
        ('name = "asha"', 'name = "a/b"', "supervisors[0].name"),
        ('name = "asha"', 'name = "asha"\nkey = "ed25519:AAAA"', "must be a public key as `dialer mqtt key` prints it"),
        (
            "[broker]",
            "[broker]\nsigned_commands = true",
            "supervisors.asha: needs a key, because of broker.signed_commands",
        ),
        ('role = "viewer"', 'role = "boss"', "supervisors.website.role"),
    ],
)
def test_broker_permissions_follow_the_supervisors_in_the_settings(
    old: str, new: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingError) as refused:
        load_settings(write_site_settings(tmp_path, SITE.replace(old, new, 1)))
    assert says in str(refused.value)


def test_password_hash_equals_the_hash_that_mosquitto_creates() -> None:
    """The expected hash of the password `secret-of-asha` is from `mosquitto_passwd` 2.0.21."""
    made = "$7$101$LT4PufTcFQB5EVNA$JmeBQLfUj2iKYaeAfHO+HcEPXFxu7tsrQOTkDonuTU/iLt2MO5xZJ6gQ+9wDmDDPUx1F1rUienh7+qL7xDFU8A=="
    assert is_hash_of_password(made, "secret-of-asha")
    assert not is_hash_of_password(made, "secret-of-ashb")
    assert not is_hash_of_password("$7$x$y", "secret-of-asha")
    assert hash_password("a") != hash_password("a")
    assert read_password_hashes("asha:$7$x\n") == {}
    assert read_password_hashes(f"{MARKER}\nasha:$7$x\n") == {"asha": "$7$x"}


def test_private_key_file_of_dialer_mqtt_key_is_readable_by_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "asha.key"
    code, message = run("key", path)
    assert (code, get_file_mode(path)) == (0, 0o600)
    public = format_public_key(derive_public_key(read_key_file(path)))
    assert f'key = "{public}"\n' in message
    assert path.read_text().strip().rpartition(":")[2] not in message
    write_site_settings(tmp_path, SITE.replace('name = "asha"', f'name = "asha"\nkey = "{public}"'))
    assert load_settings(tmp_path / "centre.toml").supervisors[0].key == public
    with pytest.raises(SettingError, match="exists already and may be the only copy of a key"):
        run("key", path)
    path.chmod(0o640)
    with pytest.raises(SettingError, match="other users can read the private key"):
        read_key_file(path)
    path.write_text("ed25519-private:AAAA\n")
    path.chmod(0o600)
    with pytest.raises(SettingError, match="is not a private key"):
        read_key_file(path)
    with pytest.raises(SettingError, match="cannot be read"):
        read_key_file(tmp_path / "none")
    with pytest.raises(SettingError, match="cannot be written"):
        create_key_file(tmp_path / "no" / "asha.key")


def test_second_rendering_of_mosquitto_files_differs_only_in_newly_created_passwords(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {
            "centre": {"id": "pune-1"},
            "broker": {"username": "d", "password": "correct-horse-battery"},
            "supervisors": [{"name": "asha"}],
        }
    )
    files, made = render_mosquitto_files([("centre.toml", settings)], tmp_path, {})
    again, none = render_mosquitto_files(
        [("centre.toml", settings)], tmp_path, read_password_hashes(files["matdan.passwords"])
    )
    assert (list(made), none) == (["pune-1.asha"], {})
    assert again == files
