"""`dialer store`, the check of encryption, and all other commands on an encrypted store."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from dialer.domain.finding import Level
from dialer.domain.newest_call import NewestCall
from dialer.errors import SettingError
from dialer.settings.site import load_settings
from dialer.site.checks.before_start import check_site
from dialer.store.connection import open_store_for_writing
from dialer.store.conversion import get_temporary_conversion_path
from dialer.store.driver import connect_to_database_file
from dialer.store.file_checks import is_encrypted
from dialer.store.keys import read_store_key_file
from dialer.store.lock import StoreLock
from dialer.store.older_store import append_missing_call_to_audit
from dialer.store.sql import open_transaction
from tests.support.command_line import run
from tests.support.held_clock import days_ago
from tests.support.roll_filler import fill_roll
from tests.support.stores import NOW

POLLED, COUNTED = days_ago(10), days_ago(9)


def settings(directory: Path, key: str | None) -> Path:
    path = directory / "centre.toml"
    named = f'encryption_key_file = "{directory / key}"\n' if key else ""
    path.write_text(
        f'[store]\npath = "{directory / "centre.db"}"\n{named}[broker]\nenabled = false\n[ami]\nport = 1\n'
        f'[[rules.polls]]\nday = {POLLED}\ncloses_at = "18:00"\n',
        encoding="utf-8",
    )
    return path


@pytest.fixture
def plain_site(tmp_path: Path) -> Path:
    """Return the settings of a site with an unencrypted store and an existing key file."""
    fill_roll(tmp_path / "centre.db", 54)
    assert run("store", "key", tmp_path / "key")[0] == 0
    return settings(tmp_path, "key")


async def run_check(config: Path, subject: str) -> tuple[Level, str]:
    found = [(each.level, str(each)) async for each in check_site(load_settings(config)) if each.subject == subject]
    assert len(found) == 1
    return found[0]


def test_store_is_encrypted_then_given_a_new_key_then_decrypted_without_loss(plain_site: Path, tmp_path: Path) -> None:
    store = tmp_path / "centre.db"
    code, text = run("store", "encrypt", "-c", plain_site, "--who", "officer")
    assert (code, text) == (0, f"{store}: encrypted with the key in {tmp_path / 'key'}\n")
    assert run("store", "encrypt", "-c", plain_site) == (0, f"{store}: already encrypted with this key\n")
    assert is_encrypted(store)

    assert run("store", "key", tmp_path / "next")[0] == 0
    code, text = run("store", "rekey", "--to", tmp_path / "next", "-c", plain_site)
    assert (code, "set store.encryption_key_file to this file" in text) == (0, True)
    code, text = run("store", "encrypt", "-c", plain_site)
    assert (code, "does not open this store" in text) == (2, True)
    after = settings(tmp_path, "next")
    assert run("store", "encrypt", "-c", after)[0] == 0

    assert run("store", "decrypt", "-c", after)[0] == 0
    assert not is_encrypted(store)
    code, text = run("audit", "verify", "-c", settings(tmp_path, None))
    assert (code, text.startswith("the chain is intact: "), ", 3 audit entries\n" in text) == (0, True, True)


def test_desk_database_is_encrypted_with_the_stores_key(plain_site: Path, tmp_path: Path) -> None:
    with plain_site.open("a") as file:
        file.write('[[supervisors]]\nname = "asha"\nrole = "supervisor"\n')
    desk = tmp_path / "centre.desk.db"

    def set_password(config: Path) -> tuple[int, str]:
        return run("user", "password", "asha", "-c", config, "--password", "-", given="lorry-mango-violin\n")

    without = tmp_path / "without.toml"
    lines = plain_site.read_text().splitlines()
    without.write_text("\n".join(line for line in lines if "encryption_key_file" not in line))

    def write_note() -> None:
        db = connect_to_database_file(desk, "rw", None)
        db.execute("INSERT INTO note VALUES ('attempt', 'note', 7, 'calls back after five', 1.0)")
        db.close()

    def read_desk_file(key: str | None) -> list[tuple[str, ...]]:
        db = connect_to_database_file(desk, "ro", None if key is None else read_store_key_file(tmp_path / key))
        found = db.execute("SELECT name FROM password UNION ALL SELECT text FROM note").fetchall()
        db.close()
        return found

    assert set_password(without)[0] == 0
    write_note()
    whole = [("asha",), ("calls back after five",)]
    assert run("store", "encrypt", "-c", plain_site)[0] == 0
    assert (is_encrypted(desk), read_desk_file("key")) == (True, whole)
    assert [path.name for path in tmp_path.glob("centre.desk.db*")] == ["centre.desk.db"]
    assert run("store", "key", tmp_path / "next")[0] == 0
    assert run("store", "rekey", "--to", tmp_path / "next", "-c", plain_site)[0] == 0
    assert read_desk_file("next") == whole
    after = settings(tmp_path, "next")
    assert run("store", "decrypt", "-c", after)[0] == 0
    assert read_desk_file(None) == whole
    plain_copy = desk.read_bytes()
    assert run("store", "encrypt", "-c", after)[0] == 0
    desk.write_bytes(plain_copy)  # the state after an interrupted conversion by an older version
    assert run("store", "encrypt", "-c", after)[0] == 0
    assert read_desk_file("next") == whole


def test_store_is_neither_encrypted_nor_rekeyed_if_the_desk_database_is_unreadable(
    plain_site: Path, tmp_path: Path
) -> None:
    desk = tmp_path / "centre.desk.db"
    desk.write_bytes(bytes(range(256)) * 32)
    code, text = run("store", "encrypt", "-c", plain_site)
    assert (code, str(desk) in text, len(text.splitlines())) == (2, True, 1)
    assert not is_encrypted(tmp_path / "centre.db")
    desk.unlink()
    assert run("store", "encrypt", "-c", plain_site)[0] == 0
    desk.write_bytes(bytes(range(256)) * 32)
    run("store", "key", tmp_path / "next")
    code, text = run("store", "rekey", "--to", tmp_path / "next", "-c", plain_site)
    assert (code, str(desk) in text, len(text.splitlines())) == (2, True, 1)
    assert run("audit", "verify", "-c", plain_site)[0] == 0


def test_encrypting_a_store_without_a_key_in_the_settings_is_refused(tmp_path: Path) -> None:
    fill_roll(tmp_path / "centre.db", 9)
    config = settings(tmp_path, None)
    for command in ("encrypt", "decrypt"):
        code, text = run("store", command, "-c", config)
        assert (code, "`store.encryption_key_file` is not set" in text) == (2, True)


async def test_dialer_check_reports_whether_the_store_is_encrypted_with_the_configured_key(
    plain_site: Path, tmp_path: Path
) -> None:
    level, text = await run_check(plain_site, "encryption")
    assert (level, "the store is not encrypted; run `dialer store encrypt`" in text) == (Level.ERROR, True)
    assert (await run_check(plain_site, "store"))[0] is Level.ERROR
    run("store", "encrypt", "-c", plain_site)
    assert (await run_check(plain_site, "encryption"))[0] is Level.OK
    assert (await run_check(plain_site, "store"))[0] is Level.OK

    without = settings(tmp_path, None)
    assert (await run_check(without, "encryption"))[0] is Level.WARNING
    level, text = await run_check(without, "store")
    assert (level, "set `store.encryption_key_file`" in text) == (Level.ERROR, True)

    (tmp_path / "wrong").write_text("0" * 64)
    (tmp_path / "wrong").chmod(0o600)
    level, text = await run_check(settings(tmp_path, "wrong"), "encryption")
    assert (level, "does not open this store" in text) == (Level.ERROR, True)

    lost = settings(tmp_path, "lost")
    level, text = await run_check(lost, "encryption")
    assert (level, "Restore the file" in text) == (Level.ERROR, True)
    get_temporary_conversion_path(tmp_path / "centre.db").touch()
    level, text = await run_check(settings(tmp_path, "key"), "encryption")
    assert (level, "interrupted" in text) == (Level.ERROR, True)


COMMANDS = [
    ("report", "turnout"),
    ("report", "calls"),
    ("list", "strike-off", "--for", "a worker", "--out", "LIST"),
    ("audit", "verify"),
    ("report", "turnout", "--picture", "PICTURE"),
    ("rules", "explain", "+917000000003"),
    ("rules", "check"),
    ("optout", "add", "7000000003"),
    ("register", "import", "NUMBERS", "--name", "own", "--dated", "TODAY"),
    ("consent", "import", "NUMBERS", "--status", "given", "--source", "form 7"),
    ("weights", "WEIGHTS"),
    ("import", "ROLL", "--roll-version", "2026-1"),
    ("workers", "import", "WORKERS"),
    ("marks", "import", "MARKS"),
    ("marks", "show", "1"),
    ("marks", "undo", "1"),
    ("turnout", "enter", "--constituency", "174", "--by", "09:00", "--turnout", "11.4", "--as-published"),
    ("complaint", "add", "--about", "other", "--channel", "call", "--number", "7000000003"),
    ("erase", "7000000009"),
    ("purge", "--after", COUNTED, "--yes"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=[" ".join(command[:2]) for command in COMMANDS])
def test_every_command_that_opens_the_store_works_with_an_encrypted_store(
    command: tuple[str, ...], plain_site: Path, tmp_path: Path
) -> None:
    files = {
        "LIST": tmp_path / "list.csv",
        "NUMBERS": tmp_path / "numbers.csv",
        "WEIGHTS": tmp_path / "weights.csv",
        "ROLL": tmp_path / "roll.csv",
        "WORKERS": tmp_path / "workers.csv",
        "MARKS": tmp_path / "marks.csv",
        "PICTURE": tmp_path / "turnout.svg",
    }
    files["NUMBERS"].write_text("7000000003\n")
    files["WEIGHTS"].write_text("constituency,part,serial,weight\n174,1,1,2.0\n")
    files["WORKERS"].write_text("constituency,part,number\n174,1,7000009999\n")
    files["MARKS"].write_text("constituency,part,serial\n174,1,1\n")
    files["ROLL"].write_text("ST_CODE,AC_NO,PART_NO,SLNOINPART,FM_NAME_EN,MOBILE\nS24,174,1,500,Again,7000000003\n")
    arguments = [days_ago(0) if word == "TODAY" else str(files.get(word, word)) for word in command]
    run("store", "encrypt", "-c", plain_site)
    if command[:2] == ("marks", "undo"):  # so that there is a mark to undo
        assert run("marks", "import", files["MARKS"], "-c", plain_site)[0] == 0
    code, text = run(*arguments, "-c", plain_site)
    assert code in ({0, 1} if command[:2] == ("rules", "check") else {0}), text
    assert is_encrypted(tmp_path / "centre.db")
    code, text = run(*arguments, "-c", settings(tmp_path, None))
    assert (code, "set `store.encryption_key_file`" in text) == (2, True)


def test_settings_with_earlier_opt_out_secrets_need_a_current_secret(tmp_path: Path) -> None:
    config = tmp_path / "centre.toml"
    config.write_text(
        f'[rules]\nopt_out_secret = "{"b" * 20}"\naccepted_opt_out_secrets = ["{"a" * 20}", "{"b" * 20}"]\n'
    )
    assert load_settings(config).rules.list_opt_out_secrets() == (b"b" * 20, b"a" * 20)
    config.write_text(f'[rules]\naccepted_opt_out_secrets = ["{"a" * 20}"]\n')
    with pytest.raises(SettingError, match="accepted_opt_out_secrets needs opt_out_secret"):
        load_settings(config)
    config.write_text(f'[rules]\nopt_out_secret = "{"b" * 20}"\naccepted_opt_out_secrets = ["hunter2"]\n')
    with pytest.raises(SettingError) as caught:
        load_settings(config)
    assert "hunter2" not in str(caught.value)


def lose_call(directory: Path) -> None:
    """Record in the audit that the store lacks a call of 22 April 2024, 10:01 in India."""
    with closing(open_store_for_writing(directory / "centre.db", create=False)) as db, open_transaction(db):
        append_missing_call_to_audit(
            db, "broker", NewestCall("3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c21", NOW + 60), NOW + 90
        )


def test_store_that_lacks_recorded_calls_is_accepted_only_after_confirmation(tmp_path: Path) -> None:
    config = settings(tmp_path, None)
    fill_roll(tmp_path / "centre.db", 54)
    code, text = run("store", "accept-older", "-c", config)
    assert (code, text) == (0, "The store lacks no call that its journal, the broker or Asterisk has recorded.\n")

    lose_call(tmp_path)
    code, text = run("store", "accept-older", "-c", config, given="n\n")
    assert code == 0
    assert "The store has no calls. Later calls:\n  broker: until 2024-04-22 10:01:00+05:30\n" in text
    assert "these voters may be called again" in text
    assert "accepted" not in text

    code, text = run("store", "accept-older", "-c", config, "--who", "officer", given="y\n")
    assert (code, "the store is accepted as it is; start the dialler\n" in text) == (0, True)
    code, text = run("audit", "list", "-c", config, "--kind", "store-older-accepted", "--since", "2024-01-01")
    assert (code, "officer" in text) == (0, True)
    assert run("store", "accept-older", "-c", config)[1].startswith("The store lacks no call")


def test_store_that_lacks_recorded_calls_is_not_accepted_while_in_use(tmp_path: Path) -> None:
    config = settings(tmp_path, None)
    fill_roll(tmp_path / "centre.db", 54)
    with StoreLock(tmp_path / "centre.db", "a dialler"):
        code, text = run("store", "accept-older", "--yes", "-c", config)
    assert (code, "a dialler" in text) == (2, True)
