"""What remains after an erasure or a purge: the opt-out history, messages to other centres, required records."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from dialer.rules.number_hash import hash_number
from dialer.store.store import open_store
from tests.support.command_line import run
from tests.support.held_clock import NOW, TODAY, days_ago
from tests.support.report_store import NOON, HandFilled
from tests.support.stored import execute_in_store, query_store

SECRET = "twenty characters, at least"
NUMBER, ANOTHER = "+917000000001", "+917000000002"
OFF_THE_ROLL = "+919812345678"
WITH_SECRET = f'[rules]\nopt_out_secret = "{SECRET}"\n'
KEPT = "[rules.stricter.retention]\nkeep_recordings = true\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HandFilled]:
    made = HandFilled(tmp_path / "centre.db")
    with closing(made.db):
        yield made


def site(store: HandFilled, more: str = WITH_SECRET) -> Path:
    path = store.path.with_suffix(".toml")
    calls = store.path.parent / "calls"
    calls.mkdir(exist_ok=True)
    folders = f'[store]\npath = "{store.path}"\n[recordings]\ndirectory = "{calls}"\n'
    path.write_text(folders + more, encoding="utf-8")
    return path


# The history of opt-outs


async def count_suppressed_at_restart(path: Path) -> int:
    async with await open_store(path) as opened:
        return await opened.hash_numbers_and_suppress_opt_outs([SECRET.encode()])


async def receive_own_opt_out(path: Path, at: float) -> None:
    async with await open_store(path) as opened:
        await opened.save_opt_out_of_other_centre(hash_number(SECRET.encode(), NUMBER), at=at, centre="pune-1")


def read_opt_out_reports(config: Path) -> list[list[str]]:
    """Return the rows of the two reports that count opt-outs."""
    found = []
    for name in ("opt-outs", "compliance"):
        code, text = run("report", name, "-c", config, "-f", "csv")
        assert code == 0
        found += list(csv.reader(io.StringIO(text)))
    return found


@pytest.mark.parametrize("rules", [WITH_SECRET, ""], ids=["secret", "no secret"])
def test_erasing_or_purging_numbers_does_not_change_opt_out_reports(store: HandFilled, rules: str) -> None:
    config = site(store, rules)
    store.opt_out(1, NOON, store.answered(1, NOON - 60))
    store.opt_out(2, NOON + 86_400)
    run("optout", "add", OFF_THE_ROLL, "--source", "letter", "-c", config)
    before = read_opt_out_reports(config)
    assert len(before) == 8  # two header rows, and three days with one opt-out each
    assert run("erase", NUMBER, "-c", config)[0] == 0
    assert read_opt_out_reports(config) == before
    assert run("purge", "--after", days_ago(1), "--yes", "-c", config)[0] == 0
    assert read_opt_out_reports(config) == before
    assert run("purge", "--after", days_ago(1), "--yes", "-c", config)[0] == 0
    assert read_opt_out_reports(config) == before
    if rules:
        kept = b"".join(path.read_bytes() for path in store.path.parent.glob("centre.db*"))
        for number in (NUMBER, ANOTHER, OFF_THE_ROLL):
            assert number.encode() not in kept
        hashes = {hash_number(SECRET.encode(), number) for number in (NUMBER, ANOTHER, OFF_THE_ROLL)}
        assert {hashed for (hashed,) in query_store(store.path, "SELECT number_hash FROM opt_out_hash")} == hashes


def test_purge_replaces_numbers_on_no_electoral_roll_by_placeholders(store: HandFilled) -> None:
    config = site(store)
    for number in ("+919812345678", "+919812345679"):
        assert run("erase", number, "-c", config)[0] == 0
    for number in ("+919812345670", "+919812345671"):
        run("optout", "add", number, "--source", "letter", "-c", config)
    assert run("purge", "--after", days_ago(1), "--yes", "-c", config)[0] == 0
    kept = query_store(store.path, "SELECT e164, source FROM opt_out ORDER BY e164")
    assert kept == [(f"erased-0-{n}", "erased" if n < 3 else "letter") for n in (1, 2, 3, 4)]


def test_phone_number_on_no_electoral_roll_can_be_erased_after_a_purge(store: HandFilled) -> None:
    config = site(store)
    for number in (NUMBER, "+919812345670"):  # the number on the roll is first
        run("optout", "add", number, "--source", "letter", "-c", config)
    assert run("purge", "--after", days_ago(1), "--yes", "-c", config)[0] == 0
    for number in (OFF_THE_ROLL, "+919812345679"):
        assert run("erase", number, "-c", config)[0] == 0
    kept = query_store(store.path, "SELECT e164 FROM opt_out ORDER BY e164")
    assert kept == [("erased-0-2",), ("erased-0-3",), ("erased-0-4",), ("erased-1",)]


def test_hash_of_an_erased_number_cannot_be_linked_to_its_opt_out_call(store: HandFilled) -> None:
    config = site(store)
    attempt = store.answered(1, NOON - 60)
    store.opt_out(1, NOON + 0.123456, attempt)
    assert run("purge", "--after", days_ago(1), "--yes", "-c", config)[0] == 0
    assert query_store(store.path, "SELECT e164, attempt_id FROM opt_out") == [("erased-1", attempt)]
    assert query_store(store.path, "SELECT count(*) FROM opt_out_hash JOIN opt_out USING (at)") == [(0,)]


def test_erased_number_on_a_later_electoral_roll_counts_as_one_opt_out(store: HandFilled) -> None:
    config = site(store)
    store.opt_out(1, NOON)
    before = read_opt_out_reports(config)
    assert run("erase", NUMBER, "-c", config)[0] == 0
    store.insert("phone", {"e164": NUMBER})
    assert asyncio.run(count_suppressed_at_restart(store.path)) == 1
    assert query_store(store.path, "SELECT opted_out_at IS NULL FROM phone WHERE e164 = ?", NUMBER) == [(0,)]
    assert read_opt_out_reports(config) == before


@pytest.mark.parametrize("number", [NUMBER, OFF_THE_ROLL], ids=["on the roll", "on no roll"])
@pytest.mark.parametrize("rules", [WITH_SECRET, ""], ids=["hash", "number"])
def test_number_erased_twice_counts_as_one_opt_out(store: HandFilled, number: str, rules: str) -> None:
    config = site(store, rules)
    assert run("erase", number, "-c", config)[0] == 0
    before = read_opt_out_reports(config)
    assert run("erase", number, "-c", config)[0] == 0
    assert read_opt_out_reports(config) == before
    store.insert("phone", {"e164": number})
    assert run("erase", number, "-c", config)[0] == 0
    assert read_opt_out_reports(config) == before


@pytest.mark.parametrize("command", [("erase", NUMBER), ("purge", "--after", days_ago(1), "--yes")])
def test_opt_out_that_headquarters_sends_back_to_its_centre_is_counted_once(
    store: HandFilled, command: tuple[str, ...]
) -> None:
    config = site(store)
    at = NOON + 0.123456
    store.opt_out(1, at, store.answered(1, NOON - 60))
    asyncio.run(receive_own_opt_out(store.path, at))
    assert query_store(store.path, "SELECT at, centre FROM opt_out_hash") == [(at, "pune-1")]
    before = read_opt_out_reports(config)
    assert run(*command, "-c", config)[0] == 0
    assert query_store(store.path, "SELECT count(*) FROM opt_out_hash JOIN opt_out USING (at)") == [(0,)]
    store.insert("phone", {"e164": NUMBER})
    assert asyncio.run(count_suppressed_at_restart(store.path)) == 1
    assert read_opt_out_reports(config) == before


def test_copies_of_the_store_from_before_upgrades_are_deleted_by_a_purge(store: HandFilled) -> None:
    config, copy = site(store), store.path.with_name("centre.db.schema-26")
    copy.mkdir()
    code, output = run("erase", NUMBER, "-c", config)
    assert (code, output.splitlines()[-1]) == (
        0,
        "The copies of the store from before upgrades still contain it. Delete centre.db.schema-26.",
    )
    assert copy.is_dir()
    assert run("purge", "--after", days_ago(1), "--yes", "-c", config)[0] == 0
    assert not copy.exists()


# Other centres


@pytest.mark.parametrize("number", [NUMBER, OFF_THE_ROLL], ids=["on the roll", "on no roll"])
@pytest.mark.parametrize("earlier", [True, False], ids=["opted out before", "not before"])
def test_opt_out_of_an_erased_number_is_published_to_other_centres(
    store: HandFilled, number: str, earlier: bool
) -> None:
    config = site(store, "")
    if earlier:  # before a secret was set, so it was not published
        assert run("optout", "add", number, "-c", config)[0] == 0
    assert query_store(store.path, "SELECT count(*) FROM outbox") == [(0,)]
    assert run("erase", number, "-c", site(store))[0] == 0
    [(topic, payload)] = query_store(store.path, "SELECT topic, payload FROM outbox")
    news = json.loads(str(payload))
    assert (topic, news["number_hash"], news["phone_id"], news["source"]) == (
        "results/opt-outs",
        hash_number(SECRET.encode(), number),
        None,
        "erased",
    )
    assert number not in str(payload)


def test_opt_out_of_an_erased_number_is_not_published_without_a_secret(store: HandFilled) -> None:
    assert run("erase", NUMBER, "-c", site(store, ""))[0] == 0
    assert query_store(store.path, "SELECT count(*) FROM outbox") == [(0,)]


# Links between voters and numbers


def test_erasing_a_number_keeps_the_names_of_unlinked_voters(store: HandFilled) -> None:
    execute_in_store(store.path, "INSERT INTO link (voter_id, phone_id, dropped_at) VALUES (40, 1, 5.0)")
    assert "the names of 1 voters" in run("erase", NUMBER, "--voters", "-c", site(store))[1]
    assert query_store(store.path, "SELECT voter_id, name FROM voter WHERE voter_id IN (1, 40)") == [
        (1, ""),
        (40, "Voter 40"),
    ]


@pytest.mark.parametrize("command", [("erase", OFF_THE_ROLL), ("purge", "--after", days_ago(1), "--yes")])
def test_consent_of_a_number_on_no_roll_is_erased_with_the_number(store: HandFilled, command: tuple[str, ...]) -> None:
    config = site(store)
    numbers = store.path.with_name("numbers.csv")
    numbers.write_text(f"{OFF_THE_ROLL}\n")
    run("consent", "import", numbers, "--status", "withdrawn", "--source", "letters", "-c", config)
    assert query_store(store.path, "SELECT count(*) FROM consent_ahead") == [(1,)]
    assert run(*command, "-c", config)[0] == 0
    assert query_store(store.path, "SELECT count(*) FROM consent_ahead") == [(0,)]
    assert OFF_THE_ROLL.encode() not in store.path.read_bytes()


# Retention


@pytest.fixture
def recording(store: HandFilled) -> Path:
    """Return the recording of a call, after storing an attempt and a mark for it."""
    attempt = str(uuid.UUID(int=1))
    store.answered(1, attempt_id=attempt)
    store.insert("recording", {"attempt_id": attempt, "started_at": NOON})
    store.mark(1, "voted", NOON, attempt_id=attempt)
    site(store)
    file = store.path.parent / "calls" / f"{attempt}.wav"
    file.write_bytes(b"RIFF")
    return file


def polls(*days: str) -> str:
    return "".join(f"[[rules.polls]]\nday = {day}\nconstituencies = [{n}]\n" for n, day in enumerate(days, 1))


def records(store: HandFilled) -> list[tuple[object, ...]]:
    return query_store(store.path, "SELECT (SELECT count(*) FROM attempt), (SELECT count(*) FROM mark)")


@pytest.mark.parametrize("kept", [KEPT, ""], ids=["recordings kept", "not kept"])
def test_purge_with_a_mistyped_polling_day_keeps_records_within_their_retention_period(
    store: HandFilled, recording: Path, kept: str
) -> None:
    config = site(store, kept + polls(days_ago(20), days_ago(10)))
    until = TODAY + timedelta(days=35)
    code, text = run("purge", "--after", days_ago(375), "--yes", "-c", config)
    assert (code, f"retention is counted from {days_ago(10)}, the last of [[rules.polls]]" in text) == (0, True)
    assert f"retained until {until}, as the profile requires" in text
    assert "overdue" not in text
    assert records(store) == [(1, 1)]
    assert recording.exists() == bool(kept)
    [(what,)] = query_store(store.path, "SELECT what FROM audit WHERE kind = 'purge'")
    assert json.loads(str(what))["after"] == days_ago(10)


def test_retention_period_starts_on_the_given_day_if_the_poll_was_earlier(store: HandFilled, recording: Path) -> None:
    config = site(store, KEPT + polls(days_ago(50)))  # with the result ten days later
    code, text = run("purge", "--after", days_ago(40), "--yes", "-c", config)
    assert (code, f"retained until {TODAY + timedelta(days=5)}" in text) == (0, True)
    assert (records(store), recording.exists()) == ([(1, 1)], True)


@pytest.mark.parametrize("ahead", [0, 1, 30])
def test_purge_before_a_future_poll_is_refused(store: HandFilled, recording: Path, ahead: int) -> None:
    config = site(store, polls(days_ago(10), days_ago(-ahead)))
    code, text = run("purge", "--after", days_ago(50), "--yes", "-c", config)
    assert (code, f"the poll of {days_ago(-ahead)} in [[rules.polls]] has not ended" in text) == (2, True)
    assert (records(store), recording.exists()) == ([(1, 1)], True)
    assert query_store(store.path, "SELECT name FROM voter WHERE voter_id = 2") == [("Voter 2",)]


def test_purge_is_refused_until_polling_day_ends_in_the_polls_time_zone(store: HandFilled) -> None:
    """The centre is in the easternmost time zone, the poll in the westernmost."""
    centre = '[centre]\nid = "pune-1"\ntime_zone = "Pacific/Kiritimati"\n'
    there = NOW - timedelta(hours=12)
    poll = f'[[rules.polls]]\nday = {there.date()}\ntime_zone = "Etc/GMT+12"\n'
    code, text = run("purge", "--after", days_ago(50), "--yes", "-c", site(store, centre + poll))
    assert (code, "has not ended" in text) == (2, True)


def test_purge_keeps_recordings_of_stored_attempts_if_no_poll_is_configured(store: HandFilled, recording: Path) -> None:
    code, text = run("purge", "--after", days_ago(375), "--yes", "-c", site(store, KEPT))
    assert (code, "until 45 days after the polling day" in text) == (0, True)
    assert (records(store), recording.exists()) == ([(1, 1)], True)
    assert query_store(store.path, "SELECT DISTINCT name FROM voter") == [("",)]


def test_purge_after_all_retention_periods_erases_all_voters_and_records(store: HandFilled, recording: Path) -> None:
    code, text = run("purge", "--after", days_ago(375), "--yes", "-c", site(store, KEPT + polls(days_ago(46))))
    assert (code, "1 recordings, 1 attempts and 1 marks" in text) == (0, True)
    assert (records(store), recording.exists()) == ([(0, 0)], False)
