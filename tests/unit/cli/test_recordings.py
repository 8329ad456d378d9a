"""Recording files are found by the ID of their call attempt, and only such files are erased."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.main import app
from dialer.domain.errors import RecordingError
from dialer.store.recordings import get_recording_file_name, list_recordings, select_recordings_older_than
from tests.support.held_clock import NOW

DAY = 86_400
OLD, NEW = (str(uuid.UUID(int=number)) for number in (1, 2))


@pytest.mark.parametrize(
    "attempt_id",
    ["../../etc/passwd", "", ".", f"{OLD}/../x", f"{OLD}\0", OLD.upper().replace("0", "A"), f"{OLD}\n", "a" * 36],
)
def test_name_of_a_recording_must_be_the_id_of_a_call_attempt(attempt_id: str) -> None:
    with pytest.raises(RecordingError, match="not the id of an attempt"):
        get_recording_file_name(attempt_id)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with an old and a new recording, and other files."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    outside = tmp_path / "outside.wav"
    outside.write_bytes(b"keep me")
    for name in (f"{OLD}.wav", f"{NEW}.wav", "notes.txt", "message.wav"):
        (folder / name).write_bytes(b"RIFF")
        written_at = NOW.timestamp() - 60 if name == f"{NEW}.wav" else 1.7e9 - 40 * DAY
        os.utime(folder / name, (written_at, written_at))
    (folder / f"{uuid.UUID(int=3)}.wav").symlink_to(outside)
    (folder / f"{uuid.UUID(int=4)}.wav").mkdir()
    return folder


def test_only_regular_files_named_after_a_call_attempt_count_as_recordings(folder: Path) -> None:
    assert [file.attempt_id for file in list_recordings(folder)] == [OLD, NEW]
    assert [file.attempt_id for file in select_recordings_older_than(list_recordings(folder), 30, 1.7e9)] == [OLD]
    assert not select_recordings_older_than(list_recordings(folder), 41, 1.7e9)


def test_recordings_purge_command_erases_only_recordings_older_than_the_limit(folder: Path, tmp_path: Path) -> None:
    settings = tmp_path / "centre.toml"
    settings.write_text(f'[recordings]\ndirectory = "{folder}"\nkeep_days = 30\n')
    run = CliRunner()
    text = run.invoke(app, ["recordings", "purge", "-c", str(settings), "--dry-run"])
    assert text.output == "1 recordings older than 30 days would be erased, 4 bytes\n"
    assert len(list(folder.iterdir())) == 6
    assert run.invoke(app, ["recordings", "purge", "-c", str(settings), "--keep-days", "9999"]).exit_code == 0
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith("00000000")) == [
        f"{uuid.UUID(int=number)}.wav" for number in (2, 3, 4)
    ]
    assert (tmp_path / "outside.wav").read_bytes() == b"keep me"
    run.invoke(app, ["recordings", "purge", "-c", str(settings), "--keep-days", "0"])
    assert not list(list_recordings(folder))
    assert (folder / "notes.txt").exists()


def test_missing_recordings_folder_gives_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"set recordings\.directory") as caught:
        list(list_recordings(tmp_path / "nowhere"))
    assert "\n" not in str(caught.value)
