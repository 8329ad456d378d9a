"""What was surely never sent: only what the journal of this very boot says was about to be, and was not."""

from __future__ import annotations

import os
import resource
import uuid
from pathlib import Path

import pytest

from dialer.domain.model import AttemptId
from dialer.store.sent_journal import SentJournal


def ids(count: int) -> list[AttemptId]:
    return [AttemptId(str(uuid.UUID(int=number))) for number in range(1, count + 1)]


@pytest.fixture
def boot(tmp_path: Path) -> Path:
    file = tmp_path / "boot_id"
    file.write_text("0d7a4c1e-9b0f-4a57-8d3c-6f2b1a9e5d70\n")
    return file


def journal(tmp_path: Path, boot: Path) -> SentJournal:
    return SentJournal(tmp_path / "centre.db.sent", boot)


def killed_after(tmp_path: Path, boot: Path) -> list[AttemptId]:
    """Three attempts: sent, stopped before, refused by the store."""
    sent, stopped, refused = ids(3)
    running = journal(tmp_path, boot)
    running.begin()
    for each in (sent, stopped, refused):
        running.opening(each)
    running.sending(sent)
    running.dropped(refused)
    return [sent, stopped, refused]


def test_what_was_about_to_be_sent_and_was_not_is_known_after_a_kill(tmp_path: Path, boot: Path) -> None:
    sent, stopped, _ = killed_after(tmp_path, boot)
    stranger = AttemptId(str(uuid.UUID(int=99)))  # of an earlier run, or of a store that was put back
    assert journal(tmp_path, boot).never_sent([sent, stopped, stranger]) == [stopped]


def test_after_the_machine_has_started_anew_nothing_is_known(tmp_path: Path, boot: Path) -> None:
    killed = killed_after(tmp_path, boot)
    boot.write_text("another-boot\n")
    assert journal(tmp_path, boot).never_sent(killed) == []
    boot.unlink()
    assert journal(tmp_path, boot).never_sent(killed) == []


def test_of_a_missing_damaged_or_copied_journal_nothing_is_freed(tmp_path: Path, boot: Path) -> None:
    killed = killed_after(tmp_path, boot)
    path = tmp_path / "centre.db.sent"
    whole = path.read_bytes()
    copy = tmp_path / "copy"
    copy.write_bytes(whole)  # it may be of before a call was sent
    copy.replace(path)
    assert journal(tmp_path, boot).never_sent(killed) == []
    for damaged in (b"", b"\n", whole[:10], b"\x00" * 200, whole[20:]):
        path.write_bytes(damaged)
        assert journal(tmp_path, boot).never_sent(killed) == []
    path.unlink()
    assert journal(tmp_path, boot).never_sent(killed) == []


def test_a_new_run_knows_nothing_of_the_one_before(tmp_path: Path, boot: Path) -> None:
    killed = killed_after(tmp_path, boot)
    again = journal(tmp_path, boot)
    again.begin()
    assert again.never_sent(killed) == []


def test_the_journal_stays_short_and_forgets_only_what_was_sent(tmp_path: Path, boot: Path) -> None:
    running = journal(tmp_path, boot)
    running.begin()
    for number in range(5_000):
        each = AttemptId(str(uuid.UUID(int=number + 1)))
        running.opening(each)
        running.sending(each)
    waiting = AttemptId(str(uuid.UUID(int=999_999)))
    running.opening(waiting)
    for number in range(5_000, 5_100):
        each = AttemptId(str(uuid.UUID(int=number + 1)))
        running.opening(each)
        running.sending(each)
    assert (tmp_path / "centre.db.sent").stat().st_size < 80_000
    every = [AttemptId(str(uuid.UUID(int=number + 1))) for number in range(5_100)]
    assert journal(tmp_path, boot).never_sent([*every, waiting]) == [waiting]


def test_call_is_not_sent_if_the_journal_cannot_be_written(tmp_path: Path, boot: Path) -> None:
    running = journal(tmp_path, boot)
    running.begin()
    (each,) = ids(1)
    running.opening(each)
    running.close()
    running._file = os.open(tmp_path / "centre.db.sent", os.O_RDONLY)
    with pytest.raises(OSError, match="Bad file descriptor"):
        running.sending(each)
    running.close()


def test_a_mark_of_which_a_part_was_written_spoils_none_after_it(tmp_path: Path, boot: Path) -> None:
    sent, refused, stopped = ids(3)
    running = journal(tmp_path, boot)
    running.begin()
    running.opening(sent)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (running.path.stat().st_size + 5, limits[1]))
    try:
        running.opening(refused)  # the disk takes five bytes of it
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    running.sending(sent)
    running.opening(stopped)
    assert journal(tmp_path, boot).never_sent([sent, stopped]) == [stopped]
    assert journal(tmp_path, boot).sent() == [sent]


def test_how_far_the_clocks_are_apart_is_known_on_the_same_boot_alone(tmp_path: Path, boot: Path) -> None:
    assert journal(tmp_path, boot).clock_ahead() is None
    running = journal(tmp_path, boot)
    running.begin()
    assert journal(tmp_path, boot).clock_ahead() is None
    for ahead in (1000.0, 1000.1, 1003.0):
        running.keep_clock(ahead)
    size = running.path.stat().st_size
    running.keep_clock(1003.2)
    assert running.path.stat().st_size == size
    killed = ids(2000)
    for each in killed:
        running.opening(each)
        running.sending(each)  # begun anew meanwhile
    assert running.path.stat().st_size < 70_000
    assert journal(tmp_path, boot).clock_ahead() == 1003.0
    assert journal(tmp_path, boot).never_sent(killed) == []
    boot.write_text("another-boot\n")
    assert journal(tmp_path, boot).clock_ahead() is None
