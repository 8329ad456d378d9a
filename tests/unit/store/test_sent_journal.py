"""The journal of sent calls: which attempts were certainly never sent, according to the same boot of the machine."""

from __future__ import annotations

import os
import resource
import uuid
from pathlib import Path

import pytest

from dialer.domain.model import AttemptId
from dialer.store.sent_journal import SentJournal


def make_ids(count: int) -> list[AttemptId]:
    return [AttemptId(str(uuid.UUID(int=number))) for number in range(1, count + 1)]


@pytest.fixture
def boot(tmp_path: Path) -> Path:
    file = tmp_path / "boot_id"
    file.write_text("0d7a4c1e-9b0f-4a57-8d3c-6f2b1a9e5d70\n")
    return file


def open_journal(tmp_path: Path, boot: Path) -> SentJournal:
    return SentJournal(tmp_path / "centre.db.sent", boot)


def write_killed_journal(tmp_path: Path, boot: Path) -> list[AttemptId]:
    """Return three attempts at the time of a kill: one sent, one not sent yet, one refused by the store."""
    sent, stopped, refused = make_ids(3)
    running = open_journal(tmp_path, boot)
    running.start_new_journal_file()
    for each in (sent, stopped, refused):
        running.record_attempt_before_commit(each)
    running.record_attempt_before_sending(sent)
    running.remove_unsent_attempt(refused)
    return [sent, stopped, refused]


def test_journal_of_sent_calls_shows_which_attempts_a_killed_dialler_had_not_sent(tmp_path: Path, boot: Path) -> None:
    sent, stopped, _ = write_killed_journal(tmp_path, boot)
    stranger = AttemptId(str(uuid.UUID(int=99)))  # from an earlier run, or from a restored store
    assert open_journal(tmp_path, boot).find_attempts_never_sent([sent, stopped, stranger]) == [stopped]


def test_journal_of_sent_calls_from_an_earlier_boot_is_ignored(tmp_path: Path, boot: Path) -> None:
    killed = write_killed_journal(tmp_path, boot)
    boot.write_text("another-boot\n")
    assert open_journal(tmp_path, boot).find_attempts_never_sent(killed) == []
    boot.unlink()
    assert open_journal(tmp_path, boot).find_attempts_never_sent(killed) == []


def test_number_is_not_redialled_without_a_trustworthy_sent_call_journal(tmp_path: Path, boot: Path) -> None:
    killed = write_killed_journal(tmp_path, boot)
    path = tmp_path / "centre.db.sent"
    whole = path.read_bytes()
    copy = tmp_path / "copy"
    copy.write_bytes(whole)  # a copy may be older than a call that was sent
    copy.replace(path)
    assert open_journal(tmp_path, boot).find_attempts_never_sent(killed) == []
    for damaged in (b"", b"\n", whole[:10], b"\x00" * 200, whole[20:]):
        path.write_bytes(damaged)
        assert open_journal(tmp_path, boot).find_attempts_never_sent(killed) == []
    path.unlink()
    assert open_journal(tmp_path, boot).find_attempts_never_sent(killed) == []


def test_new_run_discards_the_journal_of_sent_calls_of_the_earlier_run(tmp_path: Path, boot: Path) -> None:
    killed = write_killed_journal(tmp_path, boot)
    again = open_journal(tmp_path, boot)
    again.start_new_journal_file()
    assert again.find_attempts_never_sent(killed) == []


def test_compacting_the_journal_of_sent_calls_drops_only_calls_that_were_sent(tmp_path: Path, boot: Path) -> None:
    running = open_journal(tmp_path, boot)
    running.start_new_journal_file()
    for number in range(5_000):
        each = AttemptId(str(uuid.UUID(int=number + 1)))
        running.record_attempt_before_commit(each)
        running.record_attempt_before_sending(each)
    waiting = AttemptId(str(uuid.UUID(int=999_999)))
    running.record_attempt_before_commit(waiting)
    for number in range(5_000, 5_100):
        each = AttemptId(str(uuid.UUID(int=number + 1)))
        running.record_attempt_before_commit(each)
        running.record_attempt_before_sending(each)
    assert (tmp_path / "centre.db.sent").stat().st_size < 80_000
    every = [AttemptId(str(uuid.UUID(int=number + 1))) for number in range(5_100)]
    assert open_journal(tmp_path, boot).find_attempts_never_sent([*every, waiting]) == [waiting]


def test_call_is_not_sent_if_the_journal_of_sent_calls_cannot_be_written(tmp_path: Path, boot: Path) -> None:
    running = open_journal(tmp_path, boot)
    running.start_new_journal_file()
    (each,) = make_ids(1)
    running.record_attempt_before_commit(each)
    running.close()
    running._file = os.open(tmp_path / "centre.db.sent", os.O_RDONLY)
    with pytest.raises(OSError, match="Bad file descriptor"):
        running.record_attempt_before_sending(each)
    running.close()


def test_partly_written_sent_call_entry_does_not_damage_later_ones(tmp_path: Path, boot: Path) -> None:
    sent, refused, stopped = make_ids(3)
    running = open_journal(tmp_path, boot)
    running.start_new_journal_file()
    running.record_attempt_before_commit(sent)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (running.path.stat().st_size + 5, limits[1]))
    try:
        running.record_attempt_before_commit(refused)  # only five bytes of the entry fit on the disk
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    running.record_attempt_before_sending(sent)
    running.record_attempt_before_commit(stopped)
    assert open_journal(tmp_path, boot).find_attempts_never_sent([sent, stopped]) == [stopped]
    assert open_journal(tmp_path, boot).list_sent_attempts() == [sent]


def test_clock_difference_in_the_sent_call_journal_is_ignored_after_a_reboot(tmp_path: Path, boot: Path) -> None:
    assert open_journal(tmp_path, boot).read_clock_difference() is None
    running = open_journal(tmp_path, boot)
    running.start_new_journal_file()
    assert open_journal(tmp_path, boot).read_clock_difference() is None
    for ahead in (1000.0, 1000.1, 1003.0):
        running.record_clock_difference(ahead)
    size = running.path.stat().st_size
    running.record_clock_difference(1003.2)
    assert running.path.stat().st_size == size
    killed = make_ids(2000)
    for each in killed:
        running.record_attempt_before_commit(each)
        running.record_attempt_before_sending(each)  # the journal is compacted meanwhile
    assert running.path.stat().st_size < 70_000
    assert open_journal(tmp_path, boot).read_clock_difference() == 1003.0
    assert open_journal(tmp_path, boot).find_attempts_never_sent(killed) == []
    boot.write_text("another-boot\n")
    assert open_journal(tmp_path, boot).read_clock_difference() is None
