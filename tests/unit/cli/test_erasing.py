"""`dialer erase` and `dialer purge`: personal data is gone from the store, and erased numbers are never called again."""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from datetime import timedelta
from pathlib import Path

import pytest

from dialer.roll.importer import ImportOptions, import_roll_file
from dialer.store.connection import PAGE_BYTES, open_store_exclusively
from dialer.store.spool import Spool
from dialer.store.sql import open_transaction
from dialer.store.store import open_store
from tests.support.command_line import run
from tests.support.held_clock import TODAY, days_ago
from tests.support.roll_filler import ROLL_VERSION, fill_roll
from tests.support.stored import execute_in_store, query_site_store

SECRET = "twenty characters, at least"
ATTEMPT, ANOTHER = (str(uuid.UUID(int=number)) for number in (1, 2))
NUMBER = "+917000000003"  # of voters 3 and 4


@pytest.fixture(params=[True, False], ids=["secret", "no-secret"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "centre.toml"
    secret = f'[rules]\nopt_out_secret = "{SECRET}"\n' if request.param else ""
    folders = f'[recordings]\ndirectory = "{tmp_path / "calls"}"\n[audio]\nsounds = "{tmp_path / "sounds"}"\n'
    path.write_text(f'[store]\npath = "{tmp_path / "centre.db"}"\n{folders}{secret}', encoding="utf-8")
    fill_roll(tmp_path / "centre.db", 54, voters_per_booth=9)
    with open_store_exclusively(tmp_path / "centre.db", "a test") as db, open_transaction(db):
        db.execute("INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('a', 'agents', 'turnout')")
        db.execute("INSERT INTO target (campaign_id, phone_id, booth_id) SELECT 'a', phone_id, 1 FROM phone")
        db.execute("INSERT INTO register VALUES ('own', 0, 0, 1, '')")
        db.execute("INSERT INTO registered VALUES (?, 'own')", (NUMBER,))
        db.execute(
            "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
            " ended_at, outcome) VALUES (?, 'a', 3, 3, 1, 't', 'c', 1, 2, 'connected')",
            (ATTEMPT,),
        )
        db.execute("INSERT INTO flow_answer VALUES (?, 'at_home', '3', 2)", (ATTEMPT,))
        db.execute("INSERT INTO judged_call VALUES (?, 'machine', 3, 'ops')", (ATTEMPT,))
        db.execute(
            "INSERT INTO inbound_call (at, called, e164, mode, campaign_id, attempt_id) VALUES (1, '+911140000001', ?, 'flow', 'a',"
            " ?)",
            (NUMBER, ATTEMPT),
        )
        db.execute("INSERT INTO complaint VALUES (1, 'c', 3, 'other', 'call', 'a', ?, 3, 4, 'ops')", (ATTEMPT,))
        db.execute("INSERT INTO complaint_answer VALUES (1, 'a', 1, 5, 'explained', 'ops')")
        db.execute("INSERT INTO mark (key, voter_id, kind, source, at) VALUES ('k', 3, 'voted', 'agent', 2)")
        db.execute("UPDATE voter SET turnout = 'voted', reached = 1 WHERE voter_id = 3")
    return path


def is_in_store_files(config: Path, text: str) -> bool:
    return any(text.encode() in path.read_bytes() for path in config.parent.glob("centre.db*"))


def has_opt_out_secret(config: Path) -> bool:
    return "opt_out_secret" in config.read_text(encoding="utf-8")


async def list_callable_numbers_after_restart(config: Path) -> set[str]:
    """Return the numbers that could be dialled after a restart of the dialler."""
    async with await open_store(config.parent / "centre.db") as store:
        await store.hash_numbers_and_suppress_opt_outs([SECRET.encode()] if has_opt_out_secret(config) else [])
        await store.add_roll_numbers_to_queue("a")
        claims = await store.claim_queued_numbers("a", 1000, owner="test", now=1e9, lease_seconds=1)
    return {claim.number for claim in claims}


async def test_erased_number_on_a_later_electoral_roll_is_not_called(config: Path, tmp_path: Path) -> None:
    assert is_in_store_files(config, NUMBER)
    assert is_in_store_files(config, "ABC0000004")
    code, text = run("erase", "70000 00003", "--voters", "--who", "officer", "-c", config)
    assert (code, text.splitlines()[0]) == (0, "Erased, with the names of 2 voters.")
    assert not is_in_store_files(config, "ABC0000004")
    assert is_in_store_files(config, NUMBER) == (not has_opt_out_secret(config))
    assert ("The suppression list contains the number itself" in text) == (not has_opt_out_secret(config))
    assert query_site_store(config.parent, "SELECT e164 FROM phone WHERE phone_id = 3") == [("erased-3",)]
    assert query_site_store(config.parent, "SELECT outcome FROM attempt WHERE phone_id = 3") == [("connected",)]
    assert query_site_store(config.parent, "SELECT kind, who FROM audit WHERE kind <> 'seal'") == [("erase", "officer")]
    assert run("audit", "verify", "-c", config)[0] == 0

    roll = tmp_path / "roll.csv"
    roll.write_text(
        "ST_CODE,AC_NO,PART_NO,SLNOINPART,FM_NAME_EN,MOBILE\nS24,174,1,500,Again,7000000003\nS24,174,1,501,New,9812345678\n"
    )
    import_roll_file(roll, tmp_path / "centre.db", ImportOptions(roll_version=ROLL_VERSION))
    dialled = await list_callable_numbers_after_restart(config)
    assert "+919812345678" in dialled
    assert NUMBER not in dialled


def test_erasing_a_number_keeps_voters_names_and_removes_their_links_to_the_number(config: Path) -> None:
    assert run("erase", NUMBER, "-c", config)[0] == 0
    assert query_site_store(config.parent, "SELECT name FROM voter WHERE voter_id = 4") == [("Voter 4",)]
    assert query_site_store(config.parent, "SELECT count(*) FROM link WHERE voter_id = 4") == [(0,)]


def test_erased_phone_number_that_was_on_no_electoral_roll_is_never_called(config: Path) -> None:
    code, text = run("erase", "9812345678", "-c", config)
    assert (code, text.splitlines()[0]) == (0, "The number is not on the roll; it is suppressed all the same.")
    assert is_in_store_files(config, "9812345678") == (not has_opt_out_secret(config))
    assert run("erase", "12345", "-c", config)[0] == 2


async def test_purge_erases_personal_data_but_keeps_attempts_and_voters_answers(config: Path) -> None:
    execute_in_store(config.parent / "centre.db", "UPDATE voter SET weight = 4 WHERE voter_id = 12")
    run("optout", "add", "7000000009", "-c", config)
    code, text = run("purge", "--after", days_ago(10), "--dry-run", "-c", config)
    assert (code, "would erase 54 voters' names and 36 numbers" in text) == (0, True)
    assert "retained until" in text
    assert run("purge", "--after", days_ago(10), "-c", config, given="n\n")[1].endswith("nothing was erased\n")
    assert is_in_store_files(config, "Voter 12")
    spool = Spool(config.parent / "centre.db", None)
    handed = spool.get_path_of_spooled_file(spool.store_uploaded_number_list(["+917000000011"]))
    assert handed.is_file()

    code, text = run("purge", "--after", days_ago(10), "--yes", "-c", config)
    assert not handed.exists()
    assert (code, "erased 54 voters' names and 36 numbers" in text) == (0, True)
    assert "1 attempts and 1 marks, without a link to a person" in text
    assert not is_in_store_files(config, "Voter 12")
    assert query_site_store(config.parent, "SELECT DISTINCT weight FROM voter") == [
        (1.0,)
    ]  # supporter scores are personal data
    assert not is_in_store_files(config, "+917000000001")
    assert is_in_store_files(config, "+917000000009") == (not has_opt_out_secret(config))
    assert query_site_store(config.parent, "SELECT (SELECT count(*) FROM attempt), (SELECT count(*) FROM mark)") == [
        (1, 1)
    ]
    assert await list_callable_numbers_after_restart(config) == set()
    assert query_site_store(config.parent, "SELECT kind FROM audit WHERE kind <> 'seal' ORDER BY number") == [
        ("opt-out-import",),
        ("purge",),
    ]


def test_purge_after_the_retention_period_erases_attempts_and_voters_answers(config: Path) -> None:
    code, text = run("purge", "--after", days_ago(50), "--yes", "-c", config)
    assert (code, "1 attempts and 1 marks" in text) == (0, True)
    assert "overdue since" in text
    assert "retained until" not in text
    assert query_site_store(config.parent, "SELECT (SELECT count(*) FROM attempt), (SELECT count(*) FROM mark)") == [
        (0, 0)
    ]
    assert query_site_store(config.parent, "SELECT count(*) FROM audit WHERE kind <> 'seal'") == [(1,)]


@pytest.mark.parametrize(
    ("after", "output"), [(days_ago(-1), "has not ended"), (days_ago(-5), "has not ended"), ("soon", "not a date")]
)
def test_purge_with_a_date_in_the_future_is_refused(config: Path, after: str, output: str) -> None:
    code, text = run("purge", "--after", after, "--yes", "-c", config)
    assert (code, output in text) == (2, True)
    assert is_in_store_files(config, "Voter 12")


# Recordings


@pytest.fixture
def recorded(config: Path) -> Path:
    """Return a folder with recordings of the erased number and of another number, and another file."""
    calls, messages = config.parent / "calls", config.parent / "sounds" / "matdan" / "recordings"
    calls.mkdir()
    messages.mkdir(parents=True)
    for attempt in (ATTEMPT, ANOTHER):
        (calls / f"{attempt}.wav").write_bytes(b"RIFF")
        (messages / f"{attempt}-1.wav").write_bytes(b"RIFF")
    (calls / "notes.txt").write_bytes(b"keep me")
    with contextlib.closing(sqlite3.connect(config.parent / "centre.db")) as db:
        db.execute(
            "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
            " ended_at, outcome) VALUES (?, 'a', 9, 14, 1, 't', 'c', 1, 2, 'connected')",
            (ANOTHER,),
        )
        for attempt in (ATTEMPT, ANOTHER):
            db.execute("INSERT INTO recording VALUES (?, 1)", (attempt,))
            db.execute("INSERT INTO flow_answer VALUES (?, 'message', ?, 2)", (attempt, f"{attempt}-1"))
        db.commit()
    return calls


def list_files_in_folder_tree(folder: Path) -> set[str]:
    return {path.name for path in folder.parent.rglob("*") if path.is_file() and path.suffix in {".wav", ".txt"}}


EVERY_FILE = {"notes.txt", f"{ATTEMPT}.wav", f"{ATTEMPT}-1.wav", f"{ANOTHER}.wav", f"{ANOTHER}-1.wav"}
OTHERS = EVERY_FILE - {f"{ATTEMPT}.wav", f"{ATTEMPT}-1.wav"}


def test_erasing_a_number_deletes_recordings_of_calls_with_the_number(config: Path, recorded: Path) -> None:
    code, text = run("erase", NUMBER, "-c", config)
    assert (code, "2 recordings erased." in text) == (0, True)
    assert list_files_in_folder_tree(recorded) == OTHERS
    assert query_site_store(config.parent, "SELECT attempt_id FROM recording") == [(ANOTHER,)]
    assert query_site_store(config.parent, "SELECT attempt_id, name FROM flow_answer ORDER BY 1, 2") == [
        (ATTEMPT, "at_home"),
        (ANOTHER, "message"),
    ]
    assert query_site_store(config.parent, "SELECT what FROM audit WHERE kind <> 'seal'")[0][0].count("2 erased") == 1


@pytest.mark.parametrize("missing", ["the file", "every file"])
def test_number_whose_recording_file_is_missing_can_be_erased(missing: str, config: Path, recorded: Path) -> None:
    (recorded / f"{ATTEMPT}.wav").unlink()
    if missing == "every file":
        (recorded.parent / "sounds" / "matdan" / "recordings" / f"{ATTEMPT}-1.wav").unlink()
    code, text = run("erase", NUMBER, "-c", config)
    assert (code, "1 recordings erased." in text) == (0, missing == "the file")
    assert list_files_in_folder_tree(recorded) == OTHERS
    assert query_site_store(config.parent, "SELECT attempt_id FROM recording") == [(ANOTHER,)]


def test_number_is_not_erased_if_a_recording_cannot_be_deleted(
    config: Path, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = Path.unlink

    def locked(path: Path, missing_ok: bool = False) -> None:
        if path.name == f"{ATTEMPT}-1.wav":
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok)

    before = query_site_store(config.parent, "SELECT * FROM phone")
    with monkeypatch.context() as locking:
        locking.setattr(Path, "unlink", locked)
        code, text = run("erase", NUMBER, "--voters", "-c", config)
    assert (code, "Permission denied" in text, "Then erase the numbers again" in text) == (2, True, True)
    assert query_site_store(config.parent, "SELECT * FROM phone") == before
    assert query_site_store(config.parent, "SELECT name FROM voter WHERE voter_id = 4") == [("Voter 4",)]
    assert query_site_store(config.parent, "SELECT count(*) FROM audit WHERE kind <> 'seal'") == [(0,)]

    assert run("erase", NUMBER, "--voters", "-c", config)[0] == 0
    assert list_files_in_folder_tree(recorded) == OTHERS
    assert not is_in_store_files(config, "ABC0000004")


def test_nothing_is_erased_if_the_recordings_folder_is_missing_or_a_link(config: Path, recorded: Path) -> None:
    recorded.rename(recorded.with_name("elsewhere"))
    code, text = run("erase", NUMBER, "-c", config)
    assert (code, "set recordings.directory" in text) == (2, True)
    recorded.with_name("elsewhere").rename(recorded)
    file = recorded / f"{ATTEMPT}.wav"
    file.rename(recorded / "elsewhere.wav")
    file.symlink_to(recorded / "elsewhere.wav")
    code, text = run("erase", NUMBER, "-c", config)
    assert (code, "a link or folder has the name of a recording" in text) == (2, True)
    assert query_site_store(config.parent, "SELECT e164 FROM phone WHERE phone_id = 3") == [(NUMBER,)]
    assert list_files_in_folder_tree(recorded) == EVERY_FILE | {"elsewhere.wav"}


STRICTER = "[rules.stricter.retention]\nkeep_recordings = true\n"


@pytest.mark.parametrize(
    ("polls", "output"),
    [
        ("", "until 45 days after the polling day"),
        (f"[[rules.polls]]\nday = {TODAY - timedelta(9)}\n", f"until {TODAY + timedelta(36)}"),
    ],
)
def test_purge_keeps_and_reports_recordings_within_their_retention_period(
    polls: str, output: str, config: Path, recorded: Path
) -> None:
    with config.open("a", encoding="utf-8") as file:
        file.write(STRICTER + polls)
    code, text = run("erase", NUMBER, "-c", config)
    assert (code, f"2 recordings are kept {output}" in text) == (0, True)
    assert "as the profile requires" in text
    assert f"recordings are retained {output}" in run("recordings", "purge", "--keep-days", "0", "-c", config)[1]
    assert "2 kept" in query_site_store(config.parent, "SELECT what FROM audit WHERE kind <> 'seal'")[0][0]
    code, text = run("purge", "--after", days_ago(10), "--yes", "-c", config)
    assert (code, "4 recordings" in text.splitlines()[-1]) == (0, True)
    assert list_files_in_folder_tree(recorded) == EVERY_FILE
    assert query_site_store(config.parent, "SELECT count(*) FROM recording") == [(2,)]


def test_purge_erases_recordings_after_the_retention_period(config: Path, recorded: Path) -> None:
    with config.open("a", encoding="utf-8") as file:
        file.write(STRICTER + f"[[rules.polls]]\nday = {days_ago(46)}\n")
    assert "2 recordings erased." in run("erase", NUMBER, "-c", config)[1]
    code, text = run("purge", "--after", days_ago(46), "--yes", "-c", config)
    assert (code, "2 recordings, 2 attempts" in text) == (0, True)
    assert list_files_in_folder_tree(recorded) == {"notes.txt"}


@pytest.mark.parametrize("days", [10, 50], ids=["records stay", "records go"])
def test_purge_erases_all_recordings_of_a_site_that_need_not_keep_recordings(
    days: int, config: Path, recorded: Path
) -> None:
    assert "4 recordings" in run("purge", "--after", days_ago(days), "--dry-run", "-c", config)[1]
    assert list_files_in_folder_tree(recorded) == EVERY_FILE
    assert run("purge", "--after", days_ago(days), "--yes", "-c", config)[0] == 0
    assert list_files_in_folder_tree(recorded) == {"notes.txt"}
    assert query_site_store(config.parent, "SELECT count(*) FROM recording") == [(0,)]
    assert query_site_store(config.parent, "SELECT name FROM flow_answer") == ([("at_home",)] if days == 10 else [])


def test_erasing_a_number_reports_recorded_messages_still_stored_at_twilio(config: Path) -> None:
    sid = "RE" + "0123456789abcdef" * 2
    with contextlib.closing(sqlite3.connect(config.parent / "centre.db")) as db:
        db.execute("INSERT INTO flow_answer VALUES (?, 'message', ?, 2)", (ATTEMPT, sid))
        db.commit()
    assert sid in run("erase", NUMBER, "-c", config)[1]
    assert "Twilio still stores 1 messages" in run("purge", "--after", days_ago(10), "--yes", "-c", config)[1]


@pytest.mark.parametrize("number", [NUMBER, "+919812345678"], ids=["on the roll", "on no roll"])
def test_erasing_a_number_removes_the_number_from_stored_inbound_calls(number: str, config: Path) -> None:
    with contextlib.closing(sqlite3.connect(config.parent / "centre.db")) as db:
        db.execute(
            "INSERT INTO inbound_call (at, called, e164, mode, campaign_id) VALUES (1, '1', ?, 'flow', 'a')", (number,)
        )
        db.execute("INSERT INTO inbound_call (at, called, e164, mode, campaign_id) VALUES (1, '1', '+1', 'flow', 'a')")
        db.commit()
    assert run("erase", number, "-c", config)[0] == 0
    assert query_site_store(config.parent, "SELECT e164 FROM inbound_call WHERE called = '1' ORDER BY 1") == [
        (None,),
        ("+1",),
    ]
    assert is_in_store_files(config, number) == (not has_opt_out_secret(config))
    run("purge", "--after", days_ago(10), "--yes", "-c", config)
    assert set(query_site_store(config.parent, "SELECT e164 FROM inbound_call")) == {(None,)}


@pytest.fixture
def site_with_large_roll(tmp_path: Path) -> Path:
    fill_roll(tmp_path / "centre.db", 3_000)
    path = tmp_path / "centre.toml"
    path.write_text(f'[store]\npath = "{tmp_path / "centre.db"}"\n', encoding="utf-8")
    return path


def read_pages_of_store(config: Path) -> tuple[int, int]:
    """Return the numbers of all and of free pages in the store's file."""
    ((pages, free),) = query_site_store(
        config.parent,
        "SELECT (SELECT page_count FROM pragma_page_count), (SELECT freelist_count FROM pragma_freelist_count)",
    )
    return pages, free


def test_purge_gives_the_space_of_erased_rows_back_to_the_disk(site_with_large_roll: Path) -> None:
    before, _ = read_pages_of_store(site_with_large_roll)
    assert run("purge", "--after", days_ago(10), "--yes", "-c", site_with_large_roll)[0] == 0
    after, free = read_pages_of_store(site_with_large_roll)
    assert free == 0
    assert after < 0.9 * before
    assert (site_with_large_roll.parent / "centre.db").stat().st_size == after * PAGE_BYTES
    assert run("audit", "verify", "-c", site_with_large_roll)[0] == 0


def test_purge_that_cannot_shrink_the_file_on_a_full_disk_still_erases(
    site_with_large_roll: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_disk_full(_: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    monkeypatch.setattr("dialer.store.erasing.return_free_pages_to_disk", raise_disk_full)
    code, text = run("purge", "--after", days_ago(10), "--yes", "-c", site_with_large_roll)
    assert code == 0
    assert "erased 3,000 voters' names" in text
    assert "keeps the space of the erased data for new rows" in text
    assert query_site_store(site_with_large_roll.parent, "SELECT count(*) FROM voter WHERE name <> ''") == [(0,)]
